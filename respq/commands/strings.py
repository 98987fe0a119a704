"""Strings: values, and byte ranges. What adds to numbers stands in `counters`.

GET and SET are what most clients send most, so both are written out for the common case (a string without
expiry) and hand everything else to a function. Their bulk forms work for any mixture of keys, since runs of
them seldom share one.

What is logged is the effect: a time to live becomes the moment at which it ends, GETEX what it did to the
expiry. Plain forms are logged as they were sent.
"""

from __future__ import annotations

from respq.command import (
    DENYOOM,
    FAST,
    FIRST,
    MOVABLEKEYS,
    READONLY,
    WRITE,
    Argv,
    Client,
    Keys,
    command,
    key,
    keys,
)
from respq.commands.arguments import INT_MAX, Options, parse_expiry_ms, parse_int, parse_int_between
from respq.commands.conditions import CONDITIONS, parse_condition
from respq.datatypes.strings import StringValue
from respq.errors import CommandError, syntax_error
from respq.keyspace import Database
from respq.protocol.resp import EMPTY_BULK, OK, ONE, ZERO, array, bulk, bulk_strings, integer
from respq.protocol.runs import Run
from respq.state import LONG_REPLY

READ = (key(1, "RO access"),)
REPLACE = (key(1, "OW update"),)
INSERT = (key(1, "RW insert"),)
NOTE_ON_SET = "RW and ACCESS due to the optional `GET` argument"  # as COMMAND INFO spells it
NOTE_ON_GETEX = "RW and UPDATE because it changes the TTL"

# Options that give an expiry: the unit in ms, and whether it counts from the present.
EXPIRIES = {b"EX": (1000, True), b"PX": (1, True), b"EXAT": (1000, False), b"PXAT": (1, False)}
ABOUT_EXPIRY = {*EXPIRIES, b"KEEPTTL", b"PERSIST"}  # at most one of them
ABOUT_PRESENT = {*CONDITIONS, b"NX", b"XX"}  # likewise
OF_SET = {b"NX", b"XX", b"GET", b"KEEPTTL"}
OF_GETEX = {b"PERSIST"}
OF_MSETEX = {b"NX", b"XX", b"KEEPTTL"}

MANY_VALUES = 16  # that one MGET answers with: they are measured before the reply is made


# -- shared ----------------------------------------------------------------------------------------


def _store(db: Database, name: bytes, data: bytes) -> StringValue:
    """Put a string under a key, in place of any value and without expiry."""
    value = db.get(name)
    if value.__class__ is StringValue:
        value.data = data
        if value.expires_ms:
            db.set_expiry(name, value, 0)
        return value
    value = StringValue(data)
    db.put(name, value)
    return value


def _answer(c: Client, value: StringValue | None) -> bytes:
    """A string or null, as the end of a command: if it is long, the client may be closed instead."""
    if value is not None and len(value.data) > LONG_REPLY:
        c.make_room(len(value.data))
    return _maybe(c, value)


def _maybe(c: Client, value: StringValue | None) -> bytes:
    return c.enc.null if value is None else bulk(value.data)


def read_options(argv: Argv, at: int, plain: set[bytes], *, conditional: bool = False) -> dict[bytes, bytes]:
    """The options from `argv[at]` on by name: `plain` ones, those that give an expiry, and CONDITIONS."""
    found: dict[bytes, bytes] = {}
    for name in (options := Options(argv, at)):
        if name in EXPIRIES or (conditional and name in CONDITIONS and name not in found):
            found[name] = options.value()
        elif name in plain:
            found[name] = b""
        else:
            raise syntax_error()
    if len(ABOUT_EXPIRY & found.keys()) > 1 or len(ABOUT_PRESENT & found.keys()) > 1:
        raise syntax_error()
    return found


def read_expiry(c: Client, options: dict[bytes, bytes], command_name: str) -> int:
    """The moment that one of the options names, in Unix ms, or 0."""
    for name in EXPIRIES.keys() & options.keys():
        unit_ms, relative = EXPIRIES[name]
        base_ms = (c.server.clock.now_ms or c.server.loading_since_ms) if relative else 0  # present_ms
        return parse_expiry_ms(options[name], unit_ms, base_ms, command_name)
    return 0


# -- get -------------------------------------------------------------------------------------------


