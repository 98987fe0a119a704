"""The event: an order was placed. It is appended once and never changed; whatever is known follows from it.

`python -m compat.streams.orders URL PRODUCER FIRST LAST` places orders with these numbers.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from redis import Redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

ORDERS = "orders"  # the stream
CUSTOMERS = 7


class Order(NamedTuple):
    producer: str
    number: int
    customer: str
    cents: int

    def fields(self) -> dict[str, str | int]:
        return self._asdict()

    @classmethod
    def of(cls, fields: dict[str, str]) -> Order:
        return cls(fields["producer"], int(fields["number"]), fields["customer"], int(fields["cents"]))


def connect(url: str) -> Redis:
    """A client that waits ten seconds for a server that is away, for as long as it takes to restart."""
    return Redis.from_url(url, decode_responses=True, retry=Retry(ConstantBackoff(0.05), 200))


def place(client: Redis, producer: str, numbers: range) -> None:
    """Append an order for each number, in this order."""
    for number in numbers:
        order = Order(producer, number, f"customer-{number % CUSTOMERS}", 100 + number)
        print("placed", client.xadd(ORDERS, order.fields()), flush=True)


if __name__ == "__main__":
    url, producer, first, last = sys.argv[1:]
    with connect(url) as client:
        place(client, producer, range(int(first), int(last) + 1))
