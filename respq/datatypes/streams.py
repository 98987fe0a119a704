"""The stream: a log of entries, what Redis would say of its past, and its consumer groups.

Three parts in modules of their own: the entries (`entry_log`), where Redis would cut them into nodes
(`stream_nodes`, worked out only when something shows it), and who has read what (`consumer_groups`).
Here is what joins them: the last ID, how many entries there have ever been, the greatest ID that was deleted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress, islice
from typing import ClassVar, Final, Self

from respq.datatypes.consumer_groups import COUNT_MAX, UNKNOWN, Group
from respq.datatypes.entry_blocks import Stretch, Table, id_text, words_of
from respq.datatypes.entry_ids import MAX, SEQ_BITS, SEQ_MAX, number_of, show_id
from respq.datatypes.entry_log import EntryLog
from respq.datatypes.folded_blocks import FoldedBlock
from respq.datatypes.idempotency import Idempotency, Settings
from respq.datatypes.node_filling import WholeNodes
from respq.datatypes.pending_entries import Consumer
from respq.datatypes.stream_nodes import StreamNodes
from respq.datatypes.value import Limits, Value
from respq.protocol.columns import Column
from respq.rubble import Structures

_GROUP_BYTES: Final = 600  # of an empty group
_PENDING_BYTES: Final = 130  # an ID, and its places in two lists and a dict


class StreamValue(Value):
    """A stream. Entries are bytes: the reply that shows them."""

    __slots__ = (
        "_log", "_nodes", "_settings", "entries_added", "groups", "idempotency", "last_id", "max_deleted_id",
    )  # fmt: skip
    kind: ClassVar[bytes] = b"stream"
    directives: ClassVar[tuple[str, ...]] = (
        "stream-node-max-bytes",
        "stream-node-max-entries",
        "stream-idmp-duration",
        "stream-idmp-maxsize",
    )
    node_max_bytes: ClassVar[int] = 4096
    node_max_entries: ClassVar[int] = 100
    idempotency_defaults: ClassVar[Settings] = Settings(100, 100)

    def __init__(self) -> None:
        self.expires_ms = 0
        self.slot = -1
        self._log = EntryLog()
        self._nodes = StreamNodes()
        self.last_id = 0  # of the last entry that was added, or as XSETID says
        self.max_deleted_id = 0  # the greatest ID that was deleted other than by trimming
        self.entries_added = 0  # ever
        self.groups: dict[bytes, Group] = {}
        self._settings = self.idempotency_defaults  # as they were when the stream was created
        self.idempotency: Idempotency | None = None  # until somebody asks for it

    @classmethod
    def limit(cls, limits: Limits) -> None:
        """See `Value`."""
        cls.node_max_bytes = limits.stream_node_max_bytes
        cls.node_max_entries = limits.stream_node_max_entries
        cls.idempotency_defaults = Settings(limits.stream_idmp_duration, limits.stream_idmp_maxsize)

    def __len__(self) -> int:
        return self._log.count

    # -- adding ------------------------------------------------------------------------------------

    def next_id(self, now_ms: int) -> int:
        """The ID of an entry that is added now, greater than MAX if there is none left."""
        return max(self.last_id + 1, now_ms << SEQ_BITS)

    def add(self, entry_id: int, words: list[bytes]) -> bytes:
        """Add fields and values under an ID greater than `last_id`; return its text. O(words)."""
        text = b"%d-%d" % (entry_id >> SEQ_BITS, entry_id & SEQ_MAX)
        self._log.append(entry_id, text, words)
        self.last_id = entry_id
        self.entries_added += 1
        if self._log.ripe:
            for sealed in self._log.seal():
                self._nodes.extend(sealed, self.node_max_bytes, self.node_max_entries)
        return text

    def adopt(self, table: Table, nodes: WholeNodes) -> None:
        """As `extend`, with the nodes that the entries stand in."""
        self._know_nodes()
        self._nodes.take(nodes)
        self._log.extend(table)
        self.last_id = table.ids[-1]
        self.entries_added += len(table.ids)

    @property
    def can_fold(self) -> bool:
        """Whether `adopt_folded` is possible."""
        return not self._log.tail.ids

    def adopt_folded(self, blocks: Sequence[FoldedBlock], nodes: WholeNodes) -> None:
        """Add blocks as they are; `nodes` are their nodes, behind which another one will follow. O(nodes)."""
        self._nodes.take(nodes)
        for block in blocks:
            self._log.adopt(block)
            self.entries_added += block.live
        self.last_id = nodes.lasts[-1]

    def folded(self) -> list[FoldedBlock]:
        """The blocks that are folded and whole, and whose last node no entry has been added to. O(nodes).

        That happens if all behind it are deleted, or did not fill it when they were read.
        """
        ends = {last_id for _, last_id, _ in self._nodes.extents()}
        return [block for block in self._log.folded() if block.last_id in ends]

    def extend(self, ids: Sequence[int], texts: Column, columns: Sequence[Column]) -> None:
        """Add several entries under ascending IDs, which `texts` spell. O(words).

        `columns`: the first word of each, the second, and so on.
        """
        table = Table(ids, texts, columns)
        for sealed in self._log.extend(table):
            self._nodes.extend(sealed, self.node_max_bytes, self.node_max_entries)
        self.last_id = ids[-1]
        self.entries_added += len(ids)

    # -- reading -----------------------------------------------------------------------------------

    def first(self, start: int, stop: int, count: int) -> list[Stretch]:
        """The first `count` entries with IDs from `start` to `stop` inclusive. O(log n), and slices."""
        return self._log.first(start, stop, count)

    def following(self, entry_id: int) -> Iterator[Stretch]:
        """The entries from an ID on. Nothing may change meanwhile."""
        return self._log.stretches(entry_id)

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

    def idempotent_settings(self) -> Settings:
        """How long producers are remembered, and how many messages of each."""
        return self.idempotency.settings if self.idempotency else self._settings

    def idempotent(self) -> Idempotency:
        """What is remembered of producers, from now on."""
        if self.idempotency is None:
            self.idempotency = Idempotency(self._settings)
        return self.idempotency

    # -- groups ------------------------------------------------------------------------------------

    def deliver(
        self, group: Group, consumer: Consumer, most: int, now_ms: int, *, pending: bool = True
    ) -> tuple[list[bytes], list[Stretch]]:
        """Give the next entries to a consumer of a group, at most so many; not `pending`: acknowledged.

        Return their IDs, and them.
        """
        if group.last_id >= self.last_id:
            return [], []
        stretches = self._log.first(group.last_id + 1, MAX, most)
        if not stretches:
            return [], []
        texts = stretches[0].ids()
        for stretch in stretches[1:]:
            texts += stretch.ids()
        last_id = number_of(texts[-1])
        group.entries_read = self._read_up_to(group, texts, last_id)
        if pending:
            group.deliver(texts, last_id, consumer, now_ms)
        group.last_id = last_id
        return texts, stretches

    def _read_up_to(self, group: Group, texts: list[bytes], last_id: int) -> int:
        """What `entries_read` of a group becomes with the entries `texts`, as Redis counts one by one."""
        read, behind = group.entries_read, group.last_id
        for at, text in enumerate(texts):
            if read != UNKNOWN and self._is_certain_from(behind):
                return read + len(texts) - at
            entry_id = number_of(text)
            read = self.position(entry_id)
            if read == UNKNOWN and entry_id > self.max_deleted_id:  # none in between can tell
                return self.position(last_id)
            behind = entry_id
        return read

    def _is_certain_from(self, entry_id: int) -> bool:
        """Whether entries behind an ID can be counted: it is no less than the first, and none is missing."""
        first = self.first_id()
        return first <= entry_id and (self.max_deleted_id < first or self.max_deleted_id < entry_id)

    def lag(self, group: Group) -> int | None:
        """How many entries a group has yet to read, None if that is uncertain.

        Less than none if somebody had it that the group has read more than it had.
        """
        if not self._log.count:
            return 0
        read = group.entries_read
        if read == UNKNOWN or not self._is_certain_from(group.last_id):
            read = self.position(group.last_id)
        return None if read == UNKNOWN else self.entries_added - read

    def is_referred_to(self, entry_id: int, text: bytes) -> bool:
        """Whether a group has not read an entry yet, or not acknowledged it. O(groups)."""
        return any(group.last_id < entry_id or text in group.pending for group in self.groups.values())

    def forget(self, texts: Sequence[bytes]) -> bool:
        """Acknowledge entries in all groups; tell whether any was pending. O(groups * entries)."""
        return sum(group.acknowledge(texts) for group in self.groups.values()) > 0

    # -- deleting ----------------------------------------------------------------------------------

    def delete(self, ids: Sequence[int]) -> list[bool]:
        """Delete entries; tell for each whether it was there. O(log n) each."""
        at_end = bool(ids) and max(ids) >= self._nodes.last_start
        if at_end:
            self._know_nodes()  # what came until now may stand in the last one
        there = self._log.delete_each(ids)
        if True in there:
            gone = ids if False not in there else list(compress(ids, there))
            self.max_deleted_id = max(self.max_deleted_id, *gone)
            self._nodes.remove(gone)
            if at_end or not self._log.count:
                self._nodes.settle()
        return there

    def drop_acknowledged(
        self, maxlen: int, minid: int | None = None, *, whole_nodes: bool = False, limit: int = 0
    ) -> int:
        """Trim to `maxlen` entries, or those less than `minid`, that no group refers to; return how many.

        As redis-server 8.2.3 does, the last node that is looked at is the first one that would not go as a
        whole if nobody referred to its entries. With `whole_nodes` it is the last one that would, as long as
        no more than `limit` entries are looked at (0: any number). O(entries looked at).
        """
        self._know_nodes()
        length, looked_at = len(self), 0
        chosen: list[int] = []
        partial: list[int] = []  # of the last node, which stays even if it is empty then
        empty: list[int] = []  # nodes, by their first IDs
        for first_id, last_id, live in self._nodes.extents():
            if minid is None and length <= maxlen:
                break
            whole = length - live >= maxlen if minid is None else last_id < minid
            looked_at += live
            if whole_nodes and (not whole or looked_at > limit > 0):
                break
            if whole and not live:
                empty.append(first_id)
            entries = self._unreferenced(first_id, last_id if minid is None else min(last_id, minid - 1))
            found = entries if whole else islice(entries, length - maxlen if minid is None else None)
            (taken := chosen if whole else partial).extend(found)
            length = len(self) - len(chosen) - len(partial)
            if taken is partial:
                break
        for first_id in empty:
            self._nodes.drop_empty(first_id)
        self._log.delete_each([*chosen, *partial])
        self._nodes.remove(chosen)
        for entry_id in partial:
            self._nodes.remove_and_keep(entry_id)
        self._nodes.settle()
        return len(chosen) + len(partial)

    def _unreferenced(self, start: int, stop: int) -> Iterator[int]:
        """The IDs of an interval that no group refers to. O(entries * groups)."""
        for stretch in self._log.stretches(start, stop):
            for text in stretch.ids():
                if not self.is_referred_to(entry_id := number_of(text), text):
                    yield entry_id

    def _know_nodes(self) -> None:
        """Look at what is not sealed yet as well. O(128)."""
        self._nodes.catch_up(self._log.tail, self.node_max_bytes, self.node_max_entries)

    def ids(self, count: int) -> list[bytes]:
        """The texts of the first `count` IDs."""
        if not count:
            return []
        return [text for stretch in self._log.first(0, MAX, count) for text in stretch.ids()]

    def excess(self, maxlen: int) -> int:
        """How many entries there are above `maxlen`."""
        return max(0, self._log.count - maxlen)

    def below(self, minid: int) -> int:
        """How many entries have an ID less than `minid`. O(blocks)."""
        return self._log.below(minid)

    def in_whole_nodes(self, count: int, limit: int, minid: int = MAX + 1) -> int:
        """How many of the first `count` entries stand in nodes that are all among them.

        At most `limit`, 0 for any number. That is what `~` removes; a node that has ever had an entry from
        `minid` on stays, even if that has been deleted, as in redis-server 8.2.3.
        """
        if count >= self._log.sealed:
            self._know_nodes()
        removed = 0
        for _, last_id, live in self._nodes.extents():
            more = removed + live
            if last_id >= minid or more > count or (limit and more > limit):
                break
            removed = more
        return removed

    def drop_first(self, count: int, minid: int | None = None) -> None:
        """Trim the first `count` entries, which are those less than `minid`, if that is given. O(blocks)."""
        if count > self._log.sealed or (minid is not None and self._nodes.begins_empty):
            self._know_nodes()
        if minid is None and 0 < self._log.count <= count:
            self._nodes = StreamNodes()
        else:
            self._nodes.remove_first(count, minid)
        if not self._nodes.count and count:
            self._nodes = StreamNodes()
        self._log.drop_first(count)

    def drop_empty_nodes(self) -> None:
        """Let go of what trimming by MINID left in front of all entries, as trimming by MAXLEN does."""
        if self._nodes.begins_empty:
            self._know_nodes()
            self._nodes.drop_first_empty()

    # -- what it looks like ------------------------------------------------------------------------

    def nodes(self) -> list[tuple[int, int]]:
        """For each node its first ID, be that deleted, and how many entries of it are left. O(nodes)."""
        self._know_nodes()
        return [(first_id, live) for first_id, _, live in self._nodes.extents()]

    def tree_size(self) -> tuple[int, int]:
        """How many nodes Redis keeps the entries in, and how many its radix tree has to find these.

        O(n) of a fast kind: 2 ms at a million entries of 200 bytes.
        """
        self._know_nodes()
        return self._nodes.count, self._nodes.tree_nodes()

    def position(self, entry_id: int) -> int:
        """How many entries were ever added up to an ID, UNKNOWN if deletions make that uncertain."""
        if not self.entries_added or (not self._log.count and entry_id <= self.last_id):
            return self.entries_added
        if entry_id >= self.last_id:
            return self.entries_added if entry_id == self.last_id else UNKNOWN
        first = self.first_id()
        if entry_id <= first and self.max_deleted_id < first:
            return self.entries_added - self._log.count + (entry_id == first)
        return UNKNOWN

    def encoding(self) -> bytes:
        """See `Value`."""
        return b"stream"

    def memory_bytes(self, samples: int) -> int:
        """See `Value`."""
        groups = sum(_GROUP_BYTES + _PENDING_BYTES * len(group.pending) for group in self.groups.values())
        return 300 + self._log.memory_bytes(samples) + groups

    def parts(self) -> Structures:
        """See `Value`."""
        return self._log.parts() + self._nodes.parts()

    # -- the whole ---------------------------------------------------------------------------------

    def copy(self) -> Self:
        """See `Value`. O(blocks + pending entries)."""
        twin = type(self)()
        twin._log, twin._nodes = self._log.copy(), self._nodes.copy()
        twin.last_id, twin.max_deleted_id = self.last_id, self.max_deleted_id
        twin.entries_added = self.entries_added
        twin.groups = {name: group.copy() for name, group in self.groups.items()}
        twin._settings = self._settings
        twin.idempotency = self.idempotency and self.idempotency.copy()
        return twin

    def rebuild(self, key: bytes) -> Iterator[list[bytes]]:
        """See `Value`.

        An entry can only be made pending while it exists. So what is pending but deleted comes first, as
        entries without meaning; a stream that was trimmed to nothing may begin anew.
        """
        early = self._pending_early()
        if early:
            yield from self._rebuild_early(key, early)
        yield from self._rebuild_entries(key, exists=bool(early))
        yield self._rebuild_history(key)
        for name, group in self.groups.items():
            if early:
                yield [b"XGROUP", b"SETID", *group.progress(key, name)]
            else:
                yield from group.rebuild(key, name)
            yield from group.rebuild_pending(key, name, lambda text: text not in early)
            yield from group.rebuild_activity(key, name)
        if self.idempotency is not None:
            yield from self.idempotency.rebuild(key)

    def _pending_early(self) -> set[bytes]:
        """The IDs that are pending in a group and were deleted. O(entries + pending entries).

        If nobody has one of them, also all others that nobody has, as these have an order.
        """
        pending = {text for group in self.groups.values() for text, _ in group.pending.following(0)}
        if pending:
            for stretch in self._log.walk():
                pending.difference_update(stretch.ids())
        released = {text for group in self.groups.values() for text in group.pending.released}
        return pending if pending.isdisjoint(released) else pending | released

    def _rebuild_early(self, key: bytes, early: set[bytes]) -> Iterator[list[bytes]]:
        """Groups in which the IDs in `early` are pending, of a stream that has no entries and no past."""
        for text in sorted(early, key=number_of):
            yield [b"XADD", key, text, b"x", b"y"]
        for name, group in self.groups.items():
            yield from group.rebuild(key, name)
            yield from group.rebuild_pending(key, name, early.__contains__)
        yield [b"XTRIM", key, b"MAXLEN", b"=", b"0"]
        yield [b"XSETID", key, b"0-0"]

    def _rebuild_entries(self, key: bytes, *, exists: bool) -> Iterator[list[bytes]]:
        """All entries; if there are none and no key `exists`, one that is trimmed at once."""
        for stretch in self._log.walk():
            for entry in stretch.entries():
                yield [b"XADD", key, id_text(entry), *words_of(entry)]
        if not self._log.count and not exists:
            yield [b"XADD", key, b"MAXLEN", b"0", show_id(self.last_id or 1), b"x", b"y"]

    def _rebuild_history(self, key: bytes) -> list[bytes]:
        """What the stream remembers."""
        return [
            *(
                b"XSETID",
                key,
                show_id(self.last_id),
                b"ENTRIESADDED",
                b"%d" % min(self.entries_added, COUNT_MAX),
            ),
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
