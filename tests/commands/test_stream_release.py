"""XNACK (Redis 8.8): the documented rules, one by one."""

from __future__ import annotations

import pytest

from tests.commands.asking import ask, ask_each
from tests.conftest import Kept, Peer, Workbench
from tests.resp import encode

FATAL = 2**63 - 1
WRONG_NUMBER = b"-ERR Number of IDs must be a positive integer\r\n"
WRONG_COUNT = b"-ERR The `numids` parameter must match the number of arguments\r\n"
SYNTAX = b"-ERR syntax error\r\n"


def fill(peer: Peer) -> None:
    """Of five entries Ann has had two, twice, and Bob one."""
    ask_each(peer, *(f"XADD s {n}-1 f v" for n in range(1, 6)), "XGROUP CREATE s g 0")
    ask_each(peer, "XREADGROUP GROUP g ann COUNT 2 STREAMS s >", "XREADGROUP GROUP g ann STREAMS s 0")
    ask(peer, "XREADGROUP GROUP g bob COUNT 1 STREAMS s >")


@pytest.fixture
def filled(alice: Peer) -> Peer:
    fill(alice)
    return alice


def ids(reply: bytes) -> list[str]:
    """The entry IDs in a reply, in order."""
    return [line.decode() for line in reply.split(b"\r\n") if line.endswith(b"-1") and line[:1].isdigit()]


def pending(peer: Peer) -> list[tuple[str, str, int, int]]:
    """The rows of XPENDING: ID, consumer, idle time, deliveries."""
    parts = ask(peer, "XPENDING s g - + 10").decode().split("\r\n")[1:-1]
    rows = [parts[at : at + 7] for at in range(0, len(parts), 7)]
    return [(row[2], row[4], int(row[5][1:]), int(row[6][1:])) for row in rows]


def test_what_is_given_back_is_pending_for_nobody(filled: Peer) -> None:
    assert ask(filled, "XNACK s g FAIL IDS 2 1-1 3-1") == b":2\r\n"
    assert pending(filled) == [("1-1", "", -1, 2), ("2-1", "ann", 0, 2), ("3-1", "", -1, 1)]
    assert ask(filled, "XPENDING s g") == (
        b"*4\r\n:3\r\n$3\r\n1-1\r\n$3\r\n3-1\r\n*1\r\n*2\r\n$3\r\nann\r\n$1\r\n1\r\n"
    )


@pytest.mark.parametrize(
    ("words", "deliveries"),
    [
        ("SILENT IDS 1 1-1", 1),
        ("FAIL IDS 1 1-1", 2),
        ("FATAL IDS 1 1-1", FATAL),
        ("fatal RETRYCOUNT 7 IDS 1 1-1", 7),
        ("SILENT IDS 1 1-1 RETRYCOUNT 0", 0),
    ],
)
def test_the_mode_says_how_many_deliveries_count(filled: Peer, words: str, deliveries: int) -> None:
    assert ask(filled, f"XNACK s g {words}") == b":1\r\n"
    assert pending(filled)[0] == ("1-1", "", -1, deliveries)


def test_deliveries_are_not_counted_below_none_or_beyond_all(filled: Peer) -> None:
    ask_each(filled, "XNACK s g SILENT IDS 1 3-1", "XNACK s g SILENT IDS 1 3-1", "XNACK s g FATAL IDS 1 1-1")
    ask(filled, "XCLAIM s g ann 0 1-1 3-1")
    assert [row[3] for row in pending(filled)] == [FATAL, 2, 1]


def test_what_is_not_pending_is_ignored(filled: Peer) -> None:
    assert ask(filled, "XNACK s g FAIL IDS 3 9-9 4-1 1-1") == b":1\r\n"


