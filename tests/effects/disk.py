"""A disk in memory that can fail, be cut off, and forget.

It keeps apart what the kernel shows and what would survive a loss of power: what was written to a file since
its last sync, and the names of a directory as of its last sync. `Disk.before` is called before each operation
that changes anything and may raise an `OSError` (the operation fails) or `Killed` (the process dies there).

After a sync that failed, what it should have synced stays visible and will never be safe, whatever syncs
succeed later: so does Linux.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from respq.effects.files import Files


class Killed(BaseException):
    """The process ends here: no handler of the code under test may run on."""


Write = tuple[int, bytes | None]  # at an offset; None: the file was cut there


class Inode:
    """A file. `data` is what the kernel shows; with `unsynced` applied to `synced`, it is the same."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = self.synced = data
        self.unsynced: list[Write] = []  # oldest first
        self.lost: list[Write] = []  # what a failed sync has left behind

    def append(self, data: bytes) -> None:
        self.unsynced.append((len(self.data), data))
        self.data += data

    def cut(self, size: int) -> None:
        self.unsynced.append((size, None))
        self.data = self.data[:size]

    def sync(self, count: int | None = None) -> None:
        """Make the first `count` of what was not synced safe, or all of it."""
        for write in self.unsynced[:count]:
            self.synced = applied(self.synced, write)
        del self.unsynced[:count]

    def lose(self) -> None:
        """A sync has failed."""
        self.lost += self.unsynced
        self.unsynced.clear()

    def survivor(self, random: Random, *, reordered: bool) -> bytes:
        """What is left: all that was synced, and some of what was written since.

        In order that is a beginning of it, `reordered` it may be any part, each write cut off somewhere:
        what is missing between them reads as zeros.
        """
        data, writes = self.synced, self.unsynced
        lost = self.lost[: random.randint(0, len(self.lost))]
        for write in lost:
            data = applied(data, write)
        if not reordered:
            kept = random.randint(0, len(writes))
            for write in writes[:kept]:
                data = applied(data, write)
            return applied(data, torn(writes[kept], random)) if kept < len(writes) else data
        for write in writes:
            if random.random() < 0.5:
                data = applied(data, write if random.random() < 0.7 else torn(write, random))
        return data


def copied(inode: Inode) -> Inode:
    copy = Inode(inode.data)
    copy.synced, copy.unsynced, copy.lost = inode.synced, list(inode.unsynced), list(inode.lost)
    return copy


def applied(data: bytes, write: Write) -> bytes:
    offset, added = write
    if added is None:
        return data[:offset]
    return data[:offset].ljust(offset, b"\0") + added + data[offset + len(added) :]


def torn(write: Write, random: Random) -> Write:
    offset, added = write
    return write if added is None else (offset, added[: random.randint(0, len(added))])


Names = dict[Path, Inode]


@dataclass(frozen=True, slots=True)
class Change:
    """Of the names in a directory: `inode` is at `path` (None: nothing is), and no longer at `before`."""

    path: Path
    inode: Inode | None
    before: Path | None = None

    def apply(self, names: Names) -> None:
        if self.before is not None and names.get(self.before) is self.inode:
            del names[self.before]
        if self.inode is not None:
            names[self.path] = self.inode
        else:
            names.pop(self.path, None)


