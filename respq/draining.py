"""Draining: what follows from effects. They are logged, who watches a key is dirtied, who waits is served.

The engine drains once per batch; after every command while there is a reason in `Server.eager` (a client is
blocked, key-space events are published, a message has to follow a reply), so that each gets what concerns
it where Redis sends it. Whom a served client's own effects concern is served after it, from a queue, never
by recursion: a chain of a thousand BLMOVEs needs no stack. EXEC and WATCH drain before they look.

A wait ends here in either way: the command is executed again and finds something, or `give_up`.
"""

from __future__ import annotations

from collections.abc import Callable

from respq.errors import CommandError
from respq.latency import STEP_BITS
from respq.notifications import QUIET
from respq.protocol import Argv
from respq.slowlog import note_slow
from respq.state import ANY_WORDS, LIMITING, NOTIFYING, TRACKING, Client, Closing, Rejected, Server
from respq.waiting import Parked, WaitKey


class Draining:
    """Acts on the effects of `server`. `stop_after` takes a bug and the command that had it."""

    def __init__(self, server: Server, stop_after: Callable[[Exception, Argv], None]) -> None:
        self._server = server
        self._stop_after = stop_after

    def drain(self, by: Client | None = None) -> None:
        """Act on every effect so far, of a command of `by` if that is known. O(effects + clients served)."""
        server = self._server
        if LIMITING in server.eager:  # the limit of memory has been changed
            server.eager.discard(LIMITING)
            server.limit.look()
        ready = server.waiting.ready
        self._act(by)
        while ready:
            where = next(iter(ready))
            del ready[where]
            self._serve(where)

    def _act(self, by: Client | None) -> None:
        """Log the effects and find out whom they concern."""
        server = self._server
        if server.deferred:
            server.send_deferred()
        tracking = TRACKING in server.eager
        if tracking:
            server.tracking.finish(by)
        if NOTIFYING in server.eager:
            server.notifications.finish()
        if tracking and by is not None:
            server.tracking.send_pending()
        aof = server.aof
        for db, key, event, argv in server.effects:
            if argv is not None:
                server.changes_since_save += 1
                if aof is not None:
                    aof.append_effect(db.index, argv)
            if key is not None and event not in QUIET:
                where = (db, key)
                if where in server.watchers:
                    server.watchers.make_dirty(where)
                if where in server.waiting.queues:
                    server.waiting.ready[where] = None
        server.effects.clear()
        if tracking and server.tracking.pending:  # in the middle of a command: there is more to be done
            server.effects.append((server.databases[0], None, None, None))

    def _serve(self, where: WaitKey) -> None:
        """Execute again the commands that wait for a key, oldest first; who finds nothing keeps its place."""
        waiting = self._server.waiting
        waiting.vain.clear()
        for client in list(waiting.queues.get(where, ())):
            parking = client.parked
            if parking is None or where not in parking.keys:
                continue
            if parking.look is not None:
                if not parking.look(where):
                    continue
            elif isinstance(where, tuple) and where[0].peek(where[1]) is None:
                if where not in waiting.lookers:
                    break  # the key is used up: a thousand waiters are not asked in vain
                continue
            waiting.vain.clear()
            self._retry(client, parking.argv)
            self._act(client)
        if self._server.effects:  # of those who looked in vain
            self._act(None)

    def _retry(self, client: Client, argv: Argv) -> None:
        """Execute a parked command again, which may leave it parked."""
        server = self._server
        handler, spec = (client.table.get(argv[0]) or client.table[argv[0].lower()])[ANY_WORDS]
        try:
            reply = handler(client, argv)
            spec.calls += 1
        except Parked:
            return
        except CommandError as error:
            reply = error.reply
            if isinstance(error, Rejected):  # its user may not do that any more
                spec.rejected_calls += 1
            else:
                spec.calls += 1
                spec.failed_calls += 1
            server.stats.count(error)
        except Closing as closing:
            reply = closing.reply
            server.close(client)
        except Exception as error:  # noqa: BLE001  # how far it came is unknown
            self._stop_after(error, argv)
            return
        client.commands_done += 1
        server.resume(client, reply)


def give_up(c: Client, reply: bytes, *, failed: bool = False) -> None:
    """End the wait of a client that nobody served: that, too, was a call. O(keys)."""
    parking, server = c.parked, c.server
    assert parking is not None
    spec = server.find_spec(parking.argv)
    if spec is not None:
        c.last_spec = spec
        c.commands_done += 1
        spec.calls += 1
        spec.failed_calls += failed
        if server.config.latency_tracking:
            spec.latencies.steps[parking.spent_ns >> STEP_BITS] += 1
        note_slow(c, parking.argv, spec, parking.spent_ns // 1000)
    server.resume(c, reply)
