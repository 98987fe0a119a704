"""What permissions cost: CPU per command for a user who may touch some keys only, by that for everybody.

The user is the default one, whose keys are restricted meanwhile, so that every driver is concerned. Each
workload meets a server several times in turn, unrestricted and restricted, and the least of each counts: what
the rest of the machine does, and a rewrite of the log, only ever adds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from compat.bench.report import Goal, Measure
from compat.bench.sides import control
from compat.bench.throughput import Workload, measure, workloads
from compat.servers import Server

PREFIXES = (
    *("LPUSH, P", "RPOP, P", "SET,", "GET,", "LPUSH, 10,000 lists, own", "mixed", "MULTI"),
    *("XREADGROUP COUNT 1,", "EVALSHA of one INCR"),
)
PATTERNS = ("mylist", "other", "list:*", "key:*", "counter:*", "count:*", "value:*", "events*")
TURNS = 3
GOAL = Goal(1.15, ratio=False)  # of respq itself


@contextmanager
def restricted(server: Server) -> Iterator[None]:
    """Whoever connects may touch the keys of PATTERNS, and no others."""
    with control(server) as client:
        client.acl_setuser("default", enabled=True, nopass=True, reset_keys=True, keys=PATTERNS)
        try:
            yield
        finally:
            client.execute_command("ACL", "SETUSER", "default", "allkeys")


def cost(server: Server, workload: Workload, commands: int) -> float:
    """CPU per command of a restricted user, by that of one who is not."""
    plain, asked = [], []
    for _ in range(TURNS):
        plain.append(measure(server, workload, commands)[1])
        with restricted(server):
            asked.append(measure(server, workload, commands)[1])
    return min(asked) / min(plain)


def chosen() -> list[Workload]:
    """The workloads of queue work."""
    return [workload for workload in workloads() if workload.name.startswith(PREFIXES)]


def run(theirs: Server, ours: Server, rounds: int, commands: int) -> list[Measure]:
    """All of them."""
    picked = chosen()
    measures = [Measure(workload.name, "times", GOAL) for workload in picked]
    for turn in range(rounds):
        for workload, seen in zip(picked, measures, strict=True):
            order = [(theirs, seen.theirs), (ours, seen.ours)]
            for server, found in order[:: -1 if turn % 2 else 1]:
                found.append(cost(server, workload, round(commands * workload.share)))
    return measures
