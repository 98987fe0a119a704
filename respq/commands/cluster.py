"""What a server answers that is no part of a cluster: all of CLUSTER, and what its clients say first.

Clients probe for a cluster with these, so each is declared as Redis declares it and refused in its words,
once its arguments have the right number. Checked on redis-server 8.2.3.
"""

from __future__ import annotations

from typing import Final

from respq.command import (
    ADMIN,
    FAST,
    LOADING,
    NO_ASYNC_LOADING,
    NOSCRIPT,
    STALE,
    Argv,
    Client,
    command,
    container,
)
from respq.errors import CommandError

_CHANGE = ADMIN | STALE | NO_ASYNC_LOADING
_VARIES = ("nondeterministic_output",)
_SLOTS = "start-slot end-slot [start-slot end-slot ...]"

# Name, arity, flags, since, arguments, tips.
SUBCOMMANDS: Final = (
    ("ADDSLOTS", -3, _CHANGE, "3.0.0", "slot [slot ...]", ()),
    ("ADDSLOTSRANGE", -4, _CHANGE, "7.0.0", _SLOTS, ()),
    ("BUMPEPOCH", 2, _CHANGE, "3.0.0", "", _VARIES),
    ("COUNT-FAILURE-REPORTS", 3, ADMIN | STALE, "3.0.0", "node-id", _VARIES),
    ("COUNTKEYSINSLOT", 3, STALE, "3.0.0", "slot", ()),
    ("DELSLOTS", -3, _CHANGE, "3.0.0", "slot [slot ...]", ()),
    ("DELSLOTSRANGE", -4, _CHANGE, "7.0.0", _SLOTS, ()),
    ("FAILOVER", -2, _CHANGE, "3.0.0", "[FORCE | TAKEOVER]", ()),
    ("FLUSHSLOTS", 2, _CHANGE, "3.0.0", "", ()),
    ("FORGET", 3, _CHANGE, "3.0.0", "node-id", ()),
    ("GETKEYSINSLOT", 4, STALE, "3.0.0", "slot count", _VARIES),
    ("HELP", 2, LOADING | STALE, "5.0.0", "", ()),
    ("INFO", 2, STALE, "3.0.0", "", _VARIES),
    ("KEYSLOT", 3, STALE, "3.0.0", "key", ()),
    ("LINKS", 2, STALE, "7.0.0", "", _VARIES),
    ("MEET", -4, _CHANGE, "3.0.0", "ip port [cluster-bus-port]", ()),
    ("MYID", 2, STALE, "3.0.0", "", ()),
    ("MYSHARDID", 2, STALE, "7.2.0", "", _VARIES),
    ("NODES", 2, STALE, "3.0.0", "", _VARIES),
    ("REPLICAS", 3, ADMIN | STALE, "5.0.0", "node-id", _VARIES),
    ("REPLICATE", 3, _CHANGE, "3.0.0", "node-id", ()),
    ("RESET", -2, ADMIN | NOSCRIPT | STALE, "3.0.0", "[HARD | SOFT]", ()),
    ("SAVECONFIG", 2, _CHANGE, "3.0.0", "", ()),
    ("SET-CONFIG-EPOCH", 3, _CHANGE, "3.0.0", "config-epoch", ()),
    (
        *("SETSLOT", -4, _CHANGE, "3.0.0"),
        *("slot <IMPORTING importing | MIGRATING migrating | NODE node | STABLE>", ()),
    ),
    ("SHARDS", 2, LOADING | STALE, "7.0.0", "", _VARIES),
    ("SLAVES", 3, ADMIN | STALE, "3.0.0", "node-id", _VARIES),
    (
        *("SLOT-STATS", -4, LOADING | STALE, "8.2.0"),
        "<SLOTSRANGE start-slot end-slot | ORDERBY metric [LIMIT limit] [ASC | DESC]>",
        (*_VARIES, "request_policy:all_shards"),
    ),
    ("SLOTS", 2, LOADING | STALE, "3.0.0", "", _VARIES),
)

# What COMMAND DOCS calls the groups of their arguments.
GROUPS: Final = {
    "ADDSLOTSRANGE": "range",
    "DELSLOTSRANGE": "range",
    "FAILOVER": "options",
    "RESET": "reset-type",
    "SETSLOT": "subcommand",
    "SLOT-STATS": "filter slotsrange orderby order",
}
VERSIONS: Final = {"MEET": {"cluster-bus-port": "4.0.0"}}  # of arguments
DEPRECATED: Final = {"SLAVES": ("5.0.0", "`CLUSTER REPLICAS`"), "SLOTS": ("7.0.0", "`CLUSTER SHARDS`")}


def refuse(c: Client, argv: Argv) -> bytes:
    """Refuse, since the server is no part of a cluster."""
    raise CommandError("This instance has cluster support disabled")


container("CLUSTER", group="cluster", since="3.0.0", summary="Commands about a cluster, all of them refused")
for _name, _arity, _flags, _since, _syntax, _tips in SUBCOMMANDS:
    _deprecated_since, _replaced_by = DEPRECATED.get(_name, ("", ""))
    command(f"CLUSTER|{_name}", arity=_arity, flags=_flags, group="cluster", since=_since, syntax=_syntax,
            tips=_tips, argument_groups=GROUPS.get(_name, ""), argument_versions=VERSIONS.get(_name),
            deprecated_since=_deprecated_since, replaced_by=_replaced_by)(refuse)  # fmt: skip
for _name, _flags in (
    ("READONLY", LOADING | STALE | FAST),
    ("READWRITE", LOADING | STALE | FAST),
    ("ASKING", FAST),
):
    command(_name, arity=1, flags=_flags, group="cluster", since="3.0.0", acl="connection")(refuse)
