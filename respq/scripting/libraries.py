"""Lua for libraries of functions: a state of its own, in which they are loaded and their functions called.

It differs from that of scripts in what `lua/library.lua` changes. Functions live in Lua; what stands here are
references to them, and Lua frees what nobody refers to any more.
"""

from __future__ import annotations

from math import inf
from typing import Any, NamedTuple

from respq.clock import stopwatch_ns
from respq.errors import CommandError
from respq.scripting.runtime import NO_ROOM, SOURCES, Compiled, CompileError, Runtime
from respq.scripting.shebang import Flags, flags_named


class Registered(NamedTuple):
    """What a library has registered under a name."""

    name: bytes
    callback: Compiled
    flags: Flags
    description: bytes | None


class LoadError(Exception):
    """A library failed while it was loaded. The message begins with an error code."""


class LibraryRuntime(Runtime):
    """The Lua state of all libraries. `compiled` of `run` is here the callback of a function."""

    sources = (*SOURCES, "library")
    _deadline_ns: float | None = None  # of the library that is being loaded
    _timed_out = False

    def _build(self, version: str) -> Any:
        world = super()._build(version)
        self._load_library = world[b"load_library"]
        return world

    def _tick(self) -> bool:
        """Whether what runs must end."""
        if self._deadline_ns is None:
            return super()._tick()
        self._timed_out = stopwatch_ns() > self._deadline_ns
        return self._timed_out

    def load(self, text: bytes, within_ms: int = 0) -> list[Registered]:
        """Run a library, for `within_ms` at most (0: for ever); what it has registered, in order.

        Raises CompileError, LoadError, and what a bug of ours raised.
        """
        self._timed_out = False
        self._deadline_ns = stopwatch_ns() + within_ms * 1_000_000 if within_ms else inf
        try:
            self._make_room(2 * len(text))
            ended = self._load_library(text)
        except (CommandError, *self._errors):
            ended = None, *NO_ROOM
        finally:
            self._deadline_ns = None
        if ended[0] is False:
            raise CompileError(ended[1])
        if ended[0] is None:
            failure = self._failure(ended)
            raise LoadError(b"ERR FUNCTION LOAD timeout" if self._timed_out else failure.text)
        found = ended[1]
        return [_registered(found[at]) for at in range(1, len(found) + 1)]


def _registered(entry: Any) -> Registered:
    flags: bytes = entry[3]
    return Registered(entry[1], entry[2], flags_named(flags.split(b",") if flags else []), entry[4])
