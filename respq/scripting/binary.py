"""Numbers as bits and bytes: what Lua's `bit` and `struct` modules do, and the floats of cmsgpack.

Lua 5.1 has operators for neither; Python's big integers and `struct` have, and a crossing costs less than
arithmetic in place of them. Sources: LuaBitOp 1.0.2 and the struct library as redis-server 8.2.3 was seen to
have them, undefined behaviour of C included where it is the same on every machine that Redis runs on.

A callable answers with its result. If the call makes no sense the answer is None and a text; or None, the
number of the argument and what is wrong with it (`NUMBER` and `STRING`: it should have been one).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

NUMBER, STRING = b"number", b"string"
MOST_RESULTS = 7990  # that Lua's C stack takes
INT_MAX = (1 << 31) - 1
LARGEST_INTEGER = 32  # bytes
_TWO_63, _TWO_64 = 1 << 63, 1 << 64
_BITS_64 = _TWO_64 - 1
_DOUBLE, _LOW_WORD = struct.Struct("<d"), struct.Struct("<i4x")
_MAGIC = 6755399441055744.0  # 2**52 + 2**51: added to a double, it leaves the rounded number in the low bits

_NAN = (b"nan", b"-nan")

Answer = Any  # a result, or the tuples described above
Report = Callable[[Exception], None]  # what is told of a bug of ours


class RefusedError(Exception):
    """The call makes no sense; the arguments are the rest of the answer."""


# -- arguments -------------------------------------------------------------------------------------


def _number(arguments: tuple[Any, ...], at: int) -> int | float:
    """Argument `at`, from 1, as a number; numerals count. Raises RefusedError."""
    value = arguments[at - 1] if at <= len(arguments) else None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if isinstance(value, bytes) and (number := _numeral(value)) is not None:
        return number
    raise RefusedError(at, NUMBER)


def _numeral(text: bytes) -> float | None:
    """The number that a string spells for Lua."""
    word = text.strip(b" \t\n\v\f\r")
    if b"_" in word:  # which Python would pass over
        return None
    try:
        return float.fromhex(word.decode()) if b"x" in word.lower() else float(word)
    except (ValueError, OverflowError):
        return None


def _integer(arguments: tuple[Any, ...], at: int) -> int:
    """Argument `at` as C casts it to 64 bits. Raises RefusedError."""
    number = _number(arguments, at)
    return int(number) if -_TWO_63 <= number < _TWO_63 else -_TWO_63


def _text(arguments: tuple[Any, ...], at: int) -> bytes:
    """Argument `at` as a string; numbers count. Raises RefusedError."""
    value = arguments[at - 1] if at <= len(arguments) else None
    if isinstance(value, bytes):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _NAN[math.copysign(1, value) < 0] if math.isnan(value) else b"%.14g" % value
    raise RefusedError(at, STRING)


# -- bit -------------------------------------------------------------------------------------------


def _signed(value: int) -> int:
    """The low 32 bits as a signed number."""
    value &= 0xFFFFFFFF
    return value - 0x100000000 if value & 0x80000000 else value


def _bits(arguments: tuple[Any, ...], at: int) -> int:
    """Argument `at` rounded to 32 bits, signed."""
    number = _number(arguments, at)
    if isinstance(number, int) and -0x80000000 <= number < 0x80000000:
        return number
    low: int = _LOW_WORD.unpack(_DOUBLE.pack(float(number) + _MAGIC))[0]
    return low


def _rotated(value: int, count: int) -> int:
    value &= 0xFFFFFFFF
    return value << count | value >> 32 - count


def _reduced(combine: Callable[[int, int], int]) -> Callable[..., int]:
    def reduced(*arguments: Any) -> int:
        result = _bits(arguments, 1)
        for at in range(len(arguments), 1, -1):  # as Redis does: the last bad one is named
            result = combine(result, _bits(arguments, at))
        return _signed(result)

    return reduced


def _shifting(shift: Callable[[int, int], int]) -> Callable[..., int]:
    def shifted(*arguments: Any) -> int:
        return _signed(shift(_bits(arguments, 1), _bits(arguments, 2) & 31))

    return shifted


def _tohex(*arguments: Any) -> bytes:
    value = _bits(arguments, 1) & 0xFFFFFFFF
    digits = _bits(arguments, 2) if len(arguments) > 1 else 8
    form = b"%08X" if digits < 0 else b"%08x"
    return (form % value)[8 - min(abs(digits), 8) :]


_BIT: dict[str, Callable[..., Any]] = {
    "tobit": lambda *arguments: _bits(arguments, 1),
    "bnot": lambda *arguments: ~_bits(arguments, 1),
    "band": _reduced(int.__and__),
    "bor": _reduced(int.__or__),
    "bxor": _reduced(int.__xor__),
    "lshift": _shifting(int.__lshift__),
    "rshift": _shifting(lambda value, count: (value & 0xFFFFFFFF) >> count),
    "arshift": _shifting(int.__rshift__),
    "rol": _shifting(_rotated),
    "ror": _shifting(lambda value, count: _rotated(value, 32 - count & 31)),
    "bswap": lambda *arguments: int.from_bytes(
        _bits(arguments, 1).to_bytes(4, "little", signed=True), "big", signed=True
    ),
    "tohex": _tohex,
}


# -- struct ----------------------------------------------------------------------------------------

_SIZES = {"b": 1, "h": 2, "l": 8, "t": 8, "f": 4, "d": 8, "x": 1}  # on 64-bit machines; upper case alike
_INTEGERS = "bBhHlLTiI"


class _Format:
    """Reads a format option by option, keeping byte order and alignment."""

    def __init__(self, text: bytes) -> None:
        self.text = text.partition(b"\0")[0].decode("latin-1")
        self.at = 0
        self.big = False
        self.alignment = 1

    def option(self) -> tuple[str, int] | None:
        """The next option and its size; None at the end. Raises RefusedError."""
        if self.at == len(self.text):
            return None
        option = self.text[self.at]
        self.at += 1
        if option in "iI":
            size = self._count(4)
            if size > LARGEST_INTEGER:
                raise RefusedError(f"integral size {size} is larger than limit of {LARGEST_INTEGER}")
            return option, size
        if option == "c":
            return option, self._count(1)
        if option in "BbHhLlTfdx":
            return option, _SIZES[option.lower()]
        return option, 0

    def _count(self, default: int) -> int:
        start = self.at
        count = 0
        while self.at < len(self.text) and self.text[self.at] in "0123456789":
            count = 10 * count + int(self.text[self.at])
            if count > INT_MAX:
                raise RefusedError("integral size overflow")
            self.at += 1
        return count if self.at > start else default

    def control(self, option: str) -> None:
        """Obey an option that stands for no data. Raises RefusedError."""
        if option == "!":
            alignment = self._count(8)
            if alignment == 0 or alignment & (alignment - 1):
                raise RefusedError(f"alignment {alignment} is not a power of 2")
            self.alignment = alignment
        elif option in "<>":
            self.big = option == ">"
        elif option != " ":
            raise RefusedError(1, f"invalid format option '{option}'")

    def padding(self, offset: int, option: str, size: int) -> int:
        """Bytes to be left out before an item at `offset`."""
        if size == 0 or option == "c":
            return 0
        size = min(size, self.alignment)
        return size - (offset & size - 1) & size - 1

    def order(self) -> str:
        """The sign of the byte order for Python's struct."""
        return ">" if self.big else "<"


