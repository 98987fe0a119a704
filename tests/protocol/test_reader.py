"""The reader by itself: the contract, and the twin test of its fast ways against the grammar."""

from __future__ import annotations

import random
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from respq.protocol import Argv
from respq.protocol.plain import PlainParser
from respq.protocol.reader import Reader
from respq.protocol.runs import Run
from tests.resp import bulk, encode

PING = b"*1\r\n$4\r\nPING\r\n"


class Unproven(PlainParser):
    """Proves nothing, so that the grammar has to read everything."""

    def parse(self, data: bytes) -> tuple[list[Argv], int, bool]:
        return [], 0, False


class Grammar(Reader):
    """A reader without its fast ways."""

    def __init__(self) -> None:
        super().__init__()
        self._plain = Unproven()
        self.restricted = False


Outcome = tuple[list[Argv], bytes, int]


def read(reader: Reader, pieces: list[bytes]) -> Outcome:
    """All commands, the error and what is pending, after `pieces` arrived one by one."""
    commands: list[Argv] = []
    for piece in pieces:
        new = reader.feed(piece)
        commands += new
        if reader.verbatim is not None:
            assert b"".join(encode(*argv) for argv in new) == reader.verbatim
    return commands, reader.error.reply if reader.error else b"", reader.pending


def cut(data: bytes, positions: list[int]) -> list[bytes]:
    edges = [0, *sorted(position % (len(data) + 1) for position in positions), len(data)]
    return [data[begin:end] for begin, end in pairwise(edges)]


# -- twins -----------------------------------------------------------------------------------------

WORDS = st.one_of(
    st.sampled_from([b"LPUSH", b"jobs", b"RPOP", b"x" * 64, b"", b"\r\n", b"a\r\nb", b"\r", b"\n", PING]),
    st.sampled_from([b"*1", b"\r\n*2\r\n$1\r\na\r\n$", b"+OK", b"$5\r\n", b"\0", b"y" * 1024, b"z" * 5000]),
    st.binary(max_size=80),
)
COMMANDS = st.lists(WORDS, min_size=1, max_size=5).map(lambda words: encode(*words))
RUNS = st.tuples(st.lists(WORDS, min_size=1, max_size=3), st.lists(WORDS, min_size=4, max_size=8)).map(
    lambda run: b"".join(encode(*run[0], last) for last in run[1])
)
NUMBERS = st.one_of(
    st.integers(-2, 12).map(lambda n: b"%d" % n),
    st.sampled_from([b"", b"01", b"+1", b"-0", b"1 ", b"1000000000", b"2147483648", b"536870913", b"\0"]),
)
ENDS = st.sampled_from([b"\r\n"] * 8 + [b"\r", b"\n", b"\n\r", b"\r\r", b"XX", b"\rX", b"", b"\r\n\r\n"])
KINDS = st.sampled_from([b"*", b"$", b"*", b"$", *b"+ - : _ # , ( ! = % ~ > |".split(), b""])
HEADERS = st.tuples(KINDS, NUMBERS, ENDS).map(b"".join)
BODIES = st.tuples(WORDS, ENDS).map(b"".join)
LYING = st.builds(
    lambda more, word, end: b"$%d\r\n%b%b" % (max(0, len(word) + more), word, end),
    st.integers(-4, 4),
    WORDS,
    ENDS,
)
LINES = st.sampled_from([b"PING\r\n", b"\r\n", b"\n", b'ECHO "a b"\n', b"ECHO 'a\r\n", b"POST\r\n"])
ODD = st.one_of(HEADERS, BODIES, LYING, LINES, st.binary(max_size=12))
INPUTS = st.lists(st.one_of(COMMANDS, RUNS, COMMANDS, RUNS, ODD), max_size=8).map(b"".join)


