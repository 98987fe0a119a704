"""The event loop.

Its phases are those of Redis: poll → read every ready client and execute all its complete commands → write
the append-only file once → send every reply.

Replies leave after the log was written, so nothing is acknowledged that the kernel does not have. If the
write fails, the output of that tick is held, writes are refused with MISCONF, reads go on, and every later
tick tries again. A failed fsync stops the server: what the disk holds is unknown then.

Own loop instead of asyncio or uvloop: 0.94 µs per pipelined command against 1.13 and 1.02 to 1.15.
"""

from __future__ import annotations

import errno
import gc
import signal
import socket
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from respq.clock import stopwatch_ns
from respq.config import ConfigError
from respq.effects.files import AofError, DamagedError, Files
from respq.effects.kernel_sync import new_syncer
from respq.effects.syncing import Syncer
from respq.engine import Engine
from respq.net.connection import READ_BYTES, Address, Connection, is_local
from respq.net.group_commit import GroupCommit
from respq.net.listeners import ListenError, close_listeners, open_listeners
from respq.net.memory import free_memory
from respq.net.peers import PeerConnection
from respq.net.poller import READ, WRITE, Poller, new_poller
from respq.net.sending import Sender
from respq.net.settings import RESERVED_DESCRIPTORS, apply_changes, clients_possible
from respq.persistence import Persistence

if TYPE_CHECKING:
    from respq.config import Config
    from respq.log import Log

KEPT_BYTES = 4 << 20  # freed memory of this length is not given back to the system at once
SLICE_US = 250  # of deleting, and of packing; then clients are served, for 1 ms at least
REFUSALS_NOTED_MS = 1000  # between lines about clients turned away


class StoppedError(Exception):
    """The server was told to stop while it was loading; there is nothing to be saved."""


class BrokenEngineError(Exception):
    """A bug was met half-way through a change: nothing of this tick may be acknowledged or logged."""


