"""A large dict as many small ones, for a hash or a set that is scanned or sampled.

HSCAN, HRANDFIELD, SSCAN and SPOP need what a dict does not have: a place of each field (or member, as whose
value nothing is stored) that they can go on from, or draw. So a field stands in one of many dicts, of about
30 fields each, by its hash. They are split and joined one at a time, *linear hashing*: `split` of the
lowest shards have given those fields to a new one at the end whose next bit of the hash is set. The memory
is that of one dict (42 bytes a field); a look-up costs 0.1 µs more.

HSCAN needs no state: its cursor counts through the numbers of the lowest shards with their bits reversed, as
Redis does with its buckets, so that a shard which is split or joined between two calls is passed with all of
its parts or with none. What a call returns are whole shards.

The dict that there was is divided bit by bit, since a million fields would take more than a second: some
move whenever somebody scans or draws, the newest first. Until all have, the others stand in the `rest`. A
scan only waits meanwhile, with a cursor that says so and nothing found; draws are from those that have moved.

Rejected: `Slots` beside the dict (made in one go, 80 bytes a field), shards for every large hash (HSET would
cost 0.3 µs more), larger shards (HSCAN would return more than it is asked for), packing fields as lists pack
elements (values are often long, and read singly).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from random import Random
from typing import Final, Self

from respq.rubble import Structures

_PER_SHARD: Final = 30  # fields on average at most; a quarter of that at least
_FEWEST: Final = 8  # shards; a power of two
_MOVED: Final = 1000  # fields moved by one call: 1.4 ms
_WAITING: Final = 1 << 62  # cursor of a scan that has not begun


class Shards:
    """A dict from bytes to bytes: so much of the interface of one as is needed. All O(1) but where said."""

    __slots__ = ("_ceiling", "_count", "_floor", "_low", "_rest", "_shards", "_split")

    def __init__(self, rest: dict[bytes, bytes]) -> None:
        """`rest` belongs to the new object. O(1)."""
        self._rest = rest  # not divided yet
        self._shards: list[dict[bytes, bytes]] = [{} for _ in range(_FEWEST)]
        self._low = _FEWEST - 1  # mask of the lowest shards, those that are there to be split
        self._split = 0  # so many of them are
        self._count = 0  # of fields in shards
        self._note_limits()

    def _note_limits(self) -> None:
        self._ceiling = _PER_SHARD * len(self._shards)
        self._floor = self._ceiling // 4 if len(self._shards) > _FEWEST else -1

    # -- looking up --------------------------------------------------------------------------------

    def _shard_of(self, field: bytes) -> dict[bytes, bytes]:
        place = (code := hash(field)) & self._low
        if place < self._split:
            place = code & (2 * self._low + 1)
        return self._shards[place]

    def __len__(self) -> int:
        return self._count + len(self._rest)

    def __contains__(self, field: bytes) -> bool:
        return field in self._shard_of(field) or field in self._rest

    def __getitem__(self, field: bytes) -> bytes:
        data = self.get(field)
        if data is None:
            raise KeyError(field)
        return data

    def get(self, field: bytes) -> bytes | None:
        """As of a dict."""
        place = (code := hash(field)) & self._low  # `_shard_of`, written out
        if place < self._split:
            place = code & (2 * self._low + 1)
        data = self._shards[place].get(field)
        return data if data is not None or not self._rest else self._rest.get(field)

    def __iter__(self) -> Iterator[bytes]:
        return chain(chain.from_iterable(self._shards), self._rest)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """As of a dict; only once. O(n)."""
        return chain.from_iterable([shard.items() for shard in [*self._shards, self._rest]])

    def values(self) -> Iterator[bytes]:
        """As of a dict; only once. O(n)."""
        return chain.from_iterable([shard.values() for shard in [*self._shards, self._rest]])

    # -- changing ----------------------------------------------------------------------------------

    def put(self, field: bytes, data: bytes) -> bool:
        """Put `data` under `field`; return whether it is new."""
        if self._rest and field in self._rest:
            self._rest[field] = data
            return False
        place = (code := hash(field)) & self._low
        if place < self._split:
            place = code & (2 * self._low + 1)
        shard = self._shards[place]
        before = len(shard)
        shard[field] = data
        if len(shard) == before:
            return False
        self._count += 1
        if self._count > self._ceiling:
            self._grow()
        return True

    __setitem__ = put

    def update(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        """As of a dict. O(pairs)."""
        put = self.put
        for field, data in pairs:
            put(field, data)

    def put_each(self, fields: Sequence[bytes], values: Sequence[bytes]) -> list[bool]:
        """As `put`, again and again. O(fields)."""
        if self._rest:
            return list(map(self.put, fields, values))
        shards, split, low = self._shards, self._split, self._low
        high = 2 * low + 1
        added = []
        for field, data in zip(fields, values, strict=True):  # `put`, written out
            place = (code := hash(field)) & low
            shard = shards[place if place >= split else code & high]
            before = len(shard)
            shard[field] = data
            added.append(len(shard) > before)
        self._count += sum(added)
        while self._count > self._ceiling:
            self._grow()
        return added

    def pop(self, field: bytes, default: bytes | None = None) -> bytes | None:
        """As of a dict."""
        data = self._shard_of(field).pop(field, None)
        if data is None:
            return self._rest.pop(field, default) if self._rest else default
        self._count -= 1
        if self._count < self._floor:
            self._shrink()
        return data

    def _divide(self, limit: int) -> None:
        """Move up to `limit` fields out of the rest. O(limit)."""
        rest = self._rest
        moved = [rest.popitem() for _ in range(min(limit, len(rest)))]
        if not rest:
            self._rest = {}  # an emptied dict keeps its size
        self.put_each([field for field, _ in moved], [data for _, data in moved])

    def _grow(self) -> None:
        """Split the next shard."""
        shards, at, bit = self._shards, self._split, self._low + 1
        whole = shards[at]
        pop = whole.pop
        shards.append({field: pop(field) for field in [field for field in whole if hash(field) & bit]})
        self._split = at + 1
        if at == self._low:
            self._low, self._split = 2 * self._low + 1, 0
        self._note_limits()

    def _shrink(self) -> None:
        """Join the shard that was split last."""
        if not self._split:
            self._low >>= 1
            self._split = self._low + 1
        self._split -= 1
        self._shards[self._split].update(self._shards.pop())
        self._note_limits()

    # -- some of it --------------------------------------------------------------------------------

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """About `count` fields from `cursor` on, and the next cursor. O(count).

        0 starts an iteration and, in the answer, ends it. Every field that is there all the time is
        returned, perhaps more than once.
        """
        if self._rest:
            self._divide(max(count, _MOVED))
            if self._rest:
                return _WAITING, []
        cursor &= ~_WAITING
        found: list[bytes] = []
        lowest = self._low + 1
        while True:
            place = cursor & self._low
            found += self._shards[place]
            if place < self._split:
                found += self._shards[place + lowest]
            cursor = _after(place, self._low)
            if not cursor or len(found) >= count:
                return cursor, found

    def choice(self, rng: Random) -> bytes:
        """Any field; each of those that have moved is as likely as the others. O(1)."""
        if self._rest:
            self._divide(_MOVED)
        return self._draw(rng)

    def _draw(self, rng: Random) -> bytes:
        """A field in a shard; less likely one in a shard with more than `most`, which is one in a billion."""
        random, shards = rng.random, self._shards
        mean = self._count / (self._low + 1)  # of the fullest shards, those that are not split yet
        most = int(mean + 7 * mean**0.5) + 7
        while True:
            shard = shards[int(random() * len(shards))]
            index = int(random() * max(len(shard), most))
            if index < len(shard):
                return next(islice(shard, index, None))

    def choices(self, rng: Random, count: int) -> list[bytes]:
        """So many fields, each as `choice`. O(count)."""
        if count > len(self):
            return rng.choices(list(self), k=count)
        if self._rest:
            self._divide(max(_MOVED, count))
        return [self._draw(rng) for _ in range(count)]

    def sample(self, rng: Random, count: int) -> list[bytes]:
        """So many different fields, fewer than there are, in any order; else as `choice`. O(count)."""
        if self._rest:
            self._divide(max(_MOVED, 4 * count))
        if 3 * count > self._count:
            return rng.sample(list(self), count)
        found: dict[bytes, None] = {}
        while len(found) < count:
            found[self._draw(rng)] = None
        return list(found)

    # -- the whole ---------------------------------------------------------------------------------

    def parts(self) -> Structures:
        """The structures, to be taken apart: see `Rubble`. Each shard counts as one item."""
        return [self._rest, self._shards]

    def copy(self) -> Self:
        """An independent copy. O(n)."""
        twin = type(self)(self._rest.copy())
        twin._shards = [shard.copy() for shard in self._shards]
        twin._low, twin._split, twin._count = self._low, self._split, self._count
        twin._note_limits()
        return twin

    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict | Shards) and dict(self.items()) == dict(other.items())

    __hash__ = None  # type: ignore[assignment]  # it changes

    def check(self) -> None:
        """Assert the invariants."""
        assert len(self._shards) == self._low + 1 + self._split
        assert 0 <= self._split <= self._low
        assert sum(map(len, self._shards)) == self._count
        assert self._floor <= self._count <= self._ceiling
        for shard in self._shards:
            assert all(self._shard_of(field) is shard for field in shard)
            assert not shard.keys() & self._rest.keys()


def _after(place: int, mask: int) -> int:
    """The number that follows, counting with the bits of the mask in reverse order; 0 after the last."""
    bit = (mask + 1) >> 1
    while place & bit:
        place ^= bit
        bit >>= 1
    return place | bit
