"""When freed memory goes back to the system; an allocator of the tests' own."""

from __future__ import annotations

import pytest

from respq.net.memory import LOOK_MS, LOOKS, SPARE_BYTES, FreeMemory

MIB = 1 << 20


class Heap:
    def __init__(self) -> None:
        self.free = MIB
        self.given_back = 0  # times

    def free_bytes(self) -> int:
        return self.free

    def used_and_spare(self) -> tuple[int, int]:
        return 0, self.free

    def give_back(self) -> None:
        self.given_back += 1


@pytest.fixture
def heap() -> Heap:
    return Heap()


def look(heap: Heap, *free: int) -> int:
    """How often memory is given back while so much is free at one look after the other."""
    memory = FreeMemory(heap)
    for number, heap.free in enumerate(free):
        memory.look(number * 10 * LOOK_MS)
    return heap.given_back


def test_what_stays_free_is_given_back_once(heap: Heap) -> None:
    assert look(heap, *[MIB + SPARE_BYTES] * (LOOKS - 2)) == 0
    assert look(heap, MIB, *[MIB + SPARE_BYTES] * 3 * LOOKS) == 1


def test_what_is_wanted_again_is_kept(heap: Heap) -> None:
    assert look(heap, *[MIB, 100 * MIB] * LOOKS) == 0


def test_little_is_kept(heap: Heap) -> None:
    assert look(heap, MIB, *[MIB + SPARE_BYTES - 1] * 2 * LOOKS) == 0


def test_what_was_filled_and_freed_again_is_given_back_again(heap: Heap) -> None:
    once = [MIB, *[100 * MIB] * LOOKS]
    assert look(heap, *once, *once) == 2


def test_nobody_looks_twice_at_once(heap: Heap) -> None:
    memory = FreeMemory(heap)
    heap.free = 100 * MIB
    for _ in range(2 * LOOKS):
        memory.look(1)
    assert heap.given_back == 0
