"""Bitmaps: seven commands on strings of bits."""

from __future__ import annotations

from compat.oracle.grammar.family import ARITY, NOT_INTEGER, SYNTAX, WRONGTYPE, Family, Rule

KEYS = [b"b1"] * 4 + [b"b2"] * 3 + [b"b3", b"n1", b"f1", b"gone", b"l1"]
OFFSET = "ERR bit offset is not an integer or out of range"
BIT = "ERR bit is not an integer or out of range"
TYPE = "ERR Invalid bitfield type. Use something like i16 u8."
POSITIONS = [b"0", b"1", b"2", b"7", b"20", b"-1", b"-2", b"-9", b"1000"] * 3 + [
    *[b"9223372036854775807", b"-9223372036854775808", b"x"],
]
BITS = [b"0", b"1"] * 12 + [b"2", b"x", b"-1"]
OFFSETS = [b"0", b"1", b"5", b"7", b"8", b"9", b"30", b"100", b"2000"] * 3 + [b"-1", b"x", b"4294967296"]
FIELD_OFFSETS = [*OFFSETS, *[b"#0", b"#1", b"#3", b"#30"] * 3, b"#x", b"#-1", b"#4294967296"]
ENCODINGS = [b"u1", b"i1", b"u4", b"i5", b"u8", b"i8", b"u13", b"i16", b"u32", b"i64", b"u63"] * 3 + [
    *[b"u64", b"i65", b"u0", b"x8", b"U8", b"u08"],
]
NUMBERS = [b"0", b"1", b"-1", b"7", b"100", b"-100", b"255", b"300", b"-70000"] * 3 + [
    *[b"9223372036854775807", b"-9223372036854775808", b"9223372036854775808", b"x"],
]

BITMAPS = Family(
    "bitmap",
    {
        "SETBIT": Rule(3, {"offset": OFFSETS, "value": BITS}, errors=(ARITY, WRONGTYPE, OFFSET, BIT)),
        "GETBIT": Rule(2, {"offset": OFFSETS}, errors=(ARITY, WRONGTYPE, OFFSET)),
        "BITCOUNT": Rule(2, option=0.6, errors=(ARITY, WRONGTYPE, NOT_INTEGER, SYNTAX)),
        "BITPOS": Rule(
            3,
            {"bit": BITS},
            option=0.6,
            errors=(ARITY, WRONGTYPE, NOT_INTEGER, SYNTAX, "ERR The bit argument must be 1 or 0."),
        ),
        "BITOP": Rule(
            3,
            errors=(
                *(ARITY, WRONGTYPE, SYNTAX, "ERR BITOP NOT must be called with a single source key."),
                *(
                    f"ERR BITOP {name} must be called with at least two"
                    for name in ("DIFF", "DIFF1", "ANDOR")
                ),
            ),
            extra=[[b"BITOP", b"NOT", b"b2", b"b1"], [b"BITOP", b"OR", b"b3", b"gone", b"gone"]],
        ),
        "BITFIELD": Rule(
            6,
            {"offset": FIELD_OFFSETS, "encoding": ENCODINGS, "value": NUMBERS, "increment": NUMBERS},
            option=0.8,
            errors=(
                *(ARITY, WRONGTYPE, SYNTAX, NOT_INTEGER, OFFSET, TYPE),
                "ERR Invalid OVERFLOW type specified",
            ),
            extra=[[b"BITFIELD", b"b1", b"OVERFLOW", b"SAT"], [b"BITFIELD", b"b1", b"OVERFLOW"]],
        ),
        "BITFIELD_RO": Rule(
            2,
            {"offset": FIELD_OFFSETS, "encoding": ENCODINGS},
            option=0.8,
            errors=(
                *(ARITY, WRONGTYPE, SYNTAX, OFFSET, TYPE),
                "ERR BITFIELD_RO only supports the GET subcommand",
            ),
            extra=[
                [b"BITFIELD_RO", b"b1", b"GET", b"u8", b"0", b"SET", b"u8", b"0", b"1"],
                [b"BITFIELD_RO", b"b1", b"OVERFLOW", b"SAT", b"GET", b"i7", b"3"],
                [b"BITFIELD_RO", b"l1", b"INCRBY", b"u8", b"0", b"1"],
            ],
        ),
    },
    values={"key": KEYS, "destkey": KEYS, "start": POSITIONS, "end": POSITIONS},
    setups=[
        [b"SET", b"b1", b"foobar"],
        [b"SET", b"b2", b"\xff" * 9],
        [b"APPEND", b"b3", b"\x00\x00\x10"],
        [b"SET", b"n1", b"12345"],
        [b"INCRBYFLOAT", b"f1", b"1.5"],
        [b"RPUSH", b"l1", b"a"],
        [b"PEXPIRE", b"b1", b"10000000"],
    ],
    share=0.4,
    keys=[b"b1", b"b2", b"b3", b"n1", b"f1", b"gone", b"l1"],
    others={"GET": Rule(1), "DEL": Rule(0.3)},
)
