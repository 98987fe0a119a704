"""Connections: what protocol they speak, as whom, and in which database.

A connection begins as the user `default`. RESP2 and RESP3 differ in the client's encoder alone
(`Client.enc`), so HELLO swaps it and nothing else.
"""

from __future__ import annotations

from respq.acl.permissions import Denial
from respq.acl.users import DEFAULT
from respq.command import ALLOW_BUSY, FAST, LOADING, NO_AUTH, NOSCRIPT, STALE, Argv, Client, command
from respq.commands.arguments import parse_db, parse_int
from respq.commands.transactions import leave
from respq.errors import CommandError, shown
from respq.protocol.resp import EMPTY_ARRAY, OK, PONG, RESP2, RESP3, bulk, integer
from respq.restrictions import note
from respq.state import Closing

BEFORE_AUTH = NOSCRIPT | LOADING | STALE | FAST | NO_AUTH | ALLOW_BUSY


@command("AUTH", arity=-2, flags=BEFORE_AUTH, group="connection", since="1.0.0", syntax="[username] password",
         argument_versions={"username": "6.0.0"})  # fmt: skip
def auth(c: Client, argv: Argv) -> bytes:
    """Authenticate the connection."""
    if len(argv) > 3:
        raise CommandError("syntax error")
    if len(argv) == 2 and c.server.users.default.nopass:
        raise CommandError(
            "AUTH <password> called without any password configured for the default user. "
            "Are you sure your configuration is correct?"
        )
    authenticate(c, argv[1] if len(argv) == 3 else DEFAULT, argv[-1], argv[0])
    return OK


def authenticate(c: Client, name: bytes, password: bytes, command_name: bytes) -> None:
    """Let the client be the user of that name from now on, or raise WRONGPASS."""
    user = c.server.users.get(name)
    if user is None or not user.accepts(password):
        if not c.executing:
            c.last_spec = c.server.find_spec([command_name])  # which the log's line about the client names
        context = "multi" if c.executing else "toplevel"
        note(c, Denial("auth", command_name), context, username=name)
        raise CommandError("invalid username-password pair or user is disabled.", "WRONGPASS")
    c.user, c.authenticated = user, True
    c.table = c.server.table_of(c)


@command("HELLO", arity=-1, flags=BEFORE_AUTH, group="connection", since="6.0.0",
         syntax="[protover [AUTH username password] [SETNAME clientname]]",
         argument_groups="arguments auth")  # fmt: skip
def hello(c: Client, argv: Argv) -> bytes:
    """Choose the version of the protocol; authenticate and name the connection on the way."""
    enc = c.enc
    if len(argv) > 1:
        version = parse_int(argv[1], "Protocol version is not an integer or out of range")
        if version not in (2, 3):
            raise CommandError("unsupported protocol version", "NOPROTO")
        enc = RESP2 if version == 2 else RESP3
    credentials, name = _hello_options(argv)
    if credentials is not None:
        authenticate(c, *credentials, argv[0])
    if not c.authenticated:
        raise CommandError(
            "HELLO must be called with the client already authenticated, otherwise the HELLO <proto> "
            "AUTH <user> <pass> option can be used to authenticate the client and select the RESP "
            "protocol version at the same time",
            "NOAUTH",
        )
    if name is not None:
        c.name = name
    c.enc = enc
    if c.subscribed:
        c.server.note_protocol(c)
    return _greeting(c)


def _hello_options(argv: Argv) -> tuple[tuple[bytes, bytes] | None, bytes | None]:
    """User and password, and the name, as far as they are given; the last of each counts."""
    credentials = name = None
    at = 2
    while at < len(argv):
        option = argv[at].upper()
        if option == b"AUTH" and at + 2 < len(argv):
            credentials = (argv[at + 1], argv[at + 2])
            at += 3
        elif option == b"SETNAME" and at + 1 < len(argv):
            name = checked_name(argv[at + 1])
            at += 2
        else:
            raise CommandError(b"Syntax error in HELLO option '%b'" % shown(argv[at]))
    return credentials, name


def checked_name(name: bytes, what: bytes = b"Client names") -> bytes:
    """The word, if it can stand in a line of CLIENT LIST."""
    if any(not 0x21 <= byte <= 0x7E for byte in shown(name)):
        raise CommandError(b"%b cannot contain spaces, newlines or special characters." % what)
    return name


def _greeting(c: Client) -> bytes:
    name = b"redis" if c.server.config.extended_redis_compatibility else b"respq"
    return c.enc.map([
        (bulk(b"server"), bulk(name)),
        (bulk(b"version"), bulk(c.server.redis_version.encode())),
        (bulk(b"proto"), integer(c.enc.version)),
        (bulk(b"id"), integer(c.id)),
        (bulk(b"mode"), bulk(b"standalone")),
        (bulk(b"role"), bulk(b"master")),
        (bulk(b"modules"), EMPTY_ARRAY),
    ])  # fmt: skip


@command("ECHO", arity=2, flags=LOADING | STALE | FAST, group="connection", since="1.0.0", syntax="message")
def echo(c: Client, argv: Argv) -> bytes:
    """Answer the message."""
    return bulk(argv[1])


@command("PING", arity=-1, flags=FAST, group="connection", since="1.0.0", syntax="[message]",
         tips=("request_policy:all_shards", "response_policy:all_succeeded"))  # fmt: skip
def ping(c: Client, argv: Argv) -> bytes:
    """Answer PONG, or the message if one is given."""
    if len(argv) > 2:
        raise CommandError("wrong number of arguments for 'ping' command")
    return PONG if len(argv) == 1 else bulk(argv[1])


@command("QUIT", arity=-1, flags=BEFORE_AUTH, group="connection", since="1.0.0",
         deprecated_since="7.2.0", replaced_by="just closing the connection")  # fmt: skip
def close(c: Client, argv: Argv) -> bytes:
    """Close the connection."""
    raise Closing(OK)


@command("RESET", arity=1, flags=BEFORE_AUTH, group="connection", since="6.2.0")
def reset(c: Client, argv: Argv) -> bytes:
    """Make the connection as it was when it was opened; who had to authenticate has to again."""
    server = c.server
    server.watchers.unwatch(c)
    server.unsubscribe(c)
    server.untrack(c)
    c.db = server.databases[0]
    c.enc = RESP2
    c.name = b""
    c.no_evict = c.no_touch = c.import_source = c.muted = False
    c.reply_mode = "on"
    c.fieldsets = c.follower = None
    c.user, c.authenticated = server.users.default, server.users.open
    c.reader.restricted = not c.authenticated
    leave(c)
    if c.monitoring:
        c.monitoring = False
        server.monitors.pop(c, None)
        server.retable_all()
    return b"+RESET\r\n"


@command("SELECT", arity=2, flags=LOADING | STALE | FAST, group="connection", since="1.0.0", syntax="index")
def select(c: Client, argv: Argv) -> bytes:
    """Work with another of the numbered databases."""
    c.db = c.server.databases[parse_db(argv[1], len(c.server.databases))]
    return OK
