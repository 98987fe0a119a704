"""Checking a log or a snapshot without a server: what can be read of it, where that ends, what a cut costs.

A file that ends in the middle of a command or a transaction is *torn*, as kill -9 or a loss of power leave
it: nothing acknowledged is missing but, perhaps, the last second. Anything else is *damage*. Only the last
file of a log may be cut: what comes behind a hole would be applied to data that never were.

A snapshot is never cut, be it a file of its own or what a log begins with: without its end it says nothing
about what is missing. Nor is a file of which nothing can be read, unless a manifest says that it is one of a
log: it may be anything.

All is read by the same code as at the start of a server. Commands are not executed, keys are counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from respq.effects import manifest
from respq.effects.backup import read_times
from respq.effects.census import Census
from respq.effects.files import AofError, DamagedError, Files, datasync
from respq.effects.loader import SIGNATURE_BYTES, Loader
from respq.effects.logset import LogSet
from respq.effects.manifest import DUMP, Manifest
from respq.effects.timestamps import first_after
from respq.protocol import Argv
from respq.rdb.file import SIGNATURES
from respq.words import counted

DEFAULT_DIRECTORY = "appendonlydir"
OF_SNAPSHOTS = "a snapshot without its end says nothing of what is missing"
DUMP_SUFFIX = f".{DUMP}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of one file. `sound`: bytes from its beginning that can be loaded."""

    path: Path
    size: int
    commands: int
    sound: int
    problem: str = ""
    census: Census | None = None  # of the snapshot that the file is, or begins with

    @property
    def excess(self) -> int:
        """Bytes that cannot be loaded."""
        return self.size - self.sound

    def lines(self) -> Iterator[str]:
        """What is known, for people."""
        held = [counted(self.census.keys, "key")] if self.census else []
        if self.commands or not held:
            held.append(counted(self.commands, "command"))
        unread = (
            f"; {counted(self.excess, 'byte')} behind its end, which no server reads" if self.excess else ""
        )
        state = self.problem or f"sound, {' and '.join(held)} in {counted(self.sound, 'byte')}{unread}"
        yield f"{self.path}: {state}"
        if self.census:
            yield from self.census.lines()

    @property
    def dump_bytes(self) -> int:
        """Length of the snapshot at the beginning; at least 1 if there is one."""
        dump = self.census.dump if self.census else None
        return dump.at if dump else 0


def check_data(
    files: Files, path: Path, filename: str, dump_name: str, now_ms: int
) -> tuple[list[Verdict], list[Verdict]]:
    """Check one file, or all that a manifest lists, or the log and the snapshot in a directory.

    Return what is known of the files of the log, the oldest first, and of the snapshot. The manifest for
    `filename` is in the directory or in one below it, the snapshot is `dump_name` in it. Raises `AofError` if
    there is nothing to be checked, and `OSError`. O(bytes).
    """
    if not path.is_dir():
        if _is_snapshot(files, path):
            return [], [_check_snapshot(files, path, now_ms)]
        return _check_log(files, path, now_ms), []
    log, dump = _manifest_in(files, path, filename), path / dump_name
    snapshots = [_check_snapshot(files, dump, now_ms)] if files.exists(dump) else []
    orphans = _orphans_in(files, path, filename) if log is None else []
    if log is None and not snapshots and not orphans:
        sought = f"{filename}.manifest in it and below it, and for {dump_name}"
        raise AofError(f"{path}: looked for {sought}, and found neither")
    return _check_log(files, log, now_ms) if log else orphans, snapshots


def _manifest_in(files: Files, directory: Path, filename: str) -> Path | None:
    """The one of the log; that of a backup beside it is another log's."""
    name = f"{filename}.manifest"
    found = [path for path in (directory / name, *directory.glob(f"*/{name}")) if path.exists()]
    if len(found) > 1:
        found = [path for path in found if read_times(files, path) == (0, 0)] or found
    if len(found) > 1:
        raise AofError(f"{directory}: has more than one {name}: {' and '.join(map(str, found))}")
    return found[0] if found else None


def _orphans_in(files: Files, directory: Path, filename: str) -> list[Verdict]:
    """A log whose manifest is missing, in a data directory or that of a log: no server starts on it."""
    for place in (directory, directory / DEFAULT_DIRECTORY):
        log_set = LogSet(files, place, filename)
        if place.is_dir() and (problem := log_set.orphans()) is not None:
            return [Verdict(log_set.manifest_path, 0, 0, 0, problem)]
    return []


def _check_log(files: Files, path: Path, now_ms: int) -> list[Verdict]:
    if path.suffix != ".manifest":
        return [_check_file(files, path, now_ms)]
    found = manifest.load(files, path)
    if found is None:
        raise AofError(f"{path}: is not there")
    return [_check_file(files, path.parent / file.name, now_ms) for file in found.files]


