"""LATENCY and INFO latencystats: shapes and texts are those of redis-server 8.2.3."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import hiredis
import pytest

from respq import engine, slowlog
from respq.effects import syncing, writer
from respq.persistence import Persistence
from tests.conftest import START_MS, Peer, Workbench
from tests.effects.syncers import ImmediateSyncer

GRAPH = [
    "command - high 130 ms, low 10 ms (all time high 130 ms)",
    "-" * 80,
    "        __o##",
    "      _o|||||",
    "   _o#|||||||",
    "_o#||||||||||",
    "             ",
    "1111987654310",
    "3210sssssssss",
    "ssss         ",
    "",
]


def decoded(reply: bytes) -> Any:
    reader = hiredis.Reader(encoding="utf-8")
    reader.feed(reply)
    return reader.gets()


def histograms(peer: Peer, *names: str) -> dict[str, Any]:
    """Calls and buckets by name."""
    peer.send("HELLO", 3)
    found: dict[str, Any] = decoded(peer.send("LATENCY", "HISTOGRAM", *names))
    return found


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("LATENCY", b"-ERR wrong number of arguments for 'latency' command\r\n"),
        ("LATENCY NOPE", b"-ERR unknown subcommand 'NOPE'. Try LATENCY HELP.\r\n"),
        ("LATENCY LATEST", b"*0\r\n"),
        ("LATENCY HISTORY command", b"*0\r\n"),
        ("LATENCY RESET command nope", b":0\r\n"),
        ("LATENCY GRAPH command", b"-ERR No samples available for event 'command'\r\n"),
        ("LATENCY HISTOGRAM set nope", b"*0\r\n"),
        ("LATENCY DOCTOR x", b"-ERR wrong number of arguments for 'latency|doctor' command\r\n"),
    ],
)
def test_one_command(line: str, reply: bytes, alice: Peer) -> None:
    assert alice.send(*line.split()) == reply


def test_histograms_count_what_commandstats_count(alice: Peer) -> None:
    alice.feed(b"SET a 1\r\n" * 3 + b"GET a\r\nLPUSH a x\r\nLRANGE a 0 1\r\nGET\r\n")
    alice.feed(b"CLIENT ID\r\nMULTI\r\nGET a\r\nLPUSH a y\r\nEXEC\r\n")
    found = histograms(alice)
    assert {name: found[name]["calls"] for name in ("set", "get", "lpush", "lrange", "client|id")} == {
        "set": 3, "get": 2, "lpush": 2, "lrange": 1, "client|id": 1,
    }  # fmt: skip
    for histogram in found.values():
        assert list(histogram["histogram_usec"].values())[-1] == histogram["calls"]


def test_runs_and_commands_with_many_words_are_in_the_histograms(alice: Peer) -> None:
    alice.feed(b"RPUSH l x\r\n" * 20)
    alice.send("RPUSH", "l", *range(100))
    assert histograms(alice, "rpush")["rpush"]["calls"] == 21


def test_a_wait_is_one_call_that_took_as_long_as_the_work(alice: Peer, bob: Peer) -> None:
    alice.send("BLPOP", "l", 0)
    assert histograms(bob, "blpop") == {}
    bob.send("RPUSH", "l", "a")
    assert histograms(bob, "blpop")["blpop"]["calls"] == 1


def test_a_container_stands_for_its_subcommands(alice: Peer) -> None:
    alice.feed(b"CLIENT ID\r\nCLIENT GETNAME\r\n")
    assert set(histograms(alice, "client")) == {"client|id", "client|getname"}


def test_resetting_the_statistics_resets_the_histograms(alice: Peer) -> None:
    alice.feed(b"SET a 1\r\nCONFIG RESETSTAT\r\n")
    assert set(histograms(alice)) == {"config|resetstat", "hello"}


def test_nothing_is_added_while_tracking_is_off() -> None:
    peer = Workbench(**{"latency-tracking": "no"}).peer()
    peer.feed(b"SET a 1\r\nLRANGE l 0 1\r\n")
    assert histograms(peer) == {}
    assert b"latency_percentiles" not in peer.send("INFO", "latencystats")
    peer.feed(b"CONFIG SET latency-tracking yes\r\nSET a 1\r\nLRANGE l 0 1\r\n")
    assert histograms(peer, "set", "lrange").keys() == {"set", "lrange"}


def test_info_shows_the_percentiles_that_are_wanted(alice: Peer) -> None:
    alice.feed(b"CONFIG SET latency-tracking-info-percentiles '0 50.5'\r\nCLIENT ID\r\n")
    assert b"latency_percentiles_usec_client|id:p0=" in alice.send("INFO", "latencystats")
    assert b",p50.5=" in alice.send("INFO", "latencystats")
    alice.feed(b"CONFIG SET latency-tracking-info-percentiles ''\r\n")
    assert b"latency_percentiles_usec_client|id:\r\n" in alice.send("INFO", "latencystats")


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Peer:
    """A client of a server on which every command takes 20 ms by the stopwatch, and somebody watches."""
    elapsed_ns = 0

    def stopwatch() -> int:
        nonlocal elapsed_ns
        elapsed_ns += 20_000_000
        return elapsed_ns

    monkeypatch.setattr(slowlog, "stopwatch_ns", stopwatch)
    return Workbench(**{"latency-monitor-threshold": "20"}).peer()


def test_commands_are_events_of_two_kinds(watched: Peer) -> None:
    watched.feed(b"GET a\r\nLPUSH l x\r\nLRANGE l 0 1\r\n")
    assert decoded(watched.send("LATENCY", "LATEST")) == [
        ["fast-command", START_MS // 1000, 20, 20],
        ["command", START_MS // 1000, 20, 20],
    ]
    assert decoded(watched.send("LATENCY", "HISTORY", "fast-command")) == [[START_MS // 1000, 20]]
    assert watched.send("LATENCY", "RESET", "fast-command", "nope") == b":1\r\n"
    assert watched.send("LATENCY", "HISTORY", "fast-command") == b"*0\r\n"


def test_a_run_is_not_executed_as_one_while_somebody_watches(watched: Peer) -> None:
    watched.feed(b"LPUSH l x\r\n" * 10)
    assert histograms(watched, "lpush")["lpush"]["calls"] == 10


def test_the_doctor_has_something_to_say(watched: Peer) -> None:
    watched.feed(b"GET a\r\n")
    report = watched.send("LATENCY", "DOCTOR")
    assert b"fast-command: 1 latency spikes (average 20ms, mean deviation 0ms, period 1.00 sec)" in report
    watched.feed(b"LATENCY RESET\r\nCONFIG SET latency-monitor-threshold 0\r\nLATENCY RESET\r\n")
    assert b"latency-monitor-threshold is 0" in watched.send("LATENCY", "DOCTOR")


def test_a_graph_looks_as_in_redis() -> None:
    bench = Workbench(**{"latency-monitor-threshold": "1"})
    monitor = bench.server.latency
    latencies_ms = (10, 20, 30, 40, 50, 60, 70, 80, 105, 100, 110, 120, 130)
    ages_s = (13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 1, 0)
    for latency_ms, age_s in zip(latencies_ms, ages_s, strict=True):
        monitor.note("command", latency_ms * 1_000_000, START_MS - age_s * 1000)
    assert decoded(bench.peer().send("LATENCY", "GRAPH", "command")).split("\n") == GRAPH


def test_a_long_graph_has_parts(alice: Peer) -> None:
    monitor = alice.engine.server.latency
    monitor.threshold_ms = 1
    for age_s in range(100, 0, -1):
        monitor.note("fork", 5_000_000, START_MS - age_s * 1000)
    rows = decoded(alice.send("LATENCY", "GRAPH", "fork")).split("\n")[2:]
    assert [len(row) for row in rows] == [80] * 8 + [0] + [20] * 8 + [0]


def ticking(step_ns: int) -> Callable[[], int]:
    """A stopwatch that goes on by so much whenever it is looked at."""
    looks = count(0, step_ns)
    return lambda: next(looks)


def test_writes_and_syncs_of_the_log_are_events(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for module in (writer, syncing):
        monkeypatch.setattr(module, "stopwatch_ns", ticking(30_000_000))
    monkeypatch.setattr("respq.slowlog.stopwatch_ns", lambda: 0)  # CONFIG SET is none: it takes no time
    bench = Workbench(appendonly="yes", appendfsync="always", dir=str(tmp_path))
    persistence = Persistence(bench)
    persistence.new_syncer = ImmediateSyncer
    persistence.start(lambda: None)
    peer = bench.peer()

    def write() -> list[str]:
        peer.send("SET", "k", "v")
        for _ in ("begin a sync", "take notice of its end"):
            persistence.flush(bench.clock.now_ms)
        return [name for name, *_ in decoded(peer.send("LATENCY", "LATEST"))]

    assert write() == []
    peer.send("CONFIG", "SET", "latency-monitor-threshold", 20)
    assert write() == ["aof-write", "aof-fsync-always"]
    persistence.close()


def test_deleting_what_has_expired_is_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "stopwatch_ns", ticking(30_000_000))
    bench = Workbench(**{"latency-monitor-threshold": "20"})
    peer = bench.peer()
    peer.feed(b"SET k v PX 1\r\n")
    bench.pass_time(10)
    bench.expire_keys(1000)
    assert [name for name, *_ in decoded(peer.send("LATENCY", "LATEST"))] == ["expire-cycle"]
