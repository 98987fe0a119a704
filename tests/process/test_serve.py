"""`respq serve`: how it starts, what keeps it from starting, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
from pathlib import Path

import pytest
from redis import Redis

from respq.serving import serve
from tests.ports import free_port
from tests.process.servers import Run, Server, Start, run_program, until

RESET_ON_CLOSE = b"\1\0\0\0\0\0\0\0"  # struct linger: on, 0 seconds


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a start which failed leaves on standard error."""
    assert done.returncode == 1
    assert done.stderr.startswith("respq: ")
    assert done.stderr.count("\n") == 1
    return done.stderr.removeprefix("respq: ").rstrip("\n")


# -- starting --------------------------------------------------------------------------------------


def test_it_says_what_it_is_where_the_data_is_and_where_it_listens(start: Start) -> None:
    server = start()
    lines = server.printed.splitlines()
    for line in lines:
        assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} (notice|warning) \S", line)
    assert re.search(r"respq \d+\.\d+\.\d+ .*Redis 8\.2\.3", lines[0])
    assert str(server.directory / "respq-data") in lines[1]
    assert str(server.port) in lines[-1]


def test_data_is_kept_in_a_directory_for_its_owner_alone(start: Start) -> None:
    server = start()
    server.client.set("a", "1")
    data = server.directory / "respq-data"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    for path in data.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_file_and_the_command_line_configure_it(start: Start, tmp_path: Path) -> None:
    (tmp_path / "r.conf").write_text("timeout 5\nhz 20\n")
    server = start("r.conf", "--hz", "30", "--requirepass", "-secret")
    client = Redis(port=server.port, password="-secret", decode_responses=True)
    assert client.config_get("timeout", "hz") == {"timeout": "5", "hz": "30"}
    client.config_set("timeout", 6)
    client.config_rewrite()
    client.close()
    assert "timeout 6\nhz 30\n" in (tmp_path / "r.conf").read_text()


def test_it_listens_on_ipv4_ipv6_and_a_unix_socket_at_once(start: Start, tmp_path: Path) -> None:
    server = start("--unixsocket", "s", "--unixsocketperm", "700", "--bind", "127.0.0.1", "-::1")
    clients = [Redis(port=server.port), Redis(unix_socket_path=str(tmp_path / "s"))]
    if socket.has_ipv6:
        clients.append(Redis(host="::1", port=server.port))
    for client in clients:
        assert client.ping()
        client.close()
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o700
    server.stop()
    assert not (tmp_path / "s").exists()


def test_relative_paths_are_in_dir_when_dir_is_given(start: Start, tmp_path: Path) -> None:
    server = start("--dir", "data", "--logfile", "log", "--pidfile", "pid", "--unixsocket", "s")
    assert {"log", "pid", "s"} <= {path.name for path in (tmp_path / "data").iterdir()}
    assert server.client.config_get("dir") == {"dir": str(tmp_path / "data")}


