"""Streams: what is pending in a group, and how it gets to another consumer: XPENDING, XCLAIM, XAUTOCLAIM.

A claim is logged as what is pending then, in as few XCLAIMs as there are different deliveries. What was
pending but has been deleted is found out by a claim, and is logged as acknowledged.
"""

from __future__ import annotations

from typing import NamedTuple

from respq.command import FAST, READONLY, WRITE, Argv, Client, command, key
from respq.commands.arguments import INT64_MAX, as_int, parse_int
from respq.commands.arguments import Options as Words
from respq.commands.claim_log import ClaimLog
from respq.commands.stream_activity import note_activity, note_activity_now, recall_activity
from respq.commands.stream_delivery import place, see_consumer
from respq.commands.stream_groups import no_key_or_group
from respq.commands.streams import parse_id, parse_start, parse_stop
from respq.datatypes import entry_ids
from respq.datatypes.consumer_groups import COUNT_MAX, RELEASED_WORDS, Group
from respq.datatypes.entry_ids import MAX, number_of, show_id
from respq.datatypes.pending_entries import Consumer, Delivery, Nobody
from respq.datatypes.streams import StreamValue
from respq.datatypes.value import Value
from respq.errors import CommandError, shown, syntax_error, wrong_type
from respq.protocol.annotations import SEEN_TIME
from respq.protocol.resp import EMPTY_ARRAY, ZERO, array, bulk, bulks, integer

READ = (key(1, "RO access"),)
UPDATE = (key(1, "RW update"),)
DELETE = (key(1, "RW delete"),)

AUTOCLAIM_COUNT = 100  # entries that XAUTOCLAIM claims without COUNT
ATTEMPTS_PER_ENTRY = 10  # pending entries that it looks at for each of them
AUTOCLAIM_MAX = INT64_MAX // 16


def _as_stream(value: Value | None) -> StreamValue | None:
    """The value, if it is a stream. Raises WRONGTYPE."""
    if value is not None and value.__class__ is not StreamValue:
        raise wrong_type()
    return value


def _find_group(value: Value | None, name: bytes, group_name: bytes) -> tuple[StreamValue, Group]:
    """The stream, which was found under `name`, and its group. Raises CommandError."""
    stream = _as_stream(value)
    group = stream.groups.get(group_name) if stream is not None else None
    if stream is None or group is None:
        raise no_key_or_group(name, group_name)
    return stream, group


# -- looking ---------------------------------------------------------------------------------------


class Interval(NamedTuple):
    """What XPENDING asks for, if not for the summary."""

    min_idle_ms: int
    start: int
    stop: int
    most: int
    consumer: bytes | None


def _parse_interval(argv: Argv) -> Interval | None:
    if len(argv) == 3:
        return None
    at, min_idle_ms = 3, 0
    if not 6 <= len(argv) <= 9:
        raise syntax_error()
    if argv[3].upper() == b"IDLE":
        min_idle_ms, at = parse_int(argv[4]), 5
        if len(argv) < 8:
            raise syntax_error()
    count = max(0, parse_int(argv[at + 2]))
    start, stop = parse_start(argv[at]), parse_stop(argv[at + 1])
    return Interval(min_idle_ms, start, stop, count, argv[at + 3] if at + 3 < len(argv) else None)


@command("XPENDING", arity=-3, flags=READONLY, keys=READ, group="stream", since="5.0.0",
         syntax="key group [[IDLE min-idle-time] start end count [consumer]]",
         tips=("nondeterministic_output",),
         complexity="O(log n + m), m entries looked at",
         argument_groups="filters", argument_versions={"min-idle-time": "6.2.0"})  # fmt: skip
def xpending(c: Client, argv: Argv) -> bytes:
    """What is pending in a group: how much for each consumer, or the entries of an interval of IDs."""
    interval = _parse_interval(argv)
    _, group = _find_group(c.read_any(argv[1]), argv[1], argv[2])
    if interval is None:
        return _summary(c, group)
    now_ms = c.server.clock.now_ms
    consumer = None
    if interval.consumer is not None:
        consumer = group.consumers.get(interval.consumer)
        if consumer is None:
            return EMPTY_ARRAY
    found = (
        group.pending.following(interval.start)
        if consumer is None
        else group.pending.of(consumer, interval.start)
    )
    rows: list[bytes] = []
    bounded = interval.stop < MAX
    for text, delivery in found:
        if len(rows) >= interval.most or (bounded and number_of(text) > interval.stop):
            break
        is_released = delivery.consumer is group.pending.nobody
        idle_ms = -1 if is_released else max(0, now_ms - delivery.delivered_ms)
        if is_released or idle_ms >= interval.min_idle_ms:
            name = delivery.consumer.name
            rows.append(
                b"*4\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n:%d\r\n:%d\r\n"
                % (len(text), text, len(name), name, idle_ms, delivery.count)
            )
    return array(rows)


