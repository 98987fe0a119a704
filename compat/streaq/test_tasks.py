"""Tasks: results, failures, retries, delays, dependencies, priorities, cron, and what ends them early."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from streaq import TaskStatus
from streaq.task import TaskResult

from compat.journal import Journal
from compat.processes import eventually
from compat.streaq.conftest import Client, worker


@pytest.mark.parametrize("task", ["add", "add_in_a_thread"])
def test_a_result_comes_back(client: Client, task: str) -> None:
    sent = client.send(task, 2, 3)
    assert client.value(sent) == 5
    assert client.run(sent.status) == TaskStatus.DONE


def test_a_failure_comes_back(client: Client) -> None:
    result = client.result(client.send("fail", "no ink"))
    assert not result.success
    assert isinstance(result.exception, ValueError)


def test_who_waits_for_a_result_is_told(
    client: Client, mark: str, redis_client: redis.Redis, tmp_path: Path
) -> None:
    async def waited() -> TaskResult[str]:
        task = await client.task("wait_for", mark, str(tmp_path / "gate")).start()
        waiting = asyncio.create_task(task.result())
        while not await asyncio.to_thread(redis_client.pubsub_channels, f"*{task.id}"):
            pass
        (tmp_path / "gate").touch()
        return await waiting

    assert client.run(waited).result == mark


def test_500_tasks_are_done_once_each(
    client: Client, journal: Journal, mark: str, redis_client: redis.Redis
) -> None:
    worker = client.application.worker
    tasks = [client.task("record", mark, n) for n in range(500)]
    client.run(lambda: worker.enqueue_many(tasks))
    assert client.values(tasks) == [mark] * 500
    assert sorted(journal.words(mark)) == [[n] for n in range(500)]
    for priority in worker.priorities:
        stream = worker.stream_key + priority
        eventually(lambda stream=stream: redis_client.xlen(stream) == 0, "every entry is deleted")
        (group,) = redis_client.xinfo_groups(stream)
        assert group["pending"] == 0


def test_a_task_is_retried_until_it_succeeds(client: Client, journal: Journal, mark: str) -> None:
    assert client.value(client.send("succeed_after", 2, mark)) == 3
    assert journal.words(mark) == [[1], [2], [3]]


def test_a_task_is_retried_so_often_and_no_more(client: Client, journal: Journal, mark: str) -> None:
    result = client.result(client.send("succeed_after", 9, mark))
    assert not result.success
    assert "Max retry attempts reached" in str(result.exception)
    assert journal.words(mark) == [[1], [2], [3]]


def test_delayed_tasks_run_as_they_fall_due(client: Client, journal: Journal, mark: str) -> None:
    due = datetime.now(UTC) + timedelta(seconds=1)
    scheduled = client.send("record", mark, "scheduled", schedule=due)
    delayed = client.send("record", mark, "delayed", delay=timedelta(seconds=0.2))
    late = client.send("record", mark, "late", delay=timedelta(hours=1))
    client.value(delayed)
    client.value(scheduled)
    at = {words: at for at, words in journal.entries(mark)}
    assert set(at) == {"delayed", "scheduled"}
    assert at["scheduled"] >= int(due.timestamp() * 1000) / 1000
    assert client.run(late.status) == TaskStatus.SCHEDULED


def test_a_task_waits_for_those_it_depends_on(
    client: Client, journal: Journal, mark: str, gate: Path
) -> None:
    first, second = client.send("wait_for", mark, str(gate)), client.send("add", 1, 1)
    last = client.send("record", mark, "behind", after=[first.id, second.id])
    journal.await_words(mark, 1)
    client.value(second)
    assert client.run(last.status) == TaskStatus.SCHEDULED
    gate.touch()
    client.value(last)
    assert journal.words(mark) == [["began"], ["finished"], ["behind"]]


def test_what_depends_on_a_failure_fails(client: Client, mark: str, gate: Path) -> None:
    failing = client.send("fail_later", "no ink", str(gate))
    dependent = client.send("record", mark, after=failing.id)
    gate.touch()
    assert not client.result(dependent).success


def test_a_chain_hands_on_its_results(client: Client) -> None:
    double = client.application.tasks["double"]
    chain = client.task("add", 1, 2).then(double).then(double)
    assert client.value(client.run(lambda: chain)) == 12


def test_a_unique_task_is_alone(client: Client, journal: Journal, mark: str, gate: Path) -> None:
    first = client.send("alone", mark, str(gate))
    journal.await_words(mark, 1)
    second = client.result(client.send("alone", mark, str(gate)))
    assert "another instance of the same task is already running" in str(second.exception)
    gate.touch()
    assert client.value(first) == mark


def test_a_task_at_work_is_aborted(client: Client, journal: Journal, mark: str) -> None:
    task = client.send("sleep", mark)
    journal.await_words(mark, 1)
    assert client.run(lambda: task.abort(timeout=20))
    assert not client.result(task).success


def test_the_more_important_is_taken_first(url: str, journal: Journal, mark: str) -> None:
    with Client(url, mark) as client:
        client.send("record", mark, "low", priority="low")
        client.send("record", mark, "high", priority="high")
        with worker(url, journal, "ranked", mark, concurrency=1):
            assert journal.await_words(mark, 2) == [["high"], ["low"]]


def test_a_cron_runs_what_is_due(url: str, journal: Journal, mark: str) -> None:
    with worker(url, journal, "cron", f"cron-{mark}", cron=mark):
        journal.await_entries(mark, 2)
