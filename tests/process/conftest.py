"""Fixtures of the tests with real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.servers import PATIENCE_S, Run, Server, Start, environment


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `respq` with some arguments to its end, in `place` or the directory of the test."""

    def run(*arguments: str, place: Path = tmp_path, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "respq", *arguments], cwd=place, env=environment(extra),
            capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start servers that end with the test."""
    servers: list[Server] = []

    def start(*arguments: str, **extra: str) -> Server:
        servers.append(Server(tmp_path, *arguments, **extra))
        return servers[-1]

    yield start
    for server in servers:
        server.stop(signal.SIGKILL)
