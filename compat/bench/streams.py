"""Streams as event logs and as queues: what is sent, and what it costs per entry.

An entry has two fields of 100 bytes. IDs are explicit where a workload has to name them again. Where one
command concerns many entries, an entry counts as a command: the numbers are then entries per second and CPU
per entry.
"""

from __future__ import annotations

import random
import select
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from time import perf_counter

from compat.bench.client import CONNECTIONS, Batch, batch, connect, drive, exchange, fill, payload, weighed
from compat.servers import Server

KEY, GROUP, CONSUMER = b"events", b"billing", b"worker-1"
PIPELINE = 100
SEED = 22
VALUE_BYTES = 100
PREPARED = 1000  # different entries before they repeat
READ_AT_ONCE = 1000  # entries of a replay's XRANGE and XREAD
REPLAYED = 200_000  # entries of the log that is replayed, at most
BEGINNINGS = 64  # of replays, that differ
PER_CALL = 100  # entries of an XREADGROUP, IDs of an XACK, where it is not one
CALLS = 4  # commands in a batch, where each concerns many entries
WAITING = 200  # consumers
DEPTH = 2.5  # length of the stream in whose middle is deleted, by the number of deletions

LINES_OF_ID = 2  # of a reply: a bulk string
LINES_OF_ENTRY = 12  # ID, and four words
LINES_BEFORE = 5  # of a reply of XREAD with one stream, before its entries

Command = tuple[bytes, ...]


def id_of(number: int) -> bytes:
    """Of the entry number 1, 2, …."""
    return b"%d-1" % number


def contents() -> Sequence[Command]:
    """Fields and values of different entries."""
    rng = random.Random(SEED)
    return [
        (b"field1", payload(rng, VALUE_BYTES), b"field2", payload(rng, VALUE_BYTES)) for _ in range(PREPARED)
    ]


def additions(count: int, first: int = 1) -> Iterator[Command]:
    """XADD of so many entries, from one number on."""
    entries = contents()
    for number in range(first, first + count):
        yield (b"XADD", KEY, id_of(number), *entries[number % PREPARED])


def short_additions(count: int) -> Iterator[Command]:
    """XADD of entries of five short fields, as the events of a shop."""
    rng = random.Random(SEED)
    for number in range(count):
        yield (
            *(b"XADD", KEY, b"*", b"id", b"%d" % number, b"type", b"paid", b"user"),
            *(b"u%d" % rng.randrange(1000), b"amount", b"%d" % rng.randrange(10_000), b"state", b"new"),
        )


def with_entries(server: Server, commands: int) -> None:
    """Enough entries for whoever takes `commands` of them, and for what connections may send beyond."""
    supply = additions(commands + CONNECTIONS * PER_CALL * CALLS)
    fill(server, supply, lines=LINES_OF_ID)


def with_log(server: Server, commands: int) -> None:
    """A log to be read again and again."""
    fill(server, additions(_replayed(commands)), lines=LINES_OF_ID)


def _replayed(commands: int) -> int:
    return min(REPLAYED, commands)


def with_group(server: Server, commands: int) -> None:
    """The same, and a group that begins in front of them."""
    with_entries(server, commands)
    ask(server, (b"XGROUP", b"CREATE", KEY, GROUP, b"0"))


def with_pending(server: Server, commands: int) -> None:
    """The same, and all of them delivered."""
    with_group(server, commands)
    deliver(server)


def with_depth(server: Server, commands: int) -> None:
    """A stream that is longer than what is deleted from it, delivered to a group."""
    with_pending(server, round(commands * DEPTH))


def deliver(server: Server) -> None:
    """Have one consumer read all that is there."""
    with connect(server) as peer:
        while True:
            peer.sendall(batch([read_group(READ_AT_ONCE)]).request)
            reply = b""
            while reply.count(b"\n") < 1 + (not reply.startswith(b"*-1")) * LINES_BEFORE:
                reply += peer.recv(1 << 18)
            if reply.startswith(b"*-1"):
                return
            entries = int(reply.split(b"\r\n", LINES_BEFORE)[4][1:])
            lines = LINES_BEFORE + entries * LINES_OF_ENTRY - reply.count(b"\n")
            while lines > 0:
                lines -= peer.recv(1 << 18).count(b"\n")


def ask(server: Server, command: Command) -> None:
    """Send one command that is answered with one line."""
    with connect(server) as peer:
        exchange(peer, batch([command]))


def read_group(count: int) -> Command:
    return (b"XREADGROUP", b"GROUP", GROUP, CONSUMER, b"COUNT", b"%d" % count, b"STREAMS", KEY, b">")


def _in_batches(
    commands: Iterable[Command], lines: int, entries: int = 1, width: int = PIPELINE
) -> Iterator[Batch]:
    """Commands in batches of `width`, answered with `lines` lines and concerning `entries` entries each."""
    supply = iter(commands)
    while group := list(islice(supply, width)):
        made = batch(group, lines * len(group))
        yield Batch(made.request, entries * made.commands, made.lines)


def _run(server: Server, batches: Iterable[Batch], commands: int, connections: int = CONNECTIONS) -> float:
    """Entries per second."""
    return commands / drive(server, list(batches), commands, connections)


def add(server: Server, commands: int) -> float:
    """XADD, IDs by the server."""
    entries = contents()
    supply = [(b"XADD", KEY, b"*", *words) for words in entries]
    return _run(server, _in_batches(supply, LINES_OF_ID), commands)


