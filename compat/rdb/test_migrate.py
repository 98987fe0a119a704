"""MIGRATE between respq and redis-server 8.2.3, and what both say to the same requests."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import redis

from compat.rdb.data import contents, fill
from compat.servers import Server, start_redis, start_respq
from tests.ports import free_port

PASSWORD = "pw"  # of a server of this test


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """Two that are compared, two targets, one of which wants a password."""
    started = {}
    try:
        for name, start in (
            ("redis", start_redis),
            ("respq", start_respq),
            ("target", start_redis),
            ("guarded", start_redis),
        ):
            started[name] = start(tmp_path_factory.mktemp(name))
        with redis.Redis(port=started["guarded"].port) as client:
            client.config_set("requirepass", PASSWORD)
        yield started
    finally:
        for server in started.values():
            server.stop()


def keys_of(client: redis.Redis) -> dict[bytes, tuple[object, ...]]:
    """What database 0 has; of expiries, whether there is one: a time that is left is sent, not a moment."""
    found = {}
    for (db, key), value in contents(client).items():
        if db == 0 and isinstance(value, tuple):  # no library of functions
            kind, expires_ms, *rest = value
            found[key] = (kind, expires_ms > 0, *rest)
    return found


@pytest.mark.parametrize(("here", "there"), [("respq", "target"), ("target", "respq")])
def test_every_type_moves_to_the_other_server(servers: dict[str, Server], here: str, there: str) -> None:
    with redis.Redis(port=servers[here].port) as source, redis.Redis(port=servers[there].port) as target:
        source.flushall()
        target.flushall()
        fill(source, since_7_4=True)
        source.select(0)
        before = keys_of(source)
        one, *others = before
        port = servers[there].port
        assert source.execute_command("MIGRATE", "127.0.0.1", port, one, 0, 5000) == b"OK"
        reply = source.execute_command("MIGRATE", "localhost", port, "", 0, 5000, "KEYS", *others)
        assert reply == b"OK"
        assert source.dbsize() == 0
        assert keys_of(target) == before


def hang(peer: socket.socket) -> None:
    peer.recv(1 << 16)
    while peer.recv(1 << 16):  # until it is given up
        pass


def close(peer: socket.socket) -> None:
    peer.recv(1 << 16)


def answers(text: bytes) -> Callable[[socket.socket], None]:
    def answer(peer: socket.socket) -> None:
        peer.recv(1 << 16)
        peer.sendall(text)
        while peer.recv(1 << 16):
            pass

    return answer


@contextlib.contextmanager
def listening(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server that serves one client, which keeps the connection for ten seconds if it may."""
    peers: list[socket.socket] = []

    def serve() -> None:
        peer, _ = listener.accept()
        peers.append(peer)
        with peer:
            peer.settimeout(30)
            behave(peer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        for peer in peers:
            with contextlib.suppress(OSError):  # it is closed
                peer.shutdown(socket.SHUT_RDWR)
        thread.join()


ODD = {
    "silence": hang,
    "hanging up": close,
    "half an answer": answers(b"+OK\r\n"),
    "something else": answers(b"+OK\r\nfoo\r\n"),
    "integers": answers(b":1\r\n:1\r\n"),
    "refusals": answers(b"-BAD select\r\n-MORE x\r\n"),
    "a refused SELECT": answers(b"-BAD select\r\n+OK\r\n"),
    "lines of its own": answers(b"+OK\n+OK\n"),
}


@pytest.mark.parametrize("behaviour", ODD)
def test_targets_that_are_no_redis(servers: dict[str, Server], behaviour: str) -> None:
    seen = []
    for name in ("redis", "respq"):
        client = redis.Connection(port=servers[name].port)
        with listening(ODD[behaviour]) as port:
            raw(client, "SET", "k", "v")
            said = raw(client, "MIGRATE", "127.0.0.1", port, "k", 0, 300)
        seen.append((said, raw(client, "EXISTS", "k")))
        client.disconnect()
    assert seen[0] == seen[1]


def raw(client: redis.Connection, *words: str | int) -> str:
    client.send_command(*words)
    try:
        return repr(client.read_response())
    except redis.RedisError as error:
        return f"{type(error).__name__} {error}"


def requests(target: int, guarded: int, nowhere: int) -> Iterator[tuple[str | int, ...]]:
    """Statements; what begins with a host is a MIGRATE."""
    yield from (("h",), ("h", target, "k", 0))
    host = "127.0.0.1"
    for rest in ("x 5", "0 x", "0 5 foo", "x 5 foo", "0 5 AUTH", "0 5 AUTH2 a", "0 5 KEYS", "0 5 KEYS a"):
        yield (host, target, "none", *rest.split())
    for rest in ("0 -5", "999999999999999999999 5", "2147483648 5"):
        yield (host, target, "none", *rest.split())
    yield from ((host, "x", "none", 0, 5), (host, target, "", 0, 5), (host, target, "", 0, 5, "KEYS"))
    yield ("SET", "k", "v")
    for where in (nowhere, "x", 65536 + nowhere, -1):
        yield (host, where, "k", 0, 500)
    yield from (("nohost.invalid", nowhere, "k", 0, 500), ("localhost", nowhere, "k", 0, 500))
    yield (host, target, "k", 99, 500)
    yield (host, target, "k", 0, 500, "COPY")
    yield (host, target, "k", 0, 500)
    yield from ((host, target, "k", 0, 500, "replace"), ("EXISTS", "k"), ("SET", "k", "v"))
    yield from ((host, guarded, "k", 0, 500), (host, guarded, "k", 0, 500, "AUTH", "no"))
    yield (host, guarded, "k", 0, 500, "AUTH2", "u", "no")
    yield from ((host, guarded, "k", 0, 500, "AUTH2", "default", PASSWORD, "REPLACE"), ("EXISTS", "k"))
    yield from (("MSET", "x1", 1, "x2", 2, "x3", 3), (host, target, "", 0, 500, "COPY", "KEYS", "x2"))
    yield from ((host, target, "", 0, 500, "KEYS", "x1", "x2", "x3", "none", "x1"), ("KEYS", "*"))
    yield from (("DEL", "x2"), ("SET", "k", "v"))
    yield (host, target, "k", 0, 500, "AUTH", "x")
    script = "return redis.call('MIGRATE', '127.0.0.1', ARGV[1], 'k', 0, 500, 'REPLACE')"
    yield from (("EVAL", script, 0, target), ("EXISTS", "k"))
    empty = ("'' 0 5 KEYS a b", "'' 0 5 AUTH KEYS a b", "'' 0 5", "'' 0 5 KEYS")
    for words in ("k 0 5", "k 0 5 KEYS a b", *empty):
        yield ("COMMAND", "GETKEYSANDFLAGS", "MIGRATE", "h", 1, *[word.strip("'") for word in words.split()])


def test_both_say_the_same(servers: dict[str, Server]) -> None:
    found = []
    nowhere = free_port()
    for name in ("redis", "respq"):
        for each in ("target", "guarded"):
            password = PASSWORD if each == "guarded" else None
            with redis.Redis(port=servers[each].port, password=password) as client:
                client.flushall()
        connection = redis.Connection(port=servers[name].port)
        raw(connection, "FLUSHALL")
        replies = []
        for words in requests(servers["target"].port, servers["guarded"].port, nowhere):
            whole = words if str(words[0]).isupper() else ("MIGRATE", *words)
            replies.append((words, raw(connection, *whole)))
        connection.disconnect()
        found.append(replies)
    assert found[1] == found[0]
