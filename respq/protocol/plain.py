"""The fast way to read requests: cut them up in C, and prove that the pieces are what they seem to be.

What clients send is canonical: arrays of bulk strings, numbers without leading zeros, CR LF at every end.
`PlainParser` reads exactly that, and only commands whose canonical encoding is, byte for byte, what was sent;
the rest is left to the grammar in `reader`. It has two ways:

- *Lines.* Split at CR LF. If every argument has the length that the line before it announces, the lines are
  the command. An argument with CR LF inside is several lines, put together again.
- *Runs.* Whoever fills or drains a queue sends the same words again and again with another last one. What
  stands between two last words is a separator: one split finds them all, and a piece that begins with its own
  length is an argument. That costs less, shares the words, and hardly looks at the bytes of long arguments.

Cost per command of three arguments, 64 bytes in the last, Python 3.11: alone 0.6 µs; in a batch of 16 0.4 as
lines and 0.25 as part of a run; each byte of a long argument adds 0.8 ns as lines, 0.3 in a run.

Rejected: hiredis with a proof behind it. It parses replies, so it takes maps, sets, pushes, nulls, simple and
verbatim strings for requests, skips the bytes behind a bulk string unseen, is poisoned by errors, keeps the
beginning of what is incomplete, and reserves room for as many items as a header announces. Encoding its
result again and comparing proves everything, but watching for `*1000000000` means searching every byte with
a regular expression: 0.37 µs in all for 64 bytes, 2.1 for 900.
"""

from __future__ import annotations

from respq.protocol import Argv

SHORTEST_RUN = 4  # commands; below, the separator costs more than it saves

_LINES_OF = {b"*%d" % n: 2 * n + 1 for n in range(1, 1025)}  # header of an array → lines of the whole command


_HEADS = [b"$%d" % n for n in range(4097)]  # length of an argument → the line before it
_PIECE_HEADS = {len(head) + n: (head, len(head)) for n in range(1025) if (head := b"%d\r\n" % n)}


class PlainParser:
    """Reads what is proven canonical. Keeps nothing of the input but the form of a run."""

    __slots__ = ("_separator", "_shared")

    def __init__(self) -> None:
        self._separator = b""  # what stands between the last words of a run; empty: none is expected
        self._shared: Argv = []  # the words of a run before the last

    def parse(self, data: bytes) -> tuple[list[Argv], int]:
        """The proven commands at the head of `data` and the number of bytes they take. O(n).

        No commands means "not proven", not "wrong".
        """
        if self._separator:
            if data.startswith(self._separator[2:]):
                commands, size = self._run(data)
                if commands:
                    return commands, size
            self._separator = b""
        commands, size = _lines(data)
        if len(commands) >= SHORTEST_RUN:
            self._expect_run(commands)
        return commands, size

    def _expect_run(self, commands: list[Argv]) -> None:
        """Remember the separator if a batch looks like a run."""
        shared = commands[0][:-1]
        if shared and shared == commands[1][:-1] == commands[-1][:-1]:
            self._shared = shared
            words = b"".join([b"\r\n$%d\r\n%b" % (len(word), word) for word in shared])
            self._separator = b"\r\n*%d%b\r\n$" % (len(shared) + 1, words)

    def _run(self, data: bytes) -> tuple[list[Argv], int]:
        """`parse` for data that begins like a run; the last command may be incomplete."""
        shared, separator, heads = self._shared, self._separator, _PIECE_HEADS
        begin = len(separator) - 2
        pieces = data[begin:].split(separator)
        tail = pieces.pop()
        commands = []
        for piece in pieces:
            head, size = heads.get(len(piece)) or _piece_head(piece)
            if piece[:size] != head:
                return [], 0
            commands.append(shared + [piece[size:]])  # noqa: RUF005 – faster than [*shared, …]
        last = tail[:-2]
        head, size = _piece_head(last)
        if last[:size] == head and tail.endswith(b"\r\n"):
            commands.append([*shared, last[size:]])
            return commands, len(data)
        return commands, len(data) - len(tail) - begin


def _piece_head(piece: bytes) -> tuple[bytes, int]:
    """What a piece begins with that is a length, CR LF and an argument of that length; and the size of it."""
    head = b"%d\r\n" % (len(piece) - piece.find(b"\n") - 1)
    return head, len(head)


def _lines(data: bytes) -> tuple[list[Argv], int]:
    """`parse` for commands of any form."""
    lines = data.split(b"\r\n")
    end = len(lines) - 1  # what follows the last CR LF is no complete line
    heads, lines_of = _HEADS, _LINES_OF
    commands: list[Argv] = []
    position = 0
    try:
        while position < end:
            stop = position + lines_of[lines[position]]
            if stop > end:
                break
            try:
                if stop == position + 7:  # the most frequent sizes, written out
                    _, head_a, a, head_b, b, head_c, c = lines[position:stop]
                    plain = heads[len(a)] == head_a and heads[len(b)] == head_b and heads[len(c)] == head_c
                    argv = [a, b, c]
                elif stop == position + 5:
                    _, head_a, a, head_b, b = lines[position:stop]
                    plain = heads[len(a)] == head_a and heads[len(b)] == head_b
                    argv = [a, b]
                else:
                    argv = lines[position + 2 : stop : 2]
                    plain = lines[position + 1 : stop : 2] == [heads[len(word)] for word in argv]
            except IndexError:  # a long argument
                plain = False
            if not plain:
                argv, stop = _with_line_ends(lines, position + 1, (stop - position) // 2)
                if not argv:
                    break
            commands.append(argv)
            position = stop
    except KeyError:  # not the header of an array, or one of very many arguments
        pass
    if position == end and not lines[end]:
        return commands, len(data)
    return commands, len(data) - len(b"\r\n".join(lines[position:]))


def _with_line_ends(lines: list[bytes], position: int, count: int) -> tuple[Argv, int]:
    """The `count` arguments that begin at a line and may hold CR LF, and the line behind them.

    No arguments if they are incomplete or not canonical.
    """
    end = len(lines) - 1
    argv: Argv = []
    for _ in range(count):
        head, first, last = lines[position], position + 1, position + 1
        if first >= end or not (number := head[1:]).isdigit() or len(number) > 10:
            return [], 0
        announced, size = int(number), len(lines[first])
        while size < announced and last < end - 1:
            last += 1
            size += 2 + len(lines[last])
        if head != b"$%d" % size:
            return [], 0
        argv.append(b"\r\n".join(lines[first : last + 1]))
        position = last + 1
    return argv, position
