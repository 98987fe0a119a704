"""Sorted sets: members with scores, added, asked for, taken off either end.

What reads or removes ranges of them stands in `sorted_set_ranges`, what combines several in
`sorted_set_algebra`, what waits in `blocking_sorted_sets`.

ZADD, ZREM, ZPOPMIN and ZPOPMAX, which carry delay and priority queues, have bulk forms. Checked on 8.2.3:
all scores are read before the key is looked at; a ZADD that changes nothing has no event and is not logged;
`del` comes last, when a set was emptied.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan

from respq import glob
from respq.command import DENYOOM, FAST, MOVABLEKEYS, READONLY, WRITE, Argv, Client, Keys, command, key
from respq.commands.arguments import (
    INT64_MAX,
    Options,
    parse_cursor,
    parse_double,
    parse_int,
    parse_int_between,
    parse_non_negative,
)
from respq.commands.drawing import check_count, drawn
from respq.datatypes.sorted_sets import Scored, SortedSetValue
from respq.errors import CommandError, not_a_float, syntax_error
from respq.keyspace import Database
from respq.protocol.doubles import format_double, format_doubles
from respq.protocol.resp import (
    EMPTY_ARRAY,
    ONE,
    ZERO,
    array,
    bulk,
    bulk_strings,
    bulks,
    integer,
    pairs_of_bulks,
)
from respq.protocol.runs import Run

INSERT = (key(1, "RW update"),)
INCREASE = (key(1, "RW access update"),)
DELETE = (key(1, "RW delete"),)
POP = (key(1, "RW access delete"),)
ASK = (key(1, "RO"),)
READ = (key(1, "RO access"),)

PLAIN = b"0123456789.+-"  # what most scores are spelled with, and no option
LONGEST_PLAIN = 300  # bytes; a longer score may be too great for a double
OPTIONS_OF_ZADD = {b"NX", b"XX", b"GT", b"LT", b"CH", b"INCR"}
_NO_EXTRA = "GT, LT, and/or NX options at the same time are not compatible"
_NOT_POSITIVE_KEYS = "numkeys should be greater than 0"
_NOT_POSITIVE_COUNT = "count should be greater than 0"


# -- replies ---------------------------------------------------------------------------------------


def scored(c: Client, members: Sequence[bytes], scores: Sequence[float]) -> bytes:
    """Members with their scores: pairs in RESP3, one behind the other in RESP2."""
    if c.enc.version == 2:
        return b"*%d\r\n%b" % (2 * len(members), _flat(members, scores))
    return scored_pairs(c, members, scores)


def _flat(members: Sequence[bytes], scores: Sequence[float]) -> bytes:
    """Members and scores as bulk strings, in turns."""
    words = [b""] * (2 * len(members))
    words[::2] = members
    words[1::2] = format_doubles(scores)
    return bulk_strings(words)


def scored_pairs(c: Client, members: Sequence[bytes], scores: Sequence[float]) -> bytes:
    """An array of arrays of a member and its score."""
    return b"*%d\r\n%b" % (len(members), _pairs(c, members, scores))


def _pairs(c: Client, members: Sequence[bytes], scores: Sequence[float]) -> bytes:
    """Arrays of a member and its score, one behind the other."""
    texts = format_doubles(scores)
    if c.enc.version == 2:
        return pairs_of_bulks(members, texts)
    return b"".join([
        b"*2\r\n$%d\r\n%b\r\n,%b\r\n" % (len(member), member, text)
        for member, text in zip(members, texts, strict=True)
    ])  # fmt: skip


def remove_emptied(c: Client, db: Database, name: bytes) -> None:
    """Delete the key of a sorted set whose last member was taken."""
    db.remove(name)
    c.effects.append((db, name, "del", None))


# -- add -------------------------------------------------------------------------------------------


def _plain_scores(words: Sequence[bytes]) -> list[float] | None:
    """The scores if all are spelled plainly; None if one is not, or is wrong, or is an option."""
    if max(map(len, words)) >= LONGEST_PLAIN or b"".join(words).strip(PLAIN):
        return None
    try:
        return list(map(float, words))
    except ValueError:
        return None


def _zadd_run(c: Client, run: Run) -> bytes | None:
    """ZADDs of one member each, to one sorted set or to several."""
    if run.words != 4:
        return None
    *shared, words, members = [[word] * run.count for word in run.shared[1:]] + list(run.columns)
    scores = _plain_scores(words)
    if scores is None:
        return None
    names = shared[0]
    name = names[0]
    if names.count(name) != run.count:
        return _zadd_each(c, run, scores)
    try:
        value = c.db.find_or_create(name, SortedSetValue)
    except CommandError:
        return None
    replies, idle = value.add_all(members, scores)
    if idle:
        c.effects += [(c.db, name, "zadd", argv) for at, argv in enumerate(run.commands) if at not in idle]
    else:
        c.effects.append((c.db, name, "zadd", run))
    return b":%d\r\n" * len(replies) % tuple(replies)


def _zadd_each(c: Client, run: Run, scores: list[float]) -> bytes | None:
    """ZADDs of one member each to several sorted sets."""
    db = c.db
    for _, name, _, _ in run.commands:
        present = db.values.get(name)
        if present is not None and (present.__class__ is not SortedSetValue or present.expires_ms):
            return None
    replies = []
    for argv, score in zip(run.commands, scores, strict=True):
        value = db.find_or_create(argv[1], SortedSetValue)
        before = len(value.scores)
        if value.add(argv[3], score):
            c.effects.append((db, argv[1], "zadd", argv))
        replies.append(len(value.scores) - before)
    return b":%d\r\n" * len(replies) % tuple(replies)


@command("ZADD", arity=-4, flags=WRITE | DENYOOM | FAST, keys=INSERT, group="sorted-set", since="1.2.0",
         syntax="key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]",
         complexity="O(m log n), m members added to n", bulk=_zadd_run,
         argument_groups="condition comparison data",
         argument_versions={"condition": "3.0.2", "comparison": "6.2.0", "change": "3.0.2",
             "increment": "3.0.2"})  # fmt: skip
def zadd(c: Client, argv: Argv) -> bytes:
    """Add members with scores to a sorted set, or give them other scores."""
    word = argv[2]
    if len(argv) != 4 or word.strip(PLAIN) or len(word) >= LONGEST_PLAIN:
        return _zadd_with_options(c, argv)
    try:
        score = float(word)
    except ValueError:
        raise not_a_float() from None
    db, name = c.db, argv[1]
    value = db.find_or_create(name, SortedSetValue)
    before = len(value.scores)
    if not value.add(argv[3], score):
        return ZERO
    c.effects.append((db, name, "zadd", argv))
    return ONE if len(value.scores) > before else ZERO


def _zadd_with_options(c: Client, argv: Argv) -> bytes:
    at = 2
    options = set()
    while at < len(argv) and (option := argv[at].upper()) in OPTIONS_OF_ZADD:
        options.add(option)
        at += 1
    words, members = argv[at::2], argv[at + 1 :: 2]
    if not words or len(words) != len(members):
        raise syntax_error()
    _check_conditions(options)
    if b"INCR" in options and len(words) > 1:
        raise CommandError("INCR option supports a single increment-element pair")
    scores = [parse_double(word) for word in words]
    if b"INCR" in options:
        return _increase(c, argv, members[0], scores[0], options)
    return _zadd_many(c, argv, members, scores, options)


def _check_conditions(options: set[bytes]) -> None:
    if options >= {b"NX", b"XX"}:
        raise CommandError("XX and NX options at the same time are not compatible")
    if len(options & {b"NX", b"GT", b"LT"}) > 1:
        raise CommandError(_NO_EXTRA)


def _zadd_many(
    c: Client, argv: Argv, members: list[bytes], scores: list[float], options: set[bytes]
) -> bytes:
    """ZADD without INCR."""
    db, name = c.db, argv[1]
    value = db.find(name, SortedSetValue)
    if value is None:
        if b"XX" in options:
            return ZERO
        value = db.find_or_create(name, SortedSetValue)
    value.expect(len(members))
    before, changed = len(value.scores), 0
    for member, score in zip(members, scores, strict=True):
        if _allowed(options, value.scores.get(member), score):
            changed += value.add(member, score)
    if changed:
        c.effects.append((db, name, "zadd", argv))
    return integer(changed if b"CH" in options else len(value.scores) - before)


def _allowed(options: set[bytes], old: float | None, score: float) -> bool:
    """Whether a score may replace the `old` one; None if there is no such member."""
    if old is None:
        return b"XX" not in options
    if b"NX" in options:
        return False
    return (b"GT" not in options or score > old) and (b"LT" not in options or score < old)


def _increase(c: Client, argv: Argv, member: bytes, step: float, options: set[bytes]) -> bytes:
    """ZINCRBY, and ZADD with INCR."""
    db, name = c.db, argv[1]
    value = db.find(name, SortedSetValue)
    old = None if value is None else value.scores.get(member)
    score = step if old is None else old + step
    if isnan(score):
        raise CommandError("resulting score is not a number (NaN)")
    if not _allowed(options, old, score):
        return c.enc.null
    if value is None:
        value = db.find_or_create(name, SortedSetValue)
    if value.add(member, score):
        c.effects.append((db, name, "zincr", argv))
    return c.enc.double(score)


@command("ZINCRBY", arity=4, flags=WRITE | DENYOOM | FAST, keys=INCREASE, group="sorted-set", since="1.2.0",
         syntax="key increment member", complexity="O(log n), n members")  # fmt: skip
def zincrby(c: Client, argv: Argv) -> bytes:
    """Add to the score of a member, which is 0 if there is none."""
    if argv[2].upper() in OPTIONS_OF_ZADD:  # taken for one, then a number is missing
        raise syntax_error()
    return _increase(c, argv, argv[3], parse_double(argv[2]), set())


# -- remove ----------------------------------------------------------------------------------------


def _zrem_run(c: Client, run: Run) -> bytes | None:
    """ZREMs of one member each from one sorted set."""
    if run.words != 3 or not run.last:
        return None
    db, name = c.db, run.commands[0][1]
    try:
        value = db.find(name, SortedSetValue)
    except CommandError:
        return None
    if value is None:
        return ZERO * len(run)
    removed = list(map(value.remove, run.last))
    if all(removed):
        c.effects.append((db, name, "zrem", run))
    else:
        commands = run.commands
        c.effects += [(db, name, "zrem", argv) for argv, gone in zip(commands, removed, strict=True) if gone]
    if not value.scores:
        remove_emptied(c, db, name)
    return b":%d\r\n" * len(removed) % tuple(removed)


@command("ZREM", arity=-3, flags=WRITE | FAST, keys=DELETE, group="sorted-set", since="1.2.0",
         syntax="key member [member ...]", complexity="O(m log n), m members removed of n",
         bulk=_zrem_run)  # fmt: skip
def zrem(c: Client, argv: Argv) -> bytes:
    """Remove members from a sorted set; the key goes with the last."""
    db, name = c.db, argv[1]
    value = db.find(name, SortedSetValue)
    removed = 0 if value is None else sum(map(value.remove, argv[2:]))
    if value is None or not removed:
        return ZERO
    c.effects.append((db, name, "zrem", argv))
    if not value.scores:
        remove_emptied(c, db, name)
    return integer(removed)


# -- pop -------------------------------------------------------------------------------------------


def _take(
    c: Client, name: bytes, value: SortedSetValue, count: int, highest: bool, logged: Argv | Run
) -> Scored:
    """Take members off one end of the sorted set under `name`, with the effects of that."""
    members, scores = value.pop(count, highest)
    c.effects.append((c.db, name, "zpopmax" if highest else "zpopmin", logged))
    if not value.scores:
        remove_emptied(c, c.db, name)
    return members, scores


def _pop_run(c: Client, run: Run, highest: bool) -> bytes | None:
    """Pops of one member each from one sorted set, which may run out of them."""
    if run.words != 2 or run.last.count(name := run.last[0]) != run.count:
        return None
    try:
        value = c.db.find(name, SortedSetValue)
    except CommandError:
        return None
    if value is None:
        return EMPTY_ARRAY * len(run)
    size = len(value.scores)
    members, scores = _take(c, name, value, len(run), highest, run if size >= run.count else run.first(size))
    return _pairs(c, members, scores) + EMPTY_ARRAY * (len(run) - len(members))


def _zpopmin_run(c: Client, run: Run) -> bytes | None:
    return _pop_run(c, run, False)


def _zpopmax_run(c: Client, run: Run) -> bytes | None:
    return _pop_run(c, run, True)


def _pop(c: Client, argv: Argv, highest: bool) -> bytes:
    if len(argv) > 3:
        raise syntax_error()
    count = parse_non_negative(argv[2]) if len(argv) == 3 else 1
    value = c.db.find(argv[1], SortedSetValue)
    if value is None or count == 0:
        return EMPTY_ARRAY
    members, scores = _take(c, argv[1], value, count, highest, argv)
    if len(argv) == 3:
        return scored(c, members, scores)
    return b"*2\r\n%b%b" % (bulk(members[0]), c.enc.double(scores[0]))


@command("ZPOPMIN", arity=-2, flags=WRITE | FAST, keys=POP, group="sorted-set", since="5.0.0",
         syntax="key [count]", complexity="O(m log n), m members taken of n", bulk=_zpopmin_run)  # fmt: skip
def zpopmin(c: Client, argv: Argv) -> bytes:
    """Take the members with the lowest scores, with their scores."""
    return _pop(c, argv, False)


@command("ZPOPMAX", arity=-2, flags=WRITE | FAST, keys=POP, group="sorted-set", since="5.0.0",
         syntax="key [count]", complexity="O(m log n), m members taken of n", bulk=_zpopmax_run)  # fmt: skip
def zpopmax(c: Client, argv: Argv) -> bytes:
    """Take the members with the highest scores, with their scores."""
    return _pop(c, argv, True)


def pop_words(argv: Argv, at: int) -> tuple[list[bytes], bool, int]:
    """Keys, end (whether the highest) and count of ZMPOP and BZMPOP, whose numkeys stands at `at`."""
    numkeys = parse_int_between(argv[at], 1, INT64_MAX, _NOT_POSITIVE_KEYS)
    options = Options(argv, at + 1)
    names = options.values(numkeys)
    end = options.value().upper()
    if end not in {b"MIN", b"MAX"}:
        raise syntax_error()
    count = None
    for option in options:
        if option != b"COUNT" or count is not None:
            raise syntax_error()
        count = parse_int_between(options.value(), 1, INT64_MAX, _NOT_POSITIVE_COUNT)
    return names, end == b"MAX", count or 1


def pop_first(c: Client, names: list[bytes], highest: bool, count: int | None) -> bytes | None:
    """Pop from the first key that holds a sorted set; None if there is none.

    With a `count` up to so many, answered and logged as ZMPOP does, else one, as BZPOPMIN does.
    """
    for name in names:
        value = c.db.find(name, SortedSetValue)
        if value is None:
            continue
        logged = [b"ZPOPMAX" if highest else b"ZPOPMIN", name]
        if count is not None:
            logged.append(b"%d" % min(count, len(value.scores)))
        members, scores = _take(c, name, value, count or 1, highest, logged)
        if count is None:
            return array([bulk(name), bulk(members[0]), c.enc.double(scores[0])])
        return array([bulk(name), scored_pairs(c, members, scores)])
    return None


@command("ZMPOP", arity=-4, flags=WRITE | MOVABLEKEYS, keys=(Keys("RW access delete", 1, counted=True),),
         group="sorted-set", since="7.0.0", syntax="numkeys key [key ...] <MIN | MAX> [COUNT count]",
         complexity="O(k + m log n), k keys, m members taken of n",
         argument_groups="where")  # fmt: skip
def zmpop(c: Client, argv: Argv) -> bytes:
    """Take members off one end of the first of several sorted sets that has any."""
    return pop_first(c, *pop_words(argv, 1)) or c.enc.null_array


# -- ask -------------------------------------------------------------------------------------------


@command("ZCARD", arity=2, flags=READONLY | FAST, keys=ASK, group="sorted-set", since="1.2.0",
         syntax="key")  # fmt: skip
def zcard(c: Client, argv: Argv) -> bytes:
    """The number of members, 0 if there is no sorted set."""
    value = c.read(argv[1], SortedSetValue)
    return ZERO if value is None else integer(len(value.scores))


@command("ZSCORE", arity=3, flags=READONLY | FAST, keys=READ, group="sorted-set", since="1.2.0",
         syntax="key member")  # fmt: skip
def zscore(c: Client, argv: Argv) -> bytes:
    """The score of a member, or null."""
    value = c.read(argv[1], SortedSetValue)
    score = None if value is None else value.scores.get(argv[2])
    return c.enc.null if score is None else c.enc.double(score)


@command("ZMSCORE", arity=-3, flags=READONLY | FAST, keys=READ, group="sorted-set", since="6.2.0",
         syntax="key member [member ...]", complexity="O(n), n members asked for")  # fmt: skip
def zmscore(c: Client, argv: Argv) -> bytes:
    """The scores of several members, null for one that is missing."""
    value = c.read(argv[1], SortedSetValue)
    scores = {} if value is None else value.scores
    null, double = c.enc.null, c.enc.double
    return array([null if (score := scores.get(member)) is None else double(score) for member in argv[2:]])


# -- look around -----------------------------------------------------------------------------------


@command("ZRANDMEMBER", arity=-2, flags=READONLY, keys=READ, group="sorted-set", since="6.2.0",
         syntax="key [count [WITHSCORES]]", tips=("nondeterministic_output",),
         complexity="O(n), n members returned",
         argument_groups="options")  # fmt: skip
def zrandmember(c: Client, argv: Argv) -> bytes:
    """Any of the members, or several: different ones, or drawn again and again if the count is negative."""
    if len(argv) > 2:
        return _random_members(c, argv)
    value = c.read(argv[1], SortedSetValue)
    return c.enc.null if value is None else bulk(value.choice(c.server.rng))


def _random_members(c: Client, argv: Argv) -> bytes:
    count = parse_int_between(argv[2], -INT64_MAX, INT64_MAX)
    with_scores = len(argv) > 3
    if with_scores:
        if len(argv) > 4 or argv[3].upper() != b"WITHSCORES":
            raise syntax_error()
        if abs(count) > INT64_MAX // 2:
            raise CommandError("value is out of range")
    value = c.read(argv[1], SortedSetValue)
    if value is None or count == 0:
        return EMPTY_ARRAY
    check_count(count)
    rng = c.server.rng
    words = 2 if with_scores and c.enc.version == 2 else 1

    def encoded(members: list[bytes]) -> bytes:
        if not with_scores:
            return bulk_strings(members)
        scores = list(map(value.scores.__getitem__, members))
        return _flat(members, scores) if words == 2 else _pairs(c, members, scores)

    if count < 0:
        return drawn(-count, words, lambda some: encoded([value.choice(rng) for _ in range(some)]))
    members = value.sample(rng, count)
    return b"*%d\r\n%b" % (len(members) * words, encoded(members))


@command("ZSCAN", arity=-3, flags=READONLY, keys=READ, group="sorted-set", since="2.8.0",
         syntax="key cursor [MATCH pattern] [COUNT count]", tips=("nondeterministic_output",),
         complexity="O(n) with n being COUNT, per call")  # fmt: skip
def zscan(c: Client, argv: Argv) -> bytes:
    """Some of the members with their scores, and the cursor with which to ask for the next."""
    cursor = parse_cursor(argv[2])
    value = c.read(argv[1], SortedSetValue)
    if value is None:
        return array([bulk(b"0"), EMPTY_ARRAY])
    count, pattern = 10, b"*"
    for name in (options := Options(argv, 3)):
        if name == b"COUNT":
            count = parse_int(options.value())
            if count < 1:
                raise syntax_error()
        elif name == b"MATCH":
            pattern = options.value()
        elif name == b"NOVALUES":
            raise CommandError("NOVALUES option can only be used in HSCAN")
        else:
            raise syntax_error()
    cursor, members = value.scan(cursor, count)
    if pattern != b"*":
        members = list(filter(glob.matcher(pattern), members))
    show = format_double if value.packed else _with_17_digits
    words = [word for member in members for word in (member, show(value.scores[member]))]
    return array([bulk(b"%d" % cursor), bulks(words)])


def _with_17_digits(score: float) -> bytes:
    """A score as ZSCAN alone shows it, if it is in a skip list."""
    return b"%.17g" % score