@pytest.mark.parametrize(("words", "deliveries"), [("FAIL", 0), ("FATAL", FATAL), ("SILENT RETRYCOUNT 3", 3)])
def test_with_force_it_becomes_pending_if_it_exists(filled: Peer, words: str, deliveries: int) -> None:
    assert ask(filled, f"XNACK s g {words} FORCE IDS 2 9-9 5-1") == b":1\r\n"
    assert pending(filled)[-1] == ("5-1", "", -1, deliveries)
    assert b"$17\r\nlast-delivered-id\r\n$3\r\n3-1\r\n" in ask(filled, "XINFO GROUPS s")


def test_giving_back_again_counts_and_moves_to_the_end(filled: Peer) -> None:
    ask_each(filled, "XNACK s g FAIL IDS 3 3-1 1-1 2-1", "XNACK s g SILENT IDS 1 3-1")
    assert pending(filled)[2] == ("3-1", "", -1, 0)
    assert ids(ask(filled, "XREADGROUP GROUP g cleo COUNT 3 CLAIM 100000 STREAMS s >")) == [
        "1-1",
        "2-1",
        "3-1",
    ]


def test_it_is_not_delivered_by_itself(filled: Peer) -> None:
    ask(filled, "XNACK s g FAIL IDS 1 1-1")
    assert ids(ask(filled, "XREADGROUP GROUP g bob STREAMS s >")) == ["4-1", "5-1"]


@pytest.mark.parametrize(
    "taker",
    [
        "XREADGROUP GROUP g cleo COUNT 1 CLAIM {} STREAMS s >",
        "XCLAIM s g cleo {} 2-1",
        "XAUTOCLAIM s g cleo {} 2-1 COUNT 1",
    ],
)
def test_whoever_claims_gets_it_whatever_idle_time_is_asked_for(filled: Peer, taker: str) -> None:
    ask(filled, "XNACK s g FAIL IDS 1 2-1")
    assert "2-1" in ids(ask(filled, taker.format((1 << 63) - 1)))
    assert pending(filled)[1] == ("2-1", "cleo", 0, 3)


def test_it_is_idle_for_ever(filled: Peer) -> None:
    ask(filled, "XNACK s g FAIL IDS 1 2-1")
    assert ids(ask(filled, f"XPENDING s g IDLE {(1 << 63) - 1} - + 10")) == ["2-1"]


def test_who_waits_with_claim_is_woken_at_once(filled: Peer, bob: Peer) -> None:
    ask(filled, "XREADGROUP GROUP g ann STREAMS s >")
    assert ask(bob, "XREADGROUP GROUP g cleo BLOCK 0 CLAIM 100000 STREAMS s >") == b""
    ask(filled, "XNACK s g FAIL IDS 2 3-1 1-1")
    assert ids(bob.take()) == ["3-1", "1-1"]


def test_nobodys_entries_are_in_no_ones_history(filled: Peer) -> None:
    ask(filled, "XNACK s g FAIL IDS 1 1-1")
    assert ids(ask(filled, "XREADGROUP GROUP g ann STREAMS s 0")) == ["2-1"]
    assert ids(ask(filled, "XPENDING s g - + 10 ann")) == ["2-1"]
    assert ask(filled, "XGROUP DELCONSUMER s g ann") == b":1\r\n"
    assert [row[:2] for row in pending(filled)] == [("1-1", ""), ("3-1", "bob")]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("XACK s g 1-1", b":1\r\n"),
        ("XACKDEL s g IDS 1 1-1", b"*1\r\n:1\r\n"),
        ("XDELEX s ACKED IDS 1 1-1", b"*1\r\n:2\r\n"),
        ("XDELEX s DELREF IDS 1 1-1", b"*1\r\n:1\r\n"),
    ],
)
def test_nobodys_entries_are_pending(filled: Peer, command: str, answer: bytes) -> None:
    ask(filled, "XNACK s g FAIL IDS 1 1-1")
    assert ask(filled, command) == answer


def test_without_consumers_there_is_no_list_of_them(filled: Peer) -> None:
    ask(filled, "XNACK s g FAIL IDS 3 1-1 2-1 3-1")
    assert ask(filled, "XPENDING s g") == b"*4\r\n:3\r\n$3\r\n1-1\r\n$3\r\n3-1\r\n*-1\r\n"
    assert ids(ask(filled, "XPENDING s g IDLE 100000000 - + 10")) == ["1-1", "2-1", "3-1"]


