"""The events of all workers, as a monitor like Flower takes them in."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from celery import Celery

from compat.processes import eventually

Event = dict[str, Any]


class Events(threading.Thread):
    """Listens from `start` to `stop`; `seen` holds every event in the order of arrival."""

    PROBE = "compat-probe"

    def __init__(self, app: Celery) -> None:
        super().__init__(name="events", daemon=True)
        self.seen: list[Event] = []
        self._app = app
        self._connection = app.connection_for_read()
        self._receiver = app.events.Receiver(self._connection, handlers={"*": self.seen.append})

    def run(self) -> None:
        self._receiver.capture(limit=None, timeout=None, wakeup=False)

    def await_ready(self) -> None:
        """Return once what is sent is heard; before that a subscription may be on its way."""

        def heard() -> bool:
            with self._app.events.default_dispatcher() as dispatcher:
                dispatcher.send(self.PROBE)
            return any(event["type"] == self.PROBE for event in self.seen)

        eventually(heard, "an event of our own")

    def stop(self) -> None:
        self._receiver.should_stop = True
        self.join(60)
        self._connection.release()

    def of(self, uuids: Iterable[str]) -> list[Event]:
        """The events about some tasks."""
        wanted = set(uuids)
        return [event for event in [*self.seen] if event.get("uuid") in wanted]

    def await_type(self, kind: str, uuids: Iterable[str]) -> list[Event]:
        """The events of one type about some tasks, as soon as there is one about each."""
        wanted = set(uuids)

        def found() -> list[Event]:
            events = [event for event in self.of(wanted) if event["type"] == kind]
            return events if {event["uuid"] for event in events} == wanted else []

        return eventually(found, f"{kind} of {len(wanted)} tasks")
