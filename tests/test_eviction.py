"""What is evicted and what is refused when more memory is in use than `maxmemory`; the gauge is ours."""

from __future__ import annotations

from collections import Counter

import pytest

from respq.datatypes.sizes import KEY_BYTES, allocated
from respq.eviction import BETWEEN_LOOKS
from tests.commands.asking import ask
from tests.conftest import Peer, Workbench

OOM = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"
OK = b"+OK\r\n"


class Scale:
    """A gauge that adds up what MEMORY USAGE says."""

    def __init__(self, engine: Workbench) -> None:
        self.engine = engine
        self.startup_bytes = self.other_bytes = 0

    def used_bytes(self) -> int:
        return self.other_bytes + sum(
            KEY_BYTES + allocated(key) + value.memory_bytes(0)
            for db in self.engine.server.databases
            for key, value in db.values.items()
        )


def bench(**directives: str) -> Workbench:
    engine = Workbench(**{"maxmemory-eviction-tenacity": "100", **directives})
    engine.server.gauge = Scale(engine)  # type: ignore[assignment]
    return engine


def names(peer: Peer) -> set[str]:
    return {word.decode() for word in peer.send("KEYS", "*").split(b"\r\n")[2::2]}


def shrink(engine: Workbench, peer: Peer, keys: int) -> None:
    """Leave room for so many keys, all of which are alike, and evict until that is kept."""
    total = sum(map(len, engine.server.databases))
    limit = int(engine.server.gauge.used_bytes() * (keys + 0.5) / total)
    assert ask(peer, f"CONFIG SET maxmemory {limit}") == OK
    turn(engine)


def turn(engine: Workbench) -> None:
    """What the event loop does until nothing more happens."""
    for _ in range(1000):
        before = engine.server.stats.evicted_keys
        engine.clock.advance(1000)
        engine.limit_memory()
        if engine.server.stats.evicted_keys == before:
            return


# -- refusing ----------------------------------------------------------------------------------------


def test_commands_that_may_need_memory_are_refused_until_there_is_some() -> None:
    engine = bench()
    alice = engine.peer()
    assert alice.feed(b"SET a 1\r\nSET b 2\r\nCONFIG SET maxmemory 400\r\nSET a 3\r\nGET a\r\n") == (
        OK * 3 + OOM + b"$1\r\n1\r\n"
    )
    assert alice.feed(b"MULTI\r\nGET a\r\nSET a 3\r\nEXEC\r\n").endswith(
        b"+QUEUED\r\n" + OOM + b"-EXECABORT Transaction discarded because of previous errors.\r\n"
    )
    assert ask(alice, "DEL b") == b":1\r\n"
    engine.clock.advance(1000)
    engine.limit_memory()
    assert ask(alice, "SET a 3") == OK


def test_what_was_queued_before_is_refused_by_exec() -> None:
    engine = bench()
    alice, bob = engine.peer(), engine.peer()
    alice.feed(b"SET a 1\r\nMULTI\r\nSET a 2\r\n")
    ask(bob, "CONFIG SET maxmemory 1")
    assert ask(alice, "EXEC") == (b"-EXECABORT Transaction discarded because of: " + OOM[1:])


def test_a_limit_that_a_transaction_sets_counts_behind_it() -> None:
    engine = bench()
    alice = engine.peer()
    alice.feed(b"SET a 1\r\n")
    lines = b"MULTI\r\nCONFIG SET maxmemory 1\r\nSET a 2\r\nEXEC\r\nSET a 3\r\n"
    assert alice.feed(lines).endswith(b"*2\r\n+OK\r\n+OK\r\n" + OOM)


SHEBANG = "#!lua flags=allow-oom\n"


@pytest.mark.parametrize(
    ("script", "refused"),
    [
        ("return redis.call('set', 'a', 1)", True),
        ("redis.call('del', 'nokey') return redis.call('set', 'a', 1)", False),
        (f"{SHEBANG}return redis.call('set', 'a', 1)", False),
        ("#!lua\nreturn redis.call('get', 'a')", True),
        ("#!lua flags=no-writes\nreturn redis.call('get', 'a')", False),
        ("return redis.call('get', 'a')", False),
    ],
)
def test_scripts_are_refused_memory_unless_they_have_written_or_say_so(script: str, refused: bool) -> None:
    engine = bench()
    alice = engine.peer()
    alice.feed(b"SET a 1\r\nCONFIG SET maxmemory 1\r\n")
    for _ in range(2):
        reply = alice.send("EVAL", script, 0)
        assert reply.startswith(b"-OOM") is refused, reply
    ask(alice, "CONFIG SET maxmemory 0")
    assert not alice.send("EVAL", script, 0).startswith(b"-")


