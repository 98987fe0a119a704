"""`@command`: how a command is declared, once, beside its handler.

The decorator records a `Spec` and returns the function unchanged. The dispatch table, the arity
check, key extraction, ACL categories, COMMAND INFO, COMMAND DOCS and the README's table all come
from the Specs; the summary is the first line of the docstring. A subcommand registers as
`CLIENT|KILL`, its container as `CLIENT` through `container`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from respq.flags import Channels, Docs, Flag, Keys
from respq.protocol import Argv
from respq.state import BulkHandler, Client, Handler, Spec

__all__ = [
    "ADMIN",
    "ALLOW_BUSY",
    "ASYNC_LOADING",
    "BLOCKING",
    "DENYOOM",
    "FAST",
    "FIRST",
    "LOADING",
    "MAY_REPLICATE",
    "MOVABLEKEYS",
    "NOSCRIPT",
    "NO_ASYNC_LOADING",
    "NO_AUTH",
    "NO_MANDATORY_KEYS",
    "NO_MULTI",
    "PUBSUB",
    "READONLY",
    "SCRIPT_RUNNER",
    "SKIP_MONITOR",
    "SKIP_SLOWLOG",
    "SPECS",
    "STALE",
    "SYSCMD",
    "WRITE",
    "Argv",
    "Channels",
    "Client",
    "Keys",
    "Spec",
    "command",
    "container",
    "key",
    "keys",
]  # fmt: skip

ADMIN = Flag.ADMIN
ALLOW_BUSY = Flag.ALLOW_BUSY
ASYNC_LOADING = Flag.ASYNC_LOADING
BLOCKING = Flag.BLOCKING
DENYOOM = Flag.DENYOOM
FAST = Flag.FAST
LOADING = Flag.LOADING
MAY_REPLICATE = Flag.MAY_REPLICATE
MOVABLEKEYS = Flag.MOVABLEKEYS
NONE = Flag(0)
NOSCRIPT = Flag.NOSCRIPT
NO_ASYNC_LOADING = Flag.NO_ASYNC_LOADING
NO_AUTH = Flag.NO_AUTH
NO_MANDATORY_KEYS = Flag.NO_MANDATORY_KEYS
NO_MULTI = Flag.NO_MULTI
PUBSUB = Flag.PUBSUB
READONLY = Flag.READONLY
SCRIPT_RUNNER = Flag.SCRIPT_RUNNER
SKIP_MONITOR = Flag.SKIP_MONITOR
SKIP_SLOWLOG = Flag.SKIP_SLOWLOG
STALE = Flag.STALE
SYSCMD = Flag.SYSCMD
WRITE = Flag.WRITE

SPECS: dict[str, Spec] = {}  # by upper-case name; "CLIENT|KILL" for a subcommand


def key(at: int, flags: str) -> Keys:
    """One key, argument number `at`; `flags` in COMMAND INFO's words, e.g. `RW insert`."""
    return Keys(flags, at)


def keys(first: int, last: int, step: int, flags: str) -> Keys:
    """Every `step`-th argument from `first` to `last`; a negative `last` counts from the end."""
    return Keys(flags, first, last if last < 0 else last - first, step)


FIRST = (key(1, "RW access update"),)


def command(
    name: str,
    *,
    arity: int,
    flags: Flag = NONE,
    keys: tuple[Keys, ...] = (),
    group: str,
    since: str,
    syntax: str = "",
    acl: str = "",
    tips: tuple[str, ...] = (),
    complexity: str = "O(1)",
    bulk: BulkHandler | None = None,
    channels: Channels | None = None,
    deprecated_since: str = "",
    replaced_by: str = "",
    argument_groups: str = "",
    argument_versions: Mapping[str, str] | None = None,
) -> Callable[[Handler], Handler]:
    """Declare the decorated function as the handler of `name`.

    `arity` counts the name, and is a minimum if negative, as in COMMAND INFO. `acl` names the
    categories that flags and group do not imply, `tips` are COMMAND INFO's. `bulk`, if given,
    executes a run of these commands as one: see `state.BulkHandler`. `channels` says which arguments are
    channels that the user has to be allowed. What remains is documentation: see `flags.Docs`.
    """

    def register(handler: Handler) -> Handler:
        summary = (handler.__doc__ or "").partition("\n")[0].rstrip(".")
        _register(Spec(
            name, handler, arity, flags, keys, group, since, acl, tips,
            Docs(
                summary, syntax, complexity, deprecated_since, replaced_by, argument_groups,
                argument_versions or {},
            ), bulk, channels,
        ))  # fmt: skip
        return handler

    return register


def container(name: str, *, group: str, since: str, summary: str) -> None:
    """Declare `name` as a container of the subcommands that register as `NAME|…`."""
    _register(Spec(
        name, None, -2, NONE, (), group, since, "", (), Docs(summary, complexity="Depends on subcommand"),
    ))  # fmt: skip


def _register(spec: Spec) -> None:
    """Enter a Spec once; a subcommand also under its container, which is declared first."""
    assert spec.name not in SPECS, f"{spec.name} is declared twice"
    SPECS[spec.name] = spec
    parent, _, subcommand = spec.name.partition("|")
    if subcommand:
        SPECS[parent].subcommands[spec.name] = spec
