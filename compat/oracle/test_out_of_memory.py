"""What is refused, and what is evicted, when memory is out: with a limit of one byte it is at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compat.oracle.targets import Peer, ProcessTarget
from compat.oracle.wire import Node, render
from compat.servers import Server, is_in_reference
from respq.commands import SPECS

LIBRARY = """#!lua name=memory
redis.register_function('w', function(k, a) return redis.call('set', 'fw', 1) end)
redis.register_function{function_name='o', callback=function(k, a) return redis.call('set', 'fo', 1) end,
    flags={'allow-oom'}}
redis.register_function{function_name='n', callback=function(k, a) return redis.call('get', 'a') end,
    flags={'no-writes'}}
"""
SCRIPTS = (
    "return redis.call('set','a',1)",
    "return redis.call('get','a')",
    "return redis.pcall('set','a',1)",
    "return redis.pcall('set','a',1)['err']",
    "redis.call('del','nokey') return redis.call('set','a',1)",
    "redis.call('lpop','nolist') return redis.call('set','a',6)",
    "redis.call('expire','a',1000) return redis.call('set','a',7)",
    "redis.call('get','a') return redis.call('lpush','l',7)",
    "return redis.call('xgroup','create','x','g','$','mkstream')",
    "redis.pcall('set','a',1) redis.call('del','nokey') return redis.call('set','a',2)",
    "#!lua\nreturn redis.call('get','a')",
    "#!lua flags=no-writes\nreturn redis.call('get','a')",
    "#!lua flags=no-writes\nreturn redis.call('set','a',1)",
    "#!lua flags=allow-oom\nreturn redis.call('set','a','oom')",
    "#!lua flags=allow-oom,no-writes\nreturn redis.call('get','a')",
    "#!lua flags=no-cluster\nreturn redis.call('get','a')",
)
CALLS = ("FCALL w 0", "FCALL o 0", "FCALL n 0", "FCALL_RO n 0", "FCALL_RO w 0", "FCALL o 0", "FCALL nosuch 0")
DIALOGUES = (
    "MULTI|GET a|SET a 1|PING|EXEC",
    "MULTI|GET a|LPOP nolist|EXEC",
    "MULTI|GET a|DISCARD|MULTI|EXEC",
    "CONFIG SET maxmemory 0|MULTI|SET a 1|GET a|CONFIG SET maxmemory 1|SET b 2|EXEC|SET a 2",
    "CONFIG SET maxmemory 0|SET a 1|CONFIG SET maxmemory 1|SET a 2|CONFIG SET maxmemory 0|SET a 3",
    "CONFIG SET maxmemory 0|MULTI|SET a 1|CONFIG SET maxmemory 1|EXEC|SET a 1|GET a",
    "HELLO 3|SET a 1|NOSUCH|SET a|GET|GET a",
    "SELECT 3|SET a 1|GET a|SELECT 0",
    "CLIENT REPLY SKIP|SET a 1|GET a",
)
POLICIES = (
    "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "allkeys-lru", "allkeys-lfu",
    "allkeys-random", "noeviction",
)  # fmt: skip


class Pair:
    """Both servers; each question goes to both."""

    def __init__(self, reference: Server, respq: Server) -> None:
        self.servers = reference, respq
        self.targets = ProcessTarget(reference), ProcessTarget(respq)
        self.peers: list[Peer] = []

    def ask(self, *words: str) -> list[Node]:
        return [target.ask(*[word.encode() for word in words]) for target in self.targets]

    def say(self, line: str) -> list[Node]:
        return self.ask(*line.split())

    def agree(self, *words: str) -> Node:
        theirs, ours = self.ask(*words)
        assert ours == theirs, words
        return ours

    def talk(self, peers: list[Peer], lines: list[str], end: str = "PING end") -> list[bytes]:
        """What is answered to lines that are sent at once."""
        data = b"".join(render([word.encode() for word in line.split()]) for line in [*lines, end])
        for peer in peers:
            peer.send(data)
        for peer in peers:
            while not peer.received.endswith(b"$3\r\nend\r\n") and peer.receive():
                pass
        return [peer.received for peer in peers]

    def connect(self) -> list[Peer]:
        """A connection to each, until the test ends."""
        peers = [Peer(server.connect()) for server in self.servers]
        self.peers += peers
        return peers

    def reset(self) -> None:
        for line in ("CONFIG SET maxmemory 0 maxmemory-policy noeviction notify-keyspace-events", "FLUSHALL"):
            self.ask(*line.split(), *([""] if line.startswith("CONFIG") else []))


@pytest.fixture
def pair(reference: Server, respq_server: Server) -> Iterator[Pair]:
    found = Pair(reference, respq_server)
    found.reset()
    for line in ("SET a 1", "RPUSH l x", "CONFIG RESETSTAT"):
        found.say(line)
    yield found
    found.reset()
    found.say("FUNCTION FLUSH")
    found.say("CONFIG SET maxmemory-clients 0")
    for end in (*found.targets, *found.peers):
        end.close()


def test_commands_are_refused_as_redis_refuses_them(pair: Pair) -> None:
    pair.say("CONFIG SET maxmemory 1")
    for name, spec in SPECS.items():
        if spec.handler is not None and is_in_reference(spec) and name not in UNASKED:
            words = [*name.split("|"), *["1"] * (spec.fewest - 1 - name.count("|"))]
            theirs, ours = pair.ask(*words)
            assert _is_oom(ours) == _is_oom(theirs), words


def _is_oom(node: Node) -> bool:
    return node[0] == b"-" and node[1].startswith(b"OOM")


# What would end or hold up the conversation, or is not the same for another reason.
UNASKED = {"QUIT", "SHUTDOWN", "MONITOR", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "SYNC", "PSYNC", "RESET",
           "CONFIG|SET", "CLIENT|REPLY", "CLIENT|PAUSE", "DEBUG", "FAILOVER", "REPLICAOF", "SLAVEOF", "WAIT",
           "WAITAOF", "BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX", "MULTI", "MIGRATE", "CLIENT|KILL", "HELLO",
           "AUTH"}  # fmt: skip


def test_scripts_are_refused_as_redis_refuses_them(pair: Pair) -> None:
    pair.say("CONFIG SET maxmemory 1")
    for script in SCRIPTS:
        for name in ("EVAL", "EVAL_RO"):
            pair.agree(name, script, "0")
            sha = pair.agree("SCRIPT", "LOAD", script)[1]
            pair.agree(f"{name[:4]}SHA{name[4:]}", sha.decode(), "0")
        pair.agree("GET", "a")
        pair.say("XGROUP DESTROY x g")


def test_functions_are_refused_as_redis_refuses_them(pair: Pair) -> None:
    pair.agree("FUNCTION", "LOAD", LIBRARY)
    pair.say("CONFIG SET maxmemory 1")
    for call in CALLS:
        pair.agree(*call.split())
    pair.agree("FUNCTION", "LOAD", "REPLACE", LIBRARY)


@pytest.mark.parametrize("dialogue", DIALOGUES)
def test_dialogues_are_those_of_redis(pair: Pair, dialogue: str) -> None:
    pair.say("CONFIG SET maxmemory 1")
    theirs, ours = pair.talk(pair.connect(), dialogue.split("|"))
    if dialogue.startswith("HELLO"):
        theirs, ours = (answer[answer.index(b"-OOM") :] for answer in (theirs, ours))
    assert ours == theirs


def test_a_transaction_that_was_queued_before_is_refused(pair: Pair) -> None:
    for lines in (
        ["MULTI", "SET a 1"],
        ["MULTI", "GET a"],
        ["MULTI", "EVAL return(redis.call('set','q',1)) 0"],
        ["MULTI", "EVAL return(redis.call('get','q')) 0", "SET b 1"],
    ):
        pair.say("CONFIG SET maxmemory 0")
        peers = pair.connect()
        for peer in peers:
            peer.send(b"".join(render([word.encode() for word in line.split()]) for line in lines))
            while peer.received.count(b"+QUEUED") < len(lines) - 1 and peer.receive():
                pass
        pair.say("CONFIG SET maxmemory 1")
        theirs, ours = pair.talk(peers, ["EXEC", "GET a"])
        assert ours == theirs


def test_a_client_that_is_served_meanwhile_is_refused(pair: Pair) -> None:
    peers = pair.connect()
    for peer in peers:
        peer.send(render(b"BLMOVE src dst LEFT LEFT 0".split()))
        while b"blocked_clients:1" not in pair.targets[peers.index(peer)].ask(b"INFO", b"clients")[1]:
            pass
    pair.say("CONFIG SET maxmemory 1")
    pair.agree("RENAME", "l", "src")
    for peer in peers:
        peer.receive()
    assert peers[0].received == peers[1].received
    pair.agree("LRANGE", "src", "0", "-1")
    pair.agree("EXISTS", "dst")


@pytest.mark.parametrize("policy", POLICIES)
def test_policies_evict_what_redis_evicts(pair: Pair, policy: str) -> None:
    """All that they may, with events and invalidations; the order is that of chance, but for volatile-ttl."""
    pair.say("SET v1 1 EX 1000")
    pair.say("SET v2 1 EX 500")
    pair.say("CONFIG SET notify-keyspace-events Ee")
    listeners, trackers = pair.connect(), pair.connect()
    pair.talk(listeners, ["HELLO 3", "SUBSCRIBE __keyevent@0__:evicted"])
    pair.talk(trackers, ["HELLO 3", "CLIENT TRACKING ON", "MGET a l v1 v2"])
    heard = [len(peer.received) for peer in (*listeners, *trackers)]
    pair.say(f"CONFIG SET maxmemory-policy {policy} maxmemory 1")
    pair.agree("EXISTS", "a", "l", "v1", "v2")
    pair.agree("SET", "a", "1")
    pair.agree("EVAL", "return redis.call('set', 'a', 1)", "0")
    pair.talk([*listeners, *trackers], [])
    said = [peer.received[at:] for peer, at in zip((*listeners, *trackers), heard, strict=True)]
    if policy == "volatile-ttl":
        assert said[0] == said[1]
    for theirs, ours in (said[:2], said[2:]):
        assert sorted(ours.split(b"\r\n>")) == sorted(theirs.split(b"\r\n>"))
    theirs, ours = (node[1].decode() for node in pair.ask("INFO", "stats"))
    evicted = [line for line in theirs.split("\r\n") if line.startswith("evicted_keys")]
    assert evicted[0] in ours.split("\r\n")


def test_the_client_that_takes_most_is_closed(pair: Pair) -> None:
    large, spared, small = pair.connect(), pair.connect(), pair.connect()
    for peers, size in ((large, 3_000_000), (spared, 3_500_000), (small, 500_000)):
        for peer in peers:
            if peers is spared:
                peer.send(b"CLIENT NO-EVICT ON\r\n")
            peer.send(b"MULTI\r\n" + render([b"SET", b"k", b"x" * size]))
            while b"+QUEUED" not in peer.received and peer.receive():
                pass
    pair.say("CONFIG SET maxmemory-clients 6000000")
    for peer in large:
        assert not peer.receive()
    for theirs, ours in (spared, small):
        for peer in (theirs, ours):
            peer.send(b"DISCARD\r\nPING\r\n")
            while not peer.received.endswith(b"+PONG\r\n") and peer.receive():
                pass
        assert ours.received == theirs.received
    theirs, ours = (str(node[1]) for node in pair.ask("INFO", "stats"))
    assert "evicted_clients:1\\r\\n" in theirs
    assert "evicted_clients:1\\r\\n" in ours
