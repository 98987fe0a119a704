"""Where Redis would cut a stream into nodes.

Redis keeps a stream in a radix tree of listpacks, and lets that show: XADD and XTRIM with `~` remove whole
nodes only, and XINFO STREAM counts them. Which entries share a node follows from their sizes as Redis encodes
them, so it can be worked out from the entries alone, and late: a stream that nobody trims or asks about pays
nothing. Before an entry is removed its node has to be known, since the nodes behind it depend on it; so each
entry is looked at once, here or never.

The sizes are those of the listpack format: the node begins with its first entry's fields, an entry with the
same fields leaves them out, IDs are differences to the first one's. Checked against `radix-tree-keys` and
`radix-tree-nodes` of redis-server 8.2.3.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import Final

from respq.datatypes.chunks import HEADER_BYTES, entries_bytes, integer_bytes
from respq.datatypes.entry_ids import MAX, SEQ_BITS, SEQ_MAX, read_id
from respq.datatypes.entry_log import EntryLog, id_text, words_of

_SAME_FIELDS: Final = 2  # a flag of an entry
_ID_BYTES: Final = 16  # the key of a node in the radix tree


class Node:
    """Entries that Redis keeps together."""

    __slots__ = ("deleted", "fields", "first_id", "live", "size")

    def __init__(self, first_id: int, fields: list[bytes]) -> None:
        self.first_id = first_id
        self.fields = fields
        self.live = 0  # entries that are not deleted
        self.deleted = 0
        numbers = integer_bytes(0) + integer_bytes(0) + integer_bytes(len(fields)) + integer_bytes(0)
        self.size = HEADER_BYTES + numbers + sum(entries_bytes(fields))  # bytes of the listpack

    def add(self, entry_id: int, fields: list[bytes], values: list[bytes]) -> None:
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
        self._count(1, 0)

    def remove(self, count: int) -> None:
        """Account for entries that were deleted."""
        self._count(-count, count)

    def _count(self, live: int, deleted: int) -> None:
        self.size -= integer_bytes(self.live) + integer_bytes(self.deleted)
        self.live += live
        self.deleted += deleted
        self.size += integer_bytes(self.live) + integer_bytes(self.deleted)

    def copy(self) -> Node:
        """An independent copy."""
        twin = Node.__new__(Node)
        twin.first_id, twin.fields = self.first_id, self.fields
        twin.live, twin.deleted, twin.size = self.live, self.deleted, self.size
        return twin


class StreamNodes:
    """The nodes of `log`, as far as they have been worked out.

    `max_bytes` and `max_entries` are `stream-node-max-bytes` and `-entries`, 0 for no limit.
    """

    __slots__ = ("_next_id", "_nodes", "_starts")

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._starts: list[int] = []  # their first IDs
        self._next_id = 0  # entries from here on have not been looked at

    def catch_up(self, log: EntryLog, max_bytes: int, max_entries: int, until: int = MAX) -> None:
        """Work out the nodes of all entries up to an ID, the last of them in full.

        About 2 µs for each entry that is new. Entries may only be removed after that, as what stood in a node
        decided whether the next entry went there.
        """
        if self._starts and self._starts[-1] > until:
            return
        for stretch in log.stretches(self._next_id):
            for entry in stretch.entries():
                self._add(entry, max_bytes, max_entries)
            if self._starts[-1] > until:
                return

    def _add(self, entry: bytes, max_bytes: int, max_entries: int) -> None:
        entry_id, words = read_id(id_text(entry)), words_of(entry)
        self._next_id = entry_id + 1
        fields, values = words[::2], words[1::2]
        node = self._nodes[-1] if self._nodes else None
        if (
            node is None
            or (max_bytes and node.size + sum(map(len, words)) >= max_bytes)
            or (max_entries and node.live >= max_entries)
        ):
            node = Node(entry_id, fields)
            self._nodes.append(node)
            self._starts.append(entry_id)
        node.add(entry_id, fields, values)

    def remove(self, entry_id: int) -> None:
        """An entry that has been looked at is deleted. O(log n), O(n) if its node goes."""
        at = bisect_right(self._starts, entry_id) - 1
        self._nodes[at].remove(1)
        self._drop_empty(at)

    def remove_first(self, count: int) -> None:
        """The first entries, which have been looked at, are deleted."""
        while count:
            dropped = min(count, self._nodes[0].live)
            self._nodes[0].remove(dropped)
            self._drop_empty(0)
            count -= dropped

    def _drop_empty(self, at: int) -> None:
        if not self._nodes[at].live:
            del self._nodes[at], self._starts[at]

    def sizes(self) -> list[tuple[int, int]]:
        """For each node, its live entries and the ID that the next node begins with, or one beyond all."""
        behind = [*self._starts[1:], MAX + 1]
        return [(node.live, end) for node, end in zip(self._nodes, behind, strict=True)]

    def __len__(self) -> int:
        return len(self._nodes)

    def tree_nodes(self) -> int:
        """How many nodes the radix tree has that holds them by their first IDs. O(n)."""
        keys = [start.to_bytes(_ID_BYTES, "big") for start in self._starts]
        if not keys:
            return 1
        # Each key ends in a leaf. A branch stands where neighbours part, and what all keys below a branch
        # share before the next one, or before their end, is one node more.
        partings = [_common(*pair) for pair in pairwise(keys)]
        return len(keys) + _inner_nodes(partings, 0, 0, len(partings))

    def copy(self) -> StreamNodes:
        """An independent copy. O(n)."""
        twin = StreamNodes()
        twin._nodes = [node.copy() for node in self._nodes]
        twin._starts, twin._next_id = self._starts[:], self._next_id
        return twin

    def check(self, log: EntryLog) -> None:
        """Assert that every entry that was looked at is in its node."""
        assert self._starts == [node.first_id for node in self._nodes]
        edges = [*self._starts, self._next_id]
        for node, begin, end in zip(self._nodes, edges[:-1], edges[1:], strict=True):
            stretches = log.stretches(begin, end - 1)
            assert node.live == sum(stretch.stop - stretch.start for stretch in stretches) > 0


def _common(one: bytes, other: bytes) -> int:
    """How many bytes two keys share at their beginning."""
    return next(at for at in range(_ID_BYTES) if one[at] != other[at])


def _inner_nodes(partings: list[int], depth: int, low: int, high: int) -> int:
    """Nodes above the leaves of the keys `low` to `high` (inclusive), which share `depth` bytes."""
    if low == high:
        return int(depth < _ID_BYTES)
    branch = min(partings[low:high])
    count = 1 + int(branch > depth)
    begin = low
    for at in range(low, high + 1):
        if at == high or partings[at] == branch:
            count += _inner_nodes(partings, branch + 1, begin, at)
            begin = at + 1
    return count
