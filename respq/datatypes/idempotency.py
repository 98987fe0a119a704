"""What a stream remembers of producers that may send an entry twice: XADD with IDMP and IDMPAUTO.

For each producer ID a map from idempotent IDs to the entries that they became, oldest first. A producer has
at most so many records, and a record ends some time after its entry; the oldest go first. The records of one
producer are looked through when it is named, and those of another one at each addition, in turn, so that
what nobody asks for goes as well and no call does more than its share.

Source: the documentation of Redis 8.6 (see the README); redis-server 8.2.3 has nothing of this.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from respq.datatypes.entry_ids import SEQ_BITS, show_id
from respq.digests import blake2b_number

_DIGEST_BYTES: Final = 16
_MODULUS: Final = 1 << 8 * _DIGEST_BYTES


class Settings(NamedTuple):
    """How long records live, and how many a producer has."""

    duration_s: int
    maxsize: int


class Record(NamedTuple):
    """The entry that came of one message. `since_ms`: what its age is counted from, Unix time."""

    entry_id: int
    since_ms: int


Records = OrderedDict[bytes, Record]  # by idempotent ID, oldest first


class Idempotency:
    """The records of a stream."""

    __slots__ = ("added", "duplicates", "producers", "settings")

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.producers: OrderedDict[bytes, Records] = OrderedDict()
        self.added = 0  # entries with an idempotent ID, ever
        self.duplicates = 0  # how often such an entry came again

    def find(self, producer: bytes, message: bytes, now_ms: int) -> int | None:
        """The ID of the entry that a message became, or None. O(1), and what has ended."""
        self._end_due(producer, now_ms)
        records = self.producers.get(producer)
        record = records.get(message) if records else None
        return record.entry_id if record and record.since_ms >= self._ends_ms(now_ms) else None

    def remember(self, producer: bytes, message: bytes, entry_id: int, now_ms: int) -> None:
        """A message, which is not known, became an entry. O(1), and what has ended."""
        if self.producers:
            other, _ = next(iter(self.producers.items()))
            self.producers.move_to_end(other)
            self._end_due(other, now_ms)
        records = self.producers.setdefault(producer, OrderedDict())
        ms = entry_id >> SEQ_BITS
        records[message] = Record(entry_id, min(ms, now_ms) if now_ms else ms)  # no time while loading
        records.move_to_end(message)
        while len(records) > self.settings.maxsize:
            records.popitem(last=False)

    def configure(self, settings: Settings) -> None:
        """Change the settings: what is remembered goes."""
        if settings != self.settings:
            self.settings = settings
            self.producers.clear()

    def _end_due(self, producer: bytes, now_ms: int) -> None:
        """Drop the records of a producer whose time is over, and the producer with the last one."""
        records = self.producers.get(producer)
        if records is None or not now_ms:
            return
        if next(iter(records.values())).since_ms > now_ms:  # loaded, of an entry from the future
            for message, record in records.items():
                records[message] = record._replace(since_ms=min(record.since_ms, now_ms))
        ends_ms = self._ends_ms(now_ms)
        while records and next(iter(records.values())).since_ms < ends_ms:
            records.popitem(last=False)
        if not records:
            del self.producers[producer]

    def _ends_ms(self, now_ms: int) -> int:
        """What is older has ended."""
        return now_ms - self.settings.duration_s * 1000

    def count(self, now_ms: int) -> tuple[int, int]:
        """How many producers and how many records there are. O(producers, and what has ended)."""
        for producer in list(self.producers):
            self._end_due(producer, now_ms)
        return len(self.producers), sum(map(len, self.producers.values()))

    def copy(self) -> Idempotency:
        """An independent copy. O(records)."""
        twin = Idempotency(self.settings)
        twin.producers = OrderedDict((name, records.copy()) for name, records in self.producers.items())
        twin.added, twin.duplicates = self.added, self.duplicates
        return twin

    def rebuild(self, key: bytes) -> Iterator[list[bytes]]:
        """Commands that recreate settings and counters, and the records, of each producer the oldest first.

        Loading a record counts as an addition.
        """
        duration, maxsize = (b"%d" % number for number in self.settings)
        settings = [b"XCFGSET", key, b"IDMP-DURATION", duration, b"IDMP-MAXSIZE", maxsize]
        added, duplicates = self.added - sum(map(len, self.producers.values())), self.duplicates
        yield [*settings, b"IIDS-ADDED", b"%d" % added, b"IIDS-DUPLICATES", b"%d" % duplicates]
        for producer, records in self.producers.items():
            for message, record in records.items():
                yield [b"XIDMPRECORD", key, producer, message, show_id(record.entry_id)]


def digest(words: Sequence[bytes]) -> bytes:
    """An idempotent ID for fields and values, whatever the order of their pairs.

    The sum of a hash of each pair: with XOR two pairs that are equal would cancel out. Redis hashes
    otherwise, which nothing on the wire shows.
    """
    total = 0
    for field, value in zip(words[::2], words[1::2], strict=True):
        pair = b"%d:%b%b" % (len(field), field, value)
        total += blake2b_number(pair, _DIGEST_BYTES)
    return (total % _MODULUS).to_bytes(_DIGEST_BYTES, "big")
