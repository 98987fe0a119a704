"""Times in the log: where they stand, and how it is cut by them."""

from __future__ import annotations

from pathlib import Path

import pytest

from respq.datatypes.strings import StringValue
from respq.effects.check import at_time, check_data, cut
from respq.effects.files import AofError
from respq.rdb.file import Contents, write_dump
from tests.conftest import DIRECTORY, INCREMENT, START_MS, Kept
from tests.effects.disk import Disk
from tests.resp import encode

MANIFEST = DIRECTORY / "appendonly.aof.manifest"
START_S = START_MS // 1000
ON = {"aof-timestamp-enabled": "yes"}
LATER = b"#TS:200\r\n" + encode("SET", "b", "2")
LOG = encode("SELECT", 0) + b"#TS:100\r\n" + encode("SET", "a", b"\r\n#TS:300\r\n")


def stamp(second: int) -> bytes:
    return b"#TS:%d\r\n" % second


def test_the_first_command_of_a_second_is_preceded_by_the_time() -> None:
    kept = Kept(**ON)
    ann = kept.peer()
    ann.send("SET", "a", "1")
    ann.feed(encode("MULTI") + encode("INCR", "n") + encode("INCR", "m") + encode("EXEC"))
    first = kept.written()
    assert first.startswith(stamp(START_S) + encode("SELECT", 0) + encode("SET", "a", "1"))
    kept.clock.advance(999 - START_MS % 1000)
    ann.send("SET", "a", "2")
    assert kept.written() == encode("SET", "a", "2")
    kept.clock.advance(1)
    assert kept.written() == b""
    ann.send("SET", "a", "3")
    assert kept.written() == stamp(START_S + 1) + encode("SET", "a", "3")
    assert (first + encode("SET", "a", "2")).count(b"#TS:") == 1
    assert kept.replays()
    kept.server.config.set({"aof-timestamp-enabled": "no"})
    kept.clock.advance(5000)
    ann.send("SET", "a", "4")
    assert kept.written() == encode("SET", "a", "4")


@pytest.mark.parametrize("last", ["BGREWRITEAOF", "DEBUG LOADAOF", "CONFIG SET appendonly no"])
def test_what_is_written_last_to_a_file_is_preceded_by_the_time_as_well(last: str) -> None:
    kept = Kept(**ON, **{"enable-debug-command": "yes"})
    ann = kept.peer()
    ann.send("SET", "a", "1")
    kept.written()
    kept.clock.advance(1000)
    ann.feed(encode(*last.split()) if last == "BGREWRITEAOF" else b"")
    assert kept.server.aof is not None
    kept.server.aof.writer.sync()
    ann.send("SET", "a", "2")
    ann.feed(b"" if last == "BGREWRITEAOF" else encode(*last.split()))
    kept.persistence.cron(kept.clock.now_ms)
    assert kept.disk.get(INCREMENT).endswith(stamp(START_S + 1) + encode("SET", "a", "2"))


@pytest.mark.parametrize("form", ["yes", "no"])
def test_each_file_of_commands_begins_with_a_time(form: str) -> None:
    kept = Kept(**ON, **{"aof-use-rdb-preamble": form})
    if form == "no":
        assert kept.disk.get(DIRECTORY / "appendonly.aof.1.base.aof") == stamp(START_S)
    ann = kept.peer()
    ann.send("SET", "a", "1")
    kept.written()
    ann.send("BGREWRITEAOF")
    assert kept.server.aof is not None
    for _ in range(9):
        kept.clock.advance(1)
        assert kept.persistence.flush(kept.clock.now_ms)
        kept.server.aof.writer.sync()
        kept.persistence.cron(kept.clock.now_ms)
    ann.send("SET", "b", "2")
    assert kept.persistence.flush(kept.clock.now_ms)
    assert kept.disk.get(DIRECTORY / "appendonly.aof.2.incr.aof").startswith(stamp(START_S))
    if form == "no":
        assert kept.disk.get(DIRECTORY / "appendonly.aof.2.base.aof").startswith(stamp(START_S))
    assert kept.replays()


def verdict_at(log: bytes, second: int) -> int | None:
    disk = Disk()
    disk.put(MANIFEST, b"file a seq 1 type b\n")
    disk.put(DIRECTORY / "a", log)
    verdicts, _ = check_data(disk, MANIFEST, "", "", 0)
    found = at_time(disk, verdicts, second)
    return found and found.sound


@pytest.mark.parametrize("second", [100, 199])
def test_a_log_is_cut_before_the_first_later_time(second: int) -> None:
    assert verdict_at(LOG + LATER, second) == len(LOG)
    assert verdict_at(LOG * 3000 + LATER, second) == 3000 * len(LOG)
    long = encode("SET", "c", b"x" * 300_000)
    assert verdict_at(LOG + long + LATER, second) == len(LOG + long)


def test_nothing_is_cut_where_no_time_is_later() -> None:
    assert verdict_at(LOG + LATER, 200) is None
    assert verdict_at(encode("SET", "a", 1), 0) is None


def test_what_is_all_later_is_refused() -> None:
    with pytest.raises(AofError, match="has nothing before timestamp 99"):
        verdict_at(LATER, 99)


def test_a_snapshot_in_front_stays() -> None:
    dump = b"".join(write_dump([Contents(0, [(b"key", StringValue(b"#TS:900\r\n"))], 1, 0)], {}))
    assert verdict_at(dump + LATER, 100) == len(dump)


def test_only_the_last_file_is_cut() -> None:
    disk = Disk()
    disk.put(MANIFEST, b"file a seq 1 type i\nfile b seq 2 type i\n")
    for name in ("a", "b"):
        disk.put(DIRECTORY / name, LOG + LATER)
    verdicts, _ = check_data(disk, MANIFEST, "", "", 0)
    with pytest.raises(AofError, match=r"/a: offset \d+: timestamp 100, and others follow this file"):
        at_time(disk, verdicts, 100)
    disk.put(DIRECTORY / "a", LOG)
    found = at_time(disk, check_data(disk, MANIFEST, "", "", 0)[0], 100)
    assert found is not None
    cut(disk, found)
    assert disk.get(DIRECTORY / "b") == LOG


def test_a_log_that_was_about_to_begin_with_a_time_begins() -> None:
    disk = Disk()
    disk.put(Path("/data/appendonlydir/appendonly.aof.1.base.aof"), stamp(5))
    assert Kept(disk).data() == {}
