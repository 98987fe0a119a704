"""SORT and SORT_RO.

What is equal in an order by texts keeps the order of its source. A sorted set has none of its own there, and
seven elements or more lose it with BY and LIMIT. So chance puts words together for short lists and sets
alone; how to sort the others is written out. The weights of a sorted set are looked up in no order, which who
listens to misses can see: tests/commands/test_sort.py has them.
"""

from __future__ import annotations

from compat.oracle.case import BRIEF
from compat.oracle.grammar.family import (
    ARITY,
    NOT_INTEGER,
    SYNTAX,
    WRONGTYPE,
    Family,
    Rule,
)

NOT_NUMBERS = "ERR One or more scores can't be converted into double"

WORDS = [b"a", b"b", b"1", b"2", b"3", b"10"]
TEXTS = [word for n, name in enumerate(WORDS) for word in (b"t_" + name, b"text %d" % (n * 5 % 7))]
WEIGHTS = [word for n, name in enumerate(WORDS) for word in (b"w_" + name, b"%d" % (n * 5 % 7 - 2))]
MANY = [b"%d" % (n * 37 % 301) for n in range(300)]
LONG = [b"%03d" % n + b"x" * 100 for n in range(100)]
ODD = [
    b"1e400",
    b"-1e400",
    b"1e-400",
    b"-0",
    b"",
    b"+1",
    b".5",
    b"5.",
    b"inf",
    b"-Infinity",
    b"1\x002",
    b"1e5",
]
REFUSED = [b"0x10", b" 1", b"1 ", b"nan", b"1_0", b"1e", b".", b"-", b"x"]

KEYS = [b"n"] * 6 + [b"l"] * 3 + [b"i"] * 4 + [b"s"] * 2 + [b"h_1", b"gone"]
PATTERNS = [
    *[b"w_*", b"h_*->f", b"h_*->g", b"nosort", b"none_*", b"h_*->", b"str"] * 2,
    *[b"t_*", b"", b"*", b"#", b"odd*", b"h_*->*", b"->*", b"w_*->f"],
]
TARGETS = [b"d"] * 4 + [b"d2", b"str"]
NUMBERS = [b"0", b"0", b"1", b"2", b"3", b"5", b"-1", b"100"] * 3 + [
    *[b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"x"],
]
ERRORS = (ARITY, WRONGTYPE, SYNTAX, NOT_INTEGER, NOT_NUMBERS)

BOTH = [
    [b"n", b"BY", b"w_*", b"GET", b"#", b"GET", b"w_*", b"GET", b"h_*->f", b"GET", b"none_*", b"GET", b"w"],
    *[[b"z", *words] for words in ([], [b"DESC"], [b"LIMIT", b"2", b"4"])],
    *[[key, *words] for key in (b"d", b"many", b"odd") for words in (
        [], [b"DESC"], [b"LIMIT", b"2", b"4"], [b"BY", b"w_*"],
        [b"BY", b"h_*->f", b"DESC", b"LIMIT", b"0", b"9"],
        [b"BY", b"none_*", b"GET", b"#", b"GET", b"w_*"],
    )],
    *[[key, b"BY", b"nosort", *words] for key in (b"n", b"i", b"z", b"s", b"many") for words in (
        [], [b"DESC"], [b"LIMIT", b"1", b"2"], [b"LIMIT", b"4", b"-1"],
        [b"DESC", b"LIMIT", b"1", b"2"], [b"DESC", b"LIMIT", b"-1", b"3"],
    )],
    *[[key, b"ALPHA", *words] for key in (b"n", b"l", b"i", b"s", b"z", b"many") for words in (
        [], [b"DESC"], [b"LIMIT", b"1", b"3"],
    )],
    *[[key, b"BY", b"w_*", b"LIMIT", b"1", b"3", *words] for key in (b"n", b"l", b"s") for words in (
        [], [b"DESC"], [b"GET", b"#", b"GET", b"h_*->f"],
    )],
    *[[key, b"ALPHA", b"BY", b"t_*", b"DESC"] for key in (b"n", b"l", b"i", b"s", b"many", b"d")],
    [b"n", b"BY", b"w_*", b"BY", b"nosort"],
    [b"n", b"BY", b"nosort", b"BY", b"w_*"],
    [b"s", b"BY", b"nosort", b"BY", b"w_*", b"ALPHA"],
    [b"odd", b"DESC"],
    [b"nul", b"ALPHA"],
    [b"nul", b"ALPHA", b"DESC"],
    [b"nul", b"BY", b"none_*", b"ALPHA"],
    [b"nul", b"BY", b"none_*", b"ALPHA", b"DESC", b"LIMIT", b"1", b"2"],
    [b"n", b"LIMIT", b"1", b"2", b"LIMIT", b"2", b"1"],
    [b"n", b"ASC", b"DESC"],
    [b"h_1", b"LIMIT", b"x", b"y"],
    [b"h_1", b"NOPE"],
    [b"n", b"GET"],
    [b"n", b"LIMIT", b"0"],
]  # fmt: skip
STORED = [
    [b"n", b"DESC", b"STORE", b"n"],
    [b"d", b"ALPHA", b"STORE", b"d"],
    [b"z", b"ALPHA", b"DESC", b"STORE", b"z"],
    [b"n", b"STORE", b"STORE"],
    [b"n", b"STORE"],
    [b"n", b"STORE", b"d", b"STORE", b"d2"],
    [b"n", b"LIMIT", b"0", b"0", b"STORE", b"d"],
    [b"gone", b"STORE", b"d"],
    [b"n", b"GET", b"none_*", b"GET", b"#", b"STORE", b"d"],
    [b"nul", b"ALPHA", b"STORE", b"d"],
    [b"many", b"BY", b"nosort", b"DESC", b"STORE", b"d"],
    [b"many", b"GET", b"long", b"STORE", b"d"],
    [b"many", b"GET", b"#", b"GET", b"w_*", b"GET", b"h_*->f", b"STORE", b"d2"],
    [b"long", b"ALPHA", b"STORE", b"d"],
    [b"long", b"BY", b"nosort", b"LIMIT", b"3", b"77", b"STORE", b"d"],
    *[[key, b"BY", b"nosort", *words, b"STORE", b"d"] for key in (b"i", b"s", b"z", b"n") for words in (
        [], [b"DESC"], [b"LIMIT", b"1", b"2"],
    )],
]  # fmt: skip

