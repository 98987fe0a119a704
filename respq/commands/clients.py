"""CLIENT: what is known of the connections, and what can be done to them.

CLIENT LIST's line has the fields of redis-server 8.2.3 in its order, because monitoring tools cut it
up by name; where respq has no such thing (a reply buffer of its own, threads) the field says 0.

CLIENT KILL and a hang-up take a blocked client off every queue at once, so an element never goes to
somebody who cannot receive it.
"""

from __future__ import annotations

from collections.abc import Callable

from respq.client_limit import client_bytes, input_bytes, queued_bytes
from respq.command import ADMIN, LOADING, NOSCRIPT, STALE, Argv, Client, command, container
from respq.commands.arguments import as_int, parse_int, parse_timeout_ms
from respq.commands.connection import checked_name
from respq.commands.help import help_reply
from respq.draining import give_up
from respq.errors import CommandError, shown, syntax_error
from respq.flags import Flag
from respq.protocol.resp import OK, ONE, ZERO, integer
from respq.state import Closing, Gate, Server, Spec
from respq.tables import flags_of
from respq.waiting import UNPAUSED

ORDINARY = NOSCRIPT | LOADING | STALE
PRIVILEGED = ADMIN | ORDINARY
EVERY_NODE = ("request_policy:all_nodes", "response_policy:all_succeeded")
CLIENT_TYPES = (b"normal", b"slave", b"replica", b"pubsub", b"master")

KILL_FILTER = (
    "[ID client-id] | [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] | [USER username] | "
    "[ADDR ip:port] | [LADDR ip:port] | [SKIPME <YES | NO>] | [MAXAGE maxage]"
)

FILTERS_OF_VALKEY = {b"USER", b"ADDR", b"LADDR", b"SKIPME", b"MAXAGE"}  # of CLIENT LIST, from Valkey 8.1 on

Test = Callable[[Client], bool]

container("CLIENT", group="connection", since="2.4.0", summary="Commands about client connections")


@command("CLIENT|ID", arity=2, flags=ORDINARY, group="connection", since="5.0.0")
def client_id(c: Client, argv: Argv) -> bytes:
    """The number of this connection; the server never gives it again."""
    return integer(c.id)


@command("CLIENT|GETNAME", arity=2, flags=ORDINARY, group="connection", since="2.6.9")
def client_getname(c: Client, argv: Argv) -> bytes:
    """The name of this connection."""
    return c.enc.maybe_bulk(c.name or None)


@command("CLIENT|SETNAME", arity=3, flags=ORDINARY, group="connection", since="2.6.9",
         syntax="connection-name", tips=EVERY_NODE)  # fmt: skip
def client_setname(c: Client, argv: Argv) -> bytes:
    """Name this connection; an empty name takes the name away."""
    c.name = checked_name(argv[2])
    return OK


@command("CLIENT|SETINFO", arity=4, flags=ORDINARY, group="connection", since="7.2.0",
         syntax="<LIB-NAME libname | LIB-VER libver>", tips=EVERY_NODE,
         argument_groups="attr")  # fmt: skip
def client_setinfo(c: Client, argv: Argv) -> bytes:
    """Say which client library speaks over this connection."""
    attribute = argv[2].upper()
    if attribute == b"LIB-NAME":
        c.lib_name = checked_name(argv[3], argv[2])
    elif attribute == b"LIB-VER":
        c.lib_version = checked_name(argv[3], argv[2])
    else:
        raise CommandError(b"Unrecognized option '%b'" % shown(argv[2]))
    return OK


@command("CLIENT|NO-EVICT", arity=3, flags=PRIVILEGED, group="connection", since="7.0.0", syntax="<ON | OFF>",
         argument_groups="enabled")  # fmt: skip
def client_no_evict(c: Client, argv: Argv) -> bytes:
    """Spare this connection when clients are closed to save memory."""
    c.no_evict = _is(argv[2], b"ON", b"OFF")
    return OK


@command("CLIENT|NO-TOUCH", arity=3, flags=ORDINARY, group="connection", since="7.2.0", syntax="<ON | OFF>",
         argument_groups="enabled")  # fmt: skip
