"""The HyperLogLog commands. Every expected reply was seen on redis-server 8.2.3."""

from __future__ import annotations

from tests.commands.asking import ask
from tests.conftest import Peer

INVALID = b"-WRONGTYPE Key is not a valid HyperLogLog string value.\r\n"
CORRUPTED = b"-INVALIDOBJ Corrupted HLL object detected\r\n"


def test_a_count_is_kept_which_disturbs_a_watch_once(alice: Peer, bob: Peer) -> None:
    ask(alice, "PFADD h a b c")
    for expected in (b"*-1\r\n", b"*1\r\n+PONG\r\n"):
        ask(alice, "WATCH h")
        assert ask(bob, "PFCOUNT h") == b":3\r\n"
        ask(alice, "MULTI")
        ask(alice, "PING")
        assert ask(alice, "EXEC") == expected


def test_several_are_counted_together_and_stay_as_they_are(alice: Peer) -> None:
    ask(alice, "PFADD h1 a b c")
    ask(alice, "PFADD h2 c d")
    before = ask(alice, "GET h1")
    assert ask(alice, "PFCOUNT h1 h2 none") == b":4\r\n"
    assert ask(alice, "GET h1") == before
    assert ask(alice, "PFMERGE both h1 h2") == b"+OK\r\n"
    assert ask(alice, "PFCOUNT both") == b":4\r\n"


def test_one_that_is_new_has_changed(alice: Peer) -> None:
    assert ask(alice, "PFADD h") == b":1\r\n"
    assert ask(alice, "PFADD h") == b":0\r\n"
    assert ask(alice, "PFCOUNT none") == b":0\r\n"


def test_other_strings_are_refused(alice: Peer) -> None:
    ask(alice, "SET s HYLL")
    for line in ("PFADD s a", "PFCOUNT s", "PFCOUNT s none", "PFMERGE d s", "PFDEBUG GETREG s"):
        assert ask(alice, line) == INVALID
    alice.send("SET", "broken", b"HYLL\x01" + bytes(10) + b"\x80\x7f\xfe")
    for line in ("PFCOUNT broken", "PFMERGE d broken", "PFDEBUG TODENSE broken"):
        assert ask(alice, line) == CORRUPTED
    assert ask(alice, "EXISTS d") == b":0\r\n"


def test_the_longest_sparse_form_is_configured(alice: Peer) -> None:
    ask(alice, "CONFIG SET hll-sparse-max-bytes 30")
    ask(alice, "PFADD h a b")
    assert ask(alice, "PFDEBUG ENCODING h") == b"+sparse\r\n"
    ask(alice, "PFADD h c d e f")
    assert ask(alice, "PFDEBUG ENCODING h") == b"+dense\r\n"
    assert ask(alice, "PFCOUNT h") == b":6\r\n"


def test_it_finds_itself_well(alice: Peer) -> None:
    assert ask(alice, "PFSELFTEST") == b"+OK\r\n"
