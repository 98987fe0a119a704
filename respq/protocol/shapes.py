"""Shapes: how a read of several commands was laid out, so that the next one like it is cut in one step.

A worker says the same again and again about other jobs: it takes one, enters it among those under way, stores
the result, acknowledges; most of this in transactions. Such a read has the names of an earlier one, and words
of the same lengths. Then one `struct` cuts it, and what stands between the words, which was the same in the
earlier one, proves it: a transaction of three commands is 9 pieces instead of 31 lines, and read in 1.5 µs
instead of 2.2; one that holds a message of 1 KB in 1.6 instead of 3.3. (Runs, where commands repeat within a
read, have `forms` instead.)

All clients of a server share their shapes, which are found by the size of the read. Of the reads that are cut
otherwise some are noted. A size gets the shape of the 2nd, the 4th, the 8th … that was noted, and loses it if
that fails too often. So words that differ in length from read to read gain nothing, and cost 0.3 µs at first,
later 0.1.

Rejected: to look for the text between words of unknown length (0 to 12 % faster than lines); to read at the
lines known from the last transaction (a quarter slower).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from struct import Struct

from respq.protocol import Argv

MOST_LINES = 80  # of a read that has a shape: longer ones seldom come a second time
_MOST_SHAPES = 200  # up to 5 KB each
_MOST_SIZES = 5000
_MOST_FAILURES = 3  # one after the other, of a shape
_OPENINGS = (b"MULTI", b"multi")  # of a transaction, as clients spell it
_ENDS = (b"EXEC", b"exec")


class Transaction:
    """The commands of a read that begins with MULTI and ends with EXEC, and its shape."""

    __slots__ = ("commands", "shape")

    def __init__(self, commands: list[Argv], shape: Shape) -> None:
        self.commands = commands
        self.shape = shape

    def __len__(self) -> int:
        return len(self.commands)

    def __iter__(self) -> Iterator[Argv]:
        return iter(self.commands)


class Shape:
    """Commands of these names, with words of these lengths behind them.

    `plan`: what whoever executes them wants to remember. `failures`: how many reads of its size have had
    another shape since one had this.
    """

    __slots__ = ("_cuts", "_end", "_is_transaction", "_opening", "_texts", "_unpack", "failures", "plan")

    def __init__(self, commands: list[Argv]) -> None:
        self.plan: object = None
        self.failures = 0
        self._is_transaction = commands[0][0] in _OPENINGS and commands[-1][0] in _ENDS
        self._opening = list(takewhile(_is_name, commands))
        others = commands[len(self._opening) :]
        self._end = list(takewhile(_is_name, reversed(others)))[::-1]
        self._cuts: list[tuple[bytes, slice]] = []  # of the others: the name, and where the words stand
        texts: list[bytes] = []
        sizes: list[int] = []  # of texts and words by turns
        text = b""  # what stands before the next word
        for name, *words in commands:
            text += b"*%d\r\n$%d\r\n%b\r\n" % (len(words) + 1, len(name), name)
            first = len(sizes) + 1
            for word in words:
                texts.append(b"%b$%d\r\n" % (text, len(word)))
                sizes += [len(texts[-1]), len(word)]
                text = b"\r\n"
            self._cuts.append((name, slice(first, first + 2 * len(words), 2)))
        del self._cuts[: len(self._opening)], self._cuts[len(self._cuts) - len(self._end) :]
        self._texts = (*texts, text)
        self._unpack = Struct("".join([f"{size}s" for size in (*sizes, len(text))])).unpack

    def cut(self, data: bytes) -> list[Argv] | Transaction | None:
        """The commands in `data`, which has the size of this shape; None if it has another one. O(n)."""
        pieces = self._unpack(data)
        if pieces[::2] != self._texts:
            self.failures += 1
            return None
        self.failures = 0
        commands = [*self._opening, *[[name, *pieces[cut]] for name, cut in self._cuts], *self._end]
        return Transaction(commands, self) if self._is_transaction else commands


def _is_name(argv: Argv) -> bool:
    return len(argv) == 1


class Shapes:
    """The shapes that reads have had, by size."""

    __slots__ = ("_known", "_misses", "expected")

    def __init__(self) -> None:
        self._known: dict[int, Shape] = {}
        self._misses: dict[int, int] = {}  # reads that were noted, by size
        self.expected = self._known.get  # the shape that a read of some size is expected to have, or None

    def note(self, size: int, commands: list[Argv]) -> None:
        """A read of `size` bytes had these commands and no shape, or not the one that was expected.

        It is enough to note some of these reads.
        """
        shape = self._known.get(size)
        if shape is not None and shape.failures >= _MOST_FAILURES:
            del self._known[size]
        self._misses[size] = misses = self._misses.get(size, 0) + 1
        if misses == 1:
            if len(self._misses) > _MOST_SIZES:
                self._misses.clear()
        elif not misses & (misses - 1):  # a power of two
            if len(self._known) >= _MOST_SHAPES:
                self._known.clear()
            self._known[size] = Shape(commands)
