"""Key-space notifications: what happened to which key, published as messages.

Every command records the name of its event in the effect that it leaves behind (`keyspace`), whether anybody
wants to know or not; here the events of the classes that `notify-keyspace-events` names are published, when
effects are drained. While there is nothing to publish nothing of this is on any path:

- Being on is one more reason for the engine to drain after every command, so that an event falls between
  the replies of a batch where it does in Redis, and to do without bulk forms, whose effects name no keys.
- Keys that come into being and values that give way to others are events too, of classes that have to be
  asked for by name. Only an `ObservedDatabase` tells of them; databases take that class when notifications
  are turned on and give it back. A miss is told of by `Client.read_any` and its like.

A PUBLISH inside a transaction or a script is preceded by the events of the commands before it, so
`announce` may be called while a command is being executed; it blanks what it has published.
Cost: 2 messages per event, each a look-up and a pattern match per pattern that somebody listens to.

Events of hashes can also be published with the fields that they are about, as Redis 8.8 does (`S`, `T`, `I`,
`V`). Which fields these are stands in the command that is logged, or in the event itself (`FieldEvent`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from respq.datatypes.value import Value
from respq.keyspace import Database, Effects, FieldEvent
from respq.protocol import Argv
from respq.protocol.annotations import Annotation
from respq.protocol.runs import Run

S = TypeVar("S")
Publish = Callable[[bytes, bytes, "S | None"], int]

EVENTS_OF = {
    "g": "del expire persist rename_from rename_to move_from move_to copy_to restore",
    "$": "set setrange incrby incrbyfloat append setbit pfadd",
    "l": "lpush rpush lpop rpop linsert lset lrem ltrim sortstore",
    "s": "sadd srem spop sinterstore sunionstore sdiffstore",
    "h": "hset hincrby hincrbyfloat hdel hexpire hexpired hpersist",
    "z": "zadd zincr zrem zpopmin zpopmax zremrangebyscore zremrangebyrank zremrangebylex"
    " zrangestore zunionstore zinterstore zdiffstore georadiusstore geosearchstore",
    "x": "expired",
    "e": "evicted",
    "t": "xadd xtrim xdel xsetid xgroup-create xgroup-setid xgroup-destroy xgroup-createconsumer"
    " xgroup-delconsumer",
    "n": "new",
    "o": "overwritten",
    "c": "type_changed",
    "m": "keymiss",
}

# Where the fields stand in what is logged, for events that do not bring them along.
FIELDS_IN = {
    "hset": slice(2, None, 2),  # HSET, HMSET, HSETNX
    "hdel": slice(2, None),
    "hincrby": slice(2, 3),
    "hincrbyfloat": slice(5, 6),  # of HSETEX
}

# What dirties nobody and wakes nobody: it goes with another event that does, or with none.
QUIET = frozenset(
    {
        *("new", "overwritten", "type_changed", "keymiss", "xsetid"),
        *("xgroup-create", "xgroup-setid", "xgroup-destroy", "xgroup-createconsumer", "xgroup-delconsumer"),
    }
)
WHOLESALE = "wholesale"  # the key came or went with its database, by FLUSHALL, say: no event of its own
REPLACING = frozenset({"new", "overwritten", "type_changed"})  # they come before the event of what was done


class ObservedDatabase(Database):
    """A database that tells of keys that are new and of values that are replaced."""

    __slots__ = ()

    def add(self, key: bytes, value: Value) -> None:
        """As in `Database`, with the event."""
        super().add(key, value)
        self.effects.append((self, key, "new", None))

    def put(self, key: bytes, value: Value) -> None:
        """As in `Database`, with the events."""
        before = self.peek(key)
        if before is None:
            self.discard(key)  # it has expired, and was kept
            self.add(key, value)
            return
        super().put(key, value)
        note_replaced(self, key, before, value)

    def displace(self, key: bytes, value: Value) -> None:
        """As in `Database`, with the event."""
        is_there = key in self.values
        super().put(key, value)
        if is_there:
            self.effects.append((self, key, "new", None))


def note_replaced(db: Database, key: bytes, before: Value, value: Value) -> None:
    """Record that the value under a key has given way to another."""
    db.effects.append((db, key, "overwritten", None))
    if before.__class__ is not value.__class__:
        db.effects.append((db, key, "type_changed", None))


def note_displaced(db: Database, key: bytes, before: Value, value: Value) -> None:
    """As `note_replaced`, for commands of which these are the last events."""
    note_replaced(db, key, before, value)
    db.effects.append((db, None, None, None))  # else they would be taken for those of a SET that follows


class Notifications(Generic[S]):
    """Publishes the events in `effects`, of the classes last chosen."""

    def __init__(self, effects: Effects, databases: Sequence[Database], publish: Publish[S]) -> None:
        self._effects = effects
        self._databases = databases
        self._publish = publish
        self._events: frozenset[str] = frozenset()
        self._by_key = self._by_event = False  # publish to __keyspace@…__, to __keyevent@…__
        self._with_fields: frozenset[str] = frozenset()  # events that are published with their fields
        self._forms = ""  # of S, T, I, V: the ways in which these are
        self._seen = 0  # effects that have been announced, or blanked
        self.misses = False  # keys that a command did not find are to be recorded

    @property
    def on(self) -> bool:
        """Whether anything is ever published."""
        return bool(self._events or self._with_fields)

    def choose(self, letters: str) -> None:
        """Publish what the letters of `notify-keyspace-events` say from here on; what came before is done."""
        self.announce()
        self._by_key, self._by_event = "K" in letters, "E" in letters
        wanted = letters if self._by_key or self._by_event else ""
        self._events = frozenset(
            event for letter, events in EVENTS_OF.items() if letter in wanted for event in events.split()
        )
        self._forms = "".join([letter for letter in "STIV" if letter in letters])
        of_hashes = "h" in letters and self._forms
        self._with_fields = frozenset(EVENTS_OF["h"].split() if of_hashes else ())
        self.misses = "keymiss" in self._events
        for db in self._databases:
            db.__class__ = ObservedDatabase if self._events & REPLACING else Database

    def announce(self, by: S | None = None) -> None:
        """Publish the events of all effects that have not been, and blank them. O(effects).

        `by` is the client whose command is being executed: events for itself wait for its reply.
        """
        effects, events, before = self._effects, self._events, None
        for at in range(self._seen, len(effects)):
            db, key, event, argv = effects[at]
            if key is None or event is None:
                before = None
                continue
            if event == "set" and before != key and "overwritten" in events:  # strings change in place
                self._tell(db, key, "overwritten", by)
            if event in events:
                self._tell(db, key, event, by)
            if event in self._with_fields:
                self._tell_fields(db, key, event, fields_of(event, argv), by)
            before = key if event in REPLACING else None
            effects[at] = (db, None if event in QUIET else key, None, argv)
        self._seen = len(effects)

    def finish(self) -> None:
        """Announce what is left: all effects are about to be forgotten."""
        self.announce()
        self._seen = 0

    def _tell(self, db: Database, key: bytes, event: str, by: S | None) -> None:
        name = event.encode()
        if self._by_key:
            self._publish(b"__keyspace@%d__:%b" % (db.index, key), name, by)
        if self._by_event:
            self._publish(b"__keyevent@%d__:%b" % (db.index, name), key, by)

    def _tell_fields(
        self, db: Database, key: bytes, event: str, fields: Sequence[bytes], by: S | None
    ) -> None:
        """In each of the forms; one message a field in `I`, where a newline in the key would mislead."""
        name = event.encode()
        counted = b",".join([b"%d:%b" % (len(field), field) for field in fields])
        if "S" in self._forms:
            self._publish(b"__subkeyspace@%d__:%b" % (db.index, key), b"%b|%b" % (name, counted), by)
        if "T" in self._forms:
            message = b"%d:%b|%b" % (len(key), key, counted)
            self._publish(b"__subkeyevent@%d__:%b" % (db.index, name), message, by)
        if "I" in self._forms and b"\n" not in key:
            for field in fields:
                self._publish(b"__subkeyspaceitem@%d__:%b\n%b" % (db.index, key, field), name, by)
        if "V" in self._forms:
            self._publish(b"__subkeyspaceevent@%d__:%b|%b" % (db.index, name, key), counted, by)


def fields_of(event: str, argv: Argv | Run | Annotation | None) -> Sequence[bytes]:
    """The fields that an event of a hash is about, as often as they were named."""
    if isinstance(event, FieldEvent):
        return event.fields
    assert isinstance(argv, list), "nothing is executed as a run while somebody listens"
    return argv[FIELDS_IN[event]]
