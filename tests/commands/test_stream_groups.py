"""Consumer groups: what the commands answer, log and announce. Every reply was seen on redis-server 8.2.3."""

from __future__ import annotations

import pytest

from respq.protocol.annotations import annotate
from tests.commands.asking import ask, ask_each
from tests.conftest import START_MS, Kept, Peer, Workbench
from tests.resp import encode

NULL_ARRAY = b"*-1\r\n"
NO_GROUP = b"-NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option\r\n"
READ = "XREADGROUP GROUP g {} STREAMS s >"


def entry(entry_id: str) -> bytes:
    return f"*2\r\n${len(entry_id)}\r\n{entry_id}\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n".encode()


def of_s(*ids: str) -> bytes:
    """The reply with these entries of the stream `s`."""
    return b"*1\r\n*2\r\n$1\r\ns\r\n*%d\r\n%b" % (len(ids), b"".join(map(entry, ids)))


@pytest.fixture
def filled(alice: Peer) -> Peer:
    """A stream of four entries, nothing of which has been read by its group."""
    ask_each(alice, *(f"XADD s {n}-1 f v" for n in range(1, 5)), "XGROUP CREATE s g 0")
    return alice


# -- reading ---------------------------------------------------------------------------------------


def test_a_group_gives_every_entry_to_one_consumer(filled: Peer) -> None:
    assert ask(filled, "XREADGROUP GROUP g ann COUNT 2 STREAMS s >") == of_s("1-1", "2-1")
    assert ask(filled, READ.format("bob")) == of_s("3-1", "4-1")
    assert ask(filled, READ.format("ann")) == NULL_ARRAY
    assert ask(filled, "XREADGROUP GROUP g bob STREAMS s 0") == of_s("3-1", "4-1")
    assert ask(filled, "XPENDING s g").startswith(b"*4\r\n:4\r\n$3\r\n1-1\r\n$3\r\n4-1\r\n*2\r\n")


def test_reading_ones_history_is_another_delivery(filled: Peer, engine: Workbench) -> None:
    ask(filled, READ.format("ann"))
    engine.pass_time(50)
    ask_each(filled, "XDEL s 2-1", "XREADGROUP GROUP g ann COUNT 2 STREAMS s 0")
    rows = ask(filled, "XPENDING s g - + 3")
    assert rows.count(b"$3\r\nann\r\n:0\r\n:2\r\n") == 1  # 1-1
    assert rows.count(b"$3\r\nann\r\n:50\r\n:1\r\n") == 2  # 2-1, which was deleted, and 3-1


def test_what_was_deleted_is_null_in_a_history(filled: Peer) -> None:
    ask_each(filled, READ.format("ann"), "XDEL s 1-1", "XACK s g 2-1 3-1 4-1")
    assert ask(filled, "XREADGROUP GROUP g ann STREAMS s 0") == (
        b"*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*-1\r\n"
    )


def test_with_noack_nothing_is_pending(filled: Peer) -> None:
    assert ask(filled, "XREADGROUP GROUP g ann COUNT 1 NOACK STREAMS s >") == of_s("1-1")
    assert ask(filled, "XPENDING s g") == b"*4\r\n:0\r\n$-1\r\n$-1\r\n*-1\r\n"


@pytest.mark.parametrize(
    ("ids", "acknowledged"),
    [("1-1 1-1 01-1", 1), ("2-1 9-9 3-1", 2), ("4-1 1-1", 2), ("9-9", 0), ("1-1 2-1 3-1 4-1", 4)],
)
def test_an_entry_is_acknowledged_once(filled: Peer, ids: str, acknowledged: int) -> None:
    ask(filled, READ.format("ann"))
    assert ask(filled, f"XACK s g {ids}") == b":%d\r\n" % acknowledged
    assert ask(filled, f"XACK s g {ids}") == b":0\r\n"


def test_no_id_is_acknowledged_if_one_is_invalid(filled: Peer) -> None:
    ask(filled, READ.format("ann"))
    assert ask(filled, "XACK s g 1-1 x").startswith(b"-ERR Invalid stream ID")
    assert ask(filled, "XACK s g 1-1") == b":1\r\n"


