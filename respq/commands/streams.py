"""Streams: adding entries, reading them once, deleting and trimming.

What is logged is what was decided: XADD with the ID that it chose, trimming with the length or the ID that it
ended at, because `~` and LIMIT depend on how entries are kept. Source: redis-server 8.2.3, observed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from respq.command import DENYOOM, FAST, READONLY, WRITE, Argv, Client, Keys, command, key
from respq.commands.arguments import INT64_MAX, parse_int
from respq.commands.arguments import Options as Words
from respq.datatypes import entry_ids
from respq.datatypes.entry_blocks import Stretch
from respq.datatypes.entry_ids import MAX, SEQ_BITS, SEQ_MAX, id_column, show_id
from respq.datatypes.idempotency import digest
from respq.datatypes.streams import StreamValue
from respq.errors import CommandError, no_such_key, syntax_error
from respq.protocol.annotations import Annotation
from respq.protocol.columns import Column, encode_commands
from respq.protocol.resp import OK, ONE, ZERO, array, bulk, bulk_strings, bulks, integer
from respq.protocol.runs import Run

READ = (key(1, "RO access"),)
UPDATE = (key(1, "RW update"),)
DELETE = (key(1, "RW delete"),)
NOTE_ON_XADD = "UPDATE instead of INSERT because of the optional trimming feature"  # as COMMAND INFO says

KEEPREF, DELREF, ACKED = b"KEEPREF", b"DELREF", b"ACKED"
POLICIES = {KEEPREF, DELREF, ACKED}  # what trimming and deleting do with references of groups
NODES_LOOKED_INTO = 8, 4, 4  # the version of Redis since which `~` goes with DELREF and ACKED
DEFAULT_LIMIT_NODES = 100  # `~` without LIMIT removes at most as many full nodes


# -- words -----------------------------------------------------------------------------------------


def parse_id(word: bytes, missing_seq: int = 0) -> int:
    """An entry ID. Raises CommandError."""
    try:
        return entry_ids.read_id(word, missing_seq)
    except ValueError:
        raise invalid_id() from None


def entry_texts(words: Sequence[bytes]) -> Sequence[bytes]:
    """Entry IDs in the spelling of replies. Raises CommandError."""
    return words if entry_ids.are_canonical(words) else [entry_ids.show_id(parse_id(word)) for word in words]


def invalid_id() -> CommandError:
    """A word is no entry ID."""
    return CommandError("Invalid stream ID specified as stream command argument")


class Trimming(NamedTuple):
    """What MAXLEN or MINID, `=` or `~`, and LIMIT ask for."""

    word: bytes  # MAXLEN or MINID
    threshold: int
    whole_nodes: bool
    limit: int  # 0: any number
    policy: bytes


class Identity(NamedTuple):
    """What a producer calls a message, so that it is added once. `message`: None if its contents say it."""

    producer: bytes
    message: bytes | None

    def message_of(self, words: Argv) -> bytes:
        """The idempotent ID."""
        return digest(words) if self.message is None else self.message


class Options(NamedTuple):
    """The options of XADD and XTRIM, as they were given."""

    word: bytes  # MAXLEN, MINID or nothing
    threshold: int
    whole_nodes: bool
    limit: int | None
    policy: bytes
    create: bool
    identity: Identity | None
    at: int  # the index of the word behind them


def _parse_options(argv: Argv, *, adding: bool) -> Options:
    """Read options from `argv[2]` on: for XADD up to the ID, for XTRIM up to the end."""
    word, value, whole_nodes, limit, policy, create = b"", b"", False, None, b"", True
    threshold, identity = 0, None
    at, end = 2, len(argv)
    while at < end:
        option, more = argv[at].upper(), end - at - 1
        if adding and option == b"*":
            break
        if option in {b"MAXLEN", b"MINID"} and more:
            if word:
                raise CommandError(
                    "syntax error, MAXLEN and MINID options at the same time are not compatible"
                )
            word, whole_nodes = option, False
            if more >= 2 and argv[at + 1] in {b"~", b"="}:
                at += 1
                whole_nodes = argv[at] == b"~"
            at += 1
            value = argv[at]
            threshold = _parse_threshold(word, value)
        elif option == b"LIMIT" and more:
            at += 1
            limit = parse_int(argv[at])
            if limit < 0:
                raise CommandError("The LIMIT argument must be >= 0.")
        elif adding and option == b"NOMKSTREAM":
            create = False
        elif adding and more >= _WORDS_OF_IDENTITY.get(option, more + 1):
            identity = _parse_identity(option, argv, at, identity)
            at += _WORDS_OF_IDENTITY[option]
        elif option in POLICIES and not policy:
            policy = option
        elif adding:
            break
        else:
            raise syntax_error()
        at += 1
    return Options(word, threshold, whole_nodes, limit, policy or KEEPREF, create, identity, at)


_WORDS_OF_IDENTITY = {b"IDMP": 2, b"IDMPAUTO": 1}


def _parse_identity(option: bytes, argv: Argv, at: int, before: Identity | None) -> Identity:
    """IDMP with a producer and an idempotent ID, or IDMPAUTO with a producer."""
    name = option.decode()
    if before is not None:
        raise CommandError("syntax error, IDMP/IDMPAUTO specified multiple times")
    if not argv[at + 1]:
        raise CommandError(f"syntax error, {name} requires a non-empty producer ID")
    if option == b"IDMPAUTO":
        return Identity(argv[at + 1], None)
    if not argv[at + 2]:
        raise CommandError(f"syntax error, {name} requires a non-empty idempotent ID")
    return Identity(argv[at + 1], argv[at + 2])


def _trimming_of(options: Options) -> Trimming | None:
    """What the options ask for, if they fit together. A LIMIT of 0 counts as one only beside `=`."""
    word, threshold, whole_nodes, limit = options[:4]
    if limit and not word:
        raise CommandError("syntax error, LIMIT cannot be used without specifying a trimming strategy")
    if limit is not None and not whole_nodes:
        raise CommandError("syntax error, LIMIT cannot be used without the special ~ option")
    if not word:
        return None
    if limit is None and whole_nodes:
        limit = DEFAULT_LIMIT_NODES * StreamValue.node_max_entries
    return Trimming(word, threshold, whole_nodes, limit or 0, options.policy)


def _parse_threshold(word: bytes, value: bytes) -> int:
    if word == b"MINID":
        return parse_id(value)
    threshold = parse_int(value)
    if threshold < 0:
        raise CommandError("The MAXLEN argument must be >= 0.")
    return threshold


def _trim(c: Client, stream: StreamValue, trimming: Trimming) -> int:
    """Remove what is to be trimmed; return how many entries that was.

    With `~` only KEEPREF removes any in redis-server 8.2.3, which so lets streams grow without an end.
    """
    by_length, whole_nodes = trimming.word == b"MAXLEN", trimming.whole_nodes
    if whole_nodes and trimming.policy != KEEPREF and c.server.config.compat_version < NODES_LOOKED_INTO:
        return 0
    if trimming.policy == ACKED and stream.groups:
        maxlen, minid = (trimming.threshold, None) if by_length else (0, trimming.threshold)
        return stream.drop_acknowledged(maxlen, minid, whole_nodes=whole_nodes, limit=trimming.limit)
    count = stream.excess(trimming.threshold) if by_length else stream.below(trimming.threshold)
    if by_length and count:
        stream.drop_empty_nodes()
    if whole_nodes:
        minid = MAX + 1 if by_length else trimming.threshold
        count = stream.in_whole_nodes(count, trimming.limit, minid)
    if trimming.policy == DELREF and stream.groups:
        stream.forget(stream.ids(count))
    stream.drop_first(count, None if by_length else trimming.threshold)
    return count


def _logged_trimming(stream: StreamValue, trimming: Trimming) -> Argv:
    """The words that say what was trimmed; the stream is what it became."""
    shown = show_id(trimming.threshold) if trimming.word == b"MINID" else b"%d" % trimming.threshold
    if trimming.whole_nodes:
        shown = b"%d" % len(stream)
    policy = [] if trimming.policy == KEEPREF else [trimming.policy]
    return [b"MAXLEN" if trimming.whole_nodes else trimming.word, b"=", shown, *policy]


# -- adding ----------------------------------------------------------------------------------------


def _xadd_run(c: Client, run: Run) -> bytes | None:
    """Entries added to one stream, with IDs by the server and perhaps MAXLEN ~, or as a log has them."""
    shared = run.shared
    if len(shared) == 2 and run.words >= 5 and run.words % 2:
        return _xadd_ids_run(c, run)
    try:
        begin, trimming = _trimming_of_run(run)
        stream = c.db.find(shared[1], StreamValue) if begin else None
    except CommandError:
        return None
    created = stream is None
    if stream is None:
        stream = StreamValue()
    db, name, count = c.db, shared[1] if begin else b"", run.count
    first_id = stream.next_id(c.server.clock.now_ms)
    excess = len(stream) + count - trimming.threshold if trimming else 0
    if not begin or first_id + count > MAX:
        return None
    if trimming and (trimming.threshold <= count or 0 < trimming.limit < excess):
        return None  # each entry matters, as what has just been added may go
    if created:
        db.add(name, stream)
    ids = id_column(first_id, count)
    columns = [Column.of([word] * count, constant=True) for word in shared[begin:]] + run.described
    stream.extend(range(first_id, first_id + count), ids, columns)
    logged = Run.of([b"XADD", name], [ids, *columns])
    logged.encoded = encode_commands(logged.shared, logged.described)
    if trimming and excess > 0 and _trim(c, stream, trimming):
        last = [column.words[-1] for column in logged.described]
        trimmed = bulks([b"XADD", name, *_logged_trimming(stream, trimming), *last])
        logged.encoded = logged.encoded.removesuffix(bulks([b"XADD", name, *last])) + trimmed
    c.effects.append((db, name, "xadd", logged))
    return ids.bulk_strings()


def _trimming_of_run(run: Run) -> tuple[int, Trimming | None]:
    """Where the fields of a run begin whose IDs the server chooses, and its MAXLEN ~; 0 if it is none such.

    Raises CommandError.
    """
    shared, trimming = run.shared, None
    at = 2
    if len(shared) > at and shared[at] != b"*":
        options = _parse_options(shared, adding=True)
        at, trimming = options.at, _trimming_of(options)
        plain = options.create and options.identity is None and options.policy == KEEPREF
        if not (plain and trimming and trimming.whole_nodes and trimming.word == b"MAXLEN"):
            return 0, None
    words = run.words - at - 1
    fits = len(shared) > at and shared[at] == b"*" and words >= 2 and words % 2 == 0
    return (at + 1, trimming) if fits else (0, None)


def _xadd_ids_run(c: Client, run: Run) -> bytes | None:
    """Entries with whole, ascending IDs, added to one stream."""
    db, name = c.db, run.shared[1]
    texts = run.columns[0]
    try:
        stream = db.find(name, StreamValue)
    except CommandError:
        return None
    ids = entry_ids.ascending(texts, stream.last_id if stream is not None else 0)
    if ids is None:
        return None
    if stream is None:
        stream = StreamValue()
        db.add(name, stream)
    described = run.described
    stream.extend(ids, described[0], described[1:])
    c.effects.append((db, name, "xadd", run))
    return bulk_strings(texts)


@command("XADD", arity=-5, flags=WRITE | DENYOOM | FAST,
         keys=(Keys("RW update", 1, notes=NOTE_ON_XADD),), group="stream", since="5.0.0",
         syntax="key [NOMKSTREAM] [KEEPREF | DELREF | ACKED] [<MAXLEN | MINID> [= | ~] threshold"
             " [LIMIT count]] <* | id> field value [field value ...]",
         tips=("nondeterministic_output",), complexity="O(1), and O(n) for n entries that are trimmed",
         bulk=_xadd_run, argument_groups="condition trim strategy operator id-selector data",
         argument_versions={"nomkstream": "6.2.0", "minid": "6.2.0", "count": "6.2.0"})  # fmt: skip
def xadd(c: Client, argv: Argv) -> bytes:
    """Append an entry to a stream, creating it first if needed; the answer is its ID."""
    if argv[2] != b"*":
        return _add_with_options(c, argv)
    words = argv[3:]
    if len(words) % 2:
        raise _odd_words()
    db, name = c.db, argv[1]
    stream = db.find(name, StreamValue)
    if stream is None:
        stream = StreamValue()
        db.add(name, stream)
    text = stream.add(_choose_id(stream, None, c.server.clock.now_ms), words)
    c.effects.append((db, name, "xadd", [b"XADD", name, text, *words]))
    return bulk(text)


def _odd_words() -> CommandError:
    return CommandError("wrong number of arguments for 'xadd' command")


def _add_with_options(c: Client, argv: Argv) -> bytes:
    """XADD with options, or an ID of the client's."""
    options = _parse_options(argv, adding=True)
    wanted, words = _parse_wanted(argv, options.at), argv[options.at + 1 :]
    trimming = _trimming_of(options)
    identity = options.identity
    if identity and wanted is not None and not c.server.loading:
        raise CommandError("syntax error, IDMP/IDMPAUTO can be used only with auto-generated IDs")
    if not words or len(words) % 2:
        raise _odd_words()
    if wanted == (0, 0):
        raise CommandError("The ID specified in XADD must be greater than 0-0")
    db, name = c.db, argv[1]
    stream = db.find(name, StreamValue)
    if stream is None and not options.create:
        return c.enc.null
    message = identity.message_of(words) if identity else b""
    if stream is not None and stream.idempotency is not None and identity and wanted is None:
        known = stream.idempotency.find(identity.producer, message, c.server.clock.now_ms)
        if known is not None:
            return _answer_again(c, name, stream, identity.producer, message, show_id(known))
    if stream is None:
        stream = StreamValue()
        entry_id = _choose_id(stream, wanted, c.server.clock.now_ms)
        db.add(name, stream)
    else:
        entry_id = _choose_id(stream, wanted, c.server.clock.now_ms)
    text = stream.add(entry_id, words)
    logged = [b"XADD", name, text, *words]
    removed = _trim(c, stream, trimming) if trimming else 0
    if trimming and removed:
        logged[2:2] = _logged_trimming(stream, trimming)
    c.effects.append((db, name, "xadd", logged))
    if removed:
        c.effects.append((db, name, "xtrim", None))
    if identity:
        stream.idempotent().remember(identity.producer, message, entry_id, c.server.clock.now_ms)
        stream.idempotent().added += 1
        record = [b"XIDMPRECORD", name, identity.producer, message, text]
        c.effects.append((db, None, None, Annotation(record)))
    return bulk(text)


