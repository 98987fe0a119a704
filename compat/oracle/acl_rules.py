"""Rules of ACL SETUSER written at random: good ones, odd ones and such that mean nothing."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence

PASSWORDS = [b"one", b"two", b"", b"three\xff"]
HASHES = [hashlib.sha256(password).hexdigest().encode() for password in PASSWORDS]
KEY_PATTERNS = [
    *(b"k*", b"k1", b"l*", b"*", b"**", b"?1", b"[a-m]*", b"\\k1", b"", b"(", b")", b"a)", b"\xff*", b"k*1"),
]
CHANNEL_PATTERNS = [b"news", b"news.*", b"n?ws", b"*", b"", b"[n]*"]
ACCESSES = [b"~", b"~", b"%R~", b"%W~", b"%RW~", b"%wr~", b"%r~"]
PLAIN = [
    *(b"on", b"off", b"ON", b"nopass", b"resetpass", b"reset", b"clearselectors", b"sanitize-payload"),
    *(b"skip-sanitize-payload", b"allkeys", b"resetkeys", b"allchannels", b"resetchannels", b"allcommands"),
    *(b"nocommands", b"+@all", b"-@all", b"+@ALL", b"~*", b"&*", b"", b"nopass\0x", b"ResetKeys"),
]
MALFORMED = [
    *(
        b"nope",
        b"+",
        b"-",
        b"+@",
        b"-@nope",
        b"+nope",
        b"-nope",
        b"+config|nope",
        b"-config|nope",
        b"+nope|x",
    ),
    *(b"+config|", b"+get|", b"-get|a", b"+config|get|x", b"+get|a|b", b"+|", b"+@all|x", b"%", b"%X~a"),
    *(b"%~a", b"%R", b"%RR~a", b"~a b", b"~a\0b", b"&a b", b"%R~a\tb", b"#abc", b"!abc", b"<nope"),
    *(b"#" + b"A" * 64, b"!" + b"a" * 64, b"(", b"(+get", b"+get)", b"()", b"(nope)", b"(>x)", b"(on)"),
    *(b"( +get )", b"(+get) ", b"((+get))", b"on ", b"@read", b"zz\0z", b")", b"(~a b)", b"(%R~a\t~b)"),
]
FIRST_ARGS = [b"+select|0", b"+select|1", b"+SELECT|a", b"+get|k1", b"+set|k1", b"+sort|k1"]


class Rules:
    """Writes rules about some commands and categories, both without what stands before them in a rule."""

    def __init__(self, commands: Sequence[bytes], categories: Sequence[bytes]) -> None:
        self._commands = commands
        self._categories = categories

    def write(self, rng: random.Random, *, malformed: float = 0.0) -> list[bytes]:
        """A few rules; `malformed` is how often one of them means nothing."""
        rules: list[bytes] = []
        for _ in range(rng.choice((1, 1, 2, 3, 5, 8))):
            chance = rng.random()
            if chance < malformed:
                rules.append(rng.choice(MALFORMED))
            elif chance > 0.9:
                rules += self._selector(rng)
            elif chance > 0.85:
                rules.append(self._about_passwords(rng))
            elif chance > 0.75:
                rules.append(rng.choice(PLAIN))
            else:
                rules.append(self._permission(rng))
        return rules

    def permissions(self, rng: random.Random) -> list[bytes]:
        """A few rules about what a user may do, if it can come in; channels are not among it."""
        rules = [self._permission(rng) for _ in range(rng.choice((1, 1, 2, 3)))]
        return [rule for rule in rules if not (rule.startswith(b"&") or rule.endswith(b"channels"))]

    def _selector(self, rng: random.Random) -> list[bytes]:
        text = b"(%b)" % b" ".join(self._permission(rng) for _ in range(rng.randint(0, 4)))
        return text.split(b" ") if rng.random() < 0.5 else [text]

    def _about_passwords(self, rng: random.Random) -> bytes:
        sign = rng.choice((b">", b">", b"<", b"#", b"!"))
        return sign + rng.choice(PASSWORDS if sign in b"<>" else HASHES)

    def _permission(self, rng: random.Random) -> bytes:
        kind = rng.random()
        if kind < 0.35:
            name = rng.choice(self._commands)
            return rng.choice((b"+", b"-")) + (name.upper() if rng.random() < 0.1 else name)
        if kind < 0.55:
            return rng.choice((b"+@", b"-@")) + rng.choice(self._categories)
        if kind < 0.6:
            return rng.choice(FIRST_ARGS)
        if kind < 0.85:
            return rng.choice(ACCESSES) + rng.choice(KEY_PATTERNS)
        if kind < 0.95:
            return b"&" + rng.choice(CHANNEL_PATTERNS)
        return rng.choice((b"+@all", b"-@all", b"allkeys", b"resetkeys", b"allchannels", b"resetchannels"))
