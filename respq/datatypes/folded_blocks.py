"""Blocks of entries that are kept as they stood in a dump until somebody looks at them.

A server that starts on a large stream need not make replies of entries that nobody has asked for. So the
nodes of a dump, once they are proven sound, become blocks as they are: bytes, and who can read them. What the
log asks of every block (its IDs, how many entries are left) is known. Whoever looks for a single entry, as
for what is pending somewhere in a stream, or deletes one, has its node looked through and no other, a few
times: 10 µs, where making a block takes 200. Whatever else is asked finds a slot that was never filled, which
is where Python calls `__getattr__`: the block is then made what it would have been from the beginning. Blocks
that have been read, or never were folded, pay nothing for that.

A snapshot takes over the nodes of a folded block without reading them, if nothing was deleted.
"""

from __future__ import annotations

from typing import Any, Final

from respq.datatypes.entry_blocks import Block, NodeReader, Words, encode_entry
from respq.datatypes.entry_ids import show_id

_MOST_SINGLE: Final = 8  # entries that are looked for before it is worth to unfold the block
_FOLDED_BYTES: Final = 250  # of a block without its bytes: the object, its places in two lists


class FoldedBlock(Block):
    """Entries with IDs from `first_id` to `last_id`, neither of them deleted, that `reader` finds in `nodes`.

    `folded` is these two, how many entries have been looked for, and the IDs of those that were deleted.
    """

    __slots__ = ()

    def __init__(self, nodes: bytes, reader: NodeReader, first_id: int, last_id: int, count: int) -> None:
        self.folded = nodes, reader, 0, ()
        self.first_id, self.last_id = first_id, last_id
        self.live = count
        self.worn = count // 2

    @property
    def nodes(self) -> bytes:
        """The nodes as they stood in the dump."""
        return self.folded[0]

    @property
    def is_whole(self) -> bool:
        """Whether nothing was deleted."""
        return not self.folded[3]

    def opened(self) -> Block:
        """A block with the same entries to be looked at. O(them)."""
        nodes, reader, _, gone = self.folded
        block = Block(reader.unfold(nodes))
        for entry_id in gone:
            block.delete(entry_id)
        return block

    def __getattr__(self, name: str) -> Any:
        """What is in a slot that only a block has that is not folded."""
        nodes, reader, _, gone = self.folded
        table = reader.unfold(nodes)  # if there is no memory for it, nothing has happened
        live = self.live  # who looks may have counted already what will be gone
        del self.folded
        self.__class__ = Block  # type: ignore[assignment]  # a base, with the same slots
        Block.__init__(self, table)
        for entry_id in gone:
            Block.delete(self, entry_id)
        self.live = live
        return getattr(self, name)

    def lowest(self) -> int:
        """See `Block`."""
        return self.first_id

    def highest(self) -> int:
        """See `Block`."""
        return self.last_id

    def get(self, entry_id: int) -> bytes | None:
        """See `Block`."""
        if self.folded[2] >= _MOST_SINGLE:
            return super().get(entry_id)
        words = self._look_for(entry_id)
        return None if words is None else encode_entry(show_id(entry_id), words)

    def delete(self, entry_id: int) -> bool:
        """See `Block`."""
        nodes, reader, looked_for, gone = self.folded
        if looked_for >= _MOST_SINGLE or entry_id in {self.first_id, self.last_id}:
            return super().delete(entry_id)
        if self._look_for(entry_id) is None:
            return False
        self.folded = nodes, reader, looked_for + 1, (*gone, entry_id)
        self.live -= 1
        return True

    def _look_for(self, entry_id: int) -> Words | None:
        """The words of an entry, if it is there."""
        nodes, reader, looked_for, gone = self.folded
        if not self.first_id <= entry_id <= self.last_id or entry_id in gone:
            return None
        self.folded = nodes, reader, looked_for + 1, gone
        return reader.find(nodes, entry_id)

    def copy(self) -> Block:
        """See `Block`."""
        nodes, reader, _, gone = self.folded
        twin = FoldedBlock(nodes, reader, self.first_id, self.last_id, self.live)
        twin.folded, twin.worn = (nodes, reader, 0, gone), self.worn
        return twin

    def memory_bytes(self) -> int:
        """See `Block`."""
        return _FOLDED_BYTES + len(self.nodes)
