"""What it costs to keep everything: syncing for every reply, starting on a log, rewriting it under load."""

from __future__ import annotations

import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from time import perf_counter

from compat.bench.client import connect, fill, payload
from compat.bench.latency import ping_ms
from compat.bench.report import Goal, Measure
from compat.bench.sides import Side, await_rewrite, control, emptied
from compat.bench.throughput import benchmark
from compat.servers import Server

VALUE_BYTES = 200
PER_COMMAND = 50
QUEUES, LOGS = 10, 10  # lists and streams
PING_SECONDS = 0.001  # between two PINGs
FLOWING = 10_000  # commands of another client, after which it is in full swing
SETTLE_SECONDS = 2.0  # of writing before a rewrite begins
MIB = 1 << 20

ALWAYS = (
    ("50 clients", 50, 1, 1.3, 100_000),
    ("50 clients, P=16", 50, 16, 1.0, 400_000),
    ("1 client", 1, 1, 0.9, 10_000),
)


def syncing(theirs: Side, ours: Side, rounds: int, share: float) -> list[Measure]:
    """LPUSH under appendfsync always, `share` of the usual number of commands."""
    sides = [
        replace(side, directives={**side.directives, "appendfsync": "always"}) for side in (theirs, ours)
    ]
    measures = []
    with sides[0].running() as their_server, sides[1].running() as our_server:
        for name, clients, pipeline, goal, commands in ALWAYS:
            measure = Measure(f"LPUSH of {VALUE_BYTES} B, always, {name}", "per s", Goal(goal, at_least=True))
            run = benchmark("-t", "lpush", "-d", str(VALUE_BYTES), pipeline=pipeline, clients=clients)
            for _ in range(rounds):
                for server, seen in ((their_server, measure.theirs), (our_server, measure.ours)):
                    with emptied(server):
                        seen.append(run(server, round(commands * share)))
            measures.append(measure)
    return measures


