"""XREADGROUP with CLAIM (Redis 8.4), MAXCOUNT and MAXSIZE (8.10): the documented rules, one by one."""

from __future__ import annotations

import pytest

from tests.commands.asking import ask, ask_each
from tests.conftest import START_MS, Kept, Peer, Workbench
from tests.resp import encode

NULL_ARRAY = b"*-1\r\n"


def row(entry_id: str, *numbers: int) -> bytes:
    """An entry of the stream, with how long ago it was delivered, and how often, where that is told."""
    head = f"*{2 + len(numbers)}\r\n${len(entry_id)}\r\n{entry_id}\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n"
    return head.encode() + b"".join(b":%d\r\n" % number for number in numbers)


def of(*streams: tuple[str, list[bytes]]) -> bytes:
    parts = [
        f"*2\r\n${len(name)}\r\n{name}\r\n*{len(rows)}\r\n".encode() + b"".join(rows)
        for name, rows in streams
    ]
    return b"*%d\r\n%b" % (len(streams), b"".join(parts))


@pytest.fixture
def pending(alice: Peer, engine: Workbench) -> Peer:
    """Of seven entries Ann has had two for 100 ms, and Bob two for 40 ms."""
    ask_each(alice, *(f"XADD s {n}-1 f v" for n in range(1, 8)), "XGROUP CREATE s g 0")
    ask(alice, "XREADGROUP GROUP g ann COUNT 2 STREAMS s >")
    engine.pass_time(60)
    ask(alice, "XREADGROUP GROUP g bob COUNT 2 STREAMS s >")
    engine.pass_time(40)
    return alice


# -- CLAIM -----------------------------------------------------------------------------------------


def test_what_has_been_pending_for_so_long_comes_before_new_entries(pending: Peer) -> None:
    assert ask(pending, "XREADGROUP GROUP g cleo CLAIM 50 STREAMS s >") == of(
        ("s", [row("1-1", 100, 1), row("2-1", 100, 1), *(row(f"{n}-1", 0, 0) for n in (5, 6, 7))])
    )


def test_what_is_claimed_is_ones_own_from_now_on(pending: Peer, engine: Workbench) -> None:
    ask(pending, "XREADGROUP GROUP g cleo COUNT 1 CLAIM 50 STREAMS s >")
    engine.pass_time(5)
    assert ask(pending, "XPENDING s g - + 10 cleo") == b"*1\r\n*4\r\n$3\r\n1-1\r\n$4\r\ncleo\r\n:5\r\n:2\r\n"
    assert b"$4\r\ncleo\r\n$7\r\npending\r\n:1\r\n$4\r\nidle\r\n:5\r\n$8\r\ninactive\r\n:5\r\n" in ask(
        pending, "XINFO CONSUMERS s g"
    )


def test_ones_own_entries_are_claimed_as_well(pending: Peer) -> None:
    assert ask(pending, "XREADGROUP GROUP g ann COUNT 1 CLAIM 50 STREAMS s >") == of(
        ("s", [row("1-1", 100, 1)])
    )


def test_the_longest_idle_is_first(pending: Peer) -> None:
    ask(pending, "XCLAIM s g bob 0 1-1 IDLE 3 JUSTID")
    reply = ask(pending, "XREADGROUP GROUP g cleo COUNT 4 CLAIM 3 STREAMS s >")
    assert reply == of(("s", [row("2-1", 100, 1), row("3-1", 40, 1), row("4-1", 40, 1), row("1-1", 3, 1)]))


def test_count_is_one_budget_for_both(pending: Peer) -> None:
    reply = ask(pending, "XREADGROUP GROUP g cleo COUNT 3 CLAIM 50 STREAMS s >")
    assert reply == of(("s", [row("1-1", 100, 1), row("2-1", 100, 1), row("5-1", 0, 0)]))


def test_other_ids_are_a_history_as_ever(pending: Peer) -> None:
    assert ask(pending, "XREADGROUP GROUP g bob CLAIM 0 STREAMS s 0") == of(("s", [row("3-1"), row("4-1")]))


def test_nothing_found_is_null(pending: Peer) -> None:
    ask(pending, "XREADGROUP GROUP g ann STREAMS s >")
    assert ask(pending, "XREADGROUP GROUP g cleo CLAIM 500 STREAMS s >") == NULL_ARRAY


def test_noack_is_for_new_entries_only(pending: Peer) -> None:
    ask(pending, "XREADGROUP GROUP g cleo NOACK CLAIM 50 STREAMS s >")
    assert ask(pending, "XPENDING s g").startswith(b"*4\r\n:4\r\n$3\r\n1-1\r\n$3\r\n4-1\r\n")


