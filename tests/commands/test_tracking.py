"""CLIENT TRACKING: who is told what, where among its replies, and what is kept for it.

`compat/oracle/tracking.py` compares many more scenarios with redis-server, byte by byte.
"""

from __future__ import annotations

import pytest

from respq.state import TRACKING
from tests.conftest import Peer, Workbench
from tests.resp import bulks


def invalidated(*keys: str) -> bytes:
    return b">2\r\n$10\r\ninvalidate\r\n" + bulks(*keys)


FLUSHED = b">2\r\n$10\r\ninvalidate\r\n_\r\n"


def track(peer: Peer, *options: str | int) -> None:
    peer.send("HELLO", 3)
    assert peer.send("CLIENT", "TRACKING", "ON", *options) == b"+OK\r\n"


def counts(peer: Peer) -> dict[str, int]:
    lines = (peer.send("INFO", "stats") + peer.send("INFO", "clients")).decode().splitlines()
    pairs = [line.partition(":") for line in lines if line.startswith("tracking_")]
    return {name.removeprefix("tracking_"): int(value) for name, _, value in pairs}


def test_a_key_that_was_read_is_told_of_once(alice: Peer, bob: Peer) -> None:
    track(alice)
    alice.send("GET", "k")
    bob.send("SET", "k", 1)
    bob.send("SET", "k", 2)
    assert alice.take() == invalidated("k")


def test_what_is_named_without_an_id_is_not_read(alice: Peer, bob: Peer) -> None:
    """As in redis-server 8.2.3, which does remember what was read in vain."""
    track(alice)
    assert alice.send("XREAD", "STREAMS", "x", "y", "0").startswith(b"-ERR Unbalanced")
    alice.send("XREAD", "STREAMS", "z", "zz")
    bob.send("XADD", "x", "1-1", "f", "v")
    bob.send("XADD", "z", "1-1", "f", "v")
    assert alice.take() == invalidated("z")


def test_who_has_not_read_is_told_nothing(alice: Peer, bob: Peer, carol: Peer) -> None:
    track(alice)
    track(carol)
    alice.send("GET", "other")
    carol.send("GET", "k")
    bob.send("SET", "k", 1)
    assert (alice.take(), carol.take()) == (b"", invalidated("k"))


def test_pushes_of_ones_own_doing_stand_behind_each_reply_of_a_batch(alice: Peer) -> None:
    track(alice)
    replies = alice.feed(b"GET k\r\nSET k 1\r\nGET k\r\nSET k 2\r\nPING\r\n")
    told = invalidated("k")
    assert replies == b"_\r\n+OK\r\n" + told + b"$1\r\n1\r\n+OK\r\n" + told + b"+PONG\r\n"


def test_a_run_of_one_command_is_told_of_one_by_one(alice: Peer) -> None:
    track(alice)
    alice.send("MGET", "a", "b", "c", "d")
    run = b"".join(b"*3\r\n$3\r\nSET\r\n$1\r\n%c\r\n$1\r\n1\r\n" % key for key in b"abcd")
    assert alice.feed(run) == b"".join(b"+OK\r\n" + invalidated(key) for key in "abcd")


def test_what_a_transaction_changes_is_told_of_behind_exec(alice: Peer) -> None:
    track(alice)
    replies = alice.feed(b"MULTI\r\nGET k\r\nSET k 1\r\nGET k\r\nEXEC\r\nPING\r\n")
    executed = b"*3\r\n_\r\n+OK\r\n$1\r\n1\r\n"
    assert replies == b"+OK\r\n" + 3 * b"+QUEUED\r\n" + executed + invalidated("k") + b"+PONG\r\n"
    assert counts(alice)["total_keys"] == 1  # read again after the change


@pytest.mark.parametrize(
    "script",
    [
        "return redis.call('get', KEYS[1])",  # needs no Lua
        "local t = {} t[1] = redis.call('get', KEYS[1]) return t[1]",
    ],
)
def test_what_a_script_reads_is_remembered_for_who_runs_it(alice: Peer, bob: Peer, script: str) -> None:
    alice.send("EVAL", script, 1, "before")  # the commands of scripts have been looked up
    track(alice)
    alice.send("EVAL", script, 1, "k")
    bob.send("EVAL", "return redis.call('set', KEYS[1], 1)", 1, "k")
    assert alice.take() == invalidated("k")


