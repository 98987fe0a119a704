"""Latencies: a histogram per command, and the latency monitor's memory of what took too long.

The histogram keeps two significant digits, as redis-server's does (an HdrHistogram of nanoseconds): a
latency counts in a slot as wide as its 128th part at the most, but not less than 32 ns. Slots are the keys of
a dict, which has as many as there are different latencies, usually a few dozen. Measuring costs 0.05 µs, an
addition to a dict by steps of 32 ns; now and then these are put into their slots.

The monitor remembers, per event, the worst sample of each of the last 160 seconds that had any. It is off
by default (`latency-monitor-threshold 0`), and whoever measures asks for `on` first, or is only then built
in at all.

Shapes, rounding and limits are those observed of redis-server 8.2.3.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from itertools import accumulate

STEP_BITS = 5  # latencies are measured in steps of 32 ns
SIGNIFICANT_BITS = 8  # of a latency that its slot keeps
LONGEST_NS = 1_000_000_000  # in a histogram: what takes longer counts as this
LAST_NS = (1 << 30) - 1  # where the last bucket of LATENCY HISTOGRAM ends
FIRST_BUCKET_NS = 1024
SAMPLES_KEPT = 160  # per event


class Histogram:
    """How often a command took how long."""

    __slots__ = ("_slots", "steps")

    def __init__(self) -> None:
        self.steps: defaultdict[int, int] = defaultdict(int)  # how often it took so many; for who measures
        self._slots: dict[int, int] = {}  # the same, of before, by the shortest latency of a slot in ns

    def settle(self) -> None:
        """Put what was measured into slots. O(different latencies since the last time)."""
        slots = self._slots
        for step, calls in self.steps.items():
            slot = _slot(min(step << STEP_BITS, LONGEST_NS))
            slots[slot] = slots.get(slot, 0) + calls
        self.steps.clear()

    def reset(self) -> None:
        """Start anew."""
        self.steps.clear()
        self._slots.clear()

    @property
    def calls(self) -> int:
        """How many calls there were. O(slots)."""
        self.settle()
        return sum(self._slots.values())

    def buckets(self) -> list[tuple[int, int]]:
        """Cumulative counts: each power of two that has calls, as its end in µs, and the calls so far.

        O(slots).
        """
        found: list[tuple[int, int]] = []
        end, total = FIRST_BUCKET_NS, 0
        for slot, calls in self._sorted():
            while slot > end and end < LAST_NS:
                end *= 2
            total += calls
            end_us = min(_longest(end), LAST_NS) // 1000
            if found and found[-1][0] == end_us:
                found.pop()
            found.append((end_us, total))
        return found

    def percentiles(self, wanted: list[float]) -> list[float]:
        """The latencies in µs that so many percent of the calls did not exceed. O(slots) for each."""
        slots = self._sorted()
        total = self.calls
        return [_at(slots, percent, total) for percent in wanted]

    def _sorted(self) -> list[tuple[int, int]]:
        self.settle()
        return sorted(self._slots.items())


def _slot(latency_ns: int) -> int:
    shift = max(0, latency_ns.bit_length() - SIGNIFICANT_BITS)
    return latency_ns >> shift << shift


def _longest(slot: int) -> int:
    """The longest latency that counts in a slot."""
    return slot + (1 << max(0, slot.bit_length() - SIGNIFICANT_BITS)) - 1


def _at(slots: list[tuple[int, int]], percent: float, total: int) -> float:
    """The longest latency, in µs, of the slot with this percentile; for 0 the shortest of the first slot."""
    if not percent:
        return max(1, slots[0][0]) / 1000
    rank = max(1, int(percent / 100 * total + 0.5))
    upto = accumulate(calls for _, calls in slots)
    found = next(slot for (slot, _), calls in zip(slots, upto, strict=True) if calls >= rank)
    return max(1, _longest(found)) / 1000


class Sample:
    """The worst of a second."""

    def __init__(self, unix_s: int, latency_ms: int) -> None:
        self.unix_s = unix_s
        self.latency_ms = latency_ms


class Event:
    """The samples of one kind of event."""

    def __init__(self) -> None:
        self.samples: deque[Sample] = deque(maxlen=SAMPLES_KEPT)  # oldest first
        self.worst_ms = 0  # ever

    def add(self, latency_ms: int, now_s: int) -> None:
        """Remember a sample, unless there is a worse one of this second."""
        self.worst_ms = max(self.worst_ms, latency_ms)
        if self.samples and self.samples[-1].unix_s == now_s:
            self.samples[-1].latency_ms = max(self.samples[-1].latency_ms, latency_ms)
        else:
            self.samples.append(Sample(now_s, latency_ms))


class LatencyMonitor:
    """What took longer than `latency-monitor-threshold`, by event."""

    def __init__(self) -> None:
        self.threshold_ms = 0  # 0: off
        self.events: dict[str, Event] = {}

    @property
    def on(self) -> bool:
        """Whether anything is to be measured."""
        return self.threshold_ms > 0

    def note(self, event: str, latency_ns: int, now_ms: int) -> None:
        """Remember that something took so long, if the monitor is on and it was long enough."""
        latency_ms = latency_ns // 1_000_000
        if self.on and latency_ms >= self.threshold_ms:
            self.events.setdefault(event, Event()).add(latency_ms, now_ms // 1000)

    def reset(self, names: Iterable[str]) -> int:
        """Forget events; return how many there were."""
        return sum(self.events.pop(name, None) is not None for name in names)
