"""ACL LOG: what was refused, to whom, how often."""

from __future__ import annotations

import re

import pytest

from tests.conftest import START_MS, Peer, Workbench


@pytest.fixture
def ann(engine: Workbench) -> Peer:
    peer = engine.peer()
    peer.send("ACL", "SETUSER", "ann", *["on", "nopass", "+@all", "-flushall", "~a*", "&c"])
    peer.send("AUTH", "ann", "x")
    return peer


def entries(peer: Peer) -> list[tuple[bytes, ...]]:
    """Count, reason, context, object and user of each entry."""
    pattern = (
        rb"count\r\n:(\d+)\r\n\$6\r\nreason\r\n\$\d+\r\n(\w+)\r\n\$7\r\ncontext\r\n\$\d+\r\n(\w+)\r\n"
        rb"\$6\r\nobject\r\n\$\d+\r\n(.*?)\r\n\$8\r\nusername\r\n\$\d+\r\n(.*?)\r\n"
    )
    return re.findall(pattern, peer.send("ACL", "LOG"), re.DOTALL)


def test_refusals_are_listed_latest_first(ann: Peer, bob: Peer) -> None:
    ann.feed(b"FLUSHALL\r\nGET x\r\nPUBLISH d x\r\nEVAL \"redis.call('GET', 'y')\" 0\r\nAUTH eve x\r\n")
    ann.feed(b"MULTI\r\nGET z\r\nDISCARD\r\nMULTI\r\nGET a\r\n")
    bob.send("ACL", "SETUSER", "ann", "resetkeys")
    ann.feed(b"EXEC\r\n")
    assert entries(bob) == [
        (b"1", b"key", b"multi", b"a", b"ann"),
        (b"1", b"key", b"multi", b"z", b"ann"),
        (b"1", b"auth", b"toplevel", b"AUTH", b"eve"),
        (b"1", b"key", b"lua", b"y", b"ann"),
        (b"1", b"channel", b"toplevel", b"d", b"ann"),
        (b"1", b"key", b"toplevel", b"x", b"ann"),
        (b"1", b"command", b"toplevel", b"flushall", b"ann"),
    ]
    bob.send("CONFIG", "RESETSTAT")  # which these outlive
    stats = bob.send("INFO", "stats")
    for counter in (b"auth:1", b"cmd:1", b"key:4", b"channel:1"):
        assert b"acl_access_denied_" + counter in stats


def test_a_failed_authentication_is_noted_as_it_was_tried(bob: Peer) -> None:
    bob.feed(b"hello 3 AUTH eve x\r\n")
    assert entries(bob) == [(b"1", b"auth", b"toplevel", b"hello", b"eve")]
    assert b" cmd=hello user=default " in bob.send("ACL", "LOG")


def test_like_refusals_within_a_minute_are_one_entry(engine: Workbench, ann: Peer, bob: Peer) -> None:
    ann.send("GET", "x")
    ann.send("GET", "y")
    engine.pass_time(60_000)
    ann.send("GET", "x")
    assert [entry[0] for entry in entries(bob)] == [b"2", b"1"]
    reply = bob.send("ACL", "LOG", 1)
    assert b"\r\nage-seconds\r\n$1\r\n0\r\n" in reply
    assert b"$8\r\nentry-id\r\n:0\r\n" in reply
    assert b"timestamp-created\r\n:%d\r\n" % START_MS in reply
    assert b"timestamp-last-updated\r\n:%d\r\n" % (START_MS + 60_000) in reply
    assert b" cmd=get user=ann " in reply
    engine.pass_time(60_001)
    ann.send("GET", "x")
    assert [entry[0] for entry in entries(bob)] == [b"1", b"2", b"1"]


def test_the_log_has_a_length(ann: Peer, bob: Peer) -> None:
    bob.send("CONFIG", "SET", "acllog-max-len", 2)
    ann.feed(b"GET x\r\nGET y\r\nGET z\r\n")
    assert [entry[3] for entry in entries(bob)] == [b"z", b"y"]
    assert bob.send("ACL", "LOG", "RESET") == b"+OK\r\n"
    assert entries(bob) == []
    bob.send("CONFIG", "SET", "acllog-max-len", 0)
    ann.send("GET", "x")
    assert entries(bob) == []


def test_a_run_that_is_refused_is_counted_refusal_by_refusal(ann: Peer, bob: Peer) -> None:
    ann.feed(b"*2\r\n$3\r\nGET\r\n$1\r\nx\r\n" * 10)
    assert entries(bob) == [(b"10", b"key", b"toplevel", b"x", b"ann")]
    assert b"cmdstat_get:calls=0,usec=0,usec_per_call=0.00,rejected_calls=10," in bob.send(
        "INFO", "commandstats"
    )
