"""More planted faults: of options, of one way of delivery, and of the log as redis-server reads it."""

from __future__ import annotations

from compat.oracle.case import BY_SCRIPTS, IN_TRANSACTIONS, NOTIFIED, RESTRICTED, TRACKED
from compat.oracle.faults import Patch, effects, fault, replies, understands, unlogged
from compat.oracle.parity import EVERY_OPTION
from respq.command import SPECS

# -- options -----------------------------------------------------------------------------------------


def overlooks(patch: Patch, name: str, word: bytes) -> None:
    """The command takes an option for granted, and does nothing about it."""
    understands(patch, name, lambda argv: [arg for arg in argv if arg.upper() != word])


@fault("BITCOUNT counts bytes where bits were asked for", EVERY_OPTION)
def _(patch: Patch) -> None:
    overlooks(patch, "BITCOUNT", b"BIT")


@fault("BITOP takes DIFF1 for DIFF", EVERY_OPTION)
def _(patch: Patch) -> None:
    understands(patch, "BITOP", lambda a: [b"DIFF" if arg.upper() == b"DIFF1" else arg for arg in a])


@fault("GEOSEARCH knows one order", EVERY_OPTION)
def _(patch: Patch) -> None:
    understands(patch, "GEOSEARCH", lambda a: [b"ASC" if arg.upper() == b"DESC" else arg for arg in a])


@fault("GEOADD does not count what has moved", EVERY_OPTION)
def _(patch: Patch) -> None:
    overlooks(patch, "GEOADD", b"CH")


@fault("XADD makes a stream all the same", EVERY_OPTION)
def _(patch: Patch) -> None:
    overlooks(patch, "XADD", b"NOMKSTREAM")


@fault("XTRIM keeps references that are to go", EVERY_OPTION)
def _(patch: Patch) -> None:
    overlooks(patch, "XTRIM", b"DELREF")


@fault("XCLAIM gives whole entries where IDs were asked for", EVERY_OPTION)
def _(patch: Patch) -> None:
    overlooks(patch, "XCLAIM", b"JUSTID")


@fault("SET takes the expiry away that was to be kept", EVERY_OPTION)
def _(patch: Patch) -> None:
    overlooks(patch, "SET", b"KEEPTTL")


@fault("HEXPIRE takes GT for no condition", EVERY_OPTION)
def _(patch: Patch) -> None:
    overlooks(patch, "HEXPIRE", b"GT")


@fault("ZADD INCR answers as ZADD", EVERY_OPTION)
def _(patch: Patch) -> None:
    overlooks(patch, "ZADD", b"INCR")


@fault("SORT does not know ALPHA", EVERY_OPTION)
def _(patch: Patch) -> None:
    overlooks(patch, "SORT", b"ALPHA")


@fault("a function that writes may be called by FCALL_RO", "functions")
def _(patch: Patch) -> None:
    patch.setattr(SPECS["FCALL_RO"], "handler", SPECS["FCALL"].handler)


@fault("FUNCTION DELETE is not logged", "functions")
def _(patch: Patch) -> None:
    effects(patch, "FUNCTION|DELETE", unlogged)


# -- in one way of delivery only ----------------------------------------------------------------------


@fault("in a transaction LPOP with a count answers one element", EVERY_OPTION, 150, IN_TRANSACTIONS)
def _(patch: Patch) -> None:
    understands(patch, "LPOP", lambda argv: argv[:2])


@fault("a script gets doubles as strings in RESP3", EVERY_OPTION, 150, BY_SCRIPTS)
def _(patch: Patch) -> None:
    replies(patch, "ZSCORE", lambda c, _a, r: b"$1\r\n1\r\n" if c.executing and r[:1] == b"," else r)


@fault("the fields of a hash change without an event", EVERY_OPTION, 150, NOTIFIED)
def _(patch: Patch) -> None:
    effects(patch, "HSET", lambda effect: (*effect[:2], None, effect[3]))


@fault("an expiry has the event of one that is taken away", EVERY_OPTION, 150, NOTIFIED)
def _(patch: Patch) -> None:
    effects(patch, "EXPIRE", lambda effect: (*effect[:2], "persist", effect[3]))


@fault("what GEOSEARCH has read is not remembered", EVERY_OPTION, 150, TRACKED)
def _(patch: Patch) -> None:
    patch.setattr(SPECS["GEOSEARCH"], "keys", ())


@fault("SORT looks at keys that its user may not read", EVERY_OPTION, 150, RESTRICTED)
def _(patch: Patch) -> None:
    patch.setattr("respq.commands.sort._may_look_up", lambda *_: True)


# -- the log as redis-server reads it -----------------------------------------------------------------


@fault("DEL is logged in a word that redis-server does not know", EVERY_OPTION)
def _(patch: Patch) -> None:
    effects(patch, "UNLINK", lambda effect: (*effect[:3], [b"DELEX", effect[3][1]] if effect[3] else None))


@fault("PFMERGE is not logged", EVERY_OPTION)
def _(patch: Patch) -> None:
    effects(patch, "PFMERGE", unlogged)


@fault("HEXPIRE is not logged", EVERY_OPTION)
def _(patch: Patch) -> None:
    effects(patch, "HEXPIRE", unlogged)
