"""The core: bytes in, commands executed, bytes out.

No socket, no file of its own, no clock but the one it is given.

The way of a request: `receive` hands the bytes to the client's reader, and `_execute` takes each
command through one look-up, one call and one append. What is optional is not on that path:

- Modes are tables (`tables`), chosen when they change.
- What stands in a batch is looked at as a whole where that pays: a *run*, the same command again and
  again, where the command declares a bulk form, and a transaction from MULTI to EXEC.
- What commands did comes as effects. While nobody waits or listens they are drained (`draining`) once
  per batch; if they are just what the client sent, its own bytes go to the append-only file. Otherwise
  they are drained after every command, so that others are served where Redis serves them.
- A refusal, an unknown name, a client that parks or leaves: these travel as exceptions and cost
  nothing otherwise.

The network, the tests, the loader of the append-only file and a host program all drive this same
object.
"""

from __future__ import annotations

import random
import traceback
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import islice
from math import inf
from operator import length_hint
from typing import TYPE_CHECKING

from respq.clock import Clock, stopwatch_ns
from respq.commands import SPECS, scripting, transactions
from respq.commands.transactions import at_once
from respq.datatypes.hashes import HashValue
from respq.datatypes.lists import ListValue
from respq.datatypes.sets import SetValue
from respq.datatypes.sorted_sets import SortedSetValue
from respq.datatypes.streams import StreamValue
from respq.draining import Draining, give_up
from respq.errors import CommandError, ProtocolError, shown
from respq.keyspace import Effects
from respq.protocol import Argv
from respq.protocol.runs import SHORTEST_RUN, Run
from respq.slowlog import MANY_WORDS, SINGLY_BELOW_US, note_slow_batch
from respq.state import (
    ANY_ARITY,
    NOTIFYING,
    AheadHandler,
    Client,
    Closing,
    Entry,
    Flag,
    Handler,
    Parked,
    Rejected,
    Server,
    Spec,
    Transport,
)
from respq.tables import NOT_COUNTED, Tables, flags_of, wrong_arity

if TYPE_CHECKING:
    from respq.config import Config


KINDS = (
    HashValue,
    ListValue,
    SetValue,
    SortedSetValue,
    StreamValue,
)  # of values, to which the configuration is applied
RUBBLE_SLICE = 500  # items freed between two looks at the time
EXPIRE_SLICE = 32  # keys deleted between two looks at the time
SECURITY_NAMES = (b"post", b"host:")  # words of HTTP: somebody makes a browser talk to us


class Unconnected:
    """The transport of a client that has no network under it."""

    def address(self) -> str:
        """As CLIENT LIST shows it."""
        return "127.0.0.1:0"

    def local_address(self) -> str:
        """As CLIENT LIST shows it."""
        return "127.0.0.1:6379"

    def is_local(self) -> bool:
        """It is in this process."""
        return True

    def is_unix_socket(self) -> bool:
        """It is none."""
        return False

    def descriptor(self) -> int:
        """There is none."""
        return -1

    def output_bytes(self) -> int:
        """Nothing is ever unread."""
        return 0


