"""Publish and subscribe: messages to whoever listens at that moment.

Subscribing is answered by a push for each channel, in RESP2 by an array that looks like one; these go out
even where CLIENT REPLY has switched replies off. A RESP2 client that is subscribed may only do what concerns
its subscriptions, because it could not tell replies from messages: that mode is a table (`tables`). A RESP3
client may do anything.

Messages are neither kept nor logged. UNSUBSCRIBE without arguments and PUBSUB CHANNELS go through channels in
the order of subscription; redis-server does in that of a hash table.
"""

from __future__ import annotations

from collections.abc import Iterable

from respq.command import (
    FAST,
    LOADING,
    MAY_REPLICATE,
    NOSCRIPT,
    PUBSUB,
    STALE,
    Argv,
    Channels,
    Client,
    command,
    container,
    key,
    keys,
)
from respq.commands.help import help_reply
from respq.errors import CommandError, shown
from respq.glob import matcher
from respq.protocol.resp import array, bulk, bulks, integer
from respq.pubsub import Registry

LISTENING = PUBSUB | NOSCRIPT | LOADING | STALE
PUBLISHING = PUBSUB | LOADING | STALE | FAST | MAY_REPLICATE
ASKING = PUBSUB | LOADING | STALE
SHARD_CHANNELS = (keys(1, -1, 1, "not_key"),)


# -- subscribing -----------------------------------------------------------------------------------


@command("SUBSCRIBE", arity=-2, flags=LISTENING, channels=Channels.ALL, group="pubsub", since="2.0.0",
         syntax="channel [channel ...]", complexity="O(N) for N channels")  # fmt: skip
def subscribe(c: Client, argv: Argv) -> bytes:
    """Listen to the messages of channels."""
    return _subscribe(c, c.server.pubsub.channels, argv[1:])


@command("PSUBSCRIBE", arity=-2, flags=LISTENING, channels=Channels.PATTERNS, group="pubsub", since="2.0.0",
         syntax="pattern [pattern ...]", complexity="O(N) for N patterns")  # fmt: skip
def psubscribe(c: Client, argv: Argv) -> bytes:
    """Listen to the messages of all channels that match patterns."""
    return _subscribe(c, c.server.pubsub.patterns, argv[1:])


@command("SSUBSCRIBE", arity=-2, flags=LISTENING, keys=SHARD_CHANNELS, channels=Channels.ALL,
         group="pubsub", since="7.0.0", syntax="shardchannel [shardchannel ...]",
         complexity="O(N) for N channels")  # fmt: skip
def ssubscribe(c: Client, argv: Argv) -> bytes:
    """Listen to the messages of shard channels."""
    return _subscribe(c, c.server.pubsub.shard_channels, argv[1:])


@command("UNSUBSCRIBE", arity=-1, flags=LISTENING, group="pubsub", since="2.0.0",
         syntax="[channel [channel ...]]", complexity="O(N) for N channels")  # fmt: skip
def unsubscribe(c: Client, argv: Argv) -> bytes:
    """Listen to channels no more; to none, if none is given."""
    return _unsubscribe(c, c.server.pubsub.channels, argv[1:])


@command("PUNSUBSCRIBE", arity=-1, flags=LISTENING, group="pubsub", since="2.0.0",
         syntax="[pattern [pattern ...]]", complexity="O(N) for N patterns")  # fmt: skip
def punsubscribe(c: Client, argv: Argv) -> bytes:
    """Listen to patterns no more; to none, if none is given."""
    return _unsubscribe(c, c.server.pubsub.patterns, argv[1:])


@command("SUNSUBSCRIBE", arity=-1, flags=LISTENING, keys=SHARD_CHANNELS, group="pubsub", since="7.0.0",
         syntax="[shardchannel [shardchannel ...]]", complexity="O(N) for N channels")  # fmt: skip
def sunsubscribe(c: Client, argv: Argv) -> bytes:
    """Listen to shard channels no more; to none, if none is given."""
    return _unsubscribe(c, c.server.pubsub.shard_channels, argv[1:])


def _subscribe(c: Client, registry: Registry[Client], names: Iterable[bytes]) -> bytes:
    replies = []
    for name in names:
        registry.add(c, name)
        replies.append(_confirmation(c, registry, b"subscribe", bulk(name)))
    return _confirmed(c, b"".join(replies))


def _unsubscribe(c: Client, registry: Registry[Client], names: Iterable[bytes]) -> bytes:
    replies = []
    for name in names or registry.names(c):
        registry.discard(c, name)
        replies.append(_confirmation(c, registry, b"unsubscribe", bulk(name)))
    return _confirmed(c, b"".join(replies) or _confirmation(c, registry, b"unsubscribe", c.enc.null))


def _confirmation(c: Client, registry: Registry[Client], word: bytes, name: bytes) -> bytes:
    """One push: what was done, to which channel, and how many subscriptions there are now."""
    pubsub = c.server.pubsub
    shard = registry is pubsub.shard_channels
    count = registry.count(c) if shard else pubsub.channels.count(c) + pubsub.patterns.count(c)
    return c.enc.push([bulk(registry.prefix + word), name, integer(count)])


