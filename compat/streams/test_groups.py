"""One history of a company, told once for each server, and what is true of it."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import pytest

from compat.processes import eventually
from compat.streams.conftest import PRODUCERS, Company
from compat.streams.consumer import EFFECTS
from compat.streams.orders import ORDERS, Order
from compat.streams.retention import as_numbers

pytestmark = pytest.mark.timeout(180)  # the first test's, for the history: some twenty processes
GROUPS = ("billing", "analytics")
RETAINED = 100  # orders by each producer while there is retention


class History(NamedTuple):
    company: Company
    entries: list[tuple[str, dict[str, str]]]  # the stream, as the third group found it
    orphaned: list[str]  # IDs that the killed consumer had in its hands
    killed: str

    @property
    def total(self) -> int:
        return len(self.company.orders())

    def handled(self, group: str) -> dict[str, list[list[str]]]:
        """What each consumer of a group has printed: how it got the entry, its ID, what XACK said."""
        names = [name for name in self.company.processes if name.startswith(f"{group}-")]
        return {name: self.company.printed(name) for name in names}


@pytest.fixture(scope="module")
def history(company: Company) -> History:
    company.place(200)
    consumers = {process.name: process for group in GROUPS for process in company.consumers(group)}
    killed = consumers["billing-2"]
    for name in consumers:  # else the others might be through before one of them has begun
        company.await_consumer(name.rpartition("-")[0], name)
    orphaned = company.suspend_at_work(killed, "billing", killed.name)
    killed.kill()
    company.place(200)
    company.await_done(*GROUPS)

    entries = company.client.xrange(ORDERS)
    company.consumers("audit", 1)
    company.await_done(*GROUPS, "audit")

    company.start("retention", name="retention")
    company.place(RETAINED)
    company.await_done(*GROUPS, "audit")
    return History(company, entries, orphaned, killed.name)


def test_every_order_is_in_the_stream_and_in_the_order_of_its_producer(history: History) -> None:
    ids = [entry_id for entry_id, _ in history.entries]
    assert ids == sorted(set(ids), key=as_numbers)
    found: dict[str, list[Order]] = {}
    for _, fields in history.entries:
        found.setdefault(fields["producer"], []).append(Order.of(fields))
    for producer, orders in found.items():
        assert orders == [Order.numbered(producer, number) for number in range(1, len(orders) + 1)]
    retained = RETAINED * len(PRODUCERS)  # were placed later
    assert len(ids) == history.total - retained


@pytest.mark.parametrize("group", [*GROUPS, "audit"])
def test_every_order_is_acknowledged_once_in_each_group(history: History, group: str) -> None:
    acknowledged = Counter(
        entry_id
        for lines in history.handled(group).values()
        for _, entry_id, acknowledged in lines
        if acknowledged == "1"
    )
    placed = Counter(history.company.placed())
    assert placed.total() == len(placed) == history.total
    assert acknowledged <= placed
    died_before_saying_so = 1 if group == "billing" else 0  # what was acknowledged when SIGKILL came
    assert history.total - acknowledged.total() <= died_before_saying_so


@pytest.mark.parametrize("group", [*GROUPS, "audit"])
def test_every_consumer_is_given_new_orders_in_order(history: History, group: str) -> None:
    for lines in history.handled(group).values():
        ids = [as_numbers(entry_id) for how, entry_id, _ in lines if how == "read"]
        assert ids == sorted(set(ids))


@pytest.mark.parametrize("group", GROUPS)
def test_all_consumers_of_a_group_take_part(history: History, group: str) -> None:
    handled = history.handled(group)
    assert len(handled) == 3
    assert all(lines for name, lines in handled.items() if name != history.killed)


def test_what_the_killed_consumer_had_is_claimed_by_the_others(history: History) -> None:
    assert history.orphaned
    claimed = {
        entry_id
        for name, lines in history.handled("billing").items()
        for how, entry_id, acknowledged in lines
        if name != history.killed and how == "claimed" and acknowledged == "1"
    }
    assert claimed >= set(history.orphaned)


def test_a_group_created_later_replays_everything_in_order(history: History) -> None:
    (lines,) = history.handled("audit").values()
    replayed = lines[: len(history.entries)]
    assert replayed == [["read", entry_id, "1"] for entry_id, _ in history.entries]


@pytest.mark.parametrize("group", [*GROUPS, "audit"])
def test_the_totals_are_those_of_all_orders(history: History, group: str) -> None:
    """Each order has its effect once, however often it was delivered."""
    totals: Counter[str] = Counter()
    for field, amount in map(EFFECTS[group], history.company.orders()):
        totals[field] += amount
    found = history.company.client.hgetall(f"{group}:totals")
    assert found == {field: str(total) for field, total in totals.items()}


def test_what_everybody_is_through_with_is_dropped(history: History) -> None:
    client = history.company.client

    def dropped() -> int:
        return sum(int(count) for _, count in history.company.printed("retention"))

    eventually(lambda: dropped() == history.total, "everything is dropped")
    assert client.xlen(ORDERS) == 0
    assert client.xinfo_stream(ORDERS)["entries-added"] == history.total
    assert [group["entries-read"] for group in client.xinfo_groups(ORDERS)] == [history.total] * 3
