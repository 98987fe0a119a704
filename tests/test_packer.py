"""The walk that packs what nobody changes, through the engine."""

from __future__ import annotations

import pytest

from respq import packer as packer_module
from respq.datatypes.hashes import HashValue
from respq.datatypes.packing import Packed
from respq.datatypes.sets import SetValue
from respq.datatypes.shards import Shards
from tests.conftest import Peer, Workbench

MEMBERS = 5000


@pytest.fixture
def filled(engine: Workbench, alice: Peer) -> Peer:
    """A large set in database 0, a large hash in database 2, small values beside them."""
    for n in range(2000):
        alice.send("SADD", f"small{n}", n)
    alice.send("SADD", "set", *(f"m{n}" for n in range(MEMBERS)))
    alice.send("SELECT", 2)
    alice.send("HSET", "hash", *(word for n in range(MEMBERS) for word in (f"f{n}", n)))
    return alice


def round_of(engine: Workbench) -> None:
    """Let time pass until the walk has been everywhere."""
    engine.clock.advance(1000)
    for _ in range(1000):
        engine.pack(budget_us=100)


def members(engine: Workbench) -> object:
    value = engine.server.databases[0].values[b"set"]
    assert isinstance(value, SetValue)
    return value._members


def fields(engine: Workbench, db: int = 2, name: bytes = b"hash") -> object:
    value = engine.server.databases[db].values[name]
    assert isinstance(value, HashValue)
    return value.fields


def is_packed(structure: object) -> bool:
    return isinstance(structure, Shards) and structure.is_packed


def test_what_was_not_changed_for_a_round_is_packed(engine: Workbench, filled: Peer) -> None:
    round_of(engine)
    assert isinstance(members(engine), dict)
    filled.send("HSET", "hash", "f1", "new")
    round_of(engine)
    assert is_packed(members(engine))
    assert isinstance(fields(engine), dict)
    round_of(engine)
    assert is_packed(fields(engine))
    assert filled.send("HGET", "hash", "f1") == b"$3\r\nnew\r\n"
    assert filled.send("HSET", "hash", "f1", 1, "f0", 2, "more", 3) == b":1\r\n"
    assert filled.send("HMGET", "hash", "f0", "f1", "more") == b"*3\r\n$1\r\n2\r\n$1\r\n1\r\n$1\r\n3\r\n"
    filled.send("SELECT", 0)
    assert filled.send("SADD", "set", "m1", "more") == b":1\r\n"
    assert filled.send("SREM", "set", "m1", "none") == b":1\r\n"
    assert filled.send("SCARD", "set") == b":%d\r\n" % MEMBERS
    assert filled.send("OBJECT", "ENCODING", "set") == b"$9\r\nhashtable\r\n"


def test_small_values_are_packed_as_one_and_can_be_read_and_changed(engine: Workbench, alice: Peer) -> None:
    alice.send("HSET", "job", "status", "queued", "origin", "default", "status2", "x")
    alice.send("HSET", "bytes", "pickled", b"\x80\x05\xff\xfe")
    alice.send("HSET", "expiring", "a", 1)
    alice.send("HEXPIRE", "expiring", 1000, "FIELDS", 1, "a")
    alice.send("SADD", "numbers", 3, 1, 2)
    for _ in range(2):
        round_of(engine)
    assert [type(fields(engine, 0, name)) for name in (b"job", b"bytes", b"expiring")] == [Packed, dict, dict]
    assert alice.send("HGET", "job", "status") == b"$6\r\nqueued\r\n"
    assert alice.send("HGET", "job", "stat") == b"$-1\r\n"
    assert alice.send("HKEYS", "job") == b"*3\r\n$6\r\nstatus\r\n$6\r\norigin\r\n$7\r\nstatus2\r\n"
    assert alice.send("SMEMBERS", "numbers") == b"*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n"
    assert alice.send("OBJECT", "ENCODING", "numbers") == b"$6\r\nintset\r\n"
    assert isinstance(fields(engine, 0, b"job"), Packed)
    assert alice.send("HINCRBY", "job", "tries", 1) == b":1\r\n"
    assert isinstance(fields(engine, 0, b"job"), dict)
    assert alice.send("HGETALL", "job").endswith(b"$7\r\nstatus2\r\n$1\r\nx\r\n$5\r\ntries\r\n$1\r\n1\r\n")
    assert alice.send("SADD", "numbers", 0) == b":1\r\n"
    assert alice.send("SMEMBERS", "numbers").startswith(b"*4\r\n$1\r\n0\r\n")
    assert alice.send("HDEL", "expiring", "a") == b":1\r\n"


def test_memory_usage_falls(engine: Workbench, filled: Peer) -> None:
    before = int(filled.send("MEMORY", "USAGE", "hash")[1:])
    round_of(engine)
    round_of(engine)
    assert int(filled.send("MEMORY", "USAGE", "hash")[1:]) < before / 3


def test_a_value_that_is_deleted_meanwhile_is_left_alone(engine: Workbench, filled: Peer) -> None:
    round_of(engine)
    engine.clock.advance(1000)
    while not engine.pack(budget_us=20):
        pass
    filled.send("FLUSHALL")
    round_of(engine)
    assert not engine.pack(budget_us=100)


def test_nothing_is_packed_while_a_child_writes(engine: Workbench, filled: Peer) -> None:
    class Writing:
        rewriting = True

    round_of(engine)
    engine.server.aof = Writing()  # type: ignore[assignment]  # only asked that
    round_of(engine)
    assert isinstance(members(engine), dict)


def test_a_round_takes_a_second_at_least(engine: Workbench, filled: Peer) -> None:
    engine.clock.advance(1000)
    for _ in range(1000):
        engine.pack(budget_us=100)
    assert isinstance(members(engine), dict)
    assert packer_module._ROUND_MS == 1000
