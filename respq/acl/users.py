"""Users: names, passwords and permissions, as ACL SETUSER, a configuration and an ACL file describe them.

Passwords are kept as SHA-256, as in Redis, and compared in constant time. A user object stays the same as
long as the user exists, because connections hold it; a change is made on a copy, and taken over when every
rule of it has been understood.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from respq.acl.catalogue import Catalogue
from respq.acl.permissions import Permissions
from respq.acl.selectors import RuleError, Selector
from respq.digests import is_same_secret, sha256_hex
from respq.errors import shown

DEFAULT = b"default"
_HASH = re.compile(rb"[0-9a-f]{64}")
BAD_HASH = (
    b"The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
)
NO_SUCH_PASSWORD = b"The password you are trying to remove from the user does not exist"


class User:
    """One user. `permissions` is None for who may do everything."""

    __slots__ = ("enabled", "name", "nopass", "passwords", "permissions", "root", "sanitizes", "selectors")

    def __init__(self, name: bytes, root: Selector) -> None:
        self.name = name
        self.enabled = False
        self.nopass = False  # any password will do
        self.sanitizes = True  # RESTORE looks closely at what it gets; it always does here
        self.passwords: dict[bytes, None] = {}  # SHA-256 in digits
        self.root = root
        self.selectors: list[Selector] = []  # further ones, in parentheses
        self.permissions: Permissions | None = None

    def assign(self, other: User) -> None:
        """Become like another user, under the own name."""
        for slot in User.__slots__:
            if slot != "name":
                setattr(self, slot, getattr(other, slot))

    def copy(self) -> User:
        """A user like this one who can be changed by itself."""
        twin = User(self.name, self.root.copy())
        twin.enabled, twin.nopass, twin.sanitizes = self.enabled, self.nopass, self.sanitizes
        twin.passwords = dict(self.passwords)
        twin.selectors = [selector.copy() for selector in self.selectors]
        twin.permissions = self.permissions
        return twin

    def accepts(self, password: bytes) -> bool:
        """Whether the user may come in with this password. The time it takes tells nothing of passwords."""
        if not self.enabled:
            return False
        digest = sha256_hex(password)
        found = [is_same_secret(digest, each) for each in self.passwords]
        return self.nopass or any(found)

    def flags(self) -> list[bytes]:
        """What ACL GETUSER calls flags."""
        flags = [b"on" if self.enabled else b"off"]
        if self.nopass:
            flags.append(b"nopass")
        flags.append(b"sanitize-payload" if self.sanitizes else b"skip-sanitize-payload")
        return flags

    def shown(self) -> bytes:
        """Rules that make such a user of a new one: `user NAME RULES`."""
        words = [b"user", self.name, *self.flags()]
        words += [b"#" + digest for digest in self.passwords]
        words.append(self.root.shown())
        words += [b"(%b)" % selector.shown() for selector in self.selectors]
        return b" ".join(words)


class Users:
    """All users, by name. Among them `default`, as whom connections begin."""

    def __init__(self, catalogue: Catalogue, *, all_channels: bool) -> None:
        self.catalogue = catalogue
        self.all_channels = all_channels  # `acl-pubsub-default`, for what is new
        self.default = self.unrestricted(DEFAULT)
        self._by_name = {DEFAULT: self.default}

    @property
    def open(self) -> bool:
        """Whether connections are let in without a password."""
        return self.default.enabled and self.default.nopass

    def __iter__(self) -> Iterator[User]:
        """In the order of names."""
        return iter([self._by_name[name] for name in sorted(self._by_name)])

    def get(self, name: bytes) -> User | None:
        """The user of that name."""
        return self._by_name.get(name)

    def fresh(self, name: bytes) -> User:
        """A user who may do nothing, and is not among these yet."""
        return User(name, Selector(all_channels=self.all_channels))

    def unrestricted(self, name: bytes) -> User:
        """A user who needs no password and may do everything, and is not among these yet."""
        user = User(name, Selector(all_channels=True))
        user.enabled = user.nopass = True
        for rule in (b"allkeys", b"allcommands"):
            user.root.apply(rule, self.catalogue)
        return user

    def replace(self, others: Iterable[User]) -> list[User]:
        """Have these users, `default` among them, and no others; return those who are gone."""
        drafts = {user.name: user for user in others}
        gone = [user for name, user in self._by_name.items() if name not in drafts]
        for user in gone:
            del self._by_name[user.name]
        for name, draft in drafts.items():
            self._by_name.setdefault(name, draft).assign(draft)
        return gone

    def set(self, name: bytes, rules: Sequence[bytes]) -> User:
        """Create or change a user; all rules or none. Raises RuleError."""
        user = self._by_name.get(name)
        draft = user.copy() if user is not None else self.fresh(name)
        for rule in merged(rules):
            try:
                self.apply(draft, rule)
            except RuleError as error:
                error.rule = rule
                raise
        self.compile(draft)
        if user is None:
            user = self._by_name[name] = self.fresh(name)
        user.assign(draft)
        return user

    def may_have(self, name: bytes) -> bool:
        """Whether a user can have this name: in a file, words stand between spaces."""
        return not any(byte in b" \t\n\v\f\r\0" for byte in name)

    def delete(self, name: bytes) -> User | None:
        """Take a user away, who is returned if there was one."""
        return self._by_name.pop(name, None)

    def set_default_password(self, password: bytes) -> None:
        """What `requirepass` means: the default user has this password alone, or needs none if empty."""
        self.set(DEFAULT, [b"resetpass", b">" + password] if password else [b"nopass"])

    def apply(self, user: User, rule: bytes) -> None:
        """Change a user as one rule says. Raises RuleError."""
        word = shown(rule).lower()
        if word in (b"on", b"off"):
            user.enabled = word == b"on"
        elif word == b"nopass":
            user.nopass = True
            user.passwords.clear()
        elif word == b"resetpass":
            user.nopass = False
            user.passwords.clear()
        elif word in (b"sanitize-payload", b"skip-sanitize-payload"):
            user.sanitizes = word == b"sanitize-payload"
        elif word == b"clearselectors":
            user.selectors.clear()
        elif word == b"reset":
            user.assign(self.fresh(user.name))
        elif rule[:1] in (b">", b"#"):
            user.passwords[_given_digest(rule)] = None
            user.nopass = False
        elif rule[:1] in (b"<", b"!"):
            if _given_digest(rule) not in user.passwords:
                raise RuleError(NO_SUCH_PASSWORD)
            del user.passwords[_given_digest(rule)]
        elif rule[:1] == b"(" and rule[-1:] == b")":
            user.selectors.append(self._selector(rule[1:-1]))
        elif rule:
            user.root.apply(rule, self.catalogue)

    def _selector(self, rules: bytes) -> Selector:
        selector = Selector(all_channels=self.all_channels)
        for rule in rules.split():
            selector.apply(rule, self.catalogue)
        return selector

    def compile(self, user: User) -> None:
        """Work out what the rules of a user come to."""
        user.permissions = Permissions.of([user.root, *user.selectors], self.catalogue)


def merged(rules: Sequence[bytes]) -> list[bytes]:
    """The rules, each selector as one: it may have come in several words. Raises RuleError."""
    found: list[bytes] = []
    open_at: bytes | None = None  # the word that a selector began with
    for word in rules:
        if open_at is not None:
            found[-1] += b" " + shown(word)
        else:
            found.append(word)
            if word[:1] == b"(":
                open_at = word
        if open_at is not None and word[-1:] == b")":
            open_at = None
    if open_at is not None:
        raise RuleError(b"Unmatched parenthesis in acl selector starting at '%b'." % open_at)
    return found


def _given_digest(rule: bytes) -> bytes:
    """The SHA-256 that a rule on passwords is about. Raises RuleError."""
    if rule[:1] in (b">", b"<"):
        return sha256_hex(rule[1:])
    if not _HASH.fullmatch(rule[1:]):
        raise RuleError(BAD_HASH)
    return rule[1:]
