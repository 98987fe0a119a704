"""The string commands and the counters. Every expected reply was seen on redis-server 8.2.3."""

from __future__ import annotations

import pytest

from respq.commands.counters import _incr_run
from respq.commands.strings import _get_run, _set_run
from tests.commands.asking import ask, logged
from tests.commands.runs import as_run
from tests.conftest import Peer, Workbench
from tests.resp import NULL, OK, SYNTAX, WRONGTYPE, bulk

NOT_INTEGER = b"-ERR value is not an integer or out of range\r\n"
NOT_FLOAT = b"-ERR value is not a valid float\r\n"
OVERFLOW = b"-ERR increment or decrement would overflow\r\n"
TOO_LONG = b"-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n"


def invalid_expire(name: str) -> bytes:
    return b"-ERR invalid expire time in '%b' command\r\n" % name.encode()


# -- SET -------------------------------------------------------------------------------------------


def test_set_replaces_a_value_of_any_type_and_its_expiry(alice: Peer) -> None:
    ask(alice, "RPUSH k a b")
    ask(alice, "EXPIRE k 100")
    assert ask(alice, "SET k v") == OK
    assert ask(alice, "GET k") == bulk("v")
    assert ask(alice, "TTL k") == b":-1\r\n"


def test_set_keepttl_keeps_the_expiry(alice: Peer) -> None:
    ask(alice, "SET k v EX 100")
    assert ask(alice, "SET k w KEEPTTL") == OK
    assert ask(alice, "TTL k") == b":100\r\n"
    assert ask(alice, "SET k x") == OK
    assert ask(alice, "TTL k") == b":-1\r\n"


def test_set_nx_and_xx_look_whether_the_key_exists(alice: Peer) -> None:
    assert ask(alice, "SET k v XX") == NULL
    assert ask(alice, "SET k v NX") == OK
    assert ask(alice, "SET k w NX NX") == NULL
    assert ask(alice, "SET k w XX") == OK
    assert ask(alice, "GET k") == bulk("w")


def test_set_get_answers_the_old_value_whether_or_not_it_sets(alice: Peer) -> None:
    assert ask(alice, "SET k a GET") == NULL
    assert ask(alice, "SET k b NX GET") == bulk("a")
    assert ask(alice, "SET k c XX GET GET") == bulk("a")
    assert ask(alice, "SET z c XX GET") == NULL
    assert ask(alice, "GET k") == bulk("c")
    ask(alice, "RPUSH l a")
    assert ask(alice, "SET l v GET") == WRONGTYPE
    assert ask(alice, "SET l v NX GET") == WRONGTYPE


@pytest.mark.parametrize(
    "options",
    [
        "EX",
        "NX XX",
        "PERSIST",
        "EX 10 PX 10",
        "EX 10 KEEPTTL",
        "PXAT 10 EXAT 10",
        "FOO",
        "EX 10 FOO",
        "GET 5",
    ],
)
def test_set_refuses_options_that_make_no_sentence(alice: Peer, options: str) -> None:
    assert ask(alice, f"SET k v {options}") == SYNTAX
    assert ask(alice, "EXISTS k") == b":0\r\n"


@pytest.mark.parametrize(
    "option",
    ["EX 0", "EX -1", "PX 0", "EXAT 0", "PXAT -5", "EX 9223372036854775807", "PX 9223372036854775807",
     "EXAT 9223372036854776", "EX 0 GET"],
)  # fmt: skip
def test_set_refuses_times_that_do_not_exist(alice: Peer, option: str) -> None:
    assert ask(alice, f"SET k v {option}") == invalid_expire("set")


def test_the_same_option_given_twice_counts_the_last_time(alice: Peer) -> None:
    assert ask(alice, "SET k v EX 5 ex 100") == OK
    assert ask(alice, "TTL k") == b":100\r\n"
    assert ask(alice, "SET k v PXAT 9223372036854775807") == OK
    assert ask(alice, "PEXPIRETIME k") == b":9223372036854775807\r\n"


def test_set_stores_a_value_that_has_expired_already(alice: Peer) -> None:
    assert ask(alice, "SET k v EXAT 1") == OK
    assert ask(alice, "GET k") == NULL


