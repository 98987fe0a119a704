"""Transactions: MULTI queues, EXEC executes, WATCH makes EXEC conditional.

While a client is in MULTI its table appends to `Client.queued` instead of executing
(`tables._queueing`), so nothing here is asked for any other client. EXEC executes the queue with
the client's plain table; an error of one command is that command's reply and stops nothing.

What the executed commands did goes to the log between the MULTI and the EXEC that the client sent:
replayed, it happens as a whole or not at all. These are the client's own argument lists, so that a
transaction of plain writes that arrived in one read passes through to the log byte for byte.

A transaction that stands in one batch from MULTI to EXEC, with nothing in it that could fail while
queueing, need not be queued at all: `at_once` executes it where the MULTI stands, with the same
replies. That is how client libraries send them, and it takes 2/3 of the time. If the batch is nothing
else it is a unit (`Execution`): no MULTI and EXEC need stand around its effects if all of it is logged as
it was sent.

A watched key is dirty after any effect on it. Effects are drained once per batch, hence both WATCH
and EXEC drain what stands before them: in `SET k 1; WATCH k; MULTI; …; EXEC` the SET came first. A
key, or a field of it, that expires while it is watched counts as changed, one that had expired before does
not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice

from respq.clock import stopwatch_ns
from respq.command import (
    ALLOW_BUSY,
    FAST,
    LOADING,
    NOSCRIPT,
    SKIP_SLOWLOG,
    STALE,
    Argv,
    Client,
    command,
    keys,
)
from respq.datatypes.hashes import HashValue
from respq.errors import CommandError
from respq.keyspace import Database
from respq.protocol.resp import OK, QUEUED, array
from respq.protocol.shapes import Shape
from respq.restrictions import NoLongerAllowed, admitted
from respq.slowlog import note_slow_batch
from respq.state import ANY_WORDS, Abandoned, Closing, Rejected, Spec, Step, Table

ALWAYS = NOSCRIPT | LOADING | STALE | FAST | ALLOW_BUSY


class Plan:
    """What a transaction of some shape leads to in some table."""

    __slots__ = ("handlers", "specs", "table")

    def __init__(self, table: Table, steps: list[Step]) -> None:
        self.table = table
        self.handlers, self.specs, _ = zip(*steps, strict=True)


def steps_of(c: Client, commands: list[Argv], shape: Shape | None) -> Iterable[Step] | None:
    """The steps of a transaction that is all of a batch; None if it is none, or must be queued.

    Behind the first read of a `shape` they are known.
    """
    if c.queued is not None or c.dirty:
        return None
    if shape is not None and isinstance(plan := shape.plan, Plan) and plan.table is c.table:
        return zip(plan.handlers, plan.specs, islice(commands, 1, None), strict=False)
    if len(commands[0]) != 1:
        return None
    handler, spec = c.table[commands[0][0]][1]
    steps = look_ahead(c, commands, 0) if handler is spec.bare else []
    if len(steps) + 2 != len(commands):
        return None
    if shape is not None and c.user.permissions is None:
        shape.plan = Plan(c.table, steps)
    return steps


def at_once(c: Client, commands: list[Argv], at: int) -> int:
    """Execute a transaction that stands in a batch as a whole, without queueing it.

    Return the number of its commands. 0, with nothing done, if there is no EXEC, if that would fail, or if a
    command would be refused or does not wait for EXEC.
    """
    steps = look_ahead(c, commands, at) if c.queued is None and not c.dirty else []
    if not steps:
        return 0
    mark = len(c.effects)
    end = at + 1 + len(steps)
    try:
        finished = perform(c, steps, len(steps))
    finally:
        bracket(c, mark, commands[at], commands[end])
    return end + 1 - at if finished else len(commands) - at


def look_ahead(c: Client, commands: list[Argv], at: int) -> list[Step]:
    """What stands between the MULTI at `commands[at]` and EXEC; nothing if it must be queued."""
    table = c.table
    steps: list[Step] = []
    try:
        for argv in islice(commands, at + 1, None):
            handler, spec = table[argv[0]][len(argv)]
            if not spec.queueable:
                break
            steps.append((handler, spec, argv))
        else:
            return []
    except KeyError:
        return []
    if not steps or spec.name != "EXEC":
        return []
    if c.user.permissions is not None:
        return admitted(steps) if handler is spec.bare else []
    return steps


def perform(c: Client, steps: Iterable[Step], count: int) -> bool:
    """Execute the `count` steps of a transaction; its effects are left without brackets.

    False if the client is closed for too much output: nothing behind the transaction is executed.
    """
    server = c.server
    done = server.tally.done
    done.append(server.specs["MULTI"])
    c.out.append(OK + QUEUED * count)
    try:
        replies, closing = _run(c, steps, done)
    except Abandoned:
        return False
    if closing:
        return False
    c.out.append(array(replies))
    done.append(server.specs["EXEC"])
    return True


@command("MULTI", arity=1, flags=ALWAYS, group="transactions", since="1.2.0")
def multi(c: Client, argv: Argv) -> bytes:
    """Begin a transaction: the commands that follow are queued."""
    if c.queued is not None:
        raise CommandError("MULTI calls can not be nested")
    c.queued = [argv]
    c.table = c.server.table_of(c)
    return OK


@command("DISCARD", arity=1, flags=ALWAYS, group="transactions", since="2.0.0",
         complexity="O(N) for N watched keys")  # fmt: skip
def discard(c: Client, argv: Argv) -> bytes:
    """Forget the queued commands and the watched keys."""
    if c.queued is None:
        raise CommandError("DISCARD without MULTI")
    leave(c)
    return OK


@command("EXEC", arity=1, flags=NOSCRIPT | LOADING | STALE | SKIP_SLOWLOG, group="transactions",
         since="1.2.0", complexity="That of the commands in it")  # fmt: skip
def execute(c: Client, argv: Argv) -> bytes:
    """Execute the queued commands, unless a watched key has changed."""
    queued = c.queued
    if queued is None:
        raise CommandError("EXEC without MULTI")
    if c.queue_failed:
        leave(c)
        raise CommandError("Transaction discarded because of previous errors.", "EXECABORT")
    if c.watched:
        _note_changes(c)
    dirty = c.dirty
    leave(c)
    return c.enc.null_array if dirty else _run_and_account(c, queued, argv)


@command("WATCH", arity=-2, flags=ALWAYS, keys=(keys(1, -1, 1, "RO"),), group="transactions", since="2.2.0",
         syntax="key [key ...]", complexity="O(1) for every key")  # fmt: skip
def watch(c: Client, argv: Argv) -> bytes:
    """Let the next EXEC execute only if none of these keys changes before."""
    if c.queued is not None:
        raise CommandError("WATCH inside MULTI is not allowed")
    server = c.server
    for key in argv[1:]:
        _let_expire(c.db, key)  # what has expired is gone before it is watched
    if server.effects:
        server.drain()
    for key in argv[1:]:
        server.watchers.watch(c, key)
    return OK


@command("UNWATCH", arity=1, flags=ALWAYS, group="transactions", since="2.2.0")
def unwatch(c: Client, argv: Argv) -> bytes:
    """Watch no keys any more."""
    c.server.watchers.unwatch(c)
    return OK


def leave(c: Client) -> None:
    """End the client's transaction, whatever its outcome."""
    c.queued = None
    c.queue_failed = False
    if c.watched or c.dirty:
        c.server.watchers.unwatch(c)
    c.table = c.server.table_of(c)


