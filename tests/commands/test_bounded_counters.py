"""INCREX, as the manual of Redis 8.8 describes it; redis-server 8.2.3 does not know it."""

from __future__ import annotations

import pytest

from tests.commands.asking import ask, logged
from tests.conftest import START_MS, Peer, Workbench
from tests.resp import OK, SYNTAX, WRONGTYPE, bulk

MOST, LEAST = 2**63 - 1, -(2**63)
MINUTE_MS = 60_000


def pair(new: int, added: int) -> bytes:
    return b"*2\r\n:%d\r\n:%d\r\n" % (new, added)


def floats(new: str, added: str) -> bytes:
    return b"*2\r\n%b%b" % (bulk(new), bulk(added))


def error(text: str) -> bytes:
    return b"-ERR %b\r\n" % text.encode()


def test_one_is_added_to_an_integer_and_a_missing_key_counts_as_0(alice: Peer) -> None:
    assert ask(alice, "INCREX k") == pair(1, 1)
    assert ask(alice, "INCREX k BYINT -5") == pair(-4, -5)
    assert ask(alice, "GET k") == bulk("-4")
    assert ask(alice, "OBJECT ENCODING k") == bulk("int")


def test_floats_are_added_as_incrbyfloat_adds_them(alice: Peer) -> None:
    ask(alice, "SET k 10")
    assert ask(alice, "INCREX k BYFLOAT 0.5") == floats("10.5", "0.5")
    assert ask(alice, "INCREX k byfloat 2e2") == floats("210.5", "200")
    assert ask(alice, "OBJECT ENCODING k") == bulk("embstr")
    assert ask(alice, "INCREX k") == error("value is not an integer or out of range")


def test_in_resp3_floats_are_doubles(alice: Peer) -> None:
    ask(alice, "HELLO 3")
    assert ask(alice, "INCREX k BYFLOAT 0.5") == b"*2\r\n,0.5\r\n,0.5\r\n"
    assert ask(alice, "INCREX k BYFLOAT 1 UBOUND 1") == b"*2\r\n,0.5\r\n,0\r\n"


@pytest.mark.parametrize(
    ("start", "words", "reply", "after"),
    [
        ("5", "UBOUND 6", pair(6, 1), "6"),
        ("5", "UBOUND 5", pair(5, 0), "5"),
        ("5", "BYINT 3 UBOUND 6 SATURATE", pair(6, 1), "6"),
        ("9", "UBOUND 6 SATURATE", pair(6, -3), "6"),
        ("5", "BYINT -9 LBOUND 0", pair(5, 0), "5"),
        ("5", "SATURATE BYINT -9 LBOUND 0", pair(0, -5), "0"),
        ("5", "LBOUND 7", pair(5, 0), "5"),
        (str(MOST), "", pair(MOST, 0), str(MOST)),
        (str(MOST), "SATURATE", pair(MOST, 0), str(MOST)),
        (str(MOST - 1), "BYINT 5 SATURATE", pair(MOST, 1), str(MOST)),
        (str(LEAST), f"BYINT {LEAST}", pair(LEAST, 0), str(LEAST)),
        ("1.5", "BYFLOAT 3 UBOUND 2.25 SATURATE", floats("2.25", "0.75"), "2.25"),
        ("1.5", "BYFLOAT 3 UBOUND 2.25", floats("1.5", "0"), "1.5"),
        ("1.5", "BYFLOAT 3 UBOUND inf LBOUND -inf", floats("4.5", "3"), "4.5"),
        ("1e4932", "BYFLOAT 1e4932 UBOUND 1 LBOUND 0 SATURATE", None, "1"),
    ],
)
def test_bounds_refuse_or_saturate(
    alice: Peer, start: str, words: str, reply: bytes | None, after: str
) -> None:
    ask(alice, f"SET k {start}")
    answer = ask(alice, f"INCREX k {words}".rstrip())
    assert reply is None or answer == reply
    assert ask(alice, "GET k") == bulk(after)


def test_what_is_beyond_a_long_double_is_out_of_bounds(alice: Peer) -> None:
    ask(alice, "SET k 1e4932")
    assert ask(alice, "INCREX k BYFLOAT 1e4932").endswith(b"$1\r\n0\r\n")
    assert ask(alice, "GET k") == bulk("1e4932")
    assert ask(alice, "INCREX k BYFLOAT 1e4932 SATURATE").startswith(b"*2\r\n$4933\r\n1189731495357231765")


def test_what_is_refused_leaves_no_trace(engine: Workbench, alice: Peer) -> None:
    assert ask(alice, "INCREX none UBOUND 0 EX 10") == pair(0, 0)
    assert ask(alice, "EXISTS none") == b":0\r\n"
    ask(alice, "SET k 5 EX 100")
    assert logged(engine, alice, "INCREX k UBOUND 5 EX 10") == []
    assert ask(alice, "TTL k") == b":100\r\n"
    ask(alice, "WATCH k")
    ask(alice, "INCREX k UBOUND 5")
    ask(alice, "MULTI")
    assert ask(alice, "EXEC") == b"*0\r\n"


def test_the_expiry_stays_is_set_or_taken_away(alice: Peer) -> None:
    ask(alice, "SET k 1 EX 100")
    ask(alice, "INCREX k")
    assert ask(alice, "TTL k") == b":100\r\n"
    ask(alice, "INCREX k EX 50")
    assert ask(alice, "TTL k") == b":50\r\n"
    ask(alice, f"INCREX k PXAT {START_MS + MINUTE_MS}")
    assert ask(alice, "PTTL k") == b":60000\r\n"
    assert ask(alice, "INCREX k PX 900 ENX") == pair(5, 1)
    assert ask(alice, "PTTL k") == b":60000\r\n"
    ask(alice, "INCREX k PERSIST")
    assert ask(alice, "TTL k") == b":-1\r\n"
    ask(alice, "INCREX k ENX PX 900")
    assert ask(alice, "PTTL k") == b":900\r\n"
    assert ask(alice, "INCREX k UBOUND 7 SATURATE EX 5") == pair(7, 0)
    assert ask(alice, "TTL k") == b":5\r\n"


