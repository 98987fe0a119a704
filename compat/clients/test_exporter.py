"""prometheus-redis-exporter finds on respq what it finds on redis-server 8.2.3."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from compat.clients import installed
from compat.processes import Process, eventually
from compat.servers import Server
from tests.ports import free_port

KNOWN = {
    "redis_up": "1",
    'redis_exporter_last_scrape_error{err=""}': "0",
    'redis_db_keys{db="db0"}': "4",
    'redis_db_keys{db="db3"}': "1",
    'redis_db_keys_expiring{db="db0"}': "1",
    'redis_key_size{db="db0",key="jobs"}': "10",
    'redis_key_size{db="db0",key="greeting"}': "100",
    'redis_keys_count{db="db0",key="*"}': "4",
    'redis_stream_length{db="db0",stream="orders"}': "2",
    'redis_stream_group_messages_pending{db="db0",group="shop",stream="orders"}': "1",
    'redis_stream_group_consumers{db="db0",group="shop",stream="orders"}': "1",
    'redis_commands_total{cmd="rpush"}': "1",
    'redis_commands_failed_calls_total{cmd="lpush"}': "1",
    'redis_errors_total{err="WRONGTYPE"}': "1",
    "redis_connected_clients": "2",
    "redis_blocked_clients": "0",
    "redis_keyspace_hits_total": "3",
    "redis_keyspace_misses_total": "1",
    "redis_config_maxmemory": "0",
    "redis_aof_last_write_status": "1",
    "redis_rdb_last_bgsave_status": "1",
    "redis_loading_dump_file": "0",
    "redis_slowlog_length": "0",
}


def fill(r: redis.Redis) -> None:
    """A state in which every metric of KNOWN has its value."""
    r.set("greeting", "x" * 100)
    r.set("short-lived", "x", ex=1000)
    r.rpush("jobs", *range(10))
    r.xadd("orders", {"item": "tea"})
    r.xadd("orders", {"item": "milk"})
    r.xgroup_create("orders", "shop", "0")
    r.xreadgroup("shop", "alice", {"orders": ">"}, count=1)
    r.get("greeting")
    r.get("nothing")
    with pytest.raises(redis.ResponseError):
        r.lpush("greeting", "x")
    r.select(3)
    r.set("elsewhere", "x")


def metrics(server: Server, directory: Path) -> dict[str, str]:
    """What the exporter shows of a server, by name with labels."""
    address = f"127.0.0.1:{free_port()}"
    exporter = Process(
        "exporter",
        [
            installed.command("prometheus-redis-exporter", "apt install prometheus-redis-exporter"),
            *("-redis.addr", f"redis://127.0.0.1:{server.port}", "-web.listen-address", address),
            *("-check-keys", "db0=*", "-check-streams", "db0=orders", "-count-keys", "db0=*"),
            *("-export-client-list", "-include-config-metrics", "-include-system-metrics"),
        ],
        directory,
    )

    def scrape() -> bytes | None:
        try:
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=30) as page:
                return bytes(page.read())
        except urllib.error.URLError:  # not there yet
            return None

    try:
        page = eventually(scrape, "metrics")
        assert page is not None
    finally:
        exporter.stop()
    assert "level=err" not in exporter.log()
    lines = (line for line in page.decode().splitlines() if line.startswith("redis_"))
    return dict(line.rsplit(" ", 1) for line in lines)


@pytest.mark.usefixtures("debian_packages")
def test_the_exporter_shows_what_is_there(start: Callable[..., Server], tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    server = start(tmp_path / "data", slowlog_log_slower_than="-1")  # however busy the machine is
    try:
        with redis.Redis(port=server.port) as r:
            fill(r)
            shown = metrics(server, tmp_path)
    finally:
        server.stop()
    assert {name: shown.get(name) for name in KNOWN} == KNOWN
