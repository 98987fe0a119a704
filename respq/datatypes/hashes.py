"""The hash: a dict from field to value, and beside it whatever only some hashes need.

    fields    the dict. Python's keeps the order of insertion, which is Redis's order as long as it would
              keep a listpack; above that any order is as good as another. One with more than 1,000 fields
              becomes many small dicts, for good, when it is scanned or sampled (`Shards`). What nobody has
              changed for a while is packed: a large hash as many byte strings, a listpack as one (`Packed`),
              which becomes a dict again when it is changed
    listpack  whether Redis would still keep a listpack: it never goes back. OBJECT ENCODING says so, and
              the order of replies is that of Redis
    expiry    the deadlines of fields, for hashes that have or had any (`FieldExpiry`)
    due_ms    under which deadline the keyspace has the hash in its books; its own matter

HSCAN returns a smaller dict at once, so no cursor is about when one becomes shards.

Whoever reads goes to `fields` directly. A field whose deadline has passed stands there until it is taken
out (`take_due`, `take_due_of`), so readers of a hash with `expiry` have to ask about it first.

In a listpack, Redis puts fields with a deadline first, the earliest before the others, and of equal ones
the one that was set last; the others follow, in the order in which they were added or lost theirs. That
order is worked out when it is asked for (`items`), from the order of insertion into two dicts.

Rejected: values as objects with their deadline (56 bytes each for every hash), the order of a listpack kept
at each change (a dict made anew each time), a bucket of deadlines per moment (`Deadlines`; 300 bytes a
field if each has a moment of its own, against 100 for a heap).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import islice
from random import Random
from typing import ClassVar, Final, Self

from respq.datatypes.packing import Packed
from respq.datatypes.shards import Shards, dict_bytes
from respq.datatypes.sizes import INT_BYTES, allocated, words_bytes
from respq.datatypes.value import Limits, Value
from respq.rubble import Structures

_REBUILD_FIELDS: Final = 32  # of one command, with their values 64 items
_ENTRY_BYTES: Final = 64  # of a tuple in the heap of deadlines
_LARGEST_DICT: Final = 1000  # fields of one dict
_STALE: Final = 64  # entries of a heap that may always be stale


class FieldExpiry:
    """The deadlines of some fields, in Unix ms. A field has passed when the present is behind its deadline.

    `at` may be read freely: in the order in which the deadlines were set. Beside it stands a heap, of
    which an entry counts only if `at` says the same; it is made anew when most entries do not.
    """

    __slots__ = ("_heap", "at")

    def __init__(self) -> None:
        self.at: dict[bytes, int] = {}
        self._heap: list[tuple[int, bytes]] = []

    def set(self, field: bytes, at_ms: int) -> None:
        """Give `field` a deadline, in place of any that it has. O(log n), amortised."""
        self.at.pop(field, None)  # to stand last
        self.at[field] = at_ms
        if len(self._heap) > 2 * len(self.at) + _STALE:
            self._heap = [(at_ms, field) for field, at_ms in self.at.items()]
            heapify(self._heap)
        else:
            heappush(self._heap, (at_ms, field))

    def memory_bytes(self, samples: int) -> int:
        """See `Value`. The deadlines of one command are one number; here each is counted."""
        at, heap = self.at, self._heap
        words = words_bytes(at, len(at), samples) + INT_BYTES * len(at)
        return allocated(self, at, heap) + words + _ENTRY_BYTES * len(heap)

    def next_ms(self) -> int:
        """The earliest deadline, or 0 if there is none. O(log n), amortised."""
        heap, at = self._heap, self.at
        while heap and at.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else 0

    def due(self, now_ms: int, limit: int) -> list[bytes]:
        """At most `limit` fields whose deadline has passed, earliest first; they lose it. O(limit log n)."""
        found: list[bytes] = []
        while len(found) < limit and 0 < self.next_ms() < now_ms:
            field = heappop(self._heap)[1]
            del self.at[field]
            found.append(field)
        return found

    def ordered(self) -> list[bytes]:
        """The fields, earliest deadline first, of equal ones the one set last. O(n log n)."""
        fields = list(reversed(self.at))
        fields.sort(key=self.at.__getitem__)  # stable
        return fields

    def copy(self) -> FieldExpiry:
        """An independent copy."""
        twin = FieldExpiry()
        twin.at, twin._heap = self.at.copy(), self._heap.copy()
        return twin

    def check(self) -> None:
        """Every deadline is in the heap, which is one, and not too much else is."""
        assert {(at_ms, field) for field, at_ms in self.at.items()} <= set(self._heap)
        assert all(self._heap[(place - 1) // 2] <= self._heap[place] for place in range(1, len(self._heap)))


class HashValue(Value):
    """A hash. `fields` may be read freely, and is changed by the methods alone."""

    __slots__ = ("_idle", "due_ms", "expiry", "fields", "listpack")
    kind: ClassVar[bytes] = b"hash"
    directives: ClassVar[tuple[str, ...]] = ("hash-max-listpack-entries", "hash-max-listpack-value")
    max_listpack_entries: ClassVar[int] = 512
    max_listpack_value: ClassVar[int] = 64  # bytes

    @classmethod
    def limit(cls, limits: Limits) -> None:
        """Apply the `hash-max-listpack-…` directives."""
        cls.max_listpack_entries = limits.hash_max_listpack_entries
        cls.max_listpack_value = limits.hash_max_listpack_value

    def __init__(self) -> None:
        self.expires_ms = 0
        self.slot = -1
        self.fields: dict[bytes, bytes] | Packed | Shards = {}
        self.listpack = True
        self.expiry: FieldExpiry | None = None
        self.due_ms = 0
        self._idle = False  # nothing was set or removed since the last call of `pack`

    def __len__(self) -> int:
        return len(self.fields)

    # -- changing ----------------------------------------------------------------------------------

    def set(self, field: bytes, data: bytes) -> bool:
        """Put `data` under `field`, which loses its deadline; return whether it is new. O(1)."""
        fields = self.fields
        self._idle = False
        if fields.__class__ is not dict:
            fields = self.changeable()
        if fields.__class__ is Shards:
            added = fields.put(field, data)
        else:
            before = len(fields)
            fields[field] = data
            added = len(fields) > before
            if self.listpack and (
                len(data) > self.max_listpack_value
                or len(field) > self.max_listpack_value
                or len(fields) > self.max_listpack_entries
            ):
                self.listpack = False
        if self.expiry is not None and not added:
            self.persist(field)
        return added

    def set_each(self, fields: Sequence[bytes], values: Sequence[bytes]) -> list[bool]:
        """As `set`, again and again; which of the fields were new. Of a hash without deadlines. O(n)."""
        mine = self.changeable()
        if mine.__class__ is Shards:
            return mine.put_each(fields, values)
        before = len(mine)
        added = [field not in mine for field in fields]
        mine.update(zip(fields, values, strict=True))
        if sum(added) > len(mine) - before:  # a field that is new is there twice
            seen: set[bytes] = set()
            for place, field in enumerate(fields):
                added[place] = added[place] and field not in seen
                seen.add(field)
        if self.listpack and (
            len(mine) > self.max_listpack_entries
            or max(map(len, fields)) > self.max_listpack_value
            or max(map(len, values)) > self.max_listpack_value
        ):
            self.listpack = False
        return added

    def set_all(self, words: Sequence[bytes]) -> int:
        """As `set`, for fields and values in turn; return how many fields are new. O(n)."""
        fields = self.changeable()
        if self.listpack:
            self.expect(words)
        before = len(fields)
        if self.expiry is None:
            fields.update(zip(words[::2], words[1::2]))  # noqa: B905  # 0.1 us
            if len(self.fields) > self.max_listpack_entries:
                self.listpack = False
        else:
            for field, data in zip(words[::2], words[1::2], strict=True):
                self.set(field, data)
        return len(self.fields) - before

    def expect(self, words: Sequence[bytes]) -> None:
        """Fields and values will be set by one command: they count, even if some of them are the same."""
        if len(words) // 2 > self.max_listpack_entries or max(map(len, words)) > self.max_listpack_value:
            self.listpack = False

    def replace(self, field: bytes, data: bytes) -> None:
        """Put `data` under `field`, which keeps its deadline. O(1)."""
        at_ms = self.deadline_of(field)
        if not at_ms or self.expiry is None:
            self.set(field, data)
            return
        self.changeable()[field] = data
        if len(data) > self.max_listpack_value:
            self.listpack = False

    def remove(self, fields: Iterable[bytes]) -> list[bytes]:
        """Take fields out; return those that were there. O(fields)."""
        mine = self.changeable()
        removed = [field for field in fields if mine.pop(field, None) is not None]
        if self.expiry is not None:
            for field in removed:
                self.expiry.at.pop(field, None)
        return removed

    def changeable(self) -> dict[bytes, bytes] | Shards:
        """The fields, about to be changed. O(1), O(n) if they are packed as one."""
        self._idle = False
        fields = self.fields
        if isinstance(fields, Packed):
            self.fields = fields = fields.unpacked()
        return fields

    # -- expiry of fields --------------------------------------------------------------------------

    def keep_deadlines(self) -> None:
        """Be ready for deadlines of fields, which makes a listpack one of another kind."""
        if self.expiry is None:
            self.changeable()
            self.expiry = FieldExpiry()

    def expire(self, field: bytes, at_ms: int) -> None:
        """Give a field that exists a deadline in Unix ms. O(log n), amortised."""
        self.keep_deadlines()
        assert self.expiry is not None
        self.expiry.set(field, at_ms)

    def persist(self, field: bytes) -> bool:
        """Take away a field's deadline; return whether it had one. O(1)."""
        if self.expiry is None or self.expiry.at.pop(field, None) is None:
            return False
        if self.listpack:
            fields = self.changeable()
            data = fields[field]
            fields.pop(field)
            fields[field] = data  # behind the others without
        return True

    def deadline_of(self, field: bytes) -> int:
        """A field's deadline, or 0. O(1)."""
        return 0 if self.expiry is None else self.expiry.at.get(field, 0)

    def next_deadline(self) -> int:
        """The earliest deadline of all fields, or 0. O(log n), amortised."""
        return 0 if self.expiry is None else self.expiry.next_ms()

    def take_due(self, now_ms: int, limit: int) -> list[bytes]:
        """Take out at most `limit` fields whose deadline has passed; return them. O(limit log n)."""
        return [] if self.expiry is None else self.remove(self.expiry.due(now_ms, limit))

    def take_due_of(self, fields: Iterable[bytes], now_ms: int) -> list[bytes]:
        """Take out those of `fields` whose deadline has passed; return them. O(fields)."""
        return self.remove([field for field in fields if 0 < self.deadline_of(field) < now_ms])

    def without_due(self, now_ms: int) -> Self:
        """A copy, for reading, without the fields whose deadline has passed. O(n)."""
        twin = self.copy()
        twin.take_due(now_ms, len(twin.fields))
        return twin

    # -- some of it --------------------------------------------------------------------------------

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """About `count` fields and the next cursor; all fields of one dict. O(count); see `Shards`."""
        fields = self._divided()
        return fields.scan(cursor, count) if isinstance(fields, Shards) else (0, self.names())

    def choice(self, rng: Random) -> bytes:
        """Any field of a hash that has some. O(1); see `Shards`."""
        fields = self._divided()
        return fields.choice(rng) if isinstance(fields, Shards) else rng.choice(list(fields))

    def choices(self, rng: Random, count: int) -> list[bytes]:
        """So many fields, each drawn from all. O(count); see `Shards`."""
        fields = self._divided()
        if isinstance(fields, Shards):
            return fields.choices(rng, count)
        return rng.choices(list(fields), k=count)

    def sample(self, rng: Random, count: int) -> list[bytes]:
        """So many different fields, or all there are; those of one dict in its order. O(count)."""
        if count >= len(self.fields):
            return self.names()
        fields = self._divided()
        if isinstance(fields, Shards):
            return fields.sample(rng, count)
        names = self.names()
        return [names[place] for place in sorted(rng.sample(range(len(names)), count))]

    def _divided(self) -> dict[bytes, bytes] | Packed | Shards:
        """The fields, as what can be scanned and drawn from piece by piece. O(1)."""
        if len(self.fields) > _LARGEST_DICT and not self.listpack and isinstance(self.fields, dict):
            self.fields = Shards(self.fields)
        return self.fields

    def pack(self, limit: int) -> bool:
        """See `Value`."""
        if not self._idle:
            self._idle = True
            return False
        fields = self._divided()
        if isinstance(fields, Shards):
            return fields.pack(limit)
        if fields.__class__ is not dict or not self.listpack or self.expiry is not None:
            return False
        packed = Packed.of(fields)
        if packed is not None:
            self.fields = packed
        return packed is not None

    # -- the whole ---------------------------------------------------------------------------------

    def names(self) -> list[bytes]:
        """All fields, in Redis's order while it would keep a listpack. O(n), O(n log n) with deadlines."""
        if self.expiry is None or not self.expiry.at or not self.listpack:
            return list(self.fields)
        at = self.expiry.at
        return self.expiry.ordered() + [field for field in self.fields if field not in at]

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """All fields with their values, as `names`."""
        if self.expiry is None or not self.expiry.at or not self.listpack:
            return self.fields.items()
        fields = self.fields
        return [(field, fields[field]) for field in self.names()]

    def values(self) -> Iterable[bytes]:
        """All values, as `names`."""
        if self.expiry is None or not self.expiry.at or not self.listpack:
            return self.fields.values()
        return map(self.fields.__getitem__, self.names())

    def encoding(self) -> bytes:
        """What the changes so far have led to."""
        if not self.listpack:
            return b"hashtable"
        return b"listpack" if self.expiry is None else b"listpackex"

    def memory_bytes(self, samples: int) -> int:
        """See `Value`."""
        fields = self.fields
        own = dict_bytes(fields, samples) if isinstance(fields, dict) else fields.memory_bytes(samples)
        return allocated(self) + own + (0 if self.expiry is None else self.expiry.memory_bytes(samples))

    def parts(self) -> Structures:
        """See `Value`."""
        fields = self.fields
        structures: Structures = [fields] if isinstance(fields, dict) else fields.parts()
        return structures if self.expiry is None else [*structures, self.expiry.at]

    def copy(self) -> Self:
        """An independent copy, with the deadlines of its fields."""
        twin = type(self)()
        twin.fields = self.fields.copy()
        twin.listpack, twin.due_ms = self.listpack, self.due_ms
        twin.expiry = None if self.expiry is None else self.expiry.copy()
        return twin

    def rebuild(self, key: bytes) -> Iterator[list[bytes]]:
        """HMSET commands, as Redis writes them, and one HPEXPIREAT for each deadline."""
        pairs = iter(self.items())
        while batch := list(islice(pairs, _REBUILD_FIELDS)):
            yield [b"HMSET", key, *(word for pair in batch for word in pair)]
        if self.expiry is not None:
            for field, at_ms in self.expiry.at.items():
                yield [b"HPEXPIREAT", key, b"%d" % at_ms, b"FIELDS", b"1", field]

    def check(self) -> None:
        """Assert the invariants."""
        if self.listpack:
            assert all(len(word) <= self.max_listpack_value for pair in self.fields.items() for word in pair)
            assert len(self.fields) <= self.max_listpack_entries
        if self.expiry is not None:
            self.expiry.check()
            assert set(self.expiry.at) <= set(self.fields)
        if isinstance(self.fields, Shards):
            self.fields.check()
            assert not self.listpack
        assert sorted(self.names()) == sorted(self.fields)


def set_in_each(hashes: Sequence[HashValue], fields: Sequence[bytes], values: Sequence[bytes]) -> list[bool]:
    """`HashValue.set` of one field in each of several hashes; which of the fields were new. O(fields)."""
    most, longest = HashValue.max_listpack_entries, HashValue.max_listpack_value
    added = []
    for value, field, data in zip(hashes, fields, values, strict=True):
        mine = value.fields
        if mine.__class__ is not dict or value.expiry is not None:
            added.append(value.set(field, data))
            continue
        value._idle = False
        before = len(mine)  # `set`, written out
        mine[field] = data
        added.append(len(mine) > before)
        if value.listpack and (len(data) > longest or len(field) > longest or len(mine) > most):
            value.listpack = False
    return added
