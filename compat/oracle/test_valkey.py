"""What respq has of Valkey, compared with a real Valkey 8.1."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import redis

from compat.servers import Server, start_redis, start_respq, valkey_binary


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    with ExitStack() as stack:
        started = [
            start_redis(tmp_path_factory.mktemp("valkey"), valkey_binary()),
            start_respq(tmp_path_factory.mktemp("respq"), appendonly="no"),
        ]
        for server in started:
            stack.callback(server.stop)
        yield started


class Clients:
    """Three connections of one server: `ann`, who asks, `bob` of the same user, and `eve`."""

    def __init__(self, server: Server, stack: ExitStack) -> None:
        self.names: dict[int, str] = {}
        for name in ("ann", "bob", "eve"):
            client = redis.Redis(
                port=server.port, protocol=2, single_connection_client=True, client_name=name
            )
            stack.enter_context(client)
            self.names[client.client_id()] = name
            if name == "ann":
                self.ann = client
                client.acl_setuser("other", enabled=True, nopass=True, categories=["+@all"], channels=["*"])
            elif name == "eve":
                client.execute_command("AUTH", "other", "x")
                self.address = client.client_info()["addr"]
                client.execute_command("SUBSCRIBE", "news")
        self.ids = {name: str(number) for number, name in self.names.items()}

    def ask(self, line: str) -> str:
        """Who is listed, in order, or the error."""
        words = [{"ADDRESS": self.address}.get(word, self.ids.get(word, word)) for word in line.split()]
        try:
            reply = self.ann.execute_command(*words)
        except redis.ResponseError as error:
            return f"-{error}"
        text = reply if isinstance(reply, bytes) else str(reply).encode()
        found = [int(number) for number in re.findall(rb"(?:^|\n)id=(\d+)", text)]
        return " ".join(self.names.get(number, "?") for number in found) if found else text.decode()


LINES = """
CLIENT LIST USER default
CLIENT LIST USER other
CLIENT LIST USER nobody
CLIENT LIST USER default ID ann eve bob
CLIENT LIST USER default ID ann ID bob
CLIENT LIST USER default ID x
CLIENT LIST ID ann bob USER other
CLIENT LIST ID ann eve USER other
CLIENT LIST TYPE normal USER default
CLIENT LIST TYPE pubsub
CLIENT LIST TYPE pubsub SKIPME yes
CLIENT LIST SKIPME yes USER default
CLIENT LIST SKIPME no USER default
CLIENT LIST SKIPME maybe
CLIENT LIST ADDR ADDRESS
CLIENT LIST ADDR ADDRESS USER default
CLIENT LIST LADDR 1.2.3.4:5
CLIENT LIST MAXAGE 100000
CLIENT LIST MAXAGE 0
CLIENT LIST MAXAGE x
CLIENT LIST USER
CLIENT LIST FOO bar
CLIENT LIST USER default FOO
CLIENT LIST TYPE nosuch
CLIENT CAPA redirect
CLIENT CAPA unknown redirect
CLIENT CAPA
BGSAVE CANCEL
BGSAVE CANCEL SCHEDULE
BGSAVE STOP
"""


COMMANDLOG = """
CONFIG SET commandlog-request-larger-than 60
CONFIG SET commandlog-reply-larger-than 30
CONFIG SET commandlog-execution-slower-than -1
COMMANDLOG RESET slow
COMMANDLOG RESET large-request
SET k vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv
GET k
GET none
INCR k
APPEND k 1 2
COMMANDLOG LEN large-request
COMMANDLOG LEN LARGE-reply
COMMANDLOG LEN slow
COMMANDLOG LEN nosuch
COMMANDLOG LEN
COMMANDLOG GET x slow
COMMANDLOG GET -2 slow
COMMANDLOG GET 1 nosuch
COMMANDLOG GET 1
COMMANDLOG GET 0 large-request
COMMANDLOG NOSUCH
CONFIG SET commandlog-large-reply-max-len 1
GET k
COMMANDLOG LEN large-reply
COMMANDLOG RESET large-reply
COMMANDLOG LEN large-reply
COMMANDLOG RESET nosuch
CONFIG SET commandlog-request-larger-than -2
CONFIG SET commandlog-request-larger-than x
CONFIG SET commandlog-large-request-max-len -1
CONFIG GET commandlog-request-larger-than
CONFIG GET commandlog-execution-slower-than
CONFIG GET commandlog-slow-execution-max-len
CONFIG GET commandlog-large-request-max-len
CONFIG SET commandlog-request-larger-than -1
CONFIG SET commandlog-reply-larger-than -1
"""


def test_the_logs_of_large_commands_are_those_of_valkey(servers: list[Server]) -> None:
    with ExitStack() as stack:
        both = [
            stack.enter_context(redis.Redis(port=server.port, protocol=2, client_name="ann"))
            for server in servers
        ]
        for line in COMMANDLOG.strip().splitlines():
            theirs, ours = [_answer(client, line) for client in both]
            assert ours == theirs, line
            for kind in ("large-request", "large-reply"):
                theirs, ours = [_entries(client, kind) for client in both]
                assert ours == theirs, f"{kind} behind {line}"


def _answer(client: redis.Redis, line: str) -> object:
    try:
        return client.execute_command(*line.split())
    except redis.ResponseError as error:
        return str(error)


def _entries(client: redis.Redis, kind: str) -> list[object]:
    """Number, size, words and name of each entry, but for those that this asks about."""
    entries = client.execute_command("COMMANDLOG", "GET", -1, kind)
    return [
        (size, words, name)
        for _, _, size, words, _, name in entries
        if words[0] not in {b"COMMANDLOG", b"CONFIG"}
    ]


IMPORTS = """
ann CONFIG GET import-mode
ann CLIENT IMPORT-SOURCE ON
ann CLIENT IMPORT-SOURCE OFF
ann CLIENT IMPORT-SOURCE maybe
ann CLIENT IMPORT-SOURCE
ann CONFIG SET import-mode maybe
ann CONFIG SET import-mode yes
ann CLIENT IMPORT-SOURCE maybe
ann CLIENT IMPORT-SOURCE ON
ann SET a 5 PXAT 1000
ann SET b 5 PXAT 1000
ann GETEX b PXAT 2000
ann PTTL b
ann TTL b
ann EXPIRETIME b
ann KEYS b
ann SCAN 0 MATCH b
ann SET c 1
ann PEXPIREAT c 1000
ann PEXPIRETIME c
ann COPY c d
ann RENAME d e
ann PEXPIRETIME e
ann SET e 1 NX
ann EVAL return{redis.call('GET','e'),redis.call('INCR','e')} 0
bob MULTI
bob GET a
bob INCR a
bob GET a
bob EXEC
bob GET b
bob TTL b
bob EXISTS b
bob KEYS b
bob SCAN 0 MATCH b
bob TYPE b
bob DBSIZE
bob EVAL return{redis.call('GET','b'),redis.call('INCR','b'),redis.call('GET','b')} 0
bob DBSIZE
bob RENAME c f
bob DEL c
bob DBSIZE
ann LPUSH l a
ann PEXPIREAT l 1000
ann LRANGE l 0 -1
bob LPUSH l b
bob LRANGE l 0 -1
ann SET w 1 PXAT 1000
bob WATCH w
bob GET w
bob MULTI
bob PING
bob EXEC
ann SET w 2 PXAT 1000
ann CLIENT IMPORT-SOURCE OFF
ann GET w
ann CLIENT IMPORT-SOURCE ON
ann GET w
ann CONFIG SET import-mode no
ann GET w
ann FLUSHALL
"""


def test_what_has_expired_is_shown_to_who_imports(servers: list[Server]) -> None:
    with ExitStack() as stack:
        both = [
            {
                name: stack.enter_context(
                    redis.Redis(port=server.port, protocol=2, single_connection_client=True)
                )
                for name in ("ann", "bob")
            }
            for server in servers
        ]
        for line in IMPORTS.strip().splitlines():
            name, _, words = line.partition(" ")
            theirs, ours = [_answer(clients[name], words) for clients in both]
            assert ours == theirs, line


def test_both_answer_alike(servers: list[Server]) -> None:
    with ExitStack() as stack:
        both = [Clients(server, stack) for server in servers]
        for line in LINES.strip().splitlines():
            theirs, ours = [clients.ask(line) for clients in both]
            assert ours == theirs, line
