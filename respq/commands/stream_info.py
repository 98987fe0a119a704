"""XINFO: what a stream looks like from inside."""

from __future__ import annotations

from itertools import islice

from respq.command import LOADING, READONLY, STALE, Argv, Client, command, container, key
from respq.commands.arguments import parse_int
from respq.commands.help import help_reply
from respq.commands.stream_groups import no_group
from respq.commands.streams import entries_reply
from respq.datatypes.consumer_groups import COUNT_MAX, UNKNOWN, Group
from respq.datatypes.entry_ids import MAX, show_id
from respq.datatypes.idempotency import Idempotency
from respq.datatypes.pending_entries import Consumer, Delivery
from respq.datatypes.streams import StreamValue
from respq.errors import CommandError, no_such_key
from respq.protocol.resp import array, bulk, integer

READ = (key(2, "RO access"),)
FULL_ENTRIES = 10  # shown by FULL without COUNT

container("XINFO", group="stream", since="5.0.0", summary="Commands that describe a stream")


def _find(c: Client, argv: Argv) -> StreamValue:
    stream = c.read(argv[2], StreamValue)
    if stream is None:
        raise no_such_key()
    return stream


@command("XINFO|STREAM", arity=-3, flags=READONLY, keys=READ, group="stream", since="5.0.0",
         syntax="key [FULL [COUNT count]]", complexity="O(n), n entries not looked at before",
         argument_groups="full-block")  # fmt: skip
def xinfo_stream(c: Client, argv: Argv) -> bytes:
    """Describe a stream; with FULL, its groups and first entries as well."""
    stream = _find(c, argv)
    if len(argv) > 3 and (argv[3].upper() != b"FULL" or len(argv) not in {4, 6}):
        raise _wrong_words()
    count = FULL_ENTRIES
    if len(argv) == 6:
        if argv[4].upper() != b"COUNT":
            raise _wrong_words()
        count = parse_int(argv[5])
        if count < 0:
            count = FULL_ENTRIES
    tail = _full(c, stream, count) if len(argv) > 3 else _summary(c, stream)
    return c.enc.map([(bulk(name), value) for name, value in [*_history(c, stream), *tail]])


def _wrong_words() -> CommandError:
    return CommandError("unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.")


def _history(c: Client, stream: StreamValue) -> list[tuple[bytes, bytes]]:
    nodes, tree_nodes = stream.tree_size()
    fields = [
        (b"length", integer(len(stream))),
        (b"radix-tree-keys", integer(nodes)),
        (b"radix-tree-nodes", integer(tree_nodes)),
        (b"last-generated-id", bulk(show_id(stream.last_id))),
        (b"max-deleted-entry-id", bulk(show_id(stream.max_deleted_id))),
        (b"entries-added", integer(min(stream.entries_added, COUNT_MAX))),
        (b"recorded-first-entry-id", bulk(show_id(stream.first_id()))),
    ]
    idempotency = stream.idempotency
    if idempotency is None and c.server.config.compat_version >= (8, 6):
        idempotency = Idempotency(stream.idempotent_settings())
    return fields if idempotency is None else fields + _idempotency(idempotency, c.server.clock.now_ms)


def _idempotency(idempotency: Idempotency, now_ms: int) -> list[tuple[bytes, bytes]]:
    """What redis-server shows from 8.6 on; before that, of streams for which it has been used."""
    producers, messages = idempotency.count(now_ms)
    return [
        (b"idmp-duration", integer(idempotency.settings.duration_s)),
        (b"idmp-maxsize", integer(idempotency.settings.maxsize)),
        (b"pids-tracked", integer(producers)),
        (b"iids-tracked", integer(messages)),
        (b"iids-added", integer(idempotency.added)),
        (b"iids-duplicates", integer(idempotency.duplicates)),
    ]


def _summary(c: Client, stream: StreamValue) -> list[tuple[bytes, bytes]]:
    first, last = stream.get(stream.first_id()), stream.get(stream.top_id())
    return [
        (b"groups", integer(len(stream.groups))),
        (b"first-entry", c.enc.null if first is None else first),
        (b"last-entry", c.enc.null if last is None else last),
    ]


def _full(c: Client, stream: StreamValue, count: int) -> list[tuple[bytes, bytes]]:
    entries = entries_reply(stream, 0, MAX, count or len(stream) or 1)
    groups = [
        _described(c, [*_group_head(c, stream, name, group), *_group_tail(c, group, count)])
        for name, group in sorted(stream.groups.items())
    ]
    return [(b"entries", entries), (b"groups", array(groups))]


