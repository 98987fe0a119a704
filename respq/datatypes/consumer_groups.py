"""Consumer groups: how far a group has read a stream, who reads in it, and what is pending.

What a stream knows of the entries before and behind an ID decides how many of them a group counts as read;
so that stands in `streams`. Here are the records and what changes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Final

from respq.datatypes.entry_ids import show_id
from respq.datatypes.pending_entries import Consumer, Delivery, PendingEntries
from respq.protocol.annotations import SEEN_TIME

UNKNOWN: Final = -1  # entries read: nobody can tell
COUNT_MAX: Final = (1 << 63) - 1  # deliveries that can be counted
RELEASED_WORDS: Final = [b"FORCE", b"JUSTID"]
ACTIVE_TIME: Final = b"ACTIVE-TIME"
REBUILT_AT_ONCE: Final = 48  # entries in one command of a rewritten log


def claim(key: bytes, group: bytes, texts: Sequence[bytes], delivery: Delivery) -> list[bytes]:
    """The command that makes entries pending, whether they are or not, as a delivery says."""
    last_words = RELEASED_WORDS if delivery.delivered_ms else RELEASED_WORDS[::-1]
    consumer = delivery.consumer.name
    return _claim(key, group, texts, consumer, delivery.delivered_ms, delivery.count, last_words)


def release(key: bytes, group: bytes, texts: Sequence[bytes], owner: bytes, count: int) -> list[bytes]:
    """The command that lets nobody have entries, in a log.

    Redis before 8.8 does not know that state. There they are pending for who had them last, and may be
    claimed at once; the time 0 and these last words, which Redis writes in another order or not last, say the
    rest.
    """
    return _claim(key, group, texts, owner, 0, count, RELEASED_WORDS)


def _claim(
    key: bytes, group: bytes, texts: Sequence[bytes], consumer: bytes, delivered_ms: int, count: int,
    last_words: list[bytes],
) -> list[bytes]:  # fmt: skip
    return [
        *(b"XCLAIM", key, group, consumer, b"0", *texts),
        *(b"TIME", b"%d" % delivered_ms, b"RETRYCOUNT", b"%d" % count, *last_words),
    ]


def activity(key: bytes, group: bytes, consumer: Consumer) -> list[bytes]:
    """The command that says when a consumer was seen and got something, for a log of respq.

    Redis has no words for it, see `protocol.annotations`.
    """
    times = SEEN_TIME, b"%d" % consumer.seen_ms, ACTIVE_TIME, b"%d" % consumer.active_ms
    return [b"XCLAIM", key, group, consumer.name, b"0", *times]


class Group:
    """A consumer group."""

    __slots__ = ("consumers", "entries_read", "last_id", "pending")

    def __init__(self, last_id: int, entries_read: int = UNKNOWN) -> None:
        self.last_id = last_id  # the last ID that was delivered to anybody
        self.entries_read = entries_read  # how many entries that is, counted from the first ever; or UNKNOWN
        self.pending = PendingEntries()
        self.consumers: dict[bytes, Consumer] = {}

    def sorted_consumers(self) -> list[Consumer]:
        """By name, as they are shown. O(n log n)."""
        return [self.consumers[name] for name in sorted(self.consumers)]

    def create_consumer(self, name: bytes, now_ms: int) -> bool:
        """Add a consumer; tell whether there was none of that name."""
        if name in self.consumers:
            return False
        self.consumers[name] = Consumer(name, now_ms)
        return True

    def deliver(self, texts: list[bytes], last_id: int, consumer: Consumer, now_ms: int) -> None:
        """Enter entries behind `last_id` of before, at least one, the last of which is the new `last_id`."""
        self.pending.deliver(texts, self.last_id, last_id, Delivery(consumer, now_ms))
        consumer.active_ms = now_ms

    def acknowledge(self, texts: Sequence[bytes]) -> int:
        """Take entries off the pending entries list; return how many were on it."""
        taken = self.pending.take(texts)
        return len(taken) - taken.count(None)

    def release(self, text: bytes, count: int, owner: bytes = b"") -> None:
        """Let nobody have an entry; `owner` had it last, if it is not pending."""
        self.pending.release(text, count, owner)

    def delete_consumer(self, name: bytes) -> int | None:
        """Remove a consumer with what it has pending; return how much that was, None if there is none."""
        consumer = self.consumers.pop(name, None)
        if consumer is None:
            return None
        pending = consumer.pending_count
        self.pending.drop_consumer(consumer)
        return pending

    def copy(self) -> Group:
        """An independent copy. O(pending entries)."""
        twin = Group(self.last_id, self.entries_read)
        counterparts = {}
        for name, consumer in self.consumers.items():
            other = twin.consumers[name] = counterparts[consumer] = Consumer(name, consumer.seen_ms)
            other.active_ms = consumer.active_ms
        self.pending.copy_into(twin.pending, counterparts)
        return twin

    def rebuild(self, key: bytes, name: bytes) -> Iterator[list[bytes]]:
        """Commands that recreate the group, called `name`, and its consumers, with nothing pending."""
        yield [b"XGROUP", b"CREATE", *self.progress(key, name)]
        for consumer in self.consumers:
            yield [b"XGROUP", b"CREATECONSUMER", key, name, consumer]

    def progress(self, key: bytes, name: bytes) -> list[bytes]:
        """Words of XGROUP CREATE and SETID that say how far the group has read."""
        return [key, name, show_id(self.last_id), b"ENTRIESREAD", b"%d" % self.entries_read]

    def rebuild_pending(
        self, key: bytes, name: bytes, wanted: Callable[[bytes], bool]
    ) -> Iterator[list[bytes]]:
        """Commands that make entries pending whose IDs are `wanted`, in a stream that has them."""
        items = (item for item in self.pending.following(0) if wanted(item[0]))
        for _, entries in groupby(items, lambda item: item[1].said):
            texts, (delivery, *_) = zip(*entries, strict=True)
            if delivery.consumer is not self.pending.nobody:
                for at in range(0, len(texts), REBUILT_AT_ONCE):
                    yield claim(key, name, texts[at : at + REBUILT_AT_ONCE], delivery)
        yield from self.rebuild_released(key, name, list(filter(wanted, self.pending.released)))

    def rebuild_activity(self, key: bytes, name: bytes) -> Iterator[list[bytes]]:
        """Commands, behind all others, that say when consumers were seen and got something."""
        for consumer in self.consumers.values():
            yield activity(key, name, consumer)

    def rebuild_released(self, key: bytes, name: bytes, texts: Sequence[bytes]) -> Iterator[list[bytes]]:
        """Commands that let nobody have these entries, as it is now, in this order."""

        def said(text: bytes) -> tuple[bytes, int]:
            delivery = self.pending.get(text)
            assert delivery is not None
            return self.pending.released[text], delivery.count

        for (owner, count), alike in groupby(texts, said):
            released = list(alike)
            for at in range(0, len(released), REBUILT_AT_ONCE):
                yield release(key, name, released[at : at + REBUILT_AT_ONCE], owner, count)

    def check(self) -> None:
        """Assert the invariants."""
        assert all(consumer.name == name for name, consumer in self.consumers.items())
        self.pending.check(list(self.consumers.values()))
