"""Command tables: which handler a name leads to, in each mode a client can be in.

The path of a command asks no question about modes. A mode is a table: every entry of the plain one,
wrapped. Wrappers are laid around a handler in the reverse of Redis's order of checks, so that the
outermost refuses first: authentication, then permissions (`restrictions`; every set of these has its own
tables), then RESP2's subscriptions, then gates (loading, a log that cannot be written, a pause), then MULTI's
queue, then MONITOR (`monitor`) and the stopwatch (`slowlog`).
The usual tables without gates are built at the start, all others when they are first needed
(1 ms for 500 commands); clients hold the table itself.

Cost: none in the plain table. A command that is not FAST carries the stopwatch there (0.25 µs).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from respq.accesses import Frequencies, untouching
from respq.acl.permissions import Permissions
from respq.describe import named_keys, unbalanced
from respq.errors import CommandError, shown
from respq.flags import Docs, Flag
from respq.importing import importing
from respq.large import LargeCommands
from respq.monitor import monitored
from respq.protocol import Argv
from respq.protocol.resp import QUEUED, bulks
from respq.restrictions import Restriction, refuse
from respq.slowlog import MANY_WORDS, timed, timed_run, times_all
from respq.state import (
    ANY_WORDS,
    RUN_AT_ONCE,
    SUBSCRIBING,
    Client,
    Closing,
    Entry,
    Gate,
    Handler,
    Rejected,
    Server,
    Spec,
    Table,
)

RESTRICTED_KEPT = 64  # tables of restricted users, of which there may be many; one has about 200 KB
WRITE_GATES = ("noreplicas", "unsaved", "misconf")  # that scripts meet as well, at each command that writes
USUAL_WORDS = 16  # in a command; what has more is looked up the long way

Wrapper = Callable[[Spec, Handler], Handler]

KEYSPACE = Flag.WRITE | Flag.READONLY | Flag.MAY_REPLICATE
OOM_GATE = "oom"  # stands while there is no memory


class Mode(NamedTuple):
    """What a client's table depends on."""

    authenticated: bool = True
    queueing: bool = False  # in MULTI
    muted: bool = False  # CLIENT REPLY
    monitoring: bool = False
    listening: bool = False  # subscribed, in RESP2
    permissions: Permissions | None = None  # of a user who may not do everything
    tracking: bool = False  # what it reads is remembered
    choosing: bool = False  # if CLIENT CACHING says so
    untouching: bool = False  # CLIENT NO-TOUCH


