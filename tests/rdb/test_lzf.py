"""LZF. What is expected of the compressor was seen in payloads of redis-server 8.2.3."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respq.rdb import lzf

REPETITIVE = st.builds(
    b"".join,
    st.lists(st.sampled_from([b"a", b"bc", b"def", b"\0" * 40, b"ghijklmnop", b"\xff\xfe"]), max_size=400),
)


@pytest.mark.parametrize(
    ("data", "packed"),
    [
        (b"a" * 40, "016161e01b00016161"),
        (b"x" * 70, "017878e03900017878"),
    ],
)
def test_the_bytes_are_those_of_redis(data: bytes, packed: str) -> None:
    assert lzf.compress(data, len(data) - 4) == bytes.fromhex(packed)


@given(st.one_of(st.binary(max_size=600), REPETITIVE))
def test_what_was_packed_is_unpacked(data: bytes) -> None:
    packed = lzf.compress(data, len(data) - 4)
    if packed is not None:
        assert len(packed) <= len(data) - 4
        assert lzf.decompress(packed, len(data)) == data


@given(st.binary(max_size=100), st.integers(0, 1 << 40))
def test_what_nobody_packed_is_refused_or_of_the_size_that_was_said(data: bytes, size: int) -> None:
    try:
        assert len(lzf.decompress(data, size)) == size
    except ValueError:
        pass


def test_a_size_that_cannot_be_is_refused_before_anything_is_done() -> None:
    with pytest.raises(ValueError, match="too short"):
        lzf.decompress(b"\0a", 1 << 60)
