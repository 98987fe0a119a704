"""Commands that work on a key whatever it holds: existence, expiry, renaming, copying, scanning.

A key with several events (RENAME, MOVE) or several keys (DEL, UNLINK) has one effect per event, of
which one carries what is logged. A relative expiry is logged as the moment at which it ends; where
that has passed, EXPIRE is a DEL and logged as one.
"""

from __future__ import annotations

from collections.abc import Callable

from respq import glob
from respq.accesses import idle_s
from respq.command import (
    BLOCKING,
    DENYOOM,
    FAST,
    LOADING,
    READONLY,
    STALE,
    WRITE,
    Argv,
    Client,
    command,
    container,
    key,
    keys,
)
from respq.commands.arguments import (
    INT64_MAX,
    INT64_MIN,
    Options,
    bad_expiry,
    parse_cursor,
    parse_db,
    parse_int,
    parse_int_between,
    parse_non_negative,
    parse_timeout_ms,
)
from respq.commands.help import help_reply
from respq.commands.scanning import ScanOptions, scan_reply
from respq.datatypes.strings import StringValue
from respq.datatypes.value import Value
from respq.errors import CommandError, no_such_key, shown, syntax_error
from respq.keyspace import Database
from respq.notifications import note_displaced
from respq.protocol.resp import OK, ONE, ZERO, array, bulk, bulks, integer, simple
from respq.waiting import LOG_SYNCED

READ = (key(1, "RO access"),)
READ_QUIETLY = (key(1, "RO"),)
UPDATE = (key(1, "RW update"),)
EACH_READ = (keys(1, -1, 1, "RO"),)
EACH_DELETED = (keys(1, -1, 1, "RM delete"),)
RENAMED = key(1, "RW access delete")
ADDED = ("request_policy:multi_shard", "response_policy:agg_sum")
PER_KEY = "O(N) with N being the number of keys"
PER_DATABASE = "O(N) with N being the number of keys in the database"

NO_KEY, NO_EXPIRY = integer(-2), integer(-1)
CONDITIONS = {b"NX", b"XX", b"GT", b"LT"}


# -- existence -------------------------------------------------------------------------------------


def _delete(c: Client, argv: Argv) -> bytes:
    """DEL and UNLINK."""
    db = c.db
    deleted = 0
    for name in argv[1:]:
        if db.peek(name) is not None:
            db.discard(name)
            c.effects.append((db, name, "del", None if deleted else argv))
            deleted += 1
    return integer(deleted)


@command("DEL", arity=-2, flags=WRITE, keys=EACH_DELETED, group="generic", since="1.0.0",
         syntax="key [key ...]", tips=ADDED, complexity=PER_KEY)  # fmt: skip
def del_(c: Client, argv: Argv) -> bytes:
    """Delete keys and return how many there were."""
    return _delete(c, argv)


@command("UNLINK", arity=-2, flags=WRITE | FAST, keys=EACH_DELETED, group="generic", since="4.0.0",
         syntax="key [key ...]", tips=ADDED, complexity=PER_KEY)  # fmt: skip
def unlink(c: Client, argv: Argv) -> bytes:
    """Delete keys and return how many there were."""
    return _delete(c, argv)


def _count(c: Client, argv: Argv, get: Callable[[bytes], Value | None]) -> bytes:
    stats, found = c.server.stats, 0
    for name in argv[1:]:
        if get(name) is not None:
            found += 1
        else:
            c.note_miss(name)
    stats.keyspace_hits += found
    stats.keyspace_misses += len(argv) - 1 - found
    return integer(found)


@command("EXISTS", arity=-2, flags=READONLY | FAST, keys=EACH_READ, group="generic", since="1.0.0",
         syntax="key [key ...]", tips=ADDED, complexity=PER_KEY)  # fmt: skip
def exists(c: Client, argv: Argv) -> bytes:
    """Count the keys that exist; one that is named twice counts twice."""
    return _count(c, argv, c.db.peek)


@command("TOUCH", arity=-2, flags=READONLY | FAST, keys=EACH_READ, group="generic", since="3.2.1",
         syntax="key [key ...]", tips=ADDED, complexity=PER_KEY)  # fmt: skip
def touch(c: Client, argv: Argv) -> bytes:
    """Count the keys that exist, as having been accessed."""
    return _count(c, argv, c.db.get)


@command("TYPE", arity=2, flags=READONLY | FAST, keys=READ_QUIETLY, group="generic", since="1.0.0",
         syntax="key")  # fmt: skip