def _answer_again(
    c: Client, name: bytes, stream: StreamValue, producer: bytes, message: bytes, text: bytes
) -> bytes:
    """The message is known: count it, which is a change, but touches nobody else."""
    stream.idempotent().duplicates += 1
    record = [b"XIDMPRECORD", name, producer, message, text]
    c.effects.append((c.db, None, None, Annotation(record)))
    return bulk(text)


def _parse_wanted(argv: Argv, at: int) -> tuple[int, int | None] | None:
    """The ID asked for: milliseconds and a sequence number, None for what is up to the server, or missing."""
    if at == len(argv) or argv[at] == b"*":
        return None
    try:
        return entry_ids.read_open_id(argv[at])
    except ValueError:
        raise invalid_id() from None


def _choose_id(stream: StreamValue, wanted: tuple[int, int | None] | None, now_ms: int) -> int:
    """The ID of the new entry, greater than that of any before."""
    if stream.last_id == MAX:
        raise CommandError("The stream has exhausted the last possible ID, unable to add more items")
    if wanted is None:
        return stream.next_id(now_ms)
    ms, seq = wanted
    entry_id = ms << SEQ_BITS | (seq or 0)
    if seq is None and ms == stream.last_id >> SEQ_BITS and stream.last_id & SEQ_MAX < SEQ_MAX:
        return stream.last_id + 1
    if entry_id <= stream.last_id:
        raise CommandError("The ID specified in XADD is equal or smaller than the target stream top item")
    return entry_id


