"""SLOWLOG: the commands that took long, as `respq.slowlog` wrote them down."""

from __future__ import annotations

from itertools import islice

from respq.command import ADMIN, LOADING, STALE, Argv, Client, command, container
from respq.commands.arguments import INT64_MAX, parse_int_between
from respq.commands.help import help_reply
from respq.errors import CommandError
from respq.protocol.resp import OK, array, bulk, bulks, integer
from respq.statistics import SlowEntry, SlowLog

PRIVILEGED = ADMIN | LOADING | STALE
DEFAULT_COUNT = 10

container("SLOWLOG", group="server", since="2.2.12", summary="Commands about the slow log")


@command("SLOWLOG|GET", arity=-2, flags=PRIVILEGED, group="server", since="2.2.12", syntax="[count]",
         tips=("request_policy:all_nodes", "nondeterministic_output"),
         complexity="O(N) for N entries returned")  # fmt: skip
def slowlog_get(c: Client, argv: Argv) -> bytes:
    """The latest slow commands: number, Unix time, microseconds, words, client address and name."""
    if len(argv) > 3:
        raise CommandError("unknown subcommand or wrong number of arguments for 'GET'. Try SLOWLOG HELP.")
    count = parse_count(argv[2]) if len(argv) == 3 else DEFAULT_COUNT
    return shown_entries(c.server.slow_log, count, with_words=c.server.config.compat_version >= (8, 10))


def parse_count(word: bytes) -> int:
    """How many entries are wanted; -1: all."""
    return parse_int_between(word, -1, INT64_MAX, "count should be greater than or equal to -1")


def shown_entries(log: SlowLog, count: int, *, with_words: bool = False) -> bytes:
    """The latest entries of a log."""
    entries = log.entries
    shown = islice(entries, len(entries) if count < 0 else count)
    return array([_entry(entry, with_words) for entry in shown])


def _entry(entry: SlowEntry, with_words: bool) -> bytes:
    """With the number of words before any were cut off, as Redis 8.10 has it, or without."""
    return array([
        integer(entry.id),
        integer(entry.unix_seconds),
        integer(entry.elapsed_us),
        bulks(entry.argv),
        bulk(entry.address.encode()),
        bulk(entry.name),
        *([integer(entry.words)] if with_words else []),
    ])  # fmt: skip


@command("SLOWLOG|LEN", arity=2, flags=PRIVILEGED, group="server", since="2.2.12",
         tips=("request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"))  # fmt: skip
def slowlog_len(c: Client, argv: Argv) -> bytes:
    """The number of entries in the slow log."""
    return integer(len(c.server.slow_log.entries))


@command("SLOWLOG|RESET", arity=2, flags=PRIVILEGED, group="server", since="2.2.12",
         tips=("request_policy:all_nodes", "response_policy:all_succeeded"),
         complexity="O(N) for N entries")  # fmt: skip
def slowlog_reset(c: Client, argv: Argv) -> bytes:
    """Empty the slow log."""
    c.server.slow_log.entries.clear()
    return OK


@command("SLOWLOG|HELP", arity=2, flags=LOADING | STALE, group="server", since="6.2.0")
def slowlog_help(c: Client, argv: Argv) -> bytes:
    """List the forms of SLOWLOG."""
    return help_reply("SLOWLOG", """
        GET [<count>]
            Show the latest <count> slow commands (default: 10; -1: all), each as
            its number, the time, the microseconds that it took, its words, and the
            client's address and name.
        LEN
            Show how many entries there are.
        RESET
            Remove them.
        """)  # fmt: skip
