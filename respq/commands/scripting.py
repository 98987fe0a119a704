"""Scripts: EVAL and its kin, the cache of scripts, and the server as a script sees it.

`scripting.runtime` runs Lua and knows no commands; `ScriptHost` is what it calls back. A script's commands
are executed for a client of their own (`Client` without a network, database and protocol set per script),
through a table of their own (`scripttable`), in which a command that scripts may not use refuses.

The path of EVALSHA: one look-up of the script, one call into Lua; per command of the script one call back,
one look-up, one handler. What is rare is found afterwards: several effects are put between MULTI and EXEC,
and effects lose their command where redis.set_repl said so.

The cache keeps what SCRIPT LOAD brought for ever, and of what only EVAL brought the 500 used last: as Redis
8.2 does, where loading what EVAL has brought does not change its kind. Errors raised by a script name its
SHA and line, as there.
"""

from __future__ import annotations

import hashlib

from respq.clock import stopwatch_ns
from respq.command import (
    ALLOW_BUSY,
    LOADING,
    MAY_REPLICATE,
    MOVABLEKEYS,
    NO_MANDATORY_KEYS,
    NOSCRIPT,
    READONLY,
    SKIP_MONITOR,
    STALE,
    Argv,
    Client,
    Keys,
    command,
    container,
)
from respq.commands.arguments import parse_int
from respq.commands.help import help_reply
from respq.commands.overtime import Overtime
from respq.commands.scripttable import ScriptEntry, ScriptTable, execute, table_for, unknown
from respq.errors import ONE_LINE, CommandError
from respq.monitor import show_monitors
from respq.protocol.resp import OK, RESP2, RESP3, array, bulk, integer
from respq.scripting.numbers import MisuseError
from respq.scripting.runtime import Answer, Compiled, CompileError, Failure, Runtime
from respq.scripting.shebang import Flags, read_shebang
from respq.state import Abandoned, Closing, Flag, Rejected, Server, Spec

EVALUATED_KEPT = 500  # scripts that only EVAL brought
SHA_DIGITS = 40
VERSION = "8.2.3"
LEVELS = ("debug", "verbose", "notice", "warning")
REPL_AOF, REPL_ALL = 1, 3

_ANY_KEYS = "We cannot tell how the keys will be used so we assume the worst, %s"
_COUNTS = {b"%d" % n: n for n in range(100)}
_FLAGS = NOSCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS | MOVABLEKEYS


class Script:
    """One script of the cache."""

    __slots__ = ("body", "compiled", "evaluated", "flags", "sha")

    def __init__(self, body: bytes, sha: bytes, compiled: Compiled, flags: Flags | None) -> None:
        self.body = body
        self.sha = sha
        self.compiled = compiled
        self.flags = flags  # of its shebang; None: it has none, and may do whatever its commands may
        self.evaluated = False  # EVAL brought it, so it may be evicted


class NoTransport:
    """The connection of the client that executes the commands of scripts: MONITOR calls it `lua`."""

    def address(self) -> str:
        """None, in the slow log."""
        return ""

    def local_address(self) -> str:
        """None."""
        return ""

    def is_local(self) -> bool:
        """What scripts may, anybody may who may use scripts."""
        return False

    def is_unix_socket(self) -> bool:
        """It is none."""
        return False

    def descriptor(self) -> int:
        """There is none."""
        return -1

    def output_bytes(self) -> int:
        """Nothing is sent."""
        return 0


