"""The hash commands, bytes in and bytes out. Every expected reply was seen on redis-server 8.2.3."""

from __future__ import annotations

import pytest

from respq.command import SPECS
from respq.datatypes.hashes import HashValue
from tests.commands.runs import as_run
from tests.conftest import Peer, Workbench

WRONGTYPE = b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
NULL = b"$-1\r\n"


def ask(peer: Peer, line: str) -> bytes:
    """Send the words of `line`."""
    return peer.send(*line.split())


def bulks(*elements: str) -> bytes:
    return b"*%d\r\n" % len(elements) + b"".join(
        b"$%d\r\n%b\r\n" % (len(element), element.encode()) for element in elements
    )


def logged(engine: Workbench) -> list[list[bytes]]:
    """What the effects so far put into the log; forget them."""
    commands = [argv for _, _, _, argv in engine.server.effects if argv is not None]
    engine.server.effects.clear()
    return [list(argv) for argv in commands]


# -- set and get -----------------------------------------------------------------------------------


def test_hset_counts_the_new_fields(alice: Peer) -> None:
    assert ask(alice, "HSET h a 1") == b":1\r\n"
    assert ask(alice, "HSET h a 2") == b":0\r\n"
    assert ask(alice, "HSET h a 3 b 4 c 5 c 6") == b":2\r\n"
    assert ask(alice, "HGETALL h") == bulks("a", "3", "b", "4", "c", "6")
    assert ask(alice, "HMSET h d 7") == b"+OK\r\n"
    assert ask(alice, "HLEN h") == b":4\r\n"


@pytest.mark.parametrize("name", ["hset", "hmset"])
def test_a_field_needs_a_value(alice: Peer, name: str) -> None:
    error = b"-ERR wrong number of arguments for '%b' command\r\n" % name.encode()
    alice.send("SET", "s", "v")
    for key in "hs":
        assert ask(alice, f"{name} {key} a") == error
        assert ask(alice, f"{name} {key} a 1 b") == error
    assert ask(alice, "EXISTS h") == b":0\r\n"


def test_hsetnx_leaves_what_is_there(alice: Peer) -> None:
    assert ask(alice, "HSETNX h a 1") == b":1\r\n"
    assert ask(alice, "HSETNX h a 2") == b":0\r\n"
    assert ask(alice, "HGET h a") == b"$1\r\n1\r\n"


def test_what_is_missing_is_null(alice: Peer) -> None:
    for key in "hg":
        assert ask(alice, f"HGET {key} x") == NULL
        assert ask(alice, f"HMGET {key} x y") == b"*2\r\n" + NULL * 2
        assert ask(alice, f"HEXISTS {key} x") == b":0\r\n"
        assert ask(alice, f"HSTRLEN {key} x") == b":0\r\n"
        ask(alice, "HSET h a 1")
    assert ask(alice, "HMGET h x a") == b"*2\r\n" + NULL + b"$1\r\n1\r\n"
    for name in ("HKEYS", "HVALS", "HGETALL"):
        assert ask(alice, f"{name} gone") == b"*0\r\n"
    assert ask(alice, "HLEN gone") == b":0\r\n"


def test_resp3_has_maps_and_nulls(alice: Peer) -> None:
    ask(alice, "HSET h a 1 b 2")
    ask(alice, "HELLO 3")
    assert ask(alice, "HGETALL h") == b"%2\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n"
    assert ask(alice, "HGETALL gone") == b"%0\r\n"
    assert ask(alice, "HGET h x") == b"_\r\n"
    assert ask(alice, "HMGET h x") == b"*1\r\n_\r\n"
    assert ask(alice, "HKEYS h") == bulks("a", "b")


