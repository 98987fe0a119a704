"""The section persistence of INFO: the fields of redis-server 8.2.3 in its order, and what they say."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import redis

from compat.servers import Server, start_redis, start_respq

# Sizes, memory and moments are anybody's; so is what of the log is counted before its first rewrite. What
# counts as a change, or as a failure, stands in compat/oracle/differences.md.
OWN = {
    "rdb_last_cow_size", "aof_last_cow_size", "rdb_last_save_time", "aof_current_size", "aof_base_size",
    "aof_buffer_length", "aof_pending_bio_fsync", "aof_rewrites_consecutive_failures",
    "rdb_changes_since_last_save",
}  # fmt: skip
BUSY = ("rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled")

Info = dict[str, object]


def settled(client: redis.Redis) -> Info:
    while any((info := client.info("persistence"))[name] for name in BUSY):
        time.sleep(0.02)
    return info


def states(start: Callable[..., Server], directory: Path) -> list[Info]:
    """INFO at the start, after writes, snapshots, rewrites, failures of both, and without a log."""
    directory.mkdir()
    server = start(directory, appendonly="yes", save="900 100")
    found = []
    try:
        with redis.Redis(port=server.port) as client:
            found.append(settled(client))
            client.mset({"a": 1, "b": 2})
            client.rpush("l", 1, 2)
            found.append(settled(client))
            for command in ("BGSAVE", "BGREWRITEAOF"):
                client.execute_command(command)
                found.append(settled(client))
            client.set("a", 2)
            shutil.move(directory / "appendonlydir", directory / "away")
            (directory / "appendonlydir").touch()  # where a directory should be
            try:
                client.execute_command("BGREWRITEAOF")
            except redis.ResponseError:
                pass  # redis-server begins at once, and says so
            found.append(settled(client))
            (directory / "appendonlydir").unlink()
            shutil.move(directory / "away", directory / "appendonlydir")
            client.config_set("appendonly", "no")
            found.append(settled(client))
    finally:
        server.kill()
    return found


def test_the_fields_and_what_they_say(tmp_path: Path) -> None:
    theirs, ours = states(start_redis, tmp_path / "theirs"), states(start_respq, tmp_path / "ours")
    for number, (expected, found) in enumerate(zip(theirs, ours, strict=True)):
        assert list(found) == list(expected), number
        assert {**found, **{name: 0 for name in OWN if name in found}} == {
            **expected,
            **{name: 0 for name in OWN if name in expected},
        }, number
