"""INFO: sections and names as monitoring tools read them, and that the numbers are true."""

from __future__ import annotations

import pytest

from respq import __version__, keysizes
from respq.commands.info import human_bytes
from respq.datatypes.strings import StringValue
from tests.conftest import Peer, Workbench

DEFAULT = [
    "Server", "Clients", "Memory", "Persistence", "Threads", "Stats", "Replication", "CPU", "Modules",
    "Errorstats", "Cluster", "Keyspace", "Keysizes",
]  # fmt: skip
ALL = [*DEFAULT[:9], "Commandstats", "Errorstats", "Latencystats", "Cluster", "Keyspace", "Keysizes"]


def text(peer: Peer, *sections: str) -> str:
    reply = peer.send("INFO", *sections).decode()
    header, _, body = reply.partition("\r\n")
    assert int(header[1:]) == len(body) - 2
    return body[:-2]


def fields(peer: Peer, *sections: str) -> dict[str, str]:
    """INFO as redis_exporter reads it: the lines with a colon."""
    lines = text(peer, *sections).split("\r\n")
    pairs = [line.split(":", 1) for line in lines if ":" in line and not line.startswith("#")]
    found = dict(map(tuple, pairs))
    assert len(found) == len(pairs), "a name occurs twice"
    return found


def titles(peer: Peer, *sections: str) -> list[str]:
    return [line[2:] for line in text(peer, *sections).split("\r\n") if line.startswith("# ")]


@pytest.mark.parametrize(
    ("sections", "shown"),
    [
        ([], DEFAULT),
        (["default"], DEFAULT),
        (["ALL"], ALL),
        (["everything"], ALL),
        (["all", "nosuch"], ALL),
        (["cpu"], ["CPU"]),
        (["Keyspace", "CPU", "cpu"], ["CPU", "Keyspace"]),
        (["default", "commandstats"], [*DEFAULT[:9], "Commandstats", *DEFAULT[9:]]),
        (["nosuch"], []),
        (["nosuch", "cluster"], ["Cluster"]),
    ],
)
def test_sections(sections: list[str], shown: list[str], alice: Peer) -> None:
    assert titles(alice, *sections) == shown


def test_the_layout_is_that_of_redis(alice: Peer) -> None:
    assert alice.send("INFO", "cluster", "keyspace") == (
        b"$44\r\n# Cluster\r\ncluster_enabled:0\r\n\r\n# Keyspace\r\n\r\n"
    )
    alice.send("HELLO", 3)
    assert alice.send("INFO", "cluster") == b"=34\r\ntxt:# Cluster\r\ncluster_enabled:0\r\n\r\n"
    assert alice.send("INFO", "nosuch") == b"=4\r\ntxt:\r\n"


def test_versions(alice: Peer) -> None:
    found = fields(alice, "server")
    assert (found["redis_version"], found["respq_version"]) == ("8.2.3", __version__)
    assert found["redis_mode"] == "standalone"
    assert found["listener0"] == "name=tcp,bind=127.0.0.1,bind=-::1,port=6379"


def test_uptime_counts(engine: Workbench, alice: Peer) -> None:
    engine.clock.advance(90_000_000)
    found = fields(alice, "server")
    assert (found["uptime_in_seconds"], found["uptime_in_days"]) == ("90000", "1")


def test_clients_are_counted_by_what_they_do(alice: Peer, bob: Peer, carol: Peer) -> None:
    bob.send("BLPOP", "a", "b", 5)
    carol.send("WATCH", "a", "b", "c")
    found = fields(alice, "clients")
    assert found["connected_clients"] == "3"
    assert (found["blocked_clients"], found["clients_in_timeout_table"]) == ("1", "1")
    assert (found["watching_clients"], found["total_watched_keys"]) == ("1", "3")
    assert found["total_blocking_keys"] == "2"


def test_keyspace_shows_databases_that_hold_keys(alice: Peer) -> None:
    alice.feed(b"SET a 1\r\nSET b 1 PX 3000\r\nSELECT 9\r\nSET c 1 PX 1000\r\nSET d 1 PX 2000\r\n")
    assert fields(alice, "keyspace") == {
        "db0": "keys=2,expires=1,avg_ttl=3000,subexpiry=0",
        "db9": "keys=2,expires=2,avg_ttl=1500,subexpiry=0",
    }


def test_expired_keys_are_counted_also_after_a_flush(engine: Workbench, alice: Peer) -> None:
    alice.feed(b"SET a 1 PX 1\r\nSET b 1 PX 1\r\n")
    engine.pass_time(1000)
    alice.send("FLUSHALL")
    assert fields(alice, "stats")["expired_keys"] == "2"