def test_fields_and_values_are_binary_safe(alice: Peer) -> None:
    odd = b"\x00\r\n\xff"
    assert alice.send("HSET", "h", odd, odd, "", "") == b":2\r\n"
    assert alice.send("HGET", "h", odd) == b"$4\r\n%b\r\n" % odd
    assert alice.send("HSTRLEN", "h", odd) == b":4\r\n"
    assert alice.send("HGET", "h", "") == b"$0\r\n\r\n"
    assert alice.send("HEXISTS", "h", "") == b":1\r\n"


def test_other_types_are_refused(alice: Peer) -> None:
    ask(alice, "SET s v")
    for line in (
        *("HSET s a 1", "HSET s a 1 b 2", "HMSET s a 1", "HSETNX s a 1", "HGET s a", "HMGET s a"),
        *("HEXISTS s a", "HSTRLEN s a", "HLEN s", "HGETALL s", "HKEYS s", "HVALS s", "HDEL s a"),
    ):
        assert ask(alice, line) == WRONGTYPE, line


# -- delete ----------------------------------------------------------------------------------------


def test_hdel_counts_what_was_there_and_takes_the_key_with_the_last_field(
    engine: Workbench, alice: Peer
) -> None:
    ask(alice, "HSET h a 1 b 2 c 3")
    assert ask(alice, "HDEL h a x a b") == b":2\r\n"
    assert ask(alice, "HDEL h x") == b":0\r\n"
    assert ask(alice, "HDEL h c") == b":1\r\n"
    assert ask(alice, "EXISTS h") == b":0\r\n"
    assert ask(alice, "HDEL h c") == b":0\r\n"
    engine.server.databases[0].check()


# -- encoding --------------------------------------------------------------------------------------


def test_a_hash_becomes_a_table_and_stays_one(alice: Peer) -> None:
    ask(alice, "CONFIG SET hash-max-listpack-entries 3 hash-max-listpack-value 5")
    for line, becomes in (
        ("HSET h a 1 b 2 c 3", b"listpack"),
        ("HSET h d 4", b"hashtable"),
        ("HSET i a 12345", b"listpack"),
        ("HSET i a 123456", b"hashtable"),
        ("HSET j abcdef 1", b"hashtable"),
        ("HSET k a 1 a 2 a 3 a 4", b"hashtable"),  # it could have been four fields
        ("HSETNX l a 123456", b"hashtable"),
    ):
        ask(alice, line)
        key = line.split()[1]
        assert ask(alice, f"OBJECT ENCODING {key}") == b"$%d\r\n%b\r\n" % (len(becomes), becomes), line
    ask(alice, "HDEL h a b c")
    assert ask(alice, "OBJECT ENCODING h") == b"$9\r\nhashtable\r\n"


# -- runs ------------------------------------------------------------------------------------------


def test_a_run_of_hset_has_the_outcome_of_one_by_one(engine: Workbench, alice: Peer) -> None:
    lines = [f"HSET h{n % 3} f{n % 5} v{n}" for n in range(40)]
    together = alice.feed(b"".join(line.encode() + b"\r\n" for line in lines))
    kept = [ask(alice, f"HGETALL h{n}") for n in range(3)]
    ask(alice, "FLUSHALL")
    assert b"".join(ask(alice, line) for line in lines) == together
    assert [ask(alice, f"HGETALL h{n}") for n in range(3)] == kept
    engine.server.databases[0].check()


def test_a_run_of_hset_declines_what_it_cannot_do_to_the_end(engine: Workbench, alice: Peer) -> None:
    bulk = SPECS["HSET"].bulk
    assert bulk is not None
    ask(alice, "SET s v")
    for last in (b"s", b"late"):
        names = [b"h", b"h", b"i", last]
        run = as_run([[b"HSET", name, b"f", b"v"] for name in names])
        if last == b"late":
            ask(alice, "HSET late a 1")
            ask(alice, "EXPIRE late 10")
        assert bulk(alice.client, run) is None
        assert engine.server.databases[0].find(b"h", HashValue) is None
    assert bulk(alice.client, as_run([[b"HSET", b"h", b"f", b"v", b"g", b"w"]] * 4)) is None
