"""The hash commands, bytes in and bytes out. Every expected reply was seen on redis-server 8.2.3."""

from __future__ import annotations

import pytest

from respq.command import SPECS
from respq.datatypes.hashes import HashValue
from tests.commands.asking import ask
from tests.commands.runs import as_run
from tests.conftest import Peer, Workbench
from tests.resp import bulk, bulks

WRONGTYPE = b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
NULL = b"$-1\r\n"


# -- set and get -----------------------------------------------------------------------------------


def test_hset_counts_the_new_fields(alice: Peer) -> None:
    assert ask(alice, "HSET h a 1") == b":1\r\n"
    assert ask(alice, "HSET h a 2") == b":0\r\n"
    assert ask(alice, "HSET h a 3 b 4 c 5 c 6") == b":2\r\n"
    assert ask(alice, "HGETALL h") == bulks("a", "3", "b", "4", "c", "6")
    assert ask(alice, "HMSET h d 7") == b"+OK\r\n"
    assert ask(alice, "HLEN h") == b":4\r\n"


@pytest.mark.parametrize("name", ["hset", "hmset"])
def test_a_field_needs_a_value(alice: Peer, name: str) -> None:
    error = b"-ERR wrong number of arguments for '%b' command\r\n" % name.encode()
    alice.send("SET", "s", "v")
    for key in "hs":
        assert ask(alice, f"{name} {key} a") == error
        assert ask(alice, f"{name} {key} a 1 b") == error
    assert ask(alice, "EXISTS h") == b":0\r\n"


def test_hsetnx_leaves_what_is_there(alice: Peer) -> None:
    assert ask(alice, "HSETNX h a 1") == b":1\r\n"
    assert ask(alice, "HSETNX h a 2") == b":0\r\n"
    assert ask(alice, "HGET h a") == b"$1\r\n1\r\n"


def test_what_is_missing_is_null(alice: Peer) -> None:
    for key in "hg":
        assert ask(alice, f"HGET {key} x") == NULL
        assert ask(alice, f"HMGET {key} x y") == b"*2\r\n" + NULL * 2
        assert ask(alice, f"HEXISTS {key} x") == b":0\r\n"
        assert ask(alice, f"HSTRLEN {key} x") == b":0\r\n"
        ask(alice, "HSET h a 1")
    assert ask(alice, "HMGET h x a") == b"*2\r\n" + NULL + b"$1\r\n1\r\n"
    for name in ("HKEYS", "HVALS", "HGETALL"):
        assert ask(alice, f"{name} gone") == b"*0\r\n"
    assert ask(alice, "HLEN gone") == b":0\r\n"


def test_resp3_has_maps_and_nulls(alice: Peer) -> None:
    ask(alice, "HSET h a 1 b 2")
    ask(alice, "HELLO 3")
    assert ask(alice, "HGETALL h") == b"%2\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n"
    assert ask(alice, "HGETALL gone") == b"%0\r\n"
    assert ask(alice, "HGET h x") == b"_\r\n"
    assert ask(alice, "HMGET h x") == b"*1\r\n_\r\n"
    assert ask(alice, "HKEYS h") == bulks("a", "b")


def test_fields_and_values_are_binary_safe(alice: Peer) -> None:
    odd = b"\x00\r\n\xff"
    assert alice.send("HSET", "h", odd, odd, "", "") == b":2\r\n"
    assert alice.send("HGET", "h", odd) == b"$4\r\n%b\r\n" % odd
    assert alice.send("HSTRLEN", "h", odd) == b":4\r\n"
    assert alice.send("HGET", "h", "") == b"$0\r\n\r\n"
    assert alice.send("HEXISTS", "h", "") == b":1\r\n"