def client_no_touch(c: Client, argv: Argv) -> bytes:
    """Let this connection read keys without making them recently used."""
    c.no_touch = _is(argv[2], b"ON", b"OFF")
    c.table = c.server.table_of(c)
    return OK


@command("CLIENT|IMPORT-SOURCE", arity=3, flags=ORDINARY, group="connection", since="8.1.0",
         syntax="<ON | OFF>")  # fmt: skip
def client_import_source(c: Client, argv: Argv) -> bytes:
    """Let this connection see what has expired, while import-mode lasts. Of Valkey."""
    if not c.server.config.import_mode and argv[2].upper() != b"OFF":
        raise CommandError("Server is not in import mode")
    c.import_source = _is(argv[2], b"ON", b"OFF")
    return OK


def _is(word: bytes, yes: bytes, no: bytes) -> bool:
    """Whether a word, which is one of the two, is the first."""
    choice = word.upper()
    if choice not in {yes, no}:
        raise syntax_error()
    return choice == yes


@command("CLIENT|REPLY", arity=3, flags=ORDINARY, group="connection", since="3.2.0",
         syntax="<ON | OFF | SKIP>",
         argument_groups="action")  # fmt: skip
def client_reply(c: Client, argv: Argv) -> bytes:
    """Answer this connection, or not, or not to its next command."""
    mode = argv[2].upper()
    if mode not in (b"ON", b"OFF", b"SKIP"):
        raise syntax_error()
    if mode == b"SKIP" and c.reply_mode == "off":
        return b""
    c.reply_mode = mode.decode().lower()
    c.muted = mode == b"OFF" or (mode == b"SKIP" and not c.executing)  # EXEC skips what follows itself
    c.table = c.server.table_of(c)
    return OK if mode == b"ON" else b""


# -- looking ---------------------------------------------------------------------------------------


@command("CLIENT|INFO", arity=2, flags=ORDINARY, group="connection", since="6.2.0",
         tips=("nondeterministic_output",))  # fmt: skip
def client_info(c: Client, argv: Argv) -> bytes:
    """Describe this connection as CLIENT LIST does."""
    c.server.settle_watching(c)
    return c.enc.verbatim(client_line(c) + b"\n")


@command("CLIENT|LIST", arity=-2, flags=PRIVILEGED, group="connection", since="2.4.0",
         syntax="[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
         tips=("nondeterministic_output",),
         complexity="O(N) for N connections",
         argument_groups="client-type",
         argument_versions={"client-type": "5.0.0", "client-id": "6.2.0"})  # fmt: skip
def client_list(c: Client, argv: Argv) -> bytes:
    """One line for every connection, or for those that are asked for; filters are those of CLIENT KILL."""
    c.server.settle_watching(c)
    clients = c.server.clients
    chosen = list(clients.values())
    option = argv[2].upper() if len(argv) > 3 else b""
    if any(word.upper() in FILTERS_OF_VALKEY for word in argv[2:-1]):
        chosen = _filtered(c, argv)
    elif option == b"TYPE" and len(argv) == 4:
        wanted = _parse_type(argv[3])
        chosen = [client for client in chosen if type_of(client) == wanted]
    elif option == b"ID":
        numbers = [parse_int(word, "Invalid client ID") for word in argv[3:]]
        chosen = [clients[number] for number in numbers if number in clients]
    elif len(argv) > 2:
        raise syntax_error()
    return c.enc.verbatim(b"".join([client_line(client) + b"\n" for client in chosen]))


def _filtered(c: Client, argv: Argv) -> list[Client]:
    """The connections that every filter fits; as in Valkey, where ID takes several numbers."""
    rest, at = argv[:2], 2
    numbers: set[int] = set()  # any, if there are none
    while at < len(argv):
        if argv[at].upper() != b"ID":
            rest += argv[at : at + 2]
            at += 2
            continue
        end = next((end for end in range(at + 1, len(argv)) if as_int(argv[end]) is None), len(argv))
        if end == at + 1:
            raise syntax_error()
        numbers |= set(map(int, argv[at + 1 : end]))
        at = end
    tests, skip_me = _filters(c, rest, skip_me=False)
    return [
        client
        for client in c.server.clients.values()
        if not (numbers and client.id not in numbers)
        and not (skip_me and client is c)
        and all(test(client) for test in tests)
    ]