def _get_run(c: Client, run: Run) -> bytes | None:
    db = c.db
    second = db.clock.second
    strings: list[bytes] = []
    for value in map(db.values.get, run.last):
        if value.__class__ is not StringValue or value.expires_ms:
            return _get_each(c, run)
        value.accessed = second
        strings.append(value.data)
    if max(map(len, strings)) > LONG_REPLY:  # each is accounted for, before the next is made
        return None
    c.server.stats.keyspace_hits += run.count
    return bulk_strings(strings)


def _get_each(c: Client, run: Run) -> bytes | None:
    """`_get_run` where keys are missing, or may expire."""
    found = c.db.find_each(run.last, StringValue)
    if found is None:
        return None
    strings = [value.data for value in found if value is not None]
    if max(map(len, strings), default=0) > LONG_REPLY:
        return None
    stats = c.server.stats
    stats.keyspace_misses += run.count - len(strings)
    stats.keyspace_hits += len(strings)
    return b"".join([_maybe(c, value) for value in found])


@command("GET", arity=2, flags=READONLY | FAST, keys=READ, group="string", since="1.0.0", syntax="key",
         bulk=_get_run)  # fmt: skip
def get(c: Client, argv: Argv) -> bytes:
    """Return the string under a key, or null."""
    db = c.db
    value = db.values.get(argv[1])
    if value.__class__ is StringValue and not value.expires_ms:
        c.server.stats.keyspace_hits += 1
        value.accessed = db.clock.second
        data = value.data
        size = len(data)
        if size > LONG_REPLY:
            c.make_room(size)
        return b"$%d\r\n%b\r\n" % (size, data)
    return _answer(c, c.read(argv[1], StringValue))


@command("MGET", arity=-2, flags=READONLY | FAST, keys=(keys(1, -1, 1, "RO access"),), group="string",
         since="1.0.0", syntax="key [key ...]", tips=("request_policy:multi_shard",),
         complexity="O(N) with N being the number of keys")  # fmt: skip
def mget(c: Client, argv: Argv) -> bytes:
    """Return the strings under several keys, null for one that is missing or holds another type."""
    get, null, stats = c.db.get, c.enc.null, c.server.stats
    if c.server.notifications.misses:
        get = c.get_noting
    values = [get(name) for name in argv[1:]]
    misses = values.count(None)
    stats.keyspace_misses += misses
    stats.keyspace_hits += len(values) - misses
    if len(values) > MANY_VALUES:
        c.make_room(sum([len(value.data) for value in values if isinstance(value, StringValue)]))
    reply = array([bulk(value.data) if isinstance(value, StringValue) else null for value in values])
    if len(reply) > LONG_REPLY and len(values) <= MANY_VALUES:
        c.make_room(len(reply))
    return reply


@command("STRLEN", arity=2, flags=READONLY | FAST, keys=(key(1, "RO"),), group="string", since="2.2.0",
         syntax="key")  # fmt: skip
def strlen(c: Client, argv: Argv) -> bytes:
    """Return the length of the string under a key in bytes, 0 if there is none."""
    value = c.read(argv[1], StringValue)
    return ZERO if value is None else integer(len(value.data))


def _range(c: Client, argv: Argv) -> bytes:
    start, end = parse_int(argv[2]), parse_int(argv[3])
    value = c.read(argv[1], StringValue)
    return EMPTY_BULK if value is None else bulk(value.get_range(start, end))


@command("GETRANGE", arity=4, flags=READONLY, keys=READ, group="string", since="2.4.0",
         syntax="key start end", complexity="O(N) with N being the length of the reply")  # fmt: skip
def getrange(c: Client, argv: Argv) -> bytes:
    """Return a part of the string under a key; negative positions count from its end."""
    return _range(c, argv)


@command("SUBSTR", arity=4, flags=READONLY, keys=READ, group="string", since="1.0.0",
         syntax="key start end", complexity="O(N) with N being the length of the reply",
         deprecated_since="2.0.0", replaced_by="`GETRANGE`")  # fmt: skip
def substr(c: Client, argv: Argv) -> bytes:
    """Do what GETRANGE does, under its former name."""
    return _range(c, argv)


@command("GETDEL", arity=2, flags=WRITE | FAST, keys=(key(1, "RW access delete"),), group="string",
         since="6.2.0", syntax="key")  # fmt: skip
def getdel(c: Client, argv: Argv) -> bytes:
    """Return the string under a key and delete the key."""
    db, name = c.db, argv[1]
    value = c.read(name, StringValue)
    if value is None:
        return c.enc.null
    db.remove(name)
    c.effects.append((db, name, "del", [b"DEL", name]))
    return _answer(c, value)


