"""The pending entries list: what a group has delivered and nobody has acknowledged, by ID.

Delivering and acknowledging are what a queue does, so both are look-ups in a dict from the text of an ID, as
clients send it and replies show it, to a record that all entries of one delivery share. The order of IDs is
for whoever looks around: XPENDING, XAUTOCLAIM, a consumer that reads its own history.

The list is cut into leaves by ID, each a small dict. IDs grow, so deliveries go to the last leaf, which keeps
them in order by itself; acknowledgements in order come to the first; others find their leaf by bisection.
Nothing that has to be done now and then (a dict that grows, or is sorted because somebody went back) is
larger than a leaf, however long the list. A leaf knows how much of it each consumer has, so one that has
little is found without looking at everything.

Cost: delivery 0.06 µs per entry and 1 per call; acknowledgement 0.1 in order, 1 out of order; looking into
the midst of a leaf 5, after something was entered there up to 100 once. Memory: about 40 bytes per entry on
top of its ID, 8 more where somebody has looked.

Rejected: one dict and one ordered list (growing the dict stops everybody for 30 ms at a million); lists of
IDs in order, of all and of each consumer's, beside the dict of a leaf (acknowledging takes twice as long, as
IDs are freed when nobody has them at hand any more).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import repeat
from typing import Final

from respq.datatypes.entry_ids import are_canonical, number_of

_LEAF_IDS: Final = 1024  # of a leaf that grows at its end; twice that if it grows elsewhere
_KEPT_SHARE: Final = 8  # a leaf is copied into less room when so few of the IDs that it has seen are pending,
_SLACK: Final = 256  # or a little later
_NEVER: Final = 1 << 63


class Consumer:
    """One reader of a group."""

    __slots__ = ("active_ms", "name", "noted_ms", "pending_count", "seen_ms")

    def __init__(self, name: bytes, now_ms: int) -> None:
        self.name = name
        self.seen_ms = now_ms  # when it last tried something, Unix time
        self.active_ms = -1  # when it last got something; never: -1
        self.noted_ms = 0  # when the log was last told of both
        self.pending_count = 0  # kept by `PendingEntries`


class Nobody(Consumer):
    """Has the entries that were given back (XNACK) and not delivered since."""

    __slots__ = ()


class Delivery:
    """When, to whom and for how many times entries were delivered. Shared by entries, so it never changes."""

    __slots__ = ("consumer", "count", "delivered_ms")

    def __init__(self, consumer: Consumer, delivered_ms: int, count: int = 1) -> None:
        self.consumer = consumer
        self.delivered_ms = delivered_ms  # Unix time
        self.count = count

    @property
    def said(self) -> tuple[bytes, int, int]:
        """All that it says."""
        return self.consumer.name, self.delivered_ms, self.count


class _Leaf:
    """Pending entries with neighbouring IDs."""

    __slots__ = ("_in_order", "_last_id", "_row", "counts", "entries", "oldest_ms", "seen")

    def __init__(self) -> None:
        self.entries: dict[bytes, Delivery] = {}
        self.counts: dict[Consumer, int] = {}  # how many of them each consumer has, maybe none
        self.oldest_ms = _NEVER  # nothing was delivered before; perhaps nothing then
        self.seen = 0  # IDs entered since the dict was new
        self._last_id = -1  # the greatest of them
        self._in_order = True
        # IDs in order, some of them taken since; made once somebody has begun in the midst.
        self._row: list[bytes] = []

    def extend(self, texts: list[bytes], last_id: int, delivery: Delivery) -> None:
        """Enter IDs in order, the last of which is `last_id`, behind all that the leaf has seen."""
        self.entries.update(dict.fromkeys(texts, delivery))
        self.seen += len(texts)
        self._row = []
        self._last_id = last_id
        self.count(delivery.consumer, len(texts))
        self.oldest_ms = min(self.oldest_ms, delivery.delivered_ms)

    def assign(self, text: bytes, entry_id: int, delivery: Delivery) -> Delivery | None:
        """Enter an ID, or replace what is known of it; return that."""
        before = self.entries.get(text)
        self.entries[text] = delivery
        self.count(delivery.consumer, 1)
        if delivery.consumer.__class__ is not Nobody:
            self.oldest_ms = min(self.oldest_ms, delivery.delivered_ms)
        if before is not None:
            self.count(before.consumer, -1)
            return before
        self.seen += 1
        self._row = []
        if entry_id < self._last_id:
            self._in_order = False
        else:
            self._last_id = entry_id
        return None

    def put_back(self, words: Sequence[bytes], taken: list[Delivery | None]) -> None:
        """Enter what was taken out and has not been counted."""
        for word, delivery in zip(words, taken, strict=True):
            if delivery is not None:
                self.entries[word] = delivery
                self._in_order = False
                self._row = []

    def count(self, consumer: Consumer, more: int) -> None:
        """A consumer has so many entries more."""
        self.counts[consumer] = self.counts.get(consumer, 0) + more
        consumer.pending_count += more

    def items(self, start: int = 0) -> Iterable[tuple[bytes, Delivery]]:
        """What is pending from an ID on, in order. Nothing may change meanwhile."""
        if not self._in_order:
            self.renew(sorted(self.entries.items(), key=lambda item: number_of(item[0])))
        return self._items_from(start) if start else self.entries.items()

    def _items_from(self, start: int) -> Iterator[tuple[bytes, Delivery]]:
        """`items` from an ID on. A row of all IDs has to be made, which the next one who asks finds ready."""
        if not self._row:
            self._row = list(self.entries)
        row, find = self._row, self.entries.get
        for at in range(bisect_left(row, start, key=number_of), len(row)):
            delivery = find(row[at])
            if delivery is not None:
                yield row[at], delivery

    def backwards(self) -> Iterator[bytes]:
        """The IDs, the greatest first."""
        self.items()
        return reversed(self.entries)

    def of(self, consumer: Consumer, start: int) -> Iterator[tuple[bytes, Delivery]]:
        """What a consumer has of that."""
        if self.counts.get(consumer):
            for item in self.items(start):
                if item[1].consumer is consumer:
                    yield item

    def overdue(self, before_ms: int) -> list[tuple[int, int, bytes, Delivery]]:
        """What was delivered no later than `before_ms`: when, the ID as a number, the entry. O(entries)."""
        found = [
            (delivery.delivered_ms, number_of(text), text, delivery)
            for text, delivery in self.entries.items()
            if delivery.delivered_ms <= before_ms
        ]
        if not found:
            self.oldest_ms = min(
                [delivery.delivered_ms for delivery in self.entries.values()], default=_NEVER
            )
        return found

    @property
    def is_sparse(self) -> bool:
        """Whether it takes much more room than it needs."""
        return self.seen > _KEPT_SHARE * len(self.entries) + _SLACK

    def renew(self, items: Iterable[tuple[bytes, Delivery]]) -> None:
        """Let it consist of these entries, which are some of its own, in order."""
        self.entries = dict(items)
        self.seen = len(self.entries)
        self._in_order = True
        self._row = []

    def split(self) -> _Leaf:
        """Give away the greater half, of at least two entries. O(them)."""
        items = list(self.items())
        half = len(items) // 2
        self.renew(items[:half])
        other = _Leaf()
        for text, delivery in items[half:]:
            self.count(delivery.consumer, -1)
            other.assign(text, number_of(text), delivery)
        self._last_id = number_of(items[half - 1][0])
        return other


class PendingEntries:
    """Pending entries by the text of their ID, which is spelled canonically."""

    __slots__ = ("_count", "_greatest", "_leaves", "_starts", "nobody", "released")

    def __init__(self) -> None:
        self._count = 0
        self._greatest = -1  # no ID that was entered is greater
        self._leaves: list[_Leaf] = []
        self._starts: list[int] = []  # of each leaf: its IDs are not less, those of the one before are
        self.nobody = Nobody(b"", 0)
        self.released: dict[bytes, bytes] = {}  # nobody's entries, in the order of XNACK; who had them last

    def __len__(self) -> int:
        return self._count

    # -- entering ----------------------------------------------------------------------------------

    def deliver(self, texts: list[bytes], behind: int, last_id: int, delivery: Delivery) -> None:
        """Enter entries with ascending IDs greater than `behind`, the last of which is `last_id`.

        O(them), if no greater ones were ever entered. They may be pending already.
        """
        if self._greatest > behind:
            if self._count:
                for text in texts:
                    self.assign(text, delivery)
                return
            self._leaves, self._starts = [], []
        self._greatest = last_id
        leaf = self._leaves[-1] if self._leaves else None
        if leaf is not None and leaf.seen + len(texts) <= _LEAF_IDS:
            self._count += len(texts)
            leaf.extend(texts, last_id, delivery)
            return
        if not self._count:
            self._leaves, self._starts = [], []
        self._count += len(texts)
        for at in range(0, len(texts), _LEAF_IDS):
            part = texts[at : at + _LEAF_IDS]
            leaf = _Leaf()
            leaf.extend(part, number_of(part[-1]), delivery)
            self._leaves.append(leaf)
            self._starts.append(number_of(part[0]))

    def assign(self, text: bytes, delivery: Delivery) -> None:
        """Enter one entry, or replace what is known of it. O(log n), and its share of a leaf."""
        entry_id = number_of(text)
        if self.released:
            self.released.pop(text, None)
        if not self._leaves:
            self._leaves.append(_Leaf())
            self._starts.append(entry_id)
        at = self._index_of(entry_id)
        leaf = self._leaves[at]
        if leaf.assign(text, entry_id, delivery) is not None:
            return
        self._count += 1
        self._greatest = max(self._greatest, entry_id)
        self._starts[at] = min(self._starts[at], entry_id)
        if len(leaf.entries) > 2 * _LEAF_IDS:
            other = leaf.split()
            self._leaves.insert(at + 1, other)
            self._starts.insert(at + 1, number_of(next(iter(other.entries))))

    def release(self, text: bytes, count: int, owner: bytes = b"") -> None:
        """Let nobody have an entry, pending or not, behind those that nobody has already.

        `owner` had it last, if it is not pending.
        """
        before = self.get(text)
        if before is not None:
            owner = self.released.get(text, before.consumer.name)
        self.assign(text, Delivery(self.nobody, 0, count))
        self.released[text] = owner

    def _index_of(self, entry_id: int) -> int:
        """The leaf that has an ID, if any has."""
        return max(0, bisect_right(self._starts, entry_id) - 1)

    # -- taking ------------------------------------------------------------------------------------

    def take_as_sent(self, words: Sequence[bytes]) -> list[Delivery | None] | None:
        """`take` IDs as a client has spelled them; None, and nothing is changed, if that may be otherwise.

        Who acknowledges several IDs was given them together, so they are looked for in the leaf of the first
        one, as they are: 0.1 µs each. Only what is not there is read.
        """
        if not self._leaves:
            return None
        try:
            at = self._index_of(number_of(words[0])) if len(self._leaves) > 1 else 0
        except ValueError:
            return None
        leaf = self._leaves[at]
        taken: list[Delivery | None] = list(map(leaf.entries.pop, words, repeat(None)))
        if None not in taken:
            self._count_taken(at, taken)  # type: ignore[arg-type]  # no None
        else:
            missing = [word for word, delivery in zip(words, taken, strict=True) if delivery is None]
            if not are_canonical(missing):
                leaf.put_back(words, taken)
                return None
            if found := [delivery for delivery in taken if delivery is not None]:
                self._count_taken(at, found)
            others = map(self._take, missing)
            taken = [next(others) if delivery is None else delivery for delivery in taken]
        self._forget_released(words)
        return taken

    def take(self, texts: Sequence[bytes]) -> list[Delivery | None]:
        """Take entries out; what was known of each, None for one that is not there. O(log n) for each.

        `texts` may repeat one, which is there the first time only.
        """
        self._forget_released(texts)
        return [self._take(text) for text in texts]

    def _forget_released(self, texts: Sequence[bytes]) -> None:
        if self.released:
            for text in texts:
                self.released.pop(text, None)

    def _take(self, text: bytes) -> Delivery | None:
        if not self._leaves:
            return None
        at = self._index_of(number_of(text)) if len(self._leaves) > 1 else 0
        delivery = self._leaves[at].entries.pop(text, None)
        if delivery is not None:
            self._count_taken(at, [delivery])
        return delivery

    def _count_taken(self, at: int, taken: list[Delivery]) -> None:
        """Entries of a leaf have been taken out, at least one."""
        self._count -= len(taken)
        leaf, first = self._leaves[at], taken[0]
        if taken.count(first) == len(taken):
            leaf.count(first.consumer, -len(taken))
        else:
            for delivery in taken:
                leaf.count(delivery.consumer, -1)
        if not leaf.entries and len(self._leaves) > 1:
            del self._leaves[at], self._starts[at]
        elif leaf.is_sparse:
            leaf.renew(leaf.items())

    def drop_consumer(self, consumer: Consumer) -> None:
        """Take out all that a consumer has. O(that, and leaves)."""
        self.take([text for text, _ in self.of(consumer, 0)])
        for leaf in self._leaves:
            leaf.counts.pop(consumer, None)

    # -- looking -----------------------------------------------------------------------------------

    def get(self, text: bytes) -> Delivery | None:
        """What is known of an entry, None if it is not pending. O(log n)."""
        if not self._leaves:
            return None
        at = self._index_of(number_of(text)) if len(self._leaves) > 1 else 0
        return self._leaves[at].entries.get(text)

    def __contains__(self, text: bytes) -> bool:
        return self.get(text) is not None

    def following(self, start: int) -> Iterator[tuple[bytes, Delivery]]:
        """What is pending from an ID on, in order. Nothing may change meanwhile. O(log n) to begin."""
        for at in range(self._index_of(start), len(self._leaves)):
            yield from self._leaves[at].items(start if start > self._starts[at] else 0)

    def of(self, consumer: Consumer, start: int) -> Iterator[tuple[bytes, Delivery]]:
        """What of that a consumer has. O(leaves), and those in which it has something."""
        for at in range(self._index_of(start), len(self._leaves)):
            yield from self._leaves[at].of(consumer, start if start > self._starts[at] else 0)

    def overdue(self, before_ms: int) -> Iterator[tuple[bytes, Delivery]]:
        """What nobody has, then what was delivered no later than `before_ms`, longest ago first, ties by ID.

        Nothing may change meanwhile. O(leaves), and those that have some of it, as far as it is asked for.
        """
        for text in self.released:
            delivery = self.get(text)
            assert delivery is not None
            yield text, delivery
        places = zip([leaf.oldest_ms for leaf in self._leaves], self._starts, self._leaves, strict=True)
        order = sorted(places, key=lambda place: place[:2])
        found: list[tuple[int, int, bytes, Delivery]] = []
        for oldest_ms, start, leaf in order:
            while found and found[0][:2] < (oldest_ms, start):
                yield heappop(found)[2:]
            if oldest_ms > before_ms:
                break
            for item in leaf.overdue(before_ms):
                heappush(found, item)
        while found:
            yield heappop(found)[2:]

    def oldest_ms(self) -> int | None:
        """Nothing was delivered before; None if nothing is pending. O(leaves)."""
        return min([leaf.oldest_ms for leaf in self._leaves]) if self._count else None

    def first(self) -> bytes | None:
        """The smallest ID, None if there is none. O(a leaf)."""
        return next((text for text, _ in self.following(0)), None)

    def last(self) -> bytes | None:
        """The greatest ID, None if there is none. O(a leaf)."""
        return next((text for leaf in reversed(self._leaves) for text in leaf.backwards()), None)

    # -- the whole ---------------------------------------------------------------------------------

    def copy_into(self, twin: PendingEntries, consumers: dict[Consumer, Consumer]) -> None:
        """Make an empty list a copy, in which others stand for the consumers. O(n)."""
        copies: dict[Delivery, Delivery] = {}
        consumers = {**consumers, self.nobody: twin.nobody}
        for text, delivery in self.following(0):
            copy = copies.get(delivery)
            if copy is None:
                copy = Delivery(consumers[delivery.consumer], delivery.delivered_ms, delivery.count)
                copies[delivery] = copy
            twin.assign(text, copy)
        twin.released = self.released.copy()

    def check(self, consumers: list[Consumer]) -> None:
        """Assert the invariants; nobody but `consumers` has anything."""
        assert len(self._leaves) == len(self._starts)
        bounds = [*self._starts, self._greatest + 1]
        assert bounds == sorted(bounds)
        consumers = [*consumers, self.nobody]
        counts = dict.fromkeys(consumers, 0)
        assert self.released.keys() == {text for text, _ in self.of(self.nobody, 0)}
        for leaf, low, high in zip(self._leaves, bounds[:-1], bounds[1:], strict=True):
            numbers = [number_of(text) for text, _ in leaf.items()]
            assert numbers == sorted(set(numbers))
            assert not numbers or low <= numbers[0] <= numbers[-1] < high
            assert leaf.entries or len(self._leaves) == 1
            owners = [delivery.consumer for delivery in leaf.entries.values()]
            assert leaf.counts.keys() <= counts.keys()
            for consumer in consumers:
                assert leaf.counts.get(consumer, 0) == owners.count(consumer)
                counts[consumer] += owners.count(consumer)
        assert {consumer: consumer.pending_count for consumer in consumers} == counts
        assert self._count == sum(counts.values())
