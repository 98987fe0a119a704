"""Sorted sets: unions, intersections and differences, read or stored.

Sets take part, with a score of 1 for each member. Checked on 8.2.3: the number of keys is read first, then
the keys are looked up, then the options are read. Scores are combined from the smallest input to the largest,
which decides about the last digit of a sum and about infinities of both signs. A product that is no number
counts as 0, in an intersection only if it is the first; a sum that is no number always does.

AGGREGATE COUNT came with Redis 8.8.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isnan

from respq.command import DENYOOM, MOVABLEKEYS, READONLY, WRITE, Argv, Client, Keys, command, key
from respq.commands.arguments import Options, parse_double, parse_int, parse_non_negative
from respq.commands.sorted_set_ranges import store
from respq.commands.sorted_sets import scored
from respq.datatypes.sets import SetValue
from respq.datatypes.sorted_sets import SortedSetValue
from respq.errors import CommandError, syntax_error, wrong_type
from respq.protocol.doubles import format_double
from respq.protocol.resp import bulks, integer

INPUTS = (Keys("RO access", 1, counted=True),)
STORE = (key(1, "OW update"), Keys("RO access", 2, counted=True))
OF_UNION = "O(n + m log m), n members in all, m in the result"
OF_INTERSECTION = "O(n k + m log m), n members of the smallest of k inputs, m in the result"
OF_DIFFERENCE = "O(n + m log m), n members in all, m in the result"
WEIGHTED = "[WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]"

Scores = dict[bytes, float]
Aggregate = Callable[[float, float], float]


def _sum(a: float, b: float) -> float:
    total = a + b
    return 0.0 if isnan(total) else total


COUNT = b"COUNT"
AGGREGATES: dict[bytes, Aggregate] = {b"SUM": _sum, b"MIN": min, b"MAX": max, COUNT: _sum}


class Inputs:
    """What the words of a command say: the inputs, and how to combine them."""

    __slots__ = ("aggregate", "counting", "limit", "sources", "weights", "with_scores")

    def __init__(self, c: Client, argv: Argv, at: int, allowed: set[bytes]) -> None:
        """Read from numkeys at `argv[at]` on; `allowed` are the options."""
        count = parse_int(argv[at])
        if count < 1:
            raise CommandError(f"at least 1 input key is needed for '{argv[0].decode().lower()}' command")
        options = Options(argv, at + 1)
        self.sources = [_scores_under(c, name) for name in options.values(count)]
        self.weights = [1.0] * count
        self.aggregate: Aggregate = _sum
        self.counting = False  # AGGREGATE COUNT: each input that holds a member adds its weight
        self.limit = 0
        self.with_scores = False
        for option in options:
            if option not in allowed:
                raise syntax_error()
            if option == b"WEIGHTS":
                self.weights = [_parse_weight(word) for word in options.values(count)]
            elif option == b"AGGREGATE":
                word = options.value().upper()
                aggregate = AGGREGATES.get(word)
                if aggregate is None:
                    raise syntax_error()
                self.aggregate, self.counting = aggregate, word == COUNT
            elif option == b"LIMIT":
                self.limit = parse_non_negative(options.value(), "LIMIT can't be negative")
            else:
                self.with_scores = True

    def weighted(self) -> list[tuple[Scores, float]]:
        """The inputs with their weights, the smallest first."""
        sources = [dict.fromkeys(source, 1.0) for source in self.sources] if self.counting else self.sources
        return sorted(zip(sources, self.weights, strict=True), key=lambda source: len(source[0]))


def _parse_weight(word: bytes) -> float:
    try:
        return parse_double(word)
    except CommandError:
        raise CommandError("weight value is not a float") from None


def _scores_under(c: Client, name: bytes) -> Scores:
    """The members under a key with their scores; not to be changed."""
    value = c.read_any(name)
    if value is None:
        return {}
    if isinstance(value, SortedSetValue):
        return value.scores
    if isinstance(value, SetValue):
        return dict.fromkeys(value.members(), 1.0)
    raise wrong_type()


def _times(score: float, weight: float) -> float:
    product = score * weight
    return 0.0 if isnan(product) else product


# -- combine ---------------------------------------------------------------------------------------


def _union(inputs: Inputs) -> Scores:
    result: Scores = {}
    aggregate = inputs.aggregate
    for source, weight in inputs.weighted():
        for member, score in source.items():
            product = _times(score, weight)
            old = result.get(member)
            result[member] = product if old is None else aggregate(old, product)
    return result


def _intersection(inputs: Inputs) -> Scores:
    result: Scores = {}
    aggregate = inputs.aggregate
    (smallest, first_weight), *others = inputs.weighted()
    for member, score in smallest.items():
        combined = _times(score, first_weight)
        for source, weight in others:
            other = source.get(member)
            if other is None:
                break
            combined = aggregate(combined, other * weight)  # here what is no number is told to SUM
        else:
            result[member] = combined
    return result


def _difference(inputs: Inputs) -> Scores:
    first, *others = inputs.sources
    return {member: score for member, score in first.items() if not any(member in other for other in others)}


def _answer(c: Client, argv: Argv, combine: Callable[[Inputs], Scores], allowed: set[bytes]) -> bytes:
    inputs = Inputs(c, argv, 1, {*allowed, b"WITHSCORES"})
    result = combine(inputs)
    members = [member for _, member in sorted((score, member) for member, score in result.items())]
    if inputs.with_scores:
        return scored(c, members, [result[member] for member in members])
    return bulks(members)


def _store(c: Client, argv: Argv, combine: Callable[[Inputs], Scores], allowed: set[bytes]) -> bytes:
    inputs = Inputs(c, argv, 2, allowed)
    result = SortedSetValue.of(combine(inputs))
    event = argv[0].decode().lower()
    if inputs.counting:
        return _store_counts(c, argv[1], result, event)
    return store(c, argv, argv[1], result, event)


def _store_counts(c: Client, name: bytes, result: SortedSetValue, event: str) -> bytes:
    """Store the result of AGGREGATE COUNT, a word that Redis 8.2 cannot load: its log has the members."""
    if not result.scores:
        return store(c, [b"DEL", name], name, result, event)
    mark = len(c.effects)
    if c.db.get(name) is not None:
        c.effects.append((c.db, None, None, [b"DEL", name]))
    pairs = [word for member, score in result.scores.items() for word in (format_double(score), member)]
    reply = store(c, [b"ZADD", name, *pairs], name, result, event)
    c.log_together(mark)
    return reply


OF_COMBINING = {b"WEIGHTS", b"AGGREGATE"}


# -- commands --------------------------------------------------------------------------------------


@command("ZUNION", arity=-3, flags=READONLY | MOVABLEKEYS, keys=INPUTS, group="sorted-set", since="6.2.0",
         syntax=f"numkeys key [key ...] {WEIGHTED} [WITHSCORES]", complexity=OF_UNION,
         argument_groups="aggregate")  # fmt: skip
def zunion(c: Client, argv: Argv) -> bytes:
    """The members that are in any of the inputs."""
    return _answer(c, argv, _union, OF_COMBINING)


@command("ZINTER", arity=-3, flags=READONLY | MOVABLEKEYS, keys=INPUTS, group="sorted-set", since="6.2.0",
         syntax=f"numkeys key [key ...] {WEIGHTED} [WITHSCORES]", complexity=OF_INTERSECTION,
         argument_groups="aggregate")  # fmt: skip
def zinter(c: Client, argv: Argv) -> bytes:
    """The members that are in all of the inputs."""
    return _answer(c, argv, _intersection, OF_COMBINING)


@command("ZDIFF", arity=-3, flags=READONLY | MOVABLEKEYS, keys=INPUTS, group="sorted-set", since="6.2.0",
         syntax="numkeys key [key ...] [WITHSCORES]", complexity=OF_DIFFERENCE)  # fmt: skip
def zdiff(c: Client, argv: Argv) -> bytes:
    """The members that are in the first of the inputs and in no other."""
    return _answer(c, argv, _difference, set())


@command("ZUNIONSTORE", arity=-4, flags=WRITE | DENYOOM | MOVABLEKEYS, keys=STORE, group="sorted-set",
         since="2.0.0", syntax=f"destination numkeys key [key ...] {WEIGHTED}",
         complexity=OF_UNION,
         argument_groups="aggregate")  # fmt: skip
def zunionstore(c: Client, argv: Argv) -> bytes:
    """Store the members that are in any of the inputs."""
    return _store(c, argv, _union, OF_COMBINING)


@command("ZINTERSTORE", arity=-4, flags=WRITE | DENYOOM | MOVABLEKEYS, keys=STORE, group="sorted-set",
         since="2.0.0", syntax=f"destination numkeys key [key ...] {WEIGHTED}",
         complexity=OF_INTERSECTION,
         argument_groups="aggregate")  # fmt: skip
def zinterstore(c: Client, argv: Argv) -> bytes:
    """Store the members that are in all of the inputs."""
    return _store(c, argv, _intersection, OF_COMBINING)


@command("ZDIFFSTORE", arity=-4, flags=WRITE | DENYOOM | MOVABLEKEYS, keys=STORE, group="sorted-set",
         since="6.2.0", syntax="destination numkeys key [key ...]", complexity=OF_DIFFERENCE)  # fmt: skip
def zdiffstore(c: Client, argv: Argv) -> bytes:
    """Store the members that are in the first of the inputs and in no other."""
    return _store(c, argv, _difference, set())


@command("ZINTERCARD", arity=-3, flags=READONLY | MOVABLEKEYS, keys=INPUTS, group="sorted-set", since="7.0.0",
         syntax="numkeys key [key ...] [LIMIT limit]", complexity=OF_INTERSECTION)  # fmt: skip
def zintercard(c: Client, argv: Argv) -> bytes:
    """How many members are in all of the inputs, counted up to a limit."""
    inputs = Inputs(c, argv, 1, {b"LIMIT"})
    smallest, *others = sorted(inputs.sources, key=len)
    found = 0
    for member in smallest:
        if all(member in other for other in others):
            found += 1
            if found == inputs.limit:
                break
    return integer(found)