def test_what_a_function_reads_is_remembered(alice: Peer, bob: Peer) -> None:
    code = "redis.register_function('f', function(keys) return redis.call('get', keys[1]) end)"
    alice.send("FUNCTION", "LOAD", "#!lua name=l\n" + code)
    track(alice)
    alice.send("FCALL", "f", 1, "k")
    bob.send("SET", "k", 1)
    assert alice.take() == invalidated("k")


def test_keys_that_expire_are_told_of(engine: Workbench, alice: Peer, bob: Peer) -> None:
    bob.send("SET", "k", 1, "PX", 100)
    bob.send("HSET", "h", "f", 1, "g", 1)
    bob.send("HPEXPIRE", "h", 100, "FIELDS", 1, "f")
    track(alice)
    alice.send("EXISTS", "k", "h")
    engine.pass_time(1000)
    assert alice.take() == invalidated("k") + invalidated("h")


def test_broadcasts_are_gathered_sorted_and_by_prefix(alice: Peer, bob: Peer) -> None:
    track(alice, "BCAST", "PREFIX", "u:", "PREFIX", "q:")
    bob.feed(b"MSET u:2 1 q:1 1 u:1 1 other 1\r\nDEL u:2\r\nPING\r\n")
    assert alice.take() == invalidated("q:1") + invalidated("u:1", "u:2")
    bob.feed(b"SET other 2\r\n")
    assert alice.take() == b""


@pytest.mark.parametrize(
    ("prefixes", "error"),
    [
        ("p q qr pr", "Prefix 'p' overlaps with another provided prefix 'pr'."),
        ("z ma zz o", "Prefix 'z' overlaps with another provided prefix 'zz'."),
        ("x ma xy o", "Prefix 'x' overlaps with another provided prefix 'xy'."),
        ("x o ma", "Prefix 'o' overlaps with an existing prefix 'o'."),
        ("x ma o", "Prefix 'ma' overlaps with an existing prefix 'm'."),
    ],
)
def test_the_first_prefix_that_overlaps_is_named(prefixes: str, error: str, alice: Peer) -> None:
    track(alice, "BCAST", "PREFIX", "o", "PREFIX", "m")
    words = [word for prefix in prefixes.split() for word in ("PREFIX", prefix)]
    refusal = f"-ERR {error} Prefixes for a single client must not overlap.\r\n".encode()
    assert alice.send("CLIENT", "TRACKING", "ON", "BCAST", *words) == refusal


def test_a_flush_is_one_message_whatever_was_watched(alice: Peer, bob: Peer, carol: Peer) -> None:
    track(alice, "BCAST")
    bob.send("SET", "k", 1)
    alice.take()
    carol.send("WATCH", "k")
    bob.send("FLUSHALL")
    assert alice.take() == FLUSHED
    carol.send("MULTI")
    assert carol.send("EXEC") == b"*-1\r\n"


def test_exchanged_databases_are_told_of_to_nobody(alice: Peer, bob: Peer, carol: Peer) -> None:
    track(alice, "BCAST")
    carol.send("WATCH", "k")
    bob.send("SET", "k", 1)
    alice.take()
    bob.send("SWAPDB", 0, 1)
    assert alice.take() == b""


def test_the_table_keeps_to_its_limit(engine: Workbench, alice: Peer) -> None:
    alice.send("CONFIG", "SET", "tracking-table-max-keys", 2)
    track(alice)
    replies = alice.feed(b"".join(b"GET k%d\r\n" % n for n in range(50)))
    assert replies.count(b"invalidate") == 48
    assert counts(alice)["total_keys"] == counts(alice)["total_items"] == 2
    alice.send("CONFIG", "SET", "tracking-table-max-keys", 1)
    assert counts(alice)["total_keys"] == 1


