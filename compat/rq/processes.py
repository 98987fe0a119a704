"""RQ's own processes: workers and crons."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from compat.journal import JOURNAL, Journal
from compat.processes import Process

FORKING, SIMPLE = "forking", "simple"  # workers, and the queue of each
MARK, QUEUE = "COMPAT_RQ_CRON_MARK", "COMPAT_RQ_CRON_QUEUE"  # environment of `compat.rq.cron`
CLASSES = {FORKING: "rq.Worker", SIMPLE: "rq.SimpleWorker"}


def rq(name: str, words: list[str], url: str, journal: Journal, **environment: str) -> Process:
    """`rq COMMAND ...`; the first of `words` is the command."""
    command, *rest = words
    argv = [sys.executable, "-m", "rq.cli", command, "--url", url, *rest]
    return Process(name, argv, journal.path.parent, {JOURNAL: str(journal.path), **environment})


@contextlib.contextmanager
def worker(
    url: str, journal: Journal, name: str, *queues: str, kind: str = "rq.Worker", **options: Any
) -> Iterator[Process]:
    """A worker that listens; `options` are those of `rq worker`, True for one without a value."""
    words = ["worker", "--name", name, "--worker-class", kind]
    for option, value in options.items():
        words.append(f"--{option.replace('_', '-')}")
        if value is not True:
            words.append(str(value))
    process = rq(name, [*words, *queues], url, journal)
    try:
        process.await_log("*** Listening on")
        yield process
    finally:
        process.stop()
