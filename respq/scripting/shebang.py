"""The first line of a script or library, if it begins with `#!`: what a script asks for, a library's name.

Without one, a script may do whatever its commands may; a library must have one. Source: observed behaviour of
redis-server 8.2.3.
"""

from __future__ import annotations

import re
from enum import Flag, auto

from respq.errors import CommandError, shown
from respq.words import split_words


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
    if not newline or b"\0" in head:
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


def flags_named(words: list[bytes]) -> Flags:
    """The flags with these names, in lower case. All of them are known."""
    flags = Flags(0)
    for word in words:
        flags |= _WORDS[word]
    return flags


def words_of(flags: Flags) -> list[bytes]:
    """The names of flags."""
    return [word for word, flag in _WORDS.items() if flag in flags]


_is_name = re.compile(rb"[0-9A-Za-z_]+").fullmatch


def read_library_shebang(code: bytes) -> tuple[bytes, bytes]:
    """The name of a library, and the text to compile, whose lines count as in `code`. Raises CommandError."""
    if not code.startswith(b"#!"):
        raise CommandError("Missing library metadata")
    head, newline, rest = code.partition(b"\n")
    words = split_words(head)
    if not newline or not words or b"\0" in head:
        raise CommandError("Invalid library metadata")
    engine, *options = words
    name = None
    for option in options:
        if not option.lower().startswith(b"name="):
            raise CommandError(b"Invalid metadata value given: %b" % shown(option))
        if name is not None:
            raise CommandError("Invalid metadata value, name argument was given multiple times")
        name = option[5:]
    if name is None:
        raise CommandError("Library name was not given")
    if not _is_name(name):
        raise CommandError(
            "Library names can only contain letters, numbers, or underscores(_) and must be at least one "
            "character long"
        )
    if engine.lower() != b"#!lua":
        raise CommandError(b"Engine '%b' not found" % shown(engine[2:]))
    return name, newline + rest


def _unquoted(word: bytes) -> bytes:
    return word
