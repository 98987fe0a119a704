"""Fixtures of the core tests: an engine without sockets, on a clock that moves when told to."""

from __future__ import annotations

import gc
from pathlib import Path
from random import Random

import pytest
from hypothesis import settings

from respq.clock import ManualClock
from respq.config import Config
from respq.engine import Engine
from respq.persistence import Persistence
from respq.state import Client
from tests.effects.disk import Disk
from tests.effects.model import LaterSnapshot
from tests.resp import Word, encode

settings.register_profile("respq", deadline=None)  # time decides nothing: the machine may be busy
settings.load_profile("respq")

YOUNG_OBJECTS = 100_000  # a dozen engines, which are full of cycles

START_MS = 1_700_000_000_000  # when tests begin
DIRECTORY = Path("/data/appendonlydir")
INCREMENT = DIRECTORY / "appendonly.aof.1.incr.aof"
BASE = DIRECTORY / "appendonly.aof.1.base.rdb"

Data = dict[int, dict[bytes, tuple[list[list[bytes]], int]]]


def pytest_collection_finish() -> None:
    """Keep modules, tests and their reports out of garbage collections: these took a third of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


class Peer:
    """One connection to an engine: bytes in, bytes out."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.client: Client = engine.connect()

    def feed(self, data: bytes) -> bytes:
        """Let the server read `data`; return what it sends back within the same tick."""
        self.engine.receive(self.client, data)
        self.engine.resume_clients()
        self.engine.server.tracking.broadcast()
        return self.take()

    def send(self, *words: Word) -> bytes:
        """Send one command as an array of bulk strings."""
        return self.feed(encode(*words))

    def take(self) -> bytes:
        """What has been sent to this connection since the last look."""
        data = b"".join(self.client.out)
        self.client.out.clear()
        return data


class Workbench(Engine):
    """An engine with a hand-moved clock and peers."""

    clock: ManualClock

    def __init__(self, now_ms: int = START_MS, **directives: str) -> None:
        config = Config()
        config.set({"appendonly": "no", **directives}, at_start=True)
        super().__init__(config, ManualClock(now_ms), Random(1))

    def peer(self) -> Peer:
        """A new connection."""
        return Peer(self)

    def pass_time(self, ms: int) -> None:
        """Let `ms` milliseconds go by and do what falls due."""
        self.clock.advance(ms)
        self.on_time()
        self.expire_keys(budget_us=1_000_000)
        self.pack(budget_us=1_000_000)
        self.resume_clients()


class Kept(Workbench):
    """An engine whose log is on a disk in memory; database 0 is selected in it."""

    def __init__(self, disk: Disk | None = None, now_ms: int = START_MS, **directives: str) -> None:
        super().__init__(now_ms, **{"appendonly": "yes", "appendfsync": "no", "dir": "/data", **directives})
        self.lines: list[str] = []
        self.log = lambda level, line: self.lines.append(f"{level} {line}")
        self.disk = disk or Disk()
        self.persistence = Persistence(self, self.disk)
        self.persistence.take_snapshot = LaterSnapshot
        self.persistence.start(lambda: None)

    def written(self) -> bytes:
        """What the log got since the last look."""
        before = getattr(self, "_seen", 0)
        assert self.persistence.flush(self.clock.now_ms)
        data = self.disk.get(INCREMENT)
        self._seen = len(data)
        return data[before:]

    def data(self) -> Data:
        return {
            db.index: {key: (list(value.rebuild(key)), value.expires_ms) for key, value in db.values.items()}
            for db in self.server.databases
            if db.values
        }

    def restarted(self) -> Kept:
        """The server that starts on the disk as kill -9 leaves it."""
        return Kept(self.disk.after_kill(), self.clock.now_ms)

    def replays(self) -> bool:
        """Whether the log gives the data as they are."""
        return self.restarted().data() == self.data()


@pytest.fixture
def engine() -> Workbench:
    """A server with default settings and no log."""
    return Workbench()


@pytest.fixture
def alice(engine: Workbench) -> Peer:
    """The first connection."""
    return engine.peer()


@pytest.fixture
def bob(engine: Workbench) -> Peer:
    """The second connection."""
    return engine.peer()


@pytest.fixture
def carol(engine: Workbench) -> Peer:
    """The third connection."""
    return engine.peer()


@pytest.fixture
def kept() -> Kept:
    """A server with a log."""
    kept = Kept()
    kept.peer().send("SET", "warm", "up")
    kept.written()
    return kept


@pytest.fixture
def ann(kept: Kept) -> Peer:
    """A connection to it."""
    return kept.peer()
