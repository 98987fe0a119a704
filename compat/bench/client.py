"""A client that only sends: prepared requests, many connections, replies counted by their lines.

Python builds the requests before the clock starts. While it runs, one batch costs one send, one or
two recv and one count, whatever the number of its commands, so that a pipeline of 16 keeps a
server busy from one core. Counting the lines of long replies would take the client longer than sending
them takes a server; so of those that are asked for again and again the bytes are counted instead, once one
reply of each kind has been seen to have the lines that it should have. The kernel counts them and throws them
away: to copy them once more would take the client half as long as sending them takes a server.
"""

from __future__ import annotations

import random
import select
import socket
from base64 import b64encode
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import cycle, islice
from time import perf_counter

import hiredis

from compat.servers import Server

CONNECTIONS = 50

_received = bytearray(1 << 20)  # one for all: room that is asked for anew is filled with zeros each time


@dataclass(frozen=True)
class Batch:
    """Commands for one write, and the number of lines their replies take."""

    request: bytes
    commands: int
    lines: int
    size: int = 0  # bytes of the replies, if they are known and always the same


def batch(commands: Iterable[tuple[bytes, ...]], reply_lines: int | None = None) -> Batch:
    """Encode commands that are answered with `reply_lines` lines, by default one each."""
    packed = [hiredis.pack_command(command) for command in commands]
    return Batch(b"".join(packed), len(packed), reply_lines or len(packed))


def payload(rng: random.Random, size: int) -> bytes:
    """Text that neither repeats nor compresses well and holds no line end."""
    return b64encode(rng.randbytes(size))[:size]


def drive(server: Server, batches: Sequence[Batch], commands: int, connections: int = CONNECTIONS) -> float:
    """Send at least `commands` commands, a batch at a time per connection; the seconds it took."""
    supply, left = cycle(batches), commands
    owed: dict[int, int] = {}  # reply lines still to come, by descriptor; or bytes, if these are known
    received = bytes_discarded if batches[0].size else lines_received

    def send(descriptor: int) -> None:
        nonlocal left
        if left <= 0:
            del owed[descriptor]
            return
        work = next(supply)
        left -= work.commands
        owed[descriptor] = work.size or work.lines
        peers[descriptor].sendall(work.request)

    with ExitStack() as stack:
        opened = [stack.enter_context(connect(server)) for _ in range(connections)]
        peers = {peer.fileno(): peer for peer in opened}
        poll = stack.enter_context(select.epoll())
        owed.update(dict.fromkeys(peers, 0))
        started = perf_counter()
        for descriptor in peers:
            poll.register(descriptor, select.EPOLLIN)
            send(descriptor)
        while owed:
            for descriptor, _ in poll.poll():
                owed[descriptor] -= received(peers[descriptor])
                if owed[descriptor] <= 0:
                    send(descriptor)
        return perf_counter() - started


def connect(server: Server) -> socket.socket:
    peer = socket.create_connection(("127.0.0.1", server.port))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def lines_received(peer: socket.socket) -> int:
    return _received.count(b"\n", 0, bytes_received(peer))


def bytes_received(peer: socket.socket) -> int:
    return _counted(peer.recv_into(_received))


def bytes_discarded(peer: socket.socket) -> int:
    """Take what has come without looking at it (Linux does not copy it then, see tcp(7))."""
    return _counted(peer.recv_into(_received, 0, socket.MSG_TRUNC))


def _counted(size: int) -> int:
    if not size:
        raise ConnectionError("the server hung up in the middle of a benchmark")
    return size


def weighed(server: Server, batches: Iterable[Batch]) -> list[Batch]:
    """The batches, with the bytes of their replies, which must have the lines that were expected."""
    weighed = []
    with connect(server) as peer:
        for work in batches:
            peer.sendall(work.request)
            lines = size = 0
            while lines < work.lines:
                more = bytes_received(peer)
                lines += _received.count(b"\n", 0, more)
                size += more
            weighed.append(replace(work, size=size))
    return weighed


def fill(server: Server, commands: Iterable[tuple[bytes, ...]], width: int = 200, lines: int = 1) -> None:
    """Send commands answered with `lines` lines each, `width` to a write, through one connection."""
    supply = iter(commands)
    with connect(server) as peer:
        while group := list(islice(supply, width)):
            exchange(peer, batch(group, lines * len(group)))


def exchange(peer: socket.socket, work: Batch) -> None:
    """Send one batch and take its replies."""
    peer.sendall(work.request)
    owed = work.lines
    while owed > 0:
        owed -= lines_received(peer)
