"""Strings against plain bytes, and their encodings as redis-server 8.2.3 was seen to change them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respq.datatypes.strings import Digits, StringValue, to_int

KEY = b"k"


def test_a_string_that_spells_an_integer_is_an_int_until_it_is_edited() -> None:
    value = StringValue(b"12")
    assert value.encoding_under(KEY) == b"int"
    value.append(b"")
    assert value.encoding_under(KEY) == b"raw"
    value.data = b"12"
    assert value.encoding_under(KEY) == b"int"


@pytest.mark.parametrize("data", [b"0", b"-1", b"9223372036854775807", b"-9223372036854775808"])
def test_canonical_integers_of_64_bits_are_integers(data: bytes) -> None:
    assert to_int(data) == int(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"-",
        b"-0",
        b"+1",
        b"01",
        b" 1",
        b"1 ",
        b"1_0",
        b"1.0",
        b"9223372036854775808",
        b"9" * 5000,
        b"\xb2",
    ],
)
def test_any_other_spelling_is_no_integer(data: bytes) -> None:
    assert to_int(data) is None
    assert StringValue(data).encoding_under(KEY) != b"int"


def test_what_incrbyfloat_wrote_is_never_an_int() -> None:
    value = StringValue(Digits(b"12"))
    assert value.encoding_under(KEY) == b"embstr"
    assert value.copy().encoding_under(KEY) == b"embstr"


@pytest.mark.parametrize(("key", "expires_ms", "most"), [(b"k", 0, 40), (b"k", 9, 32), (b"k" * 20, 0, 21)])
def test_key_value_and_expiry_share_the_room_of_an_embedded_string(
    key: bytes, expires_ms: int, most: int
) -> None:
    value = StringValue(b"x" * most)
    value.expires_ms = expires_ms
    assert value.encoding_under(key) == b"embstr"
    value.data += b"x"
    assert value.encoding_under(key) == b"raw"


def test_what_was_raw_for_want_of_room_stays_raw_when_there_is_room() -> None:
    value = StringValue(b"x" * 40)
    value.keep_raw(b"k" * 20)
    assert value.encoding_under(KEY) == b"raw"
    small = StringValue(b"x")
    small.keep_raw(b"k" * 20)
    assert small.encoding_under(KEY) == b"embstr"


def test_a_copy_does_not_follow_the_original() -> None:
    value = StringValue(b"a")
    value.append(b"b")
    twin = value.copy()
    value.append(b"c")
    assert (bytes(value), bytes(twin)) == (b"abc", b"ab")
    assert twin.encoding_under(KEY) == b"raw"


def test_rebuilding_takes_one_set() -> None:
    value = StringValue(b"a")
    value.append(b"b")
    assert list(value.rebuild(KEY)) == [[b"SET", KEY, b"ab"]]


def test_memory_grows_with_the_bytes() -> None:
    assert StringValue(b"x" * 1000).memory_bytes(5) - StringValue().memory_bytes(5) == 1000


EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.binary(max_size=5)),
        st.tuples(st.just("set"), st.binary(max_size=5)),
        st.tuples(st.integers(0, 20), st.binary(min_size=1, max_size=5)),
    ),
    max_size=12,
)


@given(EDITS, st.integers(-25, 25), st.integers(-25, 25))
def test_edits_and_ranges_agree_with_plain_bytes(
    edits: list[tuple[str | int, bytes]], start: int, end: int
) -> None:
    value, model = StringValue(), b""
    for where, part in edits:
        if where == "append":
            model += part
            assert value.append(part) == len(model)
        elif where == "set":
            value.data = model = part
        else:
            padded = model.ljust(int(where), b"\0")
            model = padded[: int(where)] + part + padded[int(where) + len(part) :]
            assert value.set_range(int(where), part) == len(model)
        value.check()
        assert bytes(value) == model
        assert len(value) == len(model)
    assert bytes(value.get_range(start, end)) == by_the_book(model, start, end)


def by_the_book(data: bytes, start: int, end: int) -> bytes:
    """GETRANGE, spelled out index by index."""
    if start < 0 and end < 0 and start > end:
        return b""
    first = max(0, start + len(data)) if start < 0 else start
    last = max(0, end + len(data)) if end < 0 else end
    return b"".join([data[at : at + 1] for at in range(first, last + 1)])


def test_appending_to_a_long_string_does_not_copy_it() -> None:
    value = StringValue(b"x" * (1 << 20))
    value.append(b"y")
    buffer = value.data
    for _ in range(1000):
        value.append(b"y")
    assert value.data is buffer
