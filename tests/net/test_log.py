"""The log and the replies: nothing leaves before the log has it."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from respq.clock import ManualClock
from respq.effects.files import SyncError
from tests.effects.disk import Disk
from tests.net.wire import Net
from tests.resp import encode

Serve = Callable[..., Net]
MISCONF = b"-MISCONF Errors writing to the AOF file: No space left on device\r\n"


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def kept(serve: Serve, disk: Disk) -> Net:
    """A server on a disk in memory."""
    return serve(clock=ManualClock(), files=disk, appendonly="yes", appendfsync="no")


def fill_up(disk: Disk) -> None:
    disk.fail(0, errno.ENOSPC, only="write", forever=True)


def make_room(net: Net, disk: Disk) -> None:
    disk.works()
    net.pass_time(1_000)


def test_the_output_of_a_tick_that_could_not_be_logged_waits_until_it_is(kept: Net, disk: Disk) -> None:
    writer, reader, late = kept.connect(), kept.connect(), kept.connect()
    assert reader.ask("SET", "key", "old") == b"+OK"
    fill_up(disk)
    writer.write(encode("SET", "key", "new") + encode("GET", "key"))
    assert writer.silent()
    assert late.ask("SET", "key", "newer") + b"\r\n" == MISCONF
    assert late.ask("PING") + b"\r\n" == MISCONF
    assert reader.ask("GET", "key") == b"$3"
    reader.expect(b"new\r\n")
    writer.send("PING")
    assert writer.silent()  # its replies stay in order
    kept.pass_time(1_000)
    assert writer.silent()
    make_room(kept, disk)
    writer.expect(b"+OK\r\n$3\r\nnew\r\n" + MISCONF)
    assert late.ask("SET", "key", "newest") == b"+OK"


def test_quit_behind_a_held_reply_waits_as_well(kept: Net, disk: Disk) -> None:
    wire = kept.connect()
    fill_up(disk)
    wire.write(encode("SET", "key", "value") + encode("QUIT"))
    assert wire.silent()
    kept.pass_time(1_000)
    assert wire.silent()
    make_room(kept, disk)
    assert wire.rest() == b"+OK\r\n+OK\r\n"


def test_a_held_reply_does_not_slip_out_behind_older_output(kept: Net, disk: Disk) -> None:
    wire = kept.connect()
    value = b"v" * 20_000_000
    assert wire.ask("SET", "key", value) == b"+OK"
    wire.send("GET", "key")
    kept.turn(3)
    (connection,) = kept.loop.connections.values()
    assert connection.unsent
    fill_up(disk)
    wire.send("SET", "other", "unsafe")
    kept.turn(3)
    for _ in range(100):
        wire.take()
        kept.turn()
    assert b"+OK" not in wire.received
    make_room(kept, disk)
    wire.expect(b"$20000000\r\n" + value + b"\r\n+OK\r\n")


def test_who_leaves_while_its_reply_is_held_is_forgotten(kept: Net, disk: Disk) -> None:
    wire, other = kept.connect(), kept.connect()
    fill_up(disk)
    wire.send("SET", "key", "value")
    assert wire.silent()
    wire.sock.close()
    kept.until(lambda: len(kept.loop.connections) == 1)
    make_room(kept, disk)
    assert other.ask("GET", "key") == b"$5"


def test_a_blocked_client_that_was_served_by_an_unsafe_push_waits(kept: Net, disk: Disk) -> None:
    worker, boss = kept.connect(), kept.connect()
    worker.send("BLPOP", "jobs", 0)
    kept.until(lambda: kept.server.waiting.queues)
    fill_up(disk)
    boss.send("RPUSH", "jobs", "one")
    assert boss.silent()
    assert worker.silent()
    make_room(kept, disk)
    boss.expect(b":1\r\n")
    worker.expect(b"*2\r\n$4\r\njobs\r\n$3\r\none\r\n")


def test_blocked_clients_go_on_waiting_while_the_disk_is_full(kept: Net, disk: Disk) -> None:
    worker, boss = kept.connect(), kept.connect()
    worker.send("BLPOP", "jobs", 1)
    kept.until(lambda: kept.server.waiting.queues)
    fill_up(disk)
    boss.send("SET", "key", "value")
    assert boss.silent()
    kept.pass_time(1_100)
    worker.expect(b"*-1\r\n")
    make_room(kept, disk)
    boss.expect(b"+OK\r\n")


def test_info_tells_that_the_log_cannot_be_written(kept: Net, disk: Disk) -> None:
    wire, other = kept.connect(), kept.connect()
    fill_up(disk)
    wire.send("SET", "key", "value")
    assert wire.silent()

    def status() -> bytes:
        other.received.clear()
        other.write(encode("INFO", "persistence") + encode("ECHO", "end"))
        kept.until(lambda: other.take() or other.received.endswith(b"$3\r\nend\r\n"))  # type: ignore[func-returns-value]
        return bytes(other.received)

    assert b"aof_last_write_status:err" in status()
    make_room(kept, disk)
    assert b"aof_last_write_status:ok" in status()


def test_a_sync_that_fails_stops_the_loop_before_anything_is_acknowledged(serve: Serve, disk: Disk) -> None:
    net = serve(files=disk, appendonly="yes", appendfsync="always")
    wire = net.connect()
    assert wire.ask("SET", "key", "value") == b"+OK"
    disk.fail(0, errno.EIO, only="datasync", forever=True)
    wire.sock.send(encode("SET", "key", "other"))
    with pytest.raises(SyncError, match="cannot sync: Input/output error"):
        net.until(lambda: False)
    wire.take()
    assert not wire.received
    disk.works()
    aof = net.server.aof
    assert aof is not None
    aof.writer._failure = aof.writer._syncer.failure = None  # so that the fixture can close it


class SlowDisk(Disk):
    """A disk whose sync ends when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.may_sync = threading.Event()
        self.may_sync.set()

    def datasync(self, fd: int) -> None:
        assert self.may_sync.wait(60)
        time.sleep(0.001)  # long enough not to be waited for in the loop
        super().datasync(fd)


