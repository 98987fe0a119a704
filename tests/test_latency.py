"""Histograms and the latency monitor; expected numbers are those of redis-server 8.2.3."""

from __future__ import annotations

import pytest

from respq.latency import SAMPLES_KEPT, STEP_BITS, Event, Histogram, LatencyMonitor
from respq.tally import FIRST_SAMPLES, Tally


def histogram(*latencies_us: int) -> Histogram:
    made = Histogram()
    for latency_us in latencies_us:
        made.steps[latency_us * 1000 >> STEP_BITS] += 1
    return made


def test_buckets_end_at_powers_of_two_and_count_all_that_came_before() -> None:
    assert histogram(0, 2, 17).buckets() == [(1, 1), (2, 2), (33, 3)]
    assert histogram(90, 100, 300_000).buckets() == [(132, 2), (541_065, 3)]


def test_what_takes_longer_than_a_second_counts_as_a_second() -> None:
    slow = histogram(300_000, 2_500_000)
    assert slow.buckets() == [(541_065, 1), (1_073_741, 2)]
    assert slow.percentiles([50, 99]) == [301_989.887, 1_002_438.655]


def test_percentiles_are_the_ends_of_slots_but_for_the_lowest() -> None:
    assert histogram(10).percentiles([0, 50, 100]) == [9.984, 10.047, 10.047]
    assert histogram(*range(1000, 2000)).percentiles([50]) == pytest.approx([1500], rel=1 / 128)


def test_settling_changes_nothing_and_keeps_a_slot_for_what_is_alike() -> None:
    long = histogram(*range(100_000, 100_300))
    before = long.percentiles([1, 50, 99.9])
    assert not long.steps
    assert len(long._slots) < 5
    assert (long.percentiles([1, 50, 99.9]), long.calls) == (before, 300)


def test_an_event_keeps_the_worst_sample_of_a_second() -> None:
    event = Event()
    for latency_ms, now_s in ((20, 7), (30, 7), (10, 7), (12, 8)):
        event.add(latency_ms, now_s)
    assert [(each.unix_s, each.latency_ms) for each in event.samples] == [(7, 30), (8, 12)]
    assert event.worst_ms == 30


def test_an_event_keeps_as_many_samples_as_in_redis() -> None:
    event = Event()
    for second in range(500):
        event.add(5, second)
    assert len(event.samples) == SAMPLES_KEPT == 160


def test_the_monitor_knows_of_what_took_as_long_as_its_threshold() -> None:
    monitor = LatencyMonitor()
    monitor.note("fork", 10**9, 1000)
    assert not monitor.events
    monitor.threshold_ms = 5
    monitor.note("fork", 4_999_999, 1000)
    assert not monitor.events
    monitor.note("fork", 5_000_000, 1000)
    assert monitor.events["fork"].worst_ms == 5
    assert (monitor.reset(["nope", "fork"]), monitor.events) == (1, {})


class Made:
    """A command that notes what it is told."""

    def __init__(self) -> None:
        self.calls = 0
        self.spent: list[tuple[int, int, list[int]]] = []

    def spend(self, share_ns: int, calls: int, latencies: list[int]) -> None:
        self.spent.append((share_ns, calls, latencies))


def end_batch(tally: Tally[Made], took_ns: int, *commands: Made) -> None:
    tally.done += commands
    tally.spent_ns += took_ns
    if len(tally.done) >= tally.sample_at:
        tally.sample(len(commands), took_ns)


def test_a_command_alone_in_its_batch_has_the_time_of_that() -> None:
    tally: Tally[Made] = Tally()
    one, other = Made(), Made()
    for each, took_ns in ((one, 100), (other, 300), (one, 200)):
        end_batch(tally, took_ns, each)
    tally.settle(tracking=True)
    assert (one.calls, one.spent) == (2, [(200, 2, [100, 200])])
    assert (other.calls, other.spent) == (1, [(200, 1, [300])])
    assert (tally.gone, tally.done) == (3, [])


def test_commands_of_one_batch_share_its_time() -> None:
    tally: Tally[Made] = Tally()
    one, other = Made(), Made()
    end_batch(tally, 300, one, one, other)
    tally.settle(tracking=True)
    assert (one.spent, other.spent) == ([(100, 2, [100])], [(100, 1, [100])])


def test_of_many_batches_some_are_samples_and_all_commands_are_counted() -> None:
    tally: Tally[Made] = Tally()
    command = Made()
    for _ in range(1000):
        end_batch(tally, 50, command)
    tally.settle(tracking=True)
    [(share_ns, calls, latencies)] = command.spent
    assert (share_ns, calls, command.calls) == (50, 1000, 1000)
    assert FIRST_SAMPLES < len(latencies) < 70
    tally.settle(tracking=True)
    assert command.calls == 1000


def test_no_latencies_are_told_while_nobody_wants_them() -> None:
    tally: Tally[Made] = Tally()
    command = Made()
    end_batch(tally, 50, command)
    tally.settle(tracking=False)
    assert command.spent == [(50, 1, [])]
