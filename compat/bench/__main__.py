"""`python -m compat.bench`: run everything, print it, write RESULTS.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from compat.bench import churn, durability, footprint, latency, permissions, stream_growth, tasks, throughput
from compat.bench.machine import description
from compat.bench.report import Measure, document, table
from compat.bench.sides import Side, candidate, reference

RESULTS = Path(__file__).with_name("RESULTS.md")


@dataclass(frozen=True)
class Scale:
    """How much of everything."""

    rounds: int = 5
    commands: int = 400_000  # per workload, side and round
    keys: int = 1_000_000  # pushed in a flood, expiring together, churned
    few: int = 10_000  # the small size of churn
    values: int = 4_000_000  # rewritten: about a gigabyte
    fills: int = churn.SMALL_FILLS
    tasks: int = 2000  # of Celery, each way, side and round
    idle_seconds: float = 10.0
    lead_seconds: float = 20.0  # from the first key that will expire to the moment it does

    @property
    def few_rounds(self) -> int:
        """For what takes long: everything but throughput."""
        return min(3, self.rounds)


QUICK = Scale(
    rounds=1,
    commands=3200,
    keys=2000,
    few=500,
    values=20_000,
    fills=1,
    tasks=20,
    idle_seconds=0.3,
    lead_seconds=2.0,
)


def throughput_tables(theirs: Side, ours: Side, scale: Scale) -> list[str]:
    with theirs.running() as their_server, ours.running() as our_server:
        rates, cpu = throughput.run(their_server, our_server, scale.rounds, scale.commands)
    return [table("Throughput", rates), table("Server CPU per command", cpu)]


def permission_tables(theirs: Side, ours: Side, scale: Scale) -> list[str]:
    with theirs.running() as their_server, ours.running() as our_server:
        measures = permissions.run(their_server, our_server, scale.few_rounds, scale.commands)
    return [table("CPU of a restricted user, by that of one who is not", measures)]


def latency_tables(theirs: Side, ours: Side, scale: Scale) -> list[str]:
    with theirs.running() as their_server, ours.running() as our_server:
        measures = latency.run(their_server, our_server, scale.few_rounds, scale.keys, scale.lead_seconds)
    return [table("Fairness", measures)]


def footprint_tables(theirs: Side, ours: Side, scale: Scale) -> list[str]:
    measures: list[Measure] = footprint.run(theirs, ours, scale.few_rounds, scale.idle_seconds, scale.keys)
    return [table("Memory and start", measures)]


def churn_tables(theirs: Side, ours: Side, scale: Scale) -> list[str]:
    measures = churn.run(theirs, ours, scale.few_rounds, scale.few, scale.keys, scale.fills)
    return [table("FIFO churn", measures)]


def stream_tables(theirs: Side, ours: Side, scale: Scale) -> list[str]:
    measures = stream_growth.run(theirs, ours, scale.few_rounds, scale.few, scale.keys)
    return [table("Streams by their length", measures)]


def celery_tables(theirs: Side, ours: Side, scale: Scale) -> list[str]:
    with theirs.running() as their_server, ours.running() as our_server:
        return [table("Celery", tasks.run(their_server, our_server, scale.few_rounds, scale.tasks))]


def durability_tables(theirs: Side, ours: Side, scale: Scale) -> list[str]:
    measures = durability.run(
        theirs, ours, scale.few_rounds, scale.keys, scale.values, scale.commands / Scale.commands
    )
    return [table("Durability", measures)]


PARTS: dict[str, Callable[[Side, Side, Scale], list[str]]] = {
    "throughput": throughput_tables,
    "permissions": permission_tables,
    "latency": latency_tables,
    "footprint": footprint_tables,
    "churn": churn_tables,
    "streams": stream_tables,
    "durability": durability_tables,
    "celery": celery_tables,
}


def measured(parts: list[str], scale: Scale, ours: Side) -> list[str]:
    """The tables of the chosen parts."""
    return [text for part in parts for text in PARTS[part](reference(), ours, scale)]


@click.command(help=__doc__)
@click.option("--part", "parts", multiple=True, type=click.Choice(list(PARTS)), help="Only this.")
@click.option("--rounds", default=Scale.rounds, show_default=True)
@click.option("--quick", is_flag=True, help="A few seconds: does it run at all?")
@click.option("--reference-only", is_flag=True, help="redis-server against itself: the noise.")
@click.option("--output", type=click.Path(path_type=Path), help="Where to write the document.")
def main(parts: tuple[str, ...], rounds: int, quick: bool, reference_only: bool, output: Path | None) -> None:
    scale = QUICK if quick else Scale(rounds)
    complete = not (parts or quick or reference_only)
    sections = []
    for part in parts or PARTS:
        for text in measured([part], scale, reference() if reference_only else candidate()):
            click.echo(f"\n{text}", nl=True)
            sections.append(text)
    if target := output or (RESULTS if complete else None):
        target.write_text(document(description(), scale.rounds, sections), encoding="utf-8")


if __name__ == "__main__":
    main()
