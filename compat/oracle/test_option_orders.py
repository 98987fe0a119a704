"""Options of stream commands in any order: the same replies, errors, keyspace and log as redis-server's.

ORACLE_SEED and ORACLE_SEQUENCES choose others.
"""

from __future__ import annotations

import os
from pathlib import Path

from compat.oracle.engine_target import EngineTarget
from compat.oracle.option_orders import OPTION_ORDERS, OptionOrders
from compat.oracle.rig import Trees, comparing, restore_bytes, run_family, summary
from compat.servers import Server

SEED = int(os.environ.get("ORACLE_SEED", "1"))
SEQUENCES = int(os.environ.get("ORACLE_SEQUENCES", "100"))


def test_options_may_come_in_any_order(trees: Trees, reference: Server, tmp_path: Path) -> None:
    subject = EngineTarget(tmp_path, restore_bytes(OPTION_ORDERS))
    try:
        with comparing(OPTION_ORDERS, trees, reference, subject) as runner:
            runner.sentences = OptionOrders(OPTION_ORDERS, trees)
            failures = run_family(runner, SEED, SEQUENCES)
    finally:
        subject.close()
    assert not failures, summary(failures)
