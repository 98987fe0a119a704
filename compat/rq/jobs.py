"""The jobs, as a project's own module would have them; workers import it as `compat.rq.jobs`."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from redis import Redis
from rq import SimpleWorker, Worker, get_current_job
from rq.job import Job

from compat.journal import note


def add(x: float, y: float) -> float:
    return x + y


def fail(message: str) -> None:
    raise ValueError(message)


def record(mark: str, *words: object) -> str:
    """Leave a line in the journal."""
    note(mark, *words)
    return mark


def sum_of_dependencies() -> float:
    """What the jobs that this one waited for have returned, together."""
    return sum(job.return_value() for job in current_job().fetch_dependencies())


def describe(progress: str) -> None:
    """Leave word of how far it is."""
    job = current_job()
    job.meta["progress"] = progress
    job.save_meta()


def succeed_after(failures: int, mark: str) -> int:
    """Fail so many times."""
    retries = current_job().retries_left
    note(mark, retries)
    if len(current_job().meta.setdefault("tries", [])) < failures:
        current_job().meta["tries"].append(retries)
        current_job().save_meta()
        raise ValueError(f"with {retries} retries left")
    return failures


def wait_for(mark: str, gate: str) -> str:
    """Say that it has begun, wait until the file `gate` exists, say that it has finished."""
    note(mark, "began", os.getpid())
    while not Path(gate).exists():
        time.sleep(0.02)
    note(mark, "finished", os.getpid())
    return mark


def tally(mark: str, n: int, gate: str) -> int:
    """One of many, counted in the journal; it waits until there is a file `gate`."""
    if not Path(gate).exists():
        note(gate, n)
        while not Path(gate).exists():
            time.sleep(0.02)
    note(mark, n)
    return n


def succeeded(job: Job, _connection: Redis, result: Any) -> None:
    note(job.meta["mark"], "succeeded", result)


def failed(job: Job, _connection: Redis, kind: type[BaseException], error: Any, _traceback: Any) -> None:
    note(job.meta["mark"], "failed", kind.__name__, str(error))


def stopped(job: Job, _connection: Redis) -> None:
    note(job.meta["mark"], "stopped")


def current_job() -> Job:
    job = get_current_job()
    assert job is not None
    return job


class Mortal:
    """A worker given up for dead after a second of silence; RQ waits for at least a minute."""

    SILENCE = 1

    def get_heartbeat_ttl(self, _job: Job, _working_time: float = 0.0) -> int:
        return self.SILENCE


class MortalWorker(Mortal, Worker):
    pass


class MortalSimpleWorker(Mortal, SimpleWorker):
    pass
