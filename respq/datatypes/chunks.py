"""Packed chunks of a list, and where Redis would cut the same list into nodes.

A chunk is one `bytes` object that holds its elements back to back, with a uniform stride or an
array of ends. It is never changed, so copies and snapshots share it. Taking it apart costs 30 to
80 ns per element; an element held as an object of its own takes 41 bytes more than in a chunk.

Chunks are cut where Redis 8.2 cuts its quicklist nodes. Any size near 8 KiB would serve us as well,
but Redis goes back from "quicklist" to "listpack" only when a single node is left, so OBJECT
ENCODING shows where the nodes ended. The arithmetic is that of the listpack format: a header of
one, two or five bytes, the text or a binary integer, and the entry's own length again for walking
backwards. All of it was checked against OBJECT ENCODING and DEBUG OBJECT's `ql_nodes` of
redis-server 8.2.3. It runs once per chunk, over all its elements, never once per push.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, repeat
from struct import Struct
from typing import Final, NamedTuple

HEADER_BYTES: Final = 7  # of a listpack without entries
ENTRY_BYTES: Final = 4  # at most, on top of an element shorter than 4 KiB
_GUESS_BYTES: Final = 8  # what Redis allows for an entry's own header when it asks whether it fits
_UNLIMITED: Final = 1 << 62
LONGEST_INTEGER: Final = 20  # characters of -2**63

# Bytes of a text entry by its length, as long as the header is short: 2 more up to 63, 3 up to 125, then 4.
_TEXT_BYTES: Final[list[int]] = [*range(2, 64 + 2), *range(64 + 3, 126 + 3), *range(126 + 4, 4096 + 4)]

# Bytes of an integer entry by the bits of its magnitude; 0 if it has too many.
_INTEGER_BYTES: Final = [3] * 13 + [4] * 3 + [5] * 8 + [6] * 8 + [10] * 32 + [0] * 4
_ZERO: Final = ord("0")


def entry_bytes(element: bytes) -> int:
    """Bytes of one element inside a listpack, where canonical 64-bit integers are stored in binary."""
    length = len(element)
    if LONGEST_INTEGER < length < 4096:
        return _TEXT_BYTES[length]
    if length <= LONGEST_INTEGER:
        return _integer_bytes(element) or _TEXT_BYTES[length]
    return (
        length
        + 5
        + (2 if length + 5 < 1 << 14 else 3 if length + 5 < 1 << 21 else 4 if length + 5 < 1 << 28 else 5)
    )


def integer_bytes(value: int) -> int:
    """Bytes of a signed 64-bit integer inside a listpack."""
    return 2 if 0 <= value < 128 else _INTEGER_BYTES[(value if value >= 0 else ~value).bit_length()]


def _integer_bytes(element: bytes) -> int:
    """Bytes of the binary entry for `element`, 0 if it has to be stored as text."""
    if element.isdigit():
        if element[0] == _ZERO:
            return 2 if len(element) == 1 else 0
        value = int(element)
        return 2 if value < 128 else _INTEGER_BYTES[value.bit_length()]
    if element[:1] == b"-" and (digits := element[1:]).isdigit() and digits[0] != _ZERO:
        return _INTEGER_BYTES[(~int(element)).bit_length()]
    return 0


_SMALL: Final = {b"%d" % n: 2 if n < 128 else 3 for n in range(4096)}  # as `integer_bytes` has it
_BEYOND_DIGITS: Final = b":"  # what is not less begins with no digit and no minus


def entries_bytes(elements: Collection[bytes]) -> list[int]:
    """`entry_bytes` of each element."""
    text, small = _TEXT_BYTES, _SMALL.get
    return [
        (
            text[n]
            if n > LONGEST_INTEGER or element >= _BEYOND_DIGITS
            else small(element) or _integer_bytes(element) or text[n]
        )
        if (n := len(element)) < 4096
        else entry_bytes(element)
        for element in elements
    ]


def listpack_bytes(elements: Collection[bytes]) -> int:
    """Bytes of a listpack of these elements."""
    lengths = list(map(len, elements))
    if lengths and _uniform(lengths):
        return HEADER_BYTES + _TEXT_BYTES[lengths[0]] * len(lengths)
    return HEADER_BYTES + sum(entries_bytes(elements))


class Fill(NamedTuple):
    """How much one node takes: `list-max-listpack-size` spelled out."""

    size: int  # bytes
    entries: int
    half_size: int  # a quicklist turns back into a listpack at or below these two
    half_entries: int

    def exceeded(self, size: int, count: int) -> bool:
        """Say whether a listpack of `size` bytes and `count` elements is too much."""
        return size > self.size or count > self.entries

    def capacity(self, length: int) -> int:
        """How many texts of `length` bytes, less than 4096 each, Redis puts into one node."""
        room = self.size - HEADER_BYTES - _GUESS_BYTES - length
        return min(self.entries, max(1, room // _TEXT_BYTES[length] + 1))

    def refuses(self, size: int, count: int, element: bytes) -> bool:
        """Say whether Redis would not add `element` to a node of this size."""
        room = self.size - len(element)
        return room < 0 or size + _GUESS_BYTES > room or count >= self.entries

    def slack(self, size: int, count: int) -> int:
        """How many bytes, ENTRY_BYTES for each element included, surely fit a listpack of this size."""
        # Entries of 4 KiB and more have up to 6 bytes above ENTRY_BYTES; no more than this many fit.
        slack = self.size - size - 6 * (self.size >> 12)
        return min(slack, ENTRY_BYTES * (self.entries - count + 1) - 1)


@lru_cache(maxsize=16)
def fill_of(list_max_listpack_size: int) -> Fill:
    """-1 to -5 stand for 4 to 64 KiB; from 0 on it is a number of elements, of 8 KiB at most."""
    if list_max_listpack_size < 0:
        size = 2048 << min(5, -list_max_listpack_size)
        return Fill(size, _UNLIMITED, size // 2, _UNLIMITED)
    count = max(1, list_max_listpack_size)
    return Fill(8192, count, _UNLIMITED, count // 2)


class Node(NamedTuple):
    """One stretch of a cut: elements `start` to `end` (exclusive), `size` bytes as a listpack."""

    start: int
    end: int
    size: int

    def run(self, elements: list[bytes], left: bool) -> list[bytes]:
        """Its elements in the list's order; `left`: `elements` go from right to left."""
        run = elements[self.start : self.end]
        if left:
            run.reverse()
        return run


