"""One client that pipelines as fast as the server takes it: `python -m compat.bench.flood PORT N [steady]`.

A steady one takes out again what it pushes, so that the data do not grow. A process of its own, so that
it does not delay the client whose PING is timed. It writes whatever the socket takes, a chunk of a
thousand commands at a time, and reads replies only so that the server can go on.
"""

from __future__ import annotations

import random
import select
import socket
import sys

from compat.bench.client import batch, payload

CHUNK = 1000


def flood(port: int, count: int, *, steady: bool) -> None:
    """Send `count` LPUSH of 64 B, every other one an RPOP if `steady`, and wait for the last reply."""
    rng = random.Random(3)
    if steady:
        pair = (b"LPUSH", b"flood", payload(rng, 64)), (b"RPOP", b"flood")
        work = batch(pair * (CHUNK // 2), CHUNK // 2 * 3)
    else:
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
    flood(int(sys.argv[1]), int(sys.argv[2]), steady=sys.argv[3:] == ["steady"])