@command("CLIENT|CAPA", arity=-3, flags=ORDINARY, group="connection", since="8.0.0",
         syntax="capability [capability ...]")  # fmt: skip
def client_capa(c: Client, argv: Argv) -> bytes:
    """Say what this client can do, as to a Valkey; of what there is (`redirect`) a primary needs nothing."""
    return OK


def type_of(client: Client) -> bytes:
    """What CLIENT LIST's and KILL's TYPE compare."""
    return b"pubsub" if client.subscribed else b"normal"


def _parse_type(word: bytes) -> bytes:
    word = shown(word)
    name = word.lower()
    if name not in CLIENT_TYPES:
        raise CommandError(b"Unknown client type '%b'" % word)
    return b"replica" if name == b"slave" else name


def redirection(client: Client) -> int:
    """Whose number gets this client's invalidations: 0 for itself, -1 for nobody's."""
    return -1 if client.tracker is None else client.tracker.redirect


def _last_command(client: Client) -> str:
    """What the client waits for, or did last."""
    parking = client.parked
    spec = client.last_spec if parking is None else client.server.find_spec(parking.argv)
    return spec.fullname if spec else "NULL"


def client_line(client: Client) -> bytes:
    """The connection as CLIENT LIST describes it, without the end of the line."""
    transport = client.transport
    unsent_bytes = transport.output_bytes()
    queued = client.queued
    unread_bytes = input_bytes(client)
    now_ms = client.server.clock.now_ms
    pubsub = client.server.pubsub
    username = client.user.name.decode(errors="surrogateescape")
    return (
        f"id={client.id} addr={transport.address()} laddr={transport.local_address()} "
        f"fd={transport.descriptor()} name={shown(client.name).decode()} "
        f"age={(now_ms - client.created_ms) // 1000} idle={(now_ms - client.active_ms) // 1000} "
        f"flags={_flags(client)} db={client.db.index} "
        f"sub={pubsub.channels.count(client)} psub={pubsub.patterns.count(client)} "
        f"ssub={pubsub.shard_channels.count(client)} "
        f"multi={-1 if queued is None else len(queued) - 1} watch={len(client.watched)} "
        f"qbuf={unread_bytes} qbuf-free=0 argv-mem=0 multi-mem={queued_bytes(client)} rbs=0 rbp=0 obl=0 "
        f"oll={1 if unsent_bytes else 0} omem={unsent_bytes} "
        f"tot-mem={client_bytes(client)} events={'rw' if unsent_bytes else 'r'} "
        f"cmd={_last_command(client)} user={username} redir={redirection(client)} resp={client.enc.version} "
        f"lib-name={shown(client.lib_name).decode()} lib-ver={shown(client.lib_version).decode()} "
        f"io-thread=0 tot-net-in={client.bytes_in} tot-net-out={client.bytes_out} "
        f"tot-cmds={client.commands_done}{_reads(client)}"
    ).encode(errors="surrogateescape")


def _reads(client: Client) -> str:
    """What Redis 8.8 adds, if `compat-version` says so."""
    counts = client.server.read_counts.get(client.id)
    if counts is None:
        return ""
    return (
        f" read-events={counts.events} parse-batch-cmd-sum={counts.commands} parse-batch-cnt={counts.batches}"
    )


def _flags(client: Client) -> str:
    """The letters of CLIENT LIST."""
    tracker = client.tracker
    letters = [
        ("O", client.monitoring),
        ("P", client.subscribed),
        ("x", client.queued is not None),
        ("b", client.parked is not None),
        ("t", tracker is not None),
        ("R", tracker is not None and tracker.broken),
        ("B", tracker is not None and tracker.broadcast),
        ("d", client.dirty),
        ("c", client.closing),
        ("U", client.transport.is_unix_socket()),
        ("e", client.no_evict),
        ("T", client.no_touch),
        ("I", client.import_source),
    ]
    return "".join([letter for letter, holds in letters if holds]) or "N"


# -- ending and waking -----------------------------------------------------------------------------


