"""Replies that may differ, and how far. Every entry has its reason in differences.md.

A normaliser gets the command and both replies, already known to be of the same kind, and says
whether they are equivalent. Errors are never normalised: their text is compared byte for byte.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from compat.oracle.case import CALL, CALL_RESP3
from compat.oracle.wire import Argv, Node, plain
from compat.servers import OF_VALKEY
from respq.rdb.payload import read_libraries

Normaliser = Callable[[Argv, Node, Node], bool]

SHARED = 1000  # a larger reference count means that the object is one of the shared ones
LONG_AGO_MS = 10**12  # a greater number is a moment; redis-server's and ours are
TIMES_APART_MS = 3000  # at most
WHOLE_SCAN = 100  # a COUNT that reaches every key of a case in one call
SUBCOMMANDS = frozenset(
    b"ACL CLIENT COMMAND CONFIG DEBUG FUNCTION MEMORY OBJECT PUBSUB SCRIPT SLOWLOG XGROUP XINFO".split()
)
# Of INFO: our own fields, and those whose names depend on what was done.
INFO_PREFIXES = (
    *(b"respq_", b"python_version", b"eventloop_duration_max"),
    *(b"db", b"listener", b"cmdstat_", b"errorstat_", b"latency_percentiles_"),
)
# Of CLIENT LIST and CLIENT INFO; the other fields are sizes, ages, addresses and counters.
CLIENT_FIELDS = (
    *(b"name", b"db", b"sub", b"psub", b"ssub", b"multi", b"watch", b"cmd", b"user", b"redir"),
    *(b"resp", b"lib-name", b"lib-ver"),
)


def equivalent(argv: Argv, expected: Node, found: Node) -> bool:
    """Whether a client could not tell the replies apart, or the difference is an intended one."""
    if expected == found:
        return True
    if expected[0] != found[0] or expected[0] in b"-!?":
        return False
    argv = called(argv)
    normaliser = NORMALISERS.get(command_name(argv))
    if normaliser is None:
        return False
    try:
        return normaliser(argv, expected, found)
    except (ValueError, TypeError, LookupError):  # a reply of another shape
        return False


def called(argv: Argv) -> Argv:
    """What a script calls that does nothing else."""
    return argv[3:] if argv[0] == b"EVAL" and argv[1:2] in ([CALL], [CALL_RESP3]) else argv


def command_name(argv: Argv) -> bytes:
    """`GET`, or `CLIENT|LIST`."""
    name = argv[0].upper()
    return b"%b|%b" % (name, argv[1].upper()) if name in SUBCOMMANDS and len(argv) > 1 else name


def any_order(_argv: Argv, expected: Node, found: Node) -> bool:
    """The same items, each as often."""
    return sorted(expected[1]) == sorted(found[1])


def near(tolerance: int) -> Normaliser:
    """Moments and spans: the servers do not run at the same time. Negative values are answers."""

    def compare(_argv: Argv, expected: Node, found: Node) -> bool:
        a, b = plain(expected), plain(found)
        return bool(min(a, b) >= 0 and abs(a - b) <= tolerance)

    return compare


def near_each(tolerance: int) -> Normaliser:
    """As `near`, one for each field."""

    def compare(_argv: Argv, expected: Node, found: Node) -> bool:
        a, b = plain(expected), plain(found)
        return len(a) == len(b) and all(
            x == y or (min(x, y) >= 0 and abs(x - y) <= tolerance) for x, y in zip(a, b, strict=True)
        )

    return compare


def same_kind(_argv: Argv, expected: Node, found: Node) -> bool:
    """The value is the server's own business."""
    return (expected[1] is None) == (found[1] is None)


def libraries(_argv: Argv, expected: Node, found: Node) -> bool:
    """Of functions, in any order, and so their functions."""
    return _unordered_libraries(expected) == _unordered_libraries(found)


def _unordered_libraries(node: Node) -> list[str]:
    found = []
    for library in plain(node):
        described = library if isinstance(library, dict) else dict(_pairs(library))
        described[b"functions"] = sorted(map(repr, described[b"functions"]))
        found.append(repr(described))
    return sorted(found)


