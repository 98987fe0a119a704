"""Lists against a plain Python list, and their encodings as redis-server 8.2.3 was seen to change them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from respq.datatypes.chunks import entry_bytes
from respq.datatypes.lists import ListValue
from respq.datatypes.quicklist import push_to_each
from respq.rdb.payload import dump, restore
from respq.rdb.strings import write_plain

ELEMENTS = st.one_of(
    st.sampled_from([b"", b"a", b"b", b"7", b"-1", b"1000000"]),
    st.integers(-(2**63), 2**63 - 1).map(lambda n: b"%d" % n),
    st.builds(
        lambda n, c: c * n, st.sampled_from([63, 64, 128, 200, 4095, 4096]), st.sampled_from([b"x", b"y"])
    ),
    st.builds(lambda n: b"z" * n, st.sampled_from([2000, 8180, 8193, 20_000])),
)
# A run long enough to cross the border of a chunk in one step.
RUNS = st.one_of(
    st.lists(ELEMENTS, min_size=1, max_size=5),
    st.builds(
        lambda element, n: [element + b"%d" % i for i in range(n)],
        st.sampled_from([b"", b"m" * 25, b"n" * 190, b"o" * 1000]),
        st.integers(50, 600),
    ),
)


@pytest.fixture(autouse=True)
def default_limit() -> Iterator[None]:
    yield
    ListValue.set_max_listpack_size(-2)


class ListMachine(RuleBasedStateMachine):
    """Every operation on a ListValue and on a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.value = ListValue()
        self.model: list[bytes] = []

    def index(self, data: st.DataObject) -> int:
        """Mostly near an end, since borders of chunks are crossed there."""
        last = len(self.model) - 1
        near = st.integers(0, min(5, last))
        return data.draw(st.one_of(near, near.map(lambda n: last - n), st.integers(0, last)))

    @rule(run=RUNS, apart=st.booleans())
    def push_left(self, run: list[bytes], apart: bool) -> None:
        self.model[:0] = run[::-1]
        assert self.value.push_left(run, apart) == len(self.model)

    @rule(run=RUNS, apart=st.booleans())
    def push_right(self, run: list[bytes], apart: bool) -> None:
        self.model += run
        assert self.value.push_right(run, apart) == len(self.model)

    @precondition(lambda self: self.model)
    @rule()
    def pop_left(self) -> None:
        assert self.value.pop_left() == self.model.pop(0)

    @precondition(lambda self: self.model)
    @rule()
    def pop_right(self) -> None:
        assert self.value.pop_right() == self.model.pop()

    @precondition(lambda self: self.model)
    @rule(count=st.integers(1, 700))
    def take_left(self, count: int) -> None:
        assert self.value.take_left(count) == self.model[:count]
        del self.model[:count]

    @precondition(lambda self: self.model)
    @rule(count=st.integers(1, 700))
    def take_right(self, count: int) -> None:
        assert self.value.take_right(count) == self.model[::-1][:count]
        del self.model[-count:]

    @precondition(lambda self: self.model)
    @rule(from_left=st.booleans(), to_left=st.booleans())
    def rotate(self, from_left: bool, to_left: bool) -> None:
        element = self.model.pop(0 if from_left else -1)
        self.model.insert(0 if to_left else len(self.model), element)
        assert self.value.rotate(from_left, to_left) == element

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def trim(self, data: st.DataObject) -> None:
        start, stop = self.index(data), self.index(data)
        self.value.trim(start, stop)
        self.model = self.model[start : stop + 1]

    @precondition(lambda self: self.model)
    @rule(data=st.data(), element=ELEMENTS)
    def set(self, data: st.DataObject, element: bytes) -> None:
        index = self.index(data)
        self.value.set(index, element)
        self.model[index] = element
        with pytest.raises(IndexError):
            self.value.set(-len(self.model) - 1, element)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), before=st.booleans(), element=ELEMENTS)
    def insert(self, data: st.DataObject, before: bool, element: bytes) -> None:
        pivot = self.model[self.index(data)]
        assert self.value.insert(before, pivot, element)
        index = self.model.index(pivot)
        self.model.insert(index if before else index + 1, element)
        assert not self.value.insert(before, b"no such pivot", element)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), count=st.integers(-3, 3))
    def remove(self, data: st.DataObject, count: int) -> None:
        element = self.model[self.index(data)]
        matches = [i for i, candidate in enumerate(self.model) if candidate == element]
        doomed = matches[:count] if count > 0 else matches[count:] if count else matches
        assert self.value.remove(count, element) == len(doomed)
        for index in reversed(doomed):
            del self.model[index]
        assert self.value.remove(count, b"no such element") == 0

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        start, stop = self.index(data), self.index(data)
        assert self.value.range(start, stop) == self.model[start : stop + 1]
        assert self.value.index(start) == self.value.index(start - len(self.model)) == self.model[start]
        assert self.value.index(len(self.model)) is None
        assert self.value.index(-len(self.model) - 1) is None

    @precondition(lambda self: self.model)
    @rule(data=st.data(), rank=st.sampled_from([1, 2, -1, -2]), count=st.integers(0, 2))
    def positions(self, data: st.DataObject, rank: int, count: int) -> None:
        element = self.model[self.index(data)]
        maxlen = data.draw(st.sampled_from([0, 1, 100, len(self.model)]))
        order = range(len(self.model))
        met = list(order if rank > 0 else reversed(order))[: maxlen or None]
        matches = [i for i in met if self.model[i] == element][abs(rank) - 1 :]
        assert self.value.positions(element, rank, count, maxlen) == matches[: count or None]

    @rule()
    def copy(self) -> None:
        twin = self.value.copy()
        assert twin.encoding() == self.value.encoding()
        twin.push_left([b"only here"])
        twin.take_right(300)
        twin.check()
        self.value, twin = self.value.copy(), self.value
        twin.take_left(300)

    @rule()
    def reload(self) -> None:
        """Nodes that come from a dump stay listpacks until they are changed."""
        if self.model:
            payload = dump(self.value, write_plain)
            self.value = restore(payload)
            assert dump(self.value, write_plain) == payload

    @invariant()
    def same(self) -> None:
        self.value.check()
        assert len(self.value) == self.value.count == len(self.model)
        assert list(self.value) == self.model
        assert list(reversed(self.value)) == self.model[::-1]


ListMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
test_a_list_behaves_like_a_plain_list = ListMachine.TestCase


class SmallNodesMachine(ListMachine):
    """The same with nodes of three elements, so that borders are everywhere."""

    def __init__(self) -> None:
        super().__init__()
        ListValue.set_max_listpack_size(3)
        self.value = ListValue()


SmallNodesMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
test_small_nodes_behave_like_a_plain_list = SmallNodesMachine.TestCase


@pytest.mark.parametrize(
    ("element", "size"),
    [
        (b"", 2),
        (b"0", 2),
        (b"127", 2),
        (b"128", 3),
        (b"-1", 3),
        (b"-4096", 3),
        (b"4096", 4),
        (b"-32768", 4),
        (b"32768", 5),
        (b"-8388608", 5),
        (b"8388608", 6),
        (b"-2147483648", 6),
        (b"2147483648", 10),
        (b"9223372036854775807", 10),
        (b"9223372036854775808", 21),
        (b"-9223372036854775808", 10),
        (b"-9223372036854775809", 22),
        (b"007", 5),
        (b"-0", 4),
        (b"+1", 4),
        (b"1.0", 5),
        (b"x" * 63, 65),
        (b"x" * 64, 67),
        (b"x" * 125, 128),
        (b"x" * 126, 130),
        (b"x" * 4095, 4099),
        (b"x" * 4096, 4103),
    ],
)
def test_an_entry_takes_what_it_takes_in_a_listpack(element: bytes, size: int) -> None:
    assert entry_bytes(element) == size


