"""The stream: a log of entries, what Redis would say of its past, and its consumer groups.

Three parts in modules of their own: the entries (`entry_log`), where Redis would cut them into nodes
(`stream_nodes`, worked out only when something shows it), and who has read what (`consumer_groups`).
Here is what joins them: the last ID, how many entries there have ever been, the greatest ID that was deleted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final, Self

from respq.datatypes.consumer_groups import UNKNOWN, Group
from respq.datatypes.entry_ids import MAX, SEQ_BITS, show_id
from respq.datatypes.entry_log import EntryLog, Stretch, id_text, words_of
from respq.datatypes.stream_nodes import StreamNodes
from respq.datatypes.value import Limits, Value
from respq.protocol.resp import bulk_strings

_GROUP_BYTES: Final = 600  # of an empty group
_PENDING_BYTES: Final = 330  # a record, its ID, and its places in two lists and two dicts


class StreamValue(Value):
    """A stream. Entries are bytes: the reply that shows them."""

    __slots__ = ("_log", "_nodes", "entries_added", "groups", "last_id", "max_deleted_id")
    kind: ClassVar[bytes] = b"stream"
    directives: ClassVar[tuple[str, ...]] = ("stream-node-max-bytes", "stream-node-max-entries")
    node_max_bytes: ClassVar[int] = 4096
    node_max_entries: ClassVar[int] = 100

    def __init__(self) -> None:
        self.expires_ms = 0
        self.slot = -1
        self._log = EntryLog()
        self._nodes = StreamNodes()
        self.last_id = 0  # of the last entry that was added, or as XSETID says
        self.max_deleted_id = 0  # the greatest ID that was deleted other than by trimming
        self.entries_added = 0  # ever
        self.groups: dict[bytes, Group] = {}

    @classmethod
    def limit(cls, limits: Limits) -> None:
        """See `Value`."""
        cls.node_max_bytes = limits.stream_node_max_bytes
        cls.node_max_entries = limits.stream_node_max_entries

    def __len__(self) -> int:
        return self._log.count

    # -- adding ------------------------------------------------------------------------------------

    def next_id(self, now_ms: int) -> int:
        """The ID of an entry that is added now, greater than MAX if there is none left."""
        return max(self.last_id + 1, now_ms << SEQ_BITS)

    def add(self, entry_id: int, words: list[bytes]) -> bytes:
        """Add fields and values under an ID greater than `last_id`; return its text. O(words)."""
        text = show_id(entry_id)
        head = b"*2\r\n$%d\r\n%b\r\n*%d\r\n" % (len(text), text, len(words))
        self._log.append(text, head + bulk_strings(words))
        self.last_id = entry_id
        self.entries_added += 1
        return text

    # -- reading -----------------------------------------------------------------------------------

    def first(self, start: int, stop: int, count: int) -> list[Stretch]:
        """The first `count` entries with IDs from `start` to `stop` inclusive. O(log n), and slices."""
        return self._log.first(start, stop, count)

    def last(self, start: int, stop: int, count: int) -> list[bytes]:
        """The last `count` of them, the last one first."""
        return self._log.last(start, stop, count)

    def get(self, entry_id: int) -> bytes | None:
        """The entry with this ID, or None. O(log n)."""
        return self._log.get(entry_id)

    def first_id(self) -> int:
        """The smallest ID, 0 if there is no entry."""
        return self._log.first_id() or 0

    def top_id(self) -> int:
        """The greatest ID, 0 if there is no entry."""
        return self._log.last_id() or 0

    # -- deleting ----------------------------------------------------------------------------------

    def delete(self, entry_id: int) -> bool:
        """Delete an entry; tell whether it was there. O(log n)."""
        if self._log.get(entry_id) is None:
            return False
        self._know_nodes(entry_id)
        self._log.delete(entry_id)
        self._nodes.remove(entry_id)
        self.max_deleted_id = max(self.max_deleted_id, entry_id)
        return True

    def _know_nodes(self, until: int) -> None:
        self._nodes.catch_up(self._log, self.node_max_bytes, self.node_max_entries, until)

    def ids(self, count: int) -> list[bytes]:
        """The texts of the first `count` IDs."""
        return [text for stretch in self._log.first(0, MAX, count) for text in stretch.ids()]

    def excess(self, maxlen: int) -> int:
        """How many entries there are above `maxlen`."""
        return max(0, self._log.count - maxlen)

    def below(self, minid: int) -> int:
        """How many entries have an ID less than `minid`. O(blocks)."""
        return (
            sum(stretch.stop - stretch.start for stretch in self._log.stretches(0, minid - 1)) if minid else 0
        )

    def in_whole_nodes(self, count: int, limit: int) -> int:
        """How many of the first `count` entries stand in nodes that are all among them.

        At most `limit`, 0 for any number. That is what `~` removes.
        """
        if not count:
            return 0
        (last,) = self._log.first(0, MAX, count)[-1:]
        self._know_nodes(last.block.id_at(last.stop - 1))
        removed = 0
        for live, _ in self._nodes.sizes():
            if removed + live > count or (limit and removed + live > limit):
                break
            removed += live
        return removed

    def drop_first(self, count: int) -> None:
        """Trim the first `count` entries. O(blocks) and, once for each entry, 2 µs."""
        if not count:
            return
        if count < self._log.count:
            (last,) = self._log.first(0, MAX, count)[-1:]
            self._know_nodes(last.block.id_at(last.stop - 1))
            self._nodes.remove_first(count)
        else:
            self._nodes = StreamNodes()
        self._log.drop_first(count)

    # -- what it looks like ------------------------------------------------------------------------

    def tree_size(self) -> tuple[int, int]:
        """How many nodes Redis keeps the entries in, and how many its radix tree has to find these. O(n)."""
        self._know_nodes(MAX)
        return len(self._nodes), self._nodes.tree_nodes()

    def position(self, entry_id: int) -> int:
        """How many entries were ever added up to an ID, UNKNOWN if deletions make that uncertain."""
        if not self.entries_added or (not self._log.count and entry_id <= self.last_id):
            return self.entries_added
        if entry_id >= self.last_id:
            return self.entries_added if entry_id == self.last_id else UNKNOWN
        if entry_id < self.max_deleted_id:
            return UNKNOWN
        first = self.first_id()
        if entry_id <= first and self.max_deleted_id < first:
            return self.entries_added - self._log.count + (entry_id == first)
        return UNKNOWN

    def encoding(self) -> bytes:
        """See `Value`."""
        return b"stream"

    def memory_bytes(self) -> int:
        """See `Value`."""
        groups = sum(_GROUP_BYTES + _PENDING_BYTES * len(group.pending) for group in self.groups.values())
        return 300 + self._log.memory_bytes() + groups

    # -- the whole ---------------------------------------------------------------------------------

    def copy(self) -> Self:
        """See `Value`. O(blocks + pending entries)."""
        twin = type(self)()
        twin._log, twin._nodes = self._log.copy(), self._nodes.copy()
        twin.last_id, twin.max_deleted_id = self.last_id, self.max_deleted_id
        twin.entries_added = self.entries_added
        twin.groups = {name: group.copy() for name, group in self.groups.items()}
        return twin

    def rebuild(self, key: bytes) -> Iterator[list[bytes]]:
        """See `Value`."""
        for stretch in self._log.stretches(0):
            for entry in stretch.entries():
                yield [b"XADD", key, id_text(entry), *words_of(entry)]
        if not self._log.count:  # an entry that is trimmed at once, so that there is a stream
            yield [b"XADD", key, b"MAXLEN", b"0", show_id(self.last_id or 1), b"x", b"y"]
        yield [
            *(b"XSETID", key, show_id(self.last_id), b"ENTRIESADDED", b"%d" % self.entries_added),
            *(b"MAXDELETEDID", show_id(self.max_deleted_id)),
        ]

    def check(self) -> None:
        """Assert the invariants of all parts."""
        self._log.check()
        self._nodes.check(self._log)
        for group in self.groups.values():
            group.check()
        assert (self._log.last_id() or 0) <= self.last_id
        assert self._log.count <= self.entries_added
