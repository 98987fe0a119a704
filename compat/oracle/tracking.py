"""Scenarios of CLIENT TRACKING, in the notation of `scenarios`: every byte has its place, also of pushes.

Client 0 tracks, in RESP2 or RESP3 as all the others; none of them asks for ids, which differ.
"""

from __future__ import annotations

READERS_OF_KEYS = """
PFCOUNT k j | BITCOUNT k | GETBIT k 1 | BITPOS k 1 | BITFIELD_RO k GET u8 0 | GEOPOS k a | GEODIST k a b
GEOHASH k a | GEOSEARCH k FROMLONLAT 1 1 BYRADIUS 1 m | GEORADIUS_RO k 1 1 1 m | ZRANGE k 0 -1
ZCOUNT k 0 1 | HEXISTS k f | OBJECT REFCOUNT k | MEMORY USAGE k | XPENDING k g | XINFO GROUPS k
SMISMEMBER k a | ZMSCORE k a | SUBSTR k 0 1 | BITFIELD k GET u8 0 | XLEN k | LINDEX k 0 | HSTRLEN k f
ZDIFF 2 k j | SDIFF k j | SCARD k | LLEN k | HLEN k | GET k | EXISTS k j | TTL k | TYPE k
OBJECT ENCODING k | DUMP k | XREAD STREAMS k j 0 0 | SORT_RO k | STRLEN k | TOUCH k | LRANGE k 0 -1
SINTER k j | XINFO STREAM k | SRANDMEMBER k | LPOS k a | SINTERCARD 2 k j | GETRANGE k 0 1 | ZUNION 2 k j
HGETALL k | HRANDFIELD k | LCS k j | EXPIRETIME k | XRANGE k - + | MGET k j k | SSCAN k 0 | GETEX k
GETDEL k | COPY k j | XREADGROUP GROUP g c STREAMS k > | SET k v GET | SCAN 0 | KEYS * | RANDOMKEY
DBSIZE | EVAL 'return 1' 1 k | EVAL_RO 'return redis.call("get", KEYS[1])' 1 k
EVAL 'return redis.call("mget", "k", "j")' 0 | XREAD STREAMS k j 0
"""
CHANGES_OF_KEYS = """
PFADD nobody a | SETBIT k 0 0 | SETBIT k 0 1 | BITFIELD k SET u8 0 255 | BITFIELD k GET u8 0
GEOADD z 1 1 a | GEOSEARCHSTORE j z FROMLONLAT 1 1 BYRADIUS 1 m | BITOP AND k nope
LMOVE nope l LEFT LEFT | ZINCRBY z 1 a | SET k v | SETNX k v | APPEND k '' | APPEND k x | SETRANGE k 0 ''
SETRANGE k 0 x | INCR k | GETSET k v | GETDEL k | GETEX k EX 100 | GETEX k PERSIST | MSET k v j v
MSETNX k v j v | DEL k j | UNLINK k | EXPIRE k 100 | EXPIRE k -1 | EXPIRE k 100 GT | PERSIST k
RENAME k j | RENAME k k | COPY k j REPLACE | MOVE k 1 | SWAPDB 0 1 | FLUSHALL | FLUSHDB | FLUSHALL ASYNC
SORT l STORE j | RPUSH l x | LPOP l | LREM l 0 nope | LTRIM l 0 -1 | LSET l 0 a | LMOVE l m LEFT LEFT
SADD s a | SADD s z | SREM s nope | SMOVE s j a | SINTERSTORE j s s | SINTERSTORE s nope | ZADD z 1 a
ZADD z 2 a | ZREM z nope | ZPOPMIN z | ZRANGESTORE j z 0 -1 | HSET h a 1 | HSETNX h a 1 | HDEL h nope
HDEL h a | HPERSIST h FIELDS 1 a | HPEXPIRE h 100000 FIELDS 1 a | HGETDEL h FIELDS 1 a | XADD x 9-9 a b
XDEL x 1-1 | XTRIM x MAXLEN 0 | XSETID x 99-9 | XGROUP CREATE x g2 0 | XREADGROUP GROUP g c STREAMS x >
XACK x g 1-1 | XGROUP DESTROY x g | LMPOP 1 l LEFT
EVAL 'redis.call("set", "k", 1) redis.call("rpush", "l", 1)' 0 | BITOP NOT j k | SET nobody v
"""
FILL = """
setup SET k 5 EX 1000
setup RPUSH l a b
setup SADD s a b
setup ZADD z 1 a
setup HSET h a 1
setup XADD x 1-1 a b
setup XGROUP CREATE x g 0
"""
WATCHED = "k j l m s z h x nope"


