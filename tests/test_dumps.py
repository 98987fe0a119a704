"""The snapshot file, on a disk in memory."""

from __future__ import annotations

import errno
from pathlib import Path
from random import Random

import pytest

from respq.datatypes.strings import StringValue
from respq.effects.aof import AppendOnlyFile
from respq.effects.files import AofError
from respq.persistence import Persistence
from respq.rdb.file import Contents, write_dump
from tests.conftest import DIRECTORY, START_MS, Kept, Peer, Workbench
from tests.effects.disk import Disk, Killed
from tests.effects.model import LaterSnapshot
from tests.rdb.samples import values

DUMP = Path("/data/dump.rdb")
OFF = {"appendonly": "no"}


FAILED_RELOAD = b"-ERR Error trying to load the RDB dump, check server logs.\r\n"
NOTHING_TO_CANCEL = b"-ERR Background saving is currently not in progress or scheduled\r\n"


def dump(*numbers: int, expires_ms: int = 0) -> bytes:
    """A file with a value of every kind in each of some databases."""
    items = {b"%s %d" % (name.encode(), at): value for at, (name, value) in enumerate(values())}
    for value in items.values():
        value.expires_ms = expires_ms
    return b"".join(write_dump([Contents(number, items.items(), len(items), 0) for number in numbers], {}))


def disk_with(data: bytes, path: Path = DUMP) -> Disk:
    disk = Disk()
    disk.put(path, data)
    return disk


KEYS = len(list(values()))
OLD = b"".join(write_dump([Contents(0, [(b"old", StringValue(b"value"))], 1, 0)], {}))


# -- loading ---------------------------------------------------------------------------------------


def test_a_snapshot_is_loaded_where_there_is_no_log() -> None:
    kept = Kept(disk_with(dump(0, 5)), **OFF)
    assert [len(db) for db in kept.server.databases if db.values] == [KEYS, KEYS]
    for db in kept.server.databases:
        db.check()
        for value in db.values.values():
            value.check()
    assert f"notice Loaded {2 * KEYS} keys from /data/dump.rdb; 0 have expired" in kept.lines
    info = kept.peer().send("INFO", "persistence")
    assert b"rdb_last_load_keys_loaded:%d\r\n" % (2 * KEYS) in info


def test_what_has_expired_is_not_loaded() -> None:
    disk = disk_with(dump(0, expires_ms=START_MS - 1))
    assert not Kept(disk, **OFF).server.databases[0].values
    kept = Kept(disk_with(dump(0, expires_ms=START_MS + 1000)), **OFF)
    assert len(kept.server.databases[0]) == KEYS
    kept.pass_time(2000)
    assert kept.peer().send("DBSIZE") == b":0\r\n"


def test_without_any_file_there_is_nothing() -> None:
    assert Kept(Disk(), **OFF).data() == {}


def test_another_name_may_be_given() -> None:
    disk = disk_with(dump(0), Path("/data/other.rdb"))
    assert Kept(disk, **OFF, dbfilename="other.rdb").data()
    assert not Kept(disk, **OFF).data()


@pytest.mark.parametrize("damaged", [dump(0)[:-9], dump(0)[:500] + b"x" + dump(0)[501:], b"REDIS0099", b""])
def test_a_damaged_snapshot_is_refused(damaged: bytes) -> None:
    for directives in ({}, OFF):
        disk = disk_with(damaged)
        with pytest.raises(AofError, match=r"/data/dump.rdb: offset"):
            Kept(disk, **directives)
        assert disk.get(DUMP) == damaged


def test_more_databases_than_there_are_is_an_error() -> None:
    with pytest.raises(AofError, match="database 16, and there are 16"):
        Kept(disk_with(dump(16)), **OFF)
    assert Kept(disk_with(dump(16)), **OFF, databases="17").data()


# -- becoming a log --------------------------------------------------------------------------------


def test_a_log_begins_with_the_snapshot() -> None:
    kept = Kept(disk_with(dump(0, 3)))
    kept.peer().send("SET", "more", "1")
    kept.written()
    assert kept.replays()
    again = kept.restarted()
    assert len(again.server.databases[0]) == KEYS + 1
    assert len(again.server.databases[3]) == KEYS


def test_what_becomes_of_the_snapshot_afterwards_does_not_matter_to_the_log() -> None:
    """A backup copied over it must not change what the log begins with."""
    kept = Kept(disk_with(dump(0)))
    inode = kept.disk.names_now[DUMP]
    inode.cut(0)
    inode.append(OLD)
    assert kept.replays()


