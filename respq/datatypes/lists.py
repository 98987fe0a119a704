"""The list: a queue whose ends are plain Python and whose middle is packed.

A short list is one deque. A longer one is a chain: a deque at either end and packed chunks between
them (see `chunks`). An end that has grown gives its inner part to the middle, an end that ran dry
takes a chunk back whole; so an operation on an end costs a deque operation and, once per chunk, the
packing of a chunk. Everything else (index, range, edits) walks chunks from the nearer end and
rewrites only the chunks that it changes.

The chain is also Redis's quicklist, node for node, because OBJECT ENCODING tells when there is only
one node left. Nodes are worked out late: what was pushed onto one end, one element after the other,
falls into the same nodes whenever it is cut. So each end holds at least one node, its inner edge is
the edge of a node, and it is cut only when it spills, or when the other end has run dry.

A list is in one of three states:

    listpack     head is tail, _low < 0    `_slack` bytes may come before it must be measured;
                                           pops cost nothing
    single node  head is tail, _low > 0    a quicklist of one node; rare; its `_size` is exact
    chain        head is not tail, _low 0  a quicklist of several nodes; pushes and pops do no
                                           arithmetic at all

Rejected: one deque (twice Redis's memory), packing the ends too (a queue would pack and unpack each
message), the size kept at each push and pop (60 ns of 150). The transitions are those observed on
redis-server 8.2.3.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, repeat
from typing import ClassVar, Final, Self

from respq.datatypes.chunks import (
    ENTRY_BYTES,
    HEADER_BYTES,
    Node,
    Packed,
    cut,
    entries_bytes,
    entry_bytes,
    fill_of,
    listpack_bytes,
)
from respq.datatypes.nodes import Nodes, without
from respq.datatypes.value import Limits, Value

_SPILL: Final = 256  # elements of an end before it is packed
_INTEGER_BYTES: Final = 10  # at most, that an integer takes less in a listpack than as text
_REBUILD_ITEMS: Final = 64
_ALWAYS: Final = 1 << 62
_NO_NODES: Final = Nodes(fill_of(0))  # shared by all lists that are one deque; never changed


class ListValue(Value):
    """A list of bytes elements. `count` is its length; reading it is cheaper than len()."""

    __slots__ = (
        "_fill",  # quicklist: how much one of its nodes takes, fixed when it becomes one
        "_head",
        "_head_known",  # chain: elements and bytes of the head's inner node when it got there
        "_low",  # a pop that leaves no more than this in its deque calls for attention
        "_middle",
        "_size",  # single node: its bytes
        "_slack",  # listpack: bytes that may come before the limit can be reached
        "_spill",  # chain: an end with more elements than this is packed
        "_tail",
        "_tail_known",
        "count",
    )
    kind: ClassVar[bytes] = b"list"
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
        self._low = -1
        self._slack = self._first_slack

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
            self._spill_end(True, len(elements))
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
            self._spill_end(False, len(elements))
        return count

    def pop_left(self) -> bytes:
        """Take the first element off. IndexError if there is none."""
        head = self._head
        element = head.popleft()
        self.count -= 1
        if len(head) <= self._low:
            self._lowered(element, True)
        return element

    def pop_right(self) -> bytes:
        """Take the last element off. IndexError if there is none."""
        tail = self._tail
        element = tail.pop()
        self.count -= 1
        if len(tail) <= self._low:
            self._lowered(element, False)
        return element

    def take_left(self, count: int) -> list[bytes]:
        """Take up to `count` elements off the head, first one first."""
        if count >= self.count:
            return self._take_all()
        taken: list[bytes] = []
        while (left := count - len(taken)) >= len(head := self._head):
            taken += head
            self._drop_end(True)
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
            self._drop_end(False)
        pop = tail.pop
        taken += [pop() for _ in repeat(None, left)]
        self._dropped(taken, left)
        return taken

    def rotate(self, from_left: bool, to_left: bool) -> bytes:
        """Move an element from one end to one end, as LMOVE on one key. Returns it."""
        end = self._head if from_left else self._tail
        element = end.popleft() if from_left else end.pop()
        self.count -= 1
        if self._low > 0:
            self._size -= entry_bytes(element)
        elif not end and self._low == 0:
            self._refill(from_left)
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

    # -- reading -----------------------------------------------------------------------------------

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

    def index(self, index: int) -> bytes | None:
        """The element at `index`, negative from the tail; None outside."""
        if index < 0:
            index += self.count
        if not 0 <= index < self.count:
            return None
        if index < len(self._head):
            return self._head[index]
        if index >= self.count - len(self._tail):
            return self._tail[index - self.count]
        return self._middle.element(index - len(self._head))

    def range(self, start: int, stop: int) -> list[bytes]:
        """The elements from `start` to `stop`, both inclusive and not negative.

        Reads only the chunks concerned, and finds them from the nearer end.
        """
        stop = min(stop + 1, self.count)
        if start >= stop:
            return []
        if start == 0 and stop == self.count:
            return list(self)
        head, tail = self._head, self._tail
        if stop <= len(head):
            return list(islice(head, start, stop))
        inner, outer = len(head), self.count - len(tail)  # where the middle starts and ends
        found = list(islice(head, start, None)) if start < inner else []
        if start < outer and stop > inner:
            found += self._middle.read(max(start, inner) - inner, min(stop, outer) - inner)
        if stop > outer:
            found += islice(tail, max(start - outer, 0), stop - outer)
        return found

    def positions(self, element: bytes, rank: int = 1, count: int = 1, maxlen: int = 0) -> list[int]:
        """Indexes of matches, as LPOS finds them.

        From match number `rank` on (negative: counted from the tail), at most `count` (0: all),
        among the first `maxlen` elements that the search meets (0: all).
        """
        backward = rank < 0
        skip = abs(rank) - 1
        limit = maxlen or self.count
        found: list[int] = []
        for index in self._matches(element, backward):
            if (self.count - 1 - index if backward else index) >= limit:
                break
            if skip:
                skip -= 1
                continue
            found.append(index)
            if len(found) == count:
                break
        return found

    # -- edits -------------------------------------------------------------------------------------

    def set(self, index: int, element: bytes) -> None:
        """Replace the element at `index` (negative from the tail). IndexError outside."""
        listpack = self._stays_listpack(element)
        if index < 0:
            index += self.count
        if not 0 <= index < self.count:
            raise IndexError(index)
        if listpack:
            self._head[index] = element
            return
        self._fold()
        self._middle.replace(index, element)
        self._unfold()
        self._shrink()

    def insert(self, before: bool, pivot: bytes, element: bytes) -> bool:
        """Insert `element` before or after the first `pivot` from the head; False if there is none."""
        listpack = self._stays_listpack(element)
        index = next(self._matches(pivot, False), -1)
        if index < 0:
            return False
        if listpack:
            self._head.insert(index if before else index + 1, element)
            self.count += 1
            return True
        self._fold()
        self._middle.insert(index, before, element)
        self.count += 1
        self._unfold()
        return True

    def remove(self, count: int, element: bytes) -> int:
        """Remove the first `count` matches, the last -`count`, or all if 0. Returns how many."""
        backward, limit = count < 0, abs(count) or self.count
        if self._low < 0:
            kept, removed = without(self._head, element, limit, backward)
            if removed:
                self._head.clear()
                self._head.extend(kept)
                self.count -= removed
            return removed
        if next(self._matches(element, backward), None) is None:
            return 0
        self._fold()
        removed = self._middle.remove(element, limit, backward)
        self.count -= removed
        self._unfold()
        self._shrink()
        return removed

    # -- as a value --------------------------------------------------------------------------------

    def encoding(self, limits: Limits) -> bytes:
        """The state that pushes and pops have led to; `limits` counts for those to come."""
        return b"listpack" if self._low < 0 else b"quicklist"

    def memory_bytes(self) -> int:
        """An estimate. Counts the ends, which are short, when asked instead of at each push."""
        ends = (self._head,) if self._head is self._tail else (self._head, self._tail)
        size = 160 + self._middle.memory_bytes
        for end in ends:
            size += 720 + 41 * len(end) + sum(map(len, end))
        return size

    def copy(self) -> Self:
        """An independent list; chunks are shared, since nothing changes them."""
        twin = type(self)()
        twin.count, twin._low, twin._slack = self.count, self._low, self._slack
        twin._head = self._head.copy()
        twin._tail = twin._head if self._tail is self._head else self._tail.copy()
        if self._low >= 0:
            for name in ("_fill", "_size", "_spill", "_head_known", "_tail_known"):
                setattr(twin, name, getattr(self, name))
            twin._middle = self._middle.copy()
        return twin

    def rebuild(self, key: bytes) -> Iterator[list[bytes]]:
        """RPUSH commands that recreate the list, of at most 64 elements each."""
        elements = iter(self)
        while batch := list(islice(elements, _REBUILD_ITEMS)):
            yield [b"RPUSH", key, *batch]

    def check(self) -> None:
        """Assert the invariants."""
        self._middle.check()
        if self._head is self._tail:
            assert self.count == len(self._head)
            assert not self._middle.count
            assert self._low != 0
            size = listpack_bytes(self._head)
            if self._low > 0:
                assert self._size == (len(self._head[0]) if self._plain() else size)
            elif self._slack >= 0:
                assert not fill_of(self.max_listpack_size).exceeded(size - ENTRY_BYTES, 0)
            return
        assert self._low == 0
        assert self.count == len(self._head) + self._middle.count + len(self._tail)
        assert self._head, "the head of a chain is never empty"
        assert self._tail, "the tail of a chain is never empty"

    # -- states ------------------------------------------------------------------------------------

    def _become_listpack(self, size: int) -> None:
        """`size`: bytes of what it holds, as a listpack."""
        self._low = -1
        self._slack = fill_of(self.max_listpack_size).slack(size, self.count)
        self._middle = _NO_NODES

    def _become_single(self, size: int) -> None:
        self._low = _ALWAYS
        self._slack = -1
        self._size = size
        self._spill = _SPILL
        self._head_known = self._tail_known = (0, 0)

    def _plain(self) -> bool:
        """Say whether the single node is one element too long for a listpack."""
        return self.count == 1 and len(self._head[0]) > self._fill.size

    def _shrink(self) -> None:
        """Go back to a listpack if the list is half a node or less.

        Redis asks after whatever removes or replaces elements.
        """
        if self._low <= 0:
            return
        fill = fill_of(self.max_listpack_size)
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

    def _grow(self, elements: Sequence[bytes], left: bool, apart: bool) -> None:
        """`elements` have been pushed and the single deque may have become too much for one node."""
        old = self.count - len(elements)
        if self._low > 0:
            self._grow_single(elements, left, old)
            return
        size = listpack_bytes(self._head)
        fill = fill_of(self.max_listpack_size)
        if size + len(elements) * _INTEGER_BYTES > fill.size or self.count > fill.entries:
            sizes = entries_bytes(elements)
            self._fill = fill
            known = self._outgrown(elements, sizes, old, size - sum(sizes), apart)
            if known is not None:
                self._split(left, known)
                return
        self._slack = fill.slack(size, self.count)

    def _grow_single(self, elements: Sequence[bytes], left: bool, old: int) -> None:
        """The same for a single node, which had `old` elements."""
        fill, size = self._fill, self._size
        plain = old == 1 and len(self._head[-1 if left else 0]) > fill.size
        for count, element in enumerate(elements, old):
            if plain or not count or fill.refuses(size, count, element):
                self._split(left, (count, size))
                return
            size += entry_bytes(element)
        self._size = size

    def _outgrown(
        self, elements: Sequence[bytes], sizes: list[int], count: int, size: int, apart: bool
    ) -> tuple[int, int] | None:
        """Elements and bytes of the listpack at the push that makes it a quicklist; None if none does.

        Redis compares before it pushes, and counts the text of the elements without their headers.
        """
        fill = self._fill
        if not apart:
            raw = sum(map(len, elements))
            return (count, size) if fill.exceeded(size + raw, count + len(elements)) else None
        for element, entry in zip(elements, sizes, strict=True):
            if fill.exceeded(size + len(element), count + 1):
                return count, size
            size += entry
            count += 1
        return None

    def _split(self, left: bool, known: tuple[int, int]) -> None:
        """Cut the single deque: a node of `known` extent and what was pushed to one side of it."""
        elements = list(self._head)
        if left:
            elements.reverse()
        if known[0] == 1 and len(elements[0]) > self._fill.size:
            known = (0, 0)
        self._lay(elements, cut(elements, self._fill, known), left)

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
            self._middle.add_right(Packed(run, node_size))
        self._become_chain((len(first), size), (len(last), last_size))

    def _become_chain(self, head_known: tuple[int, int], tail_known: tuple[int, int]) -> None:
        self._low = self._slack = self._size = 0
        self._head_known, self._tail_known = head_known, tail_known
        self._set_spill(max(len(self._head), len(self._tail)))

    # -- spilling and refilling --------------------------------------------------------------------

    def _spill_end(self, left: bool, pushed: int) -> None:
        """Pack all nodes of the head but the first, or all of the tail but the last."""
        elements = list(self._head)[::-1] if left else list(self._tail)
        known = self._head_known if left else self._tail_known
        if self._overfull(known):
            known = self._still_known(elements, known, len(elements) - pushed)
        elif len(elements) <= _SPILL:
            return  # it is the other end that is overfull
        nodes = cut(elements, self._fill, known)
        if len(nodes) > 1:
            add = self._middle.add_left if left else self._middle.add_right
            for node in nodes[:-1]:
                add(Packed(node.run(elements, left), node.size))
            known, outer = (0, 0), deque(nodes[-1].run(elements, left))
            if left:
                self._head = outer
            else:
                self._tail = outer
        if left:
            self._head_known = known
        else:
            self._tail_known = known
        self._set_spill(nodes[0].end)

    def _set_spill(self, elements: int) -> None:
        """Let the ends grow to two nodes of so many elements. Watch each push if one is overfull."""
        watched = self._overfull(self._head_known) or self._overfull(self._tail_known)
        self._spill = 0 if watched else max(_SPILL, 2 * elements)

    def _overfull(self, known: tuple[int, int]) -> bool:
        """Say whether a node has become too big, as LSET can make it.

        What is pushed to it after a pop falls elsewhere than what was popped, so its extent has to
        be known at each push.
        """
        return known[0] > 1 and known[1] > self._fill.size

    def _still_known(self, elements: list[bytes], known: tuple[int, int], count: int) -> tuple[int, int]:
        """What pops have left of a node whose end held `count` elements before a push."""
        if count >= known[0]:
            return known
        return count, listpack_bytes(elements[:count])

    def _lowered(self, element: bytes, left: bool) -> None:
        """`element` was popped and its end is low: dry, or a single node, which is watched."""
        if self._low == 0:
            self._refill(left)
        else:
            self._size -= entry_bytes(element)
        self._shrink()

    def _refill(self, left: bool) -> None:
        """One end of a chain has run dry: give it the next node."""
        if not self._middle.count:
            self._share_out(left)
            return
        chunk = self._middle.take(left)
        if left:
            self._head.extend(chunk.elements())
            self._head_known = (chunk.count, chunk.size)
        else:
            self._tail.extend(chunk.elements())
            self._tail_known = (chunk.count, chunk.size)
        if chunk.size > self._fill.size:
            self._set_spill(chunk.count)

    def _share_out(self, left: bool) -> None:
        """All that is left is in the end opposite to the dry one: share out its nodes."""
        if left:
            elements, known = list(self._tail), self._tail_known
        else:
            elements, known = list(self._head)[::-1], self._head_known
        if elements:
            self._lay(elements, cut(elements, self._fill, known), not left)
        else:
            self._clear()

    def _take_all(self) -> list[bytes]:
        taken = list(self)
        self._clear()
        return taken

    def _drop_end(self, left: bool) -> None:
        """Take away all that the head or the tail of a chain holds, but not the last elements of the list."""
        end = self._head if left else self._tail
        self.count -= len(end)
        end.clear()
        self._refill(left)
        self._shrink()

    def _dropped(self, taken: list[bytes], count: int) -> None:
        """The last `count` of `taken` have been popped from an end that held more than those."""
        self.count -= count
        if self._low > 0 and count:
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
        if self._low > 0:
            self._size -= sum(entries_bytes(list(islice(end if left else reversed(end), count))))
        pop = end.popleft if left else end.pop
        for _ in repeat(None, count):
            pop()
        self.count -= count

    # -- walking the middle ------------------------------------------------------------------------

    def _runs(self, backward: bool) -> Iterator[tuple[int, Iterable[bytes] | Packed]]:
        """Stretches of the list, each with the index of its first element (its last, if `backward`)."""
        if self._head is self._tail:
            yield (self.count - 1, reversed(self._head)) if backward else (0, self._head)
            return
        index = self.count - 1 if backward else 0
        first, last = (self._tail, self._head) if backward else (self._head, self._tail)
        yield index, reversed(first) if backward else first
        index += -len(first) if backward else len(first)
        for chunk in reversed(self._middle.chunks) if backward else self._middle.chunks:
            yield index, chunk
            index += -chunk.count if backward else chunk.count
        yield index, reversed(last) if backward else last

    def _matches(self, element: bytes, backward: bool) -> Iterator[int]:
        """Indexes of `element`, from one end to the other."""
        step = -1 if backward else 1
        for start, run in self._runs(backward):
            if isinstance(run, Packed):
                if not run.may_hold(element):
                    continue
                elements: Iterable[bytes] = reversed(run.elements()) if backward else run.elements()
            else:
                elements = run
            for offset, candidate in enumerate(elements):
                if candidate == element:
                    yield start + step * offset

    # -- edits of a quicklist: the ends go to the middle, which is edited, and are taken out again -

    def _fold(self) -> None:
        """Put the ends, cut into nodes, into the middle as well. The ends are empty then."""
        middle = self._middle
        if self._head is self._tail:
            self._middle = middle = Nodes(self._fill)
            middle.add_right(Packed(list(self._head), self._size))
        else:
            head, tail = list(self._head)[::-1], list(self._tail)
            for node in cut(head, self._fill, self._head_known):
                middle.add_left(Packed(node.run(head, True), node.size))
            for node in cut(tail, self._fill, self._tail_known):
                middle.add_right(Packed(node.run(tail, False), node.size))
        self._head = self._tail = deque()

    def _unfold(self) -> None:
        """Take the first and the last node out of the middle."""
        if not self._middle.count:
            self._clear()
            return
        first = self._middle.take(True)
        self._head = self._tail = deque(first.elements())
        if not self._middle.count:
            self._become_single(first.size)
            return
        last = self._middle.take(False)
        self._tail = deque(last.elements())
        self._become_chain((first.count, first.size), (last.count, last.size))

    def _stays_listpack(self, element: bytes) -> bool:
        """Say whether the list is a listpack with room for `element`; else make it a quicklist."""
        if self._low >= 0:
            return False
        self._slack -= len(element) + ENTRY_BYTES
        if self._slack >= 0:
            return True
        size = listpack_bytes(self._head)
        self._fill = fill_of(self.max_listpack_size)
        if self._fill.exceeded(size + len(element), self.count + 1):
            self._become_single(size)
            return False
        self._become_listpack(size)
        self._slack -= len(element) + ENTRY_BYTES
        return True


ListValue.set_max_listpack_size(ListValue.max_listpack_size)
