"""The data set, written to a file by a child process while the server goes on.

A fork gives the child the memory as it was at that moment, for the price of the pages that either side
changes afterwards. In CPython that is many: reading an object changes its reference count. Packed chunks
(one object for hundreds of messages) keep it bearable: a child makes a third of the memory private with
values of 200 bytes, half of it with small members of hashes and sorted sets.

Rejected, after a prototype: a walk without fork, in slices between the commands of clients, of which each
first has a key copied that it changes and that is not written yet (sealed chunks are shared). Two cores,
a million values of 200 bytes, pushed and popped meanwhile, fork / walk:

    CPU of the loop for a command, before by meanwhile   0.81-0.87   0.55-0.58, as allotted to it
    seconds until it is written                           8-16        12-21
    peak PSS by PSS before, lists and streams             1.38        1.04
    the same, small members                               1.43        1.15
    longest turn of the loop, small members               21 ms       9 ms

The walk saves memory. But it takes the loop's own time where a second core is idle, a look-up before every
change, and a copy of a whole hash or sorted set (50,000 members 5 ms, a million 100), unless these learn to
share with a copy what they have in common.

The child holds nothing of its parent: no socket (a port in use after the server died) but that of a client
which gets the snapshot, no lock on the data directory, no wake-up pipe for signals. It dies with the parent,
by request to the kernel on Linux and by looking for it elsewhere. It takes no lock, logs nothing, and leaves
by `os._exit`, so no exit handler or `finally` of the server runs in it. What it has to say, a size or a
complaint, goes through a pipe.

Since 3.12 Python warns about forking with threads running: a lock that another thread holds at that moment
stays locked in the child for ever. Ours wait for the disk and own no lock that the child takes (those of
Python itself, and of malloc, are made whole after a fork), so the warning is silenced here, knowingly.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from respq.children import Progress
from respq.clock import stopwatch_ns
from respq.effects.encoding import encode, select
from respq.effects.files import Files, write_all
from respq.protocol import Argv
from respq.protocol.annotations import annotate, is_annotated

Pieces = Callable[[], Iterable[bytes]]  # yields the whole file
Check = Callable[[], None]
Work = Callable[[Check], None]  # calls what it is given now and then, and raises what that raises

_CHUNK_BYTES = 256 * 1024
_SYNC_BYTES = 4 << 20  # written between two syncs: a sync at the end alone would stall the parent's
_PR_SET_PDEATHSIG = 1
_REPORT_NS = 200_000_000  # between two reports of the child, at least
_REPORT_SHARE = 100  # times as long as one takes
_HEARD_BYTES = 4096


class Stored(Protocol):
    """What a rewrite needs to know of a value."""

    expires_ms: int

    def rebuild(self, key: bytes) -> Iterator[Argv]:
        """Yield the commands that recreate the value."""
        ...


def dataset_commands(
    databases: Iterable[tuple[int, Iterable[tuple[bytes, Stored]]]],
) -> Iterator[tuple[int, Argv]]:
    """Yield the commands that recreate `databases`, given as (number, (key, value) pairs)."""
    for db, items in databases:
        for key, value in items:
            for argv in value.rebuild(key):
                yield db, argv
            if value.expires_ms:
                yield db, [b"PEXPIREAT", key, b"%d" % value.expires_ms]


def encode_commands(commands: Iterable[tuple[int, Argv]]) -> Iterator[bytes]:
    """The commands as they stand in a log."""
    selected = None
    for db, argv in commands:
        if db != selected:
            yield select(db)
            selected = db
        yield annotate(argv) if is_annotated(argv) else encode(argv)


def write_pieces(files: Files, path: Path, pieces: Pieces, check: Check, *, syncs: bool = True) -> None:
    """Write pieces to a new file and sync it; `check` is called now and then and may raise.

    `syncs`: sync what has been written now and then.
    """
    fd = files.create(path)
    try:
        parts: list[bytes] = []
        size = unsynced = 0
        for part in pieces():
            parts.append(part)
            size += len(part)
            if size >= _CHUNK_BYTES:
                check()
                write_all(files, fd, b"".join(parts))
                unsynced += size
                parts, size = [], 0
                if syncs and unsynced >= _SYNC_BYTES:
                    files.datasync(fd)
                    unsynced = 0
        write_all(files, fd, b"".join(parts))
        files.datasync(fd)
    finally:
        files.close(fd)


class Base(NamedTuple):
    """The data set as a log begins with it: in which form, COMMANDS or DUMP of `manifest`, and the file."""

    form: str
    pieces: Pieces


class Snapshot(Protocol):
    """A data set being written, whoever does it."""

    def poll(self) -> bool | None:
        """Return None while it is being written, then whether it succeeded."""
        ...

    def cancel(self) -> None:
        """Stop writing; return when nothing will be written any more."""
        ...

    @property
    def report(self) -> str:
        """What went wrong."""
        ...

    @property
    def private_bytes(self) -> int:
        """Memory that the writing cost, if known, once it is done."""
        ...

    @property
    def fork_us(self) -> int:
        """How long this process stood still to begin it."""
        ...


TakeSnapshot = Callable[[Files, Path, Pieces], Snapshot]


class ForkedChild:
    """A child process that does `work` on the memory as it is now. It keeps open what `kept` describes."""

    def __init__(self, work: Work, *, progress: Progress | None = None, kept: int | None = None) -> None:
        self.report = ""
        self.private_bytes = 0
        self._progress = progress = progress or Progress()
        self._heard = b""  # the beginning of what the child is about to say
        self._result: bool | None = None
        die_with_parent = _prepare_death_signal()
        self._pipe, pipe = os.pipe()
        start_ns = stopwatch_ns()
        try:
            self._pid = _fork()
        except OSError:
            os.close(self._pipe)
            os.close(pipe)
            raise
        if self._pid == 0:
            _be_child(pipe, kept, die_with_parent, progress, work)
        self.fork_us = (stopwatch_ns() - start_ns) // 1000
        os.close(pipe)
        os.set_blocking(self._pipe, False)

    def poll(self) -> bool | None:
        """Return None while the child is at work, then whether it succeeded."""
        if self._result is None:
            self._listen()
            self._reap(os.WNOHANG)
        return self._result

    def cancel(self) -> None:
        """Kill the child and wait for its end."""
        if self._result is None:
            os.kill(self._pid, signal.SIGKILL)
            self._reap(0)
            self.report = self.report and "it was given up"

    def _reap(self, options: int) -> None:
        try:
            pid, status = os.waitpid(self._pid, options)
        except ChildProcessError:  # somebody else has waited for it
            pid, status = self._pid, -1
        if pid == 0:
            return
        self._listen()
        os.close(self._pipe)
        self._result = status == 0
        if self._result:
            self.private_bytes = self._progress.private_bytes
        else:
            said = self._heard.decode("utf-8", "replace")
            self.report = said or f"the process that wrote it ended with status {status}"

    def _listen(self) -> None:
        """Note how far the child is: in whole lines; only a complaint has no end of its own."""
        try:
            while data := os.read(self._pipe, _HEARD_BYTES):
                *lines, self._heard = (self._heard + data).split(b"\n")
                for line in lines:
                    keys, private_bytes = map(int, line.split())
                    self._progress.note(keys, private_bytes, stopwatch_ns())
        except BlockingIOError:
            pass  # nothing more so far


class ForkedSnapshot(ForkedChild):
    """A snapshot written to a file by a child process."""

    def __init__(
        self,
        files: Files,
        path: Path,
        pieces: Pieces,
        *,
        progress: Progress | None = None,
        syncs: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(
            lambda check: write_pieces(files, path, pieces, check, syncs=syncs()), progress=progress
        )


def _fork() -> int:
    gc.freeze()  # so that a collection in either process touches, and copies, nothing older
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _prepare_death_signal() -> Callable[[], None]:
    """Return what the child calls first so that it ends with its parent; libraries are loaded here."""
    parent = os.getpid()
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

    def arm() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the request
            os._exit(1)

    return arm


def _be_child(pipe: int, kept: int | None, die_with_parent: Check, progress: Progress, work: Work) -> None:
    """Do `work` in the child, report through `pipe`, and exit."""
    status = 1
    try:
        die_with_parent()
        gc.disable()
        signal.set_wakeup_fd(-1)  # the parent's: our signals are none of its business
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; the parent decides
        _close_all_but({pipe} if kept is None else {pipe, kept})
        reporter = _Reporter(pipe, progress)

        def check() -> None:
            die_with_parent()
            reporter.tell_if_due()

        work(check)
        reporter.tell()
        status = 0
    except BaseException as error:  # noqa: BLE001  # nothing may run on into the parent's code
        os.write(pipe, f"{type(error).__name__}: {error}".replace("\n", " ").encode()[:4096])
    finally:
        os._exit(status)


def _close_all_but(kept: set[int]) -> None:
    lowest = 3  # behind those for input and output
    for fd in sorted(kept):
        os.closerange(lowest, fd)
        lowest = fd + 1
    os.closerange(lowest, os.sysconf("SC_OPEN_MAX"))


class _Reporter:
    """Tells, from the child, how far it is: not more often than what that costs allows."""

    def __init__(self, pipe: int, progress: Progress) -> None:
        self._pipe = pipe
        self._progress = progress
        self._due_ns = stopwatch_ns() + _REPORT_NS

    def tell_if_due(self) -> None:
        """Tell, if it is time."""
        start_ns = stopwatch_ns()
        if start_ns >= self._due_ns:
            self.tell()
            end_ns = stopwatch_ns()
            self._due_ns = end_ns + max(_REPORT_NS, _REPORT_SHARE * (end_ns - start_ns))

    def tell(self) -> None:
        """A line for `ForkedSnapshot`. It fits into the pipe, whoever is slow to read."""
        os.write(self._pipe, b"%d %d\n" % (self._progress.keys_done, _private_bytes()))


def _private_bytes() -> int:
    """Return how much memory the fork has cost so far, 0 where the system does not say."""
    try:
        text = Path("/proc/self/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Private_Dirty"))
