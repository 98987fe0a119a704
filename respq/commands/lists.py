"""Lists: queues pushed and popped at either end, and what moves elements between them.

The four commands that carry a queue (LPUSH, RPUSH, LPOP, RPOP) are written out instead of sharing a helper,
since a call is a twentieth of such a command. They have bulk forms: pushes for any mixture of lists, pops
for one. Those that wait stand in `blocking_lists`.

Order of events, checked on 8.2.3: a move announces the push before the pop; `del` comes last, when a
list was emptied.
"""

from __future__ import annotations

from respq.command import (
    DENYOOM,
    FAST,
    MOVABLEKEYS,
    READONLY,
    WRITE,
    Argv,
    Client,
    Keys,
    command,
    key,
)
from respq.commands.arguments import (
    INT64_MAX,
    Options,
    parse_int,
    parse_int_between,
    parse_non_negative,
)
from respq.datatypes.lists import ListValue
from respq.datatypes.quicklist import push_to_each
from respq.errors import CommandError, no_such_key, out_of_range, syntax_error
from respq.keyspace import Database
from respq.protocol.resp import EMPTY_ARRAY, OK, ZERO, array, bulk, bulk_strings, bulks, integer
from respq.protocol.runs import Run

INSERT = (key(1, "RW insert"),)
POP = (key(1, "RW access delete"),)
READ = (key(1, "RO access"),)

_NOT_POSITIVE_KEYS = "numkeys should be greater than 0"
_NOT_POSITIVE_COUNT = "count should be greater than 0"
_RANK_ZERO = (
    "RANK can't be zero: use 1 to start from the first match, 2 from the second ... "
    "or use negative to start from the end of the list"
)


# -- push ------------------------------------------------------------------------------------------


def _push_run(c: Client, run: Run, left: bool) -> bytes | None:
    """Pushes of one element each."""
    if run.words != 3:
        return None
    if not run.last:
        return _push_each(c, run, left)
    db, name, elements = c.db, run.shared[1], run.last
    try:
        items = db.find_or_create(name, ListValue)
    except CommandError:
        return None
    length = items.push_left(elements, True) if left else items.push_right(elements, True)
    c.effects.append((db, name, "lpush" if left else "rpush", run))
    return b":%d\r\n" * len(run) % tuple(range(length - len(run) + 1, length + 1))


def _push_each(c: Client, run: Run, left: bool) -> bytes | None:
    """Pushes of one element each onto several lists."""
    db = c.db
    names, elements = run.columns
    found = db.find_each(names, ListValue)
    if found is None:
        return None
    lists = [
        db.find_or_create(name, ListValue) if items is None else items
        for name, items in zip(names, found, strict=True)
    ]
    lengths = push_to_each(lists, elements, left)
    c.effects.append((db, None, None, run))
    return b":%d\r\n" * len(lengths) % tuple(lengths)


def _lpush_run(c: Client, run: Run) -> bytes | None:
    return _push_run(c, run, True)


def _rpush_run(c: Client, run: Run) -> bytes | None:
    return _push_run(c, run, False)


@command("LPUSH", arity=-3, flags=WRITE | DENYOOM | FAST, keys=INSERT, group="list", since="1.0.0",
         syntax="key element [element ...]", complexity="O(n), n elements", bulk=_lpush_run)  # fmt: skip
def lpush(c: Client, argv: Argv) -> bytes:
    """Prepend elements to a list one by one, creating it first if needed."""
    db, name = c.db, argv[1]
    items = db.values.get(name)
    if items.__class__ is not ListValue or items.expires_ms:
        items = db.find_or_create(name, ListValue)
    items.accessed = db.clock.second
    length = items.push_left(argv[2:])
    c.effects.append((db, name, "lpush", argv))
    return b":%d\r\n" % length


@command("RPUSH", arity=-3, flags=WRITE | DENYOOM | FAST, keys=INSERT, group="list", since="1.0.0",
         syntax="key element [element ...]", complexity="O(n), n elements", bulk=_rpush_run)  # fmt: skip
def rpush(c: Client, argv: Argv) -> bytes:
    """Append elements to a list, creating it first if needed."""
    db, name = c.db, argv[1]
    items = db.values.get(name)
    if items.__class__ is not ListValue or items.expires_ms:
        items = db.find_or_create(name, ListValue)
    items.accessed = db.clock.second
    length = items.push_right(argv[2:])
    c.effects.append((db, name, "rpush", argv))
    return b":%d\r\n" % length


