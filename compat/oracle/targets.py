"""Where a case runs: a server process behind sockets.

A target starts every case from an empty keyspace and gives back what each client received, byte
for byte, and what the keyspace holds afterwards. In a spread delivery the process is frozen while
the clients write, so that one turn of its event loop meets all writes in their order; afterwards
the control connection unblocks whoever still waits, in rounds, and notes who did.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from compat.oracle.case import KEEP_QUIET, LISTEN, NOTIFIED, NOTIFY, SINGLE, SPREAD, Case, needs_ids
from compat.oracle.wire import Incomplete, Node, parse, parse_all, render, without_annotations
from compat.servers import Server

PATIENCE_SECONDS = 60.0
PART_BYTES = 4096  # of a long reply, at least, written at once
PING = b"PING\r\n"
# RESET leaves every mode; an unknown command is answered even to the unauthenticated.
END = b"RESET\r\nEND-OF-CASE\r\n"
END_REPLY = b"-ERR unknown command 'END-OF-CASE', with args beginning with: \r\n"
ROUNDS = 80  # of unblocking; a client sends at most one blocking command per step


@dataclass(frozen=True)
class Outcome:
    """What a case did: bytes received per client, who had to be unblocked, the keyspace."""

    streams: Sequence[bytes]
    unblocked: Sequence[bytes]  # per round, the replies to CLIENT UNBLOCK for each client
    keyspace: bytes
    log: bytes = b""  # what the append-only file has of it, if it was compared
    reloaded: bytes | None = None  # the keyspace once more, from the append-only file
    replayed: bytes | None = None  # the same, as the other server reads it
    crash: str = ""  # the traceback of a subject that runs in this process


class Target(Protocol):
    def run(self, case: Case, dump: bytes) -> Outcome:
        """Start from nothing, deliver, and answer `dump` (rendered commands) at the end."""
        ...

    def ask(self, *argv: bytes) -> Node:
        """One command outside of any case."""
        ...


class Peer:
    """One raw connection: what was received, and whether the server has hung up."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket.settimeout(PATIENCE_SECONDS)
        self.received = b""
        self.closed = False

    def send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except OSError:
            self.closed = True

    def receive(self) -> bool:
        """Wait for more bytes; False if none will or did come."""
        try:
            data = self.socket.recv(1 << 20)
        except OSError:
            data = b""
        self.closed = self.closed or not data
        self.received += data
        return bool(data)

    def drain(self) -> int:
        """Take what has arrived; return how many bytes."""
        before = len(self.received)
        while not self.closed and select.select([self.socket], [], [], 0)[0]:
            self.receive()
        return len(self.received) - before

    def answer(self) -> Node:
        """The next reply, taken off the received bytes."""
        while True:
            try:
                node, end = parse(self.received)
            except Incomplete:
                if not self.receive():
                    raise ConnectionError("the server hung up") from None
            else:
                self.received = self.received[end:]
                return node

    def close(self) -> None:
        self.socket.close()


