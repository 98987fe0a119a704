"""Sorted sets.

A range of members is unspecified where their scores differ, and what a skip list then finds depends on
the random heights of its nodes. So the BYLEX commands get `lex`, whose members all have one score, and `z1`,
which always stays a listpack: nothing is stored over it and no long member goes in.
"""

from __future__ import annotations

from compat.oracle.case import BRIEF
from compat.oracle.grammar.family import (
    AHEAD,
    ARITY,
    NOT_FLOAT,
    NOT_INTEGER,
    SHORT,
    SYNTAX,
    WRONGTYPE,
    Family,
    Rule,
)

LONG = b"m" * 65  # longer than a listpack takes
BIG: list[bytes] = [word for n in range(300) for word in (b"%d" % (n * 7 % 50), b"m%d" % n)]
LETTERS: list[bytes] = [word for n in range(40) for word in (b"0", b"%c" % (97 + n % 26) * (1 + n // 26))]
MANY: list[bytes] = [word for n in range(200) for word in (b"0", b"m%d" % n)]

KEYS = [b"z1"] * 4 + [b"z2"] * 3 + [b"z3"] * 2 + [b"big"] + [b"set", b"s1", b"gone"]
INPUTS = [b"3", b"z1", b"big", b"set"]
LEX_KEYS = [b"lex"] * 6 + [b"z1"] * 4 + [b"s1", b"none"]  # nobody copies a large one to `none`
TARGETS = [b"z2"] * 3 + [b"z3"] * 2 + [b"big", b"s2", b"gone"]  # nobody waits for s2, see differences.md
MEMBERS = [b"a", b"b", b"c", b"d", b"e", b"aa", b"1", b"m1", b"m7", b"m299", b"", b"\x00\xff", b"nope"]
SCORES = [
    *[b"1", b"2", b"3", b"-1", b"0", b"10", b"1.5", b"2.5", b"0.1", b"3.381772"] * 6,
    *[b"inf", b"-inf", b"-0", b"+1", b"1e3", b"1e300", b"-1e300", b"1e-7", b"0x10", b"12345678901234567890"],
    *[b"1732330000.1234567", b"4611686018427387905", b"5e-324", b"Infinity"],
    *[b"nan", b"x", b"", b" 1", b"1 ", b"1_0", b"1e400", b"1e-400", b"0x"],
]
BOUNDS = [
    *[b"-inf", b"+inf", b"0", b"1", b"(1", b"2", b"(2", b"3", b"10", b"(2.5", b"50", b"-1"] * 4,
    *[b"inf", b"(-inf", b"(inf", b"1e300", b"1e400", b"", b"(", b"1\x00x", b"+1", b".5"],
    *[b"nan", b"x", b" 1", b"0x1", b"((1"],
]
ENDS = [
    *[b"-", b"+", b"[a", b"(a", b"[c", b"(c", b"[m", b"(m1", b"[m7", b"[z", b"(zz", b"[aa"] * 4,
    *[b"[", b"(", b"+\x00x", b"[\xff"],
    *[b"a", b"", b"+x", b"1"],
]
INDEXES = [b"0", b"0", b"1", b"2", b"3", b"-1", b"-1", b"-2", b"-3", b"5", b"150", b"-150", b"1000"] * 2 + [
    *[b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"1.5", b"x"],
]
OFFSETS = [b"0", b"0", b"0", b"1", b"2", b"5", b"100", b"-1"] * 3 + [b"x"]
LIMITS = [b"-1", b"-1", b"1", b"2", b"3", b"10", b"0", b"400", b"-5"] * 3 + [b"x"]
NUMBERS = [b"0", b"-1", b"x", b"9", b"1"]
WEIGHTS = [b"1", b"2", b"0.5", b"-1", b"0", b"inf", b"-inf", b"1e300", b"0.1"] * 3 + [b"x", b"nan", b"1e400"]
TIMEOUTS = [BRIEF] * 12 + [b"-1", b"x", b"nan", b"inf", b"1e300"]
COUNTS = [b"0", b"1", b"2", b"3", b"10", b"400"] * 3 + [b"-1", b"x", b"9223372036854775807"]

NOT_BOUND = "ERR min or max is not a float"
NOT_END = "ERR min or max not valid string range item"
LIMIT_ALONE = "ERR syntax error, LIMIT is only supported"
NO_SCORES = "ERR syntax error, WITHSCORES not supported"
NAN = "ERR resulting score is not a number (NaN)"
POSITIVE = "ERR value is out of range, must be positive"
NUMKEYS = "ERR numkeys should be greater than 0"
COUNT_ZERO = "ERR count should be greater than 0"
NO_INPUT = "ERR at least 1 input key is needed"
NEGATIVE = "ERR timeout is negative"
NOT_TIMEOUT = "ERR timeout is not a float or out of range"
LONG_TIMEOUT = "ERR timeout is out of range"
BLOCKING = (ARITY, WRONGTYPE, NEGATIVE, NOT_TIMEOUT, LONG_TIMEOUT)
COMBINED = (ARITY, WRONGTYPE, NOT_INTEGER, NO_INPUT)
NOT_WEIGHT = "ERR weight value is not a float"
RANGE = (ARITY, WRONGTYPE, SYNTAX, NOT_INTEGER)

BY_SCORE = {"key": KEYS, "min": BOUNDS, "max": BOUNDS}
BY_MEMBER = {"key": LEX_KEYS, "min": ENDS, "max": ENDS}
POP = Rule(1.5, {"count": COUNTS}, errors=(ARITY, WRONGTYPE, POSITIVE, SYNTAX))

SORTED_SETS = Family(
    "sorted-set",
    {
        "ZADD": Rule(
            6,
            errors=(
                *(ARITY, WRONGTYPE, SYNTAX, NOT_FLOAT, NAN),
                "ERR XX and NX options",
                "ERR GT, LT, and/or NX options",
                "ERR INCR option supports a single",
            ),
            extra=[
                [b"ZADD", b"z2", b"1", LONG],
                [b"ZADD", b"z3", b"XX", b"1", LONG, b"2", b"a"],
                [b"ZADD", b"big", *BIG],
                [b"ZADD", b"z3", *[word for n in range(129) for word in (b"%d" % n, b"a")]],
                [b"ZADD", b"lex", b"0", b"x", b"0", b"y", b"0", b"m77"],
                [b"ZADD", b"lex", b"NX", *MANY],
                [b"ZADD", b"z1", b"XX", b"INCR", b"-inf", b"a"],
                [b"ZADD", b"z1", b"inf", b"a"],
                [b"ZADD", b"z1", b"GT", b"CH", b"5", b"a", b"1", b"b", b"3", b"new"],
                [b"ZADD", b"z1", b"LT", b"CH", b"-5", b"a", b"1", b"b"],
                [b"ZADD", b"z1", b"NX", b"XX", b"1", b"a"],
                [b"ZADD", b"z1", b"GT", b"NX", b"1", b"a"],
            ],
            extra_chance=0.2,
            option=0.15,
        ),
        "ZINCRBY": Rule(
            1.5,
            errors=(ARITY, WRONGTYPE, NOT_FLOAT, NAN, SYNTAX),
            extra=[
                [b"ZINCRBY", b"z1", b"-inf", b"a"],
                [b"ZINCRBY", b"z1", b"inf", b"a"],
                [b"ZINCRBY", b"z1", b"nx", b"a"],
            ],
        ),
        "ZREM": Rule(1.5, errors=(ARITY, WRONGTYPE), extra=[[b"ZREM", b"lex", b"a", b"b", b"m77"]]),
        "ZCARD": Rule(errors=(ARITY, WRONGTYPE)),
        "ZSCORE": Rule(errors=(ARITY, WRONGTYPE)),
        "ZMSCORE": Rule(errors=(ARITY, WRONGTYPE)),
        "ZRANK": Rule(1.5, errors=(ARITY, WRONGTYPE, SYNTAX)),
        "ZREVRANK": Rule(errors=(ARITY, WRONGTYPE, SYNTAX)),
        "ZCOUNT": Rule(1.5, BY_SCORE, errors=(ARITY, WRONGTYPE, NOT_BOUND)),
        "ZLEXCOUNT": Rule(1.5, BY_MEMBER, errors=(ARITY, WRONGTYPE, NOT_END)),
        "ZRANGE": Rule(
            4,
            {"start": INDEXES, "stop": INDEXES},
            errors=(*RANGE, LIMIT_ALONE, NO_SCORES, NOT_BOUND),
            extra=[
                [b"ZRANGE", b"lex", b"[a", b"(m", b"BYLEX"],
                [b"ZRANGE", b"lex", b"+", b"[b", b"BYLEX", b"REV", b"LIMIT", b"1", b"3"],
                [b"ZRANGE", b"z1", b"-", b"(c", b"BYLEX", b"LIMIT", b"1", b"-1"],
                [b"ZRANGE", b"z1", b"-", b"+", b"BYLEX", b"WITHSCORES"],
                [b"ZRANGE", b"z1", b"(1", b"+inf", b"BYSCORE", b"LIMIT", b"1", b"2", b"WITHSCORES"],
                [b"ZRANGE", b"big", b"30", b"(10", b"BYSCORE", b"REV", b"WITHSCORES"],
                [b"ZRANGE", b"z1", b"0", b"-1", b"WITHSCORES"],
                [b"ZRANGE", b"big", b"0", b"-1", b"REV"],
                [b"ZRANGE", b"z1", b"x", b"1", b"BYSCORE"],
            ],
            extra_chance=0.4,
            left_out=("sortby.bylex",),  # not on every key, see above
        ),
        "ZREVRANGE": Rule(
            errors=(*RANGE, LIMIT_ALONE),
            extra=[
                [b"ZREVRANGE", b"z1", b"0", b"1", b"LIMIT", b"0", b"1"],
                [b"ZREVRANGE", b"z1", b"0", b"1", b"REV"],
            ],
        ),
        "ZRANGEBYSCORE": Rule(2, BY_SCORE, errors=(*RANGE, NOT_BOUND)),
        "ZREVRANGEBYSCORE": Rule(2, BY_SCORE, errors=(*RANGE, NOT_BOUND)),
        "ZRANGEBYLEX": Rule(2, BY_MEMBER, errors=(*RANGE, NOT_END)),
        "ZREVRANGEBYLEX": Rule(2, BY_MEMBER, errors=(*RANGE, NOT_END)),
        "ZREMRANGEBYSCORE": Rule(0.7, BY_SCORE, errors=(ARITY, WRONGTYPE, NOT_BOUND)),
        "ZREMRANGEBYRANK": Rule(0.7, errors=(ARITY, WRONGTYPE, NOT_INTEGER)),
        "ZREMRANGEBYLEX": Rule(0.5, BY_MEMBER, errors=(ARITY, WRONGTYPE, NOT_END)),
        "ZRANGESTORE": Rule(
            1.5,
            {"dst": TARGETS, "src": KEYS, "min": INDEXES, "max": INDEXES},
            errors=(*RANGE, LIMIT_ALONE, NOT_BOUND),
            extra=[
                [b"ZRANGESTORE", b"z2", b"lex", b"[b", b"(m", b"BYLEX", b"LIMIT", b"1", b"5"],
                [b"ZRANGESTORE", b"lex", b"lex", b"-", b"[x", b"BYLEX", b"REV"],
                [b"ZRANGESTORE", b"z3", b"big", b"0", b"40", b"BYSCORE"],
                [b"ZRANGESTORE", b"z3", b"z1", b"0", b"x", b"BYSCORE"],
                [b"ZRANGESTORE", b"z3", b"z1", b"0", b"-1"],
            ],
            extra_chance=0.3,
            left_out=("sortby.bylex",),
        ),
        "ZPOPMIN": POP,
        "ZPOPMAX": POP,
        "ZMPOP": Rule(
            1.2,
            {"numkeys": NUMBERS, "count": COUNTS},
            errors=(ARITY, WRONGTYPE, SYNTAX, NUMKEYS, COUNT_ZERO),
        ),
        "ZUNION": Rule(
            1.5,
            errors=(*COMBINED, SYNTAX, NOT_WEIGHT),
            extra=[
                [b"ZUNION", *INPUTS, b"WEIGHTS", b"2", b"-0.1", b"inf", b"WITHSCORES"],
                [b"ZUNION", *INPUTS, b"WEIGHTS", b"-inf", b"inf", b"0", b"AGGREGATE", b"MIN", b"WITHSCORES"],
                [b"ZUNION", *INPUTS, b"WITHSCORES", b"WEIGHTS", b"1", b"x", b"1"],
                [b"ZUNION", b"1"],
                [b"ZUNION", b"2", b"z2", b"z2", b"WEIGHTS", b"-1", b"0", b"WITHSCORES"],
            ],
            extra_chance=0.3,
        ),
        "ZINTER": Rule(
            1.5,
            errors=(*COMBINED, SYNTAX, NOT_WEIGHT),
            extra=[
                [b"ZINTER", *INPUTS, b"AGGREGATE", b"MAX", b"WEIGHTS", b"2", b"0.1", b"-inf", b"WITHSCORES"],
                [b"ZINTER", b"2", b"big", b"big", b"WEIGHTS", b"inf", b"-inf", b"WITHSCORES"],
                [b"ZINTER", b"2", b"z1", b"set", b"WEIGHTS", b"0.1", b"0.2", b"WITHSCORES"],
                [b"ZINTER", b"2", b"z2", b"z2", b"WEIGHTS", b"-1", b"0", b"WITHSCORES"],
                [b"ZINTER", b"2", b"z2", b"z2", b"WEIGHTS", b"1", b"0", b"AGGREGATE", b"MIN", b"WITHSCORES"],
                [b"ZINTER", b"1", b"z1", b"WEIGHTS", b"nan"],
                [b"ZINTER", b"1"],
            ],
            extra_chance=0.3,
        ),
        "ZDIFF": Rule(1, errors=(*COMBINED, SYNTAX), extra=[[b"ZDIFF", b"1"]], extra_chance=SHORT),
        "ZINTERCARD": Rule(
            1,
            {"limit": [b"0", b"1", b"2", b"100", b"-1", b"x"]},
            errors=(*COMBINED, SYNTAX, "ERR LIMIT can't be"),
            extra=[[b"ZINTERCARD", b"1"]],
            extra_chance=SHORT,
        ),
        "ZUNIONSTORE": Rule(
            1.5,
            errors=(*COMBINED, SYNTAX, NOT_WEIGHT),
            extra=[
                [b"ZUNIONSTORE", b"z2", *INPUTS, b"WEIGHTS", b"2", b"-0.1", b"inf"],
                [b"ZUNIONSTORE", b"z3", b"1", b"z3", b"WEIGHTS", b"-0"],
                [b"ZUNIONSTORE", b"z3", b"1", b"z3", b"WEIGHTS", b"x"],
            ],
        ),
        "ZINTERSTORE": Rule(
            1.5,
            errors=(*COMBINED, SYNTAX, NOT_WEIGHT),
            extra=[
                [b"ZINTERSTORE", b"z3", b"2", b"big", b"z1", b"WEIGHTS", b"2", b"0.1"],
                [b"ZINTERSTORE", b"big", b"1", b"big", b"WEIGHTS", b"-0"],
                [b"ZINTERSTORE", b"z3", b"1", b"z3", b"WEIGHTS", b"x"],
            ],
        ),
        "ZDIFFSTORE": Rule(1, errors=(*COMBINED, SYNTAX)),
        "BZPOPMIN": Rule(1.2, errors=BLOCKING),
        "BZPOPMAX": Rule(errors=BLOCKING, extra=[[b"BZPOPMAX", b"z1"]], extra_chance=SHORT),
        "BZMPOP": Rule(
            1.2,
            {"numkeys": NUMBERS, "count": COUNTS},
            errors=(*BLOCKING, SYNTAX, NUMKEYS, COUNT_ZERO),
        ),
        "ZRANDMEMBER": Rule(
            1.5,
            {
                "count": [b"0", b"1", b"2", b"5", b"-3", b"1000"] * 3
                + [b"x", b"9223372036854775807", b"-9223372036854775808", b"4611686018427387904"]
            },
            errors=(ARITY, WRONGTYPE, SYNTAX, NOT_INTEGER, "ERR value is out of range"),
        ),
        "ZSCAN": Rule(
            1.5,
            {
                "cursor": [b"0"] * 8 + [b"7", b"x", b"-1"],
                "count": [b"1000"] * 8 + [b"1", b"0", b"x"],
                "pattern": [b"*", b"m*", b"[a-c]", b"m?7"],
            },
            errors=(ARITY, WRONGTYPE, SYNTAX, NOT_INTEGER, "ERR invalid cursor", "ERR NOVALUES"),
            extra=[[b"ZSCAN", b"z1", b"0", b"NOVALUES"], [b"ZSCAN", b"z1", b"0", b"COUNT", b"0"]],
        ),
    },
    values={
        "key": KEYS,
        "member": MEMBERS,
        "score": SCORES,
        "increment": SCORES,
        "start": INDEXES,
        "stop": INDEXES,
        "offset": OFFSETS,
        "destination": TARGETS,
        "numkeys": NUMBERS,
        "weight": WEIGHTS,
        "timeout": TIMEOUTS,
        "count": LIMITS,
    },
    setups=[
        [b"ZADD", b"z1", b"1", b"a", b"2", b"b", b"3", b"c", b"2", b"aa", b"2.5", b"1"],
        [b"ZADD", b"z2", b"3", b"a", b"-1", b"b", b"1e3", b"c", b"inf", b"d"],
        [b"ZADD", b"z3", b"1", b"c", b"1", b"b", b"1", b"a"],
        [b"ZADD", b"big", *BIG],
        [b"ZADD", b"lex", *LETTERS],
        [b"SADD", b"set", b"a", b"b", b"m7", b"nope"],
        [b"SET", b"s1", b"a string"],
        [b"SET", b"s2", b"another"],
    ],
    keys=[b"z1", b"z2", b"z3", b"big", b"lex", b"set", b"s1", b"s2", b"gone"],
    dump=[[b"ZRANGE", b"{key}", b"0", b"-1", b"WITHSCORES"]],
    others={
        "DEL": Rule(0.4, {"key": [b"z1", b"z2", b"z3", b"gone"]}),
        "RENAME": Rule(0.3, {"key": [b"z2", b"gone"], "newkey": [b"z3", b"z2", b"gone"]}),
        "COPY": Rule(0.3, {"source": [b"z2", b"big"], "destination": TARGETS, "destination-db": [b"0"]}),
        "MULTI": Rule(1),
        "EXEC": Rule(0.1),
        "EXPIRE": Rule(0.3, {"key": TARGETS, "seconds": [AHEAD, AHEAD, b"-1"]}),
        "CLIENT|UNBLOCK": Rule(0.3, {"client-id": [b"{id0}", b"{id1}", b"{id2}", b"999999999"]}),
        "OBJECT|ENCODING": Rule(1),
    },
)
