"""Lines in the log that say when it was: `#TS:<Unix time in seconds>`, as Redis has them.

They stand between commands, never within a transaction, before the first command of a second. What is behind
the first one that is later than some moment can be cut off, and the log is as it was then.
"""

from __future__ import annotations

import re

from respq.effects.files import Files
from respq.effects.grammar import parse_strictly

_STAMP = re.compile(rb"#TS:([0-9]{1,18})\r\n")
_READ_BYTES = 1 << 16


def stamp(second: int) -> bytes:
    """The line for a moment."""
    return b"#TS:%d\r\n" % second


def first_after(files: Files, fd: int, begin: int, second: int) -> int | None:
    """The offset of the first line, from `begin` on, that is later; None if there is none. O(bytes).

    The file is known to be sound. Raises OSError.
    """
    offset, data = begin, b""
    while part := files.read(fd, max(_READ_BYTES, len(data)), offset + len(data)):
        data += part
        used, is_later = _walk(data, second)
        offset += used
        if is_later:
            return offset
        data = data[used:]
    return None


def _walk(data: bytes, second: int) -> tuple[int, bool]:
    """Where the whole commands and lines of `data` end, or a line that is later begins; whether it does."""
    at = 0
    while at < len(data):
        if data.startswith(b"#", at):
            end = data.find(b"\n", at) + 1
            if not end:
                break
            found = _STAMP.match(data, at)
            if found and int(found[1]) > second:
                return at, True
            at = end
        elif (command := parse_strictly(data, at)) is None:
            break
        else:
            at = command[1]
    return at, False
