"""SLOWLOG and DEBUG: replies as redis-server 8.2.3 gives them."""

from __future__ import annotations

import re

import hiredis
import pytest

from respq import execution, slowlog
from respq.commands import transactions
from respq.state import Client
from tests.conftest import Peer, Workbench

OK = b"+OK\r\n"
BAD_COUNT = b"-ERR count should be greater than or equal to -1\r\n"
REFUSED = (
    b'-ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it '
    b"from a local connection, otherwise you need to set this option in the configuration file, and then "
    b"restart the server.\r\n"
)


def unknown(word: str) -> bytes:
    return f"-ERR unknown subcommand or wrong number of arguments for '{word}'. Try DEBUG HELP.\r\n".encode()


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("SLOWLOG", b"-ERR wrong number of arguments for 'slowlog' command\r\n"),
        ("SLOWLOG NOSUCH", b"-ERR unknown subcommand 'NOSUCH'. Try SLOWLOG HELP.\r\n"),
        ("SLOWLOG GET", b"*0\r\n"),
        ("SLOWLOG GET -1", b"*0\r\n"),
        ("SLOWLOG GET -2", BAD_COUNT),
        ("SLOWLOG GET all", BAD_COUNT),
        ("SLOWLOG GET 1 2",
         b"-ERR unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.\r\n"),
        ("SLOWLOG LEN", b":0\r\n"),
        ("SLOWLOG LEN x", b"-ERR wrong number of arguments for 'slowlog|len' command\r\n"),
        ("SLOWLOG RESET", OK),
    ],
)  # fmt: skip
def test_slowlog(line: str, reply: bytes, alice: Peer) -> None:
    assert alice.send(*line.split()) == reply


@pytest.fixture
def slow() -> Peer:
    """A client of a server that finds everything slow."""
    return Workbench(**{"slowlog-log-slower-than": "0", "enable-debug-command": "yes"}).peer()


def test_an_entry_has_six_parts(slow: Peer) -> None:
    slow.feed(b"CLIENT SETNAME me\r\nSLOWLOG RESET\r\nECHO hello\r\n")
    assert re.fullmatch(
        rb"\*1\r\n\*6\r\n:\d+\r\n:1700000000\r\n:\d+\r\n\*2\r\n\$4\r\nECHO\r\n\$5\r\nhello\r\n"
        rb"\$11\r\n127.0.0.1:0\r\n\$2\r\nme\r\n",
        slow.send("SLOWLOG", "GET", 1),
    )


def test_the_latest_come_first_and_ten_at_a_time(slow: Peer) -> None:
    slow.send("SLOWLOG", "RESET")
    for number in range(15):
        slow.send("ECHO", number)
    shown = slow.send("SLOWLOG", "GET")
    assert re.findall(rb"ECHO\r\n\$\d\r\n(\d+)\r\n", shown) == [b"%d" % n for n in range(14, 4, -1)]
    assert slow.send("SLOWLOG", "GET", -1).count(b"ECHO") == 15


def test_long_commands_are_cut(slow: Peer) -> None:
    slow.send("SLOWLOG", "RESET")
    slow.send("RPUSH", "l", b"x" * 200, *range(40))
    entry = slow.send("SLOWLOG", "GET", 2)
    assert b"*32\r\n" in entry
    assert b"x" * 128 + b"... (72 more bytes)" in entry
    assert b"... (12 more arguments)" in entry


def test_passwords_are_not_logged(slow: Peer) -> None:
    slow.feed(b"HELLO 2 AUTH default secret\r\nCONFIG SET requirepass secret\r\nAUTH secret\r\n")
    log = slow.send("SLOWLOG", "GET", -1)
    assert b"secret" not in log
    assert log.count(b"(redacted)") == 4


SECRETS = ("requirepass", "masterauth", "masteruser", "tls-key-file-pass", "tls-client-key-file-pass")


@pytest.mark.parametrize("name", SECRETS)
def test_directives_that_are_secrets_are_not_logged(slow: Peer, name: str) -> None:
    slow.send("CONFIG", "SET", "timeout", 5, name.upper(), "secret")
    assert logged(slow)[-1][1] == ["CONFIG", "SET", "timeout", "5", name.upper(), "(redacted)"]


