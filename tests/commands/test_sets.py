"""The set commands, bytes in and bytes out. Every expected reply was seen on redis-server 8.2.3."""

from __future__ import annotations

import pytest

from tests.commands.asking import ask
from tests.conftest import Kept, Peer
from tests.resp import bulks, encode

WRONGTYPE = b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"


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


# -- several of them -------------------------------------------------------------------------------


@pytest.fixture
def filled(alice: Peer) -> Peer:
    for line in ("SADD a 1 2 3", "SADD b 3 2 x", "SET s v"):
        ask(alice, line)
    return alice


@pytest.mark.parametrize(
    ("line", "members"),
    [
        ("SINTER a b", "23"),
        ("SINTER a gone", ""),
        ("SUNION a b gone", "123x"),
        ("SDIFF b a", "x"),
        ("SDIFF gone a", ""),
        ("SDIFF a gone", "123"),
    ],
)
def test_sets_are_combined(filled: Peer, line: str, members: str) -> None:
    reply = ask(filled, line)
    assert sorted(reply.split(b"\r\n")[2::2]) == sorted(word.encode() for word in members)


def test_what_is_combined_can_be_stored(filled: Peer) -> None:
    assert ask(filled, "SINTERSTORE d a b") == b":2\r\n"
    assert ask(filled, "OBJECT ENCODING d") == b"$6\r\nintset\r\n"
    assert ask(filled, "SUNIONSTORE s a b") == b":4\r\n"
    assert ask(filled, "TYPE s") == b"+set\r\n"
    assert ask(filled, "SDIFFSTORE d a a") == b":0\r\n"
    assert ask(filled, "EXISTS d") == b":0\r\n"


def test_an_intersection_keeps_the_order_of_a_smallest_set_that_is_a_listpack(alice: Peer) -> None:
    ask(alice, "SADD a y 2 1 x")
    ask(alice, "SADD b 1 2 x z 4")
    ask(alice, "SINTERSTORE d a b")
    assert ask(alice, "SMEMBERS d") == b"*3\r\n$1\r\n2\r\n$1\r\n1\r\n$1\r\nx\r\n"
    ask(alice, "SADD c 1 2 3 4 z")
    ask(alice, "SINTERSTORE d a c")
    assert ask(alice, "OBJECT ENCODING d") == b"$6\r\nintset\r\n"


def test_an_intersection_of_more_integers_than_an_intset_takes_is_a_listpack(alice: Peer) -> None:
    ask(alice, "CONFIG SET set-max-intset-entries 1")
    ask(alice, "SADD a 2 1 x")
    ask(alice, "SADD b 1 2 3 4")
    ask(alice, "SINTERSTORE d a b")
    ask(alice, "CONFIG SET set-max-intset-entries 512")
    assert ask(alice, "OBJECT ENCODING d") == b"$8\r\nlistpack\r\n"


def test_a_set_that_does_not_exist_does_not_change_how_a_difference_is_made(alice: Peer) -> None:
    ask(alice, "CONFIG SET set-max-listpack-entries 3")
    ask(alice, "SADD a c 3 01 -5")
    ask(alice, "SADD b c")
    ask(alice, "SDIFFSTORE d a gone b")
    ask(alice, "CONFIG SET set-max-listpack-entries 128")
    assert ask(alice, "OBJECT ENCODING d") == b"$8\r\nlistpack\r\n"


@pytest.mark.parametrize(
    "line", ["SINTER gone s", "SDIFF gone s", "SINTERSTORE a gone s", "SINTERCARD 2 gone s"]
)
def test_a_wrong_type_is_an_error_even_where_the_result_is_known(filled: Peer, line: str) -> None:
    assert ask(filled, line).startswith(b"-WRONGTYPE")
    assert ask(filled, "SCARD a") == b":3\r\n"


