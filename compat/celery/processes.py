"""Celery's own processes: workers and beats, each ended by its process id, with what it logged."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from compat.celery.application import JOURNAL, OPTIONS, URL

START_SECONDS = 30.0
STOP_SECONDS = 20.0
ROOT = Path(__file__).parents[2]

T = TypeVar("T")


def eventually(condition: Callable[[], T], what: str, seconds: float = 20.0) -> T:
    """The first true value of `condition`; fails with `what` if there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{seconds:g} s and still not: {what}")
        time.sleep(0.02)
    return value


class Journal:
    """What the tasks have written, line by line: mark, Unix time in seconds, further words."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0  # bytes of the file
        self._entries: dict[str, list[list[Any]]] = {}  # by mark
        path.touch()

    def entries(self, mark: str) -> list[list[Any]]:
        """The lines with a mark: the time and the words of each. Reads what is new in the file."""
        with self.path.open("rb") as lines:
            lines.seek(self._read)
            complete, end, _ = lines.read().rpartition(b"\n")
        self._read += len(complete) + len(end)
        for line in complete.splitlines():
            found, *entry = json.loads(line)
            self._entries.setdefault(found, []).append(entry)
        return self._entries.get(mark, [])

    def words(self, mark: str) -> list[list[Any]]:
        return [words for _, *words in self.entries(mark)]

    def await_entries(self, mark: str, count: int, seconds: float = 20.0) -> list[list[Any]]:
        """The lines with a mark as soon as there are `count`."""

        def enough() -> list[list[Any]]:
            found = self.entries(mark)
            return found if len(found) >= count else []

        return eventually(enough, f"{count} × {mark} in the journal", seconds)

    def await_words(self, mark: str, count: int) -> list[list[Any]]:
        """The words of the lines with a mark as soon as there are `count`."""
        return [words for _, *words in self.await_entries(mark, count)]


class Process:
    """`celery ...` as a process group of its own: a worker's pool dies with it."""

    running: list[Process] = []  # noqa: RUF012  # all of them, for the report of a test that fails

    def __init__(self, name: str, words: Sequence[str], url: str, journal: Journal, **options: Any) -> None:
        self.name = name
        self.log_path = journal.path.with_name(f"{name}.log")
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            URL: url,
            JOURNAL: str(journal.path),
            OPTIONS: json.dumps(options),
        }
        argv = [sys.executable, "-m", "celery", "-A", "compat.celery.application", *words]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                argv,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        Process.running.append(self)

    @property
    def pid(self) -> int:
        return self._process.pid

    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def await_log(self, text: str) -> None:
        def logged() -> bool:
            assert self._process.poll() is None, f"{self.name} has ended:\n{self.log()}"
            return text in self.log()

        eventually(logged, f"{text!r} in the log of {self.name}", START_SECONDS)

    def await_end(self) -> int:
        return self._process.wait(STOP_SECONDS)

    def stop(self) -> None:
        """Let it finish what it is at; kill it if that takes too long."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.await_end()
        self.kill()

    def kill(self) -> None:
        """End it and its children as a loss of power would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        if self in Process.running:
            Process.running.remove(self)


@contextlib.contextmanager
def worker(
    url: str, journal: Journal, name: str, queues: str, *, pool: str = "prefork", **options: Any
) -> Iterator[Process]:
    """A worker with two processes or threads, ready to work."""
    words = ["worker", "--pool", pool, "--concurrency", "2", "--queues", queues]
    words += ["--hostname", f"{name}@compat", "--loglevel", "INFO"]
    process = Process(name, words, url, journal, **options)
    try:
        process.await_log(f"{name}@compat ready.")
        yield process
    finally:
        process.stop()
