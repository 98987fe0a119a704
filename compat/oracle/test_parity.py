"""The committed report speaks of every command, and of nothing that is gone."""

from __future__ import annotations

import pytest

from compat.oracle.coverage import left_out
from compat.oracle.elsewhere import ELSEWHERE
from compat.oracle.grammar import FAMILIES
from compat.oracle.grammar.every_option import every_option
from compat.oracle.grammar.family import Rule
from compat.oracle.grammar.tree import Trees
from compat.oracle.normalise import NORMALISERS
from compat.oracle.parity import NONE, NOTHING, PATH, Row, Run, choices_of, names_of, read, rows
from respq.commands import SPECS

AGAIN = "python -m compat.oracle 'every option' --report --sequences 40"


@pytest.fixture(scope="module")
def report() -> dict[str, Row]:
    return read(PATH.read_text())


def test_every_command_of_both_servers_is_named(report: dict[str, Row], trees: Trees) -> None:
    assert list(report) == names_of(trees), AGAIN


def test_what_is_intended_is_what_differences_say_now(report: dict[str, Row], trees: Trees) -> None:
    now = {row.name: row.intended for row in rows(trees, Run(), report)}
    assert {name: row.intended for name, row in report.items()} == now, AGAIN


def test_whatever_both_have_was_compared_and_no_difference_found(report: dict[str, Row]) -> None:
    for name, row in report.items():
        if name in SPECS and name not in ELSEWHERE:
            assert row.found == NONE, name
            assert row.every_option or row.families, name
        else:
            assert (row.found, bool(row.intended)) == (NOTHING, True), name


def test_every_option_was_executed_that_is_not_left_out(report: dict[str, Row], trees: Trees) -> None:
    rules: dict[str, list[Rule]] = {}
    for family in (*FAMILIES.values(), every_option(trees)):
        for name, rule in family.rules.items():
            rules.setdefault(name, []).append(rule)
    for name, known in rules.items():
        choices = choices_of(trees, name)
        tried = {choice for choice in choices if any(not left_out(choice, rule.left_out) for rule in known)}
        if choices:
            executed, total = map(int, report[name].options.split(" of "))
            assert total == len(choices), f"{name}: {AGAIN}"
            assert executed >= len(tried), name


def test_every_reply_that_may_differ_is_an_intended_difference(report: dict[str, Row]) -> None:
    names = {name if name in report else name.partition("|")[0] for name in map(bytes.decode, NORMALISERS)}
    assert [name for name in names if not report[name].intended] == []
