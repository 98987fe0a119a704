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

from collections.abc import Callable, Iterable
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
    """Who gets what is sent to one channel, or to the channels that match one pattern."""

    __slots__ = ("_appends", "expected", "matches", "subscribers")

    def __init__(self, matches: Matches) -> None:
        self.matches = matches  # for patterns: whether a channel is one of theirs
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
    """The channels of one kind that somebody listens to, or the patterns; `prefix` begins their words."""

    __slots__ = ("_names", "audiences", "prefix")

    def __init__(self, prefix: bytes) -> None:
        self.prefix = prefix
        self.audiences: dict[bytes, Audience[S]] = {}
        self._names: dict[S, dict[bytes, None]] = {}

    def names(self, subscriber: S) -> Iterable[bytes]:
        """What one client is subscribed to, the oldest first."""
        return list(self._names.get(subscriber, ()))

    def count(self, subscriber: S) -> int:
        """How much that is. O(1)."""
        return len(self._names.get(subscriber, ()))

    def add(self, subscriber: S, name: bytes) -> None:
        """Subscribe. Nothing happens if that has been done already."""
        audience = self.audiences.get(name)
        if audience is None:
            audience = self.audiences[name] = Audience(matcher(name))
        audience.subscribers[subscriber] = None
        audience.changed()
        self._names.setdefault(subscriber, {})[name] = None

    def discard(self, subscriber: S, name: bytes) -> None:
        """Unsubscribe. Nothing happens to who was not subscribed."""
        names = self._names.get(subscriber, {})
        if name not in names:
            return
        del names[name]
        if not names:
            del self._names[subscriber]
        audience = self.audiences[name]
        del audience.subscribers[subscriber]
        audience.changed()
        if not audience.subscribers:
            del self.audiences[name]

    def changed(self, subscriber: S) -> None:
        """A client speaks another protocol now. O(its subscriptions)."""
        for name in self._names.get(subscriber, ()):
            self.audiences[name].changed()


class PubSub(Generic[S]):
    """All subscriptions. `outbox` gets who has something to be sent; `defer` keeps a push behind a reply."""

    def __init__(self, outbox: dict[S, None], defer: Callable[[S, bytes], None]) -> None:
        self.outbox = outbox
        self.defer = defer
        self._expected: list[Audience[S]] = []
        self.channels: Registry[S] = Registry(b"")
        self.patterns: Registry[S] = Registry(b"p")
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
        audience, patterns = self.channels.audiences.get(channel), self.patterns.audiences
        if audience is None and not patterns:
            return 0
        receivers = 0
        words = b"$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(channel), channel, len(message), message)
        if audience is not None:
            receivers = self._send(audience, b"3\r\n$7\r\nmessage\r\n" + words, by)
        for pattern, audience in patterns.items():
            if audience.matches(channel):
                head = b"4\r\n$8\r\npmessage\r\n$%d\r\n%b\r\n" % (len(pattern), pattern)
                receivers += self._send(audience, head + words, by)
        return receivers

    def publish_to_shard(self, channel: bytes, message: bytes, by: S) -> int:
        """As `publish`, to who listens to a shard channel. O(subscribers)."""
        audience = self.shard_channels.audiences.get(channel)
        if audience is None:
            return 0
        return self._send(audience, b"3\r\n$8\r\nsmessage\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (
            len(channel), channel, len(message), message,
        ), by)  # fmt: skip

    def _send(self, audience: Audience[S], body: bytes, by: S | None) -> int:
        """Send a push to an audience; `body` is all of it but the first byte."""
        subscribers = audience.subscribers
        if by is not None and by in subscribers:
            return self._send_to_self_too(audience, body, by)
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

    def _send_to_self_too(self, audience: Audience[S], body: bytes, by: S) -> int:
        for subscriber in audience.subscribers:
            frame = (b"*" if subscriber.enc.version == 2 else b">") + body
            if subscriber is by:
                self.defer(by, frame)
            else:
                subscriber.out.append(frame)
                self.outbox[subscriber] = None
        return len(audience.subscribers)
