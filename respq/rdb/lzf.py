"""LZF, the compression of strings in dumps: https://oldhome.schmorp.de/marc/liblzf.html.

Data is a row of literals (`000LLLLL`, then L + 1 bytes) and of repetitions of what came before (`LLLooooo
oooooooo`: L + 2 bytes from o + 1 bytes back; L = 7: a byte that is added to it follows).

Which repetitions are found depends on what the compressor remembers: one place for each of 65,536 values of
a hash of three bytes, as liblzf does with the settings that redis-server was seen to have. So that
payloads of DUMP are the same bytes.

In Python: 20 to 40 MB a second to unpack, 2 to 5 to pack messages, 1.5 to find that hardly anything repeats.
"""

from __future__ import annotations

from typing import Final

_HASH_BITS: Final = 16
_HASH_MASK: Final = (1 << _HASH_BITS) - 1
_LONGEST_LITERAL: Final = 32
_LONGEST_MATCH: Final = 264
_FARTHEST: Final = 1 << 13
_MOST_GROWTH: Final = 88  # 264 bytes from three
_UNROLLED: Final = 16
_MATCH_ROOM: Final = 4  # bytes that must be free before a match, and
_END_ROOM: Final = 3  # before the last literals: liblzf gives up else


def decompress(data: bytes, size: int) -> bytes:
    """Unpack `data`, which must become `size` bytes. Raises ValueError."""
    if size > len(data) * _MOST_GROWTH:
        raise ValueError("compressed data is too short")
    out = bytearray()
    at, end = 0, len(data)
    try:
        while at < end:
            control = data[at]
            at += 1
            if control < _LONGEST_LITERAL:
                stop = at + control + 1
                if stop > end:
                    raise ValueError("compressed data ends in a literal")
                out += data[at:stop]
                at = stop
                continue
            length = control >> 5
            if length == 7:
                length += data[at]
                at += 1
            distance = (control & 0x1F) << 8 | data[at]
            at += 1
            length += 2
            begin = len(out) - distance - 1
            if begin < 0:
                raise ValueError("compressed data refers to what is not there")
            piece = bytes(out[begin : begin + length])
            if len(piece) < length:  # it repeats itself
                piece = (piece * (length // len(piece) + 1))[:length]
            out += piece
            if len(out) > size:
                break
    except IndexError:
        raise ValueError("compressed data ends in a repetition") from None
    if len(out) != size:
        raise ValueError("compressed data has another length than it says")
    return bytes(out)


def compress(data: bytes, most: int) -> bytes | None:
    """Pack `data` into at most `most` bytes, or return None."""
    end = len(data)
    last = end - 2  # three bytes begin before it
    out = bytearray()
    places: dict[int, int] = {}  # where a hash was seen last
    at = literal = 0
    while at < last:
        word = data[at] << 16 | data[at + 1] << 8 | data[at + 2]
        slot = ((word >> (24 - _HASH_BITS)) - word * 5) & _HASH_MASK
        before = places.get(slot, -1)
        places[slot] = at
        if before <= 0 or at - before > _FARTHEST or data[before : before + 3] != data[at : at + 3]:
            at += 1
            continue
        most_common = min(_LONGEST_MATCH, last - at)
        if _UNROLLED < most_common < _UNROLLED + 3:
            most_common = _UNROLLED + 3  # liblzf compares so many without looking for the end
        length = _common(data, before, at, most_common)
        _put_literals(out, data, literal, at)
        if len(out) + _MATCH_ROOM >= most:
            return None
        _put_match(out, at - before - 1, length - 2)
        at += length
        literal = at
        if at >= last:
            break
        for place in (at - 2, at - 1):  # what liblzf remembers of a repetition
            word = data[place] << 16 | data[place + 1] << 8 | data[place + 2]
            places[((word >> (24 - _HASH_BITS)) - word * 5) & _HASH_MASK] = place
    literals = at - literal
    if len(out) + 1 + literals + literals // _LONGEST_LITERAL + _END_ROOM > most:
        return None
    _put_literals(out, data, literal, end)
    return bytes(out)


def _common(data: bytes, before: int, at: int, most: int) -> int:
    """How many bytes are the same at two places: three at least, which have been compared."""
    length = 3
    step = 16
    while length < most:
        step = min(step, most - length)
        if data[before + length : before + length + step] == data[at + length : at + length + step]:
            length += step
            step *= 2
        elif step == 1:
            break
        else:
            step = max(1, step // 4)
    return length


def _put_literals(out: bytearray, data: bytes, start: int, stop: int) -> None:
    for at in range(start, stop, _LONGEST_LITERAL):
        piece = data[at : min(at + _LONGEST_LITERAL, stop)]
        out.append(len(piece) - 1)
        out += piece


def _put_match(out: bytearray, distance: int, length: int) -> None:
    """`distance` is one less, `length` two less than it is."""
    if length < 7:
        out.append(length << 5 | distance >> 8)
    else:
        out.append(7 << 5 | distance >> 8)
        out.append(length - 7)
    out.append(distance & 0xFF)
