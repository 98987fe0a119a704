"""One accepted socket: reads go to the engine, replies wait here until the peer takes them."""

from __future__ import annotations

import select
import socket
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from respq.state import Client

# What accept() says of a peer: host, port and two more for IPv6; for a Unix socket, nothing of interest.
Address = tuple[str, int] | tuple[str, int, int, int] | str

MAX_WRITE_BYTES = 1 << 20  # of a backlog, offered to the kernel per tick: the others have their turn then
READ_BYTES = 1 << 14  # per ready client and tick: bounds how long one client keeps the others waiting
LONG_READ_BYTES = 1 << 16  # the same for a client whose commands are long: their number takes the time
FEW_COMMANDS = 128  # in READ_BYTES
JOIN_BYTES = 1 << 14  # replies shorter than this are joined before they are offered
MOST_POLL_MS = (1 << 31) - 1  # that poll() can wait


def is_local(peer: Address) -> bool:
    """Whether a peer is on this machine: through the loopback interface or a Unix socket."""
    return not isinstance(peer, tuple) or peer[0] == "::1" or peer[0].startswith(("127.", "::ffff:127."))


class Connection:
    """A transport (`transport.Transport`) over a non-blocking stream socket."""

    __slots__ = (
        "_address",
        "_local_address",
        "client",
        "fd",
        "held",
        "peer",
        "read_bytes",
        "recv",
        "send",
        "sock",
        "soft_since_ms",
        "taken",
        "unsent",
        "unsent_bytes",
        "unsynced_bytes",
        "writable_wanted",
    )
    client: Client

    def __init__(self, sock: socket.socket, peer: Address) -> None:
        self.sock = sock
        self.peer = peer  # remembered: a socket that was reset does not tell any more
        self._address = self._local_address = ""  # as shown, once somebody has asked
        if sock.family == socket.AF_UNIX:
            # Closed, it does not tell its path any more, for which the slow log may ask.
            self._address = self._local_address = _shown_path(sock.getsockname())
        self.fd = sock.fileno()
        self.recv = sock.recv
        self.send = sock.send
        self.read_bytes = READ_BYTES  # at once
        self.unsent: deque[bytes] = deque()  # encoded output that the kernel would not take yet
        self.taken = 0  # bytes of the first of them that the kernel has: a long reply is not cut up
        self.unsent_bytes = 0
        self.unsynced_bytes = 0  # of output that waits for the disk to have the log, see `sending`
        self.writable_wanted = False  # registered for WRITE
        self.held = False  # nothing leaves: until the log is written, or at all (`hold`)
        self.soft_since_ms = 0  # since when the soft output limit has been exceeded; 0: it is not

    def note_read(self, data: bytes) -> None:
        """At least READ_BYTES have been read at once: decide how many it may be the next time."""
        few = data.count(b"\r\n*", 0, READ_BYTES) < FEW_COMMANDS
        self.read_bytes = LONG_READ_BYTES if few else READ_BYTES

    def hung_up(self) -> bool:
        """Whether the peer has closed and left nothing to read."""
        try:
            return not self.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def address(self) -> str:
        """The peer as CLIENT LIST shows it."""
        self._address = self._address or _shown(self.peer)
        return self._address

    def local_address(self) -> str:
        """Our end as CLIENT LIST shows it."""
        self._local_address = self._local_address or _shown(self.sock.getsockname())
        return self._local_address

    def is_local(self) -> bool:
        """Whether the peer is on this machine."""
        return is_local(self.peer)

    def is_unix_socket(self) -> bool:
        """Whether it came through `unixsocket`."""
        return self.sock.family == socket.AF_UNIX

    def descriptor(self) -> int:
        """The file descriptor."""
        return self.fd

    def output_bytes(self) -> int:
        """Bytes of replies that the peer has not taken yet."""
        return self.unsent_bytes + self.unsynced_bytes

    def send_all(self, data: bytes, patience_s: int) -> None:
        """Send, and wait while anything is taken: for a child process.

        Raises OSError; TimeoutError if the peer takes nothing for `patience_s`.
        """
        poll = select.poll()
        poll.register(self.fd, select.POLLOUT)
        left = memoryview(data)
        while left:
            if not poll.poll(min(patience_s * 1000, MOST_POLL_MS)):
                raise TimeoutError(f"nothing was taken for {patience_s} seconds")
            left = left[self.send(left) :]

    def hold(self) -> None:
        """Send nothing more: a child process speaks to the peer, and the connection ends with it."""
        self.held = True

    def queue(self, data: bytes, taken: int = 0) -> None:
        """Put output behind what is waiting. If nothing is, the kernel may have `taken` some of it."""
        if taken:
            self.taken = taken
        self.unsent.append(data)
        self.unsent_bytes += len(data) - taken

    def write_queued(self) -> int:
        """Offer what is waiting to the kernel, once; return the bytes taken. Raises OSError if nobody reads.

        Amortised O(bytes taken): nothing is copied but short replies, once.
        """
        unsent = self.unsent
        if not unsent:
            return 0
        if len(unsent[0]) < JOIN_BYTES:
            self._join()
        first = unsent[0]
        try:
            sent = self.send(memoryview(first)[self.taken : self.taken + MAX_WRITE_BYTES])
        except BlockingIOError:
            return 0
        self.taken += sent
        self.unsent_bytes -= sent
        if self.taken == len(first):
            unsent.popleft()
            self.taken = 0
        return sent

    def _join(self) -> None:
        """Make one chunk of the short replies that wait first."""
        unsent = self.unsent
        parts: list[bytes] = []
        size = 0
        while unsent and len(unsent[0]) < JOIN_BYTES and size < MAX_WRITE_BYTES:
            parts.append(unsent.popleft())
            size += len(parts[-1])
        unsent.appendleft(b"".join(parts))


def _shown(address: Address) -> str:
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


def _shown_path(path: str | bytes) -> str:
    return f"{path if isinstance(path, str) else path.decode(errors='replace')}:0"