def test_info_and_client_list_tell_of_it(alice: Peer, bob: Peer, carol: Peer) -> None:
    track(alice)
    track(bob, "BCAST", "PREFIX", "a", "PREFIX", "b")
    track(carol, "REDIRECT", alice.client.id)
    alice.send("MGET", "x", "y")
    carol.send("GET", "x")
    assert counts(alice) == {"total_keys": 2, "total_items": 3, "total_prefixes": 2, "clients": 3}
    lines = alice.send("CLIENT", "LIST").decode().splitlines()
    fields = [dict(word.split("=", 1) for word in line.split(" ")[1:]) for line in lines if " " in line]
    assert [(line["flags"], line["redir"]) for line in fields] == [("t", "0"), ("tB", "0"), ("t", "1")]


def test_a_lost_redirection_is_told_of_and_seen(
    engine: Workbench, alice: Peer, bob: Peer, carol: Peer
) -> None:
    track(alice, "REDIRECT", bob.client.id)
    alice.send("GET", "k")
    engine.disconnect(bob.client)
    carol.send("SET", "k", 1)
    assert alice.take() == b">2\r\n$21\r\ntracking-redir-broken\r\n:2\r\n"
    assert b"flags=tR " in alice.send("CLIENT", "LIST")


@pytest.mark.parametrize("end", ["OFF", "RESET", "hang up", "kill"])
def test_nothing_of_it_is_left_when_nobody_tracks(
    engine: Workbench, alice: Peer, bob: Peer, end: str
) -> None:
    plain, server = alice.client.table, engine.server
    bob.send("EVAL", "return redis.call('get', 'k')", 0)
    track(alice)
    bob.send("EVAL", "return redis.call('get', 'k')", 0)
    alice.send("GET", "k")
    assert alice.client.table is not plain
    assert TRACKING in server.eager
    if end == "OFF":
        alice.send("CLIENT", "TRACKING", "OFF")
    elif end == "RESET":
        alice.send("RESET")
    elif end == "hang up":
        engine.disconnect(alice.client)
    else:
        bob.send("CLIENT", "KILL", "ID", alice.client.id)
    assert alice.client.table is plain
    assert not server.eager
    assert not server.script_tables
    assert set(counts(bob).values()) == {0}


def test_what_a_busy_script_has_read_is_not_told_of_twice(engine: Workbench, alice: Peer, bob: Peer) -> None:
    alice.send("CONFIG", "SET", "busy-reply-threshold", 1)
    track(alice)
    engine.server.serve_meanwhile = lambda: bob.send("PING") and None
    script = "redis.call('get', 'k') redis.call('set', 'k', 1) redis.call('get', 'k') for i = 1, 3e6 do end"
    assert alice.send("EVAL", script, 0) == b"_\r\n" + invalidated("k")
    assert counts(alice)["total_keys"] == 1


def test_a_selective_client_goes_on_as_it_is_told(alice: Peer, bob: Peer) -> None:
    track(alice, "OPTIN")
    alice.feed(b"CLIENT CACHING YES\r\nGET\r\nGET a\r\n")
    alice.feed(b"CLIENT CACHING YES\r\nCLIENT ID\r\nGET b\r\nGET c\r\n")
    bob.send("MSET", "a", 1, "b", 1, "c", 1)
    assert alice.take() == invalidated("b")
    # To the default, which has no choice.
    alice.feed(b"CLIENT CACHING YES\r\nCLIENT TRACKING ON\r\nGET d\r\n")
    bob.send("SET", "d", 1)
    assert alice.take() == invalidated("d")


@pytest.mark.parametrize("save", ["", "3600 1"])
def test_a_flush_in_the_background_is_told_of_behind_its_reply(alice: Peer, bob: Peer, save: str) -> None:
    bob.client.server.note_flushed = lambda: None
    bob.send("CONFIG", "SET", "save", save)
    track(alice)
    assert alice.feed(b"FLUSHALL ASYNC\r\nPING\r\n") == b"+OK\r\n" + FLUSHED + b"+PONG\r\n"
    assert alice.feed(b"FLUSHALL\r\nPING\r\n") == FLUSHED + b"+OK\r\n+PONG\r\n"


def test_a_wait_does_not_keep_pushes_back(engine: Workbench, alice: Peer, bob: Peer) -> None:
    track(alice)
    bob.send("XADD", "x", "1-1", "a", "b")
    bob.send("PEXPIRE", "x", 10)
    alice.send("EXISTS", "x")
    engine.clock.advance(100)
    assert alice.feed(b"XREAD BLOCK 0 STREAMS x 0\r\n") == invalidated("x")