def _check_file(files: Files, path: Path, now_ms: int) -> Verdict:
    if not files.exists(path):
        return Verdict(path, 0, 0, 0, "is listed in the manifest, but missing")
    size = files.size(path)
    census = Census(now_ms)
    loader = Loader(files, _do_nothing, None, size, census.count, census.count_library)
    sound, problem = size, ""
    try:
        end = loader.read(path)
    except DamagedError as error:
        sound, problem = error.sound, error.reason
    else:
        if end is not None:
            sound = end
            problem = f"ends in the middle of a command or transaction that begins at offset {end}"
    census.dump = loader.dump
    return Verdict(path, size, loader.commands, sound, problem, census if loader.dump else None)


def _is_snapshot(files: Files, path: Path) -> bool:
    """Whether a file is one, or should be by its name, and not what a log begins with."""
    fd = files.open_read(path)
    try:
        start = files.read(fd, SIGNATURE_BYTES, 0)
    finally:
        files.close(fd)
    listed = any(path.name in names for names in _listed_beside(files, path))
    return (start.startswith(SIGNATURES) or path.suffix == DUMP_SUFFIX) and not listed


def _check_snapshot(files: Files, path: Path, now_ms: int) -> Verdict:
    """Check a file of which a server reads a dump, and nothing behind it."""
    size = files.size(path)
    census = Census(now_ms)
    loader = Loader(files, _do_nothing, None, size, census.count, census.count_library)
    problem = ""
    try:
        loader.load_dump(path)
    except DamagedError as error:
        problem = error.reason
    census.dump = loader.dump
    sound = loader.dump.at if loader.dump and not problem else 0
    return Verdict(path, size, 0, sound, problem, census)


def _do_nothing(commands: list[Argv]) -> None:
    """Execute nothing: the form is checked, not what it means."""


def incurable(files: Files, verdicts: Sequence[Verdict]) -> str:
    """Why cutting the last file does not make a damaged log sound, for people; empty if it does."""
    *before, last = verdicts
    damaged = next((verdict for verdict in before if verdict.problem), last)
    if not damaged.excess:
        return f"{damaged.path}: that is not mended by cutting"
    if damaged is not last or _followed(files, last.path):
        return f"{damaged.path}: is not cut, because another file of the log follows it"
    if last.sound < last.dump_bytes:
        return f"{last.path}: is not cut, because {OF_SNAPSHOTS}"
    if not last.sound and not _is_increment(files, last.path):
        return f"{last.path}: is not cut, because nothing of it can be read, so that it may be anything"
    return ""


def at_time(files: Files, verdicts: Sequence[Verdict], second: int) -> Verdict | None:
    """What is to be cut off so that a sound log ends at a Unix time, by the times in it; None: nothing.

    Raises AofError if that is impossible, because only its last file may be cut, and OSError. O(bytes).
    """
    for verdict in verdicts:
        fd = files.open_read(verdict.path)
        try:
            end = first_after(files, fd, verdict.dump_bytes, second)
        finally:
            files.close(fd)
        if end == 0:
            raise AofError(f"{verdict.path}: has nothing before timestamp {second}")
        if end is not None and (verdict is not verdicts[-1] or _followed(files, verdict.path)):
            raise AofError(f"{verdict.path}: offset {end}: timestamp {second}, and others follow this file")
        if end is not None:
            return replace(verdict, sound=end)
    return None


def _followed(files: Files, path: Path) -> bool:
    """Whether a manifest beside a file lists others behind it."""
    return any(path.name in names[:-1] for names in _listed_beside(files, path))


def _is_increment(files: Files, path: Path) -> bool:
    """Whether a manifest beside a file lists it as one."""
    found = _manifests_beside(files, path)
    return any(path.name == file.name for each in found for file in each.increments)


def _listed_beside(files: Files, path: Path) -> Iterator[list[str]]:
    """What the manifests beside a file list."""
    return ([file.name for file in each.files] for each in _manifests_beside(files, path))


def _manifests_beside(files: Files, path: Path) -> Iterator[Manifest]:
    for name in files.names(path.parent):
        if name.endswith(".manifest"):
            yield manifest.load(files, path.with_name(name)) or Manifest()


def cut(files: Files, verdict: Verdict) -> None:
    """Cut a file behind what can be loaded of it. Raises `OSError` and `SyncError`."""
    fd = files.open_append(verdict.path)
    try:
        files.truncate(fd, verdict.sound)
        datasync(files, fd, verdict.path)
    finally:
        files.close(fd)
