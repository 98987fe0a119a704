"""Conditions on what a string is, and its digest: IFEQ, IFNE, IFDEQ and IFDNE of SET and DELEX; DIGEST.

All of it came with Redis 8.4, but for Valkey's DELIFEQ. A digest is XXH3 of 64 bits with seed 0, in
hexadecimal digits; it lets a client compare a long value without sending it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from xxhash import xxh3_64_hexdigest

from respq.command import FAST, READONLY, WRITE, Argv, Client, Keys, command, key
from respq.datatypes.strings import StringValue
from respq.errors import CommandError
from respq.protocol.resp import ONE, ZERO, bulk

CONDITIONS: Final = {b"IFEQ", b"IFNE", b"IFDEQ", b"IFDNE"}
_DIGEST_DIGITS: Final = 16


class Condition(NamedTuple):
    """What a string has to be."""

    negated: bool
    of_digest: bool
    word: bytes

    def holds(self, value: StringValue | None) -> bool:
        """Whether it is so; a key that is missing equals nothing. O(length) for a digest."""
        if value is None:
            return self.negated
        equal = digest(value.data) == self.word if self.of_digest else value.data == self.word
        return equal != self.negated


def parse_condition(name: bytes, word: bytes) -> Condition:
    """One of CONDITIONS with its word. Raises CommandError for a digest that cannot be one."""
    of_digest = b"D" in name
    if of_digest and len(word) != _DIGEST_DIGITS:
        raise CommandError("must be exactly 16 hexadecimal characters")
    return Condition(b"N" in name, of_digest, word.lower() if of_digest else word)


def digest(data: bytes) -> bytes:
    """XXH3 of a string, as 16 digits. O(length)."""
    return xxh3_64_hexdigest(data).encode()


@command("DIGEST", arity=2, flags=READONLY | FAST, keys=(key(1, "RO access"),), group="string", since="8.4.0",
         syntax="key", complexity="O(N), N bytes")  # fmt: skip
def digest_(c: Client, argv: Argv) -> bytes:
    """Return the digest of the string under a key, or null."""
    value = c.read(argv[1], StringValue)
    return c.enc.null if value is None else bulk(digest(value.data))


@command("DELEX", arity=-2, flags=WRITE | FAST, keys=(Keys("RW delete variable_flags", 1),), group="string",
         since="8.4.0", syntax="key [IFEQ value | IFNE value | IFDEQ digest | IFDNE digest]",
         complexity="O(1), or O(N) with a digest of N bytes")  # fmt: skip
def delex(c: Client, argv: Argv) -> bytes:
    """Delete a key, if the string under it is what a condition says."""
    if len(argv) not in {2, 4}:
        raise CommandError("wrong number of arguments for 'delex' command")
    db, name = c.db, argv[1]
    value = db.get(name)
    if value is None:
        return ZERO
    if len(argv) == 4:
        if not isinstance(value, StringValue):
            raise CommandError("Key should be of string type if conditions are specified")
        if argv[2].upper() not in CONDITIONS:
            raise CommandError("Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE")
        if not parse_condition(argv[2].upper(), argv[3]).holds(value):
            return ZERO
    return _discard(c, name)


def _discard(c: Client, name: bytes) -> bytes:
    c.db.discard(name)
    c.effects.append((c.db, name, "del", [b"DEL", name]))
    return ONE


@command("DELIFEQ", arity=3, flags=WRITE | FAST, keys=(key(1, "RW delete"),), group="string", since="9.0.0",
         syntax="key value")  # fmt: skip
def delifeq(c: Client, argv: Argv) -> bytes:
    """Delete a key if the string under it is equal to this one, as in Valkey 9."""
    value = c.db.find(argv[1], StringValue)
    return _discard(c, argv[1]) if value is not None and value.data == argv[2] else ZERO
