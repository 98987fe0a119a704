"""What only the network can count."""

from __future__ import annotations

import socket

from tests.net.wire import Net


def test_reads_and_writes_are_counted(net: Net) -> None:
    wire, stats = net.connect(), net.server.stats
    reads, writes = stats.reads, stats.writes
    for _ in range(5):
        assert wire.ask("PING") == b"+PONG"
    assert (stats.reads - reads, stats.writes - writes) == (5, 5)


def test_addresses_are_those_of_the_sockets(net: Net) -> None:
    wire = net.connect()
    for _ in range(2):  # as found out, and as remembered
        assert wire.ask("CLIENT", "INFO").startswith(b"$")
        assert b" addr=%b laddr=127.0.0.1:%d " % (_shown(wire.sock), net.port) in wire.line()


def _shown(sock: socket.socket) -> bytes:
    host, port = sock.getsockname()
    return b"%b:%d" % (host.encode(), port)
