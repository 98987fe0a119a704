"""What objects take of the memory, for MEMORY USAGE: structures as Python tells, words by samples.

The length of a few words stands for that of all, as in Redis; how many is what SAMPLES says, 0 for all.
Objects are counted as the allocator hands them out, so that the sum over all keys is what the process has
grown by, within some per cent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from sys import getsizeof
from typing import Final, TypeVar

FLOAT_BYTES: Final = 32
INT_BYTES: Final = 32
KEY_BYTES: Final = 120  # of a key beside its name and value: the entry in the dict, the place in the array

_ALIGNMENT: Final = 16

T = TypeVar("T")


def allocated(*objects: object) -> int:
    """Bytes of these objects, without what they refer to."""
    return sum(-(-getsizeof(item) // _ALIGNMENT) * _ALIGNMENT for item in objects)


def words_bytes(words: Iterable[bytes], count: int, samples: int) -> int:
    """About the bytes of `count` words, from the first `samples` of them; 0: from all. O(samples).

    Empty ones are one object, which costs nothing.
    """
    seen = [allocated(word) if word else 0 for word in islice(words, samples or None)]
    return sum(seen) * count // max(1, len(seen))


def spread(items: Sequence[T], samples: int) -> Sequence[T]:
    """About as many of the items, from everywhere; all if `samples` is 0. O(samples)."""
    return items[:: max(1, len(items) // samples)] if samples else items
