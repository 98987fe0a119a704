"""A negative count: as many elements as it says, whatever there is to draw from."""

from __future__ import annotations

import tracemalloc

import pytest

from tests.conftest import Peer

COUNT = 25_000  # more than are drawn at once


@pytest.fixture(autouse=True)
def filled(alice: Peer) -> None:
    """A hash, a set and a sorted set of three."""
    alice.send("HSET", "h", "a", 1, "b", 2, "c", 3)
    alice.send("SADD", "s", "a", "b", "c")
    alice.send("ZADD", "z", 1, "a", 2, "b", 3, "c")


@pytest.mark.parametrize("argv", [("SRANDMEMBER", "s"), ("HRANDFIELD", "h"), ("ZRANDMEMBER", "z")])
def test_so_many_are_drawn_with_repetitions(alice: Peer, argv: tuple[str, str]) -> None:
    head, *lines = alice.send(*argv, -COUNT).split(b"\r\n")[:-1]
    assert head == b"*%d" % COUNT
    assert lines[::2] == [b"$1"] * COUNT
    assert set(lines[1::2]) == {b"a", b"b", b"c"}
    assert len(lines) == 2 * COUNT


@pytest.mark.parametrize(("argv", "option", "last"), [
    (("HRANDFIELD", "h"), "WITHVALUES", b"$1\r\n%b\r\n"), (("ZRANDMEMBER", "z"), "WITHSCORES", b",%b\r\n"),
])  # fmt: skip
def test_what_belongs_to_them_comes_along(
    alice: Peer, argv: tuple[str, str], option: str, last: bytes
) -> None:
    pairs = {b"a": b"1", b"b": b"2", b"c": b"3"}
    for count in (-COUNT, 2, 5):
        head, *lines = alice.send(*argv, count, option).split(b"\r\n")[:-1]
        elements = min(abs(count), 3) if count > 0 else COUNT
        assert head == b"*%d" % (2 * elements)
        assert len(lines) == 4 * elements
        assert {(field, pairs[field]) for field in lines[1::4]} >= set(
            zip(lines[1::4], lines[3::4], strict=True)
        )
    alice.send("HELLO", 3)
    reply = alice.send(*argv, -COUNT, option)
    assert reply.startswith(b"*%d\r\n*2\r\n$1\r\n" % COUNT)
    assert sum(reply.count(b"$1\r\n%b\r\n" % field + last % pairs[field]) for field in pairs) == COUNT


@pytest.mark.parametrize("argv", [("SRANDMEMBER", "s"), ("HRANDFIELD", "h"), ("ZRANDMEMBER", "z")])
def test_no_more_than_memory_can_hold_are_drawn(alice: Peer, argv: tuple[str, str]) -> None:
    assert alice.send(*argv, -(1 << 28) - 1) == b"-ERR value is out of range\r\n"
    assert alice.send(*argv, -(1 << 62)) == b"-ERR value is out of range\r\n"


def test_a_long_reply_takes_little_more_than_itself(alice: Peer) -> None:
    tracemalloc.start()
    try:
        reply = alice.send("SRANDMEMBER", "s", -1_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3.5 * len(reply)


@pytest.mark.parametrize("name", ["SRANDMEMBER", "HRANDFIELD", "ZRANDMEMBER"])
def test_from_nothing_nothing_is_drawn_however_much_is_asked_for(alice: Peer, name: str) -> None:
    assert alice.send(name, "gone", -(1 << 28) - 1) == b"*0\r\n"