def test_a_moment_that_has_passed_deletes_the_key(engine: Workbench, alice: Peer) -> None:
    ask(alice, "SET k 1")
    assert logged(engine, alice, "INCREX k PXAT 1") == [[b"DEL", b"k"]]
    assert ask(alice, "INCREX k EXAT 1") == pair(1, 1)
    assert ask(alice, "EXISTS k") == b":0\r\n"


@pytest.mark.parametrize(
    ("words", "log"),
    [
        ("", "SET k 2 KEEPTTL"),
        ("EX 5", f"SET k 2 PXAT {START_MS + 5000}"),
        ("EX 5 ENX", "SET k 2 KEEPTTL"),
        ("PERSIST", "SET k 2"),
        ("BYFLOAT 0.5", "SET k 1.5 KEEPTTL"),
    ],
)
def test_the_result_is_logged_in_words_of_redis_8_2(
    engine: Workbench, alice: Peer, words: str, log: str
) -> None:
    ask(alice, "SET k 1 EX 100")
    assert logged(engine, alice, f"INCREX k {words}".rstrip()) == [log.encode().split()]


@pytest.mark.parametrize(
    ("words", "events"),
    [
        ("", ["incrby"]),
        ("BYFLOAT 1", ["incrbyfloat"]),
        ("EX 5", ["incrby", "expire"]),
        ("PERSIST", ["incrby", "persist"]),
        ("PXAT 1", ["incrby", "del"]),
        ("UBOUND 0", []),
    ],
)
def test_events(alice: Peer, bob: Peer, words: str, events: list[str]) -> None:
    ask(alice, "SET k 1 EX 100")
    ask(alice, "CONFIG SET notify-keyspace-events AK")
    ask(bob, "SUBSCRIBE __keyspace@0__:k")
    ask(alice, f"INCREX k {words}".rstrip())
    assert bob.take().split(b"\r\n")[6::7] == [event.encode() for event in events]


def test_no_persist_event_without_an_expiry(alice: Peer, bob: Peer) -> None:
    ask(alice, "CONFIG SET notify-keyspace-events AE")
    ask(bob, "SUBSCRIBE __keyevent@0__:persist")
    ask(alice, "INCREX k PERSIST")
    assert bob.take() == b""


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        ("BYINT 1 BYFLOAT 1", SYNTAX),
        ("BYINT 1 BYINT 1", SYNTAX),
        ("EX 1 PX 1", SYNTAX),
        ("EX 1 PERSIST", SYNTAX),
        ("ENX PERSIST", SYNTAX),
        ("SATURATE SATURATE", SYNTAX),
        ("EX", SYNTAX),
        ("NX", SYNTAX),
        ("ENX", error("ENX flag requires an expiration")),
        ("LBOUND 2 UBOUND 1", error("LBOUND can't be greater than UBOUND")),
        ("LBOUND x", error("LBOUND is not an integer or out of range")),
        ("UBOUND 0.5", error("UBOUND is not an integer or out of range")),
        ("BYFLOAT 1 UBOUND x", error("UBOUND is not a valid float")),
        ("BYINT x", error("Increment is not an integer or out of range")),
        ("BYFLOAT x", error("Increment is not a valid float")),
        ("BYFLOAT ''", error("Increment is not a valid float")),
        ("BYFLOAT inf", error("BYFLOAT increment cannot be Infinity")),
        ("EX 0", error("invalid expire time in 'increx' command")),
        ("PX -1", error("invalid expire time in 'increx' command")),
        (f"EX {MOST}", error("invalid expire time in 'increx' command")),
        ("EX x", error("value is not an integer or out of range")),
        ("", error("value is not an integer or out of range")),
        ("BYFLOAT 1", error("value is not a valid float")),
    ],
)
def test_refusals(alice: Peer, words: str, reply: bytes) -> None:
    ask(alice, "SET k text")
    assert ask(alice, f"INCREX k {words}".rstrip()) == reply


def test_a_delta_must_fit_64_bits_and_be_finite(alice: Peer) -> None:
    ask(alice, f"SET k {MOST}")
    reply = ask(alice, "INCREX k LBOUND -9 UBOUND -2 SATURATE")
    assert reply == error("increment or decrement would overflow")
    assert ask(alice, "GET k") == bulk(str(MOST))
    ask(alice, "SET k inf")
    assert ask(alice, "INCREX k BYFLOAT 1") == error("increment would produce NaN or Infinity")
    ask(alice, "SET k 1e4932")
    reply = ask(alice, "INCREX k BYFLOAT 1 UBOUND -1e4932 SATURATE")
    assert reply == error("increment would produce NaN or Infinity")


def test_only_strings_count(alice: Peer) -> None:
    ask(alice, "RPUSH l a")
    assert ask(alice, "INCREX l") == WRONGTYPE
    assert ask(alice, "INCREX") == error("wrong number of arguments for 'increx' command")


def test_in_a_script(alice: Peer) -> None:
    alice.send("EVAL", "return redis.call('INCREX', 'k', 'BYINT', '3', 'UBOUND', '4', 'SATURATE')", "0")
    reply = alice.send("EVAL", "return redis.call('INCREX', 'k', 'BYINT', '3', 'UBOUND', '4')", "0")
    assert reply == pair(3, 0)
    assert ask(alice, "SET k 1") == OK
