"""Sets: the 17 commands.

Keys that begin with a are never hash tables, so that replies have an order; those that begin with t may be.
What is drawn differs, so SPOP is given only where it takes everything, or nothing.
"""

from __future__ import annotations

from compat.oracle.grammar.family import ARITY, NOT_INTEGER, SYNTAX, WRONGTYPE, Family, Rule

KEYS = [b"a1"] * 4 + [b"a2"] * 3 + [b"a3"] * 2 + [b"t1"] * 2 + [b"t2", b"s1", b"gone"]
MEMBERS = [
    *[b"1", b"2", b"3", b"10", b"-7", b"a", b"b", b"c", b"9223372036854775807"] * 2,
    b"",
    b"\x00\r\n",
    b"01",
]
LONG = b"z" * 65  # not in a listpack
INTEGERS = [b"%d" % n for n in range(600)]
WORDS = [b"m%d" % n for n in range(150)]
CURSOR = "ERR invalid cursor"
NUMKEYS = "ERR numkeys should be greater than 0"
MANY_KEYS = "ERR Number of keys can't be greater than number of args"
NEGATIVE = "ERR value is out of range, must be positive"
PAST_RANGE = "ERR value is out of range, value must between"
STORES = {"destination": [b"t3"] * 3 + [b"t1"]}


def _store(name: bytes) -> Rule:
    return Rule(
        1.5,
        STORES,
        errors=(ARITY, WRONGTYPE),
        extra=[[name, b"a3", b"a1", b"a2"], [name, b"a3", b"a1"], [name, b"a3", b"a2", b"gone"]],
        extra_chance=0.3,
    )


SETS = Family(
    "set",
    {
        "SADD": Rule(
            5,
            {"key": KEYS[:-1]},
            errors=(ARITY, WRONGTYPE),
            extra=[
                [b"SADD", b"t1", *INTEGERS],
                [b"SADD", b"t1", *WORDS],
                [b"SADD", b"t2", LONG],
                [b"SADD", b"t2", b"1", b"2", LONG, b"3"],
                [b"SADD", b"t2", *INTEGERS[:100], b"x"],
                [b"SADD", b"t1", *[b"1", b"2"] * 300],
            ],
        ),
        "SREM": Rule(
            3,
            errors=(ARITY, WRONGTYPE),
            extra=[[b"SREM", b"a1", *MEMBERS], [b"SREM", b"t1", *INTEGERS], [b"SREM", b"t1", *WORDS]],
        ),
        "SISMEMBER": Rule(1, errors=(ARITY, WRONGTYPE)),
        "SMISMEMBER": Rule(1, errors=(ARITY, WRONGTYPE)),
        "SCARD": Rule(1, errors=(ARITY, WRONGTYPE)),
        "SMEMBERS": Rule(2, errors=(ARITY, WRONGTYPE)),
        "SMOVE": Rule(
            2,
            {
                "source": [b"a1", b"a2", b"a3", b"t1", b"gone", b"s1"],
                "destination": [b"a1", b"a2", b"t1", b"s1"],
            },
            errors=(ARITY, WRONGTYPE),
        ),
        "SPOP": Rule(
            1.5,
            {"key": [b"a1", b"a2", b"t1", b"s1", b"gone"], "count": [b"1000", b"0", b"-1", b"x"]},
            errors=(ARITY, WRONGTYPE, SYNTAX, NEGATIVE),
            extra=[
                [b"SPOP"],
                [b"SPOP", b"gone"],
                [b"SPOP", b"s1", b"1000"],
                [b"SPOP", b"a1", b"1", b"2"],
                [b"SPOP", b"gone", b"5"],
            ],
            extra_chance=0.4,
            option=1,
            damage=False,  # without its count it would draw
        ),
        "SRANDMEMBER": Rule(
            1.5,
            {"count": [b"0", b"1", b"2", b"5", b"1000", b"-1", b"-5"] * 3 + [b"x", b"-9223372036854775808"]},
            errors=(ARITY, WRONGTYPE, SYNTAX, NOT_INTEGER, PAST_RANGE),
            extra=[[b"SRANDMEMBER", b"a1", b"2", b"NOPE"]],
        ),
        "SINTER": Rule(1.5, errors=(ARITY, WRONGTYPE)),
        "SUNION": Rule(1.5, errors=(ARITY, WRONGTYPE)),
        "SDIFF": Rule(
            1.5, errors=(ARITY, WRONGTYPE), extra=[[b"SDIFF", b"a1", b"a2", b"a3", b"gone", b"gone", b"gone"]]
        ),
        "SINTERSTORE": _store(b"SINTERSTORE"),
        "SUNIONSTORE": _store(b"SUNIONSTORE"),
        "SDIFFSTORE": _store(b"SDIFFSTORE"),
        "SINTERCARD": Rule(
            1.5,
            {"limit": [b"0", b"1", b"2", b"100", b"-1", b"x"], "numkeys": [b"0", b"-1", b"x", b"9"]},
            errors=(ARITY, WRONGTYPE, SYNTAX, NUMKEYS, MANY_KEYS, "ERR LIMIT can't be negative"),
        ),
        "SSCAN": Rule(
            1.5,
            {
                "cursor": [b"0"] * 10 + [b"x", b"-1", b"1.5", b"18446744073709551616", b"7"],
                "pattern": [b"*", b"1*", b"[ab]", b"?"],
                "integer": [b"1000"] * 6 + [b"1", b"0", b"-1", b"x"],
            },
            errors=(
                ARITY,
                WRONGTYPE,
                SYNTAX,
                NOT_INTEGER,
                CURSOR,
                "ERR NOVALUES option can only be used in HSCAN",
            ),
            extra=[
                [b"SSCAN", b"a1", b"0", b"TYPE", b"set"],
                [b"SSCAN", b"a1", b"0", b"NOVALUES"],
                [b"SSCAN", b"gone", b"0", b"NOPE"],
                [b"SSCAN", b"s1", b"0", b"COUNT", b"0"],
            ],
        ),
    },
    values={"key": KEYS, "member": MEMBERS, "string": MEMBERS, "integer": [b"1", b"x"]},
    setups=[
        [b"SADD", b"a1", b"1", b"2", b"3", b"-5"],
        [b"SADD", b"a2", b"b", b"1", b"a", b"2"],
        [b"SADD", b"a3", b"2"],
        [b"SADD", b"t1", *INTEGERS],
        [b"SADD", b"t2", b"a", LONG, b"2"],
        [b"SET", b"s1", b"v"],
    ],
    keys=[b"a1", b"a2", b"a3", b"t1", b"t2", b"t3", b"s1", b"gone"],
    others={
        "DEL": Rule(0.3),
        "RENAME": Rule(0.2, {"key": [b"a1", b"a2"], "newkey": [b"a3"]}),
        "MULTI": Rule(0.3),
        "EXEC": Rule(0.2),
        "TYPE": Rule(0.2),
        "OBJECT|ENCODING": Rule(1),
    },
    dump=[[b"SMEMBERS", b"{key}"]],
)
