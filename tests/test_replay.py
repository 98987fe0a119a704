"""Whatever clients do, the log gives back the data: random histories against the engine, without sockets.

Three clients send batches, runs and transactions over a few keys of two databases, wait, watch, mute, hang
up; time passes, or stands while keys fall due; the log is rewritten, switched off and on, and the server
killed and started again. At each start the data are compared with the memory of before: values, expiries,
databases. Steps are drawn from a seed, so that a failure repeats; it is shown with the steps that it needs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import product
from random import Random

import pytest

from respq.commands import SPECS
from respq.commands.stream_activity import NOTED_EVERY_MS
from respq.datatypes.entry_ids import MAX
from respq.datatypes.hashes import HashValue
from respq.datatypes.sets import SetValue
from respq.datatypes.sorted_sets import SortedSetValue
from respq.datatypes.streams import StreamValue
from respq.datatypes.value import Value
from respq.rdb import payload
from respq.rdb.file import DumpReader
from respq.rdb.strings import write_plain
from tests.conftest import START_MS, Kept, Peer
from tests.resp import encode

Words = tuple[str | int | float, ...]
Step = tuple[str, int, list[Words]]  # what happens, a number (which client, how long), what is sent

UNSAID = {b"radix-tree-keys", b"radix-tree-nodes"}  # how Redis would keep a stream
ACTIVITY = {b"seen-time", b"active-time"}  # of a consumer; they come back to within a second

HISTORIES = int(os.environ.get("REPLAY_HISTORIES", "150"))
KEYS, DATABASES = "ab", (0, 1)

FIRST_ID, SECOND_ID = f"{START_MS}-0", f"{START_MS}-1"  # of entries, unless some time has passed
MAX_ID = "18446744073709551615-18446744073709551615"
OF_ANN, OF_BOB = ("GROUP", "g", "ann", "STREAMS"), ("GROUP", "g", "bob")

COMMON: list[Words] = [
    ("GET",), ("nonesuch",), ("UNWATCH",), ("RESET",), ("MULTI",), ("EXEC",), ("DISCARD",), ("HELLO", 3),
    ("RANDOMKEY",), ("SCAN", 0), ("CLIENT", "REPLY", "SKIP"), ("CLIENT", "REPLY", "OFF"),
    ("CLIENT", "REPLY", "ON"), ("CLIENT", "PAUSE", 40, "WRITE"), ("CLIENT", "PAUSE", 40, "ALL"),
    ("CLIENT", "UNPAUSE"), ("CONFIG", "SET", "appendonly", "no"), ("CONFIG", "SET", "appendonly", "yes"),
    ("CONFIG", "SET", "aof-use-rdb-preamble", "no"), ("CONFIG", "SET", "aof-use-rdb-preamble", "yes"),
]  # fmt: skip
OF_DATABASES: list[Words] = [
    ("SELECT", 0), ("SELECT", 1), ("SWAPDB", 0, 1), ("SWAPDB", 1, 1), ("FLUSHDB",), ("FLUSHALL",),
]  # fmt: skip
READS: list[Words] = [(name, key) for name in ("GET", "EXISTS", "TTL", "LLEN", "WATCH") for key in KEYS]
EXPIRY: list[Words] = [
    words
    for k in KEYS
    for words in [
        ("SET", k, "x", "PX", 1), ("SET", k, "x", "PX", 15), ("SET", k, "x", "PXAT", 1), ("EXPIRE", k, -1),
        ("PEXPIRE", k, 1), ("PEXPIRE", k, 15), ("EXPIRE", k, 5, "GT"), ("GETEX", k, "PX", 9),
        ("GETEX", k, "PERSIST"), ("PERSIST", k),
    ]
]  # fmt: skip
OF_A_KEY: list[Words] = [
    words
    for k in KEYS
    for words in [
        ("DEL", k), ("GETDEL", k), ("SET", k, 7), ("SET", k, "x", "NX"), ("SET", k, "x", "XX", "KEEPTTL"),
        ("SET", k, "x", "GET"), ("SETNX", k, 7), ("INCR", k), ("INCRBYFLOAT", k, "0.5"), ("APPEND", k, "z"),
        ("SETRANGE", k, 3, "q"), ("LPUSH", k, "e"), ("RPUSH", k, "e", "f"), ("LPUSHX", k, "g"), ("LPOP", k),
        ("RPOP", k), ("RPOP", k, 2), ("LTRIM", k, 0, 1), ("LSET", k, 0, "n"), ("LREM", k, 0, "e"),
        ("LINSERT", k, "BEFORE", "e", "i"), ("BLPOP", k, 0), ("MOVE", k, 0), ("MOVE", k, 1),
        ("INCREX", k, "BYFLOAT", "0.5", "PX", 15, "ENX"), ("INCREX", k, "UBOUND", 9, "SATURATE", "PERSIST"),
    ]
]  # fmt: skip
OF_HASHES: list[Words] = [
    words
    for k in KEYS
    for words in [
        ("HSET", k, "f", 1), ("HSET", k, "f", 1, "g", "x"), ("HDEL", k, "f"), ("HDEL", k, "f", "g"),
        ("HINCRBY", k, "f", 2), ("HINCRBYFLOAT", k, "f", "0.5"), ("HGETDEL", k, "FIELDS", 2, "f", "h"),
        ("HSETEX", k, "PX", 15, "FIELDS", 1, "f", 1), ("HSETEX", k, "PXAT", 1, "FIELDS", 1, "f", 1),
        ("HSETEX", k, "KEEPTTL", "FIELDS", 2, "f", 1, "g", 1), ("HPEXPIRE", k, 1, "FIELDS", 2, "f", "h"),
        ("HPEXPIRE", k, 15, "FIELDS", 2, "f", "g"), ("HPEXPIRE", k, 0, "FIELDS", 2, "f", "g"),
        ("HPEXPIRE", k, 40, "GT", "FIELDS", 2, "f", "g"), ("HPERSIST", k, "FIELDS", 1, "g"),
        ("HGETEX", k, "PX", 9, "FIELDS", 2, "g", "h"), ("HGETEX", k, "PXAT", 1, "FIELDS", 1, "g"),
        ("HGETALL", k), ("HMGET", k, "f", "g"), ("HLEN", k), ("HSCAN", k, 0), ("HRANDFIELD", k),
    ]
]  # fmt: skip
OF_SORTED_SETS: list[Words] = [
    words
    for k in KEYS
    for words in [
        ("ZADD", k, 1, "m"), ("ZADD", k, "0.1", "n", 2, "o"), ("ZADD", k, "inf", "m"),
        ("ZADD", k, "NX", -3, "p"), ("ZADD", k, "XX", "INCR", 1, "m"), ("ZREM", k, "m"),
        ("ZADD", k, "GT", "CH", 3, "m", 1, "q" * 70), ("ZREM", k, "m", "n", "o"),
        ("ZINCRBY", k, "0.1", "m"), ("ZINCRBY", k, "-inf", "m"), ("ZPOPMIN", k),
        ("ZPOPMAX", k, 2), ("BZPOPMIN", k, 0), ("ZREMRANGEBYRANK", k, 0, 1), ("ZREMRANGEBYSCORE", k, 1, 2),
        ("ZREMRANGEBYLEX", k, "-", "[m"), ("ZRANGE", k, 0, -1), ("ZSCAN", k, 0), ("ZRANDMEMBER", k),
    ]
]  # fmt: skip
OF_TWO_KEYS: list[Words] = [
    words
    for k, j in product(KEYS, KEYS)
    for words in [
        ("MSET", k, 1, j, 2), ("MSETNX", k, 1, j, 2), ("DEL", k, j), ("RENAME", k, j), ("RENAMENX", k, j),
        ("LMOVE", k, j, "LEFT", "RIGHT"), ("RPOPLPUSH", k, j), ("LMPOP", 2, k, j, "LEFT", "COUNT", 2),
        ("BLPOP", k, j, 0.05), ("BLMOVE", k, j, "LEFT", "LEFT", 0), ("BRPOPLPUSH", k, j, 0),
        ("BLMPOP", 0, 2, k, j, "RIGHT"), ("COPY", k, j),
        ("ZUNIONSTORE", k, 2, k, j, "WEIGHTS", "0.1", -1), ("ZINTERSTORE", k, 2, j, k),
        ("ZUNIONSTORE", k, 2, k, j, "AGGREGATE", "COUNT"), ("INCREX", k, "PXAT", 1),
        ("ZDIFFSTORE", k, 1, j), ("ZRANGESTORE", k, j, 0, 1), ("ZMPOP", 2, k, j, "MAX", "COUNT", 2),
        ("BZPOPMAX", k, j, 0.05), ("BZMPOP", 0, 2, k, j, "MIN", "COUNT", 3),
        ("COPY", k, j, "DB", 0, "REPLACE"), ("COPY", k, j, "DB", 1, "REPLACE"),
    ]
]  # fmt: skip
OF_SETS_AND_SCRIPTS: list[Words] = [
    words
    for k in KEYS
    for words in [
        ("SADD", k, "m", "n"), ("SREM", k, "m"), ("SMEMBERS", k),
        ("EVAL", "redis.call('incr', KEYS[1]) return redis.call('get', KEYS[1])", 1, k),
        ("EVAL", "redis.call('select', 1) redis.call('rpush', KEYS[1], 'e') redis.call('lpop', 'b')", 1, k),
        ("EVAL", "redis.call('set', KEYS[1], 'x', 'px', 10) return redis.call('nonesuch')", 1, k),
    ]
]  # fmt: skip
OF_STREAMS: list[Words] = [
    words
    for k in KEYS
    for words in [
        ("XADD", k, "*", "f", "v"), ("XADD", k, "*", "f", "v", "g", "w"), ("XADD", k, "9-9", "f", "v"),
        ("XADD", k, "MAXLEN", 3, "*", "f", "v"), ("XADD", k, "DELREF", "MAXLEN", "=", 2, "*", "f", "v"),
        ("XADD", k, "IDMP", "p", "i", "*", "f", "v"), ("XADD", k, "IDMP", "p", "j", "MAXLEN", 2, "*", "f", 1),
        ("XADD", k, "IDMPAUTO", "q", "*", "f", "v"), ("XCFGSET", k, "IDMP-MAXSIZE", 2),
        ("XTRIM", k, "MAXLEN", 2), ("XTRIM", k, "MAXLEN", 1, "ACKED"), ("XTRIM", k, "MINID", "5", "DELREF"),
        ("XDEL", k, FIRST_ID), ("XDELEX", k, "DELREF", "IDS", 1, FIRST_ID), ("XDELEX", k, "IDS", 1, FIRST_ID),
        ("XGROUP", "CREATE", k, "g", 0), ("XGROUP", "CREATE", k, "h", "$", "MKSTREAM", "ENTRIESREAD", 1),
        ("XGROUP", "SETID", k, "g", 0), ("XGROUP", "DESTROY", k, "h"), ("XREADGROUP", *OF_ANN, k, 0),
        ("XGROUP", "DELCONSUMER", k, "g", "ann"), ("XGROUP", "CREATECONSUMER", k, "g", "eve"),
        ("XREADGROUP", *OF_ANN, k, ">"), ("XREADGROUP", *OF_BOB, "COUNT", 1, "STREAMS", k, ">"),
        ("XREADGROUP", *OF_BOB, "NOACK", "COUNT", 1, "STREAMS", k, ">"), ("XACK", k, "g", FIRST_ID),
        ("XREADGROUP", *OF_BOB, "BLOCK", 0, "STREAMS", k, ">"), ("XACKDEL", k, "g", "IDS", 1, FIRST_ID),
        ("XREADGROUP", "GROUP", "h", "ann", "STREAMS", k, ">"), ("XACK", k, "g", "9-9", SECOND_ID),
        ("XCLAIM", k, "g", "bob", 5, FIRST_ID, "9-9", SECOND_ID), ("XAUTOCLAIM", k, "g", "ann", 10, "-"),
        ("XCLAIM", k, "h", "cat", 0, FIRST_ID, SECOND_ID, "FORCE", "JUSTID", "RETRYCOUNT", 7),
        ("XCLAIM", k, "h", "cat", 0, SECOND_ID, "TIME", 5, "LASTID", SECOND_ID),
        ("XNACK", k, "g", "FAIL", "IDS", 2, SECOND_ID, FIRST_ID), ("XNACK", k, "h", "FATAL", "IDS", 1, "9-9"),
        ("XNACK", k, "h", "SILENT", "IDS", 1, FIRST_ID, "FORCE", "RETRYCOUNT", 3),
        ("XTRIM", k, "MAXLEN", 0), ("XSETID", k, "5-0"), ("XSETID", k, MAX_ID), ("XADD", k, "7-*", "f", "v"),
        ("XREADGROUP", *OF_BOB, "COUNT", 2, "CLAIM", 10, "STREAMS", k, ">"),
        ("XREADGROUP", *OF_BOB, "BLOCK", 0, "CLAIM", 30, "STREAMS", k, ">"),
    ]
]  # fmt: skip
EVERYTHING = (
    COMMON,
    OF_DATABASES,
    READS,
    EXPIRY,
    EXPIRY,
    OF_A_KEY,
    OF_A_KEY,
    OF_HASHES,
    OF_SETS_AND_SCRIPTS,
    OF_SORTED_SETS,
    OF_STREAMS,
    OF_STREAMS,
    OF_TWO_KEYS,
)


STREAMS = (
    *[OF_STREAMS] * 8,
    [words for k, j in product(KEYS, KEYS) for words in [("RENAME", k, j), ("COPY", k, j, "REPLACE")]],
    [("SWAPDB", 0, 1), ("SELECT", 0), ("SELECT", 1), ("DEL", "a"), ("DEL", "b"), ("MULTI",), ("EXEC",)],
    [("CONFIG", "SET", "aof-use-rdb-preamble", yes) for yes in ("yes", "no")],
)
Commands = Sequence[Sequence[Words]]  # a draw is from one of these


def draw_command(random: Random, groups: Commands) -> Words:
    return random.choice(random.choice(groups))


def draw_batch(random: Random, groups: Commands) -> list[Words]:
    commands = [draw_command(random, groups) for _ in range(random.randint(1, 8))]
    shape = random.random()
    if shape < 0.2:
        return commands[:1] * random.randint(4, 7)
    return [("MULTI",), *commands[:4], ("EXEC",)] if shape < 0.4 else commands


def draw_step(random: Random, groups: Commands) -> Step:
    what = random.choices(
        ["send", "pass time", "expire keys", "hang up", "rewrite", "restart"], [60, 25, 6, 2, 4, 3]
    )[0]
    number = random.choice([1, 10, 60, 700]) if what in {"pass time", "expire keys"} else random.randrange(3)
    return what, number, draw_batch(random, groups) if what == "send" else []


class History:
    """A server with three clients, and what happens to it."""

    def __init__(self) -> None:
        self.kept = Kept()
        self.peers = [self.kept.peer() for _ in range(3)]

    def live_through(self, steps: list[Step]) -> None:
        for step in steps:
            self.do(*step)
            self.end_tick()
        self.kept.server.unpause()
        self.end_tick()
        self.restart()

    def do(self, what: str, number: int, batch: list[Words]) -> None:
        kept = self.kept
        if what == "send":
            peer: Peer = self.peers[number]
            peer.feed(b"".join(encode(*words) for words in batch))
        elif what == "hang up":
            kept.disconnect(self.peers[number].client)
            self.peers[number] = kept.peer()
        elif what == "rewrite":  # begin one, or look after the one that goes on
            kept.peer().send("BGREWRITEAOF")
            if kept.server.aof is not None:
                kept.server.aof.writer.sync()  # so that it does not depend on a thread when it begins
            kept.persistence.cron(kept.clock.now_ms)
        elif what == "restart":
            self.restart()
        else:
            kept.clock.advance(number)
            kept.on_time()
            if what == "expire keys":
                kept.expire_keys(budget_us=1_000_000)

    def end_tick(self) -> None:
        self.kept.resume_clients()
        assert not self.kept.broken
        assert self.kept.persistence.flush(self.kept.clock.now_ms)

    def restart(self) -> None:
        """Kill the server once its log is whole, and start it on what it left behind."""
        before = self.kept
        before.server.config.set({"appendonly": "yes"})
        assert before.server.aof is not None
        while not before.server.aof.is_whole:
            before.persistence.cron(before.clock.now_ms)
            before.clock.advance(1)
        self.end_tick()
        again = before.restarted()
        assert alive(again) == alive(before)
        assert_alike(before, again)
        assert_dumps_say_the_same(before)
        self.kept, self.peers = again, [again.peer() for _ in self.peers]


def alive(kept: Kept) -> dict[tuple[int, bytes], tuple[list[list[bytes]], int]]:
    """What is in the databases and has not expired."""
    for db in kept.server.databases:
        db.check()
        for value in db.values.values():
            if isinstance(value, StreamValue):
                value.check()
    return {
        (db, key): ([argv for argv in commands if b"SEEN-TIME" not in argv], expires_ms)
        for db, entries in kept.data().items()
        for key, (commands, expires_ms) in entries.items()
        if not 0 < expires_ms <= kept.clock.now_ms
    }


def assert_dumps_say_the_same(kept: Kept) -> None:
    """Every value comes back from a snapshot as well, and, but for what has no place there, from DUMP."""
    reader = DumpReader(b"".join(kept.persistence.dumps.base_pieces()))
    read = {(db, key): value for db, key, value in reader}
    for db in kept.server.databases:
        for key, value in db.values.items():
            twin = read.pop((db.index, key))
            twin.check()
            assert (content(twin), twin.expires_ms) == (content(value), value.expires_ms), key
            if isinstance(value, StreamValue):
                assert sorted(twin.rebuild(key)) == sorted(value.rebuild(key))
            assert content(payload.restore(payload.dump(value, write_plain))) == content(value), key
    assert not read


def content(value: Value) -> object:
    """What a value holds; which of the encodings it is in may change, as in Redis."""
    if isinstance(value, SetValue):
        return sorted(value.members())
    if isinstance(value, HashValue):
        return {field: (data, value.deadline_of(field)) for field, data in value.items()}
    if isinstance(value, SortedSetValue):
        return {member: score + 0.0 for member, score in value.scores.items()}  # no -0 in a listpack
    if isinstance(value, StreamValue):
        groups = value.groups.items()
        pending = {name: [text for text, _ in group.pending.following(0)] for name, group in groups}
        reads = {name: (group.last_id, group.entries_read) for name, group in groups}
        entries = [entry for stretch in value.first(0, MAX, len(value)) for entry in stretch.entries()]
        return entries, value.last_id, value.max_deleted_id, value.entries_added, reads, pending
    return list(value.rebuild(b"key"))


def described(kept: Kept) -> tuple[list[bytes], list[int]]:
    """XINFO STREAM FULL of all streams, and the times of activity in it, ms."""
    client, info = kept.connect(), SPECS["XINFO|STREAM"].handler
    assert info is not None
    words: list[bytes] = []
    for client.db in kept.server.databases:
        for key in sorted(client.db.live_keys()):
            if isinstance(client.db.get(key), StreamValue):
                words += info(client, [b"XINFO", b"STREAM", key, b"FULL", b"COUNT", b"0"]).split(b"\r\n")
    named = list(zip([b"", *words], words, strict=False))
    times = [int(word[1:]) for name, word in named if name in ACTIVITY]
    return [word for name, word in named if name not in UNSAID | ACTIVITY], times


def assert_alike(before: Kept, again: Kept) -> None:
    """Two servers say the same of their streams."""
    (words, times), (others, other_times) = described(before), described(again)
    assert others == words
    assert all(
        time - NOTED_EVERY_MS <= other <= time and (time < 0) == (other < 0)
        for time, other in zip(times, other_times, strict=True)
    ), (times, other_times)


def failure(steps: list[Step]) -> str:
    try:
        History().live_through(steps)
    except Exception as error:  # noqa: BLE001  # any is a finding
        return f"{type(error).__name__}: {error}"
    return ""


def smallest(steps: list[Step]) -> list[Step]:
    """The steps without those that the failure does not need."""
    for at in reversed(range(len(steps))):
        fewer = steps[:at] + steps[at + 1 :]
        if failure(fewer):
            steps = fewer
    return steps


@pytest.mark.parametrize(
    ("groups", "histories"),
    [(EVERYTHING, HISTORIES), (STREAMS, HISTORIES // 3)],
    ids=["everything", "streams"],
)
def test_the_log_gives_back_the_data(groups: Commands, histories: int) -> None:
    for seed in range(histories):
        random = Random(seed)
        steps = [draw_step(random, groups) for _ in range(random.randint(10, 50))]
        if failure(steps):
            steps = smallest(steps)
            pytest.fail(f"seed {seed}: {failure(steps)}\n" + "\n".join(map(str, steps)))
