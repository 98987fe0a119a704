"""Hashes: the 28 commands, those about the expiry of fields included.

Keys that begin with h are always listpacks, so that replies have an order; those that begin with t
may be hash tables, and are too large for anything else in some setups. Nothing expires while a
sequence runs, unless it is past when it is given: what happens then depends on the millisecond.
"""

from __future__ import annotations

from compat.oracle.grammar.family import AHEAD, ARITY, NOT_FLOAT, NOT_INTEGER, SYNTAX, WRONGTYPE, Family, Rule
from compat.oracle.grammar.generic import AHEAD_MS, AHEAD_S
from compat.oracle.grammar.strings import AMOUNTS, FLOATS, OVERFLOW

KEYS = [b"h1"] * 5 + [b"h2"] * 3 + [b"t1"] * 2 + [b"t2", b"s1", b"gone"]
FIELDS = [*[b"a", b"b", b"c", b"d"] * 3, *[b"n", b"n", b"f", b"e", b"", b"\x00\r\n\xff"]]
VALUES = [*[b"1", b"2", b"v", b"-7", b"10.5"] * 2, *[b"", b"x" * 64, b"9223372036854775807", b"\x00\r\n"]]
LONG = b"z" * 65  # not in a listpack
TABLE = [word for n in range(600) for word in (b"f%d" % n, b"%d" % n)]
NUMFIELDS = [b"0", b"-1", b"x", b"9", b"1", b"2147483648"]
LATER_S = [b"99999999%02d" % n for n in range(24)]
LATER_MS = [b"99999999%02d000" % n for n in range(24)]
AWRY = [b"0", b"0", b"-1", b"x", b"1.5", b"", b"9223372036854775807", b"70368744177664"]
SPANS = {
    "seconds": AHEAD_S + AWRY,
    "milliseconds": AHEAD_MS + AWRY,
    "unix-time-seconds": [*LATER_S, b"1", *AWRY],
    "unix-time-milliseconds": [*LATER_MS, b"1", *AWRY],
}
TABLES = [b"t1", b"t2"]

MANDATORY = "ERR Mandatory argument FIELDS is missing or not at the right position"
MISMATCH = "ERR The `numfields` parameter must match the number of arguments"
NOT_POSITIVE = "ERR Number of fields must be a positive integer"
NEGATIVE = "ERR invalid expire time, must be >= 0"
PAST_RANGE = "ERR value is out of range"
CURSOR = "ERR invalid cursor"
FIELD_LIST = (ARITY, WRONGTYPE, MISMATCH, NOT_POSITIVE, MANDATORY)


def _no_fields(name: bytes, *words: bytes) -> list[list[bytes]]:
    """Without FIELDS, or with it in another place."""
    return [
        [name, b"h1", *words, b"FIELD", b"1", b"a"],
        [name, b"h1", *words, b"a", b"FIELDS", b"1", b"a"],
        [name, b"gone", *words, b"1", b"a", b"b"],
        [name, b"s1", *words, b"FIELDS", b"2", b"a"],
        [name, b"h1", *words, b"FIELDS", b"2", b"a", b"a"],
    ]


def _expiry(name: bytes) -> Rule:
    return Rule(
        2,
        errors=(
            *(ARITY, WRONGTYPE, MISMATCH, MANDATORY, NOT_INTEGER, NEGATIVE),
            "ERR Parameter `numFields` should be greater than 0",
            f"ERR invalid expire time in '{name.decode().lower()}' command",
        ),
        extra=[
            *_no_fields(name, b"100000"),
            *_no_fields(name, b"9999999999", b"NX"),
            [name, b"h1", b"10", b"NX", b"XX", b"FIELDS", b"1", b"a"],
            [name, b"h1", b"x", b"FIELDS", b"0", b"a"],
            [name, b"h1", b"0", b"FIELDS", b"5", b"a", b"a", b"b", b"zz", b"c"],
            [name, b"t1", b"0", b"FIELDS", b"2", b"f1", b"f599"],
            [name, b"h1", b"10", b"NX", b"FIELDS"],
            [name, b"h1", b"10", b"NX", b"FIELDS", b"1"],
        ],
    )


def _asking(name: bytes) -> Rule:
    return Rule(1, errors=FIELD_LIST, extra=_no_fields(name))


