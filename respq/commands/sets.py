"""Sets: members that are there once. What combines several sets stands in `set_algebra`.

SADD, SREM and SISMEMBER are written out instead of sharing helpers, since a call is a twentieth of such a
command. SADD has a bulk form, for one set. Events as checked on 8.2.3: nothing for what changes nothing,
and `del` last when a set was emptied.
"""

from __future__ import annotations

from respq.command import DENYOOM, FAST, READONLY, WRITE, Argv, Client, command, key
from respq.commands.arguments import INT64_MAX, parse_cursor, parse_int_between, parse_non_negative
from respq.commands.drawing import check_count, drawn
from respq.commands.scanning import ScanOptions, scan_reply
from respq.datatypes.sets import SetValue, add_to_each
from respq.errors import syntax_error
from respq.protocol.resp import EMPTY_ARRAY, ONE, ZERO, array, bulk, bulk_strings, bulks, flags, integer
from respq.protocol.runs import Run

INSERT = (key(1, "RW insert"),)
DELETE = (key(1, "RW delete"),)
ASK = (key(1, "RO"),)
READ = (key(1, "RO access"),)
POP = (key(1, "RW access delete"),)
MOVE = (key(1, "RW access delete"), key(2, "RW insert"))


# -- change ----------------------------------------------------------------------------------------


def _sadd_run(c: Client, run: Run) -> bytes | None:
    """SADDs of one member each, to one set or to several."""
    if run.words != 3:
        return None
    db, members = c.db, run.columns[-1]
    names = [run.shared[1]] if run.last else run.columns[0]
    found = db.find_each(names, SetValue)
    if found is None:
        return None
    sets = [
        _create(c, name, member, 1) if value is None else value
        for name, member, value in zip(names, members, found, strict=False)
    ]
    added = sets[0].add_each(members) if run.last else add_to_each(sets, members)
    if all(added):
        c.effects.append((db, None, None, run))
    elif any(added):
        c.effects.append((db, None, None, run.those(added)))
    return flags(added)


def _create(c: Client, name: bytes, first: bytes, count: int) -> SetValue:
    """The set under a key; if there is none, an empty one for `count` members, the `first` of them known."""
    members = c.db.find(name, SetValue)
    if members is None:
        members = SetValue.for_members(first, count)
        c.db.add(name, members)
    return members


@command("SADD", arity=-3, flags=WRITE | DENYOOM | FAST, keys=INSERT, group="set", since="1.0.0",
         syntax="key member [member ...]", complexity="O(n), n members", bulk=_sadd_run)  # fmt: skip
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


@command("SREM", arity=-3, flags=WRITE | FAST, keys=DELETE, group="set", since="1.0.0",
         syntax="key member [member ...]", complexity="O(n), n members")  # fmt: skip
def srem(c: Client, argv: Argv) -> bytes:
    """Remove members from a set; the key goes with the last."""
    db, name = c.db, argv[1]
    members = db.find(name, SetValue)
    removed = 0 if members is None else members.remove(argv[2:])
    if members is None or not removed:
        return ZERO
    c.effects.append((db, name, "srem", argv))
    if not members:
        _remove_emptied(c, name)
    return integer(removed)


def _remove_emptied(c: Client, name: bytes) -> None:
    c.db.remove(name)
    c.effects.append((c.db, name, "del", None))


@command("SMOVE", arity=4, flags=WRITE | FAST, keys=MOVE, group="set", since="1.0.0",
         syntax="source destination member")  # fmt: skip
def smove(c: Client, argv: Argv) -> bytes:
    """Move a member from one set to another; tell whether it was there."""
    db, (_, source, destination, member) = c.db, argv
    if db.get(source) is None:
        return ZERO
    members, target = db.find(source, SetValue), db.find(destination, SetValue)
    if members is None or member not in members:
        return ZERO
    if members is target:
        return ONE
    members.remove([member])
    c.effects.append((db, source, "srem", argv))
    if not members:
        _remove_emptied(c, source)
    if target is None:
        target = SetValue.for_members(member, 1)
        db.add(destination, target)
    added = target.add([member])
    c.effects.append((db, destination, "sadd" if added else None, None))
    return ONE


@command("SPOP", arity=-2, flags=WRITE | FAST, keys=POP, group="set", since="1.0.0", syntax="key [count]",
         tips=("nondeterministic_output",), complexity="O(n), n members returned",
         argument_versions={"count": "3.2.0"})  # fmt: skip
def spop(c: Client, argv: Argv) -> bytes:
    """Take any members out of a set; the key goes with the last."""
    if len(argv) > 3:
        raise syntax_error()
    name, single = argv[1], len(argv) == 2
    count = 1 if single else parse_non_negative(argv[2])
    members = c.db.find(name, SetValue)
    if members is None or not count:
        return c.enc.null if single else c.enc.bulk_set([])
    popped = members.sample(c.server.rng, count)
    whole = len(popped) == len(members) and not single
    if single:
        members.remove(popped)
    else:
        members.remove_sample(popped)
    c.effects.append((c.db, name, "spop", [b"DEL", name] if whole else [b"SREM", name, *popped]))
    if not members:
        _remove_emptied(c, name)
    return bulk(popped[0]) if single else c.enc.bulk_set(popped)


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


@command("SMISMEMBER", arity=-3, flags=READONLY | FAST, keys=READ, group="set", since="6.2.0",
         syntax="key member [member ...]", complexity="O(n), n members asked for")  # fmt: skip
def smismember(c: Client, argv: Argv) -> bytes:
    """Whether a set has each of several members."""
    members = c.read(argv[1], SetValue)
    return array([ONE if members is not None and member in members else ZERO for member in argv[2:]])


@command("SRANDMEMBER", arity=-2, flags=READONLY, keys=READ, group="set", since="1.0.0",
         syntax="key [count]", tips=("nondeterministic_output",),
         complexity="O(n), n members returned",
         argument_versions={"count": "2.6.0"})  # fmt: skip
def srandmember(c: Client, argv: Argv) -> bytes:
    """Return any members of a set: so many different ones, or, if negative, so many with repetitions."""
    if len(argv) > 3:
        raise syntax_error()
    if len(argv) == 2:
        members = c.read(argv[1], SetValue)
        return c.enc.null if members is None else bulk(members.choice(c.server.rng))
    count = parse_int_between(argv[2], -INT64_MAX, INT64_MAX)
    members = c.read(argv[1], SetValue)
    if members is None or not count:
        return EMPTY_ARRAY
    check_count(count)
    rng = c.server.rng
    if count > 0:
        return bulks(members.sample(rng, count))
    return drawn(-count, 1, lambda some: bulk_strings(members.choices(rng, some)))


@command("SSCAN", arity=-3, flags=READONLY, keys=READ, group="set", since="2.8.0",
         syntax="key cursor [MATCH pattern] [COUNT count]", tips=("nondeterministic_output",),
         complexity="O(n) with n being COUNT, per call")  # fmt: skip
def sscan(c: Client, argv: Argv) -> bytes:
    """Return some members of a set, and the cursor with which to ask for the next."""
    cursor = parse_cursor(argv[2])
    members = c.read(argv[1], SetValue)
    if members is None:
        return scan_reply(0, ())
    options = ScanOptions(argv, 3)
    cursor, found = members.scan(cursor, options.count)
    return scan_reply(cursor, options.matching(found))
