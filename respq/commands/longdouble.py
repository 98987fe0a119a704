"""Arithmetic in the 80-bit long double of x86, in which Redis keeps INCRBYFLOAT and timeouts.

Python has only doubles, whose 53 bits of mantissa print other digits than 64 bits do: 0.1 + 0.2 is
0.3 in one and 0.30000000000000004 in the other. So a finite long double is a `Fraction` here that
has been rounded to what 64 bits hold, half to even, after every step; the exact sum of two, rounded
once, is what the processor computes. Rejected: ctypes (the platform's long double is a plain double
on Arm and elsewhere), decimal (rounds in base ten), plain doubles (other digits after a few sums).

Cost: about 5 µs for parse, add and print. Source: C's strtold and %.17Lf, and what redis-server
8.2.3 answered.
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import log2

MANTISSA_BITS = 64
GREATEST_EXPONENT = 16384  # every finite number is below 2 ** 16384
LEAST_EXPONENT = -16445  # and a multiple of 2 ** -16445
GREATEST = Fraction(((1 << MANTISSA_BITS) - 1) << (GREATEST_EXPONENT - MANTISSA_BITS))
PLACES = 17  # decimals printed
LONGEST = 5 * 1024  # Redis's buffer: a longer word is no number
FAR = 16600  # bits before or behind the point: numbers so great or so small are out of range

_DECIMAL = re.compile(rb"([+-]?)(?:([0-9]+)\.?([0-9]*)|\.([0-9]+))(?:e([+-]?[0-9]+))?", re.IGNORECASE)
_HEXADECIMAL = re.compile(
    rb"([+-]?)0x(?:([0-9a-f]+)\.?([0-9a-f]*)|\.([0-9a-f]+))(?:p([+-]?[0-9]+))?", re.IGNORECASE
)
_INFINITE = re.compile(rb"[+-]?inf(inity)?", re.IGNORECASE)


class NotFiniteError(ArithmeticError):
    """The result, or the word, is infinite."""


def parse(word: bytes) -> Fraction:
    """The number that a word spells.

    Raises ValueError for anything else and for what is too great or too small to be represented,
    NotFiniteError for a spelled-out infinity.
    """
    if len(word) >= LONGEST:
        raise ValueError("too long")
    if match := _DECIMAL.fullmatch(word):
        base, number_base = 10, 10
    elif match := _HEXADECIMAL.fullmatch(word):
        base, number_base = 16, 2
    elif _INFINITE.fullmatch(word):
        raise NotFiniteError
    else:
        raise ValueError("not a number")
    sign, whole, part, only_part, exponent = match.groups()
    whole, part = whole or b"", part or only_part or b""
    digits = _digits(whole + part, base)
    if not digits:
        return Fraction(0)
    places = len(part) * (4 if base == 16 else 1)
    value = _scaled(digits, number_base, _exponent(exponent or b"0") - places)
    return -value if sign == b"-" else value


def is_hexadecimal(word: bytes) -> bool:
    """Whether a number is spelled as `0x1.8p3` is."""
    return _HEXADECIMAL.fullmatch(word) is not None


def _exponent(text: bytes) -> int:
    digits = _digits(text.lstrip(b"+-"), 10)
    return -digits if text[:1] == b"-" else digits


def _digits(text: bytes, base: int) -> int:
    """`int`, whose limit of 4,300 decimal digits is below Redis's buffer."""
    if base == 16 or len(text) <= 4000:
        return int(text, base)
    shift: int = 10 ** (len(text) - 4000)
    return int(text[:4000]) * shift + int(text[4000:])


def _scaled(digits: int, base: int, exponent: int) -> Fraction:
    """`digits * base ** exponent` as a long double. Raises ValueError where strtold reports ERANGE."""
    if abs(digits.bit_length() + exponent * log2(base)) > FAR:
        raise ValueError("out of range")
    exact = Fraction(digits * base**exponent) if exponent >= 0 else Fraction(digits, base**-exponent)
    try:
        value = rounded(exact)
    except NotFiniteError:
        raise ValueError("out of range") from None
    if not value:
        raise ValueError("out of range")
    return value


def rounded(exact: Fraction) -> Fraction:
    """The long double nearest to a number, ties to even. Raises NotFiniteError beyond the greatest."""
    if not exact:
        return exact
    top, bottom = abs(exact.numerator), exact.denominator
    exponent = max(top.bit_length() - bottom.bit_length() - MANTISSA_BITS, LEAST_EXPONENT)
    mantissa = _divided(top, bottom, exponent)
    if mantissa >> MANTISSA_BITS:  # the quotient has one bit more than estimated
        exponent += 1
        mantissa = _divided(top, bottom, exponent)
    if mantissa.bit_length() + exponent > GREATEST_EXPONENT:
        raise NotFiniteError
    value = Fraction(mantissa << exponent) if exponent >= 0 else Fraction(mantissa, 1 << -exponent)
    return -value if exact < 0 else value


def _divided(top: int, bottom: int, exponent: int) -> int:
    """`top / bottom / 2 ** exponent`, to the nearest integer, ties to even."""
    if exponent >= 0:
        bottom <<= exponent
    else:
        top <<= -exponent
    quotient, rest = divmod(top, bottom)
    return quotient + (2 * rest > bottom or (2 * rest == bottom and quotient & 1))


def human(value: Fraction) -> bytes:
    """The number as Redis prints it: 17 decimals, trailing zeros cut off, never an exponent."""
    scaled = _divided(abs(value.numerator) * 10**PLACES, value.denominator, 0)
    whole, part = divmod(scaled, 10**PLACES)
    text = (_decimal(whole) + b".%0*d" % (PLACES, part)).rstrip(b"0").rstrip(b".")
    return b"-" + text if value < 0 and text != b"0" else text


def _decimal(number: int) -> bytes:
    """`%d`, whose limit of 4,300 digits is below the greatest long double's 4,933."""
    if number < 10**4000:
        return b"%d" % number
    head, tail = divmod(number, 10**4000)
    return b"%d%04000d" % (head, tail)
