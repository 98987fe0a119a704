"""Thousands of ends of a server: killed, without power, with a disk that fails. See `life`.

A failure names its seed, which is then run alone by

    SIMULATION_SEED=17 pytest tests/simulation/test_lives.py -k "killed"

SIMULATION_SEEDS=1000 runs more of each kind than CI does.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

import pytest

from respq.effects import manifest
from respq.effects.aof import AppendOnlyFile
from respq.effects.files import AofError, Files, SyncError
from respq.effects.logset import LogSet
from respq.effects.rewrite import Rewrite
from respq.effects.snapshot import Check, Pieces
from respq.effects.writer import LogWriter
from respq.net.server import Loop
from tests.effects.disk import Disk
from tests.effects.syncers import SteppedSyncer
from tests.simulation.life import End, Errors, Life, Recovery

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "0"))
ALONE = os.environ.get("SIMULATION_SEED")
LIVES = 3  # one after the other, on what one of the moments of the one before left
POLICIES = ("always", "everysec", "no")
WITH_LOG, WITHOUT = {"appendonly": "yes"}, {"appendonly": "no", "save": ""}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("respq.net.server._collect_garbage", lambda: None)


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")


def seeds(number: int) -> Iterator[int]:
    return iter([int(ALONE)] if ALONE else range(SEEDS or number))


def drawn(random: Random) -> dict[str, str]:
    """When the log is synced, and how a rewrite writes its base."""
    return {
        "appendfsync": random.choice(POLICIES),
        "aof-use-rdb-preamble": random.choice(("yes", "no")),
    }


def killed_or_without_power(seed: int, recovery: Recovery) -> None:
    """Lives with a log; each moment of each may be its end."""
    random, end = Random(seed), None
    for _ in range(LIVES):
        life = Life(recovery, random, end, **WITH_LOG, **drawn(random))
        life.live(5)
        if random.random() < 0.3:
            life.end()
        end = random.choice(life.ends) if life.ends else None


def with_snapshots(seed: int, recovery: Recovery) -> None:
    """The same without a log: what SAVE and BGSAVE have written is there."""
    random, end = Random(seed), None
    for _ in range(LIVES):
        life = Life(recovery, random, end, **WITHOUT)
        life.live(8)
        end = random.choice(life.ends) if life.ends else None


def with_errors(seed: int, recovery: Recovery, only: str | None = None) -> None:
    """A life in which the disk fails: once, or for a while, at anything or at one kind of operation."""
    random = Random(seed)
    directives = random.choice((WITH_LOG, WITH_LOG, WITHOUT)) | drawn(random)
    life = Life(recovery, random, **directives)
    life.thinned = 3
    life.errors = Errors(
        first=random.randrange(60),
        number=random.choice((1, 1, 3, 20)),
        code=random.choice((errno.EIO, errno.ENOSPC)),
        only=random.choice(("", "", "write", "write", "sync", "temp", "rename", "create"))
        if only is None
        else only,
    )
    try:
        life.live(12)
        life.end()
    except AofError as error:
        life.fail()
        if isinstance(error, SyncError):
            return  # the kernel shows what will never be safe: only another boot may be trusted
    end = life.ends[-1] if life.ends else End(life.disk.after_kill(), life.done, life.safe, life.now_ms)
    Life(recovery, random, end, **directives).live(3)


KINDS = {
    "killed or without power": (killed_or_without_power, 32),
    "with snapshots": (with_snapshots, 20),
    "with errors": (with_errors, 60),
}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_ends_the_server_what_was_promised_is_there(kind: str) -> None:
    live, number = KINDS[kind]
    recovery = Recovery()
    for seed in seeds(number):
        try:
            live(seed, recovery)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error
    assert ALONE or recovery.uses > 10 * number


# -- it can fail -----------------------------------------------------------------------------------
# Each of these is a mistake that somebody could make in the code under test; some lives have to show it.

Plant = Callable[[pytest.MonkeyPatch], None]


def no_sync_of_directories(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Disk, "sync_directory", lambda self, path: self._step("sync_directory"))


def a_manifest_renamed_before_it_is_synced(patch: pytest.MonkeyPatch) -> None:
    def store(files: Files, path: Path, new: manifest.Manifest) -> None:
        temporary = path.with_name(f"temp-{path.name}")
        fd = files.create(temporary)
        files.write(fd, new.format())
        files.rename(temporary, path)
        files.sync_directory(path.parent)
        files.datasync(fd)
        files.close(fd)

    patch.setattr(manifest, "store", store)


def write_unsynced(files: Files, path: Path, pieces: Pieces, _check: Check) -> None:
    fd = files.create(path)
    for piece in pieces():
        files.write(fd, piece)
    files.close(fd)


def a_base_in_the_manifest_before_it_is_synced(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("respq.effects.logset.write_pieces", write_unsynced)
    patch.setattr("tests.effects.model.write_pieces", write_unsynced)


def a_snapshot_renamed_before_it_is_synced(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("respq.dumps.write_pieces", write_unsynced)
    patch.setattr("tests.effects.model.write_pieces", write_unsynced)


def answers_that_do_not_wait_for_the_sync(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LogWriter, "safe", property(lambda self: self.written))


def answers_that_do_not_wait_for_the_write(patch: pytest.MonkeyPatch) -> None:
    write_log = Loop._write_log

    def send_first(self: Loop, now_ms: int) -> None:
        self.sender.send_all()
        write_log(self, now_ms)

    patch.setattr(Loop, "_write_log", send_first)


def a_sync_that_covers_what_came_while_it_ran(patch: pytest.MonkeyPatch) -> None:
    def end(self: SteppedSyncer, failure: SyncError | None) -> None:
        end_as_ever(self, failure)
        self.synced += 1 << 20

    end_as_ever = SteppedSyncer._end
    patch.setattr(SteppedSyncer, "_end", end)


def a_failed_sync_tried_again(patch: pytest.MonkeyPatch) -> None:
    def forget(self: LogWriter) -> None:
        self._failure = self._syncer.failure = None

    patch.setattr(LogWriter, "_raise_failure", forget)


def history_deleted_before_the_manifest_stands(patch: pytest.MonkeyPatch) -> None:
    adopt = Rewrite._adopt

    def delete_first(self: Rewrite) -> bool:
        for file in self._set.manifest.files:
            if file.name != self._increment.name:
                self._files.remove(self._set.path(file))
        return adopt(self)

    patch.setattr(Rewrite, "_adopt", delete_first)


def an_increment_begun_before_the_last_is_synced(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LogWriter, "sync", lambda self: None)
    patch.setattr(LogWriter, "sync_behind", lambda self, now_ms: True)


def a_log_that_is_not_synced_when_it_is_found(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LogSet, "settle", lambda self: None)


def the_buffer_dropped_by_a_failed_write(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LogWriter, "_undo", lambda self, data, done: self._buffer.clear())


def a_partial_write_that_is_not_cut_off(patch: pytest.MonkeyPatch) -> None:
    def undo(self: LogWriter, data: bytes, _done: int) -> None:
        self._buffer[:] = [data]

    patch.setattr(LogWriter, "_undo", undo)


def effects_logged_in_another_order(patch: pytest.MonkeyPatch) -> None:
    flush = AppendOnlyFile.flush

    def turned_round(self: AppendOnlyFile, now_ms: int) -> bool:
        self.writer._buffer.reverse()
        return flush(self, now_ms)

    patch.setattr(AppendOnlyFile, "flush", turned_round)


CUT, SAVED = killed_or_without_power, with_snapshots
WRITES_FAIL, SYNCS_FAIL = partial(with_errors, only="write"), partial(with_errors, only="sync")
PLANTS: dict[Plant, Callable[[int, Recovery], None]] = {
    no_sync_of_directories: CUT,
    a_manifest_renamed_before_it_is_synced: CUT,
    a_base_in_the_manifest_before_it_is_synced: CUT,
    a_snapshot_renamed_before_it_is_synced: SAVED,
    answers_that_do_not_wait_for_the_sync: CUT,
    answers_that_do_not_wait_for_the_write: CUT,
    a_sync_that_covers_what_came_while_it_ran: CUT,
    a_failed_sync_tried_again: SYNCS_FAIL,
    history_deleted_before_the_manifest_stands: CUT,
    an_increment_begun_before_the_last_is_synced: CUT,
    a_log_that_is_not_synced_when_it_is_found: CUT,
    the_buffer_dropped_by_a_failed_write: WRITES_FAIL,
    a_partial_write_that_is_not_cut_off: WRITES_FAIL,
    effects_logged_in_another_order: CUT,
}


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_planted_mistake_is_found(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    live, recovery = PLANTS[plant], Recovery()
    for seed in range(200):
        try:
            live(seed, recovery)
        except (AssertionError, AofError):
            print(f"seed {seed}")
            return
    pytest.fail("nobody noticed")
