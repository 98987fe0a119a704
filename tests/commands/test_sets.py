"""The set commands, bytes in and bytes out. Every expected reply was seen on redis-server 8.2.3."""

from __future__ import annotations

import pytest

from tests.conftest import Peer

WRONGTYPE = b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"


def ask(peer: Peer, line: str) -> bytes:
    """Send the words of `line`."""
    return peer.send(*line.split())


def bulks(*members: str) -> bytes:
    return b"*%d\r\n" % len(members) + b"".join(
        b"$%d\r\n%b\r\n" % (len(member), member.encode()) for member in members
    )


# -- one set ---------------------------------------------------------------------------------------


def test_sadd_counts_what_is_new(alice: Peer) -> None:
    assert ask(alice, "SADD s b a b") == b":2\r\n"
    assert ask(alice, "SADD s a c") == b":1\r\n"
    assert ask(alice, "SADD s a") == b":0\r\n"
    assert ask(alice, "SCARD s") == b":3\r\n"
    assert ask(alice, "SMEMBERS s") == bulks("b", "a", "c")


def test_srem_takes_the_key_with_the_last_member(alice: Peer) -> None:
    ask(alice, "SADD s a b c")
    assert ask(alice, "SREM s nobody") == b":0\r\n"
    assert ask(alice, "SREM s a a nobody") == b":1\r\n"
    assert ask(alice, "SREM s b c") == b":2\r\n"
    assert ask(alice, "EXISTS s") == b":0\r\n"
    assert ask(alice, "SREM s a") == b":0\r\n"


def test_sismember(alice: Peer) -> None:
    ask(alice, "SADD s a")
    assert ask(alice, "SISMEMBER s a") == b":1\r\n"
    assert ask(alice, "SISMEMBER s b") == b":0\r\n"
    assert ask(alice, "SISMEMBER no a") == b":0\r\n"


def test_integers_are_in_order_until_a_word_comes(alice: Peer) -> None:
    ask(alice, "SADD s 10 9 -1 2")
    assert ask(alice, "OBJECT ENCODING s") == b"$6\r\nintset\r\n"
    assert ask(alice, "SMEMBERS s") == bulks("-1", "2", "9", "10")
    ask(alice, "SADD s 1 word 0")
    assert ask(alice, "OBJECT ENCODING s") == b"$8\r\nlistpack\r\n"
    assert ask(alice, "SMEMBERS s") == bulks("-1", "1", "2", "9", "10", "word", "0")


@pytest.mark.parametrize("line", ["SADD k a", "SREM k a", "SCARD k", "SISMEMBER k a", "SMEMBERS k"])
def test_other_types_are_refused(alice: Peer, line: str) -> None:
    ask(alice, "SET k string")
    assert ask(alice, line) == WRONGTYPE


def test_sets_in_resp3(alice: Peer) -> None:
    ask(alice, "HELLO 3")
    ask(alice, "SADD s a")
    assert ask(alice, "SMEMBERS s") == b"~1\r\n$1\r\na\r\n"
    assert ask(alice, "SMEMBERS no") == b"~0\r\n"