def cut(elements: Sequence[bytes], fill: Fill, known: tuple[int, int] = (0, 0)) -> list[Node]:
    """Cut what was pushed one after the other into the nodes that Redis has then.

    `known` says that this many elements of this many bytes in all stood in the first node already,
    however they came there. An element longer than a node has a node to itself, which nothing
    joins. O(len(elements)), about 80 ns each, 40 if all have one length.
    """
    lengths = list(map(len, elements))
    if _uniform(lengths) and known[0] <= (each := fill.capacity(lengths[0])):
        return _cut_evenly(len(lengths), each, _TEXT_BYTES[lengths[0]])
    totals = list(accumulate(entries_bytes(elements), initial=0))  # bytes of the first n entries
    nodes, start, last = [], 0, len(elements)
    while start < last:
        if lengths[start] > fill.size:
            nodes.append(Node(start, start + 1, lengths[start]))
            start += 1
            continue
        base = totals[start]
        stop = min(last, start + fill.entries)
        # Up to `sure` all fit whatever their headers; the few behind are asked one by one, as Redis asks.
        sure = bisect_right(totals, base + fill.size - 25) - 1
        end = max(start + 1, min(sure, stop))
        if start == 0 and known[0] > end:
            end = max(end, min(known[0], last, bisect_right(totals, known[1] - HEADER_BYTES) - 1))
        room = base + fill.size - HEADER_BYTES - _GUESS_BYTES
        while end < stop and totals[end] + lengths[end] <= room:
            end += 1
        nodes.append(Node(start, end, HEADER_BYTES + totals[end] - base))
        start = end
    return nodes


