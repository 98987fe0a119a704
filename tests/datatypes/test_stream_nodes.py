"""Nodes: looked at together, entries make those that they make one by one; the tree follows from partings."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from respq.datatypes.entry_blocks import Table, Tail
from respq.datatypes.entry_ids import show_id
from respq.datatypes.stream_nodes import StreamNodes, _shared_bytes

KEY_BYTES = 16


def entries(rng: random.Random, count: int) -> tuple[list[int], list[list[bytes]]]:
    """Entries that are alike, and IDs as a busy or a quiet server makes them."""
    steps = rng.choice([[1], [1, 1, 1 << 64], [1 << 64, 200 << 64], [300, 5 << 64], [1 << 90]])
    shape = rng.choice(["even", "uneven", "numbers", "large"])
    ids, words, last = [], [], rng.randrange(1 << 70)
    for _ in range(count):
        last += rng.choice(steps)
        if steps != [1] and rng.random() < 0.3:
            last = (last >> 64) + 1 << 64
        ids.append(last)
        value = {
            "even": b"x" * 100,
            "uneven": b"y" * rng.randrange(200),
            "numbers": b"%d" % rng.randrange(10 ** rng.randrange(1, 18)),
            "large": b"z" * rng.choice([10, 3000, 5000]),
        }[shape]
        words.append([b"type", rng.choice([b"paid", b"sent"]), b"body", value])
    return ids, words


def shown(nodes: StreamNodes) -> list[tuple[int, int, int, int, list[bytes], int]]:
    return [
        (first_id, last_id, live, size, list(fields), parting)
        for shelf in nodes._shelves
        for first_id, last_id, live, size, fields, parting in zip(
            shelf.starts, shelf.lasts, shelf.lives, shelf.sizes, shelf.fields, shelf.partings, strict=True
        )
    ]


@pytest.mark.parametrize("limits", [(4096, 100), (0, 7), (300, 0), (0, 0), (200, 1), (4096, 1000)])
@pytest.mark.parametrize("seed", range(25))
def test_entries_make_the_same_nodes_together_and_one_by_one(seed: int, limits: tuple[int, int]) -> None:
    rng = random.Random(seed)
    together, singly = StreamNodes(), StreamNodes()
    last = 0
    for _ in range(4):
        ids, words = entries(rng, rng.choice([1, 20, 128]))
        ids = [last + entry_id for entry_id in ids]
        last = ids[-1] >> 64 << 64
        if rng.random() < 0.2:
            words[-1] = [b"other", b"fields"]
        tail = Tail()
        tail.ids, tail.texts, tail.words = ids, list(map(show_id, ids)), words
        singly.catch_up(tail, *limits)
        table = Table.of(ids, tail.texts, tail.words)
        if table.columns and rng.random() < 0.5:
            table = Table(ids, table.texts, table.columns)
        if ids[-1] - ids[0] == len(ids) - 1:
            table.ids = range(ids[0], ids[-1] + 1)
        together.extend(table, *limits)
        assert shown(together) == shown(singly)
        last = ids[-1]


@pytest.mark.parametrize("seed", range(10))
def test_many_entries_go_from_the_front_as_they_go_one_by_one(seed: int) -> None:
    rng = random.Random(seed)
    first, step = rng.randrange(1 << 66), rng.choice([1, 1 << 63])
    ids = list(range(first, first + 9000 * step, step))
    words = [[b"f", b"x" * rng.randrange(300)] for _ in ids]
    together, singly = StreamNodes(), StreamNodes()
    for nodes in (together, singly):
        nodes.extend(Table.of(ids, list(map(show_id, ids)), words), 4096, 100)
    while ids:
        count = rng.choice([1, 30, 500, 9000, len(ids)])
        gone, ids = ids[:count], ids[count:]
        together.remove_first(len(gone))
        rng.shuffle(gone)
        for entry_id in gone:
            singly.remove([entry_id])
        singly.settle()
        assert [row[:-1] for row in shown(together)] == [row[:-1] for row in shown(singly)]
        assert together.tree_nodes() == singly.tree_nodes()


def inner_nodes(partings: list[int], depth: int, low: int, high: int) -> int:
    """Nodes above the leaves of the keys `low` to `high` (inclusive), which share `depth` bytes."""
    if low == high:
        return int(depth < KEY_BYTES)
    branch = min(partings[low:high])
    count = 1 + int(branch > depth)
    begin = low
    for at in range(low, high + 1):
        if at == high or partings[at] == branch:
            count += inner_nodes(partings, branch + 1, begin, at)
            begin = at + 1
    return count


@pytest.mark.parametrize("seed", range(10))
def test_the_tree_is_counted_from_what_neighbours_share(seed: int) -> None:
    rng = random.Random(seed)
    nodes, last = StreamNodes(), 0
    present = []
    for _ in range(1200):
        last += 1 + rng.randrange(1 << rng.choice([1, 9, 30, 66, 75, 100]))
        nodes._open(last, [b"f"]).add(last, [b"f"], [b"v"])
        present.append(last)
        if rng.random() < 0.4:
            gone = present.pop(rng.choice([0, -1, rng.randrange(len(present))]))
            nodes.remove([gone])
            nodes.settle()
        if rng.random() < 0.02 or len(present) < 3:
            partings = [_shared_bytes(*pair) for pair in pairwise(present)]
            expected = len(present) + inner_nodes(partings, 0, 0, len(partings)) if present else 1
            assert nodes.tree_nodes() == expected
            assert nodes.count == len(present)
