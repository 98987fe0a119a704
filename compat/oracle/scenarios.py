"""Scenarios: several clients, written down as they happen.

A line is `CLIENT COMMAND`, a blank line ends the turn of the event loop, `pause MS` lets time pass
before the turn that it opens, `served` waits there until nobody is blocked, `setup COMMAND` comes before
everything and is done by another client.

What has to be there before it expires is written and read in one transaction, in which time stands still: a
busy machine may take longer than any span from one command to the next.
"""

from __future__ import annotations

import shlex

from compat.oracle.case import SPREAD, Case, Step
from compat.oracle.listening import LISTENING
from compat.oracle.permissions import PERMISSIONS

SCENARIOS: dict[str, str] = {**LISTENING, **PERMISSIONS}


def parse(text: str, resp: int) -> Case:
    """The case that a scenario describes."""
    steps: list[Step] = []
    setup, pauses, served, turn = [], {}, set(), 0
    for line in map(str.strip, text.strip().splitlines()):
        actor, _, rest = line.partition(" ")
        words = [word.encode() for word in shlex.split(rest)]
        if not line:
            turn += 1
        elif actor == "setup":
            setup.append(words)
        elif actor == "pause":
            pauses[turn] = int(words[0])
        elif actor == "served":
            served.add(turn)
        else:
            steps.append(Step(turn, int(actor), words))
    clients = 1 + max(step.client for step in steps)
    return Case(steps, SPREAD, resp, 0, clients, setup, pauses, served)


def each_in_its_turn(text: str) -> str:
    return text.strip().replace("\n", "\n\n")


# -- who is served, and in what order ----------------------------------------------------------------