class ScriptHost:
    """The server, for scripts; and the scripts, for the server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.client = Client(server, 0, NoTransport())
        self.client.authenticated = True
        self.client.executing = True  # nothing blocks
        self.scripts: dict[bytes, Script] = {}  # by SHA-1 in lower-case digits
        self.by_body: dict[bytes, Script] = {}  # of those, what EVAL brought, least recently used first
        self.table: ScriptTable = {}
        self.writes = True  # whether the script that runs may write
        self.wrote = False  # whether it has tried to
        self.running: tuple[Client, Script] | None = None  # the script that runs, and whose it is
        self.began_ns = 0  # when it was first seen running
        self.overtime: Overtime | None = None  # since it has run for too long
        self.repl_from: list[tuple[int, int]] = []  # redis.set_repl: from which effect on, and the flags
        self.runtime = Runtime(self, VERSION)

    # -- what scripts call -------------------------------------------------------------------------

    def execute(self, argv: Argv) -> bytes:
        """Execute a command for the script; its reply. Raises CommandError."""
        try:
            handler, fewest, most, spec, writes = self.table[argv[0]]
        except KeyError:
            handler, fewest, most, spec, writes = self._look_up(argv)
        except IndexError:
            raise MisuseError("Please specify at least one argument for this redis lib call") from None
        if writes:
            self.wrote = True
        if not fewest <= len(argv) <= most:
            return execute((handler, fewest, most, spec, writes), self.client, argv)
        try:
            reply = handler(self.client, argv)  # as in `scripttable.execute`, without the call
        except Rejected:
            spec.rejected_calls += 1
            raise
        except CommandError:
            spec.calls += 1
            spec.failed_calls += 1
            raise
        spec.calls += 1
        return reply

    def _look_up(self, argv: Argv) -> ScriptEntry:
        entry = self.table.get(argv[0].lower())
        if entry is None:
            raise unknown()
        return entry

    def failed(self, error: CommandError) -> None:
        """Count the error of a command."""
        self.server.stats.count(error)

    def may_run(self, argv: Argv) -> bool:
        """Whether the user may execute a command. Raises CommandError if there is no such command."""
        if not argv:
            raise CommandError("Please specify at least one argument for this redis lib call")
        spec = self.server.find_spec(argv)
        if spec is None:
            raise CommandError("Invalid command passed to redis.acl_check_cmd()")
        return True

    def log(self, level: int, text: bytes) -> None:
        """Write a line to the log."""
        self.server.log(LEVELS[level], text.decode("utf-8", "replace"))

    def set_resp(self, version: int) -> None:
        """Answer the script in RESP2 or RESP3."""
        self.client.enc = RESP3 if version == 3 else RESP2

    def set_repl(self, flags: int) -> None:
        """From here on, log and replicate what is changed, or not."""
        self.repl_from.append((len(self.server.effects), flags))

    def tick(self) -> bool:
        """Whether the script must end. Past the threshold, others are served."""
        now_ns = stopwatch_ns()
        if not self.began_ns:  # 100,000 instructions ago: a millisecond
            self.began_ns = now_ns
        running_ms = (now_ns - self.began_ns) // 1_000_000
        threshold_ms = self.server.config.busy_reply_threshold
        if not threshold_ms or running_ms < threshold_ms:
            return False
        if self.overtime is None:
            assert self.running is not None
            client, script = self.running
            self.overtime = Overtime(self.server, client, script.sha, running_ms)
        return self.overtime.serve_others()

    # -- running -----------------------------------------------------------------------------------

    def run(self, c: Client, script: Script, count: int, argv: Argv, *, read_only: bool) -> bytes:
        """Run a script for `c`; its reply. Raises CommandError."""
        server, client = self.server, self.client
        flags = script.flags
        if flags is not None:
            self._admit(flags, read_only)
            read_only = read_only or Flags.NO_WRITES in flags
        self.table = server.script_tables.get(read_only) or table_for(server, read_only)
        client.db = c.db
        self.wrote = False
        self.running = c, script
        self.began_ns = 0
        effects, stats = server.effects, server.stats
        mark, timed_ns = len(effects), stats.timed_ns
        outcome = self.runtime.run(script.compiled, c.enc is RESP3, count, argv[3:])
        stats.timed_ns = timed_ns  # the script's own time contains that of its commands
        if len(effects) > mark + 1 or self.repl_from:
            self._log_together(mark, nested=c.executing)
        if self.overtime is not None:
            outcome = self._end_overtime(mark, outcome)
        if isinstance(outcome, bytes):
            return outcome
        raise self._error(script, outcome)

    def _end_overtime(self, mark: int, outcome: bytes | Answer | Failure) -> bytes | Answer | Failure:
        """Others are served as ever again; what the script has to say for itself."""
        overtime, self.overtime = self.overtime, None
        assert overtime is not None
        overtime.end(mark)
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

    def _log_together(self, mark: int, *, nested: bool) -> None:
        """Let the log have what a script did between MULTI and EXEC, if that is more than one command."""
        effects = self.server.effects
        if self.repl_from:
            self._withhold(mark)
        logged = [effect[0] for effect in effects[mark:] if effect[3] is not None]
        if len(logged) > 1 and not nested:
            effects.insert(mark, (logged[0], None, None, [b"MULTI"]))
            effects.append((logged[-1], None, None, [b"EXEC"]))
            self.server.changes_since_save -= 2  # these will be counted as the others are

    def _withhold(self, mark: int) -> None:
        """Keep out of the log what was changed while redis.set_repl said so."""
        effects, flags = self.server.effects, REPL_ALL
        changes = dict(self.repl_from)
        for at in range(mark, len(effects)):
            flags = changes.get(at, flags)
            if not flags & REPL_AOF:
                db, key, event, _ = effects[at]
                effects[at] = (db, key, event, None)
        self.repl_from.clear()

    def _error(self, script: Script, failure: Failure | Answer) -> CommandError:
        """What the client gets for a script that failed, or that returned errors."""
        if isinstance(failure, Answer):
            self.server.stats.errors.update(code.decode("latin-1") for code in failure.codes)
            error = CommandError("")
            error.reply = failure.reply
            error.counted = True
            return error
        text = failure.text
        if failure.source is not None:
            text += b" script: %b, on %b:%d." % (script.sha, failure.source, failure.line)
        code, _, message = text.translate(ONE_LINE).partition(b" ")
        error = CommandError(message, code.decode("latin-1"))
        error.counted = failure.counted
        return error

    # -- the cache ---------------------------------------------------------------------------------

    def evaluated(self, body: bytes) -> Script:
        """The script with this text, for EVAL. Raises CommandError."""
        script = self.by_body.get(body)
        if script is None:
            sha = sha_of(body)
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
        script = self.scripts[sha] = Script(body, sha, compiled, flags)
        return script

    def flush(self) -> None:
        """Forget every script, and Lua with them."""
        self.scripts.clear()
        self.by_body.clear()
        self.runtime = Runtime(self, VERSION)


def sha_of(body: bytes) -> bytes:
    """The SHA-1 of a script, in digits."""
    return hashlib.sha1(body, usedforsecurity=False).hexdigest().encode()


def _host(server: Server) -> ScriptHost:
    """The scripts of a server; lupa is imported when the first is asked for."""
    if server.scripts is None:
        server.scripts = ScriptHost(server)
    host: ScriptHost = server.scripts
    return host


def flags_of_script(server: Server, spec: Spec, argv: Argv) -> Flag:
    """The flags of a call of EVAL and its kin: those of the script, if it has a shebang.

    That is what decides whether a pause or a log that cannot be written stops it.
    """
    try:
        if spec.name.startswith("EVALSHA"):
            script = None if server.scripts is None else server.scripts.scripts.get(argv[1].lower())
            flags = None if script is None else script.flags
        else:
            flags = read_shebang(argv[1])[0]
    except CommandError:
        return spec.flags
    if flags is None:
        return spec.flags
    writes = Flag(0) if Flags.NO_WRITES in flags else Flag.WRITE
    return spec.flags & ~MAY_REPLICATE | writes


def _count_of_keys(argv: Argv) -> int:
    count = parse_int(argv[2])
    if count > len(argv) - 3:
        raise CommandError("Number of keys can't be greater than number of args")
    if count < 0:
        raise CommandError("Number of keys can't be negative")
    return count


def _eval(c: Client, argv: Argv, *, read_only: bool) -> bytes:
    server = c.server
    if server.monitors:
        show_monitors(c, argv)  # before what the script does is shown
    host = server.scripts or _host(server)
    count = _COUNTS.get(argv[2], -1)
    if not 0 <= count <= len(argv) - 3:
        count = _count_of_keys(argv)
    return host.run(c, host.evaluated(argv[1]), count, argv, read_only=read_only)


def _evalsha(c: Client, argv: Argv, *, read_only: bool) -> bytes:
    server = c.server
    host: ScriptHost = server.scripts or _host(server)
    if server.monitors:
        show_monitors(c, argv)
    script = host.scripts.get(argv[1])
    count = _COUNTS.get(argv[2], -1)
    if script is None or not 0 <= count <= len(argv) - 3:
        script, count = _looked_up(host, argv)
    if script.evaluated:
        host.touch(script)
    return host.run(c, script, count, argv, read_only=read_only)


def _looked_up(host: ScriptHost, argv: Argv) -> tuple[Script, int]:
    """The script and the number of its keys, in the order in which Redis checks them. Raises CommandError."""
    if len(argv[1]) != SHA_DIGITS:
        raise _no_such_script()
    count = _count_of_keys(argv)
    script = host.scripts.get(argv[1].lower())
    if script is None:
        raise _no_such_script()
    return script, count


def _no_such_script() -> CommandError:
    return CommandError("No matching script. Please use EVAL.", "NOSCRIPT")


def _keys(flags: str, notes: str = "") -> tuple[Keys, ...]:
    return (Keys(flags, 2, counted=True, notes=notes),)


@command("EVAL", arity=-3, flags=_FLAGS | MAY_REPLICATE, group="scripting", since="2.6.0",
         keys=_keys("RW access update", _ANY_KEYS % "RW and UPDATE"),
         syntax="script numkeys [key [key ...]] [arg [arg ...]]",
         complexity="That of the script")  # fmt: skip
def evaluate(c: Client, argv: Argv) -> bytes:
    """Run a Lua script."""
    return _eval(c, argv, read_only=False)


@command("EVAL_RO", arity=-3, flags=_FLAGS | READONLY, group="scripting", since="7.0.0",
         keys=_keys("RO access", _ANY_KEYS % "RO and ACCESS"), acl="-read",
         syntax="script numkeys [key [key ...]] [arg [arg ...]]",
         complexity="That of the script")  # fmt: skip
def evaluate_read_only(c: Client, argv: Argv) -> bytes:
    """Run a Lua script that may not write."""
    return _eval(c, argv, read_only=True)


@command("EVALSHA", arity=-3, flags=_FLAGS | MAY_REPLICATE, group="scripting", since="2.6.0",
         keys=_keys("RW access update"),
         syntax="sha1 numkeys [key [key ...]] [arg [arg ...]]", complexity="That of the script")  # fmt: skip
def evaluate_sha(c: Client, argv: Argv) -> bytes:
    """Run a Lua script of the cache, named by its SHA-1."""
    return _evalsha(c, argv, read_only=False)


@command("EVALSHA_RO", arity=-3, flags=_FLAGS | READONLY, group="scripting", since="7.0.0",
         keys=_keys("RO access"), acl="-read",
         syntax="sha1 numkeys [key [key ...]] [arg [arg ...]]", complexity="That of the script")  # fmt: skip
def evaluate_sha_read_only(c: Client, argv: Argv) -> bytes:
    """Run a Lua script of the cache that may not write."""
    return _evalsha(c, argv, read_only=True)


container("SCRIPT", group="scripting", since="2.6.0", summary="Commands about the cache of scripts")

_ALL_NODES = ("request_policy:all_nodes", "response_policy:all_succeeded")


@command("SCRIPT|LOAD", arity=3, flags=NOSCRIPT | STALE, group="scripting", since="2.6.0", syntax="script",
         tips=_ALL_NODES, complexity="O(N) for the length of the script")  # fmt: skip
def script_load(c: Client, argv: Argv) -> bytes:
    """Compile a script and keep it; its SHA-1."""
    host = _host(c.server)
    sha = sha_of(argv[2])
    if sha not in host.scripts:
        host.add(argv[2], sha)
    return bulk(sha)


@command("SCRIPT|EXISTS", arity=-3, flags=NOSCRIPT, group="scripting", since="2.6.0",
         syntax="sha1 [sha1 ...]",
         tips=("request_policy:all_shards", "response_policy:agg_logical_and"),
         complexity="O(N) for N scripts")  # fmt: skip
def script_exists(c: Client, argv: Argv) -> bytes:
    """Tell which of these scripts are in the cache."""
    scripts = c.server.scripts.scripts if c.server.scripts is not None else {}
    return array([integer(sha.lower() in scripts) for sha in argv[2:]])


@command("SCRIPT|FLUSH", arity=-2, flags=NOSCRIPT, group="scripting", since="2.6.0", syntax="[ASYNC | SYNC]",
         tips=_ALL_NODES, complexity="O(N) for N scripts")  # fmt: skip
def script_flush(c: Client, argv: Argv) -> bytes:
    """Empty the cache of scripts."""
    if len(argv) > 3 or (len(argv) == 3 and argv[2].upper() not in (b"ASYNC", b"SYNC")):
        raise CommandError("SCRIPT FLUSH only support SYNC|ASYNC option")
    if c.server.scripts is not None:
        c.server.scripts.flush()
    return OK


@command("SCRIPT|KILL", arity=2, flags=NOSCRIPT | ALLOW_BUSY, group="scripting", since="2.6.0",
         tips=("request_policy:all_shards", "response_policy:one_succeeded"))  # fmt: skip
def script_kill(c: Client, argv: Argv) -> bytes:
    """End the script that runs, unless it has written."""
    server = c.server
    if server.busy is None:
        raise CommandError("No scripts in execution right now.", "NOTBUSY")
    server.busy.kill(server.scripts.wrote)
    return OK


@command("SCRIPT|DEBUG", arity=3, flags=NOSCRIPT, group="scripting", since="3.2.0",
         syntax="<YES | SYNC | NO>")  # fmt: skip
def script_debug(c: Client, argv: Argv) -> bytes:
    """Switch the debugger of scripts on or off for this client."""
    word = argv[2].upper()
    if word == b"NO":
        return OK
    if word in (b"YES", b"SYNC"):
        raise CommandError("respq has no debugger for scripts")
    raise CommandError("Use SCRIPT DEBUG YES/SYNC/NO")


@command("SCRIPT|HELP", arity=2, flags=LOADING | STALE, group="scripting", since="5.0.0")
def script_help(c: Client, argv: Argv) -> bytes:
    """List the forms of SCRIPT."""
    return help_reply("SCRIPT", """
        DEBUG (YES|SYNC|NO)
            Switch the debugger for the scripts that this client runs.
        EXISTS <sha1> [<sha1> ...]
            Tell for each script whether it is in the cache.
        FLUSH [ASYNC|SYNC]
            Empty the cache of scripts. Clients that rely on EVALSHA have to load
            theirs again.
            Both modes do the same here: there is little to be freed.
        KILL
            End the script that is running.
        LOAD <script>
            Compile a script and put it into the cache.
        """)  # fmt: skip
