"""ACL: users and what they may do. The rules themselves stand in the package `respq.acl`.

A change takes effect at once: connections of the user get other tables, and those that listen to a channel
which it may not hear any more are closed, as are all when a user is deleted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from respq.acl.file import AclFile, AclFileError
from respq.acl.log import Entry
from respq.acl.permissions import Denial, Permissions
from respq.acl.selectors import RuleError, Selector
from respq.acl.users import DEFAULT, User
from respq.command import ADMIN, LOADING, NOSCRIPT, STALE, Argv, Client, command, container
from respq.commands.arguments import parse_int
from respq.commands.help import help_reply
from respq.config.kinds import decoded
from respq.describe import CATEGORIES
from respq.digests import random_hex
from respq.errors import CommandError, shown
from respq.protocol.resp import OK, array, bulk, bulks, integer
from respq.restrictions import denial_of, explain
from respq.state import Closing

ANYBODY = NOSCRIPT | LOADING | STALE
PRIVILEGED = ADMIN | ANYBODY
EVERY_NODE = ("request_policy:all_nodes", "response_policy:all_succeeded")
USUAL_ENTRIES = 10  # of the log, if ACL LOG does not say how many
USUAL_BITS, MOST_BITS = 256, 4096  # of ACL GENPASS
BITS_PER_DIGIT = 4

container("ACL", group="server", since="6.0.0", summary="Commands about users and their permissions")


def _wrong_words(argv: Argv) -> CommandError:
    return CommandError(
        b"unknown subcommand or wrong number of arguments for '%b'. Try ACL HELP." % shown(argv[1])
    )


# -- users -----------------------------------------------------------------------------------------


@command("ACL|SETUSER", arity=-3, flags=PRIVILEGED, group="server", since="6.0.0",
         syntax="username [rule [rule ...]]", tips=EVERY_NODE, complexity="O(N) for N rules")  # fmt: skip
def acl_setuser(c: Client, argv: Argv) -> bytes:
    """Create a user or change what one may do; all rules take effect or none."""
    users = c.server.users
    if not users.may_have(argv[2]):
        raise CommandError("Usernames can't contain spaces or null characters")
    before = users.get(argv[2])
    permissions = None if before is None else before.permissions
    try:
        user = users.set(argv[2], argv[3:])
    except RuleError as error:
        if error.rule:
            text = b"Error in ACL SETUSER modifier '%b': %b" % (shown(error.rule), error.text)
            raise CommandError(text) from None
        raise CommandError(error.text) from None
    c.server.note_users([user])
    return _close(c, [] if before is None else _deaf(c, {user: permissions}), OK)


@command("ACL|DELUSER", arity=-3, flags=PRIVILEGED, group="server", since="6.0.0",
         syntax="username [username ...]", tips=EVERY_NODE,
         complexity="O(N) for N connections and each user")  # fmt: skip
def acl_deluser(c: Client, argv: Argv) -> bytes:
    """Delete users and close their connections; return how many there were."""
    if DEFAULT in argv[2:]:
        raise CommandError("The 'default' user cannot be removed")
    deleted = [user for name in argv[2:] if (user := c.server.users.delete(name)) is not None]
    theirs = [client for client in c.server.clients.values() if client.user in deleted]
    return _close(c, theirs, integer(len(deleted)))


def _deaf(c: Client, before: Mapping[User, Permissions | None]) -> list[Client]:
    """The connections of users that listen to what they may not hear any more, as they could `before`."""
    losers = {
        user for user, allowed in before.items() if Permissions.may_lose_channels(allowed, user.permissions)
    }
    clients = c.server.clients.values() if losers else ()
    return [
        client
        for client in clients
        if client.user in losers and client.subscribed and not c.server.may_listen(client)
    ]


def _close(c: Client, clients: Sequence[Client], reply: bytes) -> bytes:
    """Close connections, the one that asked for it behind its reply."""
    for client in clients:
        if client is not c:
            c.server.close(client, at_once=True)
    if c in clients:
        raise Closing(reply)
    return reply


@command("ACL|GETUSER", arity=3, flags=PRIVILEGED, group="server", since="6.0.0", syntax="username",
         complexity="O(N) for N rules")  # fmt: skip
def acl_getuser(c: Client, argv: Argv) -> bytes:
    """The rules of a user, or null if there is none of that name."""
    user = c.server.users.get(argv[2])
    if user is None:
        return c.enc.null
    return c.enc.map([
        (bulk(b"flags"), c.enc.set([bulk(flag) for flag in user.flags()])),
        (bulk(b"passwords"), bulks(list(user.passwords))),
        *_described(user.root),
        (bulk(b"selectors"), array([c.enc.map(_described(selector)) for selector in user.selectors])),
    ])  # fmt: skip


def _described(selector: Selector) -> list[tuple[bytes, bytes]]:
    return [
        (bulk(b"commands"), bulk(selector.shown_commands())),
        (bulk(b"keys"), bulk(selector.shown_keys())),
        (bulk(b"channels"), bulk(selector.shown_channels())),
    ]


@command("ACL|LIST", arity=2, flags=PRIVILEGED, group="server", since="6.0.0",
         complexity="O(N) for N users")  # fmt: skip
def acl_list(c: Client, argv: Argv) -> bytes:
    """Every user with its rules, as an ACL file has them."""
    return bulks([user.shown() for user in c.server.users])


@command("ACL|USERS", arity=2, flags=PRIVILEGED, group="server", since="6.0.0",
         complexity="O(N) for N users")  # fmt: skip
def acl_users(c: Client, argv: Argv) -> bytes:
    """The names of all users."""
    return bulks([user.name for user in c.server.users])


@command("ACL|WHOAMI", arity=2, flags=ANYBODY, group="server", since="6.0.0")
def acl_whoami(c: Client, argv: Argv) -> bytes:
    """The user that this connection has authenticated as."""
    return bulk(c.user.name)


@command("ACL|GENPASS", arity=-2, flags=ANYBODY, group="server", since="6.0.0", syntax="[bits]")
def acl_genpass(c: Client, argv: Argv) -> bytes:
    """Make up a password that nobody guesses, in hexadecimal digits."""
    if len(argv) > 3:
        raise _wrong_words(argv)
    bits = parse_int(argv[2]) if len(argv) == 3 else USUAL_BITS
    if not 0 < bits <= MOST_BITS:
        raise CommandError(
            "ACL GENPASS argument must be the number of bits for the output password, "
            f"a positive number up to {MOST_BITS}"
        )
    digits = -(-bits // BITS_PER_DIGIT)
    return bulk(random_hex(digits))


# -- commands --------------------------------------------------------------------------------------


@command("ACL|CAT", arity=-2, flags=ANYBODY, group="server", since="6.0.0", syntax="[category]",
         complexity="O(1) since the categories are always the same")  # fmt: skip
def acl_cat(c: Client, argv: Argv) -> bytes:
    """The categories of commands, or the commands of one."""
    if len(argv) > 3:
        raise _wrong_words(argv)
    if len(argv) == 2:
        return bulks([name.encode() for name in CATEGORIES])
    members = c.server.users.catalogue.categories.get(shown(argv[2]).lower())
    if members is None:
        raise CommandError(b"Unknown category '%b'" % shown(argv[2]))
    return bulks(sorted(members))


@command("ACL|DRYRUN", arity=-4, flags=PRIVILEGED, group="server", since="7.0.0",
         syntax="username command [arg [arg ...]]")  # fmt: skip
def acl_dryrun(c: Client, argv: Argv) -> bytes:
    """Tell whether a user might run a command, without running it."""
    user = c.server.users.get(argv[2])
    if user is None:
        raise CommandError(b"User '%b' not found" % shown(argv[2]))
    words = argv[3:]
    spec = c.server.find_spec(words)
    if spec is None:
        raise CommandError(b"Command '%b' not found" % shown(words[0]))
    if not spec.fewest <= len(words) <= spec.most:
        raise CommandError(f"wrong number of arguments for '{spec.fullname}' command")
    denial = denial_of(user, spec, words)
    return OK if denial is None else bulk(_why_not(user, denial))


def _why_not(user: User, denial: Denial) -> bytes:
    if denial.reason == "command":
        return explain(user, denial)
    return b"User %b has no permissions to access the '%b' %b" % (
        user.name,
        denial.what,
        denial.reason.encode(),
    )


# -- the file --------------------------------------------------------------------------------------


def _file(c: Client) -> AclFile:
    path = c.server.config.aclfile
    if not path:
        raise CommandError(
            "This Redis instance is not configured to use an ACL file. You may want to specify users via the "
            "ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration "
            "file set) in order to store users in the Redis configuration."
        )
    return AclFile(path, c.server.config.compat_version)


@command("ACL|LOAD", arity=2, flags=PRIVILEGED, group="server", since="6.0.0",
         complexity="O(N) for N users and connections")  # fmt: skip
def acl_load(c: Client, argv: Argv) -> bytes:
    """Have the users of the ACL file and no others; if something in it is wrong nothing changes."""
    server, file = c.server, _file(c)
    try:
        users = file.read(server.users)
    except AclFileError as error:
        raise CommandError(error.text) from None
    before = {user: user.permissions for user in server.users}
    gone = server.users.replace(users)
    theirs = [client for client in server.clients.values() if client.user in gone]
    server.note_users(before.keys())
    return _close(c, [*theirs, *_deaf(c, before)], OK)


@command("ACL|SAVE", arity=2, flags=PRIVILEGED, group="server", since="6.0.0", tips=EVERY_NODE,
         complexity="O(N) for N users")  # fmt: skip
def acl_save(c: Client, argv: Argv) -> bytes:
    """Write all users into the ACL file."""
    try:
        _file(c).write(c.server.users)
    except AclFileError as error:
        c.server.log("warning", decoded(error.text))
        raise CommandError(
            "There was an error trying to save the ACLs. Please check the server logs for more information"
        ) from None
    return OK


# -- the log ---------------------------------------------------------------------------------------


@command("ACL|LOG", arity=-2, flags=PRIVILEGED, group="server", since="6.0.0", syntax="[count | RESET]",
         complexity="O(N) for N entries",
         argument_groups="operation")  # fmt: skip
def acl_log(c: Client, argv: Argv) -> bytes:
    """What was refused to whom, the latest first; or forget it."""
    if len(argv) > 3:
        raise _wrong_words(argv)
    log = c.server.access_log
    if len(argv) == 3 and argv[2].upper() == b"RESET":
        log.entries.clear()
        return OK
    count = parse_int(argv[2]) if len(argv) == 3 else USUAL_ENTRIES
    return array([_entry(c, entry) for entry in log.entries[: max(0, count)]])


def _entry(c: Client, entry: Entry) -> bytes:
    refusal, age_ms = entry.refusal, c.server.clock.now_ms - entry.updated_ms
    return c.enc.map([
        (bulk(b"count"), integer(entry.count)),
        (bulk(b"reason"), bulk(refusal.reason.encode())),
        (bulk(b"context"), bulk(refusal.context.encode())),
        (bulk(b"object"), bulk(refusal.what)),
        (bulk(b"username"), bulk(refusal.username)),
        (bulk(b"age-seconds"), c.enc.double(age_ms / 1000)),
        (bulk(b"client-info"), bulk(entry.client_info)),
        (bulk(b"entry-id"), integer(entry.number)),
        (bulk(b"timestamp-created"), integer(entry.created_ms)),
        (bulk(b"timestamp-last-updated"), integer(entry.updated_ms)),
    ])  # fmt: skip


@command("ACL|HELP", arity=2, flags=LOADING | STALE, group="server", since="6.0.0")
def acl_help(c: Client, argv: Argv) -> bytes:
    """List the forms of ACL."""
    return help_reply("ACL", """
        CAT [<category>]
            List the categories of commands, or the commands
            of one.
        DELUSER <username> [<username> ...]
            Delete users and close their connections.
        DRYRUN <username> <command> [<arg> ...]
            Tell whether a user might run a command, without running it.
        GETUSER <username>
            Show the rules of a user.
        GENPASS [<bits>]
            Make up a password. It has as many random bits as the argument says,
            256 by default.
        LIST
            Show all users as an ACL file has them.
        LOAD
            Have the users of the ACL file and no others.
        LOG [<count> | RESET]
            Show what was refused to whom, or forget it.
        SAVE
            Write all users into the ACL file.
        SETUSER <username> <attribute> [<attribute> ...]
            Create a user, or change one.
        USERS
            List the names of the users.
        WHOAMI
            Show the user of this connection.
        """)  # fmt: skip