def test_other_types_are_refused(alice: Peer) -> None:
    ask(alice, "SET s v")
    for line in (
        *("HSET s a 1", "HSET s a 1 b 2", "HMSET s a 1", "HSETNX s a 1", "HGET s a", "HMGET s a"),
        *("HEXISTS s a", "HSTRLEN s a", "HLEN s", "HGETALL s", "HKEYS s", "HVALS s", "HDEL s a"),
        *("HINCRBY s a 1", "HINCRBYFLOAT s a 1", "HSCAN s 0", "HRANDFIELD s", "HRANDFIELD s 2"),
        *("HGETDEL s FIELDS 1 a", "HGETDEL s FIELDS 2 a", "HSCAN s 0 NOPE"),
    ):
        assert ask(alice, line) == WRONGTYPE, line


# -- delete ----------------------------------------------------------------------------------------


def test_hdel_counts_what_was_there_and_takes_the_key_with_the_last_field(
    engine: Workbench, alice: Peer
) -> None:
    ask(alice, "HSET h a 1 b 2 c 3")
    assert ask(alice, "HDEL h a x a b") == b":2\r\n"
    assert ask(alice, "HDEL h x") == b":0\r\n"
    assert ask(alice, "HDEL h c") == b":1\r\n"
    assert ask(alice, "EXISTS h") == b":0\r\n"
    assert ask(alice, "HDEL h c") == b":0\r\n"
    engine.server.databases[0].check()


def test_hgetdel_answers_each_field_once(engine: Workbench, alice: Peer) -> None:
    ask(alice, "HSET h a 1 b 2")
    assert ask(alice, "HGETDEL h FIELDS 3 a a x") == b"*3\r\n$1\r\n1\r\n" + NULL * 2
    assert ask(alice, "HGETDEL h FIELDS 1 x") == b"*1\r\n" + NULL
    assert ask(alice, "HGETDEL h FIELDS 1 b") == bulks("2")
    assert ask(alice, "EXISTS h") == b":0\r\n"
    assert ask(alice, "HGETDEL h FIELDS 2 a b") == b"*2\r\n" + NULL * 2
    engine.server.databases[0].check()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("FIELD 1 a", "Mandatory argument FIELDS is missing or not at the right position"),
        ("FIELDS 2 a", "The `numfields` parameter must match the number of arguments"),
        ("FIELDS 1 a b", "The `numfields` parameter must match the number of arguments"),
        ("FIELDS 0 a", "Number of fields must be a positive integer"),
        ("FIELDS x a", "Number of fields must be a positive integer"),
        ("FIELDS 1", "wrong number of arguments for 'hgetdel' command"),
    ],
)
def test_hgetdel_reads_its_words_with_care(alice: Peer, words: str, error: str) -> None:
    ask(alice, "HSET h a 1")
    for key in ("h", "gone"):
        assert ask(alice, f"HGETDEL {key} {words}") == b"-ERR %b\r\n" % error.encode()
    assert ask(alice, "HLEN h") == b":1\r\n"


# -- count -----------------------------------------------------------------------------------------


def test_hincrby_starts_at_zero(alice: Peer) -> None:
    assert ask(alice, "HINCRBY h n 5") == b":5\r\n"
    assert ask(alice, "HINCRBY h n -7") == b":-2\r\n"
    assert ask(alice, "HGET h n") == b"$2\r\n-2\r\n"
    assert ask(alice, "HINCRBYFLOAT h f 0.1") == b"$3\r\n0.1\r\n"
    assert ask(alice, "HINCRBYFLOAT h f 0.2") == b"$3\r\n0.3\r\n"
    assert ask(alice, "HINCRBYFLOAT h n 5.0e3") == b"$4\r\n4998\r\n"


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("HINCRBY h a x", "value is not an integer or out of range"),
        ("HINCRBY h text 1", "hash value is not an integer"),
        ("HINCRBY h most 1", "increment or decrement would overflow"),
        ("HINCRBYFLOAT h a x", "value is not a valid float"),
        ("HINCRBYFLOAT h a inf", "value is NaN or Infinity"),
        ("HINCRBYFLOAT h text 1", "hash value is not a float"),
        ("HINCRBYFLOAT h inf 1", "increment would produce NaN or Infinity"),
        ("HINCRBYFLOAT h great 1e4932", "increment would produce NaN or Infinity"),
    ],
)
def test_what_cannot_be_added_changes_nothing(alice: Peer, line: str, error: str) -> None:
    ask(alice, "HSET h a 1 text v most 9223372036854775807 inf inf great 1e4932")
    before = ask(alice, "HGETALL h")
    assert ask(alice, line) == b"-ERR %b\r\n" % error.encode()
    assert ask(alice, "HGETALL h") == before
    if line.split()[2] == "a":  # a word that is no number is refused before the key is looked up
        assert ask(alice, line.replace(" h ", " gone ")) == b"-ERR %b\r\n" % error.encode()
    assert ask(alice, "EXISTS gone") == b":0\r\n"