class Tables:
    """Builds and keeps one table per mode. `gates` are the modes of the whole server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.gates = server.gates
        self._open: dict[Mode, Table] = {}  # those without gates, kept while there are some
        self._built = self._open  # those for the present gates
        for spec in server.specs.values():
            if spec.bulk is not None and not spec.quick and spec.group != "scripting":  # these time their own
                spec.bulk = timed_run(server, spec, spec.bulk)
        self._bulk = {spec: spec.bulk for spec in server.specs.values()}  # as declared
        self._large = LargeCommands(server)
        self.frequencies = server.frequencies = Frequencies(server)

    def of(self, client: Client) -> Table:
        """The table for the client's present mode."""
        known = self.server.knows(client)
        tracker = client.tracker
        return self._table(
            Mode(
                authenticated=known,
                queueing=client.queued is not None,
                muted=client.muted,
                monitoring=client.monitoring,
                listening=client.subscribed and client.enc.version == 2,
                permissions=client.user.permissions if known else None,
                tracking=tracker is not None and not tracker.broadcast,
                choosing=tracker is not None and tracker.selective,
                untouching=client.no_touch,
            )
        )

    def unguarded(self) -> Table:
        """Every command without any mode, for whoever executes the log."""
        return self._build([], queueing=False)

    def set_gate(self, name: str, gate: Gate | None) -> None:
        """Put up a gate before every command, or take it away; without the last one nothing is built anew."""
        if gate is not None:
            self.gates[name] = gate
        elif self.gates.pop(name, None) is None:
            return
        self._switch()

    def rebuild(self) -> None:
        """Something else that tables depend on changed: MONITOR, HOTKEYS, what is slow, what is an access."""
        self._open.clear()
        for spec, bulk in self._bulk.items():
            spec.bare = None
            spec.bulk = bulk
            if bulk is not None and self.server.accounting is not None:
                spec.bulk = self.server.accounting.wrap_bulk(spec, bulk)
        self._switch()

    def _switch(self) -> None:
        """Give every client the table for the gates that there are."""
        self._built = {} if self.gates else self._open
        self.server.script_tables.clear()
        if not self.gates:
            for queueing in (False, True):  # now, so that no MULTI has to wait for it
                self._table(Mode(queueing=queueing))
        for client in self.server.clients.values():
            client.table = self.of(client)

    def _table(self, mode: Mode) -> Table:
        table = self._built.get(mode)
        if table is None:
            if mode.permissions is not None:
                self._forget_restricted()
            table = self._built[mode] = self._build(self._wrappers(mode), mode.queueing)
        return table

    def _forget_restricted(self) -> None:
        """Drop the tables of restricted users if there are many; who has one keeps it. O(tables)."""
        restricted = [mode for mode in self._built if mode.permissions is not None]
        if len(restricted) >= RESTRICTED_KEPT:
            for mode in restricted:
                del self._built[mode]

    def _wrappers(self, mode: Mode) -> list[Wrapper]:
        """Innermost first."""
        wrappers = self._observers(mode)
        if mode.queueing:
            wrappers.append(_queueing)
        wrappers += [partial(gated, gate) for gate in self.gates.values()]
        if mode.monitoring:
            wrappers.append(_spectating)
        if mode.listening:
            wrappers.append(_listening)
        if mode.permissions is not None:
            wrappers.append(partial(Restriction(mode.permissions).wrap, refuse))
        if self.server.config.enable_debug_command != "yes":
            wrappers.append(_debug_refused)
        if not mode.authenticated:
            wrappers.append(_locked)
        if mode.choosing:
            wrappers.append(_choosing)
        if mode.muted:
            wrappers.append(_muted)
        return wrappers

    def _observers(self, mode: Mode) -> list[Wrapper]:
        """Those of what is executed, and not refused or queued."""
        wrappers: list[Wrapper] = []
        if times_all(self.server):
            wrappers.append(self._timed_if_quick)
        if self.server.config.import_mode:
            wrappers.append(importing)
        if mode.tracking:
            wrappers.append(remembering)
        if mode.untouching:
            wrappers.append(untouching)
        if self.server.hotkeys is not None and not self.server.hotkeys.ended_ms:
            wrappers.append(self.server.hotkeys.measured)
        if self._large.on:
            wrappers.append(self._large.measured)
        if self.server.monitors:
            wrappers.append(monitored)
        return wrappers

    def _build(self, wrappers: list[Wrapper], queueing: bool) -> Table:
        table: Table = {}
        for spec in self.server.specs.values():
            if "|" not in spec.name:
                words = (ANY_WORDS, *range(spec.fewest, min(spec.most, USUAL_WORDS) + 1))
                entries = dict.fromkeys(words, self._entry(spec, wrappers, queueing))
                table[spec.name.encode()] = table[spec.name.lower().encode()] = entries
        return table

    def _entry(self, spec: Spec, wrappers: list[Wrapper], queueing: bool) -> Entry:
        if spec.subcommands:
            subentries = {
                sub.name.partition("|")[2].lower().encode(): (sub, *self._entry(sub, wrappers, queueing))
                for sub in spec.subcommands.values()
            }
            alone = self._wrapped(spec, wrappers) if spec.handler is not None else None
            return _dispatcher(spec, subentries, alone), NOT_COUNTED
        counted = NOT_COUNTED if queueing and spec.name not in RUN_AT_ONCE else spec
        return self._wrapped(spec, wrappers), counted

    def _timed_if_quick(self, spec: Spec, handler: Handler) -> Handler:
        """With a stopwatch; the others have one already."""
        return timed(self.server, spec, handler) if spec.quick else handler

    def _wrapped(self, spec: Spec, wrappers: list[Wrapper]) -> Handler:
        assert spec.handler is not None
        if spec.bare is None:
            spec.bare = spec.handler if spec.quick else timed(self.server, spec, spec.handler)
            if self.server.accounting is not None:
                spec.bare = self.server.accounting.wrap(spec, spec.bare)
        handler = spec.bare
        for wrap in wrappers:
            handler = wrap(spec, handler)
        return handler

    def of_many_words(self, spec: Spec, entry: Entry, words: int) -> Entry:
        """The entry for a number of words that is not in the table: it refuses if that is none for `spec`.

        A FAST command with very many words takes its time: the same handler with a stopwatch.
        """
        handler, counted = entry
        if not spec.fewest <= words <= spec.most:
            return partial(_refuse_arity, spec), counted
        if words > MANY_WORDS and spec.quick and not times_all(self.server):
            handler = timed(self.server, spec, handler)
        return handler, counted


