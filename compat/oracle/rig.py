"""Puts families, targets and coverage together, for the tests and for the command line."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from compat.oracle import every_option
from compat.oracle.compare import Difference
from compat.oracle.coverage import Coverage
from compat.oracle.grammar import FAMILIES
from compat.oracle.grammar.family import Family, Sentences
from compat.oracle.grammar.tree import Trees, read_trees
from compat.oracle.parity import EVERY_OPTION
from compat.oracle.runner import Failure, Plan, Runner
from compat.oracle.targets import ProcessTarget, Target
from compat.oracle.wire import render
from compat.servers import Server

MANY = 25  # failures after which a run gives up


def restore_bytes(family: Family) -> bytes:
    """What brings a server back to where a case of this family starts, besides FLUSHALL."""
    return b"".join(map(render, family.restore))


def trees_of(reference: Server) -> Trees:
    """The syntax of every command, from the oracle."""
    target = ProcessTarget(reference)
    try:
        return read_trees(target.ask(b"COMMAND", b"DOCS"))
    finally:
        target.close()


@contextlib.contextmanager
def comparing(plan: Plan, trees: Trees, reference: Server, subject: Target) -> Iterator[Runner]:
    """A runner of one family, connected to the reference."""
    target = ProcessTarget(reference, restore_bytes(plan.sentences.family))
    try:
        yield Runner(plan, trees, target, subject)
    finally:
        for argv in plan.sentences.family.leave:
            target.ask(*argv)
            subject.ask(*argv)
        target.close()


def run_family(runner: Runner, seed: int, sequences: int) -> list[Failure]:
    """Run many sequences; one failure of each kind is kept."""
    kinds: dict[tuple[str, str, str], Failure] = {}
    for failure in runner.failures(range(seed * 1_000_000, seed * 1_000_000 + sequences)):
        kinds.setdefault(_kind(failure.difference), failure)
        if len(kinds) >= MANY:
            break
    return list(kinds.values())


def _kind(difference: Difference) -> tuple[str, str, str]:
    return difference.command, difference.expected[:40], difference.found[:40]


def summary(failures: list[Failure]) -> str:
    """All failures, and which commands they concern."""
    commands = Counter(failure.difference.command for failure in failures)
    text = "\n\n".join(map(str, failures))
    return f"{text}\n\n{len(failures)} kinds of difference: {dict(commands)}" if failures else ""


def write_report(coverage: Coverage) -> Path:
    """Leave the coverage report beside this file; it is not committed."""
    path = Path(__file__).with_name(f"coverage-{coverage.family.name}.txt")
    coverage.write(path)
    return path


def plan_of(name: str, trees: Trees) -> Plan:
    """Of a family, or that of every option."""
    if name == EVERY_OPTION:
        return every_option.plan(trees)
    return Plan(Sentences(FAMILIES[name], trees))
