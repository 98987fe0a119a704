"""XADD with IDMP and IDMPAUTO, XCFGSET, XIDMPRECORD: the rules of Redis 8.6, for which there is no oracle.

Numbers in comments are those of the rules as the documentation of Redis 8.6 to 8.10 has them.
"""

from __future__ import annotations

import pytest

from respq.datatypes.idempotency import digest
from respq.datatypes.streams import StreamValue
from respq.protocol.annotations import annotate
from tests.commands.asking import ask
from tests.conftest import DIRECTORY, INCREMENT, START_MS, Kept, Peer, Workbench
from tests.resp import bulk, encode

FIRST, SECOND = f"{START_MS}-0", f"{START_MS}-1"


def fields(peer: Peer, key: str = "s") -> dict[str, int]:
    """The fields of XINFO STREAM that tell of idempotency."""
    lines = ask(peer, f"XINFO STREAM {key}").split(b"\r\n")
    names = ("idmp-duration", "idmp-maxsize", "pids-tracked", "iids-tracked", "iids-added", "iids-duplicates")
    return {name: int(lines[lines.index(name.encode()) + 1][1:]) for name in names if name.encode() in lines}


def error(text: str) -> bytes:
    return f"-ERR {text}\r\n".encode()


# -- XADD ------------------------------------------------------------------------------------------


def test_a_message_is_added_once(alice: Peer) -> None:  # 3.1, rules 1, 3, 4
    assert ask(alice, "XADD s IDMP p i * f v") == bulk(FIRST)
    assert ask(alice, "XADD s IDMP p i * other fields") == bulk(FIRST)
    assert ask(alice, "XADD s IDMP q i * f v") == bulk(SECOND)
    assert alice.send("XADD", "s", "IDMP", b"p\0", b"i\r\n", "*", "f", "v") == bulk(f"{START_MS}-2")
    assert alice.send("XADD", "s", "idmp", b"p\0", b"i\r\n", "*", "f", "v") == bulk(f"{START_MS}-2")
    assert ask(alice, "XLEN s") == b":3\r\n"
    assert fields(alice) == {
        "idmp-duration": 100, "idmp-maxsize": 100, "pids-tracked": 3, "iids-tracked": 3, "iids-added": 3,
        "iids-duplicates": 2,
    }  # fmt: skip


@pytest.mark.parametrize("wanted", ["5-5", "5-*", "5"])
def test_only_the_server_may_choose_the_id(alice: Peer, wanted: str) -> None:  # 2
    refused = error("syntax error, IDMP/IDMPAUTO can be used only with auto-generated IDs")
    assert ask(alice, f"XADD s IDMP p i {wanted} f v") == refused
    assert ask(alice, f"XADD s IDMPAUTO p {wanted} f v") == refused
    assert ask(alice, "EXISTS s") == b":0\r\n"


def test_a_duplicate_trims_nothing_and_is_known_when_its_entry_is_gone(alice: Peer) -> None:  # 3, 4
    ask(alice, "XADD s IDMP p i * f v")
    ask(alice, "XADD s IDMP p j MAXLEN 1 * f v")
    assert ask(alice, "XLEN s") == b":1\r\n"
    ask(alice, "XADD s * f v")
    assert ask(alice, "XADD s MAXLEN 1 IDMP p i * f v") == bulk(FIRST)
    assert ask(alice, "XLEN s") == b":2\r\n"
    ask(alice, f"XDEL s {SECOND}")
    assert ask(alice, "XADD s IDMP p j * f v") == bulk(SECOND)


def test_a_duplicate_touches_nobody_else(alice: Peer, bob: Peer, carol: Peer) -> None:  # 4
    ask(alice, "XADD s IDMP p i * f v")
    ask(bob, "WATCH s")
    ask(bob, "MULTI")
    ask(carol, "XREAD BLOCK 0 STREAMS s $")
    ask(alice, "XADD s IDMP p i * f v")
    assert carol.take() == b""
    ask(bob, "PING")
    assert ask(bob, "EXEC") == b"*1\r\n+PONG\r\n"


def test_nomkstream_creates_nothing(alice: Peer) -> None:
    assert ask(alice, "XADD s NOMKSTREAM IDMP p i * f v") == b"$-1\r\n"
    assert ask(alice, "EXISTS s") == b":0\r\n"


