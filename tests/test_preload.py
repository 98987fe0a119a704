"""`preload-file`: what a server begins with, and that it never takes the place of data that are there."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from respq.config import Config, ConfigError
from respq.effects.files import AofError
from respq.rdb.file import write_dump
from tests.conftest import DIRECTORY, Data, Kept
from tests.effects.disk import Disk, Killed
from tests.resp import encode

MANIFEST = Path("/backup/jobs.aof.manifest")
PRELOAD = f"aof:{MANIFEST}"
LINES = b"file jobs.aof.7.base.rdb seq 7 type b\nfile jobs.aof.9.incr.aof seq 9 type i startoffset 5\n"
EXPECTED: Data = {
    0: {b"a": ([[b"SET", b"a", b"1"]], 0)},
    2: {b"l": ([[b"RPUSH", b"l", b"x", b"y"]], 0)},
}


@pytest.fixture
def disk() -> Disk:
    """A disk with a backup that has a base of nothing and an increment."""
    disk = Disk()
    disk.put(MANIFEST, LINES)
    disk.put(MANIFEST.with_name("jobs.aof.7.base.rdb"), b"".join(write_dump([], {})))
    increment = encode("SET", "a", 1) + encode("SELECT", 2) + encode("RPUSH", "l", "x", "y")
    disk.put(MANIFEST.with_name("jobs.aof.9.incr.aof"), increment)
    return disk


def backup_on(disk: Disk) -> dict[Path, bytes]:
    return {path: inode.data for path, inode in disk.names_now.items() if path.parent == MANIFEST.parent}


def refusal(disk: Disk, **directives: str) -> str:
    with pytest.raises(AofError) as caught:
        Kept(disk, **directives)
    return str(caught.value)


def test_a_backup_becomes_the_data_and_the_base_of_a_log(disk: Disk) -> None:
    before = backup_on(disk)
    kept = Kept(disk, **{"preload-file": PRELOAD})
    assert kept.data() == EXPECTED
    assert disk.names(DIRECTORY) == [
        "appendonly.aof.1.incr.aof", "appendonly.aof.dump.rdb", "appendonly.aof.manifest",
    ]  # fmt: skip
    kept.peer().send("SET", "b", 1)
    kept.written()
    assert kept.replays()  # without the directive
    assert backup_on(disk) == before


def test_without_a_log_too(disk: Disk) -> None:
    kept = Kept(disk, appendonly="no", **{"preload-file": PRELOAD})
    assert kept.data() == EXPECTED
    assert disk.names(DIRECTORY) == []


def test_a_single_file_of_a_log(disk: Disk) -> None:
    kept = Kept(disk, **{"preload-file": f"aof:{MANIFEST.with_name('jobs.aof.9.incr.aof')}"})
    assert kept.data() == EXPECTED


@pytest.mark.parametrize("appendonly", ["yes", "no"])
def test_a_snapshot(appendonly: str) -> None:
    before = Kept(appendonly="no")
    before.peer().send("SET", "a", 1)
    assert before.peer().send("SAVE") == b"+OK\r\n"
    disk = Disk()
    disk.put(Path("/backup/sunday.rdb"), before.disk.get(Path("/data/dump.rdb")))
    kept = Kept(disk, appendonly=appendonly, **{"preload-file": "rdb:/backup/sunday.rdb"})
    assert kept.data() == before.data()
    if appendonly == "yes":
        assert kept.replays()


def test_what_is_there_already_is_not_replaced(disk: Disk) -> None:
    kept = Kept(disk, **{"preload-file": PRELOAD})
    kept.peer().send("SET", "b", "acknowledged")
    kept.written()
    again = disk.after_kill()
    assert refusal(again, **{"preload-file": PRELOAD}) == (
        f"preload-file {MANIFEST}: {DIRECTORY}/appendonly.aof.manifest is there already. To load that, start"
        " without preload-file; to begin anew, move it away"
    )
    assert Kept(again).data() == kept.data()


def test_a_snapshot_that_is_there_already_is_not_passed_over(disk: Disk) -> None:
    disk.put(Path("/data/dump.rdb"), b"".join(write_dump([], {})))
    for appendonly in ("yes", "no"):
        assert "/data/dump.rdb is there already" in refusal(
            disk, appendonly=appendonly, **{"preload-file": PRELOAD}
        )
        assert Kept(disk.after_kill(), **{"preload-file": "rdb:/data/dump.rdb"}).data() == {}


def test_the_log_s_own_manifest_is_the_log(disk: Disk) -> None:
    kept = Kept(disk, **{"preload-file": PRELOAD})
    kept.peer().send("SET", "b", 1)
    kept.written()
    own = {"preload-file": f"aof:{DIRECTORY}/appendonly.aof.manifest"}
    assert Kept(disk.after_kill(), **own).data() == kept.data()


def test_debug_loadaof_loads_the_log(disk: Disk) -> None:
    kept = Kept(disk, **{"preload-file": PRELOAD, "enable-debug-command": "yes"})
    ann = kept.peer()
    ann.send("SET", "b", 1)
    assert ann.send("DEBUG", "LOADAOF") == b"+OK\r\n"
    assert b"b" in kept.data()[0]


def faulty(disk: Disk) -> Iterator[tuple[Disk, str, str]]:
    """Disks, what is to be loaded of them, and the complaint."""
    increment, missing = MANIFEST.with_name("jobs.aof.9.incr.aof"), "No such file or directory"
    for name, complaint in (
        ("aof:/backup/none.manifest", "preload-file: /backup/none.manifest is not there"),
        ("rdb:/backup/none.rdb", "preload-file: /backup/none.rdb is not there"),
        ("rdb:/backup", "preload-file: /backup is a directory: name the snapshot inside it"),
        (
            "aof:/backup",
            "preload-file: /backup is a directory: name the manifest, or one file of a log, inside it",
        ),
    ):
        yield disk.after_kill(), name, complaint
    data = disk.get(increment)
    for changed, complaint in (
        (data[:-1], f"{increment}: ends in the middle of a command or transaction that begins at offset"),
        (data + b"x", f"{increment}: offset {len(data)}: "),
    ):
        other = disk.after_kill()
        other.put(increment, changed)
        yield other, PRELOAD, complaint
    other = disk.after_kill()
    other.remove(increment)
    yield other, PRELOAD, f"cannot load /backup/jobs.aof.manifest: {missing}"


def test_what_cannot_be_loaded_keeps_the_server_from_starting_and_is_not_touched(disk: Disk) -> None:
    for changed, source, complaint in faulty(disk):
        before = backup_on(changed)
        assert complaint in refusal(changed, **{"preload-file": source})
        assert backup_on(changed) == before
        assert Kept(changed, **{"preload-file": "rdb:/backup/jobs.aof.7.base.rdb"}).data() == {}


def begun(disk: Disk) -> Kept:
    """The server that starts with the directive; if that has had its effect already, without it."""
    has_begun = disk.exists(DIRECTORY / "appendonly.aof.manifest")
    return Kept(disk, **({} if has_begun else {"preload-file": PRELOAD}))


def test_killed_or_failed_at_any_step_it_begins_again_or_has_begun(disk: Disk) -> None:
    whole = disk.after_kill()
    begun(whole)
    for step in range(len(whole.operations)):
        broken = disk.after_kill()
        if step % 3:
            broken.kill(step)
        else:
            broken.fail(step, errno.ENOSPC)
        try:
            begun(broken)
        except (Killed, AofError):
            pass
        assert begun(broken.after_kill()).data() == EXPECTED, step


@pytest.mark.parametrize("value", ["dump.rdb", "rdb:", "AOF:x", "tar:/x"])
def test_a_value_of_another_form_is_refused(value: str) -> None:
    with pytest.raises(
        ConfigError, match="argument must be aof:<manifest or log file> or rdb:<snapshot file>"
    ):
        Config().set({"preload-file": value}, at_start=True)
