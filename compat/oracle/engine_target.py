"""respq's engine in this process: bytes in, bytes out, no socket.

Most runs happen here, because they cost a tenth of those against a process, can be repeated
exactly and can be patched with faults. What the event loop does after the reads of a tick is done
here in the same order: timers, clients that go on, the log, the replies.

The clock stands at the present when a case begins. Between two turns it moves on by a millisecond, so that
what a millisecond decides, as it may on a busy machine, is found here on any; and it moves when everybody
waits for a timeout. A server whose clock is too far ahead of the reference's is replaced.

The append-only file is the real one, in a directory of the caller's. After every case its tail is
executed by a second engine, whose keyspace must be the same.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from compat.oracle.case import KEEP_QUIET, LISTEN, NOTIFIED, NOTIFY, SPREAD, Case
from compat.oracle.targets import END, ROUNDS, Outcome
from compat.oracle.wire import Argv, Node, parse, render
from respq.clock import ManualClock
from respq.config import Config
from respq.effects.aof import AppendOnlyFile
from respq.effects.grammar import parse as parse_log
from respq.engine import Engine
from respq.loading import Loading
from respq.persistence import Persistence
from respq.state import Client

RUNS_PER_LOG = 2000  # then a new one, so that files stay small
LOGS = 2  # that are remembered
AHEAD_MS = 500  # of the present; times may differ by two seconds
FOREVER_MS = 60_000  # a deadline further away is none: those clients are unblocked in the end


class EngineTarget:
    """Our side of the comparison."""

    def __init__(self, directory: Path, restore: bytes = b"") -> None:
        self.directory = directory
        self.restore = render([b"SELECT", b"0"]) + render([b"FLUSHALL"]) + restore
        self.runs = 0
        self.notifying = False
        self._renew()

    def _renew(self) -> None:
        """A server as it is after its start, and one that will read its log."""
        self.clock = ManualClock(_now_ms())
        self.engine = _new_engine(self.clock, self.directory / f"{self.runs}")
        self.persistence = Persistence(self.engine)
        self.persistence.start(pause=lambda: None)
        self.control = self.engine.connect()
        self.reader = LogReader(self.directory)
        self.reloaded: dict[tuple[bytes, bytes], bytes] = {}  # keyspaces by logs, and what was asked of them

    # -- the interface of a target -----------------------------------------------------------------

    def ask(self, *argv: bytes) -> Node:
        return parse(self._exchange(self.control, render(list(argv))))[0]

    def run(self, case: Case, dump: bytes) -> Outcome:
        self._start_afresh()
        for argv in case.setup:
            self.ask(*argv)
        log_start = self._mark_log() if not case.setup else None
        clients = [self.engine.connect() for _ in range(case.clients)]
        if case.resp == 3:
            for client in clients:
                self._exchange(client, b"HELLO 3\r\n")
        if case.delivery == NOTIFIED:
            self._exchange(self.control, b"".join(map(render, NOTIFY)))
            self._exchange(clients[0], b"".join(map(render, LISTEN)))
            self.notifying = True
        streams, unblocked = self._deliver(case, clients)
        keyspace = self._exchange(self.control, dump)
        for client in clients:
            self.engine.disconnect(client)
        if log_start is None:
            return Outcome(streams, unblocked, keyspace)
        log = self._log_from(log_start)
        return Outcome(streams, unblocked, keyspace, log, self._reload(log, dump))

    def close(self) -> None:
        self.persistence.close()

    # -- delivering --------------------------------------------------------------------------------

    def _deliver(self, case: Case, clients: Sequence[Client]) -> tuple[list[bytes], list[bytes]]:
        streams = [b""] * len(clients)
        turns = case.turns([client.id for client in clients])
        later = case.seed % max(1, len(turns)) or 1  # the turn that begins a millisecond later
        unblocked = []
        if case.delivery == SPREAD:
            for at, (writes, (pause_ms, _)) in enumerate(zip(turns, case.openings(), strict=True)):
                self.clock.advance(int(at == later))
                self._pass_time(pause_ms)
                for number, data in writes:
                    self._receive(clients[number], data)
                self._finish_tick()
                _collect(clients, streams)
            unblocked = self._unblock(clients)
        else:
            for at, [(_, data)] in enumerate([*turns, [(0, END)]]):
                self.clock.advance(int(at == later))
                self._receive(clients[0], data)
                self._finish_tick()
                self._wait_for(clients[0])
        _collect(clients, streams)
        return streams, unblocked

    def _receive(self, client: Client, data: bytes) -> None:
        if not client.closing:  # else its socket would be gone
            self.engine.receive(client, data)

    def _unblock(self, clients: Sequence[Client]) -> list[bytes]:
        data = b"".join(b"CLIENT UNBLOCK %d\r\n" % client.id for client in clients)
        rounds = []
        for _ in range(ROUNDS):
            rounds.append(self._exchange(self.control, data))
            if b":1" not in rounds[-1]:
                break
        return rounds

    def _exchange(self, client: Client, data: bytes) -> bytes:
        self._receive(client, data)
        self._finish_tick()
        reply = b"".join(client.out)
        client.out.clear()
        return reply

    def _finish_tick(self) -> None:
        """What the event loop does after the reads."""
        engine, server = self.engine, self.engine.server
        engine.on_time()
        engine.resume_clients()
        server.tracking.broadcast()
        self.persistence.flush(self.clock.now_ms)
        engine.resume_clients()
        while server.closing:
            engine.disconnect(server.closing.popitem()[0])

    def _pass_time(self, ms: int) -> None:
        if ms:
            self.clock.advance(ms)
            self.engine.expire_keys(budget_us=1_000_000)
            self._finish_tick()

    def _wait_for(self, client: Client) -> None:
        """Let time pass as long as the client waits for some."""
        while client.parked is not None:
            deadline_ms = self.engine.next_deadline_ms()
            if deadline_ms is None or deadline_ms > self.clock.now_ms + FOREVER_MS:
                break
            self.clock.advance(max(1, deadline_ms - self.clock.now_ms))
            self._finish_tick()

    # -- between cases -----------------------------------------------------------------------------

    def _start_afresh(self) -> None:
        self.runs += 1
        ahead = self.clock.now_ms - _now_ms() > AHEAD_MS
        if self.runs % RUNS_PER_LOG == 0 or self.control.closing or ahead:
            self.close()
            self._renew()
        self.clock.advance(max(0, _now_ms() - self.clock.now_ms))
        if self.notifying:
            self._exchange(self.control, b"".join(map(render, KEEP_QUIET)))
            self.notifying = False
        self._exchange(self.control, self.restore)

    @property
    def _log(self) -> AppendOnlyFile:
        log = self.engine.server.aof
        assert log is not None
        return log

    def _mark_log(self) -> int:
        """The length of the log now; what follows can be read without what came before."""
        self._log.flush(self.clock.now_ms)
        self._log.selected_db = None
        return self._log.writer.size

    def _log_from(self, start: int) -> bytes:
        with self._log.writer.path.open("rb") as file:
            file.seek(start)
            return file.read()

    def _reload(self, log: bytes, dump: bytes) -> bytes:
        """The keyspace as a server has it that reads the log of this case.

        Most deliveries of a sequence leave the same log, which is read once.
        """
        if (keyspace := self.reloaded.get((log, dump))) is None:
            commands, used = parse_log(log)[:2]
            assert used == len(log)
            keyspace = self.reader.keyspace(commands, self.clock.now_ms, dump)
            if len(self.reloaded) == LOGS:
                del self.reloaded[next(iter(self.reloaded))]
            self.reloaded[log, dump] = keyspace
        return keyspace


class LogReader:
    """A second server: executes the log of one case after another and tells what it then holds.

    It is loading all the time, and is asked by a client that stands behind the gate which refuses others:
    to begin and to end loading builds the command tables anew, which took half of the time of a run.
    """

    def __init__(self, directory: Path) -> None:
        self.engine = _new_engine(ManualClock(_now_ms()), directory)
        self.loading = Loading(self.engine).__enter__()
        self.client = self.engine.connect()
        self.client.table = self.engine.tables.unguarded()

    def keyspace(self, log: Sequence[Argv], now_ms: int, dump: bytes) -> bytes:
        """The replies to `dump` of a server that has executed `log`."""
        self.loading.execute([[b"FLUSHALL"], [b"FUNCTION", b"FLUSH"], [b"SELECT", b"0"], *log])
        self.engine.clock.stand_at(now_ms)
        self.engine.receive(self.client, dump)
        replies = b"".join(self.client.out)
        self.client.out.clear()
        return replies


def _collect(clients: Sequence[Client], streams: list[bytes]) -> None:
    """Send what this tick produced."""
    for number, client in enumerate(clients):
        streams[number] += b"".join(client.out)
        client.out.clear()


def _new_engine(clock: ManualClock, directory: Path) -> Engine:
    directory.mkdir(exist_ok=True)
    settings = ("--appendfsync", "no", "--enable-debug-command", "yes", "--dir", str(directory))
    return Engine(Config.load(arguments=settings), clock, Random(1))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
