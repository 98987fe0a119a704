"""Replies as bytes, in RESP2 and RESP3.

Handlers return encoded replies. Most types are spelled alike in both versions and are plain
functions and constants here; the handful that differ are methods of an `Encoder`, of which each
client has one (`c.enc`). Source: the RESP3 specification; the choice of type per reply is what
redis-server 8.2.3 was seen to send.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from respq.protocol.doubles import format_double

OK = b"+OK\r\n"
QUEUED = b"+QUEUED\r\n"
PONG = b"+PONG\r\n"
EMPTY_ARRAY = b"*0\r\n"
EMPTY_BULK = b"$0\r\n\r\n"

_SMALL = [b":%d\r\n" % n for n in range(1024)]
ZERO = _SMALL[0]
ONE = _SMALL[1]


def integer(n: int) -> bytes:
    """`:n`."""
    return _SMALL[n] if 0 <= n < 1024 else b":%d\r\n" % n


def request_bytes(argv: Sequence[bytes]) -> int:
    """The size of a command as clients send it."""
    return sum([len(word) + len(b"$%d\r\n\r\n" % len(word)) for word in argv], len(b"*%d\r\n" % len(argv)))


_FLAGS = (ZERO, ONE)


def flags(yes: Iterable[bool]) -> bytes:
    """A 1 or a 0 each, one behind the other."""
    return b"".join(map(_FLAGS.__getitem__, yes))


def bulk(data: bytes) -> bytes:
    """A bulk string."""
    return b"$%d\r\n%b\r\n" % (len(data), data)


_STRETCH = 1000  # elements of a long reply that are encoded together, while they are in the cache
_BULK_HEADS = [b"$%d\r\n" % length for length in range(1024)]


def bulk_strings(items: Sequence[bytes]) -> bytes:
    """Bulk strings, one behind the other: 30 ns each if all have one length, else 70; singly 250."""
    if not items:
        return b""
    lengths = list(map(len, items))
    if lengths.count(lengths[0]) == len(lengths):
        head = b"$%d\r\n" % lengths[0]
        return b"%b%b\r\n" % (head, (b"\r\n" + head).join(items))
    if max(lengths) >= len(_BULK_HEADS):
        return b"".join([b"$%d\r\n%b\r\n" % (len(item), item) for item in items])
    parts = [b"\r\n"] * (3 * len(lengths))
    parts[::3] = map(_BULK_HEADS.__getitem__, lengths)
    parts[1::3] = items
    return b"".join(parts)


_FIRST_OF_PAIR = [b"\r\n*2\r\n$%d\r\n" % length for length in range(1024)]
_SECOND_OF_PAIR = [b"\r\n$%d\r\n" % length for length in range(1024)]


def pairs_of_bulks(first: Sequence[bytes], second: Sequence[bytes]) -> bytes:
    """Arrays of two bulk strings, one behind the other: 150 ns each if they are short; singly 350."""
    if not first:
        return b""
    lengths, lengths_of_second = list(map(len, first)), list(map(len, second))
    if max(lengths) >= 1024 or max(lengths_of_second) >= 1024:
        return b"".join([b"*2\r\n%b%b" % (bulk(a), bulk(b)) for a, b in zip(first, second, strict=True)])
    parts = [b"\r\n"] * (4 * len(lengths) + 1)
    parts[:-1:4] = map(_FIRST_OF_PAIR.__getitem__, lengths)
    parts[1::4] = first
    parts[2::4] = map(_SECOND_OF_PAIR.__getitem__, lengths_of_second)
    parts[3::4] = second
    parts[0] = parts[0][2:]
    return b"".join(parts)


def bulks(items: Sequence[bytes]) -> bytes:
    """An array of bulk strings."""
    return _headed(b"*%d\r\n" % len(items), items)


def _headed(head: bytes, items: Sequence[bytes]) -> bytes:
    if len(items) <= _STRETCH:
        return head + bulk_strings(items)
    return b"".join(
        [head, *[bulk_strings(items[at : at + _STRETCH]) for at in range(0, len(items), _STRETCH)]]
    )


def array(replies: Sequence[bytes]) -> bytes:
    """An array of replies that are encoded already."""
    return b"*%d\r\n%b" % (len(replies), b"".join(replies))


def simple(text: bytes) -> bytes:
    """A simple string; `text` must not contain line breaks."""
    return b"+%b\r\n" % text


class Encoder:
    """The replies that RESP2 and RESP3 spell differently; this one speaks RESP2."""

    version = 2
    null = b"$-1\r\n"
    null_array = b"*-1\r\n"

    def map(self, pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
        """A map of encoded keys and values."""
        return array([part for pair in pairs for part in pair])

    def set(self, members: Sequence[bytes]) -> bytes:
        """An unordered collection of encoded members."""
        return array(members)

    def bulk_set(self, members: Sequence[bytes]) -> bytes:
        """An unordered collection of bulk strings."""
        return bulks(members)

    def push(self, items: Sequence[bytes]) -> bytes:
        """Encoded items that no request asked for."""
        return array(items)

    def double(self, number: float) -> bytes:
        """A floating point number."""
        return bulk(format_double(number))

    def boolean(self, truth: bool) -> bytes:
        """True or false."""
        return ONE if truth else ZERO

    def big_number(self, digits: bytes) -> bytes:
        """An integer of any length."""
        return bulk(digits)

    def verbatim(self, text: bytes) -> bytes:
        """Text for people."""
        return bulk(text)

    def maybe_bulk(self, data: bytes | None) -> bytes:
        """A bulk string, or null for None."""
        return self.null if data is None else bulk(data)


class _Encoder3(Encoder):
    """RESP3."""

    version = 3
    null = b"_\r\n"
    null_array = b"_\r\n"

    def map(self, pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
        parts = [part for pair in pairs for part in pair]
        return b"%%%d\r\n%b" % (len(parts) // 2, b"".join(parts))

    def set(self, members: Sequence[bytes]) -> bytes:
        return b"~%d\r\n%b" % (len(members), b"".join(members))

    def bulk_set(self, members: Sequence[bytes]) -> bytes:
        return _headed(b"~%d\r\n" % len(members), members)

    def push(self, items: Sequence[bytes]) -> bytes:
        return b">%d\r\n%b" % (len(items), b"".join(items))

    def double(self, number: float) -> bytes:
        return b",%b\r\n" % format_double(number)

    def boolean(self, truth: bool) -> bytes:
        return b"#t\r\n" if truth else b"#f\r\n"

    def big_number(self, digits: bytes) -> bytes:
        return b"(%b\r\n" % digits

    def verbatim(self, text: bytes) -> bytes:
        return b"=%d\r\ntxt:%b\r\n" % (len(text) + 4, text)


RESP2 = Encoder()
RESP3: Encoder = _Encoder3()
