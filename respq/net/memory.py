"""Memory that was freed, and goes back to the system when nobody has wanted it for a while.

What queues and streams hold are byte strings of some KiB. When they are freed, glibc keeps them for the next
ones, unless they stand at the end of its heap; so a server that once had a backlog would keep its size for
ever (300 MB after XTRIM of a million entries of 200 bytes, 56 with this). Other allocators do as they do.

How much glibc has to spare says `mallinfo2`, which walks all free pieces (0.2 ms for a thousand). Giving back
takes 0.1 ms per MiB, in one go: 26 ms for those 250 MB. Both are done by the timer, less often the longer
they take. What has been given back still counts as free: the least that was free since tells what is new.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from respq.allocator import Allocator, Glibc, allocator
from respq.clock import stopwatch_ns

SPARE_BYTES: Final = 16 << 20  # worth giving back
LOOKS: Final = 4  # at which it was not in use
LOOK_MS: Final = 1000  # between two of them, at least
SHARE: Final = 500  # of the time may go into this


class FreeMemory:
    """Looks after what `allocator` has to spare."""

    def __init__(self, allocator: Allocator) -> None:
        self._allocator = allocator
        self._seen = deque([allocator.free_bytes()], maxlen=LOOKS)  # bytes, at the last looks
        self._given = self._seen[0]  # of what is free, as much as this may have been given back before
        self._next_ms = 0

    def look(self, now_ms: int) -> None:
        """Give back what was free at all of the last looks, if that is much; now and then."""
        if now_ms < self._next_ms:
            return
        begin_ns = stopwatch_ns()
        free = self._allocator.free_bytes()
        self._seen.append(free)
        self._given = min(self._given, free)
        if len(self._seen) == LOOKS and min(self._seen) - self._given >= SPARE_BYTES:
            self._allocator.give_back()
            self._given = free
        spent_ms = (stopwatch_ns() - begin_ns) / 1_000_000
        self._next_ms = now_ms + max(LOOK_MS, int(spent_ms * SHARE))


def free_memory() -> FreeMemory | None:
    """One for this process, None where malloc is not glibc's."""
    malloc = allocator()
    return FreeMemory(malloc) if isinstance(malloc, Glibc) else None
