"""Events of hashes with their fields (S, T, I, V), as the manual of Redis 8.8 describes them."""

from __future__ import annotations

import re

import pytest

from tests.commands.test_notifications import choose
from tests.conftest import START_MS, Peer, Workbench
from tests.resp import bulk

MESSAGE = re.compile(
    rb">4\r\n\$8\r\npmessage\r\n\$1\r\n\*\r\n\$\d+\r\n(.*?)\r\n\$\d+\r\n(.*?)\r\n", re.DOTALL
)
FIELDS = "FIELDS"


@pytest.fixture
def listener(engine: Workbench) -> Peer:
    peer = engine.peer()
    peer.feed(b"HELLO 3\r\nPSUBSCRIBE *\r\n")
    return peer


def messages(listener: Peer) -> list[tuple[str, str]]:
    return [(channel.decode(), text.decode()) for channel, text in MESSAGE.findall(listener.take())]


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("Sh", [("__subkeyspace@3__:k", "hset|1:a,2:bb")]),
        ("Th", [("__subkeyevent@3__:hset", "1:k|1:a,2:bb")]),
        ("Ih", [("__subkeyspaceitem@3__:k\na", "hset"), ("__subkeyspaceitem@3__:k\nbb", "hset")]),
        ("Vh", [("__subkeyspaceevent@3__:hset|k", "1:a,2:bb")]),
        (
            "STA",
            [("__subkeyspace@3__:k", "hset|1:a,2:bb"), ("__subkeyevent@3__:hset", "1:k|1:a,2:bb")],
        ),
        ("KES", []),
        (
            "KVh",
            [("__keyspace@3__:k", "hset"), ("__subkeyspaceevent@3__:hset|k", "1:a,2:bb")],
        ),
        ("STIV", []),
        ("STIVg$", []),
        ("h", []),
    ],
)
def test_each_form_has_its_channel_and_its_message(
    alice: Peer, listener: Peer, letters: str, expected: list[tuple[str, str]]
) -> None:
    choose(alice, letters)
    alice.feed(b"SELECT 3\r\nHSET k a 1 bb 2\r\n")
    assert messages(listener) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("HSET h a 1 b 2", "hset|1:a,1:b"),
        ("HSET h a 1", "hset|1:a"),
        ("HSET h a 1 a 2", "hset|1:a,1:a"),
        ("HMSET h a 1 n 2", "hset|1:a,1:n"),
        ("HSETNX h n 1", "hset|1:n"),
        ("HSETNX h a 1", ""),
        ("HSETEX h FIELDS 2 a 1 n 2", "hset|1:a,1:n"),
        ("HSETEX h EX 9 FIELDS 1 a 1", "hset|1:a hexpire|1:a"),
        ("HSETEX h PXAT 1 FIELDS 1 a 1", "hset|1:a hdel|1:a"),
        ("HSETEX h FNX FIELDS 1 a 1", ""),
        ("HDEL h a", "hdel|1:a"),
        ("HDEL h none a none", "hdel|1:a"),
        ("HDEL h a b", "hdel|1:a,1:b"),
        ("HDEL h none", ""),
        ("HGETDEL h FIELDS 2 none b", "hdel|1:b"),
        ("HINCRBY h a 1", "hincrby|1:a"),
        ("HINCRBYFLOAT h a 1", "hincrbyfloat|1:a"),
        ("HEXPIRE h 9 FIELDS 2 none a", "hexpire|1:a"),
        ("HEXPIRE h 9 XX FIELDS 2 a t", "hexpire|1:t"),
        ("HPEXPIREAT h 1 FIELDS 2 none a", "hdel|1:a"),
        ("HPERSIST h FIELDS 3 a t none", "hpersist|1:t"),
        ("HPERSIST h FIELDS 1 a", ""),
        ("HGETEX h EX 9 FIELDS 2 a none", "hexpire|1:a"),
        ("HGETEX h PERSIST FIELDS 2 a t", "hpersist|1:t"),
        ("HGETEX h PXAT 1 FIELDS 2 b a", "hdel|1:b,1:a"),
        ("HGETEX h FIELDS 1 a", ""),
        ("DEL h", ""),
        ("COPY h i", ""),
    ],
)
@pytest.mark.parametrize("way", ["direct", "transaction", "script"])
def test_the_fields_are_those_that_were_concerned(
    alice: Peer, listener: Peer, line: str, expected: str, way: str
) -> None:
    alice.feed(b"HSET h a 1 b 2 t 3\r\nHEXPIRE h 100 FIELDS 1 t\r\n")
    choose(alice, "Sh")
    if way == "transaction":
        alice.feed(b"MULTI\r\n%b\r\nEXEC\r\n" % line.encode())
    elif way == "script":
        alice.send("EVAL", "return redis.call(unpack(ARGV))", 0, *line.split())
    else:
        alice.feed(line.encode() + b"\r\n")
    assert " ".join(text for _, text in messages(listener)) == expected


def test_many_of_one_kind_in_a_batch_have_an_event_each(alice: Peer, listener: Peer) -> None:
    choose(alice, "Sh")
    alice.feed(b"".join(b"HSET h %d x\r\n" % n for n in range(6)))
    assert [text for _, text in messages(listener)] == [f"hset|1:{n}" for n in range(6)]


def test_fields_that_expire_together_are_one_event(engine: Workbench, alice: Peer, listener: Peer) -> None:
    alice.feed(b"HSET h a 1 b 2 c 3\r\nHPEXPIREAT h %d FIELDS 2 a b\r\n" % (START_MS + 5))
    choose(alice, "Th")
    engine.pass_time(1000)
    assert messages(listener) == [("__subkeyevent@0__:hexpired", "1:h|1:a,1:b")]
    alice.send("HPEXPIREAT", "h", engine.clock.now_ms + 5, FIELDS, 1, "c")
    listener.take()
    engine.clock.advance(6)
    alice.send("HGET", "h", "c")
    assert messages(listener) == [("__subkeyevent@0__:hexpired", "1:h|1:c")]


def test_bytes_are_counted_and_a_key_with_a_newline_has_no_items(alice: Peer, listener: Peer) -> None:
    choose(alice, "TIh")
    alice.send("HSET", "k\nl", "é|,", "1")
    assert messages(listener) == [("__subkeyevent@0__:hset", "3:k\nl|4:é|,")]


def test_the_letters_are_shown_behind_those_of_redis_8_2(alice: Peer) -> None:
    for letters, shown in (("VITSh", "hSTIV"), ("AKEmS", "AKEmS"), ("IA", "AI")):
        choose(alice, letters)
        reply = alice.send("CONFIG", "GET", "notify-keyspace-events")
        assert reply.endswith(bulk(shown))


def test_nothing_is_left_behind_when_they_are_turned_off(engine: Workbench, alice: Peer) -> None:
    choose(alice, "Sh")
    assert engine.server.eager
    choose(alice, "")
    assert not engine.server.eager
