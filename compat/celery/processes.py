"""Celery's own processes: workers and beats."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from compat.celery.application import OPTIONS, URL
from compat.journal import JOURNAL, Journal
from compat.processes import Process


def celery(name: str, words: Sequence[str], url: str, journal: Journal, **options: Any) -> Process:
    """`celery ...` for the application, configured with `options` where it differs."""
    environment = {URL: url, JOURNAL: str(journal.path), OPTIONS: json.dumps(options)}
    argv = [sys.executable, "-m", "celery", "-A", "compat.celery.application", *words]
    return Process(name, argv, journal.path.parent, environment)


@contextlib.contextmanager
def worker(
    url: str, journal: Journal, name: str, queues: str, *, pool: str = "prefork", **options: Any
) -> Iterator[Process]:
    """A worker with two processes or threads, ready to work."""
    words = ["worker", "--pool", pool, "--concurrency", "2", "--queues", queues]
    words += ["--hostname", f"{name}@compat", "--loglevel", "INFO"]
    process = celery(name, words, url, journal, **options)
    try:
        process.await_log(f"{name}@compat ready.")
        yield process
    finally:
        process.stop()
