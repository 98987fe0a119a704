"""Reading the words of a command: numbers, options, timeouts, moments of expiry.

Every reader returns a value or raises the CommandError that Redis answers, so a handler that reads
all its words before it changes anything needs no further checks.

Numbers follow Redis's `string2ll`: only the canonical spelling of a signed 64-bit integer counts;
`+1`, `01`, `-0`, ` 1` and `1_000` are no integers. Comparing with the spelling that Python would
give is the cheapest exact test (0.2 µs). Options are matched without regard to case and in any
order; `Options` walks over them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from math import ceil, inf

from respq.commands import longdouble
from respq.errors import CommandError, not_a_float, not_an_integer, shown, syntax_error
from respq.protocol import Argv

INT_MIN, INT_MAX = -(1 << 31), (1 << 31) - 1
INT64_MIN, INT64_MAX = -(1 << 63), (1 << 63) - 1
UINT64_END = 1 << 64

_PLAIN_DOUBLE = b"0123456789.+-"  # what a double is spelled with that is neither great nor small
_DOUBLE = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|[+-]?inf(?:inity)?", re.IGNORECASE)
_INFINITE = {b"-inf": -inf, b"+inf": inf}  # as the open ends of a range are spelled
_ZERO = re.compile(rb"[+-]?(?:0x)?[0.]+(?:[ep].*)?", re.IGNORECASE)
_UNSIGNED = re.compile(rb"\s*([+-]?)([0-9]+)")


# -- numbers ---------------------------------------------------------------------------------------


def as_int(word: bytes) -> int | None:
    """The signed 64-bit integer that `word` spells canonically, or None."""
    try:
        number = int(word)
        if b"%d" % number == word and INT64_MIN <= number <= INT64_MAX:
            return number
    except ValueError:  # no digits at all, or more than 4,300
        pass
    return None


_SMALL = {b"%d" % n: n for n in range(-100, 1001)}  # most integers: 60 ns instead of 180


def parse_int(word: bytes, message: str | None = None) -> int:
    """A signed 64-bit integer. Raises CommandError: `message`, or that it is not an integer."""
    number = _SMALL.get(word)
    if number is None and (number := as_int(word)) is None:
        raise CommandError(message) if message else not_an_integer()
    return number


def parse_int_between(word: bytes, low: int, high: int, message: str | None = None) -> int:
    """An integer from `low` to `high`. `message` replaces both errors, bad spelling and bad range."""
    number = parse_int(word, message)
    if not low <= number <= high:
        raise CommandError(message or f"value is out of range, value must between {low} and {high}")
    return number


def parse_int32(word: bytes) -> int:
    """An integer that fits C's int."""
    return parse_int_between(word, INT_MIN, INT_MAX)


def parse_non_negative(word: bytes, message: str = "value is out of range, must be positive") -> int:
    """An integer from 0 on; `message` replaces both errors."""
    return parse_int_between(word, 0, INT64_MAX, message)


def parse_long_double(word: bytes) -> Fraction:
    """A floating point number, see `longdouble`. Raises NotFiniteError for a spelled-out infinity."""
    try:
        return longdouble.parse(word)
    except ValueError:
        raise not_a_float() from None


def parse_double(word: bytes) -> float:
    """A double, as ZADD takes it: decimal or hexadecimal, or a spelled-out infinity.

    Raises CommandError, also for what is too great to be finite or too small to be more than 0.
    """
    if len(word) < 300 and not word.strip(_PLAIN_DOUBLE):
        try:
            return float(word)
        except ValueError:
            raise not_a_float() from None
    number = as_double(word)
    if number is None and longdouble.is_hexadecimal(word):
        try:
            number = float.fromhex(word.decode())
        except OverflowError:
            pass
    if (
        number is None
        or (number in {inf, -inf} and b"n" not in word.lower())
        or (not number and not _ZERO.fullmatch(word))
    ):
        raise not_a_float()
    return number


def as_double(word: bytes) -> float | None:
    """The double that `word` spells in decimals, or None. What is too great is infinite, too small is 0."""
    if word.isdigit():
        return float(word)
    number = _INFINITE.get(word)
    return float(word) if number is None and _DOUBLE.fullmatch(word) else number


