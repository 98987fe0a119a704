"""Sorted sets: the commands that wait for a member.

As the blocking commands of lists, they are the other commands plus `Client.park`; what they log is the pop
that was done. Source: redis-server 8.2.3, observed.
"""

from __future__ import annotations

from respq.command import BLOCKING, FAST, MOVABLEKEYS, WRITE, Argv, Client, Keys, command
from respq.commands.arguments import parse_timeout_s
from respq.commands.blocking_lists import ALL_BUT_LAST, woken_for_nothing
from respq.commands.sorted_sets import pop_first, pop_words
from respq.datatypes.sorted_sets import SortedSetValue


def _pop_or_park(
    c: Client, argv: Argv, names: list[bytes], highest: bool, count: int | None, timeout: bytes
) -> bytes:
    timeout_ms = parse_timeout_s(timeout, c.server.clock.now_ms)
    if not woken_for_nothing(c, names, SortedSetValue) and (reply := pop_first(c, names, highest, count)):
        return reply
    return c.park(argv, [(c.db, name) for name in names], timeout_ms, c.enc.null_array)


@command("BZPOPMIN", arity=-3, flags=WRITE | BLOCKING | FAST, keys=ALL_BUT_LAST, group="sorted-set",
         since="5.0.0", syntax="key [key ...] timeout",
         complexity="O(k + log n), k keys, n members")  # fmt: skip
def bzpopmin(c: Client, argv: Argv) -> bytes:
    """Take the member with the lowest score of the first sorted set that has any, waiting if need be."""
    return _pop_or_park(c, argv, argv[1:-1], False, None, argv[-1])


@command("BZPOPMAX", arity=-3, flags=WRITE | BLOCKING | FAST, keys=ALL_BUT_LAST, group="sorted-set",
         since="5.0.0", syntax="key [key ...] timeout",
         complexity="O(k + log n), k keys, n members")  # fmt: skip
def bzpopmax(c: Client, argv: Argv) -> bytes:
    """Take the member with the highest score of the first sorted set that has any, waiting if need be."""
    return _pop_or_park(c, argv, argv[1:-1], True, None, argv[-1])


@command("BZMPOP", arity=-5, flags=WRITE | BLOCKING | MOVABLEKEYS,
         keys=(Keys("RW access delete", 2, counted=True),), group="sorted-set", since="7.0.0",
         syntax="timeout numkeys key [key ...] <MIN | MAX> [COUNT count]",
         complexity="O(k + m log n), k keys, m members taken of n",
         argument_groups="where")  # fmt: skip
def bzmpop(c: Client, argv: Argv) -> bytes:
    """Take members off one end of the first of several sorted sets that has any, waiting if need be."""
    names, highest, count = pop_words(argv, 2)
    return _pop_or_park(c, argv, names, highest, count, argv[1])
