"""Directories and snapshots that one server wrote and another starts on."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from compat.rdb.data import LIBRARIES, contents, fill
from compat.servers import Server, debian_binary, reference_binary, start_redis, start_respq, valkey_binary

BINARIES = {"8.2.3": reference_binary, "7.0": debian_binary, "valkey 8.1": valkey_binary}
IN_PROGRESS = ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress")
OFF = {"appendonly": "no"}
Start = Callable[..., Server]


def start_8(directory: Path, **directives: str) -> Server:
    return start_redis(directory, **directives)


def seen(server: Server, *finish: str) -> dict[tuple[int, bytes], object]:
    """What a server holds; then it does something, and is stopped."""
    try:
        with redis.Redis(port=server.port) as client:
            found = contents(client)
            if finish:
                client.execute_command(*finish)
            return found
    finally:
        server.stop()


def filled(server: Server, version: str, *finish: str) -> None:
    """Fill a server, have it do something, and stop it."""
    try:
        with redis.Redis(port=server.port) as client:
            fill(client, since_7_4=version == "8.2.3")
            if finish:
                client.execute_command(*finish)
            while any(client.info("persistence")[name] for name in IN_PROGRESS):
                time.sleep(0.02)
    finally:
        server.stop()


@pytest.mark.parametrize("version", BINARIES)
@pytest.mark.parametrize("compressed", ["yes", "no"])
def test_respq_loads_a_snapshot_of_redis(version: str, compressed: str, tmp_path: Path) -> None:
    filled(start_redis(tmp_path, BINARIES[version](), rdbcompression=compressed), version, "SAVE")
    found = seen(start_respq(tmp_path, **OFF))
    assert found == seen(start_8(tmp_path))
    assert len(found) > 60


@pytest.mark.parametrize("version", BINARIES)
def test_respq_starts_on_the_directory_of_a_redis_with_its_defaults(version: str, tmp_path: Path) -> None:
    """Its log begins with a snapshot; respq goes on in it, and redis-server 8.2.3 reads the whole."""
    filled(start_redis(tmp_path, BINARIES[version](), appendonly="yes"), version, "BGREWRITEAOF")
    assert list((tmp_path / "appendonlydir").glob("*.base.rdb"))
    before = seen(start_8(tmp_path, appendonly="yes"))
    assert seen(start_respq(tmp_path), "RPUSH", "more", "a", "b") == before
    after = seen(start_8(tmp_path, appendonly="yes"))
    assert after.keys() - before.keys() == {(0, b"more")}


@pytest.mark.parametrize("version", BINARIES)
def test_respq_starts_on_the_commands_that_redis_logged(version: str, tmp_path: Path) -> None:
    """As they were written, in the words of each version, and not rewritten."""
    filled(start_redis(tmp_path, BINARIES[version](), appendonly="yes"), version)
    shutil.copytree(tmp_path / "appendonlydir", tmp_path / "theirs" / "appendonlydir")
    found = seen(start_respq(tmp_path))
    theirs = seen(start_8(tmp_path / "theirs", appendonly="yes"))
    assert without_activity(found) == without_activity(theirs)
    assert len(found) > 60


def without_activity(part: object) -> object:
    """Consumers are seen anew by a server that executes what they did."""
    if isinstance(part, dict):
        said = {name: value for name, value in part.items() if name not in (b"seen-time", b"active-time")}
        return {name: without_activity(value) for name, value in said.items()}
    return list(map(without_activity, part)) if isinstance(part, list | tuple) else part


def test_a_log_begins_with_the_snapshot_of_redis_and_redis_reads_it(tmp_path: Path) -> None:
    filled(start_8(tmp_path), "8.2.3", "SAVE")
    before = seen(start_8(tmp_path))
    assert seen(start_respq(tmp_path)) == before
    (tmp_path / "dump.rdb").unlink()
    assert seen(start_respq(tmp_path)) == before
    assert seen(start_8(tmp_path, appendonly="yes")) == before


@pytest.mark.parametrize("command", ["SAVE", "BGSAVE"])
@pytest.mark.parametrize("compressed", ["yes", "no"])
def test_redis_loads_a_snapshot_of_respq(command: str, compressed: str, tmp_path: Path) -> None:
    filled(start_respq(tmp_path, rdbcompression=compressed, **OFF), "8.2.3", command)
    found = seen(start_8(tmp_path))
    assert found == seen(start_respq(tmp_path, **OFF))
    assert len(found) > 60
    tool = tmp_path / "redis-check-rdb"  # redis-server under this name is that tool
    shutil.copy(reference_binary(), tool)
    done = subprocess.run([tool, tmp_path / "dump.rdb"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "RDB looks OK" in done.stdout


def test_save_points_and_the_end_write_snapshots(tmp_path: Path) -> None:
    server = start_respq(tmp_path, save="1 1", **OFF)
    try:
        with redis.Redis(port=server.port) as client:
            client.set("k", "v")
            while not client.info("persistence")["rdb_saves"]:
                time.sleep(0.05)
            client.set("last", "words")
    finally:
        status = server.stop()
    assert status == 0
    assert {key for _, key in seen(start_8(tmp_path))} == {b"k", b"last"}


def test_payloads_of_libraries_are_exchanged(tmp_path: Path) -> None:
    for name in ("theirs", "ours"):
        (tmp_path / name).mkdir()
    servers = [start_8(tmp_path / "theirs"), start_respq(tmp_path / "ours")]
    try:
        theirs, ours = (redis.Redis(port=server.port) for server in servers)
        for giver, taker in ((theirs, ours), (ours, theirs)):
            for library in LIBRARIES:
                giver.function_load(library, replace=True)
            taker.function_restore(giver.function_dump(), policy="FLUSH")
            assert taker.fcall("two", 1, "none") in (b"none", {b"ok": b"none"})
            assert sorted(map(repr, taker.function_list(withcode=True))) == sorted(
                map(repr, giver.function_list(withcode=True))
            )
        theirs.function_restore(payload := one_library(ours), policy="FLUSH")
        assert theirs.function_dump() == payload
    finally:
        for server in servers:
            server.stop()


def one_library(client: redis.Redis) -> bytes:
    """The payload of the library that is worth compressing."""
    client.function_delete("short")
    return bytes(client.function_dump())


GONE = "ECHO gone"  # the directory that the servers are in, from here on
STATEMENTS = [
    *("SAVE", "BGSAVE x", "BGSAVE SCHEDULE x", "DEBUG RELOAD", "DEBUG RELOAD NOSAVE", "DEBUG RELOAD x"),
    *("CONFIG SET save '900 1'", "CONFIG SET dbfilename none/x", GONE, "SAVE", "DEBUG RELOAD", "SHUTDOWN"),
    *("PING", "SET k v", "BGSAVE", "SET k v", "PING", "GET k", "SHUTDOWN", "CONFIG SET save ''", "SET k v"),
    *("SHUTDOWN SAVE", "BGSAVE", "SAVE", "MULTI", "SAVE", "EXEC", "DBSIZE"),
]


def test_what_fails_is_refused_in_the_same_words(tmp_path: Path) -> None:
    theirs = conversation(start_8, tmp_path / "theirs")
    ours = conversation(start_respq, tmp_path / "ours")
    assert ours == theirs


def conversation(start: Start, directory: Path) -> list[tuple[str, bytes]]:
    directory.mkdir()
    server = start(directory, enable_protected_configs="yes", **OFF)
    replies = []
    try:
        with server.connect() as connection, connection.makefile("rb") as lines:
            for statement in STATEMENTS:
                connection.sendall(statement.encode() + b"\r\n")
                line = lines.readline()
                if line.startswith(b"$") and line != b"$-1\r\n":
                    line = lines.readline()
                replies.append((statement, line))
                if statement == GONE:
                    shutil.rmtree(directory)
                if line.startswith(b"+Background"):
                    await_child(server)
    finally:
        server.stop()
    return replies


def await_child(server: Server) -> None:
    """Wait until a snapshot is written, or has failed; the Unix socket may be gone with its directory."""
    with redis.Redis(port=server.port) as client:
        while client.info("persistence")["rdb_bgsave_in_progress"]:
            time.sleep(0.02)


@pytest.mark.parametrize("start", [start_8, start_respq])
def test_rdb_del_sync_files_leaves_a_snapshot_that_no_replica_was_sent(start: Start, tmp_path: Path) -> None:
    nothing_kept = {"appendonly": "no", "save": "", "rdb-del-sync-files": "yes"}
    filled(start(tmp_path, **nothing_kept), "7.0", "SAVE")
    assert seen(start(tmp_path, **nothing_kept), "BGSAVE")
    assert (tmp_path / "dump.rdb").exists()
