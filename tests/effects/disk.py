"""A disk in memory that can fail, be cut off, and forget.

It keeps apart what the kernel shows and what would survive a loss of power: a file's synced bytes, and the
names of a directory as of its last sync. `Disk.before` is called before each operation that changes
anything and may raise an `OSError` (the operation fails) or `Killed` (the process dies there).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from random import Random

from respq.effects.files import Files


class Killed(BaseException):
    """The process ends here: no handler of the code under test may run on."""


class Inode:
    def __init__(self) -> None:
        self.data = b""
        self.synced = b""


Names = dict[Path, Inode]
Change = Callable[[Names], None]


class Disk(Files):
    def __init__(self) -> None:
        self.names_now: Names = {}
        self.names_synced: Names = {}
        self.unsynced: list[tuple[Path, Change]] = []  # changes of names, with their directory
        self.open_files: dict[int, Inode] = {}
        self.next_fd = 100
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
        """The disk as the next process finds it."""
        disk = Disk()
        disk.names_now = dict(self.names_now)
        disk.names_synced = dict(self.names_now)
        return disk

    def after_power_cut(self, random: Random) -> Disk:
        """The same after a loss of power: of what was not synced, anything may be there or not."""
        names = dict(self.names_synced)
        for _, change in self.unsynced:
            if random.random() < 0.5:
                change(names)
        disk = Disk()
        copies: dict[Inode, Inode] = {}
        for path, inode in names.items():
            copy = copies.setdefault(inode, Inode())
            copy.data = copy.synced = survivor(inode, random)
            disk.names_now[path] = disk.names_synced[path] = copy
        return disk

    def put(self, path: Path, data: bytes) -> None:
        inode = self.names_now.setdefault(path, Inode())
        inode.data = inode.synced = data
        self.names_synced[path] = inode

    def get(self, path: Path) -> bytes:
        return self.names_now[path].data

    # -- Files -------------------------------------------------------------------------------------

    def _step(self, name: str) -> None:
        self.operations.append(name)
        self.before(len(self.operations) - 1, name)

    def _change(self, directory: Path, change: Change) -> None:
        change(self.names_now)
        self.unsynced.append((directory, change))

    def exists(self, path: Path) -> bool:
        return path in self.names_now

    def size(self, path: Path) -> int:
        return len(self._inode(path).data)

    def names(self, directory: Path) -> list[str]:
        return sorted(path.name for path in self.names_now if path.parent == directory)

    def make_directory(self, path: Path) -> None:
        pass

    def create(self, path: Path) -> int:
        self._step(f"create {path.name}")
        inode = Inode()
        self._change(path.parent, lambda names: names.update({path: inode}))
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
        inode = self._inode(old)
        self._change(new.parent, lambda names: names.update({new: inode}))

    def write(self, fd: int, data: bytes | memoryview) -> int:
        inode = self.open_files[fd]
        if self.short_write:
            data, self.short_write = bytes(data)[: self.short_write], 0
            inode.data += data
            return len(data)
        self._step("write")
        inode.data += bytes(data)
        return len(data)

    def truncate(self, fd: int, size: int) -> None:
        self._step("truncate")
        self.open_files[fd].data = self.open_files[fd].data[:size]

    def datasync(self, fd: int) -> None:
        self._step("datasync")
        self.open_files[fd].synced = self.open_files[fd].data

    def close(self, fd: int) -> None:
        del self.open_files[fd]

    def rename(self, old: Path, new: Path) -> None:
        self._step(f"rename {new.name}")

        def change(names: Names) -> None:
            if old in names:
                names[new] = names.pop(old)

        self._change(new.parent, change)

    def remove(self, path: Path) -> None:
        self._step(f"remove {path.name}")
        self._change(path.parent, lambda names: names.pop(path, None) and None)

    def sync_directory(self, path: Path) -> None:
        self._step("sync_directory")
        for directory, change in self.unsynced:
            if directory == path:
                change(self.names_synced)
        self.unsynced = [entry for entry in self.unsynced if entry[0] != path]


def survivor(inode: Inode, random: Random) -> bytes:
    """What is left of a file: all that was synced, and some of what was appended or cut since."""
    if inode.data.startswith(inode.synced):
        return inode.data[: random.randint(len(inode.synced), len(inode.data))]
    return random.choice((inode.data, inode.synced))
