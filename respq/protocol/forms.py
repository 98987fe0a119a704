"""Forms of runs: what the commands of a run have in common, and how to cut the next read by it.

Whoever fills or drains a queue sends the same words again and again, and only the last one differs, or the
last two. So a connection whose last read was a run is expected to go on with it. What stands between two
words that differ is known then, and one split finds them all. A word is proven by its length: what the
pieces are joined with is the canonical encoding, byte for byte.

Five forms, by what differs; ns per command of three words, 64 bytes in the last, in reads of 16:

    `Even`         the last word, all of one length: the separator ends with that length          70
    `Uneven`       the last word, of any length: each piece begins with its length               200
    `Rows`         any words, each always of one length: one `struct` cuts all; a third of that
                   in reads of 100                                                               180
    `Lists`        many words behind shared ones, all of one length                      50 for each
    `Words`        any words but the name, of any length: cut at line ends, looked at by columns 280

Cutting at line ends, which knows nothing beforehand, costs 370 (`plain`), and finding the columns in what it
returns 220. The bytes of long words are hardly looked at: 0.3 ns each.

Three more, for two words that differ, of one length or of any, and for the case that only the name is shared,
were slower than `Rows` and `Words` are now.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from struct import Struct

from respq.protocol import Argv
from respq.protocol.columns import Column
from respq.protocol.runs import SHORTEST_RUN, Run

_MARK = b"\r\n\0"  # put between two commands; rare enough in what clients send
_MARKED = [b"\0%d" % n for n in range(4097)]
_HEADS = [b"$%d" % n for n in range(4097)]
_WIDEST_UNLIKE = 8  # words: of more that differ, a few commands are cheaper one by one
_WIDEST_ROW = 32  # words
_PIECE_HEADS = {len(head) + n: (head, len(head)) for n in range(1025) if (head := b"%d\r\n" % n)}


class Form(ABC):
    """What a run is expected to look like."""

    __slots__ = ()

    @abstractmethod
    def cut(self, data: bytes) -> tuple[Run, int]:
        """The commands of this form at the head of `data`, and their size: 0 if there is none. O(n)."""

    def gather(self, pieces: list[bytes]) -> Run | None:
        """The commands, each of which is one of the pieces without its star, if all have this form. O(n)."""
        text = b"*%b" % b"*".join(pieces)
        run, size = self.cut(text)
        return run if size == len(text) and run.count == len(pieces) else None


def form_of(commands: list[Argv]) -> Form | None:
    """The form that all these commands have, if any."""
    if len(commands) < SHORTEST_RUN:
        return None
    first, last = commands[0], commands[-1]
    if first[0] != last[0] or len(first) != len(last) or first[0] != commands[1][0]:
        return None
    shared = first[:-1]
    if shared and shared == commands[1][:-1] == last[:-1]:
        even = _of_one_length([argv[-1] for argv in commands])
        return Even(shared, len(last[-1])) if even else Uneven(shared)
    if len(first) < 3 or list(map(len, commands)).count(len(first)) < len(commands):
        return None
    if [argv[0] for argv in commands].count(first[0]) < len(commands):
        return None
    if len(first) <= _WIDEST_ROW and (rows := Rows.of(commands)) is not None:
        return rows
    common = _common(first, commands[1], last)
    if len(first) > _WIDEST_ROW and common > 1 and _of_one_length(first[common:]):
        return Lists(first[:common], len(first) - common, len(last[-1]))
    return Words(first[:common], len(first) - common) if common > 1 or len(first) <= _WIDEST_UNLIKE else None


def _common(one: Argv, other: Argv, third: Argv) -> int:
    """How many words three commands begin with alike."""
    triples = enumerate(zip(one, other, third, strict=True))
    return next((at for at, (a, b, c) in triples if not a == b == c), len(one))


def _of_one_length(words: Sequence[bytes]) -> bool:
    lengths = list(map(len, words))
    return lengths.count(lengths[0]) == len(lengths)


def _between(shared: Argv, words: int) -> bytes:
    """What stands between the last word of a command and the length of the next one's first that differs."""
    return b"\r\n*%d%b\r\n$" % (words, b"".join([b"\r\n$%d\r\n%b" % (len(word), word) for word in shared]))


