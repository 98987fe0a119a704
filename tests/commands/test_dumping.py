"""DUMP and RESTORE, bytes in and bytes out. Every expected reply was seen on redis-server 8.2.3."""

from __future__ import annotations

import pytest

from respq.rdb.checksum import crc64
from tests.conftest import START_MS, Peer, Workbench
from tests.resp import bulk

FIVE = bytes.fromhex("00c0050c00a8596ba679052d18")  # the string 5
PAIR = bytes.fromhex("1201020f0f00000003008161020101816202ff0c005b35978c11a48555")  # the list a 1 b
SHORT = bytes.fromhex("0009736f6d65207465780c00218b41c3f22a18e9")  # a string that is cut off
DAMAGED = bytes.fromhex("00c0050c00a8596ba679052d19")
OK = b"+OK\r\n"
SYNTAX = b"-ERR syntax error\r\n"
NOT_INTEGER = b"-ERR value is not an integer or out of range\r\n"
BAD_FORMAT = b"-ERR Bad data format\r\n"
BAD_CHECKSUM = b"-ERR DUMP payload version or checksum are wrong\r\n"
BAD_IDLETIME = b"-ERR Invalid IDLETIME value, must be >= 0\r\n"
BAD_FREQ = b"-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n"
BUSY = b"-BUSYKEY Target key name already exists.\r\n"


def logged(engine: Workbench, peer: Peer, *words: bytes) -> list[list[bytes]]:
    """What a command leaves for the log."""
    effects = engine.server.effects
    engine.server.drain = list  # keep the effects
    effects.clear()
    peer.client.table[words[0]][len(words)][0](peer.client, list(words))
    commands = [argv for _, _, _, argv in effects if isinstance(argv, list)]
    effects.clear()
    return commands


def test_dump_says_what_redis_says(alice: Peer) -> None:
    alice.send("SET", "s", "5")
    alice.send("RPUSH", "l", "a", "1", "b")
    assert alice.send("DUMP", "s") == bulk(FIVE)
    assert alice.send("DUMP", "l") == bulk(PAIR)
    assert alice.send("DUMP", "none") == b"$-1\r\n"


def test_dump_compresses_as_it_is_told(alice: Peer) -> None:
    alice.send("SET", "s", "a" * 40)
    assert alice.send("DUMP", "s")[5:16] == bytes.fromhex("00c30928016161e01b0001")
    alice.send("CONFIG", "SET", "rdbcompression", "no")
    assert alice.send("DUMP", "s")[5:9] == b"\0(aa"


def test_restore_creates_the_key(alice: Peer) -> None:
    assert alice.send("RESTORE", "l", 0, PAIR) == OK
    assert alice.send("LRANGE", "l", 0, -1) == b"*3\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n"
    assert alice.send("PTTL", "l") == b":-1\r\n"


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        ((-1, FIVE), b"-ERR Invalid TTL value, must be >= 0\r\n"),
        (("x", FIVE), NOT_INTEGER),
        ((0, b""), BAD_CHECKSUM),
        ((0, DAMAGED), BAD_CHECKSUM),
        ((0, FIVE[:-1]), BAD_CHECKSUM),
        ((0, SHORT), BAD_FORMAT),
        ((0, FIVE, "FOO"), SYNTAX),
        ((0, FIVE, "IDLETIME"), SYNTAX),
        ((0, FIVE, "IDLETIME", -1), BAD_IDLETIME),
        ((0, FIVE, "IDLETIME", -1, "FOO"), BAD_IDLETIME),
        ((0, FIVE, "FREQ", 256), BAD_FREQ),
        ((0, FIVE, "FREQ", "x"), NOT_INTEGER),
        ((0, FIVE, "IDLETIME", 1, "FREQ", 1), SYNTAX),
        ((0, FIVE, "FREQ", 1, "IDLETIME", 1), SYNTAX),
        (("x", b"", "FREQ", 1), NOT_INTEGER),
        ((0, b"", "FREQ", 999), BAD_FREQ),
        ((0, FIVE, "IDLETIME", 1, "idletime", 2, "replace"), OK),
    ],
)
def test_restore_refuses(words: tuple[bytes | str | int, ...], reply: bytes, alice: Peer) -> None:
    assert alice.send("RESTORE", "k", *words) == reply
    assert alice.send("EXISTS", "k") == (b":1\r\n" if reply == OK else b":0\r\n")


def test_a_key_that_exists_is_replaced_only_on_request(alice: Peer) -> None:
    alice.send("SET", "k", "v", "EX", 100)
    for words in ((0, FIVE), (-1, FIVE), (0, DAMAGED), (5, FIVE, "ABSTTL")):
        assert alice.send("RESTORE", "k", *words) == BUSY
    assert alice.send("RESTORE", "k", 0, DAMAGED, "REPLACE") == BAD_CHECKSUM
    assert alice.send("GET", "k") == bulk(b"v")
    assert alice.send("RESTORE", "k", 0, PAIR, "REPLACE") == OK
    assert alice.send("TYPE", "k") == b"+list\r\n"
    assert alice.send("PTTL", "k") == b":-1\r\n"


