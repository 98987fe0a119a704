"""Fixtures of the core tests: an engine without sockets, on a clock that moves when told to."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import settings

from respq.clock import ManualClock
from respq.config import Config
from respq.engine import Engine
from respq.state import Client

settings.register_profile("respq", deadline=None)  # time decides nothing: the machine may be busy
settings.load_profile("respq")

START_MS = 1_700_000_000_000  # when tests begin


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

    def send(self, *words: bytes | str | int) -> bytes:
        """Send one command as an array of bulk strings."""
        argv = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        frames = [b"$%d\r\n%b\r\n" % (len(word), word) for word in argv]
        return self.feed(b"*%d\r\n%b" % (len(argv), b"".join(frames)))

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
