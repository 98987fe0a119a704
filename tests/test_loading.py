"""Loading key by key: the data are those that the commands give in the order of the log."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from respq.effects.by_key import Group, KeyReader
from tests.conftest import DIRECTORY, INCREMENT, Data, Kept
from tests.resp import encode

Words = tuple[bytes | str | int, ...]


def change(rng: Random, number: int) -> Words:
    """A command on one of a few keys, some of which hold another type."""
    word = rng.randbytes(rng.choice((1, 5, 30, 300)))
    entries: list[Words] = [("XADD", f"{number}-1", "field", word)] * 5
    entries += [("XADD", "7-1", "f", "v"), ("XTRIM", "MAXLEN", "=", 200)]
    entries += [("XADD", f"{number}-2", "a", "b", "c", word)]
    kinds: dict[str, Callable[[], Words]] = {
        "list": lambda: rng.choice(
            [("RPUSH", word), ("lpush", word), ("RPUSH", word, "two"), ("LPOP",), ("RPOP",), ("LTRIM", 2, -2)]
        ),
        "stream": lambda: rng.choice(entries),
        "hash": lambda: rng.choice([("HSET", word[:1], word), ("HDEL", word[:1])]),
        "set": lambda: rng.choice([("SADD", word), ("SREM", word)]),
        "zset": lambda: ("ZADD", rng.randrange(100), word),
        "string": lambda: rng.choice([("SET", word), ("APPEND", word), ("PEXPIREAT", 1 << 42)]),
    }
    kind = rng.choice(list(kinds))
    name, *rest = kinds[rng.choice(list(kinds)) if rng.random() < 0.01 else kind]()
    return (name, f"{kind}:{rng.randrange(2)}", *rest)


@pytest.mark.parametrize("seed", range(6))
def test_key_by_key_or_in_order_is_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = Random(seed)
    kept = Kept()
    log = b"".join(encode(*change(rng, number)) for number in range(1, 3000))
    kept.disk.put(INCREMENT, log)
    seen: list[list[Group]] = []
    read = KeyReader.read

    def watched(reader: KeyReader, data: bytes) -> tuple[list[Group], int, int] | None:
        if (found := read(reader, data)) is not None:
            seen.append(found[0])
        return found

    monkeypatch.setattr(KeyReader, "read", watched)
    by_key = kept.restarted().data()
    assert seen
    monkeypatch.setattr(KeyReader, "read", lambda _reader, _data: None)
    assert by_key == kept.restarted().data()


def loaded(log: bytes) -> Data:
    kept = Kept()
    kept.disk.put(DIRECTORY / INCREMENT.name, log)
    return kept.restarted().data()


def test_a_wrong_number_of_words_is_found_where_it_stands() -> None:
    log = encode("RPUSH", "list", "x") * 100
    with pytest.raises(Exception, match=f"offset {len(log)}: wrong number of arguments"):
        loaded(log + encode("RPUSH", "list") + log)