def _refuse_arity(spec: Spec, c: Client, argv: Argv) -> bytes:
    raise wrong_arity(spec)


def _refuse_to_run(client: Client, argv: Argv) -> bytes:
    raise AssertionError("never called")


# Stands in entries whose execution is counted elsewhere or not at all.
NOT_COUNTED = Spec("", _refuse_to_run, 1, Flag(0), (), "", "", "", (), Docs(""))


def wrong_arity(spec: Spec) -> Rejected:
    """The command has too few or too many words."""
    error = Rejected(f"wrong number of arguments for '{spec.fullname}' command")
    error.spec = spec
    return error


def unknown_subcommand(spec: Spec, word: bytes) -> Rejected:
    """The container has no such subcommand; like an unknown command that counts for none."""
    error = Rejected(b"unknown subcommand '%b'. Try %b HELP." % (shown(word[:128]), spec.name.encode()))
    error.spec = NOT_COUNTED
    return error


def _dispatcher(
    spec: Spec, entries: dict[bytes, tuple[Spec, Handler, Spec]], alone: Handler | None
) -> Handler:
    """The handler of a container: looks up the subcommand and counts its calls.

    `alone` answers to the name without a subcommand, where that is a command.
    """

    def dispatch(c: Client, argv: Argv) -> bytes:
        if alone is not None and len(argv) == 1:
            return alone(c, argv)
        entry = entries.get(argv[1]) or entries.get(argv[1].lower())
        if entry is None:
            raise unknown_subcommand(spec, argv[1])
        subcommand, handler, counted = entry
        if not subcommand.fewest <= len(argv) <= subcommand.most:
            raise wrong_arity(subcommand)
        if counted is not NOT_COUNTED:
            c.last_spec = counted
        try:
            reply = handler(c, argv)
        except Rejected:
            counted.rejected_calls += 1
            raise
        except CommandError:
            counted.calls += 1
            counted.failed_calls += 1
            raise
        counted.calls += 1
        return reply

    return dispatch


def _queueing(spec: Spec, handler: Handler) -> Handler:
    """Inside MULTI: keep the command for EXEC."""
    if spec.name in RUN_AT_ONCE:
        return handler
    if Flag.NO_MULTI in spec.flags:
        return _not_in_multi

    def enqueue(c: Client, argv: Argv) -> bytes:
        assert c.queued is not None
        c.queued.append(argv)
        return QUEUED

    return enqueue


def _not_in_multi(c: Client, argv: Argv) -> bytes:
    raise Rejected("Command not allowed inside a transaction")


def flags_of(c: Client, spec: Spec, argv: Argv) -> Flag:
    """The flags that decide whether a gate is open: for EXEC also those of all that is queued."""
    flags = spec.flags if spec.group != "scripting" else c.server.flags_of_script(c.server, spec, argv)
    if spec.name == "EXEC":
        for queued in c.queued or ():
            queued_spec = c.server.find_spec(queued)
            if queued_spec is not None:
                flags |= flags_of(c, queued_spec, queued)
    return flags


def out_of_memory() -> Rejected:
    """What is refused while more memory is in use than allowed."""
    return Rejected("command not allowed when used memory > 'maxmemory'.", "OOM")


