"""What Lua does with values, done in Python, where that is simple: for scripts that are `straight`.

A value is what it is in Lua: bytes, a number (whole ones are ints), a truth value or None. Where Lua would do
more than is done here, convert a string that is no plain number, say, or complain, `UnfitError` is raised.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from respq.scripting.numbers import LARGE, argument, from_lua

NULLS = (b"$-1\r\n", b"*-1\r\n")
LONG_INTEGER = len(b":999999999999999\r\n")  # a reply from here on may be more than a double can hold
LONGEST_TEXT = 1 << 16  # bytes that are put together or kept here: memory is Lua's to limit

_EXACT = 10**15  # whole numbers below it are exact as doubles, and so are their sums
_PRINTED = 10**14  # below it Lua prints all digits
_INTEGER, _BULK = b":$"
_plain_number = re.compile(rb"0|-?[1-9][0-9]{0,14}").fullmatch


class UnfitError(Exception):
    """It takes Lua."""


def value_of(reply: bytes) -> Any:
    """A command's reply; what would be a table is an object that equals nothing, and fits nowhere."""
    kind = reply[0]
    if reply in NULLS:
        return False
    if kind == _BULK:
        return reply[reply.index(b"\n") + 1 : -2]
    if kind == _INTEGER:
        return int(reply[1:-2]) if len(reply) < LONG_INTEGER else from_lua(float(reply[1:-2]))
    return object()


def argument_of(reply: bytes) -> bytes:
    """A command's reply as an argument of the next. Raises MisuseError."""
    kind = reply[0]
    if kind == _INTEGER and len(reply) < LONG_INTEGER:
        return reply[1:-2]
    if kind == _BULK and reply not in NULLS:
        return reply[reply.index(b"\n") + 1 : -2]
    return argument(value_of(reply))


def encode(value: Any) -> bytes:
    """A value that a script returns, as a reply in RESP2."""
    kind = value.__class__
    if kind is bytes:
        return b"$%d\r\n%b\r\n" % (len(value), value)
    if kind is int:
        return b":%d\r\n" % value
    if kind is float:  # beyond the integers of C it is the machine that decides
        return b":%d\r\n" % (int(value) if -LARGE <= value < LARGE else -LARGE)
    if value is True:
        return b":1\r\n"
    if value is None or value is False:
        return NULLS[0]
    raise UnfitError


def is_true(value: object) -> bool:
    """All is, but nil and false."""
    return value is not None and value is not False


def negated(value: object) -> bool:
    """`not value`."""
    return value is None or value is False


def are_equal(left: object, right: object) -> bool:
    """`left == right`: a truth value is no number."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return left == right


def is_less(left: Any, right: Any) -> bool:
    """`left < right`, of two whole numbers or two strings."""
    if left.__class__ is right.__class__ and (left.__class__ is int or left.__class__ is bytes):
        less: bool = left < right
        return less
    raise UnfitError


def is_at_most(left: Any, right: Any) -> bool:
    """`left <= right`, likewise."""
    return not is_less(right, left)


def total(left: Any, right: Any) -> int:
    """`left + right`."""
    return _exact(_whole(left) + _whole(right))


def difference(left: Any, right: Any) -> int:
    """`left - right`."""
    return _exact(_whole(left) - _whole(right))


def to_number(value: Any) -> int | None:
    """`tonumber(value)`."""
    if value is None or value.__class__ is bool:
        return None
    return _whole(value)


def to_text(value: Any) -> bytes:
    """`tostring(value)`, and what becomes of it between `..`."""
    if value.__class__ is bytes:
        text: bytes = value
        return text
    if value.__class__ is int and -_PRINTED < value < _PRINTED:
        return b"%d" % value
    raise UnfitError


def joined(values: Sequence[Any]) -> bytes:
    """`a .. b .. c`."""
    text = b"".join(map(to_text, values))
    if len(text) > LONGEST_TEXT:
        raise UnfitError
    return text


def length(value: Any) -> int:
    """`#value`, of a string."""
    if value.__class__ is bytes:
        return len(value)
    raise UnfitError


def _whole(value: Any) -> int:
    if value.__class__ is bytes and _plain_number(value):
        return int(value)
    if value.__class__ is int:
        number: int = value
        return number
    raise UnfitError


def _exact(number: int) -> int:
    if -_EXACT < number < _EXACT:
        return number
    raise UnfitError
