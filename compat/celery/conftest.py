"""Each server with its workers, for all tests of it; the tests of one server run one after the other."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis
from celery import Celery, Task

from compat.celery import application
from compat.celery.application import EVERYONE, PREFORK, THREADS
from compat.celery.events import Events
from compat.celery.processes import Journal, Process, worker
from compat.servers import Server, start_redis, start_respq

PATIENCE = 20.0  # seconds to wait for a result; it is an error if it takes as long
LOG_TAIL = 6000  # characters
SERVERS = {"redis": start_redis, "respq": start_respq}
DURABLE = {"appendonly": "yes", "appendfsync": "everysec"}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.failed:
        for process in Process.running:
            report.sections.append((f"log of {process.name}", process.log()[-LOG_TAIL:]))
    return report


@pytest.fixture(scope="session", params=SERVERS)
def kind(request: pytest.FixtureRequest) -> str:
    """Which server: respq, or the redis-server whose numbers it must match."""
    return str(request.param)


@pytest.fixture(scope="session")
def start(kind: str) -> Callable[..., Server]:
    """Starts a server of the kind in a directory, durable as both are by default."""
    return lambda directory, **directives: SERVERS[kind](directory, **DURABLE, **directives)


@pytest.fixture(scope="session")
def server(start: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start(tmp_path_factory.mktemp("server"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def url(server: Server) -> str:
    return f"redis://127.0.0.1:{server.port}/0"


@pytest.fixture(scope="session")
def journal(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Journal:
    return Journal(tmp_path_factory.mktemp(f"journal-{kind}") / "journal")


@pytest.fixture(scope="session")
def workers(url: str, journal: Journal) -> Iterator[dict[str, Process]]:
    """The two workers by pool, each on its queue; both hear what is broadcast."""
    with ExitStack() as stack:
        yield {
            pool: stack.enter_context(worker(url, journal, pool, f"{pool},{EVERYONE}", pool=pool))
            for pool in (PREFORK, THREADS)
        }


@pytest.fixture(params=[PREFORK, THREADS])
def pool(request: pytest.FixtureRequest, workers: dict[str, Process]) -> str:
    """A pool, which is also the name of its queue."""
    assert request.param in workers
    return str(request.param)


@pytest.fixture(scope="session")
def app(url: str) -> Iterator[Celery]:
    """The application on the side of those who send tasks."""
    with application.current(application.make_app(url)) as opened:
        yield opened


@pytest.fixture(scope="session")
def events(app: Celery, workers: dict[str, Process]) -> Iterator[Events]:
    """What all workers tell, from the first test that asks for it on: a monitor switches it on."""
    listening = Events(app)
    listening.start()
    listening.await_ready()
    app.control.enable_events(reply=True, limit=len(workers), timeout=PATIENCE)
    yield listening
    listening.stop()


@pytest.fixture
def task(app: Celery, pool: str) -> Callable[..., Any]:
    """`task("add", 2, 3)` is a signature for the worker of this pool."""
    return lambda name, *args, **options: signature(app, name, *args, queue=pool, **options)


def signature(app: Celery, name: str, *args: Any, **options: Any) -> Any:
    declared: Task = app.tasks[f"{application.__name__}.{name}"]
    return declared.s(*args).set(**options)


@pytest.fixture
def mark() -> str:
    """A word of this test alone, for the journal."""
    return uuid.uuid4().hex


@pytest.fixture
def redis_client(server: Server) -> Iterator[redis.Redis]:
    with redis.Redis(port=server.port, decode_responses=True) as client:
        yield client