# -- looking ---------------------------------------------------------------------------------------


@command("XLEN", arity=2, flags=READONLY | FAST, keys=(key(1, "RO"),), group="stream", since="5.0.0",
         syntax="key")  # fmt: skip
def xlen(c: Client, argv: Argv) -> bytes:
    """How many entries a stream has."""
    stream = c.read(argv[1], StreamValue)
    return ZERO if stream is None else integer(len(stream))


def parse_start(word: bytes) -> int:
    """The first ID of an interval: `-`, an ID, or `(` and an ID that is left out."""
    if word[:1] != b"(":
        return {b"-": 0, b"+": MAX}[word] if word in {b"-", b"+"} else parse_id(word)
    start = parse_id(word[1:]) + 1
    if start > MAX:
        raise CommandError("invalid start ID for the interval")
    return start


def parse_stop(word: bytes) -> int:
    """The last ID of an interval; without a sequence number all of that millisecond is meant."""
    if word[:1] != b"(":
        return {b"-": 0, b"+": MAX}[word] if word in {b"-", b"+"} else parse_id(word, SEQ_MAX)
    stop = parse_id(word[1:], SEQ_MAX) - 1
    if stop < 0:
        raise CommandError("invalid end ID for the interval")
    return stop


def _parse_count(argv: Argv) -> int:
    """The COUNT that may follow an interval; the last one holds."""
    count = INT64_MAX
    for at in range(4, len(argv), 2):
        if argv[at].upper() != b"COUNT" or at + 1 == len(argv):
            raise syntax_error()
        count = parse_int(argv[at + 1])
    return max(0, count)


