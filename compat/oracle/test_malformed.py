"""The table of malformed requests says what redis-server 8.2.3 does today."""

from __future__ import annotations

import json
from pathlib import Path

from compat.oracle.malformed import TABLE, abbreviate, assemble, record


def test_the_table_is_what_the_reference_does(tmp_path: Path) -> None:
    recorded = list(record(tmp_path))
    written = [json.loads(line) for line in TABLE.read_text().splitlines()]
    assert [case["name"] for case in recorded] == [case["name"] for case in written]
    assert [case for case, now in zip(written, recorded, strict=True) if case != now] == []


def test_abbreviations_stand_for_the_same_bytes() -> None:
    for data in (
        b"",
        b"abc",
        b"x" * 99,
        b"ab" + b"x" * 100,
        b"\0" * 1000 + b"\r\n" + b"x" * 300,
        bytes(range(256)),
    ):
        assert assemble(abbreviate(data)) == data
