"""COMMAND: the commands themselves, generated from their declarations.

COMMAND INFO equals what redis-server 8.2.3 answers for the same command; a test compares them all.
COMMAND DOCS has summaries of our own; the arguments come from the notation in the declaration, so
groups have no names of their own there and nothing is said of versions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

from respq.command import LOADING, STALE, Argv, Client, command
from respq.commands.help import help_reply
from respq.describe import NoKeysError, categories, flag_words, key_indexes, key_range, key_words
from respq.errors import CommandError, syntax_error
from respq.flags import Flag, Keys
from respq.glob import matcher
from respq.protocol.resp import ONE, ZERO, Encoder, array, bulk, bulks, integer, simple
from respq.state import Server, Spec
from respq.syntax import EMPTY, SYMBOLS, Argument, parse

ANYTIME = LOADING | STALE
# What an argument of a certain name is; any other is a string.
KEY_NAMES = {
    "destination", "destkey", "dst", "key", "key1", "key2", "keys", "newkey", "source", "sourcekey", "src",
    "storedistkey", "storekey",
}  # fmt: skip
INTEGER_NAMES = {
    "bit", "bits", "client-id", "cluster-bus-port", "config-epoch", "count", "cursor", "db", "decrement",
    "destination-db", "end", "end-slot", "entries-added", "entriesread", "frequency", "increment",
    "index", "index1", "index2", "len", "limit", "maxage", "milliseconds", "min-match-len", "ms",
    "num-matches", "numfields", "numids", "numkeys", "numlocal", "numreplicas", "offset", "port",
    "protover", "rank", "seconds", "slot", "start", "start-slot", "stop", "timeout", "ttl", "version",
    "weight",
}  # fmt: skip
DOUBLE_NAMES = {"height", "latitude", "longitude", "radius", "score", "width"}
SCORES_BETWEEN = {"ZCOUNT", "ZRANGEBYSCORE", "ZREMRANGEBYSCORE", "ZREVRANGEBYSCORE"}  # min and max
IDS_BETWEEN = {"XAUTOCLAIM", "XPENDING", "XRANGE", "XREVRANGE"}  # start and end
TOKEN_NAMES = {"ALPHA": "sorting", "CH": "change", "INCR": "increment", **SYMBOLS}  # words with another name
SHOWN_NAMES = {
    "auth": "password", "entriesread": "entries-read", "importing": "node-id", "keys": "key",
    "migrating": "node-id", "node": "node-id", "storedistkey": "key", "storekey": "key",
}  # fmt: skip
KEY_PATTERNS = {"BY", "GET"}  # words before a pattern of keys, all of which share one key specification
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
    return c.enc.map([(_name(spec), _docs(c.enc, spec)) for spec in specs if spec is not None])


@command("COMMAND|LIST", arity=-2, flags=ANYTIME, group="server", since="7.0.0",
         syntax="[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]", acl="connection",
         tips=UNORDERED, complexity="O(N) for N commands")  # fmt: skip
def command_list(c: Client, argv: Argv) -> bytes:
    """The names of the commands, subcommands included."""
    test: Callable[[Spec], bool] = lambda spec: True  # noqa: E731
    if len(argv) > 2:
        if len(argv) != 5 or argv[2].upper() != b"FILTERBY":
            raise syntax_error()
        test = _filter(argv[3].upper(), argv[4])
    return bulks([spec.fullname.encode() for spec in c.server.specs.values() if test(spec)])


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
        array([bulk(words[index]), _simples(c.enc, key_words(spec, keys, words))]) for index, keys in found
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


def _name(spec: Spec) -> bytes:
    return bulk(spec.fullname.encode())


def _simples(enc: Encoder, words: list[str]) -> bytes:
    return enc.set([simple(word.encode()) for word in words])


def _info(c: Client, spec: Spec) -> bytes:
    """One command as COMMAND INFO describes it."""
    enc = c.enc
    return array([
        _name(spec),
        integer(spec.arity),
        _simples(enc, flag_words(spec, c.server.config.compat_version)),
        *[integer(number) for number in key_range(spec)],
        _simples(enc, [f"@{name}" for name in categories(spec)]),
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
        (bulk(b"flags"), _simples(enc, keys.flags.split())),
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


def _docs(enc: Encoder, spec: Spec) -> bytes:
    """One command as COMMAND DOCS documents it."""
    fields = [("summary", spec.summary), ("since", spec.since), ("group", spec.group)]
    if spec.complexity:
        fields.append(("complexity", spec.complexity))
    pairs = [(bulk(name.encode()), bulk(text.encode())) for name, text in fields]
    if spec.syntax:
        pairs.append((bulk(b"arguments"), _arguments(enc, spec, parse(spec.syntax), count())))
    if spec.subcommands:
        subcommands = [(_name(sub), _docs(enc, sub)) for sub in spec.subcommands.values()]
        pairs.append((bulk(b"subcommands"), enc.map(subcommands)))
    return enc.map(pairs)


def _arguments(enc: Encoder, spec: Spec, arguments: list[Argument], key_specs: Iterator[int]) -> bytes:
    """The arguments of a command; `key_specs` numbers the keys among them."""
    return array([enc.map(_argument(enc, spec, argument, key_specs)) for argument in arguments])


def _argument(
    enc: Encoder, spec: Spec, argument: Argument, key_specs: Iterator[int]
) -> list[tuple[bytes, bytes]]:
    """One argument or group as COMMAND DOCS describes it."""
    kind = _type(spec, argument)
    shown = name = argument.name or TOKEN_NAMES.get(argument.token) or argument.token.lower() or kind
    of_keys = kind == "pattern" and argument.token in KEY_PATTERNS
    if of_keys:
        name = f"{argument.token.lower()}-{name}"
    parts = argument.alternatives or argument.parts
    fields = [("name", name), ("type", kind)]
    if not parts:
        fields.append(("display_text", SHOWN_NAMES.get(shown, shown)))
    pairs = [(bulk(field.encode()), bulk(text.encode())) for field, text in fields]
    if kind == "key" or of_keys:
        pairs.append((bulk(b"key_spec_index"), integer(_key_spec_of(spec, argument, key_specs))))
    if argument.token:
        token = "" if argument.token == EMPTY else argument.token
        pairs.append((bulk(b"token"), bulk(token.encode())))
    flags = [flag for flag in ("optional", "multiple", "multiple_token") if getattr(argument, flag)]
    if flags:
        pairs.append((bulk(b"flags"), _simples(enc, flags)))
    if parts:
        pairs.append((bulk(b"arguments"), _arguments(enc, spec, parts, key_specs)))
    return pairs


def _key_spec_of(spec: Spec, argument: Argument, key_specs: Iterator[int]) -> int:
    """The number of the key specification that an argument belongs to."""
    unknown = [number for number, keys in enumerate(spec.keys) if keys.find is not None and not keys.at]
    if argument.token in KEY_PATTERNS:
        return unknown[0]
    if unknown and argument.token:
        return unknown[-1]
    return min(next(key_specs), len(spec.keys) - 1)  # the last one may be of several arguments


def _type(spec: Spec, argument: Argument) -> str:
    """What an argument is, in the words of COMMAND DOCS."""
    name = argument.name
    if not name:
        return "oneof" if argument.alternatives else "block" if argument.parts else "pure-token"
    if name in KEY_NAMES:
        return "key" if spec.keys else "string"
    if name == "pattern":
        return name
    if name.startswith("unix-time"):
        return "unix-time"
    if (name == "timeout" and Flag.WRITE | Flag.BLOCKING in spec.flags) or (
        name == "increment" and spec.name.endswith("BYFLOAT")
    ):
        return "double"
    if name in DOUBLE_NAMES or (name in {"min", "max"} and spec.name in SCORES_BETWEEN):
        return "double"
    if spec.name == "ZRANGE" and name in {"start", "stop"}:  # or scores, or members
        return "string"
    if spec.name in IDS_BETWEEN and name in {"start", "end"}:
        return "string"
    if (name == "min-idle-time" and argument.token) or (name == "value" and spec.group == "bitmap"):
        return "integer"
    return "integer" if name in INTEGER_NAMES else "string"
