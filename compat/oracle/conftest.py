"""What the tests of the oracle share, and their order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compat.oracle.engine_target import EngineTarget
from compat.oracle.grammar.tree import Trees
from compat.oracle.rig import trees_of
from compat.oracle.targets import ProcessTarget, Target
from compat.servers import Server


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every other family comes last.

    Each process of xdist begins with a part of the list, in its order: one would have all of them, and the
    others nothing left to do in the end.
    """
    families = [item for item in items if item.path.name == "test_families.py"]
    for item in families[1::2]:
        items.remove(item)
        items.append(item)


@pytest.fixture(scope="session")
def trees(reference: Server) -> Trees:
    """The syntax of every command."""
    return trees_of(reference)


@pytest.fixture(scope="module")
def restore() -> bytes:
    """What brings a server back to where a scenario starts; modules say more."""
    return b""


@pytest.fixture(scope="module")
def redis(reference: Server, restore: bytes) -> Iterator[ProcessTarget]:
    """redis-server, to run scenarios on."""
    target = ProcessTarget(reference, restore)
    yield target
    target.close()


@pytest.fixture(scope="module", params=["engine", "server"])
def respq(
    request: pytest.FixtureRequest,
    respq_server: Server,
    restore: bytes,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Target]:
    """respq, to run scenarios on: its engine in this process, and a server."""
    if request.param == "engine":
        engine = EngineTarget(tmp_path_factory.mktemp("engine"), restore)
        yield engine
        engine.close()
    else:
        process = ProcessTarget(respq_server, restore)
        yield process
        process.close()
