"""The server as a whole: its databases, its clock, its life.

Emptying or exchanging databases tells watchers and waiters key by key, but only of keys that
somebody watches or waits for: their number is what it costs, not that of the keys.
"""

from __future__ import annotations

from collections.abc import Iterable

from respq.command import (
    ADMIN,
    FAST,
    LOADING,
    NO_ASYNC_LOADING,
    NO_MULTI,
    NOSCRIPT,
    READONLY,
    STALE,
    WRITE,
    Argv,
    Client,
    command,
)
from respq.command import ALLOW_BUSY as BUSY
from respq.commands.arguments import parse_int, parse_int_between
from respq.effects.aof import BEGINNING
from respq.errors import CommandError, syntax_error
from respq.keyspace import Database
from respq.notifications import WHOLESALE
from respq.protocol.resp import OK, bulks, integer, simple
from respq.state import Closing, Rejected, Server

EVERY_SHARD = ("request_policy:all_shards", "response_policy:all_succeeded")


# -- databases -------------------------------------------------------------------------------------


@command("DBSIZE", arity=1, flags=READONLY | FAST, group="server", since="1.0.0", acl="keyspace",
         tips=("request_policy:all_shards", "response_policy:agg_sum"))  # fmt: skip
def dbsize(c: Client, argv: Argv) -> bytes:
    """The number of keys in the selected database."""
    return integer(len(c.db))


@command("FLUSHDB", arity=-1, flags=WRITE, group="server", since="1.0.0", syntax="[ASYNC | SYNC]",
         acl="keyspace dangerous", tips=EVERY_SHARD,
         complexity="O(N) for N keys",
         argument_groups="flush-type", argument_versions={"async": "4.0.0", "sync": "6.2.0"})  # fmt: skip
def flushdb(c: Client, argv: Argv) -> bytes:
    """Delete every key of the selected database."""
    _check_flush_mode(argv)
    _empty(c, [c.db], argv)
    return OK


@command("FLUSHALL", arity=-1, flags=WRITE, group="server", since="1.0.0", syntax="[ASYNC | SYNC]",
         acl="keyspace dangerous", tips=EVERY_SHARD,
         complexity="O(N) for N keys in all databases",
         argument_groups="flush-type", argument_versions={"async": "4.0.0", "sync": "6.2.0"})  # fmt: skip
def flushall(c: Client, argv: Argv) -> bytes:
    """Delete every key of every database."""
    _check_flush_mode(argv)
    server = c.server
    _empty(c, server.databases, argv)
    if (server.config.save or server.saves.began_ms) and not server.loading:
        if not c.executing:
            server.drain()
        server.note_flushed()
    return OK


def _check_flush_mode(argv: Argv) -> None:
    if len(argv) > 2 or (len(argv) == 2 and argv[1].upper() not in (b"ASYNC", b"SYNC")):
        raise syntax_error()


def _empty(c: Client, databases: Iterable[Database], argv: Argv) -> None:
    """Clear the databases; a key that was there has changed for those who watch it."""
    databases = list(databases)
    server = c.server
    if server.tracking.trackers:
        at_once = not c.executing and argv[-1].upper() != b"ASYNC"
        server.tracking.flush(c.caller, at_once=at_once, in_script=c.runs_for is not None)
    for db, name in _observed(server, databases):
        if db.peek(name) is not None:
            c.effects.append((db, name, WHOLESALE, None))
    for db in databases:
        server.rubble.add(db.clear())
    c.effects.append((c.db, None, None, argv))


def _observed(server: Server, databases: list[Database]) -> list[tuple[Database, bytes]]:
    """The keys of these databases that somebody watches or waits for."""
    places: dict[tuple[Database, bytes], None] = dict.fromkeys(server.watchers)
    places.update(dict.fromkeys(place for place in server.waiting.queues if not isinstance(place, str)))
    return [place for place in places if place[0] in databases]


@command("SWAPDB", arity=3, flags=WRITE | FAST, group="server", since="4.0.0", syntax="index1 index2",
         acl="keyspace dangerous",
         complexity="O(N) for N keys that are watched or waited for")  # fmt: skip
def swapdb(c: Client, argv: Argv) -> bytes:
    """Exchange the contents of two databases."""
    databases = c.server.databases
    numbers = [
        parse_int_between(word, -(1 << 31), (1 << 31) - 1, f"invalid {which} DB index")
        for word, which in zip(argv[1:], ("first", "second"), strict=True)
    ]
    if not all(0 <= number < len(databases) for number in numbers):
        raise CommandError("DB index is out of range")
    one, other = databases[numbers[0]], databases[numbers[1]]
    c.effects.append((c.db, None, None, argv))  # before what looking around may find expired
    if one is not other:
        one.swap(other)
        for db, name in _observed(c.server, [one, other]):
            if one.peek(name) is not None or other.peek(name) is not None:
                c.effects.append((db, name, WHOLESALE, None))
    return OK


# -- time and state --------------------------------------------------------------------------------


@command("TIME", arity=1, flags=LOADING | STALE | FAST, group="server", since="2.6.0",
         tips=("nondeterministic_output",))  # fmt: skip
def time(c: Client, argv: Argv) -> bytes:
    """The server's time: Unix seconds, and the microseconds of the second."""
    return bulks([b"%d" % part for part in divmod(c.server.clock.now_us, 1_000_000)])


@command("LASTSAVE", arity=1, flags=LOADING | STALE | FAST, group="server", since="1.0.0",
         acl="admin dangerous", tips=("nondeterministic_output",))  # fmt: skip
