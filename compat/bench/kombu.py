"""What a Celery worker asks of its broker, recorded from a real one, to be replayed to both servers.

`python -m compat.bench.kombu` records `kombu.jsonl` anew: redis-server 8.2.3 shows with MONITOR what a
worker of two processes sends while it does a few jobs, each acknowledged when it is done.
A line of the file is one write, and so one turn of a client: a command, or a transaction as redis-py sends
it. What the worker says besides (heartbeats, remote control, subscriptions) is left out.

In a replay every round of the recording has delivery tags and times of its own, so that what is not
acknowledged grows and shrinks as it did; connections take writes in turn, each waiting for its replies.
"""

from __future__ import annotations

import ast
import json
import random
import re
import subprocess
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from compat.bench.client import Batch, batch, drive, fill
from compat.servers import Server, start_redis

RECORDING = Path(__file__).with_name("kombu.jsonl")
JOBS = 16
QUEUE = "celery"
TAG = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SCORE = re.compile(r"^\d{10}\.\d+$")
ROUNDS = 100  # that are prepared before the replay begins anew
LINES = {"LPUSH": 1, "BRPOP": 5, "ZADD": 1, "HSET": 1, "ZREM": 1, "HDEL": 1}  # that a reply takes
COMMANDS = {*LINES, "MULTI", "EXEC"}
WAITING = 1000  # messages in the queue before the replay: no BRPOP waits, whatever the order of arrival

Write = list[list[str]]


def recorded() -> list[Write]:
    return [json.loads(line) for line in RECORDING.read_text(encoding="utf-8").splitlines()]


def prepare(server: Server, _commands: int) -> None:
    """Messages in the queue."""
    message = next(command[2] for write in recorded() for command in write if command[0] == "LPUSH")
    fill(server, [(b"LPUSH", QUEUE.encode(), message.encode())] * WAITING)


def replay(server: Server, commands: int) -> float:
    """Send the recording over and over; commands per second."""
    writes, rng = recorded(), random.Random(0)
    rounds = min(ROUNDS, commands // sum(map(len, writes)) + 1)
    batches = [as_batch(write) for n in range(rounds) for write in another(writes, n, rng)]
    return commands / drive(server, batches, commands)


def as_batch(write: Write) -> Batch:
    encoded = [tuple(word.encode() for word in command) for command in write]
    if write[0] != ["MULTI"]:
        return batch(encoded, sum(LINES[name] for name, *_ in write))
    queued = write[1:-1]
    return batch(encoded, 1 + len(queued) + 1 + sum(LINES[name] for name, *_ in queued))


def another(writes: list[Write], seconds: int, rng: random.Random) -> Iterator[Write]:
    """The same writes about other messages, so many seconds later."""
    tags: dict[str, str] = {}

    def fresh(found: re.Match[str]) -> str:
        return tags.setdefault(found[0], str(uuid.UUID(int=rng.getrandbits(128))))

    def later(found: re.Match[str]) -> str:
        return str(float(found[0]) + seconds)

    for write in writes:
        yield [[SCORE.sub(later, TAG.sub(fresh, word)) for word in command] for command in write]


def record() -> list[Write]:
    """Let a worker do its jobs, and return what was said about them."""
    from compat.celery.application import make_app
    from compat.celery.processes import worker
    from compat.journal import Journal
    from compat.processes import eventually

    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        server = start_redis(directory)
        seen = directory / "monitor"
        monitor = subprocess.Popen(
            ["redis-cli", "-s", server.socket_path, "MONITOR"],
            stdout=seen.open("wb"),
            stdin=subprocess.DEVNULL,
        )
        try:
            eventually(lambda: seen.read_bytes().startswith(b"OK"), "MONITOR shows something")
            url = f"redis://127.0.0.1:{server.port}/0"
            app = make_app(url, "disabled://", task_send_sent_event=False)
            app.set_current()
            for n in range(JOBS):
                app.tasks["compat.celery.application.record"].apply_async(("job", n), queue=QUEUE)
            with worker(url, Journal(directory / "journal"), "recorded", QUEUE, task_acks_late=True):
                eventually(lambda: len(jobs_done(seen)) == JOBS, "all jobs are acknowledged")
            app.close()
        finally:
            monitor.kill()
            monitor.wait()
            server.stop()
        return about_jobs(seen.read_bytes())


def jobs_done(seen: Path) -> list[bytes]:
    return re.findall(rb'"HDEL" "unacked" ', seen.read_bytes())


def about_jobs(monitored: bytes) -> list[Write]:
    """The writes about messages, in their order, up to the last acknowledgement."""
    keys = {QUEUE, "unacked", "unacked_index"}
    all_writes = writes_of(monitored.splitlines())
    chosen = [write for write in all_writes if any(keys & set(command[1:2]) for command in write)]
    chosen = [write for write in chosen if all(command[0] in COMMANDS for command in write)]
    pops = [n for n, write in enumerate(chosen) if write[0][0] == "BRPOP"]
    idle = set(pops[JOBS:])  # waiting for more when there was none
    return [write for n, write in enumerate(chosen) if n not in idle]


def writes_of(lines: Iterable[bytes]) -> Iterator[Write]:
    """What MONITOR shows, transactions put together."""
    open_writes: dict[bytes, Write] = {}
    for line in lines:
        if (shown := re.match(rb'[\d.]+ \[\d+ (\S+)\] "', line)) is None or shown[1] == b"lua":
            continue
        words = re.findall(rb'"(?:[^"\\]|\\.)*"', line)  # escaped as a bytes literal is
        command = [ast.literal_eval(f"b{word.decode()}").decode() for word in words]
        write = open_writes.setdefault(shown[1], [])
        write.append(command)
        if write[0] != ["MULTI"] or command == ["EXEC"]:
            yield open_writes.pop(shown[1])


if __name__ == "__main__":
    found = record()
    RECORDING.write_text("".join(json.dumps(write) + "\n" for write in found), encoding="utf-8")
