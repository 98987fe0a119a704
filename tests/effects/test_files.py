"""What the operating system is asked for, where it could keep a server waiting or say too little."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from respq.effects.files import Files
from respq.effects.logset import LogSet
from respq.effects.manifest import load


def put_pipe(path: Path) -> None:
    os.mkfifo(path)


def put_endless_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def put_directory(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("put", [put_pipe, put_endless_device, put_directory])
def test_nothing_but_a_regular_file_is_read(tmp_path: Path, put: Callable[[Path], None]) -> None:
    path = tmp_path / "appendonly.aof.manifest"
    put(path)
    with pytest.raises(OSError, match="Not a regular file"):
        load(Files(), path)


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("data")
    files = Files()
    fd = files.open_read(tmp_path / "link")
    assert files.read(fd, 10, 0) == b"abc"
    files.close(fd)


def test_whatever_has_the_name_of_a_leftover_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "appendonlydir"
    directory.mkdir()
    monkeypatch.chdir(directory)  # the name of a socket must be short
    os.mkfifo(directory / "temp-rewriteaof-1.aof")
    (directory / "temp-rewriteaof-2.aof").symlink_to("nowhere")
    (tmp_path / "kept").write_bytes(b"abc")
    (directory / "temp-rewriteaof-3.aof").symlink_to(tmp_path / "kept")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("temp-rewriteaof-4.aof")
    LogSet(Files(), directory, "appendonly.aof").open()
    left = [path.name for path in directory.iterdir()]
    assert left == ["temp-rewriteaof-2.aof"]  # leads nowhere, so that it is not there
    assert (tmp_path / "kept").read_bytes() == b"abc"


@pytest.mark.parametrize("target", ["nowhere", "/dev/null"])
def test_what_is_no_directory_is_called_so(tmp_path: Path, target: str) -> None:
    (tmp_path / "appendonlydir").symlink_to(target)
    with pytest.raises(NotADirectoryError, match="Not a directory"):
        LogSet(Files(), tmp_path / "appendonlydir", "appendonly.aof").open()
