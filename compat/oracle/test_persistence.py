"""What respq leaves on disk is what it had in memory: for itself, for redis-server 8.2.3 and 7.0."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from compat.oracle.compare import stream_difference
from compat.oracle.grammar import FAMILIES
from compat.oracle.grammar.family import Family, Sentences
from compat.oracle.grammar.tree import Trees
from compat.oracle.normalise import equivalent, same_but_activity, same_members
from compat.oracle.rig import restore_bytes
from compat.oracle.runner import dump_commands
from compat.oracle.targets import END, END_REPLY, Peer
from compat.oracle.wire import Argv, Node, render
from compat.servers import Server, debian_binary, start_redis, start_respq

SEQUENCES = 40  # one after the other, on what the one before left behind
WITH_DATA = [name for name in FAMILIES if name != "connection"]
# What leaves nothing to compare, and payloads that redis-server 7.0 refuses; compat/rdb exchanges these.
LEFT_OUT = ("FLUSHALL", "FLUSHDB", "RESTORE")
PONG = b"+PONG\r\n"
FIRST = "first"
OTHERS: dict[str, Callable[[Path], Server]] = {
    "respq": lambda place: start_respq(place, appendonly="yes"),
    "redis 8.2.3": lambda place: start_redis(place, appendonly="yes"),
    "redis 7.0": lambda place: start_redis(place, debian_binary(), appendonly="yes"),
}


def exchange(server: Server, data: bytes, end: bytes) -> bytes:
    peer = Peer(server.connect())
    peer.send(data)
    while not peer.received.endswith(end) and peer.receive():
        pass
    peer.close()
    return peer.received


def dump_of(server: Server, dump: list[Argv]) -> bytes:
    return exchange(server, b"".join(map(render, dump)) + b"PING\r\n", PONG)


def work(server: Server, family: Family, trees: Trees) -> None:
    """Run some sequences that end with data in the keyspace."""
    sentences = Sentences(family, trees)
    for seed in range(SEQUENCES):
        commands = [command.argv for command in sentences.write(seed) if command.name not in LEFT_OUT]
        exchange(server, b"".join(map(render, commands)) + END, END_REPLY)
    exchange(server, restore_bytes(family) + b"PING\r\n", PONG)


def content(family: Family) -> list[Argv]:
    """What must survive. An encoding may change: it depends on how a value came about."""
    return [argv for argv in dump_commands(family) if argv[0] != b"OBJECT"]


def the_same(argv: Argv, expected: Node, found: Node) -> bool:
    """Consumers of a stream are seen anew by the server that loads it, however long that takes to start."""
    return (
        same_but_activity(argv, expected, found) if argv[0] == b"XINFO" else equivalent(argv, expected, found)
    )


def as_shown_by_7_0(argv: Argv, expected: Node, found: Node) -> bool:
    """redis-server 7.0 has a hash table for every set that is no intset, and so no order of members.

    It shows 17 digits of a score (0.10000000000000001), where 8.2 and respq show as few as name it.
    """
    if argv[0] == b"SMEMBERS":
        return same_members(argv, expected, found)
    if argv[0] == b"ZRANGE" and expected[0] == found[0] == b"*":
        return with_numbers(expected) == with_numbers(found)
    return the_same(argv, expected, found)


def with_numbers(pairs: Node) -> list[tuple[bytes, float]]:
    """Members and scores of a ZRANGE WITHSCORES."""
    words = [word for _, word in pairs[1]]
    return [(member, float(score)) for member, score in zip(words[::2], words[1::2], strict=True)]


def test_scores_are_compared_as_numbers_where_redis_7_0_shows_them() -> None:
    theirs: Node = (b"*", [(b"$", b"a"), (b"$", b"0.10000000000000001"), (b"$", b"b"), (b"$", b"inf")])
    ours: Node = (b"*", [(b"$", b"a"), (b"$", b"0.1"), (b"$", b"b"), (b"$", b"inf")])
    other: Node = (b"*", [(b"$", b"a"), (b"$", b"0.2"), (b"$", b"b"), (b"$", b"inf")])
    argv = [b"ZRANGE", b"z", b"0", b"-1", b"WITHSCORES"]
    assert as_shown_by_7_0(argv, ours, theirs)
    assert not as_shown_by_7_0(argv, other, theirs)
    assert not the_same(argv, ours, theirs)


@pytest.mark.parametrize("rewritten", [False, True], ids=["as written", "rewritten"])
@pytest.mark.parametrize("name", WITH_DATA)
def test_a_killed_server_comes_back_with_the_same_data_whoever_starts_on_it(
    name: str, rewritten: bool, trees: Trees, tmp_path: Path
) -> None:
    family = FAMILIES[name]
    dump = content(family)
    for place in (FIRST, *OTHERS):
        (tmp_path / place).mkdir()
    # redis-server 7.0 does not read version 12 of the format of snapshots.
    begins_with_snapshot = "yes" if family.since_7_0 else "no"
    server = start_respq(
        tmp_path / FIRST, appendonly="yes", appendfsync="no", aof_use_rdb_preamble=begins_with_snapshot
    )
    try:
        work(server, family, trees)
        if rewritten:
            server.rewrite_log()
            work(server, family, trees)
        before = dump_of(server, dump)
    finally:
        server.kill()
    for place, start in OTHERS.items():
        if place == "redis 7.0" and family.since_7_0:
            continue
        shutil.copytree(tmp_path / FIRST / "appendonlydir", tmp_path / place / "appendonlydir")
        other = start(tmp_path / place)
        try:
            same = as_shown_by_7_0 if place == "redis 7.0" else the_same
            part = stream_difference(dump, before, dump_of(other, dump), same)
        finally:
            other.stop()
        assert part is None, f"{place}: {part}"