def test_what_has_expired_and_is_still_there_is_estimated(engine: Workbench, alice: Peer) -> None:
    for number in range(1000):
        alice.send("SET", number, "x", "PX", 10 if number % 3 == 0 else 10_000)
        alice.send("SET", f"stays{number}", "x")
    assert fields(alice, "stats")["expired_stale_perc"] == "0.00"
    engine.clock.advance(1000)
    assert 20 < float(fields(alice, "stats")["expired_stale_perc"]) < 50
    assert fields(alice, "stats")["expired_time_cap_reached_count"] == "0"
    engine.expire_keys(budget_us=0)
    assert fields(alice, "stats")["expired_time_cap_reached_count"] == "1"
    engine.expire_keys(budget_us=10_000_000)
    found = fields(alice, "stats")
    assert (found["expired_stale_perc"], found["expired_time_cap_reached_count"]) == ("0.00", "1")
    assert found["expired_keys"] == "334"


def test_scripts_are_counted(alice: Peer) -> None:
    assert fields(alice, "memory")["number_of_cached_scripts"] == "0"
    alice.send("SCRIPT", "LOAD", "return 1")
    assert fields(alice, "memory")["number_of_cached_scripts"] == "1"


def test_commandstats_count_calls_failures_and_refusals(engine: Workbench, alice: Peer) -> None:
    for spec in engine.server.specs.values():
        spec.reset_statistics()
    alice.feed(b"SET k v\r\nINCR k\r\nINCR\r\nCLIENT ID\r\nCLIENT KILL ID x\r\nCLIENT ID x\r\n")
    alice.feed(b"NOSUCH\r\nCLIENT NOSUCH\r\n")
    found = fields(alice, "commandstats")
    assert found["cmdstat_set"].startswith("calls=1,usec=")
    assert found["cmdstat_incr"].endswith(",rejected_calls=1,failed_calls=1")
    assert found["cmdstat_client|id"].endswith(",rejected_calls=1,failed_calls=0")
    assert found["cmdstat_client|kill"].endswith(",rejected_calls=0,failed_calls=1")
    assert sorted(found) == ["cmdstat_client|id", "cmdstat_client|kill", "cmdstat_incr", "cmdstat_set"]


def test_commands_that_waited_are_counted_once(engine: Workbench, alice: Peer, bob: Peer) -> None:
    alice.send("SET", "text", "x")
    for words, wake in [
        (["BLPOP", "no", "0.05"], lambda: engine.pass_time(100)),
        (["BLPOP", "no", "0"], lambda: bob.send("CLIENT", "UNBLOCK", alice.client.id)),
        (["BLPOP", "no", "0"], lambda: bob.send("CLIENT", "UNBLOCK", alice.client.id, "ERROR")),
        (["BLPOP", "l", "0"], lambda: bob.send("RPUSH", "l", "a")),
        (["BLMOVE", "l", "to", "LEFT", "LEFT", "0"], lambda: bob.send("RPUSH", "l", "a")),
        (["BLMOVE", "l", "text", "LEFT", "LEFT", "0"], lambda: bob.send("RPUSH", "l", "a")),
    ]:
        assert alice.send(*words) == b""
        assert f"cmd={words[0].lower()} ".encode() in bob.send("CLIENT", "LIST", "ID", alice.client.id)
        wake()
        assert alice.take() != b""
    found = fields(bob, "commandstats")
    assert found["cmdstat_blpop"].startswith("calls=4,")
    assert found["cmdstat_blpop"].endswith(",rejected_calls=0,failed_calls=1")
    assert found["cmdstat_blmove"].startswith("calls=2,")
    assert found["cmdstat_blmove"].endswith(",rejected_calls=0,failed_calls=1")


def test_refused_commands_are_not_among_those_processed(engine: Workbench, alice: Peer) -> None:
    alice.feed(b"PING\r\nNOSUCH\r\nGET\r\nEXISTS\r\nCLIENT NOSUCH\r\nCLIENT ID x\r\n")
    assert fields(alice, "stats")["total_commands_processed"] == "1"
    assert alice.client.commands_done == 2


def test_the_brackets_of_a_transaction_are_no_changes(alice: Peer, bob: Peer) -> None:
    alice.feed(b"MULTI\r\nSET a 1\r\nSET b 1\r\nEXEC\r\n")
    bob.send("BLPOP", "l", "0")
    alice.feed(b"MULTI\r\nSET c 1\r\nEXEC\r\n")
    assert fields(alice, "persistence")["rdb_changes_since_last_save"] == "3"


def test_errorstats_count_by_prefix(alice: Peer) -> None:
    alice.feed(b"LPUSH l a\r\nGET l\r\nGET l\r\nNOSUCH\r\n")
    assert fields(alice, "errorstats") == {"errorstat_ERR": "count=1", "errorstat_WRONGTYPE": "count=2"}
    assert fields(alice, "stats")["total_error_replies"] == "3"


def test_the_backlog_is_as_large_as_it_was_set(alice: Peer) -> None:
    assert fields(alice, "replication")["repl_backlog_size"] == "1048576"
    alice.send("CONFIG", "SET", "repl-backlog-size", "2mb")
    assert fields(alice, "replication")["repl_backlog_size"] == "2097152"