@command("LPUSHX", arity=-3, flags=WRITE | DENYOOM | FAST, keys=INSERT, group="list", since="2.2.0",
         syntax="key element [element ...]", complexity="O(n), n elements")  # fmt: skip
def lpushx(c: Client, argv: Argv) -> bytes:
    """Prepend elements to a list that exists already."""
    items = c.db.find(argv[1], ListValue)
    if items is None:
        return ZERO
    length = items.push_left(argv[2:])
    c.effects.append((c.db, argv[1], "lpush", argv))
    return integer(length)


@command("RPUSHX", arity=-3, flags=WRITE | DENYOOM | FAST, keys=INSERT, group="list", since="2.2.0",
         syntax="key element [element ...]", complexity="O(n), n elements")  # fmt: skip
def rpushx(c: Client, argv: Argv) -> bytes:
    """Append elements to a list that exists already."""
    items = c.db.find(argv[1], ListValue)
    if items is None:
        return ZERO
    length = items.push_right(argv[2:])
    c.effects.append((c.db, argv[1], "rpush", argv))
    return integer(length)


@command("LINSERT", arity=5, flags=WRITE | DENYOOM, keys=INSERT, group="list", since="2.2.0",
         syntax="key <BEFORE | AFTER> pivot element", complexity="O(n), n elements up to the pivot",
         argument_groups="where")  # fmt: skip
def linsert(c: Client, argv: Argv) -> bytes:
    """Insert an element before or after the first one that equals the pivot."""
    _, name, where, pivot, element = argv
    where = where.upper()
    if where not in {b"BEFORE", b"AFTER"}:
        raise syntax_error()
    items = c.db.find(name, ListValue)
    if items is None:
        return ZERO
    if not items.insert(where == b"BEFORE", pivot, element):
        return integer(-1)
    c.effects.append((c.db, name, "linsert", argv))
    return integer(items.count)


# -- pop -------------------------------------------------------------------------------------------


def remove_emptied(c: Client, db: Database, name: bytes) -> None:
    """Delete the key of a list whose last element was taken."""
    db.remove(name)
    c.effects.append((db, name, "del", None))


def _pop_count(c: Client, argv: Argv, left: bool) -> bytes:
    """LPOP or RPOP with a count."""
    if len(argv) > 3:
        raise CommandError(f"wrong number of arguments for '{'lpop' if left else 'rpop'}' command")
    count = parse_non_negative(argv[2])
    items = c.db.find(argv[1], ListValue)
    if items is None:
        return c.enc.null_array
    if count == 0:
        return EMPTY_ARRAY
    return bulks(_take(c, argv[1], items, count, left, argv))


def _take(
    c: Client, name: bytes, items: ListValue, count: int, left: bool, logged: Argv | Run
) -> list[bytes]:
    """Take up to `count` elements off the list under `name`, with the effects of that."""
    taken = items.take_left(count) if left else items.take_right(count)
    c.effects.append((c.db, name, "lpop" if left else "rpop", logged))
    if not items.count:
        remove_emptied(c, c.db, name)
    return taken


def _pop_run(c: Client, run: Run, left: bool) -> bytes | None:
    """Pops of one element each from one list, which may run out of elements."""
    if run.words != 2 or run.last.count(name := run.last[0]) != run.count:
        return None
    try:
        items = c.db.find(name, ListValue)
    except CommandError:
        return None
    if items is None:
        return c.enc.null * len(run)
    taken = _take(c, name, items, len(run), left, run if items.count >= run.count else run.first(items.count))
    return bulk_strings(taken) + c.enc.null * (len(run) - len(taken))


def _lpop_run(c: Client, run: Run) -> bytes | None:
    return _pop_run(c, run, True)


def _rpop_run(c: Client, run: Run) -> bytes | None:
    return _pop_run(c, run, False)


@command("LPOP", arity=-2, flags=WRITE | FAST, keys=POP, group="list", since="1.0.0", syntax="key [count]",
         complexity="O(n), n elements taken", bulk=_lpop_run,
         argument_versions={"count": "6.2.0"})  # fmt: skip
