"""Publish and subscribe. Every expected reply and order was seen on redis-server 8.2.3."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from tests.conftest import Peer, Workbench

HELLO3 = b"HELLO 3\r\n"


def confirmed(word: str, name: str, count: int, *, resp: int = 2) -> bytes:
    head = b"*" if resp == 2 else b">"
    encoded = f"3\r\n${len(word)}\r\n{word}\r\n${len(name)}\r\n{name}\r\n:{count}\r\n"
    return head + encoded.encode()


def message(channel: str, text: str, *, resp: int = 2) -> bytes:
    head = b"*" if resp == 2 else b">"
    encoded = f"3\r\n$7\r\nmessage\r\n${len(channel)}\r\n{channel}\r\n${len(text)}\r\n{text}\r\n"
    return head + encoded.encode()


def refusal(name: str) -> bytes:
    return (
        f"-ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are "
        "allowed in this context\r\n"
    ).encode()


def resp3(peer: Peer) -> Peer:
    peer.feed(HELLO3)
    return peer


# -- who gets what ---------------------------------------------------------------------------------


def test_a_message_reaches_all_who_listen_to_the_channel_at_that_moment(
    alice: Peer, bob: Peer, carol: Peer
) -> None:
    assert carol.send("PUBLISH", "news", "early") == b":0\r\n"
    assert alice.send("SUBSCRIBE", "news", "other") == (
        confirmed("subscribe", "news", 1) + confirmed("subscribe", "other", 2)
    )
    assert resp3(bob).send("SUBSCRIBE", "news") == confirmed("subscribe", "news", 1, resp=3)
    assert carol.send("PUBLISH", "news", "now") == b":2\r\n"
    assert alice.take() == message("news", "now")
    assert bob.take() == message("news", "now", resp=3)


def test_patterns_get_the_channel_too_and_who_listens_twice_gets_it_twice(alice: Peer, bob: Peer) -> None:
    alice.send("SUBSCRIBE", "news.it")
    assert alice.send("PSUBSCRIBE", "news.*") == confirmed("psubscribe", "news.*", 2)
    assert bob.send("PUBLISH", "news.it", "x") == b":2\r\n"
    assert alice.take() == (
        message("news.it", "x") + b"*4\r\n$8\r\npmessage\r\n$6\r\nnews.*\r\n$7\r\nnews.it\r\n$1\r\nx\r\n"
    )
    assert bob.send("PUBLISH", "new", "x") == b":0\r\n"


def test_shard_channels_are_channels_of_their_own(alice: Peer, bob: Peer) -> None:
    alice.send("SUBSCRIBE", "c")
    assert alice.send("SSUBSCRIBE", "c") == confirmed("ssubscribe", "c", 1)
    assert bob.send("SPUBLISH", "c", "x") == b":1\r\n"
    assert alice.take() == b"*3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$1\r\nx\r\n"
    assert alice.send("UNSUBSCRIBE") == confirmed("unsubscribe", "c", 0)
    assert alice.send("GET", "k") == refusal("get")
    assert alice.send("SUNSUBSCRIBE") == confirmed("sunsubscribe", "c", 0)
    assert alice.send("GET", "k") == b"$-1\r\n"


def test_who_unsubscribes_from_what_it_does_not_listen_to_is_told_so(alice: Peer) -> None:
    assert alice.send("UNSUBSCRIBE") == b"*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n"
    assert alice.send("UNSUBSCRIBE", "c") == confirmed("unsubscribe", "c", 0)
    assert resp3(alice).send("PUNSUBSCRIBE") == b">3\r\n$12\r\npunsubscribe\r\n_\r\n:0\r\n"


@pytest.mark.parametrize("leave", [b"RESET\r\n", b"UNSUBSCRIBE\r\n", b"QUIT\r\n"])
def test_who_has_left_gets_nothing(alice: Peer, bob: Peer, leave: bytes) -> None:
    alice.feed(b"SUBSCRIBE c\r\n" + leave)
    assert bob.send("PUBLISH", "c", "x") == b":0\r\n"
    assert alice.take() == b""


def test_who_was_killed_or_hung_up_gets_nothing(
    engine: Workbench, alice: Peer, bob: Peer, carol: Peer
) -> None:
    alice.send("SUBSCRIBE", "c")
    carol.send("PSUBSCRIBE", "*")
    engine.disconnect(alice.client)
    assert bob.send("CLIENT", "KILL", "TYPE", "pubsub") == b":1\r\n"
    assert bob.send("PUBLISH", "c", "x") == b":0\r\n"
    assert bob.send("PUBSUB", "NUMPAT") == b":0\r\n"


# -- where pushes fall among replies ---------------------------------------------------------------


def test_ones_own_message_comes_behind_the_reply(alice: Peer) -> None:
    resp3(alice).send("SUBSCRIBE", "c")
    assert alice.feed(b"PUBLISH c x\r\nPING\r\n") == b":1\r\n" + message("c", "x", resp=3) + b"+PONG\r\n"


@pytest.mark.parametrize("script", ["", "local t = {} "])  # with Lua, and without
def test_ones_own_message_from_a_script_comes_behind_its_reply(alice: Peer, script: str) -> None:
    resp3(alice).send("SUBSCRIBE", "c")
    reply = alice.send(
        "EVAL", script + "redis.call('publish', 'c', 'x') return redis.call('publish', 'c', 'y')", 0
    )
    assert reply == b":1\r\n" + message("c", "x", resp=3) + message("c", "y", resp=3)
    alice.send("MULTI")
    alice.send("EVAL", script + "return redis.call('publish', 'c', 'x')", 0)
    alice.send("PUBLISH", "c", "y")
    reply = alice.send("EXEC")
    assert reply == b"*2\r\n:1\r\n:1\r\n" + message("c", "x", resp=3) + message("c", "y", resp=3)


@pytest.mark.parametrize("resp", [2, 3])
def test_ones_own_message_from_a_transaction_comes_behind_the_reply_to_exec(alice: Peer, resp: int) -> None:
    alice.feed(b"HELLO %d\r\n" % resp)
    pong = b"*2\r\n$4\r\npong\r\n$0\r\n\r\n" if resp == 2 else b"+PONG\r\n"
    reply = alice.feed(b"MULTI\r\nSUBSCRIBE c\r\nPUBLISH c x\r\nPING\r\nSET k v\r\nEXEC\r\nPING\r\n")
    assert reply == (
        b"+OK\r\n" + b"+QUEUED\r\n" * 4 + b"*4\r\n" + confirmed("subscribe", "c", 1, resp=resp)
        + b":1\r\n" + pong + b"+OK\r\n" + message("c", "x", resp=resp) + pong
    )  # fmt: skip


def test_a_transaction_in_one_packet_sends_its_messages_behind_its_reply(alice: Peer) -> None:
    resp3(alice).send("SUBSCRIBE", "c")
    reply = alice.feed(b"MULTI\r\nPUBLISH c x\r\nSET k v\r\nEXEC\r\nPING\r\n")
    assert reply == (
        b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n+OK\r\n" + message("c", "x", resp=3) + b"+PONG\r\n"
    )


def test_pushes_go_out_where_replies_are_switched_off(alice: Peer) -> None:
    resp3(alice)
    reply = alice.feed(
        b"CLIENT REPLY OFF\r\nSUBSCRIBE c\r\nPUBLISH c x\r\nPING\r\nUNSUBSCRIBE c\r\nCLIENT REPLY ON\r\n"
    )
    assert reply == (
        confirmed("subscribe", "c", 1, resp=3) + message("c", "x", resp=3)
        + confirmed("unsubscribe", "c", 0, resp=3) + b"+OK\r\n"
    )  # fmt: skip
    assert alice.feed(b"CLIENT REPLY SKIP\r\nSUBSCRIBE c\r\nPING\r\n") == (
        confirmed("subscribe", "c", 1, resp=3) + b"+PONG\r\n"
    )


def test_who_waits_for_an_element_gets_messages_meanwhile(alice: Peer, bob: Peer) -> None:
    resp3(alice).send("SUBSCRIBE", "c")
    assert alice.send("BLPOP", "l", 0) == b""
    bob.send("PUBLISH", "c", "x")
    assert alice.take() == message("c", "x", resp=3)
    bob.send("RPUSH", "l", "a")
    assert alice.take() == b"*2\r\n$1\r\nl\r\n$1\r\na\r\n"


# -- the mode of a RESP2 client --------------------------------------------------------------------


@pytest.mark.parametrize("line", ["GET k", "MULTI", "PUBLISH c x", "HELLO 3", "CLIENT INFO"])
def test_in_resp2_a_listener_may_do_little_else(alice: Peer, line: str) -> None:
    alice.send("PSUBSCRIBE", "c")
    name = "client|info" if line == "CLIENT INFO" else line.partition(" ")[0].lower()
    assert alice.send(*line.split()) == refusal(name)
    assert alice.send("EXEC") == b"-EXECABORT Transaction discarded because of: " + refusal("exec")[5:]
    alice.send("PUNSUBSCRIBE")
    assert b"Can't" not in alice.send(*line.split())


def test_unknown_names_and_wrong_numbers_of_words_are_refused_as_ever(alice: Peer) -> None:
    alice.send("SUBSCRIBE", "c")
    assert alice.send("GET") == b"-ERR wrong number of arguments for 'get' command\r\n"
    assert alice.send("FOO").startswith(b"-ERR unknown command 'FOO'")
    assert alice.send("PING", "a", "b") == b"-ERR wrong number of arguments for 'ping' command\r\n"


def test_pong_looks_like_a_message_to_a_listener_in_resp2(alice: Peer, bob: Peer) -> None:
    alice.send("SUBSCRIBE", "c")
    assert alice.send("PING") == b"*2\r\n$4\r\npong\r\n$0\r\n\r\n"
    assert alice.send("PING", "hi") == b"*2\r\n$4\r\npong\r\n$2\r\nhi\r\n"
    resp3(bob).send("SUBSCRIBE", "c")
    assert bob.send("PING") == b"+PONG\r\n"


def test_hello_changes_the_mode_and_the_spelling_of_messages(alice: Peer, bob: Peer) -> None:
    resp3(alice).send("SUBSCRIBE", "c")
    bob.send("PUBLISH", "c", "x")
    assert alice.take() == message("c", "x", resp=3)
    alice.send("HELLO", 2)
    bob.send("PUBLISH", "c", "x")
    assert alice.take() == message("c", "x")
    assert alice.send("GET", "k") == refusal("get")


# -- asking ----------------------------------------------------------------------------------------


def test_pubsub_tells_who_listens_to_what(alice: Peer, bob: Peer, carol: Peer) -> None:
    alice.send("SUBSCRIBE", "news", "noise")
    bob.send("SUBSCRIBE", "news")
    bob.send("PSUBSCRIBE", "n*", "x*")
    bob.send("SSUBSCRIBE", "shard")
    assert carol.send("PUBSUB", "CHANNELS") == b"*2\r\n$4\r\nnews\r\n$5\r\nnoise\r\n"
    assert carol.send("PUBSUB", "channels", "*oi*") == b"*1\r\n$5\r\nnoise\r\n"
    assert carol.send("PUBSUB", "NUMSUB", "news", "gone") == b"*4\r\n$4\r\nnews\r\n:2\r\n$4\r\ngone\r\n:0\r\n"
    assert carol.send("PUBSUB", "NUMSUB") == b"*0\r\n"
    assert carol.send("PUBSUB", "NUMPAT") == b":2\r\n"
    assert carol.send("PUBSUB", "SHARDCHANNELS", "s*") == b"*1\r\n$5\r\nshard\r\n"
    assert carol.send("PUBSUB", "SHARDNUMSUB", "shard") == b"*2\r\n$5\r\nshard\r\n:1\r\n"
    assert carol.send("PUBSUB", "channels", "a", "b") == (
        b"-ERR unknown subcommand or wrong number of arguments for 'channels'. Try PUBSUB HELP.\r\n"
    )


def test_client_list_and_info_count_subscriptions(alice: Peer, bob: Peer) -> None:
    resp3(alice).feed(b"SUBSCRIBE a b\r\nPSUBSCRIBE c*\r\nSSUBSCRIBE d e f\r\n")
    assert b" flags=P db=0 sub=2 psub=1 ssub=3 " in alice.send("CLIENT", "INFO")
    assert bob.send("CLIENT", "LIST", "TYPE", "pubsub").count(b"id=") == 1
    assert bob.send("CLIENT", "LIST", "TYPE", "normal").count(b"id=") == 1
    assert b"pubsub_clients:1\r\n" in bob.send("INFO", "clients")
    assert b"pubsub_channels:2\r\npubsub_patterns:1\r\npubsubshard_channels:3\r\n" in bob.send(
        "INFO", "stats"
    )


def test_audiences_come_and_go_one_listener_at_a_time(engine: Workbench) -> None:
    alice, bob, carol = engine.peer(), engine.peer(), engine.peer()
    alice.send("HELLO", 3)
    for peer, count in ((alice, 1), (bob, 2), (alice, 2)):
        peer.send("SUBSCRIBE", "news")
        assert carol.send("PUBSUB", "NUMSUB", "news") == b"*2\r\n$4\r\nnews\r\n:%d\r\n" % count
    assert carol.send("PUBLISH", "news", "a") == b":2\r\n"
    assert alice.take() == b">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\na\r\n"
    assert bob.take() == b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\na\r\n"
    alice.send("UNSUBSCRIBE", "news")
    assert carol.send("PUBLISH", "news", "b") == b":1\r\n"
    assert (alice.take(), bob.take()) == (b"", b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\nb\r\n")
    bob.send("UNSUBSCRIBE")
    assert carol.send("PUBLISH", "news", "c") == b":0\r\n"
    assert carol.send("PUBSUB", "CHANNELS") == b"*0\r\n"


def test_a_channel_with_one_listener_is_small(engine: Workbench) -> None:
    """A result that is waited for is a channel; so a client may have very many."""
    alice, count = engine.peer(), 4000
    alice.send("SUBSCRIBE", *(f"celery-task-meta-{number:05d}" for number in range(count)))
    gc.collect()
    tracemalloc.start()
    try:
        alice.send("SUBSCRIBE", *(f"celery-task-meta-{number:05d}" for number in range(count, 2 * count)))
        each = tracemalloc.get_traced_memory()[0] / count
    finally:
        tracemalloc.stop()
    assert each < 400  # bytes, 55 of them the name; two dicts that may just have grown


def test_a_pattern_that_nobody_listens_to_is_forgotten(engine: Workbench) -> None:
    alice, bob = engine.peer(), engine.peer()
    bob.send("HELLO", 3)
    for peer in (alice, bob):
        peer.send("PSUBSCRIBE", "n*")
    assert bob.send("PUBLISH", "news", "a").startswith(b":2\r\n")
    alice.send("PUNSUBSCRIBE", "n*")
    assert bob.send("PUBLISH", "news", "a").startswith(b":1\r\n")
    bob.send("PUNSUBSCRIBE", "n*")
    assert bob.send("PUBLISH", "news", "a") == b":0\r\n"
    assert bob.send("PUBSUB", "NUMPAT") == b":0\r\n"
