"""Fields of hashes that expire. Every expected reply and effect was seen on redis-server 8.2.3."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from respq.keyspace import FIELDS_AT_ONCE
from tests.commands.asking import ask
from tests.conftest import Peer, Workbench
from tests.resp import bulk, bulks, encode

NULL = b"$-1\r\n"
NUMFIELDS = "The `numfields` parameter must match the number of arguments"
MANDATORY = "Mandatory argument FIELDS is missing or not at the right position"
POSITIVE = "Number of fields must be a positive integer"
NOT_INTEGER = "value is not an integer or out of range"
NEGATIVE = "invalid expire time, must be >= 0"


def numbers(*found: int) -> bytes:
    return b"*%d\r\n" % len(found) + b"".join(b":%d\r\n" % number for number in found)


def effects_of(engine: Workbench, peer: Peer, line: str) -> list[tuple[str | None, str | None]]:
    """Event and logged command of each effect of a command, executed without the drain that follows."""
    argv = [word.encode() for word in line.split()]
    engine.clock.refresh()
    peer.client.table[argv[0]][len(argv)][0](peer.client, argv)
    return taken_effects(engine)


def taken_effects(engine: Workbench) -> list[tuple[str | None, str | None]]:
    found = [
        (event, None if argv is None else b" ".join(argv).decode())
        for _, _, event, argv in engine.server.effects
    ]
    engine.server.effects.clear()
    return found


@pytest.fixture(autouse=True)
def sound(engine: Workbench) -> Iterator[None]:
    """Whatever happened, the books agree."""
    yield
    for db in engine.server.databases:
        db.check()
        for value in db.values.values():
            value.check()


# -- giving deadlines ------------------------------------------------------------------------------


def test_each_field_is_answered_for_itself(alice: Peer) -> None:
    ask(alice, "HSET h a 1 b 2")
    assert ask(alice, "HEXPIRE h 10 FIELDS 3 a x b") == numbers(1, -2, 1)
    assert ask(alice, "HTTL h FIELDS 3 a x b") == numbers(10, -2, 10)
    assert ask(alice, "HPERSIST h FIELDS 3 a a x") == numbers(1, -1, -2)
    assert ask(alice, "HTTL h FIELDS 2 a b") == numbers(-1, 10)
    for name in ("HEXPIRE gone 10", "HPERSIST gone", "HTTL gone", "HPEXPIRETIME gone"):
        assert ask(alice, f"{name} FIELDS 2 a b") == numbers(-2, -2)


def test_conditions_hold_or_not(alice: Peer) -> None:
    ask(alice, "HSET h a 1 b 2")
    ask(alice, "HEXPIRE h 100 FIELDS 1 a")
    for words, reply in (
        ("XX FIELDS 2 a b", (1, 0)),
        ("GT FIELDS 2 a b", (0, 0)),
        ("LT FIELDS 2 a b", (0, 1)),
        ("NX FIELDS 2 a b", (0, 0)),
    ):
        assert ask(alice, f"HEXPIRE h 200 {words}") == numbers(*reply), words
    assert ask(alice, "HEXPIRE h 300 gt fields 2 a b") == numbers(1, 1)


def test_a_deadline_that_has_passed_deletes(engine: Workbench, alice: Peer) -> None:
    ask(alice, "HSET h a 1 b 2 c 3")
    assert ask(alice, "HEXPIRE h 0 GT FIELDS 1 a") == numbers(0)
    assert ask(alice, "HEXPIRE h 0 FIELDS 4 a a x b") == numbers(2, -2, -2, 2)
    assert effects_of(engine, alice, "HPEXPIREAT h 1 FIELDS 2 c x") == [("hdel", "HDEL h c"), ("del", None)]
    assert ask(alice, "EXISTS h") == b":0\r\n"


@pytest.mark.parametrize("name", ["HEXPIRE", "HPEXPIRE", "HEXPIREAT", "HPEXPIREAT"])
def test_the_words_are_read_in_their_order(alice: Peer, name: str) -> None:
    ask(alice, "SET s v")
    assert ask(alice, f"{name} s x FOO 0 a").startswith(b"-WRONGTYPE")
    for words, error in (
        ("x FOO 0 a", NOT_INTEGER),
        ("-1 FOO 0 a", NEGATIVE),
        ("9223372036854775807 FOO 0 a", f"invalid expire time in '{name.lower()}' command"),
        ("10 FOO 0 a", MANDATORY),
        ("10 NX XX FIELDS 0 a", MANDATORY),
        ("10 NX FIELDS 0 a", "Parameter `numFields` should be greater than 0"),
        ("10 FIELDS 2 a", NUMFIELDS),
        ("10 FIELDS 1 a NX", NUMFIELDS),
    ):
        assert ask(alice, f"{name} gone {words}") == b"-ERR %b\r\n" % error.encode(), words


def test_the_latest_deadline_is_in_the_year_4199(alice: Peer) -> None:
    ask(alice, "HSET h a 1")
    assert ask(alice, "HPEXPIREAT h 70368744177663 FIELDS 1 a") == numbers(1)
    error = b"-ERR invalid expire time in 'hpexpireat' command\r\n"
    assert ask(alice, "HPEXPIREAT h 70368744177664 FIELDS 1 a") == error


def test_times_are_rounded_up(engine: Workbench, alice: Peer) -> None:
    ask(alice, "HSET h a 1 b 2 c 3")
    ask(alice, "HPEXPIREAT h 10000000000001 FIELDS 1 a")
    ask(alice, "HPEXPIREAT h 10000000000000 FIELDS 1 b")
    assert ask(alice, "HEXPIRETIME h FIELDS 2 a b") == numbers(10000000001, 10000000000)
    assert ask(alice, "HPEXPIRETIME h FIELDS 2 a b") == numbers(10000000000001, 10000000000000)
    ask(alice, "HPEXPIRE h 1400 FIELDS 1 c")
    assert ask(alice, "HTTL h FIELDS 1 c") == numbers(2)
    engine.clock.advance(1400)
    assert ask(alice, "HPTTL h FIELDS 1 c") == numbers(0)


def test_what_is_logged_names_the_moment_and_the_fields_that_got_it(engine: Workbench, alice: Peer) -> None:
    ask(alice, "HSET h a 1 b 2 f 1")
    at_ms = engine.clock.now_ms + 10_000
    for line, logged in (
        ("HEXPIRE h 10 FIELDS 2 a b", f"HPEXPIREAT h {at_ms} FIELDS 2 a b"),
        ("HPEXPIRE h 10000 xx FIELDS 3 a x b", f"HPEXPIREAT h {at_ms} xx FIELDS 2 a b"),
        ("HPEXPIREAT h 9999999999999 FIELDS 2 a b", "HPEXPIREAT h 9999999999999 FIELDS 2 a b"),
        ("HGETEX h EX 10 FIELDS 2 a x", f"HPEXPIREAT h {at_ms} FIELDS 2 a x"),
    ):
        assert effects_of(engine, alice, line) == [("hexpire", logged)], line
    assert effects_of(engine, alice, "HGETEX h PERSIST FIELDS 2 a x") == [
        ("hpersist", "HPERSIST h FIELDS 2 a x")
    ]
    assert effects_of(engine, alice, "HINCRBYFLOAT h f 1.5") == [
        ("hincrbyfloat", "HSETEX h KEEPTTL FIELDS 1 f 2.5")
    ]
    assert effects_of(engine, alice, "HSETEX h FXX EX 10 FIELDS 1 a 3") == [
        ("hset", f"HSETEX h FXX PXAT {at_ms} FIELDS 1 a 3"),
        ("hexpire", None),
    ]
    assert effects_of(engine, alice, "HSETEX h PXAT 1 FIELDS 2 a 3 new 4") == [
        ("hset", None),
        ("hdel", "HDEL h a new"),
    ]
    for line in ("HGETEX h EX 10 FIELDS 1 x", "HPERSIST h FIELDS 1 f", "HGETEX h FIELDS 1 f"):
        assert effects_of(engine, alice, line) == [], line


# -- HGETEX and HSETEX -----------------------------------------------------------------------------


def test_hgetex_answers_the_values_from_before(alice: Peer) -> None:
    ask(alice, "HSET h a 1 b 2")
    assert ask(alice, "HGETEX h EX 10 FIELDS 2 a x") == bulks("1", None)
    assert ask(alice, "HTTL h FIELDS 2 a b") == numbers(10, -1)
    assert ask(alice, "HGETEX h FIELDS 1 a") == bulks("1")
    assert ask(alice, "HTTL h FIELDS 1 a") == numbers(10)
    assert ask(alice, "HGETEX h PERSIST FIELDS 1 a") == bulks("1")
    assert ask(alice, "HTTL h FIELDS 1 a") == numbers(-1)
    assert ask(alice, "HGETEX h PXAT 1 FIELDS 3 a a b") == bulks("1", None, "2")
    assert ask(alice, "HGETEX h EX 10 FIELDS 2 a b") == bulks(None, None)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("EX x FOO 1 a", NOT_INTEGER),
        ("EX -1 FOO 1 a", NEGATIVE),
        ("EX 9223372036854775807 FOO 1 a", "invalid expire time in 'hgetex' command"),
        ("EX 10 PERSIST FIELDS 1 a", MANDATORY),
        ("KEEPTTL FIELDS 1 a", MANDATORY),
        ("EX 10 FIELDS 0 a", POSITIVE),
        ("EX 10 FIELDS 2 a", NUMFIELDS),
        ("EX 10 FIELDS", "wrong number of arguments for 'hgetex' command"),
    ],
)
def test_hgetex_takes_one_option_at_its_place(alice: Peer, words: str, error: str) -> None:
    assert ask(alice, f"HGETEX gone {words}") == b"-ERR %b\r\n" % error.encode()


def test_hsetex_sets_all_or_nothing(alice: Peer) -> None:
    assert ask(alice, "HSETEX h FXX FIELDS 1 a 1") == b":0\r\n"
    assert ask(alice, "EXISTS h") == b":0\r\n"
    assert ask(alice, "HSETEX h FNX EX 100 FIELDS 2 a 1 b 2") == b":1\r\n"
    assert ask(alice, "HSETEX h FNX FIELDS 2 c 3 a 4") == b":0\r\n"
    assert ask(alice, "HSETEX h FXX FIELDS 2 c 3 a 4") == b":0\r\n"
    assert ask(alice, "HSETEX h KEEPTTL FIELDS 2 a 5 c 6") == b":1\r\n"
    assert ask(alice, "HTTL h FIELDS 3 a b c") == numbers(100, 100, -1)
    assert ask(alice, "HSETEX h FIELDS 1 a 7") == b":1\r\n"
    assert ask(alice, "HTTL h FIELDS 1 a") == numbers(-1)
    assert ask(alice, "HMGET h a b c") == bulks("7", "2", "6")
    assert ask(alice, "HSETEX gone PXAT 1 FIELDS 1 a 1") == b":1\r\n"
    assert ask(alice, "EXISTS gone") == b":0\r\n"


def test_hsetex_has_the_conditions_on_the_key_of_valkey(engine: Workbench, alice: Peer) -> None:
    """As Valkey 9.1.2 answered; redis-server would not load the words."""
    assert ask(alice, "HSETEX h XX FIELDS 1 a 1") == b":0\r\n"
    assert effects_of(engine, alice, "HSETEX h NX FIELDS 1 nx 1") == [("hset", "HSETEX h FIELDS 1 nx 1")]
    assert ask(alice, "HSETEX h NX FIELDS 1 b 1") == b":0\r\n"
    assert ask(alice, "HSETEX h NX NX FIELDS 1 b 1") == b":0\r\n"
    assert effects_of(engine, alice, "HSETEX h XX FNX PXAT 9999999999999 FIELDS 1 xx 1") == [
        ("hset", "HSETEX h FNX PXAT 9999999999999 FIELDS 1 xx 1"),
        ("hexpire", None),
    ]
    assert ask(alice, "HSETEX h XX FNX FIELDS 1 nx 1") == b":0\r\n"
    assert ask(alice, "HSETEX g NX XX FIELDS 1 a 1") == b"-ERR syntax error\r\n"
    ask(alice, "SET s v")
    assert ask(alice, "HSETEX s NX FIELDS 1 a 1").startswith(b"-WRONGTYPE")


def test_a_field_that_is_named_twice_is_deleted_once(alice: Peer) -> None:
    ask(alice, "HSET h a 1 b 2")
    assert ask(alice, "HPEXPIREAT h 1 FIELDS 3 a a b") == numbers(2, -2, 2)
    assert ask(alice, "EXISTS h") == b":0\r\n"


def test_fields_given_twice_are_refused_or_are_fields(alice: Peer) -> None:
    """As redis-server 8.2.3 has it, which counts words."""
    wrong = b"-ERR wrong number of arguments for 'hsetex' command\r\n"
    assert ask(alice, "HSETEX h FIELDS 1 a 1 FIELDS 1 b 2") == wrong
    assert ask(alice, "HSETEX h FIELDS 1 a 1 FIELDS 2") == wrong
    assert ask(alice, "HSETEX h FIELDS 2 a 1 FIELDS 1") == b":1\r\n"
    assert ask(alice, "HGETEX h FIELDS 1 a FIELDS 1 b") == b"-ERR %b\r\n" % NUMFIELDS.encode()
    assert ask(alice, "HGETEX h FIELDS 4 a FIELDS 1 b") == bulks("1", "1", None, None)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("NOPE FIELDS 1 a 1", "unknown argument: NOPE"),
        ("FNX FXX FIELDS 1 a 1", "Only one of FXX or FNX arguments can be specified"),
        (
            "EX 10 PX x FIELDS 1 a 1",
            "Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
        ),
        ("EX x PX 10 FIELDS 1 a 1", NOT_INTEGER),
        ("EX -1 FIELDS 0 a 1", NEGATIVE),
        ("PXAT 70368744177664 FIELDS 1 a 1", "invalid expire time in 'hsetex' command"),
        ("FIELDS 0 a 1", "invalid number of fields"),
        ("FIELDS 2147483648 a 1", "invalid number of fields"),
        ("FIELDS 1 a 1 b", "wrong number of arguments for 'hsetex' command"),
        ("FIELDS 2 a 1 b", "wrong number of arguments for 'hsetex' command"),
        ("FIELDS 1 a 1 EX 10", "wrong number of arguments for 'hsetex' command"),
        ("KEEPTTL FIELDS x 1", "wrong number of arguments for 'hsetex' command"),
        ("KEEPTTL FIELDS x 1 a", "invalid number of fields"),
        ("FNX EX 10 FIELDS", "wrong number of arguments for 'hsetex' command"),
    ],
)
def test_hsetex_reads_its_words_before_the_key(alice: Peer, words: str, error: str) -> None:
    ask(alice, "SET s v")
    assert ask(alice, f"HSETEX s {words}") == b"-ERR %b\r\n" % error.encode()


# -- who loses and who keeps a deadline --------------------------------------------------------------


def test_setting_a_field_takes_its_deadline_and_counting_does_not(alice: Peer) -> None:
    for line, left in (
        ("HSET h a 5", -1),
        ("HSET h a 5 b 6", -1),
        ("HMSET h a 5", -1),
        ("HINCRBY h a 5", 100),
        ("HINCRBYFLOAT h a 5", 100),
        ("HSETNX h a 5", 100),
        ("RENAME h h2", 100),
        ("COPY h h2", 100),
        ("MOVE h 1", 100),
    ):
        ask(alice, "SELECT 0")
        ask(alice, "FLUSHALL")
        ask(alice, "HSET h a 1")
        ask(alice, "HEXPIRE h 100 FIELDS 1 a")
        ask(alice, line)
        key = "h2" if "h2" in line else "h"
        if line.startswith("MOVE"):
            ask(alice, "SELECT 1")
        assert ask(alice, f"HTTL {key} FIELDS 1 a") == numbers(left), line


def test_fields_stand_by_deadline_and_then_by_age(alice: Peer) -> None:
    ask(alice, "HSET h a 1 b 2 c 3 d 4")
    for line, order in (
        ("HEXPIRE h 100 FIELDS 2 c b", "bcad"),
        ("HSET h a 5", "bcad"),
        ("HEXPIRE h 50 FIELDS 1 d", "dbca"),
        ("HSET h c 5", "dbac"),
        ("HSETEX h EX 100 FIELDS 2 e 1 a 1", "daebc"),
        ("HPERSIST h FIELDS 1 d", "aebcd"),
        ("HINCRBY h b 1", "aebcd"),
    ):
        ask(alice, line)
        assert ask(alice, "HKEYS h") == bulks(*order), line
    ask(alice, "COPY h h2")
    assert ask(alice, "HKEYS h2") == bulks(*"aebcd")


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("HEXPIRE h 10 FIELDS 1 x", b"listpackex"),
        ("HEXPIRE h 10 XX FIELDS 1 a", b"listpackex"),
        ("HPERSIST h FIELDS 1 a", b"listpack"),
        ("HTTL h FIELDS 1 a", b"listpack"),
        ("HGETEX h FIELDS 1 a", b"listpack"),
        ("HGETEX h PERSIST FIELDS 1 a", b"listpackex"),
        ("HSETEX h KEEPTTL FIELDS 1 a 1", b"listpack"),
        ("HSETEX h FNX EX 10 FIELDS 1 a 1", b"listpack"),
        ("HSETEX h PXAT 1 FIELDS 1 b 1", b"listpackex"),
    ],
)
def test_a_listpack_is_prepared_for_deadlines(alice: Peer, line: str, becomes: bytes) -> None:
    ask(alice, "HSET h a 1")
    ask(alice, line)
    assert ask(alice, "OBJECT ENCODING h") == bulk(becomes)
    alice.send("HSET", "h", "long", "x" * 65)
    assert ask(alice, "OBJECT ENCODING h") == b"$9\r\nhashtable\r\n"


# -- expiring --------------------------------------------------------------------------------------


def test_expired_fields_are_deleted_in_time(engine: Workbench, alice: Peer) -> None:
    ask(alice, "HSET h a 1 b 2 c 3")
    ask(alice, "HPEXPIRE h 50 FIELDS 2 a b")
    assert b"subexpiry=1" in ask(alice, "INFO keyspace")
    engine.pass_time(300)
    assert list(engine.server.databases[0].values[b"h"].fields) == [b"c"]  # type: ignore[attr-defined]
    info = ask(alice, "INFO")
    assert b"subexpiry=0" in info
    assert b"expired_subkeys:2\r\n" in info
    ask(alice, "HPEXPIRE h 50 FIELDS 1 c")
    engine.pass_time(300)
    assert engine.server.databases[0].values == {}


def test_the_books_follow_the_key(engine: Workbench, alice: Peer) -> None:
    for line in ("RENAME h i", "COPY h i", "MOVE h 1", "SWAPDB 0 1", "DEL h", "SET h v", "FLUSHALL"):
        ask(alice, "FLUSHALL")
        ask(alice, "HSET h a 1 b 2")
        ask(alice, "HPEXPIRE h 50 FIELDS 1 a")
        ask(alice, line)
        for db in engine.server.databases:
            db.check()
        engine.pass_time(300)
        for db in engine.server.databases:
            db.check()
            for value in db.values.values():
                assert list(getattr(value, "fields", {b"b": b""})) == [b"b"], line
            assert db.fields_expiring == 0


def test_a_deadline_that_came_nearer_counts(engine: Workbench, alice: Peer) -> None:
    ask(alice, "HSET h a 1 b 2")
    ask(alice, "HEXPIRE h 1000 FIELDS 1 a")
    ask(alice, "HPEXPIRE h 50 FIELDS 1 b")
    engine.pass_time(300)
    assert list(engine.server.databases[0].values[b"h"].fields) == [b"a"]  # type: ignore[attr-defined]
    assert b"subexpiry=1" in ask(alice, "INFO keyspace")


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("HGET h a", NULL),
        ("HMGET h a b", bulks(None, "2")),
        ("HEXISTS h a", b":0\r\n"),
        ("HSTRLEN h a", b":0\r\n"),
        ("HLEN h", b":1\r\n"),
        ("HGETALL h", bulks("b", "2")),
        ("HKEYS h", bulks("b")),
        ("HVALS h", bulks("2")),
        ("HSCAN h 0", b"*2\r\n$1\r\n0\r\n" + bulks("b", "2")),
        ("HRANDFIELD h 5", bulks("b")),
        ("HTTL h FIELDS 1 a", numbers(-2)),
        ("HSETNX h a 5", b":1\r\n"),
        ("HINCRBY h a 5", b":5\r\n"),
        ("HGETDEL h FIELDS 2 a b", bulks(None, "2")),
        ("HGETEX h EX 10 FIELDS 2 a b", bulks(None, "2")),
        ("HSETEX h FXX FIELDS 1 a 5", b":0\r\n"),
        ("HPERSIST h FIELDS 1 a", numbers(-2)),
        ("HEXPIRE h 10 FIELDS 1 a", numbers(-2)),
    ],
)
@pytest.mark.parametrize("table", [False, True])
def test_an_expired_field_is_gone_for_who_asks(
    engine: Workbench, alice: Peer, line: str, reply: bytes, table: bool
) -> None:
    if table:
        ask(alice, "CONFIG SET hash-max-listpack-entries 0")
    ask(alice, "HSET h a 1 b 2")
    ask(alice, "HPEXPIRE h 50 FIELDS 1 a")
    ask(alice, "HSCAN h 0")  # makes the array that has to be kept
    engine.clock.advance(51)
    first, *_ = effects_of(engine, alice, line)
    assert first == ("hexpired", "HDEL h a")
    ask(alice, "DEL h")
    ask(alice, "HSET h a 1 b 2")
    ask(alice, "HPEXPIRE h 50 FIELDS 1 a")
    engine.clock.advance(51)
    assert ask(alice, line) == reply


def test_the_hash_goes_with_its_last_field(engine: Workbench, alice: Peer) -> None:
    ask(alice, "HSET h a 1 b 2")
    ask(alice, "HPEXPIRE h 50 FIELDS 2 a b")
    engine.clock.advance(51)
    assert effects_of(engine, alice, "HMGET h b a") == [
        ("hexpired", "HDEL h b"),
        (None, "HDEL h a"),
        ("del", None),
    ]
    for line, reply in (
        ("HLEN h", b":0\r\n"),
        ("HGETALL h", b"*0\r\n"),
        ("HSCAN h 0", b"*2\r\n$1\r\n0\r\n*0\r\n"),
        ("HSETEX h FNX FIELDS 1 a 1", b":1\r\n"),
    ):
        ask(alice, "HSETEX h PX 50 FIELDS 1 a 1")
        engine.clock.advance(51)
        assert ask(alice, line) == reply
    assert ask(alice, "HTTL h FIELDS 1 a") == numbers(-1)


def test_a_watched_hash_has_changed_when_a_field_expires(engine: Workbench, alice: Peer) -> None:
    ask(alice, "HSET h a 1 b 2")
    ask(alice, "HPEXPIRE h 50 FIELDS 1 a")
    ask(alice, "WATCH h")
    engine.pass_time(300)
    ask(alice, "MULTI")
    ask(alice, "HGETALL h")
    assert ask(alice, "EXEC") == b"*-1\r\n"


def test_a_watched_hash_has_changed_before_the_timer_comes_to_its_field(
    engine: Workbench, alice: Peer
) -> None:
    ask(alice, "HSET h a 1 b 2")
    ask(alice, "HPEXPIRE h 50 FIELDS 1 a")
    ask(alice, "WATCH h")
    engine.clock.advance(51)
    assert alice.feed(encode("MULTI") + encode("HGETALL", "h") + encode("EXEC")).endswith(b"*-1\r\n")


def test_a_field_that_had_expired_when_its_hash_was_watched_is_no_change(
    engine: Workbench, alice: Peer
) -> None:
    ask(alice, "HSET h a 1 b 2")
    ask(alice, "HPEXPIRE h 50 FIELDS 1 a")
    engine.clock.advance(51)
    ask(alice, "WATCH h")
    engine.pass_time(300)
    ask(alice, "MULTI")
    ask(alice, "HGETALL h")
    assert ask(alice, "EXEC").endswith(b"$1\r\nb\r\n$1\r\n2\r\n")


def test_during_a_pause_expired_fields_are_hidden_and_kept(engine: Workbench, alice: Peer) -> None:
    ask(alice, "HSET h a 1 b 2")
    ask(alice, "HPEXPIRE h 50 FIELDS 1 a")
    ask(alice, "HSET i a 1")
    ask(alice, "HPEXPIRE i 50 FIELDS 1 a")
    ask(alice, "CLIENT PAUSE 1000 WRITE")
    engine.pass_time(300)
    for line, reply in (
        ("HGET h a", NULL),
        ("HGETALL h", bulks("b", "2")),
        ("HSCAN h 0 NOVALUES", b"*2\r\n$1\r\n0\r\n" + bulks("b")),
        ("HRANDFIELD h 9", bulks("b")),
        ("HGETALL i", b"*0\r\n"),
        ("HLEN i", b":1\r\n"),
        ("EXISTS i", b":1\r\n"),
    ):
        assert ask(alice, line) == reply
    engine.pass_time(1000)
    assert ask(alice, "EXISTS i h") == b":1\r\n"


def test_very_many_expired_fields_are_deleted_in_slices_and_hidden_at_once(
    engine: Workbench, alice: Peer
) -> None:
    count = 3 * FIELDS_AT_ONCE
    fields = [f"f{n}" for n in range(count)]
    alice.send("HSETEX", "h", "PX", 50, "FIELDS", count, *[word for field in fields for word in (field, 1)])
    ask(alice, "HSET h stays 1")
    engine.clock.advance(51)
    assert ask(alice, "HGETALL h") == bulks("stays", "1")
    left = len(engine.server.databases[0].values[b"h"].fields)  # type: ignore[attr-defined]
    assert left == count + 1 - FIELDS_AT_ONCE
    found = ask(alice, f"HSCAN h 0 COUNT {count} NOVALUES")
    assert found == b"*2\r\n$1\r\n0\r\n" + bulks("stays")
    engine.pass_time(300)
    assert ask(alice, "HLEN h") == b":1\r\n"


def test_the_key_itself_may_expire_first(engine: Workbench, alice: Peer) -> None:
    ask(alice, "HSET h a 1 b 2")
    ask(alice, "HPEXPIRE h 5000 FIELDS 1 a")
    ask(alice, "PEXPIRE h 50")
    engine.clock.advance(51)
    assert ask(alice, "HGET h b") == NULL
    engine.pass_time(6000)
    assert engine.server.databases[0].values == {}
