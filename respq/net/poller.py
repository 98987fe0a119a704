"""Readiness of file descriptors: `select.epoll` where there is one, `selectors` elsewhere."""

from __future__ import annotations

import select
import selectors
from typing import Protocol

READ = 1  # EPOLLIN
WRITE = 4  # EPOLLOUT


class Poller(Protocol):
    """The part of `select.epoll` that is used. Masks are READ and WRITE, or anything else for trouble."""

    def poll(self, timeout: float, /) -> list[tuple[int, int]]:
        """Wait up to `timeout` seconds; return pairs of descriptor and mask."""

    def register(self, fd: int, mask: int, /) -> None:
        """Watch a descriptor."""

    def modify(self, fd: int, mask: int, /) -> None:
        """Watch it for something else."""

    def unregister(self, fd: int, /) -> None:
        """Watch it no more."""

    def close(self) -> None:
        """Give the kernel's object back."""


class SelectorPoller:
    """The same over `selectors`, for kqueue and the rest."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def poll(self, timeout: float, /) -> list[tuple[int, int]]:
        """Wait up to `timeout` seconds; return pairs of descriptor and mask."""
        return [(key.fd, _to_mask(events)) for key, events in self._selector.select(timeout)]

    def register(self, fd: int, mask: int, /) -> None:
        """Watch a descriptor."""
        self._selector.register(fd, _to_events(mask))

    def modify(self, fd: int, mask: int, /) -> None:
        """Watch it for something else."""
        self._selector.modify(fd, _to_events(mask))

    def unregister(self, fd: int, /) -> None:
        """Watch it no more."""
        self._selector.unregister(fd)

    def close(self) -> None:
        """Give the kernel's object back."""
        self._selector.close()


def new_poller() -> Poller:
    """The best that this system has."""
    return select.epoll() if hasattr(select, "epoll") else SelectorPoller()


def _to_mask(events: int) -> int:
    return (events & selectors.EVENT_READ and READ) | (events & selectors.EVENT_WRITE and WRITE)


def _to_events(mask: int) -> int:
    return (mask & READ and selectors.EVENT_READ) | (mask & WRITE and selectors.EVENT_WRITE)
