"""The list commands, bytes in and bytes out. Every expected reply was seen on redis-server 8.2.3."""

from __future__ import annotations

import pytest

from respq.command import SPECS
from respq.datatypes.lists import ListValue
from respq.protocol.runs import Run
from tests.commands.asking import ask
from tests.commands.runs import as_run
from tests.conftest import Peer, Workbench
from tests.resp import bulk, bulks

WRONGTYPE = b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
SYNTAX = b"-ERR syntax error\r\n"
NOT_INTEGER = b"-ERR value is not an integer or out of range\r\n"
NOT_POSITIVE = b"-ERR value is out of range, must be positive\r\n"
OUT_OF_LONG = (
    b"-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807\r\n"
)
NUMKEYS = b"-ERR numkeys should be greater than 0\r\n"
COUNT = b"-ERR count should be greater than 0\r\n"
NULL = b"$-1\r\n"
NULL_ARRAY = b"*-1\r\n"


def content(peer: Peer, key: str = "l") -> list[str]:
    lines = ask(peer, f"LRANGE {key} 0 -1").decode().split("\r\n")
    return lines[2::2]


# -- push ------------------------------------------------------------------------------------------


def test_push_answers_the_length_and_keeps_the_order(alice: Peer) -> None:
    assert ask(alice, "RPUSH l a b") == b":2\r\n"
    assert ask(alice, "LPUSH l c d") == b":4\r\n"
    assert content(alice) == ["d", "c", "a", "b"]


def test_pushx_needs_an_existing_list(alice: Peer) -> None:
    assert ask(alice, "LPUSHX l a") == b":0\r\n"
    assert ask(alice, "RPUSHX l a") == b":0\r\n"
    ask(alice, "RPUSH l a")
    assert ask(alice, "LPUSHX l b c") == b":3\r\n"
    assert ask(alice, "RPUSHX l d e") == b":5\r\n"
    assert content(alice) == ["c", "b", "a", "d", "e"]


def test_elements_are_binary_safe(alice: Peer) -> None:
    element = bytes(range(256))
    alice.send("RPUSH", "l", element, b"")
    assert alice.send("LPOP", "l") == b"$256\r\n" + element + b"\r\n"
    assert alice.send("LPOP", "l") == b"$0\r\n\r\n"


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("LINSERT l BEFORE b x", b":4\r\n"),
        ("linsert l after b x", b":4\r\n"),
        ("LINSERT l BEFORE nope x", b":-1\r\n"),
        ("LINSERT no BEFORE b x", b":0\r\n"),
        ("LINSERT l AROUND b x", SYNTAX),
        ("LINSERT s AROUND b x", SYNTAX),
        ("LINSERT s BEFORE b x", WRONGTYPE),
    ],
)
def test_linsert(alice: Peer, line: str, reply: bytes) -> None:
    ask(alice, "RPUSH l a b c")
    ask(alice, "SET s string")
    assert ask(alice, line) == reply


def test_linsert_finds_the_first_pivot(alice: Peer) -> None:
    ask(alice, "RPUSH l a b a")
    ask(alice, "LINSERT l BEFORE a x")
    ask(alice, "LINSERT l AFTER a y")
    assert content(alice) == ["x", "a", "y", "b", "a"]


