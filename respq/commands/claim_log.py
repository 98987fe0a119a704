"""What is logged of entries that get to another consumer, or turn out to be deleted."""

from __future__ import annotations

from respq.command import Client
from respq.datatypes.consumer_groups import claim
from respq.datatypes.pending_entries import Consumer, Delivery


class ClaimLog:
    """Collects it for one command: entries that share a delivery go into one XCLAIM."""

    def __init__(self, c: Client, name: bytes, group_name: bytes) -> None:
        self._c, self._name, self._group_name = c, name, group_name
        self._deliveries: dict[tuple[int, int], Delivery] = {}
        self._claimed: dict[bytes, Delivery] = {}  # one that was named twice counts as it is in the end
        self._gone: list[bytes] = []

    def delivery(self, consumer: Consumer, delivered_ms: int, count: int) -> Delivery:
        """A delivery to the consumer, the same for all that are alike."""
        found = self._deliveries.get((delivered_ms, count))
        if found is None:
            found = self._deliveries[delivered_ms, count] = Delivery(consumer, delivered_ms, count)
        return found

    def claimed(self, text: bytes, delivery: Delivery) -> None:
        """An entry is pending as `delivery` says now."""
        self._claimed[text] = delivery

    def gone(self, text: bytes) -> None:
        """An entry is not pending any more."""
        self._gone.append(text)

    def write(self) -> None:
        """Log all that."""
        db, effects = self._c.db, self._c.effects
        if self._gone:
            effects.append((db, None, None, [b"XACK", self._name, self._group_name, *self._gone]))
        alike: dict[Delivery, list[bytes]] = {}
        for text, delivery in self._claimed.items():
            alike.setdefault(delivery, []).append(text)
        for delivery, texts in alike.items():
            effects.append((db, None, None, claim(self._name, self._group_name, texts, delivery)))