def gated(gate: Gate, spec: Spec, handler: Handler) -> Handler:
    """The handler of a command behind a gate."""

    def behind_gate(c: Client, argv: Argv) -> bytes:
        gate(c, argv, spec)
        return handler(c, argv)

    return behind_gate


def _locked(spec: Spec, handler: Handler) -> Handler:
    """Before AUTH."""
    if Flag.NO_AUTH in spec.flags:
        return handler

    def locked(c: Client, argv: Argv) -> bytes:
        raise Rejected("Authentication required.", "NOAUTH")

    return locked


def _spectating(spec: Spec, handler: Handler) -> Handler:
    """A client in MONITOR may not look at keys itself."""
    if not spec.flags & KEYSPACE:
        return handler

    def refuse(c: Client, argv: Argv) -> bytes:
        raise Rejected("Replica can't interact with the keyspace")

    return refuse


WHILE_LISTENING = SUBSCRIBING | {"PING", "QUIT", "RESET"}


def _listening(spec: Spec, handler: Handler) -> Handler:
    """Subscribed, in RESP2: a reply could be taken for a message, so there are few, and PING's is like one.

    What a transaction that subscribes does behind that is executed.
    """
    if spec.name == "PING":
        return lambda c, argv: handler(c, argv) and bulks([b"pong", argv[1] if len(argv) > 1 else b""])
    if spec.name in WHILE_LISTENING:
        return handler

    def listening(c: Client, argv: Argv) -> bytes:
        if c.executing:
            return handler(c, argv)
        raise Rejected(
            f"Can't execute '{spec.fullname}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET "
            "are allowed in this context"
        )

    return listening


def reads_keys(spec: Spec) -> bool:
    """Whether a client that tracks has read the keys in a call of the command."""
    return Flag.READONLY in spec.flags and bool(spec.keys) and spec.group != "scripting"


def remembering(spec: Spec, handler: Handler) -> Handler:
    """What is read is remembered, for CLIENT TRACKING, even if that failed."""
    if not reads_keys(spec):
        return handler

    def remember(c: Client, argv: Argv) -> bytes:
        try:
            return handler(c, argv)
        finally:
            note_read(c, spec, argv)

    return remember


def note_read(c: Client, spec: Spec, argv: Argv, *, in_script: bool = False) -> None:
    """The command has been executed for a client that tracks, itself or in a script. O(keys)."""
    tracking, tracker = c.server.tracking, c.tracker
    tracking.settle(c, in_script=in_script)
    if tracker is None or not tracker.remembers or unbalanced(spec, argv):
        return
    tracking.remember(c, named_keys(spec, argv))
    if tracking.overfull:
        c.effects.append((c.db, None, None, None))  # so that there is something to be drained


def _choosing(spec: Spec, handler: Handler) -> Handler:
    """CLIENT CACHING is for one command, or transaction."""
    if spec.name.startswith("CLIENT|"):
        return handler

    def choosing(c: Client, argv: Argv) -> bytes:
        try:
            return handler(c, argv)
        finally:
            if c.queued is None and not c.executing and c.tracker is not None:
                c.tracker.chosen = False

    return choosing


def _debug_refused(spec: Spec, handler: Handler) -> Handler:
    """DEBUG is not for everybody."""
    if spec.name != "DEBUG":
        return handler

    def refuse(c: Client, argv: Argv) -> bytes:
        if c.server.config.enable_debug_command == "local" and c.transport.is_local():
            return handler(c, argv)
        raise Rejected(
            'DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it '
            "from a local connection, otherwise you need to set this option in the configuration file, and "
            "then restart the server."
        )

    return refuse


def _muted(spec: Spec, handler: Handler) -> Handler:
    """After CLIENT REPLY OFF, or for the one command behind SKIP. Errors are dropped by the engine."""
    if spec.name == "CLIENT|REPLY":
        return lambda c, argv: _if_heard(c, handler(c, argv))

    def muted(c: Client, argv: Argv) -> bytes:
        try:
            handler(c, argv)
        except Closing:
            raise Closing from None
        c.end_skip()
        return b""

    return muted


def _if_heard(c: Client, reply: bytes) -> bytes:
    """The reply to CLIENT REPLY itself, which may just have ended the silence."""
    return b"" if c.muted else reply
