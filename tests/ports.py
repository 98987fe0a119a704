"""Ports for servers that tests start.

Until a server is there, which takes a while on a busy machine, a port that the kernel has chosen is still
anybody's: another process that runs tests may be given it as well, or a connection. So ports are taken from
below those that the kernel gives to connections, and each process that runs tests has a block of them for
itself: as long as it lives it holds the UDP port of the same number as the block's first.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import socket
from collections.abc import Iterator

FIRST, LAST, BLOCK = 10_240, 32_768, 256


def free_port() -> int:
    """A port of the loopback interface on which nobody listens."""
    return next(port for port in _block() if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@functools.cache
def _block() -> Iterator[int]:
    """The ports of a block that no other process has, one after the other and from the beginning again."""
    starts = range(FIRST, LAST, BLOCK)
    for number in range(len(starts)):
        start = starts[(os.getpid() + number) % len(starts)]
        claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            claim.bind(("127.0.0.1", start))
        except OSError:
            claim.close()
            continue
        atexit.register(claim.close)
        return itertools.cycle(range(start, start + BLOCK))
    raise RuntimeError(f"all ports from {FIRST} to {LAST} are somebody's")
