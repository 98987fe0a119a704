"""The application: its tasks and its configuration, as a project's own module would have them.

Workers import it as `compat.celery.application`; `URL` reaches them by the environment, and `OPTIONS` with
whatever a test configures differently.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celery import Celery, Task, shared_task
from kombu import Queue
from kombu.common import Broadcast

from compat.journal import note

URL = "COMPAT_CELERY_URL"
OPTIONS = "COMPAT_CELERY_OPTIONS"  # JSON: settings that differ from those below
PREFORK, THREADS, EVERYONE = "prefork", "threads", "everyone"  # queues: of each pool, of both
NEVER = 3600.0  # seconds: beyond what any test takes


def make_app(url: str, backend: str | None = None, **options: Any) -> Celery:
    """`backend` is where results are, if not with the messages."""
    app = Celery("compat", broker=url, backend=backend or url, include=[__name__], set_as_current=False)
    app.conf.update(
        {
            "task_queues": [Queue(PREFORK), Queue(THREADS), Broadcast(EVERYONE)],
            "task_default_queue": PREFORK,
            "task_track_started": True,
            "task_send_sent_event": True,
            "worker_hijack_root_logger": False,
            "result_expires": NEVER,
            "result_extended": True,
            "broker_connection_retry_on_startup": True,
            **options,
        }
    )
    return app


@contextmanager
def current(opened: Celery) -> Iterator[Celery]:
    """An application for as long as its server runs.

    A result that is thrown away, which may be much later, ends its subscription if it still has one; it
    would call on a server that is gone by then.
    """
    opened.set_current()
    yield opened
    if consumer := getattr(opened.backend, "result_consumer", None):  # there is none without a backend
        consumer.subscribed_to.clear()
        consumer.stop()
    opened.close()


@shared_task
def add(x: float, y: float) -> float:
    return x + y


@shared_task
def total(numbers: list[float]) -> float:
    return sum(numbers)


@shared_task
def echo(what: Any) -> Any:
    return what


@shared_task
def fail(message: str) -> None:
    raise ValueError(message)


@shared_task
def fail_with(what: Any) -> None:
    """A step of a chain that fails with the result of the one before."""
    raise ValueError(str(what))


@shared_task
def record(mark: str, *words: object) -> str:
    """Leave a line in the journal."""
    note(mark, *words)
    return mark


@shared_task
def record_result(result: Any, mark: str) -> None:
    """A link: what the task before it has returned."""
    note(mark, result)


@shared_task
def record_failure(request: Any, error: BaseException, _traceback: Any, mark: str) -> None:
    """An errback: what failed, and how."""
    note(mark, type(error).__name__, str(error))


@shared_task(bind=True, max_retries=5, default_retry_delay=0)
def succeed_after(self: Task, failures: int, mark: str) -> int:
    """Fail so many times, asking for another try each time."""
    note(mark, self.request.retries)
    if self.request.retries < failures:
        raise self.retry(exc=ValueError(f"try {self.request.retries}"), countdown=0.05)
    return self.request.retries


@shared_task(rate_limit="10/s")
def limited(mark: str, n: int) -> None:
    note(mark, n)


@shared_task(bind=True)
def wait_for(self: Task, mark: str, gate: str) -> str:
    """Say that it has begun, wait until the file `gate` exists, say that it has finished."""
    redelivered = bool((self.request.delivery_info or {}).get("redelivered"))
    note(mark, "began", redelivered, os.getpid())
    while not Path(gate).exists():
        time.sleep(0.02)
    note(mark, "finished", redelivered, os.getpid())
    return mark


@shared_task(bind=True)
def tally(self: Task, mark: str, n: int, gate: str) -> None:
    """One of many, counted in the journal; it waits until there is a file `gate`."""
    if not Path(gate).exists():
        note(gate, self.request.id)
        while not Path(gate).exists():
            time.sleep(0.02)
    note(mark, n)


if URL in os.environ:
    app = make_app(os.environ[URL], **json.loads(os.environ.get(OPTIONS, "{}")))
    app.set_default()
