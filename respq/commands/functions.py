"""FUNCTION, FCALL and FCALL_RO: the commands about libraries of functions (see `libraries`)."""

from __future__ import annotations

from collections.abc import Iterator

from respq.command import (
    ALLOW_BUSY,
    DENYOOM,
    LOADING,
    MAY_REPLICATE,
    MOVABLEKEYS,
    NO_MANDATORY_KEYS,
    NOSCRIPT,
    READONLY,
    SCRIPT_RUNNER,
    SKIP_MONITOR,
    STALE,
    WRITE,
    Argv,
    Client,
    Keys,
    command,
    container,
)
from respq.commands.arguments import as_int
from respq.commands.help import help_reply
from respq.commands.libraries import Function, Library
from respq.commands.scripting import kill
from respq.errors import CommandError, shown
from respq.glob import matcher
from respq.monitor import show_monitors
from respq.protocol.resp import OK, array, bulk, bulks, integer, simple
from respq.rdb import payload
from respq.rdb.strings import write_compressed, write_plain
from respq.scripting.shebang import words_of

_FLAGS = NOSCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS | MOVABLEKEYS | SCRIPT_RUNNER
_ANY_KEYS = "We cannot tell how the keys will be used so we assume the worst, %s"
_ON_ALL_SHARDS = ("request_policy:all_shards", "response_policy:all_succeeded")
_POLICIES = (b"FLUSH", b"APPEND", b"REPLACE")


def _keys(flags: str, worst: str) -> tuple[Keys, ...]:
    return (Keys(flags, 2, counted=True, notes=_ANY_KEYS % worst),)


@command("FCALL", arity=-3, flags=_FLAGS | MAY_REPLICATE, group="scripting", since="7.0.0",
         keys=_keys("RW access update", "RW and UPDATE"),
         syntax="function numkeys [key [key ...]] [arg [arg ...]]",
         complexity="That of the function")  # fmt: skip
def fcall(c: Client, argv: Argv) -> bytes:
    """Call a function."""
    return _call(c, argv, read_only=False)


@command("FCALL_RO", arity=-3, flags=_FLAGS | READONLY, group="scripting", since="7.0.0",
         keys=_keys("RO access", "RO and ACCESS"), acl="-read",
         syntax="function numkeys [key [key ...]] [arg [arg ...]]",
         complexity="That of the function")  # fmt: skip
def fcall_read_only(c: Client, argv: Argv) -> bytes:
    """Call a function that does not write."""
    return _call(c, argv, read_only=True)


def _call(c: Client, argv: Argv, *, read_only: bool) -> bytes:
    server = c.server
    if server.monitors:
        show_monitors(c, argv)  # before what the function does is shown
    libraries = server.libraries
    function: Function = libraries.find(argv[1])
    count = as_int(argv[2])
    if count is None:
        raise CommandError("Bad number of keys provided")
    if count > len(argv) - 3:
        raise CommandError("Number of keys can't be greater than number of args")
    if count < 0:
        raise CommandError("Number of keys can't be negative")
    reply: bytes = libraries.host.call(
        c, function, libraries.runtime, function.callback, argv, count=count, read_only=read_only
    )
    return reply


container("FUNCTION", group="scripting", since="7.0.0", summary="Commands about libraries of functions")


@command("FUNCTION|LOAD", arity=-3, flags=NOSCRIPT | WRITE | DENYOOM, group="scripting", since="7.0.0",
         syntax="[REPLACE] function-code", tips=_ON_ALL_SHARDS,
         complexity="O(1), and what the library does when it is loaded")  # fmt: skip
def function_load(c: Client, argv: Argv) -> bytes:
    """Load a library of functions; its name."""
    for word in argv[2:-1]:
        if word.upper() != b"REPLACE":
            raise CommandError(b"Unknown option given: %b" % shown(word))
    name = c.server.libraries.load(argv[-1], replace=len(argv) > 3)
    _log(c, argv)
    return bulk(name)


@command("FUNCTION|DELETE", arity=3, flags=NOSCRIPT | WRITE, group="scripting", since="7.0.0",
         syntax="library-name", tips=_ON_ALL_SHARDS, complexity="O(N) for N functions")  # fmt: skip
def function_delete(c: Client, argv: Argv) -> bytes:
    """Delete a library with its functions."""
    c.server.libraries.delete(argv[2])
    _log(c, argv)
    return OK


@command("FUNCTION|FLUSH", arity=-2, flags=NOSCRIPT | WRITE, group="scripting", since="7.0.0",
         syntax="[ASYNC | SYNC]", tips=_ON_ALL_SHARDS, complexity="O(N) for N functions",
         argument_groups="flush-type")  # fmt: skip
def function_flush(c: Client, argv: Argv) -> bytes:
    """Delete all libraries."""
    if len(argv) > 3:
        raise _misused("FLUSH")
    if len(argv) == 3 and argv[2].upper() not in (b"ASYNC", b"SYNC"):
        raise CommandError("FUNCTION FLUSH only supports SYNC|ASYNC option")
    c.server.libraries.flush()
    _log(c, argv)
    return OK


@command("FUNCTION|DUMP", arity=2, flags=NOSCRIPT, group="scripting", since="7.0.0",
         complexity="O(N) for N functions")  # fmt: skip
def function_dump(c: Client, argv: Argv) -> bytes:
    """Return all libraries as bytes that FUNCTION RESTORE understands, here or in Redis."""
    write_string = write_compressed if c.server.config.rdbcompression else write_plain
    return bulk(payload.dump_libraries((library.code for library in c.server.libraries), write_string))