def test_setex_and_psetex_name_themselves_in_their_errors(alice: Peer) -> None:
    assert ask(alice, "SETEX k 100 v") == OK
    assert ask(alice, "TTL k") == b":100\r\n"
    assert ask(alice, "PSETEX k 50000 v") == OK
    assert ask(alice, "TTL k") == b":50\r\n"
    assert ask(alice, "SETEX k 0 v") == invalid_expire("setex")
    assert ask(alice, "PSETEX k -1 v") == invalid_expire("psetex")
    assert ask(alice, "SETEX k x v") == NOT_INTEGER


def test_setnx_sets_once(alice: Peer) -> None:
    assert ask(alice, "SETNX k v") == b":1\r\n"
    assert ask(alice, "SETNX k w") == b":0\r\n"
    assert ask(alice, "GET k") == bulk("v")


def test_msetnx_sets_all_or_nothing(alice: Peer) -> None:
    assert ask(alice, "MSETNX a 1 b 2 a 3") == b":1\r\n"
    assert ask(alice, "MSETNX c 1 a 2") == b":0\r\n"
    assert ask(alice, "MGET a b c") == b"*3\r\n$1\r\n3\r\n$1\r\n2\r\n$-1\r\n"


def test_a_key_without_a_value_is_refused_as_a_wrong_number_of_arguments(alice: Peer) -> None:
    assert ask(alice, "MSET a 1 b") == b"-ERR wrong number of arguments for 'mset' command\r\n"
    assert ask(alice, "MSETNX a 1 b") == b"-ERR wrong number of arguments for 'msetnx' command\r\n"


# -- GET -------------------------------------------------------------------------------------------


def test_null_is_spelled_as_the_client_asked_for(alice: Peer) -> None:
    assert ask(alice, "GET k") == NULL
    ask(alice, "HELLO 3")
    assert ask(alice, "GET k") == b"_\r\n"
    assert ask(alice, "MGET k") == b"*1\r\n_\r\n"


@pytest.mark.parametrize(
    "line",
    ["GET l", "STRLEN l", "GETRANGE l 0 1", "GETDEL l", "GETSET l v", "GETEX l", "GETEX l EX 0", "APPEND l x",
     "SETRANGE l 0 ''", "INCR l", "DECRBY l 1", "INCRBYFLOAT l 1"],
)  # fmt: skip
def test_other_types_are_refused(alice: Peer, line: str) -> None:
    ask(alice, "RPUSH l a")
    assert ask(alice, line) == WRONGTYPE


def test_mget_shows_other_types_as_null(alice: Peer) -> None:
    ask(alice, "RPUSH l a")
    ask(alice, "SET k v")
    assert ask(alice, "MGET l k") == b"*2\r\n$-1\r\n$1\r\nv\r\n"


def test_getset_and_getdel_answer_what_was_there(alice: Peer) -> None:
    assert ask(alice, "GETSET k a") == NULL
    ask(alice, "EXPIRE k 100")
    assert ask(alice, "GETSET k b") == bulk("a")
    assert ask(alice, "TTL k") == b":-1\r\n"
    assert ask(alice, "GETDEL k") == bulk("b")
    assert ask(alice, "GETDEL k") == NULL


def test_getex_changes_the_expiry(alice: Peer) -> None:
    ask(alice, "SET k v")
    assert ask(alice, "GETEX k EX 100") == bulk("v")
    assert ask(alice, "TTL k") == b":100\r\n"
    assert ask(alice, "GETEX k") == bulk("v")
    assert ask(alice, "TTL k") == b":100\r\n"
    assert ask(alice, "GETEX k PERSIST PERSIST") == bulk("v")
    assert ask(alice, "TTL k") == b":-1\r\n"
    assert ask(alice, "GETEX k EXAT 1") == bulk("v")
    assert ask(alice, "EXISTS k") == b":0\r\n"


def test_getex_looks_at_the_key_before_it_looks_at_the_time(alice: Peer) -> None:
    assert ask(alice, "GETEX k EX 0") == NULL
    ask(alice, "SET k v")
    assert ask(alice, "GETEX k EX 0") == invalid_expire("getex")
    assert ask(alice, "GETEX k EX x") == NOT_INTEGER


@pytest.mark.parametrize("options", ["EX", "KEEPTTL", "NX", "GET", "PERSIST EX 5", "PX 5 EX 5"])
def test_getex_refuses_options_that_make_no_sentence(alice: Peer, options: str) -> None:
    assert ask(alice, f"GETEX k {options}") == SYNTAX


