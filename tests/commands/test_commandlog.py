"""COMMANDLOG: the forms are compared with Valkey in compat/oracle/test_valkey.py; here, what is entered."""

from __future__ import annotations

from tests.commands.asking import ask
from tests.conftest import START_MS, Peer, Workbench
from tests.resp import OK, decoded


def entries(peer: Peer, kind: str) -> list[tuple[int, list[str]]]:
    """Size, or time, and words."""
    return [(entry[2], entry[3]) for entry in decoded(peer.send("COMMANDLOG", "GET", -1, kind))]


def test_nothing_is_measured_until_it_is_asked_for(engine: Workbench, alice: Peer) -> None:
    set_ = engine.server.specs["SET"]
    assert alice.client.table[b"SET"][3][0] is set_.bare
    ask(alice, "CONFIG SET commandlog-reply-larger-than 0")
    assert alice.client.table[b"SET"][3][0] is not set_.bare
    ask(alice, "CONFIG SET commandlog-reply-larger-than -1")
    assert alice.client.table[b"SET"][3][0] is set_.bare


def test_large_requests_and_replies_are_entered_from_their_threshold_on(alice: Peer) -> None:
    ask(alice, "CONFIG SET commandlog-request-larger-than 30 commandlog-reply-larger-than 12")
    ask(alice, "CLIENT SETNAME me")
    ask(alice, "SET k 12345")  # 31 bytes
    ask(alice, "SET k 1234")  # 30
    ask(alice, "SET k 12")  # 28
    ask(alice, "GET k")  # a reply of 8
    ask(alice, "SET k 123456")
    ask(alice, "GET k")  # of 12
    sizes = [(size, words) for size, words in entries(alice, "large-request") if words[0] == "SET"]
    values = [(32, "123456"), (30, "1234"), (31, "12345")]
    assert sizes == [(size, ["SET", "k", value]) for size, value in values]
    assert (12, ["GET", "k"]) in entries(alice, "large-reply")
    last = decoded(alice.send("COMMANDLOG", "GET", 1, "large-request"))[0]
    assert (last[1], last[5]) == (START_MS // 1000, "me")


def test_errors_and_commands_of_transactions_count(alice: Peer) -> None:
    ask(alice, "SET k text")
    ask(alice, "CONFIG SET commandlog-request-larger-than 0 commandlog-reply-larger-than 30")
    for line in ("MULTI", "INCR k", "EXEC"):
        ask(alice, line)
    assert entries(alice, "large-reply") == [(46, ["INCR", "k"])]
    assert [words[0] for _, words in entries(alice, "large-request")][:2] == ["COMMANDLOG", "INCR"]


def test_a_script_is_entered_as_a_whole(alice: Peer) -> None:
    ask(alice, "CONFIG SET commandlog-request-larger-than 0")
    alice.send("EVAL", "return redis.call('SET', 'k', 'v')", 0)
    assert entries(alice, "large-request")[0][1][0] == "EVAL"


def test_slow_commands_are_those_of_slowlog(alice: Peer) -> None:
    ask(alice, "CONFIG SET commandlog-execution-slower-than 0 commandlog-slow-execution-max-len 2")
    for number in range(3):
        ask(alice, f"SET k {number}")
    ask(alice, "CONFIG SET slowlog-log-slower-than -1")
    assert [words for _, words in entries(alice, "slow")] == [["SET", "k", "2"], ["SET", "k", "1"]]
    assert ask(alice, "SLOWLOG LEN") == ask(alice, "COMMANDLOG LEN slow") == b":2\r\n"
    assert ask(alice, "COMMANDLOG RESET slow") == OK
    assert ask(alice, "SLOWLOG LEN") == b":0\r\n"
