"""The workers of each server and the queues they listen to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from redis import Redis
from rq import Queue
from rq.job import Job

from compat.journal import Journal
from compat.processes import Process
from compat.rq.processes import CLASSES, FORKING, SIMPLE, worker
from compat.servers import Server

PATIENCE = 60  # seconds to wait for a result; it is an error if it takes as long


@pytest.fixture(scope="package")
def connection(server: Server) -> Iterator[Redis]:
    with Redis(port=server.port) as client:
        yield client


@pytest.fixture(scope="package")
def workers(url: str, journal: Journal) -> Iterator[dict[str, Process]]:
    """The two workers by name, each on the queue of that name; the forking one on another before it."""
    queues = {FORKING: ("urgent", FORKING), SIMPLE: (SIMPLE,)}
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                worker(url, journal, name, *queues[name], kind=kind, with_scheduler=True)
            )
            for name, kind in CLASSES.items()
        }


@pytest.fixture(params=[FORKING, SIMPLE])
def queue(request: pytest.FixtureRequest, workers: dict[str, Process], connection: Redis) -> Queue:
    """The queue of a worker, and of the same name."""
    assert request.param in workers
    return Queue(request.param, connection=connection)


@pytest.fixture
def simple_queue(workers: dict[str, Process], connection: Redis) -> Queue:
    """The queue of the simple worker, for what is the same with every worker."""
    assert SIMPLE in workers
    return Queue(SIMPLE, connection=connection)


@pytest.fixture
def unheard(mark: str, connection: Redis) -> Queue:
    """A queue that nobody listens to."""
    return Queue(f"unheard-{mark}", connection=connection)


def outcome(job: Job) -> Any:
    """What a job has returned, as soon as it has; XREAD BLOCK waits for it."""
    result = job.latest_result(timeout=PATIENCE)
    assert result is not None, f"no result of {job}"
    assert result.type is result.Type.SUCCESSFUL, result.exc_string
    return result.return_value
