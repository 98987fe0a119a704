"""Lua 5.1 for scripts: a sandbox, and the way in and out of it. Knows no commands.

`lua/sandbox.lua` makes the globals that a script sees, `lua/redis.lua` its `redis` table and the
conversions; cjson and cmsgpack lie beside them. They are Lua because they walk over Lua's own tables and
strings: a crossing between Lua and Python costs 0.15 to 0.3 µs, and a table seen from Python is a crossing
per item. struct and bit work on single numbers, for which Lua 5.1 has no operators: they are Python
(`binary`). What a script asks of the server comes through the callables of a `Host`.

lupa is no sandbox by itself. Here it has no `python` module once the sandbox stands, no debug library, no
environment functions; Python callables are upvalues of our own functions, made with `as_function`, so that a
script cannot even name them; the attribute filter refuses whatever is asked of an object that got through all
the same. No exception crosses into Lua: a callable answers with an error or asks for the script's end.

Memory is limited by lupa's allocator. That limit must never be met while Python pushes a value into Lua,
where nothing could catch it; so room for arguments and answers is made sure of before, and past `ceiling` no
command is executed for a script any more.

Cost, in process: 0.9 µs for a script that does nothing, and per command of a script 1.2 µs besides the
command itself, of which the crossing is 0.4. lupa is imported with the first script: some 6 ms, and 10 to
make the sandbox; a flush of the scripts makes another, from what was compiled then, in 2.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from respq.digests import sha1_hex
from respq.errors import CommandError
from respq.protocol import Argv
from respq.scripting import binary
from respq.scripting.answers import ERROR, answer
from respq.scripting.bytecode import keep_callers
from respq.scripting.numbers import argument, double

SOURCES = ("sandbox", "binary", "cjson", "cmsgpack", "redis")
MEMORY_BYTES = 1 << 30
RESERVE_BYTES = 1 << 26  # for what Python pushes
FEW_WORDS = 200  # that are passed as arguments; more as tables

Compiled = Any  # a function of Lua's

_COMPILED: dict[str, bytes] = {}  # our Lua sources, by name: SCRIPT FLUSH makes a new state of them


class Host(Protocol):
    """What a script can ask of the server."""

    def begin(self) -> None:
        """Another script of a run has begun, a while ago, and is about to ask for something."""

    def caller(self, runtime: Runtime, *, first: bool) -> Callable[..., Any]:
        """What executes a command for a script: takes its words, answers as `lua/redis.lua` describes.

        `first`: for the first command of each script of a run. Must not raise: see `give_up`.
        """

    def may_run(self, argv: Argv) -> bool:
        """Whether the user may execute a command. Raises CommandError if there is no such command."""

    def log(self, level: int, text: bytes) -> None:
        """Write a line to the server's log; 0 is debug, 3 warning."""

    def set_resp(self, version: int) -> None:
        """Let the replies of `execute` be in RESP2 or RESP3."""

    def set_repl(self, flags: int) -> None:
        """Let what commands do be logged (1), replicated (2), both or neither."""

    def tick(self) -> bool:
        """Called every 100,000 instructions: whether the script must end."""


class Failure(NamedTuple):
    """Why a script has no reply."""

    text: bytes  # begins with an error code
    source: bytes | None  # as debug.getinfo has it
    line: int
    counted: bool  # a command failed, and that has been counted


NO_ROOM = Failure(b"ERR not enough memory", None, 0, False)


class Answer(NamedTuple):
    """A reply with errors in it."""

    reply: bytes
    codes: list[bytes]  # of those errors that no command has caused


class CompileError(Exception):
    """The text is no Lua. The message is Lua's own."""


