"""A worker for each kind of broker, and a client in plain calls."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack
from typing import Any, Self, TypeVar

import pytest
from taskiq import AsyncTaskiqTask, TaskiqResult

from compat.journal import Journal
from compat.processes import Process
from compat.taskiq import application
from compat.taskiq.application import LIST, PUBSUB, STREAM
from compat.taskiq.processes import worker

PATIENCE = 60.0  # seconds to wait for a result; it is an error if it takes as long

T = TypeVar("T")


class Client:
    """One who sends tasks and asks for results."""

    def __init__(self, kind: str, url: str) -> None:
        self.kind, self.url = kind, url
        self._runner = asyncio.Runner()
        self._broker = application.make_broker(kind, url)
        self.run(self._broker.startup())

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(what)

    def send(self, name: str, *args: Any, **labels: Any) -> AsyncTaskiqTask[Any]:
        task = getattr(application, name)
        return self.run(task.kicker().with_broker(self._broker).with_labels(**labels).kiq(*args))

    def result(self, task: AsyncTaskiqTask[Any]) -> TaskiqResult[Any]:
        return self.run(task.wait_result(check_interval=0.02, timeout=PATIENCE))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._broker.shutdown())
        self._runner.close()


@pytest.fixture(scope="package")
def workers(url: str, journal: Journal) -> Iterator[dict[str, Process]]:
    """The workers by kind of broker, each of two processes."""
    with ExitStack() as stack:
        yield {
            kind: stack.enter_context(worker(url, journal, kind, kind, processes=2))
            for kind in (STREAM, LIST, PUBSUB)
        }


@pytest.fixture(scope="package")
def clients(url: str, workers: dict[str, Process]) -> Iterator[dict[str, Client]]:
    """A client of each broker with workers."""
    with ExitStack() as stack:
        yield {kind: stack.enter_context(Client(kind, url)) for kind in workers}


@pytest.fixture(params=[STREAM, LIST])
def client(request: pytest.FixtureRequest, clients: dict[str, Client]) -> Client:
    """A client of a broker that gives each task to one worker."""
    return clients[request.param]
