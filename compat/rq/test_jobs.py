"""Single jobs: results, failures, retries, callbacks, cancellation, and what limits them."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq import Callback, Queue, Repeat, Retry
from rq.exceptions import DuplicateJobError, InvalidJobOperation, NoSuchJobError
from rq.group import Group
from rq.job import Dependency, Job, JobStatus
from rq.rate_limit import RateLimit
from rq.results import Result

from compat.journal import Journal
from compat.processes import eventually
from compat.rq import jobs
from compat.rq.conftest import outcome
from compat.rq.processes import FORKING, SIMPLE, worker


def await_status(job: Job, status: JobStatus) -> None:
    eventually(lambda: job.get_status() == status, f"{job} is {status.value}")


def test_a_result_comes_back(queue: Queue) -> None:
    job = queue.enqueue(jobs.add, 2, 3)
    assert outcome(job) == 5
    await_status(job, JobStatus.FINISHED)
    assert job.return_value(refresh=True) == 5
    assert job.id in queue.finished_job_registry
    assert job.id not in queue.started_job_registry
    assert not queue.intermediate_queue.get_job_ids()


def test_a_large_result_comes_back(queue: Queue) -> None:
    assert outcome(queue.enqueue(jobs.add, "x" * 1_000_000, "y")) == "x" * 1_000_000 + "y"


def test_200_jobs_are_done_in_the_order_of_the_queue(
    url: str, unheard: Queue, journal: Journal, mark: str
) -> None:
    unheard.enqueue_many([Queue.prepare_data(jobs.record, (mark, n)) for n in range(200)])
    assert unheard.count == 200
    with worker(url, journal, "orderly", unheard.name, kind="rq.SimpleWorker", burst=True) as orderly:
        assert orderly.await_end() == 0
    assert journal.words(mark) == [[n] for n in range(200)]
    assert unheard.count == 0


def test_the_more_important_is_taken_first(
    url: str, connection: Redis, unheard: Queue, journal: Journal, mark: str
) -> None:
    high, low = Queue(f"high-{mark}", connection=connection), unheard
    for n in range(3):
        low.enqueue(jobs.record, mark, "low", n)
    low.enqueue(jobs.record, mark, "low", "front", at_front=True)
    high.enqueue(jobs.record, mark, "high")
    with worker(url, journal, "ranked", high.name, low.name, kind="rq.SimpleWorker", burst=True) as ranked:
        assert ranked.await_end() == 0
    assert journal.words(mark) == [["high"], ["low", "front"], ["low", 0], ["low", 1], ["low", 2]]


def test_a_result_that_is_not_wanted_is_not_kept(queue: Queue, journal: Journal, mark: str) -> None:
    job = queue.enqueue(jobs.record, mark, result_ttl=0)
    journal.await_words(mark, 1)
    eventually(lambda: not Job.exists(job.id, queue.connection), "the job is gone")
    assert not queue.connection.exists(Result.get_key(job.id))


def test_a_result_expires(simple_queue: Queue, journal: Journal, mark: str) -> None:
    job = simple_queue.enqueue(jobs.record, mark, result_ttl=1)
    journal.await_words(mark, 1)
    eventually(
        lambda: not simple_queue.connection.exists(job.key, Result.get_key(job.id)),
        "job and result are gone",
    )


def test_results_are_a_history(queue: Queue, mark: str) -> None:
    """The newest first. RQ asks for about ten (MAXLEN ~ 10), which with a server's nodes is up to 109."""
    job = queue.enqueue(jobs.record, mark, repeat=Repeat(times=11))
    results = eventually(lambda: len(found := job.results()) == 12 and found, "there are all results")
    assert [result.return_value for result in results] == [mark] * 12
    ids = [tuple(map(int, (result.id or "").split("-"))) for result in results]
    assert ids == sorted(ids, reverse=True)
    assert len({result.execution_id for result in results}) == 12
    assert job.latest_result() == results[0]
    assert 0 < queue.connection.ttl(Result.get_key(job.id)) <= 500


