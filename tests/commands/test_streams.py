"""Streams: what the commands answer, log and announce. Every reply was seen on redis-server 8.2.3."""

from __future__ import annotations

import pytest

from tests.commands.asking import ask
from tests.conftest import START_MS, Kept, Peer, Workbench
from tests.resp import encode

SAME_TIME = b"-ERR syntax error, MAXLEN and MINID options at the same time are not compatible"
TOP = b"-ERR The ID specified in XADD is equal or smaller than the target stream top item\r\n"


def entry(entry_id: str, *words: str) -> bytes:
    parts = [f"${len(word)}\r\n{word}\r\n" for word in words]
    return f"*2\r\n${len(entry_id)}\r\n{entry_id}\r\n*{len(words)}\r\n{''.join(parts)}".encode()


@pytest.fixture
def filled(alice: Peer) -> Peer:
    for n in range(1, 6):
        ask(alice, f"XADD s {n}-1 f {n}")
    return alice


# -- adding ----------------------------------------------------------------------------------------


def test_an_id_of_the_servers_is_the_time_and_never_less_than_the_last(
    alice: Peer, engine: Workbench
) -> None:
    now = START_MS
    assert ask(alice, "XADD s * f v") == b"$15\r\n%d-0\r\n" % now
    assert ask(alice, "XADD s * f v") == b"$15\r\n%d-1\r\n" % now
    assert ask(alice, f"XADD s {now + 10}-5 f v") == b"$15\r\n%d-5\r\n" % (now + 10)
    engine.pass_time(5)
    assert ask(alice, "XADD s * f v") == b"$15\r\n%d-6\r\n" % (now + 10)


@pytest.mark.parametrize(
    ("wanted", "answer"),
    [
        ("5-6", b"$3\r\n5-6\r\n"),
        ("5-*", b"$3\r\n5-6\r\n"),
        ("6", b"$3\r\n6-0\r\n"),
        ("6-*", b"$3\r\n6-0\r\n"),
        ("5-5", TOP),
        ("4-*", TOP),
        ("0-*", TOP),
        ("0-0", b"-ERR The ID specified in XADD must be greater than 0-0\r\n"),
        ("x", b"-ERR Invalid stream ID specified as stream command argument\r\n"),
    ],
)
def test_an_id_must_be_greater_than_any_before(alice: Peer, wanted: str, answer: bytes) -> None:
    ask(alice, "XADD s 5-5 f v")
    assert ask(alice, f"XADD s {wanted} f v") == answer


def test_ids_come_to_an_end(alice: Peer) -> None:
    last = 2**64 - 1
    assert ask(alice, f"XADD s {last}-{last} f v").startswith(b"$41")
    full = b"-ERR The stream has exhausted the last possible ID, unable to add more items\r\n"
    assert ask(alice, "XADD s * f v") == full
    assert ask(alice, "XADD s 1-1 f v") == full


def test_nomkstream_creates_nothing(alice: Peer) -> None:
    assert ask(alice, "XADD s NOMKSTREAM * f v") == b"$-1\r\n"
    assert ask(alice, "EXISTS s") == b":0\r\n"


def test_what_is_logged_says_what_was_decided() -> None:
    kept = Kept()
    ann = kept.peer()
    kept.written()
    first, second = b"%d-0" % START_MS, b"%d-1" % START_MS
    for line, argv in [
        ("XADD s * f v", [b"XADD", b"s", first, b"f", b"v"]),
        ("XADD s MAXLEN 1 * f w", [b"XADD", b"s", b"MAXLEN", b"=", b"1", second, b"f", b"w"]),
        ("XADD s MINID ~ 9 9999999999999-* f x", [b"XADD", b"s", b"9999999999999-0", b"f", b"x"]),
        ("XTRIM s MAXLEN 1", [b"XTRIM", b"s", b"MAXLEN", b"=", b"1"]),
        ("XTRIM s MINID ~ 5", []),
        ("XDEL s 5 9999999999999", [b"XDEL", b"s", b"5", b"9999999999999"]),
        ("XDEL s 5", []),
        ("XSETID s 9999999999999-9", [b"XSETID", b"s", b"9999999999999-9"]),
    ]:
        ask(ann, line)
        assert kept.written().endswith(encode(*argv) if argv else b"")
        assert kept.replays()


