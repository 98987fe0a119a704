"""The lock on a directory: one server at a time, and none left behind by a dead one."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from respq.config.places import LOCK
from respq.lockfile import DirectoryLock, LockedError


def in_a_child(act: str, directory: Path) -> str:
    """What happens to another process that locks `directory`: `locked`, or the refusal."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            DirectoryLock(str(directory))
            said = "locked"
        except LockedError as error:
            said = str(error)
        os.write(write, said.encode())
        if act == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def test_another_process_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    lock = DirectoryLock(str(tmp_path))
    # A forked child of the owner stands for any other process: record locks are not inherited.
    import respq.lockfile

    held, respq.lockfile._held = respq.lockfile._held, set()
    said = in_a_child("exit", tmp_path)
    respq.lockfile._held = held
    lock.release()
    assert said == f"the directory {tmp_path} is in use by another server (process {os.getpid()})"


def test_a_second_server_in_the_same_process_is_refused_and_the_first_keeps_its_lock(tmp_path: Path) -> None:
    lock = DirectoryLock(str(tmp_path))
    with pytest.raises(LockedError, match="in use by another server of this process"):
        DirectoryLock(str(tmp_path))
    lock.release()


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    assert in_a_child("die", tmp_path) == "locked"
    DirectoryLock(str(tmp_path)).release()


def test_a_lock_that_is_about_to_be_let_go_is_waited_for(tmp_path: Path) -> None:
    read, write = os.pipe()
    child = os.fork()
    if not child:
        DirectoryLock(str(tmp_path))
        os.write(write, b"locked")
        os.kill(os.getpid(), signal.SIGSTOP)  # as good as dead, but not gone
        os._exit(0)
    os.read(read, 10)
    os.waitpid(child, os.WUNTRACED)
    killer = threading.Timer(0.1, os.kill, (child, signal.SIGKILL))
    killer.start()
    DirectoryLock(str(tmp_path)).release()
    killer.join()
    os.waitpid(child, 0)
    os.close(read)
    os.close(write)


def test_a_released_directory_can_be_locked_again(tmp_path: Path) -> None:
    DirectoryLock(str(tmp_path)).release()
    DirectoryLock(str(tmp_path)).release()
    assert (tmp_path / LOCK).stat().st_mode & 0o777 == 0o600


def test_a_directory_that_is_not_there_cannot_be_locked(tmp_path: Path) -> None:
    with pytest.raises(LockedError, match=r"cannot use the directory .*: No such file or directory"):
        DirectoryLock(str(tmp_path / "none"))
