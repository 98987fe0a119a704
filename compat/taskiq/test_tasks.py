"""Tasks through each broker: results, failures, retries, progress, schedules, broadcasts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import redis

from compat.journal import Journal
from compat.processes import eventually
from compat.taskiq import application
from compat.taskiq.application import PUBSUB, RESULTS_LAST, STREAM
from compat.taskiq.conftest import Client
from compat.taskiq.processes import taskiq


@pytest.mark.parametrize("task", ["add", "add_in_a_thread"])
def test_a_result_comes_back(client: Client, task: str, redis_client: redis.Redis) -> None:
    sent = client.send(task, 2, 3)
    assert client.result(sent).return_value == 5
    assert 0 < redis_client.ttl(sent.task_id) <= RESULTS_LAST


def test_a_failure_comes_back(client: Client) -> None:
    result = client.result(client.send("fail", "no ink"))
    assert result.is_err
    with pytest.raises(ValueError, match="no ink"):
        result.raise_for_error()


def test_500_tasks_are_done_once_each(
    client: Client, journal: Journal, mark: str, redis_client: redis.Redis
) -> None:
    sent = [client.send("record", mark, [n]) for n in range(500)]
    assert [client.result(task).return_value for task in sent] == [mark] * 500
    assert sorted(journal.words(mark)) == [[n] for n in range(500)]
    if client.kind == STREAM:
        eventually(lambda: pending(redis_client) == 0, "all are acknowledged")


def pending(redis_client: redis.Redis) -> int:
    return int(redis_client.xpending("taskiq:stream", "taskiq")["pending"])


def test_a_task_is_retried_until_it_succeeds(client: Client, journal: Journal, mark: str) -> None:
    client.send("succeed_after", 2, mark)
    assert journal.await_words(mark, 3) == [[0], [1], [2]]


def test_progress_is_kept(client: Client, journal: Journal, mark: str) -> None:
    task = client.send("report", 3, mark)
    journal.await_words(mark, 1)
    progress = client.run(task.get_progress())
    assert progress is not None
    assert progress.meta == 2


def test_a_scheduled_task_is_sent_when_it_falls_due(client: Client, journal: Journal, mark: str) -> None:
    """A schedule looks for new tasks once a second."""
    source = application.make_schedule(client.url)
    task = application.record.kicker().with_labels(kind=client.kind)
    due = datetime.now(UTC) + timedelta(seconds=1)

    async def schedule() -> None:
        await source.startup()
        await task.schedule_by_time(source, due, mark, ["due"])
        await source._connection_pool.disconnect()  # its shutdown leaves that to the garbage collector

    client.run(schedule())
    words = ["scheduler", "compat.taskiq.application:scheduler", "--update-interval", "1"]
    process = taskiq(f"scheduler-{client.kind}", words, client.url, journal, client.kind)
    try:
        ((at, _),) = journal.await_entries(mark, 1)
    finally:
        process.stop()
    assert at >= due.timestamp()


def test_a_broadcast_reaches_every_worker(
    clients: dict[str, Client], journal: Journal, mark: str, redis_client: redis.Redis
) -> None:
    channel = "taskiq:pubsub"
    eventually(lambda: dict(redis_client.pubsub_numsub(channel))[channel] == 2, "both workers listen")
    clients[PUBSUB].send("record", mark, ["heard"])
    assert journal.await_words(mark, 2) == [["heard"]] * 2
