"""redis-py's publish and subscribe, in both versions of the protocol, with key-space events."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from compat.servers import Server, start_respq

PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory: Path = tmp_path_factory.mktemp("pubsub")
    server = start_respq(directory, notify_keyspace_events="KEA")
    yield server
    server.stop()


@pytest.fixture(params=[2, 3])
def client(server: Server, request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    with redis.Redis(port=server.port, protocol=request.param) as client:
        client.flushall()
        yield client


def take(listener: Any, count: int) -> list[tuple[str, Any, Any]]:
    """The next messages as (type, channel, data)."""
    taken: list[tuple[str, Any, Any]] = []
    end = time.monotonic() + PATIENCE_SECONDS
    while len(taken) < count and time.monotonic() < end:
        if (message := listener.get_message(timeout=1.0)) is not None:
            taken.append((message["type"], message["channel"], message["data"]))
    return taken


def test_messages_of_channels_and_patterns(client: redis.Redis) -> None:
    with client.pubsub() as listener:
        listener.subscribe("news")
        listener.psubscribe("news.*")
        assert [kind for kind, _, _ in take(listener, 2)] == ["subscribe", "psubscribe"]
        assert client.publish("news", "a") == 1
        assert client.publish("news.it", "b") == 1
        assert client.publish("other", "c") == 0
        assert take(listener, 2) == [("message", b"news", b"a"), ("pmessage", b"news.it", b"b")]
        assert client.pubsub_numsub("news") == [(b"news", 1)]
        assert client.pubsub_numpat() == 1
        listener.unsubscribe()
        listener.punsubscribe()
        assert [kind for kind, _, _ in take(listener, 2)] == ["unsubscribe", "punsubscribe"]
        assert client.publish("news", "d") == 0


def test_a_listener_is_pinged_and_goes_on(client: redis.Redis) -> None:
    with client.pubsub() as listener:
        listener.subscribe("news")
        take(listener, 1)
        listener.ping("still there?")
        assert take(listener, 1)[0][0] == "pong"
        client.publish("news", "x" * 1_000_000)
        assert take(listener, 1) == [("message", b"news", b"x" * 1_000_000)]


def test_key_space_events(client: redis.Redis) -> None:
    with client.pubsub(ignore_subscribe_messages=True) as listener:
        listener.psubscribe("__keyevent@0__:*")
        assert listener.get_message(timeout=PATIENCE_SECONDS) is None  # what is ignored has come
        client.set("k", "v", px=30)
        client.rpush("l", "a")
        client.lpop("l")
        seen = take(listener, 6)
        events = [channel.removeprefix(b"__keyevent@0__:") + b" " + key for _, channel, key in seen]
        assert sorted(events) == [b"del l", b"expire k", b"expired k", b"lpop l", b"rpush l", b"set k"]
        assert events[:2] == [b"set k", b"expire k"]
