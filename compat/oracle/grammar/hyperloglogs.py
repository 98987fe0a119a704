"""HyperLogLogs: four commands; their strings are compared byte by byte."""

from __future__ import annotations

from compat.oracle.grammar.family import ARITY, WRONGTYPE, Family, Rule

INVALID = "WRONGTYPE Key is not a valid HyperLogLog string value."
CORRUPTED = "INVALIDOBJ Corrupted HLL object detected"
KEYS = [b"h1"] * 6 + [b"h2"] * 5 + [b"h3"] * 3 + [b"gone", b"s1", b"l1", b"broken"]
HEADER = b"HYLL\x01" + bytes(10) + b"\x80"


def many(first: int, count: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, first + count)]


HYPERLOGLOGS = Family(
    "hyperloglog",
    {
        "PFADD": Rule(
            8,
            errors=(ARITY, WRONGTYPE, INVALID),
            extra=[[b"PFADD", b"h%d" % (n % 3 + 1), *many(n * 97, 2 + n * n)] for n in range(8)],
        ),
        "PFCOUNT": Rule(3, errors=(ARITY, WRONGTYPE, INVALID, CORRUPTED)),
        "PFMERGE": Rule(2, errors=(ARITY, WRONGTYPE, INVALID, CORRUPTED)),
        "PFDEBUG": Rule(
            2,
            {"subcommand": [b"DECODE", b"ENCODING", b"TODENSE"] * 6 + [b"GETREG", b"NOPE"]},
            errors=(
                *(ARITY, WRONGTYPE, INVALID, CORRUPTED, "ERR Unknown PFDEBUG subcommand 'NOPE'"),
                *("ERR The specified key does not exist", "ERR HLL encoding is not sparse"),
            ),
        ),
    },
    values={
        "key": KEYS,
        "destkey": KEYS,
        "sourcekey": KEYS,
        "source": KEYS,
        "destination": KEYS,
        "destination-db": [b"0"],
        "element": [b"", b"a", b"b", b"eight by", b"\x00\r\n\xff", b"x" * 31, *many(0, 40)],
    },
    setups=[
        [b"PFADD", b"h1", *many(0, 30)],
        [b"PFADD", b"h2", *many(1000, 60)],
        [b"PFDEBUG", b"TODENSE", b"h2"],
        [b"PFADD", b"h3", b"a"],
        [b"SET", b"s1", b"HYLL"],
        [b"SET", b"broken", HEADER + b"\x7f\xfe"],
        [b"RPUSH", b"l1", b"a"],
        [b"PEXPIRE", b"h1", b"10000000"],
    ],
    share=0.2,
    keys=[b"h1", b"h2", b"h3", b"gone", b"s1", b"l1", b"broken"],
    others={"GET": Rule(1), "DEL": Rule(0.3), "COPY": Rule(0.3, option=0), "OBJECT|ENCODING": Rule(0.5)},
)
