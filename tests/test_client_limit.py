"""Who is closed when all clients together take more than `maxmemory-clients`."""

from __future__ import annotations

import pytest

from respq.client_limit import CLIENT_BYTES, client_bytes
from tests.conftest import Peer, Workbench

MIB = 1 << 20


@pytest.fixture
def engine() -> Workbench:
    return Workbench()


def holding(engine: Workbench, size: int) -> Peer:
    """A client that has queued a command of so many bytes."""
    peer = engine.peer()
    peer.send("MULTI")
    peer.send("SET", "k", b"x" * size)
    return peer


def limit(engine: Workbench, size: int | str) -> None:
    engine.server.config.set({"maxmemory-clients": str(size)})
    engine.clock.advance(1000)
    engine.limit_clients()


def closed(engine: Workbench) -> set[int]:
    return {client.id for client in engine.server.closing}


def test_the_largest_client_goes(engine: Workbench) -> None:
    small, large, middle = holding(engine, MIB), holding(engine, 3 * MIB), holding(engine, 2 * MIB)
    limit(engine, 7 * MIB)
    assert closed(engine) == set()
    limit(engine, 4 * MIB)
    assert closed(engine) == {large.client.id}
    assert engine.server.closing[large.client] is True  # what waits for it is not sent
    limit(engine, 2 * MIB)
    assert closed(engine) == {large.client.id, middle.client.id}
    assert engine.server.stats.evicted_clients == 2
    assert small.send("EXEC") == b"*1\r\n+OK\r\n"


def test_who_does_not_want_to_be_evicted_counts_and_stays(engine: Workbench) -> None:
    large, small = engine.peer(), holding(engine, MIB)
    large.send("CLIENT", "NO-EVICT", "ON")
    large.send("MULTI")
    large.send("SET", "k", b"x" * 3 * MIB)
    limit(engine, 2 * MIB)
    assert closed(engine) == {small.client.id}


@pytest.mark.parametrize(
    "words",
    [("SUBSCRIBE",), ("PSUBSCRIBE",), ("SSUBSCRIBE",), ("WATCH",), ("HIMPORT", "PREPARE", "fieldset")],
)
def test_names_that_are_kept_count(words: tuple[str, ...], engine: Workbench) -> None:
    collector = engine.peer()
    collector.send(*words, *(f"{number:0>1000}" for number in range(1000)))
    assert MIB * 0.9 < client_bytes(collector.client) < MIB * 1.5
    limit(engine, MIB // 2)
    assert closed(engine) == {collector.client.id}


def test_a_share_is_one_of_maxmemory(engine: Workbench) -> None:
    peer = holding(engine, 2 * MIB)
    limit(engine, "10%")  # of no limit
    assert closed(engine) == set()
    engine.server.config.set({"maxmemory": f"{30 * MIB}"})
    engine.clock.advance(1000)
    engine.limit_clients()
    assert closed(engine) == set()
    engine.server.config.set({"maxmemory": f"{10 * MIB}"})
    engine.limit_clients()
    assert closed(engine) == {peer.client.id}


def test_everything_that_waits_counts(engine: Workbench) -> None:
    peer = engine.peer()
    assert client_bytes(peer.client) == CLIENT_BYTES
    peer.feed(b"*2\r\n$4\r\nECHO\r\n$1000\r\n" + b"x" * 400)
    assert 400 <= client_bytes(peer.client) - CLIENT_BYTES < 500
    peer.feed(b"x" * 600 + b"\r\n")
    assert client_bytes(peer.client) == CLIENT_BYTES
    engine.receive(peer.client, b"PING\r\n" * 10)
    assert client_bytes(peer.client) == CLIENT_BYTES + 70