def _struct_size(*arguments: Any) -> int:
    layout = _Format(_text(arguments, 1))
    total = 0
    while (found := layout.option()) is not None:
        option, size = found
        total += layout.padding(total, option, size)
        if option == "s" or (option == "c" and size == 0):
            raise RefusedError(
                1, "option 's' has no fixed size" if option == "s" else "option 'c0' has no fixed size"
            )
        if not (option.isascii() and option.isalnum()):
            layout.control(option)
        total += size
    return total


def _struct_pack(*arguments: Any) -> bytes:
    layout = _Format(_text(arguments, 1))
    packed = bytearray()
    at = 2
    while (found := layout.option()) is not None:
        option, size = found
        packed += bytes(layout.padding(len(packed), option, size))
        if option in _INTEGERS:
            number = _as_integer(_number(arguments, at)).to_bytes(8, "little")[:size].ljust(size, b"\0")
            packed += number[::-1] if layout.big else number
        elif option in "fd":
            packed += _packed_float(_number(arguments, at), layout.order() + option)
        elif option in "cs":
            packed += _packed_text(_text(arguments, at), option, size, at)
        elif option == "x":
            packed.append(0)
            continue
        else:
            layout.control(option)
            continue
        at += 1
    return bytes(packed)


def _as_integer(number: float) -> int:
    """What a machine makes of a double as a 64-bit integer, as the bits of an unsigned one."""
    if math.isnan(number) or number >= _TWO_64:
        return 0
    if number < 0:
        return int(max(number, -_TWO_63)) & _BITS_64
    return int(number)