def test_what_a_job_says_of_itself_is_kept(queue: Queue) -> None:
    job = queue.enqueue(jobs.describe, "half of it", meta={"owner": "Ann"}, description="a sketch")
    outcome(job)
    assert job.get_meta() == {"owner": "Ann", "progress": "half of it"}
    assert Job.fetch(job.id, connection=queue.connection).description == "a sketch"


def test_a_failure_is_kept_and_can_be_tried_again(queue: Queue, journal: Journal, mark: str) -> None:
    job = queue.enqueue(jobs.succeed_after, 1, mark)
    failure = job.latest_result(timeout=60)
    assert failure is not None
    assert failure.type is Result.Type.FAILED
    assert "ValueError: with None retries left" in (failure.exc_string or "")
    eventually(lambda: job.id in queue.failed_job_registry, "the job is among those that failed")
    queue.failed_job_registry.requeue(job)
    await_status(job, JobStatus.FINISHED)
    assert job.id not in queue.failed_job_registry
    assert [result.type for result in job.results()] == [Result.Type.SUCCESSFUL, Result.Type.FAILED]
    assert len(journal.words(mark)) == 2


def test_a_job_is_retried_until_it_succeeds(queue: Queue, journal: Journal, mark: str) -> None:
    job = queue.enqueue(jobs.succeed_after, 3, mark, retry=Retry(max=5))
    assert outcome(job) == 3
    assert journal.words(mark) == [[5], [4], [3], [2]]


def test_a_job_is_retried_so_often_and_no_more(queue: Queue, journal: Journal, mark: str) -> None:
    job = queue.enqueue(jobs.succeed_after, 9, mark, retry=Retry(max=2))
    await_status(job, JobStatus.FAILED)
    assert journal.words(mark) == [[2], [1], [0]]
    assert job.id in queue.failed_job_registry


def test_callbacks_are_called(queue: Queue, journal: Journal, mark: str) -> None:
    callbacks = {"on_success": Callback(jobs.succeeded), "on_failure": Callback(jobs.failed)}
    queue.enqueue(jobs.add, 20, 22, meta={"mark": mark}, **callbacks)
    journal.await_words(mark, 1)
    queue.enqueue(jobs.fail, "no ink", meta={"mark": mark}, **callbacks)
    assert journal.await_words(mark, 2) == [["succeeded", 42], ["failed", "ValueError", "no ink"]]


def test_a_job_that_takes_too_long_is_ended(queue: Queue, mark: str, gate: Path) -> None:
    job = queue.enqueue(jobs.wait_for, mark, str(gate), job_timeout=1)
    result = job.latest_result(timeout=60)
    assert result is not None
    assert "JobTimeoutException" in (result.exc_string or "")


def test_a_job_grows_old_in_the_queue(url: str, unheard: Queue, journal: Journal, mark: str) -> None:
    job = unheard.enqueue(jobs.record, mark, "late", ttl=1)
    unheard.enqueue(jobs.record, mark, "timely", ttl=60)
    eventually(lambda: not Job.exists(job.id, unheard.connection), "the job is gone")
    with worker(url, journal, "tardy", unheard.name, kind="rq.SimpleWorker", burst=True) as tardy:
        assert tardy.await_end() == 0
    assert journal.words(mark) == [["timely"]]


def test_a_unique_job_is_enqueued_once(queue: Queue, gate: Path, mark: str) -> None:
    job = queue.enqueue(jobs.wait_for, mark, str(gate), job_id=mark, unique=True)
    with pytest.raises(DuplicateJobError):
        queue.enqueue(jobs.wait_for, mark, str(gate), job_id=mark, unique=True)
    gate.touch()
    outcome(job)
    await_status(job, JobStatus.FINISHED)
    job.delete()
    assert outcome(queue.enqueue(jobs.record, mark, job_id=mark, unique=True)) == mark


def test_a_cancelled_job_is_not_run(url: str, unheard: Queue, journal: Journal, mark: str) -> None:
    cancelled = unheard.enqueue(jobs.record, mark, "cancelled")
    unheard.enqueue(jobs.record, mark, "kept")
    cancelled.cancel()
    with pytest.raises(InvalidJobOperation):
        cancelled.cancel()
    with worker(url, journal, "obedient", unheard.name, kind="rq.SimpleWorker", burst=True) as obedient:
        assert obedient.await_end() == 0
    assert journal.words(mark) == [["kept"]]
    assert cancelled.get_status() == JobStatus.CANCELED
    assert cancelled.id in unheard.canceled_job_registry


