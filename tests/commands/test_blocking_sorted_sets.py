"""Waiting for a member of a sorted set."""

from __future__ import annotations

from tests.conftest import Peer, Workbench
from tests.resp import bulks

NULL_ARRAY = b"*-1\r\n"


def popped(key: bytes, member: bytes, score: bytes) -> bytes:
    return bulks(key, member, score)


def test_who_waited_longest_is_served_first(alice: Peer, bob: Peer, carol: Peer) -> None:
    assert alice.send("BZPOPMIN", "z", 0) == b""
    assert bob.send("BZPOPMAX", "z", 0) == b""
    assert carol.send("ZADD", "z", 1, "a", 2, "b", 3, "c") == b":3\r\n"
    assert alice.take() == popped(b"z", b"a", b"1")
    assert bob.take() == popped(b"z", b"c", b"3")
    assert carol.send("ZCARD", "z") == b":1\r\n"


def test_several_members_come_with_their_key(alice: Peer, bob: Peer) -> None:
    alice.send("HELLO", 3)
    assert alice.send("BZMPOP", 0, 2, "x", "z", "MAX", "COUNT", 2) == b""
    bob.send("ZADD", "z", 1, "a", 2, "b", 3.5, "c")
    assert alice.take() == b"*2\r\n$1\r\nz\r\n*2\r\n*2\r\n$1\r\nc\r\n,3.5\r\n*2\r\n$1\r\nb\r\n,2\r\n"


def test_a_list_does_not_wake_who_waits_for_a_sorted_set(alice: Peer, bob: Peer) -> None:
    assert alice.send("BZPOPMIN", "k", 0) == b""
    bob.send("RPUSH", "k", "x")
    assert alice.take() == b""
    bob.send("DEL", "k")
    bob.send("ZADD", "k", 1, "a")
    assert alice.take() == popped(b"k", b"a", b"1")


def test_a_result_that_is_stored_wakes(alice: Peer, bob: Peer) -> None:
    assert alice.send("BZPOPMIN", "z", 0) == b""
    bob.send("ZADD", "source", 1, "a", 2, "b")
    assert bob.send("ZUNIONSTORE", "z", 1, "source") == b":2\r\n"
    assert alice.take() == popped(b"z", b"a", b"1")


def test_a_run_of_adds_serves_as_its_commands_do(alice: Peer, bob: Peer) -> None:
    assert alice.send("BZPOPMAX", "z", 0) == b""
    one = b"*4\r\n$4\r\nZADD\r\n$1\r\nz\r\n$1\r\n%d\r\n$1\r\n%d\r\n"
    assert bob.feed(b"".join(one % (n, n) for n in range(5))) == b":1\r\n" * 5
    assert alice.take() == popped(b"z", b"0", b"0")  # behind the first of them


def test_a_wait_ends_with_its_time(engine: Workbench, alice: Peer) -> None:
    assert alice.send("BZPOPMIN", "z", 1) == b""
    engine.pass_time(1001)
    assert alice.take() == NULL_ARRAY


def test_inside_a_transaction_nothing_waits(alice: Peer) -> None:
    alice.send("MULTI")
    alice.send("BZPOPMIN", "z", 0)
    alice.send("BZMPOP", 0, 1, "z", "MIN")
    assert alice.send("EXEC") == b"*2\r\n" + 2 * NULL_ARRAY


def test_what_is_logged_is_the_pop(engine: Workbench, alice: Peer, bob: Peer) -> None:
    logged = []

    class Log:
        selected_db = 0
        append = None

        def append_effect(self, db: int, argv: list[bytes]) -> None:
            logged.append(argv)

        def append_effects(self, effects: list[tuple[object, object, object, list[bytes] | None]]) -> None:
            logged.extend(argv for *_, argv in effects if argv is not None)

    alice.send("BZPOPMIN", "z", 0)
    engine.server.aof = Log()  # type: ignore[assignment]
    bob.send("ZADD", "z", 1, "a", 2, "b", 3, "c")
    bob.send("BZMPOP", 0, 1, "z", "MAX", "COUNT", 9)
    assert logged == [
        [b"ZADD", b"z", b"1", b"a", b"2", b"b", b"3", b"c"],
        [b"ZPOPMIN", b"z"],
        [b"ZPOPMAX", b"z", b"2"],
    ]
