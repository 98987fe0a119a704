r"""Patterns as KEYS, SCAN MATCH, CONFIG GET and PSUBSCRIBE take them.

`*` any bytes, `?` one byte, `[ab]` `[a-z]` `[^a]` one of a class, `\x` the byte x itself. A pattern
becomes a regular expression that cannot backtrack from one star into another: every element but `*`
matches exactly one byte, so between two stars the leftmost match is as good as any, and an atomic
group keeps it. A match costs at most the length of the text times that of a piece between stars,
and `a*a*a*a*b` nothing out of the ordinary.

Odd patterns mean what redis-server 8.2.3 takes them to mean: a class that is not closed reaches to
the end of the pattern, `[]` matches nothing and `[^]` anything, the ends of a range may stand in any
order and compare as signed bytes, and a `]` may be the end of one; more than a thousand stars match
nothing; nothing but the empty pattern matches the empty text, which is why KEYS and SCAN do not even
ask about `*`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

MOST_STARS = 1000
KEPT_BYTES = 256  # longer patterns are compiled anew for every command

_ELEMENTS = re.compile(
    rb"""(?sx)
    (?P<stars> \*+ )
  | (?P<any> \?+ )
  | \[ (?P<inverted> \^? ) (?P<body> (?: \\. | [^]\\]-. | [^]] )*+ ) \]?
  | \\ (?P<escaped> . )
  | (?P<literal> [^*?\[\\]+ | \\ )
    """
)
_MEMBERS = re.compile(rb"(?s)\\(?P<escaped>.)|(?P<first>[^\\])-(?P<last>.)|(?P<single>.)")

Matches = Callable[[bytes], object]  # a true value for a match


def matcher(pattern: bytes, *, ignore_case: bool = False) -> Matches:
    """A function that tells whether a text matches `pattern`."""
    if len(pattern) > KEPT_BYTES:
        return _compiled(pattern, ignore_case)
    return _kept(pattern, ignore_case)


def _compiled(pattern: bytes, ignore_case: bool) -> Matches:
    return re.compile(_translated(pattern, ignore_case), re.DOTALL).fullmatch


_kept = lru_cache(maxsize=128)(_compiled)


def _translated(pattern: bytes, ignore_case: bool) -> bytes:
    """The regular expression for a pattern."""
    pieces: list[list[bytes]] = [[]]  # what stands between the stars
    for element in _ELEMENTS.finditer(pattern):
        if element["stars"]:
            pieces.append([])
        else:
            pieces[-1].append(_element(element, ignore_case))
    if len(pieces) == 1:
        return b"".join(pieces[0])
    first, *middle, last = (b"".join(piece) for piece in pieces)
    if len(middle) + bool(last) > MOST_STARS:
        return b"(?!)"
    return b"(?=.)%b%b.*?%b" % (first, b"".join([b"(?>.*?%b)" % piece for piece in middle]), last)


def _element(element: re.Match[bytes], ignore_case: bool) -> bytes:
    """The regular expression for anything but a star."""
    if element["any"]:
        return b"." * len(element["any"])
    if element["body"] is not None:
        return _class(element["body"], bool(element["inverted"]), ignore_case)
    literal = re.escape(element["literal"] or element["escaped"])
    return b"(?i:%b)" % literal if ignore_case else literal


def _class(body: bytes, inverted: bool, ignore_case: bool) -> bytes:
    """The regular expression for one byte of a class."""
    members: set[int] = set()
    for member in _MEMBERS.finditer(body):
        members.update(_members(member, ignore_case))
    if not members:
        return b"." if inverted else b"(?!)"
    if len(members) == 256:
        return b"(?!)" if inverted else b"."
    return b"[%b%b]" % (b"^" * inverted, b"".join([b"\\x%02x" % byte for byte in sorted(members)]))


def _members(member: re.Match[bytes], ignore_case: bool) -> Iterable[int]:
    """The bytes that a part of a class stands for; an escaped one only for itself, in either case."""
    if member["escaped"]:
        return member["escaped"]
    start, end = member["first"] or member["single"], member["last"] or member["single"]
    low, high = sorted((_signed(start), _signed(end)))
    if not ignore_case:
        return [number & 255 for number in range(low, high + 1)]
    low, high = _lower(low), _lower(high)  # put in order before that: [Z-a] matches nothing
    return [number & 255 for number in range(-128, 128) if low <= _lower(number) <= high]


def _signed(byte: bytes) -> int:
    return (byte[0] ^ 128) - 128


def _lower(number: int) -> int:
    return number + 32 if 65 <= number <= 90 else number
