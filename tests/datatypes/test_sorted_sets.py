"""Sorted sets against a plain dict that is sorted when somebody asks."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from respq.datatypes import sorted_sets
from respq.datatypes.ranking import CHUNK, Ranking
from respq.datatypes.sorted_sets import Bound, SortedSetValue

SCORES = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, 2.0, float("inf"), float("-inf")]),
    st.floats(allow_nan=False),
    st.integers(-5, 5).map(float),
)
MEMBERS = st.one_of(st.sampled_from([b"", b"a", b"b", b"ab"]), st.integers(0, 50).map(lambda n: b"m%d" % n))


class SortedSetMachine(RuleBasedStateMachine):
    """Every operation on a SortedSetValue and on a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.value = SortedSetValue()
        self.model: dict[bytes, float] = {}

    def ordered(self) -> list[tuple[float, bytes]]:
        return sorted((score, member) for member, score in self.model.items())

    def members(self) -> list[bytes]:
        return [member for _, member in self.ordered()]

    @rule(member=MEMBERS, score=SCORES)
    def add(self, member: bytes, score: float) -> None:
        assert self.value.add(member, score) == (self.model.get(member) != score)
        self.model[member] = score

    @rule(pairs=st.lists(st.tuples(MEMBERS, SCORES), min_size=1))
    def add_all(self, pairs: list[tuple[bytes, float]]) -> None:
        new, idle = self.value.add_all([member for member, _ in pairs], [score for _, score in pairs])
        for step, (member, score) in enumerate(pairs):
            assert new[step] == (member not in self.model)
            assert (step in idle) == (self.model.get(member) == score)
            self.model[member] = score

    @rule(start=st.integers(0, 1000), count=st.integers(1, 3 * CHUNK), step=st.sampled_from([-1, 0, 1, 7]))
    def add_many(self, start: int, count: int, step: int) -> None:
        pairs = {b"m%d" % (start + n): float(start + step * n) for n in range(count)}
        self.value.add_all(list(pairs), list(pairs.values()))
        self.model |= pairs

    @rule(member=MEMBERS)
    def remove(self, member: bytes) -> None:
        assert self.value.remove(member) == (self.model.pop(member, None) is not None)

    @rule(count=st.integers(1, 1000), highest=st.booleans())
    def pop(self, count: int, highest: bool) -> None:
        expected = self.ordered()[::-1] if highest else self.ordered()
        members, scores = self.value.pop(count, highest)
        assert list(zip(scores, members, strict=True)) == expected[:count]
        for member in members:
            del self.model[member]

    @rule(low=SCORES, high=SCORES, after=st.booleans(), before=st.booleans(), offset=st.integers(0, 5))
    def read_by_score(self, low: float, high: float, after: bool, before: bool, offset: int) -> None:
        start, stop = self.value.by_score(low, after, high, before)
        expected = [
            member
            for score, member in self.ordered()
            if (low < score if after else low <= score) and (score < high if before else score <= high)
        ]
        assert self.value.read(start, stop)[0] == expected
        assert self.value.read(start, stop, offset=offset, limit=3)[0] == expected[offset : offset + 3]
        backward = self.value.read(start, stop, backward=True, offset=offset, limit=700)[0]
        assert backward == expected[::-1][offset : offset + 700]
        if start < stop:
            assert self.value.ranking.count(start, stop) == len(expected)

    @rule(low=SCORES, high=SCORES)
    def cut(self, low: float, high: float) -> None:
        gone = [member for score, member in self.ordered() if low <= score <= high]
        assert self.value.cut(*self.value.by_score(low, False, high, False)) == len(gone)
        for member in gone:
            del self.model[member]

    @rule(first=st.integers(0, 2000), count=st.integers(0, 2000))
    def cut_ranks(self, first: int, count: int) -> None:
        gone = self.members()[first : first + count]
        if gone:
            place = self.value.place
            assert self.value.cut(place(first), place(first + len(gone))) == len(gone)
        for member in gone:
            del self.model[member]

    @rule()
    def ranks(self) -> None:
        for rank, member in enumerate(self.members()):
            assert self.value.rank(member) == rank

    @rule(seed=st.integers(0, 99))
    def sample(self, seed: int) -> None:
        drawn = self.value.sample(Random(seed), 10)
        assert len(set(drawn)) == len(drawn) == min(10, len(self.model))
        assert set(drawn) <= self.model.keys()

    @rule()
    def scan(self) -> None:
        cursor, found = self.value.scan(0, 100)
        while cursor:
            cursor, more = self.value.scan(cursor, 100)
            found += more
        assert sorted(found) == sorted(self.model)

    @rule()
    def replace_by_copy(self) -> None:
        self.value = self.value.copy()

    @rule()
    def replace_by_rebuilt(self) -> None:
        twin = SortedSetValue()
        for name, key, *words in self.value.rebuild(b"key"):
            assert (name, key) == (b"ZADD", b"key")
            assert len(words) <= 128
            for score, member in zip(words[::2], words[1::2], strict=True):
                assert twin.add(member, float(score))
        assert twin.scores == self.value.scores

    @rule()
    def replace_by_made_at_once(self) -> None:
        self.value = SortedSetValue.of(dict(self.model))

    @invariant()
    def agree(self) -> None:
        assert self.value.scores == self.model
        self.value.check()


