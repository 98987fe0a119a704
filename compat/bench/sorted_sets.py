"""Sorted sets as delay queues and as leaderboards: what is sent, a hundred commands at a time.

Scores are whole numbers at random, as redis-benchmark's `__rand_int__`; fractions at random, of up to 17
digits, which cost respq more to print; or milliseconds that grow from member to member.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count, islice

from compat.bench.client import CONNECTIONS, Batch, batch, drive, fill
from compat.servers import Server

KEY = b"delayed"
PIPELINE = 100
SEED = 21
FIRST_MS = 1_732_330_000_000
MEMBERS = 1 << 30  # as good as never the same twice
PER_COMMAND = 50
LINES_OF_POP = 5  # of an array of two bulk strings

Member = tuple[bytes, bytes]  # score and member


def whole() -> Iterator[Member]:
    rng = random.Random(SEED)
    while True:
        yield b"%d" % rng.randrange(10**9), b"element:%d" % rng.randrange(MEMBERS)


def fractional() -> Iterator[Member]:
    rng = random.Random(SEED)
    while True:
        yield repr(rng.random() * 1e6).encode(), b"element:%d" % rng.randrange(MEMBERS)


def growing() -> Iterator[Member]:
    for number in count(FIRST_MS):
        yield b"%d" % number, b"job:%d" % number


def _adds(members: Iterator[Member]) -> Batch:
    return batch((b"ZADD", KEY, *member) for member in islice(members, PIPELINE))


def _add(members: Iterator[Member], server: Server, commands: int) -> float:
    """Commands per second; no member is sent twice."""
    batches = [_adds(members) for _ in range(max(1, commands // PIPELINE) + CONNECTIONS)]
    return commands / drive(server, batches, commands)


def add_whole(server: Server, commands: int) -> float:
    """ZADD, whole scores at random."""
    return _add(whole(), server, commands)


def add_fractional(server: Server, commands: int) -> float:
    """ZADD, fractions at random."""
    return _add(fractional(), server, commands)


def add_growing(server: Server, commands: int) -> float:
    """ZADD, growing scores."""
    return _add(growing(), server, commands)


def pop(server: Server, commands: int) -> float:
    """ZPOPMIN."""
    return commands / drive(
        server, [batch([(b"ZPOPMIN", KEY)] * PIPELINE, LINES_OF_POP * PIPELINE)], commands
    )


def _store(members: Iterator[Member], server: Server, wanted: int) -> None:
    """Fill with at least so many, and with what connections may send beyond."""
    supply = islice(members, wanted + CONNECTIONS * PIPELINE)
    commands = iter(lambda: [word for member in islice(supply, PER_COMMAND) for word in member], [])
    fill(server, ((b"ZADD", KEY, *words) for words in commands), width=10)


def with_whole(server: Server, commands: int) -> None:
    """Enough to pop, whole scores."""
    _store(whole(), server, commands)


def with_fractional(server: Server, commands: int) -> None:
    """Enough to pop, fractions."""
    _store(fractional(), server, commands)


def with_growing(server: Server, wanted: int) -> None:
    """Growing scores."""
    _store(growing(), server, wanted)
