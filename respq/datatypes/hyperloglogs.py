"""HyperLogLogs, byte for byte as Redis keeps them in strings: how many different elements there were.

An element's hash chooses one of 16,384 registers and proposes a value for it, one more than the zeros
at the end of the rest of the hash; the register keeps the greatest. Header, then registers:

    HYLL, 1 byte encoding, 3 bytes unused, 8 bytes the last count, little-endian, top bit: it is outdated
    dense     6 bits per register, the lowest bits of a byte first
    sparse    00nnnnnn             n + 1 registers of 0
              01nnnnnn nnnnnnnn    the same for up to 16,384
              1vvvvvnn             n + 1 registers (at most 4) of v + 1 (at most 32)

The sparse form has many spellings of one state, and which of them a string has depends on its history, so
`_Sparse.put` splits and joins in Redis's order. Dense registers are taken apart through base64, whose digits
are the same six bits, and the greater of two are found in all registers at once, in one long integer.

Sources: the format as Redis's manual describes it; Ertl, New cardinality estimation algorithms for
HyperLogLog sketches, 2017 (the estimator); A. Appleby's MurmurHash64A (the hash).
"""

from __future__ import annotations

import math
import re
from binascii import a2b_base64, b2a_base64
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, compress
from typing import Final

INDEX_BITS: Final = 14
REGISTERS: Final = 1 << INDEX_BITS
HASH_BITS: Final = 64 - INDEX_BITS
HEADER_BYTES: Final = 16
DENSE_BYTES: Final = HEADER_BYTES + REGISTERS * 6 // 8
GREATEST_SPARSE: Final = 32  # a greater register is kept dense

_SEED, _MULTIPLIER, _WORD = 0xADC83B19, 0xC6A4A7935BD1E995, (1 << 64) - 1
_DENSE, _SPARSE = 0, 1
_OUTDATED: Final = bytes(7) + b"\x80"
_RUN: Final = 4  # registers that one opcode has room for, if they are not 0
_SHORT: Final = 64  # and if they are, in one byte
_CLOSE: Final = 5  # opcodes behind a change among which neighbours are joined

_DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_VALUES_OF_DIGITS = bytes.maketrans(_DIGITS, bytes(range(64)))
_DIGITS_OF_VALUES = _DIGITS.ljust(256, b"A")


Data = bytes | bytearray  # a HyperLogLog, header included


class CorruptedError(ValueError):
    """The opcodes do not describe 16,384 registers."""


def is_valid(data: Data) -> bool:
    """Whether a string has the header, and the length that goes with it."""
    return (
        len(data) >= HEADER_BYTES
        and data.startswith(b"HYLL")
        and (data[4] == _SPARSE or (data[4] == _DENSE and len(data) == DENSE_BYTES))
    )


def is_sparse(data: Data) -> bool:
    """Whether a valid string is kept in the sparse form."""
    return data[4] == _SPARSE


def empty() -> bytearray:
    """A new one."""
    return _header(_SPARSE) + _opcode(REGISTERS, 0)


def _header(encoding: int) -> bytearray:
    return bytearray(b"HYLL%c\0\0\0" % encoding) + _OUTDATED


# -- elements --------------------------------------------------------------------------------------


def place(element: bytes) -> tuple[int, int]:
    """The register that an element belongs to, and the value it proposes, from 1 on. O(its bytes)."""
    number = _hash(element)
    rest = number >> INDEX_BITS | 1 << HASH_BITS
    return number & (REGISTERS - 1), (rest & -rest).bit_length()


def _hash(data: bytes) -> int:
    """MurmurHash64A."""
    number = _SEED ^ len(data) * _MULTIPLIER & _WORD
    whole = len(data) & ~7
    for at in range(0, whole, 8):
        word = int.from_bytes(data[at : at + 8], "little") * _MULTIPLIER & _WORD
        word = (word ^ word >> 47) * _MULTIPLIER & _WORD
        number = (number ^ word) * _MULTIPLIER & _WORD
    if whole < len(data):
        number = (number ^ int.from_bytes(data[whole:], "little")) * _MULTIPLIER & _WORD
    number = (number ^ number >> 47) * _MULTIPLIER & _WORD
    return number ^ number >> 47


def put(data: bytearray, places: Iterable[tuple[int, int]], sparse_bytes: int) -> bool:
    """Raise registers to values, where they are less; return whether one was, which outdates the count.

    What would be longer than `sparse_bytes` in sparse form becomes dense. Raises CorruptedError before
    anything has changed. O(places), and O(opcodes) of a sparse one.
    """
    form = _form(data, sparse_bytes)
    changed = False
    for index, value in places:
        done = form.put(index, value)
        if done is None:
            form = _Dense(pack(form.registers()))
            done = form.put(index, value)
        changed = changed or bool(done)
    if changed:
        data[4] = form.encoding
        data[HEADER_BYTES:] = form.body
        _outdate(data)
    return changed


