"""Values as payloads and back; payloads that were damaged."""

from __future__ import annotations

import tracemalloc
from random import Random

import pytest

from respq.datatypes.streams import StreamValue
from respq.datatypes.value import Value
from respq.rdb import kinds, listpack, payload
from respq.rdb.checksum import crc64
from respq.rdb.cursor import BadFormatError, Cursor
from respq.rdb.strings import WriteString, write_compressed, write_length, write_plain, write_strings
from tests.rdb.samples import meaning, stream, values
from tests.rdb.test_packed import ZIPLIST_WORDS, ziplist, zipmap

SAMPLES = list(values())
DAMAGED = 6000  # payloads
MOST_MEMORY = 32 << 20


def sealed(body: bytes, version: int = payload.VERSION) -> bytes:
    data = body + version.to_bytes(2, "little")
    return data + crc64(data).to_bytes(8, "little")


def restored(body: bytes) -> Value:
    value = payload.restore(sealed(body))
    value.check()
    return value


def string(data: bytes) -> bytes:
    return write_plain(data)


@pytest.mark.parametrize("write_string", [write_plain, write_compressed])
@pytest.mark.parametrize("longest", [0, 20, 21, 64, 1023, 1024, 20_000])
def test_many_strings_at_once_are_the_same_strings(write_string: WriteString, longest: int) -> None:
    words = [b"-17", b"", *(b"%d" % n * (longest // 2) for n in range(10)), b"x" * longest]
    cursor = Cursor(write_strings(words, write_string))
    assert [cursor.string() for _ in words] == words
    assert not cursor.left
    cursor = Cursor(write_strings(words, write_string, [b"12345678"] * len(words)))
    assert [(cursor.string(), cursor.take(8)) for _ in words] == [(word, b"12345678") for word in words]
    assert not cursor.left


def test_the_checksum_is_that_of_redis() -> None:
    assert crc64(b"123456789") == 0xE9C6D914C4B8D9CA
    assert crc64(b"6789", crc64(b"12345")) == crc64(b"123456789")


@pytest.mark.parametrize("write_string", [write_plain, write_compressed])
@pytest.mark.parametrize(("name", "value"), SAMPLES)
def test_a_value_comes_back_as_it_was(name: str, value: Value, write_string: object) -> None:
    data = payload.dump(value, write_string)  # type: ignore[arg-type]  # any value
    payload.check(data)
    twin = payload.restore(data)
    twin.check()
    assert twin.__class__ is value.__class__
    assert meaning(twin) == meaning(value)


def test_every_way_in_which_values_are_written_is_among_the_samples() -> None:
    assert {payload.dump(value, write_plain)[0] for _, value in SAMPLES} == {
        *(kinds.STRING, kinds.LIST_QUICKLIST_2, kinds.SET, kinds.SET_INTSET, kinds.SET_LISTPACK),
        *(kinds.ZSET_2, kinds.ZSET_LISTPACK, kinds.HASH, kinds.HASH_LISTPACK, kinds.HASH_METADATA),
        *(kinds.HASH_LISTPACK_EX, kinds.STREAM_3),
    }


@pytest.mark.parametrize("number", [0, 63, 64, 16383, 16384, (1 << 32) - 1, 1 << 32, (1 << 64) - 1])
def test_lengths_of_all_sizes(number: int) -> None:
    value = stream()
    value.entries_added = max(number, len(value))
    assert meaning(payload.restore(payload.dump(value, write_plain))) == meaning(value)


def test_entries_that_were_given_back_are_pending_for_who_had_them_last() -> None:
    value = stream()
    pending = value.groups[b"g"].pending
    pending.release(b"1-1", 5)
    pending.release(b"3-3", 0, owner=b"c2")
    pending.release(b"200-4", 1, owner=b"gone")
    twin = payload.restore(payload.dump(value, write_plain))
    assert isinstance(twin, StreamValue)
    twin.check()
    group = twin.groups[b"g"]
    found = {text: group.pending.get(text) for text in (b"1-1", b"3-3", b"200-4")}
    assert [
        (delivery.consumer.name, delivery.delivered_ms, delivery.count)
        for delivery in found.values()
        if delivery is not None
    ] == [(b"c1", 0, 5), (b"c1", 0, 0), (b"gone", 0, 1)]
    assert len(group.pending) == len(pending)
    assert list(group.consumers) == [b"c1", b"c2", b"gone", b"idle"]


# -- what servers of before wrote ------------------------------------------------------------------

PAIRS = [b"a", b"1", b"b", b"2.5"]


@pytest.mark.parametrize(
    ("kind", "body", "command"),
    [
        (kinds.LIST, b"\x02\x01a\xc0\x05", [b"RPUSH", b"key", b"a", b"5"]),
        (kinds.LIST_ZIPLIST, string(ziplist(ZIPLIST_WORDS)), [b"RPUSH", b"key", *ZIPLIST_WORDS]),
        (
            kinds.LIST_QUICKLIST,
            b"\x02" + string(ziplist([b"a", b"1"])) + string(ziplist([b"b"])),
            [b"RPUSH", b"key", b"a", b"1", b"b"],
        ),
        (
            kinds.ZSET,
            b"\x03\x01a\x011\x01b\x032.5\x01c\xfe",
            [b"ZADD", b"key", b"1", b"a", b"2.5", b"b", b"inf", b"c"],
        ),
        (kinds.ZSET_ZIPLIST, string(ziplist(PAIRS)), [b"ZADD", b"key", b"1", b"a", b"2.5", b"b"]),
        (kinds.HASH_ZIPLIST, string(ziplist(PAIRS)), [b"HMSET", b"key", *PAIRS]),
        (kinds.HASH_ZIPMAP, string(zipmap(PAIRS)), [b"HMSET", b"key", *PAIRS]),
    ],
)
def test_older_encodings_are_read(kind: int, body: bytes, command: list[bytes]) -> None:
    assert list(restored(bytes([kind]) + body).rebuild(b"key")) == [command]


def test_hashes_with_deadlines_of_a_prerelease_and_of_valkey_are_read() -> None:
    expected = [
        [b"HMSET", b"key", b"a", b"1", b"b", b"2"],
        [b"HPEXPIREAT", b"key", b"5000", b"FIELDS", b"1", b"a"],
    ]
    metadata = b"%c\x02%b\x01a\x011\x00\x01b\x012" % (kinds.HASH_METADATA_EARLY, write_length(5000))
    assert list(restored(metadata).rebuild(b"key")) == expected
    words = listpack.pack([b"a", b"1", 5000, b"b", b"2", 0])
    early = bytes([kinds.HASH_LISTPACK_EX_EARLY]) + string(words)
    assert list(restored(early).rebuild(b"key")) == expected


@pytest.mark.parametrize("version", [1, 2])
def test_streams_of_redis_5_and_7_0_are_read(version: int) -> None:
    """What version 1 does not say follows from the entries."""
    entry_id = (1 << 64).to_bytes(16, "big")
    node = listpack.pack([1, 0, 1, b"a", 0, 2, 0, 0, b"b", 4])
    more = b"\x01\x00\x00\x00\x01" if version > 1 else b""  # first ID, greatest deleted one, entries ever
    read = b"\x01" if version > 1 else b""
    pending = b"\x01" + entry_id + (7000).to_bytes(8, "little") + b"\x03"
    consumer = b"\x01\x01c" + (8000).to_bytes(8, "little") + b"\x01" + entry_id
    value = restored(
        bytes([kinds.STREAM if version == 1 else kinds.STREAM_2])
        + b"\x01\x10%b%b\x01\x01\x00%b" % (entry_id, string(node), more)
        + b"\x01\x01g\x01\x00%b%b%b" % (read, pending, consumer)
    )
    assert isinstance(value, StreamValue)
    assert list(value.rebuild(b"key")) == [
        [b"XADD", b"key", b"1-0", b"a", b"b"],
        [b"XSETID", b"key", b"1-0", b"ENTRIESADDED", b"1", b"MAXDELETEDID", b"0-0"],
        [b"XGROUP", b"CREATE", b"key", b"g", b"1-0", b"ENTRIESREAD", b"1"],
        [b"XGROUP", b"CREATECONSUMER", b"key", b"g", b"c"],
        b"XCLAIM key g c 0 1-0 TIME 7000 RETRYCOUNT 3 FORCE JUSTID".split(),
        b"XCLAIM key g c 0 SEEN-TIME 8000 ACTIVE-TIME 8000".split(),
    ]
    consumer_read = value.groups[b"g"].consumers[b"c"]
    assert (consumer_read.seen_ms, consumer_read.active_ms) == (8000, 8000)


# -- damage ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\1a", bytes(9)])
def test_what_is_shorter_than_a_footer_is_refused(data: bytes) -> None:
    with pytest.raises(payload.BadChecksumError):
        payload.check(data)


def test_versions_of_the_future_are_refused_and_those_of_the_past_are_not() -> None:
    for version in range(1, payload.VERSION + 1):
        payload.check(sealed(b"\0\1a", version))
    for version in (payload.VERSION + 1, 80, 65535):
        with pytest.raises(payload.BadChecksumError):
            payload.check(sealed(b"\0\1a", version))


def test_a_wrong_checksum_is_refused_and_so_is_none() -> None:
    data = sealed(b"\0\1a")
    with pytest.raises(payload.BadChecksumError):
        payload.check(data[:-8] + bytes(8))
    for at in range(len(data)):
        with pytest.raises(payload.BadChecksumError):
            payload.check(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


def damage(body: bytes, rng: Random) -> bytes:
    data = bytearray(body)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(min(len(data), 60) if rng.random() < 0.5 else len(data))
        how = rng.randrange(4)
        if how == 0:
            data[at] = rng.choice((0, 1, 127, 128, 129, 195, 255, rng.randrange(256)))
        elif how == 1:
            data[at] = (data[at] + rng.choice((1, 255))) % 256
        elif how == 2:
            del data[at : at + rng.randrange(1, 4)]
        else:
            data[at:at] = rng.choice((b"\0", b"\x81" + b"\xff" * 8, b"\x80\xff\xff\xff\xff", b"\xc3"))
        data = data or bytearray(1)
    return bytes(data)


def test_damaged_payloads_are_values_or_refused_and_take_no_memory() -> None:
    """Of all types; lengths of up to 2**64 among them."""
    rng = Random(5)
    bodies = [
        payload.dump(value, write)[:-10] for _, value in SAMPLES for write in (write_plain, write_compressed)
    ]
    bodies = [body for body in bodies if len(body) < 6000]
    refused = 0
    tracemalloc.start()
    for _ in range(DAMAGED):
        try:
            restored(damage(rng.choice(bodies), rng))
        except BadFormatError:
            refused += 1
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert DAMAGED // 3 < refused < DAMAGED
    assert peak < MOST_MEMORY


@pytest.mark.parametrize("kind", range(256))
def test_no_type_is_read_from_nothing(kind: int) -> None:
    with pytest.raises(BadFormatError):
        restored(bytes([kind]))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\x02\x02\x01a\x01a", "twice"),
        (b"\x05\x01\x01a" + b"\xff" * 8, "not a number"),
        (b"\x02\x00", "no members"),
        (b"\x12\x01\x03\x01a", "no kind of a list's node"),
        (b"\x07\x01", "module"),
        (b"\x1a\x01", "type 26"),
        (b"\x02\x81" + b"\xff" * 8, "there are no"),
    ],
)
def test_the_reason_is_told(body: bytes, reason: str) -> None:
    with pytest.raises(BadFormatError, match=reason):
        restored(body)
