"""Streams, without their groups.

IDs are small and chosen by the client, as what `*` gives depends on the millisecond; `9-*` nearly always
succeeds.
"""

from __future__ import annotations

from compat.oracle.case import BRIEF_MS
from compat.oracle.grammar.family import ARITY, NOT_INTEGER, SYNTAX, WRONGTYPE, Family, Rule

KEYS = [b"x1"] * 6 + [b"x2"] * 3 + [b"s1", b"gone"]
LAST = b"18446744073709551615"
NEW_IDS = [
    *[b"1-*", b"2-*", b"5-*"] * 2,
    *[b"9-*", b"9-*", b"99-*", b"7", b"8-5", b"1-1", b"3-0", b"0-0", b"0-*", b" +4-04", b"x", b"*-1"],
]
IDS = [b"1", b"2", b"5", b"1-0", b"1-1", b"2-0", b"2-1", b"5-1", b"5-2", b"9-0", b"9-1", b"0", b"7-0"]

BOUNDS = [
    *IDS,
    b"-",
    b"-",
    b"+",
    b"+",
    b"(1",
    b"(5-1",
    b"(9",
    b"(-",
    b"x",
    b"(" + LAST + b"-" + LAST,
    b"(0-0",
]
VALUES = [b"v", b"1", b"-77", b"x" * 300, b"", b"\r\n$1\r\n", b"\x00\xff", b"x" * 1500]
FIELDS = [b"f", b"f", b"g", b"h", b"\r\n"]
INVALID = "ERR Invalid stream ID specified as stream command argument"
BOTH = "ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
LIMIT_ALONE = "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy"
LIMIT_EXACT = "ERR syntax error, LIMIT cannot be used without the special ~ option"
TRIMMING = (
    *(SYNTAX, NOT_INTEGER, INVALID, BOTH, LIMIT_ALONE, LIMIT_EXACT),
    *("ERR The MAXLEN argument must be >= 0.", "ERR The LIMIT argument must be >= 0."),
)
THRESHOLDS = [b"0", b"1", b"2", b"3", b"5", b"10", b"2-1", b"5-1", b"-1"]
MANY = [[b"XADD", b"x1", b"20-*", b"f", b"%d" % n * 40] for n in range(120)]


def _trimmed(name: bytes, *words: bytes) -> list[list[bytes]]:
    """Odd combinations of the options that trim."""
    beginning = [name, b"x1"]
    return [
        [*beginning, b"MAXLEN", b"2", b"MINID", b"1", *words],
        [*beginning, b"LIMIT", b"5", *words],
        [*beginning, b"MAXLEN", b"2", b"LIMIT", b"5", *words],
        [*beginning, b"MAXLEN", b"~", b"2", b"LIMIT", b"-5", *words],
        [*beginning, b"MAXLEN", b"~", b"2", b"LIMIT", b"x", *words],
        [*beginning, b"MAXLEN", b"~", b"2", b"LIMIT", b"0", *words],
        [*beginning, b"MAXLEN", b"~", b"2", b"LIMIT", b"1", *words],
        [*beginning, b"MINID", b"~", b"9", *words],
        [*beginning, b"MAXLEN", b"-1", *words],
        [*beginning, b"MAXLEN", b"x", *words],
        [*beginning, b"MINID", b"x", *words],
        [*beginning, b"KEEPREF", b"ACKED", b"MAXLEN", b"1", *words],
    ]


