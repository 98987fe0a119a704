"""kill -9 at any moment: what was acknowledged is there, in order, and transactions are whole or absent.

Several workers, each with a connection of its own, do what people do with a queue until the server is gone;
they know what was acknowledged and what was only sent. The server is started again on the same directory,
each worker checks its own keys and goes on where it was, until the next kill. Some kills fall into a rewrite,
some into a BGSAVE, and what is left of a snapshot is whole.

Without a log the same holds for what the last snapshot has that was written.

`pytest -m crash_long tests/process/test_crash.py` kills 200 times instead of 25. A failure names its seed.
"""

from __future__ import annotations

import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NoConnection

from respq.effects.files import Files
from respq.effects.loader import Loader
from tests.process.servers import PATIENCE_S, Server, Start, until


class Worker(threading.Thread):
    """One life of a worker: does `step` over and over until the server is gone, then checks what is left.

    Numbers below `acknowledged` are known to be kept, numbers below `sent` may be.
    """

    def __init__(self, port: int, name: str, rng: random.Random, first: int) -> None:
        super().__init__(name=name)
        self.port = port
        self.rng = random.Random(rng.random())
        self.first = self.acknowledged = self.sent = first
        self.failure: BaseException | None = None

    def key(self, name: str) -> str:
        return f"{self.name}:{name}"

    def run(self) -> None:
        try:
            with Redis(
                port=self.port, retry=None, socket_timeout=PATIENCE_S, decode_responses=True
            ) as client:
                self.prepare(client)
                while True:
                    self.step(client)
        except (NoConnection, OSError):
            pass  # killed
        except BaseException as error:  # noqa: BLE001  # told to the test
            self.failure = error

    def let_do(self, count: int) -> None:
        """Wait until that much has been acknowledged, or it has failed."""
        until(lambda: self.acknowledged >= self.first + count or self.failure, "work")

    def prepare(self, client: Redis) -> None:
        """What has to be there before the first step."""

    def step(self, client: Redis) -> None:
        raise NotImplementedError

    def check(self, client: Redis) -> int:
        """Check what is left; return how many numbers there are."""
        raise NotImplementedError

    def numbers(self, found: list[Any]) -> int:
        """Check that numbers are all there, in order, as far as they were acknowledged; return how many."""
        assert list(map(int, found)) == list(range(len(found))), "out of order, or with gaps"
        assert self.acknowledged <= len(found) <= self.sent
        return len(found)


class Producer(Worker):
    """Pushes numbers, in pipelines of one length and in transactions with a counter."""

    size, whole = 0, False  # of the last step

    def step(self, client: Redis) -> None:
        size = self.rng.choice((1, 3, 16, 50))
        self.sent += size
        with client.pipeline(transaction=self.rng.random() < 0.5) as pipe:
            for number in range(self.acknowledged, self.sent):
                pipe.rpush(self.key("list"), number)
            pipe.incrby(self.key("count"), size)
            self.size, self.whole = size, pipe.transaction
            pipe.execute()
        self.acknowledged = self.sent

    def check(self, client: Redis) -> int:
        kept = self.numbers(client.lrange(self.key("list"), 0, -1))
        count = int(client.get(self.key("count")) or 0)
        if self.whole:
            assert kept in {self.sent, self.sent - self.size}, "a transaction is half there"
            assert count == kept
        else:  # the last of its commands counts
            assert count in {kept, self.sent - self.size}
        client.set(self.key("count"), kept)
        return kept


