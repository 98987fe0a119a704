"""Reading a log: whole, torn anywhere, damaged anywhere, in pieces of any size."""

from __future__ import annotations

import logging
import tracemalloc
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respq.effects import loader
from respq.effects.encoding import encode, select
from respq.effects.files import AofError, Files
from respq.effects.grammar import FormatError, parse, parse_strictly
from respq.effects.loader import CommandFailedError, Loader
from respq.protocol import Argv
from tests.effects.disk import Disk

PATH = Path("/data/appendonlydir/appendonly.aof.1.incr.aof")
MULTI, EXEC = [b"MULTI"], [b"EXEC"]
COMMANDS = [
    [b"SET", b"a", b"1"],
    [b"RPUSH", b"l", b"", b"\r\n", b"*1\r\n$4\r\nPING\r\n", b"x" * 120],
    [b"DEL", b"b"],
    MULTI,
    [b"SET", b"in", b"transaction"],
    [b"SET", b"a", b"2"],
    EXEC,
    [b"FLUSHALL"],
    [b"multi"],
    [b"SET", b"z", b"9"],
    [b"exec"],
]
DATA = b"".join(map(encode, COMMANDS))
SELECT_0 = [b"SELECT", b"0"]


def load(
    data: bytes, *, truncate: bool = True, last: bool = True, disk: Disk | None = None
) -> tuple[list[Argv], bytes]:
    """Load one file; return what was executed, without the SELECT in front, and what the file is then."""
    disk = disk or Disk()
    disk.put(PATH, data)
    executed: list[Argv] = []
    Loader(disk, executed.extend, None, len(data)).load(PATH, last=last, truncate=truncate)
    assert executed.pop(0) == SELECT_0
    return executed, disk.get(PATH)


def whole_units() -> list[tuple[int, list[Argv]]]:
    """Each offset at which nothing is open, with the commands in front of it."""
    units: list[tuple[int, list[Argv]]] = [(0, [])]
    offset, open_ = 0, False
    for index, argv in enumerate(COMMANDS):
        offset += len(encode(argv))
        open_ = (open_ or argv[0].upper() == b"MULTI") and argv[0].upper() != b"EXEC"
        if not open_:
            units.append((offset, COMMANDS[: index + 1]))
    return units


UNITS = whole_units()


