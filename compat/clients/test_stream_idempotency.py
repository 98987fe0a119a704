"""redis-py's methods for what Redis 8.6 added to streams; redis-server 8.2.3 starts on what respq logged."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from compat.servers import Server, start_redis, start_respq


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = start_respq(tmp_path, appendonly="yes")
    yield started
    started.stop()


@pytest.mark.parametrize("protocol", [2, 3])
def test_producers_send_twice_and_add_once(server: Server, protocol: int) -> None:
    with redis.Redis(port=server.port, protocol=protocol, decode_responses=True) as client:
        first = client.xadd("orders", {"item": "1"}, idmp=("shop", b"order-1"))
        assert client.xadd("orders", {"item": "1"}, idmp=("shop", b"order-1")) == first
        second = client.xadd("orders", {"item": "2", "count": "3"}, idmpauto="shop")
        assert client.xadd("orders", {"count": "3", "item": "2"}, idmpauto="shop") == second != first
        assert client.xlen("orders") == 2
        assert client.xcfgset("orders", idmp_duration=200, idmp_maxsize=50)
        info = client.xinfo_stream("orders")
        assert (info["idmp-duration"], info["idmp-maxsize"], info["iids-tracked"]) == (200, 50, 0)
        assert (info["iids-added"], info["iids-duplicates"]) == (2, 2)
        with pytest.raises(redis.ResponseError, match="can be used only with auto-generated IDs"):
            client.execute_command("XADD", "orders", "IDMP", "shop", "i", "1-1", "f", "v")


def test_redis_server_passes_over_what_it_does_not_know(server: Server, tmp_path: Path) -> None:
    with redis.Redis(port=server.port) as client:
        client.xadd("s", {"f": "v"}, idmp=("p", b"i" * 3000))
        with client.pipeline() as transaction:
            transaction.xadd("s", {"g": "w"}, idmpauto="p")
            transaction.xcfgset("s", idmp_maxsize=7)
            transaction.execute()
        expected = client.xrange("s")
    server.stop()
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    shutil.copytree(tmp_path / "appendonlydir", theirs / "appendonlydir")
    reference = start_redis(theirs, appendonly="yes")
    try:
        with redis.Redis(port=reference.port) as client:
            assert client.xrange("s") == expected
    finally:
        reference.stop()
