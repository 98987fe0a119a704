"""Sets: members that are there once.

SADD, SREM and SISMEMBER are written out instead of sharing helpers, since a call is a twentieth of
such a command. Events as checked on 8.2.3: nothing for what changes nothing, and `del` last when a
set was emptied.
"""

from __future__ import annotations

from respq.command import DENYOOM, FAST, READONLY, WRITE, Argv, Client, command, key
from respq.datatypes.sets import SetValue
from respq.protocol.resp import ONE, ZERO, integer

INSERT = (key(1, "RW insert"),)
DELETE = (key(1, "RW delete"),)
ASK = (key(1, "RO"),)
READ = (key(1, "RO access"),)


# -- change ----------------------------------------------------------------------------------------


@command(
    "SADD",
    arity=-3,
    flags=WRITE | DENYOOM | FAST,
    keys=INSERT,
    group="set",
    since="1.0.0",
    syntax="key member [member ...]",
    complexity="O(n), n members",
)
def sadd(c: Client, argv: Argv) -> bytes:
    """Add members to a set, creating it first if needed."""
    db, name = c.db, argv[1]
    members = db.find(name, SetValue)
    if members is None:
        members = SetValue.for_members(argv[2], len(argv) - 2)
        db.add(name, members)
    elif len(argv) > 3:
        members.expect(len(argv) - 2)
    added = members.add(argv[2:])
    if not added:
        return ZERO
    c.effects.append((db, name, "sadd", argv))
    return integer(added)


@command(
    "SREM",
    arity=-3,
    flags=WRITE | FAST,
    keys=DELETE,
    group="set",
    since="1.0.0",
    syntax="key member [member ...]",
    complexity="O(n), n members",
)
def srem(c: Client, argv: Argv) -> bytes:
    """Remove members from a set; the key goes with the last."""
    db, name = c.db, argv[1]
    members = db.find(name, SetValue)
    removed = 0 if members is None else members.remove(argv[2:])
    if members is None or not removed:
        return ZERO
    c.effects.append((db, name, "srem", argv))
    if not members:
        db.remove(name)
        c.effects.append((db, name, "del", None))
    return integer(removed)


# -- ask -------------------------------------------------------------------------------------------


@command("SCARD", arity=2, flags=READONLY | FAST, keys=ASK, group="set", since="1.0.0", syntax="key")
def scard(c: Client, argv: Argv) -> bytes:
    """The number of members, 0 if there is no set."""
    members = c.read(argv[1], SetValue)
    return ZERO if members is None else integer(len(members))


@command("SISMEMBER", arity=3, flags=READONLY | FAST, keys=ASK, group="set", since="1.0.0",
         syntax="key member")  # fmt: skip
def sismember(c: Client, argv: Argv) -> bytes:
    """Whether a set has a member."""
    members = c.read(argv[1], SetValue)
    return ONE if members is not None and argv[2] in members else ZERO


@command("SMEMBERS", arity=2, flags=READONLY, keys=READ, group="set", since="1.0.0", syntax="key",
         tips=("nondeterministic_output_order",), complexity="O(n), n members")  # fmt: skip
def smembers(c: Client, argv: Argv) -> bytes:
    """All members of a set."""
    members = c.read(argv[1], SetValue)
    return c.enc.bulk_set([] if members is None else members.members())
