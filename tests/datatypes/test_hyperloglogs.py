"""HyperLogLogs: their bytes as redis-server 8.2.3 made them, and both forms against plain registers."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respq.datatypes import hyperloglogs
from respq.datatypes.hyperloglogs import REGISTERS, CorruptedError

LIMIT = 3000
SEEN = [  # on redis-server: elements, the beginning of the hash of all bytes, PFCOUNT
    (0, "a548e8daa487445a", 0),  # sparse
    (1, "d1ca175c98a06146", 1),  # sparse
    (50, "0462ac0b8deebb27", 50),  # sparse
    (1000, "ad1f32fa78d7d930", 994),  # sparse
    (1700, "23338c31eadcca01", 1697),  # sparse
    (1800, "7c6c99a515af9d8c", 1801),  # dense
    (20000, "ea7cc444bd892fe4", 19902),  # dense
]
PLACES = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 34)), max_size=60)


def test_three_elements_are_these_bytes() -> None:
    data = hyperloglogs.empty()
    assert bytes(data) == b"HYLL\x01" + bytes(10) + b"\x80\x7f\xff"
    places = map(hyperloglogs.place, (b"a", b"b", b"c"))
    assert hyperloglogs.put(data, places, LIMIT)
    assert bytes(data) == b"HYLL\x01" + bytes(10) + b"\x80`\xf3\x80P\xb1\x84K\xfb\x80BZ"
    assert hyperloglogs.described(data) == "Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603"
    assert hyperloglogs.estimate(hyperloglogs.registers(data)) == 3


@pytest.mark.parametrize(("count", "digest", "estimate"), SEEN)
def test_many_elements_are_these_bytes(count: int, digest: str, estimate: int) -> None:
    data = hyperloglogs.empty()
    hyperloglogs.put(data, (hyperloglogs.place(b"element-%d" % n) for n in range(count)), LIMIT)
    assert hashlib.sha256(data).hexdigest()[:16] == digest
    assert hyperloglogs.estimate(hyperloglogs.registers(data)) == estimate


@given(PLACES, st.sampled_from([20, 40, 60, LIMIT]))
def test_both_forms_keep_the_greatest_value_of_each_register(
    places: list[tuple[int, int]], limit: int
) -> None:
    expected = bytearray(REGISTERS)
    changed = False
    for index, value in places:
        changed = changed or value > expected[index]
        expected[index] = max(expected[index], value)
    data = hyperloglogs.empty()
    assert hyperloglogs.put(data, places, limit) == changed
    assert hyperloglogs.registers(data) == expected
    assert hyperloglogs.is_valid(data)
    assert not hyperloglogs.is_sparse(data) or len(data) <= max(limit, 18)
    if hyperloglogs.is_sparse(data):
        hyperloglogs.make_dense(data)
        assert hyperloglogs.registers(data) == expected
    assert hyperloglogs.pack(expected) == data[hyperloglogs.HEADER_BYTES :]


@given(st.lists(PLACES, max_size=3), st.sampled_from([40, LIMIT]))
def test_a_merger_has_the_greatest_registers_of_all(several: list[list[tuple[int, int]]], limit: int) -> None:
    sources = [hyperloglogs.empty() for _ in several]
    together = hyperloglogs.empty()
    for source, places in zip(sources, several, strict=True):
        hyperloglogs.put(source, places, limit)
        hyperloglogs.put(together, places, limit)
    values = hyperloglogs.greatest([hyperloglogs.registers(source) for source in sources])
    merged = hyperloglogs.empty()
    hyperloglogs.merge(merged, values, limit)
    assert hyperloglogs.registers(merged) == values == hyperloglogs.registers(together)


@pytest.mark.parametrize("opcodes", [b"", b"\x7f\xfe", b"\x7f\xff\x00", b"\x7f"])
def test_opcodes_that_are_not_16384_registers_are_corrupted(opcodes: bytes) -> None:
    data = bytearray(hyperloglogs.empty()[:16] + opcodes)
    assert hyperloglogs.is_valid(data)
    with pytest.raises(CorruptedError):
        hyperloglogs.registers(data)


def test_nothing_is_changed_where_a_register_is_missing() -> None:
    data = bytearray(hyperloglogs.empty()[:16] + b"\x7f\xfe")
    before = bytes(data)
    with pytest.raises(CorruptedError):
        hyperloglogs.put(data, [(0, 1), (REGISTERS - 1, 1)], LIMIT)
    assert bytes(data) == before


@pytest.mark.parametrize(
    "data",
    [
        b"HYLL",
        b"HYLL\x01" + bytes(10),
        b"HYLL\x02" + bytes(13),
        b"HYLL\x00" + bytes(12300),
        b"hyll\x01" + bytes(13),
    ],
)
def test_other_strings_are_no_hyperloglogs(data: bytes) -> None:
    assert not hyperloglogs.is_valid(data)


def test_it_finds_itself_well() -> None:
    assert hyperloglogs.self_test() == ""
