"""Reading the log: the base and the increments, as batches of commands, in bounded memory.

A file is read 1 MiB at a time and each piece is handed over as one batch, together with the end of the
piece before: in the order of the log, or key by key (`by_key`) where that is the same and worth it. Only a
command larger than that, or a transaction, is held in memory as a whole: commands between MULTI and EXEC are
handed over when EXEC has been seen, because a transaction is done whole or not at all. Every file starts in
database 0, which a SELECT in front of it says. A file may begin with a dump of the data set (`rdb.file`), as
redis-server writes it with `aof-use-rdb-preamble yes`: it is mapped into memory, and its values are stored
one by one.

What may be wrong with a file, and what follows (redis-server 8.2.3, differences marked):

- The last file ends within a command or a transaction: the server died while writing. With
  `aof-load-truncated yes` it is cut back to where that began, with a warning, otherwise refused.
- Any other file ends so: refused. (Redis cuts it all the same, refuses once, and starts the second time
  with the loss in the middle.)
- Anything else is damage and refused with file and offset. That includes what looks like a torn end only
  because a length is wrong: if whole commands follow in what would be cut off, it is not cut off. (Redis
  cuts.)
- `aof-load-corrupt-tail-max-size`, which came with Redis 8.4: if the last file ends in so few bytes that are
  no commands, they are cut off as well, with a warning.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from mmap import mmap
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from respq.datatypes.value import Value
from respq.effects.by_key import KeyReader
from respq.effects.files import AofError, DamagedError, Files, datasync
from respq.effects.grammar import FormatError, declared_size, parse, parse_strictly
from respq.protocol import Argv
from respq.protocol.annotations import read_lines
from respq.protocol.runs import Run
from respq.rdb.cursor import BadFormatError
from respq.rdb.file import SIGNATURES, DumpReader, describe_part

Store = Callable[[int, bytes, Value], None]  # database, key, value with its expiry; raises BadFormatError
Keep = Callable[[bytes], None]  # the code of a library of functions; raises BadFormatError
Execute = Callable[[list[Argv]], None]
ExecuteApart = Callable[[list[Run | list[Argv]]], bool]
Progress = Callable[[int, int], None]  # bytes read so far, and in total

_FIRST_BYTES = 1 << 9  # of a file, which begins with a SELECT: that is not done by keys
_READ_BYTES = 1 << 20  # a few ms of work, after which clients are told that they have to wait
SIGNATURE_BYTES = 6
_BELIEVE_BYTES = 1 << 20  # of a command that have to be there before its declared length is believed
_COMMAND_START = re.compile(rb"\r\n(?=\*[1-9]\d*\r\n\$\d+\r\n)")
_ENDS = {b"EXEC", b"DISCARD"}  # of a transaction; people write logs by hand
_RESYNC_COMMANDS = 3  # whole commands in a row behind a "torn" one: then its length is wrong

log = logging.getLogger(__name__)


class CommandFailedError(Exception):
    """What `Execute` raises for a command that cannot be executed; `index` counts within the batch."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index


class Apart(NamedTuple):
    """How commands are executed key by key: which, by name, and by whom, who may decline.

    `execute` gets the commands of one key after those of another. What it declines it has not begun.
    """

    names: frozenset[bytes]
    execute: ExecuteApart


class Position(NamedTuple):
    """A command in a file: the `ordinal`-th after `offset`, which is the start of one."""

    offset: int
    ordinal: int


def no_values(_db: int, _key: bytes, _value: Value) -> None:
    """A `Store` for whoever expects commands only."""
    raise BadFormatError("is an RDB file, where only commands are expected")


def no_libraries(_code: bytes) -> None:
    """A `Keep` for whoever does without functions."""


