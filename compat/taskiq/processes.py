"""taskiq's own processes: workers and schedulers."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from compat.journal import JOURNAL, Journal
from compat.processes import START_SECONDS, Process, eventually
from compat.taskiq.application import KIND, STREAM, URL


def taskiq(name: str, words: list[str], url: str, journal: Journal, kind: str, **environment: str) -> Process:
    """`taskiq ...` for the broker of a kind."""
    variables = {URL: url, KIND: kind, JOURNAL: str(journal.path), **environment}
    return Process(name, [sys.executable, "-m", "taskiq", *words], journal.path.parent, variables)


@contextlib.contextmanager
def worker(
    url: str, journal: Journal, name: str, kind: str, processes: int = 1, **environment: str
) -> Iterator[Process]:
    """A worker that listens; it acknowledges a message when the result of its task has been stored."""
    words = ["worker", "compat.taskiq.application:broker", "--workers", str(processes)]
    process = taskiq(name, [*words, "--ack-type", "when_saved"], url, journal, kind, **environment)
    try:
        eventually(
            lambda: process.log().count("Listening started.") >= processes, f"{name} listens", START_SECONDS
        )
        yield process
    finally:
        if kind == STREAM:
            process.stop()
        else:  # it would wait for the next message first
            process.kill()
