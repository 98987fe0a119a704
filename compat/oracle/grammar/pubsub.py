"""Channels, patterns and shard channels, with three clients that come and go.

In RESP2 a client that listens may do little else, so most sequences begin with HELLO 3. Subscribing in a
transaction is left to tests/commands/test_pubsub.py: in RESP2 EXEC's reply is no well-formed array then.
"""

from __future__ import annotations

from compat.oracle.grammar.family import ARITY, Family, Rule

CHANNELS = [b"news", b"news", b"news.it", b"news.de", b"n", b"", b"a\r\nb"]
PATTERNS = [b"news", b"news.*", b"n*", b"*", b"news.[a-i]?", b"\\*", b"["]
LISTENING = "ERR Can't execute"
UNKNOWN = "ERR unknown subcommand or wrong number of arguments for"

PUBSUB = Family(
    "pubsub",
    {
        "SUBSCRIBE": Rule(2, errors=(ARITY,)),
        "PSUBSCRIBE": Rule(1.5, errors=(ARITY,)),
        "SSUBSCRIBE": Rule(1, errors=(ARITY,)),
        # What they do comes as pushes, which are compared, but count as nobody's reply.
        "UNSUBSCRIBE": Rule(2, left_out=("channel",)),
        "PUNSUBSCRIBE": Rule(1.5, left_out=("pattern",)),
        "SUNSUBSCRIBE": Rule(1, left_out=("shardchannel",)),
        "PUBLISH": Rule(8, errors=(ARITY, LISTENING)),
        "SPUBLISH": Rule(3, errors=(ARITY, LISTENING)),
        "PUBSUB|CHANNELS": Rule(1, errors=(UNKNOWN, LISTENING), extra=[[b"PUBSUB", b"CHANNELS", b"a", b"b"]]),
        "PUBSUB|NUMPAT": Rule(1, errors=(ARITY, LISTENING)),
        "PUBSUB|NUMSUB": Rule(1, errors=(LISTENING,)),
        "PUBSUB|SHARDCHANNELS": Rule(
            1, errors=(UNKNOWN, LISTENING), extra=[[b"PUBSUB", b"SHARDCHANNELS", b"a", b"b"]]
        ),
        "PUBSUB|SHARDNUMSUB": Rule(1, errors=(LISTENING,)),
        "PUBSUB|HELP": Rule(0.5, errors=(ARITY, LISTENING)),
    },
    values={
        "channel": CHANNELS,
        "shardchannel": CHANNELS,
        "pattern": PATTERNS,
        "message": [b"x", b"", b"several words", b"line\r\n"],
    },
    setups=[[b"HELLO", b"3"]],
    keys=[b"k"],
    others={
        "RESET": Rule(0.7),
        "PING": Rule(1, {"string": [b"hello"]}),
        "RPUSH": Rule(0.5, {"key": [b"k"], "string": [b"v"]}),
        "DEL": Rule(0.3, {"key": [b"k"]}),
    },
)