def merge(data: bytearray, values: bytes, sparse_bytes: int) -> None:
    """Let the registers, none of which is greater, be `values`, one a byte. O(registers)."""
    form = _form(data, sparse_bytes)
    if isinstance(form, _Dense) or any(
        form.put(index, values[index]) is None for index in compress(range(REGISTERS), values)
    ):
        form = _Dense(pack(values))
    data[4] = form.encoding
    data[HEADER_BYTES:] = form.body
    _outdate(data)


def make_dense(data: bytearray) -> None:
    """Change the sparse form into the dense one. Raises CorruptedError. O(registers)."""
    data[HEADER_BYTES:] = pack(registers(data))
    data[4] = _DENSE


def _form(data: Data, sparse_bytes: int) -> _Sparse | _Dense:
    body = data[HEADER_BYTES:]
    return _Sparse(body, sparse_bytes - HEADER_BYTES) if is_sparse(data) else _Dense(body)


# -- registers -------------------------------------------------------------------------------------


def registers(data: Data) -> bytes:
    """The value of each register, one a byte. Raises CorruptedError. O(registers)."""
    return _form(data, 0).registers()


def greatest(several: Sequence[bytes]) -> bytes:
    """For each register the greatest value of `several`. O(registers of all)."""
    found = 0
    for one in several:
        number = int.from_bytes(one)
        greater = ((found | _TOPS) - number & _TOPS) >> 7  # a 1 in each byte where it is not less
        found = number ^ ((found ^ number) & greater * 0xFF)
    return found.to_bytes(REGISTERS)


_TOPS = int.from_bytes(b"\x80" * REGISTERS)


def pack(values: bytes) -> bytes:
    """Registers in the dense form: six bits each."""
    return a2b_base64(values[::-1].translate(_DIGITS_OF_VALUES))[::-1]


class _Dense:
    """Six bits per register."""

    encoding = _DENSE

    def __init__(self, body: Data) -> None:
        self.body = bytearray(body)

    def put(self, index: int, value: int) -> bool | None:
        """Raise a register; return whether it was less. O(1)."""
        at, shift = divmod(6 * index, 8)
        pair = int.from_bytes(self.body[at : at + 2], "little")
        if (pair >> shift & 63) >= value:
            return False
        pair = pair & ~(63 << shift) | value << shift
        self.body[at : at + 2] = pair.to_bytes(len(self.body[at : at + 2]), "little")
        return True

    def registers(self) -> bytes:
        """The value of each register, one a byte."""
        return b2a_base64(self.body[::-1], newline=False).translate(_VALUES_OF_DIGITS)[::-1]


class _Sparse:
    """Opcodes for runs of equal registers: taken apart once, then found by bisection."""

    encoding = _SPARSE

    def __init__(self, body: Data, most: int) -> None:
        self._opcodes = _OPCODES.findall(body)
        self._firsts = list(accumulate(map(_RUNS.__getitem__, self._opcodes), initial=0))  # and the end
        self._room = most - len(body)  # bytes

    @property
    def body(self) -> bytes:
        """The opcodes, one behind the other."""
        return b"".join(self._opcodes)

    def put(self, index: int, value: int) -> bool | None:
        """Raise a register; return whether it was less, None if there is no room. Raises CorruptedError.

        O(log opcodes), and a move of what is behind it.
        """
        if value > GREATEST_SPARSE:
            return None
        at = bisect_right(self._firsts, index) - 1
        if at == len(self._opcodes):
            raise CorruptedError
        old = _value(self._opcodes[at])
        if old >= value:
            return False
        first, end = self._firsts[at : at + 2]
        parts = [(first, index, old), (index, index + 1, value), (index + 1, end, old)]
        parts = [part for part in parts if part[0] < part[1]]
        opcodes = [_opcode(end - first, value) for first, end, value in parts]
        longer = sum(map(len, opcodes)) - len(self._opcodes[at])
        if longer > max(0, self._room):
            return None
        self._room -= longer
        self._opcodes[at : at + 1] = opcodes
        self._firsts[at : at + 1] = [first for first, _, _ in parts]
        self._join(max(0, at - 1))
        return True

    def _join(self, at: int) -> None:
        """Let neighbours of one value be one opcode, among a few from `at` on."""
        opcodes, firsts = self._opcodes, self._firsts
        for _ in range(_CLOSE):
            if at + 1 >= len(opcodes):
                return
            value, run = _value(opcodes[at]), firsts[at + 2] - firsts[at]
            if value and value == _value(opcodes[at + 1]) and run <= _RUN:
                opcodes[at : at + 2] = [_opcode(run, value)]
                del firsts[at + 1]
                self._room += 1
            else:
                at += 1

    def registers(self) -> bytes:
        """The value of each register, one a byte. Raises CorruptedError."""
        if self._firsts[-1] != REGISTERS:
            raise CorruptedError
        return b"".join([b"%c" % value * run for run, value in self.runs()])

    def runs(self) -> list[tuple[int, int]]:
        """For each opcode how many registers it stands for, and their value."""
        return [(_RUNS[opcode], _value(opcode)) for opcode in self._opcodes]


