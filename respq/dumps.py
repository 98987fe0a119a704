"""Snapshots: the data set in one file, loaded when the server starts and written when it is told to.

A snapshot is what there is without an append-only file. A data directory that has one and no log yet, as of a
redis-server that kept none, is loaded as well where `appendonly yes` stands, and the snapshot becomes the
base of the log that begins then. (redis-server begins with nothing in such a case.)

It is written under another name, by this process (SAVE) or a forked child (BGSAVE, save points), synced, and
renamed; then the directory is synced. Killed or without power at any step, the old file is there, or the new
one. Only one child is at work at a time, be it for a snapshot or a log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from respq.config.places import TEMPORARY, check_places
from respq.datatypes.value import Value
from respq.effects.files import AofError, Files, discard, sync_directory
from respq.effects.loader import Loader
from respq.effects.snapshot import ForkedSnapshot, Snapshot, TakeSnapshot, write_pieces
from respq.engine import Engine
from respq.errors import CommandError
from respq.loading import Loading
from respq.protocol import Argv
from respq.rdb.file import Contents, write_dump
from respq.rdb.strings import WriteString, write_compressed, write_plain

Progress = Callable[[int, int], None]

RETRY_MS = 5000  # between attempts to write a snapshot that is due, if the last one failed
REFUSAL = (
    "Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that"
    " may modify the data set are disabled, because this instance is configured to report errors during"
    " writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for"
    " details about the RDB error."
)
IN_PROGRESS = "Background save already in progress"
OTHER_CHILD = (
    "Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule"
    " a BGSAVE whenever possible."
)


class Dumps:
    """The snapshots of what `engine` holds. `has_other_child`: whether a child does something else."""

    def __init__(self, engine: Engine, files: Files, has_other_child: Callable[[], bool]) -> None:
        self.engine = engine
        self.server = engine.server
        self.config = engine.server.config
        self.saves = engine.server.saves
        self.files = files
        self.take_snapshot: TakeSnapshot = partial(  # how one is written in the background
            ForkedSnapshot, progress=self.saves.progress, syncs=self._syncs
        )
        self.has_other_child = has_other_child
        self._dump: Snapshot | None = None  # is being written
        self._target = self.path  # what it becomes
        self._changes = 0  # since the last one, when it began
        self._scheduled = False
        self._tried_ms = 0
        self.server.save = self.save
        self.server.save_in_background = self.save_in_background
        self.server.reload_dump = self.reload
        self.server.cancel_save = self.cancel
        self.server.note_flushed = self.note_flushed
        self.config.on_change("dbfilename", self._check_place)
        self.config.on_change("save", self._refuse_or_accept_writes)
        self.config.on_change("stop-writes-on-bgsave-error", self._refuse_or_accept_writes)

    @property
    def path(self) -> Path:
        """Where the snapshot is, or will be."""
        return Path(self.config.dir) / self.config.dbfilename

    @property
    def in_progress(self) -> bool:
        """Whether a child is writing one."""
        return self._dump is not None

    def _check_place(self) -> None:
        """CONFIG SET dbfilename: nothing else is there. Raises ConfigError."""
        check_places(self.config)

    # -- loading -----------------------------------------------------------------------------------

    def load(self, loading: Loading, progress: Progress, path: Path | None = None) -> int:
        """Store what a snapshot holds and has not expired; return its length, 0 if there is none.

        What stands behind its end is no part of it. `path`: another than this server's own. Raises AofError.
        """
        path = path or self.path
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
                return 0
            loader = Loader(
                self.files, _no_commands, progress, self.files.size(path), store, loading.keep,
                checked=self.config.rdbchecksum,
            )  # fmt: skip
            loader.load_dump(path)
        except OSError as error:
            raise AofError(f"{path}: cannot load the snapshot: {error.strerror}") from error
        self.saves.keys_loaded, self.saves.keys_expired = loader.keys - expired, expired
        self.engine.log("notice", f"Loaded {self.saves.keys_loaded} keys from {path}; {expired} have expired")
        assert loader.dump is not None
        return loader.dump.at

    def reload(self, save: bool, flush: bool, merge: bool) -> None:
        """DEBUG RELOAD: `save`, `flush`, and load; `merge`: what is there gives way. Raises CommandError."""
        refusal = CommandError("Error trying to load the RDB dump, check server logs.")
        if self.server.loading:
            raise refusal
        if save:
            self.save()
        self.server.drain()
        if flush:
            for db in self.server.databases:
                self.server.rubble.add(db.clear())
            self.server.libraries.flush()
        loading = Loading(self.engine, merge=merge)
        try:
            with loading:
                self.load(loading, lambda done, total: None)
        except AofError as error:
            self.engine.log("warning", str(error))
            raise refusal from None

    # -- writing -----------------------------------------------------------------------------------

    def save(self) -> None:
        """Write a snapshot now. Raises CommandError."""
        if self._dump is not None:
            raise CommandError(IN_PROGRESS)
        self.server.drain()  # what was done before is part of it
        self.saves.attempts += 1
        self._write()

    def cancel(self) -> bytes:
        """Give up the snapshot that is being written, or else the one that is scheduled; say which."""
        if self._dump is not None:
            self.close()
            return b"Background saving cancelled"
        scheduled, self._scheduled = self._scheduled, False
        return b"Scheduled background saving cancelled" if scheduled else b""

    def note_flushed(self) -> None:
        """FLUSHALL: what a child writes is of no use, and with save points nothing is to come back.

        If that fails, the old snapshot stays until the next one; the log says so.
        """
        self.close()
        if not self.config.save:
            return
        try:
            self._write()
        except FailedError:
            pass

    def _write(self) -> None:
        """Write a snapshot in this process. Raises FailedError."""
        temporary = self._temporary(self.path)
        try:
            write_pieces(self.files, temporary, self._pieces, lambda: None, syncs=self._syncs())
            self._adopt(temporary, self.path)
        except (OSError, AofError) as error:
            discard(self.files, temporary)
            self.engine.log("warning", f"{self.path}: the snapshot was not written: {error}")
            raise FailedError from error
        self._note_saved(self.server.changes_since_save)

    def save_in_background(self, schedule: bool, at_once: bool) -> bool:
        """Begin to write a snapshot; return whether that will be later. Raises CommandError.

        Later it is if it must not be `at_once`, within a transaction, or if it may be (`schedule`) and there
        is another child.
        """
        if self._dump is not None:
            raise CommandError(IN_PROGRESS)
        if not at_once or self.has_other_child():
            if at_once and not schedule:
                raise CommandError(OTHER_CHILD)
            self._scheduled = True
            return True
        self.server.drain()
        self._begin("as asked for")
        return False

    def _begin(self, why: str) -> None:
        """Begin to write a snapshot in the background. Raises CommandError."""
        saves, now_ms = self.saves, self.engine.clock.now_ms
        self._scheduled = False
        self._target, self._tried_ms = self.path, now_ms
        self._changes = self.server.changes_since_save
        saves.attempts += 1
        saves.progress.begin(sum(map(len, self.server.databases)))
        try:
            self._dump = self.take_snapshot(self.files, self._temporary(self._target), self._pieces)
        except OSError as error:
            saves.last_ok = False
            self.engine.log("warning", f"{self._target}: no snapshot can be written: {error.strerror}")
            self._refuse_or_accept_writes()
            raise FailedError from error
        saves.began_ms = max(1, now_ms)
        self.server.stats.forks += 1
        self.server.stats.last_fork_us = self._dump.fork_us
        self.server.latency.note("fork", self._dump.fork_us * 1000, self.engine.clock.now_ms)
        self.engine.log("notice", f"Writing {self._target} in the background, {why}")

    def cron(self, now_ms: int) -> None:
        """Look after the snapshot that is being written, and begin one that is scheduled or due."""
        if self._dump is not None:
            self._look_after(self._dump, now_ms)
        elif not self.has_other_child() and (self.saves.last_ok or self._may_retry(now_ms)):
            why = "as scheduled" if self._scheduled else self._due(now_ms)
            if why:
                try:
                    self._begin(why)
                except CommandError:
                    pass  # it is in the log, and tried again

    def _may_retry(self, now_ms: int) -> bool:
        """Whether the last failure is long enough ago, or the system's time was put back behind it."""
        return not 0 <= now_ms - self._tried_ms <= RETRY_MS

    def _due(self, now_ms: int) -> str:
        """Why a snapshot is due by `save`; nothing if none is."""
        points = list(map(int, self.config.save.split()))
        elapsed_s = now_ms // 1000 - self.saves.last_save_s
        changes = self.server.changes_since_save
        for seconds, least in zip(points[::2], points[1::2], strict=True):
            if changes >= least and not 0 <= elapsed_s <= seconds:  # or the system's time was put back
                return f"after {changes} changes in {elapsed_s} s"
        return ""

    def _look_after(self, dump: Snapshot, now_ms: int) -> None:
        ended = dump.poll()
        if ended is None:
            return
        saves, self._dump = self.saves, None
        saves.last_seconds = max(0, now_ms - saves.began_ms) // 1000
        saves.began_ms = 0
        temporary, report = self._temporary(self._target), dump.report
        if ended:
            try:
                self._adopt(temporary, self._target)
            except (OSError, AofError) as error:
                ended, report = False, str(error)
        if ended:
            saves.last_private_bytes = dump.private_bytes
            self._note_saved(self._changes)
        else:
            discard(self.files, temporary)
            self.engine.log("warning", f"{self._target}: the snapshot was not written: {report}")
            saves.last_ok = False
            self._refuse_or_accept_writes()

    def _adopt(self, temporary: Path, target: Path) -> None:
        """Make a file that has been written the snapshot."""
        self.files.rename(temporary, target)
        sync_directory(self.files, target.parent)
        self.engine.log("notice", f"Wrote {target}, {self.files.size(target)} bytes")

    def _note_saved(self, changes: int) -> None:
        """There is a snapshot with so many of the changes since the last one, whatever failed before."""
        self.saves.last_save_s = self.engine.clock.now_ms // 1000
        self.server.changes_since_save -= changes
        self.saves.last_ok = True
        self._refuse_or_accept_writes()

    def _syncs(self) -> bool:
        """Whether what has been written is synced now and then."""
        return self.config.rdb_save_incremental_fsync

    def _temporary(self, target: Path) -> Path:
        return target.with_name(f"{TEMPORARY}{target.name}")

    def _pieces(self) -> Iterator[bytes]:
        """The file: what this server holds at this moment."""
        write_string = write_compressed if self.config.rdbcompression else write_plain
        return self._written(write_string, b"0")

    def base_pieces(self) -> Iterator[bytes]:
        """The same, to begin a log with. Not compressed: it would take ten times as long."""
        return self._written(write_plain, b"1")

    def pieces_of(self, data: bool, functions: bool) -> Iterator[bytes]:
        """The keys or the functions alone, or nothing of either."""
        write_string = write_compressed if self.config.rdbcompression else write_plain
        return self._written(write_string, b"0", data=data, functions=functions)

    def _written(
        self, write_string: WriteString, is_base: bytes, *, data: bool = True, functions: bool = True
    ) -> Iterator[bytes]:
        over = self.saves.progress.over
        databases = (
            Contents(db.index, over(db.values.items()), len(db), db.expiring)
            for db in self.server.databases
            if data and len(db)
        )
        about = {
            b"redis-ver": b"8.2.3",  # whose format this is
            b"redis-bits": b"64",
            b"ctime": b"%d" % (self.engine.clock.now_ms // 1000),
            b"aof-base": is_base,
        }
        libraries = [library.code for library in self.server.libraries] if functions else []
        return write_dump(
            databases, about, write_string,
            libraries=libraries, checked=self.config.rdbchecksum, accessed=self.server.frequencies.said_of(),
        )  # fmt: skip

    def _refuse_or_accept_writes(self) -> None:
        """Refuse writes while snapshots are wanted and the last one failed."""
        wanted = self.config.save and self.config.stop_writes_on_bgsave_error
        if wanted and not self.saves.last_ok:
            self.engine.refuse_writes(REFUSAL, "unsaved")
        else:
            self.engine.accept_writes("unsaved")

    def close(self) -> None:
        """Give up what is being written; the old snapshot stays."""
        dump, self._dump = self._dump, None
        if dump is not None:
            dump.cancel()
            discard(self.files, self._temporary(self._target))
            self.saves.began_ms = 0


class FailedError(CommandError):
    """A snapshot could not be written; the log says why."""

    def __init__(self) -> None:
        super().__init__("")
        self.reply = b"-ERR\r\n"


def _no_commands(_commands: list[Argv]) -> None:
    """A snapshot holds none."""
