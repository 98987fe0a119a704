"""Numbers as Redis writes them when a script passes or returns them.

A double has the fewest digits that read back as the same number; where the point stands, and from where on
there is an exponent, was observed on redis-server 8.2.3, whose library is fpconv.
"""

from __future__ import annotations

import math

from respq.errors import CommandError

LARGE = float(1 << 63)
EXACT = 1 << 62  # up to here a whole number is passed as an integer


class MisuseError(CommandError):
    """What a script passed is no command at all: the script's error, not one of a command."""


def argument(value: object) -> bytes:
    """A value that a script passes to a command, which is no string. Raises MisuseError."""
    if isinstance(value, bytes):
        return value
    if value.__class__ is int and -EXACT <= value <= EXACT:
        return b"%d" % value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
        if math.isnan(number):
            return b"nan" if math.copysign(1, number) > 0 else b"-nan"
        return shortest(number)
    raise MisuseError("Lua redis lib command arguments must be strings or integers")


def from_lua(number: float) -> int | float:
    """A number of Lua's, which are all doubles, as `argument` wants it: whole ones as integers."""
    return int(number) if -LARGE <= number < LARGE and number == int(number) else number


def double(number: float) -> bytes:
    """A number that a script returns as a double; minus zero does not get here."""
    if -EXACT <= number <= EXACT and number == int(number):
        return b"%d" % number
    return shortest(float(number))  # Lua passes whole ones as integers


def shortest(number: float) -> bytes:
    """A double with the fewest digits that say which it is: `0.1`, `1e+20`, `inf`, `nan`."""
    if math.isnan(number):
        return b"nan"
    if math.isinf(number):
        return b"inf" if number > 0 else b"-inf"
    sign = "-" if math.copysign(1, number) < 0 else ""
    mantissa, _, power = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    zeros = len(digits) - len(digits.rstrip("0"))
    digits = digits.rstrip("0")
    if not digits:
        return (sign + "0").encode()
    exponent = int(power or 0) - len(fraction) + zeros  # the number is digits × 10 ** exponent
    return (sign + _placed(digits, exponent)).encode()


def _placed(digits: str, exponent: int) -> str:
    magnitude = abs(exponent + len(digits) - 1)
    if exponent >= 0 and magnitude < len(digits) + 7:
        return digits + "0" * exponent
    if exponent < 0 and (exponent > -7 or magnitude < 4):
        point = len(digits) + exponent
        return digits[:point] + "." + digits[point:] if point > 0 else "0." + "0" * -point + digits
    fraction = "." + digits[1:] if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}e{'-' if exponent + len(digits) < 1 else '+'}{magnitude}"