@pytest.fixture(params=[1, 7, 1 << 20])
def piece(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Files are read in pieces of so many bytes."""
    monkeypatch.setattr(loader, "_READ_BYTES", request.param)
    monkeypatch.setattr(loader, "_FIRST_BYTES", request.param)
    return int(request.param)


@pytest.mark.usefixtures("piece")
def test_a_log_cut_at_any_byte_loads_up_to_the_last_whole_command() -> None:
    for cut in range(len(DATA) + 1):
        offset, expected = max(unit for unit in UNITS if unit[0] <= cut)
        executed, left = load(DATA[:cut])
        assert executed == expected
        assert left == DATA[:offset], "the torn end is cut off"


def test_a_torn_end_is_refused_if_so_configured_and_left_alone() -> None:
    for cut in range(len(DATA) + 1):
        disk = Disk()
        if cut in dict(UNITS):
            load(DATA[:cut], truncate=False)
            continue
        with pytest.raises(AofError, match=rf"{PATH}.*offset \d+.*aof-load-truncated"):
            load(DATA[:cut], truncate=False, disk=disk)
        assert disk.get(PATH) == DATA[:cut]


def test_a_torn_end_is_refused_in_any_file_but_the_last_and_left_alone() -> None:
    disk = Disk()
    with pytest.raises(AofError, match="not the last file"):
        load(DATA[:-1], last=False, disk=disk)
    assert disk.get(PATH) == DATA[:-1]


TAILS = [
    b"\0" * 20,
    b"garbage\r\n" * 2,
    b"*1\r\n$-1\r\n" + encode([b"PING"]),
    b"*2\r\n$99\r\n" + encode([b"PING"]) * 3,
]


def load_with_tail(
    tail: bytes, most: int, data: bytes = DATA, *, last: bool = True
) -> tuple[list[Argv], bytes]:
    """Load a file that ends in `tail`, as `load` does, where `most` bytes may be damaged."""
    disk = Disk()
    disk.put(PATH, data + tail)
    executed: list[Argv] = []
    reader = Loader(disk, executed.extend, None, len(data))
    reader.load(PATH, last=last, truncate=False, corrupt_tail_bytes=most)
    return executed[1:], disk.get(PATH)


@pytest.mark.usefixtures("piece")
@pytest.mark.parametrize("tail", TAILS)
def test_a_damaged_end_is_cut_off_up_to_the_size_that_is_allowed(
    tail: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert load_with_tail(tail, len(tail)) == (COMMANDS, DATA)
    assert f"cutting off {len(tail)} bytes (aof-load-corrupt-tail-max-size)" in caplog.text
    for most, last in ((len(tail) - 1, True), (0, True), (len(tail), False)):
        with pytest.raises(AofError):
            load_with_tail(tail, most, last=last)


def test_a_transaction_that_is_damaged_goes_as_a_whole() -> None:
    data = encode([b"SET", b"a", b"1"])
    tail = encode(MULTI) + encode([b"SET", b"a", b"2"]) + b"\0\0"
    assert load_with_tail(tail, len(tail), data) == ([[b"SET", b"a", b"1"]], data)
    with pytest.raises(AofError):
        load_with_tail(tail, len(tail) - 1, data)


def test_a_command_that_fails_is_no_damaged_end() -> None:
    def execute(commands: list[Argv]) -> None:
        if [b"NOSUCH"] in commands:
            raise CommandFailedError(commands.index([b"NOSUCH"]), "unknown command")

    disk = Disk()
    disk.put(PATH, DATA + encode([b"NOSUCH"]))
    with pytest.raises(AofError, match="unknown command"):
        Loader(disk, execute, None, 1).load(PATH, last=True, truncate=True, corrupt_tail_bytes=1 << 20)


def test_cutting_a_torn_end_is_announced(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        load(encode([b"SET", b"a", b"1"]) + b"*3\r\n$3")
    assert f"{PATH}" in caplog.text
    assert "offset 27" in caplog.text
    assert "cutting off 6 bytes" in caplog.text


@pytest.mark.parametrize(
    "bad",
    [
        b"garbage\r\n",
        b"\r\n",
        b"\0" * 20,
        b"*0\r\n",
        b"*-1\r\n",
        b"*1\n$4\nPING\n",
        b"*1\r\n:4\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$4x\r\nPING\r\n",
        b"*1\r\n$4\r\nPINGxx",
        b"$4\r\nPING\r\n",
        b"*1\r\n*1\r\n$4\r\nPING\r\n",
        b"*\r\n",
        b"+OK\r\n",
        b"-ERR\r\n",
        b"~1\r\n$4\r\nPING\r\n",
    ],
)
@pytest.mark.parametrize("behind", [b"", encode([b"SET", b"b", b"2"]) * 3])
@pytest.mark.usefixtures("piece")
def test_damage_is_refused_with_file_and_offset(bad: bytes, behind: bytes) -> None:
    good = encode([b"SET", b"a", b"1"])
    disk = Disk()
    with pytest.raises(AofError) as caught:
        load(good + bad + behind, disk=disk)
    offset = int(str(caught.value).partition(": offset ")[2].partition(":")[0])
    assert str(PATH) in str(caught.value)
    assert len(good) <= offset <= len(good + bad)
    assert disk.get(PATH) == good + bad + behind


@pytest.mark.parametrize("length", [b"300", b"99999999", b"999999999999999999"])
def test_a_wrong_length_in_the_middle_is_no_torn_end(length: bytes) -> None:
    good = encode([b"SET", b"a", b"1"])
    bad = good.replace(b"$1\r\na", b"$%b\r\na" % length)
    with pytest.raises(AofError, match=r"offset 27: .*damaged rather than torn"):
        load(good + bad + good * 5)


def test_a_huge_count_reserves_nothing() -> None:
    tracemalloc.start()
    try:
        executed, left = load(encode([b"DEL", b"a"]) + b"*999999999\r\n$3\r\nSET\r\n")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
    assert executed == [[b"DEL", b"a"]]
    assert left == encode([b"DEL", b"a"])


@pytest.mark.usefixtures("piece")
def test_annotations_are_skipped_and_cut_off_when_torn() -> None:
    one, two = COMMANDS[:2]
    data = b"#TS:1\r\n" + encode(one) + b"#TS:2\r\n#TS:3\r\n" + encode(two) + b"#TS:4\r\n"
    for torn in (b"", b"#", b"#TS", b"#TS:5\r"):
        executed, left = load(data + torn)
        assert executed == [one, two]
        assert left == data


@pytest.mark.usefixtures("piece")
def test_an_annotation_inside_a_transaction_does_not_move_its_start() -> None:
    data = encode([b"DEL", b"x"]) + b"#TS:1\r\n"
    torn = encode(MULTI) + b"#TS:2\r\n" + encode([b"SET", b"a", b"1"])
    assert load(data + torn) == ([[b"DEL", b"x"]], data)


@pytest.mark.usefixtures("piece")
def test_a_command_that_fails_is_named_by_its_offset() -> None:
    before = [[b"SET", b"a", b"1"], MULTI, [b"SET", b"a", b"2"]]
    data = b"".join(map(encode, [*before, [b"FOO"], EXEC, [b"DEL", b"a"]]))
    disk = Disk()
    disk.put(PATH, data)

    def execute(commands: list[Argv]) -> None:
        for index, argv in enumerate(commands):
            if argv == [b"FOO"]:
                raise CommandFailedError(index, "unknown command 'FOO'")

    offset = sum(map(len, map(encode, before)))
    with pytest.raises(AofError, match=rf"{PATH}: offset {offset}: unknown command 'FOO'"):
        Loader(disk, execute, None, len(data)).load(PATH, last=True, truncate=True)


@pytest.mark.parametrize("signature", [b"REDIS0011", b"VALKEY080"])
def test_values_are_refused_where_only_commands_are_expected(signature: bytes) -> None:
    with pytest.raises(AofError, match=rf"{PATH}: offset 9: .* is an RDB file"):
        load(signature + b"\0\1k\1v")


def test_transactions_arrive_whole(piece: int) -> None:
    disk = Disk()
    disk.put(PATH, DATA)
    batches: list[list[Argv]] = []
    Loader(disk, batches.append, None, len(DATA)).load(PATH, last=True, truncate=True)
    for batch in batches:
        names = [argv[0].upper() for argv in batch]
        assert names.count(b"MULTI") == names.count(b"EXEC")
    assert list(chain.from_iterable(batches)) == [SELECT_0, *COMMANDS]
    assert piece > 100 or len(batches) > 4


def test_progress_reaches_the_total(piece: int) -> None:
    disk = Disk()
    disk.put(PATH, DATA)
    seen: list[tuple[int, int]] = []
    reader = Loader(disk, lambda _: None, lambda done, total: seen.append((done, total)), len(DATA))
    reader.load(PATH, last=True, truncate=True)
    assert seen[-1] == (len(DATA), len(DATA))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len(seen) >= len(DATA) // max(piece, 200)


def test_memory_is_bounded_by_the_piece_not_by_the_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(encode([b"SET", b"k", b"x" * 50_000]) * 600)
    tracemalloc.start()
    try:
        Loader(Files(), lambda _: None, None, 1).load(path, last=True, truncate=True)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_a_value_larger_than_a_piece_is_read_in_linear_time(tmp_path: Path) -> None:
    path, value = tmp_path / "log", bytes(40 << 20)
    path.write_bytes(encode([b"SET", b"k", value]) + encode([b"DEL", b"k"]))
    reads = []

    class Counting(Files):
        def read(self, fd: int, count: int, offset: int) -> bytes:
            reads.append(count)
            return super().read(fd, count, offset)

    executed: list[Argv] = []
    Loader(Counting(), executed.extend, None, 1).load(path, last=True, truncate=True)
    assert executed == [SELECT_0, [b"SET", b"k", value], [b"DEL", b"k"]]
    assert len(reads) < 30


# -- the two parsers -------------------------------------------------------------------------------


Outcome = tuple[list[Argv], int, int | None]


def by_the_norm(data: bytes) -> Outcome:
    commands: list[Argv] = []
    offset = 0
    while offset < len(data):
        if data[offset] == ord("#"):
            end = data.find(b"\n", offset) + 1
            if not end:
                break
            offset = end
            continue
        try:
            found = parse_strictly(data, offset)
        except FormatError as error:
            return commands, offset, error.offset
        if found is None:
            break
        commands.append(found[0])
        offset = found[1]
    return commands, offset, None


def quickly(data: bytes) -> Outcome:
    commands, offset, error = parse(data)
    return commands, offset, error.offset if error else None


NAMES = st.sampled_from([b"SET", b"RPUSH", b"MULTI", b"EXEC"])
ARGUMENTS = st.binary(max_size=12) | st.sampled_from([b"\r\n", b"*1\r\n$1\r\na\r\n", b"#", b"x" * 99])
ARGVS = st.builds(lambda name, rest: [name, *rest], NAMES, st.lists(ARGUMENTS, max_size=4))
PIECES = st.lists(ARGVS.map(encode) | st.sampled_from([b"#TS:1\r\n", b"#t\r\n", b"#\n"]), max_size=6)


@given(PIECES.map(b"".join), st.data())
@settings(max_examples=500)
def test_the_quick_parser_agrees_with_the_norm_on_any_damage(data: bytes, draw: st.DataObject) -> None:
    assert quickly(data) == by_the_norm(data)
    if not data:
        return
    at = draw.draw(st.integers(0, len(data) - 1))
    byte = draw.draw(st.sampled_from(b"*$+-:#0123456789\r\nax_~=").map(lambda n: bytes([n])))
    for damaged in (
        data[:at],
        data[:at] + byte + data[at + 1 :],
        data[:at] + byte + data[at:],
        data[:at] + data[at + 1 :],
    ):
        assert quickly(damaged) == by_the_norm(damaged)


def test_the_quick_parser_finds_its_way_between_long_and_short_commands() -> None:
    for length in (60_000, 65_500, 70_000, 200_000):
        short = b"".join(encode([b"RPUSH", b"k", b"%d" % i]) for i in range(length // 100))
        long = encode([b"SET", b"k", b"x" * length])
        for data in (
            long + short,
            short + long + short + long,
            long + b"#TS:1\r\n" + short,
            short + long[:-1],
        ):
            assert quickly(data) == by_the_norm(data)


def test_encoding_is_canonical_for_any_number_of_arguments() -> None:
    for count in range(1, 9):
        argv = [b"x" * n for n in range(count)]
        data = encode(argv)
        assert data.startswith(b"*%d\r\n$0\r\n\r\n" % count)
        assert quickly(data) == ([argv], len(data), None)
    assert select(12) == b"*2\r\n$6\r\nSELECT\r\n$2\r\n12\r\n"
