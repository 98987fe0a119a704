"""Scripts that need nothing of Lua but its order: executed without it.

Many scripts in the field are a handful of commands and a comparison or two: the release of a lock is `if
redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end`. What they
cost is the crossings between Lua and Python. So the code that Lua compiled them to is read: as long as it
only fetches keys, arguments and constants, passes them or earlier replies to redis.call, compares, adds,
joins strings, jumps forward and returns, it is translated into steps in Python, one function each, with the
outcome that Lua would have. Such a script cannot loop, keeps nothing large and has no functions of its own,
so nothing of the sandbox (time, memory, depth) concerns it.

What does not fit raises `UnfitError`: a branch with something else in it when that is entered, an operation
on values for which Lua has more rules than `operations`, a long reply, or an error to report. The script is
then run again, in Lua, where its first commands are answered by the replies that they got; being straight, it
comes to the same point with the same values, and goes on from there. A script that has to do so often, or
that begins with something else, is left to Lua altogether; so is a call with fewer words than the script
looks at.

A translation is for one number of keys. Its memory is one list: the words of the call, and behind them,
counted from the end, constants, replies and results. Replies are kept encoded, as most are only returned, and
become values of Lua where one is looked at.

Rejected: generating Python source, which was not faster than nested functions.

The instructions are those of Lua 5.1 (lopcodes.h); the tests hold both ways of execution equal.
"""

from __future__ import annotations

from collections.abc import Callable
from math import copysign
from operator import itemgetter
from typing import Any, NamedTuple

from respq.errors import CommandError
from respq.protocol import Argv
from respq.scripting import bytecode, operations
from respq.scripting.numbers import MisuseError, argument, from_lua
from respq.scripting.operations import LONGEST_TEXT, NULLS, UnfitError, argument_of, encode, value_of
from respq.scripting.runtime import Failure

MOST_STEPS = 250  # of a translation: each way behind a comparison has steps of its own
MOST_IN_A_ROW = 100  # of them: each calls the next

TOLERATED = 16  # runs that had to go on in Lua before it is asked how many did not

_RK_CONSTANT = 256

Execute = Callable[[Argv], bytes]
Slots = list[Any]
Step = Callable[[Execute, Slots], "bytes | Failure"]
Getter = Callable[[Slots], Any]


class Plan:
    """A script, translated. Its first step is executed on `words + fixed`; what it returns is in RESP2."""

    __slots__ = ("_left", "_replies", "first", "fixed", "needs", "runs")

    def __init__(self, first: Step, fixed: Slots, replies: list[int], needs: int) -> None:
        self.first = first
        self.fixed = fixed  # constants, and room for replies and results
        self.needs = needs  # words that it looks at
        self.runs = 0
        self._replies = replies  # their slots, in the order of their commands
        self._left = 0

    def replies(self, slots: Slots) -> list[bytes]:
        """The replies that have come in a run that has to go on in Lua."""
        self._left += 1
        return [slots[place] for place in self._replies if slots[place] is not None]

    @property
    def pays(self) -> bool:
        """Whether most of the runs come to their end here."""
        return self._left < TOLERATED or self._left * 4 < self.runs


def translate(dump: bytes, count: int) -> Plan | None:
    """What a compiled script does when its first `count` words are keys; None if that takes Lua."""
    main = bytecode.read(dump)
    if main is None:
        return None
    translation = _Translation(main, count)
    try:
        first = translation.steps_from(0, {})
    except UnfitError:
        return None
    return Plan(first, translation.fixed[::-1], translation.replies, translation.needs)


def _leave(execute: Execute, slots: Slots) -> bytes | Failure:
    raise UnfitError


# What a register may hold. Tuples are equal whatever they are called, so each kind says what it is.


class _Constant(NamedTuple):
    value: Any
    kind: str = "constant"


class _Word(NamedTuple):  # a key or an argument
    place: int  # among the words
    kind: str = "word"


class _Reply(NamedTuple):  # of a command
    place: int  # counted from the end: negative
    kind: str = "reply"


class _Result(NamedTuple):  # of an operation
    place: int  # likewise
    kind: str = "result"


class _Name(NamedTuple):  # a global, or redis.call
    name: bytes
    kind: str = "name"


_Source = _Constant | _Word | _Reply | _Result | _Name
_Registers = dict[int, _Source]
_NIL = _Constant(None)
_CALL, _KEYS = _Name(b"redis.call"), _Name(b"KEYS")
_NAMES = {b"redis", b"KEYS", b"ARGV", b"tonumber", b"tostring"}
_FUNCTIONS = {_Name(b"tonumber"): operations.to_number, _Name(b"tostring"): operations.to_text}
_OPERATIONS: dict[int, Callable[..., Any]] = {
    bytecode.ADD: operations.total,
    bytecode.SUB: operations.difference,
    bytecode.EQ: operations.are_equal,
    bytecode.LT: operations.is_less,
    bytecode.LE: operations.is_at_most,
    bytecode.NOT: operations.negated,
    bytecode.LEN: operations.length,
}