def test_the_oldest_messages_of_a_producer_go_first(alice: Peer) -> None:  # 5
    ask(alice, "XADD s * f v")
    ask(alice, "XCFGSET s IDMP-MAXSIZE 2")
    for message in "abac":  # asking for `a` again does not make it younger
        ask(alice, f"XADD s IDMP p {message} * f v")
    ask(alice, "XADD s IDMP q x * f v")
    assert fields(alice)["iids-tracked"] == 3
    assert ask(alice, "XADD s IDMP p c * f v") == bulk(f"{START_MS}-3")
    assert ask(alice, "XADD s IDMP q x * f v") == bulk(f"{START_MS}-4")
    assert ask(alice, "XADD s IDMP p a * f v") == bulk(f"{START_MS}-5")


def test_a_message_is_forgotten_after_its_time_and_not_before(alice: Peer, engine: Workbench) -> None:  # 6
    ask(alice, "XADD s IDMP p i * f v")
    engine.pass_time(100_000)
    assert ask(alice, "XADD s IDMP p i * f v") == bulk(FIRST)
    engine.pass_time(1)
    assert ask(alice, "XADD s IDMP p i * f v") == bulk(f"{START_MS + 100_001}-0")
    engine.pass_time(100_001)
    assert (fields(alice)["pids-tracked"], fields(alice)["iids-tracked"]) == (0, 0)


def test_age_counts_from_the_addition_if_the_entry_lies_in_the_future(
    alice: Peer, engine: Workbench
) -> None:  # 6
    future = START_MS + 10**9
    ask(alice, f"XADD s {future}-0 f v")
    assert ask(alice, "XADD s IDMP p i * f v") == bulk(f"{future}-1")
    engine.pass_time(100_001)
    assert ask(alice, "XADD s IDMP p i * f v") == bulk(f"{future}-2")


def test_settings_are_those_of_when_the_stream_was_created(alice: Peer) -> None:  # 7
    ask(alice, "XADD old * f v")
    ask(alice, "CONFIG SET stream-idmp-duration 7 stream-idmp-maxsize 9")
    ask(alice, "XADD s IDMP p i * f v")
    ask(alice, "XADD old IDMP p i * f v")
    assert (fields(alice)["idmp-duration"], fields(alice)["idmp-maxsize"]) == (7, 9)
    assert (fields(alice, "old")["idmp-duration"], fields(alice, "old")["idmp-maxsize"]) == (100, 100)
    ask(alice, "CONFIG SET stream-idmp-duration 100 stream-idmp-maxsize 100")


def test_contents_can_identify_a_message(alice: Peer) -> None:  # 8
    assert ask(alice, "XADD s IDMPAUTO p * a 1 b 2") == bulk(FIRST)
    assert ask(alice, "XADD s MAXLEN 9 IDMPAUTO p * b 2 a 1") == bulk(FIRST)
    assert ask(alice, "XADD s IDMPAUTO p * a 1 b 2 a 1 b 2") == bulk(SECOND)
    assert ask(alice, "XADD s IDMPAUTO p * a 1 a 1") == bulk(f"{START_MS}-2")
    assert ask(alice, "XADD s IDMPAUTO p * b 2 b 2") == bulk(f"{START_MS}-3")
    assert ask(alice, "XADD s IDMPAUTO q * a 1 b 2") == bulk(f"{START_MS}-4")
    same = digest([b"a", b"1", b"b", b"2"])
    assert alice.send("XADD", "s", "IDMP", "p", same, "*", "x", "y") == bulk(FIRST)  # one map for both


def test_in_a_transaction_the_second_one_is_a_duplicate(alice: Peer) -> None:  # 9
    for line in ("MULTI", "XADD s IDMP p i * f v", "XADD s IDMP p i * f v"):
        ask(alice, line)
    assert ask(alice, "EXEC") == b"*2\r\n" + bulk(FIRST) * 2
    script = "return {redis.call('xadd', KEYS[1], 'IDMP', 'p', 'i', '*', 'f', 'v')}"
    assert alice.send("EVAL", script, 1, "s") == b"*1\r\n" + bulk(FIRST)


def test_records_go_where_the_stream_goes(alice: Peer) -> None:  # 10
    ask(alice, "XADD s IDMP p i * f v")
    ask(alice, "XCFGSET s IDMP-DURATION 100")
    ask(alice, "XADD s IDMP p i * f v")
    before = fields(alice)
    ask(alice, "COPY s copy")
    ask(alice, "XADD s IDMP p j * f v")
    assert fields(alice, "copy") == before
    assert ask(alice, "XADD copy IDMP p i * f v") == bulk(FIRST)
    ask(alice, "RENAME s t")
    for line in ("XTRIM t MAXLEN 0", f"XSETID t {START_MS}-9", f"XDEL t {SECOND}"):
        ask(alice, line)
    assert ask(alice, "XADD t IDMP p j * f v") == bulk(SECOND)
    ask(alice, "DEL t")
    assert ask(alice, "XADD t IDMP p i * f v") == bulk(FIRST)
    assert fields(alice, "t")["iids-added"] == 1


