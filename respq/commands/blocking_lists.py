"""Lists: the commands that wait for an element.

They are the other list commands plus `Client.park`: when a list under one of the keys changes, the
client that has waited longest executes its command again from the start, so each rule stands in one
place. What they log is the pop or the move that was done. Source: redis-server 8.2.3, observed.
"""

from __future__ import annotations

from respq.command import (
    BLOCKING,
    DENYOOM,
    MOVABLEKEYS,
    WRITE,
    Argv,
    Client,
    Keys,
    command,
    keys,
)
from respq.commands.arguments import parse_timeout_s
from respq.commands.list_moves import MOVE, SEVERAL, move, move_several, parse_several
from respq.commands.lists import is_left, pop_first, pop_several, pop_words
from respq.datatypes.lists import ListValue
from respq.datatypes.value import Value

ALL_BUT_LAST = (keys(1, -2, 1, "RW access delete"),)


def woken_for_nothing(c: Client, names: list[bytes], kind: type[Value]) -> bool:
    """Say whether a client that waits goes on waiting.

    Only a value of its kind wakes it. Another type under one of its keys is an error when the command is
    sent, and again when a value under another key wakes it, but not by itself.
    """
    return c.parked is not None and not any(isinstance(c.db.get(name), kind) for name in names)


def _pop_or_park(c: Client, argv: Argv, left: bool) -> bytes:
    """BLPOP and BRPOP."""
    names = argv[1:-1]
    timeout_ms = parse_timeout_s(argv[-1], c.server.clock.now_ms)
    if not woken_for_nothing(c, names, ListValue) and (reply := pop_first(c, names, left)):
        return reply
    return _park(c, argv, names, timeout_ms)


def _park(c: Client, argv: Argv, names: list[bytes], timeout_ms: int) -> bytes:
    return c.park(argv, [(c.db, name) for name in names], timeout_ms, c.enc.null_array)


@command("BLPOP", arity=-3, flags=WRITE | BLOCKING, keys=ALL_BUT_LAST, group="list", since="2.0.0",
         syntax="key [key ...] timeout", complexity="O(n), n keys")  # fmt: skip
def blpop(c: Client, argv: Argv) -> bytes:
    """Take the head of the first list that has one, waiting for it if need be."""
    return _pop_or_park(c, argv, True)


@command("BRPOP", arity=-3, flags=WRITE | BLOCKING, keys=ALL_BUT_LAST, group="list", since="2.0.0",
         syntax="key [key ...] timeout", complexity="O(n), n keys")  # fmt: skip
def brpop(c: Client, argv: Argv) -> bytes:
    """Take the tail of the first list that has one, waiting for it if need be."""
    return _pop_or_park(c, argv, False)


@command("BLMPOP", arity=-5, flags=WRITE | BLOCKING | MOVABLEKEYS,
         keys=(Keys("RW access delete", 2, counted=True),), group="list", since="7.0.0",
         syntax="timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
         complexity="O(n + m), n keys, m elements taken", argument_groups="where")  # fmt: skip
def blmpop(c: Client, argv: Argv) -> bytes:
    """Take elements off the first of several lists that has any, waiting for them if need be."""
    names, left, count = pop_words(argv, 2)
    timeout_ms = parse_timeout_s(argv[1], c.server.clock.now_ms)
    if not woken_for_nothing(c, names, ListValue) and (reply := pop_several(c, names, left, count)):
        return reply
    return _park(c, argv, names, timeout_ms)


def _move_or_park(c: Client, argv: Argv, from_left: bool, to_left: bool, logged: Argv) -> bytes:
    """BLMOVE and BRPOPLPUSH. Waiting in vain they answer a null array, inside MULTI a null."""
    source = argv[1]
    timeout_ms = parse_timeout_s(argv[-1], c.server.clock.now_ms)
    if not woken_for_nothing(c, [source], ListValue) and (reply := move(c, argv, from_left, to_left, logged)):
        return reply
    if c.executing:
        return c.enc.null
    return c.park(argv, [(c.db, source)], timeout_ms, c.enc.null_array)


@command("BLMOVE", arity=6, flags=WRITE | DENYOOM | BLOCKING, keys=MOVE, group="list", since="6.2.0",
         syntax="source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout",
         argument_groups="wherefrom whereto")  # fmt: skip
def blmove(c: Client, argv: Argv) -> bytes:
    """Move an element between ends of two lists, waiting for one if need be."""
    from_left, to_left = is_left(argv[3]), is_left(argv[4])
    return _move_or_park(c, argv, from_left, to_left, [b"LMOVE", *argv[1:-1]])


@command("BRPOPLPUSH", arity=4, flags=WRITE | DENYOOM | BLOCKING, keys=MOVE, group="list", since="2.2.0",
         syntax="source destination timeout", deprecated_since="6.2.0",
         replaced_by="`BLMOVE` with the `RIGHT` and `LEFT` arguments")  # fmt: skip
def brpoplpush(c: Client, argv: Argv) -> bytes:
    """Move the tail of a list to the head of another, waiting for one if need be."""
    return _move_or_park(c, argv, False, True, [b"RPOPLPUSH", *argv[1:-1]])


@command("BLMOVEM", arity=-6, flags=WRITE | DENYOOM | BLOCKING, keys=MOVE, group="list", since="8.10.0",
         syntax=f"source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout {SEVERAL}",
         complexity="O(n), n elements moved")  # fmt: skip
def blmovem(c: Client, argv: Argv) -> bytes:
    """Move elements between ends of two lists, waiting for one, or for all that EXACTLY asks for."""
    several = parse_several(argv[6:])
    source = argv[1]
    timeout_ms = parse_timeout_s(argv[5], c.server.clock.now_ms)
    if not woken_for_nothing(c, [source], ListValue) and (reply := move_several(c, argv, several)):
        return reply
    return c.park(argv, [(c.db, source)], timeout_ms, c.enc.null_array)
