"""Commands that work on any key: expiry, renaming, copying, scanning."""

from __future__ import annotations

from compat.oracle.case import BRIEF_MS
from compat.oracle.grammar.family import ARITY, NOT_INTEGER, SHORT, SPAN, SYNTAX, Family, Rule
from compat.oracle.grammar.lists import NO_KEY
from compat.oracle.grammar.strings import LATER

KEYS = [b"k1"] * 3 + [b"k2"] * 3 + [b"k3"] * 2 + [b"l1"] * 3 + [b"l2"] + [b"gone"] * 2
DBS = [b"0", b"1", b"2"] * 6 + [b"15", b"16", b"-1", b"x", b"9223372036854775808"]
PATTERNS = [
    *[b"*", b"k*", b"?1", b"[kl]1", b"[^k]*", b"k[1-2]", b"gone", b"\\k1", b"k[", b"*1*", b""],
]
AHEAD_S = [b"%b000" % SPAN] * 24
AHEAD_MS = [b"%b000500" % SPAN] * 24
AWRY = [b"x", b"1.5", b"9223372036854775807", b"-9223372036854775808", b""]
# A string, a list, a sorted set and a hash as redis-server 8.2.3 dumps them; and what no server dumped.
DUMPS = [
    bytes.fromhex(text)
    for text in (
        "0009736f6d6520746578740c001f8241c0b13c1795",
        "1201020f0f00000003008161020101816202ff0c005b35978c11a48555",
        "110f0f0000000200816d0283312e3504ff0c0082afb3a0820fd0c3",
        "100d0d0000000200816602817602ff0c00eb870984d97e96d4",
        "0009736f6d6520746578740c001f8241c0b13c1796",  # another checksum
        "0009736f6d6520746578740c000000000000000000",  # none
        "0009736f6d6520746578740d00765dfcb34ca3fe1c",  # version 13
        "1a01610c008e2de2ba21ef3139",  # of a type that does not exist
        "",
    )
]
CONDITION = (
    "ERR NX and XX, GT or LT options at the same time are not compatible",
    "ERR GT and LT options at the same time are not compatible",
    "ERR Unsupported option",
)


def _expiry(name: bytes, ahead: list[bytes]) -> Rule:
    # A moment in milliseconds is taken as it is: it cannot overflow.
    overflow = [f"ERR invalid expire time in '{name.decode().lower()}' command"]
    overflow = [] if name == b"PEXPIREAT" else overflow
    return Rule(
        1.6,
        {"unix-time" if name.endswith(b"AT") else "integer": [*ahead, b"0", b"-1", *AWRY]},
        errors=(ARITY, NOT_INTEGER, *overflow, *CONDITION),
        extra=[
            [name, b"k1", ahead[0], b"NX", b"XX"],
            [name, b"k1", ahead[0], b"GT", b"LT"],
            [name, b"k1", ahead[0], b"XX", b"GT"],
            [name, b"k2", ahead[0], b"XX", b"LT"],
            [name, b"k2", ahead[0], b"NX", b"GT"],
            [name, b"k1", ahead[0], b"NOPE"],
        ],
    )


