"""The snapshot file: loading it when the server starts.

It is what there is without an append-only file. A data directory that has a snapshot and no log yet, as of a
redis-server that kept none, is loaded as well where `appendonly yes` stands, and the snapshot becomes the
base of the log that begins then. (redis-server begins with nothing in such a case.)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from respq.datatypes.value import Value
from respq.effects.files import AofError, Files
from respq.effects.loader import Loader
from respq.engine import Engine
from respq.loading import Loading
from respq.protocol import Argv

Progress = Callable[[int, int], None]


class Dumps:
    """The snapshots of what `engine` holds."""

    def __init__(self, engine: Engine, files: Files) -> None:
        self.engine = engine
        self.server = engine.server
        self.config = engine.server.config
        self.files = files

    @property
    def path(self) -> Path:
        """Where the snapshot is, or will be."""
        return Path(self.config.dir) / self.config.dbfilename

    def load(self, loading: Loading, progress: Progress) -> None:
        """Store what the snapshot holds and has not expired, if there is one. Raises AofError."""
        path = self.path
        now_ms = self.engine.clock.now_ms
        expired = 0

        def store(db: int, key: bytes, value: Value) -> None:
            nonlocal expired
            if 0 < value.expires_ms < now_ms:
                expired += 1
            else:
                loading.store(db, key, value)

        try:
            if not self.files.exists(path):
                return
            loader = Loader(
                self.files, _no_commands, progress, self.files.size(path), store,
                checked=self.config.rdbchecksum,
            )  # fmt: skip
            loader.load_dump(path)
        except OSError as error:
            raise AofError(f"{path}: cannot load the snapshot: {error.strerror}") from error
        loaded = self.server.saves.keys_loaded = loader.keys - expired
        self.server.saves.keys_expired = expired
        self.engine.log("notice", f"Loaded {loaded} keys from {path}; {expired} have expired")


def _no_commands(_commands: list[Argv]) -> None:
    """A snapshot holds none."""
