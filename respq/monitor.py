"""MONITOR: one line about every command, for the clients that asked for them.

Nothing here is on any path while nobody listens: `monitored` goes around every handler when the tables
are built anew for the first listener.
"""

from __future__ import annotations

from respq.errors import CommandError
from respq.flags import Flag
from respq.protocol import Argv
from respq.redaction import redacted
from respq.state import Client, Closing, Handler, Spec
from respq.waiting import Parked
from respq.words import quoted


def monitored(spec: Spec, handler: Handler) -> Handler:
    """Show the command to the clients in MONITOR once it has been executed, or waits.

    When it is retried, it has been shown. To the client itself the line comes behind the reply.
    """
    if Flag.SKIP_MONITOR in spec.flags or Flag.ADMIN in spec.flags:
        return handler

    def shown(c: Client, argv: Argv) -> bytes:
        if c.parked is not None:
            return handler(c, argv)
        try:
            reply = handler(c, argv)
        except (CommandError, Closing, Parked):
            show_monitors(c, argv)
            raise
        line = show_monitors(c, argv, but=c)
        return reply + line if c.monitoring else reply

    return shown


def show_monitors(c: Client, argv: Argv, but: Client | None = None) -> bytes:
    """Send one line about a command to every client in MONITOR, `but` one; return the line."""
    now_us = c.server.clock.now_us
    line = b"+%d.%06d [%d %b] %b\r\n" % (
        now_us // 1_000_000,
        now_us % 1_000_000,
        c.db.index,
        (c.transport.address() or "lua").encode(),
        b" ".join([quoted(word) for word in redacted(argv)]),
    )
    for monitor in c.server.monitors:
        if monitor is not but:
            monitor.send(line)
    return line
