"""Drawing with repetitions: SRANDMEMBER, HRANDFIELD and ZRANDMEMBER with a negative count.

The count has nothing to do with the size of what is drawn from, so the reply may be as long as memory is
large. It is made some elements at a time: their objects would take ten times the memory of the reply.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from respq.errors import CommandError

MOST: Final = 1 << 28  # elements: a longer reply would take all the memory
_AT_ONCE: Final = 10_000  # elements


def check_count(count: int) -> None:
    """Refuse to draw more than `MOST` elements. Raises CommandError."""
    if count < -MOST:
        raise CommandError("value is out of range")


def drawn(count: int, words: int, draw: Callable[[int], bytes]) -> bytes:
    """An array of `count` elements of so many words each; `draw` encodes as many as it is asked for."""
    parts = [draw(min(_AT_ONCE, count - start)) for start in range(0, count, _AT_ONCE)]
    parts.insert(0, b"*%d\r\n" % (count * words))
    return b"".join(parts)
