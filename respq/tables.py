"""Command tables: which handler a name leads to, in each mode a client can be in.

The path of a command asks no question about modes. A mode is a table: every entry of the plain one,
wrapped. Wrappers are laid around a handler in the reverse of Redis's order of checks, so that the
outermost refuses first: authentication, then gates (loading, a log that cannot be written, a
pause), then MULTI's queue, then MONITOR and the stopwatch. The usual tables are built at the start and
when the gates change, the others when they are first needed (1 ms for 500 commands); clients hold the
table itself.

Cost: none in the plain table. A command that is not FAST carries the stopwatch there (0.25 µs).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import itemgetter

from respq.clock import stopwatch_ns
from respq.errors import CommandError, shown
from respq.protocol import Argv
from respq.protocol.resp import QUEUED
from respq.protocol.runs import Run
from respq.state import (
    RUN_AT_ONCE,
    AheadHandler,
    Client,
    Closing,
    Entry,
    Flag,
    Gate,
    Handler,
    Parked,
    Rejected,
    Server,
    SlowEntry,
    Spec,
    Table,
)

Wrapper = Callable[[Spec, Handler], Handler]

SINGLY_BELOW_US = 5000  # a slow log that wants shorter ones has every command timed by itself
MANY_WORDS = 64  # a FAST command with more is timed like one that is not
QUICK = {"SET", "SETEX", "PSETEX", "GETSET", "LMOVE", "RPOPLPUSH"}  # O(1), though not FAST to Redis
KEYSPACE = Flag.WRITE | Flag.READONLY | Flag.MAY_REPLICATE
LOCAL = ("127.", "[::1]", "::1", "/")  # how the address of a client on this machine begins
REDACTED = b"(redacted)"
SLOW_LOG_WORDS = 32  # words of a command that the slow log keeps
SLOW_LOG_BYTES = 128  # bytes of a word


class Tables:
    """Builds and keeps one table per mode. `gates` are the modes of the whole server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.gates: dict[str, Gate] = {}
        self._built: dict[tuple[bool, bool, bool, bool], Table] = {}

    def of(self, client: Client) -> Table:
        """The table for the client's present mode."""
        return self._table(client.authenticated, client.queued is not None, client.muted, client.monitoring)

    def unguarded(self) -> Table:
        """Every command without any mode, for whoever executes the log."""
        return self._build([], queueing=False)

    def set_gate(self, name: str, gate: Gate | None) -> None:
        """Put up a gate before every command, or take it away."""
        if gate is None:
            self.gates.pop(name, None)
        else:
            self.gates[name] = gate
        self.rebuild()

    def rebuild(self) -> None:
        """Something that tables depend on changed: MONITOR, the slow log's threshold, a gate."""
        self._built.clear()
        for queueing in (False, True):  # now, so that no MULTI has to wait for it
            self._table(authenticated=True, queueing=queueing, muted=False, monitoring=False)
        for client in self.server.clients.values():
            client.table = self.of(client)

    def _table(self, authenticated: bool, queueing: bool, muted: bool, monitoring: bool) -> Table:
        key = (authenticated, queueing, muted, monitoring)
        table = self._built.get(key)
        if table is None:
            wrappers = self._wrappers(authenticated, queueing, muted, monitoring)
            table = self._built[key] = self._build(wrappers, queueing)
        return table

    def _wrappers(self, authenticated: bool, queueing: bool, muted: bool, monitoring: bool) -> list[Wrapper]:
        """Innermost first."""
        wrappers: list[Wrapper] = []
        config = self.server.config
        if self._all_timed():
            wrappers.append(self._timed_if_quick)
        if self.server.monitors:
            wrappers.append(_monitored)
        if queueing:
            wrappers.append(_queueing)
        wrappers += [partial(_gated, gate) for gate in self.gates.values()]
        if monitoring:
            wrappers.append(_spectating)
        if config.enable_debug_command != "yes":
            wrappers.append(_debug_refused)
        if not authenticated:
            wrappers.append(_locked)
        if muted:
            wrappers.append(_muted)
        return wrappers

    def _build(self, wrappers: list[Wrapper], queueing: bool) -> Table:
        table: Table = {}
        for spec in self.server.specs.values():
            if "|" not in spec.name:
                entry = self._entry(spec, wrappers, queueing)
                table[spec.name.encode()] = table[spec.name.lower().encode()] = entry
        return table

    def _entry(self, spec: Spec, wrappers: list[Wrapper], queueing: bool) -> Entry:
        if spec.subcommands:
            subentries = {
                sub.name.partition("|")[2].lower().encode(): self._entry(sub, wrappers, queueing)
                for sub in spec.subcommands.values()
            }
            alone = self._wrapped(spec, wrappers) if spec.handler is not None else None
            return _dispatcher(spec, subentries, alone), spec.fewest, spec.most, NOT_COUNTED, None
        handler = self._wrapped(spec, wrappers)
        untimed = _is_quick(spec) and not self._all_timed()
        most = min(spec.most, MANY_WORDS) if untimed else spec.most
        counted = NOT_COUNTED if queueing and spec.name not in RUN_AT_ONCE else spec
        return handler, spec.fewest, most, counted, _ahead(spec) if handler is spec.handler else None

    def _all_timed(self) -> bool:
        """Whether the slow log wants commands that are quicker than a batch of them usually is."""
        return 0 <= self.server.config.slowlog_log_slower_than < SINGLY_BELOW_US

    def _timed_if_quick(self, spec: Spec, handler: Handler) -> Handler:
        """With a stopwatch; the others have one already."""
        return _timed(self.server, spec, handler) if _is_quick(spec) else handler

    def _wrapped(self, spec: Spec, wrappers: list[Wrapper]) -> Handler:
        assert spec.handler is not None
        handler = spec.handler if _is_quick(spec) else _timed(self.server, spec, spec.handler)
        for wrap in wrappers:
            handler = wrap(spec, handler)
        return handler

    def many_words(self, spec: Spec, handler: Handler) -> Handler:
        """A FAST command with very many words takes its time: the same handler with a stopwatch."""
        return _timed(self.server, spec, handler)


