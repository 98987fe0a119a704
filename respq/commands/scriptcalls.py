"""redis.call and redis.pcall as Python sees them: words in, a command executed, a value of Lua out.

Both functions here are closures, and the first is used without the second by scripts that do without Lua: a
look-up or a call less is felt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from respq.commands.scripttable import ScriptEntry, ScriptTable, unknown
from respq.errors import CommandError
from respq.protocol import Argv
from respq.scripting.answers import ERROR, MISUSE, answer
from respq.scripting.numbers import MisuseError, argument
from respq.scripting.runtime import Runtime
from respq.state import Client, Rejected, Server, Spec


class Caller(Protocol):
    """Who executes the commands of scripts: `ScriptHost`."""

    server: Server
    client: Client
    table: ScriptTable
    wrote: bool
    execute: Callable[[Argv], bytes]


def executor(host: Caller) -> Callable[[Argv], bytes]:
    """What executes a command for a script and counts it. Raises CommandError."""
    client = host.client

    def execute(argv: Argv) -> bytes:
        try:
            handler, fewest, most, spec, writes = host.table[argv[0]]
        except LookupError:
            handler, fewest, most, spec, writes = _look_up(host, argv)
        if not fewest <= len(argv) <= most:
            handler = _wrong_arity
        elif writes:
            host.wrote = True
        try:
            reply = handler(client, argv)
        except CommandError as error:
            _count_failure(spec, error)
            host.server.stats.count(error)
            raise
        spec.calls += 1
        return reply

    return execute


def caller(host: Caller, runtime: Runtime, begin: Callable[[], None] | None) -> Callable[..., Any]:
    """What redis.call calls. With `begin`: for the first command of each script of a run."""
    execute, used, ceiling = host.execute, runtime.memory_used, runtime.ceiling

    def call(*words: Any) -> Any:
        try:
            if begin is not None:
                begin()
            argv = [*words]
            for word in words:
                if word.__class__ is not bytes:
                    argv = [argument(each) for each in words]
                    break
            reply = execute(argv)
            if used() + len(reply) > ceiling:
                return runtime.out_of_memory()
        except CommandError as error:
            return MISUSE if isinstance(error, MisuseError) else ERROR, error.reply[1:-2]
        except Exception as error:  # noqa: BLE001  # a bug: nothing may cross into Lua
            return runtime.give_up(error)
        return answer(reply)

    return call


def _look_up(host: Caller, argv: Argv) -> ScriptEntry:
    """The entry for a name in mixed case. Raises CommandError."""
    if not argv:
        raise MisuseError("Please specify at least one argument for this redis lib call")
    entry = host.table.get(argv[0].lower())
    if entry is None:
        error = unknown()
        host.server.stats.count(error)
        raise error
    return entry


def _wrong_arity(c: Client, argv: Argv) -> bytes:
    raise Rejected("Wrong number of args calling Redis command from script")


def _count_failure(spec: Spec, error: CommandError) -> None:
    if isinstance(error, Rejected):
        spec.rejected_calls += 1
    else:
        spec.calls += 1
        spec.failed_calls += 1
