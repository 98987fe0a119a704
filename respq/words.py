r"""Lines of words, as people type commands into telnet and directives into a file: splitting and quoting.

Words are separated by white space. A double quote opens a stretch in which `\n \r \t \b \a`, `\xHH` and
a backslash before any other character mean what they mean in C; in single quotes only `\'` is special. A
quote may open in the middle of a word, but what closes it ends the word: white space or the end of the
line must follow. Vertical tab and form feed separate words only where no word is being read. All of this
is observed behaviour of Redis 8.2.3 (`tests/protocol/malformed.jsonl`).
"""

from __future__ import annotations

import re

# One word: bare characters, then at most one quoted stretch. The quantifiers are possessive: no backtracking.
_WORD = re.compile(
    rb"""
    ([^\ \n\r\t"']*+)
    (?: "((?:\\.|[^"\\])*+)"(?=\s|\Z) | '((?:\\'|[^'])*+)'(?=\s|\Z) | (?=[\ \n\r\t]|\Z) )
    """,
    re.VERBOSE | re.DOTALL,
)
_BLANKS = re.compile(rb"\s*+")
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_CONTROL = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}


def counted(number: int, noun: str) -> str:
    """`1 key`, `2 keys`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def split_words(line: bytes) -> list[bytes] | None:
    """The words of `line`, unquoted; None if a quote is not closed or not followed by white space. O(n)."""
    words = []
    position = _blanks_end(line, 0)
    while position < len(line):
        if (word := _WORD.match(line, position)) is None:
            return None
        bare, double, single = word.groups()
        if double is not None:
            bare += _ESCAPE.sub(_unescape, double)
        elif single is not None:
            bare += single.replace(b"\\'", b"'")
        words.append(bare)
        position = _blanks_end(line, word.end())
    return words


def _blanks_end(line: bytes, position: int) -> int:
    match = _BLANKS.match(line, position)
    return match.end() if match else position


def _unescape(escape: re.Match[bytes]) -> bytes:
    digits, character = escape.groups()
    return bytes((int(digits, 16),)) if digits is not None else _CONTROL.get(character, character)


# A letter where there is one; a backslash before what would end the word.
_QUOTED = [bytes((byte,)) if 32 <= byte < 127 else b"\\x%02x" % byte for byte in range(256)]
for _letter, _byte in (_CONTROL | {b"\\": b"\\", b'"': b'"'}).items():
    _QUOTED[_byte[0]] = b"\\" + _letter


def quoted(word: bytes) -> bytes:
    """A word in double quotes, with what cannot be printed escaped. O(n)."""
    return b'"%b"' % b"".join([_QUOTED[byte] for byte in word])
