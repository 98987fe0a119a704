"""Connections: greeting, naming, databases, and the CLIENT subcommands."""

from __future__ import annotations

from compat.oracle.case import BRIEF_MS
from compat.oracle.grammar.family import ARITY, NOT_INTEGER, SYNTAX, Family, Rule
from compat.oracle.grammar.strings import LATER

IDS = [b"{id0}", b"{id1}", b"{id2}"] * 3 + [b"999999999"]
NAMES = [b"worker", b"w1", b"", b"a b", b"line\n", b"caf\xc3\xa9"]
NAME_ERROR = "ERR Client names cannot contain spaces, newlines or special characters."
SUBCOMMAND = "ERR unknown subcommand or wrong number of arguments for"
NO_CLIENT = "ERR No such client"

CONNECTION = Family(
    "connection",
    {
        "AUTH": Rule(
            errors=(
                *(ARITY, SYNTAX),
                "ERR AUTH <password> called without any password configured for the default user.",
            ),
            extra=[[b"AUTH"], [b"AUTH", b"a", b"b", b"c"]],
            damage=False,
        ),
        "CLIENT|GETNAME": Rule(1, errors=(ARITY,)),
        "CLIENT|SETNAME": Rule(1.5, errors=(ARITY, NAME_ERROR)),
        "CLIENT|SETINFO": Rule(
            1.5,
            {"libname": NAMES, "libver": [b"1.0", b"", b"1 0"]},
            extra=[[b"CLIENT", b"SETINFO", b"NOPE", b"x"]],
            errors=(
                *(ARITY, "ERR Unrecognized option"),
                "ERR LIB-NAME cannot contain spaces, newlines or special characters.",
                "ERR LIB-VER cannot contain spaces, newlines or special characters.",
            ),
        ),
        "CLIENT|ID": Rule(1, errors=(ARITY,)),
        "CLIENT|INFO": Rule(1, errors=(ARITY,)),
        "CLIENT|LIST": Rule(
            1.5,
            errors=(SYNTAX, "ERR Unknown client type", "ERR Invalid client ID"),
            extra=[
                [b"CLIENT", b"LIST", b"TYPE", b"nope"],
                [b"CLIENT", b"LIST", b"TYPE"],
                [b"CLIENT", b"LIST", b"ID"],
                [b"CLIENT", b"LIST", b"ID", b"x"],
                [b"CLIENT", b"LIST", b"ID", b"{id0}", b"{id0}"],
            ],
        ),
        "CLIENT|KILL": Rule(
            0.7,
            {
                "client-id": [b"999999999"] * 4 + [b"0", b"x", b"-1"],
                "old-format": [b"1.2.3.4:5", b"nope"],
                "addr": [b"1.2.3.4:5"],
                "laddr": [b"1.2.3.4:5"],
                "maxage": [b"1000000000", b"x"],
            },
            errors=(
                *(ARITY, SYNTAX, NO_CLIENT, "ERR Unknown client type"),
                "ERR client-id should be greater than 0",
                "ERR No such user",
                "ERR maxage is not an integer or out of range",
            ),
            extra=[
                [b"CLIENT", b"KILL", b"ID", b"{id1}"],
                [b"CLIENT", b"KILL", b"ID", b"{id0}", b"SKIPME", b"yes"],
                [b"CLIENT", b"KILL", b"ID", b"{id0}", b"SKIPME", b"no"],
                [b"CLIENT", b"KILL", b"TYPE", b"nope"],
                [b"CLIENT", b"KILL", b"TYPE", b"normal", b"ID", b"{id2}"],
                [b"CLIENT", b"KILL", b"USER", b"default", b"ID", b"{id1}"],
                [b"CLIENT", b"KILL", b"SKIPME", b"maybe", b"ID", b"{id1}"],
                [b"CLIENT", b"KILL", b"ID"],
                [b"CLIENT", b"KILL", b"TYPE", b"pubsub"],
                [b"CLIENT", b"KILL", b"USER", b"nobody"],
                [b"CLIENT", b"KILL", b"MAXAGE", b"x"],
                [b"CLIENT", b"KILL"],
            ],
            extra_chance=0.6,
            # Whom these would end depends on who else is connected; see test_connections.py.
            left_out=(
                *("filter.old-format", "new-format.skipme", "new-format.client-type"),
                "new-format.username",
            ),
        ),
        "CLIENT|UNBLOCK": Rule(
            1,
            {"client-id": [*IDS, b"x"]},
            errors=(ARITY, NOT_INTEGER, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR", SUBCOMMAND),
        ),
        "CLIENT|REPLY": Rule(
            0.8,
            errors=(ARITY, SYNTAX),
            left_out=("action.off", "action.skip"),  # tried, but there is no reply to count
        ),
        "CLIENT|PAUSE": Rule(
            0.3,
            {"timeout": [BRIEF_MS, BRIEF_MS, b"0", b"-1", b"x"]},
            errors=(
                *(ARITY, SUBCOMMAND, "ERR timeout is not an integer or out of range"),
                "ERR timeout is negative",
                "ERR CLIENT PAUSE mode must be WRITE or ALL",
            ),
        ),
        "CLIENT|UNPAUSE": Rule(0.5, errors=(ARITY,)),
        "CLIENT|NO-EVICT": Rule(0.8, errors=(ARITY, SYNTAX)),
        "CLIENT|NO-TOUCH": Rule(0.8, errors=(ARITY, SYNTAX)),
        "CLIENT|GETREDIR": Rule(0.5, errors=(ARITY,)),
        "CLIENT|HELP": Rule(0.3, errors=(ARITY,)),
        "ECHO": Rule(1, errors=(ARITY,)),
        "HELLO": Rule(
            2,
            {"protover": [b"2", b"3", b"3"] * 4 + [b"1", b"4", b"x"], "clientname": NAMES},
            errors=(
                *("NOPROTO unsupported protocol version", NAME_ERROR),
                "ERR Protocol version is not an integer or out of range",
                "ERR Syntax error in HELLO option",
            ),
            extra=[
                [b"HELLO"],
                [b"HELLO", b"3", b"NOPE"],
                [b"HELLO", b"3", b"AUTH", b"default"],
                [b"HELLO", b"3", b"SETNAME"],
            ],
        ),
        "PING": Rule(1, errors=(ARITY,)),
        "QUIT": Rule(0.05),
        "RESET": Rule(0.5, errors=(ARITY,)),
        "SELECT": Rule(
            1.5,
            {"index": [b"0", b"1", b"2", b"15"] * 4 + [b"16", b"-1", b"x", b"1.5", b"4294967296"]},
            errors=(ARITY, NOT_INTEGER, "ERR value is out of range", "ERR DB index is out of range"),
        ),
    },
    values={
        "key": [b"k1", b"k2", b"l1"],
        "string": [b"hello", b"", b"\x00\r\n"],
        "username": [b"default"],  # failed authentication: test_connections.py
        "password": [b"secret", b""],
        "connection-name": NAMES * 2 + [b"w2"] * 6,
        "client-id": IDS,
        "timeout": [b"0.001"],
    },
    setups=[[b"SET", b"k1", b"v"], [b"CLIENT", b"SETNAME", b"first"]],
    keys=[b"k1", b"k2", b"l1"],
    dbs=(0, 1, 2, 15),
    # While replies are off, redis-server leaves a connection open that it means to close; and
    # which reply belongs to which command could not be told behind a transaction.
    apart={"CLIENT|REPLY": frozenset({"QUIT", "CLIENT|KILL", "MULTI"})},
    others={
        "SET": Rule(
            0.5,
            {"string": [b"v"], **LATER},
        ),
        "GET": Rule(0.5, {"key": [b"k1", b"k2"]}),
        "RPUSH": Rule(0.5, {"key": [b"l1"]}),
        "BLPOP": Rule(0.4, {"key": [b"l1"]}),
        "MULTI": Rule(0.2),
        "EXEC": Rule(0.1),
        "DISCARD": Rule(0.1),
    },
)
