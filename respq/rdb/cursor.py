"""Reading a dump from the front: integers, lengths and strings.

The data may be bytes or a file mapped into memory. A length is compared with what is left before anything
is made of it, so a wrong one costs nothing. What a compressed string becomes is bounded by its own bytes.
"""

from __future__ import annotations

from mmap import mmap
from struct import Struct
from typing import Final

from respq.rdb import lzf

Data = bytes | mmap

_INT8: Final = 0xC0
_INT16: Final = 0xC1
_INT32: Final = 0xC2
_LZF: Final = 0xC3
_LENGTH_32: Final = 0x80
_LENGTH_64: Final = 0x81
_U32: Final = Struct("<I")
_I32: Final = Struct("<i")
_U32_BIG: Final = Struct(">I")
_I64: Final = Struct("<q")
_U64_BIG: Final = Struct(">Q")
_DOUBLE: Final = Struct("<d")
_FLOAT: Final = Struct("<f")


class BadFormatError(Exception):
    """The data is not a dump, is damaged, or holds what is unknown here."""


class Cursor:
    """A place in `data`, before `end`. Every method moves it, and raises BadFormatError at the end."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: Data, at: int = 0, end: int | None = None) -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end is None else end

    @property
    def left(self) -> int:
        """How many bytes there are."""
        return self.end - self.at

    def take(self, count: int) -> bytes:
        """So many bytes as they are."""
        at = self.at
        end = at + count
        if end > self.end:
            raise BadFormatError(f"{count} bytes are missing")
        self.at = end
        return self.data[at:end]

    def byte(self) -> int:
        """One byte."""
        at = self.at
        if at >= self.end:
            raise BadFormatError("a byte is missing")
        self.at = at + 1
        return self.data[at]

    def u32(self) -> int:
        """An unsigned integer of four bytes."""
        number: int = _U32.unpack(self.take(4))[0]
        return number

    def i32(self) -> int:
        """A signed integer of four bytes."""
        number: int = _I32.unpack(self.take(4))[0]
        return number

    def i64(self) -> int:
        """A signed integer of eight bytes."""
        number: int = _I64.unpack(self.take(8))[0]
        return number

    def u64_big(self) -> int:
        """An unsigned integer of eight bytes, the most significant one first."""
        number: int = _U64_BIG.unpack(self.take(8))[0]
        return number

    def double(self) -> float:
        """A double."""
        number: float = _DOUBLE.unpack(self.take(8))[0]
        return number

    def float(self) -> float:
        """A float of four bytes."""
        number: float = _FLOAT.unpack(self.take(4))[0]
        return number

    # -- lengths and strings -----------------------------------------------------------------------

    def length(self) -> int:
        """An unsigned integer of up to 64 bits, in 1, 2, 5 or 9 bytes."""
        first = self.byte()
        if first < 0x40:
            return first
        if first < 0x80:
            return (first & 0x3F) << 8 | self.byte()
        return self._long_length(first)

    def _long_length(self, first: int) -> int:
        if first == _LENGTH_32:
            number: int = _U32_BIG.unpack(self.take(4))[0]
            return number
        if first == _LENGTH_64:
            return self.u64_big()
        raise BadFormatError(f"{first:#x} begins no length")

    def count(self, each: int = 1) -> int:
        """A number of things that take at least `each` bytes, all of which must still be there."""
        number = self.length()
        if number * each > self.end - self.at:
            raise BadFormatError(f"there are no {number} elements")
        return number

    def string(self) -> bytes:
        """A string: plain, an integer, or compressed."""
        first = self.byte()
        if first < 0x40:
            return self.take(first)
        if first < 0x80:
            return self.take((first & 0x3F) << 8 | self.byte())
        if first < _INT8:
            return self.take(self._long_length(first))
        if first == _INT8:
            number = self.byte()
            return b"%d" % (number - 256 if number > 127 else number)
        if first == _INT16:
            return b"%d" % int.from_bytes(self.take(2), "little", signed=True)
        if first == _INT32:
            return b"%d" % self.i32()
        if first == _LZF:
            packed, size = self.length(), self.length()
            try:
                return lzf.decompress(self.take(packed), size)
            except ValueError as error:
                raise BadFormatError(str(error)) from None
        raise BadFormatError(f"{first:#x} begins no string")

    def skip_string(self) -> None:
        """A string that nobody wants."""
        first = self.byte()
        if first < _INT8:
            self.at -= 1
            self.take(self.length())
        elif first == _LZF:
            packed, _ = self.length(), self.length()
            self.take(packed)
        elif first <= _INT32:
            self.take(1 << first - _INT8)
        else:
            raise BadFormatError(f"{first:#x} begins no string")
