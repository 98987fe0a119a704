"""Consumer groups in a log, as it was written and rewritten, between respq and redis-server 8.2.3.

What respq logs is fewer and other words than Redis's own; redis-server has to make the same of them.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import redis

from compat.servers import Server, start_redis, start_respq

STARTS = {
    "respq": lambda place: start_respq(place, appendonly="yes", aof_use_rdb_preamble="no"),
    "redis": lambda place: start_redis(place, appendonly="yes", aof_use_rdb_preamble="no"),
}
KEYS, GROUPS, CONSUMERS = ("a", "b"), ("g", "h"), ("ann", "bob", "cleo")
OPERATIONS = 1500
ACTIVITY = {b"seen-time", b"active-time"}  # of consumers: in no log that redis-server writes or reads
UNSAID = {b"radix-tree-keys", b"radix-tree-nodes", *ACTIVITY}  # nor is how entries are kept


class Operations:
    """Random commands; IDs are those of entries that there were."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.last = dict.fromkeys(KEYS, 0)

    def draw(self) -> list[Any]:
        rng = self.rng
        key, group, consumer = rng.choice(KEYS), rng.choice(GROUPS), rng.choice(CONSUMERS)
        known = max(0, self.last[key] - 12)
        ids = [f"{rng.randint(known, self.last[key] + 1)}-1" for _ in range(rng.choice([1, 1, 3]))]
        in_group = [key, group]
        draws: list[tuple[int, list[Any]]] = [
            (30, ["XADD", key, f"{self.last[key] + 1}-1", "f", "v"]),
            (20, ["XREADGROUP", "GROUP", group, consumer, "COUNT", rng.randint(1, 5), "STREAMS", key, ">"]),
            (3, ["XREADGROUP", "GROUP", group, consumer, "COUNT", 2, "NOACK", "STREAMS", key, ">"]),
            (4, ["XREADGROUP", "GROUP", group, consumer, "COUNT", 3, "STREAMS", key, "0"]),
            (10, ["XACK", *in_group, *ids]),
            (5, ["XCLAIM", *in_group, consumer, 0, *ids, "RETRYCOUNT", rng.randint(0, 9)]),
            (3, ["XCLAIM", *in_group, consumer, 0, *ids, "FORCE", "JUSTID", "IDLE", rng.randint(1, 10**6)]),
            (4, ["XAUTOCLAIM", *in_group, consumer, 0, "-", "COUNT", 3]),
            (3, ["XDEL", key, *ids]),
            (3, ["XDELEX", key, rng.choice(["DELREF", "KEEPREF"]), "IDS", len(ids), *ids]),
            (4, ["XACKDEL", *in_group, rng.choice(["DELREF", "ACKED"]), "IDS", len(ids), *ids]),
            (2, ["XTRIM", key, "MAXLEN", rng.randint(5, 12), rng.choice(["KEEPREF", "DELREF", "ACKED"])]),
            (1, ["XTRIM", key, "MAXLEN", 0]),
            (1, ["XSETID", key, f"{known}-1"]),  # back, which is allowed when nothing is left
            (2, ["XGROUP", "CREATE", *in_group, rng.choice(["0", "$"])]),
            (1, ["XGROUP", "SETID", *in_group, ids[0], "ENTRIESREAD", rng.randint(0, 3)]),
            (1, ["XGROUP", "CREATECONSUMER", *in_group, consumer]),
            (1, ["XGROUP", "DELCONSUMER", *in_group, consumer]),
        ]
        weights = [weight for weight, _ in draws]
        ((_, words),) = rng.choices(draws, weights)
        if words[0] == "XADD":
            self.last[key] += 1
        return words


def client(server: Server) -> redis.Redis:
    peer = redis.Redis(port=server.port, protocol=2)
    peer.response_callbacks.clear()  # replies as they are
    return peer


