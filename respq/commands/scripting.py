"""EVAL and its kin, and SCRIPT: the commands about scripts. What runs and keeps these is `ScriptHost`."""

from __future__ import annotations

from functools import partial

from respq.command import (
    ALLOW_BUSY,
    LOADING,
    MAY_REPLICATE,
    MOVABLEKEYS,
    NO_MANDATORY_KEYS,
    NOSCRIPT,
    READONLY,
    SCRIPT_RUNNER,
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
from respq.commands.scripthost import Script, ScriptHost
from respq.commands.scriptruns import FIXED_WORDS, ScriptRun, common_word
from respq.digests import sha1_hex
from respq.errors import CommandError
from respq.flags import Flag
from respq.monitor import show_monitors
from respq.protocol.resp import OK, array, bulk, integer
from respq.protocol.runs import Run
from respq.scripting.shebang import Flags, read_shebang
from respq.slowlog import times_all
from respq.state import Server, Spec

SHA_DIGITS = 40

_ANY_KEYS = "We cannot tell how the keys will be used so we assume the worst, %s"
_COUNTS = {b"%d" % n: n for n in range(100)}
_FLAGS = NOSCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS | MOVABLEKEYS | SCRIPT_RUNNER


def host_of(server: Server) -> ScriptHost:
    """The scripts of a server; lupa is imported when the first is asked for."""
    if server.scripts is None:
        server.scripts = ScriptHost(server)
    host: ScriptHost = server.scripts
    return host


def flags_of_script(server: Server, spec: Spec, argv: Argv) -> Flag:
    """The flags of a call of EVAL, FCALL and their kin: those of the function, of the script with a shebang.

    That is what decides whether a pause, a log that cannot be written or a lack of memory stops it.
    """
    try:
        if spec.name.startswith("EVALSHA"):
            script = None if server.scripts is None else server.scripts.scripts.get(argv[1].lower())
            flags = None if script is None else script.flags
        elif spec.name.startswith("FCALL"):
            flags = server.libraries.flags_of(argv[1])
        else:
            flags = read_shebang(argv[1])[0]
    except CommandError:
        return spec.flags
    if flags is None:
        return spec.flags
    if Flags.NO_WRITES in flags:
        return spec.flags & ~MAY_REPLICATE
    return spec.flags & ~MAY_REPLICATE | (
        Flag.WRITE if Flags.ALLOW_OOM in flags else Flag.WRITE | Flag.DENYOOM
    )


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
    host = server.scripts or host_of(server)
    count = _COUNTS.get(argv[2], -1)
    if not 0 <= count <= len(argv) - 3:
        count = _count_of_keys(argv)
    return host.run(c, host.evaluated(argv[1]), count, argv, read_only=read_only)


def _evalsha(c: Client, argv: Argv, *, read_only: bool) -> bytes:
    server = c.server
    host: ScriptHost = server.scripts or host_of(server)
    if server.monitors:
        show_monitors(c, argv)
    script = host.scripts.get(argv[1])
    count = _COUNTS.get(argv[2], -1)
    if script is None or not 0 <= count <= len(argv) - 3:
        script, count = _looked_up(host, argv)
    if script.evaluated:
        host.touch(script)
    return host.run(c, script, count, argv, read_only=read_only)


def _run_scripts(c: Client, run: Run, *, read_only: bool) -> bytes | None:
    """A run of one script, for EVAL and EVALSHA: see `BulkHandler`. Declines what would be refused.

    And what somebody has to see one by one: MONITOR, the slow log, the client itself if it is subscribed.
    """
    server = c.server
    if server.monitors or c.subscribed or times_all(server):
        return None
    name, digits = common_word(run, 1), common_word(run, 2)
    count = _COUNTS.get(digits or b"", -1)
    if name is None or not 0 <= count <= run.words - FIXED_WORDS:
        return None
    host = server.scripts or host_of(server)
    spec = server.specs[run.name.decode("latin-1").upper()]
    script = host.scripts.get(name)
    try:
        if not spec.name.startswith("EVALSHA"):
            script = host.evaluated(name)
        elif script is None:
            return None
        elif script.evaluated:
            host.touch(script)
        host.prepare(c, script, read_only)
    except CommandError:
        return None
    return ScriptRun(host, c, script, count, run).execute(spec, read_only=read_only)


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
         complexity="That of the script", bulk=partial(_run_scripts, read_only=False))  # fmt: skip
def evaluate(c: Client, argv: Argv) -> bytes:
    """Run a Lua script."""
    return _eval(c, argv, read_only=False)


@command("EVAL_RO", arity=-3, flags=_FLAGS | READONLY, group="scripting", since="7.0.0",
         keys=_keys("RO access", _ANY_KEYS % "RO and ACCESS"), acl="-read",
         syntax="script numkeys [key [key ...]] [arg [arg ...]]",
         complexity="That of the script", bulk=partial(_run_scripts, read_only=True))  # fmt: skip
def evaluate_read_only(c: Client, argv: Argv) -> bytes:
    """Run a Lua script that may not write."""
    return _eval(c, argv, read_only=True)


@command("EVALSHA", arity=-3, flags=_FLAGS | MAY_REPLICATE, group="scripting", since="2.6.0",
         keys=_keys("RW access update"),
         syntax="sha1 numkeys [key [key ...]] [arg [arg ...]]", complexity="That of the script",
         bulk=partial(_run_scripts, read_only=False))  # fmt: skip
def evaluate_sha(c: Client, argv: Argv) -> bytes:
    """Run a Lua script of the cache, named by its SHA-1."""
    return _evalsha(c, argv, read_only=False)


@command("EVALSHA_RO", arity=-3, flags=_FLAGS | READONLY, group="scripting", since="7.0.0",
         keys=_keys("RO access"), acl="-read",
         syntax="sha1 numkeys [key [key ...]] [arg [arg ...]]", complexity="That of the script",
         bulk=partial(_run_scripts, read_only=True))  # fmt: skip
def evaluate_sha_read_only(c: Client, argv: Argv) -> bytes:
    """Run a Lua script of the cache that may not write."""
    return _evalsha(c, argv, read_only=True)


container("SCRIPT", group="scripting", since="2.6.0", summary="Commands about the cache of scripts")

_ALL_NODES = ("request_policy:all_nodes", "response_policy:all_succeeded")


@command("SCRIPT|LOAD", arity=3, flags=NOSCRIPT | STALE, group="scripting", since="2.6.0", syntax="script",
         tips=_ALL_NODES, complexity="O(N) for the length of the script")  # fmt: skip
def script_load(c: Client, argv: Argv) -> bytes:
    """Compile a script and keep it; its SHA-1."""
    host = host_of(c.server)
    sha = sha1_hex(argv[2])
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
         tips=_ALL_NODES, complexity="O(N) for N scripts",
         argument_groups="flush-type", argument_versions={"flush-type": "6.2.0"})  # fmt: skip
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
    return kill(c.server, Script.killer)


def kill(server: Server, killer: str) -> bytes:
    """End what runs if it is for the command `killer` to do so. Raises CommandError."""
    if server.busy is None:
        raise CommandError("No scripts in execution right now.", "NOTBUSY")
    server.busy.kill(killer, server.scripts.wrote)
    return OK


@command("SCRIPT|DEBUG", arity=3, flags=NOSCRIPT, group="scripting", since="3.2.0",
         syntax="<YES | SYNC | NO>",
         argument_groups="mode")  # fmt: skip
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
