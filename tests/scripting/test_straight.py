"""Scripts that are executed without Lua have the outcome that Lua gives them."""

from __future__ import annotations

import random
import re
from collections import defaultdict

import pytest

from respq.commands import scripthost
from respq.scripting import straight
from respq.scripting.straight import Plan
from tests.conftest import Peer, Workbench

UNLOCK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"


def plan(script: str, count: int = 1) -> Plan | None:
    engine = Workbench()
    engine.peer().send("SCRIPT", "LOAD", script)
    (found,) = engine.server.scripts.scripts.values()
    translated: Plan | None = found.plan(count)
    return translated


@pytest.fixture
def in_lua(monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """A server that leaves every script to Lua."""
    engine = Workbench()
    engine.server.scripts = scripthost.ScriptHost(engine.server)
    add = engine.server.scripts.add

    def add_without_plan(body: bytes, sha: bytes) -> scripthost.Script:
        script: scripthost.Script = add(body, sha)
        script._plans = defaultdict(lambda: None)
        return script

    engine.server.scripts.add = add_without_plan
    return engine


STRAIGHT = [
    "",
    "return",
    "return nil",
    "return true",
    "return false",
    "return 7",
    "return 3.99",
    "return -3.99",
    "return 1e300",
    "return 2^53",
    "return 'text'",
    "return KEYS[1]",
    "return ARGV[2]",
    "return redis.call('ping')",
    "return redis.call('incr', 'max')",
    "return redis.call('get', 'none')",
    "return redis.call('lrange', 'list', 0, -1)",
    "return redis.call('lpop', 'none', 2)",
    "return redis.call('mget', 'k', 'none')",
    "return redis.call('hgetall', 'hash')",
    "return redis.call('set', KEYS[1], 1.5)",
    "return redis.call('set', KEYS[1], 1e20)",
    "return redis.call('get', 'list')",
    "return redis.call('get')",
    "return redis.call('nope', 1)",
    "return redis.call('blpop', 'none', 0)",
    "return redis.call('subscribe', 'x')",
    "return redis.call('set', KEYS[1], redis.call('get', 'none'))",
    "return redis.call('set', KEYS[1], redis.call('ping'))",
    "return redis.call('set', KEYS[1], redis.call('lrange', 'list', 0, -1))",
    "return redis.call('set', KEYS[1], redis.call('incr', 'max'))",
    "return redis.call('set', KEYS[1], redis.call('get', 'k'))",
    "return redis.call(ARGV[1], KEYS[1])",
    "redis.call('incr', 'n')\n\nreturn redis.call(\n'get',\n'list')",
    "local call = redis.call local key = KEYS[1] call('set', key, ARGV[1]) return call('get', key)",
    "local a, b = redis.call('get', 'k') return b",
    "local a, b = redis.call('get', 'k') return a, b",
    "return redis.call('get', 'k') == 'v'",
    "return redis.call('get', 'none') == false",
    "return redis.call('exists', 'k') == 1",
    "return redis.call('exists', 'none') == 0",
    "return redis.call('exists', 'none') == false",
    "return redis.call('get', 'none') == 0",
    "return redis.call('exists', 'k') == true",
    "return redis.call('get', 'number') == 5",
    "return redis.call('get', 'k') == redis.call('get', 'k')",
    "return redis.call('ping') == redis.call('ping')",
    "return redis.call('incr', 'max') == 9223372036854775807",
    "return KEYS[1] == ARGV[1]",
    "return KEYS[1] ~= 'k'",
    "return nil == false",
    "return redis.call('get', 'k') or 'no'",
    "return redis.call('get', 'none') or 'no'",
    "return redis.call('get', 'k') and 'yes'",
    "return redis.call('get', 'none') and 'yes'",
    "return redis.call('lpop', 'none', 2) and 'yes'",
    "return redis.call('get', 'none') or redis.call('get', 'k') or 'no'",
    "local v = redis.call('get', 'none') if v then return 1 end return v",
    "local v = redis.call('get', 'k') if not v then return 1 end return v",
    "if redis.call('get', 'k') == ARGV[1] and redis.call('exists', 'x') == 0 then return 1 else return 2 end",
    "if true then return 1 end return 2",
    "if 0 then return 1 end return 2",
    "if KEYS[1] then return 1 end return 2",
    "return KEYS[2]",
    "return KEYS[2] or 'none'",
    "return #KEYS",
    "return #ARGV[1]",
    "return not redis.call('get', 'k')",
    "return not redis.call('get', 'none')",
    "return not redis.call('ping')",
    "return redis.call('incr', 'n') + 1",
    "return redis.call('incr', 'max') + 1",
    "return redis.call('get', 'number') + 1",
    "return redis.call('get', 'k') + 1",
    "return redis.call('get', 'none') + 1",
    "return redis.call('incr', 'n') - ARGV[1]",
    "return 999999999999999 + redis.call('incr', 'n')",
    "return redis.call('incr', 'n') < 5",
    "return redis.call('incr', 'n') >= 2",
    "return redis.call('get', 'k') < 'w'",
    "return redis.call('get', 'k') <= 'v'",
    "return redis.call('get', 'k') > ''",
    "return redis.call('get', 'k') < 5",
    "return redis.call('get', 'none') < 5",
    "return redis.call('ping') < redis.call('ping')",
    "return redis.call('get', 'k') .. 'x' .. 1 .. ARGV[1]",
    "return 'x' .. redis.call('incr', 'max')",
    "return 'x' .. 99999999999999 .. 100000000000000",
    "return 'x' .. 1.5",
    "return 'x' .. redis.call('get', 'none')",
    "return 'x' .. redis.call('ping')",
    "return redis.call('set', KEYS[1] .. ':' .. ARGV[1], 1)",
    "local k = KEYS[1] .. 'x' return k .. k",
    "return tonumber(redis.call('get', 'number'))",
    "return tonumber(redis.call('get', 'number')) > 4",
    "return tonumber(redis.call('get', 'none'))",
    "return tonumber(redis.call('get', 'k'))",
    "return tonumber('0x10')",
    "return tonumber(' 5 ')",
    "return tonumber('007') + 0",
    "return tonumber('5e3')",
    "return tonumber(ARGV[1]) or 'no'",
    "return tostring(redis.call('incr', 'n'))",
    "return tostring(redis.call('incr', 'max'))",
    "return tostring(redis.call('get', 'none'))",
    "redis.call('set', 'n', 1) return redis.call('get', 'k') + 1",
    "redis.call('set', 'n', 1)\n\nlocal v = redis.call('get', 'none')\nreturn v .. 'x'",
    "redis.call('incr', 'n') if ARGV[1] == 'get' then return {redis.call('incr', 'n'), 2} end return 1",
    "local v = redis.call('incr', 'n') if v == 1 then for i = 1, 3 do redis.call('incr', 'n') end end",
    "if redis.call('incr', 'n') == 1 then return redis.error_reply('FIRST one') end return 'later'",
    "if redis.call('incr', 'n') == 1 then return redis.call('get', 'list') end return tostring(nil)",
    "redis.call('incr', 'n') if KEYS[1] == 'k' then redis.setresp(3) return redis.call('get', 'none') end",
    "redis.call('rpush', 'list', redis.call('incr', 'n')) if ARGV[1] == 'get' then return cjson.null end",
    "redis.call('setrange', 'n', 70000, 'x') local v = redis.call('get', 'n') return redis.call('strlen', v)",
    "local n = redis.call('incr', 'n') if n > 1 then local f = function() return n end return f() end",
    UNLOCK,
]

IN_LUA = [
    "return redis.pcall('get', 'list')",
    "return {1, 2}",
    "return -0",
    "return #ARGV",
    "return KEYS",
    "return KEYS[ARGV[1]]",
    "return redis.call",
    "return redis.call('set', KEYS[1], nil)",
    "return redis.call('set', KEYS[1], true)",
    "return redis.call()",
    "return redis.call(unpack(ARGV))",
    "return redis.call('get', ...)",
    "return redis.call(redis.call('get', 'k'))",
    "return redis.REDIS_VERSION",
    "return redis.call('incr', 'n') * 2",
    "return redis.call('mget', 'k')[1]",
    "return tonumber('5', 16)",
    "return tonumber()",
    "redis.call = nil",
    "x = 1",
    "local function f() return 1 end return f()",
    "for i = 1, 3 do redis.call('incr', 'n') end",
    "local v = redis.call('get', 'k') return v == v",
    "if redis.call('exists', 'k') then return {} else return {1} end",
]


@pytest.mark.parametrize("script", STRAIGHT)
@pytest.mark.parametrize("resp", [2, 3])
def test_straight_scripts_have_the_outcome_of_lua(in_lua: Workbench, script: str, resp: int) -> None:
    assert plan(script) is not None
    seen = [seen_of(engine.peer(), script, resp) for engine in (Workbench(), in_lua)]
    assert seen[0] == seen[1]


@pytest.mark.parametrize("steps", [90, 120, 400, 5000])
def test_a_long_script_is_left_to_lua_in_time(alice: Peer, steps: int) -> None:
    calls = "redis.call('incr', KEYS[1]) " * steps
    assert alice.send("EVAL", f"{calls} return redis.call('get', KEYS[1])", 1, "k") == b"$%d\r\n%d\r\n" % (
        len(str(steps)),
        steps,
    )
    branches = "if redis.call('incr', KEYS[1]) == 0 then return 1 end " * steps
    assert alice.send("EVAL", f"{branches} return 2", 1, "k") == b":2\r\n"


@pytest.mark.parametrize("script", IN_LUA)
def test_whatever_else_is_left_to_lua(script: str) -> None:
    assert plan(script) is None


def seen_of(peer: Peer, script: str, resp: int) -> list[bytes]:
    """Replies to the script in two calls, to its run, and what it leaves behind."""
    peer.feed(
        b"SET k v\r\nSET number 5\r\nRPUSH list a b\r\nHSET hash f v\r\nSET max 9223372036854775805\r\n"
    )
    peer.send("HELLO", resp)
    peer.send("CLIENT", "SETNAME", "x")
    words = ("EVAL", script, 1, "key", "get", "k")
    seen = [peer.send(*words), peer.send(*words), peer.send("EVAL", script, 1, "k", "v", "k")]
    peer.send("EVAL", script, 1, "key")  # with fewer words than it may look at
    seen += [peer.send("GET", key) for key in ("k", "key", "n", "max")]
    counts = peer.send("INFO", "commandstats") + peer.send("INFO", "errorstats")
    return seen + re.findall(
        rb"(?:cmdstat_\w+:calls=\d+|failed_calls=\d+|rejected_calls=\d+|errorstat.*)", counts
    )


class Author:
    """Writes scripts at random, of what is straight."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._names: list[str] = []

    def script(self) -> str:
        self._names = []
        body = " ".join(self._statement(2) for _ in range(self._rng.randint(1, 3)))
        return f"{body} return {self._value()}"

    def _statement(self, depth: int) -> str:
        kind = self._rng.randrange(5 if depth else 2)
        if kind == 0:
            return self._call() + ";"
        if kind == 2 and self._rng.random() < 0.1:
            return "for i = 1, 2 do redis.call('incr', 'n') end;"  # not straight
        if kind == 1:
            value = self._value()
            self._names.append(f"v{len(self._names)}")
            return f"local {self._names[-1]} = {value};"
        names = list(self._names)
        condition = self._condition()
        then = self._statement(depth - 1)
        self._names = list(names)
        otherwise = self._statement(depth - 1)
        self._names = names
        return f"if {condition} then {then} else {otherwise} end"

    def _condition(self) -> str:
        left, right = self._value(), self._value()
        return self._rng.choice([
            f"{left} == {right}", f"{left} ~= {right}", left, f"not {left}", f"{left} and {right}",
            f"{left} or {right}", f"{left} < {right}", f"{left} >= {right}", f"tonumber({left}) > 1",
        ])  # fmt: skip

    def _value(self) -> str:
        simple = ["KEYS[1]", "ARGV[1]", "1", "0", "'v'", "5", "nil", "false", "true", *self._names]
        if self._rng.random() < 0.2:
            left, right = self._rng.choice(simple), self._rng.choice(simple)
            return self._rng.choice(
                [f"({left} .. {right})", f"({left} + 1)", f"(7 - {right})", f"({left} or {right})"]
            )
        return self._call() if self._rng.random() < 0.5 else self._rng.choice(simple)

    def _call(self) -> str:
        key = self._rng.choice(["KEYS[1]", "'k'", "'none'", "'list'", "'number'", "ARGV[1]"])
        words = self._rng.choice([f"'get', {key}", f"'exists', {key}", f"'incr', {key}", f"'del', {key}",
                                  f"'lpush', {key}, {self._word()}", f"'lrange', {key}, 0, 1",
                                  f"'set', {key}, {self._word()}", "'ping'"])  # fmt: skip
        return f"redis.call({words})"

    def _word(self) -> str:
        return self._rng.choice(["KEYS[1]", "ARGV[1]", "1", "'v'", "1.5", *self._names])


def test_scripts_written_at_random_have_the_outcome_of_lua(in_lua: Workbench) -> None:
    straight = Workbench()
    peers = straight.peer(), in_lua.peer()
    translated = 0
    for seed in range(600):
        script = Author(seed).script()
        for peer in peers:
            peer.send("FLUSHALL")
            peer.feed(b"SET k v\r\nSET number 5\r\nRPUSH list a b\r\n")
        words = ("EVAL", script, 1, "k", "v")
        assert peers[0].send(*words) == peers[1].send(*words), script
        for key in ("k", "number", "v", "none", "n"):
            assert peers[0].send("GET", key) == peers[1].send("GET", key), script
        assert peers[0].send("LRANGE", "list", 0, -1) == peers[1].send("LRANGE", "list", 0, -1), script
        translated += straight.server.scripts.by_body[script.encode()].plan(1) is not None
    assert translated > 500


def test_a_script_that_often_goes_on_in_lua_is_left_to_it(alice: Peer, engine: Workbench) -> None:
    script = "local n = redis.call('incr', KEYS[1]) if n then return {n} end"
    for number in range(1, 40):
        assert alice.send("EVAL", script, 1, "k") == b"*1\r\n:%d\r\n" % number
    assert engine.server.scripts.by_body[script.encode()].plan(1) is None


def test_the_hook_that_looks_at_the_time_does_not_disturb_what_is_answered_again(
    monkeypatch: pytest.MonkeyPatch, alice: Peer
) -> None:
    monkeypatch.setattr(straight, "TOLERATED", 1_000_000)
    calls = " ".join(["redis.call('incr', KEYS[1])"] * 20)
    script = f"{calls} if KEYS[1] == 'k' then return {{1}} end"
    for _ in range(2000):  # 100,000 instructions several times over, nearly all of them in front of the table
        alice.send("EVAL", script, 1, "k")
    assert alice.send("GET", "k") == b"$5\r\n40000\r\n"
