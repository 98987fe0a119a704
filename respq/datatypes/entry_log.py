"""The log of a stream: entries in the order of their IDs.

New entries are kept as they came. When there are enough of them the owner seals them (`entry_blocks`): one
bytes object that holds them back to back as the replies that they will be, with an array of their ends. A
range is a few slices of that, whatever its length.

The head moves by an index. What is deleted elsewhere leaves a tombstone in its block, and a block that is
half dead is written anew; so no deletion costs more than its share of a block.

Cost, for entries of two fields: append 0.3 µs and 0.3 for sealing; a range 0.05 per entry; finding an ID 1.
Memory: the reply and four to six bytes.

Rejected: fields in Redis's compressed form (every read would have to encode them again, ten times a range's
cost); zstd over the block (0.3 µs an entry to unpack, all of a block for one of them).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

from respq.datatypes.entry_blocks import Block, Stretch, Table, Tail, Words
from respq.datatypes.entry_ids import MAX
from respq.datatypes.folded_blocks import FoldedBlock
from respq.datatypes.sizes import spread
from respq.rubble import Structures

_SEALED_ENTRIES: Final = 128
_ENOUGH: Final = 24  # entries that come together are worth a block
_SEALED_BYTES: Final = 1 << 15  # of words
_OPEN_BYTES: Final = 33 + 33 + 56 + 8 * 3 + 44  # of an entry that is not sealed, without its words
_WORD_BYTES: Final = 41  # of a word without its bytes


class EntryLog:
    """Entries by ID. What is appended has a greater ID than anything before.

    Whoever appends has to call `seal` when the log is `ripe`.
    """

    __slots__ = ("_blocks", "_starts", "count", "tail")

    def __init__(self) -> None:
        self.count = 0  # entries
        self._blocks: list[Block] = []
        self._starts: list[int] = []  # the first ID of each, deleted or not
        self.tail = Tail()  # what is not sealed

    # -- changing ----------------------------------------------------------------------------------

    def append(self, entry_id: int, text: bytes, words: Words) -> None:
        """Add an entry under an ID, which `text` spells. O(words)."""
        tail = self.tail
        tail.ids.append(entry_id)
        tail.texts.append(text)
        tail.words.append(words)
        tail.size += sum(map(len, words))
        self.count += 1

    def extend(self, table: Table) -> list[Table]:
        """Add several entries; return what has been sealed of them and of those before. O(words)."""
        tail, count, size = self.tail, len(table.ids), table.size()
        self.count += count
        if not tail.ids and _ENOUGH <= count <= 2 * _SEALED_ENTRIES and size <= 2 * _SEALED_BYTES:
            self._add_block(table)
            return [table]
        tail.ids += table.ids
        tail.texts += table.texts.words
        tail.words += table.entries
        tail.size += size
        return list(self.seal()) if self.ripe else []

    @property
    def sealed(self) -> int:
        """How many entries are in blocks."""
        return self.count - len(self.tail)

    @property
    def ripe(self) -> bool:
        """Whether there is enough to be sealed."""
        return len(self.tail.ids) >= _SEALED_ENTRIES or self.tail.size >= _SEALED_BYTES

    def seal(self) -> Iterator[Table]:
        """Seal all of the tail, in blocks of about one size, and tell what is in each. O(it)."""
        tail, self.tail = self.tail, Tail()
        count = len(tail)
        blocks = max(count // _SEALED_ENTRIES, min(count, tail.size // _SEALED_BYTES))
        size = -(-count // blocks)
        for start in range(0, count, size):
            table = tail.table(start, start + size)
            self._add_block(table)
            yield table

    def _add_block(self, table: Table) -> None:
        block = Block(table)
        self._blocks.append(block)
        self._starts.append(block.first_id)

    def adopt(self, block: FoldedBlock) -> None:
        """Add a block. What there is must be sealed."""
        self._blocks.append(block)
        self._starts.append(block.first_id)
        self.count += block.live

    def delete(self, entry_id: int) -> bool:
        """Remove an entry; tell whether it was there. O(log n), and its share of a block."""
        return self.delete_each([entry_id])[0]

    def delete_each(self, ids: Sequence[int]) -> list[bool]:
        """Remove entries; tell for each whether it was there. O(log n) each, and its share of a block."""
        starts, blocks = self._starts, self._blocks
        there = []
        for entry_id in ids:
            at = bisect_right(starts, entry_id) - 1
            if at >= 0 and (block := blocks[at]).delete(entry_id):
                there.append(True)
                if block.live <= block.worn:
                    self._tidy(at)
            else:
                there.append(self.tail.delete(entry_id))
        self.count -= there.count(True)
        return there

    def _tidy(self, at: int) -> None:
        """Drop a block that is empty, renew one that is half dead."""
        block = self._blocks[at]
        if not block.live:
            del self._blocks[at], self._starts[at]
        elif block.live <= block.worn:
            self._blocks[at] = block = block.renewed()
            self._starts[at] = block.first_id

    def drop_first(self, count: int) -> None:
        """Remove the first `count` entries, or all. O(blocks), and O(entries of one)."""
        self.count -= min(count, self.count)
        whole = 0
        for block in self._blocks:
            if block.live > count:
                break
            count -= block.live
            whole += 1
        del self._blocks[:whole], self._starts[:whole]
        if not count:
            return
        if self._blocks:
            self._blocks[0].drop_first(count)
            self._tidy(0)
        else:
            self.tail.drop(0, count)

    # -- looking -----------------------------------------------------------------------------------

    def _block_at(self, entry_id: int) -> int:
        """The first block that may have this ID or a greater one; their number stands for what is open."""
        at = bisect_right(self._starts, entry_id) - 1
        if at < 0:
            return 0
        return at + 1 if self._blocks[at].last_id < entry_id else at

    def stretches(self, start: int, stop: int = MAX) -> Iterator[Stretch]:
        """The entries with IDs from `start` to `stop` inclusive, in order. Nothing may change meanwhile."""
        blocks = self._blocks
        for at in range(self._block_at(start), len(blocks)):
            block = blocks[at]
            if block.first_id > stop:
                return
            begin = block.find(start) if block.first_id < start else 0
            end = len(block.ends) if block.last_id <= stop else block.find(stop + 1)
            yield from block.stretches(begin, end)
        begin, end = self.tail.find(start), self.tail.find(stop + 1)
        if begin < end:
            yield Stretch(self.tail, begin, end)

    def first(self, start: int, stop: int, count: int) -> list[Stretch]:
        """The first `count` entries, at least one, with IDs from `start` to `stop` inclusive."""
        found: list[Stretch] = []
        blocks = self._blocks
        for at in range(self._block_at(start), len(blocks)):
            block = blocks[at]
            if block.first_id > stop:
                return found
            begin = block.find(start) if block.first_id < start else 0
            end = len(block.ends) if block.last_id <= stop else block.find(stop + 1)
            for stretch in block.stretches(begin, end):
                _, first, behind = stretch
                if behind - first >= count:
                    found.append(Stretch(block, first, first + count))
                    return found
                found.append(stretch)
                count -= behind - first
        tail = self.tail
        begin = tail.find(start)
        end = min(tail.find(stop + 1), begin + count)
        if begin < end:
            found.append(Stretch(tail, begin, end))
        return found

    def last(self, start: int, stop: int, count: int) -> list[bytes]:
        """The last `count` entries with IDs from `start` to `stop` inclusive, the last one first."""
        found: list[bytes] = []
        begin, end = self.tail.find(start), self.tail.find(stop + 1)
        if begin < end:
            found += Stretch(self.tail, max(begin, end - count), end).entries()[::-1]
        at = min(self._block_at(stop), len(self._blocks) - 1)
        while at >= 0 and len(found) < count and (block := self._blocks[at]).last_id >= start:
            begin = block.find(start) if block.first_id < start else 0
            end = len(block.ends) if block.last_id <= stop else block.find(stop + 1)
            for stretch in reversed(block.stretches(begin, end)):
                first = max(stretch.start, stretch.stop - (count - len(found)))
                found += stretch._replace(start=first).entries()[::-1]
            at -= 1
        return found

    def below(self, entry_id: int) -> int:
        """How many entries have a smaller ID. O(blocks)."""
        at = self._block_at(entry_id)
        count = sum([block.live for block in self._blocks[:at]]) + self.tail.find(entry_id)
        if at < len(self._blocks) and (block := self._blocks[at]).first_id < entry_id:
            count += sum([stop - start for _, start, stop in block.stretches(0, block.find(entry_id))])
        return count

    def walk(self) -> Iterator[Stretch]:
        """All entries, of which those that are folded stay so. Nothing may change meanwhile."""
        for block in self._blocks:
            opened = block.opened() if isinstance(block, FoldedBlock) else block
            yield from opened.stretches(0, len(opened.ends))
        if self.tail.ids:
            yield Stretch(self.tail, 0, len(self.tail))

    def folded(self) -> list[FoldedBlock]:
        """The blocks that are folded, and of which nothing was deleted. O(blocks)."""
        return [block for block in self._blocks if isinstance(block, FoldedBlock) and block.is_whole]

    def get(self, entry_id: int) -> bytes | None:
        """The entry with this ID, or None. O(log n)."""
        at = self._block_at(entry_id)
        if at < len(self._blocks):
            return self._blocks[at].get(entry_id)
        index = self.tail.find(entry_id)
        there = index < len(self.tail) and self.tail.ids[index] == entry_id
        return self.tail.entry(index) if there else None

    def first_id(self) -> int | None:
        """The smallest ID, or None if there is no entry. O(1)."""
        if self._blocks:
            return self._blocks[0].lowest()
        return self.tail.ids[0] if self.tail.ids else None

    def last_id(self) -> int | None:
        """The greatest ID, or None if there is no entry. O(1), and the deletions of a block."""
        if self.tail.ids:
            return self.tail.ids[-1]
        if not self._blocks:
            return None
        return self._blocks[-1].highest()

    # -- the whole ---------------------------------------------------------------------------------

    def memory_bytes(self, samples: int) -> int:
        """An estimate: all of some blocks, the average for the rest. O(samples), O(blocks) if that is 0."""
        blocks = self._blocks
        seen = spread(blocks, samples)
        sealed = sum(block.memory_bytes() for block in seen) * len(blocks) // len(seen) if seen else 0
        words = sum(map(len, self.tail.words))
        return 400 + sealed + self.tail.size + _OPEN_BYTES * len(self.tail) + _WORD_BYTES * words

    def parts(self) -> Structures:
        """What is large of a log that nobody uses any more."""
        return [self._blocks, self._starts]

    def copy(self) -> EntryLog:
        """An independent copy; the bytes of blocks are shared. O(blocks)."""
        twin = EntryLog()
        twin.count = self.count
        twin._blocks = [block.copy() for block in self._blocks]
        twin._starts, twin.tail = self._starts[:], self.tail.copy()
        return twin

    def check(self) -> None:
        """Assert the invariants."""
        before = -1
        count = 0
        assert self._starts == [block.first_id for block in self._blocks]
        for block in self._blocks:
            block.check(before)
            before = block.last_id
            count += block.live
        self.tail.check(before)
        assert self.count == count + len(self.tail)