@command("GETEX", arity=-2, flags=WRITE | FAST,
         keys=(Keys("RW access update", 1, notes=NOTE_ON_GETEX),), group="string", since="6.2.0",
         syntax="key [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|PERSIST]",
         argument_groups="expiration")  # fmt: skip
def getex(c: Client, argv: Argv) -> bytes:
    """Return the string under a key and set or take away its expiry."""
    db, name = c.db, argv[1]
    options = read_options(argv, 2, OF_GETEX)
    value = c.read(name, StringValue)
    if value is None:
        return c.enc.null
    at_ms = read_expiry(c, options, "getex")
    if at_ms:
        _expire_at(c, name, value, at_ms)
    elif b"PERSIST" in options and value.expires_ms:
        value.keep_raw(name)
        db.set_expiry(name, value, 0)
        c.effects.append((db, name, "persist", [b"PERSIST", name]))
    return _answer(c, value)


def _expire_at(c: Client, name: bytes, value: StringValue, at_ms: int) -> None:
    """GETEX with an expiry; one that has passed deletes the key, except while the log is loaded."""
    db = c.db
    if c.server.has_passed(at_ms):
        db.remove(name)
        c.effects.append((db, name, "del", [b"DEL", name]))
    else:
        db.set_expiry(name, value, at_ms)
        c.effects.append((db, name, "expire", [b"PEXPIREAT", name, b"%d" % at_ms]))


# -- set -------------------------------------------------------------------------------------------


def _set_run(c: Client, run: Run) -> bytes | None:
    """Plain SETs."""
    if run.words != 3:
        return None
    db = c.db
    find, second = db.values.get, db.clock.second
    names, strings = run.columns if len(run.columns) == 2 else ([run.shared[1]] * run.count, run.last)
    for name, data in zip(names, strings, strict=True):
        value = find(name)
        if value.__class__ is StringValue and not value.expires_ms:
            value.data = data
            value.accessed = second
        else:
            _store(db, name, data)
    c.effects.append((db, None, None, run))
    return OK * len(run)


@command("SET", arity=-3, flags=WRITE | DENYOOM,
         keys=(Keys("RW access update variable_flags", 1, notes=NOTE_ON_SET),), group="string", since="1.0.0",
         syntax="key value [NX|XX] [GET] [EX seconds|PX milliseconds|EXAT unix-time-seconds"
         "|PXAT unix-time-milliseconds|KEEPTTL]", bulk=_set_run,
         argument_groups="condition expiration",
         argument_versions={"condition": "2.6.12", "get": "6.2.0", "seconds": "2.6.12",
             "milliseconds": "2.6.12", "unix-time-seconds": "6.2.0",
             "unix-time-milliseconds": "6.2.0", "keepttl": "6.0.0"})  # fmt: skip
def set_(c: Client, argv: Argv) -> bytes:
    """Put a string under a key, with an expiry or a condition if options ask for one."""
    if len(argv) != 3:
        return _set_with_options(c, argv)
    db = c.db
    _, name, data = argv
    value = db.values.get(name)
    if value.__class__ is StringValue and not value.expires_ms:
        value.data = data
        value.accessed = db.clock.second
    else:
        _store(db, name, data)
    c.effects.append((db, name, "set", argv))
    return OK


def _set_with_options(c: Client, argv: Argv) -> bytes:
    db, name, data = c.db, argv[1], argv[2]
    options = read_options(argv, 3, OF_SET, conditional=True)
    condition = next(
        (parse_condition(option, options[option]) for option in CONDITIONS & options.keys()), None
    )
    at_ms = read_expiry(c, options, "set")
    reply = _maybe(c, c.read(name, StringValue)) if b"GET" in options else None
    present = db.get(name)
    if (
        (b"NX" in options and present is not None)
        or (b"XX" in options and present is None)
        or (condition is not None and not condition.holds(db.find(name, StringValue)))
    ):
        return c.enc.null if reply is None else reply
    kept_ms = present.expires_ms if b"KEEPTTL" in options and present is not None else 0
    _set_until(c, name, data, at_ms or kept_ms)
    c.effects.append((db, name, "set", _logged_set(argv, options, at_ms)))
    if at_ms:
        c.effects.append((db, name, "expire", None))
    return OK if reply is None else reply


