"""Hashes: fields and values under one key.

HSET, HGET and HDEL are what task queues send most (kombu keeps what is not acknowledged in a hash), so
each is written out for the common case, a hash of which neither the key nor a field expires, and hands
everything else to a function. HSET has a bulk form, for any mixture of keys.

Fields that have expired are deleted by whoever names them (`_named`), so that a command looks at no more
fields than it names; those who want all of them (`_whole`) delete some and look away from the rest.
What is logged then is one HDEL a field, as redis-server does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from respq.command import DENYOOM, FAST, READONLY, WRITE, Argv, Client, command, key
from respq.datatypes.hashes import HashValue
from respq.errors import CommandError
from respq.protocol.resp import EMPTY_ARRAY, OK, ONE, ZERO, bulk, bulks, integer
from respq.protocol.runs import Run

READ = (key(1, "RO access"),)
READ_QUIETLY = (key(1, "RO"),)
UPDATE = (key(1, "RW update"),)
INSERT = (key(1, "RW insert"),)
DELETE = (key(1, "RW delete"),)


# -- finding ---------------------------------------------------------------------------------------


def _named(c: Client, name: bytes, fields: Sequence[bytes]) -> HashValue | None:
    """The hash under a key, without those of `fields` that have expired. O(fields) if any field expires."""
    value = c.db.find(name, HashValue)
    if value is None or value.expiry is None:
        return value
    return c.db.expire_fields(name, value, fields)


def _whole(c: Client, name: bytes) -> HashValue | None:
    """The hash under a key, without the fields that have expired. O(1), O(n) if very many just have."""
    value = c.db.find(name, HashValue)
    if value is None or value.expiry is None:
        return value
    return c.db.without_expired_fields(name, value)


def _count_read(c: Client, value: HashValue | None) -> HashValue | None:
    """Count a hit or a miss."""
    if value is None:
        c.server.stats.keyspace_misses += 1
    else:
        c.server.stats.keyspace_hits += 1
    return value


def _map_of(c: Client, pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Fields and values as a map of bulk strings."""
    replies = [b"$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(f), f, len(data), data) for f, data in pairs]
    if c.enc.version == 2:
        return b"*%d\r\n%b" % (2 * len(replies), b"".join(replies))
    return b"%%%d\r\n%b" % (len(replies), b"".join(replies))


# -- set -------------------------------------------------------------------------------------------


def _hset_run(c: Client, run: Run) -> bytes | None:
    """HSETs of one field each."""
    if run.words != 4:
        return None
    db = c.db
    values, commands = db.values, run.commands
    names = {argv[1] for argv in commands}
    for name in names:
        value = values.get(name)
        if value is not None and (value.__class__ is not HashValue or value.expires_ms):
            return None
    replies = []
    for _, name, field, data in commands:
        value = values.get(name)
        if value is None:
            value = db.find_or_create(name, HashValue)
        replies.append(ONE if value.set(field, data) else ZERO)  # type: ignore[attr-defined]  # seen above
    c.effects.append((db, name, "hset", run) if len(names) == 1 else (db, None, None, run))
    return b"".join(replies)


@command("HSET", arity=-4, flags=WRITE | DENYOOM | FAST, keys=(key(1, "RW update"),), group="hash",
         since="2.0.0", syntax="key field value [field value ...]",
         complexity="O(N) with N being the number of fields", bulk=_hset_run)  # fmt: skip
def hset(c: Client, argv: Argv) -> bytes:
    """Put values under fields of a hash; return how many fields are new."""
    if len(argv) != 4:
        return integer(_set_all(c, argv, "hset"))
    db = c.db
    _, name, field, data = argv
    value = db.values.get(name)
    if value.__class__ is not HashValue or value.expires_ms or value.expiry is not None:
        value = _writable(c, name, (field,))
    added = value.set(field, data)
    c.effects.append((db, name, "hset", argv))
    return ONE if added else ZERO


def _writable(c: Client, name: bytes, fields: Sequence[bytes]) -> HashValue:
    """The hash under a key, created if needed, without those of `fields` that have expired."""
    return _named(c, name, fields) or c.db.find_or_create(name, HashValue)


def _set_all(c: Client, argv: Argv, command_name: str) -> int:
    """HSET and HMSET."""
    if len(argv) % 2:
        raise CommandError(f"wrong number of arguments for '{command_name}' command")
    added = _writable(c, argv[1], argv[2::2]).set_all(argv[2:])
    c.effects.append((c.db, argv[1], "hset", argv))
    return added


@command("HMSET", arity=-4, flags=WRITE | DENYOOM | FAST, keys=(key(1, "RW update"),), group="hash",
         since="2.0.0", syntax="key field value [field value ...]",
         complexity="O(N) with N being the number of fields")  # fmt: skip
def hmset(c: Client, argv: Argv) -> bytes:
    """Put values under fields of a hash."""
    _set_all(c, argv, "hmset")
    return OK


@command("HSETNX", arity=4, flags=WRITE | DENYOOM | FAST, keys=INSERT, group="hash", since="2.0.0",
         syntax="key field value")  # fmt: skip
def hsetnx(c: Client, argv: Argv) -> bytes:
    """Put a value under a field of a hash unless the field exists."""
    _, name, field, data = argv
    value = _writable(c, name, (field,))
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
    else:
        value = _count_read(c, _named(c, argv[1], argv[2:]))
        if value is None:
            return c.enc.null
    data = value.fields.get(argv[2])
    return c.enc.null if data is None else b"$%d\r\n%b\r\n" % (len(data), data)


@command("HMGET", arity=-3, flags=READONLY | FAST, keys=READ, group="hash", since="2.0.0",
         syntax="key field [field ...]", complexity="O(N) with N being the number of fields")  # fmt: skip
def hmget(c: Client, argv: Argv) -> bytes:
    """Return the values under fields of a hash, null for one that is missing."""
    value = _count_read(c, _named(c, argv[1], argv[2:]))
    return _values_of(c, value, argv[2:])


def _values_of(c: Client, value: HashValue | None, fields: Sequence[bytes]) -> bytes:
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
    value = _count_read(c, _named(c, argv[1], argv[2:]))
    return ONE if value is not None and argv[2] in value.fields else ZERO


@command("HSTRLEN", arity=3, flags=READONLY | FAST, keys=READ_QUIETLY, group="hash", since="3.2.0",
         syntax="key field")  # fmt: skip
def hstrlen(c: Client, argv: Argv) -> bytes:
    """Return the length of the value under a field in bytes, 0 if there is none."""
    value = _count_read(c, _named(c, argv[1], argv[2:]))
    return ZERO if value is None else integer(len(value.fields.get(argv[2], b"")))


@command("HLEN", arity=2, flags=READONLY | FAST, keys=READ_QUIETLY, group="hash", since="2.0.0",
         syntax="key")  # fmt: skip
def hlen(c: Client, argv: Argv) -> bytes:
    """Return the number of fields of a hash, 0 if there is none."""
    value = _count_read(c, _whole(c, argv[1]))
    return ZERO if value is None else integer(len(value.fields))


@command("HGETALL", arity=2, flags=READONLY, keys=READ, group="hash", since="2.0.0", syntax="key",
         tips=("nondeterministic_output_order",),
         complexity="O(N) with N being the number of fields")  # fmt: skip
def hgetall(c: Client, argv: Argv) -> bytes:
    """Return all fields of a hash with their values."""
    value = _count_read(c, _whole(c, argv[1]))
    return _map_of(c, () if value is None else value.items())


@command("HKEYS", arity=2, flags=READONLY, keys=READ, group="hash", since="2.0.0", syntax="key",
         tips=("nondeterministic_output_order",),
         complexity="O(N) with N being the number of fields")  # fmt: skip
def hkeys(c: Client, argv: Argv) -> bytes:
    """Return all fields of a hash."""
    value = _count_read(c, _whole(c, argv[1]))
    return EMPTY_ARRAY if value is None else bulks(value.names())


@command("HVALS", arity=2, flags=READONLY, keys=READ, group="hash", since="2.0.0", syntax="key",
         tips=("nondeterministic_output_order",),
         complexity="O(N) with N being the number of fields")  # fmt: skip
def hvals(c: Client, argv: Argv) -> bytes:
    """Return all values of a hash."""
    value = _count_read(c, _whole(c, argv[1]))
    return EMPTY_ARRAY if value is None else bulks(list(value.values()))


# -- delete ----------------------------------------------------------------------------------------


@command("HDEL", arity=-3, flags=WRITE | FAST, keys=DELETE, group="hash", since="2.0.0",
         syntax="key field [field ...]", complexity="O(N) with N being the number of fields")  # fmt: skip
def hdel(c: Client, argv: Argv) -> bytes:
    """Delete fields of a hash and return how many there were."""
    name, fields = argv[1], argv[2:]
    value = _named(c, name, fields)
    deleted = 0 if value is None else value.remove(fields)
    if value is None or not deleted:
        return ZERO
    c.effects.append((c.db, name, "hdel", argv))
    _remove_if_empty(c, name, value)
    return integer(deleted)


def _remove_if_empty(c: Client, name: bytes, value: HashValue) -> None:
    """Delete the key of a hash whose last field was deleted."""
    if not value.fields:
        c.db.remove(name)
        c.effects.append((c.db, name, "del", None))