# Length of the elements, and the push of them, one by one, that made the list a quicklist on 8.2.3.
FIRST_QUICKLIST = [
    (1, 2730),
    (10, 683),
    (63, 126),
    (64, 123),
    (100, 80),
    (127, 63),
    (128, 63),
    (200, 41),
    (1000, 9),
    (4095, 2),
    (4096, 2),
    (8000, 2),
    (8191, 1),
    (8193, 1),
]


@pytest.mark.parametrize(("length", "pushes"), FIRST_QUICKLIST)
@pytest.mark.parametrize("in_one_go", [False, True])
def test_a_list_grows_out_of_a_listpack_at_8_kib(length: int, pushes: int, in_one_go: bool) -> None:
    value, element = ListValue(), b"x" * length
    if pushes > 1:
        if in_one_go:
            value.push_right([element] * (pushes - 1), apart=True)
        else:
            for _ in range(pushes - 1):
                value.push_right([element])
    assert value.encoding() == b"listpack"
    value.push_right([element])
    assert value.encoding() == b"quicklist"


def test_a_command_with_many_elements_is_measured_without_their_headers() -> None:
    value = ListValue()
    value.push_right([b"x"] * 4000)  # 12 kB as a listpack, but only 4 kB of text
    assert value.encoding() == b"listpack"
    value.push_right([b"x"])
    assert value.encoding() == b"quicklist"


def test_a_quicklist_shrinks_back_at_half_a_node_and_only_when_one_is_left() -> None:
    value = ListValue()
    for _ in range(50):
        value.push_right([b"x" * 200])  # 40 in the first node, 10 in the second
    assert value.encoding() == b"quicklist"
    for left in range(49, 10, -1):
        value.pop_left()
        assert value.encoding() == b"quicklist", left
    value.pop_left()  # the first node is gone, 2047 bytes are left
    assert value.encoding() == b"listpack"


def test_a_single_node_shrinks_back_at_half_its_limit() -> None:
    value = ListValue()
    for _ in range(50):
        value.push_right([b"x" * 200])
    while len(value) > 21:
        value.pop_right()
        assert value.encoding() == b"quicklist"
    value.pop_right()  # 20 * 204 + 7 = 4087
    assert value.encoding() == b"listpack"


def test_trim_remove_and_set_shrink_a_list_too() -> None:
    for shrink in (
        lambda value: value.trim(0, 0),
        lambda value: value.remove(0, b"x" * 9000),
        lambda value: (value.pop_left(), value.set(0, b"small")),
    ):
        value = ListValue()
        value.push_right([b"a", b"x" * 9000])
        assert value.encoding() == b"quicklist"
        shrink(value)
        assert value.encoding() == b"listpack"
        value.check()


def test_an_insert_that_finds_no_pivot_may_still_change_the_encoding() -> None:
    value = ListValue()
    value.push_right([b"a"])
    assert not value.insert(True, b"b", b"x" * 9000)
    assert value.encoding() == b"quicklist"
    value.push_right([b"a"])
    assert value.encoding() == b"quicklist"
    value.pop_right()
    assert value.encoding() == b"listpack"


def test_a_limit_in_elements_counts_elements() -> None:
    ListValue.set_max_listpack_size(4)
    value = ListValue()
    for n in range(4):
        value.push_left([b"%d" % n])
    assert value.encoding() == b"listpack"
    value.push_left([b"4"])
    assert value.encoding() == b"quicklist"
    value.pop_left()
    value.pop_left()
    assert value.encoding() == b"quicklist"  # three of four
    value.pop_left()
    assert value.encoding() == b"listpack"


def test_one_node_rotates_without_shrinking_in_between() -> None:
    value = ListValue()
    value.push_right([b"x" * 9000])
    value.push_right([b"y" * 2000, b"z" * 2200])
    value.pop_left()  # 4215 bytes: above half, but not without one of the two
    assert value.encoding() == b"quicklist"
    assert value.rotate(True, False) == b"y" * 2000
    assert value.encoding() == b"quicklist"