def test_what_stands_behind_the_end_of_a_snapshot_is_not_in_the_log() -> None:
    """No server reads it there, but behind the base of a log commands may follow."""
    kept = Kept(disk_with(dump(0) + b"more"))
    assert len(kept.server.databases[0]) == KEYS
    assert kept.replays()


def test_a_snapshot_that_shrinks_while_the_log_begins_with_it_is_refused() -> None:
    disk = disk_with(dump(0))
    log = AppendOnlyFile(DIRECTORY, files=disk)
    log.open()
    with pytest.raises(AofError, match="has become shorter than the"):
        log.adopt(DUMP, len(dump(0)) + 1)
    assert DIRECTORY / "appendonly.aof.manifest" not in disk.names_now


def test_a_log_comes_before_a_snapshot() -> None:
    kept = Kept()
    kept.peer().send("SET", "k", "v")
    kept.written()
    kept.disk.put(DUMP, dump(0))
    assert list(kept.restarted().server.databases[0].values) == [b"k"]


def test_a_snapshot_put_beside_an_empty_log_is_not_passed_over_in_silence() -> None:
    kept = Kept()
    kept.disk.put(DUMP, dump(0))
    again = kept.restarted()
    assert not again.data()
    assert any("warning /data/dump.rdb was not loaded: there is a log" in line for line in again.lines)
    kept.peer().send("SET", "k", "v")
    kept.written()
    assert not any("was not loaded" in line for line in kept.restarted().lines)


def steps_of_a_start() -> int:
    return len(Kept(disk_with(dump(0))).disk.operations)


@pytest.mark.parametrize("step", range(steps_of_a_start()))
def test_killed_while_the_log_begins_nothing_is_lost(step: int) -> None:
    disk = disk_with(dump(0))
    disk.kill(step)
    with pytest.raises(Killed):
        Kept(disk)
    kept = Kept(disk.after_kill())
    assert len(kept.server.databases[0]) == KEYS
    assert kept.replays()


# -- writing ---------------------------------------------------------------------------------------


class Saved(Kept):
    """A server without a log; what it writes in the background is written by the next but one `tend`."""

    def __init__(self, disk: Disk | None = None, now_ms: int = START_MS, **directives: str) -> None:
        super().__init__(disk, now_ms, **{**OFF, **directives})
        self.persistence.dumps.take_snapshot = LaterSnapshot
        self.alice = self.peer()

    def tend(self, times: int = 1) -> None:
        for _ in range(times):
            self.persistence.cron(self.clock.now_ms)

    def info(self, name: str) -> str:
        lines = self.alice.send("INFO", "persistence").decode().split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)[name]

    def restarted(self) -> Saved:
        return Saved(self.disk.after_kill(), self.clock.now_ms)


@pytest.fixture
def saved() -> Saved:
    server = Saved(disk_with(OLD))
    server.alice.send("SET", "k", "v", "EX", "100")
    return server


