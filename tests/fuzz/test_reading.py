"""Damaged payloads, snapshots and logs are read or refused; in a process of its own, for the limits.

`pytest -m fuzz_long` reads a hundred times as many. A failure names its seed, which is then read alone by
`python -m tests.fuzz.reading KIND SEED 1`.
"""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

from tests.process.servers import ROOT, environment

COUNTS = {"payloads": 1500, "snapshots": 250, "logs": 250}
MANY = 100


def read(kind: str, first: int, count: int) -> tuple[int, int]:
    """How many were read, and how many refused."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.reading", kind, str(first), str(count)],
        cwd=ROOT, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    whole, refused = map(int, done.stdout.split())
    return whole, refused


@pytest.mark.parametrize("kind", COUNTS)
def test_what_is_damaged_is_read_or_refused(kind: str) -> None:
    whole, refused = read(kind, 0, COUNTS[kind])
    assert whole
    assert refused > COUNTS[kind] // 3


@pytest.mark.fuzz_long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", COUNTS)
def test_much_that_is_damaged_is_read_or_refused(kind: str) -> None:
    assert all(read(kind, random.randrange(1 << 30), COUNTS[kind] * MANY))
