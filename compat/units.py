"""In which order the tests run, and which of them by the same process of xdist (`--dist loadscope`).

A unit is what shares a server: the tests of an application on one of the servers, or those of a file. It is
run by one process, and the next free process takes the next unit. Where tests share nothing each is a unit.
Those that take longest begin and many short ones end, so that no process waits long for the last one.
Applications mostly wait, the families of the oracle never do: so one of the former stands before each two of
the latter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

APPLICATIONS = ("celery", "taskiq", "rq", "streams", "streaq", "bullmq")  # whose tests share workers
WAITING = (*APPLICATIONS, "bench/test_bench.py")
WORKING = ("oracle/test_every_option.py", "oracle/test_families.py")
SHORT = ("oracle/test_persistence.py", "oracle/test_faults.py")
ALONE = ("bench/test_bench.py", *WORKING, *SHORT)  # share nothing
KINDS = ("redis", "respq")  # of servers
AT_ONCE = 2  # working units, behind one that waits


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    yield
    units: dict[str, list[pytest.Item]] = {}
    for item in items:
        units.setdefault(unit_of(item.nodeid), []).append(item)
    items[:] = [item for unit in in_order(units) for item in units[unit]]


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    return Units(config, log) if config.getvalue("dist") == "loadscope" else None


class Units(LoadScopeScheduling):
    """Deals out units (`--no-loadscope-reorder`: in their order)."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


def unit_of(nodeid: str) -> str:
    """The unit of a test, `celery redis`, `oracle/test_scenarios.py` or the whole name."""
    place = place_of(nodeid)
    if place in ALONE:
        return nodeid
    first_parameter = nodeid.partition("[")[2].partition("-")[0].rstrip("]")
    shares = place in APPLICATIONS or place.startswith("clients/")
    return f"{place} {first_parameter}" if shares and first_parameter in KINDS else place


def place_of(nodeid: str) -> str:
    """The directory of an application, or a file."""
    path = nodeid.partition("::")[0].removeprefix("compat/")
    directory = path.partition("/")[0]
    return directory if directory in APPLICATIONS else path


def in_order(units: Iterable[str]) -> Iterator[str]:
    units = list(units)
    waiting, working, short = (_of(places, units) for places in (WAITING, WORKING, SHORT))
    rest = [unit for unit in units if unit not in {*waiting, *working, *short}]
    while waiting or working:
        yield from (*waiting[:1], *working[:AT_ONCE])
        del waiting[:1], working[:AT_ONCE]
    yield from (*rest, *short)


def _of(places: tuple[str, ...], units: list[str]) -> list[str]:
    """Those units that are at certain places, in the order of these."""
    return [unit for place in places for unit in units if place_of(unit.partition(" ")[0]) == place]
