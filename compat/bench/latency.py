"""How long the server makes one client wait while another one, or the clock, keeps it busy."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from time import perf_counter

from compat.bench.client import connect, fill, payload
from compat.bench.report import Goal, Measure
from compat.bench.sides import control, emptied
from compat.servers import Server

PAUSE_SECONDS = 0.0005  # between two PINGs: the client under test is no load itself


def ping_ms(peer: socket.socket) -> float:
    started = perf_counter()
    peer.sendall(b"PING\r\n")
    peer.recv(64)
    return (perf_counter() - started) * 1e3


def pings(server: Server, busy: Callable[[], bool]) -> list[float]:
    """The round trips of one PING after the other for as long as the server is busy, in ms."""
    seen = []
    with connect(server) as peer:
        while busy():
            seen.append(ping_ms(peer))
            time.sleep(PAUSE_SECONDS)
        seen.append(ping_ms(peer))
    return seen


def under_flood(server: Server, count: int) -> list[float]:
    """PING while another client pipelines `count` LPUSH."""
    argv = [sys.executable, "-m", "compat.bench.flood", str(server.port), str(count)]
    with emptied(server) as client, subprocess.Popen(argv) as flood:
        while not client.exists("flood") and flood.poll() is None:
            time.sleep(0.001)
        seen = pings(server, lambda: flood.poll() is None)
        if flood.returncode or client.llen("flood") != count:
            raise RuntimeError("the flood did not arrive")
    return seen


def under_expiry(server: Server, count: int, lead_seconds: float) -> list[float]:
    """PING while `count` keys, set to expire at one moment `lead_seconds` ahead, are removed."""
    rng = random.Random(5)
    due_ms = round((time.time() + lead_seconds) * 1000)
    with emptied(server) as client:
        expired = client.info("stats")["expired_keys"]
        fill(server, keys_due(rng, count, b"%d" % due_ms))
        if (left := due_ms / 1000 - time.time()) < 0:
            raise RuntimeError(f"the keys took {-left:.1f} s more to write than they had to live")
        time.sleep(left)
        gone = removed(server, every=0.05)
        seen = pings(server, lambda: next(gone))
        if client.info("stats")["expired_keys"] - expired < count:
            raise RuntimeError("not every key was expired")
    return seen


def keys_due(rng: random.Random, count: int, due_ms: bytes) -> Iterator[tuple[bytes, ...]]:
    for index in range(count):
        yield b"SET", b"key:%d" % index, payload(rng, 20), b"PXAT", due_ms


def removed(server: Server, every: float) -> Iterator[bool]:
    """True until no key is left; the server is asked at most once in `every` seconds."""
    with control(server) as client:
        while client.info("keyspace"):
            asked = perf_counter()
            while perf_counter() - asked < every:
                yield True
    while True:
        yield False


def run(theirs: Server, ours: Server, rounds: int, count: int, lead: float) -> list[Measure]:
    name = f"while another client pipelines {count:,} LPUSH"
    fair = [Measure(f"worst PING {name}", "ms", Goal(3)), Measure(f"median PING {name}", "ms")]
    name = f"while {count:,} keys expire together"
    due = [Measure(f"worst PING {name}", "ms", Goal(2)), Measure(f"median PING {name}", "ms")]
    for _ in range(rounds):
        for (worst, usual), measure in (
            (fair, lambda server: under_flood(server, count)),
            (due, lambda server: under_expiry(server, count, lead)),
        ):
            for server, side in ((theirs, "theirs"), (ours, "ours")):
                seen = sorted(measure(server))
                getattr(worst, side).append(seen[-1])
                getattr(usual, side).append(seen[len(seen) // 2])
    return [*fair, *due]
