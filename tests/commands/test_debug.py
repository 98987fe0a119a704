"""DEBUG: what `test_slowlog.py` and the oracle leave; digests are those of redis-server 8.2.3."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from respq.commands import SPECS
from respq.commands.scripttable import OF_CONNECTIONS
from respq.flags import Flag
from respq.persistence import Persistence
from tests.conftest import Kept, Peer, Workbench

DIGESTS = {
    "SET k b": "b78559cd22bce6e6df712eb99ce7f3b08e8f8f1f",
    "RPUSH k a b": "62f55a532623cf6c3d81081db480b6fd8461eb3f",
    "SADD k b a": "dd99329063ca0f1f28df2ac68d94b82fd95501c6",
    "ZADD k 2 b 1 a": "4de4c922f0624dd27cb8fc6bbf04d3d6df72c877",
    "HSET k b 2 a 1": "6c8f22b3bf510fdcfd6122dd0f908a80e88243bf",
    "XADD k 1-1 f v": "2ed9a7a81688084b1f7eae33456ef7727d357031",
}


@pytest.fixture
def bench() -> Workbench:
    return Workbench(**{"enable-debug-command": "yes"})


@pytest.fixture
def tester(bench: Workbench) -> Peer:
    return bench.peer()


@pytest.mark.parametrize("line", DIGESTS)
def test_digests_of_values_are_those_of_redis(line: str, tester: Peer) -> None:
    tester.send(*line.split())
    nothing = b"+" + b"0" * 40 + b"\r\n"
    expected = f"+{DIGESTS[line]}\r\n".encode()
    assert tester.send("DEBUG", "DIGEST-VALUE", "k", "gone") == b"*2\r\n" + expected + nothing


def test_an_expiry_is_part_of_a_digest_but_not_when(tester: Peer) -> None:
    tester.feed(b"SET a b\r\n")
    without = tester.send("DEBUG", "DIGEST")
    tester.feed(b"EXPIRE a 10\r\n")
    soon = tester.send("DEBUG", "DIGEST")
    tester.feed(b"EXPIRE a 1000\r\n")
    assert without == b"+479783d7290f02957dfbe3408a858ba13eea1709\r\n"
    assert soon != without
    assert tester.send("DEBUG", "DIGEST") == soon


def test_replies_that_only_resp3_has(tester: Peer) -> None:
    tester.send("HELLO", 3)
    assert tester.send("DEBUG", "PROTOCOL", "attrib") == (
        b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n"
        b"$39\r\nSome real reply following the attribute\r\n"
    )
    assert tester.send("DEBUG", "PROTOCOL", "push") == (
        b"$40\r\nSome real reply following the push reply\r\n>2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n"
    )


def test_populate_leaves_what_is_there_and_logs_the_rest(bench: Workbench, tester: Peer) -> None:
    tester.feed(b"SET p:1 mine\r\nSET watched 1\r\nWATCH p:0\r\n")
    bench.peer().feed(b"DEBUG POPULATE 3 p 4\r\n")
    assert tester.feed(b"MULTI\r\nPING\r\nEXEC\r\n").endswith(b"*-1\r\n")
    assert tester.feed(b"MGET p:0 p:1 p:2\r\n") == b"*3\r\n$4\r\nvalu\r\n$4\r\nmine\r\n$4\r\nvalu\r\n"


def test_populate_makes_no_string_that_is_too_long(tester: Peer) -> None:
    assert tester.send("DEBUG", "POPULATE", 1, "p", 2**63 - 1).startswith(
        b"-ERR string exceeds maximum allowed size"
    )
    assert tester.send("DBSIZE") == b":0\r\n"


def test_another_replication_id(tester: Peer) -> None:
    before = tester.send("INFO", "replication")
    assert tester.send("DEBUG", "CHANGE-REPL-ID") == b"+OK\r\n"
    assert tester.send("INFO", "replication") != before


def test_messages_and_listpacks_go_to_the_log(bench: Workbench, tester: Peer) -> None:
    lines: list[str] = []
    bench.server.log = lambda _level, line: lines.append(line)
    tester.feed(b"DEBUG LOG hello\r\nHSET h f 'a b'\r\n")
    assert tester.send("DEBUG", "LISTPACK", "h").startswith(b"+Listpack")
    assert lines == ["DEBUG LOG: hello", 'DEBUG LISTPACK: "HMSET" "h" "f" "a b"']
    assert tester.send("DEBUG", "LISTPACK", "gone") == b"-ERR no such key\r\n"


def test_an_error_is_answered_as_it_is_given(tester: Peer) -> None:
    assert tester.send("DEBUG", "ERROR", b"MY own\r\nwords") == b"-MY own  words\r\n"


def test_the_log_can_be_loaded_again(tmp_path: Path) -> None:
    bench = Workbench(**{"enable-debug-command": "yes", "appendonly": "yes", "dir": str(tmp_path)})
    persistence = Persistence(bench)
    persistence.start(lambda: None)
    tester = bench.peer()
    tester.feed(b"RPUSH l a b\r\nSELECT 3\r\nSET k v\r\n")
    before = tester.send("DEBUG", "DIGEST")
    persistence.flush(bench.clock.now_ms)
    assert bench.server.aof is not None
    position = bench.server.aof.writer.position
    assert tester.feed(b"SET k w\r\nSET k v\r\nDEBUG LOADAOF\r\n") == b"+OK\r\n" * 3
    assert tester.send("DEBUG", "DIGEST") == before
    assert bench.server.aof.writer.position > position
    tester.feed(b"SET k new\r\n")
    assert tester.feed(b"DEBUG LOADAOF\r\nGET k\r\n") == b"+OK\r\n$3\r\nnew\r\n"
    persistence.close()


def test_a_log_that_cannot_be_loaded_again_takes_no_writes() -> None:
    kept = Kept(**{"enable-debug-command": "yes"})
    ann = kept.peer()
    ann.send("SET", "k", "v")
    kept.disk.fail(len(kept.disk.operations) + 2, errno.EIO, only="sync", forever=True)
    assert ann.send("DEBUG", "LOADAOF").startswith(b"-ERR Error trying to load the AOF files")
    assert ann.send("SET", "k", "w").startswith(b"-MISCONF The AOF files could not be loaded again")
    assert ann.send("GET", "k") == b"$-1\r\n"  # reads go on


def test_without_a_log_none_is_loaded(tester: Peer) -> None:
    Persistence(tester.engine)
    assert tester.send("DEBUG", "LOADAOF").startswith(b"-ERR Error trying to load the AOF files")


def test_numbers_that_are_too_large_do_no_harm(tester: Peer) -> None:
    assert tester.send("DEBUG", "SLEEP", "1e400") == b"+OK\r\n"
    assert tester.send("DEBUG", "SET-ACTIVE-EXPIRE", "1e400") == b"+OK\r\n"
    assert tester.engine.server.active_expiry
    assert tester.engine.server.stats.unexpected_errors == 0


# -- SET-DISABLE-DENY-SCRIPTS ------------------------------------------------------------------------

CALLS = {  # what redis-server 8.2.3 answers as well
    "CONFIG GET port": b"*2\r\n$4\r\nport\r\n$4\r\n6379\r\n",
    "ACL WHOAMI": b"$7\r\ndefault\r\n",
    "CLIENT GETNAME": b"$-1\r\n",
    "CLIENT GETREDIR": b":-1\r\n",
    "CLIENT UNBLOCK 1": b":0\r\n",
    "DEBUG SLEEP 0": b"+OK\r\n",
    "SCRIPT EXISTS x": b"*1\r\n:0\r\n",
    "ROLE": b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n",
    "REPLICAOF NO ONE": b"+OK\r\n",
    "BLPOP l 0": b"$-1\r\n",
    "XREAD BLOCK 0 STREAMS s $": b"$-1\r\n",
}


def call(peer: Peer, line: str) -> bytes:
    words = ", ".join(f"'{word}'" for word in line.split())
    return peer.send("EVAL", f"return redis.call({words})", 0)


@pytest.mark.parametrize("line", CALLS)
def test_scripts_may_call_what_is_not_for_them(line: str, tester: Peer) -> None:
    tester.send("DEBUG", "SET-DISABLE-DENY-SCRIPTS", 1)
    assert call(tester, line) == CALLS[line]
    tester.send("DEBUG", "SET-DISABLE-DENY-SCRIPTS", 0)
    assert (b"not allowed from script" in call(tester, line)) is (not line.startswith(("BLPOP", "XREAD")))


def test_not_what_is_about_a_connection_or_about_scripts(tester: Peer) -> None:
    tester.send("DEBUG", "SET-DISABLE-DENY-SCRIPTS", 1)
    for name in OF_CONNECTIONS:
        words = [*name.split("|"), *["1"] * 4][: SPECS[name].fewest]
        assert b"not allowed from script" in call(tester, " ".join(words)), name


OF_A_PROCESS = {"BACKUP", "DEBUG", "FAILOVER", "SAVE", "BGSAVE", "BGREWRITEAOF"}  # which this server is not


def test_nothing_that_a_script_calls_breaks_the_server(bench: Workbench, tester: Peer) -> None:
    tester.send("DEBUG", "SET-DISABLE-DENY-SCRIPTS", 1)
    for spec in bench.server.specs.values():
        names = spec.name.split("|")
        if Flag.NOSCRIPT not in spec.flags or names[0] in OF_A_PROCESS:
            continue
        for more in range(3):
            words = [*names, *["1"] * (spec.fewest - len(names) + more)]
            assert b"internal error" not in call(tester, " ".join(words)), words
            bench.pass_time(10)  # CLIENT PAUSE
    assert bench.server.stats.unexpected_errors == 0
    tester.take()
    assert call(tester, "SET k v") == b"+OK\r\n"
