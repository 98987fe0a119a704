"""Runs: the same command again and again, as whoever fills or drains a queue sends it.

A run is one object instead of a list per command, and stays that from the reader to the log: the words that
all of its commands begin with, and the last word of each. The commands are spelled out only for who asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from respq.protocol import Argv

SHORTEST_RUN = 4  # commands; below, looking for it costs more than it saves


class Run:
    """Commands of one name and one number of words, each right behind the other."""

    __slots__ = ("_commands", "count", "last", "name", "shared", "words")

    def __init__(self, shared: Argv, last: list[bytes], commands: list[Argv] | None = None) -> None:
        self.shared = shared  # what all begin with, which may be nothing if there is one word only
        self.last = last  # the last word of each; empty if they differ in more than that
        self._commands = commands
        self.count = len(last) if commands is None else len(commands)
        self.words = len(shared) + 1 if commands is None else len(commands[0])
        self.name = shared[0] if shared else last[0] if last else b""

    @classmethod
    def at(cls, commands: list[Argv], start: int = 0) -> Run | None:
        """The run that begins at `commands[start]`, or None. O(its length)."""
        name, words = commands[start][0], len(commands[start])
        if len(commands) - start < SHORTEST_RUN or commands[start + SHORTEST_RUN - 1][0] != name:
            return None
        stop = start + 1
        for argv in islice(commands, stop, None):
            if argv[0] != name or len(argv) != words:
                break
            stop += 1
        if stop - start < SHORTEST_RUN:
            return None
        if stop - start < len(commands):
            commands = commands[start:stop]
        shared = commands[0][:-1]
        if [argv[:-1] for argv in commands].count(shared) == len(commands):
            return cls(shared, [argv[-1] for argv in commands], commands)
        return cls([name], [], commands)

    @property
    def commands(self) -> list[Argv]:
        """The commands one by one."""
        if self._commands is None:
            shared = self.shared
            self._commands = [shared + [word] for word in self.last]  # noqa: RUF005  # faster than a star
        return self._commands

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Argv]:
        return iter(self.commands)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, list) and self.commands == other)

    __hash__ = None  # type: ignore[assignment]  # equal to a list

    def first(self, count: int) -> Run:
        """The run of its first commands."""
        return Run(self.shared, self.last[:count], self._commands and self._commands[:count])
