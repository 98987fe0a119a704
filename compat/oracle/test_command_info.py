"""COMMAND INFO of every command that respq has is what redis-server answers, subcommands included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from compat.oracle.normalise import same_command
from compat.oracle.targets import ProcessTarget
from compat.oracle.wire import plain
from compat.servers import Server, is_in_reference
from respq.commands import SPECS

KNOWN = {name for name, spec in SPECS.items() if is_in_reference(spec)}
TOP_LEVEL = sorted(name for name in KNOWN if "|" not in name)


def info_of(target: ProcessTarget, name: str) -> Any:
    return plain(target.ask(b"COMMAND", b"INFO", name.encode()))[0]


@pytest.fixture(scope="module")
def targets(reference: Server, respq_server: Server) -> Iterator[tuple[ProcessTarget, ProcessTarget]]:
    pair = ProcessTarget(reference), ProcessTarget(respq_server)
    yield pair
    for target in pair:
        target.close()


@pytest.mark.parametrize("name", TOP_LEVEL)
def test_command_info_is_that_of_redis(name: str, targets: tuple[ProcessTarget, ProcessTarget]) -> None:
    theirs, ours = (info_of(target, name) for target in targets)
    if ours[9]:  # respq has the subcommands that apply to it
        ours[9] = [sub for sub in ours[9] if sub[0].decode().upper() in KNOWN]
        have = {sub[0] for sub in ours[9]}
        theirs[9] = [sub for sub in theirs[9] if sub[0] in have]
        assert have == {sub[0] for sub in theirs[9]}
    assert same_command(theirs, ours), f"\nredis {theirs}\nrespq {ours}"


def test_the_table_lists_every_command_and_nothing_unknown(
    targets: tuple[ProcessTarget, ProcessTarget],
) -> None:
    theirs, ours = (plain(target.ask(b"COMMAND", b"LIST")) for target in targets)
    newer = set(SPECS) - KNOWN
    assert set(ours) <= set(theirs) | {name.lower().encode() for name in newer}
    assert {name.decode().upper() for name in ours} == set(SPECS)
    assert plain(targets[1].ask(b"COMMAND", b"COUNT")) == len([name for name in SPECS if "|" not in name])


def test_no_command_of_redis_is_missing_but_those_of_vector_sets(
    targets: tuple[ProcessTarget, ProcessTarget],
) -> None:
    theirs, ours = (set(plain(target.ask(b"COMMAND", b"LIST"))) for target in targets)
    vector_sets = set(plain(targets[0].ask(b"COMMAND", b"LIST", b"FILTERBY", b"MODULE", b"vectorset")))
    assert len(vector_sets) > 10
    assert theirs - ours == vector_sets