def test_other_options_are_refused_as_the_reference_does(alice: Peer) -> None:
    for line, error in [
        ("XADD s MAXLEN 5 MINID 5 * f v", SAME_TIME),
        (
            "XADD s LIMIT 5 * f v",
            b"-ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
        ),
        (
            "XADD s MAXLEN 5 LIMIT 5 * f v",
            b"-ERR syntax error, LIMIT cannot be used without the special ~ option",
        ),
        ("XADD s MAXLEN ~ 5 LIMIT -5 * f v", b"-ERR The LIMIT argument must be >= 0."),
        ("XADD s MAXLEN -1 * f v", b"-ERR The MAXLEN argument must be >= 0."),
        ("XADD s KEEPREF DELREF * f v", b"-ERR Invalid stream ID specified as stream command argument"),
        ("XADD s * f v g", b"-ERR wrong number of arguments for 'xadd' command"),
        ("XTRIM s MAXLEN 1 MAXLEN 2", SAME_TIME),
        ("XTRIM s NOPE 1", b"-ERR syntax error"),
        ("XTRIM s LIMIT 0", b"-ERR syntax error, XTRIM must be called with a trimming strategy"),
        ("XTRIM s LIMIT 0 MINID", b"-ERR syntax error"),
        (
            "XTRIM s LIMIT 5",
            b"-ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
        ),
        ("XADD s LIMIT 0 * f v", b"-ERR syntax error, LIMIT cannot be used without the special ~ option"),
        (
            "XADD s MINID = 5 LIMIT 0",
            b"-ERR syntax error, LIMIT cannot be used without the special ~ option",
        ),
    ]:
        assert ask(alice, line) == error + b"\r\n"
    assert ask(alice, "EXISTS s") == b":0\r\n"


RUNS = [
    ["XADD s * a 1 b x", "XADD s * a 2 b x", "XADD s * a 3 b x", "XADD s * a 4 b xx"],
    ["XADD s * a 1 b 1", "XADD s * c 2 d 2", "XADD s * c 3 e 3", "XADD s * a 4 b 4", "XADD s * a 5 b 4"],
    ["XADD s * a 1", "XADD s * a 1", "XADD s * a 1", "XADD s * a 1"],
    ["XADD s * a 1", "XADD t * a 1", "XADD s * a 1", "XADD s * a 1"],
    ["XADD s * a", "XADD s * a", "XADD s * a", "XADD s * a"],
    ["XADD s * a 1 b", "XADD s * a 1 c", "XADD s * a 1 b", "XADD s * a 1 b"],
    ["XADD empty * a 1", "XADD empty * a 2", "XADD empty * a 3", "XADD empty * a 4"],
    ["XADD late * a 1", "XADD late * a 2", "XADD late * a 3", "XADD late * a 4"],
    ["XADD full * a 1", "XADD full * a 2", "XADD full * a 3", "XADD full * a 4"],
    ["XADD str * a 1", "XADD str * a 2", "XADD str * a 3", "XADD str * a 4"],
    ["XADD s MAXLEN 2 * f v", "XADD s MAXLEN 2 * f w", "XADD s MAXLEN 2 * f x", "XADD s MAXLEN 2 * f y"],
    ["XDEL d 1-1", "XDEL d 1-3", "XDEL d 1-1", "XDEL d 1-2", "XDEL d 2-0"],
    ["XDEL d 1-1", "XDEL d 1-3", "XDEL d 1-4", "XDEL d 1-2", "XDEL d 1-5"],
    ["XDEL d 1-1", "XDEL d 1", "XDEL d 1-4", "XDEL d 01-2", "XDEL d x"],
    ["XDEL d 2-1", "XDEL d 2-2", "XDEL d 2-3", "XDEL d 2-4"],
    ["XDEL gone 2-1", "XDEL gone 2-2", "XDEL gone 2-3", "XDEL gone 2-4"],
    ["XDEL str 2-1", "XDEL str 2-2", "XDEL str 2-3", "XDEL str 2-4"],
    ["XADD s 1-1 f v", "XADD s 1-2 f w", "XADD s 1-2 f x", "XADD s 1-4 f y"],
]