SCENARIOS |= {
    "a push serves the client that waited longest": """
        0 BLPOP l 0
        1 BLPOP l 0
        2 RPUSH l a
    """,
    "one push of three serves three waiters in the order they came": """
        2 BLPOP l 0
        0 BLPOP l 0
        1 BRPOP l 0
        3 RPUSH l a b c d
    """,
    "the first key with an element is taken, in the order of the arguments": """
        0 BLPOP x y z 0
        1 MULTI
        1 RPUSH z 1
        1 RPUSH y 2
        1 EXEC
        1 LRANGE z 0 -1
    """,
    "keys pushed to by two commands are served in the order of the pushes": """
        0 BLPOP y x 0
        1 RPUSH x 1
        1 RPUSH y 2
    """,
    "a waiter for two keys leaves both queues when it is served": """
        0 BLPOP x y 0
        1 BLPOP y 0
        2 RPUSH x 1
        2 RPUSH y 2
    """,
    "BLMOVE hands an element on to who waits for its destination": """
        0 BLPOP c 0
        1 BLMOVE b c LEFT RIGHT 0
        2 BLMOVE a b LEFT RIGHT 0
        3 RPUSH a job
    """,
    "a ring of BLMOVE serves itself only once per element": """
        0 BLMOVE a b LEFT RIGHT 0
        1 BLMOVE b a LEFT RIGHT 0
        2 RPUSH a 1
        2 LRANGE a 0 -1
        2 LRANGE b 0 -1
    """,
    "waiters are served after EXEC, not within": """
        0 BLPOP l 0
        1 MULTI
        1 RPUSH l a b
        1 LPOP l
        1 LLEN l
        1 EXEC
    """,
    "what a transaction takes back serves nobody": """
        0 BLPOP l 0
        1 MULTI
        1 RPUSH l a
        1 DEL l
        1 EXEC

        1 RPUSH l b
    """,
    "inside a transaction nothing blocks": """
        0 MULTI
        0 BLPOP l 0
        0 BLMOVE l m LEFT LEFT 0
        0 BLMPOP 0 1 l LEFT
        0 BRPOPLPUSH l m 0
        0 WAIT 0 0
        0 EXEC
    """,
    "RENAME to the key somebody waits for serves it": """
        0 BLPOP l 0
        1 RPUSH other a b
        1 RENAME other l
        1 LRANGE l 0 -1
    """,
    "COPY to the key somebody waits for serves it": """
        0 BLPOP l 0
        1 RPUSH other a b
        1 COPY other l
        1 LRANGE other 0 -1
    """,
    "MOVE into the database somebody waits in serves it": """
        0 SELECT 1
        0 BLPOP l 0
        1 RPUSH l a b
        1 MOVE l 1
    """,
    "SWAPDB serves who waits in either database": """
        0 BLPOP l 0
        1 SELECT 1
        1 BLPOP m 0
        2 RPUSH m zero
        2 SELECT 1
        2 RPUSH l one
        2 SWAPDB 0 1
    """,
    "a key of another type wakes nobody": """
        0 BLPOP l 0
        1 SET l v

        1 DEL l
        1 RPUSH l a
    """,
    "a waiter whose destination has another type gets the error when it is served": """
        setup SET s v
        0 BLMOVE l s LEFT LEFT 0
        1 BLPOP l 0
        2 RPUSH l a
    """,
    "BLMPOP takes as many as it asked for": """
        0 BLMPOP 0 2 x l LEFT COUNT 2
        1 BLMPOP 0 1 l RIGHT COUNT 10
        2 RPUSH l a b c d
    """,
    "LPUSH onto an awaited list is seen whole, not element by element": """
        0 BLPOP l 0
        1 LPUSH l a b c
    """,
    "LINSERT, LSET and LTRIM do not wake, a push does": """
        setup RPUSH other a
        0 BLPOP l 0
        1 LINSERT l BEFORE a b
        1 LPUSHX l a
        1 LMOVE other l LEFT RIGHT
    """,
    "commands behind a blocked one wait, and go on when it is served": """
        0 BLPOP l 0
        0 RPUSH done first
        1 RPUSH l a
        1 RPUSH done second
        2 RPUSH done third
    """,
    "two blocking commands in one write are served one after the other": """
        0 BLPOP l 0
        0 BLPOP l 0
        0 PING
        1 RPUSH l a
        1 RPUSH l b
        1 LLEN l
    """,
    "a client killed while it waits takes nothing": """
        0 BLPOP l 0
        1 CLIENT KILL ID {id0}
        2 RPUSH l a
        2 LRANGE l 0 -1
    """,
    "CLIENT UNBLOCK ends a wait as a timeout or as an error": """
        0 BLPOP l 0
        1 BLMOVE l m LEFT LEFT 0
        2 BLMPOP 0 1 l LEFT

        3 CLIENT UNBLOCK {id0}
        3 CLIENT UNBLOCK {id1} TIMEOUT
        3 CLIENT UNBLOCK {id2} ERROR
        3 CLIENT UNBLOCK {id2} ERROR
        3 RPUSH l a
        3 LLEN l
    """,
    "timeouts end waits": """
        0 BLPOP l 0.03
        1 BLMOVE l m LEFT LEFT 0.03
        2 BLMPOP 0.03 1 l LEFT
        3 BRPOPLPUSH l m 0.03

        pause 120
        4 RPUSH l a
        4 LLEN l
    """,
    "an expired list is no list for who waits": """
        setup RPUSH l a
        setup PEXPIRE l 20
        0 PING

        pause 80
        0 BLPOP l 0
        1 RPUSH l b
    """,
    "FLUSHALL serves nobody": """
        setup RPUSH m a
        0 BLPOP l 0
        1 FLUSHALL ASYNC
        1 RPUSH l a
    """,
    "a waiter behind one that cannot be served is served": """
        setup SET s v
        0 BLMOVE l s LEFT LEFT 0
        1 BLMOVE l m LEFT LEFT 0
        2 RPUSH l a b
        2 LRANGE l 0 -1
        2 LRANGE m 0 -1
    """,
}

# -- waiting for a sorted set ------------------------------------------------------------------------