def test_xinfo_tells_of_it_where_there_is_any(filled: Peer) -> None:
    assert b"nacked-count" not in ask(filled, "XINFO STREAM s FULL")
    ask(filled, "XNACK s g FAIL IDS 1 1-1")
    full = ask(filled, "XINFO STREAM s FULL")
    assert b"$9\r\npel-count\r\n:3\r\n$12\r\nnacked-count\r\n:1\r\n$7\r\npending\r\n" in full
    assert b"*4\r\n$3\r\n1-1\r\n$0\r\n\r\n:0\r\n:2\r\n" in full


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("XNACK s g NOPE IDS 1 1-1", b"-ERR mode must be SILENT, FAIL, or FATAL\r\n"),
        ("XNACK s no FAIL IDS 1 1-1", b"-NOGROUP No such key 's' or consumer group 'no'\r\n"),
        ("XNACK no g FAIL IDS 1 1-1", b"-NOGROUP No such key 'no' or consumer group 'g'\r\n"),
        ("XNACK s g FAIL IDS 2 1-1 x", b"-ERR Invalid stream ID specified as stream command argument\r\n"),
        ("XNACK s g FAIL IDS 0 1-1", WRONG_NUMBER),
        ("XNACK s g FAIL IDS x 1-1", WRONG_NUMBER),
        ("XNACK s g FAIL IDS 2 1-1", WRONG_COUNT),
        ("XNACK s g FAIL FORCE FORCE FORCE", SYNTAX),
        ("XNACK s g FAIL IDS 1 1-1 NOPE", SYNTAX),
        ("XNACK s g FAIL IDS 1 1-1 RETRYCOUNT -1", b"-ERR Invalid RETRYCOUNT argument for XNACK\r\n"),
        ("XNACK s g FAIL IDS 1 1-1 RETRYCOUNT", SYNTAX),
    ],
)
def test_nothing_is_given_back_with_an_error(filled: Peer, command: str, error: bytes) -> None:
    assert ask(filled, command) == error
    assert [row[1] for row in pending(filled)] == ["ann", "ann", "bob"]


def test_the_log_says_it_in_words_that_redis_knows() -> None:
    kept = Kept()
    ann = kept.peer()
    fill(ann)
    kept.written()
    ask_each(ann, "XNACK s g FAIL IDS 3 3-1 1-1 2-1", "XNACK s g FATAL FORCE IDS 1 5-1")
    tail = "TIME 0 RETRYCOUNT {} FORCE JUSTID"
    assert kept.written() == b"".join(
        encode(*line.split())
        for line in [
            "XCLAIM s g bob 0 3-1 " + tail.format(1),
            "XCLAIM s g ann 0 1-1 2-1 " + tail.format(2),
        ]
    ) + encode("XCLAIM", "s", "g", "", "0", "5-1", *tail.format(FATAL).split())
    assert kept.replays()


def test_the_order_of_giving_back_survives(engine: Workbench) -> None:
    kept = Kept()
    ann = kept.peer()
    fill(ann)
    ask_each(ann, "XNACK s g FAIL IDS 2 3-1 1-1", "XGROUP DELCONSUMER s g bob", "COPY s t")
    kept.written()
    for name in ("s", "t"):
        again = kept.restarted().peer()
        reply = ask(again, f"XREADGROUP GROUP g cleo COUNT 2 CLAIM 0 STREAMS {name} >")
        assert ids(reply) == ["3-1", "1-1"]


def test_a_claim_of_the_year_1970_is_none_of_nobodys() -> None:
    kept = Kept()
    ann = kept.peer()
    fill(ann)
    ask(ann, "XCLAIM s g ann 0 1-1 TIME 0 JUSTID")
    kept.written()
    assert [row[1] for row in pending(kept.restarted().peer())] == ["ann", "ann", "bob"]
