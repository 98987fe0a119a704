"""One worker of a consumer group: it takes orders, does what the group is for, and acknowledges them.

An entry that a worker has taken stays on the group's list of pending entries until it is acknowledged. A
worker that dies leaves its entries there; whoever finds them idle for long enough claims them. So may the
entries of a worker that was only slow, and then two of them are at the same entry. Only one acknowledges it:
XACK says 1 to the first and 0 to the other. `APPLY` makes the effect depend on that, in one atomic step, and
so each entry has its effect exactly once.

`python -m compat.streams.consumer URL GROUP NAME` works until SIGTERM.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator

from redis import Redis
from redis.exceptions import ResponseError

from compat.streams.orders import ORDERS, Order, connect

COUNT = 20  # entries taken at once
BLOCK_MS = 500  # to wait for new ones
ABANDONED_MS = 500  # idle for as long, an entry is claimed from whoever has it

# KEYS: the stream, the group's hash. ARGV: group, entry ID, field, amount.
APPLY = """
local acknowledged = redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if acknowledged == 1 then redis.call('HINCRBY', KEYS[2], ARGV[3], ARGV[4]) end
return acknowledged
"""

Entry = tuple[str, dict[str, str]]
Effect = tuple[str, int]  # what is added, to which field of the group's hash

EFFECTS: dict[str, Callable[[Order], Effect]] = {
    "billing": lambda order: (order.customer, order.cents),
    "analytics": lambda order: (order.producer, 1),
    "audit": lambda order: (order.customer, order.cents),
}


def join(client: Redis, group: str) -> None:
    """Create a group that reads the stream from its beginning, unless it exists."""
    try:
        client.xgroup_create(ORDERS, group, id="0", mkstream=True)
    except ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise


def abandoned(client: Redis, group: str, name: str) -> Iterator[Entry]:
    """What others have taken, or this worker in a former life, and not acknowledged."""
    cursor = "0-0"
    while True:
        cursor, entries, _deleted = client.xautoclaim(
            ORDERS, group, name, min_idle_time=ABANDONED_MS, start_id=cursor, count=COUNT
        )
        yield from entries
        if cursor == "0-0":
            return


def new(client: Redis, group: str, name: str) -> Iterator[Entry]:
    """What nobody in the group has taken yet, as it comes in."""
    for _stream, entries in client.xreadgroup(group, name, {ORDERS: ">"}, count=COUNT, block=BLOCK_MS):
        yield from entries


def work(client: Redis, group: str, name: str, stopped: Callable[[], bool]) -> None:
    apply = client.register_script(APPLY)

    def handle(how: str, entry: Entry) -> None:
        entry_id, fields = entry
        field, amount = EFFECTS[group](Order.of(fields))
        acknowledged = apply(keys=[ORDERS, f"{group}:totals"], args=[group, entry_id, field, amount])
        # In one write, which SIGKILL cannot tear.
        print(f"{how} {entry_id} {acknowledged}\n", end="", flush=True)

    join(client, group)
    look_again = 0.0
    while not stopped():
        if time.monotonic() >= look_again:
            for entry in abandoned(client, group, name):
                handle("claimed", entry)
            look_again = time.monotonic() + ABANDONED_MS / 1000
        for entry in new(client, group, name):
            handle("read", entry)


def until_sigterm() -> Callable[[], bool]:
    """False, until SIGTERM has come."""
    received: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: received.append(number))
    return lambda: bool(received)


if __name__ == "__main__":
    url, group, name = sys.argv[1:]
    with connect(url) as client:
        work(client, group, name, until_sigterm())
