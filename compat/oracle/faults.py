"""Faults that are planted to show that the oracle would find them.

Each is one line of difference from the real thing, of a kind that has been met in servers like this
one. A fault patches the declarations or a class before an engine is built; `family` says where it is
looked for, and within how many sequences it has to be found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from compat.oracle.case import NOTIFIED, SPREAD
from respq.acl.permissions import Grant
from respq.acl.selectors import Selector
from respq.command import SPECS, Argv, Client
from respq.commands import stream_delivery
from respq.datatypes.streams import StreamValue
from respq.effects.aof import AppendOnlyFile
from respq.errors import CommandError
from respq.execution import Execution
from respq.keyspace import Database, Effect
from respq.notifications import EVENTS_OF
from respq.protocol.reader import Reader
from respq.protocol.resp import RESP2, RESP3
from respq.restrictions import Refuse, Restriction
from respq.state import Handler, Server, Spec
from respq.waiting import Parking, Waiting

Patch = pytest.MonkeyPatch
Reply = Callable[[Client, Argv, bytes], bytes]
Rewrite = Callable[[Argv], Argv]


class Fault(NamedTuple):
    family: str
    install: Callable[[Patch], None]
    budget: int = 150  # sequences
    delivery: str | None = None  # if only one kind of delivery can show it


FAULTS: dict[str, Fault] = {}


def fault(
    name: str, family: str, budget: int = 150, delivery: str | None = None
) -> Callable[[Callable[[Patch], None]], None]:
    """Register a function that plants a fault."""

    def register(install: Callable[[Patch], None]) -> None:
        FAULTS[name] = Fault(family, install, budget, delivery)

    return register


# -- ways to be wrong --------------------------------------------------------------------------------


def replies(patch: Patch, name: str, alter: Reply) -> None:
    """The command works, its reply is another."""
    spec = SPECS[name]
    handler = spec.handler
    assert handler is not None
    patch.setattr(spec, "handler", lambda c, argv: alter(c, argv, handler(c, argv)))
    patch.setattr(spec, "bulk", None)


def understands(patch: Patch, name: str, rewrite: Rewrite) -> None:
    """The command does what other arguments ask for."""
    spec = SPECS[name]
    handler = spec.handler
    assert handler is not None
    patch.setattr(spec, "handler", lambda c, argv: handler(c, rewrite(argv)))
    patch.setattr(spec, "bulk", None)


def effects(patch: Patch, name: str, alter: Callable[[Effect], Effect]) -> None:
    """The command leaves other effects than it had."""
    spec = SPECS[name]
    handler = spec.handler
    assert handler is not None

    def altered(c: Client, argv: Argv) -> bytes:
        before = len(c.effects)
        reply = handler(c, argv)
        c.effects[before:] = map(alter, c.effects[before:])
        return reply

    patch.setattr(spec, "handler", altered)
    patch.setattr(spec, "bulk", None)


def unlogged(effect: Effect) -> Effect:
    db, key, event, _ = effect
    return db, key, event, None


def unnoticed(effect: Effect) -> Effect:
    """Nobody who watches the key or waits for it learns of the change."""
    db, _, event, argv = effect
    return db, None, event, argv


def fails_with(patch: Patch, name: str, old: str, new: str) -> None:
    """The command words an error in its own way."""
    spec = SPECS[name]
    handler = spec.handler
    assert handler is not None

    def failing(c: Client, argv: Argv) -> bytes:
        try:
            return handler(c, argv)
        except CommandError as error:
            text = error.reply.decode()
            if old in text:
                prefix, _, message = text[1:].strip().replace(old, new).partition(" ")
                raise CommandError(message, prefix) from error
            raise

    patch.setattr(spec, "handler", failing)


# -- wrong replies -----------------------------------------------------------------------------------


@fault("LLEN counts one too few from three on", "list")
def _(patch: Patch) -> None:
    replies(patch, "LLEN", lambda _c, _a, reply: b":2\r\n" if reply == b":3\r\n" else reply)


@fault("LRANGE leaves out the last element when it counts from the end", "list")
def _(patch: Patch) -> None:
    understands(patch, "LRANGE", lambda a: [*a[:3], b"-2"] if a[3:] == [b"-1"] else a)


@fault("LTRIM takes one more from the tail", "list")
def _(patch: Patch) -> None:
    understands(patch, "LTRIM", lambda a: [*a[:3], b"-2"] if a[3:] == [b"-1"] else a)


@fault("LINSERT answers 0 for a missing pivot", "list")
def _(patch: Patch) -> None:
    replies(patch, "LINSERT", lambda _c, _a, reply: b":0\r\n" if reply == b":-1\r\n" else reply)


@fault("LREM takes a negative count for a positive one", "list")
def _(patch: Patch) -> None:
    understands(patch, "LREM", lambda a: [*a[:2], a[2].lstrip(b"-"), *a[3:]])


@fault("LPOS counts ranks from the head only", "list")
def _(patch: Patch) -> None:
    understands(patch, "LPOS", lambda a: [a[0], a[1], a[2], *(word.replace(b"-2", b"2") for word in a[3:])])


@fault("LPOP with a count answers an empty array instead of null", "list")
def _(patch: Patch) -> None:
    replies(patch, "LPOP", lambda _c, a, r: b"*0\r\n" if len(a) == 3 and r in (b"*-1\r\n", b"_\r\n") else r)


@fault("a null is spelled as in RESP2 although RESP3 was asked for", "string")
def _(patch: Patch) -> None:
    patch.setattr(RESP3, "null", RESP2.null)


@fault("GETRANGE leaves out the last byte when it counts from the end", "string")
def _(patch: Patch) -> None:
    understands(patch, "GETRANGE", lambda a: [*a[:3], b"-2"] if a[3:] == [b"-1"] else a)


@fault("SETRANGE pads with spaces", "string")
def _(patch: Patch) -> None:
    def padded(c: Client, argv: Argv, reply: bytes) -> bytes:
        value = c.db.get(argv[1])
        if value is not None and hasattr(value, "data") and isinstance(value.data, bytes | bytearray):
            value.data = value.data.replace(b"\0\0", b"  ")
        return reply

    replies(patch, "SETRANGE", padded)


@fault("APPEND answers what was added, not what there is", "string")
def _(patch: Patch) -> None:
    replies(patch, "APPEND", lambda _c, a, _r: b":%d\r\n" % len(a[2]))


@fault("TTL does not tell a missing key from one without expiry", "generic")
def _(patch: Patch) -> None:
    replies(patch, "TTL", lambda _c, _a, reply: b":-1\r\n" if reply == b":-2\r\n" else reply)


@fault("EXPIRE takes GT for no condition", "generic")
def _(patch: Patch) -> None:
    understands(patch, "EXPIRE", lambda a: a[:3] if a[3:] == [b"GT"] else a)


@fault("COPY answers 1 although the destination was there", "generic")
def _(patch: Patch) -> None:
    replies(patch, "COPY", lambda _c, _a, _r: b":1\r\n")


@fault("COPY forgets the expiry", "generic")
def _(patch: Patch) -> None:
    def forgetful(c: Client, argv: Argv, reply: bytes) -> bytes:
        if reply == b":1\r\n" and len(argv) == 3:
            SPECS["PERSIST"].handler(c, [b"PERSIST", argv[2]])  # type: ignore[misc]
        return reply

    replies(patch, "COPY", forgetful)


@fault("DBSIZE is one behind", "server")
def _(patch: Patch) -> None:
    replies(patch, "DBSIZE", lambda _c, _a, reply: b":1\r\n" if reply == b":2\r\n" else reply)


# -- wrong error texts -------------------------------------------------------------------------------


@fault("LSET words its error differently", "list")
def _(patch: Patch) -> None:
    fails_with(patch, "LSET", "index out of range", "index is out of range")


@fault("WRONGTYPE comes as ERR", "string")
def _(patch: Patch) -> None:
    fails_with(patch, "INCR", "WRONGTYPE", "ERR")


@fault("EXECABORT comes as ERR", "transactions")
def _(patch: Patch) -> None:
    fails_with(patch, "EXEC", "EXECABORT", "ERR")


@fault("SELECT words its error differently", "connection")
def _(patch: Patch) -> None:
    fails_with(patch, "SELECT", "DB index is out of range", "invalid DB index")


# -- wrong events -------------------------------------------------------------------------------------


@fault("a value that gives way to another type is no event", "generic", 100, NOTIFIED)
def _(patch: Patch) -> None:
    patch.setitem(EVENTS_OF, "c", "")


@fault("a key that was not found is no event", "list", 100, NOTIFIED)
def _(patch: Patch) -> None:
    patch.setattr(Client, "note_miss", lambda _client, _key: None)


# -- wrong order of service --------------------------------------------------------------------------


@fault("the client that came last is served first", "list", 800, SPREAD)
def _(patch: Patch) -> None:
    add = Waiting.add

    def first(waiting: Waiting[Client], client: Client, parking: Parking) -> None:
        add(waiting, client, parking)
        for key in parking.keys:
            others = [other for other in waiting.queues[key] if other is not client]
            waiting.queues[key] = dict.fromkeys([client, *others])

    patch.setattr(Waiting, "add", first)


@fault("BLPOP looks at its keys from the last to the first", "list")
def _(patch: Patch) -> None:
    understands(patch, "BLPOP", lambda a: [a[0], *a[-2:0:-1], a[-1]])


@fault("RENAME does not wake who waits for the new name", "list", 800, SPREAD)
def _(patch: Patch) -> None:
    effects(patch, "RENAME", unnoticed)


@fault("waiters are served while a transaction still runs", "list", 800, SPREAD)
def _(patch: Patch) -> None:
    def drained(c: Client, _argv: Argv, reply: bytes) -> bytes:
        c.server.drain()
        return reply

    replies(patch, "RPUSH", drained)


@fault("commands behind a blocked one are lost when it is served", "list", 800, SPREAD)
def _(patch: Patch) -> None:
    resume = Server.resume

    def forget(server: Server, client: Client, reply: bytes) -> None:
        resume(server, client, reply)
        client.backlog = []

    patch.setattr(Server, "resume", forget)


@fault("CLIENT UNBLOCK ERROR ends a wait like a timeout", "list", 800, SPREAD)
def _(patch: Patch) -> None:
    understands(patch, "CLIENT|UNBLOCK", lambda a: a[:3])


# -- lost or wrong effects ---------------------------------------------------------------------------


@fault("LREM is not logged", "list")
def _(patch: Patch) -> None:
    effects(patch, "LREM", unlogged)


@fault("LMOVE is logged with its ends exchanged", "list")
def _(patch: Patch) -> None:
    def exchanged(effect: Effect) -> Effect:
        db, key, event, argv = effect
        return db, key, event, [*argv[:3], argv[4], argv[3]] if argv and len(argv) == 5 else argv

    effects(patch, "LMOVE", exchanged)


@fault("a blocking pop that had to wait is not logged", "list", 400)
def _(patch: Patch) -> None:
    effects(patch, "BLMOVE", unlogged)


@fault("EXPIRE is not logged", "generic")
def _(patch: Patch) -> None:
    effects(patch, "EXPIRE", unlogged)


@fault("the log forgets to select another database", "generic")
def _(patch: Patch) -> None:
    append = AppendOnlyFile.append_effect

    def always_first(log: AppendOnlyFile, _db: int, argv: Argv) -> None:
        append(log, 0, argv)

    patch.setattr(AppendOnlyFile, "append_effect", always_first)


@fault("the last effect of every batch is missing from the log", "string")
def _(patch: Patch) -> None:
    settle = Execution._settle

    def short(execution: Execution, commands: list[Argv], raw: bytes | None) -> None:
        execution._server.effects.pop()
        settle(execution, commands, raw)

    patch.setattr(Execution, "_settle", short)


@fault("a client's bytes are logged although its read began within a command", "string")
def _(patch: Patch) -> None:
    feed = Reader.feed

    def claiming(reader: Reader, data: bytes) -> list[Argv]:
        commands = feed(reader, data)
        reader.verbatim = data
        return commands

    patch.setattr(Reader, "feed", claiming)


@fault("LSET does not break the transaction of who watches the list", "transactions", 800)
def _(patch: Patch) -> None:
    effects(patch, "LSET", unnoticed)


@fault("a key deleted because its expiry lies in the past stays", "generic")
def _(patch: Patch) -> None:
    def revived(c: Client, argv: Argv, reply: bytes) -> bytes:
        if reply == b":1\r\n" and argv[2].startswith(b"-"):
            SPECS["SET"].handler(c, [b"SET", argv[1], b"undead"])  # type: ignore[misc]
        return reply

    replies(patch, "PEXPIRE", revived)


@fault("RESET keeps the database", "connection", 400)
def _(patch: Patch) -> None:
    spec = SPECS["RESET"]
    handler = spec.handler
    assert handler is not None

    def keeping(c: Client, argv: Argv) -> bytes:
        db: Database = c.db
        reply = handler(c, argv)
        c.db = db
        return reply

    patch.setattr(spec, "handler", keeping)


@fault("a request split within a length loses a digit", "string")
def _(patch: Patch) -> None:
    feed = Reader.feed

    def lossy(reader: Reader, data: bytes) -> list[Argv]:
        return feed(reader, data[1:] if reader.pending and data[:1].isdigit() else data)

    patch.setattr(Reader, "feed", lossy)


# -- users -------------------------------------------------------------------------------------------


@fault("a key that may be read may be written", "acl")
def _(patch: Patch) -> None:
    patch.setattr(Grant, "patterns_for", lambda grant, _access: list(grant.keys))


@fault("a rule does not take the place of earlier ones", "acl")
def _(patch: Patch) -> None:
    patch.setattr(Selector, "_note", lambda selector, sign, name: selector.rules.update({name: sign}))


@fault("refusals that are alike are listed one by one", "acl", 400)
def _(patch: Patch) -> None:
    patch.setattr("respq.acl.log.ALIKE_MS", -1)


@fault("what was queued is not looked at again", "acl", 400)
def _(patch: Patch) -> None:
    wrap = Restriction.wrap

    def trusting(restriction: Restriction, refuse: Refuse, spec: Spec, handler: Handler) -> Handler:
        looking = wrap(restriction, refuse, spec, handler)
        return lambda c, argv: (handler if c.executing and c.queued is None else looking)(c, argv)

    patch.setattr(Restriction, "wrap", trusting)


# -- consumer groups ---------------------------------------------------------------------------------


@fault("reading one's history is not counted as a delivery", "groups")
def _(patch: Patch) -> None:
    patch.setattr(stream_delivery, "COUNT_MAX", 1)


@fault("XACK is not logged", "groups")
def _(patch: Patch) -> None:
    effects(patch, "XACK", unlogged)


@fault("XGROUP DESTROY wakes nobody", "groups", 500, SPREAD)
def _(patch: Patch) -> None:
    patch.setattr(Waiting, "wake", lambda _waiting, _where: None)


@fault("XAUTOCLAIM goes on behind the entry that comes next", "groups")
def _(patch: Patch) -> None:
    replies(patch, "XAUTOCLAIM", lambda _c, _argv, reply: reply.replace(b"$3\r\n5-0", b"$3\r\n5-1", 1))


@fault("a group that was told how much it has read does not count on", "groups")
def _(patch: Patch) -> None:
    patch.setattr(StreamValue, "_is_certain_from", lambda _stream, _entry_id: False)


@fault("an entry that a group has yet to read counts as acknowledged", "groups")
def _(patch: Patch) -> None:
    def pending_only(stream: StreamValue, _entry_id: int, text: bytes) -> bool:
        return any(text in group.pending for group in stream.groups.values())

    patch.setattr(StreamValue, "is_referred_to", pending_only)
