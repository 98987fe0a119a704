"""Shards against a dict: growing, shrinking, scanned meanwhile, sampled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from respq.datatypes import shards as shards_module
from respq.datatypes.shards import Shards

VALUES = st.sampled_from([b"", b"x", b"field:1", b"\xc3\xa9", b"\xfe", b"\xff", b"y" * 120, b"z" * 200])


def field(n: int) -> bytes:
    """Some fields end as others do, and some hold bytes that packed ones may not hold."""
    return b"field:%d" % n if n % 50 else b"\xfffield:%d\xfe" % n


class ShardsMachine(RuleBasedStateMachine):
    """Fields come and go in hundreds, so that shards are split and joined; a scan goes on meanwhile.

    Some steps pack a part of it, whatever can be packed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.model = {field(n): b"old" for n in range(0, 1000, 2)}
        self.shards = Shards(self.model.copy())
        self.scanned: set[bytes] = set()
        self.stayed: set[bytes] = set()
        self.cursor = 0

    @rule(first=st.integers(0, 2000), count=st.integers(1, 700), data=VALUES)
    def put(self, first: int, count: int, data: bytes) -> None:
        fields = [field(n) for n in range(first, first + count)]
        new = [one not in self.model for one in fields]
        assert self.shards.put_each(fields, [data] * count) == new
        self.model.update(dict.fromkeys(fields, data))

    @rule(first=st.integers(0, 2000), count=st.integers(1, 1500))
    def pop(self, first: int, count: int) -> None:
        for n in range(first, first + count):
            assert self.shards.pop(field(n)) == self.model.pop(field(n), None)
            self.stayed.discard(field(n))

    @rule(count=st.integers(1, 300))
    def scan(self, count: int) -> None:
        if not self.cursor:
            self.scanned, self.stayed = set(), set(self.model)
        self.cursor, found = self.shards.scan(self.cursor, count)
        assert set(found) <= self.model.keys()
        self.scanned.update(found)
        if not self.cursor:
            assert self.stayed <= self.scanned

    @rule(limit=st.sampled_from([1, 100, 5000]))
    def pack(self, limit: int) -> None:
        if not self.shards.pack(limit):
            assert self.shards.is_packed

    @rule()
    def go_on_with_a_copy(self) -> None:
        before, self.shards = self.shards, self.shards.copy()
        before.update([(b"only", b"there")])
        assert b"only" not in self.shards

    @invariant()
    def agree(self) -> None:
        self.shards.check()
        assert len(self.shards) == len(self.model)
        assert self.shards == self.model
        assert sorted(self.shards) == sorted(self.model)
        assert sorted(self.shards.values()) == sorted(self.model.values())
        for n in range(0, 2000, 7):
            assert self.shards.get(field(n)) == self.model.get(field(n))


TestShards = ShardsMachine.TestCase


@pytest.fixture(autouse=True)
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dict of hundreds of fields is divided over several calls, too, and packed in batches."""
    monkeypatch.setattr(shards_module, "_MOVED", 100)
    monkeypatch.setattr(shards_module, "_SPENT", 150)


TestShards.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def packed(fields: dict[bytes, bytes]) -> Shards:
    shards = Shards(fields)
    while shards.pack(1000):
        pass
    return shards


def test_a_field_is_looked_up_as_in_a_dict() -> None:
    shards = Shards({b"a": b"1"})
    for _ in range(2):
        assert shards[b"a"] == shards.get(b"a") == b"1"
        assert b"a" in shards
        shards.scan(0, 10)  # divides
    assert b"b" not in shards
    assert shards.get(b"b") is None
    with pytest.raises(KeyError):
        shards[b"b"]
    assert shards.pop(b"b") is None


def test_only_a_whole_field_is_found() -> None:
    shards = packed({b"a%d" % n: b"b%d" % n for n in range(1000)} | {b"": b"nothing"})
    assert shards[b""] == b"nothing"
    for absent in (b"b1", b"1", b"a", b"a1\xfeb1", b"a1\xfeb1\xffa2", b"\xff", b"\xfe", b"a1000"):
        assert absent not in shards
        assert shards.pop(absent) is None


def test_what_cannot_be_packed_stays_and_does_not_hinder_the_others() -> None:
    shards = packed({field(n): b"x" for n in range(1000)})
    assert sum(isinstance(shard, dict) for shard in shards._shards) < len(shards._shards)
    shards.put(b"long", b"x" * 1000)
    shards.put(b"field:1", b"\xff")
    assert (shards[b"long"], shards[b"field:1"], shards[b"field:2"]) == (b"x" * 1000, b"\xff", b"x")
    shards.check()


@pytest.mark.parametrize("make", [Shards, packed])
def test_every_field_is_drawn_about_as_often(make: Callable[[dict[bytes, bytes]], Shards]) -> None:
    shards = make({field(n): b"" for n in range(500)})
    drawn = Counter(shards.choices(Random(1), 50_000 // 500)) + Counter(
        shards.choice(Random(seed)) for seed in range(50_000)
    )
    mean = drawn.total() / 500
    spread = sum((count - mean) ** 2 for count in drawn.values()) / 500 / mean
    assert len(drawn) == 500
    assert 0.6 < spread < 1.4  # 1 if all are as likely, give or take 0.06


def test_a_dict_that_is_not_divided_yet_is_drawn_from_as_well() -> None:
    shards = Shards({field(n): b"" for n in range(1000)})
    assert shards.choice(Random(1)) in shards
    assert len(set(shards.sample(Random(1), 30))) == 30
    assert len(shards.choices(Random(1), 30)) == 30
    shards.check()
    for _ in range(10):
        shards.choice(Random(1))
    drawn = {shards.choice(Random(seed)) for seed in range(5000)}
    assert len(drawn) > 950


def test_a_sample_has_no_field_twice() -> None:
    shards = Shards({field(n): b"" for n in range(500)})
    for count in (1, 10, 300, 499):
        assert len(set(shards.sample(Random(1), count))) == count
    assert len(shards.choices(Random(1), 2000)) == 2000


def test_a_scan_returns_not_much_more_than_it_is_asked_for() -> None:
    shards = Shards({field(n): b"" for n in range(10_000)})
    cursor, sizes = 0, []
    while True:
        cursor, found = shards.scan(cursor, 10)
        sizes.append(len(found))
        if not cursor:
            break
    assert sizes[:99] == [0] * 99  # while it was divided
    assert sum(sizes) == 10_000
    assert max(sizes) < 100
