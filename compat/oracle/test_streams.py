"""Streams beyond the grammar of their commands: options in any order, long lives, readers that are blocked.

Replies, errors, key-space events, the keyspace and the log are those of redis-server. ORACLE_SEED and
ORACLE_SEQUENCES choose other sequences than the default.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from compat.oracle.engine_target import EngineTarget
from compat.oracle.grammar.family import Family, Sentences
from compat.oracle.grammar.tree import Trees
from compat.oracle.option_orders import OPTION_ORDERS, OptionOrders
from compat.oracle.rig import comparing, restore_bytes, run_family, summary
from compat.oracle.runner import Plan
from compat.oracle.stream_counters import STREAM_COUNTERS, StreamCounters
from compat.servers import Server

SEED = int(os.environ.get("ORACLE_SEED", "1"))
SEQUENCES = int(os.environ.get("ORACLE_SEQUENCES", "80"))


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("family", "sentences"),
    [(OPTION_ORDERS, OptionOrders), (STREAM_COUNTERS, StreamCounters)],
    ids=["option orders", "counters"],
)
def test_streams_are_those_of_redis(
    family: Family, sentences: type[Sentences], trees: Trees, reference: Server, tmp_path: Path
) -> None:
    plan = Plan(sentences(family, trees))
    subject = EngineTarget(tmp_path, restore_bytes(family))
    try:
        with comparing(plan, trees, reference, subject) as runner:
            failures = run_family(runner, SEED, SEQUENCES)
            for target in (runner.reference, subject):
                # Others use the reference, and the limit is everybody's.
                target.ask(b"CONFIG", b"SET", b"stream-node-max-entries", b"100")
    finally:
        subject.close()
    assert not failures, summary(failures)
