"""A whole server in one thread: the real loop, engine and persistence, on sockets and a disk in memory.

Nothing runs by itself: a step reads what clients have sent, lets some time pass, or ends the sync that is
under way. Between any two operations on the disk the process may be killed or the power cut: `Disk.before` is
where a test does that. Everything comes from a seed, so each run repeats.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from random import Random
from typing import cast

import hiredis

from respq.clock import ManualClock
from respq.config import Config
from respq.effects.files import Files
from respq.effects.syncing import Syncer
from respq.engine import Engine
from respq.log import Log
from respq.net.connection import Connection
from respq.net.server import Loop
from tests.effects.disk import Disk
from tests.effects.model import LaterSnapshot
from tests.effects.syncers import SteppedSyncer

LOCAL = ("127.0.0.1", 1)


class Peer:
    """A client and the socket that the server has of it, which takes only some bytes at a time."""

    family = socket.AF_INET

    def __init__(self, fd: int, random: Random) -> None:
        self.fd = fd
        self.random = random
        self.sent: deque[bytes] = deque()  # and not yet read by the server
        self.replies = hiredis.Reader(notEnoughData=NOTHING)
        self.closed = False

    def fileno(self) -> int:
        return self.fd

    def recv(self, _count: int, flags: int = 0) -> bytes:
        if not self.sent:
            raise BlockingIOError
        return self.sent[0] if flags == socket.MSG_PEEK else self.sent.popleft()

    def send(self, data: bytes | memoryview) -> int:
        taken = bytes(data) if self.random.random() < 0.9 else bytes(data[: self.random.randint(1, 50)])
        self.replies.feed(taken)
        return len(taken)

    def close(self) -> None:
        self.closed = True


NOTHING = object()


class Watched:
    """A poller: those who have sent something are ready, and those who may write."""

    def __init__(self) -> None:
        self.peers: dict[int, Peer] = {}
        self.masks: dict[int, int] = {}

    def poll(self, _timeout: float, /) -> list[tuple[int, int]]:
        ready = [(fd, (1 if self.peers[fd].sent else 0) | mask & 4) for fd, mask in self.masks.items()]
        return [(fd, mask) for fd, mask in ready if mask]

    def register(self, fd: int, mask: int, /) -> None:
        self.masks[fd] = mask

    modify = register

    def unregister(self, fd: int, /) -> None:
        del self.masks[fd]

    def close(self) -> None:
        pass


class Told(Log):
    """A log that tells a test."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.heard: Callable[[str], None] = lambda line: None

    def write(self, level: str, line: str) -> None:
        self.heard(line)


class Machine:
    """A server that has started on `disk`. Raises AofError if it cannot."""

    def __init__(self, disk: Disk, now_ms: int, random: Random, **directives: str) -> None:
        self.disk = disk
        self.random = random
        config = Config()
        config.set({"dir": "/data", **directives}, at_start=True)
        self.log = Told(config)
        self.clock = ManualClock(now_ms)
        self.engine = Engine(config, self.clock, Random(1), log=self.log.write)
        self.poller = Watched()
        self.loop = Loop(config, self.log, self.engine, self.poller)
        self.persistence = self.loop.persistence
        persistence = self.persistence
        persistence.files = persistence.dumps.files = persistence.backups.files = disk
        self.persistence.take_snapshot = LaterSnapshot
        self.persistence.new_syncer = self._new_syncer
        self.loop.load()

    def connect(self) -> Peer:
        peer = Peer(len(self.poller.peers) + 10, self.random)
        self.poller.peers[peer.fd] = peer
        connection = Connection(cast(socket.socket, peer), LOCAL)
        self.loop.connections[peer.fd] = connection
        connection.client = self.engine.connect(connection)
        self.poller.register(peer.fd, 1)
        return peer

    def tick(self, ms: int = 0) -> None:
        """One turn of the loop, some time after the one before. Raises AofError: the server has stopped."""
        self.clock.advance(ms)
        self.loop.tick(0)

    def _new_syncer(self, files: Files) -> SteppedSyncer:
        """Syncs begin when chance will have it, and end at once or when told to."""
        syncer = SteppedSyncer(files)
        syncer.is_due = self._is_due
        return syncer

    def _is_due(self, syncer: Syncer) -> bool:
        syncer.in_loop = self.random.random() < 0.3
        return self.random.random() < 0.7

    def end_sync(self) -> None:
        """End the sync that is under way."""
        if self.engine.server.aof is not None:
            cast(SteppedSyncer, self.engine.server.aof.writer._syncer).step()

    def close(self) -> None:
        """End it as SIGTERM does. Raises AofError."""
        self.persistence.close()
        self.loop.sender.send_synced()
