"""Writing: one write a tick, undone if it fails, synced as configured, never pretending."""

from __future__ import annotations

import errno
import logging
import threading
from pathlib import Path

import pytest

from respq.effects.files import AofError, Files, SyncError
from respq.effects.syncing import Syncer, ThreadSyncer
from respq.effects.writer import ALWAYS, EVERYSEC, NO, LogWriter
from tests.effects.disk import Disk
from tests.effects.syncers import ImmediateSyncer

PATH = Path("/data/appendonlydir/appendonly.aof.1.incr.aof")


class SlowDisk(Disk):
    """Syncs wait until told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.started = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)

    def datasync(self, fd: int) -> None:
        self.started.release()
        self.go_on.acquire()
        super().datasync(fd)


def writer_on(disk: Disk, fsync: str, content: bytes = b"", syncer: type[Syncer] | None = None) -> LogWriter:
    disk.put(PATH, content)
    writer = LogWriter(disk, fsync, (syncer or ThreadSyncer)(disk))
    writer.switch(disk.open_append(PATH), PATH, len(content))
    return writer


def test_a_tick_is_one_write() -> None:
    disk = Disk()
    writer = writer_on(disk, NO)
    writer.append(b"one")
    writer.append(b"two")
    assert writer.position == 6 > writer.written == 0
    assert writer.flush(0)
    assert disk.get(PATH) == b"onetwo"
    assert disk.operations == ["write"]
    assert writer.written == writer.size == 6


def test_a_flush_with_nothing_to_write_costs_no_operation() -> None:
    for fsync in (ALWAYS, EVERYSEC, NO):
        disk = Disk()
        assert writer_on(disk, fsync).flush(0)
        assert disk.operations == []


def test_always_syncs_behind_the_loop_and_once_for_all_that_came_meanwhile() -> None:
    disk = SlowDisk()
    writer = writer_on(disk, ALWAYS)
    for byte in (b"x", b"y", b"z"):
        writer.append(byte)
        assert writer.flush(0)
    assert (writer.written, writer.safe) == (3, 0)
    disk.go_on.release(2)
    writer._syncer.wait()
    assert writer.safe == 1  # what was written before the sync began
    assert writer.flush(0)
    writer._syncer.wait()
    assert writer.safe == 3
    assert disk.operations.count("datasync") == 2


def test_what_is_written_late_is_on_disk_when_flush_returns() -> None:
    disk = Disk()
    writer = writer_on(disk, ALWAYS)
    disk.fail(0, errno.ENOSPC, only="write", forever=True)
    writer.append(b"x")
    assert not writer.flush(0)
    disk.works()
    assert writer.flush(1000)
    assert writer.safe == writer.written == 1


def test_no_leaves_it_to_the_kernel_until_the_end() -> None:
    disk = Disk()
    writer = writer_on(disk, NO)
    writer.append(b"x")
    writer.flush(0)
    assert disk.operations == ["write"]
    writer.close(0)
    assert disk.operations == ["write", "datasync"]
    assert disk.open_files == {}


def test_everysec_syncs_once_a_second_and_after_the_last_write() -> None:
    disk = Disk()
    writer = writer_on(disk, EVERYSEC)
    syncs = []
    for now_ms in range(10_000, 13_000, 100):
        if now_ms < 12_000:
            writer.append(b"x")
        assert writer.flush(now_ms)
        writer._syncer.wait()
        syncs.append(disk.operations.count("datasync"))
    assert syncs[:11] == [1] * 10 + [2]
    assert syncs[-1] == 3, "what was written after the last sync is synced without another write"
    assert writer.synced == writer.written == 20
    writer.close(13_000)


def test_only_always_syncs_in_the_loop() -> None:
    """What gathers in a second, or before a rewrite, is no short sync, whatever syncs took before."""
    disk = SlowDisk()
    writer = writer_on(disk, ALWAYS)
    writer._syncer.in_loop = True
    disk.go_on.release()
    writer.append(b"a")
    assert writer.flush(10_000)
    assert writer.synced == 1
    writer.fsync = EVERYSEC
    writer.append(b"b")
    assert writer.flush(20_000)  # would wait for ever
    assert (writer.syncing, writer.synced) == (True, 1)
    disk.go_on.release(2)
    writer.close(20_000)


def test_a_sync_begins_when_it_is_due() -> None:
    disk = Disk()
    writer = writer_on(disk, ALWAYS, syncer=ImmediateSyncer)
    due = iter([False, False, True])
    writer._syncer.is_due = lambda _syncer: next(due)
    writer.append(b"a")
    assert [(writer.flush(0), writer.safe) for _ in range(4)] == [(True, 0), (True, 0), (True, 1), (True, 1)]
    assert disk.operations == ["write", "datasync"]


def no_thread(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("fsync", [EVERYSEC, ALWAYS])
def test_without_threads_syncs_are_done_all_the_same(fsync: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    writer = writer_on(disk := Disk(), fsync)
    writer.append(b"a")
    assert writer.flush(10_000)
    assert writer.synced == 1
    writer.append(b"b")
    disk.fail(0, errno.EIO, only="datasync", forever=True)
    with pytest.raises(SyncError):
        writer.flush(11_000)
    assert writer.synced == 1


def test_without_threads_files_are_removed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    path = tmp_path / "file"
    path.write_bytes(b"data")
    Files().remove(path)
    assert not path.exists()


def test_while_a_sync_runs_writing_goes_on_and_a_slow_sync_is_counted_once() -> None:
    disk = SlowDisk()
    writer = writer_on(disk, EVERYSEC)
    writer.append(b"a")
    assert writer.flush(10_000)
    disk.started.acquire()
    assert writer.syncing
    for now_ms in (10_100, 11_999, 12_000, 12_100):
        writer.append(b"b")
        assert writer.flush(now_ms)
    assert disk.get(PATH) == b"abbbb"
    assert writer.delayed_fsyncs == 1
    disk.go_on.release(5)
    writer._syncer.wait()
    assert writer.synced == 1
    writer.close(12_300)
    assert writer.synced == 5


def test_what_was_written_can_be_synced_behind_the_back_of_the_loop() -> None:
    disk = SlowDisk()
    writer = writer_on(disk, NO)
    assert writer.sync_behind(0), "nothing was written"
    writer.append(b"a")
    writer.flush(0)
    assert not writer.sync_behind(0)
    disk.started.acquire()
    writer.append(b"b")
    writer.flush(0)
    assert not writer.sync_behind(0)
    disk.go_on.release(2)
    writer._syncer.wait()
    assert writer.sync_behind(0), "done; what came meanwhile is left for later"
    assert writer.synced == 1
    writer.close(0)
    assert disk.operations.count("datasync") == 2


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_a_failed_write_is_kept_and_tried_again(error: int) -> None:
    disk = Disk()
    writer = writer_on(disk, NO, b"before")
    disk.fail(0, error, only="write", forever=True)
    writer.append(b"one")
    assert not writer.flush(0)
    assert writer.error is not None
    assert writer.error.errno == error
    writer.append(b"two")
    assert not writer.flush(200)
    assert disk.get(PATH) == b"before"
    disk.works()
    assert writer.flush(400)
    assert writer.error is None
    assert disk.get(PATH) == b"beforeonetwo"
    assert writer.written == 6


def test_a_short_write_is_completed_in_the_same_tick() -> None:
    disk = Disk()
    writer = writer_on(disk, NO)
    disk.short_write = 3
    writer.append(b"abcdef")
    assert writer.flush(0)
    assert disk.get(PATH) == b"abcdef"


def test_a_partial_write_is_cut_off() -> None:
    disk = Disk()
    writer = writer_on(disk, NO, b"before")
    disk.short_write = 3
    disk.fail(0, errno.ENOSPC, only="write")
    writer.append(b"abcdef")
    assert not writer.flush(0)
    assert disk.get(PATH) == b"before"
    assert disk.operations == ["write", "truncate"]
    assert writer.flush(200)
    assert disk.get(PATH) == b"beforeabcdef"


def test_a_partial_write_that_cannot_be_cut_off_is_gone_on_with() -> None:
    disk = Disk()
    writer = writer_on(disk, NO, b"before")
    disk.short_write = 3
    disk.fail(0, errno.EIO, forever=True)
    writer.append(b"abcdef")
    assert not writer.flush(0)
    assert disk.get(PATH) == b"beforeabc"
    assert writer.buffered == 3
    writer.append(b"ghi")
    disk.works()
    assert writer.flush(200)
    assert disk.get(PATH) == b"beforeabcdefghi"
    assert writer.size == len(b"beforeabcdefghi")
    assert writer.written == 9


def test_retries_are_at_most_ten_a_second_and_complaints_few(caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk()
    writer = writer_on(disk, NO)
    disk.fail(0, errno.ENOSPC, only="write", forever=True)
    writer.append(b"x")
    with caplog.at_level(logging.ERROR):
        for now_ms in range(0, 1000, 10):
            assert not writer.flush(now_ms)
    assert disk.operations.count("write") == 10
    assert len(caplog.records) == 1
    assert "No space left" in caplog.text


def test_a_retry_is_not_lost_when_the_time_is_set_back() -> None:
    disk = Disk()
    writer = writer_on(disk, NO)
    disk.fail(0, errno.ENOSPC, only="write")
    writer.append(b"x")
    assert not writer.flush(1_000_000)
    assert writer.flush(10)


@pytest.mark.parametrize("fsync", [ALWAYS, EVERYSEC])
def test_a_failed_sync_is_final(fsync: str) -> None:
    disk = Disk()
    writer = writer_on(disk, fsync)
    disk.fail(0, errno.EIO, only="datasync", forever=True)
    writer.append(b"x")
    assert writer.flush(10_000)  # the thread's failure surfaces with the next flush
    writer._syncer.wait()
    with pytest.raises(SyncError, match=rf"{PATH}: cannot sync"):
        writer.flush(10_100)
    disk.works()
    with pytest.raises(SyncError):
        writer.flush(20_000)
    with pytest.raises(SyncError):
        writer.sync()
    assert writer.synced == 0
    with pytest.raises(SyncError):
        writer.close(20_000)
    assert disk.open_files == {}


def test_what_cannot_be_written_at_the_end_is_said() -> None:
    disk = Disk()
    writer = writer_on(disk, NO)
    disk.fail(0, errno.ENOSPC, only="write", forever=True)
    writer.append(b"abc")
    with pytest.raises(AofError, match="3 bytes could not be written"):
        writer.close(0)
    assert disk.open_files == {}


def test_an_error_at_any_operation_leaves_the_file_at_the_end_of_a_tick() -> None:
    for step in range(12):
        disk = Disk()
        writer = writer_on(disk, NO)
        disk.fail(step, errno.EIO)
        done = b""
        for tick in range(10):
            disk.short_write = tick % 3
            writer.append(b"tick%d;" % tick)
            if writer.flush(tick * 1000):
                done = b"".join(b"tick%d;" % n for n in range(tick + 1))
            assert disk.get(PATH) == done
        assert writer.flush(20_000)
        assert disk.get(PATH) == b"".join(b"tick%d;" % n for n in range(10))
