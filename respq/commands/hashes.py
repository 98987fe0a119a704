"""Hashes: fields and values under one key.

HSET, HGET and HDEL are what task queues send most (kombu keeps what is not acknowledged in a hash), so
each is written out for the common case, a hash of which neither the key nor a field expires, and hands
everything else to a function. HSET has a bulk form, for any mixture of keys.

Fields that have expired are deleted by whoever names them (`find_naming`), so that a command looks at no more
fields than it names; those who want all of them (`read_whole`) delete some and look away from the rest.
What is logged then is one HDEL a field, as redis-server does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from respq.command import DENYOOM, FAST, FIRST, READONLY, WRITE, Argv, Client, command, key
from respq.commands import longdouble
from respq.commands.arguments import (
    INT64_MAX,
    INT64_MIN,
    as_int,
    parse_cursor,
    parse_int,
    parse_int_between,
    parse_long_double,
)
from respq.commands.drawing import check_count, drawn
from respq.commands.scanning import ScanOptions, scan_reply
from respq.datatypes.hashes import HashValue, set_in_each
from respq.errors import CommandError, syntax_error
from respq.keyspace import FieldEvent
from respq.protocol.resp import (
    EMPTY_ARRAY,
    OK,
    ONE,
    ZERO,
    array,
    bulk,
    bulk_strings,
    bulks,
    flags,
    integer,
    pairs_of_bulks,
)
from respq.protocol.runs import Run
from respq.state import LONG_REPLY

READ = (key(1, "RO access"),)
READ_QUIETLY = (key(1, "RO"),)
UPDATE = (key(1, "RW update"),)
INSERT = (key(1, "RW insert"),)
DELETE = (key(1, "RW delete"),)

NOT_POSITIVE = "Number of fields must be a positive integer"


# -- finding ---------------------------------------------------------------------------------------


def find_naming(c: Client, name: bytes, fields: Sequence[bytes]) -> HashValue | None:
    """The hash under a key, without those of `fields` that have expired. O(fields) if any field expires."""
    return without_expired(c, name, c.db.find(name, HashValue), fields)


def read_naming(c: Client, name: bytes, fields: Sequence[bytes]) -> HashValue | None:
    """As `find_naming`; counts a hit or a miss."""
    return without_expired(c, name, c.read(name, HashValue), fields)


def without_expired(
    c: Client, name: bytes, value: HashValue | None, fields: Sequence[bytes]
) -> HashValue | None:
    """What was found under a key, without those of `fields` that have expired."""
    if value is None or value.expiry is None:
        return value
    return c.db.expire_fields(name, value, fields)


def read_whole(c: Client, name: bytes) -> HashValue | None:
    """The hash under a key, without the fields that have expired. O(1), O(n) if very many just have."""
    value = c.read(name, HashValue)
    if value is None or value.expiry is None:
        return value
    return c.db.without_expired_fields(name, value)


def _map_of(c: Client, pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Fields and values as a map of bulk strings."""
    words = [word for pair in pairs for word in pair]
    if c.enc.version == 2:
        return bulks(words)
    return b"%%%d\r\n%b" % (len(words) // 2, bulk_strings(words))


# -- set -------------------------------------------------------------------------------------------


def _hset_run(c: Client, run: Run) -> bytes | None:
    """HSETs of one field each."""
    if run.words != 4:
        return None
    db, shared, columns = c.db, run.shared, run.columns
    name = shared[1] if len(shared) > 1 else columns[0][0]
    if len(columns) == 3 and columns[0].count(name) < run.count:
        return _hset_each(c, run)
    value = db.values.get(name)
    if value.__class__ is not HashValue or value.expires_ms:
        try:
            value = db.find_or_create(name, HashValue)
        except CommandError:
            return None
    if value.expiry is not None:
        return None
    value.accessed = db.clock.second
    fields = columns[-2] if len(columns) > 1 else [shared[2]] * run.count
    added = value.set_each(fields, columns[-1])
    c.effects.append((db, name, "hset", run))
    return flags(added)


def _hset_each(c: Client, run: Run) -> bytes | None:
    """HSETs of one field each into several hashes."""
    db = c.db
    names, fields, values = run.columns
    found = db.find_each(names, HashValue)
    if found is None or (db.fields_expiring and any(value and value.expiry for value in found)):
        return None
    hashes = [
        db.find_or_create(name, HashValue) if value is None else value
        for name, value in zip(names, found, strict=True)
    ]
    added = set_in_each(hashes, fields, values)
    c.effects.append((db, None, None, run))
    return flags(added)


@command("HSET", arity=-4, flags=WRITE | DENYOOM | FAST, keys=(key(1, "RW update"),), group="hash",
         since="2.0.0", syntax="key field value [field value ...]",
         complexity="O(N) with N being the number of fields", bulk=_hset_run,
         argument_groups="data")  # fmt: skip
def hset(c: Client, argv: Argv) -> bytes:
    """Put values under fields of a hash; return how many fields are new."""
    if len(argv) != 4:
        return integer(_set_all(c, argv, "hset"))
    db = c.db
    _, name, field, data = argv
    value = db.values.get(name)
    if value.__class__ is not HashValue or value.expires_ms or value.expiry is not None:
        value = find_to_write(c, name, (field,))
    value.accessed = db.clock.second
    added = value.set(field, data)
    c.effects.append((db, name, "hset", argv))
    return ONE if added else ZERO


def find_to_write(c: Client, name: bytes, fields: Sequence[bytes]) -> HashValue:
    """The hash under a key, created if needed, without those of `fields` that have expired."""
    return find_naming(c, name, fields) or c.db.find_or_create(name, HashValue)


def _set_all(c: Client, argv: Argv, command_name: str) -> int:
    """HSET and HMSET."""
    if len(argv) % 2:
        raise CommandError(f"wrong number of arguments for '{command_name}' command")
    db, name = c.db, argv[1]
    value = db.values.get(name)
    if value.__class__ is not HashValue or value.expires_ms or value.expiry is not None:
        value = find_to_write(c, name, argv[2::2])
    value.accessed = db.clock.second
    added = value.set_all(argv[2:])
    c.effects.append((db, name, "hset", argv))
    return added


@command("HMSET", arity=-4, flags=WRITE | DENYOOM | FAST, keys=(key(1, "RW update"),), group="hash",
         since="2.0.0", syntax="key field value [field value ...]",
         complexity="O(N) with N being the number of fields",
         deprecated_since="4.0.0", replaced_by="`HSET` with multiple field-value pairs",
         argument_groups="data")  # fmt: skip
def hmset(c: Client, argv: Argv) -> bytes:
    """Put values under fields of a hash."""
    _set_all(c, argv, "hmset")
    return OK


@command("HSETNX", arity=4, flags=WRITE | DENYOOM | FAST, keys=INSERT, group="hash", since="2.0.0",
         syntax="key field value")  # fmt: skip
def hsetnx(c: Client, argv: Argv) -> bytes:
    """Put a value under a field of a hash unless the field exists."""
    _, name, field, data = argv
    value = find_to_write(c, name, (field,))
    if field in value.fields:
        return ZERO
    value.set(field, data)
    c.effects.append((c.db, name, "hset", argv))
    return ONE


# -- get -------------------------------------------------------------------------------------------


@command("HGET", arity=3, flags=READONLY | FAST, keys=READ, group="hash", since="2.0.0",
         syntax="key field")  # fmt: skip
def hget(c: Client, argv: Argv) -> bytes:
    """Return the value under a field of a hash, or null."""
    value = c.db.values.get(argv[1])
    if value.__class__ is HashValue and not value.expires_ms and value.expiry is None:
        c.server.stats.keyspace_hits += 1
        value.accessed = c.db.clock.second
    else:
        value = read_naming(c, argv[1], argv[2:])
        if value is None:
            return c.enc.null
    data = value.fields.get(argv[2])
    if data is None:
        return c.enc.null
    size = len(data)
    if size > LONG_REPLY:
        c.make_room(size)
    return b"$%d\r\n%b\r\n" % (size, data)


@command("HMGET", arity=-3, flags=READONLY | FAST, keys=READ, group="hash", since="2.0.0",
         syntax="key field [field ...]", complexity="O(N) with N being the number of fields")  # fmt: skip
def hmget(c: Client, argv: Argv) -> bytes:
    """Return the values under fields of a hash, null for one that is missing."""
    value = read_naming(c, argv[1], argv[2:])
    reply = values_of(c, value, argv[2:])
    if len(reply) > LONG_REPLY:
        c.make_room(len(reply))
    return reply


def values_of(c: Client, value: HashValue | None, fields: Sequence[bytes]) -> bytes:
    """An array of values, null for those that are missing."""
    if value is None:
        return b"*%d\r\n%b" % (len(fields), c.enc.null * len(fields))
    null, get = c.enc.null, value.fields.get
    found = [null if (data := get(field)) is None else bulk(data) for field in fields]
    return b"*%d\r\n%b" % (len(found), b"".join(found))


@command("HEXISTS", arity=3, flags=READONLY | FAST, keys=READ_QUIETLY, group="hash", since="2.0.0",
         syntax="key field")  # fmt: skip
def hexists(c: Client, argv: Argv) -> bytes:
    """Tell whether a hash has a field."""
    value = read_naming(c, argv[1], argv[2:])
    return ONE if value is not None and argv[2] in value.fields else ZERO


@command("HSTRLEN", arity=3, flags=READONLY | FAST, keys=READ_QUIETLY, group="hash", since="3.2.0",
         syntax="key field")  # fmt: skip
def hstrlen(c: Client, argv: Argv) -> bytes:
    """Return the length of the value under a field in bytes, 0 if there is none."""
    value = read_naming(c, argv[1], argv[2:])
    return ZERO if value is None else integer(len(value.fields.get(argv[2]) or b""))


@command("HLEN", arity=2, flags=READONLY | FAST, keys=READ_QUIETLY, group="hash", since="2.0.0",
         syntax="key")  # fmt: skip
def hlen(c: Client, argv: Argv) -> bytes:
    """Return the number of fields of a hash, 0 if there is none; expired ones may count until deleted."""
    value = c.read(argv[1], HashValue)
    if value is not None and value.expiry is not None:
        value = c.db.expire_some_fields(argv[1], value)
    return ZERO if value is None else integer(len(value.fields))


@command("HGETALL", arity=2, flags=READONLY, keys=READ, group="hash", since="2.0.0", syntax="key",
         tips=("nondeterministic_output_order",),
         complexity="O(N) with N being the number of fields")  # fmt: skip
def hgetall(c: Client, argv: Argv) -> bytes:
    """Return all fields of a hash with their values."""
    value = read_whole(c, argv[1])
    return _map_of(c, () if value is None else value.items())


@command("HKEYS", arity=2, flags=READONLY, keys=READ, group="hash", since="2.0.0", syntax="key",
         tips=("nondeterministic_output_order",),
         complexity="O(N) with N being the number of fields")  # fmt: skip
def hkeys(c: Client, argv: Argv) -> bytes:
    """Return all fields of a hash."""
    value = read_whole(c, argv[1])
    return EMPTY_ARRAY if value is None else bulks(value.names())


@command("HVALS", arity=2, flags=READONLY, keys=READ, group="hash", since="2.0.0", syntax="key",
         tips=("nondeterministic_output_order",),
         complexity="O(N) with N being the number of fields")  # fmt: skip
def hvals(c: Client, argv: Argv) -> bytes:
    """Return all values of a hash."""
    value = read_whole(c, argv[1])
    return EMPTY_ARRAY if value is None else bulks(list(value.values()))


# -- count -----------------------------------------------------------------------------------------


@command("HINCRBY", arity=4, flags=WRITE | DENYOOM | FAST, keys=FIRST, group="hash", since="2.0.0",
         syntax="key field increment")  # fmt: skip
def hincrby(c: Client, argv: Argv) -> bytes:
    """Add to the integer under a field of a hash, which counts as 0 if missing."""
    _, name, field, word = argv
    increment = parse_int(word)
    value = c.db.values.get(name)
    if value.__class__ is not HashValue or value.expires_ms or value.expiry is not None:
        value = find_naming(c, name, (field,))
    else:
        value.accessed = c.db.clock.second
    data = None if value is None else value.fields.get(field)
    number = 0 if data is None else as_int(data)
    if number is None:
        raise CommandError("hash value is not an integer")
    number += increment
    if not INT64_MIN <= number <= INT64_MAX:
        raise CommandError("increment or decrement would overflow")
    (value or c.db.find_or_create(name, HashValue)).replace(field, b"%d" % number)
    c.effects.append((c.db, name, "hincrby", argv))
    return integer(number)


@command("HINCRBYFLOAT", arity=4, flags=WRITE | DENYOOM | FAST, keys=FIRST, group="hash", since="2.6.0",
         syntax="key field increment")  # fmt: skip
def hincrbyfloat(c: Client, argv: Argv) -> bytes:
    """Add to the floating point number under a field of a hash, which counts as 0 if missing."""
    _, name, field, word = argv
    try:
        increment = parse_long_double(word)
    except longdouble.NotFiniteError:
        raise CommandError("value is NaN or Infinity") from None
    value = find_naming(c, name, (field,))
    data = None if value is None else value.fields.get(field)
    total = _float_sum(b"0" if data is None else data, increment)
    (value or c.db.find_or_create(name, HashValue)).replace(field, total)
    c.effects.append(
        (c.db, name, "hincrbyfloat", [b"HSETEX", name, b"KEEPTTL", b"FIELDS", b"1", field, total])
    )
    return bulk(total)


def _float_sum(data: bytes, increment: Fraction) -> bytes:
    """The sum of a value and a number in long double arithmetic, as Redis prints it."""
    try:
        return longdouble.human(longdouble.rounded(longdouble.parse(data) + increment))
    except ValueError:
        raise CommandError("hash value is not a float") from None
    except longdouble.NotFiniteError:
        raise CommandError("increment would produce NaN or Infinity") from None


# -- some of it ------------------------------------------------------------------------------------


@command("HSCAN", arity=-3, flags=READONLY, keys=READ, group="hash", since="2.8.0",
         syntax="key cursor [MATCH pattern] [COUNT count] [NOVALUES]", tips=("nondeterministic_output",),
         complexity="O(N) with N being COUNT, per call")  # fmt: skip
def hscan(c: Client, argv: Argv) -> bytes:
    """Return some fields of a hash, with their values, and the cursor with which to ask for the next."""
    cursor = parse_cursor(argv[2])
    value = c.read(argv[1], HashValue)
    if value is None:
        return scan_reply(0, ())
    options = ScanOptions(argv, 3, of_hash=True)
    if value.expiry is not None and c.db.expire_some_fields(argv[1], value) is None:
        return scan_reply(0, ())
    cursor, fields = value.scan(cursor, options.count)
    if value.next_deadline() and not c.server.expiry.shown:
        now_ms = c.server.clock.now_ms
        fields = [field for field in fields if not 0 < value.deadline_of(field) < now_ms]
    found = options.matching(fields)
    return scan_reply(cursor, _flat(value, found) if options.values else found)


def _flat(value: HashValue, fields: Sequence[bytes]) -> list[bytes]:
    """Each field, and behind it its value."""
    words = [b""] * (2 * len(fields))
    words[::2] = fields
    words[1::2] = map(value.fields.__getitem__, fields)
    return words


@command("HRANDFIELD", arity=-2, flags=READONLY, keys=READ, group="hash", since="6.2.0",
         syntax="key [count [WITHVALUES]]", tips=("nondeterministic_output",),
         complexity="O(N) with N being the number of fields returned",
         argument_groups="options")  # fmt: skip
def hrandfield(c: Client, argv: Argv) -> bytes:
    """Return any fields of a hash: so many different ones, or, if negative, so many with repetitions."""
    if len(argv) == 2:
        value = read_whole(c, argv[1])
        return c.enc.null if value is None else bulk(value.choice(c.server.rng))
    count = parse_int_between(argv[2], -INT64_MAX, INT64_MAX)
    with_values = len(argv) > 3
    if len(argv) > 4 or (with_values and argv[3].upper() != b"WITHVALUES"):
        raise syntax_error()
    if with_values and abs(count) > INT64_MAX // 2:
        raise CommandError("value is out of range")
    value = read_whole(c, argv[1])
    if value is None or not count:
        return EMPTY_ARRAY
    check_count(count)
    rng = c.server.rng
    words = 2 if with_values and c.enc.version == 2 else 1

    def encoded(fields: Sequence[bytes]) -> bytes:
        if not with_values:
            return bulk_strings(fields)
        values = list(map(value.fields.__getitem__, fields))
        return bulk_strings(_flat(value, fields)) if words == 2 else pairs_of_bulks(fields, values)

    if count < 0:
        return drawn(-count, words, lambda some: encoded(value.choices(rng, some)))
    fields = value.sample(rng, count)
    return b"*%d\r\n%b" % (len(fields) * words, encoded(fields))


# -- delete ----------------------------------------------------------------------------------------


@command("HDEL", arity=-3, flags=WRITE | FAST, keys=DELETE, group="hash", since="2.0.0",
         syntax="key field [field ...]", complexity="O(N) with N being the number of fields")  # fmt: skip
def hdel(c: Client, argv: Argv) -> bytes:
    """Delete fields of a hash and return how many there were."""
    name, fields = argv[1], argv[2:]
    value = c.db.find(name, HashValue)
    deleted = [] if value is None else value.remove(fields)
    if value is None or not deleted:
        return ZERO
    event = "hdel" if len(deleted) == len(fields) else FieldEvent("hdel", deleted)
    c.effects.append((c.db, name, event, argv))
    if not value.fields:
        remove_emptied(c, name)
    return integer(len(deleted))


@command("HGETDEL", arity=-5, flags=WRITE | FAST, keys=(key(1, "RW access delete"),), group="hash",
         since="8.0.0", syntax="key <FIELDS numfields field [field ...]>",
         complexity="O(N) with N being the number of fields named",
         argument_groups="fields")  # fmt: skip
def hgetdel(c: Client, argv: Argv) -> bytes:
    """Return the values under fields of a hash and delete the fields."""
    name = argv[1]
    value = c.db.find(name, HashValue)  # its type comes before the words
    fields = read_fields(argv, 2)
    value = without_expired(c, name, value, fields)
    if value is None:
        return values_of(c, None, fields)
    replies, deleted = [], []
    for field in fields:
        replies.append(c.enc.maybe_bulk(value.fields.get(field)))
        deleted += value.remove((field,))
    if deleted:
        c.effects.append((c.db, name, FieldEvent("hdel", deleted), [b"HDEL", name, *fields]))
        if not value.fields:
            remove_emptied(c, name)
    return array(replies)


def remove_emptied(c: Client, name: bytes) -> None:
    """Delete the key of a hash whose last field was deleted."""
    c.db.remove(name)
    c.effects.append((c.db, name, "del", None))


def read_fields(argv: Argv, at: int, not_positive: str = NOT_POSITIVE) -> Argv:
    """The fields that end a command, behind FIELDS at `argv[at]` and their number. Raises CommandError."""
    if argv[at].upper() != b"FIELDS":
        raise CommandError("Mandatory argument FIELDS is missing or not at the right position")
    fields = argv[at + 2 :]
    if parse_int_between(argv[at + 1], 1, INT64_MAX, not_positive) != len(fields):
        raise CommandError("The `numfields` parameter must match the number of arguments")
    return fields
