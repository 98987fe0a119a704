"""Workers and servers die: what was acknowledged is done, and what was not is done by another worker.

The list broker acknowledges a message by taking it; only the stream broker can give it to another worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from compat.journal import Journal
from compat.processes import eventually
from compat.servers import Restartable, Server, abandon
from compat.taskiq.application import ABANDONED_MS, STREAM
from compat.taskiq.conftest import Client
from compat.taskiq.processes import worker

TASKS = 300
IMPATIENT = {ABANDONED_MS: "500"}


def acknowledged(server: redis.Redis) -> bool:
    """Whether the group has been given every message and has acknowledged it."""
    (group,) = server.xinfo_groups("taskiq:stream")
    return group["lag"] == group["pending"] == 0


@pytest.fixture
def client(own: Restartable) -> Iterator[Client]:
    with Client(STREAM, own.url) as opened:
        yield opened


def await_done(client: Client, done: Callable[[], bool]) -> None:
    """Wait for tasks; a worker looks for abandoned messages whenever it has been given a new one."""

    def done_after_another() -> bool:
        client.result(client.send("add", 1, 1))
        return done()

    eventually(done_after_another, "all tasks are done", 60)


def test_the_task_of_a_killed_worker_goes_to_another(
    own: Restartable, client: Client, journal: Journal, mark: str, gate: Path
) -> None:
    with worker(own.url, journal, "killed", STREAM) as killed:
        task = client.send("wait_for", mark, str(gate))
        journal.await_words(mark, 1)
        killed.kill()
    gate.touch()
    with own.client() as server, worker(own.url, journal, "heir", STREAM):
        abandon(server, "taskiq:stream", "taskiq")
        await_done(client, lambda: client.run(task.is_ready()))
        assert client.result(task).return_value == mark
        eventually(lambda: acknowledged(server), "the message is acknowledged")
    assert journal.words(mark) == [["began"], ["began"], ["finished"]]


@pytest.mark.timeout(120)
def test_300_tasks_outlive_two_restarts_of_the_server(
    own: Restartable, client: Client, journal: Journal, mark: str
) -> None:
    """Once in order, and once as a loss of power would do it.

    A message whose way to the worker was cut off is one that the worker has and does not know of. The worker
    may die as well: taskiq-redis ends a look for abandoned messages with EVALSHA, which redis-py sends again
    to a server that does not know the script any more, and NOSCRIPT ends the worker's process; another takes
    its place. What it had acknowledged before the result (`--ack-type when_executed`) would stay without one.
    """
    with worker(own.url, journal, "steady", STREAM, **IMPATIENT), own.client() as server:
        sent = []
        for end in (Server.stop, Server.kill, None):
            sent += [client.send("record", mark, [n]) for n in range(len(sent), len(sent) + TASKS // 3)]
            if end:
                end(own.server)
                own.again()
        await_done(client, lambda: acknowledged(server) and all(client.run(task.is_ready()) for task in sent))
        assert [client.result(task).return_value for task in sent] == [mark] * TASKS
    assert {n for (n,) in journal.words(mark)} == set(range(TASKS))
