"""One client that pipelines as fast as the server takes it: `python -m compat.bench.flood PORT N`.

A process of its own, so that it does not delay the client whose PING is timed. It writes whatever
the socket takes, a chunk of a thousand commands at a time, and reads replies only so that the
server can go on.
"""

from __future__ import annotations

import random
import select
import socket
import sys

from compat.bench.client import batch, payload

CHUNK = 1000


def flood(port: int, count: int) -> None:
    """Send `count` LPUSH of 64 B and wait for the last reply."""
    rng = random.Random(3)
    work = batch((b"LPUSH", b"flood", payload(rng, 64)) for _ in range(CHUNK))
    unsent, owed, rest = count // CHUNK, count // CHUNK * work.lines, memoryview(b"")
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.setblocking(False)
        while owed:
            if not rest and unsent:
                rest, unsent = memoryview(work.request), unsent - 1
            readable, writable, _ = select.select([peer], [peer] if rest else [], [])
            if readable:
                owed -= peer.recv(1 << 18).count(b"\n")
            if writable:
                rest = rest[peer.send(rest) :]


if __name__ == "__main__":
    flood(int(sys.argv[1]), int(sys.argv[2]))
