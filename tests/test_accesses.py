"""When and how often keys are accessed, as OBJECT tells; which commands access what: compat/oracle."""

from __future__ import annotations

from random import Random

import pytest

from respq.accesses import FIRST_FREQUENCY
from tests.commands.asking import ask
from tests.conftest import Peer, Workbench

NIL, ZERO = b"$-1\r\n", b":0\r\n"


def number(peer: Peer, line: str) -> int:
    reply = ask(peer, line)
    assert reply[:1] == b":", reply
    return int(reply[1:])


def lfu(**directives: str) -> Peer:
    return Workbench(**{"maxmemory-policy": "allkeys-lfu", "lfu-log-factor": "0", **directives}).peer()


def test_a_key_is_idle_since_it_was_last_accessed(engine: Workbench, alice: Peer) -> None:
    ask(alice, "SET k 1")
    engine.clock.advance(90_500)
    assert ask(alice, "OBJECT IDLETIME k") == b":90\r\n"
    for line in ("TYPE k", "TTL k", "EXISTS k", "OBJECT ENCODING k", "WATCH k", "SCAN 0", "MEMORY USAGE k"):
        ask(alice, line)
    assert ask(alice, "OBJECT IDLETIME k") == b":90\r\n"
    ask(alice, "GET k")
    assert ask(alice, "OBJECT IDLETIME k") == ZERO
    assert ask(alice, "OBJECT IDLETIME nokey") == NIL


@pytest.mark.parametrize(
    "line", ["SET k{} 2", "GET k{}", "INCR k{}", "LPUSH l{} x", "RPOP l{}", "HSET h{} f 1"]
)
def test_a_run_accesses_the_keys_of_its_commands(engine: Workbench, alice: Peer, line: str) -> None:
    for at in range(5):
        for create in ("SET k{} 1", "RPUSH l{} a b c d e f", "HSET h{} g 1"):
            ask(alice, create.format(at))
    engine.clock.advance(50_000)
    alice.feed("".join(f"{line.format(at)}\r\n" for at in range(5)).encode())
    key = line.split()[1]
    assert [number(alice, f"OBJECT IDLETIME {key.format(at)}") for at in range(5)] == [0] * 5


def test_a_run_on_one_key_is_an_access_to_it(engine: Workbench, alice: Peer) -> None:
    for line in ("LPUSH l x", "RPOP l", "HSET h f 1", "SADD s m", "ZADD z 1 m", "XADD x * f v"):
        key = line.split()[1]
        alice.feed(f"{line}\r\n".encode() * 5 + b"LPUSH l a b c d e\r\n")
        engine.clock.advance(50_000)
        alice.feed(f"{line}\r\n".encode() * 4)
        assert number(alice, f"OBJECT IDLETIME {key}") == 0, line


def test_a_client_that_does_not_touch_leaves_keys_idle(engine: Workbench, alice: Peer) -> None:
    ask(alice, "SET k 1")
    engine.clock.advance(60_000)
    ask(alice, "CLIENT NO-TOUCH ON")
    alice.feed(b"GET k\r\n" * 5 + b"SET k 2\r\nMULTI\r\nGET k\r\nEXEC\r\nSET new 1\r\n")
    assert number(alice, "OBJECT IDLETIME k") == 60
    alice.send("EVAL", "return redis.call('get', 'k')", 0)
    assert number(alice, "OBJECT IDLETIME k") == 60
    assert number(alice, "OBJECT IDLETIME new") == 0
    ask(alice, "TOUCH k")
    assert number(alice, "OBJECT IDLETIME k") == 0
    engine.clock.advance(60_000)
    ask(alice, "RESET")
    ask(alice, "GET k")
    assert number(alice, "OBJECT IDLETIME k") == 0


def test_restore_says_how_long_a_key_has_been_idle(alice: Peer) -> None:
    ask(alice, "SET k 1")
    payload = ask(alice, "DUMP k").split(b"\r\n", 1)[1][:-2]
    alice.send("RESTORE", "r", 0, payload, "IDLETIME", 1000)
    assert number(alice, "OBJECT IDLETIME r") == 1000
    alice.send("RESTORE", "r", 0, payload, "REPLACE", "FREQ", 7)
    assert number(alice, "OBJECT IDLETIME r") == 0


