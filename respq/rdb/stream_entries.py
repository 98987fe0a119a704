"""Entries of a stream's node, read element by element; the form is described in `stream_format`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from respq.datatypes.entry_ids import SEQ_BITS, SEQ_MAX
from respq.rdb import listpack
from respq.rdb.cursor import BadFormatError

DELETED: Final = 1  # flags of an entry
SAME_FIELDS: Final = 2
_FEWEST_ELEMENTS: Final = 3
_SIGN: Final = 1 << SEQ_BITS - 1

Entry = tuple[int, list[bytes]]  # an ID; fields and values by turns


def read_node(first_id: int, node: bytes) -> Iterator[Entry]:
    """The entries of a node, which begins with `first_id`. Raises BadFormatError."""
    words = listpack.unpack(node)
    try:
        live, deleted, width = map(int, words[:3])
        fields = list(words[3 : 3 + max(0, width)])
        if live < 0 or deleted < 0 or len(fields) != width or words[3 + width] != b"0":
            raise BadFormatError("a node of a stream begins wrongly")
        found = [0, 0]
        at = 4 + width
        while at < len(words):
            gone, entry, at = _read_entry(words, at, first_id, fields)
            found[gone] += 1
            if not gone:
                yield entry
    except (IndexError, ValueError):
        raise BadFormatError("a node of a stream ends within an entry, or has text for a number") from None
    if found != [live, deleted]:
        raise BadFormatError("a node of a stream has not as many entries as it says")


def _read_entry(
    words: Sequence[bytes], at: int, first_id: int, fields: list[bytes]
) -> tuple[bool, Entry, int]:
    """Whether the entry at `at` is deleted, it, and where the next is. Raises IndexError or ValueError."""
    flags = int(words[at])
    ms, seq = (first_id >> SEQ_BITS) + int(words[at + 1]), (first_id & SEQ_MAX) + int(words[at + 2])
    ms, seq = ms & SEQ_MAX, seq & SEQ_MAX  # see `difference`
    if flags & SAME_FIELDS:
        end = at + 3 + len(fields)
        content = [word for pair in zip(fields, words[at + 3 : end], strict=True) for word in pair]
        elements = len(fields) + 3
    else:
        count = int(words[at + 3])
        end = at + 4 + 2 * count
        content = list(words[at + 4 : end])
        elements = 2 * count + 4
    if len(content) % 2 or int(words[end]) != elements or elements < _FEWEST_ELEMENTS:
        raise BadFormatError("an entry of a stream has another length than it says")
    return bool(flags & DELETED), (ms << SEQ_BITS | seq, content), end + 1


def difference(number: int, first: int) -> int:
    """By how much half an ID is greater than that of the first one, in a signed integer of 64 bits."""
    return (number - first + _SIGN & SEQ_MAX) - _SIGN