def test_the_time_is_a_span_or_a_moment(engine: Workbench, alice: Peer) -> None:
    assert alice.send("RESTORE", "span", 5000, FIVE) == OK
    assert alice.send("RESTORE", "moment", START_MS + 7000, FIVE, "ABSTTL") == OK
    assert alice.send("PTTL", "span") == b":5000\r\n"
    assert alice.send("PTTL", "moment") == b":7000\r\n"
    engine.pass_time(6000)
    assert alice.send("EXISTS", "span", "moment") == b":1\r\n"


def test_what_has_expired_only_deletes(alice: Peer) -> None:
    alice.send("SET", "k", "v")
    assert alice.send("RESTORE", "k", 1, FIVE, "ABSTTL", "REPLACE") == OK
    assert alice.send("RESTORE", "new", 1, FIVE, "ABSTTL") == OK
    assert alice.send("EXISTS", "k", "new") == b":0\r\n"


def test_the_log_gets_moments(engine: Workbench, alice: Peer) -> None:
    later = b"%d" % (START_MS + 5000)
    assert logged(engine, alice, b"RESTORE", b"k", b"0", FIVE) == [[b"RESTORE", b"k", b"0", FIVE]]
    assert logged(engine, alice, b"RESTORE", b"k", b"5000", FIVE, b"replace", b"FREQ", b"1") == [
        [b"RESTORE", b"k", later, FIVE, b"replace", b"FREQ", b"1", b"ABSTTL"]
    ]
    assert logged(engine, alice, b"RESTORE", b"l", later, FIVE, b"ABSTTL") == [
        [b"RESTORE", b"l", later, FIVE, b"ABSTTL"]
    ]
    assert logged(engine, alice, b"RESTORE", b"k", b"1", FIVE, b"ABSTTL", b"REPLACE") == [[b"DEL", b"k"]]
    assert logged(engine, alice, b"RESTORE", b"k", b"1", FIVE, b"ABSTTL") == []


def test_fields_expire_after_restore(engine: Workbench, alice: Peer) -> None:
    alice.send("HSET", "h", "a", "1", "b", "2")
    alice.send("HPEXPIRE", "h", 5000, "FIELDS", 1, "a")
    dump = alice.send("DUMP", "h").partition(b"\r\n")[2][:-2]
    alice.send("DEL", "h")
    assert alice.send("RESTORE", "h", 0, dump) == OK
    engine.pass_time(4000)
    assert alice.send("HLEN", "h") == b":2\r\n"
    engine.pass_time(2000)
    assert alice.send("HLEN", "h") == b":1\r\n"


def test_a_waiting_client_is_served_by_a_restored_list(alice: Peer, bob: Peer) -> None:
    bob.send("BLPOP", "l", 0)
    assert alice.send("RESTORE", "l", 0, PAIR) == OK
    assert bob.take() == b"*2\r\n$1\r\nl\r\n$1\r\na\r\n"


def test_nodes_of_a_cluster_restore_by_another_name(alice: Peer) -> None:
    assert alice.send("RESTORE-ASKING", "s", 0, FIVE) == OK
    assert alice.send("GET", "s") == bulk(b"5")


def test_debug_object_tells_the_length_in_a_snapshot() -> None:
    """As redis-server 8.2.3 does."""
    peer = Workbench(**{"enable-debug-command": "yes"}).peer()
    lengths = {
        "SET k abc": 4, "SET k 12345": 3, f"SET k {'a' * 300}": 16, "SADD k 1 2 3": 15, "SADD k a b c": 17,
        "HSET k a b c d": 20, "ZADD k 1 a 2 b": 18, "RPUSH k a b c": 19, "XADD k 1-1 a b": 57,
    }  # fmt: skip
    for line, length in lengths.items():
        peer.send("DEL", "k")
        peer.send(*line.split())
        assert b" serializedlength:%d " % length in peer.send("DEBUG", "OBJECT", "k")


@pytest.mark.parametrize("how", ["no", "clients", "yes"])
def test_what_a_payload_holds_is_always_looked_at(alice: Peer, how: str) -> None:
    """redis-server 8.2.3 takes this one with `no`, and reads what is not there when the list is read."""
    body = PAIR[:-8].replace(b"\x81a\x02", b"\x81a\x03")
    alice.send("CONFIG", "SET", "sanitize-dump-payload", how)
    assert alice.send("RESTORE", "l", 0, body + crc64(body).to_bytes(8, "little")) == BAD_FORMAT
