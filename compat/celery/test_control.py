"""What is said to workers, and what they tell: revoking, remote control, inspection, events."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, states
from celery.exceptions import TaskRevokedError

from compat.celery.application import NEVER, PREFORK, THREADS
from compat.celery.conftest import PATIENCE
from compat.celery.events import Events
from compat.celery.processes import worker
from compat.journal import Journal
from compat.processes import Process, eventually

Make = Callable[..., Any]
BOTH = {f"{PREFORK}@compat", f"{THREADS}@compat"}


@pytest.fixture
def name(pool: str) -> str:
    return f"{pool}@compat"


def test_every_worker_answers_a_ping(app: Celery, workers: dict[str, Process]) -> None:
    assert (
        {who for reply in app.control.ping(timeout=PATIENCE, limit=2) for who in reply}
        == BOTH
        == {f"{pool}@compat" for pool in workers}
    )


def test_a_worker_tells_about_itself(app: Celery, name: str, pool: str) -> None:
    inspect = app.control.inspect([name], timeout=PATIENCE, limit=1)
    assert "compat.celery.application.add" in inspect.registered()[name]
    assert inspect.active_queues()[name][0]["name"] == pool
    stats = inspect.stats()[name]
    assert stats["broker"]["transport"] == "redis"
    assert stats["pool"]["max-concurrency"] == 2
    assert inspect.conf()[name]["task_default_queue"] == PREFORK
    assert inspect.clock()[name]["clock"] > 0


def test_what_is_at_work_and_what_waits_is_seen(
    app: Celery, task: Make, journal: Journal, mark: str, name: str, gate: Path
) -> None:
    inspect = app.control.inspect([name], timeout=PATIENCE, limit=1)
    later = task("record", mark).apply_async(countdown=NEVER)
    sent = [task("wait_for", mark, str(gate)).delay() for _ in range(3)]
    journal.await_entries(mark, 2)
    active = eventually(lambda: len(inspect.active()[name]) == 2 and inspect.active()[name], "two at work")
    (reserved,) = eventually(lambda: inspect.reserved()[name], "the third is reserved")
    assert {found["id"] for found in [*active, reserved]} == {result.id for result in sent}
    (scheduled,) = eventually(lambda: inspect.scheduled()[name], "the fourth is scheduled")
    assert scheduled["request"]["id"] == later.id
    assert inspect.query_task(later.id)[name][later.id][0] == "scheduled"
    app.control.revoke(later.id)
    gate.touch()
    for result in sent:
        assert result.get(timeout=PATIENCE) == mark


def test_a_revoked_task_is_not_run(task: Make, app: Celery, journal: Journal, mark: str, name: str) -> None:
    result = task("record", mark).apply_async(countdown=0.5)
    result.revoke()
    eventually(lambda: result.id in app.control.inspect([name]).revoked()[name], "the worker knows")
    with pytest.raises(TaskRevokedError, match="revoked"):
        result.get(timeout=PATIENCE)
    assert result.state == states.REVOKED
    assert journal.words(mark) == []


def test_a_task_at_work_is_terminated(
    app: Celery, workers: Any, journal: Journal, mark: str, gate: Path
) -> None:
    """Processes only: a thread cannot be ended."""
    wait_for = app.tasks["compat.celery.application.wait_for"]
    result = wait_for.apply_async((mark, str(gate)), queue=PREFORK)
    journal.await_entries(mark, 1)
    result.revoke(terminate=True, signal="SIGKILL")
    with pytest.raises(TaskRevokedError, match="terminated"):
        result.get(timeout=PATIENCE)
    gate.touch()
    assert [what for what, *_ in journal.words(mark)] == ["began"]


def test_a_rate_is_changed(task: Make, app: Celery, journal: Journal, mark: str, name: str) -> None:
    def change(rate: str | int) -> None:
        record = "compat.celery.application.record"
        (reply,) = app.control.rate_limit(record, rate, [name], reply=True, timeout=PATIENCE)
        assert "ok" in reply[name]

    change("5/s")
    start = time.time()
    for n in range(4):
        task("record", mark, n).apply_async(ignore_result=True)
    *_, (end, _) = journal.await_entries(mark, 4)
    change(0)
    assert end - start > 0.5


def test_a_pool_grows_and_shrinks(app: Celery, workers: dict[str, Process]) -> None:
    inspect = app.control.inspect([f"{PREFORK}@compat"], timeout=PATIENCE, limit=1)

    def size() -> int:
        return len(inspect.stats()[f"{PREFORK}@compat"]["pool"]["processes"])

    app.control.pool_grow(1, destination=[f"{PREFORK}@compat"], reply=True, timeout=PATIENCE)
    eventually(lambda: size() == 3, "a third process")
    app.control.pool_shrink(1, destination=[f"{PREFORK}@compat"], reply=True, timeout=PATIENCE)
    eventually(lambda: size() == 2, "two processes again")


def test_a_worker_is_shut_down(app: Celery, url: str, journal: Journal) -> None:
    with worker(url, journal, "short", "nothing", pool="solo") as process:
        while not app.control.ping(["short@compat"], timeout=1, limit=1):
            pass  # it does not listen yet, and what is said to nobody is lost
        app.control.shutdown(["short@compat"])
        assert process.await_end() == 0


def test_the_life_of_a_task_is_told(task: Make, events: Events) -> None:
    result = task("add", 1, 1).delay()
    life = ["task-received", "task-sent", "task-started", "task-succeeded"]
    for kind in life:  # they come from two processes, in no order
        events.await_type(kind, [result.id])
    assert sorted(event["type"] for event in events.of([result.id])) == life


def test_a_failure_and_a_retry_are_told(task: Make, events: Events, mark: str) -> None:
    failed = task("fail", "no ink").delay()
    retried = task("succeed_after", 1, mark).delay()
    (event,) = events.await_type("task-failed", [failed.id])
    assert event["exception"] == "ValueError('no ink')"
    events.await_type("task-retried", [retried.id])
    events.await_type("task-succeeded", [retried.id])


def test_workers_give_signs_of_life(events: Events) -> None:
    def alive() -> bool:
        return {e["hostname"] for e in [*events.seen] if e["type"] == "worker-heartbeat"} >= BOTH

    eventually(alive, "a heartbeat of each worker")


def test_events_are_switched_off_and_on(task: Make, app: Celery, events: Events, name: str) -> None:
    app.control.disable_events([name], reply=True, timeout=PATIENCE)
    silent = task("add", 1, 1).delay()
    silent.get(timeout=PATIENCE)
    app.control.enable_events([name], reply=True, timeout=PATIENCE)
    told = task("add", 1, 1).delay()
    events.await_type("task-succeeded", [told.id])
    # A worker stores the result first, so it may tell of success when events are on again already.
    assert {event["type"] for event in events.of([silent.id])} <= {"task-sent", "task-succeeded"}