def _is_quick(spec: Spec) -> bool:
    """Whether the share of a batch's time tells enough of this command."""
    return Flag.FAST in spec.flags or spec.name in QUICK


def _ahead(spec: Spec) -> AheadHandler | None:
    """How a batch is looked at as a whole from this command on: its own way, or as a run of it."""
    if spec.bulk is None:
        return spec.ahead
    bulk = spec.bulk

    def run_ahead(c: Client, commands: list[Argv], at: int) -> tuple[int, list[Spec]] | None:
        run = Run.at(commands, at)
        if run is None or (replies := bulk(c, run)) is None:
            return None
        c.out.append(replies)
        return run.count, [spec] * run.count

    return run_ahead


def _refuse_to_run(client: Client, argv: Argv) -> bytes:
    raise AssertionError("never called")


# Stands in entries whose execution is counted elsewhere or not at all.
NOT_COUNTED = Spec(
    "", _refuse_to_run, 1, Flag(0), (), "", "", "", "", (), "", "", None
)  # fmt: skip


def wrong_arity(spec: Spec) -> Rejected:
    """The command has too few or too many words."""
    error = Rejected(f"wrong number of arguments for '{spec.fullname}' command")
    error.spec = spec
    return error


def unknown_subcommand(spec: Spec, word: bytes) -> Rejected:
    """The container has no such subcommand."""
    error = Rejected(b"unknown subcommand '%b'. Try %b HELP." % (shown(word[:128]), spec.name.encode()))
    error.spec = spec
    return error


def _dispatcher(spec: Spec, entries: dict[bytes, Entry], alone: Handler | None) -> Handler:
    """The handler of a container: looks up the subcommand and counts its calls.

    `alone` answers to the name without a subcommand, where that is a command.
    """

    def dispatch(c: Client, argv: Argv) -> bytes:
        if alone is not None and len(argv) == 1:
            return alone(c, argv)
        entry = entries.get(argv[1]) or entries.get(argv[1].lower())
        if entry is None:
            raise unknown_subcommand(spec, argv[1])
        handler, fewest, most, counted, _ = entry
        if not fewest <= len(argv) <= most:
            raise wrong_arity(spec.subcommands[f"{spec.name}|{argv[1].decode('latin-1').upper()}"])
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


