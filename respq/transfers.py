"""Snapshots for clients: `redis-cli --rdb` asks for one as a replica does that wants nothing more.

SYNC, once REPLCONF has said `rdb-only 1` and `capa eof`. A forked child sends what there is at that moment
straight to the client's socket and waits for it where it must, so nothing is buffered here and no file is
written: `$EOF:` and a mark of 40 letters, the snapshot, the mark again. Then the connection is closed; what
else the client was to get meanwhile, replies and pushes, it does not get.

No other child is at work meanwhile. So who takes nothing for `repl-timeout` seconds gets no more: the log
could not be rewritten for as long as somebody holds a connection and does not read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from respq.digests import random_hex
from respq.effects.snapshot import Check, ForkedChild
from respq.engine import Engine
from respq.state import Client

MARK_BYTES = 40
CHUNK_BYTES = 256 * 1024


class Transfers:
    """Sends what `pieces_of` makes, given whether keys and functions are wanted; one after the other.

    `is_busy` says whether another child process is at work.
    """

    def __init__(
        self, engine: Engine, pieces_of: Callable[[bool, bool], Iterator[bytes]], is_busy: Callable[[], bool]
    ) -> None:
        self.engine = engine
        self.server = engine.server
        self._pieces_of = pieces_of
        self._is_busy = is_busy
        self._waiting: deque[Client] = deque()
        self._receiver: Client | None = None
        self._child: ForkedChild | None = None
        self.server.send_snapshot = self._waiting.append

    @property
    def in_progress(self) -> bool:
        """Whether a child is sending one."""
        return self._child is not None

    def cron(self) -> None:
        """Look after the snapshot that is being sent, and begin with the next."""
        if self._child is not None:
            self._look_after(self._child)
        elif self._waiting and not self._is_busy():
            self._begin(self._waiting.popleft())

    def _begin(self, client: Client) -> None:
        """Send a client its snapshot; one that has gone gets none."""
        if client.closing:
            return
        if client.out or client.transport.output_bytes():  # what was answered before comes first
            self._waiting.append(client)
            return
        try:
            child = ForkedChild(lambda check: self._send(client, check), kept=client.transport.descriptor())
        except OSError as error:
            self.engine.log("warning", f"No snapshot can be sent to {client.label()}: {error.strerror}")
            self.server.close(client, at_once=True)
            return
        client.transport.hold()  # no reply and no push into the midst of it
        self._receiver, self._child = client, child
        self.server.stats.forks += 1
        self.server.stats.last_fork_us = child.fork_us
        self.engine.log("notice", f"Sending a snapshot to {client.label()}")

    def _send(self, client: Client, check: Check) -> None:
        """In the child: everything that the client gets."""
        follower, patience_s = client.follower, self.server.config.repl_timeout
        assert follower is not None

        def send(data: bytes) -> None:
            client.transport.send_all(data, patience_s)

        mark = random_hex(MARK_BYTES)
        send(b"$EOF:%b\r\n" % mark)
        parts: list[bytes] = []
        size = 0
        for piece in self._pieces_of(follower.wants_data, follower.wants_functions):
            parts.append(piece)
            size += len(piece)
            if size >= CHUNK_BYTES:
                check()
                send(b"".join(parts))
                parts, size = [], 0
        send(b"".join([*parts, mark]))

    def _look_after(self, child: ForkedChild) -> None:
        client = self._receiver
        assert client is not None
        if client.closing:  # it has left, or has to
            child.cancel()
        ended = child.poll()
        if ended is None:
            return
        self._receiver = self._child = None
        if ended:
            self.engine.log("notice", f"Sent a snapshot to {client.label()}")
        else:
            self.engine.log("warning", f"No snapshot was sent to {client.label()}: {child.report}")
        self.server.close(client, at_once=True)

    def close(self) -> None:
        """Give up what is being sent."""
        self._waiting.clear()
        child, self._child, self._receiver = self._child, None, None
        if child is not None:
            child.cancel()
