"""What is read by columns is what is read element by element, or is not read by columns."""

from __future__ import annotations

from random import Random

import pytest

from respq.datatypes.entry_ids import SEQ_BITS
from respq.datatypes.lists import ListValue
from respq.datatypes.streams import StreamValue
from respq.rdb import listpack, payload
from respq.rdb.alike import read_alike
from respq.rdb.cursor import BadFormatError
from respq.rdb.listpack import _unpack_any
from respq.rdb.stream_entries import read_node
from respq.rdb.strings import write_plain
from tests.rdb.samples import meaning

FIRST_ID = 1_700_000_000_000 << SEQ_BITS | 7
CHANGES = (0, 1, 2, 3, 127, 128, 192, 196, 240, 241, 255)


def node(ids: list[int], width: int, length: int, growth: int = 0) -> bytes:
    """A node of a stream, as Redis writes it. Values become longer by `growth` from entry to entry."""
    names = [b"field%d" % n for n in range(width)]
    elements: list[bytes | int] = [len(ids), 0, width, *names, 0]
    for number, entry_id in enumerate(ids):
        ms, seq = (entry_id >> SEQ_BITS) - (FIRST_ID >> SEQ_BITS), (entry_id & 0xFFFF) - (FIRST_ID & 0xFFFF)
        values = [b"%c" % (97 + entry_id % 26) * (length + number * growth) for _ in names]
        elements += [2, ms, seq, *values, width + 3]
    return listpack.pack(elements)


IDS = [
    FIRST_ID,
    FIRST_ID + 1,
    *(FIRST_ID + (n << SEQ_BITS) - n % 8 for n in (1, 5, 130, 4000, 5000, 70_000, 9_000_000)),
]


def by_columns(data: bytes) -> list[tuple[int, list[bytes]]] | None:
    found = read_alike(FIRST_ID, data)
    if found is None:
        return None
    rows = zip(found.ms, found.seq, *found.values, strict=True)
    return [
        (ms << SEQ_BITS | seq, [word for pair in zip(found.fields, values, strict=True) for word in pair])
        for ms, seq, *values in rows
    ]


@pytest.mark.parametrize("growth", [0, 1])
@pytest.mark.parametrize(("width", "length"), [(1, 200), (2, 30), (5, 63), (2, 64), (1, 4000)])
def test_a_node_of_entries_that_are_alike(width: int, length: int, growth: int) -> None:
    data = node(IDS, width, length, growth)
    assert by_columns(data) == list(read_node(FIRST_ID, data))


def test_what_is_not_alike_is_left_alone() -> None:
    assert by_columns(listpack.pack([0, 0, 1, b"field", 0])) is None
    assert by_columns(listpack.pack([1, 1, 1, b"field", 0, 2, 0, 0, b"word", 4, 3, 0, 1, b"word", 4])) is None
    others = [0, 0, 1, 1, b"other", b"word", 6]
    assert by_columns(listpack.pack([2, 0, 1, b"field", 0, 2, 0, 0, b"word", 4, *others])) is None
    assert by_columns(listpack.pack([1, 0, 1, b"field", 0, 2, -2_000_000_000_000, 0, b"12", 4])) is None
    assert by_columns(b"") is None


def test_values_may_be_numbers() -> None:
    data = listpack.pack([2, 0, 1, b"field", 0, 2, 0, 0, b"12", 4, 2, 0, 1, b"words", 4])
    assert by_columns(data) == list(read_node(FIRST_ID, data))


@pytest.mark.parametrize("growth", [0, 1])
def test_a_node_in_which_a_byte_has_changed(growth: int) -> None:
    data = node(IDS, 2, 12, growth)
    for at in range(len(data)):
        for byte in CHANGES:
            changed = data[:at] + bytes([byte]) + data[at + 1 :]
            if (found := by_columns(changed)) is not None:
                assert found == list(read_node(FIRST_ID, changed))