@given(INPUTS, st.lists(st.integers(0, 10_000), max_size=4))
@example(b"*2\r\n+LLEN\r\n$1\r\n$\r\n", [])
@example(b"*2\r\n=8\r\ntxt:LLEN\r\n$1\r\na\r\n", [])
@example(b"*2\r\n+a\r\n+b\r\n%1\r\n$1\r\na\r\n$1\r\nb\r\n", [])
@example(b"*1\r\n$0\r\n", [])
@example(b"*1\r\n$4\r\nPINGXX" + PING, [])
@example(encode(*[b"a"] * 99) + encode(*[b"a"] * 100) + encode(*[b"ab"] * 3000), [])
@example(encode(*[b"a"] * 150).replace(b"*150", b"*0150") + PING, [])
@example(encode(*[b"a"] * 150).replace(b"*150", b"*151"), [])
@example(PING + b"*5\r\n$1\r\na\r\n$1\r\na", [])
@example(encode(b"L", b"k", b"1") * 5 + b"*3\r\n$1\r\nL\r\n$1\r\nk\r\n$1\r\n1XX", [150])
def test_the_fast_ways_say_what_the_grammar_says(data: bytes, cuts: list[int]) -> None:
    pieces = cut(data, cuts)
    assert read(Reader(), pieces) == read(Grammar(), pieces)


NEARLY_LAST = st.one_of(
    WORDS.map(bulk),
    WORDS.map(bulk),
    LYING,
    st.tuples(st.just(b"$"), BODIES).map(b"".join),
)


@given(
    st.lists(WORDS, min_size=1, max_size=3),
    st.lists(st.lists(NEARLY_LAST, min_size=1, max_size=6), min_size=1, max_size=4),
    st.integers(0, 20),
)
@example([b"L"], [[b"$1\r\na\r\n", b"$1\r\naXX"]], 0)
def test_what_only_looks_like_a_run_is_read_as_what_it_is(
    shared: list[bytes], reads: list[list[bytes]], short_by: int
) -> None:
    first = b"".join(encode(*shared, last) for last in (b"a", b"b", b"c", b"d"))
    front = encode(*shared).replace(b"*%d" % len(shared), b"*%d" % (len(shared) + 1), 1)
    pieces = [first, *(b"".join(front + last for last in lasts) for lasts in reads)]
    pieces[-1] = pieces[-1][: len(pieces[-1]) - short_by]
    assert read(Reader(), pieces) == read(Grammar(), pieces)


# Reads that have, or nearly have, the form of the run before them: two words that differ.
def pairs_behind(shared: list[bytes]) -> st.SearchStrategy[bytes]:
    front = encode(*shared).replace(b"*%d" % len(shared), b"*%d" % (len(shared) + 2), 1)
    even = st.tuples(st.sampled_from([b"a", b"b", b"\n"]), st.sampled_from([b"xy", b"\r\n", b"$2"]))
    lying = st.tuples(st.sampled_from([b"$1\r\na\r\n", b"$2\r\na\r\n", b"$1\r\nab\r\n"]), NEARLY_LAST)
    return st.one_of(
        even.map(lambda pair: encode(*shared, *pair)),
        st.tuples(WORDS, WORDS).map(lambda pair: encode(*shared, *pair)),
        st.tuples(NEARLY_LAST, NEARLY_LAST).map(lambda pair: front + b"".join(pair)),
        lying.map(lambda pair: front + b"".join(pair)),
        st.sampled_from([PING, b"*3\r\n$3\r\nGET\r\n$1\r\na\r\n$2\r\nxy\r\n", front + b"$1\r\n"]),
    )


@pytest.mark.parametrize("keys", [(b"a", b"b", b"c", b"d"), (b"a", b"", b"ccc", b"d")])
@pytest.mark.parametrize("shared", [[b"SET"], [b"ZADD", b"z"]])
@given(data=st.data(), short_by=st.integers(0, 20), cuts=st.lists(st.integers(0, 1000), max_size=2))
def test_what_only_looks_like_pairs_is_read_as_what_it_is(
    shared: list[bytes], keys: tuple[bytes, ...], data: st.DataObject, short_by: int, cuts: list[int]
) -> None:
    first = b"".join(encode(*shared, key, b"xy") for key in keys)
    second = b"".join(data.draw(st.lists(pairs_behind(shared), min_size=1, max_size=6)))
    pieces = [first, *cut(second[: len(second) - short_by], cuts)]
    assert read(Reader(), pieces) == read(Grammar(), pieces)


