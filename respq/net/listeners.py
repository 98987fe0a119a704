"""Listening sockets: TCP over IPv4 and IPv6, and a Unix socket."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from respq.config import Config


class ListenError(Exception):
    """An address cannot be listened on; the message names it."""


def open_listeners(config: Config) -> list[socket.socket]:
    """Bind everything that the configuration names. Raises ListenError, and then leaves nothing open."""
    listeners = open_tcp(config)
    try:
        if config.unixsocket:
            listeners.append(_bind_unix(config.unixsocket, config.unixsocketperm, config.tcp_backlog))
    except ListenError:
        close_listeners(listeners, config)
        raise
    if not listeners and config.port:
        raise ListenError(f"no address to bind to could be used for port {config.port}, and no unixsocket")
    if not listeners:
        raise ListenError("port 0 and no unixsocket: there is nothing to listen on")
    return listeners


def open_tcp(config: Config) -> list[socket.socket]:
    """Bind `port` on the addresses of `bind` that there are; none is no error. Raises ListenError."""
    listeners: list[socket.socket] = []
    try:
        for address in config.bind if config.port else ():
            _bind_tcp(listeners, address, config)
    except ListenError:
        close_listeners(listeners, config)
        raise
    return listeners


def close_listeners(listeners: list[socket.socket], config: Config) -> None:
    """Stop listening; remove the Unix socket's file."""
    for listener in listeners:
        is_unix = listener.family == socket.AF_UNIX
        listener.close()
        if is_unix:
            Path(config.unixsocket).unlink(missing_ok=True)


def _bind_tcp(listeners: list[socket.socket], address: str, config: Config) -> None:
    """Bind one address of the `bind` directive; a leading `-` lets it be missing on this machine."""
    optional = address.startswith("-")
    host = address.removeprefix("-")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    host = {"*": "0.0.0.0", "::*": "::"}.get(host, host)  # asked for
    sock: socket.socket | None = None
    try:
        if family == socket.AF_INET:
            host = socket.gethostbyname(host)
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, config.port))
        sock.listen(config.tcp_backlog)
        sock.setblocking(False)
        listeners.append(sock)
    except OSError as error:
        if sock is not None:
            sock.close()
        missing = error.errno in {
            errno.EADDRNOTAVAIL,
            errno.EAFNOSUPPORT,
            errno.ENOPROTOOPT,
            errno.EPROTONOSUPPORT,
        }
        if not (optional and missing):
            raise ListenError(
                f"cannot listen on {address.removeprefix('-')} port {config.port}: {error.strerror or error}"
            ) from error


def _bind_unix(path: str, permissions: int, backlog: int) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if stat.S_ISSOCK(_mode(path)) and not _is_alive(path):
            Path(path).unlink()  # left by a server that was killed
        sock.bind(path)
        if permissions:
            Path(path).chmod(permissions)
        sock.listen(backlog)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise ListenError(f"cannot listen on unixsocket {path}: {error.strerror or error}") from error
    return sock


def _is_alive(path: str) -> bool:
    """Whether a server listens on a Unix socket; one that has no time to accept does as well."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return True


def _mode(path: str) -> int:
    try:
        return os.stat(path).st_mode  # noqa: PTH116  # a path as the user gave it
    except FileNotFoundError:
        return 0