def test_nothing_is_evicted_or_refused_during_a_pause() -> None:
    engine = bench(**{"maxmemory-policy": "allkeys-random"})
    alice = engine.peer()
    alice.feed(b"SET a 1\r\nCLIENT PAUSE 100 WRITE\r\nCONFIG SET maxmemory 1\r\n")
    engine.limit_memory()
    assert ask(alice, "EXISTS a") == b":1\r\n"
    engine.clock.advance(101)
    engine.on_time()
    engine.limit_memory()
    assert ask(alice, "EXISTS a") == b":0\r\n"


# -- evicting ----------------------------------------------------------------------------------------


def test_the_key_that_was_not_used_for_longest_goes_first() -> None:
    engine = bench(**{"maxmemory-policy": "allkeys-lru", "maxmemory-samples": "64"})
    alice = engine.peer()
    for number in range(20):
        ask(alice, f"SET k{number} 1")
        engine.clock.advance(1000)
    for number in range(5):
        ask(alice, f"GET k{number}")
    shrink(engine, alice, 8)
    kept = names(alice)
    assert len(kept) == 8
    assert {f"k{number}" for number in range(5)} <= kept
    assert engine.server.stats.evicted_keys == 12


def test_the_key_that_was_not_changed_for_longest_goes_first() -> None:
    engine = bench(**{"maxmemory-policy": "allkeys-lrm", "maxmemory-samples": "64"})
    alice = engine.peer()
    for number in range(20):
        ask(alice, f"SET k{number} 1")
        engine.clock.advance(1000)
    for number in range(5):
        ask(alice, f"GET k{number}")
        ask(alice, f"INCR k{number + 5}")
    shrink(engine, alice, 8)
    assert names(alice) == {f"k{number}" for number in (5, 6, 7, 8, 9, 17, 18, 19)}


def test_the_key_that_is_used_least_goes_first() -> None:
    engine = bench(**{"maxmemory-policy": "allkeys-lfu", "maxmemory-samples": "64", "lfu-log-factor": "0"})
    alice = engine.peer()
    for number in range(20):
        alice.feed(b"INCR k%d\r\n" % number * (number + 1))
    shrink(engine, alice, 5)
    assert {f"k{number}" for number in range(17, 20)} <= names(alice)
    assert len(names(alice)) == 5


@pytest.mark.parametrize(
    "policy", ["volatile-lru", "volatile-lfu", "volatile-lrm", "volatile-random", "volatile-ttl"]
)
@pytest.mark.parametrize("stable", [2, 500])
def test_keys_without_an_expiry_stay(policy: str, stable: int) -> None:
    engine = bench(**{"maxmemory-policy": policy})
    alice = engine.peer()
    alice.feed(b"".join(b"SET s%d 1\r\n" % number for number in range(stable)))
    alice.feed(b"".join(b"SET v%d 1 PX %d\r\n" % (number, 90_000_000 + number % 7) for number in range(10)))
    shrink(engine, alice, stable)
    assert names(alice) == {f"s{number}" for number in range(stable)}
    assert ask(alice, "SET s1 2") == OK
    shrink(engine, alice, stable - 1)
    assert ask(alice, "SET s1 2") == OOM


def test_the_key_that_expires_first_goes_first() -> None:
    engine = bench(**{"maxmemory-policy": "volatile-ttl"})
    alice = engine.peer()
    for number in (3, 1, 4, 2, 5):
        ask(alice, f"SET k{number} 1 EX {number}00")
    ask(alice, "SELECT 1")
    ask(alice, "SET other 1 EX 250")
    shrink(engine, alice, 3)
    ask(alice, "SELECT 0")
    assert names(alice) == {"k3", "k4", "k5"}


def test_any_key_may_go_at_random() -> None:
    gone: Counter[str] = Counter()
    engine = bench(**{"maxmemory-policy": "allkeys-random"})
    alice = engine.peer()
    for _ in range(100):
        ask(alice, "CONFIG SET maxmemory 0")
        alice.feed(b"".join(b"SET k%d 1\r\n" % number for number in range(10)))
        shrink(engine, alice, 5)
        gone.update({f"k{number}" for number in range(10)} - names(alice))
    assert len(gone) == 10
    assert all(25 < count < 75 for count in gone.values())


def test_old_keys_are_rare_among_those_that_few_samples_leave() -> None:
    """Ten samples of a thousand keys, half of which go: of the half used last nearly all are left."""
    engine = bench(**{"maxmemory-policy": "allkeys-lru", "maxmemory-samples": "10"})
    alice = engine.peer()
    for number in range(1000):
        ask(alice, f"SET k{number:04} 1")
        engine.clock.advance(1000)
    shrink(engine, alice, 500)
    assert sum(name >= "k0500" for name in names(alice)) > 430


