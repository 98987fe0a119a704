"""What reaches the log: one test for each condition under which it does not take the client's own bytes.

These can be told from the server's by what a client may spell in its own way: the case of a name.
"""

from __future__ import annotations

import pytest

from tests.conftest import Kept, Peer
from tests.resp import encode

OWN = [
    encode("set", "key", "value"),
    encode("set", "key", "value") + encode("rPuSh", "list", "a", "b") + encode("lpop", "list"),
    encode("rpush", "list", "x") * 20,
    encode("rpush", "list", "a") * 7 + encode("lpop", "list") * 7 + encode("INCR", "n") * 7,
    encode("multi") + encode("set", "key", "value") + encode("incr", "n") + encode("exec"),
    encode("set", "key", b"\r\n*1\r\n\0\xff"),
]


@pytest.mark.parametrize("sent", OWN)
def test_plain_writes_pass_through_as_they_were_sent(kept: Kept, ann: Peer, sent: bytes) -> None:
    ann.feed(sent)
    assert kept.written() == sent
    assert kept.replays()


def test_the_writes_of_several_clients_follow_each_other(kept: Kept, ann: Peer) -> None:
    bob = kept.peer()
    ann.feed(encode("rpush", "list", "a"))
    bob.feed(encode("rpush", "list", "b"))
    ann.feed(encode("rpush", "list", "c"))
    assert kept.written() == b"".join(encode("rpush", "list", word) for word in "abc")
    assert kept.replays()


def test_a_read_that_began_within_a_command_does_not_pass(kept: Kept, ann: Peer) -> None:
    sent = encode("set", "a", 1) + encode("set", "b", 2)
    for cut in range(1, len(sent)):
        ann.feed(sent[:cut])
        ann.feed(sent[cut:])
        assert kept.written() == sent
        assert kept.replays()


def test_a_read_that_ends_within_a_command_does_not_pass(kept: Kept, ann: Peer) -> None:
    ann.feed(encode("set", "a", 1) + b"*3\r\n$3\r\nset\r\n")
    assert kept.written() == encode("set", "a", 1)
    ann.feed(b"$1\r\nb\r\n$1\r\n2\r\n" + encode("set", "c", 3))
    assert kept.written() == encode("set", "b", 2) + encode("set", "c", 3)
    assert kept.replays()


@pytest.mark.parametrize(
    "odd",
    [
        b"set key value\r\n",
        b"*0\r\n" + encode("set", "key", "value"),
        b"\r\n" + encode("set", "key", "value"),
        b"*3\r\n$3\r\nsetXX$3\r\nkeyXX$5\r\nvalueXX",
    ],
    ids=["inline", "an empty array", "an empty line", "other line ends"],
)
def test_what_is_not_canonical_is_encoded_anew(kept: Kept, ann: Peer, odd: bytes) -> None:
    assert ann.feed(odd) == b"+OK\r\n"
    assert kept.written() == encode("set", "key", "value")
    assert kept.replays()


SPOILERS = {
    "a read": encode("get", "key"),
    "a ping": encode("PING"),
    "an error": encode("lpush", "text", "x"),
    "an unknown command": encode("nonesuch"),
    "a wrong number of words": encode("set", "key"),
    "a deletion of nothing": encode("del", "nothing"),
    "a set that is not done": encode("set", "text", "new", "NX"),
    "a push to nothing": encode("lpushx", "nothing", "x"),
    "a pop from nothing": encode("lpop", "nothing"),
    "an expiry for nothing": encode("pexpireat", "nothing", 9_999_999_999_999),
    "a selection of the same database": encode("select", 0),
    "an empty transaction": encode("multi") + encode("exec"),
    "a transaction that is given up": encode("multi") + encode("set", "x", 1) + encode("discard"),
}


@pytest.mark.parametrize("spoiler", SPOILERS.values(), ids=SPOILERS)
@pytest.mark.parametrize("place", ["before", "between", "behind"])
def test_only_what_changed_something_is_logged(kept: Kept, ann: Peer, spoiler: bytes, place: str) -> None:
    ann.send("SET", "text", "x")
    kept.written()
    first, second = encode("rpush", "list", "a"), encode("rpush", "list", "b")
    ann.feed(
        {
            "before": spoiler + first + second,
            "between": first + spoiler + second,
            "behind": first + second + spoiler,
        }[place]
    )
    assert kept.written() == first + second
    assert kept.replays()


def test_a_run_with_an_error_in_it_logs_the_rest(kept: Kept, ann: Peer) -> None:
    ann.send("SET", "text", "x")
    kept.written()
    ann.feed(
        encode("rpush", "list", "a") * 5 + encode("rpush", "text", "b") + encode("rpush", "list", "c") * 5
    )
    assert kept.written() == encode("rpush", "list", "a") * 5 + encode("rpush", "list", "c") * 5
    assert kept.replays()