def test_exec_is_not_logged_but_what_it_executes(slow: Peer) -> None:
    slow.feed(b"SLOWLOG RESET\r\nMULTI\r\nECHO inside\r\nEXEC\r\n")
    log = slow.send("SLOWLOG", "GET", -1)
    assert b"inside" in log
    assert b"EXEC" not in log


def logged(peer: Peer) -> list[tuple[int, list[str]]]:
    """Microseconds and words of the entries, the oldest first."""
    reader = hiredis.Reader(encoding="utf-8")
    reader.feed(peer.send("SLOWLOG", "GET", -1))
    return [(entry[2], entry[3]) for entry in reversed(reader.gets())]


def test_with_a_low_threshold_every_command_is_logged_once(slow: Peer) -> None:
    slow.feed(b"SLOWLOG RESET\r\nRPUSH l a\r\nSET a 1\r\nLMOVE l l LEFT LEFT\r\nGET a\r\nDEL a\r\n")
    slow.send("RPUSH", "l", *range(100))
    names = [words[0] for _, words in logged(slow)]
    assert names == ["SLOWLOG", "RPUSH", "SET", "LMOVE", "GET", "DEL", "RPUSH"]


def test_a_blocked_command_is_logged_when_its_wait_ends() -> None:
    bench = Workbench(**{"slowlog-log-slower-than": "0"})
    waits, other = bench.peer(), bench.peer()
    waits.send("SLOWLOG", "RESET")
    waits.send("BLPOP", "no", "0.05")
    assert [words[0] for _, words in logged(other)] == ["SLOWLOG"]
    bench.pass_time(60)
    waits.send("BLPOP", "l", "0")
    other.send("RPUSH", "l", "a")
    assert [words for _, words in logged(other)][2:] == [
        ["BLPOP", "no", "0.05"], ["RPUSH", "l", "a"], ["BLPOP", "l", "0"],
    ]  # fmt: skip


@pytest.fixture
def sluggish(monkeypatch: pytest.MonkeyPatch) -> Peer:
    """A client of a server on which every LPOP takes 20 ms by the stopwatch."""
    elapsed_ns = 0

    def lpop(c: Client, argv: list[bytes]) -> bytes:
        nonlocal elapsed_ns
        elapsed_ns += 20_000_000
        return declared(c, argv)

    for module in (execution, slowlog, transactions):
        monkeypatch.setattr(module, "stopwatch_ns", lambda: elapsed_ns)
    bench = Workbench()
    declared = bench.server.specs["LPOP"].handler
    assert declared is not None
    bench.server.specs["LPOP"].handler = lpop
    bench.tables.rebuild()
    return bench.peer()


def test_a_slow_fast_command_alone_is_logged(sluggish: Peer) -> None:
    sluggish.send("LPOP", "l")
    assert logged(sluggish) == [(20_000, ["LPOP", "l"])]


def test_the_largest_of_a_slow_batch_stands_for_it(sluggish: Peer) -> None:
    sluggish.send("RPUSH", "l", *[b"x" * 50] * 10)
    sluggish.feed(b"PING\r\nSET key a-little-longer\r\nKEYS *\r\nLPOP l 5\r\nNOSUCH\r\n")
    assert logged(sluggish) == [(20_000, ["LPOP", "l", "5", "... (and 2 more, timed together)"])]


def test_one_of_many_alike_may_be_the_slow_one(sluggish: Peer) -> None:
    sluggish.feed(b"LPOP a\r\nLPOP some-list\r\nLPOP b\r\n")
    assert logged(sluggish) == [(60_000, ["LPOP", "some-list", "... (and 2 more, timed together)"])]


def test_what_is_slow_in_a_transaction_is_logged(sluggish: Peer) -> None:
    sluggish.feed(b"MULTI\r\nLPOP l 5\r\nGET l\r\nEXEC\r\n")
    sluggish.feed(b"MULTI\r\n")
    sluggish.feed(b"LPOP l 5\r\nGET l\r\nEXEC\r\n")
    assert [words[0] for _, words in logged(sluggish)] == ["LPOP", "LPOP"]


