"""One accepted socket: reads go to the engine, replies wait here until the peer takes them."""

from __future__ import annotations

import socket
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from respq.state import Client

MAX_WRITE_BYTES = 1 << 20  # offered to the kernel in one call while a backlog is written


class Connection:
    """A transport (`state.Transport`) over a non-blocking stream socket."""

    __slots__ = (
        "client",
        "fd",
        "held",
        "recv",
        "send",
        "sock",
        "soft_since_ms",
        "unsent",
        "unsent_bytes",
        "writable_wanted",
    )
    client: Client

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.recv = sock.recv
        self.send = sock.send
        self.unsent: deque[bytes] = deque()  # encoded output that the kernel would not take yet
        self.unsent_bytes = 0
        self.writable_wanted = False  # registered for WRITE
        self.held = False  # the log could not be written: nothing leaves until it is
        self.soft_since_ms = 0  # since when the soft output limit has been exceeded; 0: it is not

    def address(self) -> str:
        """The peer as CLIENT LIST shows it."""
        return _show(self.sock, self.sock.getpeername)

    def local_address(self) -> str:
        """Our end as CLIENT LIST shows it."""
        return _show(self.sock, self.sock.getsockname)

    def descriptor(self) -> int:
        """The file descriptor."""
        return self.fd

    def output_bytes(self) -> int:
        """Bytes of replies that the peer has not taken yet."""
        return self.unsent_bytes

    def queue(self, data: bytes) -> None:
        """Put output behind what is waiting."""
        self.unsent.append(data)
        self.unsent_bytes += len(data)

    def write_queued(self) -> int:
        """Offer what is waiting to the kernel; return the bytes taken. Raises OSError if the peer is gone."""
        written = 0
        while self.unsent:
            chunk = self.unsent.popleft()
            while self.unsent and len(chunk) + len(self.unsent[0]) <= MAX_WRITE_BYTES and len(chunk) < 16384:
                chunk += self.unsent.popleft()
            try:
                sent = self.send(memoryview(chunk)[:MAX_WRITE_BYTES])
            except BlockingIOError:
                sent = 0
            written += sent
            if sent < len(chunk):
                self.unsent.appendleft(memoryview(chunk)[sent:].tobytes() if sent else chunk)
                break
        self.unsent_bytes -= written
        return written


def _show(sock: socket.socket, ask: object) -> str:
    if sock.family == getattr(socket, "AF_UNIX", None):
        path = sock.getsockname()
        return f"{path if isinstance(path, str) else path.decode(errors='replace')}:0"
    try:
        name = ask()  # type: ignore[operator]
    except OSError:
        return "?:0"
    host, port = name[0], name[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
