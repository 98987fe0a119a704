"""respq's engine in this process: bytes in, bytes out, no socket.

Most runs happen here, because they cost a tenth of those against a process, can be repeated
exactly and can be patched with faults. What the event loop does after the reads of a tick is done
here in the same order: timers, clients that go on, the log, the replies. The clock stands at the
present when a case begins and then moves only when everybody waits for a timeout.

The append-only file is the real one, in a directory of the caller's. After every case its tail is
executed by a second engine, whose keyspace must be the same.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

from respq.config import Config

from compat.oracle.case import SPREAD, Case
from compat.oracle.targets import END, ROUNDS, Outcome
from compat.oracle.wire import Node, parse, render
from respq.clock import ManualClock
from respq.effects.aof import AppendOnlyFile
from respq.engine import Engine
from respq.state import Client

RUNS_PER_LOG = 2000  # then a new one, so that files stay small
FOREVER_MS = 60_000  # a deadline further away is none: those clients are unblocked in the end


class EngineTarget:
    """Our side of the comparison."""

    def __init__(self, directory: Path, restore: bytes = b"") -> None:
        self.directory = directory
        self.restore = render([b"SELECT", b"0"]) + render([b"FLUSHALL"]) + restore
        self.clock = ManualClock(_now_ms())
        self.engine = _new_engine(self.clock)
        self.control = self.engine.connect()
        self.reader = _new_engine(self.clock)
        self.runs = itertools.count()
        self.log = self._new_log()

    # -- the interface of a target -----------------------------------------------------------------

    def ask(self, *argv: bytes) -> Node:
        return parse(self._exchange(self.control, render(list(argv))))[0]

    def run(self, case: Case, dump: bytes) -> Outcome:
        self._start_afresh()
        for argv in case.setup:
            self.ask(*argv)
        log_start = self._mark_log()
        clients = [self.engine.connect() for _ in range(case.clients)]
        if case.resp == 3:
            for client in clients:
                self._exchange(client, b"HELLO 3\r\n")
        streams, unblocked = self._deliver(case, clients)
        keyspace = self._exchange(self.control, dump)
        for client in clients:
            self.engine.disconnect(client)
        return Outcome(streams, unblocked, keyspace, self._reload(log_start, dump))

    def close(self) -> None:
        self.log.close(self.clock.now_ms)

    # -- delivering --------------------------------------------------------------------------------

    def _deliver(self, case: Case, clients: Sequence[Client]) -> tuple[list[bytes], list[bytes]]:
        streams = [b""] * len(clients)
        turns = case.turns([client.id for client in clients])
        unblocked = []
        if case.delivery == SPREAD:
            for writes, pause_ms in zip(turns, case.pauses_ms(), strict=True):
                self._pass_time(pause_ms)
                for number, data in writes:
                    self.engine.receive(clients[number], data)
                self._finish_tick()
            unblocked = self._unblock(clients)
        else:
            for [(_, data)] in [*turns, [(0, END)]]:
                self.engine.receive(clients[0], data)
                self._finish_tick()
                self._wait_for(clients[0])
        for number, client in enumerate(clients):
            streams[number] = b"".join(client.out)
        return streams, unblocked

    def _unblock(self, clients: Sequence[Client]) -> list[bytes]:
        data = b"".join(b"CLIENT UNBLOCK %d\r\n" % client.id for client in clients)
        rounds = []
        for _ in range(ROUNDS):
            rounds.append(self._exchange(self.control, data))
            if b":1" not in rounds[-1]:
                break
        return rounds

    def _exchange(self, client: Client, data: bytes) -> bytes:
        self.engine.receive(client, data)
        self._finish_tick()
        reply = b"".join(client.out)
        client.out.clear()
        return reply

    def _finish_tick(self) -> None:
        """What the event loop does after the reads."""
        engine, server = self.engine, self.engine.server
        engine.on_time()
        while server.resumed:
            engine.resume_clients()
        if self.log.flush(self.clock.now_ms):
            engine.log_written()
            while server.resumed:
                engine.resume_clients()
        while server.closing:
            engine.disconnect(server.closing.popitem()[0])

    def _pass_time(self, ms: int) -> None:
        if ms:
            self.clock.advance(ms)
            self.engine.expire_keys(budget_us=1_000_000)
            self.engine.cron()
            self._finish_tick()

    def _wait_for(self, client: Client) -> None:
        """Let time pass as long as the client waits for some."""
        while client.parked is not None:
            deadline_ms = self.engine.next_deadline_ms()
            if deadline_ms is None or deadline_ms > self.clock.now_ms + FOREVER_MS:
                break
            self.clock.advance(max(1, deadline_ms - self.clock.now_ms))
            self.engine.cron()
            self._finish_tick()

    # -- between cases -----------------------------------------------------------------------------

    def _start_afresh(self) -> None:
        self.clock.advance(max(0, _now_ms() - self.clock.now_ms))
        if next(self.runs) % RUNS_PER_LOG == RUNS_PER_LOG - 1:
            self.log.close(self.clock.now_ms)
            self.log = self._new_log()
        if self.control.closing:
            self.control = self.engine.connect()
        self._exchange(self.control, self.restore)

    def _new_log(self) -> AppendOnlyFile:
        log = AppendOnlyFile(self.directory / f"log{next(self.runs)}", fsync="no")
        log.open()
        log.load(lambda _commands: None)
        log.start(self.clock.now_ms)
        self.engine.server.aof = log
        return log

    def _mark_log(self) -> int:
        """The length of the log now; what follows can be read without what came before."""
        self.log.flush(self.clock.now_ms)
        self.log.selected_db = None
        return self.log.writer.size

    def _reload(self, start: int, dump: bytes) -> bytes:
        """The keyspace as a server has it that reads the log of this case."""
        with self.log.writer.path.open("rb") as file:
            file.seek(start)
            tail = file.read()
        client = self.reader.connect()
        self.reader.receive(client, b"FLUSHALL\r\n" + tail)
        client.out.clear()
        self.reader.receive(client, dump)
        self.reader.disconnect(client)
        return b"".join(client.out)


def _new_engine(clock: ManualClock) -> Engine:
    config = Config()
    config.set({"appendfsync": "no", "enable-debug-command": "yes"}, at_start=True)
    return Engine(config, clock, Random(1))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
