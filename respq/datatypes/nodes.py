"""The packed middle of a list: a row of chunks that are Redis's quicklist nodes.

Edits follow the quicklist: an element goes into its node if there is room, else to a neighbour, else
the node is split, and nodes around a split are joined where two fit into one. The order of these
attempts is observed behaviour (DEBUG OBJECT's `ql_nodes`, redis-server 8.2.3): it decides how many
nodes are left, and so when OBJECT ENCODING changes.

Walking to a chunk takes 30 ns per chunk passed, from the nearer end. A tree over the counts would
make it logarithmic and every push and pop dearer; a queue is hardly ever read in its middle.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice

from respq.datatypes.chunks import HEADER_BYTES, Chunk, Fill, entry_bytes, listpack_bytes


class Nodes:
    """Chunks in a row, with their number of elements and the memory that they take."""

    __slots__ = ("chunks", "count", "fill", "memory_bytes")

    def __init__(self, fill: Fill) -> None:
        self.chunks: deque[Chunk] = deque()
        self.count = 0  # elements
        self.fill = fill  # how much one node takes
        self.memory_bytes = 0

    def copy(self) -> Nodes:
        """The same chunks, which never change, in a row of its own."""
        twin = Nodes(self.fill)
        twin.chunks = self.chunks.copy()
        twin.count, twin.memory_bytes = self.count, self.memory_bytes
        return twin

    def check(self) -> None:
        """Assert the invariants."""
        for chunk in self.chunks:
            chunk.check()
        assert self.count == sum(chunk.count for chunk in self.chunks)
        assert self.memory_bytes == sum(chunk.memory_bytes() for chunk in self.chunks)

    # -- the ends ----------------------------------------------------------------------------------

    def add_left(self, chunk: Chunk) -> None:
        """Put a chunk in front."""
        self.chunks.appendleft(chunk)
        self.count += chunk.count
        self.memory_bytes += chunk.memory_bytes()

    def add_right(self, chunk: Chunk) -> None:
        """Put a chunk at the end."""
        self.chunks.append(chunk)
        self.count += chunk.count
        self.memory_bytes += chunk.memory_bytes()

    def take(self, left: bool) -> Chunk:
        """Take the first or the last chunk away."""
        chunk = self.chunks.popleft() if left else self.chunks.pop()
        self.count -= chunk.count
        self.memory_bytes -= chunk.memory_bytes()
        return chunk

    def drop(self, count: int, left: bool) -> int:
        """Drop the outermost chunks that `count` elements cover whole; return their elements."""
        dropped = 0
        while self.chunks and self.chunks[0 if left else -1].count <= count - dropped:
            dropped += self.take(left).count
        return dropped

    # -- reading -----------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[bytes]:
        return chain.from_iterable(chunk.elements() for chunk in self.chunks)

    def __reversed__(self) -> Iterator[bytes]:
        for chunk in reversed(self.chunks):
            yield from reversed(chunk.elements())

    def place(self, index: int) -> tuple[int, int]:
        """Chunk and offset of the element at `index`. O(chunks to the nearer end)."""
        if index <= self.count // 2:
            place = 0
            for chunk in self.chunks:
                if index < chunk.count:
                    break
                index -= chunk.count
                place += 1
            return place, index
        index = self.count - index  # from the right, the last being 1
        place = len(self.chunks)
        for chunk in reversed(self.chunks):
            place -= 1
            if index <= chunk.count:
                index = chunk.count - index
                break
            index -= chunk.count
        return place, index

    def element(self, index: int) -> bytes:
        """The element at `index`."""
        place, offset = self.place(index)
        return self.chunks[place].element(offset)

    def runs(self, start: int, stop: int) -> Iterator[Sequence[bytes]]:
        """The elements from `start` to `stop`, exclusive, chunk by chunk."""
        place, offset = self.place(start)
        left = stop - start
        for chunk in islice(self.chunks, place, None):
            run = chunk.slice(offset, min(chunk.count, offset + left))
            yield run
            left -= len(run)
            if not left:
                return
            offset = 0

    # -- edits -------------------------------------------------------------------------------------

    def replace_in_node(self, index: int, element: bytes) -> bool:
        """Replace one element if no other node is concerned; else change nothing and return False."""
        place, offset = self.place(index)
        chunk = self.chunks[place]
        if self._alone(chunk) or len(element) > self.fill.size:
            return False
        size = chunk.size + entry_bytes(element) - entry_bytes(chunk.element(offset))
        self._put(place, chunk.spliced(offset, offset + 1, element, size))
        return True

    def insert_into_node(self, index: int, behind: bool, element: bytes) -> bool:
        """Insert next to the element at `index` if its node has room; else return False."""
        place, offset = self.place(index)
        if not self._admits(place, element):
            return False
        self._insert_into(place, offset + behind, element)
        return True

    def replace(self, index: int, element: bytes) -> None:
        """Replace one element, in its node or, if it is too long for one, by a node of its own."""
        place, offset = self.place(index)
        chunk = self.chunks[place]
        elements = list(chunk.elements())
        alone = self._alone(chunk)
        if alone and self._admits(place + 1, element):
            self._splice(place, 2, (element, *self.chunks[place + 1].elements()))
        elif alone or len(element) <= self.fill.size:
            elements[offset] = element
            self._splice(place, 1, elements)
        else:
            before, after = elements[:offset], elements[offset + 1 :]
            self._splice(place, 1, before, (element,), after)
            if before:
                self._join_around(place + 1)

    def insert(self, index: int, before: bool, element: bytes) -> None:
        """Insert before or after the element at `index`."""
        place, offset = self.place(index)
        chunk = self.chunks[place]
        offset += not before
        at_edge = offset == (0 if before else chunk.count)
        neighbour = place - 1 if before else place + 1
        if self._admits(place, element):
            self._insert_into(place, offset, element)
        elif at_edge and self._admits(neighbour, element):
            self._insert_into(neighbour, self.chunks[neighbour].count if before else 0, element)
        elif at_edge:
            self._splice(place if before else place + 1, 0, (element,))
        else:
            self._split(place, offset, before, element)

    def remove(self, element: bytes, limit: int, backward: bool) -> int:
        """Remove up to `limit` matches, from the left or from the right. Returns how many."""
        changed: list[tuple[int, list[bytes], int]] = []  # place, what stays, how many go
        last = len(self.chunks) - 1
        removed = 0
        for place, chunk in enumerate(reversed(self.chunks) if backward else self.chunks):
            if removed == limit:
                break
            if chunk.offsets(element):
                rest, dropped = without(chunk.elements(), element, limit - removed, backward)
                removed += dropped
                changed.append((last - place if backward else place, rest, dropped))
        for place, rest, dropped in changed if backward else reversed(changed):
            if rest:
                self._put(place, Chunk(rest, self.chunks[place].size - dropped * entry_bytes(element)))
            else:
                self._splice(place, 1)
        self.count -= sum(dropped for _, rest, dropped in changed if rest)
        return removed

    def _put(self, place: int, chunk: Chunk) -> None:
        """Put another chunk in the place of one; who does that accounts for `count`."""
        self.memory_bytes += chunk.memory_bytes() - self.chunks[place].memory_bytes()
        self.chunks[place] = chunk

    def _pack(self, elements: Sequence[bytes]) -> Chunk:
        """One node of these elements."""
        if len(elements) == 1 and len(elements[0]) > self.fill.size:
            return Chunk(elements, len(elements[0]))
        return Chunk(elements, listpack_bytes(elements))

    def _alone(self, chunk: Chunk) -> bool:
        """Say whether the chunk is one element that is too long for a node with others."""
        return chunk.count == 1 and len(chunk.data) > self.fill.size

    def _admits(self, place: int, element: bytes) -> bool:
        """Say whether the node at `place`, if there is one, has room for `element`."""
        if not 0 <= place < len(self.chunks):
            return False
        chunk = self.chunks[place]
        return not (self._alone(chunk) or self.fill.refuses(chunk.size, chunk.count, element))

    def _splice(self, place: int, count: int, *runs: Sequence[bytes]) -> None:
        """Replace `count` nodes at `place` by one node for each of `runs` that is not empty."""
        self.chunks.rotate(-place)
        for _ in range(count):
            self.take(True)
        for run in reversed(runs):
            if run:
                self.add_left(self._pack(run))
        self.chunks.rotate(place)

    def _insert_into(self, place: int, offset: int, element: bytes) -> None:
        chunk = self.chunks[place]
        self._put(place, chunk.spliced(offset, offset, element, chunk.size + entry_bytes(element)))
        self.count += 1

    def _split(self, place: int, offset: int, before: bool, element: bytes) -> None:
        """Split a full node at `offset` to insert `element` there."""
        elements = list(self.chunks[place].elements())
        left, right = elements[:offset], elements[offset:]
        if len(element) > self.fill.size:
            self._splice(place, 1, left, (element,), right)
            return
        if before:
            left.append(element)
        else:
            right.insert(0, element)
        self._splice(place, 1, left, right)
        self._join_around(place + 1 if before else place)

    def _join_around(self, place: int) -> None:
        """Join nodes on both sides of the one at `place`, then that one with its neighbours."""
        if self._join(place - 2):
            place -= 1
        self._join(place + 1)
        if self._join(place - 1):
            place -= 1
        self._join(place)

    def _join(self, place: int) -> bool:
        """Make one node of those at `place` and `place` + 1, if it can take them."""
        if place < 0 or place + 1 >= len(self.chunks):
            return False
        left, right = self.chunks[place], self.chunks[place + 1]
        if self._alone(left) or self._alone(right):
            return False
        size = left.size + right.size - HEADER_BYTES
        if self.fill.exceeded(size, left.count + right.count):
            return False
        self._splice(place, 2, [*left.elements(), *right.elements()])
        return True


def without(elements: Sequence[bytes], element: bytes, limit: int, backward: bool) -> tuple[list[bytes], int]:
    """`elements` without the first (or last) `limit` matches, and how many there were."""
    kept, removed = [], 0
    for candidate in reversed(elements) if backward else elements:
        if removed < limit and candidate == element:
            removed += 1
        else:
            kept.append(candidate)
    if backward:
        kept.reverse()
    return kept, removed