HASHES = Family(
    "hash",
    {
        "HSET": Rule(
            5,
            errors=(ARITY, WRONGTYPE),
            extra=[
                [b"HSET", b"t1", *TABLE],
                [b"HSET", b"t2", b"a", LONG],
                [b"HSET", b"t2", LONG, b"1", b"b", b"2"],
                [b"HSET", b"t1", *[b"a", b"1"] * 513],
                [b"HSET", b"h1", b"a"],
                [b"HSET", b"h2", b"a", b"1", b"b"],
            ],
        ),
        "HMSET": Rule(0.6, errors=(ARITY, WRONGTYPE), extra=[[b"HMSET", b"t2", b"a", b"1", b"b", LONG]]),
        "HSETNX": Rule(1, errors=(ARITY, WRONGTYPE), extra=[[b"HSETNX", b"t2", b"long", LONG]]),
        "HGET": Rule(2, errors=(ARITY, WRONGTYPE)),
        "HMGET": Rule(1, errors=(ARITY, WRONGTYPE)),
        "HEXISTS": Rule(0.6, errors=(ARITY, WRONGTYPE)),
        "HSTRLEN": Rule(0.6, errors=(ARITY, WRONGTYPE)),
        "HLEN": Rule(1, errors=(ARITY, WRONGTYPE)),
        "HGETALL": Rule(1.5, errors=(ARITY, WRONGTYPE)),
        "HKEYS": Rule(1, errors=(ARITY, WRONGTYPE)),
        "HVALS": Rule(1, errors=(ARITY, WRONGTYPE)),
        "HDEL": Rule(
            1.5, errors=(ARITY, WRONGTYPE), extra=[[b"HDEL", b"h1", *FIELDS], [b"HDEL", b"t1", *TABLE[::2]]]
        ),
        "HINCRBY": Rule(
            2,
            {"field": [b"n"] * 4 + FIELDS, "integer": AMOUNTS},
            errors=(ARITY, WRONGTYPE, NOT_INTEGER, OVERFLOW, "ERR hash value is not an integer"),
        ),
        "HINCRBYFLOAT": Rule(
            2,
            {"field": [b"f"] * 4 + FIELDS, "double": [word for word in FLOATS if b"e308" not in word]},
            errors=(
                *(ARITY, WRONGTYPE, NOT_FLOAT, "ERR hash value is not a float"),
                "ERR value is NaN or Infinity",
                "ERR increment would produce NaN or Infinity",
            ),
            extra=[[b"HINCRBYFLOAT", b"t2", b"f", b"1e4932"]],
        ),
        "HSCAN": Rule(
            1.5,
            {
                "cursor": [b"0"] * 10 + [b"x", b"-1", b"1.5", b"18446744073709551616", b"7"],
                "pattern": [b"*", b"f*", b"[ab]", b"?"],
                "integer": [b"1000"] * 6 + [b"1", b"0", b"-1", b"x"],
            },
            errors=(ARITY, WRONGTYPE, SYNTAX, NOT_INTEGER, CURSOR),
            extra=[
                [b"HSCAN", b"h1", b"0", b"TYPE", b"hash"],
                [b"HSCAN", b"gone", b"0", b"NOPE"],
                [b"HSCAN", b"s1", b"0", b"COUNT", b"0"],
            ],
        ),
        "HRANDFIELD": Rule(
            1.5,
            {"count": [b"0", b"1", b"2", b"5", b"1000", b"-1", b"-5"] * 3 + [b"x", b"-9223372036854775808"]},
            errors=(ARITY, WRONGTYPE, SYNTAX, NOT_INTEGER, PAST_RANGE),
            extra=[
                [b"HRANDFIELD", b"h1", b"2", b"NOPE"],
                [b"HRANDFIELD", b"s1", b"2", b"WITHVALUES", b"x"],
                [b"HRANDFIELD", b"h1", b"9223372036854775807", b"WITHVALUES"],
                [b"HRANDFIELD", b"h1", b"-5000000000000000000", b"WITHVALUES"],
            ],
        ),
        "HEXPIRE": _expiry(b"HEXPIRE"),
        "HPEXPIRE": _expiry(b"HPEXPIRE"),
        "HEXPIREAT": _expiry(b"HEXPIREAT"),
        "HPEXPIREAT": _expiry(b"HPEXPIREAT"),
        "HPERSIST": _asking(b"HPERSIST"),
        "HTTL": _asking(b"HTTL"),
        "HPTTL": _asking(b"HPTTL"),
        "HEXPIRETIME": _asking(b"HEXPIRETIME"),
        "HPEXPIRETIME": _asking(b"HPEXPIRETIME"),
        "HGETDEL": _asking(b"HGETDEL"),
        "HGETEX": Rule(
            2,
            errors=(*FIELD_LIST, NOT_INTEGER, NEGATIVE, "ERR invalid expire time in 'hgetex' command"),
            extra=[
                *_no_fields(b"HGETEX"),
                *_no_fields(b"HGETEX", b"PERSIST"),
                *_no_fields(b"HGETEX", b"PX", b"100000"),
                [b"HGETEX", b"h1", b"EX", b"10", b"PERSIST", b"FIELDS", b"1", b"b"],
                [b"HGETEX", b"h1", b"EX", b"0", b"FIELDS", b"3", b"a", b"a", b"b"],
                [b"HGETEX", b"h1", b"EX", b"10", b"FIELDS"],
                [b"HGETEX", b"h1", b"EX", b"10", b"NOPE"],
                [b"HGETEX", b"h1", b"a", b"b", b"EX"],
                [b"HGETEX", b"h1", b"EX", b"x", b"FOO", b"1", b"a"],
            ],
        ),
        "HSETEX": Rule(
            3,
            errors=(
                *(ARITY, WRONGTYPE, NOT_INTEGER, NEGATIVE, "ERR invalid expire time in 'hsetex' command"),
                *("ERR invalid number of fields", "ERR unknown argument: "),
                "ERR Only one of FXX or FNX arguments can be specified",
                "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
            ),
            extra=[
                [b"HSETEX", b"h1", b"NOPE\r\n", b"FIELDS", b"1", b"a", b"1"],
                [b"HSETEX", b"h1", b"FNX", b"FXX", b"FIELDS", b"1", b"a", b"1"],
                [b"HSETEX", b"h1", b"EX", b"10", b"PX", b"x", b"FIELDS", b"1", b"a", b"1"],
                [b"HSETEX", b"h1", b"EX", b"10", b"KEEPTTL", b"FIELDS", b"1", b"a", b"1"],
                [b"HSETEX", b"h1", b"EX", b"0", b"FIELDS", b"3", b"a", b"1", b"a", b"2", b"b", b"3"],
                [b"HSETEX", b"h1", b"FIELDS", b"1", b"a", b"1", b"EX", b"10"],
                [b"HSETEX", b"h1", b"FNX", b"EX", b"10", b"FIELDS"],
                [b"HSETEX", b"h1", b"FNX", b"KEEPTTL", b"FIELDS", b"1"],
                [b"HSETEX", b"t2", b"EX", b"1000", b"FIELDS", b"1", b"a", LONG],
                [b"HSETEX", b"t2", b"KEEPTTL", b"FIELDS", b"1", b"a", LONG],
            ],
        ),
    },
    values={
        "key": KEYS,
        "field": FIELDS,
        "string": VALUES,
        "value": VALUES,
        "numfields": NUMFIELDS,
        **SPANS,
    },
    setups=[
        [b"HSET", b"h1", b"a", b"1", b"b", b"2", b"c", b"v", b"n", b"5", b"f", b"0.5", b"d", b""],
        [b"HSET", b"h2", b"n", b"9223372036854775000", b"f", b"3.0e3"],
        [b"HPEXPIREAT", b"h1", b"9999999950000", b"FIELDS", b"2", b"b", b"f"],
        [b"HSET", b"t1", *TABLE],
        [b"HSET", b"t2", b"a", LONG, b"n", b"1"],
        [b"HPEXPIREAT", b"t2", b"9999999950000", b"FIELDS", b"2", b"a", b"n"],
        [b"SET", b"s1", b"a string"],
    ],
    keys=[b"h1", b"h2", b"h3", b"t1", b"t2", b"t3", b"s1", b"gone"],
    since_7_0=True,
    dump=[
        [b"HGETALL", b"{key}"],
        [b"HPEXPIRETIME", b"{key}", b"FIELDS", b"11", *sorted(set(FIELDS)), b"f1", b"f599"],
    ],
    others={
        "DEL": Rule(0.3, {"key": [b"h1", b"t1", b"gone"]}),
        "RENAME": Rule(0.3, {"key": [b"h1", b"gone"], "newkey": [b"h1", b"h2", b"h3"]}),
        "COPY": Rule(
            0.4, {"source": [b"h1", b"h2"], "destination": [b"h2", b"h3"], "destination-db": [b"0"]}
        ),
        "OBJECT|ENCODING": Rule(1),
        "EXPIRE": Rule(0.3, {"seconds": [AHEAD, b"-1"]}),
        "MULTI": Rule(0.6),
        "EXEC": Rule(0.1),
    },
)