class Loader:
    """Reads one file after the other. `bytes_done` of `bytes_total` have been read."""

    def __init__(
        self,
        files: Files,
        execute: Execute,
        progress: Progress | None,
        bytes_total: int,
        store: Store = no_values,
        keep: Keep = no_libraries,
        *,
        apart: Apart | None = None,
        checked: bool = True,
    ) -> None:
        self.files = files
        self.execute = execute
        self.apart = apart
        self.keys_apart = KeyReader(apart.names) if apart else None
        self.store = store
        self.keep = keep
        self.checked = checked  # whether checksums of dumps are looked at
        self.progress = progress
        self.bytes_total = bytes_total
        self.bytes_done = 0
        self.commands = 0
        self.keys = 0  # that were stored
        self.dump: DumpReader | None = None  # the last one that was read

    def load(self, path: Path, *, last: bool, truncate: bool, corrupt_tail_bytes: int = 0) -> None:
        """Execute the file at `path`; cut it if it is the `last` one, torn, and `truncate` allows that.

        So it is if it ends in at most `corrupt_tail_bytes` that are no commands.
        """
        try:
            end = self.read(path)
        except DamagedError as error:
            excess = self.files.size(path) - error.sound
            if not (last and error.of_form and excess <= corrupt_tail_bytes):
                raise
            log.warning("%s; cutting off %d bytes (aof-load-corrupt-tail-max-size)", error, excess)
            self._shorten(path, error.sound)
        else:
            if end is not None:
                self._cut(path, end, last=last, truncate=truncate)

    def read(self, path: Path) -> int | None:
        """Execute the file at `path`; return None, or the offset of the command or transaction it ends in.

        Raises `DamagedError`.
        """
        fd = self.files.open_read(path)
        try:
            return _FileLoad(self, path, fd).run()
        finally:
            self.files.close(fd)

    def load_dump(self, path: Path) -> dict[bytes, bytes]:
        """Store what is in the RDB file at `path`; return what its server said of itself."""
        fd = self.files.open_read(path)
        try:
            return self.store_dump(fd, path)[1]
        finally:
            self.files.close(fd)

    def store_dump(self, fd: int, path: Path) -> tuple[int, dict[bytes, bytes]]:
        """Store what the dump at the beginning of a file holds; return where it ends, and as `load_dump`."""
        data = self.files.map(fd, self.files.size(path))
        at = 0
        try:
            reader = self.dump = DumpReader(data, checked=self.checked)
            at = reader.at
            shown = 0
            for stored in reader:
                self.store(*stored)
                self.keys += 1
                at = reader.at
                if at - shown >= _READ_BYTES:
                    self.advance(at - shown)
                    shown = at
            at = reader.at
            for code in reader.libraries:
                self.keep(code)
            self.advance(at - shown)
        except BadFormatError as error:
            raise DamagedError(path, at, f"{describe_part(data, at)}: {error}", 0) from None
        finally:
            if isinstance(data, mmap):
                data.close()
        return at, reader.about

    def advance(self, count: int) -> None:
        """So many bytes more have been read."""
        self.bytes_done += count
        if self.progress is not None:
            self.progress(self.bytes_done, self.bytes_total)

    def _cut(self, path: Path, end: int, *, last: bool, truncate: bool) -> None:
        torn = f"{path}: ends in the middle of a command or transaction that begins at offset {end}"
        if not last:
            raise AofError(f"{torn}, but is not the last file of the log")
        if not truncate:
            raise AofError(
                f"{torn}; aof-load-truncated yes would start without it, after cutting the file there"
            )
        size = self.files.size(path)
        log.warning("%s; cutting off %d bytes (aof-load-truncated yes)", torn, size - end)
        self._shorten(path, end)

    def _shorten(self, path: Path, end: int) -> None:
        fd = self.files.open_append(path)
        try:
            self.files.truncate(fd, end)
            datasync(self.files, fd, path)
        finally:
            self.files.close(fd)