class _Translation:
    """Follows the code from its beginning, each way behind a comparison by itself."""

    def __init__(self, main: bytecode.Function, count: int) -> None:
        self._main = main
        self._count = count
        self._steps = self._in_a_row = 0
        self._returns: dict[int, Step] = {}  # that return the reply in a slot
        self.fixed: Slots = []  # from the end
        self.replies: list[int] = []
        self.needs = 0

    def steps_from(self, at: int, registers: _Registers) -> Step:
        """The steps of the instructions from `at` on. Raises UnfitError."""
        self._steps += 1
        self._in_a_row += 1
        if self._steps > MOST_STEPS or self._in_a_row > MOST_IN_A_ROW:
            raise UnfitError
        step = self._next_step(at, dict(registers))
        self._in_a_row -= 1
        return step

    def _next_step(self, at: int, registers: _Registers) -> Step:
        while True:
            word = self._main.code[at]
            opcode, a, c, b = word & 0x3F, word >> 6 & 0xFF, word >> 14 & 0x1FF, word >> 23
            at += 1
            if opcode in (bytecode.CALL, bytecode.TAILCALL):
                return self._call(at, registers, a, b, c)
            if opcode in (bytecode.ADD, bytecode.SUB):
                operands = [self._operand(registers, b), self._operand(registers, c)]
                return self._operation(at, registers, a, _OPERATIONS[opcode], operands)
            if opcode == bytecode.LEN and self._register(registers, b) == _KEYS:
                registers[a] = _Constant(self._count)
                continue
            if opcode in (bytecode.NOT, bytecode.LEN):
                return self._operation(at, registers, a, _OPERATIONS[opcode], [self._register(registers, b)])
            if opcode == bytecode.CONCAT:
                parts = [self._register(registers, number) for number in range(b, c + 1)]
                return self._operation(at, registers, a, lambda *values: operations.joined(values), parts)
            if opcode in (bytecode.EQ, bytecode.LT, bytecode.LE):
                left, right = self._operand(registers, b), self._operand(registers, c)
                return self._compare(
                    _OPERATIONS[opcode], left, right, self._ways(at, registers, registers, a)
                )
            if opcode == bytecode.TEST:
                return self._test(self._register(registers, a), self._ways(at, registers, registers, c))
            if opcode == bytecode.TESTSET:
                source = self._register(registers, b)
                return self._test(source, self._ways(at, {**registers, a: source}, registers, c))
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
        if isinstance(value, float):
            if value == 0 and copysign(1, value) < 0:  # which is printed with its sign
                raise UnfitError
            value = from_lua(value)
        return _Constant(value)

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
        elif table.name != b"KEYS" or place < 0:
            raise UnfitError
        elif place >= self._count:
            return _NIL
        self.needs = max(self.needs, place + 1)
        return _Word(place)

    # -- steps -------------------------------------------------------------------------------------

    def _ways(self, at: int, taken: _Registers, passed: _Registers, wanted: int) -> tuple[Step, Step]:
        """The steps if a comparison holds, and if it does not.

        A jump stands behind it, which is taken if the outcome is what is wanted. Each way has its registers.
        """
        distance = (self._main.code[at] >> 14) - bytecode.NO_JUMP
        ways = (
            _leave if distance < 0 else self._branch(at + 1 + distance, taken),
            self._branch(at + 1, passed),
        )
        if ways == (_leave, _leave):
            raise UnfitError
        return ways if wanted else ways[::-1]

    def _branch(self, at: int, registers: _Registers) -> Step:
        """The steps of one way, which may be none of ours."""
        in_a_row = self._in_a_row
        try:
            return self.steps_from(at, registers)
        except UnfitError:
            self._in_a_row = in_a_row
            return _leave

    def _operation(
        self, at: int, registers: _Registers, a: int, operate: Callable[..., Any], operands: list[_Source]
    ) -> Step:
        """Put what an operation makes of its operands into register a."""
        values = [self._value(operand) for operand in operands]
        result = registers[a] = _Result(self._kept(None))
        place, then = result.place, self.steps_from(at, registers)
        if len(values) == 1:
            (only,) = values

            def one(execute: Execute, slots: Slots) -> bytes | Failure:
                slots[place] = operate(only(slots))
                return then(execute, slots)

            return one

        def several(execute: Execute, slots: Slots) -> bytes | Failure:
            slots[place] = operate(*[value(slots) for value in values])
            return then(execute, slots)

        return several

    def _call(self, at: int, registers: _Registers, a: int, b: int, c: int) -> Step:
        """Pass registers a + 1 to a + b - 1 to a function, or all behind a; c - 1 results are wanted."""
        function = self._register(registers, a)
        stop = a + b if b else max(registers) + 1  # one result was put behind a, and nothing since
        sources = [self._register(registers, number) for number in range(a + 1, stop)]
        for number in [each for each in registers if each > a]:
            del registers[number]
        registers.update(dict.fromkeys(range(a + 1, a + c - 1), _NIL))
        if function in _FUNCTIONS and len(sources) == 1:
            return self._operation(at, registers, a, _FUNCTIONS[function], sources)
        named = isinstance(sources[0], (_Constant, _Word)) if sources else False
        if function != _CALL or not named:
            raise UnfitError
        return self._command(at, registers, a, sources)

    def _command(self, at: int, registers: _Registers, a: int, sources: list[_Source]) -> Step:
        """Execute a command; its reply is in register a."""
        reply = registers[a] = _Reply(self._kept(None))
        self.replies.append(reply.place)
        words = self._words(sources)
        then = self.steps_from(at, registers)
        source, line, place = self._main.source, self._main.lines[at - 1], reply.place

        def failed(error: CommandError) -> Failure:
            return Failure(error.reply[1:-2], source, line, not isinstance(error, MisuseError))

        def call(execute: Execute, slots: Slots) -> bytes | Failure:
            try:
                reply = slots[place] = execute(words(slots))
            except CommandError as error:
                return failed(error)
            if len(reply) > LONGEST_TEXT:
                raise UnfitError
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
        if len(places) == 1:
            (name,) = places
            return lambda slots: [slots[name]]
        passed: dict[type, Callable[[Any], bytes]] = {_Reply: argument_of, _Result: argument}
        conversions = [
            (at, passed[type(source)]) for at, source in enumerate(sources) if type(source) in passed
        ]
        if len(places) == 2 and not conversions:
            name, word = places
            return lambda slots: [slots[name], slots[word]]
        pick = itemgetter(*places)
        if not conversions:
            return lambda slots: [*pick(slots)]

        def words(slots: Slots) -> Argv:
            argv = [*pick(slots)]
            for at, converted in conversions:
                argv[at] = converted(argv[at])
            return argv

        return words

    def _argument(self, source: _Source) -> int:
        """The slot of something that is passed to a command."""
        if isinstance(source, _Name):
            raise UnfitError
        if not isinstance(source, _Constant):
            return source.place
        try:
            return self._kept(argument(source.value))
        except MisuseError:
            raise UnfitError from None

    def _kept(self, value: Any) -> int:
        """The slot of a constant, a reply or a result."""
        self.fixed.append(value)
        return -len(self.fixed)

    def _value(self, source: _Source) -> Getter:
        """What gets a value as Lua has it."""
        if isinstance(source, _Name):
            raise UnfitError
        if isinstance(source, _Constant):
            return itemgetter(self._kept(source.value))
        place = source.place
        if isinstance(source, _Reply):
            return lambda slots: value_of(slots[place])
        return itemgetter(place)

    def _compare(
        self, holds: Callable[[Any, Any], bool], left: _Source, right: _Source, ways: tuple[Step, Step]
    ) -> Step:
        if left == right:  # a table is equal to itself alone
            raise UnfitError
        first, second = self._value(left), self._value(right)
        then, otherwise = ways

        def compare(execute: Execute, slots: Slots) -> bytes | Failure:
            return (then if holds(first(slots), second(slots)) else otherwise)(execute, slots)

        return compare

    def _test(self, source: _Source, ways: tuple[Step, Step]) -> Step:
        then, otherwise = ways
        if isinstance(source, (_Word, _Name)):
            return then
        if isinstance(source, _Constant):
            return then if operations.is_true(source.value) else otherwise
        place = source.place

        def test(execute: Execute, slots: Slots) -> bytes | Failure:
            return (otherwise if slots[place] in NULLS else then)(execute, slots)

        def test_result(execute: Execute, slots: Slots) -> bytes | Failure:
            return (then if operations.is_true(slots[place]) else otherwise)(execute, slots)

        return test if isinstance(source, _Reply) else test_result

    def _return(self, source: _Source) -> Step:
        if isinstance(source, _Name):
            raise UnfitError
        if isinstance(source, _Constant):
            encoded = encode(source.value)
            return lambda execute, slots: encoded
        place = source.place
        if isinstance(source, _Reply):
            step = self._returns[place] = lambda execute, slots: slots[place]
            return step
        return lambda execute, slots: encode(slots[place])