def _each(text: str) -> list[str]:
    return [part.strip() for line in text.strip().splitlines() for part in line.split("|")]


TRACKING: dict[str, str] = {}
for command in _each(READERS_OF_KEYS):
    TRACKING[f"what is read by {command}"] = f"""
        setup XGROUP CREATE k g 0 MKSTREAM
        setup DEL {"k" if "GROUP" not in command else "j"}
        0 CLIENT TRACKING ON
        0 {command}
        1 SET k 1
        1 SET j 1
        1 SET k 1

        1 DEL k j
    """
for command in _each(CHANGES_OF_KEYS):
    TRACKING[f"changes by {command}"] = f"""
        {FILL}
        0 CLIENT TRACKING ON
        0 EXISTS {WATCHED}
        2 CLIENT TRACKING ON BCAST
        3 CLIENT TRACKING ON BCAST PREFIX k PREFIX l PREFIX ''

        1 {command}
        1 PING

        {"served" if "FLUSH" in command else "pause 0"}
        0 {command}
        0 PING

        {"served" if "FLUSH" in command else "pause 0"}
        0 PING
    """

TRACKING |= {
    "one's own changes come behind their replies": """
        0 CLIENT TRACKING ON
        0 GET k
        0 SET k 1
        0 GET k
        0 MSET k 1 j 2
        0 PING
        1 PING
    """,
    "one's own changes with NOLOOP, which take the key out of the table": """
        0 CLIENT TRACKING ON NOLOOP
        0 GET k
        0 SET k 1
        1 SET k 2

        0 GET k
        1 SET k 3
        0 PING
    """,
    "a transaction's own changes come behind EXEC, and what is read after a change is remembered": """
        0 CLIENT TRACKING ON
        0 MULTI
        0 GET k
        0 SET k 1
        0 GET k
        0 SET k 2
        0 SET j 1
        0 GET k
        0 EXEC
        0 PING

        1 SET k 3
    """,
    "a transaction of somebody else": """
        0 CLIENT TRACKING ON
        0 MGET a b
        1 MULTI
        1 SET b 1
        1 SET a 1
        1 SET b 2
        1 EXEC
        0 PING
    """,
    "a transaction that flushes": """
        0 CLIENT TRACKING ON
        0 MGET a b
        0 MULTI
        0 SET a 1
        0 FLUSHALL
        0 SET b 1
        0 EXEC
        0 PING

        1 SET a 1
    """,
    "flushes": """
        0 CLIENT TRACKING ON
        1 CLIENT TRACKING ON BCAST
        2 CLIENT TRACKING ON NOLOOP
        0 GET a
        2 GET a

        0 FLUSHALL
        0 PING

        served
        1 FLUSHDB ASYNC
        1 PING

        2 FLUSHDB SYNC
        2 PING

        served
        3 SET a 1
    """,
    "scripts: what they read and change counts for who runs them": """
        0 CLIENT TRACKING ON
        1 CLIENT TRACKING ON NOLOOP
        0 EVAL 'local r = redis.call r("get", "a") r("incr", "a") r("get", "a") return r("get", "b")' 0
        0 PING
        1 EVAL 'redis.call("get", "c") redis.call("set", "c", 1) return 1' 0
        1 PING

        2 MSET a 1 b 2 c 3
    """,
    "scripts in broadcast mode: NOLOOP does not know them": """
        0 CLIENT TRACKING ON BCAST NOLOOP
        0 SET a 1
        0 EVAL 'redis.call("set", "b", 1) return redis.call("flushall")' 0
        0 PING
    """,
    "OPTIN: the next command, but for commands of CLIENT": """
        0 CLIENT TRACKING ON OPTIN
        0 GET a
        0 CLIENT CACHING YES
        0 GET b
        0 GET c
        0 CLIENT CACHING YES
        0 CLIENT GETNAME
        0 GET d
        0 CLIENT CACHING YES
        0 PING
        0 GET e
        0 CLIENT CACHING YES
        0 GET
        0 GET f
        0 CLIENT CACHING YES
        0 NOPE
        0 GET g
        0 CLIENT CACHING YES
        0 MGET h i
        0 CLIENT CACHING YES
        0 EVAL 'redis.call("get", "l") return redis.call("get", "m")' 0
        0 GET n
        1 MSET a 1 b 1 c 1 d 1 e 1 f 1 g 1 h 1 i 1 l 1 m 1 n 1
    """,
    "OPTIN and transactions": """
        0 CLIENT TRACKING ON OPTIN
        0 CLIENT CACHING YES
        0 MULTI
        0 GET a
        0 GET b
        0 EXEC
        0 GET c
        0 MULTI
        0 CLIENT CACHING YES
        0 GET d
        0 GET e
        0 EXEC
        0 GET f
        1 MSET a 1 b 1 c 1 d 1 e 1 f 1
    """,
    "OPTOUT": """
        0 CLIENT TRACKING ON OPTOUT
        0 GET a
        0 CLIENT CACHING NO
        0 GET b
        0 GET c
        0 CLIENT CACHING NO
        0 MULTI
        0 GET d
        0 EXEC
        0 GET e
        1 MSET a 1 b 1 c 1 d 1 e 1
    """,
    "broadcasts leave at the end of the turn, sorted, one for each prefix": """
        0 CLIENT TRACKING ON BCAST PREFIX u: PREFIX q: PREFIX x
        1 CLIENT TRACKING ON BCAST NOLOOP

        2 MSET q:1 1 u:2 1 u:1 2 other 3 q:0 1
        2 SET x 1
        1 SET mine 1
        1 SET x 2
        0 SET u:9 1
        0 PING

        1 SET mine 2
        1 PING
    """,
    "broadcast begins and ends with its command": """
        0 SET a 1
        0 CLIENT TRACKING ON BCAST
        0 SET b 1
        0 PING
        1 CLIENT TRACKING ON BCAST
        1 SET c 1
        1 CLIENT TRACKING OFF
        1 PING
    """,
    "what was read with tracking off and on again": """
        2 CLIENT TRACKING ON
        0 CLIENT TRACKING ON
        0 GET k
        0 CLIENT TRACKING OFF
        1 SET k 1

        0 CLIENT TRACKING ON
        0 GET k
        0 CLIENT TRACKING OFF
        0 CLIENT TRACKING ON
        1 SET k 1
    """,
    "RESET ends it": """
        0 CLIENT TRACKING ON
        0 GET k
        0 RESET
        1 SET k 1
        0 CLIENT TRACKINGINFO
    """,
    "tracking begins within a transaction": """
        0 MULTI
        0 SET a 0
        0 CLIENT TRACKING ON
        0 GET a
        0 SET a 1
        0 CLIENT TRACKINGINFO
        0 EXEC
        0 PING
    """,
    "redirection, to who listens and to who does not": """
        0 CLIENT TRACKING ON REDIRECT {id1}
        0 GET k
        2 SET k 1

        1 SUBSCRIBE __redis__:invalidate
        0 MGET k j
        2 MSET j 1 k 2
        2 PING

        0 GET k
        2 FLUSHALL ASYNC

        1 UNSUBSCRIBE
        0 GET k
        2 SET k 3
    """,
    "redirection to who makes the change": """
        0 CLIENT TRACKING ON REDIRECT {id1}
        0 MGET k j

        1 SET k 1
        1 PING
        1 MULTI
        1 SET j 1
        1 SET x 1
        1 EXEC
        1 PING
    """,
    "redirection of broadcasts": """
        0 CLIENT TRACKING ON REDIRECT {id1} BCAST PREFIX k
        1 SUBSCRIBE __redis__:invalidate

        2 MSET k2 1 other 1 k1 1
        2 FLUSHALL ASYNC
        0 SET k3 1
        0 PING
    """,
    "broken redirection": """
        0 CLIENT TRACKING ON REDIRECT {id1}
        0 GET k

        2 CLIENT KILL ID {id1}

        2 SET k 1

        0 GET k
        2 SET k 1
        0 CLIENT TRACKING ON
        0 CLIENT TRACKINGINFO
    """,
    "a client that waits is told before it is served": """
        0 CLIENT TRACKING ON
        1 CLIENT TRACKING ON NOLOOP
        2 CLIENT TRACKING ON BCAST
        0 EXISTS l
        1 EXISTS l
        0 BLPOP l 0
        1 BLPOP l 0
        2 BLPOP l 0

        3 RPUSH l a

        3 RPUSH l b c d
    """,
    "a stream that is waited for has been read": """
        0 CLIENT TRACKING ON
        0 XREAD BLOCK 0 STREAMS x $

        1 XADD x 1-1 a b

        1 XADD x 2-1 a b
    """,
    "messages to oneself come first": """
        0 CLIENT TRACKING ON
        0 SUBSCRIBE ch
        0 MULTI
        0 PUBLISH ch 1
        0 SET k 1
        0 PUBLISH ch 2
        0 EXEC
        0 RESET
    """,
    "pushes pass replies that are switched off": """
        0 CLIENT TRACKING ON
        0 CLIENT REPLY OFF
        0 GET k
        0 SET k 1
        0 GET k
        1 SET k 2
        0 CLIENT REPLY ON
        0 PING
    """,
    "databases are not told apart": """
        0 CLIENT TRACKING ON
        0 SELECT 1
        0 GET k
        1 SET k 1
        0 PING
    """,
    "keys that expire": """
        setup DEBUG SET-ACTIVE-EXPIRE 0
        0 CLIENT TRACKING ON
        1 CLIENT TRACKING ON NOLOOP
        2 CLIENT TRACKING ON BCAST NOLOOP
        0 MULTI
        0 SET a 1 PX 50
        0 SET c 1 PX 50
        0 MGET a c
        0 EXEC
        1 MULTI
        1 SET b 1 PX 50
        1 GET b
        1 EXEC

        pause 150
        0 GET a
        0 PING
        1 GET b
        1 PING
        2 GET c
        2 PING

        3 MSET a 1 b 1 c 1
    """,
    "keys that expire by themselves": """
        setup DEBUG SET-ACTIVE-EXPIRE 1
        0 CLIENT TRACKING ON
        1 CLIENT TRACKING ON BCAST
        0 MULTI
        0 SET a 1 PX 50
        0 GET a
        0 EXEC

        pause 700
        0 PING
    """,
    "a key beyond the limit of the table": """
        setup CONFIG SET tracking-table-max-keys 1
        0 CLIENT TRACKING ON
        0 MGET a a
        0 PING

        1 SET a 1
        0 PING
    """,
    "what does not fit together": """
        0 CLIENT TRACKING
        0 CLIENT TRACKING x
        0 CLIENT TRACKING ON x
        0 CLIENT TRACKING ON REDIRECT
        0 CLIENT TRACKING ON REDIRECT x
        0 CLIENT TRACKING ON REDIRECT 999999
        0 CLIENT TRACKING ON REDIRECT {id1} REDIRECT {id1}
        0 CLIENT TRACKING ON PREFIX
        0 CLIENT TRACKING ON PREFIX a
        0 CLIENT TRACKING ON BCAST OPTIN
        0 CLIENT TRACKING ON OPTIN OPTOUT
        0 CLIENT CACHING YES
        0 CLIENT TRACKING ON
        0 CLIENT CACHING YES
        0 CLIENT CACHING NO
        0 CLIENT CACHING x
        0 CLIENT TRACKING ON BCAST
        0 CLIENT TRACKING ON OPTIN
        0 CLIENT TRACKING ON OPTOUT
        0 CLIENT CACHING NO
        0 CLIENT CACHING YES
        0 CLIENT TRACKINGINFO
        0 CLIENT TRACKING ON OPTIN NOLOOP
        0 CLIENT TRACKINGINFO
        0 CLIENT TRACKING OFF OPTIN OPTOUT
        0 CLIENT TRACKINGINFO
        0 CLIENT GETREDIR
        0 CLIENT TRACKING ON BCAST PREFIX a PREFIX b PREFIX c
        0 CLIENT TRACKING ON BCAST PREFIX ab
        0 CLIENT TRACKING ON BCAST PREFIX x PREFIX xy
        0 CLIENT TRACKING ON BCAST PREFIX z PREFIX ab PREFIX zz PREFIX a
        0 CLIENT TRACKING ON BCAST PREFIX ''
        0 CLIENT TRACKING ON BCAST NOLOOP
        0 CLIENT TRACKINGINFO
        0 CLIENT GETREDIR
        0 CLIENT CACHING YES
        1 PING
    """,
}
