"""redis-benchmark runs its whole suite, with every option that changes what it sends, and meets no error."""

from __future__ import annotations

import csv
import re
import subprocess

import pytest
import redis

from compat.clients import installed
from compat.servers import Server

SECONDS = 120
SUITE = [
    "PING_INLINE",
    "PING_MBULK",
    "SET",
    "GET",
    "INCR",
    "LPUSH",
    "RPUSH",
    "LPOP",
    "RPOP",
    "SADD",
    "HSET",
    "SPOP",
    "ZADD",
    "ZPOPMIN",
    "LPUSH (needed to benchmark LRANGE)",
    "LRANGE_100 (first 100 elements)",
    "LRANGE_300 (first 300 elements)",
    "LRANGE_500 (first 500 elements)",
    "LRANGE_600 (first 600 elements)",
    "MSET (10 keys)",
]
BULK = "ping,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,spop,zadd,zpopmin,lrange,mset"

pytestmark = pytest.mark.usefixtures("debian_packages")


def benchmark(server: Server, *options: str) -> str:
    """What redis-benchmark prints; every reply that it got was one it could use."""
    with redis.Redis(port=server.port, decode_responses=True) as r:
        r.flushall()
        r.config_resetstat()
        done = subprocess.run(
            [
                installed.command("redis-benchmark", "apt install redis-tools"),
                "-p",
                str(server.port),
                *options,
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
        assert all("Keepalive disabled" in line for line in done.stderr.splitlines())
        assert r.info("errorstats") == {}
    return done.stdout


def measured(printed: str) -> list[str]:
    """The tests of which `-q` has printed the result."""
    return re.findall(
        r"^\s*(.+?): (?:[\d.]+|inf) requests per second", printed.replace("\r", "\n"), re.MULTILINE
    )


def test_the_whole_suite(server: Server) -> None:
    assert measured(benchmark(server, "-q", "-n", "300")) == SUITE


@pytest.mark.parametrize(
    "options",
    [
        ("-P", "16"),
        ("-r", "1000"),
        ("-P", "16", "-r", "1000", "-d", "500"),
        ("-3",),
        ("-3", "-P", "16", "--dbnum", "9"),
        ("-k", "0", "-c", "5"),
    ],
    ids=" ".join,
)
def test_tests_that_are_chosen(server: Server, options: tuple[str, ...]) -> None:
    printed = benchmark(server, "-q", "-n", "160", "-t", BULK, *options)
    assert measured(printed) == SUITE


def test_threads(server: Server) -> None:
    printed = benchmark(server, "-q", "-n", "100", "--threads", "2", "-t", "set,lpush")
    assert measured(printed) == ["SET", "LPUSH"]


def test_results_as_csv(server: Server) -> None:
    rows = list(csv.DictReader(benchmark(server, "--csv", "-n", "100").splitlines()))
    assert [row["test"] for row in rows] == SUITE
    assert all(float(row["rps"]) > 0 for row in rows)


def test_a_command_of_ones_own(server: Server) -> None:
    command = ("XADD", "log", "*", "field", "__rand_int__")
    [name] = measured(benchmark(server, "-q", "-n", "200", "-r", "50", *command))
    assert name == " ".join(command)
    with redis.Redis(port=server.port) as r:
        assert r.xlen("log") == 200