@pytest.mark.parametrize(
    ("line", "text"),
    [  # 13
        ("XADD s IDMP p i IDMPAUTO p * f v", "syntax error, IDMP/IDMPAUTO specified multiple times"),
        ("XADD s IDMP p i IDMP p i * f v", "syntax error, IDMP/IDMPAUTO specified multiple times"),
        ("XADD s IDMPAUTO '' * f v", "syntax error, IDMPAUTO requires a non-empty producer ID"),
        ("XADD s IDMP '' i * f v", "syntax error, IDMP requires a non-empty producer ID"),
        ("XADD s IDMP p '' * f v", "syntax error, IDMP requires a non-empty idempotent ID"),
        ("XADD s NOMKSTREAM KEEPREF IDMP p", "Invalid stream ID specified as stream command argument"),
        ("XADD s IDMP p i *", "wrong number of arguments for 'xadd' command"),
        ("XADD s IDMP p i * f", "wrong number of arguments for 'xadd' command"),
    ],
)
def test_what_is_wrong_with_an_identity(alice: Peer, line: str, text: str) -> None:
    assert ask(alice, line) == error(text)
    assert ask(alice, "EXISTS s") == b":0\r\n"


# -- XCFGSET ---------------------------------------------------------------------------------------


def test_settings_need_a_stream_and_an_option(alice: Peer) -> None:  # 3.2, 1
    ask(alice, "SET str x")
    assert ask(alice, "XCFGSET s IDMP-DURATION 5") == error("no such key")
    assert ask(alice, "XCFGSET str IDMP-DURATION 5").startswith(b"-WRONGTYPE")
    ask(alice, "XADD s * f v")
    assert ask(alice, "XCFGSET s") == error("syntax error")
    assert ask(alice, "XCFGSET s IDMP-DURATION") == error("syntax error")
    assert ask(alice, "XCFGSET s NONESUCH 5") == error("syntax error")


def test_both_settings_are_checked_before_either_is_changed(alice: Peer) -> None:  # 2
    ask(alice, "XADD s IDMP p i * f v")
    for seconds in (0, -1, 86_401):
        refused = error("IDMP-DURATION must be between 1 and 86400 seconds")
        assert ask(alice, f"XCFGSET s IDMP-MAXSIZE 5 IDMP-DURATION {seconds}") == refused
    for messages in (0, -1, 10_001):
        refused = error("IDMP-MAXSIZE must be between 1 and 10000 entries")
        assert ask(alice, f"XCFGSET s IDMP-DURATION 5 IDMP-MAXSIZE {messages}") == refused
    assert ask(alice, "XCFGSET s IDMP-DURATION x") == error("value is not an integer or out of range")
    assert (fields(alice)["idmp-duration"], fields(alice)["idmp-maxsize"]) == (100, 100)
    assert ask(alice, "XCFGSET s idmp-duration 86400 idmp-maxsize 10000") == b"+OK\r\n"


def test_only_a_change_makes_a_stream_forget(alice: Peer) -> None:  # 3
    ask(alice, "XADD s IDMP p i * f v")
    assert ask(alice, "XCFGSET s IDMP-DURATION 100 IDMP-MAXSIZE 100") == b"+OK\r\n"
    assert ask(alice, "XADD s IDMP p i * f v") == bulk(FIRST)
    assert ask(alice, "XCFGSET s IDMP-DURATION 50") == b"+OK\r\n"
    assert ask(alice, "XADD s IDMP p i * f v") == bulk(SECOND)
    assert (fields(alice)["iids-added"], fields(alice)["iids-duplicates"]) == (2, 1)


# -- XIDMPRECORD -----------------------------------------------------------------------------------


