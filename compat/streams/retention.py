"""Retention: what every group has acknowledged is dropped from the beginning of the stream.

The oldest entry that anybody still needs is the first one pending in any group, or the first one that a group
has not been given. XTRIM MINID drops what is older. (MAXLEN would not ask whether it is still needed.)

`python -m compat.streams.retention URL` does so again and again until SIGTERM.
"""

from __future__ import annotations

import sys
import time

from redis import Redis

from compat.streams.consumer import until_sigterm
from compat.streams.orders import ORDERS, connect

EVERY_SECONDS = 0.1


def needed_from(client: Redis) -> str:
    """The ID from which on entries are needed; all are, while there is no group."""
    ids = ["0-0"] if not (groups := client.xinfo_groups(ORDERS)) else []
    for group in groups:
        oldest_pending = client.xpending(ORDERS, group["name"])["min"]
        ids.append(oldest_pending or following(group["last-delivered-id"]))
    return min(ids, key=as_numbers)


def following(entry_id: str) -> str:
    """The ID right behind one."""
    milliseconds, number = as_numbers(entry_id)
    return f"{milliseconds}-{number + 1}"


def as_numbers(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number)


def trim(client: Redis) -> int:
    """Drop what nobody needs; how many entries that were."""
    return client.xtrim(ORDERS, minid=needed_from(client), approximate=False)


if __name__ == "__main__":
    stopped = until_sigterm()
    with connect(sys.argv[1]) as client:
        while not stopped():
            if dropped := trim(client):
                print("dropped", dropped, flush=True)
            time.sleep(EVERY_SECONDS)
