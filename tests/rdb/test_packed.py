"""Small collections as one string: listpack, ziplist, zipmap, intset, each damaged in every way."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respq.datatypes.chunks import listpack_bytes
from respq.rdb import listpack, packed
from respq.rdb.cursor import BadFormatError
from tests.rdb.samples import INTEGERS, TEXTS

ELEMENTS = st.lists(
    st.one_of(st.binary(max_size=80), st.integers(-(1 << 63), (1 << 63) - 1).map(b"%d".__mod__))
)

# Integers of every size, immediate ones, texts with headers of one, two and five bytes. Servers before 7.0
# wrote it; compat/rdb has redis-server 8.2.3 read it.
ZIPLIST_WORDS = [
    b"a",
    b"0",
    b"12",
    b"13",
    b"-1",
    b"300",
    b"-70000",
    b"9000000",
    b"9000000000",
    b"t" * 70,
    b"u" * 20000,
]


def ziplist(words: list[bytes]) -> bytes:
    """A ziplist, from its documentation."""
    body, before, tail = b"", 0, 10
    for word in words:
        number = int(word) if word.lstrip(b"-").isdigit() else None
        if number is None:
            size = len(word)
            header = bytes([size]) if size < 64 else (1 << 14 | size).to_bytes(2, "big")
            header = header if size < 1 << 14 else b"\x80" + size.to_bytes(4, "big")
            entry = header + word
        elif 0 <= number <= 12:
            entry = bytes([0xF1 + number])
        else:
            first, width = next(
                (first, width)
                for first, width in ((0xFE, 1), (0xC0, 2), (0xF0, 3), (0xD0, 4), (0xE0, 8))
                if -(1 << 8 * width - 1) <= number < 1 << 8 * width - 1
            )
            entry = bytes([first]) + number.to_bytes(width, "little", signed=True)
        entry = (bytes([before]) if before < 254 else b"\xfe" + before.to_bytes(4, "little")) + entry
        tail, before = 10 + len(body), len(entry)
        body += entry
    size = 10 + len(body) + 1
    return (
        size.to_bytes(4, "little")
        + tail.to_bytes(4, "little")
        + len(words).to_bytes(2, "little")
        + body
        + b"\xff"
    )


def zipmap(words: list[bytes]) -> bytes:
    """A zipmap with two bytes to spare behind each value."""
    body = b""
    for at, word in enumerate(words):
        body += bytes([len(word)]) if len(word) < 254 else b"\xfe" + len(word).to_bytes(4, "little")
        body += b"\2%b??" % word if at % 2 else word
    return bytes([len(words) // 2]) + body + b"\xff"


def test_a_listpack_holds_what_was_put_in() -> None:
    words = [*INTEGERS, *TEXTS]
    data = listpack.pack(words)
    assert listpack.unpack(data) == words
    assert len(data) == listpack_bytes(words)


@given(ELEMENTS)
def test_any_listpack_holds_what_was_put_in(words: list[bytes]) -> None:
    assert listpack.unpack(listpack.pack(words)) == words


def test_a_listpack_of_very_many_does_not_count_them() -> None:
    data = listpack.pack([b"1"] * 70_000)
    assert data[4:6] == b"\xff\xff"
    assert len(listpack.unpack(data)) == 70_000


def test_a_ziplist_is_read() -> None:
    assert packed.unpack_ziplist(ziplist(ZIPLIST_WORDS)) == ZIPLIST_WORDS
    assert packed.unpack_ziplist(ziplist([])) == []


def test_a_zipmap_is_read() -> None:
    words = [b"field", b"value", b"long", b"x" * 300]
    assert packed.unpack_zipmap(zipmap(words)) == words


@pytest.mark.parametrize("size", [4, 20, 40, 63])
def test_an_intset_holds_what_was_put_in(size: int) -> None:
    members = [b"%d" % number for number in (-(1 << size), -1, 0, 5, (1 << size) - 1)]
    assert packed.unpack_intset(packed.pack_intset(members)) == members


READERS: list[tuple[bytes, Callable[[bytes], list[bytes]]]] = [
    (listpack.pack([*INTEGERS[:9], b"text", b"x" * 200]), listpack.unpack),
    (ziplist(ZIPLIST_WORDS[:-1]), packed.unpack_ziplist),
    (zipmap([b"field", b"value", b"long", b"x" * 300]), packed.unpack_zipmap),
    (packed.pack_intset([b"1", b"2", b"70000"]), packed.unpack_intset),
]


@pytest.mark.parametrize(("data", "read"), READERS)
def test_each_byte_may_be_anything(data: bytes, read: Callable[[bytes], list[bytes]]) -> None:
    for at in range(len(data)):
        for byte in (0, 1, 127, 128, 192, 240, 241, 254, 255, data[at] ^ 1, data[at] + 1 & 255):
            try:
                read(data[:at] + bytes([byte]) + data[at + 1 :])
            except BadFormatError:
                pass


@pytest.mark.parametrize(("data", "read"), READERS)
def test_whatever_is_cut_off_is_missed(data: bytes, read: Callable[[bytes], list[bytes]]) -> None:
    for size in range(len(data)):
        with pytest.raises(BadFormatError):
            read(data[:size])
