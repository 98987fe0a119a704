"""EVAL and its kin, and the cache of scripts.

What a script may say is tried out in `tests/scripting` with replies recorded from redis-server; here scripts
meet commands, keys of every state, transactions, the log, and each other.
"""

from __future__ import annotations

import hashlib

from compat.oracle.grammar.family import ARITY, NOT_INTEGER, Family, Rule
from compat.oracle.grammar.strings import LATER
from compat.oracle.wire import Argv


def sha_of(script: bytes) -> bytes:
    return hashlib.sha1(script, usedforsecurity=False).hexdigest().encode()


KEYS = [b"k1"] * 3 + [b"n1"] * 3 + [b"l1"] * 3 + [b"gone"]

# Each with KEYS and ARGV that may be missing: then the call has a nil in it, and says so.
READS = [
    b"return redis.call('get', KEYS[1])",
    b"return redis.pcall('get', KEYS[1])",
    b"return redis.call('lrange', KEYS[1] or 'l1', 0, -1)",
    b"return redis.call('mget', 'k1', 'gone', KEYS[1] or 'n1')",
    b"return {redis.call('exists', 'k1', 'gone'), redis.call('type', 'l1'), redis.call('llen', 'l1')}",
    b"redis.setresp(3) return redis.call('mget', 'k1', 'gone')",
    b"redis.setresp(3) return {redis.call('get', 'gone') == nil, {double = 1.5}, {map = {a = 1}}}",
    b"return {KEYS, ARGV}",
    b"return #KEYS + #ARGV",
    b"return redis.sha1hex(ARGV[1] or '')",
    b"return cjson.encode({KEYS, ARGV, redis.call('lrange', 'l1', 0, -1)})",
    b"return cjson.decode(ARGV[1] or '[1, {\"a\": null}]')",
    b"return cmsgpack.unpack(cmsgpack.pack({KEYS, ARGV, 1.5, -7, true}))",
    b"return {struct.unpack('>hIs', struct.pack('>hIs', -2, 70000, KEYS[1] or 'x'))}",
    b"return {bit.band(tonumber(ARGV[1]) or 7, 12), bit.tohex(-1)}",
    b"return redis.status_reply(ARGV[1] or 'fine')",
    b"local t = {} for i = 1, 20 do t[i] = i * i end return t",
    b"return tostring(redis.call('ttl', KEYS[1] or 'k1') > 0)",
    b"return coroutine.wrap(function() return redis.call('get', 'k1') end)()",
    b"#!lua flags=no-writes\nreturn redis.call('strlen', KEYS[1] or 'k1')",
    b"#!lua flags=no-writes,allow-oom,allow-stale,no-cluster,allow-cross-slot-keys\nreturn ARGV[1]",
]
WRITES = [
    b"return redis.call('set', KEYS[1], ARGV[1])",
    b"return redis.call('incr', KEYS[1])",
    b"return redis.pcall('incr', KEYS[1])",
    b"return redis.call('rpush', KEYS[1], unpack(ARGV))",
    b"return redis.call('lpop', KEYS[1] or 'l1')",
    b"redis.call('set', 'k1', ARGV[1] or 'v') redis.call('expire', 'k1', 100) return redis.call('get', 'k1')",
    b"redis.call('del', unpack(KEYS)) return redis.call('dbsize')",
    b"redis.call('rpush', 'l1', 'x') redis.call('incr', 'l1') redis.call('set', 'k1', 'never')",
    b"redis.call('set', 'k1', 1) error('half')",
    b"redis.call('set', 'k1', 1) return redis.error_reply('MINE own')",
    b"redis.call('select', 1) redis.call('set', 'k1', 'one') return redis.call('ping')",
    b"redis.set_repl(redis.REPL_ALL) return redis.call('append', KEYS[1] or 'k1', ARGV[1] or 'x')",
    b"redis.call('rename', 'k1', 'n1') return redis.call('exists', 'k1')",
    b"redis.call('pexpire', KEYS[1] or 'k1', -1) return redis.call('exists', KEYS[1] or 'k1')",
    b"return redis.call('blpop', KEYS[1] or 'l1', 0)",
    b"return redis.call('brpop', 'gone', 0)",
    b"for i = 1, 3 do redis.call('rpush', KEYS[1] or 'l1', i) end return redis.call('llen', KEYS[1] or 'l1')",
    b"redis.call('set', 'k1', 0.1) redis.call('set', 'n1', 2^53) return redis.call('mget', 'k1', 'n1')",
    b"#!lua\nreturn redis.call('setnx', KEYS[1] or 'k1', 'v')",
    b"redis.call('flushdb') return redis.call('dbsize')",
    b"if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end",
    b"local v = redis.call('lpop', 'l1') if v then redis.call('rpush', 'l1', v, v) return v end return 'no'",
    b"redis.call('set', 'k1', redis.call('incr', 'n1')) return redis.call('exists', 'k1') == 1",
]
FAILURES = [
    b"return foo",
    b"foo = 1",
    b"return redis.call('nope')",
    b"return redis.pcall('nope')",
    b"\n\nreturn redis.call('get')",
    b"return redis.call('multi')",
    b"return redis.call('get', {})",
    b"return {err = 'MY error'}",
    b"error({err = 'MY table'})",
    b"return cjson.decode('{')",
    b"return (",
    b"#!lua flags=nope\nreturn 1",
    b"#!python\nreturn 1",
    b"string.x = 1",
]
SCRIPTS = READS * 3 + WRITES * 3 + FAILURES
SHAS = [sha_of(script) for script in SCRIPTS[:-4]]
RARE = [WRITES[1], WRITES[12], FAILURES[5], FAILURES[7], FAILURES[8]]  # fail in ways of their own
LOADS: list[Argv] = [[b"SCRIPT", b"LOAD", script] for script in READS[:8] + RARE]

