"""Syncing behind the loop's back: one sync at a time, of one file, while the loop goes on.

A `Syncer` is told to `start`. Its descriptor `fd` is readable when the sync has ended: then `collect` is to
be called. `synced` says how far the log is safe, or `failure` why it is not; a failed sync is never tried
again (see `files` for why).

`ThreadSyncer` works on every system and on every disk. It needs the interpreter twice a sync, for which it
waits for the loop and then the loop for it. On Linux the kernel does without (`kernel_sync`).
"""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from respq.clock import stopwatch_ns
from respq.effects.files import Files, SyncError, datasync


class Syncer(ABC):
    """Syncs one file at a time, and says when through `fd`."""

    def __init__(self, files: Files, fd: int) -> None:
        self.fd = fd  # to be watched
        self.is_due: Callable[[Syncer], bool] = lambda _: True  # whether a sync that is wanted may begin now
        self.in_loop = False  # `is_due` found syncs so short that handing them over costs more
        self.unwatch: Callable[[], None] = lambda: None  # before `fd` is closed
        self.synced = 0  # log position that the last successful sync covers
        self.took_ns = 0  # by the last sync
        self.failure: SyncError | None = None
        self._files = files
        self._job: tuple[int, Path, int] | None = None  # descriptor, its path, log position that is covered
        self._began_ns = 0

    @property
    def busy(self) -> bool:
        """Whether a sync is running."""
        return self._job is not None

    def start(self, fd: int, path: Path, position: int, *, in_loop: bool = False) -> None:
        """Sync `fd`, which holds the log up to `position`; only while not `busy`. `in_loop`: at once."""
        self._began_ns = stopwatch_ns()
        self._job = fd, path, position
        if in_loop:
            self._sync()
        else:
            self._begin(fd)

    def _sync(self) -> None:
        """Do what `start` was told, in the thread that calls."""
        assert self._job is not None
        fd, path, _ = self._job
        try:
            datasync(self._files, fd, path)
        except SyncError as error:
            self._end(error)
        else:
            self._end(None)

    def _end(self, failure: SyncError | None) -> None:
        assert self._job is not None
        self.took_ns = stopwatch_ns() - self._began_ns
        if failure is None:
            self.synced = self._job[2]
        else:
            self.failure = failure
        self._job = None

    @abstractmethod
    def _begin(self, fd: int) -> None:
        """Have `fd` synced, and `_end` called when it has been."""

    @abstractmethod
    def collect(self) -> None:
        """Take notice of a sync that has ended."""

    @abstractmethod
    def wait(self) -> None:
        """Return when no sync is running: before its file may be closed."""

    @abstractmethod
    def close(self) -> None:
        """Wait, and give everything back."""


class ThreadSyncer(Syncer):
    """A thread that starts with the first sync and ends with `close`."""

    def __init__(self, files: Files) -> None:
        fd, self._told = os.pipe()
        os.set_blocking(fd, False)
        super().__init__(files, fd)
        self._wanted: SimpleQueue[bool] = SimpleQueue()
        self._idle = threading.Event()
        self._idle.set()
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Until the thread is through with it: what it has still to say would be said of the next sync."""
        return not self._idle.is_set()

    def _begin(self, fd: int) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="respq-sync", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system gives no more threads: everybody waits this time
                self._sync()
                return
            self._thread = thread
        self._idle.clear()
        self._wanted.put(True)

    def _run(self) -> None:
        while self._wanted.get():
            self._sync()
            self._idle.set()
            os.write(self._told, b"\0")

    def collect(self) -> None:
        """Take notice of a sync that has ended."""
        try:
            os.read(self.fd, 64)
        except BlockingIOError:
            pass  # noticed already

    def wait(self) -> None:
        """Return when no sync is running: before its file may be closed."""
        self._idle.wait()

    def close(self) -> None:
        """Wait, and give everything back."""
        if self._thread is not None:
            self._wanted.put(False)
            self._thread.join()
            self._thread = None
        if self.fd >= 0:
            self.unwatch()
            os.close(self.fd)
            os.close(self._told)
            self.fd = -1