def dumped_libraries(_argv: Argv, expected: Node, found: Node) -> bool:
    """The same libraries in a payload, in any order."""
    return sorted(read_libraries(plain(expected))) == sorted(read_libraries(plain(found)))


def same_members(_argv: Argv, expected: Node, found: Node) -> bool:
    """An order nobody promises."""
    return Counter(plain(expected)) == Counter(plain(found))


def fields(argv: Argv, expected: Node, found: Node) -> bool:
    """Of a hash in a hash table, fields with values, or either, in any order.

    The family keeps hash tables under names that begin with t; in a listpack the order is Redis's.
    """
    return argv[1].startswith(b"t") and _unordered(plain(expected)) == _unordered(plain(found))


def _unordered(reply: Any) -> Any:
    if isinstance(reply, dict):
        return reply
    return Counter(reply)


def random_fields(argv: Argv, expected: Node, found: Node) -> bool:
    """As many, in the same shape; as `fields`, if more are asked for than there are."""
    a, b = plain(expected), plain(found)
    if not isinstance(a, list):
        return (a is None) == (b is None)
    count = int(argv[2])
    flat = len(argv) > 3 and a and isinstance(a[0], bytes)  # fields and values in turn
    if count < 0 or len(a) == (2 * count if flat else count):
        return len(a) == len(b)
    return argv[1].startswith(b"t") and sorted(a) == sorted(b)


def members(argv: Argv, expected: Node, found: Node) -> bool:
    """Of sets of which one, by its name, may be a hash table: in any order."""
    return any(name.startswith(b"t") for name in argv[1:]) and same_members(argv, expected, found)


def popped_members(argv: Argv, expected: Node, found: Node) -> bool:
    """All of a set, in any order."""
    return len(argv) > 2 and same_members(argv, expected, found)


def random_set_members(argv: Argv, expected: Node, found: Node) -> bool:
    """As many, or all; `members` then."""
    a, b = plain(expected), plain(found)
    if not isinstance(a, list):
        return (a is None) == (b is None)
    drawn = int(argv[2]) < 0 or len(a) == int(argv[2])
    return len(a) == len(b) if drawn else members(argv, expected, found)


def scan(argv: Argv, expected: Node, found: Node) -> bool:
    """Cursors are opaque; a call that must reach everything returns the same keys."""
    (cursor, keys), (other_cursor, other_keys) = plain(expected), plain(found)
    words = [word.upper() for word in argv]
    count = int(argv[words.index(b"COUNT") + 1]) if b"COUNT" in words else 10
    if count >= WHOLE_SCAN:
        return bool(cursor == other_cursor == b"0") and Counter(keys) == Counter(other_keys)
    return bool(cursor.isdigit() and other_cursor.isdigit())


def random_members(_argv: Argv, expected: Node, found: Node) -> bool:
    """ZRANDMEMBER draws: so many members, of the same shape."""
    a, b = plain(expected), plain(found)
    if not isinstance(a, list):
        return a is not None and b is not None
    return bool(len(a) == len(b) and [type(item) for item in a] == [type(item) for item in b])


def collection_scan(argv: Argv, expected: Node, found: Node) -> bool:
    """As `scan`, for members in pairs."""
    (cursor, members), (other_cursor, other_members) = plain(expected), plain(found)
    words = [word.upper() for word in argv]
    count = int(argv[words.index(b"COUNT") + 1]) if b"COUNT" in words else 10
    if count >= WHOLE_SCAN and argv[2] == b"0":
        pairs, other_pairs = _pairs(members), _pairs(other_members)
        return bool(cursor == other_cursor == b"0") and Counter(pairs) == Counter(other_pairs)
    return bool(cursor.isdigit() and other_cursor.isdigit())


def scan_fields(argv: Argv, expected: Node, found: Node) -> bool:
    """As `fields`, if all of it was asked for; a listpack is returned at once, whatever the cursor."""
    from_the_start = argv[2] == b"0"
    return argv[1].startswith(b"t") and (not from_the_start or scan(argv, expected, found))


