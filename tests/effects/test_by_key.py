"""Reading a log by keys: the commands of each key are those of the log, in its order, or it is not done."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respq.effects.by_key import Group, KeyReader
from respq.effects.encoding import encode
from respq.effects.grammar import parse_strictly
from respq.protocol import Argv
from respq.protocol.runs import Run

NAMES = frozenset({b"RPUSH", b"LPOP", b"XADD", b"SET"})
EMBEDDED = b"\r\n*3\r\n$5\r\nRPUSH\r\n$1\r\na\r\n$1\r\nz"
ODD_WORDS = [b"", b"\r\n", b"\r", b"\n", b"*", b"x\r\n$1\r\ny", b"*1\r\n$4\r\nPING\r\n", b"x\r\n$5", EMBEDDED]
END = encode([b"PING"])  # the last command is left to others


def read(commands: list[Argv]) -> tuple[list[Group], int, int] | None:
    return KeyReader(NAMES).read(b"".join(map(encode, commands)) + END)


def by_key(commands: list[Argv]) -> dict[bytes, list[Argv]]:
    found: dict[bytes, list[Argv]] = {}
    for argv in commands:
        found.setdefault(argv[1], []).append(argv)
    return found


def spelled(groups: list[Group]) -> dict[bytes, list[Argv]]:
    lists = [list(map(list, group.commands if isinstance(group, Run) else group)) for group in groups]
    found = {commands[0][1]: commands for commands in lists}
    assert len(found) == len(lists)
    return found


def command(rng: Random, word: bytes) -> Argv:
    key = b"%c" % rng.choice(b"abc")
    name = rng.choice(sorted(NAMES))
    if name == b"XADD":
        return [name, key, b"%d-1" % rng.randrange(1 << 44), b"field", word]
    return [name, key] if name == b"LPOP" else [name, key, word]


def test_the_commands_of_a_key_are_a_run_if_they_are_alike() -> None:
    commands = [[b"RPUSH", b"%d" % (n % 4), b"%d" % n * (n % 3)] for n in range(100)]
    found = read(commands)
    assert found is not None
    groups, count, size = found
    assert (count, size) == (100, len(b"".join(map(encode, commands))))
    assert spelled(groups) == by_key(commands)
    again = KeyReader(NAMES)
    for _ in range(2):  # the second time the form of the runs is known
        found = again.read(b"".join(map(encode, commands)) + END)
        assert found is not None
        assert spelled(found[0]) == by_key(commands)
    assert all(isinstance(group, Run) for group in found[0])


@given(st.integers(), st.lists(st.sampled_from(ODD_WORDS) | st.binary(max_size=9), min_size=64, max_size=200))
def test_whatever_the_words_are_nothing_else_is_read(seed: int, words: list[bytes]) -> None:
    rng = Random(seed)
    commands = [command(rng, word) for word in words]
    if (found := read(commands)) is not None:
        assert spelled(found[0]) == by_key(commands)


def test_it_is_read_in_most_cases() -> None:
    rng = Random(1)
    commands = [command(rng, rng.randbytes(rng.randrange(300)).replace(b"\r", b"")) for _ in range(300)]
    found = read(commands)
    assert found is not None
    assert spelled(found[0]) == by_key(commands)


def assert_nothing_else_is_read(reader: KeyReader, data: bytes) -> None:
    """What is read of `data`, if anything is, is what the norm reads."""
    if (found := reader.read(data + END)) is not None:
        offset, commands = 0, []
        while offset < found[2]:
            parsed = parse_strictly(data, offset)
            assert parsed is not None
            commands.append(parsed[0])
            offset = parsed[1]
        assert len(commands) == found[1]
        assert spelled(found[0]) == by_key(commands)


def test_a_byte_that_has_changed_is_not_overlooked() -> None:
    rng = Random(2)
    data = b"".join(encode(command(rng, b"word")) for _ in range(80))
    for at in rng.sample(range(len(data)), 1500):
        changed = bytearray(data)
        changed[at] ^= 1 << rng.randrange(8)
        assert_nothing_else_is_read(KeyReader(NAMES), bytes(changed))


@pytest.mark.parametrize(
    "argv",
    [
        [b"RPUSH", b"k%d", b"word%02d"],
        [b"XADD", b"k%d", b"%02d-1", b"field", b"value"],
        [b"XADD", b"k%d", b"1-1", b"field", b"value%02d"],
    ],
)
@pytest.mark.parametrize("odd", [b"", b"*", b"\r\n"])
def test_nor_is_it_where_the_form_of_the_run_is_known(argv: Argv, odd: bytes) -> None:
    rng = Random(3)
    commands = [
        [argv[0], argv[1] % (n % 4), *[word % (10 + n) if b"%" in word else word for word in argv[2:]]]
        for n in range(68)
    ]
    commands[30][-1] += odd
    data = b"".join(map(encode, commands))
    for at in rng.sample(range(len(data)), 150):
        reader = KeyReader(NAMES)
        assert reader.read(data + END) is not None
        changed = bytearray(data)
        changed[at] ^= 1 << rng.randrange(8)
        assert_nothing_else_is_read(reader, bytes(changed))
        assert_nothing_else_is_read(reader, data[:at] + data[at + 1 :])
        assert_nothing_else_is_read(reader, data)


def test_commands_of_two_words_stay_in_their_order_among_others_of_the_key() -> None:
    commands = [
        [b"RPUSH", b"k%d" % (n % 3), b"v"] if n % 2 else [b"LPOP", b"k%d" % (n % 3)] for n in range(90)
    ]
    found = read(commands)
    assert found is not None
    assert spelled(found[0]) == by_key(commands)


def test_words_may_begin_as_commands_do() -> None:
    commands = [[b"RPUSH", b"k", b"*%d" % n] for n in range(80)]
    found = read(commands)
    assert found is not None
    assert spelled(found[0]) == by_key(commands)


@pytest.mark.parametrize(
    "odd",
    [
        b"*1\r\n$4\r\nEXEC\r\n",
        b"*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n",
        b"*3\r\n$6\r\nRENAME\r\n$1\r\na\r\n$1\r\nb\r\n",
        b"#TS:1767225600\r\n",
        b"*2\r\n$4\r\nLPOP\r\n$2\r\na\r\n",
        b"*1\r\n$4\r\nLPOP\r\n",
    ],
)
def test_what_is_not_of_one_key_or_no_command_is_left_alone(odd: bytes) -> None:
    plain = b"".join(map(encode, [[b"LPOP", b"a"]] * 80))
    assert KeyReader(NAMES).read(plain + END) is not None
    for begin in (0, 40 * 21, 79 * 21):
        assert KeyReader(NAMES).read(plain[:begin] + odd + plain[begin:] + END) is None


def test_where_keys_do_not_repeat_it_is_not_tried_every_time() -> None:
    rare = b"".join(encode([b"SET", b"%d" % n, b"v"]) for n in range(100)) + END
    often = b"".join(encode([b"SET", b"k", b"%d" % n]) for n in range(100)) + END
    reader = KeyReader(NAMES)
    assert [reader.read(rare) is not None for _ in range(3)] == [False] * 3
    tried = [reader.read(often) is not None for _ in range(20)]
    assert tried[-1]
    assert tried == sorted(tried)