# -- pop -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("LPOP l", b"$1\r\na\r\n"),
        ("RPOP l", b"$1\r\nc\r\n"),
        ("LPOP l 2", bulks("a", "b")),
        ("RPOP l 2", bulks("c", "b")),
        ("RPOP l 9", bulks("c", "b", "a")),
        ("LPOP l 0", b"*0\r\n"),
        ("LPOP no", NULL),
        ("LPOP no 1", NULL_ARRAY),
        ("LPOP no 0", NULL_ARRAY),
        ("LPOP l -1", NOT_POSITIVE),
        ("LPOP l x", NOT_POSITIVE),
        ("LPOP no x", NOT_POSITIVE),
        ("LPOP s x", NOT_POSITIVE),
        ("LPOP l 9223372036854775808", NOT_POSITIVE),
        ("LPOP l 1 2", b"-ERR wrong number of arguments for 'lpop' command\r\n"),
        ("RPOP l 1 2", b"-ERR wrong number of arguments for 'rpop' command\r\n"),
        ("LPOP s", WRONGTYPE),
        ("RPOP s 1", WRONGTYPE),
    ],
)
def test_pop(alice: Peer, line: str, reply: bytes) -> None:
    ask(alice, "RPUSH l a b c")
    ask(alice, "SET s string")
    assert ask(alice, line) == reply


def test_the_key_goes_with_the_last_element(alice: Peer) -> None:
    for command in (
        "LPOP l",
        "RPOP l",
        "LPOP l 9",
        "RPOP l 1",
        "LREM l 0 a",
        "LTRIM l 1 0",
        "LMPOP 1 l LEFT",
    ):
        ask(alice, "RPUSH l a")
        ask(alice, command)
        assert ask(alice, "EXISTS l") == b":0\r\n", command


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("LMPOP 1 l LEFT", b"*2\r\n$1\r\nl\r\n" + bulks("a")),
        ("LMPOP 2 no l right count 2", b"*2\r\n$1\r\nl\r\n" + bulks("c", "b")),
        ("LMPOP 2 no l LEFT COUNT 3000000000", b"*2\r\n$1\r\nl\r\n" + bulks("a", "b", "c")),
        ("LMPOP 2 no no2 LEFT", NULL_ARRAY),
        ("LMPOP 2 no s LEFT", WRONGTYPE),
        ("LMPOP 0 l LEFT", NUMKEYS),
        ("LMPOP x l LEFT", NUMKEYS),
        ("LMPOP -1 l LEFT", NUMKEYS),
        ("LMPOP 2 l LEFT", SYNTAX),
        ("LMPOP 9223372036854775807 l LEFT", SYNTAX),
        ("LMPOP 1 l MIDDLE", SYNTAX),
        ("LMPOP 1 l LEFT COUNT", SYNTAX),
        ("LMPOP 1 l LEFT LIMIT 1", SYNTAX),
        ("LMPOP 1 l LEFT COUNT 1 COUNT 1", SYNTAX),
        ("LMPOP 1 l LEFT COUNT 0", COUNT),
        ("LMPOP 1 l LEFT COUNT x", COUNT),
        ("LMPOP 1 l LEFT COUNT -3", COUNT),
    ],
)
def test_lmpop(alice: Peer, line: str, reply: bytes) -> None:
    ask(alice, "RPUSH l a b c")
    ask(alice, "SET s string")
    assert ask(alice, line) == reply


def test_nulls_in_resp3(alice: Peer) -> None:
    ask(alice, "HELLO 3")
    for line in ("LPOP no", "LPOP no 1", "LMPOP 1 no LEFT", "LINDEX no 0", "LPOS no a", "RPOPLPUSH no l"):
        assert ask(alice, line) == b"_\r\n", line