def _uniform(lengths: list[int]) -> bool:
    """Say whether all are texts of one length, with a short header."""
    length = lengths[0]
    return LONGEST_INTEGER < length < 4096 and lengths.count(length) == len(lengths)


def _cut_evenly(count: int, each: int, size: int) -> list[Node]:
    """Cut `count` entries of `size` bytes into nodes of `each`."""
    nodes = []
    for start in range(0, count, each):
        end = min(start + each, count)
        nodes.append(Node(start, end, HEADER_BYTES + (end - start) * size))
    return nodes


@lru_cache(maxsize=64)
def _splitter(stride: int, count: int) -> Callable[[bytes], tuple[bytes, ...]]:
    """A function that takes `count` elements of `stride` bytes apart: half the time of slices."""
    return Struct(f"{stride}s" * count).unpack


class Even(NamedTuple):
    """A listpack of texts of one length: where the first one begins, and the next one after each."""

    begin: int
    length: int
    stride: int
    texts: int

    def split(self, data: bytes) -> tuple[bytes, ...]:
        """The texts."""
        return _even_splitter(self)(data)


@lru_cache(maxsize=64)
def _even_splitter(form: Even) -> Callable[[bytes], tuple[bytes, ...]]:
    begin, length, stride, texts = form
    gap = stride - length
    behind = HEADER_BYTES + stride - begin - length  # the length of the last one, and the end mark
    layout = f"{length}s{gap}x" * (texts - 1)
    return Struct(f"<{begin}x{layout}{length}s{behind}x").unpack