# The same, and three words differ.
def words_behind(shared: list[bytes]) -> st.SearchStrategy[bytes]:
    front = encode(*shared).replace(b"*%d" % len(shared), b"*%d" % (len(shared) + 3), 1)
    return st.one_of(
        st.tuples(WORDS, st.just(b"f"), WORDS).map(lambda words: encode(*shared, *words)),
        st.tuples(WORDS, WORDS, WORDS).map(lambda words: encode(*shared, *words)),
        st.tuples(NEARLY_LAST, NEARLY_LAST, NEARLY_LAST).map(lambda words: front + b"".join(words)),
        st.lists(NEARLY_LAST, min_size=2, max_size=4).map(lambda words: front + b"".join(words)),
        st.sampled_from([PING, front + b"$1\r\n", front]),
    )


@pytest.mark.parametrize("shared", [[b"XADD", b"s"], [b"XADD", b"s", b"*", b"f"]])
@given(data=st.data(), short_by=st.integers(0, 20), cuts=st.lists(st.integers(0, 1000), max_size=2))
def test_what_only_looks_like_words_behind_others_is_read_as_what_it_is(
    shared: list[bytes], data: st.DataObject, short_by: int, cuts: list[int]
) -> None:
    first = b"".join(encode(*shared, b"%d" % n, b"g", b"x" * n) for n in range(5))
    second = b"".join(data.draw(st.lists(words_behind(shared), min_size=1, max_size=6)))
    pieces = [first, *cut(second[: len(second) - short_by], cuts)]
    assert read(Reader(), pieces) == read(Grammar(), pieces)


# The same, and each word has always one length, here of one digit or two.
def rows_behind(shared: list[bytes]) -> st.SearchStrategy[bytes]:
    front = encode(*shared).replace(b"*%d" % len(shared), b"*%d" % (len(shared) + 4), 1)
    row = st.tuples(st.sampled_from([b"a", b"b"]), st.just(b"f"), st.binary(min_size=12, max_size=12))
    nearly = st.sampled_from([b"$1\r\na\r\n", b"$1\r\n\r\r\n", b"$2\r\n\r\n", b"$12\r\n%b\r\n" % (b"$" * 12)])
    return st.one_of(
        row.map(lambda words: encode(*shared, *words, b"g")),
        st.tuples(WORDS, WORDS, WORDS).map(lambda words: encode(*shared, *words, b"g")),
        st.lists(nearly, min_size=4, max_size=4).map(lambda words: front + b"".join(words)),
        st.sampled_from([PING, front + b"$1\r\n", front]),
    )


@pytest.mark.parametrize("shared", [[b"HSET"], [b"XADD", b"s", b"*"]])
@given(data=st.data(), short_by=st.integers(0, 20), cuts=st.lists(st.integers(0, 1000), max_size=2))
def test_what_only_looks_like_rows_is_read_as_what_it_is(
    shared: list[bytes], data: st.DataObject, short_by: int, cuts: list[int]
) -> None:
    first = b"".join(encode(*shared, b"%d" % n, b"f", b"\r" * 11 + b"%d" % n, b"g") for n in range(5))
    second = b"".join(data.draw(st.lists(rows_behind(shared), min_size=1, max_size=6)))
    pieces = [first, *cut(second[: len(second) - short_by], cuts)]
    assert read(Reader(), pieces) == read(Grammar(), pieces)


# The same, with many words of one length behind those that are shared.
def lists_behind(front: bytes) -> st.SearchStrategy[bytes]:
    words = st.lists(st.sampled_from([b"aaa", b"$2\r", b"\r\n$"]), min_size=40, max_size=40)
    nearly = st.sampled_from([b"$3\r\nabc\r\n", b"$2\r\na\r\r\n", b"$3\r\n\r\n$\r\n", b"$4\r\nabcd\r\n"])
    return st.one_of(
        words.map(lambda words: encode(b"XACK", b"s", b"g", *words)),
        st.tuples(words, st.integers(0, 39), nearly).map(
            lambda drawn: front + b"".join([encode(word)[4:] for word in drawn[0][:-1]]) + drawn[2]
        ),
        st.sampled_from([PING, front + b"$3\r\n", front]),
    )


