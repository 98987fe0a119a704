"""When the engine's log is rewritten, and what becomes of it if that fails."""

from __future__ import annotations

import errno
import threading

import pytest

from respq.persistence import Persistence
from tests.conftest import DIRECTORY, Kept, Peer, Workbench
from tests.effects.disk import Disk


def test_a_rewrite_begins_when_the_log_is_on_the_disk_without_stopping_the_loop_for_it() -> None:
    disk = Disk()
    syncing_threads: list[str] = []

    def before(number: int, name: str) -> None:
        if name == "datasync":
            syncing_threads.append(threading.current_thread().name)

    disk.before = before
    kept = Kept(disk)
    ann = kept.peer()
    ann.send("SET", "key", "value")
    kept.written()
    assert ann.send("BGREWRITEAOF").startswith(b"+")
    assert b"aof_rewrite_in_progress:1\r\n" in ann.send("INFO", "persistence")
    aof = kept.server.aof
    assert aof is not None
    kept.persistence.cron(kept.clock.now_ms)
    assert not aof.rewriting
    aof.writer._syncer.wait()
    assert syncing_threads[-1] == "respq-sync"
    assert aof.writer.synced == aof.writer.written > 0
    kept.persistence.cron(kept.clock.now_ms)
    assert aof.rewriting
    kept.persistence.close()


def persistence(peer: Peer) -> list[bytes]:
    lines = peer.send("INFO", "persistence").split(b"\r\n")
    return [line for line in lines if line.startswith((b"aof_rewrite_in", b"aof_rewrite_sch"))]


BEGUN = [b"aof_rewrite_in_progress:1", b"aof_rewrite_scheduled:0"]
SCHEDULED = [b"aof_rewrite_in_progress:0", b"aof_rewrite_scheduled:1"]
STARTED = b"+Background append only file rewriting started\r\n"
PUT_OFF = b"+Background append only file rewriting scheduled\r\n"
IN_PROGRESS = b"-ERR Background append only file rewriting already in progress\r\n"


def test_a_rewrite_that_waits_for_another_child_is_scheduled() -> None:
    kept = Kept()
    ann = kept.peer()
    assert ann.send("BGSAVE").startswith(b"+")
    assert ann.send("BGREWRITEAOF") == ann.send("BGREWRITEAOF") == PUT_OFF
    assert persistence(ann) == SCHEDULED
    kept.persistence.dumps.close()
    aof = kept.server.aof
    assert aof is not None
    aof.writer.sync()
    kept.persistence.cron(kept.clock.now_ms)
    assert persistence(ann) == BEGUN
    assert ann.send("BGREWRITEAOF") == IN_PROGRESS
    kept.persistence.close()


def test_a_rewrite_that_a_transaction_asks_for_is_scheduled() -> None:
    kept = Kept()
    ann = kept.peer()
    ann.feed(b"MULTI\r\nBGREWRITEAOF\r\n")
    assert ann.send("EXEC") == b"*1\r\n" + PUT_OFF
    assert persistence(ann) == SCHEDULED
    kept.persistence.close()


def test_a_rewrite_that_is_about_to_begin_counts_as_begun() -> None:
    kept = Kept()
    ann = kept.peer()
    assert ann.send("BGREWRITEAOF") == STARTED
    assert persistence(ann) == BEGUN
    assert ann.send("BGREWRITEAOF") == IN_PROGRESS
    kept.persistence.close()


def rewriting(kept: Kept) -> None:
    """Begin a rewrite."""
    aof = kept.server.aof
    assert aof is not None
    aof.writer.sync()
    kept.peer().send("BGREWRITEAOF")
    kept.persistence.cron(kept.clock.now_ms)
    assert aof.rewriting


@pytest.mark.parametrize(("preamble", "suffix"), [("yes", "rdb"), ("no", "aof")])
def test_libraries_of_functions_are_in_a_rewritten_log(preamble: str, suffix: str) -> None:
    kept = Kept(**{"aof-use-rdb-preamble": preamble})
    kept.peer().send(
        "FUNCTION", "LOAD", "#!lua name=a\nredis.register_function('f', function() return 1 end)"
    )
    kept.written()
    rewriting(kept)
    while kept.server.aof is not None and kept.server.aof.rewriting:
        kept.persistence.cron(kept.clock.now_ms)
    again = kept.restarted()
    assert b"name=a" in kept.disk.get(DIRECTORY / f"appendonly.aof.2.base.{suffix}")
    assert again.peer().send("FCALL", "f", 0) == b":1\r\n"


