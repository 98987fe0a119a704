"""The longest common subsequence of two strings, and which of them redis-server finds.

The lengths L(i, j) for all prefixes of both strings are not kept as a table of numbers but as one
integer for each prefix of the shorter string, whose bits say where in the longer one the length grows:
bit j is 1 where L(i, j + 1) = L(i, j) + 1 (Crochemore et al. 2001, Hyyrö 2004). One addition makes a row,
so two strings of 10,000 bytes take 40 ms, where a table would take Python half a minute.

Of several longest ones, Redis takes the one that it finds from the ends: bytes that are equal belong to
it; else it goes back in the first string if that keeps the greater length, or else in the second. Both walks
below do so, in jumps: the steps in the longer string between two events cost one search.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator


def length(a: bytes, b: bytes) -> int:
    """How long the longest common subsequence is. O(len(a) len(b) / 60)."""
    short, long = sorted((a, b), key=len)
    last = deque(_rows(short, long), maxlen=1)
    return last.pop().bit_count() if last else 0


def matches(a: bytes, b: bytes) -> list[tuple[int, int, int]]:
    """The longest common subsequence in pieces, from the ends: place in `a`, place in `b`, length.

    O(len(a) len(b) / 60); as many bits of memory as there are pairs of bytes.
    """
    walk = _from_rows_of_first(a, b) if len(a) <= len(b) else _from_rows_of_second(a, b)
    found: list[tuple[int, int, int]] = []
    for i, j in walk:
        if found and found[-1][:2] == (i + 1, j + 1):
            found[-1] = (i, j, found[-1][2] + 1)
        else:
            found.append((i, j, 1))
    return found


def _rows(short: bytes, long: bytes) -> Iterator[int]:
    """For each prefix of `short`, a 1 where the length grows in `long`."""
    every = (1 << len(long)) - 1
    places = {byte: _places(byte, long) for byte in set(short)}
    row = every
    for byte in short:
        hits = row & places[byte]
        row = (row + hits | row - hits) & every
        yield row ^ every


def _places(byte: int, text: bytes) -> int:
    """A 1 for each occurrence, the first in the lowest bit."""
    digits = bytearray(b"0") * 256
    digits[byte] = ord("1")
    return int(text[::-1].translate(digits), 2) if text else 0


def _from_rows_of_first(a: bytes, b: bytes) -> Iterator[tuple[int, int]]:
    """The pairs of equal bytes that Redis chooses, last first; `a` is the shorter string."""
    rows = list(_rows(a, b))
    i, j = len(a), len(b)
    while i and j:
        grows = (rows[i - 1] & (1 << j) - 1).bit_length()
        equal = b.rfind(a[i - 1], 0, j) + 1
        j = max(grows, equal)
        if equal and j == equal:
            yield i - 1, j - 1
            j -= 1
        i -= 1


def _from_rows_of_second(a: bytes, b: bytes) -> Iterator[tuple[int, int]]:
    """The same for the case that `b` is the shorter string."""
    rows = [0, *_rows(b, a)]
    i, j = len(a), len(b)
    while i and j:
        prefix = (1 << i) - 1
        if a[i - 1] == b[j - 1] or (rows[j] & prefix).bit_count() > (rows[j - 1] & prefix).bit_count():
            i = a.rfind(b[j - 1], 0, i)
            yield i, j - 1
        j -= 1
