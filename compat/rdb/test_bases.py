"""Logs that begin with a snapshot, as Redis keeps them by default: written here, loaded by redis-server."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import redis

from compat.rdb.data import fill
from compat.rdb.test_files import seen
from compat.servers import reference_binary, start_redis, start_respq

FORMS = {"yes": "rdb", "no": "aof"}


def log_of(directory: Path) -> Path:
    return directory / "appendonlydir"


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in log_of(directory).iterdir())


def check_aof(tmp_path: Path) -> str:
    """What redis-check-aof of 8.2.3 says of the log."""
    tool = tmp_path / "redis-check-aof"  # redis-server under this name is that tool
    shutil.copy(reference_binary(), tool)
    manifest = log_of(tmp_path) / "appendonly.aof.manifest"
    done = subprocess.run([tool, manifest], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("form", FORMS)
def test_the_files_have_the_names_that_redis_gives_them(form: str, tmp_path: Path) -> None:
    found = []
    for start in (start_redis, start_respq):
        directory = tmp_path / start.__name__
        directory.mkdir()
        server = start(directory, appendonly="yes", aof_use_rdb_preamble=form)
        try:
            before = names(directory)
            server.rewrite_log()
        finally:
            server.stop()
        found.append((before, names(directory)))
    assert found[0] == found[1]
    assert f"appendonly.aof.2.base.{FORMS[form]}" in found[1][1]


@pytest.mark.parametrize("form", FORMS)
def test_redis_loads_what_a_rewrite_wrote_and_what_came_after_it(form: str, tmp_path: Path) -> None:
    server = start_respq(tmp_path, aof_use_rdb_preamble=form)
    with redis.Redis(port=server.port) as client:
        fill(client, since_7_4=True)
        server.rewrite_log()
        client.rpush("later", "a", "b")
        client.select(3)
        client.rpush("later", "c")
    server.stop()
    assert (log_of(tmp_path) / f"appendonly.aof.2.base.{FORMS[form]}").exists()
    assert "All AOF files and manifest are valid" in check_aof(tmp_path)
    before = seen(start_respq(tmp_path))
    assert len(before) > 60
    after = seen(start_redis(tmp_path, appendonly="yes"))
    if form == "yes":  # commands do not say when consumers were there
        assert after == before
    assert after.keys() == before.keys()


def beyond_the_format(client: redis.Redis) -> list[bytes]:
    """A stream that remembers messages of producers, and in a group an entry that is nobody's; the IDs."""
    ids = [client.execute_command(*f"XADD s IDMP producer {name} * f v".split()) for name in ("m", "n")]
    client.execute_command(*["XGROUP", "CREATE", "s", "g", "0"])
    client.execute_command(*["XREADGROUP", "GROUP", "g", "ann", "STREAMS", "s", ">"])
    client.execute_command(*["XNACK", "s", "g", "FAIL", "IDS", "1"], ids[1])
    return ids


def pending(client: redis.Redis) -> list[tuple[bytes, bytes, bool, int]]:
    """Entry, consumer, whether it is overdue by decades, deliveries."""
    return [
        (each["message_id"], each["consumer"], each["time_since_delivered"] > 1e12, each["times_delivered"])
        for each in client.xpending_range("s", "g", "-", "+", 9)
    ]


@pytest.mark.parametrize("how", ["yes", "no", "SAVE"])
def test_what_the_format_has_no_place_for_comes_back_and_redis_passes_over_it(
    how: str, tmp_path: Path
) -> None:
    log = {"appendonly": "no"} if how == "SAVE" else {"appendonly": "yes", "aof_use_rdb_preamble": how}
    server = start_respq(tmp_path, **log)
    with redis.Redis(port=server.port) as client:
        first, second = beyond_the_format(client)
        if how == "SAVE":
            client.save()
        else:
            server.rewrite_log()
    server.kill()
    theirs = start_redis(tmp_path, **log)
    with redis.Redis(port=theirs.port) as client:
        assert client.xlen("s") == 2
        assert pending(client) == [(first, b"ann", False, 1), (second, b"ann", True, 1)]
    theirs.kill()
    assert "nrecognized" not in theirs.log_path.read_text()
    again = start_respq(tmp_path, **log)
    try:
        with redis.Redis(port=again.port) as client:
            assert client.execute_command(*["XADD", "s", "IDMP", "producer", "m", "*", "f", "v"]) == first
            assert client.xlen("s") == 2
            assert [entry[:2] for entry in pending(client)] == [(first, b"ann"), (second, b"")]
    finally:
        again.stop()