class Even(Form):
    """The last word differs, and has always one length."""

    __slots__ = ("_length", "_piece", "_separator", "_shared")

    def __init__(self, shared: Argv, length: int) -> None:
        self._shared = shared
        self._length = length
        self._separator = b"%b%d\r\n" % (_between(shared, len(shared) + 1), length)
        self._piece: Struct | None = None  # of a command without its star, for who gathers them

    def cut(self, data: bytes) -> tuple[Run, int]:
        """See `Form`."""
        words, size = _pieces(data, self._separator, self._length)
        return Run(self._shared, [words]), size

    def gather(self, pieces: list[bytes]) -> Run | None:
        """See `Form`."""
        if self._piece is None:
            self._piece = Struct(f"{len(self._separator) - 3}s{self._length}s2s")
        try:
            heads, words, ends = zip(*map(self._piece.unpack, pieces), strict=True)
        except struct.error:  # of another size
            return None
        count = len(pieces)
        whole = heads.count(self._separator[3:]) == count == ends.count(b"\r\n")
        return Run(self._shared, [list(words)]) if whole else None


def _pieces(data: bytes, separator: bytes, length: int) -> tuple[list[bytes], int]:
    """The pieces of `length` bytes between separators, and their size with these; (…, 0) if not all are."""
    begin = len(separator) - 2
    if not data.startswith(separator[2:]):
        return [], 0
    pieces = data[begin:].split(separator)
    last = pieces[-1]
    size = len(data)
    if len(last) == length + 2 and last.endswith(b"\r\n"):
        pieces[-1] = last[:length]
    else:  # part of a command
        pieces.pop()
        size -= len(last) + begin
    return (pieces, size) if list(map(len, pieces)).count(length) == len(pieces) else ([], 0)


def _row(sizes: list[int]) -> Struct:
    """Texts of these sizes, one behind the other."""
    return Struct("".join([f"{size}s" for size in sizes]))


class Rows(Form):
    """Any words differ, but each has always one length, so all commands have one size."""

    __slots__ = ("_constants", "_differing", "_first", "_piece", "_row", "_sizes")

    def __init__(self, first: Argv, differing: list[int]) -> None:
        self._first = first  # a command
        self._differing = differing  # where its words are not those of all
        self._constants = []  # what stands before, between and behind them
        before = b"*%d\r\n" % len(first)
        sizes = []
        for at, word in enumerate(first):
            before += b"$%d\r\n" % len(word)
            if at in differing:
                self._constants.append(before)
                sizes += [len(before), len(word)]
                before = b"\r\n"
            else:
                before += b"%b\r\n" % word
        self._constants.append(before)
        self._sizes = [*sizes, len(before)]
        self._row = _row(self._sizes)
        self._piece: Struct | None = None  # a row without its star, for who gathers them

    @classmethod
    def of(cls, commands: list[Argv]) -> Rows | None:
        """The form that commands of one number of words have, if this is it."""
        columns = list(zip(*commands, strict=True))
        if not all(map(_of_one_length, columns)):
            return None
        differing = [at for at, words in enumerate(columns) if words.count(words[0]) < len(words)]
        return cls(commands[0], differing) if differing and differing[0] else None

    def cut(self, data: bytes) -> tuple[Run, int]:
        """See `Form`."""
        size = self._row.size
        count = len(data) // size
        if not count or not data.startswith(self._constants[0]):
            return _NONE
        end = count * size
        run = self._run(self._row.iter_unpack(data if end == len(data) else data[:end]), self._constants)
        return (run, end) if run is not None else _NONE

    def gather(self, pieces: list[bytes]) -> Run | None:
        """See `Form`."""
        first, *constants = self._constants
        if self._piece is None:
            self._piece = _row([self._sizes[0] - 1, *self._sizes[1:]])
        try:
            return self._run(map(self._piece.unpack, pieces), [first[1:], *constants])
        except struct.error:  # of another size
            return None

    def _run(self, rows: Iterable[tuple[bytes, ...]], constants: list[bytes]) -> Run | None:
        """The run of some rows, if the constants are what stands in them by turns with the words."""
        pieces = list(zip(*rows, strict=True))
        count = len(pieces[0])
        for constant, found in zip(constants, pieces[::2], strict=True):
            if found.count(constant) < count:
                return None
        first, differing = self._first, self._differing
        begin, words = differing[0], iter(pieces[1::2])
        columns = [
            Column.of(next(words), constant=False)
            if at in differing
            else Column.of([first[at]] * count, constant=True)
            for at in range(begin, len(first))
        ]
        return Run.of(first[:begin], columns)


