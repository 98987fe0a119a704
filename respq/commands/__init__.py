"""The commands, one module per group. Importing this package declares them all."""

from respq.command import SPECS
from respq.commands import (
    blocking_lists,
    clients,
    config,
    connection,
    debug,
    generic,
    hash_expiry,
    hashes,
    info,
    introspection,
    lists,
    pubsub,
    server,
    sets,
    slowlog,
    strings,
    transactions,
)

__all__ = [
    "SPECS",
    "blocking_lists",
    "clients",
    "config",
    "connection",
    "debug",
    "generic",
    "hash_expiry",
    "hashes",
    "info",
    "introspection",
    "lists",
    "pubsub",
    "server",
    "sets",
    "slowlog",
    "strings",
    "transactions",
]