def test_a_record_is_attached_to_an_entry(alice: Peer) -> None:  # 3.3
    assert ask(alice, "XIDMPRECORD s p i 1-1") == error("no such key")
    ask(alice, "SET str x")
    assert ask(alice, "XIDMPRECORD str p i 1-1").startswith(b"-WRONGTYPE")
    ask(alice, f"XADD s {START_MS}-5 f v")
    ask(alice, f"XADD s {START_MS}-6 f v")
    for _ in range(2):
        assert ask(alice, f"XIDMPRECORD s p i {START_MS}-5") == b"+OK\r\n"
    assert ask(alice, "XADD s IDMP p i * f v") == bulk(f"{START_MS}-5")
    assert (fields(alice)["iids-added"], fields(alice)["iids-duplicates"]) == (0, 1)
    other = "The specified IDMP producer-id/idempotent-id pair maps to a different stream ID"
    assert ask(alice, f"XIDMPRECORD s p i {START_MS}-6") == error(other)
    gone = "The specified stream ID was deleted or doesn't exist"
    assert ask(alice, f"XIDMPRECORD s p j {START_MS}-7") == error(gone)
    assert ask(alice, "XIDMPRECORD s '' i 1-1") == error("XIDMPRECORD requires a non-empty producer ID")
    assert ask(alice, "XIDMPRECORD s p '' 1-1") == error("XIDMPRECORD requires a non-empty idempotent ID")


def test_records_are_as_many_as_of_any_other_kind(alice: Peer) -> None:
    for n in range(4):
        ask(alice, f"XADD s {START_MS}-{n + 1} f v")
    ask(alice, "XCFGSET s IDMP-MAXSIZE 3")
    for n in range(4):
        ask(alice, f"XIDMPRECORD s p {n} {START_MS}-{n + 1}")
    assert fields(alice)["iids-tracked"] == 3


# -- XINFO -----------------------------------------------------------------------------------------


def test_a_stream_that_nobody_used_so_looks_as_before(alice: Peer) -> None:  # 3.4, 1; 1.1
    ask(alice, "XADD s * f v")
    assert fields(alice) == {}
    ask(alice, "XCFGSET s IDMP-DURATION 100")
    assert fields(alice)["iids-added"] == 0
    full = ask(alice, "XINFO STREAM s FULL")
    assert (
        full.index(b"recorded-first-entry-id") < full.index(b"iids-duplicates") < full.index(b"entries\r\n")
    )


# -- the log ---------------------------------------------------------------------------------------


@pytest.fixture
def kept() -> Kept:
    kept = Kept()
    kept.peer().send("SET", "warm", "up")
    kept.written()
    return kept


def remembered(kept: Kept) -> list[list[bytes]]:
    value = kept.server.databases[0].values[b"s"]
    assert isinstance(value, StreamValue)
    return list(value.rebuild(b"s"))


def test_the_log_has_old_words_and_annotations(kept: Kept) -> None:  # 11, 12; 3.2, 4; section 11
    ann = kept.peer()
    ask(ann, "XADD s IDMP p i MAXLEN 5 * f v")
    added = [b"XADD", b"s", FIRST.encode(), b"f", b"v"]
    record = [b"XIDMPRECORD", b"s", b"p", b"i", FIRST.encode()]
    assert kept.written() == encode(*added) + annotate(record)
    ask(ann, "XADD s IDMP p i * f v")
    assert kept.written() == annotate(record)  # a duplicate, so that it is counted
    for line in ("XCFGSET s IDMP-DURATION 100", f"XIDMPRECORD s p i {FIRST}"):
        ask(ann, line)
        assert kept.written() == b""
    ask(ann, "XCFGSET s IDMP-MAXSIZE 7")
    assert kept.written() == annotate([b"XCFGSET", b"s", b"IDMP-MAXSIZE", b"7"])
    ann.feed(encode("SET", "a", 1) + encode("XCFGSET", "s", "IDMP-DURATION", 8) + encode("SET", "b", 1))
    settings = annotate([b"XCFGSET", b"s", b"IDMP-DURATION", b"8"])
    assert kept.written() == encode("SET", "a", 1) + settings + encode("SET", "b", 1)
    assert kept.replays()


def test_long_identities_take_several_lines(kept: Kept) -> None:
    ann = kept.peer()
    for size in (1, 400, 450, 4000):
        ann.send("XADD", "s", "IDMP", b"p\r\n" * size, bytes(range(256)) * size, "*", "f", "v")
    assert all(len(line) < 1000 for line in kept.written().split(b"\n") if line.startswith(b"#"))
    assert kept.replays()


def test_records_outlive_a_restart_even_of_entries_that_are_gone(kept: Kept) -> None:
    ann = kept.peer()
    for line in ("XADD s IDMP p i * f v", "XADD s IDMP p j MAXLEN 1 * f v", "XADD s IDMP q k MAXLEN 0 * f v"):
        ask(ann, line)
    kept.written()
    again = kept.restarted()
    assert remembered(again) == remembered(kept)
    assert fields(again.peer()) == fields(kept.peer())
    for number, (producer, message) in enumerate(["pi", "pj", "qk"]):
        line = f"XADD s IDMP {producer} {message} * f v"
        assert ask(again.peer(), line) == bulk(f"{START_MS}-{number}")


