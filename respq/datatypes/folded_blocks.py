"""Blocks of entries that are kept as they stood in a dump until somebody looks at them.

A server that starts on a large stream need not make replies of entries that nobody has asked for. So the
nodes of a dump, once they are proven sound, become blocks as they are: bytes, and who can read them. What the
log asks of every block (its IDs, how many entries are left) is known. Whatever else is asked finds a slot
that was never filled, which is where Python calls `__getattr__`: the block is then made what it would have
been from the beginning. Blocks that have been read, or never were folded, pay nothing for that.

A snapshot takes over the nodes of a folded block without reading them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from respq.datatypes.entry_blocks import Block, Table

Unfold = Callable[[bytes], Table]

_FOLDED_BYTES: Final = 250  # of a block without its bytes: the object, its places in two lists


class FoldedBlock(Block):
    """Entries with IDs from `first_id` to `last_id`, none of them deleted, that `unfold` finds in `nodes`."""

    __slots__ = ()

    def __init__(self, nodes: bytes, unfold: Unfold, first_id: int, last_id: int, count: int) -> None:
        self.folded = nodes, unfold
        self.first_id, self.last_id = first_id, last_id
        self.live = count

    @property
    def nodes(self) -> bytes:
        """The nodes as they stood in the dump."""
        return self.folded[0]

    def opened(self) -> Block:
        """A block with the same entries to be looked at. O(them)."""
        data, unfold = self.folded
        return Block(unfold(data))

    def __getattr__(self, name: str) -> Any:
        """What is in a slot that only a block has that is not folded."""
        data, unfold = self.folded
        table = unfold(data)  # if there is no memory for it, nothing has happened
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

    def copy(self) -> Block:
        """See `Block`."""
        return FoldedBlock(*self.folded, self.first_id, self.last_id, self.live)

    def memory_bytes(self) -> int:
        """See `Block`."""
        return _FOLDED_BYTES + len(self.nodes)
