"""`respq check` and redis-check-rdb of 8.2.3 on the same files: sound, cut off, damaged."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest
import redis

from compat.rdb.data import fill
from compat.servers import reference_binary, start_redis
from respq.effects.check import Verdict, check_data
from respq.effects.files import Files

CUTS, FLIPS = 20, 30


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with redis-check-rdb and snapshots of a redis-server, with and without a checksum."""
    place = tmp_path_factory.mktemp("check")
    for checksum in ("yes", "no"):
        server = start_redis(place, rdbchecksum=checksum, dbfilename=f"{checksum}.rdb", save="")
        with redis.Redis(port=server.port) as client:
            fill(client, since_7_4=True)
            client.save()
        server.kill()
    shutil.copy(reference_binary(), place / "redis-check-rdb")  # under this name it is that tool
    return place


def theirs(place: Path, path: Path) -> tuple[bool, str]:
    """Whether redis-check-rdb finds a file sound, and what it says."""
    done = subprocess.run(
        [place / "redis-check-rdb", path], capture_output=True, text=True, errors="replace", check=False
    )
    return done.returncode == 0, done.stdout


def ours(path: Path) -> Verdict:
    _, [verdict] = check_data(Files(), path, "appendonly.aof", "dump.rdb", 0)
    return verdict


def counted(said: str) -> list[int]:
    """Keys, keys that expire, hashes whose fields expire."""
    return [int(re.search(rf"(\d+) {what}", said)[1]) for what in ("keys read", "expires", "subexpires")]


@pytest.mark.parametrize("checksum", ["yes", "no"])
def test_a_sound_file_is_counted_alike(place: Path, checksum: str) -> None:
    path = place / f"{checksum}.rdb"
    sound, said = theirs(place, path)
    verdict = ours(path)
    assert sound
    assert not verdict.problem
    assert verdict.census is not None
    census = verdict.census
    assert [census.keys, census.expiring, census.with_deadlines] == counted(said)
    assert census.dump is not None
    assert census.dump.verified is (checksum == "yes")
    assert census.dump.about[b"redis-ver"] == b"8.2.3"


def test_a_file_that_is_cut_off_is_refused_by_both(place: Path) -> None:
    data, path, rng = (place / "yes.rdb").read_bytes(), place / "cut.rdb", Random(5)
    for _ in range(CUTS):
        path.write_bytes(data[: rng.randrange(9, len(data))])
        assert not theirs(place, path)[0]
        assert ours(path).problem


@pytest.mark.parametrize("checksum", ["yes", "no"])
def test_nothing_that_redis_refuses_is_called_sound(place: Path, checksum: str) -> None:
    data, path, rng = (place / f"{checksum}.rdb").read_bytes(), place / "flipped.rdb", Random(6)
    for _ in range(FLIPS):
        damaged = bytearray(data)
        damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        sound, said = theirs(place, path)
        verdict = ours(path)
        assert sound or verdict.problem, said
        assert verdict.problem or checksum == "no"
