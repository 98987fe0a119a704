"""Replies that are not taken at once: they wait, in order, and within limits."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from respq.clock import ManualClock
from respq.net.connection import JOIN_BYTES, MAX_WRITE_BYTES, Connection
from tests.net.wire import Net, Wire
from tests.resp import bulk, encode

Serve = Callable[..., Net]
MIB = 1 << 20


def connection_of(net: Net, wire: Wire) -> Connection:
    peer = wire.sock.getsockname()
    (found,) = [one for one in net.loop.connections.values() if one.peer == peer]
    return found


def fill(wire: Wire, count: int, size: int) -> bytes:
    """Make a list of `count` elements of `size` bytes; return it as LRANGE replies."""
    for at in range(0, count, 100):
        elements = [b"%0*d" % (size, number) for number in range(at, min(at + 100, count))]
        assert wire.ask("RPUSH", "list", *elements).startswith(b":")
    return b"*%d\r\n" % count + b"".join(b"$%d\r\n%0*d\r\n" % (size, size, number) for number in range(count))


def test_200_mib_of_replies_wait_for_a_slow_reader_while_others_are_served(net: Net) -> None:
    slow, other = net.connect(), net.connect()
    reply = fill(slow, 2000, 1000)
    slow.write(encode("LRANGE", "list", 0, -1) * 100)
    connection = connection_of(net, slow)
    net.until(lambda: connection.client.commands_done >= 100)
    assert connection.unsent_bytes > 150 * MIB
    for _ in range(100):
        slow.expect(reply)
        assert other.ask("PING") == b"+PONG"
    assert connection.unsent_bytes == 0
    assert not connection.unsent
    assert connection.client.bytes_out > 200_000_000


def test_a_fast_reader_of_a_long_reply_has_its_turn_with_the_others(net: Net) -> None:
    wire = net.connect()
    wire.ask("SET", "key", b"v" * 50_000_000)
    wire.send("GET", "key")
    connection = connection_of(net, wire)
    net.until(lambda: connection.unsent)
    while connection.unsent:
        wire.take(1 << 24)
        waiting = connection.unsent_bytes
        net.turn()
        assert waiting - connection.unsent_bytes <= MAX_WRITE_BYTES
    assert wire.read(50_000_013).endswith(b"v\r\n")


@pytest.mark.parametrize("sizes", [[1], [JOIN_BYTES - 1, 1], [JOIN_BYTES, 1, 2], [3, JOIN_BYTES * 3, 1, 1]])
def test_long_and_short_replies_come_in_order(net: Net, sizes: list[int]) -> None:
    wire = net.connect()
    wire.ask("SET", "key", b"v" * 20_000_000)
    words = [b"%0*d" % (size, number) for number, size in enumerate(sizes * 50)]
    wire.write(encode("GET", "key") + b"".join(encode("ECHO", word) for word in words))
    wire.expect(b"$20000000\r\n" + b"v" * 20_000_000 + b"\r\n")
    for word in words:
        wire.expect(bulk(word))


def test_a_million_commands_in_one_pipeline(net: Net) -> None:
    wire, other = net.connect(), net.connect()
    wire.write(encode("INCR", "counter") * 1_000_000)
    assert other.ask("PING") == b"+PONG"
    replies = b"".join(b":%d\r\n" % number for number in range(1, 1_000_001))
    wire.expect(replies)


def test_64_mib_in_and_out(net: Net) -> None:
    wire = net.connect()
    value = bytes(range(256)) * (64 * MIB // 256)
    assert wire.ask("SET", "key", value) == b"+OK"
    wire.send("GET", "key")
    wire.expect(b"$%d\r\n" % len(value))
    assert wire.read(len(value)) == value
    wire.expect(b"\r\n")


def test_output_for_who_hung_up_is_dropped(net: Net) -> None:
    wire, other = net.connect(), net.connect()
    wire.ask("SET", "key", b"v" * 20_000_000)
    wire.send("GET", "key")
    net.until(lambda: connection_of(net, wire).unsent)
    wire.sock.close()
    net.until(lambda: len(net.loop.connections) == 1)
    assert other.ask("PING") == b"+PONG"


# -- limits ----------------------------------------------------------------------------------------


def test_more_than_the_hard_limit_ends_the_connection_at_once(serve: Serve) -> None:
    net = serve(client_output_buffer_limit="normal 1mb 0 0")
    wire, other = net.connect(), net.connect()
    other.ask("SET", "key", b"v" * 600_000)
    wire.send("GET", "key")
    wire.expect(b"$600000\r\n" + b"v" * 600_000 + b"\r\n")
    wire.write(encode("GET", "key") * 2)
    assert wire.rest() == b""  # as redis-server: although the socket might have taken it
    assert net.server.stats.output_limit_closed == 1
    assert net.logged(f"Client {wire.address()} (id=1) closed")
    assert other.ask("PING") == b"+PONG"


def test_the_hard_limit_counts_what_waits(serve: Serve) -> None:
    net = serve(client_output_buffer_limit="normal 20mb 0 0")
    wire = net.connect()
    wire.ask("SET", "key", b"v" * 12_000_000)
    for _ in range(3):
        wire.send("GET", "key")
        net.turn(2)
    assert not net.loop.connections
    assert net.server.stats.output_limit_closed == 1


def test_the_soft_limit_has_its_seconds(serve: Serve) -> None:
    net = serve(clock=ManualClock(), client_output_buffer_limit="normal 0 1mb 10")
    slow, quick = net.connect(), net.connect()
    slow.ask("SET", "key", b"v" * 20_000_000)
    slow.send("GET", "key")
    quick.send("GET", "key")
    net.turn(3)
    net.pass_time(9_000)
    assert len(quick.read(20_000_013)) == 20_000_013
    net.pass_time(1_000)
    assert len(net.loop.connections) == 2
    net.pass_time(1_000)
    net.turn()
    assert [one.client for one in net.loop.connections.values()] == [connection_of(net, quick).client]
    assert net.server.stats.output_limit_closed == 1
    assert len(slow.rest()) < 20_000_000


def long_reads(wire: Wire) -> dict[str, bytes]:
    """Batches of reads with long replies, each of 100 MB in all."""
    data = b"v" * 1_000_000
    for name in ("k1", "k2"):
        wire.ask("SET", name, data)
    wire.ask("SET", "fleeting", data, "EX", 100)
    wire.ask("HSET", "hash", "field", data)
    wire.ask("RPUSH", "list", data)
    return {
        "a run": encode("GET", "k1") * 100,
        "no run": (encode("GET", "k1") + encode("GET", "k2")) * 50,
        "a key that expires": encode("GET", "fleeting") * 100,
        "a command on several keys": encode("MGET", *["k1"] * 100),
        "a command on a few keys": encode("MGET", "k1", "k2") * 50,
        "hashes": (encode("HGET", "hash", "field") + encode("HMGET", "hash", "field")) * 50,
        "commands that are timed": encode("LRANGE", "list", 0, -1) * 100,
        "a transaction in one packet": encode("MULTI") + encode("GET", "k1") * 100 + encode("EXEC"),
        "a transaction in pieces": encode("GETRANGE", "k1", 0, -1) * 100 + encode("EXEC"),
    }


LONG_READS = (
    "a run", "no run", "a key that expires", "a command on several keys", "a command on a few keys", "hashes",
    "commands that are timed", "a transaction in one packet", "a transaction in pieces",
)  # fmt: skip


@pytest.mark.parametrize("which", LONG_READS)
def test_a_batch_is_not_executed_to_its_end_for_output_beyond_the_limit(serve: Serve, which: str) -> None:
    net = serve(client_output_buffer_limit="normal 10mb 0 0")
    greedy, other = net.connect(), net.connect()
    batch = long_reads(other)[which]
    if which == "a transaction in pieces":
        assert greedy.ask("MULTI") == b"+OK"
    tracemalloc.start()
    try:
        greedy.write(batch + encode("INCR", "behind"))
        assert greedy.rest() == b""
        assert tracemalloc.get_traced_memory()[1] < 35_000_000
    finally:
        tracemalloc.stop()
    assert net.server.stats.output_limit_closed == 1
    assert net.logged(f"Client {greedy.address()} (id=1) closed")
    assert other.ask("EXISTS", "behind") == b":0"


def test_a_transaction_does_what_it_says_though_its_replies_are_too_long(serve: Serve) -> None:
    net = serve(client_output_buffer_limit="normal 10mb 0 0")
    greedy, other = net.connect(), net.connect()
    other.ask("SET", "key", b"v" * 1_000_000)
    greedy.write(
        encode("MULTI") + encode("INCR", "n") + encode("GET", "key") * 100 + encode("INCR", "n")
        + encode("EXEC") + encode("INCR", "n")
    )  # fmt: skip
    assert greedy.rest() == b""
    assert other.ask("INCR", "n") == b":3"


def test_whoever_hears_no_replies_has_no_limit(serve: Serve) -> None:
    net = serve(client_output_buffer_limit="normal 2mb 0 0")
    wire = net.connect()
    wire.ask("SET", "key", b"v" * 1_000_000)
    wire.write(
        encode("CLIENT", "REPLY", "OFF") + (encode("GET", "key") + encode("GETRANGE", "key", 0, -1)) * 9
    )
    wire.write(encode("CLIENT", "REPLY", "ON") + encode("PING"))
    wire.expect(b"+OK\r\n+PONG\r\n")


def test_what_is_within_the_limit_is_answered(serve: Serve) -> None:
    net = serve(client_output_buffer_limit="normal 10mb 0 0")
    wire = net.connect()
    wire.ask("SET", "key", b"v" * 1_000_000)
    for _ in range(5):  # transactions do not add up
        wire.write(encode("MULTI") + encode("GET", "key") * 4 + encode("EXEC"))
        wire.expect(b"+OK\r\n" + b"+QUEUED\r\n" * 4 + b"*4\r\n")
        assert len(wire.read(4 * 1_000_012)) == 4 * 1_000_012


def test_no_limit_is_the_default(net: Net) -> None:
    wire = net.connect()
    wire.ask("SET", "key", b"v" * 5_000_000)
    wire.write(encode("GET", "key") * 10)
    assert len(wire.read(50_000_120)) == 50_000_120


def test_a_stranger_that_does_not_read_is_closed(serve: Serve) -> None:
    net = serve(requirepass="secret")
    wire = net.connect()
    for _ in range(5_000):
        wire.write(b"GET key\r\n" * 200)
        net.turn()
        if net.server.stats.output_limit_closed:
            break
    assert net.server.stats.output_limit_closed == 1


def test_subscribers_get_what_each_of_them_listens_to_turn_after_turn(net: Net) -> None:
    publisher, *wires = (net.connect() for _ in range(6))
    channels = [[b"a"], [b"a"], [b"a", b"b"], [b"a"], [b"b"]]
    for wire, names in zip(wires, channels, strict=True):
        wire.write(encode(b"SUBSCRIBE", *names))
        for count, name in enumerate(names, 1):
            wire.expect(b"*3\r\n$9\r\nsubscribe\r\n$1\r\n%b\r\n:%d\r\n" % (name, count))
    for turn in range(3):
        sent = [(name, b"%d %d" % (turn, number)) for number in range(5) for name in (b"a", b"b")]
        publisher.write(b"".join(encode(b"PUBLISH", *words) for words in sent))
        publisher.expect(b":4\r\n:2\r\n" * 5)
        for wire, names in zip(wires, channels, strict=True):
            messages = [encode(b"message", name, text) for name, text in sent if name in names]
            wire.expect(b"".join(messages))
            assert wire.ask("PING") == b"*2"
            wire.expect(b"$4\r\npong\r\n$0\r\n\r\n")
