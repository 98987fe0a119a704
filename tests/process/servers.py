"""Real processes: `python -m respq` in an empty directory, as somebody at a prompt would start it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from redis import Redis
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as NoConnection

from tests.ports import free_port

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., "Server"]


def until(true: Callable[[], object], what: str) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S} s for {what}"
        time.sleep(0.01)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **(extra or {})}


def run_program(program: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Let a Python of its own execute `program`."""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=directory,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


class Server:
    """One `respq serve`, and what it printed."""

    def __init__(self, directory: Path, *arguments: str, **extra: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.output = directory / f"output-{self.port}"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "respq", "serve", *arguments, "--port", str(self.port)],
                cwd=directory, env=environment(extra), stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.client = Redis(port=self.port, decode_responses=True, retry=None, socket_timeout=PATIENCE_S)
        try:
            until(self._answers, "PONG")
        except BaseException:
            self.stop(signal.SIGKILL)
            raise

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        try:
            return bool(self.client.ping())
        except AuthenticationError:
            return True
        except NoConnection:
            return False

    @property
    def printed(self) -> str:
        """Standard output and standard error so far."""
        return self.output.read_text(encoding="utf-8")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it, by its process id; the exit status."""
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)
