"""redis-py's own client-side cache: it answers by itself until the server says that a key has changed.

It refuses servers whose HELLO does not name them `redis`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from redis.cache import CacheConfig

from compat.servers import Server, start_redis, start_respq

PATIENCE_SECONDS = 30.0


def start_respq_as_redis(directory: Path) -> Server:
    return start_respq(directory, extended_redis_compatibility="yes")


@pytest.fixture(scope="module", params=[start_redis, start_respq_as_redis])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory: Path = tmp_path_factory.mktemp("cache")
    server = request.param(directory)
    yield server
    server.stop()


@pytest.fixture
def cached(server: Server) -> Iterator[redis.Redis]:
    with redis.Redis(port=server.port, protocol=3, cache_config=CacheConfig()) as client:
        yield client


@pytest.fixture
def other(server: Server) -> Iterator[redis.Redis]:
    with redis.Redis(port=server.port) as client:
        client.flushall()
        yield client


def calls(other: redis.Redis, command: str) -> int:
    """How many calls of a command the server has executed."""
    return int(other.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"])


def becomes(read: Callable[[], object], value: object) -> bool:
    """Whether what is read is this, once the push has arrived."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while read() != value and time.monotonic() < deadline:
        time.sleep(0.01)
    return read() == value


def test_the_server_is_asked_once(cached: redis.Redis, other: redis.Redis) -> None:
    other.set("k", "v")
    other.rpush("l", "a", "b")
    before = calls(other, "get"), calls(other, "lrange")
    for _ in range(5):
        assert cached.get("k") == b"v"
        assert cached.lrange("l", 0, -1) == [b"a", b"b"]
    assert (calls(other, "get"), calls(other, "lrange")) == (before[0] + 1, before[1] + 1)
    assert other.info("clients")["tracking_clients"] >= 1


@pytest.mark.parametrize(
    ("change", "value"),
    [
        (["SET", "k", "new"], b"new"),
        (["DEL", "k"], None),
        (["FLUSHALL"], None),
        (["PEXPIRE", "k", 20], None),
        (["EVAL", "redis.call('append', KEYS[1], 'x')", 1, "k"], b"vx"),
    ],
)
def test_what_others_change_is_read_anew(
    change: list[str], value: bytes | None, cached: redis.Redis, other: redis.Redis
) -> None:
    other.set("k", "v")
    assert becomes(lambda: cached.get("k"), b"v")
    other.execute_command(*change)
    assert becomes(lambda: cached.get("k"), value)


def test_what_one_changes_itself_is_read_anew(cached: redis.Redis, other: redis.Redis) -> None:
    other.set("k", "v")
    assert becomes(lambda: cached.get("k"), b"v")
    cached.set("k", "mine")
    assert becomes(lambda: cached.get("k"), b"mine")
    with cached.pipeline() as transaction:
        transaction.incr("n").get("n").execute()
    assert becomes(lambda: cached.get("n"), b"1")
