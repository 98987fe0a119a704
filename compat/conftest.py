"""Servers to compare with, one of each kind for a whole run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compat.servers import Server, debian_binary, start_redis, start_respq


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """redis-server 8.2.3."""
    server = start_redis(tmp_path_factory.mktemp("ref"), appendonly="yes", appendfsync="no")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def debian_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Debian's redis-server 7.0."""
    server = start_redis(tmp_path_factory.mktemp("deb"), debian_binary())
    yield server
    server.stop()


@pytest.fixture(scope="session")
def respq_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """respq as shipped, but for fsync: what a loss of power costs is not compared here."""
    server = start_respq(tmp_path_factory.mktemp("rq"), appendfsync="no")
    yield server
    server.stop()
