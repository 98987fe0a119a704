"""A backup whose server is killed, whose power goes or whose disk fails, before each operation on the disk.

The log is what it has to be whatever becomes of the backup, and STATUS of the next server tells the truth: a
backup is sealed if everything that was answered before SEAL was is in it, or else it is not sealed.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

import pytest

from respq.effects.files import AofError, Files, SyncError
from respq.persistence import Persistence
from tests.conftest import DIRECTORY, Workbench
from tests.effects.disk import Disk, Killed
from tests.effects.model import LaterSnapshot
from tests.effects.syncers import SteppedSyncer
from tests.resp import OK, decoded

BACKUP = Path("/data/backupdir")
MODES = ("yes", "no")


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")


class Server:
    """A server on a disk. Starting takes no longer than it has to: the engine has been used before."""

    def __init__(self, disk: Files, appendonly: str, which: str = "first") -> None:
        self.engine = engine = bench(which)
        for db in engine.server.databases:
            db.clear()
        engine.server.waiting.queues.clear()
        engine.server.clients.clear()
        engine.server.eager.clear()
        engine.server.aof = None
        engine.server.config.appendonly = appendonly == "yes"
        engine.accept_writes()
        self.persistence = Persistence(engine, disk)
        self.persistence.take_snapshot = LaterSnapshot
        self.persistence.new_syncer = SteppedSyncer
        self.persistence.start(lambda: None)
        self.ann, self.bob = engine.peer(), engine.peer()

    def turn(self) -> bool:
        """The end of a turn of the loop; whether its output may leave."""
        now_ms = self.engine.clock.now_ms
        self.persistence.cron(now_ms)
        written = self.persistence.flush(now_ms)
        aof = self.engine.server.aof
        if aof is not None:
            aof.writer._syncer.wait()
        self.engine.clock.advance(100)
        return written

    def numbers(self) -> list[int]:
        return [int(number) for number in decoded(self.ann.send("LRANGE", "l", 0, -1))]

    def state(self) -> str:
        return str(decoded(self.ann.send("BACKUP", "STATUS"))[1])


@cache
def bench(_which: str) -> Workbench:
    engine = Workbench(dir="/data", appendfsync="no")
    engine.server.set_gate = lambda *_: None  # nobody is there to be refused while it loads
    return engine


class Life:
    """Numbers are pushed all the while that a backup is made, and one behind it."""

    def __init__(self, disk: Disk, appendonly: str) -> None:
        self.disk, self.appendonly = disk, appendonly
        self.pushed = self.answered = 0
        self.sealed = 0  # so many were answered when SEAL was

    def live(self) -> None:
        server = Server(self.disk, self.appendonly)
        self.push(server)
        server.ann.send("BACKUP", "START")
        for _ in range(4):
            self.push(server)  # until its base is pinned
        server.bob.send("BACKUP", "SEAL")
        for _ in range(3):
            self.push(server)
            if server.bob.take() == OK:
                self.sealed = self.answered
        self.push(server)
        server.persistence.close()

    def push(self, server: Server) -> None:
        if server.ann.send("RPUSH", "l", self.pushed).startswith(b":"):
            self.pushed += 1
        if server.turn():
            self.answered = self.pushed


def restored(disk: Disk) -> list[int]:
    """What a server has that starts on a copy of the backup."""
    copy = Disk()
    for name in disk.names(BACKUP):
        copy.put(DIRECTORY / name, disk.get(BACKUP / name))
    server = Server(copy, "yes", "second")
    found = server.numbers()
    server.persistence.close()
    return found


def look(life: Life, disk: Disk, *, promised: bool = True) -> None:
    """Start on what is left: the log is right, the backup is what STATUS says, and CLEANUP cleans."""
    server = Server(disk, life.appendonly)
    found, state = server.numbers(), server.state()
    kept = life.answered if life.appendonly == "yes" and promised else 0
    assert found == list(range(len(found)))
    assert kept <= len(found) <= life.pushed + 1
    left = disk.names(BACKUP)
    assert (state == "idle") == (not left)
    assert state in ("idle", "failed", "sealed")
    if life.sealed:
        assert state == "sealed"
    if state == "sealed":
        numbers = restored(disk)
        assert numbers == list(range(len(numbers)))
        assert life.sealed <= len(numbers) <= life.pushed + 1
    assert server.ann.send("BACKUP", "CLEANUP") == OK
    assert (server.state(), disk.names(BACKUP)) == ("idle", [])
    server.persistence.close()


@cache
def operations(appendonly: str) -> int:
    disk = Disk()
    life = Life(disk, appendonly)
    life.live()
    assert life.sealed
    return len(disk.operations)


def runs(appendonly: str, begin: str) -> Iterator[tuple[int, Disk, Life]]:
    """A life for each operation, which ends or fails there."""
    for step in range(operations(appendonly) + 1):
        disk = Disk()
        if begin == "kill":
            disk.kill(step)
        else:
            disk.fail(step, errno.ENOSPC if step % 2 else errno.EIO)
        yield step, disk, Life(disk, appendonly)


@pytest.mark.parametrize("appendonly", MODES)
def test_killed_or_without_power_before_any_step(appendonly: str) -> None:
    """What was not synced may be there or not, in part: that differs with the seed."""
    for step, disk, life in runs(appendonly, "kill"):
        try:
            life.live()
        except Killed:
            pass
        look(life, disk.after_kill())
        look(life, disk.after_power_cut(Random(step)), promised=False)


@pytest.mark.parametrize("appendonly", MODES)
def test_an_error_at_any_step(appendonly: str) -> None:
    for step, disk, life in runs(appendonly, "fail"):
        stopped: AofError | None = None
        try:
            life.live()
        except AofError as error:
            stopped = error
        disk.works()
        assert stopped is None or appendonly == "yes", (step, stopped)
        if not isinstance(stopped, SyncError):  # else only another boot may be trusted
            look(life, disk.after_kill())
