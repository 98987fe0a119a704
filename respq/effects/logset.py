"""The directory of the log and the set of files in it, as the manifest has them.

What is found at the start, and what becomes of it (seen on redis-server 8.2.3 unless marked):

- No set: a base without data and an empty increment are created. If files that look like parts of a log are
  there without a manifest, and have data, starting is refused. (Redis empties them.)
- `appendonly.aof` beside the directory, from before Redis 7, and no set: it becomes the base. The manifest
  is written first, then the file moved; a manifest with a base of that name that is not there yet says that
  the move is still to be done.
- History: deleted once loading has succeeded. Temporary files of an interrupted rewrite: deleted. (Redis
  leaves them.) Parts of a set that no manifest lists, left by a rewrite killed between two steps: left; the
  next rewrite uses the same names.
- A log that was being begun beside a running server, and is not whole: there is no set, whatever parts there
  are. A mark says so from before the first of them until the manifest stands; a set without data would hide
  the snapshot, which is all there is. They are deleted.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from respq.effects import manifest
from respq.effects.files import AofError, Files, datasync, discard, sync_directory
from respq.effects.manifest import BASE, COMMANDS, LogFile, Manifest
from respq.effects.snapshot import Base, Pieces, write_pieces
from respq.effects.writer import LogWriter
from respq.rdb.cursor import BadFormatError
from respq.rdb.file import DumpReader

_NO_COMMAND: Final = re.compile(rb"(?:#[^\n]*\n)*")  # but a time
_EMPTY_DUMP_BYTES: Final = 1024  # a dump without keys is shorter
_COPIED_BYTES: Final = 1 << 20  # at once

NOTHING: Final = Base(COMMANDS, lambda: ())

log = logging.getLogger(__name__)


class LogSet:
    """The files of the log. Methods may raise `OSError`; then the set on disk is the one before."""

    def __init__(self, files: Files, directory: Path, filename: str) -> None:
        self.files = files
        self.directory = directory
        self.filename = filename
        self.manifest = Manifest()

    def path(self, file: LogFile) -> Path:
        """Return where a file of the set is."""
        return self.directory / file.name

    @property
    def manifest_path(self) -> Path:
        """Where the manifest is, or will be."""
        return self.directory / f"{self.filename}.manifest"

    @property
    def _joining_path(self) -> Path:
        return self.directory / f"temp-{self.filename}.incr"

    @property
    def _mark_path(self) -> Path:
        """What is there while a first set is made."""
        return self.directory / f"temp-{self.filename}.begun"

    # -- at the start ------------------------------------------------------------------------------

    def open(self) -> None:
        """Find the set, as the module's docstring says; raise `AofError` if it is not sound."""
        self.files.make_directory(self.directory)
        sync_directory(self.files, self.directory.parent)
        found = manifest.load(self.files, self.manifest_path)
        self.manifest = found or Manifest()
        if self.files.exists(self._mark_path):
            self._forget_beginning()
        self._tidy()
        if self._has_old_style():
            self._upgrade()
        if (problem := self.orphans()) is not None:
            raise AofError(f"{self.manifest_path}: {problem}")
        for file in self.manifest.files:
            if not self.files.exists(self.path(file)):
                raise AofError(f"{self.path(file)}: is listed in the manifest, but missing")

    def _tidy(self) -> None:
        rewritten = re.compile(r"temp-rewriteaof-.*\.aof")
        known = (self._joining_path.name, f"temp-{self.manifest_path.name}")
        for name in self.files.names(self.directory):
            if name in known or rewritten.fullmatch(name):
                discard(self.files, self.directory / name)

    def _has_old_style(self) -> bool:
        path = self.directory.parent / self.filename
        if path == self.directory or not self.files.exists(path):
            return False
        if not self.manifest.files:
            return True
        old = LogFile(self.filename, 1, BASE)
        return self.manifest.files == (old,) and not self.files.exists(self.path(old))

    def _upgrade(self) -> None:
        old, base = self.directory.parent / self.filename, LogFile(self.filename, 1, BASE)
        self.replace(Manifest(base))
        self.files.rename(old, self.path(base))
        sync_directory(self.files, self.directory)
        sync_directory(self.files, old.parent)
        log.info("%s: moved into %s", old, self.directory)

    def _forget_beginning(self) -> None:
        """Delete what was made of a first set, if it has not become one; the mark goes last."""
        if not self.manifest.files:
            for path in self._parts():
                self.files.remove(path)
            sync_directory(self.files, self.directory)
        self.files.remove(self._mark_path)

    def _parts(self) -> list[Path]:
        """The files that look like parts of a log."""
        part = re.compile(re.escape(self.filename) + r"\.\d+\.(base|incr)\.(aof|rdb)")
        return [self.directory / name for name in self.files.names(self.directory) if part.fullmatch(name)]

    def orphans(self) -> str | None:
        """What is wrong if there are parts of a log, with data, and no manifest that lists any."""
        if self.manifest.files or self.files.exists(self._mark_path):
            return None
        for path in self._parts():
            if self.files.size(path) and not self._is_without_data(path):
                return (
                    f"missing or empty, but there is {path.name}; restore the manifest, or move the file away"
                    " to start without its data"
                )
        return None

    def _is_without_data(self, path: Path) -> bool:
        """Whether a file holds no more than what an empty log was about to begin with."""
        fd = self.files.open_read(path)
        try:
            data = self.files.read(fd, _EMPTY_DUMP_BYTES, 0)
        finally:
            self.files.close(fd)
        if _NO_COMMAND.fullmatch(data):
            return True
        try:
            reader = DumpReader(data)
            keys = sum(1 for _ in reader)
        except BadFormatError:
            return False
        return not keys and not reader.libraries and reader.at == self.files.size(path)

    def adopt(self, dump: Path, size: int) -> None:
        """Begin an empty set with a copy of the first `size` bytes of an RDB file as its base.

        A second name for the same file would do on one file system only, and whoever copies a backup over the
        file would write into the log. Killed before the manifest stands, this leaves a name that does not
        look like a part of a set.
        """
        self.begin_with(lambda: _beginning(self.files, dump, size))

    def begin_with(self, dump: Pieces) -> None:
        """Begin an empty set with an RDB file as its base, of which these are the pieces."""
        base = LogFile(f"{self.filename}.dump.rdb", 1, BASE)
        self._create(base, dump)
        sync_directory(self.files, self.directory)
        self.replace(Manifest(base))

    def _create(self, base: LogFile, pieces: Pieces) -> None:
        """Write a base that no manifest lists; it is there as a whole, or not."""
        temporary = self.directory / "temp-rewriteaof-first.aof"
        write_pieces(self.files, temporary, pieces, lambda: None)
        self.files.rename(temporary, self.path(base))

    def settle(self) -> None:
        """Have the set on the disk as it was found. Raises `SyncError`.

        A server that was killed may have left names, and the end of the log, in the memory of the kernel
        alone. What this one shows and goes on from must not vanish with the next loss of power.
        """
        for path in map(self.path, self.manifest.files):
            fd = self.files.open_read(path)
            try:
                datasync(self.files, fd, path)
            finally:
                self.files.close(fd)
        sync_directory(self.files, self.directory)

    def complete(self, base: Base = NOTHING) -> None:
        """Create what a set needs to be written to; `base`: what an empty one begins with."""
        if self.manifest.increments:
            return
        new = self.manifest
        if new.base is None:
            first = new.next_base(self.filename, base.form)
            self._create(first, base.pieces)
            new = new._replace(base=first)
        increment = new.next_increment(self.filename, 0)
        self.files.close(self.files.create(self.path(increment)))
        sync_directory(self.files, self.directory)
        self.replace(new.with_increment(increment))

    # -- changes -----------------------------------------------------------------------------------

    def replace(self, new: Manifest) -> None:
        """Make `new` the set. Raises `SyncError` if it may not be so after a loss of power."""
        manifest.store(self.files, self.manifest_path, new)
        self.manifest = new

    def next_increment(self, start_offset: int) -> LogFile:
        """Name the increment that comes next."""
        return self.manifest.next_increment(self.filename, start_offset)

    def add(self, increment: LogFile, writer: LogWriter) -> None:
        """Add an empty increment and let `writer`, which has synced everything, go on in it."""
        path = self.path(increment)
        fd = self.files.create(path)
        try:
            sync_directory(self.files, self.directory)
            self.replace(self.manifest.with_increment(increment))
        except OSError:
            self.files.close(fd)
            discard(self.files, path)
            raise
        writer.switch(fd, path, 0)

    def begin_joining(self, writer: LogWriter) -> None:
        """Let `writer` go on in a temporary increment; what it still holds, the snapshot has as well."""
        if not self.manifest.files:
            self.files.close(self.files.create(self._mark_path))
            sync_directory(self.files, self.directory)
        writer.forget()
        writer.switch(self.files.create(self._joining_path), self._joining_path, 0)

    def join(self, increment: LogFile, writer: LogWriter) -> None:
        """Give the temporary increment its name, if that is what `writer` writes to."""
        if writer.path == self._joining_path:
            writer.sync()
            self.files.rename(self._joining_path, self.path(increment))
            writer.path = self.path(increment)

    def end_beginning(self) -> None:
        """Take away the mark of a first set, which stands now."""
        discard(self.files, self._mark_path)

    def delete_history(self) -> None:
        """Delete the files that a rewrite has replaced; what cannot be deleted stays listed."""
        if not self.manifest.history:
            return
        try:
            for file in self.manifest.history:
                if self.files.exists(self.path(file)):
                    self.files.remove(self.path(file))
            self.replace(self.manifest._replace(history=()))
        except OSError as error:
            log.warning("%s: cannot delete superfluous files: %s", self.directory, error)


def _beginning(files: Files, path: Path, size: int) -> Iterator[bytes]:
    """The first `size` bytes of a file, in pieces. Raises AofError if it has become shorter."""
    fd = files.open_read(path)
    try:
        at = 0
        while at < size:
            part = files.read(fd, min(_COPIED_BYTES, size - at), at)
            if not part:
                raise AofError(f"{path}: has become shorter than the {size} bytes that were loaded")
            at += len(part)
            yield part
    finally:
        files.close(fd)
