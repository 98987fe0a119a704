"""Scripts that run for too long: others get BUSY meanwhile, and SCRIPT KILL ends what has not written."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from respq.loading import Loading
from tests.conftest import Peer, Workbench

BUSY = b"-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n"
KILL = ("SCRIPT", "KILL")
KILLED = b"-ERR Script killed by user with SCRIPT KILL..."


@pytest.fixture
def engine() -> Workbench:
    return Workbench(**{"busy-reply-threshold": "1"})


def meanwhile(engine: Workbench, act: Callable[[], None]) -> None:
    """Let the event loop be `act`, while a script runs."""
    engine.server.serve_meanwhile = act


@pytest.fixture
def kill(engine: Workbench, bob: Peer) -> list[bytes]:
    """Let bob send SCRIPT KILL as soon as he can; the replies."""
    replies: list[bytes] = []
    meanwhile(engine, lambda: replies.append(bob.send("SCRIPT", "KILL")))
    return replies


@pytest.mark.parametrize(
    "script",
    [
        "while true do end",
        "local function f() while true do end end while true do pcall(f) end",
        "while true do pcall(error, 'x') end",
        "local function f() while true do end end while true do xpcall(f, f) end",
        "local f f = function() while true do end end while true do xpcall(error, f) end",
        "while true do coroutine.wrap(function() while true do end end)() end",
        "while true do pcall(coroutine.wrap(function() while true do end end)) end",
        "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
        "while true do coroutine.resume(coroutine.create(function() return 1 end)) end",
        "local function f() while true do pcall(f) end end f()",
        "local function f() while true do coroutine.resume(coroutine.create(f)) end end f()",
        "while true do load(function() while true do end end) end",
        "while true do load(function() return ' ' end) end",
        "while true do redis.call('get', 'k') end",
        "while true do redis.pcall('nope') end",
        "while true do pcall(string.gsub, 'x', '.', function() while true do end end) end",
        "table.sort({3, 2, 1}, function(a, b) while true do end end)",
        "return setmetatable({}, {__index = function() while true do end end}).x",
        "while true do pcall(cjson.decode, '[1,2,3]') end",
        "for _ in string.gmatch(string.rep('x', 1e6), '.') do while true do end end",
    ],
)
def test_kill_ends_whatever_a_script_does(alice: Peer, kill: list[bytes], script: str) -> None:
    assert alice.send("EVAL", script, 0).startswith(KILLED)
    assert kill == [b"+OK\r\n"]
    assert alice.send("EVAL", "return 1", 0) == b":1\r\n"


def test_kill_names_the_script_and_the_line(alice: Peer, kill: list[bytes]) -> None:
    reply = alice.send("EVAL", "\nwhile true do end", 0)
    assert reply == KILLED + b" script: 3be870373810a27b6f6df903d8e3aad2dfcd93d3, on @user_script:2.\r\n"


@pytest.mark.parametrize(
    "call", ["'del', 'none'", "'incr', 'text'", "'xgroup', 'create', 'none', 'group', '$', 'mkstream'"]
)
def test_a_script_that_has_tried_to_write_is_not_killed(
    engine: Workbench, alice: Peer, bob: Peer, call: str
) -> None:
    replies = []

    def act() -> None:
        replies.append(bob.send("SCRIPT", "KILL"))
        engine.server.busy.killed = len(replies) > 1  # the test has to end

    alice.send("SET", "text", "x")
    meanwhile(engine, act)
    alice.send("EVAL", f"redis.pcall({call}) while true do end", 0)
    assert replies[0].startswith(b"-UNKILLABLE Sorry the script already executed write commands")


@pytest.mark.parametrize(
    ("command", "call"), [("EVAL", "'set', 'k'"), ("EVAL", "'watch', 'k'"), ("EVAL_RO", "'set', 'k', 1")]
)
def test_a_script_whose_writing_was_refused_is_killed(
    alice: Peer, kill: list[bytes], command: str, call: str
) -> None:
    assert alice.send(command, f"redis.pcall({call}) while true do end", 0).startswith(KILLED)
    assert kill == [b"+OK\r\n"]


def test_others_get_busy_for_nearly_everything(engine: Workbench, alice: Peer, bob: Peer) -> None:
    replies: dict[str, bytes] = {}

    def act() -> None:
        for words in (
            "GET k",
            "NOPE",
            "GET",
            "SCRIPT EXISTS x",
            "SHUTDOWN",
            "WATCH k",
            "MULTI",
            "GET k",
            "EXEC",
        ):
            replies.setdefault(words, bob.send(*words.split()))
        bob.send("SCRIPT", "KILL")

    meanwhile(engine, act)
    alice.send("EVAL", "while true do end", 0)
    assert replies["GET k"] == replies["SCRIPT EXISTS x"] == replies["SHUTDOWN"] == BUSY
    assert replies["NOPE"].startswith(b"-ERR unknown command")
    assert replies["GET"].startswith(b"-ERR wrong number of arguments")
    assert replies["MULTI"] == replies["WATCH k"] == b"+OK\r\n"
    assert replies["EXEC"] == b"-EXECABORT Transaction discarded because of: " + BUSY[1:]
    assert bob.send("GET", "k") == b"$-1\r\n"


def test_what_the_client_itself_sends_meanwhile_comes_after(
    engine: Workbench, alice: Peer, bob: Peer
) -> None:
    def act() -> None:
        assert alice.feed(b"ECHO later\r\n") == b""
        bob.send("SCRIPT", "KILL")

    meanwhile(engine, act)
    replies = alice.feed(b"SET k v\r\nEVAL 'while true do end' 0\r\nECHO next\r\n")
    assert replies.startswith(b"+OK\r\n" + KILLED)
    assert replies.endswith(b"$4\r\nnext\r\n$5\r\nlater\r\n")


def test_shutdown_leaves_nothing_of_the_script_for_the_log(engine: Workbench, alice: Peer, bob: Peer) -> None:
    reasons: list[str] = []
    engine.server.shut_down = reasons.append
    meanwhile(engine, lambda: bob.feed(b"SHUTDOWN NOSAVE\r\n") and None)
    changes = engine.server.changes_since_save
    alice.send("EVAL", "redis.call('set', 'k', 1) while true do end", 0)
    assert reasons == ["SHUTDOWN from 127.0.0.1:0 (id=2)"]
    assert engine.server.changes_since_save == changes


def test_shutdown_leaves_nothing_of_a_transaction_for_the_log(
    engine: Workbench, alice: Peer, bob: Peer
) -> None:
    engine.server.shut_down = lambda _: None
    meanwhile(engine, lambda: bob.feed(b"SHUTDOWN NOSAVE\r\n") and None)
    changes = engine.server.changes_since_save
    alice.feed(b"MULTI\r\nSET before 1\r\n")
    alice.send("EVAL", "redis.call('set', 'k', 1) while true do end", 0)
    assert alice.feed(b"SET behind 1\r\nEXEC\r\nSET after 1\r\n") == b"+QUEUED\r\n"
    assert engine.server.changes_since_save == changes
    assert not engine.server.effects


# -- functions ---------------------------------------------------------------------------------------

LOOP = """#!lua name=l
redis.register_function('loop', function(keys) while true do end end)
redis.register_function('write', function(keys) redis.call('set', keys[1], 1) while true do end end)"""


def test_a_function_is_ended_by_function_kill(engine: Workbench, alice: Peer, bob: Peer) -> None:
    replies: dict[str, bytes] = {}

    def act() -> None:
        for words in ("GET k", "SCRIPT KILL", "FUNCTION LIST", "FUNCTION STATS", "SHUTDOWN", "FUNCTION KILL"):
            replies.setdefault(words, bob.send(*words.split()))

    alice.send("FUNCTION", "LOAD", LOOP)
    meanwhile(engine, act)
    assert alice.send("FCALL", "loop", 1, "k") == KILLED + b" script: loop, on @user_function:2.\r\n"
    busy = BUSY.replace(b"SCRIPT KILL", b"FUNCTION KILL")
    for words in ("GET k", "SCRIPT KILL", "FUNCTION LIST", "SHUTDOWN"):
        assert replies[words] == busy
    assert replies["FUNCTION KILL"] == b"+OK\r\n"
    assert replies["FUNCTION STATS"].startswith(
        b"*4\r\n$14\r\nrunning_script\r\n*6\r\n$4\r\nname\r\n$4\r\nloop\r\n$7\r\ncommand\r\n"
        b"*4\r\n$5\r\nFCALL\r\n$4\r\nloop\r\n$1\r\n1\r\n$1\r\nk\r\n$11\r\nduration_ms\r\n:"
    )
    assert alice.send("FUNCTION", "KILL").startswith(b"-NOTBUSY")


def test_a_script_is_not_ended_by_function_kill(engine: Workbench, alice: Peer, bob: Peer) -> None:
    replies = []

    def act() -> None:
        replies.extend(
            bob.send(*words.split()) for words in ("FUNCTION KILL", "FUNCTION STATS", "SCRIPT KILL")
        )

    meanwhile(engine, act)
    assert alice.send("EVAL", "while true do end", 0).startswith(KILLED)
    assert replies == [BUSY, BUSY, b"+OK\r\n"]


def test_a_function_that_has_written_is_not_killed(engine: Workbench, alice: Peer, bob: Peer) -> None:
    replies = []

    def act() -> None:
        replies.append(bob.send("FUNCTION", "KILL"))
        engine.server.busy.killed = len(replies) > 1  # the test has to end

    alice.send("FUNCTION", "LOAD", LOOP)
    meanwhile(engine, act)
    alice.send("FCALL", "write", 1, "k")
    assert replies[0].startswith(b"-UNKILLABLE Sorry the script already executed write commands")


def test_a_threshold_of_zero_lets_scripts_run(engine: Workbench, alice: Peer, bob: Peer) -> None:
    alice.send("CONFIG", "SET", "busy-reply-threshold", 0)
    meanwhile(engine, lambda: pytest.fail("served"))
    assert alice.send("EVAL", "for i = 1, 2e6 do end return 1", 0) == b":1\r\n"


def test_time_stands_still_for_the_script(engine: Workbench, alice: Peer, bob: Peer) -> None:
    alice.send("SET", "k", "v", "PX", 10)

    def act() -> None:
        engine.clock.advance(1000)
        bob.send("PING")

    meanwhile(engine, act)
    script = "for i = 1, 3e6 do end return redis.call('get', 'k')"
    assert alice.send("EVAL", script, 0) == b"$1\r\nv\r\n"
    assert alice.send("GET", "k") == b"$-1\r\n"


def test_a_library_of_the_log_may_take_its_time(engine: Workbench, alice: Peer) -> None:
    """It is no script that others could end, and however long it takes, they are not refused behind it."""
    alice.send("EVAL", "for i = 1, 1e5 do end", 0)
    meanwhile(engine, lambda: pytest.fail("nobody is served"))
    code = "#!lua name=l\nfor i = 1, 1e6 do end redis.register_function('f', function() return 1 end)"
    with Loading(engine) as loading:
        loading.execute([[b"FUNCTION", b"LOAD", code.encode()], [b"MULTI"], [b"EXEC"], [b"SET", b"k", b"1"]])
    assert engine.server.busy is None
    assert alice.send("GET", "k") == b"$1\r\n1\r\n"
    assert alice.send("FCALL", "f", 0) == b":1\r\n"
