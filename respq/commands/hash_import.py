"""HIMPORT: many hashes with the same fields, whose names are sent once. Came with Redis 8.10.

The names are kept for the connection that sent them (`Client.fieldsets`), or for the script. Values come in
the order of the names; the hash has its fields from the shortest name to the longest, as Redis keeps them.
What is logged is DEL and HSET, which Redis 8.2 knows. Source: the manual; texts of errors from redis-py 8.1
and fakeredis 2.41.
"""

from __future__ import annotations

from respq.command import DENYOOM, WRITE, Argv, Client, command, container, key
from respq.datatypes.hashes import HashValue
from respq.errors import CommandError
from respq.keyspace import FieldEvent
from respq.protocol.resp import OK, ONE, ZERO, integer

container("HIMPORT", group="hash", since="8.10.0", summary="Commands that create hashes with the same fields")


@command("HIMPORT|PREPARE", arity=-4, flags=DENYOOM, group="hash", since="8.10.0",
         syntax="fieldset field [field ...]", complexity="O(N log N), N fields")  # fmt: skip
def himport_prepare(c: Client, argv: Argv) -> bytes:
    """Name the fields of hashes to come, for as long as this connection lasts."""
    fields = argv[3:]
    if len(set(fields)) < len(fields):
        raise CommandError("duplicate field name in fieldset")
    if c.fieldsets is None:
        c.fieldsets = {}
    c.fieldsets[argv[2]] = fields
    return OK


@command("HIMPORT|SET", arity=-5, flags=WRITE | DENYOOM, keys=(key(2, "OW update"),), group="hash",
         since="8.10.0", syntax="key fieldset value [value ...]", complexity="O(N), N fields")  # fmt: skip
def himport_set(c: Client, argv: Argv) -> bytes:
    """Put a hash under a key, in place of anything else: these values under the fields of a fieldset."""
    db, name, values = c.db, argv[2], argv[4:]
    fields = (c.fieldsets or {}).get(argv[3])
    if fields is None:
        raise CommandError("no such fieldset")
    if len(values) != len(fields):
        raise CommandError("value count does not match fieldset field count")
    pairs = sorted(zip(fields, values, strict=True), key=lambda pair: (len(pair[0]), pair[0]))
    words = [word for pair in pairs for word in pair]
    mark = len(c.effects)
    if db.get(name) is not None:
        c.effects.append((db, None, None, [b"DEL", name]))
    value = HashValue()
    value.set_all(words)
    db.put(name, value)
    c.effects.append((db, name, FieldEvent("hset", fields), [b"HSET", name, *words]))
    c.log_together(mark)
    return OK


@command("HIMPORT|DISCARD", arity=3, group="hash", since="8.10.0", syntax="fieldset")
def himport_discard(c: Client, argv: Argv) -> bytes:
    """Forget a fieldset; the answer is how many there were of that name."""
    return ONE if (c.fieldsets or {}).pop(argv[2], None) is not None else ZERO


@command("HIMPORT|DISCARDALL", arity=2, group="hash", since="8.10.0", complexity="O(N), N fieldsets")
def himport_discardall(c: Client, argv: Argv) -> bytes:
    """Forget all fieldsets of this connection; the answer is how many there were."""
    fieldsets, c.fieldsets = c.fieldsets, None
    return integer(len(fieldsets or ()))