def test_consumers_are_seen_and_active(filled: Peer, engine: Workbench) -> None:
    ask(filled, READ.format("ann"))
    engine.pass_time(30)
    ask_each(filled, READ.format("ann"), "XREADGROUP GROUP g ann STREAMS s 0")
    engine.pass_time(5)
    assert ask(filled, "XINFO CONSUMERS s g").endswith(b"$4\r\nidle\r\n:5\r\n$8\r\ninactive\r\n:35\r\n")


def test_who_is_said_to_have_read_too_much_has_a_negative_lag(filled: Peer) -> None:
    ask_each(filled, "XGROUP SETID s g 2-1 ENTRIESREAD 9", READ.format("ann"))
    assert ask(filled, "XINFO GROUPS s").endswith(b"$12\r\nentries-read\r\n:6\r\n$3\r\nlag\r\n:-2\r\n")


# -- waiting ---------------------------------------------------------------------------------------


@pytest.fixture
def waiting(filled: Peer, bob: Peer, carol: Peer) -> Peer:
    """Bob and Carol wait for what comes next; Bob has waited longer."""
    ask(filled, "XGROUP SETID s g $")
    for name, peer in (("bob", bob), ("carol", carol)):
        assert ask(peer, f"XREADGROUP GROUP g {name} BLOCK 0 STREAMS s >") == b""
    return filled


def test_an_entry_is_given_to_who_waited_longest(waiting: Peer, bob: Peer, carol: Peer) -> None:
    ask(waiting, "XADD s 5-1 f v")
    assert (bob.take(), carol.take()) == (of_s("5-1"), b"")
    assert ask(bob, "XREADGROUP GROUP g bob BLOCK 0 STREAMS s >") == b""
    ask(waiting, "XADD s 6-1 f v")
    assert (bob.take(), carol.take()) == (b"", of_s("6-1"))


def test_entries_of_one_transaction_go_to_one(waiting: Peer, bob: Peer, carol: Peer) -> None:
    ask_each(waiting, "MULTI", "XADD s 5-1 f v", "XADD s 6-1 f v", "EXEC")
    assert (bob.take(), carol.take()) == (of_s("5-1", "6-1"), b"")


def test_who_waits_is_seen_when_somebody_is_served(waiting: Peer, engine: Workbench) -> None:
    engine.pass_time(500)
    ask(waiting, "XADD s 5-1 f v")
    engine.pass_time(7)
    assert ask(waiting, "XINFO CONSUMERS s g").count(b"$4\r\nidle\r\n:7\r\n") == 2