# -- parts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bounds", "part"),
    [("0 -1", "hello"), ("1 3", "ell"), ("-3 100", "llo"), ("3 1", ""), ("-1 -3", ""), ("0 -100", "h"),
     ("-100 -90", "h"), ("5 9", ""), ("0 9223372036854775807", "hello")],
)  # fmt: skip
def test_getrange_counts_from_either_end(alice: Peer, bounds: str, part: str) -> None:
    ask(alice, "SET k hello")
    assert ask(alice, f"GETRANGE k {bounds}") == bulk(part)
    assert ask(alice, f"SUBSTR k {bounds}") == bulk(part)
    ask(alice, "APPEND k ''")
    assert ask(alice, f"GETRANGE k {bounds}") == bulk(part)


def test_getrange_reads_its_numbers_before_the_key(alice: Peer) -> None:
    ask(alice, "RPUSH l a")
    assert ask(alice, "GETRANGE l x 1") == NOT_INTEGER
    assert ask(alice, "GETRANGE none 0 9223372036854775808") == NOT_INTEGER
    assert ask(alice, "GETRANGE none 0 1") == bulk("")


def test_setrange_pads_with_zero_bytes(alice: Peer) -> None:
    assert ask(alice, "SETRANGE k 2 ab") == b":4\r\n"
    assert alice.send("GET", "k") == b"$4\r\n\0\0ab\r\n"
    assert ask(alice, "SETRANGE k 3 cde") == b":6\r\n"
    assert alice.send("GET", "k") == b"$6\r\n\0\0acde\r\n"


def test_setrange_of_nothing_changes_nothing(alice: Peer) -> None:
    assert ask(alice, "SETRANGE k 9223372036854775807 ''") == b":0\r\n"
    assert ask(alice, "EXISTS k") == b":0\r\n"
    ask(alice, "SET k 12")
    assert ask(alice, "SETRANGE k 5 ''") == b":2\r\n"
    assert ask(alice, "OBJECT ENCODING k") == bulk("int")


@pytest.mark.parametrize("key", ["k", "none"])
def test_a_string_cannot_grow_beyond_proto_max_bulk_len(alice: Peer, key: str) -> None:
    ask(alice, "SET k hello")
    assert ask(alice, f"SETRANGE {key} 536870911 ab") == TOO_LONG
    assert ask(alice, f"SETRANGE {key} 9223372036854775807 x") == TOO_LONG
    assert ask(alice, f"SETRANGE {key} -1 x") == b"-ERR offset is out of range\r\n"
    assert ask(alice, f"SETRANGE {key} x x") == NOT_INTEGER


def test_append_is_held_to_the_same_limit() -> None:
    engine = Workbench(**{"proto-max-bulk-len": "1mb"})
    alice = engine.peer()
    assert alice.send("APPEND", "k", b"x" * 1_000_000) == b":1000000\r\n"
    assert alice.send("APPEND", "k", b"x" * 50_000) == TOO_LONG
    assert alice.send("STRLEN", "k") == b":1000000\r\n"


def test_append_creates_and_extends(alice: Peer) -> None:
    assert ask(alice, "APPEND k ''") == b":0\r\n"
    assert ask(alice, "EXISTS k") == b":1\r\n"
    assert ask(alice, "APPEND k ab") == b":2\r\n"
    assert ask(alice, "APPEND k c") == b":3\r\n"
    assert ask(alice, "GET k") == bulk("abc")
    assert ask(alice, "STRLEN k") == b":3\r\n"


# -- counters --------------------------------------------------------------------------------------


def test_counters_start_at_zero_and_keep_their_expiry(alice: Peer) -> None:
    assert ask(alice, "INCR n") == b":1\r\n"
    ask(alice, "EXPIRE n 100")
    assert ask(alice, "INCRBY n 9") == b":10\r\n"
    assert ask(alice, "DECR n") == b":9\r\n"
    assert ask(alice, "DECRBY n 12") == b":-3\r\n"
    assert ask(alice, "INCR n") == b":-2\r\n"
    assert ask(alice, "TTL n") == b":100\r\n"


