"""Streams: MAXCOUNT and MAXSIZE, which limit the whole reply of XREAD and XREADGROUP (Redis 8.10)."""

from __future__ import annotations

from collections.abc import Sequence

from respq.commands.arguments import INT64_MAX


class Budget:
    """How much a reply may still hold: so many entries, so many bytes; 0 for any number.

    The size is asked before each entry, never before the first: a reply that has reached it gets no more.
    """

    __slots__ = ("_bytes", "_entries", "_max_bytes", "_taken")

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self._entries = max_entries or INT64_MAX  # left
        self._max_bytes = max_bytes
        self._bytes = 0  # taken
        self._taken = False  # anything

    @property
    def counts_bytes(self) -> bool:
        """Whether the size matters."""
        return self._max_bytes > 0

    @property
    def exhausted(self) -> bool:
        """Whether the reply can have no more."""
        return not self._entries or (0 < self._max_bytes <= self._bytes and self._taken)

    def most(self, count: int) -> int:
        """How many of `count` entries it can have, as far as their number goes."""
        return min(count, self._entries)

    def take(self, entries: Sequence[bytes]) -> int:
        """Put entries into the reply as long as there is room; return how many."""
        count = 0
        for entry in entries:
            if self.exhausted:
                break
            self._entries -= 1
            self._bytes += len(entry)
            self._taken = True
            count += 1
        return count

    def take_many(self, count: int) -> None:
        """Put in so many entries whose size does not matter."""
        self._entries -= count
        self._taken = self._taken or count > 0

    def begin_key(self, head: bytes) -> None:
        """What stands before the entries of a key counts as well."""
        self._bytes += len(head)
