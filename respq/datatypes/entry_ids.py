"""Entry IDs of streams: milliseconds and a sequence number, `1526919030474-0`.

Inside, an ID is one integer, `ms << 64 | seq`, which compares as IDs do; on the wire and in stored entries it
is text. Redis reads both numbers with C's strtoull, so it was seen to take white space, a plus sign and
leading zeros before digits, to stop at a NUL byte, and to refuse more than 127 characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from operator import lt
from typing import Final, overload

from respq.protocol.columns import Column

SEQ_BITS: Final = 64
SEQ_MAX: Final = (1 << 64) - 1
MAX: Final = (1 << 128) - 1
_LONGEST: Final = 127  # characters of an ID
_PLAIN_DIGITS: Final = 19  # so many cannot exceed SEQ_MAX
_MOST_KNOWN: Final = 1 << 12
_CANONICAL = re.compile(rb"(?:(?:0|[1-9][0-9]{0,18})-(?:0|[1-9][0-9]{0,18}) )*").fullmatch
_NUMBER = re.compile(rb"[ \t\n\v\f\r]*\+?([0-9]+)").fullmatch


def show_id(entry_id: int) -> bytes:
    """The text of an ID."""
    return b"%d-%d" % (entry_id >> SEQ_BITS, entry_id & SEQ_MAX)


def show_ids(first_id: int, count: int) -> list[bytes]:
    """The texts of IDs that follow each other, most of the time in one millisecond."""
    ms, seq = first_id >> SEQ_BITS, first_id & SEQ_MAX
    if seq + count > SEQ_MAX:
        return list(map(show_id, range(first_id, first_id + count)))
    return (b"%d-%%d " % ms * count % tuple(range(seq, seq + count))).split()


def id_column(first_id: int, count: int) -> Column:
    """IDs that follow each other."""
    ms, seq = first_id >> SEQ_BITS, first_id & SEQ_MAX
    return Column.counting(b"%d-" % ms, seq, count) or Column(show_ids(first_id, count))


def number_of(text: bytes) -> int:
    """The ID that is spelled as `show_id` does. A third of the time of `read_id`."""
    ms, _, seq = text.partition(b"-")
    return int(ms) << SEQ_BITS | int(seq)


def are_canonical(texts: Sequence[bytes]) -> bool:
    """Whether IDs are spelled as `show_id` does. Of numbers of 20 digits it says no. 0.2 µs each."""
    return _CANONICAL(b" ".join([*texts, b""])) is not None


class Halves(Sequence[int]):
    """IDs, at least one, taken apart. What asks for some of them gets these put together."""

    __slots__ = ("_numbers", "ms", "seq", "shift")

    def __init__(self, ms: Sequence[int], seq: Sequence[int]) -> None:
        self.ms = ms
        self.seq = seq
        self.shift = 0  # see `numbers`
        self._numbers: list[int] = []

    @classmethod
    def of(cls, ids: Sequence[int]) -> Halves:
        """Those of some IDs."""
        if isinstance(ids, Halves):
            return ids
        first, last = ids[0], ids[-1]
        if isinstance(ids, range) and first >> SEQ_BITS == last >> SEQ_BITS:
            return cls([first >> SEQ_BITS] * len(ids), range(first & SEQ_MAX, (last & SEQ_MAX) + 1))
        return cls([number >> SEQ_BITS for number in ids], [number & SEQ_MAX for number in ids])

    @property
    def numbers(self) -> list[int]:
        """The IDs, from the first millisecond on, with `shift` bits for a sequence number: in their order."""
        if not self._numbers:
            first, self.shift = self.ms[0], max(self.seq).bit_length()
            shift = self.shift
            self._numbers = [(at - first) << shift | seq for at, seq in zip(self.ms, self.seq, strict=True)]
        return self._numbers

    def __len__(self) -> int:
        return len(self.ms)

    def __iter__(self) -> Iterator[int]:
        return iter(self[:])

    @overload
    def __getitem__(self, at: int) -> int: ...

    @overload
    def __getitem__(self, at: slice) -> list[int]: ...

    def __getitem__(self, at: int | slice) -> int | list[int]:
        if isinstance(at, slice):
            return [ms << SEQ_BITS | seq for ms, seq in zip(self.ms[at], self.seq[at], strict=True)]
        return self.ms[at] << SEQ_BITS | self.seq[at]


def numbers_of(texts: Sequence[bytes]) -> list[int] | None:
    """The IDs, if all are spelled as `show_id` does; of numbers of 20 digits it says no. 0.4 µs each."""
    halves = _canonical_halves(texts)
    return None if halves is None else halves[:]


def ascending(texts: Sequence[bytes], before: int) -> Halves | None:
    """IDs, if they are spelled as `show_id` does and ascend from one above `before`. 0.3 µs each.

    Of numbers of 20 digits it says no.
    """
    halves = _canonical_halves(texts)
    if halves is None or halves[0] <= before:
        return None
    numbers = halves.numbers
    return halves if all(map(lt, numbers, numbers[1:])) else None


class _Numbers(dict[bytes, int]):
    """Numbers by their text, some thousands of the last ones: neighbours mostly have one millisecond."""

    def __missing__(self, text: bytes) -> int:
        if len(self) >= _MOST_KNOWN:
            self.clear()
        number = self[text] = int(text)
        return number


_numbers: Final = _Numbers()


def _canonical_halves(texts: Sequence[bytes]) -> Halves | None:
    joined = b" ".join([*texts, b""])
    if _CANONICAL(joined) is None:
        return None
    numbers = list(map(_numbers.__getitem__, joined.replace(b"-", b" ").split()))
    return Halves(numbers[::2], numbers[1::2])


def read_id(text: bytes, missing_seq: int = 0) -> int:
    """The ID that `text` spells as `ms-seq`, or as `ms` alone. Raises ValueError."""
    ms, dash, seq = _parts(text)
    return read_part(ms) << SEQ_BITS | (read_part(seq) if dash else missing_seq)


def read_open_id(text: bytes) -> tuple[int, int | None]:
    """The two numbers of an ID whose second may be `*`, which is None then. Raises ValueError."""
    ms, dash, seq = _parts(text)
    if seq == b"*":
        return read_part(ms), None
    return read_part(ms), read_part(seq) if dash else 0


def _parts(text: bytes) -> tuple[bytes, bytes, bytes]:
    if len(text) > _LONGEST:
        raise ValueError(text)
    if b"\0" in text:
        text = text[: text.index(b"\0")]
    return text.partition(b"-")


def read_part(digits: bytes) -> int:
    """An unsigned 64-bit integer. Raises ValueError."""
    if digits.isdigit() and len(digits) <= _PLAIN_DIGITS:
        return int(digits)
    match = _NUMBER(digits)
    if match is None or (number := int(match[1])) > SEQ_MAX:
        raise ValueError(digits)
    return number
