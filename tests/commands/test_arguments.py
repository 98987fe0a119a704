"""Reading the words of a command. Every error was seen on redis-server 8.2.3."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respq.commands.arguments import (
    INT64_MAX,
    INT64_MIN,
    Options,
    as_int,
    parse_cursor,
    parse_db,
    parse_expiry_ms,
    parse_int,
    parse_int32,
    parse_int_between,
    parse_non_negative,
    parse_timeout_ms,
    parse_timeout_s,
)
from respq.errors import CommandError

NOW_MS = 1_700_000_000_000
NOT_INTEGER = "value is not an integer or out of range"


def refusal(read: Callable[[], object]) -> str:
    with pytest.raises(CommandError) as caught:
        read()
    return str(caught.value.args[0].decode())


@given(st.integers(INT64_MIN, INT64_MAX))
def test_every_64_bit_integer_is_read(number: int) -> None:
    assert as_int(b"%d" % number) == number


@given(st.binary(max_size=22) | st.text("0123456789+-_ .", max_size=22).map(str.encode))
def test_only_canonical_spellings_are_integers(word: bytes) -> None:
    number = as_int(word)
    assert number is None or b"%d" % number == word


@pytest.mark.parametrize(
    "word", [b"9223372036854775808", b"-9223372036854775809", b"1" * 5000, b"+1", b"1.0", b""]
)
def test_what_is_no_integer_is_refused(word: bytes) -> None:
    assert refusal(lambda: parse_int(word)) == NOT_INTEGER
    assert refusal(lambda: parse_int(word, "count is wrong")) == "count is wrong"


def test_ranges_have_an_error_of_their_own() -> None:
    assert parse_int_between(b"5", 0, 5) == 5
    assert (
        refusal(lambda: parse_int_between(b"6", 0, 5)) == "value is out of range, value must between 0 and 5"
    )
    assert refusal(lambda: parse_int_between(b"x", 0, 5)) == NOT_INTEGER
    assert refusal(lambda: parse_non_negative(b"-1")) == "value is out of range, must be positive"
    assert refusal(lambda: parse_non_negative(b"x")) == "value is out of range, must be positive"
    assert refusal(lambda: parse_int32(b"2147483648")).startswith(
        "value is out of range, value must between -2147"
    )


def test_databases_have_numbers() -> None:
    assert parse_db(b"15", 16) == 15
    assert refusal(lambda: parse_db(b"16", 16)) == "DB index is out of range"
    assert refusal(lambda: parse_db(b"-1", 16)) == "DB index is out of range"


@pytest.mark.parametrize(
    ("word", "cursor"),
    [
        (b"0", 0),
        (b"17", 17),
        (b"+1", 1),
        (b" 1", 1),
        (b"\t1", 1),
        (b"01", 1),
        (b"-0", 0),
        (b"-01", (1 << 64) - 1),
        (b"18446744073709551615", (1 << 64) - 1),
        (b"-18446744073709551615", 1),
        (b"0" * 50 + b"7", 7),
    ],
)
def test_cursors_are_read_as_strtoull_does(word: bytes, cursor: int) -> None:
    assert parse_cursor(word) == cursor


@pytest.mark.parametrize(
    "word",
    [
        b"",
        b"x",
        b"-1",
        b"-5",
        b"1 ",
        b"1.5",
        b"0x1",
        b"+-1",
        b"18446744073709551616",
        b"-18446744073709551616",
    ],
)
def test_what_is_no_cursor_is_refused(word: bytes) -> None:
    assert refusal(lambda: parse_cursor(word)) == "invalid cursor"


# -- options ---------------------------------------------------------------------------------------


def test_options_are_walked_by_name_and_give_up_their_values() -> None:
    options = Options([b"CMD", b"key", b"count", b"5", b"Get", b"a", b"b", b"nx"], 2)
    seen = {}
    for name in options:
        if name == b"COUNT":
            seen[name] = [options.value()]
        elif name == b"GET":
            seen[name] = options.values(2)
        else:
            seen[name] = []
    assert seen == {b"COUNT": [b"5"], b"GET": [b"a", b"b"], b"NX": []}
    assert options.left == 0


def test_an_option_without_its_value_is_a_syntax_error() -> None:
    options = Options([b"CMD", b"COUNT"], 1)
    assert list(options) == [b"COUNT"]
    assert refusal(options.value) == "syntax error"
    assert refusal(lambda: Options([b"CMD", b"a"], 1).values(2)) == "syntax error"


# -- timeouts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "timeout_ms"),
    [
        (b"0", 0),
        (b"1", 1000),
        (b"007", 7000),
        (b"0.1", 100),
        (b"0.0001", 1),
        (b"0x1p-3", 125),
        (b"1e2", 100_000),
        (b"-0", 0),
        (b"-0.0001", 0),
        (b"9223370000000000", 9223370000000000000),
    ],
)
def test_timeouts_in_seconds_are_rounded_up_to_milliseconds(word: bytes, timeout_ms: int) -> None:
    assert parse_timeout_s(word, NOW_MS) == timeout_ms


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (b"-1", "negative"),
        (b"-inf", "negative"),
        (b"-1e400", "negative"),
        (b"inf", "out of range"),
        (b"1e18", "out of range"),
        (b"9223372036854774", "out of range"),
        (b"x", "not a float or out of range"),
        (b"", "not a float or out of range"),
        (b"nan", "not a float or out of range"),
        (b"1e5000", "not a float or out of range"),
    ],
)
def test_other_timeouts_are_refused(word: bytes, message: str) -> None:
    assert refusal(lambda: parse_timeout_s(word, NOW_MS)) == f"timeout is {message}"


def test_timeouts_in_milliseconds_are_integers() -> None:
    assert parse_timeout_ms(b"1500", NOW_MS) == 1500
    assert refusal(lambda: parse_timeout_ms(b"1.5", NOW_MS)) == "timeout is not an integer or out of range"
    assert refusal(lambda: parse_timeout_ms(b"-1", NOW_MS)) == "timeout is negative"
    assert refusal(lambda: parse_timeout_ms(b"9223372036854775807", NOW_MS)) == "timeout is out of range"


# -- expiry ----------------------------------------------------------------------------------------


def test_a_moment_is_counted_from_its_base() -> None:
    assert parse_expiry_ms(b"10", 1000, NOW_MS, "set") == NOW_MS + 10_000
    assert parse_expiry_ms(b"10", 1, 0, "set") == 10


@pytest.mark.parametrize(
    ("word", "unit_ms", "base_ms"),
    [
        (b"0", 1, 0),
        (b"-1", 1000, NOW_MS),
        (b"9223372036854775807", 1, NOW_MS),
        (b"9223372036854776", 1000, 0),
    ],
)
def test_a_moment_that_cannot_be_counted_is_refused(word: bytes, unit_ms: int, base_ms: int) -> None:
    message = refusal(lambda: parse_expiry_ms(word, unit_ms, base_ms, "getex"))
    assert message == "invalid expire time in 'getex' command"