class Runtime:
    """One Lua state, for all scripts of a server. `version` is what redis.REDIS_VERSION says."""

    sources: tuple[str, ...] = SOURCES

    def __init__(self, host: Host, version: str) -> None:
        from lupa import lua51  # noqa: PLC0415  # with the first script

        self.host = host
        self.memory_bytes = MEMORY_BYTES
        self.ceiling = self.memory_bytes - min(RESERVE_BYTES, self.memory_bytes // 4)
        self._errors = (lua51.LuaError, lua51.LuaSyntaxError)
        self._replies: list[bytes] = []  # to commands that have been executed, the last one first
        self.fault: BaseException | None = None  # a bug of ours, to be raised when the script has ended
        self._lua = lua51.LuaRuntime(
            encoding=None,
            register_eval=False,
            register_builtins=False,
            unpack_returned_tuples=True,
            attribute_filter=_deny,
            overflow_handler=float,
            max_memory=0,
        )
        self.memory_used: Callable[[], int] = self._lua.get_memory_used
        world = self._build(version)
        self._load = world[b"load_text"]
        self._run = world[b"run"]
        self._reply_to = world[b"reply_to"]
        self.dump: Callable[[Compiled], bytes] = world[b"dump"]
        self._run_with = world[b"run_with"]
        self._run_on = world[b"run_on"]
        self._answer_first = world[b"answer_first"]
        self._replies_so_far = world[b"replies_so_far"]
        self._end_script = world[b"end_script"]
        self._kill = world[b"kill"]
        self._lua.set_max_memory(self.memory_bytes)

    def _build(self, version: str) -> Any:
        """Execute our Lua sources, each with what the one before returned."""
        lua = self._lua
        major, minor, patch = map(int, version.split("."))
        host = lua.table_from({
            b"command": self.host.caller(self, first=False),
            b"first_command": self.host.caller(self, first=True),
            b"begin": self._begin,
            b"answer_again": self._answer_again,
            b"may_run": self._may_run,
            b"log": self.host.log,
            b"set_resp": self.host.set_resp,
            b"set_repl": self.host.set_repl,
            b"tick": self._tick,
            b"sha1": sha1_hex,
            b"double": double,
            b"keep_callers": keep_callers,
            **{name.encode(): function for name, function in binary.callables(self._report).items()},
        })  # fmt: skip
        constants = lua.table_from(
            {
                b"version": version.encode(),
                b"version_number": major << 16 | minor << 8 | patch,
            }
        )
        self._dump = lua.eval(b"function(text) return string.dump(loadstring(text, '=respq')) end")
        world = host
        for name in self.sources:
            world = self._source(name)(world, constants)
        world[b"seal"]()
        return world

    def _source(self, name: str) -> Compiled:
        compiled = _COMPILED.get(name)
        if compiled is None:
            text = (Path(__file__).with_name("lua") / f"{name}.lua").read_bytes()
            compiled = self._dump(text)
            compiled = _COMPILED[name] = keep_callers(compiled, all_of_them=True) or compiled
        return self._lua.compile(compiled)

    # -- what scripts call -------------------------------------------------------------------------

    def _may_run(self, *words: Any) -> Any:
        try:
            return self.host.may_run([argument(word) for word in words])
        except CommandError as error:
            return False, error.reply[1:-2]

    def _begin(self) -> None:
        try:
            self.host.begin()
        except Exception as error:  # noqa: BLE001  # a bug: nothing may cross into Lua
            self.give_up(error)

    def _answer_again(self, *_words: Any) -> Any:
        """What a command was answered in the run before."""
        reply = self._replies.pop()
        if self.memory_used() + len(reply) > self.ceiling:
            return self.out_of_memory()
        return answer(reply)

    def _tick(self) -> bool:
        """Whether the script must end."""
        if self.fault is not None:
            return True
        try:
            return self.host.tick()
        except Exception as error:  # noqa: BLE001  # as above
            self.give_up(error)
            return True

    def _report(self, error: Exception) -> None:
        """Log a bug of ours that concerns the script alone."""
        self.host.log(3, "".join(traceback.format_exception(error)).encode())

    def give_up(self, error: Exception) -> tuple[int, bytes]:
        """End the script, then raise `error`; the answer to the script."""
        self.fault = self.fault or error
        self._kill()
        return ERROR, b"ERR internal error"

    def out_of_memory(self) -> tuple[int, bytes]:
        """End the script: what its command answered has no room in Lua."""
        self._lua.set_max_memory(self.memory_used() + RESERVE_BYTES)  # for what it takes to end it
        return self.give_up(MemoryError())

    # -- what the server calls ---------------------------------------------------------------------

    def compile(self, text: bytes) -> Compiled:
        """A function to be given to `run`. Raises CompileError."""
        self._make_room(2 * len(text))
        compiled = self._load(text, b"@user_script")
        if isinstance(compiled, tuple):  # nil and the reason
            raise CompileError(compiled[1])
        return compiled

    def run(
        self, script: Compiled, resp3: bool, count: int, words: Sequence[bytes]
    ) -> bytes | Answer | Failure:
        """Run a script with `words`, the first `count` of them keys; its reply in the client's protocol.

        Raises what a bug of ours raised while the script ran.
        """
        try:
            size = self.memory_used()
            for word in words:
                size += len(word)
            if size < self.ceiling and len(words) < FEW_WORDS:
                reply = self._run(script, resp3, count, *words)
            else:
                self._make_room(sum(map(len, words)) + 64 * len(words))
                table = self._lua.table_from
                reply = self._run_with(script, resp3, table(words[:count]), table(words[count:]))
        except self._errors as error:
            reply = None, b"ERR " + _first_line(error), None, 0, False
        if reply.__class__ is bytes:
            return reply
        if reply[0] is not None:
            return Answer(reply[0], reply[1].split())
        return self._failure(reply)

    def run_again(
        self, script: Compiled, resp3: bool, count: int, words: Sequence[bytes], replies: list[bytes]
    ) -> bytes | Answer | Failure:
        """As `run`, for a script whose first commands have been executed, with these replies."""
        self._replies = replies[::-1]
        self._answer_first(len(replies))
        try:
            return self.run(script, resp3, count, words)
        except CommandError:
            self._end_script()
            return NO_ROOM

    def run_on(
        self, script: Compiled, resp3: bool, times: int, count: int, width: int, words: Sequence[bytes]
    ) -> tuple[bytes, int, bytes | Answer | Failure | None]:
        """Run a script so many `times`, each time with `width` others of the `words` (1,000 at most).

        The replies, joined, and how many these are; there may be fewer than were asked for. And what the
        script behind these has come to, if it failed or has a long reply. Raises as `run` does.
        """
        try:
            self._make_room(sum(map(len, words)) + 64 * len(words))
            replies, done, *last = self._run_on(script, resp3, times, count, width, *words)
        except CommandError:
            return b"", 0, NO_ROOM
        except self._errors as error:
            self._lua.gccollect()
            replies, done = self._replies_so_far()
            last = [None, b"ERR " + _first_line(error), None, 0, False]
        if not last:
            return replies, done, None
        reply, codes = last[:2]
        if reply is None:
            return replies, done, self._failure(last)
        return replies, done, reply if codes is None else Answer(reply, codes.split())

    def convert(self, reply: bytes, resp3: bool) -> bytes | Failure:
        """What becomes of a command's reply in RESP2 that a script returns."""
        try:
            self._make_room(2 * len(reply))
            converted: bytes = self._reply_to(reply, resp3)
        except (CommandError, *self._errors):
            return NO_ROOM
        return converted

    def _failure(self, reply: Any) -> Failure:
        """What the script failed with; leaves Lua ready for the next."""
        self._end_script()
        if self.memory_used() > self.ceiling // 2:
            self._lua.gccollect()
        self._lua.set_max_memory(self.memory_bytes)
        fault, self.fault = self.fault, None
        if isinstance(fault, MemoryError):
            return NO_ROOM
        if fault is not None:
            raise fault
        _, text, source, line, counted = reply
        return Failure(text, source, line, counted)

    def _make_room(self, size: int) -> None:
        """Make sure that `size` bytes can be pushed. Raises CommandError."""
        if self.memory_used() + size > self.ceiling:
            self._lua.gccollect()
            if self.memory_used() + size > self.ceiling:
                raise CommandError("not enough memory")


def _deny(_owner: object, _name: object, _setting: bool) -> str:
    raise AttributeError("scripts see no attributes")


def _first_line(error: Exception) -> bytes:
    return str(error).partition("\n")[0].encode() or b"not enough memory"
