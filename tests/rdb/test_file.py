"""A data set as one file: what is written comes back, what others write is read, damage is seen."""

from __future__ import annotations

from random import Random

import pytest

from respq.rdb import payload
from respq.rdb.checksum import crc64
from respq.rdb.cursor import BadFormatError
from respq.rdb.file import Contents, DumpReader, write_dump
from respq.rdb.strings import write_compressed, write_plain
from tests.rdb.samples import meaning, values

DAMAGED = 500
SMALL = 300  # bytes of a value that is damaged again and again


def written(*, checked: bool = True, compressed: bool = False, most: int = 1 << 30) -> bytes:
    """Two databases with a value of every kind, of at most so many bytes; every third key expires."""
    small = [(name, value) for name, value in values() if len(payload.dump(value, write_plain)) < most]
    samples = {b"%s %d" % (name.encode(), at): value for at, (name, value) in enumerate(small)}
    for at, value in enumerate(samples.values()):
        value.expires_ms = 0 if at % 3 else 1_000_000 + at
    contents = [Contents(number, samples.items(), len(samples), len(samples) // 3) for number in (0, 700)]
    write_string = write_compressed if compressed else write_plain
    return b"".join(write_dump(contents, {b"redis-ver": b"8.2.3"}, write_string, checked=checked))


def read(data: bytes) -> dict[tuple[int, bytes], tuple[int, object]]:
    return {(db, key): (value.expires_ms, meaning(value)) for db, key, value in DumpReader(data)}


def dump(body: bytes, header: bytes = b"REDIS0012") -> bytes:
    """A file without a checksum."""
    return header + body + b"\xff" + bytes(8)


WHOLE = written(most=SMALL)


@pytest.mark.parametrize("compressed", [False, True])
def test_what_is_written_comes_back(compressed: bool) -> None:
    expected = {b"%s %d" % (name.encode(), at): meaning(value) for at, (name, value) in enumerate(values())}
    reader = DumpReader(written(compressed=compressed))
    found = list(reader)
    assert reader.about == {b"redis-ver": b"8.2.3"}
    for number in (0, 700):
        assert {key: meaning(value) for db, key, value in found if db == number} == expected
    assert [value.expires_ms > 0 for _, _, value in found] == 2 * [at % 3 == 0 for at in range(len(expected))]


def test_the_reader_stops_behind_the_checksum() -> None:
    reader = DumpReader(WHOLE + b"*1\r\n$4\r\nPING\r\n")
    list(reader)
    assert reader.at == len(WHOLE)


def test_every_byte_counts() -> None:
    rng = Random(3)
    for _ in range(DAMAGED):
        at = rng.randrange(9, len(WHOLE))
        with pytest.raises(BadFormatError):
            list(DumpReader(WHOLE[:at] + bytes([WHOLE[at] ^ 1 << rng.randrange(8)]) + WHOLE[at + 1 :]))


def test_a_file_that_is_cut_off_is_refused() -> None:
    for at in [*range(9, 400), len(WHOLE) - 9, len(WHOLE) - 1]:
        with pytest.raises(BadFormatError):
            list(DumpReader(WHOLE[:at]))


def test_damage_that_no_checksum_shows_is_a_value_or_refused() -> None:
    rng = Random(4)
    whole = bytearray(written(checked=False, most=SMALL))
    for _ in range(DAMAGED):
        data = whole.copy()
        for _ in range(rng.choice((1, 2, 5))):
            data[rng.randrange(9, len(data))] = rng.choice((0, 1, 0x81, 0xC3, 0xFF, rng.randrange(256)))
        try:
            list(DumpReader(bytes(data)))
        except BadFormatError:
            pass


def test_a_checksum_may_be_missing_or_left_unseen() -> None:
    body = b"REDIS0012\0\1k\1v\xff"
    assert read(body + bytes(8)) == read(body + crc64(body).to_bytes(8, "little"))
    assert [key for _, key, _ in DumpReader(body + b"\1" * 8, checked=False)] == [b"k"]
    assert read(b"REDIS0004\0\1k\1v\xff") == read(body + bytes(8))


@pytest.mark.parametrize("header", [b"REDIS0001", b"REDIS0006", b"REDIS0012", b"VALKEY080"])
def test_versions_that_are_known(header: bytes) -> None:
    assert list(DumpReader(dump(b"", header))) == []


@pytest.mark.parametrize(
    "header", [b"REDIS0000", b"REDIS0013", b"VALKEY079", b"VALKEY081", b"REDIS012x", b"*2\r\n", b""]
)
def test_versions_that_are_not(header: bytes) -> None:
    with pytest.raises(BadFormatError):
        DumpReader(header)


def test_expiries_in_seconds_and_in_milliseconds() -> None:
    seconds = b"\xfd" + (5).to_bytes(4, "little") + b"\0\1s\1v"
    ms = b"\xfc" + (5001).to_bytes(8, "little") + b"\0\1m\1v"
    found = {key: value.expires_ms for _, key, value in DumpReader(dump(seconds + ms + b"\0\1n\1v"))}
    assert found == {b"s": 5000, b"m": 5001, b"n": 0}


def test_what_belongs_to_no_value_is_skipped() -> None:
    about = b"\xfa\1a\1b" + b"\xfe\5" + b"\xfb\1\0" + b"\xf4\1\2\3"
    module = (
        b"\xf7"
        b"\x81" + bytes(8) + b"\2\2" + b"\1\5" + b"\3abcd" + b"\4abcdefgh" + b"\5\xc0\1" + b"\5\1x" + b"\0"
    )
    key = b"\xf8\7" + b"\0\1k\1v" + b"\xf9\xff" + b"\0\1l\1v"
    assert [(db, key) for db, key, _ in DumpReader(dump(about + module + key))] == [(5, b"k"), (5, b"l")]


def test_a_hash_of_valkey_9() -> None:
    deadlines = (5000).to_bytes(8, "little"), (-1).to_bytes(8, "little", signed=True)
    body = b"\x16\1h\2\1a\0011%b\1b\0012%b" % deadlines
    [(_, _, value)] = DumpReader(dump(body, b"VALKEY080"))
    assert list(value.rebuild(b"h")) == [
        [b"HMSET", b"h", b"a", b"1", b"b", b"2"],
        [b"HPEXPIREAT", b"h", b"5000", b"FIELDS", b"1", b"a"],
    ]


def test_empty_collections_are_left_out() -> None:
    reader = DumpReader(dump(b"\2\1s\0" + b"\0\1k\1v"))
    assert [key for _, key, _ in reader] == [b"k"]
    assert reader.empty == 1


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (b"\xf6\1x", "functions of a pre-release"),
        (b"\xf3\1x", "part of type 243"),
        (b"\x07\1k\1x", "a value of a module"),
        (b"\xf7\1\7", "a module's value of type 7"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(part: bytes, reason: str) -> None:
    with pytest.raises(BadFormatError, match=reason):
        list(DumpReader(dump(part)))


def test_libraries_are_read_and_written() -> None:
    data = b"".join(write_dump([], {}, libraries=[b"one", b"two"]))
    reader = DumpReader(data)
    assert list(reader) == []
    assert reader.libraries == [b"one", b"two"]


def test_a_file_without_keys() -> None:
    data = b"".join(write_dump([], {}))
    assert data[:9] == b"REDIS0012"
    assert read(data) == {}