@command("XRANGE", arity=-4, flags=READONLY, keys=READ, group="stream", since="5.0.0",
         syntax="key start end [COUNT count]", complexity="O(log n) and slices of the entries")  # fmt: skip
def xrange(c: Client, argv: Argv) -> bytes:
    """The entries of an interval of IDs."""
    start, stop = parse_start(argv[2]), parse_stop(argv[3])
    count = _parse_count(argv)
    stream = c.read(argv[1], StreamValue)
    if stream is None:
        return array([])
    return entries_reply(stream, start, stop, count) if count else c.enc.null_array


def entries_reply(stream: StreamValue, start: int, stop: int, count: int) -> bytes:
    """The first `count` entries with IDs from `start` to `stop`."""
    return b"".join(stretches_pieces(stream.first(start, stop, count) if start <= stop else []))


def stretches_pieces(stretches: list[Stretch]) -> list[bytes]:
    """The array of all entries of some stretches, in pieces."""
    total = sum([stretch.stop - stretch.start for stretch in stretches])
    return [b"*%d\r\n" % total, *[stretch.replies() for stretch in stretches]]


@command("XREVRANGE", arity=-4, flags=READONLY, keys=READ, group="stream", since="5.0.0",
         syntax="key end start [COUNT count]", complexity="O(log n + m), m entries returned")  # fmt: skip
