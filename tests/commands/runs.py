"""Runs as the engine finds them, for calling a bulk form directly."""

from __future__ import annotations

from respq.protocol.runs import Run


def as_run(commands: list[list[bytes]]) -> Run:
    """The run that all of these commands make."""
    run = Run.at(commands)
    assert run is not None
    assert run.count == len(commands)
    return run
