"""The pending entries list: what a group has delivered and nobody has acknowledged, by ID.

Delivering and acknowledging are what a queue does, so both are look-ups in a dict from the text of an ID, as
clients send it and replies show it, to a record that all entries of one delivery share. The order of IDs is
for whoever looks around: XPENDING, XAUTOCLAIM, a consumer that reads its own history.

The list is cut into leaves by ID, each a small dict with its IDs in order and what every consumer has of
them. IDs grow, so deliveries go to the last leaf; acknowledgements in order come to the first; others find
their leaf by bisection. A leaf remembers in its lists what has been taken from it until hardly anything is
left, so taking touches the dict alone, and nothing that has to be done now and then (a dict that grows, a
list that is cleaned) is larger than a leaf, however long the list.

Cost: delivery 0.1 µs per entry and 1 per call; acknowledgement 0.15 in order, 1 out of order. Memory: about
60 bytes per entry on top of its ID.

Rejected: one dict and one ordered list (growing the dict stops everybody for 30 ms at a million); a dict and
a list per consumer (twice the work for an order that few ask for).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import islice, repeat
from typing import Final

from respq.datatypes.entry_ids import SEQ_BITS

_LEAF_IDS: Final = 1024  # of a leaf that grows at its end; twice that if it grows elsewhere
_KEPT_SHARE: Final = 8  # a leaf is cleaned when so few of the IDs in its lists are pending,
_SLACK: Final = 256  # or a little later


class Consumer:
    """One reader of a group."""

    __slots__ = ("active_ms", "name", "pending_count", "seen_ms")

    def __init__(self, name: bytes, now_ms: int) -> None:
        self.name = name
        self.seen_ms = now_ms  # when it last tried something, Unix time
        self.active_ms = -1  # when it last got something; never: -1
        self.pending_count = 0  # kept by `PendingEntries`


class Delivery:
    """When, to whom and for how many times entries were delivered. Shared by entries, so it never changes."""

    __slots__ = ("consumer", "count", "delivered_ms")

    def __init__(self, consumer: Consumer, delivered_ms: int, count: int = 1) -> None:
        self.consumer = consumer
        self.delivered_ms = delivered_ms  # Unix time
        self.count = count


def _number(text: bytes) -> int:
    """The ID that is spelled canonically."""
    ms, _, seq = text.partition(b"-")
    return int(ms) << SEQ_BITS | int(seq)


class _Leaf:
    """Pending entries with neighbouring IDs."""

    __slots__ = ("entries", "head", "order", "owned")

    def __init__(self) -> None:
        self.entries: dict[bytes, Delivery] = {}
        self.order: list[bytes] = []  # ascending: what is pending, and some of what was
        self.head = 0  # what is before it in the order has been taken
        self.owned: dict[
            Consumer, list[bytes]
        ] = {}  # ascending: what a consumer has, and some of what it had

    def extend(self, texts: list[bytes], delivery: Delivery) -> None:
        """Enter IDs that follow on all that the leaf has seen."""
        self.entries.update(zip(texts, repeat(delivery)))
        self.order += texts
        owned = self.owned.get(delivery.consumer)
        if owned is None:
            self.owned[delivery.consumer] = texts[:]
        else:
            owned += texts

    def own(self, text: bytes, consumer: Consumer) -> None:
        """Note that a consumer has an entry."""
        owned = self.owned.setdefault(consumer, [])
        if not owned or _number(owned[-1]) < _number(text):
            owned.append(text)
        else:
            _insert(owned, text)

    def following(self, start: int) -> Iterator[tuple[bytes, Delivery]]:
        """What is pending from an ID on, in order."""
        order, find = self.order, self.entries.get
        while self.head < len(order) and order[self.head] not in self.entries:
            self.head += 1
        at = bisect_left(order, start, lo=self.head, key=_number) if start else self.head
        for text in islice(order, at, None):
            delivery = find(text)
            if delivery is not None:
                yield text, delivery

    def of(self, consumer: Consumer, start: int) -> Iterator[tuple[bytes, Delivery]]:
        """What a consumer has of that."""
        owned, find = self.owned.get(consumer), self.entries.get
        if not owned:
            return
        at = bisect_left(owned, start, key=_number) if start else 0
        for text in islice(owned, at, None):
            delivery = find(text)
            if delivery is not None and delivery.consumer is consumer:
                yield text, delivery

    @property
    def is_sparse(self) -> bool:
        """Whether it is worth to be cleaned."""
        return len(self.order) > _KEPT_SHARE * len(self.entries) + _SLACK

    def clean(self) -> None:
        """Forget what has been taken. O(what it has seen)."""
        self.order = [text for text in self.order if text in self.entries]
        self.head = 0
        self.owned = {}
        for text in self.order:
            self.owned.setdefault(self.entries[text].consumer, []).append(text)
        self.entries = {text: self.entries[text] for text in self.order}

    def split(self) -> _Leaf:
        """Give away the greater half of what is pending, at least two entries. O(what it has seen)."""
        self.clean()
        other = _Leaf()
        other.order = self.order[len(self.order) // 2 :]
        other.entries = {text: self.entries.pop(text) for text in other.order}
        other.clean()
        self.clean()
        return other


def _insert(order: list[bytes], text: bytes) -> None:
    """Put an ID at its place, unless it is there."""
    at = bisect_left(order, _number(text), key=_number)
    if at == len(order) or order[at] != text:
        order.insert(at, text)


class PendingEntries:
    """Pending entries by the text of their ID, which is spelled canonically."""

    __slots__ = ("_count", "_greatest", "_leaves", "_starts")

    def __init__(self) -> None:
        self._count = 0
        self._greatest = -1  # no ID that was entered is greater
        self._leaves: list[_Leaf] = []
        self._starts: list[int] = []  # of each leaf: its IDs are not less, those of the one before are

    def __len__(self) -> int:
        return self._count

    # -- entering ----------------------------------------------------------------------------------

    def deliver(self, texts: list[bytes], behind: int, last_id: int, delivery: Delivery) -> None:
        """Enter entries with ascending IDs greater than `behind`, the last of which is `last_id`.

        O(them), if no greater ones were ever entered. They may be pending already.
        """
        if self._greatest > behind and not self._count:
            self.__init__()  # type: ignore[misc]  # begin anew
        if self._greatest > behind:
            for text in texts:
                self.assign(text, delivery)
            return
        self._greatest = last_id
        self._count += len(texts)
        delivery.consumer.pending_count += len(texts)
        leaf = self._leaves[-1] if self._leaves else None
        if leaf is not None and len(leaf.order) + len(texts) <= _LEAF_IDS:
            leaf.extend(texts, delivery)
            return
        for at in range(0, len(texts), _LEAF_IDS):
            part = texts[at : at + _LEAF_IDS]
            leaf = _Leaf()
            leaf.extend(part, delivery)
            self._leaves.append(leaf)
            self._starts.append(_number(part[0]))

    def assign(self, text: bytes, delivery: Delivery) -> None:
        """Enter one entry, or replace what is known of it. O(log n), and its share of a leaf."""
        entry_id = _number(text)
        if not self._leaves:
            self._leaves.append(_Leaf())
            self._starts.append(entry_id)
        at = max(0, bisect_right(self._starts, entry_id) - 1)
        leaf = self._leaves[at]
        before = leaf.entries.get(text)
        leaf.entries[text] = delivery
        delivery.consumer.pending_count += 1
        if before is not None:
            before.consumer.pending_count -= 1
            if before.consumer is not delivery.consumer:
                leaf.own(text, delivery.consumer)
            return
        self._count += 1
        leaf.own(text, delivery.consumer)
        if entry_id > self._greatest:
            self._greatest = entry_id
            leaf.order.append(text)
        else:
            _insert(leaf.order, text)
            leaf.head = 0
            self._starts[at] = min(self._starts[at], entry_id)
        if len(leaf.order) > 2 * _LEAF_IDS:
            self._divide(at)

    def _divide(self, at: int) -> None:
        leaf = self._leaves[at]
        if len(leaf.entries) < _LEAF_IDS:
            leaf.clean()
            return
        other = leaf.split()
        self._leaves.insert(at + 1, other)
        self._starts.insert(at + 1, _number(other.order[0]))

    # -- taking ------------------------------------------------------------------------------------

    def take(self, texts: list[bytes]) -> list[Delivery | None]:
        """Take entries out; what was known of each, None for one that is not there. O(log n) for each.

        `texts` may repeat one, which is there the first time only.
        """
        if not self._leaves:
            return [None] * len(texts)
        first = self._leaves[0]
        taken = list(map(first.entries.pop, texts, repeat(None)))
        if len(self._leaves) > 1 and None in taken:
            taken = [
                self._take_behind(text) if delivery is None else delivery
                for text, delivery in zip(texts, taken, strict=True)
            ]
        gone = [delivery for delivery in taken if delivery is not None]
        if not gone:
            return taken
        self._count -= len(gone)
        if gone.count(gone[0]) == len(gone):
            gone[0].consumer.pending_count -= len(gone)
        else:
            for delivery in gone:
                delivery.consumer.pending_count -= 1
        if first.is_sparse or not (first.entries or len(self._leaves) == 1):
            self._tidy(0)
        return taken

    def _take_behind(self, text: bytes) -> Delivery | None:
        """Take an entry out that is not in the first leaf, without counting it."""
        at = max(0, bisect_right(self._starts, _number(text)) - 1)
        leaf = self._leaves[at]
        delivery = leaf.entries.pop(text, None)
        if at and (leaf.is_sparse or not leaf.entries):
            self._tidy(at)
        return delivery

    def _tidy(self, at: int) -> None:
        leaf = self._leaves[at]
        if leaf.entries or len(self._leaves) == 1:
            leaf.clean()
        else:
            del self._leaves[at], self._starts[at]

    def drop_consumer(self, consumer: Consumer) -> None:
        """Take out all that a consumer has. O(that, and leaves)."""
        self.take([text for text, _ in self.of(consumer, 0)])
        for leaf in self._leaves:
            leaf.owned.pop(consumer, None)

    # -- looking -----------------------------------------------------------------------------------

    def get(self, text: bytes) -> Delivery | None:
        """What is known of an entry, None if it is not pending. O(log n)."""
        if not self._leaves:
            return None
        delivery = self._leaves[0].entries.get(text)
        if delivery is None and len(self._leaves) > 1:
            leaf = self._leaves[max(0, bisect_right(self._starts, _number(text)) - 1)]
            delivery = leaf.entries.get(text)
        return delivery

    def __contains__(self, text: bytes) -> bool:
        return self.get(text) is not None

    def following(self, start: int) -> Iterator[tuple[bytes, Delivery]]:
        """What is pending from an ID on, in order. Nothing may change meanwhile. O(log n) to begin."""
        for leaf in self._leaves_from(start):
            yield from leaf.following(start)

    def of(self, consumer: Consumer, start: int) -> Iterator[tuple[bytes, Delivery]]:
        """What of that a consumer has. O(log n) to begin, and leaves in which it has nothing."""
        for leaf in self._leaves_from(start):
            yield from leaf.of(consumer, start)

    def _leaves_from(self, start: int) -> Iterator[_Leaf]:
        return islice(self._leaves, max(0, bisect_right(self._starts, start) - 1), None)

    def first(self) -> bytes | None:
        """The smallest ID, None if there is none. O(1) amortised."""
        return next((text for text, _ in self.following(0)), None)

    def last(self) -> bytes | None:
        """The greatest ID, None if there is none. O(a leaf)."""
        for leaf in reversed(self._leaves):
            for text in reversed(leaf.order):
                if text in leaf.entries:
                    return text
        return None

    # -- the whole ---------------------------------------------------------------------------------

    def copy_into(self, twin: PendingEntries, consumers: dict[Consumer, Consumer]) -> None:
        """Make an empty list a copy, in which others stand for the consumers. O(n)."""
        copies: dict[Delivery, Delivery] = {}
        for text, delivery in self.following(0):
            copy = copies.get(delivery)
            if copy is None:
                copy = Delivery(consumers[delivery.consumer], delivery.delivered_ms, delivery.count)
                copies[delivery] = copy
            twin.assign(text, copy)

    def check(self, consumers: list[Consumer]) -> None:
        """Assert the invariants; nobody but `consumers` has anything."""
        assert len(self._leaves) == len(self._starts)
        bounds = [*self._starts, self._greatest + 1]
        assert bounds == sorted(bounds)
        counts = dict.fromkeys(consumers, 0)
        for leaf, low, high in zip(self._leaves, bounds[:-1], bounds[1:], strict=True):
            numbers = list(map(_number, leaf.order))
            assert numbers == sorted(set(numbers))
            assert not numbers or low <= numbers[0] <= numbers[-1] < high
            assert leaf.entries.keys() <= set(leaf.order[leaf.head :])
            for consumer, owned in leaf.owned.items():
                assert list(map(_number, owned)) == sorted(set(map(_number, owned)))
                assert consumer in counts
            for text, delivery in leaf.entries.items():
                counts[delivery.consumer] += 1
                assert text in leaf.owned[delivery.consumer]
        assert {consumer: consumer.pending_count for consumer in consumers} == counts
        assert self._count == sum(counts.values())