@given(data=st.data(), short_by=st.integers(0, 20), cuts=st.lists(st.integers(0, 1000), max_size=2))
def test_what_only_looks_like_lists_is_read_as_what_it_is(
    data: st.DataObject, short_by: int, cuts: list[int]
) -> None:
    front = encode(b"XACK", b"s", b"g").replace(b"*3", b"*43")
    first = encode(b"XACK", b"s", b"g", *[b"a%02d" % n for n in range(40)]) * 4
    second = b"".join(data.draw(st.lists(lists_behind(front), min_size=1, max_size=6)))
    pieces = [first, *cut(second[: len(second) - short_by], cuts)]
    assert read(Reader(), pieces) == read(Grammar(), pieces)


def test_words_that_fit_together_only_as_a_whole_are_no_run() -> None:
    first = b"".join(encode(b"XADD", b"s", b"%d" % n, b"a", b"b" * n) for n in range(5))
    front = b"*5\r\n$4\r\nXADD\r\n$1\r\ns\r\n"
    word = b"$1\r\na\r\n"
    second = front + 4 * word + front + 2 * word
    assert read(Reader(), [first, second]) == read(Grammar(), [first, second])


def test_lines_that_fit_together_only_as_a_whole_are_not_pairs() -> None:
    first = b"".join(encode(b"ZADD", b"z", b"1" * n, b"a") for n in range(4))
    front = b"*4\r\n$4\r\nZADD\r\n$1\r\nz\r\n"
    second = front + b"$1\r\n1\r\n$0\r\n" + front + b"$\r\n\r\n$1\r\n1\r\n$1\r\na\r\n"
    assert read(Reader(), [first, second]) == read(Grammar(), [first, second])


@pytest.mark.parametrize("words", [2, 3])
@pytest.mark.parametrize("mark", [b"", b"\0", b"$"])
def test_commands_whose_ends_are_elsewhere_are_no_run(mark: bytes, words: int) -> None:
    first = b"".join(encode(b"XADD", b"s", *[b"1" * n, b"a" * n, b"b"][:words]) for n in range(1, 5))
    front = b"*%d\r\n$4\r\nXADD\r\n$1\r\ns\r\n$" % (words + 2)
    word, rest = b"1\r\n1\r\n", b"$1\r\na\r\n" * (words - 1)
    command = word + rest
    for bad in (
        command + mark + word + front + rest + front + command,
        command + mark + word + front + rest[1:] + front + command,
        command + mark + b"1\r\n" + front + b"1\r\n" + rest + front + command,
        word + front + rest[1:] + mark + command + front + command,
    ):
        assert read(Reader(), [first, front + bad]) == read(Grammar(), [first, front + bad])


