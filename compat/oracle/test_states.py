"""States in which a server refuses commands: who is told what, in Redis's words.

MISCONF after a snapshot that failed, BUSY while a script does not end, NOAUTH before a password. Each has
servers of its own, for the state concerns everybody. (LOADING cannot be compared: redis-server 8.2.3 was not
seen to answer anybody while it loads as little as a test can wait for; its text is in `tests/`.)
"""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from compat.oracle.targets import Peer, ProcessTarget
from compat.oracle.wire import Node, render
from compat.servers import Server, start_redis, start_respq

PATIENCE_S = 20
DATA = "data"  # the directory that is taken away
QUESTIONS = """
    GET a
    GET
    NOPE
    SET a 2
    SET a
    DEL gone
    PUBLISH c m
    BLPOP gone 1
    PFCOUNT gone
    PING
    ECHO x
    DBSIZE
    CLIENT GETNAME
    CLIENT NOPE
    ACL WHOAMI
    CONFIG GET maxclients
    COMMAND COUNT x
    SCRIPT EXISTS x
    SCRIPT NOPE
    FUNCTION LIST x
    LATENCY LATEST
    REPLICAOF NO ONE
    REPLCONF capa x
    SELECT 1
    SELECT 0
    WATCH a
    UNWATCH
    EXEC
    DISCARD
    MULTI
    GET a
    EXEC
    MULTI
    SET a 3
    PUBLISH c m
    EXEC
    EVAL "return redis.call('get', 'a')" 0
    EVAL "return redis.call('set', 'a', 4)" 0
    EVAL "return redis.pcall('set', 'a', 4)" 0
    EVAL "#!lua\\nreturn 1" 0
    EVAL "#!lua flags=no-writes\\nreturn 1" 0
    EVAL_RO "return redis.call('get', 'a')" 0
    EVALSHA x 0
    FCALL f 0
    SORT gone STORE b
    FLUSHALL x
    GETEX a
    SHUTDOWN ABORT
    RESET
    QUIT
"""


Answers = list[tuple[str, Node]]


def told(server: Server) -> Answers:
    """What a client is told that comes now."""
    target = ProcessTarget(server)
    lines = [line for line in map(str.strip, QUESTIONS.splitlines()) if line]
    try:
        words = [[word.replace("\\n", "\n").encode() for word in shlex.split(line)] for line in lines]
        return [(line, target.ask(*argv)) for line, argv in zip(lines, words, strict=True)]
    finally:
        target.close()


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def after_a_failed_snapshot(server: Server) -> Answers:
    target = ProcessTarget(server)
    target.ask(b"SET", b"a", b"1")
    shutil.rmtree(server.directory / DATA)
    target.ask(b"BGSAVE")
    wait_until(lambda: target.ask(b"SET", b"a", b"1")[0] == b"-")
    target.close()
    return told(server)


def during_a_script(server: Server) -> Answers:
    busy, target = Peer(server.connect()), ProcessTarget(server)
    target.ask(b"SET", b"a", b"1")
    target.ask(b"CONFIG", b"SET", b"busy-reply-threshold", b"50")
    busy.send(render([b"EVAL", b"while true do end", b"0"]))
    wait_until(lambda: target.ask(b"GET", b"a")[0] == b"-")
    answers = told(server)
    answers.append(("FUNCTION KILL", target.ask(b"FUNCTION", b"KILL")))
    answers.append(("SCRIPT KILL", target.ask(b"SCRIPT", b"KILL")))
    answers.append(("the script", busy.answer()))
    busy.send(render([b"EVAL", b"redis.call('set', 'b', 1) while true do end", b"0"]))
    wait_until(lambda: target.ask(b"GET", b"a")[0] == b"-")
    answers.append(("SCRIPT KILL", target.ask(b"SCRIPT", b"KILL")))
    answers.append(("SHUTDOWN", target.ask(b"SHUTDOWN")))
    busy.close()
    target.close()
    return answers


def before_a_password(server: Server) -> Answers:
    target = ProcessTarget(server)
    target.ask(b"CONFIG", b"SET", b"requirepass", b"secret")
    target.close()
    return told(server)


@pytest.mark.parametrize("state", [after_a_failed_snapshot, during_a_script, before_a_password])
def test_refusals(state: Callable[[Server], Answers], tmp_path: Path) -> None:
    found: list[Answers] = []
    for start in (start_redis, start_respq):
        directory = tmp_path / start.__name__
        (directory / DATA).mkdir(parents=True)
        server = start(directory, dir=str(directory / DATA), save="3600 1", appendonly="no")
        try:
            found.append(state(server))
        finally:
            server.kill()
    for theirs, ours in zip(*found, strict=True):
        assert ours == theirs