def test_rates_come_from_samples(engine: Workbench, alice: Peer) -> None:
    stats = engine.server.stats
    assert fields(alice, "stats")["instantaneous_ops_per_sec"] == "0"
    stats.sample(1000, 0)
    stats.input_bytes += 10_240
    stats.loop_cycles += 100
    stats.loop_us += 4000
    stats.sample(3000, 500)
    found = fields(alice, "stats")
    assert found["instantaneous_eventloop_cycles_per_sec"] == "50"
    assert found["instantaneous_eventloop_duration_usec"] == "40"
    assert (found["instantaneous_ops_per_sec"], found["instantaneous_input_kbps"]) == ("250", "5.00")


def test_numbers_of_the_process_are_there(alice: Peer) -> None:
    found = fields(alice)
    assert int(found["used_memory_rss"]) > 5_000_000
    assert int(found["used_memory_peak"]) >= int(found["used_memory"])
    assert int(found["used_memory_overhead"]) >= int(found["used_memory_startup"]) > 5_000_000
    assert int(found["used_memory_overhead"]) + int(found["used_memory_dataset"]) == int(found["used_memory"])
    assert float(found["used_cpu_user"]) > 0
    assert int(found["total_system_memory"]) > int(found["used_memory"])


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1.00K"),
        (1536, "1.50K"),
        (22005608, "20.99M"),
        (25276510208, "23.54G"),
    ],
)
def test_sizes_for_people(count: int, shown: str) -> None:
    assert human_bytes(count) == shown


def test_what_clients_have_not_finished_sending_is_memory_of_theirs(alice: Peer, bob: Peer) -> None:
    bob.feed(b"*2\r\n$3\r\nGET\r\n$1000\r\n" + b"x" * 500)
    assert 500 <= int(fields(alice, "clients")["client_recent_max_input_buffer"]) < 1000
    assert int(fields(alice, "memory")["mem_clients_normal"]) >= 500


def test_what_was_freed_after_a_flush_is_counted(engine: Workbench, alice: Peer) -> None:
    for number in range(10_000):
        engine.server.databases[0].put(b"%d" % number, StringValue(b"x"))
    alice.send("FLUSHALL")
    pending = int(fields(alice, "memory")["lazyfree_pending_objects"])
    assert pending >= 10_000
    engine.clear_away(1_000_000)
    assert int(fields(alice, "memory")["lazyfreed_objects"]) == pending
    alice.send("CONFIG", "RESETSTAT")
    assert fields(alice, "memory")["lazyfreed_objects"] == "0"


def test_keysizes_are_counted_by_powers_of_two(alice: Peer) -> None:
    alice.feed(b"SET a abc\r\nSETRANGE b 5000 x\r\nSET c ''\r\nRPUSH l 1 2 3\r\nXADD x * a b\r\n")
    alice.feed(b"SELECT 2\r\nHSET h a 1\r\n")
    assert alice.send("INFO", "keysizes").split(b"\r\n")[1:-2] == [
        b"# Keysizes",
        b"db0_distrib_strings_sizes:0=1,2=1,4K=1",
        b"db0_distrib_lists_items:2=1",
        b"db2_distrib_hashes_items:1=1",
    ]


def test_keysizes_of_many_keys_are_estimated_from_some(alice: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keysizes, "SAMPLED_KEYS", 100)
    for number in range(1000):
        alice.send("SET", number, "x" * (1 + number % 2))
    [line] = text(alice, "keysizes").split("\r\n")[1:-1]
    counts = [int(pair.split("=")[1]) for pair in line.split(":")[1].split(",")]
    assert sum(counts) == 1000
    assert counts == pytest.approx([500, 500], abs=50)


def test_the_memory_of_keys_is_what_memory_usage_says(alice: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    alice.feed(b"SET s abc\r\nHSET h a 1\r\nSADD m 1\r\nZADD z 1 a\r\nXADD x * a b\r\n")
    alice.send("RPUSH", "l", "x" * 5000)
    before = text(alice, "keysizes")
    assert alice.send("CONFIG", "SET", "key-memory-histograms", "yes") == b"+OK\r\n"
    lines = text(alice, "keysizes").removeprefix(before).split("\r\n")[:-1]
    bins = []
    for key in ("l", "m", "h", "z"):
        size = int(alice.send("MEMORY", "USAGE", key)[1:])
        power = 1 << size.bit_length() - 1
        bins.append(f"{power >> 10}K=1" if power >= 1024 else f"{power}=1")
    names = [f"db0_distrib_{name}_sizes" for name in ("lists", "sets", "hashes", "zsets")]
    assert lines == [f"{name}:{size}" for name, size in zip(names, bins, strict=True)]
    monkeypatch.setattr(keysizes, "WEIGHED_KEYS", 2)
    assert sum(int(line.split("=")[1]) for line in text(alice, "keysizes").split("\r\n")[-5:-1]) > 0
