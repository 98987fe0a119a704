"""The benchmark itself: it runs, meets both servers, and judges numbers rightly. Nothing is timed."""

from __future__ import annotations

import pytest

from compat.bench.__main__ import PARTS, QUICK, measured
from compat.bench.report import Goal, Measure, table
from compat.bench.sides import candidate


@pytest.mark.parametrize("part", PARTS)
def test_every_part_measures_both_servers(part: str) -> None:
    for text in measured([part], QUICK, candidate()):
        title, _, headings, _, *rows = text.splitlines()
        assert title.startswith("## ")
        assert "Redis" in headings
        assert "respq" in headings
        assert rows


def test_a_ratio_is_taken_round_by_round() -> None:
    seen = Measure("pops", "per s", theirs=[100, 50, 80], ours=[100, 60, 40])
    assert seen.ratios == [1.0, 1.2, 0.5]
    assert seen.ratio == 1.0
    assert seen.cells() == ["per s", "80", "60", "1.00×", "0.50–1.20", "", ""]


@pytest.mark.parametrize(
    ("goal", "verdict"),
    [
        (Goal(2.0, at_least=True), ("≥ 2×", "met")),
        (Goal(2.1, at_least=True), ("≥ 2.1×", "**missed**")),
        (Goal(1.9), ("≤ 1.9×", "**missed**")),
        (Goal(50, ratio=False), ("≤ 50 ms", "met")),
        (Goal(49, ratio=False), ("≤ 49 ms", "**missed**")),
    ],
)
def test_a_goal_bounds_the_ratio_or_our_own_number(goal: Goal, verdict: tuple[str, str]) -> None:
    assert Measure("wait", "ms", goal, theirs=[25.0], ours=[50.0]).verdict() == verdict


def test_a_side_without_numbers_is_left_out() -> None:
    text = table("Ticks", [Measure("longest", "ms", ours=[3.21987])])
    cells = [cell.strip() for cell in text.splitlines()[-1].split("|")]
    assert cells[1:7] == ["longest", "ms", "–", "3.22", "–", "–"]