@given(INPUTS)
def test_every_split_has_the_same_outcome(data: bytes) -> None:
    whole = read(Grammar(), [data])
    step = max(1, len(data) // 40)
    for position in range(0, len(data), step):
        pieces = [data[:position], data[position:]]
        commands, error, _ = read(Reader(), pieces)
        assert (commands, error) == whole[:2]
    if len(data) < 300:
        assert read(Reader(), [bytes((byte,)) for byte in data])[:2] == whole[:2]


@given(st.lists(st.one_of(COMMANDS, RUNS), max_size=4), st.lists(st.integers(0, 10_000), max_size=3))
def test_what_was_sent_comes_back(sent: list[bytes], cuts: list[int]) -> None:
    data = b"".join(sent)
    reader = Reader()
    for piece in cut(data, cuts):
        between_commands = reader.pending == 0
        encoding = b"".join(encode(*argv) for argv in reader.feed(piece))
        assert reader.verbatim in ([encoding] if between_commands else [encoding, None])
    assert (reader.error, reader.pending) == (None, 0)


@given(INPUTS, st.lists(st.integers(0, 10_000), max_size=4), st.integers(0, 9))
def test_restricted_readers_hand_out_one_command_at_a_time(
    data: bytes, cuts: list[int], unlock_after: int
) -> None:
    reader, twin = Reader(), Grammar()
    for each in (reader, twin):
        each.restricted = True
    count = 0
    for piece in cut(data, cuts):
        commands = reader.feed(piece)
        assert commands == twin.feed(piece)
        while commands and reader.restricted:
            assert len(commands) == 1
            count += 1
            if count == unlock_after:
                reader.restricted = twin.restricted = False
            commands = reader.feed(b"")
            others = twin.feed(b"")
            assert commands == others
        assert str(reader.error) == str(twin.error)
        assert reader.pending == twin.pending


# -- the contract ----------------------------------------------------------------------------------


def test_canonical_arrays_are_verbatim_and_nothing_else_is() -> None:
    for data, size in [
        (PING, len(PING)),
        (PING * 3, 3 * len(PING)),
        (encode(b"SET", b"k", b"\r\n"), 29),
        (encode(b"SET", b"k", b"v" * 100_000), 100_031),
        (PING + b"*", len(PING)),
        (PING + b"*x\r\n", len(PING)),
        (PING + encode(b"SET", b"k", b"v" * 100_000)[:-1], len(PING)),
        (b"PING\r\n", None),
        (b"*0\r\n" + PING, None),
        (PING + b"*0\r\n" + PING, None),
        (b"*1\r\n$4\r\nPINGXX", None),
        (PING + b"PING\r\n", None),
        (b"", 0),
    ]:
        reader = Reader()
        reader.feed(data)
        assert reader.verbatim == (None if size is None else data[:size]), data[:40]


def test_a_command_in_two_reads_is_verbatim_unless_most_of_it_came_before() -> None:
    command = encode(b"ECHO", b"hello")
    for position in range(1, len(command)):
        reader = Reader()
        assert reader.feed(PING + command[:position]) == [[b"PING"]]
        assert reader.verbatim == PING
        assert reader.feed(command[position:]) == [[b"ECHO", b"hello"]]
        assert reader.verbatim == (command if 2 * position <= len(command) else None)
        assert reader.feed(PING) == [[b"PING"]]
        assert reader.verbatim == PING


def test_a_pipeline_is_verbatim_however_it_is_cut() -> None:
    data = b"".join(encode(b"LPUSH", b"jobs", b"%d" % n * (n % 50)) for n in range(1000))
    for size in (300, 4096, 16384):
        reader = Reader()
        logged = b""
        for i in range(0, len(data) - size, size):
            assert reader.feed(data[i : i + size])
            assert reader.verbatim
            logged += reader.verbatim
        assert data.startswith(logged)
        assert len(logged) + reader.pending == i + size


def test_who_takes_the_verbatim_bytes_away_finds_them_again_after_a_repeated_read() -> None:
    reader = Reader()
    for _ in range(3):
        assert reader.feed(PING) == [[b"PING"]]
        assert reader.verbatim == PING
        reader.verbatim = None


def test_a_repeated_read_is_recognised_only_between_commands() -> None:
    reader = Reader()
    assert reader.feed(PING) == reader.feed(PING) == [[b"PING"]]
    assert reader.verbatim == PING
    assert reader.feed(b"*2\r\n$4\r\nECHO\r\n$14\r\n") == []
    assert reader.feed(PING) == []
    assert reader.feed(b"\r\n") == [[b"ECHO", PING]]


def test_a_repeated_read_is_no_way_around_the_limits() -> None:
    reader = Reader()
    assert reader.feed(PING * 3) == [[b"PING"]] * 3
    reader.restricted = True
    assert reader.feed(PING * 3) == [[b"PING"]]
    assert reader.feed(b"") == [[b"PING"]]


def test_an_error_ends_the_conversation_but_not_the_commands_before_it() -> None:
    reader = Reader()
    assert reader.feed(PING * 5 + b"*x\r\n" + PING) == [[b"PING"]] * 5
    assert reader.error is not None
    assert str(reader.error.reply, "ascii") == "-ERR Protocol error: invalid multibulk length\r\n"
    assert reader.feed(PING) == []
    assert reader.feed(b"") == []
    assert (reader.verbatim, reader.pending) == (None, 0)


def test_limits_lifted_between_two_commands_hold_for_the_second() -> None:
    reader = Reader()
    reader.restricted = True
    many = encode(b"RPUSH", b"k", *[b"x"] * 20)
    assert reader.feed(PING + many + many) == [[b"PING"]]
    assert reader.pending == 2 * len(many)
    reader.restricted = False
    assert [len(argv) for argv in reader.feed(b"")] == [22, 22]
    assert (reader.error, reader.pending) == (None, 0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"*11\r\n", b"unauthenticated multibulk length"),
        (b"*1\r\n$16385\r\n", b"unauthenticated bulk length"),
    ],
)
def test_limits_of_strangers_are_decided_on_the_header(data: bytes, message: bytes) -> None:
    reader = Reader()
    reader.restricted = True
    assert reader.feed(data) == []
    assert reader.error is not None
    assert reader.error.reply == b"-ERR Protocol error: %b\r\n" % message


