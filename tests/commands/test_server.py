"""DBSIZE, FLUSHALL, SWAPDB, SHUTDOWN, MEMORY, MONITOR, LOLWUT: as redis-server 8.2.3 does it."""

from __future__ import annotations

import pytest

from tests.conftest import Peer, Workbench

OK = b"+OK\r\n"
SYNTAX = b"-ERR syntax error\r\n"
OUT_OF_RANGE = b"-ERR DB index is out of range\r\n"


def arity(name: str) -> bytes:
    return f"-ERR wrong number of arguments for '{name}' command\r\n".encode()


ANSWERS = {
    "DBSIZE": b":0\r\n",
    "DBSIZE x": arity("dbsize"),
    "FLUSHDB": OK,
    "FLUSHDB async": OK,
    "FLUSHDB SYNC": OK,
    "FLUSHDB NOW": SYNTAX,
    "FLUSHALL ASYNC SYNC": SYNTAX,
    "SWAPDB 0 0": OK,
    "SWAPDB 1 15": OK,
    "SWAPDB 0 16": OUT_OF_RANGE,
    "SWAPDB -1 0": OUT_OF_RANGE,
    "SWAPDB one 0": b"-ERR invalid first DB index\r\n",
    "SWAPDB 0 99999999999": b"-ERR invalid second DB index\r\n",
    "TIME": b"*2\r\n$10\r\n1700000000\r\n$1\r\n0\r\n",
    "LASTSAVE": b":1700000000\r\n",
    "SHUTDOWN LATER": SYNTAX,
    "SHUTDOWN SAVE NOSAVE": SYNTAX,
    "SHUTDOWN NOSAVE NOW ABORT": SYNTAX,
    "SHUTDOWN ABORT": b"-ERR No shutdown in progress.\r\n",
    "BGREWRITEAOF x": arity("bgrewriteaof"),
    "MONITOR x": arity("monitor"),
    "MEMORY": arity("memory"),
    "MEMORY NOSUCH": b"-ERR unknown subcommand 'NOSUCH'. Try MEMORY HELP.\r\n",
    "MEMORY USAGE k": b"$-1\r\n",
    "MEMORY USAGE k SAMPLES": SYNTAX,
    "MEMORY USAGE k SAMPLES -1": SYNTAX,
    "MEMORY USAGE k SAMPLES few": b"-ERR value is not an integer or out of range\r\n",
    "MEMORY USAGE k NOSUCH 5": SYNTAX,
    "LOLWUT VERSION five": b"-ERR value is not an integer or out of range\r\n",
    "LOLWUT VERSION 5 wide": b"-ERR value is not an integer or out of range\r\n",
}


@pytest.mark.parametrize("line", ANSWERS)
def test_one_command(line: str, alice: Peer) -> None:
    assert alice.send(*line.split()) == ANSWERS[line]


def test_memory_usage_grows_with_the_value(alice: Peer) -> None:
    alice.feed(b"SET small 1\r\n")
    alice.send("SET", "large", b"x" * 100_000)
    small, large = (int(alice.send("MEMORY", "USAGE", key, "SAMPLES", 0)[1:]) for key in ("small", "large"))
    assert 50 < small < 500
    assert 100_000 < large < 101_000


@pytest.mark.parametrize("version", [[], ["VERSION", "5"], ["VERSION"], ["1"]])
def test_lolwut_names_the_version(version: list[str], alice: Peer) -> None:
    assert b"Redis ver. 8.2.3" in alice.send("LOLWUT", *version)


def test_bgrewriteaof_without_a_log_is_refused(alice: Peer) -> None:
    assert alice.send("BGREWRITEAOF").startswith(b"-ERR Can't execute an AOF background rewriting.")


# -- databases -------------------------------------------------------------------------------------


def test_flushdb_empties_one_database_and_flushall_all(alice: Peer) -> None:
    alice.feed(b"SET a 1\r\nSET b 1 EX 100\r\nSELECT 1\r\nSET c 1\r\n")
    assert (
        alice.feed(b"SELECT 0\r\nFLUSHDB\r\nDBSIZE\r\nSELECT 1\r\nDBSIZE\r\n")
        == OK * 2 + b":0\r\n+OK\r\n:1\r\n"
    )
    assert alice.feed(b"SELECT 2\r\nFLUSHALL\r\nSELECT 1\r\nDBSIZE\r\n") == OK * 3 + b":0\r\n"


def test_what_was_flushed_can_be_used_again(engine: Workbench, alice: Peer) -> None:
    alice.feed(b"SET k 1 PX 100\r\nFLUSHALL\r\nSET k 2\r\n")
    engine.pass_time(1000)
    assert alice.send("GET", "k") == b"$1\r\n2\r\n"
    for db in engine.server.databases:
        db.check()


def test_swapdb_exchanges_what_clients_see(engine: Workbench, alice: Peer, bob: Peer) -> None:
    alice.feed(b"SET zero 1\r\nSELECT 1\r\nSET one 1 PX 100\r\n")
    assert bob.send("SWAPDB", 0, 1) == OK
    assert alice.send("EXISTS", "zero") == bob.send("EXISTS", "one") == b":1\r\n"
    engine.pass_time(1000)
    assert bob.send("DBSIZE") == b":0\r\n"


def test_swapdb_brings_waiters_what_they_wait_for(alice: Peer, bob: Peer) -> None:
    bob.send("BLPOP", "l", 0)
    alice.feed(b"SELECT 1\r\nRPUSH l a\r\nSWAPDB 0 1\r\n")
    assert bob.take() == b"*2\r\n$1\r\nl\r\n$1\r\na\r\n"


