"""The records that everything above shares: `Server`, `Client`, `Spec`.

They hold state and the few operations that keep it consistent; what is done with it stands in
`engine` and `commands`. Nothing here reads a socket or a clock of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Protocol, TypeVar

from respq.acl.log import AccessLog
from respq.datatypes.value import Value
from respq.effects.backup import BackupStatus
from respq.errors import CommandError, wrong_type
from respq.flags import Channels, Docs, Flag, Keys
from respq.gauge import Gauge
from respq.keyspace import Effects, databases
from respq.latency import STEP_BITS, Histogram, LatencyMonitor
from respq.notifications import Notifications
from respq.protocol import Argv
from respq.protocol.reader import Reader
from respq.protocol.resp import RESP2, Encoder
from respq.protocol.runs import Run
from respq.provided import Busy, Frequencies, Limit
from respq.pubsub import PubSub
from respq.rubble import Rubble
from respq.statistics import ReadCounts, Saves, SlowLog, Statistics
from respq.tally import Tally
from respq.tracking import Tracker, Tracking
from respq.transport import ConnectPeer, Transport, unreachable
from respq.waiting import UNPAUSED, Look, Parked, Parking, Waiting, WaitKey
from respq.watching import Place, Watchers

if TYPE_CHECKING:
    from respq.acl.users import User, Users
    from respq.clock import Clock
    from respq.config import Config, OutputLimit
    from respq.effects.aof import AppendOnlyFile

V = TypeVar("V", bound=Value)

Handler = Callable[["Client", Argv], bytes]

# A run of commands with the right number of words: executed with exactly the outcome of one by one, it
# returns their replies joined. None declines (mixed keys, another form, an error ahead): nothing has been
# changed then, and they are executed one by one. Nobody watches meanwhile, or waits for one of its keys. The
# effect carries the Run in place of an argv.
BulkHandler = Callable[["Client", Run], "bytes | None"]

# Refuses a command by raising, or parks its client; sees every command before its handler.
Gate = Callable[["Client", Argv, "Spec"], None]


class Accounting(NamedTuple):
    """What stands around handlers and bulk forms while accesses are more than stamps: see `accesses`."""

    wrap: Callable[[Spec, Handler], Handler]
    wrap_bulk: Callable[[Spec, BulkHandler], BulkHandler]


class Session(Protocol):
    """A time in which all commands are measured: `hotkeys.HotKeys`."""

    ended_ms: int  # 0: it runs

    def measured(self, spec: Spec, handler: Handler) -> Handler:
        """The handler of a command, with a look at what it takes."""
        ...


# What a command leads to. Where the handler is the declared one, no mode stands before it.
Entry = tuple[Handler, "Spec"]

Step = tuple[Handler, "Spec", Argv]  # of a transaction

# Entries by name and number of words, so that one look-up answers for the arity as well. Under ANY_WORDS
# stands the entry for whoever knows better, or has more words than the table was made for.
Table = dict[bytes, dict[int, Entry]]
ANY_WORDS = 0

ANY_ARITY = 1 << 40


class Spec:
    """One declared command, and what was counted of it."""

    __slots__ = (
        "acl", "arity", "as_sent", "bare", "bulk", "calls", "channels", "docs", "failed_calls", "flags",
        "group", "handler", "has_one_key", "keys", "latencies", "name", "queueable", "quick",
        "rejected_calls", "since", "subcommands", "timed_calls", "tips", "usec",
    )  # fmt: skip

    def __init__(
        self, name: str, handler: Handler | None, arity: int, flags: Flag, keys: tuple[Keys, ...],
        group: str, since: str, acl: str, tips: tuple[str, ...], docs: Docs,
        bulk: BulkHandler | None = None, channels: Channels | None = None,
    ) -> None:  # fmt: skip
        self.name = name  # upper case; CLIENT|KILL for a subcommand
        self.handler = handler  # None for a container of subcommands
        self.arity = arity  # words with the name; negative: at least so many
        self.flags = flags
        self.keys = keys
        self.group = group
        self.since = since  # the Redis version that brought it
        self.acl = acl  # categories that flags and group do not imply
        self.tips = tips
        self.docs = docs
        self.bulk = bulk
        self.channels = channels
        self.subcommands: dict[str, Spec] = {}  # by full name
        self.bare: Handler | None = None  # as it stands in the tables of this server where there is no mode
        # Its share of a batch's time tells enough; but a wait belongs to one command.
        self.quick = (Flag.FAST in flags and Flag.BLOCKING not in flags) or name in QUICK
        self.as_sent = Flag.MAY_REPLICATE not in flags  # a run of it may be what it logs; a script's is not
        self.has_one_key = len(keys) == 1 and keys[0].is_first_word
        self.queueable = bool(name) and name not in NOT_ALIKE and Flag.NO_MULTI not in flags
        self.latencies = Histogram()
        self.timed_calls = 0  # of a quick one, timed by themselves and not in `spend` yet
        self.reset_statistics()

    def fresh(self) -> Spec:
        """A copy for one server, which counts for itself."""
        spec = Spec.__new__(Spec)
        for slot in Spec.__slots__:  # half of the time of copy.copy, for 250 commands at each start
            setattr(spec, slot, getattr(self, slot))
        spec.subcommands = {name: sub.fresh() for name, sub in self.subcommands.items()}
        spec.latencies = Histogram()
        spec.reset_statistics()
        return spec

    def reset_statistics(self) -> None:
        """Start counting anew."""
        self.calls = 0
        self.usec = 0.0
        self.failed_calls = 0
        self.rejected_calls = 0
        self.latencies.reset()

    def spend(self, share_ns: int, calls: int, latencies: list[int]) -> None:
        """Account for the shares of `calls` in the time of their batches.

        If it is quick these are its latencies, as far as they are tracked: distributed as `latencies` are.
        """
        self.usec += share_ns * calls / 1000
        if not latencies or not self.quick:
            return
        if self.timed_calls:
            known = min(self.timed_calls, calls)
            self.timed_calls -= known
            calls -= known
        steps = self.latencies.steps
        each, more = divmod(calls, len(latencies))
        for latency_ns in latencies if each else latencies[:more]:
            steps[latency_ns >> STEP_BITS] += each or 1
        if each and more:
            steps[latencies[-1] >> STEP_BITS] += more

    @property
    def fullname(self) -> str:
        """The name as error texts and statistics spell it: `client|kill`."""
        return self.name.lower()

    @property
    def fewest(self) -> int:
        """The fewest words of a call, name included."""
        return abs(self.arity)

    @property
    def most(self) -> int:
        """The most words of a call, name included."""
        return self.arity if self.arity > 0 else ANY_ARITY


QUICK = frozenset({"SET", "SETEX", "PSETEX", "GETSET", "LMOVE", "RPOPLPUSH"})  # O(1), if not FAST to Redis
RUN_AT_ONCE = frozenset({"MULTI", "EXEC", "DISCARD", "WATCH", "QUIT", "RESET"})  # inside MULTI
# These change what the commands behind them mean.
SUBSCRIBING = frozenset(
    {"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"}
)
NOT_ALIKE = RUN_AT_ONCE | SUBSCRIBING | {"AUTH", "HELLO"}  # a transaction cannot be looked up ahead of these


class Rejected(CommandError):
    """Refused before it was executed: inside MULTI that aborts the transaction."""

    spec: Spec | None = None  # whose refusal it counts as, if not that of the entry in the table


STEPS_KEPT = 100  # different latencies of a command, until they are put into the slots of its histogram
LONG_REPLY = 1 << 14  # bytes from which a reply is accounted for while its batch is executed
UNCOUNTED_BYTES = 1 << 14  # of output; to the limits of Redis the buffer that each client has does not count
STRANGER_LIMIT = (1024, 0, 0)  # on output for a client that has not authenticated, as in Redis 8.2


class Closing(Exception):  # not an error
    """`reply` is the last that this connection gets."""

    def __init__(self, reply: bytes = b"") -> None:
        super().__init__()
        self.reply = reply


class Abandoned(Closing):
    """SHUTDOWN NOSAVE ended the script of this client: nothing of its transaction may be logged either."""


# To drain effects after every command, as WAITING is.
DEFERRED, LIMITING, NOTIFYING, TRACKING = "deferred", "limiting", "notifying", "tracking"


class Follower:
    """What a client has said of itself with REPLCONF, before it asks for a snapshot."""

    __slots__ = ("rdb_only", "takes_eof", "wants_data", "wants_functions")

    def __init__(self) -> None:
        self.takes_eof = False  # a snapshot of unknown length, with a mark at its end
        self.rdb_only = False  # it does not want to hear of changes behind it
        self.wants_data = self.wants_functions = True


class Client:
    """One connection."""

    __slots__ = (
        "active_ms", "authenticated", "backlog", "bytes_in", "bytes_out", "closing", "commands_done",
        "created_ms", "db", "dirty", "effects", "enc", "executing", "fieldsets", "follower", "held", "id",
        "import_source", "last_spec", "lib_name", "lib_version", "long_bytes", "monitoring", "muted", "name",
        "no_evict", "no_touch", "out", "parked", "queue_failed", "queued", "reader", "reply_mode", "runs_for",
        "server", "subscribed", "table", "tracker", "transport", "user", "watched",
    )  # fmt: skip

    def __init__(self, server: Server, client_id: int, transport: Transport) -> None:
        self.server = server
        self.id = client_id
        self.transport = transport
        self.reader = Reader()
        self.out: list[bytes] = []  # encoded replies and pushes that the network has not taken yet
        self.effects = server.effects  # the server's own list, one attribute nearer
        self.db = server.databases[0]
        self.enc: Encoder = RESP2
        self.user = server.users.default
        self.authenticated = server.users.open
        self.reader.restricted = not self.authenticated
        self.name = b""
        self.lib_name = b""
        self.lib_version = b""
        self.created_ms = self.active_ms = server.clock.now_ms
        self.bytes_in = self.bytes_out = self.commands_done = 0
        self.last_spec: Spec | None = None
        self.queued: list[Argv] | None = None  # MULTI and what followed it
        self.queue_failed = False  # EXEC will refuse
        self.executing = False  # inside EXEC or a script: never block
        self.runs_for: Client | None = None  # whose script it is, if this executes the commands of one
        self.long_bytes = 0  # of long replies that this EXEC has made so far
        self.watched: list[Place] = []
        self.dirty = False  # a watched key changed
        self.parked: Parking | None = None
        self.backlog: list[Argv] = []  # commands behind the one that waits
        self.held = bytearray()  # what arrived while it waits
        self.reply_mode = "on"  # CLIENT REPLY: on, off, or skip: off for one command
        self.muted = False  # off or skip
        self.monitoring = False
        self.subscribed = False  # to a channel or a pattern, see Server.pubsub
        self.tracker: Tracker | None = None  # CLIENT TRACKING
        self.no_evict = False
        self.no_touch = False
        self.import_source = False  # CLIENT IMPORT-SOURCE, which counts in import-mode
        self.fieldsets: dict[bytes, Argv] | None = None  # HIMPORT: lists of fields, by name
        self.follower: Follower | None = None  # REPLCONF
        self.closing = False  # nothing more is read; closed once the replies are sent
        self.table: Table = server.table_of(self)

    def send(self, reply: bytes) -> None:
        """Queue bytes for the network outside of this client's own request."""
        self.out.append(reply)
        self.server.outbox[self] = None

    @property
    def caller(self) -> Client:
        """The client that wants what this one executes: itself, or whose script it is."""
        return self.runs_for or self

    def label(self) -> str:
        """Which client it is, for lines of the log."""
        name = f" name={self.name.decode('latin-1')}" if self.name else ""
        return f"{self.transport.address()} (id={self.id}{name})"

    def end_skip(self) -> None:
        """One command went by without its reply: if it was for CLIENT REPLY SKIP, answer again."""
        if self.reply_mode == "skip":
            self.reply_mode = "on"
            self.muted = False
            self.table = self.server.table_of(self)

    def read_any(self, key: bytes) -> Value | None:
        """The value under a key of the database, for a command that reads it: counts a hit or a miss."""
        value = self.db.get(key)
        if value is None:
            self.server.stats.keyspace_misses += 1
            self.note_miss(key)
        else:
            self.server.stats.keyspace_hits += 1
        return value

    def inspect(self, key: bytes) -> Value | None:
        """As `read_any`, but a miss is no event, and a hit no access."""
        value = self.db.peek(key)
        if value is None:
            self.server.stats.keyspace_misses += 1
        else:
            self.server.stats.keyspace_hits += 1
        return value

    def get_noting(self, key: bytes) -> Value | None:
        """The value under a key of the database; a miss is recorded, but neither is counted."""
        value = self.db.get(key)
        if value is None:
            self.note_miss(key)
        return value

    def note_miss(self, key: bytes) -> None:
        """Record, if somebody may want to know, that a command that reads did not find a key."""
        if self.server.notifications.misses:
            self.effects.append((self.db, key, "keymiss", None))

    def ask_about(self, key: bytes) -> Value | None:
        """As `read_any`, but a hit is no access to the value."""
        value = self.inspect(key)
        if value is None:
            self.note_miss(key)
        return value

    def read(self, key: bytes, kind: type[V]) -> V | None:
        """As `read_any`. Raises WRONGTYPE if it is not a `kind`; that is a hit."""
        value = self.db.values.get(key)
        if value.__class__ is kind and not value.expires_ms:  # most often; in one call
            self.server.stats.keyspace_hits += 1
            value.accessed = self.db.clock.second
            return value
        value = self.read_any(key)
        if value is None:
            return None
        if value.__class__ is not kind:
            raise wrong_type()
        return value

    def log_together(self, mark: int) -> None:
        """Let the log have the effects from `mark` on between MULTI and EXEC, unless it will anyway.

        Not needed where only one of them is logged. O(effects).
        """
        effects = self.effects
        logged = [effect[0] for effect in effects[mark:] if effect[3] is not None]
        if len(logged) > 1 and not self.executing:
            effects.insert(mark, (logged[0], None, None, [b"MULTI"]))
            effects.append((logged[-1], None, None, [b"EXEC"]))
            if self.server.eager:
                self.server.tracking.note_inserted(mark)
            self.server.changes_since_save -= 2  # these will be counted as the others are

    def make_room(self, size: int) -> None:
        """Account for a long reply of `size` bytes, which is made or about to be. O(replies of this tick).

        If more would wait than `client-output-buffer-limit` allows, the client is closed, and raises Closing:
        a batch of reads is not executed to its end for somebody who cannot have the replies.
        """
        server = self.server
        hard, _, _ = server.output_limit(self)
        if not hard or self.muted or self.id not in server.clients:
            return
        waiting = self.transport.output_bytes() + sum(map(len, self.out)) + size
        if self.executing:  # its replies are sent behind EXEC
            waiting += self.long_bytes
            self.long_bytes += size
        if waiting - UNCOUNTED_BYTES >= hard:
            server.close_for_output(self, waiting)
            raise Closing

    def park(
        self,
        argv: Argv,
        keys: Sequence[WaitKey],
        timeout_ms: int,
        timeout_reply: bytes,
        look: Look | None = None,
        alarm_ms: int = 0,
    ) -> bytes:
        """Wait until one of `keys` changes, then execute `argv` again. For `look` see `Parking`.

        `alarm_ms`, if given, is when to look again at the latest (Unix time).

        After `timeout_ms` (0: never) the answer is `timeout_reply`. Where blocking is not allowed
        that is the answer at once, else raises Parked.
        """
        if self.executing:
            return timeout_reply
        if self.parked is None:
            deadline_ms = self.server.clock.now_ms + timeout_ms if timeout_ms else 0
            self.parked = Parking(argv, keys, deadline_ms, timeout_reply, look)
            self.server.waiting.add(self, self.parked)
        if alarm_ms:
            self.server.waiting.set_alarm(self, alarm_ms)
        raise Parked


