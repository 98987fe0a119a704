"""The list commands that wait. Every expected reply and order was seen on redis-server 8.2.3."""

from __future__ import annotations

import pytest

from tests.commands.asking import ask
from tests.conftest import Peer, Workbench

WRONGTYPE = b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
SYNTAX = b"-ERR syntax error\r\n"
NOT_FLOAT = b"-ERR timeout is not a float or out of range\r\n"
NEGATIVE = b"-ERR timeout is negative\r\n"
OUT_OF_RANGE = b"-ERR timeout is out of range\r\n"
NULL = b"$-1\r\n"
NULL_ARRAY = b"*-1\r\n"


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("BLPOP no l 0", b"*2\r\n$1\r\nl\r\n$1\r\na\r\n"),
        ("BRPOP no l 0", b"*2\r\n$1\r\nl\r\n$1\r\nc\r\n"),
        ("BLMPOP 0 2 no l RIGHT COUNT 2", b"*2\r\n$1\r\nl\r\n*2\r\n$1\r\nc\r\n$1\r\nb\r\n"),
        ("BLMOVE l m LEFT RIGHT 0", b"$1\r\na\r\n"),
        ("BRPOPLPUSH l l 0", b"$1\r\nc\r\n"),
        ("BLPOP l x", NOT_FLOAT),
        ("BLPOP l nan", NOT_FLOAT),
        ("BLPOP s x", NOT_FLOAT),
        ("BLPOP l -1", NEGATIVE),
        ("BLPOP l 1e400", OUT_OF_RANGE),
        ("BLPOP l inf", OUT_OF_RANGE),
        ("BLPOP l 9223372036854775807", OUT_OF_RANGE),
        ("BLPOP s 0.1", WRONGTYPE),
        ("BLMPOP x 1 l LEFT", NOT_FLOAT),
        ("BLMPOP -1 1 l LEFT", NEGATIVE),
        ("BLMPOP x 0 l UP", b"-ERR numkeys should be greater than 0\r\n"),
        ("BLMPOP x 1 l LEFT COUNT 0", b"-ERR count should be greater than 0\r\n"),
        ("BLMPOP 0 1 l UP", SYNTAX),
        ("BLMPOP 0 1 s LEFT", WRONGTYPE),
        ("BLMOVE no m LEFT UP x", SYNTAX),
        ("BLMOVE no m LEFT LEFT x", NOT_FLOAT),
        ("BLMOVE s no LEFT LEFT 0.1", WRONGTYPE),
        ("BLMOVE l s LEFT LEFT 0.1", WRONGTYPE),
        ("BRPOPLPUSH l m -1", NEGATIVE),
    ],
)
def test_nobody_waits_if_there_is_an_element_or_an_error(alice: Peer, line: str, reply: bytes) -> None:
    ask(alice, "RPUSH l a b c")
    ask(alice, "SET s string")
    assert ask(alice, line) == reply


WAITING = [
    "BLPOP l 0.2",
    "BRPOP l l2 0.2",
    "BLMPOP 0.2 2 l l2 LEFT COUNT 2",
    "BLMOVE l s LEFT LEFT 0.2",
    "BRPOPLPUSH l m 0.2",
]


@pytest.mark.parametrize("line", WAITING)
def test_a_wait_in_vain_ends_with_a_null_array(engine: Workbench, alice: Peer, line: str) -> None:
    ask(alice, "SET s string")
    assert ask(alice, line) == b""
    engine.pass_time(300)
    assert alice.take() == NULL_ARRAY


@pytest.mark.parametrize("line", WAITING)
def test_a_wait_in_vain_ends_with_a_null_in_resp3(engine: Workbench, alice: Peer, line: str) -> None:
    ask(alice, "HELLO 3")
    assert ask(alice, line) == b""
    engine.pass_time(300)
    assert alice.take() == b"_\r\n"


def test_inside_a_transaction_nothing_waits(alice: Peer) -> None:
    ask(alice, "MULTI")
    for line in ("BLPOP l 0", "BRPOP l 0", "BLMPOP 0 1 l LEFT", "BLMOVE l m LEFT LEFT 0", "BRPOPLPUSH l m 0"):
        assert ask(alice, line) == b"+QUEUED\r\n"
    assert ask(alice, "EXEC") == b"*5\r\n" + NULL_ARRAY * 3 + NULL * 2


