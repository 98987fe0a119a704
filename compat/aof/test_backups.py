"""Backups of respq, started by redis-server and by respq, each from a copy of the folder."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis

from compat.servers import Server, reference_binary, start_redis, start_respq

PATIENCE_S = 60


def fill(client: Redis, number: int) -> None:
    """Some of every type."""
    client.select(number % 3)
    client.rpush("list", *range(200), f"l{number}")
    client.hset("hash", mapping={f"f{field}": "v" * field for field in range(40)})
    client.sadd("set", *range(700), f"s{number}")
    client.zadd("scores", {f"m{member}": member / 7 for member in range(200)})
    client.set(f"string{number}", bytes(range(256)), ex=10_000)
    client.xadd("stream", {"f": "v"}, id=f"{number + 1}-1")
    if number == 0:
        client.xgroup_create("stream", "group", "0")
    pipeline = client.pipeline(transaction=True)
    pipeline.incr("n")
    pipeline.incr("m")
    pipeline.execute()


def back_up(server: Server) -> list[bytes]:
    """Make a backup; return the digests of the databases as they are in it."""
    with Redis(port=server.port) as client:
        fill(client, 0)
        client.execute_command("BACKUP START")
        deadline = time.monotonic() + PATIENCE_S
        number = 1
        while client.execute_command("BACKUP STATUS")[b"state"] != b"incrementing":
            assert time.monotonic() < deadline
            fill(client, number)
            number += 1
        fill(client, number)
        found = digests(client)
        assert client.execute_command("BACKUP SEAL") == b"OK"
        fill(client, number + 1)
        assert found != digests(client)
    return found


def digests(client: Redis) -> list[bytes]:
    found = []
    for db in range(3):
        client.select(db)
        found.append(client.execute_command("DEBUG DIGEST"))
    return found


def with_defaults(start: Callable[..., Server], backup: Path, directory: Path) -> Server:
    """Copied to where the log is by default."""
    shutil.copytree(backup, directory / "appendonlydir")
    return start(directory, appendonly="yes")


def with_names(start: Callable[..., Server], backup: Path, directory: Path) -> Server:
    """Copied as it is, and named by `appenddirname`."""
    shutil.copytree(backup, directory / backup.name)
    return start(directory, appendonly="yes", appenddirname=backup.name, appendfilename="jobs.aof")


@pytest.mark.parametrize(
    ("appendonly", "filename", "restart"),
    [("yes", "appendonly.aof", with_defaults), ("no", "jobs.aof", with_names)],
)
def test_a_sealed_backup_starts_either_server(
    appendonly: str, filename: str, restart: Callable[..., Server], tmp_path: Path
) -> None:
    directory = tmp_path / "origin"
    directory.mkdir()
    names = {"appendfilename": filename, "backupdirname": "sunday"}
    server = start_respq(directory, appendonly=appendonly, save="", **names)
    try:
        expected = back_up(server)
    finally:
        server.stop()
    for start in (start_redis, start_respq):
        target = tmp_path / start.__name__
        target.mkdir()
        restored = restart(start, directory / "sunday", target)
        try:
            with Redis(port=restored.port) as client:
                assert digests(client) == expected
        finally:
            restored.stop()


def test_redis_check_aof_approves_of_a_sealed_backup(tmp_path: Path) -> None:
    server = start_respq(tmp_path)
    try:
        back_up(server)
    finally:
        server.stop()
    tool = tmp_path / "redis-check-aof"  # redis-server under this name is that tool
    shutil.copy(reference_binary(), tool)
    manifest = tmp_path / "backupdir" / "appendonly.aof.manifest"
    done = subprocess.run([tool, manifest], capture_output=True, text=True, check=False)
    assert "All AOF files and manifest are valid" in done.stdout, done.stdout + done.stderr
