"""How a list is stored: a queue whose ends are plain Python and whose middle is packed.

A short list is one deque. A longer one is a chain: a deque at either end and packed chunks between
them (see `chunks`). An end that has grown gives its inner part to the middle, an end that ran dry
takes a chunk back whole; so an operation on an end costs a deque operation and, once per chunk, the
packing of a chunk. Everything else (`lists`) walks chunks from the nearer end and rewrites only the
chunks that it changes.

The chain is also Redis's quicklist, node for node, because OBJECT ENCODING tells when there is only
one node left. Nodes are worked out late: what was pushed onto one end, one element after the other,
falls into the same nodes whenever it is cut. So each end holds at least one node, its inner edge is
the edge of a node, and it is cut only when it spills, or when the other end has run dry.

A list is in one of four states, told apart by `_low`:

    _LISTPACK  head is tail      `_slack` bytes may come before it must be measured; pops cost nothing
    _COUNTED   head is tail      a listpack near its limit, which would be measured too often: its
                                 `_size` is exact
    _SINGLE    head is tail      a quicklist of one node; rare; its `_size` is exact
    _CHAIN     head is not tail  a quicklist of several nodes; pushes and pops do no arithmetic at all.
                                 From there to _SINGLE: the same, but pops that reach into the known
                                 inner nodes of the ends keep these extents exact, until an end is
                                 packed or taken from the middle. After edits, and while a queue
                                 swings between one node and two

Where the nodes of a chain end is not quite exact after one case: a node that had become larger than
Redis would fill it (by LSET, or as a listpack), came to stand at an end, was popped from and pushed
onto again. To know better, every push would have to look at the whole node.

Rejected: one deque (twice Redis's memory), packing the ends too (a queue would pack and unpack each
message), the size kept at each push and pop (60 ns of 150). The transitions are those observed on
redis-server 8.2.3.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice, repeat
from typing import ClassVar, Final

from respq.datatypes.chunks import (
    ENTRY_BYTES,
    HEADER_BYTES,
    Chunk,
    Node,
    cut,
    entries_bytes,
    entry_bytes,
    fill_of,
    listpack_bytes,
)
from respq.datatypes.nodes import Nodes
from respq.datatypes.value import Limits, Value

_SPILL: Final = 256  # elements of an end before it is packed
_INTEGER_BYTES: Final = 10  # at most, that an integer takes less in a listpack than as text
_COUNTED_SHARE: Final = 4  # a listpack with room for less than this part of its size is counted
# States. A pop that leaves no more than this in its deque calls for attention.
_LISTPACK: Final = -1
_CHAIN: Final = 0
_SINGLE: Final = 1 << 61
_COUNTED: Final = 1 << 62
_NO_NODES: Final = Nodes(fill_of(0))  # shared by all lists that are one deque; never changed


class Quicklist(Value):
    """How a list is stored: what is pushed and popped, and the states between. `count` is its length."""

    __slots__ = (
        "_fill",  # quicklist: how much one of its nodes takes, fixed when it becomes one
        "_head",
        "_head_known",  # chain: elements and bytes of the head's inner node when it got there
        "_low",  # the state
        "_middle",
        "_size",  # counted listpack, single node: its bytes
        "_slack",  # listpack: bytes that may come before the limit can be reached; else negative
        "_spill",  # chain: an end with more elements than this is packed
        "_tail",
        "_tail_known",
        "count",
    )
    directives: ClassVar[tuple[str, ...]] = ("list-max-listpack-size",)
    max_listpack_size: ClassVar[int] = -2  # the directive; use set_max_listpack_size
    _first_slack: ClassVar[int]

    def __init__(self) -> None:
        # Queues that run empty between two messages do this for every message: only what a
        # listpack needs, and no call of a method.
        self.expires_ms = 0
        self.slot = -1
        self.count = 0
        self._head = self._tail = deque[bytes]()
        self._middle = _NO_NODES
        self._low = _LISTPACK
        self._slack = self._first_slack

    @classmethod
    def limit(cls, limits: Limits) -> None:
        """Apply `list-max-listpack-size`."""
        cls.set_max_listpack_size(limits.list_max_listpack_size)

    @classmethod
    def set_max_listpack_size(cls, directive: int) -> None:
        """Set `list-max-listpack-size` for all lists, in effect for what is pushed from then on."""
        cls.max_listpack_size = directive
        cls._first_slack = fill_of(directive).slack(HEADER_BYTES, 0)

    # -- the ends ----------------------------------------------------------------------------------

    def push_left(self, elements: Sequence[bytes], apart: bool = False) -> int:
        """Prepend one after the other, so that the last comes to stand first. Returns the length.

        `apart`: each stands for a command of its own, which matters only to the encoding.
        """
        head = self._head
        head.extendleft(elements)
        self.count = count = self.count + len(elements)
        if head is self._tail:
            self._slack -= (
                len(elements[0]) + ENTRY_BYTES
                if len(elements) == 1
                else sum(map(len, elements)) + ENTRY_BYTES * len(elements)
            )
            if self._slack < 0:
                self._grow(elements, True, apart)
        elif len(head) > self._spill:
            self._spill_end(True)
        return count

    def push_right(self, elements: Sequence[bytes], apart: bool = False) -> int:
        """Append the elements; else as `push_left`."""
        tail = self._tail
        tail.extend(elements)
        self.count = count = self.count + len(elements)
        if tail is self._head:
            self._slack -= (
                len(elements[0]) + ENTRY_BYTES
                if len(elements) == 1
                else sum(map(len, elements)) + ENTRY_BYTES * len(elements)
            )
            if self._slack < 0:
                self._grow(elements, False, apart)
        elif len(tail) > self._spill:
            self._spill_end(False)
        return count

    def pop_left(self) -> bytes:
        """Take the first element off. IndexError if there is none."""
        head = self._head
        element = head.popleft()
        self.count -= 1
        if len(head) <= self._low:
            self._lowered(element, True)
            self._shrink()
        return element

    def pop_right(self) -> bytes:
        """Take the last element off. IndexError if there is none."""
        tail = self._tail
        element = tail.pop()
        self.count -= 1
        if len(tail) <= self._low:
            self._lowered(element, False)
            self._shrink()
        return element

    def take_left(self, count: int) -> list[bytes]:
        """Take up to `count` elements off the head, first one first."""
        if count >= self.count:
            return self._take_all()
        taken: list[bytes] = []
        while (left := count - len(taken)) >= len(head := self._head):
            taken += head
            self._drop_end(True, left - len(head), taken)
        popleft = head.popleft
        taken += [popleft() for _ in repeat(None, left)]
        self._dropped(taken, left)
        return taken

    def take_right(self, count: int) -> list[bytes]:
        """Take up to `count` elements off the tail, last one first."""
        if count >= self.count:
            return self._take_all()[::-1]
        taken: list[bytes] = []
        while (left := count - len(taken)) >= len(tail := self._tail):
            taken += reversed(tail)
            self._drop_end(False, left - len(tail), taken)
        pop = tail.pop
        taken += [pop() for _ in repeat(None, left)]
        self._dropped(taken, left)
        return taken

    def rotate(self, from_left: bool, to_left: bool) -> bytes:
        """Move an element from one end to one end, as LMOVE on one key. Returns it."""
        end = self._head if from_left else self._tail
        element = end.popleft() if from_left else end.pop()
        self.count -= 1
        if len(end) <= self._low:
            self._lowered(element, from_left)
        if to_left:
            self.push_left((element,))
        else:
            self.push_right((element,))
        self._shrink()
        return element

    def trim(self, start: int, stop: int) -> None:
        """Keep the elements from `start` to `stop`, both inclusive and not negative."""
        count = self.count
        if start > stop or start >= count:
            self._clear()
            return
        self._drop(start, True)
        self._drop(max(0, count - 1 - stop), False)
        self._shrink()

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[bytes]:
        if self._head is self._tail:
            return iter(self._head)
        return chain(self._head, self._middle, self._tail)

    def __reversed__(self) -> Iterator[bytes]:
        if self._head is self._tail:
            return reversed(self._head)
        return chain(reversed(self._tail), reversed(self._middle), reversed(self._head))

    # -- states ------------------------------------------------------------------------------------

    def _is_quicklist(self) -> bool:
        """Tell a quicklist from a listpack."""
        return _CHAIN <= self._low <= _SINGLE

    def _become_listpack(self, size: int) -> None:
        """`size`: bytes of what it holds, as a listpack."""
        fill = fill_of(self.max_listpack_size)
        self._slack = fill.slack(size, self.count)
        self._middle = _NO_NODES
        self._low = _LISTPACK
        if self._slack * _COUNTED_SHARE < size:
            self._become_single(size, _COUNTED)

    def _become_single(self, size: int, state: int = _SINGLE) -> None:
        self._low = state
        self._slack = -1
        self._size = size
        if state == _COUNTED:
            self._fill = fill_of(self.max_listpack_size)
        self._spill = _SPILL
        self._head_known = self._tail_known = (0, 0)

    def _plain(self) -> bool:
        """Say whether the single node is one element too long for a listpack."""
        return self.count == 1 and len(self._head[0]) > self._fill.size

    def _extent(self, left: bool) -> tuple[int, int]:
        """Elements and bytes of the node that is one end, or the whole list."""
        if self._head is self._tail:
            return self.count, self._size if self._low > 0 else 0
        return self._head_known if left else self._tail_known

    def _resized(self, left: bool, count: int, size: int) -> None:
        """The node that is one end, or the whole list, has become so many elements and bytes more."""
        if self._low >= _SINGLE:
            self._size += size
            return
        if self._low == _LISTPACK:
            return
        known = self._extent(left)
        known = known[0] + count, known[1] + size
        if left:
            self._head_known = known
        else:
            self._tail_known = known
        if count > 0:
            self._low = max(self._low, known[0] - 1)

    def _shrink(self) -> None:
        """Go back to a listpack if the list is half a node or less.

        Redis asks after whatever removes or replaces elements.
        """
        if self._low < _SINGLE:
            return
        fill = fill_of(self.max_listpack_size)
        if self._low == _COUNTED:
            if self._size <= fill.size // 2 and self.count <= fill.entries // 2:
                self._become_listpack(self._size)
            return
        if self._size > fill.half_size or self.count > fill.half_entries:
            return
        if not self.count:
            self._clear()
        elif not self._plain():
            self._become_listpack(self._size)

    def _clear(self) -> None:
        """Forget everything. Redis would delete the key."""
        self._head = self._tail = deque()
        self.count = 0
        self._become_listpack(HEADER_BYTES)

    # -- growing -----------------------------------------------------------------------------------

    def _grow(self, elements: Sequence[bytes], left: bool, apart: bool) -> None:
        """`elements` have been pushed and the single deque may have become too much for one node."""
        old = self.count - len(elements)
        if self._low == _SINGLE:
            self._grow_single(elements, left, old)
            return
        sizes = entries_bytes(elements)
        size = self._size if self._low == _COUNTED else listpack_bytes(self._head) - sum(sizes)
        fits = self._fitting(elements, sizes, old, size, apart)
        size += sum(sizes[:fits])
        if fits == len(elements):
            self._become_listpack(size)
            return
        self._fill = fill_of(self.max_listpack_size)
        self._become_single(size)
        self._grow_single(elements[fits:], left, old + fits)

    def _grow_single(self, elements: Sequence[bytes], left: bool, old: int) -> None:
        """The same for a single node, which had `old` elements."""
        fill, size = self._fill, self._size
        plain = old == 1 and len(self._head[-1 if left else 0]) > fill.size
        for place, element in enumerate(elements):
            if plain or not old + place or fill.refuses(size, old + place, element):
                self._size = size
                self._split(elements[place:], left)
                return
            size += entry_bytes(element)
        self._size = size

    def _fitting(
        self, elements: Sequence[bytes], sizes: list[int], count: int, size: int, apart: bool
    ) -> int:
        """How many of the elements a listpack takes before one makes it a quicklist.

        Redis compares before it pushes, and counts the text of the elements without their headers.
        """
        fill = fill_of(self.max_listpack_size)
        if not apart:
            raw = sum(map(len, elements))
            return 0 if fill.exceeded(size + raw, count + len(elements)) else len(elements)
        for place, element in enumerate(elements):
            if fill.exceeded(size + len(element), count + place + 1):
                return place
            size += sizes[place]
        return len(elements)

    def _admit_to_listpack(self, element: bytes) -> None:
        """Make a listpack a quicklist if it may have no room for `element`."""
        if self._is_quicklist():
            return
        self._slack -= len(element) + ENTRY_BYTES
        if self._slack >= 0:
            return
        size = self._size if self._low == _COUNTED else listpack_bytes(self._head)
        fill = fill_of(self.max_listpack_size)
        if fill.exceeded(size + len(element), self.count + 1):
            self._fill = fill
            self._become_single(size)
            return
        self._become_listpack(size)
        self._slack -= len(element) + ENTRY_BYTES
        if self._slack < 0 and self._low == _LISTPACK:
            self._become_single(size, _COUNTED)

    def _split(self, elements: Sequence[bytes], left: bool) -> None:
        """Give an end of their own to `elements`, pushed last and refused by the single node."""
        node = self._head
        if len(node) == len(elements):  # a node without elements is none
            self._lay(list(elements), cut(elements, self._fill), left)
            return
        pop = node.popleft if left else node.pop
        for _ in repeat(None, len(elements)):
            pop()
        known = len(node), self._size
        self._middle = Nodes(self._fill)
        if left:
            self._head = deque(reversed(elements))
            self._become_chain((0, 0), known)
        else:
            self._tail = deque(elements)
            self._become_chain(known, (0, 0))
        if len(elements) > _SPILL:
            self._spill_end(left)

    def _lay(self, elements: list[bytes], nodes: list[Node], left: bool) -> None:
        """Make these nodes the whole list; `left`: they are listed from right to left."""
        runs = [(node.run(elements, left), node.size) for node in nodes]
        if left:
            runs.reverse()
        first, size = runs[0]
        self._head = self._tail = deque(first)
        self._middle = Nodes(self._fill)
        if len(runs) == 1:
            self._become_single(size)
            return
        last, last_size = runs[-1]
        self._tail = deque(last)
        for run, node_size in runs[1:-1]:
            self._middle.add_right(Chunk(run, node_size))
        self._become_chain((len(first), size), (len(last), last_size))

    def _become_chain(self, head_known: tuple[int, int], tail_known: tuple[int, int]) -> None:
        self._low = max(head_known[0], tail_known[0]) - 1
        self._slack = self._size = 0
        self._head_known, self._tail_known = head_known, tail_known
        self._spill = max(_SPILL, 2 * len(self._head), 2 * len(self._tail))

    # -- spilling and refilling --------------------------------------------------------------------

    def _spill_end(self, left: bool) -> None:
        """Pack all nodes of the head but the first, or all of the tail but the last.

        The ends may then grow to twice what was found to make a node, or is one still: each element
        is looked at a bounded number of times, whatever the sizes.
        """
        self._low = _CHAIN
        elements = list(self._head)[::-1] if left else list(self._tail)
        nodes = cut(elements, self._fill, self._head_known if left else self._tail_known)
        add = self._middle.add_left if left else self._middle.add_right
        for node in nodes[:-1]:
            add(Chunk(node.run(elements, left), node.size))
        last = nodes[-1]
        known = last.end - last.start, last.size
        if left:
            self._head_known = known
        else:
            self._tail_known = known
        if len(nodes) > 1:
            outer = deque(last.run(elements, left))
            if left:
                self._head = outer
            else:
                self._tail = outer
        self._spill = max(_SPILL, 2 * nodes[0].end, 2 * known[0])

    def _lowered(self, element: bytes, left: bool) -> None:
        """`element` was popped, and its end is low: dry, or its extent is kept exact."""
        end, known = (self._head, self._head_known) if left else (self._tail, self._tail_known)
        if self._head is self._tail:
            self._size -= entry_bytes(element)
        elif not end:
            self._refill(left)
        elif len(end) < known[0]:
            self._resized(left, -1, -entry_bytes(element))

    def _refill(self, left: bool) -> None:
        """One end of a chain has run dry: give it the next node."""
        if not self._middle.count:
            self._share_out(left)
            return
        self._low = _CHAIN
        chunk = self._middle.take(left)
        if left:
            self._head.extend(chunk.elements())
            self._head_known = (chunk.count, chunk.size)
        else:
            self._tail.extend(chunk.elements())
            self._tail_known = (chunk.count, chunk.size)

    def _share_out(self, left: bool) -> None:
        """All that is left is in the end opposite to the dry one: share out its nodes."""
        end, known = (self._tail, self._tail_known) if left else (self._head, self._head_known)
        if not end:
            self._clear()
        elif self._low > 0 and len(end) == known[0]:
            self._head = self._tail = end
            self._become_single(known[1])
        else:
            elements = list(end) if left else list(end)[::-1]
            self._lay(elements, cut(elements, self._fill, known), not left)

    def _take_all(self) -> list[bytes]:
        taken = list(self)
        self._clear()
        return taken

    def _drop_end(self, left: bool, count: int, taken: list[bytes]) -> None:
        """Drop one end of a chain, which has been read, and move up to `count` elements behind it to `taken`.

        Those come from chunks that go whole. Never the last elements of the list.
        """
        end = self._head if left else self._tail
        self.count -= len(end)
        end.clear()
        before = len(taken)
        chunks = self._middle.chunks
        while chunks and chunks[0 if left else -1].count <= count + before - len(taken):
            elements = self._middle.take(left).elements()
            taken += elements if left else reversed(elements)
        self.count -= len(taken) - before
        self._refill(left)
        self._shrink()

    def _dropped(self, taken: list[bytes], count: int) -> None:
        """The last `count` of `taken` have been popped from an end that held more than those."""
        self.count -= count
        if self._head is not self._tail:
            self._low = _CHAIN
        elif self._low > 0 and count:
            self._size -= sum(entries_bytes(taken[-count:]))
            self._shrink()

    def _drop(self, count: int, left: bool) -> None:
        """Take fewer elements than there are off one end; chunks that go whole are not taken apart."""
        while count >= len(end := self._head if left else self._tail):
            count -= len(end)
            self.count -= len(end)
            end.clear()
            dropped = self._middle.drop(count, left)
            count -= dropped
            self.count -= dropped
            self._refill(left)
        if self._head is not self._tail:
            self._low = _CHAIN
        elif self._low > 0:
            self._size -= sum(entries_bytes(list(islice(end if left else reversed(end), count))))
        pop = end.popleft if left else end.pop
        for _ in repeat(None, count):
            pop()
        self.count -= count

    # -- invariants --------------------------------------------------------------------------------

    def check(self) -> None:
        """Assert the invariants."""
        self._middle.check()
        if self._head is self._tail:
            assert self.count == len(self._head)
            assert not self._middle.count
            assert not _CHAIN <= self._low < _SINGLE
            size = listpack_bytes(self._head)
            if self._low > 0:
                plain = self._low == _SINGLE and self._plain()
                assert self._size == (len(self._head[0]) if plain else size)
            elif self._slack >= 0:
                assert not fill_of(self.max_listpack_size).exceeded(size - ENTRY_BYTES, 0)
            return
        assert _CHAIN <= self._low < _SINGLE
        if self._low > 0:
            self._check_known(list(self._head)[::-1], self._head_known)
            self._check_known(list(self._tail), self._tail_known)
        assert self.count == len(self._head) + self._middle.count + len(self._tail)
        assert self._head, "the head of a chain is never empty"
        assert self._tail, "the tail of a chain is never empty"

    def _check_known(self, elements: list[bytes], known: tuple[int, int]) -> None:
        """Assert that an end, listed from within, starts with a node of this extent."""
        count, size = known
        if count:
            assert len(elements) >= count
            plain = count == 1 and len(elements[0]) > self._fill.size
            assert size == (len(elements[0]) if plain else listpack_bytes(elements[:count]))


Quicklist.set_max_listpack_size(Quicklist.max_listpack_size)


def push_to_each(lists: Sequence[Quicklist], elements: Sequence[bytes], left: bool) -> list[int]:
    """Push one element onto each of several lists; their lengths. O(elements)."""
    lengths = []
    for items, element in zip(lists, elements, strict=True):
        end = items._head
        slack = items._slack - len(element) - ENTRY_BYTES
        if slack < 0 or end is not items._tail:
            count = items.push_left((element,)) if left else items.push_right((element,))
        else:
            if left:
                end.appendleft(element)
            else:
                end.append(element)
            items._slack = slack
            items.count = count = items.count + 1
        lengths.append(count)
    return lengths
