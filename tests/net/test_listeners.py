"""Where the server listens, and whom it lets in."""

from __future__ import annotations

import os
import resource
import socket
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from respq.net.connection import Address, is_local
from respq.net.listeners import ListenError
from respq.net.server import PROTECTED
from tests.net.wire import Net, Wire
from tests.ports import free_port

Serve = Callable[..., Net]


def unix_client(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(path))
    return sock


def connection_of(net: Net, wire: Wire) -> socket.socket:
    """The server's end."""
    (found,) = [
        connection.sock
        for connection in net.loop.connections.values()
        if connection.peer == wire.sock.getsockname()
    ]
    return found


def vanish(sock: socket.socket) -> None:
    """Reset the connection."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


# -- addresses -------------------------------------------------------------------------------------


def test_ipv4_ipv6_and_a_unix_socket_are_served_at_once(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    net = serve(unixsocket=str(path), bind="127.0.0.1 ::1")
    clients = [
        net.connect(),
        net.adopt(socket.create_connection(("::1", net.port))),
        net.adopt(unix_client(path)),
    ]
    for number, client in enumerate(clients, 1):
        assert client.ask("RPUSH", "list", "x") == b":%d" % number
    shown = [connection.address() for connection in net.loop.connections.values()]
    assert shown == [clients[0].address(), f"[::1]:{clients[1].sock.getsockname()[1]}", f"{path}:0"]
    ends = [connection.local_address() for connection in net.loop.connections.values()]
    assert ends == [f"127.0.0.1:{net.port}", f"[::1]:{net.port}", f"{path}:0"]


def test_whoever_comes_through_the_unix_socket_is_local(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    net = serve(unixsocket="here", enable_debug_command="local", enable_protected_configs="local")
    wire = net.adopt(unix_client(Path("here")))
    assert wire.ask("DEBUG", "SLEEP", "0") == b"+OK"
    assert wire.ask("CONFIG", "SET", "dbfilename", "other.rdb") == b"+OK"
    assert wire.ask("CLIENT", "INFO").startswith(b"$")
    assert b" flags=U " in wire.line()


@pytest.mark.parametrize(
    ("peer", "local"),
    [
        (("127.0.0.1", 1), True),
        (("127.9.8.7", 1), True),
        (("::1", 1, 0, 0), True),
        (("::ffff:127.0.0.1", 1, 0, 0), True),
        ("", True),
        (("192.0.2.1", 1), False),
        (("2001:db8::1", 1, 0, 0), False),
        (("::ffff:192.0.2.1", 1, 0, 0), False),
    ],
)
def test_who_is_local(peer: Address, local: bool) -> None:
    assert is_local(peer) == local


@pytest.mark.parametrize("mode", ["700", "770", "777"])
def test_unixsocketperm_is_the_mode_of_the_socket(serve: Serve, tmp_path: Path, mode: str) -> None:
    serve(unixsocket=str(tmp_path / "socket"), unixsocketperm=mode)
    assert stat.S_IMODE((tmp_path / "socket").stat().st_mode) == int(mode, 8)


def test_the_unix_socket_goes_with_the_server(serve: Serve, tmp_path: Path) -> None:
    net = serve(unixsocket=str(tmp_path / "socket"))
    net.loop.close()
    assert not (tmp_path / "socket").exists()


def test_a_unix_socket_left_behind_is_replaced(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    net = serve(unixsocket=str(path))
    assert net.adopt(unix_client(path)).ask("PING") == b"+PONG"


def test_a_unix_socket_of_a_living_server_is_left_alone(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    first = serve(unixsocket=str(path))
    with pytest.raises(ListenError, match=r"socket: Address already in use"):
        serve(unixsocket=str(path))
    assert first.adopt(unix_client(path)).ask("PING") == b"+PONG"


def test_a_file_that_is_no_socket_is_not_removed(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("data")
    with pytest.raises(ListenError, match="precious: Address already in use"):
        serve(unixsocket=str(tmp_path / "precious"))
    assert (tmp_path / "precious").read_text() == "data"


def test_only_the_unix_socket_with_port_0(serve: Serve, tmp_path: Path) -> None:
    net = serve(port="0", unixsocket=str(tmp_path / "socket"))
    assert net.adopt(unix_client(tmp_path / "socket")).ask("PING") == b"+PONG"
    assert len(net.loop.listeners) == 1


def test_nothing_to_listen_on_is_refused(serve: Serve) -> None:
    with pytest.raises(ListenError, match="nothing to listen on"):
        serve(port="0")


def test_a_port_in_use_is_named_and_nothing_stays_open(serve: Serve, tmp_path: Path) -> None:
    port = free_port()
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(ListenError, match=f"127.0.0.1 port {port}"),
    ):
        serve(bind="::1 127.0.0.1", port=str(port))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("::1", port))


@pytest.mark.parametrize("bind", ["-192.0.2.1 127.0.0.1", "127.0.0.1 -2001:db8::1"])
def test_an_optional_address_may_be_missing(serve: Serve, bind: str) -> None:
    assert serve(bind=bind).connect().ask("PING") == b"+PONG"


def test_an_address_that_is_not_optional_may_not(serve: Serve) -> None:
    with pytest.raises(ListenError, match=r"192\.0\.2\.1"):
        serve(bind="127.0.0.1 192.0.2.1")


def test_if_all_optional_addresses_are_missing_there_is_nothing_to_serve(serve: Serve) -> None:
    with pytest.raises(ListenError, match="no address to bind to"):
        serve(bind="-192.0.2.1")


# -- protected mode --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "peer", [("127.0.0.1", 1), ("127.3.2.1", 1), ("::1", 1, 0, 0), ("::ffff:127.0.0.1", 1, 0, 0), ""]
)
def test_protected_mode_lets_the_machine_itself_in(net: Net, peer: tuple[str, int]) -> None:
    assert net.loop._refusal(peer) is None


@pytest.mark.parametrize("peer", [("192.0.2.7", 1), ("2001:db8::7", 1, 0, 0), ("::ffff:192.0.2.7", 1, 0, 0)])
def test_protected_mode_keeps_others_out(net: Net, peer: tuple[str, int]) -> None:
    assert net.loop._refusal(peer) == (PROTECTED, "protected-mode")
    assert PROTECTED.startswith(b"-DENIED ")
    assert PROTECTED.index(b"\r\n") == len(PROTECTED) - 2


@pytest.mark.parametrize("directive", [{"protected_mode": "no"}, {"requirepass": "secret"}])
def test_without_protected_mode_or_with_a_password_everybody_may_knock(
    serve: Serve, directive: dict[str, str]
) -> None:
    assert serve(**directive).loop._refusal(("192.0.2.7", 1)) is None


# -- how many --------------------------------------------------------------------------------------


def test_maxclients(serve: Serve) -> None:
    net = serve(maxclients="3")
    clients = [net.connect() for _ in range(3)]
    assert net.connect().rest() == b"-ERR max number of clients reached\r\n"
    assert net.server.stats.rejected_connections == 1
    clients[0].sock.close()
    net.until(lambda: len(net.loop.connections) == 2)
    assert net.connect().ask("PING") == b"+PONG"


def test_maxclients_can_be_changed(net: Net) -> None:
    first = net.connect()
    assert first.ask("CONFIG", "SET", "maxclients", 1) == b"+OK"
    assert net.connect().rest() == b"-ERR max number of clients reached\r\n"
    assert first.ask("CONFIG", "SET", "maxclients", 2) == b"+OK"
    assert net.connect().ask("PING") == b"+PONG"


def test_a_storm_of_connections_is_let_in(net: Net) -> None:
    socks = [socket.create_connection(("127.0.0.1", net.port)) for _ in range(400)]
    wires = [Wire(net, sock) for sock in socks]
    for wire in wires:
        wire.send("PING")
    for wire in wires:
        wire.expect(b"+PONG\r\n")
    for sock in socks:
        vanish(sock)
    net.until(lambda: not net.loop.connections)


def test_a_few_connections_are_let_in_at_a_time(serve: Serve) -> None:
    net = serve(max_new_connections_per_cycle="2")
    socks = [socket.create_connection(("127.0.0.1", net.port)) for _ in range(5)]
    seen = []
    for _ in range(4):
        net.turn()
        seen.append(len(net.loop.connections))
    assert seen == [2, 4, 5, 5]
    first = Wire(net, socks[0])
    assert first.ask("CONFIG", "SET", "max-new-connections-per-cycle", 3) == b"+OK"
    socks += [socket.create_connection(("127.0.0.1", net.port)) for _ in range(5)]
    net.turn()
    assert len(net.loop.connections) == 8
    for sock in socks:
        vanish(sock)


def test_clients_that_are_gone_before_they_are_let_in_do_no_harm(net: Net) -> None:
    for _ in range(50):
        vanish(socket.create_connection(("127.0.0.1", net.port)))
    assert net.connect().ask("PING") == b"+PONG"
    net.until(lambda: len(net.loop.connections) == 1)


@contextmanager
def descriptors_used_up() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open("/", os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_out_of_descriptors_clients_wait_and_nothing_spins(net: Net) -> None:
    inside = net.connect()
    outside = [socket.create_connection(("127.0.0.1", net.port)) for _ in range(2)]
    with descriptors_used_up():
        net.until(lambda: not net.loop.accepting)
        assert net.log.lines == ["warning Cannot accept a client: Too many open files"]
        assert net.loop.poller.poll(0) == []
        assert inside.ask("PING") == b"+PONG"
    for wire in [Wire(net, sock) for sock in outside]:
        assert wire.ask("PING") == b"+PONG"


# -- for how long ----------------------------------------------------------------------------------


def test_tcp_keepalive_is_set(serve: Serve) -> None:
    net = serve(tcp_keepalive="90")
    sock = connection_of(net, net.connect())
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 90
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 30
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 3
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_tcp_keepalive_0_leaves_it_to_the_system(serve: Serve) -> None:
    net = serve(tcp_keepalive="0")
    assert not connection_of(net, net.connect()).getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
