"""The example's processes, what they print, and a moment at which to kill one: with entries in its hands."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from compat.processes import START_SECONDS, Process, eventually
from compat.streams.orders import ORDERS, Order, place

PRODUCERS = ("north", "south", "west")  # processes
OFFICE = "office"  # the test itself, when a process is to be met at work


class Company:
    """The example on one server: starts its processes and reads what they printed."""

    def __init__(self, url: str, directory: Path, stack: ExitStack) -> None:
        self.client = stack.enter_context(Redis.from_url(url, decode_responses=True))
        self._url, self._directory, self._stack = url, directory, stack
        self.processes: dict[str, Process] = {}
        self._placed_each = 0  # orders, by each producer
        self._placed_here: list[str] = []  # IDs of the orders of the office

    def start(self, module: str, *words: str, name: str) -> Process:
        """`python -m compat.streams.MODULE URL WORDS...`, ended with the test."""
        argv = [sys.executable, "-m", f"compat.streams.{module}", self._url, *words]
        process = self.processes[name] = Process(name, argv, self._directory)
        self._stack.callback(process.stop)
        return process

    def consumers(self, group: str, count: int = 3) -> list[Process]:
        names = [f"{group}-{n}" for n in range(1, count + 1)]
        return [self.start("consumer", group, name, name=name) for name in names]

    def place(self, count: int) -> None:
        """Have each producer place so many more orders, at the same time."""
        first, self._placed_each = self._placed_each + 1, self._placed_each + count
        started = [
            self.start("orders", producer, str(first), str(self._placed_each), name=f"{producer}-{first}")
            for producer in PRODUCERS
        ]
        assert [process.await_end() for process in started] == [0] * len(started)

    def place_here(self, count: int) -> None:
        """Place so many more orders, and more quickly than a process could be started to do it."""
        first = len(self._placed_here) + 1
        self._placed_here += place(self.client, OFFICE, range(first, first + count))

    def orders(self) -> list[Order]:
        """All that were placed."""
        numbers = dict.fromkeys(PRODUCERS, self._placed_each) | {OFFICE: len(self._placed_here)}
        return [
            Order.numbered(producer, number)
            for producer, last in numbers.items()
            for number in range(1, last + 1)
        ]

    def printed(self, name: str) -> list[list[str]]:
        """The lines of a process, in words."""
        return [line.split() for line in self.processes[name].log().splitlines()]

    def placed(self) -> list[str]:
        """The IDs of all orders, as those who placed them were told."""
        names = [name for name in self.processes if name.rpartition("-")[0] in PRODUCERS]
        return [entry_id for name in names for _, entry_id in self.printed(name)] + self._placed_here

    def done(self, *groups: str) -> bool:
        """Whether groups have been given all entries and have acknowledged them."""
        found = {group["name"]: group for group in self.client.xinfo_groups(ORDERS)}
        return all(group in found and found[group]["lag"] == found[group]["pending"] == 0 for group in groups)

    def await_done(self, *groups: str) -> None:
        eventually(lambda: self.done(*groups), f"{', '.join(groups)} is through with all orders", 60)

    def pending(self, group: str, consumer: str) -> list[str]:
        found = self.client.xpending_range(ORDERS, group, "-", "+", 1000, consumername=consumer)
        return [entry["message_id"] for entry in found]

    def await_consumer(self, group: str, name: str) -> None:
        """Wait until a consumer has asked for entries."""

        def known() -> bool:
            groups = [found["name"] for found in self.client.xinfo_groups(ORDERS)]
            consumers = self.client.xinfo_consumers(ORDERS, group) if group in groups else []
            return name in [found["name"] for found in consumers]

        eventually(known, f"{name} has asked for entries", START_SECONDS)

    def suspend_at_work(self, process: Process, group: str, consumer: str) -> list[str]:
        """Stop a process when it has taken entries and not acknowledged them; the IDs of these.

        One that is stopped while it waits in XREADGROUP is given the next entry as any other. One that does
        not wait has something to do, and is stopped again and again until it has entries in its hands.
        """

        def taken() -> list[str]:
            process.suspend()
            self.place_here(30)
            if not (ids := self.pending(group, consumer)):
                process.resume()
                time.sleep(0.001)
            return ids

        return eventually(taken, f"{process.name} has entries in its hands")


@pytest.fixture(scope="package")
def company(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """The company whose history the tests look at."""
    with ExitStack() as stack:
        yield Company(url, tmp_path_factory.mktemp("company"), stack)
