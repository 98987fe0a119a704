"""Commands that operate a server rather than its data: line for line what redis-server answers.

The random sequences leave these out, for they concern the whole server, or have no data to differ in.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest

from compat.oracle.targets import ProcessTarget
from compat.servers import Server

LONG = "a" * 255

QUESTIONS = {
    "replication, as a master without replicas": f"""
        ROLE
        REPLICAOF NO ONE
        SLAVEOF no one
        REPLICAOF 127.0.0.1 x
        REPLICAOF 127.0.0.1 65536
        REPLICAOF 127.0.0.1 -1
        FAILOVER
        FAILOVER TO a 1 FORCE TIMEOUT 10
        FAILOVER FORCE
        FAILOVER TO a x
        FAILOVER TO a
        FAILOVER TO a 1 TO b 2
        FAILOVER TIMEOUT
        FAILOVER TIMEOUT 0
        FAILOVER TIMEOUT 1 TIMEOUT 2
        FAILOVER ABORT
        FAILOVER abort FORCE
        FAILOVER NOPE
        REPLCONF
        REPLCONF listening-port 6380 ip-address 1.2.3.4 CAPA psync2
        REPLCONF listening-port x
        REPLCONF capa
        REPLCONF foo bar
        REPLCONF ip-address {LONG}
        REPLCONF ip-address {LONG}a
        REPLCONF rdb-only x
        REPLCONF rdb-only 2
        REPLCONF rdb-only 0 rdb-channel 0
        REPLCONF rdb-filter-only functions
        REPLCONF rdb-filter-only 'functions foo'
        REPLCONF rdb-filter-only "'foo"
        REPLCONF rdb-filter-only ''
        REPLCONF main-ch-client-id 5
        REPLCONF main-ch-client-id x
        MULTI
        SYNC
        PSYNC ? -1
        FAILOVER
        REPLICAOF NO ONE
        EXEC
        EVAL "return redis.call('replicaof','no','one')" 0
        EVAL "return redis.call('sync')" 0
    """,
}


@pytest.fixture
def targets(reference: Server, respq_server: Server) -> Iterator[tuple[ProcessTarget, ProcessTarget]]:
    pair = ProcessTarget(reference), ProcessTarget(respq_server)
    yield pair
    for target in pair:
        target.close()


@pytest.mark.parametrize("resp", [2, 3])
@pytest.mark.parametrize("subject", QUESTIONS)
def test_operation(subject: str, resp: int, targets: tuple[ProcessTarget, ProcessTarget]) -> None:
    theirs, ours = targets
    for line in ["RESET", f"HELLO {resp}", *QUESTIONS[subject].strip().splitlines()]:
        argv = [word.encode() for word in shlex.split(line)]
        expected, found = theirs.ask(*argv), ours.ask(*argv)
        if argv[0] != b"HELLO":
            assert found == expected, line
