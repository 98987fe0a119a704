"""The application: its tasks and its brokers, as a project's own module would have them.

Workers import it as `compat.taskiq.application`; `URL`, `KIND` and `ABANDONED_MS` reach them by the
environment.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated, Any

from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from taskiq import (
    AsyncBroker,
    Context,
    SimpleRetryMiddleware,
    TaskiqDepends,
    TaskiqScheduler,
    async_shared_broker,
)
from taskiq.depends.progress_tracker import ProgressTracker, TaskState
from taskiq_redis import (
    ListQueueBroker,
    ListRedisScheduleSource,
    PubSubBroker,
    RedisAsyncResultBackend,
    RedisStreamBroker,
)

from compat.journal import note

URL, KIND = "COMPAT_TASKIQ_URL", "COMPAT_TASKIQ_KIND"
ABANDONED_MS = "COMPAT_TASKIQ_ABANDONED_MS"  # how long a worker may have a message before another gets it
STREAM, LIST, PUBSUB = "stream", "list", "pubsub"  # kinds of broker
PATIENT: dict[str, Any] = {
    "retry": Retry(ConstantBackoff(0.05), 1200),  # a minute for a server that is away
    "socket_timeout": None,  # or redis-py leaves BRPOP after 5 s, and what is popped in that moment is lost
}
RESULTS_LAST = 3600  # seconds
TEN_MINUTES_MS = 600_000


def make_broker(kind: str, url: str, abandoned_ms: int = TEN_MINUTES_MS) -> AsyncBroker:
    """A broker with its result backend; its queue is named after its kind."""
    queue = f"taskiq:{kind}"
    broker: AsyncBroker
    if kind == STREAM:
        broker = RedisStreamBroker(
            url, queue, idle_timeout=abandoned_ms, unacknowledged_lock_timeout=5, xread_block=200, **PATIENT
        )
    elif kind == LIST:
        broker = ListQueueBroker(url, queue_name=queue, **PATIENT)
    else:
        broker = PubSubBroker(url, queue_name=queue, **PATIENT)
    backend = RedisAsyncResultBackend(url, result_ex_time=RESULTS_LAST, **PATIENT)
    return broker.with_result_backend(backend).with_middlewares(SimpleRetryMiddleware())


def make_schedule(url: str) -> ListRedisScheduleSource:
    return ListRedisScheduleSource(url, prefix="schedule")


@async_shared_broker.task
async def add(x: float, y: float) -> float:
    return x + y


@async_shared_broker.task
def add_in_a_thread(x: float, y: float) -> float:
    return x + y


@async_shared_broker.task
async def fail(message: str) -> None:
    raise ValueError(message)


@async_shared_broker.task
async def record(mark: str, words: list[object]) -> str:
    """Leave a line in the journal."""
    note(mark, *words)
    return mark


@async_shared_broker.task(retry_on_error=True, max_retries=3)
async def succeed_after(failures: int, mark: str, context: Annotated[Context, TaskiqDepends()]) -> int:
    """Fail so many times."""
    retries = int(context.message.labels.get("_retries", 0))
    note(mark, retries)
    if retries < failures:
        raise ValueError(f"try {retries}")
    return retries


@async_shared_broker.task
async def report(steps: int, mark: str, progress: Annotated[ProgressTracker[int], TaskiqDepends()]) -> None:
    """Leave word of how far it is."""
    for step in range(steps):
        await progress.set_progress(TaskState.STARTED, step)
    note(mark)


@async_shared_broker.task
def wait_for(mark: str, gate: str) -> str:
    """Say that it has begun, wait until the file `gate` exists, say that it has finished."""
    note(mark, "began")
    while not Path(gate).exists():
        time.sleep(0.02)
    note(mark, "finished")
    return mark


if URL in os.environ:
    abandoned_ms = int(os.environ.get(ABANDONED_MS) or TEN_MINUTES_MS)
    broker = make_broker(os.environ[KIND], os.environ[URL], abandoned_ms)
    async_shared_broker.default_broker(broker)
    scheduler = TaskiqScheduler(broker, [make_schedule(os.environ[URL])])
