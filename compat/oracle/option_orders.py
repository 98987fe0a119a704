"""Stream commands with their options in any order, number and shape.

The argument trees (`grammar`) know which order is right; here words come as they may come from people: twice,
behind the ID, without their value, in the place of another, at the very end. Which of two mistakes is told
first is part of what clients see. A third of the commands go through a script, some through MULTI.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from compat.oracle.case import BRIEF_MS, CALL
from compat.oracle.grammar.family import Command, Sentences
from compat.oracle.grammar.stream_groups import STREAM_GROUPS
from compat.oracle.wire import Argv

PCALL = b"return redis.pcall(unpack(ARGV))"
MAX_ID = b"18446744073709551615-18446744073709551615"
Parts = list[Argv]  # options, each with its values

KEYS = [*[b"x1"] * 10, *[b"x2"] * 4, b"x3", b"top", b"s1", b"gone"]
GROUPS = [*[b"g"] * 6, *[b"h"] * 3, b"nobody"]
CONSUMERS = [b"ann", b"ann", b"bob", b"cleo", b""]
IDS = [
    *[b"2-1", b"2-2", b"2-3", b"2-4", b"5-0", b"5-1", b"5-2"] * 12,
    *[b"0-0", b"0", b"5", b"9-9", b"02-1", b"-", b"+", b"$", b"*", b">", b"(2-1", b"x", b"2-", b"-1", b"2-x"],
    *[
        b"2-1-1",
        b"",
        b" 5",
        b"18446744073709551616",
        MAX_ID,
        b"18446744073709551615",
        b"5-18446744073709551615",
    ],
]
NEW_IDS = [
    *[b"9-*", b"99-*", b"20-1", b"7"] * 12,
    *[b"0-0", b"0", b"0-*", b"1-1", b"5-*", b"5-1", b"9-", b"*-1", b"**", b"-", MAX_ID],
    *[b"18446744073709551615-*", b"18446744073709551616-1", b"9-18446744073709551616"],
    *[b"x", b"", b"9-+1", b"+9-1"],
]  # fmt: skip
NUMBERS = [*[b"0", b"1", b"2", b"3", b"10"] * 10, b"-1", b"x", b"", b"1.5", b"+1", b"01", b" 1"]
NUMBERS += [b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"1e3"]
COUNTS = [
    number for number in NUMBERS if number != b"9223372036854775807"
]  # redis-server asks for the memory
IDLE = [*[b"0"] * 6, b"-1", b"1000000", b"x", b"", b"9223372036854775808"]
LIMITS = [b"MAXLEN", b"MINID"]
SIGNS = [[b"="], [b"~"], [], [b"<"]]
POLICIES = [b"KEEPREF", b"DELREF", b"ACKED", b"NOPE"]


class _Writer:
    """Writes one command after the other."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    # -- pieces ------------------------------------------------------------------------------------

    def one(self, words: list[bytes]) -> bytes:
        return self.rng.choice(words)

    def some(self, words: list[bytes], most: int = 4) -> Argv:
        return [self.one(words) for _ in range(self.rng.randint(0, most))]

    def mixed(self, *options: Argv) -> Argv:
        """Some of the options, in any order, now and then one twice."""
        chosen = [option for option in options if self.rng.random() < 0.45]
        if chosen and self.rng.random() < 0.15:
            chosen.append(self.rng.choice(options))
        self.rng.shuffle(chosen)
        return [word for option in chosen for word in option]

    def trimming(self) -> Parts:
        """One way to trim, now and then both."""
        parts = [[self.one(LIMITS), *self.rng.choice(SIGNS), self.one([*NUMBERS, *IDS])]]
        if self.rng.random() < 0.1:
            parts.append([self.one(LIMITS), self.one(NUMBERS)])
        return [*parts, [b"LIMIT", self.one(NUMBERS)], [self.one(POLICIES)]]

    def id_block(self) -> Argv:
        ids = self.some(IDS)
        number = b"%d" % len(ids) if self.rng.random() < 0.8 else self.one(NUMBERS)
        return [b"IDS", number, *ids]

    def in_group(self) -> Argv:
        return [self.one(KEYS), self.one(GROUPS)]

    def reading(self, *options: Argv) -> Argv:
        """What XREAD and XREADGROUP have in common."""
        names = self.some(KEYS, 3) or [b"x1"]
        ids = [self.one([*[b">"] * 20, *[b"0"] * 10, b"$", *IDS]) for _ in names]
        if self.rng.random() < 0.1:
            ids = ids[1:]
        block = [b"BLOCK", self.one([BRIEF_MS, BRIEF_MS, b"x", b"-1", b"", b"9223372036854775807"])]
        streams = [b"STREAMS", *names, *ids]
        if self.rng.random() < 0.1:
            return self.mixed(*options, [b"COUNT", self.one(NUMBERS)], block, streams)
        return [*self.mixed(*options, [b"COUNT", self.one(NUMBERS)], block), *streams]

    # -- commands ----------------------------------------------------------------------------------

    def xadd(self) -> Argv:
        pairs = [word for _ in range(self.rng.choice([0, 1, 1, 1, 2])) for word in (b"f", b"v")]
        options = self.mixed(*self.trimming(), [b"NOMKSTREAM"])
        return [b"XADD", self.one(KEYS), *options, self.one(NEW_IDS), *pairs]

    def xtrim(self) -> Argv:
        return [b"XTRIM", self.one(KEYS), *self.mixed(*self.trimming(), *self.trimming()[:1])]

    def xsetid(self) -> Argv:
        added, deleted = [b"ENTRIESADDED", self.one(COUNTS)], [b"MAXDELETEDID", self.one(IDS)]
        return [b"XSETID", self.one(KEYS), self.one([*IDS, b"99-9"]), *self.mixed(added, deleted, [b"NOPE"])]

    def xrange(self) -> Argv:
        name = self.one([b"XRANGE", b"XREVRANGE"])
        return [
            name,
            self.one(KEYS),
            self.one(IDS),
            self.one(IDS),
            *self.mixed([b"COUNT", self.one(NUMBERS)]),
        ]

    def xread(self) -> Argv:
        return [b"XREAD", *self.reading([b"NOACK"], [b"GROUP", b"g", b"ann"])]

    def xreadgroup(self) -> Argv:
        group = [b"GROUP", self.one(GROUPS), self.one(CONSUMERS)]
        if self.rng.random() < 0.7:
            return [b"XREADGROUP", *group, *self.reading([b"NOACK"])]
        return [b"XREADGROUP", *self.reading([b"NOACK"], group, group)]

    def xack(self) -> Argv:
        return [b"XACK", *self.in_group(), *self.some(IDS)]

    def xdel(self) -> Argv:
        return [b"XDEL", self.one(KEYS), *self.some(IDS)]

    def xdelex(self) -> Argv:
        return [
            b"XDELEX",
            self.one(KEYS),
            *self.mixed([self.one(POLICIES)], self.id_block(), self.id_block()),
        ]

    def xackdel(self) -> Argv:
        return [b"XACKDEL", *self.in_group(), *self.mixed([self.one(POLICIES)], self.id_block())]

    def xclaim(self) -> Argv:
        options = self.mixed(
            *([b"IDLE", self.one([*NUMBERS, b"5000000"])], [b"TIME", self.one([*NUMBERS, b"1700000000000"])]),
            *([b"RETRYCOUNT", self.one(COUNTS)], [b"FORCE"], [b"JUSTID"], [b"LASTID", self.one(IDS)]),
        )
        more = self.some(IDS, 1) if self.rng.random() < 0.1 else []
        claimed = [self.one(IDS), *self.some(IDS, 3)]
        return [b"XCLAIM", *self.in_group(), self.one(CONSUMERS), self.one(IDLE), *claimed, *options, *more]

    def xautoclaim(self) -> Argv:
        options = self.mixed([b"COUNT", self.one(COUNTS)], [b"JUSTID"], [b"NOPE"])
        return [b"XAUTOCLAIM", *self.in_group(), self.one(CONSUMERS), self.one(IDLE), self.one(IDS), *options]

    def xpending(self) -> Argv:
        interval = [self.one(IDS), self.one(IDS), self.one(NUMBERS)]
        parts = [[b"IDLE", self.one(IDLE)], interval, self.some(CONSUMERS, 1)]
        if self.rng.random() < 0.2:
            self.rng.shuffle(parts)
        return [
            b"XPENDING",
            *self.in_group(),
            *[w for part in parts if self.rng.random() < 0.8 for w in part],
        ]

    def xgroup(self) -> Argv:
        read, create = [b"ENTRIESREAD", self.one(NUMBERS)], [b"MKSTREAM"]
        rest = self.rng.choice([
            [b"CREATE", *self.in_group(), self.one(IDS), *self.mixed(read, create)],
            [b"CREATE", *self.in_group(), self.one(IDS), *self.mixed(read, create)],
            [b"SETID", *self.in_group(), self.one(IDS), *self.mixed(read, create)],
            [b"SETID", *self.in_group(), self.one(IDS), *self.mixed(read)],
            [b"CREATECONSUMER", *self.in_group(), self.one(CONSUMERS)],
            [b"DELCONSUMER", *self.in_group(), self.one(CONSUMERS)],
        ])  # fmt: skip
        return [b"XGROUP", *rest]

    def xinfo(self) -> Argv:
        count = self.mixed([b"FULL"], [b"COUNT", self.one(NUMBERS)], [b"NOPE"])
        if self.rng.random() < 0.5:
            count = [b"FULL", b"COUNT", self.one(NUMBERS)]
        rest = self.rng.choice([
            [b"STREAM", self.one(KEYS), *count],
            [b"GROUPS", self.one(KEYS)],
            [b"CONSUMERS", *self.in_group()],
        ])  # fmt: skip
        return [b"XINFO", *rest]

    def command(self) -> Argv:
        """Any of them; some lose a word, get one too many, or change the case of one."""
        rng = self.rng
        argv = rng.choice(_COMMANDS)(self)
        chance, at = rng.random(), rng.randrange(1, len(argv) + 1)
        if chance < 0.05:
            argv = argv[:at]
        elif chance < 0.08:
            argv = [*argv[:at], self.one([b"0", b"x", b"-", *POLICIES]), *argv[at:]]
        elif chance < 0.12 and BRIEF_MS not in argv:
            argv = [word.swapcase() for word in argv]
        return argv


