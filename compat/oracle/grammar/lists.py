"""Lists: the 22 commands, blocking ones included."""

from __future__ import annotations

from compat.oracle.case import BRIEF
from compat.oracle.grammar.family import (
    AHEAD,
    ARITY,
    NOT_INTEGER,
    SYNTAX,
    WRONGTYPE,
    Family,
    Rule,
)

BULK = [b"v%d" % n for n in range(300)]  # more than one chunk, more than one listpack
KEYS = [b"l1"] * 4 + [b"l2"] * 3 + [b"l3"] * 2 + [b"s1"] + [b"gone"]
ELEMENTS = [
    *[b"a", b"b", b"1", b"2"] * 3,
    *[b"c", b"-7", b"12345678901", b"v1", b"v299", b""],
    b"\x00\r\n\xff",
    b"x" * 100,
    b"y" * 3000,
]
REPEATED = [b"a", b"b", b"1", b"2", b"v1", b"nope"]  # what lists hold more than once
INDEXES = [b"0", b"1", b"2", b"3", b"-1", b"-2", b"-3", b"5", b"150", b"-150", b"1000"] * 2 + [
    *[b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"1.5", b"x", b""],
    *[b" 1", b"+1", b"01", b"-0"],
]
# For LTRIM: mostly such that something is left.
FIRSTS = [b"0", b"0", b"1", b"-3", b"-150"] * 3 + [b"5", b"x", b"9223372036854775807"]
LASTS = [b"-1", b"-1", b"-2", b"3", b"150"] * 3 + [b"0", b"-150", b"x", b"-9223372036854775808"]
# redis-server takes LSET's index modulo 2^32: see differences.md.
NEAR = [index for index in INDEXES if len(index) < 19]
COUNTS = [b"0", b"1", b"2", b"3", b"10", b"400"] * 3 + [b"-1", b"x", b"9223372036854775807"]
TIMEOUTS = [BRIEF] * 12 + [b"-1", b"x", b"nan", b"inf", b"1e300"]

NO_KEY = "ERR no such key"
OUT_OF_RANGE = "ERR index out of range"
NEGATIVE = "ERR timeout is negative"
NOT_TIMEOUT = "ERR timeout is not a float or out of range"
LONG_TIMEOUT = "ERR timeout is out of range"
NUMKEYS = "ERR numkeys should be greater than 0"
COUNT_ZERO = "ERR count should be greater than 0"
POSITIVE = "ERR value is out of range, must be positive"
BLOCKING = (ARITY, WRONGTYPE, NEGATIVE, NOT_TIMEOUT, LONG_TIMEOUT)

PUSH = Rule(4, errors=(ARITY, WRONGTYPE), extra=[[b"RPUSH", b"l3", *BULK]], extra_chance=0.05)
LEFT_PUSH = Rule(4, errors=(ARITY, WRONGTYPE), extra=[[b"LPUSH", b"l2", *BULK]], extra_chance=0.05)
POP = Rule(2, {"count": COUNTS}, errors=(ARITY, WRONGTYPE, POSITIVE))

LISTS = Family(
    "list",
    {
        "LPUSH": LEFT_PUSH,
        "RPUSH": PUSH,
        "LPUSHX": Rule(errors=(ARITY, WRONGTYPE)),
        "RPUSHX": Rule(errors=(ARITY, WRONGTYPE)),
        "LPOP": POP,
        "RPOP": POP,
        "LLEN": Rule(errors=(ARITY, WRONGTYPE)),
        "LINDEX": Rule(errors=(ARITY, WRONGTYPE, NOT_INTEGER)),
        "LRANGE": Rule(2, errors=(ARITY, WRONGTYPE, NOT_INTEGER)),
        "LTRIM": Rule(
            0.8,
            {"start": FIRSTS, "stop": LASTS},
            errors=(ARITY, WRONGTYPE, NOT_INTEGER),
        ),
        "LSET": Rule(1, {"index": NEAR}, errors=(ARITY, WRONGTYPE, NOT_INTEGER, NO_KEY, OUT_OF_RANGE)),
        "LINSERT": Rule(errors=(ARITY, WRONGTYPE, SYNTAX)),
        "LREM": Rule(
            1,
            {"count": [b"0", b"1", b"-1", b"2", b"-2", b"1000", b"x"], "string": REPEATED},
            errors=(ARITY, WRONGTYPE, NOT_INTEGER),
        ),
        "LPOS": Rule(
            2.5,
            {
                "string": REPEATED,
                "rank": [b"1", b"2", b"-1", b"-2", b"3"] * 3 + [b"0", b"-9223372036854775808", b"x"],
                "num-matches": [b"0", b"1", b"2", b"10"] * 3 + [b"-1", b"x"],
                "len": [b"0", b"1", b"3", b"200"] * 3 + [b"-1", b"x"],
            },
            errors=(
                *(ARITY, WRONGTYPE, SYNTAX, NOT_INTEGER),
                "ERR RANK can't be zero",
                "ERR value is out of range, value must between",
                "ERR COUNT can't be negative",
                "ERR MAXLEN can't be negative",
            ),
            option=0.5,
        ),
        "LMOVE": Rule(1.5, errors=(ARITY, WRONGTYPE, SYNTAX)),
        "RPOPLPUSH": Rule(errors=(ARITY, WRONGTYPE)),
        "LMPOP": Rule(
            1.5,
            {"numkeys": [b"0", b"-1", b"x", b"9", b"1"], "count": COUNTS},
            errors=(ARITY, WRONGTYPE, SYNTAX, NUMKEYS, COUNT_ZERO),
        ),
        "BLPOP": Rule(1.2, errors=BLOCKING),
        "BRPOP": Rule(errors=BLOCKING),
        "BLMOVE": Rule(1.2, errors=(*BLOCKING, SYNTAX)),
        "BRPOPLPUSH": Rule(errors=BLOCKING),
        "BLMPOP": Rule(
            1.2,
            {"numkeys": [b"0", b"-1", b"x", b"9", b"1"], "count": COUNTS},
            errors=(*BLOCKING, SYNTAX, NUMKEYS, COUNT_ZERO),
        ),
    },
    values={
        "key": KEYS,
        "string": ELEMENTS,
        "pivot": [b"a", b"b", b"c", b"1", b"nope"],
        "integer": INDEXES,
        "timeout": TIMEOUTS,
    },
    setups=[
        [b"RPUSH", b"l1", b"a", b"b", b"c", b"a", b"1", b"2", b"b"],
        [b"LPUSH", b"l2", b"1", b"-7", b"a", b"a"],
        [b"RPUSH", b"l3", *BULK],
        [b"RPUSH", b"l1", b"y" * 3000, b"y" * 3000, b"y" * 3000, b"z" * 9000],
        [b"SET", b"s1", b"a string"],
    ],
    keys=[b"l1", b"l2", b"l3", b"s1", b"gone"],
    others={
        "DEL": Rule(0.4, {"key": [b"l1", b"l2", b"l3", b"gone"]}),
        "RENAME": Rule(0.3, {"key": [b"l1", b"gone"], "newkey": [b"l1", b"l2", b"gone"]}),
        "COPY": Rule(0.3, {"destination-db": [b"0"]}),
        "MULTI": Rule(2),
        "EXEC": Rule(0.1),
        "EXPIRE": Rule(0.3, {"seconds": [AHEAD, AHEAD, b"-1"]}),
        "CLIENT|UNBLOCK": Rule(0.3, {"client-id": [b"{id0}", b"{id1}", b"{id2}", b"999999999"]}),
    },
)
