"""The core: bytes in, commands executed, bytes out.

No socket, no file of its own, no clock but the one it is given.

The way of a request: `receive` hands the bytes to the client's reader, `execution` executes what they say and
settles what follows from it. Here stand connections, and what time brings.

The network, the tests, the loader of the append-only file and a host program all drive this same
object.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from respq.accesses import MODIFICATIONS
from respq.accounts import lines_of, users_of
from respq.client_limit import ClientLimit
from respq.clock import Clock, stopwatch_ns
from respq.commands import SPECS, clients, scripting
from respq.commands.libraries import Libraries
from respq.datatypes.hashes import HashValue
from respq.datatypes.lists import ListValue
from respq.datatypes.sets import SetValue
from respq.datatypes.sorted_sets import SortedSetValue
from respq.datatypes.streams import StreamValue
from respq.draining import give_up
from respq.errors import ProtocolError
from respq.eviction import MemoryLimit
from respq.execution import Execution
from respq.flags import Flag
from respq.packer import Packer
from respq.protocol import Argv
from respq.protocol.shapes import Shapes, Transaction
from respq.state import NOTIFYING, Client, Rejected, Server, Spec
from respq.statistics import ReadCounts
from respq.tables import Tables, flags_of
from respq.transport import Transport, Unconnected

if TYPE_CHECKING:
    from respq.config import Config


# Of values, to which the configuration is applied.
KINDS = (HashValue, ListValue, SetValue, SortedSetValue, StreamValue)
RUBBLE_SLICE = 500  # items freed between two looks at the time
EXPIRE_SLICE = 32  # keys deleted between two looks at the time


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
        self.server = Server(config, self.clock, rng or random.Random(), SPECS, users_of(config, SPECS))
        self.tables = Tables(self.server)
        self.execution = Execution(self.server, self.tables)
        self._drain = self.execution.drain
        self._memory_limit = MemoryLimit(self.server)
        self._client_limit = ClientLimit(self.server)
        self._shapes = Shapes()  # of what clients send
        self._packer = Packer(self.server.databases)
        self._counts_reads = config.compat_version >= (8, 8)
        # Take bytes from a client and execute all commands that are complete.
        self.receive = self._receive_counting if self._counts_reads else self._receive
        self._provide()
        self._follow(config)

    def _provide(self) -> None:
        """Give the server what those call by name that know nothing of us."""
        server = self.server
        server.table_of = self.tables.of
        server.set_gate = self.tables.set_gate
        server.retable_all = self.tables.rebuild
        server.drain = self._drain
        server.limit = self._memory_limit
        server.log = self.log
        server.flags_of_script = scripting.flags_of_script
        server.libraries = Libraries(server)
        server.client_info = clients.client_line
        server.config.user_lines = self._user_lines

    def _follow(self, config: Config) -> None:
        """Apply the configuration, now and whenever it changes."""
        hooks: dict[Callable[[], None], tuple[str, ...]] = {
            self._set_default_password: ("requirepass",),
            self._choose_channels: ("acl-pubsub-default",),
            self.tables.rebuild: ("commandlog-request-larger-than", "commandlog-reply-larger-than"),
            self._watch_slowness: (
                "slowlog-log-slower-than",
                "latency-monitor-threshold",
                "latency-tracking",
            ),
            self._choose_events: ("notify-keyspace-events",),
            self._limit_tracking: ("tracking-table-max-keys",),
            self._choose_policy: ("maxmemory-policy",),
            self._memory_limit.apply: ("maxmemory",),
            self._client_limit.apply: ("maxmemory", "maxmemory-clients"),
            self._demand_replicas: ("min-replicas-to-write", "min-replicas-max-lag"),
            self._choose_import_mode: ("import-mode",),
        }
        hooks |= {partial(kind.limit, config): kind.directives for kind in KINDS}
        for hook, names in hooks.items():
            for name in names:
                config.on_change(name, hook)
        for kind in KINDS:
            kind.limit(config)
        self._demand_replicas()
        self._keep_expired()
        self._limit_tracking()
        self._choose_events()
        self._count_accesses()
        self._watch_slowness()  # has the tables made, by all of that

    @property
    def broken(self) -> str:
        """Why the server must stop, or nothing: a bug may have come between the data and the log."""
        return self.execution.broken

    def _set_default_password(self) -> None:
        """Apply `requirepass`: nobody has to authenticate any more if it was taken away."""
        users = self.server.users
        users.set_default_password(self.server.config.requirepass)
        self.server.note_users([users.default])

    def _user_lines(self) -> list[str]:
        """The users for CONFIG REWRITE, each in the words of a line that begins with `user`."""
        if self.server.config.aclfile:
            return []
        return lines_of(self.server.users)

    def _choose_channels(self) -> None:
        """Apply `acl-pubsub-default`."""
        self.server.users.all_channels = self.server.config.acl_pubsub_default == "allchannels"

    def _watch_slowness(self) -> None:
        """Apply `slowlog-log-slower-than`, and what else commands are timed for."""
        self.server.count_done()  # as it was
        self.server.latency.threshold_ms = self.server.config.latency_monitor_threshold
        self.execution.watch_slowness()
        self.tables.rebuild()

    def _limit_tracking(self) -> None:
        """Apply `tracking-table-max-keys`."""
        self.server.tracking.most_keys = self.server.config.tracking_table_max_keys
        self.server.tracking.trim()

    def _choose_policy(self) -> None:
        """Apply `maxmemory-policy`."""
        self._count_accesses()
        self._memory_limit.apply()

    def _count_accesses(self) -> None:
        """Count how often keys are accessed, or leave accesses that change nothing out, as eviction goes."""
        order = self.server.config.maxmemory_policy.rpartition("-")[2]
        frequencies = self.tables.frequencies
        accounting = {"lfu": frequencies.accounting, "lrm": MODIFICATIONS}.get(order)
        if accounting is not self.server.accounting:
            self.server.accounting = accounting
            frequencies.on = order == "lfu"
            self.tables.rebuild()

    def _choose_events(self) -> None:
        """Apply `notify-keyspace-events`."""
        server = self.server
        server.notifications.choose(server.config.notify_keyspace_events)
        if server.notifications.on:
            server.eager.add(NOTIFYING)
        else:
            server.eager.discard(NOTIFYING)

    def _choose_import_mode(self) -> None:
        """Apply `import-mode`."""
        self._keep_expired()
        self.tables.rebuild()

    def _keep_expired(self) -> None:
        """Keep what has expired in import mode, and as long as clients are paused; otherwise not."""
        server = self.server
        server.expiry.kept = server.config.import_mode or server.paused_until_ms > 0

    # -- connections -------------------------------------------------------------------------------

    def connect(self, transport: Transport | None = None) -> Client:
        """A new client."""
        server = self.server
        client = Client(server, server.next_client_id, transport or Unconnected())
        client.reader.share(self._shapes)
        client.reader.max_bulk_bytes = server.config.proto_max_bulk_len
        server.next_client_id += 1
        server.clients[client.id] = client
        if self._counts_reads:
            server.read_counts[client.id] = ReadCounts()
        server.stats.connections_received += 1
        return client

    def disconnect(self, client: Client) -> None:
        """Forget a client: it waits for nothing, watches nothing and gets nothing any more."""
        server = self.server
        server.clients.pop(client.id, None)
        server.read_counts.pop(client.id, None)
        server.waiting.remove(client)
        server.unsubscribe(client)
        server.untrack(client)
        server.watchers.unwatch(client)
        server.outbox.pop(client, None)
        client.closing = True
        client.backlog.clear()
        client.held.clear()
        if server.monitors.pop(client, client) is None:
            self.tables.rebuild()

    # -- bytes in ----------------------------------------------------------------------------------

    def _receive_counting(self, client: Client, data: bytes) -> None:
        """As `_receive`; count what INFO and CLIENT LIST tell from Redis 8.8 on."""
        counts, before = self.server.read_counts[client.id], client.commands_done
        self._receive(client, data)
        counts.note(client.commands_done - before)
        self.server.stats.note_read(client.commands_done - before)

    def _receive(self, client: Client, data: bytes) -> None:
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
                self.execution.execute(client, batch, raw)
            elif isinstance(batch, Transaction):
                self.execution.execute(client, batch.commands, raw, batch.shape)
            elif not self.execution.execute_run(client, batch, raw):
                self.execution.execute(client, batch.commands, raw)
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
            reader.restricted = not self.server.knows(client)
            commands = reader.feed(b"")
            if not commands:
                return
            self.execution.execute(client, list(commands), None)

    def _break_off(self, client: Client, error: ProtocolError) -> None:
        """The bytes are no request: say so and close."""
        client.send(error.reply)
        self.server.stats.count_prefix("ERR")
        self.server.close(client)

    def resume_clients(self) -> None:
        """Execute what clients sent while they were parked. Call it until nobody is left in `resumed`."""
        server = self.server
        while server.waiting.resumed:
            self._go_on(server.waiting.resumed.popleft())

    def _go_on(self, client: Client) -> None:
        """Execute what a client sent behind the command that it waited for."""
        if _listening(client) and client.backlog:
            backlog, client.backlog = client.backlog, []
            self.execution.execute(client, backlog, None)
        if _listening(client):
            self._receive_held(client)

    def _receive_held(self, client: Client) -> None:
        """Take the bytes that arrived while the client waited, and what its reader still had."""
        held = bytes(client.held)
        client.held.clear()
        client.bytes_in -= len(held)  # they were counted when they arrived
        self.server.stats.input_bytes -= len(held)
        self._receive(client, held)

    # -- effects -----------------------------------------------------------------------------------

    def wake(self, moment: str) -> None:
        """Retry the clients that wait for a moment in the life of the server, such as LOG_SYNCED."""
        if moment in self.server.waiting.queues:
            self.server.waiting.ready[moment] = None
            self._drain()

    def refuse_writes(self, reason: str, name: str = "misconf") -> None:
        """Answer MISCONF to commands that write, and to PING, until `accept_writes` of that name."""

        def gate(client: Client, argv: Argv, spec: Spec) -> None:
            if Flag.WRITE in flags_of(client, spec, argv) or spec.name == "PING":
                raise Rejected(reason, "MISCONF")

        self.tables.set_gate(name, gate)

    def _demand_replicas(self) -> None:
        """Apply `min-replicas-to-write`: there are none."""
        config = self.server.config
        demanded = config.min_replicas_to_write and config.min_replicas_max_lag
        self.tables.set_gate("noreplicas", _without_replicas if demanded else None)

    def accept_writes(self, name: str = "misconf") -> None:
        """What was wrong is not any more."""
        self.tables.set_gate(name, None)

    # -- time --------------------------------------------------------------------------------------

    def next_deadline_ms(self) -> int | None:
        """The earliest moment at which `on_time` has something to do for a parked client, or None."""
        waiting, paused_ms = self.server.waiting, self.server.paused_until_ms
        timeout_ms, alarm_ms = waiting.timeouts.next_ms(), waiting.alarms.next_ms()
        if alarm_ms is None and not paused_ms:
            return timeout_ms
        return min([moment for moment in (timeout_ms, alarm_ms, paused_ms) if moment])

    def on_time(self) -> None:
        """Answer parked clients whose time is up; end a pause."""
        server = self.server
        if 0 < server.paused_until_ms <= self.clock.now_ms:
            server.unpause()
            self._drain()
        if server.waiting.ring(self.clock.now_ms):
            self._drain()
        for client in server.waiting.timeouts.due(self.clock.now_ms, limit=10_000):
            if client.parked is not None:
                give_up(client, client.parked.timeout_reply)

    def bear_with_time(self, then_ms: int) -> None:
        """The time was put back, after `then_ms`: nobody waits, and no pause lasts, longer for that."""
        server, now_ms = self.server, self.clock.now_ms
        if then_ms <= now_ms:
            return
        server.waiting.bring_forward(then_ms, now_ms)
        if server.paused_until_ms > then_ms:
            server.paused_until_ms -= then_ms - now_ms

    def clear_away(self, budget_us: int) -> None:
        """Free what is left of emptied databases, for at most about `budget_us`."""
        rubble, start_ns = self.server.rubble, stopwatch_ns()
        while rubble and stopwatch_ns() - start_ns < budget_us * 1000:
            rubble.clear_away(RUBBLE_SLICE)

    def pack(self, budget_us: int) -> bool:
        """Pack large values that nobody changes, for at most about `budget_us`; tell whether there are more.

        Not while a child writes a snapshot: it shares the memory.
        """
        server, start_ns = self.server, stopwatch_ns()
        if server.loading or server.saves.began_ms or (server.aof is not None and server.aof.rewriting):
            return False
        return self._packer.step(self.clock.now_ms, lambda: stopwatch_ns() - start_ns >= budget_us * 1000)

    def limit_memory(self) -> None:
        """Evict keys, or refuse commands, while more memory is in use than `maxmemory` allows."""
        self._memory_limit.look()
        if self.server.effects:
            self._drain()

    def limit_clients(self) -> None:
        """Close the largest clients while all together take more than `maxmemory-clients` allows."""
        self._client_limit.look()

    def expire_keys(self, budget_us: int) -> None:
        """Delete expired keys and fields that nobody asked for, for at most about `budget_us`."""
        server = self.server
        if not server.expires_actively:
            return
        start_ns = stopwatch_ns()
        for db in server.databases:
            while stopwatch_ns() - start_ns < budget_us * 1000 and (
                db.expire_due(EXPIRE_SLICE) or db.expire_due_fields(EXPIRE_SLICE)
            ):
                self._drain()
        elapsed_us = (stopwatch_ns() - start_ns) // 1000
        server.latency.note("expire-cycle", elapsed_us * 1000, self.clock.now_ms)
        server.stats.expire_us += elapsed_us
        server.stats.expire_cut_short += elapsed_us >= budget_us


def _without_replicas(client: Client, argv: Argv, spec: Spec) -> None:
    """The gate before commands that write, while replicas are demanded; not for what EXEC has begun."""
    if client.executing and client.id in client.server.clients:
        return
    if Flag.WRITE in flags_of(client, spec, argv):
        raise Rejected("Not enough good replicas to write.", "NOREPLICAS")


def _listening(client: Client) -> bool:
    """Whether the next command of this client may be executed now."""
    return client.parked is None and not client.closing
