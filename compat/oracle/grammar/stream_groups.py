"""Streams with consumer groups.

Idle times are either 0, which everything has been pending for, or more than a run takes; so nothing depends
on how long a command took.
"""

from __future__ import annotations

from compat.oracle.case import BRIEF_MS
from compat.oracle.grammar.family import ARITY, NOT_INTEGER, SYNTAX, WRONGTYPE, Family, Rule

KEYS = [b"x1"] * 12 + [b"x2"] * 5 + [b"s1", b"gone"]
GROUPS = [b"g"] * 8 + [b"h"] * 4 + [b"nobody"]
CONSUMERS = [b"ann"] * 3 + [b"bob"] * 3 + [b"cleo", b"\r\n", b""]
LAST = b"18446744073709551615"
IDS = [
    *[b"2-1", b"2-2", b"2-3", b"2-4", b"5-0", b"5-1", b"5-2"] * 2,
    b"2",
    b"5",
    b"9-0",
    b"9-1",
    b"0",
    b"7-0",
]
SPELLED = [*IDS * 2, b"02-1", b"+2-2", b"x"]
INTERVAL = [b"-"] * 3 + [b"+"] * 3 + [*IDS, b"(2-1", b"(5-0", b"(-", b"x", b"(0-0", b"(" + LAST + b"-" + LAST]
INVALID = "ERR Invalid stream ID specified as stream command argument"
NOGROUP = "NOGROUP No such key"
NO_SUCH_GROUP = "NOGROUP No such consumer group"
REQUIRES_KEY = "ERR The XGROUP subcommand requires the key to exist."
INTERVALS = ("ERR invalid start ID for the interval", "ERR invalid end ID for the interval")
NUMIDS = (
    "ERR Number of IDs must be a positive integer",
    "ERR The `numids` parameter must match the number of arguments",
)
IDLE = [b"0"] * 6 + [b"-1", b"1000000", b"x"]
READ = [b"0", b"1", b"3", b"99", b"-1", b"-2", b"x"]  # entries that a group has read
ANN, BOB = ([b"XREADGROUP", b"GROUP", b"g", name] for name in (b"ann", b"bob"))
XGROUP = (ARITY, WRONGTYPE, REQUIRES_KEY)
POLICIES = [b"KEEPREF", b"DELREF", b"ACKED"]


def _deletions(*words: bytes) -> list[list[bytes]]:
    """Odd combinations of the options that delete, and some that make sense."""
    return [
        [*words, *rest]
        for rest in [
            *[[policy, b"IDS", b"3", b"2-1", b"2-2", b"9-9"] for policy in POLICIES],
            *[[policy, b"IDS", b"2", b"5-0", b"5-0"] for policy in POLICIES],
            [b"IDS", b"2", b"2-3", b"02-4", b"DELREF"],
            [b"IDS", b"1", b"2-1", b"IDS", b"1", b"2-2"],
            [b"KEEPREF", b"DELREF", b"IDS", b"1", b"2-1"],
            [b"NOPE", b"1", b"2-1"],
            [b"IDS", b"0", b"2-1"],
            [b"IDS", b"x", b"2-1"],
            [b"IDS", b"3", b"2-1"],
            [b"IDS", b"1", b"x"],
            [b"IDS", b"1", b"2-1", b"2-2"],
            [b"IDS"],
        ]
    ]


