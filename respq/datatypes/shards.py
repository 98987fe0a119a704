"""A large dict as many small ones, for a hash or a set that is scanned, sampled, or hardly ever changed.

HSCAN, HRANDFIELD, SSCAN and SPOP need what a dict does not have: a place of each field (or member, as whose
value nothing is stored) that they can go on from, or draw. So a field stands in one of many dicts, of about
16 fields each, by its hash. They are split and joined one at a time, *linear hashing*: `split` of the
lowest shards have given those fields to a new one at the end whose next bit of the hash is set. The memory
is that of one dict (42 bytes a field); a look-up costs 0.1 µs more.

A shard may also be one byte string (`packing`), which takes 60 to 100 bytes a field less: `pack` makes
all of them that, of a value that nobody has changed lately. A look-up costs 0.4 µs more then, a change 0.6. A
field that cannot be packed makes its shard a dict again, and there it ends.

HSCAN needs no state: its cursor counts through the numbers of the lowest shards with their bits reversed, as
Redis does with its buckets, so that a shard which is split or joined between two calls is passed with all of
its parts or with none. What a call returns are whole shards.

The dict that there was is divided bit by bit, since a million fields would take more than a second: some
move whenever somebody scans or draws, the newest first. Until all have, the others stand in the `rest`. A
scan only waits meanwhile, with a cursor that says so and nothing found; draws are from those that have moved.

A cursor does not depend on what there was before, only on the fields; so one that a client holds stays good
when a value is stored anew as a whole.

Rejected: the fields in an array beside the dict, each knowing its place, and a cursor that walks it downward
(80 bytes a field, and a cursor is good for one array alone), shards for every large hash (HSET would cost
0.3 µs more, and 0.7 if they were packed), larger shards (HSCAN would return more than it is asked for).
Of a million members of 20 bytes, measured: a dict 106 bytes each, Python's set 98, small sorted lists 79 and
slower than any of the others, packed shards 28.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from random import Random
from typing import Final, Self

from respq.datatypes import packing
from respq.datatypes.packing import ENTRY_END, FIELD_END
from respq.datatypes.sizes import allocated, spread, words_bytes
from respq.rubble import Structures

WAITING: Final = 1 << 62  # in the cursor of a scan that goes on when all fields are in shards

_PER_SHARD: Final = 16  # fields on average at most; a quarter of that at least
_FEWEST: Final = 8  # shards; a power of two
_MOVED: Final = 1000  # fields moved by one call: 1.4 ms
_SPENT: Final = 200_000  # packed fields and values that are freed together: about 10 MB
_RELEASED: Final = 10  # times as many are freed as would be packed in a call

Shard = dict[bytes, bytes] | bytes  # bytes: see `packing`


class Shards:
    """A dict from bytes to bytes: so much of the interface of one as is needed. All O(1) but where said."""

    __slots__ = (
        "_ceiling", "_count", "_floor", "_low", "_packed", "_releasing", "_rest", "_shards", "_spent",
        "_split",
    )  # fmt: skip

    def __init__(self, rest: dict[bytes, bytes]) -> None:
        """`rest` belongs to the new object. O(1)."""
        self._rest = rest  # not divided yet
        self._shards: list[Shard] = [{} for _ in range(_FEWEST)]
        self._low = _FEWEST - 1  # mask of the lowest shards, those that are there to be split
        self._split = 0  # so many of them are
        self._count = 0  # of fields in shards
        self._packed = 0  # so many shards have been looked at by `pack`
        self._spent: list[bytes] = []  # what was packed out of the rest and is not freed yet
        self._releasing = False  # it is being freed
        self._note_limits()

    def _note_limits(self) -> None:
        self._ceiling = _PER_SHARD * len(self._shards)
        self._floor = self._ceiling // 4 if len(self._shards) > _FEWEST else -1

    # -- looking up --------------------------------------------------------------------------------

    def _place_of(self, field: bytes) -> int:
        place = (code := hash(field)) & self._low
        return place if place >= self._split else code & (2 * self._low + 1)

    def __len__(self) -> int:
        return self._count + len(self._rest)

    def __contains__(self, field: bytes) -> bool:
        return self.get(field) is not None

    def __getitem__(self, field: bytes) -> bytes:
        data = self.get(field)
        if data is None:
            raise KeyError(field)
        return data

    def get(self, field: bytes) -> bytes | None:
        """As of a dict."""
        place = (code := hash(field)) & self._low  # `_place_of`, written out
        if place < self._split:
            place = code & (2 * self._low + 1)
        shard = self._shards[place]
        data = shard.get(field) if isinstance(shard, dict) else packing.value_of(shard, field)
        return data if data is not None or not self._rest else self._rest.get(field)

    def __iter__(self) -> Iterator[bytes]:
        return chain(chain.from_iterable(map(_names, self._shards)), self._rest)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """As of a dict; only once. O(n)."""
        return chain(chain.from_iterable(map(_entries, self._shards)), self._rest.items())

    def values(self) -> Iterator[bytes]:
        """As of a dict; only once. O(n)."""
        return (data for _, data in self.items())

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
        if isinstance(shard, dict):
            before = len(shard)
            shard[field] = data
            new = len(shard) > before
        else:
            new = self._put_packed(place, shard, field, data)
        if new:
            self._count += 1
            if self._count > self._ceiling:
                self._grow()
        return new

    def _put_packed(self, place: int, shard: bytes, field: bytes, data: bytes) -> bool:
        """Put `data` under `field` in a packed shard; return whether it is new."""
        if not packing.is_packable(field, data):
            entries = packing.unpack(shard)
            self._shards[place] = entries
            before = len(entries)
            entries[field] = data
            return len(entries) > before
        head = field + FIELD_END
        at = packing.position(shard, head)
        if at < 0:
            self._shards[place] = b"%b%b%b\xff" % (shard, head, data)
            return True
        at += len(head)
        end = shard.index(ENTRY_END, at)
        self._shards[place] = b"%b%b%b" % (shard[:at], data, shard[end:])
        return False

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
            if place < split:
                place = code & high
            shard = shards[place]
            if isinstance(shard, dict):
                before = len(shard)
                shard[field] = data
                added.append(len(shard) > before)
            else:
                added.append(self._put_packed(place, shard, field, data))
        self._count += sum(added)
        while self._count > self._ceiling:
            self._grow()
        return added

    def pop(self, field: bytes, default: bytes | None = None) -> bytes | None:
        """As of a dict."""
        place = self._place_of(field)
        shard = self._shards[place]
        if isinstance(shard, dict):
            data = shard.pop(field, None)
        elif (data := packing.value_of(shard, field)) is not None:
            self._shards[place] = packing.without(shard, field)
        if data is None:
            return self._rest.pop(field, default) if self._rest else default
        self._count -= 1
        if self._count < self._floor and not self._rest:
            self._shrink()
        return data

    def _divide(self, limit: int) -> tuple[list[bytes], list[bytes]]:
        """Move up to `limit` fields out of the rest; return them and their values. O(limit)."""
        rest, self._rest = self._rest, {}
        moved = [rest.popitem() for _ in range(min(limit, len(rest)))]
        fields, values = [field for field, _ in moved], [data for _, data in moved]
        self._enter(fields, values)
        if rest:  # an emptied dict keeps its size
            self._rest = rest
        return fields, values

    def _enter(self, fields: Sequence[bytes], values: Sequence[bytes]) -> None:
        """Put in fields that are not there, all of them different."""
        shards = self._shards
        for field, data in zip(fields, values, strict=True):
            place = self._place_of(field)
            shard = shards[place]
            if isinstance(shard, bytes) and packing.is_packable(field, data):
                shards[place] = b"%b%b\xfe%b\xff" % (shard, field, data)
            elif isinstance(shard, bytes):
                shards[place] = packing.unpack(shard) | {field: data}
            else:
                shard[field] = data
        self._count += len(fields)
        while self._count > self._ceiling:
            self._grow()

    def _grow(self) -> None:
        """Split the next shard."""
        at = self._split
        self._shards[at], new = _divided(self._shards[at], self._low + 1)
        self._shards.append(new)
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
        self._shards[self._split] = _joined(self._shards[self._split], self._shards.pop())
        self._note_limits()

    def pack(self, limit: int) -> bool:
        """Pack about `limit` fields more; return whether anything was left to do. O(limit)."""
        if self._rest or self._spent:
            self._pack_rest(limit)
            return True
        shards, before = self._shards, self._packed
        while limit > 0 and self._packed < len(shards):
            shard = shards[self._packed]
            limit -= 1
            if isinstance(shard, dict) and all(map(packing.is_packable, shard, shard.values())):
                shards[self._packed] = packing.pack(shard)
                limit -= len(shard)
            self._packed += 1
        return self._packed > before

    def _pack_rest(self, limit: int) -> None:
        """Pack some fields of the rest, or free some that were packed.

        They are freed many at a time, and nothing else is done meanwhile: otherwise what is packed takes the
        place of what is freed, so that some of it stands wherever fields stood, and no memory is given back.
        """
        spent = self._spent
        if len(spent) > _SPENT or not self._rest:
            self._releasing = True
        if self._releasing:
            del spent[-_RELEASED * limit :]
            self._releasing = bool(spent)
            return
        if not self._count:
            self._shards = [b""] * len(self._shards)
            self._packed = len(self._shards)
        fields, values = self._divide(limit)
        spent += fields
        spent += values

    @property
    def is_packed(self) -> bool:
        """Whether all has been packed that can be."""
        return not self._rest and not self._spent and self._packed >= len(self._shards)

    # -- some of it --------------------------------------------------------------------------------

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """About `count` fields from `cursor` on, and the next cursor. O(count).

        0 starts an iteration and, in the answer, ends it. Every field that is there all the time is
        returned, perhaps more than once.
        """
        if self._rest:
            self._divide(max(count, _MOVED))
            if self._rest:
                return WAITING | cursor, []
        cursor &= ~WAITING
        found: list[bytes] = []
        lowest = self._low + 1
        while True:
            place = cursor & self._low
            found += _names(self._shards[place])
            if place < self._split:
                found += _names(self._shards[place + lowest])
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
            size = len(shard) if isinstance(shard, dict) else shard.count(ENTRY_END)
            index = int(random() * max(size, most))
            if index < size:
                return next(islice(shard, index, None)) if isinstance(shard, dict) else _names(shard)[index]

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

    def memory_bytes(self, samples: int, *, words: bool = True) -> int:
        """See `Value`: of so many shards, and of fields that are in none yet. `words`: with their bytes."""
        seen, spent = spread(self._shards, samples), self._spent
        sizes = map(_shard_bytes, seen) if words else map(allocated, seen)
        structures = allocated(self, self._shards, spent) + sum(sizes) * len(self._shards) // len(seen)
        if not words:
            return structures + allocated(self._rest)
        return structures + dict_bytes(self._rest, samples) + words_bytes(spent, len(spent), samples)

    def parts(self) -> Structures:
        """The structures, to be taken apart: see `Rubble`. Each shard counts as one item."""
        return [self._rest, self._shards, self._spent]

    def copy(self) -> Self:
        """An independent copy. O(n)."""
        twin = type(self)(self._rest.copy())
        twin._shards = [shard.copy() if isinstance(shard, dict) else shard for shard in self._shards]
        twin._low, twin._split, twin._count = self._low, self._split, self._count
        twin._packed = self._packed
        twin._note_limits()
        return twin

    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict | Shards) and dict(self.items()) == dict(other.items())

    __hash__ = None  # type: ignore[assignment]  # it changes

    def check(self) -> None:
        """Assert the invariants."""
        assert len(self._shards) == self._low + 1 + self._split
        assert 0 <= self._split <= self._low
        assert sum(len(_names(shard)) for shard in self._shards) == self._count
        assert self._count <= self._ceiling
        for place, shard in enumerate(self._shards):
            names = _names(shard)
            assert len(set(names)) == len(names)
            assert all(self._place_of(field) == place for field in names)
            assert not self._rest.keys() & set(names)
            if isinstance(shard, bytes):
                entries = packing.unpack(shard)
                assert packing.pack(entries) == shard
                assert all(map(packing.is_packable, entries, entries.values()))


def dict_bytes(entries: dict[bytes, bytes], samples: int) -> int:
    """About the bytes of a dict with its keys and values. O(samples), O(n) if that is 0."""
    count = len(entries)
    words = words_bytes(entries, count, samples) + words_bytes(entries.values(), count, samples)
    return allocated(entries) + words


def _shard_bytes(shard: Shard) -> int:
    return dict_bytes(shard, len(shard)) if isinstance(shard, dict) else allocated(shard)


def _names(shard: Shard) -> list[bytes]:
    return list(shard) if isinstance(shard, dict) else packing.fields_of(shard)


def _entries(shard: Shard) -> Iterable[tuple[bytes, bytes]]:
    return (shard if isinstance(shard, dict) else packing.unpack(shard)).items()


def _divided(shard: Shard, bit: int) -> tuple[Shard, Shard]:
    """The fields whose hash does not have a bit, and those whose hash has it."""
    if isinstance(shard, dict):
        pop = shard.pop
        return shard, {field: pop(field) for field in [field for field in shard if hash(field) & bit]}
    stay: list[bytes] = []
    go: list[bytes] = []
    for entry in shard.split(ENTRY_END):
        if entry:
            (go if hash(entry[: entry.index(FIELD_END)]) & bit else stay).append(entry + ENTRY_END)
    return b"".join(stay), b"".join(go)


def _joined(shard: Shard, other: Shard) -> Shard:
    if isinstance(shard, bytes) and isinstance(other, bytes):
        return shard + other
    return dict(chain(_entries(shard), _entries(other)))


def _after(place: int, mask: int) -> int:
    """The number that follows, counting with the bits of the mask in reverse order; 0 after the last."""
    bit = (mask + 1) >> 1
    while place & bit:
        place ^= bit
        bit >>= 1
    return place | bit