STREAMS = Family(
    "stream",
    {
        "XADD": Rule(
            8,
            {"id": NEW_IDS, "threshold": THRESHOLDS},
            errors=(
                *(ARITY, WRONGTYPE, *TRIMMING),
                "ERR The ID specified in XADD must be greater than 0-0",
                "ERR The ID specified in XADD is equal or smaller than the target stream top item",
                "ERR The stream has exhausted the last possible ID, unable to add more items",
            ),
            extra=[
                *_trimmed(b"XADD", b"9-*", b"f", b"v"),
                [b"XADD", b"x2", LAST + b"-" + LAST, b"f", b"v"],
                [b"XADD", b"x2", LAST + b"-*", b"f", b"v"],
                [b"XADD", b"x1", b"9-*", b"f"],
            ],
            left_out=("id-selector.auto-id",),  # depends on the millisecond
        ),
        "XLEN": Rule(1, errors=(ARITY, WRONGTYPE)),
        "XRANGE": Rule(
            2,
            {"start": BOUNDS, "end": BOUNDS, "count": [b"0", b"1", b"2", b"10", b"-1", b"x"]},
            errors=(
                *(ARITY, WRONGTYPE, SYNTAX, NOT_INTEGER, INVALID),
                *("ERR invalid start ID for the interval", "ERR invalid end ID for the interval"),
            ),
            extra=[[b"XRANGE", b"x1", b"-", b"+", b"NOPE", b"1"], [b"XRANGE", b"x1", b"-", b"+"]],
            extra_chance=0.3,
        ),
        "XREVRANGE": Rule(
            2,
            {"start": BOUNDS, "end": BOUNDS, "count": [b"0", b"1", b"2", b"10", b"-1", b"x"]},
            errors=(
                *(ARITY, WRONGTYPE, SYNTAX, NOT_INTEGER, INVALID),
                *("ERR invalid start ID for the interval", "ERR invalid end ID for the interval"),
            ),
            extra=[[b"XREVRANGE", b"x1", b"+", b"-", b"COUNT"], [b"XREVRANGE", b"x1", b"+", b"-"]],
            extra_chance=0.3,
        ),
        "XDEL": Rule(2, {"id": [*IDS, *IDS, b"x"]}, errors=(ARITY, WRONGTYPE, INVALID)),
        "XTRIM": Rule(
            1.5,
            {"threshold": THRESHOLDS},
            errors=(ARITY, WRONGTYPE, *TRIMMING),
            extra=_trimmed(b"XTRIM"),
        ),
        "XSETID": Rule(
            1.5,
            {
                "last-id": [*[b"99-9", b"100", b"120-5"] * 3, *IDS, b"x", b"+"],
                "entries-added": [b"200", b"300", b"1", b"-1", b"x"],
                "max-deleted-id": [*IDS, b"110", b"x"],
            },
            errors=(
                *(ARITY, WRONGTYPE, SYNTAX, NOT_INTEGER, INVALID, "ERR no such key"),
                "ERR The ID specified in XSETID is smaller than the target stream top item",
                "ERR The ID specified in XSETID is smaller than current max_deleted_entry_id",
                "ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                "ERR The entries_added specified in XSETID is smaller than the target stream length",
                "ERR entries_added must be positive",
            ),
            extra=[[b"XSETID", b"x1", b"99-9", b"NOPE", b"1"], [b"XSETID", b"x1", b"99-9", b"ENTRIESADDED"]],
        ),
        "XREAD": Rule(
            3,
            {
                "id": [*IDS, b"$", b"+", b"+", b">", b"x"],
                "count": [b"1", b"2", b"10", b"0", b"-1", b"x"],
                "milliseconds": [BRIEF_MS, BRIEF_MS, BRIEF_MS, b"x", b"-1"],
            },
            errors=(
                *(ARITY, WRONGTYPE, SYNTAX, NOT_INTEGER, INVALID, "ERR Unbalanced 'xread' list of streams"),
                *("ERR timeout is not an integer or out of range", "ERR timeout is negative"),
                "ERR The > ID can be specified only when calling XREADGROUP",
                "ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.",
                "ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.",
            ),
            extra=[
                [b"XREAD", b"GROUP", b"g", b"c", b"STREAMS", b"x1", b"0"],
                [b"XREAD", b"NOACK", b"STREAMS", b"x1", b"0"],
                [b"XREAD", b"STREAMS", b"x1", b"x2", b"0"],
                [b"XREAD", b"STREAMS", b"x1", b"x2", b"0", b"0"],
                [b"XREAD", b"STREAMS", b"x1", b"x2", b"0", b"+"],
                [b"XREAD", b"COUNT", b"2", b"STREAMS", b"x1", b"gone", b"1", b"$"],
                [b"XREAD", b"NOPE", b"STREAMS", b"x1", b"0"],
                [b"XREAD", b"COUNT", b"1", b"STREAMS"],
                [b"XREAD", b"STREAMS", b"x1", b"s1", b"0", b"x"],
            ],
            extra_chance=0.4,
        ),
        "XINFO|HELP": Rule(0.3, errors=(ARITY,)),
        "XINFO|STREAM": Rule(
            2,
            {"count": [b"0", b"1", b"-1", b"x", b"100"]},
            errors=(
                *(ARITY, WRONGTYPE, NOT_INTEGER, "ERR no such key"),
                "ERR unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.",
            ),
            extra=[
                [b"XINFO", b"STREAM", b"x1", b"NOPE"],
                [b"XINFO", b"STREAM", b"x1", b"FULL", b"NOPE", b"1"],
            ],
        ),
    },
    values={
        "key": KEYS,
        "id": IDS,
        "field": FIELDS,
        "value": VALUES,
        "string": VALUES,
        "count": [b"1", b"2", b"150", b"0", b"x"],
    },
    setups=[
        *MANY[:30],
        *[[b"XADD", b"x1", b"2-*", b"f", b"v"] for _ in range(4)],
        *[[b"XADD", b"x2", b"5-*", b"f", b"%d" % n, b"g", b"x" * 900] for n in range(8)],
        [b"SET", b"s1", b"v"],
    ],
    keys=[b"x1", b"x2", b"x3", b"s1", b"gone"],
    others={
        "RENAME": Rule(0.2, {"key": [b"x1", b"x2"], "newkey": [b"x3", b"x2"]}),
        "DEL": Rule(0.2),
        "MULTI": Rule(0.3),
        "EXEC": Rule(0.2),
        "TYPE": Rule(0.2),
        "OBJECT|ENCODING": Rule(0.2),
    },
    dump=[[b"XRANGE", b"{key}", b"-", b"+"], [b"XINFO", b"STREAM", b"{key}", b"FULL", b"COUNT", b"1"]],
)
