r"""Annotations: lines of the log that redis-server passes over, for commands that it does not know.

redis-server 8.2.3 skips a line that begins with `#`, between commands and inside a transaction, if it is
shorter than a KiB. What respq alone remembers (which producer sent which entry, say) is written so: the
command, encoded as any other, in hexadecimal digits, on as many lines as it takes.

    #respq+2a350d0a…\r\n    more follows
    #respq 0d0a\r\n         the last line
"""

from __future__ import annotations

from respq.protocol import Argv
from respq.protocol.resp import bulks

SEEN_TIME = b"SEEN-TIME"  # begins words of XCLAIM that only logs of respq have
_ANNOTATED = frozenset({b"XCFGSET", b"XIDMPRECORD"})

_LAST, _MORE = b"#respq ", b"#respq+"
_DIGITS = 900  # of a line


def is_annotated(argv: Argv) -> bool:
    """Whether a command is written so."""
    return argv[0] in _ANNOTATED or (argv[0] == b"XCLAIM" and argv[5] == SEEN_TIME)


class Annotation:
    """The effect of a command that the log has as an annotation."""

    __slots__ = ("argv",)

    def __init__(self, argv: Argv) -> None:
        self.argv = argv


def annotate(argv: Argv) -> bytes:
    """The lines for a command."""
    digits = bulks(argv).hex().encode()
    lines = [digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS)]
    last = lines.pop()
    return b"".join([b"%b%b\r\n" % (_MORE, line) for line in lines]) + b"%b%b\r\n" % (_LAST, last)


def read_lines(data: bytes, start: int) -> tuple[bytes, int]:
    """The command encoded in the line at `start`, which begins with `#`, and those that belong to it.

    Also where they end: nothing and `start` if they are incomplete, nothing if the line is another's. Raises
    ValueError for what is no encoding.
    """
    digits: list[bytes] = []
    at = start
    while (end := data.find(b"\n", at)) >= 0:
        line = data[at:end].removesuffix(b"\r")
        at = end + 1
        if line.startswith(_LAST):
            return bytes.fromhex(b"".join([*digits, line[len(_LAST) :]]).decode("ascii")), at
        if not line.startswith(_MORE):
            if digits:
                raise ValueError(line)
            return b"", at
        digits.append(line[len(_MORE) :])
    return b"", start
