"""Bitmaps: strings as arrays of bits, and of integers of any width. `datatypes.bits` knows the bits.

As seen on redis-server 8.2.3: a bit that is set to what it was changes nothing, though the string
becomes `raw`, and grows if it was too short. BITFIELD makes room for all that it may write before it
writes anything, so a string can grow, or come to be, by a write that OVERFLOW FAIL then prevents. That
is no event, but it is logged here, so that a restart finds what was there.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from respq.command import DENYOOM, FAST, READONLY, WRITE, Argv, Client, Keys, command, key, keys
from respq.commands.arguments import INT64_MAX, Options, as_int, parse_int
from respq.datatypes import bits
from respq.datatypes.strings import StringValue
from respq.errors import CommandError, syntax_error
from respq.protocol.resp import ONE, ZERO, array, integer

READ = (key(1, "RO access"),)
EDIT = (key(1, "RW access update"),)
NOTE_ON_BITFIELD = "This command allows both access and modification of the key"  # as COMMAND INFO spells it
MINUS_ONE = integer(-1)


def _parse_offset(c: Client, word: bytes, width: int = 0) -> int:
    """The place of a bit; with a `width`, `#n` stands for the n-th field of so many bits."""
    counted = width and word.startswith(b"#")
    offset = as_int(word[1:] if counted else word)
    if offset is not None and counted:
        offset *= width
    if offset is None or not 0 <= offset < 8 * c.server.config.proto_max_bulk_len:
        raise CommandError("bit offset is not an integer or out of range")
    return offset


def _find_or_add(c: Client, name: bytes) -> StringValue:
    """The string under a key; if there is none, an empty one, which is raw as what is edited."""
    value = c.db.find(name, StringValue)
    if value is None:
        value = StringValue()
        c.db.add(name, value)
    return value


# -- one bit ---------------------------------------------------------------------------------------


@command("SETBIT", arity=4, flags=WRITE | DENYOOM, keys=EDIT, group="bitmap", since="2.2.0",
         syntax="key offset value")  # fmt: skip
def setbit(c: Client, argv: Argv) -> bytes:
    """Set a bit of the string under a key, which grows if needed; return what it was."""
    name = argv[1]
    offset = _parse_offset(c, argv[2])
    if argv[3] not in {b"0", b"1"}:
        raise CommandError("bit is not an integer or out of range")
    value = _find_or_add(c, name)
    length, bit = len(value.data), int(argv[3])
    data = value.editable((offset >> 3) + 1)
    before = bits.get(data, offset)
    if bit != before:
        bits.put(data, offset, 1, bit)
    if bit != before or len(data) > length:
        c.effects.append((c.db, name, "setbit", argv))
    return ONE if before else ZERO


@command("GETBIT", arity=3, flags=READONLY | FAST, keys=READ, group="bitmap", since="2.2.0",
         syntax="key offset")  # fmt: skip
def getbit(c: Client, argv: Argv) -> bytes:
    """Return a bit of the string under a key; behind its end all are 0."""
    offset = _parse_offset(c, argv[2])
    value = c.read(argv[1], StringValue)
    return ONE if value is not None and bits.get(value.data, offset) else ZERO


# -- ranges ----------------------------------------------------------------------------------------


def _parse_unit(words: Argv) -> int:
    """How many bits the positions of a range count in."""
    if not words or words[0].upper() == b"BYTE":
        return 8
    if words[0].upper() == b"BIT":
        return 1
    raise syntax_error()


def _bits_between(start: int, end: int, unit: int, length: int) -> tuple[int, int]:
    """The first bit of a range and the one behind it, in a string of so many bytes.

    Positions count units of so many bits; the end belongs to the range, negative ones count from the
    end of the string.
    """
    units = 8 * length // unit
    start = max(0, start + units if start < 0 else start)
    end = min(max(0, end + units if end < 0 else end), units - 1)
    return start * unit, max(start, end + 1) * unit


@command("BITCOUNT", arity=-2, flags=READONLY, keys=READ, group="bitmap", since="2.6.0",
         syntax="key [start end [BYTE|BIT]]", complexity="O(N), N bytes",
         argument_groups="range unit", argument_versions={"unit": "7.0.0"})  # fmt: skip
def bitcount(c: Client, argv: Argv) -> bytes:
    """Return how many bits are set in the string under a key, or in a range of it."""
    start, end, unit = 0, -1, 8
    if len(argv) > 2:
        if len(argv) not in {4, 5}:
            raise syntax_error()
        start, end = parse_int(argv[2]), parse_int(argv[3])
        unit = _parse_unit(argv[4:])
    value = c.read(argv[1], StringValue)
    if value is None or (start < 0 and end < 0 and start > end):
        return ZERO
    return integer(bits.count(value.data, *_bits_between(start, end, unit, len(value.data))))


@command("BITPOS", arity=-3, flags=READONLY, keys=READ, group="bitmap", since="2.8.7",
         syntax="key bit [start [end [BYTE|BIT]]]", complexity="O(N), N bytes",
         argument_groups="range end-unit-block unit", argument_versions={"unit": "7.0.0"})  # fmt: skip
def bitpos(c: Client, argv: Argv) -> bytes:
    """Return where the first bit with a value stands in the string under a key, or in a range of it, or -1.

    Without an end of the range, the string counts as followed by zeros.
    """
    bit = parse_int(argv[2])
    if bit not in {0, 1}:
        raise CommandError("The bit argument must be 1 or 0.")
    if len(argv) > 6:
        raise syntax_error()
    start = parse_int(argv[3]) if len(argv) > 3 else 0
    unit = _parse_unit(argv[5:])
    end = parse_int(argv[4]) if len(argv) > 4 else -1
    value = c.read(argv[1], StringValue)
    if value is None:
        return MINUS_ONE if bit else ZERO
    length = len(value.data)
    first, last = _bits_between(start, end, unit, length)
    found = bits.find(value.data, bit, first, last)
    if found < 0 and not bit and len(argv) < 5 and first < last:
        return integer(8 * length)
    return integer(found)


# -- several strings -------------------------------------------------------------------------------


@command("BITOP", arity=-4, flags=WRITE | DENYOOM, keys=(key(2, "OW update"), keys(3, -1, 1, "RO access")),
         group="bitmap", since="2.6.0", syntax="<AND|OR|XOR|NOT|DIFF|DIFF1|ANDOR|ONE> destkey key [key ...]",
         complexity="O(N), N bytes of all strings",
         argument_groups="operation")  # fmt: skip
def bitop(c: Client, argv: Argv) -> bytes:
    """Combine strings bit by bit and store the result, or delete the key if it is empty; return its length.

    DIFF has what is set in the first string and in none of the others, DIFF1 the reverse, ANDOR what is
    set in the first and in one of the others, ONE what is set in exactly one of all.
    """
    db, operation, destination = c.db, argv[1].upper(), argv[2]
    if operation != b"NOT" and operation not in bits.OPERATIONS:
        raise syntax_error()
    if operation == b"NOT" and len(argv) != 4:
        raise CommandError("BITOP NOT must be called with a single source key.")
    if operation in {b"DIFF", b"DIFF1", b"ANDOR"} and len(argv) < 5:
        raise CommandError(f"BITOP {operation.decode()} must be called with at least two source keys.")
    found = [c.read(name, StringValue) for name in argv[3:]]
    strings = [b"" if value is None else value.data for value in found]
    if operation == b"NOT":
        result = bits.complement(strings[0])
    else:
        result = bits.combine(bits.OPERATIONS[operation], strings)
    if result:
        value = StringValue()
        value.editable()[:] = result
        db.put(destination, value)
        c.effects.append((db, destination, "set", argv))
    elif db.get(destination) is not None:
        db.discard(destination)
        c.effects.append((db, destination, "del", [b"DEL", destination]))
    return integer(len(result))


# -- fields ----------------------------------------------------------------------------------------

BAD_TYPE: Final = (
    "Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."
)
TYPES: Final = {
    b"%c%d" % (sign, width): (sign == ord("i"), width)
    for sign, widest in ((ord("i"), 64), (ord("u"), 63))
    for width in range(1, widest + 1)
}
A_STEP: Final = (  # in the notation of `syntax`
    "<GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] "
    "<SET encoding offset value | INCRBY encoding offset increment>>"
)
OPERANDS: Final = {b"GET": 2, b"SET": 3, b"INCRBY": 3}
OVERFLOWS: Final = {b"WRAP", b"SAT", b"FAIL"}


class _Step(NamedTuple):
    """One subcommand of BITFIELD, and what to do if its result does not fit."""

    name: bytes
    signed: bool
    width: int
    offset: int
    operand: int
    overflow: bytes

    @property
    def last_byte(self) -> int:
        """How long the string must be for the field."""
        return (self.offset + self.width + 7) >> 3

    def read(self, data: bytes | bytearray) -> int:
        """The number that stands in the field."""
        number = bits.get(data, self.offset, self.width)
        return number - (1 << self.width) if self.signed and number >> self.width - 1 else number

    def write(self, data: bytearray, number: int) -> None:
        """Put a number into the field, which must lie within `data`."""
        bits.put(data, self.offset, self.width, number % (1 << self.width))

    def result(self, old: int) -> int | None:
        """What SET or INCRBY makes of a number; None if it does not fit, and is to fail."""
        low = -(1 << self.width - 1) if self.signed else 0
        high = low + (1 << self.width) - 1
        if self.name == b"INCRBY":
            number = old + self.operand
        else:  # what is meant for an unsigned field is unsigned itself
            number = self.operand if self.signed else self.operand % (1 << 64)
        if low <= number <= high:
            return number
        if self.overflow == b"FAIL":
            return None
        if self.overflow == b"SAT":  # as Redis compares, what SET puts so far down is beyond the top
            beyond = number > high or (self.name == b"SET" and high - number > INT64_MAX)
            return high if beyond else low
        return (number - low) % (1 << self.width) + low


def _parse_steps(c: Client, argv: Argv) -> list[_Step]:
    """The subcommands from the third word on; OVERFLOW holds for those behind it."""
    steps, overflow = [], b"WRAP"
    for name in (words := Options(argv, 2)):
        if name == b"OVERFLOW":
            overflow = words.value().upper()
            if overflow not in OVERFLOWS:
                raise CommandError("Invalid OVERFLOW type specified")
        elif name in OPERANDS:
            kind, place, *operand = words.values(OPERANDS[name])
            if kind not in TYPES:
                raise CommandError(BAD_TYPE)
            signed, width = TYPES[kind]
            offset = _parse_offset(c, place, width)
            number = parse_int(operand[0]) if operand else 0
            steps.append(_Step(name, signed, width, offset, number, overflow))
        else:
            raise syntax_error()
    return steps


def _read_fields(c: Client, name: bytes, steps: list[_Step]) -> bytes:
    value = c.read(name, StringValue)
    data = b"" if value is None else value.data
    return array([integer(step.read(data)) for step in steps])


@command("BITFIELD", arity=-2, flags=WRITE | DENYOOM,
         keys=(Keys("RW access update variable_flags", 1, notes=NOTE_ON_BITFIELD),), group="bitmap",
         since="3.2.0", complexity="O(1) for each subcommand",
         syntax=f"key [{A_STEP} [{A_STEP} ...]]",
         argument_groups="operation get-block write overflow-block write-operation set-block incrby-block",
)  # fmt: skip
def bitfield(c: Client, argv: Argv) -> bytes:
    """Read, set and increment integers of any width in the string under a key; return one number each.

    SET returns what it replaced, INCRBY the result, both null if OVERFLOW FAIL kept them from it.
    """
    db, name = c.db, argv[1]
    steps = _parse_steps(c, argv)
    needed = max((step.last_byte for step in steps if step.name != b"GET"), default=0)
    if not needed:
        return _read_fields(c, name, steps)
    value = _find_or_add(c, name)
    grown = needed > len(value.data)
    data = value.editable(needed)
    replies, changed = [], False
    for step in steps:
        old = reply = step.read(data)
        if step.name != b"GET":
            new = step.result(old)
            if new is None:
                replies.append(c.enc.null)
                continue
            if new != old:
                step.write(data, new)
            changed = changed or grown or new != old
            reply = old if step.name == b"SET" else new
        replies.append(integer(reply))
    if changed:
        c.effects.append((db, name, "setbit", argv))
    elif grown:
        c.effects.append((db, None, None, argv))
    return array(replies)


@command("BITFIELD_RO", arity=-2, flags=READONLY | FAST, keys=READ, group="bitmap", since="6.0.0",
         syntax="key [GET encoding offset [GET encoding offset ...]]",
         complexity="O(1) for each subcommand",
         argument_groups="get-block")  # fmt: skip
def bitfield_ro(c: Client, argv: Argv) -> bytes:
    """Read integers of any width in the string under a key."""
    steps = _parse_steps(c, argv)
    if any(step.name != b"GET" for step in steps):
        raise CommandError("BITFIELD_RO only supports the GET subcommand")
    return _read_fields(c, argv[1], steps)
