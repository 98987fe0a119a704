"""Client-side caching: every client gets the bytes that it gets from redis-server, pushes in their place."""

from __future__ import annotations

import re

import pytest

from compat.oracle.scenarios import parse
from compat.oracle.targets import ProcessTarget, Target
from compat.oracle.tracking import TRACKING
from compat.oracle.wire import parse_all, render, show

RESTORE = render([b"CONFIG", b"SET", b"tracking-table-max-keys", b"1000000"])


@pytest.fixture(scope="module")
def restore() -> bytes:
    return RESTORE


def shown(stream: bytes) -> list[str]:
    """What a client received, one line for each reply or push, but for the number of a lost client."""
    return [re.sub(r"(?<=redir-broken', :)'\d+'", "id", show(node)) for node in parse_all(stream)]


@pytest.mark.parametrize("resp", [2, 3])
@pytest.mark.parametrize("name", TRACKING)
def test_pushes_and_replies_are_those_of_redis(
    name: str, resp: int, redis: ProcessTarget, respq: Target
) -> None:
    case = parse(TRACKING[name], resp)
    expected, found = redis.run(case, b""), respq.run(case, b"")
    assert list(map(shown, found.streams)) == list(map(shown, expected.streams))
