"""Execution: commands go in, their replies stand in the client's output, their effects are settled.

The path of a command is one look-up, by name and number of words, one call and one append. What is optional
is not on it:

- Modes are tables (`tables`), chosen when they change.
- What stands in a batch is looked at as a whole where that pays: a *run*, the same command again and
  again, where the command declares a bulk form, and a transaction from MULTI to EXEC.
- What commands did comes as effects. While nobody waits or listens they are drained (`draining`) once
  per batch; if they are just what the client sent, its own bytes go to the append-only file. Otherwise
  they are drained after every command, so that others are served where Redis serves them.
- What was executed is noted, and counted when somebody asks or when much of it has come together.
- A refusal, an unknown name, a client that parks or leaves: these travel as exceptions and cost
  nothing otherwise.

Rejected, by measurement on commands of which no two neighbours are alike: passes over the batch in C (names
by `map`, neighbours by `operator.eq`, effects by `zip(*…)`, what was logged by a set of ids). They save a
fifth of the bytecode and cost as much again: a call from C into C is 20 ns, a specialised bytecode 2 to 3.
"""

from __future__ import annotations

import traceback
from collections import deque
from itertools import islice
from math import inf
from operator import length_hint

from respq.clock import stopwatch_ns
from respq.commands import transactions
from respq.draining import Draining
from respq.errors import CommandError, shown
from respq.flags import Flag
from respq.keyspace import Effects
from respq.latency import STEP_BITS
from respq.protocol import Argv
from respq.protocol.runs import SHORTEST_RUN, Run
from respq.protocol.shapes import Shape
from respq.restrictions import admits_run
from respq.slowlog import note_slow_batch, times_all
from respq.state import ANY_WORDS, Client, Closing, Entry, Handler, Rejected, Server, Spec
from respq.tables import NOT_COUNTED, Tables
from respq.waiting import WAITING, Parked

COUNTED_TOGETHER = 1000  # commands that were executed, at the most about
_OPENINGS = (b"MULTI", b"multi")  # of a transaction, as clients spell it
_ONLY_WAITING = {WAITING}  # why effects are drained at once, if somebody is blocked and nobody listens
SECURITY_NAMES = (b"post", b"host:")  # words of HTTP: somebody makes a browser talk to us


