"""What the program of every client does, what it has to print, and what others do meanwhile.

A program takes the port of a server with nothing in it, goes through the chapters in the order in which they
stand here, with what its client offers for each, and prints a line for every step: the step's name and what
was answered, `nil` for null. Some steps wait for something that comes from somebody else; `perform` is that.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from typing import NamedTuple

import redis

from compat.processes import eventually
from compat.servers import Server

STRINGS = """\
set: OK
mget: grüße nil
set again: nil
counted: 42
bytes: 00ff0d0a
"""
LISTS = """\
pushed: 3
moved: a
popped: jobs b
left: c
nothing: nil
waited: later x
"""
PUBSUB = """\
message: news hello
by pattern: n* news hello
"""
STREAMS = """\
added: 1-1 1-2
delivered: 1-1 item=tea 1-2 item=milk
acknowledged: 1
pending: 1 1-2 1-2
claimed: 1-2 item=milk
waited: 1-3 item=sugar
"""
TRANSACTIONS = """\
exec: OK 2 7
watched: nil
error: WRONGTYPE Operation against a key holding the wrong kind of value
"""
SCRIPTS = """\
eval: stock 10
evalsha: stock 13
unknown: NOSCRIPT
function: 9
"""
RESP2 = STRINGS + LISTS + PUBSUB + STREAMS + TRANSACTIONS + SCRIPTS

RESP3 = """\
protocol: 3
hash: item=tea price=2.5
score: 2.5
"""
# The client remembers what it has read, until it hears that somebody else has changed it.
CACHE = """\
cached: tea
changed: milk
"""

PROGRAM_SECONDS = 60.0


class Step(NamedTuple):
    """Something that a program waits for, how that shows on the server, and what is done then."""

    what: str
    awaited: Callable[[redis.Redis], bool]
    act: Callable[[redis.Redis], object]


def _waits_in(command: str) -> Callable[[redis.Redis], bool]:
    """Whether a client is blocked in a command."""
    return lambda peer: any(
        client["cmd"] == command and "b" in client["flags"] for client in peer.client_list()
    )


MEANWHILE = (
    Step("a BLPOP that waits", _waits_in("blpop"), lambda peer: peer.rpush("later", "x")),
    Step(
        "a subscriber to news",
        lambda peer: peer.pubsub_numsub("news") == [("news", 1)],
        lambda peer: peer.publish("news", "hello"),
    ),
    Step(
        "a subscriber to a pattern",
        lambda peer: peer.pubsub_numpat() == 1,
        lambda peer: peer.publish("news", "hello"),
    ),
    Step(
        "an XREADGROUP that waits",
        _waits_in("xreadgroup"),
        lambda peer: peer.xadd("orders", {"item": "sugar"}, id="1-3"),
    ),
)


def perform(argv: Sequence[str], server: Server) -> str:
    """What a program prints while it goes through the scenario on a server; fails if it fails."""
    with redis.Redis(port=server.port, decode_responses=True) as peer:
        peer.flushall()
        peer.script_flush()
        peer.function_flush()
        process = subprocess.Popen(
            [*argv, str(server.port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        try:
            for step in MEANWHILE:
                _meet(process, step, peer)
            printed, complaints = process.communicate(timeout=PROGRAM_SECONDS)
        finally:
            process.kill()
            process.wait()
    assert process.returncode == 0, f"{printed}\n{complaints}"
    return printed


def _meet(process: subprocess.Popen[str], step: Step, peer: redis.Redis) -> None:
    """Act as soon as the program waits for it, unless the program has ended."""
    eventually(lambda: process.poll() is not None or step.awaited(peer), step.what, PROGRAM_SECONDS)
    if process.poll() is None:
        step.act(peer)
