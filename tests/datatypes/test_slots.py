"""The array of members beside a collection."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest

from respq.datatypes.slots import Slots


def members(count: int) -> list[bytes]:
    return [b"member %d" % number for number in range(count)]


def slots_of(members: Iterable[bytes]) -> Slots:
    slots = Slots()
    slots.extend(members)
    slots.complete = True
    return slots


def test_it_follows_its_collection() -> None:
    rng, model = Random(1), set(members(20))
    slots = slots_of(sorted(model))
    for step in range(3000):
        if model and rng.random() < 0.5:
            member = rng.choice(sorted(model))
            model.remove(member)
            slots.discard(member)
        else:
            member = b"new %d" % step
            model.add(member)
            slots.add(member)
        assert len(slots) == len(model)
    slots.check(model)


def test_what_is_there_is_not_entered_again_and_what_is_not_is_not_missed() -> None:
    slots = slots_of(members(3))
    slots.discard(b"nobody")
    slots.extend(members(3))
    slots.check(members(3))
    assert len(slots) == 3


def test_a_scan_waits_until_all_members_are_in() -> None:
    slots = Slots()
    slots.extend(members(3))
    cursor, found = slots.scan(0, 10)
    assert (cursor > 0, found) == (True, [])
    slots.complete = True
    assert slots.scan(cursor, 10) == (0, members(3))


@pytest.mark.parametrize("seed", range(20))
def test_a_scan_returns_all_that_stays(seed: int) -> None:
    """Members come and go between the calls; those that are there all the time are all returned."""
    rng = Random(seed)
    stay = set(members(rng.randrange(1, 60)))
    passing = [b"passing %d" % number for number in range(100)]
    slots = slots_of([*stay, *passing])
    cursor, seen = 0, set[bytes]()
    while True:
        cursor, found = slots.scan(cursor, rng.randrange(1, 9))
        seen.update(found)
        if cursor == 0:
            break
        for _ in range(rng.randrange(6)):
            if passing and rng.random() < 0.7:
                slots.discard(passing.pop(rng.randrange(len(passing))))
            else:
                passing.append(b"late %d" % rng.getrandbits(60))
                slots.add(passing[-1])
    assert seen >= stay


def test_any_cursor_can_be_asked_for() -> None:
    slots = slots_of(members(10))
    assert slots.scan(0, 100) == (0, members(10))
    assert slots.scan(0, 4) == (6, members(10)[6:])
    assert slots.scan(1 << 63, 4) == (6, members(10)[6:])
    assert slots.scan(3, 4) == (0, members(10)[:3])
    assert slots_of([]).scan(0, 10) == (0, [])
    assert slots_of([]).scan(5, 10) == (0, [])
