"""MIGRATE: keys go to another server, by RESTORE there and DEL here.

Everybody waits meanwhile, as in Redis: so a key is at every moment in one place, and what a consumer takes
from a queue that moves has not moved. (Handled by the event loop beside other clients, a command that changes
a key on its way would have to be refused or to wait, or would be undone by the deletion.) `timeout` limits
how long the other server may say nothing; a key counts as moved once it has said so.

Unlike Redis respq keeps no connection open for the next MIGRATE.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from respq.command import MOVABLEKEYS, WRITE, Argv, Client, Keys, command
from respq.commands.arguments import Options, parse_int
from respq.commands.dumping import dumped
from respq.describe import NoKeysError
from respq.errors import CommandError, syntax_error
from respq.protocol.resp import OK, bulks
from respq.transport import Peer, PeerError

NO_KEY = b"+NOKEY\r\n"
_DEFAULT_MS = 1000  # of the timeout, if it is not positive
_THE_SAME_DB = -1  # no SELECT
_PORT = re.compile(rb"\s*([+-]?[0-9]+)")
_KEY_AT, _OPTIONS_AT = 3, 6
_WORDS_BEHIND = {b"AUTH": 1, b"AUTH2": 2}


class Request(NamedTuple):
    """What MIGRATE asks for."""

    names: Sequence[bytes]
    copy: bool
    replace: bool
    login: list[bytes]  # AUTH and what belongs to it, or nothing


class NotEmptyError(CommandError):
    """A key and KEYS."""

    def __init__(self) -> None:
        super().__init__("When using MIGRATE KEYS option, the key argument must be set to the empty string")


def _parse(argv: Argv) -> Request:
    names: Sequence[bytes] = argv[_KEY_AT : _KEY_AT + 1]
    copy = replace = False
    login: list[bytes] = []
    for option in (options := Options(argv, _OPTIONS_AT)):
        if option == b"COPY":
            copy = True
        elif option == b"REPLACE":
            replace = True
        elif option == b"AUTH" and options.left:
            login = [b"AUTH", options.value()]
        elif option == b"AUTH2" and options.left >= 2:
            login = [b"AUTH", options.value(), options.value()]
        elif option == b"KEYS":
            if argv[_KEY_AT]:
                raise NotEmptyError
            names = options.values(options.left)
        else:
            raise syntax_error()
    return Request(names, copy, replace, login)


def _indexes(argv: Argv) -> Sequence[int]:
    """Where the keys stand, whether or not the options make sense. Raises NoKeysError."""
    at = _OPTIONS_AT
    while at < len(argv):
        word = argv[at].upper()
        if word == b"KEYS":
            if argv[_KEY_AT]:
                raise NoKeysError
            return range(at + 1, len(argv)) or (_KEY_AT,)
        at += 1 + _WORDS_BEHIND.get(word, 0)
    return (_KEY_AT,)


def _nowhere(_argv: Argv) -> Sequence[int]:
    """The keys behind KEYS are among the others."""
    return ()


KEYS = (
    Keys("RW access delete", _KEY_AT, find=_indexes),
    Keys("RW access delete incomplete", -2, -1, behind=b"KEYS", find=_nowhere),
)


@command("MIGRATE", arity=-6, flags=WRITE | MOVABLEKEYS, keys=KEYS, group="generic", since="2.6.0",
         syntax="host port <key | \"\"> destination-db timeout [COPY] [REPLACE]"
         " [AUTH auth | AUTH2 username password] [KEYS keys [keys ...]]",
         acl="dangerous", tips=("nondeterministic_output",),
         complexity="That of DUMP, DEL and RESTORE, and O(N) for what is transferred",
         argument_groups="key-selector authentication auth2",
         argument_versions={"copy": "3.0.0", "replace": "3.0.0", "auth": "4.0.7",
             "auth2": "6.0.0", "keys": "3.0.6"})  # fmt: skip
def migrate(c: Client, argv: Argv) -> bytes:
    """Move keys to another server."""
    request = _parse(argv)
    timeout_ms, db = parse_int(argv[5]), parse_int(argv[4])
    values = [(name, value) for name in request.names if (value := c.read_any(name)) is not None]
    if not values:
        return NO_KEY
    preface = [request.login] if request.login else []
    if db != _THE_SAME_DB:
        preface.append([b"SELECT", b"%d" % db])
    options = [b"REPLACE"] if request.replace else []
    now_ms = c.server.clock.now_ms
    restores = [
        [b"RESTORE", name, b"%d" % _time_left(value.expires_ms, now_ms), dumped(c, value), *options]
        for name, value in values
    ]
    moved: list[bytes] = []
    try:
        peer = c.server.connect_peer(
            argv[1], _port(argv[2]), (timeout_ms if timeout_ms > 0 else _DEFAULT_MS) / 1000
        )
        try:
            _transfer(peer, preface, restores, moved)
        finally:
            peer.close()
    except PeerError as error:
        raise CommandError(f"error or timeout {error}", "IOERR") from None
    finally:
        if not request.copy:
            _delete(c, moved)
    return OK


def _transfer(peer: Peer, preface: list[Argv], restores: list[Argv], moved: list[bytes]) -> None:
    """Send everything; add to `moved` what has arrived. Raises PeerError, and CommandError for a refusal."""
    peer.send(b"".join(map(bulks, (*preface, *restores))))
    refusals = [line for _ in preface if (line := peer.line()).startswith(b"-")]
    in_vain = bool(refusals)
    for _, name, *_ in restores:
        line = peer.line()
        if line.startswith(b"-"):
            refusals.append(line)
        elif not in_vain:
            moved.append(name)
    if refusals:
        raise CommandError(b"Target instance replied with error: " + refusals[0][1:])


def _delete(c: Client, names: list[bytes]) -> None:
    argv = [b"DEL", *names]
    for at, name in enumerate(dict.fromkeys(names)):
        c.db.discard(name)
        c.effects.append((c.db, name, "del", None if at else argv))


def _time_left(expires_ms: int, now_ms: int) -> int:
    """Milliseconds, as RESTORE takes them: 0 for ever."""
    return max(1, expires_ms - now_ms) if expires_ms else 0


def _port(word: bytes) -> int:
    """A port as C reads it: what is no number is 0, what is too large is cut."""
    match = _PORT.match(word)
    number = int(match[1]) if match else 0
    return number & 0xFFFF if number >= 0 else number
