"""A data set small enough to be obviously right: one list of numbers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from respq.effects.aof import AppendOnlyFile
from respq.effects.files import Files
from respq.effects.loader import CommandFailedError
from respq.effects.manifest import COMMANDS
from respq.effects.snapshot import Base, Pieces, encode_commands, write_pieces
from respq.protocol import Argv
from tests.effects.syncers import ImmediateSyncer

DIRECTORY = Path("/data/appendonlydir")


class LaterSnapshot:
    """A snapshot taken at once and written by the first `poll` that is told to, in this process."""

    def __init__(self, files: Files, path: Path, pieces: Pieces) -> None:
        self._files = files
        self._path = path
        self._pieces = list(pieces())
        self._polls = 0
        self.report = ""
        self.private_bytes = 4096
        self.fork_us = 250

    def poll(self) -> bool | None:
        self._polls += 1
        if self._polls == 1:
            return None
        try:
            write_pieces(self._files, self._path, lambda: self._pieces, lambda: None)
        except OSError as error:
            self.report = str(error)
            return False
        return True

    def cancel(self) -> None:
        pass


class Dataset:
    """Numbers in one list, pushed one after the other; in database 5, so that a SELECT is needed."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.db = 0

    def execute(self, commands: list[Argv]) -> None:
        for index, argv in enumerate(commands):
            if argv[0] == b"SELECT":
                self.db = int(argv[1])
            elif argv[0] == b"RPUSH":
                assert self.db == 5
                self.numbers += map(int, argv[2:])
            elif argv[0] not in (b"MULTI", b"EXEC"):
                raise CommandFailedError(index, f"unknown command {argv[0]!r}")

    def base(self) -> Base:
        return Base(COMMANDS, self._pieces)

    def _pieces(self) -> Iterator[bytes]:
        return encode_commands((5, push(number)) for number in self.numbers)


def push(number: int) -> Argv:
    return [b"RPUSH", b"numbers", b"%d" % number]


def open_log(files: Files, *, fsync: str = "always") -> AppendOnlyFile:
    """A log that, under always, has on the disk what was flushed: these models have one thread."""
    return AppendOnlyFile(
        DIRECTORY, fsync=fsync, files=files, new_syncer=ImmediateSyncer, take_snapshot=LaterSnapshot
    )


def recover(files: Files) -> list[int]:
    """Start on what is there; return the numbers, and leave the log closed."""
    dataset, aof = Dataset(), open_log(files)
    aof.open()
    aof.load(dataset.execute)
    aof.start(0)
    aof.close(0)
    return dataset.numbers
