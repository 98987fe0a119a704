"""Where Redis would cut a stream into nodes.

Redis keeps a stream in a radix tree of listpacks, and lets that show: XADD and XTRIM with `~` remove whole
nodes only, and XINFO STREAM counts them. Which entries share a node follows from their sizes as Redis encodes
them, in the order in which they came and went. So entries are looked at when a block of them is sealed,
together if they are alike (0.2 µs each), or before one of them is deleted that is not sealed yet (1.5 µs).

The sizes are those of the listpack format: the node begins with its first entry's fields, an entry with the
same fields leaves them out, IDs are differences to the first one's. Checked against `radix-tree-keys` and
`radix-tree-nodes` of redis-server 8.2.3.

Nodes stand on shelves of some hundreds, so that one in the middle can go without moving all behind it. What
is deleted all over a stream is accounted for some hundreds at a time: in order, that meets each shelf once.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from operator import add
from typing import Final

from respq.datatypes.chunks import entries_bytes, integer_bytes
from respq.datatypes.entry_blocks import Table, Tail, Words
from respq.datatypes.entry_ids import SEQ_BITS, SEQ_MAX, Halves
from respq.datatypes.entry_log import EntryLog
from respq.datatypes.node_filling import (
    ID_SIZE,
    SHORT,
    WholeNodes,
    capacity_of,
    each_of,
    empty_bytes,
    fill_nodes,
    id_bytes,
    sizes_of,
)
from respq.rubble import Structures

_SAME_FIELDS: Final = 2  # a flag of an entry
_ID_BYTES: Final = 16  # the key of a node in the radix tree
_SHELF_NODES: Final = 512
_GONE_AT_ONCE: Final = 500  # deleted entries that are accounted for together, at most: 1 ms


class _Shelf:
    """Neighbouring nodes, in columns: entries that Redis keeps together. New entries go to the last one.

    Columns take less room than an object for each node, and nodes that are alike are added together.
    """

    __slots__ = ("deleted", "fields", "lasts", "lives", "partings", "sizes", "starts")

    def __init__(self) -> None:
        self.starts: list[int] = []  # first IDs, whether or not they have been deleted
        self.lasts: list[int] = []  # last IDs, likewise
        self.fields: list[Words] = []  # of the first entry
        self.lives = array("I")  # entries that are not deleted
        self.deleted = array("I")  # entries that are
        self.sizes = array("Q")  # bytes of the listpack
        self.partings = bytearray()  # how many bytes the first ID shares with that of the node before

    def __len__(self) -> int:
        return len(self.starts)

    def open(self, first_id: int, fields: Words, parting: int) -> None:
        """Begin a node without entries."""
        self.starts.append(first_id)
        self.lasts.append(first_id)
        self.fields.append(fields)
        self.lives.append(0)
        self.deleted.append(0)
        self.sizes.append(empty_bytes(tuple(fields)))
        self.partings.append(parting)

    def open_alike(self, ids: range, entries: int, fields: Words, size: int, partings: list[int]) -> None:
        """Begin nodes of so many entries and bytes each, which `ids` fill to the last."""
        count = len(partings)
        self.starts += ids[::entries]
        self.lasts += ids[entries - 1 :: entries]
        self.fields += [fields] * count
        self.lives.extend([entries] * count)
        self.deleted.extend([0] * count)
        self.sizes.extend([size] * count)
        self.partings += bytes(partings)

    def take(self, nodes: WholeNodes, start: int, stop: int, parting: int) -> None:
        """Put some nodes behind those that are there."""
        firsts = nodes.firsts[start:stop]
        self.starts += firsts
        self.lasts += nodes.lasts[start:stop]
        self.fields += [nodes.fields] * len(firsts)
        self.lives.extend(nodes.lives[start:stop])
        self.deleted.extend([0] * len(firsts))
        self.sizes.extend(nodes.sizes[start:stop])
        self.partings += bytes([parting, *map(_shared_bytes, firsts, firsts[1:])])

    def add(self, entry_id: int, fields: Words, values: Words) -> None:
        """Account for an entry."""
        first_id, same = self.starts[-1], fields == self.fields[-1]
        size = (
            integer_bytes(_SAME_FIELDS if same else 0)
            + integer_bytes((entry_id >> SEQ_BITS) - (first_id >> SEQ_BITS))
            + integer_bytes((entry_id & SEQ_MAX) - (first_id & SEQ_MAX))
            + sum(entries_bytes(values))
        )
        if same:
            size += integer_bytes(len(fields) + 3)
        else:
            size += (
                integer_bytes(len(fields)) + sum(entries_bytes(fields)) + integer_bytes(2 * len(fields) + 4)
            )
        self.add_like(1, size, entry_id)

    def add_like(self, count: int, size: int, last_id: int) -> None:
        """Account for `count` entries of `size` bytes in all, up to an ID."""
        self.sizes[-1] += size
        self.lasts[-1] = last_id
        self._count(-1, count, 0)

    def is_full(self, raw: int, max_bytes: int, max_entries: int) -> bool:
        """Whether an entry whose words have `raw` bytes begins another node."""
        return bool(max_bytes and self.sizes[-1] + raw >= max_bytes) or bool(
            max_entries and self.lives[-1] + self.deleted[-1] >= max_entries
        )

    def remove(self, at: int, count: int) -> None:
        """Account for entries of a node that were deleted."""
        self._count(at, -count, count)

    def remove_each(self, ids: list[int]) -> list[int]:
        """Account for entries that were deleted, by ascending IDs; return which nodes have none any more."""
        starts, lives, empty = self.starts, self.lives, []
        at = 0
        for entry_id in ids:
            at = bisect_right(starts, entry_id, at) - 1
            self._count(at, -1, 1)
            if not lives[at]:
                empty.append(at)
        return empty

    def _count(self, at: int, more: int, more_deleted: int) -> None:
        live, deleted = self.lives[at], self.deleted[at]
        self.lives[at], self.deleted[at] = live + more, deleted + more_deleted
        if live < SHORT > live + more and deleted + more_deleted < SHORT:
            return
        before = integer_bytes(live) + integer_bytes(deleted)
        after = integer_bytes(live + more) + integer_bytes(deleted + more_deleted)
        self.sizes[at] += after - before

    def drop(self, begin: int, end: int) -> None:
        """Take out nodes. O(those behind them)."""
        del self.starts[begin:end], self.lasts[begin:end], self.fields[begin:end], self.lives[begin:end]
        del self.deleted[begin:end], self.sizes[begin:end], self.partings[begin:end]

    def copy(self) -> _Shelf:
        """An independent copy."""
        twin = _Shelf()
        twin.starts, twin.lasts, twin.fields = self.starts[:], self.lasts[:], self.fields[:]
        twin.lives, twin.deleted, twin.sizes = self.lives[:], self.deleted[:], self.sizes[:]
        twin.partings = self.partings[:]
        return twin


class StreamNodes:
    """The nodes of a stream, but for entries of its tail that have not been looked at.

    `max_bytes` and `max_entries` are `stream-node-max-bytes` and `-entries`, 0 for no limit.
    """

    __slots__ = ("_count", "_firsts", "_gone", "_next_id", "_shelves")

    def __init__(self) -> None:
        self._shelves: list[_Shelf] = []
        self._firsts: list[int] = []  # the first ID of each
        self._next_id = 0  # entries from here on have not been looked at
        self._count = 0
        self._gone: list[int] = []  # IDs that were deleted and are not accounted for

    @property
    def count(self) -> int:
        """How many nodes there are."""
        self.settle()
        return self._count

    @property
    def last_start(self) -> int:
        """The first ID of the last node, 0 if there is none. Who deletes from there on has to settle."""
        return self._shelves[-1].starts[-1] if self._shelves else 0

    # -- adding ------------------------------------------------------------------------------------

    def catch_up(self, tail: Tail, max_bytes: int, max_entries: int) -> None:
        """Look at the entries of `tail`. Entries may only be removed after that.

        What stood in a node decided whether the next entry went there.
        """
        if tail.ids and tail.ids[-1] >= self._next_id:
            self.settle()
            start = tail.find(self._next_id)
            self._add_each(tail.ids[start:], tail.words[start:], max_bytes, max_entries)

    def extend(self, table: Table, max_bytes: int, max_entries: int) -> None:
        """Look at entries that are being sealed, as far as `catch_up` has not."""
        self.settle()
        ids = table.ids
        if ids[0] >= self._next_id and (fields := table.fields()):
            self._add_alike(table, fields, max_bytes, max_entries)
        else:
            start = bisect_left(ids, self._next_id)
            self._add_each(ids[start:], table.entries[start:], max_bytes, max_entries)
        self._next_id = max(self._next_id, ids[-1] + 1)

    def take(self, nodes: WholeNodes) -> None:
        """Add nodes as they are; all entries before them have been looked at."""
        firsts, at = nodes.firsts, 0
        while at < len(firsts):
            shelf, parting = self._shelf_for(firsts[at])
            stop = at + _SHELF_NODES - len(shelf)
            shelf.take(nodes, at, stop, parting)
            at = stop
        self._count += len(firsts)
        self._next_id = nodes.lasts[-1] + 1

    def _add_each(
        self, ids: Sequence[int], entries: Sequence[Words], max_bytes: int, max_entries: int
    ) -> None:
        for entry_id, words in zip(ids, entries, strict=True):
            fields, values = list(words[::2]), words[1::2]
            shelf = self._shelves[-1] if self._shelves else None
            if shelf is None or shelf.is_full(sum(map(len, words)), max_bytes, max_entries):
                shelf = self._open(entry_id, fields)
            shelf.add(entry_id, fields, values)
            self._next_id = entry_id + 1

    def _add_alike(self, table: Table, fields: list[bytes], max_bytes: int, max_entries: int) -> None:
        """Add entries that have the same fields, a node at a time."""
        ids, count = table.ids, len(table.ids)
        ms, seq = table.halves.ms, table.halves.seq
        overhead = integer_bytes(_SAME_FIELDS) + ID_SIZE + integer_bytes(len(fields) + 3)
        size, raw = sizes_of(table)
        alike = guess = 0  # entries of a node if all are of one size and their IDs are short; their words
        before: Sequence[int]  # bytes before each entry
        filled: Sequence[int]  # that, and what Redis guesses that the entry takes
        if isinstance(size, int) and isinstance(raw, int):
            step, guess = size + overhead, raw
            before = range(0, step * (count + 1), step)
            filled = range(raw, raw + step * count, step)
            alike = capacity_of(fields, step, raw, max_bytes, max_entries)
        else:
            before = list(accumulate([n + overhead for n in each_of(size, count)], initial=0))
            filled = list(map(add, before, each_of(raw, count)))
        shelf = self._shelves[-1] if self._shelves else None
        at = 0
        while at < count:
            if shelf is None or shelf.is_full(filled[at] - before[at], max_bytes, max_entries):
                if alike and not isinstance(ids, range):
                    rest = Halves(ms[at:], seq[at:])
                    self.take(fill_nodes(rest, self._known(fields), alike, before[1], guess, max_bytes))
                    return
                if 0 < alike <= count - at:
                    stop = count - (count - at) % alike
                    self._open_alike(ids[at:stop], fields, alike, before[alike])
                    shelf, at = self._shelves[-1], stop
                    continue
                shelf = self._open(ids[at], fields)
            most = at + SHORT - 1 - shelf.lives[-1]
            if max_entries:
                most = min(most, at + max_entries - shelf.lives[-1] - shelf.deleted[-1])
            if shelf.fields[-1] != fields or most <= at:
                self._add_each(ids[at : at + 1], table.entries[at : at + 1], max_bytes, max_entries)
                shelf = self._shelves[-1]
                at += 1
                continue
            room = max_bytes - shelf.sizes[-1] + before[at] if max_bytes else filled[-1] + 1
            stop = min(most, count)
            if isinstance(filled, range):
                stop = min(stop, bisect_left(filled, room, at + 1))
            else:
                stop = next((n for n in range(at + 1, stop) if filled[n] >= room), stop)
            more = 0
            if each := id_bytes(shelf.starts[-1], ms[at:stop], seq[at:stop]):
                extra = list(accumulate(each, initial=0))
                while stop - at > 1 and filled[stop - 1] + extra[stop - 1 - at] >= room:
                    stop -= 1
                more = extra[stop - at]
            shelf.add_like(stop - at, before[stop] - before[at] + more, ids[stop - 1])
            at = stop

    def _open(self, first_id: int, fields: Words) -> _Shelf:
        """Begin a node, behind all others; the shelf on which it stands."""
        fields = self._known(fields)
        shelf, parting = self._shelf_for(first_id)
        shelf.open(first_id, fields, parting)
        self._count += 1
        return shelf

    def _known(self, fields: Words) -> Words:
        """Those of the last node, if they are the same: one object for many nodes."""
        if self._count and fields == (before := self._shelves[-1].fields[-1]):
            return before
        return fields

    def _open_alike(self, ids: Sequence[int], fields: Words, entries: int, size: int) -> None:
        """Begin nodes of so many entries, that take so many bytes; `ids` follow each other and fill them."""
        assert isinstance(ids, range)
        size += empty_bytes(tuple(fields))
        while ids:
            shelf, parting = self._shelf_for(ids[0])
            taken = ids[: entries * (_SHELF_NODES - len(shelf))]
            ids = ids[len(taken) :]
            firsts = taken[::entries]
            partings = [parting, *map(_shared_bytes, firsts, firsts[1:])]
            shelf.open_alike(taken, entries, fields, size, partings)
            self._count += len(firsts)

    def _shelf_for(self, first_id: int) -> tuple[_Shelf, int]:
        """Where a node with this first ID is to stand, and how many bytes it shares with the last one."""
        shelves = self._shelves
        parting = _shared_bytes(shelves[-1].starts[-1], first_id) if shelves else 0
        if not shelves or len(shelves[-1]) >= _SHELF_NODES:
            shelves.append(_Shelf())
            self._firsts.append(first_id)
        return shelves[-1], parting

    # -- removing ----------------------------------------------------------------------------------

    def remove(self, ids: Iterable[int]) -> None:
        """Entries that have been looked at are deleted, and nodes that have none any more. O(log n) each.

        That is put off. If one of them stands in the last node, or if none is left at all, `settle` then.
        """
        self._gone += ids
        if len(self._gone) > _GONE_AT_ONCE:
            self.settle()

    def settle(self) -> None:
        """Account for all that was deleted. What decides where a new entry goes is known then."""
        if not self._gone:
            return
        gone, self._gone = sorted(self._gone), []
        at = 0
        while at < len(gone):
            shelf_at = bisect_right(self._firsts, gone[at]) - 1
            following = shelf_at + 1
            stop = bisect_left(gone, self._firsts[following], at) if following < len(self._firsts) else None
            ids = gone[at:stop]
            for empty in reversed(self._shelves[shelf_at].remove_each(ids)):
                self._drop(shelf_at, empty, empty + 1)
            at += len(ids)
        if not self._count:
            self._next_id = 0

    def remove_and_keep(self, entry_id: int) -> None:
        """An entry that has been looked at is deleted, but not its node. O(log n)."""
        self.settle()
        shelf_at, at = self._place_of(entry_id)
        self._shelves[shelf_at].remove(at, 1)

    def drop_first_empty(self) -> None:
        """Take out the nodes without entries that all others follow."""
        while self.begins_empty:
            self._drop(0, 0, 1)

    def drop_empty(self, first_id: int) -> None:
        """Take out a node without entries, which begins with this ID. O(log n)."""
        shelf_at, at = self._place_of(first_id)
        self._drop(shelf_at, at, at + 1)

    def _place_of(self, entry_id: int) -> tuple[int, int]:
        """The index of a shelf, and that of the node on it which has an entry."""
        shelf_at = bisect_right(self._firsts, entry_id) - 1
        return shelf_at, bisect_right(self._shelves[shelf_at].starts, entry_id) - 1

    def remove_first(self, count: int, minid: int | None = None) -> None:
        """The first entries, which have been looked at, are deleted. O(nodes that go), of a fast kind.

        If those are the ones less than `minid`, a node that has had entries from there on stays, though none
        is left; and nodes that were left so before may go. That is what redis-server 8.2.3 does.
        """
        self.settle()
        while self.count and (count or minid):
            shelf = self._shelves[0]
            entries = list(accumulate(shelf.lives))
            if minid is None:
                gone = bisect_left(entries, count)
                gone += gone < len(shelf) and entries[gone] == count
            else:
                gone = min(bisect_left(shelf.lasts, minid), bisect_right(entries, count))
            if not gone:
                shelf.remove(0, count)
                return
            count -= sum(shelf.lives[:gone])
            self._drop(0, 0, gone)

    def _drop(self, shelf_at: int, begin: int, end: int) -> None:
        """Take out nodes that have no entries."""
        shelf = self._shelves[shelf_at]
        parting = min(shelf.partings[begin:end])
        shelf.drop(begin, end)
        behind, place = (shelf, begin) if begin < len(shelf) else (None, 0)
        if behind is None and shelf_at + 1 < len(self._shelves):
            behind = self._shelves[shelf_at + 1]
        if behind is not None:
            behind.partings[place] = min(parting, behind.partings[place])
        if len(shelf):
            self._firsts[shelf_at] = shelf.starts[0]
        else:
            del self._shelves[shelf_at], self._firsts[shelf_at]
        self._count -= end - begin

    # -- looking -----------------------------------------------------------------------------------

    @property
    def begins_empty(self) -> bool:
        """Whether the first node has no entries."""
        return self.count > 0 and not self._shelves[0].lives[0]

    def extents(self) -> Iterator[tuple[int, int, int]]:
        """For each node its first and last ID, be they deleted, and how many entries of it are left."""
        self.settle()
        return (
            node
            for shelf in self._shelves
            for node in zip(shelf.starts, shelf.lasts, shelf.lives, strict=True)
        )

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
        return [part for shelf in self._shelves for part in (shelf.starts, shelf.lasts)]

    def copy(self) -> StreamNodes:
        """An independent copy. O(n)."""
        twin = StreamNodes()
        twin._shelves, twin._firsts = [shelf.copy() for shelf in self._shelves], self._firsts[:]
        twin._next_id, twin._count, twin._gone = self._next_id, self._count, self._gone[:]
        return twin

    def check(self, log: EntryLog) -> None:
        """Assert that every entry that was looked at is in its node."""
        self.settle()
        starts = [start for shelf in self._shelves for start in shelf.starts]
        lives = [live for _, _, live in self.extents()]
        partings = b"".join(shelf.partings for shelf in self._shelves)
        for shelf in self._shelves:
            assert len({len(shelf.starts), len(shelf.lasts), len(shelf.fields), len(shelf.partings)}) == 1
            assert len(shelf) == len(shelf.lives) == len(shelf.deleted) == len(shelf.sizes)
        assert self._firsts == [shelf.starts[0] for shelf in self._shelves]
        assert self.count == len(lives) == len(partings)
        assert list(partings[1:]) == [_shared_bytes(*pair) for pair in pairwise(starts)]
        edges = [*starts, self._next_id]
        for live, begin, end in zip(lives, edges[:-1], edges[1:], strict=True):
            stretches = log.stretches(begin, end - 1)
            assert live == sum(stretch.stop - stretch.start for stretch in stretches)


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
