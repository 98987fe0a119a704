"""`used_memory` is what a real server takes, also after much of it was freed; and `maxmemory` is kept."""

from __future__ import annotations

import sys
from collections.abc import Callable
from random import Random

import pytest
from redis.client import Pipeline
from redis.exceptions import OutOfMemoryError

from tests.process.servers import Server, Start, until
from tests.process.test_memory import resident_bytes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and is about glibc")

BATCH = 200
ROOM_BYTES, VALUE_BYTES = 16 << 20, 2000
Shape = Callable[[Pipeline, list[int]], None]  # writes keys of these numbers


def strings(pipe: Pipeline, numbers: list[int]) -> None:
    pipe.mset({f"key:{number:07}": Random(number).randbytes(60) for number in numbers})


def small_lists(pipe: Pipeline, numbers: list[int]) -> None:
    for number in numbers:
        elements = Random(number).randbytes(1800)
        pipe.rpush(f"key:{number:07}", *[elements[at : at + 90] for at in range(0, 1800, 90)])


SHAPES: dict[Shape, int] = {strings: 60_000, small_lists: 8_000}  # and how many keys of it


def fill(server: Server, shape: Shape, numbers: list[int]) -> None:
    with server.client.pipeline(transaction=False) as pipe:
        for at in range(0, len(numbers), BATCH):
            shape(pipe, numbers[at : at + BATCH])
            pipe.execute()


def used_bytes(server: Server) -> int:
    return int(server.client.info("memory")["used_memory"])


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_what_is_said_to_be_in_use_is(start: Start, shape: Shape) -> None:
    """Of what came since the start, within a tenth: filled, half emptied, and filled with that half alone."""
    keys = list(range(SHAPES[shape]))
    full, half = (start("--appendonly", "no", "--dir", name) for name in ("full", "half"))
    first = used_bytes(full), resident_bytes(full), resident_bytes(half)
    fill(full, shape, keys)
    used, resident = used_bytes(full) - first[0], resident_bytes(full) - first[1]
    assert used == pytest.approx(resident, rel=0.1)
    Random(1).shuffle(keys)
    gone, kept = keys[: len(keys) // 2], sorted(keys[len(keys) // 2 :])
    for at in range(0, len(gone), BATCH):
        full.client.delete(*[f"key:{number:07}" for number in gone[at : at + BATCH]])
    fill(half, shape, kept)
    used, resident = used_bytes(full) - first[0], resident_bytes(half) - first[2]
    assert used == pytest.approx(resident, rel=0.1)


def test_a_server_keeps_within_its_limit(start: Start) -> None:
    """Three times as much is written as it may keep: in the end as much is there as there is room for."""
    server = start("--appendonly", "no", "--maxmemory-policy", "allkeys-lru")
    begin = resident_bytes(server)
    server.client.config_set("maxmemory", used_bytes(server) + ROOM_BYTES)
    for at in range(0, 3 * ROOM_BYTES // VALUE_BYTES, BATCH):
        server.client.mset({f"key:{number:07}": bytes(VALUE_BYTES) for number in range(at, at + BATCH)})
    until(lambda: not int(server.client.info("stats")["current_eviction_exceeded_time"]), "the limit is kept")
    assert resident_bytes(server) - begin < 1.25 * ROOM_BYTES
    assert server.client.dbsize() * VALUE_BYTES > 0.5 * ROOM_BYTES
    assert server.client.exists(f"key:{3 * ROOM_BYTES // VALUE_BYTES - 1:07}")


def test_a_server_that_may_not_evict_refuses_what_is_too_much(start: Start) -> None:
    server = start("--appendonly", "no")
    begin = resident_bytes(server)
    server.client.config_set("maxmemory", used_bytes(server) + ROOM_BYTES)
    values = [f"{number:0{VALUE_BYTES}}" for number in range(10)]
    while _accepts(server, "RPUSH", "list", *values):
        assert server.client.llen("list") * VALUE_BYTES < 2 * ROOM_BYTES
    assert 0.8 * ROOM_BYTES < resident_bytes(server) - begin < 1.2 * ROOM_BYTES
    server.client.delete("list")
    until(lambda: _accepts(server, "SET", "key", "1"), "there is room again")


def _accepts(server: Server, *command: str) -> bool:
    try:
        server.client.execute_command(*command)
    except OutOfMemoryError:
        return False
    return True
