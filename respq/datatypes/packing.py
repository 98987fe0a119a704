"""A handful of fields with their values in one byte string, for what is large and hardly changes.

A field that stands in a dict takes 42 bytes there, and 33 for each of its two bytes objects: more than most
fields and values have. Packed, `field FE value FF field FE value FF …`, they take two. Text holds neither
of the two bytes, which are not used in UTF-8; what does hold one is not packed, nor what is long.

A field is found by searching for it with its FE behind it: where an entry begins, which is behind an FF or at
the very beginning, that can be nothing else. Bytes are not changed but made anew, which takes 0.1 µs as long
as there are few hundred of them. Values are empty in a set.

A small hash or set that nobody changes is `Packed` as a whole, which can be read like the dict that it was; a
large one is many such strings (`shards`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Self

from respq.datatypes.sizes import allocated
from respq.rubble import Structures

FIELD_END: Final = b"\xfe"
ENTRY_END: Final = b"\xff"
LONGEST: Final = 128  # bytes of a field and its value: of longer ones, little is saved
_END: Final = ENTRY_END[0]
LARGEST: Final = 4096  # bytes of one string: searching more takes a microsecond


class Packed:
    """A few fields with their values, to be read as a dict is. O(n), but 0.4 µs for what is usual."""

    __slots__ = ("_entries",)

    def __init__(self, entries: bytes) -> None:
        self._entries = entries

    @classmethod
    def of(cls, entries: dict[bytes, bytes]) -> Self | None:
        """These fields in their order; None if they cannot be packed, or are too many. O(n)."""
        if not all(map(is_packable, entries, entries.values())):
            return None
        packed = pack(entries)
        return cls(packed) if len(packed) <= LARGEST else None

    def unpacked(self) -> dict[bytes, bytes]:
        """The dict that it was."""
        return unpack(self._entries)

    def get(self, field: bytes) -> bytes | None:
        """As of a dict."""
        return value_of(self._entries, field)

    def __getitem__(self, field: bytes) -> bytes:
        if (data := value_of(self._entries, field)) is None:
            raise KeyError(field)
        return data

    def __contains__(self, field: bytes) -> bool:
        return value_of(self._entries, field) is not None

    def __len__(self) -> int:
        return self._entries.count(ENTRY_END)

    def __iter__(self) -> Iterator[bytes]:
        return iter(fields_of(self._entries))

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """As of a dict."""
        return unpack(self._entries).items()

    def values(self) -> Iterable[bytes]:
        """As of a dict."""
        return unpack(self._entries).values()

    def copy(self) -> Self:
        """The same: it cannot be changed."""
        return self

    def memory_bytes(self, _samples: int) -> int:
        """All of it is one string."""
        return allocated(self, self._entries)

    def parts(self) -> Structures:
        """There is nothing to be taken apart."""
        return []


def is_packable(field: bytes, data: bytes) -> bool:
    """Whether a field and its value can stand in packed bytes."""
    return len(field) + len(data) <= LONGEST and is_plain(field) and is_plain(data)


def is_plain(word: bytes) -> bool:
    """Whether a word can be searched for: it has none of the bytes that end one."""
    return word.isascii() or (FIELD_END not in word and ENTRY_END not in word)


def position(packed: bytes, head: bytes) -> int:
    """Where the entry begins that begins with a plain field and FIELD_END; -1 if there is none."""
    at = packed.find(head)
    while at > 0 and packed[at - 1] != _END:
        at = packed.find(head, at + 1)
    return at


def value_of(packed: bytes, field: bytes) -> bytes | None:
    """The value of a field, None if it is not there."""
    if not is_plain(field):
        return None
    head = field + FIELD_END
    at = position(packed, head)
    return None if at < 0 else packed[at + len(head) : packed.index(ENTRY_END, at)]


def without(packed: bytes, field: bytes) -> bytes:
    """All but the entry of a field that is there."""
    at = position(packed, field + FIELD_END)
    return packed[:at] + packed[packed.index(ENTRY_END, at) + 1 :]


def pack(entries: dict[bytes, bytes]) -> bytes:
    """Fields with their values, all of them packable."""
    return b"".join([b"%b\xfe%b\xff" % entry for entry in entries.items()])


def unpack(packed: bytes) -> dict[bytes, bytes]:
    """The fields with their values, in their order."""
    words = _words(packed)
    return dict(zip(words[::2], words[1::2], strict=False))  # the last word is what follows the last entry


def fields_of(packed: bytes) -> list[bytes]:
    """The fields, in their order."""
    return _words(packed)[:-1:2]


def _words(packed: bytes) -> list[bytes]:
    return packed.replace(ENTRY_END, FIELD_END).split(FIELD_END)