class Booking(Worker):
    """Moves an amount from one account to another and notes it, in one script or one transaction."""

    accounts = ("from", "to", "booked")
    script = (
        "redis.call('DECRBY', KEYS[1], ARGV[1]) redis.call('INCRBY', KEYS[2], ARGV[1]) "
        "return redis.call('RPUSH', KEYS[3], ARGV[1])"
    )

    def step(self, client: Redis) -> None:
        names = [self.key(name) for name in self.accounts]
        self.sent += 1
        if self.rng.random() < 0.5:
            client.eval(self.script, 3, *names, self.acknowledged)
        else:
            with client.pipeline(transaction=True) as pipe:
                pipe.decrby(names[0], self.acknowledged).incrby(names[1], self.acknowledged)
                pipe.rpush(names[2], self.acknowledged).execute()
        self.acknowledged = self.sent

    def check(self, client: Redis) -> int:
        kept = self.numbers(client.lrange(self.key("booked"), 0, -1))
        amounts = [int(client.get(self.key(name)) or 0) for name in ("from", "to")]
        assert amounts == [-sum(range(kept)), sum(range(kept))], "a transaction or a script is half there"
        return kept


class Consumer(Worker):
    """Adds numbers to a stream and reads them in a group; acknowledges each, and notes that, in one MULTI."""

    def prepare(self, client: Redis) -> None:
        if not client.exists(self.key("stream")):
            client.xgroup_create(self.key("stream"), "group", id="0", mkstream=True)
        self.work_off(client, "0", None)  # what the worker of before had read and not acknowledged

    def step(self, client: Redis) -> None:
        with client.pipeline(transaction=False) as pipe:
            count = self.rng.randint(1, 8)
            self.sent += count
            for number in range(self.acknowledged, self.sent):
                pipe.xadd(self.key("stream"), {"number": number})
            pipe.execute()
        self.acknowledged = self.sent
        self.work_off(client, ">", self.rng.randint(1, 6))

    def work_off(self, client: Redis, begin: str, count: int | None) -> None:
        stream = self.key("stream")
        found = client.xreadgroup("group", "me", {stream: begin}, count=count)
        for _, entries in found or ():
            for entry_id, fields in entries:
                with client.pipeline(transaction=True) as pipe:
                    pipe.rpush(self.key("done"), fields["number"]).xack(stream, "group", entry_id).execute()

    def check(self, client: Redis) -> int:
        stream = self.key("stream")
        entries = client.xrange(stream)
        kept = self.numbers([fields["number"] for _, fields in entries])
        groups = client.xinfo_groups(stream) if client.exists(stream) else []
        if not groups:
            assert not kept
            return 0
        last = tuple(map(int, groups[0]["last-delivered-id"].split("-")))
        delivered = [entry_id for entry_id, _ in entries if tuple(map(int, entry_id.split("-"))) <= last]
        pending = [each["message_id"] for each in client.xpending_range(stream, "group", "-", "+", 100_000)]
        done = [int(number) for number in client.lrange(self.key("done"), 0, -1)]
        assert done == list(range(len(done))), "acknowledged twice, or out of order"
        assert pending == delivered[len(done) :], "neither acknowledged nor pending, or both"
        return kept


