"""The set: members in Redis's order as long as there are few of them.

OBJECT ENCODING has three answers, and the first two promise an order that clients can see:

    intset      only canonical 64-bit integers: ascending
    listpack    few and short: in the order in which they were added
    hashtable   anything else: no order

A set becomes another kind when a member arrives that does not fit, never when one leaves. The rules
are those observed on redis-server 8.2.3, with the three `set-max-…` directives.

A small set is a dict, which keeps the order of a listpack by itself; an intset is put in order when
somebody looks. A large one becomes many small dicts when it is scanned or drawn from (`Shards`), and
byte strings when nobody has changed it for a while (`pack`). A small one becomes one byte string then, and a
dict again when it is changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import filterfalse, repeat
from random import Random
from typing import ClassVar, Final, Self

from respq.datatypes.packing import Packed
from respq.datatypes.shards import Shards, dict_bytes
from respq.datatypes.sizes import allocated
from respq.datatypes.strings import is_int
from respq.datatypes.value import Limits, Value
from respq.rubble import Structures

INTSET: Final = b"intset"
LISTPACK: Final = b"listpack"
HASHTABLE: Final = b"hashtable"

_REBUILD_ITEMS: Final = 64
_LARGEST_DICT: Final = 128  # members that are scanned and drawn from as one


class SetValue(Value):
    """A set of bytes members."""

    __slots__ = ("_form", "_idle", "_members")
    kind: ClassVar[bytes] = b"set"
    directives: ClassVar[tuple[str, ...]] = (
        "set-max-intset-entries",
        "set-max-listpack-entries",
        "set-max-listpack-value",
    )
    max_intset_entries: ClassVar[int] = 512
    max_listpack_entries: ClassVar[int] = 128
    max_listpack_value: ClassVar[int] = 64  # bytes

    def __init__(self, form: bytes = INTSET) -> None:
        self.expires_ms = 0
        self.slot = -1
        self._form = form
        self._members: dict[bytes, bytes] | Packed | Shards = {}  # the values mean nothing
        self._idle = False  # nothing was added or removed since the last call of `pack`

    @classmethod
    def for_members(cls, first: bytes, count: int) -> Self:
        """An empty set of the kind that Redis creates for `count` members of which this is the first."""
        if count <= cls.max_intset_entries and is_int(first):
            return cls(INTSET)
        return cls(LISTPACK if count <= cls.max_listpack_entries else HASHTABLE)

    @classmethod
    def limit(cls, limits: Limits) -> None:
        """Apply the `set-max-…` directives."""
        cls.max_intset_entries = limits.set_max_intset_entries
        cls.max_listpack_entries = limits.set_max_listpack_entries
        cls.max_listpack_value = limits.set_max_listpack_value

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, member: bytes) -> bool:
        return member in self._members

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.members())

    def members(self) -> list[bytes]:
        """All members, in Redis's order where it has one. O(n)."""
        members = self._members
        if self._form is INTSET and isinstance(members, dict):
            self._sort(members)
        return list(members)

    def having(self, members: Iterable[bytes]) -> list[bytes]:
        """Those of `members` that are in the set, in their order. O(members)."""
        return list(filter(self._members.__contains__, members))

    def lacking(self, members: Iterable[bytes]) -> list[bytes]:
        """Those of `members` that are not in the set, in their order. O(members)."""
        return list(filterfalse(self._members.__contains__, members))

    # -- changing ----------------------------------------------------------------------------------

    def expect(self, count: int) -> None:
        """Become a hash table if one command brings more members than a smaller kind may hold."""
        limit = self.max_intset_entries if self._form is INTSET else self.max_listpack_entries
        if count > limit:
            self._form = HASHTABLE

    def add(self, members: Iterable[bytes]) -> int:
        """Add members, return how many are new. O(members)."""
        own = self.changeable()
        before = len(own)
        if self._form is HASHTABLE:
            own.update(zip(members, repeat(b"")))
        else:
            for member in members:
                if member not in own:
                    if self._form is not HASHTABLE:
                        self._admit(member)
                    own[member] = b""
        return len(own) - before

    def add_each(self, members: Sequence[bytes]) -> list[bool]:
        """Add members one after the other; which of them are new. O(members)."""
        own = self.changeable()
        if isinstance(own, Shards):
            return own.put_each(members, [b""] * len(members))
        if self._form is not HASHTABLE:
            return add_to_each([self] * len(members), members)
        added = []
        for member in members:
            if member in own:
                added.append(False)
            else:
                own[member] = b""
                added.append(True)
        return added

    def remove(self, members: Sequence[bytes]) -> int:
        """Remove members, return how many there were. O(members)."""
        own = self.changeable()
        before = len(own)
        for member in members:
            own.pop(member, None)
        return before - len(own)

    def changeable(self) -> dict[bytes, bytes] | Shards:
        """The members, about to be changed. O(1), O(n) if they are packed as one."""
        self._idle = False
        members = self._members
        if isinstance(members, Packed):
            self._members = members = members.unpacked()
        return members

    def _admit(self, member: bytes) -> None:
        """Become the kind that takes one member more, which is new."""
        count = len(self._members)
        if self._form is INTSET:
            if is_int(member):
                if count >= self.max_intset_entries:
                    self._form = HASHTABLE
                return
            if isinstance(self._members, dict):
                self._sort(self._members)
        if count >= self.max_listpack_entries or len(member) > self.max_listpack_value:
            self._form = HASHTABLE
        elif self._form is INTSET:
            widest = max(map(len, self._members), default=0)
            self._form = LISTPACK if widest <= self.max_listpack_value else HASHTABLE

    def _sort(self, members: dict[bytes, bytes]) -> None:
        """Put the members of an intset in order. O(n) if they are already."""
        ordered = sorted(members, key=int)
        members.clear()  # the same dict: `add` is at work on it
        members.update(dict.fromkeys(ordered, b""))

    # -- some of it --------------------------------------------------------------------------------

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """About `count` members and the next cursor; all of a small set. O(count); see `Shards`."""
        members = self._divided()
        return members.scan(cursor, count) if isinstance(members, Shards) else (0, self.members())

    def choice(self, rng: Random) -> bytes:
        """Any member of a set that has some. O(1); see `Shards`."""
        members = self._divided()
        return members.choice(rng) if isinstance(members, Shards) else rng.choice(list(members))

    def choices(self, rng: Random, count: int) -> list[bytes]:
        """So many members, each drawn from all. O(count); see `Shards`."""
        members = self._divided()
        if isinstance(members, Shards):
            return members.choices(rng, count)
        return rng.choices(list(members), k=count)

    def sample(self, rng: Random, count: int) -> list[bytes]:
        """So many different members, or all there are, in their order. O(count)."""
        if count >= len(self._members):
            return self.members()
        members = self._divided()
        if isinstance(members, Shards):
            return members.sample(rng, count)
        ordered = self.members()
        return [ordered[place] for place in sorted(rng.sample(range(len(ordered)), count))]

    def remove_sample(self, sample: Sequence[bytes]) -> None:
        """Remove members that were drawn. If few are left, Redis puts these into a new set. O(sample)."""
        self.remove(sample)
        left = len(self._members)
        if self._form is HASHTABLE and left * 5 <= len(sample) and 0 < left <= self.max_listpack_entries:
            members, self._members, self._form = list(self._members), {}, LISTPACK
            self.add(members)

    def _divided(self) -> dict[bytes, bytes] | Packed | Shards:
        """The members, as what can be scanned and drawn from piece by piece. O(1)."""
        members = self._members
        if len(members) > _LARGEST_DICT and self._form is HASHTABLE and isinstance(members, dict):
            self._members = members = Shards(members)
        return members

    def pack(self, limit: int) -> bool:
        """See `Value`."""
        if not self._idle:
            self._idle = True
            return False
        members = self._divided()
        if isinstance(members, Shards):
            return members.pack(limit)
        if members.__class__ is not dict or self._form is HASHTABLE:
            return False
        if self._form is INTSET:
            self._sort(members)
        packed = Packed.of(members)
        if packed is not None:
            self._members = packed
        return packed is not None

    # -- the whole ---------------------------------------------------------------------------------

    def encoding(self) -> bytes:
        """What OBJECT ENCODING answers; decided when members were added."""
        return self._form

    def memory_bytes(self, samples: int) -> int:
        """See `Value`."""
        members = self._members
        own = dict_bytes(members, samples) if isinstance(members, dict) else members.memory_bytes(samples)
        return allocated(self) + own

    def parts(self) -> Structures:
        """See `Value`."""
        members = self._members
        return [members] if isinstance(members, dict) else members.parts()

    def copy(self) -> Self:
        """The same members, as the same kind."""
        twin = type(self)(self._form)
        twin._members = self._members.copy()
        return twin

    def rebuild(self, key: bytes) -> Iterator[list[bytes]]:
        """SADDs, in the order that there is."""
        members = self.members()
        for start in range(0, len(members), _REBUILD_ITEMS):
            yield [b"SADD", key, *members[start : start + _REBUILD_ITEMS]]

    def check(self) -> None:
        """The members fit the kind."""
        assert self._form in {INTSET, LISTPACK, HASHTABLE}
        if self._form is INTSET:
            assert all(map(is_int, self._members))


def add_to_each(sets: Sequence[SetValue], members: Sequence[bytes]) -> list[bool]:
    """`SetValue.add` of one member to each of several sets; which of the members were new. O(members)."""
    most, longest = SetValue.max_listpack_entries, SetValue.max_listpack_value
    added = []
    for value, member in zip(sets, members, strict=True):
        own = value._members
        if member in own:
            added.append(False)
            continue
        if own.__class__ is dict:
            value._idle = False
        else:
            own = value.changeable()
        form = value._form
        if form is not HASHTABLE and (form is INTSET or len(own) >= most or len(member) > longest):
            value._admit(member)
        own[member] = b""
        added.append(True)
    return added
