"""The event loop turns on while a script runs for too long."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from respq.rdb.file import DumpReader
from tests.net.wire import CLOSED, Net
from tests.resp import encode

ENDLESS = encode("EVAL", "while true do end", 0)
BUSY = b"-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n"


@pytest.fixture
def net(serve: Callable[..., Net]) -> Net:
    return serve(busy_reply_threshold="1", appendonly="yes", appendfsync="no")


def log_of(net: Net) -> bytes:
    return b"".join(path.read_bytes() for path in Path(net.config.dir).rglob("*.incr.aof"))


def test_others_are_answered_and_may_kill_the_script(net: Net) -> None:
    alice, bob = net.connect(), net.connect()
    alice.sock.send(encode("SET", "k", "v") + ENDLESS + encode("PING"))
    bob.sock.send(encode("GET", "k") + encode("SCRIPT", "KILL"))
    bob.expect(BUSY + b"+OK\r\n")
    assert alice.line() == b"+OK"
    assert alice.line().startswith(b"-ERR Script killed by user with SCRIPT KILL...")
    alice.expect(b"+PONG\r\n")
    assert bob.ask("GET", "k") == b"$1"


def test_a_client_that_hangs_up_meanwhile_is_gone_afterwards(net: Net) -> None:
    alice, bob = net.connect(), net.connect()
    alice.sock.send(ENDLESS)
    alice.sock.close()
    bob.sock.send(encode("SCRIPT", "KILL"))
    bob.expect(b"+OK\r\n")
    assert bob.ask("PING") == b"+PONG"
    net.until(lambda: len(net.loop.connections) == 1)


def test_a_client_of_the_unix_socket_that_hangs_up_meanwhile_is_in_the_slow_log(
    serve: Callable[..., Net], tmp_path: Path
) -> None:
    path = str(tmp_path / "socket")
    net = serve(busy_reply_threshold="1", unixsocket=path, slowlog_log_slower_than="0")
    alice = socket.socket(socket.AF_UNIX)
    alice.connect(path)
    alice.send(ENDLESS)
    alice.close()
    bob = net.connect()
    bob.sock.send(encode("SCRIPT", "KILL"))
    bob.expect(b"+OK\r\n")
    assert bob.ask("PING") == b"+PONG"
    assert f"{path}:0" in [entry.address for entry in net.server.slow_log.entries]


def test_clients_may_come_and_go_meanwhile(net: Net) -> None:
    alice, bob = net.connect(), net.connect()
    carol = net.connect()
    alice.sock.send(ENDLESS)
    carol.sock.close()
    bob.sock.send(encode("PING") + encode("SCRIPT", "KILL"))
    bob.expect(BUSY + b"+OK\r\n")
    assert net.connect().ask("PING") == b"+PONG"


def test_shutdown_ends_the_script_and_the_log_has_nothing_of_it(net: Net) -> None:
    alice, bob = net.connect(), net.connect()
    assert alice.ask("SET", "before", "1") == b"+OK"
    alice.sock.send(encode("EVAL", "redis.call('set', 'half', 1) while true do end", 0))
    bob.sock.send(encode("SHUTDOWN", "NOSAVE"))
    assert bob.rest() == b""
    assert not net.loop.running
    assert b"before" in log_of(net)
    assert b"half" not in log_of(net)


@pytest.mark.usefixtures("handlers")
def test_the_loop_may_be_woken_while_a_script_runs(serve: Callable[..., Net]) -> None:
    net = serve(signals=True, busy_reply_threshold="1")
    alice, bob = net.connect(), net.connect()
    alice.sock.send(ENDLESS)
    bob.sock.send(encode("SCRIPT", "KILL"))
    signal.raise_signal(signal.SIGHUP)
    bob.expect(b"+OK\r\n")
    assert bob.ask("PING") == b"+PONG"


@pytest.mark.usefixtures("handlers")
def test_a_signal_to_stop_waits_for_the_script(serve: Callable[..., Net], tmp_path: Path) -> None:
    """The last snapshot must not have half of it."""
    net = serve(signals=True, busy_reply_threshold="1", save="900 1")
    alice, bob = net.connect(), net.connect()
    script = "redis.call('set', 'a', 1) for i = 1, 3e6 do end redis.call('set', 'b', 1)"
    alice.sock.send(encode("EVAL", script, 0))
    bob.sock.send(encode("PING"))
    signal.raise_signal(signal.SIGTERM)
    bob.expect(BUSY)
    net.until(lambda: not net.loop.running)
    assert {key for _, key, _ in DumpReader((tmp_path / "dump.rdb").read_bytes())} == {b"a", b"b"}


def test_what_came_before_the_script_is_answered_once_it_is_logged(net: Net) -> None:
    alice, bob = net.connect(), net.connect()
    alice.sock.send(encode("SET", "first", "1") + ENDLESS)
    bob.sock.send(encode("SCRIPT", "KILL"))
    bob.expect(b"+OK\r\n")
    assert alice.line() == b"+OK"
    assert b"first" in log_of(net)
    assert CLOSED not in alice.line()