def _set_until(c: Client, name: bytes, data: bytes, at_ms: int) -> None:
    """Put a string under a key; 0 lets it stay. A moment in the past is stored like any other."""
    value = _store(c.db, name, data)
    if at_ms:
        c.db.set_expiry(name, value, at_ms)


def _logged_set(argv: Argv, options: dict[bytes, bytes], at_ms: int) -> Argv:
    """What repeats a SET that succeeded: the expiry as a moment, without GET and what came after 8.2."""
    conditional = bool(CONDITIONS & options.keys())
    if at_ms and (b"PXAT" not in options or conditional):
        return [b"SET", argv[1], argv[2], b"PXAT", b"%d" % at_ms]
    if conditional:
        return [b"SET", argv[1], argv[2], *[b"KEEPTTL"] * (b"KEEPTTL" in options)]
    if b"GET" in options and not at_ms:
        return argv[:3] + [word for word in argv[3:] if word.upper() != b"GET"]
    return argv


def _set_for(c: Client, argv: Argv, unit_ms: int, command_name: str) -> bytes:
    """SETEX and PSETEX."""
    name, data = argv[1], argv[3]
    now_ms = c.server.clock.now_ms or c.server.loading_since_ms  # present_ms, without a call
    at_ms = parse_expiry_ms(argv[2], unit_ms, now_ms, command_name)
    _set_until(c, name, data, at_ms)
    c.effects.append((c.db, name, "set", [b"SET", name, data, b"PXAT", b"%d" % at_ms]))
    c.effects.append((c.db, name, "expire", None))
    return OK


@command("SETEX", arity=4, flags=WRITE | DENYOOM, keys=REPLACE, group="string", since="2.0.0",
         syntax="key seconds value",
         deprecated_since="2.6.12", replaced_by="`SET` with the `EX` argument")  # fmt: skip
def setex(c: Client, argv: Argv) -> bytes:
    """Put a string under a key for a number of seconds."""
    return _set_for(c, argv, 1000, "setex")


@command("PSETEX", arity=4, flags=WRITE | DENYOOM, keys=REPLACE, group="string", since="2.6.0",
         syntax="key milliseconds value",
         deprecated_since="2.6.12", replaced_by="`SET` with the `PX` argument")  # fmt: skip
def psetex(c: Client, argv: Argv) -> bytes:
    """Put a string under a key for a number of milliseconds."""
    return _set_for(c, argv, 1, "psetex")


@command("SETNX", arity=3, flags=WRITE | DENYOOM | FAST, keys=(key(1, "OW insert"),), group="string",
         since="1.0.0", syntax="key value",
         deprecated_since="2.6.12", replaced_by="`SET` with the `NX` argument")  # fmt: skip
def setnx(c: Client, argv: Argv) -> bytes:
    """Put a string under a key unless the key exists."""
    db, name = c.db, argv[1]
    if db.get(name) is not None:
        return ZERO
    db.add(name, StringValue(argv[2]))
    c.effects.append((db, name, "set", argv))
    return ONE


@command("GETSET", arity=3, flags=WRITE | DENYOOM | FAST, keys=FIRST, group="string", since="1.0.0",
         syntax="key value",
         deprecated_since="6.2.0", replaced_by="`SET` with the `!GET` argument")  # fmt: skip
def getset(c: Client, argv: Argv) -> bytes:
    """Put a string under a key and return the one that was there."""
    db, name = c.db, argv[1]
    reply = _maybe(c, c.read(name, StringValue))
    _store(db, name, argv[2])
    c.effects.append((db, name, "set", [b"SET", name, argv[2]]))
    return reply


@command("MSET", arity=-3, flags=WRITE | DENYOOM, keys=(keys(1, -1, 2, "OW update"),), group="string",
         since="1.0.1", syntax="key value [key value ...]",
         tips=("request_policy:multi_shard", "response_policy:all_succeeded"),
         complexity="O(N) with N being the number of keys",
         argument_groups="data")  # fmt: skip
def mset(c: Client, argv: Argv) -> bytes:
    """Put strings under several keys."""
    _check_pairs(argv, "mset")
    _set_all(c, argv)
    return OK


@command("MSETNX", arity=-3, flags=WRITE | DENYOOM, keys=(keys(1, -1, 2, "OW insert"),), group="string",
         since="1.0.1", syntax="key value [key value ...]",
         complexity="O(N) with N being the number of keys",
         argument_groups="data")  # fmt: skip
