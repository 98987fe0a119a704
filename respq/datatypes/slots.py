"""An array beside a dict of members, so that they can be scanned without state.

ZSCAN must return every member that is there from its first call to its last, whatever comes and goes
meanwhile, and knows nothing but a cursor. A dict does not offer that. So the members also stand in one
array, in any order, and the place of each is known: what is added goes to the end, what is removed is
replaced by the last. The cursor is a place that walks downward. A removal moves the last member down, to
where the walk still has to pass or into a part that it has passed with that very member, so none is missed,
at the price of some being returned twice.

It costs about 80 bytes a member, so a sorted set makes it only when it is first scanned, and keeps it from
then on: a cursor that a client holds is good for this array alone. It is made bit by bit, since a million
members would take more than a second: the owner enters those that are there (`extend`) and whatever changes
meanwhile, and a scan only waits until all are in, with a cursor that says so and nothing found.
Rejected: walking the dict from a position (every insertion may reorder it), sorting (O(n) a call).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from respq.datatypes.sizes import INT_BYTES, allocated
from respq.rubble import Structures

WAITING: Final = 1 << 62  # cursor of a scan that has not begun


class Slots:
    """The members of a collection, each at a place. The owner reports what it adds and removes."""

    __slots__ = ("_places", "complete", "members")

    def __init__(self) -> None:
        self.members: list[bytes] = []
        self._places: dict[bytes, int] = {}
        self.complete = False  # all members have been entered

    def __len__(self) -> int:
        return len(self.members)

    def add(self, member: bytes) -> None:
        """Enter a member, unless it is there. O(1)."""
        if member not in self._places:
            self._places[member] = len(self.members)
            self.members.append(member)

    def extend(self, members: Iterable[bytes]) -> None:
        """As `add`, for each of them. O(members)."""
        for member in members:
            self.add(member)

    def discard(self, member: bytes) -> None:
        """Take out a member, if it is there. O(1)."""
        place = self._places.pop(member, None)
        if place is None:
            return
        last = self.members.pop()
        if place < len(self.members):
            self.members[place] = last
            self._places[last] = place

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """At most `count` members below `cursor`, and the next cursor. O(count).

        0 starts an iteration and, in the answer, ends it.
        """
        if not self.complete:
            return WAITING, []
        cursor &= ~WAITING
        end = min(cursor or len(self.members), len(self.members))
        start = max(0, end - count)
        return start, self.members[start:end]

    def memory_bytes(self) -> int:
        """Without the members, which are the owner's."""
        return allocated(self, self.members, self._places) + INT_BYTES * len(self._places)

    def parts(self) -> Structures:
        """The structures, to be taken apart: see `Rubble`."""
        return [self.members, self._places]

    def check(self, members: Iterable[bytes]) -> None:
        """Assert that these are the members, or some of them, each at the place that is known of it."""
        assert len(self._places) == len(self.members)
        assert all(self.members[place] == member for member, place in self._places.items())
        assert self._places.keys() <= set(members)
        assert not self.complete or self._places.keys() == set(members)