_OPCODES = re.compile(rb"[\x40-\x7f].|.", re.DOTALL)


class _RunsByOpcode(dict[bytes, int]):
    """How many registers an opcode stands for, filled as they are met."""

    def __missing__(self, opcode: bytes) -> int:
        first = opcode[0]
        if first & 0x80:
            run = (first & 3) + 1
        elif not first & 0x40:
            run = first + 1
        elif len(opcode) == 2:
            run = ((first & 63) << 8 | opcode[1]) + 1
        else:
            raise CorruptedError
        self[opcode] = run
        return run


_RUNS = _RunsByOpcode()


def _value(opcode: bytes) -> int:
    """The value of the registers that an opcode stands for."""
    return (opcode[0] >> 2 & 31) + 1 if opcode[0] & 0x80 else 0


def _opcode(run: int, value: int) -> bytes:
    """The opcode for registers of one value."""
    if value:
        return b"%c" % (0x80 | value - 1 << 2 | run - 1)
    if run <= _SHORT:
        return b"%c" % (run - 1)
    return (0x4000 | run - 1).to_bytes(2)


def described(data: Data) -> str:
    """The opcodes of a sparse one in words, as PFDEBUG DECODE has them."""
    words = []
    for run, value in _Sparse(data[HEADER_BYTES:], 0).runs():
        words.append(f"v:{value},{run}" if value else f"{'z' if run <= _SHORT else 'Z'}:{run}")
    return " ".join(words)


# -- count -----------------------------------------------------------------------------------------


def is_outdated(data: Data) -> bool:
    """Whether the count has to be made anew."""
    return bool(data[HEADER_BYTES - 1] & 0x80)


def _outdate(data: bytearray) -> None:
    data[HEADER_BYTES - 1] |= 0x80


def known_count(data: Data) -> int:
    """The count that is kept, if it is not outdated."""
    return int.from_bytes(data[8:HEADER_BYTES], "little")


def keep_count(data: bytearray, count: int) -> None:
    """Keep the count until the next change."""
    data[8:HEADER_BYTES] = count.to_bytes(8, "little")


def estimate(values: bytes) -> int:
    """How many different elements have led to registers of these values, one a byte. O(registers)."""
    having = [values.count(value) for value in range(HASH_BITS + 2)]
    total = REGISTERS * _tau((REGISTERS - having[HASH_BITS + 1]) / REGISTERS)
    for value in range(HASH_BITS, 0, -1):
        total = (total + having[value]) / 2
    total += REGISTERS * _sigma(having[0] / REGISTERS)
    return math.floor(_ALPHA * REGISTERS * REGISTERS / total + 0.5)


_ALPHA: Final = 0.721347520444481703680  # 1 / (2 ln 2)


def _sigma(x: float) -> float:
    """Ertl's correction for registers that are still 0."""
    if x == 1:
        return math.inf
    total, weight, before = x, 1.0, -1.0
    while total != before:
        x *= x
        before = total
        total += x * weight
        weight += weight
    return total


def _tau(x: float) -> float:
    """Ertl's correction for registers that can grow no more."""
    if x in {0.0, 1.0}:
        return 0.0
    total, weight, before = 1 - x, 1.0, -1.0
    while total != before:
        x = math.sqrt(x)
        before = total
        weight /= 2
        total -= (1 - x) ** 2 * weight
    return total / 3


# -- self test -------------------------------------------------------------------------------------

_TEST_COUNTS: Final = (1, 10, 100, 1000)
_TOLERANCE: Final = 5 * 1.04 / math.sqrt(REGISTERS)  # five standard errors


def self_test() -> str:
    """Count known numbers of elements in both forms; say what is wrong, nothing if all is well."""
    sparse, dense = empty(), empty()
    make_dense(dense)
    counted = 0
    for count in _TEST_COUNTS:
        places = [place(b"%d" % number) for number in range(counted, count)]
        counted = count
        put(sparse, places, len(sparse) + 2 * count)
        put(dense, places, 0)
        if registers(sparse) != registers(dense):
            return f"sparse and dense registers differ after {count} elements"
        if abs((found := estimate(registers(dense))) - count) > max(1, _TOLERANCE * count):
            return f"{count} elements are counted as {found}"
    return ""
