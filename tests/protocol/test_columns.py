"""Arrays of bulk strings by their columns: the bytes are those of one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from respq.effects.encoding import encode_run
from respq.protocol.columns import Column, Layout
from respq.protocol.resp import bulk, bulks
from respq.protocol.runs import Run

WORD = st.one_of(
    st.sampled_from([b"", b"a", b"bb", b"\r\n"]), st.integers(0, 5000).map(lambda size: b"x" * size)
)


@given(st.lists(WORD, min_size=1, max_size=3), st.data(), st.integers(1, 9), st.integers(1, 4))
def test_a_run_is_encoded_as_its_commands_are(
    shared: list[bytes], data: st.DataObject, count: int, width: int
) -> None:
    column = st.one_of(st.lists(WORD, min_size=count, max_size=count), WORD.map(lambda word: [word] * count))
    run = Run(shared, [data.draw(column) for _ in range(width)])
    assert encode_run(run) == b"".join(map(bulks, run.commands))


@given(st.binary(max_size=12), st.integers(0, 5000), st.integers(1, 200), st.booleans())
def test_words_that_count_are_what_they_spell(prefix: bytes, first: int, count: int, whole: bool) -> None:
    column, words = (
        Column.counting(prefix, first, count),
        [prefix + b"%d" % (first + n) for n in range(count)],
    )
    if column is None:
        assert len(words[0]) != len(words[-1]) or first + count > 4097
        return
    layout = Layout()
    layout.add_column(column, whole=whole)
    expected = b"".join(map(bulk, words))
    assert layout.join(count) == column.bulk_strings() == Column(words).bulk_strings() == expected
    assert layout.sizes(count) == [len(bulk(word)) for word in words]
    assert (column.count, column.length, column.size()) == (count, len(words[0]), sum(map(len, words)))
    assert list(column.words) == words


@given(st.lists(WORD, min_size=1, max_size=20))
def test_a_layout_knows_the_sizes_of_its_texts(words: list[bytes]) -> None:
    layout = Layout()
    layout.add_text(b"*")
    layout.add_column(Column(words))
    layout.add_text(b"-")
    texts = [b"*%b-" % bulk(word) for word in words]
    assert layout.join(len(words)) == b"".join(texts)
    assert layout.sizes(len(words)) == list(map(len, texts))
