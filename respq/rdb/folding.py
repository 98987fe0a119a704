"""Nodes of streams that are taken over as they stand in a dump, to be read when somebody wants them.

Reading an entry and making a reply of it takes 2 µs; proving that it is sound, 0.3. For entries that are
alike (`alike`) one regular expression finds their IDs and passes over what is the same in all of them. What
it finds has to account for every byte of the node, and the IDs have to ascend: then nothing can be wrong with
the node that reading it later would bring to light. Where anything is odd, the node is read at once.

The last node of a stream is read at once too, since the next entry may go there.

Rejected: taking nodes over unseen, as redis-server does with `sanitize-dump-payload no`: what is wrong would
be found in the middle of a command.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from functools import lru_cache
from operator import lt
from struct import Struct
from typing import Final, NamedTuple

from respq.datatypes.entry_blocks import Table
from respq.datatypes.entry_ids import SEQ_BITS
from respq.datatypes.folded_blocks import FoldedBlock
from respq.datatypes.stream_nodes import WholeNodes
from respq.datatypes.streams import StreamValue
from respq.rdb import listpack
from respq.rdb.alike import (
    INTEGER,
    MOST_FIELDS,
    SAME_FIELDS,
    Columns,
    Find,
    Gathering,
    Text,
    entry_pattern,
    read_alike,
    texts_at,
)
from respq.rdb.cursor import BadFormatError, Cursor

_FRONT: Final = Struct(">BQQH")  # length of the ID, the ID, length of the node in 14 bits
_ID_BYTES: Final = 16
_14_BITS: Final = 1 << 14  # the mark of such a length
_HEAD: Final = Struct("<IHBB")  # of a listpack; its first element, which is a small number of entries
_BEGIN: Final = _HEAD.size
_END: Final = 0xFF
_SHORTEST: Final = 20  # bytes of a node with an entry
_LONG: Final = 1 << 7  # entries whose number is no small one
_UNCOUNTED: Final = 0xFFFF
_SMALL: Final = 1 << 62  # two numbers below have a sum that is no overflow
_BLOCK_ENTRIES: Final = 100
_BLOCK_BYTES: Final = 1 << 15
_MOST_KNOWN: Final = 1 << 15


class _Form(NamedTuple):
    """What nodes have in common."""

    fields: list[bytes]
    begin: bytes  # what follows the number of entries
    find: Find
    fixed: int  # bytes of an entry without its ID

    def ids(self, node: bytes) -> list[bytes] | None:
        """The IDs of the entries of a node, each as its two elements; None if the node has another form."""
        begin = _BEGIN + len(self.begin)
        if not node.startswith(self.begin, _BEGIN):
            return None
        total, elements, live, mark = _HEAD.unpack_from(node)
        found = self.find(node, begin, len(node) - 1)
        size = begin + self.fixed * live + len(b"".join(found)) + 1
        width = len(self.fields) + 4  # elements of an entry, and before the first one
        whole = live == len(found) < _LONG and mark == 1 and total == size == len(node) and node[-1] == _END
        return found if whole and elements in (width * (live + 1), _UNCOUNTED) else None


def _form_of(node: bytes) -> _Form | None:
    """The form of nodes that begin like this one."""
    try:
        end = len(node) - 1
        (deleted, width), at = listpack.read(node, _BEGIN, end, 2)
        if deleted != b"0" or not 0 < (count := int(width)) <= MOST_FIELDS:
            return None
        (*fields, zero), at = listpack.read(node, at, end, count + 1)
        if zero != b"0" or not node.startswith(SAME_FIELDS, at):
            return None
        texts = texts_at(node, listpack.read(node, at, end, 3)[1], count)
        return _form(tuple(fields), node[_BEGIN:at], texts)
    except (BadFormatError, IndexError, ValueError):
        return None


@lru_cache(maxsize=64)
def _form(fields: tuple[bytes, ...], begin: bytes, texts: tuple[Text, ...]) -> _Form:
    pattern, fixed = entry_pattern(rb"(%b%b)" % (INTEGER, INTEGER), texts, rb".{%d}")
    return _Form(list(fields), begin, re.compile(pattern, re.DOTALL).findall, fixed)


class _Differences(dict[bytes, int]):
    """By how much an ID is greater than the first one, by the two elements that say it."""

    def __init__(self) -> None:
        self.seq: dict[bytes, int] = {}  # the same for the sequence number alone

    def __missing__(self, elements: bytes) -> int:
        """Raises ValueError if they are too great."""
        (ms, seq), _ = listpack.read(elements, 0, len(elements))
        if abs(int(ms)) >= _SMALL or abs(int(seq)) >= _SMALL:
            raise ValueError("no usual ID")
        self.seq[elements] = int(seq)
        difference = self[elements] = (int(ms) << SEQ_BITS) + int(seq)
        return difference

    def forget(self) -> None:
        """Let go of what is known, if it is much."""
        if len(self) >= _MOST_KNOWN:
            self.clear()
            self.seq.clear()


_differences: Final = _Differences()


def _ascending(seq: int, found: list[bytes]) -> list[int] | None:
    """By how much each ID is greater than the first one, whose sequence number is `seq`; None: not so."""
    _differences.forget()
    try:
        differences = list(map(_differences.__getitem__, found))
    except ValueError:
        return None
    if differences[0] < 0 or not all(map(lt, differences, differences[1:])):
        return None
    if not b"".join(found).isascii() and seq + min(map(_differences.seq.__getitem__, found)) < 0:
        return None
    return differences


class Folding:
    """Makes blocks for `stream` of what can be taken over, behind what has been gathered."""

    def __init__(self, stream: StreamValue, gathering: Gathering) -> None:
        self._stream = stream
        self._gathering = gathering
        self._form: _Form | None = None
        self._nodes = WholeNodes([])  # that the next block consists of
        self._begin = self._end = 0  # where they stand
        self._entries = self._first_id = 0  # in them; of these the first one's

    def take(self, cursor: Cursor) -> bool:
        """Take the node over that `cursor` stands before, if that is possible; tell whether it was."""
        try:
            id_bytes, ms, seq, length = _FRONT.unpack_from(cursor.data, cursor.at)
        except struct.error:
            return False
        begin = cursor.at + _FRONT.size
        end = begin + (length ^ _14_BITS)
        if id_bytes != _ID_BYTES or not _14_BITS <= length < 2 * _14_BITS or end > cursor.end:
            return False
        node = cursor.data[begin:end]
        found = self._find(node) if len(node) >= _SHORTEST and max(ms, seq) < _SMALL else None
        if not found or not (differences := _ascending(seq, found)):
            return False
        self._gathering.flush()
        first_id = ms << SEQ_BITS | seq
        if not self._stream.can_fold or first_id <= self._last_id():
            return False
        self._add(cursor, end)
        self._first_id = self._first_id if self._entries else first_id + differences[0]
        self._nodes.add(first_id, first_id + differences[-1], len(found), len(node))
        self._entries += len(found)
        if self._entries >= _BLOCK_ENTRIES or end - self._begin >= _BLOCK_BYTES:
            self.flush(cursor)
        return True

    def _last_id(self) -> int:
        return self._nodes.lasts[-1] if self._entries else self._stream.last_id

    def _find(self, node: bytes) -> list[bytes] | None:
        """The IDs of a node's entries, if the form of the last node or its own accounts for it."""
        found = self._form.ids(node) if self._form is not None else None
        if found is None and (form := _form_of(node)) is not None and (found := form.ids(node)) is not None:
            self._form = form
        return found

    def _add(self, cursor: Cursor, end: int) -> None:
        """Go on to `end`, in a new block if the last one's entries have other fields."""
        assert self._form is not None
        if self._form.fields != self._nodes.fields:
            self.flush(cursor)
            self._nodes.fields = self._form.fields
        if not self._entries:
            self._begin = cursor.at
        self._end = cursor.at = end

    def flush(self, cursor: Cursor) -> None:
        """Make a block of what has been taken."""
        nodes = self._nodes
        if not self._entries:
            return
        data = cursor.data[self._begin : self._end]
        block = FoldedBlock(data, _unfold, self._first_id, nodes.lasts[-1], self._entries)
        self._stream.adopt_folded(block, nodes)
        self._nodes = WholeNodes(nodes.fields)
        self._entries = 0


def _unfold(nodes: bytes) -> Table:
    """The entries of nodes that have been proven sound."""
    columns = None
    for id_bytes, data in split_nodes(nodes):
        node = read_alike(int.from_bytes(id_bytes, "big"), data)
        assert node is not None
        columns = columns or Columns(node.fields)
        columns.add(node)
    assert columns is not None
    return columns.table()


def split_nodes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The first ID of each node, and it."""
    at = 0
    while at < len(data):
        begin = at + _FRONT.size
        end = begin + (_FRONT.unpack_from(data, at)[3] ^ _14_BITS)
        yield data[at + 1 : at + 1 + _ID_BYTES], data[begin:end]
        at = end
