"""Streams: when consumers were seen and got something, which has to come back with the log.

What is logged of a delivery says it in passing. Other signs of life (a read that found nothing, the history
of a consumer, NOACK) change nothing that redis-server would log. They are noted in annotations, for a
consumer one a second at most: whoever asks a million times for what is not there shall not fill the disk. So
the times come back to within a second.
"""

from __future__ import annotations

from typing import Final

from respq.command import Argv, Client
from respq.datatypes.consumer_groups import ACTIVE_TIME, Group, activity
from respq.datatypes.pending_entries import Consumer
from respq.errors import syntax_error
from respq.protocol.annotations import Annotation

NOTED_EVERY_MS: Final = 1000


def note_activity(c: Client, name: bytes, group_name: bytes, consumer: Consumer) -> None:
    """Log when a consumer was seen and got something, unless that was done less than a second ago."""
    if consumer.seen_ms - consumer.noted_ms >= NOTED_EVERY_MS:
        note_activity_now(c, name, group_name, consumer)


def note_activity_now(c: Client, name: bytes, group_name: bytes, consumer: Consumer) -> None:
    """Log it in any case."""
    if c.server.aof is not None:
        consumer.noted_ms = consumer.seen_ms
        c.effects.append((c.db, None, None, Annotation(activity(name, group_name, consumer))))
        c.server.changes_since_save -= 1  # this is none, but will be counted as one


def recall_activity(group: Group, argv: Argv) -> None:
    """Do what the log says of that: see `consumer_groups.activity`."""
    _, _, _, name, _, _, seen_ms, active_word, active_ms = argv
    if active_word != ACTIVE_TIME:
        raise syntax_error()
    group.create_consumer(name, int(seen_ms))
    consumer = group.consumers[name]
    consumer.seen_ms, consumer.active_ms = int(seen_ms), int(active_ms)
