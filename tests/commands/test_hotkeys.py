"""HOTKEYS, as the manual of Redis 8.6 describes it; redis-server 8.2.3 does not know it."""

from __future__ import annotations

from typing import Any

import pytest

from respq import hotkeys
from tests.commands.asking import ask
from tests.conftest import START_MS, Peer, Workbench
from tests.resp import NULL, OK, decoded


def found(peer: Peer) -> dict[str, Any]:
    (flat,) = decoded(peer.send("HOTKEYS", "GET"))
    return dict(zip(flat[::2], flat[1::2], strict=True))


def counts(peer: Peer, name: str) -> dict[str, int]:
    flat = found(peer)[name]
    return dict(zip(flat[::2], flat[1::2], strict=True))


def test_bytes_of_requests_and_replies_are_counted_by_key(alice: Peer) -> None:
    """The example of the manual: 40 bytes for each GET that answers `Laptop`, 39 for `Phone`."""
    ask(alice, "SET product:1 Laptop")
    ask(alice, "SET product:2 Phone")
    assert ask(alice, "HOTKEYS START METRICS 2 CPU NET COUNT 10") == OK
    for key in ("product:1", "product:2", "product:1"):
        ask(alice, f"GET {key}")
    report = found(alice)
    assert list(report) == [
        "tracking-active", "sample-ratio", "selected-slots", "all-commands-all-slots-us",
        "net-bytes-all-commands-all-slots", "collection-start-time-unix-ms", "collection-duration-ms",
        "total-cpu-time-user-ms", "total-cpu-time-sys-ms", "total-net-bytes", "by-cpu-time-us",
        "by-net-bytes",
    ]  # fmt: skip
    assert report["by-net-bytes"] == ["product:1", 80, "product:2", 39]
    assert report["net-bytes-all-commands-all-slots"] == report["total-net-bytes"] == 119
    assert sorted(report["by-cpu-time-us"][::2]) == ["product:1", "product:2"]
    assert (report["tracking-active"], report["sample-ratio"]) == (1, 1)
    assert report["selected-slots"] == [[0, 16383]]
    assert report["collection-start-time-unix-ms"] == START_MS


def test_in_resp3_it_is_a_map_in_an_array(alice: Peer) -> None:
    ask(alice, "HOTKEYS START METRICS 1 NET")
    ask(alice, "HELLO 3")
    assert alice.send("HOTKEYS", "GET").startswith(b"*1\r\n%9\r\n$15\r\ntracking-active\r\n:1\r\n")


@pytest.mark.parametrize(("metric", "has", "lacks"), [("CPU", "by-cpu", "net"), ("NET", "by-net", "cpu")])
def test_only_what_was_asked_for_is_shown(alice: Peer, metric: str, has: str, lacks: str) -> None:
    ask(alice, f"HOTKEYS START METRICS 1 {metric}")
    ask(alice, "SET k v")
    names = [name for name in found(alice) if name != "net-bytes-all-commands-all-slots"]
    assert any(name.startswith(has) for name in names)
    assert not any(lacks in name for name in names)


def test_a_command_of_several_keys_counts_for_each_and_without_keys_for_the_total(alice: Peer) -> None:
    ask(alice, "HOTKEYS START METRICS 1 NET")
    ask(alice, "MSET a 1 b 1")  # 42 bytes, and +OK
    ask(alice, "PING")
    ask(alice, "GET a b")  # refused before it comes to that
    assert counts(alice, "by-net-bytes") == {"a": 23, "b": 23}
    assert found(alice)["total-net-bytes"] == 47 + 14 + 7


def test_errors_transactions_scripts_and_who_waits_count(alice: Peer, bob: Peer) -> None:
    ask(alice, "RPUSH l x")
    ask(alice, "HOTKEYS START METRICS 1 NET COUNT 64")
    ask(alice, "INCR l")
    for line in ("MULTI", "SET m 1", "EXEC"):
        ask(alice, line)
    alice.send("EVAL", "return redis.call('SET', KEYS[1], 1)", 1, "s")
    bob.send("BLPOP", "w", 0)
    ask(alice, "RPUSH w x")
    assert {"l", "m", "s", "w"} <= set(counts(alice, "by-net-bytes"))


