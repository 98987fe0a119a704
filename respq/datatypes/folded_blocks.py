"""Blocks of entries that are kept as they stood in a dump until somebody looks at them.

A server that starts on a large stream need not make replies of entries that nobody has asked for. So the
nodes of a dump, once they are proven sound, become blocks as they are: bytes, and who can read them. What the
log asks of every block (its IDs, how many entries are left) is known. Whoever looks for a single entry, as
for what is pending somewhere in a stream, has its node read and no other, a few times. Whatever else is asked
finds a slot that was never filled, which is where Python calls `__getattr__`: the block is then made what it
would have been from the beginning. Blocks that have been read, or never were folded, pay nothing for that.

A snapshot takes over the nodes of a folded block without reading them.
"""

from __future__ import annotations

from typing import Any, Final

from respq.datatypes.entry_blocks import Block, NodeReader, encode_entry
from respq.datatypes.entry_ids import show_id

_MOST_SINGLE: Final = 2  # entries that are looked for before it is worth to unfold the block
_FOLDED_BYTES: Final = 250  # of a block without its bytes: the object, its places in two lists


class FoldedBlock(Block):
    """Entries with IDs from `first_id` to `last_id`, none of them deleted, that `reader` finds in `nodes`."""

    __slots__ = ()

    def __init__(self, nodes: bytes, reader: NodeReader, first_id: int, last_id: int, count: int) -> None:
        self.folded = nodes, reader, 0
        self.first_id, self.last_id = first_id, last_id
        self.live = count

    @property
    def nodes(self) -> bytes:
        """The nodes as they stood in the dump."""
        return self.folded[0]

    def opened(self) -> Block:
        """A block with the same entries to be looked at. O(them)."""
        nodes, reader, _ = self.folded
        return Block(reader.unfold(nodes))

    def __getattr__(self, name: str) -> Any:
        """What is in a slot that only a block has that is not folded."""
        nodes, reader, _ = self.folded
        table = reader.unfold(nodes)  # if there is no memory for it, nothing has happened
        live = self.live  # who looks may have counted already what will be gone
        del self.folded
        self.__class__ = Block  # type: ignore[assignment]  # a base, with the same slots
        Block.__init__(self, table)
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
        nodes, reader, looked_for = self.folded
        if looked_for >= _MOST_SINGLE:
            return super().get(entry_id)
        if entry_id < self.first_id:
            return None
        self.folded = nodes, reader, looked_for + 1
        words = reader.find(nodes, entry_id)
        return None if words is None else encode_entry(show_id(entry_id), words)

    def copy(self) -> Block:
        """See `Block`."""
        nodes, reader, _ = self.folded
        return FoldedBlock(nodes, reader, self.first_id, self.last_id, self.live)

    def memory_bytes(self) -> int:
        """See `Block`."""
        return _FOLDED_BYTES + len(self.nodes)
