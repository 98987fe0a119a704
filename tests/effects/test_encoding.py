"""Commands as they stand in the log."""

from __future__ import annotations

import pytest

from respq.effects.encoding import encode, encode_run
from respq.protocol.runs import Run


@pytest.mark.parametrize("run", [
    Run([b"SADD", b"a%d"], [[b"x", b"y", b"%b"]]),
    Run([b"SADD", b"a"], [[b"x", b"\r\n", b"", b"xyz"]]),
    Run([b"SADD"], [[b"a", b"bc"], [b"", b"%d"]]),
    Run([b"HSET"], [[b"a", b"bc"], [b"f", b"g"], [b"", b"x" * 5000]]),
    Run([], [[b"PING", b"PING"]]),
    Run([b"HSET"], None, [[b"HSET", b"h", b"f", b"v"]] * 4),
])  # fmt: skip
def test_a_run_is_logged_as_its_commands_are(run: Run) -> None:
    assert encode_run(run) == b"".join(map(encode, run.commands))