def xrevrange(c: Client, argv: Argv) -> bytes:
    """The entries of an interval of IDs, the last one first."""
    start, stop = parse_start(argv[3]), parse_stop(argv[2])
    count = _parse_count(argv)
    stream = c.read(argv[1], StreamValue)
    if stream is None:
        return array([])
    if not count:
        return c.enc.null_array
    return array(stream.last(start, stop, count) if start <= stop else [])


# -- deleting --------------------------------------------------------------------------------------


def _xdel_run(c: Client, run: Run) -> bytes | None:
    """Deletions of one entry each from one stream."""
    if run.words != 3 or not run.last or (ids := entry_ids.numbers_of(run.last)) is None:
        return None
    db, name = c.db, run.shared[1]
    try:
        stream = db.find(name, StreamValue)
    except CommandError:
        return None
    if stream is None:
        return ZERO * run.count
    deleted = stream.delete(ids)
    if False not in deleted:
        c.effects.append((db, name, "xdel", run))
        return ONE * run.count
    if True in deleted:
        c.effects.append((db, name, "xdel", run.those(deleted)))
    return b"".join([ONE if one else ZERO for one in deleted])


@command("XDEL", arity=-3, flags=WRITE | FAST, keys=DELETE, group="stream", since="5.0.0",
         syntax="key id [id ...]", complexity="O(log n) for each ID", bulk=_xdel_run)  # fmt: skip
