"""PARITY.md: for every command of both servers what was compared of it, and with what outcome.

`python -m compat.oracle --report` writes it anew; with the names of families, it replaces what the run has
found out and keeps the rest. Intended differences are those entries of differences.md whose titles name the
command.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from compat.oracle.coverage import Coverage
from compat.oracle.elsewhere import ELSEWHERE
from compat.oracle.grammar.every_option import FOR_THE_REST
from compat.oracle.grammar.tree import Trees
from compat.oracle.normalise import command_name
from compat.oracle.runner import Failure
from compat.servers import REFERENCE_VERSION
from respq.commands import SPECS

PATH = Path(__file__).with_name("PARITY.md")
DIFFERENCES = Path(__file__).with_name("differences.md")
EVERY_OPTION = "every option"
NONE, NOTHING = "none", ""

HEAD = f"""# respq and redis-server {REFERENCE_VERSION}, command by command

Written by `python -m compat.oracle --report --sequences 400`; with names of families in addition, the rows
that these have something to say about are brought up to date.

- **Options**: optional arguments and alternatives of the command in redis-server's COMMAND DOCS that were
  executed with success, of those that there are; the rest is left out with a reason beside it in `grammar/`.
- **Every option**, **families**: of how many sequences of a run it was part, at most. The former go to both
  servers directly, in transactions and by scripts, in RESP2 and RESP3; the latter pipelined, one by one,
  split at random bytes, spread over three clients, in RESP2 and RESP3. Both go to a listener to key-space
  events as well. Replies, pushes, the keyspace and what the append-only file restores are compared.
- **Found**: differences of the run.
- **Intended**: entries of [differences.md](differences.md) that name it, or where it is compared instead.

| command | options | every option | families | found | intended |
| --- | --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Row:
    name: str  # as in `CLIENT|KILL`
    options: str = NOTHING
    every_option: str = NOTHING  # sequences
    families: str = NOTHING  # sequences
    found: str = NOTHING
    intended: str = NOTHING

    def __str__(self) -> str:
        name = self.name.replace("|", " ")
        cells = (name, self.options, self.every_option, self.families, self.found, self.intended)
        return f"| {' | '.join(cells)} |"


class Run:
    """What a run met and found, of all its families together."""

    def __init__(self) -> None:
        self.choices: dict[str, set[str]] = {}
        self.sequences: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}  # True: every option
        self.found: dict[str, list[str]] = {}

    def add(self, coverage: Coverage, failures: Iterable[Failure]) -> None:
        for name in coverage.family.rules:
            self.choices.setdefault(name, set()).update(coverage.choices[name])
            self.found.setdefault(name, [])
        self.sequences[coverage.family.name == EVERY_OPTION].update(coverage.sequences)
        for failure in failures:
            last = command_name(failure.case.steps[-1].argv).decode()
            self.found.setdefault(failure.difference.command or last, []).append(failure.difference.where)


def names_of(trees: Trees) -> list[str]:
    """Every command of either server that can be sent."""
    ours = {name for name, spec in SPECS.items() if spec.handler is not None}
    theirs = {name for name in trees if not any(other.startswith(f"{name}|") for other in trees)}
    return sorted(ours | theirs)


def choices_of(trees: Trees, name: str) -> set[str]:
    return {choice for argument in trees.get(name, ()) for choice in argument.choices()}


def rows(trees: Trees, run: Run, before: Mapping[str, Row]) -> list[Row]:
    """A row for every command; of what the run did not send, that of before."""
    titles = list(_titles(DIFFERENCES.read_text()))
    names = names_of(trees)
    intended = _naming(titles, names)
    return [
        replace(_updated(before.get(name, Row(name)), trees, run), intended="; ".join(intended[name]))
        for name in names
    ]


def _updated(row: Row, trees: Trees, run: Run) -> Row:
    name = row.name
    if name not in run.found:
        return row
    choices = choices_of(trees, name)
    met = choices & run.choices.get(name, set())
    known = int(row.options.split()[0]) if row.options else 0
    return replace(
        row,
        options=f"{max(len(met), min(known, len(choices)))} of {len(choices)}" if choices else NOTHING,
        every_option=_larger(row.every_option, run.sequences[True][name]),
        families=_larger(row.families, run.sequences[False][name]),
        found="; ".join(run.found[name]) or NONE,
    )


def _larger(before: str, number: int) -> str:
    return str(max(number, int(before or 0)) or NOTHING)


def _titles(text: str) -> Iterator[str]:
    """Of the entries of differences.md: first cells of its tables, and what is bold where a line begins."""
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith(("| what", "| ---")):
            yield line.split(" | ")[0].removeprefix("| ")
        elif match := re.match(r"(?:- )?\*\*(.+?)\*\*", line):
            yield match[1].rstrip(".")


def _naming(titles: Sequence[str], names: Sequence[str]) -> dict[str, list[str]]:
    """The titles that name a command, by command, and what `elsewhere` says of it."""
    spoken = {name.replace("|", " "): name for name in names}
    longest_first = "|".join(map(re.escape, sorted(spoken, key=len, reverse=True)))
    pattern = re.compile(rf"\b({longest_first})\b")
    found: dict[str, list[str]] = {name: [] for name in names}
    for title in titles:
        named = {spoken[match] for match in pattern.findall(title)}
        if title.startswith("HELP"):
            named = {name for name in names if name.endswith("|HELP")}
        for name in named:
            found[name].append(title)
    for name in names:
        if reason := ELSEWHERE.get(name) or FOR_THE_REST.get(name) or _absent(name):
            found[name].append(reason)
    return found


def _absent(name: str) -> str:
    if name in SPECS:
        return NOTHING
    return "vector sets are no part of respq" if name.startswith("V") else "not in respq"


def read(text: str) -> dict[str, Row]:
    """The rows of a report, by name."""
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == len(Row.__dataclass_fields__) and cells[0] not in ("command", "---"):
            name = cells[0].replace(" ", "|")
            found[name] = Row(name, *cells[1:])
    return found


def write(trees: Trees, run: Run, keeping: bool) -> None:
    """Write the report; `keeping` what it says of commands that the run did not send."""
    before = read(PATH.read_text()) if keeping and PATH.exists() else {}
    PATH.write_text(HEAD + "\n".join(map(str, rows(trees, run, before))) + "\n")
