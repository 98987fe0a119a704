"""A server from its arguments to its exit status: configuration, directory, background, lock, pidfile.

Whatever keeps it from starting is one line on standard error, and exit status 1. click has no part in it: to
import that takes a third as long as to import the server, so `__main__` comes here without `cli`.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from respq import __version__
from respq.config import Config, ConfigError
from respq.config.places import check_places
from respq.effects.files import Files
from respq.lockfile import DirectoryLock, LockedError
from respq.log import Log, complain
from respq.net.server import run
from respq.title import keep_shown

LISTENING = b"\0"  # the last that a server in the background tells its parent


def serve(arguments: Sequence[str]) -> int:
    """Serve as redis-server's arguments say, until told to stop; return the exit status.

    Automatic garbage collection is to be off.
    """
    file, directives = (
        (arguments[0], arguments[1:])
        if arguments[:1] and not arguments[0].startswith("--")
        else (None, arguments)
    )
    try:
        return _serve(Config.load(file, directives))
    except ConfigError as error:
        complain(str(error))
        return 1


def _serve(config: Config) -> int:
    """Prepare what a server needs, and run it. Raises ConfigError if it cannot start."""
    _enter_directory(config)
    check_places(config)
    let_go = _go_into_background() if config.daemonize else _stay
    log = Log(config)
    log.capture()
    try:
        lock = DirectoryLock(config.dir)
    except LockedError as error:
        log.fail(str(error))
        return 1
    try:
        return _run(config, log, let_go)
    except ConfigError as error:
        log.fail(str(error))
        return 1
    except Exception as error:  # noqa: BLE001  # a bug of ours
        log.fail_unexpectedly(error)
        return 1
    finally:
        lock.release()


def _run(config: Config, log: Log, let_go: Callable[[], None]) -> int:
    keep_shown(config)
    _greet(config, log)
    written = _write_pid(config, log)
    try:
        return run(config, log, let_go)
    finally:
        if written is not None:
            written.unlink(missing_ok=True)


def _enter_directory(config: Config) -> None:
    """Make the data directory if it is missing, and stand in it if it was asked for. Raises ConfigError."""
    directory = Path(config.dir)
    try:
        if not directory.exists():
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync_name(directory.absolute())
        with os.scandir(directory):
            pass  # it can be read
        if "dir" in config.given:
            os.chdir(directory)
    except FileExistsError:
        raise ConfigError(f"cannot use the directory {directory}: {os.strerror(errno.ENOTDIR)}") from None
    except OSError as error:
        raise ConfigError(f"cannot use the directory {directory}: {error.strerror}") from None


def _sync_name(path: Path) -> None:
    """Have the name of a new directory outlive a loss of power, if its parent may be read."""
    try:
        Files().sync_directory(path.parent)
    except PermissionError:
        pass


def _stay() -> None:
    """In the foreground there is nobody to be let go."""


def _go_into_background() -> Callable[[], None]:
    """Leave the terminal, and return what gives the caller its prompt back: once the server listens.

    Until then its standard error is a pipe to the parent, which passes on what it says. If it ends before
    it says that it listens, so does the parent, with the same exit status.
    """
    heard, said = os.pipe()
    if child := os.fork():
        os.close(said)
        _await(child, heard)
    os.close(heard)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor, target in ((null, 0), (null, 1), (said, 2)):
        os.dup2(descriptor, target)
    os.close(said)

    def let_go() -> None:
        os.write(2, LISTENING)
        os.dup2(null, 2)
        os.close(null)

    return let_go


def _await(child: int, heard: int) -> NoReturn:
    """Repeat what a server says while it starts; exit when it listens, or as it did."""
    with os.fdopen(heard, "rb") as pipe:
        words = pipe.read()
    os.write(2, words.removesuffix(LISTENING))
    if words.endswith(LISTENING):
        os._exit(0)
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) or 1)


def _greet(config: Config, log: Log) -> None:
    python = ".".join(map(str, sys.version_info[:3]))
    version = ".".join(map(str, config.compat_version))
    log.notice(f"respq {__version__} (speaks as Redis {version}, Python {python}, process {os.getpid()})")
    kept = f"appendfsync {config.appendfsync}" if config.appendonly else "appendonly no"
    log.notice(f"Data in {config.dir}, {kept}")
    for warning in config.warnings:
        log.warning(warning)


def _write_pid(config: Config, log: Log) -> Path | None:
    """Write `pidfile`; a server without one still serves."""
    if not config.pidfile:
        return None
    path = Path(config.pidfile).absolute()
    try:
        path.write_text(f"{os.getpid()}\n", encoding="ascii")
    except OSError as error:
        log.warning(f"cannot write the pidfile {path}: {error.strerror}")
        return None
    return path