def test_what_was_deleted_is_dropped_and_not_counted(pending: Peer) -> None:
    ask(pending, "XDEL s 1-1")
    reply = ask(pending, "XREADGROUP GROUP g cleo COUNT 2 CLAIM 30 STREAMS s >")
    assert reply == of(("s", [row("2-1", 100, 1), row("3-1", 40, 1)]))
    assert ask(pending, "XPENDING s g").startswith(b"*4\r\n:3\r\n$3\r\n2-1\r\n")


@pytest.mark.parametrize("word", ["-1", "x", "1.5"])
def test_claim_needs_a_number(pending: Peer, word: str) -> None:
    wrong = b"-ERR min-idle-time must be a positive integer\r\n"
    assert ask(pending, f"XREADGROUP GROUP g ann CLAIM {word} STREAMS s >") == wrong


def test_claim_is_not_for_xread(pending: Peer) -> None:
    assert ask(pending, "XREAD CLAIM 1 STREAMS s 0") == (
        b"-ERR The CLAIM option is only supported by XREADGROUP. You called XREAD instead.\r\n"
    )


def test_who_waits_gets_what_becomes_overdue(pending: Peer, bob: Peer, engine: Workbench) -> None:
    ask(pending, "XREADGROUP GROUP g ann STREAMS s >")
    assert ask(bob, "XREADGROUP GROUP g cleo COUNT 10 BLOCK 0 CLAIM 150 STREAMS s >") == b""
    engine.pass_time(49)
    assert bob.take() == b""
    engine.pass_time(1)
    assert bob.take() == of(("s", [row("1-1", 150, 1), row("2-1", 150, 1)]))


def test_who_waits_gets_what_was_delivered_meanwhile(alice: Peer, bob: Peer, engine: Workbench) -> None:
    ask(alice, "XGROUP CREATE s g 0 MKSTREAM")
    assert ask(bob, "XREADGROUP GROUP g cleo BLOCK 0 CLAIM 30 STREAMS s >") == b""
    engine.pass_time(20)
    alice.feed(encode("MULTI") + encode("XADD", "s", "1-1", "f", "v")
               + encode("XREADGROUP", "GROUP", "g", "ann", "STREAMS", "s", ">") + encode("EXEC"))  # fmt: skip
    for _ in range(3):
        engine.pass_time(10)
        assert engine.next_deadline_ms() is not None or bob.client.out
    assert bob.take() == of(("s", [row("1-1", 30, 1)]))
    assert engine.next_deadline_ms() is None


def test_who_waited_longest_gets_it(pending: Peer, bob: Peer, carol: Peer, engine: Workbench) -> None:
    ask(pending, "XREADGROUP GROUP g ann STREAMS s >")
    for peer in (bob, carol):
        ask(peer, "XREADGROUP GROUP g cleo COUNT 2 BLOCK 0 CLAIM 120 STREAMS s >")
    engine.pass_time(20)
    assert (bob.take().count(b":120\r\n:1\r\n"), carol.take()) == (2, b"")
    engine.pass_time(60)
    assert carol.take().count(b":120\r\n:1\r\n") == 2


def test_who_waits_gets_what_is_made_overdue(pending: Peer, bob: Peer) -> None:
    ask(pending, "XREADGROUP GROUP g ann STREAMS s >")
    ask(bob, "XREADGROUP GROUP g cleo COUNT 1 BLOCK 0 CLAIM 500 STREAMS s >")
    ask(pending, "XCLAIM s g ann 0 3-1 IDLE 900 JUSTID")
    assert bob.take() == of(("s", [row("3-1", 900, 1)]))


def test_a_claim_wakes_nobody_else(pending: Peer, bob: Peer) -> None:
    ask(pending, "XGROUP SETID s g $")
    ask(bob, "XREADGROUP GROUP g cleo BLOCK 0 STREAMS s >")
    ask_each(pending, "XGROUP SETID s g 0", "XCLAIM s g ann 0 3-1")
    assert bob.take() == b""


def test_a_wait_ends_in_time(pending: Peer, bob: Peer, engine: Workbench) -> None:
    ask(pending, "XREADGROUP GROUP g ann STREAMS s >")
    ask(bob, "XREADGROUP GROUP g cleo BLOCK 70 CLAIM 1000 STREAMS s >")
    engine.pass_time(71)
    assert bob.take() == NULL_ARRAY
    assert engine.next_deadline_ms() is None


def test_a_claim_is_logged_in_words_that_redis_knows() -> None:
    kept = Kept()
    ann = kept.peer()
    ask_each(ann, *(f"XADD s {n}-1 f v" for n in range(1, 4)), "XGROUP CREATE s g 0")
    ask_each(ann, "XREADGROUP GROUP g ann COUNT 2 STREAMS s >", "XDEL s 1-1")
    kept.clock.advance(10)
    kept.written()
    ask(ann, "XREADGROUP GROUP g ann CLAIM 10 STREAMS s >")
    now = START_MS + 10
    assert kept.written() == b"".join(
        encode(*line.split())
        for line in [
            "XACK s g 1-1",
            f"XCLAIM s g ann 0 2-1 TIME {now} RETRYCOUNT 2 FORCE JUSTID",
            f"XCLAIM s g ann 0 3-1 TIME {now} RETRYCOUNT 1 FORCE JUSTID LASTID 3-1",
            "XGROUP SETID s g 3-1 ENTRIESREAD 3",
        ]
    )
    assert kept.replays()


