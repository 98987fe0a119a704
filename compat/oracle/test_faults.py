"""The oracle finds what it is there to find: each planted fault, within its number of sequences."""

from __future__ import annotations

from pathlib import Path

import pytest

from compat.oracle import option_faults  # noqa: F401  # registers them
from compat.oracle.engine_target import EngineTarget
from compat.oracle.faults import FAULTS
from compat.oracle.grammar.tree import Trees
from compat.oracle.rig import comparing, plan_of, restore_bytes
from compat.servers import Server


def test_there_are_at_least_sixty_faults() -> None:
    assert len(FAULTS) >= 60


@pytest.mark.parametrize("name", FAULTS)
def test_the_oracle_finds(
    name: str, trees: Trees, reference: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    planted = FAULTS[name]
    plan = plan_of(planted.family, trees)
    planted.install(monkeypatch)
    engine = EngineTarget(tmp_path, restore_bytes(plan.sentences.family))
    try:
        with comparing(plan, trees, reference, engine) as runner:
            found = any(runner.differs(seed, planted.delivery) for seed in range(planted.budget))
    finally:
        engine.close()
    assert found, f"not found in {planted.budget} sequences of the family {planted.family}"
