"""MIGRATE, to a server that says what the test has it say."""

from __future__ import annotations

import pytest

from respq.commands.migration import _port
from respq.transport import PeerError
from tests.conftest import Kept, Peer
from tests.resp import encode

HERE = ("MIGRATE", "host", "6379")


class Target:
    """Another server, with its answers; None: silence."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.got = b""
        self.asked: tuple[bytes, int, float] | None = None
        self.closed = False

    def connect(self, host: bytes, port: int, timeout_s: float) -> Target:
        self.asked = host, port, timeout_s
        return self

    def send(self, data: bytes) -> None:
        self.got += data

    def line(self) -> bytes:
        answer = self.answers.pop(0)
        if answer is None:
            raise PeerError("reading to target instance")
        return answer

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def kept() -> Kept:
    kept = Kept(rdbcompression="no")
    kept.peer().send("MSET", "a", "1", "b", "2")
    kept.written()
    return kept


@pytest.fixture
def ann(kept: Kept) -> Peer:
    return kept.peer()


def meet(kept: Kept, *answers: bytes | None) -> Target:
    target = Target(*answers)
    kept.server.connect_peer = target.connect
    return target


def test_a_key_is_restored_there_and_deleted_here(kept: Kept, ann: Peer) -> None:
    target = meet(kept, b"+OK", b"+OK")
    ann.send("PEXPIRE", "a", 500)
    dumped = ann.send("DUMP", "a").partition(b"\r\n")[2][:-2]
    kept.written()
    assert ann.send(*HERE, "a", 3, 250) == b"+OK\r\n"
    assert target.asked == (b"host", 6379, 0.25)
    assert target.got == encode("SELECT", 3) + encode("RESTORE", "a", 500, dumped)
    assert target.closed
    assert ann.send("EXISTS", "a") == b":0\r\n"
    assert kept.written() == encode("DEL", "a")


def test_options_and_several_keys(kept: Kept, ann: Peer) -> None:
    target = meet(kept, *[b"+OK"] * 4)
    words = ("", 0, -1, "replace", "AUTH2", "me", "secret", "KEYS", "a", "none", "b")
    assert ann.send(*HERE, *words) == b"+OK\r\n"
    assert target.asked == (b"host", 6379, 1.0)
    assert target.got.startswith(encode("AUTH", "me", "secret") + encode("SELECT", 0))
    assert target.got.count(b"RESTORE") == target.got.count(b"REPLACE") == 2
    assert kept.written() == encode("DEL", "a", "b")


def test_a_copy_leaves_the_key(kept: Kept, ann: Peer) -> None:
    meet(kept, b"+OK", b"+OK")
    assert ann.send(*HERE, "a", 0, 5, "COPY") == b"+OK\r\n"
    assert ann.send("EXISTS", "a") == b":1\r\n"
    assert kept.written() == b""


@pytest.mark.parametrize(
    ("answers", "reply", "left"),
    [
        ((b"+OK", b"+OK", None), b"-IOERR error or timeout reading to target instance\r\n", b"b"),
        ((b"+OK", b"+OK", b"-BUSYKEY x"), b"-ERR Target instance replied with error: BUSYKEY x\r\n", b"b"),
        ((b"+OK", b"-A x", b"-B x"), b"-ERR Target instance replied with error: A x\r\n", b"ab"),
        ((b"-A x", b"+OK", b"+OK"), b"-ERR Target instance replied with error: A x\r\n", b"ab"),
    ],
)
def test_what_has_not_arrived_stays(
    kept: Kept, ann: Peer, answers: tuple[bytes | None, ...], reply: bytes, left: bytes
) -> None:
    target = meet(kept, *answers)
    assert ann.send(*HERE, "", 0, 5, "KEYS", "a", "b") == reply
    assert target.closed
    assert [name for name in b"ab" if ann.send("EXISTS", bytes([name])) == b":1\r\n"] == list(left)
    assert kept.written() == (encode("DEL", "a") if left == b"b" else b"")
    assert kept.replays()


def test_nobody_is_asked_for_what_is_not_there(kept: Kept, ann: Peer) -> None:
    target = meet(kept)
    for words in (("none", 0, 5), ("", 0, 5, "KEYS"), ("", 0, 5, "KEYS", "none")):
        assert ann.send(*HERE, *words) == b"+NOKEY\r\n"
    assert target.asked is None


def test_without_a_network_no_server_is_reached(kept: Kept, ann: Peer) -> None:
    assert ann.send(*HERE, "a", 0, 5) == b"-IOERR error or timeout connecting to the client\r\n"
    assert ann.send("EXISTS", "a") == b":1\r\n"


def test_passwords_are_not_shown(kept: Kept, ann: Peer) -> None:
    meet(kept, *[b"+OK"] * 3)
    kept.server.config.set({"slowlog-log-slower-than": "0"})
    ann.send(*HERE, "a", 0, 5, "AUTH", "secret")
    seen = ann.send("SLOWLOG", "GET")
    assert b"secret" not in seen
    assert b"(redacted)" in seen


@pytest.mark.parametrize(
    ("word", "port"), [(b"6379", 6379), (b"x", 0), (b" 7x", 7), (b"-1", -1), (b"99999", 99999 - 65536)]
)
def test_a_port_is_read_as_redis_reads_it(word: bytes, port: int) -> None:
    assert _port(word) == port