def xdel(c: Client, argv: Argv) -> bytes:
    """Delete entries; the answer is how many there were."""
    db, name = c.db, argv[1]
    stream = db.find(name, StreamValue)
    if stream is None:
        return ZERO
    deleted = stream.delete([parse_id(word) for word in argv[2:]]).count(True)
    if deleted:
        c.effects.append((db, name, "xdel", argv))
    return integer(deleted)


@command("XTRIM", arity=-4, flags=WRITE, keys=DELETE, group="stream", since="5.0.0",
         syntax="key <<MAXLEN | MINID> [= | ~] threshold [LIMIT count] [KEEPREF | DELREF | ACKED]>",
         tips=("nondeterministic_output",), complexity="O(n), n entries deleted",
         argument_groups="trim strategy operator condition",
         argument_versions={"minid": "6.2.0", "count": "6.2.0"})  # fmt: skip
def xtrim(c: Client, argv: Argv) -> bytes:
    """Delete entries from the beginning of a stream; the answer is how many."""
    options = _parse_options(argv, adding=False)
    if not options.word and not options.limit:
        raise CommandError("syntax error, XTRIM must be called with a trimming strategy")
    trimming = _trimming_of(options)
    assert trimming is not None
    db, name = c.db, argv[1]
    stream = db.find(name, StreamValue)
    if stream is None:
        return ZERO
    removed = _trim(c, stream, trimming)
    if removed:
        c.effects.append((db, name, "xtrim", [b"XTRIM", name, *_logged_trimming(stream, trimming)]))
    return integer(removed)


@command("XSETID", arity=-3, flags=WRITE | DENYOOM | FAST, keys=UPDATE, group="stream", since="5.0.0",
         syntax="key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]",
         argument_versions={"entries-added": "7.0.0", "max-deleted-id": "7.0.0"})  # fmt: skip
def xsetid(c: Client, argv: Argv) -> bytes:
    """Set what a stream remembers: its last ID, how many entries there were, the greatest one deleted."""
    last_id = parse_id(argv[2])
    added, max_deleted = _parse_history(argv, last_id)
    stream = c.db.find(argv[1], StreamValue)
    if stream is None:
        raise no_such_key()
    if last_id < stream.max_deleted_id:
        raise CommandError("The ID specified in XSETID is smaller than current max_deleted_entry_id")
    if len(stream) and last_id < (stream.top_id()):
        raise CommandError("The ID specified in XSETID is smaller than the target stream top item")
    if added is not None and added < len(stream):
        raise CommandError("The entries_added specified in XSETID is smaller than the target stream length")
    stream.last_id = last_id
    if added is not None:
        stream.entries_added = added
    if max_deleted:
        stream.max_deleted_id = max_deleted
    c.effects.append((c.db, argv[1], "xsetid", argv))
    return OK


def _parse_history(argv: Argv, last_id: int) -> tuple[int | None, int]:
    """The options of XSETID: entries added, and the greatest ID deleted, 0 for what it is."""
    added, max_deleted = None, 0
    for option in (options := Words(argv, 3)):
        if option == b"ENTRIESADDED":
            added = parse_int(options.value())
            if added < 0:
                raise CommandError("entries_added must be positive")
        elif option == b"MAXDELETEDID":
            max_deleted = parse_id(options.value())
            if max_deleted > last_id:
                raise CommandError(
                    "The ID specified in XSETID is smaller than the provided max_deleted_entry_id"
                )
        else:
            raise syntax_error()
    return added, max_deleted
