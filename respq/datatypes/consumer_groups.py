"""Consumer groups: who has got which entries of a stream and has not acknowledged them yet.

A pending entries list is a dict from the text of an ID, as clients send it and replies show it, to one record
that the group and the consumer share. Most of what a queue does is that: deliver, acknowledge. The order of
IDs is needed by whoever looks around (XPENDING, XAUTOCLAIM, a consumer reading its own history), so it is
kept beside the dict, as a list that new IDs are appended to and that remembers what has been acknowledged
until half of it is so. Its head moves by an index: with acknowledgements in order, nothing is ever searched.

Cost: delivery 0.3 µs per entry, acknowledgement 0.15; finding a place in the order 3 µs at a million.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Final

from respq.datatypes.entry_ids import read_id

UNKNOWN: Final = -1  # entries read: nobody can tell
_SLACK: Final = 64  # acknowledged IDs that the order may remember, on top of half of it


class Pending:
    """One delivery that has not been acknowledged."""

    __slots__ = ("consumer", "delivered_ms", "deliveries")

    def __init__(self, consumer: Consumer, delivered_ms: int, deliveries: int = 1) -> None:
        self.consumer = consumer
        self.delivered_ms = delivered_ms  # Unix time
        self.deliveries = deliveries


class PendingList:
    """Pending entries by the text of their ID."""

    __slots__ = ("_head", "_order", "entries")

    def __init__(self) -> None:
        self.entries: dict[bytes, Pending] = {}
        self._order: list[bytes] = []  # ascending, with all that are pending and some that were
        self._head = 0  # what is before it has been acknowledged

    def __len__(self) -> int:
        return len(self.entries)

    def add(self, text: bytes, pending: Pending) -> None:
        """Enter one, or replace it. O(1) at the end of the order, else O(n) of a fast kind."""
        order = self._order
        if text not in self.entries:
            if not order or read_id(order[-1]) < (entry_id := read_id(text)):
                order.append(text)
            else:
                at = bisect_left(order, entry_id, key=read_id)
                if order[at] != text:
                    order.insert(at, text)
                self._head = min(self._head, at)
        self.entries[text] = pending

    def precedes(self, text: bytes) -> bool:
        """Whether an ID is greater than all that are pending, or were of late."""
        return not self._order or read_id(self._order[-1]) < read_id(text)

    def extend(self, texts: list[bytes], records: Iterable[Pending]) -> None:
        """Enter several, in ascending order, of which `precedes` is true. O(them)."""
        self.entries.update(zip(texts, records, strict=True))
        self._order += texts

    def pop(self, text: bytes) -> Pending | None:
        """Take one out; None if it is not there. O(1) amortised."""
        pending = self.entries.pop(text, None)
        if pending is not None and len(self._order) > 2 * len(self.entries) + _SLACK:
            self._order = [text for text in self._order if text in self.entries]
            self._head = 0
        return pending

    def following(self, start: int) -> Iterator[tuple[bytes, Pending]]:
        """What is pending from an ID on, in order. Nothing may be added meanwhile. O(log n) to begin."""
        order, entries = self._order, self.entries
        while self._head < len(order) and order[self._head] not in entries:
            self._head += 1
        at = bisect_left(order, start, lo=self._head, key=read_id) if start else self._head
        for index in range(at, len(order)):
            pending = entries.get(order[index])
            if pending is not None:
                yield order[index], pending

    def first(self) -> bytes | None:
        """The smallest ID that is pending, or None. O(1) amortised."""
        return next((text for text, _ in self.following(0)), None)

    def last(self) -> bytes | None:
        """The greatest ID that is pending, or None. O(1) amortised."""
        order = self._order
        while order and order[-1] not in self.entries:
            order.pop()
        self._head = min(self._head, len(order))
        return order[-1] if order else None

    def check(self) -> None:
        """Assert the invariants."""
        numbers = list(map(read_id, self._order))
        assert numbers == sorted(set(numbers))
        assert self.entries.keys() <= set(self._order[self._head :])
        assert len(self._order) <= 2 * len(self.entries) + _SLACK + 1


class Consumer:
    """One reader of a group."""

    __slots__ = ("active_ms", "name", "pending", "seen_ms")

    def __init__(self, name: bytes, now_ms: int) -> None:
        self.name = name
        self.seen_ms = now_ms  # when it last tried something
        self.active_ms = -1  # when it last got something; never: -1
        self.pending = PendingList()


class Group:
    """A consumer group."""

    __slots__ = ("consumers", "entries_read", "last_id", "pending")

    def __init__(self, last_id: int, entries_read: int = UNKNOWN) -> None:
        self.last_id = last_id  # the last ID that was delivered to anybody
        self.entries_read = entries_read  # how many entries that is, counted from the first ever; or UNKNOWN
        self.pending = PendingList()
        self.consumers: dict[bytes, Consumer] = {}

    def sorted_consumers(self) -> list[Consumer]:
        """By name, as they are shown. O(n log n)."""
        return [self.consumers[name] for name in sorted(self.consumers)]

    def deliver(self, texts: list[bytes], consumer: Consumer, now_ms: int) -> None:
        """Enter deliveries of entries, at least one, with ascending IDs.

        O(them), if nobody has set `last_id` back.
        """
        records = [Pending(consumer, now_ms) for _ in texts]
        if self.pending.precedes(texts[0]) and consumer.pending.precedes(texts[0]):
            self.pending.extend(texts, records)
            consumer.pending.extend(texts, records)
            return
        for text, record in zip(texts, records, strict=True):
            self.assign(text, record)

    def assign(self, text: bytes, pending: Pending) -> None:
        """Let an entry be pending for the record's consumer, and for nobody else."""
        before = self.pending.entries.get(text)
        if before is not None and before.consumer is not pending.consumer:
            before.consumer.pending.pop(text)
        self.pending.add(text, pending)
        pending.consumer.pending.add(text, pending)

    def acknowledge(self, text: bytes) -> bool:
        """Take an entry off the pending entries list; tell whether it was on it. O(1) amortised."""
        pending = self.pending.pop(text)
        if pending is None:
            return False
        pending.consumer.pending.pop(text)
        return True

    def delete_consumer(self, name: bytes) -> int | None:
        """Remove a consumer with what it has pending; return how much that was, None if there is none."""
        consumer = self.consumers.pop(name, None)
        if consumer is None:
            return None
        for text in list(consumer.pending.entries):
            self.pending.pop(text)
        return len(consumer.pending)

    def copy(self) -> Group:
        """An independent copy."""
        twin = Group(self.last_id, self.entries_read)
        for name, consumer in self.consumers.items():
            other = twin.consumers[name] = Consumer(name, consumer.seen_ms)
            other.active_ms = consumer.active_ms
        for text, pending in self.pending.following(0):
            consumer = twin.consumers[pending.consumer.name]
            twin.assign(text, Pending(consumer, pending.delivered_ms, pending.deliveries))
        return twin

    def check(self) -> None:
        """Assert the invariants."""
        self.pending.check()
        owned = 0
        for name, consumer in self.consumers.items():
            assert consumer.name == name
            consumer.pending.check()
            owned += len(consumer.pending)
            for text, pending in consumer.pending.entries.items():
                assert pending.consumer is consumer
                assert self.pending.entries[text] is pending
        assert owned == len(self.pending)
