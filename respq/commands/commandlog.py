"""COMMANDLOG: the slow log, and those of large requests and replies, as Valkey 8.1 shows them."""

from __future__ import annotations

from respq.command import ADMIN, LOADING, STALE, Argv, Client, command, container
from respq.commands.help import help_reply
from respq.commands.slowlog import parse_count, shown_entries
from respq.errors import CommandError
from respq.protocol.resp import OK, integer
from respq.statistics import SlowLog

PRIVILEGED = ADMIN | LOADING | STALE

container("COMMANDLOG", group="server", since="8.1.0", summary="Commands about slow and large commands")


def _log(c: Client, word: bytes) -> SlowLog:
    """The log of a type."""
    server = c.server
    logs: dict[bytes, SlowLog] = {
        b"slow": server.slow_log,
        b"large-request": server.large_requests,
        b"large-reply": server.large_replies,
    }
    log = logs.get(word.lower())
    if log is None:
        raise CommandError(f"type should be one of the following: {', '.join(map(bytes.decode, logs))}")
    return log


@command("COMMANDLOG|GET", arity=4, flags=PRIVILEGED, group="server", since="8.1.0", syntax="count type",
         tips=("request_policy:all_nodes", "nondeterministic_output"),
         complexity="O(N) for N entries returned")  # fmt: skip
def commandlog_get(c: Client, argv: Argv) -> bytes:
    """The latest commands that were slow or large: as SLOWLOG GET, with bytes in place of microseconds."""
    log = _log(c, argv[3])
    return shown_entries(log, parse_count(argv[2]))


@command("COMMANDLOG|LEN", arity=3, flags=PRIVILEGED, group="server", since="8.1.0", syntax="type",
         tips=("request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"))  # fmt: skip
def commandlog_len(c: Client, argv: Argv) -> bytes:
    """The number of entries in one of the logs: slow, large-request, large-reply."""
    return integer(len(_log(c, argv[2]).entries))


@command("COMMANDLOG|RESET", arity=3, flags=PRIVILEGED, group="server", since="8.1.0", syntax="type",
         tips=("request_policy:all_nodes", "response_policy:all_succeeded"),
         complexity="O(N) for N entries")  # fmt: skip
def commandlog_reset(c: Client, argv: Argv) -> bytes:
    """Empty one of the logs."""
    _log(c, argv[2]).entries.clear()
    return OK


@command("COMMANDLOG|HELP", arity=2, flags=LOADING | STALE, group="server", since="8.1.0")
def commandlog_help(c: Client, argv: Argv) -> bytes:
    """List the forms of COMMANDLOG."""
    return help_reply("COMMANDLOG", """
        GET <count> <type>
            Show the latest <count> entries (-1: all) of a type: slow, large-request or
            large-reply. Each is its number, the time, the microseconds or bytes that it
            took, its words, and the client's address and name.
        LEN <type>
            Show how many entries there are.
        RESET <type>
            Remove them.
        """)  # fmt: skip
