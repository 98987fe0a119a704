"""`compat-version`: replies that changed after Redis 8.2.3, in the form of the version that is asked for."""

from __future__ import annotations

import pytest

from respq.config import Config, ConfigError
from tests.conftest import Peer, Workbench
from tests.resp import decoded

FIELDS_OF_8_6 = [
    "idmp-duration", "idmp-maxsize", "pids-tracked", "iids-tracked", "iids-added", "iids-duplicates",
]  # fmt: skip


def peer_of(version: str, **directives: str) -> Peer:
    return Workbench(**{"compat-version": version, **directives}).peer()


def info(peer: Peer, section: str) -> dict[str, str]:
    lines = decoded(peer.send("INFO", section)).split("\r\n")[1:]
    return dict(line.split(":", 1) for line in lines if line)


@pytest.mark.parametrize("version", ["8.2.3", "8.4.6", "8.6.0", "8.8.2", "8.10.1"])
def test_it_is_the_version_that_everybody_is_told(version: str) -> None:
    peer = peer_of(version)
    assert info(peer, "server")["redis_version"] == version
    assert decoded(peer.send("HELLO", 2))[3] == version
    assert version in decoded(peer.send("LOLWUT"))
    assert decoded(peer.send("EVAL", "return redis.REDIS_VERSION", 0)) == version
    assert decoded(peer.send("CONFIG", "GET", "compat-version")) == ["compat-version", version]


@pytest.mark.parametrize(
    "word", ["8.2.4", "8.3.0", "8.11.0", "7.4.1", "9.0.0", "8.8", "8.8.2-rc1", "latest", ""]
)
def test_versions_that_are_not_known_are_refused(word: str) -> None:
    with pytest.raises(
        ConfigError, match=r"argument must be 8\.2\.3 or one of 8\.4\.x, 8\.6\.x, 8\.8\.x, 8\.10\.x"
    ):
        Config().set({"compat-version": word}, at_start=True)


def test_it_does_not_change_while_clients_are_connected(alice: Peer) -> None:
    assert b"can't set immutable config" in alice.send("CONFIG", "SET", "compat-version", "8.8.2")


@pytest.mark.parametrize(("version", "shown"), [("8.2.3", False), ("8.4.6", False), ("8.6.6", True)])
def test_xinfo_stream_tells_of_every_stream_what_it_remembers_of_producers(version: str, shown: bool) -> None:
    peer = peer_of(version, **{"stream-idmp-maxsize": "7"})
    peer.send("XADD", "s", "1-1", "f", "v")
    for words, behind in (((), "groups"), (("FULL",), "entries")):
        reply = decoded(peer.send("XINFO", "STREAM", "s", *words))
        names = reply[::2]
        assert [name for name in names if name in FIELDS_OF_8_6] == (FIELDS_OF_8_6 if shown else [])
        if shown:
            at = names.index(FIELDS_OF_8_6[0])
            assert names[at - 1] == "recorded-first-entry-id"
            assert names[at + 6] == behind
            assert reply[1::2][at : at + 6] == [100, 7, 0, 0, 0, 0]


@pytest.mark.parametrize(("version", "shown"), [("8.6.6", False), ("8.8.0", True)])
def test_xinfo_stream_full_tells_of_every_group_how_many_entries_were_released(
    version: str, shown: bool
) -> None:
    peer = peer_of(version)
    peer.send("XGROUP", "CREATE", "s", "g", "0", "MKSTREAM")
    reply = decoded(peer.send("XINFO", "STREAM", "s", "FULL"))
    (group,) = reply[reply.index("groups") + 1]
    assert ("nacked-count" in group) == shown
    if shown:
        assert group[group.index("pel-count") + 2 :][:2] == ["nacked-count", 0]


@pytest.mark.parametrize(("version", "elements"), [("8.8.2", 6), ("8.10.0", 7)])
def test_the_slow_log_tells_how_many_words_there_were(version: str, elements: int) -> None:
    peer = peer_of(version, **{"slowlog-log-slower-than": "0", "slowlog-entry-max-argc": "3"})
    peer.send("DEL", "a", "b", "c", "d")
    (entry,) = decoded(peer.send("SLOWLOG", "GET", 1))
    assert len(entry) == elements
    assert entry[3] == ["DEL", "a", "... (3 more arguments)"]
    assert entry[6:] == ([5] if elements == 7 else [])


