"""The pending entries list against a dict that is sorted for every question."""

from __future__ import annotations

from random import Random

import pytest

from respq.datatypes import pending_entries
from respq.datatypes.entry_ids import read_id, show_id
from respq.datatypes.pending_entries import Consumer, Delivery, PendingEntries

Model = dict[bytes, Delivery]


@pytest.fixture(autouse=True)
def small_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending_entries, "_LEAF_IDS", 8)
    monkeypatch.setattr(pending_entries, "_SLACK", 4)
    monkeypatch.setattr(pending_entries, "_KEPT_SHARE", 3)


def texts(numbers: list[int]) -> list[bytes]:
    return [show_id(number << 60) for number in numbers]


def test_it_agrees_with_a_dict() -> None:
    for seed in range(60):
        rng = Random(seed)
        consumers = [Consumer(b"%d" % n, 0) for n in range(3)]
        pending, model = PendingEntries(), Model()
        behind = 0
        for _ in range(120):
            delivery = Delivery(rng.choice(consumers), rng.randrange(100))
            what = rng.random()
            if what < 0.4:
                count = rng.choice([1, 1, 3, 20])
                found = texts(list(range(behind + 1, behind + 1 + count)))
                pending.deliver(found, behind << 60, (behind + count) << 60, delivery)
                model |= dict.fromkeys(found, delivery)
                behind += count
            elif what < 0.55:
                (text,) = texts([rng.randrange(1, behind + 3)])
                pending.assign(text, delivery)
                model[text] = delivery
            elif what < 0.95:
                lost = texts([rng.randrange(behind + 4) for _ in range(rng.choice([1, 2, 20]))])
                if rng.random() < 0.3:  # as they were delivered
                    lost = [text for text, _ in pending.following(rng.randrange(behind + 1) << 60)][
                        :20
                    ] or lost
                if rng.random() < 0.3:
                    assert pending.take_as_sent([*lost, b"0%b" % lost[0]]) is None
                    agree(pending, model, consumers, rng.randrange(behind + 3))
                taken = pending.take_as_sent(lost) if rng.random() < 0.5 else None
                if taken is None:
                    taken = pending.take(lost)
                assert taken == [model.pop(text, None) for text in lost]
            elif what < 0.98:
                behind = rng.randrange(behind + 1)  # as XGROUP SETID does
            else:
                pending.drop_consumer(delivery.consumer)
                model = {text: kept for text, kept in model.items() if kept.consumer is not delivery.consumer}
            agree(pending, model, consumers, rng.randrange(behind + 3))


def agree(pending: PendingEntries, model: Model, consumers: list[Consumer], start: int) -> None:
    pending.check(consumers)
    ordered = sorted(model.items(), key=lambda item: read_id(item[0]))
    assert len(pending) == len(model)
    assert list(pending.following(0)) == ordered
    assert pending.first() == (ordered[0][0] if ordered else None)
    assert pending.last() == (ordered[-1][0] if ordered else None)
    behind = [item for item in ordered if read_id(item[0]) >= start << 60]
    assert list(pending.following(start << 60)) == behind
    for consumer in consumers:
        owned = [item for item in behind if item[1].consumer is consumer]
        assert list(pending.of(consumer, start << 60)) == owned
    before = 5 * start % 100
    overdue = [item for item in ordered if item[1].delivered_ms <= before]
    assert list(pending.overdue(before)) == sorted(overdue, key=lambda item: item[1].delivered_ms)
    oldest_ms = pending.oldest_ms()
    assert (oldest_ms is None) == (not model)
    assert all(oldest_ms is not None and oldest_ms <= delivery.delivered_ms for delivery in model.values())
    for text, _ in ordered[:3]:
        assert text in pending
        assert pending.get(text) is model[text]


def test_a_copy_is_independent() -> None:
    ann, bob = Consumer(b"ann", 0), Consumer(b"bob", 0)
    pending = PendingEntries()
    pending.deliver(texts(list(range(1, 30))), 0, 29 << 60, Delivery(ann, 5))
    pending.assign(*texts([7]), Delivery(bob, 6, 2))
    twin, counterparts = PendingEntries(), {ann: Consumer(b"ann", 0), bob: Consumer(b"bob", 0)}
    pending.copy_into(twin, counterparts)
    twin.check(list(counterparts.values()))
    twin.take(texts([3]))
    assert (len(pending), len(twin)) == (29, 28)
    assert [
        (text, delivery.consumer.name, delivery.delivered_ms, delivery.count)
        for text, delivery in twin.of(counterparts[bob], 0)
    ] == [(*texts([7]), b"bob", 6, 2)]