@pytest.mark.parametrize("length", [21, 63, 64, 125, 126, 200, 4000])
def test_texts_of_one_length(length: int) -> None:
    texts = [b"%c" % (97 + n) * length for n in range(20)]
    data = listpack.pack(texts)
    assert listpack.pack_texts(texts) == data
    assert list(listpack.unpack(data)) == _unpack_any(data) == texts
    assert listpack.even_form(data) is not None
    assert listpack.even_form(listpack.pack([b"x" * length] * 20 + [b"y" * (length + 1)])) is None


def test_texts_of_one_length_of_which_a_byte_has_changed() -> None:
    data = listpack.pack([b"%c" % (97 + n) * 24 for n in range(12)])
    for at in range(len(data)):
        for byte in CHANGES:
            changed = data[:at] + bytes([byte]) + data[at + 1 :]
            if form := listpack.even_form(changed):
                assert list(form.split(changed)) == _unpack_any(changed)


def test_streams_of_entries_of_many_kinds_come_back() -> None:
    rng = Random(3)
    stream = StreamValue()
    number = 1 << SEQ_BITS
    for _ in range(60):
        fields = [b"f%d" % n for n in range(rng.randrange(1, 4))]
        length = rng.choice((3, 30, 90, 200))
        for _ in range(rng.randrange(1, 60)):
            number += rng.choice((1, 1, rng.randrange(1, 200) << SEQ_BITS))
            stream.add(number, [word for field in fields for word in (field, rng.randbytes(length))])
    twin = payload.restore(payload.dump(stream, write_plain))
    twin.check()
    assert isinstance(twin, StreamValue)
    assert meaning(twin) == meaning(stream)
    assert twin.nodes() == stream.nodes()
    assert twin.tree_size() == stream.tree_size()
    for value in (stream, twin):  # the last node is filled up
        for step in range(1, 50):
            value.add(number + step, [b"f0", b"x" * 90])
    assert twin.nodes() == stream.nodes()


def test_nodes_that_were_trimmed_come_back_as_they_were() -> None:
    stream = StreamValue()
    for number in range(1, 1000):
        stream.add(number << SEQ_BITS, [b"field", b"x" * 100])
    stream.drop_first(333)
    assert stream.delete([700 << SEQ_BITS]) == [True]
    twin = payload.restore(payload.dump(stream, write_plain))
    assert isinstance(twin, StreamValue)
    twin.check()
    assert twin.nodes() == stream.nodes()


def test_a_node_that_trimming_has_left_empty_is_not_written() -> None:
    stream = StreamValue()
    for number in range(1, 301):
        stream.add(number << SEQ_BITS, [b"field", b"x" * 10])
    assert all(stream.delete([number << SEQ_BITS for number in range(150, 201)]))
    stream.drop_first(149, 150 << SEQ_BITS)
    assert [live for _, live in stream.nodes()] == [0, 100]
    twin = payload.restore(payload.dump(stream, write_plain))
    assert isinstance(twin, StreamValue)
    twin.check()
    assert meaning(twin) == meaning(stream)


def test_entries_that_are_not_in_order_are_refused() -> None:
    stream = StreamValue()
    for number in range(1, 300):
        stream.add(number << SEQ_BITS, [b"field", b"x" * 100])
    data = payload.dump(stream, write_plain)
    at = data.index(b"\x02\x01\x05\x01\x00\x01")
    data = data[:at] + b"\x02\x01\x03\x01\x00\x01" + data[at + 6 :]
    with pytest.raises(BadFormatError, match="not in order"):
        payload.restore(data)


def test_the_nodes_of_a_list_are_taken_over() -> None:
    for length in (100, 3000, 9000):
        value = ListValue()
        for n in range(400):
            value.push_right([b"%d-" % n + b"x" * length])
        value.set(200, b"y" * 5000)  # splits a node
        twin = payload.restore(payload.dump(value, write_plain))
        assert isinstance(twin, ListValue)
        twin.check()
        assert [list(elements) for elements, _ in twin.nodes()] == [
            list(elements) for elements, _ in value.nodes()
        ]