class ProcessTarget:
    """A server process, ours or theirs."""

    def __init__(self, server: Server, restore: bytes = b"") -> None:
        """`restore` is sent, rendered, between cases besides FLUSHALL."""
        self.server = server
        self.restore = render([b"SELECT", b"0"]) + render([b"FLUSHALL"]) + restore + PING
        self.control = Peer(server.connect())
        self.notifying = False

    def ask(self, *argv: bytes) -> Node:
        self.control.send(render(list(argv)))
        return self.control.answer()

    def run(self, case: Case, dump: bytes) -> Outcome:
        self._reset()
        for argv in case.setup:
            self.ask(*argv)
        peers = [Peer(self.server.connect()) for _ in range(case.clients)]
        try:
            ids = self._greet(peers, case)
            if case.delivery == SPREAD:
                unblocked = self._run_spread(peers, case, ids)
            else:
                unblocked = []
                self._run_alone(peers[0], case, ids)
            return Outcome([peer.received for peer in peers], unblocked, self._dump(dump))
        finally:
            for peer in peers:
                peer.close()

    def replay(self, log: bytes, dump: bytes) -> bytes:
        """The keyspace of a server that has executed a log, or the errors at which loading it would end."""
        self._reset()
        replies = parse_all(self._until_pong(without_annotations(log) + PING))
        errors = [text for kind, text in replies if kind == b"-"]
        return render(errors) if errors else self._dump(dump)

    def _reset(self) -> None:
        self._keep_quiet()
        self._until_pong(self.restore)

    def _keep_quiet(self) -> None:
        """End what a case began that was NOTIFIED."""
        if self.control.closed:
            self.control.close()
            self.control = Peer(self.server.connect())
        if self.notifying:
            for argv in KEEP_QUIET:
                self.ask(*argv)
            self.notifying = False

    def _until_pong(self, data: bytes) -> bytes:
        """Send commands that end with PING; the replies before the PONG."""
        control = self.control
        control.received = b""
        control.send(data)
        while not control.received.endswith(b"+PONG\r\n"):
            if not control.receive():
                raise ConnectionError(f"{self.server.process.args!r} does not answer")
        received, control.received = control.received, b""
        return received[: -len(b"+PONG\r\n")]

    def _greet(self, peers: list[Peer], case: Case) -> list[int]:
        ids = self._ids(peers) if case.delivery == SPREAD or needs_ids(case.steps) else []
        if case.resp == 3:
            for peer in peers:
                peer.send(b"HELLO 3\r\n")
                peer.answer()
        if case.delivery == NOTIFIED:
            self._listen(peers[0])
        return ids

    def _listen(self, peer: Peer) -> None:
        for argv in NOTIFY:
            self.ask(*argv)
        self.notifying = True
        for argv in LISTEN:
            peer.send(render(argv))
            peer.answer()

    def _ids(self, peers: list[Peer]) -> list[int]:
        for peer in peers:
            peer.send(b"CLIENT ID\r\n")
        answers = [peer.answer() for peer in peers]
        if any(kind == b"-" for kind, _ in answers):  # not authenticated; the last ones to come in
            clients = self.ask(b"CLIENT", b"LIST")[1].splitlines()[-len(peers) :]
            return [int(line.split()[0].removeprefix(b"id=")) for line in clients]
        return [int(number) for _, number in answers]

    def _run_alone(self, peer: Peer, case: Case, ids: Sequence[int]) -> None:
        """Deliver and read until the reply to a command of our own, which nothing can suppress."""
        for [(_, data)] in case.turns(ids):
            peer.send(data)
            if case.delivery == SINGLE:
                self._until_pong(PING)
                peer.drain()
        peer.send(END)
        while not peer.received.endswith(END_REPLY) and peer.receive():
            pass

    def _run_spread(self, peers: list[Peer], case: Case, ids: Sequence[int]) -> list[bytes]:
        for writes, (pause_ms, all_served) in zip(case.turns(ids), case.openings(), strict=True):
            time.sleep(pause_ms / 1000)
            if all_served:
                self._await_served()
            self._until_pong(PING)
            with self.server.frozen():
                for client, data in writes:
                    peers[client].send(data)
            self._settle(peers)
        unblock = b"".join(b"CLIENT UNBLOCK %d\r\n" % number for number in ids) + PING
        rounds = []
        for _ in range(ROUNDS):
            rounds.append(self._until_pong(unblock))
            self._settle(peers)
            if b":1" not in rounds[-1]:
                break
        return rounds

    def _await_served(self) -> None:
        """Let the loop turn until nobody is blocked: redis-server empties databases on another thread."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while b"blocked_clients:0" not in self.ask(b"INFO", b"clients")[1]:
            assert time.monotonic() < deadline, "somebody is blocked"

    def _settle(self, peers: list[Peer]) -> None:
        """Let the loop turn until every reply that is due has been written, then take them.

        A long reply comes in parts. What is shorter is no part of one: MONITOR shows our own PINGs.
        """
        for _ in range(3):
            self._until_pong(PING)
        quiet = 0
        while quiet < 2:
            quiet = quiet + 1 if max([peer.drain() for peer in peers], default=0) < PART_BYTES else 0
            self._until_pong(PING)

    def _dump(self, dump: bytes) -> bytes:
        return self._until_pong(dump + PING)

    def close(self) -> None:
        """Leave the server, which somebody else started and others go on using."""
        self._keep_quiet()
        self.control.close()