def test_memory_follows_the_content() -> None:
    value = ListValue()
    empty = value.memory_bytes(5)
    value.push_right([b"x" * 200])
    assert value.memory_bytes(5) >= empty + 200
    for _ in range(1000):
        value.push_right([b"x" * 200] * 10)
    full = value.memory_bytes(5)
    assert 10_001 * 200 < full < 10_001 * 220
    value.trim(0, 99)
    assert value.memory_bytes(5) < full / 50


def test_a_rewrite_recreates_the_list_in_commands_of_64() -> None:
    value = ListValue()
    value.push_right([b"%d" % n for n in range(1000)])
    commands = list(value.rebuild(b"key"))
    assert all(command[:2] == [b"RPUSH", b"key"] for command in commands)
    assert max(len(command) - 2 for command in commands) == 64
    assert [element for command in commands for element in command[2:]] == list(value)


def test_a_large_element_is_shared_not_copied() -> None:
    value, large = ListValue(), b"x" * 1_000_000
    for _ in range(600):
        value.push_right([large])
    assert all(element is large for element in value)


def test_an_emptied_list_can_be_used_again() -> None:
    value = ListValue()
    value.push_right([b"x" * 1000] * 100)
    assert len(value.take_left(100)) == 100
    assert (len(value), list(value), value.encoding()) == (0, [], b"listpack")
    value.push_left([b"a", b"b"])
    assert list(value) == [b"b", b"a"]
    value.check()


def calls_of(work: Callable[[], object]) -> int:
    """Python and C calls made by `work`: a measure of effort that no busy machine distorts."""
    calls = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def edited(index: int) -> ListValue:
    """A list one node of which LSET and LINSERT made larger than Redis fills nodes."""
    value = ListValue()
    for n in range(1000):
        value.push_right([b"%064d" % n])
    for _ in range(30):
        value.set(index, b"y" * 300)
        value.insert(True, b"%064d" % 500, b"z" * 300)
    return value


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize(
    "element",
    [
        lambda n: b"1",
        lambda n: b"x",
        lambda n: b"",
        lambda n: b"%d" % n,
        lambda n: b"x" * 100,
        lambda n: b"%d" % n * (n % 40),
        lambda n: b"x" * 5000 if n % 1000 == 0 else b"x",
    ],
)
@pytest.mark.parametrize("prepared", [ListValue, lambda: edited(0), lambda: edited(-1)])
def test_the_work_of_a_push_does_not_depend_on_the_length(
    prepared: Callable[[], ListValue], element: Callable[[int], bytes], left: bool
) -> None:
    value = prepared()
    push = value.push_left if left else value.push_right
    elements = [(element(n),) for n in range(20_000)]

    def fill() -> None:
        for one in elements:
            push(one)

    assert calls_of(fill) < 30 * len(elements)
    value.check()


@pytest.mark.parametrize("element", [b"1", b"x", b"x" * 30, b"x" * 100])
@pytest.mark.parametrize("filled", [0.5, 0.9, 0.99, 1])
def test_the_work_of_a_queue_does_not_depend_on_its_depth(element: bytes, filled: float) -> None:
    value, depth = ListValue(), int(filled * 8180 / entry_bytes(element))
    for _ in range(depth):
        value.push_right([element])

    def run() -> None:
        for _ in range(5000):
            value.push_right([element])
            value.pop_left()

    assert calls_of(run) < 30 * 10_000
    value.check()


@pytest.mark.parametrize("element", [b"1", b"x", b"x" * 30, b"x" * 100])
def test_a_list_that_swings_between_one_node_and_two_is_not_cut_each_time(element: bytes) -> None:
    value, nodes = ListValue(), 8180 // entry_bytes(element)
    for _ in range(nodes):
        value.push_left([element])

    def swing() -> None:
        for _ in range(2000):
            value.push_right([element] * 3)
            for _ in range(3):
                value.pop_right()
            value.pop_left()
            value.push_left([element])

    assert calls_of(swing) < 30 * 16_000
    value.check()


