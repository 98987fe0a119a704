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


def test_both_answer_alike(servers: list[Server]) -> None:
    with ExitStack() as stack:
        both = [Clients(server, stack) for server in servers]
        for line in LINES.strip().splitlines():
            theirs, ours = [clients.ask(line) for clients in both]
            assert ours == theirs, line
