"""Streams in dumps: nodes of entries, what the stream remembers, its groups with what is pending.

A node is a listpack that begins with the fields of its first entry. An entry that has the same fields leaves
them out; IDs are differences to the first one's:

    entries, deleted ones, number of fields, the fields, 0
    flags, milliseconds, sequence number, [number of fields, then fields and] values, elements of the entry

Three versions: 2 (Redis 7.0) remembers the first ID, the greatest deleted one, how many entries there have
been, and how many a group has read; 3 (7.2) when a consumer last got something.

An entry that was given back (XNACK of Redis 8.8) has no place in it: it is written as pending for whoever had
it last, since the year 1970, so that it is the first to be claimed. In files `stream_extras` says the rest.

Nodes are written as they are known (`datatypes.stream_nodes`), one after the other, so that few exist at a
time; what Redis keeps of deleted entries is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from operator import attrgetter
from typing import Final

from respq.datatypes.consumer_groups import Group
from respq.datatypes.entry_blocks import id_text, words_of
from respq.datatypes.entry_ids import SEQ_BITS, SEQ_MAX, read_id, show_id
from respq.datatypes.pending_entries import Consumer, Delivery
from respq.datatypes.streams import StreamValue
from respq.rdb import listpack
from respq.rdb.alike import Gathering, read_alike
from respq.rdb.cursor import BadFormatError, Cursor
from respq.rdb.folding import Folding, split_nodes
from respq.rdb.stream_entries import SAME_FIELDS, Entry, difference, read_node
from respq.rdb.strings import WriteString, write_length

_ID_BYTES: Final = 16
_PENDING_BYTES: Final = _ID_BYTES + 8 + 1
_CONSUMER_BYTES: Final = 1 + 8 + 1

# -- reading ---------------------------------------------------------------------------------------


def read_stream(cursor: Cursor, version: int) -> StreamValue:
    """A stream as this version writes it. Raises BadFormatError."""
    stream = StreamValue()
    gathering = Gathering(stream)
    folding = Folding(stream, gathering)
    for behind in reversed(range(cursor.count(2))):
        if behind and folding.take(cursor):
            continue
        folding.flush(cursor)
        first_id = _read_first_id(cursor)
        node = cursor.string()
        alike = read_alike(first_id, node)
        if alike is not None:
            gathering.add(alike)
            continue
        gathering.flush()
        for entry_id, words in read_node(first_id, node):
            if entry_id <= stream.last_id:
                raise BadFormatError("the entries of a stream are not in order")
            stream.add(entry_id, words)
    gathering.flush()
    _read_history(cursor, version, stream)
    for _ in range(cursor.count()):
        name = cursor.string()
        if name in stream.groups:
            raise BadFormatError("a stream has a group twice")
        stream.groups[name] = _read_group(cursor, version, stream)
    return stream


def _read_first_id(cursor: Cursor) -> int:
    first = cursor.string()
    if len(first) != _ID_BYTES:
        raise BadFormatError("a node of a stream has no ID")
    return int.from_bytes(first, "big")


def _read_history(cursor: Cursor, version: int, stream: StreamValue) -> None:
    length, last_id = cursor.length(), read_entry_id(cursor)
    if length != len(stream) or last_id < stream.last_id:
        raise BadFormatError("a stream has other entries than it says")
    stream.last_id = last_id
    if version < 2:
        return
    read_entry_id(cursor)  # the first one, which is seen
    stream.max_deleted_id = read_entry_id(cursor)
    stream.entries_added = cursor.length()
    if stream.entries_added < length:
        raise BadFormatError("a stream has more entries than there have ever been")


def read_entry_id(cursor: Cursor) -> int:
    """An ID that is written as two lengths."""
    return cursor.length() << SEQ_BITS | cursor.length()


def _read_group(cursor: Cursor, version: int, stream: StreamValue) -> Group:
    group = Group(read_entry_id(cursor))
    if version < 2:
        group.entries_read = stream.position(group.last_id)
    else:
        read = cursor.length()
        group.entries_read = read - (1 << 64) if read >> 63 else read
    pending: dict[bytes, tuple[int, int]] = {}
    for _ in range(cursor.count(_PENDING_BYTES)):
        entry_id = cursor.take(_ID_BYTES)
        pending[entry_id] = cursor.i64(), cursor.length()
    owners: dict[bytes, Consumer] = {}
    for _ in range(cursor.count(_CONSUMER_BYTES)):
        _read_consumer(cursor, version, group, owners)
    if owners.keys() != pending.keys():
        raise BadFormatError("what is pending in a group is not what its consumers have")
    _enter(group, pending, owners)
    return group


def _read_consumer(cursor: Cursor, version: int, group: Group, owners: dict[bytes, Consumer]) -> None:
    consumer = Consumer(cursor.string(), cursor.i64())
    consumer.active_ms = cursor.i64() if version > 2 else consumer.seen_ms
    if consumer.name in group.consumers:
        raise BadFormatError("a group has a consumer twice")
    group.consumers[consumer.name] = consumer
    for _ in range(cursor.count(_ID_BYTES)):
        entry_id = cursor.take(_ID_BYTES)
        if entry_id in owners:
            raise BadFormatError("an entry is pending for two consumers")
        owners[entry_id] = consumer


def _enter(group: Group, pending: dict[bytes, tuple[int, int]], owners: dict[bytes, Consumer]) -> None:
    """Enter what is pending, whose IDs compare as their bytes do."""
    shared: dict[tuple[Consumer, int, int], Delivery] = {}
    for raw_id in sorted(pending):
        how = (owners[raw_id], *pending[raw_id])
        delivery = shared.get(how)
        if delivery is None:
            delivery = shared[how] = Delivery(*how)
        group.pending.assign(show_id(int.from_bytes(raw_id, "big")), delivery)


# -- writing ---------------------------------------------------------------------------------------


def write_stream(stream: StreamValue, write_string: WriteString) -> Iterator[bytes]:
    """A stream in pieces, as version 3."""
    nodes = [node for node in stream.nodes() if node[1]]  # trimming by MINID may leave empty ones
    yield write_length(len(nodes))
    yield from _write_nodes(stream, nodes, write_string)
    yield write_length(len(stream))
    for entry_id in (stream.last_id, stream.first_id(), stream.max_deleted_id):
        yield write_id(entry_id)
    yield write_length(stream.entries_added)
    yield write_length(len(stream.groups))
    for name in sorted(stream.groups):
        yield write_string(name)
        yield from _write_group(stream.groups[name], write_string)


def _write_nodes(
    stream: StreamValue, nodes: list[tuple[int, int]], write_string: WriteString
) -> Iterator[bytes]:
    """The nodes, of which those that nobody has looked at are written as they were read."""
    folded = {int.from_bytes(block.nodes[1 : 1 + _ID_BYTES], "big"): block for block in stream.folded()}
    entries, covered = None, 0  # what comes next; the last ID that has been written
    for first_id, live in nodes:
        if first_id <= covered:
            continue
        if (block := folded.get(first_id)) is not None:
            for id_bytes, node in split_nodes(block.nodes):
                yield write_string(id_bytes) + write_string(node)
            entries, covered = None, block.last_id
        else:
            entries = entries or _entries(stream, first_id)
            yield write_string(first_id.to_bytes(_ID_BYTES, "big"))
            yield write_string(_pack(first_id, list(islice(entries, live))))


def _entries(stream: StreamValue, first_id: int) -> Iterator[Entry]:
    for stretch in stream.following(first_id):
        for entry in stretch.entries():
            yield read_id(id_text(entry)), words_of(entry)


def _pack(first_id: int, node: list[Entry]) -> bytes:
    fields = node[0][1][::2]
    elements: list[bytes | int] = [len(node), 0, len(fields), *fields, 0]
    for entry_id, words in node:
        ms = difference(entry_id >> SEQ_BITS, first_id >> SEQ_BITS)
        seq = difference(entry_id & SEQ_MAX, first_id & SEQ_MAX)
        if words[::2] == fields:
            elements += (SAME_FIELDS, ms, seq, *words[1::2], len(fields) + 3)
        else:
            elements += (0, ms, seq, len(words) // 2, *words, len(words) + 4)
    return listpack.pack(elements)


def write_id(entry_id: int) -> bytes:
    """An ID as two lengths."""
    return write_length(entry_id >> SEQ_BITS) + write_length(entry_id & SEQ_MAX)


def _write_group(group: Group, write_string: WriteString) -> Iterator[bytes]:
    yield write_id(group.last_id)
    yield write_length(group.entries_read % (1 << 64))
    yield write_length(len(group.pending))
    for text, delivery in group.pending.following(0):
        yield _raw_id(text) + _write_time(delivery.delivered_ms) + write_length(delivery.count)
    released = _released(group)
    owners = [Consumer(name, 0) for name in released.keys() - group.consumers.keys()]
    consumers = sorted([*group.consumers.values(), *owners], key=attrgetter("name"))
    yield write_length(len(consumers))
    for consumer in consumers:
        yield write_string(consumer.name) + _write_time(consumer.seen_ms) + _write_time(consumer.active_ms)
        texts = [text for text, _ in group.pending.of(consumer, 0)] + released.get(consumer.name, [])
        yield write_length(len(texts))
        yield b"".join(map(_raw_id, texts))


def _released(group: Group) -> dict[bytes, list[bytes]]:
    """What nobody has (XNACK), by who had it last: the format knows no entry that nobody has."""
    found: dict[bytes, list[bytes]] = {}
    for text, owner in group.pending.released.items():
        found.setdefault(owner, []).append(text)
    return found


def _raw_id(text: bytes) -> bytes:
    return read_id(text).to_bytes(_ID_BYTES, "big")


def _write_time(at_ms: int) -> bytes:
    return at_ms.to_bytes(8, "little", signed=True)
