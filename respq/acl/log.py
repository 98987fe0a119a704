"""ACL LOG: who was refused what. Refusals that are alike, within a minute, are one entry with a count."""

from __future__ import annotations

from typing import NamedTuple

ALIKE_MS = 60_000  # since an entry was last added to
LOOKED_AT = 10  # entries, the newest


class Refusal(NamedTuple):
    """What makes two refusals alike."""

    reason: str  # auth, command, key, channel
    context: str  # toplevel, multi, lua
    what: bytes  # the command, key or channel
    username: bytes


class Entry:
    """One line of the log."""

    __slots__ = ("client_info", "count", "created_ms", "number", "refusal", "updated_ms")

    def __init__(self, number: int, refusal: Refusal, client_info: bytes, now_ms: int) -> None:
        self.number = number
        self.refusal = refusal
        self.count = 1
        self.client_info = client_info  # of the latest, in CLIENT INFO's words
        self.created_ms = self.updated_ms = now_ms


class AccessLog:
    """The entries, the one that was added to last first, and how often what was refused since the start."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.refused = {"auth": 0, "command": 0, "key": 0, "channel": 0}
        self._next_number = 0

    def add(self, refusal: Refusal, client_info: bytes, now_ms: int, limit: int) -> None:
        """Count a refusal, enter it, and forget the oldest beyond `limit` entries. O(limit)."""
        self.refused[refusal.reason] += 1
        for at, entry in enumerate(self.entries[:LOOKED_AT]):
            if entry.refusal == refusal and now_ms - entry.updated_ms <= ALIKE_MS:
                del self.entries[at]
                entry.count += 1
                entry.client_info, entry.updated_ms = client_info, now_ms
                break
        else:
            entry = Entry(self._next_number, refusal, client_info, now_ms)
            self._next_number += 1
        self.entries.insert(0, entry)
        del self.entries[limit:]
