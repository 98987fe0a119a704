"""CONFIG over the wire; what directives mean and refuse is tests/config's business."""

from __future__ import annotations

from pathlib import Path

import pytest

from respq.config import Config
from tests.conftest import Peer, Workbench


def test_get_answers_a_map_of_what_matches(alice: Peer) -> None:
    assert alice.send("CONFIG", "GET", "MaxClients") == b"*2\r\n$10\r\nMaxClients\r\n$5\r\n10000\r\n"
    alice.send("HELLO", 3)
    assert alice.send("CONFIG", "GET", "h[z]", "nope", "HZ") == b"%1\r\n$2\r\nhz\r\n$2\r\n10\r\n"
    assert alice.send("CONFIG", "GET", "nope*") == b"%0\r\n"


def test_set_changes_all_or_nothing(engine: Workbench, alice: Peer) -> None:
    assert alice.send("config", "set", "timeout", 5, "HZ", 20) == b"+OK\r\n"
    assert alice.send("CONFIG", "SET", "timeout", 6, "hz", "x") == (
        b"-ERR CONFIG SET failed (possibly related to argument 'hz') - "
        b"argument couldn't be parsed into an integer\r\n"
    )
    assert (engine.server.config.timeout, engine.server.config.hz) == (5, 20)


@pytest.mark.parametrize(
    ("words", "reply"),
    [
        (["SET", "timeout", "5", "hz"], b"-ERR syntax error\r\n"),
        (["SET", "timeout"], b"-ERR wrong number of arguments for 'config|set' command\r\n"),
        (["GET"], b"-ERR wrong number of arguments for 'config|get' command\r\n"),
        (["REWRITE", "x"], b"-ERR wrong number of arguments for 'config|rewrite' command\r\n"),
        (["REWRITE"], b"-ERR The server is running without a config file\r\n"),
        (["nope"], b"-ERR unknown subcommand 'nope'. Try CONFIG HELP.\r\n"),
        (["SET", "no\r\npe", "1"],
         b"-ERR Unknown option or number of arguments for CONFIG SET - 'no  pe'\r\n"),
        (["SET", "activedefrag", "yes"],
         (b"-ERR CONFIG SET failed (possibly related to argument 'activedefrag') - "
          b"respq does not defragment its memory\r\n")),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(alice: Peer, words: list[str], reply: bytes) -> None:
    assert alice.send("CONFIG", *words) == reply


def test_values_may_hold_any_bytes(alice: Peer) -> None:
    assert alice.send("CONFIG", "SET", "requirepass", b"\xff\x00\r\n") == b"+OK\r\n"
    assert alice.send("CONFIG", "GET", "requirepass") == b"*2\r\n$11\r\nrequirepass\r\n$4\r\n\xff\x00\r\n\r\n"
    assert alice.send("AUTH", b"\xff\x00\r\n") == b"+OK\r\n"


def test_rewrite_writes_the_file_that_the_configuration_came_from(
    engine: Workbench, alice: Peer, tmp_path: Path
) -> None:
    engine.server.config.file = tmp_path / "r.conf"
    alice.send("CONFIG", "SET", "timeout", 5)
    assert alice.send("CONFIG", "REWRITE") == b"+OK\r\n"
    assert Config.load(str(tmp_path / "r.conf")).timeout == 5


def test_resetstat_starts_counting_anew(engine: Workbench, alice: Peer) -> None:
    alice.send("GET", "nothing")
    alice.send("NOPE")
    alice.send("SET", "k", "v", "PX", 1)
    engine.pass_time(2)
    server = engine.server
    server.count_done()
    assert (server.stats.keyspace_misses, server.specs["GET"].calls) == (1, 1)
    assert alice.send("CONFIG", "RESETSTAT") == b"+OK\r\n"
    assert (server.stats.keyspace_misses, server.specs["GET"].calls) == (0, 0)
    assert sum(db.expired for db in server.databases) == 0
    assert not server.stats.errors


def test_help_lists_the_subcommands(alice: Peer) -> None:
    lines = alice.send("CONFIG", "HELP").split(b"\r\n")
    assert lines[1] == b"+CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    assert {b"+REWRITE", b"+RESETSTAT", b"+HELP"} <= set(lines)
