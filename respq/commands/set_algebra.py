"""Sets: unions, intersections and differences, read or stored.

All keys are looked up before anything is done, so a wrong type is an error even where the result is known to
be empty. What is stored begins as an empty intset and takes members in the order in which they are found:
that decides its encoding, as on 8.2.3. An intersection goes through the smallest set, and begins as a
listpack if that is no intset; if all that it found are integers it becomes one. A difference goes through the
first set, unless that is so large that it is cheaper to take the others away from a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

from respq.command import DENYOOM, MOVABLEKEYS, READONLY, WRITE, Argv, Client, Keys, command, key, keys
from respq.commands.arguments import Options, parse_int, parse_non_negative
from respq.datatypes.sets import INTSET, LISTPACK, SetValue
from respq.datatypes.strings import is_int
from respq.errors import CommandError, syntax_error
from respq.protocol.resp import integer

ALL = (keys(1, -1, 1, "RO access"),)
STORE = (key(1, "OW update"), keys(2, -1, 1, "RO access"))
COUNTED = (Keys("RO access", 1, counted=True),)
UNORDERED = ("nondeterministic_output_order",)
OF_UNION = "O(n), n members in all"
OF_INTERSECTION = "O(n m), n members of the smallest of m sets"

_COUNTED_AT_ONCE = 1000  # members, between two looks at the limit

Sources = Sequence[SetValue | None]


def _sources(c: Client, names: Sequence[bytes]) -> Sources:
    return [c.read(name, SetValue) for name in names]


def _collected(members: list[bytes]) -> SetValue:
    result = SetValue()
    result.add(members)
    return result


def _union(sources: Sources) -> SetValue:
    result = SetValue()
    for source in sources:
        if source is not None:
            result.add(source.members())
    return result


def _from_smallest(sources: Sources) -> list[SetValue]:
    """All of the sets; none if one of them does not exist."""
    present = [source for source in sources if source is not None]
    return sorted(present, key=len) if len(present) == len(sources) else []


def _common(sources: Sources) -> list[bytes]:
    """The members of all sets, in the order of the smallest."""
    if not (ordered := _from_smallest(sources)):
        return []
    smallest, *others = ordered
    return _in_all(smallest.members(), others)


def _in_all(members: list[bytes], sets: Sequence[SetValue]) -> list[bytes]:
    for other in sets:
        members = other.having(members)
    return members


def _count_common(sources: Sources, limit: int) -> int:
    """How many members all sets have in common, counted up to the limit, if that is not 0."""
    if not (ordered := _from_smallest(sources)):
        return 0
    smallest, *others = ordered
    members, found = smallest.members(), 0
    for start in range(0, len(members), _COUNTED_AT_ONCE):
        found += len(_in_all(members[start : start + _COUNTED_AT_ONCE], others))
        if 0 < limit <= found:
            return limit
    return found


def _count_union(sources: Sources, limit: int) -> int:
    """How many members there are in all, likewise. The largest set is counted first, without a look at it."""
    first, *others = sorted([source for source in sources if source], key=len, reverse=True) or [SetValue()]
    if 0 < limit <= len(first):
        return limit
    added: set[bytes] = set()
    for other in others:
        members = other.members()
        for start in range(0, len(members), _COUNTED_AT_ONCE):
            added.update(first.lacking(members[start : start + _COUNTED_AT_ONCE]))
            if 0 < limit <= len(first) + len(added):
                return limit
    return len(first) + len(added)


def _count_difference(sources: Sources, limit: int) -> int:
    """How many members of the first set are in no other, likewise."""
    first, *others = sources
    if first is None:
        return 0
    members, found = first.members(), 0
    for start in range(0, len(members), _COUNTED_AT_ONCE):
        rest = members[start : start + _COUNTED_AT_ONCE]
        for other in others:
            rest = rest if other is None else other.lacking(rest)
        found += len(rest)
        if 0 < limit <= found:
            return limit
    return found


def _intersection(sources: Sources) -> SetValue:
    members, result = _common(sources), SetValue()
    if members and _from_smallest(sources)[0].encoding() is not INTSET:
        integers = len(members) <= SetValue.max_intset_entries and all(map(is_int, members))
        result = SetValue(INTSET if integers else LISTPACK)
    result.add(members)
    return result


def _difference(sources: Sources) -> SetValue:
    first, *others = sources
    if first is None:
        return SetValue()
    rest = [other for other in others if other is not None]
    if len(first) * (1 + len(rest)) // 2 <= len(first) + sum(map(len, rest)):
        members = first.members()
        for other in rest:
            members = other.lacking(members)
        return _collected(members)
    result = _collected(first.members())
    for other in rest:
        result.remove(other.members())
    return result


def _store(c: Client, argv: Argv, combine: Callable[[Sources], SetValue]) -> bytes:
    """Put the result under a key in place of anything else; delete the key if it is empty."""
    db, name = c.db, argv[1]
    result = combine(_sources(c, argv[2:]))
    if result:
        db.put(name, result)
        c.effects.append((db, name, argv[0].decode("latin-1").lower(), argv))
    elif db.get(name) is not None:
        db.discard(name)
        c.effects.append((db, name, "del", argv))
    return integer(len(result))


@command("SUNION", arity=-2, flags=READONLY, keys=ALL, group="set", since="1.0.0", syntax="key [key ...]",
         tips=UNORDERED, complexity=OF_UNION)  # fmt: skip
def sunion(c: Client, argv: Argv) -> bytes:
    """Return the members of any of several sets."""
    return c.enc.bulk_set(_union(_sources(c, argv[1:])).members())


@command("SINTER", arity=-2, flags=READONLY, keys=ALL, group="set", since="1.0.0", syntax="key [key ...]",
         tips=UNORDERED, complexity=OF_INTERSECTION)  # fmt: skip
def sinter(c: Client, argv: Argv) -> bytes:
    """Return the members of all of several sets."""
    return c.enc.bulk_set(_common(_sources(c, argv[1:])))


@command("SDIFF", arity=-2, flags=READONLY, keys=ALL, group="set", since="1.0.0", syntax="key [key ...]",
         tips=UNORDERED, complexity=OF_UNION)  # fmt: skip
def sdiff(c: Client, argv: Argv) -> bytes:
    """Return the members of the first set that are in none of the others."""
    return c.enc.bulk_set(_difference(_sources(c, argv[1:])).members())


@command("SUNIONSTORE", arity=-3, flags=WRITE | DENYOOM, keys=STORE, group="set", since="1.0.0",
         syntax="destination key [key ...]", complexity=OF_UNION)  # fmt: skip
def sunionstore(c: Client, argv: Argv) -> bytes:
    """Store the members of any of several sets; the answer is how many there are."""
    return _store(c, argv, _union)


@command("SINTERSTORE", arity=-3, flags=WRITE | DENYOOM, keys=STORE, group="set", since="1.0.0",
         syntax="destination key [key ...]", complexity=OF_INTERSECTION)  # fmt: skip
def sinterstore(c: Client, argv: Argv) -> bytes:
    """Store the members of all of several sets; the answer is how many there are."""
    return _store(c, argv, _intersection)


@command("SDIFFSTORE", arity=-3, flags=WRITE | DENYOOM, keys=STORE, group="set", since="1.0.0",
         syntax="destination key [key ...]", complexity=OF_UNION)  # fmt: skip
def sdiffstore(c: Client, argv: Argv) -> bytes:
    """Store the members of the first set that are in none of the others; the answer is how many."""
    return _store(c, argv, _difference)


@command("SINTERCARD", arity=-3, flags=READONLY | MOVABLEKEYS, keys=COUNTED, group="set", since="7.0.0",
         syntax="numkeys key [key ...] [LIMIT limit]", complexity=OF_INTERSECTION)  # fmt: skip
def sintercard(c: Client, argv: Argv) -> bytes:
    """How many members several sets have in common, counted up to a limit."""
    return _count(c, argv, _count_common)


@command("SUNIONCARD", arity=-3, flags=READONLY | MOVABLEKEYS, keys=COUNTED, group="set", since="8.10.0",
         syntax="numkeys key [key ...] [APPROX] [LIMIT limit]", complexity=OF_UNION)  # fmt: skip
def sunioncard(c: Client, argv: Argv) -> bytes:
    """How many members are in any of several sets, counted up to a limit; exactly, also with APPROX."""
    return _count(c, argv, _count_union, {b"APPROX"})


@command("SDIFFCARD", arity=-3, flags=READONLY | MOVABLEKEYS, keys=COUNTED, group="set", since="8.10.0",
         syntax="numkeys key [key ...] [LIMIT limit]", complexity=OF_UNION)  # fmt: skip
def sdiffcard(c: Client, argv: Argv) -> bytes:
    """How many members of the first set are in none of the others, counted up to a limit."""
    return _count(c, argv, _count_difference)


def _count(
    c: Client, argv: Argv, count: Callable[[Sources, int], int], plain: Container[bytes] = ()
) -> bytes:
    """SINTERCARD and its like; `plain` options are those that take no word and change no count."""
    number = parse_int(argv[1], "numkeys should be greater than 0")
    if number < 1:
        raise CommandError("numkeys should be greater than 0")
    if number > len(argv) - 2:
        raise CommandError("Number of keys can't be greater than number of args")
    limit = 0
    for name in (options := Options(argv, 2 + number)):
        if name == b"LIMIT":
            limit = parse_non_negative(options.value(), "LIMIT can't be negative")
        elif name not in plain:
            raise syntax_error()
    return integer(count(_sources(c, argv[2 : 2 + number]), limit))
