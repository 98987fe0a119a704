"""Fields of hashes that expire: giving, asking for and taking away their deadlines.

A deadline that has passed already deletes the field. What is logged is the moment (HPEXPIREAT, HSETEX
with PXAT) for the fields to which it was given, or one HDEL for those that were deleted; redis-server
8.2.3 logs an HDEL each, in a transaction. While the log is loaded time stands at 0 and nothing expires.

Orders of checks, encodings and events as observed on redis-server 8.2.3. Whoever may give a deadline
prepares the hash for that, whether or not a field gets one, which shows in OBJECT ENCODING.
"""

from __future__ import annotations

from collections.abc import Sequence

from respq.command import DENYOOM, FAST, READONLY, WRITE, Argv, Client, Keys, command, key
from respq.commands.arguments import INT_MAX, bad_expiry, parse_int, parse_int_between
from respq.commands.hashes import find_naming, read_fields, remove_emptied, values_of, without_expired
from respq.datatypes.hashes import HashValue
from respq.errors import CommandError, shown, syntax_error
from respq.keyspace import FieldEvent
from respq.protocol.resp import ONE, ZERO, array, integer

READ = (key(1, "RO access"),)
UPDATE = (key(1, "RW update"),)
READ_AND_EXPIRE = (Keys("RW access update", 1, notes="RW and UPDATE because it changes the TTL"),)
PER_FIELD = "O(N) with N being the number of fields named"

LATEST_MS = (1 << 46) - 1  # Unix time, in the year 4199: what Redis has room for
# Options that name a deadline: the unit in ms, and whether it counts from the present.
EXPIRIES = {b"EX": (1000, True), b"PX": (1, True), b"EXAT": (1000, False), b"PXAT": (1, False)}

NO_FIELD, NO_DEADLINE = integer(-2), integer(-1)
NOT_MET, SET, DELETED = ZERO, ONE, integer(2)


def _parse_deadline(word: bytes, unit_ms: int, base_ms: int, command_name: str) -> int:
    """A deadline in Unix ms, spelled in units of `unit_ms` from `base_ms` on."""
    number = parse_int(word)
    if number < 0:
        raise CommandError("invalid expire time, must be >= 0")
    at_ms = number * unit_ms + base_ms
    if at_ms > LATEST_MS:
        raise bad_expiry(command_name)
    return at_ms


def _parse_option(c: Client, option: bytes, word: bytes, command_name: str) -> int:
    """The deadline that one of EXPIRIES names, in Unix ms."""
    unit_ms, relative = EXPIRIES[option]
    return _parse_deadline(word, unit_ms, c.server.present_ms if relative else 0, command_name)


def _delete(c: Client, name: bytes, value: HashValue, fields: Sequence[bytes]) -> None:
    """Delete fields because of a deadline that has passed; say so if there were any."""
    deleted = value.remove(fields)
    if deleted:
        c.effects.append((c.db, name, FieldEvent("hdel", deleted), [b"HDEL", name, *deleted]))
        if not value.fields:
            remove_emptied(c, name)


# -- HEXPIRE ---------------------------------------------------------------------------------------


def _holds(condition: bytes, at_ms: int, present_ms: int) -> bool:
    """Whether a deadline may replace the present one; a missing one (0) lies behind all others."""
    if condition == b"NX":
        return not present_ms
    if condition == b"XX":
        return present_ms > 0
    if condition == b"GT":
        return 0 < present_ms < at_ms
    return condition != b"LT" or not present_ms or at_ms < present_ms


def _hexpire(c: Client, argv: Argv, unit_ms: int, base_ms: int, command_name: str) -> bytes:
    """HEXPIRE and its relatives, for a time that counts in `unit_ms` from `base_ms` on."""
    name = argv[1]
    value = c.db.find(name, HashValue)  # its type comes before the words
    at_ms = _parse_deadline(argv[2], unit_ms, base_ms, command_name)
    condition = argv[3].upper()
    at = 4 if condition in {b"NX", b"XX", b"GT", b"LT"} else 3
    fields = read_fields(argv, at, "Parameter `numFields` should be greater than 0")
    value = without_expired(c, name, value, fields)
    if value is None:
        return array([NO_FIELD] * len(fields))
    value.keep_deadlines()
    passed = c.server.has_passed(at_ms)
    replies, changed = [], []
    gone: set[bytes] = set()
    for field in fields:
        if field not in value.fields or field in gone:
            replies.append(NO_FIELD)
        elif not _holds(condition, at_ms, value.deadline_of(field)):
            replies.append(NOT_MET)
        else:
            changed.append(field)
            replies.append(DELETED if passed else SET)
            if passed:
                gone.add(field)
            else:
                value.expire(field, at_ms)
    if passed:
        _delete(c, name, value, changed)
    elif changed:
        c.db.note_deadlines(name, value)
        if unit_ms != 1 or base_ms or len(changed) < len(fields):
            count = b"%d" % len(changed)
            argv = [b"HPEXPIREAT", name, b"%d" % at_ms, *argv[3 : at + 1], count, *changed]
        c.effects.append((c.db, name, FieldEvent("hexpire", changed), argv))
    return array(replies)