@pytest.mark.parametrize(
    ("line", "reply", "rest"),
    [
        ("BLPOP l 0", b"*2\r\n$1\r\nl\r\n$1\r\na\r\n", b"*2\r\n$1\r\nb\r\n$1\r\nc\r\n"),
        ("BRPOP l 0", b"*2\r\n$1\r\nl\r\n$1\r\nc\r\n", b"*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
        ("BLMPOP 0 1 l LEFT COUNT 2", b"*2\r\n$1\r\nl\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n", b"*1\r\n$1\r\nc\r\n"),
        ("BLMOVE l m LEFT LEFT 0", b"$1\r\na\r\n", b"*2\r\n$1\r\nb\r\n$1\r\nc\r\n"),
        ("BRPOPLPUSH l m 0", b"$1\r\nc\r\n", b"*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
    ],
)
def test_a_push_serves_who_waits(alice: Peer, bob: Peer, line: str, reply: bytes, rest: bytes) -> None:
    assert ask(alice, line) == b""
    assert ask(bob, "RPUSH l a b c") == b":3\r\n"
    assert alice.take() == reply
    assert ask(bob, "LRANGE l 0 -1") == rest


def test_a_push_serves_the_client_that_waited_longest(alice: Peer, bob: Peer, carol: Peer) -> None:
    assert ask(alice, "BLPOP jobs 0") == b""
    assert ask(bob, "BLPOP jobs 0") == b""
    assert ask(carol, "RPUSH jobs a") == b":1\r\n"
    assert alice.take() == b"*2\r\n$4\r\njobs\r\n$1\r\na\r\n"
    assert bob.take() == b""
    assert ask(carol, "RPUSH jobs b") == b":1\r\n"
    assert bob.take() == b"*2\r\n$4\r\njobs\r\n$1\r\nb\r\n"


def test_a_move_serves_who_waits_for_its_target(alice: Peer, bob: Peer, carol: Peer) -> None:
    assert ask(alice, "BLMOVE a b LEFT LEFT 0") == b""
    assert ask(bob, "BLPOP b 0") == b""
    assert ask(carol, "RPUSH a x") == b":1\r\n"
    assert alice.take() == b"$1\r\nx\r\n"
    assert bob.take() == b"*2\r\n$1\r\nb\r\n$1\r\nx\r\n"
    assert ask(carol, "EXISTS a b") == b":0\r\n"


def test_another_type_under_the_key_leaves_the_waiter_waiting(alice: Peer, bob: Peer) -> None:
    assert ask(alice, "BLPOP l 0") == b""
    assert ask(bob, "SET l string") == b"+OK\r\n"
    assert alice.take() == b""
    ask(bob, "DEL l")
    ask(bob, "RPUSH l a")
    assert alice.take() == b"*2\r\n$1\r\nl\r\n$1\r\na\r\n"


@pytest.mark.parametrize("line", ["BLPOP l1 l2 0", "BLMPOP 0 2 l1 l2 LEFT"])
def test_another_type_under_an_earlier_key_is_an_error_once_a_list_comes(
    alice: Peer, bob: Peer, line: str
) -> None:
    assert ask(alice, line) == b""
    ask(bob, "SET l1 string")
    assert alice.take() == b""
    ask(bob, "RPUSH l2 a")
    assert alice.take() == WRONGTYPE
    assert ask(bob, "LLEN l2") == b":1\r\n"


def test_a_target_of_another_type_is_an_error_once_an_element_comes(alice: Peer, bob: Peer) -> None:
    assert ask(alice, "BLMOVE l s LEFT LEFT 0") == b""
    ask(bob, "SET s string")
    assert ask(bob, "RPUSH l a") == b":1\r\n"
    assert alice.take() == WRONGTYPE
    assert ask(bob, "LLEN l") == b":1\r\n"


def test_what_is_gone_at_the_end_of_a_transaction_serves_nobody(alice: Peer, bob: Peer) -> None:
    assert ask(alice, "BLPOP l 0") == b""
    for line in ("MULTI", "LPUSH l a", "DEL l", "EXEC"):
        ask(bob, line)
    assert alice.take() == b""


def test_what_was_sent_behind_a_wait_is_answered_after_it(alice: Peer, bob: Peer) -> None:
    assert alice.feed(b"BLPOP l 0\r\nPING\r\n") == b""
    ask(bob, "RPUSH l a")
    assert alice.take() == b"*2\r\n$1\r\nl\r\n$1\r\na\r\n+PONG\r\n"
