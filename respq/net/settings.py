"""What CONFIG SET changes about sockets, and how many of them the operating system allows.

A port is opened before the old one is given up. Other addresses may overlap with the old ones, which would
be in use then, so these are closed first and opened again if the new ones cannot be had. Error texts are
those of redis-server 8.2.3.
"""

from __future__ import annotations

import resource
import socket
from functools import partial
from typing import TYPE_CHECKING, Protocol

from respq.config import ConfigError
from respq.net.listeners import ListenError, open_tcp

if TYPE_CHECKING:
    from respq.config import Config
    from respq.log import Log
    from respq.state import Server

RESERVED_DESCRIPTORS = 32


class Loop(Protocol):
    """What is asked of the event loop."""

    config: Config
    log: Log
    server: Server
    listeners: list[socket.socket]

    def add_listeners(self, listeners: list[socket.socket]) -> None:
        """Accept on more sockets."""

    def remove_listeners(self, listeners: list[socket.socket]) -> None:
        """Close sockets."""

    def addresses(self) -> str:
        """Where it listens, for people."""


def apply_changes(loop: Loop) -> None:
    """Have `loop` follow CONFIG SET. `tcp-keepalive` needs nothing: new clients get it."""
    addresses = Addresses(loop)
    config = loop.config
    config.on_change("port", partial(addresses.move, "Unable to listen on this port. Check server logs."))
    config.on_change("bind", partial(addresses.move, "Failed to bind to specified addresses."))
    config.on_change("maxclients", partial(_check_maxclients, config))
    config.on_change("proto-max-bulk-len", partial(_limit_arguments, loop))


class Addresses:
    """Where the loop listens over TCP."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.config = loop.config
        self.port, self.bind = self.config.port, self.config.bind

    def move(self, refusal: str) -> None:
        """Listen where the configuration says now, or raise ConfigError and stay."""
        config = self.config
        if (config.port, config.bind) == (self.port, self.bind):
            return  # the hook of the other directive was here
        try:
            self._reopen(overlapping=config.port == self.port)
        except ListenError as error:
            self.loop.log.warning(str(error))
            raise ConfigError(refusal) from error
        self.port, self.bind = config.port, config.bind
        self.loop.log.notice(f"Now listening on {self.loop.addresses() or 'no address'}")

    def _reopen(self, *, overlapping: bool) -> None:
        loop = self.loop
        old = [listener for listener in loop.listeners if listener.family != socket.AF_UNIX]
        if not overlapping:
            loop.add_listeners(open_tcp(self.config))
            loop.remove_listeners(old)
            return
        loop.remove_listeners(old)
        try:
            loop.add_listeners(open_tcp(self.config))
        except ListenError:
            loop.add_listeners(self._open_former())
            raise

    def _open_former(self) -> list[socket.socket]:
        """The listeners of before; none if somebody has taken the port in that instant."""
        config, wanted = self.config, self.config.bind
        config.bind = self.bind
        try:
            return open_tcp(config)
        except ListenError as error:
            self.loop.log.warning(str(error))
            return []
        finally:
            config.bind = wanted


def _limit_arguments(loop: Loop) -> None:
    for client in loop.server.clients.values():
        client.reader.max_bulk_bytes = loop.config.proto_max_bulk_len


def _check_maxclients(config: Config) -> None:
    possible = clients_possible(config.maxclients)
    if possible < config.maxclients:
        raise ConfigError(
            f"The operating system is not able to handle the specified number of clients, try with {possible}"
        )


def clients_possible(wanted: int) -> int:
    """Raise the limit of open files for so many clients; return how many it allows, `wanted` at most."""
    needed = wanted + RESERVED_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, raised), hard))
    except (OSError, ValueError):
        raised = soft
    return max(0, min(wanted, max(soft, raised) - RESERVED_DESCRIPTORS))
