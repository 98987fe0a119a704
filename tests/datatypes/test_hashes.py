"""Hashes against a plain dict and a list in Redis's order, with deadlines, scans and samples."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from respq.datatypes import hashes
from respq.datatypes.hashes import FieldExpiry, HashValue
from respq.datatypes.shards import Shards

ENTRIES, VALUE_BYTES = 6, 4  # of a listpack here: small, so that all kinds are met
LARGEST_DICT = 8
FIELDS = st.sampled_from([b"%c" % byte for byte in b"abcdefghij"] + [b"longer"])
VALUES = st.sampled_from([b"", b"1", b"four", b"longer"])
NOW_MS = 1_000_000
DEADLINES = st.sampled_from([NOW_MS - 500, NOW_MS - 1, NOW_MS, NOW_MS + 1, NOW_MS + 1000])


@pytest.fixture(autouse=True, scope="module")
def small_listpacks() -> Iterator[None]:
    before = HashValue.max_listpack_entries, HashValue.max_listpack_value
    HashValue.max_listpack_entries, HashValue.max_listpack_value = ENTRIES, VALUE_BYTES
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashes, "_LARGEST_DICT", LARGEST_DICT)
        yield
    HashValue.max_listpack_entries, HashValue.max_listpack_value = before


class HashMachine(RuleBasedStateMachine):
    """`model` has the fields in the order of a listpack; `at` the deadlines."""

    def __init__(self) -> None:
        super().__init__()
        self.value = HashValue()
        self.model: dict[bytes, bytes] = {}
        self.order: list[bytes] = []
        self.at: dict[bytes, int] = {}
        self.listpack = True
        self.seen: set[bytes] | None = None  # fields of a scan that goes on
        self.stayed: set[bytes] = set()
        self.cursor = 0

    def put(self, field: bytes, data: bytes) -> None:
        if field not in self.model:
            self.order.append(field)
        self.model[field] = data
        if len(field) > VALUE_BYTES or len(data) > VALUE_BYTES or len(self.model) > ENTRIES:
            self.listpack = False

    def make_stay(self, field: bytes) -> None:
        if self.at.pop(field, None) is not None:
            self.order.remove(field)
            self.order.append(field)

    def drop(self, field: bytes) -> None:
        del self.model[field]
        self.order.remove(field)
        self.at.pop(field, None)
        self.stayed.discard(field)

    @rule()
    def pack(self) -> None:
        for _ in range(3):
            self.value.pack(10)

    @rule(field=FIELDS, data=VALUES)
    def set(self, field: bytes, data: bytes) -> None:
        assert self.value.set(field, data) == (field not in self.model)
        self.make_stay(field)
        self.put(field, data)

    @rule(pairs=st.lists(st.tuples(FIELDS, VALUES), min_size=1, max_size=8))
    def set_all(self, pairs: list[tuple[bytes, bytes]]) -> None:
        new = {field for field, _ in pairs} - self.model.keys()
        assert self.value.set_all([word for pair in pairs for word in pair]) == len(new)
        for field, data in pairs:
            self.make_stay(field)
            self.put(field, data)
        if len(pairs) > ENTRIES:
            self.listpack = False

    @rule(field=FIELDS, data=VALUES)
    def replace(self, field: bytes, data: bytes) -> None:
        self.value.replace(field, data)
        self.put(field, data)

    @rule(pairs=st.lists(st.tuples(FIELDS, VALUES), min_size=1, max_size=12))
    def set_each(self, pairs: list[tuple[bytes, bytes]]) -> None:
        if self.at:
            return
        fields, values = zip(*pairs, strict=True)
        new = [field not in self.model and field not in fields[:n] for n, field in enumerate(fields)]
        assert self.value.set_each(fields, values) == new
        for field, data in pairs:
            self.put(field, data)

    @rule(fields=st.lists(FIELDS, max_size=5))
    def remove(self, fields: list[bytes]) -> None:
        there = [field for field in dict.fromkeys(fields) if field in self.model]
        assert self.value.remove(fields) == there
        for field in there:
            self.drop(field)

    @rule(field=FIELDS, at_ms=DEADLINES)
    def expire(self, field: bytes, at_ms: int) -> None:
        if field not in self.model:
            return
        self.value.expire(field, at_ms)
        self.order.remove(field)
        self.at[field] = at_ms
        ahead = [other for other in self.order if other in self.at and self.at[other] < at_ms]
        self.order.insert(len(ahead), field)

    @rule(field=FIELDS)
    def persist(self, field: bytes) -> None:
        assert self.value.persist(field) == (field in self.at)
        self.make_stay(field)

    @rule(limit=st.integers(0, 4))
    def take_due(self, limit: int) -> None:
        due = sorted(at_ms for at_ms in self.at.values() if at_ms < NOW_MS)
        taken = self.value.take_due(NOW_MS, limit)
        assert [self.at[field] for field in taken] == due[:limit]
        for field in taken:
            self.drop(field)

    @rule(fields=st.lists(FIELDS, max_size=5))
    def take_due_of(self, fields: list[bytes]) -> None:
        due = [field for field in dict.fromkeys(fields) if self.at.get(field, NOW_MS) < NOW_MS]
        assert self.value.take_due_of(fields, NOW_MS) == due
        for field in due:
            self.drop(field)

    @rule(count=st.integers(1, 4))
    def scan(self, count: int) -> None:
        if self.seen is None:
            self.seen, self.stayed, self.cursor = set(), set(self.model), 0
        self.cursor, found = self.value.scan(self.cursor, count)
        assert isinstance(self.value.fields, Shards) or not self.cursor
        assert set(found) <= self.model.keys()
        self.seen.update(found)
        if not self.cursor:
            assert self.stayed <= self.seen
            self.seen = None

    @rule(count=st.integers(1, 12), seed=st.integers(0, 5))
    def sample(self, count: int, seed: int) -> None:
        if not self.model:
            return
        rng = Random(seed)
        some = self.value.sample(rng, count)
        assert len(some) == len(set(some)) == min(count, len(self.model))
        if self.listpack:
            assert some == [field for field in self.order if field in some]
        drawn = self.value.choices(rng, count)
        assert len(drawn) == count
        assert {*some, *drawn, self.value.choice(rng)} <= self.model.keys()

    @rule()
    def copy(self) -> None:
        twin = self.value.copy()
        twin.check()
        self.value.set(b"a", b"mine")
        self.make_stay(b"a")
        self.put(b"a", b"mine")
        twin.set_all([b"b", b"twin's", b"c", b"twin's"])
        twin.remove(list(twin.fields))
        assert not twin.fields

    @rule()
    def become_the_rebuilt(self) -> None:
        twin = HashValue()
        for argv in self.value.rebuild(b"key"):
            assert len(argv) <= 2 + 64
            if argv[0] == b"HMSET":
                twin.set_all(argv[2:])
            else:
                twin.expire(argv[5], int(argv[2]))
        twin.listpack = self.listpack
        if self.value.expiry is not None:
            twin.keep_deadlines()
        self.value, self.seen = twin, None  # its cursors are others
        self.stayed = set()

    @invariant()
    def agrees(self) -> None:
        value = self.value
        value.check()
        assert dict(value.items()) == self.model
        assert value.listpack == self.listpack
        assert {field: value.deadline_of(field) for field in self.model} == {
            field: self.at.get(field, 0) for field in self.model
        }
        assert value.next_deadline() == min(self.at.values(), default=0)
        if self.listpack:
            assert value.names() == self.order
            assert list(value.items()) == [(field, self.model[field]) for field in self.order]
            assert list(value.values()) == [self.model[field] for field in self.order]
        live = {field for field in self.model if self.at.get(field, NOW_MS) >= NOW_MS}
        assert set(value.without_due(NOW_MS).fields) == live


TestHash = HashMachine.TestCase
TestHash.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


def test_deadlines_that_are_set_again_and_again_leave_nothing_behind() -> None:
    expiry = FieldExpiry()
    for at_ms in range(1, 100_000):
        expiry.set(b"f%d" % (at_ms % 10), at_ms)
    assert len(expiry._heap) < 200
    expiry.check()
    assert expiry.next_ms() == 99_990
    assert expiry.due(99_995, 3) == [b"f0", b"f1", b"f2"]


def test_an_estimate_of_the_memory_follows_the_fields() -> None:
    value = HashValue()
    empty = value.memory_bytes(5)
    for n in range(1000):
        value.set(b"field%d" % n, b"x" * 100)
    assert 150_000 < value.memory_bytes(5) - empty < 300_000
    without = value.memory_bytes(5)
    value.expire(b"field1", 5)
    assert value.memory_bytes(5) > without
