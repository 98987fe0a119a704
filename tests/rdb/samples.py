"""A value of every type and encoding; and how values are compared."""

from __future__ import annotations

from collections.abc import Iterator

from respq.datatypes.consumer_groups import UNKNOWN, Group
from respq.datatypes.entry_ids import SEQ_BITS, SEQ_MAX
from respq.datatypes.hashes import HashValue
from respq.datatypes.lists import ListValue
from respq.datatypes.sets import SetValue
from respq.datatypes.sorted_sets import SortedSetValue
from respq.datatypes.streams import StreamValue
from respq.datatypes.strings import StringValue
from respq.datatypes.value import Value

INTEGERS = [b"%d" % (sign << shift) for shift in range(0, 63, 3) for sign in (1, -1)]
TEXTS = [b"", b"a", b"01", b"-0", b"x" * 63, b"y" * 64, b"z" * 127, b"\xff" * 4095, b"\r\n" * 4096]


def values() -> Iterator[tuple[str, Value]]:
    """Each with the name of what it is."""
    for text in (*INTEGERS, *TEXTS):
        yield "string", StringValue(text)
    yield "list, one node", ListValue.of([*INTEGERS, *TEXTS[:6]])
    yield "list, many nodes", ListValue.of([b"element %d" % n for n in range(3000)])
    yield "list, a long element", ListValue.of([b"a", b"b" * 9000, b"c"])
    for members in ([b"1", b"2"], [b"-70000", b"5"], [b"9000000000", b"0"], INTEGERS):
        yield "set of integers", _set(members)
    yield "set, listpack", _set([b"a", b"1", b"b"])
    yield "set, hash table", _set([b"member %d" % n for n in range(300)])
    scores = [0.0, 1.0, -3.0, 0.1, 1 / 3, 1e17, 1e21, 1e300, 5e-324, float("inf"), float("-inf")]
    yield "sorted set, listpack", SortedSetValue.of({b"m%d" % n: score for n, score in enumerate(scores)})
    yield "sorted set, skip list", SortedSetValue.of({b"m%d" % n: n / 7 for n in range(300)})
    yield "hash, listpack", _hash(3, b"v")
    yield "hash, hash table", _hash(3, b"v" * 100)
    yield "hash, deadlines", _hash(4, b"v", {b"f1": 5000, b"f2": 4000, b"f3": 5000})
    yield "hash table, deadlines", _hash(4, b"v" * 100, {b"f1": 5000, b"f3": 1})
    yield "stream", stream()
    yield "stream, empty", _empty_stream()
    yield "stream, IDs farther apart than integers of 64 bits say", _far_stream()


def meaning(value: Value) -> object:
    """What clients can find out about a value, deadlines and what is pending included."""
    commands = [argv for argv in value.rebuild(b"key") if argv[0] not in (b"SADD", b"HMSET")]
    encoding = value.encoding()
    if isinstance(value, SetValue):
        return encoding, sorted(value.members()) if encoding == b"hashtable" else value.members()
    if isinstance(value, HashValue):
        return encoding, dict(value.items()), value.names() if value.listpack else sorted(commands)
    if isinstance(value, StreamValue):
        seen = [
            (name, consumer.name, consumer.seen_ms, consumer.active_ms)
            for name, group in value.groups.items()
            for consumer in group.sorted_consumers()
        ]
        return sorted(commands), seen, [group.entries_read for group in value.groups.values()]
    return encoding, commands


def _far_stream() -> StreamValue:
    value = StreamValue()
    for ms, seq in ((1, 0), (1, SEQ_MAX - 2), (SEQ_MAX - 1, 3)):
        value.add(ms << SEQ_BITS | seq, [b"field", b"value"])
    return value


def _set(members: list[bytes]) -> SetValue:
    value = SetValue()
    value.add(members)
    return value


def _hash(count: int, data: bytes, deadlines: dict[bytes, int] | None = None) -> HashValue:
    value = HashValue()
    value.set_all([word for n in range(count) for word in (b"f%d" % n, data)])
    for field, at_ms in (deadlines or {}).items():
        value.expire(field, at_ms)
    return value


def stream() -> StreamValue:
    """Entries with other fields and with line ends, a gap, two groups with what is pending."""
    value = StreamValue()
    for n in range(1, 301):
        words = [b"a", b"%d" % n, b"b", b"\r\n" * (n % 3)] if n % 10 else [b"other", b"x" * n]
        value.add(n << 64 | n % 7, words)
    value.delete([5 << 64 | 5])
    group = value.groups[b"g"] = Group(0)
    for name, count in ((b"c1", 10), (b"c2", 100), (b"c1", 3)):
        group.create_consumer(name, 1000 + count)
        value.deliver(group, group.consumers[name], count, 2000 + count)
    group.create_consumer(b"idle", 4000)
    group.acknowledge([b"2-2", b"12-5"])
    value.groups[b"new"] = Group(1 << 64, UNKNOWN)
    return value


def _empty_stream() -> StreamValue:
    value = StreamValue()
    value.add(5, [b"a", b"b"])
    value.delete([5])
    return value