class Engine:
    """A server without a network. `log` takes a level and a line."""

    def __init__(
        self,
        config: Config,
        clock: Clock | None = None,
        rng: random.Random | None = None,
        log: Callable[[str, str], None] | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.log = log or (lambda _level, _line: None)
        self.server = Server(config, self.clock, rng or random.Random(), SPECS)
        self.tables = Tables(self.server)
        self.server.table_of = self.tables.of
        self.server.set_gate = self.tables.set_gate
        self.server.retable_all = self.tables.rebuild
        self._drain = self.server.drain = Draining(self.server, self._stop_after).drain
        self.server.log = self.log
        self.server.flags_of_script = scripting.flags_of_script
        self.broken = ""  # why the server must stop, once a bug may have come between the data and the log
        config.on_change("requirepass", self._admit)
        config.on_change("slowlog-log-slower-than", self._watch_slowness)
        config.on_change("notify-keyspace-events", self._choose_events)
        self._choose_events()
        self._watch_slowness()
        for kind in KINDS:
            limit = partial(kind.limit, config)
            limit()
            for name in kind.directives:
                config.on_change(name, limit)

    def _admit(self) -> None:
        """Nobody has to authenticate any more if `requirepass` was taken away."""
        if not self.server.config.requirepass:
            for client in self.server.clients.values():
                client.authenticated = True
                client.reader.restricted = False
            self.tables.rebuild()

    def _watch_slowness(self) -> None:
        """Apply `slowlog-log-slower-than`: how long a batch may take before one of it is called slow."""
        threshold_us = self.server.config.slowlog_log_slower_than
        self._slow_us = threshold_us if threshold_us >= SINGLY_BELOW_US else inf  # else they are timed singly
        self.tables.rebuild()

    def _choose_events(self) -> None:
        """Apply `notify-keyspace-events`."""
        server = self.server
        server.notifications.choose(server.config.notify_keyspace_events)
        if server.notifications.on:
            server.eager.add(NOTIFYING)
        else:
            server.eager.discard(NOTIFYING)

    # -- connections -------------------------------------------------------------------------------

    def connect(self, transport: Transport | None = None) -> Client:
        """A new client."""
        server = self.server
        client = Client(server, server.next_client_id, transport or Unconnected())
        client.reader.max_bulk_bytes = server.config.proto_max_bulk_len
        server.next_client_id += 1
        server.clients[client.id] = client
        server.stats.connections_received += 1
        return client

    def disconnect(self, client: Client) -> None:
        """Forget a client: it waits for nothing, watches nothing and gets nothing any more."""
        server = self.server
        server.clients.pop(client.id, None)
        server.stop_waiting(client)
        server.unsubscribe(client)
        server.unwatch(client)
        server.outbox.pop(client, None)
        client.closing = True
        client.backlog.clear()
        client.held.clear()
        if server.monitors.pop(client, client) is None:
            self.tables.rebuild()

    # -- bytes in ----------------------------------------------------------------------------------

    def receive(self, client: Client, data: bytes) -> None:
        """Take bytes from a client and execute all commands that are complete."""
        client.bytes_in += len(data)
        self.server.stats.input_bytes += len(data)
        if client.parked is not None or client.backlog or client.held or client.closing:
            self._receive_behind(client, data)
            return
        reader = client.reader
        batch = reader.feed(data)
        if batch:
            raw, reader.verbatim = reader.verbatim, None
            if isinstance(batch, list):
                self._execute(client, batch, raw)
            elif not self._execute_run(client, batch, raw):
                self._execute(client, batch.commands, raw)
            if reader.restricted:
                self._unlock(client)
        else:
            client.active_ms = self.clock.now_ms  # slow, but not idle
            self.limit_query(client)
        if reader.error is not None and _listening(client):
            self._break_off(client, reader.error)

    def _receive_behind(self, client: Client, data: bytes) -> None:
        """Take bytes from a client that has not done with those before, or that is being closed."""
        if client.closing:
            return
        client.held += data
        if client.parked is None:  # served in this tick: what it sent before comes first, but now
            self._go_on(client)
        else:
            self.limit_query(client)

    def limit_query(self, client: Client) -> None:
        """Close a client that has sent more than `client-query-buffer-limit` that is not executed yet.

        That is, as in Redis: what is in no complete argument, what arrived while it was parked, and the
        words that MULTI has queued. The last is costly to count, so it is left to a timer.
        """
        limit = self.server.config.client_query_buffer_limit
        waiting = client.reader.unread + len(client.held)
        if client.queued is not None and client.bytes_in > limit:
            waiting += sum(len(word) for argv in client.queued for word in argv)
        if waiting > limit:
            self.server.stats.query_limit_closed += 1
            self.log(
                "warning",
                f"Client {client.label()} closed: {waiting} bytes of unfinished commands",
            )
            self.server.close(client, at_once=True)

    def _unlock(self, client: Client) -> None:
        """Go on command by command while the client has not authenticated: the next may be AUTH."""
        reader = client.reader
        while _listening(client):
            reader.restricted = not client.authenticated
            commands = reader.feed(b"")
            if not commands:
                return
            self._execute(client, list(commands), None)

    def _break_off(self, client: Client, error: ProtocolError) -> None:
        """The bytes are no request: say so and close."""
        client.send(error.reply)
        self.server.stats.errors["ERR"] += 1
        self.server.close(client)

    def resume_clients(self) -> None:
        """Execute what clients sent while they were parked. Call it until `server.resumed` is empty."""
        server = self.server
        while server.resumed:
            self._go_on(server.resumed.popleft())

    def _go_on(self, client: Client) -> None:
        """Execute what a client sent behind the command that it waited for."""
        if _listening(client) and client.backlog:
            backlog, client.backlog = client.backlog, []
            self._execute(client, backlog, None)
        if _listening(client):
            self._receive_held(client)

    def _receive_held(self, client: Client) -> None:
        """Take the bytes that arrived while the client waited, and what its reader still had."""
        held = bytes(client.held)
        client.held.clear()
        client.bytes_in -= len(held)  # they were counted when they arrived
        self.server.stats.input_bytes -= len(held)
        self.receive(client, held)

    # -- execution ---------------------------------------------------------------------------------

    def _execute(  # the hot loop: a call less is 5 % of a command
        self, client: Client, commands: list[Argv], raw: bytes | None
    ) -> None:
        """Execute commands in order. `raw` are the bytes they account for exactly, if that is known."""
        server = self.server
        self.clock.refresh()
        start_ns = stopwatch_ns()
        eager = server.eager  # not empty: somebody waits, or listens: drain after every command
        done: list[Spec] = []  # what was executed, for the statistics
        reply, count = client.out.append, done.append
        spec = declined = NOT_COUNTED
        last = self._leading(client, commands) if len(commands) >= SHORTEST_RUN else None
        rest = iter(commands)
        for argv in rest:
            try:
                try:
                    handler, fewest, most, spec, ahead = client.table[argv[0]]
                except KeyError:
                    handler, fewest, most, spec, ahead = self._look_up(client, argv)
                if not fewest <= len(argv) <= most:
                    handler = self._many_words(client, argv, handler)
                if ahead is not None and (spec is last or ahead is at_once) and spec is not declined:
                    taken = self._look_ahead(client, ahead, commands, len(commands) - length_hint(rest) - 1)
                    if taken is not None:
                        done += taken[1]
                        deque(islice(rest, taken[0] - 1), maxlen=0)  # step over what was executed
                        if eager:
                            self._drain()
                        continue
                    declined = spec
                reply(handler(client, argv))
                count(spec)
                last = spec
            except CommandError as error:
                self._refuse(client, spec, error)
            except Exception as interruption:  # noqa: BLE001  # among them bugs of ours
                raw = None
                if self._interrupted(client, argv, spec, interruption):
                    client.backlog = list(rest)
                    break
            if eager and server.effects:
                self._drain()
        self._end_batch(client, commands, spec, done, stopwatch_ns() - start_ns)
        if server.effects or server.ready:
            self._settle(commands, raw)

    def _look_ahead(
        self, client: Client, ahead: AheadHandler, commands: list[Argv], at: int
    ) -> tuple[int, list[Spec]] | None:
        """Execute what begins at `commands[at]` as one, unless somebody has to see every step."""
        if self.server.eager or self.server.watchers:
            return None
        try:
            return ahead(client, commands, at)
        except Exception as error:  # noqa: BLE001  # how far it came is unknown
            self._stop_after(error, commands[at])
            return len(commands) - at, []

    def _execute_run(self, client: Client, run: Run, raw: bytes | None) -> bool:
        """Execute a whole read that is one run, if its command has a bulk form and takes it."""
        server = self.server
        entry = client.table.get(run.name)
        if entry is None or entry[4] is None or server.eager or server.watchers:
            return False
        _, fewest, most, spec, _ = entry
        if spec.bulk is None or not fewest <= run.words <= most:
            return False
        self.clock.refresh()
        start_ns = stopwatch_ns()
        try:
            replies = spec.bulk(client, run)
        except Exception as error:  # noqa: BLE001  # how far it came is unknown
            self._stop_after(error, run.commands[0])
            return True
        if replies is None:
            return False
        client.out.append(replies)
        self._end_batch(client, run, spec, [spec] * run.count, stopwatch_ns() - start_ns)
        if server.effects:
            self._settle(run, raw)
        return True

    def _end_batch(
        self, client: Client, batch: list[Argv] | Run, spec: Spec, done: list[Spec], elapsed_ns: int
    ) -> None:
        """Note that there is something to send; count what was `done`, and share out the time it took.

        What is timed one by one (`slowlog`) has had its time already.
        """
        server = self.server
        server.outbox[client] = None
        client.active_ms = self.clock.now_ms
        if spec is not NOT_COUNTED:
            client.last_spec = spec
        stats, count = server.stats, len(done)
        timed_ns, stats.timed_ns = stats.timed_ns, 0
        if not count:
            return
        spec = done[-1]
        client.commands_done += count
        untimed_us = (elapsed_ns - timed_ns) / 1000
        if untimed_us > self._slow_us:
            note_slow_batch(client, batch if isinstance(batch, list) else batch.commands, int(untimed_us))
        if count == 1 or done.count(spec) == count:
            spec.calls += count
            spec.usec += untimed_us
            return
        share_us = untimed_us / count
        for each in done:
            each.calls += 1
            each.usec += share_us

    def _leading(self, client: Client, commands: list[Argv]) -> Spec | None:
        """What the batch repeats from its first command on, if it looks like a run."""
        name = commands[0][0]
        if not name == commands[1][0] == commands[2][0] == commands[3][0]:
            return None
        entry = client.table.get(name)
        return entry[3] if entry is not None else None

    def _look_up(self, client: Client, argv: Argv) -> Entry:
        """The entry for a name in mixed case; for an unknown name one that refuses."""
        name = argv[0].lower()
        entry = client.table.get(name)
        if entry is not None:
            return entry
        if name in SECURITY_NAMES:
            self.log("warning", f"Possible attack: {client.transport.address()} speaks HTTP")
            client.out.clear()  # as in Redis, answers that have not left yet are lost
            self.server.close(client, at_once=True)
            raise Closing
        return _unknown, 0, ANY_ARITY, NOT_COUNTED, None

    def _many_words(self, client: Client, argv: Argv, handler: Handler) -> Handler:
        """Too few words, too many, or so many that the command is timed by itself."""
        spec = self.server.specs[argv[0].decode("latin-1").upper()]
        if spec.fewest <= len(argv) <= spec.most and len(argv) > MANY_WORDS:
            return self.tables.many_words(spec, handler)
        raise wrong_arity(spec)

    def _refuse(self, client: Client, spec: Spec, error: CommandError) -> None:
        """Answer a command that raised CommandError."""
        if isinstance(error, Rejected):
            refused = error.spec
            if spec.name == "EXEC":
                error = transactions.aborted(client, error)
            elif client.queued is not None:
                client.queue_failed = True
            (refused or spec).rejected_calls += 1
        else:
            spec.failed_calls += 1
            spec.calls += 1
        self.server.stats.count(error)
        if client.muted:
            client.end_skip()
        else:
            client.out.append(error.reply)

    def _interrupted(self, client: Client, argv: Argv, spec: Spec, cause: Exception) -> bool:
        """Something else than a reply came out of a command: tell whether the batch ends with it."""
        if isinstance(cause, Parked):
            return True
        if isinstance(cause, Closing):
            if not self.server.closing.get(client):  # at once: then nothing is sent any more
                client.out.append(cause.reply)
            self.server.close(client)
            return True
        self._fail(client, argv, spec, cause)
        return False

    def _fail(self, client: Client, argv: Argv, spec: Spec, error: Exception) -> None:
        """A bug of ours. If the data may have been changed without its effect, the server must not go on."""
        client.out.append(b"-ERR internal error\r\n")
        if spec.flags & (Flag.WRITE | Flag.MAY_REPLICATE) or spec.name == "EXEC":
            self._stop_after(error, argv)
        else:
            self._report(error, argv)

    def _stop_after(self, error: Exception, argv: Argv) -> None:
        """A bug came between the data and the log: nothing more may be acknowledged."""
        self._report(error, argv)
        self.broken = f"internal error in {argv[0]!r}: the data and the log may no longer agree"

    def _report(self, error: Exception, argv: Argv) -> None:
        self.server.stats.unexpected_errors += 1
        trace = "".join(traceback.format_exception(error))
        self.log("warning", f"Internal error in {argv[0]!r}: {error!r}\n{trace}")

    # -- effects -----------------------------------------------------------------------------------

    def _settle(self, batch: list[Argv] | Run, raw: bytes | None) -> None:
        """Drain the effects of a batch, in the client's own bytes where these say what was done."""
        server = self.server
        if server.watchers or server.eager or server.ready:
            self._drain()
            return
        effects, aof = server.effects, server.aof
        if len(effects) == 1 and isinstance(run := effects[0][3], Run):
            server.changes_since_save += run.count
            sent = raw if run is batch or (run.count == len(batch) and run.commands == batch) else None
        else:
            logged = _logged(effects)
            server.changes_since_save += len(logged)
            sent = raw if logged == batch else raw and _sent_of(raw, batch, logged)
        if aof is not None:
            db = effects[0][0]
            selected = db.index == aof.selected_db and [e[0] for e in effects].count(db) == len(effects)
            if sent and selected:
                aof.append(sent)
            else:
                aof.append_effects(effects)
        effects.clear()

    def wake(self, moment: str) -> None:
        """Retry the clients that wait for a moment in the life of the server, such as LOG_SYNCED."""
        if moment in self.server.waiters:
            self.server.ready[moment] = None
            self._drain()

    def refuse_writes(self, reason: str) -> None:
        """Answer MISCONF to commands that write, and to PING, until `accept_writes`."""

        def gate(client: Client, argv: Argv, spec: Spec) -> None:
            if Flag.WRITE in flags_of(client, spec, argv) or spec.name == "PING":
                raise Rejected(reason, "MISCONF")

        self.tables.set_gate("misconf", gate)

    def accept_writes(self) -> None:
        """The log can be written again."""
        self.tables.set_gate("misconf", None)

    # -- time --------------------------------------------------------------------------------------

    def next_deadline_ms(self) -> int | None:
        """The earliest moment at which `on_time` has something to do for a parked client, or None."""
        timeout_ms, unpause_ms = self.server.timeouts.next_ms(), self.server.paused_until_ms
        if unpause_ms and (timeout_ms is None or unpause_ms < timeout_ms):
            return unpause_ms
        return timeout_ms

    def on_time(self) -> None:
        """Answer parked clients whose time is up; end a pause."""
        server = self.server
        if 0 < server.paused_until_ms <= self.clock.now_ms:
            server.unpause()
            self._drain()
        for client in server.timeouts.due(self.clock.now_ms, limit=10_000):
            if client.parked is not None:
                give_up(client, client.parked.timeout_reply)

    def clear_away(self, budget_us: int) -> None:
        """Free what is left of emptied databases, for at most about `budget_us`."""
        rubble, start_ns = self.server.rubble, stopwatch_ns()
        while rubble and stopwatch_ns() - start_ns < budget_us * 1000:
            rubble.clear_away(RUBBLE_SLICE)

    def expire_keys(self, budget_us: int) -> None:
        """Delete expired keys and fields that nobody asked for, for at most about `budget_us`."""
        server = self.server
        if not server.active_expiry or server.loading or server.paused_until_ms:
            return
        start_ns = stopwatch_ns()
        for db in server.databases:
            while stopwatch_ns() - start_ns < budget_us * 1000 and (
                db.expire_due(EXPIRE_SLICE) or db.expire_due_fields(EXPIRE_SLICE)
            ):
                self._drain()
        elapsed_us = (stopwatch_ns() - start_ns) // 1000
        server.stats.expire_us += elapsed_us
        server.stats.expire_cut_short += elapsed_us >= budget_us


def _logged(effects: Effects) -> list[Argv]:
    """The commands that repeat what was done, in order."""
    commands: list[Argv] = []
    for _, _, _, argv in effects:
        if argv.__class__ is list:
            commands.append(argv)
        elif isinstance(argv, Run):
            commands += argv.commands
    return commands


def _sent_of(raw: bytes, batch: list[Argv] | Run, logged: list[Argv]) -> bytes | None:
    """The part of `raw` that sent the commands in `logged`: without the reads, say. O(n).

    None if something is logged otherwise than as it was sent, or an argument looks like the next command.
    """
    pieces = raw[1:-2].split(b"\r\n*")
    if len(pieces) != len(batch):
        return None
    rest = iter(logged)
    wanted = next(rest, None)
    sent = []
    for argv, piece in zip(batch, pieces, strict=True):
        if argv is wanted:
            sent.append(piece)
            wanted = next(rest, None)
    return None if wanted is not None or not sent else b"*%b\r\n" % b"\r\n*".join(sent)


def _listening(client: Client) -> bool:
    """Whether the next command of this client may be executed now."""
    return client.parked is None and not client.closing


def _unknown(client: Client, argv: Argv) -> bytes:
    """The refusal of a name that is no command, with the beginning of what was asked."""
    beginning = b""
    for word in argv[1:]:
        if len(beginning) >= 128:
            break
        beginning += b"'%b' " % shown(word[: 128 - len(beginning)])
    raise Rejected(b"unknown command '%b', with args beginning with: %b" % (shown(argv[0][:128]), beginning))