@pytest.mark.parametrize(
    ("happening", "answer"),
    [
        (["XGROUP DESTROY s g"], NO_GROUP),
        (["DEL s"], NO_GROUP),
        (["FLUSHALL"], NO_GROUP),
        (["SWAPDB 0 1"], NO_GROUP),
        (["RENAME s t"], NO_GROUP),
        (["SET s x"], b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        (["XADD t 1-1 f v", "RENAME t s"], NO_GROUP),
        (["XADD t 9-1 f v", "XGROUP CREATE t g 0", "COPY t s REPLACE"], of_s("9-1")),
        (["XGROUP SETID s g 0"], b""),
        (["XGROUP CREATE s h 0"], b""),
        (["XDEL s 1-1"], b""),
        (["MULTI", "XGROUP DESTROY s g", "XGROUP CREATE s g $", "EXEC"], b""),
        (["MULTI", "DEL s", "XGROUP CREATE s g $ MKSTREAM", "EXEC"], b""),
        (["MULTI", "DEL s", "XADD s 1-1 f v", "XGROUP CREATE s g 0", "EXEC"], of_s("1-1")),
        (["PEXPIREAT s 1"], NO_GROUP),
    ],
)
def test_a_group_that_goes_away_is_an_error_to_who_waits(
    waiting: Peer, bob: Peer, happening: list[str], answer: bytes
) -> None:
    ask_each(waiting, *happening)
    assert bob.take() == answer


def test_a_key_that_expires_is_an_error_to_who_waits(waiting: Peer, bob: Peer, engine: Workbench) -> None:
    ask(waiting, "PEXPIRE s 10")
    engine.pass_time(300)
    assert bob.take() == NO_GROUP


def test_nobody_waits_in_a_transaction_or_a_script(filled: Peer) -> None:
    ask(filled, "XGROUP SETID s g $")
    blocking = encode("XREADGROUP", "GROUP", "g", "ann", "BLOCK", "0", "STREAMS", "s", ">")
    assert filled.feed(encode("MULTI") + blocking + encode("EXEC")).endswith(b"*1\r\n*-1\r\n")
    script = "return redis.call('XREADGROUP','GROUP','g','ann','BLOCK','0','STREAMS','s','>')"
    assert filled.send("EVAL", script, "0") == b"$-1\r\n"


def test_readers_of_no_group_are_all_served(waiting: Peer, engine: Workbench) -> None:
    dan, eve = engine.peer(), engine.peer()
    for peer in (dan, eve):
        ask(peer, "XREAD BLOCK 0 STREAMS s $")
    ask(waiting, "XADD s 5-1 f v")
    assert dan.take() == eve.take() == of_s("5-1")


# -- watching --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "dirties"),
    [
        (READ.format("ann"), False),
        ("XREADGROUP GROUP g ann STREAMS s 0", False),
        ("XACK s g 1-1", False),
        ("XCLAIM s g bob 0 1-1", False),
        ("XAUTOCLAIM s g bob 0 0", False),
        ("XGROUP CREATE s h 0", False),
        ("XGROUP SETID s g 0", False),
        ("XGROUP CREATECONSUMER s g bob", False),
        ("XGROUP DELCONSUMER s g ann", False),
        ("XGROUP DESTROY s g", False),
        ("XACKDEL s g IDS 1 9-9", False),
        ("XACKDEL s g IDS 1 1-1", True),
        ("XDELEX s IDS 1 9-9", False),
        ("XDELEX s IDS 1 2-1", True),
        ("XGROUP CREATE new g 0 MKSTREAM", True),
    ],
)
def test_what_a_group_does_is_no_change_of_the_key(
    filled: Peer, bob: Peer, command: str, dirties: bool
) -> None:
    ask(filled, "XREADGROUP GROUP g ann COUNT 2 STREAMS s >")
    ask(bob, "WATCH s new")
    ask(filled, command)
    assert (bob.feed(encode("MULTI") + encode("EXEC")) == b"+OK\r\n*-1\r\n") is dirties


SUBCOMMAND = b"-ERR unknown subcommand or wrong number of arguments for '%b'. Try XGROUP HELP.\r\n"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("XGROUP SETID s g -", b"+OK\r\n"),
        ("XGROUP SETID s g +", b"+OK\r\n"),
        ("XGROUP CREATE s h +", b"-ERR Invalid stream ID specified as stream command argument\r\n"),
        ("XGROUP SETID s g 0 ENTRIESREAD 1 ENTRIESREAD 1", SUBCOMMAND % b"SETID"),
        (
            "XGROUP SETID s g 0 ENTRIESREAD 1 ENTRIESREAD x",
            b"-ERR value is not an integer or out of range\r\n",
        ),
        ("XGROUP CREATE s h 0 MKSTREAM MKSTREAM MKSTREAM", b"+OK\r\n"),
        ("XGROUP CREATE t h 0 MKSTREAM MKSTREAM MKSTREAM MKSTREAM", SUBCOMMAND % b"CREATE"),
        (
            "XGROUP SETID s no 0 ENTRIESREAD 1 ENTRIESREAD 1",
            b"-NOGROUP No such consumer group 'no' for key name 's'\r\n",
        ),
    ],
)
def test_words_of_xgroup_are_checked_in_the_order_of_redis(filled: Peer, command: str, answer: bytes) -> None:
    assert ask(filled, command) == answer
    assert ask(filled, "EXISTS t") == b":0\r\n"


