"""Numbers of both sides, their ratios, the goals they are held to, and the Markdown they become."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True)
class Goal:
    """What a measure must reach: as a ratio of respq's number to Redis's, or respq's own number."""

    bound: float
    at_least: bool = False
    ratio: bool = True

    def met(self, measure: Measure) -> bool:
        value = measure.ratio if self.ratio else measure.ours_median
        return value >= self.bound if self.at_least else value <= self.bound

    def text(self, unit: str) -> str:
        sign = "≥" if self.at_least else "≤"
        return f"{sign} {self.bound:g}{'×' if self.ratio else f' {unit}'}"


@dataclass
class Measure:
    """One quantity, taken from both sides once per round."""

    name: str
    unit: str
    goal: Goal | None = None
    theirs: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        """respq's number by Redis's, round for round; none if one side was not asked."""
        rounds = zip(self.ours, self.theirs, strict=bool(self.theirs))
        return [ours / theirs for ours, theirs in rounds if theirs]

    @property
    def ratio(self) -> float:
        return median(self.ratios)

    @property
    def ours_median(self) -> float:
        return median(self.ours)

    def cells(self) -> list[str]:
        """The row of this measure, without its name."""
        theirs = number(median(self.theirs)) if self.theirs else "–"
        ratio = spread = "–"
        if self.ratios:
            ratio = f"{self.ratio:.2f}×"
            spread = f"{min(self.ratios):.2f}–{max(self.ratios):.2f}"
        return [self.unit, theirs, number(self.ours_median), ratio, spread, *self.verdict()]

    def verdict(self) -> tuple[str, str]:
        if self.goal is None:
            return "", ""
        return self.goal.text(self.unit), "met" if self.goal.met(self) else "**missed**"


HEADINGS = ("unit", "Redis", "respq", "ratio", "spread", "goal", "")


def number(value: float) -> str:
    """Three digits are what such a measurement is worth."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(title: str, measures: Iterable[Measure]) -> str:
    """A Markdown table, its columns aligned so that it reads well in a terminal too."""
    rows = [["", *HEADINGS], *([measure.name, *measure.cells()] for measure in measures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rule = ["-" * max(3, width) for width in widths]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (rows[0], rule, *rows[1:])
    ]
    return "\n".join([f"## {title}", "", *lines])


def document(machine: Sequence[str], rounds: int, sections: Sequence[str]) -> str:
    method = (
        "Written by `python -m compat.bench`; how it measures is said in `__init__.py`. Medians of "
        f"{rounds} rounds ({min(3, rounds)} of all but throughput) in which both servers were driven in "
        "turn. A ratio is respq's number by Redis's of the same round; its spread, the smallest and the "
        "largest."
    )
    preface = ["# respq beside Redis", "", method, "", *(f"- {line}" for line in machine)]
    return "\n".join([*preface, "", "\n\n".join(sections), ""])
