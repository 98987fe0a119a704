"""Deadlines against a plain dict of moments."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from respq.deadlines import Deadlines

SHIFT = 3
TICK_MS = 1 << SHIFT
ITEMS = st.sampled_from("abcdefgh")


def test_nothing_falls_due_before_its_time() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.add("a", 1000)
    assert deadlines.due(999, 10) == []
    assert not deadlines.has_due(1000)
    assert deadlines.due(1001, 10) == ["a"]
    assert deadlines.due(5000, 10) == []


def test_no_more_fall_due_at_once_than_asked_for() -> None:
    deadlines: Deadlines[int] = Deadlines(SHIFT)
    for item in range(100):
        deadlines.add(item, item)
    taken = [deadlines.due(1000, 30) for _ in range(5)]
    assert [len(part) for part in taken] == [30, 30, 30, 10, 0]
    assert sorted(item for part in taken for item in part) == list(range(100))


def test_earlier_moments_come_first() -> None:
    deadlines: Deadlines[str] = Deadlines()
    for item, at_ms in (("late", 300), ("early", 100), ("middle", 200)):
        deadlines.add(item, at_ms)
    assert deadlines.due(1000, 10) == ["early", "middle", "late"]


def test_what_was_cancelled_never_falls_due() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.add("a", 100)
    deadlines.add("b", 100)
    deadlines.discard("a", 100)
    deadlines.discard("b", 999)  # not its deadline: no effect
    assert deadlines.due(1000, 10) == ["b"]


def test_deadlines_far_apart_cost_about_a_hundred_bytes_each() -> None:
    items = [b"%d" % number for number in range(10_000)]
    tracemalloc.start()
    try:
        deadlines: Deadlines[bytes] = Deadlines(SHIFT)
        for at, item in enumerate(items):
            deadlines.add(item, at * 1_000_003)
        assert tracemalloc.get_traced_memory()[0] < 130 * len(items)
    finally:
        tracemalloc.stop()


def test_an_item_is_there_once_however_often_it_is_added() -> None:
    deadlines: Deadlines[str] = Deadlines(SHIFT)
    deadlines.add("a", 8)
    deadlines.add("a", 9)
    assert deadlines.due(100, 10) == ["a"]
    assert deadlines.due(100, 10) == []


def test_the_next_moment_is_known_although_earlier_ones_were_cancelled() -> None:
    deadlines: Deadlines[str] = Deadlines()
    assert deadlines.next_ms() is None
    deadlines.add("a", 100)
    deadlines.add("b", 200)
    deadlines.discard("a", 100)
    next_ms = deadlines.next_ms()
    assert next_ms is not None
    assert 200 <= next_ms <= 201
    deadlines.clear()
    assert deadlines.next_ms() is None


def test_cancelled_deadlines_leave_nothing_behind() -> None:
    deadlines: Deadlines[str] = Deadlines()
    for at_ms in range(100_000):
        deadlines.add("a", at_ms)
        deadlines.discard("a", at_ms)
    assert len(deadlines._heap) < 100
    assert not deadlines._buckets


class AgainstADict(RuleBasedStateMachine):
    """Each item has at most one deadline, as keys and clients do."""

    def __init__(self) -> None:
        super().__init__()
        self.deadlines: Deadlines[str] = Deadlines(SHIFT)
        self.model: dict[str, int] = {}
        self.now_ms = 0

    @rule(item=ITEMS, in_ms=st.integers(-20, 200))
    def set(self, item: str, in_ms: int) -> None:
        self.cancel(item)
        self.model[item] = max(0, self.now_ms + in_ms)
        self.deadlines.add(item, self.model[item])

    @rule(item=ITEMS)
    def cancel(self, item: str) -> None:
        if item in self.model:
            self.deadlines.discard(item, self.model.pop(item))

    @rule(ms=st.integers(0, 100), limit=st.integers(1, 5))
    def pass_time(self, ms: int, limit: int) -> None:
        self.now_ms += ms
        taken = self.deadlines.due(self.now_ms, limit)
        assert len(taken) <= limit
        for item in taken:
            assert self.model.pop(item) <= self.now_ms
        if len(taken) < limit:
            assert all(at_ms > self.now_ms - TICK_MS for at_ms in self.model.values())
            assert not self.deadlines.has_due(self.now_ms)

    @invariant()
    def the_next_moment_is_not_too_late(self) -> None:
        next_ms = self.deadlines.next_ms()
        if self.model:
            assert next_ms is not None
            assert next_ms <= min(self.model.values()) + TICK_MS


AgainstADict.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_deadlines_agree_with_a_dict = AgainstADict.TestCase


def test_the_first_is_known_without_taking_it() -> None:
    deadlines: Deadlines[bytes] = Deadlines(7)
    assert deadlines.first() is None
    for number in (5, 3, 9):
        deadlines.add(b"%d" % number, number * 1000)
    assert deadlines.first() == b"3"
    deadlines.discard(b"3", 3000)
    assert deadlines.first() == b"5"
    assert deadlines.due(5200, 10) == [b"5"]
    assert deadlines.first() == b"9"


def test_samples_are_of_what_is_there_and_of_all_of_it() -> None:
    deadlines: Deadlines[bytes] = Deadlines(7)
    rng = Random(1)
    assert list(deadlines.sample(rng, 5)) == []
    for number in range(20):
        deadlines.add(b"%d" % number, number // 2 * 1000)
    for number in range(10):
        deadlines.discard(b"%d" % number, number // 2 * 1000)
    seen = Counter(item for _ in range(200) for item in deadlines.sample(rng, 5))
    assert set(seen) == {b"%d" % number for number in range(10, 20)}
    assert max(seen.values()) < 3 * min(seen.values())
