"""What is refused whatever is said: all of CLUSTER, and loading modules; with every number of arguments."""

from __future__ import annotations

import pytest

from compat.oracle.targets import ProcessTarget
from compat.servers import Server
from respq.commands.cluster import SUBCOMMANDS

NAMES = [
    *(f"CLUSTER {name}" for name, *_ in SUBCOMMANDS),
    *("CLUSTER", "CLUSTER NOPE", "READONLY", "READWRITE", "ASKING"),
    *("MODULE", "MODULE NOPE", "MODULE LOAD", "MODULE LOADEX", "MODULE UNLOAD"),
]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_refused_as_redis_refuses_it(name: str, reference: Server, respq_server: Server) -> None:
    theirs, ours = ProcessTarget(reference), ProcessTarget(respq_server)
    try:
        for count in range(5):
            argv = [*name.encode().split(), *[b"1"] * count]
            assert ours.ask(*argv) == theirs.ask(*argv), argv
    finally:
        theirs.close()
        ours.close()
