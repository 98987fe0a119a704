"""Parked clients: what each waits for, in which order they are asked again, and until when.

A client stands in one queue for each thing that it waits for, behind those who came before. Whoever changes a
key with a queue notes it in `ready`; when effects are drained, those in the queue execute their commands
again, oldest first. Nobody calls another: who is served goes into `resumed`, and what it had sent behind the
command that waited is executed in the same turn of the event loop.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Hashable, Sequence
from itertools import chain
from typing import Generic, Protocol, TypeVar

from respq.deadlines import Deadlines
from respq.keyspace import Database, Effects
from respq.protocol import Argv

# What a parked client waits for: a key, or a moment in the life of the server.
WaitKey = tuple[Database, bytes] | str
Look = Callable[[WaitKey], bool]
LOG_SYNCED = "log synced"  # the append-only file reached the disk
UNPAUSED = "unpaused"  # CLIENT PAUSE ended
WAITING = "waiting"  # a reason to drain effects after every command, see Server.eager


class Parked(Exception):  # not an error
    """The command waits; `Client.parked` says for what."""


class Parking:
    """A command that waits. It is executed again when one of `keys` changes.

    `look`, if given, is asked beforehand whether a change of that key can lead to anything; otherwise it may
    if there is something under the key.
    """

    __slots__ = ("alarm_ms", "argv", "deadline_ms", "keys", "look", "spent_ns", "timeout_reply")

    def __init__(
        self,
        argv: Argv,
        keys: Sequence[WaitKey],
        deadline_ms: int,
        timeout_reply: bytes,
        look: Look | None = None,
    ) -> None:
        self.argv = argv
        self.keys = keys
        self.deadline_ms = deadline_ms  # Unix time; 0 waits for ever
        self.look = look
        self.alarm_ms = 0  # when to look again, whatever happens; see `Waiting.set_alarm`
        self.spent_ns = 0  # executing it so far, without the waits
        self.timeout_reply = timeout_reply


class Waiter(Hashable, Protocol):
    """What is asked of a client."""

    parked: Parking | None
    backlog: list[Argv]


W = TypeVar("W", bound=Waiter)


class Waiting(Generic[W]):
    """The queues of parked clients. `eager` holds WAITING while there are any."""

    def __init__(self, eager: set[str]) -> None:
        self._eager = eager
        self.queues: dict[WaitKey, dict[W, None]] = {}  # oldest first
        self.lookers: Counter[WaitKey] = Counter()  # how many of them look for themselves, see Parking
        self.vain: set[Hashable] = set()  # what has been looked at in vain, and has not changed since
        self.ready: dict[WaitKey, None] = {}  # keys with waiters that changed, in order
        self.timeouts: Deadlines[W] = Deadlines()
        self.alarms: Deadlines[W] = Deadlines()  # when those who wait for time to pass look again
        self.resumed: deque[W] = deque()  # served; their backlog is executed next

    def add(self, client: W, parking: Parking) -> None:
        """Put a client at the end of the queues of what it waits for. O(keys)."""
        self._eager.add(WAITING)
        for key in parking.keys:
            self.queues.setdefault(key, {})[client] = None
        if parking.look is not None:
            for key in parking.keys:
                self.lookers[key] += 1
        if parking.deadline_ms:
            self.timeouts.add(client, parking.deadline_ms)

    def remove(self, client: W) -> None:
        """Take a client off all queues. O(keys)."""
        parking = client.parked
        if parking is None:
            return
        client.parked = None
        for key in parking.keys:
            queue = self.queues.get(key)
            if queue is not None and client in queue:
                del queue[client]
                if not queue:
                    del self.queues[key]
        if parking.look is not None:
            self._stop_looking(parking)
        if not self.queues:
            self._eager.discard(WAITING)
        if parking.deadline_ms:
            self.timeouts.discard(client, parking.deadline_ms)
        if parking.alarm_ms:
            self.alarms.discard(client, parking.alarm_ms)

    def set_alarm(self, client: W, at_ms: int) -> None:
        """Let a parked client look again at that moment (Unix time)."""
        parking = client.parked
        assert parking is not None
        if parking.alarm_ms:
            self.alarms.discard(client, parking.alarm_ms)
        parking.alarm_ms = at_ms - 1  # deadlines fall due when they are over
        self.alarms.add(client, parking.alarm_ms)

    def ring(self, now_ms: int) -> bool:
        """Wake those whose alarm is due; tell whether there were any."""
        due = self.alarms.due(now_ms, limit=10_000)
        for client in due:
            parking = client.parked
            if parking is not None:
                parking.alarm_ms = 0
                for key in parking.keys:
                    self.wake(key)
        return bool(due)

    def bring_forward(self, then_ms: int, now_ms: int) -> None:
        """Let timeouts fall due so much earlier: after `then_ms` it was `now_ms`. O(those who wait).

        Who has come since has a timeout before `then_ms`, unless it is longer than the step.
        """
        for client in dict.fromkeys(chain.from_iterable(self.queues.values())):
            parking = client.parked
            if parking is not None and parking.deadline_ms > then_ms:
                self.timeouts.discard(client, parking.deadline_ms)
                parking.deadline_ms -= then_ms - now_ms
                self.timeouts.add(client, parking.deadline_ms)

    def _stop_looking(self, parking: Parking) -> None:
        for key in parking.keys:
            self.lookers[key] -= 1
            if not self.lookers[key]:
                del self.lookers[key]

    def concerned(self, effects: Effects) -> bool:
        """Whether somebody waits for a key that these effects are about. O(effects)."""
        queues = self.queues
        return any((db, key) in queues for db, key, _, _ in effects)

    def wake(self, where: WaitKey) -> None:
        """Let those who wait for a key try again, once effects are drained."""
        if where in self.queues:
            self.ready[where] = None

    def wake_sleepers(self, where: WaitKey) -> None:
        """As `wake`, if somebody there waits for time to pass as well. O(those who wait)."""
        if any(client.parked is not None and client.parked.alarm_ms for client in self.queues.get(where, ())):
            self.ready[where] = None

    def retry(self, moment: str) -> None:
        """Let the clients that wait for `moment` execute their commands anew, before their backlog."""
        for client in list(self.queues.get(moment, ())):
            parking = client.parked
            if parking is not None:
                self.remove(client)
                client.backlog.insert(0, parking.argv)
                self.resumed.append(client)