@pytest.mark.parametrize("index", [0, 5000, -1])
def test_replacing_one_element_again_and_again_rewrites_no_more_than_its_node(index: int) -> None:
    value = ListValue()
    for n in range(10_000):
        value.push_right([b"%d" % n])
    value.set(index, b"first")

    def edit() -> None:
        for n in range(200):
            value.set(index, b"x" * (n % 9))

    assert calls_of(edit) < 60 * 200
    value.check()


@pytest.mark.parametrize("element", [b"", b"a", b"aa", b"ba"])
def test_a_match_is_a_whole_element_and_not_a_stretch_of_bytes(element: bytes) -> None:
    for others in ([b"ab"] * 9000, [b"a", b"ab", b"aba"] * 3000):
        value = ListValue()
        value.push_right(others)
        assert value.positions(element, count=0) == [i for i, each in enumerate(others) if each == element]
        value.set(4500, element)
        assert 4500 in value.positions(element, count=0)
        assert value.remove(1, element) == 1
        value.check()


@pytest.mark.parametrize("left", [True, False])
def test_pushes_to_several_lists_are_pushes_to_each(left: bool) -> None:
    lists, twins = [ListValue() for _ in range(5)], [ListValue() for _ in range(5)]
    for n in range(3000):
        chosen = [n % 5, n * n % 5, n % 3]
        elements = [b"x" * (n * 7 % 300), b"%d" % n, b"y" * (n % 1000 * 9)]
        lengths = push_to_each([lists[at] for at in chosen], elements, left)
        for at, element, length in zip(chosen, elements, lengths, strict=True):
            push = twins[at].push_left if left else twins[at].push_right
            assert push([element]) == length
    for items, twin in zip(lists, twins, strict=True):
        items.check()
        assert (list(items), items.encoding()) == (list(twin), twin.encoding())


@pytest.mark.parametrize(
    "elements",
    [[b"", b"z" * 8180], [b"x"] * 10 + [b"z" * 8150], [b"z" * 9000], [b"a", b"b"], [b"a", b"b" * 4000] * 9],
)
def test_nodes_of_a_dump_are_nodes_of_the_list(elements: list[bytes]) -> None:
    value = ListValue()
    value.push_left(elements)
    payload = dump(value, write_plain)
    again = restore(payload)
    assert isinstance(again, ListValue)
    again.check()
    assert list(again) == list(value)
    assert (again.node_count(), dump(again, write_plain)) == (value.node_count(), payload)


def test_a_node_too_large_for_a_listpack_is_a_quicklist_once_it_is_restored() -> None:
    value = ListValue()
    value.push_left([b"", b"z" * 8180])
    assert value.encoding() == b"listpack"
    assert restore(dump(value, write_plain)).encoding() == b"quicklist"  # as in 8.2.3


@pytest.mark.parametrize("length", [1, 40, 100])
def test_matches_are_found_in_nodes_that_stay_as_they_were_in_a_dump(length: int) -> None:
    elements = [b"%0*x" % (length, n % 7 * 16 + 10) for n in range(2000)]  # ends in a letter: no integers
    value = ListValue()
    value.push_right([element[-length:] for element in elements])
    twin = restore(dump(value, write_plain))
    assert isinstance(twin, ListValue)
    for element in (*set(value), b"", b"x" * length, elements[3][:-1], elements[3] + b"a", b"\x80" * length):
        assert twin.positions(element, count=0) == value.positions(element, count=0)


def test_a_number_as_long_as_its_node_is_not_taken_for_a_node_without_a_listpack() -> None:
    ListValue.set_max_listpack_size(3)
    value = ListValue()
    value.push_left([b""])
    value.push_left([b"", b"", b"-1000000000000000"])
    payload = dump(value, write_plain)
    assert dump(restore(payload), write_plain) == payload