def test_the_greatest_id_asks_for_new_entries(filled: Peer) -> None:
    """Redis 8.2.3 has it stand for `>` inside."""
    greatest = "18446744073709551615-18446744073709551615"
    assert ask(filled, f"XREADGROUP GROUP g ann COUNT 1 STREAMS s {greatest}") == of_s("1-1")
    assert ask(filled, "XREADGROUP GROUP g ann STREAMS s 18446744073709551615") == of_s()


# -- what is logged --------------------------------------------------------------------------------

NOW = str(START_MS)
CLAIM = f"TIME {NOW} RETRYCOUNT 1 FORCE JUSTID LASTID"


@pytest.mark.parametrize(
    ("command", "logged"),
    [
        (
            "XREADGROUP GROUP g ann STREAMS s >",
            [f"XCLAIM s g ann 0 3-1 4-1 {CLAIM} 4-1", "XGROUP SETID s g 4-1 ENTRIESREAD 4"],
        ),
        (
            "XREADGROUP GROUP g new COUNT 1 NOACK STREAMS s >",
            [
                "XGROUP CREATECONSUMER s g new", "XGROUP SETID s g 3-1 ENTRIESREAD 3",
                f"#respq XCLAIM s g new 0 SEEN-TIME {NOW} ACTIVE-TIME -1",
            ],
        ),
        ("XREADGROUP GROUP g new STREAMS s 0", [
            "XGROUP CREATECONSUMER s g new", f"#respq XCLAIM s g new 0 SEEN-TIME {NOW} ACTIVE-TIME -1",
        ]),
        (
            "XREADGROUP GROUP g ann STREAMS s 1",
            [
                f"XCLAIM s g ann 0 1-1 2-1 TIME {NOW} RETRYCOUNT 2 FORCE JUSTID",
                f"#respq XCLAIM s g ann 0 SEEN-TIME {NOW} ACTIVE-TIME {NOW}",
            ],
        ),
        ("XGROUP CREATECONSUMER s g new", [
            "XGROUP CREATECONSUMER s g new", f"#respq XCLAIM s g new 0 SEEN-TIME {NOW} ACTIVE-TIME -1",
        ]),
        ("XACK s g 1-1 9-9", ["XACK s g 1-1 9-9"]),
        ("XACK s g 9-9", []),
        ("XCLAIM s g ann 0 2-1 9-9 1-1 JUSTID", [
            f"XCLAIM s g ann 0 2-1 1-1 TIME {NOW} RETRYCOUNT 1 FORCE JUSTID",
        ]),
        ("XCLAIM s g ann 0 1-1 IDLE 5 RETRYCOUNT 7", [
            f"XCLAIM s g ann 0 1-1 TIME {START_MS - 5} RETRYCOUNT 7 FORCE JUSTID",
            f"#respq XCLAIM s g ann 0 SEEN-TIME {NOW} ACTIVE-TIME {NOW}",
        ]),
        ("XCLAIM s g ann 0 1-1 TIME 0 RETRYCOUNT 7", [
            "XCLAIM s g ann 0 1-1 TIME 0 RETRYCOUNT 7 JUSTID FORCE",
            f"#respq XCLAIM s g ann 0 SEEN-TIME {NOW} ACTIVE-TIME {NOW}",
        ]),
        ("XCLAIM s g ann 0 9-9 LASTID 3-1", [
            f"#respq XCLAIM s g ann 0 SEEN-TIME {NOW} ACTIVE-TIME {NOW}",
            "XGROUP SETID s g 3-1 ENTRIESREAD 2",
        ]),
        ("XAUTOCLAIM s g ann 0 - COUNT 1", [f"XCLAIM s g ann 0 1-1 TIME {NOW} RETRYCOUNT 2 FORCE JUSTID"]),
        ("XGROUP CREATE s h $ ENTRIESREAD 99", ["XGROUP CREATE s h $ ENTRIESREAD 4"]),
        ("XGROUP DESTROY s nobody", []),
        ("XDELEX s DELREF IDS 1 9-9", []),
        ("XTRIM s MAXLEN 2 ACKED", []),
        ("XTRIM s MAXLEN 3 DELREF", ["XTRIM s MAXLEN = 3 DELREF"]),
    ],
)  # fmt: skip
def test_what_is_logged_says_what_was_done(command: str, logged: list[str]) -> None:
    kept = Kept()
    ann = kept.peer()
    ask_each(ann, *(f"XADD s {n}-1 f v" for n in range(1, 5)), "XGROUP CREATE s g 0")
    ask(ann, "XREADGROUP GROUP g ann COUNT 2 STREAMS s >")
    kept.written()
    ask(ann, command)
    assert kept.written() == b"".join(map(log_line, logged))


