"""Runs: the same command again and again, as whoever fills or drains a queue sends it.

A run is one object instead of a list per command, and stays that from the reader to the log: the words that
all of its commands begin with, and those in which they differ. The commands are spelled out only for who
asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress, islice

from respq.protocol import Argv
from respq.protocol.columns import Column

SHORTEST_RUN = 4  # commands; below, looking for it costs more than it saves


class Run:
    """Commands of one name and one number of words, each right behind the other."""

    __slots__ = ("_columns", "_commands", "_described", "count", "encoded", "last", "name", "shared", "words")

    def __init__(
        self,
        shared: Argv,
        columns: Sequence[Sequence[bytes]] | None,
        commands: list[Argv] | None = None,
        described: list[Column] | None = None,
    ) -> None:
        assert columns or commands or described
        self.shared = shared  # what all begin with, which may be nothing if there is one word only
        self._columns = columns
        self._commands = commands
        self._described = described or []
        # The last words, if nothing else differs.
        self.last: Sequence[bytes] = columns[0] if columns and len(columns) == 1 else []
        if described:
            self.count, self.words = described[0].count, len(shared) + len(described)
        elif columns:
            self.count, self.words = len(columns[0]), len(shared) + len(columns)
        else:
            self.count, self.words = len(commands or ()), len((commands or ((),))[0])
        self.encoded = b""  # all of it as it is logged, from whoever has it already
        self.name = shared[0] if shared else self.last[0] if self.last else b""

    @classmethod
    def of(cls, shared: Argv, columns: list[Column]) -> Run:
        """A run of which more is known; several words of its commands differ."""
        return cls(shared, None, None, columns)

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
            return cls(shared, [[argv[-1] for argv in commands]], commands)
        return cls([name], None, commands)

    @property
    def commands(self) -> list[Argv]:
        """The commands one by one."""
        if self._commands is None:
            shared = self.shared
            self._commands = [shared + list(words) for words in zip(*self.columns, strict=True)]
        return self._commands

    @property
    def columns(self) -> Sequence[Sequence[bytes]]:
        """The words behind the shared ones: the first of each command in a list, and so on."""
        if self._columns is None:
            if self._described:
                self._columns = [column.words for column in self._described]
            else:
                self._columns = list(zip(*self.commands, strict=True))[len(self.shared) :]
        return self._columns

    @property
    def described(self) -> list[Column]:
        """The columns, and what is known of them."""
        if not self._described:
            self._described = list(map(Column, self.columns))
        return self._described

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Argv]:
        return iter(self.commands)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, list) and self.commands == other)

    __hash__ = None  # type: ignore[assignment]  # equal to a list

    def those(self, chosen: Sequence[bool]) -> Run:
        """The run of the chosen commands, of which there is at least one."""
        return Run(self.shared, [list(compress(words, chosen)) for words in self.columns])

    def repeats(self, commands: list[Argv] | Run) -> bool:
        """Whether it is a list of these very commands. O(1) if the first one differs."""
        return (
            isinstance(commands, list)
            and self.count == len(commands)
            and self.first(1).commands == commands[:1]
            and self.commands == commands
        )

    def plus(self, argv: Argv) -> Run | None:
        """The run that it makes with one more command, or None if that is of another kind."""
        shared = len(self.shared)
        if len(argv) != self.words or argv[:shared] != self.shared:
            return None
        words = zip(self.columns, argv[shared:], strict=True)
        return Run(self.shared, [[*column, word] for column, word in words])

    def first(self, count: int) -> Run:
        """The run of its first commands."""
        commands = self._commands and self._commands[:count]
        return Run(self.shared, None if commands else [words[:count] for words in self.columns], commands)
