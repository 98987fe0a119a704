"""What everything stored in the keyspace has in common: a header, and the questions that it answers.

The keyspace writes the header; the types set it up and never look at it. It is part of the value instead
of a record beside it, because one object per key less is 60 bytes less and one look-up less.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Protocol, Self

from respq.rubble import Structures


class Limits(Protocol):
    """The directives that say how values would be kept in Redis; `config.Config` has them."""

    hash_max_listpack_entries: int
    hash_max_listpack_value: int
    list_max_listpack_size: int
    set_max_intset_entries: int
    set_max_listpack_entries: int
    set_max_listpack_value: int
    stream_idmp_duration: int
    stream_idmp_maxsize: int
    stream_node_max_bytes: int
    stream_node_max_entries: int
    zset_max_listpack_entries: int
    zset_max_listpack_value: int


class Value:
    """A stored value. `slot`: its key's place in the key array; `expires_ms`: Unix time, or 0 for never.

    `accessed`: when it was last accessed, Unix time in s; under an LFU policy see `respq.accesses`.
    """

    __slots__ = ("accessed", "expires_ms", "slot")
    kind: ClassVar[bytes]  # as TYPE answers
    directives: ClassVar[tuple[str, ...]] = ()  # that `limit` reads

    accessed: int  # set when it is stored
    expires_ms: int
    slot: int

    def __init__(self) -> None:
        self.expires_ms = 0
        self.slot = -1

    def __len__(self) -> int:
        """How many elements it has; a string, bytes."""
        raise NotImplementedError

    @classmethod
    def limit(cls, limits: Limits) -> None:
        """Apply the directives to all values of the type, for what is stored from then on."""

    def encoding(self) -> bytes:
        """What OBJECT ENCODING answers for a Redis that holds the same value."""
        raise NotImplementedError

    def memory_bytes(self, samples: int) -> int:
        """About the memory that the value takes, header included, from so many samples of it; 0: from all.

        O(samples), of elements or of the pieces that hold them.
        """
        raise NotImplementedError

    def pack(self, limit: int) -> bool:
        """Make about `limit` items take less memory, if nobody has changed the value since the last call.

        Return whether anything was done, so that there may be more to do. O(limit).
        """
        return False

    def parts(self) -> Structures:
        """The structures of a value that nobody uses any more, if it may be large: see `Rubble`."""
        return []

    def copy(self) -> Self:
        """An independent copy with a header of its own, without expiry."""
        raise NotImplementedError

    def rebuild(self, key: bytes) -> Iterator[list[bytes]]:
        """Commands that recreate the value under `key`, of at most 64 items each."""
        raise NotImplementedError

    def check(self) -> None:
        """Assert the invariants of the representation."""
        raise NotImplementedError