def log_line(line: str) -> bytes:
    """How a log has a command; behind `#respq` one that Redis does not know."""
    words = line.encode().split()
    return annotate(words[1:]) if words[0] == b"#respq" else encode(*line.split())


@pytest.mark.parametrize("command", ["XTRIM s {} DELREF", "XADD s DELREF {} 5000-1 f v"])
@pytest.mark.parametrize("trimming", ["MAXLEN 1000", "MINID 1000"])
def test_what_is_not_trimmed_stays_pending(ann: Peer, command: str, trimming: str) -> None:
    ask_each(ann, *(f"XADD s {n}-1 f v" for n in range(1000, 1300)), "XGROUP CREATE s g 0")
    ask(ann, "XREADGROUP GROUP g ann STREAMS s >")
    ask(ann, command.format(trimming))
    assert ask(ann, "XPENDING s g").startswith(b"*4\r\n:300\r\n")


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("MAXLEN ~ 2 DELREF", [5, 6]),
        ("MINID ~ 4 DELREF", [3, 4, 5, 6]),
        ("MAXLEN ~ 5 DELREF", [1, 2, 3, 4, 5, 6]),
        ("MAXLEN ~ 2 ACKED", [2, 5, 6]),
        ("MAXLEN ~ 2 LIMIT 3 ACKED", [2, 3, 4, 5, 6]),
        ("MAXLEN ~ 2 LIMIT 1 ACKED", [1, 2, 3, 4, 5, 6]),
        ("MAXLEN ~ 0 ACKED", [2, 6]),
        ("MINID ~ 4 ACKED", [2, 3, 4, 5, 6]),
    ],
)
@pytest.mark.parametrize("version", ["8.2.3", "8.4.4"])
def test_whole_nodes_go_with_their_references_from_8_4_4_on(
    version: str, words: str, left: list[int]
) -> None:
    """Nodes have two entries; all but 2 and 6 are acknowledged."""
    kept = Kept(**{"stream-node-max-entries": "2", "compat-version": version})
    ann = kept.peer()
    ask_each(ann, *(f"XADD s {n}-1 f v" for n in range(1, 7)), "XGROUP CREATE s g 0")
    ask(ann, "XREADGROUP GROUP g ann STREAMS s >")
    ask(ann, "XACK s g 1-1 3-1 4-1 5-1")
    present = left if version == "8.4.4" else [1, 2, 3, 4, 5, 6]
    assert ask(ann, f"XTRIM s {words}") == b":%d\r\n" % (6 - len(present))
    there = [n for n in range(1, 7) if ask(ann, f"XRANGE s {n}-1 {n}-1") != b"*0\r\n"]
    assert there == present
    pending = [n for n in (2, 6) if n in present or "DELREF" not in words]
    kept.written()
    for peer in (ann, kept.restarted().peer()):
        assert ask(peer, "XLEN s") == b":%d\r\n" % len(present)
        assert ask(peer, "XPENDING s g - + 9").startswith(b"*%d\r\n" % len(pending))


