"""What a stream's length costs: commands at several lengths, and a queue that is worked off steadily.

All entries are pending, so the pending entries list has the same length. Commands name entries at random;
those that delete or acknowledge do so to few, so that the length stays about what it was. Each is asked in
several batches, of which the median counts: a timer that fires during a thousand XLEN doubles their cost.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from statistics import median

from compat.bench import streams
from compat.bench.churn import converse
from compat.bench.client import connect, fill
from compat.bench.machine import cpu_seconds
from compat.bench.report import Goal, Measure
from compat.bench.sides import Side, await_rewrite, control
from compat.bench.streams import CONSUMER, GROUP, KEY, Command, id_of
from compat.servers import Server

AT_ONCE = 10  # entries of one step of a queue
SEED = 23
BATCHES = 9  # of commands of each kind
SHARE = 50  # of the smallest length are the entries that a batch takes away
REPEATED = 10  # times as many are the commands of a batch that takes none

Draw = Callable[[int], Command]


@dataclass(frozen=True)
class Question:
    """A command, given the number of an entry; whether it takes the entry away."""

    name: str
    draw: Draw
    takes: bool = False


QUESTIONS = (
    Question("XLEN", lambda _: (b"XLEN", KEY)),
    Question("XADD", lambda _: (b"XADD", KEY, b"*", b"f", b"v")),
    Question("XRANGE COUNT 1", lambda n: (b"XRANGE", KEY, id_of(n), b"+", b"COUNT", b"1")),
    Question("XREVRANGE COUNT 1", lambda n: (b"XREVRANGE", KEY, id_of(n), b"-", b"COUNT", b"1")),
    Question("XREAD COUNT 1", lambda n: (b"XREAD", b"COUNT", b"1", b"STREAMS", KEY, id_of(n))),
    Question("XREADGROUP COUNT 1", lambda _: streams.read_group(1)),
    Question(
        "XREADGROUP, history",
        lambda n: (b"XREADGROUP", b"GROUP", GROUP, CONSUMER, b"COUNT", b"1", b"STREAMS", KEY, id_of(n)),
    ),
    Question("XPENDING", lambda _: (b"XPENDING", KEY, GROUP)),
    Question("XPENDING COUNT 1", lambda n: (b"XPENDING", KEY, GROUP, id_of(n), b"+", b"1")),
    Question("XCLAIM", lambda n: (b"XCLAIM", KEY, GROUP, CONSUMER, b"0", id_of(n), b"JUSTID")),
    Question(
        "XAUTOCLAIM COUNT 1",
        lambda n: (b"XAUTOCLAIM", KEY, GROUP, CONSUMER, b"0", id_of(n), b"COUNT", b"1", b"JUSTID"),
    ),
    Question("XACK", lambda n: (b"XACK", KEY, GROUP, id_of(n)), takes=True),
    Question("XDEL", lambda n: (b"XDEL", KEY, id_of(n)), takes=True),
    Question("XACKDEL", lambda n: (b"XACKDEL", KEY, GROUP, b"IDS", b"1", id_of(n)), takes=True),
    Question("XTRIM ~", lambda _: (b"XTRIM", KEY, b"MAXLEN", b"~", b"1000000000")),
    Question("XINFO GROUPS", lambda _: (b"XINFO", b"GROUPS", KEY)),
)


def prepared(server: Server, length: int) -> None:
    """A stream of so many entries, all of them pending."""
    with control(server) as client:
        client.flushall()
    fill(server, streams.additions(length), lines=streams.LINES_OF_ID)
    streams.ask(server, (b"XGROUP", b"CREATE", KEY, GROUP, b"0"))
    streams.deliver(server)
    await_rewrite(server)


def cost(server: Server, question: Question, length: int, commands: int) -> float:
    """Server CPU in µs per command, of batches of so many."""
    rng = random.Random(SEED)
    costs = []
    with connect(server) as peer:
        for _ in range(BATCHES):
            before = cpu_seconds(server.pid)
            supply = (question.draw(rng.randrange(1, length)) for _ in range(commands))
            while group := list(islice(supply, streams.PIPELINE)):
                converse(peer, group)
            costs.append((cpu_seconds(server.pid) - before) / commands * 1e6)
    return median(costs)


def steps(first: int, count: int) -> Iterator[list[Command]]:
    """A queue that is added to, read, acknowledged and deleted from, some entries at a time."""
    added = streams.additions(count, first)
    for oldest in range(1, count, AT_ONCE):
        ids = [id_of(oldest + n) for n in range(AT_ONCE)]
        yield [
            *islice(added, AT_ONCE),
            streams.read_group(AT_ONCE),
            *[(b"XACK", KEY, GROUP, entry_id) for entry_id in ids],
            *[(b"XDEL", KEY, entry_id) for entry_id in ids],
        ]


def steady(server: Server, depth: int, count: int) -> tuple[float, float]:
    """Server CPU in µs per entry of a queue of this depth, and its longest tick in ms (0: not told)."""
    prepared(server, depth)
    with control(server) as client, connect(server) as peer:
        client.config_resetstat()
        before = cpu_seconds(server.pid)
        for commands in steps(depth + 1, count):
            converse(peer, commands)
        spent = cpu_seconds(server.pid) - before
        longest_us = int(client.info("stats").get("eventloop_duration_max", 0))
        if client.xlen(KEY.decode()) != depth:
            raise RuntimeError("the queue did not keep its depth")
    return spent / count * 1e6, longest_us / 1000


def longest_deletion_ms(server: Server, length: int, count: int) -> float:
    """The longest tick while entries all over a long stream are deleted, some of them as acknowledged."""
    prepared(server, length)
    numbers = random.Random(SEED).sample(range(1, length), count)
    supply = (
        (b"XDEL", KEY, id_of(n)) if n % 2 else (b"XACKDEL", KEY, GROUP, b"IDS", b"1", id_of(n))
        for n in sorted(numbers, key=lambda n: n % 2)
    )
    with control(server) as client, connect(server) as peer:
        client.config_resetstat()
        while group := list(islice(supply, AT_ONCE)):
            converse(peer, group)
        if client.xlen(KEY.decode()) != length - count:
            raise RuntimeError("the entries were not deleted")
        return int(client.info("stats").get("eventloop_duration_max", 0)) / 1000


def run(theirs: Side, ours: Side, rounds: int, few: int, many: int) -> list[Measure]:
    """Every command at a small, a middle and a large length; the queue at the small and the large one."""
    lengths = [few, round((few * many) ** 0.5), many]
    rows = {
        question.name: [
            *[Measure(f"{question.name}, {length:,} entries, CPU", "µs") for length in lengths],
            Measure(f"{question.name}, the largest by the smallest", "×", Goal(1.2)),
        ]
        for question in QUESTIONS
    }
    queue = [
        Measure(f"queue of {few:,}, add to delete, CPU", "µs"),
        Measure(f"queue of {many:,}, add to delete, CPU", "µs"),
        Measure("queue, the larger by the smaller", "×", Goal(1.2)),
    ]
    ticks = [
        Measure(f"queue of {many:,}, longest tick", "ms", Goal(5, ratio=False)),
        Measure(f"XDEL and XACKDEL all over {many:,}, longest tick", "ms", Goal(5, ratio=False)),
    ]
    for _ in range(rounds):
        for side, name in ((theirs, "theirs"), (ours, "ours")):
            with side.running() as server:
                _grow(server, lengths, rows, name)
                small, _ = steady(server, few, few)
                large, longest_ms = steady(server, many, few)
                if side.reports_ticks:
                    ticks[0].ours.append(longest_ms)
                    ticks[1].ours.append(longest_deletion_ms(server, many, many // 2))
            for measure, value in zip(queue, (small, large, large / small), strict=True):
                getattr(measure, name).append(value)
    shown = [*queue, *ticks] if ours.reports_ticks else queue
    return [*[measure for measures in rows.values() for measure in measures], *shown]


def _grow(server: Server, lengths: list[int], rows: dict[str, list[Measure]], side: str) -> None:
    for at, length in enumerate(lengths):
        prepared(server, length)
        for question in QUESTIONS:
            few = max(streams.PIPELINE, lengths[0] // SHARE)
            spent = cost(server, question, length, few if question.takes else few * REPEATED)
            getattr(rows[question.name][at], side).append(spent)
    for first, *_, last, growth in rows.values():
        getattr(growth, side).append(getattr(last, side)[-1] / getattr(first, side)[-1])
