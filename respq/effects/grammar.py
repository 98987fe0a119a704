r"""The grammar of a log file: commands as arrays of bulk strings, and lines of annotation.

    *3\r\n$5\r\nRPUSH\r\n$4\r\njobs\r\n$1\r\na\r\n
    #TS:1767225600\r\n

This is not the grammar of a connection: no inline commands, no empty arrays, and `#` begins an annotation
(Redis writes timestamps so). That is why it has a parser of its own instead of `protocol.reader`'s. It needs
one thing more: where exactly a command begins, because a torn file is cut there and a bad one named there.

Two readers that agree. `parse_strictly` is the norm, in Python, 2 µs a command; it says where and why.
`parse` is for millions: `protocol.plain`, 0.2 to 0.5 µs, returns only commands whose canonical encoding is
proven to be, byte for byte, what the log holds. Where anything is odd, the norm decides.
"""

from __future__ import annotations

import re

from respq.protocol import Argv
from respq.protocol.annotations import read_lines
from respq.protocol.plain import PlainParser

_HASH = ord("#")
_BATCH_BYTES = 65536  # the pieces of a MiB at once do not fit into the processor's cache: 1.5 times the time
_HEADER = re.compile(rb"([*$])(\d{1,18})\r\n")
_PARTIAL_HEADER = re.compile(rb"([*$])(\d{0,18})\r?")


class FormatError(Exception):
    """Bytes that no log begins with; `offset` counts from the start of what was parsed."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset


def parse(data: bytes) -> tuple[list[Argv], int, FormatError | None]:
    """Return the commands at the start of `data`, how many bytes they and annotations take, and why it ends.

    None means that the rest is nothing, or the beginning of another command or annotation.
    """
    commands: list[Argv] = []
    offset = 0
    error = None
    plain = PlainParser()
    while offset < len(data) and error is None:
        if data[offset] == _HASH:
            found, used, error = _parse_annotation(data, offset)
            commands += found
        else:
            found, used = _parse_quickly(plain, data, offset)
            if not found:
                found, used, error = _parse_by_the_norm(data, offset)
            commands += found
        if used <= 0:
            break
        offset += used
    return commands, offset, error


def _parse_annotation(data: bytes, start: int) -> tuple[list[Argv], int, FormatError | None]:
    """Return the command that an annotation stands for, if any, and the size of its lines."""
    try:
        encoded, end = read_lines(data, start)
        found = parse_strictly(encoded, 0) if encoded else None
        if encoded and (found is None or found[1] != len(encoded)):
            raise ValueError(encoded)
    except (ValueError, FormatError):
        return [], 0, FormatError(start, "an annotation of respq that cannot be read")
    return [found[0]] if found else [], end - start, None


def _parse_by_the_norm(data: bytes, start: int) -> tuple[list[Argv], int, FormatError | None]:
    commands: list[Argv] = []
    offset = start
    try:
        while offset < len(data) and data[offset] != _HASH:
            found = parse_strictly(data, offset)
            if found is None:
                break
            commands.append(found[0])
            offset = found[1]
    except FormatError as error:
        return commands, offset - start, error
    return commands, offset - start, None


def _parse_quickly(plain: PlainParser, data: bytes, start: int) -> tuple[list[Argv], int]:
    """Return commands up to an annotation or other odd place, and their size; none if they are not proven."""
    for end in (start + _BATCH_BYTES, len(data)):
        annotation = data.find(b"\r\n#", start, end)
        commands, size, _ = plain.parse(data[start : annotation + 2 if annotation >= 0 else end])
        if commands or end >= len(data):
            break
    return commands if isinstance(commands, list) else commands.commands, size


def parse_strictly(data: bytes, start: int) -> tuple[Argv, int] | None:
    """Return the command at `start` and where it ends, or None if `data` ends within it.

    Raises `FormatError` unless `data[start:]` is a command or the beginning of one.
    """
    header = _read_header(data, start, b"*")
    if header is None:
        return None
    count, offset = header
    if count == 0:
        raise FormatError(start, "a command without a name")
    argv: Argv = []
    while len(argv) < count:
        header = _read_header(data, offset, b"$")
        if header is None:
            return None
        size, begin = header
        offset = begin + size + 2
        if not b"\r\n".startswith(data[begin + size : offset]):
            raise FormatError(begin + size, "an argument that does not end where it should")
        if offset > len(data):
            return None
        argv.append(data[begin : begin + size])
    return argv, offset


def _read_header(data: bytes, offset: int, kind: bytes) -> tuple[int, int] | None:
    """Return the number after the type byte `kind`, and where its line ends."""
    match = _HEADER.match(data, offset)
    if match is not None and match[1] == kind:
        return int(match[2]), match.end()
    if offset < len(data):
        match = _PARTIAL_HEADER.fullmatch(data, offset)
        if match is None or match[1] != kind or match[0] == kind + b"\r":
            seen = data[offset : offset + 16]
            raise FormatError(offset, f"{seen!r} where {kind.decode()!r} and a number belong")
    return None


def declared_size(data: bytes) -> int:
    """Return how long at least the incomplete command or annotation that `data` begins with will be."""
    if data[0] == _HASH or (header := _read_header(data, 0, b"*")) is None:
        return len(data) + 1
    count, offset = header
    seen = 0
    while seen < count and (header := _read_header(data, offset, b"$")) is not None:
        offset = header[1] + header[0] + 2
        seen += 1
    return max(offset + 6 * (count - seen), len(data) + 1)