def test_who_looks_in_vain_is_noted_once_a_second() -> None:
    kept = Kept()
    ann = kept.peer()
    ask_each(ann, "XADD s 1-1 f v", "XGROUP CREATE s g 0", READ.format("ann"))
    notes = []
    for _ in range(30):
        kept.clock.advance(100)
        ask(ann, READ.format("ann"))
        notes.append(kept.written().count(b"#respq"))
    assert notes == [1, *[0] * 9] * 3
    assert b"rdb_changes_since_last_save:5\r\n" in ann.send("INFO", "persistence")
    info = ask(kept.restarted().peer(), "XINFO STREAM s FULL")
    assert b"seen-time\r\n:%d\r\n$11\r\nactive-time\r\n:%d\r\n" % (START_MS + 2100, START_MS) in info


def test_who_is_blocked_is_noted_when_woken_in_vain() -> None:
    kept = Kept()
    ann, bob = kept.peer(), kept.peer()
    ask_each(ann, "XGROUP CREATE s g $ MKSTREAM")
    for peer, name in ((ann, "ann"), (bob, "bob")):
        ask(peer, f"XREADGROUP GROUP g {name} BLOCK 0 STREAMS s >")
    kept.clock.advance(5000)
    ask_each(kept.peer(), "XADD s 1-1 f v")
    kept.written()
    info = ask(kept.restarted().peer(), "XINFO STREAM s FULL")
    assert info.count(b"seen-time\r\n:%d\r\n" % (START_MS + 5000)) == 2


def test_a_claim_finds_out_what_was_deleted() -> None:
    kept = Kept()
    ann = kept.peer()
    ask_each(
        ann,
        *(f"XADD s {n}-1 f v" for n in range(1, 4)),
        "XGROUP CREATE s g 0",
        READ.format("ann"),
        "XDEL s 1-1",
    )
    kept.written()
    assert ask(ann, "XAUTOCLAIM s g ann 0 - JUSTID").endswith(b"*1\r\n$3\r\n1-1\r\n")
    assert kept.written().startswith(encode("XACK", "s", "g", "1-1"))
    assert kept.replays()


# -- the log written anew --------------------------------------------------------------------------

HISTORIES = {
    "consumers without entries": ["XGROUP CREATECONSUMER s g ann"],
    "deliveries that differ": [
        *("XREADGROUP GROUP g ann COUNT 2 STREAMS s >", "XREADGROUP GROUP g bob STREAMS s >"),
        *("XCLAIM s g bob 0 1-1 RETRYCOUNT 9", "XREADGROUP GROUP g ann STREAMS s 0"),
    ],
    "pending entries that were trimmed": [READ.format("ann"), "XTRIM s MAXLEN 2"],
    "pending entries that were deleted": [READ.format("ann"), "XDEL s 2-1 4-1"],
    "pending entries that are all gone": [READ.format("ann"), "XTRIM s MAXLEN 0"],
    "pending entries that were all deleted": [READ.format("ann"), "XDEL s 1-1 2-1 3-1 4-1"],
    "trimmed and deleted": [READ.format("ann"), "XTRIM s MAXLEN 3", "XDEL s 3-1", "XADD s 9-1 f v"],
    "no entries ever": ["XGROUP CREATE t g 5-5 MKSTREAM"],
    "pending entries that are yet to come": [
        *(READ.format("ann"), "XTRIM s MAXLEN 0", "XSETID s 2-0 ENTRIESADDED 1", "XADD s 2-1 f v"),
    ],
    "pending entries that are yet to come, of nothing": [
        *(READ.format("ann"), "XTRIM s MAXLEN 0", "XSETID s 2-0"),
    ],
    "given back, some deleted": [
        *(READ.format("ann"), "XNACK s g FAIL IDS 3 4-1 2-1 3-1", "XDEL s 2-1", "XGROUP CREATE s h 3-1"),
        *("XGROUP SETID s g 3-1 ENTRIESREAD 3", "XREADGROUP GROUP h bob STREAMS s >"),
    ],
}


def rewritten(kept: Kept) -> Kept:
    """A server that starts on the log, which has been written anew."""
    kept.peer().send("BGREWRITEAOF")
    aof = kept.server.aof
    assert aof is not None
    aof.writer.sync()
    before = aof.base_bytes
    while aof.rewriting or aof.base_bytes == before:
        kept.persistence.cron(kept.clock.now_ms)
        kept.clock.advance(1)
    return kept.restarted()


