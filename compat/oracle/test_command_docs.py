"""COMMAND DOCS describes arguments as redis-server does, names of groups and versions aside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from compat.oracle.targets import ProcessTarget
from compat.oracle.wire import plain
from compat.servers import Server, is_in_reference
from respq.commands import SPECS

VERSIONS = {b"since", b"deprecated_since", b"summary"}
GROUPS = {b"oneof", b"block"}


@pytest.fixture(scope="module")
def targets(reference: Server, respq_server: Server) -> Iterator[tuple[ProcessTarget, ProcessTarget]]:
    pair = ProcessTarget(reference), ProcessTarget(respq_server)
    yield pair
    for target in pair:
        target.close()


def as_dict(pairs: list[Any]) -> dict[bytes, Any]:
    return dict(zip(pairs[::2], pairs[1::2], strict=True))


def docs_of(target: ProcessTarget, name: str) -> dict[bytes, Any]:
    return as_dict(plain(target.ask(b"COMMAND", b"DOCS", name.encode()))[1])


def comparable(argument: list[Any]) -> dict[bytes, Any]:
    """An argument without what the notation cannot say."""
    found = {name: value for name, value in as_dict(argument).items() if name not in VERSIONS}
    if found[b"type"] in GROUPS or found[b"display_text"] == b"ip:port":  # has another name in Redis
        del found[b"name"]
    if b"flags" in found:
        found[b"flags"] = sorted(found[b"flags"])
    if b"arguments" in found:
        found[b"arguments"] = [comparable(part) for part in found[b"arguments"]]
    return found


@pytest.mark.parametrize("name", sorted(n for n, spec in SPECS.items() if is_in_reference(spec)))
def test_arguments_are_those_of_redis(name: str, targets: tuple[ProcessTarget, ProcessTarget]) -> None:
    theirs, ours = (docs_of(target, name) for target in targets)
    assert (ours[b"since"], ours[b"group"]) == (theirs[b"since"], theirs[b"group"])
    assert [comparable(argument) for argument in ours.get(b"arguments", [])] == [
        comparable(argument) for argument in theirs.get(b"arguments", [])
    ]