def type_(c: Client, argv: Argv) -> bytes:
    """Return the type of the value under a key, `none` if there is none."""
    value = c.ask_about(argv[1])
    return simple(b"none" if value is None else value.kind)


# -- looking around --------------------------------------------------------------------------------


@command("KEYS", arity=2, flags=READONLY, group="generic", since="1.0.0", syntax="pattern",
         acl="dangerous", tips=("request_policy:all_shards", "nondeterministic_output_order"),
         complexity=PER_DATABASE)  # fmt: skip
def keys_(c: Client, argv: Argv) -> bytes:
    """Return all keys that match a pattern."""
    found = list(c.db.live_keys())
    if argv[1] != b"*":
        found = list(filter(glob.matcher(argv[1]), found))
    return bulks(found)


@command("SCAN", arity=-2, flags=READONLY, group="generic", since="2.8.0",
         syntax="cursor [MATCH pattern] [COUNT count] [TYPE type]",
         tips=("nondeterministic_output", "request_policy:special", "response_policy:special"),
         complexity="O(N) with N being COUNT, per call",
         argument_versions={"type": "6.0.0"})  # fmt: skip
def scan(c: Client, argv: Argv) -> bytes:
    """Return some of the keys and the cursor with which to ask for the next."""
    cursor = parse_cursor(argv[1])
    options = ScanOptions(argv, 2, of_keys=True)
    cursor, found = c.db.scan(cursor, options.count)
    found = [name for name in options.matching(found) if _is_of(c.db.peek(name), options.kind)]
    return scan_reply(cursor, found)


def _is_of(value: Value | None, kind: bytes | None) -> bool:
    return value is not None and kind in {None, value.kind}


@command("RANDOMKEY", arity=1, flags=READONLY, group="generic", since="1.0.0",
         tips=("request_policy:all_shards", "response_policy:special",
             "nondeterministic_output"))  # fmt: skip
def randomkey(c: Client, argv: Argv) -> bytes:
    """Return any of the keys, or null if there is none."""
    return c.enc.maybe_bulk(c.db.random_key(c.server.rng))


# -- expiry ----------------------------------------------------------------------------------------


def _read_conditions(argv: Argv) -> set[bytes]:
    conditions: set[bytes] = set()
    for at, name in enumerate(Options(argv, 3), 3):
        if name not in CONDITIONS:
            raise CommandError(b"Unsupported option %b" % shown(argv[at]))
        conditions.add(name)
    if b"NX" in conditions and len(conditions) > 1:
        raise CommandError("NX and XX, GT or LT options at the same time are not compatible")
    if conditions >= {b"GT", b"LT"}:
        raise CommandError("GT and LT options at the same time are not compatible")
    return conditions


def _holds(conditions: set[bytes], at_ms: int, present_ms: int) -> bool:
    """Whether an expiry may replace the present one; a missing one (0) lies behind all others."""
    if b"NX" in conditions:
        return not present_ms
    if b"XX" in conditions and not present_ms:
        return False
    if b"GT" in conditions:
        return 0 < present_ms < at_ms
    return b"LT" not in conditions or not present_ms or at_ms < present_ms


def _expire(c: Client, argv: Argv, unit_ms: int, base_ms: int, command_name: str) -> bytes:
    """EXPIRE and its relatives, for a time that counts in `unit_ms` from `base_ms` on."""
    conditions = _read_conditions(argv)
    number = parse_int(argv[2])
    at_ms = number * unit_ms + base_ms
    if not INT64_MIN <= number * unit_ms <= INT64_MAX or at_ms > INT64_MAX:
        raise bad_expiry(command_name)
    db, name = c.db, argv[1]
    value = db.get(name)
    if value is None or (conditions and not _holds(conditions, at_ms, value.expires_ms)):
        return ZERO
    if c.server.has_passed(at_ms):
        db.discard(name)
        c.effects.append((db, name, "del", [b"DEL", name]))
        return ONE
    db.set_expiry(name, value, max(1, at_ms))
    if unit_ms != 1 or base_ms:
        argv = [b"PEXPIREAT", name, b"%d" % at_ms, *argv[3:]]
    c.effects.append((db, name, "expire", argv))
    return ONE


@command("EXPIRE", arity=-3, flags=WRITE | FAST, keys=UPDATE, group="generic", since="1.0.0",
         syntax="key seconds [NX|XX|GT|LT]",
         argument_groups="condition", argument_versions={"condition": "7.0.0"})  # fmt: skip
def expire(c: Client, argv: Argv) -> bytes:
    """Let a key expire in a number of seconds."""
    return _expire(c, argv, 1000, c.server.present_ms, "expire")