@pytest.mark.parametrize("snapshot", ["no", "yes"])
@pytest.mark.parametrize("history", HISTORIES)
def test_a_log_that_is_written_anew_gives_back_groups(history: str, snapshot: str) -> None:
    kept = Kept(**{"aof-use-rdb-preamble": snapshot})
    ann = kept.peer()
    ask_each(ann, *(f"XADD s {n}-1 f v" for n in range(1, 5)), "XGROUP CREATE s g 0", *HISTORIES[history])
    again = rewritten(kept)
    assert again.data() == kept.data()
    assert not [line for line in again.lines if "refused" in line]
    full = "XINFO STREAM s FULL"
    assert ask(again.peer(), full) == ask(ann, full)


# -- runs ------------------------------------------------------------------------------------------

RUNS = {
    "reading one": "XREADGROUP GROUP g ann COUNT 1 STREAMS s >",
    "reading two": "XREADGROUP GROUP g ann COUNT 2 STREAMS s >",
    "reading without acknowledgement": "XREADGROUP GROUP g ann COUNT 1 NOACK STREAMS s >",
    "reading for a new consumer": "XREADGROUP GROUP g new COUNT 1 STREAMS s >",
    "reading in no group": "XREADGROUP GROUP no ann COUNT 1 STREAMS s >",
    "reading history": "XREADGROUP GROUP g ann COUNT 1 STREAMS s 0",
    "acknowledging": "XACK s g {}-1",
    "acknowledging the same": "XACK s g 3-1",
    "acknowledging odd spellings": "XACK s g 0{}-1",
    "acknowledging what is invalid": "XACK s g {}-x",
    "acknowledging in no group": "XACK s no {}-1",
    "deleting": "XACKDEL s g IDS 1 {}-1",
    "deleting the same": "XACKDEL s g IDS 1 3-1",
    "deleting with references": "XACKDEL s g DELREF IDS 1 {}-1",
    "deleting what is acknowledged": "XACKDEL s g ACKED IDS 1 {}-1",
    "deleting with too few IDs": "XACKDEL s g IDS 2 {}-1",
}


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("run", RUNS)
def test_a_run_has_the_outcome_of_one_by_one(run: str, protocol: int) -> None:
    servers = Kept(), Kept()
    for kept in servers:
        peer = kept.peer()
        ask_each(
            peer, *(f"XADD s {n}-1 f v" for n in range(1, 13)), "XGROUP CREATE s g 0", "XGROUP CREATE s h 0"
        )
        ask_each(
            peer, "XREADGROUP GROUP g ann COUNT 6 STREAMS s >", "XREADGROUP GROUP h bob COUNT 4 STREAMS s >"
        )
        ask_each(peer, "XACK s h 2-1", "XDEL s 5-1")
    peers = [kept.peer() for kept in servers]
    for peer in peers:
        peer.send("HELLO", protocol)
    commands = [RUNS[run].format(n).split() for n in range(1, 11)]
    assert peers[0].feed(b"".join(encode(*words) for words in commands)) == b"".join(
        peers[1].send(*words) for words in commands
    )
    assert servers[0].data() == servers[1].data()
    servers[0].written()
    assert servers[0].replays()
    hits = [kept.server.stats.keyspace_hits for kept in servers]
    assert hits[0] == hits[1]
    full = [ask(kept.peer(), "XINFO STREAM s FULL") for kept in servers]
    assert full[0] == full[1]


def test_who_is_claimed_twice_by_one_command_comes_back_as_it_was_left() -> None:
    kept = Kept()
    ann = kept.peer()
    ask_each(ann, "XADD s 1-1 f v", "XADD s 2-1 f v", "XGROUP CREATE s g 0", READ.format("ann"))
    ask_each(ann, "XCLAIM s g bob 0 1-1 RETRYCOUNT 2", "XCLAIM s g cleo 0 1-1 2-1 2-1")
    kept.written()
    assert kept.replays()
