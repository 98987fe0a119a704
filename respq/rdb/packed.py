"""Small collections as one string, other than listpacks: ziplist, zipmap and intset.

The first two are what servers before 7.0, and before 2.6, wrote; they are only read. All are checked in
every byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from struct import Struct, unpack_from
from typing import Final

from respq.rdb.cursor import BadFormatError, Cursor

_ZIPLIST_HEADER: Final = Struct("<IIH")
_END: Final = 0xFF
_UNCOUNTED: Final = 0xFFFF
_LONG: Final = 0xFE  # a length of four bytes follows
_INTEGER_SIZES: Final = {0xC0: 2, 0xD0: 4, 0xE0: 8, 0xF0: 3, 0xFE: 1}  # by the byte before it
_FIRST_IMMEDIATE, _LAST_IMMEDIATE = 0xF1, 0xFD  # 0 to 12
_INTSET_HEADER: Final = Struct("<II")
_INTSET_CODES: Final = {2: "h", 4: "i", 8: "q"}  # by the bytes of an integer
_MOST_UNCOUNTED: Final = 254  # a zipmap that says it has so many fields does not know


def unpack_ziplist(data: bytes) -> list[bytes]:
    """The elements; integers as their text. Raises BadFormatError."""
    if len(data) <= _ZIPLIST_HEADER.size or data[-1] != _END:
        raise BadFormatError("a ziplist has no end")
    total, tail, count = _ZIPLIST_HEADER.unpack_from(data)
    if total != len(data):
        raise BadFormatError("a ziplist has another size than it says")
    cursor = Cursor(data, _ZIPLIST_HEADER.size, len(data) - 1)
    elements = []
    before = 0  # bytes of the element before
    begin = cursor.at
    while cursor.left:
        begin = cursor.at
        if _length_before(cursor) != before:
            raise BadFormatError("an element of a ziplist has two lengths")
        elements.append(_ziplist_element(cursor))
        before = cursor.at - begin
    if begin != tail:
        raise BadFormatError("the last element of a ziplist is elsewhere")
    if count not in (len(elements), _UNCOUNTED):
        raise BadFormatError("a ziplist has not as many elements as it says")
    return elements


def _length_before(cursor: Cursor) -> int:
    length = cursor.byte()
    if length == _END:
        raise BadFormatError("a ziplist ends before its end")
    return cursor.u32() if length == _LONG else length


def _ziplist_element(cursor: Cursor) -> bytes:
    first = cursor.byte()
    if first < 0x40:
        return cursor.take(first)
    if first < 0x80:
        return cursor.take((first & 0x3F) << 8 | cursor.byte())
    if first == 0x80:
        return cursor.take(int.from_bytes(cursor.take(4), "big"))
    if size := _INTEGER_SIZES.get(first):
        return b"%d" % int.from_bytes(cursor.take(size), "little", signed=True)
    if _FIRST_IMMEDIATE <= first <= _LAST_IMMEDIATE:
        return b"%d" % (first - _FIRST_IMMEDIATE)
    raise BadFormatError(f"{first:#x} begins no element of a ziplist")


def unpack_zipmap(data: bytes) -> list[bytes]:
    """Fields and values by turns. Raises BadFormatError."""
    if len(data) < 2 or data[-1] != _END:
        raise BadFormatError("a zipmap has no end")
    cursor = Cursor(data, 1, len(data) - 1)
    words = []
    while cursor.left:
        words.append(cursor.take(_zipmap_length(cursor)))
        length = _zipmap_length(cursor)
        free = cursor.byte()
        words.append(cursor.take(length))
        cursor.take(free)
    if data[0] < _MOST_UNCOUNTED and data[0] != len(words) // 2:
        raise BadFormatError("a zipmap has not as many fields as it says")
    return words


def _zipmap_length(cursor: Cursor) -> int:
    length = cursor.byte()
    if length == _END:
        raise BadFormatError("a zipmap ends before its end")
    return cursor.u32() if length == _LONG else length


def unpack_intset(data: bytes) -> list[bytes]:
    """The members in ascending order. Raises BadFormatError."""
    if len(data) < _INTSET_HEADER.size:
        raise BadFormatError("an intset has no header")
    size, count = _INTSET_HEADER.unpack_from(data)
    if size not in _INTSET_CODES or len(data) != _INTSET_HEADER.size + size * count:
        raise BadFormatError("an intset has another size than it says")
    numbers = unpack_from(f"<{count}{_INTSET_CODES[size]}", data, _INTSET_HEADER.size)
    if any(one >= other for one, other in pairwise(numbers)):
        raise BadFormatError("an intset is not in order")
    return [b"%d" % number for number in numbers]


def pack_intset(members: Sequence[bytes]) -> bytes:
    """An intset of integers in ascending order."""
    numbers = list(map(int, members))
    longest = max(max(numbers, default=0), ~min(numbers, default=0)).bit_length()
    size = 2 if longest < 16 else 4 if longest < 32 else 8
    return _INTSET_HEADER.pack(size, len(numbers)) + Struct(f"<{len(numbers)}{_INTSET_CODES[size]}").pack(
        *numbers
    )
