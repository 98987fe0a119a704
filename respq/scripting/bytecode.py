"""Compiled Lua 5.1 functions: their dumps read, and without tail calls to what may be ours.

`return redis.call(…)` is a tail call: the caller's frame is gone before the callee runs. For a C function,
as Redis has it, Lua makes an exception; ours are Lua functions, so an error could no longer say in which
line of the script it was raised. A tail call and a plain call followed by a return differ in one opcode, so
`keep_callers` changes that in what string.dump writes.

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
MOVE, LOADK, LOADBOOL, LOADNIL, GETUPVAL, GETGLOBAL, GETTABLE = 0, 1, 2, 3, 4, 5, 6
ADD, SUB, NOT, LEN, CONCAT, LT, LE = 12, 13, 19, 20, 21, 24, 25
JMP, EQ, TEST, TESTSET, CALL, TAILCALL, RETURN, CLOSURE = 22, 23, 26, 27, 28, 29, 30, 36
NO_JUMP = 131071  # what a jump of no instructions says: distances are signed
BOOLEAN, NUMBER, STRING = 1, 3, 4  # 0 is nil


class Function:
    """One function of a dump: its code and where that stands, and what it knows of the ones around it."""

    def __init__(self, parent: Function | None) -> None:
        self.parent = parent
        self.children: list[Function] = []
        self.code_at = 0
        self.code: tuple[int, ...] = ()
        self.upvalues = 0
        self.source = b""  # as debug.getinfo has it; empty: that of the function around it
        self.constants: list[bytes | float | bool | None] = []
        self.lines: tuple[int, ...] = ()  # of each instruction
        self.made: set[int] = set()  # registers that get a function of the script

    def captures(self, child: Function) -> list[tuple[int, int]]:
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

    def string(self) -> bytes:
        """A string without the NUL behind it; no string at all is read as an empty one."""
        size = self.number(self.size_format)
        self.skip(size)
        return self.data[self.at - size : self.at - 1] if size else b""

    def function(self, parent: Function | None) -> Function:
        found = Function(parent)
        found.source = self.string()
        self.skip(8)
        found.upvalues = self.data[self.at]
        self.skip(4)
        count = self.number()
        found.code_at = self.at
        found.code = struct.unpack_from(f"<{count}I", self.data, self.at)
        found.made = {word >> 6 & 0xFF for word in found.code if word & 0x3F == CLOSURE}
        self.skip(4 * count)
        found.constants = [self._constant() for _ in range(self.number())]
        for _ in range(self.number()):
            found.children.append(self.function(found))
        count = self.number()
        found.lines = struct.unpack_from(f"<{count}I", self.data, self.at)
        self.skip(4 * count)
        self._skip_names()
        return found

    def _constant(self) -> bytes | float | bool | None:
        kind = self.data[self.at]
        self.skip(1)
        if kind == STRING:
            return self.string()
        if kind == NUMBER:
            number: float = struct.unpack_from("<d", self.data, self.at)[0]
            self.skip(8)
            return number
        if kind == BOOLEAN:
            self.skip(1)
            return self.data[self.at - 1] != 0
        return None

    def _skip_names(self) -> None:
        for _ in range(self.number()):
            self.string()
            self.skip(8)
        for _ in range(self.number()):
            self.string()


def read(dump: bytes) -> Function | None:
    """The main function of a dump, if that is of the kind known here."""
    return _Reader(dump).function(None) if dump.startswith(SIGNATURE) else None


def keep_callers(dump: bytes, *, all_of_them: bool = False) -> bytes | None:
    """The dump with plain calls where callers must stay on the stack; None if it can be used as it is."""
    main = read(dump)
    if main is None:
        return None
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


def _all(function: Function) -> Iterator[Function]:
    yield function
    for child in function.children:
        yield from _all(child)


def _calls_own(function: Function, at: int, register: int) -> bool:
    """Whether the function called at `at` is known to be the script's own."""
    for word in reversed(function.code[:at]):
        if word >> 6 & 0xFF == register:
            opcode, source = word & 0x3F, word >> 23
            if opcode == MOVE:
                return source in function.made
            return opcode == GETUPVAL and function.is_own(source)
    return False
