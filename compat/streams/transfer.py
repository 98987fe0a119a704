"""From one stream into another, exactly once and in order: an invoice for every order.

The invoice is written and the order acknowledged in one transaction, so that both happen or neither does. A
worker that dies between reading and writing leaves its orders pending, and its successor begins with them.

What if it did not die, but only stood still, and wakes up? The key `OWNER` names who transfers. Whoever
starts writes its name there; and each transaction, the one that reads included, watches that key and is
refused if another name has appeared. So there is never more than one who reads and writes, and the order is
kept. To wait for new orders it uses XREAD, which takes nothing.

`python -m compat.streams.transfer URL NAME` works until SIGTERM; it exits with `TAKEN_OVER` when another one
has started.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import WatchError

from compat.streams.consumer import BLOCK_MS, COUNT, Entry, join, until_sigterm
from compat.streams.orders import ORDERS, connect

INVOICES = "invoices"  # the other stream
GROUP = CONSUMER = "transfer"  # all workers are one consumer: what one left, the next one finds as its own
OWNER = "transfer:owner"
TAKEN_OVER = 3  # exit status


class TakenOver(Exception):
    """Another worker transfers now."""


def as_owner(client: Redis, name: str, commands: Callable[[Pipeline], object]) -> list[Any]:
    """Execute `commands` in one transaction, if and only if this worker is still the one that transfers.

    WatchError says that it was not executed because there is another owner, or that the connection broke and
    nobody knows: then the list of pending entries tells.
    """
    with client.pipeline() as transaction:
        transaction.watch(OWNER)
        if transaction.get(OWNER) != name:
            raise TakenOver
        transaction.multi()
        commands(transaction)
        return transaction.execute()


def take(client: Redis, name: str, after: str) -> list[Entry]:
    """The next orders: with `after` "0" those that were taken and not transferred, with ">" new ones."""
    streams = {ORDERS: after}
    (reply,) = as_owner(client, name, lambda t: t.xreadgroup(GROUP, CONSUMER, streams, count=COUNT))
    return reply[0][1] if reply else []


def hand_over(client: Redis, name: str, entries: list[Entry]) -> None:
    def commands(transaction: Pipeline) -> None:
        for entry_id, fields in entries:
            transaction.xadd(INVOICES, {"order": entry_id, **fields})
        transaction.xack(ORDERS, GROUP, *(entry_id for entry_id, _ in entries))

    as_owner(client, name, commands)
    for entry_id, _ in entries:
        print(f"transferred {entry_id}\n", end="", flush=True)  # in one write, which SIGKILL cannot tear


def work(client: Redis, name: str, stopped: Callable[[], bool]) -> None:
    join(client, GROUP)
    client.set(OWNER, name)
    after = "0"
    while not stopped():
        try:
            if entries := take(client, name, after):
                hand_over(client, name, entries)
            elif after == "0":
                after = ">"
            else:
                client.xread({ORDERS: "$"}, block=BLOCK_MS)
        except WatchError:
            after = "0"


if __name__ == "__main__":
    url, name = sys.argv[1:]
    with connect(url) as client:
        try:
            work(client, name, until_sigterm())
        except TakenOver:
            sys.exit(TAKEN_OVER)