def test_sintercard_stops_at_its_limit(filled: Peer) -> None:
    assert ask(filled, "SINTERCARD 2 a b") == b":2\r\n"
    assert ask(filled, "SINTERCARD 2 a b LIMIT 1") == b":1\r\n"
    many = range(3000)
    for name in "xy":
        filled.send("SADD", name, *many)
    assert ask(filled, "SINTERCARD 2 x y LIMIT 1500") == b":1500\r\n"
    assert ask(filled, "SINTERCARD 2 x y LIMIT 4000") == ask(filled, "SINTERCARD 2 x y") == b":3000\r\n"
    assert ask(filled, "SDIFF x y a") == b"*0\r\n"
    assert ask(filled, "SINTERCARD 2 a b LIMIT 0") == b":2\r\n"
    assert ask(filled, "SINTERCARD 0 a") == b"-ERR numkeys should be greater than 0\r\n"
    assert ask(filled, "SINTERCARD 3 a b") == b"-ERR Number of keys can't be greater than number of args\r\n"


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("SUNIONCARD 2 a b", 4),
        ("SUNIONCARD 3 a b gone", 4),
        ("SUNIONCARD 1 gone", 0),
        ("SUNIONCARD 2 a a", 3),
        ("SUNIONCARD 2 a b LIMIT 0", 4),
        ("SUNIONCARD 2 a b LIMIT 3", 3),
        ("SUNIONCARD 2 a b LIMIT 2", 2),
        ("SUNIONCARD 2 a b LIMIT 9 limit 4", 4),
        ("SUNIONCARD 2 a b APPROX", 4),
        ("SUNIONCARD 2 a b APPROX LIMIT 1", 1),
        ("SUNIONCARD 2 a b LIMIT 3 APPROX", 3),
        ("SDIFFCARD 2 a b", 1),
        ("SDIFFCARD 2 a gone", 3),
        ("SDIFFCARD 2 gone a", 0),
        ("SDIFFCARD 2 a gone LIMIT 2", 2),
        ("SDIFFCARD 1 a LIMIT 0", 3),
        ("SDIFFCARD 2 a a", 0),
    ],
)
def test_unions_and_differences_are_counted_up_to_a_limit(filled: Peer, line: str, count: int) -> None:
    """As the manual of Redis 8.10 has them, and SINTERCARD of 8.2.3 where that says nothing."""
    assert ask(filled, line) == b":%d\r\n" % count


@pytest.mark.parametrize("name", ["SUNIONCARD", "SDIFFCARD"])
def test_what_counts_unions_and_differences_refuses(filled: Peer, name: str) -> None:
    assert ask(filled, f"{name} 2 gone s").startswith(b"-WRONGTYPE")
    assert ask(filled, f"{name} 0 a") == b"-ERR numkeys should be greater than 0\r\n"
    assert ask(filled, f"{name} x a") == b"-ERR numkeys should be greater than 0\r\n"
    assert ask(filled, f"{name} 3 a b") == b"-ERR Number of keys can't be greater than number of args\r\n"
    assert ask(filled, f"{name} 1 a LIMIT -1") == b"-ERR LIMIT can't be negative\r\n"
    assert ask(filled, f"{name} 1 a LIMIT") == b"-ERR syntax error\r\n"
    assert ask(filled, f"{name} 1 a b") == b"-ERR syntax error\r\n"
    assert ask(filled, "SDIFFCARD 1 a APPROX") == b"-ERR syntax error\r\n"


def test_large_sets_are_counted_as_they_would_be_collected(alice: Peer) -> None:
    alice.send("SADD", "x", *range(3000))
    alice.send("SADD", "y", *range(2000, 4500))
    assert ask(alice, "SUNIONCARD 2 y x") == b":4500\r\n"
    assert ask(alice, "SUNIONCARD 2 y x LIMIT 4000") == b":4000\r\n"
    assert ask(alice, "SDIFFCARD 2 x y") == b":2000\r\n"
    assert ask(alice, "SDIFFCARD 2 x y LIMIT 1500") == b":1500\r\n"


# -- moving and drawing ----------------------------------------------------------------------------


def test_smove(filled: Peer) -> None:
    assert ask(filled, "SMOVE a c 1") == b":1\r\n"
    assert ask(filled, "SMOVE a b 2") == b":1\r\n"
    assert ask(filled, "SMOVE a b 9") == b":0\r\n"
    assert ask(filled, "SMOVE a a 3") == b":1\r\n"
    assert ask(filled, "SMOVE a b 3") == b":1\r\n"
    assert ask(filled, "EXISTS a") == b":0\r\n"
    assert ask(filled, "SMOVE gone s 3") == b":0\r\n"
    assert ask(filled, "SMOVE b s 99").startswith(b"-WRONGTYPE")


