"""Who transfers dies, or only seems to; the server dies: every order is there once, and in order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from compat.processes import eventually
from compat.servers import Restartable
from compat.streams.conftest import PRODUCERS, Company
from compat.streams.orders import ORDERS
from compat.streams.transfer import CONSUMER, GROUP, INVOICES, TAKEN_OVER

pytestmark = pytest.mark.timeout(180)
EACH = 800  # orders by each producer


@pytest.fixture
def own_company(own: Restartable, tmp_path: Path) -> Iterator[Company]:
    """A company of this test alone."""
    with ExitStack() as stack:
        yield Company(own.url, tmp_path, stack)


def assert_transferred(company: Company) -> None:
    """Every order has become an invoice, once, and in the order of the orders."""
    invoices = [fields for _, fields in company.client.xrange(INVOICES)]
    assert invoices == [{"order": entry_id, **fields} for entry_id, fields in company.client.xrange(ORDERS)]


def test_a_transfer_is_exactly_once(own_company: Company) -> None:
    """One worker is killed between reading and writing, the next one stands still there and is replaced.

    It wakes up when its successor is through with everything.
    """
    company = own_company
    company.place(EACH)
    first = company.start("transfer", "first", name="first")
    first.await_log("transferred")
    orphaned = company.suspend_at_work(first, GROUP, CONSUMER)
    first.kill()
    second = company.start("transfer", "second", name="second")
    second.await_log("transferred")
    held = company.suspend_at_work(second, GROUP, CONSUMER)
    company.start("transfer", "third", name="third")
    company.place(100)
    company.await_done(GROUP)
    assert_transferred(company)

    second.resume()
    assert second.await_end() == TAKEN_OVER
    assert_transferred(company)
    transferred = {name: [entry_id for _, entry_id in company.printed(name)] for name in ("first", "second")}
    assert not {*orphaned} & {*transferred["first"]}
    assert {*orphaned} <= {*transferred["second"]}
    assert not {*held} & {*transferred["second"]}
    assert company.client.xlen(INVOICES) == len(company.orders())


def test_the_server_dies_and_nothing_is_lost(own: Restartable, own_company: Company) -> None:
    company = own_company
    company.place(EACH)
    company.consumers("analytics")
    company.start("transfer", "only", name="only")
    for _ in range(2):
        eventually(lambda: company.client.xlen(INVOICES) > 0, "the transfer has begun")
        own.server.kill()
        own.again()
        company.place(1)
    company.await_done("analytics", GROUP)
    assert_transferred(company)
    assert company.client.hgetall("analytics:totals") == {producer: str(EACH + 2) for producer in PRODUCERS}
    assert company.client.xlen(ORDERS) == len(company.orders())
