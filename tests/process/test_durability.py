"""What was acknowledged is there after a restart, whatever ended the server; real processes, real files."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.exceptions import BusyLoadingError, RedisError, ResponseError
from redis.exceptions import ConnectionError as NoConnection

from tests.process.servers import PATIENCE_S, ROOT, Run, Server, Start, until
from tests.resp import encode


def directory_of(tmp_path: Path) -> Path:
    return tmp_path / "respq-data" / "appendonlydir"


def increment(tmp_path: Path) -> Path:
    """The file that is being written."""
    return max(directory_of(tmp_path).glob("*.incr.aof"), key=lambda path: int(path.name.split(".")[2]))


# -- the rewrite ----------------------------------------------------------------------------------


def is_running(pid: int) -> bool:
    """Whether a process has not ended, reaped or not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_rewrite_under_way_does_not_outlive_the_server_nor_hold_anything_of_it(tmp_path: Path) -> None:
    """The only way to have a rewrite take its time is to replace what writes the data."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, pathlib, signal, sys, time\n"
        "import respq.effects.snapshot as snapshot\n"
        "server, write = os.getpid(), snapshot.write_pieces\n"
        "def write_pieces(files, path, pieces, check, **how):\n"
        "    if os.getpid() == server:\n"
        "        return write(files, path, pieces, check, **how)\n"
        "    pathlib.Path('child').write_text(f'{os.getpid()} ')\n"
        "    if sys.platform == 'linux':\n"
        "        signal.pause()\n"  # the kernel ends it
        "    while True:\n"
        "        check()\n"
        "        time.sleep(0.01)\n"
        "snapshot.write_pieces = write_pieces\n"
    )
    server = Server(tmp_path, PYTHONPATH=f"{tmp_path}:{ROOT}")
    server.client.set("key", "value")
    server.client.bgrewriteaof()
    child = tmp_path / "child"
    until(lambda: child.exists() and child.read_text().endswith(" "), "the rewrite")
    pid = int(child.read_text())
    assert is_running(pid)
    if sys.platform == "linux":
        held = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir() if int(fd.name) > 2]
        assert [name.partition(":")[0] for name in held] == ["pipe"]
    server.stop(signal.SIGKILL)
    try:
        until(lambda: not is_running(pid), "the end of the rewrite")
    except AssertionError:
        os.kill(pid, signal.SIGKILL)
        raise
    again = Server(tmp_path)
    assert again.client.get("key") == "value"
    assert again.stop() == 0


def test_a_rewrite_does_not_keep_the_connections_of_clients(start: Start) -> None:
    server = start()
    server.client.set("key", "x" * 50_000_000)
    with socket.create_connection(("127.0.0.1", server.port)) as other:
        other.sendall(b"BGREWRITEAOF\r\nPING\r\n")
        until(lambda: server.client.info("persistence")["aof_rewrites"] or in_progress(server), "a rewrite")
        other.sendall(b"QUIT\r\n")
        other.settimeout(PATIENCE_S)
        data = b""
        while piece := other.recv(1000):
            data += piece
    assert data.endswith(b"+OK\r\n")


def in_progress(server: Server) -> bool:
    return bool(server.client.info("persistence")["aof_rewrite_in_progress"])


# -- a full disk -----------------------------------------------------------------------------------


class SmallDisk:
    """A file system of a MiB, under the server's feet. Raises OSError if this process may not mount one."""

    reason = "No space left on device"

    def __init__(self, place: Path) -> None:
        self.place = place
        command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
        if not shutil.which("mount") or subprocess.run(command, capture_output=True, check=False).returncode:
            raise OSError("cannot mount")

    def fill(self, server: Server) -> None:
        with (self.place / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
            while True:
                ballast.write(b"x" * 4096)

    def make_room(self, server: Server) -> None:
        (self.place / "ballast").unlink()

    def close(self) -> None:
        subprocess.run(["umount", "-l", str(self.place)], check=True)


class FileLimit:
    """The same by a limit to the length of files, which needs no privilege."""

    reason = "File too large"

    def __init__(self, place: Path) -> None:
        self.place = place

    def fill(self, server: Server) -> None:
        size = increment(self.place).stat().st_size + 1000
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def make_room(self, server: Server) -> None:
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, unlimited)

    def close(self) -> None:
        pass


Space = SmallDisk | FileLimit


@pytest.fixture(params=[SmallDisk, FileLimit])
def space(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Space]:
    try:
        space: Space = request.param(tmp_path)
    except OSError:
        space = FileLimit(tmp_path)
    yield space
    space.close()


@pytest.fixture(params=["everysec", "always"])
def crowded(request: pytest.FixtureRequest, space: Space, tmp_path: Path) -> Iterator[Server]:
    """A server that will find no room for its log."""
    server = Server(tmp_path, "--appendfsync", request.param)
    yield server
    server.stop(signal.SIGKILL)


