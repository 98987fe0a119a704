"""Blocks of entries: many of them in one bytes object, each as the reply that it will be.

A range is a slice of that. What is deleted leaves a mark; a block that is half dead is written anew.

Entries that are alike (the same fields, values of one length) consist for the most part of what stands
between their values. Where that is more than a third of a block, each such piece is replaced with a byte
that occurs nowhere else in it, and put back when the block is read: 20 ns a piece, so that entries of five
short fields take about what they take in Redis, a third of what they would.

IDs stand in the entries; beside them, in two or four bytes each, is what a search compares.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from respq.datatypes.entry_ids import SEQ_BITS, SEQ_MAX, Halves, show_id
from respq.protocol.columns import Column, Layout
from respq.protocol.resp import bulk_strings

Words = Sequence[bytes]  # fields and values by turns

_ID_AT: Final = 5  # an entry begins "*2\r\n$"; then the length of its ID
_TWO_DIGITS: Final = 10  # the shortest length of two digits
_BLOCK_BYTES: Final = 420  # of a block without its entries: objects, its places in two lists
_CODED_BYTES: Final = 4  # the shortest piece that is worth a byte of its own
_FEW_ENTRIES: Final = 8
_CODED_ENTRIES: Final = 16  # of a block that is worth it
_CODING: Final = 1.5  # how many times more a block takes whose pieces are not replaced, at least
_GONE: Final = 1  # the mark of an entry
_EVERY_BYTE: Final = bytes(range(256))
_TYPECODES: Final = ((1 << 16, "H"), (1 << 32, "I"), (1 << 64, "Q"))


def encode_entry(text: bytes, words: Words) -> bytes:
    """The reply that shows an entry."""
    return b"*2\r\n$%d\r\n%b\r\n*%d\r\n%b" % (len(text), text, len(words), bulk_strings(words))


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


class Table:
    """Entries that are about to be sealed, turned on their side if all have one number of words."""

    __slots__ = ("_entries", "columns", "halves", "ids", "texts")

    def __init__(
        self,
        ids: Sequence[int],
        texts: Column,
        columns: Sequence[Column],
        entries: Sequence[Words] | None = None,
    ) -> None:
        self.ids = ids
        self.halves = Halves.of(ids)
        self.texts = texts  # of the IDs
        self.columns = columns  # none: the entries are not alike
        self._entries = entries

    @classmethod
    def of(cls, ids: Sequence[int], texts: Sequence[bytes], entries: Sequence[Words]) -> Table:
        """A table of entries as they came. Of a few, columns are not worth it: they may have 10,000 words."""
        count = len(entries)
        even = count >= _FEW_ENTRIES and list(map(len, entries)).count(len(entries[0])) == count
        columns = list(map(Column, zip(*entries, strict=True))) if even else []
        return cls(ids, Column(texts), columns, entries)

    @property
    def entries(self) -> Sequence[Words]:
        """The words of each entry."""
        if self._entries is None:
            self._entries = list(zip(*[column.words for column in self.columns], strict=True))
        return self._entries

    def size(self) -> int:
        """Bytes of all words of entries that are alike."""
        return sum([column.size() for column in self.columns])

    def fields(self) -> list[bytes]:
        """The fields that all entries have, if they have the same."""
        fields = [column.words[0] for column in self.columns[::2] if column.constant]
        return fields if 2 * len(fields) == len(self.columns) else []


class Stretch(NamedTuple):
    """Neighbouring entries, from index `start` to `stop` (exclusive), none of them deleted."""

    block: Block | Tail
    start: int
    stop: int

    def replies(self) -> bytes:
        """All of them, one behind the other."""
        return self.block.replies(self.start, self.stop)

    def entries(self) -> list[bytes]:
        """Them one by one."""
        return [self.block.entry(index) for index in range(self.start, self.stop)]

    def ids(self) -> list[bytes]:
        """The texts of their IDs."""
        return self.block.id_texts(self.start, self.stop)


class Tail:
    """Entries that are not sealed yet, as they came."""

    __slots__ = ("ids", "size", "texts", "words")

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.texts: list[bytes] = []
        self.words: list[Words] = []
        self.size = 0  # bytes of the words, about

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, entry_id: int) -> bool:
        at = bisect_left(self.ids, entry_id)
        return at < len(self.ids) and self.ids[at] == entry_id

    def replies(self, start: int, stop: int) -> bytes:
        """See `Stretch`."""
        return b"".join(map(encode_entry, self.texts[start:stop], self.words[start:stop]))

    def entry(self, index: int) -> bytes:
        """One entry."""
        return encode_entry(self.texts[index], self.words[index])

    def id_texts(self, start: int, stop: int) -> list[bytes]:
        """See `Stretch`."""
        return self.texts[start:stop]

    def id_at(self, index: int) -> int:
        """The ID of one entry."""
        return self.ids[index]

    def find(self, entry_id: int) -> int:
        """The index of the first entry whose ID is not less. O(log n)."""
        return bisect_left(self.ids, entry_id)

    def delete(self, entry_id: int) -> bool:
        """Take an entry out; tell whether it was there."""
        index = bisect_left(self.ids, entry_id)
        if index == len(self.ids) or self.ids[index] != entry_id:
            return False
        self.drop(index, index + 1)
        return True

    def drop(self, start: int, stop: int) -> None:
        """Take entries out."""
        self.size -= sum([sum(map(len, words)) for words in self.words[start:stop]])
        del self.ids[start:stop], self.texts[start:stop], self.words[start:stop]

    def table(self, start: int, stop: int) -> Table:
        """Some entries, to be sealed."""
        return Table.of(self.ids[start:stop], self.texts[start:stop], self.words[start:stop])

    def copy(self) -> Tail:
        """An independent copy."""
        twin = Tail()
        twin.ids, twin.texts, twin.words = self.ids[:], self.texts[:], self.words[:]
        twin.size = self.size
        return twin

    def check(self, before: int) -> None:
        """Assert the invariants; all IDs are greater than `before`."""
        numbers = [before, *self.ids]
        assert numbers == sorted(set(numbers))
        assert self.texts == list(map(show_id, self.ids))
        assert len(self.words) == len(self.ids)
        assert self.size == sum(sum(map(len, words)) for words in self.words)


class _Keys:
    """The IDs of a block as small numbers in the same order."""

    __slots__ = ("_base", "_numbers", "_shift")

    def __init__(self, halves: Halves) -> None:
        self._numbers: Sequence[int]
        ms, seq = halves.ms, halves.seq
        first = ms[0]
        if first == ms[-1]:  # of one millisecond
            self._base, self._shift = first << SEQ_BITS | seq[0], SEQ_BITS
            ones = seq[-1] - seq[0] == len(seq) - 1
            self._numbers = range(len(seq)) if ones else _packed([number - seq[0] for number in seq])
            return
        self._numbers = _packed(halves.numbers)
        self._base, self._shift = first << SEQ_BITS, halves.shift

    def id_at(self, index: int) -> int:
        """The ID of one entry, be it gone."""
        number, shift = self._numbers[index], self._shift
        return self._base + (number >> shift << SEQ_BITS) + (number & (1 << shift) - 1)

    def find(self, entry_id: int) -> int:
        """The index of the first entry whose ID is not less. O(log n)."""
        distance = entry_id - self._base
        if distance < 0:
            return 0
        ms, seq = distance >> SEQ_BITS, distance & SEQ_MAX
        beyond = seq >> self._shift  # greater than any sequence number here
        return bisect_left(self._numbers, (ms + 1) << self._shift if beyond else ms << self._shift | seq)


def _packed(numbers: list[int]) -> Sequence[int]:
    """Ascending numbers in little room."""
    for bound, typecode in _TYPECODES:
        if numbers[-1] < bound:
            return array(typecode, numbers)
    return numbers


class Encoded(NamedTuple):
    """Entries in one bytes object."""

    data: bytes
    ends: Sequence[int]
    codes: tuple[tuple[bytes, bytes], ...] = ()  # a byte, and what it stands for
    id_bytes: int = 0  # length of an ID; 0: they differ
    id_at: int = 0  # where the ID begins in an entry; 0: not in all at the same place
    id_end: bytes = b"\r"  # the byte behind an ID


def _encode(table: Table) -> Encoded:
    """Encode entries, with codes if that pays."""
    even = table.texts.length >= 0
    shortest = table.texts.length if even else min(table.texts.lengths)
    id_bytes = shortest if even else 0
    head = len(b"%d\r\n" % shortest)  # what stands before an ID and belongs to it
    id_at = _ID_AT + head if even or shortest >= _TWO_DIGITS else 0
    if not table.columns:
        entries = list(map(encode_entry, table.texts.words, table.entries))
        return Encoded(b"".join(entries), _ends(list(map(len, entries))), (), id_bytes, id_at)
    count = len(table.ids)
    layout = _layout(table)
    size = layout.fixed * count + sum(map(sum, layout.uneven))
    saved = sum([len(text) - 1 for text in layout.constants if len(text) >= _CODED_BYTES])  # of an entry
    saved -= len(table.texts.prefix)  # of the ID, which is no constant then
    paying = count >= _CODED_ENTRIES and saved * count * _CODING > size * (_CODING - 1)
    if not (id_at and paying):
        return Encoded(layout.join(count), _ends_of(layout, count), (), id_bytes, id_at)
    if table.texts.prefix:
        layout = _layout(table, whole=True)
    codes = _codes(layout)
    if not codes:
        return Encoded(layout.join(count), _ends_of(layout, count), (), id_bytes, id_at)
    constants = [codes.get(constant, constant) for constant in layout.constants]
    layout.fixed -= saved
    data, ends = layout.join(count, constants), _ends_of(layout, count)
    expansions = tuple((code, text) for text, code in codes.items())
    if even:
        return Encoded(data, ends, expansions, id_bytes, 1, constants[1])
    return Encoded(data, ends, expansions, id_bytes, 1 + head, constants[2])


def _layout(table: Table, *, whole: bool = False) -> Layout:
    """Entries that are alike. `whole`: no part of an ID is a constant."""
    layout = Layout()
    layout.add_text(b"*2\r\n")
    layout.add_column(table.texts, whole=whole)
    layout.add_text(b"*%d\r\n" % len(table.columns))
    for column in table.columns:
        layout.add_column(column)
    return layout


def _ends_of(layout: Layout, count: int) -> Sequence[int]:
    """Where `count` texts end that stand one behind the other."""
    if layout.uneven:
        return _ends(layout.sizes(count))
    return range(layout.fixed, layout.fixed * count + 1, layout.fixed)


def _ends(sizes: list[int]) -> Sequence[int]:
    return _packed(list(accumulate(sizes)))


def _codes(layout: Layout) -> dict[bytes, bytes]:
    """A byte for each long constant; nothing if there are not enough that occur nowhere."""
    used = b"".join([*layout.constants, *[b"".join(column) for column in layout.columns]])
    unused = _EVERY_BYTE.translate(None, used)
    pieces = {text for text in layout.constants if len(text) >= _CODED_BYTES}
    if len(pieces) > len(unused):
        return {}
    return {text: unused[at : at + 1] for at, text in enumerate(pieces)}


def _memory_bytes(numbers: Sequence[int]) -> int:
    """Of what `_packed` makes, and of ranges."""
    if isinstance(numbers, range):
        return 100
    return getattr(numbers, "itemsize", 60) * len(numbers)


class NodeReader(NamedTuple):
    """Who can read nodes that stand one behind the other."""

    unfold: Callable[[bytes], Table]  # the entries of nodes
    find: Callable[[bytes, int], Words | None]  # what stands in them under an ID


class Block(_Keys):
    """Sealed entries. Only the marks of what is gone from it change.

    It is its own keys, and the marks are one bytearray: what a deletion somewhere in a long stream costs is
    for the most part the memory that it has to look at.
    """

    __slots__ = (
        "_codes", "_data", "_dead", "_id_at", "_id_bytes", "_id_end", "ends", "first_id", "folded", "head",
        "last_id", "live", "worn",
    )  # fmt: skip
    folded: tuple[bytes, NodeReader, int, tuple[int, ...]]  # see `folded_blocks`

    def __init__(self, table: Table) -> None:
        super().__init__(table.halves)
        encoded = _encode(table)
        self._data, self.ends, self._codes, self._id_bytes, self._id_at, self._id_end = encoded
        self.first_id, self.last_id = table.ids[0], table.ids[-1]  # they may be gone
        self.head = 0  # index of the first entry that is not gone
        self.live = len(table.ids)
        self.worn = self.live // 2  # when so few are live it is worth to be written anew
        # A byte for each entry, _GONE or 0; before the head they do not count.
        self._dead: bytearray | None = None

    # -- reading -----------------------------------------------------------------------------------

    def _begin(self, index: int) -> int:
        return self.ends[index - 1] if index else 0

    def replies(self, start: int, stop: int) -> bytes:
        """See `Stretch`."""
        data = self._data[self.ends[start - 1] if start else 0 : self.ends[stop - 1]]
        for code, text in self._codes:
            data = data.replace(code, text)
        return data

    def entry(self, index: int) -> bytes:
        """One entry."""
        return self.replies(index, index + 1)

    def get(self, entry_id: int) -> bytes | None:
        """The entry with this ID, or None. O(log n)."""
        index = self.find(entry_id)
        if index == len(self.ends) or self.id_at(index) != entry_id or self.is_dead(index):
            return None
        return self.entry(index)

    def id_texts(self, start: int, stop: int) -> list[bytes]:
        """See `Stretch`."""
        data, offset, length = self._data, self._id_at, self._id_bytes
        if not offset:
            return [id_text(self.entry(index)) for index in range(start, stop)]
        begins = [self._begin(start) + offset]
        begins += [end + offset for end in self.ends[start : stop - 1]]
        if length:
            return [data[begin : begin + length] for begin in begins]
        find, end = data.index, self._id_end
        return [data[begin : find(end, begin)] for begin in begins]

    def is_dead(self, index: int) -> bool:
        """Whether an entry is gone."""
        return index < self.head or (self._dead is not None and self._dead[index] == _GONE)

    def lowest(self) -> int:
        """The ID of the first entry that is not gone."""
        return self.id_at(self.head)

    def highest(self) -> int:
        """The ID of the last entry that is not gone."""
        return self.id_at(len(self.ends) - 1 if self._dead is None else self._dead.rfind(0))

    def stretches(self, start: int, stop: int) -> list[Stretch]:
        """What is not gone, from index `start` to `stop` (exclusive), in order."""
        start, dead = max(start, self.head), self._dead
        if dead is None:
            return [Stretch(self, start, stop)] if start < stop else []
        found = []
        while (start := dead.find(0, start, stop)) >= 0:
            end = dead.find(_GONE, start, stop)
            if end < 0:
                end = stop
            found.append(Stretch(self, start, end))
            start = end
        return found

    # -- deleting ----------------------------------------------------------------------------------

    def delete(self, entry_id: int) -> bool:
        """Mark an entry as gone; tell whether it was there. O(log n)."""
        distance = entry_id - self._base
        if distance < 0:
            return False
        numbers, shift, seq = self._numbers, self._shift, distance & SEQ_MAX
        number = distance >> SEQ_BITS << shift | seq
        index, head, dead = bisect_left(numbers, number), self.head, self._dead
        if index < head or index == len(numbers) or numbers[index] != number or seq >> shift:
            return False
        if index == head:
            self.live -= 1
            self._move_head()
            return True
        if dead is None:
            self._dead = dead = bytearray(len(numbers))
        elif dead[index]:
            return False
        dead[index] = _GONE
        self.live -= 1
        return True

    def drop_first(self, count: int) -> None:
        """Mark the first `count` entries that are not gone, of more than so many."""
        self.live -= count
        for _ in range(count):
            self._move_head()

    def _move_head(self) -> None:
        """The first entry is gone; find the next one that is not."""
        following = self.head + 1
        self.head = following if self._dead is None else self._dead.find(0, following)

    def renewed(self) -> Block:
        """A block of what is not gone."""
        count = len(self.ends)
        stretches = self.stretches(0, count)
        kept = [index for stretch in stretches for index in range(stretch.start, stretch.stop)]
        data, borders = self._data, [0, *self.ends]
        twin = self._like()
        twin._data = b"".join([data[borders[start] : borders[stop]] for _, start, stop in stretches])
        twin.ends = _ends([borders[index + 1] - borders[index] for index in kept])
        numbers = self._numbers
        twin._numbers = _packed([numbers[index] for index in kept])
        twin.first_id, twin.last_id = twin.id_at(0), twin.id_at(len(kept) - 1)
        twin.head, twin.live, twin.worn, twin._dead = 0, len(kept), len(kept) // 2, None
        return twin

    # -- the whole ---------------------------------------------------------------------------------

    def _like(self) -> Block:
        """A block without entries, encoded alike."""
        twin = Block.__new__(Block)
        twin._base, twin._shift = self._base, self._shift
        twin._codes, twin._id_at = self._codes, self._id_at
        twin._id_end, twin._id_bytes = self._id_end, self._id_bytes
        return twin

    def copy(self) -> Block:
        """An independent copy, which shares the bytes."""
        twin = self._like()
        twin._data, twin.ends, twin._numbers = self._data, self.ends, self._numbers
        twin.first_id, twin.last_id = self.first_id, self.last_id
        twin.head, twin.live, twin.worn = self.head, self.live, self.worn
        twin._dead = self._dead and self._dead[:]
        return twin

    def memory_bytes(self) -> int:
        """An estimate."""
        entries = len(self._data) + _memory_bytes(self.ends) + _memory_bytes(self._numbers)
        entries += len(self._dead or b"")
        return _BLOCK_BYTES + entries + sum(len(text) + 120 for _, text in self._codes)

    def check(self, before: int) -> None:
        """Assert the invariants; all IDs are greater than `before`."""
        count = len(self.ends)
        numbers = [before, *map(self.id_at, range(count))]
        assert numbers == sorted(set(numbers))
        assert (self.first_id, self.last_id) == (numbers[1], numbers[-1])
        assert [self.find(number) for number in numbers[1:]] == list(range(count))
        assert self.ends[-1] == len(self._data)
        dead = bytes(count) if self._dead is None else self._dead
        assert len(dead) == count
        assert not dead[self.head]
        assert 0 < self.live == dead.count(0, self.head)
        texts = [id_text(self.entry(index)) for index in range(count)]
        assert texts == list(map(show_id, numbers[1:])) == self.id_texts(0, count)
