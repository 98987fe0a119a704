"""Taking apart what is left of emptied databases."""

from __future__ import annotations

import pytest

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


@pytest.mark.parametrize("add", ["HSET", "SADD"])
def test_a_large_value_is_freed_in_slices_however_it_goes(engine: Workbench, add: str) -> None:
    alice = engine.peer()
    rubble = engine.server.rubble
    words = [word for number in range(2 * SMALL) for word in (f"f{number}", f"v{number}")]
    for divided, last in ((False, "DEL h"), (True, "UNLINK h"), (False, "SET h v"), (True, "FLUSHALL")):
        alice.send("DEL", "h")
        engine.clear_away(budget_us=10_000_000)
        alice.send(add, "h", *words)
        if divided:
            alice.send(add[0] + "SCAN", "h", 0)
        for number in range(SMALL if last == "FLUSHALL" else 0):
            alice.send("SET", number, "v")
        alice.send(*last.split())
        assert len(rubble) > SMALL / 2
        rubble.clear_away(100)
        assert rubble
        engine.clear_away(budget_us=10_000_000)
        assert not rubble
        engine.server.databases[0].check()


def test_expired_values_go_the_same_way(engine: Workbench) -> None:
    alice = engine.peer()
    alice.send("HSET", "h", *[word for number in range(SMALL) for word in (f"f{number}", "v")])
    alice.send("SADD", "s", *range(SMALL))
    alice.send("PEXPIRE", "h", 10)
    alice.send("PEXPIRE", "s", 10)
    engine.clock.advance(20)
    assert alice.send("EXISTS", "h", "s") == b":0\r\n"
    assert len(engine.server.rubble) == 2 * SMALL
