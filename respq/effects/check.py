"""Checking a log without a server: what can be read of it, where that ends, and what a cut there costs.

A file that ends in the middle of a command or a transaction is *torn*, as kill -9 or a loss of power leave
it: nothing acknowledged is missing but, perhaps, the last second. Anything else is *damage*. Only the last
file of a log may be cut: what comes behind a hole would be applied to data that never were.

The commands are read by the same code as at the start of a server, and not executed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from respq.effects import manifest
from respq.effects.files import AofError, DamagedError, Files, datasync
from respq.effects.loader import Loader
from respq.protocol import Argv


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of one file. `sound`: bytes from its beginning that can be loaded."""

    path: Path
    size: int
    commands: int
    sound: int
    problem: str = ""

    @property
    def excess(self) -> int:
        """Bytes that cannot be loaded."""
        return self.size - self.sound


def check_log(files: Files, path: Path, filename: str) -> list[Verdict]:
    """Check one file of a log, or all that a manifest lists, or the log in a directory; the oldest first.

    A directory has a manifest for `filename` in it, or one directory in it has. Raises `AofError` if there is
    nothing to be checked, and `OSError`. O(bytes).
    """
    if path.is_dir():
        path = _manifest_in(path, filename)
    if path.suffix != ".manifest":
        return [_check_file(files, path)]
    found = manifest.load(files, path)
    if found is None:
        raise AofError(f"{path}: is not there")
    return [_check_file(files, path.parent / file.name) for file in found.files]


def _manifest_in(directory: Path, filename: str) -> Path:
    name = f"{filename}.manifest"
    found = [path for path in (directory / name, *directory.glob(f"*/{name}")) if path.exists()]
    if len(found) != 1:
        seen = " and ".join(map(str, found)) or "none"
        raise AofError(f"{directory}: looked for one {name} in it and below it, and found {seen}")
    return found[0]


def _check_file(files: Files, path: Path) -> Verdict:
    if not files.exists(path):
        return Verdict(path, 0, 0, 0, "is listed in the manifest, but missing")
    size = files.size(path)
    loader = Loader(files, _do_nothing, None, size)
    try:
        end = loader.read(path)
    except DamagedError as error:
        return Verdict(path, size, loader.commands, error.sound, error.reason)
    if end is None:
        return Verdict(path, size, loader.commands, size)
    torn = f"ends in the middle of a command or transaction that begins at offset {end}"
    return Verdict(path, size, loader.commands, end, torn)


def _do_nothing(commands: list[Argv]) -> None:
    """Execute nothing: the form is checked, not what it means."""


def curable(files: Files, verdicts: Sequence[Verdict]) -> bool:
    """Whether cutting the last file makes the log sound."""
    *before, last = verdicts
    return (
        bool(last.excess)
        and not any(verdict.problem for verdict in before)
        and not _followed(files, last.path)
    )


def _followed(files: Files, path: Path) -> bool:
    """Whether a manifest beside a file lists others behind it."""
    for each in path.parent.glob("*.manifest"):
        found = manifest.load(files, each)
        names = [file.name for file in found.files] if found else []
        if path.name in names[:-1]:
            return True
    return False


def cut(files: Files, verdict: Verdict) -> None:
    """Cut a file behind what can be loaded of it. Raises `OSError` and `SyncError`."""
    fd = files.open_append(verdict.path)
    try:
        files.truncate(fd, verdict.sound)
        datasync(files, fd, verdict.path)
    finally:
        files.close(fd)
