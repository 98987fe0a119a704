"""Client-side caching: every client gets the bytes that it gets from redis-server, pushes in their place."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from compat.oracle.engine_target import EngineTarget
from compat.oracle.faults import Patch, effects, understands, unnoticed
from compat.oracle.option_faults import overlooks
from compat.oracle.scenarios import parse
from compat.oracle.targets import ProcessTarget, Target
from compat.oracle.tracking import TRACKING
from compat.oracle.wire import parse_all, render, show
from respq.tracking import Tracking

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


FAULTS: dict[str, Callable[[Patch], None]] = {
    "who makes a change is told of it as well": lambda patch: overlooks(patch, "CLIENT|TRACKING", b"NOLOOP"),
    "what is read is remembered unasked": lambda patch: overlooks(patch, "CLIENT|TRACKING", b"OPTIN"),
    "CACHING NO means YES": lambda patch: understands(patch, "CLIENT|CACHING", lambda a: [*a[:2], b"YES"]),
    "a change by DEL is told to nobody": lambda patch: effects(patch, "DEL", unnoticed),
    "prefixes are told of nothing": lambda patch: patch.setattr(Tracking, "_gather", lambda *_: None),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(
    fault: str, redis: ProcessTarget, monkeypatch: Patch, tmp_path: Path
) -> None:
    FAULTS[fault](monkeypatch)
    subject = EngineTarget(tmp_path, RESTORE)
    cases = (parse(text, 3) for text in TRACKING.values())
    try:
        assert any(
            list(map(shown, subject.run(case, b"").streams)) != list(map(shown, redis.run(case, b"").streams))
            for case in cases
        )
    finally:
        subject.close()
