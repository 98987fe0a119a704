"""Eviction: what is done when more memory is in use than `maxmemory` allows.

Nothing at all is done while there is no such limit. With one, the event loop asks once per turn
(`MemoryLimit.look`), which most of the time is an estimate: what was measured last (`gauge`), and what
clients have sent since, times what was kept of that the time before. It is measured anew when the limit may
have been reached, and now and then; never so often that it takes more than a twentieth of the time.

When the limit is exceeded, keys go in slices (`maxmemory-eviction-tenacity`), the loop serving clients
between them, until enough has gone by the estimate of each value; then it is measured again. If there is
nothing left that the policy may evict, a gate refuses the commands that may need memory (DENYOOM) for so
long; scripts have theirs in `commands.scripttable`.

Which key goes: the best of `maxmemory-samples` random ones and of those that were good candidates before
(`POOL_SIZE`), as in Redis. Under volatile-ttl the databases know the key that expires first. Keys with an
expiry are drawn from all keys if they are many among them, otherwise by their deadlines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Final

from respq.accesses import MOST_FREQUENT, idle_s
from respq.clock import stopwatch_ns
from respq.datatypes.value import Value
from respq.flags import Flag
from respq.keysizes import memory_bytes
from respq.keyspace import Database
from respq.protocol import Argv
from respq.state import LIMITING, Client, Server, Spec
from respq.tables import OOM_GATE, flags_of, out_of_memory

POOL_SIZE: Final = 16
BETWEEN_LOOKS: Final = 16  # keys evicted between two looks at the time
SLICE_US: Final = 50  # for each point of tenacity up to 10
PATIENT: Final = 10
PATIENCE: Final = 1.15  # what each point above that multiplies a slice by
BOUNDLESS: Final = 100  # tenacity of who evicts until it is done

LOOK_MS: Final = 100  # between two measurements, if nothing seems to happen
SHARE: Final = 20  # of the time, that measuring may take
MOST_GAIN: Final = 16.0  # bytes kept for one that was received

FEW: Final = 16  # one key of so many must expire, for sampling among all keys
TRIES: Final = 4  # per sample that is wanted, where some are no candidates

Candidate = tuple[float, Database, bytes]  # the greater the number, the sooner it goes
RANK: Final = itemgetter(0)


class MemoryLimit:
    """Holds `server` to `maxmemory`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._config = server.config
        self._pool: list[Candidate] = []  # best last
        self._turn = 0  # the database that a random key is taken from next
        self._measured = 0  # bytes in use at the last measurement
        self._input_then = 0  # bytes received by then
        self._input_seen = 0  # bytes received when keys were last evicted
        self._gain = 1.0  # bytes kept for one that was received, as of late
        self._evicted = 0  # bytes, about, since
        self._in_rubble = 0  # bytes of what was evicted and is being freed in slices
        self._next_ms = self._due_ms = 0  # when it may, and when it shall be measured again
        self._exceeded_since_ms = 0  # 0: it is not
        self.exceeded_ms = 0  # in all, before that

    def exceeded_for_ms(self) -> int:
        """How long more has been in use than allowed, without a break."""
        return self._server.clock.now_ms - self._exceeded_since_ms if self._exceeded_since_ms else 0

    def apply(self) -> None:
        """The limit or the policy has been changed: look behind the command, or transaction, that did it."""
        self._pool.clear()
        self._next_ms = self._due_ms = 0
        self._input_seen = self._server.stats.input_bytes  # what came before has not outrun anything
        self._server.eager.add(LIMITING)
        self._server.effects.append((self._server.databases[0], None, None, None))  # something to be drained

    # -- the limit ---------------------------------------------------------------------------------

    def look(self) -> None:
        """See whether the limit is kept, and evict some of what is too much."""
        server, limit = self._server, self._config.maxmemory
        if not limit or server.loading or server.paused_until_ms:
            self._open()
            return
        now_ms = server.clock.now_ms
        used = self._estimate()
        if used <= limit and now_ms < self._due_ms and not self._exceeded_since_ms:
            return
        if now_ms >= self._next_ms:
            used = self._measure(now_ms)
        if used <= limit:
            self._open()
            return
        self._exceeded_since_ms = self._exceeded_since_ms or now_ms
        if self._evict(used - limit, self._come()):
            server.set_gate(OOM_GATE, None)
        elif OOM_GATE not in server.gates:
            server.set_gate(OOM_GATE, refuse_more)

    def _open(self) -> None:
        """The limit is kept."""
        self.exceeded_ms += self.exceeded_for_ms()
        self._exceeded_since_ms = 0
        self._server.set_gate(OOM_GATE, None)

    def _estimate(self) -> int:
        received = self._server.stats.input_bytes - self._input_then
        return self._measured + int(received * self._gain) - self._evicted

    def _come(self) -> int:
        """About the bytes that have come since this was last asked."""
        before, self._input_seen = self._input_seen, self._server.stats.input_bytes
        return int((self._input_seen - before) * self._gain)

    def _measure(self, now_ms: int) -> int:
        """Bytes in use, without what the log is about to write and what is being freed already."""
        server, begin_ns = self._server, stopwatch_ns()
        if not server.rubble:
            self._in_rubble = 0
        used = server.gauge.used_bytes() - self._in_rubble
        if server.aof is not None:
            used -= server.aof.writer.buffered
        received = server.stats.input_bytes - self._input_then
        if received > 0 and self._measured:
            kept = used - self._measured + self._evicted
            self._gain = min(MOST_GAIN, max(0.0, kept / received))
        self._measured, self._evicted, self._input_then = used, 0, server.stats.input_bytes
        pause_ms = (stopwatch_ns() - begin_ns) * SHARE // 1_000_000 + 1
        self._next_ms = now_ms + pause_ms
        self._due_ms = now_ms + max(LOOK_MS, pause_ms)
        return used

    # -- evicting ----------------------------------------------------------------------------------

    def _evict(self, excess: int, least: int) -> bool:
        """Evict keys that take `excess` bytes, or as many as there is time for; False: there is none left.

        But `least` bytes at least, which have come meanwhile: or those who write would outrun this.
        """
        choose = self._chooser()
        if choose is None:
            return False
        budget_us, begin_ns = self._budget_us(), stopwatch_ns()
        freed = count = 0
        while freed < excess:
            chosen = choose()
            if chosen is None:
                return False
            freed += self._drop(*chosen)
            count += 1
            looking = count % BETWEEN_LOOKS == 0 and freed >= least
            if looking and stopwatch_ns() - begin_ns > budget_us * 1000:
                break
        return True

    def _budget_us(self) -> float:
        tenacity = self._config.maxmemory_eviction_tenacity
        if tenacity >= BOUNDLESS:
            return float("inf")
        return SLICE_US * min(tenacity, PATIENT) * PATIENCE ** max(0, tenacity - PATIENT)

    def _drop(self, db: Database, key: bytes) -> int:
        """Evict a key; return about how many bytes it took."""
        server, value = self._server, db.values[key]
        size = memory_bytes(key, value)
        before = len(server.rubble)
        db.discard(key)
        if len(server.rubble) > before:
            self._in_rubble += size
        word = b"UNLINK" if self._config.lazyfree_lazy_eviction else b"DEL"
        server.effects.append((db, key, "evicted", [word, key]))
        server.stats.evicted_keys += 1
        self._evicted += size
        return size

    # -- choosing ----------------------------------------------------------------------------------

    def _chooser(self) -> Callable[[], tuple[Database, bytes] | None] | None:
        """What finds the next key to go under the present policy; None if none may go."""
        scope, _, order = self._config.maxmemory_policy.partition("-")
        if not order or self._config.import_mode:
            return None
        volatile = scope == "volatile"
        if order == "ttl":
            return self._soonest
        if order == "random":
            return lambda: self._random(volatile)
        clock, frequencies = self._server.clock, self._server.frequencies
        if order == "lfu":
            return lambda: self._best(volatile, lambda value: MOST_FREQUENT - frequencies.of(value))
        return lambda: self._best(volatile, lambda value: idle_s(value, clock.second))

    def _soonest(self) -> tuple[Database, bytes] | None:
        """The key that expires first."""
        found: list[tuple[int, Database, bytes]] = []
        for db in self._server.databases:
            key = db.deadlines.first() if db.expiring else None
            if key is not None:
                found.append((db.values[key].expires_ms, db, key))
        return min(found, key=RANK)[1:] if found else None

    def _random(self, volatile: bool) -> tuple[Database, bytes] | None:
        """Any key, of the databases by turns."""
        databases = self._server.databases
        for _ in databases:
            db = databases[self._turn]
            self._turn = (self._turn + 1) % len(databases)
            for key in self._drawn(db, 1, volatile):
                return db, key
        return None

    def _best(self, volatile: bool, rank: Callable[[Value], float]) -> tuple[Database, bytes] | None:
        """The key of the highest rank among some that are drawn, and some of those drawn before."""
        samples = self._config.maxmemory_samples
        for _ in range(2):  # those in the pool may all be gone by now
            pool = self._pool
            for db in self._server.databases:
                if db.keys:
                    values = db.values
                    pool += [(rank(values[key]), db, key) for key in self._drawn(db, samples, volatile)]
            pool.sort(key=RANK)
            del pool[:-POOL_SIZE]
            while pool:
                before, db, key = pool.pop()
                value = db.values.get(key)
                if value is not None and rank(value) >= before and (value.expires_ms or not volatile):
                    return db, key
        return None

    def _drawn(self, db: Database, count: int, volatile: bool) -> Iterator[bytes]:
        """At most so many keys by chance; those that expire, if `volatile`. O(count)."""
        rng = self._server.rng
        if not volatile:
            if db.keys:
                yield from rng.choices(db.keys, k=count)
        elif db.expiring * FEW >= len(db):
            for _ in range(count * FEW * TRIES if db.expiring else 0):
                key = rng.choice(db.keys)
                if db.values[key].expires_ms:
                    yield key
                    count -= 1
                    if not count:
                        break
        else:
            yield from db.deadlines.sample(rng, count)


def refuse_more(client: Client, argv: Argv, spec: Spec) -> None:
    """A gate: there is no memory for what the command may need. What EXEC executes has been let in."""
    if not client.executing and Flag.DENYOOM in flags_of(client, spec, argv):
        raise out_of_memory()