def test_a_queue_is_emptied_and_deleted(unheard: Queue, mark: str) -> None:
    first = unheard.enqueue(jobs.record, mark)
    unheard.enqueue(jobs.record, mark)
    assert unheard in Queue.all(unheard.connection)
    assert unheard.get_job_position(first.id) == 0
    assert unheard.empty() == 2
    with pytest.raises(NoSuchJobError):
        first.refresh()
    unheard.delete()
    assert unheard not in Queue.all(unheard.connection)


def test_a_job_waits_for_those_it_depends_on(queue: Queue, gate: Path, mark: str) -> None:
    first, second = queue.enqueue(jobs.add, 1, 2), queue.enqueue(jobs.add, 10, 20)
    last = queue.enqueue(jobs.wait_for, mark, str(gate))
    total = queue.enqueue(jobs.sum_of_dependencies, depends_on=[first, second])
    dependent = queue.enqueue(jobs.record, mark, "behind", depends_on=last)
    assert dependent.get_status() == JobStatus.DEFERRED
    assert dependent.id in queue.deferred_job_registry
    gate.touch()
    assert outcome(total) == 33
    assert outcome(dependent) == mark
    assert dependent.id not in queue.deferred_job_registry


def test_what_depends_on_a_failure_waits_on_unless_it_says_otherwise(queue: Queue) -> None:
    job = queue.enqueue(jobs.fail, "no ink")
    strict = queue.enqueue(jobs.add, 1, 1, depends_on=job)
    lenient = queue.enqueue(jobs.add, 1, 1, depends_on=Dependency(jobs=[job], allow_failure=True))
    assert outcome(lenient) == 2
    assert strict.get_status() == JobStatus.DEFERRED


def test_what_depends_on_a_cancelled_job_can_be_let_go(queue: Queue, unheard: Queue, mark: str) -> None:
    job = unheard.enqueue(jobs.record, mark)
    dependent = queue.enqueue(jobs.add, 1, 1, depends_on=job)
    job.cancel(enqueue_dependents=True)
    assert outcome(dependent) == 2
    assert job.id in unheard.canceled_job_registry


def test_a_group_knows_its_jobs(queue: Queue, mark: str) -> None:
    group = Group.create(connection=queue.connection, name=mark)
    made = group.enqueue_many(queue, [Queue.prepare_data(jobs.add, (n, n)) for n in range(20)])
    assert [outcome(job) for job in made] == [2 * n for n in range(20)]
    assert {job.id for job in Group.fetch(mark, queue.connection).get_jobs()} == {job.id for job in made}
    assert mark in {found.name for found in Group.all(queue.connection)}


def test_a_limit_is_kept_across_workers(
    workers: Any, connection: Redis, journal: Journal, mark: str, gate: Path
) -> None:
    """Two workers, room for one. Which of those that wait is next, RQ leaves to their ids."""
    limit = RateLimit(key=mark, concurrency=1)
    made = [
        Queue(name, connection=connection).enqueue(jobs.wait_for, mark, str(gate), rate_limit=limit)
        for name in [FORKING, SIMPLE] * 3
    ]
    journal.await_words(mark, 1)
    assert sorted(job.get_status() for job in made) == [JobStatus.RATE_LIMITED] * 5 + [JobStatus.STARTED]
    gate.touch()
    assert [what for what, _ in journal.await_words(mark, 12)] == ["began", "finished"] * 6
    for job in made:
        await_status(job, JobStatus.FINISHED)


def test_the_job_of_a_killed_work_horse_has_failed(
    workers: Any, connection: Redis, journal: Journal, mark: str, gate: Path
) -> None:
    job = Queue(FORKING, connection=connection).enqueue(jobs.wait_for, mark, str(gate))
    ((_, horse),) = journal.await_words(mark, 1)
    os.kill(horse, signal.SIGKILL)
    await_status(job, JobStatus.FAILED)
    result = job.latest_result()
    assert result is not None
    assert "Work-horse terminated unexpectedly; waitpid returned 9 (signal 9)" in (result.exc_string or "")