GENERIC = Family(
    "generic",
    {
        "COPY": Rule(
            3,
            errors=(
                *(ARITY, SYNTAX, NOT_INTEGER, "ERR DB index is out of range"),
                "ERR source and destination objects are the same",
            ),
            extra=[
                [b"COPY", b"k1", b"k1"],
                [b"COPY", b"k1", b"k1", b"DB", b"1"],
                [b"COPY", b"k1", b"k2", b"DB"],
                [b"COPY", b"k1", b"k2", b"NOPE"],
            ],
        ),
        "DUMP": Rule(1, errors=(ARITY,)),
        "RESTORE": Rule(
            2,
            {
                "ttl": [b"0"] * 4 + [b"50000", b"9999999950000", b"-1", b"x"],
                "serialized-value": DUMPS,
                "seconds": [b"0", b"10", b"-1", b"x"],
                "frequency": [b"0", b"255", b"256", b"x"],
            },
            errors=(
                *(ARITY, SYNTAX, NOT_INTEGER, "BUSYKEY", "ERR Invalid TTL value, must be >= 0"),
                *(
                    "ERR Invalid IDLETIME value, must be >= 0",
                    "ERR Invalid FREQ value, must be >= 0 and <= 255",
                ),
                *("ERR DUMP payload version or checksum are wrong", "ERR Bad data format"),
            ),
            extra=[
                [b"RESTORE", key, b"1", DUMPS[0], b"ABSTTL", b"REPLACE"] for key in (b"k1", b"l1", b"gone")
            ],
        ),
        "DEL": Rule(1, errors=(ARITY,)),
        "UNLINK": Rule(0.5, errors=(ARITY,), extra=[[b"UNLINK"]], extra_chance=SHORT),
        "EXISTS": Rule(1, errors=(ARITY,), extra=[[b"EXISTS"]], extra_chance=SHORT),
        "TOUCH": Rule(0.5, errors=(ARITY,), extra=[[b"TOUCH"]], extra_chance=SHORT),
        "EXPIRE": _expiry(b"EXPIRE", AHEAD_S),
        "PEXPIRE": _expiry(b"PEXPIRE", AHEAD_MS),
        "EXPIREAT": _expiry(b"EXPIREAT", [b"99999999%02d" % n for n in range(24)]),
        "PEXPIREAT": _expiry(b"PEXPIREAT", [b"99999999%02d000" % n for n in range(24)]),
        "EXPIRETIME": Rule(0.8, errors=(ARITY,)),
        "PEXPIRETIME": Rule(0.8, errors=(ARITY,)),
        "TTL": Rule(0.8, errors=(ARITY,)),
        "PTTL": Rule(0.8, errors=(ARITY,)),
        "PERSIST": Rule(0.8, errors=(ARITY,)),
        "KEYS": Rule(0.8, errors=(ARITY,)),
        "SCAN": Rule(
            1.5,
            {
                "cursor": [b"0"] * 10 + [b"x", b"-1", b"1.5", b"18446744073709551616"],
                "count": [b"1000"] * 6 + [b"0", b"-1", b"x"],
                "type": [b"string", b"list", b"LIST", b"zset", b"nope", b"stream"],
            },
            errors=(ARITY, SYNTAX, NOT_INTEGER, "ERR invalid cursor"),
        ),
        "RANDOMKEY": Rule(0.3, errors=(ARITY,)),
        "MOVE": Rule(
            1.5,
            {"db": DBS},
            errors=(
                *(ARITY, NOT_INTEGER, "ERR DB index is out of range"),
                "ERR source and destination objects are the same",
            ),
        ),
        "RENAME": Rule(1.5, errors=(ARITY, NO_KEY)),
        "RENAMENX": Rule(1, errors=(ARITY, NO_KEY)),
        "TYPE": Rule(0.8, errors=(ARITY,)),
        "OBJECT|ENCODING": Rule(0.8, errors=(ARITY,)),
        "OBJECT|REFCOUNT": Rule(0.5, errors=(ARITY,)),
        "OBJECT|FREQ": Rule(0.3, errors=(ARITY, "ERR An LFU maxmemory policy is not selected")),
        "OBJECT|IDLETIME": Rule(0.5, errors=(ARITY,)),
        "OBJECT|HELP": Rule(0.2, errors=(ARITY,)),
        "WAIT": Rule(
            0.4,
            {"numreplicas": [b"0"] * 6 + [b"1", b"x", b"-1"], "timeout": [BRIEF_MS, b"-1", b"x"]},
            errors=(ARITY, NOT_INTEGER, "ERR timeout is negative", "ERR timeout is not an integer"),
        ),
        "WAITAOF": Rule(
            0.4,
            {
                "numlocal": [b"0"] * 5 + [b"2", b"-1", b"x"],
                "numreplicas": [b"0"] * 6 + [b"1", b"x", b"-1"],
                "timeout": [BRIEF_MS, b"-1", b"x"],
            },
            errors=(
                *(ARITY, NOT_INTEGER, "ERR value is out of range", "ERR timeout is negative"),
                "ERR timeout is not an integer",
            ),
        ),
    },
    values={
        "key": KEYS,
        "destination-db": DBS,
        "pattern": PATTERNS,
    },
    setups=[
        [b"MSET", b"k1", b"v", b"k2", b"12345", b"k3", b"x" * 50],
        [b"RPUSH", b"l1", b"a", b"b", b"c"],
        [b"RPUSH", b"l2", *[b"element %d" % n for n in range(200)], *[b"z" * 200] * 40],
        [b"EXPIRE", b"k2", b"1500"],
        [b"EXPIRE", b"l1", b"50000"],
    ],
    keys=[b"k1", b"k2", b"k3", b"l1", b"l2", b"gone"],
    dbs=(0, 1, 2, 15),
    others={
        "SET": Rule(
            1,
            {"string": [b"v", b"1"], **LATER},
        ),
        "RPUSH": Rule(1, {"string": [b"a", b"b"]}),
        "APPEND": Rule(0.5, {"string": [b"tail"]}),
        "SELECT": Rule(0.8, {"index": [b"0", b"0", b"1", b"2"]}),
        "SWAPDB": Rule(0.3, {"index1": [b"0", b"1"], "index2": [b"0", b"1", b"2"]}),
        "DBSIZE": Rule(0.4),
        "MULTI": Rule(0.4),
        "EXEC": Rule(0.1),
    },
)
