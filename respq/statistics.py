"""What a server counts and remembers of its own work: the counters of INFO, the entries of the slow log."""

from __future__ import annotations

from collections import Counter, deque

from respq.children import History, Progress
from respq.errors import CommandError
from respq.protocol import Argv

ERROR_KINDS = 128  # that are counted apart; with one more nothing is
NO_LONGER_COUNTED = "ERRORSTATS_DISABLED"
SAMPLES = 16  # of the counters, taken `hz` times a second


class Statistics:
    """What INFO counts; CONFIG RESETSTAT starts anew."""

    def __init__(self) -> None:
        self.errors: Counter[str] = Counter()  # error replies by prefix
        self.error_replies = 0
        self.connections_received = 0
        self.rejected_connections = 0
        self.unexpected_errors = 0  # replies to a bug of ours
        self.input_bytes = 0
        self.output_bytes = 0
        self.reads = 0  # sockets that were ready
        self.writes = 0  # offers of output to a socket
        self.keyspace_hits = 0
        self.keyspace_misses = 0
        self.evicted_keys = 0
        self.evicted_clients = 0
        self.evicted_scripts = 0
        self.expire_us = 0  # spent on keys that nobody asked for
        self.expire_cut_short = 0  # slices that left some, for their time was up
        self.forks = 0
        self.last_fork_us = 0  # for which nobody was served
        self.query_limit_closed = 0
        self.output_limit_closed = 0
        self.loop_cycles = 0
        self.loop_us = 0
        self.longest_tick_us = 0
        self.timed_ns = 0  # spent in commands that are timed one by one, since the last batch ended
        self.slow: dict[str, SlowCalls] = {}  # by name of the command
        self.from_clients = ReadCounts()  # see there
        self.cycles_with_clients = 0  # turns of the loop in which there were any
        self._cycle = -1  # the last of these
        self.samples: deque[tuple[int, ...]] = deque(maxlen=SAMPLES)

    def count(self, error: CommandError) -> None:
        """Count an error reply, unless it has been."""
        if not error.counted:
            self.count_prefix(error.prefix)

    def count_prefix(self, prefix: str) -> None:
        """Count an error reply. If scripts make up ever more prefixes, prefixes are no longer counted."""
        self.error_replies += 1
        if NO_LONGER_COUNTED in self.errors:
            return
        if prefix not in self.errors and len(self.errors) == ERROR_KINDS:
            self.errors.clear()
            prefix = NO_LONGER_COUNTED
        self.errors[prefix] += 1

    def note_slow(self, name: str, elapsed_us: int) -> None:
        """A command was entered into the slow log."""
        self.slow.setdefault(name, SlowCalls()).note(elapsed_us)

    def note_read(self, commands: int) -> None:
        """A client sent something; so many commands of it were executed."""
        self.from_clients.note(commands)
        if self._cycle != self.loop_cycles:
            self._cycle = self.loop_cycles
            self.cycles_with_clients += 1

    def sample(self, now_ms: int, commands: int) -> None:
        """Remember the counters of this moment: INFO's rates are differences between samples."""
        self.samples.append(
            (now_ms, commands, self.input_bytes, self.output_bytes, self.loop_cycles, self.loop_us)
        )


class SlowCalls:
    """What INFO tells of commands that were entered into the slow log, and may have left it."""

    __slots__ = ("count", "max_us", "sum_us")

    def __init__(self) -> None:
        self.count = self.sum_us = self.max_us = 0

    def note(self, elapsed_us: int) -> None:
        """One more."""
        self.count += 1
        self.sum_us += elapsed_us
        self.max_us = max(self.max_us, elapsed_us)


class ReadCounts:
    """How a client sends, or all of them: counted for those whom `compat-version` has expect it (8.8)."""

    __slots__ = ("batches", "commands", "events")

    def __init__(self) -> None:
        self.events = 0  # times that there was something to read
        self.batches = 0  # of these, with a command that was complete
        self.commands = 0  # in these

    def note(self, commands: int) -> None:
        """Something was read, and so many commands came of it."""
        self.events += 1
        self.batches += commands > 0
        self.commands += commands


class Saves:
    """What INFO tells of snapshots."""

    def __init__(self, now_s: int) -> None:
        self.last_save_s = now_s  # Unix time of the last one that succeeded, or of the start
        self.began_ms = 0  # of the one that is being written in the background; 0: none is
        self.attempts = 0
        self.last_ok = True  # of those in the background
        self.last_seconds = -1
        self.last_private_bytes = 0  # memory that it cost
        self.keys_loaded = 0  # from the last snapshot that was
        self.keys_expired = 0  # that were not
        self.progress = Progress()  # of the child that writes a snapshot, or the log
        self.rewrites = History()  # of the log


class SlowLog:
    """What SLOWLOG shows, the latest first."""

    def __init__(self) -> None:
        self.entries: deque[SlowEntry] = deque()
        self.next_id = 0

    def add(self, entry: SlowEntry, most: int) -> None:
        """Enter a line, and give up the oldest beyond so many."""
        self.next_id += 1
        self.entries.appendleft(entry)
        while len(self.entries) > most:
            self.entries.pop()


class SlowEntry:
    """One line of the slow log."""

    __slots__ = ("address", "argv", "elapsed_us", "id", "name", "unix_seconds", "words")

    def __init__(
        self,
        entry_id: int,
        unix_seconds: int,
        elapsed_us: int,
        argv: Argv,
        address: str,
        name: bytes,
        words: int,
    ) -> None:
        self.id = entry_id
        self.unix_seconds = unix_seconds
        self.elapsed_us = elapsed_us
        self.argv = argv  # cut to what the configuration allows
        self.words = words  # that there were before
        self.address = address
        self.name = name
