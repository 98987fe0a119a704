"""Sorted sets: ranges of members by rank, by score, by the members themselves, read, counted and removed.

The nine reading commands are one, ZRANGE, with some of its options fixed. Checked on 8.2.3: options are read
from left to right and an unknown one is refused before what stands behind it is looked at; then they are
compared with one another, then the two ends are read, then the key is looked up. A LIMIT with a negative
offset finds nothing, one with a negative count has no limit.

Ends of a range of scores are read less willingly than the scores of ZADD (no hexadecimal) and otherwise more
so: nothing is 0, and what is too great is infinite.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from respq.command import DENYOOM, FAST, READONLY, WRITE, Argv, Client, command, key
from respq.commands.arguments import Options, as_double, parse_int
from respq.commands.sorted_sets import remove_emptied, scored
from respq.datatypes.ranking import Place
from respq.datatypes.sorted_sets import Bound, Scored, SortedSetValue
from respq.errors import CommandError, shown, syntax_error
from respq.protocol.resp import ZERO, array, bulks, integer

READ = (key(1, "RO access"),)
DELETE = (key(1, "RW delete"),)
STORE = (key(1, "OW update"), key(2, "RO access"))
_LIMIT_ALONE = "syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
_NO_SCORES = "syntax error, WITHSCORES not supported in combination with BYLEX"
LOWEST, HIGHEST = Bound(beyond=-1), Bound(beyond=1)

Places = tuple[Place, Place]


class By(Enum):
    """What the two ends of a range are."""

    RANK = "rank"
    SCORE = "score"
    MEMBER = "member"


RANK, SCORE, MEMBER = By  # a look-up in the enumeration itself takes 0.1 µs


class Query(NamedTuple):
    """What a reading command asks for: the words of both ends, lower one first, and the options."""

    low: bytes
    high: bytes
    by: By
    backward: bool
    offset: int = 0
    limit: int = -1
    with_scores: bool = False


# -- ends ------------------------------------------------------------------------------------------


def _parse_score(word: bytes) -> tuple[float, bool]:
    """One end of a range of scores, and whether it is exclusive."""
    exclusive = word.startswith(b"(")
    text = shown(word[exclusive:])
    number = as_double(text) if text else 0.0
    if number is None:
        raise CommandError("min or max is not a float")
    return number, exclusive


def _parse_bound(word: bytes) -> Bound:
    """One end of a range of members: `-`, `+`, `[member` or `(member`."""
    mark, rest = word[:1], word[1:]
    if mark in {b"-", b"+"} and not shown(rest):
        return LOWEST if mark == b"-" else HIGHEST
    if mark not in {b"[", b"("}:
        raise CommandError("min or max not valid string range item")
    return Bound(rest, mark == b"(")


def _scores_between(low: bytes, high: bytes) -> tuple[float, bool, float, bool]:
    return *_parse_score(low), *_parse_score(high)


def _ranks_between(value: SortedSetValue, first: int, last: int, backward: bool = False) -> Places:
    """The places around the ranks from `first` to `last`, both included; negative ones count from the end."""
    total = len(value.scores)
    first = max(0, first + total if first < 0 else first)
    last = min(total - 1, last + total if last < 0 else last)
    if first > last:
        return (0, 0), (0, 0)
    if backward:
        first, last = total - 1 - last, total - 1 - first
    return value.place(first), value.place(last + 1)


# -- read ------------------------------------------------------------------------------------------


def _parse_query(
    argv: Argv, at: int, by: By | None, backward: bool | None, *, scores_allowed: bool = True
) -> Query:
    """The query whose ends stand at `argv[at]`; what the command fixes may not be given as an option."""
    given_by, given_backward = by, backward
    offset, limit, with_scores = 0, -1, False
    for option in (options := Options(argv, at + 2)):
        if option == b"WITHSCORES" and scores_allowed:
            with_scores = True
        elif option == b"LIMIT" and options.left >= 2:
            offset, limit = parse_int(options.value()), parse_int(options.value())
        elif option == b"REV" and given_backward is None:
            given_backward = True
        elif option in {b"BYSCORE", b"BYLEX"} and given_by is None:
            given_by = SCORE if option == b"BYSCORE" else MEMBER
        else:
            raise syntax_error()
    kind = given_by or RANK
    if limit != -1 and kind is RANK:
        raise CommandError(_LIMIT_ALONE)
    if with_scores and kind is MEMBER:
        raise CommandError(_NO_SCORES)
    low, high = argv[at], argv[at + 1]
    if given_backward and kind is not RANK:
        low, high = high, low
    return Query(low, high, kind, bool(given_backward), offset, limit, with_scores)


def _find(c: Client, name: bytes, query: Query) -> Scored:
    """What the query finds in the sorted set under `name`. Reads the ends first: those may be errors."""
    if query.by is RANK:
        first, last = parse_int(query.low), parse_int(query.high)
    elif query.by is SCORE:
        scores = _scores_between(query.low, query.high)
    else:
        low, high = _parse_bound(query.low), _parse_bound(query.high)
    value = c.read(name, SortedSetValue)
    if value is None or (query.offset < 0 and query.by is not RANK):
        return [], []
    offset, limit, backward = query.offset, query.limit, query.backward
    if query.by is RANK:
        start, stop = _ranks_between(value, first, last, backward)
        offset, limit = 0, -1
    elif query.by is SCORE:
        start, stop = value.by_score(*scores)
    else:
        start, stop, offset = value.by_member(low, high, backward=backward, offset=offset)
    return value.read(start, stop, backward=backward, offset=offset, limit=limit)


def _answer(c: Client, argv: Argv, by: By | None, backward: bool | None) -> bytes:
    query = _parse_query(argv, 2, by, backward)
    members, scores = _find(c, argv[1], query)
    return scored(c, members, scores) if query.with_scores else bulks(members)


@command("ZRANGE", arity=-4, flags=READONLY, keys=READ, group="sorted-set", since="1.2.0",
         syntax="key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]",
         complexity="O(log n + m), m members returned of n",
         argument_groups="sortby limit",
         argument_versions={"sortby": "6.2.0", "rev": "6.2.0", "limit": "6.2.0"})  # fmt: skip
def zrange(c: Client, argv: Argv) -> bytes:
    """The members in a range of ranks, scores or members."""
    return _answer(c, argv, None, None)


@command("ZREVRANGE", arity=-4, flags=READONLY, keys=READ, group="sorted-set", since="1.2.0",
         syntax="key start stop [WITHSCORES]",
         complexity="O(log n + m), m members returned of n",
         deprecated_since="6.2.0", replaced_by="`ZRANGE` with the `REV` argument")  # fmt: skip
def zrevrange(c: Client, argv: Argv) -> bytes:
    """The members in a range of ranks that count from the highest."""
    return _answer(c, argv, RANK, True)


@command("ZRANGEBYSCORE", arity=-4, flags=READONLY, keys=READ, group="sorted-set", since="1.0.5",
         syntax="key min max [WITHSCORES] [LIMIT offset count]",
         complexity="O(log n + m), m members returned of n",
         deprecated_since="6.2.0", replaced_by="`ZRANGE` with the `BYSCORE` argument",
         argument_groups="limit", argument_versions={"withscores": "2.0.0"})  # fmt: skip
def zrangebyscore(c: Client, argv: Argv) -> bytes:
    """The members in a range of scores, lowest first."""
    return _answer(c, argv, SCORE, False)


@command("ZREVRANGEBYSCORE", arity=-4, flags=READONLY, keys=READ, group="sorted-set", since="2.2.0",
         syntax="key max min [WITHSCORES] [LIMIT offset count]",
         complexity="O(log n + m), m members returned of n",
         deprecated_since="6.2.0", replaced_by="`ZRANGE` with the `REV` and `BYSCORE` arguments",
         argument_groups="limit")  # fmt: skip
def zrevrangebyscore(c: Client, argv: Argv) -> bytes:
    """The members in a range of scores, highest first."""
    return _answer(c, argv, SCORE, True)


@command("ZRANGEBYLEX", arity=-4, flags=READONLY, keys=READ, group="sorted-set", since="2.8.9",
         syntax="key min max [LIMIT offset count]",
         complexity="O(log n + m), m members returned of n",
         deprecated_since="6.2.0", replaced_by="`ZRANGE` with the `BYLEX` argument",
         argument_groups="limit")  # fmt: skip
def zrangebylex(c: Client, argv: Argv) -> bytes:
    """The members in a range of members that all have one score."""
    return _answer(c, argv, MEMBER, False)


@command("ZREVRANGEBYLEX", arity=-4, flags=READONLY, keys=READ, group="sorted-set", since="2.8.9",
         syntax="key max min [LIMIT offset count]",
         complexity="O(log n + m), m members returned of n",
         deprecated_since="6.2.0", replaced_by="`ZRANGE` with the `REV` and `BYLEX` arguments",
         argument_groups="limit")  # fmt: skip
def zrevrangebylex(c: Client, argv: Argv) -> bytes:
    """The members in a range of members that all have one score, last first."""
    return _answer(c, argv, MEMBER, True)


@command("ZRANGESTORE", arity=-5, flags=WRITE | DENYOOM, keys=STORE, group="sorted-set", since="6.2.0",
         syntax="dst src min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]",
         complexity="O(log n + m), m members stored of n",
         argument_groups="sortby limit")  # fmt: skip
def zrangestore(c: Client, argv: Argv) -> bytes:
    """Store a range of one sorted set as another, in place of whatever was there."""
    query = _parse_query(argv, 3, None, None, scores_allowed=False)
    members, scores = _find(c, argv[2], query)
    result = SortedSetValue()
    if query.by is RANK:  # else nobody knows beforehand how many there will be
        result.expect(len(members))
    result.add_all(members, scores)
    return store(c, argv, argv[1], result, "zrangestore")


def store(c: Client, argv: Argv, name: bytes, result: SortedSetValue, event: str) -> bytes:
    """Put a result under a key, in place of whatever was there, and reply with its size."""
    db = c.db
    if result.scores:
        db.get(name)  # what has expired goes first
        db.put(name, result)
        c.effects.append((db, name, event, argv))
    elif db.get(name) is not None:
        db.discard(name)
        c.effects.append((db, name, "del", argv))
    return integer(len(result.scores))


# -- rank ------------------------------------------------------------------------------------------


def _rank(c: Client, argv: Argv, backward: bool) -> bytes:
    with_score = len(argv) > 3
    if len(argv) > 4:
        raise CommandError(f"wrong number of arguments for '{argv[0].decode().lower()}' command")
    if with_score and argv[3].upper() != b"WITHSCORE":
        raise syntax_error()
    value = c.read(argv[1], SortedSetValue)
    rank = None if value is None else value.rank(argv[2])
    if value is None or rank is None:
        return c.enc.null_array if with_score else c.enc.null
    if backward:
        rank = len(value.scores) - 1 - rank
    reply = integer(rank)
    return array([reply, c.enc.double(value.scores[argv[2]])]) if with_score else reply


@command("ZRANK", arity=-3, flags=READONLY | FAST, keys=READ, group="sorted-set", since="2.0.0",
         syntax="key member [WITHSCORE]",
         complexity="O(log n), n members; more right behind a change")  # fmt: skip
def zrank(c: Client, argv: Argv) -> bytes:
    """How many members stand before this one."""
    return _rank(c, argv, False)


@command("ZREVRANK", arity=-3, flags=READONLY | FAST, keys=READ, group="sorted-set", since="2.0.0",
         syntax="key member [WITHSCORE]",
         complexity="O(log n), n members; more right behind a change")  # fmt: skip
def zrevrank(c: Client, argv: Argv) -> bytes:
    """How many members stand behind this one."""
    return _rank(c, argv, True)


# -- count -----------------------------------------------------------------------------------------


def _count(value: SortedSetValue, start: Place, stop: Place) -> bytes:
    return ZERO if start >= stop else integer(value.ranking.count(start, stop))


@command("ZCOUNT", arity=4, flags=READONLY | FAST, keys=READ, group="sorted-set", since="2.0.0",
         syntax="key min max", complexity="O(log n), n members; more right behind a change")  # fmt: skip
def zcount(c: Client, argv: Argv) -> bytes:
    """How many members have a score in a range."""
    scores = _scores_between(argv[2], argv[3])
    value = c.read(argv[1], SortedSetValue)
    return ZERO if value is None else _count(value, *value.by_score(*scores))


@command("ZLEXCOUNT", arity=4, flags=READONLY | FAST, keys=READ, group="sorted-set", since="2.8.9",
         syntax="key min max", complexity="O(log n), n members; more right behind a change")  # fmt: skip
def zlexcount(c: Client, argv: Argv) -> bytes:
    """How many members stand in a range of members that all have one score."""
    low, high = _parse_bound(argv[2]), _parse_bound(argv[3])
    value = c.read(argv[1], SortedSetValue)
    return ZERO if value is None else _count(value, *value.by_member(low, high)[:2])


# -- remove ----------------------------------------------------------------------------------------


def _cut(c: Client, argv: Argv, value: SortedSetValue, places: Places) -> bytes:
    """Remove what stands between two places, with the effects of that."""
    removed = value.cut(*places)
    if removed:
        c.effects.append((c.db, argv[1], argv[0].decode().lower(), argv))
        if not value.scores:
            remove_emptied(c, c.db, argv[1])
    return integer(removed)


@command("ZREMRANGEBYSCORE", arity=4, flags=WRITE, keys=DELETE, group="sorted-set", since="1.2.0",
         syntax="key min max", complexity="O(log n + m), m members removed of n")  # fmt: skip
def zremrangebyscore(c: Client, argv: Argv) -> bytes:
    """Remove the members in a range of scores."""
    scores = _scores_between(argv[2], argv[3])
    value = c.db.find(argv[1], SortedSetValue)
    return ZERO if value is None else _cut(c, argv, value, value.by_score(*scores))


@command("ZREMRANGEBYRANK", arity=4, flags=WRITE, keys=DELETE, group="sorted-set", since="2.0.0",
         syntax="key start stop", complexity="O(log n + m), m members removed of n")  # fmt: skip
def zremrangebyrank(c: Client, argv: Argv) -> bytes:
    """Remove the members in a range of ranks."""
    first, last = parse_int(argv[2]), parse_int(argv[3])
    value = c.db.find(argv[1], SortedSetValue)
    return ZERO if value is None else _cut(c, argv, value, _ranks_between(value, first, last))


@command("ZREMRANGEBYLEX", arity=4, flags=WRITE, keys=DELETE, group="sorted-set", since="2.8.9",
         syntax="key min max", complexity="O(log n + m), m members removed of n")  # fmt: skip
def zremrangebylex(c: Client, argv: Argv) -> bytes:
    """Remove the members in a range of members that all have one score."""
    low, high = _parse_bound(argv[2]), _parse_bound(argv[3])
    value = c.db.find(argv[1], SortedSetValue)
    return ZERO if value is None else _cut(c, argv, value, value.by_member(low, high)[:2])
