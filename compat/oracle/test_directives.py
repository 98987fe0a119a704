"""The table that the tests of `respq.config` go by is what the reference answers."""

from __future__ import annotations

import json

from compat.oracle.directives import TABLE, recorded


def test_the_kept_answers_to_config_set_are_those_of_the_reference() -> None:
    kept = [json.loads(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]
    assert recorded() == kept