def test_a_run_of_pops_logs_those_that_found_something(kept: Kept, ann: Peer) -> None:
    ann.feed(encode("rpush", "list", "a", "b", "c"))
    kept.written()
    ann.feed(encode("lpop", "list") * 9)
    assert kept.written() == encode("lpop", "list") * 3
    assert kept.replays()


RELATIVE = [
    ([], ("set", "key", "v", "EX", "10"), [("SET", "key", "v", "PXAT", "1700000010000")]),
    ([], ("setex", "key", "10", "v"), [("SET", "key", "v", "PXAT", "1700000010000")]),
    ([], ("psetex", "key", "10", "v"), [("SET", "key", "v", "PXAT", "1700000000010")]),
    ([("set", "key", "v")], ("expire", "key", "10"), [("PEXPIREAT", "key", "1700000010000")]),
    ([("set", "key", "v")], ("getex", "key", "PX", "5"), [("PEXPIREAT", "key", "1700000000005")]),
    ([("set", "key", "v")], ("expire", "key", "-1"), [("DEL", "key")]),
    ([("set", "key", "v")], ("getdel", "key"), [("DEL", "key")]),
    ([("set", "key", "1")], ("incrbyfloat", "key", "0.5"), [("SET", "key", "1.5", "KEEPTTL")]),
    ([("rpush", "key", "1")], ("blpop", "key", "0"), [("LPOP", "key")]),
    ([("rpush", "key", "1")], ("brpoplpush", "key", "to", "0"), [("RPOPLPUSH", "key", "to")]),
    ([("rpush", "key", "1")], ("blmove", "key", "to", "LEFT", "LEFT", "0"),
     [("LMOVE", "key", "to", "LEFT", "LEFT")]),
    ([("rpush", "key", "1")], ("lmpop", "1", "key", "LEFT"), [("LPOP", "key", "1")]),
]  # fmt: skip


@pytest.mark.parametrize(("before", "command", "effect"), RELATIVE, ids=[row[1][0] for row in RELATIVE])
def test_what_does_not_replicate_as_sent_is_logged_as_its_effect(
    kept: Kept,
    ann: Peer,
    before: list[tuple[str, ...]],
    command: tuple[str, ...],
    effect: list[tuple[str, ...]],
) -> None:
    for words in before:
        ann.send(*words)
    kept.written()
    ann.feed(encode("set", "a", 1) + encode(*command) + encode("set", "b", 2))
    assert kept.written() == encode("set", "a", 1) + b"".join(encode(*words) for words in effect) + encode(
        "set", "b", 2
    )
    assert kept.replays()


def test_another_database_is_selected_in_the_log(kept: Kept, ann: Peer) -> None:
    bob = kept.peer()
    ann.send("select", 5)
    ann.feed(encode("set", "key", 5))
    assert kept.written() == encode("SELECT", 5) + encode("set", "key", 5)
    ann.feed(encode("set", "key", 6))
    assert kept.written() == encode("set", "key", 6)
    bob.feed(encode("set", "key", 0))
    ann.feed(encode("set", "key", 7))
    assert kept.written() == encode("SELECT", 0) + encode("set", "key", 0) + encode("SELECT", 5) + encode(
        "set", "key", 7
    )
    assert kept.replays()


def test_a_selection_within_a_read(kept: Kept, ann: Peer) -> None:
    ann.feed(encode("set", "a", 0) + encode("select", 1) + encode("set", "a", 1))
    assert kept.written() == encode("set", "a", 0) + encode("SELECT", 1) + encode("set", "a", 1)
    assert kept.replays()


def test_a_transaction_over_two_databases(kept: Kept, ann: Peer) -> None:
    ann.feed(
        encode("multi") + encode("set", "a", 0) + encode("select", 1) + encode("set", "a", 1) + encode("exec")
    )
    assert kept.written() == (
        encode("multi") + encode("set", "a", 0) + encode("SELECT", 1) + encode("set", "a", 1) + encode("exec")
    )
    assert kept.replays()


def test_a_transaction_logs_what_changed_something(kept: Kept, ann: Peer) -> None:
    ann.send("SET", "text", "x")
    kept.written()
    ann.feed(
        encode("multi")
        + encode("get", "text")
        + encode("lpush", "text", 1)
        + encode("incr", "n")
        + encode("exec")
    )
    assert kept.written() == encode("multi") + encode("incr", "n") + encode("exec")
    assert kept.replays()


