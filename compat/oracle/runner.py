"""Runs sequences against the reference and the subject, and shrinks what differs.

One sequence of commands is run in these ways, in the order of `ways`: pipelined in RESP2; then in
RESP3; then one by one and split at random bytes, each in one of the versions; then spread over
three clients; then pipelined in RESP3 by a client that listens to all key-space events. For a single
client that does not listen the reference answers once per version, because how the bytes arrive must not
matter to it.
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from compat.oracle.case import NOTIFIED, PIPELINED, SINGLE, SPLIT, SPREAD, Case, Step, in_line, spread
from compat.oracle.compare import Difference, first_difference, line
from compat.oracle.coverage import Coverage
from compat.oracle.grammar.family import Command, Family, Sentences
from compat.oracle.grammar.tree import Trees
from compat.oracle.targets import Outcome, ProcessTarget, Target
from compat.oracle.wire import Argv, parse_all, render, split_pushes

CLIENTS = 3
ALIKE = (PIPELINED, SINGLE, SPLIT)  # deliveries to which the reference answers the same
SHRINK_RUNS = 400
REPEATS = 3  # a difference counts if it shows every time: the servers' clocks are not the same
# CLIENT PAUSE would stop the control connection, too; redis-server may flush on another thread and
# let the client wait, so that what the others do meanwhile is a matter of luck.
# Who has quit can still be killed until the turn ends.
NOT_SPREAD = frozenset({b"PAUSE", b"FLUSHALL", b"FLUSHDB", b"QUIT"})


@dataclass(frozen=True)
class Failure:
    """A difference, the seed that leads to it, and the shortest case found that still shows one."""

    family: str
    seed: int
    case: Case
    difference: Difference

    def __str__(self) -> str:
        steps = "\n".join(f"    {s.turn:3} client {s.client}: {line(s.argv)}" for s in self.case.steps)
        return (
            f"{self.family}, seed {self.seed}, {self.case.delivery}, RESP{self.case.resp}: "
            f"{self.difference}\n  shortest sequence that shows it (turn, client, command):\n{steps}"
        )


class Runner:
    """One family, one reference, one subject."""

    def __init__(self, plan: Plan, trees: Trees, reference: ProcessTarget, subject: Target) -> None:
        self.plan = plan
        self.family = family = plan.sentences.family
        self.reference = reference
        self.subject = subject
        self.coverage = Coverage(family, trees)
        self.unrepeated = 0  # differences that did not show again
        self.dump = dump_commands(family)
        self.dump_bytes = b"".join(map(render, self.dump))

    def check(self, seed: int) -> Failure | None:
        """Write the sequence of a seed and run it in every way; shrink what differs."""
        found = self._first_difference(seed)
        if found is None:
            return None
        case, difference = found
        return self._shortened(seed, case, difference) if self._repeats(case) else None

    def differs(self, seed: int, delivery: str | None = None) -> bool:
        """As `check`, for those who need not know where; perhaps in one kind of delivery only."""
        return self._first_difference(seed, delivery) is not None

    def _first_difference(self, seed: int, delivery: str | None = None) -> tuple[Case, Difference] | None:
        commands = self.plan.sentences.write(seed)
        references: dict[str, Outcome] = {}
        for case in self.plan.ways(commands, seed, self.family.setups):
            if delivery not in (None, case.delivery):
                continue
            key = str(case.resp) if case.delivery in ALIKE else f"{case.delivery}, RESP{case.resp}"
            if key not in references:
                references[key] = self.reference.run(case, self.dump_bytes)
                if case.delivery == PIPELINED and case.resp == 2:
                    self._cover(commands, references[key])
            found = self._found(case)
            difference = first_difference(case, self.dump, references[key], found)
            if difference is not None:
                return case, difference
        return None

    def _repeats(self, case: Case) -> bool:
        if all(self.run(case) is not None for _ in range(REPEATS)):
            return True
        self.unrepeated += 1
        return False

    def failures(self, seeds: Sequence[int]) -> Iterator[Failure]:
        return (failure for seed in seeds if (failure := self.check(seed)) is not None)

    def _cover(self, commands: Sequence[Command], outcome: Outcome) -> None:
        self.coverage.record(commands, split_pushes(parse_all(outcome.streams[0]))[0])

    def run(self, case: Case) -> Difference | None:
        """One case on both."""
        expected = self.reference.run(case, self.dump_bytes)
        found = self._found(case)
        return first_difference(case, self.dump, expected, found)

    def _found(self, case: Case) -> Outcome:
        """What the subject does, and what the reference makes of its log; a crash is what it answers."""
        try:
            found = self.subject.run(case, self.dump_bytes)
        except Exception:  # noqa: BLE001  # whatever it is, it is a difference
            return Outcome([], [], b"", crash=traceback.format_exc())
        if not found.log or case.delivery not in self.plan.replayed or case.resp != 2:
            return found
        return replace(found, replayed=self.reference.replay(found.log, self.dump_bytes))

    def _shortened(self, seed: int, case: Case, difference: Difference) -> Failure:
        steps = shrink(case.steps, lambda steps: self.run(case.with_steps(steps)) is not None)
        shortest = case.with_steps(steps)
        return Failure(self.family.name, seed, shortest, self.run(shortest) or difference)


def ways(commands: Sequence[Command], seed: int, setups: Sequence[Argv] = ()) -> list[Case]:
    """The cases of one sequence.

    Spread over clients, it does without `setups` half of the time: where there is nothing, there is
    something to wait for.
    """
    rng = random.Random(seed)
    argvs = [command.argv for command in commands]
    dropped = setups if rng.random() < 0.5 else ()
    alone = in_line(argvs)
    shared = [
        argv
        for argv in argvs
        if argv not in dropped and NOT_SPREAD.isdisjoint(word.upper() for word in argv[:2])
    ]
    return [
        Case(alone, PIPELINED, 2, seed),
        Case(alone, PIPELINED, 3, seed),
        Case(alone, SINGLE, rng.choice((2, 3)), seed),
        Case(alone, SPLIT, rng.choice((2, 3)), seed),
        Case(spread(shared, rng, CLIENTS), SPREAD, rng.choice((2, 3)), seed, CLIENTS),
        Case(alone, NOTIFIED, 3, seed),
    ]


@dataclass(frozen=True)
class Plan:
    """What is sent, in which ways, and which of them leave a log that the reference has to read as well."""

    sentences: Sentences
    ways: Callable[[Sequence[Command], int, Sequence[Argv]], list[Case]] = ways
    replayed: Collection[str] = ()


def dump_commands(family: Family) -> list[Argv]:
    """What is compared of the keyspace: type, encoding, expiry and content of every key."""
    commands: list[Argv] = []
    for db in family.dbs:
        commands.append([b"SELECT", b"%d" % db])
        for key in family.keys:
            commands += [[b"TYPE", key], [b"OBJECT", b"ENCODING", key], [b"EXPIRETIME", key]]
            commands += [[b"GET", key], [b"LRANGE", key, b"0", b"-1"]]
            commands += [[key if word == b"{key}" else word for word in argv] for argv in family.dump]
        commands.append([b"DBSIZE"])  # last: by now whatever has expired is gone
    return commands


def shrink(steps: Sequence[Step], fails: Callable[[list[Step]], bool]) -> list[Step]:
    """Leave out ever smaller parts while it still fails (delta debugging)."""
    steps, size, runs = list(steps), max(1, len(steps) // 2), 0
    while runs < SHRINK_RUNS:
        at, before = 0, len(steps)
        while at < len(steps) and runs < SHRINK_RUNS:
            rest = steps[:at] + steps[at + size :]
            runs += 1
            if rest and fails(rest):
                steps = rest
            else:
                at += size
        if size == 1 and len(steps) == before:
            break
        size = max(1, size // 2)
    return steps