# -- some of it ------------------------------------------------------------------------------------


def fields_of(reply: bytes) -> list[bytes]:
    """The bulk strings in a reply."""
    return reply.split(b"\r\n")[2::2]


def test_hrandfield_draws(alice: Peer) -> None:
    ask(alice, "HSET h a 1 b 2 c 3")
    assert fields_of(b"*1\r\n" + ask(alice, "HRANDFIELD h"))[0] in {b"a", b"b", b"c"}
    assert ask(alice, "HRANDFIELD h 0") == b"*0\r\n"
    assert ask(alice, "HRANDFIELD h 3") == ask(alice, "HRANDFIELD h 99") == bulks("a", "b", "c")
    assert ask(alice, "HRANDFIELD h 99 WITHVALUES") == bulks("a", "1", "b", "2", "c", "3")
    drawn = {tuple(fields_of(ask(alice, "HRANDFIELD h 2"))) for _ in range(100)}
    assert drawn == {(b"a", b"b"), (b"a", b"c"), (b"b", b"c")}
    assert len(fields_of(ask(alice, "HRANDFIELD h -50"))) == 50
    ask(alice, "HELLO 3")
    assert ask(alice, "HRANDFIELD h 9 WITHVALUES") == b"*3\r\n" + b"".join(
        bulks(field, value) for field, value in zip("abc", "123", strict=True)
    )


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("x", "value is not an integer or out of range"),
        (
            "-9223372036854775808",
            "value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ),
        ("2 NOPE", "syntax error"),
        ("2 WITHVALUES x", "syntax error"),
        ("9223372036854775807 WITHVALUES", "value is out of range"),
        ("-5000000000000000000 WITHVALUES", "value is out of range"),
    ],
)
def test_hrandfield_reads_its_words_first(alice: Peer, words: str, error: str) -> None:
    ask(alice, "SET s v")
    for key in ("gone", "s"):
        assert ask(alice, f"HRANDFIELD {key} {words}") == b"-ERR %b\r\n" % error.encode()


def test_hrandfield_draws_from_a_table_as_well(alice: Peer) -> None:
    alice.send("HSET", "t", *[word for n in range(1000) for word in (f"f{n}", n)])
    assert len(set(fields_of(ask(alice, "HRANDFIELD t 400")))) == 400
    assert len(set(fields_of(ask(alice, "HRANDFIELD t -400")))) > 200
    assert len({ask(alice, "HRANDFIELD t") for _ in range(100)}) > 50
    pairs = fields_of(ask(alice, "HRANDFIELD t 10 WITHVALUES"))
    assert [b"f" + value for value in pairs[1::2]] == pairs[::2]


