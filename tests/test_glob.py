"""Patterns: what each of them matched on redis-server 8.2.3, and that none of them takes long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respq.glob import matcher

TEXTS = [
    b"",
    b"a",
    b"b",
    b"ab",
    b"abc",
    b"a-c",
    b"a]",
    b"]",
    b"[",
    b"\\",
    b"a\\",
    b"*",
    b"a*",
    b"?",
    b"hello",
    b"hallo",
    b"hllo",
    b"heello",
    b"h[llo",
    b"\xff",
    b"\x80",
    b"\x7f",
    b"a\nb",
    b"^",
    b"-",
    b"a\xff",
]
# The answers of KEYS in a database of TEXTS; `*` is not asked about, see the module.
MATCHED = [
    (
        b"**",
        [
            b"*",
            b"-",
            b"?",
            b"[",
            b"\\",
            b"]",
            b"^",
            b"a",
            b"a\nb",
            b"a*",
            b"a-c",
            b"a\\",
            b"a]",
            b"ab",
            b"abc",
            b"a\xff",
            b"b",
            b"h[llo",
            b"hallo",
            b"heello",
            b"hello",
            b"hllo",
            b"\x7f",
            b"\x80",
            b"\xff",
        ],
    ),
    (b"", [b""]),
    (b"?", [b"*", b"-", b"?", b"[", b"\\", b"]", b"^", b"a", b"b", b"\x7f", b"\x80", b"\xff"]),
    (b"??", [b"a*", b"a\\", b"a]", b"ab", b"a\xff"]),
    (b"a*", [b"a", b"a\nb", b"a*", b"a-c", b"a\\", b"a]", b"ab", b"abc", b"a\xff"]),
    (b"*b", [b"a\nb", b"ab", b"b"]),
    (b"*b*", [b"a\nb", b"ab", b"abc", b"b"]),
    (b"a*c", [b"a-c", b"abc"]),
    (b"h?llo", [b"h[llo", b"hallo", b"hello"]),
    (b"h[ae]llo", [b"hallo", b"hello"]),
    (b"h[^e]llo", [b"h[llo", b"hallo"]),
    (b"h[a-b]llo", [b"hallo"]),
    (b"h[b-a]llo", [b"hallo"]),
    (b"h*llo", [b"h[llo", b"hallo", b"heello", b"hello", b"hllo"]),
    (b"h\\*llo", []),
    (b"\\*", [b"*"]),
    (b"a\\*", [b"a*"]),
    (b"\\?", [b"?"]),
    (b"\\", [b"\\"]),
    (b"a\\", [b"a\\"]),
    (b"\\a", [b"a"]),
    (b"[", []),
    (b"[^", [b"*", b"-", b"?", b"[", b"\\", b"]", b"^", b"a", b"b", b"\x7f", b"\x80", b"\xff"]),
    (b"[a", [b"a"]),
    (b"[a-", [b"-", b"a"]),
    (b"[a-c", [b"a", b"b"]),
    (b"[^a", [b"*", b"-", b"?", b"[", b"\\", b"]", b"^", b"b", b"\x7f", b"\x80", b"\xff"]),
    (b"[]", []),
    (b"[^]", [b"*", b"-", b"?", b"[", b"\\", b"]", b"^", b"a", b"b", b"\x7f", b"\x80", b"\xff"]),
    (b"[]a]", []),
    (b"[\\]]", [b"]"]),
    (b"a[\\]]", [b"a]"]),
    (b"[\\a-c]", [b"-", b"a"]),
    (b"[a-]]", [b"]", b"^", b"a"]),
    (b"[a-\\]]", [b"a]"]),
    (b"[--^]", [b"-", b"?", b"[", b"\\", b"]", b"^"]),
    (b"[[]", [b"["]),
    (b"h[[]llo", [b"h[llo"]),
    (b"[^^]", [b"*", b"-", b"?", b"[", b"\\", b"]", b"a", b"b", b"\x7f", b"\x80", b"\xff"]),
    (b"[*]", [b"*"]),
    (b"[?]", [b"?"]),
    (b"[\x80-\x7f]", [b"*", b"-", b"?", b"[", b"\\", b"]", b"^", b"a", b"b", b"\x7f", b"\x80", b"\xff"]),
    (b"[a-\xff]", [b"*", b"-", b"?", b"[", b"\\", b"]", b"^", b"a", b"\xff"]),
    (b"a[\xff]", [b"a\xff"]),
    (b"a?b", [b"a\nb"]),
    (
        b"*?",
        [
            b"*",
            b"-",
            b"?",
            b"[",
            b"\\",
            b"]",
            b"^",
            b"a",
            b"a\nb",
            b"a*",
            b"a-c",
            b"a\\",
            b"a]",
            b"ab",
            b"abc",
            b"a\xff",
            b"b",
            b"h[llo",
            b"hallo",
            b"heello",
            b"hello",
            b"hllo",
            b"\x7f",
            b"\x80",
            b"\xff",
        ],
    ),
    (
        b"?*",
        [
            b"*",
            b"-",
            b"?",
            b"[",
            b"\\",
            b"]",
            b"^",
            b"a",
            b"a\nb",
            b"a*",
            b"a-c",
            b"a\\",
            b"a]",
            b"ab",
            b"abc",
            b"a\xff",
            b"b",
            b"h[llo",
            b"hallo",
            b"heello",
            b"hello",
            b"hllo",
            b"\x7f",
            b"\x80",
            b"\xff",
        ],
    ),
    (b"*a*b*", [b"a\nb", b"ab", b"abc"]),
    (b"*\\", [b"\\", b"a\\"]),
    (b"[\\", [b"\\"]),
]


def matches(pattern: bytes, text: bytes, *, ignore_case: bool = False) -> bool:
    return bool(matcher(pattern, ignore_case=ignore_case)(text))


@pytest.mark.parametrize(("pattern", "matched"), MATCHED)
def test_a_pattern_matches_what_it_matches_in_redis(pattern: bytes, matched: list[bytes]) -> None:
    assert sorted(filter(matcher(pattern), TEXTS)) == matched


# CONFIG GET ignores case. Asked about `port`:
@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        (b"P*", True),
        (b"[P]ort", True),
        (b"[\\P]ort", False),
        (b"[\\p]ort", True),
        (b"[O-Q]oR?", True),
        (b"[A-Z]ort", True),
        (b"[Z-a]ort", False),
        (b"[a-Z]ort", False),
        (b"[^P]ort", False),
        (b"\\P*", True),
    ],
)
def test_case_may_be_ignored(pattern: bytes, found: bool) -> None:
    assert matches(pattern, b"port", ignore_case=True) is found


@pytest.mark.parametrize("stars", [1000, 1001])
def test_more_than_a_thousand_stars_match_nothing(stars: int) -> None:
    text = b"a" * stars + b"b"
    assert matches(b"a*" * stars + b"b", text) is (stars <= 1000)
    assert matches(b"a*" * stars, text)  # nothing stands behind the last


@pytest.mark.timeout(60)
@pytest.mark.parametrize("element", [b"a", b"?", b"[ab]", b"[^b]", b"\\a", b"aa"])
def test_many_stars_do_not_multiply(element: bytes) -> None:
    assert not matches((element + b"*") * 300 + b"b", b"a" * 20_000)
    assert matches((element + b"*") * 300 + b"b", b"a" * 20_000 + b"b")


@given(st.binary(max_size=12), st.binary(max_size=12), st.booleans())
def test_any_bytes_are_a_pattern(pattern: bytes, text: bytes, ignore_case: bool) -> None:
    matches(pattern, text, ignore_case=ignore_case)
    assert matches(b"".join(b"\\%c" % byte for byte in text), text)


ALPHABET = st.sampled_from([b"a", b"b", b"*", b"?"])


@given(st.lists(ALPHABET, max_size=10).map(b"".join), st.text("ab", min_size=1, max_size=12).map(str.encode))
def test_stars_and_question_marks_match_by_the_book(pattern: bytes, text: bytes) -> None:
    assert matches(pattern, text) is by_the_book(pattern, text)


def by_the_book(pattern: bytes, text: bytes) -> bool:
    """The definition, without any thought of time."""
    if not pattern:
        return not text
    head, rest = pattern[:1], pattern[1:]
    if head == b"*":
        return any(by_the_book(rest, text[at:]) for at in range(len(text) + 1))
    return bool(text) and head in {b"?", text[:1]} and by_the_book(rest, text[1:])
