"""The directory of a backup: what is pinned in it by hard links, and the manifest that seals it.

A backup is a log of its own, as any server since Redis 7 reads it: a base, one increment, a manifest. The
base is linked into the directory once a rewrite has written it, and stays whatever becomes of the live log.
Then, to seal it:

    1 link the increment, write `sealing-<manifest>` and sync it, sync the directory
    2 the log goes on in another increment, so that this one does not change any more
    3 rename the manifest to its name, sync the directory

The manifest alone makes a backup of what lies there. A disk that is full says so in 1, while nothing has
happened; a server that is killed before 3 leaves a backup that was never sealed, and that is what the next
one finds. So that it can tell since when, `backup-of-<filename>` is there from the beginning, with the time
in it. The times of a sealed backup stand in a comment of its manifest, which every server passes over.

Only what has the name of a part is ever deleted. Failures are `OSError` or `AofError`; a sync that fails is
none of the live log's, so it ends the backup and not the server.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from respq.effects import manifest
from respq.effects.files import AofError, Files, discard, sync_directory, write_all
from respq.effects.manifest import LogFile, Manifest

IDLE, PENDING, SNAPSHOTTING = "idle", "pending", "snapshotting"
INCREMENTING, SEALED, FAILED = "incrementing", "sealed", "failed"

_TIMES = re.compile(rb"#respq backup start (\d{1,18}) end (\d{1,18})\n")
_TIMES_FORM = b"#respq backup start %d end %d\n"
_READ_BYTES = 4096


class BackupStatus(NamedTuple):
    """What BACKUP STATUS and LIST tell."""

    state: str = IDLE
    error: str = ""  # why it failed
    start_s: int = 0  # Unix time; 0: unknown, or not yet
    end_s: int = 0  # when it was sealed
    paths: tuple[Path, ...] = ()  # what is pinned and does not change any more

    @property
    def in_progress(self) -> bool:
        """Whether there is one that is neither sealed nor failed."""
        return self.state in (PENDING, SNAPSHOTTING, INCREMENTING)


def read_times(files: Files, path: Path) -> tuple[int, int]:
    """Return when a backup was begun and sealed, as a file says; 0 for what it does not say."""
    if not files.exists(path):
        return 0, 0
    fd = files.open_read(path)
    try:
        match = _TIMES.match(files.read(fd, _READ_BYTES, 0))
    finally:
        files.close(fd)
    return (int(match[1]), int(match[2])) if match else (0, 0)


class BackupDirectory:
    """The directory at `path`, for backups of logs whose files begin with `filename`."""

    def __init__(self, files: Files, path: Path, filename: str) -> None:
        self.path = path
        self._files = files
        self._filename = filename
        self._manifest = path / f"{filename}.manifest"
        self._sealing = path / f"sealing-{filename}.manifest"
        self._mark = path / f"backup-of-{filename}"
        name = re.escape(filename)
        self._part = re.compile(rf"{name}\.\d+\.(base|incr)\.(aof|rdb)")
        self._temporary = re.compile(  # and those of a log that is written here, `log_name`
            rf"(temp-){{1,2}}{name}\.(manifest|begun|incr|\d+\.(base|incr)\.(aof|rdb))|temp-rewriteaof-.*\.aof"
        )

    @property
    def log_name(self) -> str:
        """How the files of a log begin that is written here while there is no other."""
        return f"temp-{self._filename}"

    # -- what is there -----------------------------------------------------------------------------

    def find(self) -> BackupStatus:
        """Return what a server finds that starts. Raises OSError and AofError."""
        if self._files.exists(self._manifest):
            return self._find_sealed()
        if not any(map(self._is_ours, self._names())):
            return BackupStatus()
        start_s, _ = read_times(self._files, self._mark)
        return BackupStatus(FAILED, "the server ended before the backup was sealed", start_s)

    def _find_sealed(self) -> BackupStatus:
        found = manifest.load(self._files, self._manifest)
        assert found is not None
        start_s, end_s = read_times(self._files, self._manifest)
        paths = [self.path / file.name for file in found.files]
        for path in paths:
            if not self._files.exists(path):
                return BackupStatus(FAILED, f"{path} is missing", start_s)
        return BackupStatus(SEALED, "", start_s, end_s, (*paths, self._manifest))

    def _names(self) -> list[str]:
        """The names in the directory; none if there is no directory."""
        try:
            return self._files.names(self.path)
        except FileNotFoundError:
            return []

    def _is_ours(self, name: str) -> bool:
        own = (self._manifest.name, self._sealing.name, self._mark.name)
        return name in own or bool(self._part.fullmatch(name) or self._temporary.fullmatch(name))

    # -- making one --------------------------------------------------------------------------------

    def begin(self, start_s: int) -> None:
        """Make the directory, and the mark in it. Raises AofError if it is not empty, and OSError."""
        self._files.make_directory(self.path)
        if names := self._names():
            raise AofError(f"the directory {self.path} is not empty: there is {names[0]}")
        try:
            sync_directory(self._files, self.path.parent)
            self._write(self._mark, _TIMES_FORM % (start_s, 0))
            sync_directory(self._files, self.path)
        except (OSError, AofError):
            discard(self._files, self._mark)
            raise

    def pin(self, base: Path) -> Path:
        """Keep a base, whatever becomes of the log that it belongs to; return where. O(1)."""
        pinned = self._link(base)
        sync_directory(self._files, self.path)
        return pinned

    def prepare(
        self, log: Path, base: LogFile, increment: LogFile, start_s: int, end_s: int
    ) -> tuple[Path, ...]:
        """Do everything for the seal that may fail for want of room; return what will be sealed.

        `base` and `increment` are files of a log in the directory `log`.
        """
        pinned = self._link(log / increment.name)
        base, increment = (file._replace(name=self._name_of(file.name)) for file in (base, increment))
        sealed = Manifest(base).with_increment(increment)
        self._write(self._sealing, _TIMES_FORM % (start_s, end_s) + sealed.format())
        sync_directory(self._files, self.path)
        return self.path / base.name, pinned, self._manifest

    def seal(self) -> None:
        """Let what was prepared be the backup, now that its increment does not change any more."""
        self._files.rename(self._sealing, self._manifest)
        sync_directory(self._files, self.path)
        discard(self._files, self._mark)

    def undo(self, increment: LogFile) -> None:
        """Forget what was prepared."""
        for path in (self._sealing, self.path / self._name_of(increment.name)):
            discard(self._files, path)

    def _link(self, path: Path) -> Path:
        """Give a file of the log its name in a backup as well."""
        pinned = self.path / self._name_of(path.name)
        discard(self._files, pinned)
        self._files.link(path, pinned)
        return pinned

    def _name_of(self, name: str) -> str:
        """The name in a backup of a file of the log, be that the live one or `log_name`."""
        return name.removeprefix("temp-") if name.startswith(self.log_name) else name

    def _write(self, path: Path, data: bytes) -> None:
        fd = self._files.create(path)
        try:
            write_all(self._files, fd, data)
            self._files.datasync(fd)
        finally:
            self._files.close(fd)

    # -- the end -----------------------------------------------------------------------------------

    def clean(self) -> None:
        """Delete what a backup has, or has left, here. O(names)."""
        self._remove([name for name in self._names() if self._is_ours(name)])

    def clean_log(self) -> None:
        """Delete what belongs to a log that was written here, under `log_name`."""
        self._remove([name for name in self._names() if self._temporary.fullmatch(name)])

    def _remove(self, names: Sequence[str]) -> None:
        for name in names:
            self._files.remove(self.path / name)
        if names:
            sync_directory(self._files, self.path)