# -- move ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "reply", "left", "right"),
    [
        ("LMOVE l m LEFT RIGHT", b"$1\r\na\r\n", ["b", "c"], ["x", "a"]),
        ("LMOVE l m left left", b"$1\r\na\r\n", ["b", "c"], ["a", "x"]),
        ("LMOVE l m RIGHT RIGHT", b"$1\r\nc\r\n", ["a", "b"], ["x", "c"]),
        ("RPOPLPUSH l m", b"$1\r\nc\r\n", ["a", "b"], ["c", "x"]),
        ("LMOVE l l LEFT RIGHT", b"$1\r\na\r\n", ["b", "c", "a"], ["x"]),
        ("RPOPLPUSH l l", b"$1\r\nc\r\n", ["c", "a", "b"], ["x"]),
        ("LMOVE m l LEFT LEFT", b"$1\r\nx\r\n", ["x", "a", "b", "c"], []),
        ("LMOVE no s LEFT LEFT", NULL, ["a", "b", "c"], ["x"]),
        ("RPOPLPUSH no l", NULL, ["a", "b", "c"], ["x"]),
        ("LMOVE l s LEFT LEFT", WRONGTYPE, ["a", "b", "c"], ["x"]),
        ("LMOVE s l LEFT LEFT", WRONGTYPE, ["a", "b", "c"], ["x"]),
        ("RPOPLPUSH l s", WRONGTYPE, ["a", "b", "c"], ["x"]),
        ("LMOVE l m UP LEFT", SYNTAX, ["a", "b", "c"], ["x"]),
        ("LMOVE no m LEFT UP", SYNTAX, ["a", "b", "c"], ["x"]),
    ],
)
def test_move(alice: Peer, line: str, reply: bytes, left: list[str], right: list[str]) -> None:
    ask(alice, "RPUSH l a b c")
    ask(alice, "RPUSH m x")
    ask(alice, "SET s string")
    assert ask(alice, line) == reply
    assert (content(alice, "l"), content(alice, "m")) == (left, right)


def test_a_list_of_one_moved_onto_itself_stays(alice: Peer) -> None:
    ask(alice, "RPUSH l a")
    assert ask(alice, "LMOVE l l LEFT RIGHT") == b"$1\r\na\r\n"
    assert content(alice) == ["a"]


# -- read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("LLEN l", b":4\r\n"),
        ("LLEN no", b":0\r\n"),
        ("LLEN s", WRONGTYPE),
        ("LINDEX l 0", b"$1\r\na\r\n"),
        ("LINDEX l -1", b"$1\r\na\r\n"),
        ("LINDEX l 4", NULL),
        ("LINDEX l -5", NULL),
        ("LINDEX no x", NULL),
        ("LINDEX l x", NOT_INTEGER),
        ("LINDEX l 01", NOT_INTEGER),
        ("LINDEX s x", WRONGTYPE),
        ("LRANGE l 0 -1", bulks("a", "b", "c", "a")),
        ("LRANGE l -100 100", bulks("a", "b", "c", "a")),
        ("LRANGE l 1 2", bulks("b", "c")),
        ("LRANGE l -2 -2", bulks("c")),
        ("LRANGE l 5 9", b"*0\r\n"),
        ("LRANGE l 2 1", b"*0\r\n"),
        ("LRANGE l -1 -100", b"*0\r\n"),
        ("LRANGE no 0 -1", b"*0\r\n"),
        ("LRANGE no x 1", NOT_INTEGER),
        ("LRANGE l 0 x", NOT_INTEGER),
        ("LRANGE s x 1", NOT_INTEGER),
        ("LRANGE s 0 1", WRONGTYPE),
        ("LPOS l a", b":0\r\n"),
        ("LPOS l a RANK 2", b":3\r\n"),
        ("LPOS l a RANK -1", b":3\r\n"),
        ("LPOS l a RANK 3", NULL),
        ("LPOS l z", NULL),
        ("LPOS no a", NULL),
        ("LPOS l a COUNT 0", b"*2\r\n:0\r\n:3\r\n"),
        ("LPOS l a COUNT 1 COUNT 0", b"*2\r\n:0\r\n:3\r\n"),
        ("LPOS l a COUNT 0 RANK -1", b"*2\r\n:3\r\n:0\r\n"),
        ("LPOS l a rank -1 maxlen 1 count 2", b"*1\r\n:3\r\n"),
        ("LPOS l a RANK 2 COUNT 0 MAXLEN 1", b"*0\r\n"),
        ("LPOS l a MAXLEN 3 COUNT 0", b"*1\r\n:0\r\n"),
        ("LPOS l z COUNT 0", b"*0\r\n"),
        ("LPOS no a COUNT 1", b"*0\r\n"),
        ("LPOS l a RANK x", NOT_INTEGER),
        ("LPOS l a RANK -9223372036854775808", OUT_OF_LONG),
        ("LPOS l a COUNT -1", b"-ERR COUNT can't be negative\r\n"),
        ("LPOS l a COUNT x", b"-ERR COUNT can't be negative\r\n"),
        ("LPOS l a MAXLEN -1", b"-ERR MAXLEN can't be negative\r\n"),
        ("LPOS l a RANK", SYNTAX),
        ("LPOS s a FIRST 1", SYNTAX),
        ("LPOS s a", WRONGTYPE),
        (
            "LPOS l a RANK 0",
            (
                b"-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... "
                b"or use negative to start from the end of the list\r\n"
            ),
        ),
    ],
)
def test_read(alice: Peer, line: str, reply: bytes) -> None:
    ask(alice, "RPUSH l a b c a")
    ask(alice, "SET s string")
    assert ask(alice, line) == reply