def test_an_eviction_is_an_event_and_a_change() -> None:
    engine = bench(**{"maxmemory-policy": "allkeys-lru", "notify-keyspace-events": "Ee"})
    alice, bob, carol = engine.peer(), engine.peer(), engine.peer()
    ask(alice, "SET k 1")
    bob.feed(b"HELLO 3\r\nCLIENT TRACKING ON\r\nGET k\r\n")
    ask(bob, "SUBSCRIBE __keyevent@0__:evicted")
    carol.feed(b"WATCH k\r\nMULTI\r\nPING\r\n")
    ask(alice, "CONFIG SET maxmemory 1")
    told = bob.take()
    assert b"__keyevent@0__:evicted\r\n$1\r\nk\r\n" in told
    assert b"invalidate\r\n*1\r\n$1\r\nk\r\n" in told
    assert ask(carol, "EXEC") == b"*-1\r\n"


def test_evictions_are_logged_in_the_word_that_is_asked_for() -> None:
    for lazy, word in (("no", b"DEL"), ("yes", b"UNLINK")):
        engine = bench(**{"maxmemory-policy": "allkeys-lru", "lazyfree-lazy-eviction": lazy})
        alice = engine.peer()
        ask(alice, "SET k 1")
        engine.server.config.maxmemory = 1
        engine.server.limit.look()
        assert [effect[1:] for effect in engine.server.effects] == [(b"k", "evicted", [word, b"k"])]


def test_a_large_value_is_freed_in_slices_and_not_evicted_for_twice() -> None:
    engine = bench(**{"maxmemory-policy": "allkeys-random"})
    alice = engine.peer()
    for key in range(3):
        alice.send("SADD", f"s{key}", *range(20_000))
    used = engine.server.gauge.used_bytes()
    engine.server.gauge.used_bytes = lambda: used  # type: ignore[method-assign]  # nothing is free yet
    ask(alice, f"CONFIG SET maxmemory {used * 5 // 6}")
    turn(engine)
    assert engine.server.stats.evicted_keys == 1
    assert len(engine.server.rubble) > 0


def test_evicting_goes_on_later_if_time_is_up() -> None:
    engine = bench(**{"maxmemory-policy": "allkeys-random", "maxmemory-eviction-tenacity": "0"})
    alice = engine.peer()
    alice.feed(b"".join(b"SET k%d 1\r\n" % number for number in range(500)))
    scale = engine.server.gauge
    assert isinstance(scale, Scale)
    scale.other_bytes = 10
    assert ask(alice, "CONFIG SET maxmemory 1") == OK
    assert 0 < engine.server.stats.evicted_keys < 500
    assert ask(alice, "SET k 1") == OK  # there is something left to be evicted
    turn(engine)
    assert names(alice) == set()
    assert ask(alice, "SET k 1") == OOM


def test_a_limit_that_is_set_late_is_reached_in_slices_too() -> None:
    engine = bench(**{"maxmemory-policy": "allkeys-random", "maxmemory-eviction-tenacity": "0"})
    alice = engine.peer()
    for number in range(1000):
        ask(alice, f"SET key:{number} {number}")
    ask(alice, "CONFIG SET maxmemory 1000")
    assert 0 < engine.server.stats.evicted_keys <= 2 * BETWEEN_LOOKS


def test_info_tells_of_it() -> None:
    engine = bench(**{"maxmemory-policy": "allkeys-lru"})
    alice = engine.peer()
    alice.feed(b"SET a 1\r\nSET b 1\r\nCONFIG SET maxmemory 1\r\n")
    turn(engine)
    engine.clock.advance(5000)
    engine.limit_memory()
    ask(alice, "DEL a b")
    lines = alice.send("INFO", "all").decode().split("\r\n")
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    assert fields["evicted_keys"] == "2"
    assert fields["maxmemory"] == "1"
    assert fields["maxmemory_policy"] == "allkeys-lru"
    assert fields["maxmemory_human"] == "1B"


def test_time_over_the_limit_is_counted() -> None:
    engine = bench()
    alice = engine.peer()
    alice.feed(b"SET a 1\r\nCONFIG SET maxmemory 100\r\n")
    engine.clock.advance(5000)
    assert engine.server.limit.exceeded_for_ms() == 5000
    ask(alice, "DEL a")
    engine.limit_memory()
    assert engine.server.limit.exceeded_for_ms() == 0
    assert engine.server.limit.exceeded_ms == 5000
