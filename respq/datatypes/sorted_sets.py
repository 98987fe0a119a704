"""The sorted set: a dict from member to score, and the members in order (`ranking`).

The order of replies is that of Redis at any size: by score, then by the bytes of the member. What differs
with the size is OBJECT ENCODING, `listpack` or `skiplist`, and two traits of the former that clients can see:
a score of -0 becomes 0, and ranges by member in a set whose scores differ are those of a walk through all
members. A set becomes a skip list when a member arrives that does not fit, never the reverse; the rules are
those observed on redis-server 8.2.3, with the two `zset-max-…` directives.

Cost, Python 3.11, of a million members of 14 bytes: 141 bytes each, all objects included; adding one takes
0.5 µs with a growing score, 2 with a random one, most of it misses of the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from random import Random
from typing import ClassVar, Final, NamedTuple, Self

from respq.datatypes.ranking import Place, Ranking
from respq.datatypes.shards import WAITING, Shards
from respq.datatypes.sizes import FLOAT_BYTES, allocated, words_bytes
from respq.datatypes.value import Limits, Value
from respq.protocol.doubles import format_doubles
from respq.rubble import Structures

LISTPACK: Final = b"listpack"
SKIPLIST: Final = b"skiplist"

_REBUILD_ITEMS: Final = 64
_SHARDED_AT_ONCE: Final = 2000  # members entered by one scan: 1 ms


class Bound(NamedTuple):
    """One end of a range of members: `member`, inclusive or not, or what is below or above all of them."""

    member: bytes = b""
    exclusive: bool = False
    beyond: int = 0  # -1: below all members, 1: above them

    def below(self, member: bytes) -> bool:
        """Whether a member is on the upper side of this bound."""
        if self.beyond:
            return self.beyond < 0
        return member > self.member or (member == self.member and not self.exclusive)

    def above(self, member: bytes) -> bool:
        """Whether a member is on the lower side of this bound."""
        if self.beyond:
            return self.beyond > 0
        return member < self.member or (member == self.member and not self.exclusive)


Scored = tuple[list[bytes], Sequence[float]]  # members, and the score of each


class SortedSetValue(Value):
    """Members with scores, which are any doubles but NaN. `scores` and `ranking` are read from outside."""

    __slots__ = ("_last_sharded", "_sharded", "packed", "ranking", "scores", "shards")
    kind: ClassVar[bytes] = b"zset"
    directives: ClassVar[tuple[str, ...]] = ("zset-max-listpack-entries", "zset-max-listpack-value")
    max_listpack_entries: ClassVar[int] = 128
    max_listpack_value: ClassVar[int] = 64  # bytes

    def __init__(self) -> None:
        self.expires_ms = 0
        self.slot = -1
        self.scores: dict[bytes, float] = {}
        self.ranking = Ranking()
        self.packed = True  # a listpack; SORT ends that
        self.shards: Shards | None = None  # the members once more, made by the first scans
        self._sharded = False  # all of them are in
        self._last_sharded: tuple[float, bytes] | None = None  # until then: all before and up to it are

    @classmethod
    def limit(cls, limits: Limits) -> None:
        """Apply the `zset-max-…` directives."""
        cls.max_listpack_entries = limits.zset_max_listpack_entries
        cls.max_listpack_value = limits.zset_max_listpack_value

    @classmethod
    def of(cls, scores: dict[bytes, float]) -> Self:
        """The set of these members, of the kind that Redis makes of a result. Owns the dict. O(n log n)."""
        value = cls()
        value.packed = (
            len(scores) <= cls.max_listpack_entries
            and max(map(len, scores), default=0) <= cls.max_listpack_value
        )
        value.scores = {member: score + 0.0 for member, score in scores.items()} if value.packed else scores
        value.ranking = Ranking.of([(score, member) for member, score in value.scores.items()])
        return value

    def __len__(self) -> int:
        return len(self.scores)

    # -- changing ----------------------------------------------------------------------------------

    def expect(self, count: int) -> None:
        """Become a skip list if one command brings more members than a listpack may hold."""
        if count > self.max_listpack_entries:
            self.packed = False

    def add(self, member: bytes, score: float) -> bool:
        """Give a member this score; return whether it had another one, or was not there. O(log n)."""
        old = self.scores.get(member)
        if old is None:
            self.insert(member, score)
            return True
        if old == score:
            return False
        self.update(member, old, score)
        return True

    def add_all(self, members: Sequence[bytes], scores: Sequence[float]) -> tuple[list[int], list[int]]:
        """Give members these scores; return how many were new at each step, and which steps were idle."""
        present, enter = self.scores, self.ranking.add
        new: list[int] = []
        idle: list[int] = []
        for member, score in zip(members, scores, strict=True):
            old = present.get(member)
            if old is not None:
                if old == score:
                    idle.append(len(new))
                else:
                    self.update(member, old, score)
                new.append(0)
                continue
            if self.packed or self.shards is not None:
                self.insert(member, score)
            else:
                present[member] = score
                enter(score, member)
            new.append(1)
        return new, idle

    def insert(self, member: bytes, score: float) -> None:
        """Add a member that is not there. O(log n)."""
        scores = self.scores
        if self.packed:
            if len(scores) >= self.max_listpack_entries or len(member) > self.max_listpack_value:
                self.packed = False
            else:
                score += 0.0  # no -0
        scores[member] = score
        self.ranking.add(score, member)
        if self.shards is not None:
            self.shards.put(member, b"")

    def update(self, member: bytes, old: float, score: float) -> None:
        """Give another score to a member that has the score `old`. O(log n)."""
        if self.packed:
            score += 0.0
        self.ranking.remove(old, member)
        self.scores[member] = score
        self.ranking.add(score, member)
        if self.shards is not None and not self._sharded:
            self.shards.put(member, b"")  # it may have moved to where the walk has passed

    def remove(self, member: bytes) -> bool:
        """Take out a member; return whether it was there. O(log n)."""
        score = self.scores.pop(member, None)
        if score is None:
            return False
        self.ranking.remove(score, member)
        if self.shards is not None:
            self.shards.pop(member)
        return True

    def cut(self, start: Place, stop: Place) -> int:
        """Take out what stands between two places; return how many members. O(log n + their number)."""
        if start >= stop:
            return 0
        gone = self.ranking.cut(start, stop)
        self._forget(gone)
        return len(gone)

    def pop(self, count: int, highest: bool) -> Scored:
        """Take out up to `count` members with the lowest scores, in order, or the highest. O(count)."""
        ranking = self.ranking
        if count == 1 and not highest and self.scores:
            gone = [ranking.pop_first()]
        elif count >= len(self.scores):
            gone = ranking.cut((0, 0), ranking.end)
        elif highest:
            gone = ranking.cut(self.place(len(self.scores) - count), ranking.end)
        else:
            gone = ranking.cut((0, 0), self.place(count))
        if highest:
            gone.reverse()
        return gone, self._forget(gone)

    def _forget(self, members: list[bytes]) -> list[float]:
        """Take out members that the ranking has no more; return their scores."""
        if self.shards is not None:
            for member in members:
                self.shards.pop(member)
        return list(map(self.scores.pop, members))

    # -- reading -----------------------------------------------------------------------------------

    def place(self, rank: int) -> Place:
        """The place that so many members stand before. Costs as `Ranking.place`, which counts from an end."""
        behind = len(self.scores) - rank
        return self.ranking.place(rank) if rank <= behind else self.ranking.place_from_end(behind)

    def rank(self, member: bytes) -> int | None:
        """How many members stand before this one; None if it is not there. Costs as `Ranking.rank`."""
        score = self.scores.get(member)
        return None if score is None else self.ranking.rank(self.ranking.find(score, member))

    def read(
        self, start: Place, stop: Place, *, backward: bool = False, offset: int = 0, limit: int = -1
    ) -> Scored:
        """The members between two places; see `Ranking.read`."""
        if start >= stop:
            return [], []
        ranking = self.ranking
        return (ranking.read_backward if backward else ranking.read)(start, stop, offset, limit)

    def by_score(self, low: float, after_low: bool, high: float, before_high: bool) -> tuple[Place, Place]:
        """The places around the scores from `low` to `high`, with or without these. O(log n)."""
        ranking = self.ranking
        start = ranking.behind_score(low) if after_low else ranking.before_score(low)
        return start, ranking.before_score(high) if before_high else ranking.behind_score(high)

    def by_member(
        self, low: Bound, high: Bound, *, backward: bool = False, offset: int = 0
    ) -> tuple[Place, Place, int]:
        """The places around the members between two bounds, and the offset that is left. O(log n).

        In a listpack whose scores differ it is what a walk finds that starts at the first member (backward:
        the last) inside of one bound, leaves out `offset` members, and ends at the first outside of the
        other; nothing, if the first member lies above the range or the last below. O(n).
        """
        ranking = self.ranking
        if not self.packed:
            return _lower(ranking, low), _upper(ranking, high), offset
        members = self.read((0, 0), ranking.end)[0]
        if not (members and low.below(members[-1]) and high.above(members[0])):
            return (0, 0), (0, 0), 0
        inside, until = (high.above, low.below) if backward else (low.below, high.above)
        walk = members[::-1] if backward else members
        count = len(walk)
        first = next((at for at, member in enumerate(walk) if inside(member)), count)
        if first == count or not until(walk[first]):
            return (0, 0), (0, 0), 0
        first = min(count, first + offset)
        last = next((at for at in range(first, count) if not until(walk[at])), count)
        if backward:
            first, last = count - last, count - first
        return self.place(first), self.place(last), 0

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """Some members, and the next cursor; a listpack comes all at once. O(count).

        What `Shards` scans are the members in the order of their hashes. So a cursor that a client holds is
        good for any value with these members, should the key be overwritten by one.
        """
        if self.packed:
            return 0, self.ranking.members[0] if len(self.ranking.members) == 1 else list(self.scores)
        if self.shards is None:
            self.shards = Shards({})
        if not self._sharded:
            self._shard(self.shards, max(count, _SHARDED_AT_ONCE))
            if not self._sharded:
                return WAITING | cursor, []
        return self.shards.scan(cursor, count)

    def _shard(self, shards: Shards, limit: int) -> None:
        """Enter up to `limit` members more, in order: a million take more than a second. O(limit)."""
        index = at = 0
        if self._last_sharded is not None:
            score, member = self._last_sharded
            index, at = self.ranking.find(score, member)
            at += self.scores.get(member) == score
        found, points = self.ranking.read((index, at), self.ranking.end, 0, limit)
        shards.update(zip(found, repeat(b"")))
        if len(found) < limit:
            self._sharded = True
        else:
            self._last_sharded = points[-1], found[-1]

    def choice(self, rng: Random) -> bytes:
        """Any member; each is as likely as the others. Costs as `Ranking.place`."""
        index, at = self.place(int(rng.random() * len(self.scores)) + 1)
        return self.ranking.members[index][at - 1]

    def sample(self, rng: Random, count: int) -> list[bytes]:
        """So many different members, or all there are, highest first. O(count log n), at most O(n)."""
        total = len(self.scores)
        if count >= total:
            return self.read((0, 0), self.ranking.end, backward=True)[0]
        ranks = rng.sample(range(total), count)
        if self.packed:  # in order, as Redis walks through a listpack
            ranks.sort()
        members, place = self.ranking.members, self.place
        return [members[index][at - 1] for index, at in [place(rank + 1) for rank in ranks]]

    # -- the whole ---------------------------------------------------------------------------------

    def parts(self) -> Structures:
        """See `Value`. The order goes first, as its chunks only refer to the members in the dict."""
        return [self.scores, *([] if self.shards is None else self.shards.parts()), self.ranking.members]

    def encoding(self) -> bytes:
        """What OBJECT ENCODING answers; decided when members were added."""
        return LISTPACK if self.packed else SKIPLIST

    def memory_bytes(self, samples: int) -> int:
        """See `Value`."""
        count = len(self.scores)
        words = words_bytes(self.scores, count, samples) + FLOAT_BYTES * count
        shards = 0 if self.shards is None else self.shards.memory_bytes(samples, words=False)
        return allocated(self, self.scores) + words + self.ranking.memory_bytes(samples) + shards

    def copy(self) -> Self:
        """The same members, as the same kind."""
        twin = type(self)()
        twin.scores = self.scores.copy()
        twin.ranking = self.ranking.copy()
        twin.packed = self.packed
        return twin

    def rebuild(self, key: bytes) -> Iterator[list[bytes]]:
        """ZADDs, in order."""
        names, points = self.read((0, 0), self.ranking.end)
        words = [word for pair in zip(format_doubles(points), names, strict=True) for word in pair]
        for start in range(0, len(words), 2 * _REBUILD_ITEMS):
            yield [b"ZADD", key, *words[start : start + 2 * _REBUILD_ITEMS]]

    def check(self) -> None:
        """The dict and the order say the same."""
        self.ranking.check()
        ranked = dict(zip(*self.read((0, 0), self.ranking.end), strict=True))
        assert ranked == self.scores
        assert sum(map(len, self.ranking.members)) == len(self.scores)
        if self.shards is not None:
            self.shards.check()
            assert self.scores.keys() >= set(self.shards)
            assert not self._sharded or len(self.shards) == len(self.scores)


def _lower(ranking: Ranking, bound: Bound) -> Place:
    if bound.beyond:
        return (0, 0) if bound.beyond < 0 else ranking.end
    return ranking.behind_member(bound.member) if bound.exclusive else ranking.before_member(bound.member)


def _upper(ranking: Ranking, bound: Bound) -> Place:
    if bound.beyond:
        return (0, 0) if bound.beyond < 0 else ranking.end
    return ranking.before_member(bound.member) if bound.exclusive else ranking.behind_member(bound.member)
