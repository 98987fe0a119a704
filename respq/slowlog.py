"""The stopwatch: how long commands take, and which of them took too long.

Redis times every command; here that costs 0.3 µs, more than most quick ones do themselves. Commands that
Redis calls slow are timed one by one, and so are all others while `slowlog-log-slower-than` is below 5 ms or
the latency monitor is on. Otherwise the quick ones are timed per batch and share its time: a batch, or a
transaction, that takes longer than the threshold has one entry in the slow log, with the time of all that
was timed together, for the command with the most bytes in and out, and with a last word that tells how many
others those were. A command that waited is logged when its wait ends, without the wait, as in Redis.
"""

from __future__ import annotations

from math import inf
from operator import itemgetter

from respq.clock import stopwatch_ns
from respq.flags import Flag
from respq.latency import STEP_BITS
from respq.protocol import Argv
from respq.protocol.runs import Run
from respq.redaction import redacted
from respq.state import LONG_REPLY, BulkHandler, Client, Handler, Server, Spec
from respq.statistics import SlowEntry, SlowLog
from respq.waiting import Parked

SINGLY_BELOW_US = 5000  # a slow log that wants shorter ones has every command timed by itself
MANY_WORDS = 64  # a FAST command with more is timed like one that is not


def times_all(server: Server) -> bool:
    """Whether quick commands are timed one by one as well."""
    return server.latency.on or 0 <= server.config.slowlog_log_slower_than < SINGLY_BELOW_US


def _noted_from_ns(server: Server) -> float:
    """How long a command takes that the slow log or the latency monitor wants to know of."""
    thresholds_ns = [inf]
    if server.config.slowlog_log_slower_than >= 0:
        thresholds_ns.append(server.config.slowlog_log_slower_than * 1000)
    if server.latency.on:
        thresholds_ns.append(server.latency.threshold_ms * 1_000_000)
    return min(thresholds_ns)


def timed(server: Server, spec: Spec, handler: Handler, *, batched: bool = True) -> Handler:
    """Count the time that a command takes by itself; tell the slow log and the latency monitor.

    `batched`: a call counts as one of a batch as well (see `Spec.spend`), as those of scripts do not.
    """
    noted_ns = _noted_from_ns(server)
    latencies = spec.latencies.steps if server.config.latency_tracking else None
    batched = batched and spec.quick
    event = "fast-command" if Flag.FAST in spec.flags else "command"

    def measured(c: Client, argv: Argv) -> bytes:
        start_ns = stopwatch_ns()
        try:
            reply = handler(c, argv)
        except BaseException as error:
            account(c, argv, stopwatch_ns() - start_ns, waits=isinstance(error, Parked))
            raise
        elapsed_ns = stopwatch_ns() - start_ns
        if elapsed_ns >= noted_ns or c.parked is not None:
            account(c, argv, elapsed_ns, waits=False)
        else:
            spec.usec += elapsed_ns / 1000
            server.stats.timed_ns += elapsed_ns
            if latencies is not None:
                latencies[elapsed_ns >> STEP_BITS] += 1
                if batched:
                    spec.timed_calls += 1
        if len(reply) > LONG_REPLY:
            c.make_room(len(reply))
        return reply

    def account(c: Client, argv: Argv, elapsed_ns: int, *, waits: bool) -> None:
        spec.usec += elapsed_ns / 1000
        server.stats.timed_ns += elapsed_ns
        if (parking := c.parked) is not None:
            parking.spent_ns += elapsed_ns
            elapsed_ns = parking.spent_ns
        if waits:
            return
        if latencies is not None:
            latencies[elapsed_ns >> STEP_BITS] += 1
            spec.timed_calls += batched
        if elapsed_ns >= noted_ns:
            note_slow(c, argv, spec, elapsed_ns // 1000)
            server.latency.note(event, elapsed_ns, server.clock.now_ms)

    return measured


def timed_run(server: Server, spec: Spec, bulk: BulkHandler) -> BulkHandler:
    """Likewise for the bulk form of a command whose share of a batch's time does not tell enough."""

    def measured(c: Client, run: Run) -> bytes | None:
        start_ns = stopwatch_ns()
        replies = bulk(c, run)
        if replies is not None:
            elapsed_ns = stopwatch_ns() - start_ns
            server.stats.timed_ns += elapsed_ns
            account_run(c, spec, run.commands[-1], run.count, elapsed_ns)
        return replies

    return measured


def account_run(c: Client, spec: Spec, last: Argv, calls: int, elapsed_ns: int) -> None:
    """Count the time that `calls` took together, of which `last` was the last one."""
    spec.usec += elapsed_ns / 1000
    if c.server.config.latency_tracking:
        spec.latencies.steps[elapsed_ns // calls >> STEP_BITS] += calls
    if elapsed_ns > SINGLY_BELOW_US * 1000:
        note_slow(c, last, spec, elapsed_ns // 1000, others=calls - 1)


def note_slow_batch(c: Client, batch: list[Argv], elapsed_us: int) -> None:
    """Enter a batch into the slow log that took longer than a single command may.

    Which of the commands that are not timed one by one it was, nobody knows. The one with the most bytes,
    sent or answered, stands for all of them; behind its words is said how many those are.
    """
    if times_all(c.server):
        return
    executed = batch[: len(batch) - len(c.backlog)]
    answers = c.out if len(c.out) == len(executed) else [b""] * len(executed)  # or joined, or not its own
    sized = [
        (len(answer) + sum(map(len, argv)), argv, spec)
        for argv, answer in zip(executed, answers, strict=True)
        if (spec := c.server.find_spec(argv)) is not None
    ]
    untimed = [each for each in sized if each[2].quick and len(each[1]) <= MANY_WORDS] or sized
    if untimed:
        _, argv, spec = max(untimed, key=itemgetter(0))
        note_slow(c, argv, spec, elapsed_us, others=len(untimed) - 1)


def note_slow(c: Client, argv: Argv, spec: Spec, elapsed_us: int, others: int = 0) -> None:
    """Enter a command into the slow log if it, and `others`, took longer than the configuration says."""
    config = c.server.config
    threshold_us = config.slowlog_log_slower_than
    if threshold_us < 0 or elapsed_us < threshold_us or Flag.SKIP_SLOWLOG in spec.flags:
        return
    c.server.stats.note_slow(spec.fullname, elapsed_us)
    enter(c, c.server.slow_log, argv, elapsed_us, config.slowlog_max_len, others)


def enter(c: Client, log: SlowLog, argv: Argv, amount: int, most: int, others: int = 0) -> None:
    """Write down that a command, and `others`, took so much; `most`: lines that are kept."""
    config = c.server.config
    words = _shortened(redacted(argv), config.slowlog_entry_max_argc, config.slowlog_entry_max_string_len)
    if others:
        words.append(b"... (and %d more, timed together)" % others)
    now_s = c.server.clock.now_ms // 1000
    entry = SlowEntry(log.next_id, now_s, amount, words, c.transport.address(), c.name, len(argv))
    if most:  # else what is there stays, as in redis-server 8.2.3
        log.add(entry, most)


def _shortened(argv: Argv, most_words: int, most_bytes: int) -> Argv:
    words = argv if len(argv) <= most_words else argv[: most_words - 1]
    short = [
        word
        if len(word) <= most_bytes
        else b"%b... (%d more bytes)" % (word[:most_bytes], len(word) - most_bytes)
        for word in words
    ]
    if len(words) < len(argv):
        short.append(b"... (%d more arguments)" % (len(argv) - len(words)))
    return short