def read_one(server: Server, commands: int) -> float:
    """XREADGROUP COUNT 1."""
    work = _in_batches([read_group(1)] * PIPELINE, LINES_BEFORE + LINES_OF_ENTRY)
    return _run(server, work, commands)


def read_many(server: Server, commands: int) -> float:
    """XREADGROUP COUNT 100."""
    lines = LINES_BEFORE + PER_CALL * LINES_OF_ENTRY
    work = _in_batches([read_group(PER_CALL)] * CALLS, lines, PER_CALL, CALLS)
    return _run(server, work, commands, connections=CONNECTIONS // 5)


def acknowledge_one(server: Server, commands: int) -> float:
    """XACK of one ID."""
    numbers = range(1, commands + CONNECTIONS * PIPELINE)
    supply = ((b"XACK", KEY, GROUP, id_of(number)) for number in numbers)
    return _run(server, _in_batches(supply, 1), commands)


def acknowledge_many(server: Server, commands: int) -> float:
    """XACK of 100 IDs."""
    supply = (
        (b"XACK", KEY, GROUP, *map(id_of, range(first, first + PER_CALL)))
        for first in range(1, commands + CONNECTIONS * PER_CALL * CALLS, PER_CALL)
    )
    return _run(server, _in_batches(supply, 1, PER_CALL, CALLS), commands)


def _replay(server: Server, commands: int, form: str) -> float:
    """Entries per second of a thousand at a time, from beginnings all over the stream."""
    rng = random.Random(SEED)
    last = _replayed(commands) - READ_AT_ONCE
    begins = [id_of(rng.randrange(1, last)) for _ in range(BEGINNINGS)]
    if form == "XRANGE":
        supply = [(b"XRANGE", KEY, begin, b"+", b"COUNT", b"%d" % READ_AT_ONCE) for begin in begins]
    else:
        supply = [(b"XREAD", b"COUNT", b"%d" % READ_AT_ONCE, b"STREAMS", KEY, begin) for begin in begins]
    lines = READ_AT_ONCE * LINES_OF_ENTRY + (1 if form == "XRANGE" else LINES_BEFORE)
    work = weighed(server, _in_batches(supply, lines, READ_AT_ONCE, 1))
    return _run(server, work, commands, connections=CONNECTIONS // 5)


def replay_range(server: Server, commands: int) -> float:
    """XRANGE, a thousand entries at a time."""
    return _replay(server, commands, "XRANGE")


def replay_read(server: Server, commands: int) -> float:
    """XREAD, a thousand entries at a time."""
    return _replay(server, commands, "XREAD")


def blocked(server: Server, commands: int) -> float:
    """XADD, one at a time, of entries for which 200 consumers wait; each must be given to one of them."""
    with ExitStack() as stack:
        waiting = [stack.enter_context(connect(server)) for _ in range(WAITING)]
        poll = stack.enter_context(select.epoll())
        peers = {peer.fileno(): peer for peer in waiting}
        for number, peer in enumerate(waiting):
            poll.register(peer, select.EPOLLIN)
            peer.sendall(_wait(number))
        producer = stack.enter_context(connect(server))
        entries, served = contents(), 0
        started = perf_counter()
        for number in range(commands):
            exchange(producer, batch([(b"XADD", KEY, b"*", *entries[number % PREPARED])], LINES_OF_ID))
            for descriptor, _ in poll.poll():
                peer = peers[descriptor]
                if peer.recv(1 << 16).count(b"\n") != LINES_BEFORE + LINES_OF_ENTRY:
                    raise RuntimeError("a consumer was not given one entry")
                served += 1
                peer.sendall(_wait(descriptor))
        elapsed = perf_counter() - started
        if served != commands or poll.poll(0.1):
            raise RuntimeError(f"{served} consumers were served by {commands} entries")
        return commands / elapsed


def _wait(number: int) -> bytes:
    """Wait for one entry for ever."""
    consumer = b"worker-%d" % number
    words = (b"XREADGROUP", b"GROUP", GROUP, consumer, b"COUNT", b"1", b"BLOCK", b"0", b"STREAMS", KEY, b">")
    return batch([words]).request


def with_empty_group(server: Server, _commands: int) -> None:
    """A stream without entries, and a group."""
    ask(server, (b"XGROUP", b"CREATE", KEY, GROUP, b"$", b"MKSTREAM"))


def _all_over(commands: int) -> Iterator[bytes]:
    """IDs of a stream `with_depth`, in random order, each once."""
    numbers = list(range(1, round(commands * DEPTH)))
    random.Random(SEED).shuffle(numbers)
    return map(id_of, numbers[: commands + CONNECTIONS * PIPELINE])


def delete(server: Server, commands: int) -> float:
    """XDEL of one ID, all over a long stream."""
    supply = ((b"XDEL", KEY, entry_id) for entry_id in _all_over(commands))
    return _run(server, _in_batches(supply, 1), commands)


def acknowledge_and_delete(server: Server, commands: int) -> float:
    """XACKDEL of one ID, all over a long stream."""
    supply = ((b"XACKDEL", KEY, GROUP, b"IDS", b"1", entry_id) for entry_id in _all_over(commands))
    return _run(server, _in_batches(supply, 2), commands)
