"""Celery tasks per second with each server as broker and result backend: sent, done, and with results.

A worker of two processes, as `compat.celery` starts it for its tests, stays connected to each server and
is driven in turn with the other's. What a task costs is Celery's own work in Python for the most part, on
the side of the sender and of the worker; so these numbers say whether the server is what limits it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from uuid import uuid4

from celery import Celery, group

from compat.bench.report import Goal, Measure
from compat.celery.application import PREFORK, current, make_app
from compat.celery.processes import worker
from compat.journal import Journal
from compat.processes import eventually
from compat.servers import Server

WORKER = "bench@compat"
NOISE = 0.9  # what two runs with the same server differ by, and more
PATIENCE = 300.0


@dataclass(frozen=True)
class Bench:
    """A server with its worker, and the application of those who send."""

    app: Celery
    journal: Journal

    def send(self, mark: str, tasks: int) -> float:
        """Tasks sent per second, one after the other, while the worker does not look."""
        record = self.app.tasks["compat.celery.application.record"]
        started = perf_counter()
        for n in range(tasks):
            record.apply_async((mark, n), ignore_result=True)
        return tasks / (perf_counter() - started)

    def work_off(self, mark: str, tasks: int) -> float:
        """Tasks done per second, from the first to the last of what waits in the queue."""
        self.app.control.add_consumer(PREFORK, destination=[WORKER], reply=True, timeout=10, limit=1)
        times = [at for at, _ in self.journal.await_entries(mark, tasks, PATIENCE)]
        return (tasks - 1) / (max(times) - min(times))

    def results(self, tasks: int) -> float:
        """Results fetched per second, from the sending of the first task on."""
        add = self.app.tasks["compat.celery.application.add"]
        started = perf_counter()
        numbers = group(add.s(n, 1) for n in range(tasks)).apply_async().get(timeout=PATIENCE)
        rate = tasks / (perf_counter() - started)
        if numbers != [n + 1 for n in range(tasks)]:
            raise RuntimeError("a result is wrong")
        return rate

    def rest(self) -> None:
        """Have the worker listen to no queue."""
        self.app.control.cancel_consumer(PREFORK, destination=[WORKER], reply=True, timeout=10, limit=1)


@contextmanager
def opened(server: Server) -> Iterator[Bench]:
    """A worker at rest."""
    url = f"redis://127.0.0.1:{server.port}/0"
    with tempfile.TemporaryDirectory(prefix="bench-") as directory, ExitStack() as stack:
        journal = Journal(Path(directory) / "journal")
        options = {"task_track_started": False}
        stack.enter_context(worker(url, journal, "bench", PREFORK, **options))
        app = stack.enter_context(current(make_app(url, task_send_sent_event=False)))
        eventually(lambda: app.control.ping([WORKER], timeout=1), "the worker answers")
        yield Bench(app, journal)


def run(theirs: Server, ours: Server, rounds: int, tasks: int) -> list[Measure]:
    goal = Goal(NOISE, at_least=True)
    names = ("sent, ignoring results", "done, ignoring results", "sent, done, results fetched")
    measures = [Measure(f"tasks {name}", "per s", goal) for name in names]
    with opened(theirs) as their_bench, opened(ours) as our_bench:
        for turn in range(rounds):
            sides = [(their_bench, [m.theirs for m in measures]), (our_bench, [m.ours for m in measures])]
            for bench, seen in sides[:: -1 if turn % 2 else 1]:
                for numbers, rate in zip(seen, once(bench, tasks), strict=True):
                    numbers.append(rate)
    return measures


def once(bench: Bench, tasks: int) -> Iterator[float]:
    mark = uuid4().hex
    bench.app.set_current()
    bench.rest()
    yield bench.send(mark, tasks)
    yield bench.work_off(mark, tasks)
    yield bench.results(tasks)
