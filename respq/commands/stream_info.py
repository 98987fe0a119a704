"""XINFO: what a stream looks like from inside."""

from __future__ import annotations

from respq.command import LOADING, READONLY, STALE, Argv, Client, command, container, key
from respq.commands.arguments import parse_int
from respq.commands.help import help_reply
from respq.commands.streams import entries_reply
from respq.datatypes.entry_ids import MAX, show_id
from respq.datatypes.streams import StreamValue
from respq.errors import CommandError, no_such_key
from respq.protocol.resp import array, bulk, integer

READ = (key(2, "RO access"),)
FULL_ENTRIES = 10  # shown by FULL without COUNT

container("XINFO", group="stream", since="5.0.0", summary="Commands that describe a stream")


@command("XINFO|STREAM", arity=-3, flags=READONLY, keys=READ, group="stream", since="5.0.0",
         syntax="key [FULL [COUNT count]]", complexity="O(n), n entries not looked at before")  # fmt: skip
def xinfo_stream(c: Client, argv: Argv) -> bytes:
    """Describe a stream; with FULL, its groups and first entries as well."""
    stream = c.read(argv[2], StreamValue)
    if stream is None:
        raise no_such_key()
    if len(argv) > 3 and (argv[3].upper() != b"FULL" or len(argv) not in {4, 6}):
        raise _wrong_words()
    count = FULL_ENTRIES
    if len(argv) == 6:
        if argv[4].upper() != b"COUNT":
            raise _wrong_words()
        count = parse_int(argv[5])
        if count < 0:
            count = FULL_ENTRIES
    tail = _full(stream, count) if len(argv) > 3 else _summary(c, stream)
    return c.enc.map([(bulk(name), value) for name, value in [*_history(stream), *tail]])


def _wrong_words() -> CommandError:
    return CommandError("unknown subcommand or wrong number of arguments for 'STREAM'. Try XINFO HELP.")


def _history(stream: StreamValue) -> list[tuple[bytes, bytes]]:
    nodes, tree_nodes = stream.tree_size()
    return [
        (b"length", integer(len(stream))),
        (b"radix-tree-keys", integer(nodes)),
        (b"radix-tree-nodes", integer(tree_nodes)),
        (b"last-generated-id", bulk(show_id(stream.last_id))),
        (b"max-deleted-entry-id", bulk(show_id(stream.max_deleted_id))),
        (b"entries-added", integer(stream.entries_added)),
        (b"recorded-first-entry-id", bulk(show_id(stream.first_id()))),
    ]


def _summary(c: Client, stream: StreamValue) -> list[tuple[bytes, bytes]]:
    first, last = stream.get(stream.first_id()), stream.get(stream.top_id())
    return [
        (b"groups", integer(len(stream.groups))),
        (b"first-entry", c.enc.null if first is None else first),
        (b"last-entry", c.enc.null if last is None else last),
    ]


def _full(stream: StreamValue, count: int) -> list[tuple[bytes, bytes]]:
    entries = entries_reply(stream, 0, MAX, count or len(stream) or 1)
    return [(b"entries", entries), (b"groups", array([]))]


@command("XINFO|HELP", arity=2, flags=LOADING | STALE, group="stream", since="5.0.0")
def xinfo_help(c: Client, argv: Argv) -> bytes:
    """List the forms of XINFO."""
    return help_reply("XINFO", """
        STREAM <key> [FULL [COUNT <count>]]
            Describe a stream; FULL shows entries and groups, at most <count> of each.
        """)  # fmt: skip
