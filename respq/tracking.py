"""Client-side caching: who is told which keys have changed, so that it can forget what it keeps of them.

A client that tracks (`Tracker`) is told in one of two ways:

- By default it is told once of a key that it has read. What it read is remembered in a table, by the names
  of keys alone, as in Redis: a change in any database counts. Reading is seen by a wrapper in the client's
  command table, and in that of scripts, so nobody else pays for it.
- In broadcast mode it is told of every key that begins with one of its prefixes. Such keys are gathered, and
  leave together at the end of the tick.

Changes are the effects that are drained after every command while anybody tracks; whatever dirties who
watches a key counts, but for a flush, which is one message of its own. Between two commands of a transaction
or a script effects are looked at as well (`settle`), since what is read after a change is remembered anew.
What goes to the client whose command is being executed waits for the reply to that command, and for the
messages that it sent to itself.

Invalidation goes over the connection itself in RESP3, or to another one (`redirect`): in RESP2 as a message
to a client that is subscribed. While nobody tracks, the table is empty.
Cost: a look-up per effect, and per prefix length in broadcast mode.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from random import Random
from typing import Generic, Protocol, TypeVar

from respq.keyspace import Effects
from respq.notifications import QUIET, WHOLESALE
from respq.protocol.resp import Encoder, bulk, bulks

UNTRACKED = QUIET | {WHOLESALE}
EXPIRIES = frozenset({"expired", "hexpired", "evicted"})  # nobody's doing, to who is not told of its own
CHANNEL = b"$20\r\n__redis__:invalidate\r\n"


class Tracker:
    """How one client tracks."""

    __slots__ = ("broadcast", "broken", "chosen", "no_loop", "opt_in", "opt_out", "prefixes", "redirect")

    def __init__(self) -> None:
        self.broadcast = False
        self.opt_in = False  # only what is read behind CLIENT CACHING YES
        self.opt_out = False  # all but what is read behind CLIENT CACHING NO
        self.no_loop = False  # not what it changes itself
        self.redirect = 0  # the client that is told instead
        self.chosen = False  # CLIENT CACHING, for the next command
        self.broken = False  # there is no such client any more
        self.prefixes: set[bytes] = set()

    @property
    def selective(self) -> bool:
        """Whether CLIENT CACHING decides what is remembered."""
        return self.opt_in or self.opt_out

    @property
    def remembers(self) -> bool:
        """Whether what is read now is remembered."""
        return self.chosen == self.opt_in if self.selective else not self.broadcast


class Follower(Protocol):
    """What is asked of a client."""

    id: int
    enc: Encoder
    subscribed: bool
    closing: bool
    tracker: Tracker | None

    def send(self, reply: bytes) -> None:
        """Queue bytes for the network."""
        ...


S = TypeVar("S", bound=Follower)


class _Prefix(Generic[S]):
    """Who is told of the keys with one prefix, and those that have changed in this tick, by whom last."""

    def __init__(self) -> None:
        self.clients: dict[S, None] = {}
        self.changed: dict[bytes, S | None] = {}


class Tracking(Generic[S]):
    """All that is tracked. `clients` are the connections by id."""

    def __init__(self, effects: Effects, clients: Mapping[int, S], rng: Random) -> None:
        self._effects = effects
        self._clients = clients
        self._rng = rng
        self.trackers: dict[S, None] = {}
        self.prefixes: dict[bytes, _Prefix[S]] = {}
        self.items = 0  # ids in the table
        self.most_keys = 0  # in the table; 0: any number
        self.seen = 0  # effects that have been looked at
        self.changed = False  # a key with a prefix, in this tick
        self.pending: list[tuple[S, bytes]] = []  # pushes to who executes a command, for behind its reply
        self._readers: dict[bytes, dict[int, None]] = {}  # the table: who has read a key
        self._keys: list[bytes] = []  # of it, so that one can be drawn
        self._places: dict[bytes, int] = {}  # where they stand there

    @property
    def keys(self) -> int:
        """Keys in the table."""
        return len(self._keys)

    # -- who tracks --------------------------------------------------------------------------------

    def start(self, client: S, tracker: Tracker, prefixes: Iterable[bytes]) -> None:
        """Let a client track, or go on in another way. O(prefixes)."""
        if not self.trackers:
            self.seen = len(self._effects)  # what came before is done
        client.tracker = tracker
        self.trackers[client] = None
        if tracker.broadcast:
            for prefix in list(prefixes) or [b""]:
                tracker.prefixes.add(prefix)
                self.prefixes.setdefault(prefix, _Prefix()).clients[client] = None

    def stop(self, client: S) -> None:
        """Tell a client nothing more. O(prefixes)."""
        tracker, client.tracker = client.tracker, None
        if tracker is None:
            return
        del self.trackers[client]
        for prefix in tracker.prefixes:
            del self.prefixes[prefix].clients[client]
            if not self.prefixes[prefix].clients:
                del self.prefixes[prefix]
        if not self.trackers:
            self._forget_all()

    # -- what is read ------------------------------------------------------------------------------

    def remember(self, client: S, keys: Iterable[bytes]) -> None:
        """A client has read these keys. O(keys)."""
        for key in keys:
            readers = self._readers.get(key)
            if readers is None:
                readers = self._readers[key] = {}
                self._places[key] = len(self._keys)
                self._keys.append(key)
            if client.id not in readers:
                readers[client.id] = None
                self.items += 1

    @property
    def overfull(self) -> bool:
        """Whether there are more keys in the table than there may be."""
        return 0 < self.most_keys < len(self._keys)

    def trim(self) -> None:
        """Take keys out of the table, any ones, as long as there are too many; they count as changed."""
        while self.overfull:
            self._invalidate(self._rng.choice(self._keys), None)

    def _take(self, key: bytes) -> Iterable[int]:
        """Take a key out of the table; the ids of who has read it. O(1)."""
        readers = self._readers.pop(key, None)
        if readers is None:
            return ()
        place, last = self._places.pop(key), self._keys.pop()
        if last != key:
            self._keys[place] = last
            self._places[last] = place
        self.items -= len(readers)
        return readers

    def _forget_all(self) -> None:
        self._readers.clear()
        self._keys.clear()
        self._places.clear()
        self.items = 0

    # -- what changes ------------------------------------------------------------------------------

    def settle(self, by: S | None, *, in_script: bool = False) -> None:
        """Look at the effects that came since the last time, by a command of `by`. O(effects)."""
        effects = self._effects
        while self.seen < len(effects):
            _, key, event, _ = effects[self.seen]
            self.seen += 1
            if key is not None and event not in UNTRACKED:
                self._invalidate(key, by)
                if self.prefixes:  # of what a script does, nobody is the author
                    self._gather(key, None if in_script or event in EXPIRIES else by)

    def finish(self, by: S | None) -> None:
        """Look at what is left: all effects are about to be forgotten."""
        self.settle(by)
        self.seen = 0

    def send_pending(self) -> None:
        """The reply to a command has been made, and its messages sent: send what had to wait for that."""
        for target, push in self.pending:
            target.send(push)
        self.pending.clear()
        self.trim()

    def note_inserted(self, at: int) -> None:
        """An effect that concerns no key has been put between the others."""
        if at < self.seen:
            self.seen += 1

    def flush(self, by: S, *, at_once: bool, in_script: bool) -> None:
        """`by` has emptied a database, or all: whatever anybody keeps is gone. O(who tracks).

        `at_once`: it is told itself before the reply, as redis-server does unless the flush is ASYNC.
        """
        self.settle(by, in_script=in_script)
        for client in list(self.trackers):
            self._tell(client, client.enc.null, None if at_once else by)
        self._forget_all()

    def _invalidate(self, key: bytes, by: S | None) -> None:
        """Tell who has read a key that it has changed. O(readers)."""
        for client_id in self._take(key):
            client = self._clients.get(client_id)
            if client is None or client.tracker is None or client.tracker.broadcast:
                continue
            if client.tracker.no_loop and client is by:
                continue
            self._tell(client, bulks([key]), by)

    def _gather(self, key: bytes, by: S | None) -> None:
        """Note a change for who is told of keys by prefix. O(lengths of prefixes)."""
        for length in set(map(len, self.prefixes)):
            prefix = self.prefixes.get(key[:length])
            if prefix is not None and len(key) >= length:
                prefix.changed[key] = by
                self.changed = True

    def broadcast(self) -> None:
        """A tick ends: tell of the keys that have changed in it, by prefix. O(keys x clients)."""
        self.changed = False
        for _, prefix in sorted(self.prefixes.items(), key=lambda item: item[0]):
            changed = sorted(prefix.changed)
            authors, prefix.changed = prefix.changed, {}
            if not changed:
                continue
            body = bulks(changed)
            for client in list(prefix.clients):
                told = body
                if client.tracker is not None and client.tracker.no_loop:
                    others = [key for key in changed if authors[key] is not client]
                    if not others:
                        continue
                    told = bulks(others)
                self._tell(client, told, None)

    # -- telling -----------------------------------------------------------------------------------

    def _tell(self, client: S, body: bytes, executing: S | None) -> None:
        """Send an invalidation to who is told for `client`; to `executing` behind its reply."""
        tracker, target = client.tracker, client
        assert tracker is not None
        if tracker.redirect:
            found = self._clients.get(tracker.redirect)
            if found is None or found.closing:
                tracker.broken = True
                if client.enc.version == 3:
                    lost = b">2\r\n%b:%d\r\n" % (bulk(b"tracking-redir-broken"), tracker.redirect)
                    self._push(client, lost, executing)
                return
            target = found
        if target.enc.version == 3:
            self._push(target, b">2\r\n$10\r\ninvalidate\r\n" + body, executing)
        elif tracker.redirect and target.subscribed:
            self._push(target, b"*3\r\n$7\r\nmessage\r\n" + CHANNEL + body, executing)

    def _push(self, target: S, push: bytes, executing: S | None) -> None:
        if target is executing:
            self.pending.append((target, push))
        else:
            target.send(push)