RARE_SHAS = [sha_of(script) for script in RARE]

RAISED = (
    "ERR user_script:",
    "ERR Unknown Redis command called from script",
    "ERR Wrong number of args calling Redis command from script",
    "ERR This Redis command is not allowed from script",
    "ERR Lua redis lib command arguments must be strings or integers",
    "MY error",
    "MY table",
    "WRONGTYPE",
)
WRITING = ("ERR value is not an integer or out of range script:", "ERR no such key", "MINE own")
REFUSED = (ARITY, NOT_INTEGER, "ERR Number of keys can't be greater", "ERR Number of keys can't be negative")
COMPILED = (
    "ERR Error compiling script (new function)",
    "ERR Unexpected flag in script shebang",
    "ERR Unexpected engine in script shebang",
)
READ_ONLY = (
    "ERR Write commands are not allowed from read-only scripts",
    "ERR Can not execute a script with write flag using *_ro command",
)

# Keys come with their number, so that they are there is no choice of its own.
CALL = {"option": 0.7, "left_out": ("key",), "extra_chance": 0.01}

SCRIPTING = Family(
    "scripting",
    {
        "EVAL": Rule(
            12,
            {"script": SCRIPTS},
            errors=(*RAISED, *WRITING, *REFUSED, *COMPILED),
            extra=[[b"EVAL", b"return 1"]],
            **CALL,
        ),
        "EVALSHA": Rule(
            6,
            errors=("NOSCRIPT", *RAISED, *WRITING, *REFUSED),
            extra=[[b"EVALSHA", SHAS[0]]],
            **CALL,
        ),
        "EVAL_RO": Rule(
            4,
            {"script": READS * 6 + WRITES + FAILURES},
            errors=(*READ_ONLY, *RAISED, *REFUSED, *COMPILED),
            extra=[[b"EVAL_RO", b"return 1"]],
            **CALL,
        ),
        "EVALSHA_RO": Rule(
            4,
            errors=("NOSCRIPT", *READ_ONLY, *RAISED, *REFUSED),
            extra=[[b"EVALSHA_RO", SHAS[0]]],
            **CALL,
        ),
        "SCRIPT|LOAD": Rule(3, {"script": SCRIPTS}, errors=(ARITY, *COMPILED)),
        "SCRIPT|EXISTS": Rule(1, errors=(ARITY,), extra=[[b"SCRIPT", b"EXISTS"]], extra_chance=0.02),
        "SCRIPT|HELP": Rule(0.3, errors=(ARITY,)),
        "SCRIPT|FLUSH": Rule(0.2, errors=("ERR SCRIPT FLUSH only support",)),
        "SCRIPT|KILL": Rule(
            0.3, errors=("NOTBUSY", ARITY), extra=[[b"SCRIPT", b"KILL", b"x"]], extra_chance=0.05
        ),
    },
    values={
        "key": KEYS,
        "arg": [b"a", b"1", b"2.5", b'{"a": [1, true, null]}', b"x\0y", b""],
        "sha1": [*SHAS, *RARE_SHAS * 3, b"x", SHAS[0].upper(), b"0" * 40],
        "numkeys": [b"0", b"-1", b"x", b"9", b"99999999999999999999"],
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
    keys=[b"k1", b"n1", b"l1", b"gone"],
    dbs=(0, 1),
    restore=[[b"SCRIPT", b"FLUSH"]],
    others={
        "SET": Rule(1, LATER),
        "GET": Rule(1),
        "INCR": Rule(1, {"key": [b"n1"]}),
        "RPUSH": Rule(1, {"key": [b"l1"] * 3 + [b"gone"]}),
        "MULTI": Rule(1),
        "EXEC": Rule(0.5),
        "WATCH": Rule(0.5),
        "DEL": Rule(0.5),
    },
)
