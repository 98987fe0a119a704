"""LMOVEM and BLMOVEM, as the manual of Redis 8.10 describes them; LMOVE is in test_lists.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.commands.asking import ask, logged
from tests.conftest import Peer, Workbench
from tests.resp import bulks

NULL_ARRAY = b"*-1\r\n"
WRONGTYPE = b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"


def elements(peer: Peer, name: str) -> str:
    reply = ask(peer, f"LRANGE {name} 0 -1").split(b"\r\n")
    return b"".join(reply[2::2]).decode()


@pytest.mark.parametrize(
    ("words", "reply", "source", "target"),
    [
        ("LEFT RIGHT", "1", "2345", "ab1"),
        ("LEFT LEFT COUNT 3 OBO", "321", "45", "321ab"),
        ("LEFT RIGHT COUNT 3 OBO", "123", "45", "ab123"),
        ("LEFT LEFT COUNT 3 BULK", "123", "45", "123ab"),
        ("RIGHT LEFT count 2 bulk", "45", "123", "45ab"),
        ("RIGHT RIGHT COUNT 2 BULK", "45", "123", "ab45"),
        ("RIGHT RIGHT COUNT 2 OBO", "54", "123", "ab54"),
        ("RIGHT LEFT EXACTLY 5 OBO", "12345", "", "12345ab"),
        ("LEFT RIGHT COUNT 99 BULK", "12345", "", "ab12345"),
    ],
)
def test_elements_are_moved_one_by_one_or_in_order(
    alice: Peer, words: str, reply: str, source: str, target: str
) -> None:
    ask(alice, "RPUSH s 1 2 3 4 5")
    ask(alice, "RPUSH d a b")
    assert ask(alice, f"LMOVEM s d {words}") == bulks(*reply)
    assert (elements(alice, "s"), elements(alice, "d")) == (source, target)
    assert ask(alice, "EXISTS s") == b":%d\r\n" % bool(source)


@pytest.mark.parametrize(
    ("words", "reply", "after"),
    [
        ("LEFT LEFT COUNT 3 BULK", "123", "12345"),
        ("LEFT LEFT COUNT 3 OBO", "321", "32145"),
        ("RIGHT RIGHT EXACTLY 5 OBO", "54321", "54321"),
        ("LEFT RIGHT COUNT 2 BULK", "12", "34512"),
        ("RIGHT LEFT COUNT 5 OBO", "12345", "12345"),
    ],
)
def test_within_one_list_all_are_taken_first(alice: Peer, words: str, reply: str, after: str) -> None:
    ask(alice, "RPUSH s 1 2 3 4 5")
    ask(alice, "EXPIRE s 100")
    assert ask(alice, f"LMOVEM s s {words}") == bulks(*reply)
    assert elements(alice, "s") == after
    assert ask(alice, "TTL s") == b":100\r\n"


def test_there_may_be_nothing_to_move(alice: Peer) -> None:
    ask(alice, "RPUSH s 1 2")
    ask(alice, "SET text x")
    assert ask(alice, "LMOVEM s d LEFT LEFT EXACTLY 3 OBO") == NULL_ARRAY
    assert ask(alice, "LMOVEM none d LEFT LEFT COUNT 3 OBO") == NULL_ARRAY
    assert ask(alice, "LMOVEM none text LEFT LEFT") == NULL_ARRAY
    assert ask(alice, "LMOVEM s text LEFT LEFT EXACTLY 3 OBO") == NULL_ARRAY
    assert ask(alice, "LMOVEM s text LEFT LEFT") == ask(alice, "LMOVEM text s LEFT LEFT") == WRONGTYPE
    assert elements(alice, "s") == "12"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("LEFT UP", "syntax error"),
        ("LEFT LEFT COUNT 1", "syntax error"),
        ("LEFT LEFT COUNT 1 ALL", "syntax error"),
        ("LEFT LEFT MOST 1 OBO", "syntax error"),
        ("LEFT LEFT COUNT 1 OBO x", "syntax error"),
        ("LEFT LEFT COUNT 0 OBO", "count should be greater than 0"),
        ("LEFT LEFT EXACTLY x BULK", "count should be greater than 0"),
    ],
)
def test_words_that_make_no_sentence(alice: Peer, words: str, error: str) -> None:
    assert ask(alice, f"LMOVEM s d {words}") == b"-ERR %b\r\n" % error.encode()


# -- waiting ---------------------------------------------------------------------------------------


def test_blmovem_waits_until_there_are_enough(alice: Peer, bob: Peer, carol: Peer) -> None:
    assert ask(alice, "BLMOVEM s d LEFT RIGHT 0 EXACTLY 3 BULK") == b""
    assert ask(bob, "BLMOVEM s d LEFT RIGHT 0 COUNT 2 OBO") == b""
    assert ask(carol, "RPUSH s 1 2") == b":2\r\n"
    assert alice.take() == b""  # who cannot be served holds nobody up
    assert bob.take() == bulks("1", "2")
    ask(carol, "RPUSH s 3 4")
    assert alice.take() == b""
    ask(carol, "RPUSH s 5 6")
    assert alice.take() == bulks("3", "4", "5")
    assert elements(carol, "s") == "6"


def test_in_a_transaction_blmovem_does_not_wait(alice: Peer) -> None:
    ask(alice, "MULTI")
    ask(alice, "BLMOVEM s d LEFT RIGHT 0 EXACTLY 3 BULK")
    assert ask(alice, "EXEC") == b"*1\r\n" + NULL_ARRAY
    assert ask(alice, "BLMOVEM s d LEFT RIGHT -1") == b"-ERR timeout is negative\r\n"


# -- the log ---------------------------------------------------------------------------------------


@given(
    st.integers(1, 6), st.booleans(), st.booleans(), st.sampled_from(["OBO", "BULK"]), st.sampled_from("sd")
)
def test_what_is_logged_leads_to_the_same(
    number: int, from_left: bool, to_left: bool, order: str, target: str
) -> None:
    sides = [("LEFT" if left else "RIGHT") for left in (from_left, to_left)]
    line = f"LMOVEM s {target} {sides[0]} {sides[1]} COUNT {number} {order}"
    engine, other = Workbench(), Workbench()
    moving, following = engine.peer(), other.peer()
    for peer in (moving, following):
        ask(peer, "RPUSH s 1 2 3 4 5")
        ask(peer, "PEXPIREAT s 1800000000000")
    for argv in logged(engine, moving, line):
        following.send(*[word.decode() for word in argv])
    for name in ("s", "d"):
        assert elements(moving, name) == elements(following, name)
        assert ask(moving, f"PTTL {name}") == ask(following, f"PTTL {name}")
