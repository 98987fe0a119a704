"""FUNCTION, FCALL and FCALL_RO: libraries that come, give way and go, and what their functions do.

What a library may say, and what is said of one that is wrong, is tried out in `tests/scripting` with replies
recorded from redis-server; here functions meet commands, keys of every state, transactions, the log, and
libraries that are replaced. Names of functions differ in more than case, and there is no FUNCTION FLUSH, by
which redis-server 8.2.3 may crash: see differences.md.
"""

from __future__ import annotations

from compat.oracle.grammar.family import ARITY, WRONGTYPE, Family, Rule
from compat.oracle.grammar.strings import LATER
from compat.oracle.wire import Argv
from respq.rdb import payload
from respq.rdb.strings import write_plain

KEYS = [b"k1"] * 3 + [b"n1"] * 3 + [b"l1"] * 3 + [b"gone"]


def library(name: bytes, *functions: bytes) -> bytes:
    return b"#!lua name=%b\n%b" % (name, b"\n".join(functions))


def function(name: bytes, body: bytes) -> bytes:
    return b"redis.register_function('%b', function(keys, args) %b end)" % (name, body)


def reader(name: bytes, body: bytes, flags: bytes = b"'no-writes'") -> bytes:
    return (
        b"redis.register_function{function_name='%b', callback=function(keys, args) %b end, flags={%b}, "
        b"description='reads'}" % (name, body, flags)
    )


TWO_FLAGS = b"'no-writes', 'allow-oom'"

COUNTER = library(
    b"counter",
    b"local calls = 0",
    function(b"count", b"calls = calls + 1 return calls"),
    function(b"incr", b"return redis.call('incr', keys[1])"),
)
COUNTER_2 = library(b"counter", function(b"count", b"return 'two'"), reader(b"size", b"return #keys + #args"))
STRINGS = library(
    b"strings",
    function(b"put", b"return redis.call('set', keys[1], args[1])"),
    reader(b"fetch", b"return redis.call('get', keys[1])"),
    reader(
        b"fetch_all", b"redis.setresp(3) return redis.call('mget', unpack(keys))", b"'no-writes', 'allow-oom'"
    ),
    reader(b"fail", b"error('no')"),
    reader(b"grab", b"return redis.call('lpop', keys[1])"),
    reader(b"sneak", b"return redis.pcall('set', 'k1', 1)"),
)
LISTS = library(
    b"lists",
    b"local function push(key, ...) return redis.call('rpush', key, ...) end",
    function(b"push", b"return push(keys[1], unpack(args))"),
    function(b"push_twice", b"push(keys[1], 'a') push(keys[1], 'b') return redis.call('llen', keys[1])"),
    function(b"half", b"redis.call('set', 'k1', 'half') error('half')"),
    function(b"wait", b"return redis.call('blpop', 'gone', 0)"),
    function(b"nested", b"return redis.call('fcall', 'count', 0)"),
)
CLASH = library(b"clash", function(b"clashing", b"return 1"), function(b"fetch", b"return 2"))
WRONG = [
    b"return 1",
    b"#!lua\nreturn 1",
    b"#!lua name=a b\n",
    b"#!lua name=a-b\n",
    b"#!python name=a\n",
    b"#!lua name=empty\n",
    library(b"wrong", b"("),
    library(b"wrong", b"redis.call('get', 'k1')"),
    library(b"wrong", b"x = 1"),
    library(b"wrong", b"redis.register_function('f')"),
]
GOOD = [COUNTER, COUNTER_2, STRINGS, LISTS]
WRITERS = b"count incr put push push_twice half wait nested PUT nope".split()
READERS = b"size fetch fetch_all fail grab sneak".split()
PAYLOADS = [payload.dump_libraries(codes, write_plain) for codes in (
    [], [COUNTER], [COUNTER_2], [LISTS], [COUNTER, COUNTER], [WRONG[0]], [STRINGS, CLASH],
)]  # fmt: skip
BAD_PAYLOADS = [b"", b"x" * 20, PAYLOADS[1][:-1] + b"x", payload.seal(b"\x00\x01a"), payload.seal(b"\xf5")]

RAISED = (
    "ERR user_function:",
    "ERR Lua redis lib command arguments must be strings or integers",
    "ERR Wrong number of args calling Redis command from script",
    "ERR This Redis command is not allowed from script",
    "ERR value is not an integer or out of range script: incr",
    WRONGTYPE,
)
READ_ONLY = "ERR Write commands are not allowed from read-only scripts"
NOT_A_READER = "ERR Can not execute a script with write flag using *_ro command"
COUNTED = (
    "ERR Function not found",
    "ERR Bad number of keys provided",
    "ERR Number of keys can't be greater",
    "ERR Number of keys can't be negative",
)
CALL = {"option": 0.7, "left_out": ("key",)}  # keys come with their number
FAILING_TO_LOAD = (
    "ERR Missing library metadata",
    "ERR Library name was not given",
    "ERR Invalid metadata value given",
    "ERR Library names can only contain",
    "ERR Engine 'python' not found",
    "ERR No functions registered",
    "ERR Error compiling function",
    "ERR Error registering functions",
    "ERR Library '",
    "ERR Function fetch already exists",
)

