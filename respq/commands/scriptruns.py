"""Runs of scripts: many calls of one script are one call into Lua, with all their keys and arguments.

Lua goes from script to script by itself and collects the replies; the server hears of the next one when
that first asks for something (`ScriptHost.begin`). So what is paid per script is what it does itself: a run
of one INCR each takes half of what one by one takes.

A run is cut into slices of about a millisecond, by what the script took last, and each slice is timed like
a command: only a script that is suddenly slow makes one long enough for the slow log, and since Lua stops
behind a script at which somebody has looked at the time, it is most likely the last. A script that takes
long by itself is run one by one that way.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from respq.clock import stopwatch_ns
from respq.command import Client, Spec
from respq.commands.scripthost import Script, ScriptHost
from respq.protocol.resp import RESP3
from respq.protocol.runs import Run
from respq.scripting.runtime import Answer, Failure
from respq.slowlog import account_run
from respq.state import LONG_REPLY, Closing

SLICE_NS = 1_000_000
MOST_WORDS = 1000  # passed to Lua at once: they stand on its stack
FIXED_WORDS = 3  # before the first key: EVALSHA, the SHA, the number of keys


def common_word(run: Run, at: int) -> bytes | None:
    """The word number `at` of a run's commands, if it is the same in all of them. O(commands)."""
    if at < len(run.shared):
        return run.shared[at]
    column = run.columns[at - len(run.shared)]
    return column[0] if column.count(column[0]) == run.count else None


class ScriptRun:
    """A run of `script`, which has `count` keys, for the client `c`."""

    def __init__(self, host: ScriptHost, c: Client, script: Script, count: int, run: Run) -> None:
        self._host = host
        self._client = c
        self._script = script
        self._count = count
        self._run = run
        self._width = run.words - FIXED_WORDS  # keys and arguments of each
        self._rows = _rows(run, FIXED_WORDS)
        self._done = 0
        self._replies: list[bytes] = []

    def execute(self, spec: Spec, *, read_only: bool) -> bytes:
        """Run the scripts as calls of `spec`: their replies, joined. Raises CommandError before the first.

        The client is closed if it has to be; what stands behind is not executed then.
        """
        times = self._run.count
        try:
            while self._done < times:
                self._host.prepare(self._client, self._script, read_only)
                self._execute_slice(spec)
        except Closing:
            self._client.server.close(self._client)
            spec.calls -= times - self._done  # the engine counts the whole run
        return b"".join(self._replies)

    def _execute_slice(self, spec: Spec) -> None:
        c, stats = self._client, self._client.server.stats
        done, timed_ns, start_ns = self._done, stats.timed_ns, stopwatch_ns()
        try:
            self._run_on(self._slice_length(), spec)
        finally:
            elapsed_ns = stopwatch_ns() - start_ns
            stats.timed_ns = timed_ns + elapsed_ns  # which contains that of their commands
        count = self._done - done
        self._script.cost_ns = elapsed_ns // count or 1
        account_run(c, spec, self._run.commands[self._done - 1], count, elapsed_ns)
        if len(self._replies[-1]) > LONG_REPLY:
            c.make_room(sum(map(len, self._replies)))

    def _slice_length(self) -> int:
        """How many scripts to run next."""
        fitting = min(SLICE_NS // (self._script.cost_ns or SLICE_NS), MOST_WORDS // (self._width or 1))
        return min(max(1, fitting), self._run.count - self._done)

    def _run_on(self, times: int, spec: Spec) -> None:
        """Run so many scripts, or some of them."""
        last: bytes | Answer | Failure | None
        if self._script.is_straight(self._count, self._width):
            before, calls = len(self._replies), self._rows[self._done : self._done + times]
            last = self._host.run_straight(self._script, self._count, calls, self._replies)
            self._done += len(self._replies) - before
        else:
            last = self._run_in_lua(times)
        last = self._host.end(last)
        if last is None:
            return
        self._done += 1
        if isinstance(last, bytes):
            self._replies.append(last)
            return
        error = self._host.error(self._script, last)
        spec.failed_calls += 1
        self._client.server.stats.count(error)
        self._replies.append(error.reply)

    def _run_in_lua(self, times: int) -> bytes | Answer | Failure | None:
        """One call into Lua; what the last script has come to, if it failed or has a long reply."""
        width = self._width
        words = list(chain.from_iterable(self._rows[self._done : self._done + times]))
        runtime, resp3 = self._host.runtime, self._client.enc is RESP3
        joined, count, last = runtime.run_on(self._script.compiled, resp3, times, self._count, width, words)
        self._done += count
        if joined:
            self._replies.append(joined)
        return last


def _rows(run: Run, at: int) -> list[tuple[bytes, ...]]:
    """The words of each command of a run, without the first `at` of them. O(words)."""
    columns: list[Sequence[bytes]] = [[word] * run.count for word in run.shared[at:]]
    columns += run.columns[max(0, at - len(run.shared)) :]
    return list(zip(*columns, strict=True)) if columns else [()] * run.count