@pytest.mark.parametrize("commands", RUNS)
def test_a_run_does_what_its_commands_do(commands: list[str]) -> None:
    seen = []
    for together in (True, False):
        kept = Kept()
        ann = kept.peer()
        ask(ann, "SET str x")
        ask(ann, f"XADD late 9999999999999-{2**64 - 3} f v")
        for n in range(1, 6):
            ask(ann, f"XADD d 1-{n} f v")
        ask(ann, "XADD empty MAXLEN 0 9999999999999-0 f v")
        ask(ann, f"XADD full {2**64 - 1}-{2**64 - 3} f v")
        kept.written()
        lines = [encode(*command.split()) for command in commands]
        reads = [b"".join(lines)] if together else lines
        replies = b"".join(ann.feed(read) for read in reads)
        ranges = [ask(ann, f"XRANGE {key} - +") for key in ("s", "t", "late", "full", "empty", "d")]
        seen.append((replies, ranges, kept.written(), ask(ann, "XINFO STREAM s"), ask(ann, "XINFO STREAM d")))
        assert kept.replays()
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    "options",
    [
        *(
            "MAXLEN ~ 300",
            "MAXLEN ~ 30",
            "MAXLEN ~ 300 LIMIT 20",
            "MAXLEN ~ 0",
            "maxlen ~ 2000",
            "MAXLEN ~ x",
        ),
        *("MAXLEN ~ 300 DELREF", "NOMKSTREAM", "NOMKSTREAM MAXLEN ~ 300", "MAXLEN 300", "MINID ~ 5-1"),
    ],
)
@pytest.mark.parametrize("length", [0, 299, 1000])
def test_a_run_that_trims_does_what_its_commands_do(options: str, length: int) -> None:
    seen = []
    for together in (True, False):
        kept = Kept()
        ann = kept.peer()
        for n in range(length):
            ask(ann, f"XADD s 1-{n + 1} f {'x' * 100}")
        ask(ann, "XDEL s 1-5 1-6 1-7")
        replies = b""
        for turn in range(4):
            lines = [encode(*f"XADD s {options} * f {turn}{n:0100}".split()) for n in range(50)]
            reads = [b"".join(lines)] if together else lines
            replies += b"".join(ann.feed(read) for read in reads)
        changes = kept.server.changes_since_save
        seen.append((replies, ask(ann, "XRANGE s - +"), ask(ann, "XINFO STREAM s"), changes))
        kept.written()
        assert kept.replays()
    assert seen[0] == seen[1]


def test_long_runs_are_added_at_once(alice: Peer) -> None:
    for _ in range(3):
        alice.feed(b"".join(encode("XADD", "s", "*", "n", n, "text", "x" * (n % 90)) for n in range(700)))
    assert ask(alice, "XLEN s") == b":2100\r\n"
    expected = b"".join(
        entry(f"{START_MS}-{n}", "n", f"{n % 700}", "text", "x" * (n % 700 % 90)) for n in range(2100)
    )
    assert ask(alice, "XRANGE s - +") == b"*2100\r\n" + expected


