"""`respq check`: what is wrong with a log, where, and what cutting it costs."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.process.servers import Run, Start
from tests.process.test_durability import command, increment

LOG = "respq-data/appendonlydir"
FIRST = command("SELECT", "0") + command("SET", "a", "1")


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
    base = log.with_name("appendonly.aof.1.base.aof")
    for place in ("respq-data", LOG, f"{LOG}/appendonly.aof.manifest"):
        done = run("check", place)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == (
            f"{base.relative_to(tmp_path)}: sound, 0 commands in 0 bytes\n"
            f"{log.relative_to(tmp_path)}: sound, 2 commands in {len(FIRST)} bytes\n"
        )


@pytest.mark.parametrize("tail", [command("SET", "b", "2")[:-3], command("MULTI") + command("SET", "b", "2")])
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
    log.write_bytes(FIRST + b"*1\r\n+PING\r\n" + command("SET", "b", "2"))
    done = run("check", str(log), "--fix")
    assert done.returncode == 0
    assert f"{log}: offset {len(FIRST) + 4}: " in done.stdout
    assert log.read_bytes() == FIRST


def test_only_the_last_file_is_cut(log: Path, run: Run, tmp_path: Path) -> None:
    base = log.with_name("appendonly.aof.1.base.aof")
    base.write_bytes(FIRST[:-1])
    for place in ("respq-data", str(base)):
        done = run("check", place, "--fix")
        assert done.returncode == 1
        assert "cannot be cut" in done.stderr
    assert base.read_bytes() == FIRST[:-1]
    base.unlink()
    done = run("check", "respq-data")
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        1,
        f"{base.relative_to(tmp_path)}: is listed in the manifest, but missing",
    )


def test_nothing_is_cut_under_a_server(start: Start, run: Run, tmp_path: Path) -> None:
    server = start()
    server.client.set("a", 1)
    path = increment(tmp_path)
    with path.open("ab") as file:
        file.write(b"*1\r\n")
    done = run("check", "respq-data", "--fix")
    assert done.returncode == 1
    assert "is in use by another server" in done.stderr
    assert path.read_bytes() == FIRST + b"*1\r\n"
    server.stop(signal.SIGKILL)
    assert run("check", "respq-data", "--fix").returncode == 0


def test_what_is_no_log_is_named(run: Run, tmp_path: Path) -> None:
    done = run("check", ".")
    assert (done.returncode, done.stdout) == (1, "")
    assert "looked for one appendonly.aof.manifest in it and below it, and found none" in done.stderr
    (tmp_path / "appendonly.aof.manifest").write_text("nonsense\n")
    done = run("check", "appendonly.aof.manifest")
    assert done.returncode == 1
    assert "appendonly.aof.manifest: line 1: " in done.stderr
    assert run("check", "nowhere").returncode == 2
