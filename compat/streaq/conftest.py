"""A worker on each server, and a client in plain calls."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Self, TypeVar

import pytest
from streaq import TaskStatus
from streaq.task import Task, TaskResult

from compat.journal import JOURNAL, Journal
from compat.processes import Process
from compat.streaq.application import CRON, OPTIONS, QUEUE, URL, Application

PATIENCE = 90.0  # seconds to wait for a result; it is an error if it takes as long
AT_A_TIME = 20  # results that are asked for

T = TypeVar("T")


class Client:
    """One who enqueues tasks and asks for results."""

    def __init__(self, url: str, queue: str) -> None:
        self._runner = asyncio.Runner()
        self.application = Application(url, queue)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def run(self, awaitable: Callable[[], Awaitable[T]]) -> T:
        async def awaited() -> T:
            async with self.application.worker:
                return await awaitable()

        return self._runner.run(awaited())

    def task(self, name: str, *args: Any) -> Task[Any, Any]:
        return self.application.tasks[name].enqueue(*args)

    def send(self, name: str, *args: Any, **options: Any) -> Task[Any, Any]:
        return self.run(lambda: self.task(name, *args).start(**options))

    def result(self, task: Task[Any, Any]) -> TaskResult[Any]:
        return self.run(lambda: self._result(task))

    async def _result(self, task: Task[Any, Any]) -> TaskResult[Any]:
        """The result, asked for once it is there.

        A wait with a limit may be cancelled while coredis connects, which costs its pool a place for good.
        """
        deadline = time.monotonic() + PATIENCE
        worker = self.application.worker
        while await worker.status_by_id(task.id) != TaskStatus.DONE:
            assert time.monotonic() < deadline, f"{PATIENCE} s and no result"
            await asyncio.sleep(0.02)
        return await worker.result_by_id(task.id)

    def value(self, task: Task[Any, Any]) -> Any:
        return _value(self.result(task))

    def values(self, tasks: Sequence[Task[Any, Any]]) -> list[Any]:
        """Of all, several at a time, since each takes a subscription."""

        async def results() -> list[TaskResult[Any]]:
            turns = asyncio.Semaphore(AT_A_TIME)

            async def in_turn(task: Task[Any, Any]) -> TaskResult[Any]:
                async with turns:
                    return await self._result(task)

            return await asyncio.gather(*map(in_turn, tasks))

        return [_value(result) for result in self.run(results)]


def _value(result: TaskResult[Any]) -> Any:
    assert result.success, result.exception
    return result.result


@contextlib.contextmanager
def worker(
    url: str, journal: Journal, name: str, queue: str, cron: str = "", **options: Any
) -> Iterator[Process]:
    """A worker that works; `cron` is the mark of its job that is due every second, if it has one."""
    argv = [sys.executable, "-m", "streaq", "run", "compat.streaq.application:worker"]
    environment = {URL: url, QUEUE: queue, CRON: cron, OPTIONS: json.dumps(options)}
    process = Process(name, argv, journal.path.parent, {JOURNAL: str(journal.path), **environment})
    try:
        process.await_log("starting worker")
        yield process
    finally:
        process.stop()


@pytest.fixture(scope="package")
def queue(url: str, journal: Journal) -> Iterator[str]:
    """The queue of a worker."""
    with worker(url, journal, "streaq", "work"):
        yield "work"


@pytest.fixture(scope="package")
def client(url: str, queue: str) -> Iterator[Client]:
    with Client(url, queue) as opened:
        yield opened
