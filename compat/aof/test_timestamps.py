"""Times in the log, read and cut by redis-check-aof of 8.2.3, and those of redis-server by `respq check`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from compat.servers import Server, reference_binary, start_redis, start_respq

START: dict[str, Callable[..., Server]] = {"redis": start_redis, "respq": start_respq}


def written_in_two_seconds(server: Server) -> int:
    """Write a key, and another one in another second; which was the first."""
    with redis.Redis(port=server.port) as client:
        first = int(client.time()[0])
        client.set("early", first)
        while int(client.time()[0]) <= first + 1:
            time.sleep(0.05)
        client.set("late", 1)
    server.stop()
    return first


def cut_by_redis(directory: Path, second: int) -> None:
    tool = directory / "redis-check-aof"  # redis-server under this name is that tool
    shutil.copy(reference_binary(), tool)
    manifest = directory / "appendonlydir" / "appendonly.aof.manifest"
    subprocess.run([tool, "--truncate-to-timestamp", str(second), manifest], check=True)


def cut_by_respq(directory: Path, second: int) -> None:
    words = ["--truncate-to-timestamp", str(second), str(directory)]
    told = subprocess.run([sys.executable, "-m", "respq", "check", *words], check=False)
    assert told.returncode == 1, "there is something to be cut"
    subprocess.run([sys.executable, "-m", "respq", "check", "--fix", *words], check=True)


@pytest.mark.parametrize("cut", [cut_by_redis, cut_by_respq])
@pytest.mark.parametrize(("writer", "reader"), [("respq", "redis"), ("redis", "respq")])
def test_a_log_is_cut_at_a_time(
    cut: Callable[[Path, int], None], writer: str, reader: str, tmp_path: Path
) -> None:
    second = written_in_two_seconds(START[writer](tmp_path, appendonly="yes", aof_timestamp_enabled="yes"))
    cut(tmp_path, second + 1)
    server = START[reader](tmp_path, appendonly="yes")
    try:
        with redis.Redis(port=server.port) as client:
            assert client.keys() == [b"early"]
    finally:
        server.stop()