SCENARIOS |= {
    "ZADD serves the client that waited longest, and each its end": """
        0 BZPOPMIN z 0
        1 BZPOPMAX z 0
        2 BZMPOP 0 2 y z MAX COUNT 2
        3 ZADD z 1 a 2 b 3 c 4 d 5 e
        3 ZRANGE z 0 -1 WITHSCORES
    """,
    "the first key with a member is taken, in the order of the arguments": """
        0 BZPOPMIN x y z 0
        1 MULTI
        1 ZADD z 1 a
        1 ZADD y 2 b
        1 EXEC
        1 ZRANGE z 0 -1
    """,
    "who waits for a sorted set is served after EXEC, with what is left": """
        0 BZPOPMAX z 0
        1 MULTI
        1 ZADD z 1 a 2 b
        1 ZPOPMAX z
        1 EXEC
    """,
    "a list does not wake who waits for a sorted set, nor the reverse": """
        0 BZPOPMIN k 0
        1 BLPOP k 0
        2 RPUSH k a

        2 RPUSH k b c

        2 DEL k

        2 ZADD k 1 m
    """,
    "RENAME, COPY and MOVE of a sorted set serve who waits for it": """
        0 BZPOPMIN z 0
        1 BZPOPMIN z 0
        3 SELECT 9
        3 BZPOPMIN z 0

        2 ZADD other 1 a 2 b
        2 RENAME other z
        2 ZADD third 3 c
        2 COPY third z

        2 ZADD z 4 d
        2 MOVE z 9
    """,
    "a stored result serves who waits for it": """
        0 BZPOPMIN z 0
        1 BZMPOP 0 1 z MAX COUNT 10
        2 BZPOPMAX y 0
        3 ZADD a 1 m 2 n
        3 ZUNIONSTORE z 1 a WEIGHTS 3
        3 ZRANGESTORE z a 0 0

        3 ZINTERSTORE y 2 a a
    """,
    "ZINCRBY and ZADD INCR serve who waits": """
        0 BZPOPMIN z 0
        1 BZPOPMIN z 0
        2 ZINCRBY z 2.5 a
        2 ZADD z INCR 1 b
    """,
    "inside a transaction nothing waits for a sorted set": """
        0 MULTI
        0 BZPOPMIN z 0
        0 BZPOPMAX z 0
        0 BZMPOP 0 1 z MIN
        0 EXEC
    """,
    "a wait for a sorted set ends as it was asked to": """
        0 CLIENT ID
        0 BZPOPMIN z 0
        1 BZPOPMAX z 0.05
        2 CLIENT UNBLOCK {id0} ERROR

        pause 100
        2 PING
    """,
    "a service from the sorted set breaks the transaction of who watches": """
        0 BZPOPMIN z 0
        1 WATCH z
        2 ZADD z 1 a

        1 MULTI
        1 ZCARD z
        1 EXEC
    """,
}

# -- watching ----------------------------------------------------------------------------------------

