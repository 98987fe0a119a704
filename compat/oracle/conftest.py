"""What the tests of the oracle share, and their order."""

from __future__ import annotations

import pytest

from compat.oracle.grammar.tree import Trees
from compat.oracle.rig import trees_of
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
