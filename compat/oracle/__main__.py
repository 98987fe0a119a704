"""`python -m compat.oracle [--subject engine|process|reference] [--seed N] [--sequences N] [FAMILY …]`.

Prints every kind of difference with the shortest sequence found, and what the run did not cover.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from compat.oracle.rig import comparing, families, restore_bytes, run_family, summary, trees_of, write_report
from compat.oracle.targets import ProcessTarget
from compat.servers import start_redis, start_respq

SETTINGS: dict[str, Any] = {"appendonly": "yes", "appendfsync": "no"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m compat.oracle", description=__doc__)
    parser.add_argument("families", nargs="*")
    parser.add_argument("--subject", choices=("engine", "process", "reference"), default="engine")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sequences", type=int, default=200)
    options = parser.parse_args()
    failed = False
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        reference = start_redis(_sub(directory, "reference"), **SETTINGS)
        stack.callback(reference.stop)
        trees = trees_of(reference)
        for family in families(options.families):
            restore = restore_bytes(family)
            place = _sub(directory, family.name)
            if options.subject == "engine":
                from compat.oracle.engine_target import EngineTarget

                subject = EngineTarget(place, restore)
            else:
                start = start_redis if options.subject == "reference" else start_respq
                server = start(place, **SETTINGS)
                stack.callback(server.stop)
                subject = ProcessTarget(server, restore)  # type: ignore[assignment]
            stack.callback(subject.close)
            start_s = time.monotonic()
            runner = stack.enter_context(comparing(family, trees, reference, subject))
            failures = run_family(runner, options.seed, options.sequences)
            each_ms = (time.monotonic() - start_s) / options.sequences * 1000
            print(f"== {family.name}: {each_ms:.1f} ms a sequence")
            print(summary(failures))
            print("\n".join([*runner.coverage.missing(), *runner.coverage.unlisted()]))
            print("differences that did not show again:", runner.unrepeated)
            print("coverage:", write_report(runner.coverage))
            failed = failed or bool(failures)
    return int(failed)


def _sub(directory: Path, name: str) -> Path:
    (directory / name).mkdir()
    return directory / name


sys.exit(main())