class Disk(Files):
    in_kernel = False

    def __init__(self) -> None:
        self.names_now: Names = {}
        self.names_synced: Names = {}
        self.unsynced: list[Change] = []  # of names
        self.directories: set[Path] = set()  # that were made
        self.directories_synced: set[Path] = set()
        self.open_files: dict[int, Inode] = {}
        self.next_fd = 100
        self.begun: dict[Inode, int] = {}  # by syncs under way: how many writes each covers
        self.operations: list[str] = []
        self.before: Callable[[int, str], None] = lambda number, name: None
        self.short_write = 0  # the next write takes only so many bytes, if not 0

    # -- what happens to it ------------------------------------------------------------------------

    def fail(self, number: int, error: int, *, only: str = "", forever: bool = False) -> None:
        """Let operation `number`, or all from there, fail with `error`; `only` those of that name."""

        def before(at: int, name: str) -> None:
            if (at >= number if forever else at == number) and only in name:
                raise OSError(error, os.strerror(error))

        self.before = before

    def kill(self, number: int) -> None:
        """Let the process die before operation `number`."""

        def before(at: int, name: str) -> None:
            if at >= number:
                raise Killed

        self.before = before

    def works(self) -> None:
        self.before = lambda number, name: None

    def after_kill(self) -> Disk:
        """The disk as the next process finds it; a copy. What was not synced is not synced now either."""
        copies: dict[Inode, Inode] = {}

        def names(found: Names) -> Names:
            return {path: copies.setdefault(inode, copied(inode)) for path, inode in found.items()}

        disk = Disk()
        disk.directories, disk.directories_synced = set(self.directories), set(self.directories_synced)
        disk.names_now, disk.names_synced = names(self.names_now), names(self.names_synced)
        disk.unsynced = [
            replace(change, inode=copies.setdefault(change.inode, copied(change.inode)))
            if change.inode
            else change
            for change in self.unsynced
        ]
        return disk

    def after_power_cut(self, random: Random, *, reordered: bool = False) -> Disk:
        """The same after a loss of power: of what was not synced, anything may be there or not."""
        names = dict(self.names_synced)
        for change in self.unsynced:
            if random.random() < 0.5:
                change.apply(names)
        disk = Disk()
        disk.directories = {
            path for path in self.directories if path in self.directories_synced or random.random() < 0.5
        }
        disk.directories_synced = set(disk.directories)
        gone = self.directories - disk.directories
        copies: dict[Inode, Inode] = {}
        for path, inode in names.items():
            if path.parent in gone:
                continue
            if inode not in copies:
                copies[inode] = Inode(inode.survivor(random, reordered=reordered))
            disk.names_now[path] = disk.names_synced[path] = copies[inode]
        return disk

    def put(self, path: Path, data: bytes) -> None:
        self.names_now[path] = self.names_synced[path] = Inode(data)

    def get(self, path: Path) -> bytes:
        return self.names_now[path].data

    # -- Files -------------------------------------------------------------------------------------

    def _step(self, name: str) -> None:
        self.operations.append(name)
        self.before(len(self.operations) - 1, name)

    def _change(self, change: Change) -> None:
        change.apply(self.names_now)
        self.unsynced.append(change)

    def exists(self, path: Path) -> bool:
        return path in self.names_now

    def is_directory(self, path: Path) -> bool:
        return any(path in other.parents for other in self.names_now)

    def size(self, path: Path) -> int:
        return len(self._inode(path).data)

    def names(self, directory: Path) -> list[str]:
        return sorted(path.name for path in self.names_now if path.parent == directory)

    def make_directory(self, path: Path) -> None:
        if path not in self.directories:
            self._step(f"make_directory {path.name}")
            self.directories.add(path)

    def create(self, path: Path) -> int:
        self._step(f"create {path.name}")
        inode = Inode()
        self._change(Change(path, inode))
        return self._open(inode)

    def open_append(self, path: Path) -> int:
        return self._open(self._inode(path))

    def open_read(self, path: Path) -> int:
        return self._open(self._inode(path))

    def _inode(self, path: Path) -> Inode:
        if path not in self.names_now:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        return self.names_now[path]

    def _open(self, inode: Inode) -> int:
        self.next_fd += 1
        self.open_files[self.next_fd] = inode
        return self.next_fd

    def read(self, fd: int, count: int, offset: int) -> bytes:
        return self.open_files[fd].data[offset : offset + count]

    def map(self, fd: int, size: int) -> bytes:
        return self.open_files[fd].data[:size]

    def link(self, old: Path, new: Path) -> None:
        self._step(f"link {new.name}")
        self._change(Change(new, self._inode(old)))

    def write(self, fd: int, data: bytes | memoryview) -> int:
        inode = self.open_files[fd]
        if self.short_write:
            data, self.short_write = bytes(data)[: self.short_write], 0
            inode.append(data)
            return len(data)
        self._step("write")
        inode.append(bytes(data))
        return len(data)

    def truncate(self, fd: int, size: int) -> None:
        self._step("truncate")
        self.open_files[fd].cut(size)

    def datasync(self, fd: int) -> None:
        inode = self.open_files[fd]
        try:
            self._step("datasync")
        except OSError:
            inode.lose()
            raise
        inode.sync(self.begun.pop(inode, None))

    def begin_sync(self, fd: int) -> None:
        """A sync on a thread begins: it promises nothing about what is written from here on."""
        inode = self.open_files[fd]
        self.begun[inode] = len(inode.unsynced)

    def close(self, fd: int) -> None:
        del self.open_files[fd]

    def rename(self, old: Path, new: Path) -> None:
        self._step(f"rename {new.name}")
        self._change(Change(new, self._inode(old), old))

    def remove(self, path: Path) -> None:
        self._step(f"remove {path.name}")
        self._change(Change(path, None))

    def sync_directory(self, path: Path) -> None:
        self._step("sync_directory")
        self.directories_synced |= {each for each in self.directories if each.parent == path}
        for change in self.unsynced:
            if change.path.parent == path:
                change.apply(self.names_synced)
        self.unsynced = [change for change in self.unsynced if change.path.parent != path]
