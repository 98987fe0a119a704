"""Packing values that nobody changes, a little at a time.

A dict is the fastest form of a hash or a set, and the largest. So values stay dicts while they are being
changed, and a `Packer` walks through all keys, one round a second at most, and packs what was not changed
since the round before (`Value.pack`). It works in slices, like the deletion of what has expired, and not
while a child writes a snapshot, which shares the memory that packing moves.

Rejected: packing as members arrive, which costs SADD 0.2 µs and HSET 0.7; a register of what can be packed,
which every value would have to report to, for 0.15 µs a key and round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from respq.datatypes.value import Value
from respq.keyspace import Database

_ROUND_MS: Final = 1000  # from the beginning of one round to that of the next, at least
_KEYS: Final = 2000  # looked at in one step, at most: 0.3 ms
_BETWEEN_LOOKS: Final = 16  # keys, between two looks at the time
_ITEMS: Final = 100  # packed between two looks at the time: 0.1 ms


class Packer:
    """Where the walk through all databases has come to."""

    def __init__(self, databases: Sequence[Database]) -> None:
        self._databases = databases
        self._db = self._slot = 0  # what is looked at next
        self._next_round_ms = 0
        self._between_rounds = True
        self._value: Value | None = None  # is being packed
        self._key = b""  # it stands under

    def step(self, now_ms: int, over: Callable[[], bool]) -> bool:
        """Look at some keys and pack what can be, until it is `over`; return whether anything was."""
        if self._between_rounds:
            if now_ms < self._next_round_ms:
                return False
            self._between_rounds, self._next_round_ms = False, now_ms + _ROUND_MS
        if self._databases[self._db].values.get(self._key) is not self._value:
            self._value = None  # deleted, or the databases were exchanged
        packed = False
        for number in range(_KEYS):
            value = self._next() if self._value is None else self._value
            if value is None:
                break
            if value.pack(_ITEMS):
                packed = True
                self._value = value  # there may be more of it
            else:
                self._value = None
                if number % _BETWEEN_LOOKS:
                    continue
            if over():
                break
        return packed

    def _next(self) -> Value | None:
        """The next value of the round, or None if it is over."""
        while True:
            db = self._databases[self._db]
            if self._slot < len(db.keys):
                self._key = db.keys[self._slot]
                self._slot += 1
                return db.values[self._key]
            self._slot = 0
            self._db = (self._db + 1) % len(self._databases)
            if not self._db:
                self._between_rounds = True
                return None
