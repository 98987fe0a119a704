"""The string: bytes, and how they came about.

OBJECT ENCODING tells more than the bytes do: `12` is `int` after SET, `raw` after APPEND and `embstr`
after INCRBYFLOAT. That history is kept in the class of `data`, so that SET and GET, the hot path, need
no field and no test for it:

    bytes       as SET left it: int, embstr or raw, by content and length
    Digits      bytes that INCRBYFLOAT wrote: never int
    bytearray   edited in place by APPEND, SETRANGE or SETBIT: raw, and appending is amortised O(1)

Rejected: keeping counters as int (INCR 0.1 µs faster, every other command has to ask), a rope of
appended parts (GETRANGE and STRLEN would have to walk it).

Where embstr ends follows redis-server 8.2.3, which puts key, value and expiry into one allocation if
they fit into 64 bytes. (Not followed: with a key of 32 bytes or more, a key and value of 40 or 41 bytes
stay embstr there when they get an expiry.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Final, Self

from respq.datatypes.value import Value

EMBEDDED_BYTES: Final = 41  # of key and value together
EXPIRY_BYTES: Final = 8  # what an expiry takes of them
INT_DIGITS: Final = 20  # of a 64-bit integer at most, sign included
HEADER_BYTES: Final = 72  # of the two objects: StringValue with its slots, and bytes


class Digits(bytes):
    """The result of INCRBYFLOAT."""

    __slots__ = ()


class StringValue(Value):
    """A string. `data` may be replaced from outside; it is changed in place only through `editable`."""

    __slots__ = ("data",)
    kind: ClassVar[bytes] = b"string"

    data: bytes  # or a bytearray, which does all that is asked of it elsewhere: len, slices, `%b`, int()

    def __init__(self, data: bytes = b"") -> None:
        self.expires_ms = 0
        self.slot = -1
        self.data = data

    def __bytes__(self) -> bytes:
        return bytes(self.data)

    def __len__(self) -> int:
        return len(self.data)

    # -- editing -----------------------------------------------------------------------------------

    def append(self, tail: bytes) -> int:
        """Add `tail` at the end; return the new length. O(len(tail)), amortised."""
        data = self.editable()
        data += tail
        return len(data)

    def set_range(self, offset: int, part: bytes) -> int:
        """Overwrite from `offset` on, with zero bytes before it where there was nothing; return length."""
        data = self.editable(offset)
        data[offset : offset + len(part)] = part
        return len(data)

    def get_range(self, start: int, end: int) -> bytes:
        """The bytes from `start` to `end` inclusive; negative positions count from the end."""
        length = len(self.data)
        if start < 0 and end < 0 and start > end:
            return b""
        start = max(0, start + length if start < 0 else start)
        end = max(0, end + length if end < 0 else end)
        return self.data[start : end + 1]

    def editable(self, length: int = 0) -> bytearray:
        """The bytes, to be edited in place, zeros added up to a `length` if they are fewer."""
        data = _buffer(self.data)
        if data is None:
            data = bytearray(self.data)
            self.data = data  # type: ignore[assignment]  # as declared
        if length > len(data):
            data.extend(bytes(length - len(data)))
        return data

    # -- encoding ----------------------------------------------------------------------------------

    def encoding(self) -> bytes:
        """As under the shortest of keys; see `encoding_under`."""
        return self.encoding_under(b"")

    def encoding_under(self, key: bytes) -> bytes:
        """What OBJECT ENCODING answers for this string, stored under `key`."""
        if _buffer(self.data) is not None:
            return b"raw"
        if not isinstance(self.data, Digits) and is_int(self.data):
            return b"int"
        room = EMBEDDED_BYTES - len(key) - (EXPIRY_BYTES if self.expires_ms else 0)
        return b"embstr" if len(self.data) <= room else b"raw"

    def keep_raw(self, key: bytes) -> None:
        """Call it before a key or expiry shrinks: what is raw for want of room stays so until replaced."""
        if self.encoding_under(key) == b"raw":
            self.editable()

    # -- the whole ---------------------------------------------------------------------------------

    def memory_bytes(self, samples: int) -> int:
        """Header and bytes."""
        return HEADER_BYTES + len(self.data)

    def copy(self) -> Self:
        """Bytes that were never edited are shared."""
        data = self.data
        return type(self)(data if _buffer(data) is None else data[:])

    def rebuild(self, key: bytes) -> Iterator[list[bytes]]:
        """One SET, as Redis writes it."""
        yield [b"SET", key, bytes(self.data)]

    def check(self) -> None:
        """One of the three classes."""
        assert type(self.data) in {bytes, bytearray, Digits}


def _buffer(data: object) -> bytearray | None:
    """`data` if it was edited in place."""
    return data if isinstance(data, bytearray) else None


def is_int(data: bytes) -> bool:
    """Whether `data` spells a signed 64-bit integer canonically."""
    return to_int(data) is not None


def to_int(data: bytes) -> int | None:
    """The signed 64-bit integer that `data` spells canonically, or None."""
    if len(data) > INT_DIGITS:
        return None
    try:
        number = int(data)
    except ValueError:
        return None
    return number if -(1 << 63) <= number < 1 << 63 and b"%d" % number == data else None
