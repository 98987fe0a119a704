"""`preload-file`: data to begin with, from a backup or a snapshot elsewhere, instead of the directory's own.

`aof:PATH` is a manifest, with the files that it lists beside it, or a single file of a log; `rdb:PATH` is a
snapshot. They are read and not touched: the log that begins then has a base of its own, and a torn end is not
cut off but refused.

Redis 8.10 replaces what the directory holds, at every start for as long as the directive stands: a server
that is started again by whatever looks after it would lose all that it was told since. So this one begins
with such a file only where there are no data yet, and says what is in the way. The directory's own files
are no other data: naming them means nothing more than starting.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from respq.effects import manifest
from respq.effects.files import AofError, Files
from respq.effects.loader import Loader, Progress
from respq.loading import Loading

LOG = "aof"  # a kind of source; the other is rdb


class Source(NamedTuple):
    """A value of `preload-file`, which is not empty."""

    kind: str
    path: Path

    @classmethod
    def read(cls, value: str) -> Source:
        """Take apart what the configuration has checked."""
        kind, _, path = value.partition(":")
        return cls(kind, Path(path).absolute())

    def check_is(self, held: Path) -> None:
        """Raise AofError unless this is what the directory holds already."""
        if self.path != held.absolute():
            raise AofError(
                f"preload-file {self.path}: {held.absolute()} is there already. To load that, start without"
                " preload-file; to begin anew, move it away"
            )

    def check_is_there(self, files: Files) -> None:
        """Raise AofError if there is no such file."""
        if files.is_directory(self.path):
            wanted = "the manifest, or one file of a log," if self.kind == LOG else "the snapshot"
            raise AofError(f"preload-file: {self.path} is a directory: name {wanted} inside it")
        if not files.exists(self.path):
            raise AofError(f"preload-file: {self.path} is not there")

    def load_log(self, files: Files, loading: Loading, progress: Progress, *, checked: bool) -> None:
        """Execute a log; checksums count if they are `checked`. Raises AofError. O(bytes)."""
        try:
            paths = self._parts(files)
            loader = Loader(
                files, loading.execute, progress, sum(map(files.size, paths)), loading.store, loading.keep,
                apart=loading.apart, checked=checked,
            )  # fmt: skip
            for path in paths:
                end = loader.read(path)
                if end is not None:
                    raise AofError(
                        f"{path}: ends in the middle of a command or transaction that begins at offset {end};"
                        " respq check --fix cuts that off, if it can be missed"
                    )
        except OSError as error:
            raise AofError(f"preload-file: cannot load {self.path}: {error.strerror}") from error

    def _parts(self, files: Files) -> list[Path]:
        """The files of a log, in the order in which they are loaded. Raises AofError and OSError."""
        if self.path.suffix != ".manifest":
            return [self.path]
        found = manifest.load(files, self.path)
        return [self.path.parent / file.name for file in found.files] if found else []
