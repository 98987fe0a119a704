"""The life of a connection: how it ends, and what becomes of what was under way."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Callable

import pytest

from respq.clock import ManualClock
from respq.net.connection import LONG_READ_BYTES, READ_BYTES
from tests.net.wire import CLOSED, Net, Wire
from tests.resp import encode

Serve = Callable[..., Net]


def vanish(wire: Wire) -> None:
    """Reset the connection."""
    wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.sock.close()


def connections(net: Net, count: int) -> None:
    """Wait until the server has so many."""
    net.until(lambda: len(net.loop.connections) == count)
    assert len(net.server.clients) == count


# -- the client ends it ----------------------------------------------------------------------------


@pytest.mark.parametrize("leave", [vanish, lambda wire: wire.sock.close()], ids=["reset", "closed"])
def test_a_client_that_leaves_is_forgotten(net: Net, leave: Callable[[Wire], None]) -> None:
    wire, other = net.connect(), net.connect()
    assert wire.ask("WATCH", "key") == b"+OK"
    leave(wire)
    connections(net, 1)
    assert not net.server.watchers
    assert other.ask("PING") == b"+PONG"


@pytest.mark.parametrize("leave", [vanish, lambda wire: wire.sock.close()], ids=["reset", "closed"])
def test_who_leaves_while_blocked_takes_nothing(net: Net, leave: Callable[[Wire], None]) -> None:
    boss, worker = net.connect(), net.connect()
    worker.send("BLPOP", "jobs", 0)
    net.until(lambda: net.server.waiting.queues)
    boss.sock.send(encode("PING"))  # so that it is at the head of what the poller reports
    leave(worker)
    boss.send("RPUSH", "jobs", "one")  # the server hears of both in the same tick
    boss.expect(b"+PONG\r\n:1\r\n")
    connections(net, 1)
    assert boss.ask("LLEN", "jobs") == b":1"


def test_what_a_blocked_client_sends_keeps_its_place_among_the_others_of_the_tick(net: Net) -> None:
    boss, worker, other = net.connect(), net.connect(), net.connect()
    worker.send("BLPOP", "jobs", 0)
    net.until(lambda: net.server.waiting.queues)
    net.turn()  # so that the poller reports them in the order in which they write
    boss.sock.send(encode("RPUSH", "jobs", "one"))
    worker.sock.send(encode("RPUSH", "done", "worker"))
    other.sock.send(encode("RPUSH", "done", "other"))
    other.expect(b":2\r\n")
    worker.expect(b"*2\r\n$4\r\njobs\r\n$3\r\none\r\n:1\r\n")


def test_who_has_left_while_blocked_takes_nothing(net: Net) -> None:
    worker, boss = net.connect(), net.connect()
    worker.send("BLPOP", "jobs", 0)
    net.until(lambda: net.server.waiting.queues)
    vanish(worker)
    connections(net, 1)
    assert boss.ask("RPUSH", "jobs", "one") == b":1"
    assert boss.ask("LLEN", "jobs") == b":1"


def test_who_is_killed_while_blocked_takes_nothing_even_in_the_same_batch(net: Net) -> None:
    worker, boss = net.connect(), net.connect()
    worker.send("BLPOP", "jobs", 0)
    net.until(lambda: net.server.waiting.queues)
    boss.write(encode("CLIENT", "KILL", worker.address()) + encode("RPUSH", "jobs", "one"))
    boss.expect(b"+OK\r\n:1\r\n")
    assert worker.rest() == b""
    assert boss.ask("LLEN", "jobs") == b":1"


def test_what_a_killed_client_sends_is_not_executed(net: Net) -> None:
    victim, killer = net.connect(), net.connect()
    killer.sock.setblocking(True)  # both are there in the same tick, the killer's first
    victim.sock.setblocking(True)
    killer.sock.sendall(encode("CLIENT", "KILL", victim.address()))
    victim.sock.sendall(encode("SET", "key", "value") * 3)
    first, second = killer.sock.fileno(), victim.sock.fileno()
    assert first != second
    killer.sock.setblocking(False)
    victim.sock.setblocking(False)
    killer.expect(b"+OK\r\n")
    replies = victim.rest()
    assert replies in {b"", b"+OK\r\n" * 3}
    assert killer.ask("EXISTS", "key") == b":%d" % bool(replies)


def test_a_closed_client_is_not_listened_to(net: Net) -> None:
    wire = net.connect()
    (client,) = net.server.clients.values()
    net.server.close(client)
    net.engine.receive(client, encode("SET", "key", "value"))
    assert wire.rest() == b""
    assert not net.server.databases[0].values


def test_a_client_that_has_said_all_gets_its_replies(net: Net) -> None:
    wire = net.connect()
    wire.write(encode("PING") * 3)
    wire.sock.shutdown(socket.SHUT_WR)
    assert wire.rest() == b"+PONG\r\n" * 3
    connections(net, 0)


def test_a_client_that_has_said_all_does_not_wait_for_more(net: Net) -> None:
    wire, other = net.connect(), net.connect()
    wire.write(encode("PING") + encode("BLPOP", "jobs", 0))
    wire.sock.shutdown(socket.SHUT_WR)
    assert wire.rest() == b"+PONG\r\n"
    assert other.ask("RPUSH", "jobs", "one") == b":1"
    assert other.ask("LLEN", "jobs") == b":1"


@pytest.mark.parametrize(
    "start", [b"*1000000000\r\n", b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$500000000\r\n", b"*1", b"$"]
)
def test_hanging_up_after_a_great_promise_stalls_nobody(net: Net, start: bytes) -> None:
    other = net.connect()
    for _ in range(20):
        wire = net.connect()
        wire.write(start)
        net.turn(3)
        assert other.ask("PING") == b"+PONG"
        vanish(wire)
    connections(net, 1)


# -- the server ends it ----------------------------------------------------------------------------


def test_quit_comes_after_all_that_was_asked_before_and_before_nothing(net: Net) -> None:
    wire = net.connect()
    wire.write(encode("PING") + encode("QUIT") + encode("SET", "key", "value"))
    assert wire.rest() == b"+PONG\r\n+OK\r\n"
    assert net.connect().ask("EXISTS", "key") == b":0"


def test_a_protocol_error_ends_it_after_what_was_right(net: Net) -> None:
    wire = net.connect()
    wire.write(encode("PING") + b"*1\r\n:5\r\n" + encode("PING"))
    assert wire.rest() == b"+PONG\r\n-ERR Protocol error: expected '$', got ':'\r\n"
    connections(net, 0)


def test_quit_behind_a_long_reply_lets_it_be_read_to_the_end(net: Net) -> None:
    wire = net.connect()
    value = b"v" * 20_000_000
    assert wire.ask("SET", "key", value) == b"+OK"
    wire.write(encode("GET", "key") + encode("QUIT") + encode("PING"))
    net.turn(5)
    assert wire.rest() == b"$20000000\r\n" + value + b"\r\n+OK\r\n"


def test_timeout_ends_idle_clients_but_not_blocked_ones(serve: Serve) -> None:
    net = serve(clock=ManualClock(), timeout="10")
    idle, busy, blocked = net.connect(), net.connect(), net.connect()
    blocked.send("BLPOP", "jobs", 0)
    net.until(lambda: net.server.waiting.queues)
    for _ in range(3):
        net.pass_time(5_000)
        assert busy.ask("PING") == b"+PONG"
    assert idle.rest() == b""
    assert busy.ask("RPUSH", "jobs", "one") == b":1"
    blocked.expect(b"*2\r\n$4\r\njobs\r\n$3\r\none\r\n")


def test_a_client_that_sends_slowly_is_not_idle(serve: Serve) -> None:
    net = serve(clock=ManualClock(), timeout="10")
    wire = net.connect()
    for byte in encode("PING"):
        wire.write(bytes([byte]))
        net.turn(2)
        net.pass_time(6_000)
    wire.expect(b"+PONG\r\n")


def test_a_client_that_reads_slowly_is_not_idle(serve: Serve) -> None:
    net = serve(clock=ManualClock(), timeout="10")
    wire = net.connect()
    wire.ask("SET", "key", b"v" * 30_000_000)
    wire.send("GET", "key")
    net.turn(3)
    (connection,) = net.loop.connections.values()
    while connection.unsent:
        waiting = connection.unsent_bytes

        def some_read(waiting: int = waiting) -> bool:
            wire.take(1 << 22)
            return connection.unsent_bytes < waiting

        net.until(some_read)
        net.pass_time(6_000)
    assert len(wire.read(30_000_013)) == 30_000_013


# -- blocked, with more behind ---------------------------------------------------------------------


def test_what_is_pipelined_behind_a_blocked_command_waits_with_it(net: Net) -> None:
    worker, boss = net.connect(), net.connect()
    worker.write(
        encode("PING") + encode("BLPOP", "jobs", 0) + encode("SET", "done", 1) + encode("BLPOP", "jobs", 0)
    )
    worker.expect(b"+PONG\r\n")
    worker.send("GET", "done")  # arrives while it waits
    assert worker.silent()
    assert boss.ask("EXISTS", "done") == b":0"
    assert boss.ask("RPUSH", "jobs", "one") == b":1"
    worker.expect(b"*2\r\n$4\r\njobs\r\n$3\r\none\r\n+OK\r\n")
    assert worker.silent()
    assert boss.ask("RPUSH", "jobs", "two") == b":1"
    worker.expect(b"*2\r\n$4\r\njobs\r\n$3\r\ntwo\r\n$1\r\n1\r\n")


def test_a_thousand_blocked_commands_in_one_pipeline(net: Net) -> None:
    worker, boss = net.connect(), net.connect()
    worker.write(encode("BLPOP", "jobs", 0) * 1000)
    boss.write(b"".join(encode("RPUSH", "jobs", number) for number in range(1000)))
    for number in range(1000):
        worker.expect(b"*2\r\n$4\r\njobs\r\n$%d\r\n%d\r\n" % (len(str(number)), number))


def test_a_timeout_lets_what_is_behind_go_on(serve: Serve) -> None:
    net = serve(clock=ManualClock())
    worker = net.connect()
    worker.write(encode("BLPOP", "jobs", 1) + encode("PING"))
    assert worker.silent()
    net.pass_time(1_100)
    worker.expect(b"*-1\r\n+PONG\r\n")


def test_keys_that_may_not_expire_do_not_keep_the_loop_busy(serve: Serve) -> None:
    net = serve(clock=ManualClock(), enable_debug_command="yes", hz="10")
    wire = net.connect()
    assert wire.ask("SET", "key", "value", "PX", 1) == b"+OK"
    assert wire.ask("DEBUG", "SET-ACTIVE-EXPIRE", 0) == b"+OK"
    net.pass_time(1_000)
    assert net.loop.next_cron_ms == net.engine.clock.now_ms + 100
    assert wire.ask("DEBUG", "SET-ACTIVE-EXPIRE", 1) == b"+OK"
    net.pass_time(100)
    assert not net.server.databases[0].values


# -- anything at all -------------------------------------------------------------------------------

SCRAPS = (
    b"*", b"$", b"\r\n", b"*1\r\n", b"*2\r\n", b"$4\r\n", b"PING", b"PING\r\n", b"*-1\r\n", b"$-1\r\n",
    b"\0", b'"', b"'", b"\xff\xfe", b":5\r\n", b"+OK\r\n", b"-1", b"99999999999999999999",
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\nvv\r\n", b"MULTI\r\n", b"EXEC\r\n", b"BLPOP k 0\r\n",
    b"RPUSH k v\r\n", b"HELLO 3\r\n", b"HELLO 2\r\n", b"GET / HTTP/1.1\r\n", b"CLIENT LIST\r\n",
    b"SUBSCRIBE x\r\n", b"MONITOR\r\n", b"CLIENT REPLY SKIP\r\n", b"RESET\r\n", b"CLIENT PAUSE 1\r\n",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_garbage_from_many_connections_harms_nobody(serve: Serve, seed: int) -> None:
    net = serve(appendonly="yes")
    rng = random.Random(seed)
    good = net.connect()
    wires: list[Wire] = []
    for step in range(600):
        if len(wires) < 20:
            wires.append(net.connect())
        wire = rng.choice(wires)
        scraps = [
            rng.choice(SCRAPS) if rng.random() < 0.9 else rng.randbytes(rng.randrange(40))
            for _ in range(rng.randrange(1, 6))
        ]
        try:
            wire.sock.send(b"".join(scraps))
            wire.take()
        except OSError:
            wire.hung_up = True
        if wire.hung_up or rng.random() < 0.03:
            rng.choice((vanish, lambda wire: wire.sock.close()))(wire)
            wires.remove(wire)
        net.turn()
        if step % 50 == 0:
            assert good.ask("ECHO", "sound") == b"$5"
            good.expect(b"sound\r\n")
    assert net.server.stats.unexpected_errors == 0
    assert not net.logged("Traceback")
    assert net.engine.broken == ""
    for db in net.server.databases:
        db.check()
    for wire in wires:
        vanish(wire)
    connections(net, 1)
    assert not net.server.waiting.queues
    assert not net.server.watchers


def test_closed_is_seen_by_the_reader_of_a_test(net: Net) -> None:
    wire = net.connect()
    wire.send("QUIT")
    assert wire.read(100) == b"+OK\r\n" + CLOSED


def test_the_timers_go_on_when_the_time_is_put_back(serve: Serve) -> None:
    net = serve(clock=ManualClock())
    net.turn()
    net.pass_time(-3_600_000)
    samples = len(net.server.stats.samples)
    net.pass_time(1_000)
    assert len(net.server.stats.samples) == samples + 1
    assert net.loop._timeout() <= 0.1


def test_nobody_waits_longer_because_the_time_is_put_back(serve: Serve) -> None:
    net = serve(clock=ManualClock())
    ann, bob, carol = net.connect(), net.connect(), net.connect()
    net.pass_time(0)
    for wire, timeout_s in ((ann, 2), (carol, 0)):
        wire.send("BLPOP", "jobs", timeout_s)
    net.until(lambda: [len(queue) for queue in net.server.waiting.queues.values()] == [2])
    assert bob.ask("CLIENT", "PAUSE", 2_000, "WRITE") == b"+OK"
    net.pass_time(-3_600_000)
    net.pass_time(1_000)
    assert net.server.paused_until_ms
    ann.take()
    assert not ann.received
    net.pass_time(1_100)
    assert ann.read(5) == b"*-1\r\n"
    assert bob.ask("RPUSH", "jobs", "a") == b":1"
    assert carol.read(21) == b"*2\r\n$4\r\njobs\r\n$1\r\na\r\n"


def test_who_comes_as_the_time_has_been_put_back_waits_as_long_as_asked(serve: Serve) -> None:
    net = serve(clock=ManualClock())
    ann, bob = net.connect(), net.connect()
    net.pass_time(0)
    assert isinstance(net.engine.clock, ManualClock)
    net.engine.clock.advance(-3_600_000)  # which the loop sees at the end of its next turn
    assert bob.ask("CLIENT", "PAUSE", 2_000, "ALL") == b"+OK"
    assert net.server.paused_until_ms
    net.server.unpause()
    net.engine.clock.advance(-3_600_000)
    ann.send("BLPOP", "jobs", 2)
    net.until(lambda: net.server.waiting.queues)
    net.pass_time(1_000)
    ann.take()
    assert not ann.received
    net.pass_time(1_100)
    assert ann.read(5) == b"*-1\r\n"


def test_a_client_with_long_commands_is_read_more_of_at_once(net: Net) -> None:
    net.connect().ask("PING")
    (connection,) = net.loop.connections.values()
    for size, read_bytes in ((10, READ_BYTES), (1000, LONG_READ_BYTES), (10, READ_BYTES)):
        data = encode("ECHO", b"x" * size) * (READ_BYTES // size)
        connection.note_read(data[:READ_BYTES])
        assert connection.read_bytes == read_bytes
