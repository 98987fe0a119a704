"""Scripts that need nothing of Lua but its order: executed without it.

Many scripts in the field are a handful of commands and a comparison or two: the release of a lock is `if
redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end`. What they
cost is the crossings between Lua and Python. So the code that Lua compiled them to is read: if it only
fetches keys, arguments and constants, passes them or earlier replies to redis.call, compares, jumps forward
and returns, then it is translated into steps in Python, one function each, with the outcome that Lua would
have. Such a script cannot loop, has no tables and no functions of its own, so nothing of the sandbox (time,
memory, depth) concerns it. Whatever else there is in the code, be it in a branch that is never taken, leaves
the whole script to Lua; so does a call with fewer words than the script looks at.

A translation is for one number of keys. Its memory is one list: the words of the call, and behind them,
counted from the end, constants and replies. Replies are kept encoded, as most are only returned, and become
values of Lua where one is compared or passed on.

Rejected: generating Python source, which was not faster than nested functions; taking in arithmetic and
concatenation, whose errors name variables.

The instructions are those of Lua 5.1 (lopcodes.h); the tests hold both ways of execution equal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

from respq.errors import CommandError
from respq.protocol import Argv
from respq.scripting import bytecode
from respq.scripting.numbers import LARGE, MisuseError, argument, from_lua
from respq.scripting.runtime import Failure

MOST_STEPS = 64  # of a translation: each way behind a comparison has steps of its own

_RK_CONSTANT = 256
_NULLS = (b"$-1\r\n", b"*-1\r\n")
_INTEGER, _BULK = b":$"

Execute = Callable[[Argv], bytes]
Slots = list[Any]
Step = Callable[[Execute, Slots], "bytes | Failure"]
Getter = Callable[[Slots], Any]


class Plan(NamedTuple):
    """A script, translated. The outcome of `first`, on `words + fixed`, is in RESP2."""

    first: Step
    fixed: Slots  # constants, and room for replies
    needs: int  # words that it looks at


class UnfitError(Exception):
    """The script needs Lua."""


def translate(dump: bytes, count: int) -> Plan | None:
    """What a compiled script does when its first `count` words are keys; None if that takes Lua."""
    main = bytecode.read(dump)
    if main is None or main.children:
        return None
    translation = _Translation(main, count)
    try:
        first = translation.steps_from(0, {})
    except UnfitError:
        return None
    return Plan(first, translation.fixed[::-1], translation.needs)


@dataclass(frozen=True)
class _Constant:
    value: Any


@dataclass(frozen=True)
class _Word:  # a key or an argument
    place: int  # among the words


@dataclass(frozen=True)
class _Reply:  # of a command
    place: int  # counted from the end: negative


@dataclass(frozen=True)
class _Name:  # redis, redis.call, KEYS or ARGV
    name: bytes


_Source = _Constant | _Word | _Reply | _Name  # what a register holds
_Registers = dict[int, _Source]
_NIL = _Constant(None)
_CALL = _Name(b"redis.call")
_NAMES = {b"redis", b"KEYS", b"ARGV"}


class _Translation:
    """Follows the code from its beginning, each way behind a comparison by itself."""

    def __init__(self, main: bytecode.Function, count: int) -> None:
        self._main = main
        self._count = count
        self._steps = 0
        self._returns: dict[int, Step] = {}  # that return the reply in a slot
        self.fixed: Slots = []  # from the end
        self.needs = 0

    def steps_from(self, at: int, registers: _Registers) -> Step:
        """The steps of the instructions from `at` on. Raises UnfitError."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise UnfitError
        registers = dict(registers)
        while True:
            word = self._main.code[at]
            opcode, a, c, b = word & 0x3F, word >> 6 & 0xFF, word >> 14 & 0x1FF, word >> 23
            at += 1
            if opcode in (bytecode.CALL, bytecode.TAILCALL):
                return self._call(at, registers, a, b, c)
            if opcode == bytecode.EQ:
                left, right = self._operand(registers, b), self._operand(registers, c)
                return self._equal(left, right, self._ways(at, registers, a))
            if opcode == bytecode.TEST:
                return self._test(self._register(registers, a), self._ways(at, registers, c))
            if opcode == bytecode.TESTSET:
                source = self._register(registers, b)
                taken, passed = self._targets(at, c)
                ways = self.steps_from(taken, {**registers, a: source}), self.steps_from(passed, registers)
                return self._test(source, ways if c else ways[::-1])
            if opcode == bytecode.RETURN:
                return self._return(_NIL if b == 1 else self._register(registers, a))
            at = self._move(opcode, at, word, registers)

    def _move(self, opcode: int, at: int, word: int, registers: _Registers) -> int:
        """An instruction that changes registers, or jumps; the index of the next."""
        a, c, b = word >> 6 & 0xFF, word >> 14 & 0x1FF, word >> 23
        if opcode == bytecode.MOVE:
            registers[a] = self._register(registers, b)
        elif opcode == bytecode.LOADK:
            registers[a] = self._constant(word >> 14)
        elif opcode == bytecode.LOADBOOL:
            registers[a] = _Constant(b != 0)
            at += c != 0
        elif opcode == bytecode.LOADNIL:
            registers.update(dict.fromkeys(range(a, b + 1), _NIL))
        elif opcode == bytecode.GETGLOBAL:
            name = self._constant(word >> 14).value
            if name not in _NAMES:
                raise UnfitError
            registers[a] = _Name(name)
        elif opcode == bytecode.GETTABLE:
            registers[a] = self._item(self._register(registers, b), self._operand(registers, c))
        elif opcode == bytecode.JMP and (distance := (word >> 14) - bytecode.NO_JUMP) >= 0:
            at += distance
        else:
            raise UnfitError
        return at

    @staticmethod
    def _register(registers: _Registers, number: int) -> _Source:
        return registers.get(number, _NIL)  # they are all empty at first

    def _constant(self, number: int) -> _Constant:
        value = self._main.constants[number]
        return _Constant(from_lua(value) if value.__class__ is float else value)

    def _operand(self, registers: _Registers, number: int) -> _Source:
        if number >= _RK_CONSTANT:
            return self._constant(number - _RK_CONSTANT)
        return self._register(registers, number)

    def _item(self, table: _Source, index: _Source) -> _Source:
        """redis.call, or a key or an argument."""
        if not isinstance(table, _Name) or not isinstance(index, _Constant):
            raise UnfitError
        if table.name == b"redis" and index.value == b"call":
            return _CALL
        place = index.value - 1 if index.value.__class__ is int else -1
        if table.name == b"ARGV" and place >= 0:
            place += self._count
        elif table.name != b"KEYS" or not 0 <= place < self._count:
            raise UnfitError
        self.needs = max(self.needs, place + 1)
        return _Word(place)

    # -- steps -------------------------------------------------------------------------------------

    def _targets(self, at: int, wanted: int) -> tuple[int, int]:
        """Where a comparison goes whose outcome is what it wants, and where else: a jump stands behind it."""
        distance = (self._main.code[at] >> 14) - bytecode.NO_JUMP
        if distance < 0:
            raise UnfitError
        return at + 1 + distance, at + 1

    def _ways(self, at: int, registers: _Registers, wanted: int) -> tuple[Step, Step]:
        """The steps if a comparison holds, and if it does not."""
        taken, passed = self._targets(at, wanted)
        ways = self.steps_from(taken, registers), self.steps_from(passed, registers)
        return ways if wanted else ways[::-1]

    def _call(self, at: int, registers: _Registers, a: int, b: int, c: int) -> Step:
        """Pass registers a + 1 to a + b - 1 to redis.call, or all behind a; c - 1 results are wanted."""
        if self._register(registers, a) != _CALL:
            raise UnfitError
        stop = a + b if b else max(registers) + 1  # one result was put behind a, and nothing since
        sources = [self._register(registers, number) for number in range(a + 1, stop)]
        if not sources or any(isinstance(source, _Name) for source in sources):
            raise UnfitError
        reply = _Reply(self._kept(None))
        for number in [each for each in registers if each > a]:
            del registers[number]
        registers[a] = reply
        registers.update(dict.fromkeys(range(a + 1, a + c - 1), _NIL))
        words = self._words(sources)
        then = self.steps_from(at, registers)
        source, line, place = self._main.source, self._main.lines[at - 1], reply.place

        def failed(error: CommandError) -> Failure:
            return Failure(error.reply[1:-2], source, line, not isinstance(error, MisuseError))

        def call(execute: Execute, slots: Slots) -> bytes | Failure:
            try:
                slots[place] = execute(words(slots))
            except CommandError as error:
                return failed(error)
            return then(execute, slots)

        def last_call(execute: Execute, slots: Slots) -> bytes | Failure:
            try:
                return execute(words(slots))
            except CommandError as error:
                return failed(error)

        return last_call if then is self._returns.get(place) else call

    def _words(self, sources: list[_Source]) -> Callable[[Slots], Argv]:
        """What makes an argv out of these."""
        places = [self._argument(source) for source in sources]
        if any(isinstance(source, _Reply) for source in sources):
            replies = [isinstance(source, _Reply) for source in sources]
            mixed = list(zip(places, replies, strict=True))
            return lambda slots: [
                argument(value_of(slots[place])) if is_reply else slots[place] for place, is_reply in mixed
            ]
        if len(places) == 1:
            (name,) = places
            return lambda slots: [slots[name]]
        if len(places) == 2:
            name, word = places
            return lambda slots: [slots[name], slots[word]]
        pick = itemgetter(*places)
        return lambda slots: [*pick(slots)]

    def _argument(self, source: _Source) -> int:
        """The slot of something that is passed to a command."""
        if not isinstance(source, _Constant):
            return source.place  # type: ignore[union-attr]  # no name
        try:
            return self._kept(argument(source.value))
        except MisuseError:
            raise UnfitError from None

    def _kept(self, value: Any) -> int:
        """The slot of a constant or a reply."""
        self.fixed.append(value)
        return -len(self.fixed)

    def _value(self, source: _Source) -> Getter:
        """What gets a value as Lua has it."""
        if isinstance(source, _Name):
            raise UnfitError
        if isinstance(source, _Reply):
            place = source.place
            return lambda slots: value_of(slots[place])
        return itemgetter(source.place if isinstance(source, _Word) else self._kept(source.value))

    def _equal(self, left: _Source, right: _Source, ways: tuple[Step, Step]) -> Step:
        if left == right:  # a table is equal to itself alone
            raise UnfitError
        first, second = self._value(left), self._value(right)
        then, otherwise = ways

        def compare(execute: Execute, slots: Slots) -> bytes | Failure:
            holds = are_equal(first(slots), second(slots))
            return then(execute, slots) if holds else otherwise(execute, slots)

        return compare

    def _test(self, source: _Source, ways: tuple[Step, Step]) -> Step:
        then, otherwise = ways
        if not isinstance(source, _Reply):
            is_false = isinstance(source, _Constant) and (source.value is None or source.value is False)
            return otherwise if is_false else then
        place = source.place

        def test(execute: Execute, slots: Slots) -> bytes | Failure:
            return otherwise(execute, slots) if slots[place] in _NULLS else then(execute, slots)

        return test

    def _return(self, source: _Source) -> Step:
        if isinstance(source, _Reply):
            place = source.place
            step = self._returns[place] = lambda execute, slots: slots[place]
            return step
        if isinstance(source, _Constant):
            encoded = encode(source.value)
            return lambda execute, slots: encoded
        if isinstance(source, _Word):
            place = source.place
            return lambda execute, slots: encode(slots[place])
        raise UnfitError


def value_of(reply: bytes) -> Any:
    """A reply as Lua has it; what would be a table is an object that equals nothing, and no argument."""
    kind = reply[0]
    if reply in _NULLS:
        return False
    if kind == _BULK:
        return reply[reply.index(b"\n") + 1 : -2]
    if kind == _INTEGER:
        return from_lua(float(reply[1:-2]))
    return object()


def are_equal(left: object, right: object) -> bool:
    """Whether two values are equal to Lua, to which a truth value is no number."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return left == right


def encode(value: Any) -> bytes:
    """A value that is no table as the reply to a script in RESP2."""
    if value.__class__ is bytes:
        return b"$%d\r\n%b\r\n" % (len(value), value)
    if value is None or value is False:
        return _NULLS[0]
    if (
        value.__class__ is float
    ):  # too large for an integer of C's: what becomes of it is the machine's affair
        return b":%d\r\n" % (int(value) if -LARGE <= value < LARGE else -LARGE)
    return b":%d\r\n" % value
