"""Ways to damage bytes: what a disk, a network or somebody with bad intentions makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

BYTES = (0, 1, 2, 10, 127, 128, 129, 0xC0, 0xC3, 0xE0, 0xF0, 0xF5, 0xFA, 0xFC, 0xFE, 0xFF)
LENGTHS = [  # as RDB spells them: the largest, and those at which arithmetic of 32 and 64 bits turns over
    *(
        b"\x81" + number.to_bytes(8, "big")
        for number in (1 << 20, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
    ),
    *(
        b"\x80" + number.to_bytes(4, "big")
        for number in (1 << 16, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
    ),
    *(b"\x7f\xff", b"\x00", b"\x3f", b"\xc0\x80", b"\xc1\xff\x7f", b"\xc2\xff\xff\xff\x7f"),
    *(b"\xc3\x05\x81" + b"\xff" * 8, b"\xc3\x80\xff\xff\xff\xff\x01"),
]
HEADERS = [  # of ziplists, listpacks and intsets, and of the commands of a log
    *(b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"\xff\xff", b"\x08\x00\x00\x00"),
    *(
        b"\r\n*3\r\n$3\r\n",
        b"*1000000000\r\n",
        b"$1000000000\r\n",
        b"*-1\r\n",
        b"$-1\r\n",
        b"#TS:1\r\n",
        b"MULTI",
    ),
]
NUMBERS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 255)


def damaged(data: bytes, rng: Random, others: Sequence[bytes]) -> bytes:
    """Return `data` with some damage, now and then with a part of one of the `others`."""
    result = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        if result:
            _once(result, rng, others)
    return bytes(result)


def _once(data: bytearray, rng: Random, others: Sequence[bytes]) -> None:
    at = rng.randrange(min(len(data), 40) if rng.random() < 0.5 else len(data))
    how = rng.randrange(9)
    if how == 0:
        data[at] = rng.choice(BYTES)
    elif how == 1:
        data[at] ^= 1 << rng.randrange(8)
    elif how == 2:
        data[at] = (data[at] + rng.choice((1, 255, 2, 254))) % 256
    elif how == 3:
        del data[at : at + rng.choice(NUMBERS) + 1]
    elif how == 4:
        data[at:at] = data[at : at + rng.choice(NUMBERS) + 1]
    elif how == 5:
        spelled = rng.choice(LENGTHS if rng.random() < 0.7 else HEADERS)
        data[at : at + rng.choice((0, 1, len(spelled)))] = spelled
    elif how == 6:
        del data[at:]
    elif how == 7:
        other = rng.choice(others)
        begin = rng.randrange(len(other) + 1)
        data[at : at + rng.choice(NUMBERS)] = other[begin : begin + rng.choice(NUMBERS)]
    else:
        data[at] = rng.randrange(256)
