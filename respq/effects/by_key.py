r"""Reading a log by keys: what stands there in turns becomes, for each key, a run.

A log has the commands of all clients in the order in which they came, so neighbours seldom concern the same
key. But commands of which each concerns one key alone may be done in any order that keeps the order of each
key. So the text of many commands is cut at their beginnings, the pieces are put together again key by key,
and each key's text is read by what its commands have in common (`protocol.forms`): as a run, which is one
operation on the value.

    pieces of the text   split(b"*"); where words have stars, split(b"\r\n*"), which takes twice the time
    key of each piece    split(b"\r\n$", 3)[2], its length included
    words of each key    from the pieces, or b"*".join(…), by a parser of its own, which knows the form of
                         the last run

Nothing is taken on trust. That bytes within a word look like the beginning of a command shows: then there are
fewer commands than pieces. Where anything is odd, the text is left to whoever reads it in order; so it is
with commands that concern several keys or none (transactions, SELECT), and where keys hardly repeat.

Cost, per command of 250 bytes: 0.1 µs for the pieces, 0.2 for their keys, 0.15 to 0.6 for the words; reading
it in order takes 1.2, and executing it one by one 0.5 to 4.

Rejected: cutting at all line ends at once and turning each key's rows into columns, simpler and 0.2 µs more;
hiredis, which finds the words in 0.2 but proves nothing, so that half of it is lost again.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from respq.protocol import Argv
from respq.protocol.plain import PlainParser
from respq.protocol.runs import SHORTEST_RUN, Run
from respq.protocol.shapes import Transaction

_FEWEST: Final = 64  # commands; of fewer there are no runs
_MOST_PARSERS: Final = 1000  # that are kept
_MOST_TURNS: Final = 16  # that are left out where reading by keys has not been possible

Group = Run | list[Argv]


class KeyReader:
    """Reads text whose commands are all among `names`, each of which concerns the key behind it alone."""

    def __init__(self, names: Collection[bytes]) -> None:
        self._names = frozenset(b"%d\r\n%b" % (len(name), name) for name in names)
        self._parsers: dict[bytes, PlainParser] = {}  # of keys of which there was a run
        self._pause = self._turns = 0  # how many times it is not tried, after it was in vain
        self._star = b"*"  # what commands begin with, and what is behind the last one's
        self._end = b""

    def read(self, data: bytes) -> tuple[list[Group], int, int] | None:
        """The commands of each key, how many there are, and the size of their text, which `data` begins with.

        None if that is not worth it, or not so simple. The last command is left out. O(n).
        """
        if self._turns:
            self._turns -= 1
            return None
        found = self._read(data)
        self._pause = 0 if found else min(_MOST_TURNS, 2 * self._pause + 1)
        self._turns = self._pause
        return found

    def _read(self, data: bytes) -> tuple[list[Group], int, int] | None:
        if not data.startswith(b"*"):
            return None
        pieces = data.split(self._star)
        if self._end:
            pieces[0] = pieces[0][1:]
        else:
            del pieces[0]  # nothing
        last = pieces.pop()  # may be cut off
        if len(pieces) < _FEWEST:
            return None
        groups = self._groups(pieces)
        if groups is None and not self._end and any(map(_is_cut, pieces)):  # stars stand in words
            self._star, self._end = b"\r\n*", b"\r\n"
            return self._read(data)
        if groups is None and self._end and len(glued := _glued(pieces)) < len(pieces):
            groups = self._groups(pieces := glued)
        if groups is None:
            return None
        return groups, len(pieces), len(data) - len(last) - 1

    def _groups(self, pieces: list[bytes]) -> list[Group] | None:
        """The commands of each key, if each piece is one, and keys repeat."""
        pieces_of = self._by_key(pieces)
        if pieces_of is None or len(pieces_of) * SHORTEST_RUN > len(pieces):
            return None
        if len(self._parsers) > _MOST_PARSERS:
            self._parsers.clear()
        groups = []
        for key, group in pieces_of.items():
            commands = self._parse(key, group)
            if len(commands) != len(group):
                return None
            groups.append(commands)
        return groups

    def _by_key(self, pieces: list[bytes]) -> dict[bytes, list[bytes]] | None:
        names, behind = self._names, b"" if self._end else b"\r\n"
        found: dict[bytes, list[bytes]] = {}
        try:
            for piece in pieces:
                words = piece.split(b"\r\n$", 3)
                if words[1] not in names:
                    return None
                key = words[2] if len(words) > 3 else words[2].removesuffix(behind)
                try:
                    found[key].append(piece)
                except KeyError:
                    found[key] = [piece]
        except IndexError:  # a command of one word
            return None
        return found

    def _parse(self, key: bytes, pieces: list[bytes]) -> Group:
        """The commands of one key; fewer than there are pieces if one of these is none."""
        parser = self._parsers.get(key)
        if parser is None:
            parser = PlainParser()
            if len(pieces) >= SHORTEST_RUN:
                self._parsers[key] = parser
        elif not self._end and (run := parser.gather(pieces)) is not None:
            return run
        text = b"*%b%b" % (self._star.join(pieces), self._end)
        commands, size, _ = parser.parse(text)
        if size < len(text):
            return []
        return commands.commands if isinstance(commands, Transaction) else commands


def _is_cut(piece: bytes) -> bool:
    """Whether a piece ends before a star that stands in a word."""
    return not piece.endswith(b"\r\n") or _awaits_word(piece[:-2])


def _awaits_word(piece: bytes) -> bool:
    """Whether a piece ends with the length of a word."""
    line = piece[piece.rfind(b"\n") + 1 :]
    return line.startswith(b"$") and line[1:].isdigit()


def _glued(pieces: list[bytes]) -> list[bytes]:
    """The pieces of commands some of whose words begin with `*`: what ends in a length goes on."""
    whole: list[bytes] = []
    goes_on = False
    for piece in pieces:
        if goes_on:
            whole[-1] += b"\r\n*" + piece
        else:
            whole.append(piece)
        goes_on = _awaits_word(piece)
    return whole
