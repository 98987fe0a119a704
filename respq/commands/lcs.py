"""LCS: the longest common subsequence of two strings."""

from __future__ import annotations

from respq.command import READONLY, Argv, Client, command, keys
from respq.commands.arguments import Options, parse_int
from respq.datatypes import subsequences
from respq.datatypes.strings import StringValue
from respq.errors import CommandError, syntax_error
from respq.protocol.resp import array, bulk, integer

CELL_BYTES = 4  # of the table that Redis makes: its limit holds here as well


@command("LCS", arity=-3, flags=READONLY, keys=(keys(1, 2, 1, "RO access"),), group="string", since="7.0.0",
         syntax="key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
         complexity="O(N M / 60) for strings of N and M bytes")  # fmt: skip
def lcs(c: Client, argv: Argv) -> bytes:
    """Return the longest common subsequence of two strings, its length, or where it stands in both."""
    found = [c.read_any(name) for name in argv[1:3]]
    if not all(value is None or isinstance(value, StringValue) for value in found):
        raise CommandError("The specified keys must contain string values")
    options, shortest = _parse_options(argv)
    if {b"LEN", b"IDX"} <= options:
        raise CommandError("If you want both the length and indexes, please just use IDX.")
    a, b = [bytes(value) if isinstance(value, StringValue) else b"" for value in found]
    if CELL_BYTES * (len(a) + 1) * (len(b) + 1) > c.server.config.proto_max_bulk_len:
        raise CommandError("Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
    if b"LEN" in options:
        return integer(subsequences.length(a, b))
    matches = subsequences.matches(a, b)
    if b"IDX" not in options:
        return bulk(b"".join([a[i : i + length] for i, _, length in reversed(matches)]))
    shown = [
        array([_range(i, length), _range(j, length), *[integer(length)] * (b"WITHMATCHLEN" in options)])
        for i, j, length in matches
        if length >= shortest
    ]
    total = sum(length for *_, length in matches)
    return c.enc.map([(bulk(b"matches"), array(shown)), (bulk(b"len"), integer(total))])


def _parse_options(argv: Argv) -> tuple[set[bytes], int]:
    """The options that are words, and the length of MINMATCHLEN."""
    found, shortest = set(), 0
    for name in (options := Options(argv, 3)):
        if name == b"MINMATCHLEN":
            shortest = parse_int(options.value())
        elif name in {b"LEN", b"IDX", b"WITHMATCHLEN"}:
            found.add(name)
        else:
            raise syntax_error()
    return found, shortest


def _range(at: int, length: int) -> bytes:
    """The first and the last place of a piece."""
    return array([integer(at), integer(at + length - 1)])
