"""The first line of a script, if it begins with `#!`: what the script asks for.

Without one, a script may do whatever its commands may. Source: observed behaviour of redis-server 8.2.3.
"""

from __future__ import annotations

from enum import Flag, auto

from respq.errors import CommandError, shown


class Flags(Flag):
    """The words after `flags=`."""

    NO_WRITES = auto()
    ALLOW_OOM = auto()
    ALLOW_STALE = auto()
    NO_CLUSTER = auto()
    ALLOW_CROSS_SLOT_KEYS = auto()


_WORDS = {flag.name.lower().replace("_", "-").encode(): flag for flag in Flags if flag.name}


def read_shebang(body: bytes) -> tuple[Flags | None, bytes]:
    """The flags, None without a shebang, and the text to compile, whose lines count as in `body`.

    Raises CommandError.
    """
    if not body.startswith(b"#!"):
        return None, body
    head, newline, rest = body.partition(b"\n")
    if not newline:
        raise CommandError("Invalid script shebang")
    engine, *options = head.split()
    if engine != b"#!lua":
        raise CommandError(b"Unexpected engine in script shebang: %b" % shown(engine))
    flags = Flags(0)
    for option in options:
        if not option.startswith(b"flags="):
            raise CommandError(b"Unknown lua shebang option: %b" % shown(option))
        for word in _unquoted(option[6:]).split(b",") if option != b"flags=" else ():
            if word not in _WORDS:
                raise CommandError(b"Unexpected flag in script shebang: %b" % shown(word))
            flags |= _WORDS[word]
    return flags, newline + rest


def _unquoted(word: bytes) -> bytes:
    return word
