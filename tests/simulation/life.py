"""Lives of a server on a simulated disk, and what must be left when one of them ends at any operation.

Clients push marks onto one list, alone or together with other changes in a transaction or a script, read it,
wait for the disk with WAITAOF, have the log rewritten or snapshots written, change `appendfsync`, and hang
up. `Life.done` is what the server has done, in order. Before each operation on the disk two questions are
asked, of a process that would be killed there and of one whose power would be cut:

- Does a server that starts on what is left have a beginning of `done`, each transaction whole or absent?
- Is that beginning as long as was promised? A process that is killed loses nothing that was answered
  (`kept`). Without power that holds for what was answered under `appendfsync always`, or covered by WAITAOF,
  or synced by what the log says of itself, or saved by SAVE or a BGSAVE that has ended (`safe`).

In half of the lives writes reach the disk in another order, so that a log may have a hole behind what was
synced. Such a log is refused, as by Redis; `respq check --fix` must then cut it behind all that was promised.
(Each write is a whole tick there, so that a hole begins where a command does. One within the words of a
command could not be told from these words: the format has no checksums.)
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import hiredis

from respq.datatypes.lists import ListValue
from respq.effects import check
from respq.effects.files import DamagedError, Files
from respq.effects.snapshot import Pieces, Snapshot
from respq.engine import Engine
from respq.persistence import Persistence
from tests.conftest import START_MS, Workbench
from tests.conftest import Peer as Reader
from tests.effects.disk import Disk
from tests.effects.model import LaterSnapshot
from tests.resp import encode
from tests.simulation.machine import NOTHING, Machine, Peer

MANIFEST = Path("/data/appendonlydir/appendonly.aof.manifest")
SCRIPT = """
    for _, entry in ipairs(redis.call('XPENDING', KEYS[2], 'g', '-', '+', 10)) do
        redis.call('XACK', KEYS[2], 'g', entry[1])
    end
    redis.call('XADD', KEYS[2], '*', 'mark', ARGV[1])
    redis.call('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', KEYS[2], '>')
    return redis.call('RPUSH', KEYS[1], ARGV[1])
