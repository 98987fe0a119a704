"""What the sequences met: every choice of every command's grammar, and every error it lists."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from compat.oracle.compare import conversation
from compat.oracle.grammar.family import Command, Family
from compat.oracle.grammar.tree import Trees
from compat.oracle.wire import Node

EMPTY: Node = (b"*", [])


class Coverage:
    """Counts per command: sequences it was in, outcomes, choices that succeeded, errors by text."""

    def __init__(self, family: Family, trees: Trees) -> None:
        self.family = family
        self.trees = trees
        self.sequences: Counter[str] = Counter()
        self.outcomes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.choices: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.errors: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def record(self, commands: Sequence[Command], replies: Sequence[Node]) -> None:
        """Note the replies to one client's commands, which are a sequence."""
        self.sequences.update({command.name for command in commands})
        known = {id(command.argv): command for command in commands}
        pairs = conversation([command.argv for command in commands], replies)
        for (argv, queue), reply in zip(pairs, replies, strict=False):
            self._note(known[id(argv)], reply)
            if queue and isinstance(reply[1], list):
                for queued, inner in zip(queue, reply[1], strict=False):
                    self._note(known[id(queued)], inner)

    def _note(self, command: Command, reply: Node) -> None:
        if reply == (b"+", b"QUEUED"):
            return
        kind, payload = reply
        if kind in b"-!":
            self.outcomes[command.name]["error"] += 1
            self.errors[command.name][payload.decode(errors="replace")] += 1
            return
        outcome = "nil" if payload is None else "empty" if reply == EMPTY else "ok"
        self.outcomes[command.name][outcome] += 1
        self.choices[command.name].update(command.choices)

    @property
    def success(self) -> float:
        """The share of commands that did not fail."""
        failed = sum(outcomes["error"] for outcomes in self.outcomes.values())
        return 1 - failed / max(1, sum(sum(c.values()) for c in self.outcomes.values()))

    def missing(self) -> list[str]:
        """Choices of the grammar and listed errors that were not met."""
        return [*self._missing_choices(), *self._missing_errors()]

    def _missing_choices(self) -> Iterator[str]:
        for name, rule in self.family.rules.items():
            for argument in self.trees[name]:
                for choice in argument.choices():
                    if choice not in self.choices[name] and not left_out(choice, rule.left_out):
                        yield f"{name}: {choice} never succeeded"

    def _missing_errors(self) -> Iterator[str]:
        for name, rule in self.family.rules.items():
            for error in rule.errors:
                if not any(text.startswith(error) for text in self.errors[name]):
                    yield f"{name}: never met {error!r}"

    def unlisted(self) -> list[str]:
        """Errors met that the grammar does not list: the list would not be complete."""
        return [
            f"{name}: {text!r} is not listed"
            for name, rule in self.family.rules.items()
            for text in self.errors[name]
            if not text.startswith(tuple(rule.errors))
        ]

    def report(self) -> str:
        """One block a command: outcomes, choices, errors."""
        lines = [f"# {self.family.name}: {self.success:.0%} of the commands succeeded"]
        for name in self.family.rules:
            counts = ", ".join(f"{n} {outcome}" for outcome, n in self.outcomes[name].most_common())
            lines.append(f"{name}: {counts}")
            lines += [f"    option {c}: {n}" for c, n in sorted(self.choices[name].items())]
            lines += [f"    -{text[:100]}: {n}" for text, n in self.errors[name].most_common()]
        return "\n".join(lines) + "\n"

    def write(self, path: Path) -> None:
        path.write_text(self.report())


def left_out(choice: str, left_out: Sequence[str]) -> bool:
    """Whether a choice, or the alternative that it is a part of, is not made on purpose."""
    inside = tuple(f"{name.partition('.')[2]}." for name in left_out)
    return choice in left_out or choice.startswith(inside)