# -- reading ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "ids"),
    [
        ("XRANGE s - +", "12345"),
        ("XRANGE s 2 4", "234"),
        ("XRANGE s 2-2 (4-1", "3"),
        ("XRANGE s (1-1 + COUNT 2", "23"),
        ("XRANGE s 4 2", ""),
        ("XREVRANGE s + -", "54321"),
        ("XREVRANGE s 4 (1-1 COUNT 2", "43"),
    ],
)
def test_a_range_is_what_lies_between(filled: Peer, line: str, ids: str) -> None:
    assert ask(filled, line) == b"*%d\r\n" % len(ids) + b"".join(entry(f"{n}-1", "f", n) for n in ids)


def test_a_count_of_nothing_is_answered_with_null(filled: Peer) -> None:
    assert ask(filled, "XRANGE s - + COUNT 0") == b"*-1\r\n"
    assert ask(filled, "XREVRANGE gone + - COUNT 0") == b"*0\r\n"


def test_xread_answers_with_what_is_behind(filled: Peer) -> None:
    four_five = b"*2\r\n" + entry("4-1", "f", "4") + entry("5-1", "f", "5")
    assert ask(filled, "XREAD STREAMS s gone 3-1 0") == b"*1\r\n*2\r\n$1\r\ns\r\n" + four_five
    assert ask(filled, "XREAD STREAMS s +") == b"*1\r\n*2\r\n$1\r\ns\r\n*1\r\n" + entry("5-1", "f", "5")
    assert ask(filled, "XREAD STREAMS s $") == b"*-1\r\n"
    ask(filled, "HELLO 3")
    assert ask(filled, "XREAD STREAMS s 3-1") == b"%1\r\n$1\r\ns\r\n" + four_five


def test_everybody_who_waits_gets_what_is_added(filled: Peer, bob: Peer, carol: Peer) -> None:
    for peer in (bob, carol):
        assert ask(peer, "XREAD BLOCK 0 STREAMS gone s $ $") == b""
    ask(filled, "XADD s 9-9 f v")
    for peer in (bob, carol):
        assert peer.take() == b"*1\r\n*2\r\n$1\r\ns\r\n*1\r\n" + entry("9-9", "f", "v")


def test_a_wait_ends_with_its_time(bob: Peer, engine: Workbench) -> None:
    assert ask(bob, "XREAD BLOCK 100 STREAMS s 0") == b""
    engine.pass_time(101)
    assert bob.take() == b"*-1\r\n"


def test_another_type_under_the_key_serves_nobody(alice: Peer, bob: Peer) -> None:
    assert ask(bob, "XREAD BLOCK 0 STREAMS s 0") == b""
    ask(alice, "SET s v")
    assert bob.take() == b""
    ask(alice, "DEL s")
    ask(alice, "XADD s 1-1 f v")
    assert bob.take() == b"*1\r\n*2\r\n$1\r\ns\r\n*1\r\n" + entry("1-1", "f", "v")


def test_who_is_woken_by_one_key_is_refused_for_another_of_the_wrong_type(alice: Peer, bob: Peer) -> None:
    assert ask(bob, "XREAD BLOCK 0 STREAMS s t 0 0") == b""
    ask(alice, "SET s v")
    assert bob.take() == b""
    ask(alice, "XADD t 1-1 f v")
    assert bob.take() == b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"


# -- deleting --------------------------------------------------------------------------------------


def test_a_stream_outlives_its_entries(filled: Peer) -> None:
    assert ask(filled, "XDEL s 2-1 9-9 2-1") == b":1\r\n"
    assert ask(filled, "XTRIM s MAXLEN = 0") == b":4\r\n"
    assert ask(filled, "XLEN s") == b":0\r\n"
    assert ask(filled, "TYPE s") == b"+stream\r\n"
    assert ask(filled, "XADD s 5-1 f v") == TOP