CHANGES = """
SET k v | SET k old | GETSET k v | APPEND k x | SETRANGE k 0 x | SETRANGE k 5 '' | INCR k | SETNX k v
MSET k v | MSETNX k v j v | GETDEL k | GETEX k EX 100 | GETEX k | GETEX k PERSIST | GET k | TOUCH k
DEL k | UNLINK k | DEL n | EXPIRE k 100 | EXPIRE k -1 | EXPIRE k 100 GT | EXPIRE k 100 NX | PERSIST k
RENAME k j | RENAME s k | RENAMENX s k | COPY s k | COPY s k REPLACE | COPY k s | MOVE k 1
FLUSHDB ASYNC | FLUSHALL ASYNC | SWAPDB 0 1 | SWAPDB 0 0 | SWAPDB 1 2 | SET n v | EXPIRE n 10
LPUSH l x | LPUSHX l x | LPOP l | RPOP l 0 | LPOP l 9 | LREM l 0 zz | LREM l 0 a | LTRIM l 0 -1
LTRIM l 1 0 | LTRIM l 0 0 | LSET l 0 a | LSET l 9 a | LINSERT l BEFORE a z | LINSERT l BEFORE zz z
LMOVE l l LEFT RIGHT | LMOVE gone l LEFT RIGHT | LMPOP 1 l LEFT | BLPOP l 0 | RPOPLPUSH l m
LPUSH n x | RPUSHX n x | LPOP n
ZADD z 1 a | ZADD z 3 c | ZADD z XX 1 n | ZADD z GT 0 a | ZADD z LT CH 0 a | ZADD n 1 a | ZINCRBY z 0 a
ZINCRBY z 1 a | ZREM z n | ZREM z a | ZREM z a b | ZPOPMIN z | ZPOPMIN z 0 | ZPOPMAX z 9 | ZPOPMIN n
ZMPOP 1 z MIN | ZMPOP 1 n MAX | BZPOPMIN z 0 | BZMPOP 0 1 z MAX | ZREMRANGEBYSCORE z 5 6
ZREMRANGEBYSCORE z 1 1 | ZREMRANGEBYRANK z 0 -1 | ZREMRANGEBYLEX z [x [y | ZREMRANGEBYLEX z - [a
ZUNIONSTORE n 1 z | ZUNIONSTORE z 1 n | ZUNIONSTORE n 1 n | ZINTERSTORE z 1 z | ZDIFFSTORE k 2 z z
ZDIFFSTORE k 1 z | ZRANGESTORE z z 0 -1 | ZRANGESTORE n z 5 6 | ZRANGESTORE n z 0 0 | ZRANGE z 0 -1
"""
SCENARIOS |= {
    f"after {change}, who watched the keys executes or not": f"""
        setup MSET k old s other
        setup EXPIRE k 500
        setup RPUSH l a b c
        setup ZADD z 1 a 2 b
        0 WATCH k
        1 WATCH l z
        2 WATCH n
        3 {change}
        0 MULTI
        0 PING
        0 EXEC
        1 MULTI
        1 PING
        1 EXEC
        2 MULTI
        2 PING
        2 EXEC
    """
    for change in map(str.strip, CHANGES.strip().replace("\n", "|").split("|"))
}
SCENARIOS |= {
    "a watched key that expires breaks the transaction": """
        0 SET k v PX 200
        0 WATCH k
        0 MULTI
        0 PING

        pause 300
        0 EXEC
    """,
    "a key that had expired before it was watched does not": """
        setup SET k v PX 20
        1 PING

        pause 80
        0 WATCH k
        0 MULTI
        0 PING
        0 EXEC
    """,
    "UNWATCH, DISCARD and EXEC forget what was watched": """
        0 WATCH k
        0 UNWATCH
        1 WATCH k
        1 MULTI
        1 DISCARD
        2 SET k v
        0 MULTI
        0 EXEC
        1 MULTI
        1 PING
        1 EXEC
    """,
    "a key is watched in the database it was watched in": """
        0 WATCH k
        0 SELECT 1
        1 SELECT 1
        1 SET k v
        0 MULTI
        0 PING
        0 EXEC
    """,
    "SET, WATCH and a transaction in one packet succeed": """
        0 SET k 1
        0 WATCH k
        0 MULTI
        0 INCR k
        0 EXEC
    """,
    "one's own change breaks one's transaction": """
        0 WATCH k
        0 SET k 1
        0 MULTI
        0 INCR k
        0 EXEC
    """,
    "a service from the queue breaks the transaction of who watches": """
        0 BLMOVE l m LEFT RIGHT 0
        1 WATCH m
        2 RPUSH l a
        1 MULTI
        1 PING
        1 EXEC
    """,
    "replies switched off within a transaction": """
        0 MULTI
        0 CLIENT REPLY OFF
        0 PING
        0 EXEC
        0 PING
        0 CLIENT REPLY ON
        0 PING
    """,
}

# -- time, connections -------------------------------------------------------------------------------

SCENARIOS |= {
    "what has expired is gone for every command": """
        setup MSET a 1 b 1 c 1 d 1 e 1 f 1
        setup RPUSH l x y
        0 MULTI
        0 PEXPIRE a 80
        0 PEXPIRE b 80
        0 PEXPIRE c 80
        0 PEXPIRE d 80
        0 PEXPIRE l 80
        0 DBSIZE
        0 EXEC

        pause 200
        0 GET a
        0 INCR b
        0 TTL c
        0 SET d 2 XX
        0 LPUSHX l z
        0 RENAME c x
        0 EXISTS a b c d e f l
        0 TYPE l
        0 DBSIZE
    """,
    "COPY and RENAME take the expiry along": """
        0 MULTI
        0 SET a 1 PX 30
        0 COPY a b
        0 RENAME a c
        0 SET d 1
        0 RENAME c d
        0 EXEC

        pause 90
        0 EXISTS a b c d
    """,
    "nothing is executed behind QUIT": """
        0 SET k 1
        0 QUIT
        0 SET k 2
        1 GET k
    """,
    "CLIENT PAUSE WRITE holds writes back and lets reads pass": """
        1 CLIENT PAUSE 60 WRITE
        0 GET k
        2 SET k v
        2 GET k
        3 MULTI
        3 SET k w
        3 EXEC

        pause 150
        1 GET k
    """,
    "CLIENT UNPAUSE lets them go on": """
        1 CLIENT PAUSE 100000 WRITE

        2 SET k v
        3 INCR n

        1 CLIENT UNPAUSE
        1 GET k
    """,
    "CLIENT KILL by filters": """
        0 CLIENT KILL ID {id1} SKIPME no
        0 CLIENT KILL TYPE normal ID {id2}
        0 CLIENT KILL USER default ID {id3} LADDR 1.2.3.4:5
        0 CLIENT KILL USER default ID {id0}
        0 CLIENT KILL USER default ID {id0} SKIPME no
        0 PING
        3 PING
    """,
    "without a password AUTH is refused": each_in_its_turn("""
        0 AUTH secret
        0 AUTH default secret
        0 AUTH x y
        0 PING
    """),
    # One command a turn: see `failed AUTH` in differences.md.
    "with a password nothing but the greeting is allowed": each_in_its_turn("""
        setup CONFIG SET requirepass secret
        0 PING
        0 GET
        0 GET k
        0 NOSUCH a
        0 MULTI
        0 HELLO
        0 HELLO 3
        0 HELLO 9
        0 CLIENT ID
        0 COMMAND COUNT
        0 AUTH wrong
        0 AUTH default wrong
        0 AUTH nobody secret
        0 RESET
        0 HELLO 3 AUTH default wrong
        0 HELLO 2 AUTH nobody secret SETNAME x
        0 AUTH
        0 AUTH a b c
        0 AUTH secret
        0 PING
        0 CLIENT GETNAME
        0 AUTH wrong
        0 PING
        0 RESET
        0 PING
        1 HELLO 3 AUTH default secret SETNAME me
        1 CLIENT GETNAME
        1 HELLO 2
        1 MULTI
        1 AUTH secret
        1 EXEC
        2 QUIT
    """),
}

