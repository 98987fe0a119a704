"""What a client sent behind a blocking command, and when it is executed. Found by compat/oracle."""

from __future__ import annotations

import pytest

from respq.protocol.runs import Run
from tests.conftest import Kept, Workbench, encode


def test_bytes_held_back_come_before_those_that_arrive_in_the_tick_of_the_service(engine: Workbench) -> None:
    alice, bob = engine.peer(), engine.peer()
    alice.feed(b"BLPOP jobs 0\r\n")
    alice.feed(b"RPUSH done first\r\n")
    engine.receive(bob.client, b"RPUSH jobs a\r\n")
    engine.receive(alice.client, b"LRANGE done 0 -1\r\n")
    assert alice.take() == b"*2\r\n$4\r\njobs\r\n$1\r\na\r\n:1\r\n*1\r\n$5\r\nfirst\r\n"


def test_a_served_client_that_writes_again_goes_on_at_once_and_not_at_the_end_of_the_tick(
    engine: Workbench,
) -> None:
    alice, bob, carol = engine.peer(), engine.peer(), engine.peer()
    alice.feed(b"BLPOP jobs 0\r\nRPUSH done alice\r\n")
    engine.receive(bob.client, b"RPUSH jobs a\r\n")
    engine.receive(alice.client, b"PING\r\n")
    engine.receive(carol.client, b"RPUSH done carol\r\n")
    assert carol.take() == b":2\r\n"


def test_a_served_client_that_is_silent_goes_on_at_the_end_of_the_tick(engine: Workbench) -> None:
    alice, bob, carol = engine.peer(), engine.peer(), engine.peer()
    alice.feed(b"BLPOP jobs 0\r\nRPUSH done alice\r\n")
    engine.receive(bob.client, b"RPUSH jobs a\r\n")
    engine.receive(carol.client, b"RPUSH done carol\r\n")
    engine.resume_clients()
    assert carol.take() == b":1\r\n"
    assert alice.take().endswith(b":2\r\n")


def test_a_killed_client_gets_nothing_more(engine: Workbench) -> None:
    alice, bob = engine.peer(), engine.peer()
    engine.receive(alice.client, b"PING\r\n")
    bob.feed(b"CLIENT KILL ID %d\r\n" % alice.client.id)
    assert alice.take() == b""


# -- runs, while somebody waits --------------------------------------------------------------------

RUNS = {
    "RPUSH": "RPUSH jobs a|RPUSH jobs b|RPUSH jobs c|RPUSH jobs d|RPUSH jobs e",
    "RPUSH to several": "RPUSH x a|RPUSH y b|RPUSH jobs c|RPUSH x d|RPUSH jobs e",
    "LPUSH of two": "LPUSH jobs a b|LPUSH jobs c d|LPUSH jobs e f|LPUSH jobs g h",
    "ZADD": "ZADD jobs 1 a|ZADD jobs 2 b|ZADD jobs 3 c|ZADD jobs 4 d",
    "SET": "SET x 1|SET jobs 2|SET y 3|SET x 4|SET y 5",
    "INCR": "SET jobs 1|INCR jobs|INCR jobs|INCR jobs|INCR jobs",
    "XADD": "XADD jobs 1-1 k v|XADD jobs 1-2 k v|XADD jobs 1-3 k v|XADD jobs 1-4 k v",
    "RPOP": "RPUSH jobs a|RPUSH jobs b|RPOP jobs|RPOP jobs|RPOP jobs|RPOP jobs|RPOP jobs",
    "others in between": "PING|RPUSH x a|RPUSH x b|RPUSH x c|RPUSH x d|RPUSH jobs e|PING|RPUSH x f",
}
WAITS = [
    "BLPOP jobs 0", "BRPOP other jobs 0", "BZPOPMIN jobs 0", "XREAD BLOCK 0 STREAMS jobs 0", "BLPOP other 0",
]  # fmt: skip


@pytest.mark.parametrize("wait", WAITS)
@pytest.mark.parametrize("run", RUNS.values(), ids=list(RUNS))
def test_a_run_serves_who_waits_as_its_commands_do(run: str, wait: str) -> None:
    commands = [encode(*line.split()) for line in run.split("|")]
    outcomes = []
    for together in (True, False):
        kept = Kept()
        alice, bob, carol = kept.peer(), kept.peer(), kept.peer()
        for waiting in (bob, carol):
            waiting.send(*wait.split())
        replies = alice.feed(b"".join(commands)) if together else b"".join(map(alice.feed, commands))
        outcomes.append((replies, bob.take(), carol.take(), kept.data(), kept.written()))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("key", ["jobs", "other"])
def test_a_run_is_one_operation_unless_somebody_waits_for_its_key(key: str, engine: Workbench) -> None:
    alice, bob = engine.peer(), engine.peer()
    bob.send("BLPOP", key, 0)
    run = Run([b"RPUSH", b"jobs"], [[b"a", b"b", b"c", b"d"]])
    assert engine.execution.execute_run(alice.client, run, None) == (key == "other")
    assert not bob.take()
