"""Fixtures of the tests with sockets."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.net.wire import Net


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Net]]:
    """Start servers; directives as keywords."""
    nets: list[Net] = []

    def serve(**options: object) -> Net:
        nets.append(Net(str(tmp_path), **options))  # type: ignore[arg-type]
        return nets[-1]

    yield serve
    for net in nets:
        net.close()


@pytest.fixture
def net(serve: Callable[..., Net]) -> Net:
    """A server with default settings and no log."""
    return serve()


@pytest.fixture
def handlers() -> Iterator[None]:
    """Put the signal handlers back that a loop replaces."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)
