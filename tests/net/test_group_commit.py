"""When a sync of the log begins: at once, or when those who have just been answered have asked again."""

from __future__ import annotations

from typing import cast

import pytest

from respq.effects.files import Files
from respq.net import group_commit
from respq.net.group_commit import GroupCommit
from respq.net.sending import Sender
from respq.state import Server
from tests.effects.syncers import ImmediateSyncer

MS = 1_000_000


class Moment:
    """A loop at some moment: how long it has been busy, how many replies wait, what time it is."""

    def __init__(self) -> None:
        self.now_ns = 1_000 * MS
        self.stats = self
        self.loop_us = 0
        self.replies_waiting = 0
        self.commit = GroupCommit(cast(Server, self), cast(Sender, self))
        self.syncer = ImmediateSyncer(Files())

    def is_due(self, replies: int, *, idle: bool = False, took_ms: float = 4) -> bool:
        """After a sync of so many ms."""
        self.replies_waiting, self.commit.idle = replies, idle
        self.syncer.took_ns = int(took_ms * MS)
        return self.commit.is_due(self.syncer)


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> Moment:
    moment = Moment()
    monkeypatch.setattr(group_commit, "stopwatch_ns", lambda: moment.now_ns)
    return moment


def test_somebody_alone_waits_for_nobody(moment: Moment) -> None:
    for _ in range(3):
        moment.now_ns += MS
        assert moment.is_due(1)
        assert not moment.commit.wants_a_look()


def test_several_wait_until_nothing_more_comes(moment: Moment) -> None:
    assert moment.is_due(3)
    moment.now_ns += 4 * MS
    for _ in range(2):
        assert not moment.is_due(2)
        assert moment.commit.wants_a_look()
        assert not moment.commit.wants_a_look(), "once a turn"
    assert moment.is_due(3, idle=True)
    assert not moment.commit.wants_a_look()


def test_they_wait_no_longer_than_a_sync_takes(moment: Moment) -> None:
    assert moment.is_due(3)
    moment.now_ns += 100 * MS
    assert not moment.is_due(3)
    moment.now_ns += 4 * MS - 1
    assert not moment.is_due(3)
    moment.now_ns += 1
    assert moment.is_due(3)
    moment.now_ns += 4 * MS
    assert not moment.is_due(3), "from then on"


def test_a_sync_that_took_very_long_makes_nobody_wait_as_long_again(moment: Moment) -> None:
    assert moment.is_due(3)
    moment.now_ns += 5_000 * MS
    assert not moment.is_due(3, took_ms=5_000)
    moment.now_ns += 5 * MS
    assert moment.is_due(3, took_ms=5_000)


def test_short_syncs_are_done_in_the_loop_when_nothing_more_comes(moment: Moment) -> None:
    def in_loop(took_ms: float) -> bool:
        moment.now_ns += MS
        moment.loop_us += 1_000
        assert moment.is_due(3, idle=True, took_ms=took_ms)
        return moment.syncer.in_loop

    assert not in_loop(0), "it is not known yet"
    assert [in_loop(took_ms) for took_ms in (0.2, 0.4, 9, 0.2)] == [True] * 4, "a single long one is none"
    assert [in_loop(0.71) for _ in range(30)][-1] is False
    assert [in_loop(0.69) for _ in range(30)][-2:] == [True, False], (
        "handed over it has waited for the loop, too"
    )
    assert [in_loop(0.49) for _ in range(30)][-1] is True
    moment.now_ns += MS
    assert not moment.is_due(3, took_ms=0.2), "however busy the loop is: that is the syncs"
    assert [in_loop(9) for _ in range(30)][-1] is False


def test_a_loop_that_is_busy_for_more_than_half_of_the_time_does_not_wait(moment: Moment) -> None:
    def sync(busy_us: int, *, idle: bool = False) -> bool:
        """10 ms after the one before."""
        moment.now_ns += 10 * MS
        moment.loop_us += busy_us
        return moment.is_due(3, idle=idle)

    def syncs(busy_us: int) -> None:
        assert all(sync(busy_us, idle=True) for _ in range(30))

    syncs(5_100)
    assert sync(5_100)
    syncs(4_600)
    assert sync(4_600), "a little less is no reason for another way"
    assert sync(4_300)
    assert sync(4_900), "nor is a single sync"
    syncs(4_400)
    assert not sync(4_400)
    syncs(4_900)
    assert not sync(4_900)
