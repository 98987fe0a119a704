"""Which keys take most of the time or of the network: what HOTKEYS (Redis 8.6) collects in a session.

While a session runs, and only then, a wrapper around every command takes its time and counts its bytes: those
of the request as it would be sent in RESP, and of the reply. Both are shared out among the keys that the
command names; of a sample, of one in so many commands. Commands of scripts and transactions count for
themselves, so EXEC does not. Nothing is executed as a run meanwhile.

Redis keeps a probabilistic structure; here are plain counters, which are cut to the `KEPT` greatest when
there are twice as many, so that a key is missed only if it is seldom met among very many.
"""

from __future__ import annotations

from collections import Counter

from respq import process
from respq.clock import stopwatch_ns
from respq.describe import named_keys
from respq.errors import CommandError
from respq.flags import Flag
from respq.protocol import Argv
from respq.protocol.resp import request_bytes
from respq.state import Client, Handler, Server, Spec

KEPT = 10_000  # counters of a metric
APART = ("HOTKEYS", "EXEC")  # commands that are not measured, with their subcommands


class Metric:
    """What was spent, in all and by key: nanoseconds or bytes."""

    def __init__(self) -> None:
        self.total = 0
        self.by_key: Counter[bytes] = Counter()

    def add(self, amount: int, keys: list[bytes]) -> None:
        """Count for a command. O(keys), and now and then O(KEPT log KEPT)."""
        self.total += amount
        for key in keys:
            self.by_key[key] += amount // len(keys)
        if len(self.by_key) > 2 * KEPT:
            self.by_key = Counter(dict(self.by_key.most_common(KEPT)))


class HotKeys:
    """One session. `most`: keys shown; it ends by itself after `duration_s`, if that is not 0."""

    def __init__(
        self, server: Server, metrics: set[bytes], most: int, duration_s: int, sample_ratio: int
    ) -> None:
        self._server = server
        self.metrics = metrics  # CPU, NET
        self.most = most
        self.sample_ratio = sample_ratio
        self.began_ms = server.clock.now_ms
        self.ends_ms = self.began_ms + 1000 * duration_s if duration_s else 0
        self.ended_ms = 0  # 0: it runs
        self.cpu_ns, self.net_bytes = Metric(), Metric()
        self._cpu_before = process.cpu_seconds()
        self._cpu = self._cpu_before

    @property
    def active(self) -> bool:
        """Whether it still runs; it is ended if its time is up."""
        now_ms = self._server.clock.now_ms
        if not self.ended_ms and self.ends_ms and now_ms >= self.ends_ms:
            self.stop(self.ends_ms)
        return not self.ended_ms

    @property
    def duration_ms(self) -> int:
        """How long it ran, so far."""
        return (self.ended_ms or self._server.clock.now_ms) - self.began_ms

    def stop(self, at_ms: int) -> None:
        """End it; what was collected stays."""
        self._cpu = process.cpu_seconds()
        self.ended_ms = at_ms
        self._server.retable_all()

    def cpu_ms(self) -> tuple[int, int]:
        """The time that the whole process took meanwhile, its own and the system's."""
        before, after = self._cpu_before, process.cpu_seconds() if self.active else self._cpu
        return int(1000 * (after.user - before.user)), int(1000 * (after.system - before.system))

    def measured(self, spec: Spec, handler: Handler) -> Handler:
        """The handler of a command, with a look at what it takes."""
        if spec.name.partition("|")[0] in APART or Flag.SKIP_SLOWLOG in spec.flags:
            return handler

        def measured(c: Client, argv: Argv) -> bytes:
            start_ns = stopwatch_ns()
            try:
                reply = handler(c, argv)
            except CommandError as error:
                self._note(spec, argv, stopwatch_ns() - start_ns, len(error.reply))
                raise
            self._note(spec, argv, stopwatch_ns() - start_ns, len(reply))
            return reply

        return measured

    def _note(self, spec: Spec, argv: Argv, elapsed_ns: int, reply_bytes: int) -> None:
        if not self.active:
            return
        keys = self._keys(spec, argv)
        self.cpu_ns.add(elapsed_ns, keys)
        self.net_bytes.add(request_bytes(argv) + reply_bytes, keys)

    def _keys(self, spec: Spec, argv: Argv) -> list[bytes]:
        """The keys that a command names; none if it is not of the sample."""
        if not spec.keys or (self.sample_ratio > 1 and self._server.rng.randrange(self.sample_ratio)):
            return []
        return named_keys(spec, argv)
