"""Which commands are accesses to which keys, under an LRU and an LFU policy and CLIENT NO-TOUCH.

Keys are restored as idle for a thousand seconds, or as accessed a hundred times: what a command has accessed
shows afterwards, without anybody waiting. Every line of `accesses.txt` is a command.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from pathlib import Path

import pytest

from compat.oracle.targets import ProcessTarget
from compat.oracle.wire import Node
from compat.servers import Server

COMMANDS = (Path(__file__).parent / "accesses.txt").read_text().splitlines()
SETUP = (
    "SET s hello", "SET n 10", "SET w xyz", "SET wa 1", "SET wb 2", "RPUSH l c a b", "ZADD z 1 a 2 b",
    "HSET h f 1 g 2", "SADD st a b c", "SADD st2 b c", "XADD x 1-1 f v", "XGROUP CREATE x g 0", "SET v 1",
    "GEOADD geo 13.3 38.1 a", "PFADD hll a b",
)  # fmt: skip
KEYS = ("s", "n", "w", "wa", "wb", "l", "z", "h", "st", "st2", "x", "v", "geo", "hll")
RESULTS = ("q", "d", "s2", "l2", "v2")  # keys that commands make
IDLE_S, FREQUENCY = 1000, 100

# What `differences.md` says: keys that a pattern leads to.
APART = {
    "SORT l BY w* ALPHA": {"wa", "wb"},
    "SORT l BY w* GET w* ALPHA": {"wa", "wb"},
    "SORT l BY nosort GET s*": {"s"},
}

Kind = tuple[tuple[bytes, bytes], bytes, Callable[[int], bool]]
# How keys are restored, how OBJECT is asked about them, and whether the answer is that of an accessed key.
IDLE: Kind = (b"IDLETIME", b"%d" % IDLE_S), b"IDLETIME", lambda number: number < IDLE_S // 2
FREQUENT: Kind = (b"FREQ", b"%d" % FREQUENCY), b"FREQ", lambda number: number > FREQUENCY


class Pair:
    """Both servers, and the same payloads for them."""

    def __init__(self, reference: Server, respq: Server) -> None:
        self.targets = ProcessTarget(reference), ProcessTarget(respq)
        self.ask("FLUSHALL")
        self.ask("CONFIG SET lfu-decay-time 0")  # else a frequency falls whenever a minute begins
        for line in SETUP:
            self.ask(line)
        theirs = self.targets[0]
        self.payloads = {key: theirs.ask(b"DUMP", key.encode())[1] for key in KEYS}

    def ask(self, line: str) -> list[Node]:
        return [target.ask(*line.encode().split()) for target in self.targets]

    def compare(self, line: str, kind: Kind, apart: Container[str] = ()) -> None:
        """Both tell the same of every key after the command, but for some."""
        theirs, ours = [self._accessed(target, line, kind) for target in self.targets]
        assert {key: said for key, said in ours.items() if key not in apart} == {
            key: said for key, said in theirs.items() if key not in apart
        }, line

    def _accessed(self, target: ProcessTarget, line: str, kind: Kind) -> dict[str, bool | None]:
        said, look, test = kind
        target.ask(b"FLUSHALL")
        for key, payload in self.payloads.items():
            ttl = b"1000000" if key == "v" else b"0"
            target.ask(b"RESTORE", key.encode(), ttl, payload, *said)
        target.ask(*line.encode().split())
        answers = {key: target.ask(b"OBJECT", look, key.encode()) for key in (*KEYS, *RESULTS)}
        return {key: None if word is None else test(int(word)) for key, (_, word) in answers.items()}

    def close(self) -> None:
        for setting in ("maxmemory-policy noeviction", "lfu-log-factor 10", "lfu-decay-time 1"):
            self.ask(f"CONFIG SET {setting}")
        for target in self.targets:
            target.close()


@pytest.fixture(scope="module")
def pair(reference: Server, respq_server: Server) -> Iterator[Pair]:
    found = Pair(reference, respq_server)
    yield found
    found.close()


def test_commands_access_the_keys_that_they_do_in_redis(pair: Pair) -> None:
    pair.ask("CONFIG SET maxmemory-policy noeviction")
    for line in COMMANDS:
        pair.compare(line, IDLE)


def test_accesses_count_under_an_lfu_policy(pair: Pair) -> None:
    pair.ask("CONFIG SET maxmemory-policy allkeys-lfu")
    pair.ask("CONFIG SET lfu-log-factor 0")  # each counts
    for line in COMMANDS:
        pair.compare(line, FREQUENT, APART.get(line, ()))


def test_a_client_that_does_not_touch_leaves_no_trace(pair: Pair) -> None:
    pair.ask("CONFIG SET maxmemory-policy noeviction")
    pair.ask("CLIENT NO-TOUCH ON")
    for line in COMMANDS:
        pair.compare(line, IDLE, APART.get(line, ()))
    pair.ask("CLIENT NO-TOUCH OFF")


def test_a_frequency_begins_at_five_and_grows_by_one(pair: Pair) -> None:
    pair.ask("CONFIG SET maxmemory-policy allkeys-lfu")
    pair.ask("CONFIG SET lfu-log-factor 0")
    pair.ask("FLUSHALL")
    for line in ("SET k 1", "GET k", "SET k 2", "TYPE k", "APPEND k x", "LPUSH l a", "LLEN l"):
        pair.ask(line)
        for key in "kl":
            theirs, ours = pair.ask(f"OBJECT FREQ {key}")
            assert ours == theirs, line


def test_idle_times_and_frequencies_come_back_from_a_snapshot(pair: Pair) -> None:
    payload = pair.payloads["s"]
    for policy, said, look in (
        ("allkeys-lru", (b"IDLETIME", b"1000"), "IDLETIME"),
        ("noeviction", (b"IDLETIME", b"1000"), "IDLETIME"),
        ("allkeys-lru", (b"FREQ", b"77"), "IDLETIME"),
        ("volatile-lfu", (b"FREQ", b"77"), "FREQ"),
        ("volatile-lfu", (b"IDLETIME", b"1000"), "FREQ"),
        ("allkeys-lru", (b"IDLETIME", b"2147483648123"), "IDLETIME"),
    ):
        pair.ask(f"CONFIG SET maxmemory-policy {policy}")
        pair.ask("FLUSHALL")
        for target in pair.targets:
            target.ask(b"RESTORE", b"k", b"0", payload, *said)
        pair.ask("DEBUG RELOAD")
        theirs, ours = (int(word) for _, word in pair.ask(f"OBJECT {look} k"))
        assert abs(ours - theirs) <= 2, policy
