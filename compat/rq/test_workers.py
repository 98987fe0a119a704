"""What is said to workers, and what they tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from redis import Redis
from rq import Callback, Queue, SimpleWorker, Worker
from rq.command import send_kill_horse_command, send_shutdown_command, send_stop_job_command
from rq.job import JobStatus
from rq.results import Result
from rq.suspension import resume, suspend

from compat.journal import Journal
from compat.processes import Process, eventually
from compat.rq import jobs
from compat.rq.conftest import outcome
from compat.rq.processes import FORKING, SIMPLE, rq, worker
from compat.servers import Restartable


def named(name: str, connection: Redis) -> Worker:
    return next(found for found in Worker.all(connection=connection) if found.name == name)


def test_workers_are_seen(workers: dict[str, Process], connection: Redis) -> None:
    seen = {found.name: found for found in Worker.all(connection=connection)}
    assert {name: seen[name].pid for name in workers} == {name: p.pid for name, p in workers.items()}
    assert seen[FORKING].queue_names() == ["urgent", FORKING]
    assert [found.name for found in Worker.all(queue=Queue(SIMPLE, connection=connection))] == [SIMPLE]


def test_what_a_worker_is_at_is_seen(queue: Queue, journal: Journal, mark: str, gate: Path) -> None:
    job = queue.enqueue(jobs.wait_for, mark, str(gate))
    journal.await_words(mark, 1)
    busy = named(queue.name, queue.connection)
    assert [execution.job_id for execution in busy.get_current_executions()] == [job.id]
    assert queue.started_job_registry.get_job_ids() == [job.id]
    (execution,) = job.get_executions()
    gate.touch()
    outcome(job)
    assert job.results()[0].execution_id == execution.id
    eventually(lambda: not job.get_executions(), "the execution is over")
    eventually(lambda: named(queue.name, queue.connection).get_state() == "idle", "the worker is idle")


def test_a_worker_counts(queue: Queue) -> None:
    before = named(queue.name, queue.connection)
    outcome(queue.enqueue(jobs.add, 1, 1))
    assert queue.enqueue(jobs.fail, "no ink").latest_result(timeout=60)

    def counted() -> bool:
        now = named(queue.name, queue.connection)
        done = now.successful_job_count - (before.successful_job_count or 0)
        failed = now.failed_job_count - (before.failed_job_count or 0)
        return (done, failed) == (1, 1)

    eventually(counted, "one more is done, one more has failed")


def test_a_job_at_work_is_stopped(
    workers: Any, connection: Redis, journal: Journal, mark: str, gate: Path
) -> None:
    on_stopped = Callback(jobs.stopped)
    queue = Queue(FORKING, connection=connection)
    job = queue.enqueue(jobs.wait_for, mark, str(gate), meta={"mark": mark}, on_stopped=on_stopped)
    journal.await_words(mark, 1)
    send_stop_job_command(connection, job.id)
    assert journal.await_words(mark, 2)[1] == ["stopped"]
    eventually(lambda: job.get_status() == JobStatus.STOPPED, "the job is stopped")
    assert job in queue.failed_job_registry
    result = job.latest_result(timeout=60)
    assert result is not None
    assert result.type is Result.Type.FAILED
    assert outcome(queue.enqueue(jobs.add, 1, 1)) == 2


def test_a_work_horse_is_killed(
    workers: Any, connection: Redis, journal: Journal, mark: str, gate: Path
) -> None:
    job = Queue(FORKING, connection=connection).enqueue(jobs.wait_for, mark, str(gate))
    journal.await_words(mark, 1)
    send_kill_horse_command(connection, FORKING)
    eventually(lambda: job.get_status() == JobStatus.FAILED, "the job has failed")


def test_a_worker_is_shut_down(url: str, connection: Redis, unheard: Queue, journal: Journal) -> None:
    with worker(url, journal, "leaving", unheard.name, kind="rq.SimpleWorker") as leaving:
        send_shutdown_command(connection, "leaving")
        assert leaving.await_end() == 0
    assert "leaving" not in {found.name for found in Worker.all(connection=connection)}


def test_workers_are_suspended_and_resumed(own: Restartable, journal: Journal, mark: str) -> None:
    kind = "rq.SimpleWorker"
    with own.client() as client, worker(own.url, journal, "resting", "work", kind=kind) as resting:
        queue = Queue("work", connection=client)
        eventually(lambda: client.info("clients")["blocked_clients"], "the worker waits for a job")
        suspend(client)
        outcome(queue.enqueue(jobs.record, mark, "taken before it looked"))
        resting.await_log("suspended, run `rq resume` to resume")
        job = queue.enqueue(jobs.record, mark, "resumed")
        assert SimpleWorker.find_by_key("rq:worker:resting", connection=client).get_state() == "suspended"
        resume(client)
        outcome(job)
    assert journal.words(mark) == [["taken before it looked"], ["resumed"]]


def test_two_workers_of_one_name_are_refused(
    url: str, workers: Any, unheard: Queue, journal: Journal
) -> None:
    twin = rq("twin", ["worker", "--name", FORKING, unheard.name], url, journal)
    try:
        assert twin.await_end() != 0
        assert f"There exists an active worker named '{FORKING}' already" in twin.log()
    finally:
        twin.stop()
