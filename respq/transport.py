"""What the core asks of the connection under a client, and the answer where there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Transport(Protocol):
    """What the core asks of the connection under a client."""

    def address(self) -> str:
        """The peer as CLIENT LIST shows it."""

    def local_address(self) -> str:
        """Our end as CLIENT LIST shows it."""

    def is_local(self) -> bool:
        """Whether the peer is on this machine."""

    def is_unix_socket(self) -> bool:
        """Whether it came through a Unix socket."""

    def descriptor(self) -> int:
        """The file descriptor, or -1."""

    def output_bytes(self) -> int:
        """Bytes of replies that the peer has not read yet."""

    def send_all(self, data: bytes, patience_s: int) -> None:
        """Send, and wait at most `patience_s` at a time: for a child process. Raises OSError."""

    def hold(self) -> None:
        """Send nothing more in this process: a child speaks to the peer."""


class Unconnected:
    """The transport of a client without a network: as good as on this machine, unless said otherwise."""

    def __init__(self, address: str = "127.0.0.1:0", local_address: str = "127.0.0.1:6379") -> None:
        self._address = address
        self._local_address = local_address

    def address(self) -> str:
        """As it was given."""
        return self._address

    def local_address(self) -> str:
        """As it was given."""
        return self._local_address

    def is_local(self) -> bool:
        """It is in this process, if it is anywhere."""
        return bool(self._address)

    def is_unix_socket(self) -> bool:
        """It is none."""
        return False

    def descriptor(self) -> int:
        """There is none."""
        return -1

    def output_bytes(self) -> int:
        """Nothing is ever unread."""
        return 0

    def send_all(self, data: bytes, patience_s: int) -> None:
        """Nobody gets it."""

    def hold(self) -> None:
        """Nothing is ever sent."""


class PeerError(Exception):
    """Another server cannot be reached, or says nothing for too long; the text says at what."""


class Peer(Protocol):
    """A connection to another server. Every method may raise PeerError."""

    def send(self, data: bytes) -> None:
        """Send all of `data`."""

    def line(self) -> bytes:
        """The next line that was received, without its end."""

    def close(self) -> None:
        """Hang up."""


ConnectPeer = Callable[[bytes, int, float], Peer]  # host, port, seconds of silence; may raise PeerError


def unreachable(_host: bytes, _port: int, _timeout_s: float) -> Peer:
    """A `ConnectPeer` where there is no network."""
    raise PeerError("connecting to the client")
