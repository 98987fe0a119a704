"""BACKUP: a copy of the data as of the moment in which it is sealed, made while the server goes on.

As the manual of Redis 8.10 has it, over the files of `effects.backup`:

    idle → pending        START: the log is to be rewritten as soon as no child is at work
         → snapshotting   the rewrite goes on, or went on already
         → incrementing   its base is pinned; what happens from where it began is in one increment
         → sealed         SEAL: that increment has ended and is pinned, the manifest stands
         → idle           CLEANUP, or `backup-sealed-ttl`

and from each of the middle three → failed, by ABORT or by what went wrong: STATUS says what. A backup that
has failed leaves nothing behind but, perhaps, what could not be deleted.

With a log, its own files serve. It is not rewritten while a backup is incrementing, which would divide the
increment. Without one (`appendonly no`), a log is written for the time being, in the directory of the backup:
begun as CONFIG SET appendonly yes begins one, never synced before the seal, and no reason to refuse a write
or to stop. If it cannot be written, the backup has failed.

**SEAL** takes effect at the end of a turn of the loop, between the write of the log and the replies: whatever
was answered before SEAL is, in this turn or an earlier one, is in the backup, whoever asked; and what the
disk lacks is synced on the thread first, while its client waits and others are served. What may fail for
want of room comes before the log goes on in another increment; so if it does, nothing has happened, the
error says so, and SEAL may be tried again.

What a server finds when it starts: sealed, if there is a manifest; otherwise a backup that was going on has
failed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from respq.draining import give_up
from respq.effects.aof import AppendOnlyFile
from respq.effects.backup import (
    FAILED,
    INCREMENTING,
    PENDING,
    SEALED,
    SNAPSHOTTING,
    BackupDirectory,
    BackupStatus,
)
from respq.effects.files import AofError, Files, SyncError
from respq.engine import Engine
from respq.errors import CommandError
from respq.protocol import Argv
from respq.protocol.resp import OK
from respq.state import Client

BACKUP_SEALED = "backup sealed"  # what SEAL waits for
UNBLOCKED = CommandError("BACKUP SEAL goes on, but this client does not wait for it; see BACKUP STATUS").reply


class Logs(Protocol):
    """What persistence does for a backup."""

    def schedule_rewrite(self, within_transaction: bool) -> bool:
        """Have the log rewritten as soon as that is possible, as BGREWRITEAOF does."""
        ...

    def has_child(self) -> bool:
        """Whether a child process is at work, or is to be."""
        ...

    def log_apart(self, directory: Path, name: str) -> None:
        """Without a log: begin to write one, in files of that directory and name. Raises AofError."""
        ...

    def end_log_apart(self) -> None:
        """Let go of that log, as it is."""
        ...


class Backups:
    """The backup of what `engine` holds: there is one at most."""

    def __init__(self, engine: Engine, files: Files, logs: Logs) -> None:
        self.engine = engine
        self.server = engine.server
        self.config = engine.server.config
        self.files = files
        self._logs = logs
        self._directory = self._configured()
        self.sealing = False  # somebody waits for the seal
        self.server.start_backup = self.start
        self.server.seal_backup = self.seal
        self.server.abort_backup = self.abort
        self.server.clean_backup = self.clean

    @property
    def status(self) -> BackupStatus:
        """What is known of it."""
        return self.server.backup

    def _configured(self) -> BackupDirectory:
        config = self.config
        path = (Path(config.dir) / config.backupdirname).absolute()
        return BackupDirectory(self.files, path, config.appendfilename)

    @property
    def keeps_log(self) -> bool:
        """Whether the log must not be rewritten, for a backup's increment is being written."""
        return self.status.state == INCREMENTING and self.server.kept_log is not None

    def find(self) -> None:
        """See what an earlier server has left. Raises AofError if it would be taken for the log."""
        config = self.config
        if config.backupdirname in (config.appenddirname, ".", ".."):
            raise AofError(
                f"backupdirname {config.backupdirname}: a backup needs a directory of its own, inside dir"
            )
        self._directory = self._configured()
        try:
            self.server.backup = self._directory.find()
        except (OSError, AofError) as error:
            self.server.backup = BackupStatus(FAILED, self._said(error))
        if self.status.state == FAILED:
            self.engine.log("warning", f"The last backup is of no use: {self.status.error}")

    # -- commands ----------------------------------------------------------------------------------

    def start(self) -> None:
        """BACKUP START. Raises CommandError."""
        status, log = self.status, self.server.kept_log
        if status.in_progress:
            raise CommandError(f"a backup is in progress already: it is {status.state}")
        if status.state == SEALED:
            raise CommandError("the last backup is still there: copy it, then BACKUP CLEANUP")
        start_s = self.engine.clock.now_ms // 1000
        if status.state == FAILED:
            self._remove()
        try:
            self._directory.begin(start_s)
        except (OSError, AofError) as error:
            raise CommandError(f"no backup can be started: {self._said(error)}") from None
        joins = log is not None and log.rewriting
        self.server.backup = BackupStatus(SNAPSHOTTING if joins else PENDING, start_s=start_s)
        if log is not None and not joins and not log.rewrite_asked_for:
            self._logs.schedule_rewrite(False)
        self.engine.log("notice", f"A backup into {self._directory.path} has been started")

    def seal(self, client: Client, argv: Argv) -> bytes:
        """BACKUP SEAL: parks the client until it is sealed, or has failed. Raises CommandError."""
        if client.executing:
            raise CommandError(
                "BACKUP SEAL is not possible in a transaction or a script, which is logged as a whole"
            )
        if self.status.state != INCREMENTING:
            raise CommandError(
                f"there is no backup that can be sealed: it would have to be {INCREMENTING}, and is"
                f" {self.status.state}"
            )
        self.sealing = True
        return client.park(argv, (BACKUP_SEALED,), 0, UNBLOCKED)

    def abort(self) -> None:
        """BACKUP ABORT. Raises CommandError."""
        if self.status.state == SEALED:
            raise CommandError("the backup is sealed: BACKUP CLEANUP removes it")
        if not self.status.in_progress:
            raise CommandError("there is no backup in progress")
        self.fail("aborted by BACKUP ABORT")

    def clean(self) -> None:
        """BACKUP CLEANUP. Raises CommandError."""
        if self.status.in_progress:
            raise CommandError(
                f"a backup is in progress: it is {self.status.state}; BACKUP ABORT gives it up"
            )
        self._remove()
        self.server.backup = BackupStatus()

    def _remove(self) -> None:
        """Delete the files of a backup that is over. Raises CommandError; then it is of no use any more."""
        try:
            self._directory.clean()
        except (OSError, AofError) as error:
            why = f"the backup was not removed: {self._said(error)}"
            self.server.backup = BackupStatus(FAILED, why, self.status.start_s)
            raise CommandError(why) from None

    # -- the way to the base -----------------------------------------------------------------------

    def cron(self, now_ms: int) -> None:
        """Begin what is pending when it can be, look after a log of our own, and after the time of a seal."""
        state = self.status.state
        if state == SEALED:
            self._expire(now_ms)
        elif state == PENDING:
            self._begin()
        elif state == SNAPSHOTTING and self.server.aof is not None and self.server.aof.temporary:
            self._look_after(self.server.aof, now_ms)

    def _begin(self) -> None:
        if self.config.appendonly:
            log = self.server.kept_log
            if log is not None and log.rewriting:
                self._go_on_to(SNAPSHOTTING)
        elif not self._logs.has_child():
            self.server.drain()  # what was done before is in the base
            try:
                self._logs.log_apart(self._directory.path, self._directory.log_name)
                self._go_on_to(SNAPSHOTTING)
            except AofError as error:
                self.fail(self._said(error))

    def _go_on_to(self, state: str, paths: tuple[Path, ...] = ()) -> None:
        self.server.backup = self.status._replace(state=state, paths=paths)

    def _look_after(self, log: AppendOnlyFile, now_ms: int) -> None:
        try:
            ended = log.poll(now_ms)
        except AofError as error:
            self.fail(self._said(error))
            return
        if ended is not None:
            self.note_rewritten(log, ended)

    def note_rewritten(self, log: AppendOnlyFile, succeeded: bool) -> None:
        """A rewrite has ended, or could not begin: the one that the backup waits for, if it waits."""
        if self.status.state not in (PENDING, SNAPSHOTTING):
            return
        if not succeeded:
            self.fail("the base was not written; the log of the server says why")
            return
        base, _ = log.files
        try:
            pinned = self._directory.pin(log.path(base))
        except (OSError, AofError) as error:
            self.fail(self._said(error))
            return
        self._go_on_to(INCREMENTING, (pinned,))
        self.engine.log("notice", f"The backup has its base, {pinned}, and goes on until it is sealed")

    # -- the seal ----------------------------------------------------------------------------------

    def flush(self, log: AppendOnlyFile, now_ms: int) -> None:
        """Once per turn, with a log of our own: write it, and seal if that is asked for."""
        try:
            if not log.flush(now_ms):
                raise AofError(f"{log.writer.path}: cannot be written: {_reason(log.error)}")
        except AofError as error:
            self.fail(self._said(error))
            return
        if self.sealing:
            self.seal_now(log, now_ms)

    def seal_now(self, log: AppendOnlyFile, now_ms: int) -> None:
        """Seal, unless there is too much that the disk has not got yet: then next time.

        To be called when everything that was executed has been written, before it is answered. Raises
        SyncError of the log that the data are kept in.
        """
        try:
            if log.error is not None:
                raise AofError(f"the log cannot be written: {_reason(log.error)}")
            if not log.prepare_rewrite(now_ms):
                return
            self._seal(log, now_ms)
        except SyncError as error:
            if not log.temporary:
                raise
            self.fail(self._said(error))
        except AofError as error:
            self._answer(CommandError(f"not sealed, the backup goes on incrementing: {self._said(error)}"))

    def _seal(self, log: AppendOnlyFile, now_ms: int) -> None:
        """Raises AofError if nothing has happened, SyncError."""
        directory, status = self._directory, self.status
        base, increment = log.files
        end_s = now_ms // 1000
        try:
            paths = directory.prepare(log.path(increment).parent, base, increment, status.start_s, end_s)
        except (OSError, AofError) as error:
            directory.undo(increment)
            raise AofError(self._said(error)) from error
        try:
            if log.temporary:
                log.settle(now_ms)
            else:
                log.rotate(now_ms)
        except AofError:
            directory.undo(increment)
            raise
        try:
            directory.seal()
        except (OSError, AofError) as error:
            self.fail(self._said(error))
            return
        self.server.backup = BackupStatus(SEALED, "", status.start_s, end_s, paths)
        if log.temporary:
            self._end_log_apart()
        self.engine.log("notice", f"The backup is sealed: {paths[-1]}")
        self._answer(None)

    def _answer(self, error: CommandError | None) -> None:
        """Tell all who wait how it ended: before anything that comes later is answered."""
        self.sealing = False
        for client in list(self.server.waiting.queues.get(BACKUP_SEALED, ())):
            if error is not None:
                self.server.stats.count(error)
            give_up(client, OK if error is None else error.reply, failed=error is not None)

    # -- the end -----------------------------------------------------------------------------------

    def fail(self, why: str) -> None:
        """Give up a backup that is in progress, if one is, and what there is of it."""
        if not self.status.in_progress:
            return
        self.server.backup = BackupStatus(FAILED, why, self.status.start_s)
        self.engine.log("warning", f"The backup has failed: {why}")
        self._end_log_apart()
        try:
            self._directory.clean()
        except (OSError, AofError) as error:
            self.engine.log("warning", f"What the backup has left was not removed: {self._said(error)}")
        self._answer(CommandError(f"the backup has failed: {why}"))

    def _end_log_apart(self) -> None:
        """Stop writing a log of our own, if there is one, and delete its files."""
        if self.server.aof is None or not self.server.aof.temporary:
            return
        self._logs.end_log_apart()
        try:
            self._directory.clean_log()
        except (OSError, AofError) as error:
            self.engine.log("warning", f"A part of the backup's log was not removed: {self._said(error)}")

    def close(self) -> None:
        """The server stops, or the log is another: a log of our own is not needed any more."""
        self._end_log_apart()

    def _expire(self, now_ms: int) -> None:
        """Remove a sealed backup whose time is over."""
        lifetime_s = self.config.backup_sealed_ttl
        if not lifetime_s or now_ms // 1000 - self.status.end_s < lifetime_s:
            return
        try:
            self.clean()
            self.engine.log("notice", f"The backup was removed {lifetime_s} s after it was sealed")
        except CommandError as error:
            self.engine.log("warning", str(error))

    def _said(self, error: OSError | AofError) -> str:
        """What went wrong, and where."""
        if isinstance(error, OSError):
            return f"{error.filename or self._directory.path}: {_reason(error)}"
        return str(error)


def _reason(error: OSError | None) -> str:
    return error.strerror or str(error) if error is not None else ""
