"""Payloads of DUMP: what redis-server reads and writes, and what it refuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest
import redis

from compat.rdb.data import commands, contents
from compat.servers import Server
from respq.datatypes.streams import StreamValue
from respq.rdb import kinds, payload
from respq.rdb.cursor import BadFormatError
from respq.rdb.strings import write_compressed, write_plain
from tests.rdb.samples import meaning, values
from tests.rdb.test_packed import ZIPLIST_WORDS, ziplist, zipmap
from tests.rdb.test_payload import damage, sealed

DAMAGED = 3000
COPY = "copy"
ENDLESS = b"\x81\xff\xff"  # a string of nearly 2**64 bytes, at which redis-server 8.2.3 never answers again


@pytest.fixture
def theirs(reference: Server) -> Iterator[redis.Redis]:
    """redis-server 8.2.3, which looks at payloads as closely as respq does."""
    with redis.Redis(port=reference.port) as client:
        client.flushall()
        client.config_set("sanitize-dump-payload", "yes")
        yield client
        client.flushall()


@pytest.fixture
def ours(respq_server: Server) -> Iterator[redis.Redis]:
    with redis.Redis(port=respq_server.port) as client:
        client.flushall()
        yield client
        client.flushall()


def keys_of(client: redis.Redis) -> dict[tuple[int, bytes], object]:
    """What the databases have, without the functions of those who used the server before."""
    return {place: value for place, value in contents(client).items() if place[0] >= 0}


def dump(client: redis.Redis, key: bytes | str) -> bytes:
    return bytes(client.dump(key))


def every_key(client: redis.Redis) -> list[bytes]:
    return sorted(client.keys())


def digest(client: redis.Redis, key: bytes | str) -> bytes:
    return bytes(client.execute_command("DEBUG", "DIGEST-VALUE", key)[0])


def test_payloads_go_over_and_come_back(theirs: redis.Redis, ours: redis.Redis) -> None:
    for command in commands(since_7_4=True):
        theirs.execute_command(*command)
    for key in every_key(theirs):
        ours.restore(key, 0, dump(theirs, key))
    assert keys_of(ours) == keys_of(theirs)
    for key in every_key(theirs):
        theirs.restore(COPY, 0, dump(ours, key), replace=True)
        assert digest(theirs, COPY) == digest(theirs, key), key


@pytest.mark.parametrize("compressed", ["yes", "no"])
def test_payloads_of_what_has_an_order_are_the_same_bytes(
    compressed: str, theirs: redis.Redis, ours: redis.Redis
) -> None:
    for client in (theirs, ours):
        client.config_set("rdbcompression", compressed)
        for command in commands(since_7_4=True):
            client.execute_command(*command)
    try:
        for key in every_key(theirs):
            if not key.startswith((b"t", b"stream")) or key == b"text":
                assert dump(ours, key) == dump(theirs, key), key
    finally:
        for client in (theirs, ours):
            client.config_set("rdbcompression", "yes")


def test_redis_7_0_is_read(debian_redis: Server, ours: redis.Redis) -> None:
    with redis.Redis(port=debian_redis.port) as old:
        old.flushall()
        for command in commands(since_7_4=False):
            old.execute_command(*command)
        for key in every_key(old):
            value = payload.restore(dump(old, key))
            value.check()
            ours.restore(key, 0, dump(old, key))
            if isinstance(value, StreamValue):  # 7.0 shows fewer fields
                assert ours.xrange(key) == old.xrange(key)
                assert ours.xinfo_groups(key) == old.xinfo_groups(key)
            elif value.kind not in (b"set", b"hash", b"zset"):
                assert (
                    ours.sort(key, by="nosort") == old.sort(key, by="nosort")
                    if value.kind == b"list"
                    else True
                )
        old.flushall()


# -- encodings that no server of today writes --------------------------------------------------------

PAIRS = [b"a", b"1", b"b", b"2.5"]
OLD = {
    "list": b"\x01\x02\x01a\xc0\x05",
    "list of one ziplist": b"\x0a" + write_plain(ziplist(ZIPLIST_WORDS)),
    "quicklist of ziplists": b"\x0e\x02"
    + write_plain(ziplist([b"a" * 6000, b"1"]))
    + write_plain(ziplist([b"b" * 6000])),
    "sorted set, scores as text": b"\x03\x03\x01a\x011\x01b\x032.5\x01c\xfe",
    "sorted set, ziplist": b"\x0c" + write_plain(ziplist(PAIRS)),
    "hash, ziplist": b"\x0d" + write_plain(ziplist(PAIRS)),
    "hash, zipmap": b"\x09" + write_plain(zipmap(PAIRS)),
}


@pytest.mark.parametrize("name", OLD)
def test_redis_reads_the_old_encodings_as_respq_does(
    name: str, theirs: redis.Redis, ours: redis.Redis
) -> None:
    for client in (theirs, ours):
        client.restore("k", 0, sealed(OLD[name]))
    assert keys_of(ours) == keys_of(theirs)


# -- what respq makes of samples ---------------------------------------------------------------------


def test_redis_reads_every_sample(theirs: redis.Redis) -> None:
    for name, value in values():
        for write_string in (write_plain, write_compressed):
            theirs.restore(COPY, 0, payload.dump(value, write_string), replace=True)
            if "deadline" not in name:  # they have passed
                assert meaning(payload.restore(dump(theirs, COPY))) == meaning(value), name


def test_redis_reads_entries_that_were_given_back(theirs: redis.Redis, ours: redis.Redis) -> None:
    ours.xadd("s", {"a": 1}, id="1-1")
    ours.xgroup_create("s", "g", 0)
    ours.xreadgroup("g", "ann", {"s": ">"})
    ours.execute_command("XNACK", "s", "g", "FAIL", "IDS", 1, "1-1")
    theirs.restore("s", 0, dump(ours, "s"))
    [entry] = theirs.xpending_range("s", "g", "-", "+", 10)
    assert (entry["message_id"], entry["consumer"]) == (b"1-1", b"ann")


def test_damaged_payloads_are_refused_by_both(theirs: redis.Redis) -> None:
    """What redis-server refuses is refused here; differences.md says what else is."""
    rng = Random(7)
    bodies = [payload.dump(value, write_plain)[:-10] for name, value in values() if "deadline" not in name]
    bodies = [body for body in bodies if len(body) < 6000] + [*OLD.values()]
    outcomes: Counter[tuple[bool, bool]] = Counter()
    for _ in range(DAMAGED):
        data = sealed(damage(rng.choice(bodies), rng))
        if ENDLESS in data:
            continue
        outcomes[(there := _restores(theirs, data)), (here := _reads(data))] += 1
        assert there or not here, data
        if here and theirs.exists(COPY):
            before = digest(theirs, COPY)
            theirs.restore(COPY, 0, payload.dump(payload.restore(data), write_plain), replace=True)
            assert digest(theirs, COPY) == before, data
    assert outcomes[False, False] > DAMAGED // 3 < outcomes[True, True] + outcomes[False, False]
    assert outcomes[True, False] < DAMAGED // 5


def _restores(client: redis.Redis, data: bytes) -> bool:
    try:
        client.restore(COPY, 0, data, replace=True)
    except redis.ResponseError:
        return False
    return True


def _reads(data: bytes) -> bool:
    try:
        payload.restore(data).check()
    except BadFormatError:
        return False
    return True


def test_the_kinds_are_those_that_redis_knows(theirs: redis.Redis) -> None:
    """A kind of the future would mean that the reference writes what respq cannot read."""
    for command in commands(since_7_4=True):
        theirs.execute_command(*command)
    written = {dump(theirs, key)[0] for key in every_key(theirs)}
    assert written <= {value for value in vars(kinds).values() if isinstance(value, int)}
