"""The manifest: which files make up the append-only file, and in which order.

Since Redis 7 the log is a set of files in one directory: at most one *base* (the data set at some moment,
as commands or as a dump, which its name says), *increments* (what happened since, in the order of their
sequence numbers) and *history* (files that a rewrite has made superfluous and that wait to be deleted).
`<filename>.manifest` lists them:

    file appendonly.aof.1.base.aof seq 1 type b
    file appendonly.aof.1.incr.aof seq 1 type i startoffset 0

Only the manifest decides what belongs to the log, so replacing it in one rename moves the log from one
valid state to the next. Each step of that may be the last before the power goes: write a temporary file,
sync it, rename it over the manifest, sync the directory. Nothing is listed before it is durable, and
nothing is deleted before the manifest that no longer needs it is.

The grammar and its refusals are what redis-server 8.2.3 was seen to accept: pairs of words in any order,
upper or lower case, unknown ones ignored; lines of `#` skipped; refused are an empty manifest, an empty
line, a last line without its line feed, a second base, increments whose numbers do not grow, a name with a
slash, a number 0. Stricter here: a number is all digits ("1x" and "-5" are none).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from respq.effects.files import AofError, Files, discard, sync_directory, write_all

BASE, INCREMENT, HISTORY = "b", "i", "h"
COMMANDS, DUMP = "aof", "rdb"  # forms of a base

_LINE_MAX_BYTES = 1024  # Redis's reader takes no longer line
_READ_BYTES = 65536
_WORD = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\')*)'|([^\s"']\S*))(?=\s|$)""")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.)")
_PLAIN = re.compile(r"[!#-&(-\[\]-~]+")  # ASCII without blanks, quotes and backslash: needs no quotes
_CONTROL = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "a": "\a"}
_SPELLED = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 256))}
_SPELLED |= {ord(char): f"\\{name}" for name, char in _CONTROL.items()}
_SPELLED |= {ord(char): f"\\{char}" for char in '"\\'}


class LogFile(NamedTuple):
    """One line of the manifest."""

    name: str  # within the log's directory
    seq: int  # rises by one with each new base, and with each new increment
    kind: str  # BASE, INCREMENT or HISTORY
    start_offset: int | None = None  # where in the log an increment begins; Redis 8 writes it


class Manifest(NamedTuple):
    """The set of files, immutable: each step of a rewrite makes the next manifest from this one."""

    base: LogFile | None = None
    increments: tuple[LogFile, ...] = ()
    history: tuple[LogFile, ...] = ()

    @property
    def files(self) -> tuple[LogFile, ...]:
        """The files that hold the data, in the order in which they are loaded."""
        return ((self.base,) if self.base else ()) + self.increments

    def next_base(self, filename: str, form: str) -> LogFile:
        """Name the base that a rewrite would write."""
        seq = self.base.seq + 1 if self.base else 1
        return LogFile(f"{filename}.{seq}.base.{form}", seq, BASE)

    def next_increment(self, filename: str, start_offset: int) -> LogFile:
        """Name the increment that comes after the present ones."""
        seq = self.increments[-1].seq + 1 if self.increments else 1
        return LogFile(f"{filename}.{seq}.incr.aof", seq, INCREMENT, start_offset)

    def with_increment(self, increment: LogFile) -> Manifest:
        """Return the set with one more increment."""
        return self._replace(increments=(*self.increments, increment))

    def rewritten(self, base: LogFile, increment: LogFile) -> Manifest:
        """Return the set after a rewrite: these two hold everything, all others are history."""
        old = (f._replace(kind=HISTORY) for f in self.files if f.name != increment.name)
        return Manifest(base, (increment,), (*self.history, *old))

    def format(self) -> bytes:
        """Return the manifest as it stands on disk."""
        return "".join(map(_format_line, (*self.files, *self.history))).encode("ascii")


def parse(data: bytes, path: Path) -> Manifest:
    """Return the manifest that `data` spells; raise `AofError` naming `path` and the line."""
    if not data:
        raise AofError(f"{path}: the manifest is empty")
    manifest = Manifest()
    lines = data.decode("latin-1").split("\n")  # a character a byte; _parse_line decodes the name
    unfinished = lines.pop()
    for number, line in enumerate(lines, 1):
        if not line.startswith("#"):
            manifest = _add(manifest, _parse_line(line, f"{path}: line {number}"), number, path)
    if unfinished:
        raise AofError(f"{path}: line {len(lines) + 1}: cut off, without a line feed at its end")
    return manifest


