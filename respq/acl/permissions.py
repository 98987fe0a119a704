"""What rules come to, as it is asked before a command runs.

Made of a user's selectors whenever these change, and never changed itself; equal ones are interchangeable,
so that users with the same permissions can share what is derived from them. Checks cost O(selectors x keys),
and O(log patterns) for each key where all patterns are a fixed beginning and a star, as they usually are.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple, Self

from respq.acl.catalogue import Catalogue
from respq.acl.selectors import Access, Selector
from respq.glob import Matches, matcher

Stretch = tuple[bytes, bytes]  # of texts in order: the first that is in it, and the first behind it

NOTHING: Stretch = (b"", b"")
_NEARLY_ALL: Stretch = (b"\0", b"\xff")  # of what `*` matches: a stretch of all would have no end
CACHED_BYTES = 256  # a longer text is no usual key, and is not kept in memory only to match it sooner
_FIXED = re.compile(rb"([^*?\[\\]*)")
_FIXED_BEGINNING = re.compile(rb"([^*?\[\\]*[^*?\[\\\xff])\*")


class Patterns:
    """Patterns of keys or channels, such that a match is cheap if they are what patterns usually are.

    These are names, and fixed beginnings with a star behind them: what they match is a stretch of all texts
    in order, so that a text is compared with the ends of stretches and nothing else.
    """

    __slots__ = ("ends", "others")

    def __init__(self, patterns: Iterable[bytes]) -> None:
        stretches: list[Stretch] = []
        self.others: list[Matches] = []
        for pattern in patterns:
            if _FIXED.fullmatch(pattern):
                stretches.append((pattern, _next(pattern)))
            elif (fixed := _FIXED_BEGINNING.fullmatch(pattern)) is not None:
                stretches.append((fixed[1], fixed[1][:-1] + bytes([fixed[1][-1] + 1])))
            else:
                if pattern == b"*":
                    stretches.append(_NEARLY_ALL)
                self.others.append(matcher(pattern))
        self.ends = _ends(stretches)  # beginning and end of each stretch, in order

    def match(self, text: bytes) -> bool:
        """Whether one of the patterns matches. O(log patterns), as long as they are usual."""
        return self.stretch_of(text) is not NOTHING

    def stretch_of(self, text: bytes) -> Stretch:
        """A stretch of texts that are all matched, this one among them; NOTHING if it is not. As `match`."""
        ends = self.ends
        at = bisect_right(ends, text)
        if at & 1:
            return ends[at - 1], ends[at]
        for matches in self.others:
            if matches(text):
                return text, _next(text)
        return NOTHING


class CachedPatterns:
    """Patterns as one command asks for them, with an inline cache: the stretch in which the last text lay.

    A command works on keys of one kind as a rule, and so two comparisons tell that its next key is allowed.
    """

    __slots__ = ("_stretch_of", "high", "low")

    def __init__(self, patterns: Patterns) -> None:
        self._stretch_of = patterns.stretch_of
        self.low, self.high = NOTHING  # what is not below the one, and below the other, is known to match

    def match(self, text: bytes) -> bool:
        """Whether one of the patterns matches. O(1) if it lies where the last one did, else as `Patterns`."""
        if self.low <= text < self.high:
            return True
        stretch = self._stretch_of(text)
        if stretch is NOTHING:
            return False
        if len(stretch[1]) <= CACHED_BYTES:
            self.low, self.high = stretch
        return True

    def match_all(self, texts: Iterable[bytes]) -> bool:
        """Whether each of the texts is matched."""
        low, high = self.low, self.high
        for text in texts:
            if not low <= text < high:
                if not self.match(text):
                    return False
                low, high = self.low, self.high
        return True


def _next(text: bytes) -> bytes:
    """The one that follows a text in order."""
    return text + b"\0"


def _ends(stretches: Iterable[Stretch]) -> list[bytes]:
    """The ends of stretches, those that overlap taken together."""
    ends: list[bytes] = []
    for low, high in sorted(stretches):
        if ends and low <= ends[-1]:
            ends[-1] = max(ends[-1], high)
        else:
            ends += (low, high)
    return ends


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
    def key_patterns(self) -> dict[Access, Patterns]:
        """What matches the keys to which so much may be done."""
        return {access: Patterns(self.patterns_for(access)) for access in EVERY_ACCESS}

    @cached_property
    def channel_patterns(self) -> Patterns:
        """What matches the channels that are allowed."""
        return Patterns(self.channels)

    def allows_command(self, name: bytes, first_arg: bytes) -> bool:
        """Whether a command may run with that first argument."""
        return name in self.allowed or first_arg.lower() in self.first_args.get(name, ())

    def denial(self, request: Request) -> Denial | None:
        """Why not, or None if all of it is allowed."""
        if not self.allows_command(request.name, request.first_arg):
            return Denial("command", request.name)
        if not self.all_keys:
            for position, (key, access) in enumerate(request.keys):
                if not self.key_patterns[access].match(key):
                    return Denial("key", key, position)
        if not self.all_channels:
            allowed = self.channels.__contains__ if request.patterns else self.channel_patterns.match
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
            any(g.all_channels or g.channel_patterns.match(channel) for g in self.grants)
            for channel in channels
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
