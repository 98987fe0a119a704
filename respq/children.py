"""What is known of the child processes that write the data set: how far they are, how they ended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_FAILURES_BEFORE_DELAY = 3
_DELAY_MAX_MINUTES = 60


class Progress:
    """How far a child is, as it says now and then. It counts in its own copy of this object."""

    def __init__(self) -> None:
        self.keys_total = 0
        self.keys_done = 0
        self.private_bytes = 0  # memory that it costs
        self.peak_bytes = 0  # the most of it
        self.noted_ns = 0  # when it said so

    def begin(self, keys_total: int) -> None:
        """A child begins to write so many keys."""
        self.keys_total = keys_total
        self.keys_done = self.private_bytes = self.peak_bytes = self.noted_ns = 0

    def over(self, keys: Iterable[T]) -> Iterator[T]:
        """The keys, counted when they have been written."""
        for each in keys:
            yield each
            self.keys_done += 1

    def note(self, keys_done: int, private_bytes: int, now_ns: int) -> None:
        """What a child has said."""
        self.keys_done, self.private_bytes, self.noted_ns = keys_done, private_bytes, now_ns
        self.peak_bytes = max(self.peak_bytes, private_bytes)


class History:
    """What INFO tells of rewrites of the log, past and present."""

    def __init__(self) -> None:
        self.finished = 0
        self.failures_in_a_row = 0
        self.last_ok = True
        self.last_seconds = -1
        self.last_private_bytes = 0
        self.retry_at_ms = 0  # no automatic attempt before
        self.first_waits = False  # the one that is to begin a log, until another child has ended

    def note(self, ok: bool, now_ms: int) -> None:
        """Record the end of a rewrite; from the third failure on, automatic ones wait 1, 2, 4 … 60 min."""
        self.last_ok = ok
        if ok:
            self.finished += 1
            self.failures_in_a_row = self.retry_at_ms = 0
            return
        self.failures_in_a_row += 1
        beyond = self.failures_in_a_row - _FAILURES_BEFORE_DELAY
        if beyond >= 0:
            self.retry_at_ms = now_ms + min(2**beyond, _DELAY_MAX_MINUTES) * 60_000
