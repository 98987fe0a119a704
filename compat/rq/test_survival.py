"""Workers and servers die: their jobs are found abandoned, and nothing is lost.

RQ gives a worker at least a minute after its last sign of life; `jobs.Mortal` makes it a second. A job
whose worker has gone is "abandoned": the next worker that cleans the registries retries it if it may be
retried, and otherwise puts it among those that failed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry as ConnectionRetry
from rq import Queue, Retry
from rq.job import JobStatus
from rq.results import Result

from compat.journal import Journal
from compat.processes import eventually
from compat.rq import jobs
from compat.rq.conftest import outcome
from compat.rq.processes import CLASSES, FORKING, SIMPLE, worker
from compat.servers import Restartable, Server

JOBS, FIRST_RESTART, SECOND_RESTART = 300, 60, 180
MORTAL = {FORKING: "compat.rq.jobs.MortalWorker", SIMPLE: "compat.rq.jobs.MortalSimpleWorker"}
ATTENTIVE = {"maintenance_interval": 1, "worker_ttl": 16}  # seconds; it waits for jobs for 15 less: for one


@pytest.mark.parametrize("how", MORTAL)
def test_the_jobs_of_killed_workers_are_found_abandoned(
    url: str, connection: Redis, journal: Journal, mark: str, gate: Path, how: str
) -> None:
    """One that may be retried is done by another worker, one that may not has failed."""
    queues = [Queue(f"{which}-{mark}", connection=connection) for which in ("retried", "failed")]
    retried, failed = queues
    again = retried.enqueue(jobs.wait_for, mark, str(gate), retry=Retry(max=1))
    once = failed.enqueue(jobs.wait_for, mark, str(gate))
    kill_at_work(url, queues, journal, mark, how)
    for job, queue in ((again, retried), (once, failed)):
        assert job.get_status() == JobStatus.STARTED
        assert queue.started_job_registry.get_job_ids(cleanup=False) == [job.id]

    gate.touch()
    heir = f"heir-{mark}"
    with worker(url, journal, heir, retried.name, failed.name, kind=CLASSES[how], **ATTENTIVE):
        assert outcome(again) == mark
        failure = once.latest_result(timeout=60)
    assert [what for what, _ in journal.words(mark)] == ["began", "began", "began", "finished"]
    assert [result.worker_name for result in again.results()] == [heir]
    assert failure is not None
    assert failure.type is Result.Type.FAILED
    assert "Moved to FailedJobRegistry, due to AbandonedJobError" in (failure.exc_string or "")
    assert once.id in failed.failed_job_registry
    for queue in queues:
        assert queue.started_job_registry.get_job_ids(cleanup=False) == []


def kill_at_work(url: str, queues: list[Queue], journal: Journal, mark: str, how: str) -> None:
    """Let a worker for each queue begin the job in it, and end them and their work horses."""
    with contextlib.ExitStack() as stack:
        killed = [
            stack.enter_context(worker(url, journal, f"killed-{queue.name}", queue.name, kind=MORTAL[how]))
            for queue in queues
        ]
        horses = [horse for _, horse in journal.await_words(mark, len(queues))]
        for process, horse in zip(killed, horses, strict=True):
            process.kill()
            with contextlib.suppress(ProcessLookupError):  # a SimpleWorker has none but itself
                os.kill(horse, signal.SIGKILL)


@pytest.fixture
def patient(own: Restartable) -> Iterator[Redis]:
    """A client that tries again for a minute where there is no server."""
    with Redis(port=own.port, retry=ConnectionRetry(ConstantBackoff(0.05), 1200)) as client:
        yield client


def test_300_jobs_outlive_two_restarts_of_the_server(
    own: Restartable, patient: Redis, journal: Journal, mark: str, tmp_path: Path
) -> None:
    """Once in order, and once as a loss of power would do it; both times both workers are at a job.

    Half of the jobs are enqueued meanwhile. A job is enqueued twice if the server goes before it has said
    that it is enqueued, which may happen once at each restart.
    """
    gates = [tmp_path / name for name in ("open", "first", "second")]  # what jobs wait for, by their number
    gates[0].touch()
    queue = Queue("work", connection=patient)
    made = []

    def enqueue(numbers: range) -> None:
        for n in numbers:
            gate = gates[(n >= FIRST_RESTART) + (n >= SECOND_RESTART)]
            made.append(queue.enqueue(jobs.tally, mark, n, str(gate)))

    with contextlib.ExitStack() as stack:
        for name, kind in CLASSES.items():
            stack.enter_context(worker(own.url, journal, f"steady-{name}", queue.name, kind=kind))
        enqueue(range(JOBS // 2))
        enqueuing = threading.Thread(target=enqueue, args=[range(JOBS // 2, JOBS)])
        enqueuing.start()
        for gate, end in zip(gates[1:], (Server.stop, Server.kill), strict=True):
            journal.await_entries(str(gate), 2, 60)
            end(own.server)
            own.again()
            gate.touch()
        enqueuing.join(60)
        eventually(lambda: all(job.is_finished for job in made), "all jobs are done", 60)

    runs = Counter(n for (n,) in journal.words(mark))
    assert set(runs) == set(range(JOBS))
    assert sum(runs.values()) <= JOBS + 2
    assert [job.return_value() for job in made] == [*range(JOBS)]
    assert queue.count == 0
    assert queue.intermediate_queue.get_job_ids() == []
    assert queue.started_job_registry.get_job_ids() == []
    assert queue.failed_job_registry.get_job_ids() == []
