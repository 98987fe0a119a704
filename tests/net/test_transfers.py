"""SYNC of a client that wants a snapshot and nothing else, as `redis-cli --rdb` sends it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.net.wire import Net, Wire
from tests.resp import encode

Serve = Callable[..., Net]
LIBRARY = "#!lua name=shop\nredis.register_function('sell', function() return 1 end)"


def ask_for_snapshot(follower: Wire, *options: str) -> None:
    """Say what is wanted and ask for it, all at once."""
    said = [("capa", "eof"), ("rdb-only", "1"), *zip(options[::2], options[1::2], strict=True)]
    follower.write(b"".join(encode("REPLCONF", *pair) for pair in said) + encode("SYNC"))
    for _ in said:
        assert follower.line() == b"+OK"


def snapshot(follower: Wire) -> bytes:
    """What follows: the mark, the snapshot and the mark again, behind which the server hangs up."""
    header = follower.line()
    assert header.startswith(b"$EOF:")
    mark = header.removeprefix(b"$EOF:")
    assert len(mark) == 40
    sent = follower.rest()
    assert sent.endswith(mark)
    return sent.removesuffix(mark)


def filled(net: Net, elements: int = 3, large: int = 0) -> Wire:
    """A client of a server with some data, and on demand with a string of so many bytes, sent as it is."""
    alice = net.connect()
    alice.ask("RPUSH", "jobs", *range(elements))
    alice.ask("SELECT", 3)
    alice.ask("SET", "elsewhere", "x")
    alice.ask("FUNCTION", "LOAD", LIBRARY)
    alice.line()  # the name behind its length
    if large:
        alice.ask("SETRANGE", "large", large, "x")
        alice.ask("CONFIG", "SET", "rdbcompression", "no")
    return alice


@pytest.mark.parametrize(
    ("options", "length", "sold"),
    [
        ((), b":3", b":1"),
        (("rdb-filter-only", "functions"), b":0", b":1"),
        (("rdb-filter-only", ""), b":0", b"-ERR Function not found"),
    ],
)
def test_the_snapshot_holds_what_was_asked_for(
    serve: Serve, tmp_path: Path, options: tuple[str, ...], length: bytes, sold: bytes
) -> None:
    net = serve()
    filled(net)
    follower = net.connect()
    ask_for_snapshot(follower, *options)
    data = snapshot(follower)
    (tmp_path / "dump.rdb").write_bytes(data)
    again = serve().connect()
    assert again.ask("LLEN", "jobs") == length
    assert again.ask("FCALL", "sell", 0) == sold


def test_a_client_that_reads_slowly_holds_up_nobody(net: Net) -> None:
    """The snapshot is many times what the kernel holds for a socket."""
    alice = filled(net)
    for number in range(40):
        alice.ask("SETRANGE", f"large{number}", 1 << 20, number)
    alice.ask("CONFIG", "SET", "rdbcompression", "no")
    follower = net.connect()
    ask_for_snapshot(follower)
    net.until(lambda: net.logged("Sending a snapshot"))
    assert alice.ask("INCR", "counter") == b":1"
    assert len(snapshot(follower)) > 40 << 20
    assert net.logged("Sent a snapshot")


def test_one_after_the_other_and_none_for_those_who_have_left(net: Net) -> None:
    filled(net)
    first, gone, third = (net.connect() for _ in range(3))
    for follower in (first, gone, third):
        ask_for_snapshot(follower)
    gone.sock.close()
    assert snapshot(first)
    assert snapshot(third)


def test_a_client_that_is_killed_gets_no_more(net: Net) -> None:
    alice = filled(net, large=64 << 20)
    follower = net.connect()
    ask_for_snapshot(follower)
    net.until(lambda: net.logged("Sending a snapshot"))
    assert alice.ask("CLIENT", "KILL", "ADDR", follower.address()) == b":1"
    net.until(lambda: net.logged("No snapshot was sent"))
    assert len(follower.rest()) < 64 << 20


def test_a_client_that_does_not_read_is_not_waited_for(net: Net) -> None:
    alice = filled(net, large=64 << 20)
    alice.ask("CONFIG", "SET", "repl-timeout", 1)
    follower = net.connect()
    ask_for_snapshot(follower)
    net.until(lambda: net.logged("No snapshot was sent"))
    assert alice.ask("BGSAVE") == b"+Background saving started"


def test_neither_replies_nor_pushes_come_into_the_midst_of_it(net: Net) -> None:
    alice = filled(net, large=16 << 20)
    follower = net.connect()
    follower.write(
        encode("HELLO", 3) + encode("CLIENT", "TRACKING", "ON", "BCAST") + encode("SUBSCRIBE", "news")
    )
    while follower.line() != b"news":
        pass
    assert follower.line() == b":1"
    ask_for_snapshot(follower)
    net.until(lambda: net.logged("Sending a snapshot"))
    for _ in range(3):
        alice.ask("INCR", "counter")
        alice.ask("PUBLISH", "news", "of the day")
    follower.write(encode("PING"))
    assert len(snapshot(follower)) > 16 << 20  # and nothing but the marks around it


def test_who_leaves_in_the_midst_of_it_is_let_go(net: Net) -> None:
    filled(net, large=64 << 20)
    follower = net.connect()
    ask_for_snapshot(follower)
    net.until(lambda: net.logged("Sending a snapshot"))
    follower.write(encode("QUIT"))
    net.until(lambda: net.logged("it was given up"))
    assert len(follower.rest()) < 64 << 20


def test_no_other_child_meanwhile(net: Net) -> None:
    alice = filled(net, large=64 << 20)
    follower = net.connect()
    ask_for_snapshot(follower)
    net.until(lambda: net.logged("Sending a snapshot"))
    assert alice.ask("BGSAVE").startswith(b"-ERR Another child process is active")
    assert snapshot(follower)
    assert alice.ask("BGSAVE") == b"+Background saving started"
