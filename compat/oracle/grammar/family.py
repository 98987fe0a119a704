"""Families of commands: which to send how often, with which values, and what they must meet.

A `Rule` belongs to one command. Its syntax comes from the argument tree of the oracle; `values`
maps the name of an argument in that tree to what is worth trying (repeat a value to make it
likelier), `extra` holds whole commands that chance would hardly write, and `errors` lists the
error replies that the command has to meet in a run, as prefixes of their text.

`Sentences` compiles a family against the trees into plain closures over lists, because some
400,000 commands are written in a run.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from compat.oracle.case import BRIEF
from compat.oracle.grammar.tree import Argument, Trees
from compat.oracle.wire import Argv

Values = Sequence[bytes]
Write = Callable[[Argv, list[str]], None]  # appends arguments, and the choices it made
Chance = Callable[[], float]

OPTION = 0.3  # how often an optional argument is given
SHUFFLED = 0.3  # how often options change their order
CONFLICT = 0.02  # how often a second alternative follows the first
DAMAGE = 0.02  # how often an argument is lost or added
SHORT = 0.02  # how often an `extra` line comes that is too short, where damage seldom leads to one
REPEATS = (1, 1, 1, 2, 2, 3, 5)
# In a value it stands for a number of four digits that no other place of the sequence has: which of two equal
# spans ends later, which GT and LT ask, is a matter of the millisecond.
SPAN = b"{span}"
AHEAD = b"%b000" % SPAN  # seconds that do not end in a run
COUNTS = ("numkeys", "numfields", "numids")  # arguments that say how often the next one follows

ARITY = "ERR wrong number of arguments for"
SYNTAX = "ERR syntax error"
NOT_INTEGER = "ERR value is not an integer or out of range"
NOT_FLOAT = "ERR value is not a valid float"
WRONGTYPE = "WRONGTYPE"


@dataclass(frozen=True)
class Rule:
    weight: float = 1.0
    values: Mapping[str, Values] = field(default_factory=dict)
    errors: Sequence[str] = ()
    extra: Sequence[Argv] = ()
    extra_chance: float = 0.1
    option: float = OPTION
    damage: bool = True
    left_out: Sequence[str] = ()  # choices of the tree that are not made, with a reason beside


class Command(NamedTuple):
    name: str  # as the grammar calls it, "CLIENT|KILL"
    argv: Argv
    choices: Sequence[str]


@dataclass(frozen=True)
class Family:
    name: str
    rules: Mapping[str, Rule]
    values: Mapping[str, Values]  # by argument name or by kind, for all rules
    setups: Sequence[Argv]  # some of them open every sequence, so that commands find something
    keys: Values  # whatever a sequence can create
    others: Mapping[str, Rule] = field(default_factory=dict)  # commands of other families to mix in
    dbs: Sequence[int] = (0,)  # databases that a sequence may use
    dump: Sequence[Argv] = ()  # what else to ask about every key in the end; {key} stands for it
    share: float = 1.0  # of the sequences: a few commands are covered sooner
    since_7_0: bool = False  # has commands that redis-server 7.0 does not know
    restore: Sequence[Argv] = ()  # brings back what FLUSHALL does not
    leave: Sequence[Argv] = ()  # and takes it away for whoever asks the same server next
    # A sequence with the first command does without the others.
    apart: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @functools.cached_property
    def all_rules(self) -> dict[str, Rule]:
        return {**self.others, **self.rules}


class Sentences:
    """Writes sequences of one family's commands."""

    def __init__(self, family: Family, trees: Trees) -> None:
        self.family = family
        self._rng = random.Random()
        self._chance = self._rng.random
        self._writers: dict[str, Write] = {}
        for name, rule in family.all_rules.items():
            compiler = _Compiler({**family.values, **rule.values}, self._rng, rule)
            self._writers[name] = compiler.sequence(trees[name])
        names = list(family.all_rules)
        self._names = names
        self._weights = list(itertools.accumulate(r.weight for r in family.all_rules.values()))

    def write(self, seed: int) -> list[Command]:
        """20 to 60 commands; the same for the same seed."""
        rng = self._rng
        rng.seed(seed)
        setups = [argv for argv in self.family.setups if self._chance() < 0.6]
        commands = [Command(argv[0].decode(), argv, ()) for argv in setups]
        names = rng.choices(self._names, cum_weights=self._weights, k=rng.randint(20, 60 - len(setups)))
        commit = -1  # index at which an open transaction ends
        for index, name in enumerate(names):
            commands.append(self._command("EXEC" if index == commit else name))
            if name == "MULTI":
                commit = index + rng.randint(1, 6)
        for name, strangers in self.family.apart.items():
            if any(command.name == name for command in commands):
                commands = [command for command in commands if command.name not in strangers]
        return with_spans(commands, seed)

    def _command(self, name: str) -> Command:
        rule = self.family.all_rules[name]
        if rule.extra and self._chance() < rule.extra_chance:
            return Command(name, self._rng.choice(rule.extra), ())
        argv: Argv = name.encode().split(b"|")
        choices: list[str] = []
        self._writers[name](argv, choices)
        chance = self._chance()
        if chance < DAMAGE and rule.damage:
            words = name.count("|") + 1
            argv = argv[:-1] if len(argv) > words and chance < DAMAGE / 2 else [*argv, BRIEF]
            choices = []
        elif chance > 0.97:
            argv[0] = argv[0].lower()
        return Command(name, argv, choices)