def test_the_longest_argument_is_a_setting() -> None:
    reader = Reader()
    reader.max_bulk_bytes = 1 << 20
    assert reader.feed(b"*2\r\n$4\r\nECHO\r\n$1048576\r\n") == []
    assert reader.error is None
    for late in (b"", b"x" * 1048577 + b"\r\n"):
        reader = Reader()
        reader.max_bulk_bytes = 1 << 20
        assert reader.feed(PING + b"*2\r\n$4\r\nECHO\r\n$1048577\r\n" + late) == [[b"PING"]]
        assert reader.error is not None


@pytest.mark.parametrize(
    "data", [b"*2147483647\r\n", b"*2000000000\r\n$536870912\r\n", b"*1\r\n$536870912\r\nab"]
)
def test_an_announcement_reserves_nothing(data: bytes) -> None:
    reader = Reader()
    tracemalloc.start()
    try:
        assert reader.feed(data) == []
        assert tracemalloc.get_traced_memory()[1] < 20_000
    finally:
        tracemalloc.stop()
    assert reader.pending == len(data)


def test_pending_counts_what_no_command_accounts_for() -> None:
    data = encode(b"SET", b"key", b"v" * 1000)
    reader = Reader()
    for sent in range(1, len(data)):
        assert reader.feed(data[sent - 1 : sent]) == []
        assert reader.pending == sent
    assert reader.feed(data[-1:]) == [[b"SET", b"key", b"v" * 1000]]
    assert reader.pending == 0


def test_a_long_value_in_many_reads_is_copied_a_fixed_number_of_times() -> None:
    value = random.Random(1).randbytes(4_000_000)
    data = encode(b"SET", b"key", value)
    reader = Reader()
    tracemalloc.start()
    try:
        commands = [argv for i in range(0, len(data), 1000) for argv in reader.feed(data[i : i + 1000])]
        assert tracemalloc.get_traced_memory()[1] < 4 * len(value)
    finally:
        tracemalloc.stop()
    assert commands == [[b"SET", b"key", value]]


def test_runs_of_any_last_word_survive_cuts_anywhere() -> None:
    rng = random.Random(2)
    lasts = [rng.randbytes(rng.choice((0, 1, 9, 10, 64, 99, 100, 1024, 1025, 3000))) for _ in range(60)]
    data = b"".join(encode(b"LPUSH", b"jobs", last) for last in lasts)
    expected = [[b"LPUSH", b"jobs", last] for last in lasts]
    for size in (997, 4096, 16384):
        reader = Reader()
        pieces = [data[i : i + size] for i in range(0, len(data), size)]
        assert read(reader, pieces) == (expected, b"", 0)
        assert reader.feed(data) == expected
        assert reader.verbatim == data


def test_runs_of_pairs_survive_cuts_anywhere() -> None:
    rng = random.Random(3)
    words = [(b"key:%03d" % rng.randrange(1000), rng.randbytes(64)) for _ in range(200)]
    data = b"".join(encode(b"SET", *pair) for pair in words)
    expected = [[b"SET", *pair] for pair in words]
    for size in (97, 997, 4096, 16384):
        reader = Reader()
        pieces = [data[i : i + size] for i in range(0, len(data), size)]
        assert read(reader, pieces) == (expected, b"", 0)
        assert reader.feed(data) == expected
        assert reader.verbatim == data


def test_runs_of_uneven_pairs_survive_cuts_anywhere() -> None:
    rng = random.Random(4)
    words = [(b"%d" % rng.randrange(1 << rng.randrange(60)), rng.randbytes(rng.choice((0, 3, 64, 5000))))
             for _ in range(200)]  # fmt: skip
    data = b"".join(encode(b"ZADD", b"z", *pair) for pair in words)
    expected = [[b"ZADD", b"z", *pair] for pair in words]
    for size in (97, 997, 4096, 16384):
        reader = Reader()
        pieces = [data[i : i + size] for i in range(0, len(data), size)]
        assert read(reader, pieces) == (expected, b"", 0)
        assert reader.feed(data) == expected
        assert reader.verbatim == data