def _described(c: Client, fields: list[tuple[bytes, bytes]]) -> bytes:
    return c.enc.map([(bulk(name), value) for name, value in fields])


def _group_head(c: Client, stream: StreamValue, name: bytes, group: Group) -> list[tuple[bytes, bytes]]:
    return [(b"name", bulk(name)), *_progress(c, stream, group)]


def _progress(c: Client, stream: StreamValue, group: Group) -> list[tuple[bytes, bytes]]:
    return [
        (b"last-delivered-id", bulk(show_id(group.last_id))),
        (b"entries-read", _known(c, None if group.entries_read == UNKNOWN else group.entries_read)),
        (b"lag", _known(c, stream.lag(group))),
    ]


def _known(c: Client, number: int | None) -> bytes:
    return c.enc.null if number is None else integer(number)


def _group_tail(c: Client, group: Group, count: int) -> list[tuple[bytes, bytes]]:
    """What is pending in a group, at most `count` entries of it (0: all), and its consumers with theirs."""
    pending = [
        array([bulk(text), bulk(delivery.consumer.name), *_delivered(delivery)])
        for text, delivery in islice(group.pending.following(0), count or None)
    ]
    consumers = [_consumer(c, group, consumer, count) for consumer in group.sorted_consumers()]
    released = len(group.pending.released)
    tells = released or c.server.config.compat_version >= (8, 8)  # Redis before that has no such field
    return [
        (b"pel-count", integer(len(group.pending))),
        *([(b"nacked-count", integer(released))] if tells else []),
        (b"pending", array(pending)),
        (b"consumers", array(consumers)),
    ]


def _delivered(delivery: Delivery) -> list[bytes]:
    return [integer(delivery.delivered_ms), integer(delivery.count)]


def _consumer(c: Client, group: Group, consumer: Consumer, count: int) -> bytes:
    pending = [
        array([bulk(text), *_delivered(delivery)])
        for text, delivery in islice(group.pending.of(consumer, 0), count or None)
    ]
    return _described(c, [
        (b"name", bulk(consumer.name)),
        (b"seen-time", integer(consumer.seen_ms)),
        (b"active-time", integer(consumer.active_ms)),
        (b"pel-count", integer(consumer.pending_count)),
        (b"pending", array(pending)),
    ])  # fmt: skip


@command("XINFO|GROUPS", arity=3, flags=READONLY, keys=READ, group="stream", since="5.0.0", syntax="key",
         complexity="O(n), n groups")  # fmt: skip
def xinfo_groups(c: Client, argv: Argv) -> bytes:
    """Describe the groups of a stream."""
    stream = _find(c, argv)
    return array([
        _described(c, [
            (b"name", bulk(name)),
            (b"consumers", integer(len(group.consumers))),
            (b"pending", integer(len(group.pending))),
            *_progress(c, stream, group),
        ])
        for name, group in sorted(stream.groups.items())
    ])  # fmt: skip


@command("XINFO|CONSUMERS", arity=4, flags=READONLY, keys=READ, group="stream", since="5.0.0",
         syntax="key group", tips=("nondeterministic_output",), complexity="O(n), n consumers")  # fmt: skip
def xinfo_consumers(c: Client, argv: Argv) -> bytes:
    """Describe the consumers of a group."""
    group = _find(c, argv).groups.get(argv[3])
    if group is None:
        raise no_group(argv[2], argv[3])
    now_ms = c.server.clock.now_ms
    return array([
        _described(c, [
            (b"name", bulk(consumer.name)),
            (b"pending", integer(consumer.pending_count)),
            (b"idle", integer(max(0, now_ms - consumer.seen_ms))),
            (b"inactive", integer(-1 if consumer.active_ms < 0 else max(0, now_ms - consumer.active_ms))),
        ])
        for consumer in group.sorted_consumers()
    ])  # fmt: skip


@command("XINFO|HELP", arity=2, flags=LOADING | STALE, group="stream", since="5.0.0")
def xinfo_help(c: Client, argv: Argv) -> bytes:
    """List the forms of XINFO."""
    return help_reply("XINFO", """
        CONSUMERS <key> <groupname>
            Describe the consumers of a group.
        GROUPS <key>
            Describe the groups of a stream.
        STREAM <key> [FULL [COUNT <count>]]
            Describe a stream; FULL shows entries and groups, at most <count> of each.
        """)  # fmt: skip