class _FileLoad:
    """The state of reading one file."""

    def __init__(self, loader: Loader, path: Path, fd: int) -> None:
        self.loader = loader
        self.files = loader.files
        self.path = path
        self.fd = fd
        self.size = self.files.size(path)
        self.held: list[Argv] = []  # a transaction whose EXEC has not been read
        self.held_at = Position(0, 0)

    def run(self) -> int | None:
        """Execute all; return None, or the offset of the command or transaction that the file ends in."""
        offset = 0
        if self.files.read(self.fd, SIGNATURE_BYTES, 0).startswith(SIGNATURES):
            offset, _ = self.loader.store_dump(self.fd, self.path)
        self._execute([[b"SELECT", b"0"]], None)
        data = b""
        while (wanted := self._wanted(data, offset)) and (
            part := self.files.read(self.fd, wanted, offset + len(data))
        ):
            self.loader.advance(len(part))
            data += part
            by_keys = self._execute_apart(data) if len(data) > _FIRST_BYTES else 0
            used = by_keys or self._execute_in_order(data, offset)
            offset += used
            data = data[used:]
        used = self._execute_in_order(data, offset)  # the command that ends where the file does
        offset += used
        data = data[used:]
        if data:
            self._refuse_damage(data, offset)
        if self.held:
            return self._locate(self.held_at)
        return offset if data else None

    def _execute_apart(self, data: bytes) -> int:
        """Execute what `data` begins with key by key; return its size, 0 if it has to be done in order."""
        apart, reader = self.loader.apart, self.loader.keys_apart
        if apart is None or reader is None or self.held:
            return 0
        found = reader.read(data)
        if found is None or not apart.execute(found[0]):
            return 0
        self.loader.commands += found[1]
        return found[2]

    def _execute_in_order(self, data: bytes, offset: int) -> int:
        """Execute what `data`, which stands at `offset`, begins with; return its size."""
        commands, used, error = parse(data)
        self._deliver(commands, offset)
        if error is not None:
            raise self._bad(offset + error.offset, str(error), offset + used, of_form=True)
        return used

    def _wanted(self, data: bytes, offset: int) -> int:
        """Return how much to read behind `data`, which holds no complete command; 0 if it never will.

        A command larger than a piece is read in pieces that double, so that it is not parsed too often.
        """
        if len(data) < _BELIEVE_BYTES:
            return _READ_BYTES if offset or data else _FIRST_BYTES
        if data.startswith(b"#"):  # an annotation does not say how long it is
            return len(data)
        missing = declared_size(data) - len(data)
        if offset + len(data) + missing > self.size:
            return 0
        return max(_READ_BYTES, min(missing, len(data)))

    def _bad(self, offset: int, reason: str, begin: int, *, of_form: bool = False) -> DamagedError:
        """What is wrong at `offset`, in the command that begins at `begin`."""
        sound = self._locate(self.held_at) if self.held else begin
        return DamagedError(self.path, offset, reason, sound, of_form=of_form)

    # -- transactions ------------------------------------------------------------------------------

    def _deliver(self, commands: list[Argv], offset: int) -> None:
        """Execute what is complete and hold the rest; the first command stands at `offset`."""
        self.loader.commands += len(commands)
        at, held = Position(offset, 0), len(self.held)
        if held:
            if not _names(commands) & _ENDS:
                self.held += commands
                return
            commands, at, self.held = self.held + commands, self.held_at, []
        if b"MULTI" in _names(commands):
            begin = _open_transaction(commands)
            if begin < held:
                self.held_at = Position(at.offset, at.ordinal + begin)
            else:
                self.held_at = Position(offset, begin - held)
            commands, self.held = commands[:begin], commands[begin:]
        self._execute(commands, at)

    def _execute(self, commands: list[Argv], at: Position | None) -> None:
        if not commands:
            return
        try:
            self.loader.execute(commands)
        except CommandFailedError as error:
            if at is None:
                raise
            place = self._locate(Position(at.offset, at.ordinal + error.index))
            raise self._bad(place, str(error), place) from error

    # -- saying where ------------------------------------------------------------------------------

    def _locate(self, position: Position) -> int:
        """Return the offset of a command, by reading again up to it."""
        offset, ordinal = position.offset, position.ordinal
        data = b""
        while part := self.files.read(self.fd, max(_READ_BYTES, len(data)), offset + len(data)):
            data += part
            used, ordinal = _skip(data, ordinal)
            offset += used
            data = data[used:]
            if ordinal < 0:
                break
        return offset

    def _refuse_damage(self, data: bytes, offset: int) -> None:
        """Raise if the incomplete command at `offset` is not torn but has a wrong length or count."""
        for match in _COMMAND_START.finditer(data):
            if _whole_commands(data, match.end()) >= _RESYNC_COMMANDS:
                raise self._bad(
                    offset,
                    "a command that declares to be longer than the file, with whole commands in it"
                    f" from offset {offset + match.end()}; damaged rather than torn",
                    offset,
                    of_form=True,
                )


def _names(commands: list[Argv]) -> set[bytes]:
    """Return the names of the commands, in capitals."""
    return {name.upper() for name in set(map(itemgetter(0), commands))}


def _open_transaction(commands: list[Argv]) -> int:
    """Return the index of the MULTI that no EXEC follows, or the number of commands if there is none."""
    for index in range(len(commands) - 1, -1, -1):
        name = commands[index][0].upper()
        if name in _ENDS:
            break
        if name == b"MULTI":
            return index
    return len(commands)


def _skip(data: bytes, count: int) -> tuple[int, int]:
    """Skip annotations and up to `count` commands; return the bytes skipped and how many are to go.

    -1 means that the command after the last of them begins right there.
    """
    offset = 0
    while True:
        if data[offset : offset + 1] == b"#":
            command, end = read_lines(data, offset)
            if end == offset:
                return offset, count
            if command and count == 0:
                return offset, -1
            offset, count = end, count - bool(command)
        elif offset < len(data) and count == 0:
            return offset, -1
        elif (found := parse_strictly(data, offset)) is None:
            return offset, count
        else:
            offset, count = found[1], count - 1


def _whole_commands(data: bytes, offset: int) -> int:
    """Return how many complete commands stand in a row at `offset`, counted up to what proves the point."""
    for count in range(_RESYNC_COMMANDS):
        try:
            found = parse_strictly(data, offset)
        except FormatError:
            return 0
        if found is None:
            return count
        offset = found[1]
    return _RESYNC_COMMANDS
