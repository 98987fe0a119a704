"""Key-space notifications. Every expected event, place and order was seen on redis-server 8.2.3."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import respq.commands
from respq.notifications import EVENTS_OF
from tests.conftest import START_MS, Peer, Workbench
from tests.resp import bulk

EVENTS = re.compile(rb"__keyevent@(\d+)__:([\w-]+)\r\n\$\d+\r\n([^\r]*)\r\n")
MESSAGE = re.compile(rb">3\r\n\$7\r\nmessage\r\n\$\d+\r\n([^\r]*)\r\n\$\d+\r\n([^\r]*)\r\n")
ALL = "EAnocm"


@pytest.fixture
def engine() -> Workbench:
    return Workbench(**{"notify-keyspace-events": ALL})


@pytest.fixture
def listener(engine: Workbench) -> Peer:
    peer = engine.peer()
    peer.send("PSUBSCRIBE", "__key*")
    return peer


def events(listener: Peer) -> list[str]:
    """What has been published since the last look, as `event key`, with `@db` unless that is 0."""
    return [
        f"{event.decode()} {key.decode()}" + (f"@{db.decode()}" if db != b"0" else "")
        for db, event, key in EVENTS.findall(listener.take())
    ]


def choose(peer: Peer, letters: str) -> None:
    assert peer.send("CONFIG", "SET", "notify-keyspace-events", letters) == b"+OK\r\n"


def push(channel: str, text: str) -> bytes:
    return f">3\r\n$7\r\nmessage\r\n${len(channel)}\r\n{channel}\r\n${len(text)}\r\n{text}\r\n".encode()


# -- which events ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        (["SET a 1"], "new a, set a"),
        (["SET a 1", "SET a 2"], "overwritten a, set a"),
        (["RPUSH a 1", "SET a 2"], "overwritten a, type_changed a, set a"),
        (["SET a 1", "SET a 2 EX 100"], "overwritten a, set a, expire a"),
        (["SET a 1 GET"], "keymiss a, new a, set a"),
        (["SET a 1", "SETNX a 2"], ""),
        (["SET b 1", "MSET a 1 b 2"], "new a, set a, overwritten b, set b"),
        (["MSETNX a 1 b 2"], "new a, set a, new b, set b"),
        (["INCR n"], "new n, incrby n"),
        (["INCR n", "INCRBYFLOAT n 1.5"], "incrbyfloat n"),
        (["SET a 1", "GETDEL a"], "del a"),
        (["GET a"], "keymiss a"),
        (["SET b 1", "MGET a b c"], "keymiss a, keymiss c"),
        (["EXISTS a"], "keymiss a"),
        (["TYPE a"], "keymiss a"),
        (["OBJECT ENCODING a"], ""),
        (["DEL a"], ""),
        (["LPUSHX a 1"], ""),
        (["XREAD STREAMS a 0"], "keymiss a, keymiss a"),
        (["RPUSH l 1", "SET s 1", "RENAME l s"],
         "new s, rename_from l, rename_to s, overwritten s, type_changed s"),
        (["SET a 1", "SET b 1", "COPY a b REPLACE"], "new b, copy_to b, overwritten b"),
        (["SET a 1", "MOVE a 1"], "new a@1, move_from a, move_to a@1"),
        (["RPUSH l 1", "LMOVE l m LEFT RIGHT"], "new m, rpush m, lpop l, del l"),
        (["HSET h a 1", "HDEL h a"], "hdel h, del h"),
        (["HSETEX h EX 100 FIELDS 1 a b"], "new h, hset h, hexpire h"),
        (["ZADD z 1 a", "ZADD z INCR 2 a"], "zincr z"),
        (["ZADD z 1 a", "ZADD z 1 a"], ""),
        (["ZADD z 1 a", "SET s 1", "ZUNIONSTORE s 1 z"], "overwritten s, type_changed s, zunionstore s"),
        (["ZADD z 1 a", "ZUNIONSTORE z 1 none"], "keymiss none, del z"),
        (["XADD x 1 a b", "XADD x MAXLEN 1 2 a b"], "xadd x, xtrim x"),
        (["SET a 1", "EXPIRE a -1"], "del a"),
        (["SET a 1", "UNLINK a b"], "del a"),
        (["SET a 1", "FLUSHALL"], ""),
    ],
)  # fmt: skip
def test_the_events_of_a_command(alice: Peer, listener: Peer, commands: list[str], expected: str) -> None:
    for command in commands[:-1]:
        alice.send(*command.split())
    listener.take()
    alice.send(*commands[-1].split())
    assert ", ".join(events(listener)) == expected


def test_a_key_that_has_expired(engine: Workbench, alice: Peer, listener: Peer) -> None:
    alice.send("SET", "a", "1", "PX", 5)
    alice.send("SET", "b", "1", "PX", 5)
    listener.take()
    engine.clock.advance(6)
    alice.send("GET", "a")
    assert events(listener) == ["expired a", "keymiss a"]
    engine.pass_time(1000)
    assert events(listener) == ["expired b"]


def test_a_field_that_has_expired_with_its_hash(engine: Workbench, alice: Peer, listener: Peer) -> None:
    alice.send("HSET", "h", "a", "1")
    alice.send("HPEXPIREAT", "h", START_MS + 5, "FIELDS", 1, "a")
    listener.take()
    engine.clock.advance(6)
    alice.send("HGET", "h", "a")
    assert events(listener) == ["hexpired h", "del h"]


def test_every_event_that_is_recorded_has_a_class() -> None:
    known = {event for names in EVENTS_OF.values() for event in names.split()}
    source = "".join(
        path.read_text(encoding="utf-8") for path in Path(respq.commands.__path__[0]).glob("*.py")
    )
    recorded = set(re.findall(r'effects\.append\(\(\s*[\w.]+, [\w.\[\]]+, "([\w-]+)"', source))
    assert len(recorded) > 20
    assert recorded <= known


# -- which classes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("E$", "set a"),
        ("En", "new a, new l"),
        ("El", "rpush l"),
        ("Eg", "del a"),
        ("EA", "set a, rpush l, del a"),
        ("Em", "keymiss none"),
        ("Ezhtsxed", ""),
        ("A", ""),
    ],
)
def test_only_the_chosen_classes_are_published(
    alice: Peer, listener: Peer, letters: str, expected: str
) -> None:
    choose(alice, letters)
    for command in ("SET a 1", "RPUSH l 1", "DEL a", "GET none"):
        alice.send(*command.split())
    assert ", ".join(events(listener)) == expected


@pytest.mark.parametrize(
    ("letters", "shown"),
    [
        ("Em$", "$Em"), ("KEnoc", "nocKE"), ("AKEnoc", "AKE"), ("mnEKA", "AKEm"), ("KEg$lshzxetd", "AKE"),
        ("", ""),
    ],
)  # fmt: skip
def test_how_the_classes_are_shown(alice: Peer, letters: str, shown: str) -> None:
    choose(alice, letters)
    assert alice.send("CONFIG", "GET", "notify-keyspace-events").endswith(bulk(shown))


def test_a_letter_that_is_no_class_is_refused(alice: Peer) -> None:
    assert alice.send("CONFIG", "SET", "notify-keyspace-events", "Kq") == (
        b"-ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - "
        b"Invalid event class character. Use 'Ag$lshzxeKEtmdn'.\r\n"
    )


def test_a_change_of_classes_counts_for_what_comes_after_it(alice: Peer, listener: Peer) -> None:
    alice.feed(
        b"SET a 1\r\nCONFIG SET notify-keyspace-events ''\r\nSET b 1\r\n"
        b"CONFIG SET notify-keyspace-events E$\r\nSET c 1\r\n"
    )
    assert events(listener) == ["new a", "set a", "set c"]
    alice.feed(
        b"MULTI\r\nSET a 1\r\nCONFIG SET notify-keyspace-events ''\r\nSET b 1\r\n"
        b"CONFIG SET notify-keyspace-events E$\r\nSET c 1\r\nEXEC\r\n"
    )
    assert events(listener) == ["set a", "set c"]


# -- where they fall -------------------------------------------------------------------------------


def test_both_channels_the_one_of_the_key_first(alice: Peer, bob: Peer) -> None:
    bob.feed(b"HELLO 3\r\n")
    choose(bob, "KEA")
    bob.send("SUBSCRIBE", "__keyspace@3__:k", "__keyevent@3__:set")
    alice.feed(b"SELECT 3\r\nSET k v\r\n")
    assert bob.take() == push("__keyspace@3__:k", "set") + push("__keyevent@3__:set", "k")


def test_events_for_oneself_come_behind_the_reply_to_each_command(alice: Peer) -> None:
    choose(alice, "K$")
    alice.feed(b"HELLO 3\r\nSUBSCRIBE __keyspace@0__:k\r\n")
    event = push("__keyspace@0__:k", "set")
    assert alice.feed(b"SET k v\r\n" * 10) == (b"+OK\r\n" + event) * 10
    assert alice.feed(b"MULTI\r\nSET k v\r\nGET k\r\nEXEC\r\n") == (
        b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$1\r\nv\r\n" + event
    )


def test_commands_of_one_transaction_do_not_share_their_events(alice: Peer, listener: Peer) -> None:
    alice.feed(b"SET a 1\r\nSET b 1\r\n")
    listener.take()
    alice.feed(b"MULTI\r\nRENAME a b\r\nSET b 2\r\nSET b 3\r\nEXEC\r\n")
    assert events(listener) == [
        "new b", "rename_from a", "rename_to b", "overwritten b", "overwritten b", "set b", "overwritten b",
        "set b",
    ]  # fmt: skip


def test_a_message_inside_a_transaction_comes_behind_the_events_before_it(alice: Peer, bob: Peer) -> None:
    choose(alice, "K$")
    for peer in (alice, bob):
        peer.feed(b"HELLO 3\r\nSUBSCRIBE __keyspace@0__:k news\r\n")
    event, news = push("__keyspace@0__:k", "set"), push("news", "x")
    reply = alice.feed(b"MULTI\r\nSET k 1\r\nPUBLISH news x\r\nSET k 2\r\nEXEC\r\n")
    assert reply.endswith(b"*3\r\n+OK\r\n:2\r\n+OK\r\n" + event + news + event)
    assert bob.take() == event + news + event


def test_a_client_that_is_served(alice: Peer, bob: Peer, listener: Peer) -> None:
    bob.send("BLPOP", "l", 0)
    alice.send("RPUSH", "l", "x")
    assert events(listener) == ["new l", "rpush l", "lpop l", "del l"]


def test_a_miss_does_not_fail_a_transaction(alice: Peer, bob: Peer, listener: Peer) -> None:
    alice.send("WATCH", "a")
    bob.send("GET", "a")
    assert alice.feed(b"MULTI\r\nPING\r\nEXEC\r\n").endswith(b"*1\r\n+PONG\r\n")
    assert events(listener) == ["keymiss a"]


def test_nothing_is_left_behind_when_they_are_turned_off(engine: Workbench, alice: Peer) -> None:
    choose(alice, "")
    assert not engine.server.eager
    alice.feed(b"SET a 1\r\n" * 20)
    alice.feed(b"GET none\r\nRENAME a b\r\n")
    assert not engine.server.effects
    for db in engine.server.databases:
        db.check()
