"""How large the values of a database are: the distributions of INFO keysizes.

Redis keeps these up to date with every change. Here they are counted when somebody asks, so that no command
costs more for it: exactly up to 10,000 keys, above from so many of them, evenly spread over all, in a few ms.
What memory they take (`key-memory-histograms`, of Redis 8.6) is looked at in 1,000, which takes as long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from respq.datatypes.hashes import HashValue
from respq.datatypes.lists import ListValue
from respq.datatypes.sets import SetValue
from respq.datatypes.sizes import KEY_BYTES, allocated
from respq.datatypes.sorted_sets import SortedSetValue
from respq.datatypes.strings import StringValue
from respq.datatypes.value import Value
from respq.keyspace import Database

SAMPLED_KEYS = 10_000
WEIGHED_KEYS = 1000  # of which the memory is counted
SAMPLES = 5  # elements whose length stands for that of all, as in MEMORY USAGE of Redis
# A prime, 2^32 by the golden ratio: multiples of it spread evenly over any number of keys.
STRIDE = 2654435761
KINDS: tuple[tuple[type[Value], str], ...] = (
    (StringValue, "strings_sizes"),  # bytes
    (ListValue, "lists_items"),
    (SetValue, "sets_items"),
    (SortedSetValue, "zsets_items"),
    (HashValue, "hashes_items"),
)
WEIGHED_KINDS: tuple[tuple[type[Value], str], ...] = (
    (ListValue, "lists_sizes"),
    (SetValue, "sets_sizes"),
    (HashValue, "hashes_sizes"),
    (SortedSetValue, "zsets_sizes"),
)
UNITS = "KMGT"


def memory_bytes(key: bytes, value: Value, samples: int = SAMPLES) -> int:
    """About the memory that a key and its value take, from so many samples of its elements. O(samples)."""
    return KEY_BYTES + allocated(key) + value.memory_bytes(samples)


def distributions(db: Database) -> Iterator[tuple[str, dict[str, int]]]:
    """For each type that has keys: how many have a size of 0, from 1 on, from 2, 4, 8, … O(SAMPLED_KEYS)."""
    keys, values = _sampled(db, SAMPLED_KEYS), db.values
    counts = Counter([((value := values[key]).__class__, len(value).bit_length()) for key in keys])
    return _told(KINDS, counts, len(db) / len(keys))


def memory_distributions(db: Database) -> Iterator[tuple[str, dict[str, int]]]:
    """The same of the bytes that keys take with their values, but for strings. O(WEIGHED_KEYS)."""
    keys, values = _sampled(db, WEIGHED_KEYS), db.values
    counts = Counter(
        [((value := values[key]).__class__, memory_bytes(key, value).bit_length()) for key in keys]
    )
    return _told(WEIGHED_KINDS, counts, len(db) / len(keys))


def _sampled(db: Database, most: int) -> list[bytes]:
    """All keys, or so many that are spread evenly over all."""
    keys = db.keys
    return keys if len(keys) <= most else [keys[n * STRIDE % len(keys)] for n in range(most)]


def _told(
    kinds: Iterable[tuple[type[Value], str]], counts: Counter[tuple[type[Value], int]], each_stands_for: float
) -> Iterator[tuple[str, dict[str, int]]]:
    """Counts by type and bits of the size, as INFO tells them."""
    for kind, name in kinds:
        found = sorted(bits for each, bits in counts if each is kind)
        if found:
            yield name, {_label(bits): round(counts[kind, bits] * each_stands_for) for bits in found}


def _label(bits: int) -> str:
    """The smallest size of so many bits, as people write it."""
    if not bits:
        return "0"
    unit, rest = divmod(bits - 1, 10)
    return f"{1 << rest}{UNITS[unit - 1] if unit else ''}"