def test_hscan_returns_a_listpack_at_once(alice: Peer) -> None:
    ask(alice, "HSET h a 1 b 2 ab 3")
    whole = b"*2\r\n$1\r\n0\r\n" + bulks("a", "1", "b", "2", "ab", "3")
    assert ask(alice, "HSCAN h 0 COUNT 1") == ask(alice, "HSCAN h 7") == whole
    assert ask(alice, "HSCAN h 0 MATCH a* NOVALUES") == b"*2\r\n$1\r\n0\r\n" + bulks("a", "ab")
    assert ask(alice, "HSCAN gone 0 NOPE") == b"*2\r\n$1\r\n0\r\n*0\r\n"
    for words, error in (
        ("0 TYPE hash", b"syntax error"),
        ("0 COUNT 0", b"syntax error"),
        ("0 COUNT x", b"value is not an integer or out of range"),
        ("x", b"invalid cursor"),
    ):
        assert ask(alice, f"HSCAN h {words}") == b"-ERR %b\r\n" % error
    assert ask(alice, "HSCAN gone x") == b"-ERR invalid cursor\r\n"


def test_hscan_misses_no_field_that_stays(alice: Peer) -> None:
    stays = [f"stays{n}" for n in range(700)]
    alice.send("HSET", "t", *[word for field in stays for word in (field, field)])
    seen: set[bytes] = set()
    cursor, step = b"0", 0
    while True:
        step += 1
        _, _, cursor, _, *words = ask(alice, f"HSCAN t {cursor.decode()} COUNT 7").split(b"\r\n")
        seen.update(words[1::2])
        if cursor == b"0":
            break
        alice.send("HSET", "t", f"new{step}", 1)
        alice.send("HDEL", "t", f"new{step - 3}", f"new{step - 4}")
    assert {field.encode() for field in stays} <= seen


# -- encoding --------------------------------------------------------------------------------------


def test_a_hash_becomes_a_table_and_stays_one(alice: Peer) -> None:
    ask(alice, "CONFIG SET hash-max-listpack-entries 3 hash-max-listpack-value 5")
    for line, becomes in (
        ("HSET h a 1 b 2 c 3", b"listpack"),
        ("HSET h d 4", b"hashtable"),
        ("HSET i a 12345", b"listpack"),
        ("HSET i a 123456", b"hashtable"),
        ("HSET j abcdef 1", b"hashtable"),
        ("HSET k a 1 a 2 a 3 a 4", b"hashtable"),  # it could have been four fields
        ("HSETNX l a 123456", b"hashtable"),
    ):
        ask(alice, line)
        key = line.split()[1]
        assert ask(alice, f"OBJECT ENCODING {key}") == bulk(becomes), line
    ask(alice, "HDEL h a b c")
    assert ask(alice, "OBJECT ENCODING h") == b"$9\r\nhashtable\r\n"


# -- runs ------------------------------------------------------------------------------------------


def test_a_run_of_hset_has_the_outcome_of_one_by_one(engine: Workbench, alice: Peer) -> None:
    lines = [f"HSET h{n % 3} f{n % 5} v{n}" for n in range(40)]
    together = alice.feed(b"".join(line.encode() + b"\r\n" for line in lines))
    kept = [ask(alice, f"HGETALL h{n}") for n in range(3)]
    ask(alice, "FLUSHALL")
    assert b"".join(ask(alice, line) for line in lines) == together
    assert [ask(alice, f"HGETALL h{n}") for n in range(3)] == kept
    engine.server.databases[0].check()


def test_a_run_of_hset_declines_what_it_cannot_do_to_the_end(engine: Workbench, alice: Peer) -> None:
    bulk = SPECS["HSET"].bulk
    assert bulk is not None
    ask(alice, "SET s v")
    for last in (b"s", b"late"):
        names = [b"h", b"h", b"i", last]
        run = as_run([[b"HSET", name, b"f", b"v"] for name in names])
        if last == b"late":
            ask(alice, "HSET late a 1")
            ask(alice, "EXPIRE late 10")
            engine.clock.advance(11_000)
        assert bulk(alice.client, run) is None
        assert engine.server.databases[0].find(b"h", HashValue) is None
    assert bulk(alice.client, as_run([[b"HSET", b"h", b"f", b"v", b"g", b"w"]] * 4)) is None