# -- edit ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "reply", "left"),
    [
        ("LSET l 0 x", b"+OK\r\n", ["x", "b", "c", "a"]),
        ("LSET l -1 x", b"+OK\r\n", ["a", "b", "c", "x"]),
        ("LSET l 4 x", b"-ERR index out of range\r\n", ["a", "b", "c", "a"]),
        ("LSET l -5 x", b"-ERR index out of range\r\n", ["a", "b", "c", "a"]),
        ("LSET l one x", NOT_INTEGER, ["a", "b", "c", "a"]),
        ("LSET no one x", b"-ERR no such key\r\n", ["a", "b", "c", "a"]),
        ("LSET s 0 x", WRONGTYPE, ["a", "b", "c", "a"]),
        ("LREM l 0 a", b":2\r\n", ["b", "c"]),
        ("LREM l 1 a", b":1\r\n", ["b", "c", "a"]),
        ("LREM l -1 a", b":1\r\n", ["a", "b", "c"]),
        ("LREM l 5 a", b":2\r\n", ["b", "c"]),
        ("LREM l 0 z", b":0\r\n", ["a", "b", "c", "a"]),
        ("LREM no 0 a", b":0\r\n", ["a", "b", "c", "a"]),
        ("LREM no x a", NOT_INTEGER, ["a", "b", "c", "a"]),
        ("LREM l -9223372036854775808 a", OUT_OF_LONG, ["a", "b", "c", "a"]),
        ("LREM s 0 a", WRONGTYPE, ["a", "b", "c", "a"]),
        ("LTRIM l 1 2", b"+OK\r\n", ["b", "c"]),
        ("LTRIM l -2 -1", b"+OK\r\n", ["c", "a"]),
        ("LTRIM l -100 100", b"+OK\r\n", ["a", "b", "c", "a"]),
        ("LTRIM l 5 9", b"+OK\r\n", []),
        ("LTRIM l 0 -5", b"+OK\r\n", []),
        ("LTRIM no 0 1", b"+OK\r\n", ["a", "b", "c", "a"]),
        ("LTRIM no x 1", NOT_INTEGER, ["a", "b", "c", "a"]),
        ("LTRIM s 0 1", WRONGTYPE, ["a", "b", "c", "a"]),
    ],
)
def test_edit(alice: Peer, line: str, reply: bytes, left: list[str]) -> None:
    ask(alice, "RPUSH l a b c a")
    ask(alice, "SET s string")
    assert ask(alice, line) == reply
    assert content(alice) == left


# -- runs ------------------------------------------------------------------------------------------


def test_a_pipeline_of_pushes_answers_one_by_one(alice: Peer) -> None:
    assert alice.feed(b"LPUSH l a\r\nLPUSH l b\r\n" * 3) == b":1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n"
    assert alice.feed(b"RPUSH l c\r\n" * 5) == b":7\r\n:8\r\n:9\r\n:10\r\n:11\r\n"
    assert content(alice) == [*"bababa", *"ccccc"]


