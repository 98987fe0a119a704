"""The snapshot file, on a disk in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from respq.effects.files import AofError
from respq.rdb.file import Contents, write_dump
from tests.conftest import START_MS
from tests.effects.disk import Disk, Killed
from tests.rdb.samples import values
from tests.test_persistence import Kept

DUMP = Path("/data/dump.rdb")
OFF = {"appendonly": "no"}


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


def test_a_log_comes_before_a_snapshot() -> None:
    kept = Kept()
    kept.peer().send("SET", "k", "v")
    kept.written()
    kept.disk.put(DUMP, dump(0))
    assert list(kept.restarted().server.databases[0].values) == [b"k"]


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