def fill(server: Server, seed: int) -> None:
    operations = Operations(seed)
    with client(server) as peer, peer.pipeline(transaction=False) as pipe:
        for key in KEYS:
            pipe.execute_command("XGROUP", "CREATE", key, "g", "0", "MKSTREAM")
        for _ in range(OPERATIONS):
            pipe.execute_command(*operations.draw())
        pipe.execute(raise_on_error=False)


def content(server: Server) -> list[Any]:
    with client(server) as peer:
        return [said(peer.execute_command("XINFO STREAM", key, "FULL", "COUNT", 0)) for key in KEYS]


def activity(server: Server) -> list[int]:
    """When each consumer was seen and active, ms."""
    with client(server) as peer:
        infos = [peer.execute_command("XINFO STREAM", key, "FULL", "COUNT", 0) for key in KEYS]
    groups = [group for info in infos for group in as_dict(info)[b"groups"]]
    consumers = [consumer for group in groups for consumer in as_dict(group)[b"consumers"]]
    return [as_dict(consumer)[name] for consumer in consumers for name in sorted(ACTIVITY)]


def as_dict(reply: list[Any]) -> dict[bytes, Any]:
    return dict(zip(reply[::2], reply[1::2], strict=True))


def said(reply: Any) -> Any:
    """A reply without what is in no log."""
    if not isinstance(reply, list):
        return reply
    names = [None, *reply]
    return [
        said(item)
        for name, item in zip(names, reply, strict=False)
        if not (isinstance(name, bytes) and name in UNSAID)
    ]


@pytest.mark.parametrize("rewritten", [False, True], ids=["as written", "rewritten"])
@pytest.mark.parametrize("reader", STARTS)
@pytest.mark.parametrize("seed", range(3))
def test_what_respq_logs_gives_the_groups_back(
    seed: int, reader: str, rewritten: bool, tmp_path: Path
) -> None:
    server = STARTS["respq"](tmp_path)
    try:
        fill(server, seed)
        if rewritten:
            server.rewrite_log()
        before, active = content(server), activity(server)
    finally:
        server.kill()
    server = STARTS[reader](tmp_path)
    try:
        assert content(server) == before
        if reader == "respq":
            pairs = zip(active, activity(server), strict=True)
            assert all(time_ms - 1000 <= again_ms <= time_ms for time_ms, again_ms in pairs)
    finally:
        server.stop()
    assert "refused" not in server.log_path.read_text()


@pytest.mark.parametrize("rewritten", [False, True], ids=["as written", "rewritten"])
def test_respq_makes_of_a_log_of_redis_what_redis_does(rewritten: bool, tmp_path: Path) -> None:
    server = STARTS["redis"](tmp_path)
    try:
        fill(server, 7)
        if rewritten:
            server.rewrite_log()
    finally:
        server.stop()
    contents = []
    for reader in ("redis", "respq"):
        server = STARTS[reader](tmp_path)
        try:
            contents.append(content(server))
        finally:
            server.stop()
    assert contents[0] == contents[1]


def test_redis_lets_what_was_given_back_be_claimed_at_once(tmp_path: Path) -> None:
    server = STARTS["respq"](tmp_path)
    try:
        with client(server) as peer:
            for number in range(1, 5):
                peer.execute_command("XADD", "a", f"{number}-1", "f", "v")
            peer.execute_command("XGROUP", "CREATE", "a", "g", "0")
            peer.execute_command("XREADGROUP", "GROUP", "g", "ann", "STREAMS", "a", ">")
            peer.execute_command("XNACK", "a", "g", "FAIL", "IDS", 2, "3-1", "1-1", "RETRYCOUNT", 5)
    finally:
        server.stop()
    server = STARTS["redis"](tmp_path)
    try:
        with client(server) as peer:
            rows = peer.execute_command("XPENDING", "a", "g", "IDLE", 10**9, "-", "+", 10)
            assert [(row[0], row[1], row[3]) for row in rows] == [(b"1-1", b"ann", 5), (b"3-1", b"ann", 5)]
            assert len(peer.execute_command("XPENDING", "a", "g", "-", "+", 10)) == 4
    finally:
        server.stop()
