"""How much a client may send that is not executed yet: `client-query-buffer-limit`, as 8.2.3 counts it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.net.wire import CLOSED, Net, Wire
from tests.resp import encode

LIMIT = 1 << 20


@pytest.fixture
def limited(serve: Callable[..., Net]) -> Net:
    """A server with the smallest limit that there is."""
    return serve(client_query_buffer_limit="1mb")


def closed(net: Net, wire: Wire) -> bool:
    assert wire.rest() == b""
    assert net.logged(f"Client {wire.address()} (id=1) closed")
    return net.server.stats.query_limit_closed == 1


def pour(wire: Wire, data: bytes) -> None:
    """Send what the server will not take to the end."""
    try:
        wire.write(data)
    except (BrokenPipeError, ConnectionResetError):
        wire.hung_up = True


def test_one_argument_up_to_the_limit_is_taken(limited: Net) -> None:
    assert limited.connect().ask("SET", "key", b"x" * (LIMIT - 100)) == b"+OK"


def test_one_argument_beyond_it_ends_the_connection(limited: Net) -> None:
    wire = limited.connect()
    pour(wire, encode("SET", "key", b"x" * (LIMIT + 100_000))[:-50_000])
    assert closed(limited, wire)
    assert limited.connect().ask("EXISTS", "key") == b":0"


def test_many_arguments_within_it_are_taken_however_long_the_command_is(limited: Net) -> None:
    words = [word for number in range(300) for word in (f"key{number}", b"x" * 10_000)]
    assert limited.connect().ask("MSET", *words) == b"+OK"


def test_any_number_of_complete_commands_is_taken(limited: Net) -> None:
    wire = limited.connect()
    wire.write(encode("SET", "key", b"x" * 10_000) * 400)
    wire.expect(b"+OK\r\n" * 400)


def test_what_is_sent_while_blocked_counts(limited: Net) -> None:
    wire, boss = limited.connect(), limited.connect()
    wire.send("BLPOP", "jobs", 0)
    limited.until(lambda: limited.server.waiting.queues)
    wire.write(encode("SET", "key", b"x" * 10_000) * 100)
    assert wire.silent()
    pour(wire, encode("SET", "key", b"x" * 10_000) * 10)
    assert closed(limited, wire)
    assert boss.ask("RPUSH", "jobs", "one") == b":1"
    assert boss.ask("LLEN", "jobs") == b":1"


def test_what_multi_has_queued_counts(limited: Net) -> None:
    wire = limited.connect()
    assert wire.ask("MULTI") == b"+OK"
    for _ in range(100):
        assert wire.ask("SET", "key", b"x" * 10_000) == b"+QUEUED"
    pour(wire, encode("SET", "key", b"x" * 10_000) * 10)
    assert wire.read(10_000).endswith(CLOSED)
    assert limited.server.stats.query_limit_closed == 1
    assert limited.connect().ask("EXISTS", "key") == b":0"


def test_a_long_conversation_with_small_transactions_is_no_matter(limited: Net) -> None:
    wire = limited.connect()
    for _ in range(300):
        wire.write(encode("MULTI") + encode("SET", "key", b"x" * 10_000) + encode("EXEC"))
        wire.expect(b"+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n")
    assert wire.ask("MULTI") == b"+OK"
    limited.loop.next_cron_ms = 0
    limited.turn(2)
    assert wire.ask("DISCARD") == b"+OK"
