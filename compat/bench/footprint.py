"""What a server costs before it does anything, and what a message costs while it waits."""

from __future__ import annotations

import random
import time

from compat.bench import sorted_sets
from compat.bench.client import fill, payload
from compat.bench.machine import cpu_seconds, resident_bytes
from compat.bench.report import Goal, Measure
from compat.bench.sides import Side, await_rewrite

MIB = 1 << 20
MESSAGE_BYTES = 200
VALUE_BYTES = 64
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


def fields(side: Side, count: int) -> float:
    """Resident MiB with one hash of `count` fields of up to 10 bytes, once no log is being rewritten."""
    rng = random.Random(7)
    with side.running() as server:
        fill(
            server,
            (
                (b"HSET", b"jobs", *(word for n in range(at, at + PER_COMMAND) for word in _field(n, rng)))
                for at in range(0, count, PER_COMMAND)
            ),
            width=4,
        )
        await_rewrite(server)
        return resident_bytes(server.pid) / MIB


def _field(number: int, rng: random.Random) -> tuple[bytes, bytes]:
    return b"job:%d" % number, payload(rng, VALUE_BYTES)


def members(side: Side, count: int) -> float:
    """Resident MiB with one sorted set of `count` members of 17 bytes, once no log is being rewritten."""
    with side.running() as server:
        sorted_sets.with_growing(server, count)
        await_rewrite(server)
        return resident_bytes(server.pid) / MIB


def run(theirs: Side, ours: Side, rounds: int, seconds: float, count: int) -> list[Measure]:
    start = Measure("start to first PONG, CPU", "s", Goal(0.4, ratio=False))
    resident = Measure("idle, resident", "MiB", Goal(40, ratio=False))
    busy = Measure("idle, CPU", "%", Goal(1, ratio=False))
    stored = Measure(f"list of {count:,} × {MESSAGE_BYTES} B, resident", "MiB", Goal(1.15))
    ranked = Measure(f"sorted set of {count:,}, resident", "MiB", Goal(1.6))
    hashed = Measure(f"hash of {count:,} × {VALUE_BYTES} B, resident", "MiB", Goal(1.6))
    for _ in range(rounds):
        for side, name in ((theirs, "theirs"), (ours, "ours")):
            getattr(start, name).append(start_cpu(side))
            memory, cpu = idle(side, seconds)
            getattr(resident, name).append(memory)
            getattr(busy, name).append(cpu)
            getattr(stored, name).append(messages(side, count))
            getattr(hashed, name).append(fields(side, count))
            getattr(ranked, name).append(members(side, count))
    return [start, resident, busy, stored, hashed, ranked]
