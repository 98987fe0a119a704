"""Parts of a server that are made above its records (`state`), as far as others know them."""

from __future__ import annotations

from typing import Protocol

from respq.datatypes.value import Value
from respq.rdb.file import Accessed


class Frequencies(Protocol):
    """How often keys are accessed, for LFU policies: `accesses.Frequencies`."""

    on: bool

    def of(self, value: Value) -> int:
        """How often a value is accessed: 0 to 255."""
        ...

    def said_of(self) -> Accessed:
        """What a snapshot says of values."""
        ...

    def recall(self, value: Value, said: int) -> None:
        """Let a value have been accessed as a snapshot or RESTORE says, if the policy goes by that."""
        ...


class Limit(Protocol):
    """What holds a server to `maxmemory`: `eviction.MemoryLimit`."""

    exceeded_ms: int  # in all, without the time that `exceeded_for_ms` tells

    def exceeded_for_ms(self) -> int:
        """How long more has been in use than allowed, without a break."""
        ...

    def look(self) -> None:
        """See whether the limit is kept, and evict some of what is too much."""
        ...


class Busy(Protocol):
    """A script that keeps everybody waiting: `commands.overtime.Overtime`."""

    abandoned: bool  # by SHUTDOWN NOSAVE: the log must not have half of the script

    @property
    def refusal(self) -> str:
        """What others are told, after BUSY."""
        ...

    def check(self, killer: str) -> None:
        """Raise CommandError unless it is what this command ends: a script, or a function."""
        ...

    def kill(self, killer: str, wrote: bool) -> None:
        """End it. Raises CommandError if it has tried to change anything."""
        ...