def test_counters_stay_within_64_bits(alice: Peer) -> None:
    ask(alice, "SET n 9223372036854775807")
    assert ask(alice, "INCR n") == OVERFLOW
    assert ask(alice, "DECRBY n -1") == OVERFLOW
    assert ask(alice, "DECRBY n 9223372036854775807") == b":0\r\n"
    assert ask(alice, "INCRBY n -9223372036854775808") == b":-9223372036854775808\r\n"
    assert ask(alice, "DECR n") == OVERFLOW
    assert ask(alice, "DECRBY n -9223372036854775808") == b"-ERR decrement would overflow\r\n"


@pytest.mark.parametrize(
    "text", ["''", "x", "1.0", "+1", "01", "-0", "9223372036854775808", "99999999999999999999"]
)
def test_only_canonical_integers_count(alice: Peer, text: str) -> None:
    ask(alice, f"SET n {text}")
    assert ask(alice, "INCR n") == NOT_INTEGER
    assert ask(alice, f"INCRBY z {text}") == NOT_INTEGER


@pytest.mark.parametrize(
    ("text", "increment", "total"),
    [
        ("0.1", "0.2", "0.3"),
        ("10.5", "0.1", "10.6"),
        ("5.0e3", "2.0e2", "5200"),
        ("3", "1e-17", "3.00000000000000001"),
        ("1", "1e-18", "1"),
        ("-0", "-0", "0"),
        ("0", "0x10", "16"),
        ("0", "0x.8p1", "1"),
        ("1e19", "1", "10000000000000000001"),
        ("0", "1e22", "10000000000000000000000"),
        ("0", ".5", "0.5"),
        ("0", "5.", "5"),
        ("0", "+1.50", "1.5"),
    ],
)
def test_incrbyfloat_counts_and_prints_as_the_reference_does(
    alice: Peer, text: str, increment: str, total: str
) -> None:
    ask(alice, f"SET f {text}")
    assert ask(alice, f"INCRBYFLOAT f {increment}") == bulk(total)
    assert ask(alice, "GET f") == bulk(total)


@pytest.mark.parametrize("word", ["x", "''", "1e", "0x", "nan", "1e5000", "1e-5000", "1_0", "--1"])
def test_incrbyfloat_refuses_what_is_no_number(alice: Peer, word: str) -> None:
    assert ask(alice, f"INCRBYFLOAT f {word}") == NOT_FLOAT
    ask(alice, f"SET f {word}")
    assert ask(alice, "INCRBYFLOAT f 1") == NOT_FLOAT
    assert ask(alice, "INCRBYFLOAT f inf") == NOT_FLOAT


def test_incrbyfloat_refuses_infinite_results(alice: Peer) -> None:
    infinite = b"-ERR increment would produce NaN or Infinity\r\n"
    assert ask(alice, "INCRBYFLOAT f -inf") == infinite
    ask(alice, "SET f 1e4932")
    assert ask(alice, "INCRBYFLOAT f 1e4932") == infinite
    ask(alice, "SET f inf")
    assert ask(alice, "INCRBYFLOAT f -inf") == infinite


def test_encodings_tell_how_a_string_came_about(alice: Peer) -> None:
    for line, encoding in (
        ("SET k 5", "int"),
        ("APPEND k 6", "raw"),
        ("INCR k", "int"),
        ("INCRBYFLOAT k 1", "embstr"),
        ("GETSET k 7", "int"),
        ("SETRANGE k 0 8", "raw"),
        ("DECR k", "int"),
        ("SET k abc", "embstr"),
        ("SET k " + "x" * 41, "raw"),
        ("COPY k k2", "raw"),
    ):
        ask(alice, line)
        assert ask(alice, "OBJECT ENCODING k") == bulk(encoding), line


# -- the log ---------------------------------------------------------------------------------------

NOW_MS = 1_700_000_000_000  # where the clock of the tests stands


