"""Databases: their three structures agree whatever happens, and SCAN keeps its promise."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from respq.clock import ManualClock
from respq.datatypes.lists import ListValue
from respq.datatypes.strings import StringValue
from respq.errors import CommandError
from respq.keyspace import Database, Effects

KEYS = st.binary(min_size=1, max_size=1)
NAMES = [b"key:%d" % n for n in range(200)]


def new_database(clock: ManualClock | None = None, effects: Effects | None = None) -> Database:
    return Database(0, clock or ManualClock(), [] if effects is None else effects)


def filled(names: list[bytes]) -> Database:
    db = new_database()
    for name in names:
        db.add(name, StringValue(b"v"))
    return db


def test_a_value_of_another_type_is_refused() -> None:
    db = filled([b"k"])
    with pytest.raises(CommandError, match="wrong kind of value"):
        db.find(b"k", ListValue)
    assert isinstance(db.get(b"k"), StringValue)


def test_a_missing_value_is_created_empty() -> None:
    db = new_database()
    value = db.find_or_create(b"k", StringValue)
    assert value is db.find(b"k", StringValue)
    db.check()


@pytest.mark.parametrize("look", ["get", "find", "random_key", "live_keys", "expire_due"])
def test_an_expired_key_is_never_seen(look: str) -> None:
    clock, effects = ManualClock(), []
    db = new_database(clock, effects)
    value = StringValue(b"v")
    value.expires_ms = clock.now_ms + 10
    db.add(b"k", value)
    clock.advance(10)
    if look == "get":
        assert db.get(b"k") is None
    elif look == "find":
        assert db.find(b"k", ListValue) is None  # gone before its type matters
    elif look == "random_key":
        assert db.random_key(Random(1)) is None
    elif look == "live_keys":
        assert list(db.live_keys()) == []
    else:
        clock.advance(200)
        assert db.expire_due(10) == 1
    if look != "live_keys":  # which only looks
        assert effects == [(db, b"k", "expired", [b"DEL", b"k"])]
        assert len(db) == 0
        assert db.expired == 1
    db.check()


def test_a_key_that_no_longer_expires_is_not_deleted() -> None:
    clock = ManualClock()
    db = filled([b"k"])
    db.clock = clock
    value = db.values[b"k"]
    db.set_expiry(b"k", value, clock.now_ms + 10)
    db.set_expiry(b"k", value, clock.now_ms + 9000)
    clock.advance(1000)
    assert db.expire_due(10) == 0
    db.set_expiry(b"k", value, 0)
    clock.advance(10_000)
    assert db.expire_due(10) == 0
    assert db.expiring == 0
    db.check()


def test_swapping_exchanges_everything_but_the_number() -> None:
    one, two = filled([b"a", b"b"]), new_database()
    one.set_expiry(b"a", one.values[b"a"], one.clock.now_ms + 10)
    one.swap(two)
    assert (len(one), len(two), one.expiring, two.expiring) == (0, 2, 0, 1)
    one.check()
    two.check()
    two.clock.advance(500)  # type: ignore[attr-defined]
    assert two.expire_due(10) == 1
    two.clear()
    two.check()


def test_a_scan_visits_every_key_that_stays_whatever_comes_and_goes() -> None:
    rng = Random(7)
    staying = set(NAMES[::2])
    db = filled(NAMES)
    seen: set[bytes] = set()
    cursor = 0
    while True:
        cursor, found = db.scan(cursor, 5)
        seen.update(found)
        if not cursor:
            break
        for name in rng.sample(NAMES[1::2], 8):
            if db.remove(name) is None:
                db.add(name, StringValue(b"w"))
    assert staying <= seen
    db.check()


def test_a_scan_of_an_unchanged_database_visits_every_key_once() -> None:
    db, seen, cursor = filled(NAMES), [], 0
    while True:
        cursor, found = db.scan(cursor, 7)
        seen += found
        if not cursor:
            break
    assert sorted(seen) == sorted(NAMES)


def test_any_number_is_a_cursor() -> None:
    db = filled(NAMES)
    assert db.scan((1 << 64) - 1, 1000) == (0, NAMES)
    assert db.scan(3, 1000) == (0, NAMES[:3])
    assert new_database().scan(5, 10) == (0, [])


def test_a_random_key_is_found_among_expired_ones() -> None:
    db = filled(NAMES)
    for name in NAMES[:-1]:
        db.set_expiry(name, db.values[name], 1)
    assert db.random_key(Random(3)) == NAMES[-1]
    db.check()


def test_every_key_is_as_likely_to_be_drawn() -> None:
    db, rng = filled(NAMES[:4]), Random(5)
    counts = dict.fromkeys(NAMES[:4], 0)
    for _ in range(4000):
        name = db.random_key(rng)
        assert name is not None
        counts[name] += 1
    assert min(counts.values()) > 850


class AgainstADict(RuleBasedStateMachine):
    """Every operation, against a dict of values and moments."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.effects: Effects = []
        self.db = new_database(self.clock, self.effects)
        self.model: dict[bytes, tuple[bytes, int]] = {}

    @rule(key=KEYS, data=st.binary(max_size=3), in_ms=st.integers(0, 300))
    def put(self, key: bytes, data: bytes, in_ms: int) -> None:
        value = StringValue(data)
        value.expires_ms = self.clock.now_ms + in_ms if in_ms else 0
        self.db.put(key, value)
        self.model[key] = (data, value.expires_ms)

    @rule(key=KEYS)
    def remove(self, key: bytes) -> None:
        value = self.db.remove(key)
        assert (value is not None) >= (key in self.model)  # what has expired may still be there
        self.model.pop(key, None)

    @rule(key=KEYS, in_ms=st.integers(0, 300))
    def set_expiry(self, key: bytes, in_ms: int) -> None:
        value = self.db.get(key)
        assert (value is not None) == (key in self.model)
        if value is not None:
            at_ms = self.clock.now_ms + in_ms if in_ms else 0
            self.db.set_expiry(key, value, at_ms)
            self.model[key] = (self.model[key][0], at_ms)

    @rule(old=KEYS, new=KEYS)
    def rename(self, old: bytes, new: bytes) -> None:
        value = self.db.get(old)
        if value is not None and old != new:
            self.db.remove(old)
            self.db.put(new, value)
            self.model[new] = self.model.pop(old)

    @rule(ms=st.integers(0, 400), limit=st.integers(1, 10))
    def pass_time(self, ms: int, limit: int) -> None:
        self.clock.advance(ms)
        self.db.expire_due(limit)
        self.model = {k: (d, at) for k, (d, at) in self.model.items() if not at or at > self.clock.now_ms}

    @rule(key=KEYS)
    def look(self, key: bytes) -> None:
        value = self.db.find(key, StringValue)
        assert (None if value is None else value.data) == self.model.get(key, (None, 0))[0]

    @invariant()
    def everything_agrees(self) -> None:
        self.db.check()
        assert sorted(self.db.live_keys()) == sorted(self.model)
        assert all(event == "expired" for _, _, event, _ in self.effects)


AgainstADict.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_a_database_agrees_with_a_dict = AgainstADict.TestCase
