"""What becomes of clients and of the log when the disk is full, or fails."""

from __future__ import annotations

import errno
import os

import pytest

from respq.effects.files import SyncError
from tests.conftest import INCREMENT, Kept, Peer
from tests.resp import encode

MISCONF = b"-MISCONF Errors writing to the AOF file: No space left on device\r\n"


def test_while_the_log_cannot_be_written_writes_are_refused_as_by_redis(kept: Kept, ann: Peer) -> None:
    ann.send("RPUSH", "list", "a")
    queued = kept.peer()
    queued.send("MULTI")
    queued.send("SET", "x", 1)
    assert kept.written()
    kept.disk.fail(0, errno.ENOSPC, only="write", forever=True)
    ann.send("SET", "unsure", 1)
    assert not kept.persistence.flush(kept.clock.now_ms)
    for refused in (
        ("SET", "a", 1),
        ("DEL", "list"),
        ("PING",),
        ("LPOP", "list"),
        ("BLPOP", "none", 0),
        ("FLUSHALL",),
    ):
        assert ann.send(*refused) == MISCONF
    assert ann.send("SET").startswith(b"-ERR wrong number")
    assert ann.send("GET", "warm") == b"$2\r\nup\r\n"
    assert queued.send("EXEC") == MISCONF.replace(
        b"-MISCONF", b"-EXECABORT Transaction discarded because of: MISCONF"
    )
    assert ann.send("MULTI") == b"+OK\r\n"
    assert ann.send("SET", "a", 1) == MISCONF
    assert ann.send("EXEC").startswith(b"-EXECABORT Transaction discarded because of previous errors.")
    assert (
        ann.feed(encode("MULTI") + encode("GET", "warm") + encode("EXEC"))
        == b"+OK\r\n+QUEUED\r\n*1\r\n$2\r\nup\r\n"
    )
    assert ann.feed(encode("MULTI") + encode("INCR", "n") + encode("EXEC")).startswith(b"+OK\r\n" + MISCONF)
    assert kept.persistence.flush(kept.clock.now_ms)  # nothing of these ticks needs the log
    kept.disk.works()
    kept.clock.advance(1_000)
    assert kept.persistence.flush(kept.clock.now_ms)
    assert ann.send("PING") == b"+PONG\r\n"
    assert ann.send("SET", "a", 1) == b"+OK\r\n"
    assert kept.written()
    assert kept.replays()
    assert kept.data()[0].keys() == {b"warm", b"list", b"unsure", b"a"}


def test_what_a_rewrite_could_not_write_at_its_beginning_is_not_acknowledged(kept: Kept, ann: Peer) -> None:
    ann.send("BGREWRITEAOF")
    aof = kept.server.aof
    assert aof is not None
    while not aof.prepare_rewrite(kept.clock.now_ms):
        pass
    kept.disk.fail(0, errno.ENOSPC, only="write", forever=True)
    ann.send("SET", "unsure", 1)
    kept.persistence.cron(kept.clock.now_ms)  # in the same tick
    assert not kept.persistence.flush(kept.clock.now_ms)
    assert ann.send("SET", "a", 1) == MISCONF
    assert kept.persistence.flush(kept.clock.now_ms)
    kept.disk.works()
    ann.send("BGREWRITEAOF")
    kept.persistence.cron(kept.clock.now_ms)  # writes what was late
    assert kept.persistence.flush(kept.clock.now_ms)
    assert ann.send("SET", "a", 1) == b"+OK\r\n"
    assert kept.persistence.flush(kept.clock.now_ms)
    assert kept.replays()


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_whatever_the_error_is_it_is_named(kept: Kept, ann: Peer, error: int) -> None:
    kept.disk.fail(0, error, only="write", forever=True)
    ann.send("SET", "a", 1)
    kept.persistence.flush(kept.clock.now_ms)
    assert (
        ann.send("SET", "a", 1)
        == b"-MISCONF Errors writing to the AOF file: %b\r\n" % os.strerror(error).encode()
    )


@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
def test_a_short_write_is_completed(policy: str) -> None:
    kept = Kept(appendfsync=policy)
    kept.peer().send("SET", "a", 1)
    kept.disk.short_write = 7
    assert kept.written().endswith(encode("SET", "a", 1))
    assert kept.replays()


def test_a_short_write_on_a_full_disk_leaves_nothing_behind(kept: Kept, ann: Peer) -> None:
    before = kept.disk.get(INCREMENT)
    kept.disk.short_write = 7
    kept.disk.fail(0, errno.ENOSPC, only="write", forever=True)
    ann.send("SET", "a", 1)
    assert not kept.persistence.flush(kept.clock.now_ms)
    assert kept.disk.get(INCREMENT) == before


@pytest.mark.parametrize("policy", ["always", "everysec"])
def test_a_sync_that_fails_is_the_end(policy: str) -> None:
    kept = Kept(appendfsync=policy)
    kept.disk.fail(0, errno.EIO, only="datasync", forever=True)
    kept.peer().send("SET", "a", 1)
    aof = kept.server.aof
    assert aof is not None

    def work() -> None:
        for _ in range(3):
            kept.persistence.flush(kept.clock.now_ms)
            aof.writer._syncer.wait()  # under everysec it is on a thread
            kept.clock.advance(1_000)

    with pytest.raises(SyncError, match=r"appendonly.aof.1.incr.aof: cannot sync: Input/output error"):
        work()