def push_until_held(connection: socket.socket, server: Server) -> int:
    """Push numbers until a reply is held; return how many were sent. All but the last were acknowledged."""
    connection.settimeout(0.1)
    for number in range(10_000):
        connection.sendall(b"*3\r\n$5\r\nRPUSH\r\n$7\r\nnumbers\r\n$400\r\n%0400d\r\n" % number)
        reply = b""
        while not reply:
            try:
                reply = connection.recv(100)
            except TimeoutError:  # the disk is full, or the machine is busy
                if "cannot write, will retry" in server.printed:
                    return number + 1
        assert reply == b":%d\r\n" % (number + 1)
    raise AssertionError("the disk is not full")


def test_a_full_disk_holds_what_cannot_be_kept_and_goes_on_when_there_is_room(
    crowded: Server, space: Space, tmp_path: Path
) -> None:
    client = crowded.client
    space.fill(crowded)
    with socket.create_connection(("127.0.0.1", crowded.port)) as writer:
        sent = push_until_held(writer, crowded)
        for command in (["SET", "key", "value"], ["PING"], ["DEL", "numbers"]):
            with pytest.raises(
                ResponseError, match=f"^MISCONF Errors writing to the AOF file: {space.reason}$"
            ):
                client.execute_command(*command)
        with client.pipeline() as pipe, pytest.raises(ResponseError, match="MISCONF Errors writing"):
            pipe.incr("n").execute()
        assert client.llen("numbers") == sent
        assert client.info("persistence")["aof_last_write_status"] == "err"
        space.make_room(crowded)
        writer.settimeout(PATIENCE_S)
        assert writer.recv(100) == b":%d\r\n" % sent  # the reply that was held
    assert client.ping()
    assert client.set("key", "value")
    assert client.info("persistence")["aof_last_write_status"] == "ok"
    assert "cannot write, will retry" in crowded.printed
    assert "writing again" in crowded.printed
    crowded.stop(signal.SIGKILL)
    again = Server(tmp_path)
    assert [int(number) for number in again.client.lrange("numbers", 0, -1)] == list(range(sent))
    assert again.client.get("key") == "value"
    assert again.stop() == 0
    assert "Traceback" not in crowded.printed


def test_killed_on_a_full_disk_it_starts_with_all_that_was_acknowledged(
    crowded: Server, space: Space, tmp_path: Path
) -> None:
    space.fill(crowded)
    with socket.create_connection(("127.0.0.1", crowded.port)) as writer:
        sent = push_until_held(writer, crowded)
    crowded.stop(signal.SIGKILL)
    if isinstance(space, SmallDisk):
        space.make_room(crowded)
    again = Server(tmp_path)
    assert [int(number) for number in again.client.lrange("numbers", 0, -1)] == list(range(sent - 1))
    assert again.stop() == 0


# The only way to have a sync fail on demand is to replace it: what a thread calls, or what the kernel says.
BROKEN_THREAD = """
import errno, os
from pathlib import Path
import respq.effects.files as files
def datasync(fd):
    if Path("broken").exists():
        raise OSError(errno.EIO, os.strerror(errno.EIO))
files._datasync = datasync
files.Files.in_kernel = False
"""
BROKEN_KERNEL = """
import errno
from pathlib import Path
import respq.effects.kernel_sync as kernel_sync
Syncer = kernel_sync.KernelSyncer
system_call = Syncer._call
def call(self, number, *arguments):
    outcome = system_call(self, number, *arguments)
    if number == self._events and outcome and Path("broken").exists():
        kernel_sync._EVENT.pack_into(self._event, 0, 0, 0, -errno.EIO, 0)
    return outcome
Syncer._call = call
"""
BROKEN = [("always", BROKEN_THREAD), ("everysec", BROKEN_THREAD)]
if sys.platform == "linux":
    BROKEN.append(("always", BROKEN_KERNEL))