def test_a_transaction_sent_piece_by_piece_is_logged_as_one(kept: Kept, ann: Peer) -> None:
    for words in (["multi"], ["incr", "n"], ["incr", "m"]):
        ann.send(*words)
        assert kept.written() == b""
    ann.send("exec")
    assert kept.written() == encode("multi") + encode("incr", "n") + encode("incr", "m") + encode("exec")
    assert kept.replays()


def test_while_a_transaction_is_open_the_next_read_does_not_pass(kept: Kept, ann: Peer) -> None:
    ann.send("multi")
    ann.feed(encode("incr", "n") + encode("exec") + encode("incr", "m"))
    assert kept.written() == encode("multi") + encode("incr", "n") + encode("exec") + encode("incr", "m")
    assert kept.replays()


@pytest.mark.parametrize(
    "touch", [encode("get", "old"), encode("exists", "old"), encode("rpush", "old", "x")]
)
def test_a_key_that_expired_on_access_is_deleted_first(kept: Kept, ann: Peer, touch: bytes) -> None:
    ann.send("SET", "old", "x", "PX", 10)
    kept.written()
    kept.clock.advance(20)
    ann.feed(encode("set", "a", 1) + touch + encode("set", "b", 2))
    own = touch if b"rpush" in touch else b""
    assert kept.written() == encode("set", "a", 1) + encode("DEL", "old") + own + encode("set", "b", 2)
    assert kept.replays()


def test_a_run_on_a_key_that_has_expired(kept: Kept, ann: Peer) -> None:
    ann.send("RPUSH", "old", "x")
    ann.send("PEXPIRE", "old", 10)
    kept.written()
    kept.clock.advance(20)
    ann.feed(encode("rpush", "old", "y") * 9)
    assert kept.written() == encode("DEL", "old") + encode("rpush", "old", "y") * 9
    assert kept.replays()


def test_keys_that_expire_by_themselves_are_deleted_in_the_log(kept: Kept, ann: Peer) -> None:
    ann.send("SET", "old", "x", "PX", 10)
    kept.written()
    kept.pass_time(1_000)
    assert kept.written() == encode("DEL", "old")
    assert kept.replays()


def test_serving_a_blocked_client_comes_right_behind_the_push(kept: Kept, ann: Peer) -> None:
    bob = kept.peer()
    bob.send("BLPOP", "list", 0)
    ann.feed(encode("rpush", "list", "a", "b") + encode("set", "key", 1))
    assert kept.written() == encode("rpush", "list", "a", "b") + encode("LPOP", "list") + encode(
        "set", "key", 1
    )
    assert bob.take() == b"*2\r\n$4\r\nlist\r\n$1\r\na\r\n"
    assert kept.replays()


def test_what_a_served_client_sent_meanwhile_is_logged(kept: Kept, ann: Peer) -> None:
    bob = kept.peer()
    bob.feed(encode("blpop", "list", 0) + encode("set", "a", 1))
    bob.feed(encode("set", "b", 2))
    assert kept.written() == b""
    ann.feed(encode("rpush", "list", "x"))
    assert kept.written() == (
        encode("rpush", "list", "x") + encode("LPOP", "list") + encode("set", "a", 1) + encode("set", "b", 2)
    )
    assert kept.replays()


def test_while_somebody_watches_everything_is_still_logged(kept: Kept, ann: Peer) -> None:
    bob = kept.peer()
    bob.send("WATCH", "key")
    ann.feed(encode("set", "key", 1) + encode("set", "other", 2))
    assert kept.written() == encode("set", "key", 1) + encode("set", "other", 2)
    assert bob.feed(encode("multi") + encode("set", "key", 3) + encode("exec")).endswith(b"*-1\r\n")
    assert kept.written() == b""
    assert kept.replays()


def test_a_key_that_is_watched_and_expires_is_logged_in_order(kept: Kept, ann: Peer) -> None:
    ann.send("SET", "key", "x", "PX", 10)
    ann.send("WATCH", "key")
    kept.written()
    kept.clock.advance(20)
    replies = ann.feed(encode("set", "a", 1) + encode("multi") + encode("set", "key", 2) + encode("exec"))
    assert replies.endswith(b"*-1\r\n")
    assert kept.written() == encode("set", "a", 1) + encode("DEL", "key")
    assert kept.replays()


def test_muted_writes_are_logged(kept: Kept, ann: Peer) -> None:
    ann.feed(encode("client", "reply", "off"))
    assert ann.feed(encode("set", "a", 1) + encode("set", "b", 2)) == b""
    assert kept.written() == encode("set", "a", 1) + encode("set", "b", 2)
    assert kept.replays()


def test_writes_before_and_behind_a_hang_up(kept: Kept, ann: Peer) -> None:
    ann.feed(encode("set", "a", 1) + encode("quit") + encode("set", "b", 2))
    assert kept.written() == encode("set", "a", 1)
    assert kept.replays()