def test_whole_nodes_are_trimmed_or_nothing(alice: Peer) -> None:
    alice.feed(b"".join(encode("XADD", "s", f"{n}-1", "f", "v") for n in range(1, 351)))
    assert ask(alice, "XTRIM s MAXLEN ~ 300") == b":0\r\n"
    assert ask(alice, "XTRIM s MAXLEN ~ 100") == b":200\r\n"
    assert ask(alice, "XTRIM s MAXLEN ~ 100 ACKED") == b":0\r\n"
    assert ask(alice, "XTRIM s MAXLEN ~ 0 LIMIT 120") == b":100\r\n"
    assert ask(alice, "XTRIM s MINID 351-2") == b":50\r\n"


def test_a_bad_id_among_good_ones_deletes_nothing(filled: Peer) -> None:
    assert ask(filled, "XDEL s 1-1 x") == b"-ERR Invalid stream ID specified as stream command argument\r\n"
    assert ask(filled, "XLEN s") == b":5\r\n"


def test_xinfo_shows_the_past(filled: Peer) -> None:
    ask(filled, "XDEL s 3-1")
    ask(filled, "XTRIM s MAXLEN 3")
    assert ask(filled, "XINFO STREAM s") == (
        b"*20\r\n$6\r\nlength\r\n:3\r\n$15\r\nradix-tree-keys\r\n:1\r\n$16\r\nradix-tree-nodes\r\n:2\r\n"
        b"$17\r\nlast-generated-id\r\n$3\r\n5-1\r\n$20\r\nmax-deleted-entry-id\r\n$3\r\n3-1\r\n"
        b"$13\r\nentries-added\r\n:5\r\n$23\r\nrecorded-first-entry-id\r\n$3\r\n2-1\r\n"
        b"$6\r\ngroups\r\n:0\r\n$11\r\nfirst-entry\r\n%b$10\r\nlast-entry\r\n%b"
        % (entry("2-1", "f", "2"), entry("5-1", "f", "5"))
    )


def test_xsetid_is_no_change_to_those_who_watch(filled: Peer, bob: Peer) -> None:
    ask(bob, "WATCH s")
    ask(filled, "XSETID s 9-9")
    assert bob.feed(encode("MULTI") + encode("EXEC")) == b"+OK\r\n*0\r\n"


def test_a_node_whose_last_entry_is_deleted_is_as_long_as_before_to_minid(alice: Peer) -> None:
    """As redis-server 8.2.3 answers: what decides is the last ID that the node has ever had."""
    for key in ("a", "b"):
        alice.send("XADD", key, "2-0", "f", "v")
        alice.send("XADD", key, "5-0", "f", "v")
        alice.send("XDEL", key, "5-0")
    assert alice.send("XTRIM", "a", "MINID", "~", "5") == b":0\r\n"
    assert alice.send("XTRIM", "b", "MINID", "~", "6") == b":1\r\n"


def test_trimming_by_minid_leaves_a_node_that_had_an_entry_from_there_on(alice: Peer) -> None:
    """As redis-server 8.2.3 does. It goes when MINID is greater."""
    for trims, nodes in [
        (["MINID = 3"], 1),
        (["MINID ~ 3"], 1),
        (["MINID = 3", "MINID = 4"], 0),
        (["MINID = 3", "MINID ~ 4"], 0),
        (["MINID = 3", "MAXLEN 0"], 1),
        (["MAXLEN 0"], 0),
    ]:
        lines = ["DEL s", *(f"XADD s {n}-0 f v" for n in (1, 2, 3)), "XDEL s 3-0"]
        for line in [*lines, *(f"XTRIM s {trim}" for trim in trims)]:
            ask(alice, line)
        assert b"radix-tree-keys\r\n:%d\r\n" % nodes in ask(alice, "XINFO STREAM s"), trims


