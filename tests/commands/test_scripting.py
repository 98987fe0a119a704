"""Scripts as clients see them; every reply here is one that redis-server 8.2.3 was seen to send."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from tests.conftest import Peer, Workbench
from tests.resp import bulks


def sha_of(script: str) -> str:
    return hashlib.sha1(script.encode()).hexdigest()


def run(peer: Peer, script: str, *words: object) -> bytes:
    """EVAL with the words after the script, `0` if there are none."""
    return peer.send("EVAL", script, *(map(str, words) if words else ("0",)))


@pytest.mark.parametrize(
    ("script", "reply"),
    [
        ("return 1", b":1\r\n"),
        ("return -1.9", b":-1\r\n"),
        ("return 2^53", b":9007199254740992\r\n"),
        ("return 'a'", b"$1\r\na\r\n"),
        ("return true", b":1\r\n"),
        ("return false", b"$-1\r\n"),
        ("return nil", b"$-1\r\n"),
        ("", b"$-1\r\n"),
        ("return {1,'b',{true,false},nil,4}", b"*3\r\n:1\r\n$1\r\nb\r\n*2\r\n:1\r\n$-1\r\n"),
        ("return {ok='fine'}", b"+fine\r\n"),
        ("return {ok='a\\r\\nb'}", b"+a  b\r\n"),
        ("return {err='MY error'}", b"-MY error\r\n"),
        ("return {err=5}", b"*0\r\n"),
        ("return {double=1.5}", b"$3\r\n1.5\r\n"),
        ("return {map={a=1}}", b"*2\r\n$1\r\na\r\n:1\r\n"),
        ("return {big_number='12\\n3'}", b"$4\r\n12 3\r\n"),
        ("return {verbatim_string={format='txt',string='x'}}", b"$1\r\nx\r\n"),
        ("return redis.error_reply('x')", b"-ERR x\r\n"),
        ("return redis.error_reply('-X y')", b"-X y\r\n"),
        ("return redis.status_reply('x')", b"+x\r\n"),
        ("return redis.sha1hex('')", b"$40\r\nda39a3ee5e6b4b0d3255bfef95601890afd80709\r\n"),
    ],
)
def test_what_a_script_returns_becomes_a_reply(alice: Peer, script: str, reply: bytes) -> None:
    assert run(alice, script) == reply


def test_keys_and_arguments_reach_the_script(alice: Peer) -> None:
    reply = alice.send("EVAL", "return {KEYS[1],KEYS[2],#KEYS,ARGV[1],#ARGV}", 2, "a", "b", "c")
    assert reply == b"*5\r\n$1\r\na\r\n$1\r\nb\r\n:2\r\n$1\r\nc\r\n:1\r\n"


def test_many_keys_and_arguments_reach_the_script(alice: Peer) -> None:
    words = [f"w{n}" for n in range(9000)]
    reply = alice.send("EVAL", "return {#KEYS,KEYS[4000],#ARGV,ARGV[5000]}", 4000, *words)
    assert reply == b"*4\r\n:4000\r\n$5\r\nw3999\r\n:5000\r\n$5\r\nw8999\r\n"


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("return foo", "user_script:1: Script attempted to access nonexistent global variable 'foo'"),
        ("foo = 1", "user_script:1: Attempt to modify a readonly table"),
        ("error('boom')", "user_script:1: boom"),
        ("error('boom', 0)", "boom"),
        ("return redis.call('nope')", "Unknown Redis command called from script"),
        ("return redis.call('get')", "Wrong number of args calling Redis command from script"),
        ("return redis.call('multi')", "This Redis command is not allowed from script"),
        ("return redis.call('get', {})", "Lua redis lib command arguments must be strings or integers"),
        ("return redis.call()", "Please specify at least one argument for this redis lib call"),
    ],
)
def test_an_error_names_the_script_and_the_line(alice: Peer, script: str, text: str) -> None:
    assert run(alice, script) == f"-ERR {text} script: {sha_of(script)}, on @user_script:1.\r\n".encode()


def test_the_line_is_that_of_the_call_even_if_its_result_is_returned(alice: Peer) -> None:
    script = "local call = redis.call\n\nlocal function f()\n  return call('nope')\nend\nreturn f()"
    assert run(alice, script).endswith(b"on @user_script:4.\r\n")


def test_tail_calls_of_the_script_itself_have_no_depth(alice: Peer) -> None:
    script = "local function f(n) if n == 0 then return 'end' end return f(n - 1) end return f(100000)"
    assert run(alice, script) == b"$3\r\nend\r\n"


def test_an_error_of_a_command_keeps_its_code(alice: Peer) -> None:
    alice.send("SET", "k", "v")
    script = "return redis.call('lpush', 'k', 'x')"
    wrong = b"-WRONGTYPE Operation against a key holding the wrong kind of value"
    assert run(alice, script) == b"%b script: %b, on @user_script:1.\r\n" % (wrong, sha_of(script).encode())
    assert run(alice, "return redis.pcall('lpush', 'k', 'x')") == wrong + b"\r\n"


def test_numbers_are_written_as_redis_writes_them(alice: Peer) -> None:
    script = "local r = {} for i, n in ipairs({3, 0.1, 1e20, 2^53, 2^63, 1e-7, 1/3, 0, 1/0}) do r[i] = "
    words = [b"3", b"0.1", b"1e+20", b"9007199254740992", b"9223372036854776000", b"1e-7",
             b"0.3333333333333333", b"0", b"inf"]  # fmt: skip
    assert run(alice, script + "redis.call('echo', n) end return r") == bulks(*words)


def test_what_a_script_changed_before_it_failed_stays(alice: Peer) -> None:
    assert run(alice, "redis.call('set', 'k', 1) error('x')").startswith(b"-ERR")
    assert alice.send("GET", "k") == b"$1\r\n1\r\n"


def test_nothing_blocks_inside_a_script(alice: Peer) -> None:
    assert run(alice, "return redis.call('blpop', 'none', 0)") == b"$-1\r\n"


def test_a_script_serves_who_waits(alice: Peer, bob: Peer) -> None:
    assert alice.send("BLPOP", "jobs", 0) == b""
    assert run(bob, "return redis.call('rpush', 'jobs', 'a')") == b":1\r\n"
    assert alice.take() == b"*2\r\n$4\r\njobs\r\n$1\r\na\r\n"


def test_select_inside_a_script_ends_with_it(alice: Peer) -> None:
    run(alice, "redis.call('select', 3) redis.call('set', 'k', 'v')")
    assert alice.send("GET", "k") == b"$-1\r\n"
    alice.send("SELECT", "3")
    assert alice.send("GET", "k") == b"$1\r\nv\r\n"


def test_a_script_dirties_what_is_watched(alice: Peer, bob: Peer) -> None:
    alice.send("WATCH", "k")
    run(bob, "redis.call('set', 'k', 1)")
    alice.send("MULTI")
    alice.send("PING")
    assert alice.send("EXEC") == b"*-1\r\n"


def test_a_read_only_script_may_not_write(alice: Peer) -> None:
    refused = b"-ERR Write commands are not allowed from read-only scripts."
    for call in ("'set', 'k', 1", "'publish', 'channel', 1", "'spublish', 'channel', 1"):
        assert alice.send("EVAL_RO", f"return redis.call({call})", 0).startswith(refused)
    assert alice.send("EVAL_RO", "return redis.call('get', 'k')", 0) == b"$-1\r\n"


def test_a_loaded_script_runs_by_its_sha_in_any_case(alice: Peer) -> None:
    sha = sha_of("return 7")
    assert alice.send("EVALSHA", sha, 0) == b"-NOSCRIPT No matching script. Please use EVAL.\r\n"
    assert alice.send("SCRIPT", "LOAD", "return 7") == f"$40\r\n{sha}\r\n".encode()
    assert alice.send("EVALSHA", sha.upper(), 0) == b":7\r\n"
    assert alice.send("SCRIPT", "EXISTS", sha, "x") == b"*2\r\n:1\r\n:0\r\n"
    assert alice.send("SCRIPT", "FLUSH") == b"+OK\r\n"
    assert alice.send("SCRIPT", "EXISTS", sha) == b"*1\r\n:0\r\n"


def test_500_evaluated_scripts_are_kept_and_all_that_were_loaded(alice: Peer) -> None:
    alice.send("SCRIPT", "LOAD", "return 'loaded'")
    for n in range(500):
        run(alice, f"return {n}")
    alice.send("EVALSHA", sha_of("return 0"), 0)  # used again: now 1 is the oldest
    run(alice, "return 'one more'")
    shas = [sha_of(f"return {script}") for script in ("'loaded'", 0, 1, 2)]
    assert alice.send("SCRIPT", "EXISTS", *shas) == b"*4\r\n:1\r\n:1\r\n:0\r\n:1\r\n"


def test_the_number_of_keys_must_fit(alice: Peer) -> None:
    assert alice.send("EVAL", "return 1", "x") == b"-ERR value is not an integer or out of range\r\n"
    assert alice.send("EVAL", "return 1", -1) == b"-ERR Number of keys can't be negative\r\n"
    too_many = b"-ERR Number of keys can't be greater than number of args\r\n"
    assert alice.send("EVAL", "return 1", 1) == too_many


def test_the_server_starts_without_lua() -> None:
    script = "import sys, respq.net.server, respq.engine; print('lupa' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "False"


def test_commands_of_scripts_are_counted(engine: Workbench, alice: Peer) -> None:
    run(alice, "redis.call('set', 'k', 1) redis.pcall('lpush', 'k', 1) redis.pcall('get')")
    engine.server.count_done()
    specs = engine.server.specs
    assert (specs["SET"].calls, specs["LPUSH"].failed_calls, specs["GET"].rejected_calls) == (1, 1, 1)
    assert engine.server.stats.errors == {"WRONGTYPE": 1, "ERR": 1}


def test_errors_in_what_a_script_returns_are_counted_once(engine: Workbench, alice: Peer) -> None:
    run(alice, "return {redis.error_reply('MINE a'), redis.pcall('nope')}")
    assert engine.server.stats.errors == {"ERR": 1, "MINE": 1}
    assert engine.server.specs["EVAL"].failed_calls == 1


def test_monitor_shows_the_script_and_then_its_commands(alice: Peer, bob: Peer) -> None:
    bob.send("MONITOR")
    run(alice, "redis.call('set', 'k', 1) return redis.pcall('nope')")
    lines = bob.take().split(b"\r\n")
    assert [line.partition(b"] ")[2].split()[0] for line in lines[:-1]] == [b'"EVAL"', b'"set"']
    assert b"[0 lua]" in lines[1]


def test_the_slow_log_has_the_commands_of_scripts(alice: Peer) -> None:
    alice.send("CONFIG", "SET", "slowlog-log-slower-than", 0)
    run(alice, "redis.call('set', 'k', 1)")
    assert b"*3\r\n$3\r\nset\r\n$1\r\nk\r\n$1\r\n1\r\n$0\r\n\r\n$0\r\n" in alice.send("SLOWLOG", "GET")


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("#!lua", b":1\r\n"),
        ("#!lua flags=no-writes,allow-oom,allow-stale,no-cluster,allow-cross-slot-keys", b":1\r\n"),
        ("#!lua flags=no-writes flags=allow-oom", b":1\r\n"),
        ("#!lua flags=", b":1\r\n"),
        ("#!js", b"-ERR Unexpected engine in script shebang: #!js\r\n"),
        ("#!lua flags=foo", b"-ERR Unexpected flag in script shebang: foo\r\n"),
        ("#!lua flags=no-writes,", b"-ERR Unexpected flag in script shebang: \r\n"),
        ("#!lua name=x", b"-ERR Unknown lua shebang option: name=x\r\n"),
    ],
)
def test_the_first_line_may_ask_for_something(alice: Peer, line: str, reply: bytes) -> None:
    assert run(alice, f"{line}\nreturn 1") == reply


def test_a_script_that_says_that_it_reads_may_not_write(alice: Peer) -> None:
    script = "#!lua flags=no-writes\nreturn redis.call('set', 'k', 1)"
    assert run(alice, script).startswith(b"-ERR Write commands are not allowed from read-only scripts.")
    refused = b"-ERR Can not execute a script with write flag using *_ro command.\r\n"
    assert alice.send("EVAL_RO", "#!lua\nreturn 1", 0) == refused


def test_a_pause_of_writes_holds_scripts_that_may_write(engine: Workbench, alice: Peer, bob: Peer) -> None:
    bob.send("CLIENT", "PAUSE", 100, "WRITE")
    assert run(alice, "#!lua flags=no-writes\nreturn 1") == b":1\r\n"
    assert run(alice, "return 1") == b""
    engine.pass_time(200)
    assert alice.take() == b":1\r\n"


def test_a_log_that_cannot_be_written_stops_the_commands_that_write(engine: Workbench, alice: Peer) -> None:
    engine.refuse_writes("disk full")
    assert run(alice, "return redis.call('get', 'k')") == b"$-1\r\n"
    assert run(alice, "return redis.call('set', 'k', 1)").startswith(b"-MISCONF disk full script: ")
    assert run(alice, "#!lua\nreturn 1") == b"-MISCONF disk full\r\n"
    assert run(alice, "#!lua flags=no-writes\nreturn 1") == b":1\r\n"


def test_redis_log_writes_to_the_log_of_the_server(engine: Workbench, alice: Peer) -> None:
    lines: list[tuple[str, str]] = []
    engine.server.log = lambda level, line: lines.append((level, line))
    run(alice, "redis.log(redis.LOG_WARNING, 'a', 1)")
    assert lines == [("warning", "a 1")]


def logged(engine: Workbench) -> list[list[bytes]]:
    """Let the effects that follow be kept instead of drained."""
    kept: list[list[bytes]] = []

    class Log:
        selected_db = 0

        def append(self, raw: bytes) -> None:
            raise AssertionError("a script is no command of the log")

        def append_effect(self, _db: int, argv: list[bytes]) -> None:
            kept.append(argv)

        def append_effects(self, effects: list[tuple[object, object, object, list[bytes] | None]]) -> None:
            kept.extend(argv for *_, argv in effects if argv is not None)

    engine.server.aof = Log()  # type: ignore[assignment]
    return kept


def test_the_log_has_what_a_script_did_as_one(engine: Workbench, alice: Peer) -> None:
    kept = logged(engine)
    run(alice, "redis.call('set', 'a', 1) redis.call('get', 'a') redis.call('incr', 'a')")
    assert kept == [[b"MULTI"], [b"set", b"a", b"1"], [b"incr", b"a"], [b"EXEC"]]


def test_a_single_change_needs_no_transaction_in_the_log(engine: Workbench, alice: Peer) -> None:
    kept = logged(engine)
    run(alice, "redis.call('set', 'a', 1)")
    assert kept == [[b"set", b"a", b"1"]]


def test_a_script_inside_a_transaction_is_part_of_it(engine: Workbench, alice: Peer) -> None:
    kept = logged(engine)
    alice.send("MULTI")
    run(alice, "redis.call('set', 'a', 1) redis.call('set', 'b', 2)")
    alice.send("EXEC")
    assert kept == [[b"MULTI"], [b"set", b"a", b"1"], [b"set", b"b", b"2"], [b"EXEC"]]


def test_set_repl_keeps_changes_out_of_the_log(engine: Workbench, alice: Peer) -> None:
    kept = logged(engine)
    run(alice, "redis.call('set', 'a', 1) redis.set_repl(redis.REPL_REPLICA) redis.call('set', 'b', 1) "
               "redis.set_repl(redis.REPL_AOF) redis.call('set', 'c', 1)")  # fmt: skip
    assert kept == [[b"MULTI"], [b"set", b"a", b"1"], [b"set", b"c", b"1"], [b"EXEC"]]
    run(alice, "redis.call('set', 'd', 1)")
    assert kept[4:] == [[b"set", b"d", b"1"]]


@pytest.mark.parametrize("gate", ["misconf", "unsaved"])
def test_scripts_may_not_write_while_nothing_can_be_kept(gate: str, alice: Peer) -> None:
    alice.engine.refuse_writes("the disk is full", gate)
    script = "return redis.call('set', 'a', 1)"
    assert alice.send("EVAL", script, 0).startswith(b"-MISCONF the disk is full")
    assert alice.send("EVAL", "return redis.call('exists', 'a')", 0) == b":0\r\n"
    alice.engine.accept_writes(gate)
    assert alice.send("EVAL", script, 0) == b"+OK\r\n"