def test_it_works_without_a_locale(start: Start) -> None:
    server = start(LANG="C", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    server.client.set("schlüssel", "→")
    assert server.client.get("schlüssel") == "→"
    assert server.stop() == 0


def test_a_stock_redis_conf_needs_no_change_but_paths(start: Start, tmp_path: Path) -> None:
    stock = Path(__file__).parents[1] / "config" / "debian-12.conf"
    (tmp_path / "redis.conf").write_text(stock.read_text())
    server = start(
        "redis.conf", "--dir", "data", "--logfile", "", "--pidfile", "", "--daemonize", "no",
        "--appendonly", "yes",
    )  # fmt: skip
    assert server.client.ping()


def test_daemonize_gives_the_prompt_back(run: Run, tmp_path: Path) -> None:
    port = free_port()
    done = run("serve", "--port", str(port), "--daemonize", "yes", "--pidfile", "pid", "--logfile", "log")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    until(lambda: run("ping", "--url", f"redis://localhost:{port}").returncode == 0, "PONG")
    pid = int((tmp_path / "pid").read_text())
    assert os.getsid(pid) == pid
    os.kill(pid, signal.SIGTERM)
    until(lambda: not (tmp_path / "pid").exists(), "the end of the server")


def test_daemonize_says_what_keeps_it_from_starting(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("serve", "--port", str(port), "--daemonize", "yes")
    assert f"127.0.0.1 port {port}: Address already in use" in refusal(done)


# -- what keeps it from starting -------------------------------------------------------------------


def test_a_port_in_use_is_named(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refusal(run("serve", "--port", str(port)))
    assert f"127.0.0.1 port {port}: Address already in use" in line


@pytest.mark.parametrize("path", ["file/data", "file"])
def test_a_directory_that_cannot_be_made_is_named(run: Run, tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("")
    line = refusal(run("serve", "--dir", path))
    assert line == f"cannot use the directory {tmp_path}/{path}: Not a directory"


def test_a_directory_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """In a forked child of an ordinary user, because nothing is unreadable for root.

    For whom the package itself may be unreadable as well: nothing is left to import.
    """
    (tmp_path / "data").mkdir(mode=0)
    read, write = os.pipe()
    if not (child := os.fork()):
        try:
            if os.geteuid() == 0:
                os.setuid(65534)
            os.dup2(write, 2)
            serve(["--dir", str(tmp_path / "data")])
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    assert said == f"respq: cannot use the directory {tmp_path}/data: Permission denied\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--nope", "1"], "command line: nope: there is no such directive"),
        (
            ["--port=1"],
            "command line: port=1: there is no such directive; a blank belongs behind port",
        ),
        (["-p", "1"], "-p is neither a configuration file nor a --directive"),
        (["--maxclients", "x"], "command line: maxclients: argument couldn't be parsed into an integer"),
        (["--tls-port", "6380"], "command line: tls-port: respq does not speak TLS"),
        (["none.conf"], "cannot read the configuration file none.conf: No such file or directory"),
        (["--logfile", "/none/log"], "cannot open the log file /none/log: No such file or directory"),
    ],
)
def test_a_configuration_that_cannot_be_is_named_in_one_line(
    run: Run, arguments: list[str], line: str
) -> None:
    assert refusal(run("serve", *arguments)) == line


def test_a_file_with_two_uses_is_named(run: Run, tmp_path: Path) -> None:
    lock = tmp_path / "respq-data" / "respq.lock"
    line = refusal(run("serve", "--dbfilename", "respq.lock"))
    assert line == f"dbfilename and the lock of the server would be one file: {lock}"
    assert not lock.exists()


def test_a_fault_in_a_file_is_named_with_its_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "r.conf").write_text("# mine\nreplicaof redis.example 6379\n")
    assert refusal(run("serve", "r.conf")) == (
        "r.conf:2: replicaof: respq does not replicate from another server"
    )


def test_a_refused_configuration_leaves_no_trace(run: Run, tmp_path: Path) -> None:
    run("serve", "--maxclients", "x")
    assert list(tmp_path.iterdir()) == []


def test_a_second_server_on_the_same_directory_does_not_touch_a_byte(start: Start, run: Run) -> None:
    server = start()
    server.client.rpush("jobs", "a", "b")

    def data() -> dict[Path, tuple[int, bytes]]:
        files = [path for path in (server.directory / "respq-data").rglob("*") if path.is_file()]
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}

    before = data()
    line = refusal(run("serve", "--port", str(free_port())))
    assert line == (
        f"the directory {server.directory}/respq-data is in use by another server "
        f"(process {server.process.pid})"
    )
    assert data() == before
    assert server.client.lrange("jobs", 0, -1) == ["a", "b"]


FULL_DISK = """
import errno, os, sys
def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
os.pwrite = full
from respq.cli import main
main(["serve", "--port", "0", "--unixsocket", "s"])
"""
FEW_FILES = """
import resource
from respq.cli import main
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
main(["serve", "--port", "0", "--unixsocket", "s"])
"""
BUG = """
from respq.net.server import Loop
def fail(*_):
    raise ZeroDivisionError("no such luck")
Loop._cron = fail
from respq.cli import main
main(["serve", "--port", "0", "--unixsocket", "s"{more}])
"""


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    line = refusal(run_program(FULL_DISK, tmp_path))
    assert line == f"cannot write {tmp_path}/respq-data/respq.lock: No space left on device"


