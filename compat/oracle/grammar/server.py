"""The server: databases, configuration, introspection."""

from __future__ import annotations

from compat.oracle.grammar.connection import SUBCOMMAND
from compat.oracle.grammar.family import ARITY, NOT_INTEGER, SYNTAX, Family, Rule
from compat.oracle.grammar.lists import NO_KEY
from compat.oracle.grammar.strings import LATER

COMMANDS = [
    *[b"get", b"SET", b"lpush", b"blmpop", b"lmove", b"client|kill", b"config|get", b"exec"],
    *[b"nope", b"config|nope"],
]
PARAMETERS = [
    *[b"maxclients", b"timeout", b"appendfsync", b"databases", b"proto-max-bulk-len"],
    *[b"slowlog-[lm]*", b"list-max-listpack-size", b"TIMEOUT", b"nope", b"tcp-keepaliv?"],
]
QUERIES = [
    [b"LPUSH", b"l1", b"a"],
    [b"MSET", b"a", b"1", b"b", b"2"],
    [b"LMPOP", b"2", b"a", b"b", b"LEFT"],
    [b"BLMPOP", b"0", b"2", b"a", b"b", b"LEFT"],
    [b"SET", b"k", b"v", b"GET"],
    [b"GET", b"k"],
    [b"COPY", b"a", b"b"],
    [b"RENAME", b"a", b"b"],
    [b"DEL", b"a", b"b", b"c"],
    [b"OBJECT", b"ENCODING", b"a"],
    [b"MEMORY", b"USAGE", b"a"],
    [b"PING"],
    [b"GET"],
    [b"NOPE", b"a"],
    [b"CLIENT", b"NOPE"],
    [b"LMPOP", b"9", b"a", b"LEFT"],
    [b"LMPOP", b"x", b"a", b"LEFT"],
]
GETKEYS_ERRORS = (
    ARITY,
    "ERR The command has no key arguments",
    "ERR Invalid command specified",
    "ERR Invalid number of arguments specified for command",
    "ERR Invalid arguments specified for command",
)
SET_ERROR = "ERR CONFIG SET failed"

