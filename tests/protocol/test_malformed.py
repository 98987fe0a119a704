"""What redis-server 8.2.3 did with some 480 odd requests, this server does too, however they are cut.

The table was recorded by `compat/oracle/malformed.py`, which also says how to read it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Peer, Workbench

READ_BYTES = 16 * 1024  # the network reads no more at once; "too big" lines are noticed between reads
MANY_CUTS = 200
PING = b"*1\r\n$4\r\nPING\r\n"
FRONTS = {"open": PING, "locked": b"*0\r\n\r\n"}
BACK = PING + b"ECHO last\r\n" + PING
HUNG_UP = (b"", "closed")  # what came of HTTP; answers that had not left were lost
PLACES = ("alone", "behind", "before")

Case = dict[str, Any]
TABLE = Path(__file__).with_name("malformed.jsonl")
CASES: list[Case] = [json.loads(line) for line in TABLE.read_text().splitlines()]


def assemble(parts: list[Any]) -> bytes:
    """The bytes that a list of texts and repetitions stands for."""
    return "".join(part if isinstance(part, str) else part[0] * part[1] for part in parts).encode("latin-1")


@pytest.fixture(scope="module")
def doors() -> dict[str, Workbench]:
    """A server that anybody may use, and one that wants a password."""
    return {"open": Workbench(), "locked": Workbench(requirepass="sesame")}


def outcome(engine: Workbench, reads: list[bytes]) -> tuple[bytes, str]:
    """What comes back for the reads of one connection, and how the connection is then."""
    peer: Peer = engine.peer()
    replies = []
    for data in reads:
        for i in range(0, len(data), READ_BYTES):
            replies.append(peer.feed(data[i : i + READ_BYTES]))
            if peer.client.closing:
                return b"".join(replies), "closed"
    engine.disconnect(peer.client)
    return b"".join(replies), "open"


def sent(case: Case, place: str) -> bytes:
    front = FRONTS[case["door"]] if place == "behind" else b""
    return front + assemble(case["send"]) + (BACK if place == "before" else b"")


def two_reads(data: bytes) -> Iterator[list[bytes]]:
    for position in range(1, len(data), max(1, len(data) // MANY_CUTS)):
        yield [data[:position], data[position:]]


def differing(doors: dict[str, Workbench], reads_of: Callable[[bytes], Iterator[list[bytes]]]) -> list[str]:
    """The cases with another outcome than the recorded one, for any of the ways to cut them."""
    wrong = []
    for case in CASES:
        for place in PLACES:
            expected = assemble(case[place]["reply"]), case[place]["then"]
            for reads in reads_of(sent(case, place)):
                got = outcome(doors[case["door"]], reads)
                if expected == HUNG_UP and len(reads) > 1:  # answers to earlier reads have left
                    got = b"", got[1]
                if got != expected:
                    wrong.append(f"{case['name']} ({place}): {got} instead of {expected}")
                    break
    return wrong


def test_the_table_is_whole() -> None:
    assert len(CASES) >= 450
    assert {case["door"] for case in CASES} == {"open", "locked"}


def test_in_one_read(doors: dict[str, Workbench]) -> None:
    assert differing(doors, lambda data: iter([[data]])) == []


def test_in_two_reads_cut_at_every_byte(doors: dict[str, Workbench]) -> None:
    assert differing(doors, two_reads) == []


def test_in_reads_of_one_byte(doors: dict[str, Workbench]) -> None:
    def single_bytes(data: bytes) -> Iterator[list[bytes]]:
        if len(data) < 1000:
            yield [data[i : i + 1] for i in range(len(data))]

    assert differing(doors, single_bytes) == []
