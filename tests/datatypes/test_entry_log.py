"""The log of a stream against a plain dict."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from respq.datatypes.entry_blocks import id_text, words_of
from respq.datatypes.entry_ids import MAX, read_id, read_open_id, show_id
from respq.datatypes.entry_log import EntryLog
from respq.protocol.resp import array, bulk, bulks


def entry_of(entry_id: int, words: list[bytes]) -> bytes:
    return array([bulk(show_id(entry_id)), bulks(words)])


def append(log: EntryLog, entry_id: int, words: list[bytes]) -> bytes:
    """Add an entry as a stream does; return what it has to look like."""
    log.append(entry_id, show_id(entry_id), words)
    if log.ripe:
        assert [number for table in log.seal() for number in table.ids]
    return entry_of(entry_id, words)


Draw = Callable[[random.Random], list[bytes]]


def anything(rng: random.Random) -> list[bytes]:
    return [b"field", rng.randbytes(rng.choice([0, 5, 100, 100, 3000, 30_000]))] * rng.choice([1, 1, 2])


def alike(rng: random.Random) -> list[bytes]:
    """Short values: such entries are kept in coded blocks."""
    amount = b"%d" % rng.randrange(10 ** rng.choice([1, 4, 12]))
    return [b"type", b"paid", b"user", b"u%03d" % rng.randrange(1000), b"amount", amount, b"state", b"new"]


def of_some_kinds(rng: random.Random) -> list[bytes]:
    return rng.choice([alike, alike, alike, alike, anything])(rng) if rng.random() < 0.1 else alike(rng)


class Twin:
    """A log and a dict that are changed alike."""

    def __init__(self, seed: int, draw: Draw) -> None:
        self.rng = random.Random(seed)
        self.draw = draw
        self.log = EntryLog()
        self.model: dict[int, bytes] = {}
        self.last = 0

    def append(self) -> None:
        self.last += self.rng.choice([1, 1, 1, 50, 1 << 64, 10 << 64])
        self.model[self.last] = append(self.log, self.last, self.draw(self.rng))

    def some_id(self) -> int:
        near = self.rng.choice([*self.model, self.last, 0]) if self.model else self.last
        return max(0, min(MAX, near + self.rng.choice([0, 0, 0, 1, -1, 1 << 64])))

    def delete(self) -> None:
        entry_id = self.some_id()
        assert self.log.delete(entry_id) == (self.model.pop(entry_id, None) is not None)

    def drop_first(self) -> None:
        count = self.rng.choice([0, 1, 1, 7, 130, 300])
        self.log.drop_first(count)
        for entry_id in list(self.model)[:count]:
            del self.model[entry_id]

    def compare(self) -> None:
        if self.rng.random() < 0.2:
            self.log.check()
        start, stop, count = self.some_id(), self.some_id(), self.rng.choice([1, 2, 10, 200, 10**6])
        if self.rng.random() < 0.3:
            start, stop = 0, MAX
        expected = [entry for entry_id, entry in self.model.items() if start <= entry_id <= stop]
        stretches = self.log.first(start, stop, count)
        assert b"".join(stretch.replies() for stretch in stretches) == b"".join(expected[:count])
        assert [e for stretch in stretches for e in stretch.entries()] == expected[:count]
        assert [i for stretch in stretches for i in stretch.ids()] == list(map(id_text, expected[:count]))
        assert self.log.last(start, stop, count) == expected[::-1][:count]
        assert self.log.get(start) == self.model.get(start)
        assert self.log.first_id() == min(self.model, default=None)
        assert self.log.last_id() == max(self.model, default=None)
        assert self.log.count == len(self.model)


@pytest.mark.parametrize("draw", [anything, alike, of_some_kinds])
@pytest.mark.parametrize("seed", range(6))
def test_the_log_does_what_a_dict_would_do(seed: int, draw: Draw) -> None:
    twin = Twin(seed, draw)
    for _ in range(600):
        twin.append()
    for _ in range(250):
        for _ in range(twin.rng.randrange(12)):
            step = twin.rng.choice([twin.append, twin.append, twin.delete, twin.delete])
            step()
        if twin.rng.random() < 0.1:
            twin.drop_first()
        twin.compare()


def test_a_copy_is_independent() -> None:
    twin = Twin(1, anything)
    for _ in range(500):
        twin.append()
    twin.delete()
    copy = twin.log.copy()
    before = b"".join(stretch.replies() for stretch in twin.log.stretches(0))
    for _ in range(100):
        twin.delete()
        twin.append()
    copy.check()
    assert b"".join(stretch.replies() for stretch in copy.stretches(0)) == before


def test_deletions_all_over_give_the_memory_back() -> None:
    log = EntryLog()
    ids = [n << 64 for n in range(1, 5001)]
    rng = random.Random(1)
    for entry_id in ids:
        append(log, entry_id, [b"field", rng.randbytes(100)])
    full = log.memory_bytes(5)
    rng.shuffle(ids)
    for entry_id in ids[:4500]:
        assert log.delete(entry_id)
    log.check()
    assert log.memory_bytes(5) < full / 4


@pytest.mark.parametrize(
    ("text", "entry_id"),
    [
        (b"0", 0),
        (b"5", 5 << 64),
        (b"5-7", 5 << 64 | 7),
        (b"05-007", 5 << 64 | 7),
        (b" \t1-\n+2", 1 << 64 | 2),
        (b"1\x00-9", 1 << 64),
        (b"18446744073709551615-18446744073709551615", MAX),
        (b"0" * 126 + b"1", 1 << 64),
    ],
)
def test_ids_are_read_as_the_reference_reads_them(text: bytes, entry_id: int) -> None:
    assert read_id(text) == entry_id


@pytest.mark.parametrize(
    "text",
    [
        *[b"", b"-", b"-1", b"1-", b"1--1", b"++1", b"+ 1", b"1-1-1", b"1 ", b"x", b"1-*", b"*-1"],
        *[b"18446744073709551616", b"1-18446744073709551616", b"1-\xb2", b"0" * 127 + b"1"],
    ],
)
def test_what_is_no_id_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        read_id(text)


def test_the_second_number_may_be_left_to_the_server() -> None:
    assert read_open_id(b"5-*") == (5, None)
    assert read_open_id(b"5") == (5, 0)
    assert read_open_id(b"5-6") == (5, 6)
    with pytest.raises(ValueError):
        read_open_id(b"*-5")


@pytest.mark.parametrize(
    "words", [[b"a", b"1"], [b"a", b"\r\n$1\r\nx", b"*2", b""], [b"", b""], [b"*", b"x" * 300]]
)
def test_an_entry_tells_its_words(words: list[bytes]) -> None:
    entry = array([bulk(b"1-1"), bulks(words)])
    assert words_of(entry) == words
    assert id_text(entry) == b"1-1"