def test_a_pipeline_of_pops_may_empty_the_list(alice: Peer) -> None:
    ask(alice, "RPUSH l a b c d e")
    assert alice.feed(b"LPOP l\r\n" * 7) == bulks(*"abcde")[4:] + NULL + NULL
    assert ask(alice, "EXISTS l") == b":0\r\n"
    assert alice.feed(b"RPOP l\r\n" * 5) == NULL * 5


def test_a_pipeline_over_several_keys_keeps_them_apart(alice: Peer) -> None:
    assert alice.feed(b"RPUSH l a\r\nRPUSH m a\r\n" * 3) == b":1\r\n:1\r\n:2\r\n:2\r\n:3\r\n:3\r\n"
    assert alice.feed(b"RPUSH l b c\r\n" * 5) == b":5\r\n:7\r\n:9\r\n:11\r\n:13\r\n"


def test_a_pipeline_against_the_wrong_type_fails_each_time(alice: Peer) -> None:
    ask(alice, "SET s string")
    assert alice.feed(b"RPUSH s a\r\n" * 5 + b"LPOP s\r\n" * 5) == WRONGTYPE * 10


# -- effects ---------------------------------------------------------------------------------------


def effects(engine: Workbench, line: str) -> list[tuple[str, str, str | None]]:
    """What a command says it did: key, event, and the command that repeats it."""
    client = engine.connect()
    argv = line.encode().split()
    handler = SPECS[argv[0].decode()].handler
    assert handler is not None
    client.effects.clear()
    handler(client, argv)
    return [
        (key.decode(), event, None if logged is None else b" ".join(logged).decode())
        for _, key, event, logged in client.effects
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("LPUSH l x y", [("l", "lpush", "LPUSH l x y")]),
        ("RPUSHX l x", [("l", "rpush", "RPUSHX l x")]),
        ("RPUSHX no x", []),
        ("LINSERT l BEFORE a x", [("l", "linsert", "LINSERT l BEFORE a x")]),
        ("LINSERT l BEFORE z x", []),
        ("LPOP l", [("l", "lpop", "LPOP l")]),
        ("RPOP l 2", [("l", "rpop", "RPOP l 2")]),
        ("LPOP l 0", []),
        ("RPOP one", [("one", "rpop", "RPOP one"), ("one", "del", None)]),
        ("LMPOP 2 no l LEFT COUNT 9", [("l", "lpop", "LPOP l 3"), ("l", "del", None)]),
        ("LMOVE l m LEFT RIGHT", [("m", "rpush", "LMOVE l m LEFT RIGHT"), ("l", "lpop", None)]),
        (
            "RPOPLPUSH one m",
            [("m", "lpush", "RPOPLPUSH one m"), ("one", "rpop", None), ("one", "del", None)],
        ),
        ("BRPOPLPUSH l m 0", [("m", "lpush", "RPOPLPUSH l m"), ("l", "rpop", None)]),
        ("BLMOVE l l LEFT RIGHT 0", [("l", "rpush", "LMOVE l l LEFT RIGHT"), ("l", "lpop", None)]),
        ("BLPOP no one 0", [("one", "lpop", "LPOP one"), ("one", "del", None)]),
        ("BRPOP l 0", [("l", "rpop", "RPOP l")]),
        ("BLMPOP 0 1 l RIGHT COUNT 2", [("l", "rpop", "RPOP l 2")]),
        ("LSET l 0 a", [("l", "lset", "LSET l 0 a")]),
        ("LREM l 0 a", [("l", "lrem", "LREM l 0 a")]),
        ("LREM one 0 a", [("one", "lrem", "LREM one 0 a"), ("one", "del", None)]),
        ("LREM l 0 z", []),
        ("LTRIM l 0 0", [("l", "ltrim", "LTRIM l 0 0")]),
        ("LTRIM l 0 -1", [("l", "ltrim", None)]),
        ("LTRIM l 7 8", [("l", "ltrim", "LTRIM l 7 8"), ("l", "del", None)]),
    ],
)
def test_what_is_announced_and_logged(
    engine: Workbench, alice: Peer, line: str, expected: list[tuple[str, str, str | None]]
) -> None:
    ask(alice, "RPUSH l a b c")
    ask(alice, "RPUSH one a")
    assert effects(engine, line) == expected