GROUP_COMMANDS = {
    "XGROUP|HELP": Rule(0.2, errors=(ARITY,), extra=[[b"XGROUP", b"HELP", b"me"]]),
    "XGROUP|CREATE": Rule(
        1.5,
        {"id": [b"0", b"0", b"2-2", b"5-0", b"99", b"x"], "entriesread": READ},
        errors=(
            *(*XGROUP, NOT_INTEGER, INVALID, "BUSYGROUP Consumer Group name already exists"),
            "ERR value for ENTRIESREAD must be positive or -1",
            "ERR unknown subcommand or wrong number of arguments for 'CREATE'. Try XGROUP HELP.",
        ),
        extra=[
            [b"XGROUP", b"CREATE", b"x1", b"h", b"0", b"ENTRIESREAD"],
            [b"XGROUP", b"CREATE", b"x1", b"h", b"0", b"NOPE"],
            [b"XGROUP", b"CREATE", b"x1", b"h"],
            [b"XGROUP", b"CREATE", b"x3", b"h", b"$", b"MKSTREAM"],
            [b"XGROUP", b"CREATE", b"gone", b"h", b"x", b"MKSTREAM", b"ENTRIESREAD", b"5"],
        ],
    ),
    "XGROUP|SETID": Rule(
        1,
        {"id": [b"0", b"2-2", b"5-0", b"99", b"x"], "entriesread": READ},
        errors=(
            *(*XGROUP, NOT_INTEGER, INVALID, NO_SUCH_GROUP),
            "ERR value for ENTRIESREAD must be positive or -1",
            "ERR unknown subcommand or wrong number of arguments for 'SETID'. Try XGROUP HELP.",
        ),
        extra=[
            [b"XGROUP", b"SETID", b"x1", b"g", b"0", b"ENTRIESREAD"],
            [b"XGROUP", b"SETID", b"x1", b"g", b"0", b"MKSTREAM"],
            [b"XGROUP", b"SETID", b"x1", b"g", b"0"],
            [b"XGROUP", b"SETID", b"x1", b"g"],
        ],
        extra_chance=0.3,
    ),
    "XGROUP|DESTROY": Rule(
        0.7,
        {"key": [b"x1", b"x2", b"x1", b"s1", b"gone"]},
        errors=XGROUP,
        extra=[[b"XGROUP", b"DESTROY", b"x1", b"g"]],  # which is waited for most
        extra_chance=0.5,
    ),
    "XGROUP|CREATECONSUMER": Rule(0.6, errors=(*XGROUP, NO_SUCH_GROUP)),
    "XGROUP|DELCONSUMER": Rule(0.6, errors=(*XGROUP, NO_SUCH_GROUP)),
    "XREADGROUP": Rule(
        9,
        {
            "id": [b">"] * 8 + [b"0"] * 4 + [b"2-2", b"$", b"+", b"x"],
            "count": [b"1", b"1", b"2", b"10", b"0", b"-1", b"x"],
            "milliseconds": [BRIEF_MS, BRIEF_MS, BRIEF_MS, b"x", b"-1"],
        },
        errors=(
            *(ARITY, WRONGTYPE, SYNTAX, NOT_INTEGER, INVALID, NOGROUP),
            *("ERR Missing GROUP option for XREADGROUP", "ERR Unbalanced 'xreadgroup' list of streams"),
            *("ERR timeout is not an integer or out of range", "ERR timeout is negative"),
            *("ERR The $ ID is meaningless in the", "ERR The + ID is meaningless in the"),
        ),
        extra=[
            [*ANN, b"STREAMS", b"x1", b">"],
            [*BOB, b"COUNT", b"1", b"STREAMS", b"x1", b">"],
            [b"XREADGROUP", b"GROUP", b"h", b"ann", b"COUNT", b"1", b"STREAMS", b"x1", b">"],
            [*ANN, b"COUNT", b"2", b"STREAMS", b"x1", b"x2", b">", b">"],
            [*ANN, b"STREAMS", b"x1", b"x1", b">", b"0"],
            [*ANN, b"BLOCK", BRIEF_MS, b"STREAMS", b"x1", b">"],
            [*BOB, b"BLOCK", BRIEF_MS, b"STREAMS", b"x1", b">"],
            [*BOB, b"BLOCK", BRIEF_MS, b"NOACK", b"STREAMS", b"x2", b"x1", b">", b">"],
            [*ANN, b"STREAMS", b"x1", b"x2", b">"],
            [*ANN, b"NOPE", b"STREAMS", b"x1", b">"],
            [b"XREADGROUP", b"COUNT", b"1", b"NOACK", b"STREAMS", b"x1", b"x2", b"0", b">"],
            [*ANN, b"GROUP", b"h", b"bob", b"STREAMS", b"x1", b">"],
        ],
        extra_chance=0.5,
    ),
    "XACK": Rule(3, {"id": SPELLED}, errors=(ARITY, WRONGTYPE, INVALID), extra=[
        [b"XACK", b"x1", b"g", b"2-1", b"2-2", b"2-3", b"2-1"],
        [b"XACK", b"x1", b"g", b"5", b"9-9", b"5-1"],
    ]),
    "XPENDING": Rule(
        3,
        {
            "start": INTERVAL, "end": INTERVAL, "count": [b"1", b"2", b"10", b"0", b"-1", b"x"],
            "min-idle-time": IDLE,
        },
        errors=(ARITY, WRONGTYPE, NOT_INTEGER, SYNTAX, INVALID, NOGROUP, *INTERVALS),
        extra=[
            [b"XPENDING", b"x1", b"g"],
            [b"XPENDING", b"x1", b"g", b"-", b"+", b"10"],
            [b"XPENDING", b"x1", b"g", b"-", b"+", b"10", b"ann"],
            [b"XPENDING", b"x1", b"g", b"-", b"+", b"10", b"ann", b"more"],
            [b"XPENDING", b"x1", b"g", b"-", b"+"],
            [b"XPENDING", b"x1", b"g", b"x", b"x", b"x"],
            [b"XPENDING", b"x1", b"g", b"IDLE", b"x", b"-", b"+", b"x"],
            [b"XPENDING", b"x1", b"g", b"IDLE", b"0", b"-", b"+"],
            [b"XPENDING", b"x1", b"g", b"IDLE", b"0", b"-", b"+", b"10", b"ann", b"more"],
        ],
        extra_chance=0.3,
    ),
    "XCLAIM": Rule(
        3,
        {
            "id": IDS, "min-idle-time": IDLE, "ms": [b"0", b"5000", b"5000000", b"-1", b"x"],
            "unix-time-milliseconds": [b"1", b"1700000000000", b"99999999999999", b"-1", b"x"],
            "count": [b"0", b"1", b"7", b"-1", b"x"], "lastid": [b"0-0", b"2-3", b"5-0", b"x"],
        },
        errors=(
            *(ARITY, WRONGTYPE, INVALID, NOGROUP, "ERR Unrecognized XCLAIM option"),
            "ERR Invalid min-idle-time argument for XCLAIM",
            *(f"ERR Invalid {name} option argument for XCLAIM" for name in ("IDLE", "TIME", "RETRYCOUNT")),
        ),
        extra=[
            [b"XCLAIM", b"x1", b"g", b"bob", b"0", b"2-1", b"2-2", b"2-3", b"5-0"],
            [b"XCLAIM", b"x1", b"g", b"bob", b"0", b"2-1", b"2-2", b"2-1", b"JUSTID"],
            [b"XCLAIM", b"x1", b"h", b"bob", b"1000000", b"2-1", b"5-1", b"FORCE"],
            [b"XCLAIM", b"x1", b"h", b"bob", b"0", b"2-1", b"5-1", b"FORCE", b"JUSTID", b"RETRYCOUNT", b"3"],
            [b"XCLAIM", b"x1", b"g", b"bob", b"0", b"2-1", b"NOPE"],
            [b"XCLAIM", b"x1", b"g", b"bob", b"0"],
            [b"XCLAIM", b"x1", b"g", b"bob", b"0", b"2-1", b"LASTID"],
            [b"XCLAIM", b"x1", b"g", b"cleo", b"0", b"LASTID", b"2-4"],
        ],
        extra_chance=0.3,
    ),
    "XAUTOCLAIM": Rule(
        2,
        {"start": INTERVAL, "min-idle-time": IDLE, "count": [b"1", b"2", b"10", b"0", b"-1", b"x"]},
        errors=(
            *(ARITY, WRONGTYPE, SYNTAX, INVALID, NOGROUP, INTERVALS[0]),
            *("ERR Invalid min-idle-time argument for XAUTOCLAIM", "ERR COUNT must be > 0"),
        ),
        extra=[
            [b"XAUTOCLAIM", b"x1", b"g", b"bob", b"0", b"0", b"COUNT", b"2"],
            [b"XAUTOCLAIM", b"x1", b"g", b"bob", b"0", b"-"],
            [b"XAUTOCLAIM", b"x1", b"g", b"bob", b"0", b"-", b"COUNT"],
            [b"XAUTOCLAIM", b"x1", b"g", b"bob", b"0"],
        ],
        extra_chance=0.3,
    ),
    "XDELEX": Rule(
        1.5,
        errors=(ARITY, WRONGTYPE, SYNTAX, INVALID, *NUMIDS),
        extra=_deletions(b"XDELEX", b"x1"),
        extra_chance=0.6,
    ),
    "XACKDEL": Rule(
        2,
        errors=(ARITY, WRONGTYPE, SYNTAX, INVALID, *NUMIDS),
        extra=[*_deletions(b"XACKDEL", b"x1", b"g"), [b"XACKDEL", b"x1", b"h", b"IDS", b"2", b"2-1", b"2-2"]],
        extra_chance=0.6,
    ),
    "XINFO|GROUPS": Rule(1, errors=(ARITY, WRONGTYPE, "ERR no such key")),
    "XINFO|CONSUMERS": Rule(1, errors=(ARITY, WRONGTYPE, "ERR no such key", NO_SUCH_GROUP)),
}  # fmt: skip

