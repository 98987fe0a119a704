"""Where Redis would cut a stream into nodes.

Redis keeps a stream in a radix tree of listpacks, and lets that show: XADD and XTRIM with `~` remove whole
nodes only, and XINFO STREAM counts them. Which entries share a node follows from their sizes as Redis encodes
them, in the order in which they came and went. So entries are looked at when a block of them is sealed,
together if they are alike (0.2 µs each), or before one of them is deleted that is not sealed yet (1.5 µs).

The sizes are those of the listpack format: the node begins with its first entry's fields, an entry with the
same fields leaves them out, IDs are differences to the first one's. Checked against `radix-tree-keys` and
`radix-tree-nodes` of redis-server 8.2.3.

Nodes stand on shelves of some hundreds, so that one in the middle can go without moving all behind it.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from operator import add
from typing import Final

from respq.datatypes.chunks import (
    HEADER_BYTES,
    LONGEST_INTEGER,
    entries_bytes,
    entry_bytes,
    integer_bytes,
)
from respq.datatypes.entry_blocks import Table, Tail, Words
from respq.datatypes.entry_ids import SEQ_BITS, SEQ_MAX
from respq.datatypes.entry_log import EntryLog
from respq.rubble import Structures

_SAME_FIELDS: Final = 2  # a flag of an entry
_ID_BYTES: Final = 16  # the key of a node in the radix tree
_SHELF_NODES: Final = 512
_SHORT: Final = 128  # numbers below take two bytes in a listpack
_ID_SIZE: Final = 4  # of an ID, as two differences that are short


class Node:
    """Entries that Redis keeps together."""

    __slots__ = ("deleted", "fields", "first_id", "last_id", "live", "size")

    def __init__(self, first_id: int, fields: Words) -> None:
        self.first_id = self.last_id = first_id  # whether or not they have been deleted
        self.fields = fields
        self.live = 0  # entries that are not deleted
        self.deleted = 0
        self.size = _empty_bytes(tuple(fields))  # bytes of the listpack

    def add(self, entry_id: int, fields: Words, values: Words) -> None:
        """Account for an entry."""
        same = fields == self.fields
        self.size += (
            integer_bytes(_SAME_FIELDS if same else 0)
            + integer_bytes((entry_id >> SEQ_BITS) - (self.first_id >> SEQ_BITS))
            + integer_bytes((entry_id & SEQ_MAX) - (self.first_id & SEQ_MAX))
            + sum(entries_bytes(values))
        )
        if same:
            self.size += integer_bytes(len(fields) + 3)
        else:
            self.size += integer_bytes(len(fields)) + sum(entries_bytes(fields))
            self.size += integer_bytes(2 * len(fields) + 4)
        self.last_id = entry_id
        self._count(1, 0)

    def is_full(self, raw: int, max_bytes: int, max_entries: int) -> bool:
        """Whether an entry whose words have `raw` bytes begins another node."""
        return bool(max_bytes and self.size + raw >= max_bytes) or bool(
            max_entries and self.live >= max_entries
        )

    def id_bytes(self, ids: Sequence[int]) -> list[int]:
        """For each ID, the bytes that it takes above _ID_SIZE; nothing if that is none for all."""
        if ids[-1] - self.first_id < _SHORT:
            return []
        ms, seq = self.first_id >> SEQ_BITS, self.first_id & SEQ_MAX
        return [
            _difference_bytes((number >> SEQ_BITS) - ms) + _difference_bytes((number & SEQ_MAX) - seq)
            for number in ids
        ]

    def add_like(self, count: int, size: int, last_id: int) -> None:
        """Account for `count` entries of `size` bytes in all, up to an ID."""
        self.size += size
        self.last_id = last_id
        self._count(count, 0)

    def remove(self, count: int) -> None:
        """Account for entries that were deleted."""
        self._count(-count, count)

    def _count(self, live: int, deleted: int) -> None:
        if self.live + live < _SHORT and self.deleted + deleted < _SHORT > self.live:
            self.live += live
            self.deleted += deleted
            return
        self.size -= integer_bytes(self.live) + integer_bytes(self.deleted)
        self.live += live
        self.deleted += deleted
        self.size += integer_bytes(self.live) + integer_bytes(self.deleted)

    def copy(self) -> Node:
        """An independent copy."""
        twin = Node.__new__(Node)
        twin.first_id, twin.last_id, twin.fields = self.first_id, self.last_id, self.fields
        twin.live, twin.deleted, twin.size = self.live, self.deleted, self.size
        return twin


class _Shelf:
    """Neighbouring nodes. `partings`: how many bytes the first ID of each shares with the one before."""

    __slots__ = ("nodes", "partings", "starts")

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.starts: list[int] = []  # their first IDs
        self.partings = bytearray()

    def copy(self) -> _Shelf:
        """An independent copy."""
        twin = _Shelf()
        twin.nodes = [node.copy() for node in self.nodes]
        twin.starts, twin.partings = self.starts[:], self.partings[:]
        return twin


class StreamNodes:
    """The nodes of a stream, but for entries of its tail that have not been looked at.

    `max_bytes` and `max_entries` are `stream-node-max-bytes` and `-entries`, 0 for no limit.
    """

    __slots__ = ("_firsts", "_next_id", "_shelves", "count")

    def __init__(self) -> None:
        self._shelves: list[_Shelf] = []
        self._firsts: list[int] = []  # the first ID of each
        self._next_id = 0  # entries from here on have not been looked at
        self.count = 0

    # -- adding ------------------------------------------------------------------------------------

    def catch_up(self, tail: Tail, max_bytes: int, max_entries: int) -> None:
        """Look at the entries of `tail`. Entries may only be removed after that.

        What stood in a node decided whether the next entry went there.
        """
        start = tail.find(self._next_id)
        self._add_each(tail.ids[start:], tail.words[start:], max_bytes, max_entries)

    def extend(self, table: Table, max_bytes: int, max_entries: int) -> None:
        """Look at entries that are being sealed, as far as `catch_up` has not."""
        ids = table.ids
        if ids[0] >= self._next_id and (fields := table.fields()):
            self._add_alike(table, fields, max_bytes, max_entries)
        else:
            start = bisect_left(ids, self._next_id)
            self._add_each(ids[start:], table.entries[start:], max_bytes, max_entries)
        self._next_id = max(self._next_id, ids[-1] + 1)

    def _add_each(
        self, ids: Sequence[int], entries: Sequence[Words], max_bytes: int, max_entries: int
    ) -> None:
        for entry_id, words in zip(ids, entries, strict=True):
            fields, values = words[::2], words[1::2]
            node = self._shelves[-1].nodes[-1] if self._shelves else None
            if node is None or node.is_full(sum(map(len, words)), max_bytes, max_entries):
                node = self._open(entry_id, fields)
            node.add(entry_id, fields, values)
            self._next_id = entry_id + 1

    def _add_alike(self, table: Table, fields: list[bytes], max_bytes: int, max_entries: int) -> None:
        """Add entries that have the same fields, a node at a time."""
        ids, count = table.ids, len(table.ids)
        overhead = integer_bytes(_SAME_FIELDS) + _ID_SIZE + integer_bytes(len(fields) + 3)
        sizes, raw = _sizes(table)
        even = sizes.count(sizes[0]) == raw.count(raw[0]) == count
        before: Sequence[int]  # bytes before each entry
        filled: Sequence[int]  # that, and what Redis guesses that the entry takes
        if even:
            step = sizes[0] + overhead
            before = range(0, step * (count + 1), step)
            filled = range(raw[0], raw[0] + step * count, step)
        else:
            before = list(accumulate([size + overhead for size in sizes], initial=0))
            filled = list(map(add, before, raw))
        node = self._shelves[-1].nodes[-1] if self._shelves else None
        at = 0
        while at < count:
            if node is None or node.is_full(raw[at], max_bytes, max_entries):
                node = self._open(ids[at], fields)
            most = at + min(_SHORT - 1, max_entries or _SHORT - 1) - node.live
            if node.fields != fields or most <= at:
                self._add_each(ids[at : at + 1], table.entries[at : at + 1], max_bytes, max_entries)
                at += 1
                continue
            room = max_bytes - node.size + before[at] if max_bytes else filled[-1] + 1
            stop = min(most, count)
            if even:
                stop = min(stop, bisect_left(filled, room, at + 1))
            else:
                stop = next((n for n in range(at + 1, stop) if filled[n] >= room), stop)
            more = 0
            if id_bytes := node.id_bytes(ids[at:stop]):
                extra = list(accumulate(id_bytes, initial=0))
                full = (n for n in range(1, stop - at) if filled[at + n] + extra[n] >= room)
                stop = at + next(full, stop - at)
                more = extra[stop - at]
            node.add_like(stop - at, before[stop] - before[at] + more, ids[stop - 1])
            at = stop

    def _open(self, first_id: int, fields: Words) -> Node:
        """Begin a node, behind all others."""
        shelves = self._shelves
        parting = 0
        if shelves:
            before = shelves[-1].nodes[-1]
            parting = _shared_bytes(before.first_id, first_id)
            if fields == before.fields:
                fields = before.fields  # one object for many nodes
        if not shelves or len(shelves[-1].nodes) >= _SHELF_NODES:
            shelves.append(_Shelf())
            self._firsts.append(first_id)
        node, shelf = Node(first_id, fields), shelves[-1]
        shelf.nodes.append(node)
        shelf.starts.append(first_id)
        shelf.partings.append(parting)
        self.count += 1
        return node

    # -- removing ----------------------------------------------------------------------------------

    def remove(self, entry_id: int) -> None:
        """An entry that has been looked at is deleted. O(log n)."""
        shelf_at = bisect_right(self._firsts, entry_id) - 1
        shelf = self._shelves[shelf_at]
        at = bisect_right(shelf.starts, entry_id) - 1
        node = shelf.nodes[at]
        node.remove(1)
        if not node.live:
            self._drop(shelf_at, at)

    def remove_first(self, count: int, minid: int | None = None) -> None:
        """The first entries, which have been looked at, are deleted. O(nodes that go).

        If those are the ones less than `minid`, a node that has had entries from there on stays, though none
        is left; and nodes that were left so before may go. That is what redis-server 8.2.3 does.
        """
        while count or (minid and self._begins_empty(minid)):
            node = self._shelves[0].nodes[0]
            dropped = min(count, node.live)
            node.remove(dropped)
            count -= dropped
            if not node.live and (minid is None or node.last_id < minid):
                self._drop(0, 0)

    def _begins_empty(self, minid: int) -> bool:
        """Whether the first node has no entries, and had none from `minid` on."""
        first = self._shelves[0].nodes[0] if self.count else None
        return first is not None and not first.live and first.last_id < minid

    def _drop(self, shelf_at: int, at: int) -> None:
        """Take out a node that has no entries."""
        shelf = self._shelves[shelf_at]
        del shelf.nodes[at], shelf.starts[at]
        parting = shelf.partings.pop(at)
        behind, place = (shelf, at) if at < len(shelf.nodes) else (None, 0)
        if behind is None and shelf_at + 1 < len(self._shelves):
            behind = self._shelves[shelf_at + 1]
        if behind is not None:
            behind.partings[place] = min(parting, behind.partings[place])
        if shelf.nodes:
            self._firsts[shelf_at] = shelf.starts[0]
        else:
            del self._shelves[shelf_at], self._firsts[shelf_at]
        self.count -= 1

    # -- looking -----------------------------------------------------------------------------------

    def extents(self) -> Iterator[tuple[int, int]]:
        """For each node, how many entries of it are left, and its last ID, be that deleted."""
        return ((node.live, node.last_id) for shelf in self._shelves for node in shelf.nodes)

    def tree_nodes(self) -> int:
        """How many nodes the radix tree has that holds them by their first IDs. O(n) of a fast kind.

        Each key ends in a leaf. A branch stands where neighbours part; and what all keys below a branch share
        before the next one, or before their end, is one node more. All that follows from how many bytes each
        key shares with the one before.
        """
        if not self.count:
            return 1
        partings = b"".join([shelf.partings for shelf in self._shelves])[1:]
        if not partings:
            return 2
        deepest = partings.count(_ID_BYTES - 1)  # whose keys have no bytes left behind their branch
        without = deepest + len(_DEEPEST(partings)) if deepest else 0
        depths = [depth for depth in range(_ID_BYTES) if depth in partings]
        return 2 * self.count - without + sum([_branches(partings, depth) for depth in depths])

    def parts(self) -> Structures:
        """What is large of nodes that nobody uses any more."""
        return [part for shelf in self._shelves for part in (shelf.nodes, shelf.starts)]

    def copy(self) -> StreamNodes:
        """An independent copy. O(n)."""
        twin = StreamNodes()
        twin._shelves, twin._firsts = [shelf.copy() for shelf in self._shelves], self._firsts[:]
        twin._next_id, twin.count = self._next_id, self.count
        return twin

    def check(self, log: EntryLog) -> None:
        """Assert that every entry that was looked at is in its node."""
        starts = [start for shelf in self._shelves for start in shelf.starts]
        nodes = [node for shelf in self._shelves for node in shelf.nodes]
        partings = b"".join(shelf.partings for shelf in self._shelves)
        assert starts == [node.first_id for node in nodes]
        assert self._firsts == [shelf.starts[0] for shelf in self._shelves]
        assert self.count == len(nodes) == len(partings)
        assert list(partings[1:]) == [_shared_bytes(*pair) for pair in pairwise(starts)]
        edges = [*starts, self._next_id]
        for node, begin, end in zip(nodes, edges[:-1], edges[1:], strict=True):
            stretches = log.stretches(begin, end - 1)
            assert node.live == sum(stretch.stop - stretch.start for stretch in stretches)


@lru_cache(maxsize=256)
def _empty_bytes(fields: tuple[bytes, ...]) -> int:
    """Bytes of a node without entries."""
    numbers = integer_bytes(0) + integer_bytes(0) + integer_bytes(len(fields)) + integer_bytes(0)
    return HEADER_BYTES + numbers + sum(entries_bytes(fields))


def _difference_bytes(difference: int) -> int:
    """What half an ID takes above half of _ID_SIZE."""
    return 0 if 0 <= difference < _SHORT else integer_bytes(difference) - _ID_SIZE // 2


def _shared_bytes(one: int, other: int) -> int:
    """How many bytes two different keys share at their beginning."""
    return 8 * _ID_BYTES - (one ^ other).bit_length() >> 3


def _branches(partings: bytes, depth: int) -> int:
    """Nodes of the tree for the branches at a depth: one for each, and one for what stands before it."""
    deeper = bytes(range(depth + 1, _ID_BYTES))
    seen = partings.translate(_MARKS[depth], deeper)
    left, right = seen.count(b"ab"), seen.count(b"ba")  # branches right below what is on that side
    branches = left + seen.count(b"-b") + seen.startswith(b"b")
    right_below = left + right - len(_BELOW_BOTH(seen))
    return 2 * branches - right_below - (depth == 0)


def _marks(depth: int) -> bytes:
    """Turns depths into `b` for a branch at `depth`, `a` for one right above it, `-` for one further up."""
    return bytes(ord("b" if byte == depth else "a" if byte == depth - 1 else "-") for byte in range(256))


_MARKS = [_marks(depth) for depth in range(_ID_BYTES)]
_DEEPEST = re.compile(rb"%c+" % (_ID_BYTES - 1)).findall
_BELOW_BOTH = re.compile(rb"ab+(?=a)").findall


def _sizes(table: Table) -> tuple[list[int], list[int]]:
    """For each entry the bytes of its values in a listpack, and the bytes of all its words."""
    raw: list[int | list[int]] = [
        column.lengths if column.length < 0 else column.length for column in table.columns
    ]
    sizes: list[int | list[int]] = [
        entry_bytes(column.words[0])
        if column.constant or column.length > LONGEST_INTEGER
        else entries_bytes(column.words)
        for column in table.columns[1::2]
    ]
    return _sums(sizes, len(table.ids)), _sums(raw, len(table.ids))


def _sums(addends: list[int | list[int]], count: int) -> list[int]:
    """`count` sums, to which a number adds the same every time."""
    fixed = sum([addend for addend in addends if isinstance(addend, int)])
    lists = [addend for addend in addends if isinstance(addend, list)]
    return [fixed + sum(numbers) for numbers in zip(*lists, strict=True)] if lists else [fixed] * count
