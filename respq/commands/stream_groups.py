"""XGROUP: consumer groups and their consumers come and go.

None of it counts as a change of the stream to those who watch its key. Deleting a group wakes the clients
that wait for its entries: they are told that it is gone.
"""

from __future__ import annotations

from typing import NamedTuple

from respq.command import DENYOOM, LOADING, STALE, WRITE, Argv, Client, command, container, key
from respq.commands.arguments import parse_int
from respq.commands.help import help_reply
from respq.commands.stream_activity import note_activity
from respq.commands.streams import parse_id
from respq.datatypes.consumer_groups import UNKNOWN, Group
from respq.datatypes.entry_ids import MAX
from respq.datatypes.streams import StreamValue
from respq.errors import CommandError, shown
from respq.protocol.resp import OK, ONE, ZERO, integer

INSERT = (key(2, "RW insert"),)
UPDATE = (key(2, "RW update"),)
DELETE = (key(2, "RW delete"),)

container("XGROUP", group="stream", since="5.0.0", summary="Commands on consumer groups")


_MOST_WORDS = {b"CREATE": 8, b"SETID": 7}  # even if they repeat


class Options(NamedTuple):
    """The words behind the ID of XGROUP CREATE and SETID."""

    create_stream: bool
    entries_read: int


def _parse_options(argv: Argv, *, creating: bool) -> Options:
    create_stream, entries_read = False, UNKNOWN
    at = 5
    while at < len(argv):
        option = argv[at].upper()
        if option == b"MKSTREAM" and creating:
            create_stream = True
        elif option == b"ENTRIESREAD" and at + 1 < len(argv):
            at += 1
            entries_read = parse_int(argv[at])
            if entries_read < UNKNOWN:
                raise CommandError("value for ENTRIESREAD must be positive or -1")
        else:
            raise _wrong_words(argv)
        at += 1
    return Options(create_stream, entries_read)


def _check_number(argv: Argv) -> None:
    """Refuse more words than there can be. Redis does so after it has looked for the key and the group."""
    if len(argv) > _MOST_WORDS[argv[1].upper()]:
        raise _wrong_words(argv)


def _wrong_words(argv: Argv) -> CommandError:
    return CommandError(
        b"unknown subcommand or wrong number of arguments for '%b'. Try XGROUP HELP." % shown(argv[1])
    )


def _find_stream(c: Client, argv: Argv) -> StreamValue:
    stream = c.db.find(argv[2], StreamValue)
    if stream is None:
        raise CommandError(
            "The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the "
            "MKSTREAM option to create an empty stream automatically."
        )
    return stream


def _find_group(c: Client, argv: Argv) -> Group:
    group = _find_stream(c, argv).groups.get(argv[3])
    if group is None:
        raise no_group(argv[2], argv[3])
    return group


def no_group(name: bytes, group: bytes) -> CommandError:
    """The stream under `name` has no such group."""
    names = (shown(group), shown(name))
    return CommandError(b"No such consumer group '%b' for key name '%b'" % names, "NOGROUP")


def no_key_or_group(name: bytes, group: bytes, where: bytes = b"") -> CommandError:
    """There is no stream under `name`, or it has no such group."""
    names = (shown(name), shown(group), where)
    return CommandError(b"No such key '%b' or consumer group '%b'%b" % names, "NOGROUP")


def _parse_place(stream: StreamValue | None, word: bytes) -> int:
    """The ID that a group has read up to; `$` is the last one of the stream."""
    if word == b"$":
        return stream.last_id if stream is not None else 0
    return parse_id(word)


def _credible(c: Client, stream: StreamValue, argv: Argv, options: Options) -> tuple[int, Argv]:
    """How many entries a group may be said to have read, no more than there have been; and how to log that.

    What the log says is right: counting on from a number that was too small for its ID exceeds it.
    """
    if c.server.loading or options.entries_read <= stream.entries_added:
        return options.entries_read, argv
    creating = [b"MKSTREAM"] if options.create_stream else []
    added = stream.entries_added
    return added, [*argv[:5], *creating, b"ENTRIESREAD", b"%d" % added]


@command("XGROUP|CREATE", arity=-5, flags=WRITE | DENYOOM, keys=INSERT, group="stream", since="5.0.0",
         syntax="key group <id | $> [MKSTREAM] [ENTRIESREAD entriesread]",
         argument_groups="id-selector")  # fmt: skip