def test_spop_is_logged_as_what_it_took() -> None:
    kept = Kept()
    ann = kept.peer()
    ask(ann, "SADD a 1 2 3 4")
    kept.written()
    popped = ask(ann, "SPOP a").split(b"\r\n")[1]
    assert kept.written() == encode("SREM", "a", popped)
    two = ask(ann, "SPOP a 2").split(b"\r\n")[2::2]
    assert kept.written() == encode("SREM", "a", *two)
    ask(ann, "SPOP a 5")
    assert kept.written() == encode("DEL", "a")
    assert ask(ann, "SPOP a") == b"$-1\r\n"
    assert ask(ann, "SPOP a 5") == b"*0\r\n"
    assert kept.replays()


def test_a_run_of_sadds_logs_only_what_was_new() -> None:
    kept = Kept()
    ann = kept.peer()
    ask(ann, "SADD a x")
    kept.written()
    for members, new in (("1213x", "123"), ("45678", "45678"), ("12345", "")):
        replies = ann.feed(b"".join(encode("SADD", "a", member) for member in members))
        assert replies.count(b":1") == len(new)
        assert kept.written() == b"".join(encode("SADD", "a", member) for member in new)
        assert kept.replays()


def test_a_run_of_sadds_to_several_sets_logs_only_what_was_new() -> None:
    kept = Kept()
    ann = kept.peer()
    ask(ann, "SADD a x")
    ask(ann, "EXPIRE a 100")
    kept.written()
    runs = [
        ("a1 b1 b1 c2 ax", [1, 1, 0, 1, 0], {"a": b"listpack", "b": b"intset", "c": b"intset"}),
        ("a1 b1 a1 c2", [0, 0, 0, 0], {"a": b"listpack"}),
        ("d1 e1 dx d%s" % ("x" * 65), [1, 1, 1, 1], {"d": b"hashtable", "e": b"intset"}),
    ]  # fmt: skip
    for words, new, encodings in runs:
        commands = [("SADD", word[0], word[1:]) for word in words.split()]
        replies = ann.feed(b"".join(encode(*argv) for argv in commands))
        assert replies == b"".join(b":%d\r\n" % flag for flag in new)
        assert kept.written() == b"".join(
            encode(*argv) for argv, flag in zip(commands, new, strict=True) if flag
        )
        for name, encoding in encodings.items():
            assert ask(ann, f"OBJECT ENCODING {name}").endswith(b"\r\n%b\r\n" % encoding)
        assert kept.replays()


def test_a_run_of_sadds_to_several_keys_meets_one_of_another_type(filled: Peer) -> None:
    ask(filled, "SET s x")
    replies = filled.feed(b"".join(encode("SADD", name, "new") for name in "absa"))
    assert replies.startswith(b":1\r\n:1\r\n-WRONGTYPE ")
    assert replies.endswith(b"\r\n:0\r\n")


def test_srandmember_leaves_the_set_as_it_is(filled: Peer) -> None:
    assert ask(filled, "SRANDMEMBER a") in {b"$1\r\n%b\r\n" % member for member in (b"1", b"2", b"3")}
    assert ask(filled, "SRANDMEMBER a 5") == b"*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n"
    assert ask(filled, "SRANDMEMBER a -7").startswith(b"*7\r\n")
    assert ask(filled, "SRANDMEMBER gone 5") == b"*0\r\n"
    assert ask(filled, "SMISMEMBER a 1 9") == b"*2\r\n:1\r\n:0\r\n"
    assert ask(filled, "SCARD a") == b":3\r\n"


def test_sscan_returns_a_small_set_at_once(filled: Peer) -> None:
    assert ask(filled, "SSCAN a 0") == b"*2\r\n$1\r\n0\r\n*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n"
    assert ask(filled, "SSCAN b 0 MATCH x") == b"*2\r\n$1\r\n0\r\n*1\r\n$1\r\nx\r\n"
