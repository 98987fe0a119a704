"""Workers and servers die, results grow old: nothing is lost, and nothing is done more often than explained.

Celery promises "at least once". With late acknowledgement a message that a worker has taken stays among
the unacknowledged until the task is done, and goes back into the queue when it has been there for the
visibility timeout. So what a worker had taken when it or the server died may run again, and nothing else:
that is at most what it prefetches, and what it had not yet reported as done.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, states

from compat.celery import application
from compat.celery.application import PREFORK
from compat.celery.conftest import PATIENCE, signature
from compat.celery.processes import worker
from compat.journal import Journal
from compat.processes import eventually
from compat.servers import Restartable, Server

TASKS, FIRST_RESTART, SECOND_RESTART = 2000, 400, 1200
PREFETCHED = 2 * 4  # messages: two processes, Celery's worker_prefetch_multiplier


def with_visibility(seconds: float) -> dict[str, Any]:
    """Late acknowledgement; messages not acknowledged in time, an hour by default, are looked for often."""
    return {
        "broker_transport_options": {
            "visibility_timeout": seconds,
            "unacked_restore_interval": 0.5,
            "unacked_restore_throttle": 1,  # look at every interval, not at every tenth
        },
        "broker_connection_max_retries": None,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
    }


@pytest.fixture
def own_app(own: Restartable) -> Iterator[Celery]:
    with application.current(application.make_app(own.url)) as opened:
        yield opened


@pytest.fixture
def sender(own: Restartable) -> Iterator[Celery]:
    """One who does not ask for results, and tries again for a minute where there is no server."""
    retry = {"max_retries": 1200, "interval_start": 0.05, "interval_step": 0, "interval_max": 0.05}
    with application.current(
        application.make_app(own.url, "disabled://", task_publish_retry_policy=retry)
    ) as opened:
        yield opened


def test_the_task_of_a_killed_worker_goes_to_another(
    own: Restartable, own_app: Celery, journal: Journal, mark: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    with worker(own.url, journal, "killed", PREFORK, **with_visibility(2)) as first:
        result = signature(own_app, "wait_for", mark, str(gate)).delay()
        ((what, redelivered, _),) = journal.await_words(mark, 1)
        assert (what, redelivered) == ("began", False)
        first.kill()
    gate.touch()
    with worker(own.url, journal, "heir", PREFORK, **with_visibility(2)), own.client() as client:
        assert result.get(timeout=PATIENCE) == mark
        assert [words[:2] for words in journal.words(mark)] == [
            ["began", False],
            ["began", True],
            ["finished", True],
        ]
        eventually(lambda: not client.exists("unacked", "unacked_index"), "everything is acknowledged")


def test_a_result_expires(own: Restartable, own_app: Celery, journal: Journal) -> None:
    with worker(own.url, journal, "brief", PREFORK, result_expires=1):
        result = signature(own_app, "add", 1, 1).delay()
        assert result.get(timeout=PATIENCE) == 2
    with own.client() as client:
        eventually(lambda: not client.exists(f"celery-task-meta-{result.id}"), "the result is gone")
    assert own_app.AsyncResult(result.id).state == states.PENDING


def test_2000_tasks_outlive_two_restarts_of_the_server(
    own: Restartable, sender: Celery, journal: Journal, mark: str, tmp_path: Path
) -> None:
    """Once in order, and once as a loss of power would do it; half of the tasks are sent meanwhile.

    kombu takes a message with BRPOP and notes it among the unacknowledged with a second request: one that
    is between the two when the server goes is lost, whatever the server. So tasks hold the worker's two
    processes first, until it has taken all that it prefetches and takes no more.
    """
    gates = [tmp_path / name for name in ("open", "first", "second")]  # what tasks wait for, by their number
    gates[0].touch()

    def send(numbers: range) -> None:
        for n in numbers:
            gate = gates[(n >= FIRST_RESTART) + (n >= SECOND_RESTART)]
            signature(sender, "tally", mark, n, str(gate)).apply_async()

    def await_full(gate: Path) -> None:
        """Wait until the worker can take no more: two tasks wait for the gate, and nothing else is done."""

        def full() -> bool:
            waiting = {uuid for _, uuid in journal.entries(str(gate))}
            if len(waiting) < 2:
                return False
            with sender.connection_for_write() as new:  # one of the pool may be from before the restart
                inspect = sender.control.inspect([name], timeout=1, connection=new, limit=1)
                told = [(kind() or {}).get(name, []) for kind in (inspect.active, inspect.reserved)]
            active, reserved = ({request["id"] for request in requests} for requests in told)
            return active == waiting and len(reserved | active) == PREFETCHED

        eventually(full, f"the worker can take no more and waits for {gate.name}", 90)

    name = "steady@compat"
    with worker(own.url, journal, "steady", PREFORK, **with_visibility(6)), own.client() as client:
        send(range(TASKS // 2))
        sending = threading.Thread(target=send, args=[range(TASKS // 2, TASKS)])
        sending.start()
        for gate, end in zip(gates[1:], (Server.stop, Server.kill), strict=True):
            await_full(gate)
            end(own.server)
            own.again()
            gate.touch()
        sending.join(90)
        eventually(lambda: not client.exists(PREFORK, "unacked", "unacked_index"), "nothing is left", 90)

    runs = Counter(n for (n,) in journal.words(mark))
    assert set(runs) == set(range(TASKS))
    again = sum(runs.values()) - TASKS
    sent_twice = 2  # a message each time, if the server went before it had replied
    assert again <= 2 * PREFETCHED + sent_twice
