"""Doubles as Redis prints them; the texts are answers of redis-server 8.2.3 to ZSCORE."""

from __future__ import annotations

import struct
from math import inf, isfinite, nan

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from respq.protocol.doubles import format_double, format_doubles


@pytest.mark.parametrize(("number", "text"), [
    (0.0, b"0"), (-0.0, b"-0"), (inf, b"inf"), (-inf, b"-inf"), (nan, b"nan"), (-3.0, b"-3"),
    (1e17, b"100000000000000000"), (2.0**62, b"4611686018427387904"), (-(2.0**62), b"-4611686018427387904"),
    (2.0**62 + 1024, b"4611686018427389000"), (1e19, b"1e+19"),
    (1.2345678901234568e20, b"123456789012345680000"),
    (1e-6, b"0.000001"), (1e-7, b"1e-7"), (1.5e-6, b"1.5e-6"), (0.0001234, b"1.234e-4"), (0.0025, b"0.0025"),
    (0.1, b"0.1"), (0.1 + 0.2, b"0.30000000000000004"), (12345678.9, b"12345678.9"),
    (1e15 + 0.5, b"1000000000000000.5"), (1732330000.1234567, b"1.7323300001234567e+9"),
    (5e-324, b"5e-324"), (4.94e-322, b"4.94e-322"), (2.2250738585072014e-308, b"2.2250738585072014e-308"),
    (1.7976931348623157e308, b"1.7976931348623157e+308"), (2.0**1023, b"8.98846567431158e+307"),
])  # fmt: skip
def test_notation(number: float, text: bytes) -> None:
    assert format_double(number) == text


@pytest.mark.parametrize(("number", "text"), [
    (3.381772, b"3.3817719999999998"), (0.0009280933, b"9.280933000000001e-4"),
    (1732473671.442644, b"1.7324736714426439e+9"), (2.0**-25, b"2.9802322387695313e-8"),
])  # fmt: skip
def test_digits_that_are_not_the_shortest(number: float, text: bytes) -> None:
    assert format_double(number) == text


@given(
    st.one_of(
        st.floats(), st.integers(0, 2**64 - 1).map(lambda n: struct.unpack("<d", n.to_bytes(8, "little"))[0])
    )
)
def test_what_is_printed_reads_back_equal(number: float) -> None:
    text = format_double(number)
    if isfinite(number):
        assert float(text) == number
    assert len(text) <= 24


binades = st.builds(
    lambda exponent, fractions: [2.0**exponent, *(2.0**exponent * (1 + fraction) for fraction in fractions)],
    st.integers(-1074, 1023),
    st.lists(st.floats(0, 1, exclude_max=True), max_size=20),
)
decimals = st.builds(
    lambda numbers, digits: [round(number, digits) for number in numbers],
    st.lists(st.floats(-1e10, 1e10), max_size=20),
    st.integers(0, 12),
)


@example([8589934592.5, 10000000000.0])  # a whole number right behind a fraction
@given(st.one_of(binades, decimals, st.lists(st.floats())))
def test_several_are_printed_as_each_of_them(numbers: list[float]) -> None:
    assert format_doubles(numbers) == list(map(format_double, numbers))
