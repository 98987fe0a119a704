"""One server for one directory: a lock that the kernel lets go of when the server dies.

The lock is a POSIX record lock on `respq.lock` in the directory. It belongs to the process: a forked
child does not inherit it, so it dies with the server even if a child lives on, and kill -9 leaves nothing
behind that would stop the next start. flock(2) belongs to the open file, which a child shares, and a
file that merely exists outlives its server; both were rejected for that. In return a record lock
is lost when the process closes *any* descriptor of the file, and does not hold against the process
itself: so nobody else opens the file, and a list of what this process holds keeps a second server in
the same process out.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from respq.clock import sleep
from respq.config.places import LOCK

PATIENCE_MS = 2000  # a server with gigabytes that is killed on a busy machine needs so long
BETWEEN_ATTEMPTS_MS = 20

_held: set[tuple[int, int]] = set()  # device and inode of the files that this process has locked


class LockedError(Exception):
    """Another server uses the directory, or it cannot be locked: one line for people."""


class DirectoryLock:
    """The right to write into a directory, from construction to `release` or the end of the process."""

    def __init__(self, directory: str) -> None:
        """Take the lock, or raise LockedError and leave every byte as it was."""
        path = Path(directory, LOCK)
        try:
            if path.exists() and _identity(path.stat()) in _held:  # opening and closing it would unlock it
                raise LockedError(f"the directory {directory} is in use by another server of this process")
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LockedError(f"cannot use the directory {directory}: {error.strerror}") from None
        self._lock(directory)
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, b"%d\n" % os.getpid(), 0)
        except OSError as error:  # a full disk: the log could not be written either
            os.close(self._descriptor)
            raise LockedError(f"cannot write {path}: {error.strerror}") from None
        self._identity = _identity(os.fstat(self._descriptor))
        _held.add(self._identity)

    def _lock(self, directory: str) -> None:
        try:
            self._lock_patiently()
        except OSError as error:
            owner = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            if not isinstance(error, BlockingIOError | PermissionError):
                raise LockedError(f"cannot lock the directory {directory}: {error.strerror}") from None
            raise LockedError(
                f"the directory {directory} is in use by another server (process {owner})"
            ) from None

    def _lock_patiently(self) -> None:
        """Take the lock; whoever has it gets a moment, as what was killed needs one. Raises OSError."""
        for _ in range(PATIENCE_MS // BETWEEN_ATTEMPTS_MS):
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                sleep(BETWEEN_ATTEMPTS_MS / 1000)
            else:
                return
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def release(self) -> None:
        """Let others have the directory. The file stays: removing it would race with the next owner."""
        _held.discard(self._identity)
        os.close(self._descriptor)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