TestSortedSets = SortedSetMachine.TestCase
TestSortedSets.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_members_of_one_score_are_in_the_order_of_their_bytes() -> None:
    value = SortedSetValue()
    value.add_all([b"b", b"\xff", b"a", b"", b"ab"], [0.0] * 5)
    assert value.read((0, 0), value.ranking.end)[0] == [b"", b"a", b"ab", b"b", b"\xff"]


def test_members_of_one_score_stay_in_order_over_many_chunks() -> None:
    value = SortedSetValue()
    names = [b"%06d" % n for n in range(5 * CHUNK)]
    Random(1).shuffle(names)
    value.add_all(names, [1.0] * len(names))
    value.check()
    start, stop, _ = value.by_member(Bound(b"000100"), Bound(b"000103", exclusive=True))
    assert value.read(start, stop)[0] == [b"000100", b"000101", b"000102"]
    assert value.rank(b"001500") == 1500


def test_growing_scores_fill_their_chunks() -> None:
    ranking = Ranking()
    for n in range(10 * CHUNK):
        ranking.add(float(n), b"m%d" % n)
    assert list(map(len, ranking.members)) == [CHUNK] * 10


def test_a_listpack_has_no_negative_zero() -> None:
    value = SortedSetValue()
    value.add(b"a", -0.0)
    assert str(value.scores[b"a"]) == "0.0"
    value.add(b"x" * 65, 1.0)
    value.add(b"b", -0.0)
    assert str(value.scores[b"b"]) == "-0.0"


@pytest.mark.parametrize(("entries", "length", "encoding"), [
    (128, 64, b"listpack"), (129, 1, b"skiplist"), (1, 65, b"skiplist"),
])  # fmt: skip
def test_encodings_end_where_those_of_redis_do(entries: int, length: int, encoding: bytes) -> None:
    value = SortedSetValue()
    for n in range(entries):
        value.add(b"%0*d" % (length, n), 1.0)
    assert value.encoding() == encoding
    assert SortedSetValue.of(value.scores).encoding() == encoding


def test_a_skip_list_stays_one() -> None:
    value = SortedSetValue()
    value.add(b"x" * 65, 1.0)
    value.add(b"a", 1.0)
    value.remove(b"x" * 65)
    assert value.encoding() == value.copy().encoding() == b"skiplist"


@pytest.mark.parametrize("seed", range(10))
def test_a_scan_misses_none_of_the_members_that_stay(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor those whose scores change, while members are put in shards and afterwards."""
    monkeypatch.setattr(sorted_sets, "_SHARDED_AT_ONCE", 20)
    value = SortedSetValue()
    value.add_all([b"m%d" % n for n in range(1000)], [float(n) for n in range(1000)])
    rng = Random(seed)
    staying = {b"m%d" % n for n in range(0, 1000, 2)}
    cursor, found = value.scan(0, 10)
    seen = set(found)
    while cursor:
        value.remove(b"m%d" % (2 * rng.randrange(500) + 1))
        value.add(b"new%d" % rng.randrange(1000), rng.random())
        value.add(b"m%d" % (2 * rng.randrange(500)), rng.random() * 1000)
        if not rng.randrange(10):
            staying -= set(value.pop(1, highest=bool(rng.randrange(2)))[0])
        cursor, found = value.scan(cursor, 10)
        seen |= set(found)
        value.check()
    assert staying <= seen
