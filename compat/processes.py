"""Processes of other people's software, workers say. Each has a log and is ended by its process id."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

START_SECONDS = 60.0
STOP_SECONDS = 60.0
ROOT = Path(__file__).parents[1]

T = TypeVar("T")


def eventually(condition: Callable[[], T], what: str, seconds: float = 60.0) -> T:
    """The first true value of `condition`; fails with `what` if there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{seconds:g} s and still not: {what}")
        time.sleep(0.02)
    return value


class Process:
    """A command as a process group of its own, which can import `compat` and writes to `<name>.log`."""

    running: list[Process] = []  # noqa: RUF012  # all of them, for the report of a test that fails

    def __init__(
        self, name: str, argv: Sequence[str], directory: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log_path = directory / f"{name}.log"
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                argv,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
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
            ended = self._process.poll() is not None
            found = text in self.log()
            assert found or not ended, f"{self.name} has ended:\n{self.log()}"
            return found

        eventually(logged, f"{text!r} in the log of {self.name}", START_SECONDS)

    def await_end(self) -> int:
        return self._process.wait(STOP_SECONDS)

    def suspend(self) -> None:
        """Stop it where it is, until `resume`."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

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
