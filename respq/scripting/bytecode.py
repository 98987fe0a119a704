"""Keep callers on the stack: compiled Lua 5.1 functions without tail calls to what may be ours.

`return redis.call(…)` is a tail call: the caller's frame is gone before the callee runs. For a C function,
as Redis has it, Lua makes an exception; ours are Lua functions, so an error could no longer say in which
line of the script it was raised. A tail call and a plain call followed by a return differ in one opcode, so
that is changed in what string.dump writes.

Not where the called function was made by the script itself and is known by a local name: there a tail call
may be a loop of any length. All that comes out of a table, a global or a call is taken for ours; calling it
costs a stack frame, of which Lua has 20,000.

Cost: once per script compiled, and only if it has a tail call. The layout of a dump is that of Lua 5.1
(lundump.c, lopcodes.h), for the machine it was made on; one that looks otherwise is left as it is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

HEADER = 12
SIGNATURE = b"\x1bLuaQ\x00\x01\x04"  # version 5.1, official format, little-endian, int of 4 bytes
MOVE, GETUPVAL, CALL, TAILCALL, CLOSURE = 0, 4, 28, 29, 36
NIL, BOOLEAN, NUMBER, STRING = 0, 1, 3, 4


class _Function:
    """One function of a dump: where its code stands, and what it knows of the ones around it."""

    def __init__(self, parent: _Function | None) -> None:
        self.parent = parent
        self.children: list[_Function] = []
        self.code_at = 0
        self.code: tuple[int, ...] = ()
        self.upvalues = 0
        self.made: set[int] = set()  # registers that get a function of the script

    def captures(self, child: _Function) -> list[tuple[int, int]]:
        """For each upvalue of `child`: MOVE or GETUPVAL, and the register or upvalue here."""
        index = self.children.index(child)
        for at, word in enumerate(self.code):
            if word & 0x3F == CLOSURE and word >> 14 == index:
                return [(each & 0x3F, each >> 23) for each in self.code[at + 1 : at + 1 + child.upvalues]]
        return []

    def is_own(self, upvalue: int) -> bool:
        """Whether an upvalue is a variable that gets a function of the script."""
        parent = self.parent
        if parent is None:
            return False
        captures = parent.captures(self)
        if upvalue >= len(captures):
            return False
        kind, source = captures[upvalue]
        return source in parent.made if kind == MOVE else parent.is_own(source)


class _Reader:
    """Walks over a dump."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = HEADER
        self.size_format = "<Q" if data[8] == 8 else "<I"

    def number(self, layout: str = "<I") -> int:
        value: int = struct.unpack_from(layout, self.data, self.at)[0]
        self.skip(struct.calcsize(layout))
        return value

    def skip(self, count: int) -> None:
        self.at += count

    def skip_string(self) -> None:
        self.skip(self.number(self.size_format))

    def function(self, parent: _Function | None) -> _Function:
        found = _Function(parent)
        self.skip_string()
        self.skip(8)
        found.upvalues = self.data[self.at]
        self.skip(4)
        count = self.number()
        found.code_at = self.at
        found.code = struct.unpack_from(f"<{count}I", self.data, self.at)
        found.made = {word >> 6 & 0xFF for word in found.code if word & 0x3F == CLOSURE}
        self.skip(4 * count)
        self._skip_constants()
        for _ in range(self.number()):
            found.children.append(self.function(found))
        self._skip_names()
        return found

    def _skip_constants(self) -> None:
        for _ in range(self.number()):
            kind = self.data[self.at]
            self.skip(1)
            if kind == STRING:
                self.skip_string()
            else:
                self.skip({NIL: 0, BOOLEAN: 1, NUMBER: 8}[kind])

    def _skip_names(self) -> None:
        self.skip(4 * self.number())
        for _ in range(self.number()):
            self.skip_string()
            self.skip(8)
        for _ in range(self.number()):
            self.skip_string()


def keep_callers(dump: bytes, *, all_of_them: bool = False) -> bytes | None:
    """The dump with plain calls where callers must stay on the stack; None if it can be used as it is."""
    if not dump.startswith(SIGNATURE):
        return None
    main = _Reader(dump).function(None)
    changed = bytearray(dump)
    found = False
    for function in _all(main):
        for at, word in enumerate(function.code):
            if word & 0x3F != TAILCALL:
                continue
            if all_of_them or not _calls_own(function, at, word >> 6 & 0xFF):
                struct.pack_into("<I", changed, function.code_at + 4 * at, word & ~0x3F | CALL)
                found = True
    return bytes(changed) if found else None


def _all(function: _Function) -> Iterator[_Function]:
    yield function
    for child in function.children:
        yield from _all(child)


def _calls_own(function: _Function, at: int, register: int) -> bool:
    """Whether the function called at `at` is known to be the script's own."""
    for word in reversed(function.code[:at]):
        if word >> 6 & 0xFF == register:
            opcode, source = word & 0x3F, word >> 23
            if opcode == MOVE:
                return source in function.made
            return opcode == GETUPVAL and function.is_own(source)
    return False