def test_a_limit_of_open_files_that_leaves_none_for_clients_is_named(tmp_path: Path) -> None:
    line = refusal(run_program(FEW_FILES, tmp_path))
    assert line == "the limit of open files (ulimit -n) leaves none for clients: it must be 33 at least"


@pytest.mark.parametrize("more", ["", ', "--logfile", "log"', ', "--logfile", "log", "--daemonize", "yes"'])
def test_a_bug_ends_it_with_a_line_and_its_traceback_in_the_log(tmp_path: Path, more: str) -> None:
    done = run_program(BUG.replace("{more}", more), tmp_path)
    log = tmp_path / "log"
    if "daemonize" in more:
        assert (done.returncode, done.stderr) == (0, "")  # it did listen
        until(lambda: "stopped by" in log.read_text(), "the end of the server")
    else:
        assert refusal(done) == "stopped by an unexpected error: ZeroDivisionError: no such luck"
    logged = log.read_text() if more else done.stdout
    assert " warning Traceback (most recent call last)" in logged


# -- ending ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(start: Start, number: int) -> None:
    server = start()
    server.client.rpush("jobs", "a")
    assert server.stop(number) == 0
    again = start()
    assert again.client.lrange("jobs", 0, -1) == ["a"]


def test_each_signal_ends_it_as_the_configuration_says(start: Start) -> None:
    server = start("--shutdown-on-sigint", "save", "--shutdown-on-sigterm", "nosave", "--appendonly", "no")
    server.client.set("k", "v")
    assert server.stop(signal.SIGINT) == 0
    again = start("--appendonly", "no", "--save", "900 1", "--shutdown-on-sigterm", "nosave")
    assert again.client.get("k") == "v"
    again.client.set("k", "w")
    assert again.stop(signal.SIGTERM) == 0
    assert start("--appendonly", "no").client.get("k") == "v"


def test_after_kill_9_it_starts_at_once_with_all_it_acknowledged(start: Start) -> None:
    server = start()
    for number in range(100):
        server.client.rpush("jobs", number)
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    again = start()
    assert again.client.llen("jobs") == 100


def test_a_peer_that_hangs_up_does_not_end_it(start: Start) -> None:
    server = start()
    for request in (b"", b"PING\r\n" * 10_000):
        with socket.create_connection(("127.0.0.1", server.port)) as rude:
            rude.sendall(request)
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    server.process.send_signal(signal.SIGPIPE)
    assert server.client.ping()


def test_the_pidfile_is_there_while_it_runs(start: Start, tmp_path: Path) -> None:
    server = start("--pidfile", "pid")
    assert (tmp_path / "pid").read_text() == f"{server.process.pid}\n"
    server.stop()
    assert not (tmp_path / "pid").exists()


def test_a_pidfile_that_cannot_be_written_is_only_a_warning(start: Start) -> None:
    server = start("--pidfile", "/none/pid")
    assert " warning cannot write the pidfile /none/pid: No such file or directory\n" in server.printed


def test_sighup_reopens_the_logfile(start: Start, tmp_path: Path) -> None:
    server = start("--logfile", "log")
    log, moved = tmp_path / "log", tmp_path / "log.1"
    log.rename(moved)
    server.process.send_signal(signal.SIGHUP)
    until(log.exists, "a new log file")
    server.stop()
    assert "Ready" in moved.read_text()
    assert "SIGTERM" in log.read_text()
    assert server.printed == ""


def test_loglevel_says_how_much_is_logged(start: Start) -> None:
    server = start("--loglevel", "warning")
    server.client.config_set("loglevel", "nothing")
    assert server.stop() == 0
    assert server.printed == ""


def test_ps_shows_where_the_server_listens(start: Start, tmp_path: Path) -> None:
    def title(server: Server) -> bytes:
        return Path(f"/proc/{server.process.pid}/cmdline").read_bytes().rstrip(b"\0")

    server = start()
    assert title(server) == f"respq 127.0.0.1:{server.port}".encode()
    server.client.config_set("proc-title-template", "jobs on {port}")
    assert title(server) == f"jobs on {server.port}".encode()
    assert b"serve" in title(start("--set-proc-title", "no", "--dir", str(tmp_path / "other")))
