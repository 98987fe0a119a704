"""FIFO churn: fill, then drain from the head while asking what a person or a library would ask.

A structure that is slow at its worn-out end (a dict has no cheap first key after many deletions at
its head, an array no cheap shift) shows it here: the time of one step is compared between a small
and a large fill, and the longest turn of the event loop is taken from INFO. Keys that do not fit the
processor's cache cost any server more, so the growth is held against Redis's own.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import hiredis

from compat.bench.client import connect, fill, payload
from compat.bench.machine import cpu_seconds
from compat.bench.report import Goal, Measure
from compat.bench.sides import Side, await_rewrite, emptied
from compat.servers import Server

TAKEN_PER_WRITE = 10
VALUE_BYTES = 64
NOT_YET = object()
SMALL_FILLS = 20  # of the small size are measured together, for a time that can be measured


@dataclass(frozen=True)
class Structure:
    """A stored type: how items get in, how the oldest gets out, and what is asked in between."""

    name: str
    put: Callable[[int, bytes], tuple[bytes, ...]]  # item number and value
    take: Callable[[int], tuple[bytes, ...]]
    questions: Sequence[tuple[bytes, ...]]


ANY_KEY = [(b"DBSIZE",), (b"SCAN", b"0", b"COUNT", b"10"), (b"RANDOMKEY",)]

STRUCTURES = (
    Structure(
        "list",
        lambda _, value: (b"RPUSH", b"jobs", value),
        lambda _: (b"LPOP", b"jobs"),
        [
            (b"LLEN", b"jobs"),
            (b"LRANGE", b"jobs", b"0", b"4"),
            (b"LRANGE", b"jobs", b"-5", b"-1"),
            (b"LINDEX", b"jobs", b"10"),
            *ANY_KEY,
        ],
    ),
    Structure(
        "hash",
        lambda index, value: (b"HSET", b"jobs", b"job:%d" % index, value),
        lambda index: (b"HDEL", b"jobs", b"job:%d" % index),
        [
            (b"HLEN", b"jobs"),
            (b"HSCAN", b"jobs", b"0", b"COUNT", b"10"),
            (b"HRANDFIELD", b"jobs", b"3", b"WITHVALUES"),
            *ANY_KEY,
        ],
    ),
    Structure(
        "set",
        lambda index, _: (b"SADD", b"seen", b"job:%d" % index),
        lambda index: (b"SREM", b"seen", b"job:%d" % index),
        [
            (b"SCARD", b"seen"),
            (b"SISMEMBER", b"seen", b"job:1"),
            (b"SSCAN", b"seen", b"0", b"COUNT", b"10"),
            (b"SRANDMEMBER", b"seen", b"3"),
            (b"SPOP", b"seen"),
            *ANY_KEY,
        ],
    ),
    Structure(
        "delay queue",
        lambda index, _: (b"ZADD", b"delayed", b"%d" % index, b"job:%d" % index),
        lambda index: (b"ZREM", b"delayed", b"job:%d" % index) if index % 2 else (b"ZPOPMIN", b"delayed"),
        [
            (b"ZCARD", b"delayed"),
            (b"ZRANGEBYSCORE", b"delayed", b"-inf", b"+inf", b"LIMIT", b"0", b"5"),
            (b"ZREVRANGEBYSCORE", b"delayed", b"+inf", b"-inf", b"LIMIT", b"0", b"5"),
            (b"ZRANGE", b"delayed", b"0", b"4", b"WITHSCORES"),
            (b"ZCOUNT", b"delayed", b"-inf", b"1000"),
            *ANY_KEY,
        ],
    ),
    Structure(
        "keys",
        lambda index, value: (b"SET", b"job:%d" % index, value),
        lambda index: (b"DEL", b"job:%d" % index),
        ANY_KEY,
    ),
)


def puts(structure: Structure, count: int) -> Iterator[tuple[bytes, ...]]:
    rng = random.Random(11)
    for index in range(count):
        yield structure.put(index, payload(rng, VALUE_BYTES))


def drain(server: Server, structure: Structure, count: int) -> int:
    """Take out `count` items, oldest first, asking between writes; the number of commands sent."""
    sent = 0
    with connect(server) as peer:
        for first in range(0, count, TAKEN_PER_WRITE):
            taken = [structure.take(first + index) for index in range(TAKEN_PER_WRITE)]
            converse(peer, [*structure.questions, *taken])
            sent += len(structure.questions) + len(taken)
    return sent


def converse(peer: socket.socket, commands: Sequence[tuple[bytes, ...]]) -> None:
    """Send commands whose replies have any shape, and take one reply for each."""
    peer.sendall(b"".join(hiredis.pack_command(command) for command in commands))
    reader, owed = hiredis.Reader(notEnoughData=NOT_YET), len(commands)
    while owed:
        reader.feed(peer.recv(1 << 18))
        while owed and reader.gets() is not NOT_YET:
            owed -= 1


def cost(server: Server, structure: Structure, count: int, fills: int = 1) -> tuple[float, float]:
    """Server CPU in µs per command of the drain, and its longest tick in ms (0 if INFO has none).

    Over `fills` fills of `count` items. The log is not rewritten meanwhile: the fork is another matter.
    """
    spent, commands, longest_us = 0.0, 0, 0
    for _ in range(fills):
        with emptied(server) as client:
            fill(server, puts(structure, count))
            await_rewrite(server)
            client.config_resetstat()
            before = cpu_seconds(server.pid)
            commands += drain(server, structure, count)
            spent += cpu_seconds(server.pid) - before
            longest_us = max(longest_us, int(client.info("stats").get("eventloop_duration_max", 0)))
            if client.dbsize():
                raise RuntimeError("the drain left something behind")
    return spent / commands * 1e6, longest_us / 1000


def run(
    theirs: Side, ours: Side, rounds: int, small: int, large: int, fills: int = SMALL_FILLS
) -> list[Measure]:
    measures = []
    for structure in STRUCTURES:
        few, many, growth, tick = (
            Measure(f"{structure.name}, drain of {small:,}, CPU", "µs"),
            Measure(f"{structure.name}, drain of {large:,}, CPU", "µs"),
            Measure(f"{structure.name}, the larger by the smaller", "×", Goal(1.2)),
            Measure(f"{structure.name}, drain of {large:,}, longest tick", "ms", Goal(5, ratio=False)),
        )
        measures += [few, many, growth, tick] if ours.reports_ticks else [few, many, growth]
        for _ in range(rounds):
            for side, name in ((theirs, "theirs"), (ours, "ours")):
                with side.running() as server:
                    cost_of_few, _ = cost(server, structure, small, fills)
                    cost_of_many, longest_ms = cost(server, structure, large)
                getattr(few, name).append(cost_of_few)
                getattr(many, name).append(cost_of_many)
                getattr(growth, name).append(cost_of_many / cost_of_few)
                if side.reports_ticks:
                    tick.ours.append(longest_ms)
    return measures
