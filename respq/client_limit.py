"""`maxmemory-clients`: what all clients together may take, and who has to go when it is more.

Whoever takes most goes first, unless it said CLIENT NO-EVICT; what such a client takes counts all the same.
While there is no limit nothing is asked. With one, the event loop has all clients looked at in each turn if
there are few: so often that it takes a twentieth of the time at most.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from respq.clock import stopwatch_ns
from respq.datatypes.sizes import words_bytes
from respq.state import Client, Server

CLIENT_BYTES: Final = 2000  # about, of a connection that does nothing
NAME_BYTES: Final = 200  # about, of the entries in dicts that a name kept for a client takes
SAMPLES: Final = 16  # names that stand for all of a kind
SHARE: Final = 20  # of the time, that looking may take


def client_bytes(client: Client) -> int:
    """The memory that a client takes: what it sent, what is kept and what waits for it.

    O(words in MULTI, replies and fieldsets).
    """
    return (
        CLIENT_BYTES + input_bytes(client) + queued_bytes(client) + names_bytes(client) + output_bytes(client)
    )


def input_bytes(client: Client) -> int:
    """What arrived and is not executed yet."""
    return client.reader.pending + len(client.held)


def queued_bytes(client: Client) -> int:
    """The words that MULTI has queued."""
    return sum(len(word) for argv in client.queued for word in argv) if client.queued else 0


def names_bytes(client: Client) -> int:
    """About what the names take that are kept for it: channels, watched keys, fields for HIMPORT."""
    total = 0
    if client.subscribed or client.watched or client.fieldsets:
        for registry in client.server.pubsub.registries:
            total += _names_bytes(registry.names(client), registry.count(client))
        total += _names_bytes((key for _, key in client.watched), len(client.watched))
        for fields in (client.fieldsets or {}).values():
            total += NAME_BYTES + words_bytes(fields, len(fields), SAMPLES)
    return total


def _names_bytes(names: Iterable[bytes], count: int) -> int:
    return words_bytes(names, count, SAMPLES) + NAME_BYTES * count


def output_bytes(client: Client) -> int:
    """Replies and pushes that have not left."""
    return client.transport.output_bytes() + sum(map(len, client.out))


class ClientLimit:
    """Holds the clients of `server` to `maxmemory-clients`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._next_ms = 0  # when to look again

    @property
    def most_bytes(self) -> int:
        """What they may take; a share of `maxmemory`, if the directive says so. 0: there is no limit."""
        config = self._server.config
        limit = config.maxmemory_clients
        return limit if limit >= 0 else config.maxmemory * -limit // 100

    def apply(self) -> None:
        """The limit has been changed: look in this turn."""
        self._next_ms = 0

    def look(self) -> None:
        """Close who takes most while all take too much. O(clients)."""
        server, limit = self._server, self.most_bytes
        now_ms = server.clock.now_ms
        if not limit or now_ms < self._next_ms:
            return
        begin_ns = stopwatch_ns()
        sizes = [(client_bytes(client), client) for client in server.clients.values() if not client.closing]
        excess = sum(size for size, _ in sizes) - limit
        if excess > 0:
            sizes.sort(key=lambda each: each[0])
            while excess > 0 and sizes:
                size, client = sizes.pop()
                if not client.no_evict:
                    self._evict(client, size)
                    excess -= size
        self._next_ms = now_ms + (stopwatch_ns() - begin_ns) * SHARE // 1_000_000

    def _evict(self, client: Client, size: int) -> None:
        self._server.stats.evicted_clients += 1
        self._server.log(
            "warning", f"Client {client.label()} closed: it took {size} bytes (maxmemory-clients)"
        )
        self._server.close(client, at_once=True)
