"""The listpack: a small collection as one string.

    bytes in all (u32), elements (u16, 65535: count them), elements, 0xFF

An element is an integer or a text, and behind it stands its own length once more, for walking backwards. A
listpack that comes from outside is checked in every byte: lengths, both ways, and the number of elements.

0.3 µs an element, either way; of texts of one length 0.06 to read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from struct import Struct
from typing import Final

from respq.datatypes.chunks import LONGEST_INTEGER, Even
from respq.datatypes.strings import to_int
from respq.rdb.cursor import BadFormatError

_HEADER: Final = Struct("<IH")
_END: Final = b"\xff"
_UNCOUNTED: Final = 0xFFFF
_ANY: Final = 1 << 62
_SHORTEST_EVEN: Final = 256  # bytes; below, looking at each element is as quick
_SMALL: Final = [b"%d" % number for number in range(128)]
_NUMBER_START: Final = frozenset(b"-0123456789")
_SIZES: Final = {0xF1: 2, 0xF2: 3, 0xF3: 4, 0xF4: 8}  # bytes of an integer, by its first byte


def unpack(data: bytes) -> Sequence[bytes]:
    """The elements; integers as their text. Raises BadFormatError."""
    form = even_form(data)
    return _unpack_any(data) if form is None else form.split(data)


def even_form(data: bytes) -> Even | None:
    """Where the elements stand if they are texts of one length. What is between is compared by columns."""
    if len(data) < _SHORTEST_EVEN or data[-1] != _END[0]:
        return None
    total, count = _HEADER.unpack_from(data)
    body = len(data) - _HEADER.size - 1
    if total != len(data) or not 0 < count < _UNCOUNTED or body % count:
        return None
    first, second = data[6:8]
    if 0x80 <= first < 0xC0:
        head, length = data[6:7], first & 0x3F
    elif 0xE0 <= first < 0xF0:
        head, length = data[6:8], (first & 0x0F) << 8 | second
    else:
        return None
    form, columns = _even(head, length, count)
    stride = form.stride
    if stride * count != body:
        return None
    for at, column in columns:
        if data[at:-1:stride] != column:
            return None
    return form


@lru_cache(maxsize=256)
def _even(head: bytes, length: int, count: int) -> tuple[Even, list[tuple[int, bytes]]]:
    """The form of so many texts of one length, and what stands between them: where, and what by columns."""
    behind = backward(len(head) + length)
    form = Even(_HEADER.size + len(head), length, len(head) + length + len(behind), count)
    places = [*range(_HEADER.size, form.begin), *range(form.begin + length, _HEADER.size + form.stride)]
    marks = head + behind
    return form, [(at, marks[n : n + 1] * count) for n, at in enumerate(places)]


def has(data: bytes, count: int) -> bool:
    """Whether a listpack says that it has so many elements, or does not say how many."""
    return _HEADER.unpack_from(data)[1] in (count, _UNCOUNTED)


def bounds(data: bytes) -> tuple[int, int]:
    """Where the elements begin and where they end. Raises BadFormatError."""
    end = len(data) - 1
    if end < _HEADER.size or data[end] != _END[0]:
        raise BadFormatError("a listpack has no end")
    if _HEADER.unpack_from(data)[0] != len(data):
        raise BadFormatError("a listpack has another size than it says")
    return _HEADER.size, end


def _unpack_any(data: bytes) -> list[bytes]:
    begin, end = bounds(data)
    try:
        elements, at = read(data, begin, end)
    except IndexError:
        raise BadFormatError("an element of a listpack is cut off") from None
    if not has(data, len(elements)):
        raise BadFormatError("a listpack has not as many elements as it says")
    if at != end:
        raise BadFormatError("a listpack ends within an element")
    return elements


def read(data: bytes, at: int, end: int, most: int = _ANY) -> tuple[list[bytes], int]:
    """At most so many elements from `at` on, and where they end. Raises BadFormatError or IndexError."""
    elements: list[bytes] = []
    while at < end and len(elements) < most:
        first = data[at]
        if first < 0x80:
            size, element = 1, _SMALL[first]
        elif first < 0xC0:
            size = 1 + (first & 0x3F)
            element = data[at + 1 : at + size]
        elif first < 0xE0:
            size, number = 2, (first & 0x1F) << 8 | data[at + 1]
            element = b"%d" % (number - (1 << 13) if number >> 12 else number)
        elif first < 0xF0:
            size = 2 + ((first & 0x0F) << 8 | data[at + 1])
            element = data[at + 2 : at + size]
        elif first == 0xF0:
            size = 5 + int.from_bytes(data[at + 1 : at + 5], "little")
            element = data[at + 5 : at + size]
        elif first in _SIZES:
            size = 1 + _SIZES[first]
            element = b"%d" % int.from_bytes(data[at + 1 : at + size], "little", signed=True)
        else:
            raise BadFormatError(f"{first:#x} begins no element of a listpack")
        at += size
        if size < 128:
            if data[at] != size:
                raise BadFormatError("an element of a listpack has two lengths")
            at += 1
        elif size < 16383:  # `backward`, written out
            if data[at] != size >> 7 or data[at + 1] != size & 127 | 128:
                raise BadFormatError("an element of a listpack has two lengths")
            at += 2
        else:
            behind = backward(size)
            if at + len(behind) > end or data[at : at + len(behind)] != behind:
                raise BadFormatError("an element of a listpack has two lengths")
            at += len(behind)
        elements.append(element)
    return elements, at


def backward(size: int) -> bytes:
    """The length of an element as it stands behind it: seven bits a byte, the first one without a mark."""
    if size < 128:
        return bytes((size,))
    if size < 16383:
        return bytes((size >> 7, size & 127 | 128))
    if size < 2097151:
        return bytes((size >> 14, size >> 7 & 127 | 128, size & 127 | 128))
    if size < 268435455:
        return bytes((size >> 21, size >> 14 & 127 | 128, size >> 7 & 127 | 128, size & 127 | 128))
    return bytes((size >> 28, *(size >> shift & 127 | 128 for shift in (21, 14, 7, 0))))


def pack(elements: Iterable[bytes | int]) -> bytes:
    """A listpack of these elements; a text that spells an integer of 64 bits becomes one."""
    parts = [b""]
    append = parts.append
    for element in elements:
        append(_integer(element) if isinstance(element, int) else _encode(element))
    body = b"".join(parts)
    count = len(parts) - 1
    return b"%b%b\xff" % (_HEADER.pack(len(body) + 7, min(count, _UNCOUNTED)), body)


def pack_texts(elements: Sequence[bytes]) -> bytes:
    """The same, in a tenth of the time if all are of one length and too long to be integers."""
    length = len(elements[0])
    lengths = list(map(len, elements))
    if not LONGEST_INTEGER < length < 1 << 12 or lengths.count(length) < len(lengths):
        return pack(elements)
    head = b"%c" % (0x80 | length) if length < 0x40 else b"%c%c" % (0xE0 | length >> 8, length & 0xFF)
    behind = backward(len(head) + length)
    body = b"%b%b%b" % (head, (behind + head).join(elements), behind)
    return b"%b%b\xff" % (_HEADER.pack(len(body) + 7, min(len(elements), _UNCOUNTED)), body)


def _encode(element: bytes) -> bytes:
    length = len(element)
    if 0 < length <= LONGEST_INTEGER and element[0] in _NUMBER_START:
        number = to_int(element)
        if number is not None:
            return _integer(number)
    if length < 0x40:
        return b"%c%b%c" % (0x80 | length, element, length + 1)
    if length < 1 << 12:
        return b"%c%c%b%b" % (0xE0 | length >> 8, length & 0xFF, element, backward(length + 2))
    return b"\xf0%b%b%b" % (length.to_bytes(4, "little"), element, backward(length + 5))


def _integer(number: int) -> bytes:
    if 0 <= number < 128:
        return b"%c\x01" % number
    if -(1 << 12) <= number < 1 << 12:
        number &= (1 << 13) - 1
        return b"%c%c\x02" % (0xC0 | number >> 8, number & 0xFF)
    for first, size in _SIZES.items():
        if -(1 << 8 * size - 1) <= number < 1 << 8 * size - 1:
            return b"%c%b%c" % (first, number.to_bytes(size, "little", signed=True), size + 1)
    raise OverflowError(number)
