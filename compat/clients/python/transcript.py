"""What the programs of Python's clients share: how a step is printed, and the scripts that they run."""

from collections.abc import Iterable, Mapping

SCRIPT = "return {KEYS[1], redis.call('INCRBY', KEYS[1], ARGV[1])}"
LIBRARY = """#!lua name=shop
redis.register_function('sell', function(keys, args) return redis.call('DECRBY', keys[1], args[1]) end)
"""


def say(step: str, *values: object) -> None:
    print(f"{step}:", *("nil" if value is None else value for value in values))


def entries(found: Iterable[tuple[str, Mapping[str, str]]]) -> list[str]:
    """Entries of a stream as they are printed."""
    return [f"{entry_id} item={fields['item']}" for entry_id, fields in found]
