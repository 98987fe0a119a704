"""HIMPORT, as the manual of Redis 8.10 describes it; redis-server 8.2.3 does not know it."""

from __future__ import annotations

import pytest

from tests.commands.asking import ask, logged
from tests.conftest import Kept, Peer, Workbench
from tests.resp import OK, bulks, encode


def test_values_stand_in_the_order_in_which_the_fields_were_named(alice: Peer) -> None:
    assert ask(alice, "HIMPORT PREPARE p name id age") == OK
    assert ask(alice, "HIMPORT SET h p Ann 7 30") == OK
    assert ask(alice, "HGETALL h") == bulks("id", "7", "age", "30", "name", "Ann")
    assert ask(alice, "TYPE h") == b"+hash\r\n"


def test_what_was_under_the_key_gives_way_with_its_expiry(alice: Peer) -> None:
    ask(alice, "HIMPORT PREPARE p a")
    ask(alice, "SET k v EX 100")
    assert ask(alice, "HIMPORT SET k p 1") == OK
    assert ask(alice, "TTL k") == b":-1\r\n"
    ask(alice, "HSET k b 2")
    ask(alice, "HEXPIRE k 100 FIELDS 1 a")
    ask(alice, "HIMPORT SET k p 3")
    assert ask(alice, "HGETALL k") == bulks("a", "3")
    assert ask(alice, "HTTL k FIELDS 1 a") == b"*1\r\n:-1\r\n"


def test_a_fieldset_belongs_to_its_connection_until_it_is_reset(alice: Peer, bob: Peer) -> None:
    missing = b"-ERR no such fieldset\r\n"
    ask(alice, "HIMPORT PREPARE p a")
    assert ask(bob, "HIMPORT SET k p 1") == missing
    ask(alice, "HIMPORT PREPARE p a b")  # in place of the other
    assert ask(alice, "HIMPORT SET k p 1 2") == OK
    ask(alice, "RESET")
    assert ask(alice, "HIMPORT SET k p 1 2") == missing


def test_discarding(alice: Peer) -> None:
    for name in "pqr":
        ask(alice, f"HIMPORT PREPARE {name} a")
    assert ask(alice, "HIMPORT DISCARD p") == b":1\r\n"
    assert ask(alice, "HIMPORT DISCARD p") == b":0\r\n"
    assert ask(alice, "HIMPORT DISCARDALL") == b":2\r\n"
    assert ask(alice, "HIMPORT DISCARDALL") == b":0\r\n"
    assert ask(alice, "HIMPORT SET k q 1") == b"-ERR no such fieldset\r\n"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("PREPARE q a b a", "duplicate field name in fieldset"),
        ("PREPARE q", "wrong number of arguments for 'himport|prepare' command"),
        ("SET k p 1 2", "value count does not match fieldset field count"),
        ("SET k q 1", "no such fieldset"),
        ("SET k p", "wrong number of arguments for 'himport|set' command"),
        ("DISCARD", "wrong number of arguments for 'himport|discard' command"),
        ("NOSUCH", "unknown subcommand 'NOSUCH'. Try HIMPORT HELP."),
    ],
)
def test_refusals(alice: Peer, line: str, error: str) -> None:
    ask(alice, "HIMPORT PREPARE p a")
    assert ask(alice, f"HIMPORT {line}") == b"-ERR %b\r\n" % error.encode()
    assert ask(alice, "EXISTS k") == b":0\r\n"


def test_scripts_have_fieldsets_of_their_own(alice: Peer) -> None:
    ask(alice, "HIMPORT PREPARE p a")
    call = "return redis.pcall('HIMPORT', unpack(ARGV))"
    assert alice.send("EVAL", call, 0, "SET", "k", "p", 1) == b"-ERR no such fieldset\r\n"
    both = "redis.call('HIMPORT', 'PREPARE', 'q', 'a') return redis.call('HIMPORT', 'SET', 'k', 'q', '1')"
    assert alice.send("EVAL", both, 0) == OK
    assert alice.send("EVAL", call, 0, "SET", "k", "q", 1) == b"-ERR no such fieldset\r\n"
    assert ask(alice, "HIMPORT SET k p 2") == OK


def test_events(alice: Peer, bob: Peer) -> None:
    ask(alice, "HIMPORT PREPARE p bb a")
    ask(alice, "CONFIG SET notify-keyspace-events KShon")
    ask(bob, "PSUBSCRIBE *")
    ask(alice, "HIMPORT SET k p 1 2")
    ask(alice, "HIMPORT SET k p 1 2")
    texts = [
        line for line in bob.take().split(b"\r\n") if line in {b"new", b"overwritten"} or b"hset" in line
    ]
    assert texts == [b"new", b"hset", b"hset|2:bb,1:a", b"overwritten", b"hset", b"hset|2:bb,1:a"]


def test_it_is_logged_in_words_of_redis_8_2(engine: Workbench, alice: Peer) -> None:
    ask(alice, "HIMPORT PREPARE p b a")
    assert logged(engine, alice, "HIMPORT SET k p 1 2") == [b"HSET k a 2 b 1".split()]
    kept = Kept()
    ann = kept.peer()
    ann.send("SET", "k", "v")
    kept.written()
    ann.send("HIMPORT", "PREPARE", "p", "a")
    ann.send("HIMPORT", "SET", "k", "p", "1")
    lines = (["MULTI"], ["DEL", "k"], ["HSET", "k", "a", "1"], ["EXEC"])
    assert kept.written() == b"".join(encode(*words) for words in lines)
    assert kept.replays()