def aborted(c: Client, error: Rejected) -> CommandError:
    """What becomes of an EXEC that was itself refused: the transaction ends, if there is one.

    What is watched is forgotten in any case.
    """
    leave(c)
    reason = error.reply[1:-2].removeprefix(b"ERR ")
    return Rejected(b"Transaction discarded because of: %b" % reason, "EXECABORT")


def _note_changes(c: Client) -> None:
    """Bring `c.dirty` up to date: what earlier commands did, and keys and fields whose time has come."""
    for db, key in c.watched:
        _let_expire(db, key)
    if c.server.effects:
        c.server.drain()


def _let_expire(db: Database, key: bytes) -> None:
    """Delete what has expired of a key that the timer has not come to yet."""
    value = db.peek(key)
    if isinstance(value, HashValue) and value.expiry is not None:
        db.expire_some_fields(key, value)


def _run_and_account(c: Client, queued: list[Argv], argv: Argv) -> bytes:
    """As `_run`, for an EXEC that is timed by itself: share out the time of the commands inside."""
    stats = c.server.stats
    timed_ns, start_ns = stats.timed_ns, stopwatch_ns()
    done: list[Spec] = []
    mark = len(c.effects)
    try:
        replies, closing = _run(c, _look_up(c, queued[1:]), done)
        if closing:
            raise Closing(array(replies))
        return array(replies)
    finally:
        bracket(c, mark, queued[0], argv)
        untimed_ns = stopwatch_ns() - start_ns - (stats.timed_ns - timed_ns)
        share_ns = max(0, untimed_ns) // max(1, len(done))
        latencies = [share_ns] if c.server.config.latency_tracking else []
        for spec in done:
            spec.calls += 1
            spec.spend(share_ns, 1, latencies)
        if untimed_ns > c.server.config.slowlog_log_slower_than * 1000:
            note_slow_batch(c, queued[1:], untimed_ns // 1000)
        stats.timed_ns = timed_ns  # EXEC's own time contains it


def _look_up(c: Client, queue: list[Argv]) -> Iterator[Step]:
    """Each command with its handler, when its turn comes: CLIENT REPLY changes the client's table."""
    for argv in queue:
        table = c.table
        handler, spec = (table.get(argv[0]) or table[argv[0].lower()])[ANY_WORDS]
        yield handler, spec, argv


def _run(c: Client, steps: Iterable[Step], done: list[Spec]) -> tuple[list[bytes], bool]:
    """Execute the steps. `done` gets what succeeds.

    Return the replies one by one, and whether the client has killed itself: the rest goes unanswered.
    """
    effects = c.effects
    mark = len(effects)
    nested, c.executing = c.executing, True
    c.long_bytes = 0
    replies: list[bytes] = []
    answer: Callable[[bytes], None] = replies.append
    closing = False
    try:
        for handler, spec, argv in steps:
            try:
                answer(handler(c, argv))
                done.append(spec)
            except CommandError as error:
                answer(b"" if c.muted else error.reply)
                _note_failure(c, spec, error, done)
            except Abandoned:
                raise
            except Closing as last:
                answer(last.reply)
                answer = partial(_count_only, replies)
                closing = c.muted = True
                c.table = c.server.table_of(c)
    except Abandoned:
        del effects[mark:]  # a transaction is logged in full or not at all
        raise
    finally:
        c.executing = nested
    if c.reply_mode == "skip" and not c.muted:  # asked for inside: it means the command after EXEC
        c.muted = True
        c.table = c.server.table_of(c)
    return replies, closing


def _note_failure(c: Client, spec: Spec, error: CommandError, done: list[Spec]) -> None:
    """Count a command that failed; one that is no longer allowed counts as a failure of EXEC."""
    c.server.stats.count(error)
    failed = c.server.specs["EXEC"] if isinstance(error, NoLongerAllowed) else spec
    failed.failed_calls += 1
    if failed is spec:
        done.append(spec)


def _count_only(replies: list[bytes], reply: bytes) -> None:
    """The array announces one more; the connection ends before it."""
    replies.append(b"")


def bracket(c: Client, mark: int, multi_argv: Argv, exec_argv: Argv) -> None:
    """Put MULTI and EXEC around the effects from `mark` on, if any of them is logged."""
    effects = c.effects
    logged = [effect[0] for effect in effects[mark:] if effect[3] is not None]
    if logged:
        effects.insert(mark, (logged[0], None, None, multi_argv))
        effects.append((logged[-1], None, None, exec_argv))
        if c.server.eager:
            c.server.tracking.note_inserted(mark)
        c.server.changes_since_save -= 2  # these will be counted as the others are
