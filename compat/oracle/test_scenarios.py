"""Scenarios with several clients: who is served, who may execute, what expires, who may come in."""

from __future__ import annotations

import re

import pytest

from compat.oracle.case import Case
from compat.oracle.compare import first_difference
from compat.oracle.grammar.family import Family
from compat.oracle.runner import dump_commands
from compat.oracle.scenarios import SCENARIOS, parse
from compat.oracle.stream_readers import CHANGES, READERS
from compat.oracle.targets import Outcome, ProcessTarget, Target
from compat.oracle.wire import render

KEYS = [*b"abcdefjklmnsxyz"]
ALL = Family("scenarios", {}, {}, [], [bytes([key]) for key in KEYS] + [b"done", b"other"], dbs=(0, 1))
DUMP = dump_commands(ALL)
DUMP_BYTES = b"".join(map(render, DUMP))
RESTORE = b"".join(
    render(argv)
    for argv in (
        [b"CONFIG", b"SET", b"requirepass", b""],
        [b"CONFIG", b"SET", b"notify-keyspace-events", b""],
        [b"CONFIG", b"RESETSTAT"],
        [b"ACL", b"DELUSER", b"ann"],
        [b"ACL", b"LOG", b"RESET"],
    )
)


@pytest.fixture(scope="module")
def restore() -> bytes:
    return RESTORE


@pytest.mark.parametrize("resp", [2, 3])
@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str, resp: int, redis: ProcessTarget, respq: Target) -> None:
    case = parse(SCENARIOS[name], resp)
    expected, found = redis.run(case, DUMP_BYTES), respq.run(case, DUMP_BYTES)
    difference = first_difference(case, DUMP, expected, found)
    assert difference is None, f"\n{difference}"


@pytest.mark.parametrize("respq", ["engine"], indirect=True)
@pytest.mark.parametrize("resp", [2, 3])
def test_readers_and_watchers_of_streams(resp: int, redis: ProcessTarget, respq: Target) -> None:
    scenarios = READERS | CHANGES
    for name in list(scenarios)[resp % 2 :: 2]:  # how a reply is spelled does not depend on what happened
        case = parse(scenarios[name], resp)
        expected, found = redis.run(case, DUMP_BYTES), respq.run(case, DUMP_BYTES)
        difference = first_difference(case, DUMP, expected, found)
        assert difference is None, f"\n{name}\n{difference}"


def test_monitors_see_the_same_lines(redis: ProcessTarget, respq: Target) -> None:
    case = parse(
        """
        0 MONITOR
        1 SET k "a\\"b\\\\ \\x01"
        1 SELECT 1
        1 get k
        1 NOSUCH
        1 GET
        1 MULTI
        1 INCR n
        1 EXEC
        1 CONFIG GET databases
        1 AUTH x
        2 BLPOP l 0
        1 RPUSH l v
        0 ECHO over
        """,
        2,
    )
    assert _without_times(redis, case) == _without_times(respq, case)


def _without_times(target: Target, case: Case) -> list[bytes]:
    outcome: Outcome = target.run(case, b"")
    head = re.compile(rb"\+\d+\.\d{6} \[(\d+) [^\]]*\]")
    ours = re.compile(rb'\+\[\d+\] "(?:PING|CLIENT)".*\r\n')  # of the control connection
    return [ours.sub(b"", head.sub(rb"+[\1]", stream)) for stream in outcome.streams]


def test_client_list_tells_the_same_about_several_clients(redis: ProcessTarget, respq: Target) -> None:
    case = parse(
        """
        0 CLIENT SETNAME zero
        1 SELECT 3
        1 MULTI
        1 GET k
        2 WATCH a b
        2 BLPOP l 0
        3 CLIENT LIST ID {id0} {id1} {id2} {id3}
        3 CLIENT LIST TYPE normal ID {id0}
        3 CLIENT LIST TYPE pubsub
        3 CLIENT NO-EVICT ON
        3 CLIENT NO-TOUCH ON
        3 CLIENT INFO
        """,
        2,
    )
    assert _told(redis, case) == _told(respq, case)


def _told(target: Target, case: Case) -> list[bytes]:
    """What CLIENT LIST says that is not measured, counted or an address."""
    text = target.run(case, b"").streams[3]
    text = re.sub(rb"(flags=\w*)[UN](\w*) ", rb"\1\2 ", text)  # U: through a Unix socket; N: no flags
    return re.findall(rb"\b(?:name|flags|db|sub|multi|watch|events|user|resp|lib-name)=\S*", text)