def _packed_float(number: float, form: str) -> bytes:
    try:
        return struct.pack(form, number)
    except OverflowError:
        return struct.pack(form, math.copysign(math.inf, number))


def _packed_text(text: bytes, option: str, size: int, at: int) -> bytes:
    size = size or len(text)
    if len(text) < size:
        raise RefusedError(at + 1, "string too short")  # the number is one too high in Redis as well
    return text[:size] + (b"\0" if option == "s" else b"")


def _struct_unpack(*arguments: Any) -> tuple[Any, ...]:
    layout, data = _Format(_text(arguments, 1)), _text(arguments, 2)
    offset = _integer(arguments, 3) if len(arguments) > 2 and arguments[2] is not None else 1
    if offset == 0:
        raise RefusedError(3, "offset must be 1 or greater")
    offset -= 1
    results: list[Any] = []
    while (found := layout.option()) is not None:
        option, size = found
        offset += layout.padding(offset, option, size)
        _check_length(data, offset, size)
        if len(results) >= MOST_RESULTS:
            raise RefusedError("stack overflow (too many results)")
        if option in _INTEGERS:
            results.append(_unpacked_integer(data[offset : offset + size], option.islower(), layout.big))
        elif option in "fd":
            results += struct.unpack_from(layout.order() + option, data, offset)
        elif option == "c":
            size = size or _previous_size(results)
            _check_length(data, offset, size)
            results.append(data[offset : offset + size])
        elif option == "s":
            end = data.find(b"\0", offset)
            if end < 0:
                raise RefusedError("unfinished string in data")
            results.append(data[offset:end])
            size = end + 1 - offset
        elif option != "x":
            layout.control(option)
        offset += size
    return True, *results, offset + 1


def _check_length(data: bytes, offset: int, size: int) -> None:
    if not 0 <= offset <= len(data) - size:
        raise RefusedError(2, "data string too short")


def _previous_size(results: list[Any]) -> int:
    """The size of a `c0`, which is taken off the results."""
    last = results[-1] if results else None
    size = _numeral(last) if isinstance(last, bytes) else last
    if size is None:
        raise RefusedError("format 'c0' needs a previous size")
    results.pop()
    return int(size) if 0 <= size < _TWO_63 else _TWO_63


def _unpacked_integer(data: bytes, signed: bool, big: bool) -> float:
    value = int.from_bytes(data if big else data[::-1], "big") & _BITS_64
    if signed:
        above = _BITS_64 << (8 * len(data) - 1 & 63) & _BITS_64
        if value & above:
            value |= above
        return value - _TWO_64 if value >= _TWO_63 else value
    return float(value)


# -- what Lua is given -----------------------------------------------------------------------------


def _answering(function: Callable[..., Any], refused: object, report: Report) -> Callable[..., Answer]:
    """The function as a callable that answers instead of raising: first `refused`, then why."""

    def answer(*arguments: Any) -> Answer:
        try:
            return function(*arguments)
        except RefusedError as refusal:
            return refused, *[
                each.encode("latin-1") if isinstance(each, str) else each for each in refusal.args
            ]
        except Exception as error:  # noqa: BLE001  # a bug: nothing may cross into Lua
            report(error)
            return refused, b"internal error"

    return answer


def pack_float(number: float) -> bytes:
    """A number as MessagePack has it: a float if that holds it exactly, else a double."""
    try:
        short = struct.pack(">f", number)
        if struct.unpack(">f", short)[0] == number:
            return b"\xca" + short
    except OverflowError:
        pass
    return b"\xcb" + struct.pack(">d", number)


def unpack_float(data: bytes) -> float:
    """The number that four or eight bytes, most significant first, hold."""
    number: float = struct.unpack(">f" if len(data) == 4 else ">d", data)[0]
    return number


def callables(report: Report) -> dict[str, Callable[..., Any]]:
    """What `lua/binary.lua` and `lua/cmsgpack.lua` call."""
    return {
        "pack_float": pack_float,
        "unpack_float": unpack_float,
        "struct_size": _answering(_struct_size, None, report),
        "struct_pack": _answering(_struct_pack, None, report),
        "struct_unpack": _answering(_struct_unpack, False, report),
        **{f"bit_{name}": _answering(function, None, report) for name, function in _BIT.items()},
    }
