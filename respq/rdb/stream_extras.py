"""What streams have here and the format has no place for, in an auxiliary field before the key.

Redis 8.2 skips auxiliary fields that it does not know, wherever they stand, and keeps the rest of the stream.
In this one is what a stream remembers of its producers' messages (XADD IDMP of Redis 8.6), and what was given
back and is nobody's (XNACK of Redis 8.8; without this field it is pending for who had it last):

    0 | 1, seconds, records that a producer may have, additions, duplicates,
           producers: name, records: message, ID, Unix time in ms
    groups: name, consumers that are not there, entries, in the order in which they were given back:
            ID, who had it last, deliveries

A number before each row says how many follow; all are written as lengths, an ID as two.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from respq.datatypes.consumer_groups import Group
from respq.datatypes.entry_ids import read_id, show_id
from respq.datatypes.idempotency import Idempotency, Record, Records, Settings
from respq.datatypes.streams import StreamValue
from respq.rdb.cursor import BadFormatError, Cursor
from respq.rdb.stream_format import read_entry_id, write_id
from respq.rdb.strings import write_length, write_plain

FIELD: Final = b"respq-stream"


def write_extras(stream: StreamValue) -> bytes:
    """The contents of the field; nothing if there is nothing to be said."""
    groups = [(name, group) for name, group in stream.groups.items() if group.pending.released]
    if stream.idempotency is None and not groups:
        return b""
    return b"".join((*_write_idempotency(stream.idempotency), *_write_groups(groups)))


def _write_idempotency(idempotency: Idempotency | None) -> Iterator[bytes]:
    yield write_length(idempotency is not None)
    if idempotency is None:
        return
    yield from map(write_length, (*idempotency.settings, idempotency.added, idempotency.duplicates))
    yield write_length(len(idempotency.producers))
    for producer, records in idempotency.producers.items():
        yield write_plain(producer) + write_length(len(records))
        for message, (entry_id, since_ms) in records.items():
            yield write_plain(message) + write_id(entry_id) + write_length(since_ms)


def _write_groups(groups: list[tuple[bytes, Group]]) -> Iterator[bytes]:
    yield write_length(len(groups))
    for name, group in groups:
        released = group.pending.released
        missing = set(released.values()) - group.consumers.keys()
        yield write_plain(name) + write_length(len(missing))
        yield from map(write_plain, sorted(missing))
        yield write_length(len(released))
        for text, owner in released.items():
            delivery = group.pending.get(text)
            assert delivery is not None
            yield write_id(read_id(text)) + write_plain(owner) + write_length(delivery.count)


def read_extras(data: bytes, stream: StreamValue) -> None:
    """Complete a stream that has just been read. Raises BadFormatError."""
    cursor = Cursor(data)
    if cursor.length():
        stream.idempotency = _read_idempotency(cursor)
    for _ in range(cursor.count()):
        group = stream.groups.get(cursor.string())
        if group is None:
            raise BadFormatError("a stream has more groups than it says")
        _read_released(cursor, group)


def _read_idempotency(cursor: Cursor) -> Idempotency:
    idempotency = Idempotency(Settings(cursor.length(), cursor.length()))
    idempotency.added, idempotency.duplicates = cursor.length(), cursor.length()
    for _ in range(cursor.count()):
        idempotency.producers[cursor.string()] = records = Records()
        for _ in range(cursor.count()):
            message = cursor.string()
            records[message] = Record(read_entry_id(cursor), cursor.length())
    return idempotency


def _read_released(cursor: Cursor, group: Group) -> None:
    missing = [cursor.string() for _ in range(cursor.count())]
    for _ in range(cursor.count()):
        text, owner = show_id(read_entry_id(cursor)), cursor.string()
        if group.pending.get(text) is None:
            raise BadFormatError("an entry that was given back is not pending")
        group.release(text, cursor.length(), owner)
    for name in missing:
        if group.delete_consumer(name) != 0:
            raise BadFormatError("a consumer that is not there has pending entries")