@command("PEXPIRE", arity=-3, flags=WRITE | FAST, keys=UPDATE, group="generic", since="2.6.0",
         syntax="key milliseconds [NX|XX|GT|LT]",
         argument_groups="condition", argument_versions={"condition": "7.0.0"})  # fmt: skip
def pexpire(c: Client, argv: Argv) -> bytes:
    """Let a key expire in a number of milliseconds."""
    return _expire(c, argv, 1, c.server.present_ms, "pexpire")


@command("EXPIREAT", arity=-3, flags=WRITE | FAST, keys=UPDATE, group="generic", since="1.2.0",
         syntax="key unix-time-seconds [NX|XX|GT|LT]",
         argument_groups="condition", argument_versions={"condition": "7.0.0"})  # fmt: skip
def expireat(c: Client, argv: Argv) -> bytes:
    """Let a key expire at a Unix time in seconds."""
    return _expire(c, argv, 1000, 0, "expireat")


@command("PEXPIREAT", arity=-3, flags=WRITE | FAST, keys=UPDATE, group="generic", since="2.6.0",
         syntax="key unix-time-milliseconds [NX|XX|GT|LT]",
         argument_groups="condition", argument_versions={"condition": "7.0.0"})  # fmt: skip
def pexpireat(c: Client, argv: Argv) -> bytes:
    """Let a key expire at a Unix time in milliseconds."""
    return _expire(c, argv, 1, 0, "pexpireat")


@command("PERSIST", arity=2, flags=WRITE | FAST, keys=UPDATE, group="generic", since="2.2.0",
         syntax="key")  # fmt: skip
def persist(c: Client, argv: Argv) -> bytes:
    """Take away the expiry of a key; return whether it had one."""
    db, name = c.db, argv[1]
    value = db.get(name)
    if value is None or not value.expires_ms:
        return ZERO
    _keep_encoding(name, value)
    db.set_expiry(name, value, 0)
    c.effects.append((db, name, "persist", argv))
    return ONE


