"""Commands that operate a server rather than its data: line for line what redis-server answers.

The random sequences leave these out, for they concern the whole server, or have no data to differ in.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from compat.oracle.targets import ProcessTarget
from compat.oracle.wire import plain
from compat.servers import Server

LONG = "a" * 255

QUESTIONS = {
    "replication, as a master without replicas": f"""
        REPLICAOF NO ONE
        SLAVEOF no one
        REPLICAOF 127.0.0.1 x
        REPLICAOF 127.0.0.1 65536
        REPLICAOF 127.0.0.1 -1
        FAILOVER
        FAILOVER TO a 1 FORCE TIMEOUT 10
        FAILOVER FORCE
        FAILOVER TO a x
        FAILOVER TO a
        FAILOVER TO a 1 TO b 2
        FAILOVER TIMEOUT
        FAILOVER TIMEOUT 0
        FAILOVER TIMEOUT 1 TIMEOUT 2
        FAILOVER ABORT
        FAILOVER abort FORCE
        FAILOVER NOPE
        REPLCONF
        REPLCONF listening-port 6380 ip-address 1.2.3.4 CAPA psync2
        REPLCONF listening-port x
        REPLCONF capa
        REPLCONF foo bar
        REPLCONF ip-address {LONG}
        REPLCONF ip-address {LONG}a
        REPLCONF rdb-only x
        REPLCONF rdb-only 2
        REPLCONF rdb-only 0 rdb-channel 0
        REPLCONF rdb-filter-only functions
        REPLCONF rdb-filter-only 'functions foo'
        REPLCONF rdb-filter-only "'foo"
        REPLCONF rdb-filter-only ''
        REPLCONF main-ch-client-id 5
        REPLCONF main-ch-client-id x
        MULTI
        SYNC
        PSYNC ? -1
        FAILOVER
        REPLICAOF NO ONE
        EXEC
        EVAL "return redis.call('replicaof','no','one')" 0
        EVAL "return redis.call('sync')" 0
    """,
    "replicas that are demanded": """
        FLUSHALL
        SET a 1
        RPUSH l x
        CONFIG SET min-replicas-to-write 1
        CONFIG GET min-replicas-to-write
        SET a 2
        SET a
        GET a
        DEL nokey
        PFCOUNT x
        PUBLISH c m
        BLPOP l 1
        XADD s * a b
        FLUSHALL
        SORT l STORE b
        EVAL "return redis.call('set','a','3')" 0
        EVAL "return redis.pcall('set','a','3')" 0
        EVAL "return redis.call('get','a')" 0
        EVAL_RO "return redis.call('get','a')" 0
        MULTI
        GET a
        SET a 5
        EXEC
        MULTI
        GET a
        EXEC
        CONFIG SET min-replicas-max-lag 0
        SET a 2
        CONFIG SET min-replicas-max-lag 10 min-slaves-to-write 0
        SET a 2
        MULTI
        SET a 3
        CONFIG SET min-replicas-to-write 1
        SET a 4
        EXEC
        SET a 5
        PING
        CONFIG SET min-replicas-to-write 0
        GET a
        FLUSHALL
    """,
    "lengths of the slow log": """
        CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 3
        SLOWLOG RESET
        PING
        ECHO a
        ECHO b
        ECHO c
        SLOWLOG LEN
        CONFIG SET slowlog-max-len 0
        PING
        SLOWLOG LEN
        CONFIG SET slowlog-max-len 2
        SLOWLOG LEN
        MULTI
        ECHO a
        EXEC
        SLOWLOG LEN
        CONFIG SET slowlog-log-slower-than -1
        SLOWLOG RESET
        PING
        SLOWLOG LEN
        SLOWLOG GET 1 2
        SLOWLOG GET -2
        CONFIG SET slowlog-log-slower-than 10000 slowlog-max-len 128
    """,
    "clients": """
        CLIENT
        CLIENT NOPE
        CLIENT KILL
        CLIENT KILL nope
        CLIENT KILL 1.2.3.4:5
        CLIENT KILL ID 0
        CLIENT KILL ID x
        CLIENT KILL ID 99998 99999
        CLIENT KILL ID 99998 ID 99999
        CLIENT KILL ID 1 ID x
        CLIENT KILL TYPE nope
        CLIENT KILL TYPE master
        CLIENT KILL TYPE replica
        CLIENT KILL TYPE
        CLIENT KILL USER nope
        CLIENT KILL USER default USER nope
        CLIENT KILL ADDR 1.2.3.4:5
        CLIENT KILL LADDR 1.2.3.4:5
        CLIENT KILL ADDR a LADDR
        CLIENT KILL SKIPME maybe
        CLIENT KILL TYPE master SKIPME no
        CLIENT KILL MAXAGE x
        CLIENT KILL MAXAGE 0
        CLIENT KILL MAXAGE 99999999
        CLIENT KILL MAXAGE 99999999999999999999
        CLIENT KILL TYPE normal TYPE pubsub MAXAGE 99999999
        CLIENT KILL TYPE normal FOO bar
        CLIENT LIST ID
        CLIENT LIST ID x
        CLIENT LIST ID 0 99999
        CLIENT LIST TYPE
        CLIENT LIST TYPE nope
        CLIENT LIST TYPE master
        CLIENT PAUSE
        CLIENT PAUSE x
        CLIENT PAUSE -1
        CLIENT PAUSE 1.5
        CLIENT PAUSE 99999999999999999999
        CLIENT PAUSE 1 NOPE
        CLIENT PAUSE 1 WRITE x
        CLIENT PAUSE 1 write
        CLIENT PAUSE 0
        CLIENT UNPAUSE x
        CLIENT UNPAUSE
        CLIENT REPLY nope
        CLIENT REPLY ON
        CLIENT NO-EVICT x
        CLIENT NO-TOUCH x
        CLIENT UNBLOCK x
        CLIENT UNBLOCK 99999
        CLIENT UNBLOCK 99999 NOPE
        CLIENT SETINFO x y
        CLIENT SETINFO lib-name 'a b'
        CLIENT SETNAME 'a b'
        CLIENT CACHING yes
        CLIENT TRACKINGINFO
    """,
    "DEBUG": """
        FLUSHALL
        DEBUG CHANGE-REPL-ID
        DEBUG CHANGE-REPL-ID x
        DEBUG ERROR
        DEBUG ERROR foo
        DEBUG ERROR 'FOO bar baz'
        DEBUG ERROR ''
        DEBUG LOG hello
        DEBUG LOG a b
        DEBUG PROTOCOL
        DEBUG PROTOCOL STRING
        DEBUG PROTOCOL integer
        DEBUG PROTOCOL double
        DEBUG PROTOCOL null
        DEBUG PROTOCOL array
        DEBUG PROTOCOL set
        DEBUG PROTOCOL map
        DEBUG PROTOCOL verbatim
        DEBUG PROTOCOL true
        DEBUG PROTOCOL false
        DEBUG PROTOCOL bignum
        DEBUG PROTOCOL nope
        DEBUG POPULATE
        DEBUG POPULATE x
        DEBUG POPULATE -1
        DEBUG POPULATE 2 p -1
        DEBUG POPULATE 2 p 20
        GET p:1
        DEBUG POPULATE 3 p 3
        GET p:1
        GET p:2
        DEBUG POPULATE 1
        GET key:0
        DBSIZE
        DEBUG DIGEST
        DEL p:0 p:1 p:2 key:0
        SET p:1 x
        DEBUG LISTPACK
        DEBUG LISTPACK nope
        DEBUG LISTPACK p:1
        RPUSH l a 1
        DEBUG LISTPACK l
        HSET h f v
        DEBUG LISTPACK h
        DEBUG DIGEST x
        DEBUG DIGEST
        DEBUG DIGEST-VALUE
        DEBUG DIGEST-VALUE l nope l
        DEBUG LOADAOF x
        DEBUG LOADAOF
        DEBUG DIGEST
        DEBUG JMAP
        DEBUG STRINGMATCH-LEN 5 a
        FLUSHALL
    """,
    "sizes of keys": """
        FLUSHALL
        SET s1 abc
        SET s2 ''
        SETRANGE s3 5000 x
        SETRANGE s4 2000000 x
        SET n 1234567
        SET f 3.25
        RPUSH l1 a b c
        RPUSH l2 a
        SADD t1 1 2 3 4 5
        SADD t2 a
        ZADD z1 1 a 2 b 3 c
        HSET h1 a 1 b 2
        XADD x1 1-1 a b
        SELECT 3
        RPUSH l a b c d e f g h i j k l m n o p q r s t
        INFO keysizes
        DEL l
        SELECT 0
        LPOP l1
        SREM t2 a
        APPEND s2 1234567890123456
        INFO keysizes
        FLUSHALL
        INFO keysizes
        INFO nope
    """,
    "prefixes of errors": """
        CONFIG RESETSTAT
        GET
        NOPE
        HGET
        CLIENT NOPE
        EVAL "return redis.error_reply('A:B x')" 0
        EVAL "return redis.error_reply('lower x')" 0
        EVAL "return redis.error_reply('ONE')" 0
        MULTI
        GET
        EXEC
        AUTH a b
        INFO errorstats
    """
    + "".join([f"\nEVAL \"return redis.error_reply('E{n} x')\" 0" for n in range(123)])
    + """
        INFO errorstats
        EVAL "return redis.error_reply('E123 x')" 0
        INFO errorstats
        EVAL "return redis.error_reply('E124 x')" 0
        INFO errorstats
        GET
        INFO errorstats
        CONFIG RESETSTAT
        GET
        INFO errorstats
        CONFIG RESETSTAT
    """,
    "latencies, while nobody watches": """
        CONFIG SET latency-monitor-threshold 0
        LATENCY
        LATENCY NOPE
        LATENCY RESET
        LATENCY RESET command nope
        LATENCY LATEST
        LATENCY LATEST x
        LATENCY HISTORY
        LATENCY HISTORY command
        LATENCY GRAPH
        LATENCY GRAPH command
        LATENCY DOCTOR x
        LATENCY HELP x
        LATENCY HISTOGRAM nope
        CONFIG SET latency-monitor-threshold -1
        CONFIG SET latency-monitor-threshold x
        CONFIG SET latency-tracking maybe
        CONFIG SET latency-tracking-info-percentiles 101
        MULTI
        LATENCY LATEST
        EXEC
        EVAL "return redis.call('latency', 'latest')" 0
    """,
}


@pytest.fixture
def targets(reference: Server, respq_server: Server) -> Iterator[tuple[ProcessTarget, ProcessTarget]]:
    pair = ProcessTarget(reference), ProcessTarget(respq_server)
    yield pair
    for target in pair:
        target.close()


@pytest.mark.parametrize("resp", [2, 3])
@pytest.mark.parametrize("subject", QUESTIONS)
def test_operation(subject: str, resp: int, targets: tuple[ProcessTarget, ProcessTarget]) -> None:
    theirs, ours = targets
    for line in ["RESET", f"HELLO {resp}", *filter(str.strip, QUESTIONS[subject].splitlines())]:
        argv = [word.encode() for word in shlex.split(line)]
        expected, found = theirs.ask(*argv), ours.ask(*argv)
        if argv[0] != b"HELLO":
            assert found == expected, line


@pytest.mark.parametrize("resp", [2, 3])
def test_histograms_have_the_same_shape_and_count_the_same_calls(
    resp: int, targets: tuple[ProcessTarget, ProcessTarget]
) -> None:
    lines = f"""
        RESET
        HELLO {resp}
        CONFIG RESETSTAT
        SET latency:a 1
        SET latency:a 2
        GET latency:a
        GET
        LPUSH latency:a x
        LRANGE latency:l 0 -1
        CLIENT ID
        MULTI
        GET latency:a
        EXEC
        LATENCY HISTOGRAM set get lpush lrange client exec nope GET
    """.strip().splitlines()
    shapes = []
    for target in targets:
        for line in lines:
            reply = target.ask(*line.encode().split())
        shapes.append(_without_times(plain(reply)))
    assert shapes[0] == shapes[1]
    assert len(shapes[0]) == 6


def _without_times(reply: Any) -> list[Any]:
    """Names and calls, and whether these are what the last bucket has."""
    found = {name: _as_dict(parts) for name, parts in _as_dict(reply).items()}
    return [
        (name, list(parts), parts[b"calls"], list(_as_dict(parts[b"histogram_usec"]).values())[-1])
        for name, parts in found.items()
    ]


def _as_dict(reply: Any) -> dict[Any, Any]:
    """A map, which comes as a list in RESP2."""
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
