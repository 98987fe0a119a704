"""What rules come to, as it is asked before a command runs.

Made of a user's selectors whenever these change, and never changed itself; equal ones are interchangeable,
so that users with the same permissions can share what is derived from them. Checks cost O(selectors x keys),
and O(1) for each key where all patterns are a fixed beginning and a star, as they usually are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import NamedTuple, Self

from respq.acl.catalogue import Catalogue
from respq.acl.selectors import Access, Selector
from respq.glob import matcher

Test = Callable[[bytes], object]  # a true value if a key or channel is allowed

_FIXED_BEGINNING = re.compile(rb"([^*?\[\\]+)\*")


class Request(NamedTuple):
    """What a command asks for."""

    name: bytes  # `config|get`
    first_arg: bytes = b""
    keys: Sequence[tuple[bytes, Access]] = ()
    channels: Sequence[bytes] = ()
    patterns: bool = False  # these are patterns, which have to be allowed as such


class Denial(NamedTuple):
    """Why not. `reason` is ACL LOG's word: command, key or channel; `what` the one that is not allowed."""

    reason: str
    what: bytes
    position: int = 0  # among the keys, or the channels


EVERY_ACCESS = (Access.NONE, Access.READ, Access.WRITE, Access.BOTH)
_WEIGHT = {"command": 0, "key": 1, "channel": 2}  # the selector that comes closest tells why not


class Grant:
    """One selector, as it is asked."""

    def __init__(self, selector: Selector, catalogue: Catalogue) -> None:
        self.all_commands = selector.allowed == catalogue.names
        self.all_keys, self.all_channels = selector.all_keys, selector.all_channels
        self.allowed = selector.allowed
        self.first_args = dict(selector.first_args)
        self.keys = dict(selector.keys)
        self.channels = frozenset(selector.channels)
        self.identity = (
            self.all_keys, self.all_channels, self.allowed, frozenset(self.first_args.items()),
            frozenset(self.keys.items()), self.channels,
        )  # fmt: skip

    @property
    def unlimited(self) -> bool:
        """Whether everything is allowed."""
        return self.all_commands and self.all_keys and self.all_channels

    def patterns_for(self, access: Access) -> list[bytes]:
        """The patterns of keys to which so much may be done."""
        return [pattern for pattern, allowed in self.keys.items() if allowed & access == access]

    @cached_property
    def _key_tests(self) -> dict[Access, Test]:
        return {access: test_of(self.patterns_for(access)) for access in EVERY_ACCESS}

    @cached_property
    def channel_test(self) -> Test:
        """Whether a channel is allowed."""
        return test_of(self.channels)

    def allows_command(self, name: bytes, first_arg: bytes) -> bool:
        """Whether a command may run with that first argument."""
        return name in self.allowed or first_arg.lower() in self.first_args.get(name, ())

    def denial(self, request: Request) -> Denial | None:
        """Why not, or None if all of it is allowed."""
        if not self.allows_command(request.name, request.first_arg):
            return Denial("command", request.name)
        if not self.all_keys:
            for position, (key, access) in enumerate(request.keys):
                if not self._key_tests[access](key):
                    return Denial("key", key, position)
        if not self.all_channels:
            allowed = self.channels.__contains__ if request.patterns else self.channel_test
            for position, channel in enumerate(request.channels):
                if not allowed(channel):
                    return Denial("channel", channel, position)
        return None


class Permissions:
    """What a user may do who may not do everything."""

    def __init__(self, grants: Sequence[Grant]) -> None:
        self.grants = grants
        self._identity = tuple(grant.identity for grant in grants)
        self._hash = hash(self._identity)

    @classmethod
    def of(cls, selectors: Iterable[Selector], catalogue: Catalogue) -> Self | None:
        """The permissions that selectors give together; None if that is everything."""
        grants = [Grant(selector, catalogue) for selector in selectors]
        return None if any(grant.unlimited for grant in grants) else cls(grants)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Permissions) and self._identity == other._identity)

    def __hash__(self) -> int:
        return self._hash

    def denial(self, request: Request) -> Denial | None:
        """Why not, or None if one selector allows all of it."""
        nearest: Denial | None = None
        for grant in self.grants:
            denial = grant.denial(request)
            if denial is None:
                return None
            if nearest is None or _nearness(denial) > _nearness(nearest):
                nearest = denial
        return nearest

    @staticmethod
    def may_lose_channels(before: Permissions | None, after: Permissions | None) -> bool:
        """Whether some channel that was allowed may not be any more."""
        if after is None or any(grant.all_channels for grant in after.grants):
            return False
        return before is None or any(grant.all_channels or grant.channels for grant in before.grants)

    def allow_channels(self, channels: Iterable[bytes]) -> bool:
        """Whether all of these may be listened to."""
        return all(
            any(g.all_channels or g.channel_test(channel) for g in self.grants) for channel in channels
        )

    def allow_patterns(self, patterns: Iterable[bytes]) -> bool:
        """Whether all of these may be listened to: a pattern has to be one of the rules."""
        return all(any(g.all_channels or pattern in g.channels for g in self.grants) for pattern in patterns)

    def may_read_every_key(self, name: bytes, first_arg: bytes) -> bool:
        """Whether a command may look at keys that it does not name: SORT's BY and GET."""
        return any(
            grant.allows_command(name, first_arg)
            and (grant.all_keys or Access.READ in grant.keys.get(b"*", Access.NONE))
            for grant in self.grants
        )


def _nearness(denial: Denial) -> tuple[int, int]:
    return _WEIGHT[denial.reason], denial.position


def test_of(patterns: Iterable[bytes]) -> Test:
    """Whether a text matches any of these patterns."""
    beginnings: list[bytes] = []
    others: list[Test] = []
    for pattern in patterns:
        if (fixed := _FIXED_BEGINNING.fullmatch(pattern)) is not None:
            beginnings.append(fixed[1])
        else:
            others.append(matcher(pattern))
    begins = tuple(beginnings)
    if not others:
        return lambda text: text.startswith(begins)
    return lambda text: text.startswith(begins) or any(matches(text) for matches in others)
