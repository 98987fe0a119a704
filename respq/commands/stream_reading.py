"""Streams: XREAD, from where a client left off, waiting for more if need be.

`$` and `+` mean something at the moment of the command, so a client that waits does so with the IDs that they
stood for then.
"""

from __future__ import annotations

from typing import NamedTuple

from respq.command import BLOCKING, MOVABLEKEYS, READONLY, Argv, Client, Keys, command
from respq.commands.arguments import (
    INT64_MAX,
    parse_int,
    parse_int_between,
    parse_non_negative,
    parse_timeout_ms,
)
from respq.commands.stream_budget import Budget
from respq.commands.streams import parse_id, stretches_pieces
from respq.datatypes.entry_blocks import Stretch
from respq.datatypes.entry_ids import MAX, show_id
from respq.datatypes.streams import StreamValue
from respq.errors import CommandError, syntax_error
from respq.protocol.resp import bulk
from respq.waiting import WaitKey


class Reading(NamedTuple):
    """What XREAD or XREADGROUP asks for. `block_ms`: None for not to wait, 0 for ever."""

    most: int  # entries of each stream
    block_ms: int | None
    at: int  # the index of the first key
    names: list[bytes]
    ids: list[bytes]
    group: bytes
    consumer: bytes
    acknowledged: bool  # NOACK
    claim_ms: int | None  # for how long entries must have been pending to be claimed; None: none are
    max_entries: int  # of the whole reply, 0 for any number
    max_bytes: int  # likewise


def parse_reading(c: Client, argv: Argv, *, grouped: bool) -> Reading:
    """The words of XREADGROUP, if `grouped`, or XREAD. Raises CommandError."""
    count, max_entries, max_bytes, acknowledged = 0, 0, 0, False
    block_ms: int | None = None
    claim_ms: int | None = None
    group: tuple[bytes, bytes] | None = None
    at = 1
    while at < len(argv):
        option, more = argv[at].upper(), len(argv) - at - 1
        if option == b"BLOCK" and more:
            block_ms = parse_timeout_ms(argv[at + 1], c.server.clock.now_ms)
        elif option == b"COUNT" and more:
            count = parse_int(argv[at + 1])
        elif option == b"MAXCOUNT" and more:
            max_entries = _parse_limit(argv[at + 1], "MAXCOUNT")
        elif option == b"MAXSIZE" and more:
            max_bytes = _parse_limit(argv[at + 1], "MAXSIZE")
        elif option == b"STREAMS" and more:
            names, ids = _halves(argv[at + 1 :], grouped)
            if grouped and group is None:
                raise CommandError("Missing GROUP option for XREADGROUP")
            if 0 < max_entries < count:
                raise CommandError("MAXCOUNT must be greater than or equal to COUNT")
            most = count if count > 0 else INT64_MAX
            group_name, consumer = group or (b"", b"")
            return Reading(
                most, block_ms, at + 1, names, ids, group_name, consumer, acknowledged, claim_ms, max_entries,
                max_bytes,
            )  # fmt: skip
        elif (option == b"GROUP" and more >= 2) or option == b"NOACK" or (option == b"CLAIM" and more):
            if not grouped:
                raise _only_for_groups(option)
            if option == b"GROUP":
                group = argv[at + 1], argv[at + 2]
                at += 1
            elif option == b"CLAIM":
                claim_ms = parse_non_negative(argv[at + 1], "min-idle-time must be a positive integer")
            else:
                acknowledged = True
                at -= 1
        else:
            raise syntax_error()
        at += 2
    raise syntax_error()


def _parse_limit(word: bytes, name: str) -> int:
    return parse_int_between(word, 1, INT64_MAX, f"{name} must be a positive integer")


def _only_for_groups(option: bytes) -> CommandError:
    return CommandError(
        f"The {option.decode()} option is only supported by XREADGROUP. You called XREAD instead."
    )


