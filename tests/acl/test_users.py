"""Users: rules in, rules out, passwords."""

from __future__ import annotations

import hashlib

import pytest

from respq.acl.catalogue import Catalogue
from respq.acl.selectors import RuleError
from respq.acl.users import BAD_HASH, User, Users

COMMANDS = {
    b"get": [b"read", b"fast"],
    b"set": [b"write", b"slow"],
    b"select": [b"fast"],
    b"config": [b"slow"],
    b"config|get": [b"admin"],
    b"config|set": [b"admin"],
}
CATEGORIES = (b"read", b"write", b"fast", b"slow", b"admin", b"geo")
DIGEST = hashlib.sha256(b"secret").hexdigest().encode()


@pytest.fixture
def users() -> Users:
    return Users(Catalogue(COMMANDS, CATEGORIES, COMMANDS.__getitem__), all_channels=False)


def described(user: User) -> bytes:
    return user.shown().removeprefix(b"user ann ")


def test_the_default_user_may_do_everything(users: Users) -> None:
    assert users.default.shown() == b"user default on nopass sanitize-payload ~* &* +@all"
    assert users.default.permissions is None
    assert users.open


def test_a_new_user_may_do_nothing(users: Users) -> None:
    user = users.set(b"ann", [])
    assert described(user) == b"off sanitize-payload resetchannels -@all"
    assert user.permissions is not None
    assert not user.accepts(b"")


@pytest.mark.parametrize(
    ("rules", "shown"),
    [
        ("+get +set -get", "-@all +set -get"),
        ("+config|get +config|set +config", "-@all +config"),
        ("+config -config|get", "-@all +config -config|get"),
        ("+@read +@write -@read", "-@all +@write -@read"),
        ("+select|0 +SELECT|0 +select|A", "-@all +select|0 +select|a"),
        ("+select|0 -select", "-@all -select"),
        ("+get allcommands", "+@all"),
        ("+@all -get +get", "+@all +get"),
    ],
)
def test_a_rule_takes_the_place_of_those_it_makes_void(rules: str, shown: str, users: Users) -> None:
    assert users.set(b"ann", rules.encode().split()).root.shown_commands() == shown.encode()


@pytest.mark.parametrize(
    ("rules", "shown"),
    [
        ("~a ~a %R~a", "~a"),
        ("%R~a %W~a", "~a"),
        ("%R~a %rw~b %w~c", "%R~a ~b %W~c"),
        ("~a ~*", "~*"),
        ("%R~*", "%R~*"),
        ("allkeys resetkeys", ""),
    ],
)
def test_keys_are_shown_by_pattern(rules: str, shown: str, users: Users) -> None:
    assert users.set(b"ann", rules.encode().split()).root.shown_keys() == shown.encode()


def test_selectors_may_come_in_several_words(users: Users) -> None:
    user = users.set(b"ann", [b"(+get", b"~a", b"&b)", b"(-@all)"])
    assert described(user).endswith(b"-@all (~a resetchannels &b -@all +get) (resetchannels -@all)")
    assert described(users.set(b"ann", [b"clearselectors"])).endswith(b" -@all")


def test_what_is_shown_makes_the_same_user(users: Users) -> None:
    words = b">secret on ~a* %R~b &c +@all -@admin +config|get (%W~x +set)".split()
    user = users.set(b"ann", words)
    twin = users.set(b"bob", user.shown().split()[2:])
    assert described(twin).removeprefix(b"user bob ") == described(user)
    assert twin.permissions == user.permissions


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (b"nope", b"Syntax error"),
        (b"+nope", b"Unknown command or category name in ACL"),
        (b"-get|x", b"Unknown command or category name in ACL"),
        (b"+@nope", b"Unknown command or category name in ACL"),
        (b"+config|get|x", b"Allowing first-arg of a subcommand is not supported"),
        (b"+get|", b"Syntax error"),
        (b"%X~a", b"Syntax error"),
        (b"~a b", b"Syntax error"),
        (b"(>x)", b"Syntax error"),
        (b"<nope", b"The password you are trying to remove from the user does not exist"),
        (b"#AB", BAD_HASH),
    ],
)  # fmt: skip
def test_a_rule_that_says_nothing_changes_nothing(rule: bytes, text: bytes, users: Users) -> None:
    users.set(b"ann", [b"on", b"+get"])
    with pytest.raises(RuleError) as refusal:
        users.set(b"ann", [b"off", b"+set", rule])
    assert (refusal.value.rule, refusal.value.text) == (rule, text)
    assert described(users.set(b"ann", [])) == b"on sanitize-payload resetchannels -@all +get"


def test_a_selector_that_is_not_closed_is_named_by_its_first_word(users: Users) -> None:
    with pytest.raises(RuleError) as refusal:
        users.set(b"ann", [b"(+get", b"~a"])
    assert refusal.value.text == b"Unmatched parenthesis in acl selector starting at '(+get'."


def test_passwords_are_kept_as_digests_and_work_while_the_user_is_on(users: Users) -> None:
    user = users.set(b"ann", [b">secret", b"#" + hashlib.sha256(b"other").hexdigest().encode()])
    assert not user.accepts(b"secret")
    users.set(b"ann", [b"on"])
    assert user.accepts(b"secret")
    assert user.accepts(b"other")
    assert not user.accepts(b"")
    assert b"secret" not in user.shown()
    users.set(b"ann", [b"!" + DIGEST])
    assert not user.accepts(b"secret")
    users.set(b"ann", [b"nopass"])
    assert user.accepts(b"anything")
    assert not users.set(b"ann", [b"resetpass"]).accepts(b"anything")


def test_users_are_in_the_order_of_their_names(users: Users) -> None:
    for name in (b"zoe", b"ann"):
        users.set(name, [])
    assert [user.name for user in users] == [b"ann", b"default", b"zoe"]
