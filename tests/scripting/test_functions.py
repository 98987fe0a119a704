"""Libraries of functions: what redis-server 8.2.3 says, what they must not get at, what is kept of them.

`functions.jsonl` holds one conversation with redis-server, a command and its reply on each line: what
libraries see while they are loaded and when they are called, every way to register a function, FCALL and
FUNCTION.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from respq.commands import libraries
from respq.rdb import payload
from respq.rdb.strings import write_plain
from tests.conftest import Peer, Workbench

COUNTER = """#!lua name=counter
local calls = 0
redis.register_function('count', function() calls = calls + 1 return calls end)"""
CONVERSATION = (Path(__file__).parent / "functions.jsonl").read_text(encoding="ascii").splitlines()


def library(name: str, body: str) -> str:
    return f"#!lua name={name}\n{body}"


def function(name: str, body: str) -> str:
    return f"redis.register_function('{name}', function(keys, args) {body} end)\n"


def load(peer: Peer, name: str, body: str) -> bytes:
    return peer.send("FUNCTION", "LOAD", "REPLACE", library(name, body))


def test_a_conversation_goes_as_with_redis(alice: Peer) -> None:
    different = []
    for line in CONVERSATION:
        words, reply = json.loads(line)
        ours = alice.send(*[word.encode("latin-1") for word in words])
        if ours != reply.encode("latin-1"):
            different.append((words, reply, ours))
    assert different == []


# -- what libraries share, and do not ----------------------------------------------------------------


def test_libraries_share_no_globals_and_no_tables(alice: Peer) -> None:
    for target in ("_G", "redis", "string", "getmetatable('')", "getmetatable(_G)", "cjson"):
        load(alice, "writer", function("put", f"{target}.left = 'x' return 'written'"))
        assert b"Attempt to modify a readonly table" in alice.send("FCALL", "put", 0)
        load(alice, "writer", function("put", f"rawset({target}, 'left', 'x') return 'written'"))
        assert b"Attempt to modify a readonly table" in alice.send("FCALL", "put", 0)
        load(alice, "reader", function("look", f"return rawget({target}, 'left')"))
        assert alice.send("FCALL", "look", 0) == b"$-1\r\n"


def test_what_a_library_keeps_is_its_own_until_it_is_loaded_again(alice: Peer) -> None:
    alice.send("FUNCTION", "LOAD", COUNTER)
    load(alice, "other", "local calls = 10\n" + function("other", "calls = calls + 1 return calls"))
    assert [alice.send("FCALL", name, 0) for name in ("count", "other", "count")] == [
        b":1\r\n",
        b":11\r\n",
        b":2\r\n",
    ]
    alice.send("FUNCTION", "LOAD", "REPLACE", COUNTER)
    assert alice.send("FCALL", "count", 0) == b":1\r\n"


def test_the_keys_of_a_call_are_not_seen_by_the_next(alice: Peer) -> None:
    load(alice, "l", "local kept\n" + function("keep", "local before = kept kept = keys return before"))
    alice.send("FCALL", "keep", 1, "secret")
    load(alice, "m", function("look", "return {rawget(_G, 'KEYS'), rawget(_G, 'keys')}"))
    assert alice.send("FCALL", "look", 0) == b"*0\r\n"


def test_scripts_and_functions_do_not_see_each_other(alice: Peer) -> None:
    load(alice, "l", function("deep", "return cjson.encode_max_depth(5)"))
    assert alice.send("FCALL", "deep", 0) == b":5\r\n"
    assert alice.send("EVAL", "return cjson.encode_max_depth()", 0) == b":1000\r\n"
    assert b"nonexistent global" in alice.send("EVAL", "return deep", 0)


def test_what_was_found_at_the_loading_gives_nothing_more_at_a_call(alice: Peer) -> None:
    load(alice, "l", "local r = redis\n" + function("f", "return r.call('ping')"))
    assert b"nonexistent global variable 'call'" in alice.send("FCALL", "f", 0)
    load(
        alice,
        "l",
        "local register = redis.register_function\n" + function("f", "register('g', function() end)"),
    )
    assert b"can only be called on FUNCTION LOAD" in alice.send("FCALL", "f", 0)
    assert alice.send("FCALL", "g", 0) == b"-ERR Function not found\r\n"


def test_a_function_sees_what_calls_see_even_if_it_was_called_while_loading(alice: Peer) -> None:
    body = "local t = {}\n('x'):gsub('x', function() t.f = function() return redis.call('ping') end end)\n"
    load(alice, "l", body + "redis.register_function('f', t.f)")
    assert alice.send("FCALL", "f", 0) == b"+PONG\r\n"


def test_a_library_that_fails_while_it_is_loaded_leaves_the_next_call_its_globals(alice: Peer) -> None:
    alice.send("FUNCTION", "LOAD", COUNTER)
    assert b"nonexistent" in load(alice, "broken", function("f", "") + "error()")
    load(alice, "l", function("g", "return type(error)"))
    assert alice.send("FCALL", "g", 0) == b"$8\r\nfunction\r\n"
    assert alice.send("FCALL", "f", 0) == b"-ERR Function not found\r\n"


def test_bytecode_is_read_as_text(alice: Peer) -> None:
    assert b"Error compiling function" in load(alice, "l", "\x1bLua")
    load(alice, "l", function("f", "return loadstring('\\27Lua') == nil"))
    assert alice.send("FCALL", "f", 0) == b":1\r\n"


# -- loading that takes too long or too much ---------------------------------------------------------


@pytest.mark.parametrize("body", ["while true do end", "('x'):gsub('.', function() while true do end end)"])
def test_a_library_that_never_ends_is_given_up(
    alice: Peer, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libraries, "LOAD_MS", 1)
    timeout = b"-ERR Error registering functions: ERR FUNCTION LOAD timeout\r\n"
    assert load(alice, "l", body) == timeout
    data = payload.dump_libraries([library("l", body).encode()], write_plain)
    assert alice.send("FUNCTION", "RESTORE", data) == timeout
    alice.send("FUNCTION", "LOAD", COUNTER)
    assert alice.send("FCALL", "count", 0) == b":1\r\n"


def test_a_library_that_takes_all_of_the_memory_is_refused(alice: Peer, engine: Workbench) -> None:
    alice.send("FUNCTION", "LOAD", COUNTER)
    runtime = engine.server.libraries.runtime
    runtime.memory_bytes = runtime.memory_used() + (1 << 22)
    runtime._lua.set_max_memory(runtime.memory_bytes)
    reply = load(alice, "l", "local t = ('x'):rep(1e6) local n = 0 while true do t = t .. t n = n + 1 end")
    assert reply == b"-ERR Error registering functions: ERR not enough memory\r\n"
    assert alice.send("FCALL", "count", 0) == b":1\r\n"


def test_functions_of_a_library_must_differ_in_more_than_case(alice: Peer) -> None:
    reply = load(alice, "l", function("f", "") + function("F", ""))
    assert reply == b"-ERR Error registering functions: ERR Function already exists in the library\r\n"


# -- taking effect as a whole ------------------------------------------------------------------------


def test_what_is_refused_changes_nothing(alice: Peer) -> None:
    alice.send("FUNCTION", "LOAD", COUNTER)
    load(alice, "other", function("f", "return 'old'"))
    before = alice.send("FUNCTION", "LIST", "WITHCODE")
    assert load(alice, "other", function("f", "return 'new'") + function("COUNT", "")).startswith(b"-ERR")
    clash = [library("fresh", function("g", "")), library("clash", function("count", ""))]
    data = payload.dump_libraries([code.encode() for code in clash], write_plain)
    for policy in ("APPEND", "REPLACE"):
        assert alice.send("FUNCTION", "RESTORE", data, policy) == b"-ERR Function count already exists\r\n"
    assert alice.send("FUNCTION", "LIST", "WITHCODE") == before
    assert alice.send("FCALL", "f", 0) == b"$3\r\nold\r\n"


def test_a_transaction_may_load_and_call(alice: Peer) -> None:
    alice.send("MULTI")
    alice.send("FUNCTION", "LOAD", COUNTER)
    alice.send("FCALL", "count", 0)
    alice.send("FUNCTION", "DELETE", "counter")
    alice.send("FCALL", "count", 0)
    assert alice.send("EXEC") == b"*4\r\n$7\r\ncounter\r\n:1\r\n+OK\r\n-ERR Function not found\r\n"


def test_info_counts_libraries_functions_and_their_memory(alice: Peer) -> None:
    def found() -> dict[bytes, int]:
        lines = alice.send("INFO", "memory").splitlines()
        return {
            name: int(value)
            for name, _, value in (line.partition(b":") for line in lines)
            if name.endswith((b"functions", b"libraries"))
        }

    assert set(found().values()) == {0}
    alice.send("FUNCTION", "LOAD", COUNTER)
    load(alice, "two", function("f", "") + function("g", ""))
    assert (found()[b"number_of_libraries"], found()[b"number_of_functions"]) == (2, 3)
    assert found()[b"used_memory_functions"] > len(COUNTER)
    assert found()[b"used_memory_vm_functions"] > 10_000
    alice.send("FUNCTION", "FLUSH")
    assert set(found().values()) == {0}


def test_monitor_shows_the_call_and_what_it_does(alice: Peer, bob: Peer) -> None:
    load(alice, "l", function("put", "return redis.call('set', keys[1], args[1])"))
    bob.send("MONITOR")
    alice.send("FCALL", "put", 1, "k", "v")
    first, second = bob.take().splitlines()
    assert first.endswith(b'127.0.0.1:0] "FCALL" "put" "1" "k" "v"')
    assert second.endswith(b'[0 lua] "set" "k" "v"')


def test_a_pause_of_writes_lets_functions_pass_that_do_not_write(alice: Peer, bob: Peer) -> None:
    named = (
        "redis.register_function{function_name='look', callback=function() return 1 end, flags={'no-writes'}}"
    )
    load(alice, "l", function("put", "return 1") + named)
    bob.send("CLIENT", "PAUSE", 10_000, "WRITE")
    assert alice.send("FCALL", "look", 0) == b":1\r\n"
    assert alice.send("FCALL", "put", 0) == b""