def test_runs_of_several_words_survive_cuts_anywhere() -> None:
    rng = random.Random(5)
    values = [(rng.randbytes(rng.choice((0, 3, 64))), rng.randbytes(rng.choice((9, 200, 5000))))
              for _ in range(200)]  # fmt: skip
    commands = [[b"XADD", b"s", b"*", b"f", one, b"g", other] for one, other in values]
    data = b"".join(encode(*command) for command in commands)
    for size in (97, 997, 4096, 16384):
        reader = Reader()
        pieces = [data[i : i + size] for i in range(0, len(data), size)]
        assert read(reader, pieces) == (commands, b"", 0)
        assert reader.feed(data) == commands
        assert reader.verbatim == data


def test_runs_of_rows_survive_cuts_anywhere() -> None:
    rng = random.Random(6)
    commands = [
        [b"XADD", b"s", b"*", b"f", rng.randbytes(100), b"g", b"%03d" % rng.randrange(1000), b"h", b"end"]
        for _ in range(200)
    ]
    data = b"".join(encode(*command) for command in commands)
    for size in (97, 997, 4096, 16384):
        reader = Reader()
        pieces = [data[i : i + size] for i in range(0, len(data), size)]
        assert read(reader, pieces) == (commands, b"", 0)
        assert reader.feed(data) == commands
        run = reader.feed(data)
        assert isinstance(run, Run)
        assert run == commands
        assert [column.constant for column in run.described] == [False, True, False, True, True]
        assert reader.verbatim == data


def test_runs_of_lists_survive_cuts_anywhere() -> None:
    commands = [[b"XACK", b"s", b"g", *[b"%04d-%02d" % (n, m) for m in range(90)]] for n in range(30)]
    data = b"".join(encode(*command) for command in commands)
    for size in (997, 4096, 16384):
        reader = Reader()
        pieces = [data[i : i + size] for i in range(0, len(data), size)]
        assert read(reader, pieces) == (commands, b"", 0)
        assert reader.feed(data) == commands
        assert reader.feed(data) == commands
        assert reader.verbatim == data


@pytest.mark.parametrize("differing", [1, 2, 3])
def test_a_read_that_ends_right_behind_the_next_header_is_a_run_nevertheless(differing: int) -> None:
    commands = [[b"XADD", b"s", b"*", *[b"%d" % n] * differing] for n in range(100, 110)]
    data = b"".join(encode(*command) for command in commands)
    size = len(data) // len(commands)
    reader = Reader()
    reader.feed(data)
    for end in range(9 * size, 10 * size):
        run = reader.feed(data[:end])
        assert isinstance(run, Run)
        assert run == commands[:9]
        assert reader.feed(data[end:]) == commands[9:]


def test_a_form_that_does_not_fit_any_more_gives_way_to_one_that_does() -> None:
    reader = Reader()
    reads = [
        [[b"LPUSH", b"jobs", b"%04d" % n] for n in range(5)],
        [[b"LPUSH", b"jobs", b"x" * n] for n in range(5)],
        [[b"LPUSH", b"job%d" % n, b"%04d" % n] for n in range(5)],
        [[b"LPUSH", b"job%d" % n, b"x" * n] for n in range(5)],
        [[b"ZADD", b"z", b"%d" % 9**n, b"x" * n] for n in range(5)],
        [[b"ZADD", b"z", b"%d" % n, b"%04d" % n] for n in range(5)],
        [[b"HSET", b"h%d" % 9**n, b"f" * n, b"x"] for n in range(5)],
        [[b"HSET", b"h%d" % n, b"f%d" % n, b"x" * 5000] for n in range(5)],
        [[b"HSET", b"h%d" % n, *[b"x"] * 20] for n in range(5)],
        [[b"RPOP", b"jobs"]] * 5,
        [[b"PING"]] * 5,
        [[b"GET", b"%d" % n] for n in range(8, 13)],
    ]
    for commands in reads * 2:
        data = b"".join(encode(*argv) for argv in commands)
        for _ in range(3):
            assert reader.feed(data) == commands
            assert reader.feed(data + PING) == [*commands, [b"PING"]]
