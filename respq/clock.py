"""The only module that reads time.

Commands see a clock that stands still while one batch executes: `now_ms` is set by `refresh()`, which the
engine calls once per batch (0.06 µs), and by `stand_at()`, for loading and for a script that is
interrupted. So every command of a pipeline sees the same moment, as in Redis, and a test can set it. Only
what shows microseconds to people (TIME, MONITOR) asks anew. `stopwatch_ns` is for statistics and never
decides anything.

`second` is the clock of accesses: the event loop's timer turns it, so that all keys accessed in between share
one integer. It does not move when the log is loaded.
"""

from __future__ import annotations

import time


class Clock:
    """Unix time, frozen between two refreshes."""

    __slots__ = ("now_ms", "second")

    def __init__(self) -> None:
        self.refresh()
        self.second = self.now_ms // 1000  # Unix time, as of the last turn

    def refresh(self) -> None:
        """Move to the present."""
        self.now_ms = time.time_ns() // 1_000_000

    def turn(self) -> None:
        """Move the clock of accesses to the frozen moment."""
        if self.second != self.now_ms // 1000:
            self.second = self.now_ms // 1000

    def stand_at(self, now_ms: int) -> None:
        """Show another moment until the next refresh."""
        self.now_ms = now_ms

    @property
    def now_us(self) -> int:
        """Unix time in microseconds, at this very moment."""
        return time.time_ns() // 1000

    def local_time(self) -> str:
        """The frozen moment for people, in the machine's time zone: `2026-01-31 23:59:59.123`."""
        seconds, ms = divmod(self.now_ms, 1000)
        return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(seconds))}.{ms:03d}"


class ManualClock(Clock):
    """A clock that moves only when told to, for tests."""

    __slots__ = ("_present_ms",)

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._present_ms = now_ms
        super().__init__()

    def refresh(self) -> None:
        """Stand still, or come back from `stand_at`."""
        self.stand_at(self._present_ms)

    @property
    def now_us(self) -> int:
        """Unix time in microseconds."""
        return self.now_ms * 1000

    def advance(self, ms: int) -> None:
        """Move on by `ms` milliseconds."""
        self._present_ms += ms
        self.refresh()
        self.turn()


# Nanoseconds from an arbitrary start. The function itself, for it is called twice per batch.
stopwatch_ns = time.perf_counter_ns


def sleep(seconds: float) -> None:
    """Block the thread: DEBUG SLEEP and waits for the disk at start-up."""
    time.sleep(seconds)
