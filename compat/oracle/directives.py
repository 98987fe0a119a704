"""The table of what redis-server 8.2.3 answers to CONFIG SET, for every directive it has.

`python -m compat.oracle.directives` asks the reference and writes `tests/config/answers.jsonl`, which the
tests of `respq.config` hold respq to without a server. Most lines have a directive and the answers to
values that fit one type or another: `+` and what CONFIG GET answers then, or why it was refused. The
last ones have the words of one CONFIG SET, and the same, or `-` and the whole error. Before each the
directives have their defaults.

Left out is what depends on the machine (a port that is free, how many files it lets a process open)
and `tls-port`, which this build of redis-server does not survive.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from redis import Redis, ResponseError

from compat.servers import start_redis

TABLE = Path(__file__).parents[2] / "tests" / "config" / "answers.jsonl"

LEFT_OUT = {"tls-port"}
IMMUTABLE = "can't set"
FAILED = "-CONFIG SET failed (possibly related to argument '{}') - "
VALUES = ("", "@@", "-1", "05", "1gb", "99999999999999999999", "-99999999999999999", "No", "1 2 3")
VALUES_OF = {  # of those that depend on the machine
    "bind": ("127.0.0.1", "127.0.0.1 -::1", "127.0.0.1 " * 20),
    "port": ("x", "70000"),
    "maxclients": ("", "x", "0", "-1", "4294967296", "10000"),
}

CASES: list[list[str]] = [
    ["nope", "1"], ["NOPE", "1", "maxclients", "x"], ["maxclients", "x", "nope", "1"],
    ["daemonize", "x", "nope", "1"], ["nope", "1", "daemonize", "x"], ["maxclients\r\n", "1"],
    ["timeout", "10", "timeout", "20"], ["TimeOut", "10", "timeout", "20"], ["timeout", "1", "TIMEOUT", "2"],
    ["replica-priority", "10", "slave-priority", "20"], ["slave-priority", "x"], ["SLAVE-PRIORITY", "x"],
    ["timeout", "5", "maxclients", "x"], ["timeout", "5", "hz", "20"], ["timeout", "5", "dir", "/"],
    *[["latency-tracking-info-percentiles", value] for value in (
        "1e1", ".5", "5.", "+5", "-0", "0x10", "0X1p+3", "0x1.8", "1e", "1e400", "1e-400", "inf", "-inf",
        "nan", "5f", "0x", "1_0", "33.3333333", "99.9999999", "1e-7", "50.5.5", "60 50 50", "50  60", "5 ",
        " ", "101",
    )],
    *[["maxmemory", value] for value in (
        "1" * 127, "1" * 128, "1" * 126 + "gb", "0" * 128, "gb", "1e5", "1.5gb",
    )],
    ["repl-diskless-load", "never"],
    ["timeout", " 5"], ["timeout", "+5"], ["timeout", "5 "], ["timeout", "-0"], ["timeout", "2147483648"],
    ["hz", "0"], ["hz", "1000"], ["hz", "500"], ["hz", "-1"],
    ["slowlog-log-slower-than", "-1"], ["slowlog-log-slower-than", "-2"], ["slowlog-max-len", "-1"],
    ["appendfsync", "ALWAYS"], ["appendfsync", "always "], ["loglevel", "Debug"],
    ["lazyfree-lazy-expire", "YES"],
    ["proto-max-bulk-len", "1m"], ["proto-max-bulk-len", "1MB"], ["proto-max-bulk-len", "2048K"],
    ["proto-max-bulk-len", "2097152b"], ["proto-max-bulk-len", "2 mb"], ["proto-max-bulk-len", "mb"],
    ["proto-max-bulk-len", "9223372036854775808"], ["proto-max-bulk-len", "0x200000"],
    ["proto-max-bulk-len", "5MiB"],
    ["client-query-buffer-limit", "100"], ["client-query-buffer-limit", "2mb"],
    ["auto-aof-rewrite-min-size", "17179869184gb"], ["auto-aof-rewrite-min-size", "8589934592gb"],
    ["hash-max-listpack-value", "9223372036854775808"], ["tracking-table-max-keys", "9223372036854775807"],
    ["max-new-connections-per-cycle", "0"], ["max-new-connections-per-cycle", "1001"],
    ["client-output-buffer-limit", "normal 0 0"], ["client-output-buffer-limit", "foo 0 0 0"],
    ["client-output-buffer-limit", "master 1 1 1"], ["client-output-buffer-limit", "normal a 0 0"],
    ["client-output-buffer-limit", "normal 0 0 x"], ["client-output-buffer-limit", "normal 0 0 -1"],
    ["client-output-buffer-limit", "normal -1 0 0"], ["client-output-buffer-limit", "  normal   0 0 0"],
    ["client-output-buffer-limit", "normal 1mb 2mb 60 PUBSUB 1kb 1k 5"],
    ["client-output-buffer-limit", "replica 1 1 1"], ["client-output-buffer-limit", "slave 2 2 2"],
    ["client-output-buffer-limit", "normal 0 0 0 normal 5 5 5"],
    ["client-output-buffer-limit", "pubsub 1 1 1 pubsub 1 1"],
    ["notify-keyspace-events", "KEq"], ["save", "900"], ["save", "0 1"], ["save", "9 -1"], ["save", "900 1 "],
    ["oom-score-adj-values", "3 2 1"], ["oom-score-adj-values", "1 2 x"],
    ["oom-score-adj-values", "1 2 3000"],
    ["shutdown-on-sigterm", "nosave save"], ["shutdown-on-sigterm", "nosave x"], ["shutdown-on-sigterm", ""],
    ["maxmemory-clients", "101%"], ["maxmemory-clients", "-1%"], ["maxmemory-clients", "%"],
    ["maxmemory-clients", "0%"], ["proc-title-template", "{foo}"], ["proc-title-template", "{title}:{port}"],
    ["cluster-announce-hostname", "a" * 256], ["cluster-announce-human-nodename", "a b"],
    ["latency-tracking-info-percentiles", "50.5 99.99 100"], ["latency-tracking-info-percentiles", "100.1"],
    ["list-max-listpack-size", "-6"], ["list-max-listpack-size", "0"], ["list-max-ziplist-size", "128"],
    ["requirepass", 'a"b\\ \r\n\x01'], ["requirepass", ""], ["unixsocketperm", "700"],
    ["replicaof", "no one"],
    ["maxmemory-samples", "9" * 5000], ["maxmemory-clients", "9" * 5000 + "%"], ["maxmemory", "9" * 5000],
    # values with a NUL, which ends some and makes others invalid
    ["appendfsync", "always\0"], ["bind", "127.0.0.1\0x"], ["bind-source-addr", "a\0b"],
    ["client-output-buffer-limit", "normal 0\0 1k\0x 5"], ["cluster-announce-hostname", "a\0b"],
    ["cluster-announce-human-nodename", "a\0b"], ["dbfilename", "a\0b"], ["dbfilename", "a\0/"],
    ["lazyfree-lazy-expire", "yes\0x"], ["list-max-listpack-size", "5\0"], ["masteruser", "a\0b"],
    ["masterauth", "a\0b"],
    ["latency-tracking-info-percentiles", "50\0 99\0"], ["maxmemory", "1mb\0b"],
    ["maxmemory-clients", "1mb\0b"], ["maxmemory-clients", "5%\0"], ["maxmemory-samples", "5\0"],
    ["notify-keyspace-events", "KE\0A"], ["oom-score-adj-values", "1\0 2\0x 3"],
    ["proc-title-template", "a\0b"], ["proc-title-template", "\0b"], ["requirepass", "a\0b"],
    ["save", "900\0 1\0x"], ["save", "900 \0"], ["save", "900 "], ["save", " 1"],
    ["shutdown-on-sigterm", "nosave\0x"],
    # shares and what is taken for them
    ["maxmemory-clients", "05%"], ["maxmemory-clients", "\u0663%"], ["maxmemory-clients", "9" * 21 + "%"],
    ["maxmemory-clients", "9223372036854775807"], ["maxmemory-clients", "9223372036854775808"],
    ["maxmemory-clients", "18446744073709551515"], ["maxmemory-clients", "18446744073709551516"],
]  # fmt: skip


def record(client: Redis) -> Iterator[list[object]]:
    """The lines of the table."""
    defaults = client.config_get("*")
    for name in sorted(defaults.keys() - LEFT_OUT):
        values = VALUES_OF.get(name, (*VALUES, defaults[name]))
        answers = {}
        for value in values:
            answers[value] = answer(client, defaults, [name, value]).removeprefix(FAILED.format(name))
            if IMMUTABLE in answers[value]:
                break
        yield [name, answers]
    for words in CASES:
        yield [words, answer(client, defaults, words)]


def answer(client: Redis, defaults: dict[str, str], words: list[str]) -> str:
    """`+` and the first directive's new value, or `-` and the error; then everything is as before."""
    try:
        client.execute_command("CONFIG", "SET", *words)
        said = f"+{client.config_get(words[0])[words[0]]}"
    except ResponseError as error:
        said = f"-{error}"
    for name in words[::2]:
        try:
            client.execute_command("CONFIG", "SET", name, defaults.get(name.lower(), ""))
        except ResponseError:
            pass  # it could not be changed either
    return said


def recorded() -> list[list[object]]:
    """The table, asked of a fresh server."""
    with tempfile.TemporaryDirectory() as directory:
        server = start_redis(Path(directory), hz="10", enable_debug_command="no")
        try:
            with Redis(port=server.port, protocol=3, decode_responses=True) as client:
                return list(record(client))
        finally:
            server.stop()


def main() -> None:
    """Write the table."""
    lines = [json.dumps(line) for line in recorded()]
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} lines written to {TABLE}", file=sys.stderr)


if __name__ == "__main__":
    main()
