"""One task at a time: plain, delayed, retried, rate-limited, prioritised, expiring."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery, states
from celery.exceptions import TaskRevokedError

from compat.celery.application import EVERYONE
from compat.celery.conftest import PATIENCE
from compat.celery.events import Events
from compat.journal import Journal

Make = Callable[..., Any]


def test_a_result_comes_back(task: Make) -> None:
    assert task("add", 2, 3).delay().get(timeout=PATIENCE) == 5


def test_a_large_message_comes_back_whole(task: Make) -> None:
    text = "ä€😀\r\n" * 100_000
    assert task("echo", text).delay().get(timeout=PATIENCE) == text


def test_an_exception_comes_back(task: Make) -> None:
    result = task("fail", "no ink").delay()
    with pytest.raises(ValueError, match="no ink"):
        result.get(timeout=PATIENCE)
    assert result.state == states.FAILURE
    assert "ValueError" in result.traceback


def test_a_result_is_forgotten_when_asked(task: Make, redis_client: redis.Redis) -> None:
    result = task("add", 1, 1).delay()
    result.get(timeout=PATIENCE)
    key = f"celery-task-meta-{result.id}"
    assert 0 < redis_client.ttl(key) <= 3600
    result.forget()
    assert not redis_client.exists(key)


def test_a_task_without_a_result_leaves_none(task: Make, journal: Journal, mark: str) -> None:
    result = task("record", mark).apply_async(ignore_result=True)
    journal.await_entries(mark, 1)
    assert result.state == states.PENDING


@pytest.mark.parametrize("how", ["countdown", "eta"])
def test_a_delayed_task_waits(task: Make, journal: Journal, mark: str, how: str) -> None:
    due = time.time() + 1.0
    when = {"countdown": 1.0} if how == "countdown" else {"eta": datetime.fromtimestamp(due, UTC)}
    task("record", mark).apply_async(**when)
    ((at,),) = journal.await_entries(mark, 1)
    assert due - 0.01 <= at


def test_delayed_tasks_run_as_they_fall_due(task: Make, journal: Journal, mark: str, gate: Path) -> None:
    """One of the two processes is busy, so that the other does them one after the other, however late."""
    busy = task("wait_for", f"{mark} busy", str(gate)).delay()
    journal.await_entries(f"{mark} busy", 1)
    start = datetime.now(UTC)
    for delay in (1.2, 0.4, 0.8):
        task("record", mark, delay).apply_async(eta=start + timedelta(seconds=delay))
    entries = journal.await_entries(mark, 3)
    assert [delay for _, delay in entries] == [0.4, 0.8, 1.2]
    assert all(at >= start.timestamp() + delay - 0.01 for at, delay in entries)
    gate.touch()
    busy.get(timeout=PATIENCE)


def test_a_task_is_retried_until_it_succeeds(task: Make, journal: Journal, mark: str) -> None:
    assert task("succeed_after", 3, mark).delay().get(timeout=PATIENCE) == 3
    assert journal.words(mark) == [[0], [1], [2], [3]]


def test_a_task_is_retried_so_often_and_no_more(task: Make, journal: Journal, mark: str) -> None:
    with pytest.raises(ValueError, match="try 5"):
        task("succeed_after", 9, mark).delay().get(timeout=PATIENCE)
    assert journal.words(mark) == [[n] for n in range(6)]


def test_a_rate_is_kept(task: Make, journal: Journal, mark: str) -> None:
    start = time.time()
    for n in range(6):
        task("limited", mark, n).apply_async(ignore_result=True)
    entries = journal.await_entries(mark, 6)
    assert sorted(n for _, n in entries) == [*range(6)]
    # Five intervals of 0.1 s; the first tokens may have been saved up. What a busy machine adds comes on top.
    assert max(at for at, _ in entries) - start > 0.4


def test_the_more_important_is_taken_first(
    app: Celery, task: Make, events: Events, mark: str, pool: str
) -> None:
    """Sent while nobody listens to the queue. 0 comes first; 0–2, 3–5, 6–8 and 9 are one rank each."""
    queue, worker = f"ranked-{mark}", [f"{pool}@compat"]
    order = [9, 4, 0, 6, 1, 3, 8, 0]
    ranks = {task("record", mark).apply_async(queue=queue, priority=rank).id: rank for rank in order}
    app.control.add_consumer(queue, destination=worker, reply=True, timeout=PATIENCE)
    taken = [ranks[event["uuid"]] for event in events.await_type("task-received", ranks)]
    app.control.cancel_consumer(queue, destination=worker, reply=True, timeout=PATIENCE)
    assert taken == [0, 1, 0, 4, 3, 6, 8, 9]


def test_what_has_expired_is_not_run(task: Make, journal: Journal, mark: str) -> None:
    late = task("record", mark, "late").apply_async(expires=datetime.now(UTC) - timedelta(seconds=1))
    timely = task("record", mark, "timely").apply_async(expires=60)
    with pytest.raises(TaskRevokedError, match="expired"):
        late.get(timeout=PATIENCE)
    assert late.state == states.REVOKED
    timely.get(timeout=PATIENCE)
    assert journal.words(mark) == [["timely"]]


def test_a_link_is_called_with_the_result(task: Make, journal: Journal, mark: str) -> None:
    task("add", 20, 22).apply_async(link=task("record_result", mark))
    assert [words for _, *words in journal.await_entries(mark, 1)] == [[42]]


def test_a_broadcast_reaches_every_worker(app: Celery, workers: Any, journal: Journal, mark: str) -> None:
    exchange = app.amqp.queues[EVERYONE].exchange  # a sender declares it, or Celery takes it for a direct one
    app.tasks["compat.celery.application.record"].apply_async((mark,), queue=EVERYONE, declare=[exchange])
    journal.await_entries(mark, len(workers))
