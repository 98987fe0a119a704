"""CONFIG SET of what concerns sockets, and the lines of the log about clients."""

from __future__ import annotations

import resource
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from respq.clock import ManualClock
from respq.rdb.file import DumpReader
from tests.net.wire import Net
from tests.ports import free_port
from tests.resp import encode

Serve = Callable[..., Net]
FAILED = b"-ERR CONFIG SET failed (possibly related to argument '%b') - %b"
BUSY = FAILED % (b"port", b"Unable to listen on this port. Check server logs.")
UNBOUND = FAILED % (b"bind", b"Failed to bind to specified addresses.")


def listens(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def test_another_port_takes_the_place_of_the_old_one(net: Net) -> None:
    wire, old, new = net.connect(), net.port, free_port()
    assert wire.ask("CONFIG", "SET", "port", new) == b"+OK"
    assert not listens(old)
    assert net.connect().ask("PING") == b"+PONG"
    assert wire.ask("PING") == b"+PONG"


def test_a_port_in_use_changes_nothing(net: Net) -> None:
    wire, old = net.connect(), net.port
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert wire.ask("CONFIG", "SET", "port", taken.getsockname()[1]) == BUSY
    assert net.port == old
    assert net.connect().ask("PING") == b"+PONG"


def test_port_0_closes_tcp_and_a_port_opens_it_again(net: Net) -> None:
    wire, port = net.connect(), net.port
    assert wire.ask("CONFIG", "SET", "port", 0) == b"+OK"
    assert not listens(port)
    assert wire.ask("CONFIG", "SET", "port", port) == b"+OK"
    assert net.connect().ask("PING") == b"+PONG"


def test_other_addresses_may_overlap_with_the_old_ones(net: Net) -> None:
    wire = net.connect()
    assert wire.ask("CONFIG", "SET", "bind", "127.0.0.2 127.0.0.1") == b"+OK"
    assert listens(net.port, "127.0.0.2")
    assert wire.ask("CONFIG", "SET", "bind", "*") == b"+OK"
    assert net.connect().ask("PING") == b"+PONG"
    assert wire.ask("CONFIG", "SET", "bind", "") == b"+OK"
    assert not listens(net.port)


def test_an_address_that_cannot_be_had_changes_nothing(net: Net) -> None:
    wire = net.connect()
    assert wire.ask("CONFIG", "SET", "bind", "192.0.2.1") == UNBOUND
    assert net.connect().ask("PING") == b"+PONG"


def test_a_change_that_is_taken_back_moves_the_port_back(net: Net) -> None:
    wire, old = net.connect(), net.port
    reply = wire.ask("CONFIG", "SET", "port", free_port(), "dir", "/")
    assert reply.startswith(b"-ERR CONFIG SET failed")
    assert net.port == old
    assert net.connect().ask("PING") == b"+PONG"


def test_more_clients_than_the_system_allows_are_refused(net: Net) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        reply = net.connect().ask("CONFIG", "SET", "maxclients", 4_000_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    text = b"The operating system is not able to handle the specified number of clients, try with "
    assert reply.startswith(FAILED % (b"maxclients", text))
    assert net.config.maxclients == 10000


def test_the_length_of_arguments_is_limited_for_who_is_connected_already(net: Net) -> None:
    old, other = net.connect(), net.connect()
    assert other.ask("CONFIG", "SET", "proto-max-bulk-len", 1 << 20) == b"+OK"
    old.write(b"*2\r\n$4\r\nECHO\r\n$2000000\r\n")
    assert old.rest() == b"-ERR Protocol error: invalid bulk length\r\n"


def test_the_16_kib_that_redis_does_not_count_are_not_counted(net: Net) -> None:
    wire = net.connect()
    assert wire.ask("SET", "fits", b"v" * 16_374) == b"+OK"
    assert wire.ask("SET", "long", b"v" * 16_375) == b"+OK"
    assert wire.ask("CONFIG", "SET", "client-output-buffer-limit", "normal 1 1 1") == b"+OK"
    assert wire.ask("PING") == b"+PONG"
    wire.send("GET", "fits")
    assert len(wire.read(16_384)) == 16_384
    wire.send("GET", "long")
    assert not wire.rest()


@pytest.mark.parametrize("leaves", [False, True])
def test_who_is_turned_away_is_logged_once_a_second(serve: Serve, leaves: bool) -> None:
    net = serve(clock=ManualClock(), maxclients="1")
    only = net.connect()
    for _ in range(3):
        net.connect().rest()
    if leaves:
        assert only.ask("QUIT") == b"+OK"
    for _ in range(2):
        net.pass_time(1_000)
    lines = [line for line in net.log.lines if "Turned" in line]
    assert "maxclients is 1" in lines[0]
    assert sum(int(line.split()[2]) for line in lines) == 3
    assert len(lines) <= 2


def test_who_shuts_the_server_down_is_logged(net: Net) -> None:
    wire = net.connect()
    wire.write(encode("CLIENT", "SETNAME", "boss") + encode("SHUTDOWN"))
    net.until(lambda: not net.loop.running)
    assert net.logged(f"Shutting down: SHUTDOWN from {wire.address()} (id=1 name=boss)")


def test_nothing_is_executed_once_the_last_snapshot_is_written(serve: Serve, tmp_path: Path) -> None:
    net = serve(save="900 1")
    boss, *others = [net.connect() for _ in range(9)]
    boss.sock.send(encode("SHUTDOWN"))
    for number, wire in enumerate(others):
        wire.sock.send(encode("SET", str(number), "value"))
    net.until(lambda: not net.loop.running)
    kept = list(DumpReader((tmp_path / "dump.rdb").read_bytes()))
    for wire in others:
        wire.take()
    assert len(kept) == sum(wire.received == b"+OK\r\n" for wire in others)
    assert len(kept) < len(others)


def test_a_rewrite_is_logged_at_both_ends(serve: Serve) -> None:
    net = serve(appendonly="yes")
    wire = net.connect()
    wire.write(encode("SET", "key", "value") * 100)
    wire.read(500)
    assert wire.ask("BGREWRITEAOF").startswith(b"+Background")
    net.until(lambda: net.logged("Rewrote the append-only file in "))
    assert net.logged("Rewriting the append-only file of ")


@pytest.mark.parametrize("mode", ["WRITE", "ALL"])
def test_what_expires_during_a_pause_is_not_deleted(serve: Serve, mode: str) -> None:
    net = serve(clock=ManualClock())
    wire = net.connect()
    assert wire.ask("SET", "key", "value", "PX", 50) == b"+OK"
    assert wire.ask("CLIENT", "PAUSE", 1000, mode) == b"+OK"
    net.pass_time(100)
    db = net.server.databases[0]
    assert db.get(b"key") is None
    assert (len(db), db.expired) == (1, 0)
    if mode == "WRITE":
        assert wire.ask("GET", "key") == b"$-1"
        assert wire.ask("DBSIZE") == b":1"
    net.pass_time(1000)
    assert wire.ask("GET", "key") == b"$-1"
    assert wire.ask("DBSIZE") == b":0"


def test_a_transaction_that_pauses_and_writes_replaces_what_has_expired(serve: Serve) -> None:
    net = serve(clock=ManualClock())
    wire = net.connect()
    assert wire.ask("SET", "key", "value", "PX", 50) == b"+OK"
    net.engine.clock.advance(100)  # type: ignore[attr-defined]
    wire.write(
        encode("MULTI")
        + encode("CLIENT", "PAUSE", 10, "WRITE")
        + encode("RPUSH", "key", "x")
        + encode("EXEC")
    )
    assert wire.read(25).startswith(b"+OK\r\n+QUEUED\r\n")
    net.turn(3)
    net.server.databases[0].check()


def test_a_bug_lets_the_log_be_closed(serve: Serve) -> None:
    net = serve(appendonly="yes")
    net.loop.persistence.rescue()
    assert net.server.aof is None