def _unset(*_: object) -> NoReturn:
    raise RuntimeError("the engine has not been built")


class Provided:
    """What the layers above provide, each by the name that those below call it."""

    frequencies: Frequencies
    limit: Limit

    def __init__(self) -> None:
        self.flags_of_script: Callable[[Server, Spec, Argv], Flag] = _unset  # what a call of EVAL needs
        self.serve_meanwhile: Callable[[], None] = lambda: None  # the event loop, from inside a long command
        self.log: Callable[[str, str], None] = _unset  # a level and a line
        self.client_info: Callable[[Client], bytes] = _unset  # the line of CLIENT INFO
        self.table_of: Callable[[Client], Table] = _unset  # the table that a client's mode calls for
        self.retable_all: Callable[[], None] = _unset  # what tables depend on has changed
        self.set_gate: Callable[[str, Gate | None], None] = _unset  # put up, or take away, what may refuse
        self.drain: Callable[[], None] = _unset  # act on the effects so far
        self.rewrite_log: Callable[[bool], bool] = _unset  # BGREWRITEAOF; see `Persistence`
        self.save: Callable[[], None] = _unset  # SAVE
        self.save_in_background: Callable[[bool, bool], bool] = _unset  # see `Dumps`
        self.note_flushed: Callable[[], None] = _unset  # FLUSHALL, if there is or shall be a snapshot
        self.cancel_save: Callable[[], bytes] = _unset  # see `Dumps.cancel`
        self.reload_log: Callable[[], None] = _unset  # write it, forget everything, load it
        self.reload_dump: Callable[[bool, bool, bool], None] = _unset  # see `Dumps`
        self.send_snapshot: Callable[[Client], None] = _unset  # to a client; see `Transfers`
        self.start_backup: Callable[[], None] = _unset  # BACKUP START, and so on; see `Backups`
        self.seal_backup: Callable[[Client, Argv], bytes] = _unset
        self.abort_backup: Callable[[], None] = _unset
        self.clean_backup: Callable[[], None] = _unset
        self.connect_peer: ConnectPeer = unreachable  # another server
        self.shut_down: Callable[[str], None] = _unset  # leave the event loop; the log gets the reason


