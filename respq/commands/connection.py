"""Connections: who is there, what protocol they speak, whether they live."""

from __future__ import annotations

from respq.command import FAST, Argv, Client, command
from respq.protocol.resp import PONG, bulk
from respq.tables import wrong_arity


@command(
    "PING",
    arity=-1,
    flags=FAST,
    group="connection",
    since="1.0.0",
    syntax="[message]",
    tips=("request_policy:all_shards", "response_policy:all_succeeded"),
)
def ping(c: Client, argv: Argv) -> bytes:
    """Answer PONG, or the message if one is given."""
    if len(argv) > 2:
        raise wrong_arity(c.server.specs["PING"])
    return PONG if len(argv) == 1 else bulk(argv[1])