def test_a_run_is_counted_command_by_command(alice: Peer) -> None:
    ask(alice, "HOTKEYS START METRICS 1 NET")
    alice.feed(b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n" * 10)
    assert counts(alice, "by-net-bytes") == {"n": 9 * 25 + 26}


def test_at_most_so_many_keys_are_shown_and_kept(alice: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hotkeys, "KEPT", 10)
    ask(alice, "HOTKEYS START METRICS 1 NET COUNT 3")
    for number in range(50):
        ask(alice, f"SET k:{number} v")
        ask(alice, "SET hot v")
    assert next(iter(counts(alice, "by-net-bytes"))) == "hot"
    assert len(counts(alice, "by-net-bytes")) == 3
    session = alice.engine.server.hotkeys
    assert session is not None
    assert len(session.net_bytes.by_key) <= 20


def test_a_sample_counts_one_in_so_many_by_key_and_everything_in_all(alice: Peer) -> None:
    ask(alice, "HOTKEYS START METRICS 1 NET SAMPLE 4")
    for _ in range(400):
        ask(alice, "SET k v")
    each = 27 + 5
    assert found(alice)["total-net-bytes"] == 400 * each
    assert 50 * each < counts(alice, "by-net-bytes")["k"] < 150 * each


def test_a_session_ends_when_it_is_stopped(engine: Workbench, alice: Peer) -> None:
    plain = alice.client.table[b"SET"]
    ask(alice, "HOTKEYS START METRICS 1 NET")
    assert alice.client.table[b"SET"] is not plain
    ask(alice, "SET a 1")
    engine.clock.advance(1500)
    assert ask(alice, "HOTKEYS STOP") == OK
    assert alice.client.table[b"SET"][3][0] is engine.server.specs["SET"].bare
    engine.clock.advance(1000)
    ask(alice, "SET b 1")
    report = found(alice)
    assert report["by-net-bytes"][::2] == ["a"]
    assert (report["tracking-active"], report["collection-duration-ms"]) == (0, 1500)


def test_a_session_ends_by_itself(engine: Workbench, alice: Peer) -> None:
    ask(alice, "HOTKEYS START METRICS 2 NET CPU DURATION 2")
    ask(alice, "SET a 1")
    engine.clock.advance(2500)
    ask(alice, "SET b 1")
    assert alice.client.table[b"SET"][3][0] is engine.server.specs["SET"].bare
    report = found(alice)
    assert report["by-net-bytes"][::2] == ["a"]
    assert (report["tracking-active"], report["collection-duration-ms"]) == (0, 2000)


def test_sessions_follow_each_other(alice: Peer) -> None:
    assert ask(alice, "HOTKEYS GET") == NULL
    assert ask(alice, "HOTKEYS STOP").startswith(b"-ERR ")
    assert ask(alice, "HOTKEYS RESET") == OK
    ask(alice, "HOTKEYS START METRICS 1 NET")
    ask(alice, "SET a 1")
    assert ask(alice, "HOTKEYS START METRICS 1 NET").startswith(b"-ERR ")
    assert ask(alice, "HOTKEYS RESET").startswith(b"-ERR ")
    ask(alice, "HOTKEYS STOP")
    assert ask(alice, "HOTKEYS START METRICS 1 NET") == OK
    assert found(alice)["by-net-bytes"] == []
    ask(alice, "HOTKEYS STOP")
    assert ask(alice, "HOTKEYS RESET") == OK
    assert ask(alice, "HOTKEYS GET") == NULL


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("METRICS 1 CPU NET", b"METRICS count does not match number of metric types provided"),
        ("METRICS 2 CPU", b"METRICS count does not match number of metric types provided"),
        ("METRICS 1 DISK", b"METRICS no valid metrics passed. Supported: CPU|NET"),
        ("METRICS 1", b"METRICS no valid metrics passed. Supported: CPU|NET"),
        ("METRICS 1 CPU SLOTS 1 0", b"SLOTS parameter cannot be used in non-cluster mode"),
        ("METRICS x CPU", b"value is not an integer or out of range"),
        ("METRICS 1 CPU COUNT 65", b"value is out of range, value must between 1 and 64"),
        ("METRICS 1 CPU COUNT 0", b"value is out of range, value must between 1 and 64"),
        ("COUNT 5", b"METRICS parameter is required"),
        ("METRICS 1 CPU CPU", b"syntax error"),
        ("METRICS 1 CPU FOO", b"syntax error"),
        ("METRICS 1 CPU DURATION", b"syntax error"),
    ],
)
def test_refusals(alice: Peer, words: str, error: bytes) -> None:
    assert ask(alice, f"HOTKEYS START {words}") == b"-ERR %b\r\n" % error
    assert ask(alice, "HOTKEYS GET") == NULL
