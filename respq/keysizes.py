"""How large the values of a database are: the distributions of INFO keysizes.

Redis keeps these up to date with every change. Here they are counted when somebody asks, so that no command
costs more for it: exactly up to 10,000 keys, above from so many of them, evenly spread over all, in a few ms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from respq.datatypes.hashes import HashValue
from respq.datatypes.lists import ListValue
from respq.datatypes.sets import SetValue
from respq.datatypes.sorted_sets import SortedSetValue
from respq.datatypes.strings import StringValue
from respq.datatypes.value import Value
from respq.keyspace import Database

SAMPLED_KEYS = 10_000
STRIDE = (
    2654435761  # a prime, 2^32 by the golden ratio: multiples of it spread evenly over any number of keys
)
KINDS: tuple[tuple[type[Value], str], ...] = (
    (StringValue, "strings_sizes"),  # bytes
    (ListValue, "lists_items"),
    (SetValue, "sets_items"),
    (SortedSetValue, "zsets_items"),
    (HashValue, "hashes_items"),
)
UNITS = "KMGT"


def distributions(db: Database) -> Iterator[tuple[str, dict[str, int]]]:
    """For each type that has keys: how many have a size of 0, from 1 on, from 2, 4, 8, … O(SAMPLED_KEYS)."""
    keys, values = db.keys, db.values
    sampled = (
        keys if len(keys) <= SAMPLED_KEYS else [keys[n * STRIDE % len(keys)] for n in range(SAMPLED_KEYS)]
    )
    counts = Counter([((value := values[key]).__class__, len(value).bit_length()) for key in sampled])
    for kind, name in KINDS:
        bits = sorted(bits for each, bits in counts if each is kind)
        if bits:
            yield name, {_label(each): round(counts[kind, each] * len(db) / len(sampled)) for each in bits}


def _label(bits: int) -> str:
    """The smallest size of so many bits, as people write it."""
    if not bits:
        return "0"
    unit, rest = divmod(bits - 1, 10)
    return f"{1 << rest}{UNITS[unit - 1] if unit else ''}"
