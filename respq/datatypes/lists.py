"""The list: reading it and editing it anywhere, on top of the queue in `quicklist`.

Index, range and search walk the packed chunks of the middle from the nearer end and take apart only those
that they need. An edit that concerns one node alone is made in it, also at an end, once the end is
settled: cut to exactly one node. Any other puts both ends into the middle, edits there, and takes them out
again: as Redis does it, node for node, because OBJECT ENCODING shows the outcome.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import ClassVar, Final, Self

from respq.datatypes.chunks import HEADER_BYTES, Chunk, ListpackChunk, cut, entry_bytes, fill_of, offsets_in
from respq.datatypes.nodes import Nodes, without
from respq.datatypes.quicklist import Quicklist

_REBUILD_ITEMS: Final = 64


class ListValue(Quicklist):
    """A list of bytes elements."""

    __slots__ = ()
    kind: ClassVar[bytes] = b"list"

    @classmethod
    def of(cls, elements: Sequence[bytes]) -> Self:
        """A list as SORT stores it: cut into nodes first, and a listpack if one node is all. O(n).

        RPUSH decides the other way round, so the encodings differ close to the limit.
        """
        items = cls()
        items.count = len(elements)
        items._fill = fill = fill_of(cls.max_listpack_size)
        nodes = cut(elements, fill)
        items._lay(list(elements), nodes, False)
        if len(nodes) == 1 and not items._plain() and nodes[0].size <= 2 * fill.half_size:
            items._become_listpack(nodes[0].size)
        return items

    @classmethod
    def of_nodes(cls, nodes: Iterable[Chunk]) -> Self:
        """A list that consists of these nodes, as a dump has them; one small one is a listpack. O(nodes).

        From the first one that would be no node here, elements are pushed one by one.
        """
        items = cls()
        fill = fill_of(cls.max_listpack_size)
        middle = Nodes(fill)
        rest = iter(nodes)
        for node in rest:
            alone = node.count == 1 and len(node.data) > fill.size
            if alone != node.is_plain:
                rest = chain((node,), rest)
                break
            middle.add_right(node)
        if middle.chunks:
            items._fill, items._middle, items.count = fill, middle, middle.count
            items._unfold()
            single = items._head is items._tail
            if single and not items._plain() and not fill.exceeded(items._size, items.count):
                items._become_listpack(items._size)
        for node in rest:
            items.push_right(node.elements())
        return items

    # -- reading -----------------------------------------------------------------------------------

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
        """The elements from `start` to `stop`, both inclusive and not negative."""
        return list(chain.from_iterable(self.runs(start, stop)))

    def runs(self, start: int, stop: int) -> Iterator[Sequence[bytes]]:
        """The same in pieces, each not longer than a chunk or an end, so that few exist at a time.

        Reads only the chunks concerned, and finds them from the nearer end.
        """
        stop = min(stop + 1, self.count)
        if start >= stop:
            return
        head, tail = self._head, self._tail
        inner = len(head)  # where the middle starts
        outer = inner + self._middle.count  # where it ends
        if start < inner:
            yield list(islice(head, start, stop))
        if start < outer and stop > inner:
            yield from self._middle.runs(max(start, inner) - inner, min(stop, outer) - inner)
        if stop > outer and head is not tail:
            yield list(islice(tail, max(start - outer, 0), stop - outer))

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
        self._admit_to_listpack(element)
        if index < 0:
            index += self.count
        if not 0 <= index < self.count:
            raise IndexError(index)
        if not self._replace_in_node(index, element):
            self._fold()
            self._middle.replace(index, element)
            self._unfold()
        self._shrink()

    def insert(self, before: bool, pivot: bytes, element: bytes) -> bool:
        """Insert `element` before or after the first `pivot` from the head; False if there is none."""
        self._admit_to_listpack(element)
        index = next(self._matches(pivot, False), -1)
        if index < 0:
            return False
        if not self._insert_into_node(index, not before, element):
            self._fold()
            self._middle.insert(index, before, element)
            self._unfold()
        self.count += 1
        return True

    def remove(self, count: int, element: bytes) -> int:
        """Remove the first `count` matches, the last -`count`, or all if 0. Returns how many."""
        backward, limit = count < 0, abs(count) or self.count
        if self._head is not self._tail:  # before anything is searched: this moves elements
            if element in self._head:
                self._settle(True)
            if element in self._tail:
                self._settle(False)
        removed = self._remove_from_end(not backward, element, limit, backward)
        if self._head is not self._tail:
            dropped = self._middle.remove(element, limit - removed, backward)
            self.count -= dropped
            removed += dropped
            removed += self._remove_from_end(backward, element, limit - removed, backward)
            for left in (True, False):
                if not (self._head if left else self._tail) and self._head is not self._tail:
                    self._refill(left)
        self._shrink()
        return removed

    # -- as a value --------------------------------------------------------------------------------

    def encoding(self) -> bytes:
        """The state that pushes and pops have led to."""
        return b"quicklist" if self._is_quicklist() else b"listpack"

    def memory_bytes(self, samples: int) -> int:
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

    def node_count(self) -> int:
        """How many nodes there are. O(elements of both ends)."""
        if self._head is self._tail:
            return 1
        head, tail = list(self._head)[::-1], list(self._tail)
        ends = cut(head, self._fill, self._head_known) + cut(tail, self._fill, self._tail_known)
        return len(ends) + len(self._middle.chunks)

    def nodes(self) -> Iterator[tuple[Sequence[bytes] | ListpackChunk, bool]]:
        """The elements node by node, as Redis keeps them, and whether it is one element too long for a node.

        Nothing may change meanwhile.
        """
        if self._head is self._tail:
            yield self._as_node(list(self._head))
            return
        head, tail = list(self._head)[::-1], list(self._tail)
        for node in reversed(cut(head, self._fill, self._head_known)):
            yield self._as_node(node.run(head, True))
        for chunk in self._middle.chunks:
            if isinstance(chunk, ListpackChunk):
                yield chunk, False
            else:
                yield self._as_node(chunk.elements())
        for node in cut(tail, self._fill, self._tail_known):
            yield self._as_node(node.run(tail, False))

    def _as_node(self, elements: Sequence[bytes]) -> tuple[Sequence[bytes], bool]:
        return elements, self._is_quicklist() and len(elements) == 1 and len(elements[0]) > self._fill.size

    def rebuild(self, key: bytes) -> Iterator[list[bytes]]:
        """RPUSH commands that recreate the list, of at most 64 elements each."""
        elements = iter(self)
        while batch := list(islice(elements, _REBUILD_ITEMS)):
            yield [b"RPUSH", key, *batch]

    # -- walking the middle ------------------------------------------------------------------------

    def _stretches(self, backward: bool) -> Iterator[tuple[int, Iterable[bytes] | Chunk]]:
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
        for start, run in self._stretches(backward):
            if isinstance(run, Chunk):
                offsets = run.offsets(element)
                if backward:
                    offsets = [run.count - 1 - offset for offset in reversed(offsets)]
            else:
                offsets = offsets_in(list(run), element)
            for offset in offsets:
                yield start - offset if backward else start + offset

    # -- edits of one node -------------------------------------------------------------------------

    def _settle(self, left: bool) -> None:
        """Make one end of a chain exactly one node, and keep the extents of both ends exact for a while.

        So the next edit finds it settled, unless something has been pushed.
        """
        if self._low <= 0:
            self._spill_end(not left)
            self._spill_end(left)
        elif len(self._head if left else self._tail) != (self._head_known if left else self._tail_known)[0]:
            self._spill_end(left)
        self._low = max(self._head_known[0], self._tail_known[0]) - 1

    def _end_of(self, index: int) -> bool | None:
        """The end whose one node holds the element at `index`: True for the head, None for the middle."""
        if index < len(self._head):
            if self._head is not self._tail:
                self._settle(True)
            if index < len(self._head):
                return True
        elif index >= len(self._head) + self._middle.count:
            self._settle(False)
            if index >= len(self._head) + self._middle.count:
                return False
        # Settling may have moved it from an end to the middle.
        return True if index < len(self._head) else None

    def _replace_in_node(self, index: int, element: bytes) -> bool:
        """Replace the element at `index` if that concerns no other node."""
        left = self._end_of(index)
        if left is None:
            return self._middle.replace_in_node(index - len(self._head), element)
        end = self._head if left else self._tail
        if not left:
            index -= self.count - len(end)
        if self._is_quicklist() and (
            len(element) > self._fill.size or (len(end) == 1 and len(end[0]) > self._fill.size)
        ):
            return False
        self._resized(left, 0, entry_bytes(element) - entry_bytes(end[index]))
        end[index] = element
        return True

    def _insert_into_node(self, index: int, behind: bool, element: bytes) -> bool:
        """Insert before or behind the element at `index` if its node has room for that."""
        left = self._end_of(index)
        if left is None:
            return self._middle.insert_into_node(index - len(self._head), behind, element)
        end = self._head if left else self._tail
        if not left:
            index -= self.count - len(end)
        if self._is_quicklist():
            count, size = self._extent(left)
            alone = count == 1 and len(end[0]) > self._fill.size
            if alone or self._fill.refuses(size, count, element):
                return False
        end.insert(index + behind, element)
        self._resized(left, 1, entry_bytes(element))
        return True

    def _remove_from_end(self, left: bool, element: bytes, limit: int, backward: bool) -> int:
        """Remove up to `limit` matches from an end of one node. Returns how many."""
        end = self._head if left else self._tail
        if not limit or element not in end:
            return 0
        kept, removed = without(end, element, limit, backward)
        end.clear()
        end.extend(kept)
        self.count -= removed
        alone = self._is_quicklist() and len(element) > self._fill.size
        self._resized(
            left, -removed, HEADER_BYTES - len(element) if alone else -removed * entry_bytes(element)
        )
        return removed

    # -- edits of several: the ends go to the middle, which is edited, and are taken out again -------

    def _fold(self) -> None:
        """Put the ends, cut into nodes, into the middle as well. The ends are empty then."""
        middle = self._middle
        if self._head is self._tail:
            self._middle = middle = Nodes(self._fill)
            middle.add_right(Chunk(list(self._head), self._size))
        else:
            head, tail = list(self._head)[::-1], list(self._tail)
            for node in cut(head, self._fill, self._head_known):
                middle.add_left(Chunk(node.run(head, True), node.size))
            for node in cut(tail, self._fill, self._tail_known):
                middle.add_right(Chunk(node.run(tail, False), node.size))
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