def _confirmed(c: Client, pushes: bytes) -> bytes:
    """Go over into the mode that these subscriptions call for, and answer, muted or not."""
    c.server.note_subscriptions(c)
    if c.muted:
        c.out.append(pushes)
        return b""
    return pushes


# -- publishing ------------------------------------------------------------------------------------


@command("PUBLISH", arity=3, flags=PUBLISHING, channels=Channels.FIRST, group="pubsub", since="2.0.0",
         syntax="channel message",
         complexity="O(N+M) for N subscribers of the channel and M patterns of all clients")  # fmt: skip
def publish(c: Client, argv: Argv) -> bytes:
    """Send a message to a channel; the answer is how many clients get it."""
    by = c.caller  # what it publishes to itself comes behind its reply
    c.server.notifications.announce(by)  # inside a transaction there may be earlier events
    return integer(c.server.pubsub.publish(argv[1], argv[2], by))


@command("SPUBLISH", arity=3, flags=PUBLISHING, keys=(key(1, "not_key"),), channels=Channels.FIRST,
         group="pubsub", since="7.0.0", syntax="shardchannel message",
         complexity="O(N) for N subscribers of the channel")  # fmt: skip
def spublish(c: Client, argv: Argv) -> bytes:
    """Send a message to a shard channel; the answer is how many clients get it."""
    by = c.caller  # what it publishes to itself comes behind its reply
    c.server.notifications.announce(by)
    return integer(c.server.pubsub.publish_to_shard(argv[1], argv[2], by))


# -- asking ----------------------------------------------------------------------------------------

container("PUBSUB", group="pubsub", since="2.8.0", summary="Commands about channels and who listens to them")


@command("PUBSUB|CHANNELS", arity=-2, flags=ASKING, group="pubsub", since="2.8.0", syntax="[pattern]",
         complexity="O(N) for N channels with listeners")  # fmt: skip
def pubsub_channels(c: Client, argv: Argv) -> bytes:
    """The channels that somebody listens to, or those that match a pattern."""
    return _channels(c.server.pubsub.channels, argv)


@command("PUBSUB|SHARDCHANNELS", arity=-2, flags=ASKING, group="pubsub", since="7.0.0", syntax="[pattern]",
         complexity="O(N) for N shard channels with listeners")  # fmt: skip
def pubsub_shardchannels(c: Client, argv: Argv) -> bytes:
    """The shard channels that somebody listens to, or those that match a pattern."""
    return _channels(c.server.pubsub.shard_channels, argv)


@command("PUBSUB|NUMSUB", arity=-2, flags=ASKING, group="pubsub", since="2.8.0",
         syntax="[channel [channel ...]]", complexity="O(N) for N channels asked for")  # fmt: skip
def pubsub_numsub(c: Client, argv: Argv) -> bytes:
    """Each channel with the number of its listeners, patterns not counted."""
    return _audiences(c.server.pubsub.channels, argv)


@command("PUBSUB|SHARDNUMSUB", arity=-2, flags=ASKING, group="pubsub", since="7.0.0",
         syntax="[shardchannel [shardchannel ...]]", complexity="O(N) for N channels asked for")  # fmt: skip
def pubsub_shardnumsub(c: Client, argv: Argv) -> bytes:
    """Each shard channel with the number of its listeners."""
    return _audiences(c.server.pubsub.shard_channels, argv)


@command("PUBSUB|NUMPAT", arity=2, flags=ASKING, group="pubsub", since="2.8.0")
def pubsub_numpat(c: Client, argv: Argv) -> bytes:
    """How many different patterns somebody listens to."""
    return integer(len(c.server.pubsub.patterns.audiences))


@command("PUBSUB|HELP", arity=2, flags=LOADING | STALE, group="pubsub", since="6.2.0", acl="-pubsub")
def pubsub_help(c: Client, argv: Argv) -> bytes:
    """List the forms of PUBSUB."""
    return help_reply("PUBSUB", """
        CHANNELS [<pattern>]
            List the channels with listeners, or those that match <pattern>.
        NUMPAT
            Count the patterns that somebody listens to.
        NUMSUB [<channel> ...]
            Count the listeners of each channel, without those of patterns.
        SHARDCHANNELS [<pattern>]
            List the shard channels with listeners, or those that match <pattern>.
        SHARDNUMSUB [<shardchannel> ...]
            Count the listeners of each shard channel.
        """)  # fmt: skip


def _channels(registry: Registry[Client], argv: Argv) -> bytes:
    if len(argv) > 3:
        raise CommandError(
            b"unknown subcommand or wrong number of arguments for '%b'. Try PUBSUB HELP." % shown(argv[1])
        )
    if len(argv) == 2:
        return bulks(list(registry.audiences))
    matches = matcher(argv[2])
    return bulks([name for name in registry.audiences if matches(name)])


def _audiences(registry: Registry[Client], argv: Argv) -> bytes:
    counts = []
    for name in argv[2:]:
        counts += [bulk(name), integer(registry.listeners(name))]
    return array(counts)
