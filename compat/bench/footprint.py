"""What a server costs before it does anything, and what a message costs while it waits."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from compat.bench import sorted_sets, streams
from compat.bench.client import fill, payload
from compat.bench.machine import cpu_seconds, resident_bytes
from compat.bench.report import Goal, Measure
from compat.bench.sides import Side, await_rewrite

MIB = 1 << 20
MESSAGE_BYTES = 200
VALUE_BYTES = 64
SHORT_BYTES = 8
SETTLING_SECONDS = 3.0  # without work: then there is none left
IDLE_SHARE = 0.01  # of a core
PER_COMMAND = 50


def start_cpu(side: Side) -> float:
    """CPU seconds from an empty directory to the first PONG."""
    with side.running() as server:
        return cpu_seconds(server.pid)


def idle(side: Side, seconds: float) -> tuple[float, float]:
    """Resident MiB and per cent of a core of a server that nobody uses."""
    with side.running() as server:
        time.sleep(min(1, seconds))  # what a start leaves to do
        before = cpu_seconds(server.pid)
        time.sleep(seconds)
        used = cpu_seconds(server.pid) - before
        return resident_bytes(server.pid) / MIB, 100 * used / seconds


def messages(side: Side, count: int) -> float:
    """Resident MiB with one list of `count` messages, once no log is being rewritten."""
    rng = random.Random(7)
    with side.running() as server:
        fill(
            server,
            (
                (b"LPUSH", b"jobs", *(payload(rng, MESSAGE_BYTES) for _ in range(PER_COMMAND)))
                for _ in range(count // PER_COMMAND)
            ),
            width=4,
        )
        await_rewrite(server)
        return resident_bytes(server.pid) / MIB


def stored(side: Side, commands: Iterable[tuple[bytes, ...]], seconds: float) -> float:
    """Resident MiB with what the commands store, once there was nothing to do for some seconds."""
    with side.running() as server:
        fill(server, commands, width=4)
        await_rewrite(server)
        return settled_bytes(server.pid, min(SETTLING_SECONDS, seconds)) / MIB


def settled_bytes(pid: int, seconds: float) -> int:
    """Resident bytes once the process has nothing to do: respq packs what nobody changes."""
    while True:
        before = cpu_seconds(pid)
        time.sleep(seconds)
        if cpu_seconds(pid) - before < IDLE_SHARE * seconds:
            return resident_bytes(pid)


def one_hash(count: int, value_bytes: int) -> Iterator[tuple[bytes, ...]]:
    """HSETs of `count` fields of up to 10 bytes, many to a command."""
    rng = random.Random(7)
    for at in range(0, count, PER_COMMAND):
        pairs = [(b"job:%d" % n, payload(rng, value_bytes)) for n in range(at, at + PER_COMMAND)]
        yield b"HSET", b"jobs", *chain.from_iterable(pairs)


def one_set(count: int) -> Iterator[tuple[bytes, ...]]:
    """SADDs of `count` members of up to 10 bytes, many to a command."""
    for at in range(0, count, PER_COMMAND):
        yield b"SADD", b"jobs", *(b"job:%d" % n for n in range(at, at + PER_COMMAND))


def many_hashes(count: int) -> Iterator[tuple[bytes, ...]]:
    """`count` hashes such as a task queue keeps of each job: five short fields."""
    rng = random.Random(7)
    for number in range(count):
        times = (b"started", b"17%08d.%06d" % (rng.randrange(10**8), rng.randrange(10**6)))
        state = (b"status", b"finished", b"origin", b"default", b"timeout", b"180", b"ttl", b"500")
        yield b"HSET", b"rq:job:%d" % number, *state, *times


def many_sets(count: int) -> Iterator[tuple[bytes, ...]]:
    """`count` sets of five short members."""
    rng = random.Random(7)
    for number in range(count):
        yield b"SADD", b"tags:%d" % number, *(b"tag:%d" % rng.randrange(1000) for _ in range(5))


def members(side: Side, count: int) -> float:
    """Resident MiB with one sorted set of `count` members of 17 bytes, once no log is being rewritten."""
    with side.running() as server:
        sorted_sets.with_growing(server, count)
        await_rewrite(server)
        return resident_bytes(server.pid) / MIB


def entries(side: Side, count: int, make: Callable[[int], Iterator[streams.Command]]) -> float:
    """Resident MiB with one stream of `count` entries, once no log is being rewritten."""
    with side.running() as server:
        fill(server, make(count), lines=streams.LINES_OF_ID)
        await_rewrite(server)
        return resident_bytes(server.pid) / MIB


def run(theirs: Side, ours: Side, rounds: int, seconds: float, count: int) -> list[Measure]:
    start = Measure("start to first PONG, CPU", "s", Goal(0.4, ratio=False))
    resident = Measure("idle, resident", "MiB", Goal(40, ratio=False))
    busy = Measure("idle, CPU", "%", Goal(1, ratio=False))
    listed = Measure(f"list of {count:,} × {MESSAGE_BYTES} B, resident", "MiB", Goal(1.15))
    ranked = Measure(f"sorted set of {count:,}, resident", "MiB", Goal(1.6))
    logged = Measure(f"stream of {count:,} × 2 × {streams.VALUE_BYTES} B, resident", "MiB", Goal(1.2))
    short = Measure(f"stream of {count:,} × 5 short fields, resident", "MiB", Goal(2.2))
    few = count // 10
    kept = [
        (Measure(f"{name}, resident", "MiB", goal), commands)
        for name, goal, commands in (
            (f"hash of {count:,} × {VALUE_BYTES} B", Goal(1.6), lambda: one_hash(count, VALUE_BYTES)),
            (f"hash of {count:,} × {SHORT_BYTES} B", Goal(1.6), lambda: one_hash(count, SHORT_BYTES)),
            (f"set of {count:,}", Goal(1.6), lambda: one_set(count)),
            (f"{few:,} hashes of 5 fields", None, lambda: many_hashes(few)),
            (f"{few:,} sets of 5 members", None, lambda: many_sets(few)),
        )
    ]
    for _ in range(rounds):
        for side, name in ((theirs, "theirs"), (ours, "ours")):
            getattr(start, name).append(start_cpu(side))
            memory, cpu = idle(side, seconds)
            getattr(resident, name).append(memory)
            getattr(busy, name).append(cpu)
            getattr(listed, name).append(messages(side, count))
            getattr(ranked, name).append(members(side, count))
            getattr(logged, name).append(entries(side, count, streams.additions))
            getattr(short, name).append(entries(side, count, streams.short_additions))
            for measure, commands in kept:
                getattr(measure, name).append(stored(side, commands(), seconds))
    return [start, resident, busy, listed, ranked, logged, short, *(measure for measure, _ in kept)]
