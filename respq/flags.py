"""What a command's declaration says of it besides its handler: flags, where its keys stand, documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto
from enum import Flag as EnumFlag
from typing import NamedTuple

from respq.protocol import Argv


class Flag(EnumFlag):
    """What COMMAND INFO calls flags."""

    WRITE = auto()
    READONLY = auto()
    DENYOOM = auto()
    ADMIN = auto()
    PUBSUB = auto()
    NOSCRIPT = auto()
    BLOCKING = auto()
    LOADING = auto()
    STALE = auto()
    SKIP_MONITOR = auto()
    SKIP_SLOWLOG = auto()
    FAST = auto()
    NO_AUTH = auto()
    MAY_REPLICATE = auto()  # not shown by COMMAND INFO
    NO_MANDATORY_KEYS = auto()
    NO_ASYNC_LOADING = auto()
    ASYNC_LOADING = auto()  # not shown
    NO_MULTI = auto()
    ALLOW_BUSY = auto()
    MOVABLEKEYS = auto()
    ASKING = auto()
    SCRIPT_RUNNER = auto()  # shown from Redis 8.10 on
    SYSCMD = auto()  # not for applications; shown by COMMAND DOCS alone


class Channels(Enum):
    """Which arguments of a command are channels that its user has to be allowed."""

    FIRST = auto()
    ALL = auto()
    PATTERNS = auto()  # all, and these are patterns


class Docs(NamedTuple):
    """What is said of a command to people: in COMMAND DOCS, and in part in the README."""

    summary: str
    syntax: str = ""  # its arguments, in the notation of `syntax`
    complexity: str = ""
    deprecated_since: str = ""  # the version of Redis, if it is
    replaced_by: str = ""  # as COMMAND DOCS says it; of what is deprecated
    argument_groups: str = ""  # the names of the groups among the arguments, outer before inner
    argument_versions: Mapping[str, str] = {}  # which version of Redis brought an argument, by its name


class Keys:
    """Where some of a command's keys stand, as one key specification of COMMAND INFO.

    `at` is the index of the first, `last` is relative to it or, if negative, counted from the end.
    With `counted` the argument `at` is the number of keys, which follow it. With `behind` they stand behind
    that word, looked for from `at` on: with `last` 0 one key, of an option that may be missing; with -1 the
    first half of what follows. The two words behind `naming` are names, and passed over there. With `find`,
    which gives the indexes for an argv, no specification can tell: COMMAND INFO says `unknown`; or, where
    `at` is given as well, what it says is not the whole truth. `flags` are in the words of COMMAND INFO.
    """

    __slots__ = ("at", "behind", "counted", "find", "flags", "last", "naming", "notes", "step")

    def __init__(
        self,
        flags: str,
        at: int = 0,
        last: int = 0,
        step: int = 1,
        *,
        counted: bool = False,
        behind: bytes = b"",
        naming: bytes = b"",
        find: Callable[[Argv], Iterable[int]] | None = None,
        notes: str = "",
    ) -> None:
        self.flags = flags
        self.at = at
        self.last = last
        self.step = step
        self.counted = counted
        self.behind = behind
        self.naming = naming
        self.find = find
        self.notes = notes

    @property
    def is_first_word(self) -> bool:
        """Whether the only key is the first word behind the name."""
        return self.at == 1 and not (self.last or self.counted or self.behind or self.find)