class Server(Provided):
    """Everything that is not one connection's."""

    def __init__(
        self, config: Config, clock: Clock, rng: Random, specs: dict[str, Spec], users: Users
    ) -> None:
        super().__init__()
        self.config = config
        self.clock = clock
        self.rng = rng
        self.specs = {name: spec.fresh() for name, spec in specs.items() if "|" not in name}
        for spec in list(self.specs.values()):
            self.specs |= spec.subcommands
        self.users = users
        self.access_log = AccessLog()
        self.effects: Effects = []  # of the commands since the last drain, in order
        self.rubble = Rubble()  # of emptied databases and large values
        self.databases, self.expiry = databases(config.databases, clock, self.effects, self.rubble)
        self.clients: dict[int, Client] = {}
        self.next_client_id = 1
        self.outbox: dict[Client, None] = {}  # clients with something to send
        self.closing: dict[Client, bool] = {}  # to be closed at the end of the tick; True: unsent or not
        self.pubsub = PubSub(self.outbox, self.defer)
        self.notifications = Notifications[Client](self.effects, self.databases, self.pubsub.publish)
        self.tracking = Tracking[Client](self.effects, self.clients, rng)
        self.deferred: list[tuple[Client, bytes]] = []  # pushes for behind the reply that is being made
        self.stats = Statistics()
        self.read_counts: dict[int, ReadCounts] = {}  # by client, from compat-version 8.8 on
        self.latency = LatencyMonitor()
        self.tally: Tally[Spec] = Tally()
        self.run_id, self.replication_id = (f"{rng.getrandbits(160):040x}" for _ in range(2))
        self.started_ms = clock.now_ms
        self.gauge = Gauge()  # memory in use
        self.active_expiry = True  # DEBUG SET-ACTIVE-EXPIRE

        self.eager: set[str] = set()  # why effects are drained after every command: WAITING, …
        self.watchers = Watchers[Client]()
        self.waiting = Waiting[Client](self.eager)
        self.monitors: dict[Client, None] = {}
        self.paused_until_ms, self.pause_all = 0, False  # CLIENT PAUSE; 0: not paused; not writes alone

        self.slow_log = SlowLog()
        self.large_requests, self.large_replies = SlowLog(), SlowLog()  # see `large`
        self.hotkeys: Session | None = None  # of HOTKEYS, that runs, or ran last
        self.accounting: Accounting | None = None  # while accesses are more than stamps

        self.aof: AppendOnlyFile | None = None  # where effects go
        self.loading = False
        self.loading_bytes = self.loading_total = self.loading_since_ms = 0  # of the log; Unix time
        self.saves = Saves(clock.now_ms // 1000)
        self.changes_since_save = 0
        self.backup = BackupStatus()  # what is known of the backup that is made, or was made last

        self.gates: dict[str, Gate] = {}  # modes of the whole server, by name
        self.scripts_may_all = False  # DEBUG SET-DISABLE-DENY-SCRIPTS
        self.scripts: Any = None  # commands.scripthost.ScriptHost, from the first script on
        self.libraries: Any = None  # commands.libraries.Libraries, of functions
        self.script_tables: dict[Any, Any] = {}  # see commands.scripttable

        self.busy: Busy | None = None

    @property
    def kept_log(self) -> AppendOnlyFile | None:
        """The log that the data are kept in: `aof`, unless that is a backup's alone."""
        return None if self.aof is None or self.aof.temporary else self.aof

    @property
    def log_is_beginning(self) -> bool:
        """Whether a log that was switched on is not whole yet: to stop now would lose what is in memory."""
        return self.kept_log is not None and self.kept_log.is_beginning

    @property
    def redis_version(self) -> str:
        """The version that clients are told."""
        return ".".join(map(str, self.config.compat_version))

    @property
    def commands_executed(self) -> int:
        """Commands executed since the statistics began. O(commands declared)."""
        self.count_done()
        return sum([spec.calls for spec in self.specs.values()])

    def count_done(self) -> None:
        """Count what was executed, and share out the time it took. O(commands since the last time)."""
        self.tally.settle(tracking=self.config.latency_tracking)
        for spec in self.specs.values():
            if len(spec.latencies.steps) > STEPS_KEPT:
                spec.latencies.settle()

    # -- users -------------------------------------------------------------------------------------

    def knows(self, client: Client) -> bool:
        """Whether a client need not authenticate, or has done so."""
        return client.authenticated or self.users.open

    def note_users(self, users: Container[User]) -> None:
        """Let a change of users take effect on their connections. O(clients)."""
        for client in self.clients.values():
            if client.user in users:
                client.reader.restricted = not self.knows(client)
                client.table = self.table_of(client)

    def may_listen(self, client: Client) -> bool:
        """Whether a client may still listen to all that it listens to. O(subscriptions)."""
        permissions, pubsub = client.user.permissions, self.pubsub
        return permissions is None or (
            permissions.allow_channels([*pubsub.channels.names(client), *pubsub.shard_channels.names(client)])
            and permissions.allow_patterns(pubsub.patterns.names(client))
        )

    # -- waiting -----------------------------------------------------------------------------------

    def unpause(self) -> None:
        """End CLIENT PAUSE."""
        self.paused_until_ms = 0
        self.pause_all = False
        self.set_gate("pause", None)
        self.expiry.kept = self.config.import_mode
        self.waiting.retry(UNPAUSED)
        keys = [where for where in self.waiting.queues if isinstance(where, tuple)]
        self.waiting.ready |= dict.fromkeys(keys)  # something may have come meanwhile

    def resume(self, client: Client, reply: bytes) -> None:
        """End a client's wait with `reply`; what it sent meanwhile is executed later in this tick."""
        self.waiting.remove(client)
        if client.muted:
            client.end_skip()
        else:
            client.send(reply)
        self.waiting.resumed.append(client)

    def settle_watching(self, by: Client) -> None:
        """Bring it up to date who watches what, for a command that tells; in EXEC that is so at its end."""
        if self.watchers and self.effects and not by.executing:
            self.drain()

    # -- subscriptions -----------------------------------------------------------------------------

    def note_subscriptions(self, client: Client) -> None:
        """Let a client be in the mode that its subscriptions and its protocol call for."""
        subscribed = self.pubsub.subscribed(client)
        if subscribed is not client.subscribed:
            client.subscribed = subscribed
            client.table = self.table_of(client)

    def note_protocol(self, client: Client) -> None:
        """A client that is subscribed chose a version of the protocol. O(subscriptions)."""
        self.pubsub.changed(client)
        client.table = self.table_of(client)

    def unsubscribe(self, client: Client) -> None:
        """End all its subscriptions. O(subscriptions)."""
        if client.subscribed:
            self.pubsub.leave(client)
            self.note_subscriptions(client)

    def defer(self, client: Client, push: bytes) -> None:
        """Send a push to the client whose command is being executed, behind the reply to that."""
        self.deferred.append((client, push))
        self.eager.add(DEFERRED)
        self.effects.append((client.db, None, None, None))  # so that there is something to be drained

    def send_deferred(self) -> None:
        """A reply has been made: send the pushes that had to wait for it."""
        for client, push in self.deferred:
            client.send(push)
        self.deferred.clear()
        self.eager.discard(DEFERRED)

    # -- tracking ----------------------------------------------------------------------------------

    def track(self, client: Client, tracker: Tracker, prefixes: Sequence[bytes]) -> None:
        """Let a client be told which keys have changed. O(prefixes)."""
        if TRACKING not in self.eager:
            self.script_tables.clear()
            self.eager.add(TRACKING)
        self.tracking.start(client, tracker, prefixes)
        client.table = self.table_of(client)

    def untrack(self, client: Client) -> None:
        """Tell a client nothing more. O(prefixes)."""
        if client.tracker is None:
            return
        self.tracking.stop(client)
        client.table = self.table_of(client)
        if not self.tracking.trackers:
            self.script_tables.clear()
            self.eager.discard(TRACKING)

    # -- connections -------------------------------------------------------------------------------

    def close(self, client: Client, *, at_once: bool = False) -> None:
        """Close the connection at the end of the tick, once its output is sent, or at once."""
        self.unsubscribe(client)
        self.untrack(client)
        self.waiting.remove(client)  # nothing that arrives meanwhile may be lost to it
        client.closing = True
        if at_once:
            client.out.clear()
        self.closing[client] = at_once or self.closing.get(client, False)

    def output_limit(self, client: Client) -> OutputLimit:
        """How much output may wait for a client: `client-output-buffer-limit` of its class."""
        if not self.knows(client):
            return STRANGER_LIMIT
        return self.config.client_output_buffer_limit["pubsub" if client.subscribed else "normal"]

    def close_for_output(self, client: Client, waiting: int) -> None:
        """Close a client at once for whom so many bytes wait."""
        if not client.closing:
            self.stats.output_limit_closed += 1
            self.log(
                "warning",
                f"Client {client.label()} closed: {waiting} bytes of output waiting exceed "
                "client-output-buffer-limit",
            )
        self.close(client, at_once=True)

    @property
    def present_ms(self) -> int:
        """The Unix time that times to live count from; while the log is loaded, when that began."""
        return self.clock.now_ms or self.loading_since_ms

    def has_passed(self, at_ms: int) -> bool:
        """Whether a key or a field that gets this deadline is to be deleted at once."""
        return at_ms <= self.clock.now_ms and not (self.loading or self.config.import_mode)

    @property
    def expires_actively(self) -> bool:
        """Whether what has expired is deleted though nobody asks for it."""
        return self.active_expiry and not (self.loading or self.paused_until_ms or self.config.import_mode)

    def find_spec(self, argv: Argv) -> Spec | None:
        """The declaration of the command in `argv`; of the subcommand where there is one."""
        name = argv[0].decode("latin-1").upper()
        spec = self.specs.get(name) if "|" not in name else None
        if spec is not None and spec.subcommands and len(argv) > 1:
            return spec.subcommands.get(f"{name}|{argv[1].decode('latin-1').upper()}")
        return spec
