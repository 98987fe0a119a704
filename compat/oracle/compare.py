"""Two outcomes of one case: equal, or where they part.

Whole streams are compared first, and nearly always that is all. Only if the bytes differ are they
parsed, each reply is paired with its command, and the few replies that may differ are weighed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from compat.oracle.case import SPREAD, Case
from compat.oracle.normalise import command_name, equivalent, stream_after_loading
from compat.oracle.targets import Outcome
from compat.oracle.wire import CONFIRMED, Argv, Node, is_push, parse_all, show, split_pushes

END_COMMANDS: list[Argv] = [[b"RESET"], [b"END-OF-CASE"]]
NOTHING: Node = (b"?", b"nothing")


@dataclass(frozen=True)
class Difference:
    """The first place at which two outcomes part."""

    where: str
    command: str  # the kind of command, for grouping
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}\n  expected {self.expected}\n  found    {self.found}"


def first_difference(
    case: Case, dump: Sequence[Argv], expected: Outcome, found: Outcome
) -> Difference | None:
    """Replies per client first, then who had to be unblocked, then the keyspace, then the log."""
    if found.crash:
        return Difference("crash", "", "an answer", found.crash)
    for client in range(case.clients):
        commands = case.commands(client) + ([] if case.delivery == SPREAD else END_COMMANDS)
        part = stream_difference(commands, expected.streams[client], found.streams[client])
        if part is not None:
            return _at(f"client {client}, ", part)
    if list(expected.unblocked) != list(found.unblocked):
        return Difference("who waits at the end", "", repr(expected.unblocked), repr(found.unblocked))
    if (part := stream_difference(dump, expected.keyspace, found.keyspace)) is not None:
        return _at("keyspace afterwards, ", part)
    for where, loaded in (("", found.reloaded), (" by redis-server", found.replayed)):
        if loaded is not None and loaded != found.keyspace:
            part = stream_difference(dump, found.keyspace, loaded, same_after_loading)
            if part is not None:
                return _at(f"keyspace loaded from the append-only file{where}, ", part)
    return None


def _at(where: str, part: Difference) -> Difference:
    return Difference(where + part.where, part.command, part.expected, part.found)


Same = Callable[[Argv, Node, Node], bool]


def same_after_loading(argv: Argv, before: Node, after: Node) -> bool:
    """Everything but encodings, which depend on how a value came about.

    INCRBYFLOAT is logged as SET, for redis-server as for respq: "10" is an embstr then and an int
    when it has been loaded. What CONFIG SET says about listpacks is not in the log at all.
    """
    if argv[0] == b"SMEMBERS":  # the order of a hash table is that of what was done to it
        return equivalent(argv, before, after)
    if argv[0] == b"XINFO":
        return stream_after_loading(argv, before, after)
    return before == after or argv[0] == b"OBJECT"


def stream_difference(
    commands: Sequence[Argv], expected: bytes, found: bytes, same: Same = equivalent
) -> Difference | None:
    """The first reply of two streams that is not the `same`."""
    if expected == found:
        return None
    all_theirs = parse_all(expected)
    all_ours = parse_all(found, like=expected)
    theirs, their_pushes = split_pushes(all_theirs)
    ours, our_pushes = split_pushes(all_ours)
    pairs = list(conversation(commands, theirs))
    for index, (reply, other) in enumerate(zip_longest(theirs, ours, fillvalue=NOTHING)):
        argv = pairs[index][0] if index < len(pairs) else [b"(no command)"]
        queue = pairs[index][1] if index < len(pairs) else []
        if reply != other and not _same(argv, queue, reply, other, same):
            return _difference(f"reply {index} to", argv, queue, reply, other)
    if our_pushes != their_pushes and _in_order(our_pushes) != _in_order(their_pushes):
        return Difference("pushes", "", _from(their_pushes, our_pushes), _from(our_pushes, their_pushes))
    if (our_places := _places(all_ours)) != (their_places := _places(all_theirs)):
        return Difference("how many replies before each push", "", str(their_places), str(our_places))
    return None


def _in_order(pushes: Sequence[Node]) -> list[Node]:
    """Pushes, with those in a certain order that redis-server sends in the order of a hash table.

    A message that matches several patterns, and the channels of an UNSUBSCRIBE that names none.
    """
    ordered: list[Node] = []
    for _, group in itertools.groupby(pushes, _unordered_with):
        nodes = list(group)
        kind, words = nodes[0]
        if words[0][1] in CONFIRMED:
            names = sorted((node[1][1] for node in nodes), key=repr)
            nodes = [(kind, [words[0], name, node[1][2]]) for name, node in zip(names, nodes, strict=True)]
        ordered += sorted(nodes, key=repr) if words[0][1] == b"pmessage" else nodes
    return ordered


def _unordered_with(push: Node) -> Node:
    """What the pushes have in common that may have changed places."""
    words = push[1]
    if words[0][1] == b"pmessage":
        return (push[0], [words[0], *words[2:]])
    return (push[0], words[:1] if words[0][1].endswith(b"unsubscribe") else words)


def _from(nodes: Sequence[Node], others: Sequence[Node]) -> str:
    """What is in `nodes` where these and `others` part, and a little more."""
    at = next(
        (at for at, (a, b) in enumerate(zip(nodes, others, strict=False)) if a != b),
        min(len(nodes), len(others)),
    )
    return f"from push {at} on: " + " ".join(map(show, nodes[at : at + 6]))


def _places(nodes: Sequence[Node]) -> list[int]:
    """For every push the number of replies that came before it."""
    places, replies = [], 0
    for node in nodes:
        if is_push(node):
            places.append(replies)
        else:
            replies += 1
    return places


def _same(argv: Argv, queue: Sequence[Argv], expected: Node, found: Node, same: Same) -> bool:
    if _both_executed(queue, expected, found):
        return all(map(same, queue, expected[1], found[1]))
    return same(argv, expected, found)


def _both_executed(queue: Sequence[Argv], expected: Node, found: Node) -> bool:
    """Whether these are replies to EXEC that hold those to the commands of the queue."""
    replies = [node[1] for node in (expected, found) if isinstance(node[1], list)]
    return bool(queue) and [len(reply) for reply in replies] == [len(queue)] * 2


def _difference(where: str, argv: Argv, queue: Sequence[Argv], expected: Node, found: Node) -> Difference:
    """Inside a transaction, the first of its replies that parts."""
    if _both_executed(queue, expected, found):
        for queued, reply, other in zip(queue, expected[1], found[1], strict=False):
            if not equivalent(queued, reply, other):
                return _difference(f"{where} EXEC of", queued, [], reply, other)
    name = command_name(argv).decode(errors="replace")
    return Difference(f"{where} {line(argv)}", name, show(expected), show(found))


def conversation(commands: Sequence[Argv], replies: Sequence[Node]) -> Iterator[tuple[Argv, Sequence[Argv]]]:
    """The command of every reply, in order; with EXEC come the commands it executed."""
    queue: list[Argv] = []
    mode, at = b"ON", 0
    for argv in commands:
        name = argv[0].upper()
        mode, silent = _reply_mode(mode, name, argv)
        reply = replies[at] if at < len(replies) else NOTHING
        if silent or (name.lower() in CONFIRMED and _is_confirmed(argv, reply)):
            continue
        at += 1
        yield argv, (queue if name == b"EXEC" else [])
        if reply == (b"+", b"QUEUED"):
            queue = [*queue, argv]
        elif name in (b"EXEC", b"DISCARD", b"RESET", b"MULTI"):
            queue = [] if reply[0] != b"-" or name != b"MULTI" else queue


def _is_confirmed(argv: Argv, reply: Node) -> bool:
    """Whether a command about subscriptions is answered by pushes: unless it is queued, or has no words."""
    return reply != (b"+", b"QUEUED") and (len(argv) > 1 or argv[0].upper().endswith(b"UNSUBSCRIBE"))


def _reply_mode(mode: bytes, name: bytes, argv: Argv) -> tuple[bytes, bool]:
    """CLIENT REPLY's mode after a command, and whether that command gets no reply."""
    if name == b"CLIENT" and len(argv) == 3 and argv[1].upper() == b"REPLY":
        wanted = argv[2].upper()
        if wanted == b"ON":
            return wanted, False
        if wanted == b"OFF" or (wanted == b"SKIP" and mode != b"OFF"):
            return wanted, True
    if name == b"RESET" and len(argv) == 1 and mode == b"OFF":
        return b"ON", False
    return (b"ON" if mode == b"SKIP" else mode), mode != b"ON"


def line(argv: Argv) -> str:
    """A command for people, in the spelling of Python's bytes where it is not plain."""
    words = [repr(word)[1:] if len(word) <= 60 else f"({len(word)} bytes)" for word in argv[:12]]
    return " ".join([*words, *(["…"] if len(argv) > 12 else [])])
