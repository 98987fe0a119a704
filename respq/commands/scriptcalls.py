"""redis.call and redis.pcall as Python sees them: words in, a command executed, a value of Lua out.

`lua/redis.lua` says what an answer looks like: a bulk string, an integer, false for RESP2's null and nil for
RESP3's come as such, everything else as a kind and bytes. Both functions here are closures, and the first
is used without the second by scripts that do without Lua: a look-up or a call less is felt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from respq.commands.scripttable import ScriptEntry, ScriptTable, unknown
from respq.errors import CommandError
from respq.protocol import Argv
from respq.scripting.numbers import MisuseError, argument
from respq.scripting.runtime import ERROR, MISUSE, RAW, STATUS, Runtime
from respq.state import Client, Rejected, Server, Spec


class Caller(Protocol):
    """Who executes the commands of scripts: `ScriptHost`."""

    server: Server
    client: Client
    table: ScriptTable
    wrote: bool
    execute: Callable[[Argv], bytes]


_INTEGERS = {b":%d\r\n" % n: n for n in range(256)}
_INTEGER, _BULK, _SIMPLE, _NULL = b":$+_"
_DASH = ord("-")


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
        return _value_of(reply)

    return call


def _value_of(reply: bytes) -> Any:
    value = _INTEGERS.get(reply)
    if value is not None:
        return value
    kind = reply[0]
    if kind == _BULK:
        return False if reply[1] == _DASH else reply[reply.index(b"\n") + 1 : -2]
    if kind == _INTEGER:
        return int(reply[1:-2])
    if kind == _SIMPLE:
        return STATUS, reply[1:-2]
    if kind == _NULL:
        return None
    return RAW, reply


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