def msetnx(c: Client, argv: Argv) -> bytes:
    """Put strings under several keys unless one of the keys exists."""
    _check_pairs(argv, "msetnx")
    if any(c.db.get(name) is not None for name in argv[1::2]):
        return ZERO
    _set_all(c, argv)
    return ONE


@command("MSETEX", arity=-4, flags=WRITE | DENYOOM | MOVABLEKEYS,
         keys=(Keys("OW update", 1, step=2, counted=True),), group="string", since="8.4.0",
         syntax="numkeys key value [key value ...] [NX | XX] [EX seconds | PX milliseconds "
         "| EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
         tips=("request_policy:multi_shard", "response_policy:all_succeeded"),
         complexity="O(N) with N being the number of keys")  # fmt: skip
def msetex(c: Client, argv: Argv) -> bytes:
    """Put strings under several keys with an expiry, if none (NX) or all (XX) of the keys exist."""
    db = c.db
    count = parse_int_between(argv[1], 1, INT_MAX, "invalid numkeys value")
    end = 2 + 2 * count
    if end > len(argv):
        raise CommandError("wrong number of key-value pairs")
    options = read_options(argv, end, OF_MSETEX)
    at_ms = read_expiry(c, options, "msetex")
    names = argv[2:end:2]
    if ABOUT_PRESENT & options.keys() and any((db.get(name) is None) == (b"XX" in options) for name in names):
        return ZERO
    mark = len(c.effects)
    for name, data in zip(names, argv[3:end:2], strict=True):
        present = db.get(name)
        kept_ms = present.expires_ms if b"KEEPTTL" in options and present is not None else 0
        _set_until(c, name, data, at_ms or kept_ms)
        logged = [b"SET", name, data]
        if at_ms:
            logged += [b"PXAT", b"%d" % at_ms]
        elif b"KEEPTTL" in options:
            logged.append(b"KEEPTTL")
        c.effects.append((db, name, "set", logged))
        if at_ms:
            c.effects.append((db, name, "expire", None))
    c.log_together(mark)
    return ONE


def _check_pairs(argv: Argv, command_name: str) -> None:
    if len(argv) % 2 == 0:
        raise CommandError(f"wrong number of arguments for '{command_name}' command")


def _set_all(c: Client, argv: Argv) -> None:
    """Logged with the last of the keys: behind the deletion of any of them that had expired."""
    db, last = c.db, len(argv) - 2
    for at in range(1, len(argv), 2):
        _store(db, argv[at], argv[at + 1])
        c.effects.append((db, argv[at], "set", argv if at == last else None))


# -- parts of strings ------------------------------------------------------------------------------


@command("APPEND", arity=3, flags=WRITE | DENYOOM | FAST, keys=INSERT, group="string", since="2.0.0",
         syntax="key value", complexity="O(1), amortised")  # fmt: skip
def append(c: Client, argv: Argv) -> bytes:
    """Add bytes at the end of the string under a key, creating it first if needed."""
    db, name, tail = c.db, argv[1], argv[2]
    value = db.find(name, StringValue)
    if value is None:
        db.add(name, StringValue(tail))
        length = len(tail)
    else:
        check_length(c, len(value.data) + len(tail))
        length = value.append(tail)
    c.effects.append((db, name, "append", argv))
    return integer(length)


@command("SETRANGE", arity=4, flags=WRITE | DENYOOM, keys=(key(1, "RW update"),), group="string",
         since="2.2.0", syntax="key offset value",
         complexity="O(N) with N being the length of the value")  # fmt: skip
def setrange(c: Client, argv: Argv) -> bytes:
    """Overwrite a part of the string under a key, padding with zero bytes."""
    db, name, part = c.db, argv[1], argv[3]
    offset = parse_int(argv[2])
    if offset < 0:
        raise CommandError("offset is out of range")
    value = db.find(name, StringValue)
    if not part:
        return ZERO if value is None else integer(len(value.data))
    check_length(c, offset + len(part))
    if value is None:
        value = StringValue()
        db.add(name, value)
    length = value.set_range(offset, part)
    c.effects.append((db, name, "setrange", argv))
    return integer(length)


def check_length(c: Client, length: int) -> None:
    """Raise CommandError if a string of so many bytes would be longer than strings may be."""
    if length > c.server.config.proto_max_bulk_len:
        raise CommandError("string exceeds maximum allowed size (proto-max-bulk-len)")
