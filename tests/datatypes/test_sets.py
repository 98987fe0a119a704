"""Sets against a plain Python set, and the kinds that OBJECT ENCODING tells apart."""

from __future__ import annotations

import random

import pytest

from respq.datatypes.sets import SetValue


@pytest.mark.parametrize("seed", range(8))
def test_a_set_does_what_a_set_would_do(seed: int) -> None:
    rng = random.Random(seed)
    words = [b"%d" % n for n in range(700)] + [b"w%d" % n for n in range(300)] + [b"x" * 70]
    own, model = SetValue(), set[bytes]()
    for _ in range(400):
        chosen = rng.choices(words[: rng.choice([20, 700, 1001])], k=rng.choice([1, 1, 3, 40]))
        step = rng.choice(["add", "add", "add_each", "remove", "look", "pack"])
        if step == "add":
            assert own.add(chosen) == len(set(chosen) - model)
            model |= set(chosen)
        elif step == "add_each":
            added = own.add_each(chosen)
            assert added == [
                int(word not in model and word not in chosen[:at]) for at, word in enumerate(chosen)
            ]
            model |= set(chosen)
        elif step == "remove":
            assert own.remove(chosen) == len(set(chosen) & model)
            model -= set(chosen)
        elif step == "pack":
            for _ in range(rng.choice([2, 20])):
                own.pack(50)
        elif model:
            look(own, model, rng)
        own.check()
        assert len(own) == len(model)
    assert set(own.members()) == set(own) == set(own.copy()) == model


def look(own: SetValue, model: set[bytes], rng: random.Random) -> None:
    """Draw, sample, scan."""
    assert own.choice(rng) in model
    assert set(own.choices(rng, 20)) <= model
    sample = own.sample(rng, 30)
    assert len(set(sample)) == len(sample) == min(30, len(model))
    assert set(sample) <= model
    seen: list[bytes] = []
    cursor = 0
    while True:
        cursor, found = own.scan(cursor, 10)
        seen += found
        if not cursor:
            break
    assert set(seen) == model


def test_what_is_there_all_the_time_is_scanned_whatever_comes_and_goes() -> None:
    rng = random.Random(5)
    own = SetValue()
    stay = [b"stay%d" % n for n in range(2000)]
    own.add(stay)
    own.add([b"go%d" % n for n in range(2000)])
    cursor, seen, step = 0, set[bytes](), 0
    while True:
        cursor, found = own.scan(cursor, 10)
        seen.update(found)
        if not cursor:
            break
        step += 1
        own.remove([b"go%d" % rng.randrange(2000) for _ in range(10)])
        own.add([b"new%d" % (10 * step + n) for n in range(rng.randrange(20))])
    assert set(stay) <= seen


def test_the_kind_follows_from_what_comes() -> None:
    own = SetValue()
    own.add([b"3", b"1", b"2"])
    assert (own.encoding(), own.members()) == (b"intset", [b"1", b"2", b"3"])
    own.add([b"a"])
    assert (own.encoding(), own.members()) == (b"listpack", [b"1", b"2", b"3", b"a"])
    own.add([b"z" * 65])
    assert own.encoding() == b"hashtable"
    own.remove([b"z" * 65, b"a"])
    assert own.encoding() == b"hashtable"


def test_what_a_large_draw_leaves_is_a_small_set() -> None:
    rng = random.Random(1)
    own = SetValue()
    own.add([b"%d" % n for n in range(1000)])
    own.remove_sample(own.sample(rng, 834))
    assert (len(own), own.encoding()) == (166, b"hashtable")
    own.remove_sample(own.sample(rng, 140))
    assert (len(own), own.encoding()) == (26, b"listpack")
    own.check()