def test_a_slow_sync_holds_nobody_up_and_is_counted(serve: Serve) -> None:
    disk = SlowDisk()
    net = serve(clock=ManualClock(), files=disk, appendonly="yes", appendfsync="everysec")
    wire = net.connect()
    disk.may_sync.clear()
    assert wire.ask("SET", "key", "1") == b"+OK"  # begins a sync
    aof = net.server.aof
    assert aof is not None
    net.until(lambda: aof.writer.syncing)
    replies = [wire.ask("SET", "key", "2")]
    net.pass_time(2_100)
    counted = aof.writer.delayed_fsyncs
    disk.may_sync.set()
    assert (replies, counted) == ([b"+OK"], 1)


@pytest.fixture
def slow(serve: Serve) -> tuple[Net, SlowDisk]:
    """A server under `appendfsync always`, whose disk syncs when told to."""
    disk = SlowDisk()
    return serve(clock=ManualClock(), files=disk, appendonly="yes", appendfsync="always"), disk


def test_under_always_output_waits_for_the_disk_while_the_loop_goes_on(slow: tuple[Net, SlowDisk]) -> None:
    net, disk = slow
    writer, reader, other = net.connect(), net.connect(), net.connect()
    assert other.ask("PING") == b"+PONG"
    disk.may_sync.clear()
    writer.send("SET", "key", "value")
    assert writer.silent()
    reader.send("GET", "key")  # has seen it, so it waits as well
    other.write(encode("PING") + encode("INCR", "counter"))
    silent = [reader.silent(), other.silent(), writer.silent()]
    executed = net.server.databases[0].values[b"counter"].copy()
    disk.may_sync.set()
    writer.expect(b"+OK\r\n")
    reader.expect(b"$5\r\nvalue\r\n")
    other.expect(b"+PONG\r\n:1\r\n")
    assert silent == [True] * 3
    assert bytes(executed) == b"1"  # type: ignore[call-overload]  # a string


def test_under_always_a_sync_that_ends_at_any_moment_keeps_the_order_of_replies(
    slow: tuple[Net, SlowDisk], monkeypatch: pytest.MonkeyPatch
) -> None:
    net, disk = slow
    wire, _other = net.connect(), net.connect()
    aof, sender = net.server.aof, net.loop.sender
    assert aof is not None
    disk.may_sync.clear()
    wire.send("SET", "key", "value")
    assert wire.silent()
    send_synced = sender.send_synced

    def send_and_end_the_sync() -> None:
        send_synced()
        disk.may_sync.set()
        aof.writer._syncer.wait()

    monkeypatch.setattr(sender, "send_synced", send_and_end_the_sync)
    wire.send("GET", "key")
    wire.expect(b"+OK\r\n$5\r\nvalue\r\n")


def test_under_always_a_push_waits_with_the_change_that_it_tells_of(slow: tuple[Net, SlowDisk]) -> None:
    net, disk = slow
    writer, waiting = net.connect(), net.connect()
    waiting.send("BLPOP", "list", 0)
    assert waiting.silent()
    disk.may_sync.clear()
    writer.send("RPUSH", "list", "element")
    silent = [writer.silent(), waiting.silent()]
    disk.may_sync.set()
    waiting.expect(b"*2\r\n$4\r\nlist\r\n$7\r\nelement\r\n")
    writer.expect(b":1\r\n")
    assert silent == [True] * 2


