"""Strings: 22 commands, numbers and expiry options included."""

from __future__ import annotations

import random

from compat.oracle.grammar.family import (
    ARITY,
    NOT_FLOAT,
    NOT_INTEGER,
    SYNTAX,
    WRONGTYPE,
    Family,
    Rule,
)

KEYS = [b"s1"] * 4 + [b"s2"] * 3 + [b"n1"] * 4 + [b"n2"] * 2 + [b"f1"] * 2 + [b"l1", b"gone"]
NUMBERS = [b"n1"] * 8 + [b"n2"] * 4 + [b"s1", b"f1", b"l1", b"gone"]
_RNG = random.Random(30)  # few letters in any order: several longest subsequences
TEXTS = [b"t1"] * 6 + [b"t2"] * 6 + [b"s1", b"s2", b"n1", b"l1", b"gone"]
STRINGS_ = [
    *[b"", b"a", b"hello", b"10", b"-1", b"007", b"3.5", b" 1", b"9223372036854775807"],
    *[b"x" * 44, b"x" * 45, b"y" * 700, b"\x00\r\n\xff"],
]
AMOUNTS = [b"1", b"2", b"-3", b"1000"] * 3 + [
    *[b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"1.5", b"x", b""],
]
FLOATS = [b"0.1", b"-1.5", b"3", b"5.0e3", b"1e-17", b"200", b"1.7976931348623157e308"] * 2 + [
    *[b"inf", b"-inf", b"nan", b"x", b"", b" 1", b"1 "],
]
OFFSETS = [b"0", b"1", b"2", b"3", b"10", b"-1", b"-2", b"-4", b"1000"] * 2 + [
    *[b"9223372036854775807", b"-9223372036854775808", b"x", b"1.5"],
]
# Far enough that nothing expires in a run, or so far back that it is gone at once.
SECONDS = [b"1000", b"100000"] * 6 + [b"0", b"-1", b"x", b"9223372036854775807", b"1.5"]
MILLISECONDS = [b"1000000", b"100000000"] * 6 + [b"0", b"-1", b"x", b"9223372036854775807"]
FAR_S = [b"99999999999"]
FAR_MS = [b"99999999999000"]
LATER = {  # values for SET in other families: nothing expires in a run
    "seconds": [b"1000"],
    "milliseconds": [b"1000000"],
    "unix-time-seconds": FAR_S,
    "unix-time-milliseconds": FAR_MS,
}
UNIX_SECONDS = FAR_S * 6 + [b"1", b"0", b"-1", b"x", b"9223372036854775807"]
UNIX_MILLISECONDS = FAR_MS * 6 + [b"1", b"0", b"-1", b"x", b"9223372036854775807"]

OVERFLOW = "ERR increment or decrement would overflow"
EXPIRE = "ERR invalid expire time in '%s' command"
TOO_LONG = "ERR string exceeds maximum allowed size"

