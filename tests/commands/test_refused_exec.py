"""EXEC that is refused for its number of arguments. Found by compat/oracle."""

from __future__ import annotations

from tests.conftest import Peer

ABORTED = b"-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command\r\n"


def test_it_ends_the_transaction(alice: Peer) -> None:
    assert alice.feed(b"MULTI\r\nPING\r\nEXEC now\r\n") == b"+OK\r\n+QUEUED\r\n" + ABORTED
    assert alice.feed(b"EXEC\r\n") == b"-ERR EXEC without MULTI\r\n"


def test_it_forgets_what_was_watched_even_outside_a_transaction(alice: Peer, bob: Peer) -> None:
    alice.feed(b"WATCH k\r\n")
    bob.feed(b"SET k 1\r\n")
    assert alice.feed(b"EXEC now\r\n") == ABORTED
    assert alice.feed(b"MULTI\r\nPING\r\nEXEC\r\n") == b"+OK\r\n+QUEUED\r\n*1\r\n+PONG\r\n"
