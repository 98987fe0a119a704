"""SORT and SORT_RO. Every expected reply and effect was seen on redis-server 8.2.3."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from tests.commands.asking import ask
from tests.conftest import Peer, Workbench
from tests.resp import bulk, bulks

NULL = b"$-1\r\n"
NOT_NUMBERS = b"-ERR One or more scores can't be converted into double\r\n"
NOT_INTEGER = b"-ERR value is not an integer or out of range\r\n"
SYNTAX = b"-ERR syntax error\r\n"
WRONGTYPE = b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"

DATA = [
    "RPUSH n 3 1 2 10",
    "SADD i 3 1 2 10",
    "SADD s bb aa cc dd",
    "ZADD z 1 a 2 b 3 c 3 bb",
    "ZADD zn 1 3 2 1 3 2",
    "MSET w_1 30 w_2 20 w_3 10 w_10 0",
    "HSET h_1 f 5 g x",
    "HSET h_2 f 4",
    "HSET h_3 f 3",
    "SET str x",
]


def listed(line: str) -> bytes:
    """An array of the words of `line`, `-` being null."""
    return bulks(*[None if word == "-" else word for word in line.split()])


@pytest.fixture
def ann(alice: Peer) -> Peer:
    """A client of a server that holds DATA."""
    for line in DATA:
        ask(alice, line)
    return alice


@pytest.fixture(autouse=True)
def sound(engine: Workbench) -> Iterator[None]:
    """Whatever happened, the books agree."""
    yield
    for db in engine.server.databases:
        db.check()
        for value in db.values.values():
            value.check()


def effects_of(engine: Workbench, peer: Peer, line: str) -> list[tuple[str | None, str | None]]:
    """Event and logged command of each effect of a command, executed without the drain that follows."""
    argv = [word.encode() for word in line.split()]
    engine.clock.refresh()
    peer.client.table[argv[0]][len(argv)][0](peer.client, argv)
    found = [
        (event, None if logged is None else b" ".join(logged).decode())
        for _, _, event, logged in engine.server.effects
    ]
    engine.server.effects.clear()
    return found


# -- order -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("n", "1 2 3 10"),
        ("n DESC", "10 3 2 1"),
        ("n DESC ASC", "1 2 3 10"),
        ("n ALPHA", "1 10 2 3"),
        ("i DESC", "10 3 2 1"),
        ("z ALPHA", "a b bb c"),
        ("n BY w_*", "10 3 2 1"),
        ("n BY h_*->f", "10 3 2 1"),
        ("n BY h_*->", "1 10 2 3"),
        ("zn BY w_*", "3 2 1"),
        ("zn BY w_* ALPHA DESC LIMIT 0 2", "1 2"),
        ("n BY nosort", "3 1 2 10"),
        ("n BY nosort DESC", "10 2 1 3"),
        ("n BY w_* BY nosort", "3 1 2 10"),
        ("n BY nosort BY w_*", "3 1 2 10"),
        ("s BY nosort DESC", "bb aa cc dd"),
        ("s BY nosort LIMIT 1 2", "aa cc"),
        ("z BY nosort", "a b bb c"),
        ("z BY nosort DESC LIMIT 1 2", "bb b"),
        ("z BY nosort DESC LIMIT -1 2", "c bb"),
        ("n BY nosort DESC LIMIT 1 2", "2 1"),
        ("gone", ""),
    ],
)
def test_order(ann: Peer, words: str, expected: str) -> None:
    assert ask(ann, f"SORT {words}") == listed(expected)
    assert ask(ann, f"SORT_RO {words}") == listed(expected)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("1 2", "2 3"),
        ("-1 2", "1 2"),
        ("1 -1", "2 3 10"),
        ("0 0", ""),
        ("3 2", "10"),
        ("9 2", ""),
        ("1 9223372036854775807", "2 3 10"),
        ("9223372036854775807 9223372036854775807", ""),
        ("1 1 LIMIT 2 1", "3"),
    ],
)
def test_limit(ann: Peer, limit: str, expected: str) -> None:
    assert ask(ann, f"SORT n LIMIT {limit}") == listed(expected)


@pytest.mark.parametrize(
    "word", ["1e400", "inf", "INF", "+1", "5.", "1e5", "1\x002", "9223372036854775808", "1" * 400]
)
def test_numbers_above_a_quarter(alice: Peer, word: str) -> None:
    alice.send("RPUSH", "l", word, "0.25")
    assert alice.send("SORT", "l", "LIMIT", "0", "1") == listed("0.25")


@pytest.mark.parametrize("word", ["-1e400", "-Infinity", "", "-0", "1e-400", "5e-324", "\x00", "0e400"])
def test_numbers_below_a_quarter(alice: Peer, word: str) -> None:
    alice.send("RPUSH", "l", word, "0.25")
    assert alice.send("SORT", "l", "LIMIT", "1", "1") == listed("0.25")


@pytest.mark.parametrize("word", ["0x10", " 1", "1 ", "nan", ".", "1_0", "1e", "infi", "-"])
def test_what_is_no_number(alice: Peer, word: str) -> None:
    alice.send("RPUSH", "l", word)
    alice.send("SET", "w_x", word)
    alice.send("RPUSH", "x", "x")
    assert ask(alice, "SORT l LIMIT 0 0") == NOT_NUMBERS
    assert ask(alice, "SORT x BY w_*") == NOT_NUMBERS
    assert ask(alice, "SORT x BY nosort") == listed("x")


def test_equal_numbers_are_in_the_order_of_their_texts(alice: Peer) -> None:
    ask(alice, "RPUSH t 1.0 1 01 +1 2 1")
    assert ask(alice, "SORT t") == listed("+1 01 1 1 1.0 2")
    assert ask(alice, "SORT t DESC") == listed("2 1.0 1 1 01 +1")
    assert ask(alice, "SORT t BY none_*") == listed("+1 01 1 1 1.0 2")


def test_equal_texts_keep_their_order(alice: Peer) -> None:
    ask(alice, "RPUSH t 1.0 1 01 +1 2 1")
    assert ask(alice, "SORT t BY none_* ALPHA") == listed("1.0 1 01 +1 2 1")
    assert ask(alice, "SORT t BY none_* ALPHA DESC") == listed("1.0 1 01 +1 2 1")
    ask(alice, "MSET q_2 a q_1 b\0a q_1.0 b\0b q_01 b")
    assert ask(alice, "SORT t BY q_* ALPHA") == listed("+1 2 1.0 1 01 1")
    assert ask(alice, "SORT t BY q_* ALPHA DESC") == listed("1.0 1 01 1 2 +1")
    ask(alice, "SORT t BY q_* ALPHA STORE d")
    assert ask(alice, "LRANGE d 0 -1") == listed("+1 2 01 1 1 1.0")


def test_texts_end_at_a_nul_unless_they_are_stored(alice: Peer) -> None:
    ask(alice, "RPUSH t a\0b a\0a a B")
    assert ask(alice, "SORT t ALPHA") == listed("B a\0b a\0a a")
    ask(alice, "SORT t ALPHA STORE d")
    assert ask(alice, "LRANGE d 0 -1") == listed("B a a\0a a\0b")


@pytest.mark.parametrize("words", ["", "DESC", "ALPHA", "ALPHA DESC", "BY w_*", "BY w_* ALPHA DESC"])
def test_limit_is_a_part_of_the_whole(alice: Peer, words: str) -> None:
    rng = Random(words)
    for word in range(0, 30, 2):
        ask(alice, f"SET w_{word} {rng.randrange(5)}")
    ask(alice, "RPUSH l " + " ".join(str(rng.randrange(30)) for _ in range(200)))
    whole = ask(alice, f"SORT l {words}").split(b"\r\n")[2::2]
    assert len(whole) == 200
    for start, count in [(0, 1), (0, 10), (3, 10), (20, 5), (20, 6), (150, 100)]:
        part = b" ".join(whole[start : start + count]).decode()
        assert ask(alice, f"SORT l {words} LIMIT {start} {count}") == listed(part)


def test_in_a_script_a_set_has_an_order(ann: Peer) -> None:
    script = "return redis.call('sort', 's', 'by', 'nosort', ARGV[1])"
    assert ann.send("EVAL", script, "0", "asc") == listed("aa bb cc dd")
    assert ann.send("EVAL", script, "0", "desc") == listed("dd cc bb aa")


@pytest.mark.parametrize("name", ["SORT", "SORT_RO"])
def test_a_sorted_set_is_no_listpack_afterwards(ann: Peer, name: str) -> None:
    assert ask(ann, "OBJECT ENCODING z") == b"$8\r\nlistpack\r\n"
    ask(ann, f"{name} z BY nosort LIMIT 0 0")
    assert ask(ann, "OBJECT ENCODING z") == b"$8\r\nskiplist\r\n"


# -- look up ---------------------------------------------------------------------------------------


def test_get(ann: Peer) -> None:
    words = "GET # GET w_* GET h_*->f GET h_*->g GET none_* GET str GET ##"
    expected = "10 0 - - - - - 3 10 3 - - - - 2 20 4 - - - - 1 30 5 x - - -"
    assert ask(ann, f"SORT n BY w_* {words}") == listed(expected)
    ask(ann, "HELLO 3")
    assert ask(ann, "SORT n LIMIT 0 1 GET none_* GET #") == b"*2\r\n_\r\n$1\r\n1\r\n"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("p*->f", "1"),
        ("p*->f->g", "2"),
        ("p*->*", "star"),
        ("p*->", "arrow"),
        ("p**", "literal"),
        ("p*k", "twice"),
        ("p->*", "before"),
        ("*", "alone"),
        ("p*", "-"),
        ("p*-", "-"),
        ("p*f->f", "-"),
        ("k", "-"),
        ("*->f", "-"),
    ],
)
def test_patterns(alice: Peer, pattern: str, expected: str) -> None:
    ask(alice, "RPUSH g k")
    ask(alice, "HSET pk f 1 f->g 2 * star")
    ask(alice, "MSET pk-> arrow pk* literal pkk twice p->k before k alone pk->f text")
    assert ask(alice, f"SORT g BY nosort GET {pattern}") == listed(expected)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [(b"#\0", b"k"), (b"p\0*", None), (b"p*\0", b"nul"), (b"p*->f\0", b"1"), (b"p*\0->f", b"arrow")],
)
def test_no_sign_of_a_pattern_is_behind_a_nul(alice: Peer, pattern: bytes, expected: bytes | None) -> None:
    ask(alice, "RPUSH g k")
    alice.send("HSET", "pk", b"f\0", 1, "f", 2)
    alice.send("MSET", b"p\0k", "none", b"pk\0", "nul", b"pk\0->f", "arrow")
    reply = alice.send("SORT", "g", "BY", "nosort", "GET", pattern)
    assert reply == (
        b"*1\r\n$-1\r\n" if expected is None else b"*1\r\n$%d\r\n%b\r\n" % (len(expected), expected)
    )
    ask(alice, "RPUSH l 2 1")
    assert alice.send("SORT", "l", "BY", b"w\0*") == b"*2\r\n$1\r\n2\r\n$1\r\n1\r\n"


def test_what_has_expired_is_not_found(engine: Workbench, ann: Peer) -> None:
    ask(ann, "PEXPIRE w_1 10")
    ask(ann, "HPEXPIRE h_2 10 FIELDS 1 f")
    engine.pass_time(20)
    assert ask(ann, "SORT n GET w_* GET h_*->f LIMIT 0 2") == listed("- 5 20 -")
    ask(ann, "PEXPIRE n 10")
    engine.pass_time(20)
    assert ask(ann, "SORT n") == listed("")


@pytest.mark.parametrize(
    ("line", "hits", "misses"),
    [
        ("SORT n", 1, 0),
        ("SORT gone STORE d", 0, 1),
        ("SORT str", 1, 0),
        ("SORT n BY w_* GET none_* GET # GET str GET h_*->f", 1 + 4 + 3, 4 + 1),
        ("SORT n LIMIT 0 1 GET none_*", 1, 1),
    ],
)
def test_every_look_up_is_counted(engine: Workbench, ann: Peer, line: str, hits: int, misses: int) -> None:
    stats = engine.server.stats
    before = stats.keyspace_hits, stats.keyspace_misses
    ask(ann, line)
    assert (stats.keyspace_hits - before[0], stats.keyspace_misses - before[1]) == (hits, misses)


# -- store -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("n STORE d", "1 2 3 10"),
        ("s BY nosort STORE d", "aa bb cc dd"),
        ("s BY nosort DESC STORE d", "dd cc bb aa"),
        ("i BY nosort LIMIT 1 2 STORE d", "10 2"),
        ("z BY nosort LIMIT 1 2 STORE d", "b bb"),
        ("n DESC STORE other STORE d", "10 3 2 1"),
    ],
)
def test_store(ann: Peer, words: str, expected: str) -> None:
    assert ask(ann, f"SORT {words}") == b":%d\r\n" % len(expected.split())
    assert ask(ann, "LRANGE d 0 -1") == listed(expected)
    assert ask(ann, "EXISTS other") == b":0\r\n"


def test_what_get_does_not_find_is_stored_empty(ann: Peer) -> None:
    assert ask(ann, "SORT n LIMIT 0 2 GET none_* GET # STORE d") == b":4\r\n"
    assert ask(ann, "LRANGE d 0 -1") == b"*4\r\n$0\r\n\r\n$1\r\n1\r\n$0\r\n\r\n$1\r\n2\r\n"


def test_effects(engine: Workbench, ann: Peer) -> None:
    def effects(line: str) -> list[tuple[str | None, str | None]]:
        return effects_of(engine, ann, line)

    assert effects("SORT n") == []
    assert effects("SORT gone STORE d") == []
    assert effects("SORT n STORE str") == [("sortstore", "SORT n STORE str")]
    assert effects("SORT n LIMIT 0 0 STORE str") == [("del", "SORT n LIMIT 0 0 STORE str")]
    ask(ann, "SET d x PX 10")
    engine.pass_time(20)
    assert effects("SORT n STORE d") == [("expired", "DEL d"), ("sortstore", "SORT n STORE d")]
    ask(ann, "EXPIRE d 100")
    ask(ann, "SORT n STORE d")
    assert ask(ann, "TTL d") == b":-1\r\n"


def test_storing_serves_who_waits(ann: Peer, bob: Peer) -> None:
    assert ask(bob, "BLPOP d 0") == b""
    assert ask(ann, "SORT n STORE d") == b":4\r\n"
    assert bob.take() == listed("d 1")


@pytest.mark.parametrize(
    ("directive", "length", "encoding"),
    [
        ("-2", 8178, b"listpack"),
        ("-2", 8179, b"quicklist"),
        ("4", 8192, b"listpack"),
        ("4", 8193, b"quicklist"),
    ],
)
def test_a_long_element_is_stored_as_redis_does(
    alice: Peer, directive: str, length: int, encoding: bytes
) -> None:
    ask(alice, f"CONFIG SET list-max-listpack-size {directive}")
    try:
        alice.send("RPUSH", "l", "x" * length)
        ask(alice, "SORT l BY nosort STORE d")
        assert ask(alice, "OBJECT ENCODING d") == bulk(encoding)
    finally:
        ask(alice, "CONFIG SET list-max-listpack-size -2")


@pytest.mark.parametrize(("count", "encoding"), [(1635, b"listpack"), (1636, b"quicklist")])
def test_many_elements_are_stored_as_redis_does(alice: Peer, count: int, encoding: bytes) -> None:
    alice.send("RPUSH", "l", *["abc"] * count)
    ask(alice, "SORT l ALPHA STORE d")
    assert ask(alice, "OBJECT ENCODING d") == bulk(encoding)


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("SORT str", WRONGTYPE),
        ("SORT h_1 NOPE", SYNTAX),
        ("SORT str LIMIT a b", NOT_INTEGER),
        ("SORT n LIMIT 99999999999999999999 2", NOT_INTEGER),
        ("SORT n LIMIT 0", SYNTAX),
        ("SORT n STORE", SYNTAX),
        ("SORT_RO n STORE d", SYNTAX),
        ("SORT_RO n GET", SYNTAX),
        ("SORT_RO n BY", SYNTAX),
        ("SORT s STORE n", NOT_NUMBERS),
    ],
)
def test_errors_change_nothing(ann: Peer, line: str, error: bytes) -> None:
    assert ask(ann, line) == error
    assert ask(ann, "LRANGE n 0 -1") == listed("3 1 2 10")
    assert ask(ann, "EXISTS d") == b":0\r\n"


# -- keys ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("SORT a", "a"),
        ("SORT a STORE b STORE c", "a c"),
        ("SORT a STORE STORE b", "a STORE"),
        ("SORT a STORE BY STORE c", "a c"),
        ("SORT a BY STORE GET STORE LIMIT STORE b", "a"),
        ("SORT a FOO STORE b", "a b"),
        ("SORT a sToRe q limit", "a q"),
        ("SORT a LIMIT STORE", "a"),
        ("SORT a BY x STORE", "a"),
        ("SORT STORE x", "STORE"),
        ("SORT_RO a STORE b BY w_*", "a"),
    ],
)
def test_the_keys_that_a_call_names(alice: Peer, line: str, expected: str) -> None:
    assert ask(alice, f"COMMAND GETKEYS {line}") == listed(expected)