def _summary(c: Client, group: Group) -> bytes:
    first, last = group.pending.first(), group.pending.last()
    if first is None or last is None:
        return array([ZERO, c.enc.null, c.enc.null, c.enc.null_array])
    consumers = [
        bulks([consumer.name, b"%d" % consumer.pending_count])
        for consumer in group.sorted_consumers()
        if consumer.pending_count
    ]
    return array([
        *(integer(len(group.pending)), bulk(first), bulk(last)),
        array(consumers) if consumers else c.enc.null_array,
    ])  # fmt: skip


# -- claiming --------------------------------------------------------------------------------------


class Claim(NamedTuple):
    """What XCLAIM asks for."""

    min_idle_ms: int
    texts: list[bytes]
    delivered_ms: int
    deliveries: int | None  # None: as they are
    forced: bool
    just_ids: bool
    last_id: int


def _parse_min_idle(word: bytes, name: str) -> int:
    return max(0, parse_int(word, f"Invalid min-idle-time argument for {name}"))


def _parse_claim(argv: Argv, now_ms: int, *, trusting: bool) -> Claim:
    """The words of XCLAIM. Entries cannot have been delivered in the future, unless this is trusted."""
    min_idle_ms = _parse_min_idle(argv[4], "XCLAIM")
    texts: list[bytes] = []
    for word in argv[5:]:
        if word[:1].isalpha():
            break
        try:
            texts.append(show_id(entry_ids.read_id(word)))
        except ValueError:
            break
    delivered_ms, count, forced, just_ids, last_id = now_ms, None, False, False, 0
    words = Words(argv, 5 + len(texts))
    for option in words:
        if option == b"FORCE":
            forced = True
        elif option == b"JUSTID":
            just_ids = True
        elif option == b"IDLE" and words.left:
            delivered_ms = now_ms - parse_int(words.value(), "Invalid IDLE option argument for XCLAIM")
        elif option == b"TIME" and words.left:
            delivered_ms = parse_int(words.value(), "Invalid TIME option argument for XCLAIM")
        elif option == b"RETRYCOUNT" and words.left:
            count = parse_int(words.value(), "Invalid RETRYCOUNT option argument for XCLAIM")
        elif option == b"LASTID" and words.left:
            last_id = parse_id(words.value())
        else:
            raise CommandError(b"Unrecognized XCLAIM option '%b'" % shown(argv[words.at - 1]))
    if delivered_ms < 0 or (delivered_ms > now_ms and not trusting):
        delivered_ms = now_ms
    count = None if count is not None and count < 0 else count
    return Claim(min_idle_ms, texts, delivered_ms, count, forced, just_ids, last_id)


@command("XCLAIM", arity=-6, flags=WRITE | FAST, keys=UPDATE, group="stream", since="5.0.0",
         syntax="key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds]"
         " [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]",
         tips=("nondeterministic_output",), complexity="O(log n) for each ID")  # fmt: skip
def xclaim(c: Client, argv: Argv) -> bytes:
    """Let entries that are pending in a group be another consumer's; the answer is which."""
    _, name, group_name, consumer_name = argv[:4]
    stream, group = _find_group(c.read_any(name), name, group_name)
    if c.server.loading and argv[5] == SEEN_TIME:
        recall_activity(group, argv)
        return EMPTY_ARRAY
    wanted = _parse_claim(argv, c.server.clock.now_ms, trusting=c.server.loading)
    if c.server.loading and not wanted.delivered_ms and argv[-2:] == RELEASED_WORDS:
        return _release(group, wanted, consumer_name)
    moved = wanted.last_id > group.last_id
    if moved:
        group.last_id = wanted.last_id
    consumer = see_consumer(c, name, group_name, group, consumer_name)
    log, replies = ClaimLog(c, name, group_name), []
    for text in wanted.texts:
        entry, delivery = stream.get(number_of(text)), group.pending.get(text)
        if entry is None:
            if delivery is not None:
                group.acknowledge([text])
                log.gone(text)
            continue
        if delivery is None and not wanted.forced:
            continue
        if delivery is not None and not _has_idled(c, delivery, wanted.min_idle_ms):
            continue
        count = wanted.deliveries
        if count is None:
            count = _next_count(delivery.count if delivery is not None else 1, wanted.just_ids)
        claimed = log.delivery(consumer, wanted.delivered_ms, count)
        group.pending.assign(text, claimed)
        log.claimed(text, claimed)
        replies.append(bulk(text) if wanted.just_ids else entry)
    if replies:
        _set_active(c, consumer, wanted.delivered_ms)
    log.write()
    if not replies:
        note_activity(c, name, group_name, consumer)
    elif wanted.delivered_ms != consumer.active_ms:
        note_activity_now(c, name, group_name, consumer)
    c.server.waiting.wake_sleepers((c.db, name))  # it may have been delivered longer ago than before
    if moved:
        c.effects.append((c.db, None, None, place(name, group_name, group)))
    return array(replies)


