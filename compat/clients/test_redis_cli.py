"""redis-cli in all its modes, in a terminal and out of one, on respq as on redis-server 8.2.3."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
import redis

from compat.clients import installed
from compat.rdb.data import contents
from compat.servers import Server, start_redis

SECONDS = 30
GREY = r"\x1b\[0;90;49m"  # how hints are shown
PROMPT = r"127\.0\.0\.1:\d+(\[\d+\])?> "

pytestmark = pytest.mark.usefixtures("debian_packages")


@pytest.fixture
def filled(server: Server) -> Server:
    """A server with a value of each type."""
    with redis.Redis(port=server.port) as r:
        r.flushall()
        r.function_flush()  # of what an application left there, in any order
        r.config_set("repl-diskless-sync-delay", 0)  # redis-server waits for more who want a snapshot
        for number in range(30):
            r.set(f"user:{number:02}", "x" * number)
        r.rpush("jobs", *range(100))
        r.sadd("tags", *range(20))
        r.hset("cart", mapping={"tea": 1, "milk": 2})
        r.zadd("prices", {"tea": 2.5, "milk": 1})
        r.xadd("orders", {"item": "tea"})
    return server


def redis_cli(server: Server, *arguments: str, given: bytes = b"") -> str:
    """What redis-cli prints, of either kind."""
    done = subprocess.run(
        [installed.command("redis-cli", "apt install redis-tools"), "-p", str(server.port), *arguments],
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
        check=False,
    )
    return done.stdout.decode()


class Terminal:
    """redis-cli in a terminal that somebody types into."""

    def __init__(self, server: Server, home: Path, *arguments: str) -> None:
        environment = {"TERM": "xterm", "HOME": str(home), "PATH": "/usr/bin:/bin"}
        self._child: pexpect.spawn[str] = pexpect.spawn(
            installed.command("redis-cli", "apt install redis-tools"),
            ["-p", str(server.port), *arguments],
            env=environment,
            encoding="utf-8",
            timeout=SECONDS,
            dimensions=(24, 120),
        )

    def type(self, keys: str) -> None:
        self._child.send(keys)

    def shows(self, pattern: str) -> None:
        """Wait until it shows what fits a regular expression; fails if it does not in time."""
        self._child.expect(pattern)

    def close(self) -> None:
        self._child.close(force=True)


@pytest.fixture
def terminal(server: Server, tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(server, tmp_path)
    terminal.shows(PROMPT)
    yield terminal
    terminal.close()


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("lpush ", r"key element \[element \.\.\.\]"),
        ("lpush jobs ", r"element \[element \.\.\.\]"),
        ("set greeting hello ", r"\[NX\|XX"),
        ("config get ", r"parameter \[parameter \.\.\.\]"),
        ("xadd orders ", r"\[NOMKSTREAM\]"),
        ("zadd prices ", r"\[NX\|XX\] \[GT\|LT\] \[CH\] \[INCR\] score member \[score member \.\.\.\]"),
    ],
)
def test_hints_come_from_the_server(terminal: Terminal, typed: str, hint: str) -> None:
    terminal.type(typed)
    terminal.shows(GREY + " ?" + hint)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("lpus\t", "LPUSH"),
        ("xreadg\t", "XREADGROUP"),
        ("client track\t", "CLIENT TRACKING"),
        ("help @hyp\t", "help @hyperloglog"),
    ],
)
def test_the_tab_key_completes(terminal: Terminal, typed: str, completed: str) -> None:
    terminal.type(typed)
    terminal.shows(completed)


def test_help_shows_a_command_and_a_group(terminal: Terminal) -> None:
    terminal.type("help rpoplpush\r")
    terminal.shows(r"RPOPLPUSH\S* \S*source destination")
    terminal.shows(r"summary:\S* \w+")
    terminal.shows(r"since:\S* 1\.2\.0")
    terminal.shows(r"group:\S* list")
    terminal.type("help @hyperloglog\r")
    for name in ("PFADD", "PFCOUNT", "PFDEBUG", "PFMERGE", "PFSELFTEST"):
        terminal.shows(name)
    terminal.shows(PROMPT)


def test_commands_are_typed_and_replies_formatted(terminal: Terminal, filled: Server) -> None:
    for typed, shown in [
        ("rpush todo a b", r"\(integer\) 2"),
        ("lrange todo 0 -1", r'1\) "a"\r\n2\) "b"'),
        ("get nothing", r"\(nil\)"),
        ("lpush cart x", r"\(error\) WRONGTYPE Operation against a key"),
        ("nonsense", r"\(error\) ERR unknown command 'nonsense'"),
        ("hello 3", r'1# "server" => "\w+"'),
        ("zrange prices 0 -1 withscores", r'1\) 1\) "milk"\r\n   2\) \(double\) 1'),
        ("hgetall cart", r'1# "tea" => "1"\r\n2# "milk" => "2"'),
        ("3 incr counted", r"\(integer\) 1\r\n\(integer\) 2\r\n\(integer\) 3"),
        ("select 3", r"OK\r\n127\.0\.0\.1:\d+\[3\]> "),
        ("multi", r"OK\r\n127\.0\.0\.1:\d+\[3\]\(TX\)> "),
        ("set inside 1", r"QUEUED"),
        ("exec", r"1\) OK"),
    ]:
        terminal.type(f"{typed}\r")
        terminal.shows(shown)


def test_what_is_published_is_shown(terminal: Terminal, server: Server) -> None:
    terminal.type("subscribe news\r")
    terminal.shows(r'1\) "subscribe"')
    with redis.Redis(port=server.port) as r:
        r.publish("news", "hello")
    terminal.shows(r'1\) "message"\r\n2\) "news"\r\n3\) "hello"')


def test_monitor_shows_what_others_do(terminal: Terminal, server: Server) -> None:
    terminal.type("monitor\r")
    terminal.shows("OK")
    with redis.Redis(port=server.port) as r:
        r.set("greeting", "hello")
    terminal.shows(r'\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "SET" "greeting" "hello"')


def test_scan_lists_the_keys(filled: Server) -> None:
    assert sorted(redis_cli(filled, "--scan").split())[:3] == ["cart", "jobs", "orders"]
    found = redis_cli(filled, "--scan", "--pattern", "user:1*").split()
    assert sorted(found) == [f"user:{number}" for number in range(10, 20)]


def test_bigkeys_finds_the_largest_of_each_type(filled: Server) -> None:
    printed = redis_cli(filled, "--bigkeys")
    _, summary = printed.split("-------- summary -------")
    assert sorted(line for line in summary.splitlines() if line) == sorted(
        [
            "Sampled 35 keys in the keyspace!",
            "Total key length in bytes is 234 (avg len 6.69)",
            "Biggest   list found '\"jobs\"' has 100 items",
            "Biggest   hash found '\"cart\"' has 2 fields",
            "Biggest string found '\"user:29\"' has 29 bytes",
            "Biggest stream found '\"orders\"' has 1 entries",
            "Biggest    set found '\"tags\"' has 20 members",
            "Biggest   zset found '\"prices\"' has 2 members",
            "1 lists with 100 items (02.86% of keys, avg size 100.00)",
            "1 hashs with 2 fields (02.86% of keys, avg size 2.00)",
            "30 strings with 435 bytes (85.71% of keys, avg size 14.50)",
            "1 streams with 1 entries (02.86% of keys, avg size 1.00)",
            "1 sets with 20 members (02.86% of keys, avg size 20.00)",
            "1 zsets with 2 members (02.86% of keys, avg size 2.00)",
        ]
    )


def test_memkeys_asks_what_keys_take(filled: Server) -> None:
    printed = redis_cli(filled, "--memkeys")
    with redis.Redis(port=filled.port) as r:
        for kind, key in (("list", "jobs"), ("hash", "cart"), ("stream", "orders")):
            size = r.memory_usage(key)
            assert re.search(rf"Biggest +{kind} found '\"{key}\"' has {size} bytes", printed)
    assert "Sampled 35 keys in the keyspace!" in printed


def test_hotkeys_needs_an_lfu_policy(filled: Server) -> None:
    assert "An LFU maxmemory policy is not selected" in redis_cli(filled, "--hotkeys")


def test_stat_shows_a_line_an_interval(filled: Server, tmp_path: Path) -> None:
    terminal = Terminal(filled, tmp_path, "--stat", "-i", "0.05")
    terminal.shows(r"keys +mem +clients +blocked +requests +connections")
    for _ in range(3):
        terminal.shows(r"\n35 +\d+\.\d+[KM] +\d+ +0 +\d+ \(\+\d+\) +\d+")
    terminal.close()


def test_latency_is_measured(filled: Server) -> None:
    least, most, average, count = redis_cli(filled, "--latency", "-i", "0.1").split()
    assert int(least) <= float(average) <= int(most)
    assert int(count) > 0


def test_pipe_sends_a_file_of_commands(filled: Server) -> None:
    commands = [b"*3\r\n$3\r\nSET\r\n$4\r\np%03d\r\n$1\r\nx\r\n" % number for number in range(1000)]
    commands.append(b"*3\r\n$5\r\nLPUSH\r\n$4\r\np001\r\n$1\r\nx\r\n")
    printed = redis_cli(filled, "--pipe", given=b"".join(commands))
    assert "WRONGTYPE Operation against a key holding the wrong kind of value" in printed
    assert "errors: 1, replies: 1001" in printed
    assert redis_cli(filled, "dbsize") == "1035\n"


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (("--csv", "lrange", "jobs", "0", "3"), '"0","1","2","3"\n'),
        (("--json", "hgetall", "cart"), '{"tea":"1","milk":"2"}\n'),
        (("--json", "zrange", "prices", "0", "-1", "withscores"), '[["milk",1],["tea",2.5]]\n'),
        (("--no-raw", "-3", "zscore", "prices", "tea"), "(double) 2.5\n"),
        (("-r", "3", "-i", "0.01", "incr", "counted"), "1\n2\n3\n"),
        (("-n", "3", "--no-raw", "dbsize"), "(integer) 0\n"),
        (("-D", ";", "-r", "2", "llen", "jobs"), "100;100;"),
    ],
)  # fmt: skip
def test_replies_in_other_forms(filled: Server, arguments: tuple[str, ...], printed: str) -> None:
    assert redis_cli(filled, *arguments) == printed


def test_a_value_and_a_script_from_files(filled: Server, tmp_path: Path) -> None:
    assert redis_cli(filled, "-x", "set", "text", given=b"from a file") == "OK\n"
    assert redis_cli(filled, "get", "text") == "from a file\n"
    script = tmp_path / "script.lua"
    script.write_text("return {KEYS[1], ARGV[1], redis.call('LLEN', KEYS[1])}", encoding="utf-8")
    assert redis_cli(filled, "--eval", str(script), "jobs", ",", "word") == "jobs\nword\n100\n"


def test_rdb_fetches_what_redis_server_loads(filled: Server, tmp_path: Path) -> None:
    printed = redis_cli(filled, "--rdb", str(tmp_path / "dump.rdb"))
    assert "Transfer finished with success" in printed
    loaded = start_redis(tmp_path)
    try:
        with redis.Redis(port=filled.port) as sent, redis.Redis(port=loaded.port) as received:
            assert contents(received) == contents(sent)
    finally:
        loaded.stop()


def test_functions_are_fetched_without_the_keys(filled: Server, tmp_path: Path) -> None:
    library = "#!lua name=shop\nredis.register_function('sell', function() return 1 end)"
    assert redis_cli(filled, "function", "load", "replace", library) == "shop\n"
    printed = redis_cli(filled, "--functions-rdb", str(tmp_path / "dump.rdb"))
    assert "Transfer finished with success" in printed
    loaded = start_redis(tmp_path)
    try:
        assert redis_cli(loaded, "fcall", "sell", "0") == "1\n"
        assert redis_cli(loaded, "dbsize") == "0\n"
    finally:
        loaded.stop()
