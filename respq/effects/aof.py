"""The append-only file: what the engine sees of persistence.

    aof = AppendOnlyFile(Path("data/appendonlydir"))
    aof.open()                    # finds the files
    aof.load(execute, progress)   # batches of commands, oldest first
    aof.start(now_ms)             # from here on it can be written
    aof.append_effect(0, argv)    # or append(raw) for a client's own bytes
    aof.flush(now_ms)             # once per tick and from a timer
    aof.prepare_rewrite(now_ms); aof.begin_rewrite(base, now_ms); aof.poll(now_ms)
    aof.close(now_ms)

The parts: `manifest` and `logset` (which files), `grammar` and `loader` (reading), `encoding` and `writer`
(writing), `rewrite` and `snapshot` (starting afresh), all of them over `files` (the disk).

Errors: `AofError` says why the log cannot be used. `SyncError`, one of them, means that the server has to
stop, whichever method raises it. A log that cannot be written is not an exception but a state: `flush`
answers False and `error` says why, until a later flush succeeds.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from respq.children import History
from respq.effects.encoding import encode, encode_run, pieces, select
from respq.effects.files import AofError, Files
from respq.effects.kernel_sync import NewSyncer, new_syncer
from respq.effects.loader import Apart, Execute, Keep, Loader, Progress, Store, no_libraries, no_values
from respq.effects.logset import NOTHING, LogSet
from respq.effects.manifest import LogFile
from respq.effects.rewrite import Rewrite, should_rewrite
from respq.effects.snapshot import Base, ForkedSnapshot, Pieces, TakeSnapshot
from respq.effects.writer import EVERYSEC, LogWriter
from respq.keyspace import Effects
from respq.protocol import Argv
from respq.protocol.annotations import Annotation, annotate
from respq.protocol.runs import Run

log = logging.getLogger(__name__)

# Why the server does not stop.
BEGINNING = (
    "The append-only file that was switched on is not whole yet, so the server goes on. SHUTDOWN FORCE ends"
    " it all the same, and loses what was done since the last snapshot"
)


class AppendOnlyFile:
    """The log in `directory`, which belongs to this process alone."""

    def __init__(
        self,
        directory: Path,
        filename: str = "appendonly.aof",
        *,
        fsync: str = EVERYSEC,
        files: Files | None = None,
        new_syncer: NewSyncer = new_syncer,
        take_snapshot: TakeSnapshot = ForkedSnapshot,
        history: History | None = None,
        temporary: bool = False,
    ) -> None:
        self.temporary = temporary  # what happens while a backup is made; nothing is kept in it
        self._files = files or Files()
        self._set = LogSet(self._files, directory, filename)
        self._take_snapshot = take_snapshot
        self._rewrite: Rewrite | None = None
        self._rewrite_began_ms = 0
        self.rewrite_asked_for = False  # and not begun
        self.rewrite_waits = False  # that one, for another child, or for the end of a transaction
        self.keys_loaded = 0  # from bases that are RDB files
        self._older_bytes = 0  # length of all files of the log but the one being written
        self._history = history or History()
        self.writer = LogWriter(self._files, fsync, new_syncer(self._files))
        self.append = self.writer.append  # bytes for the selected database; no call in between
        self.timestamped = False  # whether it says when things were done
        self.selected_db: int | None = None  # what the log's last SELECT says; None: none in this file
        self.base_bytes = 0  # length of the log after the last rewrite, which growth is measured by

    # -- starting ----------------------------------------------------------------------------------

    def open(self) -> None:
        """Find the files of the log, or that there are none yet."""
        with self._explained("cannot open the log"):
            self._set.open()

    def load(
        self,
        execute: Execute,
        progress: Progress | None = None,
        store: Store = no_values,
        keep: Keep = no_libraries,
        *,
        apart: Apart | None = None,
        truncate: bool = True,
        corrupt_tail_bytes: int = 0,
        checked: bool = True,
    ) -> int:
        """Execute the log; return the number of commands and keys.

        `truncate`: a torn end is cut off; in any case at most `corrupt_tail_bytes` of what is no command.

        `execute` gets batches: whole transactions, MULTI and EXEC included, and a SELECT at the start of
        each file. It raises `CommandFailedError` for what cannot be executed. `apart` gets what may be
        executed key by key. `progress` gets the bytes read and the total, after each piece. `store` gets the
        values of a base that is an RDB file, `keep` its libraries of functions; its checksum counts if it is
        `checked`.
        """
        with self._explained("cannot read the log"):
            paths = [self._set.path(file) for file in self._set.manifest.files]
            total = sum(map(self._files.size, paths))
            loader = Loader(self._files, execute, progress, total, store, keep, apart=apart, checked=checked)
            for path in paths:
                loader.load(
                    path, last=path == paths[-1], truncate=truncate, corrupt_tail_bytes=corrupt_tail_bytes
                )
            self.keys_loaded = loader.keys
            return loader.commands + loader.keys

    @property
    def files(self) -> tuple[LogFile, ...]:
        """The files that make up the log, in the order in which they are loaded."""
        return self._set.manifest.files

    def path(self, file: LogFile) -> Path:
        """Where one of them is."""
        return self._set.path(file)

    @property
    def manifest_path(self) -> Path:
        """Where the list of its files is, or will be."""
        return self._set.manifest_path

    @property
    def is_empty(self) -> bool:
        """Whether there is no log yet: no file belongs to it."""
        return not self.files

    def adopt(self, dump: Path, size: int) -> None:
        """Let a copy of the first `size` bytes of an RDB file be the base of a log that is empty."""
        with self._explained("cannot begin the log"):
            self._set.adopt(dump, size)

    def begin_with(self, dump: Pieces) -> None:
        """Let an RDB file that is yet to be written be the base of a log that is empty. O(bytes)."""
        with self._explained("cannot begin the log"):
            self._set.begin_with(dump)

    def start(self, now_ms: int, first_base: Base = NOTHING) -> None:
        """Make the log ready to be written, after `load`; an empty one begins with `first_base`."""
        with self._explained("cannot write the log"):
            self._set.settle()
            self._set.complete(first_base)
            increment = self._set.path(self._set.manifest.increments[-1])
            size = self._files.size(increment)
            self.writer.switch(self._files.open_append(increment), increment, size)
            self._measure()
            base = self._set.manifest.base
            self.base_bytes = self._files.size(self._set.path(base)) if base else 0
            self._set.delete_history()
            self.writer.flush(now_ms)

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            place = error.filename or self._set.directory
            raise AofError(f"{place}: {what}: {error.strerror}") from error

    def _measure(self) -> None:
        paths = [self._set.path(file) for file in self._set.manifest.files]
        older = [path for path in paths if path != self.writer.path and self._files.exists(path)]
        self._older_bytes = sum(map(self._files.size, older))

    # -- writing -----------------------------------------------------------------------------------

    def append_effect(self, db: int, argv: Argv | Run | Annotation) -> None:
        """Log one command, or a run of them, to be executed in database `db`."""
        if db != self.selected_db:
            self.append(select(db))
            self.selected_db = db
        if isinstance(argv, Annotation):
            self.append(annotate(argv.argv))
        else:
            self.append(encode_run(argv) if isinstance(argv, Run) else encode(argv))

    def append_effects(self, effects: Effects) -> None:
        """Log what a batch did: `append_effect` for each of its effects that has a command."""
        extend = self.writer.extend
        for db, _, _, argv in effects:
            if argv.__class__ is not list or db.index != self.selected_db:
                if argv is not None:
                    self.append_effect(db.index, argv)
            else:
                extend(pieces(argv))

    def flush(self, now_ms: int, *, force: bool = False) -> bool:
        """Write the tick; return whether its output may leave. See `LogWriter.flush`."""
        if self.timestamped:
            self.writer.stamp(now_ms)
        return self.writer.flush(now_ms, force=force)

    @property
    def error(self) -> OSError | None:
        """Why the log cannot be written at present: then writes are refused."""
        return self.writer.error

    @property
    def current_bytes(self) -> int:
        """Length of all files of the log."""
        return self._older_bytes + self.writer.size

    def settle(self, now_ms: int) -> None:
        """Write and sync everything that was appended. Raises `AofError` if that is impossible."""
        if not self.flush(now_ms, force=True):
            reason = self.writer.error.strerror if self.writer.error else ""
            raise AofError(f"{self.writer.path}: cannot be written: {reason}")
        self.writer.sync()

    def rotate(self, now_ms: int) -> None:
        """Go on in a new increment; nothing is added any more to the present one, which is on the disk.

        Raises `AofError`; then the log is as it was, or cannot be written.
        """
        self.settle(now_ms)
        with self._explained("cannot begin another increment"):
            self._set.add(self._set.next_increment(self.writer.position), self.writer)
        self.selected_db = None
        self._measure()

    def abandon(self) -> None:
        """Let go of the files without writing; what was appended and not written is dropped."""
        self.cancel_rewrite()
        self.writer.abandon()

    def close(self, now_ms: int) -> None:
        """Write and sync everything and let go of the files. Raises `AofError` if that is impossible."""
        self.cancel_rewrite()
        if self.timestamped:
            self.writer.stamp(now_ms)
        with self._explained("cannot close the log"):
            self.writer.close(now_ms)

    # -- rewriting ---------------------------------------------------------------------------------

    @property
    def rewriting(self) -> bool:
        """Whether a rewrite is going on."""
        return self._rewrite is not None

    @property
    def rewrites_now(self) -> bool:
        """Whether a rewrite is going on, or waits for nothing but the disk."""
        return self.rewriting or (self.rewrite_asked_for and not self.rewrite_waits)

    def wants_rewrite(self, now_ms: int, percentage: int, min_bytes: int) -> bool:
        """Tell whether the log has grown enough for an automatic rewrite, and none failed lately."""
        if self._rewrite is not None or self.error or now_ms < self._history.retry_at_ms:
            return False
        return should_rewrite(self.current_bytes, self.base_bytes, percentage, min_bytes)

    @property
    def is_whole(self) -> bool:
        """Whether what is written belongs to the set: not before the rewrite that switches the log on."""
        return self.writer.path in map(self._set.path, self._set.manifest.increments)

    @property
    def is_beginning(self) -> bool:
        """Whether the rewrite goes on that switches the log on; until it has ended nothing is kept."""
        return self.rewriting and not self.is_whole

    @property
    def synced(self) -> int:
        """How much of what was appended a loss of power cannot take; -1: not even what there was before."""
        return self.writer.synced if self.is_whole else -1

    def prepare_rewrite(self, now_ms: int) -> bool:
        """Have the log synced behind the loop's back, so that `begin_rewrite` need not wait long.

        To be called now and then until it answers True. Raises `SyncError`.
        """
        return not self.writer.is_open or self.error is not None or self.writer.sync_behind(now_ms)

    def begin_rewrite(self, base: Base, now_ms: int) -> int:
        """Start a rewrite, which makes the data set the new `base` in a copy of this process.

        Return the microseconds that making the copy took.

        To be called between ticks, when every effect of what has been executed has been appended. After
        `open` without `load` and `start` it switches the log on: all files of before become history.
        """
        if self._rewrite is not None:
            raise AofError("a rewrite is already going on")
        try:
            if self.writer.is_open:
                self.settle(now_ms)
            self._rewrite = Rewrite(self._set, self.writer, self._take_snapshot, base)
        except AofError as error:
            log.error("%s", error)
            self._history.note(False, now_ms)
            raise
        finally:
            self.selected_db = None  # perhaps a new file, even if the rewrite failed
            self._measure()
        self._rewrite_began_ms = now_ms
        return self._rewrite.fork_us

    def poll(self, now_ms: int) -> bool | None:
        """Look after the rewrite, from a timer: None if there is nothing to say, else how it ended."""
        ended = self._rewrite.poll() if self._rewrite is not None else None
        if self._rewrite is None or ended is None:
            return None
        self._history.last_private_bytes = self._rewrite.private_bytes
        self._history.last_seconds = max(0, now_ms - self._rewrite_began_ms) // 1000
        self._history.note(ended, now_ms)
        self._rewrite = None
        if ended:
            self._measure()
            self.base_bytes = self.current_bytes
        return ended

    def cancel_rewrite(self) -> None:
        """Stop the rewrite, if there is one; the log stays valid."""
        if self._rewrite is not None:
            self._rewrite.cancel()
            self._rewrite = None

    # -- INFO --------------------------------------------------------------------------------------

    def info(self, now_ms: int) -> dict[str, int | str]:
        """Return the `aof_` fields of INFO's section persistence, in Redis's order."""
        seconds = (now_ms - self._rewrite_began_ms) // 1000 if self.rewriting else -1
        history = self._history
        return {
            "aof_enabled": 1,
            "aof_rewrite_in_progress": int(self.rewrites_now),
            "aof_rewrite_scheduled": int(self.rewrite_waits),
            "aof_last_rewrite_time_sec": history.last_seconds,
            "aof_current_rewrite_time_sec": seconds,
            "aof_last_bgrewrite_status": "ok" if history.last_ok else "err",
            "aof_rewrites": history.finished,
            "aof_rewrites_consecutive_failures": history.failures_in_a_row,
            "aof_last_write_status": "err" if self.error else "ok",
            "aof_last_cow_size": history.last_private_bytes,
            "module_fork_in_progress": 0,
            "module_fork_last_cow_size": 0,
            "aof_current_size": self.current_bytes,
            "aof_base_size": self.base_bytes,
            "aof_pending_rewrite": 0,
            "aof_buffer_length": self.writer.buffered,
            "aof_pending_bio_fsync": int(self.writer.syncing),
            "aof_delayed_fsync": self.writer.delayed_fsyncs,
        }