# -- MAXCOUNT and MAXSIZE --------------------------------------------------------------------------

SIZE = len(row("1-1"))
KEY = len("$1\r\ns\r\n")


@pytest.fixture
def two(alice: Peer) -> Peer:
    """Two streams of four entries each, with a group that has read nothing."""
    for name in ("s", "t"):
        ask_each(alice, *(f"XADD {name} {n}-1 f v" for n in range(1, 5)), f"XGROUP CREATE {name} g 0")
    return alice


LIMITS = [
    ("MAXCOUNT 3", 3, 0),
    ("MAXCOUNT 5", 4, 1),
    ("COUNT 2 MAXCOUNT 3", 2, 1),
    ("MAXSIZE 1", 1, 0),
    (f"MAXSIZE {SIZE}", 1, 0),
    (f"MAXSIZE {SIZE + 1}", 2, 0),
    (f"MAXSIZE {4 * SIZE + KEY}", 4, 0),
    (f"MAXSIZE {4 * SIZE + KEY + 1}", 4, 1),
    (f"MAXCOUNT 1 MAXSIZE {9 * SIZE}", 1, 0),
    ("COUNT 0 MAXCOUNT 2", 2, 0),
]


@pytest.mark.parametrize(("limits", "of_s", "of_t"), LIMITS)
def test_limits_are_those_of_the_whole_reply(two: Peer, limits: str, of_s: int, of_t: int) -> None:
    rows = [row(f"{n}-1") for n in range(1, 5)]
    expected = of(*[(name, rows[:count]) for name, count in (("s", of_s), ("t", of_t)) if count])
    assert ask(two, f"XREAD {limits} STREAMS s t 0 0") == expected
    assert ask(two, f"XREADGROUP GROUP g ann {limits} STREAMS s t > >") == expected
    assert ask(two, f"XREADGROUP GROUP g ann {limits} STREAMS s t 0 0") == expected


def test_what_did_not_fit_is_not_delivered(two: Peer) -> None:
    ask(two, f"XREADGROUP GROUP g ann MAXSIZE {SIZE + 1} STREAMS s t > >")
    assert ask(two, "XPENDING s g").startswith(b"*4\r\n:2\r\n")
    assert ask(two, "XPENDING t g").startswith(b"*4\r\n:0\r\n")
    assert b"$17\r\nlast-delivered-id\r\n$3\r\n2-1\r\n" in ask(two, "XINFO GROUPS s")


def test_claimed_entries_count(two: Peer) -> None:
    ask_each(two, "XREADGROUP GROUP g ann COUNT 2 STREAMS s >")
    rows = [row("1-1", 0, 1), row("2-1", 0, 1), row("3-1", 0, 0)]
    assert ask(two, "XREADGROUP GROUP g bob MAXCOUNT 3 CLAIM 0 STREAMS s t > >") == of(("s", rows))
    assert ask(two, "XREADGROUP GROUP g bob MAXSIZE 1 CLAIM 0 STREAMS s t > >") == of(
        ("s", [row("1-1", 0, 2)])
    )


def test_who_waited_is_served_within_the_limits(two: Peer, bob: Peer) -> None:
    ask_each(two, "XGROUP SETID s g $", "XGROUP SETID t g $")
    ask(bob, "XREADGROUP GROUP g ann MAXCOUNT 1 BLOCK 0 STREAMS s t > >")
    ask_each(two, "MULTI", "XADD s 5-1 f v", "XADD s 6-1 f v", "EXEC")
    assert bob.take() == of(("s", [row("5-1")]))


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("MAXCOUNT 0", "MAXCOUNT must be a positive integer"),
        ("MAXCOUNT x", "MAXCOUNT must be a positive integer"),
        ("MAXSIZE -1", "MAXSIZE must be a positive integer"),
        ("MAXSIZE x", "MAXSIZE must be a positive integer"),
        ("COUNT 3 MAXCOUNT 2", "MAXCOUNT must be greater than or equal to COUNT"),
        ("MAXCOUNT 2 COUNT 3", "MAXCOUNT must be greater than or equal to COUNT"),
    ],
)
def test_limits_are_positive(two: Peer, words: str, error: str) -> None:
    assert ask(two, f"XREAD {words} STREAMS s 0") == f"-ERR {error}\r\n".encode()
    assert ask(two, f"XREADGROUP GROUP g ann {words} STREAMS s >") == f"-ERR {error}\r\n".encode()