def clients(_argv: Argv, expected: Node, found: Node) -> bool:
    """Of the client that asks, all it told us, with the same fields in the same order.

    The asking client is the one whose command is CLIENT LIST. Nothing more is compared if there are
    several of them, or none because the list was asked for others or within EXEC.
    """
    theirs, ours = _asking(expected), _asking(found)
    return len(theirs) != 1 or len(ours) != 1 or theirs == ours


def _asking(node: Node) -> list[Any]:
    lines = []
    for line in plain(node).removeprefix(b"txt:").splitlines():
        fields = [field.partition(b"=")[::2] for field in line.split(b" ")]
        values = dict(fields)
        if values[b"cmd"] in (b"client|list", b"client|info"):
            lines.append(([name for name, _ in fields], [values[name] for name in CLIENT_FIELDS]))
    return lines


LOG_FIELDS = (b"count", b"reason", b"context", b"object", b"username")
LOGGED_CLIENT_FIELDS = (b"name", b"db", b"user", b"resp")


def access_log(_argv: Argv, expected: Node, found: Node) -> bool:
    """What was refused to whom; not when, nor what else the client did."""
    return _refusals(expected) == _refusals(found)


def _refusals(node: Node) -> list[Any]:
    refusals = []
    for entry in plain(node):
        pairs = list(entry.items()) if isinstance(entry, dict) else _pairs(entry)
        values = dict(pairs)
        info = dict(field.partition(b"=")[::2] for field in values[b"client-info"].split(b" "))
        refusals.append((
            [name for name, _ in pairs],
            [values[name] for name in LOG_FIELDS],
            [info[name] for name in LOGGED_CLIENT_FIELDS],
        ))  # fmt: skip
    return refusals


def category(argv: Argv, expected: Node, found: Node) -> bool:
    """Of a category: some commands; `test_acl.py` compares them all."""
    return len(argv) == 3 and bool(set(plain(expected)) & set(plain(found)))


def same_length(_argv: Argv, expected: Node, found: Node) -> bool:
    """Something random, of a certain length."""
    return len(expected[1]) == len(found[1])


def hello(_argv: Argv, expected: Node, found: Node) -> bool:
    """`server` names the product, `id` is a counter, and respq has no modules."""
    a, b = _pairs(plain(expected)), _pairs(plain(found))
    free = (b"server", b"id", b"modules")
    kept = [[pair for pair in pairs if pair[0] not in free] for pairs in (a, b)]
    return kept[0] == kept[1] and [name for name, _ in a] == [name for name, _ in b]


