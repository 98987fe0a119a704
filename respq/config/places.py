"""Which files of the data directory are the server's own, and that nothing else is written there.

A snapshot that is renamed to `respq.lock` would let a second server in; an ACL file that is the snapshot
would replace it. redis-server has no lock, and does not look.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from respq.config.kinds import ConfigError

if TYPE_CHECKING:
    from respq.config import Config

LOCK = "respq.lock"
TEMPORARY = "temp-"  # before the name of a snapshot, while it is written


class Place(NamedTuple):
    """A file or directory, and what it is called: mostly the directive that names it."""

    name: str
    path: Path


def check_places(config: Config) -> None:
    """Raise ConfigError if two parts of the server would use one file. Of the disk it reads links alone."""
    own: dict[Path, str] = {}
    for place in _own(config):
        _check_is_free(place, own)
        own[place.path.resolve()] = place.name
    for place in _others(config):
        _check_is_free(place, own)


def _own(config: Config) -> Iterator[Place]:
    """What the server writes in its directory, whatever it is called."""
    data = Path(config.dir)
    yield Place("the lock of the server", data / LOCK)
    yield Place("appenddirname", data / config.appenddirname)
    yield Place("backupdirname", data / config.backupdirname)
    if config.dbfilename:
        yield Place("dbfilename", data / config.dbfilename)
        yield Place("the snapshot while it is written", data / f"{TEMPORARY}{config.dbfilename}")


def _others(config: Config) -> Iterator[Place]:
    """Files that may be anywhere, seen from the working directory."""
    for name in ("aclfile", "logfile", "pidfile", "unixsocket"):
        if path := getattr(config, name):
            yield Place(name, Path(path))
    if config.file is not None:
        yield Place("the configuration file", config.file)


def _check_is_free(place: Place, taken: dict[Path, str]) -> None:
    path = place.path.resolve()
    if path in taken:
        raise ConfigError(f"{place.name} and {taken[path]} would be one file: {path}")