def test_forks_are_counted_and_timed() -> None:
    kept = Kept()
    rewriting(kept)
    stats = kept.peer().send("INFO", "stats")
    assert b"latest_fork_usec:250\r\ntotal_forks:1\r\n" in stats


@pytest.mark.parametrize(("spared", "syncs"), [("no", 1), ("yes", 0)])
def test_no_appendfsync_on_rewrite_spares_the_disk_until_the_rewrite_has_ended(
    spared: str, syncs: int
) -> None:
    kept = Kept(**{"appendfsync": "always", "no-appendfsync-on-rewrite": spared})
    ann = kept.peer()

    def syncs_of(number: int) -> int:
        before = kept.disk.operations.count("datasync")
        ann.send("SET", "key", number)
        assert kept.persistence.flush(kept.clock.now_ms)
        assert kept.server.aof is not None
        kept.server.aof.writer._syncer.wait()
        return kept.disk.operations.count("datasync") - before

    assert syncs_of(1) == 1
    rewriting(kept)
    assert syncs_of(2) == syncs
    ann.send("CONFIG", "SET", "no-appendfsync-on-rewrite", "no")
    assert syncs_of(3) == 1
    ann.send("CONFIG", "SET", "no-appendfsync-on-rewrite", spared)
    assert syncs_of(4) == syncs
    kept.persistence.cron(kept.clock.now_ms)
    kept.persistence.cron(kept.clock.now_ms)
    assert syncs_of(5) == 1
    assert kept.replays()


def test_a_log_whose_first_snapshot_fails_tries_again() -> None:
    kept = Kept(appendonly="no")
    ann = kept.peer()
    ann.send("SET", "key", "value")
    assert ann.send("CONFIG", "SET", "appendonly", "yes") == b"+OK\r\n"
    assert ann.send("INCR", "n") == b":1\r\n"
    aof = kept.server.aof
    assert aof is not None

    def look_after() -> dict[str, int | str]:
        for _ in range(2):  # it is begun, or still written; then it has ended
            kept.persistence.cron(kept.clock.now_ms)
        return aof.info(kept.clock.now_ms)

    kept.disk.fail(0, errno.ENOSPC, only="create", forever=True)
    assert look_after()["aof_last_bgrewrite_status"] == "err"
    assert not aof.is_whole
    kept.disk.works()
    assert look_after()["aof_rewrites"] == 0  # not yet
    kept.clock.advance(1000)
    look_after()
    assert look_after()["aof_rewrites"] == 1
    assert aof.is_whole
    assert kept.replays()
    assert kept.data()[0].keys() == {b"key", b"n"}


def test_a_rewrite_that_is_asked_for_begins_also_if_the_time_is_put_back() -> None:
    kept = Kept()
    assert kept.server.aof is not None
    assert kept.peer().send("BGREWRITEAOF").startswith(b"+Background")
    kept.clock.advance(-3_600_000)
    kept.persistence.cron(kept.clock.now_ms)
    assert kept.server.aof.rewriting


def test_a_rewrite_that_is_asked_for_is_forgotten_with_its_log() -> None:
    kept = Kept()
    ann = kept.peer()
    ann.send("BGREWRITEAOF")
    for value in ("no", "yes"):
        assert ann.send("CONFIG", "SET", "appendonly", value) == b"+OK\r\n"
    for _ in range(9):
        kept.persistence.cron(kept.clock.now_ms)
    assert b"\r\naof_rewrites:1\r\n" in ann.send("INFO", "persistence")
    assert not any("warning" in line for line in kept.lines)


def test_bgrewriteaof_without_a_log_says_so(engine: Workbench) -> None:
    Persistence(engine)
    assert engine.peer().send("BGREWRITEAOF").startswith(b"-ERR Can't execute an AOF background rewriting.")