@command("CLIENT|KILL", arity=-3, flags=PRIVILEGED, group="connection", since="2.4.0",
         syntax=f"<ip:port | <{KILL_FILTER}> [<{KILL_FILTER}> ...]>",
         complexity="O(N) for N connections",
         argument_groups="filter new-format client-type skipme",
         argument_versions={"client-id": "2.8.12", "client-type": "2.8.12", "master": "3.2.0",
             "replica": "5.0.0", "laddr": "6.2.0", "maxage": "7.4.0"})  # fmt: skip
def client_kill(c: Client, argv: Argv) -> bytes:
    """Close connections: the one with an address, or all that every filter fits."""
    clients = list(c.server.clients.values())
    if len(argv) == 3:
        address = argv[2].decode("latin-1")
        chosen = [client for client in clients if client.transport.address() == address]
        if not chosen:
            raise CommandError("No such client")
        return _kill(c, chosen[:1], OK)
    tests, skip_me = _filters(c, argv, skip_me=True)
    chosen = [
        client
        for client in clients
        if not client.closing and not (skip_me and client is c) and all(test(client) for test in tests)
    ]
    return _kill(c, chosen, integer(len(chosen)))


def _kill(c: Client, chosen: list[Client], reply: bytes) -> bytes:
    """Close the chosen connections; its own client gets the reply first."""
    for client in chosen:
        if client is not c:
            c.server.close(client, at_once=True)
    if c in chosen:
        raise Closing(reply)
    return reply


def _filters(c: Client, argv: Argv, skip_me: bool) -> tuple[list[Test], bool]:
    """What a client has to fulfil, by filter, the last of each kind; and whether `c` itself is spared."""
    tests: dict[bytes, Test] = {}
    for at in range(2, len(argv), 2):
        name = argv[at].upper()
        if at + 1 == len(argv):
            raise syntax_error()
        word = argv[at + 1]
        if name == b"SKIPME":
            skip_me = _is(word, b"YES", b"NO")
        elif name in _FILTERS:
            tests[name] = _FILTERS[name](c, word)
        else:
            raise syntax_error()
    return list(tests.values()), skip_me


def _by_id(c: Client, word: bytes) -> Test:
    number = as_int(word)
    if number is None or number <= 0:
        raise CommandError("client-id should be greater than 0")
    return lambda client: client.id == number


def _by_type(c: Client, word: bytes) -> Test:
    wanted = _parse_type(word)
    return lambda client: type_of(client) == wanted


def _by_user(c: Client, word: bytes) -> Test:
    user = c.server.users.get(word)
    if user is None:
        raise CommandError(b"No such user '%b'" % shown(word))
    return lambda client: client.user is user


def _by_address(c: Client, word: bytes) -> Test:
    address = word.decode("latin-1")
    return lambda client: client.transport.address() == address


def _by_local_address(c: Client, word: bytes) -> Test:
    address = word.decode("latin-1")
    return lambda client: client.transport.local_address() == address


def _by_age(c: Client, word: bytes) -> Test:
    seconds = parse_int(word, "maxage is not an integer or out of range")
    if seconds <= 0:
        raise CommandError("maxage should be greater than 0")
    now_ms = c.server.clock.now_ms
    return lambda client: (now_ms - client.created_ms) // 1000 >= seconds


_FILTERS: dict[bytes, Callable[[Client, bytes], Test]] = {
    b"ID": _by_id,
    b"TYPE": _by_type,
    b"USER": _by_user,
    b"ADDR": _by_address,
    b"LADDR": _by_local_address,
    b"MAXAGE": _by_age,
}


@command("CLIENT|UNBLOCK", arity=-3, flags=PRIVILEGED, group="connection", since="5.0.0",
         syntax="client-id [TIMEOUT | ERROR]",
         complexity="O(keys waited for)",
         argument_groups="unblock-type")  # fmt: skip
