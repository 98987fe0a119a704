"""Random sequences of every family: the replies, the keyspace and the log are those of redis-server.

Most sequences run against the engine in this process, in every way of delivery; one in PROCESS_SHARE
runs against respq as a process as well, through its sockets and its event loop.

ORACLE_SEED and ORACLE_SEQUENCES choose others than the default; coverage is asserted from
FULL_RUN sequences on. A failure names its seed: `python -m compat.oracle` runs it again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from compat.oracle.engine_target import EngineTarget
from compat.oracle.grammar import FAMILIES
from compat.oracle.grammar.family import Family
from compat.oracle.grammar.tree import Trees
from compat.oracle.rig import comparing, plan_of, restore_bytes, run_family, summary, write_report
from compat.oracle.targets import ProcessTarget
from compat.servers import Server

SEED = int(os.environ.get("ORACLE_SEED", "1"))
SEQUENCES = int(os.environ.get("ORACLE_SEQUENCES", "1350"))
PROCESS_SHARE = 20
FULL_RUN = 1350
FURTHER_ROUNDS = 4  # of half as many sequences
SUCCESS = 0.6
UNREPEATED = 0.005  # of all sequences; more would mean that something is decided by chance

every_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


@pytest.fixture
def engine(tmp_path: Path, family: Family) -> Iterator[EngineTarget]:
    target = EngineTarget(tmp_path, restore_bytes(family))
    yield target
    target.close()


@pytest.mark.timeout(1800)
@every_family
def test_the_engine_does_what_redis_does(
    family: Family, trees: Trees, reference: Server, engine: EngineTarget
) -> None:
    sequences = max(1, int(SEQUENCES * family.share))
    with comparing(plan_of(family.name, trees), trees, reference, engine) as runner:
        failures = run_family(runner, SEED, sequences)
        for further in range(1, FURTHER_ROUNDS + 1):  # until chance has met what is rare
            if failures or SEQUENCES < FULL_RUN or not runner.coverage.missing():
                break
            failures = run_family(runner, SEED + further, sequences // 2)
    write_report(runner.coverage)
    assert not failures, summary(failures)
    assert runner.unrepeated <= max(1, sequences * UNREPEATED)
    assert runner.coverage.success >= SUCCESS
    assert runner.coverage.unlisted() == []
    if SEQUENCES >= FULL_RUN:
        assert runner.coverage.missing() == []


@every_family
def test_the_server_does_what_redis_does(
    family: Family, trees: Trees, reference: Server, respq_server: Server
) -> None:
    subject = ProcessTarget(respq_server, restore_bytes(family))
    with (
        contextlib.closing(subject),
        comparing(plan_of(family.name, trees), trees, reference, subject) as runner,
    ):
        failures = run_family(runner, SEED, max(1, SEQUENCES // PROCESS_SHARE))
    assert not failures, summary(failures)
