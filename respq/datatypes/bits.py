"""Strings as arrays of bits: bit 0 is the highest bit of the first byte, and behind the end all are 0.

Whatever asks about many bits leaves the walk to C: the population count and the bitwise operations go
through long integers (2 ns a byte), a search compares stretches with one that has nothing to find
(0.1 ns; a regular expression over all of it takes 20). One byte at a time in Python would be 50 ns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import reduce
from operator import and_, or_, xor
from typing import Final

STRETCH: Final = 1 << 16  # bytes that are looked at together: few enough to stay in the cache

_WITHOUT = (b"\xff" * STRETCH, bytes(STRETCH))  # a stretch without a 0, without a 1
_WITH = (re.compile(rb"[^\xff]"), re.compile(rb"[^\x00]"))  # a byte with a 0 in it, with a 1


def get(data: bytes | bytearray, offset: int, width: int = 1) -> int:
    """The unsigned integer of `width` bits that begins at bit `offset`. O(width)."""
    end = offset + width
    last = (end + 7) >> 3
    window = data[offset >> 3 : last].ljust(last - (offset >> 3), b"\0")
    return int.from_bytes(window) >> (-end & 7) & ((1 << width) - 1)


def put(data: bytearray, offset: int, width: int, number: int) -> None:
    """Write an unsigned integer of `width` bits, which must lie within `data`, at bit `offset`. O(width)."""
    first, end = offset >> 3, offset + width
    last = (end + 7) >> 3
    shift = -end & 7
    kept = int.from_bytes(data[first:last]) & ~(((1 << width) - 1) << shift)
    data[first:last] = (kept | number << shift).to_bytes(last - first)


def count(data: bytes, start: int, end: int) -> int:
    """How many of the bits from `start` to `end`, exclusive, are 1. O(end - start)."""
    first, last = (start + 7) >> 3, end >> 3  # the whole bytes
    if first > last:
        return get(data, start, end - start).bit_count()
    total = get(data, start, (first << 3) - start).bit_count() + get(data, last << 3, end & 7).bit_count()
    for at in range(first, last, STRETCH):
        total += int.from_bytes(data[at : min(at + STRETCH, last)]).bit_count()
    return total


def find(data: bytes, bit: int, start: int, end: int) -> int:
    """Where the first `bit` stands between bits `start` and `end`, exclusive; -1 if none. O(end - start)."""
    first, last = (start + 7) >> 3, end >> 3
    if first > last:
        return _find_in(get(data, start, end - start), end - start, bit, start)
    found = _find_in(get(data, start, (first << 3) - start), (first << 3) - start, bit, start)
    if found < 0 and (at := _byte_with(data, bit, first, last)) >= 0:
        found = _find_in(data[at], 8, bit, at << 3)
    return found if found >= 0 else _find_in(get(data, last << 3, end & 7), end & 7, bit, last << 3)


def _byte_with(data: bytes, bit: int, first: int, last: int) -> int:
    """The first of the bytes from `first` to `last`, exclusive, with a `bit` in it, or -1."""
    while first + STRETCH <= last and data[first : first + STRETCH] == _WITHOUT[bit]:
        first += STRETCH
    match = _WITH[bit].search(data, first, last)
    return -1 if match is None else match.start()


def _find_in(number: int, width: int, bit: int, offset: int) -> int:
    """The first `bit` of an integer of `width` bits that begins at bit `offset`, or -1."""
    if not bit:
        number ^= (1 << width) - 1
    return offset + width - number.bit_length() if number else -1


# -- operations ------------------------------------------------------------------------------------


def _without(numbers: Sequence[int]) -> int:
    return numbers[0] & ~reduce(or_, numbers[1:])


def _in_others_only(numbers: Sequence[int]) -> int:
    return reduce(or_, numbers[1:]) & ~numbers[0]


def _in_others_too(numbers: Sequence[int]) -> int:
    return numbers[0] & reduce(or_, numbers[1:])


def _in_one(numbers: Sequence[int]) -> int:
    once = more = 0
    for number in numbers:
        more |= once & number
        once |= number
    return once & ~more


# By the name that BITOP has for it. NOT, of one string, is `complement`.
OPERATIONS: Final[dict[bytes, Callable[[Sequence[int]], int]]] = {
    b"AND": lambda numbers: reduce(and_, numbers),
    b"OR": lambda numbers: reduce(or_, numbers),
    b"XOR": lambda numbers: reduce(xor, numbers),
    b"DIFF": _without,
    b"DIFF1": _in_others_only,
    b"ANDOR": _in_others_too,
    b"ONE": _in_one,
}


def combine(operation: Callable[[Sequence[int]], int], strings: Sequence[bytes]) -> bytes:
    """One of OPERATIONS over strings, as long as the longest of them. O(their bytes)."""
    length = max(map(len, strings))
    return operation([int.from_bytes(data.ljust(length, b"\0")) for data in strings]).to_bytes(length)


def complement(data: bytes) -> bytes:
    """Every bit turned over. O(bytes)."""
    return data.translate(_TURNED)


_TURNED = bytes(range(255, -1, -1))
