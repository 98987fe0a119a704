"""Sequences in which every option of every command comes in its turn, in every way of delivery.

Each choice of an argument tree (an optional argument, an alternative) and each command is a target. The
targets stand in one shuffled row, of which the sequences take `TARGETS` after the other: a certain number of
sequences, `round_of`, has met all of them, and the next ones meet them again with other values. For a target,
lines are written until one makes that choice. Sometimes a damaged copy of the line follows: options doubled,
exchanged, taken from another line, without a value or with one that is none.

`deliveries` sends the same lines as they are, in MULTI … EXEC, and from EVAL, each in RESP2 and RESP3; and
once more by a client that listens to key-space events, by one that tracks the keys it reads, and by one whose
user may not do everything.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from compat.oracle.case import (
    BY_SCRIPTS,
    CALL,
    CALL_RESP3,
    IN_TRANSACTIONS,
    NOTIFIED,
    PIPELINED,
    RESTRICTED,
    TRACKED,
    Case,
    in_line,
)
from compat.oracle.grammar.every_option import SETUPS, USER, every_option
from compat.oracle.grammar.family import Command, Rule, Sentences, with_spans
from compat.oracle.grammar.tree import Trees
from compat.oracle.runner import Plan
from compat.oracle.wire import Argv
from respq.commands import SPECS
from respq.flags import Flag

TARGETS = 40  # of a sequence
TRIES = 10_000  # lines written to meet a target
DAMAGED = 0.25  # how often a damaged line follows
TRANSACTION = 5  # commands
HOSTILE = [b"", b"x", b"-1", b"0", b"9223372036854775808", b"-9223372036854775809", b"\xff"]
# What is not damaged: a timeout may be for ever, a span so short that it ends now and then, a user any.
WHOLE = {name for name, spec in SPECS.items() if Flag.BLOCKING in spec.flags}
WHOLE |= {"SETEX", "PSETEX", "ACL|SETUSER"}

REPLAYED = (PIPELINED, IN_TRANSACTIONS, BY_SCRIPTS)  # logs that redis-server reads as well

LAST = {"FLUSHALL", "FLUSHDB", "SWAPDB", "SELECT"}  # what comes behind them finds nothing

# The rules of who is RESTRICTED, by the sequence.
RULES = [
    b"+@all ~l* ~x* %R~s* %W~d* ~h1 ~e*",
    b"-@all +@read +@write +@scripting ~s* ~o* %R~z* %W~h*",
    b"+@all -@write +set +sort +zadd ~* resetchannels &news",
    b"+@all -@dangerous -@admin %RW~?1 %R~*",
    b"-@all +@fast +copy +sort +eval +evalsha +fcall +xread +bitop +object|encoding ~s* ~l*",
]

Target = tuple[str, str]  # a command, and a choice of its tree, or "" for the command itself


class EveryOption(Sentences):
    """As `Sentences`, by targets."""

    def __init__(self, trees: Trees) -> None:
        super().__init__(every_option(trees), trees)
        self.targets = list(_targets(self.family.rules, trees))
        random.Random(0).shuffle(self.targets)

    @property
    def round_of(self) -> int:
        """How many sequences meet every target once."""
        return -(-len(self.targets) // TARGETS)

    def write(self, seed: int) -> list[Command]:
        """The keyspace, and about 50 commands; the same for the same seed."""
        self._rng.seed(seed)
        commands = [Command(argv[0].decode(), argv, ()) for argv in SETUPS]
        for at in range(seed * TARGETS, (seed + 1) * TARGETS):
            name, choice = self.targets[at % len(self.targets)]
            command = self._meeting(name, choice)
            commands.append(command)
            if self._chance() < DAMAGED and name not in WHOLE:
                commands.append(self._damaged(command))
        return with_spans(sorted(commands, key=lambda command: command.name in LAST), seed)

    def _meeting(self, name: str, choice: str) -> Command:
        for _ in range(TRIES):
            command = self._command(name)
            if not choice or choice in command.choices:
                return command
        raise AssertionError(f"{name}: no line with {choice}")

    def _damaged(self, command: Command) -> Command:
        rng, words = self._rng, command.name.count("|") + 1
        head, tail = command.argv[:words], command.argv[words:]
        way = rng.randrange(5)
        if way == 0 or not tail:
            tail = [*tail, *self._command(command.name).argv[words + 1 :]]
        else:
            at = rng.randrange(len(tail))
            tail = [
                [*tail[:at], *tail[at + 1 :]],
                [*tail[:at], tail[at], *tail[at:]],
                [*tail[:at], rng.choice(HOSTILE), *tail[at + 1 :]],
                [*tail[:at], *tail[at + 1 :][:1], tail[at], *tail[at + 2 :]],
            ][way - 1]
        return Command(command.name, [*head, *tail], ())


def plan(trees: Trees) -> Plan:
    return Plan(EveryOption(trees), deliveries, REPLAYED)


def _targets(rules: Mapping[str, Rule], trees: Trees) -> Iterator[Target]:
    for name, rule in rules.items():
        yield name, ""
        choices = dict.fromkeys(choice for argument in trees[name] for choice in argument.choices())
        yield from ((name, choice) for choice in choices if choice not in rule.left_out)


def deliveries(commands: Sequence[Command], seed: int, setups: Sequence[Argv] = ()) -> list[Case]:
    """The cases of one sequence; the keyspace is always prepared directly."""
    before = [command.argv for command in commands[: len(setups)]]
    argvs = [command.argv for command in commands[len(setups) :]]
    queued = [
        argv
        for at in range(0, len(argvs), TRANSACTION)
        for argv in ([b"MULTI"], *argvs[at : at + TRANSACTION], [b"EXEC"])
    ]
    cases = []
    for resp, script in ((2, CALL), (3, CALL_RESP3)):
        called = [[b"EVAL", script, b"0", *argv] for argv in argvs]
        cases += [
            Case(in_line([*before, *argvs]), PIPELINED, resp, seed),
            Case(in_line([*before, *queued]), IN_TRANSACTIONS, resp, seed),
            Case(in_line([*before, *called]), BY_SCRIPTS, resp, seed),
        ]
    user = [[b"ACL", b"SETUSER", USER, b"reset", b"on", b"nopass", *RULES[seed % len(RULES)].split()]]
    user.append([b"AUTH", USER, b""])
    return [
        *cases,
        Case(in_line([*before, *argvs]), NOTIFIED, 3, seed),
        Case(in_line([*before, [b"CLIENT", b"TRACKING", b"ON"], *argvs]), TRACKED, 3, seed),
        Case(
            in_line([*before, *user, *argvs, [b"AUTH", b"default", b""], [b"ACL", b"LOG"]]),
            RESTRICTED,
            2,
            seed,
        ),
    ]
