"""Syncing behind the loop's back: by a thread, and by the kernel itself."""

from __future__ import annotations

import ctypes
import errno
import os
import select
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from respq.effects import kernel_sync
from respq.effects.files import Files, SyncError
from respq.effects.kernel_sync import KernelSyncer, new_syncer
from respq.effects.syncing import Syncer, ThreadSyncer
from tests.effects.disk import Disk

KINDS = [ThreadSyncer, KernelSyncer] if sys.platform == "linux" else [ThreadSyncer]
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="io_submit is a call of Linux")


@pytest.fixture
def written(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A file that has something to sync."""
    path = tmp_path / "log"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(fd, b"x" * 10_000)
    yield fd, path
    os.close(fd)


def descriptors() -> int:
    """How many are open."""
    return len(list(Path("/dev/fd").iterdir()))


def is_readable(syncer: Syncer, timeout_ms: int = 0) -> bool:
    """Whether it has something to tell. A descriptor may be one that select(2) has no place for."""
    poller = select.poll()
    poller.register(syncer.fd, select.POLLIN)
    return bool(poller.poll(timeout_ms))


def await_end(syncer: Syncer) -> None:
    """As the loop does."""
    assert is_readable(syncer, 60_000)
    syncer.collect()


@pytest.mark.parametrize("kind", KINDS)
def test_a_sync_tells_when_it_has_ended_and_what_it_covers(
    kind: type[Syncer], written: tuple[int, Path]
) -> None:
    syncer = kind(Files())
    for position in (10_000, 20_000):
        syncer.start(*written, position)
        await_end(syncer)
        assert not syncer.busy
        assert (syncer.synced, syncer.failure) == (position, None)
        assert syncer.took_ns > 0
        assert not is_readable(syncer)
    syncer.close()


@pytest.mark.parametrize("kind", KINDS)
def test_who_waits_for_a_sync_needs_nobody_to_tell(kind: type[Syncer], written: tuple[int, Path]) -> None:
    syncer = kind(Files())
    syncer.start(*written, 1)
    syncer.wait()
    assert (syncer.busy, syncer.synced) == (False, 1)
    syncer.collect()  # the news come late
    syncer.start(*written, 2)
    syncer.close()
    assert syncer.synced == 2


@pytest.mark.parametrize("kind", KINDS)
def test_closing_gives_everything_back_once(kind: type[Syncer], written: tuple[int, Path]) -> None:
    before = descriptors()
    syncer = kind(Files())
    watched = [syncer.fd]
    syncer.unwatch = watched.clear
    syncer.start(*written, 1)
    syncer.close()
    syncer.close()
    assert not watched
    assert descriptors() == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_sync_that_fails_says_why(
    kind: type[Syncer], written: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    files = Files()
    monkeypatch.setattr(files, "datasync", refuse)
    syncer = kind(files)
    if isinstance(syncer, KernelSyncer):
        answer_with(syncer, -errno.EIO, monkeypatch)
    syncer.start(*written, 5)
    syncer.wait()
    assert str(syncer.failure) == f"{written[1]}: cannot sync: Input/output error"
    assert syncer.synced == 0
    syncer.close()


def test_a_thread_is_busy_until_it_is_through_with_a_sync(
    written: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next could begin before that, and whoever waited for it would be told that it has ended."""
    syncer = ThreadSyncer(Files())
    noted, go_on = threading.Event(), threading.Event()
    note = syncer._end

    def stopped_behind(failure: SyncError | None) -> None:
        note(failure)
        noted.set()
        go_on.wait(60)

    monkeypatch.setattr(syncer, "_end", stopped_behind)  # the moment at which another thread may run
    syncer.start(*written, 1)
    assert noted.wait(60)
    assert syncer.synced == 1
    assert syncer.busy
    go_on.set()
    syncer.wait()
    assert not syncer.busy
    syncer.close()


def answer_with(syncer: KernelSyncer, result: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the kernel give another result."""
    call = KernelSyncer._call

    def changed(number: int, *arguments: object) -> int:
        outcome = call(syncer, number, *arguments)
        if number == syncer._events and outcome:
            kernel_sync._EVENT.pack_into(syncer._event, 0, 0, 0, result, 0)
        return outcome

    monkeypatch.setattr(syncer, "_call", changed)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_short_is_done_at_once(kind: type[Syncer], written: tuple[int, Path]) -> None:
    syncer = kind(Files())
    syncer.start(*written, 3, in_loop=True)
    assert (syncer.busy, syncer.synced) == (False, 3)
    assert not is_readable(syncer)
    syncer.close()


@on_linux
def test_what_the_kernel_does_not_take_is_done_at_once(
    written: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    syncer = KernelSyncer(Files())
    call = KernelSyncer._call

    def refuse(number: int, *arguments: object) -> int:
        if number == syncer._submit:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return call(syncer, number, *arguments)

    monkeypatch.setattr(syncer, "_call", refuse)
    syncer.start(*written, 7)
    assert (syncer.busy, syncer.synced) == (False, 7)
    syncer.close()


@on_linux
def test_a_signal_does_not_end_the_wait(written: tuple[int, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    syncer = KernelSyncer(Files())
    call, interruptions = KernelSyncer._call, iter([True, True])

    def interrupted(number: int, *arguments: object) -> int:
        if number == syncer._events and next(interruptions, False):
            raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR))
        return call(syncer, number, *arguments)

    monkeypatch.setattr(syncer, "_call", interrupted)
    syncer.start(*written, 7)
    syncer.wait()
    assert syncer.synced == 7
    syncer.close()


@on_linux
def test_the_kernel_syncs_files_of_its_own_where_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    def kind(files: Files) -> type[Syncer]:
        syncer = new_syncer(files)
        syncer.close()
        return type(syncer)

    assert kind(Files()) is KernelSyncer
    assert kind(Disk()) is ThreadSyncer
    monkeypatch.setattr(kernel_sync, "_CALLS", {})
    assert kind(Files()) is ThreadSyncer, "a machine that it was not written for"
    monkeypatch.undo()

    def forbid(_syncer: KernelSyncer, _number: int, *_arguments: object) -> int:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(KernelSyncer, "_call", forbid)
    assert kind(Files()) is ThreadSyncer


@on_linux
def test_an_order_is_as_long_as_the_kernel_expects() -> None:
    assert (kernel_sync._ORDER.size, kernel_sync._EVENT.size) == (64, 32)
    assert ctypes.sizeof(ctypes.c_void_p) == 8
