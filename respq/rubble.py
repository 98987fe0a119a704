"""What is left of emptied databases and of large values, taken apart in slices.

Dropping the last reference to a dict of a million values frees them all in one call: 80 to 170 ms in
which nobody is served, on whatever thread it happens, because the interpreter is held meanwhile. So
FLUSHALL and DEL hand the old structures over and the timer takes them apart.
"""

from __future__ import annotations

from typing import Any

SMALL = 10_000  # items: dropped at once, it takes about a millisecond

Structures = list[list[Any] | dict[Any, Any]]


class Rubble:
    """Lists and dicts that nobody refers to any more; dicts and values in dicts are taken apart as well."""

    def __init__(self) -> None:
        self._pile: list[list[Any] | dict[Any, Any]] = []
        self.freed = 0  # items, since somebody reset it

    def __len__(self) -> int:
        """Items that are known to be left."""
        return sum(map(len, self._pile))

    def add(self, structures: Structures) -> None:
        """Take over what the caller must not use any more."""
        if sum(map(len, structures)) >= SMALL:
            self._pile += structures

    def clear_away(self, limit: int) -> None:
        """Free about `limit` items. O(limit)."""
        while self._pile and limit > 0:
            structure = self._pile[-1]
            before = len(structure)
            if isinstance(structure, list):
                del structure[-limit:]
            else:
                self._shrink(structure, limit)
            freed = before - len(structure)
            self.freed += freed
            limit -= freed
            if not structure:
                self._pile = [rest for rest in self._pile if rest]

    def _shrink(self, structure: dict[Any, Any], limit: int) -> None:
        for _ in range(min(limit, len(structure))):
            _, value = structure.popitem()
            if isinstance(value, dict):
                if len(value) > limit:
                    self._pile.append(value)
                    return
            elif (parts := getattr(value, "parts", None)) is not None and (large := parts()):
                before = len(self._pile)
                self.add(large)
                if len(self._pile) > before:
                    return
