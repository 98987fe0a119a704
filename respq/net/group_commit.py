"""When to begin the next sync of the log, under `appendfsync always`.

A sync makes safe what was written before it began, for however many clients. Of N clients that ask, wait
for their replies and ask again, one that begins as soon as the last has ended finds those who asked
meanwhile, half of them, and each reply takes two syncs. One that begins when those who have just been
answered have asked again finds all N, and each reply takes one sync and the time of their commands.

While the disk is the slower of the two, the second is better: a sync then begins when a look at the sockets
finds nothing more, or at the latest when that has taken as long as the last sync, or 5 ms. While the loop is
the slower, the first is better: the disk works at the same time, and all goes as fast as the loop can. The
loop is the slower when it is busy for more than half of the time from sync to sync, in either way; about
there both are equally fast.

A disk that syncs in 0.2 ms is as fast as the kernel is at waking who syncs and who waits for it. While syncs
take less than half a millisecond on average they are done in the loop, as in Redis, when nothing more comes.

Measured against Redis: LPUSH of 200 B by 50 clients, P=1 / P=16, on two cores, on a disk made to sync in so
many ms; the first line on a real one, medians of 6 to 8.

| ms | at once | when nothing more comes | that, in the loop | this |
|---|---|---|---|---|
| 0.2 | 0.74 / 0.98 | 0.84 / 0.98 | 0.90 / 1.08 | 0.91 / 0.89 |
| 0.5 | 1.29 / 1.60 | 1.11 / 1.22 | | 1.29 / 1.56 |
| 1 | 1.09 / 1.38 | 1.28 / 1.27 | | 1.29 / 1.47 |
| 4 | 0.90 / 1.02 | 1.58 / 1.57 | | 1.58 / 1.57 |
"""

from __future__ import annotations

from respq.clock import stopwatch_ns
from respq.effects.syncing import Syncer
from respq.net.sending import Sender
from respq.state import Server

_SHORT_NS = 500_000  # a sync that takes less is done in the loop
_SHORT_BEHIND_NS = 700_000  # the same of one that was handed over, and has waited for the loop as well
_LONG_NS = 1_000_000  # what takes longer counts as that
_PATIENCE_NS = 5_000_000  # who has not asked by then is slow, or busy otherwise
_SLOWER, _FASTER = 0.5, 0.45  # shares of its time in which a loop is busy that has become so


class GroupCommit:
    """Decides for one loop. O(1)."""

    def __init__(self, server: Server, sender: Sender) -> None:
        self.idle = True  # this turn of the loop found nothing to do
        self._server = server
        self._sender = sender
        self._postponed = False  # a sync, in this turn
        self._waits_since_ns = 0  # for more to come; 0: it does not
        self._took_ns = 0  # syncs, on average; 0: not known yet
        self._share = 0.0  # of its time in which the loop was busy, of late
        self._at_once = False  # the loop is slower than the disk
        self._replies = 0  # that waited for the last sync; somebody alone has nobody to wait for
        self._began_ns = 0  # the last sync
        self._busy_us = 0  # the loop, in all, until then

    def is_due(self, syncer: Syncer) -> bool:
        """Whether a sync may begin now, after the last that `syncer` did; and whether in the loop."""
        now_ns = stopwatch_ns()
        if not self._waits_since_ns:  # the first time that this is asked since then
            self._note_end(syncer)
        may_wait = not self.idle and self._replies > 1 and (syncer.in_loop or not self._at_once)
        self._postponed = may_wait and self._has_patience(syncer.took_ns, now_ns)
        if not self._postponed:
            self._note_sync(now_ns)
        return not self._postponed

    def wants_a_look(self) -> bool:
        """Whether a sync was postponed in this turn: then the next must not wait at the sockets."""
        postponed, self._postponed = self._postponed, False
        return postponed

    def _note_end(self, syncer: Syncer) -> None:
        """Decide from how long syncs take of late, a single long one not counting much, who does the next."""
        took_ns = min(syncer.took_ns, _LONG_NS)
        self._took_ns += (took_ns - self._took_ns) // (4 if self._took_ns else 1)
        syncer.in_loop = 0 < self._took_ns < (_SHORT_NS if syncer.in_loop else _SHORT_BEHIND_NS)

    def _has_patience(self, took_ns: int, now_ns: int) -> bool:
        self._waits_since_ns = self._waits_since_ns or now_ns
        return now_ns - self._waits_since_ns < min(took_ns, _PATIENCE_NS)

    def _note_sync(self, now_ns: int) -> None:
        busy_us = self._server.stats.loop_us
        share = 1000 * (busy_us - self._busy_us) / max(1, now_ns - self._began_ns)
        self._share += (share - self._share) / 4
        self._at_once = self._share > (_FASTER if self._at_once else _SLOWER)
        self._busy_us, self._began_ns, self._waits_since_ns = busy_us, now_ns, 0
        self._replies = self._sender.replies_waiting
