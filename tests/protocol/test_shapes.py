"""Shapes: reads laid out like earlier ones are read as by the grammar, and so is what only seems to be."""

from __future__ import annotations

import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respq.protocol.reader import Reader
from respq.protocol.shapes import Shapes, Transaction
from tests.protocol.test_reader import Grammar, encode, read

UNTIL_KNOWN = 8  # reads of a size, of which every fourth is noted

# What a worker writes at once, with the words that differ.
LAYOUTS = {
    "a transaction": b"MULTI|ZADD index %1 %2|HSET jobs %2 %3|EXEC",
    "one in small letters": b"multi|incr %1|exec",
    "commands": b"SET %1 %2|PUBLISH %1 %3|EXPIRE %1 10",
    "names alone in between": b"PING|TIME|SET %1 %2|PING|SET %3 x|TIME",
    "names alone": b"PING|TIME|PING|TIME",
    "one command": b"XADD log * kind %1 body %2 at %3",
}
Commands = list[list[bytes]]


def written(layout: bytes, *words: bytes) -> Commands:
    commands = []
    for text in layout.split(b"|"):
        argv = text.split()
        commands.append([words[int(word[1:]) - 1] if word.startswith(b"%") else word for word in argv])
    return commands


def sent(commands: Commands) -> bytes:
    return b"".join(encode(*argv) for argv in commands)


def sharing(shapes: Shapes) -> Reader:
    reader = Reader()
    reader.share(shapes)
    return reader


def taught(layout: bytes, *words: bytes) -> Reader:
    """A reader that knows the shape of a layout with words of these lengths."""
    reader = sharing(Shapes())
    for n in range(UNTIL_KNOWN):
        reader.feed(sent(written(layout, *[bytes([97 + n]) * len(word) for word in words])))
    return reader


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
def test_the_words_are_those_of_this_read(layout: bytes) -> None:
    rng = random.Random(1)
    reader = taught(layout, b"x" * 5, b"x" * 36, b"x" * 400)
    for _ in range(5):
        commands = written(layout, *map(rng.randbytes, (5, 36, 400)))
        assert list(reader.feed(sent(commands))) == commands
        assert reader.verbatim == sent(commands)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
def test_whatever_is_damaged_meets_the_grammar(layout: bytes) -> None:
    rng = random.Random(2)
    whole = sent(written(layout, b"12", b"a\r\nb", b"$3\r\n*"))
    for at in range(len(whole)):
        for byte in {whole[at] ^ 1, rng.randrange(256), *b"*$\r\n0"}:
            damaged = whole[:at] + bytes([byte]) + whole[at + 1 :]
            reader, twin = taught(layout, b"12", b"a\r\nb", b"$3\r\n*"), Grammar()
            assert read(reader, [damaged, whole]) == read(twin, [damaged, whole])


lengths = st.tuples(*[st.integers(0, 12)] * 3)


reads = st.lists(st.tuples(st.sampled_from(sorted(LAYOUTS.values())), lengths), min_size=10, max_size=60)


@settings(max_examples=30)
@given(reads, st.integers())
def test_many_shapes_of_one_size_are_not_mistaken(
    chosen: list[tuple[bytes, tuple[int, ...]]], seed: int
) -> None:
    rng, shapes = random.Random(seed), Shapes()
    readers = [sharing(shapes) for _ in range(2)]
    for layout, sizes in chosen * 3:
        commands = written(layout, *map(rng.randbytes, sizes))
        assert list(rng.choice(readers).feed(sent(commands))) == commands


def test_all_connections_know_what_one_has_sent() -> None:
    shapes = Shapes()
    one, other = sharing(shapes), sharing(shapes)
    layout = LAYOUTS["a transaction"]
    for n in range(UNTIL_KNOWN):
        one.feed(sent(written(layout, b"%d" % n, b"a", b"b")))
    for n in range(UNTIL_KNOWN):
        batch = other.feed(sent(written(layout, b"%d" % n, b"c", b"d")))
    assert isinstance(batch, Transaction)
    assert batch.shape is not None
    assert len(batch) == 4


def test_a_shape_that_is_not_met_any_more_makes_way() -> None:
    reader, layout = taught(LAYOUTS["a transaction"], b"12", b"ab", b"abc"), LAYOUTS["a transaction"]
    for n in range(100):
        batch = reader.feed(sent(written(layout, b"1", b"ab", b"%04d" % n)))
    assert isinstance(batch, Transaction)


def test_sizes_that_never_come_again_take_little_memory() -> None:
    reader, layout = sharing(Shapes()), LAYOUTS["commands"]
    tracemalloc.start()
    try:
        for n in range(500):
            for _ in range(UNTIL_KNOWN):
                reader.feed(sent(written(layout, b"k", b"v", b"x" * n)))
        assert tracemalloc.get_traced_memory()[0] < 2_000_000
    finally:
        tracemalloc.stop()
