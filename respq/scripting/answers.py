"""What Python answers when Lua calls: see `lua/redis.lua`.

A bulk string, an integer, false for RESP2's null and nil for RESP3's come as such, everything else as a kind
and bytes.
"""

from __future__ import annotations

from typing import Any

ERROR, STATUS, RAW, MISUSE = 0, 1, 2, 3

_INTEGERS = {b":%d\r\n" % n: n for n in range(256)}
_INTEGER, _BULK, _SIMPLE, _NULL = b":$+_"
_DASH = ord("-")


def answer(reply: bytes) -> Any:
    """The answer for a command's reply."""
    value = _INTEGERS.get(reply)
    if value is not None:
        return value
    kind = reply[0]
    if kind == _BULK:
        return False if reply[1] == _DASH else reply[reply.index(b"\n") + 1 : -2]
    if kind == _INTEGER:
        return int(reply[1:-2])
    if kind == _SIMPLE:
        return STATUS, reply[1:-2]
    if kind == _NULL:
        return None
    return RAW, reply
