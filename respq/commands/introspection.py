"""COMMAND: the commands themselves, generated from their declarations.

COMMAND INFO equals what redis-server 8.2.3 answers for the same command; a test compares them all. COMMAND
DOCS stands in `documentation`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from respq.command import LOADING, STALE, Argv, Client, command
from respq.commands.documentation import document, shown_name, simples
from respq.commands.help import help_reply
from respq.describe import NoKeysError, categories, flag_words, key_indexes, key_range, key_words
from respq.errors import CommandError, syntax_error
from respq.flags import Flag, Keys
from respq.glob import matcher
from respq.protocol.resp import ONE, ZERO, Encoder, array, bulk, bulks, integer
from respq.state import Server, Spec

ANYTIME = LOADING | STALE
UNORDERED = ("nondeterministic_output_order",)


@command("COMMAND", arity=-1, flags=ANYTIME, group="server", since="2.8.13", acl="connection", tips=UNORDERED,
         complexity="O(N) for N commands")  # fmt: skip
def command_all(c: Client, argv: Argv) -> bytes:
    """Describe every command."""
    return array([_info(c, spec) for spec in _commands(c.server)])


@command("COMMAND|COUNT", arity=2, flags=ANYTIME, group="server", since="2.8.13", acl="connection")
def command_count(c: Client, argv: Argv) -> bytes:
    """The number of commands, subcommands not counted."""
    return integer(len(list(_commands(c.server))))


@command("COMMAND|INFO", arity=-2, flags=ANYTIME, group="server", since="2.8.13",
         syntax="[command-name [command-name ...]]", acl="connection", tips=UNORDERED,
         complexity="O(N) for N commands")  # fmt: skip
def command_info(c: Client, argv: Argv) -> bytes:
    """Describe some commands or all: arity, flags, keys, ACL categories."""
    if len(argv) == 2:
        return command_all(c, argv)
    specs = [_named(c.server, name) for name in argv[2:]]
    return array([c.enc.null if spec is None else _info(c, spec) for spec in specs])


@command("COMMAND|DOCS", arity=-2, flags=ANYTIME, group="server", since="7.0.0",
         syntax="[command-name [command-name ...]]", acl="connection", tips=UNORDERED,
         complexity="O(N) for N commands")  # fmt: skip
def command_docs(c: Client, argv: Argv) -> bytes:
    """Document some commands or all, for people."""
    specs = [_named(c.server, name) for name in argv[2:]] if len(argv) > 2 else _commands(c.server)
    return c.enc.map([(shown_name(spec), document(c.enc, spec)) for spec in specs if spec is not None])


@command("COMMAND|LIST", arity=-2, flags=ANYTIME, group="server", since="7.0.0",
         syntax="[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]", acl="connection",
         tips=UNORDERED, complexity="O(N) for N commands",
         argument_groups="filterby")  # fmt: skip
def command_list(c: Client, argv: Argv) -> bytes:
    """The names of the commands, subcommands included."""
    specs: Iterable[Spec] = c.server.specs.values()
    if len(argv) > 2:
        if len(argv) != 5 or argv[2].upper() != b"FILTERBY":
            raise syntax_error()
        specs = filter(_filter(argv[3].upper(), argv[4]), specs)
    return bulks([spec.fullname.encode() for spec in specs])


@command("COMMAND|GETKEYS", arity=-3, flags=ANYTIME, group="server", since="2.8.13",
         syntax="command [arg [arg ...]]", acl="connection",
         complexity="O(N) for N words")  # fmt: skip
def command_getkeys(c: Client, argv: Argv) -> bytes:
    """The keys that a command names."""
    words = argv[2:]
    return bulks([words[index] for index, _ in _keys(c.server, words)[1]])


@command("COMMAND|GETKEYSANDFLAGS", arity=-3, flags=ANYTIME, group="server", since="7.0.0",
         syntax="command [arg [arg ...]]", acl="connection",
         complexity="O(N) for N words")  # fmt: skip
def command_getkeysandflags(c: Client, argv: Argv) -> bytes:
    """The keys that a command names, each with what is done to it."""
    words = argv[2:]
    spec, found = _keys(c.server, words)
    return array([
        array([bulk(words[index]), simples(c.enc, key_words(spec, keys, words))]) for index, keys in found
    ])  # fmt: skip


@command("COMMAND|HELP", arity=2, flags=ANYTIME, group="server", since="5.0.0", acl="connection")
def command_help(c: Client, argv: Argv) -> bytes:
    """List the forms of COMMAND."""
    return help_reply("COMMAND", """
        (no subcommand)
            Describe every command.
        COUNT
            Show how many commands there are.
        LIST
            Show the names of the commands.
        INFO [<command-name> ...]
            Describe these commands, or all.
        DOCS [<command-name> ...]
            Document these commands, or all.
        GETKEYS <full-command>
            Show the keys that a command names.
        GETKEYSANDFLAGS <full-command>
            Show the keys that a command names, and what is done to each.
        """)  # fmt: skip


# -- finding ---------------------------------------------------------------------------------------


def _commands(server: Server) -> Iterator[Spec]:
    """All but subcommands."""
    return (spec for spec in server.specs.values() if "|" not in spec.name)


def _named(server: Server, name: bytes) -> Spec | None:
    return server.specs.get(name.decode("latin-1").upper())


def _filter(kind: bytes, word: bytes) -> Callable[[Spec], bool]:
    if kind == b"PATTERN":
        matches = matcher(word.lower())
        return lambda spec: matches(spec.fullname.encode()) is not None
    if kind == b"ACLCAT":
        category = word.decode("latin-1").lower()
        return lambda spec: category in categories(spec)
    if kind == b"MODULE":
        return lambda spec: False
    raise syntax_error()


def _keys(server: Server, argv: Argv) -> tuple[Spec, list[tuple[int, Keys]]]:
    """The command in `argv` and where its keys stand."""
    spec = server.specs.get(argv[0].decode("latin-1").upper())
    if spec is not None and spec.subcommands and len(argv) > 1:
        spec = server.find_spec(argv)
    if spec is None:
        raise CommandError("Invalid command specified")
    if all("not_key" in keys.flags for keys in spec.keys):  # but shard channels, perhaps
        raise CommandError("The command has no key arguments")
    if not spec.fewest <= len(argv) <= spec.most:
        raise CommandError("Invalid number of arguments specified for command")
    try:
        return spec, list(key_indexes(spec, argv))
    except NoKeysError:
        if Flag.NO_MANDATORY_KEYS in spec.flags:
            return spec, []
        raise CommandError("Invalid arguments specified for command") from None


# -- describing ------------------------------------------------------------------------------------


def _info(c: Client, spec: Spec) -> bytes:
    """One command as COMMAND INFO describes it."""
    enc = c.enc
    return array([
        shown_name(spec),
        integer(spec.arity),
        simples(enc, flag_words(spec, c.server.config.compat_version)),
        *[integer(number) for number in key_range(spec)],
        simples(enc, [f"@{name}" for name in categories(spec)]),
        enc.set([bulk(tip.encode()) for tip in spec.tips]),
        enc.set([_key_spec(enc, keys) for keys in spec.keys]),
        enc.set([_info(c, sub) for sub in spec.subcommands.values()]),
    ])  # fmt: skip


def _key_spec(enc: Encoder, keys: Keys) -> bytes:
    """One key specification."""
    begin = _search(enc, b"index", [(b"index", integer(keys.at))])
    if keys.find is not None and not keys.at:
        begin = find = _search(enc, b"unknown", [])
    elif keys.behind:
        begin = _search(enc, b"keyword", [(b"keyword", bulk(keys.behind)), (b"startfrom", integer(keys.at))])
        find = _range(enc, keys.last, 1, 2 if keys.last and keys.find is None else 0)
    elif keys.counted:
        find = _search(
            enc, b"keynum", [(b"keynumidx", ZERO), (b"firstkey", ONE), (b"keystep", integer(keys.step))]
        )
    else:
        find = _range(enc, keys.last, keys.step, 0)
    pairs = [
        (bulk(b"flags"), simples(enc, keys.flags.split())),
        (bulk(b"begin_search"), begin),
        (bulk(b"find_keys"), find),
    ]
    if keys.notes:
        pairs.insert(0, (bulk(b"notes"), bulk(keys.notes.encode())))
    return enc.map(pairs)


def _range(enc: Encoder, last: int, step: int, limit: int) -> bytes:
    numbers = [(b"lastkey", last), (b"keystep", step), (b"limit", limit)]
    return _search(enc, b"range", [(name, integer(number)) for name, number in numbers])


def _search(enc: Encoder, kind: bytes, details: list[tuple[bytes, bytes]]) -> bytes:
    spec = enc.map([(bulk(name), value) for name, value in details])
    return enc.map([(bulk(b"type"), bulk(kind)), (bulk(b"spec"), spec)])