class Execution:
    """Executes commands of the clients of `server`. `tables` has the entry for what is not usual."""

    def __init__(self, server: Server, tables: Tables) -> None:
        self.broken = ""  # why the server must stop, once a bug may have come between the data and the log
        self._server = server
        self._clock = server.clock
        self._tables = tables
        self._tally = server.tally
        self.drain = Draining(server, self._stop_after).drain
        self._constants = server.eager, server.effects, server.specs["MULTI"], server.tally.done.append
        self._slow_ns = inf  # how long a batch may take before one of it is called slow
        self._tracks_latencies = False

    def watch_slowness(self) -> None:
        """Apply `slowlog-log-slower-than`, unless commands are timed one by one, and `latency-tracking`."""
        config = self._server.config
        self._tracks_latencies = config.latency_tracking
        threshold_us = config.slowlog_log_slower_than
        self._slow_ns = inf if threshold_us < 0 or times_all(self._server) else threshold_us * 1000

    # -- batches -----------------------------------------------------------------------------------

    def execute(
        self,
        client: Client,
        commands: list[Argv],
        raw: bytes | None,
        shape: Shape | None = None,
    ) -> None:
        """Execute commands in order. `raw` are the bytes they account for exactly, if that is known.

        `shape` is theirs, if they seem to be a transaction of which it is known.
        """
        server = self._server
        self._clock.refresh()
        start_ns = stopwatch_ns()
        tally = self._tally
        done = tally.done
        before = tally.gone + len(done)
        whole = (
            len(commands) > 2 and commands[0][0] in _OPENINGS and self._execute_whole(client, commands, shape)
        )
        if not whole and not self._execute_each(client, commands):
            raw = None
        count = tally.gone + len(done) - before
        took_ns = self._end_batch(client, commands, count, stopwatch_ns() - start_ns)
        tally.spent_ns += took_ns
        if len(done) >= tally.sample_at:
            tally.sample(count, took_ns)
            if len(done) > COUNTED_TOGETHER:
                server.count_done()
        if server.effects or server.waiting.ready:
            if whole:
                self._settle_whole(client, commands, raw)
            else:
                self._settle(client, commands, raw)

    def execute_run(self, client: Client, run: Run, raw: bytes | None) -> bool:
        """Execute a whole read that is one run, if its command has a bulk form and takes it."""
        server = self._server
        entry = client.table.get(run.name, {}).get(run.words)
        if entry is None or server.watchers:
            return False
        handler, spec = entry
        if server.eager and self._concerns_others(client, spec, run):
            return False
        if spec.bulk is None or not (handler is spec.bare or admits_run(handler, run)):
            return False
        self._clock.refresh()
        start_ns = stopwatch_ns()
        try:
            replies = spec.bulk(client, run)
        except Exception as error:  # noqa: BLE001  # how far it came is unknown
            self._stop_after(error, run.commands[0])
            return True
        if replies is None:
            return False
        client.out.append(replies)
        client.last_spec = spec
        spec.calls += run.count
        untimed_ns = self._end_batch(client, run, run.count, stopwatch_ns() - start_ns)
        spec.usec += untimed_ns / 1000
        if self._tracks_latencies and spec.quick:
            spec.latencies.steps[untimed_ns // run.count >> STEP_BITS] += run.count
        if server.effects:
            self._settle(client, run, raw if spec.as_sent else None)
        return True

    def _execute_each(self, client: Client, commands: list[Argv]) -> bool:
        """Execute commands one by one: the hot loop, where a call less is 5 % of a command.

        False if one of them was interrupted; behind one that ends the batch the others are in the backlog.
        """
        eager, effects, multi, note = self._constants
        reply = client.out.append
        spec = declined = NOT_COUNTED
        last = self._leading(client, commands) if len(commands) >= SHORTEST_RUN else None
        intact = True
        rest = iter(commands)
        for argv in rest:
            try:
                try:
                    handler, spec = client.table[argv[0]][len(argv)]
                except KeyError:
                    handler, spec = self._look_up(client, argv)
                if (spec is last or spec is multi) and spec is not declined:
                    more = length_hint(rest)
                    taken = self._execute_as_one(client, handler, spec, commands, len(commands) - more - 1)
                    if taken:
                        deque(islice(rest, taken - 1), maxlen=0)  # step over what was executed
                        continue
                    declined = spec
                reply(handler(client, argv))
                note(spec)
                last = spec
            except CommandError as error:
                self._refuse(client, spec, error)
            except Exception as interruption:  # noqa: BLE001  # among them bugs of ours
                intact = False
                if self._interrupted(client, argv, spec, interruption):
                    client.backlog = list(rest)
                    break
            if eager and effects:  # somebody waits, or listens: each gets what concerns it now
                self.drain(client)
        if spec is not NOT_COUNTED:
            client.last_spec = spec
        return intact

    def _execute_whole(self, client: Client, commands: list[Argv], shape: Shape | None) -> bool:
        """Execute a batch that is one transaction and nothing else, unless somebody has to see every step.

        Who is blocked sees it as a whole in any case. Its effects are left without MULTI and EXEC around
        them. False, with nothing done, if it is none.
        """
        server = self._server
        if server.watchers or server.effects or (server.eager and server.eager != _ONLY_WAITING):
            return False
        steps = transactions.steps_of(client, commands, shape)
        if steps is None:
            return False
        try:
            transactions.perform(client, steps, len(commands) - 2)
        except Exception as error:  # noqa: BLE001  # how far it came is unknown
            self._stop_after(error, commands[0])
        client.last_spec = server.specs["EXEC"]
        return True

    def _leading(self, client: Client, commands: list[Argv]) -> Spec | None:
        """What the batch repeats from its first command on, if it looks like a run."""
        name = commands[0][0]
        if not name == commands[1][0] == commands[2][0] == commands[3][0]:
            return None
        entry = client.table.get(name, {}).get(len(commands[0]))
        return entry[1] if entry is not None else None

    def _execute_as_one(
        self, client: Client, handler: Handler, spec: Spec, commands: list[Argv], at: int
    ) -> int:
        """Execute a run or a transaction from `commands[at]` on, unless somebody has to see every step.

        Return the number of commands; 0: they are to be executed one by one.
        """
        server = self._server
        if server.watchers or (handler is not spec.bare and client.user.permissions is None):
            return 0
        try:
            if spec.bulk is not None:
                taken = self._execute_bulk(client, handler, spec, commands, at)
            elif spec.name == "MULTI" and handler is spec.bare and not server.eager:
                taken = transactions.at_once(client, commands, at)
            else:
                taken = 0
        except Exception as error:  # noqa: BLE001  # how far it came is unknown
            self._stop_after(error, commands[at])
            return len(commands) - at
        if taken and server.eager:
            self.drain(client)
        return taken

    def _execute_bulk(
        self, client: Client, handler: Handler, spec: Spec, commands: list[Argv], at: int
    ) -> int:
        """Execute the run that begins at `commands[at]` by the bulk form; 0 if it is none, or is not taken.

        If it closes the client, that is all for this batch.
        """
        run = Run.at(commands, at)
        if run is None or not (handler is spec.bare or admits_run(handler, run)):
            return 0
        if self._server.eager and self._concerns_others(client, spec, run):
            return 0
        assert spec.bulk is not None
        replies = spec.bulk(client, run)
        if replies is None:
            return 0
        client.out.append(replies)
        self._server.tally.done += [spec] * run.count
        return len(commands) - at if client.closing else run.count

    def _concerns_others(self, client: Client, spec: Spec, run: Run) -> bool:
        """Whether somebody has to see every step of a run: who listens, or who waits for one of its keys."""
        server = self._server
        if server.eager != _ONLY_WAITING or not spec.has_one_key:
            return True
        db, queues = client.db, server.waiting.queues
        if len(run.shared) > 1:
            return (db, run.shared[1]) in queues
        return any((db, name) in queues for name in run.columns[0])

    def _end_batch(self, client: Client, batch: list[Argv] | Run, count: int, elapsed_ns: int) -> int:
        """Note that there is something to send and that `count` commands succeeded.

        Return the time to be shared out among them: what is timed one by one (`slowlog`) has had its own.
        """
        server = self._server
        server.outbox[client] = None
        client.active_ms = self._clock.now_ms
        client.commands_done += count
        untimed_ns = elapsed_ns - server.stats.timed_ns
        server.stats.timed_ns = 0
        if untimed_ns > self._slow_ns:
            note_slow_batch(client, batch if isinstance(batch, list) else batch.commands, untimed_ns // 1000)
        return untimed_ns

    # -- what is not usual -------------------------------------------------------------------------

    def _look_up(self, client: Client, argv: Argv) -> Entry:
        """The entry for a name in mixed case or for many words; for what is wrong one that refuses."""
        entries = client.table.get(argv[0]) or client.table.get(argv[0].lower())
        if entries is not None:
            entry = entries.get(len(argv))
            if entry is not None:
                return entry
            spec = self._server.specs[argv[0].decode("latin-1").upper()]
            return self._tables.of_many_words(spec, entries[ANY_WORDS], len(argv))
        if argv[0].lower() in SECURITY_NAMES:
            self._server.log("warning", f"Possible attack: {client.transport.address()} speaks HTTP")
            client.out.clear()  # as in Redis, answers that have not left yet are lost
            self._server.close(client, at_once=True)
            raise Closing
        return _unknown, NOT_COUNTED

    def _refuse(self, client: Client, spec: Spec, error: CommandError) -> None:
        """Answer a command that raised CommandError."""
        if isinstance(error, Rejected):
            refused = error.spec
            if spec.name == "EXEC":
                error = transactions.aborted(client, error)
            elif client.queued is not None:
                client.queue_failed = True
            (refused or spec).rejected_calls += 1
            if client.tracker is not None and client.queued is None:
                client.tracker.chosen = False  # CLIENT CACHING was for this command
        else:
            spec.failed_calls += 1
            self._server.tally.done.append(spec)
        self._server.stats.count(error)
        if client.muted:
            client.end_skip()
        else:
            client.out.append(error.reply)

    def _interrupted(self, client: Client, argv: Argv, spec: Spec, cause: Exception) -> bool:
        """Something else than a reply came out of a command: tell whether the batch ends with it."""
        if isinstance(cause, Parked):
            return True
        if isinstance(cause, Closing):
            if not self._server.closing.get(client):  # at once: then nothing is sent any more
                client.out.append(cause.reply)
            self._server.close(client)
            return True
        self._fail(client, argv, spec, cause)
        return False

    def _fail(self, client: Client, argv: Argv, spec: Spec, error: Exception) -> None:
        """A bug of ours. If the data may have been changed without its effect, the server must not go on."""
        client.out.append(b"-ERR internal error\r\n")
        if spec.flags & (Flag.WRITE | Flag.MAY_REPLICATE) or spec.name == "EXEC":
            self._stop_after(error, argv)
        else:
            self._report(error, argv)

    def _stop_after(self, error: Exception, argv: Argv) -> None:
        """A bug came between the data and the log: nothing more may be acknowledged."""
        self._report(error, argv)
        self.broken = f"internal error in {argv[0]!r}: the data and the log may no longer agree"

    def _report(self, error: Exception, argv: Argv) -> None:
        self._server.stats.unexpected_errors += 1
        trace = "".join(traceback.format_exception(error))
        self._server.log("warning", f"Internal error in {argv[0]!r}: {error!r}\n{trace}")

    # -- effects -----------------------------------------------------------------------------------

    def _settle_whole(self, client: Client, batch: list[Argv], raw: bytes | None) -> None:
        """`_settle` for a batch that is one transaction, all of whose commands are most often logged."""
        server, db = self._server, client.db
        aof, effects, waiting = server.aof, server.effects, server.waiting
        logged = [argv for _, _, _, argv in effects if argv is not None]
        if (
            raw is None
            or logged != batch[1:-1]
            or waiting.ready
            or (aof is not None and db.index != aof.selected_db)
            or (server.eager and self._is_awaited(effects))
        ):
            transactions.bracket(client, 0, batch[0], batch[-1])
            self._settle(client, batch, raw)
            return
        server.changes_since_save += len(logged)
        if aof is not None:
            aof.append(raw)
        effects.clear()

    def _is_awaited(self, effects: Effects) -> bool:
        """Whether somebody listens, or waits for what these effects are about."""
        return self._server.eager != _ONLY_WAITING or self._server.waiting.concerned(effects)

    def _settle(self, client: Client, batch: list[Argv] | Run, raw: bytes | None) -> None:
        """Drain the effects of a batch, in the client's own bytes where these say what was done."""
        server = self._server
        effects, aof, waiting = server.effects, server.aof, server.waiting
        if server.watchers or waiting.ready or (server.eager and self._is_awaited(effects)):
            self.drain(client)
            return
        db, _, _, argv = effects[0]
        if len(effects) > 1 or (argv.__class__ is list and len(batch) > 1):
            logged = _logged(effects)
            changes = len(logged)
            sent = raw if logged == batch else _sent_of(raw, batch, logged)
            if [effect[0] for effect in effects].count(db) < len(effects):
                sent = None
        elif isinstance(argv, Run):
            changes = argv.count
            sent = raw if argv is batch or argv.repeats(batch) else None
        else:
            changes = int(argv is not None)
            sent = raw if [argv] == batch else None
        server.changes_since_save += changes
        if aof is not None:
            if sent and db.index == aof.selected_db:
                aof.append(sent)
            else:
                aof.append_effects(effects)
        effects.clear()


_NOT_AS_SENT: Argv = []  # stands for an annotation among what is logged


def _logged(effects: Effects) -> list[Argv]:
    """The commands that repeat what was done, in order."""
    commands: list[Argv] = []
    for _, _, _, argv in effects:
        if argv.__class__ is list:
            commands.append(argv)
        elif isinstance(argv, Run):
            commands += argv.commands
        elif argv is not None:
            commands.append(_NOT_AS_SENT)
    return commands


def _sent_of(raw: bytes | None, batch: list[Argv] | Run, logged: list[Argv]) -> bytes | None:
    """The part of `raw` that sent the commands in `logged`: without the reads, say. O(n).

    None if something is logged otherwise than as it was sent, or an argument looks like the next command.
    """
    if raw is None or len(batch) == 1:
        return None
    pieces = raw[1:-2].split(b"\r\n*")
    if len(pieces) != len(batch):
        return None
    rest = iter(logged)
    wanted = next(rest, None)
    sent = []
    for argv, piece in zip(batch, pieces, strict=True):
        if argv is wanted:
            sent.append(piece)
            wanted = next(rest, None)
    return None if wanted is not None or not sent else b"*%b\r\n" % b"\r\n*".join(sent)


def _unknown(client: Client, argv: Argv) -> bytes:
    """The refusal of a name that is no command, with the beginning of what was asked."""
    beginning = b""
    for word in argv[1:]:
        if len(beginning) >= 128:
            break
        beginning += b"'%b' " % shown(word[: 128 - len(beginning)])
    raise Rejected(b"unknown command '%b', with args beginning with: %b" % (shown(argv[0][:128]), beginning))