def test_a_transaction_with_records_is_replayed(kept: Kept) -> None:
    ann = kept.peer()
    for line in (
        "MULTI",
        "XADD s IDMP p i * f v",
        "XCFGSET s IDMP-MAXSIZE 3",
        "XADD s IDMP p j * f v",
        "EXEC",
    ):
        ask(ann, line)
    kept.written()
    assert kept.replays()
    assert remembered(kept.restarted()) == remembered(kept)


@pytest.mark.parametrize(
    ("form", "suffix", "said"), [("yes", "rdb", b"respq-stream"), ("no", "aof", b"#respq")]
)
def test_the_rewrite_has_settings_and_records(kept: Kept, form: str, suffix: str, said: bytes) -> None:  # 11
    ann = kept.peer()
    ask(ann, f"CONFIG SET aof-use-rdb-preamble {form}")
    for line in (
        "XADD s * f v",
        "XCFGSET s IDMP-MAXSIZE 7",
        "XADD s IDMP p i * f v",
        "XADD s IDMP p j * f v",
    ):
        ask(ann, line)
    assert [argv for argv in remembered(kept) if argv[0] in {b"XCFGSET", b"XIDMPRECORD"}] == [
        [
            *(b"XCFGSET", b"s", b"IDMP-DURATION", b"100", b"IDMP-MAXSIZE", b"7"),
            *(b"IIDS-ADDED", b"0", b"IIDS-DUPLICATES", b"0"),
        ],
        [b"XIDMPRECORD", b"s", b"p", b"i", SECOND.encode()],
        [b"XIDMPRECORD", b"s", b"p", b"j", f"{START_MS}-2".encode()],
    ]
    ask(ann, "BGREWRITEAOF")
    assert kept.server.aof is not None
    for _ in range(9):
        kept.clock.advance(1)
        assert kept.persistence.flush(kept.clock.now_ms)
        kept.server.aof.writer.sync()
        kept.persistence.cron(kept.clock.now_ms)
    assert said in kept.disk.get(DIRECTORY / f"appendonly.aof.2.base.{suffix}")
    again = kept.restarted()
    assert remembered(again) == remembered(kept)


def test_a_message_that_ended_and_came_again_has_its_last_entry_after_a_restart(kept: Kept) -> None:
    ann = kept.peer()
    for _ in range(2):
        ask(ann, "XADD s IDMP p i * f v")
        kept.clock.advance(100_001)
    kept.clock.advance(-100_001)
    kept.written()
    again = kept.restarted()
    assert ask(again.peer(), "XADD s IDMP p i * f v") == bulk(f"{START_MS + 100_001}-0")
    assert fields(again.peer())["iids-added"] == 2


def test_what_a_newer_redis_wrote_is_read(kept: Kept) -> None:  # 2, 11, 12; section 11
    kept.written()
    data = kept.disk.get(INCREMENT)
    data += encode("XADD", "s", "IDMP", "p", "i", FIRST, "f", "v")
    data += encode("XADD", "s", "MAXLEN", "=", 2, "IDMPAUTO", "p", SECOND, "a", 1)
    data += encode("XCFGSET", "s", "IDMP-DURATION", 100, "IDMP-MAXSIZE", 100)
    data += encode("XIDMPRECORD", "s", "q", "k", SECOND)
    disk = kept.disk.after_kill()
    disk.put(INCREMENT, data)
    again = Kept(disk, START_MS)
    assert ask(again.peer(), "XADD s IDMP p i * f v") == bulk(FIRST)
    assert ask(again.peer(), "XADD s IDMPAUTO p * a 1") == bulk(SECOND)
    assert ask(again.peer(), "XADD s IDMP q k * f v") == bulk(SECOND)


def test_a_message_that_is_refused_leaves_no_trace(kept: Kept) -> None:
    ann = kept.peer()
    last = f"{(1 << 64) - 1}-{(1 << 64) - 1}"
    ask(ann, f"XADD s {last} f v")
    assert ask(ann, "XADD s IDMP p i * f v").startswith(b"-ERR The stream has exhausted the last possible ID")
    assert b"idmp" not in ask(ann, "XINFO STREAM s")
    kept.written()
    assert kept.replays()
