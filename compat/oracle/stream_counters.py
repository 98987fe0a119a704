"""Long lives of streams: what XINFO counts of them, and where they are cut into nodes.

Commands are nearly always right, IDs are of entries that there are, were or will soon be, nodes hold three
entries. So `entries-read`, `lag`, `radix-tree-keys` and what trimming leaves meet deletions in every place.
"""

from __future__ import annotations

import random
from dataclasses import replace

from compat.oracle.grammar.family import Command, Sentences
from compat.oracle.grammar.stream_groups import STREAM_GROUPS

STREAM_COUNTERS = replace(
    STREAM_GROUPS,
    name="stream counters",
    setups=[],
    restore=[[b"CONFIG", b"SET", b"stream-node-max-entries", b"3"]],
)
_POLICIES = ["KEEPREF", "DELREF", "ACKED"]
_COMMANDS = 60


class _Life:
    """Draws one command after the other."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.last = 0  # no ID before was greater, in milliseconds

    def some_id(self) -> str:
        return f"{max(0, self.last - self.rng.randint(-2, 9))}-{self.rng.choice([0, 0, 0, 1])}"

    def new_id(self) -> str:
        self.last += self.rng.randint(1, 2)
        return f"{self.last}-0"

    def draw(self) -> str:
        """A command."""
        rng, one = self.rng, self.rng.choice
        key, group, policy = one(["x1"] * 4 + ["x2"]), one("gh"), one(_POLICIES)
        read = one(["", f"ENTRIESREAD {rng.randint(-1, 15)}"])
        three = f"{self.some_id()} {self.some_id()} {self.some_id()}"
        trims = [f"MAXLEN {one([0, 1, 2, 5])}", f"MINID {self.some_id()}"]
        limits = ["", "LIMIT 0", "LIMIT 2", "LIMIT 4"]
        draws = [
            (3, lambda: f"XADD {key} {self.new_id()} f v"),
            (2, lambda: f"XADD {key} {policy} {one(trims)} {self.new_id()} f v"),
            (2, lambda: f"XDEL {key} {three}"),
            (2, lambda: f"XTRIM {key} {one(trims)} {policy}"),
            (1, lambda: f"XTRIM {key} MAXLEN ~ {rng.randint(0, 4)} {one(limits)}"),
            (1, lambda: f"XTRIM {key} MINID ~ {self.some_id()} {one(limits)}"),
            (1, lambda: f"XSETID {key} {self.last + one([0, 0, 1, -3])}-0 {self._history()}"),
            (1, lambda: f"XGROUP SETID {key} {group} {one([self.some_id(), '$', '0', '-', '+'])} {read}"),
            (1, lambda: f"XGROUP CREATE {key} {group} {one([self.some_id(), '$', '0'])} MKSTREAM {read}"),
            (1, lambda: f"XDELEX {key} {policy} IDS 3 {three}"),
            (1, lambda: f"XACKDEL {key} {group} {policy} IDS 3 {three}"),
            (3, lambda: f"XREADGROUP GROUP {group} ann COUNT {one([1, 2, 9])} STREAMS {key} >"),
            (1, lambda: f"XREADGROUP GROUP {group} ann COUNT {one([1, 9])} NOACK STREAMS {key} >"),
            (1, lambda: f"XACK {key} {group} {three}"),
            (1, lambda: f"XCLAIM {key} {group} bob 0 {self.some_id()} LASTID {self.some_id()}"),
            (1, lambda: one(["COPY x1 x2 REPLACE", "COPY x2 x1 REPLACE", "DEL x2", "RENAME x2 x1"])),
            (6, lambda: f"XINFO GROUPS {key}"),
            (3, lambda: f"XINFO STREAM {key} FULL COUNT 0"),
        ]
        weights = [weight for weight, _ in draws]
        ((_, words),) = rng.choices(draws, weights)
        return words()

    def _history(self) -> str:
        added, deleted = f"ENTRIESADDED {self.rng.randint(0, 30)}", f"MAXDELETEDID {self.some_id()}"
        return self.rng.choice(["", added, deleted, f"{added} {deleted}"])


class StreamCounters(Sentences):
    """As `Sentences`."""

    def write(self, seed: int) -> list[Command]:
        """The commands of a life; the same for the same seed."""
        life = _Life(random.Random(seed))
        lines = [*(f"XADD x1 {life.new_id()} f v" for _ in range(4)), "XGROUP CREATE x1 g 0"]
        lines += [life.draw() for _ in range(_COMMANDS)]
        argvs = [line.encode().split() for line in lines]
        return [Command(argv[0].decode(), argv, ()) for argv in argvs]