def lpop(c: Client, argv: Argv) -> bytes:
    """Take elements off the head of a list."""
    if len(argv) > 2:
        return _pop_count(c, argv, True)
    db, name = c.db, argv[1]
    items = db.find(name, ListValue)
    if items is None:
        return c.enc.null
    element = items.pop_left()
    c.effects.append((db, name, "lpop", argv))
    if not items.count:
        remove_emptied(c, db, name)
    return b"$%d\r\n%b\r\n" % (len(element), element)


@command("RPOP", arity=-2, flags=WRITE | FAST, keys=POP, group="list", since="1.0.0", syntax="key [count]",
         complexity="O(n), n elements taken", bulk=_rpop_run,
         argument_versions={"count": "6.2.0"})  # fmt: skip
def rpop(c: Client, argv: Argv) -> bytes:
    """Take elements off the tail of a list."""
    if len(argv) > 2:
        return _pop_count(c, argv, False)
    db, name = c.db, argv[1]
    items = db.find(name, ListValue)
    if items is None:
        return c.enc.null
    element = items.pop_right()
    c.effects.append((db, name, "rpop", argv))
    if not items.count:
        remove_emptied(c, db, name)
    return b"$%d\r\n%b\r\n" % (len(element), element)


def pop_words(argv: Argv, at: int) -> tuple[list[bytes], bool, int]:
    """Keys, side and count of LMPOP and BLMPOP, whose numkeys stands at `at`."""
    numkeys = parse_int_between(argv[at], 1, INT64_MAX, _NOT_POSITIVE_KEYS)
    options = Options(argv, at + 1)
    names = options.values(numkeys)
    left = is_left(options.value())
    count = None
    for option in options:
        if option != b"COUNT" or count is not None:
            raise syntax_error()
        count = parse_int_between(options.value(), 1, INT64_MAX, _NOT_POSITIVE_COUNT)
    return names, left, count or 1


def is_left(word: bytes) -> bool:
    """LEFT or RIGHT."""
    side = word.upper()
    if side not in {b"LEFT", b"RIGHT"}:
        raise syntax_error()
    return side == b"LEFT"


def pop_first(c: Client, names: list[bytes], left: bool) -> bytes | None:
    """Pop from the first key that holds a list, and name the key, as BLPOP does; else None."""
    db = c.db
    for name in names:
        items = db.find(name, ListValue)
        if items is None:
            continue
        if left:
            element = items.pop_left()
            c.effects.append((db, name, "lpop", [b"LPOP", name]))
        else:
            element = items.pop_right()
            c.effects.append((db, name, "rpop", [b"RPOP", name]))
        if not items.count:
            remove_emptied(c, db, name)
        return b"*2\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % (len(name), name, len(element), element)
    return None


def pop_several(c: Client, names: list[bytes], left: bool, count: int) -> bytes | None:
    """Pop up to `count` elements from the first key that holds a list, as LMPOP does; else None."""
    for name in names:
        items = c.db.find(name, ListValue)
        if items is not None:
            logged = [b"LPOP" if left else b"RPOP", name, b"%d" % min(count, items.count)]
            taken = _take(c, name, items, count, left, logged)
            return array([bulk(name), bulks(taken)])
    return None


@command("LMPOP", arity=-4, flags=WRITE | MOVABLEKEYS, keys=(Keys("RW access delete", 1, counted=True),),
         group="list", since="7.0.0", syntax="numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
         complexity="O(n + m), n keys, m elements taken", argument_groups="where")  # fmt: skip
def lmpop(c: Client, argv: Argv) -> bytes:
    """Take elements off the first of several lists that has any."""
    return pop_several(c, *pop_words(argv, 1)) or c.enc.null_array


# -- read ------------------------------------------------------------------------------------------


@command("LLEN", arity=2, flags=READONLY | FAST, keys=(key(1, "RO"),), group="list", since="1.0.0",
         syntax="key")  # fmt: skip
def llen(c: Client, argv: Argv) -> bytes:
    """The length of a list, 0 if there is none."""
    items = c.read(argv[1], ListValue)
    return ZERO if items is None else integer(items.count)


@command("LINDEX", arity=3, flags=READONLY, keys=READ, group="list", since="1.0.0", syntax="key index",
         complexity="O(n), n chunks to the nearer end")  # fmt: skip
def lindex(c: Client, argv: Argv) -> bytes:
    """The element at an index, which counts from the tail if negative."""
    items = c.read(argv[1], ListValue)
    if items is None:
        return c.enc.null
    element = items.index(parse_int(argv[2]))
    return c.enc.null if element is None else b"$%d\r\n%b\r\n" % (len(element), element)