"""
COUNTED, STREAMED, ALONE = "c", "s", "a"  # first letters of marks: what else was done with them
REUSES = 50  # of an engine


class LostError(AssertionError):
    """Something that was promised is not there, or something is there that cannot be."""


class Recovery:
    """A server that starts on one disk after the other: to make one takes longer than to start."""

    def __init__(self) -> None:
        self.uses = 0

    def marks(self, disk: Disk, *, with_log: bool, mend: bool = False) -> list[bytes]:
        """Start on `disk`, check that what is there is whole, and return the marks. Raises AofError."""
        if self.uses % REUSES == 0:
            self.engine = Workbench(dir="/data")
            self.engine.server.set_gate = lambda *_: None  # nobody is there to be refused while it loads
            table = self.engine.tables.unguarded()
            self.engine.tables.unguarded = lambda: table  # else each start makes one, for half of its time
            self.reader = Reader(self.engine)
        self.uses += 1
        self.engine.server.config.appendonly = with_log
        persistence = Persistence(self.engine, disk)
        try:
            try:
                persistence.start(lambda: None)
            except DamagedError:
                if not mend:
                    raise
                self._mend(disk)
                self._clear()
                persistence.start(lambda: None)
            return self._found()
        finally:
            persistence.close()
            self._clear()

    def _clear(self) -> None:
        for db in self.engine.server.databases:
            db.clear()

    def _mend(self, disk: Disk) -> None:
        verdicts, _ = check.check_data(disk, MANIFEST, "appendonly.aof", "dump.rdb", 0)
        assert not check.incurable(disk, verdicts), verdicts
        check.cut(disk, verdicts[-1])

    def _found(self) -> list[bytes]:
        replies = hiredis.Reader()
        questions = ("LRANGE marks 0 -1", "GET count", "XRANGE stream - +", "XPENDING stream g - + 10")
        for question in questions:
            replies.feed(self.reader.send(*question.split()))
        marks, count, entries, pending = (replies.gets() for _ in questions)
        of_stream = [mark for mark in marks if mark.startswith(STREAMED.encode())]
        found = int(count or 0), [words[1] for _, words in entries]
        whole = sum(mark.startswith(COUNTED.encode()) for mark in marks), of_stream
        if found != whole:
            raise LostError(f"a transaction or a script is half there: {found}, not {whole}")
        if entries and [each[0] for each in pending] != [entries[-1][0]]:
            raise LostError(f"pending are {pending}, not the last of {entries}")
        return list(marks)


@dataclass(slots=True)
class Expected:
    """A reply that is to come behind some others, and what it promises."""

    replies: int = 1
    mark: bytes = b""  # is in the list
    read: bool = False  # so many marks are
    waited: bool = False  # all that this client had been answered for is on the disk
    changes: int = 0  # of the policy, when it was sent: it may change under way
    troubles: int = 0
    gaps: int = 0


@dataclass(slots=True, eq=False)
class Client:
    peer: Peer
    expected: deque[Expected] = field(default_factory=deque)
    answered: int = 0  # so many marks were there when its last one was


@dataclass(frozen=True, slots=True)
class End:
    """A moment in which a life may have ended, and what was left of it."""

    disk: Disk
    done: list[bytes]
    safe: int
    now_ms: int


@dataclass(slots=True)
class Errors:
    """What goes wrong on the disk: a `number` of operations from the `first` on, of some names `only`."""

    first: int = 0
    number: int = 0
    code: int = 0
    only: str = ""

    def strike(self, at: int, name: str) -> None:
        """Fail, if it is time to. Raises OSError."""
        if at >= self.first and self.number and self.only in name:
            self.number -= 1
            raise OSError(self.code, os.strerror(self.code))


class Life:
    """One life of a server, which may begin where one before ended."""

    def __init__(
        self, recovery: Recovery, random: Random, before: End | None = None, **directives: str
    ) -> None:
        self.recovery, self.random = recovery, random
        before = before or End(Disk(), [], 0, START_MS)
        self.disk = before.disk
        self.directives = directives
        self.with_log = directives["appendonly"] == "yes"
        self.machine: Machine | None = None
        self.done = before.done
        self.changes = 0  # of the policy, asked for
        self.gaps = 0  # ticks in which the log was off, or not whole yet: nothing is promised
        self.troubles = 0  # ticks in which the log could not be written: reads go on then and promise nothing
        self.kept = self.safe = before.safe  # how many of `done` were promised
        self.saving = 0  # how many are in the snapshot that is being written
        self.positions: deque[tuple[int, int]] = deque()  # of the log, and how many were done then
        self.clients: list[Client] = []
        self.reordered = random.random() < 0.5
        self.thinned = 1  # every so many operations one is looked at
        self.ends: list[End] = []  # how it might have ended, a few
        self.now_ms = before.now_ms + 1
        self.errors = Errors()
        self.disk.before = self._before_operation

    # -- what is promised --------------------------------------------------------------------------

    def _before_operation(self, number: int, name: str) -> None:
        if "create temp-dump" in name and not self.machine.persistence.dumps.in_progress:
            self._note_done()
            self.saving = len(self.done)  # by SAVE
        if number % self.thinned == 0:
            self.examine(f"before operation {number}, {name}")
        self.errors.strike(number, name)

    def examine(self, moment: str) -> None:
        """Look at what would be left if it ended now. Raises LostError."""
        self._note_done()
        self._note_synced()
        killed = self.disk.after_kill()
        self._compare(self._left_on(killed.after_kill()), self.kept, f"killed {moment}")
        cut = self.disk.after_power_cut(self.random, reordered=self.reordered)
        untouched = cut.after_kill()
        self._compare(self._left_on(cut), self.safe, f"without power {moment}")
        if self.random.random() < 0.2:
            disk = self.random.choice((killed, cut if self.reordered else untouched))
            self.ends.append(End(disk, self.done, self.safe, self.now_ms))

    def _left_on(self, disk: Disk) -> list[bytes]:
        return self.recovery.marks(disk, with_log=self.with_log, mend=self.reordered)

    def _compare(self, found: list[bytes], promised: int, how: str) -> None:
        if found != self.done[: len(found)]:
            raise LostError(f"{how}: {found} is no beginning of {self.done}")
        if len(found) < promised:
            raise LostError(f"{how}: {len(found)} are there, {promised} were promised, {len(self.done)} done")

    def _note_done(self) -> None:
        if self.machine is not None:
            self.done = marks_in(self.machine.engine)

    def _note_synced(self) -> None:
        aof = self.machine.engine.server.aof if self.machine is not None else None
        while aof is not None and self.positions and self.positions[0][0] <= aof.writer.synced:
            self.safe = max(self.safe, self.positions.popleft()[1])

    # -- what happens ------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the server. Raises AofError."""
        self.machine = None
        self.machine = machine = Machine(self.disk, self.now_ms, self.random, **self.directives)
        machine.log.heard = self._hear
        machine.persistence.dumps.take_snapshot = self._take_snapshot
        self.done = marks_in(machine.engine)
        self.kept = self.saving = len(self.done)
        self.clients = [Client(machine.connect()) for _ in range(3)]
        self.tell(self.clients[0], "XGROUP CREATE stream g 0 MKSTREAM")
        self.turn(0)

    def live(self, steps: int) -> None:
        """Start, and do something so many times. Raises AofError."""
        self.start()
        for _ in range(steps):
            self.step()

    def step(self) -> None:
        random = self.random
        for client in self.clients:
            if random.random() < 0.5:
                self.talk(client)
        if random.random() < 0.03:
            self.clients[0].peer.sent.append(b"")  # hangs up
            self.clients[0] = Client(self.machine.connect())
        if random.random() < (0.5 if self.errors.number else 0.1) and not self.reordered:
            self.disk.short_write = random.randint(1, 30)
        self.turn(random.choice((0, 0, 1, 50, 300, 1100)))
        if random.random() < 0.5:
            self.machine.end_sync()
            self.turn(0)
        dumps = self.machine.persistence.dumps
        if (
            dumps.in_progress or dumps.has_other_child()
        ) and random.random() < 0.7:  # writing a base or a snapshot
            for _ in range(3):
                self.turn(100)

    def talk(self, client: Client) -> None:
        """Have a client send some commands, in one piece or two."""
        for _ in range(self.random.choice((1, 1, 2, 5))):
            self._say(client)
        data = b"".join(client.peer.sent)
        client.peer.sent.clear()
        cut = self.random.randrange(len(data)) if self.random.random() < 0.1 else 0
        client.peer.sent.extend(part for part in (data[:cut], data[cut:]) if part)

    def _say(self, client: Client) -> None:
        number = self.random.random()
        if number < 0.7:
            self._push(client)
        elif number < 0.85:
            self.tell(client, "LLEN marks", Expected(read=True))
        elif not self.with_log:
            self.tell(client, "SAVE" if number < 0.9 else "BGSAVE")
        elif number < 0.9:
            self.tell(client, "WAITAOF 1 0 0", Expected(waited=True))
        elif number < 0.97:
            self.tell(client, "BGREWRITEAOF")
        elif number < 0.98:
            self.tell(client, f"CONFIG SET appendonly {self.random.choice(('no', 'yes', 'yes'))}")
        else:
            policy = self.random.choice(("always", "everysec", "no"))
            self.changes += 1
            self.tell(client, f"CONFIG SET appendfsync {policy}")

    def _push(self, client: Client) -> None:
        kind = self.random.choice((ALONE, ALONE, COUNTED, STREAMED))
        mark = kind + "".join(self.random.choices("0123456789abcdef", k=self.random.choice((7, 40))))
        expected = Expected(mark=mark.encode())
        if kind == ALONE:
            self.tell(client, f"RPUSH marks {mark}", expected)
        elif kind == COUNTED:
            expected.replies = 4
            for words in ("MULTI", f"RPUSH marks {mark}", "INCR count", "EXEC"):
                self._send(client, *words.split())
            self._expect(client, expected)
        else:
            self._send(client, "EVAL", SCRIPT, "2", "marks", "stream", mark)
            self._expect(client, expected)

    def tell(self, client: Client, words: str, expected: Expected | None = None) -> None:
        self._send(client, *words.split())
        self._expect(client, expected or Expected())

    def _expect(self, client: Client, expected: Expected) -> None:
        expected.changes, expected.troubles, expected.gaps = self.changes, self.troubles, self.gaps
        client.expected.append(expected)

    def _send(self, client: Client, *words: str) -> None:
        client.peer.sent.append(encode(*words))

    def turn(self, ms: int) -> None:
        """One turn of the loop, and what clients learn from it. Raises AofError."""
        machine = self.machine
        assert machine is not None
        self.now_ms += ms
        machine.tick(ms)
        self._note_done()
        aof = machine.engine.server.aof
        if aof is not None and aof.is_whole:
            self.positions.append((aof.writer.position, len(self.done)))
            self.troubles += aof.error is not None
        else:
            self.positions.clear()
            self.gaps += 1
        for client in self.clients:
            self._listen(client)

    def _take_snapshot(self, files: Files, path: Path, pieces: Pieces) -> Snapshot:
        self._note_done()
        self.saving = len(self.done)
        return LaterSnapshot(files, path, pieces)

    def _hear(self, line: str) -> None:
        """A snapshot that has been written promises what is in it."""
        if "Wrote /data/dump.rdb" in line and not self.with_log:
            self.kept = self.safe = max(self.safe, self.saving)

    def _listen(self, client: Client) -> None:
        while client.expected:
            expected = client.expected[0]
            while expected.replies:
                reply = client.peer.replies.gets()
                if reply is NOTHING:
                    return
                expected.replies -= 1
            client.expected.popleft()
            if not isinstance(reply, hiredis.ReplyError):
                self._believe(client, expected, reply)

    def _believe(self, client: Client, expected: Expected, reply: object) -> None:
        """A reply promises something."""
        if not self.with_log:
            return
        length = 0
        if expected.mark:
            client.answered = self.done.index(expected.mark) + 1
        if expected.waited and reply == [1, 0]:
            self.safe = max(self.safe, client.answered)
        if expected.gaps < self.gaps:
            return
        if expected.mark:
            length = client.answered
        elif expected.read and expected.troubles == self.troubles:
            assert isinstance(reply, int)
            length = reply
        self.kept = max(self.kept, length)
        unchanged = expected.changes == self.changes
        if unchanged and self.machine.engine.server.config.appendfsync == "always":
            self.safe = max(self.safe, length)

    def fail(self) -> None:
        """The server has stopped by itself, as it has to after an error: look at what it left."""
        self.errors = Errors()
        self.examine("when it had stopped")
        self.machine = None

    def end(self) -> None:
        """Stop the server as SIGTERM does. Raises AofError."""
        aof = self.machine.engine.server.aof
        self.machine.close()
        if aof is not None and aof.is_whole:
            self.kept = self.safe = len(self.done)
        self.machine = None
        self.examine("at the end")


def marks_in(engine: Engine) -> list[bytes]:
    """The list, without a command."""
    value = engine.server.databases[0].values.get(b"marks")
    return value.range(0, len(value) - 1) if isinstance(value, ListValue) else []
