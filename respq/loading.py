"""Loading: the log is executed by a client of its own, on the plain table, before others are served.

Handlers are the same as ever, so there is no second way of reading what they wrote. Clients that are
connected meanwhile get LOADING, by a gate. What the log's commands change has no effects: it stands in the
log, and nobody watches or waits yet.
"""

from __future__ import annotations

from typing import Self

from respq.datatypes.hashes import HashValue
from respq.datatypes.value import Value
from respq.effects.loader import CommandFailedError
from respq.engine import Engine
from respq.errors import CommandError
from respq.flags import Flag
from respq.protocol import Argv
from respq.rdb.cursor import BadFormatError
from respq.state import ANY_WORDS, Client, Closing, Rejected, Spec
from respq.tables import NOT_COUNTED
from respq.transport import Unconnected


class Loading:
    """A context in which the log can be executed. Afterwards clients are served."""

    def __init__(self, engine: Engine, *, merge: bool = False) -> None:
        self._engine = engine
        self._merge = merge  # a key that is there gives way to one from a dump
        self._loader = loader = Client(engine.server, 0, Unconnected())
        loader.authenticated = True
        loader.executing = True  # nothing blocks
        loader.table = engine.tables.unguarded()

    def __enter__(self) -> Self:
        server = self._engine.server
        server.loading = True
        server.loading_since_ms = server.clock.now_ms
        server.set_gate("loading", self._refuse_clients)
        return self

    def __exit__(self, *_: object) -> None:
        server = self._engine.server
        server.loading = False
        server.changes_since_save = 0
        server.set_gate("loading", None)
        server.clock.refresh()

    def execute(self, commands: list[Argv]) -> None:
        """Execute commands from the log. Raises CommandFailedError for one that no server would have logged.

        Time stands at 0 meanwhile, so that nothing expires: what did, the log says.
        """
        client, server = self._loader, self._engine.server
        server.clock.stand_at(0)
        for index, argv in enumerate(commands):
            entries = client.table.get(argv[0]) or client.table.get(argv[0].lower())
            if entries is None:
                raise CommandFailedError(index, f"unknown command {argv[0]!r}")
            handler, spec = entries[ANY_WORDS]
            if not spec.fewest <= len(argv) <= spec.most and spec is not NOT_COUNTED:
                raise CommandFailedError(index, f"wrong number of arguments for {argv[0]!r}")
            try:
                handler(client, argv)
            except CommandError as error:
                if spec.name == "SELECT":  # what follows would go into the wrong database
                    raise CommandFailedError(index, str(error)) from error
                self._engine.log("warning", f"A command of the log was refused: {argv[0]!r}: {error}")
            except Closing:
                raise CommandFailedError(index, f"{argv[0]!r} has no place in a log") from None
        server.effects.clear()

    def store(self, db: int, key: bytes, value: Value) -> None:
        """Store a value from a dump. Raises BadFormatError: no such database, or the key is there."""
        databases = self._engine.server.databases
        if db >= len(databases):
            raise BadFormatError(f"has keys in database {db}, and there are {len(databases)} databases")
        database = databases[db]
        if self._merge:
            database.discard(key)
        elif key in database.values:
            raise BadFormatError(f"has a key twice: {key!r}")
        database.add(key, value)
        if isinstance(value, HashValue):
            database.note_deadlines(key, value)

    def keep(self, code: bytes) -> None:
        """Load a library of functions from a dump. Raises BadFormatError: it fails, or is there."""
        try:
            self._engine.server.libraries.load(code, replace=self._merge)
        except CommandError as error:
            raise BadFormatError(f"has a library of functions that cannot be loaded: {error}") from None

    def _refuse_clients(self, client: Client, argv: Argv, spec: Spec) -> None:
        if Flag.LOADING not in spec.flags and client is not self._loader:  # whom MULTI gives a gated table
            raise Rejected("Redis is loading the dataset in memory", "LOADING")
