"""Taking apart what is left of emptied databases."""

from __future__ import annotations

from respq.rubble import SMALL, Rubble
from tests.conftest import Workbench


def test_everything_goes_in_slices() -> None:
    values = {number: object() for number in range(SMALL)}
    buckets = {0: dict.fromkeys(range(5000)), 1: {}, 2: dict.fromkeys(range(10))}
    rubble = Rubble()
    rubble.add([list(range(SMALL)), values, buckets])
    slices = 0
    while rubble:
        before = len(rubble)
        rubble.clear_away(1000)
        assert len(rubble) >= before - 1000
        slices += 1
    assert slices < 40
    assert not values
    assert not buckets


def test_little_is_dropped_at_once() -> None:
    rubble = Rubble()
    rubble.add([list(range(SMALL - 1)), {}])
    assert not rubble


def test_flushall_leaves_the_work_to_the_timer(engine: Workbench) -> None:
    alice = engine.peer()
    alice.feed(b"".join(b"SET k%d v EX 100\r\n" % number for number in range(SMALL)))
    assert alice.feed(b"FLUSHALL\r\nDBSIZE\r\nSET k1 w\r\n") == b"+OK\r\n:0\r\n+OK\r\n"
    assert engine.server.rubble
    engine.clear_away(budget_us=10_000_000)
    assert not engine.server.rubble
    assert alice.send("GET", "k1") == b"$1\r\nw\r\n"
    engine.server.databases[0].check()
