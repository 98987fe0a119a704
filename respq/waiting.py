"""The end of a wait that nobody served: a time limit, or CLIENT UNBLOCK."""

from __future__ import annotations

from respq.slowlog import note_slow
from respq.state import Client


def give_up(c: Client, reply: bytes, *, failed: bool = False) -> None:
    """End the wait of a client that nobody served: that, too, was a call. O(keys)."""
    parking, server = c.parked, c.server
    assert parking is not None
    spec = server.find_spec(parking.argv)
    if spec is not None:
        c.last_spec = spec
        c.commands_done += 1
        spec.calls += 1
        spec.failed_calls += failed
        note_slow(c, parking.argv, spec, parking.spent_ns // 1000)
    server.resume(c, reply)