class Lists(Form):
    """Behind the words that are shared stand many of one length, as in an acknowledgement of many entries."""

    __slots__ = ("_count", "_front", "_length", "_separator", "_shared")

    def __init__(self, shared: Argv, count: int, length: int) -> None:
        self._shared = shared
        self._count = count  # of words that may differ
        self._length = length  # of each
        words = b"".join([b"\r\n$%d\r\n%b" % (len(word), word) for word in shared])
        self._front = b"*%d%b" % (len(shared) + count, words)
        self._separator = b"\r\n$%d\r\n" % length

    def cut(self, data: bytes) -> tuple[Run, int]:
        """See `Form`. The last piece of a command ends with what stands before the words of the next one."""
        front, length, count = self._front, self._length, self._count
        size = len(front) + count * (len(self._separator) + length) + 2
        end = len(data) // size * size
        if not end or not data.startswith(front):
            return _NONE
        pieces = data[:end].split(self._separator)
        if pieces[0] != front or len(pieces) != end // size * count + 1:
            return _NONE
        pieces[-1] += front
        commands = []
        for at in range(1, len(pieces), count):
            words = pieces[at : at + count]
            last = words[-1]
            words[-1] = last[:length]
            if last[length:] != b"\r\n" + front or list(map(len, words)).count(length) < count:
                return _NONE
            commands.append(self._shared + words)
        return Run(self._shared[:1], None, commands), end


class Uneven(Form):
    """The last word differs, in its length as well."""

    __slots__ = ("_separator", "_shared")

    def __init__(self, shared: Argv) -> None:
        self._shared = shared
        self._separator = _between(shared, len(shared) + 1)

    def cut(self, data: bytes) -> tuple[Run, int]:
        """See `Form`."""
        separator, heads = self._separator, _PIECE_HEADS
        begin = len(separator) - 2
        if not data.startswith(separator[2:]):
            return _NONE
        pieces = data.split(separator)
        pieces[0] = pieces[0][begin:]
        tail = pieces.pop()
        words = []
        for piece in pieces:
            head, size = heads.get(len(piece)) or _piece_head(piece)
            if piece[:size] != head:
                return _NONE
            words.append(piece[size:])
        last = tail[:-2]
        head, size = _piece_head(last)
        behind = len(data)
        if last[:size] == head and tail.endswith(b"\r\n"):
            words.append(last[size:])
        else:
            behind -= len(tail) + begin
        return Run(self._shared, [words]), behind if words else 0


class Words(Form):
    """All words behind the first ones may differ, in their lengths as well."""

    __slots__ = ("_count", "_separator", "_shared")

    def __init__(self, shared: Argv, count: int) -> None:
        self._shared = shared
        self._count = count  # of words that differ
        self._separator = _between(shared, len(shared) + count)

    def cut(self, data: bytes) -> tuple[Run, int]:
        """See `Form`. Each piece is two lines for each word: its length, and the word.

        The cut between two pieces is marked, so that there is one at the head of each and nowhere else.
        """
        separator, width = self._separator, 2 * self._count
        begin = len(separator) - 2
        if not data.startswith(separator[2:]) or (b"\0" in data and _MARK in data):
            return _NONE
        end, last = len(data) - 2, data.rfind(separator)
        if data.count(b"\r\n", last + len(separator)) != width or not data.endswith(b"\r\n"):
            end = last  # what follows is part of a command
        marked = data[begin:end].replace(separator, _MARK)
        lines = marked.split(b"\r\n") if end > 0 else []
        count, more = divmod(len(lines), width)
        if not count or more or end - begin - len(marked) != (count - 1) * (len(separator) - len(_MARK)):
            return _NONE
        lines[0] = b"\0" + lines[0]
        spelled = _MARKED
        columns = []
        for at in range(0, width, 2):
            words = lines[at + 1 :: width]
            if not _announced(lines[at::width], words, spelled):
                return _NONE
            columns.append(words)
            spelled = _HEADS
        return Run(self._shared, columns), end + 2


def _announced(heads: list[bytes], words: list[bytes], spelled: list[bytes] = _HEADS) -> bool:
    """Whether each of the lines before the words says how long the word is, as `spelled`."""
    lengths = list(map(len, words))
    try:
        if heads.count(heads[0]) == len(heads):
            return heads[0] == spelled[lengths[0]] and lengths.count(lengths[0]) == len(lengths)
        return heads == list(map(spelled.__getitem__, lengths))
    except IndexError:  # a long word
        return False


_NONE = Run([], [[]]), 0


def _piece_head(piece: bytes) -> tuple[bytes, int]:
    """What a piece begins with that is a length, CR LF and an argument of that length; and the size of it."""
    head = b"%d\r\n" % (len(piece) - piece.find(b"\n") - 1)
    return head, len(head)