STRINGS = Family(
    "string",
    {
        "SET": Rule(
            5,
            errors=(ARITY, WRONGTYPE, SYNTAX, NOT_INTEGER, EXPIRE % "set"),
            extra=[
                [b"SET", b"s1", b"v", b"EX", b"10", b"KEEPTTL"],
                [b"SET", b"s1", b"v", b"EX", b"10", b"PX", b"10"],
                [b"SET", b"s1", b"v", b"EX"],
                [b"SET", b"s1", b"v", b"GET", b"GET", b"XX"],
                [b"SET", b"s2", b"v", b"NX", b"GET", b"PX", b"100000"],
            ],
        ),
        "GET": Rule(3, errors=(ARITY, WRONGTYPE)),
        "GETDEL": Rule(errors=(ARITY, WRONGTYPE)),
        "GETEX": Rule(
            2.5,
            errors=(ARITY, WRONGTYPE, SYNTAX, NOT_INTEGER, EXPIRE % "getex"),
            extra=[
                [b"GETEX", b"s1", b"EX", b"10", b"PERSIST"],
                [b"GETEX", b"s1", b"KEEPTTL"],
                [b"GETEX", b"s1", b"NX"],
            ],
        ),
        "GETSET": Rule(errors=(ARITY, WRONGTYPE)),
        "GETRANGE": Rule(1.5, errors=(ARITY, WRONGTYPE, NOT_INTEGER)),
        "SUBSTR": Rule(errors=(ARITY, WRONGTYPE, NOT_INTEGER)),
        "SETRANGE": Rule(
            1.5,
            {"offset": [b"0", b"1", b"5", b"100"] * 4 + [b"-1", b"x"]},
            errors=(ARITY, WRONGTYPE, NOT_INTEGER, "ERR offset is out of range", TOO_LONG),
            extra=[
                [b"SETRANGE", b"s1", b"536870911", b"ab"],
                [b"SETRANGE", b"gone", b"5", b""],
                [b"SETRANGE", b"s2", b"9223372036854775807", b"x"],
            ],
        ),
        "STRLEN": Rule(errors=(ARITY, WRONGTYPE)),
        "APPEND": Rule(1.5, errors=(ARITY, WRONGTYPE)),
        "INCR": Rule(2, {"key": NUMBERS}, errors=(ARITY, WRONGTYPE, NOT_INTEGER, OVERFLOW)),
        "DECR": Rule(
            2,
            {"key": NUMBERS},
            errors=(ARITY, WRONGTYPE, NOT_INTEGER, OVERFLOW),
        ),
        "INCRBY": Rule(2, {"key": NUMBERS}, errors=(ARITY, WRONGTYPE, NOT_INTEGER, OVERFLOW)),
        "DECRBY": Rule(
            2,
            {"key": NUMBERS},
            errors=(ARITY, WRONGTYPE, NOT_INTEGER, OVERFLOW, "ERR decrement would overflow"),
        ),
        "INCRBYFLOAT": Rule(
            2,
            {"key": [b"f1"] * 6 + [b"n1"] * 3 + [b"s1", b"l1", b"gone"], "increment": FLOATS},
            errors=(ARITY, WRONGTYPE, NOT_FLOAT, "ERR increment would produce NaN or Infinity"),
        ),
        "MGET": Rule(1.5, errors=(ARITY,)),
        "MSET": Rule(1.5, errors=(ARITY,), extra=[[b"MSET", b"s1", b"v", b"s2"]]),
        "MSETNX": Rule(1.5, errors=(ARITY,), extra=[[b"MSETNX", b"m1", b"v", b"m2", b"v", b"m1", b"w"]]),
        "SETEX": Rule(errors=(ARITY, NOT_INTEGER, EXPIRE % "setex")),
        "PSETEX": Rule(errors=(ARITY, NOT_INTEGER, EXPIRE % "psetex")),
        "SETNX": Rule(errors=(ARITY,)),
        "LCS": Rule(
            2,
            {"key1": TEXTS, "key2": TEXTS, "min-match-len": [b"0", b"1", b"2", b"3", b"-1", b"x"]},
            errors=(
                *(ARITY, SYNTAX, NOT_INTEGER, "ERR The specified keys must contain string values"),
                "ERR If you want both the length and indexes, please just use IDX.",
            ),
        ),
    },
    values={
        "key": KEYS,
        "string": STRINGS_,
        "increment": AMOUNTS,
        "decrement": AMOUNTS,
        "start": OFFSETS,
        "end": OFFSETS,
        "seconds": SECONDS,
        "milliseconds": MILLISECONDS,
        "unix-time-seconds": UNIX_SECONDS,
        "unix-time-milliseconds": UNIX_MILLISECONDS,
    },
    setups=[
        [b"MSET", b"s1", b"hello", b"s2", b"0123456789", b"n1", b"10", b"f1", b"10.5"],
        [b"SET", b"n2", b"9223372036854775806", b"EX", b"1000"],
        [b"SET", b"n1", b"-9223372036854775807"],
        [b"RPUSH", b"l1", b"a", b"b"],
        *[[b"SET", name, text] for text in (b"ohmytext", b"mynewtext", b"") for name in (b"t1", b"t2")],
        *[[b"SET", b"t%d" % (n % 2 + 1), bytes(_RNG.choices(b"abc", k=30 + n))] for n in range(8)],
    ],
    keys=[b"s1", b"s2", b"t1", b"t2", b"n1", b"n2", b"f1", b"l1", b"m1", b"m2", b"gone"],
    others={
        "DEL": Rule(1.5),
        "TTL": Rule(1),
        "PERSIST": Rule(0.3),
        "MULTI": Rule(0.5),
        "EXEC": Rule(0.1),
        "OBJECT|ENCODING": Rule(1),
    },
)