def load(files: Files, path: Path) -> Manifest | None:
    """Return the manifest at `path`, or None where there is none."""
    return parse(_read(files, path), path) if files.exists(path) else None


def store(files: Files, path: Path, manifest: Manifest) -> None:
    """Replace the manifest at `path`, atomically and durably.

    Raises `OSError` while the old one still stands, `SyncError` if the new one stands, but perhaps not
    after a loss of power.
    """
    temporary = path.with_name(f"temp-{path.name}")
    try:
        fd = files.create(temporary)
        try:
            write_all(files, fd, manifest.format())
            files.datasync(fd)  # may fail safely: nothing refers to this file yet
        finally:
            files.close(fd)
        files.rename(temporary, path)
    except OSError:
        discard(files, temporary)
        raise
    sync_directory(files, path.parent)


def _read(files: Files, path: Path) -> bytes:
    fd = files.open_read(path)
    try:
        data = b""
        while part := files.read(fd, _READ_BYTES, len(data)):
            data += part
        return data
    finally:
        files.close(fd)


def _add(manifest: Manifest, file: LogFile, number: int, path: Path) -> Manifest:
    if file.kind == BASE:
        if manifest.base:
            raise AofError(f"{path}: line {number}: a second base file")
        return manifest._replace(base=file)
    if file.kind == HISTORY:
        return manifest._replace(history=(*manifest.history, file))
    if manifest.increments and file.seq <= manifest.increments[-1].seq:
        raise AofError(f"{path}: line {number}: sequence number {file.seq} does not grow")
    return manifest.with_increment(file)


def _parse_line(line: str, where: str) -> LogFile:
    if len(line) >= _LINE_MAX_BYTES - 1:
        raise AofError(f"{where}: longer than {_LINE_MAX_BYTES} bytes")
    words = _split(line.strip(" \t\r"))
    if words is None or len(words) < 6 or len(words) % 2:
        raise AofError(f"{where}: not 'file NAME seq NUMBER type b|i|h'")
    fields = {key.lower(): value for key, value in zip(words[::2], words[1::2], strict=True)}
    name, seq, kind = fields.get("file", ""), fields.get("seq", ""), fields.get("type", "")[:1]
    if not name or not re.fullmatch(r"[0-9]{1,18}", seq) or int(seq) == 0 or not kind:
        raise AofError(f"{where}: not 'file NAME seq NUMBER type b|i|h'")
    if "/" in name or "\\" in name:
        raise AofError(f"{where}: {name!r} is a path, not the name of a file")
    if kind not in (BASE, INCREMENT, HISTORY):
        raise AofError(f"{where}: unknown type {kind!r}")
    offset = fields.get("startoffset", "")
    start = int(offset) if re.fullmatch(r"[0-9]{1,19}", offset) else None
    return LogFile(os.fsdecode(name.encode("latin-1")), int(seq), kind, start)


def _split(line: str) -> list[str] | None:
    """Return the words of a line, quotes resolved; None if a quote stays open or is touched by text."""
    words, position = [], 0
    while position < len(line):
        match = _WORD.match(line, position)
        if match is None:
            return None
        double, single, plain = match.groups()
        if double is not None:
            words.append(_ESCAPE.sub(_unescape, double))
        else:
            words.append(plain if single is None else single.replace("\\'", "'"))
        position = match.end()
    return words


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) == 3 else _CONTROL.get(code, code)


def _format_line(file: LogFile) -> str:
    offset = "" if file.start_offset is None else f" startoffset {file.start_offset}"
    return f"file {_quoted(file.name)} seq {file.seq} type {file.kind}{offset}\n"


def _quoted(name: str) -> str:
    r"""Return `name` as one word: in quotes if it holds anything but printable ASCII, or a blank or quote.

    Redis 8.2.3 leaves a lone apostrophe bare; in quotes it reads the same.
    """
    if _PLAIN.fullmatch(name):
        return name
    return f'"{os.fsencode(name).decode("latin-1").translate(_SPELLED)}"'