@pytest.mark.parametrize(("policy", "broken"), BROKEN)
def test_a_failed_sync_ends_the_server_with_a_message(tmp_path: Path, policy: str, broken: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(broken)
    server = Server(tmp_path, "--appendfsync", policy, PYTHONPATH=f"{tmp_path}:{ROOT}")
    assert server.client.set("key", "value")
    (tmp_path / "broken").touch()

    def refused() -> bool:
        try:
            return server.client.incr("n") < 0
        except RedisError:
            return True

    until(refused, "the end of service")
    assert server.process.wait(PATIENCE_S) == 1
    last = server.printed.splitlines()[-1]
    assert last.startswith("respq: ")
    assert last.endswith("appendonly.aof.1.incr.aof: cannot sync: Input/output error")
    assert "Traceback" not in server.printed
    server.client.close()


# -- starting on a log -----------------------------------------------------------------------------


def write_log(tmp_path: Path, start: Start, data: bytes) -> Path:
    """Make a directory with `data` as its log; return the file."""
    assert start().stop() == 0
    path = increment(tmp_path)
    path.write_bytes(data)
    return path


def test_a_torn_end_is_cut_off_with_a_warning(start: Start, tmp_path: Path) -> None:
    whole = encode("SET", "a", "1") + encode("SET", "b", "2")
    path = write_log(tmp_path, start, whole + encode("SET", "c", "3")[:-5])
    server = start()
    assert server.client.dbsize() == 2
    assert f"begins at offset {len(whole)}; cutting off" in server.printed
    assert path.read_bytes() == whole


def test_a_torn_end_is_refused_with_aof_load_truncated_no(start: Start, run: Run, tmp_path: Path) -> None:
    whole = encode("SET", "a", "1") + encode("SET", "b", "2")
    path = write_log(tmp_path, start, whole + encode("SET", "c", "3")[:-5])
    before = path.read_bytes()
    ended = run("serve", "--aof-load-truncated", "no", "--port", "0", "--unixsocket", "s")
    assert ended.returncode == 1
    assert "appendonly.aof.1.incr.aof: ends in the middle of a command or transaction" in ended.stderr
    assert f"that begins at offset {len(whole)}" in ended.stderr
    assert path.read_bytes() == before


@pytest.mark.parametrize("truncated", ["yes", "no"])
def test_damage_in_the_middle_is_refused_with_file_and_offset(
    start: Start, run: Run, tmp_path: Path, truncated: str
) -> None:
    first = encode("SET", "a", "1")
    path = write_log(tmp_path, start, first + b"*3\r\n$3\r\nSET\r\n$x\r\n" + encode("SET", "b", "2") * 5)
    before = path.read_bytes()
    ended = run("serve", "--aof-load-truncated", truncated, "--port", "0", "--unixsocket", "s")
    assert ended.returncode == 1
    assert ended.stderr.startswith("respq: ")
    assert ended.stderr.count("\n") == 1
    assert f"appendonly.aof.1.incr.aof: offset {len(first) + 13}: b'$x" in ended.stderr
    advice = f"; respq check {tmp_path}/respq-data tells what can be loaded, and what --fix would cut off\n"
    assert ended.stderr.endswith(advice)
    assert path.read_bytes() == before


def test_a_damaged_rdb_base_is_refused_by_name(start: Start, run: Run, tmp_path: Path) -> None:
    assert start().stop() == 0
    base = directory_of(tmp_path) / "appendonly.aof.1.base.rdb"
    base.write_bytes(b"REDIS0012\xfa\x09redis-ver\x058.2.3")
    ended = run("serve", "--port", "0", "--unixsocket", "s")
    assert ended.returncode == 1
    assert "appendonly.aof.1.base.rdb: offset 9: " in ended.stderr
    assert ended.stderr.count("\n") == 1


def long_log(tmp_path: Path, start: Start) -> int:
    """Write a log that takes a while to load; return the number of elements in it."""
    batch = b"".join(encode("RPUSH", f"list{number % 100}", "x" * 100) for number in range(10_000))
    write_log(tmp_path, start, batch * 40)
    return 400_000


class Loading(Server):
    """A server that is not waited for until it has loaded."""

    def _answers(self) -> bool:
        try:
            return bool(self.client.client_id())
        except NoConnection:
            return False


def test_while_the_log_is_loaded_clients_are_told_so(start: Start, tmp_path: Path) -> None:
    elements = long_log(tmp_path, start)
    server = Loading(tmp_path)
    try:
        refusals: list[str] = []
        loaded: list[int] = []
        state = server.client.info("persistence")
        while state["loading"] and len(refusals) < 20:
            loaded.append(state["loading_loaded_bytes"])
            try:
                server.client.ping()
            except BusyLoadingError as error:
                refusals.append(str(error))
                state = server.client.info("persistence")
            else:
                state = server.client.info("persistence")
                assert not state["loading"]
        assert set(refusals) == {"Redis is loading the dataset in memory"}
        assert loaded == sorted(loaded)
        until(lambda: not server.client.info("persistence")["loading"], "the end of loading")
        assert sum(server.client.llen(f"list{number}") for number in range(100)) == elements
        assert f"Loaded 100 keys from {elements} entries of the append-only file" in server.printed
        assert "Loading: 50 % of " in server.printed
    finally:
        server.stop(signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_while_it_is_loading(start: Start, tmp_path: Path, number: int) -> None:
    long_log(tmp_path, start)
    before = increment(tmp_path).read_bytes()
    server = Loading(tmp_path)
    assert server.stop(number) == 0
    assert "Loaded" not in server.printed
    assert "Traceback" not in server.printed
    assert increment(tmp_path).read_bytes() == before


# -- signals ---------------------------------------------------------------------------------------


def test_sighup_and_sigpipe_during_traffic_disturb_nobody(start: Start) -> None:
    server = start()
    with server.client.pipeline(transaction=False) as pipe:
        for number in range(200):
            server.process.send_signal((signal.SIGHUP, signal.SIGPIPE)[number % 2])
            pipe.incr("n")
            assert pipe.execute() == [number + 1]
    assert server.stop() == 0
    assert "Traceback" not in server.printed


def test_clients_that_hang_up_under_their_replies_disturb_nobody(start: Start) -> None:
    server = start()
    server.client.set("key", "x" * 1_000_000)
    for _ in range(30):
        with socket.create_connection(("127.0.0.1", server.port)) as hasty:
            hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            hasty.sendall(b"GET key\r\n" * 10)
    assert server.client.ping()
    assert "Traceback" not in server.printed
