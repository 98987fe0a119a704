"""How nodes of a stream are filled with entries that are alike, all at once.

Redis puts an entry into the last node as long as that has room for its words, as it guesses. Entries of one
size differ in nothing but what their IDs take, which are differences to the first one's: mostly two bytes
for each half, and then a node takes a number of entries that is known beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from respq.datatypes.chunks import (
    HEADER_BYTES,
    LONGEST_INTEGER,
    entries_bytes,
    entry_bytes,
    integer_bytes,
)
from respq.datatypes.entry_blocks import Table, Words
from respq.datatypes.entry_ids import SEQ_BITS, SEQ_MAX, Halves

ID_SIZE: Final = 4  # of an ID, as two differences that are short
SHORT: Final = 128  # numbers below take two bytes in a listpack
_MIDDLING: Final = 4096  # numbers down to this below zero take three
_LONG: Final = 4096  # words from here on are looked at one by one


class WholeNodes:
    """Nodes no entry of which was deleted, in columns. All begin with the same fields."""

    __slots__ = ("fields", "firsts", "lasts", "lives", "sizes")

    def __init__(self, fields: Words) -> None:
        self.fields = fields
        self.firsts: list[int] = []  # IDs
        self.lasts: list[int] = []
        self.lives: list[int] = []  # entries
        self.sizes: list[int] = []  # bytes of the listpack

    def add(self, first_id: int, last_id: int, live: int, size: int) -> None:
        """Add a node."""
        self.firsts.append(first_id)
        self.lasts.append(last_id)
        self.lives.append(live)
        self.sizes.append(size)


def fill_nodes(ids: Halves, fields: Words, capacity: int, step: int, raw: int, max_bytes: int) -> WholeNodes:
    """Nodes that entries of one size fill, as of `capacity`, which is their number if all IDs are short."""
    nodes = WholeNodes(fields)
    ms, seq, count = ids.ms, ids.seq, len(ids)
    empty = empty_bytes(tuple(fields))
    are_small = max(seq) < SHORT
    at = 0
    while at < count:
        stop = min(at + capacity, count)
        first_id = ms[at] << SEQ_BITS | seq[at]
        size = empty + step * (stop - at)
        if seq[at] or not are_small or ms[stop - 1] - ms[at] >= SHORT:
            more = id_bytes(first_id, ms[at:stop], seq[at:stop])
            size += sum(more)
            while more and max_bytes and stop - at > 1 and size - step - more[-1] + raw >= max_bytes:
                size -= step + more.pop()
                stop -= 1
        nodes.add(first_id, ms[stop - 1] << SEQ_BITS | seq[stop - 1], stop - at, size)
        at = stop
    return nodes


def id_bytes(first_id: int, ms: Sequence[int], seq: Sequence[int]) -> list[int]:
    """For each ID, in halves, the bytes that it takes above ID_SIZE in a node that begins with `first_id`.

    Nothing if that is none for all.
    """
    first_ms, first_seq = first_id >> SEQ_BITS, first_id & SEQ_MAX
    first, last = (seq[0], seq[-1]) if isinstance(seq, range) else (min(seq) if first_seq else 0, max(seq))
    least, most = first - first_seq, last - first_seq
    if ms[-1] - first_ms < SHORT and most < SHORT and least >= -_MIDDLING:
        if least >= 0:
            return []
        return [1] * len(seq) if most < 0 else [int(number < first_seq) for number in seq]
    return [
        _difference_bytes(at - first_ms) + _difference_bytes(number - first_seq)
        for at, number in zip(ms, seq, strict=True)
    ]


@lru_cache(maxsize=256)
def empty_bytes(fields: tuple[bytes, ...]) -> int:
    """Bytes of a node without entries."""
    numbers = integer_bytes(0) + integer_bytes(0) + integer_bytes(len(fields)) + integer_bytes(0)
    return HEADER_BYTES + numbers + sum(entries_bytes(fields))


def _difference_bytes(difference: int) -> int:
    """What half an ID takes above half of ID_SIZE."""
    return 0 if 0 <= difference < SHORT else integer_bytes(difference) - ID_SIZE // 2


def capacity_of(fields: list[bytes], step: int, raw: int, max_bytes: int, max_entries: int) -> int:
    """How many entries of `step` bytes a node holds whose words have `raw` bytes.

    0: so many, or perhaps, that the first one's difference in ID or the number of them is no short number.
    """
    most = max_entries or SHORT
    if max_bytes:
        room = max_bytes - raw - empty_bytes(tuple(fields))
        most = min(most, max(1, -(-room // step)))
    return most if most < SHORT else 0


def sizes_of(table: Table) -> tuple[int | list[int], int | list[int]]:
    """For each entry the bytes of its values in a listpack, and those of all its words; one for all alike."""
    lengths = [column.length for column in table.columns]
    values = lengths[1::2]
    if min(lengths) >= 0 and min(values) > LONGEST_INTEGER and max(values) < _LONG:
        return _bytes_of_texts(*values), sum(lengths)
    raw: list[int | list[int]] = [
        column.lengths if column.length < 0 else column.length for column in table.columns
    ]
    sizes: list[int | list[int]] = [
        entry_bytes(column.words[0])
        if column.constant or column.length > LONGEST_INTEGER
        else entries_bytes(column.words)
        for column in table.columns[1::2]
    ]
    return _sums(sizes), _sums(raw)


@lru_cache(maxsize=256)
def _bytes_of_texts(*lengths: int) -> int:
    """What words of these lengths take in a listpack that are too long to be numbers."""
    return sum([entry_bytes(bytes(length)) for length in lengths])


def _sums(addends: list[int | list[int]]) -> int | list[int]:
    """The sums of lists, to which a number adds the same every time; or of numbers."""
    fixed = sum([addend for addend in addends if isinstance(addend, int)])
    lists = [addend for addend in addends if isinstance(addend, list)]
    return [fixed + sum(numbers) for numbers in zip(*lists, strict=True)] if lists else fixed


def each_of(size: int | list[int], count: int) -> list[int]:
    """The size of each of `count` entries."""
    return size if isinstance(size, list) else [size] * count