def test_how_much_of_a_slow_command_is_kept_can_be_chosen(alice: Peer) -> None:
    for name, value in (("log-slower-than", 0), ("entry-max-argc", 2), ("entry-max-string-len", 4)):
        alice.send("CONFIG", "SET", f"slowlog-{name}", value)
    alice.send("SET", "k", "value")
    alice.send("ECHO", "message")
    entries = decoded(alice.send("SLOWLOG", "GET", 2))
    assert [entry[3] for entry in entries] == [
        ["ECHO", "mess... (3 more bytes)"],
        ["SET", "... (2 more arguments)"],
    ]
    assert b"argument must be between 2 and" in alice.send("CONFIG", "SET", "slowlog-entry-max-argc", 1)


def test_info_tells_of_slow_commands() -> None:
    engine = Workbench(**{"compat-version": "8.8.2", "slowlog-log-slower-than": "0", "slowlog-max-len": "1"})
    peer = engine.peer()
    for _ in range(3):
        peer.send("DEL", "a")
    peer.send("CONFIG", "SET", "slowlog-log-slower-than", -1)
    stats, of_del = info(peer, "stats"), info(peer, "commandstats")["cmdstat_del"].split(",")
    assert stats["slowlog_commands_count"] == "3"
    assert float(stats["slowlog_commands_time_ms_sum"]) >= float(stats["slowlog_commands_time_ms_max"]) >= 0
    assert [field.partition("=")[0] for field in of_del[5:]] == [
        "slowlog_count", "slowlog_time_ms_sum", "slowlog_time_ms_max",
    ]  # fmt: skip
    assert of_del[5] == "slowlog_count=3"
    peer.send("PING")
    assert "slowlog" not in info(peer, "commandstats")["cmdstat_ping"]
    peer.send("CONFIG", "RESETSTAT")
    assert info(peer, "stats")["slowlog_commands_count"] == "0"
    assert info(peer, "stats")["slowlog_commands_time_ms_max"] == "0.00"


def test_reads_and_what_came_of_them_are_counted() -> None:
    engine = Workbench(**{"compat-version": "8.8.2"})
    peer, other = engine.peer(), engine.peer()
    peer.feed(b"PING\r\nPING\r\nPING\r\n")
    peer.feed(b"PI")
    peer.feed(b"NG\r\n")
    other.feed(b"SET k v\r\n" * 10)
    line = peer.send("CLIENT", "INFO").split(b"\n")[1]
    assert line.rstrip().endswith(b" read-events=3 parse-batch-cmd-sum=4 parse-batch-cnt=2")
    stats = info(other, "stats")
    assert stats["total_client_processing_events"] == "5"
    assert stats["commands_per_parse_batch_sum"] == "15"
    assert stats["commands_per_parse_batch_cnt"] == "4"
    assert stats["commands_per_parse_batch_avg"] == "3.75"
    assert stats["eventloop_cycles_with_clients_processing"] == "1"  # there is no loop here
    engine.disconnect(peer.client)
    assert list(engine.server.read_counts) == [other.client.id]


def test_nothing_of_this_is_counted_or_shown_otherwise(engine: Workbench, alice: Peer) -> None:
    alice.send("CONFIG", "SET", "slowlog-log-slower-than", 0)
    alice.send("DEL", "a")
    assert not engine.server.read_counts
    assert b"read-events" not in alice.send("CLIENT", "LIST")
    assert not {name for name in info(alice, "stats") if "slowlog" in name or "parse_batch" in name}
    assert "slowlog" not in info(alice, "commandstats")["cmdstat_del"]


@pytest.mark.parametrize(("version", "shown"), [("8.8.2", False), ("8.10.0", True)])
def test_commands_that_run_scripts_have_a_flag(version: str, shown: bool) -> None:
    peer = peer_of(version)
    names = ("EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO", "GET", "SCRIPT")
    flags = [entry[2] for entry in decoded(peer.send("COMMAND", "INFO", *names))]
    assert ["script_runner" in words for words in flags] == [shown] * 6 + [False] * 2


@pytest.mark.parametrize(
    ("section", "field", "since"),
    [("stats", "acl_access_denied_tls_cert", "8.6.0"), ("persistence", "backup_in_progress", "8.10.0")],
)
def test_info_tells_that_there_is_nothing_of_what_came_later(section: str, field: str, since: str) -> None:
    assert info(peer_of(since), section)[field] == "0"
    before = {"8.6.0": "8.4.0", "8.10.0": "8.8.0"}[since]
    assert field not in info(peer_of(before), section)


@pytest.mark.parametrize(("version", "taken"), [("8.2.3", True), ("8.8.2", True), ("8.10.0", False)])
def test_a_directive_under_both_of_its_names_is_one_too_many(version: str, taken: bool) -> None:
    reply = peer_of(version).feed(b"CONFIG SET replica-priority 10 slave-priority 20\r\n")
    failed = (
        b"-ERR CONFIG SET failed (possibly related to argument 'slave-priority') - duplicate parameter\r\n"
    )
    assert reply == (b"+OK\r\n" if taken else failed)
