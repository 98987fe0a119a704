"""Streams: XREADGROUP and XACK, by which a group's consumers share the entries of a stream.

What is logged of a delivery is what is pending then, with all IDs in one XCLAIM, and how far the group has
read. Redis logs an XCLAIM for each entry; it restores the same from one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import islice

from respq.command import BLOCKING, FAST, MOVABLEKEYS, WRITE, Argv, Client, Keys, command, key
from respq.commands.stream_activity import NOTED_EVERY_MS, note_activity, note_activity_now
from respq.commands.stream_budget import Budget
from respq.commands.stream_groups import no_key_or_group
from respq.commands.stream_reading import Reading, next_entries, parse_reading, streams_reply
from respq.commands.stream_redelivery import claim_overdue, has_overdue, next_look_ms, redelivered
from respq.commands.streams import entry_texts, parse_id, stretches_pieces
from respq.datatypes.consumer_groups import COUNT_MAX, Group, claim
from respq.datatypes.entry_blocks import Stretch
from respq.datatypes.entry_ids import MAX, number_of, show_id
from respq.datatypes.pending_entries import Consumer, Delivery
from respq.datatypes.streams import StreamValue
from respq.errors import CommandError
from respq.protocol.resp import ONE, ZERO, array, bulk, integer
from respq.protocol.runs import Run
from respq.waiting import WaitKey

_RUN_MOST = 8  # entries of a read; of more, stretches are cheaper than entries one by one


# -- reading ---------------------------------------------------------------------------------------


def _xreadgroup_run(c: Client, run: Run) -> bytes | None:
    """Reads of new entries of one stream, all alike."""
    if not run.last or run.last.count(b">") != run.count:
        return None
    try:
        reading = parse_reading(c, [*run.shared, b">"], grouped=True)
        special = reading.claim_ms is not None or reading.max_entries or reading.max_bytes
        if special or reading.block_ms is not None or reading.most > _RUN_MOST:
            return None
        if len(reading.names) > 1:
            return None
        (name,) = reading.names
        stream = c.db.find(name, StreamValue)
    except CommandError:
        return None
    group = stream.groups.get(reading.group) if stream is not None else None
    if stream is None or group is None:
        return None
    c.server.stats.keyspace_hits += 2 * run.count
    consumer = see_consumer(c, name, reading.group, group, reading.consumer)
    stretches = _deliver(c, reading, name, stream, group, consumer, reading.most * run.count)
    if not stretches or reading.acknowledged:
        note_activity(c, name, reading.group, consumer)
    entries = [entry for stretch in stretches for entry in stretch.entries()]
    parts = [entries[at : at + reading.most] for at in range(0, len(entries), reading.most)]
    head = streams_reply(c, [(bulk(name), [])])
    if reading.most == 1:
        replies = [b"%b*1\r\n%b" % (head, entry) for entry in entries]
    else:
        replies = [b"%b*%d\r\n%b" % (head, len(part), b"".join(part)) for part in parts]
    return b"".join(replies) + c.enc.null_array * (run.count - len(parts))


@command("XREADGROUP", arity=-7, flags=WRITE | BLOCKING | MOVABLEKEYS,
         keys=(Keys("RO access", 4, -1, behind=b"STREAMS", naming=b"GROUP"),), group="stream", since="5.0.0",
         syntax="<GROUP group consumer> [COUNT count] [BLOCK milliseconds] [NOACK]"
             " <STREAMS key [key ...] id [id ...]>",
         complexity="O(n), n entries returned", bulk=_xreadgroup_run,
         argument_groups="group-block streams")  # fmt: skip
def xreadgroup(c: Client, argv: Argv) -> bytes:
    """Entries that nobody in a group has been given yet, or what is pending for a consumer."""
    reading = parse_reading(c, argv, grouped=True)
    begins = [
        _begin_behind(c, reading, name, word) for name, word in zip(reading.names, reading.ids, strict=True)
    ]
    found: list[tuple[bytes, list[bytes]]] = []
    budget = Budget(reading.max_entries, reading.max_bytes)
    for name, begin in zip(reading.names, begins, strict=True):
        if budget.exhausted:
            break
        stream, group = _find(c, reading, name)
        consumer = see_consumer(c, name, reading.group, group, reading.consumer)
        if begin is not None:
            found.append((bulk(name), [_history(c, reading, name, stream, group, consumer, begin, budget)]))
        elif entries := _new(c, reading, name, stream, group, consumer, budget):
            found.append((bulk(name), entries))
            if reading.acknowledged:
                note_activity(c, name, reading.group, consumer)
        else:
            note_activity(c, name, reading.group, consumer)
        if found:
            budget.begin_key(found[-1][0])
    if found:
        return streams_reply(c, found)
    if reading.block_ms is None:
        return c.enc.null_array
    keys = [(c.db, name) for name in reading.names]
    look = _Lookout(c, reading)
    if c.parked is not None:
        c.parked.look = look
    return c.park(argv, keys, reading.block_ms, c.enc.null_array, look, look.next_ms)


def _find(c: Client, reading: Reading, name: bytes) -> tuple[StreamValue, Group]:
    stream = c.read(name, StreamValue)
    group = stream.groups.get(reading.group) if stream is not None else None
    if stream is None or group is None:
        raise no_key_or_group(name, reading.group, b" in XREADGROUP with GROUP option")
    return stream, group


def _begin_behind(c: Client, reading: Reading, name: bytes, word: bytes) -> int | None:
    """The ID behind which a consumer wants to see what is pending for it; None for new entries."""
    _find(c, reading, name)
    if word == b">":
        return None
    if word in {b"$", b"+"}:
        sign = word.decode()
        raise CommandError(
            f"The {sign} ID is meaningless in the context of XREADGROUP: you want to read the history of "
            "this consumer by specifying a proper ID, or use the > ID to get new messages. "
            f"The {sign} ID would just return an empty result set."
        )
    begin = parse_id(word)
    return begin if begin < MAX else None  # which is how Redis spells `>` for itself


def see_consumer(c: Client, name: bytes, group_name: bytes, group: Group, consumer: bytes) -> Consumer:
    """The consumer, created if needed, who has just been seen."""
    now_ms = c.server.present_ms
    if group.create_consumer(consumer, now_ms):
        created = [b"XGROUP", b"CREATECONSUMER", name, group_name, consumer]
        c.effects.append((c.db, name, "xgroup-createconsumer", created))
    found = group.consumers[consumer]
    if not c.server.loading:
        found.seen_ms = now_ms
    return found


def _deliver(
    c: Client, reading: Reading, name: bytes, stream: StreamValue, group: Group, consumer: Consumer, most: int
) -> list[Stretch]:
    """Give at most so many new entries to a consumer, if there are any."""
    now_ms = c.server.clock.now_ms
    texts, stretches = stream.deliver(group, consumer, most, now_ms, pending=not reading.acknowledged)
    if not texts:
        return []
    if not reading.acknowledged:
        logged = claim(name, reading.group, texts, Delivery(consumer, now_ms))
        c.effects.append((c.db, None, None, [*logged, b"LASTID", texts[-1]]))
    c.effects.append((c.db, None, None, place(name, reading.group, group)))
    return stretches


def _new(
    c: Client, reading: Reading, name: bytes, stream: StreamValue, group: Group, consumer: Consumer,
    budget: Budget,
) -> list[bytes]:  # fmt: skip
    """What a consumer gets that asks for new entries, encoded, in pieces; nothing if there is nothing."""
    most, rows = reading.most, []
    if reading.claim_ms is not None:
        rows = claim_overdue(c, name, reading.group, stream, group, consumer, reading.claim_ms, most, budget)
        most -= len(rows)
    if most <= 0 or budget.exhausted:
        return [array(rows)] if rows else []
    if budget.counts_bytes:
        peeked = next_entries(budget, stream, group.last_id, most)
        most = sum([stretch.stop - stretch.start for stretch in peeked])
    else:
        most = budget.most(most)
    stretches = _deliver(c, reading, name, stream, group, consumer, most) if most else []
    if not budget.counts_bytes:
        budget.take_many(sum([stretch.stop - stretch.start for stretch in stretches]))
    if reading.claim_ms is None:
        return stretches_pieces(stretches) if stretches else []
    rows += [redelivered(entry, 0, 0) for stretch in stretches for entry in stretch.entries()]
    return [array(rows)] if rows else []


def place(name: bytes, group_name: bytes, group: Group) -> Argv:
    """The command that says how far a group has read."""
    return [
        *(b"XGROUP", b"SETID", name, group_name, show_id(group.last_id)),
        *(b"ENTRIESREAD", b"%d" % group.entries_read),
    ]


class _Lookout:
    """Tells whether reading again, where nothing was found, can lead to anything. 0.3 µs a key.

    Who looks has been seen; that shows in XINFO CONSUMERS. If several wait for one group, as workers do, one
    look is for all of them; the others take 0.15 µs.
    """

    __slots__ = ("_client", "_clock", "_consumer", "_group", "_reading", "_streams", "_vain", "next_ms")

    def __init__(self, c: Client, reading: Reading) -> None:
        self._client, self._reading = c, reading
        self.next_ms = 0  # when to look again, whatever happens; 0: not before something does
        self._streams: list[tuple[bytes, StreamValue, Group, Consumer]] = []
        for name in reading.names:
            stream = c.db.find(name, StreamValue)
            assert stream is not None
            group = stream.groups[reading.group]
            self._streams.append((name, stream, group, group.consumers[reading.consumer]))
        self._clock, self._vain = c.server.clock, c.server.waiting.vain
        _, _, group, self._consumer = self._streams[0]
        self._group = group if len(self._streams) == 1 and reading.claim_ms is None else None
        self._plan()

    def __call__(self, _where: WaitKey) -> bool:
        group, consumer, now_ms = self._group, self._consumer, self._clock.now_ms
        if (
            group is not None
            and group in self._vain
            and group.consumers.get(consumer.name) is consumer
            and now_ms - consumer.noted_ms < NOTED_EVERY_MS
        ):
            consumer.seen_ms = now_ms
            return False
        c, reading = self._client, self._reading
        values = c.db.values
        for name, stream, group, consumer in self._streams:
            if (
                group.last_id < stream.last_id
                or values.get(name) is not stream
                or stream.groups.get(reading.group) is not group
                or group.consumers.get(consumer.name) is not consumer
                or stream.expires_ms
                or (reading.claim_ms is not None and has_overdue(group, now_ms, reading.claim_ms))
            ):
                return True
            consumer.seen_ms = now_ms
            if now_ms - consumer.noted_ms >= NOTED_EVERY_MS:
                note_activity_now(c, name, reading.group, consumer)
        if reading.claim_ms is not None:
            self._plan()
            c.server.waiting.set_alarm(c, self.next_ms)
        elif self._group is not None:
            self._vain.add(self._group)
        return False

    def _plan(self) -> None:
        claim_ms, now_ms = self._reading.claim_ms, self._client.server.clock.now_ms
        if claim_ms is not None:
            self.next_ms = min([next_look_ms(group, now_ms, claim_ms) for _, _, group, _ in self._streams])


# -- history ---------------------------------------------------------------------------------------


def _history(
    c: Client,
    reading: Reading,
    name: bytes,
    stream: StreamValue,
    group: Group,
    consumer: Consumer,
    begin: int,
    budget: Budget,
) -> bytes:
    """What is pending for a consumer behind an ID: it is delivered once more, unless it was deleted."""
    pending = list(islice(group.pending.of(consumer, begin + 1), budget.most(reading.most)))
    replies: list[bytes] = []
    again: defaultdict[int, list[bytes]] = defaultdict(list)
    for text, delivery in pending:
        if budget.exhausted:
            break
        entry = stream.get(number_of(text))
        if entry is not None:
            again[delivery.count].append(text)
        replies.append(array([bulk(text), c.enc.null_array]) if entry is None else entry)
        budget.take(replies[-1:])
    for count, texts in again.items():
        delivery = Delivery(consumer, c.server.clock.now_ms, min(count + 1, COUNT_MAX))
        for text in texts:
            group.pending.assign(text, delivery)
        c.effects.append((c.db, None, None, claim(name, reading.group, texts, delivery)))
    # A claim says of a consumer that it got something new, which it did not.
    (note_activity_now if again else note_activity)(c, name, reading.group, consumer)
    return array(replies)


# -- acknowledging ---------------------------------------------------------------------------------


def _acknowledge(group: Group, words: Sequence[bytes]) -> list[Delivery | None]:
    """Take entries off the pending entries list; what was known of each. Raises CommandError."""
    taken = group.pending.take_as_sent(words)
    return group.pending.take(entry_texts(words)) if taken is None else taken


def _xack_run(c: Client, run: Run) -> bytes | None:
    """Acknowledgements of one entry each, of one group."""
    if run.words != 4 or not run.last:
        return None
    db, (_, name, group_name) = c.db, run.shared
    try:
        stream = db.find(name, StreamValue)
        group = stream.groups.get(group_name) if stream is not None else None
        if group is None:
            return None
        taken = _acknowledge(group, run.last)
    except CommandError:
        return None
    c.server.stats.keyspace_hits += run.count
    if None not in taken:
        c.effects.append((db, None, None, run))
        return ONE * run.count
    acknowledged = [word for word, delivery in zip(run.last, taken, strict=True) if delivery is not None]
    if acknowledged:
        c.effects.append((db, None, None, [b"XACK", name, group_name, *acknowledged]))
    return b"".join([ZERO if delivery is None else ONE for delivery in taken])


@command("XACK", arity=-4, flags=WRITE | FAST, keys=(key(1, "RW update"),), group="stream", since="5.0.0",
         syntax="key group id [id ...]", complexity="O(1) for each ID", bulk=_xack_run)  # fmt: skip
def xack(c: Client, argv: Argv) -> bytes:
    """Take entries off the pending entries list of a group; the answer is how many were on it."""
    stream = c.read(argv[1], StreamValue)
    group = stream.groups.get(argv[2]) if stream is not None else None
    if group is None:
        return ZERO
    taken = _acknowledge(group, argv[3:])
    acknowledged = len(taken) - taken.count(None)
    if acknowledged:
        c.effects.append((c.db, None, None, argv))
    return integer(acknowledged)
