"""Doubles as Redis prints them: integers in full, everything else in the digits that Grisu2 finds.

Clients see scores as text, and the log keeps them as text, so the digits have to be those of Redis to the
last one. Grisu2 (Florian Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with Integers",
2010) finds the shortest digits that read back equal in 99.9 % of all cases, and a digit more in the others:
3.381772 is 3.3817719999999998. Python's `repr` always finds the shortest, so it is no substitute. The
arithmetic is in 64 bits with rounding, which is what decides about those cases.

Digits are not made one by one, as in the paper. Whether so many of them are enough is monotonic in their
number, so the number is searched for, from the end, and the digits come from one division. Cost: 0.15 µs for
an integer, 1.1 µs otherwise (Python 3.11; `repr` 0.36). Source of the notation: what redis-server 8.2.3 was
seen to print.

Several numbers, as the scores of a reply, are mostly neighbours, between the same two powers of two. For
these the borders are about as far away, so one remainder tells whether a number with so many decimals is well
within them or well outside, and the nearest one is the answer: 0.55 µs. What is neither goes the long way.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import copysign, frexp, ldexp
from typing import NamedTuple

_INTEGER_END = 2.0**62  # an integer up to here is printed in full
_FRACTION_BITS = 53
_SCALE = 2.0**_FRACTION_BITS
_POWER_OF_TWO = 1 << (_FRACTION_BITS - 1)  # the fraction of one
_LEAST_NORMAL = -1021  # exponents below are those of subnormal numbers, which have fewer bits
_HALF = 1 << 63
_TENS = [10**n for n in range(20)]
_LEAST_SCALED, _GREATEST_SCALED = -60, -32  # exponents after scaling, so that the integer part has 32 bits
_POWER_FIRST, _POWER_LAST, _POWER_STEP = -348, 340, 8  # powers of ten to scale by
_LEAST_SCALED_UP = 2.0**-960  # times the factor of its binade it is no infinity
_MARGIN = 3  # more than rounding moves a border, in units of a scaled number


class _Power(NamedTuple):
    """10 ** `tens` as `mantissa` * 2 ** `exponent`, rounded to 64 bits."""

    mantissa: int
    exponent: int
    tens: int


# How to scale the numbers of one binary exponent, by a power of ten:
#   whole   times a fraction of 53 bits: the number, 64 bits too far to the left
#   half    half the distance to its neighbours, likewise
#   point   bits behind the binary point, once scaled
#   mask    these bits
#   tens    the power of ten
#   enough  so many decimals always suffice
# A plain tuple: a NamedTuple takes 0.1 µs to unpack.
_Scale = tuple[int, int, int, int, int, int]


def _power(tens: int) -> _Power:
    top, bottom = (10**tens, 1) if tens >= 0 else (1, 10**-tens)
    exponent = top.bit_length() - bottom.bit_length() - 64
    while True:
        divisor = bottom << max(0, exponent)
        quotient, rest = divmod(top << max(0, -exponent), divisor)
        mantissa = quotient + (2 * rest >= divisor)
        if mantissa < 1 << 64:
            return _Power(mantissa, exponent, tens)
        exponent += 1


_POWERS = [_power(tens) for tens in range(_POWER_FIRST, _POWER_LAST + 1, _POWER_STEP)]
_SCALES: dict[int, _Scale] = {}  # by binary exponent; filled as they are asked for


def _power_for(exponent: int) -> _Power:
    """The power that scales numbers with this exponent. The first estimate decides where two would do."""
    at = int((-(exponent + len(_POWERS)) * 0.30102999566398114 - _POWER_FIRST) / _POWER_STEP)
    while True:
        scaled = exponent + _POWERS[at].exponent + 64
        if scaled < _LEAST_SCALED:
            at += 1
        elif scaled > _GREATEST_SCALED:
            at -= 1
        else:
            return _POWERS[at]


def _scale_for(exponent: int) -> _Scale:
    """The scale of numbers from 2 ** (exponent - 1) on."""
    exponent -= 64
    mantissa, power_exponent, tens = _power_for(exponent)
    point = -(exponent + power_exponent + 64)
    mask = (1 << point) - 1
    least_delta = (mantissa << 11 >> 64) - 3  # of both borders, each up to 1.5 nearer
    enough = next(count for count, ten in enumerate(_TENS) if least_delta * ten > mask)
    scale = _SCALES[exponent + 64] = (mantissa << 11, mantissa << 10, point, mask, tens, enough)
    return scale


def format_double(number: float) -> bytes:
    """The double as Redis prints it: `3`, `0.1`, `1e-7`, `-0`, `inf`, `nan`. It reads back equal."""
    if -_INTEGER_END <= number <= _INTEGER_END and number == (whole := int(number)):
        return b"%d" % whole if whole or copysign(1.0, number) > 0 else b"-0"
    if number - number != 0.0:
        return b"nan" if number != number else b"inf" if number > 0 else b"-inf"  # noqa: PLR0124
    return _positive(number) if number > 0 else b"-" + _positive(-number)


def format_doubles(numbers: Iterable[float]) -> list[bytes]:
    """`format_double` of each number."""
    texts: list[bytes] = []
    low = high = 0.0
    for number in numbers:
        if not low < number < high:
            if not _LEAST_SCALED_UP < number < _INTEGER_END:
                texts.append(format_double(number))
                continue
            if number == (integer := int(number)):
                texts.append(b"%d" % integer)
                continue
            exponent = frexp(number)[1]
            binade = _BINADES.get(exponent) or _binade_for(exponent)
            (
                low, high, factor, whole, point, half, mask, ten, tens, ten_less, outside_low, outside_high,
                inside_low, inside_high, ten_least, least_low, least_high,
            ) = binade  # fmt: skip
            if number == low:  # a power of two is nearer to one of its borders
                texts.append(format_double(number))
                continue
        scaled = (int(number * factor) * whole + _HALF) >> 64
        product = scaled * ten_less + half
        rest = product & mask
        if not outside_low <= rest <= outside_high:
            digits, end = b"%d" % ((scaled * ten + half) >> point), tens
        elif (
            inside_low <= rest <= inside_high
            and not least_low <= (scaled * ten_least + half) & mask <= least_high
        ):
            digits, end = b"%d" % (product >> point), tens + 1
        else:
            texts.append(format_double(number))
            continue
        before = len(digits) + end  # digits before the point
        if 0 < before < len(digits) and (end > -7 or before < 5):
            texts.append(digits[:before] + b"." + digits[before:])
        else:
            texts.append(_spelled(digits, end))
    return texts


# What the numbers between two neighbouring powers of two have in common:
#   low, high  the powers
#   factor     times a number: its fraction of 53 bits
#   whole, point, mask  see `_Scale`; half is half the mask
#   ten, tens  a power of ten that makes of the scaled one a whole number, always near enough; its exponent
#   ten_less   likewise, a decimal less, which may be near enough
#   outside_low, outside_high  not with a rest below or above these
#   inside_low, inside_high    surely with a rest between these
#   ten_least  likewise, two decimals less
#   least_low, least_high      not with a rest below or above these
_Binade = tuple[
    float, float, float, int, int, int, int, int, int, int, int, int, int, int, int, int, int
]  # fmt: skip
_BINADES: dict[int, _Binade] = {}  # by binary exponent; filled as they are asked for


def _binade_for(exponent: int) -> _Binade:
    """The binade from 2 ** (exponent - 1) on."""
    whole, border, point, mask, tens, enough = _SCALES.get(exponent) or _scale_for(exponent)
    border >>= 64
    half = (mask + 1) >> 1
    ten, ten_less, ten_least = (_TENS[max(0, enough - fewer)] for fewer in range(3))
    outside, inside = (border + _MARGIN) * ten_less, (border - _MARGIN) * ten_less
    if enough < 2 or (border - _MARGIN) * ten < half:  # decides about nothing
        outside, inside = mask, -1
    least = (border + _MARGIN) * ten_least
    binade = _BINADES[exponent] = (
        ldexp(0.5, exponent), ldexp(1.0, exponent), ldexp(_SCALE, -exponent), whole, point, half, mask,
        ten, -tens - enough, ten_less, half - outside, half + outside, half - inside, half + inside,
        ten_least, half - least, half + least,
    )  # fmt: skip
    return binade


def _positive(number: float) -> bytes:
    """Grisu2. Both borders of what reads back equal are moved in by their error."""
    significand, exponent = frexp(number)
    fraction = int(significand * _SCALE)
    whole, half, point, mask, tens, enough = _SCALES.get(exponent) or _scale_for(exponent)
    scaled = fraction * whole + _HALF
    below = half
    if exponent < _LEAST_NORMAL:
        below = half = half << (_LEAST_NORMAL - exponent)
    elif fraction == _POWER_OF_TWO:  # the next number below is half as far away
        below >>= 1
        enough += 1
    upper = ((scaled + half) >> 64) - 1
    delta = upper - ((scaled - below) >> 64) - 1
    distance = upper - (scaled >> 64)
    behind = upper & mask
    if behind <= delta:
        return _without_decimals(upper, delta, distance, point, tens)
    ten = _TENS[enough - 1]
    if (behind * ten) & mask < delta * ten:
        enough = _decimals(behind, delta, mask, enough - 1)
    ten = _TENS[enough]
    digits = (upper * ten) >> point
    rest = (behind * ten) & mask
    if rest + (mask >> 1) < distance * ten:  # else the last digit is right as it is
        digits -= _rounding(rest, delta * ten, distance * ten, mask + 1)
    return _spelled(b"%d" % digits, -tens - enough)


def _spelled(digits: bytes, exponent: int) -> bytes:
    """Digits times a power of ten, with a point if it is not far away from them."""
    count = len(digits)
    point = count + exponent  # digits before the point
    if exponent >= 0:
        if point - 1 < count + 7:
            return digits + b"0" * exponent
    elif exponent > -7 or -4 < point - 1 < 4:
        if point > 0:
            return digits[:point] + b"." + digits[point:]
        return b"0." + b"0" * -point + digits
    if count == 1:
        return b"%be%+d" % (digits, point - 1)
    return b"%b.%be%+d" % (digits[:1], digits[1:], point - 1)


def _without_decimals(upper: int, delta: int, distance: int, point: int, tens: int) -> bytes:
    """A number that has no digits behind the point, once scaled, and perhaps zeros before it."""
    zeros, rest = _zeros(upper, delta, point)
    unit = _TENS[zeros] << point
    return _spelled(b"%d" % (upper // unit - _rounding(rest, delta, distance, unit)), zeros - tens)


def _decimals(behind: int, delta: int, mask: int, enough: int) -> int:
    """How many decimals it takes to come within `delta` of the upper border, at most `enough`."""
    ten = _TENS[enough - 1]
    if (behind * ten) & mask >= delta * ten:  # most numbers take all, or all but one
        return enough
    low, high = 1, enough - 1
    while low < high:
        middle = (low + high) >> 1
        ten = _TENS[middle]
        if (behind * ten) & mask < delta * ten:
            high = middle
        else:
            low = middle + 1
    return low


def _zeros(upper: int, delta: int, point: int) -> tuple[int, int]:
    """How many digits before the point may be 0 within `delta` of the upper border; and what they were."""
    if delta >> point:  # a subnormal number
        zeros = 0
        while upper % (_TENS[zeros + 1] << point) <= delta:
            zeros += 1
    else:
        digits = b"%d" % (upper >> point)
        zeros = len(digits) - len(digits.rstrip(b"0"))
    return zeros, upper % (_TENS[zeros] << point)


def _rounding(rest: int, delta: int, distance: int, unit: int) -> int:
    """By how much the last digit is lowered to come nearer to the number."""
    steps = 0
    while (
        rest < distance
        and delta - rest >= unit
        and (rest + unit < distance or distance - rest > rest + unit - distance)
    ):
        steps += 1
        rest += unit
    return steps
