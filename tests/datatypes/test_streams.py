"""Streams as a data type: nodes, trimming, what is known of the past, copies, commands that rebuild one."""

from __future__ import annotations

import random

from respq.datatypes.entry_ids import MAX, show_id
from respq.datatypes.streams import StreamValue


def filled(ids: list[int], words: list[bytes] | None = None) -> StreamValue:
    stream = StreamValue()
    for entry_id in ids:
        stream.add(entry_id, words or [b"field", b"value"])
    return stream


def entries(stream: StreamValue) -> bytes:
    return b"".join(stretch.replies() for stretch in stream.first(0, MAX, 1 << 62))


# (radix-tree-keys, radix-tree-nodes) of redis-server 8.2.3 after every 20th step of `changed`.
SEEN = {
    1: [(2, 6), (3, 8), (4, 10), (1, 2), (3, 9), (5, 14), (7, 18), (8, 20), (4, 10), (7, 17)],
    2: [(3, 10), (3, 10), (5, 15), (7, 21), (2, 6), (1, 2), (2, 6), (5, 13), (7, 17), (7, 18)],
    3: [(2, 6), (2, 6), (4, 10), (6, 16), (7, 18), (11, 27), (14, 36), (6, 17), (6, 17), (0, 1)],
}


def changed(seed: int) -> list[tuple[str, int, list[bytes]]]:
    """Steps that add, delete and trim."""
    rng = random.Random(seed)
    steps: list[tuple[str, int, list[bytes]]] = []
    last, ids = 1 << 64, []
    for _ in range(200):
        chance = rng.random()
        if chance < 0.75 or not ids:
            last += rng.choice([1, 1, 300, 1 << 64, 70000 << 64, 1 << 90])
            words = []
            for n in range(rng.choice([1, 2, 2, 5])):
                number = b"%d" % rng.randrange(-(10**9), 10 ** rng.randrange(1, 19))
                value = rng.choice([number, b"x" * rng.choice([0, 5, 200, 999])])
                words += [b"f%d" % rng.choice([n, n, n, 7]), value]
            steps.append(("add", last, words))
            ids.append(last)
        elif chance < 0.95:
            steps.append(("delete", ids.pop(rng.randrange(len(ids)) if chance < 0.9 else 0), []))
        else:
            count = min(len(ids), rng.choice([1, 5, 40]))
            steps.append(("drop", count, []))
            del ids[:count]
    return steps


def test_the_nodes_are_those_of_the_reference() -> None:
    for seed, expected in SEEN.items():
        stream, seen = StreamValue(), []
        for number, (step, argument, words) in enumerate(changed(seed), 1):
            if step == "add":
                stream.add(argument, words)
            elif step == "delete":
                assert stream.delete([argument]) == [True]
            else:
                stream.drop_first(argument)
            if number % 20 == 0:
                seen.append(stream.tree_size())
                stream.check()
        assert seen == expected


def test_it_makes_no_difference_when_the_nodes_are_worked_out() -> None:
    early, late = StreamValue(), StreamValue()
    for step, argument, words in changed(9):
        for stream in (early, late):
            if step == "add":
                stream.add(argument, words)
            elif step == "delete":
                stream.delete([argument])
            else:
                stream.drop_first(argument)
        early.tree_size()
    assert early.tree_size() == late.tree_size()
    assert entries(early) == entries(late)


def test_what_came_before_a_deletion_is_in_the_node_with_what_was_deleted() -> None:
    stream = filled([n << 64 for n in range(1, 139)])  # 128 are sealed, and 28 of these in the second node
    assert stream.delete([n << 64 for n in range(101, 129)]) == [True] * 28
    nodes = []
    for n in range(139, 241):
        stream.add(n << 64, [b"field", b"value"])
        if n % 20 == 0:
            nodes.append(stream.tree_size()[0])
    assert nodes == [2, 2, 2, 2, 3, 3]  # redis-server 8.2.3


def test_deleting_together_is_deleting_one_by_one() -> None:
    rng = random.Random(3)
    together, singly = filled([n << 64 for n in range(1, 1500)]), filled([n << 64 for n in range(1, 1500)])
    for _ in range(20):
        ids = [rng.randrange(1, 1600) << 64 | (rng.random() < 0.1) for _ in range(rng.choice([1, 30, 120]))]
        assert together.delete(ids) == [deleted for entry_id in ids for deleted in singly.delete([entry_id])]
        assert together.tree_size() == singly.tree_size()
        assert together.max_deleted_id == singly.max_deleted_id
    together.check()
    assert entries(together) == entries(singly)


def test_whole_nodes_are_counted_from_the_beginning() -> None:
    stream = filled([n << 64 for n in range(1, 351)])  # nodes of 100
    assert stream.in_whole_nodes(stream.excess(50), 0) == 300
    assert stream.in_whole_nodes(stream.excess(200), 0) == 100
    assert stream.in_whole_nodes(stream.excess(50), 250) == 200
    assert stream.in_whole_nodes(stream.excess(50), 99) == 0
    assert stream.in_whole_nodes(stream.excess(0), 0) == 350
    assert stream.below(201 << 64) == 200


def test_a_rebuilt_stream_is_the_same() -> None:
    stream = filled([n << 64 | 5 for n in range(1, 300)], [b"a", b"1", b"b", b"\r\n"])
    stream.delete([7 << 64 | 5])
    stream.drop_first(3)
    twin = StreamValue()
    for argv in stream.rebuild(b"key"):
        assert argv[1] == b"key"
        if argv[0] == b"XADD":
            ms, _, seq = argv[2].partition(b"-")
            twin.add(int(ms) << 64 | int(seq), argv[3:])
        else:
            last, added, deleted = argv[2], argv[4], argv[6]
    assert entries(twin) == entries(stream)
    assert (last, added, deleted) == (show_id(299 << 64 | 5), b"299", show_id(7 << 64 | 5))


def test_an_empty_stream_is_rebuilt_with_its_past() -> None:
    stream = filled([5 << 64])
    stream.drop_first(1)
    assert list(stream.rebuild(b"k")) == [
        [b"XADD", b"k", b"MAXLEN", b"0", b"5-0", b"x", b"y"],
        [b"XSETID", b"k", b"5-0", b"ENTRIESADDED", b"1", b"MAXDELETEDID", b"0-0"],
    ]


def test_a_copy_is_independent() -> None:
    stream = filled([n << 64 for n in range(1, 300)])
    copy = stream.copy()
    before = entries(stream)
    stream.delete([5 << 64])
    stream.drop_first(100)
    stream.add(1000 << 64, [b"a", b"b"])
    copy.check()
    assert entries(copy) == before
    assert (copy.last_id, copy.entries_added, copy.max_deleted_id) == (299 << 64, 299, 0)
