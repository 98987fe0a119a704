"""MEMORY USAGE: what a key takes, held to what Python's allocator says, in every form that a value has."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

import pytest

from tests.conftest import Peer, Workbench

Words = list[str | int]
WITHIN = 0.12  # of the truth
EMPTY = 600  # bytes that small values may be wrong by: of their key's place, for the most part

# Words of 15 bytes are objects of 48, which the allocator does not round up: the sum is what was asked for.


def names(count: int) -> Words:
    return [f"member:{number:08d}" for number in range(count)]


def pairs(count: int) -> Words:
    return [word for number in range(count) for word in (f"field::{number:08d}", f"value::{number:08d}")]


def scored(count: int) -> Words:
    return [word for number in range(count) for word in (number * 7919 % 10007, f"member:{number:08d}")]


def truth(change: Callable[[], object]) -> int:
    """Bytes that a change takes."""
    change()  # what is made once is there
    gc.collect()
    tracemalloc.start()
    try:
        change()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def usage(peer: Peer, key: str, *options: str | int) -> int:
    reply = peer.send("MEMORY", "USAGE", key, *options)
    assert reply.startswith(b":")
    return int(reply[1:])


@pytest.mark.parametrize("samples", [0, 1, 5, 100])
@pytest.mark.parametrize(
    ("command", "words", "encoding"),
    [
        ("SADD", [*range(10**13, 10**13 + 500)], "intset"),
        ("SADD", names(100), "listpack"),
        ("SADD", names(4000), "hashtable"),
        ("HSET", pairs(100), "listpack"),
        ("HSET", pairs(2000), "hashtable"),
        ("ZADD", scored(100), "listpack"),
        ("ZADD", scored(3000), "skiplist"),
    ],
    ids=["intset", "small set", "set", "small hash", "hash", "small sorted set", "sorted set"],
)
def test_a_value_takes_what_is_said(
    engine: Workbench, alice: Peer, command: str, words: Words, encoding: str, samples: int
) -> None:
    keys = iter(("first", "key"))

    def fill() -> None:
        alice.send(command, next(keys), *words)
        engine.server.effects.clear()

    grown = truth(fill)
    assert encoding.encode() in alice.send("OBJECT", "ENCODING", "key")
    assert usage(alice, "key", "SAMPLES", samples) == pytest.approx(grown, rel=WITHIN, abs=EMPTY)


def test_so_it_does_when_it_is_divided_or_packed(engine: Workbench, alice: Peer) -> None:
    rest = truth(lambda: None)
    gc.collect()
    tracemalloc.start()
    try:
        alice.send("SADD", "set", *names(4000))
        alice.send("HSET", "hash", *pairs(2000))
        alice.send("HSET", "small", *pairs(20))
        alice.send("ZADD", "sorted", *scored(3000))
        before = [usage(alice, key) for key in ("set", "hash", "small")]
        for key in ("SSCAN set", "HSCAN hash", "ZSCAN sorted"):
            alice.send(*key.split(), 0)
        check_sum(alice, rest)
        for _ in range(5):
            engine.pass_time(1000)
        check_sum(alice, rest)
    finally:
        tracemalloc.stop()
    for key, size in zip(("set", "hash", "small"), before, strict=True):
        assert usage(alice, key) < size / 2


def check_sum(alice: Peer, rest: int) -> None:
    """The sum over all keys is what there is. All parts are asked: some may be packed, others not yet."""
    gc.collect()
    said = sum(usage(alice, key, "SAMPLES", 0) for key in ("set", "hash", "small", "sorted"))
    assert said == pytest.approx(tracemalloc.get_traced_memory()[0] - rest, rel=WITHIN, abs=4 * EMPTY)


def test_deadlines_of_fields_count(engine: Workbench, alice: Peer) -> None:
    alice.send("HSET", "key", *pairs(1000))
    before = usage(alice, "key", "SAMPLES", 0)
    fields = pairs(1000)[::2]
    gc.collect()
    tracemalloc.start()
    try:
        for number, field in enumerate(fields):
            alice.send("HEXPIRE", "key", 10_000 + number, "FIELDS", 1, field)
            engine.server.effects.clear()
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert usage(alice, "key", "SAMPLES", 0) - before == pytest.approx(grown, rel=WITHIN)


def test_samples_say_how_many_lengths_are_looked_at(alice: Peer) -> None:
    alice.send("HSET", "key", "f0", "x" * 10_000, *pairs(600))
    one, five, every = (usage(alice, "key", "SAMPLES", count) for count in (1, 5, 0))
    assert one > 5_000_000
    assert 1_000_000 < five < 2_000_000
    assert every < 200_000
    assert usage(alice, "key") == five


@pytest.mark.parametrize(
    ("options", "reply"),
    [
        ("SAMPLES", b"-ERR syntax error\r\n"),
        ("SAMPLES -1", b"-ERR syntax error\r\n"),
        ("SAMPLES x", b"-ERR value is not an integer or out of range\r\n"),
        ("SAMPLES 1 SAMPLES", b"-ERR syntax error\r\n"),
        ("COUNT 1", b"-ERR syntax error\r\n"),
    ],
)
def test_what_is_no_number_of_samples_is_refused(alice: Peer, options: str, reply: bytes) -> None:
    """As redis-server 8.2.3 answers."""
    alice.send("SADD", "key", "a")
    assert alice.send("MEMORY", "USAGE", "key", *options.split()) == reply
