"""Streams: XREADGROUP with CLAIM (Redis 8.4), which first takes what others have had for too long.

Entries that somebody gave back come first, then those that have been pending longest, ties by ID. What turns
out to be deleted is acknowledged and not reported, as XAUTOCLAIM does.
"""

from __future__ import annotations

from respq.command import Client
from respq.commands.claim_log import ClaimLog
from respq.commands.stream_budget import Budget
from respq.datatypes.consumer_groups import COUNT_MAX, Group
from respq.datatypes.entry_ids import number_of
from respq.datatypes.pending_entries import Consumer, Delivery
from respq.datatypes.streams import StreamValue

SHORTEST_WAIT_MS = 1  # between two looks at what is pending


def redelivered(entry: bytes, idle_ms: int, count: int) -> bytes:
    """An entry, how long ago it was delivered before, and how many times."""
    return b"*4%b:%d\r\n:%d\r\n" % (entry[2:], idle_ms, count)


def claim_overdue(
    c: Client, name: bytes, group_name: bytes, stream: StreamValue, group: Group, consumer: Consumer,
    min_idle_ms: int, most: int, budget: Budget,
) -> list[bytes]:  # fmt: skip
    """Deliver to a consumer what has been pending for so long, at most so many entries; return them."""
    now_ms = c.server.clock.now_ms
    rows: list[bytes] = []
    taken: list[tuple[bytes, Delivery]] = []
    gone: list[bytes] = []
    log = ClaimLog(c, name, group_name)
    for text, delivery in group.pending.overdue(now_ms - min_idle_ms):
        if len(rows) >= budget.most(most) or budget.exhausted:
            break
        entry = stream.get(number_of(text))
        if entry is None:
            gone.append(text)
            log.gone(text)
            continue
        row = redelivered(entry, max(0, now_ms - delivery.delivered_ms), delivery.count)
        budget.take([row])
        rows.append(row)
        taken.append((text, delivery))
    group.acknowledge(gone)
    for text, delivery in taken:
        claimed = log.delivery(consumer, now_ms, min(delivery.count + 1, COUNT_MAX))
        group.pending.assign(text, claimed)
        log.claimed(text, claimed)
    if rows:
        consumer.active_ms = now_ms
    log.write()
    return rows


def has_overdue(group: Group, now_ms: int, min_idle_ms: int) -> bool:
    """Whether anything has been pending for so long. O(leaves)."""
    return next(group.pending.overdue(now_ms - min_idle_ms), None) is not None


def next_look_ms(group: Group, now_ms: int, min_idle_ms: int) -> int:
    """When to look again: what is delivered from now on is not overdue before `min_idle_ms` have passed."""
    wait_ms = max(SHORTEST_WAIT_MS, min_idle_ms)
    oldest_ms = group.pending.oldest_ms()
    if oldest_ms is None:
        return now_ms + wait_ms
    return min(now_ms + wait_ms, max(oldest_ms + min_idle_ms, now_ms + SHORTEST_WAIT_MS))