def test_a_frequency_grows_with_every_access_and_decays_with_time() -> None:
    alice = lfu()
    engine = alice.engine
    assert isinstance(engine, Workbench)
    ask(alice, "SET k 1")
    assert number(alice, "OBJECT FREQ k") == FIRST_FREQUENCY
    alice.feed(b"GET k\r\n" * 10 + b"TYPE k\r\n")
    assert number(alice, "OBJECT FREQ k") == 15
    alice.feed(b"GET k\r\nPING\r\n" * 3 + b"MULTI\r\nGET k\r\nGET k\r\nEXEC\r\n")
    assert number(alice, "OBJECT FREQ k") == 20
    alice.send("EVAL", "redis.call('get', 'k') return redis.call('incr', 'k')", 0)
    assert number(alice, "OBJECT FREQ k") == 22
    engine.clock.advance(4 * 60_000)
    assert number(alice, "OBJECT FREQ k") == 18
    ask(alice, "GET k")
    assert number(alice, "OBJECT FREQ k") == 19
    engine.clock.advance(60 * 60_000)
    assert number(alice, "OBJECT FREQ k") == 0
    ask(alice, "CONFIG SET lfu-decay-time 0")
    assert number(alice, "OBJECT FREQ k") == 19


def test_a_frequency_ends_at_its_greatest() -> None:
    alice = lfu()
    alice.feed(b"LPUSH l x\r\n" * 300)
    assert number(alice, "OBJECT FREQ l") == 255


def test_the_counter_grows_as_slowly_as_the_factor_says() -> None:
    """A hundred accesses leave about 10, a thousand about 18: the table of Redis's documentation."""
    alice = lfu(**{"lfu-log-factor": "10"})
    alice.engine.server.frequencies._rng = Random(5)
    for key in range(200):
        alice.feed(
            b"INCR a%d\r\n" % key * 100 + b"INCR b%d\r\nPING\r\n" % key * 20 + b"INCR b%d\r\n" % key * 980
        )

    def mean(name: str) -> float:
        return sum(number(alice, f"OBJECT FREQ {name}{key}") for key in range(200)) / 200

    assert 9 < mean("a") < 11
    assert 17 < mean("b") < 20


def test_what_was_idle_or_frequent_is_asked_for_under_its_own_policy() -> None:
    alice = lfu()
    ask(alice, "SET k 1")
    assert ask(alice, "OBJECT IDLETIME k").startswith(b"-ERR An LFU maxmemory policy is selected")
    ask(alice, "CONFIG SET maxmemory-policy noeviction")
    assert ask(alice, "OBJECT FREQ k") == (
        b"-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when "
        b"switching between policies at runtime LRU and LFU data will take some time to adjust.\r\n"
    )
    assert number(alice, "OBJECT IDLETIME k") < 60
    ask(alice, "GET k")
    assert number(alice, "OBJECT IDLETIME k") == 0


def test_a_command_that_replaces_a_key_makes_a_new_one() -> None:
    alice = lfu()
    ask(alice, "MSET a 1 b 1")
    alice.feed(b"GET a\r\n" * 6 + b"GET b\r\n" * 9)
    ask(alice, "RENAME a b")
    assert number(alice, "OBJECT FREQ b") == FIRST_FREQUENCY
    alice.feed(b"GET b\r\n" * 6 + b"LPUSH l x\r\n")
    ask(alice, "SET b 2")
    assert number(alice, "OBJECT FREQ b") == FIRST_FREQUENCY + 7
    ask(alice, "SUNIONSTORE b nokey")
    assert ask(alice, "OBJECT FREQ b") == NIL


# -- LRM: least recently modified, Redis 8.6 -----------------------------------------------------------

HOUR_MS = 3_600_000
OLD = b":3600\r\n"


@pytest.fixture
def old() -> Peer:
    """Under an LRM policy, keys that are an hour old."""
    engine = Workbench(**{"maxmemory-policy": "allkeys-lrm"})
    peer = engine.peer()
    for line in ("SET s 5", "RPUSH l a b c", "SADD st a b", "SADD su b c", "HSET h f 1", "XADD x 1-1 f v",
                 "XGROUP CREATE x g 0", "ZADD z 1 m"):  # fmt: skip
        ask(peer, line)
    engine.clock.advance(HOUR_MS)
    return peer