@pytest.mark.parametrize(
    ("line", "effect"),
    [
        ("SET k v", "SET k v"),
        ("SET k v EX 10", f"SET k v PXAT {NOW_MS + 10_000}"),
        ("SET k v PX 10 XX GET", f"SET k v PXAT {NOW_MS + 10}"),
        ("SET k v EXAT 9999999999", "SET k v PXAT 9999999999000"),
        ("SET k v pxat 9999999999000", "SET k v pxat 9999999999000"),
        ("SET k v GET xx KEEPTTL", "SET k v xx KEEPTTL"),
        ("SET new v NX", "SET new v NX"),
        ("SETEX k 10 v", f"SET k v PXAT {NOW_MS + 10_000}"),
        ("PSETEX k 10 v", f"SET k v PXAT {NOW_MS + 10}"),
        ("SETNX new v", "SETNX new v"),
        ("GETSET k v", "SET k v"),
        ("GETEX k EX 10", f"PEXPIREAT k {NOW_MS + 10_000}"),
        ("GETEX t PERSIST", "PERSIST t"),
        ("GETEX k PXAT 1", "DEL k"),
        ("GETDEL k", "DEL k"),
        ("MSET a 1 b 2", "MSET a 1 b 2"),
        ("MSETNX a 1 b 2", "MSETNX a 1 b 2"),
        ("APPEND k ''", "APPEND k "),
        ("SETRANGE k 0 x", "SETRANGE k 0 x"),
        ("INCRBY k 0", "INCRBY k 0"),
        ("INCRBYFLOAT k 1.50", "SET k 6.5 KEEPTTL"),
    ],
)
def test_the_log_gets_the_effect(engine: Workbench, alice: Peer, line: str, effect: str) -> None:
    ask(alice, "MSET k 5 t 5")
    ask(alice, "EXPIRE t 100")
    assert logged(engine, alice, line) == [[word.encode() for word in effect.split(" ")]]


@pytest.mark.parametrize(
    "line",
    [
        "SET k v NX",
        "SET new v XX",
        "SETNX k v",
        "MSETNX new 1 k 2",
        "GETEX k",
        "GETEX k PERSIST",
        "GETDEL new",
        "SETRANGE k 0 ''",
        "SETRANGE new 0 ''",
        "GET k",
        "MGET k",
        "STRLEN k",
    ],
)
def test_what_changes_nothing_is_not_logged(engine: Workbench, alice: Peer, line: str) -> None:
    ask(alice, "SET k 5")
    assert logged(engine, alice, line) == []


def test_an_expired_key_is_deleted_in_the_log_before_it_is_set_anew(engine: Workbench, alice: Peer) -> None:
    ask(alice, "SET k v PX 10")
    engine.clock.advance(10)
    assert logged(engine, alice, "SET k w") == [[b"DEL", b"k"], [b"SET", b"k", b"w"]]


def test_expired_keys_are_deleted_in_the_log_before_several_are_set(engine: Workbench, alice: Peer) -> None:
    ask(alice, "SET b v PX 10")
    engine.clock.advance(10)
    mset = [b"MSET", b"a", b"1", b"b", b"2"]
    assert logged(engine, alice, "MSET a 1 b 2") == [[b"DEL", b"b"], mset]


# -- statistics ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "hits", "misses"),
    [
        ("GET k", 1, 0),
        ("GET z", 0, 1),
        ("GET l", 1, 0),
        ("MGET k l z", 2, 1),
        ("STRLEN k", 1, 0),
        ("GETRANGE z 0 1", 0, 1),
        ("GETDEL k", 1, 0),
        ("GETEX z", 0, 1),
        ("GETSET k 5", 1, 0),
        ("SET k 5 GET", 1, 0),
        ("SET k 5", 0, 0),
        ("SET k 5 NX", 0, 0),
        ("SETNX z 5", 0, 0),
        ("INCR k", 0, 0),
        ("APPEND z x", 0, 0),
    ],
)
def test_hits_and_misses_count_look_ups_for_reading(
    engine: Workbench, alice: Peer, line: str, hits: int, misses: int
) -> None:
    ask(alice, "SET k 5")
    ask(alice, "RPUSH l a")
    ask(alice, line)
    assert (engine.server.stats.keyspace_hits, engine.server.stats.keyspace_misses) == (hits, misses)


# -- runs ------------------------------------------------------------------------------------------


def batch(*lines: str) -> bytes:
    """Several commands in one write."""
    return b"".join(
        b"*%d\r\n%b" % (line.count(" ") + 1, b"".join(map(bulk, line.split(" ")))) for line in lines
    )


