"""What the gauge makes of what allocators say; of real ones: tests/process/test_memory_in_use.py."""

from __future__ import annotations

from respq.gauge import FEW_BLOCKS, Gauge

KIB, MIB = 1 << 10, 1 << 20


class Machine:
    """A process with arenas and a malloc of the tests' own."""

    def __init__(self) -> None:
        self.others = 20 * MIB  # resident, of neither
        self.arenas = 0
        self.blocks = 0
        self.given_out = self.spare = 0
        self.gauge = Gauge(self, lambda: self.resident, lambda: self.blocks)

    @property
    def resident(self) -> int:
        return self.others + self.arenas + self.given_out + self.spare

    def used_and_spare(self) -> tuple[int, int]:
        return self.given_out, self.spare

    def free_bytes(self) -> int:
        return self.spare

    def give_back(self) -> None:
        self.spare = 0

    def allocate(self, blocks: int, size: int) -> int:
        """Put so many blocks into new arenas; what is in use then."""
        self.blocks += blocks
        self.arenas += blocks * size
        return self.gauge.used_bytes()


def test_what_malloc_has_to_spare_is_not_in_use() -> None:
    machine = Machine()
    machine.given_out = 10 * MIB
    assert machine.gauge.used_bytes() == 30 * MIB
    machine.given_out, machine.spare = 4 * MIB, 6 * MIB
    assert machine.gauge.used_bytes() == 24 * MIB


def test_freed_blocks_are_not_in_use_although_their_arenas_stay() -> None:
    machine = Machine()
    assert machine.allocate(10 * FEW_BLOCKS, 64) == machine.resident
    machine.blocks //= 2
    assert machine.gauge.used_bytes() == 20 * MIB + machine.arenas // 2
    machine.blocks *= 2
    assert machine.gauge.used_bytes() == machine.resident


def test_blocks_may_become_longer_on_average() -> None:
    machine = Machine()
    machine.allocate(10 * FEW_BLOCKS, 64)
    assert machine.allocate(10 * FEW_BLOCKS, 400) == machine.resident
    machine.blocks //= 2
    assert machine.gauge.used_bytes() == 20 * MIB + machine.arenas // 2


def test_arenas_that_go_back_do_not_make_the_rest_free() -> None:
    machine = Machine()
    machine.allocate(10 * FEW_BLOCKS, 64)
    machine.blocks //= 2
    machine.arenas //= 2
    assert machine.gauge.used_bytes() == machine.resident


def test_little_is_taken_as_it_is() -> None:
    machine = Machine()
    assert machine.allocate(FEW_BLOCKS - 1, 64) == machine.resident
    machine.blocks = 0
    assert machine.gauge.used_bytes() == machine.resident
