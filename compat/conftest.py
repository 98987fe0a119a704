"""Servers to compare with, one of each kind for a whole run; and what suites of applications share.

A suite that runs other people's software takes `server` (or `own`, to end and restart it) and with it runs
twice, on respq and on redis-server 8.2.3. Such fixtures last for a package: its tests on one server come
before those on the other.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import redis

from compat.journal import Journal
from compat.processes import Process
from compat.servers import Restartable, Server, debian_binary, start_redis, start_respq
from tests.conftest import pytest_collection_finish  # noqa: F401  # a hook, which is wanted here as well

LOG_TAIL = 6000  # characters
SERVERS = {"redis": start_redis, "respq": start_respq}
DURABLE = {"appendonly": "yes", "appendfsync": "everysec"}
OUTLIVES_ITSELF = {  # with which each keeps all that it answered when it is killed
    "redis": {"appendonly": "yes", "appendfsync": "always"},  # else it answers first while a sync is slow
    "respq": DURABLE,
}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.failed:
        for process in Process.running:
            report.sections.append((f"log of {process.name}", process.log()[-LOG_TAIL:]))
    return report


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


@pytest.fixture(scope="package", params=SERVERS)
def kind(request: pytest.FixtureRequest) -> str:
    """Which server: respq, or the redis-server whose numbers it must match."""
    return str(request.param)


@pytest.fixture(scope="package")
def start(kind: str) -> Callable[..., Server]:
    """Starts a server of the kind in a directory, durable as both are by default."""
    return lambda directory, **directives: SERVERS[kind](directory, **{**DURABLE, **directives})


@pytest.fixture(scope="package")
def server(start: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start(tmp_path_factory.mktemp("server"))
    yield running
    running.stop()


@pytest.fixture(scope="package")
def url(server: Server) -> str:
    return f"redis://127.0.0.1:{server.port}/0"


@pytest.fixture(scope="package")
def journal(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Journal:
    return Journal(tmp_path_factory.mktemp(f"journal-{kind}") / "journal")


@pytest.fixture
def own(kind: str, tmp_path: Path) -> Iterator[Restartable]:
    """A server of this test alone, which may be killed."""
    (tmp_path / "data").mkdir()
    restartable = Restartable(partial(SERVERS[kind], **OUTLIVES_ITSELF[kind]), tmp_path / "data")
    yield restartable
    restartable.server.stop()


@pytest.fixture
def mark() -> str:
    """A word of this test alone, for the journal."""
    return uuid.uuid4().hex


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """A file that lets those go that wait for it; they are let go at the end in any case."""
    path = tmp_path / "gate"
    yield path
    path.touch()


@pytest.fixture
def redis_client(server: Server) -> Iterator[redis.Redis]:
    with redis.Redis(port=server.port, decode_responses=True) as client:
        yield client
