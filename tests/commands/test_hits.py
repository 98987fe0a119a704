"""keyspace_hits and keyspace_misses, for each command as redis-server 8.2.3 counts them.

Reads count every key they look up, of whatever type it is; what writes counts where it answers with a value.
Commands that are not declared yet stand here as well: they are tested from the day on which they are.
"""

from __future__ import annotations

import re

import pytest

from respq.command import SPECS
from tests.conftest import Workbench

DATA = ["RPUSH l a", "SET s 1", "SADD st a b", "ZADD z 1 a 2 b", "HSET h f v"]
HITS = [
    "COPY s x", "DUMP s", "GETDEL s", "GETEX s", "GETSET s 5", "HGET h f", "LINDEX l 0", "LINDEX l x",
    "LLEN l", "LLEN s", "LPOS l a", "LRANGE l 0 -1", "LRANGE s 0 1", "OBJECT ENCODING s", "SCARD l",
    "SCARD s", "SCARD st", "SET s 3 GET", "SINTER l no", "SISMEMBER st a", "SMEMBERS st", "SRANDMEMBER st",
    "SRANDMEMBER st 2", "SSCAN st 0", "STRLEN s", "TTL s", "TYPE l", "TYPE s", "ZCARD z", "ZRANDMEMBER z 2",
    "ZRANGE z 0 1", "ZRANGESTORE dz z 0 1", "ZREVRANK z a", "ZSCAN z 0", "ZSCORE s a", "ZSCORE z a",
]  # fmt: skip
MISSES = [
    "BITCOUNT no", "COPY no x", "DUMP no", "GETDEL no", "GETEX no", "GETRANGE no 0 1", "GETSET n 5",
    "HEXISTS no f", "HGET no f", "HLEN no", "HRANDFIELD no", "HSCAN no 0", "HSTRLEN no f",
    "HTTL no FIELDS 1 f", "LINDEX no x", "LLEN no", "LPOS no a", "LRANGE no 0 -1", "OBJECT ENCODING no",
    "OBJECT REFCOUNT no", "SCARD no", "SET no 3 GET", "SISMEMBER no a", "SMEMBERS no", "SMISMEMBER no a",
    "SORT no", "SORT_RO no", "SRANDMEMBER no", "SSCAN no 0", "STRLEN no", "SUBSTR no 0 1", "TTL no",
    "TYPE no", "ZCARD no", "ZCOUNT no 0 1", "ZLEXCOUNT no - +", "ZMSCORE no a", "ZRANDMEMBER no",
    "ZRANGE no 0 1", "ZRANGEBYLEX no - +", "ZRANGEBYSCORE no 0 1", "ZRANGESTORE dz no 0 1", "ZRANK no a",
    "ZREVRANGE no 0 1", "ZREVRANGEBYLEX no + -", "ZREVRANGEBYSCORE no 1 0", "ZSCAN no 0", "ZSCORE no a",
]  # fmt: skip
NOT_COUNTED = [
    "APPEND no x", "BLPOP no 0.01", "BZPOPMIN no 0.01", "DEBUG OBJECT s", "DEL no s", "EXPIRE s 3",
    "GETRANGE s x 1", "HDEL no f", "HEXPIRE no 1 FIELDS 1 f", "HGETDEL no FIELDS 1 f",
    "HGETEX no FIELDS 1 f", "HINCRBY no4 f 1", "HPERSIST no FIELDS 1 f", "HSET h f 2", "HSETNX h f 1",
    "INCR n", "KEYS x", "LINSERT no before a b", "LMOVE no no2 left left", "LMPOP 1 no left", "LPOP no",
    "LPOS l a RANK 0", "LPUSH l z", "LPUSHX no z", "LRANGE l x 1", "LREM no 0 a", "LSET l 0 q",
    "LTRIM no 0 1", "MEMORY USAGE no", "MEMORY USAGE s", "MOVE s 1", "MSETNX s 2", "PERSIST no",
    "RANDOMKEY", "RENAME s x", "RPOP no", "SADD st c", "SCAN 0", "SET s 3 NX", "SETNX s 2",
    "SETRANGE no 0 x", "SMOVE no st a", "SMOVE st d a", "SPOP no", "SPOP st", "SREM no a", "WATCH s",
    "ZADD z 1 a", "ZINCRBY no1 1 a", "ZMPOP 1 no MIN", "ZPOPMIN no", "ZPOPMIN z 0", "ZRANGE z x 1",
    "ZREM no a", "ZREMRANGEBYRANK no 0 1",
]  # fmt: skip
ONE_OF_EACH = [
    "EXISTS s no", "LCS s nono", "MGET s no", "SDIFF st no", "SDIFFSTORE d st no", "SINTER st no",
    "SINTERCARD 2 st no", "SINTERSTORE d st no", "SUNION st no", "SUNIONSTORE d st no", "TOUCH s no",
    "ZDIFF 2 z no", "ZDIFFSTORE dz 2 z no", "ZINTER 2 z no", "ZINTERCARD 2 z no", "ZINTERSTORE dz 2 z no",
    "ZUNION 2 z no", "ZUNIONSTORE dz 2 z no",
]  # fmt: skip
COUNTS = {
    command: counts
    for commands, counts in ((HITS, (1, 0)), (MISSES, (0, 1)), (ONE_OF_EACH, (1, 1)), (NOT_COUNTED, (0, 0)))
    for command in commands
    if command.partition(" ")[0] in SPECS
}


@pytest.mark.parametrize("command", COUNTS)
def test_hits_and_misses(command: str) -> None:
    server = Workbench(**{"enable-debug-command": "yes"})
    peer = server.peer()
    for line in DATA:
        peer.send(*line.split())
    peer.send("CONFIG", "RESETSTAT")
    peer.send(*command.split())
    found = re.findall(rb"keyspace_(?:hits|misses):(\d+)", server.peer().send("INFO", "stats"))
    assert tuple(map(int, found)) == COUNTS[command]
