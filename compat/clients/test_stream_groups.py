"""redis-py's methods for consumer groups, those of Redis after 8.2 among them, on respq."""

from __future__ import annotations

from typing import Any

import pytest
import redis

FIELDS = {"f": "v"}
LONG_MS = 1_000_000


@pytest.fixture
def client(client: redis.Redis) -> redis.Redis:
    """A client, and a stream of six entries of which Ann has had the first two."""
    for number in range(1, 7):
        client.xadd("s", FIELDS, f"{number}-1")
    client.xgroup_create("s", "g", "0")
    client.xreadgroup("g", "ann", {"s": ">"}, count=2)
    return client


def entries(reply: Any) -> list[Any]:
    """The entries of the stream in a reply of either protocol."""
    return list(reply["s"][0] if isinstance(reply, dict) else reply[0][1])


def ids(reply: Any) -> list[str]:
    return [entry[0] for entry in entries(reply)]


def test_entries_are_shared_and_acknowledged(client: redis.Redis) -> None:
    assert ids(client.xreadgroup("g", "bob", {"s": ">"}, count=1)) == ["3-1"]
    assert client.xack("s", "g", "1-1", "3-1", "9-9") == 2
    assert client.xpending("s", "g")["pending"] == 1
    (row,) = client.xpending_range("s", "g", "-", "+", 10)
    assert (row["message_id"], row["consumer"], row["times_delivered"]) == ("2-1", "ann", 1)


def test_entries_change_hands(client: redis.Redis) -> None:
    assert [entry[0] for entry in client.xclaim("s", "g", "bob", 0, ["1-1"])] == ["1-1"]
    cursor, claimed, deleted = client.xautoclaim("s", "g", "bob", 0, count=10)
    assert (cursor, [entry[0] for entry in claimed], deleted) == ("0-0", ["1-1", "2-1"], [])
    assert {each["name"]: each["pending"] for each in client.xinfo_consumers("s", "g")} == {
        "ann": 0,
        "bob": 2,
    }


def test_deletion_respects_references(client: redis.Redis) -> None:
    assert client.xdelex("s", "1-1", "5-1", ref_policy="ACKED") == [2, 2]
    assert client.xackdel("s", "g", "1-1", ref_policy="DELREF") == [1]
    assert client.xlen("s") == 5


def test_groups_are_described(client: redis.Redis) -> None:
    (group,) = client.xinfo_groups("s")
    assert (group["name"], group["pending"], group["entries-read"], group["lag"]) == ("g", 2, 2, 4)
    full = client.xinfo_stream("s", full=True)
    assert full["groups"][0]["pel-count"] == 2


def test_what_is_overdue_is_claimed_with_new_entries(client: redis.Redis) -> None:
    found = entries(client.xreadgroup("g", "bob", {"s": ">"}, count=3, claim_min_idle_time=0))
    assert [(entry[0], entry[3]) for entry in found] == [("1-1", 1), ("2-1", 1), ("3-1", 0)]
    assert client.xreadgroup("g", "bob", {"s": "0"}, claim_min_idle_time=0)


def test_replies_are_limited(client: redis.Redis) -> None:
    assert ids(client.xread({"s": "0"}, max_count=2)) == ["1-1", "2-1"]
    assert ids(client.xread({"s": "0"}, max_size=1)) == ["1-1"]
    assert ids(client.xreadgroup("g", "bob", {"s": ">"}, count=1, max_count=1)) == ["3-1"]


def test_what_is_given_back_is_claimed_first(client: redis.Redis) -> None:
    assert client.xnack("s", "g", "FAIL", "2-1", "9-9") == 1
    assert client.xnack("s", "g", "FATAL", "5-1", force=True, retrycount=4) == 1
    found = entries(client.xreadgroup("g", "bob", {"s": ">"}, count=2, claim_min_idle_time=LONG_MS))
    assert [(entry[0], entry[3]) for entry in found] == [("2-1", 1), ("5-1", 4)]
