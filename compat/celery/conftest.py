"""The workers of each server and what is asked of them; the tests of one server run one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from celery import Celery, Task

from compat.celery import application
from compat.celery.application import EVERYONE, PREFORK, THREADS
from compat.celery.events import Events
from compat.celery.processes import worker
from compat.journal import Journal
from compat.processes import Process

PATIENCE = 60.0  # seconds to wait for a result; it is an error if it takes as long


@pytest.fixture(scope="package")
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


@pytest.fixture(scope="package")
def app(url: str) -> Iterator[Celery]:
    """The application on the side of those who send tasks."""
    with application.current(application.make_app(url)) as opened:
        yield opened


@pytest.fixture(scope="package")
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
