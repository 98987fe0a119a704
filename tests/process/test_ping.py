"""`respq ping`: exit status 0 and PONG, or 1 and one line that says why."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.process.servers import Run, Start


def test_a_server_that_serves_is_healthy(start: Start, run: Run, tmp_path: Path) -> None:
    server = start("--unixsocket", "s")
    for url in (
        f"redis://localhost:{server.port}",
        f"redis://127.0.0.1:{server.port}/0",
        f"unix://{tmp_path}/s",
    ):
        done = run("ping", "--url", url)
        assert (done.returncode, done.stdout, done.stderr) == (0, "PONG\n", "")


def test_the_password_comes_from_the_url_or_the_environment(start: Start, run: Run) -> None:
    server = start("--requirepass", "secret")
    host = f"localhost:{server.port}"
    assert run("ping", "--url", f"redis://:secret@{host}").returncode == 0
    assert run("ping", "--url", f"redis://default:secret@{host}").returncode == 0
    assert run("ping", "--url", f"redis://{host}", RESPQ_PASSWORD="secret").returncode == 0
    assert run("ping", "--url", f"redis://:secret@{host}", RESPQ_PASSWORD="wrong").returncode == 0
    done = run("ping", "--url", f"redis://{host}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Authentication required" in done.stderr


@pytest.mark.parametrize(
    "url", ["redis://localhost:{port}", "unix:///none/s", "ftp://localhost", "redis://localhost:x"]
)
def test_what_does_not_answer_is_named_in_one_line(run: Run, url: str) -> None:
    url = url.format(port=free_port())
    done = run("ping", "--url", url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"respq: {url}: ")
    assert done.stderr.count("\n") == 1


def test_no_password_is_told(run: Run) -> None:
    host = f"localhost:{free_port()}"
    done = run("ping", "--url", f"redis://ann:secret@{host}")
    assert done.stderr.startswith(f"respq: redis://{host}: ")
    assert "secret" not in done.stderr


def test_a_server_that_is_loading_is_alive_but_not_ready(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer_loading, args=(server, 2), daemon=True).start()
        port = str(server.getsockname()[1])
        done = run("ping", "--url", f"redis://127.0.0.1:{port}")
        assert (done.returncode, done.stdout, done.stderr) == (0, "LOADING\n", "")
        assert run("ping", "--url", f"redis://127.0.0.1:{port}", "--ready").returncode == 1


def answer_loading(server: socket.socket, clients: int) -> None:
    for _ in range(clients):
        client = server.accept()[0]
        with client:
            while request := client.recv(4096):
                client.sendall(b"-LOADING Redis is loading the dataset in memory\r\n" * request.count(b"*"))


def test_the_port_comes_from_the_environment(start: Start, run: Run) -> None:
    assert run("ping", RESPQ_PORT=str(start().port)).stdout == "PONG\n"


def test_a_server_that_says_nothing_is_given_up(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = run("ping", "--timeout", "0.2", "--url", f"redis://127.0.0.1:{silent.getsockname()[1]}")
    assert done.returncode == 1
    assert "Timeout" in done.stderr
