"""SCAN, HSCAN, SSCAN and ZSCAN return whatever is there from the first call to the last.

While one client scans, another adds, deletes, replaces and takes away, so that what is scanned changes its
encoding, grows and shrinks, is divided and packed, and is stored anew as a whole.
"""

from __future__ import annotations

import random

import pytest

from tests.conftest import Peer, Workbench

SEEDS = range(12)


def scanned(reply: bytes) -> tuple[bytes, list[bytes]]:
    """The cursor and the elements."""
    words = reply.split(b"\r\n")
    return words[2], words[5:-1:2]


class Family:
    """How to fill, thin out and rewrite a value, and what a scan calls its elements."""

    def __init__(self, scan: str, add: str, remove: str, again: tuple[str, ...], *, wide: bool) -> None:
        self.scan, self.add_name, self.remove_name, self.again = scan, add, remove, again
        self.wide = wide  # an element comes with a value

    def add(self, names: list[str]) -> list[str]:
        if self.add_name == "HSET":
            return [self.add_name, "key", *(word for name in names for word in (name, "v"))]
        if self.add_name == "ZADD":
            return [self.add_name, "key", *(word for name in names for word in (str(hash(name) % 97), name))]
        return [self.add_name, "key", *names]

    def elements(self, found: list[bytes]) -> list[bytes]:
        return found[::2] if self.wide else found


REWRITES = ("COPY key other REPLACE", "RENAME other key")
FAMILIES = {
    "hash": Family("HSCAN", "HSET", "HDEL", REWRITES, wide=True),
    "set": Family("SSCAN", "SADD", "SREM", ("SUNIONSTORE key key", "SDIFFSTORE key key none"), wide=False),
    "sorted set": Family(
        "ZSCAN", "ZADD", "ZREM", ("ZUNIONSTORE key 1 key", "ZRANGESTORE key key 0 -1", *REWRITES), wide=True
    ),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("numbers", [False, True], ids=["words", "numbers"])
@pytest.mark.parametrize("kind", FAMILIES)
def test_what_was_there_all_the_time_is_returned(
    engine: Workbench, alice: Peer, bob: Peer, kind: str, numbers: bool, seed: int
) -> None:
    family, rng = FAMILIES[kind], random.Random(f"{kind} {numbers} {seed}")

    def names(start: int, count: int) -> list[str]:
        return [str(n) if numbers else f"m{n:05d}" for n in range(start, start + count)]

    stay, come = names(0, rng.choice((3, 100, 300, 700))), names(10_000, rng.choice((0, 200, 1500)))
    bob.send(*family.add(stay))
    if come:
        bob.send(*family.add(come))
    for _ in range(rng.choice((0, 3))):
        engine.pass_time(1000)  # it is packed
    cursor, found, fresh = b"0", set[bytes](), 20_000
    for _ in range(3000):
        cursor, more = scanned(alice.send(family.scan, "key", cursor, "COUNT", rng.choice((1, 10, 50))))
        found.update(family.elements(more))
        if cursor == b"0":
            break
        roll = rng.random()
        if roll < 0.15:
            new = names(fresh, rng.choice((1, 20, 300)))
            fresh += len(new)
            come += new
            bob.send(*family.add(new))
        elif roll < 0.5 and come:
            rng.shuffle(come)
            gone = [come.pop() for _ in range(min(len(come), rng.choice((1, 20, 1000))))]
            bob.send(family.remove_name, "key", *gone)
        elif roll < 0.6:
            bob.send(*family.add(rng.sample(stay, 2)))
        elif roll < 0.7:
            for line in family.again if family.again == REWRITES else [rng.choice(family.again)]:
                bob.send(*line.split())
        elif roll < 0.8:
            engine.pass_time(1000)
    assert cursor == b"0"
    assert found >= {name.encode() for name in stay}


@pytest.mark.parametrize("seed", SEEDS)
def test_keys_that_were_there_all_the_time_are_returned(alice: Peer, bob: Peer, seed: int) -> None:
    """Overwritten by a value of any type, renamed onto, restored or copied onto, they are still there."""
    rng = random.Random(seed)
    stay, come = [f"k{n}" for n in range(200)], [f"c{n}" for n in range(300)]
    keys = stay + come
    rng.shuffle(keys)
    for key in keys:
        bob.send("SET", key, "v")
    bob.send("SADD", "{set}", "a")
    payload = bulk_of(bob.send("DUMP", "{set}"))
    cursor, found = b"0", set[bytes]()
    for _ in range(3000):
        cursor, more = scanned(alice.send("SCAN", cursor, "COUNT", 7))
        found.update(more)
        if cursor == b"0":
            break
        key = rng.choice(stay)
        if rng.random() < 0.5 and come:
            bob.send("DEL", *(come.pop() for _ in range(min(5, len(come)))))
        bob.send(*rng.choice((
            ["SET", key, "w"], ["SUNIONSTORE", key, "{set}"], ["COPY", "{set}", key, "REPLACE"],
            ["RESTORE", key, "0", payload, "REPLACE"], ["SORT", "{set}", "ALPHA", "STORE", key],
            ["BITOP", "OR", key, key], ["GETSET", key, "x"], ["SETEX", key, "100", "x"], ["PERSIST", key],
            ["SET", f"new{rng.random()}", "v"],
        )))  # fmt: skip
        if rng.random() < 0.2:
            bob.send("SET", "renamed", "v")
            bob.send("RENAME", "renamed", key)
    assert cursor == b"0"
    assert found >= {key.encode() for key in stay}


def bulk_of(reply: bytes) -> bytes:
    return reply.partition(b"\r\n")[2][:-2]
