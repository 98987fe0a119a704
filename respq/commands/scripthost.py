"""The server as a script sees it, and the scripts as the server keeps them.

`scripting.runtime` runs Lua and knows no commands; `ScriptHost` is what it calls back. A script's commands
are executed for a client of their own (`Client` without a network, database and protocol set per script),
through a table of their own (`scripttable`), in which a command that scripts may not use refuses.

The path of a script: one call into Lua; per command of the script one call back (`scriptcalls`), one look-up,
one handler. What is rare is found afterwards: several effects are put between MULTI and EXEC, and effects
lose their command where redis.set_repl said so. Of a run of scripts see `scriptruns`.

The cache keeps what SCRIPT LOAD brought for ever, and of what only EVAL brought the 500 used last: as Redis
8.2 does, where loading what EVAL has brought does not change its kind. Errors raised by a script name its
SHA and line, as there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from respq.clock import stopwatch_ns
from respq.command import Argv, Client
from respq.commands.overtime import Overtime
from respq.commands.scriptcalls import caller, executor
from respq.commands.scripttable import Manner, ScriptTable, table_for
from respq.digests import sha1_hex
from respq.errors import ONE_LINE, CommandError, shown
from respq.protocol.resp import RESP2, RESP3
from respq.restrictions import denial_of
from respq.scripting.operations import LONG_INTEGER, UnfitError
from respq.scripting.runtime import Answer, Compiled, CompileError, Failure, Runtime
from respq.scripting.shebang import Flags, read_shebang
from respq.scripting.straight import Plan, translate
from respq.state import LONG_REPLY, Abandoned, Closing, Server
from respq.transport import Unconnected

Outcome = TypeVar("Outcome", bound=bytes | Answer | Failure | None)  # what a script has come to

EVALUATED_KEPT = 500  # scripts that only EVAL brought
LEVELS = ("debug", "verbose", "notice", "warning")
REPL_AOF, REPL_ALL = 1, 3
MOST_KEYS = 100  # of scripts that are translated
_INTEGER, _BULK, _SIMPLE = b":$+"
_DASH = ord("-")


class Runnable(Protocol):
    """A script, or a function of a library."""

    @property
    def name(self) -> bytes:
        """What errors call it."""
        ...

    @property
    def flags(self) -> Flags | None:
        """What it says that it needs."""
        ...

    @property
    def killer(self) -> str:
        """The command that ends it."""
        ...


class Script:
    """One script of the cache."""

    killer = "SCRIPT KILL"

    __slots__ = ("_dump", "_plans", "body", "compiled", "cost_ns", "evaluated", "flags", "sha")

    def __init__(self, body: bytes, sha: bytes, compiled: Compiled, dump: bytes, flags: Flags | None) -> None:
        self.body = body
        self.sha = sha
        self.compiled = compiled
        self._dump = dump
        self._plans: dict[int, Plan | None] = {}
        self.flags = flags  # of its shebang; None: it has none, and may do whatever its commands may
        self.evaluated = False  # EVAL brought it, so it may be evicted
        self.cost_ns = 0  # of one, when a run of it was last measured

    @property
    def name(self) -> bytes:
        """What errors call it."""
        return self.sha

    def plan(self, count: int) -> Plan | None:
        """How to run it without Lua, with so many keys, if it can be done."""
        try:
            return self._plans[count]
        except KeyError:
            plan = translate(self._dump, count) if count < MOST_KEYS else None
            self._plans[count] = plan
            return plan

    def is_straight(self, count: int, words: int) -> bool:
        """Whether it is to be run without Lua, with so many words, `count` of them keys."""
        plan = self.plan(count)
        if plan is None or words < plan.needs:
            return False
        if not plan.pays:
            self._plans[count] = None
            return False
        return True


class ScriptHost:
    """The server, for scripts; and the scripts, for the server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.client = Client(server, 0, Unconnected("", ""))  # MONITOR calls it `lua`
        self.client.authenticated = True
        self.client.executing = True  # nothing blocks
        self.effects = server.effects
        self.scripts: dict[bytes, Script] = {}  # by SHA-1 in lower-case digits
        self.by_body: dict[bytes, Script] = {}  # of those, what EVAL brought, least recently used first
        self.table: ScriptTable = {}
        self.execute = executor(self)
        self.wrote = False  # whether the script that runs has tried to write
        self.mark = 0  # where its effects begin
        self.running: Runnable | None = None
        self.whose = self.client  # the client that runs it
        self.called: Argv = []  # the command that calls a function
        self.began_ns = 0  # when it was first seen running
        self.overtime: Overtime | None = None  # since it has run for too long
        self.repl_from: list[tuple[int, int]] = []  # redis.set_repl: from which effect on, and the flags
        self.runtime = Runtime(self, self.server.redis_version)

    # -- what scripts call -------------------------------------------------------------------------

    def caller(self, runtime: Runtime, *, first: bool) -> Callable[..., Any]:
        """What executes a command: see `Host`."""
        return caller(self, runtime, self.begin if first else None)

    def may_run(self, argv: Argv) -> bool:
        """Whether the user may execute a command. Raises CommandError if there is no such command."""
        if not argv:
            raise CommandError("Please specify at least one argument for this redis lib call")
        spec = self.server.find_spec(argv)
        if spec is None:
            raise CommandError("Invalid command passed to redis.acl_check_cmd()")
        return denial_of(self.client.user, spec, argv) is None

    def log(self, level: int, text: bytes) -> None:
        """Write a line to the log."""
        self.server.log(LEVELS[level], text.decode("utf-8", "replace"))

    def set_resp(self, version: int) -> None:
        """Answer the script in RESP2 or RESP3."""
        self.client.enc = RESP3 if version == 3 else RESP2

    def set_repl(self, flags: int) -> None:
        """From here on, log and replicate what is changed, or not."""
        self.repl_from.append((len(self.effects), flags))

    def tick(self) -> bool:
        """Whether the script must end. Past the threshold, others are served."""
        if not self.began_ns:  # 100,000 instructions ago: a millisecond
            self.began_ns = stopwatch_ns()
        running_ms = self.running_ms()
        threshold_ms = self.server.config.busy_reply_threshold
        if not threshold_ms or running_ms < threshold_ms:
            return False
        if self.overtime is None:
            assert self.running is not None
            name, killer = self.running.name, self.running.killer
            self.overtime = Overtime(self.server, self.whose, name, killer, running_ms)
        return self.overtime.serve_others()

    def running_ms(self) -> int:
        """How long what runs has been seen running."""
        return (stopwatch_ns() - self.began_ns) // 1_000_000

    # -- running -----------------------------------------------------------------------------------

    def run(self, c: Client, script: Script, count: int, argv: Argv, *, read_only: bool) -> bytes:
        """Run a script for `c`; its reply. Raises CommandError."""
        self.prepare(c, script, read_only)
        stats = self.server.stats
        timed_ns, words = stats.timed_ns, argv[3:]
        outcome: bytes | Answer | Failure | None
        if script.is_straight(count, len(words)):
            replies: list[bytes] = []
            outcome = self.run_straight(script, count, [words], replies) or replies[0]
        else:
            self.begin()
            outcome = self.runtime.run(script.compiled, c.enc is RESP3, count, words)
        stats.timed_ns = timed_ns  # the script's own time contains that of its commands
        outcome = self.end(outcome)
        if isinstance(outcome, bytes):
            return outcome
        raise self.error(script, outcome)

    def run_straight(
        self, script: Script, count: int, calls: Sequence[Sequence[bytes]], replies: list[bytes]
    ) -> bytes | Answer | Failure | None:
        """Run a script that has a plan without Lua, for each of `calls` with these words; their replies.

        If one fails, has a long reply or goes on in Lua, it is the last, and this is what it has come to.
        """
        plan = script.plan(count)
        assert plan is not None
        plan.runs += len(calls)
        execute, begin, first, fixed = self.execute, self.begin, plan.first, plan.fixed
        for words in calls:
            begin()
            slots = [*words, *fixed]
            try:
                reply = first(execute, slots)
            except UnfitError:
                return self._go_on_in_lua(script, count, words, plan.replies(slots))
            kind = reply[0]  # of a failure: its text
            if kind == _INTEGER:
                as_it_is = len(reply) < LONG_INTEGER
            else:
                as_it_is = kind == _SIMPLE or (kind == _BULK and reply[1] != _DASH)
            outcome = reply if as_it_is else self._converted(reply)
            if not isinstance(outcome, bytes) or len(outcome) > LONG_REPLY:
                return outcome
            replies.append(outcome)
        return None

    def _go_on_in_lua(
        self, script: Script, count: int, words: Sequence[bytes], replies: list[bytes]
    ) -> bytes | Answer | Failure:
        """Run a script in Lua that has executed its first commands without, with these replies."""
        return self.runtime.run_again(script.compiled, self.whose.enc is RESP3, count, words, replies)

    def _converted(self, outcome: bytes | Failure) -> bytes | Failure:
        """What a script without Lua has come to, as its client gets it."""
        if isinstance(outcome, Failure):
            return outcome
        return self.runtime.convert(outcome, self.whose.enc is RESP3)

    def call(
        self, c: Client, function: Runnable, runtime: Runtime, callback: Compiled, argv: Argv, *, count: int,
        read_only: bool,
    ) -> bytes:  # fmt: skip
        """Call the function of a library, which lives in `runtime`; its reply. Raises CommandError."""
        self.prepare(c, function, read_only)
        self.called = argv
        stats = self.server.stats
        timed_ns = stats.timed_ns
        self.begin()
        outcome = runtime.run(callback, c.enc is RESP3, count, argv[3:])
        stats.timed_ns = timed_ns
        outcome = self.end(outcome)
        if isinstance(outcome, bytes):
            return outcome
        raise self.error(function, outcome)

    def prepare(self, c: Client, script: Runnable, read_only: bool) -> None:
        """Make ready for a script, or a run of one. Raises CommandError."""
        server, flags = self.server, script.flags
        if flags is not None:
            self._admit(flags, read_only)
            read_only = read_only or Flags.NO_WRITES in flags
        self.client.user, permissions = c.user, c.user.permissions
        tables = server.script_tables
        manner = read_only, permissions, c.no_touch, flags is not None and Flags.ALLOW_OOM in flags
        self.table = tables.get(manner) or table_for(server, Manner(*manner))
        self.whose = self.client.runs_for = c
        self.running = script
        self.mark = len(self.effects)

    def begin(self) -> None:
        """A script begins. In a run that is said late: when one first asks for something."""
        mark = len(self.effects)
        if mark > self.mark + 1 or self.repl_from:
            self._log_together()
            mark = len(self.effects)
        self.mark = mark
        self.client.db = self.whose.db
        self.client.fieldsets = None
        self.wrote = False
        self.began_ns = 0

    def end(self, outcome: Outcome) -> Outcome | Failure:
        """A script has ended with this: what its client is to get. Raises Closing."""
        if len(self.effects) > self.mark + 1 or self.repl_from:
            self._log_together()
        return outcome if self.overtime is None else self._end_overtime(outcome)

    def _end_overtime(self, outcome: Outcome) -> Outcome | Failure:
        """Others are served as ever again; what the script has to say for itself."""
        overtime, self.overtime = self.overtime, None
        assert overtime is not None
        overtime.end(self.mark)
        if overtime.abandoned:
            raise Abandoned
        if overtime.client.closing:  # it has hung up, or the server shuts down
            raise Closing
        if overtime.killed and isinstance(outcome, Failure):
            return outcome._replace(text=b"ERR Script killed by user with SCRIPT KILL...")
        return outcome

    def _admit(self, flags: Flags, read_only: bool) -> None:
        """Check what a script with a shebang says that it needs."""
        if read_only and Flags.NO_WRITES not in flags:
            raise CommandError("Can not execute a script with write flag using *_ro command.")

    def _log_together(self) -> None:
        """Let the log have what a script did between MULTI and EXEC, if that is more than one command."""
        if self.repl_from:
            self._withhold(self.mark)
        self.whose.log_together(self.mark)

    def _withhold(self, mark: int) -> None:
        """Keep out of the log what was changed while redis.set_repl said so."""
        effects, flags = self.effects, REPL_ALL
        changes = dict(self.repl_from)
        for at in range(mark, len(effects)):
            flags = changes.get(at, flags)
            if not flags & REPL_AOF:
                db, key, event, _ = effects[at]
                effects[at] = (db, key, event, None)
        self.repl_from.clear()

    def error(self, script: Runnable, failure: Failure | Answer) -> CommandError:
        """What the client gets for a script that failed, or that returned errors."""
        if isinstance(failure, Answer):
            for code in failure.codes:
                self.server.stats.count_prefix(code.decode("latin-1"))
            error = CommandError("")
            error.reply = failure.reply
            error.counted = True
            return error
        text = failure.text
        if failure.source is not None:
            text = shown(text) + b" script: %b, on %b:%d." % (script.name, failure.source, failure.line)
        code, _, message = text.translate(ONE_LINE).partition(b" ")
        error = CommandError(message, code.decode("latin-1"))
        error.counted = failure.counted
        return error

    # -- the cache ---------------------------------------------------------------------------------

    def evaluated(self, body: bytes) -> Script:
        """The script with this text, for EVAL. Raises CommandError."""
        script = self.by_body.get(body)
        if script is None:
            sha = sha1_hex(body)
            script = self.scripts.get(sha)
            if script is None:
                script = self.add(body, sha)
                script.evaluated = True
                self.by_body[body] = script
                if len(self.by_body) > EVALUATED_KEPT:
                    self._evict()
        else:
            self.touch(script)
        return script

    def touch(self, script: Script) -> None:
        """Note that a script that EVAL brought was used."""
        del self.by_body[script.body]
        self.by_body[script.body] = script

    def _evict(self) -> None:
        body = next(iter(self.by_body))
        del self.scripts[self.by_body.pop(body).sha]
        self.server.stats.evicted_scripts += 1

    def add(self, body: bytes, sha: bytes) -> Script:
        """Compile a script and keep it. Raises CommandError."""
        flags, text = read_shebang(body)
        try:
            compiled = self.runtime.compile(text)
        except CompileError as error:
            raise CommandError(b"Error compiling script (new function): %b" % error.args[0]) from None
        script = self.scripts[sha] = Script(body, sha, compiled, self.runtime.dump(compiled), flags)
        return script

    def flush(self) -> None:
        """Forget every script, and Lua with them."""
        self.scripts.clear()
        self.by_body.clear()
        self.runtime = Runtime(self, self.server.redis_version)