def test_a_run_of_gets_answers_as_one_by_one(engine: Workbench, alice: Peer) -> None:
    ask(alice, "MSET a 1 b 22")
    lines = ["GET a", "GET b", "GET none", "GET a", "GET b"]
    calls = engine.server.specs["GET"].calls
    assert alice.feed(batch(*lines)) == b"$1\r\n1\r\n$2\r\n22\r\n$-1\r\n$1\r\n1\r\n$2\r\n22\r\n"
    assert (engine.server.stats.keyspace_hits, engine.server.stats.keyspace_misses) == (4, 1)
    engine.server.count_done()
    assert engine.server.specs["GET"].calls == calls + 5


def test_a_run_of_gets_with_an_error_in_it_goes_one_by_one(alice: Peer) -> None:
    ask(alice, "SET a 1")
    ask(alice, "RPUSH l x")
    assert (
        alice.feed(batch("GET a", "GET a", "GET l", "GET a"))
        == b"$1\r\n1\r\n" * 2 + WRONGTYPE + b"$1\r\n1\r\n"
    )
    assert _get_run(alice.client, as_run([[b"GET", b"a"], [b"GET", b"l"]] * 2)) is None


def test_a_run_of_sets_replaces_whatever_is_there(engine: Workbench, alice: Peer) -> None:
    ask(alice, "SET a 1 EX 10")
    ask(alice, "RPUSH b x")
    assert alice.feed(batch("SET a 2", "SET b 3", "SET c 4", "SET a 5")) == OK * 4
    assert ask(alice, "MGET a b c") == b"*3\r\n$1\r\n5\r\n$1\r\n3\r\n$1\r\n4\r\n"
    assert ask(alice, "TTL a") == b":-1\r\n"
    engine.server.databases[0].check()


def test_a_run_of_sets_is_logged_command_by_command(alice: Peer) -> None:
    run = as_run([[b"SET", b"a", b"1"], [b"SET", b"b", b"2"], [b"SET", b"a", b"3"], [b"SET", b"c", b"4"]])
    assert _set_run(alice.client, run) == OK * 4
    assert [effect[3] for effect in alice.client.effects] == [run]
    alice.client.effects.clear()


def test_sets_with_options_are_no_run(alice: Peer) -> None:
    assert _set_run(alice.client, as_run([[b"SET", b"a", b"1", b"NX"]] * 4)) is None
    assert alice.feed(batch(*["SET a 1 NX"] * 5)) == OK + NULL * 4


def test_sets_are_seen_by_whoever_watches_one_of_the_keys(alice: Peer, bob: Peer) -> None:
    ask(bob, "WATCH c")
    assert alice.feed(batch("SET a 1", "SET b 1", "SET c 1", "SET d 1", "SET e 1")) == OK * 5
    assert bob.feed(batch("MULTI", "PING", "EXEC")) == b"+OK\r\n+QUEUED\r\n*-1\r\n"


def test_a_run_of_incrs_counts_every_step(alice: Peer) -> None:
    ask(alice, "SET n -2")
    assert alice.feed(batch(*["INCR n"] * 5)) == b":-1\r\n:0\r\n:1\r\n:2\r\n:3\r\n"
    assert ask(alice, "OBJECT ENCODING n") == bulk("int")


def test_a_run_of_incrs_that_would_overflow_goes_one_by_one(alice: Peer) -> None:
    ask(alice, "SET n 9223372036854775805")
    assert _incr_run(alice.client, as_run([[b"INCR", b"n"]] * 4)) is None
    replies = b":9223372036854775806\r\n:9223372036854775807\r\n"
    assert alice.feed(batch(*["INCR n"] * 4)) == replies + OVERFLOW * 2


def test_a_run_of_incrs_may_be_of_several_keys(alice: Peer) -> None:
    ask(alice, "MSET a 1 b 0")
    assert _incr_run(alice.client, as_run([[b"INCR", key] for key in (b"a", b"b", b"a", b"b")])) is not None
    assert ask(alice, "MGET a b") == b"*2\r\n$1\r\n3\r\n$1\r\n2\r\n"


@pytest.mark.parametrize("keys", [["a", "a", "a", "none"], ["l"] * 4, ["none"] * 4, ["x"] * 4])
def test_other_runs_of_incrs_go_one_by_one(alice: Peer, keys: list[str]) -> None:
    ask(alice, "MSET a 1 b 1 x x")
    ask(alice, "RPUSH l x")
    assert _incr_run(alice.client, as_run([[b"INCR", key.encode()] for key in keys])) is None
