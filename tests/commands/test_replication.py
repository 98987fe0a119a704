"""ROLE, REPLICAOF, SYNC, FAILOVER, REPLCONF: as a master without replicas answers, or refused by name."""

from __future__ import annotations

import pytest

from tests.conftest import Peer

OK = b"+OK\r\n"
SYNTAX = b"-ERR syntax error\r\n"
NO_NUMBER = b"-ERR value is not an integer or out of range\r\n"
BAD_PORT = b"-ERR Invalid master port\r\n"
NOT_FOLLOWING = b"-ERR respq does not replicate from another server\r\n"
NOT_FEEDING = b"-ERR respq does not replicate to other servers\r\n"
NO_REPLICAS = b"-ERR FAILOVER requires connected replicas.\r\n"

ANSWERS = {
    "ROLE": b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n",
    "REPLICAOF NO ONE": OK,
    "SLAVEOF no one": OK,
    "REPLICAOF 127.0.0.1 6379": NOT_FOLLOWING,
    "SLAVEOF 127.0.0.1 6379": NOT_FOLLOWING,
    "REPLICAOF 127.0.0.1 99999": BAD_PORT,
    "REPLICAOF 127.0.0.1 x": BAD_PORT,
    "SYNC": NOT_FEEDING,
    "PSYNC ? -1": NOT_FEEDING,
    "PSYNC ? x": b"-ERR value is not an integer or out of range\r\n",
    "PSYNC ? 99999999999999999999": b"-ERR value is not an integer or out of range\r\n",
    "FAILOVER": NO_REPLICAS,
    "FAILOVER TO a 1 FORCE TIMEOUT 10": NO_REPLICAS,
    "FAILOVER TO a x": NO_NUMBER,
    "FAILOVER TO a": SYNTAX,
    "FAILOVER TO a 1 TO b 2": SYNTAX,
    "FAILOVER TIMEOUT": SYNTAX,
    "FAILOVER TIMEOUT 0": b"-ERR FAILOVER timeout must be greater than 0\r\n",
    "FAILOVER ABORT": b"-ERR No failover in progress.\r\n",
    "FAILOVER ABORT FORCE": SYNTAX,
    "REPLCONF": OK,
    "REPLCONF listening-port 6380 capa eof CAPA psync2": OK,
    "REPLCONF listening-port x": NO_NUMBER,
    "REPLCONF capa": SYNTAX,
    "REPLCONF foo bar": b"-ERR Unrecognized REPLCONF option: foo\r\n",
    "REPLCONF rdb-only 2": b"-ERR value is out of range, value must between 0 and 1\r\n",
    "REPLCONF rdb-filter-only functions": OK,
    "REPLCONF rdb-filter-only foo": b"-ERR Unsupported rdb-filter-only option: foo\r\n",
    "REPLCONF rdb-filter-only 'foo": b"-ERR Missing rdb-filter-only values\r\n",
    "REPLCONF main-ch-client-id 5": b"-ERR Unrecognized RDB client id: 5\r\n",
    "REPLCONF ack 1": b"",
    "REPLCONF getack *": b"",
}


@pytest.mark.parametrize("line", ANSWERS)
def test_one_command(line: str, alice: Peer) -> None:
    assert alice.send(*line.split()) == ANSWERS[line]


def test_the_name_of_a_replica_has_a_limit(alice: Peer) -> None:
    assert alice.send("REPLCONF", "ip-address", b"a" * 255) == OK
    refusal = b"-ERR REPLCONF ip-address provided by replica instance is too long: 256 bytes\r\n"
    assert alice.send("REPLCONF", "ip-address", b"a" * 256) == refusal


def test_writes_are_refused_while_replicas_are_demanded(alice: Peer, bob: Peer) -> None:
    refusal = b"-NOREPLICAS Not enough good replicas to write.\r\n"
    alice.feed(b"MULTI\r\nSET a 1\r\n")
    bob.feed(b"CONFIG SET min-replicas-to-write 1\r\n")
    assert alice.send("EXEC").startswith(b"-EXECABORT Transaction discarded because of: NOREPLICAS ")
    assert alice.send("SET", "a", 1) == refusal
    assert alice.send("EVAL", "return redis.call('set', 'a', 1)", 0).startswith(refusal[:-2])
    assert alice.send("EVAL", "return redis.call('exists', 'a')", 0) == b":0\r\n"
    assert b"min_slaves_good_slaves:0" in alice.send("INFO", "replication")
    bob.feed(b"CONFIG SET min-replicas-max-lag 0\r\n")
    assert alice.send("SET", "a", 1) == OK


def test_a_transaction_that_has_begun_is_executed_to_its_end(alice: Peer) -> None:
    alice.feed(b"MULTI\r\nCONFIG SET min-replicas-to-write 1\r\nSET a 1\r\n")
    assert alice.send("EXEC") == b"*2\r\n+OK\r\n+OK\r\n"
    assert alice.send("SET", "a", 1).startswith(b"-NOREPLICAS")


def test_only_who_wants_nothing_but_a_snapshot_gets_one(alice: Peer) -> None:
    assert alice.send("REPLCONF", "capa", "eof") == OK
    assert alice.send("SYNC") == NOT_FEEDING  # it wants to hear of changes
    assert alice.send("REPLCONF", "rdb-only", 1) == OK
    assert alice.send("PSYNC", "?", -1) == NOT_FEEDING
    alice.send("RESET")
    assert alice.send("REPLCONF", "rdb-only", 1) == OK
    assert alice.send("SYNC") == NOT_FEEDING  # it waits for a length