def parse_db(word: bytes, databases: int) -> int:
    """The number of a database out of so many."""
    number = parse_int32(word)
    if not 0 <= number < databases:
        raise CommandError("DB index is out of range")
    return number


def parse_cursor(word: bytes) -> int:
    """The cursor of a SCAN, any spelling of an unsigned 64-bit integer that C's strtoull takes.

    Only the canonical spelling of a negative number is refused; `-01` wraps around. A NUL byte ends it.
    """
    word = shown(word)
    number = as_int(word)
    if number is None and (match := _UNSIGNED.fullmatch(word)) is not None and len(word) < 4000:
        number = int(match[2])
        if number >= UINT64_END:
            number = -1
        elif match[1] == b"-":
            number = -number % UINT64_END
    if number is None or number < 0:
        raise CommandError("invalid cursor")
    return number


# -- options ---------------------------------------------------------------------------------------


class Options:
    """The words from `argv[at]` on: iterate over the names in upper case, take what belongs to each.

        for name in (options := Options(argv, 3)):
            if name == b"COUNT":
                count = parse_int(options.value())
            else:
                raise syntax_error()

    Names come one at a time, so one is refused before the words behind it are read.
    """

    __slots__ = ("_argv", "at")

    def __init__(self, argv: Argv, at: int) -> None:
        self._argv = argv
        self.at = at  # the next word

    def __iter__(self) -> Iterator[bytes]:
        while self.at < len(self._argv):
            self.at += 1
            yield self._argv[self.at - 1].upper()

    def value(self) -> bytes:
        """The next word, as it is. Raises a syntax error if there is none."""
        if self.at >= len(self._argv):
            raise syntax_error()
        self.at += 1
        return self._argv[self.at - 1]

    def values(self, count: int) -> Argv:
        """The next `count` words. Raises a syntax error if there are fewer."""
        start, self.at = self.at, self.at + count
        if self.at > len(self._argv):
            raise syntax_error()
        return self._argv[start : self.at]

    @property
    def left(self) -> int:
        """How many words are left."""
        return len(self._argv) - self.at


# -- timeouts --------------------------------------------------------------------------------------


def parse_timeout_s(word: bytes, now_ms: int) -> int:
    """A blocking command's timeout, spelled in seconds, as whole milliseconds; 0 waits for ever."""
    if len(word) < 10 and word.isdigit():
        return int(word) * 1000
    try:
        exact_ms = longdouble.rounded(longdouble.parse(word) * 1000)
    except ValueError:
        raise CommandError("timeout is not a float or out of range") from None
    except longdouble.NotFiniteError:
        exact_ms = Fraction(-1 if word.startswith(b"-") else INT64_MAX + 1)
    if exact_ms > INT64_MAX:
        raise CommandError("timeout is out of range")
    return _checked_timeout(ceil(exact_ms), now_ms)


def parse_timeout_ms(word: bytes, now_ms: int) -> int:
    """A timeout spelled in milliseconds; 0 waits for ever."""
    return _checked_timeout(parse_int(word, "timeout is not an integer or out of range"), now_ms)


def _checked_timeout(timeout_ms: int, now_ms: int) -> int:
    if timeout_ms < 0:
        raise CommandError("timeout is negative")
    if timeout_ms > INT64_MAX - now_ms:
        raise CommandError("timeout is out of range")
    return timeout_ms


# -- expiry ----------------------------------------------------------------------------------------


def bad_expiry(command: str) -> CommandError:
    """The moment of expiry lies outside of what can be counted."""
    return CommandError(f"invalid expire time in '{command}' command")


def parse_expiry_ms(word: bytes, unit_ms: int, base_ms: int, command: str) -> int:
    """A positive time to live or moment, as SET and GETEX take it, in Unix ms.

    `unit_ms` is 1000 or 1; `base_ms` the present for a time to live, 0 for a moment.
    """
    number = parse_int(word)
    if number <= 0 or number * unit_ms + base_ms > INT64_MAX:
        raise bad_expiry(command)
    return number * unit_ms + base_ms
