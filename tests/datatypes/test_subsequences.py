"""The longest common subsequence against the table of lengths, walked as redis-server 8.2.3 walks it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from respq.datatypes.subsequences import length, matches

STRINGS = st.binary(max_size=30) | st.text("ab", max_size=30).map(str.encode)


def by_table(a: bytes, b: bytes) -> list[tuple[int, int]]:
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a, 1):
        for j, y in enumerate(b, 1):
            table[i][j] = table[i - 1][j - 1] + 1 if x == y else max(table[i - 1][j], table[i][j - 1])
    pairs = []
    i, j = len(a), len(b)
    while i and j:
        if a[i - 1] == b[j - 1]:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif table[i - 1][j] > table[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return pairs


@given(STRINGS, STRINGS)
def test_it_is_the_one_that_the_table_leads_to(a: bytes, b: bytes) -> None:
    pieces = matches(a, b)
    assert [(i + k, j + k) for i, j, n in pieces for k in reversed(range(n))] == by_table(a, b)
    assert length(a, b) == sum(n for _, _, n in pieces)


def test_pieces_are_as_long_as_they_can_be() -> None:
    assert matches(b"ohmytext", b"mynewtext") == [(4, 5, 4), (2, 0, 2)]


def test_a_long_string_beside_a_short_one() -> None:
    long = b"xy" * 500_000
    assert matches(long, b"yx") == [(999_997, 0, 2)]
    assert length(b"zz", long) == 0