SERVER = Family(
    "server",
    {
        "COMMAND|COUNT": Rule(0.3, errors=(ARITY,)),
        "COMMAND|DOCS": Rule(0.5, option=1),
        "COMMAND|GETKEYS": Rule(
            1,
            errors=GETKEYS_ERRORS,
            extra=[[b"COMMAND", b"GETKEYS", *query] for query in [*QUERIES, []]],
            extra_chance=0.95,
            left_out=("arg",),  # given in whole commands only
        ),
        "COMMAND|GETKEYSANDFLAGS": Rule(
            1,
            errors=GETKEYS_ERRORS,
            extra=[[b"COMMAND", b"GETKEYSANDFLAGS", *query] for query in [*QUERIES, []]],
            extra_chance=0.95,
            left_out=("arg",),  # given in whole commands only
        ),
        "COMMAND|HELP": Rule(0.3, errors=(ARITY,)),
        "COMMAND|INFO": Rule(1, option=1),
        "COMMAND|LIST": Rule(
            0.5,
            {
                "pattern": [b"l*", b"*set*", b"client|*", b"nope"],
                "category": [b"list", b"nope", b"fast"],
                "module-name": [b"nope"],
            },
            errors=(SYNTAX,),
            extra=[[b"COMMAND", b"LIST", b"FILTERBY", b"NOPE", b"x"], [b"COMMAND", b"LIST", b"x"]],
        ),
        "CONFIG|GET": Rule(1.5, {"parameter": PARAMETERS}, errors=(ARITY,)),
        "CONFIG|SET": Rule(
            1,
            {"parameter": [b"timeout", b"slowlog-max-len"], "value": [b"0", b"100", b"100", b"x"]},
            errors=(ARITY, SYNTAX, SET_ERROR, "ERR Unknown option or number of arguments"),
            extra=[
                [b"CONFIG", b"SET", b"nope", b"1"],
                [b"CONFIG", b"SET", b"databases", b"4"],
                [b"CONFIG", b"SET", b"timeout", b"-1"],
                [b"CONFIG", b"SET", b"timeout", b"1", b"timeout", b"2"],
                [b"CONFIG", b"SET", b"timeout", b"100", b"maxclients", b"x"],
                [b"CONFIG", b"SET", b"timeout", b"100", b"slowlog-max-len"],
                [b"CONFIG", b"SET", b"proto-max-bulk-len", b"2mb"],
                [b"CONFIG", b"SET", b"appendfsync", b"sometimes"],
            ],
            extra_chance=0.6,
        ),
        "CONFIG|RESETSTAT": Rule(0.2, errors=(ARITY,)),
        "CONFIG|REWRITE": Rule(0.2, errors=(ARITY, "ERR The server is running without a config")),
        "CONFIG|HELP": Rule(0.3, errors=(ARITY,)),
        "DBSIZE": Rule(1, errors=(ARITY,)),
        "DEBUG": Rule(
            1.2,
            errors=(ARITY, NO_KEY, "ERR unknown subcommand or wrong number of arguments"),
            extra=[
                [b"DEBUG", b"SLEEP", b"0"],
                [b"DEBUG", b"SET-ACTIVE-EXPIRE", b"1"],
                [b"DEBUG", b"STRINGMATCH-LEN", b"1000", b"*a"],
                [b"DEBUG", b"OBJECT", b"gone"],
                [b"DEBUG", b"OBJECT", b"k1"],
                [b"DEBUG", b"NOPE"],
                [b"DEBUG", b"NO\0PE"],
                [b"DEBUG"],
            ],
            extra_chance=1,
        ),
        "FLUSHALL": Rule(0.4, errors=(SYNTAX,)),
        "FLUSHDB": Rule(0.4, errors=(SYNTAX,)),
        "INFO": Rule(
            1,
            {"section": [b"server", b"clients", b"stats", b"keyspace", b"all", b"nope", b"memory"]},
        ),
        "LASTSAVE": Rule(0.3, errors=(ARITY,)),
        "LOLWUT": Rule(0.3, {"version": [b"5", b"6", b"8", b"x"]}, errors=(NOT_INTEGER,)),
        "MEMORY|USAGE": Rule(
            1,
            {"count": [b"0", b"5", b"-1", b"x"]},
            errors=(ARITY, SYNTAX, NOT_INTEGER),
        ),
        "MEMORY|HELP": Rule(0.2, errors=(ARITY,)),
        "MEMORY|STATS": Rule(0.3, errors=(ARITY,)),
        "MEMORY|DOCTOR": Rule(0.2, errors=(ARITY,)),
        "MEMORY|PURGE": Rule(0.1, errors=(ARITY,)),
        "MEMORY|MALLOC-STATS": Rule(0.1, errors=(ARITY,)),
        "ROLE": Rule(0.5, errors=(ARITY,)),
        "SLOWLOG|GET": Rule(
            1.2,
            {"count": [b"0", b"1", b"-1", b"-2", b"x", b"10"]},
            errors=("ERR count should be greater than or equal to -1", SUBCOMMAND),
        ),
        "SLOWLOG|LEN": Rule(0.3, errors=(ARITY,)),
        "SLOWLOG|RESET": Rule(0.3, errors=(ARITY,)),
        "SLOWLOG|HELP": Rule(0.2, errors=(ARITY,)),
        "SWAPDB": Rule(
            1,
            {
                "index1": [b"0", b"1", b"2"] * 3 + [b"16", b"x"],
                "index2": [b"0", b"1", b"2"] * 3 + [b"-1", b"x"],
            },
            errors=(
                *(ARITY, "ERR DB index is out of range"),
                *("ERR invalid first DB index", "ERR invalid second DB index"),
            ),
        ),
        "TIME": Rule(0.5, errors=(ARITY,)),
    },
    values={
        "key": [b"k1", b"k2", b"l1", b"gone"],
        "string": [b"v", b"12"],
        "command": [b"GET", b"nope"],
        "arg": [b"a"],
        "command-name": COMMANDS,
        "index": [b"0", b"0", b"1", b"2"],
    },
    setups=[
        [b"MSET", b"k1", b"v", b"k2", b"12345"],
        [b"RPUSH", b"l1", b"a", b"b", b"c"],
    ],
    keys=[b"k1", b"k2", b"l1", b"gone"],
    dbs=(0, 1, 2),
    others={
        "SET": Rule(1, LATER),
        "RPUSH": Rule(1),
        "SELECT": Rule(0.7),
        "MULTI": Rule(0.2),
        "EXEC": Rule(0.1),
    },
    restore=[
        [b"CONFIG", b"SET", b"timeout", b"0", b"slowlog-max-len", b"128"],
        [b"CONFIG", b"SET", b"proto-max-bulk-len", b"512mb", b"slowlog-log-slower-than", b"-1"],
        [b"SLOWLOG", b"RESET"],
    ],
)
