"""What is found in the directory at the start, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from respq.datatypes.strings import StringValue
from respq.effects.aof import AppendOnlyFile
from respq.effects.encoding import encode
from respq.effects.files import AofError
from respq.rdb.file import Contents, write_dump
from tests.effects.disk import Disk
from tests.effects.model import DIRECTORY, push, recover

MANIFEST = DIRECTORY / "appendonly.aof.manifest"
OLD = DIRECTORY.parent / "appendonly.aof"
SELECT_5 = encode([b"SELECT", b"5"])
BASE = b"file appendonly.aof.1.base.aof seq 1 type b\n"
INCREMENT = b"file appendonly.aof.1.incr.aof seq 1 type i\n"


def numbers(*found: int) -> bytes:
    return SELECT_5 + b"".join(encode(push(number)) for number in found)


def disk_with(**files: bytes) -> Disk:
    """A disk with `base`, `incr` (the first ones), `manifest` and `old`."""
    disk = Disk()
    names = {"base": "appendonly.aof.1.base.aof", "incr": "appendonly.aof.1.incr.aof"}
    for kind, data in files.items():
        path = {"manifest": MANIFEST, "old": OLD}.get(kind) or DIRECTORY / names[kind]
        disk.put(path, data)
    return disk


def test_an_empty_directory_gets_the_set_that_redis_creates() -> None:
    disk = Disk()
    assert recover(disk) == []
    assert {path.name: inode.data for path, inode in disk.names_now.items()} == {
        "appendonly.aof.1.base.aof": b"",
        "appendonly.aof.1.incr.aof": b"",
        "appendonly.aof.manifest": BASE + INCREMENT[:-1] + b" startoffset 0\n",
    }


def test_base_and_increments_are_loaded_in_order() -> None:
    disk = disk_with(base=numbers(1, 2), incr=numbers(3), manifest=INCREMENT + BASE)
    assert recover(disk) == [1, 2, 3]


def test_a_base_alone_gets_an_increment() -> None:
    disk = disk_with(base=numbers(1), manifest=BASE)
    assert recover(disk) == [1]
    assert disk.get(MANIFEST) == BASE + INCREMENT[:-1] + b" startoffset 0\n"


def test_an_increment_alone_is_enough() -> None:
    disk = disk_with(incr=numbers(1), manifest=INCREMENT)
    assert recover(disk) == [1]
    assert disk.get(MANIFEST) == INCREMENT


def test_each_file_starts_in_database_0() -> None:
    disk = disk_with(base=numbers(1), incr=encode(push(2)), manifest=BASE + INCREMENT)
    with pytest.raises(AssertionError):  # the data set wants its commands in database 5
        recover(disk)


def test_a_missing_file_is_refused_by_name() -> None:
    disk = disk_with(base=b"", manifest=BASE + INCREMENT)
    with pytest.raises(AofError, match=r"appendonly.aof.1.incr.aof: is listed .* missing"):
        recover(disk)


def test_a_torn_base_is_refused_even_if_the_increment_is_empty() -> None:
    disk = disk_with(base=numbers(1)[:-1], incr=b"", manifest=BASE + INCREMENT)
    with pytest.raises(AofError, match="not the last file"):
        recover(disk)


def test_a_log_without_its_manifest_is_not_overwritten() -> None:
    disk = disk_with(base=numbers(1))
    with pytest.raises(AofError, match=r"manifest: missing or empty, but there is appendonly"):
        recover(disk)
    assert disk.get(DIRECTORY / "appendonly.aof.1.base.aof") == numbers(1)


@pytest.mark.parametrize("listed", [b"", b"file temp-old seq 1 type h\n"])
def test_leftovers_of_a_rewrite_go_and_the_rest_stays(listed: bytes) -> None:
    disk = disk_with(base=numbers(1), incr=numbers(2), manifest=BASE + INCREMENT + listed)
    leftovers = (
        "temp-appendonly.aof.manifest",
        "temp-appendonly.aof.incr",
        "temp-rewriteaof-2.aof",
        "temp-rewriteaof-bg-77.aof",
    )
    for name in (*leftovers, "temp-old", "mine.txt"):
        disk.put(DIRECTORY / name, b"x")
    assert recover(disk) == [1, 2]
    left = set(disk.names(DIRECTORY))
    assert not left & set(leftovers)
    assert "mine.txt" in left
    assert ("temp-old" in left) is (listed == b"")
    assert disk.get(MANIFEST) == BASE + INCREMENT


def test_a_file_from_before_redis_7_becomes_the_base() -> None:
    disk = disk_with(old=numbers(1, 2))
    assert recover(disk) == [1, 2]
    assert not disk.exists(OLD)
    assert disk.get(MANIFEST).startswith(b"file appendonly.aof seq 1 type b\n")
    assert recover(disk) == [1, 2]


def test_the_move_of_an_old_file_is_finished_if_it_was_interrupted() -> None:
    for step in range(12):
        disk = disk_with(old=numbers(1, 2))
        disk.kill(step)
        try:
            recover(disk)
        except BaseException:  # noqa: BLE001  # Killed
            pass
        assert recover(disk.after_kill()) == [1, 2]


def test_the_directory_of_the_log_may_have_the_name_of_its_files(tmp_path: Path) -> None:
    for _ in range(2):
        aof = AppendOnlyFile(tmp_path / "log", "log")
        aof.open()
        aof.start(0)
        aof.close(0)
    assert (tmp_path / "log" / "log.manifest").exists()


def test_an_old_file_beside_a_set_is_left_alone() -> None:
    disk = disk_with(old=numbers(9), base=numbers(1), incr=b"", manifest=BASE + INCREMENT)
    assert recover(disk) == [1]
    assert disk.get(OLD) == numbers(9)


def test_an_old_file_with_an_rdb_preamble_is_upgraded_as_any_other() -> None:
    disk = disk_with(old=b"REDIS0009\xff" + bytes(8) + numbers(1))
    assert recover(disk) == [1]
    assert OLD not in disk.names_now


def test_what_is_found_is_synced_before_it_is_gone_on_from() -> None:
    disk = disk_with(base=numbers(1), manifest=BASE + INCREMENT)
    fd = disk.create(DIRECTORY / "appendonly.aof.1.incr.aof")
    disk.write(fd, numbers(2))  # by a server that was killed then
    disk = disk.after_kill()
    assert recover(disk) == [1, 2]
    for seed in range(20):
        assert recover(disk.after_power_cut(Random(seed))) == [1, 2]


def test_the_directory_of_the_log_outlives_a_loss_of_power() -> None:
    disk = Disk()
    assert recover(disk) == []
    assert disk.directories_synced == {DIRECTORY}


def test_a_directory_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    from respq.effects.aof import AppendOnlyFile

    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(AofError, match="file/log"):
        AppendOnlyFile(tmp_path / "file" / "log").open()


def test_a_log_that_was_about_to_begin_with_a_snapshot_without_data_begins() -> None:
    disk = Disk()
    disk.put(DIRECTORY / "appendonly.aof.1.base.rdb", b"".join(write_dump([], {})))
    assert recover(disk) == []
    disk = Disk()
    keys = {b"key": StringValue(b"value")}
    disk.put(
        DIRECTORY / "appendonly.aof.1.base.rdb", b"".join(write_dump([Contents(0, keys.items(), 1, 0)], {}))
    )
    with pytest.raises(AofError, match=r"manifest: missing or empty, but there is appendonly"):
        recover(disk)
