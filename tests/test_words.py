"""Words of a line. What Redis does with each case is in malformed.jsonl; these say it in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respq.words import split_words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", []),
        (b" \t\x0b\x0c\r ", []),
        (b"  SET  key\tvalue ", [b"SET", b"key", b"value"]),
        (b'ECHO "a b"', [b"ECHO", b"a b"]),
        (b"ECHO ''", [b"ECHO", b""]),
        (b"a'b c'", [b"ab c"]),
        (rb'"\x41\n\r\t\b\a\"\\\q"', [b'A\n\r\t\b\a"\\q']),
        (rb'"\x4" "\xzz"', [b"x4", b"xzz"]),
        (rb"'\n\'\x41'", [rb"\n'\x41"]),
        (rb"\n", [rb"\n"]),
        (b"a\x0bb", [b"a\x0bb"]),
        (b'"a"\x0bb', [b"a", b"b"]),
    ],
)
def test_words_are_separated_and_unquoted(line: bytes, words: list[bytes]) -> None:
    assert split_words(line) == words


@pytest.mark.parametrize(
    "line", [b'"', b"'", b'a "b', rb"'a\'", rb'"a\"', b'"a"b', b"'a'b", b"\"a\"'b'", b'"a\\']
)
def test_a_quote_must_be_closed_and_followed_by_white_space(line: bytes) -> None:
    assert split_words(line) is None


@given(st.lists(st.binary()))
def test_quoted_words_come_back(words: list[bytes]) -> None:
    quoted = ['"' + "".join(f"\\x{byte:02x}" for byte in word) + '"' for word in words]
    assert split_words(" ".join(quoted).encode()) == words


def test_a_long_line_takes_linear_time() -> None:
    assert split_words(b'"' + b"\\" * 65_535) is None
    assert split_words(b"'" + b"\\'" * 32_767) is None
    assert split_words(b"a" * 65_535) == [b"a" * 65_535]
