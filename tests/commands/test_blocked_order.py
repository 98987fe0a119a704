"""What a client sent behind a blocking command, and when it is executed. Found by compat/oracle."""

from __future__ import annotations

from tests.conftest import Workbench


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
