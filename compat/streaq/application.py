"""The application: its tasks and its worker, as a project's own module would have them.

Workers are `compat.streaq.application.worker`; `URL` and `QUEUE` reach them by the environment, `OPTIONS`
with whatever a test configures differently, and `CRON` with the mark of a job that is due every second.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import anyio
from streaq import StreaqRetry, Worker

from compat.journal import note

URL, QUEUE, CRON = "COMPAT_STREAQ_URL", "COMPAT_STREAQ_QUEUE", "COMPAT_STREAQ_CRON"
OPTIONS = "COMPAT_STREAQ_OPTIONS"  # JSON: options of the worker that differ from those below
PRIORITIES = ("low", "high")
EVERY_SECOND = "* * * * * * *"


async def add(x: float, y: float) -> float:
    return x + y


def add_in_a_thread(x: float, y: float) -> float:
    return x + y


async def double(x: float) -> float:
    return 2 * x


async def fail(message: str) -> None:
    raise ValueError(message)


def fail_later(message: str, gate: str) -> None:
    """Fail once there is a file `gate`."""
    while not Path(gate).exists():
        time.sleep(0.02)
    raise ValueError(message)


async def record(mark: str, *words: object) -> str:
    """Leave a line in the journal."""
    note(mark, *words)
    return mark


def wait_for(mark: str, gate: str) -> str:
    """Say that it has begun, wait until the file `gate` exists, say that it has finished."""
    note(mark, "began")
    while not Path(gate).exists():
        time.sleep(0.02)
    note(mark, "finished")
    return mark


async def sleep(mark: str) -> None:
    """Say that it has begun, and sleep for longer than any test takes."""
    note(mark, "began")
    await anyio.sleep(3600)


class Application:
    """A worker with its tasks, for those who run it and for those who enqueue."""

    def __init__(self, url: str, queue: str, **options: Any) -> None:
        options = {"concurrency": 4, "priorities": [*PRIORITIES], **options}
        self.worker: Worker[None] = Worker(url, queue_name=queue, **options)
        functions = (add, add_in_a_thread, double, fail, fail_later, record, wait_for, sleep)
        self.tasks = {function.__name__: self.worker.task()(function) for function in functions}
        self.tasks["alone"] = self.worker.task(unique=True, timeout=60, name="alone")(wait_for)
        self.tasks["succeed_after"] = self.worker.task(max_tries=3)(self.succeed_after)

    async def succeed_after(self, failures: int, mark: str) -> int:
        """Ask for another try so many times."""
        tries = self.tasks["succeed_after"].context.tries
        note(mark, tries)
        if tries <= failures:
            raise StreaqRetry(f"try {tries}", delay=0)
        return tries

    def every_second(self, mark: str) -> None:
        async def job() -> None:
            note(mark)

        self.worker.cron(EVERY_SECOND, name="job")(job)


if URL in os.environ:
    application = Application(os.environ[URL], os.environ[QUEUE], **json.loads(os.environ.get(OPTIONS, "{}")))
    if mark := os.environ.get(CRON):
        application.every_second(mark)
    worker = application.worker
