"""How much memory is in use: what eviction goes by, and INFO's `used_memory`.

What the system counts for the process (its resident set) grows as data do, to within a page. But it does not
shrink when they go: freed memory stays with the allocators, in pieces. So what these have to spare is taken
off it. malloc says how much that is. CPython does not, but it counts the blocks in use, and how long they are
on average shows whenever its arenas have to grow: then next to nothing of them was free. From that *density*
and the number of blocks follows what is in use of the arenas later, when some of it has been freed.

    used = resident - spare of malloc - (arenas - blocks x density)

Arenas are what is resident and not malloc's; blocks and bytes count from when the server started. Measured in
`tests/process/test_memory_in_use.py`. One measurement costs about 0.1 ms, and 10 ms for a GB of small values.

Rejected: the resident set alone, which evicts everything once it is too large, since it never shrinks; a sum
of estimates for all values, which every command would have to keep; and one from samples, which a few large
values spoil.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from respq import process
from respq.allocator import Allocator, allocator, blocks_in_use

GROWTH_BYTES: Final = 1 << 16  # of arenas, less is chance
FEW_BLOCKS: Final = 20_000  # from which on the density is taken seriously


class Gauge:
    """Measures. What it learns, it learns from being asked."""

    def __init__(
        self,
        malloc: Allocator | None = None,
        resident_bytes: Callable[[], int] = process.resident_bytes,
        blocks: Callable[[], int] = blocks_in_use,
    ) -> None:
        self._malloc = malloc or allocator()
        self._resident_bytes = resident_bytes
        self._blocks = blocks
        given_out, spare = self._malloc.used_and_spare()
        self.startup_bytes = resident_bytes() - spare  # in use, before there is data
        self._first_blocks = blocks()
        self._first_others = self.startup_bytes - given_out  # resident, and not malloc's
        self._arenas = 0  # bytes, when they had grown last
        self._last_blocks = 0
        self._density = 0.0  # bytes of arenas by block; 0: not known yet

    def used_bytes(self) -> int:
        """Memory in use now."""
        resident = self._resident_bytes()
        given_out, spare = self._malloc.used_and_spare()
        arenas = resident - given_out - spare - self._first_others
        return resident - spare - self._spare_of_arenas(arenas, self._blocks() - self._first_blocks)

    def _spare_of_arenas(self, arenas: int, blocks: int) -> int:
        """How much of so many bytes of arenas is free; `blocks` are in use of them."""
        more, self._last_blocks = blocks > self._last_blocks, blocks
        if blocks < FEW_BLOCKS and not self._density:
            return 0
        if not self._density or (more and arenas >= self._arenas + GROWTH_BYTES):  # they are full
            self._density = max(0, arenas) / max(1, blocks)
            self._arenas = arenas
        elif arenas < blocks * self._density:
            self._density = max(0, arenas) / blocks
        self._arenas = min(self._arenas, arenas)
        return max(0, int(arenas - max(0, blocks) * self._density))
