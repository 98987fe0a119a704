"""The two servers, each as it is shipped, with the append-only file synced every second."""

from __future__ import annotations

import compileall
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis

import respq
from compat.servers import Server, reference_binary


@dataclass(frozen=True)
class Side:
    """A server to measure: how it is started."""

    name: str
    command: list[str]
    directives: dict[str, str] = field(default_factory=dict)
    reports_ticks: bool = False  # INFO has the longest turn of the event loop

    @contextmanager
    def running(self) -> Iterator[Server]:
        """A fresh process on an empty directory, ended with the block."""
        with tempfile.TemporaryDirectory(prefix="bench-") as directory:
            server = Server(self.command, Path(directory), **self.directives)
            try:
                yield server
            finally:
                server.stop()


def reference(name: str = "Redis") -> Side:
    durable = {"save": "", "appendonly": "yes", "appendfsync": "everysec"}
    return Side(name, [str(reference_binary())], durable)


def candidate() -> Side:
    """respq as pip installs it: compiled, whatever the environment says of bytecode files."""
    compileall.compile_dir(Path(respq.__file__).parent, quiet=1)
    return Side("respq", [sys.executable, "-m", "respq", "serve"], reports_ticks=True)


def control(server: Server) -> redis.Redis:
    """A client for what is not measured; RESP2, as its RESP3 handshake counts as an error."""
    return redis.Redis(port=server.port, protocol=2, decode_responses=True, socket_timeout=120)


@contextmanager
def emptied(server: Server) -> Iterator[redis.Redis]:
    """A control connection to a server without data; fails if a command failed meanwhile."""
    with control(server) as client:
        client.flushall()
        before = errors(client)
        yield client
        if (failed := errors(client) - before) != 0:
            raise RuntimeError(f"{failed} commands of the workload were answered with an error")
        client.flushall()


def errors(client: redis.Redis) -> int:
    return int(client.info("stats")["total_error_replies"])


def await_rewrite(server: Server) -> None:
    """Wait until the log is not being rewritten, which a log that has grown sets off by itself."""
    with control(server) as client:
        while True:
            time.sleep(0.15)  # longer than the timer that would begin
            state = client.info("persistence")
            if not state["aof_rewrite_in_progress"] and not state["aof_rewrite_scheduled"]:
                return
