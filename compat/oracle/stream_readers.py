"""Readers that are blocked on streams, and whatever can happen to what they wait for; who watches a stream.

Every read meets every event, as scenarios of `scenarios.parse`: clients 0 and 1 wait, 2 acts, then an entry
comes that serves whoever still waits.
"""

from __future__ import annotations

_SETUP = """
    setup XADD x 5-0 f v
    setup XGROUP CREATE x g $
    setup XGROUP CREATE x h 0
    setup XADD y 4-0 f v
    setup XGROUP CREATE y g $
    setup SET s text
    setup RPUSH l 1 2
    setup XADD m 6-1 f v
    setup XADD m 6-2 f v
    setup XGROUP CREATE m g 0
    setup XADD n 2-1 f v
    setup XGROUP CREATE n g $
"""
_READS = [
    "XREAD BLOCK 0 STREAMS x $",
    "XREAD BLOCK 0 STREAMS y x 4-0 5-0",
    "XREAD BLOCK 0 COUNT 1 STREAMS k x y 0 5-0 $",
    "XREADGROUP GROUP g ann BLOCK 0 STREAMS x >",
    "XREADGROUP GROUP g ann BLOCK 0 NOACK STREAMS y x > >",
]
_EVENTS = """
DEL x
UNLINK x
EXPIRE x 0
SET x v
DEL x; RPUSH x a
DEL x; XADD x 1-1 f v
DEL x; XADD x 7-1 f v
DEL x; XADD x 7-1 f v; XGROUP CREATE x g 0
DEL x; XGROUP CREATE x g 0 MKSTREAM; XADD x 3-1 f v
MULTI; DEL x; XADD x 7-1 f v; XGROUP CREATE x g 0; EXEC
MULTI; DEL x; SET x v; DEL x; XGROUP CREATE x g $ MKSTREAM; EXEC
XGROUP DESTROY x g
XGROUP DESTROY x g; XGROUP CREATE x g 0
MULTI; XGROUP DESTROY x g; XGROUP CREATE x g 0; EXEC
MULTI; XGROUP DESTROY x g; XGROUP CREATE x g $; XADD x 8-1 f v; EXEC
XGROUP DESTROY x h
XGROUP DELCONSUMER x g ann; XADD x 8-1 f v
XGROUP SETID x g 0
XGROUP SETID x g 8-8; XADD x 8-1 f v
XSETID x 9-0
XSETID x 9-0; XADD x 9-1 f v
RENAME x z
RENAME s x
RENAME l x
RENAME m x
RENAME n x
RENAMENX s k
RENAMENX m k
RENAME x y
COPY m x REPLACE
COPY n x REPLACE
COPY s x REPLACE
MOVE x 1
FLUSHALL
SWAPDB 0 1
SELECT 1; SET x v; SWAPDB 0 1
SELECT 1; XADD x 8-1 f v; SWAPDB 0 1
SELECT 1; XADD x 8-1 f v; XGROUP CREATE x g 0; SWAPDB 0 1
XTRIM x MAXLEN 0; XADD x 8-1 f v
MULTI; XADD x 8-1 f v; XDEL x 8-1; EXEC
MULTI; XADD x 8-1 f v; XADD x 8-2 f v; XDEL x 8-1; EXEC
MULTI; XADD x 8-1 f v; SET x v; EXEC
MULTI; XADD y 8-1 f v; SET x v; EXEC
SET x v; XADD y 8-1 f v
SET x v; XTRIM y MAXLEN 0; XSETID y 3-0; XADD y 3-1 f v
DEL x; XADD y 8-1 f v
SET k v; XADD y 8-1 f v
XADD k 1-1 f v; DEL k
SORT l STORE x; XADD y 8-1 f v
EVAL "redis.call('xadd', 'x', '8-1', 'f', 'v') return redis.call('xadd', 'x', '8-2', 'f', 'v')" 0
EVAL "redis.call('del', 'x') return redis.call('set', 'x', 'v')" 0
XREADGROUP GROUP g bob STREAMS x >
XADD x 8-1 f v; XADD x 8-2 f v; XADD x 8-3 f v
MULTI; XADD x 8-1 f v; XREADGROUP GROUP g bob STREAMS x >; EXEC
XADD x MAXLEN 0 8-1 f v
CLIENT UNBLOCK {id0}
CLIENT UNBLOCK {id0} TIMEOUT
CLIENT UNBLOCK {id0} ERROR
CLIENT KILL ID {id0}
"""

READERS: dict[str, str] = {
    f"{read} / {event}": "\n".join([
        _SETUP,
        f"0 {read}",
        f"1 {read.replace('ann', 'bob')}",
        "",
        *(f"2 {command}" for command in event.split("; ")),
        "",
        "2 XADD x 20-1 f last",
        "2 XINFO STREAM x FULL",
        "2 XINFO STREAM y FULL",
    ])
    for read in _READS
    for event in _EVENTS.strip().splitlines()
}  # fmt: skip

_CHANGES = """
XADD x NOMKSTREAM 9-1 f v | XADD n NOMKSTREAM 9-1 f v | XADD x 1-1 f v | XADD x MAXLEN 0 9-1 f v
XADD n 1-1 f v | XDEL x 9-9 | XDEL x 2-1 | XDEL x 1-1 2-1 3-1 | XTRIM x MAXLEN 9 | XTRIM x MAXLEN 1
XTRIM x MAXLEN ~ 1 | XTRIM x MAXLEN 0 ACKED | XSETID x 3-1 | XSETID x 9-9 | XGROUP CREATE x k 0
XGROUP CREATE n k 0 MKSTREAM | XGROUP SETID x g 0 | XGROUP DESTROY x g | XGROUP DESTROY x no
XGROUP CREATECONSUMER x g ann | XGROUP CREATECONSUMER x g new | XGROUP DELCONSUMER x g ann
XREADGROUP GROUP g ann STREAMS x > | XREADGROUP GROUP g new STREAMS x 0
XREADGROUP GROUP g ann STREAMS x 0 | XREADGROUP GROUP g ann STREAMS x 9
XREADGROUP GROUP g ann NOACK STREAMS x > | XREAD STREAMS x 0 | XACK x g 1-1 | XACK x g 9-9 | XPENDING x g
XACKDEL x g IDS 1 1-1 | XACKDEL x g ACKED IDS 1 1-1 | XACKDEL x g IDS 1 9-1 | XDELEX x IDS 1 1-1
XDELEX x ACKED IDS 1 1-1 | XDELEX x DELREF IDS 1 1-1 | XDELEX x DELREF IDS 1 9-9 | XCLAIM x g bob 0 1-1
XCLAIM x g bob 100000 1-1 | XCLAIM x g bob 0 9-1 FORCE | XAUTOCLAIM x g bob 0 0
XAUTOCLAIM x g bob 100000 0 | COPY x y | COPY y x REPLACE | RENAME x y | EXPIRE x 100
"""
CHANGES: dict[str, str] = {
    f"who watches and listens during {change}": f"""
    setup XADD x 1-1 f v
    setup XADD x 2-1 f v
    setup XADD x 3-1 f v
    setup XGROUP CREATE x g 0
    setup XREADGROUP GROUP g ann COUNT 2 STREAMS x >
    0 WATCH x
    1 WATCH n y
    3 CONFIG SET notify-keyspace-events KEA
    2 PSUBSCRIBE __key*
    3 {change}
    0 MULTI
    0 PING
    0 EXEC
    1 MULTI
    1 PING
    1 EXEC
    """
    for change in map(str.strip, _CHANGES.strip().replace("\n", "|").split("|"))
}