def _bounds(length: int, start: int, stop: int) -> tuple[int, int]:
    """Two inclusive indexes, which may count from the tail, as indexes from 0."""
    if start < 0:
        start = max(0, start + length)
    if stop < 0:
        stop += length
    return start, min(stop, length - 1)


@command("LRANGE", arity=4, flags=READONLY, keys=READ, group="list", since="1.0.0", syntax="key start stop",
         complexity="O(s + n), s chunks to the nearer end, n elements returned")  # fmt: skip
def lrange(c: Client, argv: Argv) -> bytes:
    """The elements between two indexes, both included."""
    start, stop = parse_int(argv[2]), parse_int(argv[3])
    items = c.read(argv[1], ListValue)
    if items is None:
        return EMPTY_ARRAY
    start, stop = _bounds(items.count, start, stop)
    replies = [bulk_strings(run) for run in items.runs(start, stop)]
    return b"".join([b"*%d\r\n" % max(0, stop - start + 1), *replies])


@command("LPOS", arity=-3, flags=READONLY, keys=READ, group="list", since="6.0.6",
         syntax="key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
         complexity="O(n), n elements")  # fmt: skip
def lpos(c: Client, argv: Argv) -> bytes:
    """The index of elements that equal the given one."""
    rank, maxlen = 1, 0
    count: int | None = None
    for option in (options := Options(argv, 3)):
        if option == b"RANK":
            rank = parse_int_between(options.value(), -INT64_MAX, INT64_MAX)
            if rank == 0:
                raise CommandError(_RANK_ZERO)
        elif option == b"COUNT":
            count = parse_non_negative(options.value(), "COUNT can't be negative")
        elif option == b"MAXLEN":
            maxlen = parse_non_negative(options.value(), "MAXLEN can't be negative")
        else:
            raise syntax_error()
    items = c.read(argv[1], ListValue)
    found = [] if items is None else items.positions(argv[2], rank, 1 if count is None else count, maxlen)
    if count is not None:
        return array([integer(index) for index in found])
    return integer(found[0]) if found else c.enc.null


# -- edit ------------------------------------------------------------------------------------------


@command("LSET", arity=4, flags=WRITE | DENYOOM, keys=(key(1, "RW update"),), group="list", since="1.0.0",
         syntax="key index element", complexity="O(n), n chunks to the nearer end")  # fmt: skip
def lset(c: Client, argv: Argv) -> bytes:
    """Replace the element at an index."""
    items = c.db.find(argv[1], ListValue)
    if items is None:
        raise no_such_key()
    try:
        items.set(parse_int(argv[2]), argv[3])
    except IndexError:
        raise out_of_range() from None
    c.effects.append((c.db, argv[1], "lset", argv))
    return OK


@command("LREM", arity=4, flags=WRITE, keys=(key(1, "RW delete"),), group="list", since="1.0.0",
         syntax="key count element", complexity="O(n), n elements")  # fmt: skip
def lrem(c: Client, argv: Argv) -> bytes:
    """Remove elements that equal the given one: the first, the last or all."""
    count = parse_int_between(argv[2], -INT64_MAX, INT64_MAX)
    items = c.db.find(argv[1], ListValue)
    removed = 0 if items is None else items.remove(count, argv[3])
    if items is not None and removed:
        c.effects.append((c.db, argv[1], "lrem", argv))
        if not items.count:
            remove_emptied(c, c.db, argv[1])
    return integer(removed)


@command("LTRIM", arity=4, flags=WRITE, keys=(key(1, "RW delete"),), group="list", since="1.0.0",
         syntax="key start stop", complexity="O(n), n elements removed")  # fmt: skip
def ltrim(c: Client, argv: Argv) -> bytes:
    """Keep the elements between two indexes, both included, and remove the others."""
    start, stop = parse_int(argv[2]), parse_int(argv[3])
    items = c.db.find(argv[1], ListValue)
    if items is None:
        return OK
    length = items.count
    items.trim(*_bounds(length, start, stop))
    # One that removed nothing is announced, and dirties the key, but is not logged.
    c.effects.append((c.db, argv[1], "ltrim", argv if items.count < length else None))
    if not items.count:
        remove_emptied(c, c.db, argv[1])
    return OK
