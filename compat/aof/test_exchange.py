"""Directories of the append-only file, written by one server and read by the other."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from compat.servers import debian_binary, reference_binary, start_redis
from respq.effects.aof import AppendOnlyFile
from respq.effects.manifest import COMMANDS
from respq.effects.snapshot import Base, encode_commands
from respq.protocol import Argv

BINARIES = [reference_binary, debian_binary]
BINARY_VALUE = bytes(range(256)) + b"\r\n*1\r\n$4\r\nPING\r\n"


class Memory:
    """Strings and lists per database, kept by the few commands that the logs of these tests hold."""

    def __init__(self) -> None:
        self.values: dict[tuple[int, bytes], bytes | list[bytes]] = {}
        self.db = 0

    def execute(self, commands: list[Argv]) -> None:
        for argv in commands:
            name = argv[0].upper()
            if name == b"SELECT":
                self.db = int(argv[1])
            elif name == b"SET":
                self.values[self.db, argv[1]] = argv[2]
            elif name == b"RPUSH":
                items = self.values.setdefault((self.db, argv[1]), [])
                assert isinstance(items, list)
                items += argv[2:]
            else:
                assert name in (b"MULTI", b"EXEC")

    def commands(self) -> list[tuple[int, Argv]]:
        return [
            (db, [b"SET", key, value] if isinstance(value, bytes) else [b"RPUSH", key, *value])
            for (db, key), value in self.values.items()
        ]


def open_log(directory: Path, memory: Memory) -> AppendOnlyFile:
    aof = AppendOnlyFile(directory / "appendonlydir")
    aof.open()
    aof.load(memory.execute)
    aof.start(0)
    return aof


def write(aof: AppendOnlyFile, memory: Memory, db: int, *commands: Argv) -> None:
    for argv in commands:
        aof.append_effect(db, argv)
        memory.execute([[b"SELECT", b"%d" % db], argv])
    assert aof.flush(0)


def write_and_rewrite(directory: Path, memory: Memory) -> None:
    """Leave a log with a base from a rewrite, an increment behind it, two databases, a transaction."""
    aof = open_log(directory, memory)
    write(aof, memory, 0, [b"SET", b"s", BINARY_VALUE], [b"RPUSH", b"l", b"", b"a", b"\r\n"])
    write(aof, memory, 9, [b"RPUSH", b"l", *[b"%d" % n for n in range(1000)]])
    aof.begin_rewrite(Base(COMMANDS, lambda: encode_commands(memory.commands())), 0)
    write(aof, memory, 9, [b"MULTI"], [b"SET", b"t", b"1"], [b"RPUSH", b"l", b"last"], [b"EXEC"])
    while (ended := aof.poll(0)) is None:
        pass
    assert ended
    write(aof, memory, 0, [b"SET", b"after", b"1"])
    aof.close(0)


@pytest.mark.parametrize("binary", BINARIES)
def test_redis_reads_what_respq_wrote_and_respq_what_redis_wrote(
    binary: Callable[[], Path], tmp_path: Path
) -> None:
    memory = Memory()
    write_and_rewrite(tmp_path, memory)
    options = {"appendonly": "yes", "aof_use_rdb_preamble": "no"}
    server = start_redis(tmp_path, binary(), **options)
    try:
        with server.connect() as connection, connection.makefile("rb") as replies:
            for (db, key), value in memory.values.items():
                connection.sendall(b"SELECT %d\r\n" % db)
                assert replies.readline() == b"+OK\r\n"
                if isinstance(value, bytes):
                    connection.sendall(b"GET %b\r\n" % key)
                    assert replies.readline() == b"$%d\r\n" % len(value)
                    assert replies.read(len(value) + 2) == value + b"\r\n"
                else:
                    connection.sendall(b"LLEN %b\r\n" % key)
                    assert replies.readline() == b":%d\r\n" % len(value)
            connection.sendall(b"SELECT 9\r\nRPUSH l more\r\nMULTI\r\nSET u 1\r\nSET v 2\r\nEXEC\r\n")
            assert [replies.readline() for _ in range(8)][-1] == b"+OK\r\n"
    finally:
        server.stop()
    memory.execute([[b"SELECT", b"9"], [b"RPUSH", b"l", b"more"], [b"SET", b"u", b"1"], [b"SET", b"v", b"2"]])
    found = Memory()
    open_log(tmp_path, found).close(0)
    assert found.values == memory.values


@pytest.mark.parametrize("binary", BINARIES)
def test_redis_check_aof_approves(binary: Callable[[], Path], tmp_path: Path) -> None:
    write_and_rewrite(tmp_path, Memory())
    tool = tmp_path / "redis-check-aof"  # redis-server under this name is that tool
    shutil.copy(binary(), tool)
    manifest = tmp_path / "appendonlydir" / "appendonly.aof.manifest"
    done = subprocess.run([tool, manifest], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All AOF files and manifest are valid" in done.stdout


@pytest.mark.parametrize("binary", BINARIES)
def test_respq_reads_what_redis_rewrote(binary: Callable[[], Path], tmp_path: Path) -> None:
    server = start_redis(tmp_path, binary(), appendonly="yes", aof_use_rdb_preamble="no")
    try:
        with server.connect() as connection, connection.makefile("rb") as replies:
            connection.sendall(b"SELECT 3\r\nRPUSH l 1 2 3\r\nSET s x\r\nBGREWRITEAOF\r\n")
            assert [replies.readline() for _ in range(4)][-1].startswith(b"+Background")
            while True:
                connection.sendall(b"INFO persistence\r\n")
                info = replies.read(int(replies.readline()[1:]) + 2)
                if b"aof_rewrite_in_progress:0" in info:
                    break
            connection.sendall(b"RPUSH l 4\r\n")
            assert replies.readline() == b":4\r\n"
    finally:
        server.stop()
    found = Memory()
    open_log(tmp_path, found).close(0)
    assert found.values == {(3, b"l"): [b"1", b"2", b"3", b"4"], (3, b"s"): b"x"}