def xgroup_create(c: Client, argv: Argv) -> bytes:
    """Create a consumer group."""
    options = _parse_options(argv, creating=True)
    db, name = c.db, argv[2]
    stream = db.find(name, StreamValue) if options.create_stream else _find_stream(c, argv)
    _check_number(argv)
    last_id = _parse_place(stream, argv[4])
    if stream is None:
        stream = StreamValue()
        db.add(name, stream)
        c.effects.append((db, name, None, None))  # a new key
    if argv[3] in stream.groups:
        raise CommandError("Consumer Group name already exists", "BUSYGROUP")
    entries_read, logged = _credible(c, stream, argv, options)
    stream.groups[argv[3]] = Group(last_id, entries_read)
    c.effects.append((db, name, "xgroup-create", logged))
    return OK


@command("XGROUP|SETID", arity=-5, flags=WRITE, keys=UPDATE, group="stream", since="5.0.0",
         syntax="key group <id | $> [ENTRIESREAD entriesread]",
         argument_groups="id-selector")  # fmt: skip
def xgroup_setid(c: Client, argv: Argv) -> bytes:
    """Set the ID that a consumer group has read up to."""
    options = _parse_options(argv, creating=False)
    stream, group = _find_stream(c, argv), _find_group(c, argv)
    _check_number(argv)
    place = {b"-": 0, b"+": MAX}.get(argv[4])  # which CREATE does not take
    group.last_id = _parse_place(stream, argv[4]) if place is None else place
    group.entries_read, logged = _credible(c, stream, argv, options)
    c.effects.append((c.db, argv[2], "xgroup-setid", logged))
    return OK


@command("XGROUP|DESTROY", arity=4, flags=WRITE, keys=DELETE, group="stream", since="5.0.0",
         syntax="key group", complexity="O(n), n pending entries")  # fmt: skip
def xgroup_destroy(c: Client, argv: Argv) -> bytes:
    """Delete a consumer group; the answer is whether there was one."""
    if _find_stream(c, argv).groups.pop(argv[3], None) is None:
        return ZERO
    c.effects.append((c.db, argv[2], "xgroup-destroy", argv))
    c.server.waiting.wake((c.db, argv[2]))
    return ONE


@command("XGROUP|CREATECONSUMER", arity=5, flags=WRITE | DENYOOM, keys=INSERT, group="stream",
         since="6.2.0", syntax="key group consumer")  # fmt: skip
def xgroup_createconsumer(c: Client, argv: Argv) -> bytes:
    """Create a consumer; the answer is whether there was none of that name."""
    group = _find_group(c, argv)
    if not group.create_consumer(argv[4], c.server.present_ms):
        return ZERO
    c.effects.append((c.db, argv[2], "xgroup-createconsumer", argv))
    note_activity(c, argv[2], argv[3], group.consumers[argv[4]])
    return ONE


@command("XGROUP|DELCONSUMER", arity=5, flags=WRITE, keys=DELETE, group="stream", since="5.0.0",
         syntax="key group consumer", complexity="O(n), n entries pending for it")  # fmt: skip
def xgroup_delconsumer(c: Client, argv: Argv) -> bytes:
    """Delete a consumer; the answer is how many entries were pending for it."""
    pending = _find_group(c, argv).delete_consumer(argv[4])
    if pending is None:
        return ZERO
    c.effects.append((c.db, argv[2], "xgroup-delconsumer", argv))
    return integer(pending)


@command("XGROUP|HELP", arity=2, flags=LOADING | STALE, group="stream", since="5.0.0")
def xgroup_help(c: Client, argv: Argv) -> bytes:
    """List the forms of XGROUP."""
    return help_reply("XGROUP", """
        CREATE <key> <groupname> <id|$> [option]
            Create a group that is given what comes behind <id>, $ for the last entry. Options are
            MKSTREAM, for a stream that does not exist yet, and ENTRIESREAD <entries-read>.
        CREATECONSUMER <key> <groupname> <consumer>
            Create a consumer in a group.
        DELCONSUMER <key> <groupname> <consumer>
            Delete a consumer, and what is pending for it.
        DESTROY <key> <groupname>
            Delete a group.
        SETID <key> <groupname> <id|$> [ENTRIESREAD <entries-read>]
            Let a group go on behind <id>.
        """)  # fmt: skip