# -- fields that expire ------------------------------------------------------------------------------

# The pauses leave the timers of both servers time to find them.

SCENARIOS |= {
    "a hash goes with the last of its fields": """
        0 HSET h a 1 b 2 c 3
        0 HPEXPIRE h 40 FIELDS 2 a b
        1 HSETEX i PX 40 FIELDS 2 a 1 b 2

        pause 700
        1 HLEN h
        1 HGETALL h
        1 HTTL h FIELDS 3 a b c
        1 EXISTS i
        2 HPEXPIRE h 30 FIELDS 1 c

        pause 700
        0 EXISTS h
        0 HSET h a 1
        0 HTTL h FIELDS 1 a
    """,
    "a transaction fails if a field of what it watches has expired": """
        0 HSET h a 1 b 2
        0 HPEXPIRE h 200 FIELDS 1 a
        0 WATCH h

        pause 700
        0 MULTI
        0 HGETALL h
        0 EXEC
    """,
    "a field that is set, moved or made to stay again expires with its new deadline, or not": """
        0 HSET h a 1 b 2 c 3 d 4 e 5
        0 HPEXPIRE h 200 FIELDS 5 a b c d e
        1 HSET h a 1
        1 HPERSIST h FIELDS 1 b
        1 HEXPIRE h 1000 FIELDS 1 c
        1 HINCRBY h d 1
        0 COPY h other
        0 RENAME h moved

        pause 700
        2 HGETALL moved
        2 HGETALL other
        2 HDEL other d e
        2 HTTL other FIELDS 5 a b c d e
        2 HGETDEL moved FIELDS 2 d a
        2 HGETEX moved EX 1000 FIELDS 2 e b
    """,
}


# -- who listens -------------------------------------------------------------------------------------

SCENARIOS |= {
    "who listens hears of a push, then of the pop that it served": """
        setup CONFIG SET notify-keyspace-events KEAn
        0 BLPOP l 0
        1 PSUBSCRIBE __key*

        2 RPUSH l a b
        2 LPOP l
    """,
    "a client that waits listens too": """
        setup CONFIG SET notify-keyspace-events KEA
        0 HELLO 3
        0 PSUBSCRIBE __keyevent*
        0 BLPOP l 0

        1 SET k 1
        1 RPUSH l a
        0 PING
    """,
    "a message in a transaction comes behind the events before it": """
        setup CONFIG SET notify-keyspace-events KEA
        0 SUBSCRIBE news __keyevent@0__:set

        1 MULTI
        1 SET k 1
        1 PUBLISH news x
        1 SET k 2
        1 EXEC
        2 PUBLISH news y
    """,
    "events for others and for oneself": """
        setup CONFIG SET notify-keyspace-events KEAm
        0 HELLO 3
        0 SUBSCRIBE __keyspace@0__:k
        1 SUBSCRIBE __keyspace@0__:k

        0 GET k
        2 SET k 1
        0 SET k 2
        0 MULTI
        0 DEL k
        0 PUBLISH __keyspace@0__:k me
        0 EXEC
        2 DEL k
    """,
}
