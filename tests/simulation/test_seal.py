"""BACKUP SEAL in the real loop: what was answered up to the turn of the seal is in the backup."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from random import Random

import pytest

from tests.effects.disk import Disk
from tests.resp import encode
from tests.simulation.life import MANIFEST, Recovery
from tests.simulation.machine import NOTHING, Machine, Peer

BACKUP = Path("/data/backupdir")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("respq.net.server._collect_garbage", lambda: None)


def answers(peer: Peer) -> list[object]:
    """What a client has been answered since the last look."""
    return list(iter(peer.replies.gets, NOTHING))


def restored(disk: Disk, recovery: Recovery) -> int:
    """How many marks a server has that starts on a copy of the backup."""
    copy = Disk()
    for name in disk.names(BACKUP):
        copy.put(MANIFEST.with_name(name), disk.get(BACKUP / name))
    return len(recovery.marks(copy, with_log=True))


def seal_amid_pushes(seed: int, appendonly: str, appendfsync: str, recovery: Recovery) -> None:
    random, disk = Random(seed), Disk()
    machine = Machine(disk, 1_700_000_000_000, random, appendonly=appendonly, appendfsync=appendfsync)
    producers, operator = [machine.connect() for _ in range(3)], machine.connect()
    numbers, acknowledged = count(), 0
    said: list[object] = []

    def turn(*words: str) -> None:
        """Somebody pushes, the operator says something, time goes by."""
        nonlocal acknowledged
        for producer in producers:
            pushes = [encode("RPUSH", "marks", f"a{next(numbers)}") for _ in range(random.choice((0, 1, 6)))]
            if pushes:
                producer.sent.append(b"".join(pushes))
        if words:
            operator.sent.append(encode(*words))
        machine.tick(random.choice((0, 1, 100)))
        if random.random() < 0.5:
            machine.end_sync()
        for producer in producers:
            acknowledged += len(answers(producer))
        said.extend(answers(operator))

    turn("BACKUP", "START")
    while machine.engine.server.backup.state != "incrementing":
        turn()
    turn("BACKUP", "SEAL")
    while machine.engine.server.backup.state != "sealed":
        turn()
    assert restored(disk, recovery) >= acknowledged > 0
    while len(said) < 2:  # sockets take replies in pieces
        turn()
    assert said == [b"OK", b"OK"]
    machine.close()


@pytest.mark.parametrize(
    ("appendonly", "appendfsync"), [("yes", "always"), ("yes", "everysec"), ("no", "everysec")]
)
def test_nothing_that_was_answered_before_the_seal_is_missing(appendonly: str, appendfsync: str) -> None:
    recovery = Recovery()
    for seed in range(6):
        seal_amid_pushes(seed, appendonly, appendfsync, recovery)
