"""One sequence of commands and one way to deliver it.

A case is a list of steps; a step names the turn of the event loop and the client that sends the
command. What a delivery adds (where bytes are split, which client gets a command) is drawn from
the case's seed, so a case is repeated by its seed and shrunk by leaving steps out.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from compat.oracle.wire import Argv, render

PIPELINED, SINGLE, SPLIT, SPREAD = "pipelined", "one by one", "split", "spread"
NOTIFIED = "pipelined, listening to key-space events"
IN_TRANSACTIONS, BY_SCRIPTS = "pipelined, in transactions", "pipelined, called by scripts"
TRACKED, RESTRICTED = "pipelined, tracking keys", "pipelined, by a user who may not do everything"

# A script that calls what it is given, and answers what it is answered.
CALL = b"return redis.call(unpack(ARGV))"
CALL_RESP3 = b"redis.setresp(3) return redis.call(unpack(ARGV))"

# For a NOTIFIED delivery; when keys expire by themselves is a matter of luck.
LISTEN: list[list[bytes]] = [[b"PSUBSCRIBE", b"__keyspace@*"], [b"PSUBSCRIBE", b"__keyevent@*"]]
NOTIFY: list[list[bytes]] = [
    [b"DEBUG", b"SET-ACTIVE-EXPIRE", b"0"],
    [b"CONFIG", b"SET", b"notify-keyspace-events", b"KEAnocm"],
]
KEEP_QUIET: list[list[bytes]] = [
    [b"CONFIG", b"SET", b"notify-keyspace-events", b""],
    [b"DEBUG", b"SET-ACTIVE-EXPIRE", b"1"],
]

ID_MARK = b"{id"  # b"{id0}" in an argument stands for the client id that client 0 was given
TURN_BYTES = 12_000  # per client; redis-server reads 16 KiB at a time and then serves the next client
AGAIN = 0.4  # how often the next command comes from the same client for sure
BRIEF = b"0.001"  # the timeout (s) of blocking commands; in a spread delivery they wait for ever
BRIEF_MS = b"1"
BLOCK_BRIEFLY = (b"BLOCK", BRIEF_MS)
FOR_EVER = b"0"


class Step:
    """A command, who sends it, and in which turn of the event loop."""

    __slots__ = ("argv", "client", "data", "turn")

    def __init__(self, turn: int, client: int, argv: Argv) -> None:
        self.turn = turn
        self.client = client
        self.argv = argv
        self.data = render(argv)  # once: a sequence is delivered about nine times

    def to_send(self, ids: Sequence[int]) -> bytes:
        """The bytes of the command, with the ids that this server gave."""
        return render(with_ids(self.argv, ids)) if ID_MARK in self.data else self.data


@dataclass(frozen=True)
class Case:
    steps: Sequence[Step]
    delivery: str = PIPELINED
    resp: int = 2
    seed: int = 0
    clients: int = 1
    setup: Sequence[Argv] = ()  # by another client, before
    pauses: Mapping[int, int] = field(default_factory=dict)  # ms that pass before a turn (spread)
    served: Collection[int] = ()  # turns that begin when nobody is blocked any more (spread)

    def commands(self, client: int) -> list[Argv]:
        return [step.argv for step in self.steps if step.client == client]

    def with_steps(self, steps: Sequence[Step]) -> Case:
        return replace(self, steps=steps)

    def turns(self, ids: Sequence[int]) -> list[list[tuple[int, bytes]]]:
        """The writes of every turn, in order, as (client, bytes)."""
        if self.delivery == SPREAD:
            return self._spread(ids)
        rendered = [step.to_send(ids) for step in self.steps]
        if self.delivery == SINGLE:
            return [[(0, data)] for data in rendered]
        data = b"".join(rendered)
        return [[(0, piece)] for piece in (self._split(data) if self.delivery == SPLIT else [data])]

    def _split(self, data: bytes) -> list[bytes]:
        rng = random.Random(self.seed)
        cuts = sorted({0, len(data), *(rng.randrange(len(data) + 1) for _ in range(6))})
        return [data[a:b] for a, b in itertools.pairwise(cuts)]

    def _spread(self, ids: Sequence[int]) -> list[list[tuple[int, bytes]]]:
        turns: dict[int, dict[int, bytes]] = {}
        for step in self.steps:
            writes = turns.setdefault(step.turn, {})
            writes[step.client] = writes.get(step.client, b"") + step.to_send(ids)
        return [list(turns[turn].items()) for turn in sorted(turns)]

    def openings(self) -> list[tuple[int, bool]]:
        """Before each element of `turns`: the ms that pass, and whether everybody has to be served."""
        turns = sorted({step.turn for step in self.steps})
        return [(self.pauses.get(turn, 0), turn in self.served) for turn in turns]


def with_ids(argv: Argv, ids: Sequence[int]) -> Argv:
    """`argv` with the marks of client ids replaced by what this server gave."""
    for number, value in enumerate(ids):
        argv = [arg.replace(b"{id%d}" % number, b"%d" % value) for arg in argv]
    return argv


def needs_ids(steps: Sequence[Step]) -> bool:
    return any(ID_MARK in step.data for step in steps)


def in_line(commands: Sequence[Argv]) -> list[Step]:
    """All commands by one client."""
    return [Step(turn, 0, argv) for turn, argv in enumerate(commands)]


def spread(commands: Sequence[Argv], rng: random.Random, clients: int) -> list[Step]:
    """Hand the commands to several clients, in a few turns in which each client writes once.

    Blocking commands wait for ever; the runner unblocks whoever waits at the end.
    """
    steps: list[Step] = []
    turn, client, large, sent = 0, 0, False, [0] * clients
    for argv in commands:
        if rng.random() > AGAIN:
            client = int(rng.random() * clients)
        step = Step(turn, client, _patient(argv))
        size = len(step.data)
        if sent[client] + size > TURN_BYTES or large or rng.random() < 0.1:
            turn, sent = turn + 1, [0] * clients
        large = size > TURN_BYTES  # has a turn of its own
        sent[client] += size
        step.turn = turn
        steps.append(step)
    return steps


def _patient(argv: Argv) -> Argv:
    if argv[0].upper() in (b"XREAD", b"XREADGROUP"):  # the last BLOCK holds
        pairs = itertools.pairwise([b"", *argv])
        return [FOR_EVER if pair == BLOCK_BRIEFLY else pair[1] for pair in pairs]
    if BRIEF in argv:
        return [FOR_EVER if arg == BRIEF else arg for arg in argv]
    if argv[0].upper() in (b"WAIT", b"WAITAOF") and argv[-1] == BRIEF_MS:
        return [*argv[:-1], FOR_EVER]
    return argv
