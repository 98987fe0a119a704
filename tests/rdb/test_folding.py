"""Nodes of streams that stay as they stood in a dump: nobody can tell, and nothing unsound is taken."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from respq.datatypes.entry_blocks import id_text
from respq.datatypes.entry_ids import MAX, SEQ_BITS, read_id
from respq.datatypes.streams import StreamValue
from respq.rdb.cursor import BadFormatError, Cursor
from respq.rdb.folding import Folding
from respq.rdb.stream_format import read_stream, write_stream
from respq.rdb.strings import write_compressed, write_plain

CHANGES = (0, 1, 2, 3, 100, 127, 128, 192, 208, 223, 240, 244, 255)
VERSION = 3


def written(stream: StreamValue) -> bytes:
    return b"".join(write_stream(stream, write_plain))


def read(data: bytes) -> StreamValue:
    cursor = Cursor(data)
    stream = read_stream(cursor, VERSION)
    assert not cursor.left
    return stream


def of(count: int, length: int = 100, step: Callable[[int], int] = lambda _: 1 << SEQ_BITS) -> StreamValue:
    """A stream of entries that are alike."""
    stream = StreamValue()
    for n in range(count):
        words = [b"job", b"%0*d" % (length, n), b"queue", b"mail"]
        stream.add((stream.last_id or 1000 << SEQ_BITS) + step(n), words)
    return stream


def uneven(count: int, lengths: tuple[int, ...]) -> StreamValue:
    """A stream of entries whose values have all lengths, some of integers."""
    rng = Random(7)
    stream = StreamValue()
    for n in range(count):
        values = [
            b"x" * rng.choice(lengths),
            b"%d" % rng.choice((0, 5, -5, 5000, 1 << 20, 1 << 40)),
            b"%d" % n,
        ]
        words = [word for pair in zip((b"body", b"amount", b"id"), values, strict=True) for word in pair]
        stream.add(stream.last_id + rng.choice((1, 1 << SEQ_BITS, 300 << SEQ_BITS)), words)
    return stream


def entries(stream: StreamValue) -> list[bytes]:
    return [entry for stretch in stream.first(0, MAX, len(stream)) for entry in stretch.entries()]


def folded_entries(stream: StreamValue) -> int:
    return sum(block.live for block in stream.folded())


def test_all_but_the_last_node_stay_folded_until_somebody_looks() -> None:
    stream = of(3000)
    data = written(stream)
    twin = read(data)
    assert len(twin) == len(stream)
    folded = folded_entries(twin)
    assert 2900 < folded < 3000
    assert (twin.first_id(), twin.top_id()) == (stream.first_id(), stream.top_id())
    assert written(twin) == data
    assert folded_entries(twin) == folded
    assert twin.nodes() == stream.nodes()
    assert twin.tree_size() == stream.tree_size()
    assert twin.below(2000 << SEQ_BITS) == stream.below(2000 << SEQ_BITS) == 999
    assert folded_entries(twin) > 2800
    assert written(twin) == data
    assert list(twin.rebuild(b"k")) == list(stream.rebuild(b"k"))
    assert folded_entries(twin) > 2700
    assert twin.get(2500 << SEQ_BITS) == stream.get(2500 << SEQ_BITS)
    assert folded_entries(twin) > 2600
    assert entries(twin) == entries(stream)
    assert not twin.folded()
    assert written(twin) == data


@pytest.mark.parametrize("stream", [of(600), uneven(600, (1, 64, 130))], ids=["alike", "uneven"])
def test_single_entries_are_found_without_unfolding_what_is_around_them(stream: StreamValue) -> None:
    data = written(stream)
    twin, folded = read(data), folded_entries(read(data))
    ids = [read_id(id_text(entry)) for entry in entries(stream)]
    assert twin.get(ids[0]) == stream.get(ids[0])
    assert twin.get(ids[0] - 1) is twin.get(ids[100] + 1) is twin.get(ids[-1] + 1) is None
    assert folded_entries(twin) == folded
    for entry_id in ids:
        assert twin.get(entry_id) == stream.get(entry_id)
    assert not twin.folded()
    twin.check()


@pytest.mark.parametrize("stream", [of(600), uneven(600, (1, 64, 130))], ids=["alike", "uneven"])
def test_single_entries_are_deleted_without_unfolding_what_is_around_them(stream: StreamValue) -> None:
    stream, data = stream.copy(), written(stream)
    twin, folded_bytes = read(data), read(data).memory_bytes(0)
    ids = [read_id(id_text(entry)) for entry in entries(stream)]
    some = [*ids[50:550:100], ids[50], ids[51] + 1, ids[0] - 1, ids[-1] + 1]
    assert twin.delete(some) == stream.delete(some) == [True] * 5 + [False] * 4
    copy = twin.copy()
    assert list(twin.rebuild(b"k")) == list(stream.rebuild(b"k"))
    assert [twin.get(entry_id) for entry_id in some] == [None] * 9
    assert twin.get(ids[52]) == stream.get(ids[52])
    assert twin.nodes() == stream.nodes()
    assert twin.memory_bytes(0) == copy.memory_bytes(0) == folded_bytes
    assert written(twin) == written(stream) == written(copy)
    copy.check()


@pytest.mark.parametrize("seed", range(10))
def test_whatever_is_looked_for_and_deleted_the_outcome_is_that_of_unfolded_blocks(seed: int) -> None:
    rng = Random(seed)
    stream = uneven(400, (1, 64, 130)) if seed % 2 else of(400, 20 + seed)
    twin = read(written(stream))
    ids = [read_id(id_text(entry)) for entry in entries(stream)]
    for _ in range(rng.choice((10, 60, 350))):
        entry_id = rng.choice(ids) + rng.choice((0, 0, 0, 1, -1))
        match rng.randrange(8):
            case 0:
                assert twin.get(entry_id) == stream.get(entry_id)
            case 1 if rng.random() < 0.1:
                twin = twin.copy()
            case 2 if rng.random() < 0.2:
                assert twin.drop_first(5) == stream.drop_first(5)
            case 3 if rng.random() < 0.2:
                assert twin.below(entry_id) == stream.below(entry_id)
            case _:
                assert twin.delete([entry_id]) == stream.delete([entry_id])
        assert (len(twin), twin.first_id()) == (len(stream), stream.first_id())
        assert twin.top_id() == stream.top_id()
    assert twin.nodes() == stream.nodes()
    assert list(twin.rebuild(b"k")) == list(stream.rebuild(b"k"))
    twin.check()
    assert entries(twin) == entries(stream)


def test_an_id_in_which_a_value_seems_to_begin_is_read_as_it_stands() -> None:
    stream = StreamValue()
    for n in range(300):
        seq = 0x01A405 if n % 10 == 9 else n  # 0xA4 begins a text of 36 bytes, and the end stands in it
        stream.add((1000 + n // 10 << SEQ_BITS) + seq, [b"job", b"v" * 33 + b"\x25\x04\x01"])
    twin = read(written(stream))
    assert folded_entries(twin) > 200
    assert entries(twin) == entries(stream)


def test_folded_nodes_are_compressed_in_snapshots_that_are() -> None:
    stream = of(1000)
    data = b"".join(write_stream(stream, write_compressed))
    assert len(data) < len(written(stream)) / 2
    assert b"".join(write_stream(read(written(stream)), write_compressed)) == data


def test_a_folded_block_takes_little_more_than_its_bytes() -> None:
    stream = of(3000, 200)
    data = written(stream)
    assert read(data).memory_bytes(0) < len(data) * 1.1


def test_a_copy_and_the_original_go_their_own_ways() -> None:
    twin = read(written(of(1000)))
    copy = twin.copy()
    assert copy.delete([1500 << SEQ_BITS]) == [True]
    twin.drop_first(300)
    assert (len(copy), len(twin)) == (999, 700)
    copy.check()
    twin.check()


def test_an_entry_that_comes_into_the_last_folded_node_is_written_with_it() -> None:
    stream = of(100)
    twin = read(written(stream))
    last_node = twin.nodes()[-1][0]
    gone = [entry_id for entry in entries(stream) if (entry_id := read_id(id_text(entry))) >= last_node]
    for one in (stream, twin):
        assert all(one.delete(gone))
    assert len(twin) == folded_entries(twin)
    for one in (stream, twin):
        one.add(one.last_id + 1, [b"job", b"small"])
    assert twin.nodes() == stream.nodes()
    assert written(twin) == written(stream)


def test_entries_that_are_read_into_a_folded_node_are_written_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = StreamValue()
    with monkeypatch.context() as patch:
        patch.setattr(StreamValue, "node_max_entries", 20)
        for n in range(300):
            fields = [b"job", b"of 1", b"to", b"mail"] if n < 20 or n % 3 else [b"job", b"of 2"]
            stream.add(stream.last_id + 1, fields)
        data = written(stream)
    twin = read(data)
    assert entries(read(written(twin))) == entries(stream)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_done_to_a_stream_it_is_as_if_it_had_been_read_at_once(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = Random(seed)

    def step(n: int) -> int:
        far = rng.choice((1, 1, 1, 1 << SEQ_BITS, (200 << SEQ_BITS) - 3, 5000 << SEQ_BITS))
        return far if n else 1 << SEQ_BITS | 50

    stream = of(rng.randrange(200, 1500), rng.choice((30, 200)), step)
    assert all(stream.delete([read_id(id_text(entry)) for entry in rng.sample(entries(stream), 20)]))
    data = written(stream)
    twin = read(data)
    assert twin.folded()
    with monkeypatch.context() as patch:
        patch.setattr(Folding, "take", lambda *_: False)
        stream = read(data)
    for _ in range(40):
        some = rng.choice(entries(stream)) if len(stream) else b"*2\r\n$3\r\n1-1\r\n"
        entry_id, count = read_id(id_text(some)), rng.choice((1, 5, 100))
        match rng.randrange(6):
            case 0:
                assert twin.delete([entry_id]) == stream.delete([entry_id])
            case 1:
                stream.drop_first(count)
                twin.drop_first(count)
            case 2:
                assert twin.last(0, entry_id, count) == stream.last(0, entry_id, count)
            case 3:
                assert twin.below(entry_id) == stream.below(entry_id)
                assert twin.first_id() == stream.first_id()
                assert twin.top_id() == stream.top_id()
            case 4:
                cut = stream.in_whole_nodes(len(stream) // 4, 0)
                assert twin.in_whole_nodes(len(twin) // 4, 0) == cut
                stream.drop_first(cut)
                twin.drop_first(cut)
            case _:
                words = [b"job", b"x" * 30]
                assert twin.add(twin.last_id + 7, words) == stream.add(stream.last_id + 7, words)
        assert (len(twin), twin.nodes()) == (len(stream), stream.nodes())
    assert written(twin) == written(stream)
    twin.check()
    assert entries(twin) == entries(stream)


def test_entries_that_are_not_alike_are_folded_too() -> None:
    stream = uneven(2000, (0, 1, 20, 63, 64, 126, 127, 128, 300, 4000))
    data = written(stream)
    twin = read(data)
    assert folded_entries(twin) > 1800
    assert twin.nodes() == stream.nodes()
    assert written(twin) == data
    twin.check()
    assert entries(twin) == entries(stream)
    assert written(twin) == data


def outcome(data: bytes) -> list[bytes] | str:
    """The entries, or that there is something wrong."""
    try:
        stream = read(data)
    except BadFormatError:
        return "refused"
    return entries(stream)


@pytest.mark.parametrize(
    "stream",
    [of(9, 12, lambda n: (n % 3 << SEQ_BITS) + 3 - n % 3), uneven(8, (1, 64, 130))],
    ids=["alike", "uneven"],
)
def test_a_byte_that_has_changed_is_found_at_once_or_changes_what_it_would_change_anyhow(
    stream: StreamValue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StreamValue, "node_max_entries", 3)
    data = written(stream)
    assert read(data).folded()
    places = Random(1).sample([(at, byte) for at in range(len(data)) for byte in CHANGES], 2000)
    changed = [data[:at] + bytes([byte]) + data[at + 1 :] for at, byte in places]
    found = list(map(outcome, changed))
    monkeypatch.setattr(Folding, "take", lambda *_: False)
    assert found == list(map(outcome, changed))


@pytest.mark.parametrize("seq", [0, 5, (1 << 62) - 1, (1 << 64) - 200])
def test_differences_may_be_negative_or_large(seq: int) -> None:
    stream = StreamValue()
    entry_id = 5 << SEQ_BITS | seq
    for n in range(400):
        stream.add(entry_id, [b"field", b"x" * 50])
        entry_id = (6 + n) << SEQ_BITS | (n % 7 if n % 2 else seq)
    data = written(stream)
    twin = read(data)
    assert bool(twin.folded()) == (seq < 1 << 62)
    assert written(twin) == data
    assert entries(twin) == entries(stream)


def test_nodes_whose_ids_differ_alike_need_not_be_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StreamValue, "node_max_entries", 3)
    stream = StreamValue()
    for ms in range(10, 60, 10):
        for entry_id in (ms << SEQ_BITS | 5, ms + 1 << SEQ_BITS | 2, ms + 2 << SEQ_BITS | 2):
            stream.add(entry_id, [b"field", b"x" * 50])
    data = written(stream)
    before = (30 << SEQ_BITS | 5).to_bytes(16, "big")
    assert data.count(before) == 1
    lower = data.replace(before, (30 << SEQ_BITS | 1).to_bytes(16, "big"))  # 31-2 would be 31-(-2)
    assert folded_entries(read(data)) > folded_entries(read(lower))
    found = outcome(lower)
    monkeypatch.setattr(Folding, "take", lambda *_: False)
    assert found == outcome(lower)
