"""Forms of runs: what the commands of a run have in common, and how to cut the next read by it.

Whoever fills or drains a queue sends the same words again and again, and only the last one differs, or the
last two. So a connection whose last read was a run is expected to go on with it. What stands between two
words that differ is known then, and one split finds them all. A word is proven by its length: what the
pieces are joined with is the canonical encoding, byte for byte.

Eight forms, by what differs; ns per command of three words, 64 bytes in the last, in reads of 16:

    `Even`         the last word, all of one length: the separator ends with that length          70
    `Uneven`       the last word, of any length: each piece begins with its length               200
    `Pairs`        the last two words, each of one length                                        190
    `Rows`         any words, each always of one length: one `struct` cuts all; five short fields   250
    `Lists`        many words behind shared ones, all of one length                      50 for each
    `UnevenPairs`  the last two words, of any length                                             290
    `Words`        three words or more behind at least two that are shared             100 for each
    `Table`        all words but the name, of any length: cut at line ends, looked at by columns  300

Cutting at line ends, which knows nothing beforehand, costs 370 (`plain`), and finding the columns in what it
returns 220. The bytes of long words are hardly
looked at: 0.3 ns each.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Protocol

from respq.protocol import Argv
from respq.protocol.columns import Column
from respq.protocol.runs import SHORTEST_RUN, Run

_LENGTHS = [b"%d" % n for n in range(4097)]
_HEADS = [b"$%d" % n for n in range(4097)]
_WIDEST_TABLE = 8  # words: of more, a few rows are cheaper one by one
_WIDEST_ROW = 32  # words
_PIECE_HEADS = {len(head) + n: (head, len(head)) for n in range(1025) if (head := b"%d\r\n" % n)}


class Form(Protocol):
    """What a run is expected to look like."""

    def cut(self, data: bytes) -> tuple[Run, int]:
        """The commands of this form at the head of `data`, and their size: 0 if there is none. O(n)."""


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
    shared = first[:-2]
    if not shared or list(map(len, commands)).count(len(first)) < len(commands):
        return None
    names, *_, keys, words = zip(*commands, strict=True)
    if shared == commands[1][:-2] == last[:-2]:
        if _of_one_length(keys) and _of_one_length(words):
            return Pairs(shared, len(keys[0]), len(words[0]))
        if len(shared) > 1:
            return UnevenPairs(shared)
    if names.count(first[0]) < len(names):
        return None
    if len(first) <= _WIDEST_ROW and (rows := Rows.of(commands)) is not None:
        return rows
    if (common := _common(first, commands[1], last)) > 1:
        if len(first) > _WIDEST_ROW and _of_one_length(first[common:]):
            return Lists(first[:common], len(first) - common, len(last[-1]))
        return Words(first[:common], len(first) - common)
    return Table(first[0], len(first)) if len(first) <= _WIDEST_TABLE else None


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


class Even:
    """The last word differs, and has always one length."""

    __slots__ = ("_length", "_separator", "_shared")

    def __init__(self, shared: Argv, length: int) -> None:
        self._shared = shared
        self._length = length
        self._separator = b"%b%d\r\n" % (_between(shared, len(shared) + 1), length)

    def cut(self, data: bytes) -> tuple[Run, int]:
        """See `Form`."""
        words, size = _pieces(data, self._separator, self._length)
        return Run(self._shared, [words]), size


class Pairs:
    """The last two words differ, and have always the same two lengths."""

    __slots__ = ("_key_bytes", "_middle", "_separator", "_shared", "_size")

    def __init__(self, shared: Argv, key_bytes: int, last_bytes: int) -> None:
        self._shared = shared
        self._key_bytes = key_bytes
        self._separator = b"%b%d\r\n" % (_between(shared, len(shared) + 2), key_bytes)
        self._middle = b"\r\n$%d\r\n" % last_bytes
        self._size = key_bytes + len(self._middle) + last_bytes

    def cut(self, data: bytes) -> tuple[Run, int]:
        """See `Form`."""
        pieces, size = _pieces(data, self._separator, self._size)
        end = self._key_bytes
        begin = end + len(self._middle)
        if [piece[end:begin] for piece in pieces].count(self._middle) != len(pieces):
            return _NONE
        keys = [piece[:end] for piece in pieces]
        return Run(self._shared, [keys, [piece[begin:] for piece in pieces]]), size


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


class Rows:
    """Any words differ, but each has always one length, so all commands have one size."""

    __slots__ = ("_constants", "_differing", "_first", "_row")

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
        self._row = Struct("".join([f"{size}s" for size in [*sizes, len(before)]]))

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
        constants, size = self._constants, self._row.size
        count = len(data) // size
        if not count or not data.startswith(constants[0]):
            return _NONE
        end = count * size
        pieces = list(zip(*self._row.iter_unpack(data if end == len(data) else data[:end]), strict=True))
        for constant, found in zip(constants, pieces[::2], strict=True):
            if found.count(constant) < count:
                return _NONE
        first, differing = self._first, self._differing
        begin, words = differing[0], iter(pieces[1::2])
        columns = [
            Column.of(next(words), constant=False)
            if at in differing
            else Column.of([first[at]] * count, constant=True)
            for at in range(begin, len(first))
        ]
        return Run.of(first[:begin], columns), end


class Lists:
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


class Uneven:
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


class Words:
    """All words behind the first ones may differ, in their lengths as well."""

    __slots__ = ("_count", "_separator", "_shared")

    def __init__(self, shared: Argv, count: int) -> None:
        self._shared = shared
        self._count = count  # of words that differ
        self._separator = _between(shared, len(shared) + count)

    def cut(self, data: bytes) -> tuple[Run, int]:
        """See `Form`. Each piece is two lines for each word: its length, and the word."""
        separator, width = self._separator, 2 * self._count
        begin = len(separator) - 2
        if not data.startswith(separator[2:]):
            return _NONE
        end, last = len(data) - 2, data.rfind(separator)
        if data.count(b"\r\n", last + len(separator)) != width or not data.endswith(b"\r\n"):
            end = last  # what follows is part of a command
        lines = data[begin:end].replace(separator, b"\r\n").split(b"\r\n") if end > 0 else []
        spelled = _LENGTHS  # the first length of a command is without its $
        if not lines or len(lines) % width:
            return _NONE
        columns = []
        for at in range(0, width, 2):
            words = lines[at + 1 :: width]
            if not _announced(lines[at::width], words, spelled):
                return _NONE
            columns.append(words)
            spelled = _HEADS
        return Run(self._shared, columns), end + 2


class UnevenPairs:
    """The last two words differ, in their lengths as well."""

    __slots__ = ("_separator", "_shared")

    def __init__(self, shared: Argv) -> None:
        self._shared = shared
        self._separator = _between(shared, len(shared) + 2)

    def cut(self, data: bytes) -> tuple[Run, int]:
        """See `Form`. Each piece is four lines: a length, a word, a length, a word."""
        begin = len(self._separator) - 2
        if not data.startswith(self._separator[2:]):
            return _NONE
        pieces = data[begin:].split(self._separator)
        last, behind = pieces[-1], len(data)
        if last.count(b"\r\n") == 4 and last.endswith(b"\r\n"):
            pieces[-1] = last[:-2]
        else:  # part of a command
            pieces.pop()
            behind -= len(last) + begin
        if not pieces or [piece.count(b"\r\n") for piece in pieces].count(3) < len(pieces):
            return _NONE
        lines = b"\r\n".join(pieces).split(b"\r\n")
        keys, words = lines[1::4], lines[3::4]
        try:
            plain = lines[::4] == list(map(_LENGTHS.__getitem__, map(len, keys))) and lines[2::4] == list(
                map(_HEADS.__getitem__, map(len, words))
            )
        except IndexError:  # a long word
            plain = False
        return (Run(self._shared, [keys, words]), behind) if plain else _NONE


class Table:
    """All words but the name differ, in their lengths as well."""

    __slots__ = ("_header", "_lines", "_name")

    def __init__(self, name: bytes, words: int) -> None:
        self._name = name
        self._header = b"*%d" % words
        self._lines = 2 * words + 1  # of a command

    def cut(self, data: bytes) -> tuple[Run, int]:
        """See `Form`. Each row is a command: its header, then the length of each word and the word."""
        lines, step = data.split(b"\r\n"), self._lines
        count, more = divmod(len(lines) - 1, step)
        end = count * step
        headers, *columns = (lines[at:end:step] for at in (0, *range(2, step, 2)))
        if not count or headers.count(self._header) < count or columns[0].count(self._name) < count:
            return _NONE
        for at, words in enumerate(columns):
            if not _announced(lines[2 * at + 1 : end : step], words):
                return _NONE
        part = len(b"\r\n".join(lines[end:])) if more or lines[-1] else 0
        return Run([self._name], columns[1:]), len(data) - part


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
