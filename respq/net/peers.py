"""Connections to other servers, for the commands that need one: MIGRATE.

The calling thread waits, and with it everybody: see `commands.migration`.
"""

from __future__ import annotations

import socket

from respq.transport import PeerError

_SENT_BYTES = 1 << 16  # at once: the limit is on the time between two of these
_LINE_MAX_BYTES = 1 << 16
_READ_BYTES = 1 << 14

CONNECTING = "connecting to the client"
WRITING, READING = "writing to target instance", "reading to target instance"


class PeerConnection:
    """A connection to another server. `timeout_s`: how long it may say nothing, whatever is waited for.

    Raises PeerError, also when it is made. A refused connection shows, as in Redis, when it is written to.
    """

    def __init__(self, host: bytes, port: int, timeout_s: float) -> None:
        self._received = bytearray()
        try:
            self._socket = socket.create_connection((host.decode(), port), timeout_s)
        except ConnectionRefusedError:
            raise PeerError(WRITING) from None
        except (OSError, ValueError, OverflowError):
            raise PeerError(CONNECTING) from None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        """Send all of `data`."""
        left = memoryview(data)
        try:
            while left:
                left = left[self._socket.send(left[:_SENT_BYTES]) :]
        except OSError:
            raise PeerError(WRITING) from None

    def line(self) -> bytes:
        """The next line that was received, without its end."""
        received = self._received
        while (end := received.find(b"\n")) < 0:
            try:
                data = self._socket.recv(_READ_BYTES)
            except OSError:
                data = b""
            if not data or len(received) > _LINE_MAX_BYTES:
                raise PeerError(READING)
            received += data
        line = bytes(received[:end]).removesuffix(b"\r")
        del received[: end + 1]
        return line

    def close(self) -> None:
        """Hang up."""
        self._socket.close()