STREAM_GROUPS = Family(
    "groups",
    GROUP_COMMANDS,
    values={
        "key": KEYS,
        "group": GROUPS,
        "consumer": CONSUMERS,
        "id": IDS,
        "count": [b"1", b"2", b"10", b"0", b"x"],
        "numids": [b"0", b"2", b"x"],
        "field": [b"f"],
        "value": [b"v", b"\r\n$1\r\n", b"x" * 300],
    },
    setups=[
        *[[b"XADD", b"x1", b"2-*", b"f", b"%d" % n] for n in range(1, 5)],
        *[[b"XADD", b"x1", b"5-*", b"f", b"v", b"g", b"w"] for _ in range(3)],
        *[[b"XADD", b"x2", b"2-*", b"f", b"%d" % n] for n in range(3)],
        *[[b"XGROUP", b"CREATE", name, b"g", b"0", b"MKSTREAM"] for name in (b"x1", b"x2")],
        [b"XGROUP", b"CREATE", b"x1", b"h", b"0", b"MKSTREAM"],
        [*ANN, b"COUNT", b"3", b"STREAMS", b"x1", b">"],
        [b"XREADGROUP", b"GROUP", b"h", b"bob", b"STREAMS", b"x1", b">"],
        [b"SET", b"s1", b"v"],
    ],
    keys=[b"x1", b"x2", b"x3", b"s1", b"gone"],
    others={
        "XADD": Rule(
            6,
            {"id": [b"5-*", b"9-*", b"9-*"], "threshold": [b"0", b"2", b"4"]},
            option=0.1,
            left_out=("id-selector.auto-id",),
        ),
        "XDEL": Rule(1),
        "XTRIM": Rule(
            0.7,
            {"threshold": [b"0", b"1", b"3", b"5"]},
            extra=[[b"XTRIM", name, b"MINID", b"99", b"ACKED"] for name in (b"x1", b"x2")],
            extra_chance=0.4,
        ),
        "XSETID": Rule(0.2, {
            "last-id": [b"9-9", b"99"], "entries-added": [b"20", b"3"], "max-deleted-id": [b"2-2", b"0-1"],
        }),
        "XINFO|STREAM": Rule(0.5),
        "COPY": Rule(0.3, {"source": [b"x1"], "destination": [b"x2", b"x3"], "destination-db": [b"0"]}),
        "RENAME": Rule(0.3, {"key": [b"x1", b"x2"], "newkey": [b"x3", b"x2", b"x1"]}),
        "DEL": Rule(0.2),
        "MSET": Rule(0.1, {"key": [b"x1", b"x2"]}),
        "WATCH": Rule(0.3),
        "MULTI": Rule(0.4),
        "EXEC": Rule(0.3),
    },
    apart={"XGROUP|DESTROY": frozenset({"XDELEX", "XACKDEL", "XTRIM"})},  # see differences.md
    dump=[[b"XINFO", b"STREAM", b"{key}", b"FULL", b"COUNT", b"0"]],
    since_7_0=True,
)  # fmt: skip
