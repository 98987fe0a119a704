"""Tests are dealt out to processes by what they share."""

from __future__ import annotations

import pytest

from compat.units import in_order, unit_of

FAMILY = "compat/oracle/test_families.py::test_the_engine_does_what_redis_does"


@pytest.mark.parametrize(
    ("nodeid", "unit"),
    [
        ("compat/celery/test_tasks.py::test_a[respq-threads]", "celery respq"),
        ("compat/celery/test_control.py::test_b[respq]", "celery respq"),
        ("compat/clients/test_redis_cli.py::test_a[redis--P 16 -r 9]", "clients/test_redis_cli.py redis"),
        ("compat/clients/test_pubsub.py::test_a", "clients/test_pubsub.py"),
        ("compat/aof/test_sorted_sets.py::test_a[respq-redis 7.0]", "aof/test_sorted_sets.py"),
        (f"{FAMILY}[every option]", f"{FAMILY}[every option]"),
    ],
)
def test_a_unit_is_what_shares_a_server(nodeid: str, unit: str) -> None:
    assert unit_of(nodeid) == unit


def test_who_waits_stands_between_those_that_work_and_short_ones_come_last() -> None:
    faults = [f"compat/oracle/test_faults.py::test[{name}]" for name in "ab"]
    families = [f"{FAMILY}[{name}]" for name in "abc"]
    given = [*faults, "aof/test_a.py", "rq redis", "celery respq", "celery redis", *families]
    assert list(in_order(given)) == [
        *("celery respq", *families[:2], "celery redis", families[2], "rq redis"),
        *("aof/test_a.py", *faults),
    ]
