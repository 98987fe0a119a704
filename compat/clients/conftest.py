"""One respq, and redis-py on it in either protocol, with nothing in the databases; what is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis

from compat.clients import installed
from compat.servers import Server


@pytest.fixture(params=[2, 3])
def client(request: pytest.FixtureRequest, respq_server: Server) -> Iterator[redis.Redis]:
    with redis.Redis(port=respq_server.port, protocol=request.param, decode_responses=True) as connected:
        connected.flushall()
        yield connected


@pytest.fixture(scope="session")
def debian_packages() -> None:
    """Fails with the line that installs what is missing."""
    installed.require_debian_packages()
