"""MEMORY: what it tells adds up; shapes of replies are compared in compat/oracle."""

from __future__ import annotations

import pytest

from respq.protocol.reader import Reader
from tests.conftest import Peer, Workbench


@pytest.fixture
def alice() -> Peer:
    return Workbench().peer()


def stats(peer: Peer) -> dict[str, str]:
    """MEMORY STATS in RESP2, without what is said of databases."""
    words = [word for word in peer.send("MEMORY", "STATS").decode().split("\r\n") if word[:1] not in "*$"]
    names = [at for at, word in enumerate(words) if "." in word and not word[0].isdigit() and word[0] != ":"]
    return {words[at]: words[at + 1].lstrip(":") for at in names}


def test_parts_add_up(alice: Peer) -> None:
    alice.feed(b"SET k 1 EX 100\r\nLPUSH l a b c\r\n")
    found = stats(alice)
    used, overhead = int(found["total.allocated"]), int(found["overhead.total"])
    assert overhead + int(found["dataset.bytes"]) == used
    assert int(found["startup.allocated"]) <= overhead
    assert int(found["peak.allocated"]) >= used
    assert 0 <= float(found["dataset.percentage"]) <= 100
    assert found["keys.count"] == "2"
    assert int(found["overhead.hashtable.main"]) > 0
    assert int(found["overhead.hashtable.expires"]) > 0


def test_scripts_and_functions_take_some(alice: Peer) -> None:
    before = stats(alice)
    alice.send("EVAL", "return 1", 0)
    code = "#!lua name=l\nredis.register_function('f', function() return 1 end)"
    alice.send("FUNCTION", "LOAD", code)
    after = stats(alice)
    assert int(after["lua.caches"]) == int(before["lua.caches"]) + len("return 1")
    assert int(after["functions.caches"]) == len(code)
    assert int(after["script.VMs"]) > int(before["script.VMs"])


def test_the_doctor_speaks_of_what_is_unusual(alice: Peer) -> None:
    gauge = alice.engine.server.gauge
    assert b"little data" in alice.send("MEMORY", "DOCTOR")
    used = gauge.used_bytes()
    gauge.startup_bytes = 0
    assert b"little data" not in alice.send("MEMORY", "DOCTOR")
    gauge.used_bytes = lambda: used // 3  # type: ignore[method-assign]
    said = alice.send("MEMORY", "DOCTOR")
    assert b"* Peak:" in said
    assert b"* Fragmentation:" in said
    assert b"* Client buffers:" not in said
    alice.client.reader.feed(b"*1\r\n$1000000\r\n" + b"x" * 900_000)
    assert isinstance(alice.client.reader, Reader)
    bob = Peer(alice.engine)
    assert b"* Client buffers:" in bob.send("MEMORY", "DOCTOR")


def test_memory_can_be_given_back(alice: Peer) -> None:
    assert alice.send("MEMORY", "PURGE") == b"+OK\r\n"


def test_allocators_say_something(alice: Peer) -> None:
    said = alice.send("MEMORY", "MALLOC-STATS")
    assert b"blocks of up to 512 bytes: " in said
    alice.feed(b"HELLO 3\r\n")
    assert alice.send("MEMORY", "MALLOC-STATS").startswith(b"=")
