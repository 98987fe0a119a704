"""Streams: XNACK (Redis 8.8), by which a consumer gives entries back before anybody misses them.

They stay pending, but for nobody, in the order in which they were given back. Whoever claims gets them first,
whatever idle time is asked for.
"""

from __future__ import annotations

from typing import NamedTuple

from respq.command import FAST, WRITE, Argv, Client, command, key
from respq.commands.arguments import Options, as_int, parse_non_negative
from respq.commands.stream_groups import no_key_or_group
from respq.commands.streams import entry_texts
from respq.datatypes.consumer_groups import COUNT_MAX, Group
from respq.datatypes.entry_ids import number_of
from respq.datatypes.streams import StreamValue
from respq.errors import CommandError, syntax_error
from respq.protocol.resp import integer

SILENT, FAIL, FATAL = b"SILENT", b"FAIL", b"FATAL"


class Release(NamedTuple):
    """What XNACK asks for."""

    mode: bytes
    words: list[bytes]  # IDs
    deliveries: int | None
    forced: bool


def _parse_release(argv: Argv) -> Release:
    mode, words, deliveries, forced = argv[3].upper(), None, None, False
    if mode not in {SILENT, FAIL, FATAL}:
        raise CommandError("mode must be SILENT, FAIL, or FATAL")
    for option in (options := Options(argv, 4)):
        if option == b"FORCE":
            forced = True
        elif option == b"RETRYCOUNT":
            deliveries = parse_non_negative(options.value(), "Invalid RETRYCOUNT argument for XNACK")
        elif option == b"IDS":
            count = as_int(options.value()) or 0
            if count <= 0:
                raise CommandError("Number of IDs must be a positive integer")
            if count > options.left:
                raise CommandError("The `numids` parameter must match the number of arguments")
            words = options.values(count)
        else:
            raise syntax_error()
    if words is None:
        raise syntax_error()
    return Release(mode, words, deliveries, forced)


def _deliveries(wanted: Release, before: int) -> int:
    """How many deliveries are counted of an entry that was delivered so often before."""
    if wanted.deliveries is not None:
        return wanted.deliveries
    return {SILENT: max(0, before - 1), FAIL: before, FATAL: COUNT_MAX}[wanted.mode]


@command("XNACK", arity=-7, flags=WRITE | FAST, keys=(key(1, "RW update"),), group="stream", since="8.8.0",
         syntax="key group <SILENT | FAIL | FATAL> <IDS numids id [id ...]> [RETRYCOUNT count] [FORCE]",
         complexity="O(log n) for each ID")  # fmt: skip
def xnack(c: Client, argv: Argv) -> bytes:
    """Give pending entries back, to whoever claims them next; the answer is how many."""
    name, group_name = argv[1], argv[2]
    wanted = _parse_release(argv)
    stream = c.read(name, StreamValue)
    group = stream.groups.get(group_name) if stream is not None else None
    if stream is None or group is None:
        raise no_key_or_group(name, group_name)
    released = [text for text in entry_texts(wanted.words) if _release(stream, group, text, wanted)]
    if released:
        distinct = list(dict.fromkeys(reversed(released)))[::-1]  # who is given back again moves to the end
        for logged in group.rebuild_released(name, group_name, distinct):
            c.effects.append((c.db, None, None, logged))
        c.server.waiting.wake_sleepers((c.db, name))
    return integer(len(released))


def _release(stream: StreamValue, group: Group, text: bytes, wanted: Release) -> bool:
    """Give one entry back; tell whether it was there."""
    delivery = group.pending.get(text)
    if delivery is not None:
        group.release(text, _deliveries(wanted, delivery.count))
    elif wanted.forced and stream.get(number_of(text)) is not None:
        group.release(text, _deliveries(wanted, 0))
    else:
        return False
    return True