def _halves(words: list[bytes], grouped: bool) -> tuple[list[bytes], list[bytes]]:
    """Keys, and an ID for each."""
    if len(words) % 2:
        name, kinds = ("xreadgroup", "an ID or '>'") if grouped else ("xread", "an ID, '+', or '$'")
        raise CommandError(
            f"Unbalanced '{name}' list of streams: for each stream key {kinds} must be specified."
        )
    return words[: len(words) // 2], words[len(words) // 2 :]


def streams_reply(c: Client, found: list[tuple[bytes, list[bytes]]]) -> bytes:
    """What was found in several streams: pairs of a key and its entries, both encoded, these in pieces.

    They are joined once, as they may be long.
    """
    head, between = (b"%%%d\r\n", b"") if c.enc.version == 3 else (b"*%d\r\n", b"*2\r\n")
    parts = [head % len(found)]
    for name, pieces in found:
        parts += (between, name, *pieces)
    return b"".join(parts)


def _begin_behind(stream: StreamValue | None, word: bytes) -> int:
    """The ID behind which a client wants to read."""
    if word == b">":
        raise CommandError(
            "The > ID can be specified only when calling XREADGROUP "
            "using the GROUP <group> <consumer> option."
        )
    if word not in {b"$", b"+"}:
        return parse_id(word)
    if stream is None:
        return 0
    return stream.top_id() - 1 if word == b"+" and len(stream) else stream.last_id


@command("XREAD", arity=-4, flags=READONLY | BLOCKING | MOVABLEKEYS,
         keys=(Keys("RO access", 1, -1, behind=b"STREAMS"),), group="stream", since="5.0.0",
         syntax="[COUNT count] [BLOCK milliseconds] <STREAMS key [key ...] id [id ...]>", complexity="",
         argument_groups="streams")  # fmt: skip
def xread(c: Client, argv: Argv) -> bytes:
    """The entries of several streams behind an ID each, waiting for the first ones if need be."""
    reading = parse_reading(c, argv, grouped=False)
    begins = [
        _begin_behind(_stream_of(c, name), word)
        for name, word in zip(reading.names, reading.ids, strict=True)
    ]
    found: list[tuple[bytes, list[bytes]]] = []
    budget = Budget(reading.max_entries, reading.max_bytes)
    for name, begin in zip(reading.names, begins, strict=True):
        stream = _stream_of(c, name)  # once more: Redis counts two hits, or misses
        if stream is not None and stream.top_id() > begin and not budget.exhausted:
            found.append((bulk(name), stretches_pieces(_within(budget, stream, name, begin, reading.most))))
    if found:
        return streams_reply(c, found)
    if reading.block_ms is None:
        return c.enc.null_array
    resolved = [*argv[: reading.at + len(reading.names)], *map(show_id, begins)]
    keys = [(c.db, name) for name in reading.names]
    return c.park(resolved, keys, reading.block_ms, c.enc.null_array, _holds_stream)


def _holds_stream(where: WaitKey) -> bool:
    """Whether there is a stream under a key that changed: a value of another type wakes no reader."""
    return isinstance(where, tuple) and isinstance(where[0].get(where[1]), StreamValue)


def _within(budget: Budget, stream: StreamValue, name: bytes, begin: int, most: int) -> list[Stretch]:
    """The entries of a stream behind an ID, as far as there is room for them."""
    stretches = next_entries(budget, stream, begin, most)
    budget.begin_key(bulk(name))
    return stretches


def next_entries(budget: Budget, stream: StreamValue, begin: int, most: int) -> list[Stretch]:
    """The first entries behind an ID that there is room for, which they take."""
    stretches = stream.first(begin + 1, MAX, budget.most(most))
    if not budget.counts_bytes:
        budget.take_many(sum([stretch.stop - stretch.start for stretch in stretches]))
        return stretches
    return stream.first(begin + 1, MAX, sum([budget.take(stretch.entries()) for stretch in stretches]))


def _stream_of(c: Client, name: bytes) -> StreamValue | None:
    """The stream under a key; hits and misses are counted once, however long the client waits."""
    return c.read(name, StreamValue) if c.parked is None else c.db.find(name, StreamValue)
