"""What follows from a command's declaration: its flags and ACL categories in words, and its keys.

Pure functions over a `Spec`, for COMMAND and for whoever has to know which keys a request names. The
rules are those by which redis-server 8.2.3 was seen to derive the same from its own declarations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from respq.flags import Flag, Keys
from respq.protocol import Argv
from respq.state import Spec

HIDDEN = Flag.MAY_REPLICATE | Flag.ASYNC_LOADING | Flag.SYSCMD  # not among the words of COMMAND INFO
COUNTED_IS_SHOWN = (8, 4)  # commands that came with this version or later show where keys are counted
NEWER = {Flag.SCRIPT_RUNNER: (8, 10)}  # from which version of Redis on they are

# In the order of COMMAND INFO.
CATEGORIES = (
    "keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog",
    "geo", "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection",
    "transaction", "scripting",
)  # fmt: skip

_OF_FLAG = {
    Flag.WRITE: {"write"},
    Flag.READONLY: {"read"},
    Flag.ADMIN: {"admin", "dangerous"},
    Flag.PUBSUB: {"pubsub"},
    Flag.BLOCKING: {"blocking"},
}
_OF_GROUP = {
    "generic": "keyspace",
    "sorted-set": "sortedset",
    "transactions": "transaction",
    **{
        name: name
        for name in (
            "bitmap", "connection", "geo", "hash", "hyperloglog", "list", "pubsub", "scripting", "set",
            "stream", "string",
        )
    },
}  # fmt: skip


READING_OPTIONS = {b"GET", b"IFEQ", b"IFNE", b"IFDEQ", b"IFDNE"}  # of SET


_LEADING_INT = re.compile(rb"[ \t\n\v\f\r]*([+-]?)0*(\d*)")
_HALF_32, _HALF_64 = 1 << 31, 1 << 63  # of what 32 and 64 bits can say


class NoKeysError(ValueError):
    """The arguments do not say where the keys are."""


def flag_words(spec: Spec, version: tuple[int, ...] = ()) -> list[str]:
    """The flags as COMMAND INFO of a version of Redis calls them."""
    return [
        flag.name.lower()
        for flag in spec.flags & ~HIDDEN
        if flag.name and (flag not in NEWER or version >= NEWER[flag])
    ]


def categories(spec: Spec) -> list[str]:
    """The ACL categories, without `@`.

    They follow from the flags and, except for a container, from the group; `acl` adds to them or, written
    `-name`, takes away.
    """
    found = {"fast" if Flag.FAST in spec.flags else "slow"}
    for flag, names in _OF_FLAG.items():
        if flag in spec.flags:
            found |= names
    if spec.handler is not None and spec.group in _OF_GROUP:
        found.add(_OF_GROUP[spec.group])
    for word in spec.acl.split():
        if word.startswith("-"):
            found.discard(word[1:])
        else:
            found.add(word)
    return [name for name in CATEGORIES if name in found]


def key_range(spec: Spec) -> tuple[int, int, int]:
    """First key, last key and step, as COMMAND INFO has them beside the key specifications.

    Ranges that follow one another are taken together; the numbers say nothing about other keys. Where keys
    are counted these are zeros, up to Redis 8.2; the documentation of newer commands has the place of the
    number.
    """
    if len(spec.keys) == 1 and spec.keys[0].counted and _version(spec.since) >= COUNTED_IS_SHOWN:
        return spec.keys[0].at, spec.keys[0].at, spec.keys[0].step
    plain = [keys for keys in spec.keys if not (keys.counted or keys.behind or (keys.find and not keys.at))]
    if not plain:
        return 0, 0, 0
    first = plain[0]
    last = _last(first)
    if len(spec.keys) > 1:
        for keys in plain[1:]:
            if keys.step == 1 and keys.at == last + 1:
                last = _last(keys)
    return first.at, last, first.step


def _version(since: str) -> tuple[int, ...]:
    return tuple(map(int, since.split(".")))


def _last(keys: Keys) -> int:
    """The index of the last key; negative counts from the end."""
    return keys.at + keys.last if keys.last >= 0 else keys.last


def key_indexes(spec: Spec, argv: Argv) -> Iterator[tuple[int, Keys]]:
    """The index of each key in `argv`, whose length fits the arity, with what it belongs to.

    Raises NoKeysError. O(keys).
    """
    for keys in spec.keys:
        if keys.find is not None:
            for index in keys.find(argv):
                yield index, keys
            continue
        if keys.behind and not keys.last:
            yield from ((at + 1, keys) for at in _words(keys, argv) if at + 1 < len(argv))
            continue
        first, last = _bounds(keys, argv)
        if not 0 < first < len(argv) or last >= len(argv):
            raise NoKeysError
        for index in range(first, last + 1, keys.step):
            yield index, keys


def named_keys(spec: Spec, argv: Argv) -> list[bytes]:
    """The keys that a command names; none if they cannot be told. O(keys)."""
    try:
        return [argv[index] for index, _ in key_indexes(spec, argv)]
    except NoKeysError:
        return []


def _words(keys: Keys, argv: Argv) -> list[int]:
    """Where the first word stands that keys are behind of, or nowhere."""
    if keys.naming:
        return _words_but_names(keys, argv)
    return [at for at in range(keys.at, len(argv)) if argv[at].upper() == keys.behind][:1]


def _words_but_names(keys: Keys, argv: Argv) -> list[int]:
    """The same where names stand among the options, which may be that very word."""
    at = 1
    while at < len(argv):
        word = argv[at].upper()
        if word == keys.behind and at >= keys.at:
            return [at]
        at += 3 if word == keys.naming else 1
    return []


def unbalanced(spec: Spec, argv: Argv) -> bool:
    """Whether there are not as many IDs as keys behind STREAMS, which `key_indexes` does not mind."""
    return any((len(argv) - at) % 2 == 0 for keys in spec.keys if keys.behind for at in _words(keys, argv))


def stretch_of(keys: Keys, argv: Argv) -> slice:
    """Where the keys of one specification stand, if that is not one that must look for them.

    Raises NoKeysError.
    """
    first, last = _bounds(keys, argv)
    if not 0 < first < len(argv) or last >= len(argv):
        raise NoKeysError
    return slice(first, last + 1, keys.step)


def _bounds(keys: Keys, argv: Argv) -> tuple[int, int]:
    if keys.behind:
        for at in _words(keys, argv):
            return at + 1, at + (len(argv) - 1 - at) // 2
        raise NoKeysError
    if not keys.counted:
        last = _last(keys)
        return keys.at, last if last >= 0 else len(argv) + last
    count = _as_int(argv[keys.at])
    if count <= 0:
        raise NoKeysError
    return keys.at + 1, keys.at + count * keys.step


def _as_int(word: bytes) -> int:
    """A number of keys as C's atoi reads it, whatever the command makes of it: ` 1x` is 1, as in Redis."""
    if word.isdigit() and len(word) < 10:
        return int(word)
    match = _LEADING_INT.match(word)
    assert match is not None  # the pattern asks for nothing
    number = int(match[1] + (match[2][:20] or b"0"))  # more digits are out of range all the same
    number = max(-_HALF_64, min(number, _HALF_64 - 1))
    return (number + _HALF_32) % (2 * _HALF_32) - _HALF_32


def key_words(spec: Spec, keys: Keys, argv: Argv) -> list[str]:
    """What `argv` does to the keys, in the words of COMMAND GETKEYSANDFLAGS."""
    words = keys.flags.split()
    if "variable_flags" not in words:
        return words
    words.remove("variable_flags")
    if spec.name == "SET" and not READING_OPTIONS & {word.upper() for word in argv[3:]}:
        return ["OW", "update"]
    if spec.name == "BITFIELD" and _only_reads(argv):
        return ["RO", "access"]
    return words


def _only_reads(argv: Argv) -> bool:
    """Whether a BITFIELD is made of nothing but GET and OVERFLOW."""
    at = 2
    while at < len(argv) and (length := {b"GET": 3, b"OVERFLOW": 2}.get(argv[at].upper())):
        at += length
    return at == len(argv)