def test_a_run_is_logged_as_it_was_sent(engine: Workbench) -> None:
    client = engine.connect()
    push = [[b"RPUSH", b"l", b"%d" % n] for n in range(4)]
    bulk = SPECS["RPUSH"].bulk
    assert bulk is not None
    assert bulk(client, as_run(push)) == b":1\r\n:2\r\n:3\r\n:4\r\n"
    [(db, key, event, logged)] = client.effects
    assert (db, key, event) == (client.db, b"l", "rpush")
    assert isinstance(logged, Run)
    assert logged.commands == push

    client.effects.clear()
    pop = [[b"LPOP", b"l"]] * 6
    bulk = SPECS["LPOP"].bulk
    assert bulk is not None
    assert bulk(client, as_run(pop)) == b"$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n" + NULL * 2
    assert [effect[1:3] for effect in client.effects] == [(b"l", "lpop"), (b"l", "del")]
    logged = client.effects[0][3]
    assert isinstance(logged, Run)
    assert logged.commands == pop[:4]


def test_a_run_of_pushes_may_be_on_several_lists(engine: Workbench) -> None:
    client = engine.connect()
    push = SPECS["LPUSH"].bulk
    assert push is not None
    run = as_run([[b"LPUSH", name, b"x"] for name in (b"l", b"m", b"l", b"n")])
    assert push(client, run) == b":1\r\n:1\r\n:2\r\n:1\r\n"
    assert client.effects == [(client.db, None, None, run)]
    client.db.check()


def test_a_run_in_another_form_is_declined_untouched(engine: Workbench) -> None:
    client = engine.connect()
    push, pop = SPECS["LPUSH"].bulk, SPECS["RPOP"].bulk
    assert push is not None
    assert pop is not None
    assert push(client, as_run([[b"LPUSH", b"l", b"a", b"b"]] * 4)) is None
    assert pop(client, as_run([[b"RPOP", b"l", b"1"]] * 4)) is None
    assert not client.effects
    assert not client.db.values


def test_a_stored_list_keeps_its_invariants(engine: Workbench, alice: Peer) -> None:
    for n in range(300):
        ask(alice, f"LPUSH l element-{n:0190d}")
    ask(alice, "LREM l 0 element-1")
    value = alice.client.db.find(b"l", ListValue)
    assert value is not None
    value.check()
    alice.client.db.check()
    assert ask(alice, "OBJECT ENCODING l") == b"$9\r\nquicklist\r\n"


@pytest.mark.parametrize(
    "elements",
    [
        [b"%05d" % n for n in range(5000)],
        [b"x" * (n % 70) for n in range(5000)],
        [b"x" * (n * 7 % 1500) for n in range(3000)],
        [b""] * 3000,
    ],
)
def test_long_replies_hold_every_element(alice: Peer, elements: list[bytes]) -> None:
    items = [bulk(element) for element in elements]
    alice.send("RPUSH", "l", *elements)
    assert alice.send("LRANGE", "l", "0", "-1") == b"*%d\r\n" % len(items) + b"".join(items)
    assert alice.send("LRANGE", "l", "700", "2699") == b"*2000\r\n" + b"".join(items[700:2700])
    assert alice.send("LPOP", "l", "1200") == b"*1200\r\n" + b"".join(items[:1200])
    assert alice.send("RPOP", "l", "9999") == b"*%d\r\n" % (len(items) - 1200) + b"".join(items[:1199:-1])