class Reminders(Worker):
    """Sets keys that expire, soon or late."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.deadlines_ms: dict[str, int] = {}  # of what was acknowledged

    def step(self, client: Redis) -> None:
        key, at_ms = self.key(str(self.sent)), int(time.time() * 1000) + self.rng.choice((50, 500, 60_000))
        self.sent += 1
        client.set(key, self.sent, pxat=at_ms)
        self.deadlines_ms[key] = at_ms

    def check(self, client: Redis) -> int:
        for key, at_ms in self.deadlines_ms.items():
            before_ms, found = int(time.time() * 1000), client.pexpiretime(key)
            assert found == at_ms or (found == -2 and at_ms <= time.time() * 1000)
            assert found == -2 or at_ms >= before_ms
        return self.sent


KINDS = (Producer, Producer, Booking, Consumer, Reminders)


def crash(start: Start, policy: str, kills: int, seed: int) -> None:
    """Kill the server so many times."""
    rng = random.Random(seed)
    firsts = [0] * len(KINDS)
    workers: list[Worker] = []
    for number in range(kills + 1):
        server = start("--appendfsync", policy, "--auto-aof-rewrite-percentage", "0")
        assert_the_snapshot_is_whole(server.directory)
        if workers:
            firsts = [worker.check(server.client) for worker in workers]
        if number == kills:
            server.stop()
            return
        if rng.random() < 0.3:  # begin anew, so that checking takes no longer from kill to kill
            server.client.flushall()
            firsts = [0] * len(KINDS)
        workers = workers_for(server, rng, firsts)
        work_until(server, signal.SIGKILL, workers, rng)


def assert_the_snapshot_is_whole(directory: Path) -> None:
    """What BGSAVE left, if there is anything, can be read to its end."""
    path = directory / "respq-data" / "dump.rdb"
    if path.exists():
        Loader(Files(), lambda commands: None, None, 0, lambda *stored: None).load_dump(path)


def workers_for(server: Server, rng: random.Random, firsts: list[int]) -> list[Worker]:
    return [
        kind(server.port, f"{kind.__name__}{n}", rng, first)
        for n, (kind, first) in enumerate(zip(KINDS, firsts, strict=True))
    ]


def work_until(server: Server, number: int, workers: list[Worker], rng: random.Random) -> None:
    """Let the workers work for a while and the server be ended by a signal."""

    def done() -> int:
        return sum(worker.acknowledged for worker in workers)

    enough = done() + rng.randrange(10, 1500)
    child = rng.choice((None, server.client.bgrewriteaof, server.client.bgsave))
    for worker in workers:
        worker.start()
    until(lambda: done() > enough, "work")
    if child is not None:
        child()
        if rng.random() < 0.6:
            until(lambda: is_writing(server), "the child")
        enough = done() + rng.choice((0, rng.randrange(500)))  # while it writes, or just behind it
        until(lambda: done() >= enough, "work")
    assert server.stop(number) == (0 if number == signal.SIGTERM else -number)
    for worker in workers:
        worker.join(PATIENCE_S)
        assert worker.failure is None


def is_writing(server: Server) -> bool:
    """Whether a rewrite or a snapshot is being written, or has been: it may take but a moment."""
    data = server.directory / "respq-data"
    if any(data.glob("appendonlydir/temp-rewriteaof*")) or any(data.glob("temp-dump*")):
        return True
    info = server.client.info("persistence")
    names = ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress")
    return not any(info[name] for name in names)


@pytest.mark.parametrize(("policy", "kills"), [("always", 12), ("everysec", 13)])
def test_kill_9_at_any_moment_loses_nothing_that_was_acknowledged(
    start: Start, policy: str, kills: int
) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")  # shown if it fails
    crash(start, policy, kills, seed)


def test_kill_9_at_any_moment_leaves_the_last_snapshot(start: Start) -> None:
    rng, kinds = random.Random(2), (Booking, Consumer)
    firsts = [0] * len(kinds)
    for _ in range(4):
        server = start("--appendonly", "no")
        workers = [
            kind(server.port, kind.__name__, rng, first) for kind, first in zip(kinds, firsts, strict=True)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.let_do(20)
        saved = [worker.acknowledged for worker in workers]
        server.client.save()
        server.client.bgsave()
        server.stop(signal.SIGKILL)
        again = start("--appendonly", "no")
        for worker, number in zip(workers, saved, strict=True):
            worker.join(PATIENCE_S)
            assert worker.failure is None
            worker.acknowledged = number
        firsts = [worker.check(again.client) for worker in workers]
        again.client.save()
        again.stop(signal.SIGKILL)


def test_sigterm_during_traffic_keeps_all_that_was_acknowledged(start: Start) -> None:
    server, rng = start(), random.Random(1)
    workers = workers_for(server, rng, [0] * len(KINDS))
    work_until(server, signal.SIGTERM, workers, rng)
    again = start()
    for worker in workers:
        worker.check(again.client)


@pytest.mark.crash_long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("policy", ["always", "everysec"])
def test_kill_9_a_hundred_times(start: Start, policy: str) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    crash(start, policy, 100, seed)
