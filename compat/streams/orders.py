"""The event: an order was placed. It is appended once and never changed; whatever is known follows from it.

`python -m compat.streams.orders URL PRODUCER FIRST LAST` places orders with these numbers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
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

    @classmethod
    def numbered(cls, producer: str, number: int) -> Order:
        """What a producer orders under a number; a real one would ask its customers."""
        return cls(producer, number, f"customer-{number % CUSTOMERS}", 100 + number)


def connect(url: str) -> Redis:
    """A client that waits a minute for a server that is away: it takes less to restart on any machine."""
    return Redis.from_url(url, decode_responses=True, retry=Retry(ConstantBackoff(0.05), 1200))


def place(client: Redis, producer: str, numbers: Iterable[int]) -> Iterator[str]:
    """Append an order for each number, in this order; the IDs that they get."""
    for number in numbers:
        yield client.xadd(ORDERS, Order.numbered(producer, number).fields())


if __name__ == "__main__":
    url, producer, first, last = sys.argv[1:]
    with connect(url) as client:
        for entry_id in place(client, producer, range(int(first), int(last) + 1)):
            print("placed", entry_id, flush=True)
