"""Messages to a hundred subscribers: one client publishes, a hundred at a time, and the others only listen.

What is counted is deliveries. The subscribers are drained as fast as they can be; that costs our client far
less than it costs a server to send, as one read takes what a whole turn of the server's loop sent.
"""

from __future__ import annotations

import random
import select
import socket
from collections.abc import Callable
from contextlib import ExitStack
from time import perf_counter

import hiredis

from compat.bench.client import Batch, batch, connect, exchange, payload
from compat.servers import Server

SUBSCRIBERS = 100
PIPELINE = 100
CHANNEL = b"news:1"
PATTERN = b"news:*"
MESSAGE_BYTES = 64
SEED = 22
BATCHES = 50  # prepared, and sent over and over


def publish(server: Server, commands: int, *, resp: int = 2, pattern: bool = False) -> float:
    """Deliveries per second, of at least `commands`."""
    rng = random.Random(SEED)
    prepared = [_messages(rng) for _ in range(BATCHES)]
    rounds = max(1, commands // (PIPELINE * SUBSCRIBERS))
    with ExitStack() as stack:
        peers = [stack.enter_context(connect(server)) for _ in range(SUBSCRIBERS)]
        for peer in peers:
            _subscribe(peer, resp, pattern)
        publisher = stack.enter_context(connect(server))
        started = perf_counter()
        _drain(publisher, peers, [prepared[turn % BATCHES] for turn in range(rounds)], _size(pattern))
        return rounds * PIPELINE * SUBSCRIBERS / (perf_counter() - started)


def _messages(rng: random.Random) -> Batch:
    return batch((b"PUBLISH", CHANNEL, payload(rng, MESSAGE_BYTES)) for _ in range(PIPELINE))


def _subscribe(peer: socket.socket, resp: int, pattern: bool) -> None:
    if resp == 3:
        peer.sendall(b"HELLO 3\r\n")
        reader = hiredis.Reader()
        while reader.gets() is False:
            reader.feed(peer.recv(1 << 16))
    command = (b"PSUBSCRIBE", PATTERN) if pattern else (b"SUBSCRIBE", CHANNEL)
    exchange(peer, batch([command], 6))


def _size(pattern: bool) -> int:
    """Bytes of a message as it is delivered."""
    words = [b"pmessage", PATTERN, CHANNEL] if pattern else [b"message", CHANNEL]
    words.append(b"x" * MESSAGE_BYTES)
    return len(b"*4\r\n") + sum(len(b"$%d\r\n%b\r\n" % (len(word), word)) for word in words)


def _drain(publisher: socket.socket, peers: list[socket.socket], batches: list[Batch], size: int) -> None:
    """Send batch after batch, each when the one before is answered, and read what is delivered."""
    readers: dict[int, Callable[[int], bytes]] = {peer.fileno(): peer.recv for peer in peers}
    owed = len(batches) * PIPELINE * size * len(peers)
    supply = iter(batches)
    lines = 0
    with select.epoll() as poll:
        for descriptor in (*readers, publisher.fileno()):
            poll.register(descriptor, select.EPOLLIN)
        while owed or lines:
            if not lines and (work := next(supply, None)) is not None:
                publisher.sendall(work.request)
                lines = work.lines
            for descriptor, _ in poll.poll():
                receive = readers.get(descriptor)
                if receive is None:
                    lines -= publisher.recv(1 << 16).count(b"\n")
                else:
                    owed -= len(receive(1 << 18))