@pytest.mark.parametrize(
    "line",
    [
        "GET s", "STRLEN s", "TOUCH s", "GETEX s", "SET s 6 NX", "LPUSH s x", "LRANGE l 0 -1", "SORT l ALPHA",
        "LREM l 0 q", "SADD st a", "SREM st q", "SMEMBERS st", "SINTERSTORE q st su", "COPY l q", "HGETALL h",
        "HDEL h q", "XRANGE x - +", "XREAD STREAMS x 0", "XACK x g 1-1", "ZADD z 1 m", "ZRANGE z 0 -1",
        "MGET s nokey", "LMOVE q l LEFT LEFT", "EXPIRE nokey 1",
    ],
)  # fmt: skip
def test_what_is_read_or_left_as_it_was_is_not_modified(old: Peer, line: str) -> None:
    for form in (line, f"{line}\r\n" * 5, f"MULTI\r\n{line}\r\nEXEC"):
        old.feed(f"{form}\r\n".encode())
        for key in ("s", "l", "st", "su", "h", "x", "z"):
            assert ask(old, f"OBJECT IDLETIME {key}") == OLD, (form, key)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("SET s 6", "s"), ("INCR s", "s"), ("EXPIRE s 100", "s"), ("GETEX s EX 100", "s"), ("LPOP l", "l"),
        ("LMOVE l l LEFT RIGHT", "l"), ("SADD st q", "st"), ("SUNIONSTORE st st su", "st"),
        ("SMOVE st su a", "su"), ("HSET h f 1", "h"), ("XADD x * f v", "x"),
        ("XREADGROUP GROUP g c STREAMS x >", "x"), ("RENAME l q", "q"), ("COPY l q", "q"),
        ("ZINCRBY z 1 m", "z"),
    ],
)  # fmt: skip
def test_what_is_changed_is_modified(old: Peer, line: str, key: str) -> None:
    ask(old, line)
    assert ask(old, f"OBJECT IDLETIME {key}") == ZERO


@pytest.mark.parametrize(
    ("line", "key"),
    [("SET s{} 6", "s{}"), ("SADD t{} new", "t{}"), ("LPUSH l x", "l"), ("LPOP l", "l"), ("INCR s{}", "s{}")],
)
def test_a_run_modifies_what_its_commands_change(old: Peer, line: str, key: str) -> None:
    for at in range(5):
        old.feed(b"SET s%d 1\r\nSADD t%d a\r\nRPUSH l d e\r\n" % (at, at))
    old.engine.clock.advance(HOUR_MS)  # type: ignore[attr-defined]
    old.feed(b"".join(b"GET s%d\r\n" % at for at in range(5)))
    old.feed(b"".join(b"SADD t%d a\r\n" % at for at in range(5)))
    assert {ask(old, f"OBJECT IDLETIME {name}{at}") for name in "st" for at in range(5)} == {OLD}
    old.feed("".join(f"{line.format(at)}\r\n" for at in range(5)).encode())
    assert {ask(old, f"OBJECT IDLETIME {key.format(at)}") for at in range(5)} == {ZERO}


def test_scripts_and_clients_that_do_not_touch_leave_no_trace_of_what_they_read(old: Peer) -> None:
    old.send("EVAL", "return redis.call('get', 's')", 0)
    assert ask(old, "OBJECT IDLETIME s") == OLD
    old.send("EVAL", "return redis.call('incr', 's')", 0)
    assert ask(old, "OBJECT IDLETIME s") == ZERO
    ask(old, "CLIENT NO-TOUCH ON")
    ask(old, "RPUSH l x")
    assert ask(old, "OBJECT IDLETIME l") == OLD


def test_another_policy_lets_reads_be_accesses_again(old: Peer) -> None:
    ask(old, "CONFIG SET maxmemory-policy allkeys-lru")
    ask(old, "GET s")
    assert ask(old, "OBJECT IDLETIME s") == ZERO
    ask(old, "CONFIG SET maxmemory-policy Volatile-LRM")
    ask(old, "LRANGE l 0 -1")
    assert ask(old, "OBJECT IDLETIME l") == OLD
    assert b"volatile-lrm" in ask(old, "CONFIG GET maxmemory-policy")


def test_a_rewritten_log_keeps_when_keys_were_modified(old: Peer) -> None:
    said = old.engine.server.frequencies.said_of()
    assert said(old.engine.server.databases[0].values[b"s"]) == -1 - 3600
