"""Jobs for later, seen to by the schedulers that run beside the workers, and by `rq cron`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis
from rq import Queue, Repeat, Retry
from rq.cron import CronScheduler, get_cron_job_ids
from rq.exceptions import DuplicateJobError
from rq.job import Job, JobStatus
from rq.registry import ScheduledJobRegistry

from compat.journal import Journal
from compat.processes import eventually
from compat.rq import jobs
from compat.rq.conftest import outcome
from compat.rq.processes import MARK, QUEUE, SIMPLE, rq


def test_jobs_are_enqueued_as_they_fall_due(queue: Queue, journal: Journal, mark: str) -> None:
    """A scheduler looks once a second, at whole seconds."""
    now = datetime.now(UTC)
    at_once = queue.enqueue_in(timedelta(0), jobs.record, mark, "at once")
    soon = queue.enqueue_at(now + timedelta(seconds=1), jobs.record, mark, "soon")
    late = queue.enqueue_in(timedelta(hours=1), jobs.record, mark, "late")
    assert late.get_status() == JobStatus.SCHEDULED
    outcome(at_once)
    outcome(soon)
    at = {words: at for at, words in journal.entries(mark)}
    assert set(at) == {"at once", "soon"}
    assert at["soon"] >= int(now.timestamp()) + 1
    assert ScheduledJobRegistry(queue=queue).get_job_ids() == [late.id]
    late.delete()


def test_a_scheduled_job_is_cancelled(simple_queue: Queue, mark: str) -> None:
    job = simple_queue.enqueue_in(timedelta(hours=1), jobs.record, mark)
    job.cancel()
    assert job.get_status() == JobStatus.CANCELED
    assert job not in ScheduledJobRegistry(queue=simple_queue)
    assert job in simple_queue.canceled_job_registry


def test_a_unique_job_is_scheduled_once(simple_queue: Queue, mark: str) -> None:
    job = simple_queue.enqueue_in(timedelta(seconds=1), jobs.record, mark, job_id=mark, unique=True)
    with pytest.raises(DuplicateJobError):
        simple_queue.enqueue_in(timedelta(seconds=1), jobs.record, mark, job_id=mark, unique=True)
    assert outcome(job) == mark


def test_a_retry_waits_for_its_interval(queue: Queue, journal: Journal, mark: str) -> None:
    job = queue.enqueue(jobs.succeed_after, 1, mark, retry=Retry(max=1, interval=1))
    assert outcome(job) == 1
    (first, _), (second, _) = journal.entries(mark)
    assert second >= int(first) + 1


def test_a_job_repeats_itself(simple_queue: Queue, journal: Journal, mark: str) -> None:
    job = simple_queue.enqueue(jobs.record, mark, repeat=Repeat(times=2, interval=[0, 1]))
    (first, *_), _, (third, *_) = journal.await_entries(mark, 3)
    assert third >= int(first) + 1
    eventually(lambda: len(job.results()) == 3, "there are three results")


def test_a_cron_enqueues_what_is_due(
    workers: Any, url: str, connection: Redis, journal: Journal, mark: str
) -> None:
    words = ["cron", "compat.rq.cron"]
    process = rq("cron", words, url, journal, **{MARK: mark, QUEUE: SIMPLE})
    try:
        for name in ("interval", "cron"):
            eventually(lambda name=name: journal.words(mark).count([name]) >= 2, f"twice by {name}")
        (scheduler,) = CronScheduler.all(connection)
        assert scheduler.pid == process.pid
        assert {job.name for job in scheduler.get_jobs()} == {"interval", "cron"}
        assert scheduler.last_heartbeat is not None
    finally:
        process.stop()
    assert CronScheduler.all(connection) == []
    for name in ("interval", "cron"):
        times = []
        for job_id in get_cron_job_ids(name, connection):
            job = Job.fetch(job_id, connection=connection)
            assert job.args == (mark, name)
            times.append(job.enqueued_at)
        assert times == sorted(set(times), reverse=True)
        assert len(times) >= 2
