"""Client-side caching: every client gets the bytes that it gets from redis-server, pushes in their place."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from compat.oracle.engine_target import EngineTarget
from compat.oracle.scenarios import parse
from compat.oracle.targets import ProcessTarget, Target
from compat.oracle.tracking import TRACKING
from compat.oracle.wire import parse_all, render, show
from compat.servers import Server

RESTORE = render([b"CONFIG", b"SET", b"tracking-table-max-keys", b"1000000"])


@pytest.fixture(scope="module")
def redis(reference: Server) -> Iterator[ProcessTarget]:
    target = ProcessTarget(reference, RESTORE)
    yield target
    target.close()


@pytest.fixture(scope="module", params=["engine", "server"])
def respq(
    request: pytest.FixtureRequest, respq_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    if request.param == "engine":
        target = EngineTarget(tmp_path_factory.mktemp("tracking"), RESTORE)
        yield target
        target.close()
    else:
        process = ProcessTarget(respq_server, RESTORE)
        yield process
        process.close()


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
