"""SET and DELEX with conditions, DIGEST, MSETEX: as the manual of Redis 8.4 describes them.

redis-server 8.2.3 does not know them, so nothing of this was compared.
"""

from __future__ import annotations

import pytest

from tests.commands.asking import ask, logged
from tests.conftest import Peer, Workbench
from tests.resp import NULL, OK, SYNTAX, WRONGTYPE, bulk

ABC = "78af5f94892f3950"
NOW_MS = 1_700_000_000_000
NOT_A_DIGEST = b"-ERR must be exactly 16 hexadecimal characters\r\n"


# -- DIGEST ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("", "2d06800538d394c2"),
        ("abc", ABC),
        ("Hello world", "b6acb9d84a38ff74"),
        ("The quick brown fox jumps over the lazy dog", "ce7d19a5418fb365"),
        ("a" * 129, "1586e7ed07cba75b"),
        ("a" * 241, "f6cfef5c5aca1930"),
        ("a" * 1025, "d46a63acfb8da1ea"),
    ],
)
def test_digests_are_xxh3(alice: Peer, text: str, digest: str) -> None:
    alice.send("SET", "k", text)
    assert alice.send("DIGEST", "k") == bulk(digest)


def test_what_has_been_edited_in_place_has_a_digest_too(alice: Peer) -> None:
    ask(alice, "APPEND k ab")
    ask(alice, "APPEND k c")
    assert ask(alice, "DIGEST k") == bulk(ABC)
    assert ask(alice, f"SET k new IFDEQ {ABC}") == OK


def test_only_strings_have_a_digest(alice: Peer) -> None:
    ask(alice, "RPUSH l a")
    assert ask(alice, "DIGEST l") == WRONGTYPE
    assert ask(alice, "DIGEST none") == NULL


# -- SET -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("IFEQ abc", True),
        ("ifeq abd", False),
        ("IFNE abc", False),
        ("IFNE abd", True),
        (f"IFDEQ {ABC.upper()}", True),
        ("IFDEQ 0000000000000000", False),
        (f"IFDNE {ABC}", False),
        ("IFDNE 0000000000000000", True),
    ],
)
def test_a_condition_decides_about_set_and_delex(alice: Peer, condition: str, holds: bool) -> None:
    ask(alice, "SET k abc")
    assert ask(alice, f"SET k new {condition}") == (OK if holds else NULL)
    assert ask(alice, "GET k") == bulk("new" if holds else "abc")
    ask(alice, "SET k abc")
    assert ask(alice, f"DELEX k {condition}") == b":%d\r\n" % holds
    assert ask(alice, "EXISTS k") == b":%d\r\n" % (not holds)


def test_a_missing_key_equals_nothing(alice: Peer) -> None:
    assert ask(alice, "SET k v IFEQ ''") == NULL
    assert ask(alice, f"SET k v IFDEQ {ABC}") == NULL
    assert ask(alice, "SET k v IFNE x GET") == NULL
    assert ask(alice, "GET k") == bulk("v")
    assert ask(alice, "DELEX none IFNE x") == b":0\r\n"


def test_with_get_the_old_value_is_answered_set_or_not(alice: Peer) -> None:
    ask(alice, "SET k old")
    assert ask(alice, "SET k new IFEQ other GET") == bulk("old")
    assert ask(alice, "SET k new GET IFEQ old EX 100") == bulk("old")
    assert ask(alice, "TTL k") == b":100\r\n"


@pytest.mark.parametrize(
    "options", ["IFEQ a NX", "XX IFNE a", "IFEQ a IFEQ a", "IFEQ a IFDEQ b", "IFEQ", "NX XX"]
)
def test_there_is_one_condition(alice: Peer, options: str) -> None:
    ask(alice, "SET k a")
    assert ask(alice, f"SET k v {options}") == SYNTAX
    assert ask(alice, "GET k") == bulk("a")


def test_digests_have_sixteen_digits(alice: Peer) -> None:
    assert ask(alice, "SET none v IFDEQ abc") == NOT_A_DIGEST
    ask(alice, "SET k a")
    assert ask(alice, "DELEX k IFDNE abc") == NOT_A_DIGEST


