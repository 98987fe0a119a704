"""A start: configuration files, the command line, and what is refused in one line that names it."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from respq.config import Config, ConfigError
from respq.config.directives import DIRECTIVES, OBSOLETE, REFUSED, Fixed


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to stand in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(text: str, *arguments: str) -> Config:
    """A start with `text` as the file `r.conf`."""
    Path("r.conf").write_bytes(text.encode("utf-8", "surrogateescape"))
    return Config.load("r.conf", arguments)


def complaint(text: str, *arguments: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text, *arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# -- files -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("here")
def test_lines_are_directives_and_comments() -> None:
    config = load("# a comment\n\n  \tTimeOut\t 5 \r\n   # another\nbind * -::*\nrequirepass 'a # b'\n")
    assert (config.timeout, config.bind, config.requirepass) == (5, ("*", "-::*"), b"a # b")


@pytest.mark.usefixtures("here")
def test_quoted_words_may_hold_any_byte() -> None:
    assert load('requirepass "a\\"\\n\\xff\\x00"\n').requirepass == b'a"\n\xff\x00'


@pytest.mark.usefixtures("here")
def test_the_last_line_of_a_directive_counts_and_limits_add_up() -> None:
    config = load(
        "port 1\nport 2\nclient-output-buffer-limit normal 1 1 1\n"
        "client-output-buffer-limit slave 2mb 2 2 pubsub 3 3 3\n"
    )
    assert config.port == 2
    assert config.client_output_buffer_limit == {
        "normal": (1, 1, 1), "replica": (2 << 20, 2, 2), "pubsub": (3, 3, 3),
    }  # fmt: skip


@pytest.mark.usefixtures("here")
def test_old_names_mean_the_present_directives() -> None:
    config = load("slave-read-only no\nlist-max-ziplist-size 128\nlua-time-limit 7\nslaveof no one\n")
    assert not config.replica_read_only
    assert (config.list_max_listpack_size, config.busy_reply_threshold) == (128, 7)


@pytest.mark.usefixtures("here")
def test_a_file_includes_others_by_path_and_by_pattern() -> None:
    Path("d").mkdir()
    Path("d/a.conf").write_text("timeout 1\nhz 20\n")
    Path("d/b.conf").write_text("timeout 2\n")
    config = load("include d/*.conf\ninclude none*.conf\ntcp-keepalive 3\n")
    assert (config.timeout, config.hz, config.tcp_keepalive) == (2, 20, 3)


@pytest.mark.usefixtures("here")
def test_a_fault_in_an_included_file_is_named_with_its_place() -> None:
    Path("other.conf").write_text("timeout 1\nhz x\n")
    assert (
        complaint("include other.conf\n") == "other.conf:2: hz: argument couldn't be parsed into an integer"
    )


@pytest.mark.usefixtures("here")
def test_a_file_that_includes_itself_is_refused() -> None:
    assert complaint("include r.conf\n") == "r.conf:1: files include each other more than 16 deep"


def test_standard_input_is_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"timeout 9\n")))
    config = Config.load("-")
    assert (config.timeout, config.file) == (9, None)


def test_debians_redis_conf_loads() -> None:
    config = Config.load(str(Path(__file__).with_name("debian-12.conf")))
    assert (config.dir, config.daemonize, config.appendonly) == ("/var/lib/redis", True, False)
    assert config.logfile == "/var/log/redis/redis-server.log"
    assert config.warnings == ["appendonly no and no save points: nothing is kept on disk by itself"]


@pytest.mark.usefixtures("here")
def test_save_lines_add_up_until_an_empty_one() -> None:
    assert load("save 900 1\nsave 300 10 60 100\n").get("save") == {"save": "900 1 300 10 60 100"}
    assert load('save 900 1\nsave ""\nsave 5 1\n').get("save") == {"save": "5 1"}


@pytest.mark.usefixtures("here")
def test_who_wants_nothing_kept_is_not_warned() -> None:
    assert load('save ""\nappendonly no\n').warnings == []


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", sorted(OBSOLETE))
def test_lines_that_mean_nothing_any_more_are_passed_over(name: str) -> None:
    load(f"{name} 5\n")


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nope 1", "nope: there is no such directive"),
        ("vm-enabled yes", "vm-enabled: there is no such directive"),
        ("port x", "port: argument couldn't be parsed into an integer"),
        ("port 1 2", "port: wrong number of arguments"),
        ("port", "port: wrong number of arguments"),
        ("port 1 # why", "port: wrong number of arguments"),
        ("port 1#why", "port: argument couldn't be parsed into an integer"),
        ("MaxClients 0", "MaxClients: argument must be between 1 and 4294967295 inclusive"),
        ('timeout "5', "unbalanced quotes"),
        ("timeout '5'x", "unbalanced quotes"),
        ("include", "include takes one path"),
        ("include a b", "include takes one path"),
        ("appendfsync sometimes",
         "appendfsync: argument(s) must be one of the following: everysec, always, no"),
        ("client-output-buffer-limit normal 0 0",
         "client-output-buffer-limit: Wrong number of arguments in buffer limit configuration."),
        ("unixsocketperm 999", "unixsocketperm: argument couldn't be parsed as an octal number"),
        ("unixsocketperm 1777", "unixsocketperm: argument must be between 0 and 777 inclusive"),
        ("databases 0", "databases: argument must be between 1 and 2147483647 inclusive"),
        ("appenddirname a/b", "appenddirname: appenddirname can't be a path, just a dirname"),
        ("appendfilename a\\b", "appendfilename: appendfilename can't be a path, just a filename"),
        ("dbfilename a\\b", "dbfilename: dbfilename can't be a path, just a filename"),
        ('appendfilename ""', "appendfilename: appendfilename can't be empty"),
        ("bind " + "a " * 17, "bind: Too many bind addresses specified."),
        ("rdbcompression off", "rdbcompression: argument must be 'yes' or 'no'"),
        ("save 900", "save: Invalid save parameters"),
        ("replicaof redis.example", "replicaof: wrong number of arguments"),
    ],
)  # fmt: skip
def test_a_line_that_redis_refuses_is_refused_by_place_and_name(line: str, reason: str) -> None:
    assert complaint(f"\n{line}\n") == f"r.conf:2: {reason}"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("replicaof redis.example 6379", "respq does not replicate from another server"),
        ("slaveof redis.example 6379", "respq does not replicate from another server"),
        ("tls-port 6380", "respq does not speak TLS"),
        ("activedefrag yes", "respq does not defragment its memory"),
        ("cluster-enabled yes", "respq is no node of a Redis Cluster"),
        ("io-threads 4", "respq has one thread for clients"),
        ("supervised systemd", "respq does not report to a supervisor"),
        ("rename-command CONFIG ''", "respq does not rename commands"),
        ("loadmodule /usr/lib/redis/modules/x.so", "respq loads no modules"),
    ],
)
def test_what_would_promise_more_than_respq_does_is_refused_by_name(line: str, reason: str) -> None:
    assert complaint(line) == f"r.conf:1: {line.partition(' ')[0]}: {reason}"


@pytest.mark.usefixtures("here")
def test_every_fixed_directive_is_accepted_at_the_value_it_has() -> None:
    for directive in DIRECTIVES.values():
        if directive.role is Fixed and directive.name != "replicaof":
            ((line, _),) = directive.kind.lines(directive.default, directive.default)
            assert load(f"{directive.name} {line}\n").warnings == []


def test_reasons_to_refuse_name_respq() -> None:
    reasons = [*REFUSED.values(), *(found.about for found in DIRECTIVES.values() if found.role is Fixed)]
    assert all(reason.startswith("respq ") for reason in reasons)


@pytest.mark.usefixtures("here")
def test_a_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^cannot read the configuration file none.conf: No such file"):
        Config.load("none.conf")


# -- the command line ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["--timeout", "5"], "timeout", "5"),
        (["--TIMEOUT", "5"], "timeout", "5"),
        (["--timeout 5"], "timeout", "5"),
        (["--timeout", "5", "--timeout", "6"], "timeout", "6"),
        (["--bind", "127.0.0.1", "-::1", "--timeout", "5"], "bind", "127.0.0.1 -::1"),
        (["--requirepass", "--timeout"], "requirepass", "--timeout"),
        (["--requirepass", "a b"], "requirepass", "a b"),
        (["--requirepass", ""], "requirepass", ""),
        (["--save", "--timeout", "5"], "timeout", "5"),
        (["--save", "", "--timeout", "5"], "timeout", "5"),
        (["--timeout", "5", "--save"], "timeout", "5"),
        (["--save", "900", "1", "--timeout", "5"], "timeout", "5"),
        (["--list-max-listpack-size", "-1"], "list-max-listpack-size", "-1"),
    ],
)  # fmt: skip
def test_arguments_are_read_as_redis_server_reads_them(arguments: list[str], name: str, value: str) -> None:
    assert Config.load(None, arguments).get(name) == {name: value}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--nope", "1"], "command line: nope: there is no such directive"),
        (
            ["--timeout=5"],
            "command line: timeout=5: there is no such directive; a blank belongs behind timeout",
        ),
        (["--timeout"], "command line: timeout: wrong number of arguments"),
        (["--timeout", "--hz", "5"], "command line: timeout: wrong number of arguments"),
        (["--timeout", "--hz"], "command line: timeout: argument couldn't be parsed into an integer"),
        (["--timeout", "5", "6"], "command line: timeout: wrong number of arguments"),
        (["-timeout", "5"], "-timeout is neither a configuration file nor a --directive"),
        (["--", "x"], "-- is no directive"),
    ],
)
def test_arguments_that_make_no_sense_are_named(arguments: list[str], reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.load(None, arguments)
    assert str(caught.value) == reason


@pytest.mark.usefixtures("here")
def test_the_command_line_has_the_last_word() -> None:
    config = load("timeout 5\nhz 20\n", "--timeout", "6")
    assert (config.timeout, config.hz) == (6, 20)


@pytest.mark.usefixtures("here")
def test_paths_are_seen_from_where_the_server_was_started() -> None:
    assert load("dir data\n").dir == str(Path("data").absolute())