# -- SHUTDOWN --------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["NOSAVE"], ["save", "now", "FORCE"]])
def test_shutdown_ends_the_loop_without_a_reply(options: list[str], engine: Workbench, alice: Peer) -> None:
    calls: list[str] = []
    saved: list[None] = []
    engine.server.save = engine.server.cancel_save = lambda: saved.append(None)
    engine.server.shut_down = calls.append
    assert alice.send("CLIENT", "SETNAME", "boss") == b"+OK\r\n"
    assert alice.send("SHUTDOWN", *options) == b""
    assert calls == [f"SHUTDOWN from 127.0.0.1:0 (id={alice.client.id} name=boss)"]


# -- MONITOR ---------------------------------------------------------------------------------------


def line(words: str, db: int = 0) -> bytes:
    """What MONITOR shows of a command."""
    return f"+1700000000.000000 [{db} 127.0.0.1:0] {words}\r\n".encode()


@pytest.fixture
def watcher(alice: Peer) -> Peer:
    """A client in MONITOR."""
    assert alice.send("MONITOR") == OK
    return alice


SHOWN = {
    b"PING\r\n": line('"PING"'),
    b"SELECT 3\r\n": line('"SELECT" "3"', db=3),
    b"GET k\r\nget k\r\n": line('"GET" "k"') + line('"get" "k"'),
    b"GET\r\nNOSUCH\r\nCLIENT NOSUCH\r\n": b"",
    b"INCR k x\r\nSELECT 99\r\n": line('"SELECT" "99"'),
    b"CONFIG GET port\r\nCLIENT LIST\r\nSLOWLOG LEN\r\nDEBUG SLEEP 0\r\n": b"",
    b"CLIENT ID\r\nCOMMAND COUNT\r\n": line('"CLIENT" "ID"') + line('"COMMAND" "COUNT"'),
    b"MULTI\r\nPING\r\nECHO a\r\nEXEC\r\n":
        line('"MULTI"') + line('"PING"') + line('"ECHO" "a"') + line('"EXEC"'),
    b"MULTI\r\nPING\r\nDISCARD\r\n": line('"MULTI"') + line('"DISCARD"'),
    b"MULTI\r\nGET\r\nEXEC\r\n": line('"MULTI"') + line('"EXEC"'),
    b"BLPOP l 0\r\n": line('"BLPOP" "l" "0"'),
    b"QUIT\r\n": line('"QUIT"'),
    b"AUTH secret\r\n": line('"AUTH" "(redacted)"'),
    b"AUTH default secret\r\n": line('"AUTH" "(redacted)" "(redacted)"'),
    b"HELLO 2 SETNAME me AUTH default secret\r\n":
        line('"HELLO" "2" "SETNAME" "me" "AUTH" "(redacted)" "(redacted)"'),
    b"HELLO 2 AUTH default\r\n": line('"HELLO" "2" "AUTH" "default"'),
    b'*2\r\n$4\r\nECHO\r\n$10\r\na"\\\n\r\t\a\b\x01\xff\r\n':
        line(r'"ECHO" "a\"\\\n\r\t\a\b\x01\xff"'),
}  # fmt: skip


@pytest.mark.parametrize("said", SHOWN)
def test_monitor_shows(said: bytes, watcher: Peer, bob: Peer) -> None:
    bob.feed(said)
    assert watcher.take() == SHOWN[said]


def test_a_command_that_waited_is_shown_once(watcher: Peer, bob: Peer, carol: Peer) -> None:
    bob.send("BLPOP", "l", 0)
    carol.send("RPUSH", "l", "a")
    assert watcher.take() == line('"BLPOP" "l" "0"') + line('"RPUSH" "l" "a"')


def test_monitor_answers_once(watcher: Peer) -> None:
    assert watcher.send("MONITOR") == b""


def test_who_monitors_sees_itself_behind_the_reply(watcher: Peer) -> None:
    assert watcher.send("PING") == b"+PONG\r\n" + line('"PING"')


def test_who_monitors_may_not_touch_keys(watcher: Peer) -> None:
    refused = b"-ERR Replica can't interact with the keyspace\r\n"
    assert watcher.feed(b"GET k\r\nSET k 1\r\nDBSIZE\r\n") == refused * 3


def test_who_leaves_is_shown_nothing(engine: Workbench, watcher: Peer, bob: Peer) -> None:
    table = bob.client.table
    engine.disconnect(watcher.client)
    assert engine.server.monitors == {}
    assert bob.client.table is not table
    assert bob.send("PING") == b"+PONG\r\n"


def test_lolwut_looks_at_further_words_only_where_the_picture_has_a_size(alice: Peer) -> None:
    refused = b"-ERR value is not an integer or out of range\r\n"
    for words in (("VERSION", "x"), ("VERSION", "5", "x"), ("VERSION", "6", "x")):
        assert alice.send("LOLWUT", *words) == refused
    for words in (("VERSION", "8", "x"), ("VERSION", "8", "0.001"), ("x",), ("VERSION",)):
        assert alice.send("LOLWUT", *words).startswith(b"$")


def test_there_are_no_modules(alice: Peer) -> None:
    assert alice.send("MODULE", "LIST") == b"*0\r\n"
    assert alice.send("MODULE", "LOAD", "x.so").startswith(b"-ERR MODULE command not allowed.")