SORT = Family(
    "sort",
    {
        "SORT": Rule(
            8,
            errors=ERRORS,
            extra=[[b"SORT", *words] for words in [*BOTH, *STORED, *STORED]],
            extra_chance=0.5,
        ),
        "SORT_RO": Rule(
            4,
            errors=ERRORS,
            extra=[[b"SORT_RO", *words] for words in [*BOTH, [b"n", b"STORE", b"d"]]],
            extra_chance=0.5,
        ),
    },
    values={
        "key": KEYS,
        "pattern": PATTERNS,
        "destination": TARGETS,
        "integer": NUMBERS,
    },
    setups=[
        [b"RPUSH", b"n", b"3", b"1", b"2", b"10", b"1"],
        [b"RPUSH", b"l", b"b", b"a", b"2", b"10"],
        [b"RPUSH", b"odd", *ODD],
        [b"RPUSH", b"nul", b"a\x00b", b"a\x00a", b"a", b"", b"\x00", b"\xff"],
        [b"RPUSH", b"many", *MANY],
        [b"RPUSH", b"long", *LONG],
        [b"SADD", b"i", b"3", b"1", b"2", b"10"],
        [b"SADD", b"s", b"b", b"a", b"3", b"1"],
        [b"ZADD", b"z", b"1", b"3", b"2", b"1", b"2", b"10", b"3", b"2"],
        [b"MSET", *WEIGHTS],
        [b"MSET", *TEXTS],
        [b"HSET", b"h_1", b"f", b"5", b"g", b"x", b"*", b"star"],
        [b"HSET", b"h_2", b"f", b"4", b"g", b"7"],
        [b"HSET", b"h_3", b"f", b"3"],
        [b"MSET", b"h_10", b"6", b"h_1->", b"9", b"w_1->f", b"no hash", b"1", b"0.5", b"->1", b"0x1"],
        [b"SET", b"str", b"a string"],
    ],
    keys=[
        b"n",
        b"l",
        b"odd",
        b"nul",
        b"many",
        b"long",
        b"i",
        b"s",
        b"z",
        b"d",
        b"d2",
        b"str",
        b"gone",
        b"h_1",
    ],
    others={
        "RPUSH": Rule(1, {"key": [b"odd", b"d"], "string": [b"7", b"1.5", b"-3", *ODD, *REFUSED]}),
        "LTRIM": Rule(0.7, {"key": [b"d", b"d2"], "integer": [b"0", b"1", b"3", b"-1", b"30", b"60", b"90"]}),
        "OBJECT|ENCODING": Rule(1, {"key": [b"d", b"d2", b"z", b"i"]}),
        "GETSET": Rule(0.7, {"key": [b"w_1", b"w_3"], "string": [*ODD, *REFUSED]}),
        "DEL": Rule(0.3, {"key": [b"d", b"w_2", b"h_3", b"gone"]}),
        "EXPIRE": Rule(0.3, {"key": [b"d", b"n"], "seconds": [b"1000", b"-1"]}, option=0),
        "BLPOP": Rule(0.7, {"key": [b"d"], "timeout": [BRIEF]}),
        "MULTI": Rule(0.7),
        "EXEC": Rule(0.1),
    },
)