class Chunk:
    """A run of elements in one bytes object. Immutable. `size`: its bytes as one of Redis's nodes."""

    __slots__ = ("count", "data", "ends", "size", "stride")

    def __init__(self, elements: Sequence[bytes], size: int) -> None:
        self.data = data = b"".join(elements)  # one element alone is shared, not copied
        self.count = len(elements)
        self.size = size
        self.stride = stride = len(elements[0])
        self.ends: array[int] | None = None
        lengths = list(map(len, elements))
        if lengths.count(stride) != len(lengths):
            self.ends = array("H" if len(data) < 1 << 16 else "I", accumulate(lengths))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.elements())

    @property
    def is_plain(self) -> bool:
        """Whether its node is no listpack but the element itself."""
        return self.count == 1 and self.size == len(self.data) != HEADER_BYTES + entry_bytes(self.data)

    def elements(self) -> Sequence[bytes]:
        """All elements. About 30 ns each, 80 when their lengths differ."""
        if self.count == 1:
            return (self.data,)
        if self.ends is None:
            return _splitter(self.stride, self.count)(self.data)
        data, start, elements = self.data, 0, []
        for end in self.ends:
            elements.append(data[start:end])
            start = end
        return elements

    def element(self, index: int) -> bytes:
        """The element at `index`, counted from 0. O(1)."""
        if self.ends is None:
            return self.data[index * self.stride : (index + 1) * self.stride]
        return self.data[self.ends[index - 1] if index else 0 : self.ends[index]]

    def slice(self, start: int, stop: int) -> Sequence[bytes]:
        """The elements from `start` to `stop`, exclusive."""
        if stop - start == self.count:
            return self.elements()
        return [self.element(index) for index in range(start, stop)]

    def offsets(self, element: bytes) -> list[int]:
        """Where `element` stands, ascending. Mostly without taking the chunk apart.

        With one length for all, the last byte of each element makes a column, which is searched
        first: 2 ns per element, whatever they have in common otherwise.
        """
        if self.count == 1:
            return [0] if element == self.data else []
        if self.ends is not None:
            return offsets_in(self.elements(), element) if element in self.data else []
        return self._even_offsets(element, 0, self.stride)

    def _even_offsets(self, element: bytes, begin: int, length: int) -> list[int]:
        """`offsets` if all elements have one length, and the first one begins there."""
        data, stride = self.data, self.stride
        if len(element) != length:
            return []
        if length:
            column, last = data[begin + length - 1 :: stride], element[-1:]
            candidates = column.count(last)
            if candidates * 4 <= self.count:
                found, offset = [], -1
                for _ in range(candidates):
                    offset = column.index(last, offset + 1)
                    if data.startswith(element, begin + offset * stride):
                        found.append(offset)
                return found
        return offsets_in(self.elements(), element)

    def spliced(self, start: int, stop: int, element: bytes, size: int) -> Chunk:
        """A chunk with `element` in the place of those from `start` to `stop` (exclusive)."""
        if self.ends is None and len(element) == self.stride:
            head, tail = start * self.stride, stop * self.stride
            ends = None
        else:
            old = self.ends or array("I", accumulate(repeat(self.stride, self.count)))
            head, tail = (old[start - 1] if start else 0), (old[stop - 1] if stop else 0)
            grown = len(element) - (tail - head)
            longest = len(self.data) + grown
            ends = array("H" if longest < 1 << 16 else "I", old[:start].tolist())
            ends.append(head + len(element))
            ends.extend([end + grown for end in old[stop:]] if grown else old[stop:].tolist())
        twin = Chunk.__new__(Chunk)
        twin.data = self.data[:head] + element + self.data[tail:]
        twin.count = self.count + 1 - (stop - start)
        twin.size, twin.stride, twin.ends = size, self.stride, ends
        return twin

    def memory_bytes(self) -> int:
        """About what the chunk takes, its place in the chain included."""
        size = 160 + len(self.data)
        return size if self.ends is None else size + 80 + self.ends.itemsize * self.count

    def check(self) -> None:
        """Assert the invariants."""
        elements = self.elements()
        assert len(elements) == self.count > 0
        assert b"".join(elements) == self.data
        if self.ends is None:
            assert self.stride * self.count == len(self.data)
        else:
            assert self.ends[-1] == len(self.data)
        assert self.size in (len(self.data), HEADER_BYTES + sum(entries_bytes(elements)))


class ListpackChunk(Chunk):
    """A run of texts of one length that stays in the listpack in which it was found. Immutable."""

    __slots__ = ("form",)

    def __init__(self, data: bytes, form: Even) -> None:
        self.data, self.form = data, form
        self.size, self.count, self.stride = len(data), form.texts, form.stride
        self.ends = None

    @property
    def is_plain(self) -> bool:
        """See `Chunk`."""
        return False

    def elements(self) -> Sequence[bytes]:
        """See `Chunk`."""
        return self.form.split(self.data)

    def element(self, index: int) -> bytes:
        """See `Chunk`."""
        begin = self.form.begin + index * self.stride
        return self.data[begin : begin + self.form.length]

    def offsets(self, element: bytes) -> list[int]:
        """See `Chunk`."""
        return self._even_offsets(element, self.form.begin, self.form.length)

    def spliced(self, start: int, stop: int, element: bytes, size: int) -> Chunk:
        """See `Chunk`."""
        return Chunk(self.elements(), self.size).spliced(start, stop, element, size)

    def check(self) -> None:
        """See `Chunk`."""
        elements = self.elements()
        assert list(map(self.element, range(self.count))) == list(elements)
        assert len(elements) == self.count > 1
        assert self.size == len(self.data) == HEADER_BYTES + sum(entries_bytes(elements))


def offsets_in(elements: Sequence[bytes], element: bytes) -> list[int]:
    """Where `element` stands in `elements`, ascending."""
    if element not in elements:
        return []
    return [offset for offset, candidate in enumerate(elements) if candidate == element]