class Loop:
    """Sockets on one side, the engine on the other."""

    def __init__(self, config: Config, log: Log, engine: Engine, poller: Poller | None = None) -> None:
        self.config = config
        self.log = log
        self.engine = engine
        self.server = engine.server
        self.poller = poller or new_poller()
        self.listeners: list[socket.socket] = []
        self.connections: dict[int, Connection] = {}
        self.others: dict[int, Callable[[], None]] = {}  # what to do when a listener or a signal is ready
        self.running = True
        self._events: list[tuple[int, int]] = []  # of this tick: what is ready, as far as it is to be served
        self.accepting = True  # as long as there are descriptors
        self.last_cron_ms = self.next_cron_ms = self.next_slice_ms = 0
        self.free_memory = free_memory()
        self._wakeup: tuple[socket.socket, ...] = ()  # ours and that of signals
        self._refused = Counter[str]()  # clients turned away since that was last logged, by reason
        self._refusals_noted_ms = 0
        self.persistence = Persistence(engine)
        self.sender = Sender(self.server, self.poller, self.connections)
        self.group_commit = GroupCommit(self.server, self.sender)
        self.persistence.new_syncer = self._new_syncer
        self.server.shut_down = self.stop
        self.server.connect_peer = PeerConnection
        self.server.serve_meanwhile = partial(self.tick, 0)
        apply_changes(self)

    # -- life --------------------------------------------------------------------------------------

    def open(self) -> None:
        """Listen. Raises ListenError."""
        self.add_listeners(open_listeners(self.config))

    def load(self) -> None:
        """Load the data, answering clients now and then meanwhile. Raises AofError, and StoppedError."""
        self.persistence.start(pause=self._pause_loading)

    def _pause_loading(self) -> None:
        self.tick(0)
        if not self.running:
            raise StoppedError

    def add_listeners(self, listeners: list[socket.socket]) -> None:
        """Let in who connects to them."""
        self.listeners += listeners
        for listener in listeners:
            self._watch(listener.fileno(), partial(self._let_in, listener))

    def remove_listeners(self, listeners: list[socket.socket]) -> None:
        """Close them, after letting in who has connected already."""
        for listener in listeners:
            self._accept(listener, self.config.tcp_backlog + 1)
            self.listeners.remove(listener)
            self._unwatch(listener.fileno())
            listener.close()

    def addresses(self) -> str:
        """Where it listens, for people."""
        return ", ".join(_where(listener) for listener in self.listeners)

    def catch_signals(self) -> None:
        """Turn signals into readiness: SIGTERM and SIGINT stop the loop, SIGHUP reopens the log file."""
        ours, pythons = socket.socketpair()
        ours.setblocking(False)
        pythons.setblocking(False)
        self._wakeup = (ours, pythons)
        signal.set_wakeup_fd(pythons.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, _nothing)
        self._watch(ours.fileno(), self._on_signal)

    def stop(self, reason: str) -> None:
        """Leave the loop at the end of this tick. Nothing more is executed: the last snapshot is written."""
        self.log.warning(f"Shutting down: {reason}")
        self.running = False
        self._events.clear()

    def run(self) -> None:
        """Serve until told to stop. Raises SyncError if the log can no longer be trusted."""
        while self.running:
            self.tick(self._timeout())

    def close(self) -> None:
        """Close every socket."""
        close_listeners(self.listeners, self.config)
        for connection in list(self.connections.values()):
            self._drop(connection)
        for sock in self._wakeup:
            sock.close()
        self.poller.close()

    def _watch(self, fd: int, act: Callable[[], None]) -> None:
        self.others[fd] = act
        self.poller.register(fd, READ)

    def _unwatch(self, fd: int) -> None:
        del self.others[fd]
        self.poller.unregister(fd)

    def _on_signal(self) -> None:
        try:
            numbers = self._wakeup[0].recv(4096)
        except BlockingIOError:
            return  # a turn within this one, while a script ran, has read them
        for number in numbers:
            if number == signal.SIGHUP:
                self.log.reopen()
                self.log.notice("Log file reopened")
            elif number in {signal.SIGTERM, signal.SIGINT} and self.server.busy is not None:
                self._wakeup[1].send(bytes([number]))  # for the next turn: half a script must not be saved
            elif number in {signal.SIGTERM, signal.SIGINT}:
                config = self.config
                how = config.shutdown_on_sigint if number == signal.SIGINT else config.shutdown_on_sigterm
                if self.persistence.is_ready_to_stop(how):
                    self.stop(f"received {signal.Signals(number).name}")

    # -- one tick ----------------------------------------------------------------------------------

    def tick(self, timeout_s: float) -> None:
        """Wait for something to do, do it, write the log, answer."""
        self._events = events = self.poller.poll(timeout_s)
        start_ns = stopwatch_ns()
        connections = self.connections
        receive = self.engine.receive
        if self.server.waiting.queues and len(events) > 1:
            self._drop_hung_up(events)
        self.server.stats.reads += len(events)
        self.group_commit.idle = not events
        for fd, mask in events:
            connection = connections.get(fd)
            if connection is None:
                self._serve_other(fd)
                continue
            if mask & WRITE and self.sender.write_queued(connection):
                self._drop(connection)
                continue
            if mask & ~WRITE:
                try:
                    data = connection.recv(connection.read_bytes)
                except BlockingIOError:
                    continue
                except OSError:
                    data = b""
                if len(data) >= READ_BYTES:
                    connection.note_read(data)
                if data:
                    receive(connection.client, data)
                else:
                    self._drop(connection)
        self._finish(start_ns)

    def _drop_hung_up(self, events: list[tuple[int, int]]) -> None:
        """Who waits and has hung up must not be served what another pushes in this tick.

        Only looked for: what a client sends while it waits keeps its place among the others of the tick.
        """
        for fd, _ in events:
            connection = self.connections.get(fd)
            if connection is not None and connection.client.parked is not None and connection.hung_up():
                self._drop(connection)

    def _serve_other(self, fd: int) -> None:
        """A listener or a signal is ready, or a connection that was closed earlier in this tick."""
        act = self.others.get(fd)
        if act is not None:
            act()

    def _finish(self, start_ns: int) -> None:
        """Everything after the reads: timers, the log, the replies."""
        engine, server, clock = self.engine, self.server, self.engine.clock
        clock.refresh()
        now_ms = clock.now_ms
        if server.busy is None:
            self._act_on_time(now_ms)
        if server.tracking.changed:
            server.tracking.broadcast()
        if engine.broken:
            raise BrokenEngineError(engine.broken)
        self._write_log(now_ms)
        if server.outbox:
            self.sender.send_all()
        if server.closing:
            self._close_marked()
        elapsed_us = (stopwatch_ns() - start_ns) // 1000
        stats = server.stats
        stats.loop_cycles += 1
        stats.loop_us += elapsed_us
        stats.longest_tick_us = max(stats.longest_tick_us, elapsed_us)

    def _act_on_time(self, now_ms: int) -> None:
        """What is due, and what clients sent while they waited."""
        engine = self.engine
        deadline_ms = engine.next_deadline_ms()
        if deadline_ms is not None and deadline_ms <= now_ms:
            engine.on_time()
        if self.next_cron_ms - now_ms > 1000 // self.config.hz:  # the system's time was put back
            engine.bear_with_time(self.last_cron_ms)
            self.next_cron_ms = self.next_slice_ms = now_ms
        if now_ms >= self.next_slice_ms:
            self._do_slice(now_ms)
        if self.config.maxmemory:
            engine.limit_memory()
        if self.config.maxmemory_clients:
            engine.limit_clients()
        if now_ms >= self.next_cron_ms:
            self._cron(now_ms)
        if self.server.waiting.resumed and self.running:
            engine.resume_clients()

    def _timeout(self) -> float:
        """Seconds until the next timer."""
        if self.server.waiting.resumed or self.group_commit.wants_a_look():
            return 0  # a sync has ended, or waits for what may have come
        next_ms = min(self.next_cron_ms, self.next_slice_ms)
        deadline_ms = self.engine.next_deadline_ms()
        if deadline_ms is not None and deadline_ms < next_ms:
            next_ms = deadline_ms
        clock = self.engine.clock
        clock.refresh()
        return max(0, min(next_ms - clock.now_ms, 1000 // self.config.hz)) / 1000

    # -- the log -----------------------------------------------------------------------------------

    def _write_log(self, now_ms: int) -> None:
        """Write what this tick logged; what it would have answered waits until that has succeeded."""
        if not self.persistence.flush(now_ms):
            self.sender.hold_output()
        elif self.persistence.caught_up:
            self.sender.release_output()
        self.sender.send_synced()

    def _new_syncer(self, files: Files) -> Syncer:
        """What syncs a log: when a sync has ended, the output that has waited for it may leave."""
        syncer = new_syncer(files)
        self._watch(syncer.fd, partial(self._take_sync, syncer))
        syncer.unwatch = partial(self._unwatch, syncer.fd)
        syncer.is_due = self.group_commit.is_due
        return syncer

    def _take_sync(self, syncer: Syncer) -> None:
        """A sync has ended. Who waited for it is answered at once, unless another is to begin first."""
        syncer.collect()
        aof = self.server.aof
        if aof is not None and aof.writer.synced == aof.writer.position:
            self.sender.send_synced()

    # -- connections -------------------------------------------------------------------------------

    def _let_in(self, listener: socket.socket) -> None:
        self._accept(listener, self.config.max_new_connections_per_cycle)

    def _accept(self, listener: socket.socket, most: int) -> None:
        """Let in, or turn away, at most so many of those who have connected."""
        for _ in range(most):
            try:
                sock, peer = listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
                    self._stop_accepting(error)
                return
            sock.setblocking(False)
            try:
                self._receive(sock, peer)
            except OSError:  # it has hung up already, and has no options any more
                sock.close()

    def _receive(self, sock: socket.socket, peer: Address) -> None:
        """Let a client in, or tell it why not. Raises OSError."""
        refusal = self._refusal(peer)
        if refusal is not None:
            reply, reason = refusal
            self.server.stats.rejected_connections += 1
            self._refused[reason] += 1
            _send_and_close(sock, reply)
        else:
            self._admit(sock, peer)

    def _note_refusals(self, now_ms: int) -> None:
        """Tell the log who was turned away, in a line per second and reason at most."""
        if self._refused and not 0 <= now_ms - self._refusals_noted_ms < REFUSALS_NOTED_MS:
            for reason, count in self._refused.items():
                self.log.warning(f"Turned {count} clients away: {reason}")
            self._refused.clear()
            self._refusals_noted_ms = now_ms

    def _stop_accepting(self, error: OSError) -> None:
        """Out of descriptors: let clients wait until the next timer, instead of trying again at once."""
        self.log.warning(f"Cannot accept a client: {error.strerror}")
        self.accepting = False
        for listener in self.listeners:
            self.poller.modify(listener.fileno(), 0)

    def _go_on_accepting(self) -> None:
        self.accepting = True
        for listener in self.listeners:
            self.poller.modify(listener.fileno(), READ)

    def _refusal(self, peer: Address) -> tuple[bytes, str] | None:
        """Why this client may not come in: the reply, and the words for the log."""
        config = self.config
        if len(self.connections) >= config.maxclients:
            return b"-ERR max number of clients reached\r\n", f"maxclients is {config.maxclients}"
        if config.protected_mode and self.engine.server.users.default.nopass and not is_local(peer):
            return PROTECTED, "protected-mode"
        return None

    def _admit(self, sock: socket.socket, peer: Address) -> None:
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _keep_alive(sock, self.config.tcp_keepalive)
        connection = Connection(sock, peer)
        self.connections[connection.fd] = connection
        connection.client = self.engine.connect(connection)
        self.poller.register(connection.fd, READ)

    def _drop(self, connection: Connection) -> None:
        """Close a connection now."""
        if self.connections.get(connection.fd) is not connection:
            return
        del self.connections[connection.fd]
        self.poller.unregister(connection.fd)
        self.engine.disconnect(connection.client)
        del connection.client  # which knows the connection: no cycle may stay behind
        connection.sock.close()

    def _close_marked(self) -> None:
        """Close who is to be closed, after what was queued for them was offered."""
        closing = self.server.closing
        while closing:
            client, at_once = closing.popitem()
            connection: Connection = client.transport  # type: ignore[assignment]  # ours
            if self.connections.get(connection.fd) is not connection:
                continue
            if at_once or not connection.output_bytes():
                self._drop(connection)
            elif connection.held or connection.unsynced_bytes:
                self.poller.modify(connection.fd, 0)  # closed when the sender has let it speak
            else:
                connection.writable_wanted = True
                self.poller.modify(connection.fd, WRITE)

    # -- timers ------------------------------------------------------------------------------------

    def _cron(self, now_ms: int) -> None:
        """What is done `hz` times a second."""
        self.last_cron_ms = now_ms
        self.next_cron_ms = now_ms + 1000 // self.config.hz
        self.engine.clock.turn()
        self.server.stats.sample(now_ms, self.server.commands_executed)
        self.persistence.cron(now_ms)
        self._look_after_clients(now_ms)
        self._note_refusals(now_ms)
        if not self.accepting:
            self._go_on_accepting()
        _collect_garbage()
        if self.free_memory is not None:
            self.free_memory.look(now_ms)

    def _do_slice(self, now_ms: int) -> None:
        """Delete some of what expired or was flushed, pack some of what is large; go on soon if need be."""
        self.engine.expire_keys(SLICE_US)
        self.engine.clear_away(SLICE_US)
        more = self.engine.pack(SLICE_US) or self.server.rubble or self._has_expired(now_ms)
        self.next_slice_ms = now_ms + (1 if more else 1000 // self.config.hz)

    def _has_expired(self, now_ms: int) -> bool:
        """Whether there are keys or fields to be deleted that may be."""
        server = self.server
        return server.expires_actively and any(db.has_due(now_ms) for db in server.databases)

    def _look_after_clients(self, now_ms: int) -> None:
        """Enforce `timeout`, the soft output limit, and the query limit for what MULTI has queued."""
        timeout_ms = self.config.timeout * 1000
        for connection in self.connections.values():
            client = connection.client
            if connection.soft_since_ms:
                self.sender.check_limit(connection)
            if client.queued is not None:
                self.engine.limit_query(client)
            idle = client.parked is None and not client.subscribed
            if timeout_ms and idle and now_ms - client.active_ms > timeout_ms:
                self.log.verbose(f"Client {client.label()} closed: idle for longer than timeout")
                self.server.close(client)


def run(config: Config, log: Log, listening: Callable[[], None] = lambda: None) -> int:
    """Serve until a signal or SHUTDOWN; return the exit status. Calls `listening` once the ports are ours.

    Automatic garbage collection is to be off.
    """
    _fit_descriptors(config, log)
    loop = Loop(config, log, Engine(config, log=log.write))
    gc.freeze()  # 40 KB of cycles that importing leaves behind; to look for them would take 25 ms
    _keep_freed_memory()
    try:
        loop.open()
        listening()
        loop.catch_signals()
        loop.load()
        gc.freeze()
        log.notice(f"Ready to accept connections on {loop.addresses()}")
        loop.run()
        loop.persistence.close()
        loop.sender.send_synced()
    except DamagedError as error:
        log.fail(f"{error}; respq check {config.dir} tells what can be loaded, and what --fix would cut off")
        return 1
    except (ListenError, AofError, BrokenEngineError) as error:
        log.fail(str(error))
        return 1
    except StoppedError:
        log.notice("The data had not been loaded yet")
    except Exception as error:  # noqa: BLE001  # a bug of ours
        loop.persistence.rescue()
        log.fail_unexpectedly(error)
        return 1
    finally:
        loop.close()
    log.notice("Stopped")
    return 0


PROTECTED = (
    b"-DENIED respq is running in protected mode: no password is set and this connection does not come from "
    b"the machine itself. Set one with requirepass, or connect from the loopback interface, or set "
    b"protected-mode no if everybody who can reach this port may use it.\r\n"
)


def _nothing(*_: object) -> None:
    """Handle a signal: the loop learns of it through the wake-up descriptor."""


def _where(listener: socket.socket) -> str:
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return str(name)
    return f"[{name[0]}]:{name[1]}" if listener.family == socket.AF_INET6 else f"{name[0]}:{name[1]}"


def _keep_alive(sock: socket.socket, seconds: int) -> None:
    """Let the kernel notice peers that vanished, within about twice `seconds`; 0 lets it be."""
    if not seconds:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", seconds),
        ("TCP_KEEPINTVL", max(1, seconds // 3)),
        ("TCP_KEEPCNT", 3),
    ):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _send_and_close(sock: socket.socket, data: bytes) -> None:
    try:
        sock.send(data)
    except OSError:
        pass
    sock.close()


def _fit_descriptors(config: Config, log: Log) -> None:
    """Lower `maxclients` to what the limit of open files allows. Raises ConfigError if that is nobody."""
    possible = clients_possible(config.maxclients)
    if not possible:
        raise ConfigError(
            "the limit of open files (ulimit -n) leaves none for clients: it must be"
            f" {RESERVED_DESCRIPTORS + 1} at least"
        )
    if possible < config.maxclients:
        log.warning(f"maxclients lowered from {config.maxclients} to {possible} for the limit of open files")
        config.maxclients = possible


def _keep_freed_memory() -> None:
    """Have malloc make long replies in memory that it has, instead of asking the system for it each time.

    glibc takes a long piece from the system and gives it back when it is freed, until it has seen a longer
    one be freed: each page of each reply of 128 KiB and more was filled with zeros by the kernel, which took
    longer than the reply. Nothing is touched here. Another malloc does as it does.
    """
    bytes(KEPT_BYTES)


def _collect_garbage() -> None:
    """Free cycles among the newest objects, then take all that is left out of the collector's sight.

    A full collection over four million messages would take 72 ms; what came since the last time is few. Never
    freeze without collecting: a cycle would be kept for ever.
    """
    gc.collect(1)
    gc.freeze()
