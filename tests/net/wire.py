"""An event loop with real sockets, turned by hand: server and clients take turns in one thread.

So nothing here depends on how threads are scheduled, a test may look into the server between two ticks,
and its clock and its disk can be those of the test.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from random import Random

from respq.clock import Clock, ManualClock
from respq.config import Config
from respq.effects.files import Files
from respq.engine import Engine
from respq.log import Log
from respq.net.server import Loop
from tests.ports import free_port
from tests.resp import Word, encode

PATIENCE_S = 60.0
CLOSED = b"<closed>"  # what `Wire.read` ends with when the server has hung up


class Lines(Log):
    """A log that is kept in memory."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.lines: list[str] = []

    def write(self, level: str, line: str) -> None:
        self.lines.append(f"{level} {line}")


class Net:
    """A server that does something only within `until` and the methods of its clients."""

    def __init__(
        self,
        directory: str,
        *,
        clock: Clock | None = None,
        files: Files | None = None,
        signals: bool = False,
        **directives: str,
    ) -> None:
        config = Config()
        defaults = {"port": str(free_port()), "dir": directory, "appendonly": "no"}
        named = {name.replace("_", "-"): value for name, value in directives.items()}
        config.set({**defaults, **named}, at_start=True)
        self.config = config
        self.log = Lines(config)
        self.engine = Engine(config, clock or Clock(), Random(1), log=self.log.write)
        self.server = self.engine.server
        self.loop = Loop(config, self.log, self.engine)
        if files is not None:
            self.loop.persistence.files = files
        self.wires: list[Wire] = []
        try:
            self.loop.open()
            if signals:
                self.loop.catch_signals()
            self.loop.load()
        except BaseException:
            self.loop.close()
            raise

    @property
    def port(self) -> int:
        return self.config.port

    def connect(self) -> Wire:
        """A client over TCP, accepted."""
        return self.adopt(socket.create_connection(("127.0.0.1", self.port)))

    def adopt(self, sock: socket.socket) -> Wire:
        """A client over a socket that is connected."""
        wire = Wire(self, sock)
        accepted = self.server.stats.connections_received + self.server.stats.rejected_connections
        self.until(
            lambda: self.server.stats.connections_received + self.server.stats.rejected_connections > accepted
        )
        return wire

    def turn(self, times: int = 1) -> None:
        """Let the server do what it can at once."""
        for _ in range(times):
            self.loop.tick(0)

    def until(self, true: Callable[[], object]) -> None:
        """Turn the loop until something has happened."""
        deadline = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < deadline, "waited in vain; the server said:\n" + "\n".join(
                self.log.lines
            )
            self.loop.tick(0.002)

    def pass_time(self, ms: int) -> None:
        """Move the clock, and do what falls due."""
        assert isinstance(self.engine.clock, ManualClock)
        self.engine.clock.advance(ms)
        self.turn()

    def logged(self, text: str) -> bool:
        return any(text in line for line in self.log.lines)

    def close(self) -> None:
        for wire in self.wires:
            wire.sock.close()
        self.loop.persistence.close()
        self.loop.close()


class Wire:
    """A client. What the server sends is taken only when the test reads."""

    def __init__(self, net: Net, sock: socket.socket) -> None:
        self.net = net
        self.sock = sock
        self.received = bytearray()  # and not yet read
        self.hung_up = False
        sock.setblocking(False)
        net.wires.append(self)

    def write(self, data: bytes) -> None:
        """Send all of `data`, as the server takes it."""
        view = memoryview(data)

        def sent() -> bool:
            nonlocal view
            try:
                while view:
                    view = view[self.sock.send(view[: 1 << 20]) :]
            except BlockingIOError:
                return False
            return True

        self.net.until(sent)

    def send(self, *words: Word) -> None:
        self.write(encode(*words))

    def take(self, most: int = 1 << 20) -> None:
        """Receive what is there."""
        try:
            data = self.sock.recv(most)
            self.hung_up = not data
            self.received += data
        except BlockingIOError:
            pass
        except ConnectionResetError:
            self.hung_up = True

    def read(self, count: int) -> bytes:
        """The next `count` bytes; fewer and CLOSED if the server hangs up before."""

        def complete() -> bool:
            self.take()
            return len(self.received) >= count or self.hung_up

        if len(self.received) < count:
            self.net.until(complete)
        data = bytes(self.received[:count])
        del self.received[:count]
        return data if len(data) == count else data + CLOSED

    def expect(self, data: bytes) -> None:
        assert self.read(len(data)) == data

    def ask(self, *words: Word) -> bytes:
        """Send a command; return the first line of its reply."""
        self.send(*words)
        return self.line()

    def line(self) -> bytes:
        def complete() -> bool:
            self.take()
            return b"\r\n" in self.received or self.hung_up

        if b"\r\n" not in self.received:
            self.net.until(complete)
        line, end, rest = bytes(self.received).partition(b"\r\n")
        self.received[:] = rest
        return line if end else line + CLOSED

    def rest(self) -> bytes:
        """Everything up to the end of the connection."""

        def ended() -> bool:
            self.take()
            return self.hung_up

        self.net.until(ended)
        data = bytes(self.received)
        self.received.clear()
        return data

    def silent(self) -> bool:
        """Whether the server, given time to do so, says nothing and leaves the connection open."""
        self.net.turn(5)
        self.take()
        return not self.received and not self.hung_up

    def address(self) -> str:
        host, port = self.sock.getsockname()[:2]
        return f"{host}:{port}"
