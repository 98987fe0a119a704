"""Replication: what a master without replicas answers. Copies of a server are not made yet.

What asks for one is refused by name: following another server, and feeding a replica. REPLCONF, with which
a replica introduces itself before that, checks what it is told, as redis-server 8.2.3 does. Who says there
that it wants a snapshot and nothing more gets it (`transfers`): that is `redis-cli --rdb`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from respq.command import (
    ADMIN,
    ALLOW_BUSY,
    FAST,
    LOADING,
    NO_ASYNC_LOADING,
    NO_MULTI,
    NOSCRIPT,
    STALE,
    SYSCMD,
    Argv,
    Client,
    command,
)
from respq.commands.arguments import parse_int, parse_int_between
from respq.errors import CommandError, shown, syntax_error
from respq.protocol.resp import EMPTY_ARRAY, OK, ZERO, array, bulk
from respq.state import Follower
from respq.words import split_words

FOLLOWING = ADMIN | NOSCRIPT | STALE | NO_ASYNC_LOADING
FEEDING = ADMIN | NOSCRIPT | NO_ASYNC_LOADING | NO_MULTI
LONGEST_HOST = 255  # bytes


@command("ROLE", arity=1, flags=NOSCRIPT | LOADING | STALE | FAST, group="server", since="2.8.12",
         acl="admin dangerous")  # fmt: skip
def role(c: Client, argv: Argv) -> bytes:
    """The part in replication: a master, at what offset, with which replicas."""
    return array([bulk(b"master"), ZERO, EMPTY_ARRAY])


@command("REPLICAOF", arity=3, flags=FOLLOWING, group="server", since="5.0.0",
         syntax="<host port | NO ONE>",
         argument_groups="args host-port no-one")  # fmt: skip
@command("SLAVEOF", arity=3, flags=FOLLOWING, group="server", since="1.0.0", syntax="<host port | NO ONE>",
         deprecated_since="5.0.0", replaced_by="`REPLICAOF`",
         argument_groups="args host-port no-one")  # fmt: skip
def replicaof(c: Client, argv: Argv) -> bytes:
    """Agree to be nobody's replica; refuse to be one."""
    if argv[1].upper() == b"NO" and argv[2].upper() == b"ONE":
        return OK
    parse_int_between(argv[2], 0, 65535, "Invalid master port")
    raise CommandError("respq does not replicate from another server")


@command("PSYNC", arity=-3, flags=FEEDING, group="server", since="2.8.0", syntax="replicationid offset",
         complexity="")  # fmt: skip
def psync(c: Client, argv: Argv) -> bytes:
    """Refuse to feed a replica."""
    parse_int(argv[2])
    raise _not_feeding()


def _not_feeding() -> CommandError:
    return CommandError("respq does not replicate to other servers")


@command("SYNC", arity=1, flags=FEEDING, group="server", since="1.0.0", complexity="")
def sync(c: Client, argv: Argv) -> bytes:
    """Send a snapshot to a client that wants nothing else; refuse to feed a replica."""
    follower = c.follower
    if follower is None or not (follower.rdb_only and follower.takes_eof):
        raise _not_feeding()
    c.server.send_snapshot(c)
    return b""


@command("FAILOVER", arity=-1, flags=ADMIN | NOSCRIPT | STALE, group="server", since="6.2.0",
         syntax="[TO host port [FORCE]] [ABORT] [TIMEOUT milliseconds]",
         argument_groups="target")  # fmt: skip
def failover(c: Client, argv: Argv) -> bytes:
    """Refuse to change places with a replica: there is none."""
    if len(argv) == 2 and argv[1].upper() == b"ABORT":
        raise CommandError("No failover in progress.")
    _check_failover(argv)
    raise CommandError("FAILOVER requires connected replicas.")


def _check_failover(argv: Argv) -> None:
    """Raise CommandError unless each option comes once at the most, with what belongs to it."""
    seen: set[bytes] = set()
    words = iter(argv[1:])
    for word in words:
        option = word.upper()
        if option in seen or option not in (b"TO", b"FORCE", b"TIMEOUT"):
            raise syntax_error()
        seen.add(option)
        if option == b"TIMEOUT":
            if parse_int(_next(words)) <= 0:
                raise CommandError("FAILOVER timeout must be greater than 0")
        elif option == b"TO":
            _next(words)
            parse_int(_next(words))


def _next(words: Iterator[bytes]) -> bytes:
    word = next(words, None)
    if word is None:
        raise syntax_error()
    return word


# -- REPLCONF --------------------------------------------------------------------------------------


@command("REPLCONF", arity=-1, flags=ADMIN | NOSCRIPT | LOADING | STALE | ALLOW_BUSY | SYSCMD,
         group="server", since="3.0.0")  # fmt: skip
def replconf(c: Client, argv: Argv) -> bytes:
    """Hear what a replica says of itself before it asks to be fed."""
    if not len(argv) % 2:
        raise syntax_error()
    for option, value in zip(argv[1::2], argv[2::2], strict=True):
        name = option.lower()
        if name in (b"ack", b"getack"):
            return b""  # for servers that are connected as master and replica; others get no answer
        note = _NOTES.get(name)
        if note is None:
            raise CommandError(b"Unrecognized REPLCONF option: %b" % shown(option))
        c.follower = c.follower or Follower()
        note(c.follower, value)
    return OK


def _note_port(follower: Follower, value: bytes) -> None:
    parse_int(value)


def _note_host(follower: Follower, value: bytes) -> None:
    if len(value) > LONGEST_HOST:
        raise CommandError(
            f"REPLCONF ip-address provided by replica instance is too long: {len(value)} bytes"
        )


def _note_capability(follower: Follower, value: bytes) -> None:
    """What we do not know does not concern us."""
    if value.lower() == b"eof":
        follower.takes_eof = True


def _note_rdb_only(follower: Follower, value: bytes) -> None:
    follower.rdb_only = parse_int_between(value, 0, 1) == 1


def _note_rdb_channel(follower: Follower, value: bytes) -> None:
    parse_int_between(value, 0, 1)


def _note_filter(follower: Follower, value: bytes) -> None:
    words = split_words(value)
    if words is None:
        raise CommandError("Missing rdb-filter-only values")
    for word in words:
        if word.lower() != b"functions":
            raise CommandError(b"Unsupported rdb-filter-only option: %b" % shown(word))
    follower.wants_data = False
    follower.wants_functions = bool(words)


def _refuse_number(follower: Follower, value: bytes) -> None:
    raise CommandError(f"Unrecognized RDB client id: {parse_int(value)}")


_NOTES: dict[bytes, Callable[[Follower, bytes], None]] = {
    b"listening-port": _note_port,
    b"ip-address": _note_host,
    b"capa": _note_capability,
    b"rdb-only": _note_rdb_only,
    b"rdb-filter-only": _note_filter,
    b"rdb-channel": _note_rdb_channel,
    b"main-ch-client-id": _refuse_number,
}
