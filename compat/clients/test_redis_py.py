"""redis-py's publish and subscribe, on respq as on any Redis."""

from __future__ import annotations

from typing import Any

import redis

PATIENCE_S = 60.0


def received(pubsub: Any, count: int) -> list[tuple[str, str | None, str, object]]:
    messages = [pubsub.get_message(timeout=PATIENCE_S) for _ in range(count)]
    return [(each["type"], each["pattern"], each["channel"], each["data"]) for each in messages]


def test_channels_and_patterns(client: redis.Redis) -> None:
    with client.pubsub() as pubsub:
        pubsub.subscribe("news")
        pubsub.psubscribe("n*")
        assert received(pubsub, 2) == [("subscribe", None, "news", 1), ("psubscribe", None, "n*", 2)]
        assert client.publish("news", "hello") == 2
        assert received(pubsub, 2) == [
            ("message", None, "news", "hello"),
            ("pmessage", "n*", "news", "hello"),
        ]
        pubsub.unsubscribe()
        pubsub.punsubscribe()
        assert received(pubsub, 2) == [("unsubscribe", None, "news", 1), ("punsubscribe", None, "n*", 0)]
        assert client.publish("news", "nobody") == 0


def test_key_space_events(client: redis.Redis) -> None:
    client.config_set("notify-keyspace-events", "KEA")
    with client.pubsub() as pubsub:
        pubsub.psubscribe("__key*@0__:*")
        assert received(pubsub, 1)[0][0] == "psubscribe"
        client.rpush("jobs", "a")
        client.delete("jobs")
        assert [(channel, data) for _, _, channel, data in received(pubsub, 4)] == [
            ("__keyspace@0__:jobs", "rpush"),
            ("__keyevent@0__:rpush", "jobs"),
            ("__keyspace@0__:jobs", "del"),
            ("__keyevent@0__:del", "jobs"),
        ]
    client.config_set("notify-keyspace-events", "")
