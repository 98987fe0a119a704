"""Loading: the log is executed by a client of its own, on the plain table, before others are served.

Handlers are the same as ever, so there is no second way of reading what they wrote. Clients that are
connected meanwhile get LOADING, by a gate. What the log's commands change has no effects: it stands in the
log, and nobody watches or waits yet. So nobody sees either in which order keys change, and runs of one key's
commands are executed as one (`effects.by_key`).
"""

from __future__ import annotations

from typing import Self

from respq.datatypes.hashes import HashValue
from respq.datatypes.value import Value
from respq.effects.loader import Apart, CommandFailedError
from respq.engine import Engine
from respq.errors import CommandError
from respq.flags import Flag
from respq.protocol import Argv
from respq.protocol.runs import Run
from respq.rdb.cursor import BadFormatError
from respq.state import ANY_WORDS, Client, Closing, Rejected, Server, Spec
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
        loader.table = self._table = engine.tables.unguarded()
        self.apart = Apart(_names_of_one_key(engine.server), self.execute_apart)

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
            if spec is NOT_COUNTED:  # it is queued, or a subcommand
                spec = (self._table.get(argv[0]) or self._table[argv[0].lower()])[ANY_WORDS][1]
            if not spec.fewest <= len(argv) <= spec.most and spec is not NOT_COUNTED:
                raise CommandFailedError(index, f"wrong number of arguments for {argv[0]!r}")
            if client.queued is not None and spec.name == "SELECT" and not self._is_database(argv[1]):
                raise CommandFailedError(index, "DB index is out of range")
            try:
                handler(client, argv)
            except CommandError as error:
                if spec.name == "SELECT":  # what follows would go into the wrong database
                    raise CommandFailedError(index, str(error)) from error
                self._warn(argv, error)
            except Closing:
                raise CommandFailedError(index, f"{argv[0]!r} has no place in a log") from None
        server.effects.clear()

    def _is_database(self, word: bytes) -> bool:
        """Whether SELECT takes it, which is to be known before it is queued."""
        return word.isdigit() and int(word) < len(self._engine.server.databases)

    def execute_apart(self, groups: list[Run | list[Argv]]) -> bool:
        """Execute commands of one key each, key by key; decline if one has a wrong number of words."""
        table = self._loader.table
        for group in groups:
            forms = [(group.name, group.words)] if isinstance(group, Run) else set(map(_form, group))
            for name, words in forms:
                spec = table[name][ANY_WORDS][1]
                if not spec.fewest <= words <= spec.most:
                    return False
        self._engine.server.clock.stand_at(0)
        for group in groups:
            self._execute_group(group)
        self._engine.server.effects.clear()
        return True

    def _execute_group(self, group: Run | list[Argv]) -> None:
        client, commands, at = self._loader, group, 0
        table = client.table
        while at < len(group):
            run = commands if isinstance(commands, Run) else Run.at(commands, at)
            if run is not None:
                bulk = table[run.name][ANY_WORDS][1].bulk
                if bulk is not None and bulk(client, run) is not None:
                    at += run.count
                    continue
                commands = group.commands if isinstance(group, Run) else group
            assert isinstance(commands, list)
            stop = at + (run.count if run is not None else 1)
            for argv in commands[at:stop]:
                try:
                    table[argv[0]][ANY_WORDS][0](client, argv)
                except CommandError as error:
                    self._warn(argv, error)
            at = stop

    def _warn(self, argv: Argv, error: CommandError) -> None:
        self._engine.log("warning", f"A command of the log was refused: {argv[0]!r}: {error}")

    def store(self, db: int, key: bytes, value: Value) -> None:
        """Store a value from a dump. Raises BadFormatError: no such database, or the key is there."""
        databases = self._engine.server.databases
        if db >= len(databases):
            raise BadFormatError(f"has keys in database {db}, and there are {len(databases)} databases")
        database = databases[db]
        if key in database.values and not self._merge:
            raise BadFormatError(f"has a key twice: {key!r}")
        said = value.accessed
        database.displace(key, value)
        self._engine.server.frequencies.recall(value, said)
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


def _form(argv: Argv) -> tuple[bytes, int]:
    return argv[0], len(argv)


def _names_of_one_key(server: Server) -> frozenset[bytes]:
    """The names, as they are mostly spelled, of commands that change the key behind them and no other."""
    names = {
        spec.name.encode()
        for spec in server.specs.values()
        if Flag.WRITE in spec.flags
        and Flag.MOVABLEKEYS not in spec.flags
        and not spec.subcommands
        and "|" not in spec.name
        and len(spec.keys) == 1
        and spec.keys[0].is_first_word
    }
    return frozenset(names | {name.lower() for name in names})