@command("FUNCTION|RESTORE", arity=-3, flags=NOSCRIPT | WRITE | DENYOOM, group="scripting", since="7.0.0",
         syntax="serialized-value [FLUSH | APPEND | REPLACE]", tips=_ON_ALL_SHARDS,
         complexity="O(N) for N functions",
         argument_groups="policy")  # fmt: skip
def function_restore(c: Client, argv: Argv) -> bytes:
    """Load the libraries that FUNCTION DUMP returned, besides others or in their place."""
    if len(argv) > 4:
        raise _misused("RESTORE")
    policy = argv[3].upper() if len(argv) == 4 else b"APPEND"
    if policy not in _POLICIES:
        raise CommandError("Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.")
    c.server.libraries.restore(argv[2], policy)
    _log(c, argv)
    return OK


def _log(c: Client, argv: Argv) -> None:
    """The libraries have changed, which is no matter of any key."""
    c.effects.append((c.db, None, None, argv))


def _misused(name: str) -> CommandError:
    return CommandError(f"unknown subcommand or wrong number of arguments for '{name}'. Try FUNCTION HELP.")


@command("FUNCTION|LIST", arity=-2, flags=NOSCRIPT, group="scripting", since="7.0.0",
         syntax="[LIBRARYNAME library-name-pattern] [WITHCODE]", tips=("nondeterministic_output_order",),
         complexity="O(N) for N functions")  # fmt: skip
def function_list(c: Client, argv: Argv) -> bytes:
    """Describe the libraries, or those whose names match a pattern, and their functions."""
    pattern, with_code = _list_options(argv)
    libraries: Iterator[Library] = iter(c.server.libraries)
    if pattern is not None:
        matches = matcher(pattern.lower())
        libraries = (library for library in libraries if matches(library.name.lower()))
    return array([_described(c, library, with_code) for library in libraries])


def _list_options(argv: Argv) -> tuple[bytes | None, bool]:
    """The pattern, and whether the code is wanted."""
    pattern, with_code = None, False
    words = iter(argv[2:])
    for word in words:
        if word.upper() == b"WITHCODE" and not with_code:
            with_code = True
        elif word.upper() == b"LIBRARYNAME" and pattern is None:
            pattern = next(words, None)
            if pattern is None:
                raise CommandError("library name argument was not given")
        else:
            raise CommandError(b"Unknown argument %b" % shown(word))
    return pattern, with_code


def _described(c: Client, library: Library, with_code: bool) -> bytes:
    fields = [
        (bulk(b"library_name"), bulk(library.name)),
        (bulk(b"engine"), bulk(b"LUA")),
        (bulk(b"functions"), array([_described_function(c, each) for each in library.functions])),
    ]
    if with_code:
        fields.append((bulk(b"library_code"), bulk(library.code)))
    return c.enc.map(fields)


def _described_function(c: Client, function: Function) -> bytes:
    flags = c.enc.set(list(map(simple, words_of(function.flags))))
    return c.enc.map([
        (bulk(b"name"), bulk(function.name)),
        (bulk(b"description"), c.enc.maybe_bulk(function.description)),
        (bulk(b"flags"), flags),
    ])  # fmt: skip


@command("FUNCTION|STATS", arity=2, flags=NOSCRIPT | ALLOW_BUSY, group="scripting", since="7.0.0",
         tips=("nondeterministic_output", "request_policy:all_shards",
             "response_policy:special"))  # fmt: skip
def function_stats(c: Client, argv: Argv) -> bytes:
    """Tell which function runs, if one has been running for long, and how many there are."""
    server = c.server
    running = c.enc.null
    if server.busy is not None:
        server.busy.check(Function.killer)
        host = server.libraries.host
        running = c.enc.map([
            (bulk(b"name"), bulk(host.running.name)),
            (bulk(b"command"), bulks(host.called)),
            (bulk(b"duration_ms"), integer(host.running_ms())),
        ])  # fmt: skip
    catalogue = server.libraries.catalogue
    counts = c.enc.map([
        (bulk(b"libraries_count"), integer(len(catalogue.libraries))),
        (bulk(b"functions_count"), integer(len(catalogue.functions))),
    ])  # fmt: skip
    engines = c.enc.map([(bulk(b"LUA"), counts)])
    return c.enc.map([(bulk(b"running_script"), running), (bulk(b"engines"), engines)])


@command("FUNCTION|KILL", arity=2, flags=NOSCRIPT | ALLOW_BUSY, group="scripting", since="7.0.0",
         tips=("request_policy:all_shards", "response_policy:one_succeeded"))  # fmt: skip
def function_kill(c: Client, argv: Argv) -> bytes:
    """End the function that runs, unless it has written."""
    return kill(c.server, Function.killer)


@command("FUNCTION|HELP", arity=2, flags=LOADING | STALE, group="scripting", since="7.0.0")
def function_help(c: Client, argv: Argv) -> bytes:
    """List the forms of FUNCTION."""
    return help_reply("FUNCTION", """
        DELETE <library name>
            Delete a library with its functions.
        DUMP
            Return all libraries as bytes that FUNCTION RESTORE understands.
        FLUSH [ASYNC|SYNC]
            Delete all libraries. Both modes do the same here: there is little to be
            freed.
        KILL
            End the function that is running.
        LIST [LIBRARYNAME <pattern>] [WITHCODE]
            Describe the libraries, or those whose names match, and their functions.
        LOAD [REPLACE] <code>
            Load a library; with REPLACE in place of one of the same name.
        RESTORE <bytes> [FLUSH|APPEND|REPLACE]
            Load what FUNCTION DUMP returned: in place of all libraries, besides them
            (which is the default), or in place of those of the same names.
        STATS
            Tell which function is running, with which command and for how long, and
            how many libraries and functions there are.
        """)  # fmt: skip