_COMMANDS: list[Callable[[_Writer], Argv]] = [
    *[_Writer.xadd] * 5,
    *[_Writer.xtrim, _Writer.xsetid, _Writer.xrange, _Writer.xread, _Writer.xclaim, _Writer.xgroup] * 2,
    *[_Writer.xreadgroup] * 4,
    *[_Writer.xack, _Writer.xdel, _Writer.xdelex, _Writer.xackdel, _Writer.xautoclaim, _Writer.xpending],
    _Writer.xinfo,
]

OPTION_ORDERS = replace(
    STREAM_GROUPS,
    name="option orders",
    setups=[
        *STREAM_GROUPS.setups,
        [b"XADD", b"top", MAX_ID, b"f", b"v"],
        [b"XGROUP", b"CREATE", b"top", b"g", b"0"],
    ],
    keys=[*STREAM_GROUPS.keys, b"top"],
)


class OptionOrders(Sentences):
    """As `Sentences`, without regard to any grammar."""

    def write(self, seed: int) -> list[Command]:
        """About 50 commands; the same for the same seed."""
        rng = random.Random(seed)
        writer = _Writer(rng)
        commands = [argv for argv in self.family.setups if rng.random() < 0.8]
        while len(commands) < 50:
            chance = rng.random()
            if chance < 0.05:
                queued = [writer.command() for _ in range(rng.randint(1, 4))]
                commands += [[b"MULTI"], *queued, [b"EXEC"]]
            elif chance < 0.35:
                commands.append(_called(rng, writer.command()))
            else:
                commands.append(writer.command())
        return [Command(argv[0].decode(), argv, ()) for argv in commands]


def _called(rng: random.Random, argv: Argv) -> Argv:
    """A command as a script calls it, unless it tells times, which are compared for what they are."""
    if argv[0].upper() in {b"XINFO", b"XPENDING"}:
        return argv
    return [b"EVAL", rng.choice([CALL, PCALL]), b"0", *argv]
