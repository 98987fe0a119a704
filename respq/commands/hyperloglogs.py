"""HyperLogLogs: counts of different elements, kept in strings. `datatypes.hyperloglogs` knows their form.

As seen on redis-server 8.2.3: PFCOUNT of one key keeps what it counted, which changes the string and
disturbs a WATCH, but is no event; PFMERGE is an event even if it changes nothing. Both are logged.
"""

from __future__ import annotations

from respq.command import (
    ADMIN,
    DENYOOM,
    FAST,
    READONLY,
    SYSCMD,
    WRITE,
    Argv,
    Client,
    Keys,
    command,
    key,
    keys,
)
from respq.datatypes import hyperloglogs
from respq.datatypes.hyperloglogs import CorruptedError
from respq.datatypes.strings import StringValue
from respq.errors import CommandError, shown
from respq.protocol.resp import OK, ONE, ZERO, array, bulk, integer, simple

NOTE_ON_PFCOUNT = (  # as COMMAND INFO spells it
    "RW because it may change the internal representation of the key, and propagate to replicas"
)


def _checked(value: StringValue | None) -> StringValue | None:
    """What is no string was refused before; refuse what is a string of another form."""
    if value is not None and not hyperloglogs.is_valid(value.data):
        raise CommandError("Key is not a valid HyperLogLog string value.", "WRONGTYPE")
    return value


def _corrupted() -> CommandError:
    return CommandError("Corrupted HLL object detected", "INVALIDOBJ")


def _find_or_create(c: Client, name: bytes) -> tuple[bytearray, bool]:
    """The bytes of the HyperLogLog under a key, to be edited; and whether it is new."""
    value = _checked(c.db.find(name, StringValue))
    if value is not None:
        return value.editable(), False
    value = StringValue()
    c.db.add(name, value)
    data = value.editable()
    data += hyperloglogs.empty()
    return data, True


@command("PFADD", arity=-2, flags=WRITE | DENYOOM | FAST, keys=(key(1, "RW insert"),), group="hyperloglog",
         since="2.8.9", syntax="key [element [element ...]]",
         complexity="O(1) per element, O(N) while it is sparse, of N bytes")  # fmt: skip
def pfadd(c: Client, argv: Argv) -> bytes:
    """Add elements to the HyperLogLog under a key, creating it first if needed; return whether it changed."""
    data, new = _find_or_create(c, argv[1])
    try:
        changed = hyperloglogs.put(
            data, map(hyperloglogs.place, argv[2:]), c.server.config.hll_sparse_max_bytes
        )
    except CorruptedError:
        raise _corrupted() from None
    if not (new or changed):
        return ZERO
    c.effects.append((c.db, argv[1], "pfadd", argv))
    return ONE


@command("PFCOUNT", arity=-2, flags=READONLY, keys=(Keys("RW access", 1, -1, notes=NOTE_ON_PFCOUNT),),
         group="hyperloglog", since="2.8.9", syntax="key [key ...]",
         complexity="O(1) for one key that has not changed since, or O(N), N registers of all")  # fmt: skip
def pfcount(c: Client, argv: Argv) -> bytes:
    """Return about how many different elements were added to one HyperLogLog, or to several together."""
    if len(argv) > 2:
        return integer(hyperloglogs.estimate(_united(c, argv[1:])[0]))
    value = _checked(c.read(argv[1], StringValue))
    if value is None:
        return ZERO
    if not hyperloglogs.is_outdated(value.data):
        return integer(hyperloglogs.known_count(value.data))
    data = value.editable()
    count = hyperloglogs.estimate(_registers(value))
    hyperloglogs.keep_count(data, count)
    c.effects.append((c.db, argv[1], None, argv))
    return integer(count)


def _registers(value: StringValue) -> bytes:
    try:
        return hyperloglogs.registers(value.data)
    except CorruptedError:
        raise _corrupted() from None


def _united(c: Client, names: Argv) -> tuple[bytes, bool]:
    """The greatest registers under several keys, and whether all that were found are sparse."""
    several, sparse = [], True
    for name in names:
        value = _checked(c.read(name, StringValue))
        if value is not None:
            several.append(_registers(value))
            sparse = sparse and hyperloglogs.is_sparse(value.data)
    return hyperloglogs.greatest(several), sparse


@command("PFMERGE", arity=-2, flags=WRITE | DENYOOM,
         keys=(key(1, "RW access insert"), keys(2, -1, 1, "RO access")), group="hyperloglog", since="2.8.9",
         syntax="destkey [sourcekey [sourcekey ...]]", complexity="O(N), N registers of all")  # fmt: skip
def pfmerge(c: Client, argv: Argv) -> bytes:
    """Let the HyperLogLog under a key count what others have counted as well, creating it first if needed."""
    values, sparse = _united(c, argv[1:])
    data, _ = _find_or_create(c, argv[1])
    if not sparse and hyperloglogs.is_sparse(data):
        hyperloglogs.make_dense(data)
    hyperloglogs.merge(data, values, c.server.config.hll_sparse_max_bytes)
    c.effects.append((c.db, argv[1], "pfadd", argv))
    return OK


# -- for whoever looks inside ----------------------------------------------------------------------


@command("PFDEBUG", arity=3, flags=WRITE | DENYOOM | ADMIN | SYSCMD, keys=(key(2, "RW access"),),
         group="hyperloglog", since="2.8.9", syntax="subcommand key",
         complexity="O(N), N registers")  # fmt: skip
def pfdebug(c: Client, argv: Argv) -> bytes:
    """Show a HyperLogLog: GETREG its registers, DECODE its opcodes, ENCODING its form; TODENSE changes it."""
    _, subcommand, name = argv
    value = _checked(c.db.find(name, StringValue))
    if value is None:
        raise CommandError("The specified key does not exist")
    value.editable()  # raw from now on, as in Redis
    handler = _SUBCOMMANDS.get(subcommand.upper())
    if handler is None:
        raise CommandError(b"Unknown PFDEBUG subcommand '%b'" % shown(subcommand))
    try:
        return handler(c, argv, value)
    except CorruptedError:
        raise _corrupted() from None


def _to_dense(c: Client, argv: Argv, value: StringValue) -> bytes:
    if not hyperloglogs.is_sparse(value.data):
        return ZERO
    hyperloglogs.make_dense(value.editable())
    c.effects.append((c.db, None, None, argv))
    return ONE


def _getreg(c: Client, argv: Argv, value: StringValue) -> bytes:
    _to_dense(c, argv, value)
    return array([integer(number) for number in hyperloglogs.registers(value.data)])


def _decode(c: Client, argv: Argv, value: StringValue) -> bytes:
    if not hyperloglogs.is_sparse(value.data):
        raise CommandError("HLL encoding is not sparse")
    return bulk(hyperloglogs.described(value.data).encode())


def _encoding(c: Client, argv: Argv, value: StringValue) -> bytes:
    return simple(b"sparse" if hyperloglogs.is_sparse(value.data) else b"dense")


_SUBCOMMANDS = {b"GETREG": _getreg, b"DECODE": _decode, b"ENCODING": _encoding, b"TODENSE": _to_dense}


@command("PFSELFTEST", arity=1, flags=ADMIN | SYSCMD, group="hyperloglog", since="2.8.9",
         complexity="O(N), N elements that are counted")  # fmt: skip
def pfselftest(c: Client, argv: Argv) -> bytes:
    """Count known numbers of elements in both forms; say whether they agree and how far they are off."""
    if wrong := hyperloglogs.self_test():
        raise CommandError(wrong, "TESTFAILED")
    return OK
