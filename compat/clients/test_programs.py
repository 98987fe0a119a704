"""A program in each client's own language goes through one scenario, on respq as on redis-server 8.2.3."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from compat.clients import installed, scenario
from compat.servers import Server


class Program(NamedTuple):
    """A program below compat/clients, how it is made ready, and what it has to print."""

    path: str
    prepare: Callable[[Path, Path], list[str]]
    transcript: str
    arguments: tuple[str, ...] = ()


FULL = scenario.RESP2 + scenario.RESP3
PROGRAMS = {
    "redis-py": Program("python/redis_py.py", installed.interpret, FULL, ("redis",)),
    "redis-py-asyncio": Program("python/redis_asyncio.py", installed.interpret, FULL),
    "valkey-py": Program("python/redis_py.py", installed.interpret, FULL, ("valkey",)),
    "valkey-glide": Program("python/glide_asyncio.py", installed.interpret, FULL),
    "coredis": Program("python/coredis_asyncio.py", installed.interpret, FULL + scenario.CACHE),
    "ioredis": Program("node/ioredis.js", installed.install_node, FULL),
    "node-redis": Program("node/node-redis.js", installed.install_node, FULL + scenario.CACHE),
    "hiredis": Program("c/hiredis.c", installed.build_c, scenario.RESP2),
    "redis-rb": Program("ruby/redis-rb.rb", installed.interpret, scenario.RESP2),
    "phpredis": Program("php/phpredis.php", installed.interpret, scenario.RESP2),
    "perl-redis": Program("perl/redis.pl", installed.interpret, scenario.RESP2),
    "redigo": Program("go/redigo.go", installed.build_go, scenario.RESP2),
}


@pytest.mark.usefixtures("debian_packages")
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_client_gets_what_it_expects(name: str, server: Server, tmp_path: Path) -> None:
    program = PROGRAMS[name]
    argv = program.prepare(installed.HERE / program.path, tmp_path)
    assert scenario.perform([*argv, *program.arguments], server) == program.transcript