def test_deleted_entries_fill_a_node_as_well(alice: Peer) -> None:
    ask(alice, "CONFIG SET stream-node-max-entries 3")
    lines = [*(f"XADD s {n}-0 f v" for n in (1, 2, 3)), "XDEL s 2-0", "XADD s 4-0 f v"]
    for line in lines:
        ask(alice, line)
    assert b"radix-tree-keys\r\n:2\r\n" in ask(alice, "XINFO STREAM s")
    ask(alice, "CONFIG SET stream-node-max-entries 100")


@pytest.mark.parametrize(
    ("added", "maxlen", "left"),
    [
        ((16,), 2, (1, 2, 16)),
        ((15, 16), 3, (1, 2, 15, 16)),
        ((15, 16), 2, (1, 2)),
        ((15, 16, 17), 3, (1, 2, 17)),
    ],
)
def test_trimming_what_is_acknowledged_ends_in_the_first_node_that_would_stay(
    alice: Peer, added: tuple[int, ...], maxlen: int, left: tuple[int, ...]
) -> None:
    """As redis-server 8.2.3 answers; 1 and 2 are pending, and with 3 they fill a node."""
    ask(alice, "CONFIG SET stream-node-max-entries 3")
    for line in [*(f"XADD s {n}-0 f v" for n in (1, 2, 3)), "XGROUP CREATE s g 0"]:
        ask(alice, line)
    ask(alice, "XREADGROUP GROUP g ann COUNT 2 STREAMS s >")
    ask(alice, "XGROUP SETID s g 99")
    for n in added:
        ask(alice, f"XADD s {n}-0 f v")
    ask(alice, f"XTRIM s MAXLEN {maxlen} ACKED")
    rest = b"".join(entry(f"{n}-0", "f", "v") for n in left)
    assert ask(alice, "XRANGE s - +") == b"*%d\r\n%b" % (len(left), rest)
    ask(alice, "CONFIG SET stream-node-max-entries 100")


def test_trimming_by_length_takes_away_what_minid_left(alice: Peer) -> None:
    ask(alice, "CONFIG SET stream-node-max-entries 3")
    lines = [*(f"XADD s {n}-0 f v" for n in range(1, 6)), "XDEL s 3-0", "XTRIM s MINID 3"]
    for line in [*lines, "XTRIM s MAXLEN ~ 1"]:
        ask(alice, line)
    assert b"length\r\n:2\r\n$15\r\nradix-tree-keys\r\n:1\r\n" in ask(alice, "XINFO STREAM s")
    ask(alice, "CONFIG SET stream-node-max-entries 100")


def test_nodes_beyond_the_limit_stay(alice: Peer) -> None:
    ask(alice, "CONFIG SET stream-node-max-entries 3")
    for n in range(1, 9):
        ask(alice, f"XADD s {n}-0 f v")
    assert ask(alice, "XTRIM s MINID ~ 99 LIMIT 2") == b":0\r\n"
    assert b"radix-tree-keys\r\n:3\r\n" in ask(alice, "XINFO STREAM s")
    assert ask(alice, "XTRIM s MINID ~ 99 LIMIT 4") == b":3\r\n"
    assert b"radix-tree-keys\r\n:2\r\n" in ask(alice, "XINFO STREAM s")
    assert ask(alice, "XTRIM s MAXLEN 1") == b":4\r\n"
    ask(alice, "CONFIG SET stream-node-max-entries 100")


def test_entries_are_counted_as_far_as_numbers_go() -> None:
    kept = Kept()
    peer = kept.peer()
    most = (1 << 63) - 1
    for line in ["XADD s 1-1 f v", f"XSETID s 1-1 ENTRIESADDED {most}", "XADD s 2-1 f v"]:
        ask(peer, line)
    assert b"entries-added\r\n:%d\r\n" % most in ask(peer, "XINFO STREAM s")
    assert [words for words in kept.data()[0][b"s"][0] if words[0] == b"XSETID"] == [
        [b"XSETID", b"s", b"2-1", b"ENTRIESADDED", b"%d" % most, b"MAXDELETEDID", b"0-0"]
    ]