def with_spans(commands: Sequence[Command], seed: int) -> list[Command]:
    """`commands` with a number in place of every SPAN: the same for the same seed, and in no order."""
    numbers = (1000 + (seed + at * 3571) % 8999 for at in itertools.count())  # 8999 is prime: no repetition

    def numbered(word: bytes) -> bytes:
        return word.replace(SPAN, b"%d" % next(numbers)) if SPAN in word else word

    return [command._replace(argv=list(map(numbered, command.argv))) for command in commands]


class _Compiler:
    """Turns argument trees into writers."""

    def __init__(self, values: Mapping[str, Values], rng: random.Random, rule: Rule) -> None:
        self.values = values
        self.left_out = rule.left_out
        self.option = rule.option
        self.rng = rng
        self.chance = rng.random

    def sequence(self, arguments: Sequence[Argument]) -> Write:
        """Arguments in their order; neighbouring options in any."""
        writers: list[Write] = []
        rest = list(arguments)
        while rest:
            if rest[0].name in COUNTS:
                writers.append(self._counted(rest[0].name, rest[1]))
                rest = rest[2:]
            elif rest[0].is_option:
                options = list(itertools.takewhile(lambda a: a.is_option, rest))
                writers.append(self._options([self._argument(a) for a in options]))
                rest = rest[len(options) :]
            else:
                writers.append(self._argument(rest.pop(0)))
        return _all(writers)

    def _argument(self, arg: Argument) -> Write:
        write = self._repeated(arg, self._tokened(arg, self._once(arg)))
        return self._maybe(arg.name, write) if arg.optional else write

    def _maybe(self, name: str, write: Write) -> Write:
        chance, option = self.chance, self.option

        def maybe(argv: Argv, choices: list[str]) -> None:
            if chance() < option:
                choices.append(name)
                write(argv, choices)

        return maybe

    def _repeated(self, arg: Argument, write: Write) -> Write:
        if not arg.multiple:
            return write
        chance, repeats = self.chance, len(REPEATS)
        bare = self._once(arg)
        again = write if "multiple_token" in arg.flags or not arg.token else bare

        def repeated(argv: Argv, choices: list[str]) -> None:
            write(argv, choices)
            for _ in range(REPEATS[int(chance() * repeats)] - 1):
                again(argv, choices)

        return repeated

    def _tokened(self, arg: Argument, write: Write) -> Write:
        if not arg.token or arg.kind == "pure-token":
            return write
        token = arg.token

        def tokened(argv: Argv, choices: list[str]) -> None:
            argv.append(token)
            write(argv, choices)

        return tokened

    def _once(self, arg: Argument) -> Write:
        if arg.kind == "pure-token":
            return self._word(arg.token)
        if arg.kind == "oneof":
            return self._one_of(arg)
        if arg.kind == "block":
            return self.sequence(arg.parts)
        return self._value(arg)

    def _word(self, token: bytes) -> Write:
        chance, lower = self.chance, token.lower()

        def word(argv: Argv, choices: list[str]) -> None:
            argv.append(lower if chance() < 0.1 else token)

        return word

    def _one_of(self, arg: Argument) -> Write:
        # An alternative may be marked optional (CLIENT KILL's filters): chosen, it is there.
        parts = [p for p in arg.parts if f"{arg.name}.{p.name}" not in self.left_out]
        writers = [self._tokened(part, self._once(part)) for part in parts]
        names = [f"{arg.name}.{part.name}" for part in parts]
        chance, count = self.chance, len(writers)
        words = all(part.kind == "pure-token" for part in parts)

        def one_of(argv: Argv, choices: list[str]) -> None:
            index = int(chance() * count)
            choices.append(names[index])
            writers[index](argv, choices)
            slip = chance()
            if words and slip < CONFLICT:
                if slip < CONFLICT / 2:
                    argv[-1] = b"NOPE"
                else:
                    writers[int(chance() * count)](argv, choices)

        return one_of

    def _options(self, writers: list[Write]) -> Write:
        chance, shuffle = self.chance, self.rng.shuffle

        def options(argv: Argv, choices: list[str]) -> None:
            order = writers
            if chance() < SHUFFLED:
                order = writers[:]
                shuffle(order)
            for write in order:
                write(argv, choices)

        return options

    def _counted(self, number: str, item: Argument) -> Write:
        chance, write, repeats = self.chance, self._once(item), len(REPEATS)
        wrong = self.values[number]

        def counted(argv: Argv, choices: list[str]) -> None:
            count = REPEATS[int(chance() * repeats)]
            right = chance() < 0.93
            argv.append(b"%d" % count if right else wrong[int(chance() * len(wrong))])
            if item.optional:
                choices.append(item.name)
            for _ in range(count):
                write(argv, choices)

        return counted

    def _value(self, arg: Argument) -> Write:
        chance, pool = self.chance, self._pool(arg)
        size = len(pool)

        def value(argv: Argv, choices: list[str]) -> None:
            argv.append(pool[int(chance() * size)])

        return value

    def _pool(self, arg: Argument) -> Values:
        return self.values.get(arg.name) or self.values[arg.kind]


def _all(writers: list[Write]) -> Write:
    if len(writers) == 1:
        return writers[0]

    def write_all(argv: Argv, choices: list[str]) -> None:
        for write in writers:
            write(argv, choices)

    return write_all
