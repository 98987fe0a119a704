"""Sending: what clients are to get leaves at the end of a tick, or waits in order and within limits.

A reply waits because the peer does not read, until the socket drains; or for the log:

- Under `appendfsync always` everything waits until the disk has what it has seen. It stands in one queue for
  all clients, each piece with the position of the log when it was made, so nothing overtakes what it depends
  on, and the loop goes on executing.
- If the log could not be written, the clients concerned are `held` until it has been: nothing of theirs
  leaves before, older output included.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import inf
from typing import TYPE_CHECKING

from respq.net.poller import READ, WRITE, Poller
from respq.state import UNCOUNTED_BYTES, Server

if TYPE_CHECKING:
    from respq.net.connection import Connection


class Sender:
    """Sends what stands in the clients' output. `connections` are the open ones by descriptor."""

    def __init__(self, server: Server, poller: Poller, connections: dict[int, Connection]) -> None:
        self._server = server
        self._poller = poller
        self._connections = connections
        self._held: list[Connection] = []  # their output waits for the log to be written
        # What waits for the disk: the position in the log that must be safe, oldest first.
        self._unsynced: deque[tuple[int, Connection, bytes]] = deque()
        self._least_limit = 0  # bytes that no class of clients may have waiting; 0: there is no limit
        self._least_concern = 0  # the same, for some time
        server.config.on_change("client-output-buffer-limit", self._note_limits)
        self._note_limits()

    @property
    def replies_waiting(self) -> int:
        """How many pieces of output wait for the disk, or will with the end of this turn."""
        return len(self._unsynced) + len(self._server.outbox)

    def send_all(self) -> None:
        """Offer every client its output; what the kernel does not take waits for the socket to drain.

        Subscribers often get the very same messages, which are joined once.
        """
        server = self._server
        outbox, aof = server.outbox, server.aof
        if aof is not None and (self._unsynced or aof.writer.safe < aof.writer.written):  # a sync may end now
            self._put_off(aof.writer.written)
            return
        sent_bytes = 0
        most = self._least_limit
        several: list[bytes] = []  # what a client got last who got more than one thing
        joined = b""
        for client in outbox:
            out = client.out
            if not out:
                continue
            if len(out) == 1:
                data = out[0]
            elif out == several:
                data = joined
            else:
                several = out[:]
                data = joined = b"".join(several)
            out.clear()
            connection: Connection = client.transport  # type: ignore[assignment]  # ours
            if connection.unsent or connection.held or 0 < most <= len(data):
                self._hold_back(connection, data)
                continue
            try:
                sent = connection.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                server.close(client, at_once=True)
                continue
            sent_bytes += sent
            client.bytes_out += sent
            if sent < len(data):
                self._hold_back(connection, data, sent)
        server.stats.writes += len(outbox)
        server.stats.output_bytes += sent_bytes
        outbox.clear()
        server.pubsub.sent()

    def _note_limits(self) -> None:
        """Apply `client-output-buffer-limit`."""
        classes = self._server.config.client_output_buffer_limit.values()
        self._least_limit = _least([hard for hard, _, _ in classes])
        self._least_concern = _least([limit for hard, soft, _ in classes for limit in (hard, soft)])

    def _hold_back(self, connection: Connection, data: bytes, taken: int = 0) -> None:
        """Queue output for later, within what the client's class may have waiting."""
        connection.queue(data, taken)
        self._want_writable(connection)
        self.check_limit(connection)

    def _want_writable(self, connection: Connection) -> None:
        if connection.unsent and not connection.writable_wanted and not connection.held:
            connection.writable_wanted = True
            self._poller.modify(connection.fd, READ | WRITE)

    def write_queued(self, connection: Connection) -> bool:
        """The socket drained: write more. Return whether the connection is at its end."""
        try:
            written = connection.write_queued()
        except OSError:
            return True
        client = connection.client
        client.bytes_out += written
        client.active_ms = self._server.clock.now_ms
        self._server.stats.writes += 1
        self._server.stats.output_bytes += written
        if not connection.unsent:
            connection.writable_wanted = False
            connection.soft_since_ms = 0
            if client.closing:
                return True
            self._poller.modify(connection.fd, READ)
        return False

    def check_limit(self, connection: Connection) -> None:
        """Close a client that lets more pile up than `client-output-buffer-limit` allows."""
        client = connection.client
        hard, soft, seconds = self._server.output_limit(client)
        waiting, now_ms = connection.output_bytes() - UNCOUNTED_BYTES, self._server.clock.now_ms
        exceeded = bool(hard) and waiting >= hard
        if soft and waiting >= soft:
            connection.soft_since_ms = connection.soft_since_ms or now_ms
            exceeded = exceeded or now_ms - connection.soft_since_ms > seconds * 1000
        else:
            connection.soft_since_ms = 0
        if exceeded and not client.closing:
            self._server.close_for_output(client, connection.output_bytes())

    # -- the log -----------------------------------------------------------------------------------

    def _put_off(self, position: int) -> None:
        """Let the output of this tick wait until the disk has the log up to `position`."""
        most = self._least_concern
        for client in self._server.outbox:
            out = client.out
            if not out:
                continue
            connection: Connection = client.transport  # type: ignore[assignment]  # ours
            data = out[0] if len(out) == 1 else b"".join(out)
            out.clear()
            connection.unsynced_bytes += len(data)
            self._unsynced.append((position, connection, data))
            if 0 < most <= connection.unsynced_bytes + connection.unsent_bytes or connection.soft_since_ms:
                self.check_limit(connection)
        self._server.outbox.clear()
        self._server.pubsub.sent()

    def send_synced(self) -> None:
        """Send what waited for the disk and need not any more. O(what leaves)."""
        if not self._unsynced:
            return
        unsynced, aof, server = self._unsynced, self._server.aof, self._server
        safe = inf if aof is None else aof.writer.safe
        sent_bytes = count = 0
        while unsynced and unsynced[0][0] <= safe:
            _, connection, data = unsynced.popleft()
            if self._connections.get(connection.fd) is not connection:
                continue
            connection.unsynced_bytes -= len(data)
            client = connection.client
            if connection.unsent or connection.held:
                connection.queue(data)
                if not connection.held and not connection.writable_wanted:
                    self._write_at_once(connection)
            else:
                try:
                    sent = connection.send(data)
                except BlockingIOError:
                    sent = 0
                except OSError:
                    server.close(client, at_once=True)
                    continue
                count += 1
                sent_bytes += sent
                client.bytes_out += sent
                client.active_ms = server.clock.now_ms
                if sent < len(data):
                    connection.queue(data, sent)
                    self._want_writable(connection)
            if client.closing and not connection.unsynced_bytes:
                server.close(client)  # put off by the loop until now
        server.stats.writes += count
        server.stats.output_bytes += sent_bytes

    def _write_at_once(self, connection: Connection) -> None:
        """Offer what is queued without waiting for the poller to call for it."""
        if self.write_queued(connection):
            self._server.close(connection.client, at_once=True)
        else:
            self._want_writable(connection)

    def hold_output(self) -> None:
        """Nothing of this tick leaves before the log is written, nor what the same clients had waiting.

        What waits for the disk is older and in the log: it leaves first. Raises SyncError.
        """
        if self._unsynced and self._server.aof is not None:
            self._server.aof.writer.sync()
            self.send_synced()
        for client in self._server.outbox:
            connection: Connection = client.transport  # type: ignore[assignment]  # ours
            if connection.held:
                continue
            connection.held = True
            self._held.append(connection)
            if connection.writable_wanted:
                connection.writable_wanted = False
                self._poller.modify(connection.fd, READ)

    def release_output(self) -> None:
        """The log has caught up: what was held may leave."""
        for connection in self._held:
            connection.held = False
            if self._connections.get(connection.fd) is not connection:
                continue
            if connection.client.closing:
                self._server.close(connection.client)  # put off by _close_marked
            self._want_writable(connection)
        self._held.clear()


def _least(limits: Iterable[int]) -> int:
    """The bytes with which the first of these limits is reached, 0 if none of them is one."""
    least = min([limit for limit in limits if limit], default=0)
    return least and least + UNCOUNTED_BYTES
