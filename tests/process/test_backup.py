"""BACKUP by a real process, on a real disk, which is killed before and behind the seal."""

from __future__ import annotations

import shutil
import signal

from redis import Redis

from tests.process.servers import Server, Start, until


def state(client: Redis) -> str:
    fields: dict[str, str] = client.execute_command("BACKUP", "STATUS")
    return fields["state"]


def incrementing(server: Server) -> None:
    server.client.execute_command("BACKUP", "START")
    until(lambda: state(server.client) == "incrementing", "the base")


def test_killed_before_the_seal_and_behind_it(start: Start) -> None:
    server: Server = start()
    server.client.rpush("l", "before")
    incrementing(server)
    server.stop(signal.SIGKILL)
    data = server.directory / "respq-data"
    backup = data / "backupdir"
    assert any(backup.iterdir())

    server = start()
    assert state(server.client) == "failed"
    assert server.client.execute_command("BACKUP", "CLEANUP") == "OK"
    assert not any(backup.iterdir())
    incrementing(server)
    server.client.rpush("l", "meanwhile")
    assert server.client.execute_command("BACKUP", "SEAL") == "OK"
    listed = server.client.execute_command("BACKUP", "LIST")
    server.client.rpush("l", "after")
    server.stop(signal.SIGKILL)
    assert sorted(map(str, backup.iterdir())) == listed
    shutil.copytree(backup, server.directory / "copy" / "appendonlydir")

    server = start()
    assert state(server.client) == "sealed"
    assert server.client.lrange("l", 0, -1) == ["before", "meanwhile", "after"]
    copy = start("--dir", "copy")
    assert copy.client.lrange("l", 0, -1) == ["before", "meanwhile"]
    other = start("--dir", "other", "--preload-file", f"aof:{backup / 'appendonly.aof.manifest'}")
    assert other.client.lrange("l", 0, -1) == ["before", "meanwhile"]