def _time_left(c: Client, name: bytes, since_ms: int, unit_ms: int) -> bytes:
    """The expiry of a key, counted in `unit_ms` from `since_ms` on, rounded to the nearest."""
    value = c.ask_about(name)
    if value is None:
        return NO_KEY
    if not value.expires_ms:
        return NO_EXPIRY
    return integer((max(0, value.expires_ms - since_ms) + unit_ms // 2) // unit_ms)


@command("TTL", arity=2, flags=READONLY | FAST, keys=READ, group="generic", since="1.0.0", syntax="key",
         tips=("nondeterministic_output",))  # fmt: skip
def ttl(c: Client, argv: Argv) -> bytes:
    """Return the seconds until a key expires; -1 if it never does, -2 if there is no key."""
    return _time_left(c, argv[1], c.server.clock.now_ms, 1000)


@command("PTTL", arity=2, flags=READONLY | FAST, keys=READ, group="generic", since="2.6.0", syntax="key",
         tips=("nondeterministic_output",))  # fmt: skip
def pttl(c: Client, argv: Argv) -> bytes:
    """Return the milliseconds until a key expires; -1 if it never does, -2 if there is no key."""
    return _time_left(c, argv[1], c.server.clock.now_ms, 1)


@command("EXPIRETIME", arity=2, flags=READONLY | FAST, keys=READ, group="generic", since="7.0.0",
         syntax="key")  # fmt: skip
def expiretime(c: Client, argv: Argv) -> bytes:
    """Return the Unix time in seconds at which a key expires; -1 if never, -2 if there is no key."""
    return _time_left(c, argv[1], 0, 1000)


@command("PEXPIRETIME", arity=2, flags=READONLY | FAST, keys=READ, group="generic", since="7.0.0",
         syntax="key")  # fmt: skip
def pexpiretime(c: Client, argv: Argv) -> bytes:
    """Return the Unix time in ms at which a key expires; -1 if never, -2 if there is no key."""
    return _time_left(c, argv[1], 0, 1)


# -- renaming, moving, copying ---------------------------------------------------------------------


def _keep_encoding(name: bytes, value: Value) -> None:
    """What surrounds `value` changes; OBJECT ENCODING of a string shall not, see `encoding_under`."""
    if isinstance(value, StringValue):
        value.keep_raw(name)


def _carry(name: bytes, value: Value, source: Database, target: Database, new_name: bytes) -> None:
    """Take a value, with its expiry, to another key or database, in place of what is there."""
    _keep_encoding(name, value)
    source.remove(name)
    target.displace(new_name, value)


def _rename(c: Client, argv: Argv, *, replace: bool) -> bool:
    """Return whether the key now has its new name."""
    db, name, new_name = c.db, argv[1], argv[2]
    value = db.get(name)
    if value is None:
        raise no_such_key()
    if name == new_name:
        return replace
    before = db.get(new_name)
    if before is not None and not replace:
        return False
    _carry(name, value, db, db, new_name)
    c.effects.append((db, name, "rename_from", argv))
    c.effects.append((db, new_name, "rename_to", None))
    if before is not None:
        note_displaced(db, new_name, before, value)
    return True


@command("RENAME", arity=3, flags=WRITE, keys=(RENAMED, key(2, "OW update")), group="generic",
         since="1.0.0", syntax="key newkey")  # fmt: skip
def rename(c: Client, argv: Argv) -> bytes:
    """Give a key another name, in place of a key that has that name."""
    _rename(c, argv, replace=True)
    return OK


@command("RENAMENX", arity=3, flags=WRITE | FAST, keys=(RENAMED, key(2, "OW insert")), group="generic",
         since="1.0.0", syntax="key newkey")  # fmt: skip
def renamenx(c: Client, argv: Argv) -> bytes:
    """Give a key another name unless a key has that name."""
    return ONE if _rename(c, argv, replace=False) else ZERO


@command("MOVE", arity=3, flags=WRITE | FAST, keys=(key(1, "RW access update"),), group="generic",
         since="1.0.0", syntax="key db")  # fmt: skip
def move(c: Client, argv: Argv) -> bytes:
    """Take a key to another database unless that has a key of the same name."""
    db, name = c.db, argv[1]
    target = c.server.databases[parse_db(argv[2], len(c.server.databases))]
    if target is db:
        raise _same_object()
    value = db.get(name)
    if value is None or target.get(name) is not None:
        return ZERO
    _carry(name, value, db, target, name)
    c.effects.append((db, name, "move_from", argv))
    c.effects.append((target, name, "move_to", None))
    return ONE


def _same_object() -> CommandError:
    return CommandError("source and destination objects are the same")


@command("COPY", arity=-3, flags=WRITE | DENYOOM, keys=(key(1, "RO access"), key(2, "OW update")),
         group="generic", since="6.2.0", syntax="source destination [DB destination-db] [REPLACE]",
         complexity="O(N) with N being the number of elements, or the length of a string")  # fmt: skip
def copy(c: Client, argv: Argv) -> bytes:
    """Copy a value, with its expiry, to another key."""
    name, new_name = argv[1], argv[2]
    target, replace = c.db, False
    for option in (options := Options(argv, 3)):
        if option == b"REPLACE":
            replace = True
        elif option == b"DB":
            target = c.server.databases[parse_db(options.value(), len(c.server.databases))]
        else:
            raise syntax_error()
    if target is c.db and name == new_name:
        raise _same_object()
    value = c.read_any(name)
    before = None if value is None else target.get(new_name)
    if value is None or (before is not None and not replace):
        return ZERO
    _keep_encoding(name, value)
    twin = value.copy()
    twin.expires_ms = value.expires_ms
    target.displace(new_name, twin)
    if target is c.db:
        c.effects.append((target, new_name, "copy_to", argv))
    else:  # logged where it was sent
        c.effects.append((c.db, None, None, argv))
        c.effects.append((target, new_name, "copy_to", None))
    if before is not None:
        note_displaced(target, new_name, before, twin)
    return ONE


# -- OBJECT ----------------------------------------------------------------------------------------

container("OBJECT", group="generic", since="2.2.3", summary="What is known of a value besides its content")


_SWITCHED = (
    " Please note that when switching between policies at runtime LRU and LFU data will take some time to "
    "adjust."
)


def encoding_of(c: Client, name: bytes, value: Value) -> bytes:
    """What OBJECT ENCODING answers for a value stored under a key."""
    return value.encoding_under(name) if isinstance(value, StringValue) else value.encoding()


@command("OBJECT|ENCODING", arity=3, flags=READONLY, keys=(key(2, "RO"),), group="generic", since="2.2.3",
         syntax="key", tips=("nondeterministic_output",))  # fmt: skip
def object_encoding(c: Client, argv: Argv) -> bytes:
    """Return how Redis would represent the value under a key."""
    value = c.inspect(argv[2])
    return c.enc.null if value is None else bulk(encoding_of(c, argv[2], value))


@command("OBJECT|REFCOUNT", arity=3, flags=READONLY, keys=(key(2, "RO"),), group="generic", since="2.2.3",
         syntax="key", tips=("nondeterministic_output",))  # fmt: skip
def object_refcount(c: Client, argv: Argv) -> bytes:
    """Return how many keys share the value under a key: always 1."""
    return c.enc.null if c.inspect(argv[2]) is None else ONE


@command("OBJECT|FREQ", arity=3, flags=READONLY, keys=(key(2, "RO"),), group="generic", since="4.0.0",
         syntax="key", tips=("nondeterministic_output",))  # fmt: skip
def object_freq(c: Client, argv: Argv) -> bytes:
    """Return how often a key is accessed, on a scale of 0 to 255, under an LFU policy."""
    value, frequencies = c.inspect(argv[2]), c.server.frequencies
    if value is None:
        return c.enc.null
    if not frequencies.on:
        raise CommandError(
            "An LFU maxmemory policy is not selected, access frequency not tracked." + _SWITCHED
        )
    return integer(frequencies.of(value))


@command("OBJECT|IDLETIME", arity=3, flags=READONLY, keys=(key(2, "RO"),), group="generic", since="2.2.3",
         syntax="key", tips=("nondeterministic_output",))  # fmt: skip
def object_idletime(c: Client, argv: Argv) -> bytes:
    """Return the seconds since a key was accessed, except under an LFU policy."""
    value, server = c.inspect(argv[2]), c.server
    if value is None:
        return c.enc.null
    if server.frequencies.on:
        raise CommandError("An LFU maxmemory policy is selected, idle time not tracked." + _SWITCHED)
    return integer(idle_s(value, server.clock.second))


@command("OBJECT|HELP", arity=2, flags=LOADING | STALE, group="generic", since="6.2.0")
def object_help(c: Client, argv: Argv) -> bytes:
    """List the subcommands."""
    return help_reply("OBJECT", """
        ENCODING <key>
            Show how Redis would represent the value in memory.
        FREQ <key>
            Show how often the key is accessed: on a logarithmic scale of 0 to 255, and under
            an LFU policy only.
        IDLETIME <key>
            Show the seconds since the key was accessed; not under an LFU policy.
        REFCOUNT <key>
            Show how many keys share the value: always 1.
    """)  # fmt: skip


# -- waiting for safety ----------------------------------------------------------------------------


@command("WAIT", arity=3, flags=BLOCKING, group="generic", since="3.0.0", syntax="numreplicas timeout",
         acl="connection -keyspace",
         tips=("request_policy:all_shards", "response_policy:agg_min"))  # fmt: skip
def wait(c: Client, argv: Argv) -> bytes:
    """Wait until replicas have what this client wrote; return how many have. There are none."""
    replicas = parse_int(argv[1])
    timeout_ms = parse_timeout_ms(argv[2], c.server.clock.now_ms)
    return ZERO if replicas <= 0 else c.park(argv, (), timeout_ms, ZERO)


class _SyncedUpTo(Argv):
    """A WAITAOF that waits, and the position in the log that it waits for."""

    __slots__ = ("position",)
    position: int


@command("WAITAOF", arity=4, flags=BLOCKING, group="generic", since="7.2.0",
         syntax="numlocal numreplicas timeout", acl="connection -keyspace",
         tips=("request_policy:all_shards", "response_policy:agg_min"))  # fmt: skip
def waitaof(c: Client, argv: Argv) -> bytes:
    """Wait until what was written is on the disk here and on replicas; return on how many. There are none."""
    local = parse_int_between(argv[1], 0, 1)
    replicas = parse_non_negative(argv[2])
    timeout_ms = parse_timeout_ms(argv[3], c.server.clock.now_ms)
    aof = c.server.kept_log
    if aof is None:  # or not yet; what was written is in its base then
        if local and not c.server.saves.rewrites.first_waits:
            raise CommandError("WAITAOF cannot be used when numlocal is set but appendonly is disabled.")
        synced = 0
    else:
        if not isinstance(argv, _SyncedUpTo):
            if not c.executing:  # else it is in the log when EXEC is
                c.server.drain()  # what this client just wrote is part of it
            argv = _SyncedUpTo(argv)
            argv.position = aof.writer.position + len(c.effects)
        synced = int(aof.synced >= argv.position)
    reply = array([integer(synced), ZERO])
    if synced >= local and not replicas:
        return reply
    if c.parked is not None:
        c.parked.timeout_reply = reply
    return c.park(argv, (LOG_SYNCED,), timeout_ms, reply)