@command("HEXPIRE", arity=-6, flags=WRITE | FAST, keys=UPDATE, group="hash", since="7.4.0",
         syntax="key seconds [NX|XX|GT|LT] <FIELDS numfields field [field ...]>",
         complexity=PER_FIELD,
         argument_groups="condition fields")  # fmt: skip
def hexpire(c: Client, argv: Argv) -> bytes:
    """Let fields of a hash expire in a number of seconds."""
    return _hexpire(c, argv, 1000, c.server.present_ms, "hexpire")


@command("HPEXPIRE", arity=-6, flags=WRITE | FAST, keys=UPDATE, group="hash", since="7.4.0",
         syntax="key milliseconds [NX|XX|GT|LT] <FIELDS numfields field [field ...]>",
         complexity=PER_FIELD,
         argument_groups="condition fields")  # fmt: skip
def hpexpire(c: Client, argv: Argv) -> bytes:
    """Let fields of a hash expire in a number of milliseconds."""
    return _hexpire(c, argv, 1, c.server.present_ms, "hpexpire")


@command("HEXPIREAT", arity=-6, flags=WRITE | FAST, keys=UPDATE, group="hash", since="7.4.0",
         syntax="key unix-time-seconds [NX|XX|GT|LT] <FIELDS numfields field [field ...]>",
         complexity=PER_FIELD,
         argument_groups="condition fields")  # fmt: skip
def hexpireat(c: Client, argv: Argv) -> bytes:
    """Let fields of a hash expire at a Unix time in seconds."""
    return _hexpire(c, argv, 1000, 0, "hexpireat")


@command("HPEXPIREAT", arity=-6, flags=WRITE | FAST, keys=UPDATE, group="hash", since="7.4.0",
         syntax="key unix-time-milliseconds [NX|XX|GT|LT] <FIELDS numfields field [field ...]>",
         complexity=PER_FIELD,
         argument_groups="condition fields")  # fmt: skip
def hpexpireat(c: Client, argv: Argv) -> bytes:
    """Let fields of a hash expire at a Unix time in milliseconds."""
    return _hexpire(c, argv, 1, 0, "hpexpireat")


@command("HPERSIST", arity=-5, flags=WRITE | FAST, keys=UPDATE, group="hash", since="7.4.0",
         syntax="key <FIELDS numfields field [field ...]>", complexity=PER_FIELD,
         argument_groups="fields")  # fmt: skip
def hpersist(c: Client, argv: Argv) -> bytes:
    """Take away the expiry of fields of a hash."""
    name = argv[1]
    value = c.db.find(name, HashValue)
    fields = read_fields(argv, 2)
    value = without_expired(c, name, value, fields)
    if value is None:
        return array([NO_FIELD] * len(fields))
    replies = [
        NO_FIELD if field not in value.fields else SET if value.persist(field) else NO_DEADLINE
        for field in fields
    ]
    persisted = [field for field, reply in zip(fields, replies, strict=True) if reply is SET]
    if persisted:
        c.effects.append((c.db, name, FieldEvent("hpersist", persisted), argv))
    return array(replies)


# -- HTTL ------------------------------------------------------------------------------------------


