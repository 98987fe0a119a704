"""Databases: keys, their values, and when they expire.

Three structures per database agree with each other at every moment (`check` says how):

- `values`, a dict from key to value. The value carries the header (`datatypes/value.py`).
- `keys`, an array of all keys. The header holds the index; deletion moves the last key into the
  gap. That gives SCAN its guarantee without any state (see `scan`) and makes RANDOMKEY and sampling
  O(1), where a dict alone would cost 770 µs per `next(iter(d))` after 900,000 deletions at its
  head.
- `deadlines`, the keys with an expiry, by deadline; and `field_deadlines`, the hashes some of whose
  fields expire, by a moment that is no later than the first of those (`HashValue.due_ms`).

An expired key is gone for every reader the moment its time comes: `find` deletes it, with the
effects that the log and the watchers need. The engine's timer deletes those that nobody asks for,
in slices. So it is with the fields of a hash, except that commands on hashes have to ask: a field that
nobody names may stay until the timer has come to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, TypeVar

from respq.clock import Clock
from respq.datatypes.hashes import HashValue
from respq.datatypes.value import Value
from respq.deadlines import Deadlines
from respq.errors import wrong_type
from respq.protocol import Argv
from respq.protocol.annotations import Annotation
from respq.protocol.runs import Run
from respq.rubble import Rubble

V = TypeVar("V", bound=Value)
EXPIRY_RESOLUTION_SHIFT = 7  # keys that nobody asks for are deleted up to 128 ms late
FIELDS_AT_ONCE = 1000  # expired fields that a command deletes without having named them: about a millisecond


class FieldEvent(str):
    """The name of a key-space event with the fields of the hash that it is about."""

    __slots__ = ("fields",)

    def __new__(cls, name: str, fields: Sequence[bytes]) -> FieldEvent:
        """Made where the command that is logged does not tell the fields, or not only these."""
        event = super().__new__(cls, name)
        event.fields = fields
        return event

    fields: Sequence[bytes]


# What a command did: the database; the key, or None if it wakes and dirties nobody; the name of the
# key-space event, or None if it notifies no one; the command that repeats the change, or None if
# there is nothing to log. A plain tuple, because a NamedTuple costs 0.23 µs more.
Effect = tuple["Database", bytes | None, str | None, "Argv | Run | Annotation | None"]
Effects = list[Effect]


class Expiry:
    """What becomes of keys and fields whose time has come when a command meets them, if not deletion."""

    __slots__ = ("kept", "shown")

    def __init__(self) -> None:
        self.kept = False  # readers find nothing, and delete nothing: CLIENT PAUSE, import-mode
        self.shown = False  # they are found as if there were time left: CLIENT IMPORT-SOURCE


class Database:
    """One of the numbered keyspaces.

    `effects` and `expiry` are shared by all; `expired` counts deletions by expiry.
    """

    __slots__ = (
        "clock", "deadlines", "effects", "expired", "expired_fields", "expiring", "expiry", "field_deadlines",
        "fields_expiring", "index", "keys", "rubble", "values",
    )  # fmt: skip

    def __init__(
        self,
        index: int,
        clock: Clock,
        effects: Effects,
        rubble: Rubble | None = None,
        expiry: Expiry | None = None,
    ) -> None:
        self.index = index
        self.clock = clock
        self.effects = effects
        self.rubble = rubble  # takes what is too large to be freed at once
        self.expired = self.expired_fields = 0
        self.expiry = expiry or Expiry()
        self.values: dict[bytes, Value] = {}
        self.keys: list[bytes] = []
        self.deadlines: Deadlines[bytes] = Deadlines(EXPIRY_RESOLUTION_SHIFT)
        self.expiring = 0  # keys with a deadline
        self.field_deadlines: Deadlines[bytes] = Deadlines(EXPIRY_RESOLUTION_SHIFT)
        self.fields_expiring = 0  # keys of hashes in there

    def __len__(self) -> int:
        return len(self.keys)

    # -- finding -----------------------------------------------------------------------------------

    def get(self, key: bytes) -> Value | None:
        """The value of any type under `key`, which is accessed thereby, or None. O(1)."""
        value = self.values.get(key)
        if value is None:
            return None
        if value.expires_ms and value.expires_ms <= self.clock.now_ms and self.expire(key):
            return None
        value.accessed = self.clock.second
        return value

    def peek(self, key: bytes) -> Value | None:
        """As `get`, but that is no access: for commands that ask about a key, not for its value."""
        value = self.values.get(key)
        if value is None or not value.expires_ms or value.expires_ms > self.clock.now_ms:
            return value
        return None if self.expire(key) else value

    def find(self, key: bytes, kind: type[V]) -> V | None:
        """The value under `key`, or None. Raises WRONGTYPE if it is not a `kind`. O(1)."""
        value = self.values.get(key)
        if value is None:
            return None
        if value.expires_ms and value.expires_ms <= self.clock.now_ms and self.expire(key):
            return None
        value.accessed = self.clock.second
        if value.__class__ is kind:
            return value
        raise wrong_type()

    def find_or_create(self, key: bytes, kind: type[V]) -> V:
        """As `find`, but a missing value is created empty: the caller must put something in. O(1)."""
        value = self.find(key, kind)
        if value is None:
            value = kind()
            self.add(key, value)
        return value

    def find_each(self, keys: Sequence[bytes], kind: type[V]) -> list[V | None] | None:
        """What stands under each key, None where nothing does; for a run of commands. O(keys).

        None, and nothing was done but to access them, if one of the values is not a `kind` or has expired.
        """
        now_ms, second = self.clock.now_ms, self.clock.second
        found = list(map(self.values.get, keys))
        for value in found:
            if value is not None:
                if value.__class__ is not kind or 0 < value.expires_ms <= now_ms:
                    return None
                value.accessed = second
        return found  # type: ignore[return-value]  # all of them are seen to be

    # -- changing ----------------------------------------------------------------------------------

    def add(self, key: bytes, value: Value) -> None:
        """Store `value`, whose header is fresh, under a key that does not exist. O(1)."""
        value.accessed = self.clock.second
        value.slot = len(self.keys)
        self.keys.append(key)
        self.values[key] = value
        self._note_deadlines(key, value)

    def _note_deadlines(self, key: bytes, value: Value) -> None:
        """A value that may have deadlines is stored now."""
        if value.expires_ms:
            self.deadlines.add(key, value.expires_ms)
            self.expiring += 1
        if value.__class__ is HashValue and value.due_ms:
            self.field_deadlines.add(key, value.due_ms)
            self.fields_expiring += 1

    def _forget_deadlines(self, key: bytes, value: Value) -> None:
        """It is not any more."""
        if value.expires_ms:
            self.deadlines.discard(key, value.expires_ms)
            self.expiring -= 1
        if value.__class__ is HashValue and value.due_ms:
            self.field_deadlines.discard(key, value.due_ms)
            self.fields_expiring -= 1

    def put(self, key: bytes, value: Value) -> None:
        """Store `value` under `key`, in place of whatever was there, expiry included. O(1).

        The key keeps its place, or a scan that has passed the end would miss it.
        """
        old = self.values.get(key)
        if old is None:
            self.add(key, value)
            return
        self._forget_deadlines(key, old)
        value.accessed = self.clock.second
        value.slot = old.slot
        self.values[key] = value
        self._note_deadlines(key, value)
        self._tear_down(old)

    def displace(self, key: bytes, value: Value) -> None:
        """As `put`, for commands to which the key is a new one in any case (RENAME, COPY, RESTORE). O(1)."""
        self.put(key, value)

    def remove(self, key: bytes) -> Value | None:
        """Take the value out, expired or not; return it, or None. Its header keeps the expiry. O(1)."""
        value = self.values.pop(key, None)
        if value is None:
            return None
        last = self.keys.pop()
        if last is not key and last != key:
            self.keys[value.slot] = last
            self.values[last].slot = value.slot
        self._forget_deadlines(key, value)
        return value

    def discard(self, key: bytes) -> None:
        """Take the value out for good: what is large of it is freed in slices. O(1)."""
        value = self.remove(key)
        if value is not None:
            self._tear_down(value)

    def _tear_down(self, value: Value) -> None:
        """Nobody refers to a value any more: what is large of it is freed in slices."""
        if self.rubble is not None and (parts := value.parts()):
            self.rubble.add(parts)

    def set_expiry(self, key: bytes, value: Value, at_ms: int) -> None:
        """Let `value`, stored under `key`, expire at `at_ms` (Unix time); 0 makes it stay. O(1)."""
        if value.expires_ms:
            self.deadlines.discard(key, value.expires_ms)
            self.expiring -= 1
        value.expires_ms = at_ms
        if at_ms:
            self.deadlines.add(key, at_ms)
            self.expiring += 1

    def clear(self) -> list[list[Any] | dict[Any, Any]]:
        """Delete everything, without effects; return the structures, to be taken apart (`rubble`). O(1)."""
        structures: list[list[Any] | dict[Any, Any]] = [self.keys, self.values, self.deadlines.clear()]
        structures.append(self.field_deadlines.clear())
        self.values = {}
        self.keys = []
        self.expiring = self.fields_expiring = 0
        return structures

    def swap(self, other: Database) -> None:
        """Exchange contents with `other`; clients stay with the number that they selected."""
        for name in ("values", "keys", "deadlines", "expiring", "field_deadlines", "fields_expiring"):
            mine, theirs = getattr(self, name), getattr(other, name)
            setattr(self, name, theirs)
            setattr(other, name, mine)

    # -- expiry ------------------------------------------------------------------------------------

    def expire(self, key: bytes) -> bool:
        """Delete a key whose time has come, unless it is kept; say so to the log and to whoever watches.

        False if it is to be found all the same.
        """
        if self.expiry.shown:
            return False
        if not self.expiry.kept:
            self.discard(key)
            self.expired += 1
            self.effects.append((self, key, "expired", [b"DEL", key]))
        return True

    def expire_due(self, limit: int) -> int:
        """Delete at most `limit` keys whose time has come; return how many. O(limit)."""
        due = self.deadlines.due(self.clock.now_ms, limit)
        for key in due:
            self.expire(key)
        return len(due)

    def has_due(self, now_ms: int) -> bool:
        """Whether there may be a key or a field whose time has come. O(1)."""
        return self.deadlines.has_due(now_ms) or self.field_deadlines.has_due(now_ms)

    # -- expiry of fields --------------------------------------------------------------------------

    def note_deadlines(self, key: bytes, value: HashValue) -> None:
        """Fields of the hash under `key` have been given deadlines: see to them in time. O(log n)."""
        due_ms = value.next_deadline()
        if not value.due_ms or due_ms < value.due_ms:
            self._let_fall_due(key, value, due_ms)

    def _let_fall_due(self, key: bytes, value: HashValue, due_ms: int) -> None:
        """Look at the hash when `due_ms` has come; 0: not again."""
        if value.due_ms:
            self.field_deadlines.discard(key, value.due_ms)
            self.fields_expiring -= 1
        value.due_ms = due_ms
        if due_ms:
            self.field_deadlines.add(key, due_ms)
            self.fields_expiring += 1

    def expire_fields(self, key: bytes, value: HashValue, fields: Sequence[bytes]) -> HashValue | None:
        """Delete those of `fields` that have expired; return the hash, or None if that was all of it.

        Where what has expired is kept, the hash returned is a copy without it. O(fields), or O(n).
        """
        if self.expiry.shown or self.expiry.kept:
            return self._without_expired(value)
        return self._delete_fields(key, value, value.take_due_of(fields, self.clock.now_ms))

    def expire_some_fields(self, key: bytes, value: HashValue) -> HashValue | None:
        """Delete fields of the hash that have expired, nearly always all; None if it is gone. O(1)."""
        if self.expiry.shown or self.expiry.kept:
            return value
        return self._delete_fields(key, value, value.take_due(self.clock.now_ms, FIELDS_AT_ONCE))

    def without_expired_fields(self, key: bytes, value: HashValue) -> HashValue | None:
        """The hash without any field that has expired; None if there are no others.

        What is returned is a copy if very many have expired, or if they are kept. O(1), or O(n).
        """
        return None if self.expire_some_fields(key, value) is None else self._without_expired(value)

    def _without_expired(self, value: HashValue) -> HashValue | None:
        now_ms = self.clock.now_ms
        if self.expiry.shown or not 0 < value.next_deadline() < now_ms:
            return value
        value = value.without_due(now_ms)
        return value if value.fields else None

    def _delete_fields(self, key: bytes, value: HashValue, due: Sequence[bytes]) -> HashValue | None:
        """`due` have been taken out of the hash: say so; delete the key if they were all."""
        event: str | None = FieldEvent("hexpired", due) if due else None
        for field in due:
            self.effects.append((self, key, event, [b"HDEL", key, field]))
            event = None
        self.expired_fields += len(due)
        if value.fields:
            return value
        self.remove(key)
        self.effects.append((self, key, "del", None))
        return None

    def expire_due_fields(self, limit: int) -> int:
        """Delete at most `limit` fields whose time has come, of one hash; return how many, or 1. O(limit)."""
        for key in self.field_deadlines.due(self.clock.now_ms, 1):
            value = self.values[key]
            assert isinstance(value, HashValue)
            due = value.take_due(self.clock.now_ms, limit)
            if self._delete_fields(key, value, due) is not None:
                self._let_fall_due(key, value, value.next_deadline())
            return max(1, len(due))
        return 0

    # -- looking around ----------------------------------------------------------------------------

    def random_key(self, rng: Random) -> bytes | None:
        """A key that is not expired, or None if there is none."""
        for _ in range(100):
            if not self.keys:
                return None
            key = rng.choice(self.keys)
            if self.peek(key) is not None:
                return key
        return next(self.live_keys(), None)

    def live_keys(self) -> Iterator[bytes]:
        """The keys that are to be found. Nothing may change meanwhile. O(n)."""
        now_ms = 0 if self.expiry.shown else self.clock.now_ms
        for key, value in self.values.items():
            if not value.expires_ms or value.expires_ms > now_ms:
                yield key

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """At most `count` keys below `cursor`, and the next cursor. O(count).

        0 starts an iteration and, in the answer, ends it. The cursor is an index that walks downward. A
        deletion moves the last key down into the gap, so a key that was not returned yet can only move to a
        lower index, where the walk still has to pass: every key that exists during the whole iteration is
        returned, at the price of some being returned twice.
        """
        end = len(self.keys) if cursor <= 0 else min(cursor, len(self.keys))
        start = max(0, end - count)
        return start, self.keys[start:end]

    def check(self) -> None:
        """Assert that the structures agree."""
        assert len(self.keys) == len(self.values)
        for slot, key in enumerate(self.keys):
            assert self.values[key].slot == slot
        assert self.expiring == sum(1 for value in self.values.values() if value.expires_ms)
        hashes = [value for value in self.values.values() if isinstance(value, HashValue)]
        assert self.fields_expiring == sum(1 for value in hashes if value.due_ms)
        for value in hashes:
            assert 0 < value.due_ms <= value.next_deadline() or not value.next_deadline()


def databases(
    count: int, clock: Clock, effects: Effects, rubble: Rubble | None
) -> tuple[list[Database], Expiry]:
    """Empty databases of one server, and what becomes of their expired keys."""
    expiry = Expiry()
    return [Database(number, clock, effects, rubble, expiry) for number in range(count)], expiry
