"""DUMP and RESTORE: values as bytes that any Redis understands, in the format of its snapshots.

RESTORE is logged with the moment at which its key expires. Of IDLETIME and FREQ counts what the eviction
policy goes by.
"""

from __future__ import annotations

from respq.accesses import MOST_FREQUENT
from respq.command import DENYOOM, READONLY, SYSCMD, WRITE, Argv, Client, command, key
from respq.commands.arguments import Options, parse_int
from respq.datatypes.hashes import HashValue
from respq.datatypes.value import Value
from respq.errors import CommandError, syntax_error
from respq.flags import Flag
from respq.notifications import note_displaced
from respq.protocol.resp import OK
from respq.rdb import payload
from respq.rdb.cursor import BadFormatError
from respq.rdb.file import UNSAID, frequency, idle
from respq.rdb.strings import write_compressed, write_plain

_REPLACED = (key(1, "OW update"),)
_RESTORE = "key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]"


@command("DUMP", arity=2, flags=READONLY, keys=(key(1, "RO access"),), group="generic", since="2.6.0",
         syntax="key", tips=("nondeterministic_output",),
         complexity="O(N) with N being the size of the value")  # fmt: skip
def dump(c: Client, argv: Argv) -> bytes:
    """Return a value as bytes that RESTORE understands, here or in Redis."""
    value = c.read_any(argv[1])
    if value is None:
        return c.enc.null
    return c.enc.maybe_bulk(dumped(c, value))


def dumped(c: Client, value: Value) -> bytes:
    """What DUMP answers for a value."""
    return payload.dump(value, write_compressed if c.server.config.rdbcompression else write_plain)


@command("RESTORE", arity=-4, flags=WRITE | DENYOOM, keys=_REPLACED, group="generic", since="2.6.0",
         syntax=_RESTORE, acl="dangerous", complexity="O(N) with N being the size of the value",
         argument_versions={"replace": "3.0.0", "absttl": "5.0.0", "seconds": "5.0.0",
             "frequency": "5.0.0"})  # fmt: skip
def restore(c: Client, argv: Argv) -> bytes:
    """Create a key with the value that DUMP returned."""
    return _restore(c, argv)


@command("RESTORE-ASKING", arity=-4, flags=WRITE | DENYOOM | Flag.ASKING | SYSCMD, keys=_REPLACED,
         group="server", since="3.0.0", syntax=_RESTORE, acl="keyspace dangerous",
         complexity="O(N) with N being the size of the value",
         argument_versions={"replace": "3.0.0", "absttl": "5.0.0", "seconds": "5.0.0",
             "frequency": "5.0.0"})  # fmt: skip
def restore_asking(c: Client, argv: Argv) -> bytes:
    """Do what RESTORE does, as nodes of a cluster call it."""
    return _restore(c, argv)


def _restore(c: Client, argv: Argv) -> bytes:
    replace, absolute, said = _read_options(argv)
    db, name = c.db, argv[1]
    before = db.get(name)
    if before is not None and not replace:
        raise CommandError("Target key name already exists.", "BUSYKEY")
    at_ms = parse_int(argv[2])
    if at_ms < 0:
        raise CommandError("Invalid TTL value, must be >= 0")
    value = _read_payload(argv[3])
    if at_ms and not absolute:
        at_ms += c.server.present_ms
        argv = [argv[0], name, b"%d" % at_ms, *argv[3:], b"ABSTTL"]
    if at_ms and c.server.has_passed(at_ms):
        if before is not None:
            db.discard(name)
            c.effects.append((db, name, "del", [b"DEL", name]))
        return OK
    value.expires_ms = at_ms
    db.displace(name, value)
    c.server.frequencies.recall(value, said)
    if isinstance(value, HashValue):
        db.note_deadlines(name, value)
    c.effects.append((db, name, "restore", argv))
    if before is not None:
        note_displaced(db, name, before, value)
    return OK


def _read_options(argv: Argv) -> tuple[bool, bool, int]:
    """Whether a key is replaced, whether the time is a moment, and when it was accessed, as in a file."""
    replace = absolute = False
    said = UNSAID
    for option in (options := Options(argv, 4)):
        if option == b"REPLACE":
            replace = True
        elif option == b"ABSTTL":
            absolute = True
        elif option == b"IDLETIME" and options.left and said <= UNSAID:
            seconds = parse_int(options.value())
            if seconds < 0:
                raise CommandError("Invalid IDLETIME value, must be >= 0")
            said = idle(seconds)
        elif option == b"FREQ" and options.left and said >= UNSAID:
            counter = parse_int(options.value())
            if not 0 <= counter <= MOST_FREQUENT:
                raise CommandError("Invalid FREQ value, must be >= 0 and <= 255")
            said = frequency(counter)
        else:
            raise syntax_error()
    return replace, absolute, said


def _read_payload(data: bytes) -> Value:
    try:
        payload.check(data)
    except BadFormatError:
        raise CommandError("DUMP payload version or checksum are wrong") from None
    try:
        return payload.restore(data)
    except BadFormatError:
        raise CommandError("Bad data format") from None