def test_other_types_have_no_conditions(alice: Peer) -> None:
    ask(alice, "RPUSH l a")
    assert ask(alice, "SET l v IFEQ a") == WRONGTYPE
    assert ask(alice, "DELEX l IFEQ a") == (
        b"-ERR Key should be of string type if conditions are specified\r\n"
    )
    assert ask(alice, "DELEX l") == b":1\r\n"


def test_delex_has_two_words_or_four(alice: Peer) -> None:
    wrong = b"-ERR wrong number of arguments for 'delex' command\r\n"
    assert ask(alice, "DELEX k IFEQ") == ask(alice, "DELEX k IFEQ a b") == wrong
    ask(alice, "SET k a")
    assert ask(alice, "DELEX k NX a") == b"-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE\r\n"


# -- MSETEX ----------------------------------------------------------------------------------------


def test_msetex_sets_all_or_none(alice: Peer) -> None:
    assert ask(alice, "MSETEX 2 a 1 b 2 NX EX 100") == b":1\r\n"
    assert ask(alice, "TTL b") == b":100\r\n"
    assert ask(alice, "MSETEX 2 a 3 c 3 NX") == ask(alice, "MSETEX 2 a 3 c 3 XX") == b":0\r\n"
    assert ask(alice, "MGET a c") == b"*2\r\n$1\r\n1\r\n$-1\r\n"
    assert ask(alice, "MSETEX 2 a 4 b 4 XX KEEPTTL") == b":1\r\n"
    assert ask(alice, "TTL a") == b":100\r\n"
    assert ask(alice, "MSETEX 1 a 5") == b":1\r\n"
    assert ask(alice, "TTL a") == b":-1\r\n"


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("0 a 1", "invalid numkeys value"),
        ("x a 1", "invalid numkeys value"),
        ("2 a 1 b", "wrong number of key-value pairs"),
        ("1 a 1 NX XX", "syntax error"),
        ("1 a 1 EX 1 KEEPTTL", "syntax error"),
        ("1 a 1 IFEQ 1", "syntax error"),
        ("1 a 1 EX 0", "invalid expire time in 'msetex' command"),
    ],
)
def test_msetex_refuses(alice: Peer, words: str, error: str) -> None:
    assert ask(alice, f"MSETEX {words}") == b"-ERR %b\r\n" % error.encode()
    assert ask(alice, "EXISTS a") == b":0\r\n"


def test_msetex_names_its_keys(alice: Peer) -> None:
    assert ask(alice, "COMMAND GETKEYS MSETEX 2 a 1 b 2 NX") == b"*2\r\n$1\r\na\r\n$1\r\nb\r\n"


# -- the log ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "effects"),
    [
        ("SET k new IFEQ old", "SET k new"),
        ("SET k new IFEQ old KEEPTTL", "SET k new KEEPTTL"),
        ("SET k new IFNE x GET PX 100", f"SET k new PXAT {NOW_MS + 100}"),
        ("SET k new IFEQ x", ""),
        ("DELEX k IFEQ old", "DEL k"),
        ("DELEX k IFEQ x", ""),
        ("MSETEX 1 k v KEEPTTL", "SET k v KEEPTTL"),
        (
            "MSETEX 2 k v m w EX 1",
            f"MULTI | SET k v PXAT {NOW_MS + 1000} | SET m w PXAT {NOW_MS + 1000} | EXEC",
        ),
    ],
)
def test_the_log_has_words_that_redis_8_2_knows(
    engine: Workbench, alice: Peer, line: str, effects: str
) -> None:
    ask(alice, "SET k old")
    found = [" ".join(word.decode() for word in argv) for argv in logged(engine, alice, line)]
    assert " | ".join(found) == effects


# -- DELIFEQ ---------------------------------------------------------------------------------------


def test_delifeq_deletes_what_is_equal(engine: Workbench, alice: Peer) -> None:
    """As the manual of Valkey 9.0 has it."""
    ask(alice, "SET k abc")
    assert ask(alice, "DELIFEQ k abd") == ask(alice, "DELIFEQ none abd") == b":0\r\n"
    assert ask(alice, "GET k") == bulk("abc")
    assert ask(alice, "DELIFEQ k abc") == b":1\r\n"
    assert ask(alice, "EXISTS k") == b":0\r\n"
    ask(alice, "RPUSH l a")
    assert ask(alice, "DELIFEQ l a") == WRONGTYPE
    ask(alice, "SET k abc")
    assert logged(engine, alice, "DELIFEQ k abc") == [[b"DEL", b"k"]]
