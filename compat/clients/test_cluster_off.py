"""Clients for clusters, which respq is none of, are told so in Redis's words."""

from __future__ import annotations

import asyncio

import pytest
import redis
import redis.asyncio
import valkey

from compat.servers import Server

REFUSED = "Cluster mode is not enabled on this node"


def test_redis_py(server: Server) -> None:
    with pytest.raises(redis.exceptions.RedisClusterException, match=REFUSED):
        redis.RedisCluster(startup_nodes=[redis.cluster.ClusterNode("127.0.0.1", server.port)])


def test_valkey_py(server: Server) -> None:
    with pytest.raises(valkey.exceptions.ValkeyClusterException, match=REFUSED):
        valkey.ValkeyCluster(startup_nodes=[valkey.cluster.ClusterNode("127.0.0.1", server.port)])


def test_redis_py_with_asyncio(server: Server) -> None:
    async def connect() -> None:
        async with redis.asyncio.RedisCluster(host="127.0.0.1", port=server.port):
            pass

    with pytest.raises(redis.exceptions.RedisClusterException, match=REFUSED):
        asyncio.run(connect())
