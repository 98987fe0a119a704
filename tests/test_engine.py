"""The engine by itself: batches looked at as a whole, who waits, what goes wrong."""

from __future__ import annotations

import gc

import pytest

from respq.command import SPECS
from respq.protocol import Argv
from respq.state import Client
from tests.conftest import Peer, Workbench
from tests.resp import encode_lines

OK = b"+OK\r\n"


@pytest.mark.parametrize("name", ["PING", "MULTI", "DBSIZE", "EXEC", "NOSUCH", "QUIT"])
def test_a_run_of_single_words_may_be_repeated(alice: Peer, bob: Peer, name: str) -> None:
    data = encode_lines(*[name] * 5)
    assert (alice.feed(data), alice.feed(data)) == (bob.feed(data), bob.feed(data))


def test_what_follows_a_run_or_a_transaction_in_one_read_is_executed_once(alice: Peer) -> None:
    lines = [
        "RPUSH l a",
        "RPUSH l b",
        "RPUSH l c",
        "RPUSH l d",
        "MULTI",
        "INCR n",
        "EXEC",
        "INCR n",
        "INCR n",
    ]
    assert alice.feed(encode_lines(*lines, "LLEN l")) == (
        b":1\r\n:2\r\n:3\r\n:4\r\n+OK\r\n+QUEUED\r\n*1\r\n:1\r\n:2\r\n:3\r\n:4\r\n"
    )


def test_a_bug_within_a_transaction_stops_the_server_and_is_met_once(
    engine: Workbench, alice: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    met = []

    def broken(client: Client, argv: Argv) -> bytes:
        met.append(argv)
        raise MemoryError

    monkeypatch.setattr(engine.server.specs["APPEND"], "handler", broken)
    engine.tables.rebuild()
    alice.feed(encode_lines("MULTI", "SET a 1", "APPEND a 2", "EXEC", "PING"))
    assert met == [[b"APPEND", b"a", b"2"]]
    assert engine.broken


def test_refusals_leave_no_garbage(engine: Workbench) -> None:
    engine.server.config.set({"requirepass": "secret"})
    stranger = engine.peer()
    stranger.feed(encode_lines("GET k", "NOSUCH", "SET", "AUTH wrong"))
    gc.collect()
    gc.disable()
    try:
        for _ in range(100):
            stranger.feed(encode_lines("GET k", "NOSUCH", "SET", "AUTH wrong"))
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_swapdb_is_logged_before_what_it_finds_expired(engine: Workbench, alice: Peer, bob: Peer) -> None:
    alice.feed(encode_lines("SET k alive", "SELECT 1", "SET k dead PX 10", "SELECT 0"))
    bob.feed(encode_lines("WATCH k"))
    engine.clock.advance(20)
    client = alice.client
    engine.server.specs["SWAPDB"].handler(client, [b"SWAPDB", b"0", b"1"])  # type: ignore[misc]
    logged = [effect[3] for effect in client.effects if isinstance(effect[3], list)]
    assert logged == [[b"SWAPDB", b"0", b"1"], [b"DEL", b"k"]]


def test_a_client_that_waited_through_a_pause_gets_what_came_meanwhile(
    engine: Workbench, alice: Peer, bob: Peer
) -> None:
    assert alice.feed(encode_lines("BLPOP k 0")) == b""
    bob.feed(encode_lines("MULTI", "RPUSH k x", "CLIENT PAUSE 500 WRITE", "EXEC"))
    engine.pass_time(600)
    assert alice.take() == b"*2\r\n$1\r\nk\r\n$1\r\nx\r\n"


def test_waiters_are_served_in_one_walk(engine: Workbench, alice: Peer) -> None:
    executed = []
    spec = engine.server.specs["BLPOP"]
    blpop = spec.handler
    assert blpop is not None
    spec.handler = lambda c, argv: (executed.append(c), blpop(c, argv))[1]
    engine.tables.rebuild()
    peers = [engine.peer() for _ in range(300)]
    for peer in peers:
        peer.feed(encode_lines("BLPOP k 0"))
    assert len(executed) == 300
    alice.feed(encode_lines("RPUSH k " + " ".join(map(str, range(200)))))
    assert [peer.take() != b"" for peer in peers] == [True] * 200 + [False] * 100
    assert len(executed) <= 510


def test_every_command_is_declared_with_a_summary() -> None:
    assert [spec.name for spec in SPECS.values() if not spec.docs.summary] == []


def test_what_became_ready_is_settled_by_a_batch_without_effects(
    engine: Workbench, alice: Peer, bob: Peer
) -> None:
    assert bob.send("BLPOP", "k", 0) == b""
    alice.send("CLIENT", "PAUSE", 10_000, "WRITE")
    engine.server.unpause()  # lets who waits look again
    engine.disconnect(bob.client)
    assert alice.send("PING") == b"+PONG\r\n"
    assert not engine.server.waiting.ready


def test_when_the_last_gate_is_gone_clients_have_the_table_that_they_had_before(
    engine: Workbench, alice: Peer, bob: Peer
) -> None:
    alice.send("MULTI")
    before = [alice.client.table, bob.client.table]
    bob.send("CLIENT", "PAUSE", 1000, "WRITE")
    assert all(
        table is not old for table, old in zip([alice.client.table, bob.client.table], before, strict=True)
    )
    bob.send("CLIENT", "UNPAUSE")
    assert all(
        table is old for table, old in zip([alice.client.table, bob.client.table], before, strict=True)
    )


def test_a_setting_changed_behind_a_gate_is_in_the_tables_when_it_is_gone(
    engine: Workbench, bob: Peer
) -> None:
    plain = bob.client.table
    bob.send("CLIENT", "PAUSE", 1000, "WRITE")
    bob.send("CONFIG", "SET", "slowlog-log-slower-than", 0)
    bob.send("CLIENT", "UNPAUSE")
    assert bob.client.table is not plain
    bob.send("PING")
    assert bob.send("SLOWLOG", "LEN") != b":0\r\n"


def test_taking_away_a_gate_that_is_not_up_builds_no_table(engine: Workbench, bob: Peer) -> None:
    plain = bob.client.table
    assert bob.send("CLIENT", "UNPAUSE") == OK
    assert bob.client.table is plain
