"""The image's own lines, run for real: no container engine is needed to know that they work."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ports import free_port

ROOT = Path(__file__).parent.parent
SECRET = "s3cret $HOME 'quoted' \"twice\""

Start = Callable[..., int]


def instructions() -> dict[str, list[str]]:
    """The Dockerfile's instructions by name, continued lines joined, comments left out."""
    found: dict[str, list[str]] = {}
    text = re.sub(r"\\\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        if name and not name.startswith("#"):
            found.setdefault(name, []).append(rest)
    return found


def environment(**variables: str) -> dict[str, str]:
    """The image's: our commands are found by name."""
    path = f"{sys.prefix}/bin:{os.environ['PATH']}"
    return {"PATH": path, "PYTHONPATH": str(ROOT), **variables}


def ask(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(request)
        return connection.recv(4096)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Run the ENTRYPOINT with the variables of `docker run -e`, and directives after the name."""
    started: list[subprocess.Popen[bytes]] = []
    port = free_port()

    def run(*directives: str, **variables: str) -> int:
        entrypoint = json.loads(instructions()["ENTRYPOINT"][0])
        here = ("--dir", str(tmp_path), "--port", str(port))
        with (tmp_path / "log").open("wb") as log:
            argv = [*entrypoint, *here, *directives]
            process = subprocess.Popen(argv, env=environment(**variables), stdout=log, stderr=log)
        started.append(process)
        while process.poll() is None:
            try:
                ask(port, b"PING\r\n")
            except OSError:
                time.sleep(0.05)
            else:
                return port
        raise AssertionError((tmp_path / "log").read_text())

    yield run
    for process in started:
        process.terminate()
        assert process.wait(60) == 0


def healthy(port: int, **variables: str) -> bool:
    _, _, command = instructions()["HEALTHCHECK"][0].partition("CMD ")
    argv = [*json.loads(command), "--url", f"redis://127.0.0.1:{port}"]
    done = subprocess.run(argv, env=environment(**variables), check=False, capture_output=True)
    return done.returncode == 0


def test_the_server_is_not_root_and_its_data_is_a_volume() -> None:
    image = instructions()
    assert image["USER"] == ["respq"]
    assert image["VOLUME"] == ["/data"]
    assert image["EXPOSE"] == ["6379"]
    assert "--dir /data" in image["ENTRYPOINT"][0]


def test_the_build_copies_all_that_the_package_is_made_of() -> None:
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [word for line in instructions()["COPY"] for word in line.split()[:-1]]
    sources = {word.removeprefix("./") for word in copied if not word.startswith(("--", "/"))}
    assert sources == {"pyproject.toml", "README.md", "LICENSE", "respq"}
    assert {f"!{name}" for name in sources} <= set(allowed)


def test_without_a_password_it_listens_everywhere_and_is_protected(start: Start) -> None:
    port = start()
    assert ask(port, b"CONFIG GET bind\r\n") == b"*2\r\n$4\r\nbind\r\n$6\r\n* -::*\r\n"
    assert b"$3\r\nyes\r\n" in ask(port, b"CONFIG GET protected-mode\r\n")
    assert b"$0\r\n" in ask(port, b"CONFIG GET requirepass\r\n")
    assert healthy(port)


def test_with_a_password_nothing_is_answered_without_it(start: Start) -> None:
    port = start(RESPQ_PASSWORD=SECRET)
    assert ask(port, b"PING\r\n").startswith(b"-NOAUTH ")
    quoted = SECRET.replace('"', '\\"')
    assert ask(port, f'AUTH "{quoted}"\r\n'.encode()) == b"+OK\r\n"
    assert healthy(port, RESPQ_PASSWORD=SECRET)


def test_words_after_the_image_name_are_directives(start: Start) -> None:
    port = start("--appendfsync", "always")
    assert b"$6\r\nalways\r\n" in ask(port, b"CONFIG GET appendfsync\r\n")


def test_a_server_that_is_gone_is_not_healthy() -> None:
    assert not healthy(free_port())
