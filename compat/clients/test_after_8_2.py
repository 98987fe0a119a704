"""redis-py's methods for what came after Redis 8.2; redis-server 8.2.3 starts on what respq logged of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import redis
from redis.commands.core import HotkeysMetricsTypes
from redis.keyspace_notifications import KeyNotification

from compat.servers import start_redis, start_respq

experimental = pytest.mark.filterwarnings("ignore:Call to experimental method himport")


def test_a_rate_limiter_counts_to_its_bound(client: redis.Redis) -> None:
    assert [client.increx("calls", ubound=2, ex=60, enx=True) for _ in range(3)] == [[1, 1], [2, 1], [2, 0]]
    assert 0 < client.ttl("calls") <= 60
    assert client.increx("calls", byint=5, ubound=4, saturate=True, persist=True) == [4, 2]
    assert client.ttl("calls") == -1
    assert [float(number) for number in client.increx("level", byfloat=0.5)] == [0.5, 0.5]


def test_sets_are_counted_together(client: redis.Redis) -> None:
    client.sadd("a", 1, 2, 3)
    client.sadd("b", 3, 4)
    assert (client.sunioncard(2, ["a", "b"]), client.sunioncard(2, ["a", "b"], limit=3)) == (4, 3)
    assert client.sunioncard(2, ["a", "b"], approx=True) == 4
    assert (client.sdiffcard(2, ["a", "b"]), client.sdiffcard(2, ["a", "b"], limit=1)) == (2, 1)


def test_scores_can_be_counts(client: redis.Redis) -> None:
    client.zadd("x", {"a": 7, "b": 8})
    client.zadd("y", {"b": 9})
    assert dict(client.zunion(["x", "y"], aggregate="COUNT", withscores=True)) == {"a": 1, "b": 2}
    assert client.zinterstore("z", {"x": 2, "y": 3}, aggregate="COUNT") == 1
    assert client.zscore("z", "b") == 5


def test_events_of_hashes_bring_their_fields(client: redis.Redis) -> None:
    client.config_set("notify-keyspace-events", "STIVh")
    with client.pubsub() as listener:
        listener.psubscribe("__subkey*")
        assert listener.get_message(timeout=30)["type"] == "psubscribe"
        client.hset("h", mapping={"a": 1, "b": 2})
        found = [KeyNotification.from_message(listener.get_message(timeout=30)) for _ in range(5)]
    client.config_set("notify-keyspace-events", "")
    assert {(notice.key, notice.event_type, tuple(notice.subkeys)) for notice in found if notice} == {
        ("h", "hset", subkeys) for subkeys in (("a", "b"), ("a",), ("b",))
    }


def test_hot_keys_are_found(client: redis.Redis) -> None:
    client.hotkeys_start([HotkeysMetricsTypes.CPU, HotkeysMetricsTypes.NET], count=2)
    for _ in range(3):
        client.set("hot", "v" * 1000)
    client.set("cold", "v")
    client.hotkeys_stop()
    (report,) = client.hotkeys_get()
    if isinstance(report, list):  # redis-py reads it with RESP2 as it is sent
        report = dict(zip(report[::2], report[1::2], strict=True))
    assert list(report["by-net-bytes"])[::2] == ["hot", "cold"]
    assert report["tracking-active"] == 0
    client.hotkeys_reset()


@experimental
def test_hashes_are_imported_by_fieldsets(client: redis.Redis) -> None:
    client.himport_prepare("person", ["name", "age"])
    client.set("p:1", "a string gives way")
    for number, values in enumerate((["Ann", 30], ["Bob", 40]), start=1):
        assert client.himport_set(f"p:{number}", "person", values)
    assert client.hgetall("p:1") == {"name": "Ann", "age": "30"}
    assert client.himport_discard("person") == 1
    with pytest.raises(redis.ResponseError, match="no such fieldset"):
        client.execute_command("HIMPORT", "SET", "p:3", "person", "Eve", 50)


@experimental
def test_redis_server_loads_what_it_could_not_have_done(tmp_path: Path) -> None:
    server = start_respq(tmp_path, appendonly="yes")
    with redis.Redis(port=server.port, decode_responses=True) as client:
        client.increx("n", byint=3)
        client.increx("timed", ex=1000)
        client.increx("float", byfloat="0.1")
        client.zadd("x", {"a": 7, "b": 8})
        client.zunionstore("counts", ["x", "x"], aggregate="COUNT")
        client.zunionstore("counts", ["x", "counts"], aggregate="COUNT")
        client.himport_prepare("person", ["name", "age"])
        client.himport_set("x", "person", ["Ann", 30])
    server.stop()
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    shutil.copytree(tmp_path / "appendonlydir", theirs / "appendonlydir")
    reference = start_redis(theirs, appendonly="yes")
    try:
        with redis.Redis(port=reference.port, decode_responses=True) as client:
            assert client.mget("n", "timed", "float") == ["3", "1", "0.1"]
            assert client.ttl("timed") > 900
            assert client.hgetall("x") == {"age": "30", "name": "Ann"}
            assert client.zrange("counts", 0, -1, withscores=True) == [("a", 2.0), ("b", 2.0)]
    finally:
        reference.stop()
