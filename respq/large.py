"""Which commands are sent or answered in many bytes: what COMMANDLOG (Valkey 8.1) shows beside the slow log.

Valkey measures every command, from a megabyte on. Here that is off until one of the two thresholds is set,
for it costs a microsecond a command: then a wrapper stands around every handler. Bytes are those of the
request as it would be sent in RESP, and of the reply. Commands of scripts are not entered; their script is.
"""

from __future__ import annotations

from respq.errors import CommandError
from respq.flags import Flag
from respq.protocol import Argv
from respq.protocol.resp import request_bytes
from respq.slowlog import enter
from respq.state import Client, Handler, Server, Spec


class LargeCommands:
    """Fills the logs of large requests and of large replies."""

    def __init__(self, server: Server) -> None:
        self._config = server.config
        self._requests, self._replies = server.large_requests, server.large_replies

    @property
    def on(self) -> bool:
        """Whether anything is measured."""
        config = self._config
        return config.commandlog_request_larger_than >= 0 or config.commandlog_reply_larger_than >= 0

    def measured(self, spec: Spec, handler: Handler) -> Handler:
        """The handler of a command, with a look at its size."""
        if Flag.SKIP_SLOWLOG in spec.flags:
            return handler

        def measured(c: Client, argv: Argv) -> bytes:
            try:
                reply = handler(c, argv)
            except CommandError as error:
                self._note(c, argv, len(error.reply))
                raise
            self._note(c, argv, len(reply))
            return reply

        return measured

    def _note(self, c: Client, argv: Argv, reply_bytes: int) -> None:
        config = self._config
        if 0 <= config.commandlog_request_larger_than <= (size := request_bytes(argv)):
            enter(c, self._requests, argv, size, config.commandlog_large_request_max_len)
        if 0 <= config.commandlog_reply_larger_than <= reply_bytes:
            enter(c, self._replies, argv, reply_bytes, config.commandlog_large_reply_max_len)
