"""`respq check`: what is wrong with a log, where, and what cutting it costs."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from respq.datatypes.hashes import HashValue
from respq.datatypes.sets import SetValue
from respq.datatypes.strings import StringValue
from respq.rdb.file import Contents, write_dump
from tests.process.servers import Run, Start
from tests.process.test_durability import increment
from tests.resp import encode

LOG = "respq-data/appendonlydir"
FIRST = encode("SELECT", "0") + encode("SET", "a", "1")


@pytest.fixture
def log(start: Start, tmp_path: Path) -> Path:
    """The last file of the log of a server that has been there."""
    server = start()
    server.client.set("a", 1)
    server.stop()
    path = increment(tmp_path)
    assert path.read_bytes() == FIRST
    return path


def test_a_sound_log_is_said_to_be_sound(log: Path, run: Run, tmp_path: Path) -> None:
    base = log.with_name("appendonly.aof.1.base.rdb")
    size = base.stat().st_size
    for place in ("respq-data", LOG, f"{LOG}/appendonly.aof.manifest"):
        done = run("check", place)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == (
            f"{base.relative_to(tmp_path)}: sound, 0 keys in {size} bytes\n"
            "  version 12 of the format, by Redis 8.2.3; checksum right\n"
            f"{log.relative_to(tmp_path)}: sound, 2 commands in {len(FIRST)} bytes\n"
        )


def test_a_backup_beside_the_log_is_checked_when_it_is_named(log: Path, run: Run) -> None:
    backup = log.parent.with_name("backupdir")
    backup.mkdir()
    (backup / "appendonly.aof.1.incr.aof").write_bytes(FIRST * 2)
    listed = b"file appendonly.aof.1.incr.aof seq 1 type i\n"
    (backup / "appendonly.aof.manifest").write_bytes(b"#respq backup start 5 end 6\n" + listed)
    assert f"2 commands in {len(FIRST)} bytes" in run("check", "respq-data").stdout
    assert f"4 commands in {2 * len(FIRST)} bytes" in run("check", str(backup)).stdout
    (backup / "appendonly.aof.manifest").write_bytes(listed)
    assert "has more than one appendonly.aof.manifest" in run("check", "respq-data").stderr


@pytest.mark.parametrize("tail", [encode("SET", "b", "2")[:-3], encode("MULTI") + encode("SET", "b", "2")])
def test_a_torn_end_is_told_and_cut_on_demand(
    log: Path, run: Run, start: Start, tmp_path: Path, tail: bytes
) -> None:
    log.write_bytes(FIRST + tail)
    done = run("check", "respq-data")
    assert done.returncode == 1
    assert f"that begins at offset {len(FIRST)}\n" in done.stdout
    assert "--fix would cut off" in done.stderr
    assert log.read_bytes() == FIRST + tail
    done = run("check", "respq-data", "--fix")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f": cut off {len(tail)} bytes behind 2 commands\n") or b"MULTI" in tail
    assert log.read_bytes() == FIRST
    assert run("check", str(log)).returncode == 0
    assert start("--aof-load-truncated", "no").client.get("a") == "1"


def test_damage_is_told_with_its_offset(log: Path, run: Run) -> None:
    log.write_bytes(FIRST + b"*1\r\n+PING\r\n" + encode("SET", "b", "2"))
    done = run("check", str(log), "--fix")
    assert done.returncode == 0
    assert f"{log}: offset {len(FIRST) + 4}: " in done.stdout
    assert log.read_bytes() == FIRST


def test_only_the_last_file_is_cut(log: Path, run: Run, tmp_path: Path) -> None:
    base = log.with_name("appendonly.aof.1.base.rdb")
    for torn in (FIRST[:-1], base.read_bytes()[:-1]):
        base.write_bytes(torn)
        for place in ("respq-data", str(base)):
            done = run("check", place, "--fix")
            assert done.returncode == 1
            assert done.stderr.endswith(": restore it from a backup\n")
            assert f"{base.name}: is not cut, because another file of the log follows it" in done.stderr
        assert base.read_bytes() == torn
    base.unlink()
    done = run("check", "respq-data")
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        1,
        f"{base.relative_to(tmp_path)}: is listed in the manifest, but missing",
    )


def test_a_file_of_which_nothing_can_be_read_is_cut_only_if_it_is_known_to_be_of_a_log(
    log: Path, run: Run, tmp_path: Path
) -> None:
    """A snapshot whose first byte is wrong, a backup that is compressed, a file given by mistake."""
    whole = log.with_name("appendonly.aof.1.base.rdb").read_bytes()
    for name, data in (("dump.rdb", b"S" + whole[1:]), ("dump.rdb", b""), ("backup.gz", b"\x1f\x8b\x08")):
        path = tmp_path / name
        path.write_bytes(data)
        done = run("check", name, "--fix")
        assert done.returncode == 1
        assert f"{name}: is not cut, because " in done.stderr
        assert path.read_bytes() == data
    log.write_bytes(b"x" + FIRST)
    assert run("check", "respq-data", "--fix").returncode == 0
    assert log.read_bytes() == b""


def test_nothing_is_cut_under_a_server(start: Start, run: Run, tmp_path: Path) -> None:
    server = start()
    server.client.set("a", 1)
    path = increment(tmp_path)
    with path.open("ab") as file:
        file.write(b"*1\r\n")
    for place, named in ((tmp_path, "respq-data"), (path.parent, "."), (path.parent, path.name)):
        done = run("check", named, "--fix", place=place)
        assert done.returncode == 1
        assert "is in use by another server" in done.stderr
    assert path.read_bytes() == FIRST + b"*1\r\n"
    server.stop(signal.SIGKILL)
    assert run("check", "respq-data", "--fix").returncode == 0


def test_what_is_no_log_is_named(run: Run, tmp_path: Path) -> None:
    done = run("check", ".")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        "looked for appendonly.aof.manifest in it and below it, and for dump.rdb, and found neither"
        in done.stderr
    )
    (tmp_path / "x.rdb").write_text("nonsense\n")
    assert "x.rdb: offset 0: at its beginning: is no RDB file\n" in run("check", "x.rdb").stdout
    (tmp_path / "appendonly.aof.manifest").write_text("nonsense\n")
    done = run("check", "appendonly.aof.manifest")
    assert done.returncode == 1
    assert "appendonly.aof.manifest: line 1: " in done.stderr
    assert run("check", "nowhere").returncode == 2
    assert run("check", "/dev/null").stderr == "respq: /dev/null: Not a regular file\n"


def test_a_log_whose_manifest_is_gone_is_not_passed_over(log: Path, run: Run, tmp_path: Path) -> None:
    """No server starts on it, whatever snapshot stands beside it."""
    (tmp_path / "respq-data" / "dump.rdb").write_bytes(b"".join(write_dump([], {})))
    manifest = log.with_name("appendonly.aof.manifest")
    said = (
        f"{manifest.relative_to(tmp_path)}: missing or empty, but there is {log.name}; restore the manifest,"
        " or move the file away to start without its data"
    )
    manifest.unlink()
    for place in ("respq-data", LOG):
        done = run("check", place, "--fix")
        assert (done.returncode, done.stdout.splitlines()[0]) == (1, said)
        assert done.stderr.endswith("restore it from a backup\n")
    assert run("serve", "--port", "0", "--unixsocket", "s").stderr.endswith(f"/{said}\n")


def test_a_snapshot_is_checked_beside_the_log_and_alone(log: Path, run: Run, tmp_path: Path) -> None:
    snapshot = tmp_path / "respq-data" / "kept.rdb"
    keys = {b"a": StringValue(b"1"), b"b": SetValue(), b"h": HashValue()}
    keys[b"a"].expires_ms = 1
    keys[b"b"].add([b"m"])
    keys[b"h"].set_all([b"f", b"v"])
    keys[b"h"].expire(b"f", 4_000_000_000_000)
    data = b"".join(write_dump([Contents(0, keys.items(), 3, 1)], {b"valkey-ver": b"9.0"}))
    snapshot.write_bytes(data)
    said = (
        f"sound, 3 keys in {len(data)} bytes\n"
        "  version 12 of the format, by Redis 9.0; checksum right\n"
        "  keys by type: hash 1, set 1, string 1\n"
        "  keys that expire: 1, of which the time has come: 1; hashes with fields that expire: 1\n"
    )
    assert run("check", str(snapshot)).stdout == f"{snapshot}: {said}"
    done = run("check", "respq-data", "--dbfilename", "kept.rdb")
    assert done.returncode == 0
    assert done.stdout.endswith(f"{snapshot.relative_to(tmp_path)}: {said}")
    snapshot.write_bytes(data + b"more")
    assert "; 4 bytes behind its end, which no server reads\n" in run("check", str(snapshot)).stdout


@pytest.mark.parametrize("place", ["respq-data", "respq-data/dump.rdb"])
def test_a_damaged_snapshot_is_told_with_its_offset_and_never_cut(
    log: Path, run: Run, tmp_path: Path, place: str
) -> None:
    snapshot = tmp_path / "respq-data" / "dump.rdb"
    data = b"".join(write_dump([Contents(0, [(b"key", StringValue(b"v" * 100))], 1, 0)], {}))
    snapshot.write_bytes(data[:60])
    done = run("check", place, "--fix")
    assert done.returncode == 1
    assert "respq-data/dump.rdb: offset 9: in the string under b'key': " in done.stdout
    assert snapshot.read_bytes() == data[:60]


def test_what_is_torn_behind_a_snapshot_that_begins_a_log_is_cut(log: Path, run: Run) -> None:
    """As Redis 4 to 6 wrote it: a snapshot and commands in one file."""
    begun = b"".join(write_dump([Contents(0, [(b"key", StringValue(b"v"))], 1, 0)], {})) + FIRST
    log.write_bytes(begun + b"*1\r\n")
    done = run("check", "respq-data", "--fix")
    assert done.returncode == 0
    assert done.stdout.endswith(": cut off 4 bytes behind 2 commands\n")
    assert log.read_bytes() == begun
    assert f"sound, 1 key and 2 commands in {len(begun)} bytes\n" in run("check", str(log)).stdout
