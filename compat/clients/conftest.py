"""One respq, and redis-py on it in either protocol, with nothing in the databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from compat.servers import Server


@pytest.fixture(params=[2, 3])
def client(request: pytest.FixtureRequest, respq_server: Server) -> Iterator[redis.Redis]:
    with redis.Redis(port=respq_server.port, protocol=request.param, decode_responses=True) as connected:
        connected.flushall()
        yield connected
