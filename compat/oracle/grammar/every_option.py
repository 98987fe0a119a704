"""Every command with every option: values that suit any of them, on a keyspace with every type.

The other families know their commands: which values matter, which errors there are, who else writes to the
same keys. This one knows nothing but the argument trees of redis-server, so it forgets nothing: it has a rule
for every command that both servers have. What an argument may be is told by its name, or else by its kind;
which keys are of the right type, by the group of the command. One key in eight is of another type or missing,
one number in ten is none or out of range.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from compat.oracle.case import BRIEF, BRIEF_MS
from compat.oracle.elsewhere import ELSEWHERE
from compat.oracle.grammar.family import SPAN, Family, Rule, Values
from compat.oracle.grammar.functions import FUNCTIONS_FAMILY, PAYLOADS, STRINGS
from compat.oracle.grammar.generic import DUMPS
from compat.oracle.grammar.scripts import sha_of
from compat.oracle.grammar.server import SERVER
from compat.oracle.grammar.tree import Trees
from respq.commands import SPECS

V = TypeVar("V")


def each(names: str, values: V) -> dict[str, V]:
    """The same for several names."""
    return dict.fromkeys(names.split(), values)


# Whatever follows them means something else; a sequence that goes on could not be compared.
FOR_THE_REST = {
    "AUTH": "another user for all that follows: families acl and connection",
    "CLIENT|KILL": "ends who sends it: family connection",
    "CLIENT|PAUSE": "the others wait as well: family connection",
    "CLIENT|REPLY": "no replies to all that follows: family connection",
    "DEBUG": "COMMAND DOCS does not tell its arguments: family server",
    "HELLO": "another protocol for all that follows: family connection",
    "QUIT": "ends the connection: family connection",
    "RESET": "likewise",
    **each("MULTI EXEC DISCARD", "one of the ways to deliver all others; family transactions"),
    **each("SUBSCRIBE PSUBSCRIBE SSUBSCRIBE", "no commands behind it in RESP2: family pubsub"),
    **each("UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE", "answered by pushes, any number: family pubsub"),
}

WORDS = [b"a", b"b", b"c", b"1", b"2", b"3"]
TYPES: dict[str, list[bytes]] = {
    "string": [b"s1", b"s2", b"s3"],
    "bitmap": [b"s1", b"b1"],
    "hyperloglog": [b"p1", b"p2"],
    "list": [b"l1", b"l2"],
    "set": [b"e1", b"e2", b"e3"],
    "sorted-set": [b"z1", b"z2", b"g1"],
    "geo": [b"g1", b"g1", b"z1"],
    "hash": [b"h1", b"h2"],
    "stream": [b"x1", b"x2"],
}
STORED = [b"d1", b"d2"]
KEYS = sorted({key for keys in TYPES.values() for key in keys})
NAMES = [*KEYS, *STORED, b"gone"]
SCRIPT = b"return {KEYS, ARGV}"
CHANGE = b"return redis.call('set', KEYS[1] or 'd1', ARGV[1] or 'v')"

SETUPS = [
    b"MSET s1 hello s2 12345 s3 10.5 b1 \xff\x00\x0f".split(b" "),
    b"PFADD p1 a b c".split(),
    b"PFADD p2 c d".split(),
    b"RPUSH l1 1 2 3 1".split(),
    b"RPUSH l2 a b c a".split(),
    b"RPUSH o1 1 2 3 1".split(),
    b"RPUSH o2 a b c a".split(),
    b"SADD o3 1 2 3".split(),
    b"SET o4 v".split(),
    b"SADD e1 1 2 3".split(),
    b"SADD e2 a b 3".split(),
    b"SADD e3 a".split(),
    b"ZADD z1 1 a 2 b 3 c".split(),
    b"ZADD z2 0 1 0 2 0 a".split(),
    b"GEOADD g1 13.361389 38.115556 a 15.087269 37.502669 b 12.4964 41.9028 c".split(),
    b"HSET h1 a 1 b 2 c x".split(),
    b"HSET h2 a 1.5 b v 1 2".split(),
    b"HPEXPIREAT h2 9999999990500 FIELDS 1 a".split(),
    *[b"XADD x1 2-* a 1".split() for _ in range(3)],
    *[b"XADD x2 5-* b 2".split() for _ in range(2)],
    b"XGROUP CREATE x1 g 0".split(),
    b"XGROUP CREATE x2 g 0".split(),
    b"XREADGROUP GROUP g c COUNT 2 STREAMS x1 >".split(),
    b"EXPIREAT s2 9999999995".split(),
    [b"SCRIPT", b"LOAD", SCRIPT],
    [b"FUNCTION", b"LOAD", b"REPLACE", STRINGS],
    [b"ACL", b"SETUSER", b"u3", b"on", b">secret", b"+@read", b"~*"],
]

USER = b"u9"  # who may not do everything
FORGET_USERS = [[b"ACL", b"DELUSER", b"u3", b"u4", USER], [b"ACL", b"LOG", b"RESET"]]

ODD = [b"-1", b"x", b"", b"1.5", b"9223372036854775808"]
SMALL = [b"0", b"1", b"2", b"3", b"10"] * 8 + ODD
POSITIVE = [b"1", b"2", b"3", b"10"] * 10 + [b"0", *ODD]
SPANS = [b"%b000" % SPAN] * 40 + [b"0", *ODD]  # in s or ms: none of them ends in a run
LATER_S = [b"9999999999", b"9999999990"] * 15 + [b"1", *ODD]
LATER_MS = [b"9999999999000", b"9999999990000"] * 15 + [b"1", *ODD]
NUMBERS = [b"0", b"1", b"2", b"-1", b"1.5"] * 8 + [b"x", b"", b"nan", b"inf"]
IDS = [b"2-0", b"2-1", b"2-2", b"5-0", b"5-1"] * 6 + [b"0", b"9-9", b"x", b"-"]
BITS = [b"0", b"1"] * 10 + [b"2", b"x"]
NAMED = [b"one", b"two"] * 8 + [b"", b"a b"]

VALUES: dict[str, Values] = {
    # by kind
    "string": WORDS * 4 + [b"", b"\x00\r\n\xff", b"x" * 64],
    "integer": SMALL,
    "double": NUMBERS,
    "unix-time": LATER_S,
    "pattern": [b"*", b"?1", b"[a-s]*", b"gone", b"s*", b"\\s1"],
    "key": NAMES,
    # by name
    **each("count num-matches len limit bits", POSITIVE),
    **each("numkeys numfields numids", [b"0", b"-1", b"x", b"9", b"1"]),
    **each("seconds milliseconds ttl", SPANS),
    "unix-time-seconds": LATER_S,
    "unix-time-milliseconds": LATER_MS,
    **each("destination dst storekey storedistkey destkey newkey", STORED * 8 + KEYS),
    **each("db destination-db index1 index2", [b"0", b"1"] * 10 + [b"99", b"x"]),
    "index": [b"0"] * 12 + [b"1", b"-1", b"x"],
    "timeout": [BRIEF],
    "bit": BITS,
    "encoding": [b"u8", b"i5", b"u63", b"i64"] * 5 + [b"u64", b"i0", b"x"],
    "cursor": [b"0"] * 20 + [b"x", b"-1"],
    **each("longitude", [b"13.4", b"15", b"-78.5", b"0"] * 6 + [b"181", b"x"]),
    **each("latitude", [b"38.1", b"37.5", b"-0.2", b"0"] * 6 + [b"86", b"x"]),
    **each("radius width height", [b"200", b"1000", b"5000", b"1"] * 6 + [b"-1", b"x"]),
    **each("id lastid last-id max-deleted-id", IDS),
    "entries-added": [b"9", b"20", b"x"],
    "entriesread": [b"0", b"1", b"3", b"x"],
    "threshold": [b"0", b"1", b"2-1", b"3", b"x"],
    "group": [b"g"] * 15 + [b"nobody"],
    "consumer": [b"c", b"d"],
    **each("min-idle-time ms", [b"0"] * 20 + [b"5000", b"-1", b"x"]),
    "script": [SCRIPT, CHANGE, b"return redis.pcall('get', KEYS[1] or 's1')"],
    "sha1": [sha_of(SCRIPT)] * 9 + [b"0" * 40, b"x"],
    "function": [b"put", b"fetch", b"fetch_all", b"fetch", b"fail", b"gone"],
    "library-name": [b"strings", b"gone"],
    "library-name-pattern": [b"str*", b"gone"],
    "function-code": [STRINGS] * 4 + [b"#!lua name=x\n", b"x"],
    "serialized-value": DUMPS[:4] * 4 + DUMPS,
    "frequency": [b"0", b"255", b"256", b"x"],
    **each("channel shardchannel", [b"news", b"other"]),
    "username": [b"u3"] * 8 + [b"u4", b"a b"],
    "rule": [*b"on off nopass +@all -@write ~k* %R~l* reset nope".split(), b"(+get ~x*)"],
    "category": [b"read", b"list", b"nope"],
    **each("connection-name libname libver", NAMED),
    "client-id": [b"{id0}"] * 6 + [b"999999999", b"x"],
    "parameter": [b"timeout", b"slowlog-max-len"],
    "command-name": [b"get", b"LMOVE", b"config|set", b"nope"],
    "command": [b"get"] * 4 + [b"nope"],
    "section": [b"server", b"keyspace", b"nope"],
    "type": [b"string", b"zset", b"nope"],
    "version": [b"5", b"6", b"x"],
    "subcommand": [b"GETREG", b"DECODE", b"ENCODING", b"TODENSE", b"NOPE"],
    "event": [b"command", b"fork", b"nope"],
}

BETWEEN = [b"-", b"+", b"[a", b"(b", b"[c"] * 4 + [b"x", b""]
SCORES = [b"0", b"1", b"2", b"-inf", b"+inf", b"(1"] * 4 + [b"x", b"nan"]
ENDS = [*POSITIVE, *BETWEEN * 2, *SCORES]
STREAM_ENDS = [b"-", b"+", b"2-1", b"(2-0", b"5"] * 4 + [b"x"]
OVERRIDES: dict[str, Mapping[str, Values]] = {
    **each("ZLEXCOUNT ZRANGEBYLEX ZREVRANGEBYLEX ZREMRANGEBYLEX", {"min": BETWEEN, "max": BETWEEN}),
    **each("ZCOUNT ZRANGEBYSCORE ZREVRANGEBYSCORE ZREMRANGEBYSCORE", {"min": SCORES, "max": SCORES}),
    "ZRANGE": {"start": ENDS, "stop": ENDS},
    "ZRANGESTORE": {"min": ENDS, "max": ENDS},
    **each("XRANGE XREVRANGE XPENDING", {"start": STREAM_ENDS, "end": STREAM_ENDS}),
    "XAUTOCLAIM": {"start": STREAM_ENDS},
    **each("INCRBY DECRBY INCR DECR", {"key": [b"s2"] * 6 + NAMES}),
    "INCRBYFLOAT": {"key": [b"s2", b"s3"] * 4 + NAMES},
    **each("XREAD XREADGROUP", {"milliseconds": [BRIEF_MS], "id": [b"0", b">", *IDS[:30]]}),
    "XSETID": {"last-id": [b"9-9", b"20-1"] * 6 + IDS},
    "XGROUP|CREATE": {"group": [b"n1", b"n2", b"n3", b"g"]},
    "XADD": {"id": [b"9-*", b"2-*", b"20-1", b"x"]},
    # Of equal elements a sorted set has no order: see differences.md. These keys never become one.
    **each("SORT SORT_RO", {
        "key": [b"o1", b"o2", b"o3"] * 6 + [b"o4", b"gone"],
        "by-pattern": [b"s*", b"nosort", b"h*->a"],
    }),
    # DUMP of a stream, and of a hash that has had deadlines, may differ: see differences.md.
    "DUMP": {"key": [key for key in KEYS if not key.startswith((b"x", b"h"))]},
    "RESTORE": {"key": [*STORED, b"gone"], "ttl": [b"0"] * 12 + SPANS},
    "FUNCTION|RESTORE": {"serialized-value": [*PAYLOADS, b"x"]},
    "CONFIG|SET": {"value": [b"10", b"100", b"x"]},
    **each("FCALL FCALL_RO", {"key": [b"s1", b"s2", b"d1", b"l1"]}),
    "WAIT": {"timeout": [BRIEF_MS], "numreplicas": [b"0", b"1", b"x"]},
    "WAITAOF": {"timeout": [BRIEF_MS], "numlocal": [b"0", b"2"], "numreplicas": [b"0", b"1", b"x"]},
    # Nothing past, of which SCAN would tell in an order that is random.
    "SET": {"unix-time-seconds": LATER_S[:30], "unix-time-milliseconds": LATER_MS[:30]},
    "SETRANGE": {"offset": SMALL},
    "SPOP": {"key": [b"e3"] * 6 + [b"l1", b"gone"]},  # has one member: whom SPOP takes is random
    "SETBIT": {"value": BITS},
    "PFDEBUG": {"key": [b"p1", b"p2"] * 5 + NAMES},
}  # fmt: skip

LEFT_OUT = {
    "XADD": ["id-selector.auto-id"],  # is the moment: family stream
}


def names_of(trees: Trees) -> list[str]:
    """The commands of both servers that this family writes."""
    leaves = (name for name, spec in SPECS.items() if spec.handler is not None and name in trees)
    return sorted(name for name in leaves if name not in ELSEWHERE and name not in FOR_THE_REST)


def every_option(trees: Trees) -> Family:
    """A rule for every command of the trees."""
    return Family(
        "every option",
        {name: _rule(name) for name in names_of(trees)},
        VALUES,
        SETUPS,
        NAMES,
        dbs=(0, 1),
        dump=[
            b"HGETALL {key}".split(),
            b"HPEXPIRETIME {key} FIELDS 3 a b 1".split(),
            b"SMEMBERS {key}".split(),
            b"ZRANGE {key} 0 -1 WITHSCORES".split(),
            b"XINFO STREAM {key} FULL COUNT 0".split(),
        ],
        restore=[*SERVER.restore, *FUNCTIONS_FAMILY.restore, *FORGET_USERS, [b"SCRIPT", b"FLUSH"]],
        leave=FORGET_USERS,
    )


def _rule(name: str) -> Rule:
    right = TYPES.get(SPECS[name].group, KEYS)
    keys = right * (32 // len(right)) + [key for key in NAMES if key not in right][::4]
    values: dict[str, Values] = dict.fromkeys(("key", "source", "key1", "key2", "src", "sourcekey"), keys)
    return Rule(values={**values, **OVERRIDES.get(name, {})}, damage=False, left_out=LEFT_OUT.get(name, ()))
