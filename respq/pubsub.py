"""Channels: who listens to what, and how a message gets there.

A message is encoded once for each version of the protocol that a listener speaks, and costs each of them
one append: an audience keeps the bound `append` of its subscribers' outputs, sorted by protocol, until it
changes. Patterns are compiled when somebody subscribes to them and asked for every message, as in Redis:
PUBLISH is O(subscribers + patterns).

Who publishes to a channel that it listens to itself gets the message behind the reply to the command that is
being executed, EXEC in case of a transaction, as redis-server 8.2.3 was seen to do in RESP2 and RESP3 alike;
`defer` sees to that.

Nothing here is stored in the client but that it is subscribed at all: subscriptions are rare, connections are
not. Shard channels are channels of their own, since there is no cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from respq.glob import Matches, matcher
from respq.protocol.resp import Encoder

Append = Callable[[bytes], None]


class Subscriber(Protocol):
    """What is asked of a client."""

    enc: Encoder
    out: list[bytes]


S = TypeVar("S", bound=Subscriber)


class Audience(Generic[S]):
    """Several who get what is sent to one channel."""

    __slots__ = ("_appends", "expected", "subscribers")

    def __init__(self) -> None:
        self.subscribers: dict[S, None] = {}
        self.expected = False  # all of them stand in the outbox since output was sent last
        self._appends: tuple[list[Append], list[Append]] | None = None

    def changed(self) -> None:
        """Somebody came, left, or speaks another protocol."""
        self._appends = None
        self.expected = False

    def appends(self) -> tuple[list[Append], list[Append]]:
        """Where to put a message: for those who speak RESP2, and for those who speak RESP3."""
        if self._appends is None:
            self._appends = ([], [])
            for subscriber in self.subscribers:
                self._appends[subscriber.enc.version - 2].append(subscriber.out.append)
        return self._appends


class Registry(Generic[S]):
    """The channels of one kind that somebody listens to, or the patterns; `prefix` begins their words.

    Most channels have one listener, such as whoever waits for a result: then that stands in the place of an
    audience, a third of the memory and of the time.
    """

    __slots__ = ("_names", "audiences", "prefix")

    def __init__(self, prefix: bytes) -> None:
        self.prefix = prefix
        self.audiences: dict[bytes, Audience[S] | S] = {}
        self._names: dict[S, dict[bytes, None]] = {}

    def names(self, subscriber: S) -> Iterable[bytes]:
        """What one client is subscribed to, the oldest first."""
        return list(self._names.get(subscriber, ()))

    def count(self, subscriber: S) -> int:
        """How much that is. O(1)."""
        return len(self._names.get(subscriber, ()))

    def listeners(self, name: bytes) -> int:
        """How many clients are subscribed to a channel. O(1)."""
        audience = self.audiences.get(name)
        return len(audience.subscribers) if isinstance(audience, Audience) else int(audience is not None)

    def add(self, subscriber: S, name: bytes) -> None:
        """Subscribe. Nothing happens if that has been done already."""
        names = self._names.setdefault(subscriber, {})
        if name in names:
            return
        names[name] = None
        audience = self.audiences.setdefault(name, subscriber)
        if isinstance(audience, Audience):
            audience.subscribers[subscriber] = None
            audience.changed()
        elif audience is not subscriber:
            self.audiences[name] = several = Audience[S]()
            several.subscribers = {audience: None, subscriber: None}

    def discard(self, subscriber: S, name: bytes) -> None:
        """Unsubscribe. Nothing happens to who was not subscribed."""
        names = self._names.get(subscriber, {})
        if name not in names:
            return
        del names[name]
        if not names:
            del self._names[subscriber]
        audience = self.audiences[name]
        if isinstance(audience, Audience):
            del audience.subscribers[subscriber]
            audience.changed()
            if audience.subscribers:
                return
        del self.audiences[name]

    def changed(self, subscriber: S) -> None:
        """A client speaks another protocol now. O(its subscriptions)."""
        for name in self._names.get(subscriber, ()):
            audience = self.audiences[name]
            if isinstance(audience, Audience):
                audience.changed()


class Patterns(Registry[S]):
    """What `Registry` is for channels; each pattern is compiled once."""

    __slots__ = ("_matches",)

    def __init__(self, prefix: bytes) -> None:
        super().__init__(prefix)
        self._matches: dict[bytes, Matches] = {}

    def add(self, subscriber: S, name: bytes) -> None:
        """As of `Registry`."""
        if name not in self._matches:
            self._matches[name] = matcher(name)
        super().add(subscriber, name)

    def discard(self, subscriber: S, name: bytes) -> None:
        """As of `Registry`."""
        super().discard(subscriber, name)
        if name not in self.audiences:
            self._matches.pop(name, None)

    def of(self, channel: bytes) -> Iterator[tuple[bytes, Audience[S] | S]]:
        """The patterns that a channel matches, with who listens to them. O(patterns)."""
        for name, matches in self._matches.items():
            if matches(channel):
                yield name, self.audiences[name]


class PubSub(Generic[S]):
    """All subscriptions. `outbox` gets who has something to be sent; `defer` keeps a push behind a reply."""

    def __init__(self, outbox: dict[S, None], defer: Callable[[S, bytes], None]) -> None:
        self.outbox = outbox
        self.defer = defer
        self._expected: list[Audience[S]] = []
        self.channels: Registry[S] = Registry(b"")
        self.patterns: Patterns[S] = Patterns(b"p")
        self.shard_channels: Registry[S] = Registry(b"s")
        self.registries = (self.channels, self.patterns, self.shard_channels)

    def subscribed(self, subscriber: S) -> bool:
        """Whether a client is subscribed to anything."""
        return any(registry.count(subscriber) for registry in self.registries)

    def changed(self, subscriber: S) -> None:
        """A client speaks another protocol now. O(its subscriptions)."""
        for registry in self.registries:
            registry.changed(subscriber)

    def leave(self, subscriber: S) -> None:
        """End all subscriptions of a client. O(subscriptions)."""
        for registry in self.registries:
            for name in registry.names(subscriber):
                registry.discard(subscriber, name)

    def sent(self) -> None:
        """The outbox has been emptied. O(audiences that got something)."""
        for audience in self._expected:
            audience.expected = False
        self._expected.clear()

    def publish(self, channel: bytes, message: bytes, by: S | None = None) -> int:
        """Send a message, from the client `by` if one is executing a command; return how many get it.

        Who listens to the channel and to patterns is served, and counted, for each.
        O(subscribers + patterns).
        """
        audience, patterns = self.channels.audiences.get(channel), self.patterns
        if audience is None and not patterns.audiences:
            return 0
        receivers = 0
        words = b"$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(channel), channel, len(message), message)
        if audience is not None:
            receivers = self._send(audience, b"3\r\n$7\r\nmessage\r\n" + words, by)
        for pattern, matching in patterns.of(channel):
            head = b"4\r\n$8\r\npmessage\r\n$%d\r\n%b\r\n" % (len(pattern), pattern)
            receivers += self._send(matching, head + words, by)
        return receivers

    def publish_to_shard(self, channel: bytes, message: bytes, by: S) -> int:
        """As `publish`, to who listens to a shard channel. O(subscribers)."""
        audience = self.shard_channels.audiences.get(channel)
        if audience is None:
            return 0
        return self._send(audience, b"3\r\n$8\r\nsmessage\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (
            len(channel), channel, len(message), message,
        ), by)  # fmt: skip

    def _send(self, audience: Audience[S] | S, body: bytes, by: S | None) -> int:
        """Send a push to an audience; `body` is all of it but the first byte. Return how many get it."""
        if not isinstance(audience, Audience):
            self._send_to(audience, body, by)
            return 1
        subscribers = audience.subscribers
        if by is not None and by in subscribers:
            for subscriber in subscribers:
                self._send_to(subscriber, body, by)
            return len(subscribers)
        resp2, resp3 = audience.appends()
        if resp2:
            frame = b"*" + body
            for append in resp2:
                append(frame)
        if resp3:
            frame = b">" + body
            for append in resp3:
                append(frame)
        if not audience.expected:
            self.outbox.update(subscribers)
            audience.expected = True
            self._expected.append(audience)
        return len(subscribers)

    def _send_to(self, subscriber: S, body: bytes, by: S | None) -> None:
        frame = (b"*" if subscriber.enc.version == 2 else b">") + body
        if subscriber is by:
            self.defer(by, frame)
        else:
            subscriber.out.append(frame)
            self.outbox[subscriber] = None
