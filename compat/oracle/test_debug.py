"""DEBUG DIGEST of the same data is the same on both servers; other forms answer line for line."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from compat.oracle.targets import ProcessTarget
from compat.oracle.wire import Node
from compat.servers import Server

SCORES = ("1", "-1.5", "0.1", "inf", "-inf", "-0", "1e20", "3.0000000000000004", "12345678901234567", "1e-7")
NUMBERS = ("12345", "-1", "007", "3.25", "")


@pytest.fixture
def targets(reference: Server, respq_server: Server) -> Iterator[tuple[ProcessTarget, ProcessTarget]]:
    pair = ProcessTarget(reference), ProcessTarget(respq_server)
    yield pair
    for target in pair:
        target.ask(b"FLUSHALL")
        target.close()


def data(rng: random.Random) -> Iterator[str]:
    """Commands that make values of every type, small and large ones."""

    def words(count: int) -> list[str]:
        return [f"{rng.choice(NUMBERS)}{rng.randrange(1000)}" for _ in range(count)]

    for number, size in enumerate((1, 2, 20, 300)):
        yield f"SELECT {rng.randrange(3)}"
        yield f"SET s{number} {'x' * size}{rng.choice(NUMBERS)}"
        yield f"RPUSH l{number} {' '.join(words(size))}"
        yield f"SADD t{number} {' '.join(words(size))}"
        yield f"SADD i{number} {' '.join(str(rng.randrange(9999)) for _ in range(size))}"
        yield f"ZADD z{number} {' '.join(f'{rng.choice(SCORES)} {word}' for word in words(size))}"
        yield f"HSET h{number} {' '.join(f'{word} {size}' for word in words(size))}"
        yield f"HSET e{number} a 1 b 2 c 3"
        yield f"HPEXPIREAT e{number} 9000000000000 FIELDS 2 a c"
        yield f"PEXPIREAT l{number} 9000000000000"
        for at in range(size):
            yield f"XADD x{number} {at + 1}-{number} f {at} {at} g"
        yield f"XDEL x{number} 1-{number}"
        yield f"XGROUP CREATE x{number} g 0"


@pytest.mark.parametrize("seed", range(4))
def test_digests_of_equal_data_are_equal(seed: int, targets: tuple[ProcessTarget, ProcessTarget]) -> None:
    asked: list[list[Node]] = []
    for target in targets:
        target.ask(b"FLUSHALL")
        empty = target.ask(b"DEBUG", b"DIGEST")
        for line in data(random.Random(seed)):
            target.ask(*line.encode().split())
        keys = [f"{kind}{number}".encode() for kind in "sltizhex" for number in range(4)]
        values = [
            target.ask(b"SELECT", b"%d" % db) and target.ask(b"DEBUG", b"DIGEST-VALUE", *keys)
            for db in range(3)
        ]
        asked.append([empty, *values, target.ask(b"DEBUG", b"DIGEST")])
    assert asked[0] == asked[1]
    assert asked[0][-1] != asked[0][0]
