"""Users: what they may do changes all the time, under their own feet as well.

The users u1 and u2 can always come in, because a failed AUTH is answered differently (`differences.md`);
with u3, as whom nobody comes in, any rule is tried. The control connection is the default user, which
stays as it is. What u1 and u2 may hear is everything: whom a change closes because of its channels gets some
messages more or less before that; `tests/acl` looks at it.
"""

from __future__ import annotations

import random

from compat.oracle.acl_rules import Rules
from compat.oracle.grammar.family import ARITY, NOT_INTEGER, Family, Rule
from compat.oracle.grammar.strings import LATER
from compat.oracle.wire import Argv

COMMANDS = [
    *(b"get", b"set", b"mget", b"del", b"rpush", b"lpop", b"blpop", b"publish", b"sort", b"eval", b"multi"),
    *(b"exec", b"select", b"copy", b"acl|whoami", b"acl|setuser", b"config|get", b"config", b"exists"),
]
CATEGORIES = [
    b"read",
    b"write",
    b"list",
    b"string",
    b"fast",
    b"slow",
    b"scripting",
    b"transaction",
    b"pubsub",
]
USUAL = b"reset on nopass +@all ~k* %R~l* &*".split()
NOPERM = "NOPERM"
MODIFIER = "ERR Error in ACL SETUSER modifier"
UNKNOWN = "ERR unknown subcommand or wrong number of arguments for"


def _changes() -> list[Argv]:
    rng, rules = random.Random(1), Rules(COMMANDS, CATEGORIES)
    found: list[Argv] = []
    for _ in range(300):
        user = rng.choice((b"u1", b"u1", b"u2", b"u3", b"u3"))
        words = rules.write(rng, malformed=0.2) if user == b"u3" else rules.permissions(rng)
        again = USUAL if user != b"u3" and rng.random() < 0.5 else []
        found.append([b"ACL", b"SETUSER", user, *again, *words])
    return found


SCRIPTS = [
    b"return redis.call('get', KEYS[1] or 'k1')",
    b"return redis.call('set', KEYS[1] or 'k1', 'v')",
    b"return redis.pcall('rpush', 'l1', 'x')",
    b"redis.call('get', 'k1') return redis.call('get', 'x1')",
    b"return redis.call('publish', 'news', 'x')",
    b"return {redis.acl_check_cmd('get', 'k1'), redis.acl_check_cmd('set', 'l1', '')}",
]

ACL = Family(
    "acl",
    {
        "ACL|SETUSER": Rule(
            6,
            extra=[*_changes(), [b"ACL", b"SETUSER", b"u 3"], [b"ACL", b"SETUSER"]],
            extra_chance=1.0,
            errors=(
                *(ARITY, NOPERM, MODIFIER, "ERR Unmatched parenthesis in acl selector starting at"),
                "ERR Usernames can't contain spaces or null characters",
            ),
            left_out=("rule",),  # tried, but as whole commands
        ),
        "ACL|GETUSER": Rule(1, errors=(ARITY, NOPERM)),
        "ACL|LIST": Rule(1, errors=(ARITY, NOPERM)),
        "ACL|USERS": Rule(0.5, errors=(ARITY, NOPERM)),
        "ACL|WHOAMI": Rule(1, errors=(ARITY, NOPERM)),
        "ACL|DELUSER": Rule(
            0.5,
            {"username": [b"u3", b"u4"]},
            extra=[[b"ACL", b"DELUSER", b"default"]],
            errors=(ARITY, NOPERM, "ERR The 'default' user cannot be removed"),
            extra_chance=0.2,
        ),
        "ACL|CAT": Rule(
            0.5,
            {"category": [b"read", b"SLOW", b"nope", b"@read"]},
            extra=[[b"ACL", b"CAT", b"read", b"write"]],
            errors=(UNKNOWN, NOPERM, "ERR Unknown category"),
        ),
        "ACL|GENPASS": Rule(
            0.5,
            {"bits": [b"1", b"4096", b"0", b"4097", b"x"]},
            extra=[[b"ACL", b"GENPASS", b"1", b"2"]],
            errors=(UNKNOWN, NOPERM, NOT_INTEGER, "ERR ACL GENPASS argument must be the number of bits"),
        ),
        "ACL|LOG": Rule(
            1,
            {"count": [b"1", b"5", b"-1", b"x"]},
            errors=(UNKNOWN, NOPERM, NOT_INTEGER),
            extra=[[b"ACL", b"LOG", b"1", b"2"]],
        ),
        "ACL|HELP": Rule(0.2, errors=(ARITY, NOPERM)),
        "AUTH": Rule(2, option=1.0, damage=False),
    },
    values={
        "username": [b"u1", b"u1", b"u2"],
        "password": [b"secret"],
        "key": [b"k1", b"k1", b"k2", b"l1", b"x1"],
        "string": [b"v"],
        "channel": [b"news", b"news.it", b"x"],
        "message": [b"m"],
        "script": SCRIPTS,
        "arg": [b"a"],
        "timeout": [b"0.001"],
        "index": [b"0", b"0", b"1"],
        "integer": [b"1"],
        "numkeys": [b"x", b"-1"],
    },
    setups=[
        [b"AUTH", b"u1", b"secret"],
        [b"SET", b"k1", b"v"],
        [b"RPUSH", b"l1", b"a", b"b", b"c"],
    ],
    keys=[b"k1", b"k2", b"l1", b"x1"],
    dbs=(0, 1),
    restore=[
        [b"ACL", b"SETUSER", b"u1", *USUAL],
        [b"ACL", b"SETUSER", b"u2", *USUAL],
        [b"ACL", b"DELUSER", b"u3"],
        [b"ACL", b"LOG", b"RESET"],
    ],
    leave=[[b"ACL", b"DELUSER", b"u1", b"u2", b"u3"]],
    others={
        "GET": Rule(3),
        "SET": Rule(3, LATER),
        "MGET": Rule(1),
        "DEL": Rule(1),
        "EXISTS": Rule(0.5),
        "COPY": Rule(1, {"destination-db": [b"0", b"1"]}),
        "RPUSH": Rule(2, {"key": [b"l1", b"k2"], "string": [b"v", b"w"]}),
        "LPOP": Rule(1.5, {"key": [b"l1", b"k2"], "count": [b"1", b"2"]}),
        "BLPOP": Rule(1, {"key": [b"l1", b"k2"], "double": [b"0.001"]}),
        "SORT": Rule(
            0.7, {"key": [b"l1"], "by-pattern": [b"x*", b"nosort"], "get-pattern": [b"x*", b"#"],
                  "offset": [b"0"], "count": [b"2"]},
        ),
        "SELECT": Rule(0.5),
        "PUBLISH": Rule(1),
        "EVAL": Rule(2),
        "MULTI": Rule(1.5),
        "EXEC": Rule(1),
        "DISCARD": Rule(0.2),
        "PING": Rule(1),
    },
)  # fmt: skip