def test_save_writes_what_there_is(saved: Saved) -> None:
    saved.pass_time(5000)
    assert saved.alice.send("SAVE") == b"+OK\r\n"
    assert saved.restarted().data() == saved.data()
    assert saved.alice.send("LASTSAVE") == b":%d\r\n" % ((START_MS + 5000) // 1000)
    assert (saved.info("rdb_saves"), saved.info("rdb_changes_since_last_save")) == ("1", "0")


def test_bgsave_writes_what_there_was(saved: Saved) -> None:
    before = saved.data()
    assert saved.alice.send("BGSAVE") == b"+Background saving started\r\n"
    assert saved.info("rdb_bgsave_in_progress") == "1"
    saved.alice.send("SET", "later", "v")
    saved.alice.send("SET", "later", "w")
    for words in (("BGSAVE",), ("BGSAVE", "schedule"), ("SAVE",)):
        assert saved.alice.send(*words) == b"-ERR Background save already in progress\r\n"
    saved.pass_time(3000)
    saved.tend(2)
    assert saved.restarted().data() == before
    names = ("bgsave_in_progress", "last_bgsave_status", "last_bgsave_time_sec", "changes_since_last_save")
    assert [saved.info(f"rdb_{name}") for name in names] == ["0", "ok", "3", "2"]
    assert saved.info("rdb_last_cow_size") == "4096"


def test_what_bgsave_writes_can_be_given_up(saved: Saved) -> None:
    before = saved.restarted().data()
    saved.alice.send("SET", "later", "v")
    saved.alice.send("BGSAVE")
    assert saved.alice.send("BGSAVE", "cancel") == b"+Background saving cancelled\r\n"
    assert saved.alice.send("BGSAVE", "CANCEL") == NOTHING_TO_CANCEL
    saved.tend(6)
    assert saved.restarted().data() == before
    assert (saved.info("rdb_bgsave_in_progress"), saved.info("rdb_last_bgsave_status")) == ("0", "ok")


def test_bgsave_takes_one_option(alice: Peer) -> None:
    for words in (("x",), ("schedule", "x"), ("cancel", "schedule")):
        assert alice.send("BGSAVE", *words) == b"-ERR syntax error\r\n"


@pytest.mark.parametrize("name", ["respq.lock", "appendonlydir", "backupdir", "server.log"])
def test_it_cannot_be_put_where_something_else_is(name: str) -> None:
    saved = Saved(logfile="/data/server.log", **{"enable-protected-configs": "yes"})
    refusal = saved.alice.send("CONFIG", "SET", "dbfilename", name).decode()
    assert refusal.startswith("-ERR CONFIG SET failed (possibly related to argument 'dbfilename') - ")
    assert refusal.endswith(f" would be one file: /data/{name}\r\n")
    assert saved.alice.send("CONFIG", "SET", "dbfilename", "other.rdb") == b"+OK\r\n"


def test_within_a_transaction_it_begins_afterwards(saved: Saved) -> None:
    saved.alice.send("MULTI")
    assert saved.alice.send("SAVE") == b"-ERR Command not allowed inside a transaction\r\n"
    saved.alice.send("DISCARD")
    saved.alice.send("MULTI")
    saved.alice.send("BGSAVE")
    assert saved.alice.send("EXEC") == b"*1\r\n+Background saving scheduled\r\n"
    saved.tend(3)
    assert saved.restarted().data() == saved.data()


def test_a_rewrite_comes_first_and_a_snapshot_after_it() -> None:
    kept = Saved(appendonly="yes")
    assert kept.alice.send("BGREWRITEAOF") == b"+Background append only file rewriting started\r\n"
    assert kept.alice.send("BGSAVE").startswith(b"-ERR Another child process is active (AOF?)")
    assert kept.alice.send("BGSAVE", "SCHEDULE") == b"+Background saving scheduled\r\n"
    assert kept.alice.send("BGSAVE", "CANCEL") == b"+Scheduled background saving cancelled\r\n"
    assert kept.alice.send("BGSAVE", "CANCEL") == NOTHING_TO_CANCEL
    assert kept.alice.send("BGSAVE", "SCHEDULE") == b"+Background saving scheduled\r\n"
    kept.tend(6)
    assert DUMP in kept.disk.names_now
    kept.alice.send("BGSAVE")
    assert kept.alice.send("BGREWRITEAOF") == b"+Background append only file rewriting scheduled\r\n"
    assert kept.info("aof_rewrites") == "1"
    kept.tend(6)
    assert kept.info("aof_rewrites") == "2"


def test_a_log_that_is_switched_on_meanwhile_begins_when_it_is_written(saved: Saved) -> None:
    """Checked on redis-server 8.2.3: one child at a time, and nothing of the log before."""
    saved.alice.send("BGSAVE")
    assert saved.alice.send("CONFIG", "SET", "appendonly", "yes") == b"+OK\r\n"
    assert [saved.info(f"aof_{name}") for name in STATES] == ["1", "0", "1"]
    assert saved.alice.send("BGREWRITEAOF") == b"+Background append only file rewriting scheduled\r\n"
    assert saved.alice.send("CONFIG", "SET", "appendonly", "yes") == b"+OK\r\n"
    assert saved.alice.send("INCR", "n") == b":1\r\n"
    waiting = saved.peer()
    assert waiting.send("WAITAOF", "1", "0", "0") == b""
    saved.tend()
    assert saved.server.aof is None
    assert saved.info("rdb_bgsave_in_progress") == "1"
    saved.tend(2)
    assert [saved.info(f"rdb_{name}") for name in ("bgsave_in_progress", "last_bgsave_status")] == ["0", "ok"]
    assert [saved.info(f"aof_{name}") for name in STATES] == ["1", "1", "0"]
    assert waiting.take() == b""
    saved.tend(2)
    assert waiting.take() == b"*2\r\n:1\r\n:0\r\n"
    assert Saved(saved.disk.after_kill(), saved.clock.now_ms, appendonly="yes").data() == saved.data()


STATES = ("enabled", "rewrite_in_progress", "rewrite_scheduled")


def test_a_log_that_waits_to_begin_can_be_switched_off(saved: Saved) -> None:
    saved.alice.send("BGSAVE")
    saved.alice.send("CONFIG", "SET", "appendonly", "yes")
    assert saved.alice.send("CONFIG", "SET", "appendonly", "no") == b"+OK\r\n"
    assert [saved.info(f"aof_{name}") for name in STATES] == ["0", "0", "0"]
    assert saved.alice.send("BGREWRITEAOF").startswith(b"-ERR Can't execute an AOF background rewriting")
    saved.tend(6)
    assert saved.info("rdb_last_bgsave_status") == "ok"
    assert saved.server.aof is None


def test_a_log_that_could_not_begin_when_its_time_had_come_is_tried_again(saved: Saved) -> None:
    saved.alice.send("BGSAVE")
    saved.alice.send("CONFIG", "SET", "appendonly", "yes")
    saved.tend(2)
    saved.disk.fail(0, errno.EACCES, forever=True)
    saved.tend(2)
    assert saved.server.aof is None
    assert [saved.info(f"aof_{name}") for name in STATES] == ["1", "0", "1"]
    saved.disk.works()
    saved.pass_time(1000)
    saved.tend(3)
    assert saved.server.aof is not None
    assert saved.server.aof.is_whole


def test_switching_the_log_off_leaves_the_snapshot_being_written() -> None:
    server = Saved(appendonly="yes")
    server.alice.send("BGSAVE")
    assert server.alice.send("CONFIG", "SET", "appendonly", "no") == b"+OK\r\n"
    assert server.info("rdb_bgsave_in_progress") == "1"
    server.tend(6)
    assert DUMP in server.disk.names_now


def test_a_server_does_not_stop_before_a_log_that_was_switched_on_is_whole(saved: Saved) -> None:
    """As redis-server 8.2.3, while its first base is being written."""
    reasons: list[str] = []
    saved.server.shut_down = reasons.append
    saved.alice.send("CONFIG", "SET", "appendonly", "yes")
    for words in ((), ("NOSAVE",), ("SAVE",), ("NOW",)):
        assert saved.alice.send("SHUTDOWN", *words) == b"-ERR Errors trying to SHUTDOWN. Check logs.\r\n"
    assert not saved.persistence.is_ready_to_stop()
    assert saved.persistence.is_ready_to_stop("force")
    assert reasons == []
    saved.peer().send("SHUTDOWN", "FORCE")
    assert len(reasons) == 1
    saved.tend(2)
    assert saved.persistence.is_ready_to_stop()


def test_save_points_have_it_written(saved: Saved) -> None:
    saved.alice.send("CONFIG", "SET", "save", "60 2")
    saved.pass_time(61_000)
    saved.tend()
    assert saved.info("rdb_saves") == "0"
    saved.alice.send("SET", "second", "change")
    saved.tend(4)
    assert (saved.info("rdb_saves"), saved.info("rdb_changes_since_last_save")) == ("1", "0")


def test_save_points_come_due_also_if_the_time_is_put_back(saved: Saved) -> None:
    saved.alice.send("CONFIG", "SET", "save", "60 1")
    saved.clock.advance(-86_400_000)
    saved.alice.send("SET", "k", "v")
    saved.tend(4)
    saved.alice.send("SET", "k", "v")
    saved.tend(4)
    assert saved.info("rdb_saves") == "1"


def steps_of_a_save() -> int:
    server = Saved()
    server.alice.send("SET", "k", "v")
    before = len(server.disk.operations)
    server.alice.send("SAVE")
    return len(server.disk.operations) - before


STEPS = steps_of_a_save()


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("step", range(STEPS))
def test_killed_or_without_power_at_any_step_one_of_both_is_there(step: int, background: bool) -> None:
    for seed in range(10):
        server = Saved(disk_with(OLD))
        server.alice.send("SET", "k", "v")
        server.disk.kill(len(server.disk.operations) + step)
        with pytest.raises(Killed):
            _save(server, background)
        for disk in (server.disk.after_kill(), server.disk.after_power_cut(Random(seed))):
            assert len(Saved(disk).server.databases[0]) in (1, 2)


def _save(server: Saved, background: bool) -> bytes:
    reply = server.alice.send("BGSAVE" if background else "SAVE")
    server.tend(2)
    return reply


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("step", range(STEPS - 1))
def test_an_error_at_any_step_leaves_the_old_one(step: int, background: bool) -> None:
    server = Saved(disk_with(OLD), save="900 1")
    server.alice.send("SET", "k", "v")
    server.disk.fail(len(server.disk.operations) + step, errno.ENOSPC)
    reply = _save(server, background)
    server.disk.works()
    assert reply == (b"+Background saving started\r\n" if background else b"-ERR\r\n")
    assert server.disk.get(DUMP) == OLD
    assert list(server.disk.names_now) == [DUMP]
    assert server.info("rdb_last_bgsave_status") == ("err" if background else "ok")
    assert server.info("rdb_changes_since_last_save") == "1"
    refused = server.alice.send("SET", "k", "w").startswith(b"-MISCONF Redis is configured to save RDB")
    assert refused is background
    if background:
        assert server.alice.send("PING").startswith(b"-MISCONF")
        assert server.alice.send("GET", "k") == b"$1\r\nv\r\n"
        server.pass_time(6000)
        assert _save(server, background) == b"+Background saving started\r\n"
    assert server.alice.send("SET", "k", "w") == b"+OK\r\n"


def test_flushall_leaves_nothing_to_come_back(saved: Saved) -> None:
    saved.alice.send("CONFIG", "SET", "save", "900 1")
    assert saved.alice.send("FLUSHALL") == b"+OK\r\n"
    assert saved.restarted().data() == {}
    assert (saved.info("rdb_saves"), saved.info("rdb_changes_since_last_save")) == ("0", "0")


def test_flushall_stops_what_is_being_written(saved: Saved) -> None:
    saved.alice.send("BGSAVE")
    saved.alice.send("FLUSHALL")
    assert saved.info("rdb_bgsave_in_progress") == "0"
    saved.tend(3)
    assert saved.disk.get(DUMP) == OLD


def test_flushall_does_its_part_also_if_the_disk_is_full(saved: Saved) -> None:
    saved.alice.send("CONFIG", "SET", "save", "900 1")
    saved.disk.fail(0, errno.ENOSPC, forever=True)
    assert saved.alice.send("FLUSHALL") == b"+OK\r\n"
    assert saved.disk.get(DUMP) == OLD
    assert int(saved.info("rdb_changes_since_last_save")) > 0


def test_writes_go_on_after_a_failure_if_that_is_wanted(saved: Saved) -> None:
    saved.alice.send("CONFIG", "SET", "save", "900 1")
    saved.disk.fail(len(saved.disk.operations), errno.EIO)
    _save(saved, True)
    assert saved.alice.send("SET", "k", "w").startswith(b"-MISCONF")
    saved.alice.send("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
    assert saved.alice.send("SET", "k", "w") == b"+OK\r\n"
    saved.alice.send("CONFIG", "SET", "stop-writes-on-bgsave-error", "yes")
    assert saved.alice.send("SET", "k", "w").startswith(b"-MISCONF")
    saved.alice.send("CONFIG", "SET", "save", "")
    assert saved.alice.send("SET", "k", "w") == b"+OK\r\n"


def test_a_snapshot_that_succeeds_makes_up_for_one_that_failed(saved: Saved) -> None:
    saved.alice.send("CONFIG", "SET", "save", "900 1")
    saved.disk.fail(len(saved.disk.operations), errno.EIO)
    _save(saved, True)
    assert saved.alice.send("SET", "k", "w").startswith(b"-MISCONF")
    assert saved.alice.send("SAVE") == b"+OK\r\n"
    assert saved.alice.send("SET", "k", "w") == b"+OK\r\n"
    assert saved.info("rdb_last_bgsave_status") == "ok"


def test_a_failed_snapshot_is_tried_again_when_the_time_is_put_back(saved: Saved) -> None:
    saved.disk.fail(len(saved.disk.operations), errno.EIO)
    _save(saved, True)
    assert saved.info("rdb_last_bgsave_status") == "err"
    saved.clock.advance(-3_600_000)
    saved.alice.feed(b"MULTI\r\nBGSAVE\r\nEXEC\r\n")  # that is: later
    saved.tend(3)
    assert saved.info("rdb_last_bgsave_status") == "ok"


# -- the end ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "words", "writes"),
    [("", (), False), ("900 1", (), True), ("900 1", ("NOSAVE",), False), ("", ("SAVE",), True)],
)
def test_shutdown_saves_if_there_are_save_points(points: str, words: tuple[str, ...], writes: bool) -> None:
    server = Saved(save=points)
    reasons: list[str] = []
    server.server.shut_down = reasons.append
    server.alice.send("SET", "k", "v")
    server.alice.send("SHUTDOWN", *words)
    assert len(reasons) == 1
    assert (DUMP in server.disk.names_now) is writes


@pytest.mark.parametrize("words", [("SHUTDOWN",), ("SHUTDOWN", "SAVE"), ("DEBUG", "RELOAD")])
def test_what_is_loaded_by_half_is_not_written(words: tuple[str, ...]) -> None:
    """Nor by a save point that asks for no changes."""
    whole = dump(0)
    engine = Workbench(dir="/data", save="1 0", **{"enable-debug-command": "yes"})
    disk = disk_with(whole)
    persistence = Persistence(engine, disk)
    persistence.dumps.take_snapshot = LaterSnapshot
    alice, replies = engine.peer(), []

    def look() -> None:
        engine.pass_time(5000)
        persistence.cron(engine.clock.now_ms)
        replies.append(alice.send(*words))

    reasons: list[str] = []
    engine.server.shut_down = reasons.append
    persistence.start(look)
    assert disk.get(DUMP) == whole
    assert not persistence.dumps.in_progress
    assert replies[0] == (FAILED_RELOAD if words[0] == "DEBUG" else b"")
    assert len(reasons) == (words[0] == "SHUTDOWN")


def test_a_server_that_cannot_save_does_not_stop_unless_forced() -> None:
    server = Saved(save="900 1")
    reasons: list[str] = []
    server.server.shut_down = reasons.append
    server.disk.fail(0, errno.ENOSPC, forever=True)
    assert server.alice.send("SHUTDOWN") == b"-ERR Errors trying to SHUTDOWN. Check logs.\r\n"
    assert not server.persistence.is_ready_to_stop()
    assert reasons == []
    server.alice.send("SHUTDOWN", "FORCE")
    assert len(reasons) == 1


@pytest.mark.parametrize(
    ("how", "points", "writes"),
    [
        ("default", "", False),
        ("default", "900 1", True),
        ("save", "", True),
        ("nosave now", "900 1", False),
    ],
)
def test_how_a_signal_ends_the_server(how: str, points: str, writes: bool) -> None:
    server = Saved(save=points)
    server.alice.send("SET", "k", "v")
    assert server.persistence.is_ready_to_stop(how)
    assert (DUMP in server.disk.names_now) is writes


def test_a_signal_can_end_a_server_that_cannot_save() -> None:
    server = Saved(save="900 1")
    server.disk.fail(0, errno.ENOSPC, forever=True)
    assert not server.persistence.is_ready_to_stop("save now")
    assert server.persistence.is_ready_to_stop("save force")


def test_what_is_being_written_is_given_up_at_the_end(saved: Saved) -> None:
    saved.alice.send("BGSAVE")
    saved.persistence.close()
    assert saved.info("rdb_bgsave_in_progress") == "0"
    saved.tend(3)
    assert saved.disk.get(DUMP) == OLD


# -- DEBUG RELOAD ----------------------------------------------------------------------------------


@pytest.fixture
def reloading() -> Saved:
    server = Saved(disk_with(OLD), **{"enable-debug-command": "yes"})
    server.alice.send("SET", "k", "v", "EX", "100")
    return server


def test_reload_saves_and_loads(reloading: Saved) -> None:
    before = reloading.data()
    assert reloading.alice.send("DEBUG", "RELOAD") == b"+OK\r\n"
    assert reloading.data() == before
    assert reloading.disk.get(DUMP) != OLD


def test_reload_may_do_without_saving_or_forgetting(reloading: Saved) -> None:
    assert reloading.alice.send("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH", "MERGE") == b"+OK\r\n"
    assert reloading.alice.send("GET", "k") == b"$1\r\nv\r\n"
    assert reloading.alice.send("DEBUG", "RELOAD", "NOSAVE") == b"+OK\r\n"
    assert reloading.alice.send("GET", "k") == b"$-1\r\n"
    assert reloading.alice.send("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH") == FAILED_RELOAD
    options = b"-ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.\r\n"
    assert reloading.alice.send("DEBUG", "RELOAD", "x") == options
