"""Scenarios of publish and subscribe, in the notation of `scenarios`.

HELLO is in none of them: its reply differs, and pushes hide which reply is its.
"""

from __future__ import annotations

LISTENING = {
    "a message reaches who listens at that moment, in the order of the turn": """
        0 SUBSCRIBE news other
        1 PUBLISH news before
        2 PSUBSCRIBE n*
        1 PUBLISH news a
        1 PUBLISH other b
        1 PUBLISH nobody c

        0 UNSUBSCRIBE news
        1 PUBLISH news d
        2 PUNSUBSCRIBE
        1 PUBLISH news e
    """,
    "shard channels are channels of their own": """
        0 SSUBSCRIBE c
        1 SUBSCRIBE c
        2 SPUBLISH c a
        2 PUBLISH c b
        2 PUBSUB SHARDNUMSUB c d
        2 PUBSUB NUMSUB c d
    """,
    "messages to oneself and to others from a transaction": """
        0 SUBSCRIBE c
        1 MULTI
        1 SUBSCRIBE c
        1 PUBLISH c a
        1 SET k v
        1 PUBLISH c b
        1 PING
        1 EXEC
        1 PING
        2 PUBLISH c d
    """,
    "who is killed, resets or unsubscribes is no longer counted": """
        0 SUBSCRIBE c
        1 SUBSCRIBE c
        2 SUBSCRIBE c

        0 RESET
        3 CLIENT KILL ID {id1}
        3 PUBLISH c a
        2 UNSUBSCRIBE
        3 PUBLISH c b
        3 PUBSUB CHANNELS
    """,
    "CLIENT KILL TYPE pubsub ends listeners alone": """
        0 SUBSCRIBE c
        1 PING

        2 CLIENT KILL TYPE pubsub
        1 PING
        2 PUBLISH c a
    """,
    "messages pass replies that are switched off": """
        0 CLIENT REPLY OFF
        0 SUBSCRIBE c
        0 PING
        1 PUBLISH c a
        0 UNSUBSCRIBE
        1 PUBLISH c b
    """,
}
