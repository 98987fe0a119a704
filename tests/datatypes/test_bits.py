"""Bits of a string against the same string written out in 0 and 1."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respq.datatypes import bits
from respq.datatypes.bits import STRETCH

STRINGS = st.binary(max_size=12) | st.sampled_from([b"\0" * 9, b"\xff" * 9, b"\xff\xff\x7f", b"\0\0\1"])


def spelled(data: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in data)


@given(STRINGS, st.integers(0, 110), st.integers(1, 64))
def test_a_field_is_read_with_zeros_behind_the_end(data: bytes, offset: int, width: int) -> None:
    assert bits.get(data, offset, width) == int((spelled(data) + "0" * 200)[offset : offset + width], 2)


@given(st.binary(min_size=8, max_size=12), st.integers(1, 64), st.data())
def test_a_field_is_written_where_it_stands(data: bytes, width: int, draw: st.DataObject) -> None:
    offset = draw.draw(st.integers(0, 8 * len(data) - width))
    number = draw.draw(st.integers(0, (1 << width) - 1))
    written = bytearray(data)
    bits.put(written, offset, width, number)
    before = spelled(data)
    assert spelled(written) == before[:offset] + f"{number:0{width}b}" + before[offset + width :]


@given(STRINGS, st.data())
def test_bits_are_counted_and_found_within_a_range(data: bytes, draw: st.DataObject) -> None:
    start = draw.draw(st.integers(0, 8 * len(data)))
    end = draw.draw(st.integers(start, 8 * len(data)))
    part = spelled(data)[start:end]
    assert bits.count(data, start, end) == part.count("1")
    for bit in (0, 1):
        at = part.find(str(bit))
        assert bits.find(data, bit, start, end) == (-1 if at < 0 else start + at)


@pytest.mark.parametrize("before", [STRETCH - 1, STRETCH, STRETCH + 1, 3 * STRETCH])
def test_bits_are_found_and_counted_behind_whole_stretches(before: int) -> None:
    ones, zeros = bytes(before) + b"\x10", b"\xff" * before + b"\xef"
    end = 8 * len(ones)
    assert bits.find(ones, 1, 5, end) == bits.find(zeros, 0, 5, end) == 8 * before + 3
    assert bits.find(ones, 1, 5, end - 5) == -1
    assert (bits.count(ones, 0, end), bits.count(zeros, 0, end)) == (1, end - 1)


RULES: dict[bytes, Callable[[list[int]], int]] = {  # for the bits at one place, first string first
    b"AND": lambda b: int(all(b)),
    b"OR": lambda b: int(any(b)),
    b"XOR": lambda b: sum(b) % 2,
    b"DIFF": lambda b: int(b[0] and not any(b[1:])),
    b"DIFF1": lambda b: int(not b[0] and any(b[1:])),
    b"ANDOR": lambda b: int(b[0] and any(b[1:])),
    b"ONE": lambda b: int(sum(b) == 1),
}


@given(st.sampled_from(sorted(RULES)), st.lists(st.binary(max_size=5), min_size=2, max_size=4))
def test_strings_are_combined_bit_by_bit(name: bytes, strings: list[bytes]) -> None:
    length = max(map(len, strings))
    columns = zip(*[spelled(data.ljust(length, b"\0")) for data in strings], strict=True)
    expected = "".join(str(RULES[name]([int(bit) for bit in column])) for column in columns)
    assert spelled(bits.combine(bits.OPERATIONS[name], strings)) == expected


@given(st.binary(max_size=9))
def test_the_complement_is_every_bit_turned(data: bytes) -> None:
    assert spelled(bits.complement(data)) == spelled(data).translate(str.maketrans("01", "10"))
