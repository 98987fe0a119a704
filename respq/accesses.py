"""When, or how often, keys are accessed: what eviction goes by, and what OBJECT IDLETIME and FREQ tell.

Every access stamps the value with the clock's second (`Value.accessed`), where the keyspace finds it: one
store, which does not show in the time of a command. What is more than that stands in wrappers around the
handlers of commands, present only while it is wanted:

- Under an LFU policy `accessed` is a *frequency*, as Redis has it: a counter up to 255, which grows the less
  the greater it is, and the minute in which it was last looked at, since which it has decayed. It is kept as
  a negative number, so that the stamp which a handler has put over it is told from it; the wrapper remembers
  what was there before and puts one access more in its place. A value with a stamp has just been stored.
- Under an LRM policy (least recently modified, Redis 8.6) only changes move the clock: the stamp is put back
  of what was there and is not among the effects of the command.
- A client that does not touch (CLIENT NO-TOUCH) has the stamps of keys that were there put back.

Rejected: a field of its own for the frequency, 8 bytes a key for everybody; counting in the handlers, which
costs a call on each path. Keys that a command does not name, such as those that SORT finds by patterns, keep
the stamp: their frequency begins anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from math import ceil, log
from random import Random
from typing import Final

from respq.datatypes.value import Value
from respq.describe import named_keys
from respq.flags import Flag
from respq.keyspace import Database, Effects
from respq.protocol import Argv
from respq.protocol.runs import Run
from respq.rdb import file as rdb
from respq.state import Accounting, BulkHandler, Client, Handler, Server, Spec

FIRST_FREQUENCY: Final = 5  # of a new key, so that it is not the first to go
MOST_FREQUENT: Final = 255
IDLE_SPAN_S: Final = 1 << 24  # idle times are counted modulo this, as in Redis
_MINUTES: Final = 1 << 16
_S_PER_MINUTE: Final = 60

# Commands to which their target is a new key in any case, whatever was there.
_DISPLACING: Final = frozenset({"RENAME", "RENAMENX", "COPY", "MOVE", "RESTORE", "RESTORE-ASKING"})

Accessed = dict[bytes, tuple[Value, int]]  # what stood under keys before a command, and `accessed` of it


def idle_s(value: Value, now_s: int) -> int:
    """Seconds since a value was accessed; under what was an LFU policy, since somebody last looked."""
    accessed = value.accessed
    if accessed < 0:
        return (now_s // _S_PER_MINUTE - (~accessed >> 8)) % _MINUTES * _S_PER_MINUTE
    return max(0, now_s - accessed)


def counts_accesses(spec: Spec) -> bool:
    """Whether calls of the command access keys; of scripts, their commands do."""
    return bool(spec.keys) and bool(spec.flags & (Flag.READONLY | Flag.WRITE)) and spec.group != "scripting"


def _before(db: Database, names: Iterable[bytes]) -> Accessed:
    find = db.values.get
    return {name: (value, value.accessed) for name in names if (value := find(name)) is not None}


def untouching(spec: Spec, handler: Handler) -> Handler:
    """What was there and is accessed looks as if it had not been."""
    if spec.name == "TOUCH" or not counts_accesses(spec):
        return handler

    def untouched(c: Client, argv: Argv) -> bytes:
        db = c.db
        before = _before(db, named_keys(spec, argv))
        try:
            return handler(c, argv)
        finally:
            for name, (old, accessed) in before.items():
                value = db.values.get(name)
                if value is not None and (value is old or spec.name not in _DISPLACING):
                    value.accessed = accessed

    return untouched


def modifying(spec: Spec, handler: Handler) -> Handler:
    """What was there and is not changed looks as if it had not been accessed."""
    if not counts_accesses(spec):
        return handler

    def modify(c: Client, argv: Argv) -> bytes:
        db, mark, names = c.db, len(c.effects), named_keys(spec, argv)
        before = _before(db, names)
        try:
            return handler(c, argv)
        finally:
            _leave(db, before, _changed(spec, db, c.effects[mark:], names))

    return modify


def modifying_runs(spec: Spec, bulk: BulkHandler) -> BulkHandler:
    """The same for a bulk form."""
    if not counts_accesses(spec):
        return bulk

    def modify(c: Client, run: Run) -> bytes | None:
        db, mark, names = c.db, len(c.effects), set(_names_of_run(spec, run))
        before = _before(db, names)
        replies = bulk(c, run)
        _leave(db, before, _changed(spec, db, c.effects[mark:], names))
        return replies

    return modify


def _changed(spec: Spec, db: Database, effects: Effects, names: Collection[bytes]) -> Collection[bytes]:
    """Which keys were changed, of those that a command or a run names. O(effects)."""
    changed: set[bytes] = set()
    for where, key, _, logged in effects:
        if key is not None:
            if where is db:
                changed.add(key)
        elif isinstance(logged, Run):
            changed.update(_names_of_run(spec, logged))
        elif logged is not None:  # nobody is woken by it: what a consumer group has pending, for instance
            return names
    return changed


def _leave(db: Database, before: Accessed, changed: Collection[bytes]) -> None:
    """Put the stamps of what was not changed back."""
    for name, (old, accessed) in before.items():
        if name not in changed and db.values.get(name) is old:
            old.accessed = accessed


MODIFICATIONS: Final = Accounting(modifying, modifying_runs)


class Frequencies:
    """Counts accesses for the LFU policies, by `lfu-log-factor` and `lfu-decay-time`."""

    def __init__(self, server: Server) -> None:
        self._config = server.config
        self._clock = server.clock
        self._rng: Random = server.rng
        self.accounting = Accounting(self.counting, self.counting_runs)
        self.on = False

    def of(self, value: Value) -> int:
        """How often a value is accessed: 0 to 255."""
        accessed = value.accessed
        if accessed >= 0:  # a stamp
            return FIRST_FREQUENCY
        counter = ~accessed & 0xFF
        decay_minutes = self._config.lfu_decay_time
        if not decay_minutes:
            return counter
        elapsed = (self._clock.second // _S_PER_MINUTE - (~accessed >> 8)) % _MINUTES
        return max(0, counter - elapsed // decay_minutes)

    def give(self, value: Value, counter: int) -> None:
        """Let a value have been accessed so often."""
        value.accessed = ~(self._clock.second // _S_PER_MINUTE % _MINUTES << 8 | counter)

    # -- what snapshots and RESTORE say ------------------------------------------------------------

    def said_of(self) -> rdb.Accessed:
        """What a snapshot says of values: under LRU, LRM and LFU policies, as Redis does."""
        if self.on:
            return lambda value: rdb.frequency(self.of(value))
        if self._config.maxmemory_policy.endswith(("-lru", "-lrm")):
            return lambda value: rdb.idle(idle_s(value, self._clock.second))
        return rdb.never_said

    def recall(self, value: Value, said: int) -> None:
        """Let a value have been accessed as a snapshot or RESTORE says, if the policy goes by that."""
        if said < 0 and not self.on:
            value.accessed = max(0, self._clock.second - (-1 - said) % IDLE_SPAN_S)
        elif said > 0 and self.on:
            self.give(value, said - 1)

    # -- counting ----------------------------------------------------------------------------------

    def counting(self, spec: Spec, handler: Handler) -> Handler:
        """The handler, and what it accesses counted."""
        if not counts_accesses(spec):
            return handler

        def count(c: Client, argv: Argv) -> bytes:
            db, names = c.db, named_keys(spec, argv)
            before = _before(db, names)
            try:
                return handler(c, argv)
            finally:
                self._settle(db, dict.fromkeys(names, 1), before, spec.name in _DISPLACING)

        return count

    def counting_runs(self, spec: Spec, bulk: BulkHandler) -> BulkHandler:
        """The same for a bulk form. One that declines has accessed nothing."""
        if not counts_accesses(spec):
            return bulk

        def count(c: Client, run: Run) -> bytes | None:
            db, names = c.db, _names_of_run(spec, run)
            counts = Counter(names)
            before = _before(db, counts)
            replies = bulk(c, run)
            if replies is None:
                for value, accessed in before.values():
                    value.accessed = accessed
            else:
                self._settle(db, counts, before, False)
            return replies

        return count

    def _settle(self, db: Database, counts: dict[bytes, int], before: Accessed, displacing: bool) -> None:
        """Put frequencies in the place of stamps; `counts` is how often each key was accessed. O(keys)."""
        for name, times in counts.items():
            value = db.values.get(name)
            if value is None or value.accessed < 0:
                continue
            old, accessed = before.get(name, (None, 0))
            if old is None or (displacing and old is not value):
                self.give(value, self._grown(FIRST_FREQUENCY, times - 1))
            else:
                value.accessed = accessed
                self.give(value, self._grown(self.of(value), times))

    def _grown(self, counter: int, times: int) -> int:
        """The counter after so many accesses, each of which counts by chance. O(what it grows by)."""
        factor = self._config.lfu_log_factor
        while times > 0 and counter < MOST_FREQUENT:
            odds = max(0, counter - FIRST_FREQUENCY) * factor + 1
            if odds > 1:  # how many it takes until one counts
                times -= ceil(log(1 - self._rng.random()) / log(1 - 1 / odds)) or 1
            else:
                times -= 1
            counter += times >= 0
        return counter


def _names_of_run(spec: Spec, run: Run) -> Sequence[bytes]:
    """The keys that the commands of a run name."""
    if spec.keys[0].is_first_word and len(spec.keys) == 1 and run.shared:
        return [run.shared[1]] * run.count if len(run.shared) > 1 else run.columns[0]
    return [name for argv in run.commands for name in named_keys(spec, argv)]
