"""COMMAND DOCS says what redis-server says, in its order, but for prose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from compat.oracle.targets import ProcessTarget
from compat.oracle.wire import Node, plain
from compat.servers import Server, is_in_reference
from respq.commands import SPECS

OUR_OWN = {b"summary", b"complexity"}  # texts: there is one where redis-server has one
PROSE = {b"history"}  # left out


@pytest.fixture(scope="module")
def targets(reference: Server, respq_server: Server) -> Iterator[tuple[ProcessTarget, ProcessTarget]]:
    pair = ProcessTarget(reference), ProcessTarget(respq_server)
    yield pair
    for target in pair:
        target.close()


def docs_of(target: ProcessTarget, name: str) -> list[Any]:
    """Names and values in turns."""
    return plain(target.ask(b"COMMAND", b"DOCS", name.encode()))[1]


def in_resp3(target: ProcessTarget, *argv: bytes) -> Node:
    target.ask(b"HELLO", b"3")
    try:
        return target.ask(*argv)
    finally:
        target.ask(b"HELLO", b"2")


def types_of(node: Node) -> Any:
    """The types of a reply and of what is in it."""
    kind, payload = node
    return (kind, [types_of(part) for part in payload]) if isinstance(payload, list) else kind


def comparable(fields: list[Any]) -> list[Any]:
    """What is said of a command or an argument, in its order, but for prose."""
    return [
        [name, None if name in OUR_OWN else _value(name, value)]
        for name, value in zip(fields[::2], fields[1::2], strict=True)
        if name not in PROSE
    ]


def _value(name: bytes, value: Any) -> Any:
    if name in {b"flags", b"doc_flags"}:
        return sorted(value)
    if name == b"arguments":
        return [comparable(argument) for argument in value]
    return None if name == b"subcommands" else value


@pytest.mark.parametrize("name", sorted(n for n, spec in SPECS.items() if is_in_reference(spec)))
def test_docs_are_those_of_redis(name: str, targets: tuple[ProcessTarget, ProcessTarget]) -> None:
    theirs, ours = (docs_of(target, name) for target in targets)
    assert comparable(ours) == comparable(theirs)


def test_so_are_the_types_of_resp3(targets: tuple[ProcessTarget, ProcessTarget]) -> None:
    asked = [b"COMMAND", b"DOCS", b"SLAVEOF", b"PFDEBUG", b"HSETEX"]  # which have no history
    theirs, ours = (in_resp3(target, *asked) for target in targets)
    assert types_of(ours) == types_of(theirs)
