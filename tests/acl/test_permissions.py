"""Permissions: what rules allow, however many selectors have a say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respq.acl.catalogue import Catalogue
from respq.acl.permissions import CACHED_BYTES, CachedPatterns, Denial, Patterns, Permissions, Request
from respq.acl.selectors import Access
from respq.acl.users import Users
from respq.glob import matcher

PATTERNS = [
    b"a*",
    b"ab*",
    b"a",
    b"",
    b"*",
    b"a?",
    b"b:*",
    b"[ab]*",
    b"a*b",
    b"\xff*",
    b"a\xff*",
    b"\\*",
    b"b",
]
COMMANDS = {name: [b"read"] for name in (b"get", b"mget", b"set", b"publish", b"select")}
READ, WRITE, BOTH, NONE = Access.READ, Access.WRITE, Access.BOTH, Access.NONE


def permissions_of(rules: str) -> Permissions:
    users = Users(Catalogue(COMMANDS, (b"read",), COMMANDS.__getitem__), all_channels=False)
    permissions = users.set(b"ann", rules.encode().split()).permissions
    assert permissions is not None
    return permissions


@pytest.mark.parametrize(
    ("rules", "key", "access", "allowed"),
    [
        ("~a*", b"a", BOTH, True),
        ("~a*", b"b", NONE, False),
        ("%R~a*", b"a1", READ, True),
        ("%R~a*", b"a1", WRITE, False),
        ("%R~a* %W~a1", b"a1", BOTH, False),  # one pattern has to allow both
        ("%W~a*", b"a1", NONE, True),
        ("~?1 ~x", b"a1", BOTH, True),
        ("%R~*", b"", READ, False),
    ],
)
def test_keys(rules: str, key: bytes, access: Access, allowed: bool) -> None:
    denial = permissions_of(f"+get {rules}").denial(Request(b"get", keys=[(key, access)]))
    assert denial == (None if allowed else Denial("key", key))


def test_channels_match_and_patterns_are_taken_literally() -> None:
    permissions = permissions_of("+publish &news.* &n")
    assert permissions.denial(Request(b"publish", channels=[b"news.it"])) is None
    assert permissions.denial(Request(b"publish", channels=[b"n", b"x"])) == Denial("channel", b"x", 1)
    assert permissions.denial(Request(b"publish", channels=[b"news.*"], patterns=True)) is None
    assert permissions.denial(Request(b"publish", channels=[b"news.i*"], patterns=True)) is not None


def test_first_arguments_count_in_any_case() -> None:
    permissions = permissions_of("+select|A")
    assert permissions.denial(Request(b"select", b"a")) is None
    assert permissions.denial(Request(b"select", b"1")) == Denial("command", b"select")


def test_one_selector_has_to_allow_all_of_it() -> None:
    permissions = permissions_of("+get (+mget ~a) (+mget ~b)")
    keys = [(b"a", READ), (b"b", READ)]
    assert permissions.denial(Request(b"mget", keys=keys[:1])) is None
    assert permissions.denial(Request(b"mget", keys=keys)) == Denial("key", b"b", 1)  # the nearest one tells
    assert permissions.denial(Request(b"set", keys=keys)) == Denial("command", b"set")


def test_who_may_do_everything_has_no_permissions_to_look_at() -> None:
    users = Users(Catalogue(COMMANDS, (b"read",), COMMANDS.__getitem__), all_channels=True)
    assert users.set(b"ann", [b"(+@all", b"~*)"]).permissions is None
    assert users.set(b"bob", [b"+@all", b"-get", b"+get", b"~*"]).permissions is None
    assert users.set(b"cy", [b"+@all", b"-get", b"~*"]).permissions is not None


def test_equal_permissions_can_stand_for_each_other() -> None:
    assert permissions_of("+get ~a ~b") == permissions_of("~b ~a +get")
    assert hash(permissions_of("+get ~a ~b")) == hash(permissions_of("~b ~a +get"))
    assert permissions_of("+get ~a") != permissions_of("+get ~b")


@given(st.lists(st.sampled_from(PATTERNS), max_size=6), st.lists(st.text("ab*:\xff", max_size=4), max_size=8))
def test_patterns_match_what_each_of_them_matches(patterns: list[bytes], texts: list[str]) -> None:
    together = Patterns(patterns)
    keys = [text.encode("latin-1") for text in texts]
    expected = [any(matcher(pattern)(key) for pattern in patterns) for key in keys]
    assert [together.match(key) for key in keys] == expected
    cached = CachedPatterns(together)
    assert [cached.match(key) for key in keys] == expected
    assert [cached.match(key) for key in keys] == expected
    assert cached.match_all(keys) == all(expected)
    assert cached.match_all(keys) == all(expected)


def test_usual_patterns_are_compared_and_nothing_else() -> None:
    assert Patterns([b"app:*", b"app:x*", b"name", b"b*"]).ends == [
        b"app:",
        b"app;",
        b"b",
        b"c",
        b"name",
        b"name\0",
    ]
    assert Patterns([b"a*", b"b*"]).ends == [b"a", b"c"]
    assert len(Patterns([b"a?", b"\xff*", b"*", b"[ab]", b"a*b"]).others) == 5


@pytest.mark.parametrize(
    ("pattern", "text", "stretch"),
    [
        (b"app:*", b"app:x", (b"app:", b"app;")),
        (b"name", b"name", (b"name", b"name\0")),
        (b"a*b", b"axb", (b"axb", b"axb\0")),
        (b"*", b"x", (b"\0", b"\xff")),
        (b"*", b"\xffx", (b"\xffx", b"\xffx\0")),
    ],
)
def test_what_matched_once_is_compared_from_then_on(
    pattern: bytes, text: bytes, stretch: tuple[bytes, bytes]
) -> None:
    patterns = CachedPatterns(Patterns([pattern]))
    assert not patterns.match(b"")
    assert patterns.match(text)
    assert not patterns.match(b"")
    assert (patterns.low, patterns.high) == stretch


def test_a_long_key_is_not_kept() -> None:
    patterns = CachedPatterns(Patterns([b"a?*"]))
    assert patterns.match(b"ab")
    assert patterns.match(b"a" * CACHED_BYTES)
    assert (patterns.low, patterns.high) == (b"ab", b"ab\0")
