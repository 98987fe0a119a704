"""Scripts that are executed without Lua have the outcome that Lua gives them."""

from __future__ import annotations

import random
import re
from collections import defaultdict

import pytest

from respq.commands import scripthost
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
    "return -0",
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
    UNLOCK,
]

IN_LUA = [
    "return redis.pcall('get', 'list')",
    "return {1, 2}",
    "return redis.call('get', 'k') .. 'x'",
    "return #KEYS",
    "return KEYS[2]",
    "return KEYS",
    "return KEYS[ARGV[1]]",
    "return redis.call",
    "return redis.call('set', KEYS[1], nil)",
    "return redis.call('set', KEYS[1], true)",
    "return redis.call()",
    "return redis.call(unpack(ARGV))",
    "return redis.call('get', ...)",
    "return redis.REDIS_VERSION",
    "return redis.call('incr', 'n') + 1",
    "return redis.call('incr', 'n') < 5",
    "return redis.call('mget', 'k')[1]",
    "return tonumber('5')",
    "return not redis.call('get', 'k')",
    "redis.call = nil",
    "x = 1",
    "local function f() return 1 end return f()",
    "for i = 1, 3 do redis.call('incr', 'n') end",
    "while redis.call('rpop', 'list') do end",
    "repeat local v = redis.call('rpop', 'list') until v == false",
    "if redis.call('get', 'k') == 'never' then return tostring(1) end return 1",
    "local v = redis.call('get', 'k') return v == v",
]


@pytest.mark.parametrize("script", STRAIGHT)
@pytest.mark.parametrize("resp", [2, 3])
def test_straight_scripts_have_the_outcome_of_lua(in_lua: Workbench, script: str, resp: int) -> None:
    assert plan(script) is not None
    seen = [seen_of(engine.peer(), script, resp) for engine in (Workbench(), in_lua)]
    assert seen[0] == seen[1]


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
        kind = self._rng.randrange(4 if depth else 2)
        if kind == 0:
            return self._call() + ";"
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
        return self._rng.choice([f"{left} == {right}", f"{left} ~= {right}", left, f"{left} and {right}"])

    def _value(self) -> str:
        simple = ["KEYS[1]", "ARGV[1]", "1", "0", "'v'", "5", "nil", "false", "true", *self._names]
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
        for key in ("k", "number", "v", "none"):
            assert peers[0].send("GET", key) == peers[1].send("GET", key), script
        assert peers[0].send("LRANGE", "list", 0, -1) == peers[1].send("LRANGE", "list", 0, -1), script
        translated += straight.server.scripts.by_body[script.encode()].plan(1) is not None
    assert translated > 500
