"""Nodes of streams that are taken over as they stand in a dump, to be read when somebody wants them.

Reading an entry and making a reply of it takes 2 to 8 µs; proving that it is sound, 0.3 to 2. For entries
that are alike (`alike`) one regular expression finds their IDs and passes over what is the same in all of
them; otherwise the lengths of their values are followed. What is found has to account for every byte of the
node, and the IDs have to ascend: then nothing can be wrong with the node that reading it later would bring to
light. Where anything is odd, or an entry has other fields than the first one, the node is read at once.

The last node of a stream is read at once too, since the next entry may go there.

Rejected: taking nodes over unseen, as redis-server does with `sanitize-dump-payload no`: what is wrong would
be found in the middle of a command.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from operator import lt
from struct import Struct
from typing import Final, NamedTuple

from respq.datatypes.entry_blocks import NodeReader, Table, Words
from respq.datatypes.entry_ids import SEQ_BITS, show_id
from respq.datatypes.folded_blocks import FoldedBlock
from respq.datatypes.node_filling import WholeNodes
from respq.datatypes.streams import StreamValue
from respq.rdb import listpack
from respq.rdb.alike import (
    INTEGER,
    LONGEST_ID,
    MOST_FIELDS,
    SAME_FIELDS,
    SHORTEST_ID,
    TAIL_BYTES,
    Columns,
    Find,
    Gathering,
    Text,
    entry_pattern,
    may_be_alike,
    read_alike,
    texts_at,
)
from respq.rdb.cursor import BadFormatError, Cursor, Data
from respq.rdb.stream_entries import read_node

_FRONT: Final = Struct(">BQQH")  # length of the ID, the ID, length of the node in 14 bits
_FRONT_BYTES: Final = _FRONT.size
_ID_BYTES: Final = 16
_14_BITS: Final = 1 << 14  # the mark of such a length
_15_BITS: Final = 1 << 15
_HEAD: Final = Struct("<IHBB")  # of a listpack; its first element, which is a small number of entries
_BEGIN: Final = _HEAD.size
_HEAD_LIVE: Final = 6  # where the number of entries stands
_END: Final = 0xFF
_SHORTEST: Final = 20  # bytes of a node with an entry
_LONG: Final = 1 << 7  # entries whose number is no small one
_UNCOUNTED: Final = 0xFFFF
_SMALL: Final = 1 << 62  # two numbers below have a sum that is no overflow
_BLOCK_ENTRIES: Final = 100
_BLOCK_BYTES: Final = 1 << 15
_TOGETHER: Final = 64  # blocks that are added to the stream at once
_MOST_KNOWN: Final = 1 << 15
_MOST_SPANS: Final = 1 << 12
_NUMBER: Final = re.compile(INTEGER, re.DOTALL).match
_ID: Final = rb"(%b%b)" % (INTEGER, INTEGER)
_IS_ID: Final = re.compile(_ID, re.DOTALL).fullmatch
_ENTRY: Final = re.compile(re.escape(SAME_FIELDS) + _ID, re.DOTALL).match


_Ids = tuple[list[bytes], bytes]  # of the entries of a node, as two elements each; and all in a row


class _Form(NamedTuple):
    """What nodes have in common."""

    fields: list[bytes]
    begin: bytes  # what follows the number of entries
    find: Find | None  # of entries that are alike what may be their IDs; None: the first one has none
    fixed: int  # bytes of such an entry without its ID

    def alike(self, data: Data, node: int, end: int) -> _Ids | None:
        """The IDs of the entries of a node if these are alike, None if not or if something is wrong.

        The node stands in `data`, from `node` to `end`. Whether they are IDs is found out when they are read.
        """
        _, begin, find, fixed = self
        first = node + _BEGIN
        at = first + len(begin)
        if find is None or data[first:at] != begin:
            return None
        found = find(data, at, end - 1)
        ids = b"".join(found)
        fits = at + fixed * len(found) + len(ids) == end - 1 and self._fits(data, node, end, len(found))
        return (found, ids) if fits else None

    def one_by_one(self, node: bytes) -> _Ids | None:
        """The same for entries that only have the same fields, and a node by itself. 0.2 µs a value."""
        at, end, width = _BEGIN + len(self.begin), len(node) - 1, len(self.fields)
        tail = b"%c\x01" % (width + 3)
        found = []
        try:
            while at < end:
                entry = _ENTRY(node, at)
                if entry is None:
                    return None
                found.append(entry[1])
                at = _behind(node, entry.end(), width)
                if not node.startswith(tail, at):
                    return None
                at += len(tail)
        except IndexError:
            return None
        fits = at == end and self._fits(node, 0, len(node), len(found))
        return (found, b"".join(found)) if fits else None

    def _fits(self, data: Data, node: int, end: int, entries: int) -> bool:
        """Whether a node says of itself that it has so many entries, which have been found."""
        total, elements, live, mark = _HEAD.unpack_from(data, node)
        return (
            0 < live == entries < _LONG
            and total == end - node
            and mark == 1
            and data[end - 1] == _END
            and elements in ((len(self.fields) + 4) * (live + 1), _UNCOUNTED)
        )


def _behind(node: bytes, at: int, count: int) -> int:
    """Where so many elements of a listpack end; -1 if one is not sound. Raises IndexError."""
    for _ in range(count):
        first = node[at]
        if 0x80 <= first < 0xC0:
            size = 1 + (first & 0x3F)
        elif 0xE0 <= first < 0xF0:
            size = 2 + ((first & 0x0F) << 8 | node[at + 1])
            if size >= 1 << 7:
                if node[at + size] != size >> 7 or node[at + size + 1] != size & 127 | 128:
                    return -1
                at += size + 2
                continue
        elif (number := _NUMBER(node, at)) is not None:
            at = number.end()
            continue
        else:  # a very long text, or nothing at all
            return -1
        if node[at + size] != size:
            return -1
        at += size + 1
    return at


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
        first = listpack.read(node, at, end, 3)[1]
    except (BadFormatError, IndexError, ValueError):
        return None
    begin = node[_BEGIN:at]
    try:
        texts = texts_at(node, first, count)
        if may_be_alike(texts, node[_HEAD_LIVE], end - at):
            return _form(tuple(fields), begin, texts)
    except (IndexError, ValueError):
        pass
    return _Form(fields, begin, None, 0)


@lru_cache(maxsize=64)
def _form(fields: tuple[bytes, ...], begin: bytes, texts: tuple[Text, ...]) -> _Form:
    pattern, fixed = entry_pattern(rb"(.{%d,%d}?)" % (SHORTEST_ID, LONGEST_ID), texts, rb".{%d}")
    return _Form(list(fields), begin, re.compile(pattern, re.DOTALL).findall, fixed)


class _Span(NamedTuple):
    """What is known of the IDs of a node that ascend, all as differences to its own."""

    first: int
    last: int
    lowest_seq: int  # of sequence numbers


class _Differences(dict[bytes, int]):
    """By how much an ID is greater than that of its node, by the two elements that say it.

    What has been found out about all IDs of a node is kept as well: where entries come at a steady pace, or
    many in a millisecond, most nodes have the same differences.
    """

    def __init__(self) -> None:
        self._seq: dict[bytes, int] = {}  # the same for the sequence number alone
        self._spans: dict[bytes, _Span] = {}

    def __missing__(self, elements: bytes) -> int:
        """Raises ValueError if they are too great, or not two integers."""
        if not _IS_ID(elements):
            raise ValueError("no ID")
        (ms, seq), _ = listpack.read(elements, 0, len(elements))
        if abs(int(ms)) >= _SMALL or abs(int(seq)) >= _SMALL:
            raise ValueError("no usual ID")
        self._seq[elements] = int(seq)
        difference = self[elements] = (int(ms) << SEQ_BITS) + int(seq)
        return difference

    def span(self, ids: _Ids, seq: int) -> _Span | None:
        """What the IDs of a node span whose own sequence number is `seq`.

        None if they do not ascend, or are no usual IDs.
        """
        found, node = ids
        span = self._spans.get(node)
        if span is None:
            span = self._measured(found)
            if span is None:
                return None
            if len(self._spans) >= _MOST_SPANS:
                self._spans.clear()
            self._spans[node] = span
        return span if seq + span.lowest_seq >= 0 else None

    def forget_if_many(self) -> None:
        """Begin anew if there are too many. To be called before some are asked for."""
        if len(self) >= _MOST_KNOWN:
            self.clear()
            self._seq.clear()

    def _measured(self, found: list[bytes]) -> _Span | None:
        self.forget_if_many()
        try:
            differences = list(map(self.__getitem__, found))
        except ValueError:
            return None
        if differences[0] < 0 or not all(map(lt, differences, differences[1:])):
            return None
        return _Span(differences[0], differences[-1], min(map(self._seq.__getitem__, found)))


_differences: Final = _Differences()


class Folding:
    """Makes blocks for `stream` of what can be taken over, behind what has been gathered."""

    def __init__(self, stream: StreamValue, gathering: Gathering) -> None:
        self._stream = stream
        self._gathering = gathering
        self._form: _Form | None = None
        self._nodes = WholeNodes([])  # that the stream has not got yet
        self._blocks: list[FoldedBlock] = []  # of them
        self._begin = 0  # where those stand that belong to no block yet
        self._entries = self._first_id = 0  # in these; of the first one
        self._last_id = 0  # of all entries

    def take(self, cursor: Cursor) -> bool:
        """Take the node over that `cursor` stands before, if that is possible; tell whether it was."""
        if not (self._entries or self._blocks or self._stream.can_fold):
            return False
        at = cursor.at
        try:
            id_bytes, ms, seq, length = _FRONT.unpack_from(cursor.data, at)
        except struct.error:
            return False
        begin = at + _FRONT_BYTES
        end = begin + (length ^ _14_BITS)
        if id_bytes != _ID_BYTES or not _14_BITS <= length < _15_BITS or end > cursor.end:
            return False
        if end - begin < _SHORTEST or ms >= _SMALL or seq >= _SMALL:
            return False
        if (ids := self._ids(cursor.data, begin, end)) is None:
            return False
        count, span = len(ids[0]), _differences.span(ids, seq)
        if span is None:
            return False
        first_id, nodes = ms << SEQ_BITS | seq, self._nodes
        if not self._blocks and not self._entries:  # what was read before may not be in the stream yet
            self._gathering.flush()
            self._last_id = self._stream.last_id
            if not self._stream.can_fold:
                return False
        if first_id <= self._last_id:
            return False
        if self._form is not None and self._form.fields != nodes.fields:
            self.flush(cursor)
            self._nodes = nodes = WholeNodes(self._form.fields)
        if not self._entries:
            self._begin, self._first_id = at, first_id + span.first
        cursor.at = end
        self._last_id = last_id = first_id + span.last
        nodes.add(first_id, last_id, count, end - begin)
        self._entries += count
        if self._entries >= _BLOCK_ENTRIES or end - self._begin >= _BLOCK_BYTES:
            self._end_block(cursor)
        return True

    def _ids(self, data: Data, begin: int, end: int) -> _Ids | None:
        """The IDs of a node's entries if everything else about it is sound."""
        ids = self._form.alike(data, begin, end) if self._form is not None else None
        if ids is None:
            node = data[begin:end]
            if (form := _form_of(node)) is not None:
                self._form = form
                ids = form.alike(data, begin, end) or form.one_by_one(node)
        return ids

    def _end_block(self, cursor: Cursor) -> None:
        """Make a block of what has been taken since the last one, up to `cursor`."""
        if self._entries:
            data = cursor.data[self._begin : cursor.at]
            self._blocks.append(FoldedBlock(data, _READER, self._first_id, self._last_id, self._entries))
            self._entries = 0
        if len(self._blocks) >= _TOGETHER:
            self._adopt()

    def _adopt(self) -> None:
        """Let the stream have the blocks."""
        if self._blocks:
            self._stream.adopt_folded(self._blocks, self._nodes)
            self._blocks, self._nodes = [], WholeNodes(self._nodes.fields)

    def flush(self, cursor: Cursor) -> None:
        """Let the stream have what has been taken, which ends at `cursor`."""
        self._end_block(cursor)
        self._adopt()