def test_under_always_who_quits_is_answered_first(slow: tuple[Net, SlowDisk]) -> None:
    net, disk = slow
    wire, other = net.connect(), net.connect()
    disk.may_sync.clear()
    wire.write(encode("SET", "key", "value") + encode("QUIT"))
    silent = wire.silent()
    gone = net.connect()
    gone.send("SET", "key", "other")
    assert gone.silent()
    gone.sock.close()
    net.turn(3)
    disk.may_sync.set()
    assert wire.rest() == b"+OK\r\n+OK\r\n"
    assert other.ask("GET", "key") == b"$5"
    assert silent


def test_under_always_a_full_disk_keeps_the_order_of_replies(slow: tuple[Net, SlowDisk]) -> None:
    net, disk = slow
    wire, other = net.connect(), net.connect()
    disk.may_sync.clear()
    wire.send("SET", "key", "first")
    assert wire.silent()
    fill_up(disk)
    threading.Timer(0.2, disk.may_sync.set).start()  # the loop waits for that sync now
    wire.write(encode("SET", "key", "second") + encode("GET", "key"))
    wire.expect(b"+OK\r\n")
    assert wire.silent()
    assert other.ask("GET", "key") == b"$6"  # reads go on
    make_room(net, disk)
    wire.expect(b"+OK\r\n$6\r\nsecond\r\n")


def test_under_always_what_waits_for_the_disk_counts_as_output(slow: tuple[Net, SlowDisk]) -> None:
    net, disk = slow
    net.config.set({"client-output-buffer-limit": "normal 1mb 0 0"})
    wire, other = net.connect(), net.connect()
    assert wire.ask("SET", "key", b"v" * 100_000) == b"+OK"
    disk.may_sync.clear()
    other.send("SET", "other", "value")
    assert other.silent()
    wire.write(encode("GET", "key") * 20)
    net.until(lambda: net.server.stats.output_limit_closed)
    disk.may_sync.set()
    assert wire.rest() == b""
    other.expect(b"+OK\r\n")


def test_under_always_the_last_replies_leave_when_the_log_is_closed(slow: tuple[Net, SlowDisk]) -> None:
    net, disk = slow
    wire, _other = net.connect(), net.connect()
    disk.may_sync.clear()
    wire.send("SET", "key", "value")
    assert wire.silent()
    disk.may_sync.set()
    net.loop.persistence.close()
    net.loop.sender.send_synced()
    wire.take()
    assert wire.received == b"+OK\r\n"


@pytest.mark.usefixtures("handlers")
def test_the_end_of_a_sync_ends_the_wait_of_the_loop(serve: Serve) -> None:
    disk = SlowDisk()
    net = serve(
        clock=ManualClock(), files=disk, signals=True, appendonly="yes", appendfsync="everysec", hz="1"
    )
    wire = net.connect()
    disk.may_sync.clear()
    assert wire.ask("SET", "key", "1") == b"+OK"
    wire.send("WAITAOF", 1, 0, 0)
    waited = wire.silent()
    disk.may_sync.set()
    assert waited
    net.loop.tick(60)  # returns when it is woken, or the test has no time left
    net.turn()
    wire.take()
    assert wire.received == b"*2\r\n:1\r\n:0\r\n"


@pytest.mark.usefixtures("handlers")
def test_signals_are_heard_by_the_loop(serve: Serve) -> None:
    net = serve(signals=True)
    os.kill(os.getpid(), signal.SIGHUP)
    net.until(lambda: net.logged("Log file reopened"))
    assert net.loop.running
    os.kill(os.getpid(), signal.SIGTERM)
    net.until(lambda: not net.loop.running)
    assert net.logged("Shutting down: received SIGTERM")


def test_waitaof_is_answered_when_the_log_is_synced(serve: Serve) -> None:
    disk = SlowDisk()
    net = serve(clock=ManualClock(), files=disk, appendonly="yes", appendfsync="everysec")
    wire = net.connect()
    disk.may_sync.clear()
    wire.write(encode("SET", "key", "1") + encode("WAITAOF", 1, 0, 0) + encode("PING"))
    wire.expect(b"+OK\r\n")
    assert wire.silent()
    disk.may_sync.set()
    wire.expect(b"*2\r\n:1\r\n:0\r\n+PONG\r\n")