def lastsave(c: Client, argv: Argv) -> bytes:
    """The Unix time of the last snapshot, or of the start."""
    return integer(c.server.saves.last_save_s)


@command("SHUTDOWN", arity=-1, flags=ADMIN | NOSCRIPT | LOADING | STALE | NO_MULTI | BUSY, group="server",
         since="1.0.0", syntax="[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
         complexity="O(N) for N bytes that the log has yet to write",
         argument_groups="save-selector",
         argument_versions={"now": "7.0.0", "force": "7.0.0", "abort": "7.0.0"})  # fmt: skip
def shutdown(c: Client, argv: Argv) -> bytes:
    """Write the log out, and a snapshot if there are save points, and end the server."""
    options = [word.upper() for word in argv[1:]]
    chosen = set(options)
    if not chosen <= {b"SAVE", b"NOSAVE", b"NOW", b"FORCE", b"ABORT"}:
        raise syntax_error()
    if chosen >= {b"SAVE", b"NOSAVE"} or (b"ABORT" in chosen and len(chosen) > 1):
        raise syntax_error()
    if b"ABORT" in chosen:
        raise CommandError("No shutdown in progress.")
    if c.server.busy is not None:
        if b"NOSAVE" not in chosen:
            raise Rejected(c.server.busy.refusal, "BUSY")
        c.server.busy.abandoned = True
    if c.server.log_is_beginning and b"FORCE" not in chosen:
        c.server.log("warning", BEGINNING)
        raise CommandError("Errors trying to SHUTDOWN. Check logs.")
    wanted = b"SAVE" in chosen or (c.server.config.save and b"NOSAVE" not in chosen)
    if wanted and not c.server.loading:  # the snapshot that is being loaded is the better one
        _save_at_end(c, b"FORCE" in chosen)
    c.server.shut_down(f"SHUTDOWN from {c.label()}")
    raise Closing


def _save_at_end(c: Client, forced: bool) -> None:
    """Write the last snapshot. Raises CommandError if that fails, unless it is `forced`."""
    c.server.cancel_save()
    try:
        c.server.save()
    except CommandError:
        if not forced:
            raise CommandError("Errors trying to SHUTDOWN. Check logs.") from None


@command("SAVE", arity=1, flags=ADMIN | NOSCRIPT | NO_ASYNC_LOADING | NO_MULTI, group="server", since="1.0.0",
         complexity="O(N) with N being the size of all data")  # fmt: skip
def save(c: Client, argv: Argv) -> bytes:
    """Write a snapshot while everybody waits."""
    c.server.save()
    return OK


@command("BGSAVE", arity=-1, flags=ADMIN | NOSCRIPT | NO_ASYNC_LOADING, group="server", since="1.0.0",
         syntax="[SCHEDULE]",
         argument_versions={"schedule": "3.2.2"})  # fmt: skip
def bgsave(c: Client, argv: Argv) -> bytes:
    """Write a snapshot while everybody is served."""
    option = argv[1].upper() if len(argv) > 1 else b""
    if len(argv) > 2 or option not in {b"", b"SCHEDULE", b"CANCEL"}:
        raise syntax_error()
    if option == b"CANCEL":  # of Valkey 8.1
        return _cancel_save(c)
    later = c.server.save_in_background(option == b"SCHEDULE", not c.executing)
    return simple(b"Background saving scheduled" if later else b"Background saving started")


def _cancel_save(c: Client) -> bytes:
    """Give up the snapshot that is being written, or that is to be."""
    if cancelled := c.server.cancel_save():
        return simple(cancelled)
    raise CommandError("Background saving is currently not in progress or scheduled")


@command("BGREWRITEAOF", arity=1, flags=ADMIN | NOSCRIPT | NO_ASYNC_LOADING, group="server", since="1.0.0")
def bgrewriteaof(c: Client, argv: Argv) -> bytes:
    """Write the append-only file anew, as short as it can be."""
    if c.server.kept_log is None and not c.server.saves.rewrites.first_waits:
        raise CommandError(
            "Can't execute an AOF background rewriting. Please check the server logs for more information."
        )
    later = c.server.rewrite_log(c.executing)
    return simple(b"Background append only file rewriting %b" % (b"scheduled" if later else b"started"))


@command("MONITOR", arity=1, flags=ADMIN | NOSCRIPT | LOADING | STALE, group="server", since="1.0.0",
         complexity="")  # fmt: skip
def monitor(c: Client, argv: Argv) -> bytes:
    """Show this connection every command that the server executes."""
    if c.executing:
        raise CommandError("MONITOR isn't allowed for DENY BLOCKING client")
    if c.monitoring:
        return b""
    c.monitoring = True
    c.server.monitors[c] = None
    c.server.retable_all()
    return OK


# -- and ---------------------------------------------------------------------------------------------

_PICTURE = """\
        ___________________________________
  -->  |  job  |  job  |  job  |  job  |  -->
        -----------------------------------
  First come, first served, and nobody is served twice.

Redis ver. %s
"""


PICTURES_WITH_SIZES = (5, 6)  # versions whose pictures take numbers; the others look at no more words


@command("LOLWUT", arity=-1, flags=READONLY | FAST, group="server", since="5.0.0",
         syntax="[VERSION version]", complexity="")  # fmt: skip
def lolwut(c: Client, argv: Argv) -> bytes:
    """Draw a picture, and name the version of Redis that is matched."""
    sized = len(argv) > 2 and argv[1].upper() == b"VERSION" and parse_int(argv[2]) in PICTURES_WITH_SIZES
    for word in argv[3:] if sized else ():
        parse_int(word)
    return c.enc.verbatim((_PICTURE % c.server.redis_version).encode())