def _pairs(value: Any) -> list[tuple[bytes, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(zip(value[::2], value[1::2], strict=True))


def info(_argv: Argv, expected: Node, found: Node) -> bool:
    """Values are measurements; what we name, redis-server names too."""
    extra = _info_names(found) - _info_names(expected)
    return all(name.startswith(INFO_PREFIXES) for name in extra)


def _info_names(node: Node) -> set[bytes]:
    lines: list[bytes] = plain(node).splitlines()
    return {line.partition(b":")[0] for line in lines if line}


def role(_argv: Argv, expected: Node, found: Node) -> bool:
    """A master; its offset counts bytes that are not the same."""
    a, b = plain(expected), plain(found)
    return bool(a[0] == b[0] and a[2:] == b[2:])


def stream_times(_argv: Argv, expected: Node, found: Node) -> bool:
    """What XINFO tells of streams; moments, and how long ago they were, may be a little apart."""
    return _same_but_times(plain(expected), plain(found))


def _same_but_times(a: Any, b: Any, name: Any = None) -> bool:
    if isinstance(a, dict):
        return list(a) == list(b) and all(_same_but_times(a[key], b[key], key) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(_same_but_times, a, b, [None, *a]))
    if name in (b"idle", b"inactive") or (isinstance(a, int) and a > LONG_AGO_MS):
        return a == b or bool(min(a, b) >= 0 and abs(a - b) <= TIMES_APART_MS)
    return bool(a == b)


def stream_after_loading(_argv: Argv, before: Node, after: Node) -> bool:
    """What XINFO tells of a stream and of the same one loaded from a log of respq.

    How it is kept depends on what was done, of which the log has the outcome.
    """
    return _same_but_times(_without_nodes(plain(before)), _without_nodes(plain(after)))


def _without_nodes(reply: Any) -> Any:
    if not isinstance(reply, list):
        return reply
    names = [None, *reply]
    return [
        None if isinstance(name, bytes) and name.startswith(b"radix-tree") else item
        for name, item in zip(names, reply, strict=False)
    ]


def same_but_activity(_argv: Argv, before: Node, after: Node) -> bool:
    """What XINFO tells of a stream and of one that was loaded: consumers are seen anew."""
    return bool(_without_activity(plain(before)) == _without_activity(plain(after)))


def _without_activity(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    names = [None, *value]
    return [
        item > 0 if name in (b"seen-time", b"active-time") else _without_activity(item)
        for name, item in zip(names, value, strict=False)
    ]


def pending_entries(_argv: Argv, expected: Node, found: Node) -> bool:
    """Rows of an ID, a consumer, for how many milliseconds it has had the entry, and how often."""
    rows, other_rows = ([[*row[:2], *row[3:]] for row in plain(node)] for node in (expected, found))
    spans, others = ([row[2] for row in plain(node)] for node in (expected, found))
    return rows == other_rows and all(
        min(a, b) >= 0 and abs(a - b) <= TIMES_APART_MS for a, b in zip(spans, others, strict=True)
    )


def parameters(_argv: Argv, expected: Node, found: Node) -> bool:
    """redis-server answers CONFIG GET in the order of a hash table."""
    return sorted(_pairs(plain(expected))) == sorted(_pairs(plain(found)))


def memory_stats(_argv: Argv, expected: Node, found: Node) -> bool:
    """The same fields of the same types in the same order; of databases, the fields of each."""
    theirs, ours = ([_kinds(node) for node in stats[1]] for stats in (expected, found))
    return expected[0] == found[0] and _without_databases(theirs) == _without_databases(ours)


def _kinds(node: Node) -> object:
    """A name as it is, of a number the type: a double is a text in RESP2."""
    kind, content = node
    if isinstance(content, list):
        return kind, [_kinds(each) for each in content]
    return (kind, content) if isinstance(content, bytes) and content[:1].isalpha() else kind


def _without_databases(kinds: list[object]) -> list[object]:
    pairs = zip(kinds[::2], kinds[1::2], strict=True)
    return [pair for pair in pairs if not str(pair[0]).startswith("(b'$', b'db.") or "rehashing" in str(pair)]


def help_text(argv: Argv, expected: Node, found: Node) -> bool:
    """The same title, and subcommands that redis-server has, or Valkey; the rest is our own words."""
    theirs, ours = plain(expected), plain(found)
    known = _subcommands(theirs) | {name for name in _subcommands(ours) if _of_valkey(argv[0], name)}
    return bool(theirs[0] == ours[0]) and _subcommands(ours) <= known


def _of_valkey(container: bytes, name: bytes) -> bool:
    return f"{container.decode().upper()}|{name.decode()}" in OF_VALKEY


def _subcommands(lines: Sequence[bytes]) -> set[bytes]:
    """The explanations are indented."""
    return {line.split()[0] for line in lines[1:] if not line.startswith(b" ")}


def refcount(_argv: Argv, expected: Node, found: Node) -> bool:
    """redis-server also counts the transaction that still holds an argument; shared integers are exact."""
    return bool(max(plain(expected), plain(found)) < SHARED)


def debug_object(_argv: Argv, expected: Node, found: Node) -> bool:
    """The same fields, and the same encoding."""
    a, b = (dict(word.split(b":", 1) for word in plain(node).split(b" ")[1:]) for node in (expected, found))
    return list(a) == list(b) and a[b"encoding"] == b[b"encoding"]


def command_info(argv: Argv, expected: Node, found: Node) -> bool:
    """Flags, ACL categories and tips are sets; everything else is exact, subcommands included.

    The whole table is compared in test_command_info.py, entry by entry: respq's is shorter.
    """
    if len(argv) == 2:
        return True
    a, b = plain(expected), plain(found)
    if not isinstance(a, list) or len(a) != len(b):
        return False
    return all(map(same_command, a, b))


def same_command(expected: Any, found: Any) -> bool:
    """Two entries of COMMAND INFO."""
    if expected is None or found is None:
        return expected is found
    return bool(_without_order(expected) == _without_order(found))


def _without_order(entry: list[Any]) -> list[Any]:
    name, arity, flags, first, last, step, categories, tips, specs, subcommands = entry
    return [
        *(name, arity, set(flags), first, last, step, set(categories), set(tips)),
        [_spec_without_order(spec) for spec in specs],
        {sub[0]: _without_order(sub) for sub in subcommands},
    ]


def _spec_without_order(spec: Any) -> dict[bytes, Any]:
    fields = dict(_pairs(spec))
    return {**fields, b"flags": set(fields[b"flags"])}


NORMALISERS: dict[bytes, Normaliser] = {
    b"TTL": near(2),
    b"PTTL": near(2000),
    b"EXPIRETIME": near(2),
    b"PEXPIRETIME": near(2000),
    b"LASTSAVE": near(3600),
    b"TIME": same_kind,
    b"FUNCTION|LIST": libraries,
    b"FUNCTION|DUMP": dumped_libraries,
    b"HTTL": near_each(2),
    b"HPTTL": near_each(2000),
    b"HEXPIRETIME": near_each(2),
    b"HPEXPIRETIME": near_each(2000),
    b"PUBSUB|CHANNELS": any_order,
    b"PUBSUB|SHARDCHANNELS": any_order,
    b"HGETALL": fields,
    b"HKEYS": fields,
    b"HVALS": fields,
    b"HSCAN": scan_fields,
    b"HRANDFIELD": random_fields,
    b"SMEMBERS": members,
    b"SINTER": members,
    b"SUNION": same_members,  # collected in a hash table, whatever the sets are
    b"SDIFF": same_members,
    b"SPOP": popped_members,
    b"SRANDMEMBER": random_set_members,
    b"SSCAN": scan_fields,
    b"RANDOMKEY": same_kind,
    b"ACL|CAT": category,
    b"ACL|GENPASS": same_length,
    b"ACL|HELP": help_text,
    b"ACL|LOG": access_log,
    b"KEYS": same_members,
    b"SCAN": scan,
    b"HELLO": hello,
    b"INFO": info,
    b"LOLWUT": same_kind,
    b"WAITAOF": same_kind,
    b"CLIENT|ID": same_kind,
    b"CLIENT|INFO": clients,
    b"CLIENT|LIST": clients,
    b"CLIENT|HELP": help_text,
    b"FUNCTION|HELP": help_text,
    b"COMMAND": same_kind,
    b"COMMAND|COUNT": same_kind,
    b"COMMAND|DOCS": same_kind,
    b"COMMAND|HELP": help_text,
    b"COMMAND|INFO": command_info,
    b"COMMAND|LIST": same_kind,
    b"CONFIG|GET": parameters,
    b"CONFIG|HELP": help_text,
    b"DEBUG|OBJECT": debug_object,
    b"MEMORY|HELP": help_text,
    b"MEMORY|DOCTOR": same_kind,
    b"MEMORY|MALLOC-STATS": same_kind,
    b"MEMORY|STATS": memory_stats,
    b"MEMORY|USAGE": same_kind,
    b"ZRANDMEMBER": random_members,
    b"ZSCAN": collection_scan,
    b"OBJECT|HELP": help_text,
    b"OBJECT|IDLETIME": near(2),
    b"OBJECT|REFCOUNT": refcount,
    b"ROLE": role,
    b"PUBSUB|HELP": help_text,
    b"SCRIPT|HELP": help_text,
    b"SLOWLOG|HELP": help_text,
    b"XGROUP|HELP": help_text,
    b"XINFO|CONSUMERS": stream_times,
    b"XINFO|HELP": help_text,
    b"XINFO|STREAM": stream_times,
    b"XPENDING": pending_entries,
}
