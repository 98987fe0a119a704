"""The commands of scripts: a table in which what these may not use refuses.

Built like those of clients (`tables`), with fewer modes: MONITOR, the slow log, a log that cannot be written,
no memory. Kept until a mode changes.
"""

from __future__ import annotations

from typing import NamedTuple

from respq.accesses import untouching
from respq.acl.permissions import Permissions
from respq.command import Argv, Client, Spec
from respq.errors import CommandError
from respq.flags import Flag
from respq.importing import importing
from respq.monitor import monitored
from respq.restrictions import Restriction, refuse_in_script
from respq.slowlog import timed, times_all
from respq.state import SUBSCRIBING, TRACKING, Handler, Rejected, Server
from respq.tables import (
    KEYSPACE,
    NOT_COUNTED,
    OOM_GATE,
    RESTRICTED_KEPT,
    WRITE_GATES,
    gated,
    note_read,
    out_of_memory,
    reads_keys,
)

# What a name leads to: handler, fewest and most words, what it was declared as, whether it writes.
ScriptEntry = tuple[Handler, int, int, Spec, bool]
ScriptTable = dict[bytes, ScriptEntry]


# Refused even while DEBUG SET-DISABLE-DENY-SCRIPTS lets scripts do all else: they change how a connection is
# served, or what scripts there are and which one runs. At some of these redis-server 8.2.3 crashes.
OF_CONNECTIONS = SUBSCRIBING | {
    *("AUTH", "HELLO", "RESET", "QUIT", "MONITOR", "MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH"),
    *("CLIENT|CACHING", "CLIENT|REPLY", "CLIENT|TRACKING", "SYNC", "PSYNC", "REPLCONF", "SHUTDOWN"),
    *("EVAL", "EVAL_RO", "EVALSHA", "EVALSHA_RO", "FCALL", "FCALL_RO", "SCRIPT|FLUSH", "SCRIPT|KILL"),
    *("FUNCTION|DELETE", "FUNCTION|FLUSH", "FUNCTION|KILL", "FUNCTION|LOAD", "FUNCTION|RESTORE"),
}


class Manner(NamedTuple):
    """What the table of a script depends on."""

    read_only: bool
    permissions: Permissions | None
    untouched: bool  # its client said CLIENT NO-TOUCH
    greedy: bool  # it has the flag allow-oom


def table_for(server: Server, manner: Manner) -> ScriptTable:
    """The commands of scripts that run in this manner, by name in both cases."""
    table: ScriptTable = {}
    restriction = None if manner.permissions is None else Restriction(manner.permissions)
    for spec in server.specs.values():
        if "|" not in spec.name:
            entry = _entry(server, spec, manner, restriction)
            table[spec.name.encode()] = table[spec.name.lower().encode()] = entry
    if len(server.script_tables) >= RESTRICTED_KEPT:
        server.script_tables.clear()
    server.script_tables[manner] = table
    return table


def unknown() -> CommandError:
    """The script names a command that does not exist."""
    return CommandError("Unknown Redis command called from script")


def execute(entry: ScriptEntry, c: Client, argv: Argv) -> bytes:
    """Execute a subcommand for a script and count it. Raises CommandError."""
    handler, fewest, most, spec, writes = entry
    if not fewest <= len(argv) <= most:
        spec.rejected_calls += 1
        raise CommandError("Wrong number of args calling Redis command from script")
    if writes:
        c.server.scripts.wrote = True
    try:
        reply = handler(c, argv)
    except Rejected:
        spec.rejected_calls += 1
        raise
    except CommandError:
        spec.calls += 1
        spec.failed_calls += 1
        raise
    spec.calls += 1
    return reply


def _entry(server: Server, spec: Spec, manner: Manner, restriction: Restriction | None) -> ScriptEntry:
    writes = Flag.WRITE in spec.flags
    if spec.subcommands:
        dispatch = _container(server, spec, manner, restriction)
        return dispatch, spec.fewest, spec.most, NOT_COUNTED, False
    if Flag.NOSCRIPT in spec.flags and (not server.scripts_may_all or spec.name in OF_CONNECTIONS):
        return _not_in_scripts, spec.fewest, spec.most, spec, False
    if manner.read_only and (writes or Flag.MAY_REPLICATE in spec.flags):
        handler: Handler = _not_in_readers
        writes = False
    else:
        handler = _wrapped(server, spec, writes)
        if manner.untouched:
            handler = untouching(spec, handler)
        if OOM_GATE in server.gates and Flag.DENYOOM in spec.flags and not manner.greedy:
            handler = _rationed(server, handler)
            writes = False
    if restriction is not None:
        handler = restriction.wrap(refuse_in_script, spec, handler)
    return handler, spec.fewest, spec.most, spec, writes


def _container(server: Server, spec: Spec, manner: Manner, restriction: Restriction | None) -> Handler:
    """The handler of a name with subcommands; without one it may be a command as well."""
    entries = {
        sub.name.partition("|")[2].lower().encode(): _entry(server, sub, manner, restriction)
        for sub in spec.subcommands.values()
    }
    alone = _wrapped(server, spec, writes=False) if spec.handler is not None else None
    if alone is not None and restriction is not None:
        alone = restriction.wrap(refuse_in_script, spec, alone)

    def dispatch(c: Client, argv: Argv) -> bytes:
        if alone is not None and len(argv) == 1:
            return alone(c, argv)
        entry = entries.get(argv[1].lower())
        if entry is None:
            raise unknown()
        return execute(entry, c, argv)

    return dispatch


def _wrapped(server: Server, spec: Spec, writes: bool) -> Handler:
    assert spec.handler is not None
    handler = spec.handler
    if not spec.quick or times_all(server):
        handler = timed(server, spec, handler, batched=False)
    if server.accounting is not None:
        handler = server.accounting.wrap(spec, handler)
    if server.config.import_mode:
        handler = importing(spec, handler)
    if TRACKING in server.eager and spec.flags & KEYSPACE:
        handler = _followed(server, spec, handler)
    if server.monitors:
        handler = monitored(spec, handler)
    for name in WRITE_GATES if writes else ():
        if name in server.gates:
            handler = gated(server.gates[name], spec, handler)
    return handler


def _rationed(server: Server, handler: Handler) -> Handler:
    """While there is no memory: only scripts that have tried to write before may go on."""

    def rationed(c: Client, argv: Argv) -> bytes:
        if not server.scripts.wrote:
            raise out_of_memory()
        return handler(c, argv)

    return rationed


def _followed(server: Server, spec: Spec, handler: Handler) -> Handler:
    """What is read and changed concerns who tracks: it is for the client that runs the script."""
    reads = reads_keys(spec)

    def followed(c: Client, argv: Argv) -> bytes:
        try:
            return handler(c, argv)
        finally:
            caller = c.caller
            if reads and caller.tracker is not None:
                note_read(caller, spec, argv, in_script=True)
            else:
                server.tracking.settle(caller, in_script=True)

    return followed


def _not_in_scripts(c: Client, argv: Argv) -> bytes:
    raise Rejected("This Redis command is not allowed from script")


def _not_in_readers(c: Client, argv: Argv) -> bytes:
    raise Rejected("Write commands are not allowed from read-only scripts.")
