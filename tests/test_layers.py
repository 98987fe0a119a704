"""Who may import whom: the layers below, and which modules may touch the world outside.

Read from the source, so an import inside a function or under `TYPE_CHECKING` counts like any other:
what a module knows by name, it depends on.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "respq"

# From left to right: a module imports only from layers behind its own. Modules of one layer ignore
# each other; modules inside one package may import each other.
LAYERS = (
    {"__main__"},
    {"cli"},
    {"serving"},
    {"web", "net"},
    {"persistence"},
    {"backups", "dumps", "transfers"},
    {"preload"},
    {"loading"},
    {"engine"},
    {"eviction", "execution"},
    {"commands"},
    {"command", "tables"},
    {"accesses", "accounts", "restrictions"},
    {"hotkeys", "large"},
    {"client_limit", "describe", "draining", "importing", "monitor", "usage"},
    {"slowlog"},
    {"scripting"},
    {"state"},
    {"tracking"},
    {"notifications"},
    {"acl", "effects", "flags", "packer", "provided", "pubsub", "redaction", "statistics"},
    {"waiting", "watching"},
    {"fingerprint", "keysizes"},
    {"keyspace"},
    {"rdb"},
    {"datatypes"},
    {"protocol"},
    {"lockfile", "log", "title"},
    {"config"},
    {"gauge"},
    {
        "allocator",
        "children",
        "clock",
        "digests",
        "errors",
        "deadlines",
        "glob",
        "latency",
        "process",
        "rubble",
        "syntax",
        "tally",
        "transport",
        "words",
    },
    {"__init__"},  # the version
)
LEVEL = {name: level for level, layer in enumerate(LAYERS) for name in layer}

# What only these may import: the event loop's world, and time.
RESERVED = {
    "socket": {"net", "web"},
    "selectors": {"net", "web"},
    "select": {"net", "web"},
    "ssl": {"net", "web"},
    "asyncio": {"web"},
    "time": {"clock"},
    "datetime": {"clock"},
    "redis": {"cli"},  # a client: the server does without it
    "click": {"cli"},
}


def unit(name: str) -> str:
    """`respq.net.loop` -> `net`: the module or package directly below respq."""
    _, _, rest = name.partition(".")
    return rest.partition(".")[0] or "__init__"


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name; a package's `__init__` by the package's."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(source: str) -> Iterator[str]:
    """The dotted name of everything imported; `from a import b` is `a.b`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


IMPORTS = {name: set(imports(path.read_text(encoding="utf-8"))) for name, path in MODULES.items()}


def module_of(imported: str) -> str:
    """The module that `a.b.c` lies in, if it is one of ours: c may be a name inside `a.b`."""
    while imported not in MODULES:
        imported = imported.rpartition(".")[0]
    return imported


def own_imports(name: str) -> set[str]:
    return {module_of(found) for found in IMPORTS[name] if found.partition(".")[0] == "respq"}


def outside_imports(name: str) -> set[str]:
    return {found.partition(".")[0] for found in IMPORTS[name]} - {"respq"}


def test_every_module_has_its_place_in_the_layers() -> None:
    assert {unit(name) for name in MODULES} <= set(LEVEL)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_from_layers_behind_its_own(name: str) -> None:
    level = LEVEL[unit(name)]
    wrong = {
        found for found in own_imports(name) if unit(found) != unit(name) and LEVEL[unit(found)] <= level
    }
    assert not wrong, f"{name} is left of, or beside, what it imports"


@pytest.mark.parametrize("name", MODULES)
def test_sockets_time_and_clients_stay_where_they_belong(name: str) -> None:
    wrong = {found for found in outside_imports(name) if unit(name) not in RESERVED.get(found, {unit(name)})}
    assert not wrong


def test_no_module_of_the_package_imports_itself_in_a_circle() -> None:
    graph = {name: own_imports(name) - {name} for name in MODULES}
    while free := {name for name, needs in graph.items() if not needs & graph.keys()}:
        for name in free:
            del graph[name]
    assert not graph, "these import each other in a circle"


def test_dependencies_are_exactly_what_the_package_imports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[^\w-]", line)[0] for line in project["dependencies"]}
    used = {found for name in MODULES for found in outside_imports(name)}
    assert declared == used - sys.stdlib_module_names


def test_an_import_hidden_in_a_function_is_seen() -> None:
    source = "def f():\n    from respq.net import loop\n    import socket as s\n"
    assert set(imports(source)) == {"respq.net.loop", "socket"}
