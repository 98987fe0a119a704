"""COMMAND DOCS: one command for people, generated from its declaration.

All is as redis-server 8.2.3 has it but for what is prose there: summaries and complexities are our own, and
there is no history. The arguments come from the notation in the declaration (`syntax`), which says neither
what their groups are called nor which version brought them; that stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from respq.flags import Flag
from respq.protocol.resp import Encoder, array, bulk, integer, simple
from respq.state import Spec
from respq.syntax import EMPTY, SYMBOLS, Argument, parse

# What an argument of a certain name is; any other is a string.
KEY_NAMES = {
    "destination", "destkey", "dst", "key", "key1", "key2", "keys", "newkey", "source", "sourcekey", "src",
    "storedistkey", "storekey",
}  # fmt: skip
INTEGER_NAMES = {
    "bit", "bits", "client-id", "cluster-bus-port", "config-epoch", "count", "cursor", "db", "decrement",
    "destination-db", "end", "end-slot", "entries-added", "entriesread", "frequency", "increment",
    "index", "index1", "index2", "len", "limit", "maxage", "milliseconds", "min-match-len", "ms",
    "num-matches", "numfields", "numids", "numkeys", "numlocal", "numreplicas", "offset", "port",
    "protover", "rank", "seconds", "slot", "start", "start-slot", "stop", "timeout", "ttl", "version",
    "weight",
}  # fmt: skip
DOUBLE_NAMES = {"height", "latitude", "longitude", "radius", "score", "width"}
SCORES_BETWEEN = {"ZCOUNT", "ZRANGEBYSCORE", "ZREMRANGEBYSCORE", "ZREVRANGEBYSCORE"}  # min and max
IDS_BETWEEN = {"XAUTOCLAIM", "XPENDING", "XRANGE", "XREVRANGE"}  # start and end
TOKEN_NAMES = {"ALPHA": "sorting", "CH": "change", "INCR": "increment", **SYMBOLS}  # words with another name
SHOWN_NAMES = {
    "auth": "password", "entriesread": "entries-read", "importing": "node-id", "keys": "key",
    "migrating": "node-id", "node": "node-id", "storedistkey": "key", "storekey": "key",
}  # fmt: skip
KEY_PATTERNS = {"BY", "GET"}  # words before a pattern of keys, all of which share one key specification
ADDRESSES = {
    "ADDR": "addr",
    "LADDR": "laddr",
    "": "old-format",
}  # what `ip:port` is called, by the word before it
DEPRECATED_ARGUMENTS = {"old-format": "2.8.12"}  # and since when

Pairs = list[tuple[bytes, bytes]]


def document(enc: Encoder, spec: Spec) -> bytes:
    """One command as COMMAND DOCS documents it, with its subcommands."""
    docs = spec.docs
    pairs = _texts(summary=docs.summary, since=spec.since, group=spec.group)
    if docs.complexity:
        pairs += _texts(complexity=docs.complexity)
    if docs.deprecated_since:
        pairs.append((bulk(b"doc_flags"), simples(enc, ["deprecated"])))
        pairs += _texts(deprecated_since=docs.deprecated_since, replaced_by=docs.replaced_by)
    elif Flag.SYSCMD in spec.flags:
        pairs.append((bulk(b"doc_flags"), simples(enc, ["syscmd"])))
    if docs.syntax:
        pairs.append((bulk(b"arguments"), _Describer(enc, spec).describe(parse(docs.syntax))))
    if spec.subcommands:
        subcommands = [(shown_name(sub), document(enc, sub)) for sub in spec.subcommands.values()]
        pairs.append((bulk(b"subcommands"), enc.map(subcommands)))
    return enc.map(pairs)


def shown_name(spec: Spec) -> bytes:
    """The name in lower case, encoded."""
    return bulk(spec.fullname.encode())


def simples(enc: Encoder, words: list[str]) -> bytes:
    """A set of simple strings."""
    return enc.set([simple(word.encode()) for word in words])


def _texts(**fields: str) -> Pairs:
    return [(bulk(name.encode()), bulk(text.encode())) for name, text in fields.items()]


class _Describer:
    """The arguments of one command, described in their order: keys and names of groups are counted off."""

    def __init__(self, enc: Encoder, spec: Spec) -> None:
        self.enc = enc
        self.spec = spec
        self.key_specs = count()
        self.group_names = iter(spec.docs.argument_groups.split())

    def describe(self, arguments: Sequence[Argument]) -> bytes:
        """These and those within them."""
        return array([self.enc.map(self._pairs(argument)) for argument in arguments])

    def _pairs(self, argument: Argument) -> Pairs:
        """One argument or group."""
        kind = _type(self.spec, argument)
        parts = argument.alternatives or argument.parts
        of_keys = kind == "pattern" and argument.token in KEY_PATTERNS
        name, shown = self._names(argument, kind, of_keys=of_keys)
        pairs = _texts(name=name, type=kind)
        if not parts:
            pairs += _texts(display_text=shown)
        if kind == "key" or of_keys:
            pairs.append((bulk(b"key_spec_index"), integer(self._key_spec_of(argument))))
        if argument.token:
            pairs += _texts(token="" if argument.token == EMPTY else argument.token)
        if since := self.spec.docs.argument_versions.get(name):
            pairs += _texts(since=since)
        if deprecated_since := DEPRECATED_ARGUMENTS.get(name):
            pairs += _texts(deprecated_since=deprecated_since)
        flags = [flag for flag in ("optional", "multiple", "multiple_token") if getattr(argument, flag)]
        if flags:
            pairs.append((bulk(b"flags"), simples(self.enc, flags)))
        if parts:
            pairs.append((bulk(b"arguments"), self.describe(parts)))
        return pairs

    def _names(self, argument: Argument, kind: str, *, of_keys: bool) -> tuple[str, str]:
        """What an argument is called, and how it is shown."""
        if argument.alternatives or argument.parts:
            return next(self.group_names, kind), ""
        name = argument.name or TOKEN_NAMES.get(argument.token) or argument.token.lower()
        shown = SHOWN_NAMES.get(name, name)
        if of_keys:
            name = f"{argument.token.lower()}-{name}"
        elif name == "ip:port":
            name = ADDRESSES[argument.token]
        return name, shown

    def _key_spec_of(self, argument: Argument) -> int:
        """The number of the key specification that an argument belongs to."""
        specs = self.spec.keys
        unknown = [number for number, keys in enumerate(specs) if keys.find is not None and not keys.at]
        if argument.token in KEY_PATTERNS:
            return unknown[0]
        if unknown and argument.token:
            return unknown[-1]
        return min(next(self.key_specs), len(specs) - 1)  # the last one may be of several arguments


def _type(spec: Spec, argument: Argument) -> str:
    """What an argument is, in the words of COMMAND DOCS."""
    name = argument.name
    if not name:
        return "oneof" if argument.alternatives else "block" if argument.parts else "pure-token"
    if name in KEY_NAMES:
        return "key" if spec.keys else "string"
    if name == "pattern":
        return name
    if name.startswith("unix-time"):
        return "unix-time"
    if (name == "timeout" and Flag.WRITE | Flag.BLOCKING in spec.flags) or (
        name == "increment" and spec.name.endswith("BYFLOAT")
    ):
        return "double"
    if name in DOUBLE_NAMES or (name in {"min", "max"} and spec.name in SCORES_BETWEEN):
        return "double"
    if spec.name == "ZRANGE" and name in {"start", "stop"}:  # or scores, or members
        return "string"
    if spec.name in IDS_BETWEEN and name in {"start", "end"}:
        return "string"
    if (name == "min-idle-time" and argument.token) or (name == "value" and spec.group == "bitmap"):
        return "integer"
    return "integer" if name in INTEGER_NAMES else "string"
