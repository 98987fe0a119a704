"""Workers and servers die: every task is done."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from compat.journal import Journal
from compat.servers import Restartable, abandon
from compat.streaq.conftest import Client, worker

TASKS = 300


def test_the_task_of_a_killed_worker_goes_to_another(
    url: str, journal: Journal, mark: str, gate: Path, redis_client: redis.Redis
) -> None:
    with Client(url, mark) as client:
        with worker(url, journal, "killed", mark) as killed:
            task = client.send("wait_for", mark, str(gate))
            journal.await_words(mark, 1)
            killed.kill()
        gate.touch()
        for priority in client.application.worker.priorities:
            abandon(redis_client, client.application.worker.stream_key + priority, "workers")
        with worker(url, journal, "heir", mark):
            assert client.value(task) == mark
    assert journal.words(mark) == [["began"], ["began"], ["finished"]]


@pytest.mark.timeout(120)
def test_300_tasks_outlive_the_death_of_the_server(own: Restartable, journal: Journal, mark: str) -> None:
    """A worker of streaq does not outlive its server; another one is started with it.

    What the first one had taken is abandoned after five seconds. After one, on a busy machine, that would be
    said of what the second one has taken and not begun.
    """
    with Client(own.url, mark) as client:
        tasks = [client.task("record", mark, n) for n in range(TASKS)]
        client.run(lambda: client.application.worker.enqueue_many(tasks))
        with worker(own.url, journal, "first", mark) as first:
            journal.await_words(mark, 1)
            own.server.kill()
            first.kill()
        own.again()
    with Client(own.url, mark) as client, worker(own.url, journal, "second", mark, idle_timeout=5):
        assert set(client.values(tasks)) == {mark}
    assert {n for (n,) in journal.words(mark)} == set(range(TASKS))