def jobs_and_events(count: int, together: int) -> Iterator[tuple[bytes, ...]]:
    """Half of `count` values pushed onto lists, `together` at a time, half added to streams, by turns."""
    rng = random.Random(9)
    for number in range(count // (2 * together)):
        values = (payload(rng, VALUE_BYTES) for _ in range(together))
        yield b"RPUSH", b"queue:%d" % (number % QUEUES), *values
        for _ in range(together):
            yield b"XADD", b"log:%d" % (number % LOGS), b"*", b"event", payload(rng, VALUE_BYTES)


def small_members(count: int, together: int) -> Iterator[tuple[bytes, ...]]:
    """Half of `count` fields of 8 B set in hashes, `together` at a time, half members of sorted sets."""
    for first in range(0, count // 2, together):
        number = first // together % QUEUES
        fields = [(b"f%07d" % n, b"%08d" % n) for n in range(first, first + together)]
        yield b"HSET", b"hash:%d" % number, *chain.from_iterable(fields)
        members = [(b"%d" % (n * 7919 % 1_000_003), b"m%07d" % n) for n in range(first, first + together)]
        yield b"ZADD", b"zset:%d" % number, *chain.from_iterable(members)


@contextmanager
def restarted(side: Side, directory: Path, **directives: str) -> Iterator[tuple[Server, float]]:
    """A server on the data of a directory, and the seconds until it had loaded them."""
    began = perf_counter()
    server = Server(side.command, directory, **{**side.directives, **directives})
    try:
        with control(server) as client:
            while client.info("persistence")["loading"]:
                time.sleep(0.01)
        yield server, perf_counter() - began
    finally:
        server.stop()


def restarts(side: Side, count: int) -> tuple[float, float]:
    """Seconds from start to loaded: on a log of `count` commands, and on what a rewrite makes of it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory = Path(name)
        by_hand = {"auto-aof-rewrite-percentage": "0"}
        with restarted(side, directory, **by_hand) as (server, _):
            fill(server, jobs_and_events(count, 1))
        with restarted(side, directory, **by_hand) as (server, on_log), control(server) as client:
            client.bgrewriteaof()
            await_rewrite(server)
        with restarted(side, directory, **by_hand) as (_, on_base):
            return on_log, on_base


def proportional_bytes(pid: int) -> int:
    """Memory of a process and its children, what they share counted once: PSS."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    total = 0
    for each in (str(pid), *children):
        try:
            rollup = Path(f"/proc/{each}/smaps_rollup").read_text(encoding="ascii")
        except OSError:  # a child that has just ended
            continue
        if match := re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE):
            total += int(match[1]) * 1024
    return total


@contextmanager
def writing(server: Server) -> Iterator[Callable[[], int]]:
    """Another process that pushes and pops without a pause; tells how many commands have been processed."""
    argv = [sys.executable, "-m", "compat.bench.flood", str(server.port), str(1 << 40), "steady"]
    with subprocess.Popen(argv) as flood, control(server) as client:

        def processed() -> int:
            return int(client.info("stats")["total_commands_processed"])

        before = processed()
        try:
            while processed() < before + FLOWING and flood.poll() is None:
                time.sleep(0.01)
            yield processed
        finally:
            flood.kill()


def rewriting(side: Side, commands: Iterable[tuple[bytes, ...]]) -> dict[str, float]:
    """What a rewrite of the data set that the commands make costs others, while another client writes."""
    with side.running() as server, control(server) as client:
        client.config_set("auto-aof-rewrite-percentage", 0)
        fill(server, commands, width=10)
        before_bytes = proportional_bytes(server.pid)
        with writing(server) as written, connect(server) as peer:
            usual = _rate(written, lambda began: perf_counter() - began < SETTLE_SECONDS, lambda: None)
            client.bgrewriteaof()
            worst_ms, peak_bytes = 0.0, before_bytes

            def watch() -> None:
                nonlocal worst_ms, peak_bytes
                for _ in range(20):
                    worst_ms = max(worst_ms, ping_ms(peer))
                    time.sleep(PING_SECONDS)
                peak_bytes = max(peak_bytes, proportional_bytes(server.pid))

            meanwhile = _rate(written, lambda _: in_progress(server), watch)
        return {"stall": worst_ms, "memory": peak_bytes / before_bytes, "rate": meanwhile / usual}


def in_progress(server: Server) -> bool:
    with control(server) as client:
        state = client.info("persistence")
        return bool(state["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"])


def _rate(count: Callable[[], int], goes_on: Callable[[float], bool], watch: Callable[[], None]) -> float:
    began, first = perf_counter(), count()
    while goes_on(began):
        watch()
    return (count() - first) / (perf_counter() - began)


def run(theirs: Side, ours: Side, rounds: int, commands: int, values: int, share: float) -> list[Measure]:
    on_log = Measure(f"start on a log of {commands:,} commands", "s", Goal(1.5))
    on_base = Measure("start on what a rewrite made of it", "s", Goal(1.5))
    large = _under_rewrite(f"{values:,} values of {VALUE_BYTES} B", 1.4)
    small = _under_rewrite(f"{values:,} fields and members", 1.8)
    for _ in range(rounds):
        for side, name in ((theirs, "theirs"), (ours, "ours")):
            for measure, seconds in zip((on_log, on_base), restarts(side, commands), strict=True):
                getattr(measure, name).append(seconds)
            for measures, data in (
                (large, jobs_and_events(values, PER_COMMAND)),
                (small, small_members(values, PER_COMMAND)),
            ):
                for what, value in rewriting(side, data).items():
                    getattr(measures[what], name).append(value)
    return [*syncing(theirs, ours, rounds, share), on_log, on_base, *large.values(), *small.values()]


def _under_rewrite(data: str, most_memory: float) -> dict[str, Measure]:
    """What `rewriting` measures."""
    return {
        "stall": Measure(f"worst PING while {data} are rewritten", "ms", Goal(2)),
        "memory": Measure("peak PSS meanwhile, by PSS before", "×", Goal(most_memory, ratio=False)),
        "rate": Measure("rate of another client, by before", "×", Goal(0.6, at_least=True, ratio=False)),
    }
