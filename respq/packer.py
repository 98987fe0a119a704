"""Packing large values that nobody changes, a little at a time.

A dict is the fastest form of a hash or a set, and the largest. So values stay dicts while they are being
changed, and a `Packer` walks through all keys, one round a second at most, and has what is large packed
(`Value.pack`) if it was not changed since the round before. It works in slices, like the deletion of
what has expired, and not while a child writes a snapshot, which shares the memory that packing moves.

Rejected: packing as members arrive, which costs SADD 0.2 µs and HSET 0.7; a register of large values,
which every value would have to report to, for 60 ns a key and round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from respq.datatypes.value import Value
from respq.keyspace import Database

_ROUND_MS: Final = 1000  # from the beginning of one round to that of the next, at least
_KEYS: Final = 500  # looked at in one step: 50 µs
_ITEMS: Final = 100  # packed between two looks at the time: 60 µs


class Packer:
    """Where the walk through all databases has come to."""

    def __init__(self, databases: Sequence[Database]) -> None:
        self._databases = databases
        self._db = self._slot = 0  # what is looked at next
        self._next_round_ms = 0
        self._value: Value | None = None  # is being packed
        self._key = b""

    def step(self, now_ms: int, over: Callable[[], bool]) -> bool:
        """Look at some keys, or pack until it is `over`; return whether something is being packed."""
        if self._value is None:
            self._walk(now_ms)
        value = self._value
        if value is None or self._databases[self._db].values.get(self._key) is not value:
            self._value = None  # or deleted, or the databases were exchanged
            return False
        while value.pack(_ITEMS):
            if over():
                return True
        self._value = None
        return False

    def _walk(self, now_ms: int) -> None:
        """Find the next value that is to be packed among some keys."""
        if not self._db and not self._slot:
            if now_ms < self._next_round_ms:
                return
            self._next_round_ms = now_ms + _ROUND_MS
        left = _KEYS
        while left > 0:
            db = self._databases[self._db]
            for key in db.keys[self._slot : self._slot + left]:
                self._slot += 1
                left -= 1
                value = db.values[key]
                if value.pack(_ITEMS):
                    self._value, self._key = value, key
                    return
            if self._slot >= len(db.keys):
                self._slot = 0
                self._db = (self._db + 1) % len(self._databases)
                if not self._db:
                    return
