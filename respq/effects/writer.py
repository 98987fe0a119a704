"""Writing the log: what a tick appended goes out in one write, and to the disk as `appendfsync` says.

Three positions in the log, counted in bytes since the start of the process and through all changes of file:
`position` (appended) ≥ `written` (in the kernel: survives kill -9) ≥ `synced` (survives loss of power).
Output may leave when what it has seen is covered: by `written` under everysec and no, by `synced` under
always (`safe` is the one that counts).

**A write that fails** (no space, I/O error, a short write that cannot be completed) is undone: the file is
cut back to its last good length, so that it ends between ticks and anybody can load it; the data stay in
memory, `error` is set, and `flush` tries again, at most ten times a second. If the cut fails as well, the
bytes that did get out are a prefix of what has to follow, so they count as written and the next attempt
goes on behind them: the file is whole again once it succeeds, and if the server dies before, it is an
ordinary torn end.

**A sync that fails** raises `SyncError`, at once under always, at the next flush under everysec, and again
at each later call. See `files` for why nothing else would be honest.

**always** syncs behind the loop's back (`syncing`), one sync at a time, and commands are executed
meanwhile: the next sync covers all that was written until it starts. Redis syncs in its loop, once per turn,
and so does this while the disk is so fast that it is sooner done than handed over.

**everysec** syncs in the same way, and writing goes on meanwhile. Redis puts writes
off for up to two seconds then, because they may block behind the sync, and answers all the same. Here a
reply never overtakes its write, so that would hold every reply for as long as the sync takes; a write during
a sync was measured to block for 0.03 ms at most (ext4, up to 20 MB not yet on the disk; 11 ms at 200 MB). A
sync that takes more than two seconds is counted in `delayed_fsyncs`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from respq.clock import stopwatch_ns
from respq.effects.files import AofError, Files, SyncError, datasync, write_some
from respq.effects.syncing import Syncer
from respq.effects.timestamps import stamp

ALWAYS, EVERYSEC, NO = "always", "everysec", "no"

_SYNC_INTERVAL_MS = 1000
_SLOW_SYNC_MS = 2000
_RETRY_INTERVAL_MS = 100
_COMPLAIN_INTERVAL_MS = 30_000

log = logging.getLogger(__name__)


class LogWriter:
    """Appends to the last file of the log."""

    def __init__(self, files: Files, fsync: str, syncer: Syncer) -> None:
        self.fsync = fsync  # ALWAYS, EVERYSEC or NO; may be changed at any time
        self.written = 0
        self.size = 0  # length of the current file
        self.error: OSError | None = None  # why the last write failed; None once one has succeeded
        self.delayed_fsyncs = 0
        self.on_delay: Callable[[str, int], None] | None = None  # an event, and how many ns it took
        self._files = files
        self._syncer = syncer
        self._sync_reported = True  # how long the last sync took, to `on_delay`
        self._buffer: list[bytes] = []
        self._fd = -1
        self.path = Path()  # of the current file
        self._synced = 0
        self._failure: SyncError | None = None
        self._last_sync_ms = 0
        self._sync_goal: int | None = None  # of `sync_behind`
        self._slow_sync_noted = False
        self._stamped_s = 0  # what the last time in this file says
        self._retry_at_ms = 0
        self._complained_at_ms: int | None = None
        self.append = self._buffer.append  # bound methods of the list: one call less on the hot path
        self.extend = self._buffer.extend

    @property
    def buffered(self) -> int:
        """How many bytes were appended and not written."""
        return sum(map(len, self._buffer))

    @property
    def position(self) -> int:
        """How many bytes were appended."""
        return self.written + self.buffered

    @property
    def synced(self) -> int:
        """How many bytes are on stable storage."""
        return max(self._synced, self._syncer.synced)

    @property
    def safe(self) -> int:
        """How many bytes are as safe as `fsync` asks for: what has seen no more than these may leave."""
        return self.synced if self.fsync == ALWAYS else self.written

    @property
    def syncing(self) -> bool:
        """Whether a sync is running behind the loop's back."""
        return self._syncer.busy

    def stamp(self, now_ms: int) -> None:
        """Let what was appended since the last flush begin with the time, if another second has begun."""
        second = now_ms // 1000
        if self._buffer and second > self._stamped_s:
            self._buffer.insert(0, stamp(second))
            self._stamped_s = second

    # -- once per tick -----------------------------------------------------------------------------

    def flush(self, now_ms: int, *, force: bool = False) -> bool:
        """Write what was appended; return whether all of it has been written. Then `safe` says how far it is.

        To be called after every tick and from a timer (it is what starts the sync of the last tick before
        a pause, and what retries). `force` does not wait before a retry. Raises `SyncError`.
        """
        self._raise_failure()
        if self._buffer and ((not force and self._must_wait(now_ms)) or not self._write(now_ms)):
            return False
        if self.fsync == ALWAYS:
            self._sync_if_wanted(now_ms)
        elif self.fsync == EVERYSEC:
            self._sync_if_due(now_ms)
        return True

    def _must_wait(self, now_ms: int) -> bool:
        return self.error is not None and 0 <= self._retry_at_ms - now_ms <= _RETRY_INTERVAL_MS

    def _sync_if_wanted(self, now_ms: int) -> None:
        if self._syncer.busy:
            self._note_slow_sync(now_ms)
            return
        if self.on_delay is not None and not self._sync_reported:
            self.on_delay("aof-fsync-always", self._syncer.took_ns)
        self._sync_reported = True
        if self.synced < self.written and self._syncer.is_due(self._syncer):
            self._start_sync(now_ms, in_loop=self._syncer.in_loop)

    def _sync_if_due(self, now_ms: int) -> None:
        if 0 <= now_ms - self._last_sync_ms < _SYNC_INTERVAL_MS:
            return  # not due; nor is the last one slow yet
        if self._syncer.busy:
            self._note_slow_sync(now_ms)
        elif self.synced < self.written:
            self._start_sync(now_ms)

    def _start_sync(self, now_ms: int, *, in_loop: bool = False) -> None:
        self._last_sync_ms = now_ms
        self._slow_sync_noted = False
        self._sync_reported = False
        self._syncer.start(self._fd, self.path, self.written, in_loop=in_loop)
        self._raise_failure()  # if it was done at once

    def _note_slow_sync(self, now_ms: int) -> None:
        if not self._slow_sync_noted and now_ms - self._last_sync_ms >= _SLOW_SYNC_MS:
            self._slow_sync_noted = True
            self.delayed_fsyncs += 1
            log.warning("%s: a sync takes more than two seconds: is the disk busy?", self.path)

    # -- writing -----------------------------------------------------------------------------------

    def _write(self, now_ms: int) -> bool:
        data = self._buffer[0] if len(self._buffer) == 1 else b"".join(self._buffer)
        done = 0
        start_ns = stopwatch_ns() if self.on_delay is not None else 0
        try:
            while done < len(data):
                done += write_some(self._files, self._fd, memoryview(data)[done:] if done else data)
        except OSError as error:
            self._undo(data, done)
            self._note_error(error, now_ms)
            return False
        if self.on_delay is not None:
            self.on_delay("aof-write", stopwatch_ns() - start_ns)
        self._account(done)
        self._buffer.clear()
        if self.error is not None:
            log.warning("%s: writing again, %d bytes late", self.path, done)
            self.error = None
            if self.fsync == ALWAYS:  # what was held all the while may leave now
                self.sync()
        return True

    def _account(self, count: int) -> None:
        self.size += count
        self.written += count

    def _undo(self, data: bytes, done: int) -> None:
        """Cut off what a failed write left behind, or, failing that, go on behind it next time."""
        try:
            self._files.truncate(self._fd, self.size)
        except OSError:
            self._account(done)
            data = data[done:]
        self._buffer[:] = [data]

    def _note_error(self, error: OSError, now_ms: int) -> None:
        since = self._complained_at_ms
        if self.error is None or since is None or now_ms - since >= _COMPLAIN_INTERVAL_MS:
            self._complained_at_ms = now_ms
            log.error("%s: cannot write, will retry: %s", self.path, error.strerror)
        self.error = error
        self._retry_at_ms = now_ms + _RETRY_INTERVAL_MS

    # -- syncing -----------------------------------------------------------------------------------

    def sync(self) -> None:
        """Return when everything written is on stable storage. Raises `SyncError`."""
        self._syncer.wait()
        self._raise_failure()
        self._sync_now()

    def sync_behind(self, now_ms: int) -> bool:
        """Have all that is written by now synced behind the loop's back; return whether that has been done.

        To be asked again until it has; what is left for `sync` then was written in between. Raises SyncError.
        """
        self._raise_failure()
        if self._sync_goal is None:
            self._sync_goal = self.written
        if self.synced >= self._sync_goal:
            self._sync_goal = None
            return True
        if not self._syncer.busy:
            self._start_sync(now_ms)
        return False

    def _sync_now(self) -> None:
        if self.synced < self.written:
            try:
                datasync(self._files, self._fd, self.path)
            except SyncError as error:
                self._failure = error
                raise
            self._synced = self.written

    def _raise_failure(self) -> None:
        failure = self._failure or self._syncer.failure
        if failure is not None:
            raise failure

    # -- files -------------------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether there is a file to write to."""
        return self._fd >= 0

    def forget(self) -> None:
        """Count what is buffered as written: it is not needed, something else holds it."""
        self.written += self.buffered
        self._buffer.clear()
        self.error = None

    def switch(self, fd: int, path: Path, size: int) -> None:
        """Go on in another file of `size` bytes; the present one must be synced and all of it written."""
        self._close_file()
        self._sync_goal = None
        self._stamped_s = 0
        self._fd, self.path, self.size = fd, path, size
        self._synced = self.written

    def close(self, now_ms: int) -> None:
        """Write and sync all, then close. Raises `AofError` if that cannot be done."""
        try:
            if self.is_open:
                if not self.flush(now_ms, force=True):
                    raise AofError(f"{self.path}: {self.buffered} bytes could not be written")
                self.sync()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close without writing or syncing; what is buffered is dropped."""
        self._close_file()
        self._buffer.clear()
        self._syncer.close()

    def _close_file(self) -> None:
        self._syncer.wait()
        if self._fd >= 0:
            self._files.close(self._fd)
            self._fd = -1
