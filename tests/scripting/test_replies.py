"""Some 1,150 scripts answer what redis-server 8.2.3 answered, byte by byte.

`replies.jsonl` holds on each line a script, the reply in RESP2, and that in RESP3 where it is another one.
They are about the libraries with their limits and error texts, globals and read-only tables, conversions,
and where errors are said to come from. Each script was recorded on an empty keyspace. What Redis 8.4 added
to cjson is taken away by the script that lists it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Peer, Workbench

CASES = [
    (case[0], case[1].encode("latin-1"), case[-1].encode("latin-1"))
    for line in (Path(__file__).parent / "replies.jsonl").read_text(encoding="ascii").splitlines()
    for case in [json.loads(line)]
]
LASTING = ("cjson.encode_", "cjson.decode_")  # what is set with these holds for later scripts


def answer(peer: Peer, script: str) -> bytes:
    peer.send("FLUSHALL")
    reply = peer.send("EVAL", script, "0")
    if any(word in script for word in LASTING):
        peer.send("SCRIPT", "FLUSH")
    return reply


@pytest.mark.parametrize("version", [2, 3])
def test_scripts_answer_what_redis_answers(engine: Workbench, version: int) -> None:
    peer = engine.peer()
    peer.send("HELLO", version)
    different = [
        (script, case[version - 2], ours)
        for script, *case in CASES
        if (ours := answer(peer, script)) != case[version - 2]
    ]
    assert different == []
