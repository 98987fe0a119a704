"""`python -m compat.oracle [--subject engine|process|reference] [--seed N] [--sequences N] [FAMILY …]`.

Prints every kind of difference with the shortest sequence found, and what the run did not cover. Without
names, runs all families and `every option`; with --report, brings PARITY.md up to date.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from compat.oracle import parity
from compat.oracle.engine_target import EngineTarget
from compat.oracle.grammar import FAMILIES
from compat.oracle.rig import comparing, plan_of, restore_bytes, run_family, summary, trees_of, write_report
from compat.oracle.runner import Failure, Plan, Runner
from compat.oracle.targets import ProcessTarget
from compat.servers import start_redis, start_respq

SETTINGS: dict[str, Any] = {"appendonly": "yes", "appendfsync": "no"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m compat.oracle", description=__doc__)
    parser.add_argument("families", nargs="*")
    parser.add_argument("--subject", choices=("engine", "process", "reference"), default="engine")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sequences", type=int, default=200)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    failed, run = False, parity.Run()
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        reference = start_redis(_sub(directory, "reference"), **SETTINGS)
        stack.callback(reference.stop)
        trees = trees_of(reference)
        for name in options.families or [*FAMILIES, parity.EVERY_OPTION]:
            plan, place = plan_of(name, trees), _sub(directory, name)
            with (
                _subject(options.subject, plan, place) as subject,
                comparing(plan, trees, reference, subject) as runner,
            ):
                failures = _run(runner, options.seed, options.sequences)
            run.add(runner.coverage, failures)
            failed = failed or bool(failures)
    if options.report:
        parity.write(trees, run, keeping=bool(options.families))
    return int(failed)


@contextlib.contextmanager
def _subject(kind: str, plan: Plan, place: Path) -> Iterator[EngineTarget | ProcessTarget]:
    restore = restore_bytes(plan.sentences.family)
    with contextlib.ExitStack() as stack:
        if kind == "engine":
            engine = EngineTarget(place, restore)
            stack.callback(engine.close)
            yield engine
        else:
            server = (start_redis if kind == "reference" else start_respq)(place, **SETTINGS)
            stack.callback(server.stop)
            process = ProcessTarget(server, restore)
            stack.callback(process.close)
            yield process


def _run(runner: Runner, seed: int, sequences: int) -> list[Failure]:
    """Run and tell."""
    start_s = time.monotonic()
    failures = run_family(runner, seed, sequences)
    each_ms = (time.monotonic() - start_s) / sequences * 1000
    print(f"== {runner.family.name}: {each_ms:.1f} ms a sequence")
    print(summary(failures))
    unlisted = [] if runner.family.name == parity.EVERY_OPTION else runner.coverage.unlisted()
    print("\n".join([*runner.coverage.missing(), *unlisted]))
    print("differences that did not show again:", runner.unrepeated)
    print("coverage:", write_report(runner.coverage))
    return failures


def _sub(directory: Path, name: str) -> Path:
    (directory / name).mkdir()
    return directory / name


sys.exit(main())
