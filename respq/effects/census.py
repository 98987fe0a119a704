"""What a snapshot holds, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from respq.datatypes.hashes import HashValue
from respq.datatypes.value import Value
from respq.rdb.file import DumpReader


class Census:
    """Counts values; what has expired at `now_ms` (Unix time) is counted as well, and separately."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.types: Counter[str] = Counter()
        self.expiring = 0
        self.expired = 0  # of them
        self.libraries = 0  # of functions
        self.with_deadlines = 0  # hashes with fields that expire
        self.dump: DumpReader | None = None  # where they come from

    def count(self, _db: int, _key: bytes, value: Value) -> None:
        """Count one value; takes the place of a function that would store it."""
        self.types[value.kind.decode()] += 1
        if value.expires_ms:
            self.expiring += 1
            self.expired += value.expires_ms < self.now_ms
        if isinstance(value, HashValue) and value.next_deadline():
            self.with_deadlines += 1

    def count_library(self, _code: bytes) -> None:
        """Count a library of functions."""
        self.libraries += 1

    @property
    def keys(self) -> int:
        """How many values have been counted."""
        return self.types.total()

    def lines(self) -> Iterator[str]:
        """The numbers for people."""
        if self.dump is not None:
            yield self._origin(self.dump)
        if self.libraries:
            yield f"libraries of functions: {self.libraries}"
        types = ", ".join(f"{name} {count}" for name, count in sorted(self.types.items()))
        if types:
            yield f"keys by type: {types}"
            yield (
                f"keys that expire: {self.expiring}, of which the time has come: {self.expired};"
                f" hashes with fields that expire: {self.with_deadlines}"
            )

    def _origin(self, dump: DumpReader) -> str:
        server = "Valkey" if dump.valkey else "Redis"
        version = dump.about.get(b"valkey-ver") or dump.about.get(b"redis-ver") or b"an unknown version"
        checksum = "right" if dump.verified else "not seen"
        written_by = f"{server} {version.decode(errors='replace')}"
        return f"version {dump.version} of the format, by {written_by}; checksum {checksum}"
