"""The bitmap commands. Every expected reply was seen on redis-server 8.2.3."""

from __future__ import annotations

import pytest

from tests.commands.asking import ask
from tests.conftest import Peer, Workbench

TYPE = (
    b"-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.\r\n"
)
OFFSET = b"-ERR bit offset is not an integer or out of range\r\n"


def numbers(*found: int | None) -> bytes:
    replies = [b"$-1\r\n" if number is None else b":%d\r\n" % number for number in found]
    return b"*%d\r\n" % len(replies) + b"".join(replies)


def logged(engine: Workbench, peer: Peer, line: str) -> list[bool]:
    """For each effect of a command, whether it is an event."""
    engine.server.drain = list  # keep the effects
    engine.server.effects.clear()
    argv = line.encode().split(b" ")
    peer.client.table[argv[0]][len(argv)][0](peer.client, argv)
    found = [event is not None for _, _, event, argv in engine.server.effects if argv is not None]
    engine.server.effects.clear()
    return found


def test_a_bit_that_stays_is_no_change_but_the_string_is_raw_from_then_on(
    engine: Workbench, alice: Peer
) -> None:
    ask(alice, "SET n 123")
    assert logged(engine, alice, "SETBIT n 0 0") == []
    assert ask(alice, "OBJECT ENCODING n") == b"$3\r\nraw\r\n"
    assert logged(engine, alice, "SETBIT n 24 0") == [True]  # it grew
    assert ask(alice, "STRLEN n") == b":4\r\n"


@pytest.mark.parametrize("offset", ["-1", "x", "4294967296", "01"])
def test_an_offset_lies_within_the_longest_string(alice: Peer, offset: str) -> None:
    assert ask(alice, f"SETBIT b {offset} 1") == ask(alice, f"GETBIT b {offset}") == OFFSET
    assert ask(alice, f"BITFIELD b GET u8 {offset}") == OFFSET
    assert ask(alice, "EXISTS b") == b":0\r\n"


def test_a_range_of_bytes_or_bits_is_counted(alice: Peer) -> None:
    ask(alice, "SET s foobar")
    for words, count in {
        "": 26, "0 0": 4, "1 1 BYTE": 6, "5 30 bit": 17, "-2 -1": 7, "-1 -2": 0, "-100 -200": 0,
    }.items():  # fmt: skip
        assert ask(alice, f"BITCOUNT s {words}".rstrip()) == b":%d\r\n" % count


def test_behind_a_string_of_ones_stand_zeros_unless_the_range_has_an_end(alice: Peer) -> None:
    alice.send("SET", "ff", b"\xff\xff\xff")
    for words, at in {
        "ff 0": 24, "ff 0 0": 24, "ff 0 0 -1": -1, "ff 1 1": 8, "ff 1 10": -1, "ff 1 9 20 BIT": 9,
        "ff 1 -5 -30": 0, "none 0": 0, "none 1": -1, "none 0 5": 0,
    }.items():  # fmt: skip
        assert ask(alice, f"BITPOS {words}") == b":%d\r\n" % at


def test_what_is_combined_to_nothing_deletes_the_key(alice: Peer) -> None:
    ask(alice, "RPUSH list x")
    assert ask(alice, "BITOP AND list none none") == b":0\r\n"
    assert ask(alice, "EXISTS list") == b":0\r\n"


def test_overflow_wraps_stops_or_fails(alice: Peer) -> None:
    assert ask(alice, "BITFIELD f SET u8 0 255 GET u4 0 INCRBY u8 0 10") == numbers(0, 15, 9)
    assert ask(alice, "BITFIELD f OVERFLOW SAT INCRBY i8 0 -100 INCRBY i8 0 -100") == numbers(-91, -128)
    assert ask(alice, "BITFIELD f OVERFLOW FAIL INCRBY i8 0 -1 INCRBY i8 0 100") == numbers(None, -28)
    assert ask(alice, "BITFIELD f OVERFLOW SAT SET u8 0 300 OVERFLOW FAIL SET u8 0 301") == numbers(228, None)


def test_set_far_below_the_lowest_number_stops_at_the_highest(alice: Peer) -> None:
    assert ask(alice, f"BITFIELD f OVERFLOW SAT SET i5 0 {-(1 << 63)} GET i5 0") == numbers(0, 15)
    assert ask(alice, "BITFIELD f OVERFLOW SAT SET i5 0 -1000 GET i5 0") == numbers(15, -16)


def test_a_string_that_only_grew_is_logged_without_an_event(engine: Workbench, alice: Peer) -> None:
    assert logged(engine, alice, "BITFIELD g OVERFLOW FAIL INCRBY u8 0 500") == [False]
    assert ask(alice, "STRLEN g") == b":1\r\n"
    assert logged(engine, alice, "BITFIELD g OVERFLOW FAIL INCRBY u8 0 500") == []


@pytest.mark.parametrize("kind", ["u64", "i65", "u0", "x8", "U8", "u08", "u", "i100"])
def test_a_field_has_at_most_64_bits(alice: Peer, kind: str) -> None:
    assert ask(alice, f"BITFIELD f GET {kind} 0") == TYPE