def _release(group: Group, wanted: Claim, owner: bytes) -> bytes:
    """What the log says of entries that were given back, see `consumer_groups.release`."""
    for text in wanted.texts:
        group.release(text, wanted.deliveries or 0, owner)
    return EMPTY_ARRAY


def _set_active(c: Client, consumer: Consumer, delivered_ms: int) -> None:
    """A consumer claimed something; if the log says so, that was when it was delivered."""
    if not c.server.loading:
        consumer.active_ms = c.server.clock.now_ms
        return
    consumer.active_ms = max(consumer.active_ms, delivered_ms)
    seen_ms = consumer.seen_ms if consumer.seen_ms < c.server.loading_since_ms else 0  # it was just created
    consumer.seen_ms = max(seen_ms, consumer.active_ms)


def _has_idled(c: Client, delivery: Delivery, min_idle_ms: int) -> bool:
    """Whether entries were delivered so long ago, or given back. The log, where it is 1970, asks for 0."""
    return (
        not min_idle_ms
        or c.server.clock.now_ms - delivery.delivered_ms >= min_idle_ms
        or isinstance(delivery.consumer, Nobody)
    )


def _next_count(count: int, just_ids: bool) -> int:
    return count if just_ids else min(count + 1, COUNT_MAX)


@command("XAUTOCLAIM", arity=-6, flags=WRITE | FAST, keys=DELETE, group="stream", since="6.2.0",
         syntax="key group consumer min-idle-time start [COUNT count] [JUSTID]",
         tips=("nondeterministic_output",), complexity="O(log n) for each entry looked at")  # fmt: skip
def xautoclaim(c: Client, argv: Argv) -> bytes:
    """Let what has been pending for long be another consumer's; the answer is where to go on, and which."""
    _, name, group_name, consumer_name = argv[:4]
    value = c.read_any(name)  # if there is none that is an event, whatever the other words are
    min_idle_ms, start = _parse_min_idle(argv[4], "XAUTOCLAIM"), parse_start(argv[5])
    count, just_ids = _parse_extent(argv)
    stream, group = _find_group(value, name, group_name)
    consumer = see_consumer(c, name, group_name, group, consumer_name)
    log = ClaimLog(c, name, group_name)
    replies: list[bytes] = []
    gone: list[bytes] = []
    attempts = count * ATTEMPTS_PER_ENTRY
    cursor = show_id(0)
    for text, delivery in group.pending.following(start):  # claiming replaces what is known of one, no more
        if not attempts or len(replies) + len(gone) == count:
            cursor = text
            break
        attempts -= 1
        entry = stream.get(number_of(text))
        if entry is None:
            gone.append(text)
            log.gone(text)
        elif _has_idled(c, delivery, min_idle_ms):
            claimed = log.delivery(consumer, c.server.clock.now_ms, _next_count(delivery.count, just_ids))
            group.pending.assign(text, claimed)
            log.claimed(text, claimed)
            replies.append(bulk(text) if just_ids else entry)
    group.acknowledge(gone)
    if replies:
        consumer.active_ms = c.server.clock.now_ms
    log.write()
    if not replies:
        note_activity(c, name, group_name, consumer)
    return array([bulk(cursor), array(replies), bulks(gone)])


def _parse_extent(argv: Argv) -> tuple[int, bool]:
    """How many entries XAUTOCLAIM is to claim, and whether it answers their IDs alone."""
    count, just_ids = AUTOCLAIM_COUNT, False
    for option in (words := Words(argv, 6)):
        if option == b"COUNT" and words.left:
            count = as_int(words.value()) or 0
            if not 0 < count <= AUTOCLAIM_MAX:
                raise CommandError("COUNT must be > 0")
        elif option == b"JUSTID":
            just_ids = True
        else:
            raise syntax_error()
    return count, just_ids
