"""The engine's side of the append-only file: when it is read, written, synced and rewritten.

`effects.aof` knows files and positions; this module knows what they mean for clients. After each tick
`flush` says whether its output may leave:

- written: yes, as far as it is safe (under `appendfsync always` output waits until the disk has what it has
  seen, in the order in which it was made, while the loop goes on), and so may everything that was held;
- failed: not this tick's, which acknowledges what is not there. From then on writes get MISCONF, so later
  ticks acknowledge nothing new, and reads go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain
from pathlib import Path

from respq.backups import Backups
from respq.children import History
from respq.config.kinds import ConfigError
from respq.dumps import Dumps
from respq.effects.aof import BEGINNING, AppendOnlyFile
from respq.effects.files import AofError, Files, SyncError
from respq.effects.kernel_sync import NewSyncer, new_syncer
from respq.effects.manifest import COMMANDS, DUMP
from respq.effects.snapshot import Base, ForkedSnapshot, TakeSnapshot, dataset_commands, encode_commands
from respq.effects.timestamps import stamp
from respq.effects.writer import NO
from respq.engine import Engine
from respq.errors import CommandError
from respq.loading import Loading
from respq.preload import LOG, Source
from respq.transfers import Transfers
from respq.waiting import LOG_SYNCED

RETRY_MS = 1000  # between attempts to begin a log
NO_LOG = "The AOF files could not be loaded again, so nothing can be kept. Restart the server."
REPORTED_BYTES = 32 << 20  # a log from this length on takes long enough to load for lines about progress


class Persistence:
    """Keeps what `engine` acknowledges. Raises `AofError` where the log cannot be used."""

    def __init__(self, engine: Engine, files: Files | None = None) -> None:
        self.engine = engine
        self.server = engine.server
        self.config = engine.server.config
        self.files = files or Files()  # the disk
        self.take_snapshot: TakeSnapshot = partial(  # how a rewrite writes the data
            ForkedSnapshot,
            progress=self.server.saves.progress,
            syncs=lambda: self.config.aof_rewrite_incremental_fsync,
        )
        self.dumps = Dumps(engine, self.files, self._has_other_child)
        self.transfers = Transfers(engine, self.dumps.pieces_of, self.has_child)
        self.backups = Backups(engine, self.files, self)
        self.new_syncer: NewSyncer = new_syncer  # the loop watches over those that it makes
        self.caught_up = True  # the last flush wrote everything
        self._refusing = False  # writes, because it did not
        self._synced = 0
        self._position = 0  # in the log, where the last one was closed: what waits for a sync has seen that
        self._rewrite_at_ms = 0  # when a rewrite that is wanted begins; 0: none is
        self._rewrite_began_ms = self._rewritten_bytes = 0  # of the one that goes on
        self.server.rewrite_log = self.schedule_rewrite
        self.server.reload_log = self._reload
        self.config.on_change("appendfsync", self._change_policy)
        self.config.on_change("no-appendfsync-on-rewrite", self._change_policy)
        self.config.on_change("aof-timestamp-enabled", self._change_policy)
        self.config.on_change("latency-monitor-threshold", self._change_policy)
        self.config.on_change("appendonly", self._switch)

    # -- start and end -----------------------------------------------------------------------------

    def start(self, pause: Callable[[], None]) -> None:
        """Load the log, or the snapshot, and open the log for writing. Calls `pause` in between."""
        self.backups.find()
        self._load(pause, self.config.preload_file)

    def _load(self, pause: Callable[[], None], preload: str = "") -> None:
        def progress(done: int, total: int) -> None:
            self._note_progress(done, total)
            pause()

        aof = self._new_log() if self.config.appendonly else None
        if aof is not None:
            aof.open()
        source = self._source(preload, aof)
        from_log = source is not None and source.kind == LOG
        dump, dump_bytes = source.path if source is not None else self.dumps.path, 0
        with Loading(self.engine) as loading:
            if source is not None and from_log:
                source.load_log(self.files, loading, progress, checked=self.config.rdbchecksum)
            elif source is not None or aof is None or aof.is_empty:
                dump_bytes = self.dumps.load(loading, progress, dump)
            else:
                self._load_log(aof, loading, progress)
        if not self.config.appendonly:
            return  # or not any more
        if aof is None:
            self._switch_on()
            return
        if from_log:
            aof.begin_with(self.dumps.base_pieces)
        elif dump_bytes:
            aof.adopt(dump, dump_bytes)
        aof.start(self.engine.clock.now_ms, self._base())
        self.server.aof = aof

    def _source(self, preload: str, aof: AppendOnlyFile | None) -> Source | None:
        """What to begin with instead of what is here, if anything. Raises AofError if something is."""
        if not preload:
            return None
        source = Source.read(preload)
        if aof is not None and not aof.is_empty:
            source.check_is(aof.manifest_path)
        elif self.files.exists(self.dumps.path):
            source.check_is(self.dumps.path)
        else:
            source.check_is_there(self.files)
            self.engine.log("notice", f"Beginning with {source.path}, as preload-file says")
            return source
        return None

    def _load_log(self, aof: AppendOnlyFile, loading: Loading, progress: Callable[[int, int], None]) -> None:
        config = self.config
        steps = aof.load(
            loading.execute, progress, loading.store, loading.keep, apart=loading.apart,
            truncate=config.aof_load_truncated, corrupt_tail_bytes=config.aof_load_corrupt_tail_max_size,
            checked=config.rdbchecksum,
        )  # fmt: skip
        self.server.saves.keys_loaded = aof.keys_loaded
        keys = sum(map(len, self.server.databases))
        if steps:
            self.engine.log("notice", f"Loaded {keys} keys from {steps} entries of the append-only file")
        if not keys and self.files.exists(self.dumps.path):  # as somebody may put it there to restore it
            self.engine.log(
                "warning",
                f"{self.dumps.path} was not loaded: there is a log, though without keys, and it alone counts."
                f" To begin with the snapshot, stop, move {aof.manifest_path.parent} away and start again",
            )

    def _note_progress(self, done: int, total: int) -> None:
        """Tell INFO, and the log each tenth of a log of some size."""
        server = self.server
        tenths = 10 * done // total
        if total >= REPORTED_BYTES and tenths > 10 * server.loading_bytes // total:
            self.engine.log("notice", f"Loading: {tenths}0 % of {total} bytes")
        server.loading_bytes, server.loading_total = done, total

    def is_ready_to_stop(self, how: str = "default") -> bool:
        """Write the last snapshot, if there are save points; tell whether the server may stop.

        `how` has the words of `shutdown-on-sigterm`: save or nosave in any case, force: stop even if that
        fails, or a log is beginning. There is nobody for whom `now` would not wait.
        """
        words = how.split()
        if self.server.log_is_beginning and "force" not in words:
            self.engine.log("warning", BEGINNING)
            return False
        wanted = "save" in words or (self.config.save and "nosave" not in words)
        if not wanted or self.server.loading:
            return True
        self.dumps.close()
        try:
            self.dumps.save()
        except CommandError:
            forced = "force" in words
            self.engine.log(
                "warning", f"The snapshot was not written{'' if forced else ', so the server goes on'}"
            )
            return forced
        return True

    def _reload(self) -> None:
        """DEBUG LOADAOF: write the log, forget everything, load it again.

        Raises CommandError. If it was the loading that failed, there is no log to write to any more.
        """
        server = self.server
        refusal = CommandError("Error trying to load the AOF files, check server logs.")
        log = server.kept_log
        if log is None or log.rewriting or server.loading or self.backups.status.in_progress:
            raise refusal
        server.drain()
        self.close()
        for db in server.databases:
            server.rubble.add(db.clear())
        server.libraries.flush()
        try:
            self._load(lambda: None)
        except AofError as error:
            self.engine.log("warning", str(error))
            self.engine.refuse_writes(NO_LOG)  # reads tell what there is
            raise refusal from None

    def close(self) -> None:
        """Write and sync everything; what a child writes is given up."""
        self.dumps.close()
        self.transfers.close()
        self.backups.close()
        self._close_log()

    def _close_log(self) -> None:
        """Write and sync all of the log; there is none any more. Raises AofError."""
        self._rewrite_at_ms = 0
        self.server.saves.rewrites.first_waits = False
        aof, self.server.aof = self.server.aof, None
        if aof is not None:
            aof.close(self.engine.clock.now_ms)
            self._position = aof.writer.written

    def rescue(self) -> None:
        """Write and sync what can be, because the server stops by a bug; it is not to be hidden by others."""
        if self.engine.broken:
            return  # half a change may be in it
        try:
            self.close()
        except Exception as error:  # noqa: BLE001  # see above
            self.engine.log("warning", f"The end of the append-only file could not be written: {error}")

    def _new_log(self) -> AppendOnlyFile:
        config = self.config
        aof = AppendOnlyFile(
            Path(config.dir) / config.appenddirname,
            config.appendfilename,
            fsync=config.appendfsync,
            files=self.files,
            new_syncer=self.new_syncer,
            take_snapshot=self.take_snapshot,
            history=self.server.saves.rewrites,
        )
        return self._prepared(aof)

    def _prepared(self, aof: AppendOnlyFile) -> AppendOnlyFile:
        """A log that continues where the last one was closed."""
        aof.writer.written = self._position
        aof.writer.on_delay = self._delay_watcher()
        aof.timestamped = self.config.aof_timestamp_enabled
        return aof

    # -- for a backup without a log ----------------------------------------------------------------

    def log_apart(self, directory: Path, name: str) -> None:
        """Begin a log that only a backup needs, with the present data as its base. Raises AofError."""
        aof = AppendOnlyFile(
            directory,
            name,
            fsync=NO,
            files=self.files,
            new_syncer=self.new_syncer,
            take_snapshot=self.take_snapshot,
            history=History(),
            temporary=True,
        )
        self._prepared(aof)
        try:
            aof.open()
            self._fork(aof)
        except AofError:
            aof.abandon()
            raise
        self.server.aof = aof

    def end_log_apart(self) -> None:
        """Let go of it."""
        aof, self.server.aof = self.server.aof, None
        assert aof is not None
        aof.abandon()
        self._position = aof.writer.written

    # -- once per tick -----------------------------------------------------------------------------

    def flush(self, now_ms: int) -> bool:
        """Write what this tick logged; tell whether its output may leave. Raises SyncError: stop then."""
        aof = self.server.aof
        if aof is None:
            return True
        if aof.temporary:
            self.backups.flush(aof, now_ms)
            return True
        writer = aof.writer
        refused_before = self._refusing  # not the writer's error: the beginning of a rewrite may have met it
        self.caught_up = aof.flush(now_ms)
        self._refuse_or_accept_writes(writer.error)
        if self.backups.sealing:
            self.backups.seal_now(aof, now_ms)
        if writer.error is not None:
            return refused_before
        synced = writer.synced
        if synced != self._synced:
            self._synced = synced
            self.engine.wake(LOG_SYNCED)
        return self.caught_up

    def _refuse_or_accept_writes(self, error: OSError | None) -> None:
        """Refuse writes while the log cannot take them."""
        if error is not None and not self._refusing:
            self.engine.refuse_writes(f"Errors writing to the AOF file: {error.strerror}")
        elif error is None and self._refusing:
            self.engine.accept_writes()
        self._refusing = error is not None

    def _delay_watcher(self) -> Callable[[str, int], None] | None:
        """Who wants to know how long the disk takes, if anybody does."""
        if not self.server.latency.on:
            return None
        return lambda event, took_ns: self.server.latency.note(event, took_ns, self.engine.clock.now_ms)

    def cron(self, now_ms: int) -> None:
        """Look after snapshots and rewrites, and start what is asked for or due, once all data are loaded."""
        if self.server.loading:
            return
        log = self.server.kept_log
        if log is not None:
            self._look_after_log(log, now_ms)
        elif self._first_waits and self._is_wanted(now_ms) and not self._another_writes():
            self._begin_to_log(now_ms)
        self.dumps.cron(now_ms)
        self.transfers.cron()
        self.backups.cron(now_ms)

    def _is_rewriting(self) -> bool:
        aof = self.server.aof
        return self._first_waits or (aof is not None and (aof.rewriting or aof.rewrite_asked_for))

    @property
    def _first_waits(self) -> bool:
        """Whether a log is to begin that does not write yet."""
        return self.server.saves.rewrites.first_waits

    def _another_writes(self) -> bool:
        """Whether a child is at work on something else than the log."""
        return self.dumps.in_progress or self.transfers.in_progress

    def _has_other_child(self) -> bool:
        """Whether a child is at work, or is to be, that writes no snapshot."""
        return self.transfers.in_progress or self._is_rewriting()

    def has_child(self) -> bool:
        """Whether a child process is at work, or is to be."""
        return self.dumps.in_progress or self._has_other_child()

    def _look_after_log(self, aof: AppendOnlyFile, now_ms: int) -> None:
        if aof.rewriting:
            self._look_after_rewrite(aof, now_ms)
        if self._another_writes() or self.backups.keeps_log:
            return  # one child at a time
        config = self.config
        due = aof.wants_rewrite(now_ms, config.auto_aof_rewrite_percentage, config.auto_aof_rewrite_min_size)
        if (due or self._is_wanted(now_ms)) and aof.prepare_rewrite(now_ms):
            self._rewrite_at_ms = 0
            aof.rewrite_asked_for = aof.rewrite_waits = False
            self._begin_rewrite(aof, now_ms, "for it has grown" if due else "as asked for")

    def _is_wanted(self, now_ms: int) -> bool:
        """Whether the time of a rewrite has come that is asked for, or was put back far before it."""
        return self._rewrite_at_ms > 0 and not 0 < self._rewrite_at_ms - now_ms <= RETRY_MS

    # -- rewriting ---------------------------------------------------------------------------------

    def schedule_rewrite(self, within_transaction: bool) -> bool:
        """BGREWRITEAOF: starts between two ticks, once the log is on the disk. Raises CommandError.

        Return whether it has to wait for more than that: another child, or the end of a transaction.
        """
        aof = self.server.kept_log
        if aof is None:
            return True  # it begins with one
        if self.backups.keeps_log:
            raise CommandError(
                "Background append only file rewriting has to wait for the backup that is incrementing:"
                " BACKUP SEAL or BACKUP ABORT first"
            )
        if aof.rewrites_now:
            raise CommandError("Background append only file rewriting already in progress")
        self._rewrite_at_ms = self.engine.clock.now_ms
        aof.rewrite_asked_for = True
        aof.rewrite_waits = within_transaction or self._another_writes()
        return aof.rewrite_waits

    def _begin_rewrite(self, aof: AppendOnlyFile, now_ms: int, why: str) -> None:
        self._note_rewrite(now_ms, aof.current_bytes)
        try:
            self._fork(aof)
            self.engine.log("notice", f"Rewriting the append-only file of {aof.current_bytes} bytes, {why}")
        except SyncError:
            raise
        except AofError as error:
            self.engine.log("warning", f"The append-only file was not rewritten: {error}")
            self.backups.note_rewritten(aof, False)
            if not aof.is_whole:
                self._rewrite_at_ms = now_ms + RETRY_MS

    def _fork(self, aof: AppendOnlyFile) -> None:
        """Begin the rewrite itself, or a log. Raises AofError."""
        self.server.saves.progress.begin(sum(map(len, self.server.databases)))
        fork_us = aof.begin_rewrite(self._base(), self.engine.clock.now_ms)
        self._apply_policy(aof)
        self.server.stats.forks += 1
        self.server.stats.last_fork_us = fork_us
        self.server.latency.note("fork", fork_us * 1000, self.engine.clock.now_ms)

    def _note_rewrite(self, now_ms: int, size: int) -> None:
        """Remember what the line at its end compares with."""
        self._rewrite_began_ms, self._rewritten_bytes = now_ms, size

    def _look_after_rewrite(self, aof: AppendOnlyFile, now_ms: int) -> None:
        ended = aof.poll(now_ms)
        if ended is None:
            return
        self._apply_policy(aof)
        self.backups.note_rewritten(aof, ended)
        seconds = (now_ms - self._rewrite_began_ms) / 1000
        if ended:
            sizes = f"{self._rewritten_bytes} bytes before, {aof.current_bytes} now"
            self.engine.log("notice", f"Rewrote the append-only file in {seconds:.1f} s: {sizes}")
            self.engine.wake(LOG_SYNCED)  # a log that has just been switched on is whole now
            return
        self.engine.log("warning", f"Gave the rewrite of the append-only file up after {seconds:.1f} s")
        if not aof.is_whole:
            self._rewrite_at_ms = now_ms + RETRY_MS  # nothing is kept until one has succeeded

    def _base(self) -> Base:
        """What a log begins with."""
        if self.config.aof_use_rdb_preamble:
            return Base(DUMP, self.dumps.base_pieces)
        return Base(COMMANDS, self._command_pieces)

    def _command_pieces(self) -> Iterable[bytes]:
        libraries = ((0, [b"FUNCTION", b"LOAD", library.code]) for library in self.server.libraries)
        over = self.server.saves.progress.over
        filled = ((db.index, over(db.values.items())) for db in self.server.databases if len(db))
        if self.config.aof_timestamp_enabled:
            yield stamp(self.engine.clock.now_ms // 1000)
        yield from encode_commands(chain(libraries, dataset_commands(filled)))

    # -- CONFIG SET --------------------------------------------------------------------------------

    def _change_policy(self) -> None:
        if self.server.kept_log is not None:
            self._apply_policy(self.server.kept_log)

    def _apply_policy(self, aof: AppendOnlyFile) -> None:
        """When the log is synced: by `appendfsync`, or never while it is rewritten, if that is wanted.

        And whether it says what time it is, and who is told how long that takes.
        """
        aof.timestamped = self.config.aof_timestamp_enabled
        aof.writer.on_delay = self._delay_watcher()
        if aof.temporary:
            return  # it is synced when the backup is sealed
        spared = aof.rewriting and self.config.no_appendfsync_on_rewrite
        aof.writer.fsync = NO if spared else self.config.appendfsync

    def _switch(self) -> None:
        """CONFIG SET appendonly: yes starts a log with the present data as its base. Raises ConfigError."""
        if self.server.loading:
            return  # `start` looks at the outcome
        self.server.drain()  # what was done before belongs to the log of before
        if not self.config.appendonly:
            self.backups.fail("appendonly was switched off")
            self._switch_off()
        elif self.server.kept_log is None and not self._first_waits:
            self.backups.fail("appendonly was switched on")
            if self._another_writes():
                self._rewrite_at_ms = self.engine.clock.now_ms
                self.server.saves.rewrites.first_waits = True
                self.engine.log("notice", "An append-only file begins once the child that writes has ended")
            else:
                self._switch_on()

    def _begin_to_log(self, now_ms: int) -> None:
        """Begin the log that had to wait; if that fails, it is tried again."""
        self.server.drain()  # what was done before is in the base
        try:
            self._switch_on()
        except ConfigError:
            self._rewrite_at_ms = now_ms + RETRY_MS
            return
        self._rewrite_at_ms = 0
        self.server.saves.rewrites.first_waits = False

    def _switch_on(self) -> None:
        aof = self._new_log()
        try:
            aof.open()
            self._note_rewrite(self.engine.clock.now_ms, 0)
            self._fork(aof)
            self.engine.log("notice", "Beginning an append-only file with the present data")
        except AofError as error:
            aof.writer.abandon()
            self.engine.log("warning", str(error))
            raise ConfigError("Unable to turn on AOF. Check server logs.") from error
        self.server.aof = aof

    def _switch_off(self) -> None:
        """Do without a log, even if the last of it cannot be written: a full disk may be the reason."""
        try:
            self._close_log()
        except AofError as error:
            self.engine.log("warning", f"{error}; the log ends without it")
        self.caught_up = True
        self.engine.accept_writes()
        self._refusing = False
        self.engine.wake(LOG_SYNCED)