def _time_left(c: Client, argv: Argv, since_ms: int, unit_ms: int) -> bytes:
    """The deadlines of fields, counted in `unit_ms` from `since_ms` on, rounded up."""
    value = c.read(argv[1], HashValue)
    fields = read_fields(argv, 2)
    value = without_expired(c, argv[1], value, fields)
    if value is None:
        return array([NO_FIELD] * len(fields))
    replies = []
    for field in fields:
        at_ms = value.deadline_of(field)
        if at_ms:
            replies.append(integer(max(0, -((since_ms - at_ms) // unit_ms))))
        else:
            replies.append(NO_DEADLINE if field in value.fields else NO_FIELD)
    return array(replies)


@command("HTTL", arity=-5, flags=READONLY | FAST, keys=READ, group="hash", since="7.4.0",
         syntax="key <FIELDS numfields field [field ...]>", tips=("nondeterministic_output",),
         complexity=PER_FIELD,
         argument_groups="fields")  # fmt: skip
def httl(c: Client, argv: Argv) -> bytes:
    """Return the seconds until fields expire; -1 for one that never does, -2 for one that is missing."""
    return _time_left(c, argv, c.server.clock.now_ms, 1000)


@command("HPTTL", arity=-5, flags=READONLY | FAST, keys=READ, group="hash", since="7.4.0",
         syntax="key <FIELDS numfields field [field ...]>", tips=("nondeterministic_output",),
         complexity=PER_FIELD,
         argument_groups="fields")  # fmt: skip
def hpttl(c: Client, argv: Argv) -> bytes:
    """Return the ms until fields expire; -1 for one that never does, -2 for one that is missing."""
    return _time_left(c, argv, c.server.clock.now_ms, 1)


@command("HEXPIRETIME", arity=-5, flags=READONLY | FAST, keys=READ, group="hash", since="7.4.0",
         syntax="key <FIELDS numfields field [field ...]>", complexity=PER_FIELD,
         argument_groups="fields")  # fmt: skip
def hexpiretime(c: Client, argv: Argv) -> bytes:
    """Return the Unix times in seconds at which fields expire; -1 if never, -2 if there is no field."""
    return _time_left(c, argv, 0, 1000)


@command("HPEXPIRETIME", arity=-5, flags=READONLY | FAST, keys=READ, group="hash", since="7.4.0",
         syntax="key <FIELDS numfields field [field ...]>", complexity=PER_FIELD,
         argument_groups="fields")  # fmt: skip
def hpexpiretime(c: Client, argv: Argv) -> bytes:
    """Return the Unix times in ms at which fields expire; -1 if never, -2 if there is no field."""
    return _time_left(c, argv, 0, 1)


# -- HGETEX and HSETEX -----------------------------------------------------------------------------


@command("HGETEX", arity=-5, flags=WRITE | FAST, keys=READ_AND_EXPIRE, group="hash", since="8.0.0",
         syntax="key [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|PERSIST]"
         " <FIELDS numfields field [field ...]>", complexity=PER_FIELD,
         argument_groups="expiration fields")  # fmt: skip
def hgetex(c: Client, argv: Argv) -> bytes:
    """Return the values under fields of a hash and set or take away their expiry."""
    name, option = argv[1], argv[2].upper()
    value = c.db.find(name, HashValue)
    at, at_ms = 2, 0
    if option in EXPIRIES:
        at, at_ms = 4, _parse_option(c, option, argv[3], "hgetex")
    elif option == b"PERSIST":
        at = 3
    if len(argv) < at + 2:
        raise _wrong_number("hgetex")
    fields = read_fields(argv, at)
    value = without_expired(c, name, value, fields)
    reply = values_of(c, value, fields)
    if value is None or at == 2:
        return reply
    value.keep_deadlines()
    if at == 3:
        _persist(c, name, value, fields)
        return reply
    present = [field for field in fields if field in value.fields]
    if c.server.has_passed(at_ms):
        reply = _values_once(c, value, fields)
        _delete(c, name, value, present)
    elif present:
        _expire(c, name, value, present, at_ms, fields)
    return reply


def _persist(c: Client, name: bytes, value: HashValue, fields: Sequence[bytes]) -> None:
    """HGETEX PERSIST."""
    persisted = [field for field in fields if value.persist(field)]
    if persisted:
        logged = [b"HPERSIST", name, b"FIELDS", b"%d" % len(fields), *fields]
        c.effects.append((c.db, name, FieldEvent("hpersist", persisted), logged))


def _expire(
    c: Client, name: bytes, value: HashValue, present: Sequence[bytes], at_ms: int, fields: Sequence[bytes]
) -> None:
    """HGETEX with a deadline to come, for those of `fields` that are `present`."""
    for field in present:
        value.expire(field, at_ms)
    c.db.note_deadlines(name, value)
    logged = [b"HPEXPIREAT", name, b"%d" % at_ms, b"FIELDS", b"%d" % len(fields), *fields]
    c.effects.append((c.db, name, FieldEvent("hexpire", present), logged))


def _values_once(c: Client, value: HashValue, fields: Sequence[bytes]) -> bytes:
    """The values of fields, null for those named before."""
    found = {field: value.fields.get(field) for field in fields}
    return array([c.enc.maybe_bulk(found.pop(field, None)) for field in fields])


class _SetOptions:
    """The words of an HSETEX. Raises CommandError."""

    __slots__ = ("at_ms", "condition", "keep", "of_key", "place", "words")

    def __init__(self, c: Client, argv: Argv) -> None:
        self.condition = b""  # FNX or FXX
        self.of_key = b""  # NX or XX, of Valkey 9.1
        self.keep = False  # KEEPTTL
        self.place = 0  # of the option that gives the deadline
        self.at_ms = 0  # the deadline
        at = 2
        while at < len(argv) and (option := argv[at].upper()) != b"FIELDS":
            at = self._read(c, argv, at, option)
        self.words = self._fields_and_values(argv, at)

    def _read(self, c: Client, argv: Argv, at: int, option: bytes) -> int:
        """Take note of the option at `argv[at]`; return where the next one stands."""
        if option in {b"FNX", b"FXX"}:
            if self.condition:
                raise CommandError("Only one of FXX or FNX arguments can be specified")
            self.condition = option
            return at + 1
        if option in {b"NX", b"XX"}:
            if self.of_key not in {b"", option}:
                raise syntax_error()
            self.of_key = option
            return at + 1
        if option != b"KEEPTTL" and option not in EXPIRIES:
            raise CommandError(b"unknown argument: %b" % shown(argv[at]))
        if self.keep or self.place:
            raise CommandError("Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified")
        if option == b"KEEPTTL":
            self.keep = True
            return at + 1
        if at + 1 == len(argv):
            raise _wrong_number("hsetex")
        self.place = at
        self.at_ms = _parse_option(c, option, argv[at + 1], "hsetex")
        return at + 2

    def _fields_and_values(self, argv: Argv, at: int) -> Argv:
        if len(argv) < at + 4:
            raise _wrong_number("hsetex")
        count = parse_int_between(argv[at + 1], 1, INT_MAX, "invalid number of fields")
        if len(argv) != at + 2 + 2 * count:
            raise _wrong_number("hsetex")
        return argv[at + 2 :]

    def logged(self, argv: Argv) -> Argv:
        """The command with its deadline as a moment, and without what Redis does not know."""
        if self.place and argv[self.place].upper() != b"PXAT":
            argv = [*argv[: self.place], b"PXAT", b"%d" % self.at_ms, *argv[self.place + 2 :]]
        if not self.of_key:
            return argv
        end = len(argv) - len(self.words) - 2
        return [*[word for word in argv[:end] if word.upper() != self.of_key], *argv[end:]]


def _wrong_number(command_name: str) -> CommandError:
    return CommandError(f"wrong number of arguments for '{command_name}' command")


@command("HSETEX", arity=-6, flags=WRITE | DENYOOM | FAST, keys=UPDATE, group="hash", since="8.0.0",
         syntax="key [FNX|FXX] [EX seconds|PX milliseconds|EXAT unix-time-seconds"
         "|PXAT unix-time-milliseconds|KEEPTTL] <FIELDS numfields field value [field value ...]>",
         complexity=PER_FIELD,
         argument_groups="condition expiration fields data")  # fmt: skip
def hsetex(c: Client, argv: Argv) -> bytes:
    """Put values under fields of a hash, with an expiry or a condition if options ask for one."""
    name = argv[1]
    options = _SetOptions(c, argv)
    fields = options.words[::2]
    value = find_naming(c, name, fields)
    if options.of_key and (options.of_key == b"XX") is (value is None):
        return ZERO
    known = [] if value is None else [field for field in fields if field in value.fields]
    if (options.condition == b"FNX" and known) or (options.condition == b"FXX" and len(known) < len(fields)):
        return ZERO
    value = value or c.db.find_or_create(name, HashValue)
    value.expect(options.words)
    put = value.replace if options.keep else value.set
    for field, data in zip(fields, options.words[1::2], strict=True):
        put(field, data)
    if options.place:
        value.keep_deadlines()
        _set_until(c, argv, value, options)
    else:
        c.effects.append((c.db, name, FieldEvent("hset", fields), options.logged(argv)))
    return ONE


def _set_until(c: Client, argv: Argv, value: HashValue, options: _SetOptions) -> None:
    """HSETEX with a deadline, for fields that have just been set."""
    name, fields = argv[1], options.words[::2]
    if c.server.has_passed(options.at_ms):
        c.effects.append((c.db, name, FieldEvent("hset", fields), None))
        _delete(c, name, value, fields)
        return
    for field in fields:
        value.expire(field, options.at_ms)
    c.db.note_deadlines(name, value)
    c.effects.append((c.db, name, FieldEvent("hset", fields), options.logged(argv)))
    c.effects.append((c.db, name, FieldEvent("hexpire", fields), None))
