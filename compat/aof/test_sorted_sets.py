"""Sorted sets in a log that redis-server has rewritten, and in one that respq has."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from compat.servers import Server, debian_binary, start_redis, start_respq

Start = Callable[[Path], Server]
STARTS: dict[str, Start] = {
    "respq": lambda place: start_respq(place, appendonly="yes", aof_use_rdb_preamble="no"),
    "redis 8.2.3": lambda place: start_redis(place, appendonly="yes", aof_use_rdb_preamble="no"),
    "redis 7.0": lambda place: start_redis(
        place, debian_binary(), appendonly="yes", aof_use_rdb_preamble="no"
    ),
}


def client(server: Server) -> redis.Redis:
    return redis.Redis(port=server.port, protocol=2)


def fill(server: Server) -> None:
    rng = random.Random(5)
    with client(server) as peer:
        peer.execute_command("ZADD", "small", "-inf", "a", "inf", b"\r\n\xff", "0.1", "", "3.381772", "b")
        for first in range(0, 1000, 100):
            pairs = [word for n in range(first, first + 100) for word in (repr(rng.uniform(-9, 9)), f"m{n}")]
            peer.execute_command("ZADD", "large", *pairs)
        peer.execute_command("ZADD", "equal", *[word for n in range(300) for word in ("1e300", f"m{n}")])
        peer.execute_command("PEXPIREAT", "equal", 4102444800000)


def rewrite(server: Server) -> None:
    server.rewrite_log()
    with client(server) as peer:
        peer.execute_command("ZADD", "small", "5e-324", "behind the rewrite")
        peer.execute_command("ZPOPMIN", "large", 10)


def content(server: Server) -> list[object]:
    with client(server) as peer:
        members = [peer.zrange(key, 0, -1, withscores=True) for key in ("small", "large", "equal")]
        return [*members, peer.execute_command("PEXPIRETIME", "equal")]


@pytest.mark.parametrize(
    ("writer", "reader"),
    [
        ("respq", "redis 8.2.3"),
        ("respq", "redis 7.0"),
        ("redis 8.2.3", "respq"),
        ("redis 7.0", "respq"),
        ("respq", "respq"),
    ],
)
def test_a_rewritten_log_gives_the_sorted_sets_back(writer: str, reader: str, tmp_path: Path) -> None:
    server = STARTS[writer](tmp_path)
    try:
        fill(server)
        rewrite(server)
        before = content(server)
    finally:
        server.stop()
    server = STARTS[reader](tmp_path)
    try:
        assert content(server) == before
    finally:
        server.stop()