LIBRARY_NAMES = [b"counter", b"strings", b"lists", b"clash"]
LOADS: list[Argv] = [[b"FUNCTION", b"LOAD", code] for code in (COUNTER, STRINGS, LISTS)]

FUNCTIONS_FAMILY = Family(
    "functions",
    {
        "FCALL": Rule(12, errors=(*RAISED, READ_ONLY, *COUNTED, ARITY), extra=[[b"FCALL", b"put"]],
                      extra_chance=0.01, **CALL),
        "FCALL_RO": Rule(6, errors=(*RAISED[:3], WRONGTYPE, READ_ONLY, NOT_A_READER, *COUNTED, ARITY),
                         extra=[[b"FCALL_RO", b"put"], [b"FCALL_RO", b"fetch", b"0"]], extra_chance=0.03,
                         **CALL),
        "FUNCTION|LOAD": Rule(4, {"function-code": GOOD * 4 + [CLASH] * 2 + WRONG}, option=0.6,
                              errors=(*FAILING_TO_LOAD, ARITY, "ERR Unknown option given"),
                              extra=[[b"FUNCTION", b"LOAD", b"x", COUNTER]], extra_chance=0.02),
        "FUNCTION|DELETE": Rule(1, errors=("ERR Library not found", ARITY)),
        "FUNCTION|DUMP": Rule(1, errors=(ARITY,)),
        "FUNCTION|RESTORE": Rule(
            2,
            {"serialized-value": PAYLOADS * 2 + BAD_PAYLOADS},
            errors=("ERR DUMP payload version or checksum are wrong", "ERR given type is not a function",
                    "ERR Failed loading library payload", "ERR Wrong restore policy given", "ERR Library ",
                    "ERR Function fetch already exists", "ERR Missing library metadata", ARITY,
                    "ERR unknown subcommand or wrong number of arguments for 'RESTORE'"),
            option=0.8,
            extra=[[b"FUNCTION", b"RESTORE", PAYLOADS[0], b"APPEND", b"x"], [b"FUNCTION", b"RESTORE"]],
            extra_chance=0.03,
        ),
        "FUNCTION|LIST": Rule(2, errors=("ERR Unknown argument", "ERR library name argument was not given"),
                              extra=[[b"FUNCTION", b"LIST", b"LIBRARYNAME"]], extra_chance=0.03),
        "FUNCTION|STATS": Rule(1, errors=(ARITY,)),
        "FUNCTION|KILL": Rule(0.3, errors=("NOTBUSY", ARITY), extra=[[b"FUNCTION", b"KILL", b"x"]]),
        "FUNCTION|HELP": Rule(0.3, errors=(ARITY,)),
    },
    values={
        "function": [*b"count put push size fetch fetch_all".split() * 4, *WRITERS, *READERS],
        "key": KEYS,
        "arg": [b"a", b"1", b"2.5", b"x\0y", b""],
        "numkeys": [b"0", b"-1", b"x", b"9", b"99999999999999999999"],
        "library-name": [*LIBRARY_NAMES, b"COUNTER", b"nope"],
        "library-name-pattern": [b"*", b"COUNT*", b"l?sts", b"strings", b"nope"],
        "integer": [b"1", b"x"],
        "string": [b"a", b"1"],
        "element": [b"a", b"1"],
    },
    setups=[
        [b"SET", b"k1", b"v", b"EX", b"1000"],
        [b"SET", b"n1", b"10"],
        [b"RPUSH", b"l1", b"a", b"b", b"c"],
        *LOADS,
    ],
    keys=[b"k1", b"n1", b"l1", b"gone", *LIBRARY_NAMES],
    dbs=(0, 1),
    share=0.6,
    since_7_0=True,  # which does not restore payloads of 8.2.3
    dump=[[b"FUNCTION", b"LIST", b"LIBRARYNAME", b"{key}", b"WITHCODE"]],
    restore=[[b"FUNCTION", b"RESTORE", PAYLOADS[0], b"FLUSH"]],
    others={
        "SET": Rule(7, LATER),
        "GET": Rule(7),
        "RPUSH": Rule(1, {"key": [b"l1"] * 3 + [b"gone"]}),
        "MULTI": Rule(1),
        "EXEC": Rule(0.5),
        "WATCH": Rule(0.5),
        "DEL": Rule(0.5),
    },
)  # fmt: skip