def _timed(server: Server, spec: Spec, handler: Handler) -> Handler:
    """Count the time that a command takes by itself, and write the slow log."""
    threshold_ns = server.config.slowlog_log_slower_than * 1000

    def timed(c: Client, argv: Argv) -> bytes:
        start = stopwatch_ns()
        waits = False
        try:
            return handler(c, argv)
        except Parked:
            waits = True
            raise
        finally:
            elapsed_ns = stopwatch_ns() - start
            spec.usec += elapsed_ns / 1000
            server.stats.timed_ns += elapsed_ns
            if (parking := c.parked) is not None:
                parking.spent_ns += elapsed_ns
                elapsed_ns = parking.spent_ns
            if elapsed_ns >= threshold_ns and not waits:
                note_slow(c, argv, spec, elapsed_ns // 1000)

    return timed


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


def note_slow_batch(c: Client, batch: list[Argv], elapsed_us: int) -> None:
    """Enter a batch into the slow log that took longer than a single command may.

    Which of the commands that are not timed one by one it was, nobody knows. The one with the most bytes,
    sent or answered, stands for all of them; behind its words is said how many those are.
    """
    if c.server.config.slowlog_log_slower_than < SINGLY_BELOW_US:
        return
    executed = batch[: len(batch) - len(c.backlog)]
    answers = c.out if len(c.out) == len(executed) else [b""] * len(executed)  # or joined, or not its own
    sized = [
        (len(answer) + sum(map(len, argv)), argv, spec)
        for argv, answer in zip(executed, answers, strict=True)
        if (spec := c.server.find_spec(argv)) is not None
    ]
    untimed = [each for each in sized if _is_quick(each[2]) and len(each[1]) <= MANY_WORDS] or sized
    if untimed:
        _, argv, spec = max(untimed, key=itemgetter(0))
        note_slow(c, argv, spec, elapsed_us, others=len(untimed) - 1)


def note_slow(c: Client, argv: Argv, spec: Spec, elapsed_us: int, others: int = 0) -> None:
    """Enter a command into the slow log if it, and `others`, took longer than the configuration says."""
    config = c.server.config
    threshold_us = config.slowlog_log_slower_than
    if threshold_us < 0 or elapsed_us < threshold_us or Flag.SKIP_SLOWLOG in spec.flags:
        return
    server = c.server
    entry = SlowEntry(
        server.next_slow_id,
        server.clock.now_ms // 1000,
        elapsed_us,
        _shortened(redacted(argv)) + ([b"... (and %d more, timed together)" % others] if others else []),
        c.transport.address(),
        c.name,
    )
    server.next_slow_id += 1
    server.slow_log.appendleft(entry)
    while len(server.slow_log) > config.slowlog_max_len:
        server.slow_log.pop()


def _shortened(argv: Argv) -> Argv:
    words = argv if len(argv) <= SLOW_LOG_WORDS else argv[: SLOW_LOG_WORDS - 1]
    short = [
        word
        if len(word) <= SLOW_LOG_BYTES
        else b"%b... (%d more bytes)" % (word[:SLOW_LOG_BYTES], len(word) - SLOW_LOG_BYTES)
        for word in words
    ]
    if len(words) < len(argv):
        short.append(b"... (%d more arguments)" % (len(argv) - len(words)))
    return short


def _monitored(spec: Spec, handler: Handler) -> Handler:
    """Show the command to the clients in MONITOR once it has been executed, or waits.

    When it is retried, it has been shown. To the client itself the line comes behind the reply.
    """
    if Flag.SKIP_MONITOR in spec.flags or Flag.ADMIN in spec.flags:
        return handler

    def monitored(c: Client, argv: Argv) -> bytes:
        if c.parked is not None:
            return handler(c, argv)
        try:
            reply = handler(c, argv)
        except (CommandError, Closing, Parked):
            show_monitors(c, argv)
            raise
        line = show_monitors(c, argv, but=c)
        return reply + line if c.monitoring else reply

    return monitored


def show_monitors(c: Client, argv: Argv, but: Client | None = None) -> bytes:
    """Send one line about a command to every client in MONITOR, `but` one; return the line."""
    now_us = c.server.clock.now_us
    line = b"+%d.%06d [%d %b] %b\r\n" % (
        now_us // 1_000_000,
        now_us % 1_000_000,
        c.db.index,
        c.transport.address().encode(),
        b" ".join([quoted(word) for word in redacted(argv)]),
    )
    for monitor in c.server.monitors:
        if monitor is not but:
            monitor.send(line)
    return line


def redacted(argv: Argv) -> Argv:
    """The command without its passwords, for MONITOR and the slow log."""
    name = argv[0].upper()
    hidden: list[int] = []
    if name == b"AUTH":
        hidden = list(range(1, len(argv)))
    elif name == b"HELLO":
        at = 2
        while at < len(argv):
            option, left = argv[at].upper(), len(argv) - at - 1
            if option == b"AUTH" and left >= 2:
                hidden += (at + 1, at + 2)
                at += 3
            elif option == b"SETNAME" and left:
                at += 2
            else:
                break
    elif name == b"CONFIG" and len(argv) > 1 and argv[1].upper() == b"SET":
        hidden = [at for at in range(3, len(argv), 2) if argv[at - 1].lower() == b"requirepass"]
    return [REDACTED if at in hidden else word for at, word in enumerate(argv)] if hidden else argv


_ESCAPES = {
    ord("\\"): b"\\\\",
    ord('"'): b'\\"',
    10: b"\\n",
    13: b"\\r",
    9: b"\\t",
    7: b"\\a",
    8: b"\\b",
}
_QUOTED = [_ESCAPES.get(n, bytes([n]) if 32 <= n < 127 else b"\\x%02x" % n) for n in range(256)]


def quoted(word: bytes) -> bytes:
    """A word in double quotes, with what cannot be printed escaped."""
    return b'"%b"' % b"".join([_QUOTED[byte] for byte in word])


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


def flags_of(c: Client, spec: Spec) -> Flag:
    """The flags that decide whether a gate is open: for EXEC also those of all that is queued."""
    flags = spec.flags
    if spec.name == "EXEC":
        for argv in c.queued or ():
            queued = c.server.find_spec(argv)
            if queued is not None:
                flags |= queued.flags
    return flags


def _gated(gate: Gate, spec: Spec, handler: Handler) -> Handler:
    def gated(c: Client, argv: Argv) -> bytes:
        gate(c, argv, spec)
        return handler(c, argv)

    return gated


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


def _debug_refused(spec: Spec, handler: Handler) -> Handler:
    """DEBUG is not for everybody."""
    if spec.name != "DEBUG":
        return handler

    def refuse(c: Client, argv: Argv) -> bytes:
        if c.server.config.enable_debug_command == "local" and c.transport.address().startswith(LOCAL):
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
