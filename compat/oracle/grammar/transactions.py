"""MULTI, EXEC, DISCARD, WATCH and UNWATCH around all ways in which a key can change."""

from __future__ import annotations

from compat.oracle.grammar.family import AHEAD, ARITY, Family, Rule
from compat.oracle.grammar.strings import LATER

KEYS = [b"k1"] * 3 + [b"k2"] * 3 + [b"n1"] * 2 + [b"l1"] * 3 + [b"gone"]

TRANSACTIONS = Family(
    "transactions",
    {
        "MULTI": Rule(5, errors=(ARITY, "ERR MULTI calls can not be nested")),
        "EXEC": Rule(
            4,
            errors=(
                "ERR EXEC without MULTI",
                "EXECABORT Transaction discarded because of previous errors",
                "EXECABORT Transaction discarded because of: wrong number of arguments",
            ),
        ),
        "DISCARD": Rule(1, errors=(ARITY, "ERR DISCARD without MULTI")),
        "WATCH": Rule(3, errors=(ARITY, "ERR WATCH inside MULTI is not allowed")),
        "UNWATCH": Rule(0.5, errors=(ARITY,)),
    },
    values={
        "key": KEYS,
        "string": [b"a", b"1", b"value"],
        "integer": [b"1", b"2", b"-1", b"0"],
        "increment": [b"1", b"x"],
        "double": [b"0.001"],
        "pivot": [b"a"],
    },
    setups=[
        [b"MSET", b"k1", b"v", b"k2", b"1", b"n1", b"10"],
        [b"RPUSH", b"l1", b"a", b"b", b"c"],
        [b"SET", b"n1", b"1", b"EX", b"1000"],
        [b"SELECT", b"1"],
    ],
    keys=[b"k1", b"k2", b"n1", b"l1", b"gone"],
    dbs=(0, 1),
    others={
        "SET": Rule(3, LATER),
        "GET": Rule(2),
        "INCR": Rule(2, {"key": [b"n1"] * 5 + [b"k1", b"l1"]}),
        "INCRBY": Rule(1, {"key": [b"n1", b"k2"]}),
        "APPEND": Rule(1, {"key": [b"k1", b"k2", b"l1"]}),
        "DEL": Rule(1),
        "UNLINK": Rule(0.5),
        "RPUSH": Rule(2, {"key": [b"l1"] * 4 + [b"k1", b"gone"]}),
        "LPOP": Rule(2, {"key": [b"l1"] * 4 + [b"k1", b"gone"], "count": [b"1", b"2"]}),
        "LTRIM": Rule(1, {"key": [b"l1"]}),
        "LSET": Rule(1, {"key": [b"l1"], "index": [b"0", b"9"]}),
        "LREM": Rule(0.5, {"key": [b"l1"]}),
        "LINSERT": Rule(0.5, {"key": [b"l1"]}),
        "LMOVE": Rule(1, {"key": [b"l1", b"gone"]}),
        "BLPOP": Rule(0.5, {"key": [b"l1", b"gone"]}),
        "BLMOVE": Rule(0.3, {"key": [b"l1", b"gone"]}),
        "EXPIRE": Rule(1, {"seconds": [AHEAD, b"-1"]}),
        "PERSIST": Rule(0.5),
        "RENAME": Rule(1),
        "COPY": Rule(1, {"destination-db": [b"0", b"1"]}),
        "MOVE": Rule(0.5, {"db": [b"0", b"1"]}),
        "SELECT": Rule(0.7, {"index": [b"0", b"0", b"1", b"99"]}),
        "SWAPDB": Rule(0.4, {"index1": [b"0", b"1"], "index2": [b"0", b"1"]}),
        "FLUSHDB": Rule(0.2),
        "FLUSHALL": Rule(0.1),
        "PING": Rule(0.5),
        "ECHO": Rule(0.5),
    },
)
