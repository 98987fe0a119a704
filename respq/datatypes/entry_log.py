"""The log of a stream: entries in the order of their IDs, each kept as the reply that it will be.

New entries are plain Python objects. When there are enough of them they are sealed: one bytes object that
holds them back to back, with an array of their ends. A range is a few slices of that, whatever its
length; IDs are read out of the bytes when they are asked for, and the first and last of a block are at hand.

The head moves by an index. What is deleted elsewhere leaves a tombstone in its block, and a block that is
half dead is written anew; so no deletion costs more than its share of a block.

Cost, for entries of two fields: append 0.3 µs and 0.1 for sealing; a range 0.05 per entry; finding an ID 3.
Memory: the reply and two or four bytes.

Rejected: IDs in an array beside the entries (16 bytes each, to save 2 µs where an ID is looked for); fields
in Redis's compressed form (every read would have to encode them again, ten times a range's cost).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate, islice
from typing import Final, NamedTuple

from respq.datatypes.entry_ids import MAX, SEQ_BITS

_SEALED_ENTRIES: Final = 128
_SEALED_BYTES: Final = 1 << 14
_ID_AT: Final = 5  # an entry begins "*2\r\n$"; then the length of its ID
_BLOCK_BYTES: Final = 330  # of a block without its entries: objects, IDs, its places in two lists
_ENTRY_BYTES: Final = 33 + 8 + 60  # of an open entry without its bytes: object, place, ID


class Stretch(NamedTuple):
    """Neighbouring entries of a block, from index `start` to `stop` (exclusive), none of them deleted."""

    block: Block
    start: int
    stop: int

    def replies(self) -> bytes:
        """All of them, one behind the other."""
        return self.block.data[self.block.begin(self.start) : self.block.ends[self.stop - 1]]

    def entries(self) -> list[bytes]:
        """Them one by one."""
        return [self.block.entry(index) for index in range(self.start, self.stop)]

    def ids(self) -> list[bytes]:
        """The texts of their IDs."""
        return self.block.ids(self.start, self.stop)


def id_text(entry: bytes) -> bytes:
    """The ID that stands in an entry."""
    begin = entry.index(b"\n", _ID_AT) + 1
    return entry[begin : begin + int(entry[_ID_AT : begin - 2])]


def words_of(entry: bytes) -> list[bytes]:
    """The fields and values of an entry, by turns."""
    lines = entry.split(b"\r\n")  # "*2", the ID's length, the ID, the number of words, a length, a word, …
    count = int(lines[3][1:])
    words = lines[5::2]
    if len(words) == count and list(map(len, words)) == [int(line[1:]) for line in lines[4:-1:2]]:
        return words
    return _long_way(entry, count)


def _long_way(entry: bytes, count: int) -> list[bytes]:
    """`words_of` an entry with line ends in its words."""
    at = entry.index(b"\n", entry.index(b"*", _ID_AT)) + 1
    words = []
    for _ in range(count):
        begin = entry.index(b"\n", at) + 1
        end = begin + int(entry[at + 1 : begin - 2])
        words.append(entry[begin:end])
        at = end + 2
    return words


def _number(text: bytes) -> int:
    """The ID that is spelled canonically."""
    ms, _, seq = text.partition(b"-")
    return int(ms) << SEQ_BITS | int(seq)


class Block:
    """Sealed entries. Only the marks of what is gone from it change."""

    __slots__ = ("_dead", "_id_bytes", "data", "ends", "first_id", "head", "last_id", "live")

    def __init__(self, entries: list[bytes], texts: list[bytes]) -> None:
        self.data = b"".join(entries)
        self.ends = array("H" if len(self.data) < 1 << 16 else "Q", accumulate(map(len, entries)))
        self.first_id, self.last_id = _number(texts[0]), _number(texts[-1])  # the last may be gone
        self.head = 0  # index of the first entry that is not gone
        self.live = len(entries)
        self._dead: set[int] = set()  # indexes behind the head
        lengths = list(map(len, texts))
        self._id_bytes = lengths[0] if lengths.count(lengths[0]) == len(lengths) else 0  # 0: they differ

    def begin(self, index: int) -> int:
        """Where an entry begins."""
        return self.ends[index - 1] if index else 0

    def entry(self, index: int) -> bytes:
        """One entry."""
        return self.data[self.begin(index) : self.ends[index]]

    def id_at(self, index: int) -> int:
        """The ID of one entry."""
        begin = self.data.index(b"\n", self.begin(index) + _ID_AT) + 1
        return _number(self.data[begin : self.data.index(b"\r", begin)])

    def ids(self, start: int, stop: int) -> list[bytes]:
        """The texts of the IDs of neighbouring entries."""
        data, length = self.data, self._id_bytes
        if not length:
            return [id_text(self.entry(index)) for index in range(start, stop)]
        offset = _ID_AT + len(b"%d\r\n" % length)
        begins = [self.begin(start) + offset]
        begins += [end + offset for end in self.ends[start : stop - 1]]
        return [data[begin : begin + length] for begin in begins]

    def find(self, entry_id: int) -> int:
        """The index of the first entry whose ID is not less. O(log n)."""
        return bisect_left(range(len(self.ends)), entry_id, key=self.id_at)

    def is_dead(self, index: int) -> bool:
        """Whether an entry is gone."""
        return index < self.head or index in self._dead

    def stretches(self, start: int, stop: int) -> Iterator[Stretch]:
        """What is not gone, from index `start` to `stop` (exclusive), in order."""
        start = max(start, self.head)
        for dead in sorted(self._dead):
            if dead >= stop:
                break
            if dead >= start:
                if dead > start:
                    yield Stretch(self, start, dead)
                start = dead + 1
        if start < stop:
            yield Stretch(self, start, stop)

    def bury(self, index: int) -> None:
        """Mark one entry as gone."""
        self.live -= 1
        self._dead.add(index)
        self._move_head()

    def drop_first(self, count: int) -> None:
        """Mark the first `count` entries that are not gone."""
        self.live -= count
        for _ in range(count):
            self.head += 1
            self._move_head()

    def _move_head(self) -> None:
        while self.head in self._dead:
            self._dead.discard(self.head)
            self.head += 1

    @property
    def half_dead(self) -> bool:
        """Whether it is worth to be written anew."""
        return self.live * 2 <= len(self.ends)

    def renewed(self) -> Block:
        """A block of what is not gone."""
        entries, texts = [], []
        for stretch in self.stretches(0, len(self.ends)):
            entries += stretch.entries()
            texts += stretch.ids()
        return Block(entries, texts)

    def copy(self) -> Block:
        """An independent copy, which shares the bytes."""
        twin = Block.__new__(Block)
        twin.data, twin.ends, twin._id_bytes = self.data, self.ends, self._id_bytes
        twin.first_id, twin.last_id = self.first_id, self.last_id
        twin.head, twin.live, twin._dead = self.head, self.live, self._dead.copy()
        return twin

    def memory_bytes(self) -> int:
        """An estimate."""
        return _BLOCK_BYTES + len(self.data) + self.ends.itemsize * len(self.ends)

    def check(self, before: int) -> None:
        """Assert the invariants; all IDs are greater than `before`."""
        numbers = [before, *(self.id_at(index) for index in range(len(self.ends)))]
        assert numbers == sorted(set(numbers))
        assert (self.first_id, self.last_id) == (numbers[1], numbers[-1])
        assert self.ends[-1] == len(self.data)
        assert 0 < self.live == len(self.ends) - self.head - len(self._dead)
        assert all(self.head < index < len(self.ends) for index in self._dead)
        texts = [id_text(self.entry(index)) for index in range(len(self.ends))]
        assert self.ids(0, len(self.ends)) == texts


class EntryLog:
    """Entries by ID. What is appended has a greater ID than anything before."""

    __slots__ = ("_blocks", "_entries", "_open_bytes", "_starts", "_texts", "count")

    def __init__(self) -> None:
        self.count = 0  # entries
        self._blocks: list[Block] = []
        self._starts: list[int] = []  # the first ID of each, deleted or not
        self._entries: list[bytes] = []  # not sealed yet
        self._texts: list[bytes] = []  # their IDs
        self._open_bytes = 0

    # -- changing ----------------------------------------------------------------------------------

    def append(self, text: bytes, entry: bytes) -> None:
        """Add an entry under the ID that `text` spells. O(1) amortised."""
        self._texts.append(text)
        self._entries.append(entry)
        self.count += 1
        self._open_bytes += len(entry)
        if self._open_bytes >= _SEALED_BYTES or len(self._entries) >= _SEALED_ENTRIES:
            self._seal()

    def _seal(self) -> None:
        block = Block(self._entries, self._texts)
        self._blocks.append(block)
        self._starts.append(block.first_id)
        self._entries, self._texts, self._open_bytes = [], [], 0

    def delete(self, entry_id: int) -> bool:
        """Remove an entry; tell whether it was there. O(log n), and its share of a block."""
        at = self._block_at(entry_id)
        if at < len(self._blocks):
            block = self._blocks[at]
            index = block.find(entry_id)
            if block.id_at(index) != entry_id or block.is_dead(index):
                return False
            block.bury(index)
            self._tidy(at)
        else:
            index = self._open_index(entry_id)
            if index == len(self._texts) or _number(self._texts[index]) != entry_id:
                return False
            self._open_bytes -= len(self._entries[index])
            del self._texts[index], self._entries[index]
        self.count -= 1
        return True

    def _tidy(self, at: int) -> None:
        """Drop a block that is empty, renew one that is half dead."""
        block = self._blocks[at]
        if not block.live:
            del self._blocks[at], self._starts[at]
        elif block.half_dead:
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
            self._open_bytes -= sum(map(len, self._entries[:count]))
            del self._entries[:count], self._texts[:count]

    # -- looking -----------------------------------------------------------------------------------

    def _block_at(self, entry_id: int) -> int:
        """The first block that may have this ID or a greater one; their number stands for what is open."""
        at = bisect_right(self._starts, entry_id) - 1
        if at < 0:
            return 0
        return at + 1 if self._blocks[at].last_id < entry_id else at

    def _open_index(self, entry_id: int) -> int:
        return bisect_left(self._texts, entry_id, key=_number)

    def stretches(self, start: int, stop: int = MAX) -> Iterator[Stretch]:
        """The entries with IDs from `start` to `stop` inclusive, in order. Nothing may change meanwhile."""
        at = self._block_at(start)
        for block in islice(self._blocks, at, None):
            if block.first_id > stop:
                return
            begin = block.find(start) if block.first_id < start else 0
            end = len(block.ends) if block.last_id <= stop else block.find(stop + 1)
            yield from block.stretches(begin, end)
        if self._texts:
            begin, end = self._open_index(start), self._open_index(stop + 1)
            if begin < end:
                yield Stretch(Block(self._entries[begin:end], self._texts[begin:end]), 0, end - begin)

    def first(self, start: int, stop: int, count: int) -> list[Stretch]:
        """The first `count` entries with IDs from `start` to `stop` inclusive."""
        found = []
        for stretch in self.stretches(start, stop):
            size = stretch.stop - stretch.start
            if size >= count:
                found.append(stretch._replace(stop=stretch.start + count))
                break
            found.append(stretch)
            count -= size
        return found if count else []

    def last(self, start: int, stop: int, count: int) -> list[bytes]:
        """The last `count` entries with IDs from `start` to `stop` inclusive, the last one first."""
        found: list[bytes] = []
        if self._texts:
            begin, end = self._open_index(start), self._open_index(stop + 1)
            found += self._entries[max(begin, end - count) : end][::-1]
        at = min(self._block_at(stop), len(self._blocks) - 1)
        while at >= 0 and len(found) < count and (block := self._blocks[at]).last_id >= start:
            begin = block.find(start) if block.first_id < start else 0
            end = len(block.ends) if block.last_id <= stop else block.find(stop + 1)
            entries = [entry for stretch in block.stretches(begin, end) for entry in stretch.entries()]
            found += entries[-(count - len(found)) :][::-1]
            at -= 1
        return found

    def get(self, entry_id: int) -> bytes | None:
        """The entry with this ID, or None. O(log n)."""
        for stretch in self.stretches(entry_id, entry_id):
            return stretch.block.entry(stretch.start)
        return None

    def first_id(self) -> int | None:
        """The smallest ID, or None if there is no entry."""
        if self._blocks:
            block = self._blocks[0]
            return block.id_at(block.head)
        return _number(self._texts[0]) if self._texts else None

    def last_id(self) -> int | None:
        """The greatest ID, or None if there is no entry."""
        entries = self.last(0, MAX, 1)
        return _number(id_text(entries[0])) if entries else None

    # -- the whole ---------------------------------------------------------------------------------

    def memory_bytes(self) -> int:
        """An estimate: all of some blocks, the average for the rest. O(1)."""
        blocks = self._blocks
        seen = blocks[:: max(1, len(blocks) // 8)]
        sealed = sum(block.memory_bytes() for block in seen) * len(blocks) // len(seen) if seen else 0
        return 200 + sealed + self._open_bytes + _ENTRY_BYTES * len(self._entries)

    def copy(self) -> EntryLog:
        """An independent copy; the bytes of blocks are shared. O(blocks)."""
        twin = EntryLog()
        twin.count = self.count
        twin._blocks = [block.copy() for block in self._blocks]
        twin._starts = self._starts[:]
        twin._entries, twin._texts = self._entries[:], self._texts[:]
        twin._open_bytes = self._open_bytes
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
        assert [id_text(entry) for entry in self._entries] == self._texts
        numbers = [before, *map(_number, self._texts)]
        assert numbers == sorted(set(numbers))
        assert self._open_bytes == sum(map(len, self._entries))
        assert self.count == count + len(self._texts)