def client_unblock(c: Client, argv: Argv) -> bytes:
    """End the wait of a blocked client, as if its time were up or with an error."""
    if len(argv) > 4:
        raise CommandError("unknown subcommand or wrong number of arguments for 'UNBLOCK'. Try CLIENT HELP.")
    reason = argv[3].upper() if len(argv) == 4 else b"TIMEOUT"
    if reason not in (b"TIMEOUT", b"ERROR"):
        raise CommandError("CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
    target = c.server.clients.get(parse_int(argv[2]))
    if target is None or target.parked is None or UNPAUSED in target.parked.keys:
        return ZERO
    reply = target.parked.timeout_reply
    if reason == b"ERROR":
        error = CommandError("client unblocked via CLIENT UNBLOCK", "UNBLOCKED")
        c.server.stats.count(error)
        reply = error.reply
    give_up(target, reply, failed=reason == b"ERROR")
    return ONE


# -- pausing ---------------------------------------------------------------------------------------


@command("CLIENT|PAUSE", arity=-3, flags=PRIVILEGED, group="connection", since="3.0.0",
         syntax="timeout [WRITE | ALL]",
         argument_groups="mode", argument_versions={"mode": "6.2.0"})  # fmt: skip
def client_pause(c: Client, argv: Argv) -> bytes:
    """Let the commands of all clients wait, or those that write, for so many milliseconds."""
    if len(argv) > 4:
        raise CommandError("unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT HELP.")
    mode = argv[3].upper() if len(argv) == 4 else b"ALL"
    if mode not in (b"WRITE", b"ALL"):
        raise CommandError("CLIENT PAUSE mode must be WRITE or ALL")
    server = c.server
    until_ms = server.clock.now_ms + parse_timeout_ms(argv[2], server.clock.now_ms)
    # Of two pauses the longer and the stricter hold.
    server.paused_until_ms = max(server.paused_until_ms, until_ms)
    server.pause_all = server.pause_all or mode == b"ALL"
    server.set_gate("pause", _pause_gate(server))
    server.expiry.kept = True
    return OK


def _pause_gate(server: Server) -> Gate:
    changes = Flag.WRITE | Flag.MAY_REPLICATE

    def gate(c: Client, argv: Argv, spec: Spec) -> None:
        if server.pause_all or flags_of(c, spec, argv) & changes:
            if c.executing:  # behind CLIENT PAUSE in one transaction: it is done, and needs room for its keys
                server.expiry.kept = False
            c.park(argv, [UNPAUSED], 0, b"")

    return gate


@command("CLIENT|UNPAUSE", arity=2, flags=PRIVILEGED, group="connection", since="6.2.0",
         complexity="O(N) for N waiting clients")  # fmt: skip
def client_unpause(c: Client, argv: Argv) -> bytes:
    """End CLIENT PAUSE."""
    c.server.unpause()
    return OK


@command("CLIENT|HELP", arity=2, flags=LOADING | STALE, group="connection", since="5.0.0")
def client_help(c: Client, argv: Argv) -> bytes:
    """List the forms of CLIENT."""
    return help_reply("CLIENT", """
        GETREDIR
            Show who gets the invalidation messages of this connection.
        GETNAME
            Show the name of this connection.
        ID
            Show the number of this connection.
        INFO
            Describe this connection.
        KILL <ip:port>
            Close the connection that comes from <ip:port>.
        KILL <option> <value> [<option> <value> [...]]
            Close the connections that fit all of these:
            * ADDR (<ip:port>|<unixsocket>:0)
              They come from this address
            * LADDR (<ip:port>|<unixsocket>:0)
              They came to this address
            * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)
              They are of this type.
            * USER <username>
              They authenticated as <username>.
            * SKIPME (YES|NO)
              Whether to spare the connection that asks (default: yes).
            * ID <client-id>
              They have this number.
            * MAXAGE <maxage>
              They are at least <maxage> seconds old.
        LIST [options ...]
            Describe the connections. Options:
            * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)
              Only those of this type.
        UNPAUSE
            End a pause.
        PAUSE <timeout> [WRITE|ALL]
            Let all commands, or those that write, wait for <timeout> milliseconds.
        REPLY (ON|OFF|SKIP)
            Switch the replies to this connection.
        SETNAME <name>
            Name this connection <name>.
        SETINFO <option> <value>
            Say which library speaks. Options are:
            * LIB-NAME: its name.
            * LIB-VER: its version.
        UNBLOCK <clientid> [TIMEOUT|ERROR]
            End the wait of a blocked client.
        NO-EVICT (ON|OFF)
            Spare this connection when clients are closed to save memory.
        IMPORT-SOURCE (ON|OFF)
            Show this connection what has expired, while import-mode lasts.
        NO-TOUCH (ON|OFF)
            Read keys without making them recently used.
        """)  # fmt: skip