def test_commands_behind_one_that_waits_are_not_taken_for_the_slow_one(sluggish: Peer) -> None:
    sluggish.feed(b"LPOP l\r\nBLPOP l 1\r\nSET a-much-longer-key value\r\n")
    assert logged(Peer(sluggish.engine)) == [(20_000, ["LPOP", "l"])]


# -- DEBUG -----------------------------------------------------------------------------------------


def test_debug_is_refused_by_default(alice: Peer) -> None:
    assert alice.send("DEBUG", "SLEEP", 0) == REFUSED
    assert alice.send("DEBUG") == b"-ERR wrong number of arguments for 'debug' command\r\n"
    alice.feed(b"MULTI\r\nDEBUG SLEEP 0\r\n")
    assert alice.send("EXEC").startswith(b"-EXECABORT")


def test_local_means_this_machine() -> None:
    bench = Workbench(**{"enable-debug-command": "local"})
    near, far = bench.peer(), bench.peer()
    far.client.transport.is_local = lambda: False  # type: ignore[method-assign]
    assert near.send("DEBUG", "SLEEP", 0) == OK
    assert far.send("DEBUG", "SLEEP", 0) == REFUSED


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("DEBUG NOSUCH", unknown("NOSUCH")),
        ("DEBUG JMAP", unknown("JMAP")),
        ("DEBUG STRINGMATCH-LEN 5 a*", unknown("STRINGMATCH-LEN")),
        ("DEBUG SLEEP", unknown("SLEEP")),
        ("DEBUG SLEEP 0.001", OK),
        ("DEBUG SLEEP soon", OK),
        ("DEBUG SET-ACTIVE-EXPIRE 1", OK),
        ("DEBUG OBJECT nosuch", b"-ERR no such key\r\n"),
        ("DEBUG OBJECT k FAST", unknown("OBJECT")),
        ("DEBUG HELP me", unknown("HELP")),
    ],
)
def test_debug(line: str, reply: bytes) -> None:
    assert Workbench(**{"enable-debug-command": "yes"}).peer().send(*line.split()) == reply


def test_debug_object_names_the_encoding() -> None:
    peer = Workbench(**{"enable-debug-command": "yes"}).peer()
    peer.send("SET", "k", 5)
    assert re.fullmatch(
        rb"\+Value at:0x[0-9a-f]+ refcount:1 encoding:int serializedlength:\d+ lru:\d+ "
        rb"lru_seconds_idle:0\r\n",
        peer.send("DEBUG", "OBJECT", "k"),
    )


def test_debug_object_names_the_encoding_that_object_encoding_does() -> None:
    peer = Workbench(**{"enable-debug-command": "yes"}).peer()
    for name, value in (("a", "x" * 40), ("a" * 40, "x" * 40), ("b", "x" * 45)):
        peer.send("SET", name, value)
        peer.send("PEXPIRE", name, 10_000)
        encoding = peer.send("OBJECT", "ENCODING", name).split(b"\r\n")[1]
        assert b" encoding:%b " % encoding in peer.send("DEBUG", "OBJECT", name)


def test_active_expiry_can_be_switched_off() -> None:
    bench = Workbench(**{"enable-debug-command": "yes"})
    peer = bench.peer()
    peer.feed(b"DEBUG SET-ACTIVE-EXPIRE 0\r\nSET k 1 PX 10\r\n")
    bench.pass_time(1000)
    assert peer.send("DBSIZE") == b":1\r\n"
    peer.send("DEBUG", "SET-ACTIVE-EXPIRE", 1)
    bench.pass_time(1000)
    assert peer.send("DBSIZE") == b":0\r\n"


def test_with_a_length_of_0_nothing_is_added_and_nothing_goes(slow: Peer) -> None:
    slow.feed(b"SLOWLOG RESET\r\nECHO a\r\nCONFIG SET slowlog-max-len 0\r\nECHO b\r\n")
    assert [words[0] for _, words in logged(slow)] == ["SLOWLOG", "ECHO"]
