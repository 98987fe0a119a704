"""import-mode and CLIENT IMPORT-SOURCE: compat/oracle/test_valkey.py asks Valkey 8.1.

What is about fields of hashes, RESTORE, RESET and eviction is as Valkey 9.1.2 answered.
"""

from __future__ import annotations

import pytest

from tests.commands.asking import ask
from tests.conftest import Kept, Peer, Workbench
from tests.resp import OK
from tests.test_eviction import OOM, bench, turn


@pytest.fixture
def importer(alice: Peer) -> Peer:
    ask(alice, "CONFIG SET import-mode yes")
    ask(alice, "CLIENT IMPORT-SOURCE ON")
    return alice


def test_nothing_stands_before_commands_without_it(engine: Workbench, alice: Peer) -> None:
    get = engine.server.specs["GET"]
    ask(alice, "CONFIG SET import-mode yes")
    assert alice.client.table[b"GET"][2][0] is not get.bare
    ask(alice, "CONFIG SET import-mode no")
    assert alice.client.table[b"GET"][2][0] is get.bare


def test_a_key_that_expires_stays_until_the_mode_ends(engine: Workbench, importer: Peer, bob: Peer) -> None:
    ask(importer, "SET k 1 PX 10")
    engine.clock.advance(5000)
    engine.expire_keys(1000)
    assert ask(bob, "GET k") == b"$-1\r\n"
    assert ask(bob, "DBSIZE") == b":1\r\n"
    assert ask(importer, "INCR k") == b":2\r\n"
    assert ask(importer, "TTL k") == b":0\r\n"
    assert ask(importer, "EXPIRE k 100") == b":1\r\n"  # as its source did, later
    assert ask(bob, "GET k") == b"$1\r\n2\r\n"
    ask(importer, "PEXPIREAT k 1000")
    ask(importer, "CONFIG SET import-mode no")
    assert ask(importer, "CLIENT IMPORT-SOURCE ON").startswith(b"-ERR Server is not in import mode")
    engine.expire_keys(1000)
    assert ask(bob, "DBSIZE") == b":0\r\n"


def test_fields_of_hashes_as_well(engine: Workbench, importer: Peer, bob: Peer) -> None:
    ask(importer, "HSET h f 1 g 2")
    ask(importer, "HPEXPIREAT h 1000 FIELDS 1 f")
    engine.expire_keys(1000)
    both = b"*4\r\n$1\r\nf\r\n$1\r\n1\r\n$1\r\ng\r\n$1\r\n2\r\n"
    assert sorted(ask(importer, "HGETALL h").split()) == sorted(both.split())
    assert ask(importer, "HPTTL h FIELDS 1 f") == ask(importer, "HTTL h FIELDS 1 f") == b"*1\r\n:0\r\n"
    assert sorted(ask(importer, "HSCAN h 0").split()[3:]) == sorted([b"*4", *both.split()[1:]])
    assert ask(importer, "HINCRBY h f 1") == b":2\r\n"
    for line in ("HGETALL h", "HKEYS h", "HSCAN h 0"):
        assert b"f" not in ask(bob, line)
    assert ask(bob, "HGET h f") == b"$-1\r\n"
    assert ask(bob, "HLEN h") == b":2\r\n"
    assert ask(bob, "HINCRBY h f 1") == b":1\r\n"  # it begins anew


@pytest.mark.parametrize("line", ["GETEX k PXAT 1000", "PEXPIREAT k 1000", "INCREX k PXAT 1000"])
def test_a_deadline_that_has_passed_is_kept(line: str, importer: Peer) -> None:
    ask(importer, "SET k 1")
    ask(importer, line)
    assert ask(importer, "PEXPIRETIME k") == b":1000\r\n"


def test_a_restored_key_is_kept_as_well(importer: Peer) -> None:
    ask(importer, "SET k 1")
    payload = ask(importer, "DUMP k").partition(b"\r\n")[2][:-2]
    assert importer.send("RESTORE", "r", 1000, payload, "ABSTTL") == OK
    assert ask(importer, "GET r") == b"$1\r\n1\r\n"


def test_a_pause_ends_without_ending_the_mode(engine: Workbench, importer: Peer, bob: Peer) -> None:
    ask(importer, "SET k 1 PXAT 1000")
    ask(importer, "CLIENT PAUSE 100 WRITE")
    ask(importer, "CLIENT UNPAUSE")
    assert ask(bob, "GET k") == b"$-1\r\n"
    assert ask(bob, "DBSIZE") == b":1\r\n"


def test_the_client_list_tells_who_imports(importer: Peer) -> None:
    assert b" flags=I " in ask(importer, "CLIENT INFO")
    ask(importer, "RESET")
    assert b" flags=N " in ask(importer, "CLIENT INFO")


def test_scripts_see_what_their_client_sees(importer: Peer, bob: Peer) -> None:
    script = "return {redis.call('GET', KEYS[1]) or 'none', redis.call('INCR', KEYS[1])}"
    ask(importer, "SET k 5 PXAT 1000")
    assert importer.send("EVAL", script, 1, "k") == b"*2\r\n$1\r\n5\r\n:6\r\n"
    assert bob.send("EVAL", script, 1, "k") == b"*2\r\n$4\r\nnone\r\n:1\r\n"


def test_the_log_repeats_what_was_done_to_an_expired_key() -> None:
    kept = Kept(**{"import-mode": "yes"})
    alice = kept.peer()
    for line in ("CLIENT IMPORT-SOURCE ON", "SET k 1 PXAT 1000", "INCR k", "HSET h f 1"):
        ask(alice, line)
    ask(alice, "HPEXPIREAT h 1000 FIELDS 1 f")
    ask(alice, "HINCRBY h f 1")
    assert ask(kept.peer(), "DEL k") == b":0\r\n"  # but that deleted it
    ask(alice, "SET k 3 PXAT 1000")
    kept.written()
    assert kept.replays()


def test_nothing_is_evicted() -> None:
    engine = bench(**{"maxmemory-policy": "allkeys-random", "import-mode": "yes"})
    alice = engine.peer()
    ask(alice, "SET k 1")
    ask(alice, "CONFIG SET maxmemory 1")
    turn(engine)
    assert ask(alice, "SET l 1") == OOM
    assert ask(alice, "DBSIZE") == b":1\r\n"
    ask(alice, "CONFIG SET import-mode no")
    turn(engine)
    assert ask(alice, "DBSIZE") == b":0\r\n"


@pytest.mark.parametrize("keeping", ["CONFIG SET import-mode yes", "CLIENT PAUSE 100000 WRITE"])
def test_what_is_written_over_a_kept_key_takes_its_place(keeping: str) -> None:
    engine = Workbench(**{"enable-debug-command": "yes", "notify-keyspace-events": "KEn"})
    alice = engine.peer()
    ask(alice, "SET key:0 1 PX 10")
    ask(alice, keeping)
    engine.clock.advance(20)
    ask(alice, "DEBUG POPULATE 2")
    assert ask(alice, "DBSIZE") == b":2\r\n"
    assert ask(alice, "GET key:0") == b"$7\r\nvalue:0\r\n"
    engine.server.databases[0].check()