def _unfold(nodes: bytes) -> Table:
    """The entries of nodes that have been proven sound."""
    parts = [(int.from_bytes(id_bytes, "big"), node) for id_bytes, node in split_nodes(nodes)]
    columns: Columns | None = None
    for part in parts:
        alike = read_alike(*part)
        if alike is None:
            entries = chain.from_iterable(read_node(*part) for part in parts)
            ids, words = zip(*entries, strict=True)
            return Table.of(ids, list(map(show_id, ids)), words)
        columns = columns or Columns(alike.fields)
        columns.add(alike)
    assert columns is not None
    return columns.table()


def split_nodes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The first ID of each node, and it."""
    at = 0
    while at < len(data):
        begin = at + _FRONT_BYTES
        end = begin + (_FRONT.unpack_from(data, at)[3] ^ _14_BITS)
        yield data[at + 1 : at + 1 + _ID_BYTES], data[begin:end]
        at = end


def _find(nodes: bytes, entry_id: int) -> Words | None:
    """The words of an entry, if it is there. It is no less than the first node's ID."""
    begin = at = 0
    while at < len(nodes):
        _, ms, seq, length = _FRONT.unpack_from(nodes, at)
        if ms << SEQ_BITS | seq > entry_id:
            break
        begin, at = at, at + _FRONT_BYTES + (length ^ _14_BITS)
    _, ms, seq, length = _FRONT.unpack_from(nodes, begin)
    begin += _FRONT_BYTES
    node = nodes[begin : begin + (length ^ _14_BITS)]
    return _find_in(node, entry_id - (ms << SEQ_BITS | seq))


def _find_in(node: bytes, wanted: int) -> Words | None:
    """The words of the entry of a node whose ID is greater than the node's by so much. 0.5 µs an entry."""
    end = len(node) - 1
    (_, _, width), at = listpack.read(node, _HEAD_LIVE, end, 3)
    count = int(width)
    (*fields, _), at = listpack.read(node, at, end, count + 1)
    _differences.forget_if_many()
    while at < end:
        entry = _ENTRY(node, at)
        assert entry is not None, "the node was proven sound"
        difference, begin = _differences[entry[1]], entry.end()
        if difference >= wanted:
            break
        at = _behind(node, begin, count) + TAIL_BYTES
    else:
        return None
    if difference > wanted:
        return None
    values = listpack.read(node, begin, end, count)[0]
    return list(chain.from_iterable(zip(fields, values, strict=True)))


_READER: Final = NodeReader(_unfold, _find)
