"""The commands for any key, bytes in and bytes out. Every expected reply was seen on redis-server 8.2.3."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respq.waiting import LOG_SYNCED
from tests.commands.asking import ask
from tests.conftest import Peer, Workbench
from tests.resp import bulk

OK = b"+OK\r\n"
ZERO, ONE = b":0\r\n", b":1\r\n"
NULL = b"$-1\r\n"
SYNTAX = b"-ERR syntax error\r\n"
NOT_INTEGER = b"-ERR value is not an integer or out of range\r\n"
NO_SUCH_KEY = b"-ERR no such key\r\n"
NO_SUCH_DB = b"-ERR DB index is out of range\r\n"
SAME_OBJECT = b"-ERR source and destination objects are the same\r\n"
NOT_INT32 = b"-ERR value is out of range, value must between -2147483648 and 2147483647\r\n"
NX_ALONE = b"-ERR NX and XX, GT or LT options at the same time are not compatible\r\n"
NOT_GT_AND_LT = b"-ERR GT and LT options at the same time are not compatible\r\n"
NOW_MS = 1_700_000_000_000  # where the clock of the tests stands


def words(reply: bytes) -> list[str]:
    """The elements of an array of bulk strings, sorted: most replies here have no order."""
    return sorted(reply.decode().split("\r\n")[2::2])


def effects(
    engine: Workbench, peer: Peer, line: str
) -> list[tuple[int, bytes | None, str | None, str | None]]:
    """What a command leaves behind: database, key, event, and what is logged."""
    engine.server.drain = list  # keep the effects
    engine.server.effects.clear()
    argv = [word.encode() for word in line.split(" ")]
    peer.client.table[argv[0]][len(argv)][0](peer.client, argv)
    found = [
        (db.index, key, event, None if logged is None else b" ".join(logged).decode())
        for db, key, event, logged in engine.server.effects
    ]
    engine.server.effects.clear()
    return found


# -- existence -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["DEL", "UNLINK"])
def test_deleting_counts_the_keys_that_were_there(alice: Peer, name: str) -> None:
    ask(alice, "MSET a 1 b 2")
    assert ask(alice, f"{name} a b a none") == b":2\r\n"
    assert ask(alice, f"{name} a") == ZERO


def test_an_expired_key_cannot_be_deleted(engine: Workbench, alice: Peer) -> None:
    ask(alice, "SET a 1 PX 10")
    engine.clock.advance(10)
    assert ask(alice, "DEL a") == ZERO


@pytest.mark.parametrize("name", ["EXISTS", "TOUCH"])
def test_a_key_named_twice_exists_twice(alice: Peer, name: str) -> None:
    ask(alice, "SET a 1")
    ask(alice, "RPUSH l 1")
    assert ask(alice, f"{name} a l a none") == b":3\r\n"


def test_type_names_the_type(alice: Peer) -> None:
    ask(alice, "SET a 1")
    ask(alice, "RPUSH l 1")
    assert ask(alice, "TYPE a") == b"+string\r\n"
    assert ask(alice, "TYPE l") == b"+list\r\n"
    assert ask(alice, "TYPE none") == b"+none\r\n"


# -- expiry ----------------------------------------------------------------------------------------


def test_a_key_is_gone_the_moment_its_time_comes(engine: Workbench, alice: Peer) -> None:
    ask(alice, "SET k v")
    assert ask(alice, "PEXPIRE k 100") == ONE
    engine.clock.advance(99)
    assert ask(alice, "PTTL k") == ONE
    assert ask(alice, "EXISTS k") == ONE
    engine.clock.advance(1)
    assert ask(alice, "PTTL k") == b":-2\r\n"
    assert ask(alice, "GET k") == NULL
    assert ask(alice, "EXISTS k") == ZERO


def test_keys_that_nobody_asks_for_are_deleted_all_the_same(engine: Workbench, alice: Peer) -> None:
    ask(alice, "SET k v PX 100")
    engine.pass_time(100 + 128)
    assert len(engine.server.databases[0]) == 0
    assert engine.server.databases[0].expired == 1


def test_times_to_live_are_rounded_to_the_nearest_second(engine: Workbench, alice: Peer) -> None:
    ask(alice, "SET k v PX 1600")
    assert ask(alice, "TTL k") == b":2\r\n"
    engine.clock.advance(101)
    assert ask(alice, "TTL k") == ONE
    assert ask(alice, "PTTL k") == b":1499\r\n"
    ask(alice, "SET k v PXAT 9999999999500")
    assert ask(alice, "EXPIRETIME k") == b":10000000000\r\n"
    assert ask(alice, "PEXPIRETIME k") == b":9999999999500\r\n"


@pytest.mark.parametrize("name", ["TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME"])
def test_no_expiry_and_no_key_have_numbers_of_their_own(alice: Peer, name: str) -> None:
    ask(alice, "SET k v")
    assert ask(alice, f"{name} k") == b":-1\r\n"
    assert ask(alice, f"{name} none") == b":-2\r\n"


@pytest.mark.parametrize(
    ("present", "option", "replaced"),
    [
        ("", "NX", True), ("100", "NX", False), ("", "XX", False), ("100", "XX", True),
        ("", "GT", False), ("100", "GT", True), ("900", "GT", False), ("500", "GT", False),
        ("", "LT", True), ("100", "LT", False), ("900", "LT", True), ("500", "LT", False),
        ("", "XX LT", False), ("900", "XX LT", True), ("", "XX GT", False), ("100", "xx gt XX", True),
        ("", "NX NX", True),
    ],
)  # fmt: skip
def test_conditions_decide_whether_an_expiry_is_replaced(
    alice: Peer, present: str, option: str, replaced: bool
) -> None:
    ask(alice, "SET k v")
    if present:
        ask(alice, f"EXPIRE k {present}")
    assert ask(alice, f"EXPIRE k 500 {option}") == (ONE if replaced else ZERO)
    left = "500" if replaced else present or "-1"
    assert ask(alice, "TTL k") == b":%b\r\n" % left.encode()


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("EXPIRE k 10 NX XX", NX_ALONE),
        ("EXPIRE none x NX GT", NX_ALONE),
        ("EXPIRE k 10 GT LT", NOT_GT_AND_LT),
        ("EXPIRE k 10 XX GT LT", NOT_GT_AND_LT),
        ("EXPIRE k 10 gt lt Foo", b"-ERR Unsupported option Foo\r\n"),
        ("EXPIRE k x", NOT_INTEGER),
        ("EXPIRE none 1.5", NOT_INTEGER),
        ("EXPIRE k 9223372036854775807", b"-ERR invalid expire time in 'expire' command\r\n"),
        ("EXPIRE none -9223372036854775808", b"-ERR invalid expire time in 'expire' command\r\n"),
        ("PEXPIRE k 9223372036854775807", b"-ERR invalid expire time in 'pexpire' command\r\n"),
        ("EXPIREAT k 9223372036854776", b"-ERR invalid expire time in 'expireat' command\r\n"),
        ("EXPIRE none 10", ZERO),
    ],
)
def test_what_expire_refuses(alice: Peer, line: str, reply: bytes) -> None:
    ask(alice, "SET k v")
    assert ask(alice, line) == reply
    assert ask(alice, "TTL k") == b":-1\r\n"


@pytest.mark.parametrize(
    "line",
    ["EXPIRE k 0", "EXPIRE k -1 NX", "PEXPIRE k -9223372036854775808", "EXPIREAT k 1", "PEXPIREAT k -5"],
)
def test_an_expiry_in_the_past_deletes(alice: Peer, line: str) -> None:
    ask(alice, "SET k v")
    assert ask(alice, line) == ONE
    assert ask(alice, "EXISTS k") == ZERO


def test_the_last_moment_that_can_be_counted_is_a_valid_expiry(alice: Peer) -> None:
    ask(alice, "SET k v")
    assert ask(alice, "PEXPIREAT k 9223372036854775807") == ONE
    assert ask(alice, "EXPIRETIME k") == b":9223372036854776\r\n"


def test_persist_takes_the_expiry_away_once(alice: Peer) -> None:
    ask(alice, "SET k v EX 100")
    assert ask(alice, "PERSIST k") == ONE
    assert ask(alice, "PERSIST k") == ZERO
    assert ask(alice, "PERSIST none") == ZERO
    assert ask(alice, "TTL k") == b":-1\r\n"


# -- renaming, moving, copying ---------------------------------------------------------------------


def test_rename_carries_value_and_expiry_and_replaces_the_target(alice: Peer) -> None:
    ask(alice, "SET a 1 EX 100")
    ask(alice, "RPUSH b x")
    assert ask(alice, "RENAME a b") == OK
    assert ask(alice, "GET b") == bulk("1")
    assert ask(alice, "TTL b") == b":100\r\n"
    assert ask(alice, "EXISTS a") == ZERO
    assert ask(alice, "RENAME a b") == NO_SUCH_KEY
    assert ask(alice, "RENAME none none") == NO_SUCH_KEY


def test_rename_to_itself_does_nothing(engine: Workbench, alice: Peer) -> None:
    ask(alice, "SET a 1")
    assert ask(alice, "RENAME a a") == OK
    assert ask(alice, "RENAMENX a a") == ZERO
    assert effects(engine, alice, "RENAME a a") == []


def test_renamenx_does_not_replace(alice: Peer) -> None:
    ask(alice, "MSET a 1 b 2")
    assert ask(alice, "RENAMENX a b") == ZERO
    assert ask(alice, "RENAMENX a c") == ONE
    assert ask(alice, "MGET a b c") == b"*3\r\n$-1\r\n$1\r\n2\r\n$1\r\n1\r\n"
    assert ask(alice, "RENAMENX none b") == NO_SUCH_KEY


def test_move_takes_a_key_to_another_database_unless_it_exists_there(alice: Peer) -> None:
    ask(alice, "SET a 1 EX 100")
    assert ask(alice, "MOVE a 3") == ONE
    assert ask(alice, "EXISTS a") == ZERO
    ask(alice, "SET a 2")
    assert ask(alice, "MOVE a 3") == ZERO
    assert ask(alice, "MOVE none 3") == ZERO
    ask(alice, "SELECT 3")
    assert ask(alice, "GET a") == bulk("1")
    assert ask(alice, "TTL a") == b":100\r\n"


def test_copy_leaves_two_values_that_do_not_know_each_other(alice: Peer) -> None:
    ask(alice, "RPUSH a x")
    ask(alice, "EXPIRE a 100")
    assert ask(alice, "COPY a b") == ONE
    ask(alice, "RPUSH b y")
    assert ask(alice, "LLEN a") == ONE
    assert ask(alice, "LLEN b") == b":2\r\n"
    assert ask(alice, "TTL b") == b":100\r\n"


def test_copy_replaces_only_when_told(alice: Peer) -> None:
    ask(alice, "MSET a 1 b 2")
    assert ask(alice, "COPY a b") == ZERO
    assert ask(alice, "COPY a b REPLACE") == ONE
    assert ask(alice, "GET b") == bulk("1")
    assert ask(alice, "COPY none b") == ZERO
    assert ask(alice, "COPY a a DB 1 replace replace db 2") == ONE
    ask(alice, "SELECT 2")
    assert ask(alice, "GET a") == bulk("1")


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("MOVE a 0", SAME_OBJECT),
        ("MOVE none 0", SAME_OBJECT),
        ("MOVE a 16", NO_SUCH_DB),
        ("MOVE a -1", NO_SUCH_DB),
        ("MOVE a x", NOT_INTEGER),
        ("MOVE a 9999999999", NOT_INT32),
        ("COPY a a", SAME_OBJECT),
        ("COPY none none DB 0", SAME_OBJECT),
        ("COPY a b DB 16", NO_SUCH_DB),
        ("COPY a b DB x", NOT_INTEGER),
        ("COPY a b DB 9999999999", NOT_INT32),
        ("COPY a b DB", SYNTAX),
        ("COPY a b FOO", SYNTAX),
    ],
)
def test_what_move_and_copy_refuse(alice: Peer, line: str, reply: bytes) -> None:
    ask(alice, "SET a 1")
    assert ask(alice, line) == reply


# -- effects ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("DEL none a b", [(0, b"a", "del", "DEL none a b"), (0, b"b", "del", None)]),
        ("EXPIRE a 10", [(0, b"a", "expire", f"PEXPIREAT a {NOW_MS + 10_000}")]),
        ("PEXPIRE t 10 lt", [(0, b"t", "expire", f"PEXPIREAT t {NOW_MS + 10} lt")]),
        ("EXPIREAT a 9999999999", [(0, b"a", "expire", "PEXPIREAT a 9999999999000")]),
        ("PEXPIREAT a 9999999999000 NX", [(0, b"a", "expire", "PEXPIREAT a 9999999999000 NX")]),
        ("EXPIRE a -1", [(0, b"a", "del", "DEL a")]),
        ("PERSIST t", [(0, b"t", "persist", "PERSIST t")]),
        ("RENAME a b", [
            (0, b"a", "rename_from", "RENAME a b"), (0, b"b", "rename_to", None),
            (0, b"b", "overwritten", None), (0, None, None, None),
        ]),
        ("RENAMENX a c", [(0, b"a", "rename_from", "RENAMENX a c"), (0, b"c", "rename_to", None)]),
        ("MOVE a 2", [(0, b"a", "move_from", "MOVE a 2"), (2, b"a", "move_to", None)]),
        ("COPY a c", [(0, b"c", "copy_to", "COPY a c")]),
        ("COPY a a DB 2", [(0, None, None, "COPY a a DB 2"), (2, b"a", "copy_to", None)]),
        ("EXPIRE a 10 XX", []), ("PERSIST a", []), ("RENAMENX a b", []), ("COPY a b", []), ("DEL none", []),
        ("TOUCH a", []), ("EXPIRE none 10", []), ("MOVE none 2", []),
    ],
)  # fmt: skip
def test_each_change_leaves_its_events_and_what_repeats_it(
    engine: Workbench,
    alice: Peer,
    line: str,
    expected: list[tuple[int, bytes | None, str | None, str | None]],
) -> None:
    ask(alice, "MSET a 1 b 2 t 3")
    ask(alice, "EXPIRE t 100")
    assert effects(engine, alice, line) == expected


def test_while_the_log_is_loaded_an_expiry_in_the_past_is_set_like_any_other(
    engine: Workbench, alice: Peer
) -> None:
    ask(alice, "MSET a 1 b 2")
    engine.server.loading = True
    assert effects(engine, alice, "PEXPIREAT a 1000") == [(0, b"a", "expire", "PEXPIREAT a 1000")]
    engine.server.loading = False
    assert ask(alice, "EXISTS a") == ZERO


@pytest.mark.parametrize(
    ("line", "hits", "misses"),
    [
        ("EXISTS a a none", 2, 1),
        ("TYPE a", 1, 0),
        ("TTL none", 0, 1),
        ("PEXPIRETIME a", 1, 0),
        ("TOUCH none", 0, 1),
        ("OBJECT ENCODING a", 1, 0),
        ("COPY a c", 1, 0),
        ("COPY none c", 0, 1),
        ("DEL a", 0, 0),
        ("RENAME a c", 0, 0),
        ("EXPIRE a 10", 0, 0),
        ("PERSIST a", 0, 0),
        ("MOVE a 2", 0, 0),
        ("KEYS *", 0, 0),
        ("RANDOMKEY", 0, 0),
    ],
)
def test_hits_and_misses_count_look_ups_for_reading(
    engine: Workbench, alice: Peer, line: str, hits: int, misses: int
) -> None:
    ask(alice, "SET a 1")
    ask(alice, line)
    assert (engine.server.stats.keyspace_hits, engine.server.stats.keyspace_misses) == (hits, misses)


# -- looking around --------------------------------------------------------------------------------


def test_keys_match_a_pattern_and_are_not_expired(engine: Workbench, alice: Peer) -> None:
    ask(alice, "MSET one 1 two 2 three 3 '' 4")
    ask(alice, "SET t-gone v PX 10")
    engine.clock.advance(10)
    assert words(ask(alice, "KEYS t*")) == ["three", "two"]
    assert words(ask(alice, "KEYS [^t]*")) == ["one"]
    assert words(ask(alice, "KEYS *")) == ["", "one", "three", "two"]
    assert words(ask(alice, "KEYS **")) == ["one", "three", "two"]
    assert ask(alice, "KEYS t") == b"*0\r\n"


def scan_all(peer: Peer, options: str = "", between: Callable[[], None] = lambda: None) -> list[str]:
    """Follow the cursor to the end."""
    cursor, found = "0", []
    while True:
        reply = ask(peer, f"SCAN {cursor} {options}".strip())
        _, _, cursor, *rest = reply.decode().split("\r\n")
        found += rest[2::2]
        if cursor == "0":
            return found
        between()


def test_scan_returns_every_key_once_while_nothing_changes(alice: Peer) -> None:
    names = [f"key:{n}" for n in range(100)]
    for name in names:
        ask(alice, f"SET {name} v")
    assert sorted(scan_all(alice)) == sorted(names)
    assert sorted(scan_all(alice, "COUNT 7 MATCH *1")) == sorted(n for n in names if n.endswith("1"))


@pytest.mark.parametrize("count", [1, 3, 10])
def test_scan_returns_every_key_that_stays(alice: Peer, count: int) -> None:
    rng = Random(count)
    staying = {f"stay:{n}" for n in range(50)}
    for name in staying:
        ask(alice, f"SET {name} v")

    def churn() -> None:
        for _ in range(4):
            ask(alice, f"SET churn:{rng.randrange(60)} v")
            ask(alice, f"DEL churn:{rng.randrange(60)}")

    for _ in range(10):
        churn()
    assert staying <= set(scan_all(alice, f"COUNT {count}", churn))


def test_scan_tells_types_apart(engine: Workbench, alice: Peer) -> None:
    ask(alice, "SET s v")
    ask(alice, "RPUSH l v")
    ask(alice, "SET gone v PX 10")
    engine.clock.advance(10)
    assert scan_all(alice, "TYPE LIST") == ["l"]
    assert scan_all(alice, "type string") == ["s"]
    assert scan_all(alice, "TYPE nope") == []


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("SCAN x", b"-ERR invalid cursor\r\n"),
        ("SCAN -1", b"-ERR invalid cursor\r\n"),
        ("SCAN 18446744073709551616", b"-ERR invalid cursor\r\n"),
        ("SCAN ''", b"-ERR invalid cursor\r\n"),
        ("SCAN 1.5 COUNT 0", b"-ERR invalid cursor\r\n"),
        ("SCAN 0 COUNT 0", SYNTAX),
        ("SCAN 0 COUNT x", NOT_INTEGER),
        ("SCAN 0 COUNT", SYNTAX),
        ("SCAN 0 FOO", SYNTAX),
        ("SCAN 0 TYPE nope FOO", SYNTAX),
        ("SCAN 0 NOVALUES", b"-ERR NOVALUES option can only be used in HSCAN\r\n"),
        ("SCAN +0", b"*2\r\n$1\r\n0\r\n*0\r\n"),
        ("SCAN -00", b"*2\r\n$1\r\n0\r\n*0\r\n"),
        ("SCAN 18446744073709551615", b"*2\r\n$1\r\n0\r\n*0\r\n"),
    ],
)
def test_what_scan_takes_and_refuses(alice: Peer, line: str, reply: bytes) -> None:
    assert ask(alice, line) == reply


def test_randomkey_finds_any_key_but_no_expired_one(engine: Workbench, alice: Peer) -> None:
    assert ask(alice, "RANDOMKEY") == NULL
    ask(alice, "SET gone v PX 10")
    ask(alice, "MSET a 1 b 2")
    engine.clock.advance(10)
    assert {ask(alice, "RANDOMKEY") for _ in range(50)} == {bulk("a"), bulk("b")}


# -- OBJECT ----------------------------------------------------------------------------------------


def test_object_answers_null_for_a_missing_key(alice: Peer) -> None:
    for name in ("ENCODING", "REFCOUNT"):
        assert ask(alice, f"OBJECT {name} none") == NULL


def test_object_describes_a_value(alice: Peer) -> None:
    ask(alice, "SET k 5")
    ask(alice, "RPUSH l a")
    assert ask(alice, "OBJECT ENCODING k") == bulk("int")
    assert ask(alice, "OBJECT ENCODING l") == bulk("listpack")
    assert ask(alice, "OBJECT REFCOUNT k") == ONE
    assert ask(alice, "OBJECT HELP").startswith(b"*12\r\n+OBJECT <subcommand> [<arg> [value] [opt] ...]")


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("OBJECT foo", b"-ERR unknown subcommand 'foo'. Try OBJECT HELP.\r\n"),
        ("OBJECT ENCODING", b"-ERR wrong number of arguments for 'object|encoding' command\r\n"),
        ("OBJECT", b"-ERR wrong number of arguments for 'object' command\r\n"),
    ],
)
def test_what_object_refuses(alice: Peer, line: str, reply: bytes) -> None:
    assert ask(alice, line) == reply


# -- waiting ---------------------------------------------------------------------------------------


def test_wait_for_no_replica_is_over_at_once(alice: Peer) -> None:
    assert ask(alice, "WAIT 0 0") == ZERO
    assert ask(alice, "WAIT -1 10") == ZERO


def test_wait_for_a_replica_lasts_until_the_timeout(engine: Workbench, alice: Peer) -> None:
    assert ask(alice, "WAIT 1 100") == b""
    engine.pass_time(99)
    assert alice.take() == b""
    engine.pass_time(2)
    assert alice.take() == ZERO


def test_waiting_is_over_at_once_inside_a_transaction(alice: Peer) -> None:
    for line in ("MULTI", "WAIT 1 0", "WAITAOF 0 1 0"):
        ask(alice, line)
    assert ask(alice, "EXEC") == b"*2\r\n:0\r\n*2\r\n:0\r\n:0\r\n"


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("WAIT x 0", NOT_INTEGER),
        ("WAIT 0 x", b"-ERR timeout is not an integer or out of range\r\n"),
        ("WAIT 0 -1", b"-ERR timeout is negative\r\n"),
        ("WAIT 1 9223372036854775807", b"-ERR timeout is out of range\r\n"),
        ("WAITAOF 2 0 0", b"-ERR value is out of range, value must between 0 and 1\r\n"),
        ("WAITAOF x 0 0", NOT_INTEGER),
        ("WAITAOF 0 x 0", b"-ERR value is out of range, must be positive\r\n"),
        ("WAITAOF 0 -1 0", b"-ERR value is out of range, must be positive\r\n"),
        ("WAITAOF 0 0 -1", b"-ERR timeout is negative\r\n"),
    ],
)
def test_what_waiting_refuses(alice: Peer, line: str, reply: bytes) -> None:
    assert ask(alice, line) == reply


class FakeWriter:
    """What WAITAOF asks of the log: how far it was appended, how far synced."""

    def __init__(self) -> None:
        self.position = 100
        self.synced = 60


class FakeLog:
    """A log that is synced when the test says so."""

    selected_db = 0
    rewriting = temporary = False

    def __init__(self) -> None:
        self.writer = FakeWriter()

    @property
    def synced(self) -> int:
        return self.writer.synced

    def append(self, data: bytes) -> None:
        self.writer.position += len(data)

    def append_effect(self, db: int, argv: list[bytes]) -> None:
        self.writer.position += 1


def test_waitaof_needs_a_log_to_wait_for(alice: Peer) -> None:
    refused = b"-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.\r\n"
    assert ask(alice, "WAITAOF 1 0 0") == refused
    assert ask(alice, "WAITAOF 0 0 0") == b"*2\r\n:0\r\n:0\r\n"


def test_waitaof_waits_until_what_was_written_before_is_synced(
    engine: Workbench, alice: Peer, bob: Peer
) -> None:
    log = FakeLog()
    engine.server.aof = log  # type: ignore[assignment]  # as much of a log as is asked of it
    assert ask(alice, "SET k v") == OK
    assert ask(alice, "WAITAOF 1 0 0") == b""
    waited_for = log.writer.position
    ask(bob, "SET k w")
    log.writer.synced = waited_for - 1
    engine.wake(LOG_SYNCED)
    assert alice.take() == b""
    log.writer.synced = waited_for
    engine.wake(LOG_SYNCED)
    assert alice.take() == b"*2\r\n:1\r\n:0\r\n"


def test_waitaof_that_times_out_tells_what_had_been_synced(engine: Workbench, alice: Peer, bob: Peer) -> None:
    log = FakeLog()
    engine.server.aof = log  # type: ignore[assignment]  # as above
    assert ask(alice, "WAITAOF 0 1 50") == b""
    assert ask(bob, "WAITAOF 1 0 50") == b""
    engine.pass_time(51)
    assert alice.take() == bob.take() == b"*2\r\n:0\r\n:0\r\n"
    ask(alice, "WAITAOF 0 1 50")
    log.writer.synced = log.writer.position
    engine.wake(LOG_SYNCED)
    engine.pass_time(51)
    assert alice.take() == b"*2\r\n:1\r\n:0\r\n"


# -- everything together ---------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c", "longer-key"])
MS = st.sampled_from(["1", "50", "200", "5000", "-1"])
LINES = st.one_of(
    st.builds("SET {} {}".format, NAMES, st.sampled_from(["5", "x", "x" * 50])),
    st.builds("SET {} 7 PX {}".format, NAMES, MS),
    st.builds("SET {} 7 {}".format, NAMES, st.sampled_from(["KEEPTTL", "GET", "NX", "XX", "PXAT 1"])),
    st.builds("{} {}".format, st.sampled_from(["GET", "INCR", "GETDEL", "DEL", "PERSIST", "GETEX"]), NAMES),
    st.builds("{} {} {}".format, st.sampled_from(["APPEND", "GETSET", "SETNX", "INCRBYFLOAT"]), NAMES, MS),
    st.builds("{} {} {}".format, st.sampled_from(["RENAME", "RENAMENX", "COPY"]), NAMES, NAMES),
    st.builds("COPY {} {} DB {} REPLACE".format, NAMES, NAMES, st.sampled_from("01")),
    st.builds("MOVE {} {}".format, NAMES, st.sampled_from("01")),
    st.builds("PEXPIRE {} {}".format, NAMES, MS),
    st.builds("MSET {} 1 {} 2".format, NAMES, NAMES),
    st.builds("RPUSH {} x".format, NAMES),
    st.builds("SELECT {}".format, st.sampled_from("01")),
    st.sampled_from(["RANDOMKEY", "KEYS *", "SCAN 0", "EXISTS a b c"]),
    st.integers(0, 300).map("PASS {}".format),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=40))
def test_no_sequence_of_commands_breaks_the_keyspace(lines: list[str]) -> None:
    engine = Workbench()
    alice = engine.peer()
    for line in lines:
        if line.startswith("PASS "):
            engine.pass_time(int(line.removeprefix("PASS ")))
        else:
            assert not ask(alice, line).startswith(b"-ERR internal")
        for db in engine.server.databases[:2]:
            db.check()
            for value in db.values.values():
                value.check()
    engine.pass_time(6000)
    assert not any(db.expiring for db in engine.server.databases)
