"""The tally: what was executed and is not accounted for yet.

The loop that executes commands only writes down what it has executed, and adds the time of its batches up.
Now and then, a thousand commands later at the most, they are counted, which C does in 0.03 µs each, and have
an equal share of that time.

How these shares are distributed, for `latency-tracking`, is known from some of the batches: the first ones
after the last time, then each that ends 31 commands or more behind the last of them. (Writing every batch
down and counting these pairs costs 0.3 µs more per command that is not pipelined.) The latency of a command
that is alone in its batch is the batch's time; in a longer one it is a share of that.
"""

from __future__ import annotations

from collections import Counter
from typing import Generic, Protocol, TypeVar

FIRST_SAMPLES = 32  # commands, until which every batch is a sample
STRIDE = 31  # from then on; a prime, so that no pattern of a few commands falls into step


class Counted(Protocol):
    """A command that was executed."""

    calls: int

    def spend(self, share_ns: int, calls: int, latencies: list[int]) -> None:
        """Account for the time of `calls`; some of them, or others beside them, had these latencies."""


T = TypeVar("T", bound=Counted)


class Tally(Generic[T]):
    """Commands that were executed, in order, until they are counted."""

    def __init__(self) -> None:
        self.done: list[T] = []
        self.gone = 0  # how many were in `done` before
        self.spent_ns = 0  # on these, by batches that have ended
        self.sample_at = 0  # commands in `done` from which the batch that ends is a sample
        self.samples: list[tuple[T | None, int]] = []  # what was alone in its batch, or None; its share in ns

    def sample(self, commands: int, took_ns: int) -> None:
        """The last so many made up a batch, which took so long and is a sample."""
        if commands:
            self.samples.append((self.done[-1] if commands == 1 else None, took_ns // commands))
            at = len(self.done)
            self.sample_at = at if at < FIRST_SAMPLES else at + STRIDE

    def settle(self, *, tracking: bool) -> None:
        """Count what was done, and share out the time it took. O(commands since the last time)."""
        if not self.done:
            return
        share_ns = max(0, self.spent_ns) // len(self.done)
        latencies: dict[T | None, list[int]] = {}
        if tracking:
            for each, latency_ns in self.samples:
                latencies.setdefault(each, []).append(latency_ns)
        together = latencies.get(None) or [share_ns]
        for each, calls in Counter(self.done).items():
            each.calls += calls
            each.spend(share_ns, calls, latencies.get(each, together) if tracking else [])
        self.gone += len(self.done)
        self.done.clear()
        self.samples.clear()
        self.spent_ns = self.sample_at = 0
