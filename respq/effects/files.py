"""The file operations of persistence, in one small interface.

Everything that the append-only file does to a disk goes through a `Files` object: the manifest, the
writer, the loader and the rewrite open nothing themselves. So a test can hand in a disk that is full, that
fails at the n-th operation or that forgets what was not synced, and a run of the real code over it shows
what survives.

Two kinds of failure are kept apart, because they differ in what may be done afterwards:

- `OSError` from `write`, `create`, `rename` …: the operation did not happen, or in part; the caller undoes
  it and may try again.
- `OSError` from `datasync` or `sync_directory`: what was written may be lost although the kernel still
  shows it. Linux drops the dirty pages and reports such an error once, so a second sync that succeeds
  proves nothing. Callers turn it into `SyncError`, and the server stops.

Descriptors are plain integers. Reads name their offset, so there is no position to keep in step.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import threading
from mmap import PROT_READ, mmap
from pathlib import Path

if sys.platform == "darwin":
    import fcntl

    def _datasync(fd: int) -> None:
        """Sync through the drive's cache as well, which fsync on macOS does not."""
        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
else:
    _datasync = os.fdatasync


class AofError(Exception):
    """The append-only file cannot be read, written or replaced; the message names file and offset."""


class DamagedError(AofError):
    """A file of the log holds what nobody can have written at some offset.

    `reason` says where and what; `sound` bytes before it are whole commands and transactions, which have been
    executed. `of_form`: what follows is no command at all.
    """

    def __init__(self, path: Path, offset: int, reason: str, sound: int, *, of_form: bool = False) -> None:
        self.reason = f"offset {offset}: {reason}"
        super().__init__(f"{path}: {self.reason}")
        self.sound = sound
        self.of_form = of_form


class SyncError(AofError):
    """A sync failed, so the disk may hold less than was acknowledged: the server has to stop."""


class Files:
    """What persistence asks of a disk, done by the operating system. Every method may raise `OSError`."""

    in_kernel = True  # the kernel knows the descriptors, and may sync them by itself

    def exists(self, path: Path) -> bool:
        """Tell whether `path` is there."""
        return path.exists()

    def is_directory(self, path: Path) -> bool:
        """Tell whether `path` is a directory."""
        return path.is_dir()

    def size(self, path: Path) -> int:
        """Return the length of a file in bytes."""
        return path.stat().st_size

    def names(self, directory: Path) -> list[str]:
        """Return the names in a directory."""
        return sorted(path.name for path in directory.iterdir())

    def make_directory(self, path: Path) -> None:
        """Create a directory with mode 0700, unless it is there."""
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except FileExistsError:  # "File exists" would not tell what is wrong with it
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from None

    def create(self, path: Path) -> int:
        """Open a new, empty file with mode 0600 for appending.

        An old file of that name is unlinked rather than emptied: a child of a server that was killed may
        still hold it, and must not write into ours.
        """
        path.unlink(missing_ok=True)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)

    def open_append(self, path: Path) -> int:
        """Open an existing file for appending."""
        return os.open(path, os.O_WRONLY | os.O_APPEND)

    def open_read(self, path: Path) -> int:
        """Open an existing file for reading, or what a link leads to; nothing but a regular file.

        A pipe without a writer would have everybody wait for ever, and a device might never end.
        """
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return fd
        os.close(fd)
        raise OSError(errno.EINVAL, "Not a regular file", str(path))

    def read(self, fd: int, count: int, offset: int) -> bytes:
        """Return up to `count` bytes from `offset`; none only at the end of the file."""
        return os.pread(fd, count, offset)

    def map(self, fd: int, size: int) -> bytes | mmap:
        """The first `size` bytes of a file that nobody changes, without reading them."""
        return mmap(fd, size, prot=PROT_READ) if size else b""

    def link(self, old: Path, new: Path) -> None:
        """Give a file a second name, which no file must have."""
        new.hardlink_to(old)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """Append `data`; return how many bytes were taken, which may be fewer."""
        return os.write(fd, data)

    def truncate(self, fd: int, size: int) -> None:
        """Cut a file open for appending to `size` bytes."""
        os.ftruncate(fd, size)

    def datasync(self, fd: int) -> None:
        """Return once all that was written to `fd`, and its length, are on stable storage."""
        _datasync(fd)

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        os.close(fd)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file a new name, in one step, over whatever had that name."""
        old.replace(new)

    def remove(self, path: Path) -> None:
        """Unlink a file now and free its blocks on a thread: gigabytes take a file system its time."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except OSError:  # it may not be read, or is no file; its name may go all the same
            path.unlink()
            return
        try:
            path.unlink()
        finally:
            try:
                threading.Thread(target=os.close, args=(fd,), name="respq-unlink", daemon=True).start()
            except RuntimeError:  # the system gives no more threads: it takes its time here
                os.close(fd)

    def sync_directory(self, path: Path) -> None:
        """Return once the names in `path` (created, changed, removed) are on stable storage."""
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EBADF):  # not every file system can
                raise
        finally:
            os.close(fd)


def write_all(files: Files, fd: int, data: bytes) -> None:
    """Append all of `data` or raise `OSError`; a disk that takes nothing is a full one."""
    done = 0
    while done < len(data):
        done += write_some(files, fd, memoryview(data)[done:])


def write_some(files: Files, fd: int, data: bytes | memoryview) -> int:
    """Append the beginning of `data`, at least a byte; return how many."""
    taken = files.write(fd, data)
    if taken <= 0:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return taken


def discard(files: Files, path: Path) -> None:
    """Remove a file that nothing refers to; if that fails, it does no harm by staying."""
    try:
        if files.exists(path):
            files.remove(path)
    except OSError:
        pass


def sync_directory(files: Files, directory: Path) -> None:
    """Sync the names in `directory`; raise `SyncError` if that fails."""
    try:
        files.sync_directory(directory)
    except OSError as error:
        raise SyncError(f"{directory}: cannot sync the directory: {error.strerror}") from error


def datasync(files: Files, fd: int, path: Path) -> None:
    """Sync a file; raise `SyncError` if that fails."""
    try:
        files.datasync(fd)
    except OSError as error:
        raise SyncError(f"{path}: cannot sync: {error.strerror}") from error
