"""Scenarios in which what a user may do changes while it waits, listens or has something queued."""

from __future__ import annotations

ANN = "setup ACL SETUSER ann reset on nopass +@all ~* &*"

PERMISSIONS: dict[str, str] = {
    "who waits for a key is looked at again when there is something": f"""
        {ANN}
        0 AUTH ann x
        0 BLPOP l 0

        1 ACL SETUSER ann resetkeys ~x

        1 RPUSH l a
        1 LLEN l

        0 PING
        1 ACL LOG
        1 INFO commandstats
    """,
    "who may not have the element leaves it to the next": f"""
        {ANN}
        0 AUTH ann x
        0 BLPOP l 0

        2 BLPOP l 0

        1 ACL SETUSER ann -blpop
        1 RPUSH l a b
        1 LRANGE l 0 -1
    """,
    "an expired wait is not looked at": f"""
        {ANN}
        0 AUTH ann x
        0 BLPOP l 0.01
        1 ACL SETUSER ann -@all

        pause 30
        1 PING

        0 PING
    """,
    "who waits for an entry of a stream is looked at again": f"""
        {ANN}
        0 AUTH ann x
        0 XREAD BLOCK 0 STREAMS s $

        1 ACL SETUSER ann resetkeys %W~s

        1 XADD s 1-1 f v
    """,
    "a deleted user's blocked client takes nothing": f"""
        {ANN}
        0 AUTH ann x
        0 BLPOP l 0

        1 ACL DELUSER ann

        1 RPUSH l a
        1 LRANGE l 0 -1
    """,
    "a transaction is looked at when it is queued and when it is executed": f"""
        {ANN}
        0 AUTH ann x
        0 MULTI
        0 SET a 1
        0 GET b
        0 PUBLISH c x

        1 ACL SETUSER ann resetkeys %R~b resetchannels

        0 EXEC
        0 MULTI
        0 SET a 1
        0 EXEC
        1 GET a
        1 ACL LOG
    """,
    "permissions change within a transaction": f"""
        {ANN}
        0 AUTH ann x
        0 MULTI
        0 SET a 1
        0 ACL SETUSER ann -set
        0 SET a 2
        0 ACL SETUSER ann +set
        0 SET a 3
        0 EXEC
    """,
    "who came in within a transaction is looked at from there on": f"""
        {ANN} resetkeys ~x
        0 MULTI
        0 SET a 1
        0 AUTH ann x
        0 SET a 2
        0 EXEC
        0 GET a
    """,
    "a listener is closed when it loses its channel": f"""
        {ANN}
        0 AUTH ann x
        0 SUBSCRIBE c
        2 AUTH ann x
        2 SUBSCRIBE d

        1 ACL SETUSER ann resetchannels &d

        1 PUBLISH c x
        1 PUBLISH d x
    """,
    "a listener to a pattern needs that very rule": f"""
        {ANN} resetchannels &c*
        0 AUTH ann x
        0 PSUBSCRIBE c*
        2 AUTH ann x
        2 PSUBSCRIBE c1

        1 ACL SETUSER ann &d*

        1 PUBLISH c1 x
    """,
    "who takes its own channel away gets the answer": f"""
        {ANN}
        0 HELLO 3
        0 AUTH ann x
        0 SUBSCRIBE c
        0 ACL SETUSER ann resetchannels
        0 PING

        1 PUBLISH c x
    """,
    "who deletes itself gets the answer": f"""
        {ANN}
        0 AUTH ann x
        0 ACL DELUSER ann
        0 PING

        1 ACL USERS
    """,
    "connections are killed by user": f"""
        {ANN}
        0 AUTH ann x
        2 AUTH ann x

        1 CLIENT KILL USER nobody
        1 CLIENT KILL USER ann

        1 CLIENT KILL USER ann
    """,
    "a run is refused command by command": f"""
        {ANN} resetkeys ~a
        0 AUTH ann x
        0 LPUSH a 1
        0 LPUSH a 2
        0 LPUSH a 3
        0 LPUSH a 4
        0 LPUSH b 1
        0 LPUSH b 2
        0 LPUSH b 3
        0 LPUSH b 4
        0 LPUSH b 5

        1 ACL LOG
        1 LRANGE a 0 -1
    """,
    "a paused command is looked at when it goes on": f"""
        {ANN}
        0 AUTH ann x
        1 CLIENT PAUSE 100000 WRITE

        0 SET a 1

        1 ACL SETUSER ann -set

        1 CLIENT UNPAUSE
        1 GET a
    """,
    "scripts are looked at with the permissions of the moment": f"""
        {ANN}
        0 AUTH ann x
        0 EVAL "return redis.call('SET', KEYS[1], '1')" 1 a

        1 ACL SETUSER ann -set

        0 EVAL "return redis.pcall('SET', KEYS[1], '1').err" 1 a
        0 EVAL "return redis.acl_check_cmd('SET', 'a', '1')" 1 a
        0 EVAL "return redis.acl_check_cmd('GET', 'a')" 1 a
        1 EVAL "return redis.call('SET', KEYS[1], '2')" 1 a
        1 ACL LOG
    """,
    "the default user needs a password from now on": """
        0 PING
        0 ACL SETUSER default >secret

        1 PING
        2 AUTH secret
        2 PING

        0 ACL SETUSER default nopass
        1 PING
    """,
}
