"""Runs of scripts have the outcome of one by one: replies, data, log and statistics."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest

from respq.commands import scripthost, scriptruns
from respq.scripting import runtime
from tests.conftest import Peer, Workbench
from tests.resp import encode

Command = list[bytes]


class Log:
    """Keeps the commands that the engine would log."""

    selected_db = 0

    def __init__(self) -> None:
        self.kept: list[Command] = []

    def append(self, raw: bytes) -> None:
        raise AssertionError(f"a script is no command of the log: {raw!r}")

    def append_effect(self, _db: int, argv: Command) -> None:
        self.kept.append(argv)

    def append_effects(self, effects: list[tuple[object, object, object, Command | None]]) -> None:
        self.kept += [argv for *_, argv in effects if argv is not None]


def packet(commands: list[Command]) -> bytes:
    return b"".join(encode(*argv) for argv in commands)


def outcome(peer: Peer, packets: list[bytes]) -> tuple[bytes, list[Command], list[bytes]]:
    """Replies, log and statistics."""
    log = Log()
    peer.engine.server.aof = log  # type: ignore[assignment]
    replies = b"".join(map(peer.feed, packets))
    counted = peer.send("INFO", "commandstats", "errorstats").replace(b"\r", b"")
    counts = re.findall(rb"^(cmdstat_[^:]+:calls=\d+|errorstat.+)|(rejected.+)$", counted, re.MULTILINE)
    return replies, log.kept, counts


def both(script: str, calls: list[str], *, eval_itself: bool = False, resp: int = 2) -> bytes:
    """Send one script with each of `calls`, which are words behind it: at once, twice, and one by one."""
    text = script.encode()
    name = [b"EVAL", text] if eval_itself else [b"EVALSHA", hashlib.sha1(text).hexdigest().encode()]
    commands = [name + call.encode().split() for call in calls]
    outcomes = []
    for packets in ([packet(commands)] * 2, [packet([command]) for command in commands * 2]):
        peer = Workbench().peer()
        peer.send("HELLO", resp)
        peer.send("SCRIPT", "LOAD", script)
        outcomes.append(outcome(peer, packets))
    assert outcomes[0] == outcomes[1]
    return outcomes[0][0]


IN_LUA = "local f = function() end "  # a function of its own
CALLS = [f"1 k{n % 3} {n}" for n in range(7)]


@pytest.mark.parametrize("prefix", ["", IN_LUA], ids=["straight", "in Lua"])
@pytest.mark.parametrize(
    "script",
    [
        "return 1",
        "return KEYS[1]",
        "return redis.call('incr', KEYS[1])",
        "return redis.call('incrby', KEYS[1], ARGV[1])",
        "return redis.call('set', KEYS[1], ARGV[1])",
        "return redis.call('get', KEYS[1])",
        "return redis.call('mget', KEYS[1], 'none')",
        "redis.call('rpush', 'list', ARGV[1]) return redis.call('lrange', 'list', 0, -1)",
        "redis.call('set', KEYS[1], 1) redis.call('incr', KEYS[1])",
        "redis.call('select', 3) return redis.call('incr', KEYS[1])",
        "if redis.call('incr', KEYS[1]) == 2 then return redis.call('lpush', KEYS[1], 1) end return 'fine'",
        "redis.call('incr', KEYS[1]) return redis.call('nope')",
        "redis.call('incr', KEYS[1]) return redis.call('get')",
        "return redis.call('set', KEYS[1], redis.call('get', KEYS[1]))",
        "return redis.call('blpop', KEYS[1], 0)",
        "redis.call('hset', 'h', KEYS[1], ARGV[1]) return redis.call('hgetall', 'h')",
    ],
)
@pytest.mark.parametrize("resp", [2, 3])
def test_a_run_has_the_outcome_of_one_by_one(prefix: str, script: str, resp: int) -> None:
    both(prefix + script, CALLS, resp=resp)


@pytest.mark.parametrize(
    "script",
    [
        "return {KEYS[1], #KEYS, ARGV[1], ARGV[2], #ARGV}",
        "KEYS[1] = 'changed' ARGV.x = 1 return {tostring(ARGV.x), KEYS[1]}",
        "redis.setresp(3) return redis.call('hgetall', 'none')",
        "return redis.error_reply('MINE ' .. ARGV[1])",
        "if ARGV[1] == '3' then error('x') end return {ok = ARGV[1]}",
        "if ARGV[1] == '3' then error({err = 'MINE x'}) end return redis.call('incr', KEYS[1])",
        "redis.call('incr', KEYS[1]) if ARGV[1] == '3' then local x = nil .. 1 end",
        "redis.set_repl(redis.REPL_NONE) redis.call('incr', KEYS[1])",
        "redis.call('incr', 'a') redis.set_repl(redis.REPL_NONE) redis.call('incr', KEYS[1])",
        "return redis.pcall('lpush', KEYS[1])",
        "collectgarbage('stop') return redis.call('incr', KEYS[1])",
        "for i = 1, 3e5 do end return redis.call('incr', KEYS[1])",
        "redis.call('incr', KEYS[1]) for i = 1, 3e5 do end redis.call('incr', KEYS[1])",
        "local co = coroutine.wrap(function() return redis.call('incr', KEYS[1]) end) return co()",
        "return string.rep(ARGV[1], 20000)",
        "redis.call('append', KEYS[1], string.rep('x', 9000)) return redis.call('get', KEYS[1])",
    ],
)
def test_a_run_in_lua_has_the_outcome_of_one_by_one(script: str) -> None:
    both(script, CALLS)


@pytest.mark.parametrize("script", ["return redis.call('incr', KEYS[1])", "return {KEYS[1], ARGV[1]}"])
@pytest.mark.parametrize(
    "calls",
    [
        ["0"] * 5,
        ["1 k"] * 5,
        ["2 a b c"] * 5,
        [f"1 {'k' * n}" for n in range(1, 6)],
        ["3 k"] * 5,
        ["-1 k"] * 5,
        ["x k"] * 5,
        ["1 a", "0 a", "1 a", "1 a", "1 a"],
        ["1 k " + "word " * 250] * 5,
    ],
)
def test_runs_of_any_number_of_words(script: str, calls: list[str]) -> None:
    both(script, calls)
    both(script, calls, eval_itself=True)


def test_a_run_is_one_call_into_lua(alice: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[int] = []
    run_on = runtime.Runtime.run_on

    def counted(self: runtime.Runtime, *words: Any) -> Any:
        times.append(words[2])
        return run_on(self, *words)

    monkeypatch.setattr(runtime.Runtime, "run_on", counted)
    monkeypatch.setattr(scriptruns, "SLICE_NS", 1_000_000_000)
    monkeypatch.setattr(scriptruns, "stopwatch_ns", lambda: 0)
    run = packet([[b"EVAL", IN_LUA.encode() + b"return 1", b"0"]] * 10)
    assert alice.feed(run) + alice.feed(run) == b":1\r\n" * 20
    assert times == [1, 9, 10]


def test_a_script_that_is_unknown_or_no_lua_is_refused_each_time(alice: Peer) -> None:
    assert alice.feed(packet([[b"EVALSHA", b"0" * 40, b"0"]] * 5)).count(b"-NOSCRIPT") == 5
    assert alice.feed(packet([[b"EVAL", b"return (", b"0"]] * 5)).count(b"-ERR Error compiling script") == 5
    refused = alice.feed(packet([[b"EVAL_RO", b"return redis.call('set', 'k', 1)", b"0"]] * 5))
    assert refused.count(b"-ERR Write commands are not allowed from read-only scripts.") == 5


def test_a_run_between_other_commands(alice: Peer) -> None:
    run = [[b"EVAL", b"return redis.call('incr', KEYS[1])", b"1", b"k"]] * 5
    replies = alice.feed(packet([[b"SET", b"k", b"10"], *run, [b"GET", b"k"]]))
    assert replies == b"+OK\r\n:11\r\n:12\r\n:13\r\n:14\r\n:15\r\n$2\r\n15\r\n"


def test_a_run_dirties_what_is_watched_and_serves_who_waits(alice: Peer, bob: Peer, carol: Peer) -> None:
    bob.send("WATCH", "k")
    carol.send("BLPOP", "list", 0)
    script = b"redis.call('incr', 'k') return redis.call('rpush', 'list', KEYS[1])"
    assert alice.feed(packet([[b"EVAL", script, b"1", b"a"]] * 5)) == b":1\r\n:1\r\n:2\r\n:3\r\n:4\r\n"
    assert carol.take() == b"*2\r\n$4\r\nlist\r\n$1\r\na\r\n"
    bob.send("MULTI")
    assert bob.send("EXEC") == b"*-1\r\n"


def test_messages_to_the_client_itself_stand_where_they_do_one_by_one(engine: Workbench, alice: Peer) -> None:
    commands = [[b"EVAL", b"redis.call('publish', 'c', KEYS[1]) return 1", b"1", b"m"]] * 5
    alice.send("HELLO", 3)
    alice.send("SUBSCRIBE", "c")
    one_by_one = b"".join(alice.feed(packet([command])) for command in commands)
    assert alice.feed(packet(commands)) == one_by_one


def test_monitor_shows_each_script_before_its_commands(alice: Peer, bob: Peer) -> None:
    bob.send("MONITOR")
    alice.feed(packet([[b"EVAL", b"return redis.call('incr', KEYS[1])", b"1", b"k"]] * 5))
    assert re.findall(rb'"(EVAL|incr)"', bob.take()) == [b"EVAL", b"incr"] * 5


# -- time ------------------------------------------------------------------------------------------


def slow(*calls: bytes) -> list[Command]:
    """A script that is slow if it is called with `long`, and writes if it is called with `write`."""
    script = (
        b"if ARGV[1] == 'write' then redis.call('incr', 'k') end "
        b"if ARGV[1] == 'long' then while true do end end return ARGV[1]"
    )
    return [[b"EVAL", script, b"0", call] for call in calls]


@pytest.fixture
def quick() -> Workbench:
    """A server that wants to be asked after a millisecond, and that has measured the script already."""
    engine = Workbench(**{"busy-reply-threshold": "1"})
    engine.peer().feed(packet(slow(*[b"write"] * 8)))
    return engine


@pytest.mark.parametrize("before", [b"read", b"write"])
def test_one_script_of_a_run_is_killed(quick: Workbench, before: bytes) -> None:
    alice, bob = quick.peer(), quick.peer()
    replies: list[bytes] = []
    quick.server.serve_meanwhile = lambda: replies.append(bob.send("SCRIPT", "KILL"))
    answers = alice.feed(packet(slow(before, before, b"long", before, before)))
    assert replies == [b"+OK\r\n"]  # what another has written does not count
    one = rb"\$%d\r\n%b\r\n" % (len(before), before)
    assert re.fullmatch(2 * one + rb"-ERR Script killed by user [^\r]*\r\n" + 2 * one, answers)


def test_shutdown_leaves_nothing_of_the_script_that_runs(quick: Workbench) -> None:
    alice, bob = quick.peer(), quick.peer()
    quick.server.shut_down = lambda _: None
    quick.server.serve_meanwhile = lambda: bob.feed(b"SHUTDOWN NOSAVE\r\n") and None
    log = Log()
    quick.server.aof = log  # type: ignore[assignment]
    alice.feed(packet([*slow(b"write", b"write", b"long", b"write", b"write"), [b"SET", b"behind", b"1"]]))
    assert log.kept == [[b"incr", b"k"]] * 2


def test_a_client_that_hangs_up_meanwhile_gets_no_more_done(quick: Workbench) -> None:
    alice, bob = quick.peer(), quick.peer()

    def act() -> None:
        quick.disconnect(alice.client)
        bob.send("SCRIPT", "KILL")

    quick.server.serve_meanwhile = act
    calls = bob.send("GET", "k")
    alice.feed(packet([*slow(b"write", b"long", b"write", b"write"), [b"INCR", b"k"]]))
    assert (calls, bob.send("GET", "k")) == (b"$1\r\n8\r\n", b"$1\r\n9\r\n")
    assert b"cmdstat_eval:calls=9," in bob.send("INFO", "commandstats")


def test_the_slow_log_has_the_script_that_was_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns = 0

    def stopwatch() -> int:
        nonlocal now_ns
        now_ns += 1000
        return now_ns

    def tick(_host: scripthost.ScriptHost) -> bool:
        nonlocal now_ns
        now_ns += 20_000_000
        return now_ns > 100_000_000_000

    monkeypatch.setattr("respq.commands.scriptruns.stopwatch_ns", stopwatch)
    for module in ("execution", "slowlog"):  # where the time of this machine counts, which may be busy
        monkeypatch.setattr(f"respq.{module}.stopwatch_ns", lambda: 0)
    monkeypatch.setattr(scripthost.ScriptHost, "tick", tick)
    alice = Workbench().peer()
    script = b"if ARGV[1] == 'long' then for i = 1, 2e5 do end end return 1"
    words = [b"a", b"b", b"c", b"d", b"e", b"long", b"f", b"g"]
    alice.feed(packet([[b"EVAL", script, b"0", word] for word in words]))
    alice.feed(packet([[b"EVAL", script, b"0", word] for word in words]))
    entries = alice.send("SLOWLOG", "GET")
    assert entries.count(b"$4\r\nEVAL\r\n") == entries.count(b"$4\r\nlong\r\n") == 2


# -- memory ----------------------------------------------------------------------------------------


def test_a_bomb_in_a_run_ends_its_script_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "MEMORY_BYTES", 32 << 20)
    bomb = (
        "if ARGV[1] == '3' then local t = {} for i = 1, 1e8 do t[i] = {} end end "
        "return redis.call('incr', KEYS[1])"
    )
    replies = both(bomb, CALLS)
    assert replies.count(b"not enough memory") == 2


def test_a_run_whose_replies_nobody_can_take_is_broken_off() -> None:
    engine = Workbench(**{"client-output-buffer-limit": "normal 1mb 0 0"})
    alice, bob = engine.peer(), engine.peer()
    bob.send("SET", "big", b"x" * 200_000)
    get = [[b"EVAL", b"redis.call('incr', 'n') return redis.call('get', KEYS[1])", b"1", b"big"]] * 40
    alice.feed(packet([*get, [b"INCR", b"n"]]))
    assert alice.client.closing
    assert bob.send("GET", "n") == b"$1\r\n6\r\n"
    assert b"cmdstat_eval:calls=6," in bob.send("INFO", "commandstats")
